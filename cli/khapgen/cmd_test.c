/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/asked.h"
#include "khapgen/commands.h"
#include "khapgen/password.h"
#include "khapgen/output.h"
#include "khapgen/test_results.h"

#include <khap/graph.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_TABLE = 64 * 1024 * 1024 };

struct test {
    struct report report;
    struct asked asked;
    struct inputs inputs;
    struct operands operands; /* FILEs, then ROUTES.yaml or URLs */
    size_t n_files;
    const char *target, *type, *output;
    enum results_format format;
    bool help, record, force;
    struct khap_route *route;
    struct khap_routes *routes;
    struct khap_graph *graph; /* of which hosts and paths are recorded, when no URL is given */
    struct coverage coverage;
    struct results results;
};

static bool take_format(struct test *t, const struct options *o)
{
    static const char *const names[] = {
        [RESULTS_TEXT] = "text", [RESULTS_TAP] = "tap", [RESULTS_JUNIT] = "junit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(o->value, names[i]) == 0) {
            t->format = (enum results_format)i;
            return true;
        }
    }
    report_about(&t->report, "option-value", "test", word(o->name), word(o->value));
    return false;
}

static bool take_option(struct test *t, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        t->target = o->value;
        return true;
    case OPTION_TYPE:
        t->type = o->value;
        return true;
    case OPTION_ALLOW:
        t->asked.allow = o->value;
        return true;
    case OPTION_FORMAT:
        return take_format(t, o);
    case OPTION_RECORD:
        t->record = true;
        return true;
    case OPTION_OUTPUT:
        t->output = strcmp(o->value, "-") == 0 ? NULL : o->value;
        return true;
    case OPTION_FORCE:
        t->force = true;
        return true;
    case OPTION_HELP:
        t->help = true;
        return true;
    default:
        return true;
    }
}

/* Where FILEs end: before the URLs with --record, else before the last operand. */
static void count_files(struct test *t)
{
    t->n_files = t->operands.n > 0 ? t->operands.n - 1 : 0;
    if (!t->record)
        return;
    for (t->n_files = 0; t->n_files < t->operands.n; t->n_files++) {
        if (strstr(t->operands.of[t->n_files], "://") != NULL)
            break;
    }
}

static int take(void *ctx, const struct options *o)
{
    return take_option(ctx, o) ? EXIT_DONE : EXIT_UNUSABLE;
}

static int read_options(struct test *t, const char *const *words)
{
    int status = command_read(&t->report, COMMAND_TEST, words, t, take, &t->operands);
    count_files(t);
    if (status != EXIT_DONE || t->help)
        return status;
    if (t->n_files == 0) {
        report_about(&t->report, t->record ? "no-file" : "no-routes", "test", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    if (!t->record && (t->output != NULL || t->force)) {
        report_about(&t->report, "option-needs", "test",
                     t->output != NULL ? WORD("--output") : WORD("--force"), WORD("--record"));
        status = EXIT_UNUSABLE;
    }
    return status;
}

static int read_configuration(struct test *t)
{
    struct khap_route_options options;
    int status = asked_read(&t->report, &t->asked, t->operands.of, t->n_files, t->target, t->type);
    struct khap_file_source sides = input_file_source(&t->asked.sides);
    khap_route_options_init(&options);
    options.files = &sides;
    password_reader(&options);
    return status == EXIT_DONE
               ? report_status(&t->report, khap_route_new(NULL, t->asked.bundle, &t->asked.target, &options,
                                                          t->report.diags, &t->route))
               : status;
}

/* ---- testing */

static int test_one(struct test *t, size_t index, const struct khap_routes_test *test)
{
    struct khap_route_answer *answer = NULL;
    enum khap_status asked = khap_route_ask(t->route, &test->request, &answer);
    if (asked == KHAP_EINPUT) {
        report_say(&t->report, "bad-url", test->url, test->request.url, test->request.source);
        return EXIT_UNUSABLE;
    }
    if (asked == KHAP_OK) {
        uint32_t good;
        coverage_add(&t->coverage, answer);
        results_begin(&t->results, test->name, test->place);
        asked = t->results.no_memory
                    ? KHAP_ENOMEM
                    : khap_routes_judge(t->routes, index, answer, results_fault, &t->results, &good);
    }
    khap_route_answer_free(answer);
    return report_status(&t->report, asked);
}

static int test_all(struct test *t)
{
    struct report *r = &t->report;
    const char *table = t->operands.of[t->operands.n - 1];
    struct khap_routes_test test = {.size = sizeof test};
    struct khap_str text;
    uint32_t source;
    int status = input_text(r, &t->inputs, table, LARGEST_TABLE, &text, &source);
    if (status == EXIT_DONE)
        status = report_status(r, khap_routes_read(NULL, source, r->diags, &t->routes));
    int read = status == EXIT_FAILED ? status : read_configuration(t);
    status = read > status ? read : status;
    if (status == EXIT_DONE)
        status = coverage_of(r, t->asked.bundle, &t->asked.target, &t->coverage);
    for (size_t i = 0;
         t->route != NULL && status != EXIT_FAILED && khap_routes_test_at(t->routes, i, &test) == KHAP_OK;
         i++) {
        int one = test_one(t, i, &test);
        status = one > status ? one : status;
    }
    if (status != EXIT_DONE)
        return status;
    coverage_finish(&t->coverage);
    results_show(&t->results, t->format, table, &t->coverage, r->sources);
    status = command_finish_output(r);
    return status == EXIT_DONE && t->results.failed > 0 ? EXIT_NO : status;
}

/* ---- recording */

static enum khap_status record_one(struct test *t, const struct khap_route_request *request,
                                   const struct khap_sink *sink)
{
    struct khap_route_answer *answer = NULL;
    enum khap_status status = khap_route_ask(t->route, request, &answer);
    if (status == KHAP_EINPUT)
        report_about(&t->report, "bad-url", "test", request->url, WORD(""));
    if (status == KHAP_OK)
        status = khap_routes_record(NULL, request, answer, sink);
    khap_route_answer_free(answer);
    return status;
}

static bool same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static enum khap_status print_table(void *ctx, const struct khap_sink *sink)
{
    static const char head[] =
        "# What becomes of these requests; khapgen test holds a configuration against it.\n"
        "tests:\n";
    struct test *t = ctx;
    enum khap_status status = sink->write(sink->ctx, head, sizeof head - 1) == 0 ? KHAP_OK : KHAP_EIO;
    struct khap_route_request request;
    struct khap_graph_entry entry = {.size = sizeof entry};
    khap_route_request_init(&request);
    for (size_t i = t->n_files; i < t->operands.n && status == KHAP_OK; i++) {
        request.url = word(t->operands.of[i]);
        status = record_one(t, &request, sink);
    }
    for (size_t i = 0;
         status == KHAP_OK && t->graph != NULL && khap_graph_entry_at(t->graph, i, &entry) == KHAP_OK; i++) {
        if (entry.url.len == 0 || same(entry.url, request.url)) /* a rule; what else may become of the same */
            continue;
        request.url = entry.url;
        status = record_one(t, &request, sink);
    }
    return status;
}

static int record(struct test *t)
{
    int status = read_configuration(t);
    struct khap_graph_options options;
    struct khap_file_source sides = input_file_source(&t->asked.sides);
    khap_graph_options_init(&options);
    options.files = &sides;
    if (status == EXIT_DONE && t->n_files == t->operands.n)
        status = report_status(&t->report,
                               khap_graph_new(NULL, t->asked.bundle, &t->asked.target, &options, &t->graph));
    if (status != EXIT_DONE)
        return status;
    return t->output != NULL ? output_print_to_file(&t->report, t->output, t->force, t, print_table)
                             : output_print(&t->report, t, print_table);
}

static int run(struct test *t, const char *const *words)
{
    int status = read_options(t, words);
    if (status != EXIT_DONE)
        return status;
    if (t->help) {
        options_help(COMMAND_TEST, stdout);
        return command_finish_output(&t->report);
    }
    return t->record ? record(t) : test_all(t);
}

int cmd_test(const char *const *words)
{
    struct test t = {.format = RESULTS_TEXT};
    int status = report_open(&t.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&t, words);
    (void)report_show(&t.report);
    khap_graph_free(t.graph);
    khap_routes_free(t.routes);
    khap_route_free(t.route);
    coverage_free(&t.coverage);
    results_free(&t.results);
    asked_free(&t.asked);
    report_close(&t.report);
    inputs_free(&t.inputs);
    free(t.operands.of);
    return status;
}
