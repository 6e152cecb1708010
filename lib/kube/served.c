/* kube/served.c - services of the map for rules of routes, and certificates of listeners. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/filters.h"

#include <stdlib.h>

struct serving {
    struct resolving *r;
    const struct target *target;
    struct khap_str name;
};

static void set(const struct serving *s, struct khap_str key, struct khap_str yaml, struct khap_place place)
{
    khap__kube_set_service(s->r, s->name, key, yaml, place);
}

/* "RULE_FRONTEND" */
static struct khap_str name_of(struct resolving *r, const struct target *t)
{
    struct text name;
    khap__kube_text_init(&name, &r->memory.alloc);
    khap__kube_add(&name, t->rule->name);
    khap__kube_add(&name, S("_"));
    khap__kube_add(&name, t->front->name);
    struct khap_str copy = khap__kube_copy(&r->memory, khap__kube_text(&name));
    r->memory.failed |= name.failed;
    khap__kube_text_free(&name);
    return copy;
}

static struct khap_str lost_name(struct resolving *r, const struct rule *rule)
{
    struct text name;
    khap__kube_text_init(&name, &r->memory.alloc);
    khap__kube_add(&name, rule->name);
    khap__kube_add(&name, S("-lost"));
    struct khap_str copy = khap__kube_copy(&r->memory, khap__kube_text(&name));
    r->memory.failed |= name.failed;
    khap__kube_text_free(&name);
    return copy;
}

/* The frontend of a listener, unless the map has it anyway. */
static void write_front(struct resolving *r, struct front *f, struct khap_place place)
{
    struct text path, yaml, bind;
    if (f->written || khap__kube_has(r, S("frontends"), f->name)) /* whoever wrote it says where it stands */
        return;
    f->written = true;
    khap__kube_text_init(&path, &r->memory.alloc);
    khap__kube_text_init(&yaml, &r->memory.alloc);
    khap__kube_text_init(&bind, &r->memory.alloc);
    khap__kube_add(&path, S("frontends.\""));
    khap__kube_add(&path, f->name);
    khap__kube_add(&path, S("\""));
    khap__kube_add_bind(&bind, f->address, f->port);
    khap__kube_add(&yaml, S("{bind: "));
    khap__kube_add_quoted(&yaml, khap__kube_text(&bind));
    khap__kube_add(&yaml, f->type == LISTENER_HTTPS ? S(", tls: true}") : S("}"));
    r->memory.failed |= path.failed || yaml.failed || bind.failed;
    if (!r->memory.failed)
        khap__kube_set(r, khap__kube_text(&path), khap__kube_text(&yaml), place);
    khap__kube_text_free(&path);
    khap__kube_text_free(&yaml);
    khap__kube_text_free(&bind);
}

/* Scheme and port are said as the standard wants them, so that the default of the map is not asked. */
static void add_redirect(const struct target *t, struct text *yaml)
{
    const struct tree *redirect = t->rule->redirect;
    bool tls = t->front->type == LISTENER_HTTPS;
    struct khap_str given = khap__kube_word(redirect, "scheme", S("")),
                    scheme = given.len > 0 ? given
                             : tls         ? S("https")
                                           : S("http"),
                    host = khap__kube_word(redirect, "hostname", S("")),
                    status = khap__kube_word(redirect, "statusCode", S("302"));
    uint32_t usual = khap__kube_same(scheme, S("https")) ? 443 : 80;
    uint32_t port = khap__kube_uint(redirect, "port", given.len > 0 ? usual : t->front->port);
    khap__kube_add(yaml, S("redirect: {"));
    khap__kube_add_member(yaml, S("scheme"), scheme);
    khap__kube_add_member(yaml, S("status"), status);
    if (host.len > 0)
        khap__kube_add_member(yaml, S("host"), host);
    if (port != usual) {
        khap__kube_add(yaml, S("port: "));
        khap__kube_add_number(yaml, port);
        khap__kube_add(yaml, S(", "));
    }
    khap__kube_add_path(yaml, khap__kube_member(redirect, "path"));
    khap__kube_add(yaml, S("}"));
}

static void add_share(struct text *yaml, struct khap_str name, uint32_t weight)
{
    khap__kube_add(yaml, S("{service: "));
    khap__kube_add_quoted(yaml, name);
    khap__kube_add(yaml, S(", weight: "));
    khap__kube_add_number(yaml, weight);
    khap__kube_add(yaml, S("}, "));
}

/* A service that leads to those of the rule's backends, or answers itself. */
static void write_http(const struct serving *s)
{
    struct resolving *r = s->r;
    const struct rule *rule = s->target->rule;
    struct text yaml;
    khap__kube_text_init(&yaml, &r->memory.alloc);
    khap__kube_add(&yaml, S("{frontends: ["));
    khap__kube_add_quoted(&yaml, s->target->front->name);
    khap__kube_add(&yaml, S("], redirectHttps: false, "));
    if (rule->redirect) {
        add_redirect(s->target, &yaml);
    } else if (!rule->refs) {
        khap__kube_add(&yaml, S("respond: {status: 500}"));
    } else {
        khap__kube_add(&yaml, S("split: ["));
        for (const struct ref *ref = rule->refs; ref; ref = ref->next)
            add_share(&yaml, ref->name, ref->weight);
        if (rule->lost > 0)
            add_share(&yaml, lost_name(r, rule), rule->lost);
        khap__kube_add(&yaml, S("]"));
    }
    khap__kube_add(&yaml, S("}"));
    r->memory.failed |= yaml.failed;
    if (!yaml.failed)
        set(s, S(""), khap__kube_text(&yaml), rule->place);
    khap__kube_text_free(&yaml);
}

/* A service of connections: at an address of its own, or by the server name of the handshake. */
static void write_tcp(const struct serving *s, struct wish *const *wishes, size_t n)
{
    struct resolving *r = s->r;
    const struct rule *rule = s->target->rule;
    const struct front *f = s->target->front;
    struct setting *settings = NULL;
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add_setting(r, &settings, S("mode"), S("tcp"), rule->place);
    if (f->type == LISTENER_TCP) {
        struct text bind;
        khap__kube_text_init(&bind, &r->memory.alloc);
        khap__kube_add_bind(&bind, f->address, f->port);
        khap__kube_add_quoted(&t, khap__kube_text(&bind));
        r->memory.failed |= bind.failed;
        khap__kube_text_free(&bind);
        khap__kube_add_setting(r, &settings, S("bind"), khap__kube_text(&t), rule->place);
    } else {
        khap__kube_add_setting(r, &settings, S("tls"), S("passthrough"), rule->place);
        khap__kube_add(&t, S("["));
        for (size_t i = 0; i < n; i++) {
            khap__kube_add_quoted(&t, wishes[i]->host);
            khap__kube_add(&t, S(", "));
        }
        khap__kube_add(&t, S("]"));
        khap__kube_add_setting(r, &settings, S("wildcard"), S("deep"), rule->place);
        khap__kube_add_setting(r, &settings, S("hosts"), khap__kube_text(&t), rule->place);
    }
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    if (!r->memory.failed)
        khap__kube_write_service(r, rule->refs->e, rule->refs->port, s->name, settings, true);
}

static void write_target(struct resolving *r, struct wish *const *wishes, size_t n)
{
    struct serving s = {r, wishes[0]->target, name_of(r, wishes[0]->target)};
    const struct rule *rule = s.target->rule;
    bool bad = r->bad;
    if (khap__kube_is_taken(r, s.name, rule->route)) {
        wishes[0]->target->granted = false;
        for (size_t i = 0; i < n; i++)
            wishes[i]->judged->granted--;
        return;
    }
    if (rule->route->kind == KIND_TCP_ROUTE || rule->route->kind == KIND_TLS_ROUTE) {
        if (rule->refs)
            write_tcp(&s, wishes, n);
        return;
    }
    r->bad = false;
    write_http(&s);
    for (size_t i = 0; i < n && !r->bad; i++)
        set(&s, S("routes.+"), wishes[i]->yaml, wishes[i]->place);
    if (r->bad) /* half of what was said might be open to everybody: then nothing leads to it */
        set(&s, S(""), S("{respond: {status: 500}, routes: []}"), rule->place);
    r->bad |= bad;
}

static int by_target(const void *a, const void *b)
{
    const struct wish *x = *(const struct wish *const *)a, *y = *(const struct wish *const *)b;
    return x->target->number != y->target->number ? (x->target->number < y->target->number ? -1 : 1)
           : x->number < y->number                ? -1
                                                  : x->number > y->number;
}

/* ---- backends */

struct named {
    const struct ref *ref;
    size_t number;
};

static int by_ref(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = khap__kube_compare(x->ref->name, y->ref->name);
    return order != 0 ? order : x->number < y->number ? -1 : x->number > y->number;
}

static bool is_used(const struct rule *rule)
{
    bool http = rule->route->kind == KIND_HTTP_ROUTE || rule->route->kind == KIND_GRPC_ROUTE;
    for (const struct target *t = rule->targets; t && http; t = t->next) {
        if (t->granted && !rule->redirect)
            return true;
    }
    return false;
}

static void write_backends(struct resolving *r)
{
    size_t n = 0, at = 0;
    for (const struct rule *rule = r->rules; rule; rule = rule->next)
        for (const struct ref *ref = is_used(rule) ? rule->refs : NULL; ref; ref = ref->next)
            n++;
    struct named *all = khap__kube_take(&r->memory, n + 1, sizeof *all);
    if (!all)
        return;
    for (const struct rule *rule = r->rules; rule; rule = rule->next) {
        bool used = is_used(rule);
        for (const struct ref *ref = used ? rule->refs : NULL; ref; ref = ref->next, at++)
            all[at] = (struct named){ref, at};
        if (used && rule->refs && rule->lost > 0 && !khap__kube_is_taken(r, lost_name(r, rule), rule->route))
            khap__kube_set_service(r, lost_name(r, rule), S(""), S("{respond: {status: 500}}"), rule->place);
    }
    if (n > 1)
        qsort(all, n, sizeof *all, by_ref);
    for (size_t i = 0; i < n && !r->memory.failed; i++) {
        const struct ref *ref = all[i].ref;
        if (i == 0 || !khap__kube_same(ref->name, all[i - 1].ref->name))
            khap__kube_write_service(r, ref->e, ref->port, ref->name, ref->settings, false);
    }
}

void khap__kube_write_gateways(struct resolving *r)
{
    struct wish **wishes = khap__kube_take(&r->memory, r->n_wishes + 1, sizeof *wishes);
    size_t n = 0;
    if (!wishes)
        return;
    for (struct wish *w = r->wishes; w; w = w->next) {
        if (!w->granted || !w->target)
            continue;
        wishes[n++] = w;
        w->target->granted = true;
        w->judged->granted++;
    }
    if (n > 1)
        qsort(wishes, n, sizeof *wishes, by_target);
    for (const struct listener *l = r->gateways.listeners; l; l = l->next)
        for (size_t i = 0; l->serves && i < l->n_fronts; i++)
            write_front(r, l->fronts[i], l->spec->place);
    for (size_t from = 0, at = 0; from < n && !r->memory.failed; from = at) {
        while (at < n && wishes[at]->target == wishes[from]->target)
            at++;
        write_target(r, wishes + from, at - from);
    }
    write_backends(r);
}

/* ---- certificates */

static void write_cert(struct resolving *r, const struct listener *l, const struct cert *c)
{
    struct text yaml;
    khap__kube_text_init(&yaml, &r->memory.alloc);
    khap__kube_add(&yaml, S("{file: \""));
    khap__kube_add_file_name(&yaml, c->secret->ns, c->secret->name);
    khap__kube_add(&yaml, S("\""));
    if (l->hostname.len > 0) {
        khap__kube_add(&yaml, S(", hosts: ["));
        khap__kube_add_quoted(&yaml, l->hostname);
        khap__kube_add(&yaml, S("]"));
    }
    khap__kube_add(&yaml, S("}"));
    r->memory.failed |= yaml.failed;
    if (!yaml.failed)
        khap__kube_set(r, S("certs.+"), khap__kube_text(&yaml), c->place);
    khap__kube_text_free(&yaml);
}

/* Nobody shows a certificate of his own for a host that somebody else has without his Gateway. */
static bool may_show(const struct resolving *r, const struct listener *l)
{
    const struct wish *owner = khap__kube_owner(r, l->hostname, l->fronts[0]);
    if (!khap__kube_may_have_host(r, l->gateway->ns, l->hostname))
        return false;
    return l->hostname.len == 0 || !owner || khap__kube_same(owner->by->ns, l->gateway->ns) ||
           (owner->judged && owner->judged->gateway == l->gateway);
}

/* Those for any host come last: they are shown where no other one is. */
void khap__kube_write_gateway_certs(struct resolving *r)
{
    for (int whole = 0; whole < 2; whole++) {
        for (const struct listener *l = r->gateways.listeners; l; l = l->next) {
            for (const struct cert *c = l->serves ? l->certs : NULL; c && !r->memory.failed; c = c->next) {
                if ((l->hostname.len == 0) == (whole == 1) && may_show(r, l))
                    write_cert(r, l, c);
            }
        }
    }
}
