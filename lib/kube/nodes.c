/* kube/nodes.c - which nodes serve, and how they are reached. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"

#include <stdlib.h>

/* The address of a family, or a name; of the type that is wanted, else of another one. */
static struct khap_str address_of(const struct resolving *r, const struct object *o, bool ipv6)
{
    static const char *const types[] = {"InternalIP", "ExternalIP", "Hostname"};
    for (size_t i = 0; i <= sizeof types / sizeof *types; i++) {
        struct khap_str type =
            i == 0 ? r->options.node_address : (struct khap_str){types[i - 1], strlen(types[i - 1])};
        for (const struct pair *a = o->as.node.addresses; a; a = a->next) {
            if (khap__kube_same(a->name.text, type) && a->value.text.len > 0 &&
                khap__kube_is_ipv6(a->value.text) == ipv6)
                return a->value.text;
        }
    }
    return S("");
}

/* A name that stands only where there is no address: it is no address of a family. */
static bool is_dual(const struct resolving *r, const struct object *o)
{
    return address_of(r, o, false).len > 0 && address_of(r, o, true).len > 0;
}

static void add_labels(const struct resolving *r, const struct object *o, bool ipv6, struct text *out)
{
    khap__kube_add(out, S(", labels: {"));
    for (const struct pair *p = o->as.node.labels; p; p = p->next) {
        if (khap__kube_same(p->name.text, S("khap.io/family")))
            continue;
        khap__kube_add_quoted(out, p->name.text);
        khap__kube_add(out, S(": "));
        khap__kube_add_quoted(out, p->value.text);
        khap__kube_add(out, S(", "));
    }
    if (r->ipv6)
        khap__kube_add(out, ipv6 ? S("khap.io/family: ipv6") : S("khap.io/family: ipv4"));
    khap__kube_add(out, S("}"));
}

static void write_node(struct resolving *r, const struct object *o, bool ipv6, bool second)
{
    struct text path, out;
    khap__kube_text_init(&path, &r->memory.alloc);
    khap__kube_text_init(&out, &r->memory.alloc);
    khap__kube_add(&path, S("nodes.\""));
    khap__kube_add(&path, o->name);
    khap__kube_add(&path, second ? S("_ipv6\"") : S("\""));
    khap__kube_add(&out, S("{address: "));
    khap__kube_add_quoted(&out, address_of(r, o, ipv6));
    if (o->as.node.leaving || (o->as.node.cordoned && r->options.drain_cordoned))
        khap__kube_add(&out, S(", state: drain"));
    if (r->ipv6 || o->as.node.labels)
        add_labels(r, o, ipv6, &out);
    khap__kube_add(&out, S("}"));
    r->memory.failed |= path.failed || out.failed;
    if (!r->memory.failed && khap_model_find(r->model, khap__kube_text(&path), NULL) != KHAP_ENOENT)
        khap__kube_say(r->diags, "kube-name-taken", o->place, khap__kube_whose(&r->memory, o), S("node"),
                       o->name);
    else if (!r->memory.failed)
        khap__kube_set(r, khap__kube_text(&path), khap__kube_text(&out), o->place);
    khap__kube_text_free(&path);
    khap__kube_text_free(&out);
}

void khap__kube_nodes(struct resolving *r)
{
    size_t n, kept = 0;
    const struct object **all = khap__kube_sorted(r->kube, KIND_NODE, &r->memory, &n);
    for (size_t i = 0; all && i < n; i++) {
        const struct object *o = all[i];
        if (o->as.node.out_of_service)
            continue;
        if (address_of(r, o, false).len > 0 || address_of(r, o, true).len > 0)
            all[kept++] = o;
        else
            khap__kube_say(r->diags, "kube-node-address", o->place, khap__kube_whose(&r->memory, o), S(""),
                           S(""));
    }
    r->nodes = all;
    r->n_nodes = all ? kept : 0;
}

static void stand_in(struct resolving *r)
{
    enum khap_status found = khap_model_find(r->model, S("nodes"), NULL);
    r->memory.failed |= found == KHAP_ENOMEM;
    if (found != KHAP_ENOENT)
        return;
    khap__kube_say(r->diags, "kube-stand-in-node", (struct khap_place){0, 0, 0}, S(""), S(""), S(""));
    khap__kube_set(r, S("nodes.\"node\""), S("{address: 192.0.2.1}"), (struct khap_place){0, 0, 0});
}

void khap__kube_write_nodes(struct resolving *r)
{
    bool wanted = false;
    for (size_t i = 0; i < r->n_services; i++)
        r->ipv6 |= r->services[i].wanted && r->services[i].o->as.service.ipv6;
    for (const struct wish *w = r->wishes; w; w = w->next)
        r->ipv6 |= w->service && w->service->as.service.ipv6;
    for (const struct rule *rule = r->rules; rule; rule = rule->next)
        for (const struct ref *ref = rule->refs; ref; ref = ref->next)
            r->ipv6 |= ref->e->o->as.service.ipv6;
    for (size_t i = 0; i < r->n_nodes; i++) {
        const struct object *o = r->nodes[i];
        bool four = address_of(r, o, false).len > 0;
        write_node(r, o, !four, false);
        if (r->ipv6 && is_dual(r, o))
            write_node(r, o, true, true);
    }
    for (size_t i = 0; i < r->n_services; i++)
        wanted |= r->services[i].wanted;
    if (r->n_nodes == 0 && r->options.stand_ins && (wanted || r->wishes))
        stand_in(r);
}

/* ---- the nodes of one service */

static const struct object *find_node(const struct resolving *r, struct khap_str name)
{
    size_t low = 0, high = r->n_nodes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = khap__kube_compare(r->nodes[middle]->name, name);
        if (order == 0)
            return r->nodes[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int by_service(const void *a, const void *b)
{
    const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;
    int order = khap__kube_compare(x->ns, y->ns);
    if (order == 0)
        order = khap__kube_compare(x->as.slice.service, y->as.slice.service);
    return order != 0 ? order : khap__kube_compare(x->name, y->name);
}

/* Slices are sorted when the first service asks. */
static size_t first_slice(struct resolving *r, const struct object *service)
{
    if (!r->slices) {
        r->slices = khap__kube_sorted(r->kube, KIND_SLICE, &r->memory, &r->n_slices);
        if (r->slices && r->n_slices > 1)
            qsort(r->slices, r->n_slices, sizeof *r->slices, by_service);
    }
    size_t low = 0, high = r->slices ? r->n_slices : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct object *o = r->slices[middle];
        int order = khap__kube_compare(o->ns, service->ns);
        if (order == 0)
            order = khap__kube_compare(o->as.slice.service, service->name);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_of(const struct resolving *r, size_t i, const struct object *service)
{
    return r->slices && i < r->n_slices && khap__kube_same(r->slices[i]->ns, service->ns) &&
           khap__kube_same(r->slices[i]->as.slice.service, service->name);
}

static int by_text(const void *a, const void *b)
{
    return khap__kube_compare(*(const struct khap_str *)a, *(const struct khap_str *)b);
}

/* The nodes that have an endpoint which answers: a ready one, or else one that still serves. */
static void add_local(struct resolving *r, const struct object *service, size_t first, struct text *out)
{
    size_t n = 0, all = 0;
    for (size_t i = first; is_of(r, i, service); i++) {
        for (const struct endpoint *e = r->slices[i]->as.slice.endpoints; e; e = e->next)
            all++;
    }
    struct khap_str *names = khap__kube_take(&r->memory, all + 1, sizeof *names);
    if (!names)
        return;
    for (int round = 0; round < 2 && n == 0; round++) {
        for (size_t i = first; is_of(r, i, service); i++) {
            for (const struct endpoint *e = r->slices[i]->as.slice.endpoints; e; e = e->next) {
                if ((round == 0 ? e->ready : e->serving) && find_node(r, e->node))
                    names[n++] = e->node;
            }
        }
    }
    if (n > 1)
        qsort(names, n, sizeof *names, by_text);
    khap__kube_add(out, S("names: ["));
    for (size_t i = 0; i < n; i++) {
        const struct object *o = find_node(r, names[i]);
        if ((i > 0 && khap__kube_same(names[i], names[i - 1])) || !o)
            continue;
        bool second = service->as.service.ipv6 && is_dual(r, o);
        khap__kube_add(out, S("\""));
        khap__kube_add(out, o->name);
        khap__kube_add(out, second ? S("_ipv6\", ") : S("\", "));
    }
    khap__kube_add(out, S("], "));
}

void khap__kube_add_nodes(struct resolving *r, const struct object *service, struct text *out)
{
    const struct service *s = &service->as.service;
    size_t first = s->local ? first_slice(r, service) : 0;
    bool local = s->local && is_of(r, first, service) && r->n_nodes > 0;
    if (!local && !r->ipv6 && r->options.max_nodes == 0)
        return;
    khap__kube_add(out, S("{"));
    if (local)
        add_local(r, service, first, out);
    else if (r->ipv6 && r->n_nodes > 0)
        khap__kube_add(out, s->ipv6 ? S("selector: {khap.io/family: ipv6}, ")
                                    : S("selector: {khap.io/family: ipv4}, "));
    if (r->options.max_nodes > 0) {
        khap__kube_add(out, S("max: "));
        khap__kube_add_number(out, r->options.max_nodes);
    }
    khap__kube_add(out, S("}"));
}
