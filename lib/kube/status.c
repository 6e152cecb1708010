/* kube/status.c - what the status of each object should say of us, as JSON. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"
#include "kube/json.h"

struct telling {
    struct resolving *r;
    struct text json;
};

static void add(struct telling *t, struct khap_str piece)
{
    khap__kube_add(&t->json, piece);
}

static void add_text(struct telling *t, struct khap_str before, struct khap_str text)
{
    add(t, before);
    khap__json_add_quoted(&t->json, text);
}

static void tell(struct telling *t, const struct object *o)
{
    const struct khap_kube_status status = {.size = sizeof status,
                                            .kind = khap__kube_kind_name(o->kind),
                                            .ns = o->ns,
                                            .name = o->name,
                                            .wanted = khap__kube_text(&t->json)};
    t->r->memory.failed |= t->json.failed;
    if (!t->json.failed)
        t->r->options.status(t->r->options.status_ctx, &status);
    t->json.len = 0;
}

/* ---- addresses */

static bool is_address(struct khap_str s)
{
    bool digits = s.len > 0;
    for (size_t i = 0; i < s.len; i++)
        digits = digits && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '.');
    return digits || (khap__kube_is_ipv6(s) && khap__kube_is_address(s));
}

/* What kube-proxy would send past HAProxy goes through it: ipMode Proxy. */
static void add_ingress(struct telling *t, struct khap_str address, const struct port *ports, bool service)
{
    add_text(t, is_address(address) ? S("{\"ip\":") : S("{\"hostname\":"), address);
    if (service && is_address(address))
        add(t, S(",\"ipMode\":\"Proxy\""));
    for (const struct port *p = ports; p; p = p->next) {
        bool tcp = p->protocol.len == 0 || khap__kube_same(p->protocol, S("TCP"));
        add(t, p == ports ? S(",\"ports\":[{\"port\":") : S(",{\"port\":"));
        khap__kube_add_number(&t->json, p->port);
        add_text(t, S(",\"protocol\":"), tcp ? S("TCP") : p->protocol);
        if (!tcp || p->node_port == 0)
            add_text(t, S(",\"error\":"), tcp ? S("khap.io/NoNodePort") : S("khap.io/ProtocolNotSupported"));
        add(t, p->next ? S("}") : S("}]"));
    }
    add(t, S("}"));
}

static void add_addresses(struct telling *t, bool service)
{
    const struct khap_kube_options *o = &t->r->options;
    for (size_t i = 0; i < o->n_addresses; i++) {
        add(t, i > 0 ? S(",") : S(""));
        add_ingress(t, o->addresses[i], NULL, service);
    }
}

/* What cannot be said now stays as it is: `{}`. */
static void tell_service(struct telling *t, const struct exposed *e)
{
    bool own = e->own_port && e->address.len > 0 && khap__kube_may_claim(t->r, e->o->ns);
    add(t, S("{"));
    if (!e->ours) {
        add(t, S("\"finalizer\":false,\"status\":{\"loadBalancer\":{}}"));
    } else if (e->wanted && (own || (!e->own_port && t->r->options.n_addresses > 0))) {
        add(t, S("\"finalizer\":true,\"status\":{\"loadBalancer\":{\"ingress\":["));
        if (own)
            add_ingress(t, e->address, e->o->as.service.ports, true);
        else
            add_addresses(t, true);
        add(t, S("]}}"));
    }
    add(t, S("}"));
    tell(t, e->o);
}

static void tell_ingress(struct telling *t, const struct object *o)
{
    add(t, S("{"));
    if (t->r->options.n_addresses > 0) {
        add(t, S("\"status\":{\"loadBalancer\":{\"ingress\":["));
        add_addresses(t, false);
        add(t, S("]}}"));
    }
    add(t, S("}"));
    tell(t, o);
}

/* ---- the Gateway API */

static void add_condition(struct telling *t, const struct object *o, struct khap_str type, bool status,
                          struct khap_str reason, struct khap_str message)
{
    add_text(t, S("{\"type\":"), type);
    add_text(t, S(",\"status\":"), status ? S("True") : S("False"));
    if (o->generation.len > 0) {
        add(t, S(",\"observedGeneration\":"));
        add(t, o->generation);
    }
    add_text(t, S(",\"reason\":"), reason);
    add_text(t, S(",\"message\":"), message);
    add(t, S("}"));
}

/* `programmed`: -1 when it is none of its conditions. */
static void add_conditions(struct telling *t, const struct judged *j, int programmed)
{
    bool any = false;
    add(t, S("\"conditions\":["));
    for (int c = 0; c < CONDITIONS; c++) {
        if (!khap__kube_concerns(j, (enum condition)c))
            continue;
        struct khap_kube_condition one = khap__kube_condition(j, (enum condition)c);
        add(t, any ? S(",") : S(""));
        add_condition(t, j->o, one.type, one.status != 0, one.reason, one.message);
        any = true;
    }
    if (programmed >= 0) {
        add(t, any ? S(",") : S(""));
        add_condition(t, j->o, S("Programmed"), programmed > 0,
                      programmed > 0 ? S("Programmed") : S("Invalid"),
                      programmed > 0 ? S("HAProxy has it") : S("see the other conditions"));
    }
    add(t, S("]"));
}

static void add_listener(struct telling *t, const struct listener *l)
{
    static const enum kind kinds[] = {KIND_HTTP_ROUTE, KIND_GRPC_ROUTE, KIND_TLS_ROUTE, KIND_TCP_ROUTE};
    bool any = false;
    add_text(t, S("{\"name\":"), l->name);
    add(t, S(",\"attachedRoutes\":"));
    khap__kube_add_number(&t->json, l->judged->attached);
    add(t, S(",\"supportedKinds\":["));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!khap__kube_takes_kind(l, kinds[i]))
            continue;
        add(t, any ? S(",") : S(""));
        add_text(t, S("{\"group\":\"gateway.networking.k8s.io\",\"kind\":"), khap__kube_kind_name(kinds[i]));
        add(t, S("}"));
        any = true;
    }
    add(t, S("],"));
    add_conditions(t, l->judged, l->serves);
    add(t, S("}"));
}

static void add_gateway_address(struct telling *t, struct khap_str address)
{
    add_text(t, S("{\"type\":"), is_address(address) ? S("IPAddress") : S("Hostname"));
    add_text(t, S(",\"value\":"), address);
    add(t, S("}"));
}

static void tell_gateway(struct telling *t, const struct judged *j)
{
    const struct tree *own = khap__kube_first(j->o->as.spec, "addresses");
    bool serves = false, accepted = khap__kube_is_good(j, ACCEPTED);
    struct listener *first = khap__kube_listeners_of(t->r, j->o);
    for (const struct listener *l = first; l && l->gateway == j->o; l = l->next)
        serves |= l->serves;
    add(t, S("{\"status\":{\"addresses\":["));
    for (const struct tree *a = accepted ? own : NULL; a; a = a->next) {
        add(t, a != own ? S(",") : S(""));
        add_gateway_address(t, khap__kube_word(a, "value", S("")));
    }
    for (size_t i = 0; accepted && !own && i < t->r->options.n_addresses; i++) {
        add(t, i > 0 ? S(",") : S(""));
        add_gateway_address(t, t->r->options.addresses[i]);
    }
    add(t, S("],"));
    add_conditions(t, j, accepted && serves);
    add(t, S(",\"listeners\":["));
    for (const struct listener *l = first; l && l->gateway == j->o; l = l->next) {
        add(t, l != first ? S(",") : S(""));
        add_listener(t, l);
    }
    add(t, S("]}}"));
    tell(t, j->o);
}

static const struct tree *parent_of(const struct judged *j)
{
    const struct tree *p = khap__kube_first(j->o->as.spec, "parentRefs");
    for (uint32_t i = 0; p && i < j->parent; i++)
        p = p->next;
    return p;
}

static void add_parent(struct telling *t, const struct judged *j)
{
    static const char *const texts[] = {"namespace", "name", "sectionName"};
    const struct tree *p = parent_of(j);
    add_text(t, S("{\"parentRef\":{\"group\":"), khap__kube_word(p, "group", S("gateway.networking.k8s.io")));
    add_text(t, S(",\"kind\":"), khap__kube_word(p, "kind", S("Gateway")));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!khap__kube_member(p, texts[i]))
            continue;
        add_text(t, S(","), (struct khap_str){texts[i], strlen(texts[i])});
        add_text(t, S(":"), khap__kube_word(p, texts[i], S("")));
    }
    if (khap__kube_uint(p, "port", 0) > 0) {
        add(t, S(",\"port\":"));
        khap__kube_add_number(&t->json, khap__kube_uint(p, "port", 0));
    }
    add_text(t, S("},\"controllerName\":"), t->r->options.class_name);
    add(t, S(","));
    add_conditions(t, j, -1);
    add(t, S("}"));
}

/* All parents of a route follow each other. */
static const struct judged *tell_route(struct telling *t, const struct judged *j)
{
    const struct object *route = j->o;
    add_text(t, S("{\"controllerName\":"), t->r->options.class_name);
    add(t, S(",\"status\":{\"parents\":["));
    for (;; j = j->next) {
        add_parent(t, j);
        if (!j->next || j->next->o != route)
            break;
        add(t, S(","));
    }
    add(t, S("]}}"));
    tell(t, route);
    return j;
}

void khap__kube_tell_statuses(struct resolving *r)
{
    struct telling t = {.r = r};
    size_t n;
    khap__kube_text_init(&t.json, &r->memory.alloc);
    r->options.status(r->options.status_ctx, NULL);
    for (size_t i = 0; i < r->n_services; i++) {
        const struct exposed *e = &r->services[i];
        if (e->ours || e->o->as.service.held)
            tell_service(&t, e);
    }
    const struct object **all = khap__kube_sorted(r->kube, KIND_INGRESS, &r->memory, &n);
    for (size_t i = 0; all && i < n; i++) {
        if (khap__kube_ingress_is_ours(r, all[i]))
            tell_ingress(&t, all[i]);
    }
    for (const struct judged *j = r->judged; j; j = j->next) {
        if (j->gateway) {
            j = tell_route(&t, j);
        } else if (j->o->kind == KIND_GATEWAY && j->listener.len == 0) {
            tell_gateway(&t, j);
        } else if (j->o->kind == KIND_GATEWAY_CLASS) {
            add(&t, S("{\"status\":{"));
            add_conditions(&t, j, -1);
            add(&t, S("}}"));
            tell(&t, j->o);
        }
    }
    khap__kube_text_free(&t.json);
}
