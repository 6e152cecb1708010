/* model/nodes.c - the nodes, and the servers that they are for every service. SPDX-License-Identifier: MIT */
#include "model/resolve.h"

static uint8_t state_of(const struct setting *s)
{
    return khap__is_text(s, S("drain")) ? NODE_DRAIN : khap__is_text(s, S("maint")) ? NODE_MAINT : NODE_READY;
}

/* Two names for one address are nearly always a typing error. */
static void warn_same_address(struct resolver *r, struct map *addresses, const struct node *node,
                              const struct setting *address)
{
    char *key = khap__arena_bytes(&r->scratch, 17 + node->address.host.len);
    uint32_t old;
    bool found;
    if (!key) {
        r->no_memory = true;
        return;
    }
    size_t len = 1;
    key[0] = (char)node->address.family;
    const uint8_t *v4 = khap__address_v4(&node->address);
    if (v4) {
        key[0] = ADDRESS_V4;
        memcpy(key + 1, v4, 4);
        len = 5;
    } else if (node->address.family == ADDRESS_V6) {
        memcpy(key + 1, node->address.ip, 16);
        len = 17;
    } else {
        struct khap_str name = node->address.host;
        if (khap__str_ends(name, S(".")))
            name.len--;
        for (size_t i = 0; i < name.len; i++)
            key[len++] = (char)khap__lower((unsigned char)name.ptr[i]);
    }
    if (khap__map_add(addresses, (struct khap_str){key, len}, r->out->nodes.len, &found, &old) != KHAP_OK) {
        r->no_memory = true;
    } else if (found) {
        const struct node *first = &r->out->nodes.ptr[old];
        RESOLVE_WARN(r, MSG_NODE_ADDRESS_TWICE, address->place, node->name, first->name);
        khap__diags_relate(r->diags, first->place, S("the other node"));
    }
}

static void make_servers(struct resolver *r)
{
    struct resolved *out = r->out;
    if (out->nodes.len == 0)
        return;
    out->node_servers = khap__arena_zalloc(&out->arena, out->nodes.len, sizeof *out->node_servers);
    if (!out->node_servers) {
        r->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < out->nodes.len; i++) {
        const struct node *node = &out->nodes.ptr[i];
        out->node_servers[i] = (struct server){.name = node->name,
                                               .node = node,
                                               .address = node->address,
                                               .weight = node->weight,
                                               .state = node->state,
                                               .place = node->place};
    }
    if (!khap__number_servers(out->node_servers, out->nodes.len, &r->scratch)) {
        r->no_memory = true;
        return;
    }
    out->node_ids_distinct = true;
    for (uint32_t i = 0; i < out->nodes.len; i++) {
        uint32_t id = khap__hash31(out->node_servers[i].name);
        if (out->node_servers[i].id != (id ? id : 1))
            out->node_ids_distinct = false;
    }
}

void khap__resolve_nodes(struct resolver *r)
{
    const struct setting *nodes = khap__setting_find(r->model->root, KEY_NODES);
    struct map addresses;
    khap__map_init(&addresses, &r->model->alloc);
    for (const struct setting *s = nodes ? nodes->child : NULL; s && !r->no_memory; s = s->next) {
        struct node node = {.name = khap__setting_name(s), .weight = 100, .place = s->place};
        const struct setting *address = NULL;
        for (const struct setting *m = s->child; m; m = m->next) {
            if (m->key == KEY_NODE_ADDRESS)
                address = m;
            else if (m->key == KEY_NODE_WEIGHT)
                node.weight = (uint16_t)m->number;
            else if (m->key == KEY_NODE_LABELS)
                node.labels = m;
            else if (m->key == KEY_NODE_STATE)
                node.state = state_of(m);
        }
        if (!address) {
            khap__need_member(r, s, KEY_NODE_ADDRESS, S("a node"));
        } else {
            khap__host_address_parse(address->text, &node.address);
            warn_same_address(r, &addresses, &node, address);
        }
        bool found;
        uint32_t old;
        if (khap__map_add(&r->out->node_names, node.name, r->out->nodes.len, &found, &old) != KHAP_OK ||
            !VEC_PUSH(&r->out->alloc, &r->out->nodes, node))
            r->no_memory = true;
    }
    khap__map_free(&addresses);
    if (!r->no_memory)
        make_servers(r);
}
