/* Routes with a match in a bundle: the maps lead to a group of routes of one path, rules decide within it. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

void khap__groups_init(struct route_groups *groups, struct gen *g, const struct route_table *t)
{
    memset(groups, 0, sizeof *groups);
    groups->g = g;
    khap__map_init(&groups->index, &g->alloc);
    for (uint32_t i = 0; i < t->entries.len && !groups->any; i++)
        groups->any = t->entries.ptr[i].route->match != NULL;
}

void khap__groups_free(struct route_groups *groups)
{
    khap__map_free(&groups->index);
    VEC_FREE(&groups->g->alloc, &groups->paths);
}

/* What a path is found by, in the buffer: as in the map of paths. */
static struct khap_str key_of(struct gen *g, struct khap_str site, struct khap_str path, bool exact)
{
    struct buf *b = &g->text;
    khap__buf_clear(b);
    khap__buf_add(b, site.len > 0 ? S("@") : S(""));
    khap__buf_add(b, site);
    khap__buf_add(b, path);
    khap__buf_add(b, exact ? S(WHOLE_PATH) : S("/"));
    return khap__buf_str(b);
}

/* The name of a group: "@", its key with all bytes in hexadecimal that are special in an argument of a converter or a condition. */
static struct khap_str group_name(struct gen *g, struct khap_str key)
{
    struct buf *b = &g->text;
    struct khap_str name = S("");
    khap__buf_clear(b);
    khap__buf_char(b, '@');
    for (size_t i = key.ptr[0] == '@'; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        if (khap__is_alnum(c) || memchr("/-_.~?*:", c, 8)) {
            khap__buf_char(b, (char)c);
        } else {
            khap__buf_char(b, '%');
            khap__buf_hex(b, c, 2);
        }
    }
    if (b->failed || khap__arena_dup(&g->arena, khap__buf_str(b), &name) != KHAP_OK)
        khap__gen_fail(g, KHAP_ENOMEM);
    return name;
}

struct khap_str khap__groups_add(struct route_groups *groups, const struct route_entry *e,
                                 struct khap_str site)
{
    struct gen *g = groups->g;
    const struct route *r = e->route;
    struct khap_str key;
    uint32_t at;
    bool found;
    if (khap__arena_dup(&g->arena, key_of(g, site, r->path, r->path_type == PATH_EXACT), &key) != KHAP_OK ||
        g->text.failed || khap__map_add(&groups->index, key, groups->paths.len, &found, &at) != KHAP_OK) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return S("");
    }
    if (found) { /* the one without a match is behind those with one */
        if (r->match)
            groups->paths.ptr[at].left++;
        else
            groups->paths.ptr[at].plain = e->backend;
        return S("");
    }
    struct route_path path = {.value = e->backend};
    if (r->match) {
        path.value = group_name(g, key);
        path.left = 1;
    }
    if (!VEC_PUSH(&g->alloc, &groups->paths, path))
        khap__gen_fail(g, KHAP_ENOMEM);
    return path.value;
}

/* What the map says of the next shorter path of the site; empty when there is none. */
static struct khap_str shorter(struct route_groups *groups, const struct route *r, struct khap_str site)
{
    size_t from = r->path_type == PATH_EXACT ? r->path.len : r->path.len - 1;
    for (size_t cut = from; cut > 0; cut--) {
        uint32_t at;
        if (cut < r->path.len && r->path.ptr[cut] != '/')
            continue;
        struct khap_str key = key_of(groups->g, site, khap__str_sub(r->path, 0, cut), false);
        if (!groups->g->text.failed && khap__map_get(&groups->index, key, &at))
            return groups->paths.ptr[at].value;
    }
    return S("");
}

static void begin_rule(struct gen *g, const struct route *r, struct khap_str value)
{
    struct khap_document *doc = g->doc;
    khap__doc_begin(doc, 4, r->place);
    khap__doc_lit(doc, "http-request set-var(txn.backend)");
    khap__doc_part(doc, S("str("));
    khap__doc_part(doc, value);
    khap__doc_part(doc, S(")"));
    khap__doc_part_end(doc);
    khap__doc_lit(doc, "if");
}

static void in_group(struct gen *g, struct khap_str name)
{
    khap__doc_lit(g->doc, "{ var(txn.backend) -m str");
    khap__doc_word(g->doc, name);
    khap__doc_lit(g->doc, "}");
}

static bool of_kind(const struct route_entry *e, bool hostless)
{
    return e->route->match && (e->rank == RANK_ANY) == hostless;
}

void khap__groups_write_paths(struct route_groups *groups, const struct route_table *t, bool hostless)
{
    struct gen *g = groups->g;
    bool any = false;
    for (uint32_t i = 0; groups->any && i < t->entries.len; i++) {
        const struct route_entry *e = &t->entries.ptr[i];
        const struct route *r = e->route;
        uint32_t at;
        if (!of_kind(e, hostless) || (r->path_type != PATH_EXACT && r->path_type != PATH_PREFIX))
            continue;
        struct khap_str site = khap__route_site(g, r);
        struct khap_str key = key_of(g, site, r->path, r->path_type == PATH_EXACT);
        if (g->text.failed || !khap__map_get(&groups->index, key, &at))
            continue; /* there was no memory for it */
        struct route_path *path = &groups->paths.ptr[at];
        any = true;
        begin_rule(g, r, e->backend);
        in_group(g, path->value);
        khap__match_conditions(g, r);
        khap__doc_end(g->doc);
        if (--path->left > 0)
            continue;
        struct khap_str next = path->plain.len > 0 ? path->plain : shorter(groups, r, site);
        if (next.len == 0)
            continue;
        begin_rule(g, r, next);
        in_group(g, path->value);
        khap__doc_end(g->doc);
    }
    if (any) /* a group that nothing has taken */
        khap__gen_line(g, 4, "http-request unset-var(txn.backend) if { var(txn.backend) -m beg @ }", NOWHERE);
}

void khap__groups_write_rest(struct route_groups *groups, const struct route_table *t, bool hostless,
                             bool regex)
{
    struct gen *g = groups->g;
    for (uint32_t i = 0; groups->any && i < t->entries.len; i++) {
        const struct route_entry *e = &t->entries.ptr[i];
        const struct route *r = e->route;
        if (!of_kind(e, hostless) || r->path_type != (regex ? PATH_REGEX : PATH_NONE))
            continue;
        begin_rule(g, r, e->backend);
        khap__doc_lit(g->doc, "!{ var(txn.backend) -m found }");
        if (!hostless) {
            khap__doc_lit(g->doc, "{ var(txn.site) -m str");
            khap__doc_part(g->doc, S("@"));
            khap__doc_part(g->doc, khap__route_site(g, r));
            khap__doc_part_end(g->doc);
            khap__doc_lit(g->doc, "}");
        }
        khap__path_condition(g, r);
        khap__match_conditions(g, r);
        khap__doc_end(g->doc);
    }
}
