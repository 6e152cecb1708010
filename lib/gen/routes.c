/* The routes of one frontend, sorted by what decides. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

#include <stdlib.h>

static int compare_size(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static unsigned kind_rank(const struct route *r)
{
    switch (r->path_type) {
    case PATH_EXACT:
        return 0;
    case PATH_PREFIX:
        return 1;
    case PATH_REGEX:
        return 2;
    default:
        return 3;
    }
}

static int compare(const void *left, const void *right)
{
    const struct route_entry *a = left, *b = right;
    const struct route *x = a->route, *y = b->route;
    int order = compare_size(a->rank, b->rank);
    if (order == 0)
        order = compare_size(kind_rank(x), kind_rank(y));
    if (order == 0 && x->path_type == PATH_PREFIX)
        order = compare_size(y->path.len, x->path.len);
    if (order == 0)
        order = khap__match_compare(x->match, y->match);
    if (order == 0 && x->path_type == PATH_REGEX)
        order = compare_size(x->order, y->order);
    if (order == 0)
        order = compare_size(x->service, y->service);
    if (order == 0 && x->path_type != PATH_NONE)
        order = khap__str_cmp(x->path, y->path);
    return order != 0 ? order : compare_size(x->order, y->order);
}

/* The routes come in the map's order, which is often the right one already. */
static void sort(struct route_table *t)
{
    for (uint32_t i = 1; i < t->entries.len; i++) {
        if (compare(&t->entries.ptr[i - 1], &t->entries.ptr[i]) > 0) {
            qsort(t->entries.ptr, t->entries.len, sizeof t->entries.ptr[0], compare);
            return;
        }
    }
}

struct khap_str khap__route_site(struct gen *g, const struct route *route)
{
    if (!route->has_host)
        return S("");
    if (route->host.kind != HOST_WILDCARD)
        return route->host.name;
    char *site = khap__arena_bytes(&g->arena, route->host.name.len + 2);
    if (!site) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return S("");
    }
    memcpy(site, route->label ? "?." : "*.", 2);
    memcpy(site + 2, route->host.name.ptr, route->host.name.len);
    return (struct khap_str){site, route->host.name.len + 2};
}

static uint8_t rank_of(const struct route *r)
{
    return !r->has_host ? RANK_ANY : r->host.kind == HOST_WILDCARD ? RANK_WILDCARD : RANK_EXACT;
}

/* Marks the entries whose site has a route without a path: then nothing of it is ever left over for others.
 */
static enum khap_status mark_whole(struct gen *g, struct route_table *t)
{
    struct map whole;
    enum khap_status status = KHAP_OK;
    bool paths = false;
    khap__map_init(&whole, &g->alloc);
    for (uint32_t i = 0; i < t->entries.len && !paths; i++)
        paths = !khap__route_whole(t->entries.ptr[i].route) && t->entries.ptr[i].rank != RANK_ANY;
    for (uint32_t i = 0; i < t->entries.len && status == KHAP_OK; i++) {
        struct route_entry *e = &t->entries.ptr[i];
        if (!paths)
            e->whole = true;
        else if (khap__route_whole(e->route) && e->rank != RANK_ANY)
            status = khap__map_set(&whole, khap__route_site(g, e->route), 1);
    }
    for (uint32_t i = 0; paths && i < t->entries.len && status == KHAP_OK; i++) {
        uint32_t found;
        t->entries.ptr[i].whole = khap__map_get(&whole, khap__route_site(g, t->entries.ptr[i].route), &found);
    }
    khap__map_free(&whole);
    return status;
}

/* Whether plain HTTP is redirected, all that comes on a route. */
static bool redirected(const struct gen *g, uint32_t frontend, const struct service_head *head,
                       const struct route *route)
{
    const struct setting *said = head->redirect_https;
    if (g->r.frontends.ptr[frontend].tls || (head->frontends & g->r.tls_frontends) == 0)
        return false;
    return said ? said->number != 0 : route && khap__gen_secure_route(g, route);
}

/* A service with servers redirects in its backend; where there is a backend of one's own, that is all that the one of its name does. */
struct khap_str khap__backend_of(struct gen *g, uint32_t frontend, uint32_t service,
                                 const struct route *route)
{
    struct service_head *head = &g->r.services.ptr[service];
    bool away = route && route->backend.len > 0;
    if (!(head->own_backend || away) || !redirected(g, frontend, head, route))
        return away ? route->backend : head->backend;
    if (head->own_backend)
        head->redirects = true;
    return head->name;
}

/* What is redirected first is not shared: each request is drawn where it is answered. */
static const struct split *split_of(struct gen *g, uint32_t frontend, const struct service_head *head,
                                    const struct route *route)
{
    return route->split && !redirected(g, frontend, head, route) ? route->split : NULL;
}

/* A frontend outside may have its own answer for what nothing else matches. */
static struct khap_str fallback_of(struct gen *g, uint32_t index, const struct route_entry *e)
{
    const struct outside_routes *routed = g->r.frontends.ptr[index].routed;
    if (routed && routed->has_default) {
        SAY(g->diags, MSG_DEFAULT_OUTSIDE, e->route->place, g->r.services.ptr[e->route->service].name,
            routed->name);
        khap__diags_relate(g->diags, routed->default_place, S("the frontend's own"));
    }
    return e->backend;
}

enum khap_status khap__routes_of_frontend(struct gen *g, uint32_t index, struct route_table *out)
{
    memset(out, 0, sizeof *out);
    out->frontend = index;
    uint64_t bit = UINT64_C(1) << index;
    const struct outside_routes *routed = g->r.frontends.ptr[index].routed;
    bool https = g->r.https >= 0 && (uint32_t)g->r.https == index;
    for (uint32_t i = 0; i < g->r.routes.len; i++) {
        const struct route *r = &g->r.routes.ptr[i];
        const struct service_head *head = &g->r.services.ptr[r->service];
        bool passed = head->mode == MODE_PASSTHROUGH;
        if (passed ? !https : !(r->frontends & bit))
            continue;
        uint32_t found;
        /* A request for a host passed through comes here only over a connection that was made for another
         * one. */
        if (!passed && https && g->passed_hosts.used > 0 &&
            khap__map_get(&g->passed_hosts, khap__route_site(g, r), &found))
            continue;
        struct route_entry e = {
            .route = r, .split = passed ? NULL : split_of(g, index, head, r), .rank = rank_of(r)};
        e.backend = passed    ? S("khap-421")
                    : e.split ? khap__split_name(g, e.split)
                              : khap__backend_of(g, index, r->service, r);
        if (r->stated != 0 && !passed) {
            e.mark = khap__route_mark(g, r, e.split);
            out->marks = true;
        }
        if (e.rank == RANK_ANY && khap__route_whole(r)) {
            out->fallback = fallback_of(g, index, &e);
            out->fallback_mark = e.mark;
            out->fallback_split = e.split;
            if (e.split) /* as rules the last share has what is left; a map always has an answer before */
                out->fallback = khap__backend_of(g, index, e.split->shares[e.split->n - 1].service, NULL);
            continue;
        }
        if (e.mark.len > 0 && g->routing == ROUTING_MAPS)
            e.backend = e.mark;
        if (!VEC_PUSH(&g->alloc, &out->entries, e))
            return KHAP_ENOMEM;
        g->needs_421 = g->needs_421 || passed;
    }
    if (out->fallback.len == 0 && !(routed && routed->has_default)) {
        out->fallback = S("khap-404");
        g->needs_404 = true;
    }
    sort(out);
    return mark_whole(g, out);
}

/* Whether a wildcard that is passed through covers this pattern, so that it must be asked first. */
static bool under_passed_wildcard(const struct gen *g, const struct route *route)
{
    uint32_t found;
    char key[256];
    struct khap_str name = route->host.name;
    if (route->host.kind == HOST_WILDCARD) { /* the same suffix one label deep lies under the deep one */
        if (name.len + 2 > sizeof key)
            return false;
        memcpy(key, "*.", 2);
        memcpy(key + 2, name.ptr, name.len);
        if (route->label && khap__map_get(&g->passed_hosts, (struct khap_str){key, name.len + 2}, &found))
            return true;
    }
    for (size_t dot = khap__str_find(name, '.'); dot < name.len; dot = khap__str_find(name, '.')) {
        name = khap__str_sub(name, dot + 1, name.len);
        if (name.len + 2 > sizeof key)
            return false;
        memcpy(key + 2, name.ptr, name.len);
        for (size_t kind = 0; kind < 2; kind++) {
            memcpy(key, kind == 0 ? "*." : "?.", 2);
            if (khap__map_get(&g->passed_hosts, (struct khap_str){key, name.len + 2}, &found))
                return true;
        }
    }
    return false;
}

static enum khap_status add_server_name(struct gen *g, const struct route *r, struct map *seen,
                                        struct route_table *out)
{
    const struct service_head *head = &g->r.services.ptr[r->service];
    bool passed = head->mode == MODE_PASSTHROUGH, found;
    uint32_t old;
    struct khap_str site = khap__route_site(g, r);
    if (!passed) {
        bool https = g->r.https >= 0 && (r->frontends >> (unsigned)g->r.https & 1u) != 0;
        if (!https || khap__map_get(&g->passed_hosts, site, &old) || !under_passed_wildcard(g, r))
            return KHAP_OK;
    }
    enum khap_status status = khap__map_add(seen, site, 1, &found, &old);
    if (status != KHAP_OK || found)
        return status;
    struct route_entry e = {
        .route = r, .backend = passed ? head->backend : S("khap-tls"), .rank = rank_of(r), .whole = true};
    return VEC_PUSH(&g->alloc, &out->entries, e) ? KHAP_OK : KHAP_ENOMEM;
}

enum khap_status khap__routes_of_sni(struct gen *g, struct route_table *out)
{
    memset(out, 0, sizeof *out);
    struct map seen;
    enum khap_status status = KHAP_OK;
    khap__map_init(&seen, &g->alloc);
    /* A server name has no path: only the rank orders the entries, whatever else their routes say. */
    for (uint8_t rank = RANK_EXACT; rank <= RANK_WILDCARD; rank++) {
        for (uint32_t i = 0; i < g->r.routes.len && status == KHAP_OK; i++) {
            const struct route *r = &g->r.routes.ptr[i];
            if (rank_of(r) == rank)
                status = add_server_name(g, r, &seen, out);
        }
    }
    khap__map_free(&seen);
    if (g->tls_link.len > 0)
        out->fallback = S("khap-tls");
    return status;
}

void khap__routes_free(struct gen *g, struct route_table *t)
{
    VEC_FREE(&g->alloc, &t->entries);
}
