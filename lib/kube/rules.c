/* kube/rules.c - rules of routes: what they match, and where they lead. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/filters.h"

#include <stdlib.h>

/* More than the standard has in one route. */
enum { MATCHES_MAX = 1024, TERMS_MAX = 16, REFS_MAX = 15 };

struct term {
    struct khap_str name, value;
    const struct tree *t;
};

static int by_name(const void *a, const void *b)
{
    return khap__kube_compare(((const struct term *)a)->name, ((const struct term *)b)->name);
}

static struct khap_str lower(struct memory *m, struct khap_str s)
{
    char *copy = s.len > 0 ? khap__kube_take(m, s.len, 1) : NULL;
    for (size_t i = 0; copy && i < s.len; i++)
        copy[i] = khap__kube_lower(s.ptr[i]);
    return (struct khap_str){copy ? copy : "", copy ? s.len : 0};
}

/* Headers or query parameters by name, of each name the first; false when one of them cannot be asked for. */
static bool add_terms(struct resolving *r, const struct tree *list, bool headers, struct text *yaml,
                      struct text *what)
{
    struct term terms[TERMS_MAX];
    size_t n = 0;
    for (const struct tree *t = list; t; t = t->next) {
        struct khap_str name = khap__kube_word(t, "name", S(""));
        if (n == TERMS_MAX || !khap__kube_is_token(name))
            return false;
        if (headers)
            name = lower(&r->memory, name);
        size_t i = 0;
        while (i < n && !khap__kube_same(terms[i].name, name))
            i++;
        if (i < n)
            continue;
        terms[n++] = (struct term){name, khap__kube_word(t, "value", S("")), t};
    }
    if (n == 0)
        return true;
    qsort(terms, n, sizeof *terms, by_name);
    khap__kube_add(yaml, headers ? S("headers: {") : S("query: {"));
    for (size_t i = 0; i < n; i++) {
        bool regex = khap__kube_is(terms[i].t, "type", S("RegularExpression"));
        khap__kube_add_quoted(yaml, terms[i].name);
        khap__kube_add(yaml, regex ? S(": {regex: ") : S(": {value: "));
        khap__kube_add_quoted(yaml, terms[i].value);
        khap__kube_add(yaml, S("}, "));
        khap__kube_add(what, headers ? S("\1h") : S("\1q"));
        khap__kube_add(what, terms[i].name);
        khap__kube_add(what, regex ? S("\1~") : S("\1="));
        khap__kube_add(what, terms[i].value);
    }
    khap__kube_add(yaml, S("}, "));
    return true;
}

static bool is_path(struct khap_str s)
{
    bool good = s.len > 0 && s.ptr[0] == '/';
    for (size_t i = 0; i < s.len; i++)
        good = good && s.ptr[i] > ' ' && s.ptr[i] < 0x7f && s.ptr[i] != '?' && s.ptr[i] != '#';
    return good;
}

/* False when it is no path. */
static bool add_path_match(struct khap_str path, struct khap_str type, struct text *yaml, struct text *what)
{
    khap__kube_add_what(what, path, type);
    khap__kube_add_member(yaml, S("path"), path);
    khap__kube_add_member(yaml, S("pathType"), type);
    return path.len > 0 && (khap__kube_same(type, S("Regex")) || is_path(path));
}

static bool http_match(struct resolving *r, const struct tree *t, struct text *yaml, struct text *what)
{
    const struct tree *path = khap__kube_member(t, "path");
    struct khap_str type = khap__kube_word(path, "type", S("PathPrefix")),
                    method = khap__kube_word(t, "method", S(""));
    bool exact = khap__kube_same(type, S("Exact")), prefix = khap__kube_same(type, S("PathPrefix"));
    if (!exact && !prefix && !khap__kube_same(type, S("RegularExpression")))
        return false;
    bool good = add_path_match(khap__kube_word(path, "value", S("/")),
                               exact    ? S("Exact")
                               : prefix ? S("Prefix")
                                        : S("Regex"),
                               yaml, what);
    khap__kube_add(yaml, S("match: {"));
    if (method.len > 0) {
        khap__kube_add(yaml, S("method: ["));
        khap__kube_add_quoted(yaml, method);
        khap__kube_add(yaml, S("], "));
        khap__kube_add(what, S("\1m"));
        khap__kube_add(what, method);
    }
    good = good && add_terms(r, khap__kube_first(t, "headers"), true, yaml, what) &&
           add_terms(r, khap__kube_first(t, "queryParams"), false, yaml, what);
    khap__kube_add(yaml, S("}"));
    return good;
}

/* "/service/method" */
static bool grpc_match(struct resolving *r, const struct tree *t, struct text *yaml, struct text *what)
{
    const struct tree *method = khap__kube_member(t, "method");
    struct khap_str service = khap__kube_word(method, "service", S("")),
                    name = khap__kube_word(method, "method", S(""));
    bool regex = khap__kube_is(method, "type", S("RegularExpression"));
    bool both = service.len > 0 && name.len > 0, any = service.len == 0 && name.len == 0;
    struct text path;
    khap__kube_text_init(&path, &r->memory.alloc);
    khap__kube_add(&path, S("/"));
    if (any) {
        regex = false;
    } else if (regex || service.len == 0) {
        regex = true;
        khap__kube_add(&path, service.len > 0 ? S("(") : S("[^/]+"));
        khap__kube_add(&path, service);
        khap__kube_add(&path, service.len > 0 ? S(")/") : S("/"));
        khap__kube_add(&path, name.len > 0 ? S("(") : S("[^/]+"));
        khap__kube_add(&path, name);
        khap__kube_add(&path, name.len > 0 ? S(")") : S(""));
    } else {
        khap__kube_add(&path, service);
        khap__kube_add(&path, both ? S("/") : S(""));
        khap__kube_add(&path, name);
    }
    bool good = add_path_match(khap__kube_text(&path),
                               regex  ? S("Regex")
                               : both ? S("Exact")
                                      : S("Prefix"),
                               yaml, what);
    khap__kube_add(yaml, S("match: {"));
    good = good && add_terms(r, khap__kube_first(t, "headers"), true, yaml, what);
    khap__kube_add(yaml, S("}"));
    r->memory.failed |= path.failed;
    khap__kube_text_free(&path);
    return good;
}

/* False when it matches in a way that is not known. */
static bool add_match(struct resolving *r, struct rule *rule, struct match ***last, const struct tree *t)
{
    struct text yaml, what;
    khap__kube_text_init(&yaml, &r->memory.alloc);
    khap__kube_text_init(&what, &r->memory.alloc);
    bool good = rule->route->kind == KIND_GRPC_ROUTE ? grpc_match(r, t, &yaml, &what)
                                                     : http_match(r, t, &yaml, &what);
    struct match *m = good ? khap__kube_take(&r->memory, 1, sizeof *m) : NULL;
    if (m) {
        m->yaml = khap__kube_copy(&r->memory, khap__kube_text(&yaml));
        m->what = khap__kube_copy(&r->memory, khap__kube_text(&what));
        **last = m;
        *last = &m->next;
    }
    r->memory.failed |= yaml.failed || what.failed;
    khap__kube_text_free(&yaml);
    khap__kube_text_free(&what);
    return good;
}

/* ---- backends */

static const struct port *find_port(const struct object *service, uint32_t number)
{
    const struct port *p = service->as.service.ports;
    while (p && (p->port != number || (p->protocol.len > 0 && !khap__kube_same(p->protocol, S("TCP")))))
        p = p->next;
    return p;
}

static bool is_reachable(const struct object *service)
{
    struct khap_str type = service->as.service.type;
    return khap__kube_same(type, S("NodePort")) || khap__kube_same(type, S("LoadBalancer"));
}

/* What a reference leads to; false, and why, when that is nothing. */
static bool find_backend(struct resolving *r, const struct object *route, const struct tree *t,
                         struct ref *out, struct judged *j)
{
    struct khap_str ns = khap__kube_word(t, "namespace", route->ns), name = khap__kube_word(t, "name", S(""));
    struct khap_str group = khap__kube_word(t, "group", S("")), reason = S("BackendNotFound"), why = S("");
    out->e = khap__kube_exposed(r, ns, name);
    out->port = out->e ? find_port(out->e->o, khap__kube_uint(t, "port", 0)) : NULL;
    if (!khap__kube_same(khap__kube_word(t, "kind", S("Service")), S("Service")) || group.len > 0) {
        reason = S("InvalidKind");
        why = S("a backend is a Service");
    } else if (!khap__kube_may_refer(r, route, KIND_SERVICE, ns, name)) {
        reason = S("RefNotPermitted");
        why = S("no ReferenceGrant gives it the Service of another namespace");
    } else if (!out->e) {
        why = S("a Service is not there");
    } else if (!is_reachable(out->e->o)) {
        why = S("a Service has no node ports");
    } else if (!out->port) {
        why = S("a Service has no such port over TCP");
    } else if (out->port->node_port == 0 && !r->options.stand_ins) {
        why = S("a Service has no node port yet");
    } else if (out->e->said.bad) {
        why = S("a Service has an annotation that cannot be");
    }
    if (why.len > 0)
        khap__kube_refuse(j, RESOLVED_REFS, reason, why, t);
    return why.len == 0;
}

static struct khap_str join(struct resolving *r, struct khap_str a, struct khap_str mark, uint64_t number)
{
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, a);
    khap__kube_add(&t, mark);
    khap__kube_add_number(&t, number);
    struct khap_str copy = khap__kube_copy(&r->memory, khap__kube_text(&t));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return copy;
}

static struct khap_str shared_name(struct resolving *r, const struct ref *ref, enum kind kind)
{
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, khap__kube_backend_name(r, ref->e->o, ref->port));
    khap__kube_add(&t, kind == KIND_GRPC_ROUTE ? S("_grpc") : S("_gateway"));
    struct khap_str copy = khap__kube_copy(&r->memory, khap__kube_text(&t));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return copy;
}

static void add_refs(struct resolving *r, struct rule *rule, const struct tree *spec, struct judged *j,
                     struct changes *c)
{
    struct ref **last = &rule->refs, found;
    size_t n = 0, number = 0;
    for (const struct tree *t = khap__kube_first(spec, "backendRefs"); t; t = t->next, number++) {
        uint32_t weight = khap__kube_uint(t, "weight", 1);
        struct changes own = {0};
        found = (struct ref){.weight = weight < 1000000 ? weight : 1000000};
        khap__kube_filters(r, spec, t, &own);
        if (own.reason.len > 0 && c->reason.len == 0) {
            c->reason = own.reason;
            c->message = own.message;
            c->at = own.at;
        }
        bool there = find_backend(r, rule->route, t, &found, j);
        if (!there || n == REFS_MAX || own.reason.len > 0) {
            rule->lost += rule->lost < 1000000 ? found.weight : 0;
            continue;
        }
        if (found.weight == 0)
            continue;
        bool http = rule->route->kind == KIND_HTTP_ROUTE || rule->route->kind == KIND_GRPC_ROUTE;
        struct khap_str app = found.port->app_protocol;
        bool tls = khap__kube_same(app, S("https")) || khap__kube_same(app, S("kubernetes.io/wss"));
        found.settings = own.settings;
        found.name = own.settings || !http ? join(r, rule->name, S("-"), number)
                                           : shared_name(r, &found, rule->route->kind);
        if (khap__kube_has(r, S("services"), found.name)) {
            khap__kube_refuse(j, RESOLVED_REFS, S("BackendNotFound"),
                              S("the service map has a service of a backend's name"), t);
            rule->lost += rule->lost < 1000000 ? found.weight : 0;
            continue;
        }
        if (rule->route->kind == KIND_GRPC_ROUTE)
            khap__kube_add_setting(r, &found.settings, S("backendProtocol"), tls ? S("h2") : S("h2c"),
                                   t->place);
        struct ref *ref = khap__kube_take(&r->memory, 1, sizeof *ref);
        if (!ref)
            return;
        *ref = found;
        *last = ref;
        last = &ref->next;
        n++;
    }
}

/* ---- a rule */

static struct khap_str rule_name(struct resolving *r, const struct object *route, size_t number)
{
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, r->options.prefix);
    khap__kube_add(&t, route->ns);
    khap__kube_add(&t, S("_"));
    khap__kube_add(&t, route->name);
    khap__kube_add(&t, route->kind == KIND_HTTP_ROUTE   ? S("_http-")
                       : route->kind == KIND_GRPC_ROUTE ? S("_grpc-")
                       : route->kind == KIND_TLS_ROUTE  ? S("_tls-")
                                                        : S("_tcp-"));
    khap__kube_add_number(&t, number);
    struct khap_str copy = khap__kube_copy(&r->memory, khap__kube_text(&t));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return copy;
}

static bool read_rule(struct resolving *r, struct rule *rule, const struct tree *spec, struct judged *j,
                      size_t *n)
{
    struct match **last = &rule->matches;
    struct changes c = {0};
    const struct tree *t = khap__kube_first(spec, "matches");
    bool http = rule->route->kind == KIND_HTTP_ROUTE || rule->route->kind == KIND_GRPC_ROUTE, good = true;
    if (http && !t)
        good = add_match(r, rule, &last, NULL);
    for (; http && t && *n < MATCHES_MAX; t = t->next, ++*n)
        good = add_match(r, rule, &last, t) && good;
    if (!good || *n >= MATCHES_MAX) {
        c.reason = S("UnsupportedValue");
        c.message = S("it matches in a way that HAProxy does not");
        c.at = khap__kube_member(spec, "matches");
    }
    khap__kube_filters(r, spec, NULL, &c);
    add_refs(r, rule, spec, j, &c);
    rule->redirect = c.redirect;
    if (!http && (rule->lost > 0 || !rule->refs || rule->refs->next)) {
        c.reason = S("UnsupportedValue");
        c.message = S("connections lead to one backend, and it must be there");
    }
    if (c.reason.len == 0)
        return true;
    khap__kube_refuse(j, PARTIALLY_INVALID, c.reason, c.message, c.at ? c.at : spec);
    rule->redirect = NULL; /* what it cannot do is answered with an error */
    rule->refs = NULL;
    return false;
}

struct rule *khap__kube_rules(struct resolving *r, const struct object *route, struct judged *out)
{
    static const struct tree empty;
    const struct tree *spec = khap__kube_first(route->as.spec, "rules");
    struct rule *first = NULL;
    size_t number = 0, matches = 0;
    bool any = false;
    for (const struct tree *t = spec ? spec : &empty; t && !r->memory.failed; t = t->next, number++) {
        struct rule *rule = khap__kube_take(&r->memory, 1, sizeof *rule);
        if (!rule)
            return NULL;
        *rule = (struct rule){.route = route, .place = t == &empty ? route->place : t->place};
        rule->name = rule_name(r, route, number);
        any |= read_rule(r, rule, t, out, &matches);
        *r->last_rule = rule;
        r->last_rule = &rule->next;
        first = first ? first : rule;
    }
    if (!any) {
        khap__kube_refuse(out, ACCEPTED, out->refused[PARTIALLY_INVALID].reason,
                          out->refused[PARTIALLY_INVALID].message, spec);
        out->refused[PARTIALLY_INVALID].reason = S("");
    }
    return first;
}

/* ---- wishes */

static struct target *target_at(struct resolving *r, struct rule *rule, struct front *front)
{
    struct target **at = &rule->targets;
    while (*at && (*at)->front != front)
        at = &(*at)->next;
    if (*at)
        return *at;
    struct target *t = khap__kube_take(&r->memory, 1, sizeof *t);
    if (!t)
        return NULL;
    *t = (struct target){.rule = rule, .front = front, .number = r->n_wishes};
    *at = t;
    return t;
}

static void wish(struct resolving *r, struct target *t, const struct match *m, struct judged *judged,
                 struct khap_str host)
{
    struct wish *w = khap__kube_wish(r, t->rule->route, NULL, NULL, host);
    struct text yaml;
    if (!w)
        return;
    khap__kube_text_init(&yaml, &r->memory.alloc);
    khap__kube_add(&yaml, S("{"));
    if (host.len > 0)
        khap__kube_add_member(&yaml, S("host"), host);
    if (host.len > 0 && host.ptr[0] == '*')
        khap__kube_add(&yaml, S("wildcard: deep, "));
    khap__kube_add(&yaml, m ? m->yaml : S(""));
    khap__kube_add(&yaml, S("}"));
    w->target = t;
    w->judged = judged;
    w->front = t->front;
    w->passed = t->rule->route->kind == KIND_TLS_ROUTE;
    w->what = m ? m->what : S("");
    w->yaml = khap__kube_copy(&r->memory, khap__kube_text(&yaml));
    w->place = t->rule->place;
    judged->wished++;
    r->memory.failed |= yaml.failed;
    khap__kube_text_free(&yaml);
}

void khap__kube_wish_rule(struct resolving *r, struct rule *rule, const struct listener *l,
                          struct judged *judged, struct khap_str host)
{
    bool http = rule->route->kind == KIND_HTTP_ROUTE || rule->route->kind == KIND_GRPC_ROUTE;
    for (size_t i = 0; i < l->n_fronts && !r->memory.failed; i++) {
        struct target *t = target_at(r, rule, l->fronts[i]);
        if (!t)
            return;
        if (!http)
            wish(r, t, NULL, judged, host);
        for (const struct match *m = http ? rule->matches : NULL; m; m = m->next)
            wish(r, t, m, judged, host);
    }
}
