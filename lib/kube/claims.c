/* kube/claims.c - whose a host is: the namespace's that asked for it first. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"

#include <stdlib.h>

struct khap_str khap__kube_normal_host(struct memory *m, struct khap_str host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    char *copy = host.len > 0 ? khap__kube_take(m, host.len, 1) : NULL;
    if (!copy)
        return S("");
    for (size_t i = 0; i < host.len; i++)
        copy[i] = khap__kube_lower(host.ptr[i]);
    return (struct khap_str){copy, host.len};
}

struct wish *khap__kube_wish(struct resolving *r, const struct object *by, const struct object *service,
                             const struct port *port, struct khap_str host)
{
    struct wish *w = khap__kube_take(&r->memory, 1, sizeof *w);
    if (!w)
        return NULL;
    *w = (struct wish){.by = by, .service = service, .port = port, .number = r->n_wishes++};
    w->host = khap__kube_normal_host(&r->memory, host);
    *r->last_wish = w;
    r->last_wish = &w->next;
    return w;
}

int khap__kube_earlier(const struct object *a, const struct object *b)
{
    if ((a->created.len == 0) != (b->created.len == 0))
        return a->created.len == 0 ? 1 : -1;
    int order = khap__kube_compare(a->created, b->created);
    if (order == 0)
        order = khap__kube_compare(a->ns, b->ns);
    if (order == 0)
        order = khap__kube_compare(a->name, b->name);
    return order != 0 ? order : (int)a->kind - (int)b->kind;
}

/* Of two wishes for one host. */
static int sooner(const struct wish *a, const struct wish *b)
{
    int order = khap__kube_earlier(a->by, b->by);
    return order != 0 ? order : a->number < b->number ? -1 : a->number > b->number;
}

static int by_host(const void *a, const void *b)
{
    const struct wish *x = *(const struct wish *const *)a, *y = *(const struct wish *const *)b;
    int order = khap__kube_compare(x->host, y->host);
    return order != 0 ? order : sooner(x, y);
}

void khap__kube_add_what(struct text *out, struct khap_str path, struct khap_str type)
{
    bool exact = khap__kube_same(type, S("Exact")), regex = khap__kube_same(type, S("Regex"));
    if (exact || regex)
        khap__kube_add(out, exact ? S("=") : S("~"));
    else if (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--; /* element by element, the last one is empty */
    khap__kube_add(out, path);
}

static int by_route(const void *a, const void *b)
{
    const struct wish *x = *(const struct wish *const *)a, *y = *(const struct wish *const *)b;
    int order = khap__kube_compare(x->host, y->host);
    if (order == 0)
        order = khap__kube_compare(x->what, y->what);
    return order != 0 ? order : by_host(a, b);
}

void khap__kube_settle(struct resolving *r)
{
    size_t n = 0;
    r->by_host = khap__kube_take(&r->memory, r->n_wishes + 1, sizeof(struct wish *));
    r->by_route = khap__kube_take(&r->memory, r->n_wishes + 1, sizeof(struct wish *));
    if (!r->by_host || !r->by_route)
        return;
    for (struct wish *w = r->wishes; w; w = w->next) {
        w->forbidden = !khap__kube_may_have_host(r, w->by->ns, w->host);
        if (!w->forbidden) {
            r->by_host[n] = r->by_route[n] = w;
            n++;
        }
    }
    r->n_wishes = n; /* who may not have a host is in nobody's way */
    if (n > 1) {
        qsort(r->by_host, n, sizeof(struct wish *), by_host);
        qsort(r->by_route, n, sizeof(struct wish *), by_route);
    }
}

/* Whether there is an address where both stand. */
static bool overlap(const struct front *a, const struct front *b)
{
    return a == b || (!a && b->shared) || (!b && a->shared);
}

/* The first wish for a host, in by_host; n_wishes when there is none. */
static size_t first_for(const struct resolving *r, struct khap_str host)
{
    size_t low = 0, high = r->by_host ? r->n_wishes : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (khap__kube_compare(r->by_host[middle]->host, host) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct wish *khap__kube_owner(const struct resolving *r, struct khap_str host,
                                    const struct front *front)
{
    for (size_t i = first_for(r, host);
         r->by_host && i < r->n_wishes && khap__kube_same(r->by_host[i]->host, host); i++) {
        if (overlap(r->by_host[i]->front, front))
            return r->by_host[i];
    }
    return NULL;
}

bool khap__kube_owns(const struct resolving *r, struct khap_str host, struct khap_str ns)
{
    const struct wish *owner = khap__kube_owner(r, host, NULL);
    return owner && khap__kube_same(owner->by->ns, ns);
}

/* The first of its namespace that wishes for the same; itself, as a rule. */
static const struct wish *first_of(const struct resolving *r, const struct wish *w)
{
    size_t low = 0, high = r->n_wishes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct wish *at = r->by_route[middle];
        int order = khap__kube_compare(at->host, w->host);
        if (order == 0)
            order = khap__kube_compare(at->what, w->what);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < r->n_wishes && (!khap__kube_same(r->by_route[low]->by->ns, w->by->ns) ||
                                 !overlap(r->by_route[low]->front, w->front)))
        low++;
    return low < r->n_wishes ? r->by_route[low] : w;
}

/* An older wildcard of another namespace that the host is below of. Routes of Gateways are let in below each other by who has the Gateway. */
static const struct wish *above(const struct resolving *r, const struct wish *w, const struct wish *owner)
{
    struct khap_str host = w->host;
    for (size_t at = 0, depth = 0; at < host.len; at++) {
        if (host.ptr[at] != '.' || at == 0)
            continue;
        char wildcard[256] = "*";
        if (host.len - at >= sizeof wildcard)
            continue;
        memcpy(wildcard + 1, host.ptr + at, host.len - at);
        depth++;
        const struct wish *o = khap__kube_owner(r, (struct khap_str){wildcard, host.len - at + 1}, w->front);
        if (o && o != w && !khap__kube_same(o->host, host) && !khap__kube_same(o->by->ns, w->by->ns) &&
            (!o->label || depth == 1) && !(o->target && w->target) && sooner(o, owner) < 0)
            return o;
    }
    return NULL;
}

/* What is passed through and what is opened cannot share a host. */
static const struct wish *other_way(const struct resolving *r, const struct wish *w)
{
    for (size_t i = first_for(r, w->host);
         i < r->n_wishes && r->by_host[i] != w && khap__kube_same(r->by_host[i]->host, w->host); i++) {
        const struct wish *o = r->by_host[i];
        if (o->passed != w->passed && overlap(o->front, w->front))
            return o;
    }
    return NULL;
}

bool khap__kube_may(struct resolving *r, const struct wish *w)
{
    const struct wish *owner = r->by_route ? khap__kube_owner(r, w->host, w->front) : NULL;
    if (w->forbidden)
        khap__kube_say(r->diags, "kube-not-allowed", w->place, khap__kube_whose(&r->memory, w->by),
                       w->host.len > 0 ? w->host : S("any host"), S(""));
    if (w->forbidden || !owner)
        return false;
    bool own = khap__kube_same(owner->by->ns, w->by->ns);
    const struct wish *has = !own ? owner : above(r, w, owner);
    bool twice = false;
    if (!has && r->any_passed)
        has = other_way(r, w);
    if (!has) {
        has = first_of(r, w);
        twice = true;
    }
    if (has == w)
        return true;
    if (twice && has->by == w->by && w->target) { /* two of its parents stand at one address */
        w->judged->granted++;
        return false;
    }
    struct khap_str host = w->host.len > 0 ? w->host : S("any host");
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, host);
    for (size_t i = 0; twice && i < w->what.len && i < 256 && w->what.ptr[i] != '\1'; i++)
        khap__kube_add(&t, (struct khap_str){w->what.ptr + i, 1});
    khap__kube_say(r->diags, twice ? "kube-route-twice" : "kube-host-claimed", w->place, khap__kube_text(&t),
                   khap__kube_whose(&r->memory, has->by), khap__kube_whose(&r->memory, w->by));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return false;
}
