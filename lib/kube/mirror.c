/* kube/mirror.c - what is known of a cluster, object by object. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/mirror.h"

#include <stdlib.h>

enum { LARGEST_OBJECT = 1 << 20 };
#define MOST_BYTES ((size_t)512 << 20)

enum khap_status khap_mirror_new(const struct khap_alloc *alloc, size_t most, struct khap_mirror **out)
{
    struct memory m;
    if (!out)
        return KHAP_EINVAL;
    khap__kube_memory_init(&m, alloc);
    *out = m.alloc.resize(m.alloc.ctx, NULL, 0, sizeof **out);
    if (!*out)
        return KHAP_ENOMEM;
    **out = (struct khap_mirror){.alloc = m.alloc, .most_bytes = most > 0 ? most : MOST_BYTES};
    return KHAP_OK;
}

static void forget(struct khap_mirror *m, struct mirrored *o)
{
    volatile char *bytes = (volatile char *)o;
    size_t size = o->size;
    if (o->kind->by_name) { /* the keys of certificates */
        for (size_t i = 0; i < size; i++)
            bytes[i] = 0;
    }
    m->bytes -= size;
    m->alloc.resize(m->alloc.ctx, o, size, 0);
}

void khap_mirror_free(struct khap_mirror *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_buckets; i++) {
        struct mirrored *next = m->buckets[i];
        while (next) {
            struct mirrored *o = next;
            next = o->next;
            forget(m, o);
        }
    }
    struct khap_alloc alloc = m->alloc;
    if (m->buckets)
        alloc.resize(alloc.ctx, m->buckets, m->n_buckets * sizeof *m->buckets, 0);
    alloc.resize(alloc.ctx, m, sizeof *m, 0);
}

static uint64_t hash_text(uint64_t h, struct khap_str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

static size_t bucket_of(size_t n, const struct followed *kind, struct khap_str ns, struct khap_str name)
{
    return (size_t)(hash_text(hash_text(hash_text(UINT64_C(14695981039346656037), kind->kind), ns), name) %
                    n);
}

static struct mirrored **where(const struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                               struct khap_str name)
{
    struct mirrored **at = &m->buckets[bucket_of(m->n_buckets, kind, ns, name)];
    while (*at &&
           ((*at)->kind != kind || !khap__kube_same((*at)->name, name) || !khap__kube_same((*at)->ns, ns)))
        at = &(*at)->next;
    return at;
}

static bool grow(struct khap_mirror *m)
{
    enum { FIRST = 64 };
    size_t n = m->n_buckets == 0 ? (size_t)FIRST : m->n_buckets * 2;
    if (m->count < m->n_buckets)
        return true;
    struct mirrored **larger =
        n > SIZE_MAX / sizeof *larger ? NULL : m->alloc.resize(m->alloc.ctx, NULL, 0, n * sizeof *larger);
    if (!larger)
        return false;
    for (size_t i = 0; i < n; i++)
        larger[i] = NULL;
    for (size_t i = 0; i < m->n_buckets; i++) {
        struct mirrored *next = m->buckets[i];
        while (next) {
            struct mirrored *o = next;
            next = o->next;
            struct mirrored **to = &larger[bucket_of(n, o->kind, o->ns, o->name)];
            o->next = *to;
            *to = o;
        }
    }
    if (m->buckets)
        m->alloc.resize(m->alloc.ctx, m->buckets, m->n_buckets * sizeof *m->buckets, 0);
    m->buckets = larger;
    m->n_buckets = n;
    return true;
}

static struct khap_str put_text(char **to, struct khap_str text)
{
    struct khap_str copy = {*to, text.len};
    if (text.len > 0)
        memcpy(*to, text.ptr, text.len);
    *to += text.len;
    return copy;
}

static void make_stale(struct khap_mirror *m, const struct mirrored *o);

enum khap_status khap__mirror_put(struct khap_mirror *m, const struct found *f, uint32_t mark)
{
    struct khap_str ns = f->kind->namespaced ? f->ns : S("");
    if (!khap__kube_is_name(f->name) || (f->kind->namespaced && !khap__kube_is_name(ns))) {
        m->refused++;
        return KHAP_OK;
    }
    if (!grow(m))
        return KHAP_ENOMEM;
    struct mirrored **at = where(m, f->kind, ns, f->name), *old = *at;
    size_t size = sizeof *old + ns.len + f->name.len + f->text.len + f->refs.len;
    if (old)
        old->mark = mark;
    if (old && khap__kube_same(old->text, f->text))
        return KHAP_OK;
    if (f->too_large || size > m->most_bytes - m->bytes) {
        m->refused++; /* what is known of it stays */
        return KHAP_OK;
    }
    struct mirrored *o = m->alloc.resize(m->alloc.ctx, NULL, 0, size);
    if (!o)
        return KHAP_ENOMEM;
    char *to = (char *)(o + 1);
    *o = (struct mirrored){.kind = f->kind,
                           .mark = mark,
                           .size = size,
                           .next = old ? old->next : NULL,
                           .stale = old ? old->stale : m->ref_changes};
    o->ns = put_text(&to, ns);
    o->name = put_text(&to, f->name);
    o->text = put_text(&to, f->text);
    o->refs = put_text(&to, f->refs);
    *at = o;
    m->bytes += size;
    m->changes++;
    if (!khap__kube_same(old ? old->refs : S(""), o->refs)) {
        m->ref_changes++;
        make_stale(m, o);
    }
    if (old)
        forget(m, old);
    else
        m->count++;
    return KHAP_OK;
}

static void take_out(struct khap_mirror *m, struct mirrored **at)
{
    struct mirrored *gone = *at;
    *at = gone->next;
    m->count--;
    m->changes++;
    m->ref_changes += gone->refs.len > 0;
    forget(m, gone);
}

static struct mirrored *find(const struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                             struct khap_str name)
{
    return m->n_buckets > 0 ? *where(m, kind, ns, name) : NULL;
}

bool khap__mirror_has(const struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                      struct khap_str name)
{
    const struct mirrored *o = find(m, kind, ns, name);
    return o && o->stale == 0;
}

void khap__mirror_got(struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                      struct khap_str name, uint64_t ref_changes)
{
    struct mirrored *o = find(m, kind, ns, name);
    if (o && o->stale <= ref_changes)
        o->stale = 0;
}

void khap__mirror_mark(struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                       struct khap_str name, uint32_t mark)
{
    struct mirrored *o = find(m, kind, ns, name);
    if (o)
        o->mark = mark;
}

void khap__mirror_remove(struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                         struct khap_str name)
{
    struct mirrored **at = m->n_buckets > 0 ? where(m, kind, kind->namespaced ? ns : S(""), name) : NULL;
    if (at && *at)
        take_out(m, at);
}

void khap__mirror_sweep(struct khap_mirror *m, const struct followed *kind, struct khap_str ns, uint32_t mark)
{
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (struct mirrored **at = &m->buckets[i]; *at;) {
            if ((*at)->kind == kind && (*at)->mark != mark && (ns.len == 0 || khap__kube_same((*at)->ns, ns)))
                take_out(m, at);
            else
                at = &(*at)->next;
        }
    }
}

/* ---- Secrets that are named */

/* "NAMESPACE/NAME" of the next line; its namespace is the object's own where it names none. */
static bool next_ref(const struct mirrored *o, size_t *at, struct khap_str *ns, struct khap_str *name)
{
    while (*at < o->refs.len) {
        struct khap_str rest = khap__kube_rest(o->refs, *at);
        size_t slash = (size_t)((const char *)memchr(rest.ptr, '/', rest.len) - rest.ptr);
        size_t end = (size_t)((const char *)memchr(rest.ptr, '\n', rest.len) - rest.ptr);
        *ns = slash > 0 ? (struct khap_str){rest.ptr, slash} : o->ns;
        *name = (struct khap_str){rest.ptr + slash + 1, end - slash - 1};
        *at += end + 1;
        if (khap__kube_is_name(*name) && khap__kube_is_name(*ns))
            return true;
    }
    return false;
}

static void make_stale(struct khap_mirror *m, const struct mirrored *o)
{
    const struct followed *kind = khap__kube_followed_kind(S("Secret"));
    struct khap_str ns, name;
    for (size_t at = 0; next_ref(o, &at, &ns, &name);) {
        struct mirrored *secret = find(m, kind, ns, name);
        if (secret)
            secret->stale = m->ref_changes;
    }
}

static int by_namespace_and_name(struct khap_str ns, struct khap_str name, struct khap_str ns2,
                                 struct khap_str name2)
{
    int order = khap__kube_compare(ns, ns2);
    return order != 0 ? order : khap__kube_compare(name, name2);
}

bool khap__mirror_next_ref(const struct khap_mirror *m, struct khap_str after_ns, struct khap_str after_name,
                           struct khap_str *ref_ns, struct khap_str *ref_name)
{
    bool any = false;
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (const struct mirrored *o = m->buckets[i]; o; o = o->next) {
            struct khap_str ns, name;
            for (size_t at = 0; next_ref(o, &at, &ns, &name);) {
                if (by_namespace_and_name(ns, name, after_ns, after_name) > 0 &&
                    (!any || by_namespace_and_name(ns, name, *ref_ns, *ref_name) < 0)) {
                    *ref_ns = ns;
                    *ref_name = name;
                    any = true;
                }
            }
        }
    }
    return any;
}

/* ---- out and in */

size_t khap_mirror_count(const struct khap_mirror *m)
{
    return m ? m->count : 0;
}

size_t khap_mirror_refused(const struct khap_mirror *m)
{
    return m ? m->refused : 0;
}

uint64_t khap_mirror_changes(const struct khap_mirror *m)
{
    return m ? m->changes : 0;
}

static int in_order(const void *a, const void *b)
{
    const struct mirrored *x = *(const struct mirrored *const *)a, *y = *(const struct mirrored *const *)b;
    int order = khap__kube_compare(x->kind->kind, y->kind->kind);
    return order != 0 ? order : by_namespace_and_name(x->ns, x->name, y->ns, y->name);
}

enum khap_status khap_mirror_write(const struct khap_mirror *m, const struct khap_sink *sink)
{
    if (!m || !sink)
        return KHAP_EINVAL;
    size_t n = 0, size = (m->count + 1) * sizeof(const struct mirrored *);
    const struct mirrored **all = m->alloc.resize(m->alloc.ctx, NULL, 0, size);
    if (!all)
        return KHAP_ENOMEM;
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (const struct mirrored *o = m->buckets[i]; o; o = o->next)
            all[n++] = o;
    }
    if (n > 1)
        qsort(all, n, sizeof *all, in_order);
    bool good = true;
    for (size_t i = 0; i < n && good; i++)
        good = sink->write(sink->ctx, "---\n", 4) == 0 &&
               sink->write(sink->ctx, all[i]->text.ptr, all[i]->text.len) == 0 &&
               sink->write(sink->ctx, "\n", 1) == 0;
    m->alloc.resize(m->alloc.ctx, all, size, 0);
    return good ? KHAP_OK : KHAP_EIO;
}

struct reading_back {
    struct khap_mirror *mirror;
    enum khap_status status;
};

static bool took(void *ctx, const struct found *f)
{
    struct reading_back *r = ctx;
    if (f->kind)
        r->status = khap__mirror_put(r->mirror, f, 0);
    return r->status == KHAP_OK;
}

enum khap_status khap_mirror_read(struct khap_mirror *m, struct khap_str text)
{
    if (!m)
        return KHAP_EINVAL;
    struct reading_back r = {m, KHAP_OK};
    struct decode d;
    khap__decode_init(&d, &m->alloc, LARGEST_OBJECT, took, &r);
    while (text.len > 0 && r.status == KHAP_OK) {
        const char *end = memchr(text.ptr, '\n', text.len);
        struct khap_str line = {text.ptr, end ? (size_t)(end - text.ptr) : text.len};
        text = khap__kube_rest(text, line.len + 1);
        if (line.len == 0 || line.ptr[0] != '{')
            continue;
        khap__decode_start(&d, AS_ONE, NULL, S(""));
        if (!khap__decode_take(&d, line) || !khap__decode_whole(&d))
            r.status = r.status != KHAP_OK ? r.status : khap__decode_failed(&d) ? KHAP_ENOMEM : KHAP_EINPUT;
    }
    khap__decode_free(&d);
    return r.status;
}
