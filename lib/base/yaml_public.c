/* base/yaml_public.c - the tree of base/yaml.h for those who stand outside of the library.
 * SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/alloc.h"
#include "base/yaml.h"
#include <khap/yaml.h>

struct khap_yaml {
    struct khap_alloc alloc;
    struct arena arena;
    struct yaml_reader *reader;
    uint32_t source;
};

static const struct yaml_node *inner(const struct khap_yaml_node *node)
{
    return (const struct yaml_node *)(const void *)node;
}

static const struct khap_yaml_node *outer(const struct yaml_node *node)
{
    return (const struct khap_yaml_node *)(const void *)node;
}

enum khap_status khap_yaml_open(const struct khap_alloc *alloc, struct khap_diags *diags, uint32_t source,
                                struct khap_yaml **out)
{
    if (!out)
        return KHAP_EINVAL;
    *out = NULL;
    if (!diags || source == 0)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_yaml *yaml = khap__alloc(&a, 1, sizeof *yaml);
    if (!yaml)
        return KHAP_ENOMEM;
    *yaml = (struct khap_yaml){.alloc = a, .source = source};
    khap__arena_init(&yaml->arena, &yaml->alloc);
    enum khap_status status = khap__yaml_open(&yaml->alloc, diags, source, NULL, &yaml->reader);
    if (status != KHAP_OK) {
        khap_yaml_free(yaml);
        return status;
    }
    *out = yaml;
    return KHAP_OK;
}

void khap_yaml_free(struct khap_yaml *yaml)
{
    if (!yaml)
        return;
    if (yaml->reader)
        khap__yaml_close(yaml->reader);
    khap__arena_free(&yaml->arena);
    struct khap_alloc alloc = yaml->alloc;
    khap__free(&alloc, yaml, 1, sizeof *yaml);
}

enum khap_status khap_yaml_next(struct khap_yaml *yaml, const struct khap_yaml_node **root)
{
    if (!yaml || !root)
        return KHAP_EINVAL;
    struct yaml_node *node = NULL;
    khap__arena_reset(&yaml->arena);
    enum khap_status status = khap__yaml_next(yaml->reader, &yaml->arena, &node);
    *root = status == KHAP_OK ? outer(node) : NULL;
    return status;
}

uint32_t khap_yaml_kind(const struct khap_yaml_node *node)
{
    if (!node)
        return KHAP_YAML_NULL;
    switch ((enum yaml_kind)inner(node)->kind) {
    case YAML_SCALAR:
        return KHAP_YAML_SCALAR;
    case YAML_SEQUENCE:
        return KHAP_YAML_SEQUENCE;
    case YAML_MAPPING:
        return KHAP_YAML_MAPPING;
    case YAML_NULL:
        break;
    }
    return KHAP_YAML_NULL;
}

struct khap_str khap_yaml_text(const struct khap_yaml_node *node)
{
    return node && inner(node)->kind == YAML_SCALAR ? khap__yaml_text(inner(node)) : (struct khap_str){"", 0};
}

uint32_t khap_yaml_quoted(const struct khap_yaml_node *node)
{
    return node && inner(node)->kind == YAML_SCALAR && inner(node)->quoted;
}

struct khap_place khap_yaml_place(const struct khap_yaml *yaml, const struct khap_yaml_node *node)
{
    return yaml && node ? (struct khap_place){yaml->source, inner(node)->offset, inner(node)->len} : NOWHERE;
}

const struct khap_yaml_node *khap_yaml_each(const struct khap_yaml_node *node,
                                            const struct khap_yaml_node *prev)
{
    uint32_t kind = khap_yaml_kind(node);
    if (kind != KHAP_YAML_SEQUENCE && kind != KHAP_YAML_MAPPING)
        return NULL;
    if (!prev)
        return outer(inner(node)->child);
    const struct yaml_node *next = inner(prev)->next;
    return outer(kind == KHAP_YAML_MAPPING && next ? next->next : next);
}

const struct khap_yaml_node *khap_yaml_value(const struct khap_yaml_node *key)
{
    return key ? outer(inner(key)->next) : NULL;
}

const struct khap_yaml_node *khap_yaml_get(const struct khap_yaml_node *node, struct khap_str key)
{
    if (khap_yaml_kind(node) != KHAP_YAML_MAPPING)
        return NULL;
    const struct khap_yaml_node *at = NULL;
    while ((at = khap_yaml_each(node, at)) != NULL) {
        if (khap__str_eq(khap_yaml_text(at), key))
            return khap_yaml_value(at);
    }
    return NULL;
}
