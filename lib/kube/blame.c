/* kube/blame.c - which objects an error is about, and what goes on in their place. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

struct fault {
    enum kind kind;
    struct khap_str ns, name, code, reason;
    bool last_too; /* its last valid version is at fault as well */
    bool kept;     /* that one serves */
    struct khap_place place;
    struct fault *next;
};

struct khap_kube_faults {
    struct memory memory;
    struct fault *first, **end;
};

enum khap_status khap_kube_faults_new(const struct khap_alloc *alloc, struct khap_kube_faults **out)
{
    struct memory m;
    if (!out)
        return KHAP_EINVAL;
    khap__kube_memory_init(&m, alloc);
    *out = khap__kube_take(&m, 1, sizeof **out);
    if (!*out)
        return KHAP_ENOMEM;
    **out = (struct khap_kube_faults){.memory = m};
    (*out)->end = &(*out)->first;
    return KHAP_OK;
}

void khap_kube_faults_free(struct khap_kube_faults *faults)
{
    if (faults)
        khap__kube_memory_free(&faults->memory);
}

static struct fault *find(const struct khap_kube_faults *faults, enum kind kind, struct khap_str ns,
                          struct khap_str name)
{
    struct fault *f = faults ? faults->first : NULL;
    while (f && (f->kind != kind || !khap__kube_same(f->name, name) || !khap__kube_same(f->ns, ns)))
        f = f->next;
    return f;
}

/* KHAP_ENOENT: nothing came of it, the object is left out already. */
static enum khap_status add(struct khap_kube_faults *faults, enum kind kind, struct khap_str ns,
                            struct khap_str name, bool last, struct khap_str code, struct khap_str reason)
{
    struct fault *f = find(faults, kind, ns, name);
    if (f) {
        bool more = last && !f->last_too;
        f->last_too |= last;
        return more ? KHAP_OK : KHAP_ENOENT;
    }
    struct memory *m = &faults->memory;
    f = khap__kube_take(m, 1, sizeof *f);
    if (!f)
        return KHAP_ENOMEM;
    *f = (struct fault){.kind = kind, .last_too = last};
    f->ns = khap__kube_copy(m, ns);
    f->name = khap__kube_copy(m, name);
    f->code = khap__kube_copy(m, code);
    f->reason = khap__kube_copy(m, reason);
    if (m->failed)
        return KHAP_ENOMEM;
    *faults->end = f;
    faults->end = &f->next;
    return KHAP_OK;
}

enum khap_status khap_kube_faults_add(struct khap_kube_faults *faults, struct khap_str kind,
                                      struct khap_str ns, struct khap_str name, struct khap_str code,
                                      struct khap_str reason)
{
    enum kind k = khap__kube_kind(kind);
    if (!faults || k == KINDS)
        return KHAP_EINVAL;
    enum khap_status status = add(faults, k, ns, name, false, code, reason);
    return status == KHAP_ENOENT ? add(faults, k, ns, name, true, code, reason) : status;
}

/* ---- the store */

enum khap_status khap_kube_set_aside(struct khap_kube *kube, struct khap_kube_faults *faults,
                                     const struct khap_kube *last)
{
    if (!kube || kube == last || (!faults && last))
        return KHAP_EINVAL;
    kube->faults = faults;
    kube->last = last;
    return KHAP_OK;
}

bool khap__kube_is_at_fault(const struct khap_kube *kube, enum kind kind, struct khap_str ns,
                            struct khap_str name)
{
    return find(kube->faults, kind, ns, name) != NULL;
}

void khap__kube_replace(struct khap_kube *kube, struct object *o)
{
    struct fault *f = find(kube->faults, o->kind, o->ns, o->name);
    const struct object *last =
        f && !f->last_too && kube->last ? khap__kube_find(kube->last, o->kind, o->ns, o->name) : NULL;
    o->out = true;
    /* the same version again is as bad as it was */
    o->instead = last && last->sum != o->sum ? last : NULL;
    if (f) {
        f->kept = o->instead != NULL;
        f->place = o->place;
    }
}

/* ---- errors */

static bool holds(const struct object *o, struct khap_place place)
{
    return o->whole.source == place.source && place.offset >= o->whole.offset &&
           place.offset - o->whole.offset < (o->whole.len > 0 ? o->whole.len : 1);
}

struct object_at {
    const struct object *o;
    bool last;
};

/* Objects in the order in which they stand, of both stores, so that a place is looked up fast. */
struct index {
    struct object_at *all;
    size_t n;
};

static int by_place(const void *a, const void *b)
{
    const struct khap_place x = ((const struct object_at *)a)->o->whole,
                            y = ((const struct object_at *)b)->o->whole;
    if (x.source != y.source)
        return x.source < y.source ? -1 : 1;
    return x.offset < y.offset ? -1 : x.offset > y.offset;
}

static void gather(struct index *index, const struct khap_kube *kube, bool last)
{
    for (size_t i = 0; kube && i < kube->n_buckets; i++) {
        for (const struct object *o = kube->buckets[i]; o; o = o->next)
            index->all[index->n++] = (struct object_at){o, last};
    }
}

static const struct object_at *at_place(const struct index *index, struct khap_place place)
{
    size_t low = 0, high = index->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct khap_place at = index->all[middle].o->whole;
        if (at.source < place.source || (at.source == place.source && at.offset <= place.offset))
            low = middle + 1;
        else
            high = middle;
    }
    return place.source != 0 && low > 0 && holds(index->all[low - 1].o, place) ? &index->all[low - 1] : NULL;
}

/* Whether it is as it was when all was well. */
static bool is_unchanged(const struct khap_kube *kube, const struct object_at *at)
{
    const struct object *o =
        kube->last ? khap__kube_find(kube->last, at->o->kind, at->o->ns, at->o->name) : NULL;
    return at->last || (o && o->sum == at->o->sum);
}

/* Of two that an error names, the one that came between: what has changed, else the younger. */
static const struct object_at *guiltier(const struct khap_kube *kube, const struct object_at *a,
                                        const struct object_at *b)
{
    if (!a || !b)
        return a ? a : b;
    bool same_a = is_unchanged(kube, a), same_b = is_unchanged(kube, b);
    if (same_a != same_b)
        return same_a ? b : a;
    return khap__kube_earlier(a->o, b->o) >= 0 ? a : b;
}

static const struct object_at *culprit(const struct khap_kube *kube, const struct index *index,
                                       const struct khap_diag *d)
{
    const struct object_at *o = at_place(index, khap_diag_place(d));
    struct khap_place place;
    struct khap_str text;
    for (size_t i = 0; khap_diag_related(d, i, &place, &text) == KHAP_OK; i++)
        o = guiltier(kube, o, at_place(index, place));
    return o;
}

enum khap_status khap_kube_blame(const struct khap_kube *kube, const struct khap_diags *diags,
                                 uint32_t *found)
{
    if (!kube || !kube->faults || !diags || !found)
        return KHAP_EINVAL;
    struct memory m;
    struct index index = {0};
    enum khap_status status = KHAP_OK;
    *found = 0;
    khap__kube_memory_init(&m, &kube->alloc);
    index.all = khap__kube_take(&m, kube->count + khap_kube_count(kube->last) + 1, sizeof *index.all);
    if (!index.all)
        return KHAP_ENOMEM;
    gather(&index, kube, false);
    gather(&index, kube->last, true);
    khap__kube_sort(index.all, index.n, sizeof *index.all, by_place);
    for (const struct khap_diag *d = NULL; status == KHAP_OK && (d = khap_diags_next(diags, d)) != NULL;) {
        const char *code = khap_diag_code(d);
        if (khap_diag_severity(d) != KHAP_ERROR)
            continue;
        const struct object_at *at = culprit(kube, &index, d);
        if (!at)
            continue;
        status = add(kube->faults, at->o->kind, at->o->ns, at->o->name, at->last,
                     (struct khap_str){code, strlen(code)}, khap_diag_text(d));
        *found += status == KHAP_OK;
        if (status == KHAP_ENOENT)
            status = KHAP_OK;
    }
    khap__kube_memory_free(&m);
    return status;
}

enum khap_status khap_kube_fault_at(const struct khap_kube_faults *faults, size_t i,
                                    struct khap_kube_fault *out)
{
    if (!faults || !out || out->size != sizeof *out)
        return KHAP_EINVAL;
    const struct fault *f = faults->first;
    while (f && i-- > 0)
        f = f->next;
    if (!f)
        return KHAP_ENOENT;
    *out = (struct khap_kube_fault){.size = sizeof *out,
                                    .kind = khap__kube_kind_name(f->kind),
                                    .ns = f->ns,
                                    .name = f->name,
                                    .code = f->code,
                                    .reason = f->reason,
                                    .kept = f->kept,
                                    .place = f->place};
    return KHAP_OK;
}

/* ---- what counts, as manifests */

static int in_order(const void *a, const void *b)
{
    const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;
    return x->place.source != y->place.source  ? (x->place.source < y->place.source ? -1 : 1)
           : x->place.offset < y->place.offset ? -1
                                               : x->place.offset > y->place.offset;
}

/* Whether the text says by itself what it says in its place: an alias may name what stands before it. */
static enum khap_status stands_alone(const struct khap_kube *kube, struct khap_str text, bool *alone)
{
    struct lone l;
    const struct khap_yaml_node *root = NULL;
    *alone = true;
    if (!memchr(text.ptr, '*', text.len))
        return KHAP_OK;
    enum khap_status status = khap__kube_lone_open(kube, text, &l);
    if (status == KHAP_OK)
        status = khap_yaml_next(l.yaml, &root);
    *alone = status == KHAP_OK && root && khap_diags_count(l.diags, KHAP_ERROR) == 0;
    khap__kube_lone_close(&l);
    return status == KHAP_EINPUT ? KHAP_OK : status;
}

/* A document; its first line stands where it stood, because the others do. */
static enum khap_status add_document(const struct khap_kube *kube, const struct khap_sources *sources,
                                     const struct object *o, struct text *out)
{
    struct khap_str all = khap_sources_text(sources, o->whole.source), document;
    size_t from = out->len, at = o->whole.offset;
    bool alone = false;
    if (at > all.len || o->whole.len > all.len - at)
        return KHAP_OK;
    khap__kube_add(out, S("---\n"));
    size_t begin = out->len;
    while (at > 0 && all.ptr[at - 1] != '\n')
        at--;
    for (; at < o->whole.offset; at++)
        khap__kube_add(out, S(" "));
    khap__kube_add(out, (struct khap_str){all.ptr + o->whole.offset, o->whole.len});
    khap__kube_add(out, S("\n"));
    if (out->failed)
        return KHAP_ENOMEM;
    document = (struct khap_str){out->ptr + begin, out->len - begin};
    enum khap_status status = stands_alone(kube, document, &alone);
    if (!alone)
        out->len = from;
    return status;
}

enum khap_status khap_kube_write_valid(const struct khap_kube *kube, uint32_t source,
                                       const struct khap_sources *sources, const struct khap_sink *sink)
{
    if (!kube || !sources || !sink)
        return KHAP_EINVAL;
    struct memory m;
    struct text text;
    size_t n = 0;
    enum khap_status status = KHAP_OK;
    khap__kube_memory_init(&m, &kube->alloc);
    khap__kube_text_init(&text, &kube->alloc);
    const struct object **all = khap__kube_take(&m, kube->count + 1, sizeof *all);
    for (size_t i = 0; all && i < kube->n_buckets; i++) {
        for (const struct object *o = kube->buckets[i]; o; o = o->next) {
            if (o->place.source == source)
                all[n++] = o;
        }
    }
    khap__kube_sort(all, n, sizeof *all, in_order);
    for (size_t i = 0; status == KHAP_OK && i < n; i++) {
        const struct object *o = khap__kube_shown(all[i]);
        text.len = 0;
        if (o)
            status = add_document(kube, sources, o, &text);
        if (status == KHAP_OK && text.len > 0 && sink->write(sink->ctx, text.ptr, text.len) != 0)
            status = KHAP_EIO;
    }
    khap__kube_text_free(&text);
    khap__kube_memory_free(&m);
    return all ? status : KHAP_ENOMEM;
}
