/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/asked.h"
#include "khapgen/commands.h"
#include "khapgen/output.h"

#include <khap/check.h>
#include <khap/graph.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_OPENSSL
#include "cert.h"
#endif

struct graph {
    struct report report;
    struct asked asked;
    struct operands operands; /* FILEs */
    const char *target, *type, *output;
    uint32_t format; /* enum khap_graph_format; 0: not said */
    bool help, force;
    struct khap_diags *findings;
    struct khap_graph *graph;
};

static const char *const formats[] = {
    [KHAP_GRAPH_DOT] = "dot", [KHAP_GRAPH_SVG] = "svg", [KHAP_GRAPH_HTML] = "html"};

static uint32_t format_named(const char *name)
{
    for (uint32_t i = KHAP_GRAPH_DOT; i <= KHAP_GRAPH_HTML; i++) {
        if (strcmp(name, formats[i]) == 0)
            return i;
    }
    return 0;
}

static bool take_option(struct graph *g, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        g->target = o->value;
        return true;
    case OPTION_TYPE:
        g->type = o->value;
        return true;
    case OPTION_ALLOW:
        g->asked.allow = o->value;
        return true;
    case OPTION_FORMAT:
        g->format = format_named(o->value);
        if (g->format == 0)
            report_about(&g->report, "option-value", "graph", word(o->name), word(o->value));
        return g->format != 0;
    case OPTION_OUTPUT:
        g->output = strcmp(o->value, "-") == 0 ? NULL : o->value;
        return true;
    case OPTION_FORCE:
        g->force = true;
        return true;
    case OPTION_HELP:
        g->help = true;
        return true;
    default:
        return true;
    }
}

static int take(void *ctx, const struct options *o)
{
    return take_option(ctx, o) ? EXIT_DONE : EXIT_UNUSABLE;
}

static int read_options(struct graph *g, const char *const *words)
{
    int status = command_read(&g->report, COMMAND_GRAPH, words, g, take, &g->operands);
    if (status == EXIT_DONE && !g->help && g->operands.n == 0) {
        report_about(&g->report, "no-file", "graph", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    const char *dot = g->output != NULL ? strrchr(g->output, '.') : NULL;
    if (g->format == 0 && dot != NULL)
        g->format = format_named(dot + 1);
    if (g->format == 0)
        g->format = KHAP_GRAPH_SVG;
    return status;
}

static int make_graph(struct graph *g)
{
    struct report *r = &g->report;
    struct khap_check_options check;
    struct khap_graph_options options;
    struct khap_file_source sides = input_file_source(&g->asked.sides);
    khap_check_options_init(&check);
    khap_graph_options_init(&options);
    check.sources = r->sources;
    options.files = &sides;
    options.sources = r->sources;
    options.title = word(g->operands.of[0]);
    options.now = (int64_t)time(NULL);
#ifdef HAVE_OPENSSL
    struct khap_cert_reader certs = cert_reader();
    options.certs = &certs;
#endif
    int status = report_status(r, khap_diags_new(NULL, r->sources, &g->findings));
    if (status == EXIT_DONE)
        status = report_status(r, khap_check(NULL, g->asked.bundle, &g->asked.target, &check, g->findings));
    options.findings = g->findings;
    if (status == EXIT_DONE)
        status =
            report_status(r, khap_graph_new(NULL, g->asked.bundle, &g->asked.target, &options, &g->graph));
    return status;
}

static enum khap_status print_graph(void *ctx, const struct khap_sink *sink)
{
    const struct graph *g = ctx;
    return khap_graph_print(g->graph, g->format, sink);
}

static int run(struct graph *g, const char *const *words)
{
    int status = read_options(g, words);
    if (status != EXIT_DONE)
        return status;
    if (g->help) {
        options_help(COMMAND_GRAPH, stdout);
        return command_finish_output(&g->report);
    }
    status = asked_read(&g->report, &g->asked, g->operands.of, g->operands.n, g->target, g->type);
    if (status == EXIT_DONE)
        status = make_graph(g);
    if (status != EXIT_DONE)
        return status;
    return g->output != NULL ? output_print_to_file(&g->report, g->output, g->force, g, print_graph)
                             : output_print(&g->report, g, print_graph);
}

int cmd_graph(const char *const *words)
{
    struct graph g = {.format = 0};
    int status = report_open(&g.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&g, words);
    (void)report_show(&g.report);
    khap_graph_free(g.graph);
    khap_diags_free(g.findings);
    asked_free(&g.asked);
    report_close(&g.report);
    free(g.operands.of);
    return status;
}
