/* check/check.c - going through a bundle line by line. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/content.h"

#include <khap/check.h>

void khap_check_options_init(struct khap_check_options *options)
{
    if (options != NULL)
        *options = (struct khap_check_options){.size = sizeof *options, .expires_days = CERT_SOON_DAYS};
}

static struct khap_place place_in_line(struct check *c, const struct khap_document *doc,
                                       const struct khap_line *line, struct khap_span span)
{
    if (khap_words_read(c->reader, doc, line) == KHAP_OK)
        return khap__view_place(doc, line, c->reader, span);
    c->no_memory = true;
    return khap_line_origin(doc, line);
}

struct khap_place khap__check_place(struct check *c, struct khap_span span)
{
    struct check_inside *in = c->inside;
    if (in == NULL && c->at.unread) {
        c->at.unread = false;
        return place_in_line(c, c->at.doc, c->at.line, span);
    }
    if (in == NULL)
        return khap__view_place(c->at.doc, c->at.line, c->reader, span);
    uint32_t last = (uint32_t)in->n, word = span.word < last ? span.word : last,
             end_word = span.end_word < last ? span.end_word : last;
    uint32_t from = in->words[word] + (span.word < last ? span.offset : 0),
             to = in->words[end_word] + (span.end_word < last ? span.end_offset : 0);
    return khap__inside_place(c, in, from, to > from ? to - from : 0);
}

struct khap_place khap__check_place_of(struct check *c, uint32_t section, const struct khap_line *line,
                                       struct khap_span span)
{
    return place_in_line(c, c->view->files.ptr[c->view->sections.ptr[section].file].doc, line, span);
}

/* Lines of `global` that allow what stands behind them, whatever the release says of the line itself. */
static void note_exposed(struct check *c)
{
    if (c->table != TABLE_GLOBAL || c->n == 0)
        return;
    c->experimental = c->experimental || khap__str_eq(c->words[0].text, S("expose-experimental-directives"));
    c->deprecated = c->deprecated || khap__str_eq(c->words[0].text, S("expose-deprecated-directives"));
}

/* The view was read as the newest release; all others of the target have their say before. What several say alike is told once. */
static enum khap_status on_line(void *ctx, const struct view_line *line)
{
    struct check *c = ctx;
    enum khap_status status = KHAP_OK;
    uint16_t release;
    c->view = line->view;
    c->at = *line;
    c->reader = line->reader;
    c->words = line->words;
    c->n = line->n;
    c->table = line->table;
    uint16_t last = line->view->target.last;
    note_exposed(c);
    khap__check_reached(c);
    for (size_t i = 0;
         c->view->target.first < last && status == KHAP_OK && (release = khap_release_at(i)) != 0; i++) {
        if (release < c->view->target.first || release >= last)
            continue;
        khap__arena_reset(&c->arena);
        c->release = release;
        status = khap__check_again(c);
    }
    c->release = last;
    if (status == KHAP_OK)
        status = khap__check_line(c, line->schema);
    khap__check_cross_line(c, line->schema);
    if (line->schema->problem == SCHEMA_GOOD)
        khap__check_advice(c, line->schema);
    if (line->schema->problem == SCHEMA_GOOD)
        khap__check_files(c, line->schema);
    return status;
}

enum khap_status khap_check(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                            const struct khap_target *target, const struct khap_check_options *options,
                            struct khap_diags *diags)
{
    if (options != NULL && options->size != sizeof *options)
        return KHAP_EINVAL;
    if (options != NULL && ((options->files != NULL && (options->files->size != sizeof *options->files ||
                                                        options->files->read == NULL)) ||
                            (options->certs != NULL && options->certs->size != sizeof *options->certs)))
        return KHAP_EINVAL;
    struct check c = {.diags = diags,
                      .rules = options != NULL ? options->rules : NULL,
                      .alloc = khap__alloc_or_default(alloc)};
    struct view_listener listener = {
        &c, on_line, khap__check_item, khap__check_problem, khap__check_reference, true};
    struct khap_view *view = NULL;
    if (options != NULL) {
        c.files = options->files;
        c.certs = options->certs;
        c.sources = options->sources;
        c.now = options->now;
        c.expires_days = options->expires_days;
    }
    khap__arena_init(&c.arena, &c.alloc);
    khap__arena_init(&c.kept, &c.alloc);
    khap__arena_init(&c.all, &c.alloc);
    khap__arena_init(&c.shown.arena, &c.alloc);
    khap__map_init(&c.seen, &c.alloc);
    khap__map_init(&c.values, &c.alloc);
    khap__map_init(&c.bound, &c.alloc);
    khap__map_init(&c.looked_at, &c.alloc);
    khap__map_init(&c.forms, &c.alloc);
    khap__map_init(&c.shown.by, &c.alloc);
    c.buffer.rewrite = 1024;
    khap__map_init(&c.acl_lines, &c.alloc);
    khap__arena_init(&c.names, &c.alloc);
    khap__buf_init(&c.text, &c.alloc);
    khap__buf_init(&c.more, &c.alloc);
    enum khap_status status = bundle == NULL ? KHAP_EINVAL : khap__check_ignores(&c, bundle);
    if (status == KHAP_OK)
        status = khap__view_new(alloc, bundle, target, options != NULL ? options->facts : NULL, &listener,
                                diags, &view);
    /* places of names are looked for in words as they were read */
    if (status == KHAP_OK && options != NULL && options->facts != NULL && options->facts->environment != NULL)
        khap_words_environment(c.own, options->facts->environment, options->facts->ctx);
    if (status == KHAP_OK && c.no_memory)
        status = KHAP_ENOMEM; /* what was noted of the lines is not whole */
    if (status == KHAP_OK) {
        c.view = view;
        c.reader = c.own;
        khap__check_listening(&c, NULL);
        khap__check_cross(&c);
        khap__check_conditions(&c);
        khap__check_http_formats(&c);
        status = khap__check_names(&c);
    }
    if (status == KHAP_OK &&
        (c.no_memory || c.text.failed || c.more.failed || khap__diags_status(diags) == KHAP_ENOMEM))
        status = KHAP_ENOMEM;
    khap__check_unignored(&c);
    if (status == KHAP_OK && khap__diags_status(diags) == KHAP_ENOMEM)
        status = KHAP_ENOMEM;
    khap_words_free(c.own);
    khap__buf_free(&c.text);
    khap__buf_free(&c.more);
    khap__arena_free(&c.arena);
    khap__map_free(&c.seen);
    khap__map_free(&c.values);
    VEC_FREE(&c.alloc, &c.replaced);
    khap__map_free(&c.bound);
    khap__map_free(&c.looked_at);
    khap__map_free(&c.forms);
    khap__map_free(&c.shown.by);
    VEC_FREE(&c.alloc, &c.shown.names);
    VEC_FREE(&c.alloc, &c.shown.paths);
    khap__arena_free(&c.shown.arena);
    VEC_FREE(&c.alloc, &c.binds);
    VEC_FREE(&c.alloc, &c.sections);
    VEC_FREE(&c.alloc, &c.ignores);
    VEC_FREE(&c.alloc, &c.ignored_in_files);
    VEC_FREE(&c.alloc, &c.lines);
    VEC_FREE(&c.alloc, &c.lines_have);
    VEC_FREE(&c.alloc, &c.own_names);
    VEC_FREE(&c.alloc, &c.replaceable);
    VEC_FREE(&c.alloc, &c.inherited_names);
    VEC_FREE(&c.alloc, &c.asked);
    VEC_FREE(&c.alloc, &c.acls);
    VEC_FREE(&c.alloc, &c.acl_rows);
    VEC_FREE(&c.alloc, &c.rows_of_acls);
    VEC_FREE(&c.alloc, &c.low);
    VEC_FREE(&c.alloc, &c.http_formats);
    khap__map_free(&c.acl_lines);
    khap__arena_free(&c.names);
    khap__arena_free(&c.kept);
    khap__arena_free(&c.all);
    khap_view_free(view);
    return status;
}
