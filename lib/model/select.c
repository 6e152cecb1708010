/* model/select.c - which nodes a service takes, and the ids of servers. SPDX-License-Identifier: MIT */
#include "model/parts.h"
#include <stdlib.h>

uint32_t khap__hash31(struct khap_str text)
{
    return khap__fnv1a32(text, KHAP__FNV32) & 0x7fffffffu;
}

/*
 * Over service, a zero byte, node: the same wherever it is computed. FNV-1a lets the last bytes of a text hardly reach its high bits: of
 * node1 to node30 one would get three times its share. So the bits are mixed (the last step of MurmurHash3).
 */
static uint32_t rendezvous(struct khap_str service, struct khap_str node)
{
    uint32_t hash = khap__fnv1a32(service, KHAP__FNV32);
    hash = khap__fnv1a32((struct khap_str){"", 1}, hash);
    hash = khap__fnv1a32(node, hash);
    hash = (hash ^ hash >> 16) * UINT32_C(0x85ebca6b);
    hash = (hash ^ hash >> 13) * UINT32_C(0xc2b2ae35);
    return hash ^ hash >> 16;
}

static bool has_labels(const struct node *node, const struct setting *selector,
                       const struct setting *replaced_by)
{
    for (const struct setting *want = selector ? selector->child : NULL; want; want = want->next) {
        bool replaced = false;
        for (const struct setting *own = replaced_by ? replaced_by->child : NULL; own && !replaced;
             own = own->next)
            replaced = khap__str_eq(khap__setting_name(own), khap__setting_name(want));
        if (replaced)
            continue;
        const struct setting *label = node->labels ? node->labels->child : NULL;
        while (label && !khap__str_eq(khap__setting_name(label), khap__setting_name(want)))
            label = label->next;
        if (!label || !khap__str_eq(label->text, want->text))
            return false;
    }
    return true;
}

struct ranked {
    struct khap_str name;
    uint32_t hash, position;
};

static int by_rank(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash > b->hash ? -1 : 1;
    return khap__str_cmp(a->name, b->name);
}

/* Keeps the `max` highest, in the order in which they stood. */
static bool keep_highest(const struct resolved *r, struct khap_str service, uint32_t max,
                         struct arena *scratch, uint32_t *nodes, uint32_t *n)
{
    struct ranked *ranked = khap__arena_alloc(scratch, *n, sizeof *ranked);
    bool *keep = khap__arena_zalloc(scratch, *n, sizeof *keep);
    if (!ranked || !keep)
        return false;
    for (uint32_t i = 0; i < *n; i++) {
        struct khap_str name = r->nodes.ptr[nodes[i]].name;
        ranked[i] = (struct ranked){name, rendezvous(service, name), i};
    }
    qsort(ranked, *n, sizeof *ranked, by_rank);
    for (uint32_t i = 0; i < max; i++)
        keep[ranked[i].position] = true;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *n; i++) {
        if (keep[i])
            nodes[kept++] = nodes[i];
    }
    *n = kept;
    return true;
}

bool khap__select_nodes(const struct resolved *r, struct khap_str service, struct layered nodes,
                        struct arena *scratch, struct selection *out)
{
    *out = (struct selection){NULL, r->nodes.len};
    if (!nodes.own)
        return true;
    const struct setting *names = khap__setting_find(nodes.own, KEY_SERVICE_NODES_NAMES);
    const struct setting *selector = khap__setting_find(nodes.own, KEY_SERVICE_NODES_SELECTOR), *more = NULL;
    /* one's own names or selector say which nodes; those of serviceDefaults then say nothing more */
    if (!names && !selector)
        names = khap__setting_find(nodes.inherited, KEY_SERVICE_NODES_NAMES);
    if (!names)
        more = khap__setting_find(nodes.inherited, KEY_SERVICE_NODES_SELECTOR);
    const struct setting *max = khap__member(nodes, KEY_SERVICE_NODES_MAX);
    if (!names && !selector && !more && (!max || (uint64_t)max->number >= r->nodes.len))
        return true;
    size_t room = r->nodes.len;
    if (names)
        room = names->n_children;
    uint32_t *list = khap__arena_alloc(scratch, room ? room : 1, sizeof *list);
    uint32_t n = 0;
    if (!list)
        return false;
    const struct setting *name = names ? names->child : NULL;
    for (uint32_t i = 0; i < room; i++) {
        uint32_t index = i;
        if (names) {
            bool known = khap__map_get(&r->node_names, name->text, &index);
            name = name->next;
            if (!known)
                continue;
        }
        const struct node *node = &r->nodes.ptr[index];
        if (has_labels(node, selector, NULL) && has_labels(node, more, selector))
            list[n++] = index;
    }
    if (max && (uint64_t)max->number < n &&
        !keep_highest(r, service, (uint32_t)max->number, scratch, list, &n))
        return false;
    *out = (struct selection){list, n};
    return true;
}

struct numbered {
    struct server *server;
    uint32_t id;
};

static int by_id(const void *left, const void *right)
{
    const struct numbered *a = left, *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_name(const void *left, const void *right)
{
    const struct numbered *a = left, *b = right;
    return khap__str_cmp(a->server->name, b->server->name);
}

/* Takes the first free id from `id` upwards; `taken` is open addressing with `mask` + 1 slots, 0 is free. */
static uint32_t take_id(uint32_t *taken, uint32_t mask, uint32_t id)
{
    for (;;) {
        if (id == 0)
            id = 1;
        uint32_t slot = id * UINT32_C(2654435761) & mask;
        while (taken[slot] && taken[slot] != id)
            slot = (slot + 1) & mask;
        if (!taken[slot]) {
            taken[slot] = id;
            return id;
        }
        id = (id + 1) & 0x7fffffffu;
    }
}

bool khap__number_servers(struct server *servers, uint32_t n, struct arena *scratch)
{
    bool distinct = true;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = khap__hash31(servers[i].name);
        servers[i].id = id ? id : 1;
    }
    for (uint32_t i = 1; n <= 16 && distinct && i < n; i++) {
        for (uint32_t k = 0; k < i; k++)
            distinct = distinct && servers[i].id != servers[k].id;
    }
    if (n <= 16 && distinct)
        return true;
    struct numbered *order = khap__arena_alloc(scratch, n, sizeof *order);
    if (!order)
        return false;
    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct numbered){&servers[i], servers[i].id};
    qsort(order, n, sizeof *order, by_id);
    distinct = true;
    for (uint32_t i = 1; i < n; i++)
        distinct = distinct && order[i].id != order[i - 1].id;
    if (distinct)
        return true;
    uint32_t slots = 64;
    while (slots / 2 < n && slots < UINT32_C(1) << 31)
        slots *= 2;
    uint32_t *taken = khap__arena_zalloc(scratch, slots, sizeof *taken);
    if (!taken)
        return false;
    qsort(order, n, sizeof *order, by_name);
    for (uint32_t i = 0; i < n; i++)
        order[i].server->id = take_id(taken, slots - 1, order[i].id);
    return true;
}
