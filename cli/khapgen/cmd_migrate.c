/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/diff_text.h"
#include "khapgen/input.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/khap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration file as it was. */
struct old_file {
    const struct khap_bundle_file *file;
    char *text;
    size_t len, cap;
};

struct migrate {
    struct report report;
    struct inputs inputs;
    struct input_files opened;
    const char **files;
    size_t n_files;
    const char *from, *to, *output;
    bool in_place, dry_run, check, force, help;
    uint16_t from_release, to_release;
    struct khap_bundle *bundle;
    struct old_file *old;
    size_t n_old;
};

static int take_option(struct migrate *m, const struct options *o)
{
    switch (o->id) {
    case OPTION_FROM:
        m->from = o->value;
        break;
    case OPTION_TO:
        m->to = o->value;
        break;
    case OPTION_OUTPUT:
        m->output = strcmp(o->value, "-") == 0 ? NULL : o->value;
        break;
    case OPTION_IN_PLACE:
        m->in_place = true;
        break;
    case OPTION_DRY_RUN:
        m->dry_run = true;
        break;
    case OPTION_CHECK:
        m->check = true;
        break;
    case OPTION_FORCE:
        m->force = true;
        break;
    case OPTION_FORMAT:
    case OPTION_JSON:
        return command_format(&m->report, o) ? EXIT_DONE : EXIT_UNUSABLE;
    case OPTION_HELP:
        m->help = true;
        break;
    default:
        break;
    }
    return EXIT_DONE;
}

/* What the options ask of each other. */
static int judge_options(struct migrate *m)
{
    struct report *r = &m->report;
    if (m->to == NULL)
        report_about(r, "option-needs", "migrate", WORD("migrate"), WORD("--to RELEASE"));
    else if (m->n_files == 0)
        report_about(r, "no-file", "migrate", WORD(""), WORD(""));
    else if (m->in_place && m->output != NULL)
        report_about(r, "options-exclude", "migrate", WORD("--in-place"), WORD("--output"));
    else
        return EXIT_DONE;
    return EXIT_UNUSABLE;
}

static int read_options(struct migrate *m, const char *const *words)
{
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    size_t n = 0;
    while (words[n] != NULL)
        n++;
    m->files = malloc((n + 1) * sizeof *m->files);
    if (m->files == NULL)
        return report_status(&m->report, KHAP_ENOMEM);
    options_start(&o, COMMAND_MIGRATE, words);
    while ((result = options_next(&o)) != OPTION_END) {
        int one = EXIT_DONE;
        if (result == OPTION_OPERAND)
            m->files[m->n_files++] = o.value;
        else
            one = result == OPTION_READ ? take_option(m, &o) : command_bad_option(&m->report, &o, result);
        if (one != EXIT_DONE)
            status = one;
    }
    return status != EXIT_DONE || m->help ? status : judge_options(m);
}

/* --from and --to are one release each. */
static int read_release(struct migrate *m, const char *option, const char *text, uint16_t *release)
{
    struct khap_target target;
    khap_target_init(&target);
    int status = target_read(&m->report, text, &target);
    if (status != EXIT_DONE)
        return status;
    if (target.first != target.last) {
        report_about(&m->report, "option-value", "migrate", word(option), word(text));
        return EXIT_UNUSABLE;
    }
    *release = target.first;
    return EXIT_DONE;
}

/* Without --from nothing of what the newest release says of the file is told: it may be for another one. */
static int find_from(struct migrate *m)
{
    struct report *r = &m->report;
    struct khap_diags *told = r->diags, *quiet = NULL;
    struct khap_target target;
    char text[16];
    khap_target_init(&target);
    target.first = target.last = m->from != NULL ? m->from_release : KHAP_NEWEST;
    int status = report_status(r, m->from != NULL ? KHAP_OK : khap_diags_new(NULL, r->sources, &quiet));
    if (status != EXIT_DONE)
        return status;
    if (m->from == NULL)
        r->diags = quiet;
    status = input_bundle(r, &m->inputs, &m->opened, &target, m->files, m->n_files, &m->bundle);
    if (status != EXIT_DONE && m->from == NULL) {
        khap_diags_free(told);
        return status;
    }
    r->diags = told;
    khap_diags_free(quiet);
    if (status != EXIT_DONE || m->from != NULL)
        return status;
    status = report_status(r, khap_migrate_release(NULL, m->bundle, NULL, &m->from_release));
    if (status == EXIT_DONE && m->from_release == 0) {
        report_about(r, "migrate-no-release", m->files[0], WORD(""), WORD(""));
        return EXIT_NO;
    }
    snprintf(text, sizeof text, "%d.%d", m->from_release / 100, m->from_release % 100);
    if (status == EXIT_DONE)
        report_about(r, "migrate-from", m->files[0], word(text), WORD(""));
    return status;
}

/* ---- what was there */

static int add(void *ctx, const char *data, size_t len)
{
    struct old_file *f = ctx;
    if (len > f->cap - f->len) {
        size_t cap = f->cap + len + f->cap / 2 + 1024;
        char *text = cap < len ? NULL : realloc(f->text, cap);
        if (text == NULL)
            return 1;
        f->text = text;
        f->cap = cap;
    }
    memcpy(f->text + f->len, data, len);
    f->len += len;
    return 0;
}

/* The bytes of a file as they are now. */
static enum khap_status bytes_of(const struct khap_bundle_file *file, struct old_file *out)
{
    const struct khap_sink sink = {out, add};
    *out = (struct old_file){.file = file};
    enum khap_status status = khap_bundle_file_print(file, &sink);
    return status == KHAP_EIO ? KHAP_ENOMEM : status;
}

static int keep_old(struct migrate *m)
{
    const struct khap_bundle_file *file = NULL;
    enum khap_status status = KHAP_OK;
    size_t n = 0;
    while ((file = khap_bundle_next(m->bundle, file)) != NULL)
        n++;
    m->old = calloc(n + 1, sizeof *m->old);
    if (m->old == NULL)
        return report_status(&m->report, KHAP_ENOMEM);
    while ((file = khap_bundle_next(m->bundle, file)) != NULL && status == KHAP_OK) {
        if (khap_bundle_file_document(file) != NULL)
            status = bytes_of(file, &m->old[m->n_old++]);
    }
    if (status == KHAP_OK && m->n_old > 1 && !m->in_place && !m->dry_run && !m->check) {
        report_about(&m->report, "option-needs", "migrate", WORD("more than one FILE"),
                     WORD("--in-place or --dry-run"));
        return EXIT_UNUSABLE;
    }
    return report_status(&m->report, status);
}

/* ---- where it goes */

static enum khap_status print_file(void *ctx, const struct khap_sink *sink)
{
    return khap_bundle_file_print(ctx, sink);
}

struct change {
    struct khap_str old, now, name;
};

static enum khap_status print_change(void *ctx, const struct khap_sink *sink)
{
    const struct change *c = ctx;
    return diff_text(c->old, c->now, c->name, c->name, sink);
}

static int put_file(struct migrate *m, const struct old_file *old)
{
    struct report *r = &m->report;
    struct old_file now;
    int status = report_status(r, bytes_of(old->file, &now));
    struct change change = {{old->text, old->len}, {now.text, now.len}, khap_bundle_file_name(old->file)};
    bool same = change.old.len == change.now.len &&
                (change.old.len == 0 || memcmp(change.old.ptr, change.now.ptr, change.old.len) == 0);
    void *file = (void *)(uintptr_t)old->file;
    char *path = malloc(change.name.len + 1);
    if (path == NULL)
        status = report_status(r, KHAP_ENOMEM);
    else if (change.name.len > 0)
        memcpy(path, change.name.ptr, change.name.len);
    if (path != NULL)
        path[change.name.len] = '\0';
    if (status != EXIT_DONE) {
    } else if (m->check || m->dry_run) {
        if (m->dry_run && !same)
            status = output_print(r, &change, print_change);
        if (m->check && !m->dry_run && !same)
            printf("would change %s\n", path);
        if (m->check && !same && status == EXIT_DONE)
            status = EXIT_NO;
    } else if (m->in_place) {
        status = same ? EXIT_DONE : output_in_place(r, path, change.old, file, print_file);
    } else {
        status = m->output != NULL ? output_print_to_file(r, m->output, m->force, file, print_file)
                                   : output_print(r, file, print_file);
    }
    free(path);
    free(now.text);
    return status;
}

static int run(struct migrate *m, const char *const *words)
{
    struct report *r = &m->report;
    int status = read_options(m, words);
    if (status != EXIT_DONE)
        return status;
    if (m->help) {
        options_help(COMMAND_MIGRATE, stdout);
        return command_finish_output(r);
    }
    status = read_release(m, "--to", m->to, &m->to_release);
    if (status == EXIT_DONE && m->from != NULL)
        status = read_release(m, "--from", m->from, &m->from_release);
    for (size_t i = 0; status == EXIT_DONE && m->in_place && i < m->n_files; i++) {
        if (strcmp(m->files[i], "-") != 0)
            continue;
        report_about(r, "option-needs", "migrate", WORD("--in-place"), WORD("a file, not standard input"));
        status = EXIT_UNUSABLE;
    }
    if (status == EXIT_DONE)
        status = find_from(m);
    if (status == EXIT_DONE)
        status = keep_old(m);
    if (status != EXIT_DONE)
        return status;
    enum khap_status done = khap_migrate(NULL, m->bundle, m->from_release, m->to_release, NULL, r->diags);
    if (done != KHAP_OK && done != KHAP_EINPUT)
        return report_status(r, done);
    status = done == KHAP_OK && khap_diags_count(r->diags, KHAP_ERROR) == 0 ? EXIT_DONE : EXIT_NO;
    for (size_t i = 0; i < m->n_old; i++) {
        int one = put_file(m, &m->old[i]);
        status = one > status ? one : status;
    }
    int written = command_finish_output(r);
    return written > status ? written : status;
}

int cmd_migrate(const char *const *words)
{
    struct migrate m = {.files = NULL};
    int status = report_open(&m.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&m, words);
    report_show(&m.report);
    for (size_t i = 0; i < m.n_old; i++)
        free(m.old[i].text);
    free(m.old);
    khap_bundle_free(m.bundle);
    report_close(&m.report);
    inputs_free(&m.inputs);
    free(m.files);
    return status;
}
