/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/asked.h"
#include "khapgen/commands.h"
#include "khapgen/diff_text.h"
#include "khapgen/show.h"
#include "khapgen/target.h"
#include "khapgen/yaml_scalar.h"

#include <khap/diff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum diff_format { DIFF_TEXT, DIFF_JSON, DIFF_MARKDOWN, DIFF_UNIFIED };

struct diff {
    struct report report;
    struct operands operands; /* OLD, NEW */
    struct asked sides[2];
    const char *target, *type;
    enum diff_format format;
    bool help;
    struct khap_target for_target;
    struct input_files outside; /* absolute paths */
    struct khap_diff *diff;
};

static bool take_format(struct diff *c, const struct options *o)
{
    static const char *const names[] = {"text", "json", "markdown", "unified"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (o->id == OPTION_FORMAT && strcmp(o->value, names[i]) == 0) {
            c->format = (enum diff_format)i;
            c->report.json = i == DIFF_JSON;
            return true;
        }
    }
    c->format = DIFF_JSON;
    return command_format(&c->report, o);
}

static bool take_option(struct diff *c, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        c->target = o->value;
        return true;
    case OPTION_TYPE:
        c->type = o->value;
        return true;
    case OPTION_ALLOW:
        c->sides[0].allow = c->sides[1].allow = o->value;
        return true;
    case OPTION_FORMAT:
    case OPTION_JSON:
        return take_format(c, o);
    case OPTION_HELP:
        c->help = true;
        return true;
    default:
        return true;
    }
}

static int take(void *ctx, const struct options *o)
{
    return take_option(ctx, o) ? EXIT_DONE : EXIT_UNUSABLE;
}

static int read_options(struct diff *c, const char *const *words)
{
    int status = command_read(&c->report, COMMAND_DIFF, words, c, take, &c->operands);
    if (status == EXIT_DONE && !c->help && c->operands.n != 2) {
        report_about(&c->report, "two-files", "diff", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    return status;
}

/* ---- text */

static bool same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* What the change is about: a section, or a file. */
static void show_head(const struct khap_change *change)
{
    show_text(change->section.len > 0 ? change->section : WORD("file"));
    if (change->name.len > 0) {
        putchar(' ');
        show_text(change->name);
    }
}

static void show_place_of(const struct diff *c, struct khap_place place)
{
    char room[300];
    struct khap_str at = show_place(&c->report, place, room);
    if (at.len > 0) {
        printf("  (");
        show_text(at);
        putchar(')');
    }
    putchar('\n');
}

static void show_what(const struct diff *c, const struct khap_change *change)
{
    static const char marks[] = {' ', '+', '-', '~', '^'};
    bool was = change->kind == KHAP_CHANGE_REMOVED;
    struct khap_place place = was ? change->before_place : change->after_place;
    printf("  %c ", marks[change->kind]);
    switch (change->what) {
    case KHAP_CHANGE_SECTION:
        printf("the whole section");
        break;
    case KHAP_CHANGE_ENTRY:
        show_text(change->keyword);
        if (change->before.len > 0) {
            putchar(' ');
            show_text(change->before);
        }
        if (change->kind == KHAP_CHANGE_CHANGED)
            printf(" ->");
        if (change->after.len > 0) {
            putchar(' ');
            show_text(change->after);
        }
        break;
    case KHAP_CHANGE_FILE:
        printf(change->kind == KHAP_CHANGE_ORDER ? "the order of its entries" : "what it holds");
        break;
    default:
        show_text(change->before.len > 0 && change->kind != KHAP_CHANGE_ORDER ? change->before
                                                                              : change->after);
        if (change->kind == KHAP_CHANGE_CHANGED) {
            show_place_of(c, change->before_place);
            printf("    ");
            show_text(change->after);
        }
    }
    show_place_of(c, place);
}

static size_t lines_of(struct khap_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

/* A reload does all, so that nothing is sent where one is needed. */
static void show_commands(const struct diff *c)
{
    struct khap_command command = {.size = sizeof command};
    for (size_t i = 0; !khap_diff_reloads(c->diff) && khap_diff_command_at(c->diff, i, &command) == KHAP_OK;
         i++) {
        printf(i == 0 ? "commands:\n  " : "  ");
        show_text(command.text);
        if (command.payload.len > 0) {
            printf(" <<  # ");
            show_text(command.payload);
        } else if (command.content.len > 0) {
            printf(" <<  # %zu lines", lines_of(command.content));
        }
        putchar('\n');
    }
}

static size_t show_changes(const struct diff *c)
{
    struct khap_change change = {.size = sizeof change}, last = {.size = 0};
    size_t n = 0;
    for (size_t i = 0; khap_diff_change_at(c->diff, i, &change) == KHAP_OK; i++) {
        if (i == 0 || !same(last.section, change.section) || !same(last.name, change.name)) {
            show_head(&change);
            putchar('\n');
        }
        last = change;
        show_what(c, &change);
        n += change.at_run_time;
        if (change.reason.len > 0) {
            printf("      reload: ");
            show_text(change.reason);
            putchar('\n');
        }
    }
    show_commands(c);
    return n;
}

static void show_as_text(const struct diff *c)
{
    size_t n = show_changes(c);
    printf("%zu at run time, %d reload%s\n", n, khap_diff_reloads(c->diff),
           khap_diff_reloads(c->diff) == 1 ? "" : "s");
}

size_t diff_show(const struct report *r, struct khap_diff *diff)
{
    const struct diff c = {.report = *r, .diff = diff};
    return show_changes(&c);
}

/* ---- other formats */

static void member(const char *name, struct khap_str value)
{
    if (value.len == 0)
        return;
    printf(",\"%s\":", name);
    show_json(value);
}

static void show_as_json(const struct diff *c)
{
    static const char *const kinds[] = {"", "added", "removed", "changed", "order"}, *const whats[] = {
                                                                                         "", "section",
                                                                                         "line", "entry",
                                                                                         "file"};
    struct khap_change change = {.size = sizeof change};
    struct khap_command command = {.size = sizeof command};
    char room[300];
    printf("{\"changes\":[");
    for (size_t i = 0; khap_diff_change_at(c->diff, i, &change) == KHAP_OK; i++) {
        printf("%s\n{\"kind\":\"%s\",\"what\":\"%s\"", i > 0 ? "," : "", kinds[change.kind],
               whats[change.what]);
        member("section", change.section);
        member("name", change.name);
        member("keyword", change.keyword);
        member("before", change.before);
        member("after", change.after);
        member("beforePlace", show_place(&c->report, change.before_place, room));
        member("afterPlace", show_place(&c->report, change.after_place, room));
        printf(",\"atRunTime\":%s", change.at_run_time != 0 ? "true" : "false");
        member("reason", change.reason);
        putchar('}');
    }
    printf("],\n\"commands\":[");
    for (size_t i = 0; khap_diff_command_at(c->diff, i, &command) == KHAP_OK; i++) {
        printf("%s\n{\"change\":%zu", i > 0 ? "," : "", command.change);
        member("command", command.text);
        member("payload", command.payload);
        member("content", command.content);
        if (command.repeat)
            printf(",\"repeat\":true");
        putchar('}');
    }
    printf("],\n\"reload\":%s}\n", khap_diff_reloads(c->diff) ? "true" : "false");
}

static void show_as_markdown(const struct diff *c)
{
    static const char *const kinds[] = {"", "added", "removed", "changed", "order"};
    struct khap_change change = {.size = sizeof change};
    size_t n = 0;
    for (size_t i = 0; khap_diff_change_at(c->diff, i, &change) == KHAP_OK; i++) {
        if (i == 0)
            printf("| where | change | before | after | how |\n|---|---|---|---|---|\n");
        n += change.at_run_time;
        bool keyed = change.what == KHAP_CHANGE_ENTRY;
        printf("| %.*s ", (int)change.section.len, change.section.ptr == NULL ? "" : change.section.ptr);
        if (change.name.len > 0)
            show_markdown(change.name);
        printf(" | %s", kinds[change.kind]);
        if (keyed || change.what == KHAP_CHANGE_FILE) {
            putchar(' ');
            show_markdown(change.keyword);
        }
        printf(" | ");
        if (change.before.len > 0)
            show_markdown(change.before);
        printf(" | ");
        if (change.after.len > 0)
            show_markdown(change.after);
        printf(" | ");
        if (change.at_run_time != 0)
            printf("at run time");
        else
            show_markdown(change.reason);
        printf(" |\n");
    }
    printf("%s%zu at run time, %d reload%s\n", n > 0 || khap_diff_reloads(c->diff) ? "\n" : "", n,
           khap_diff_reloads(c->diff), khap_diff_reloads(c->diff) == 1 ? "" : "s");
}

static int write_stdout(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    return fwrite(text, 1, len, stdout) == len ? 0 : -1;
}

/* The configuration of one side as one text: files follow each other as HAProxy reads them. */
static int text_of(struct diff *c, size_t side, struct text *out)
{
    const struct khap_bundle_file *file = NULL;
    const struct khap_sink sink = {out, text_sink};
    while ((file = khap_bundle_next(c->sides[side].bundle, file)) != NULL) {
        if (khap_bundle_file_document(file) != NULL && khap_bundle_file_print(file, &sink) != KHAP_OK)
            return report_status(&c->report, KHAP_ENOMEM);
    }
    return EXIT_DONE;
}

static int show_unified(struct diff *c, bool *differs)
{
    struct text texts[2] = {{0}, {0}};
    const struct khap_sink sink = {NULL, write_stdout};
    int status = text_of(c, 0, &texts[0]);
    if (status == EXIT_DONE)
        status = text_of(c, 1, &texts[1]);
    *differs = !same(text_str(&texts[0]), text_str(&texts[1]));
    if (status == EXIT_DONE)
        status =
            report_status(&c->report, diff_text(text_str(&texts[0]), text_str(&texts[1]),
                                                word(c->operands.of[0]), word(c->operands.of[1]), &sink));
    free(texts[0].ptr);
    free(texts[1].ptr);
    return status;
}

static int compare(struct diff *c)
{
    struct khap_change change = {.size = sizeof change};
    bool differs = false;
    int status = EXIT_DONE;
    if (c->format == DIFF_UNIFIED) {
        status = show_unified(c, &differs);
    } else {
        const struct khap_file_source files = input_file_source(&c->outside);
        struct khap_diff_options options;
        khap_diff_options_init(&options);
        options.files = &files;
        status =
            report_status(&c->report, khap_diff_new(NULL, c->sides[0].bundle, c->sides[1].bundle,
                                                    &c->for_target, &options, c->report.diags, &c->diff));
        if (status != EXIT_DONE)
            return status;
        differs = khap_diff_change_at(c->diff, 0, &change) == KHAP_OK;
        if (c->format == DIFF_JSON)
            show_as_json(c);
        else if (c->format == DIFF_MARKDOWN)
            show_as_markdown(c);
        else
            show_as_text(c);
    }
    int written = command_finish_output(&c->report);
    if (status != EXIT_DONE || written != EXIT_DONE)
        return status > written ? status : written;
    return differs ? EXIT_NO : EXIT_DONE;
}

static int run(struct diff *c, const char *const *words)
{
    int status = read_options(c, words);
    if (status != EXIT_DONE)
        return status;
    if (c->help) {
        options_help(COMMAND_DIFF, stdout);
        return command_finish_output(&c->report);
    }
    for (size_t i = 0; i < 2; i++)
        c->sides[i].beside = c->operands.of[1 - i];
    for (size_t i = 0; i < 2 && status == EXIT_DONE; i++)
        status = asked_read(&c->report, &c->sides[i], &c->operands.of[i], 1, c->target, c->type);
    khap_target_init(&c->for_target);
    c->for_target = c->sides[1].target;
    if (status == EXIT_DONE && c->target != NULL)
        status = target_read(&c->report, c->target, &c->for_target);
    return status == EXIT_DONE ? compare(c) : status;
}

int cmd_diff(const char *const *words)
{
    struct diff c = {.format = DIFF_TEXT};
    int status = report_open(&c.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&c, words);
    report_show(&c.report);
    khap_diff_free(c.diff);
    report_close(&c.report);
    asked_free(&c.sides[0]);
    asked_free(&c.sides[1]);
    free(c.operands.of);
    return status;
}
