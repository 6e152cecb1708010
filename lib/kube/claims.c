/* kube/claims.c - whose a host is: the namespace's that asked for it first. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/resolve.h"

#include <stdlib.h>

struct khap_str khap__kube_normal_host(struct memory *m, struct khap_str host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    char *copy = host.len > 0 ? khap__kube_take(m, host.len, 1) : NULL;
    if (!copy)
        return S("");
    for (size_t i = 0; i < host.len; i++)
        copy[i] = host.ptr[i] >= 'A' && host.ptr[i] <= 'Z' ? (char)(host.ptr[i] - 'A' + 'a') : host.ptr[i];
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

/* Who has no time of creation is not in the cluster yet, and comes behind all that are. */
static int earlier(const struct object *a, const struct object *b)
{
    if ((a->created.len == 0) != (b->created.len == 0))
        return a->created.len == 0 ? 1 : -1;
    int order = khap__kube_compare(a->created, b->created);
    if (order == 0)
        order = khap__kube_compare(a->ns, b->ns);
    return order != 0 ? order : khap__kube_compare(a->name, b->name);
}

static int by_host(const void *a, const void *b)
{
    const struct wish *x = *(const struct wish *const *)a, *y = *(const struct wish *const *)b;
    int order = khap__kube_compare(x->host, y->host);
    if (order == 0)
        order = earlier(x->by, y->by);
    return order != 0 ? order : x->number < y->number ? -1 : x->number > y->number;
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
    for (struct wish *w = r->wishes; w; w = w->next, n++)
        r->by_host[n] = r->by_route[n] = w;
    if (n > 1) {
        qsort(r->by_host, n, sizeof(struct wish *), by_host);
        qsort(r->by_route, n, sizeof(struct wish *), by_route);
    }
}

/* The first of those that wish for a host; NULL when nobody does. */
static const struct wish *owner_of(const struct resolving *r, struct khap_str host)
{
    size_t low = 0, high = r->by_host ? r->n_wishes : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (khap__kube_compare(r->by_host[middle]->host, host) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return r->by_host && low < r->n_wishes && khap__kube_same(r->by_host[low]->host, host) ? r->by_host[low]
                                                                                           : NULL;
}

bool khap__kube_owns(const struct resolving *r, struct khap_str host, struct khap_str ns)
{
    const struct wish *owner = owner_of(r, host);
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
    while (low < r->n_wishes && !khap__kube_same(r->by_route[low]->by->ns, w->by->ns))
        low++;
    return low < r->n_wishes ? r->by_route[low] : w;
}

bool khap__kube_may(struct resolving *r, const struct wish *w)
{
    const struct wish *owner = r->by_route ? owner_of(r, w->host) : NULL;
    if (!owner)
        return false;
    bool own = khap__kube_same(owner->by->ns, w->by->ns);
    if (own)
        owner = first_of(r, w);
    if (own && owner == w)
        return true;
    struct khap_str host = w->host.len > 0 ? w->host : S("any host");
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, host);
    khap__kube_add(&t, own && w->what.len < 256 ? w->what : S(""));
    khap__kube_say(r->diags, own ? "kube-route-twice" : "kube-host-claimed", w->place, khap__kube_text(&t),
                   khap__kube_whose(&r->memory, owner->by), khap__kube_whose(&r->memory, w->by));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return false;
}
