/* kube/gateways.c - Gateways of our classes, and their listeners. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"

#include <stdlib.h>

/* HAProxy's frontends in a map are at most 64, and two are its own. */
enum { FRONTS_MAX = 60 };

static int by_age(const void *a, const void *b)
{
    return khap__kube_earlier(*(const struct object *const *)a, *(const struct object *const *)b);
}

const struct object **khap__kube_by_age(struct resolving *r, enum kind kind, size_t *n)
{
    const struct object **all = khap__kube_sorted(r->kube, kind, &r->memory, n);
    if (all && *n > 1)
        qsort(all, *n, sizeof *all, by_age);
    return all;
}

bool khap__kube_is_our_gateway(const struct resolving *r, const struct object *gateway)
{
    struct khap_str name = khap__kube_word(gateway->as.spec, "gatewayClassName", S(""));
    const struct object *c = khap__kube_find(r->kube, KIND_GATEWAY_CLASS, S(""), name);
    return c ? khap__kube_is(c->as.spec, "controllerName", r->options.class_name)
             : khap__kube_same(name, r->options.ingress_class);
}

/* ---- ReferenceGrants */

static bool names(const struct tree *t, struct khap_str group, struct khap_str kind)
{
    return khap__kube_same(khap__kube_word(t, "group", S("")), group) && khap__kube_is(t, "kind", kind);
}

static bool grants(const struct object *grant, const struct object *from, enum kind kind,
                   struct khap_str name)
{
    const struct tree *f = khap__kube_first(grant->as.spec, "from"),
                      *to = khap__kube_first(grant->as.spec, "to");
    while (f && !(names(f, S("gateway.networking.k8s.io"), khap__kube_kind_name(from->kind)) &&
                  khap__kube_is(f, "namespace", from->ns)))
        f = f->next;
    while (to && !(names(to, S(""), khap__kube_kind_name(kind)) &&
                   khap__kube_same(khap__kube_word(to, "name", name), name)))
        to = to->next;
    return f && to;
}

bool khap__kube_may_refer(const struct resolving *r, const struct object *from, enum kind kind,
                          struct khap_str ns, struct khap_str name)
{
    if (khap__kube_same(from->ns, ns))
        return true;
    for (size_t i = 0; r->grants && i < r->n_grants; i++) {
        if (khap__kube_same(r->grants[i]->ns, ns) && grants(r->grants[i], from, kind, name))
            return true;
    }
    return false;
}

/* ---- listeners */

static bool find_type(struct listener *l)
{
    struct khap_str protocol = khap__kube_word(l->spec, "protocol", S(""));
    const struct tree *tls = khap__kube_member(l->spec, "tls");
    struct khap_str mode = khap__kube_word(tls, "mode", S("Terminate"));
    bool passed = khap__kube_same(mode, S("Passthrough"));
    if (khap__kube_same(protocol, S("HTTP")))
        l->type = LISTENER_HTTP;
    else if (khap__kube_same(protocol, S("HTTPS")))
        l->type = LISTENER_HTTPS;
    else if (khap__kube_same(protocol, S("TLS")))
        l->type = LISTENER_PASSTHROUGH;
    else if (khap__kube_same(protocol, S("TCP")))
        l->type = LISTENER_TCP;
    else
        khap__kube_refuse(l->judged, ACCEPTED, S("UnsupportedProtocol"),
                          S("it is HTTP, HTTPS, TLS or TCP that is spoken"), NULL);
    if (l->type == LISTENER_HTTPS && passed)
        khap__kube_refuse(l->judged, ACCEPTED, S("UnsupportedValue"),
                          S("HTTPS ends here; protocol TLS is passed through"), NULL);
    if (l->type == LISTENER_PASSTHROUGH && !passed)
        khap__kube_refuse(l->judged, ACCEPTED, S("UnsupportedValue"),
                          S("TLS that ends here is served as HTTPS only"), NULL);
    return khap__kube_is_good(l->judged, ACCEPTED);
}

static struct khap_str front_name(struct resolving *r, const struct front *f)
{
    struct text t;
    bool tls = f->type == LISTENER_HTTPS;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, f->type == LISTENER_TCP ? S("tcp") : tls ? S("https") : S("http"));
    if (!f->shared) {
        khap__kube_add(&t, S("-"));
        khap__kube_add_number(&t, f->port);
    }
    if (f->address.len > 0) {
        khap__kube_add(&t, S("-"));
        khap__kube_add(&t, f->address);
    }
    struct khap_str name = khap__kube_copy(&r->memory, khap__kube_text(&t));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return name;
}

/* The front at an address, made when there is none; NULL when the listener cannot stand there, which was noted. */
static struct front *find_front(struct resolving *r, struct listener *l, struct khap_str address,
                                uint32_t port)
{
    enum listener_type type = l->type == LISTENER_PASSTHROUGH ? LISTENER_HTTPS : l->type;
    size_t n = 0;
    for (struct front *f = r->gateways.fronts; f; f = f->next, n++) {
        bool same = khap__kube_same(f->address, address);
        if (f->port != port || (!same && f->address.len > 0 && address.len > 0))
            continue;
        if (!same)
            khap__kube_refuse(l->judged, ACCEPTED, S("PortUnavailable"),
                              S("another listener has its port at all addresses, or at one of them"), NULL);
        else if (f->type != type)
            khap__kube_refuse(l->judged, CONFLICTED, S("ProtocolConflict"),
                              S("an older listener speaks another protocol there"), NULL);
        r->any_passed |= l->type == LISTENER_PASSTHROUGH;
        return same && f->type == type ? f : NULL;
    }
    bool whole = address.len == 0;
    if (l->type == LISTENER_PASSTHROUGH && (port != 443 || !whole)) {
        khap__kube_refuse(l->judged, ACCEPTED, S("PortUnavailable"),
                          S("TLS is passed through at port 443 of all addresses"), NULL);
        return NULL;
    }
    if (n >= FRONTS_MAX) {
        khap__kube_refuse(l->judged, ACCEPTED, S("PortUnavailable"), S("there are too many addresses"), NULL);
        return NULL;
    }
    struct front *f = khap__kube_take(&r->memory, 1, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct front){.address = address, .port = port, .type = type, .next = r->gateways.fronts};
    f->shared = whole && ((type == LISTENER_HTTPS && port == 443) || (type == LISTENER_HTTP && port == 80));
    f->written = f->shared || type == LISTENER_TCP;
    r->any_passed |= l->type == LISTENER_PASSTHROUGH;
    f->name = front_name(r, f);
    r->gateways.fronts = f;
    return f;
}

/* Every listener of one Gateway has a host of its own at a front. */
static bool is_alone(const struct resolving *r, const struct listener *l, const struct front *f)
{
    for (const struct listener *o = r->gateways.listeners; o; o = o->next) {
        for (size_t i = 0; i < o->n_fronts && o != l && o->gateway == l->gateway; i++) {
            if (o->fronts[i] == f && khap__kube_same(o->hostname, l->hostname))
                return false;
        }
    }
    return true;
}

static void stand_at(struct resolving *r, struct listener *l, struct khap_str address)
{
    uint32_t port = khap__kube_uint(l->spec, "port", 0);
    if (port == 0 || port > 65535) {
        khap__kube_refuse(l->judged, ACCEPTED, S("UnsupportedValue"), S("it has no port"), NULL);
        return;
    }
    struct front *f = find_front(r, l, address, port);
    if (!f)
        return;
    if (!is_alone(r, l, f))
        khap__kube_refuse(l->judged, CONFLICTED, S("HostnameConflict"),
                          S("an older listener has its port and hostname"), NULL);
    else if (l->n_fronts == sizeof l->fronts / sizeof *l->fronts)
        khap__kube_refuse(l->judged, ACCEPTED, S("UnsupportedValue"), S("it has too many addresses"), NULL);
    else
        l->fronts[l->n_fronts++] = f;
}

/* Certificates of clients are not asked for; without that it would be open to everybody. */
static bool asks_clients(const struct listener *l)
{
    const struct tree *tls = khap__kube_member(khap__kube_member(l->gateway->as.spec, "tls"), "frontend");
    struct khap_str port = khap__kube_word(l->spec, "port", S(""));
    if (khap__kube_member(khap__kube_member(tls, "default"), "validation"))
        return true;
    for (const struct tree *p = khap__kube_first(tls, "perPort"); p; p = p->next) {
        if (khap__kube_is(p, "port", port) && khap__kube_member(khap__kube_member(p, "tls"), "validation"))
            return true;
    }
    return false;
}

/* Whether one of its certificates can be shown. */
static bool find_certs(struct resolving *r, struct listener *l)
{
    const struct tree *t = khap__kube_first(khap__kube_member(l->spec, "tls"), "certificateRefs");
    if (!t)
        khap__kube_refuse(l->judged, RESOLVED_REFS, S("InvalidCertificateRef"), S("it has no certificate"),
                          NULL);
    for (; t; t = t->next) {
        struct khap_str ns = khap__kube_word(t, "namespace", l->gateway->ns),
                        name = khap__kube_word(t, "name", S(""));
        const struct object *secret = khap__kube_find(r->kube, KIND_SECRET, ns, name);
        if (khap__kube_word(t, "group", S("")).len > 0 ||
            !khap__kube_same(khap__kube_word(t, "kind", S("Secret")), S("Secret"))) {
            khap__kube_refuse(l->judged, RESOLVED_REFS, S("InvalidCertificateRef"),
                              S("a certificate is a Secret"), t);
        } else if (!khap__kube_may_refer(r, l->gateway, KIND_SECRET, ns, name)) {
            khap__kube_refuse(l->judged, RESOLVED_REFS, S("RefNotPermitted"),
                              S("no ReferenceGrant gives it the Secret of another namespace"), t);
        } else if (!khap__kube_is_good_secret(r, secret)) {
            khap__kube_refuse(
                l->judged, RESOLVED_REFS, S("InvalidCertificateRef"),
                secret ? S("its Secret holds no certificate with its key") : S("its Secret is not there"), t);
        } else {
            struct cert *c = khap__kube_take(&r->memory, 1, sizeof *c);
            if (!c)
                return false;
            *c = (struct cert){secret, t->place, l->certs};
            l->certs = c;
        }
    }
    return l->certs != NULL;
}

static bool is_route_of(enum listener_type type, struct khap_str kind)
{
    return type == LISTENER_TCP ? khap__kube_same(kind, S("TCPRoute"))
           : type == LISTENER_PASSTHROUGH
               ? khap__kube_same(kind, S("TLSRoute"))
               : khap__kube_same(kind, S("HTTPRoute")) || khap__kube_same(kind, S("GRPCRoute"));
}

static void check_kinds(struct listener *l)
{
    const struct tree *t = khap__kube_first(khap__kube_member(l->spec, "allowedRoutes"), "kinds");
    for (; t; t = t->next) {
        if (!is_route_of(l->type, khap__kube_word(t, "kind", S(""))) ||
            !khap__kube_same(khap__kube_word(t, "group", S("gateway.networking.k8s.io")),
                             S("gateway.networking.k8s.io")))
            khap__kube_refuse(l->judged, RESOLVED_REFS, S("InvalidRouteKinds"),
                              S("`allowedRoutes` names a kind of route that its protocol does not have"), t);
    }
}

static bool add_listener(struct resolving *r, const struct object *gateway, const struct tree *spec,
                         const struct tree *addresses)
{
    struct listener *l = khap__kube_take(&r->memory, 1, sizeof *l);
    const struct tree *place = khap__kube_member(spec, "name");
    if (!l)
        return false;
    *l = (struct listener){.gateway = gateway, .spec = spec};
    l->name = khap__kube_word(spec, "name", S("?"));
    l->judged = khap__kube_judge(r, gateway, place ? place->place : spec->place);
    if (!l->judged)
        return false;
    l->judged->listener = l->name;
    *r->gateways.last = l;
    r->gateways.last = &l->next;
    l->type = LISTENER_HTTP;
    if (!find_type(l))
        return false;
    if (l->type != LISTENER_TCP)
        l->hostname = khap__kube_normal_host(&r->memory, khap__kube_word(spec, "hostname", S("")));
    if (!addresses)
        stand_at(r, l, S(""));
    for (const struct tree *a = addresses; a; a = a->next)
        stand_at(r, l, khap__kube_word(a, "value", S("")));
    check_kinds(l);
    if (l->type == LISTENER_HTTPS && asks_clients(l))
        khap__kube_refuse(l->judged, ACCEPTED, S("UnsupportedValue"),
                          S("certificates of clients cannot be asked for"), NULL);
    bool good = khap__kube_is_good(l->judged, ACCEPTED) && khap__kube_is_good(l->judged, CONFLICTED);
    l->serves = good && l->n_fronts > 0 && (l->type != LISTENER_HTTPS || find_certs(r, l));
    return good;
}

static void add_gateway(struct resolving *r, const struct object *gateway)
{
    const struct tree *addresses = khap__kube_first(gateway->as.spec, "addresses");
    struct judged *j = khap__kube_judge(r, gateway, gateway->place);
    bool any = false;
    for (const struct tree *a = addresses; j && a; a = a->next) {
        if (!khap__kube_same(khap__kube_word(a, "type", S("IPAddress")), S("IPAddress")))
            khap__kube_refuse(j, ACCEPTED, S("UnsupportedAddress"), S("its addresses must be IP addresses"),
                              NULL);
        else if (!khap__kube_is_address(khap__kube_word(a, "value", S(""))))
            khap__kube_refuse(j, ACCEPTED, S("AddressNotUsable"), S("it has an address that is none"), NULL);
    }
    if (j && !khap__kube_may_claim(r, gateway->ns))
        khap__kube_refuse(j, ACCEPTED, S("NotAllowed"), S("`allow` gives its namespace nothing"), NULL);
    if (!j || !khap__kube_is_good(j, ACCEPTED))
        return;
    for (const struct tree *t = khap__kube_first(gateway->as.spec, "listeners"); t; t = t->next)
        any |= add_listener(r, gateway, t, addresses);
    if (!any)
        khap__kube_refuse(j, ACCEPTED, S("ListenersNotValid"), S("none of its listeners can be served"),
                          NULL);
}

struct listener *khap__kube_listeners_of(const struct resolving *r, const struct object *gateway)
{
    struct listener *l = r->gateways.listeners;
    while (l && l->gateway != gateway)
        l = l->next;
    return l;
}

void khap__kube_gateways(struct resolving *r)
{
    size_t n;
    r->gateways.last = &r->gateways.listeners;
    r->grants = khap__kube_sorted(r->kube, KIND_GRANT, &r->memory, &r->n_grants);
    const struct object **all = khap__kube_sorted(r->kube, KIND_GATEWAY_CLASS, &r->memory, &n);
    for (size_t i = 0; all && i < n; i++) {
        if (khap__kube_is(all[i]->as.spec, "controllerName", r->options.class_name))
            (void)khap__kube_judge(r, all[i], all[i]->place);
    }
    all = khap__kube_by_age(r, KIND_GATEWAY, &n);
    for (size_t i = 0; all && i < n && !r->memory.failed; i++) {
        if (khap__kube_is_our_gateway(r, all[i]))
            add_gateway(r, all[i]);
    }
}
