/* model/binds.c - two listeners that cannot both have their address. SPDX-License-Identifier: MIT */
#include "model/resolve.h"
#include <stdlib.h>

struct listener {
    const struct bind *bind;
    const struct frontend *by_default; /* whose address this is when the map does not write it */
    uint32_t index;                    /* in the order of the map */
    uint32_t other;    /* the first listener that has its address already, its own index: none */
    uint16_t from, to; /* ports */
    bool v6, wildcard;
    uint8_t ip[16];
};

struct bind_check {
    struct resolver *r;
    VEC(struct listener) listeners;
};

static void add(struct bind_check *c, const struct bind *binds, uint32_t n, const struct frontend *by_default)
{
    static const uint8_t zero[16];
    struct resolver *r = c->r;
    for (uint32_t i = 0; i < n && !r->no_memory; i++) {
        const struct address *a = &binds[i].address;
        if (!a->has_port || (a->family != ADDRESS_ANY && a->family != ADDRESS_V4 && a->family != ADDRESS_V6))
            continue;
        const uint8_t *v4 = khap__address_v4(a);
        struct listener l = {.bind = &binds[i],
                             .by_default = by_default,
                             .index = c->listeners.len,
                             .other = c->listeners.len,
                             .from = a->port,
                             .to = a->port_last,
                             .v6 = !v4 && a->family == ADDRESS_V6};
        if (v4)
            memcpy(l.ip, v4, 4);
        else if (l.v6)
            memcpy(l.ip, a->ip, 16);
        l.wildcard = memcmp(l.ip, zero, sizeof zero) == 0;
        struct port_range ports = {a->port, a->port_last};
        if (!VEC_PUSH(&r->model->alloc, &c->listeners, l) ||
            (!l.v6 && !VEC_PUSH(&r->out->alloc, &r->out->v4_ports, ports)))
            r->no_memory = true;
    }
}

static int by_port(const void *left, const void *right)
{
    const struct listener *a = left, *b = right;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int by_index(const void *left, const void *right)
{
    const struct listener *a = left, *b = right;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The one of the two that comes later in the map is told of the first that it meets. */
static void meet(struct listener *a, struct listener *b)
{
    struct listener *later = a->index > b->index ? a : b, *earlier = later == a ? b : a;
    if (earlier->index < later->other)
        later->other = earlier->index;
}

/* Which of two that were seen reaches further up. */
static uint32_t further(const struct bind_check *c, uint32_t old, uint32_t i)
{
    return old == UINT32_MAX || c->listeners.ptr[i].to > c->listeners.ptr[old].to ? i : old;
}

/*
 * From low ports to high ones. Of what came before, only what reaches furthest up can tell that there is an
 * overlap: among all of the family, among its wildcards, and on the same address. The kernel gives a connection
 * to the socket of its own address before that of a wildcard, so a wildcard that nobody wrote may stand beside
 * one address: that of a LoadBalancer beside the `:80` of the default frontend.
 */
static void sweep(struct bind_check *c)
{
    struct resolver *r = c->r;
    uint32_t none[2] = {UINT32_MAX, UINT32_MAX}, any[2], wild[2],
             written[2]; /* of them, wildcards not by default */
    struct map exact;
    khap__map_init(&exact, &r->model->alloc);
    memcpy(any, none, sizeof any);
    memcpy(wild, none, sizeof wild);
    memcpy(written, none, sizeof written);
    for (uint32_t i = 0; i < c->listeners.len && !r->no_memory; i++) {
        struct listener *l = &c->listeners.ptr[i];
        bool gives_way = l->wildcard && l->by_default;
        uint32_t same = UINT32_MAX;
        struct khap_str address = {(const char *)l->ip, l->v6 ? 16 : 4};
        if (!l->wildcard)
            (void)khap__map_get(&exact, address, &same);
        uint32_t before[2] = {l->wildcard ? wild[l->v6] : written[l->v6], l->wildcard ? any[l->v6] : same};
        if (gives_way)
            before[1] = UINT32_MAX;
        for (int k = 0; k < 2; k++) {
            if (before[k] != UINT32_MAX && c->listeners.ptr[before[k]].to >= l->from)
                meet(l, &c->listeners.ptr[before[k]]);
        }
        if (!gives_way)
            any[l->v6] = further(c, any[l->v6], i);
        if (l->wildcard) {
            wild[l->v6] = further(c, wild[l->v6], i);
            if (!gives_way)
                written[l->v6] = further(c, written[l->v6], i);
        } else if (khap__map_set(&exact, address, further(c, same, i)) != KHAP_OK) {
            r->no_memory = true;
        }
    }
    khap__map_free(&exact);
}

static void say(struct resolver *r, const struct listener *l, const struct listener *other)
{
    struct khap_place nowhere = {0};
    RESOLVE_SAY(r, MSG_BIND_OVERLAP, l->bind->place, l->bind->text, other->bind->text);
    if (!other->by_default) {
        khap__diags_relate(r->diags, other->bind->place, S("the other address"));
        return;
    }
    khap__buf_clear(&r->text);
    khap__buf_add(&r->text, S("the other address is what frontend `"));
    khap__buf_add(&r->text, other->by_default->name);
    khap__buf_add(&r->text, S("` has by default"));
    khap__diags_relate(r->diags, other->bind->place.source ? other->bind->place : nowhere,
                       khap__buf_str(&r->text));
}

/* What a name or a variable stands for is not known, only its port. */
static void check_names(struct bind_check *c, uint32_t own, const struct bind *binds, uint32_t n)
{
    for (uint32_t i = 0; i < n && !c->r->no_memory; i++) {
        const struct address *a = &binds[i].address;
        uint32_t k = own;
        while (k < c->listeners.len &&
               (a->port > c->listeners.ptr[k].to || a->port_last < c->listeners.ptr[k].from))
            k++;
        if (a->family != ADDRESS_NAME || !a->has_port || k == c->listeners.len)
            continue;
        const struct bind *mine = c->listeners.ptr[k].bind;
        RESOLVE_WARN(c->r, MSG_BIND_MAY_OVERLAP, binds[i].place, binds[i].text, mine->text);
        if (mine->place.source)
            khap__diags_relate(c->r->diags, mine->place, S("the other address"));
    }
}

static void add_frontend(struct bind_check *c, const struct frontend *f)
{
    bool given = f->given && khap__setting_find(f->given, KEY_FRONTEND_BIND);
    add(c, f->binds, f->n_binds, given ? NULL : f);
}

void khap__check_binds(struct resolver *r)
{
    struct resolved *out = r->out;
    struct bind_check c = {.r = r};
    if (out->outside)
        add(&c, out->outside->binds.ptr, out->outside->binds.len, NULL);
    uint32_t outside = c.listeners.len;
    add(&c, out->section_binds.ptr, out->section_binds.len, NULL);
    uint32_t own = c.listeners.len; /* sections of one's own may do with their addresses what they like */
    if (out->https_tcp_only)
        add_frontend(&c, &out->https_address);
    for (uint32_t i = 0; i < out->frontends.len; i++) {
        if (!out->frontends.ptr[i].routed)
            add_frontend(&c, &out->frontends.ptr[i]);
    }
    add(&c, out->stats_binds, out->n_stats_binds, NULL);
    for (uint32_t i = 0; i < out->services.len && !r->no_memory; i++) {
        const struct service_head *head = &out->services.ptr[i];
        if (head->mode != MODE_TCP)
            continue;
        const struct setting *bind = khap__setting_find(head->given, KEY_SERVICE_BIND);
        struct bind *binds;
        uint32_t n;
        khap__bind_list(r, &r->scratch, bind ? bind : r->defaults.bind, &binds, &n);
        add(&c, binds, n, NULL);
    }
    if (c.listeners.len > 1) {
        qsort(c.listeners.ptr, c.listeners.len, sizeof *c.listeners.ptr, by_port);
        sweep(&c);
        qsort(c.listeners.ptr, c.listeners.len, sizeof *c.listeners.ptr, by_index);
    }
    for (uint32_t i = outside; i < c.listeners.len && !r->no_memory; i++) {
        const struct listener *l = &c.listeners.ptr[i];
        if (l->other != l->index && (i >= own || l->other < outside))
            say(r, l, &c.listeners.ptr[l->other]);
    }
    if (out->outside)
        check_names(&c, own, out->outside->binds.ptr, out->outside->binds.len);
    check_names(&c, own, out->section_binds.ptr, out->section_binds.len);
    VEC_FREE(&r->model->alloc, &c.listeners);
}
