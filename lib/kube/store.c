/* kube/store.c - objects by kind, namespace and name. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

#include <stdlib.h>

static const struct {
    struct khap_str name, version; /* with a slash at the end: any version of the group */
    bool cluster;                  /* it stands in no namespace */
} kinds[KINDS] = {
    [KIND_SERVICE] = {{"Service", 7}, {"v1", 2}, false},
    [KIND_NODE] = {{"Node", 4}, {"v1", 2}, true},
    [KIND_SLICE] = {{"EndpointSlice", 13}, {"discovery.k8s.io/", 17}, false},
    [KIND_INGRESS] = {{"Ingress", 7}, {"networking.k8s.io/v1", 20}, false},
    [KIND_INGRESS_CLASS] = {{"IngressClass", 12}, {"networking.k8s.io/v1", 20}, true},
    [KIND_SECRET] = {{"Secret", 6}, {"v1", 2}, false},
    [KIND_NAMESPACE] = {{"Namespace", 9}, {"v1", 2}, true},
    [KIND_GATEWAY_CLASS] = {{"GatewayClass", 12}, {"gateway.networking.k8s.io/", 26}, true},
    [KIND_GATEWAY] = {{"Gateway", 7}, {"gateway.networking.k8s.io/", 26}, false},
    [KIND_HTTP_ROUTE] = {{"HTTPRoute", 9}, {"gateway.networking.k8s.io/", 26}, false},
    [KIND_GRPC_ROUTE] = {{"GRPCRoute", 9}, {"gateway.networking.k8s.io/", 26}, false},
    [KIND_TLS_ROUTE] = {{"TLSRoute", 8}, {"gateway.networking.k8s.io/", 26}, false},
    [KIND_TCP_ROUTE] = {{"TCPRoute", 8}, {"gateway.networking.k8s.io/", 26}, false},
    [KIND_GRANT] = {{"ReferenceGrant", 14}, {"gateway.networking.k8s.io/", 26}, false},
};

struct khap_str khap__kube_kind_name(enum kind kind)
{
    return kind < KINDS ? kinds[kind].name : S("object");
}

enum kind khap__kube_kind(struct khap_str name)
{
    for (int k = 0; k < KINDS; k++) {
        if (khap__kube_same(kinds[k].name, name))
            return (enum kind)k;
    }
    return KINDS;
}

bool khap__kube_has_namespace(enum kind kind)
{
    return kind < KINDS && !kinds[kind].cluster;
}

bool khap__kube_is_version(enum kind kind, struct khap_str version)
{
    struct khap_str own = kind < KINDS ? kinds[kind].version : S("");
    bool group = own.len > 0 && own.ptr[own.len - 1] == '/';
    return group ? khap__kube_begins(version, own) : khap__kube_same(version, own);
}

struct object *khap__kube_object_new(const struct khap_alloc *alloc)
{
    struct memory m;
    khap__kube_memory_init(&m, alloc);
    struct object *o = khap__kube_take(&m, 1, sizeof *o);
    if (o)
        o->memory = m;
    return o;
}

void khap__kube_object_free(struct object *o)
{
    if (o)
        khap__kube_memory_free(&o->memory);
}

enum khap_status khap_kube_new(const struct khap_alloc *alloc, struct khap_kube **out)
{
    struct memory m;
    if (!out)
        return KHAP_EINVAL;
    *out = NULL;
    khap__kube_memory_init(&m, alloc);
    struct khap_kube *kube = m.alloc.resize(m.alloc.ctx, NULL, 0, sizeof *kube);
    if (!kube)
        return KHAP_ENOMEM;
    *kube = (struct khap_kube){.alloc = m.alloc};
    *out = kube;
    return KHAP_OK;
}

void khap_kube_free(struct khap_kube *kube)
{
    if (!kube)
        return;
    for (size_t i = 0; i < kube->n_buckets; i++) {
        struct object *next = kube->buckets[i];
        while (next) {
            struct object *o = next;
            next = o->next;
            khap__kube_object_free(o);
        }
    }
    struct khap_alloc alloc = kube->alloc;
    if (kube->buckets)
        alloc.resize(alloc.ctx, kube->buckets, kube->n_buckets * sizeof(struct object *), 0);
    alloc.resize(alloc.ctx, kube, sizeof *kube, 0);
}

size_t khap_kube_count(const struct khap_kube *kube)
{
    return kube ? kube->count : 0;
}

static uint64_t hash_text(uint64_t h, struct khap_str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

/* Names are chosen by strangers, who gain at most the time of those that they themselves make equal: Kubernetes limits how many. */
static size_t bucket_of(size_t n_buckets, enum kind kind, struct khap_str ns, struct khap_str name)
{
    uint64_t h = UINT64_C(14695981039346656037) + kind;
    return (size_t)(hash_text(hash_text(h, ns), name) % n_buckets);
}

static struct object **where(const struct khap_kube *kube, enum kind kind, struct khap_str ns,
                             struct khap_str name)
{
    struct object **at = &kube->buckets[bucket_of(kube->n_buckets, kind, ns, name)];
    while (*at &&
           ((*at)->kind != kind || !khap__kube_same((*at)->name, name) || !khap__kube_same((*at)->ns, ns)))
        at = &(*at)->next;
    return at;
}

const struct object *khap__kube_find(const struct khap_kube *kube, enum kind kind, struct khap_str ns,
                                     struct khap_str name)
{
    return kube->n_buckets > 0 ? khap__kube_shown(*where(kube, kind, ns, name)) : NULL;
}

static enum khap_status grow(struct khap_kube *kube)
{
    enum { FIRST = 64 };
    size_t n = kube->n_buckets == 0 ? (size_t)FIRST : kube->n_buckets * 2;
    if (kube->count < kube->n_buckets)
        return KHAP_OK;
    if (n > SIZE_MAX / sizeof(struct object *))
        return KHAP_ENOMEM;
    struct object **larger = kube->alloc.resize(kube->alloc.ctx, NULL, 0, n * sizeof(struct object *));
    if (!larger)
        return KHAP_ENOMEM;
    for (size_t i = 0; i < n; i++)
        larger[i] = NULL;
    for (size_t i = 0; i < kube->n_buckets; i++) {
        struct object *next = kube->buckets[i];
        while (next) {
            struct object *o = next;
            next = o->next;
            struct object **to = &larger[bucket_of(n, o->kind, o->ns, o->name)];
            o->next = *to;
            *to = o;
        }
    }
    if (kube->buckets)
        kube->alloc.resize(kube->alloc.ctx, kube->buckets, kube->n_buckets * sizeof(struct object *), 0);
    kube->buckets = larger;
    kube->n_buckets = n;
    return KHAP_OK;
}

enum khap_status khap__kube_put(struct khap_kube *kube, struct object *o, struct object **old)
{
    *old = NULL;
    if (grow(kube) != KHAP_OK) {
        khap__kube_object_free(o);
        return KHAP_ENOMEM;
    }
    struct object **at = where(kube, o->kind, o->ns, o->name);
    *old = *at;
    o->next = *at ? (*at)->next : NULL;
    *at = o;
    if (!*old)
        kube->count++;
    return KHAP_OK;
}

enum khap_status khap_kube_remove(struct khap_kube *kube, struct khap_str kind, struct khap_str ns,
                                  struct khap_str name)
{
    if (!kube)
        return KHAP_EINVAL;
    enum kind k = khap__kube_kind(kind);
    struct object **at = k != KINDS && kube->n_buckets > 0 ? where(kube, k, ns, name) : NULL;
    if (!at || !*at)
        return KHAP_ENOENT;
    struct object *gone = *at;
    *at = gone->next;
    kube->count--;
    khap__kube_object_free(gone);
    return KHAP_OK;
}

void khap__kube_sort(void *all, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (n > 1)
        qsort(all, n, size, compare);
}

static int by_name(const void *a, const void *b)
{
    const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;
    int order = khap__kube_compare(x->ns, y->ns);
    return order != 0 ? order : khap__kube_compare(x->name, y->name);
}

const struct object **khap__kube_sorted(const struct khap_kube *kube, enum kind kind, struct memory *m,
                                        size_t *n)
{
    const struct object **all = khap__kube_take(m, kube->count + 1, sizeof *all);
    *n = 0;
    if (!all)
        return NULL;
    for (size_t i = 0; i < kube->n_buckets; i++) {
        for (const struct object *o = kube->buckets[i]; o; o = o->next) {
            if (o->kind == kind && khap__kube_shown(o))
                all[(*n)++] = khap__kube_shown(o);
        }
    }
    khap__kube_sort(all, *n, sizeof *all, by_name);
    return all;
}
