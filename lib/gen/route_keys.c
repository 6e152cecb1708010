/* Routes with keys of their own. The routing leaves the route's mark in txn.backend, "SERVICE/NUMBER"; in the service's backend the
 * route's rules ask for it, and the service's rules of the same kind leave those routes out. So it is in the backend of a canary. In a
 * bundle the mark of what is split is "SPLIT/NUMBER", because the name of the split is looked up. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

/* HAProxy reads at most 64 words a line. */
enum { MARKS_A_LINE = 32, MARKS_IN_A_RULE = 8 };

static uint32_t number_of(const struct gen *g, const struct route *route)
{
    return route->order - g->r.services.ptr[route->service].first_route + 1;
}

static void add_mark(struct gen *g, const struct route *route, struct khap_str name)
{
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, name);
    khap__buf_char(&g->text, '/');
    khap__buf_uint(&g->text, number_of(g, route));
}

static struct khap_str marked_by(struct gen *g, const struct route *route, const struct split *split)
{
    return split && g->routing == ROUTING_MAPS ? khap__split_name(g, split)
                                               : g->r.services.ptr[route->service].name;
}

struct khap_str khap__route_mark(struct gen *g, const struct route *route, const struct split *split)
{
    struct khap_str mark = S("");
    add_mark(g, route, marked_by(g, route, split));
    if (g->text.failed || khap__arena_dup(&g->arena, khap__buf_str(&g->text), &mark) != KHAP_OK)
        khap__gen_fail(g, KHAP_ENOMEM);
    return mark;
}

/* How many marks a route has: what is split is not on a frontend that redirects it first. */
static uint32_t marks_of(const struct gen *g, const struct route *route)
{
    return route->split && g->routing == ROUTING_MAPS ? 2 : 1;
}

static void mark_words(struct gen *g, const struct route *route)
{
    add_mark(g, route, marked_by(g, route, NULL));
    khap__doc_word(g->doc, khap__buf_str(&g->text));
    if (marks_of(g, route) == 2) {
        add_mark(g, route, marked_by(g, route, route->split));
        khap__doc_word(g->doc, khap__buf_str(&g->text));
    }
}

void khap__set_mark(struct gen *g, struct khap_str mark)
{
    khap__doc_lit(g->doc, "http-request set-var(txn.backend)");
    khap__doc_part(g->doc, S("str("));
    khap__doc_part(g->doc, mark);
    khap__doc_part(g->doc, S(")"));
    khap__doc_part_end(g->doc);
}

bool khap__own_keys_find(struct gen *g, const struct service *s, struct own_keys *out)
{
    const struct service_head *head = s->head;
    uint32_t n = 0;
    *out = (struct own_keys){0};
    for (uint32_t i = 0; i < khap__routes_to(head); i++)
        n += khap__route_to(&g->r, head, i)->stated != 0;
    if (n == 0)
        return true;
    out->routes = khap__arena_alloc(&g->scratch, n, sizeof *out->routes);
    for (uint32_t i = 0; out->routes && i < khap__routes_to(head); i++) {
        const struct route *route = khap__route_to(&g->r, head, i);
        if (route->stated == 0)
            continue;
        if (!khap__route_resolve(&g->r, route, head, &g->scratch, &out->routes[out->n]))
            break;
        out->n++;
    }
    if (out->n < n)
        khap__gen_fail(g, KHAP_ENOMEM);
    return out->n == n;
}

static uint32_t how_many(const struct own_keys *own, uint8_t keys)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < own->n; i++)
        n += (own->routes[i].route->stated & keys) != 0;
    return n;
}

/* "khap-routes:3f", which stands before the rules that name it */
static void acl_name(struct gen *g, uint8_t keys, bool negated)
{
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, negated ? S("!khap-routes:") : S("khap-routes:"));
    khap__buf_hex(&g->text, keys, 2);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

static void marks(struct gen *g, const struct own_keys *own, uint8_t keys, bool acl)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < own->n; i++) {
        const struct route *route = own->routes[i].route;
        if (!(route->stated & keys))
            continue;
        if (acl && open == 0) {
            khap__doc_begin(g->doc, 4, route->place);
            khap__doc_lit(g->doc, "acl");
            acl_name(g, keys, false);
            khap__doc_lit(g->doc, "var(txn.backend) -m str");
        }
        mark_words(g, route);
        open += acl ? marks_of(g, route) : 0;
        if (open >= MARKS_A_LINE) {
            khap__doc_end(g->doc);
            open = 0;
        }
    }
    if (open > 0)
        khap__doc_end(g->doc);
}

void khap__own_keys_rest(struct gen *g, struct own_keys *own, uint8_t keys)
{
    uint32_t n = how_many(own, keys);
    g->left_out = n > 0 ? own : NULL;
    g->left_out_keys = keys;
    if (n > MARKS_IN_A_RULE && !(own->acls >> keys & 1u)) {
        own->acls |= UINT32_C(1) << keys;
        marks(g, own, keys, true);
    }
}

void khap__own_keys_end(struct gen *g)
{
    g->left_out = NULL;
}

void khap__gen_when(struct gen *g, bool begun)
{
    struct khap_document *doc = g->doc;
    if (!g->only && !g->left_out)
        return;
    if (!begun)
        khap__doc_lit(doc, "if");
    if (g->only) {
        khap__doc_lit(doc, "{ var(txn.backend) -m str");
        mark_words(g, g->only);
        khap__doc_lit(doc, "}");
    } else if (how_many(g->left_out, g->left_out_keys) > MARKS_IN_A_RULE) {
        acl_name(g, g->left_out_keys, true);
    } else {
        khap__doc_lit(doc, "!{ var(txn.backend) -m str");
        marks(g, g->left_out, g->left_out_keys, false);
        khap__doc_lit(doc, "}");
    }
}

void khap__own_keys_routes(struct gen *g, const struct own_keys *own, uint8_t keys, uint8_t hidden_by,
                           void (*write)(struct gen *g, const struct service *s))
{
    for (uint32_t i = 0; i < own->n; i++) {
        const struct service *route = &own->routes[i];
        if (!(route->route->stated & keys) || (route->route->stated & hidden_by))
            continue;
        g->only = route->route;
        write(g, route);
    }
    g->only = NULL;
}

void khap__own_keys_each(struct gen *g, const struct service *s, struct own_keys *own, uint8_t keys,
                         uint8_t hidden_by, void (*write)(struct gen *g, const struct service *s))
{
    khap__own_keys_routes(g, own, keys, hidden_by, write);
    khap__own_keys_rest(g, own, keys | hidden_by);
    write(g, s);
    khap__own_keys_end(g);
}

/* What comes by default has no mark in a bundle, where nothing says so: the maps have found nothing. */
void khap__gen_default_mark(struct gen *g, const struct own_keys *own)
{
    for (uint32_t i = 0; g->routing == ROUTING_MAPS && i < own->n; i++) {
        const struct route *route = own->routes[i].route;
        if (route->has_host || !khap__route_whole(route))
            continue;
        khap__doc_begin(g->doc, 4, route->place);
        khap__set_mark(g, khap__route_mark(g, route, NULL));
        khap__doc_lit(g->doc, "if !{ var(txn.backend) -m found } !{ var(txn.site) -m found } || !{ "
                              "var(txn.backend) -m found } { var(txn.site) -m beg @ }");
        khap__doc_end(g->doc);
    }
}

/* ---- as rules of a frontend ---- */

static bool same_mark(const struct route_entry *a, const struct route_entry *b)
{
    return khap__same_place(a, b, LAYER_HTTP) && khap__str_eq(a->mark, b->mark);
}

/*
 * From the routes that decide last to those that decide first, so that the mark of the one that decides stays. Only those of services
 * with marks have to say anything.
 */
void khap__routes_write_marks(struct gen *g, const struct route_table *t)
{
    struct khap_document *doc = g->doc;
    bool marked = false;
    for (uint32_t i = 0; i < t->entries.len; i++)
        khap__match_acls(g, t->entries.ptr[i].route);
    if (t->fallback_mark.len > 0) {
        khap__doc_begin(doc, 4, NOWHERE);
        khap__set_mark(g, t->fallback_mark);
        khap__doc_end(doc);
        marked = true;
    }
    for (uint32_t to = t->entries.len, from; to > 0; to = from) {
        const struct route_entry *e = &t->entries.ptr[to - 1];
        for (from = to - 1; from > 0 && to - from < khap__hosts_a_rule(g); from--) {
            if (!same_mark(&t->entries.ptr[from - 1], e))
                break;
        }
        if (e->mark.len == 0 && (!marked || !g->r.services.ptr[e->route->service].has_marks))
            continue;
        marked = true;
        khap__doc_begin(doc, 4, e->route->place);
        khap__set_mark(g, e->mark.len > 0 ? e->mark : e->backend);
        khap__doc_lit(doc, "if");
        khap__write_hosts(g, t, from, to, LAYER_HTTP);
        khap__path_condition(g, e->route);
        khap__match_conditions(g, e->route);
        khap__doc_end(doc);
    }
}
