/* view/bind.c - which definition a reference means, and which defaults a section inherits. SPDX-License-Identifier: MIT */
#include "config.h"

#include "view/view.h"

bool khap__view_is(const struct khap_view *view, const struct view_definition *d, enum schema_kind kind)
{
    return d->is_section ? khap__schema_kind_has(kind, view->sections.ptr[d->section].kind) : d->kind == kind;
}

bool khap__view_first(const struct khap_view *view, uint32_t definition)
{
    const struct view_definition *d = &view->definitions.ptr[definition];
    struct khap_str key =
        d->is_section ? d->name : (struct khap_str){d->name.ptr - VIEW_KEY, d->name.len + VIEW_KEY};
    uint32_t first;
    return khap__map_get(d->is_section ? &view->names : &view->scoped, key, &first) && first == definition;
}

/* The first definition of that kind, from `at` on, that stands above line `before`; one that is not read only when there is no other. */
static uint32_t first_of(const struct khap_view *view, enum schema_kind kind, uint32_t at, uint32_t before)
{
    uint32_t second = VIEW_NONE;
    for (; at != VIEW_NONE; at = view->definitions.ptr[at].next_same) {
        const struct view_definition *d = &view->definitions.ptr[at];
        if (d->at >= before)
            break;
        if (!khap__view_is(view, d, kind))
            continue;
        if (d->read != KHAP_FALSE)
            return at;
        if (second == VIEW_NONE)
            second = at;
    }
    return second;
}

/* What a reference means: a section of that name; or something in a section, its own or the one named before it in the word. */
static uint32_t meant(struct khap_view *view, struct view_reference *r)
{
    enum schema_kind kind = (enum schema_kind)r->kind;
    uint32_t at, before = khap__schema_kind_before(kind) ? r->at : UINT32_MAX, section = r->section;
    if (r->container == VIEW_NONE && khap__schema_kind_scope(kind) == SCOPE_BUNDLE)
        return khap__map_get(&view->names, r->name, &at) ? first_of(view, kind, at, before) : VIEW_NONE;
    if (r->container != VIEW_NONE) {
        uint32_t container = view->references.ptr[r->container].definition;
        if (container == VIEW_NONE || !view->definitions.ptr[container].is_section)
            return VIEW_NONE;
        section = view->definitions.ptr[container].section;
    }
    /* the name has room before it for the section */
    memcpy((char *)(uintptr_t)r->name.ptr - VIEW_KEY, &section, VIEW_KEY);
    struct khap_str key = {r->name.ptr - VIEW_KEY, r->name.len + VIEW_KEY};
    return khap__map_get(&view->scoped, key, &at) ? first_of(view, kind, at, before) : VIEW_NONE;
}

static void bind_reference(struct khap_view *view, uint32_t index)
{
    struct view_reference *r = &view->references.ptr[index];
    if (r->state != KHAP_REFERENCE_MISSING)
        return;
    r->definition = meant(view, r);
    if (r->definition != VIEW_NONE) {
        struct view_definition *d = &view->definitions.ptr[r->definition];
        r->state = KHAP_REFERENCE_BOUND;
        if (d->last_referrer == VIEW_NONE)
            d->first_referrer = index;
        else
            view->references.ptr[d->last_referrer].next_referrer = index;
        d->last_referrer = index;
    } else if (r->kind == KIND_ACL &&
               khap__schema_find(TABLE_PREDEFINED_ACL, r->name, view->target.last, NULL) != NULL) {
        r->state = KHAP_REFERENCE_PREDEFINED;
    }
}

/* A proxy without `from` inherits from the last defaults above it, also those of a file before; defaults only with it. */
static void bind_defaults(struct khap_view *view)
{
    uint32_t last = VIEW_NONE;
    for (uint32_t i = 0; i < view->sections.len; i++) {
        struct view_section *s = &view->sections.ptr[i];
        bool defaults = khap__str_eq(s->kind, S("defaults"));
        if (s->from != VIEW_NONE) {
            uint32_t named = view->references.ptr[s->from].definition;
            s->defaults = named == VIEW_NONE ? VIEW_NONE : view->definitions.ptr[named].section;
        } else if (!defaults && khap__schema_kind_has(KIND_PROXY, s->kind)) {
            s->defaults = last;
        }
        if (defaults && s->read != KHAP_FALSE)
            last = i;
    }
    for (uint32_t i = view->sections.len; i-- > 0;) {
        struct view_section *s = &view->sections.ptr[i];
        if (s->defaults != VIEW_NONE) {
            s->next_inheritor = view->sections.ptr[s->defaults].first_inheritor;
            view->sections.ptr[s->defaults].first_inheritor = i;
        }
    }
}

void khap__view_bind(struct khap_view *view)
{
    for (uint32_t i = 0; i < view->references.len; i++)
        bind_reference(view, i);
    bind_defaults(view);
}
