/* migrate/names.c - two of one name, where the other release does not take them. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/plan.h"

/* The release from which on HAProxy refuses or warns of two proxies of one name; what they are tells. */
static uint16_t refused_from(struct khap_str a, struct khap_str b)
{
    bool proxies = khap__schema_kind_has(KIND_PROXY, a) && khap__schema_kind_has(KIND_PROXY, b);
    return !proxies ? UINT16_MAX : khap__str_eq(a, b) ? KHAP_RELEASE(1, 6) : KHAP_RELEASE(3, 1);
}

/* Names given so far, as khap_view's map of them has them: in m->arena. */
struct naming {
    struct migrate *m;
    const struct khap_view *view;
    struct map given;
};

/* The name in m->text as a key: behind the number of the section that it stands in, or of none. */
static struct khap_str key_of(struct naming *n, const struct view_definition *d)
{
    struct migrate *m = n->m;
    uint32_t section = d->is_section ? VIEW_NONE : d->section;
    khap__buf_clear(&m->more);
    khap__buf_add(&m->more, (struct khap_str){(const char *)&section, VIEW_KEY});
    khap__buf_add(&m->more, khap__buf_str(&m->text));
    return khap__buf_str(&m->more);
}

static bool taken(struct naming *n, const struct view_definition *d)
{
    uint32_t at;
    struct khap_str key = key_of(n, d);
    return khap__map_get(&n->given, key, &at) ||
           (d->is_section ? khap__map_get(&n->view->names, khap__buf_str(&n->m->text), &at)
                          : khap__map_get(&n->view->scoped, key, &at));
}

/* "web-frontend", "web-2": one that nothing has. In m->text. */
static enum khap_status free_name(struct naming *n, const struct view_definition *d, struct khap_str suffix)
{
    struct migrate *m = n->m;
    struct khap_str key;
    for (uint32_t number = suffix.len > 0 ? 1 : 2;; number++) {
        khap__buf_clear(&m->text);
        khap__buf_add(&m->text, d->name);
        if (suffix.len > 0) {
            khap__buf_char(&m->text, '-');
            khap__buf_add(&m->text, suffix);
        }
        if (number > 1) {
            khap__buf_char(&m->text, '-');
            khap__buf_uint(&m->text, number);
        }
        if (m->text.failed || m->more.failed || !taken(n, d))
            break;
    }
    if (m->text.failed || m->more.failed || khap__arena_dup(&m->arena, key_of(n, d), &key) != KHAP_OK)
        return KHAP_ENOMEM;
    return khap__map_set(&n->given, key, 1);
}

static enum khap_status rename_one(struct naming *n, const struct view_definition *d, struct khap_str kind,
                                   struct khap_str suffix, bool *stale)
{
    struct migrate *m = n->m;
    const struct khap_view *view = n->view;
    const struct view_section *section = &view->sections.ptr[d->section];
    struct khap_document *doc = khap_bundle_document(m->bundle, view->files.ptr[section->file].file);
    /* the bundle's own line */
    struct khap_line *line = (struct khap_line *)(uintptr_t)d->line;
    enum khap_status status = free_name(n, d, suffix);
    struct khap_str name = khap__buf_str(&m->text);
    if (status != KHAP_OK)
        return status;
    SAY(m->diags, MSG_MIGRATE_NAME, khap__migrate_place(m, doc, line), kind, d->name, name);
    if (suffix.len == 0 || d->first_referrer == VIEW_NONE)
        return khap_line_set_word(doc, line, d->span.word, name);
    *stale = true;
    return khap_view_rename(view, m->bundle, d->section, name, m->diags);
}

/* Renames one of each pair; `stale` when the view is to be made anew for the others. */
static enum khap_status proxies(struct naming *n, bool *stale)
{
    const struct khap_view *view = n->view;
    enum khap_status status = KHAP_OK;
    for (uint32_t i = 0; i < view->definitions.len && status == KHAP_OK && !*stale; i++) {
        const struct view_definition *d = &view->definitions.ptr[i];
        uint32_t first;
        if (!d->is_section || d->read != KHAP_TRUE || !khap__map_get(&view->names, d->name, &first) ||
            first >= i)
            continue;
        const struct view_definition *before = &view->definitions.ptr[first];
        struct khap_str a = view->sections.ptr[before->section].kind, b = view->sections.ptr[d->section].kind;
        if (before->read != KHAP_TRUE || n->m->to < refused_from(a, b))
            continue;
        if (khap__str_eq(a, b))
            status = rename_one(n, d, b, S(""), stale);
        else if (khap__str_eq(a, S("frontend")))
            status = rename_one(n, before, a, a, stale);
        else
            status = rename_one(n, d, b, b, stale);
    }
    return status;
}

/* Servers of one name in a section: refused from 2.0 on. */
static enum khap_status servers(struct naming *n)
{
    const struct khap_view *view = n->view;
    enum khap_status status = KHAP_OK;
    for (uint32_t i = 0; i < view->definitions.len && status == KHAP_OK && n->m->to >= KHAP_RELEASE(2, 0);
         i++) {
        const struct view_definition *d = &view->definitions.ptr[i];
        bool none = false;
        if (d->is_section || d->kind != KIND_SERVER || d->next_same == VIEW_NONE || d->read != KHAP_TRUE)
            continue;
        const struct view_definition *again = &view->definitions.ptr[d->next_same];
        if (again->kind == KIND_SERVER && again->read == KHAP_TRUE)
            status = rename_one(n, again, S("server"), S(""), &none);
    }
    return status;
}

enum khap_status khap__migrate_names(struct migrate *m)
{
    struct khap_target to;
    enum khap_status status = KHAP_OK;
    struct naming n = {.m = m};
    bool stale = true;
    khap__map_init(&n.given, &m->alloc);
    khap_target_init(&to);
    to.first = to.last = m->to;
    for (bool first = true; status == KHAP_OK && stale; first = false) {
        struct khap_view *view;
        status = khap_view_new(&m->alloc, m->bundle, &to, m->facts, NULL, &view);
        stale = false;
        if (status != KHAP_OK)
            break;
        n.view = view;
        status = proxies(&n, &stale);
        if (status == KHAP_OK && first)
            status = servers(&n);
        khap_view_free(view);
    }
    khap__map_free(&n.given);
    return status;
}
