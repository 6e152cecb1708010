/* model/binds.c - two listeners that cannot both have their address. SPDX-License-Identifier: MIT */
#include "model/resolve.h"

struct bind_check {
    struct resolver *r;
    struct map taken; /* family, port and address -> index of listeners */
    VEC(const struct bind *) listeners;
};

/* What stands in the map: the address itself, and for each port whether a family's wildcard, or any address
 * of the family, is there. */
static struct khap_str slot_key(struct resolver *r, char what, uint16_t port, const uint8_t *ip,
                                size_t ip_len)
{
    char *key = khap__arena_bytes(&r->scratch, 3 + ip_len);
    if (!key) {
        r->no_memory = true;
        return (struct khap_str){NULL, 0};
    }
    key[0] = what;
    key[1] = (char)(port >> 8);
    key[2] = (char)(port & 0xff);
    if (ip_len)
        memcpy(key + 3, ip, ip_len);
    return (struct khap_str){key, 3 + ip_len};
}

/* Puts the listener into a slot; the one that is there already, or NULL. */
static const struct bind *take(struct bind_check *c, struct khap_str key, uint32_t index)
{
    bool found = false;
    uint32_t old = 0;
    if (c->r->no_memory || khap__map_add(&c->taken, key, index, &found, &old) != KHAP_OK) {
        c->r->no_memory = true;
        return NULL;
    }
    return found ? c->listeners.ptr[old] : NULL;
}

static const struct bind *look(struct bind_check *c, struct khap_str key)
{
    uint32_t old;
    return !c->r->no_memory && khap__map_get(&c->taken, key, &old) ? c->listeners.ptr[old] : NULL;
}

static const struct bind *take_port(struct bind_check *c, const struct address *a, uint16_t port,
                                    uint32_t index)
{
    static const uint8_t zero[16];
    struct resolver *r = c->r;
    bool v6 = a->family == ADDRESS_V6;
    size_t len = v6 ? 16 : 4;
    char wildcard = v6 ? 'W' : 'w', any = v6 ? 'A' : 'a', exact = v6 ? 'E' : 'e';
    if (a->family == ADDRESS_ANY || memcmp(a->ip, zero, len) == 0) {
        const struct bind *other = look(c, slot_key(r, any, port, NULL, 0));
        take(c, slot_key(r, any, port, NULL, 0), index);
        take(c, slot_key(r, wildcard, port, NULL, 0), index);
        return other;
    }
    const struct bind *other = look(c, slot_key(r, wildcard, port, NULL, 0));
    const struct bind *same = take(c, slot_key(r, exact, port, a->ip, len), index);
    take(c, slot_key(r, any, port, NULL, 0), index);
    return other ? other : same;
}

static void add(struct bind_check *c, const struct bind *binds, uint32_t n)
{
    struct resolver *r = c->r;
    for (uint32_t i = 0; i < n && !r->no_memory; i++) {
        const struct address *a = &binds[i].address;
        if (!a->has_port || (a->family != ADDRESS_ANY && a->family != ADDRESS_V4 && a->family != ADDRESS_V6))
            continue;
        if (!VEC_PUSH(&r->model->alloc, &c->listeners, &binds[i])) {
            r->no_memory = true;
            return;
        }
        struct port_range ports = {a->port, a->port_last};
        if (a->family != ADDRESS_V6 && !VEC_PUSH(&r->out->alloc, &r->out->v4_ports, ports)) {
            r->no_memory = true;
            return;
        }
        const struct bind *other = NULL;
        for (uint32_t port = a->port; port <= a->port_last && !other && !r->no_memory; port++)
            other = take_port(c, a, (uint16_t)port, c->listeners.len - 1);
        if (!other || r->no_memory)
            continue;
        RESOLVE_SAY(r, MSG_BIND_OVERLAP, binds[i].place, binds[i].text, other->text);
        if (other->place.source)
            khap__diags_relate(r->diags, other->place, S("the other address"));
    }
}

void khap__check_binds(struct resolver *r)
{
    struct resolved *out = r->out;
    struct bind_check c = {.r = r};
    khap__map_init(&c.taken, &r->model->alloc);
    for (uint32_t i = 0; i < out->frontends.len; i++)
        add(&c, out->frontends.ptr[i].binds, out->frontends.ptr[i].n_binds);
    if (out->https_tcp_only)
        add(&c, out->https_address.binds, out->https_address.n_binds);
    add(&c, out->stats_binds, out->n_stats_binds);
    for (uint32_t i = 0; i < out->services.len && !r->no_memory; i++) {
        const struct service_head *head = &out->services.ptr[i];
        if (head->mode != MODE_TCP)
            continue;
        const struct setting *bind = khap__setting_find(head->given, KEY_SERVICE_BIND);
        struct bind *binds;
        uint32_t n;
        khap__bind_list(r, &r->scratch, bind ? bind : r->defaults.bind, &binds, &n);
        add(&c, binds, n);
    }
    VEC_FREE(&r->model->alloc, &c.listeners);
    khap__map_free(&c.taken);
}
