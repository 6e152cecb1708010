/* kube/backends.c - a service of the map for each port that is served. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/resolve.h"

#include <stdlib.h>

struct backend {
    struct resolving *r;
    const struct exposed *e;
    const struct port *port;
    struct khap_str name;
    struct khap_place place;
    bool tcp;
};

void khap__kube_set_service(struct resolving *r, struct khap_str name, struct khap_str key,
                            struct khap_str yaml, struct khap_place place)
{
    struct text path;
    khap__kube_text_init(&path, &r->memory.alloc);
    khap__kube_add(&path, S("services.\""));
    khap__kube_add(&path, name);
    khap__kube_add(&path, S("\""));
    if (key.len > 0)
        khap__kube_add(&path, S("."));
    khap__kube_add(&path, key);
    r->memory.failed |= path.failed;
    if (!path.failed)
        khap__kube_set(r, khap__kube_text(&path), yaml, place);
    khap__kube_text_free(&path);
}

static void set(const struct backend *b, struct khap_str key, struct khap_str yaml, struct khap_place place)
{
    khap__kube_set_service(b->r, b->name, key, yaml, place);
}

/* Whether an annotation says it, or a part of it. */
static bool says(const struct backend *b, const char *key)
{
    size_t len = strlen(key);
    for (const struct setting *s = b->e->said.settings; s; s = s->next) {
        if (khap__kube_begins(s->key, (struct khap_str){key, len}) &&
            (s->key.len == len || s->key.ptr[len] == '.'))
            return true;
    }
    return false;
}

struct khap_str khap__kube_backend_name(struct resolving *r, const struct object *service,
                                        const struct port *port)
{
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, r->options.prefix);
    khap__kube_add(&t, service->ns);
    khap__kube_add(&t, S("_"));
    khap__kube_add(&t, service->name);
    khap__kube_add(&t, S("_"));
    khap__kube_add_number(&t, port->port);
    struct khap_str name = khap__kube_copy(&r->memory, khap__kube_text(&t));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return name;
}

bool khap__kube_is_taken(struct resolving *r, struct khap_str name, const struct object *o)
{
    if (!khap__kube_has(r, S("services"), name))
        return false;
    khap__kube_say(r->diags, "kube-name-taken", o->place, khap__kube_whose(&r->memory, o), S("service"),
                   name);
    return true;
}

void khap__kube_add_bind(struct text *out, struct khap_str address, uint32_t port)
{
    bool ipv6 = khap__kube_is_ipv6(address);
    khap__kube_add(out, ipv6 ? S("[") : S(""));
    khap__kube_add(out, address);
    khap__kube_add(out, ipv6 ? S("]:") : S(":"));
    khap__kube_add_number(out, port);
}

/* The node port; one that stands in for it is the same each time. 0 when there is none. */
static uint32_t node_port(const struct backend *b)
{
    enum { FIRST = 30000, COUNT = 2768 }; /* Kubernetes' own range, unless it is told another */
    if (b->port->node_port > 0)
        return b->port->node_port;
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < b->name.len; i++)
        hash = (hash ^ (unsigned char)b->name.ptr[i]) * 16777619U;
    struct khap_str whose = khap__kube_whose(&b->r->memory, b->e->o);
    if (b->r->options.stand_ins) {
        khap__kube_say(b->r->diags, "kube-stand-in-port", b->port->place, whose, S(""), S(""));
        return FIRST + hash % COUNT;
    }
    khap__kube_say(b->r->diags, "kube-no-node-port", b->port->place, whose, S(""), S(""));
    b->r->bad = true;
    return 0;
}

/* Where a Service of type LoadBalancer is reached; empty when nothing says it. */
static struct khap_str address(const struct backend *b)
{
    if (b->e->address.len > 0)
        return b->e->address;
    struct khap_str whose = khap__kube_whose(&b->r->memory, b->e->o);
    if (b->r->options.stand_ins) {
        khap__kube_say(b->r->diags, "kube-stand-in-address", b->place, whose, S(""), S(""));
        return S("192.0.2.2");
    }
    khap__kube_say(b->r->diags, "kube-no-address", b->place, whose, S(""), S(""));
    b->r->bad = true;
    return S("");
}

/* node port, mode and address; false when it cannot be served */
static bool begin(const struct backend *b, struct text *out)
{
    uint32_t n = node_port(b);
    struct khap_str ip = b->tcp && n > 0 ? address(b) : S("");
    if (n == 0 || (b->tcp && ip.len == 0))
        return false;
    khap__kube_add(out, S("{nodePort: "));
    khap__kube_add_number(out, n);
    if (b->tcp) {
        struct text bind;
        khap__kube_text_init(&bind, &b->r->memory.alloc);
        khap__kube_add_bind(&bind, ip, b->port->port);
        khap__kube_add(out, S(", mode: tcp, bind: "));
        khap__kube_add_quoted(out, khap__kube_text(&bind));
        b->r->memory.failed |= bind.failed;
        khap__kube_text_free(&bind);
    }
    khap__kube_add(out, S("}"));
    b->r->memory.failed |= out->failed;
    return !b->r->memory.failed;
}

/* What the fields of the Service say, where no annotation says otherwise. */
static void set_fields(const struct backend *b)
{
    const struct service *s = &b->e->o->as.service;
    struct khap_str app = b->port->app_protocol;
    struct text t;
    khap__kube_text_init(&t, &b->r->memory.alloc);
    bool secure = says(b, "backendProtocol");
    if (!b->tcp && !secure) {
        secure = khap__kube_same(app, S("https")) || khap__kube_same(app, S("kubernetes.io/wss"));
        if (khap__kube_same(app, S("kubernetes.io/h2c")))
            set(b, S("backendProtocol"), S("h2c"), b->port->place);
        else if (secure)
            set(b, S("backendProtocol"), S("https"), b->port->place);
    }
    if (s->client_ip && !says(b, "affinity") && !says(b, "cookie") && !says(b, "hash") && !says(b, "balance"))
        set(b, S("affinity"), S("source"), b->place);
    /* kube-proxy answers in plain HTTP; where checks speak TLS or TCP, a node without an endpoint lets them time out */
    if (s->local && s->health_port > 0 && !b->tcp && !secure && !says(b, "check")) {
        khap__kube_add(&t, S("{type: http, path: /healthz, port: "));
        khap__kube_add_number(&t, s->health_port);
        khap__kube_add(&t, S("}"));
        set(b, S("check"), khap__kube_text(&t), b->place);
        t.len = 0;
    }
    khap__kube_add_nodes(b->r, b->e->o, &t);
    if (t.len > 0 && !t.failed)
        set(b, S("nodes"), khap__kube_text(&t), b->place);
    t.len = 0;
    /* who wrote the Service's own field meant it as a wall: an annotation does not open it */
    if (s->has_ranges && khap__kube_same(s->type, S("LoadBalancer"))) {
        khap__kube_add(&t, S("["));
        for (const struct texts *at = s->source_ranges; at; at = at->next) {
            khap__kube_add_quoted(&t, at->value.text);
            khap__kube_add(&t, S(", "));
        }
        khap__kube_add(&t, S("]"));
        set(b, S("sourceRanges"), khap__kube_text(&t), s->source_ranges->value.place);
    }
    b->r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
}

static void set_routes(const struct backend *b, struct wish *const *wishes, size_t n)
{
    for (size_t i = 0; i < n && !b->r->bad; i++) {
        set(b, S("routes.+"), wishes[i]->yaml, wishes[i]->place);
        for (const struct setting *s = wishes[i]->settings; s; s = s->next) {
            struct text key;
            khap__kube_text_init(&key, &b->r->memory.alloc);
            khap__kube_add(&key, S("routes."));
            khap__kube_add_number(&key, i);
            khap__kube_add(&key, S("."));
            khap__kube_add(&key, s->key);
            if (!key.failed)
                set(b, khap__kube_text(&key), s->yaml, s->place);
            b->r->memory.failed |= key.failed;
            khap__kube_text_free(&key);
        }
    }
}

static void write_backend(struct resolving *r, const struct exposed *e, const struct port *port, bool tcp,
                          struct wish *const *wishes, size_t n)
{
    struct backend b = {.r = r, .e = e, .port = port, .tcp = tcp, .place = e->o->place};
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    b.name = khap__kube_backend_name(r, e->o, port);
    if (!khap__kube_is_taken(r, b.name, e->o) && begin(&b, &t)) {
        bool bad = r->bad;
        r->bad = false;
        set(&b, S(""), khap__kube_text(&t), b.place);
        for (const struct setting *s = e->said.settings; s; s = s->next)
            set(&b, s->key, s->yaml, s->place);
        set_fields(&b);
        set_routes(&b, wishes, n);
        /* half of what was said might be open to everybody: then nothing leads to it */
        if (r->bad)
            set(&b, S(""), khap__kube_text(&t), b.place);
        r->bad |= bad;
    }
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
}

void khap__kube_write_service(struct resolving *r, const struct exposed *e, const struct port *port,
                              struct khap_str name, const struct setting *settings, bool tcp)
{
    struct backend b = {.r = r, .e = e, .port = port, .name = name, .tcp = tcp, .place = e->o->place};
    struct text t;
    uint32_t n = node_port(&b);
    bool bad = r->bad;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, S("{nodePort: "));
    khap__kube_add_number(&t, n);
    khap__kube_add(&t, S("}"));
    r->memory.failed |= t.failed;
    r->bad = false;
    if (n > 0 && !t.failed) {
        set(&b, S(""), khap__kube_text(&t), b.place);
        for (const struct setting *s = e->said.settings; s; s = s->next) {
            if (!tcp || khap__kube_is_for_tcp(s->key))
                set(&b, s->key, s->yaml, s->place);
        }
        set_fields(&b);
        for (const struct setting *s = settings; s; s = s->next)
            set(&b, s->key, s->yaml, s->place);
    }
    if (n == 0 || r->bad) /* others lead to it, and half of what was said might be open to everybody */
        set(&b, S(""), S("{respond: {status: 500}}"), b.place);
    r->bad |= bad;
    khap__kube_text_free(&t);
}

static int by_port(const void *a, const void *b)
{
    const struct wish *x = *(const struct wish *const *)a, *y = *(const struct wish *const *)b;
    int order = khap__kube_compare(x->service->ns, y->service->ns);
    if (order == 0)
        order = khap__kube_compare(x->service->name, y->service->name);
    if (order == 0)
        order = x->port->port < y->port->port ? -1 : x->port->port > y->port->port;
    return order != 0 ? order : x->number < y->number ? -1 : x->number > y->number;
}

void khap__kube_backends(struct resolving *r)
{
    struct wish **wishes = khap__kube_take(&r->memory, r->n_wishes + 1, sizeof *wishes);
    size_t n = 0, at = 0;
    if (!wishes)
        return;
    for (struct wish *w = r->wishes; w; w = w->next) {
        w->granted = khap__kube_may(r, w);
        if (w->granted && w->service)
            wishes[n++] = w;
    }
    if (n > 1)
        qsort(wishes, n, sizeof *wishes, by_port);
    for (size_t i = 0; i < r->n_services && !r->memory.failed; i++) {
        const struct exposed *e = &r->services[i];
        while (at < n && wishes[at]->service == e->o) {
            size_t from = at;
            while (at < n && wishes[at]->service == e->o &&
                   wishes[at]->port->port == wishes[from]->port->port)
                at++;
            write_backend(r, e, wishes[from]->port, false, wishes + from, at - from);
        }
        bool own_port = e->wanted && e->own_port;
        if (own_port && !khap__kube_may_claim(r, e->o->ns)) {
            khap__kube_say(r->diags, "kube-not-allowed", e->o->place, khap__kube_whose(&r->memory, e->o),
                           S("an address"), S(""));
            own_port = false;
        }
        for (const struct port *p = e->o->as.service.ports; p && own_port; p = p->next) {
            if (p->protocol.len == 0 || khap__kube_same(p->protocol, S("TCP")))
                write_backend(r, e, p, true, NULL, 0);
            else
                khap__kube_say(r->diags, "kube-not-tcp", p->place, khap__kube_whose(&r->memory, e->o),
                               p->protocol, S(""));
        }
    }
}
