/* kube/exposed.c - Services that ask to be served. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/resolve.h"

struct routes_of {
    struct resolving *r;
    struct exposed *e;
};

static void wish_route(void *ctx, struct khap_str host, struct khap_str what, struct khap_str yaml,
                       struct khap_place place)
{
    const struct routes_of *of = ctx;
    struct wish *w = khap__kube_wish(of->r, of->e->o, of->e->o, NULL, host);
    if (!w)
        return;
    w->what = khap__kube_copy(&of->r->memory, what);
    w->yaml = khap__kube_copy(&of->r->memory, yaml);
    w->place = place;
}

static bool is_tcp(const struct port *p)
{
    return p->protocol.len == 0 || khap__kube_same(p->protocol, S("TCP"));
}

static bool has_port(const struct port *p, struct khap_str wanted)
{
    uint32_t n;
    return khap__kube_same(p->name, wanted) || (khap__kube_number(wanted, 1, 65535, &n) && p->port == n);
}

/* The port that hosts lead to: the one that is named, the only one, or the one called http. */
static const struct port *choose_port(struct resolving *r, const struct exposed *e)
{
    const struct port *only = NULL, *http = NULL;
    size_t n = 0;
    for (const struct port *p = e->o->as.service.ports; p; p = p->next) {
        if (!is_tcp(p))
            continue;
        if (e->said.port.len > 0 && has_port(p, e->said.port))
            return p;
        if (khap__kube_same(p->name, S("http")))
            http = p;
        only = p;
        n++;
    }
    struct khap_str whose = khap__kube_whose(&r->memory, e->o);
    if (e->said.port.len > 0 || n == 0) {
        khap__kube_say(r->diags, "kube-no-port", e->said.port.len > 0 ? e->said.port_place : e->o->place,
                       whose, e->said.port.len > 0 ? e->said.port : S("TCP"), S(""));
        r->bad = true;
        return NULL;
    }
    if (n == 1 || http)
        return n == 1 ? only : http;
    khap__kube_say(r->diags, "kube-which-port", e->o->place, whose, S(""), S(""));
    r->bad = true;
    return NULL;
}

/* Its annotations are for us, and what it is is not. */
static void say_not_served(struct resolving *r, const struct exposed *e, bool balanced)
{
    struct khap_str type = e->o->as.service.type;
    khap__kube_say(r->diags, "kube-not-served", e->o->place, khap__kube_whose(&r->memory, e->o),
                   type.len > 0 ? type : S("ClusterIP"),
                   balanced ? S("its class is not ours") : S("it has no node ports"));
}

static void look_at(struct resolving *r, struct exposed *e)
{
    const struct service *s = &e->o->as.service;
    struct wish **first = r->last_wish;
    struct routes_of of = {r, e};
    khap__kube_annotations(r, e->o, &e->said, wish_route, &of);
    bool balanced = khap__kube_same(s->type, S("LoadBalancer"));
    bool node_port = khap__kube_same(s->type, S("NodePort"));
    struct khap_str class_name = s->load_balancer_class.len > 0 ? s->load_balancer_class : e->said.class_name;
    bool ours = khap__kube_same(class_name, r->options.class_name);
    bool asked = e->said.has_routes || e->said.port.len > 0 || e->said.has_class;
    /* a class that is somebody else's is for them to serve, whatever else is said */
    e->ours = ours && balanced && !e->o->leaving;
    e->wanted = !e->said.bad && !(balanced && e->o->leaving) &&
                (class_name.len > 0 ? ours && (balanced || node_port) : node_port && asked);
    e->own_port = balanced && e->wanted && !e->said.has_routes;
    e->address = s->load_balancer_ip.len > 0 ? s->load_balancer_ip : s->status_ip;
    if (e->wanted && !e->own_port) {
        e->port = choose_port(r, e);
        e->wanted = e->port != NULL;
    }
    if (asked && class_name.len == 0 && !node_port && !e->o->leaving)
        say_not_served(r, e, balanced);
    if (!e->wanted) { /* it has no wishes */
        for (const struct wish *w = *first; w; w = w->next)
            r->n_wishes--;
        *first = NULL;
        r->last_wish = first;
        return;
    }
    for (struct wish *w = *first; w; w = w->next)
        w->port = e->port;
}

void khap__kube_services(struct resolving *r)
{
    const struct object **all = khap__kube_sorted(r->kube, KIND_SERVICE, &r->memory, &r->n_services);
    r->services = khap__kube_take(&r->memory, r->n_services + 1, sizeof *r->services);
    if (!all || !r->services) {
        r->n_services = 0;
        return;
    }
    for (size_t i = 0; i < r->n_services; i++) {
        r->services[i].o = all[i];
        look_at(r, &r->services[i]);
    }
}

const struct exposed *khap__kube_exposed(const struct resolving *r, struct khap_str ns, struct khap_str name)
{
    size_t low = 0, high = r->n_services;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct object *o = r->services[middle].o;
        int order = khap__kube_compare(o->ns, ns);
        if (order == 0)
            order = khap__kube_compare(o->name, name);
        if (order == 0)
            return &r->services[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
