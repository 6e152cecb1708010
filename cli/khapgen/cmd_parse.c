/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/input.h"
#include "khapgen/json_document.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/khap.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 60 /* characters of a line */, DEPTH_SHOWN = 20 };

struct parse {
    struct report report;
    struct inputs inputs;
    const char *file, *target, *output;
    bool json, from_json, force, help;
    struct khap_target read_for;
    struct khap_document *doc;
};

static void take_option(struct parse *p, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        p->target = o->value;
        break;
    case OPTION_OUTPUT:
        p->output = strcmp(o->value, "-") == 0 ? NULL : o->value;
        break;
    case OPTION_FORCE:
        p->force = true;
        break;
    case OPTION_FROM_JSON:
        p->from_json = true;
        break;
    case OPTION_JSON:
        p->json = p->report.json = true;
        break;
    case OPTION_HELP:
        p->help = true;
        break;
    default:
        break;
    }
}

static int read_options(struct parse *p, const char *const *words)
{
    struct report *r = &p->report;
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    size_t files = 0;
    options_start(&o, COMMAND_PARSE, words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND) {
            p->file = o.value;
            files++;
        } else if (result == OPTION_READ) {
            take_option(p, &o);
        } else {
            status = command_bad_option(r, &o, result);
        }
    }
    if (status != EXIT_DONE || p->help)
        return status;
    if (p->json && p->from_json) {
        report_about(r, "options-exclude", "parse", WORD("--json"), WORD("--from-json"));
        return EXIT_UNUSABLE;
    }
    if (files != 1) {
        report_about(r, "one-file", "parse", WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    return EXIT_DONE;
}

static int read_document(struct parse *p)
{
    struct report *r = &p->report;
    struct khap_str text;
    uint32_t source;
    khap_target_init(&p->read_for);
    p->read_for.first = p->read_for.last = KHAP_NEWEST;
    int status = p->target != NULL ? target_read(r, p->target, &p->read_for) : EXIT_DONE;
    if (status == EXIT_DONE)
        status = input_text(r, &p->inputs, p->file, UINT32_MAX - 1, &text, &source);
    if (status != EXIT_DONE)
        return status;
    return report_status(
        r, p->from_json
               ? json_document_read(text, source, p->target != NULL ? &p->read_for : NULL, r->diags, &p->doc)
               : khap_document_parse(NULL, &p->read_for, text, source, r->diags, &p->doc));
}

/* ---- for people */

static bool put(const struct khap_sink *sink, struct khap_str s)
{
    return s.len == 0 || sink->write(sink->ctx, s.ptr, s.len) == 0;
}

/* "   3-17 ", or "   3-   " for what has no end. */
static bool put_range(const struct khap_sink *sink, uint32_t first, uint32_t last)
{
    char end[16] = "", room[64];
    if (last > 0)
        snprintf(end, sizeof end, "%u", (unsigned)last);
    int n = snprintf(room, sizeof room, "%8u-%-8s ", (unsigned)first, end);
    return put(sink, (struct khap_str){room, (size_t)n});
}

/* A line as a terminal may see it, without its indentation and line end, behind two blanks for each block around it. */
static bool put_line(const struct khap_sink *sink, const struct khap_line *line, uint32_t depth)
{
    struct khap_str text = khap_line_text(line);
    char room[2 * DEPTH_SHOWN + SHOWN * 4 + 8];
    size_t i = 0, n = 2 * (size_t)(depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN), shown = 0;
    memset(room, ' ', n);
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    while (i < text.len && (text.ptr[i] == ' ' || text.ptr[i] == '\t'))
        i++;
    for (; i < text.len && shown < SHOWN; i++, shown++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c < 0x7f)
            room[n++] = (char)c;
        else
            n += (size_t)snprintf(room + n, sizeof room - n, "\\x%02x", c);
    }
    if (i < text.len) {
        memcpy(room + n, "...", 3);
        n += 3;
    }
    room[n++] = '\n';
    return put(sink, (struct khap_str){room, n});
}

static enum khap_status print_outline(const struct khap_document *doc, const struct khap_sink *sink)
{
    struct khap_outline *outline;
    struct khap_section s = {.size = sizeof s};
    struct khap_branch b = {.size = sizeof b};
    enum khap_status status = khap_outline_new(NULL, doc, NULL, &outline);
    if (status != KHAP_OK)
        return status;
    bool good = true;
    for (size_t i = 0; good && khap_outline_section(outline, i, &s) == KHAP_OK; i++)
        good = (i > 0 || put(sink, WORD("sections:\n"))) && put_range(sink, s.head_number, s.last_number) &&
               put_line(sink, s.head, 0);
    for (size_t i = 0; good && khap_outline_branch(outline, i, &b) == KHAP_OK; i++)
        good = (i > 0 || put(sink, WORD("branches of .if blocks:\n"))) &&
               put_range(sink, b.head_number, b.end_number) && put_line(sink, b.head, b.depth);
    khap_outline_free(outline);
    return good ? KHAP_OK : KHAP_EIO;
}

static enum khap_status print(void *ctx, const struct khap_sink *sink)
{
    const struct parse *p = ctx;
    if (p->from_json)
        return khap_document_print(p->doc, sink);
    return p->json ? khap_document_print_json(p->doc, sink) : print_outline(p->doc, sink);
}

static int run(struct parse *p, const char *const *words)
{
    int status = read_options(p, words);
    if (status != EXIT_DONE)
        return status;
    if (p->help) {
        options_help(COMMAND_PARSE, stdout);
        return command_finish_output(&p->report);
    }
    status = read_document(p);
    if (status != EXIT_DONE)
        return status;
    return p->output != NULL ? output_print_to_file(&p->report, p->output, p->force, p, print)
                             : output_print(&p->report, p, print);
}

int cmd_parse(const char *const *words)
{
    struct parse p = {.file = NULL};
    int status = report_open(&p.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&p, words);
    report_show(&p.report);
    khap_document_free(p.doc);
    report_close(&p.report);
    inputs_free(&p.inputs);
    return status;
}
