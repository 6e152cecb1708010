/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/asked.h"
#include "khapgen/commands.h"
#include "khapgen/password.h"
#include "khapgen/route_show.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_WORDS = 200 };
#define LARGEST_REQUESTS (UINT64_C(1) << 30)

struct route {
    struct report report;
    struct asked asked;
    const char **operands;
    size_t n_operands;
    struct khap_route_header *headers; /* of the command line, then of a line of --requests */
    size_t room;
    struct khap_route_request request;
    const char *target, *type, *requests;
    bool help, json, certain;
};

static bool usage(struct route *c, const char *option, const char *value)
{
    report_about(&c->report, "option-value", "route", word(option), word(value));
    return false;
}

/* `Name: value`; `Host:` takes the URL's away. */
static bool take_header(struct route *c, const struct options *o)
{
    const char *colon = strchr(o->value, ':'), *value;
    if (colon == NULL || colon == o->value)
        return usage(c, o->name, o->value);
    for (value = colon + 1; *value == ' ' || *value == '\t'; value++)
        ;
    if (*value == '\0' && colon[1] == '\0' && colon - o->value == 4 &&
        strncasecmp(o->value, "host", 4) == 0) {
        c->request.no_host = 1;
        return true;
    }
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

static bool take_length(struct route *c, const struct options *o)
{
    uint64_t n = 0;
    const char *at = o->value;
    for (; *at >= '0' && *at <= '9' && n <= (UINT64_MAX >> 1) / 10 - 1; at++)
        n = n * 10 + (uint64_t)(*at - '0');
    if (at == o->value || *at != '\0')
        return usage(c, o->name, o->value);
    c->request.body_length = n;
    c->request.has_body_length = 1;
    return true;
}

/* What a request is; the lines of --requests have these options only. */
static bool take_request_option(struct route *c, const struct options *o)
{
    struct khap_route_request *r = &c->request;
    switch (o->id) {
    case OPTION_HEADER:
        return take_header(c, o);
    case OPTION_HTTP:
        return take_version(c, o);
    case OPTION_METHOD:
        r->method = word(o->value);
        return true;
    case OPTION_URI:
        r->uri = word(o->value);
        return true;
    case OPTION_SRC:
        r->source = word(o->value);
        return true;
    case OPTION_SNI:
        r->sni = word(o->value);
        return true;
    case OPTION_ALPN:
        r->alpn = word(o->value);
        return true;
    case OPTION_EXPLAIN:
        r->explain = 1;
        return true;
    case OPTION_CLIENT_CERT:
        r->client_cert = 1;
        r->client_subject = word(o->value);
        return true;
    case OPTION_BODY_LENGTH:
        return take_length(c, o);
    case OPTION_BIND:
        r->bind = word(o->value);
        return true;
    default:
        report_about(&c->report, "request-option", "route", word(o->name), WORD(""));
        return false;
    }
}

static bool take_option(struct route *c, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        c->target = o->value;
        return true;
    case OPTION_TYPE:
        c->type = o->value;
        return true;
    case OPTION_ALLOW:
        c->asked.allow = o->value;
        return true;
    case OPTION_REQUESTS:
        c->requests = o->value;
        return true;
    case OPTION_CERTAIN:
        c->certain = true;
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
        return take_request_option(c, o);
    }
}

/* Options, and operands into `one` or among the operands. */
static int read_words(struct route *c, const char *const *words, struct khap_str *one)
{
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    size_t n = c->request.n_headers;
    while (words[n - c->request.n_headers] != NULL)
        n++;
    if (n >= c->room) {
        struct khap_route_header *headers = realloc(c->headers, (n + 1) * sizeof *headers);
        if (headers == NULL)
            return report_status(&c->report, KHAP_ENOMEM);
        c->headers = headers;
        c->room = n + 1;
    }
    options_start(&o, COMMAND_ROUTE, words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND && one == NULL)
            c->operands[c->n_operands++] = o.value;
        else if (result == OPTION_OPERAND)
            *one = word(o.value);
        else if (result != OPTION_READ ? command_bad_option(&c->report, &o, result) != EXIT_DONE
                 : one == NULL         ? !take_option(c, &o)
                                       : !take_request_option(c, &o))
            status = EXIT_UNUSABLE;
    }
    c->request.headers = c->headers;
    return status;
}

static int read_options(struct route *c, const char *const *words)
{
    size_t n = 0;
    while (words[n] != NULL)
        n++;
    c->operands = malloc((n + 1) * sizeof *c->operands);
    if (c->operands == NULL)
        return report_status(&c->report, KHAP_ENOMEM);
    khap_route_request_init(&c->request);
    int status = read_words(c, words, NULL);
    if (status == EXIT_DONE && !c->help && c->n_operands < (c->requests == NULL ? 2u : 1u)) {
        report_about(&c->report, "no-url", "route", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    return status;
}

/* ---- asking */

/* What becomes of one request; a line of --requests has `question`, and its words were taken over. */
static int ask(struct route *c, const struct khap_route *route, const char *question)
{
    struct khap_route_answer *answer = NULL;
    enum khap_status asked = khap_route_ask(route, &c->request, &answer);
    if (asked == KHAP_EINPUT) {
        report_about(&c->report, "bad-url", "route", c->request.url, c->request.source);
        return EXIT_UNUSABLE;
    }
    int status = report_status(&c->report, asked);
    struct khap_route_outcome first = {.size = sizeof first}, second = {.size = sizeof second};
    if (status != EXIT_DONE || khap_route_outcome_at(answer, 0, &first) != KHAP_OK)
        return status;
    if (question != NULL)
        route_show_one_of_many(&c->report, word(question), answer, c->json);
    else
        route_show(&c->report, answer, c->json);
    bool certain = first.n_reasons == 0 && khap_route_outcome_at(answer, 1, &second) == KHAP_ENOENT;
    if (first.kind == KHAP_ROUTE_NOWHERE || (c->certain && !certain))
        status = EXIT_NO;
    khap_route_answer_free(answer);
    return status;
}

/* A line is cut into words at tabs; options on it are this request's only. */
static int ask_line(struct route *c, const struct khap_route *route, char *line)
{
    const struct khap_route_request like = c->request;
    const char *words[MOST_WORDS + 1];
    char *question = strdup(line);
    size_t n = 0;
    int status = question == NULL ? report_status(&c->report, KHAP_ENOMEM) : EXIT_DONE;
    for (char *at = line; at != NULL && n < MOST_WORDS; n++) {
        words[n] = at;
        at = strchr(at, '\t');
        if (at != NULL)
            *at++ = '\0';
    }
    words[n] = NULL;
    c->request.url = WORD("");
    if (status == EXIT_DONE)
        status = read_words(c, words, &c->request.url);
    if (status == EXIT_DONE)
        status = ask(c, route, question);
    free(question);
    c->request = like;
    return status;
}

static int ask_all(struct route *c, const struct khap_route *route)
{
    struct khap_str text;
    int worst = EXIT_DONE;
    uint32_t source;
    if (c->requests == NULL) {
        c->request.url = word(c->operands[c->n_operands - 1]);
        return ask(c, route, NULL);
    }
    worst = input_text(&c->report, &c->asked.inputs, c->requests, LARGEST_REQUESTS, &text, &source);
    if (worst != EXIT_DONE)
        return worst;
    char *copy = malloc(text.len + 1);
    if (copy == NULL)
        return report_status(&c->report, KHAP_ENOMEM);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    for (char *line = copy; line < copy + text.len && worst != EXIT_FAILED;) {
        char *end = memchr(line, '\n', (size_t)(copy + text.len - line));
        if (end != NULL)
            *end = '\0';
        int one = *line == '\0' || *line == '#' ? EXIT_DONE : ask_line(c, route, line);
        if (one > worst)
            worst = one;
        line = end != NULL ? end + 1 : copy + text.len;
    }
    free(copy);
    return worst;
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
    status = asked_read(&c->report, &c->asked, c->operands, c->n_operands - (c->requests == NULL), c->target,
                        c->type);
    if (status != EXIT_DONE)
        return status;
    struct khap_route *route = NULL;
    struct khap_route_options options;
    struct khap_file_source sides = input_file_source(&c->asked.sides);
    khap_route_options_init(&options);
    options.files = &sides;
    password_reader(&options);
    status = report_status(&c->report, khap_route_new(NULL, c->asked.bundle, &c->asked.target, &options,
                                                      c->report.diags, &route));
    if (status == EXIT_DONE)
        status = ask_all(c, route);
    khap_route_free(route);
    int written = command_finish_output(&c->report);
    return written > status ? written : status;
}

int cmd_route(const char *const *words)
{
    struct route c = {.certain = false};
    int status = report_open(&c.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&c, words);
    report_show(&c.report);
    asked_free(&c.asked);
    report_close(&c.report);
    free(c.operands);
    free(c.headers);
    return status;
}
