/* kube/read.c - manifests: documents, lists, and the names of objects. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

static struct khap_str text_at(const struct khap_yaml_node *node, struct khap_str key)
{
    return khap_yaml_text(khap_yaml_get(node, key));
}

static bool is_object(const struct khap_yaml_node *root)
{
    return text_at(root, S("apiVersion")).len > 0 && text_at(root, S("kind")).len > 0;
}

/* Which of our kinds it is: the same word may be a kind of somebody else's group. */
static enum kind kind_of(const struct khap_yaml_node *root, struct khap_str list_of)
{
    struct khap_str version = text_at(root, S("apiVersion")), kind = text_at(root, S("kind"));
    /* the items of a ServiceList need no kind of their own */
    enum kind k = khap__kube_kind(kind.len > 0 ? kind : list_of);
    return version.len == 0 || khap__kube_is_version(k, version) ? k : KINDS;
}

static uint64_t sum_of(const struct reading *r, struct khap_place place)
{
    struct khap_str text = khap_sources_text(khap_diags_sources(r->diags), place.source);
    uint64_t sum = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < place.len && place.offset + i < text.len; i++)
        sum = (sum ^ (unsigned char)text.ptr[place.offset + i]) * UINT64_C(1099511628211);
    return sum;
}

static enum khap_status take_object(struct reading *r, const struct khap_yaml_node *root, enum kind kind)
{
    const struct khap_yaml_node *metadata = khap_yaml_get(root, S("metadata"));
    const struct khap_yaml_node *name = khap_yaml_get(metadata, S("name"));
    struct khap_str ns = text_at(metadata, S("namespace"));
    if (!khap__kube_is_name(khap_yaml_text(name)) || (ns.len > 0 && !khap__kube_is_name(ns))) {
        khap__kube_say(r->diags, "kube-bad-name", khap_yaml_place(r->yaml, name ? name : root),
                       khap__kube_kind_name(kind), S(""), S(""));
        r->bad = true;
        return KHAP_OK;
    }
    struct object *o = khap__kube_object_new(&r->kube->alloc), *old = NULL;
    if (!o)
        return KHAP_ENOMEM;
    o->kind = kind;
    o->place = khap_yaml_place(r->yaml, name);
    o->name = khap__kube_copy(&o->memory, khap_yaml_text(name));
    if (khap__kube_has_namespace(kind))
        o->ns = khap__kube_copy(&o->memory, ns.len > 0 ? ns : S("default"));
    o->created = khap__kube_copy(&o->memory, text_at(metadata, S("creationTimestamp")));
    o->leaving = text_at(metadata, S("deletionTimestamp")).len > 0;
    o->whole = khap_yaml_place(r->yaml, root);
    o->sum = sum_of(r, o->whole);
    bool at_fault = khap__kube_is_at_fault(r->kube, kind, o->ns, o->name);
    bool good = at_fault || khap__kube_read_object(r, o, root);
    if (o->memory.failed || (!good && !r->kube->faults)) {
        bool failed = o->memory.failed;
        r->bad |= !good;
        khap__kube_object_free(o);
        return failed ? KHAP_ENOMEM : KHAP_OK;
    }
    r->bad |= !good;
    if (at_fault || !good) /* what is wrong with it finds it here */
        khap__kube_replace(r->kube, o);
    struct khap_place place = o->place;
    enum khap_status status = khap__kube_put(r->kube, o, &old);
    if (status == KHAP_OK && old && old->place.source != 0) {
        khap__kube_say(r->diags, "kube-object-twice", place, khap__kube_whose(&old->memory, old), S(""),
                       S(""));
        status = old->memory.failed ? KHAP_ENOMEM : KHAP_OK;
    }
    khap__kube_object_free(old);
    return status;
}

static bool ends_in_list(struct khap_str kind)
{
    return kind.len > 4 && memcmp(kind.ptr + kind.len - 4, "List", 4) == 0;
}

/* An object, or a list of objects; a list in a list is none of Kubernetes'. */
static enum khap_status take_document(struct reading *r, const struct khap_yaml_node *root)
{
    struct khap_str kind = text_at(root, S("kind"));
    const struct khap_yaml_node *items = khap_yaml_get(root, S("items")), *item = NULL;
    if (khap_yaml_kind(root) == KHAP_YAML_NULL)
        return KHAP_OK;
    if (!is_object(root)) {
        if (!r->foreign)
            r->foreign_place = khap_yaml_place(r->yaml, root);
        r->foreign = true;
        return KHAP_OK;
    }
    r->any = true;
    if (khap__kube_same(kind, S("List")) || (ends_in_list(kind) && items)) {
        struct khap_str list_of = {kind.ptr, kind.len - 4};
        enum khap_status status = KHAP_OK;
        while (status == KHAP_OK && (item = khap_yaml_each(items, item)) != NULL) {
            enum kind k = kind_of(item, list_of);
            if (k != KINDS)
                status = take_object(r, item, k);
        }
        return status;
    }
    enum kind k = kind_of(root, S(""));
    return k != KINDS ? take_object(r, root, k) : KHAP_OK;
}

static bool contains(struct khap_str text, struct khap_str word)
{
    for (size_t at = 0; word.len <= text.len - at;) {
        const char *p = memchr(text.ptr + at, word.ptr[0], text.len - at);
        if (!p)
            return false;
        at = (size_t)(p - text.ptr);
        if (word.len <= text.len - at && memcmp(p, word.ptr, word.len) == 0)
            return true;
        at++;
    }
    return false;
}

enum khap_status khap__kube_lone_open(const struct khap_kube *kube, struct khap_str text, struct lone *l)
{
    uint32_t source = 0;
    *l = (struct lone){0};
    enum khap_status status = khap_sources_new(&kube->alloc, &l->sources);
    if (status == KHAP_OK)
        status = khap_sources_add(l->sources, S("manifest"), text, &source);
    if (status == KHAP_OK)
        status = khap_diags_new(&kube->alloc, l->sources, &l->diags);
    if (status == KHAP_OK)
        status = khap_yaml_open(&kube->alloc, l->diags, source, &l->yaml);
    return status;
}

void khap__kube_lone_close(struct lone *l)
{
    khap_yaml_free(l->yaml);
    khap_diags_free(l->diags);
    khap_sources_free(l->sources);
}

/* Whether one of its documents is an object. What is wrong with a text that is none is for others to say. */
static enum khap_status look(const struct khap_kube *kube, struct khap_str text, bool *any)
{
    struct lone l;
    const struct khap_yaml_node *root = NULL;
    *any = false;
    if (!contains(text, S("apiVersion")))
        return KHAP_OK;
    enum khap_status status = khap__kube_lone_open(kube, text, &l);
    while (status == KHAP_OK && !*any && (status = khap_yaml_next(l.yaml, &root)) == KHAP_OK && root)
        *any = is_object(root);
    khap__kube_lone_close(&l);
    return status == KHAP_EINPUT ? KHAP_OK : status;
}

enum khap_status khap_kube_read(struct khap_kube *kube, uint32_t source, struct khap_diags *diags)
{
    if (!kube || !diags || source == 0)
        return KHAP_EINVAL;
    struct reading r = {.kube = kube, .diags = diags, .source = source};
    const struct khap_yaml_node *root = NULL;
    bool any = false;
    size_t errors = khap_diags_count(diags, KHAP_ERROR);
    enum khap_status status = look(kube, khap_sources_text(khap_diags_sources(diags), source), &any);
    if (status != KHAP_OK || !any)
        return status != KHAP_OK ? status : KHAP_ENOENT;
    status = khap_yaml_open(&kube->alloc, diags, source, &r.yaml);
    while (status == KHAP_OK && (status = khap_yaml_next(r.yaml, &root)) == KHAP_OK && root)
        status = take_document(&r, root);
    khap_yaml_free(r.yaml);
    if (status == KHAP_OK && r.foreign) {
        khap__kube_say(diags, "kube-not-object", r.foreign_place, S(""), S(""), S(""));
        r.bad = true;
    }
    if (status == KHAP_OK && (r.bad || khap_diags_count(diags, KHAP_ERROR) > errors))
        status = KHAP_EINPUT;
    return status;
}
