/* model/services.c - the heads of all services: names, modes, frontends, routes. SPDX-License-Identifier: MIT
 */
#include "model/service_parts.h"

/* serviceDefaults as far as it acts on each kind of service. */
static void make_inherited(struct resolver *r)
{
    const struct setting *defaults = khap__setting_find(r->model->root, KEY_SERVICE_DEFAULTS);
    for (int mode = MODE_HTTP; mode <= MODE_PASSTHROUGH && defaults; mode++) {
        struct service_parts *parts = khap__arena_alloc(&r->out->arena, 1, sizeof *parts);
        struct setting *acting = khap__arena_alloc(&r->out->arena, 1, sizeof *acting);
        struct setting *copies = NULL, **tail = &copies;
        if (!parts || !acting) {
            r->no_memory = true;
            return;
        }
        for (const struct setting *s = defaults->child; s; s = s->next) {
            if (!(khap__key_row((enum key)s->key)->applies & khap__mode_bit((enum service_mode)mode)))
                continue;
            if (mode != MODE_HTTP && khap__balance_needs_http(s))
                continue;
            struct setting *copy = khap__arena_alloc(&r->out->arena, 1, sizeof *copy);
            if (!copy) {
                r->no_memory = true;
                return;
            }
            *copy = *s;
            copy->next = NULL;
            *tail = copy;
            tail = &copy->next;
        }
        *acting = *defaults;
        acting->child = copies;
        khap__parts_gather(acting, parts);
        r->out->inherited[mode] = parts;
    }
    if (!defaults)
        return;
    if (r->defaults.frontends)
        r->inherited_frontends = khap__frontend_bits(r, r->defaults.frontends);
    khap__check_defaults(r);
    khap__check_server_list(r, r->defaults.servers, true);
    if (r->defaults.nodes)
        khap__check_node_names(r, r->defaults.nodes);
}

/* A frontend and a service of one name would be one name for two sections. */
static void check_name(struct resolver *r, const struct service_head *head)
{
    const struct own_section *section = khap__section_named(r->out, head->name);
    if (section) {
        RESOLVE_SAY(r, MSG_NAME_COLLISION, head->given->place, S("a service"), S("a section"), head->name);
        khap__diags_relate(r->diags, section->place, S("the section"));
    }
    for (uint32_t i = 0; i < r->out->frontends.len; i++) {
        const struct frontend *f = &r->out->frontends.ptr[i];
        if (!khap__str_eq(f->name, head->name))
            continue;
        RESOLVE_SAY(r, MSG_NAME_COLLISION, head->given->place, S("a service"), S("a frontend"), head->name);
        if (f->given)
            khap__diags_relate(r->diags, f->place, S("the frontend"));
        return;
    }
    /* a TCP service's frontend is khap-NAME, and so are these, in one map or another */
    static const char taken[][8] = {"404", "421", "acme", "refuse", "sni", "stats", "tls"};
    for (size_t i = 0; head->mode == MODE_TCP && i < sizeof taken / sizeof *taken; i++) {
        if (khap__str_eq(head->name, khap__str(taken[i])))
            RESOLVE_SAY(r, MSG_BAD_NAME, head->given->place, S("TCP service"), head->name,
                        S("its frontend, khap-NAME, would have the name of a section of khap's own"));
    }
    if (head->mode == MODE_TCP && head->name.len > 250)
        RESOLVE_SAY(r, MSG_BAD_NAME, head->given->place, S("TCP service"), head->name,
                    S("its frontend, khap-NAME, would be longer than 255 bytes"));
}

/* What is served over TLS alone, and says itself that plain HTTP is redirected, is asked for over plain HTTP, too: on `http`, where that
 * stands. */
static uint64_t redirected_from(const struct resolver *r, const struct service_head *head,
                                const struct service_parts *own)
{
    const struct resolved *out = r->out;
    if (!khap__is_true(own->redirect_https) || (head->frontends & ~out->tls_frontends) != 0 ||
        head->frontends == 0)
        return 0;
    for (uint32_t i = 0; i < out->frontends.len; i++) {
        const struct frontend *f = &out->frontends.ptr[i];
        if (!f->tls && khap__str_eq(f->name, S("http")))
            return UINT64_C(1) << i;
    }
    return 0;
}

static void add_service(struct resolver *r, const struct setting *given)
{
    struct resolved *out = r->out;
    struct service_parts own;
    khap__parts_gather(given, &own);
    struct service_head head = {
        .given = given, .name = khap__setting_name(given), .first_route = out->routes.len};
    const struct setting *tls = own.tls ? own.tls : r->defaults.tls;
    head.mode = (uint8_t)khap__mode_of(own.mode ? own.mode : r->defaults.mode, tls);
    check_name(r, &head);
    khap__find_fixed(&own, &r->defaults, &head);
    const struct split *split = khap__find_split(r, &own, &head);
    /* one of serviceDefaults is not for a service that answers itself or has servers */
    bool answers = head.redirect || head.respond || own.node_port || own.servers || head.split_only;
    const struct setting *backend = own.backend && !own.redirect && !own.respond ? own.backend
                                    : answers                                    ? NULL
                                                                                 : r->defaults.backend;
    head.backend = backend ? backend->text : head.name;
    head.own_backend = backend != NULL || head.split_only;
    head.redirect_https = own.redirect_https ? own.redirect_https : r->defaults.redirect_https;
    if (backend)
        khap__check_backend(r, &head, backend);
    if (head.mode == MODE_HTTP)
        head.frontends = own.frontends           ? khap__frontend_bits(r, own.frontends)
                         : r->defaults.frontends ? r->inherited_frontends
                                                 : out->default_frontends;
    uint64_t redirected = redirected_from(r, &head, &own);
    head.tls_only = redirected != 0;
    head.frontends |= redirected;
    if (head.mode == MODE_PASSTHROUGH)
        head.frontends = out->https >= 0 ? UINT64_C(1) << out->https : ROUTE_HTTPS_TCP_ONLY;
    khap__add_routes(r, &head, &own, split);
    head.n_routes = out->routes.len - head.first_route;
    for (uint32_t i = head.first_route; i < out->routes.len; i++)
        head.has_marks = head.has_marks || out->routes.ptr[i].stated != 0;
    khap__check_service(r, &head, &own);
    khap__check_servers(r, &head, &own);
    if (!VEC_PUSH(&out->alloc, &out->services, head))
        r->no_memory = true;
}

/* Room for all services, and a route each, so that nothing is moved while they come. */
static bool reserve(struct resolved *out, uint32_t n)
{
    out->services.ptr = khap__alloc(&out->alloc, n, sizeof *out->services.ptr);
    if (!out->services.ptr)
        return false;
    out->services.cap = n;
    out->routes.ptr = khap__alloc(&out->alloc, n, sizeof *out->routes.ptr);
    if (!out->routes.ptr)
        return false;
    out->routes.cap = n;
    return true;
}

void khap__resolve_services(struct resolver *r)
{
    const struct setting *services = khap__setting_find(r->model->root, KEY_SERVICES);
    make_inherited(r);
    if (services && services->n_children > 100 && !r->no_memory && !reserve(r->out, services->n_children))
        r->no_memory = true;
    for (const struct setting *s = services ? services->child : NULL; s && !r->no_memory; s = s->next)
        add_service(r, s);
    if (!r->no_memory)
        khap__resolve_splits(r);
}
