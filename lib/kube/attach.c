/* kube/attach.c - which routes stand on which listeners. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"

/* ---- hosts */

/* "*.example.com" is any depth of labels before it. */
static bool covers(struct khap_str wildcard, struct khap_str host)
{
    if (wildcard.len < 2 || wildcard.ptr[0] != '*')
        return false;
    struct khap_str suffix = khap__kube_rest(wildcard, 1);
    struct khap_str tail = host.len > suffix.len ? khap__kube_rest(host, host.len - suffix.len) : S("");
    return khap__kube_same(tail, suffix);
}

bool khap__kube_meet(struct khap_str a, struct khap_str b, struct khap_str *out)
{
    *out = a.len == 0 || covers(a, b) ? b : a;
    return a.len == 0 || b.len == 0 || khap__kube_same(a, b) || covers(a, b) || covers(b, a);
}

/* ---- which namespaces and kinds a listener takes */

static struct khap_str label(const struct object *ns, struct khap_str name, struct khap_str key, bool *found)
{
    *found = true;
    if (khap__kube_same(key, S("kubernetes.io/metadata.name"))) /* every namespace has it */
        return name;
    for (const struct pair *p = ns ? ns->as.labels : NULL; p; p = p->next) {
        if (khap__kube_same(p->name.text, key))
            return p->value.text;
    }
    *found = false;
    return S("");
}

static bool holds(const struct object *ns, struct khap_str name, const struct tree *expression)
{
    bool found;
    struct khap_str operator= khap__kube_word(expression, "operator", S(""));
    struct khap_str value = label(ns, name, khap__kube_word(expression, "key", S("")), &found);
    const struct tree *t = khap__kube_first(expression, "values");
    while (t && !khap__kube_same(t->text, value))
        t = t->next;
    if (khap__kube_same(operator, S("In")))
        return found && t;
    if (khap__kube_same(operator, S("NotIn")))
        return !found || !t;
    return khap__kube_same(operator, S("Exists")) ? found
                                                  : khap__kube_same(operator, S("DoesNotExist")) && !found;
}

static bool selects(const struct resolving *r, const struct tree *selector, struct khap_str name)
{
    const struct object *ns = khap__kube_find(r->kube, KIND_NAMESPACE, S(""), name);
    bool found;
    if (!selector)
        return false;
    for (const struct tree *t = khap__kube_first(selector, "matchLabels"); t; t = t->next) {
        if (!khap__kube_same(label(ns, name, t->name, &found), t->text) || !found)
            return false;
    }
    for (const struct tree *t = khap__kube_first(selector, "matchExpressions"); t; t = t->next) {
        if (!holds(ns, name, t))
            return false;
    }
    return true;
}

bool khap__kube_takes_kind(const struct listener *l, enum kind kind)
{
    const struct tree *t = khap__kube_first(khap__kube_member(l->spec, "allowedRoutes"), "kinds");
    bool http = l->type == LISTENER_HTTP || l->type == LISTENER_HTTPS;
    bool can = kind == KIND_HTTP_ROUTE || kind == KIND_GRPC_ROUTE ? http
               : kind == KIND_TLS_ROUTE                           ? l->type == LISTENER_PASSTHROUGH
                                                                  : l->type == LISTENER_TCP;
    bool all = t == NULL;
    for (; t; t = t->next)
        all |= khap__kube_is(t, "kind", khap__kube_kind_name(kind)) &&
               khap__kube_same(khap__kube_word(t, "group", S("gateway.networking.k8s.io")),
                               S("gateway.networking.k8s.io"));
    return can && all;
}

static bool takes(const struct resolving *r, const struct listener *l, const struct object *route)
{
    const struct tree *ns = khap__kube_member(khap__kube_member(l->spec, "allowedRoutes"), "namespaces");
    struct khap_str from = khap__kube_word(ns, "from", S("Same"));
    if (!khap__kube_takes_kind(l, route->kind))
        return false;
    return khap__kube_same(from, S("All")) ||
           (khap__kube_same(from, S("Same")) && khap__kube_same(l->gateway->ns, route->ns)) ||
           (khap__kube_same(from, S("Selector")) && selects(r, khap__kube_member(ns, "selector"), route->ns));
}

/* ---- a route at a parent */

struct attaching {
    struct resolving *r;
    const struct object *route;
    struct rule *rules;
    struct judged *judged;
    bool there, taken, met,
        clear; /* listeners that are named; that take it; with a host in common; which is nobody's else */
};

/* HTTPRoute and GRPCRoute cannot share a host of a listener: the older one has it. */
static bool is_clear(const struct listener *l, const struct object *route, struct khap_str host)
{
    struct khap_str both;
    for (const struct attached *a = l->attached; a; a = a->next) {
        if (a->o->kind != route->kind && khap__kube_meet(a->host, host, &both))
            return false;
    }
    return true;
}

static void stand(struct attaching *a, struct listener *l, struct khap_str host)
{
    struct attached *here = khap__kube_take(&a->r->memory, 1, sizeof *here);
    a->met = true;
    if (a->route->kind == KIND_TLS_ROUTE && host.len == 0) {
        khap__kube_refuse(a->judged, ACCEPTED, S("UnsupportedValue"), S("TLS is passed through by hostname"),
                          NULL);
        return;
    }
    if (!here || !is_clear(l, a->route, host))
        return;
    a->clear = true;
    *here = (struct attached){a->route, host, l->attached};
    l->attached = here;
    for (struct rule *rule = l->serves ? a->rules : NULL; rule; rule = rule->next) {
        if (rule->route == a->route)
            khap__kube_wish_rule(a->r, rule, l, a->judged, host);
    }
}

static void at_listener(struct attaching *a, struct listener *l)
{
    const struct tree *t = khap__kube_first(a->route->as.spec, "hostnames");
    bool whole = !t || l->type == LISTENER_TCP, before = a->clear;
    struct khap_str both;
    a->clear = false;
    if (whole)
        stand(a, l, l->hostname);
    for (; t && !whole; t = t->next) {
        if (khap__kube_meet(l->hostname, khap__kube_normal_host(&a->r->memory, t->text), &both))
            stand(a, l, both);
    }
    l->judged->attached += a->clear;
    a->clear |= before;
}

static bool is_named(const struct listener *l, const struct tree *parent)
{
    return khap__kube_same(khap__kube_word(parent, "sectionName", l->name), l->name) &&
           khap__kube_same(khap__kube_word(parent, "port", S("")),
                           khap__kube_member(parent, "port") ? khap__kube_word(l->spec, "port", S(""))
                                                             : S(""));
}

static void at_gateway(struct attaching *a, const struct object *gateway, const struct tree *parent)
{
    struct judged *j = a->judged;
    a->there = a->taken = a->met = a->clear = false;
    for (struct listener *l = khap__kube_listeners_of(a->r, gateway); l && l->gateway == gateway;
         l = l->next) {
        if (!is_named(l, parent))
            continue;
        a->there = true;
        if (!takes(a->r, l, a->route))
            continue;
        a->taken = true;
        at_listener(a, l);
    }
    if (!a->there)
        khap__kube_refuse(j, ACCEPTED, S("NoMatchingParent"), S("it has no such listener"), NULL);
    else if (!a->taken)
        khap__kube_refuse(j, ACCEPTED, S("NotAllowedByListeners"),
                          S("its listeners take no such route of this namespace"), NULL);
    else if (!a->met)
        khap__kube_refuse(j, ACCEPTED, S("NoMatchingListenerHostname"),
                          S("its listeners have none of the hostnames"), NULL);
    else if (!a->clear)
        khap__kube_refuse(j, ACCEPTED, S("HostnameConflict"),
                          S("an older route of another kind has the hostnames"), NULL);
}

static void attach(struct resolving *r, const struct object *route)
{
    struct attaching a = {.r = r, .route = route};
    struct judged rules = {.o = route};
    uint32_t i = 0;
    for (const struct tree *p = khap__kube_first(route->as.spec, "parentRefs"); p; p = p->next, i++) {
        const struct object *gateway =
            khap__kube_find(r->kube, KIND_GATEWAY, khap__kube_word(p, "namespace", route->ns),
                            khap__kube_word(p, "name", S("")));
        if (!khap__kube_same(khap__kube_word(p, "kind", S("Gateway")), S("Gateway")) ||
            !khap__kube_same(khap__kube_word(p, "group", S("gateway.networking.k8s.io")),
                             S("gateway.networking.k8s.io")) ||
            !gateway || !khap__kube_is_our_gateway(r, gateway))
            continue; /* somebody else's to judge */
        if (!a.rules)
            a.rules = khap__kube_rules(r, route, &rules);
        a.judged = khap__kube_judge(r, route, p->place);
        if (!a.judged)
            return;
        a.judged->gateway = gateway;
        a.judged->parent = i;
        memcpy(a.judged->refused, rules.refused, sizeof rules.refused);
        if (khap__kube_is_good(a.judged, ACCEPTED))
            at_gateway(&a, gateway, p);
    }
}

void khap__kube_attach(struct resolving *r)
{
    static const enum kind kinds[] = {KIND_HTTP_ROUTE, KIND_GRPC_ROUTE, KIND_TLS_ROUTE, KIND_TCP_ROUTE};
    size_t n = 0, in[4];
    const struct object **of[4];
    for (size_t k = 0; k < 4; k++) {
        of[k] = khap__kube_by_age(r, kinds[k], &in[k]);
        n += of[k] ? in[k] : 0;
    }
    /* oldest first, whatever the kind */
    for (size_t at[4] = {0}; n > 0 && !r->memory.failed; n--) {
        size_t best = 4;
        for (size_t k = 0; k < 4; k++) {
            if (of[k] && at[k] < in[k] &&
                (best == 4 || khap__kube_earlier(of[k][at[k]], of[best][at[best]]) < 0))
                best = k;
        }
        if (best < 4)
            attach(r, of[best][at[best]++]);
    }
}
