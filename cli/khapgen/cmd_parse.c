/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/input.h"
#include "khapgen/json_document.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/khap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHOWN = 60, /* characters of a line */
    DEPTH_SHOWN = 20,
    COLUMN = 48,  /* what stands behind the name of a file begins at most here */
    NUMBERS = 13, /* and this many characters behind the name: ":12345-12350 " */
};

struct parse {
    struct report report;
    struct inputs inputs;
    struct input_files opened;
    const char **files;
    size_t n_files;
    const char *target, *output;
    bool json, from_json, force, help;
    struct khap_target read_for;
    struct khap_document *doc;  /* of the one file, with --json and --from-json */
    struct khap_bundle *bundle; /* else */
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
    size_t n = 0;
    while (words[n] != NULL)
        n++;
    p->files = malloc((n + 1) * sizeof *p->files);
    if (p->files == NULL)
        return report_status(r, KHAP_ENOMEM);
    options_start(&o, COMMAND_PARSE, words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND) {
            p->files[p->n_files++] = o.value;
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
    if (p->n_files == 0 || (p->n_files > 1 && (p->json || p->from_json))) {
        report_about(r, p->n_files == 0 ? "no-file" : "one-file", "parse", WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    return EXIT_DONE;
}

/* The view is made for what it says of the conditions of `.if`. */
static int read_bundle(struct parse *p)
{
    struct khap_view *view;
    int status =
        input_bundle(&p->report, &p->inputs, &p->opened, &p->read_for, p->files, p->n_files, &p->bundle);
    if (status != EXIT_DONE)
        return status;
    enum khap_status st = khap_view_new(NULL, p->bundle, &p->read_for, NULL, p->report.diags, &view);
    if (st == KHAP_OK)
        khap_view_free(view);
    return report_status(&p->report, st);
}

static int read_files(struct parse *p)
{
    struct report *r = &p->report;
    struct khap_str text;
    uint32_t source;
    khap_target_init(&p->read_for);
    p->read_for.first = p->read_for.last = KHAP_NEWEST;
    int status = p->target != NULL ? target_read(r, p->target, &p->read_for) : EXIT_DONE;
    if (status == EXIT_DONE && !p->json && !p->from_json)
        return read_bundle(p);
    if (status == EXIT_DONE)
        status = input_configuration(r, &p->inputs, p->files[0], &text, &source);
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

/* A byte as a terminal may see it. How many characters that are. */
static size_t visible(char room[5], char byte)
{
    unsigned char c = (unsigned char)byte;
    if (c < 0x20 || c >= 0x7f)
        return (size_t)snprintf(room, 5, "\\x%02x", c);
    *room = byte;
    return 1;
}

/* "FILE:3-17   ", or "FILE:3-   " for what has no end; `width` characters, or more when it is longer. */
static bool put_range(const struct khap_sink *sink, struct khap_str file, size_t width, uint32_t first,
                      uint32_t last)
{
    char room[COLUMN + 2 * NUMBERS];
    size_t n = 0, len;
    bool good = true;
    for (size_t i = 0; i < file.len && good; i++, n += len) {
        len = visible(room, file.ptr[i]);
        good = put(sink, (struct khap_str){room, len});
    }
    len = (size_t)snprintf(room, sizeof room, ":%u-", (unsigned)first);
    if (last > 0)
        len += (size_t)snprintf(room + len, sizeof room - len, "%u", (unsigned)last);
    n += len;
    while (n++ < width)
        room[len++] = ' ';
    room[len++] = ' ';
    return good && put(sink, (struct khap_str){room, len});
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
    for (; i < text.len && shown < SHOWN; i++, shown++)
        n += visible(room + n, text.ptr[i]);
    if (i < text.len) {
        memcpy(room + n, "...", 3);
        n += 3;
    }
    room[n++] = '\n';
    return put(sink, (struct khap_str){room, n});
}

static bool put_sections(const struct khap_sink *sink, const struct khap_outline *outline,
                         struct khap_str file, size_t width, bool *begun)
{
    struct khap_section s = {.size = sizeof s};
    bool good = true;
    for (size_t i = 0; good && khap_outline_section(outline, i, &s) == KHAP_OK; i++) {
        good = (*begun || put(sink, WORD("sections:\n"))) &&
               put_range(sink, file, width, s.head_number, s.last_number) && put_line(sink, s.head, 0);
        *begun = true;
    }
    return good;
}

static bool put_branches(const struct khap_sink *sink, const struct khap_outline *outline,
                         struct khap_str file, size_t width, bool *begun)
{
    struct khap_branch b = {.size = sizeof b};
    bool good = true;
    for (size_t i = 0; good && khap_outline_branch(outline, i, &b) == KHAP_OK; i++) {
        good = (*begun || put(sink, WORD("branches of .if blocks:\n"))) &&
               put_range(sink, file, width, b.head_number, b.end_number) && put_line(sink, b.head, b.depth);
        *begun = true;
    }
    return good;
}

/* The sections of all files, then the branches of all files. */
static enum khap_status print_outlines(const struct khap_bundle *bundle, const struct khap_sink *sink)
{
    static bool (*const put_part[])(const struct khap_sink *, const struct khap_outline *, struct khap_str,
                                    size_t, bool *) = {put_sections, put_branches};
    const struct khap_bundle_file *f = NULL;
    enum khap_status status = KHAP_OK;
    size_t longest = 0;
    while ((f = khap_bundle_next(bundle, f)) != NULL)
        if (khap_bundle_file_name(f).len > longest)
            longest = khap_bundle_file_name(f).len;
    longest = (longest < COLUMN - NUMBERS ? longest : COLUMN - NUMBERS) + NUMBERS;
    for (size_t part = 0; part < sizeof put_part / sizeof *put_part; part++) {
        bool begun = false;
        while ((f = khap_bundle_next(bundle, f)) != NULL && status == KHAP_OK) {
            struct khap_outline *outline;
            status = khap_outline_new(NULL, khap_bundle_file_document(f), NULL, &outline);
            if (status != KHAP_OK)
                break;
            if (!put_part[part](sink, outline, khap_bundle_file_name(f), longest, &begun))
                status = KHAP_EIO;
            khap_outline_free(outline);
        }
        if (status != KHAP_OK)
            break;
    }
    return status;
}

static enum khap_status print(void *ctx, const struct khap_sink *sink)
{
    const struct parse *p = ctx;
    if (p->from_json)
        return khap_document_print(p->doc, sink);
    return p->json ? khap_document_print_json(p->doc, sink) : print_outlines(p->bundle, sink);
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
    status = read_files(p);
    if (status != EXIT_DONE)
        return status;
    return p->output != NULL ? output_print_to_file(&p->report, p->output, p->force, p, print)
                             : output_print(&p->report, p, print);
}

int cmd_parse(const char *const *words)
{
    struct parse p = {.files = NULL};
    int status = report_open(&p.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&p, words);
    (void)report_show(&p.report);
    khap_document_free(p.doc);
    khap_bundle_free(p.bundle);
    report_close(&p.report);
    inputs_free(&p.inputs);
    free(p.files);
    return status;
}
