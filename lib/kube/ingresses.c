/* kube/ingresses.c - Ingresses of our class. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/resolve.h"

bool khap__kube_ingress_is_ours(const struct resolving *r, const struct object *o)
{
    struct khap_str name = o->as.ingress.class_name.text;
    size_t n = 0;
    if (name.len > 0) {
        const struct object *c = khap__kube_find(r->kube, KIND_INGRESS_CLASS, S(""), name);
        return c ? khap__kube_same(c->as.ingress_class.controller, r->options.class_name)
                 : khap__kube_same(name, r->options.ingress_class);
    }
    for (size_t i = 0; i < r->kube->n_buckets; i++) {
        for (const struct object *at = r->kube->buckets[i]; at; at = at->next) {
            const struct object *c = khap__kube_shown(at);
            if (c && c->kind == KIND_INGRESS_CLASS && c->as.ingress_class.is_default) {
                n++;
                if (!khap__kube_same(c->as.ingress_class.controller, r->options.class_name))
                    return false;
            }
        }
    }
    return n > 0;
}

static const struct port *find_port(const struct object *service, const struct ingress_path *p)
{
    for (const struct port *at = service->as.service.ports; at; at = at->next) {
        if (p->port_name.len > 0 ? khap__kube_same(at->name, p->port_name) : at->port == p->port_number)
            return at;
    }
    return NULL;
}

static bool is_reachable(const struct object *service)
{
    struct khap_str type = service->as.service.type;
    return khap__kube_same(type, S("NodePort")) || khap__kube_same(type, S("LoadBalancer"));
}

static void add_path(struct resolving *r, const struct object *o, const struct ingress_path *p,
                     const struct setting *settings)
{
    struct khap_str whose = khap__kube_whose(&r->memory, o), type = p->type.text;
    const struct exposed *e = khap__kube_exposed(r, o->ns, p->service);
    const struct port *port = e ? find_port(e->o, p) : NULL;
    if (!e || !is_reachable(e->o)) {
        khap__kube_say(r->diags, e ? "kube-no-node-ports" : "kube-no-service", p->place, whose, p->service,
                       S(""));
        return;
    }
    if (e->said.bad) /* without what it says itself it might be open to everybody; told already */
        return;
    if (!port) {
        khap__kube_say(r->diags, "kube-no-port", p->place, khap__kube_whose(&r->memory, e->o),
                       p->port_name.len > 0 ? p->port_name : S("this number"), S(""));
        r->bad = true;
        return;
    }
    if (type.len > 0 && !khap__kube_same(type, S("Exact")) && !khap__kube_same(type, S("Prefix")) &&
        !khap__kube_same(type, S("ImplementationSpecific"))) {
        khap__kube_say(r->diags, "kube-bad-value", p->type.place, S("pathType"), type, S(""));
        r->bad = true;
        return;
    }
    struct wish *w = khap__kube_wish(r, o, e->o, port, p->host.text);
    struct text yaml;
    if (!w)
        return;
    khap__kube_text_init(&yaml, &r->memory.alloc);
    khap__kube_add_what(&yaml, p->path.text, type);
    w->what = khap__kube_copy(&r->memory, khap__kube_text(&yaml));
    yaml.len = 0;
    khap__kube_add(&yaml, S("{path: "));
    khap__kube_add_quoted(&yaml, p->path.text.len > 0 ? p->path.text : S("/"));
    khap__kube_add(&yaml,
                   khap__kube_same(type, S("Exact")) ? S(", pathType: Exact") : S(", pathType: Prefix"));
    if (p->host.text.len > 0) {
        khap__kube_add(&yaml, S(", host: "));
        khap__kube_add_quoted(&yaml, p->host.text);
        if (p->host.text.ptr[0] == '*')
            khap__kube_add(&yaml, S(", wildcard: label"));
    }
    khap__kube_add(&yaml, S("}"));
    r->memory.failed |= yaml.failed;
    w->yaml = khap__kube_copy(&r->memory, khap__kube_text(&yaml));
    w->place = p->place;
    w->settings = settings;
    w->label = true;
    khap__kube_text_free(&yaml);
}

void khap__kube_ingresses(struct resolving *r)
{
    size_t n;
    const struct object **all = khap__kube_sorted(r->kube, KIND_INGRESS, &r->memory, &n);
    for (size_t i = 0; all && i < n; i++) {
        const struct object *o = all[i];
        struct said said = {0};
        if (!khap__kube_ingress_is_ours(r, o))
            continue;
        khap__kube_annotations(r, o, &said, NULL, NULL);
        if (said.bad)
            continue;
        for (const struct ingress_path *p = o->as.ingress.paths; p; p = p->next)
            add_path(r, o, p, said.settings);
    }
}
