/* model/frontends.c - where HAProxy listens for HTTP: http and https by default, and those of one's own.
 * SPDX-License-Identifier: MIT */
#include "model/resolve.h"

static const struct setting *entry_named(const struct setting *map, struct khap_str name)
{
    const struct setting *s = map ? map->child : NULL;
    while (s && !khap__str_eq(khap__setting_name(s), name))
        s = s->next;
    return s;
}

/* The address that http or https has when none is given. */
static void default_bind(struct resolver *r, struct frontend *f, struct khap_str text)
{
    struct bind *b = khap__arena_zalloc(&r->out->arena, 1, sizeof *b);
    if (!b) {
        r->no_memory = true;
        return;
    }
    b->text = text;
    b->place = f->place;
    khap__address_parse(text, &b->address);
    f->binds = b;
    f->n_binds = 1;
}

static void need_tls(struct resolver *r, const struct frontend *f, const struct setting *s)
{
    if (!f->tls && !khap__setting_spoilt(f->given, KEY_FRONTEND_TLS))
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, s->place, khap__key_name((enum key)s->key), S("tls: true"));
}

#define MARK "# BEGIN khapgen routes"

static const struct outside_routes *routes_outside(const struct resolver *r, struct khap_str name)
{
    const struct outside *outside = r->out->outside;
    for (uint32_t i = 0; outside && i < outside->routes.len; i++) {
        if (khap__str_eq(outside->routes.ptr[i].name, name))
            return &outside->routes.ptr[i];
    }
    return NULL;
}

/* A frontend outside listens where and how it likes; it is told only which TLS it ends. */
static void listen_outside(struct resolver *r, struct frontend *f)
{
    for (const struct setting *m = f->given ? f->given->child : NULL; m; m = m->next) {
        if (m->key == KEY_FRONTEND_TLS || m->key == KEY_FRONTEND_EXTRA)
            continue;
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, m->place, khap__key_name((enum key)m->key), S(MARK));
        khap__diags_relate(r->diags, f->routed->place, S("its rules go here"));
    }
    f->binds = f->routed->binds;
    f->n_binds = f->routed->n_binds;
    if (!f->place.source)
        f->place = f->routed->place;
}

static void read_frontend(struct resolver *r, struct frontend *f)
{
    const struct setting *tls = khap__setting_find(f->given, KEY_FRONTEND_TLS);
    bool is_https = khap__str_eq(f->name, S("https"));
    f->tls = tls ? khap__is_true(tls) : is_https;
    f->alpn_h2 = f->alpn_http11 = true;
    if (tls && !f->tls && is_https)
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, tls->place, S("tls: false"), S("the name https"));
    for (const struct setting *m = f->given ? f->given->child : NULL; m; m = m->next) {
        switch ((int)m->key) {
        case KEY_FRONTEND_BIND:
            khap__bind_list(r, &r->out->arena, m, &f->binds, &f->n_binds);
            break;
        case KEY_FRONTEND_ALPN:
            need_tls(r, f, m);
            f->alpn_given = true;
            f->alpn_h2 = f->alpn_http11 = false;
            for (const struct setting *item = m->child; item; item = item->next) {
                if (khap__is_text(item, S("h2")))
                    f->alpn_h2 = true;
                else
                    f->alpn_http11 = true;
            }
            break;
        case KEY_FRONTEND_HTTP3:
            f->http3 = khap__is_true(m);
            if (f->http3)
                need_tls(r, f, m);
            break;
        case KEY_FRONTEND_STRICT_SNI:
            f->strict_sni = khap__is_true(m);
            if (f->strict_sni)
                need_tls(r, f, m);
            break;
        case KEY_FRONTEND_ACCEPT_PROXY:
            f->accept_proxy = khap__is_true(m);
            break;
        case KEY_FRONTEND_MAXCONN:
            f->maxconn = m->number;
            break;
        case KEY_FRONTEND_EXTRA:
            f->extra = m;
            khap__check_raw(r, m);
            break;
        default:
            break;
        }
    }
    if (f->http3 &&
        f->accept_proxy) /* HAProxy has no PROXY protocol over QUIC: clients would come under another address */
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, khap__setting_find(f->given, KEY_FRONTEND_ACCEPT_PROXY)->place,
                    S("acceptProxy"), S("http3"));
    f->routed = routes_outside(r, f->name);
    if (f->routed) {
        listen_outside(r, f);
        return;
    }
    if (f->n_binds)
        return;
    bool unknown = f->given ? khap__setting_spoilt(f->given, KEY_FRONTEND_BIND) : r->frontends_unknown;
    if (unknown)
        return; /* that the address is missing, or another one, was said */
    if (is_https || khap__str_eq(f->name, S("http")))
        default_bind(r, f, is_https ? S(":443") : S(":80"));
    else
        RESOLVE_SAY(r, MSG_FRONTEND_WITHOUT_BIND, f->place, f->name);
}

static void push(struct resolver *r, const struct frontend *f)
{
    if (!VEC_PUSH(&r->out->alloc, &r->out->frontends, *f))
        r->no_memory = true;
}

/* The first service that is passed through: it makes the https address stand without a certificate. */
static const struct setting *find_passthrough(const struct resolver *r)
{
    if (!r->model->seen[KEY_SERVICE_TLS])
        return NULL;
    const struct setting *services = khap__setting_find(r->model->root, KEY_SERVICES);
    for (const struct setting *s = services ? services->child : NULL; s; s = s->next) {
        const struct setting *mode = khap__setting_find(s, KEY_SERVICE_MODE),
                             *tls = khap__setting_find(s, KEY_SERVICE_TLS);
        if (khap__mode_of(mode ? mode : r->defaults.mode, tls ? tls : r->defaults.tls) == MODE_PASSTHROUGH)
            return s;
    }
    return NULL;
}

/* What TLS that is only passed through leaves without effect. */
static void need_certs(struct resolver *r, const struct setting *given)
{
    for (const struct setting *m = given ? given->child : NULL; m; m = m->next) {
        bool on = m->key == KEY_FRONTEND_ALPN || m->key == KEY_FRONTEND_EXTRA ||
                  ((m->key == KEY_FRONTEND_HTTP3 || m->key == KEY_FRONTEND_STRICT_SNI) && khap__is_true(m));
        if (on)
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, m->place, khap__key_name((enum key)m->key), S("certs"));
    }
}

static void resolve_https(struct resolver *r, const struct setting *given)
{
    struct resolved *out = r->out;
    if (given && given->kind == SETTING_OFF) {
        if (r->first_passthrough)
            RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, r->first_passthrough->place, S("tls: passthrough"),
                        S("frontends.https: false"));
        return;
    }
    const struct outside_routes *outside = routes_outside(r, S("https"));
    if (outside && r->first_passthrough) {
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, r->first_passthrough->place, S("tls: passthrough"),
                    S(MARK " https"));
        khap__diags_relate(r->diags, outside->place, S("here"));
    }
    bool certs = out->certs.len > 0 || r->certs_unknown || outside;
    if (!given && !certs && !r->first_passthrough)
        return;
    struct frontend f = {.name = S("https"), .given = given};
    f.place = given                  ? given->place
              : out->certs.len       ? out->certs.ptr[0].place
              : r->first_passthrough ? r->first_passthrough->place
                                     : NOWHERE;
    read_frontend(r, &f);
    out->https_address = f;
    if (certs) { /* or there would be, had they been right */
        out->https = (int)out->frontends.len;
        push(r, &f);
    } else if (r->first_passthrough) {
        out->https_tcp_only = true;
        need_certs(r, given);
    } else {
        RESOLVE_SAY(r, MSG_TLS_WITHOUT_CERTIFICATE, f.place, S("frontend `https`"));
    }
}

static void say_unknown_frontend(struct resolver *r, struct khap_place place, struct khap_str name)
{
    struct nearest nearest;
    khap__nearest_start(&nearest, name);
    khap__nearest_offer(&nearest, S("http"));
    khap__nearest_offer(&nearest, S("https"));
    for (const struct setting *f = r->frontends ? r->frontends->child : NULL; f; f = f->next)
        khap__nearest_offer(&nearest, khap__setting_name(f));
    RESOLVE_SAY(r, MSG_UNKNOWN_FRONTEND, place, name, khap__nearest_text(r, &nearest));
}

/* Each mark names a frontend that stands. */
static void check_routes_outside(struct resolver *r)
{
    const struct resolved *out = r->out;
    for (uint32_t i = 0; out->outside && i < out->outside->routes.len; i++) {
        const struct outside_routes *routes = &out->outside->routes.ptr[i];
        const struct setting *given = entry_named(r->frontends, routes->name);
        uint32_t k = 0;
        while (k < out->frontends.len && out->frontends.ptr[k].routed != routes)
            k++;
        if (k < out->frontends.len || (r->frontends && r->frontends->damaged))
            continue;
        if (given && given->kind == SETTING_OFF) {
            RESOLVE_SAY(r, MSG_FRONTEND_IS_OFF, routes->place, routes->name);
            khap__diags_relate(r->diags, given->place, S("here"));
        } else if (!given) {
            say_unknown_frontend(r, routes->place, routes->name);
        }
    }
}

void khap__resolve_frontends(struct resolver *r)
{
    struct resolved *out = r->out;
    r->frontends = khap__setting_find(r->model->root, KEY_FRONTENDS);
    r->frontends_unknown =
        r->model->incomplete || (r->frontends ? r->frontends->damaged : r->model->root->damaged);
    khap__parts_gather(khap__setting_find(r->model->root, KEY_SERVICE_DEFAULTS), &r->defaults);
    r->first_passthrough = find_passthrough(r);
    const struct setting *http = entry_named(r->frontends, S("http")),
                         *https = entry_named(r->frontends, S("https"));
    if (!http || http->kind != SETTING_OFF) {
        struct frontend f = {.name = S("http"), .given = http};
        if (http)
            f.place = http->place;
        read_frontend(r, &f);
        if (f.tls && out->certs.len == 0 && !r->certs_unknown && !f.routed)
            RESOLVE_SAY(r, MSG_TLS_WITHOUT_CERTIFICATE, f.place, S("frontend `http`"));
        out->http = (int)out->frontends.len;
        push(r, &f);
    }
    resolve_https(r, https);
    for (const struct setting *s = r->frontends ? r->frontends->child : NULL; s && !r->no_memory;
         s = s->next) {
        if (s == http || s == https || s->kind == SETTING_OFF)
            continue;
        if (out->frontends.len == FRONTEND_MAX) {
            RESOLVE_SAY(r, MSG_TOO_MANY_FRONTENDS, s->place, S("63"));
            break;
        }
        struct frontend f = {.name = khap__setting_name(s), .given = s, .place = s->place};
        read_frontend(r, &f);
        if (f.tls && out->certs.len == 0 && !r->certs_unknown && !f.routed) {
            const struct setting *tls = khap__setting_find(s, KEY_FRONTEND_TLS);
            RESOLVE_SAY(r, MSG_TLS_WITHOUT_CERTIFICATE, tls ? tls->place : s->place, S("`tls: true`"));
        }
        push(r, &f);
    }
    check_routes_outside(r);
    for (uint32_t i = 0; i < out->frontends.len; i++)
        out->tls_frontends |= (uint64_t)out->frontends.ptr[i].tls << i;
    /* nobody would be shown a certificate, and who wants one of clients would send them nowhere */
    if (https && https->kind == SETTING_OFF && out->certs.len > 0 && out->tls_frontends == 0)
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, out->certs.ptr[0].place, S("certs"), S("frontends.https: false"));
    if (out->http >= 0)
        out->default_frontends |= UINT64_C(1) << out->http;
    if (out->https >= 0)
        out->default_frontends |= UINT64_C(1) << out->https;
}

uint64_t khap__frontend_bits(struct resolver *r, const struct setting *list)
{
    uint64_t bits = 0;
    for (const struct setting *s = list->child; s; s = s->next) {
        uint32_t i = 0;
        while (i < r->out->frontends.len && !khap__str_eq(r->out->frontends.ptr[i].name, s->text))
            i++;
        if (i < r->out->frontends.len) {
            bits |= UINT64_C(1) << i;
            continue;
        }
        const struct setting *off = entry_named(r->frontends, s->text);
        if (off && off->kind == SETTING_OFF) {
            RESOLVE_SAY(r, MSG_FRONTEND_IS_OFF, s->place, s->text);
            khap__diags_relate(r->diags, off->place, S("here"));
            continue;
        }
        if (khap__str_eq(s->text, S("https"))) {
            RESOLVE_SAY(r, MSG_TLS_WITHOUT_CERTIFICATE, s->place, S("frontend `https`"));
            continue;
        }
        if (off || r->frontends_unknown) /* it was wrong, which has been said */
            continue;
        say_unknown_frontend(r, s->place, s->text);
    }
    return bits;
}
