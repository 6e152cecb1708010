/* check/check.c - going through a bundle line by line. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"

#include <khap/check.h>

void khap_check_options_init(struct khap_check_options *options)
{
    if (options != NULL)
        *options = (struct khap_check_options){.size = sizeof *options};
}

struct khap_place khap__check_place(struct check *c, struct khap_span span)
{
    return khap__view_place(c->doc, c->at.line, c->reader, span);
}

/* All releases of the target have their say; what several say alike is told once. */
static enum khap_status each_release(struct check *c)
{
    enum khap_status status = KHAP_OK;
    uint16_t release;
    for (size_t i = 0; status == KHAP_OK && (release = khap_release_at(i)) != 0; i++) {
        if (release < c->view->target.first || release > c->view->target.last)
            continue;
        khap__arena_reset(&c->arena);
        c->release = release;
        status = khap__check_line(c);
    }
    return status;
}

static enum khap_status one_line(struct check *c)
{
    enum khap_line_kind kind = khap_line_kind(c->doc, c->at.line);
    if (c->at.read == KHAP_FALSE || (kind != KHAP_LINE_SECTION && kind != KHAP_LINE_STATEMENT))
        return KHAP_OK;
    enum khap_status status = khap_words_read(c->reader, c->doc, c->at.line);
    if (status != KHAP_OK || khap_words_error(c->reader, NULL, NULL) != KHAP_WORDS_READ)
        return status;
    c->n = khap__view_words(c->reader, c->words);
    int table = TABLE_SECTION;
    if (kind == KHAP_LINE_STATEMENT)
        table = c->at.section == VIEW_NONE ? -1 : c->view->sections.ptr[c->at.section].table;
    /* what stands above the first section is told by who reads the document */
    if (table < 0 || c->n == 0)
        return KHAP_OK;
    c->table = (unsigned)table;
    return each_release(c);
}

static enum khap_status lines(struct check *c)
{
    enum khap_status status = KHAP_OK;
    c->at = khap__view_begin(c->view);
    while (status == KHAP_OK && khap__view_next(&c->at)) {
        c->doc = c->view->files.ptr[c->at.file].doc;
        status = one_line(c);
    }
    return status;
}

enum khap_status khap_check(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                            const struct khap_target *target, const struct khap_check_options *options,
                            struct khap_diags *diags)
{
    if (options != NULL && options->size != sizeof *options)
        return KHAP_EINVAL;
    struct check c = {.diags = diags, .alloc = khap__alloc_or_default(alloc)};
    struct khap_view *view = NULL;
    enum khap_status status =
        khap_view_new(alloc, bundle, target, options != NULL ? options->facts : NULL, diags, &view);
    if (status != KHAP_OK)
        return status;
    c.view = view;
    khap__arena_init(&c.arena, &c.alloc);
    khap__arena_init(&c.kept, &c.alloc);
    khap__map_init(&c.seen, &c.alloc);
    khap__buf_init(&c.text, &c.alloc);
    khap__buf_init(&c.more, &c.alloc);
    status = khap_words_new(alloc, &c.reader);
    if (status == KHAP_OK)
        status = khap__check_cross_new(&c);
    if (status == KHAP_OK)
        status = lines(&c);
    if (status == KHAP_OK)
        khap__check_cross(&c);
    if (status == KHAP_OK)
        status = khap__check_names(&c);
    if (c.no_memory || c.text.failed || c.more.failed || khap__diags_status(diags) == KHAP_ENOMEM)
        status = KHAP_ENOMEM;
    khap_words_free(c.reader);
    khap__buf_free(&c.text);
    khap__buf_free(&c.more);
    khap__arena_free(&c.arena);
    khap__map_free(&c.seen);
    khap__arena_free(&c.kept);
    khap_view_free(view);
    return status;
}
