/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/diff_text.h"
#include "khapgen/file_type.h"
#include "khapgen/input.h"
#include "khapgen/migrate_map.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/khap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file as it was and as it is. */
struct migrated {
    const struct khap_bundle_file *file; /* of a configuration */
    struct khap_str name;
    struct text old, now;
};

enum { LARGEST_MAP = 256 * 1024 * 1024 };

struct migrate {
    struct report report;
    struct inputs inputs;
    struct input_files opened;
    struct operands operands; /* FILEs */
    const char *from, *to, *output, *type;
    bool in_place, dry_run, check, force, help;
    uint16_t from_release, to_release;
    struct khap_bundle *bundle;
    struct migrated *results;
    size_t n_results;
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
    case OPTION_TYPE:
        m->type = o->value;
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
    else if (m->operands.n == 0)
        report_about(r, "no-file", "migrate", WORD(""), WORD(""));
    else if (m->in_place && m->output != NULL)
        report_about(r, "options-exclude", "migrate", WORD("--in-place"), WORD("--output"));
    else
        return EXIT_DONE;
    return EXIT_UNUSABLE;
}

static int take(void *ctx, const struct options *o)
{
    return take_option(ctx, o);
}

static int read_options(struct migrate *m, const char *const *words)
{
    int status = command_read(&m->report, COMMAND_MIGRATE, words, m, take, &m->operands);
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
    status = input_bundle(r, &m->inputs, &m->opened, &target, m->operands.of, m->operands.n, &m->bundle);
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
        report_about(r, "migrate-no-release", m->operands.of[0], WORD(""), WORD(""));
        return EXIT_NO;
    }
    snprintf(text, sizeof text, "%d.%d", m->from_release / 100, m->from_release % 100);
    if (status == EXIT_DONE)
        report_about(r, "migrate-from", m->operands.of[0], word(text), WORD(""));
    return status;
}

/* ---- what was there, and what is */

/* The bytes of a file as they are now. */
static enum khap_status bytes_of(const struct khap_bundle_file *file, struct text *out)
{
    const struct khap_sink sink = {out, text_sink};
    enum khap_status status = khap_bundle_file_print(file, &sink);
    return status == KHAP_EIO ? KHAP_ENOMEM : status;
}

/* Room for the results of so many files. */
static int prepare(struct migrate *m, size_t n)
{
    if (n > 1 && !m->in_place && !m->dry_run && !m->check) {
        report_about(&m->report, "option-needs", "migrate", WORD("more than one FILE"),
                     WORD("--in-place or --dry-run"));
        return EXIT_UNUSABLE;
    }
    m->results = calloc(n + 1, sizeof *m->results);
    return report_status(&m->report, m->results == NULL ? KHAP_ENOMEM : KHAP_OK);
}

static int migrate_configuration(struct migrate *m)
{
    const struct khap_bundle_file *file = NULL;
    struct report *r = &m->report;
    size_t n = 0;
    int status = find_from(m);
    while (status == EXIT_DONE && (file = khap_bundle_next(m->bundle, file)) != NULL)
        n++;
    if (status == EXIT_DONE)
        status = prepare(m, n);
    while (status == EXIT_DONE && (file = khap_bundle_next(m->bundle, file)) != NULL) {
        if (khap_bundle_file_document(file) == NULL)
            continue;
        struct migrated *one = &m->results[m->n_results++];
        *one = (struct migrated){.file = file, .name = khap_bundle_file_name(file)};
        status = report_status(r, bytes_of(file, &one->old));
    }
    if (status != EXIT_DONE)
        return status;
    enum khap_status done = khap_migrate(NULL, m->bundle, m->from_release, m->to_release, NULL, r->diags);
    if (done != KHAP_OK && done != KHAP_EINPUT)
        return report_status(r, done);
    for (size_t i = 0; i < m->n_results && status == EXIT_DONE; i++)
        status = report_status(r, bytes_of(m->results[i].file, &m->results[i].now));
    if (status != EXIT_DONE)
        return status;
    return done == KHAP_OK && khap_diags_count(r->diags, KHAP_ERROR) == 0 ? EXIT_DONE : EXIT_NO;
}

static int migrate_service_maps(struct migrate *m)
{
    struct report *r = &m->report;
    int status = prepare(m, m->operands.n);
    struct migrated_map *maps = status == EXIT_DONE ? calloc(m->operands.n, sizeof *maps) : NULL;
    if (maps == NULL)
        return status != EXIT_DONE ? status : report_status(r, KHAP_ENOMEM);
    for (size_t i = 0; i < m->operands.n; i++) {
        int one = input_map(r, &m->inputs, m->operands.of[i], LARGEST_MAP, &maps[i].source);
        status = one > status ? one : status;
    }
    if (status == EXIT_DONE)
        status = migrate_maps(r, maps, m->operands.n, m->from_release, m->to_release);
    for (size_t i = 0; i < m->operands.n; i++) {
        struct khap_str old = khap_sources_text(r->sources, maps[i].source);
        struct migrated *one = &m->results[m->n_results++];
        *one = (struct migrated){.name = khap_sources_name(r->sources, maps[i].source), .now = maps[i].now};
        text_add(&one->old, old);
        if (one->old.failed && status <= EXIT_NO)
            status = report_status(r, KHAP_ENOMEM);
    }
    free(maps);
    return status;
}

/* ---- where it goes */

static enum khap_status print_now(void *ctx, const struct khap_sink *sink)
{
    const struct migrated *one = ctx;
    return one->now.len == 0 || sink->write(sink->ctx, one->now.ptr, one->now.len) == 0 ? KHAP_OK : KHAP_EIO;
}

static enum khap_status print_change(void *ctx, const struct khap_sink *sink)
{
    const struct migrated *one = ctx;
    return diff_text(text_str(&one->old), text_str(&one->now), one->name, one->name, sink);
}

static int put_file(struct migrate *m, struct migrated *one)
{
    struct report *r = &m->report;
    bool same = one->old.len == one->now.len &&
                (one->old.len == 0 || memcmp(one->old.ptr, one->now.ptr, one->old.len) == 0);
    if (m->check || m->dry_run) {
        int status = m->dry_run && !same ? output_print(r, one, print_change) : EXIT_DONE;
        if (m->check && !m->dry_run && !same)
            printf("would change %.*s\n", (int)one->name.len, one->name.ptr);
        return m->check && !same && status == EXIT_DONE ? EXIT_NO : status;
    }
    if (!m->in_place)
        return m->output != NULL ? output_print_to_file(r, m->output, m->force, one, print_now)
                                 : output_print(r, one, print_now);
    if (same)
        return EXIT_DONE;
    char *path = malloc(one->name.len + 1);
    if (path == NULL)
        return report_status(r, KHAP_ENOMEM);
    if (one->name.len > 0)
        memcpy(path, one->name.ptr, one->name.len);
    path[one->name.len] = '\0';
    int status = output_in_place(r, path, text_str(&one->old), one, print_now);
    free(path);
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
    for (size_t i = 0; status == EXIT_DONE && m->in_place && i < m->operands.n; i++) {
        if (strcmp(m->operands.of[i], "-") != 0)
            continue;
        report_about(r, "option-needs", "migrate", WORD("--in-place"), WORD("a file, not standard input"));
        status = EXIT_UNUSABLE;
    }
    enum file_type type = FILE_CONFIGURATION;
    if (status == EXIT_DONE)
        status = file_types(r, &m->inputs, m->operands.of, m->operands.n, m->type, &type);
    if (status == EXIT_DONE)
        status = type == FILE_MAP ? migrate_service_maps(m) : migrate_configuration(m);
    if (status != EXIT_DONE && status != EXIT_NO)
        return status;
    for (size_t i = 0; i < m->n_results; i++) {
        int one = put_file(m, &m->results[i]);
        status = one > status ? one : status;
    }
    int written = command_finish_output(r);
    return written > status ? written : status;
}

int cmd_migrate(const char *const *words)
{
    struct migrate m = {.operands = {NULL, 0}};
    int status = report_open(&m.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&m, words);
    (void)report_show(&m.report);
    for (size_t i = 0; i < m.n_results; i++) {
        free(m.results[i].old.ptr);
        free(m.results[i].now.ptr);
    }
    free(m.results);
    khap_bundle_free(m.bundle);
    report_close(&m.report);
    inputs_free(&m.inputs);
    free(m.operands.of);
    return status;
}
