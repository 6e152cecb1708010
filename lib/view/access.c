/* view/access.c - what callers see of a view. SPDX-License-Identifier: MIT */
#include "config.h"

#include "view/view.h"

static size_t index_or_none(uint32_t index)
{
    return index == VIEW_NONE ? SIZE_MAX : index;
}

/* Where words stand: reads the line again, which is done only for those who ask. */
static enum khap_status place_of(const struct khap_view *view, uint32_t section, const struct khap_line *line,
                                 struct khap_span span, struct khap_place *place)
{
    const struct khap_document *doc =
        section == VIEW_NONE ? NULL : view->files.ptr[view->sections.ptr[section].file].doc;
    struct khap_words *words;
    *place = (struct khap_place){0, 0, 0};
    if (doc == NULL)
        return KHAP_OK;
    enum khap_status status = khap_words_new(&view->alloc, &words);
    if (status != KHAP_OK)
        return status;
    status = khap_words_read(words, doc, line);
    if (status == KHAP_OK)
        *place = khap__view_place(doc, line, words, span);
    khap_words_free(words);
    return status;
}

enum khap_status khap_view_section_at(const struct khap_view *view, size_t index,
                                      struct khap_view_section *out)
{
    if (view == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= view->sections.len)
        return KHAP_ENOENT;
    const struct view_section *s = &view->sections.ptr[index];
    *out = (struct khap_view_section){.size = out->size,
                                      .kind = s->kind,
                                      .file = view->files.ptr[s->file].file,
                                      .head = s->head,
                                      .last = s->last,
                                      .definition = index_or_none(s->definition),
                                      .defaults = index_or_none(s->defaults),
                                      .read = s->read};
    if (s->definition != VIEW_NONE)
        out->name = view->definitions.ptr[s->definition].name;
    return KHAP_OK;
}

static int kind_named(struct khap_str name)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (khap__str_eq(khap__schema_kind_name((enum schema_kind)kind), name))
            return kind;
    }
    return -1;
}

size_t khap_view_find(const struct khap_view *view, struct khap_str kind, struct khap_str name, size_t prev)
{
    uint32_t at;
    if (view == NULL || !khap__map_get(&view->names, name, &at))
        return SIZE_MAX;
    int known = kind_named(kind);
    for (; at != VIEW_NONE; at = view->definitions.ptr[at].next_same) {
        const struct view_definition *d = &view->definitions.ptr[at];
        if (!d->is_section || (prev != SIZE_MAX && d->section <= prev))
            continue;
        struct khap_str own = view->sections.ptr[d->section].kind;
        if (khap__str_eq(own, kind) || (known >= 0 && khap__schema_kind_has((enum schema_kind)known, own)))
            return d->section;
    }
    return SIZE_MAX;
}

size_t khap_view_inheritor(const struct khap_view *view, size_t defaults, size_t prev)
{
    if (view == NULL || defaults >= view->sections.len || (prev != SIZE_MAX && prev >= view->sections.len))
        return SIZE_MAX;
    if (prev != SIZE_MAX && view->sections.ptr[prev].defaults != defaults)
        return SIZE_MAX;
    return index_or_none(prev == SIZE_MAX ? view->sections.ptr[defaults].first_inheritor
                                          : view->sections.ptr[prev].next_inheritor);
}

enum khap_status khap_view_definition_at(const struct khap_view *view, size_t index,
                                         struct khap_view_definition *out)
{
    if (view == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= view->definitions.len)
        return KHAP_ENOENT;
    const struct view_definition *d = &view->definitions.ptr[index];
    *out = (struct khap_view_definition){.size = out->size,
                                         .kind = d->is_section
                                                     ? view->sections.ptr[d->section].kind
                                                     : khap__schema_kind_name((enum schema_kind)d->kind),
                                         .name = d->name,
                                         .section = index_or_none(d->section),
                                         .line = d->line,
                                         .span = d->span,
                                         .read = d->read};
    return place_of(view, d->section, d->line, d->span, &out->place);
}

enum khap_status khap_view_reference_at(const struct khap_view *view, size_t index,
                                        struct khap_view_reference *out)
{
    if (view == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= view->references.len)
        return KHAP_ENOENT;
    const struct view_reference *r = &view->references.ptr[index];
    *out = (struct khap_view_reference){.size = out->size,
                                        .kind = khap__schema_kind_name((enum schema_kind)r->kind),
                                        .name = r->name,
                                        .section = index_or_none(r->section),
                                        .line = r->line,
                                        .span = r->span,
                                        .definition = index_or_none(r->definition),
                                        .read = r->read,
                                        .state = r->state};
    return place_of(view, r->section, r->line, r->span, &out->place);
}

size_t khap_view_referrer(const struct khap_view *view, size_t definition, size_t prev)
{
    if (view == NULL || definition >= view->definitions.len ||
        (prev != SIZE_MAX && prev >= view->references.len))
        return SIZE_MAX;
    if (prev != SIZE_MAX && view->references.ptr[prev].definition != definition)
        return SIZE_MAX;
    return index_or_none(prev == SIZE_MAX ? view->definitions.ptr[definition].first_referrer
                                          : view->references.ptr[prev].next_referrer);
}
