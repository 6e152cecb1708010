/* route/table.h - a table of requests as it was read. SPDX-License-Identifier: MIT */
#ifndef ROUTE_TABLE_H
#define ROUTE_TABLE_H

#include "base/vec.h"
#include "base/yaml.h"

#include <khap/routes.h>

/* The keys of table.tsv, TABLE_ROOT first. */
enum table_key {
#define ROW(NAME, HOLDER, KEY, TYPE, LOW, HIGH, WORDS) TABLE_##NAME,
#include "route/table.inc"
#undef ROW
    TABLE__COUNT
};

struct table_test {
    struct khap_place place;
    const struct yaml_node *at[TABLE__COUNT]; /* the value of each key; NULL where it is not given */
    struct khap_str name;
    struct khap_route_request request;
};
struct khap_routes {
    struct khap_alloc alloc;
    struct arena arena;
    uint32_t source;
    VEC(struct table_test) tests;
};

static inline struct khap_place khap__table_place(const struct khap_routes *routes,
                                                  const struct yaml_node *node)
{
    return (struct khap_place){routes->source, node->offset, node->len};
}
/* "backend": the key's own name; static. */
const char *khap__table_key_name(enum table_key key);
/* Whether a node that was read as a truth value is true. */
static inline bool khap__table_true(const struct yaml_node *node)
{
    return node != NULL && node->text_len > 0 && (node->text[0] | 32) == 't';
}
/* Goes through the values of a list, of which one value may stand alone. */
static inline const struct yaml_node *khap__table_items(const struct yaml_node *list)
{
    return list == NULL || list->kind != YAML_SEQUENCE ? list : list->child;
}
static inline const struct yaml_node *khap__table_item_next(const struct yaml_node *list,
                                                            const struct yaml_node *item)
{
    return list->kind != YAML_SEQUENCE ? NULL : item->next;
}

#endif
