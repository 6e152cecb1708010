/* kube/tree.c - an object's fields as they were written, for kinds of which nearly all of them matter. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

/* Deeper than any kind of the Gateway API. */
enum { DEEPEST = 16 };

static struct tree *copy(struct reading *r, struct object *o, const struct khap_yaml_node *node,
                         unsigned depth)
{
    const struct khap_yaml_node *at = NULL;
    bool mapping = khap_yaml_kind(node) == KHAP_YAML_MAPPING;
    struct tree *t = khap__kube_take(&o->memory, 1, sizeof *t), **end = t ? &t->child : NULL;
    if (!t)
        return NULL;
    t->text = khap__kube_copy(&o->memory, khap_yaml_text(node));
    t->place = khap_yaml_place(r->yaml, node);
    if (depth == DEEPEST && khap_yaml_each(node, NULL)) {
        khap__kube_say(r->diags, "kube-bad-value", t->place, S("spec"), S("deeper than any field of it"),
                       S(""));
        r->bad = true;
        return t;
    }
    while (depth < DEEPEST && (at = khap_yaml_each(node, at)) != NULL) {
        const struct khap_yaml_node *value = mapping ? khap_yaml_value(at) : at;
        if (khap_yaml_kind(value) == KHAP_YAML_NULL)
            continue;
        struct tree *child = copy(r, o, value, depth + 1);
        if (!child)
            return t;
        if (mapping)
            child->name = khap__kube_copy(&o->memory, khap_yaml_text(at));
        *end = child;
        end = &child->next;
    }
    return t;
}

struct tree *khap__kube_tree(struct reading *r, struct object *o, const struct khap_yaml_node *node)
{
    return khap_yaml_kind(node) == KHAP_YAML_NULL ? NULL : copy(r, o, node, 0);
}

const struct tree *khap__kube_member(const struct tree *t, const char *name)
{
    const struct tree *child = t ? t->child : NULL;
    while (child && !khap__kube_same(child->name, (struct khap_str){name, strlen(name)}))
        child = child->next;
    return child;
}

const struct tree *khap__kube_first(const struct tree *t, const char *name)
{
    const struct tree *list = khap__kube_member(t, name);
    return list ? list->child : NULL;
}

struct khap_str khap__kube_word(const struct tree *t, const char *name, struct khap_str otherwise)
{
    const struct tree *member = khap__kube_member(t, name);
    return member && member->text.len > 0 ? member->text : otherwise;
}

bool khap__kube_is(const struct tree *t, const char *name, struct khap_str word)
{
    return khap__kube_same(khap__kube_word(t, name, S("")), word);
}

uint32_t khap__kube_uint(const struct tree *t, const char *name, uint32_t otherwise)
{
    uint32_t n;
    return khap__kube_number(khap__kube_word(t, name, S("")), 0, UINT32_MAX, &n) ? n : otherwise;
}
