/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/input.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/khap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fmt {
    struct report report;
    struct inputs inputs;
    struct input_files opened;
    const char *const *words;
    const char *target;
    bool in_place, help;
    struct output_options out;
    size_t files; /* named on the command line */
    size_t found; /* of them, and in directories */
    int status;   /* the worst of them */
    struct khap_target read_for;
};

static int take_option(struct fmt *f, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        f->target = o->value;
        break;
    case OPTION_IN_PLACE:
        f->in_place = true;
        break;
    case OPTION_CHECK:
        f->out.check = true;
        break;
    case OPTION_DRY_RUN:
        f->out.dry_run = true;
        break;
    case OPTION_FORMAT:
    case OPTION_JSON:
        return command_format(&f->report, o) ? EXIT_DONE : EXIT_UNUSABLE;
    case OPTION_HELP:
        f->help = true;
        break;
    default:
        break;
    }
    return EXIT_DONE;
}

static int read_options(struct fmt *f)
{
    struct report *r = &f->report;
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    options_start(&o, COMMAND_FMT, f->words);
    while ((result = options_next(&o)) != OPTION_END) {
        int one = EXIT_DONE;
        if (result == OPTION_OPERAND)
            f->files++;
        else
            one = result == OPTION_READ ? take_option(f, &o) : command_bad_option(r, &o, result);
        if (one != EXIT_DONE)
            status = one;
    }
    if (status != EXIT_DONE || f->help)
        return status;
    if (f->out.dry_run && !f->in_place) {
        report_about(r, "option-needs", "fmt", WORD("--dry-run"), WORD("--in-place"));
        return EXIT_UNUSABLE;
    }
    if (f->files == 0) {
        report_about(r, "no-file", "fmt", WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    khap_target_init(&f->read_for);
    f->read_for.first = f->read_for.last = KHAP_NEWEST;
    return f->target != NULL ? target_read(r, f->target, &f->read_for) : EXIT_DONE;
}

static enum khap_status print_document(void *ctx, const struct khap_sink *sink)
{
    return khap_document_print(ctx, sink);
}

/* Refuses the first byte that is not the next one of what is left. */
static int compare(void *ctx, const char *data, size_t len)
{
    struct khap_str *left = ctx;
    if (len > left->len || memcmp(data, left->ptr, len) != 0)
        return 1;
    left->ptr += len;
    left->len -= len;
    return 0;
}

static bool prints(const struct khap_document *doc, struct khap_str text)
{
    const struct khap_sink sink = {&text, compare};
    return khap_document_print(doc, &sink) == KHAP_OK && text.len == 0;
}

/* Where a laid-out document goes. */
static int give(struct fmt *f, const char *path, struct khap_str old, struct khap_document *doc)
{
    if (!f->in_place && !f->out.check)
        return output_print(&f->report, doc, print_document);
    if (prints(doc, old))
        return EXIT_DONE;
    if (f->out.check || f->out.dry_run) {
        printf("would change %s\n", strcmp(path, "-") == 0 ? "<stdin>" : path);
        return f->out.check ? EXIT_NO : EXIT_DONE;
    }
    return output_in_place(&f->report, path, old, doc, print_document);
}

static int one_file(struct fmt *f, const char *path)
{
    struct report *r = &f->report;
    struct khap_str text;
    uint32_t source;
    int status;
    if (f->in_place && strcmp(path, "-") == 0) {
        report_about(r, "option-needs", "fmt", WORD("--in-place"), WORD("a file, not standard input"));
        return EXIT_UNUSABLE;
    }
    status = input_configuration(r, &f->inputs, path, &text, &source);
    if (status != EXIT_DONE)
        return status;
    if (memchr(text.ptr, '\0', text.len) != NULL) {
        report_about(r, "not-text", path, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    struct khap_document *doc = NULL;
    status = report_status(r, khap_document_parse(NULL, &f->read_for, text, source, r->diags, &doc));
    if (status == EXIT_DONE)
        status = report_status(r, khap_document_format(doc));
    if (status == EXIT_DONE)
        status = give(f, path, text, doc);
    khap_document_free(doc);
    return status;
}

static enum khap_status on_file(void *ctx, struct khap_str path)
{
    struct fmt *f = ctx;
    char *name = malloc(path.len + 1);
    if (name == NULL)
        return KHAP_ENOMEM;
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    int status = one_file(f, name);
    free(name);
    f->found++;
    if (status > f->status)
        f->status = status;
    return KHAP_OK;
}

/* A file, or those of a directory that HAProxy would read. */
static void one_operand(struct fmt *f, const char *path)
{
    const struct khap_file_source files = input_file_source(&f->opened);
    size_t found = f->found;
    enum khap_status status = strcmp(path, "-") == 0
                                  ? on_file(f, word(path))
                                  : khap_config_paths(NULL, &files, word(path), on_file, f);
    if (status == KHAP_OK && f->found == found)
        report_about(&f->report, "directory-without-cfg", path, WORD(""), WORD(""));
    else if (status == KHAP_ENOMEM)
        f->report.no_memory = true;
    else if (status != KHAP_OK) /* a directory, to its end */
        report_about(&f->report, "input-unreadable", path, files.reason(files.ctx), WORD(""));
    int one = status == KHAP_OK ? EXIT_DONE : status == KHAP_ENOMEM ? EXIT_FAILED : EXIT_UNUSABLE;
    if (one > f->status)
        f->status = one;
}

static int run(struct fmt *f)
{
    int status = read_options(f);
    if (status != EXIT_DONE)
        return status;
    if (f->help) {
        options_help(COMMAND_FMT, stdout);
        return command_finish_output(&f->report);
    }
    struct options o;
    enum option_result result;
    options_start(&o, COMMAND_FMT, f->words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND)
            one_operand(f, o.value);
    }
    if (f->status == EXIT_DONE && f->found == 0) {
        report_say(&f->report, "no-configuration", (struct khap_place){0}, WORD(""), WORD(""));
        f->status = EXIT_UNUSABLE;
    }
    int written = command_finish_output(&f->report);
    return written > f->status ? written : f->status;
}

int cmd_fmt(const char *const *words)
{
    struct fmt f = {.words = words};
    int status = report_open(&f.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&f);
    (void)report_show(&f.report);
    report_close(&f.report);
    inputs_free(&f.inputs);
    return status;
}
