/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/input.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/import.h>
#include <stdlib.h>
#include <string.h>

struct import {
    struct report report;
    struct inputs inputs;
    struct input_files opened, sides;
    struct operands operands; /* FILEs */
    const char *target, *output;
    bool help, force;
    struct khap_bundle *bundle;
    struct khap_model *model;
    struct khap_target read_for;
};

static bool take_option(struct import *c, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        c->target = o->value;
        return true;
    case OPTION_OUTPUT:
        c->output = strcmp(o->value, "-") == 0 ? NULL : o->value;
        return true;
    case OPTION_FORCE:
        c->force = true;
        return true;
    case OPTION_FORMAT:
    case OPTION_JSON:
        return command_format(&c->report, o);
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

static int read_options(struct import *c, const char *const *words)
{
    int status = command_read(&c->report, COMMAND_IMPORT, words, c, take, &c->operands);
    if (status == EXIT_DONE && !c->help && c->operands.n == 0) {
        report_about(&c->report, "no-file", "import", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    return status;
}

static enum khap_status print_model(void *ctx, const struct khap_sink *sink)
{
    const struct import *c = ctx;
    return khap_model_write(c->model, sink);
}

static void tell_share(struct import *c, const struct khap_import_share *share)
{
    char count[32], percent[16];
    unsigned long long all = share->lines > 0 ? share->lines : 1;
    snprintf(count, sizeof count, "%u of %u", share->vocabulary, share->lines);
    snprintf(percent, sizeof percent, "%llu %%", share->vocabulary * 100ULL / all);
    report_about(&c->report, "import-share", c->operands.of[0], word(count), word(percent));
}

/* The map says what it is for, where that was said. */
static int set_target(struct import *c)
{
    struct khap_place nowhere = {0, 0, 0};
    char text[32];
    unsigned first = c->read_for.first, last = c->read_for.last;
    if (c->target == NULL)
        return EXIT_DONE;
    if (first == last)
        snprintf(text, sizeof text, "\"%u.%u\"", first / 100, first % 100);
    else
        snprintf(text, sizeof text, "\"%u.%u-%u.%u\"", first / 100, first % 100, last / 100, last % 100);
    return report_status(
        &c->report, khap_model_set(c->model, WORD("haproxy.release"), word(text), nowhere, c->report.diags));
}

static int import(struct import *c)
{
    struct khap_import_options options;
    struct khap_import_share share = {.size = sizeof share};
    struct khap_file_source sides = input_file_source(&c->sides);
    khap_import_options_init(&options);
    options.files = &sides;
    if (c->target != NULL)
        options.target = c->read_for;
    enum khap_status done =
        khap_import(NULL, c->bundle, &c->read_for, &options, c->report.diags, &share, &c->model);
    if (done != KHAP_OK && done != KHAP_EINPUT)
        return report_status(&c->report, done);
    int status = done == KHAP_OK && khap_diags_count(c->report.diags, KHAP_ERROR) == 0 ? EXIT_DONE : EXIT_NO;
    tell_share(c, &share);
    int written = set_target(c);
    if (written == EXIT_DONE)
        written = c->output != NULL ? output_print_to_file(&c->report, c->output, c->force, c, print_model)
                                    : output_print(&c->report, c, print_model);
    return written > status ? written : status;
}

static int run(struct import *c, const char *const *words)
{
    int status = read_options(c, words);
    if (status != EXIT_DONE)
        return status;
    if (c->help) {
        options_help(COMMAND_IMPORT, stdout);
        return command_finish_output(&c->report);
    }
    khap_target_init(&c->read_for);
    c->read_for.first = c->read_for.last = KHAP_NEWEST;
    if (c->target != NULL)
        status = target_read(&c->report, c->target, &c->read_for);
    if (status == EXIT_DONE)
        status = input_bundle(&c->report, &c->inputs, &c->opened, &c->read_for, c->operands.of, c->operands.n,
                              &c->bundle);
    return status == EXIT_DONE ? import(c) : status;
}

int cmd_import(const char *const *words)
{
    struct import c = {.opened = {.named = true}};
    int status = report_open(&c.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&c, words);
    report_show(&c.report);
    khap_model_free(c.model);
    khap_bundle_free(c.bundle);
    report_close(&c.report);
    inputs_free(&c.inputs);
    free(c.operands.of);
    return status;
}
