/* diff/diff.c - the changes between two bundles. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"
#include "value/number.h"

void khap_diff_options_init(struct khap_diff_options *options)
{
    *options = (struct khap_diff_options){.size = sizeof *options};
}

struct khap_change *khap__diff_change(struct khap_diff *d, enum khap_change_kind kind,
                                      enum khap_change_what what)
{
    struct khap_change change = {.size = sizeof change, .kind = kind, .what = what, .at_run_time = 1};
    d->refusable = d->refusable || what != KHAP_CHANGE_ENTRY;
    if (d->changes.len == UINT32_MAX || !VEC_PUSH(&d->alloc, &d->changes, change)) {
        d->status = KHAP_ENOMEM;
        return NULL;
    }
    return &d->changes.ptr[d->changes.len - 1];
}

void khap__diff_reload(struct khap_diff *d, struct khap_change *change, struct khap_str reason)
{
    change->at_run_time = 0;
    change->reason = reason;
    d->reload = true;
}

static void open_side(struct khap_diff *d, struct diff_side *side, struct khap_bundle *bundle)
{
    side->bundle = bundle;
    khap__map_init(&side->by_key, &d->alloc);
    khap__map_init(&side->by_path, &d->alloc);
}

static void close_side(struct khap_diff *d, struct diff_side *side)
{
    for (uint32_t i = 0; i < side->files.len; i++)
        if (side->files.ptr[i].borrowed && d->files.done != NULL)
            d->files.done(d->files.ctx, side->files.ptr[i].text);
    khap_view_free(side->view);
    VEC_FREE(&d->alloc, &side->sections);
    VEC_FREE(&d->alloc, &side->lines);
    VEC_FREE(&d->alloc, &side->files);
    khap__map_free(&side->by_key);
    khap__map_free(&side->by_path);
}

enum khap_status khap_diff_new(const struct khap_alloc *alloc, struct khap_bundle *before,
                               struct khap_bundle *after, const struct khap_target *target,
                               const struct khap_diff_options *options, struct khap_diags *diags,
                               struct khap_diff **out)
{
    if (before == NULL || after == NULL || target == NULL || target->size != sizeof *target ||
        target->first > target->last || out == NULL || (options != NULL && options->size != sizeof *options))
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_diff *d = khap__alloc(&a, 1, sizeof *d);
    if (d == NULL)
        return KHAP_ENOMEM;
    memset(d, 0, sizeof *d);
    d->alloc = a;
    d->target = *target;
    d->diags = diags;
    khap__arena_init(&d->arena, &a);
    khap__map_init(&d->servers, &d->alloc);
    open_side(d, &d->before, before);
    open_side(d, &d->after, after);
    const struct khap_if_facts *facts = options != NULL ? options->facts : NULL;
    if (options != NULL && options->files != NULL)
        d->files = *options->files;
    if (options != NULL) {
        d->ctx = options->ctx;
        d->renewed = options->renewed;
    }
    d->status = khap__diff_read(d, &d->before, facts);
    if (d->status == KHAP_OK)
        d->status = khap__diff_read(d, &d->after, facts);
    if (d->status == KHAP_OK)
        khap__diff_sections(d);
    if (d->status == KHAP_OK)
        khap__diff_files(d);
    if (d->status == KHAP_OK)
        khap__commands_order(d);
    enum khap_status status = d->status;
    if (status != KHAP_OK) {
        khap_diff_free(d);
        return status;
    }
    *out = d;
    return KHAP_OK;
}

void khap_diff_free(struct khap_diff *d)
{
    if (d == NULL)
        return;
    struct khap_alloc a = d->alloc;
    close_side(d, &d->before);
    close_side(d, &d->after);
    VEC_FREE(&a, &d->changes);
    VEC_FREE(&a, &d->commands);
    khap__map_free(&d->servers);
    khap__arena_free(&d->arena);
    khap__free(&a, d, 1, sizeof *d);
}

enum khap_status khap_diff_change_at(const struct khap_diff *d, size_t index, struct khap_change *change)
{
    if (d == NULL || change == NULL || change->size != sizeof *change)
        return KHAP_EINVAL;
    if (index >= d->changes.len)
        return KHAP_ENOENT;
    *change = d->changes.ptr[index];
    return KHAP_OK;
}

int khap_diff_reloads(const struct khap_diff *d)
{
    return d != NULL && d->reload;
}

int khap_diff_may_be_refused(const struct khap_diff *d)
{
    return d == NULL || d->refusable;
}

enum khap_status khap_diff_command_at(const struct khap_diff *d, size_t index, struct khap_command *command)
{
    if (d == NULL || command == NULL || command->size != sizeof *command)
        return KHAP_EINVAL;
    if (index >= d->commands.len)
        return KHAP_ENOENT;
    *command = d->commands.ptr[index].is;
    return KHAP_OK;
}

enum khap_status khap_diff_file_at(const struct khap_diff *d, size_t index, struct khap_diff_file *file)
{
    if (d == NULL || file == NULL || file->size != sizeof *file)
        return KHAP_EINVAL;
    if (index >= d->after.files.len)
        return KHAP_ENOENT;
    const struct diff_file *f = &d->after.files.ptr[index];
    file->holds = f->holds;
    file->path = f->path;
    file->text = f->known ? f->text : (struct khap_str){NULL, 0};
    return KHAP_OK;
}

/* Up to 3.0 digits alone are read. */
size_t khap_diff_bufsize(const struct khap_diff *d)
{
    size_t bytes = 16384;
    for (uint32_t i = 0; d != NULL && i < d->before.lines.len; i++) {
        const struct diff_line *line = &d->before.lines.ptr[i];
        uint64_t n;
        if (!khap__str_eq(line->keyword, S("tune.bufsize")) || line->n < 2)
            continue;
        struct khap_str word = line->words[1];
        size_t digits = 0;
        while (digits < word.len && khap__is_digit((unsigned char)word.ptr[digits]))
            digits++;
        if (d->target.first < KHAP_RELEASE(3, 1))
            word.len = digits;
        if (khap__size_parse(word, &n) == VALUE_OK && n > 0 && n < SIZE_MAX)
            bytes = (size_t)n;
    }
    return bytes;
}
