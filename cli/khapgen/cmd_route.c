/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/input.h"
#include "khapgen/target.h"

#include <khap/route.h>
#include <stdlib.h>
#include <string.h>

struct route {
    struct report report;
    struct inputs inputs;
    struct input_files opened, sides;
    const char **operands;
    size_t n_operands;
    struct khap_route_header *headers;
    struct khap_route_request request;
    const char *target;
    bool help, json;
    struct khap_bundle *bundle;
    struct khap_target for_target;
};

static bool usage(struct route *c, const char *option, const char *value)
{
    report_about(&c->report, "option-value", "route", word(option), word(value));
    return false;
}

/* `Name: value`. */
static bool take_header(struct route *c, const struct options *o)
{
    const char *colon = strchr(o->value, ':'), *value;
    if (colon == NULL || colon == o->value)
        return usage(c, o->name, o->value);
    for (value = colon + 1; *value == ' ' || *value == '\t'; value++)
        ;
    c->headers[c->request.n_headers++] =
        (struct khap_route_header){{o->value, (size_t)(colon - o->value)}, word(value)};
    return true;
}

static bool take_version(struct route *c, const struct options *o)
{
    static const struct {
        const char *text;
        uint32_t version;
    } versions[] = {{"1.0", 10}, {"1.1", 11}, {"2", 20}, {"3", 30}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (strcmp(o->value, versions[i].text) == 0) {
            c->request.version = versions[i].version;
            return true;
        }
    }
    return usage(c, o->name, o->value);
}

static bool take_option(struct route *c, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        c->target = o->value;
        return true;
    case OPTION_HEADER:
        return take_header(c, o);
    case OPTION_METHOD:
        c->request.method = word(o->value);
        return true;
    case OPTION_SRC:
        c->request.source = word(o->value);
        return true;
    case OPTION_SNI:
        c->request.sni = word(o->value);
        return true;
    case OPTION_ALPN:
        c->request.alpn = word(o->value);
        return true;
    case OPTION_HTTP:
        return take_version(c, o);
    case OPTION_CLIENT_CERT:
        c->request.client_cert = 1;
        return true;
    case OPTION_BIND:
        c->request.bind = word(o->value);
        return true;
    case OPTION_FORMAT:
    case OPTION_JSON:
        if (!command_format(&c->report, o))
            return false;
        c->json = c->report.json;
        return true;
    case OPTION_HELP:
        c->help = true;
        return true;
    default:
        return true;
    }
}

static int read_options(struct route *c, const char *const *words)
{
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    size_t n = 0;
    while (words[n] != NULL)
        n++;
    c->operands = malloc((n + 1) * sizeof *c->operands);
    c->headers = malloc((n + 1) * sizeof *c->headers);
    if (c->operands == NULL || c->headers == NULL)
        return report_status(&c->report, KHAP_ENOMEM);
    khap_route_request_init(&c->request);
    options_start(&o, COMMAND_ROUTE, words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND)
            c->operands[c->n_operands++] = o.value;
        else if (result == OPTION_READ ? !take_option(c, &o)
                                       : command_bad_option(&c->report, &o, result) != EXIT_DONE)
            status = EXIT_UNUSABLE;
    }
    if (status == EXIT_DONE && !c->help && c->n_operands < 2) {
        report_about(&c->report, "no-url", "route", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    c->request.headers = c->headers;
    return status;
}

/* ---- writing */

static void put(struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 || byte == 0x7f)
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
}

static void json_string(struct khap_str text)
{
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            printf("\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static struct khap_str place_text(const struct route *c, struct khap_place place, char room[300])
{
    uint32_t line, column;
    if (place.source == 0)
        return WORD("");
    struct khap_str name = khap_sources_name(c->report.sources, place.source);
    khap_sources_locate(c->report.sources, place, &line, &column);
    int n = snprintf(room, 300, "%.*s:%u", (int)(name.len < 200 ? name.len : 200), name.ptr, line);
    return (struct khap_str){room, n < 0 ? 0 : (size_t)n};
}

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {"",       "backend", "redirect", "answer",
                                        "denied", "closed",  "service",  "nowhere"};
    return kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

static void show_servers(const struct khap_route_answer *answer, size_t outcome, size_t n)
{
    struct khap_route_server server = {.size = sizeof server};
    bool one = false;
    for (size_t i = 0; i < n; i++)
        one = one ||
              (khap_route_server_at(answer, outcome, i, &server) == KHAP_OK && server.chosen == KHAP_TRUE);
    for (size_t i = 0; i < n; i++) {
        if (khap_route_server_at(answer, outcome, i, &server) != KHAP_OK ||
            (one && server.chosen != KHAP_TRUE))
            continue;
        printf("  server    ");
        put(server.name);
        putchar(' ');
        put(server.address);
        printf("%s\n", server.backup != 0 ? " (backup)" : "");
    }
}

static void show_outcome(const struct route *c, const struct khap_route_answer *answer, size_t index,
                         const struct khap_route_outcome *o)
{
    char room[300];
    printf("%s", o->n_reasons > 0 ? "perhaps " : "");
    if (o->kind == KHAP_ROUTE_BACKEND) {
        printf("backend ");
        put(o->backend);
    } else {
        printf("%s", kind_name(o->kind));
        if (o->status != 0)
            printf(" %u", o->status);
        if (o->location.len > 0) {
            putchar(' ');
            put(o->location);
        }
    }
    putchar('\n');
    if (o->frontend.len > 0) {
        printf("  frontend  ");
        put(o->frontend);
        printf(" at ");
        put(o->listener);
        putchar('\n');
    }
    struct khap_route_step step = {.size = sizeof step};
    for (size_t i = 0; i < o->n_steps; i++) {
        if (khap_route_step_at(answer, index, i, &step) != KHAP_OK)
            continue;
        struct khap_str place = place_text(c, step.place, room);
        printf("  %-9s ", step.held == KHAP_TRUE ? "line" : "perhaps");
        put(place);
        printf(": ");
        put(step.text);
        putchar('\n');
    }
    show_servers(answer, index, o->n_servers);
    for (size_t i = 0; i < o->n_reasons; i++) {
        struct khap_place place = {0, 0, 0};
        struct khap_str why = khap_route_reason_at(answer, index, i, &place);
        printf("  depends   on ");
        put(why);
        struct khap_str at = place_text(c, place, room);
        if (at.len > 0) {
            printf(" (");
            put(at);
            putchar(')');
        }
        putchar('\n');
    }
}

static void member(const char *name, struct khap_str value)
{
    printf(",\"%s\":", name);
    json_string(value);
}

static void show_json(const struct route *c, const struct khap_route_answer *answer, size_t index,
                      const struct khap_route_outcome *o)
{
    char room[300];
    printf("{\"kind\":\"%s\",\"certain\":%s", kind_name(o->kind), o->n_reasons == 0 ? "true" : "false");
    if (o->status != 0)
        printf(",\"status\":%u", o->status);
    if (o->location.len > 0)
        member("location", o->location);
    if (o->frontend.len > 0) {
        member("bind", o->listener);
        member("frontend", o->frontend);
    }
    if (o->backend.len > 0)
        member("backend", o->backend);
    if (o->method.len > 0)
        member("method", o->method);
    if (o->target.len > 0)
        member("target", o->target);
    printf(",\"headers\":[");
    struct khap_route_header header;
    uint32_t known;
    for (size_t i = 0; i < o->n_headers && khap_route_header_at(answer, index, i, &header, &known) == KHAP_OK;
         i++) {
        printf("%s[", i > 0 ? "," : "");
        json_string(header.name);
        putchar(',');
        if (known != 0)
            json_string(header.value);
        else
            printf("null");
        putchar(']');
    }
    printf("],\"steps\":[");
    struct khap_route_step step = {.size = sizeof step};
    for (size_t i = 0; i < o->n_steps && khap_route_step_at(answer, index, i, &step) == KHAP_OK; i++) {
        printf("%s{\"certain\":%s", i > 0 ? "," : "", step.held == KHAP_TRUE ? "true" : "false");
        member("place", place_text(c, step.place, room));
        member("line", step.text);
        putchar('}');
    }
    printf("],\"servers\":[");
    struct khap_route_server server = {.size = sizeof server};
    for (size_t i = 0; i < o->n_servers && khap_route_server_at(answer, index, i, &server) == KHAP_OK; i++) {
        printf("%s{\"backup\":%s,\"chosen\":\"%s\"", i > 0 ? "," : "", server.backup != 0 ? "true" : "false",
               server.chosen == KHAP_TRUE    ? "yes"
               : server.chosen == KHAP_FALSE ? "no"
                                             : "unknown");
        member("name", server.name);
        member("address", server.address);
        putchar('}');
    }
    printf("],\"depends\":[");
    for (size_t i = 0; i < o->n_reasons; i++) {
        struct khap_place place = {0, 0, 0};
        printf("%s{\"place\":", i > 0 ? "," : "");
        struct khap_str why = khap_route_reason_at(answer, index, i, &place);
        json_string(place_text(c, place, room));
        member("on", why);
        putchar('}');
    }
    printf("]}\n");
}

static int show(struct route *c, const struct khap_route_answer *answer)
{
    struct khap_route_outcome o = {.size = sizeof o};
    for (size_t i = 0; khap_route_outcome_at(answer, i, &o) == KHAP_OK; i++) {
        if (c->json)
            show_json(c, answer, i, &o);
        else
            show_outcome(c, answer, i, &o);
    }
    return command_finish_output(&c->report);
}

static int ask(struct route *c, const char *url)
{
    struct khap_route *route = NULL;
    struct khap_route_answer *answer = NULL;
    struct khap_route_options options;
    struct khap_file_source sides = input_file_source(&c->sides);
    khap_route_options_init(&options);
    options.files = &sides;
    c->request.url = word(url);
    int status = report_status(
        &c->report, khap_route_new(NULL, c->bundle, &c->for_target, &options, c->report.diags, &route));
    if (status == EXIT_DONE) {
        enum khap_status asked = khap_route_ask(route, &c->request, &answer);
        if (asked == KHAP_EINPUT) {
            report_about(&c->report, "bad-url", "route", word(url), c->request.source);
            status = EXIT_UNUSABLE;
        } else {
            status = report_status(&c->report, asked);
        }
    }
    if (status == EXIT_DONE)
        status = show(c, answer);
    khap_route_answer_free(answer);
    khap_route_free(route);
    return status;
}

static int run(struct route *c, const char *const *words)
{
    int status = read_options(c, words);
    if (status != EXIT_DONE)
        return status;
    if (c->help) {
        options_help(COMMAND_ROUTE, stdout);
        return command_finish_output(&c->report);
    }
    khap_target_init(&c->for_target);
    c->for_target.first = c->for_target.last = KHAP_NEWEST;
    if (c->target != NULL)
        status = target_read(&c->report, c->target, &c->for_target);
    if (status == EXIT_DONE)
        status = input_bundle(&c->report, &c->inputs, &c->opened, &c->for_target, c->operands,
                              c->n_operands - 1, &c->bundle);
    return status == EXIT_DONE ? ask(c, c->operands[c->n_operands - 1]) : status;
}

int cmd_route(const char *const *words)
{
    struct route c = {.opened = {.named = true}};
    int status = report_open(&c.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&c, words);
    report_show(&c.report);
    khap_bundle_free(c.bundle);
    report_close(&c.report);
    inputs_free(&c.inputs);
    free(c.operands);
    free(c.headers);
    return status;
}
