/* route/servers.c - which servers may get a request, and the way on where one of them leads back into the configuration. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

enum { MOST_HOPS = 8 };

/* ---- which servers */

/* The server that the client's cookie names. */
static const struct server *by_cookie(struct asking *a, const struct proxy *proxy)
{
    struct fetching f = {.all = false};
    struct sample value = {.state = SAMPLE_ABSENT};
    if (proxy->cookie.len == 0 || !a->http)
        return NULL;
    khap__routing_cookie(a, proxy->cookie, &f, &value);
    for (uint32_t i = 0; i < proxy->servers.len && value.state == SAMPLE_KNOWN; i++) {
        const struct server *s = &proxy->servers.ptr[i];
        if (s->cookie.len > 0 &&
            (khap__str_eq(s->cookie, value.text) ||
             (khap__str_starts(value.text, s->cookie) && value.text.ptr[s->cookie.len] == '~')))
            return s;
    }
    return NULL;
}

/* The server that a rule or a cookie chooses; NULL: whichever the algorithm takes. */
static const struct server *choose(struct asking *a, const struct proxy *proxy)
{
    for (uint32_t i = 0; i < proxy->rules[RULES_SERVER].len; i++) {
        const struct rule *rule = &proxy->rules[RULES_SERVER].ptr[i];
        if (rule->n == 0 || !khap__routing_reached(a, rule))
            continue;
        struct sample name;
        khap__sample_text(&name, SAMPLE_STR, rule->arguments[0].text);
        if (rule->arguments[0].type == TYPE_DYNAMIC && rule->arguments[0].format != NULL)
            khap__routing_format(a, rule->arguments[0].format, false, &name);
        if (name.state != SAMPLE_KNOWN || a->maybe != 0) /* it may have chosen another one */
            return NULL;
        for (uint32_t s = 0; s < proxy->servers.len; s++) {
            if (khap__str_eq(proxy->servers.ptr[s].name, name.text))
                return &proxy->servers.ptr[s];
        }
    }
    return by_cookie(a, proxy);
}

static void add_server(struct asking *a, struct outcome *o, const struct server *s, enum khap_answer chosen)
{
    struct khap_route_server server = {.size = sizeof server,
                                       .name = s->name,
                                       .address = s->address,
                                       .place = s->place,
                                       .backup = s->backup,
                                       .chosen = chosen};
    if (!VEC_PUSH(&a->route->alloc, &o->servers, server))
        a->no_memory = true;
}

/* ---- where they lead */

/* How well a listener fits the address that a server has: 2 exactly, 1 because it listens on any, 0 not. */
static int fit(const struct khap_route *route, const struct address *server, const struct address *bind)
{
    bool plain = server->family == ADDRESS_V4 || server->family == ADDRESS_V6;
    if (!plain) {
        if (server->family != bind->family ||
            (server->family == ADDRESS_ABNS && server->prefix != bind->prefix))
            return 0;
        struct khap_str prefix = server->family == ADDRESS_UNIX ? route->unix_prefix : S("");
        return khap__str_starts(server->host, prefix) &&
                       khap__str_eq(khap__str_sub(server->host, prefix.len, SIZE_MAX), bind->host)
                   ? 2
                   : 0;
    }
    if (!bind->has_port || server->port < bind->port || server->port > bind->port_last ||
        bind->prefix == PREFIX_QUIC4 || bind->prefix == PREFIX_QUIC6)
        return 0;
    static const uint8_t any[16];
    if (bind->family == server->family &&
        memcmp(bind->ip, server->ip, server->family == ADDRESS_V4 ? 4 : 16) == 0)
        return 2;
    if (bind->family == ADDRESS_ANY)
        return server->family == ADDRESS_V4;
    return bind->family == server->family &&
           memcmp(bind->ip, any, server->family == ADDRESS_V4 ? 4 : 16) == 0;
}

/* The `index`-th listener that takes what goes to this server; NULL past the last. */
static const struct listener *leads_to(const struct asking *a, const struct server *s, uint32_t index,
                                       uint32_t *section)
{
    int best = 1;
    for (int pass = 0; s->local && pass < 2; pass++) {
        for (uint32_t i = 0; i < a->route->listening.len; i++) {
            const struct proxy *proxy = &a->route->proxies.ptr[a->route->listening.ptr[i]];
            for (uint32_t l = 0; l < proxy->listeners.len; l++) {
                const struct listener *one = &proxy->listeners.ptr[l];
                int fits = one->read == KHAP_FALSE ? 0 : fit(a->route, &s->parsed, &one->address);
                if (pass == 0 && fits > best)
                    best = fits;
                *section = a->route->listening.ptr[i];
                if (pass == 1 && fits == best && index-- == 0)
                    return one;
            }
        }
    }
    return NULL;
}

/* Why it cannot be told what comes there; empty: it can. */
static struct khap_str obstacle(const struct asking *a, const struct proxy *backend, const struct server *s,
                                const struct proxy *frontend, const struct listener *l)
{
    bool tls = a->tls && !a->listener->tls;
    if (a->hops >= MOST_HOPS)
        return S("a request that comes back again and again");
    if (s->special || backend->special || l->special)
        return S("an option of the connection to the server");
    if (s->send_proxy != l->accept_proxy)
        return S("the PROXY protocol, which only one side speaks");
    if (tls != l->tls && (l->tls || frontend->mode == MODE_HTTP))
        return S("TLS, which only one side speaks");
    if (a->route->unclear_listener)
        return S("an address to listen on");
    return S("");
}

static void set_text(struct sample *s, struct khap_str text)
{
    *s = (struct sample){.state = SAMPLE_KNOWN, .type = s->type, .text = text};
}

/* An address as it is written in IPv6. */
static void make_six(struct sample *s)
{
    if (s->type != SAMPLE_IPV4)
        return;
    memmove(s->ip + 12, s->ip, 4);
    memset(s->ip, 0, 10);
    memset(s->ip + 10, 0xff, 2);
    s->type = SAMPLE_IPV6;
}

/* The connection that HAProxy makes. */
static void connect(struct asking *a, const struct server *s, struct state *next)
{
    static const uint8_t four[16] = {127, 0, 0, 1}, six[16] = {[15] = 1};
    const struct sample absent = {.state = SAMPLE_ABSENT};
    next->peer = next->peer_port = next->peer_to = next->peer_to_port = absent;
    if (s->parsed.family == ADDRESS_V4 || s->parsed.family == ADDRESS_V6) {
        bool v4 = s->parsed.family == ADDRESS_V4;
        next->peer = next->peer_to =
            (struct sample){.state = SAMPLE_KNOWN, .type = v4 ? SAMPLE_IPV4 : SAMPLE_IPV6};
        memcpy(next->peer.ip, v4 ? four : six, 16);
        memcpy(next->peer_to.ip, s->parsed.ip, 16);
        khap__sample_unknown(&next->peer_port,
                             khap__routing_because(a, S("the port that HAProxy connects from"), s->place));
        khap__sample_number(&next->peer_to_port, SAMPLE_SINT, s->parsed.port);
    }
    if (!s->send_proxy || next->source.state == SAMPLE_ABSENT) {
        next->source = next->peer;
        next->source_port = next->peer_port;
        next->destination = next->peer_to;
        next->destination_port = next->peer_to_port;
    } else if (next->source.state == SAMPLE_KNOWN && next->destination.state == SAMPLE_KNOWN) {
        /* the PROXY protocol tells of the client, in one family */
        if (next->source.type == SAMPLE_IPV6)
            make_six(&next->destination);
        if (next->destination.type == SAMPLE_IPV6)
            make_six(&next->source);
    }
}

static void follow(struct asking *a, const struct server *s, uint32_t section, const struct listener *l)
{
    struct state next;
    struct asking before = *a;
    khap__routing_copy_state(a, a->state, &next);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < next.variables.len; i++) { /* all others end with the session */
        if (khap__str_starts(next.variables.ptr[i].name, S("proc.")))
            next.variables.ptr[kept++] = next.variables.ptr[i];
    }
    next.variables.len = kept;
    next.variables_why = 0;
    connect(a, s, &next);
    if (a->http && a->version >= 20) { /* goes on as HTTP/1.1 */
        struct khap_str path = khap__routing_path_of(next.target.text);
        a->version = 11;
        if (next.target.state == SAMPLE_KNOWN && path.len > 0)
            set_text(&next.target, path);
    }
    a->first_method = next.method;
    a->tls = a->tls && !a->listener->tls;
    a->hops++;
    a->through = a->through || a->http;
    a->by_tcp = s->parsed.family == ADDRESS_V4 || s->parsed.family == ADDRESS_V6;
    khap__routing_through(a, section, l, &next, 0);
    khap__routing_free_state(a, &next);
    bool no_memory = a->no_memory;
    *a = before;
    a->no_memory = no_memory;
}

/* ---- both */

/* A server that leads back into the configuration is followed; for all others the backend is what becomes of the request. */
void khap__routing_servers(struct asking *a, const struct proxy *proxy, struct khap_place place)
{
    const struct server *chosen = choose(a, proxy);
    const struct listener *l;
    uint32_t section, possible = 0, local = 0;
    for (uint32_t i = 0; i < proxy->servers.len; i++) {
        const struct server *s = &proxy->servers.ptr[i];
        if (s->disabled || (chosen != NULL && s != chosen))
            continue;
        possible++;
        local += leads_to(a, s, 0, &section) != NULL;
    }
    reasons one =
        possible > 1 && local > 0 ? khap__routing_because(a, S("which server the backend takes"), place) : 0;
    a->maybe = one;
    struct outcome *o =
        local > 0 && local == possible ? NULL : khap__routing_outcome(a, KHAP_ROUTE_BACKEND, place);
    for (uint32_t i = 0; o != NULL && i < proxy->servers.len; i++) {
        const struct server *s = &proxy->servers.ptr[i];
        if (!s->disabled && leads_to(a, s, 0, &section) == NULL)
            add_server(a, o, s, s == chosen ? KHAP_TRUE : chosen != NULL ? KHAP_FALSE : KHAP_UNKNOWN);
    }
    for (uint32_t i = 0; i < proxy->servers.len && local > 0 && !a->no_memory; i++) {
        const struct server *s = &proxy->servers.ptr[i];
        if (s->disabled || (chosen != NULL && s != chosen))
            continue;
        for (uint32_t n = 0; (l = leads_to(a, s, n, &section)) != NULL && !a->no_memory; n++) {
            struct khap_str why = obstacle(a, proxy, s, &a->route->proxies.ptr[section], l);
            uint32_t other;
            reasons because = one;
            if (leads_to(a, s, 1, &other) != NULL)
                because |= khap__routing_because(a, S("which of several listeners takes it"), s->place);
            if (why.len > 0)
                because |= khap__routing_because(a, why, s->place);
            struct state *state = a->state, own;
            khap__routing_copy_state(a, state, &own);
            own.why |= because;
            a->state = &own;
            a->maybe = 0;
            khap__routing_step(a, s->line, s->line_place, because != 0 ? KHAP_UNKNOWN : KHAP_TRUE);
            if (why.len > 0)
                (void)khap__routing_outcome(a, KHAP_ROUTE_UNKNOWN, s->place);
            else
                follow(a, s, section, l);
            khap__routing_free_state(a, &own);
            a->state = state;
        }
    }
    a->maybe = 0;
}
