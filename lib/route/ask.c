/* route/ask.c - one request on its way: listener, rules of the frontend, backend, its rules, servers. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

#include <stdio.h>

void khap_route_request_init(struct khap_route_request *request)
{
    *request = (struct khap_route_request){.size = sizeof *request, .version = 11};
}

/* ---- states */

void khap__routing_free_state(struct asking *a, struct state *state)
{
    VEC_FREE(&a->route->alloc, &state->fields);
    VEC_FREE(&a->route->alloc, &state->variables);
    VEC_FREE(&a->route->alloc, &state->steps);
}

/* What two ways may have in common up to here. */
void khap__routing_copy_state(struct asking *a, const struct state *from, struct state *to)
{
    *to = *from;
    to->fields.ptr = NULL;
    to->variables.ptr = NULL;
    to->steps.ptr = NULL;
    to->fields.len = to->fields.cap = to->variables.len = to->variables.cap = to->steps.len = to->steps.cap =
        0;
    bool good = VEC_COPY(&a->route->alloc, &from->fields, &to->fields, 2) &&
                VEC_COPY(&a->route->alloc, &from->variables, &to->variables, 0) &&
                VEC_COPY(&a->route->alloc, &from->steps, &to->steps, 4);
    a->no_memory = a->no_memory || !good;
}

/* ---- rules */

/* An action that is not evaluated may do anything. */
static void anything(struct asking *a, const struct rule *rule)
{
    reasons why = khap__routing_because(a, rule->words, rule->place) | a->maybe;
    reasons before = a->maybe;
    a->maybe = why;
    (void)khap__routing_outcome(a, KHAP_ROUTE_UNKNOWN, rule->place);
    a->maybe = before;
    a->state->fields_why |= why;
    a->state->variables_why |= why;
    khap__sample_unknown(&a->state->target, why);
    for (uint32_t i = 0; i < a->state->variables.len; i++)
        khap__sample_unknown(&a->state->variables.ptr[i].value, why);
}

/* Whether a rule is carried out; a->maybe says whether that is unknown, and why. */
bool khap__routing_reached(struct asking *a, const struct rule *rule)
{
    reasons why = 0;
    a->maybe = a->rest; /* of variables that the condition sets */
    enum khap_answer answer = khap__routing_holds(a, rule->condition, &why);
    if (rule->unclear && answer != KHAP_FALSE) {
        answer = KHAP_UNKNOWN;
        why |= khap__routing_because(a, S("an environment variable"), rule->place);
    }
    if (rule->read != KHAP_TRUE && answer == KHAP_TRUE) {
        answer = KHAP_UNKNOWN;
        why |= khap__routing_because(a, S("`.if`"), rule->place);
    }
    a->maybe = a->rest | (answer == KHAP_UNKNOWN ? why : 0);
    if (answer != KHAP_FALSE)
        khap__routing_step(a, rule->line, rule->place, a->maybe != 0 ? KHAP_UNKNOWN : KHAP_TRUE);
    else if (a->request->explain != 0)
        khap__routing_explain(a, rule);
    return answer != KHAP_FALSE;
}

/* True: the request got no further. */
static bool run_set(struct asking *a, uint32_t section, enum rule_set set)
{
    const struct proxy *proxy = &a->route->proxies.ptr[section];
    uint32_t defaults = a->route->view->sections.ptr[section].defaults;
    a->rest = 0;
    /* those of `defaults` come first */
    if (defaults != VIEW_NONE && defaults != section && a->depth++ < 8) {
        bool ended = run_set(a, defaults, set);
        a->depth--;
        if (ended)
            return true;
    }
    a->rest = 0;
    for (uint32_t i = khap__routing_next_rule(a, proxy, set, 0); i < proxy->rules[set].len;
         i = khap__routing_next_rule(a, proxy, set, i + 1)) {
        const struct rule *rule = &proxy->rules[set].ptr[i];
        if (!khap__routing_reached(a, rule))
            continue;
        if (rule->run == NULL)
            anything(a, rule);
        else if (rule->run(a, rule))
            return a->ended;
        if (a->no_memory)
            return true;
    }
    return false;
}

/* The page of statistics answers what begins with its URI. */
static bool is_statistics(struct asking *a, const struct proxy *proxy)
{
    const struct sample *target = &a->state->target;
    a->maybe = target->state == SAMPLE_UNKNOWN ? target->why : 0;
    if (proxy->stats_uri.len == 0 ||
        (target->state == SAMPLE_KNOWN && !khap__str_starts(target->text, proxy->stats_uri)))
        return false;
    (void)khap__routing_outcome(a, KHAP_ROUTE_SERVICE, proxy->stats_place);
    return a->maybe == 0;
}

/* ---- backends */

static void in_backend(struct asking *a, uint32_t section, struct khap_place place, reasons why)
{
    struct state *before = a->state, own;
    const struct proxy *proxy = &a->route->proxies.ptr[section];
    khap__routing_copy_state(a, before, &own);
    own.why |= why;
    a->state = &own;
    a->backend = proxy;
    bool ended = false, tcp = !a->http;
    a->ended = false;
    a->maybe = 0;
    if (proxy->unclear)
        own.why |= khap__routing_because(a, S("`.if` or an environment variable"), proxy->unclear_place);
    if (proxy->disabled) {
        own.why |= khap__routing_because(a, S("a disabled backend"), place);
    } else if (tcp && proxy->mode == MODE_HTTP) { /* from there on it is read as HTTP */
        a->http = true;
        if (a->tls && !a->listener->tls)
            own.why |= khap__routing_because(a, S("TLS where HTTP is expected"), place);
    }
    if (proxy != a->frontend) {
        ended = run_set(a, section, RULES_CONTENT);
        if (!ended && a->http)
            ended = run_set(a, section, RULES_HTTP) || is_statistics(a, proxy) ||
                    run_set(a, section, RULES_REDIRECT) || khap__routing_restrict_names(a, proxy);
    }
    if (!ended && a->http)
        khap__routing_add_fields(a, proxy);
    a->maybe = 0;
    if (!ended && !a->no_memory)
        khap__routing_servers(a, proxy, place);
    a->backend = NULL;
    a->ended = false;
    a->http = !tcp;
    a->state = before;
    khap__routing_free_state(a, &own);
}

/* A backend or listen of that name, or VIEW_NONE. */
static uint32_t find_backend(const struct asking *a, struct khap_str name)
{
    size_t found = khap_view_find(a->route->view, S("backend"), name, SIZE_MAX);
    return found == SIZE_MAX || found >= a->route->proxies.len ? VIEW_NONE : (uint32_t)found;
}

static void go_default(struct asking *a, uint32_t section, reasons why)
{
    const struct proxy *proxy = &a->route->proxies.ptr[section];
    uint32_t to = proxy->default_backend.len > 0 ? find_backend(a, proxy->default_backend) : VIEW_NONE;
    struct khap_place place = proxy->default_backend_place;
    if (to == VIEW_NONE && proxy->backend) {
        to = section;
        place = a->listener->place;
    } else if (to != VIEW_NONE) {
        khap__routing_step(a, proxy->default_backend_line, place, why != 0 ? KHAP_UNKNOWN : KHAP_TRUE);
    }
    if (to != VIEW_NONE) {
        in_backend(a, to, place, why);
        return;
    }
    a->maybe = why;
    if (!a->http) {
        khap__routing_closed(a, a->listener->place);
        return;
    }
    struct outcome *o = khap__routing_outcome(a, KHAP_ROUTE_ANSWER, a->listener->place);
    if (o != NULL)
        o->public.status = 503;
}

/* Where a name of a backend is not known: to each that a map may say. */
static void go_somewhere(struct asking *a, uint32_t section, const struct rule *rule,
                         const struct sample *name, reasons why)
{
    struct candidates all = {.none = false};
    if (!khap__routing_candidates(a, name, &all)) {
        a->maybe = why;
        (void)khap__routing_outcome(a, KHAP_ROUTE_UNKNOWN, rule->place);
    } else {
        for (uint32_t i = 0; i < all.values.len && !a->no_memory; i++) {
            uint32_t to = find_backend(a, all.values.ptr[i]);
            all.none = all.none || to == VIEW_NONE;
            if (to != VIEW_NONE)
                in_backend(a, to, rule->place, why);
        }
        if (all.none)
            go_default(a, section, why);
    }
    VEC_FREE(&a->route->alloc, &all.values);
}

static void go_on(struct asking *a, uint32_t section)
{
    const struct proxy *proxy = &a->route->proxies.ptr[section];
    a->rest = 0;
    for (uint32_t i = khap__routing_next_rule(a, proxy, RULES_SWITCH, 0);
         i < proxy->rules[RULES_SWITCH].len && !a->no_memory;
         i = khap__routing_next_rule(a, proxy, RULES_SWITCH, i + 1)) {
        const struct rule *rule = &proxy->rules[RULES_SWITCH].ptr[i];
        if (rule->n == 0 || !khap__routing_reached(a, rule))
            continue;
        reasons why = a->maybe;
        struct sample name;
        khap__sample_text(&name, SAMPLE_STR, rule->arguments[0].text);
        if (rule->arguments[0].type == TYPE_DYNAMIC && rule->arguments[0].format != NULL)
            khap__routing_format(a, rule->arguments[0].format, false, &name);
        uint32_t to = name.state == SAMPLE_KNOWN ? find_backend(a, name.text) : VIEW_NONE;
        if (name.state == SAMPLE_UNKNOWN) {
            go_somewhere(a, section, rule, &name, why | name.why);
        } else if (to != VIEW_NONE) {
            in_backend(a, to, rule->place, why);
        } else {
            go_default(a, section, why);
        }
        if (why == 0)
            return;
        a->state->why |= why;
    }
    go_default(a, section, 0);
}

/* The connection itself, which the PROXY protocol says nothing of. */
static void set_peer(struct asking *a)
{
    struct state *state = a->state;
    if (!a->listener->accept_proxy) {
        state->peer = state->source;
        state->peer_port = state->source_port;
        state->peer_to = state->destination;
        state->peer_to_port = state->destination_port;
    } else if (a->hops == 0) {
        khap__sample_unknown(
            &state->peer, khap__routing_because(a, S("who speaks the PROXY protocol"), a->listener->place));
        state->peer_port = state->peer_to = state->peer_to_port = state->peer;
    }
}

static void in_frontend(struct asking *a, uint32_t section)
{
    const struct proxy *proxy = &a->route->proxies.ptr[section];
    static const enum rule_set first[] = {RULES_CONNECTION, RULES_SESSION, RULES_CONTENT};
    const bool http = a->http, late = a->route->release < KHAP_RELEASE(2, 4);
    bool silent = false;
    enum khap_answer malformed = KHAP_FALSE;
    a->ended = false;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        if (first[i] == RULES_CONTENT && http) {
            malformed = khap__routing_malformed(a, &silent);
            if (!late && khap__routing_refused(a, malformed, silent))
                return;
            a->http = malformed != KHAP_TRUE; /* the rules see nothing of it then */
        }
        bool ended = run_set(a, section, first[i]);
        a->http = http;
        if (first[i] == RULES_CONNECTION)
            set_peer(a);
        if (ended)
            return;
    }
    if (late && khap__routing_refused(a, malformed, silent))
        return;
    if (a->http) {
        struct khap_str target = a->state->target.text;
        if (proxy->monitor_uri.len > 0 && khap__str_eq(proxy->monitor_uri, target)) {
            struct outcome *o = khap__routing_outcome(a, KHAP_ROUTE_ANSWER, a->listener->place);
            if (o != NULL)
                o->public.status = 200;
            return;
        }
        if (run_set(a, section, RULES_HTTP) || is_statistics(a, proxy) ||
            run_set(a, section, RULES_REDIRECT) || khap__routing_restrict_names(a, proxy))
            return;
    }
    a->maybe = 0;
    go_on(a, section);
}

/* ---- the request */

struct url {
    struct khap_str scheme, authority, host, target;
    uint16_t port;
    bool tls;
};

static bool read_url(struct khap_str text, struct url *url)
{
    size_t at = 0;
    while (at + 2 < text.len && memcmp(text.ptr + at, "://", 3) != 0)
        at++;
    if (at + 2 >= text.len || at == 0)
        return false;
    url->scheme = khap__str_sub(text, 0, at);
    url->tls = khap__str_eq_nocase(url->scheme, S("https")) || khap__str_eq_nocase(url->scheme, S("tls"));
    bool plain = khap__str_eq_nocase(url->scheme, S("http")) || khap__str_eq_nocase(url->scheme, S("tcp"));
    text = khap__str_sub(text, at + 3, text.len);
    for (at = 0; at < text.len && text.ptr[at] != '/' && text.ptr[at] != '?' && text.ptr[at] != '#'; at++)
        ;
    url->authority = url->host = khap__str_sub(text, 0, at);
    url->target = khap__str_sub(text, at, text.len);
    url->target.len = khap__str_find(url->target, '#');
    url->port = url->tls ? 443 : 80;
    if (url->host.len == 0 || (!plain && !url->tls))
        return false;
    size_t end = url->host.len;
    while (end > 0 && khap__is_digit((unsigned char)url->host.ptr[end - 1]))
        end--;
    if (end > 0 && url->host.ptr[end - 1] == ':' && end < url->host.len) {
        int64_t port;
        if (khap__int_parse(khap__str_sub(url->host, end, url->host.len), 1, 65535, &port) != VALUE_OK)
            return false;
        url->port = (uint16_t)port;
        url->host.len = end - 1;
    }
    return true;
}

static bool read_source(struct asking *a, struct khap_str text, struct state *state)
{
    struct address address;
    if (text.len == 0) {
        reasons why = khap__routing_because(a, S("the client's address"), NOWHERE);
        khap__sample_unknown(&state->source, why);
        khap__sample_unknown(&state->source_port, why);
        return true;
    }
    if (khap__address_parse(text, &address) != VALUE_OK ||
        (address.family != ADDRESS_V4 && address.family != ADDRESS_V6))
        return false;
    state->source = (struct sample){.state = SAMPLE_KNOWN,
                                    .type = address.family == ADDRESS_V4 ? SAMPLE_IPV4 : SAMPLE_IPV6};
    memcpy(state->source.ip, address.ip, 16);
    if (address.has_port)
        khap__sample_number(&state->source_port, SAMPLE_SINT, address.port);
    else
        khap__sample_unknown(&state->source_port, khap__routing_because(a, S("the client's port"), NOWHERE));
    return true;
}

static bool add_field(struct asking *a, struct state *state, struct khap_str name, struct khap_str value)
{
    struct field field = {.name = name};
    khap__sample_text(&field.value, SAMPLE_STR, value);
    return VEC_PUSH(&a->route->alloc, &state->fields, field);
}

/* How long the body is, as it is stated, or as the header fields say it. */
static bool add_length(struct asking *a, struct state *state)
{
    const struct khap_route_request *r = a->request;
    const struct khap_route_header *length = NULL;
    bool chunked = false;
    char digits[24];
    for (size_t i = 0; i < r->n_headers; i++) {
        if (khap__str_eq_nocase(r->headers[i].name, S("content-length")))
            length = &r->headers[i];
        chunked = chunked || khap__str_eq_nocase(r->headers[i].name, S("transfer-encoding"));
    }
    a->body_length = r->body_length;
    a->body_known = r->has_body_length != 0 || (length == NULL && !chunked && r->version < 20);
    if (length != NULL && r->has_body_length == 0 && !chunked) {
        int64_t n;
        a->body_known = khap__int_parse(length->value, 0, INT64_MAX, &n) == VALUE_OK;
        a->body_length = a->body_known ? (uint64_t)n : 0;
    }
    if (r->has_body_length == 0 || length != NULL || chunked)
        return true;
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)r->body_length);
    return add_field(a, state, S("content-length"),
                     khap__routing_keep(a, (struct khap_str){digits, n > 0 ? (size_t)n : 0}));
}

static bool make_request(struct asking *a, const struct url *url, struct state *state)
{
    const struct khap_route_request *r = a->request;
    bool host = r->no_host != 0, good = true;
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    khap__sample_text(&state->method, SAMPLE_METH, r->method.len > 0 ? r->method : S("GET"));
    a->first_method = state->method;
    if (r->version >= 20 && r->no_host == 0) { /* as HAProxy writes it down */
        khap__buf_add(&b, url->scheme);
        khap__buf_add(&b, S("://"));
        khap__buf_add(&b, url->authority);
    }
    if (url->target.len == 0 || *url->target.ptr != '/')
        khap__buf_char(&b, '/');
    khap__buf_add(&b, url->target);
    khap__sample_text(&state->target, SAMPLE_STR,
                      r->uri.len > 0 ? r->uri : khap__routing_keep(a, khap__buf_str(&b)));
    good = !b.failed;
    khap__buf_free(&b);
    for (size_t i = 0; i < r->n_headers; i++)
        host = host || khap__str_eq_nocase(r->headers[i].name, S("host"));
    if (!host)
        good = good && add_field(a, state, S("host"), url->authority);
    for (size_t i = 0; i < r->n_headers; i++)
        good = good && add_field(a, state, r->headers[i].name, r->headers[i].value);
    return good && add_length(a, state);
}

/* Whether what is asked for comes to this listener. */
static bool fits(const struct asking *a, const struct proxy *proxy, const struct listener *l)
{
    const struct khap_str bind = a->request->bind;
    if (l->read == KHAP_FALSE)
        return false;
    if (bind.len > 0)
        return khap__str_eq(bind, l->text);
    if (!l->address.has_port || a->port < l->address.port || a->port > l->address.port_last)
        return false;
    if ((l->address.prefix == PREFIX_QUIC4 || l->address.prefix == PREFIX_QUIC6) !=
        (a->request->version == 30))
        return false;
    return l->tls == a->tls || (a->tls && proxy->mode != MODE_HTTP) ||
           khap__str_eq_nocase(a->scheme, S("tcp"));
}

/* Whether it listens on the very address that the URL names. The kernel prefers such a one to a wildcard. */
static bool is_named(const struct listener *l, struct khap_str host)
{
    uint8_t ip[16];
    if (l->address.family == ADDRESS_V4)
        return khap__ipv4_parse(host, ip) && memcmp(ip, l->address.ip, 4) == 0;
    if (l->address.family != ADDRESS_V6)
        return false;
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = khap__str_sub(host, 1, host.len - 2);
    return khap__ipv6_parse(host, ip) && memcmp(ip, l->address.ip, 16) == 0;
}

static void set_destination(struct asking *a, struct state *state, const struct listener *l)
{
    reasons why = khap__routing_because(a, S("the address that the client connects to"), NOWHERE);
    khap__sample_unknown(&state->destination, why);
    if (l->address.family == ADDRESS_V4 || l->address.family == ADDRESS_V6) {
        state->destination = (struct sample){
            .state = SAMPLE_KNOWN, .type = l->address.family == ADDRESS_V4 ? SAMPLE_IPV4 : SAMPLE_IPV6};
        memcpy(state->destination.ip, l->address.ip, 16);
    }
    khap__sample_number(&state->destination_port, SAMPLE_SINT, a->port);
}

void khap__routing_through(struct asking *a, uint32_t section, const struct listener *l,
                           const struct state *request, reasons why)
{
    struct state own;
    const struct proxy *proxy = &a->route->proxies.ptr[section];
    khap__routing_copy_state(a, request, &own);
    own.why |= why;
    a->state = &own;
    a->frontend = proxy;
    a->backend = NULL;
    a->listener = l;
    a->http = proxy->mode == MODE_HTTP;
    a->ended = false;
    a->maybe = a->rest = 0;
    if (a->hops == 0) {
        a->entry = l;
        a->entered = proxy;
        set_destination(a, &own, l);
    }
    if (proxy->unclear)
        own.why |= khap__routing_because(a, S("`.if` or an environment variable"), proxy->unclear_place);
    khap__routing_step(a, l->line, l->place, KHAP_TRUE);
    if (!a->no_memory)
        in_frontend(a, section);
    khap__routing_free_state(a, &own);
    a->state = NULL;
}

static void ask(struct asking *a, const struct state *request, struct khap_str host)
{
    enum { ALL, NAMED, GO } pass;
    const struct khap_route *route = a->route;
    uint32_t n[] = {0, 0};
    for (pass = ALL; pass <= GO; pass++) {
        bool named = n[NAMED] > 0;
        reasons why = n[named ? NAMED : ALL] > 1
                          ? khap__routing_because(a, S("the address that the client connects to"), NOWHERE)
                          : 0;
        for (uint32_t i = 0; i < route->listening.len && !a->no_memory; i++) {
            uint32_t section = route->listening.ptr[i];
            const struct proxy *proxy = &route->proxies.ptr[section];
            for (uint32_t k = 0; k < proxy->listeners.len; k++) {
                const struct listener *l = &proxy->listeners.ptr[k];
                if (!fits(a, proxy, l) || ((pass == NAMED || named) && !is_named(l, host)))
                    continue;
                if (pass < GO)
                    n[pass]++;
                else
                    khap__routing_through(a, section, l, request, why);
            }
        }
    }
    if (route->unclear_listener)
        a->maybe = khap__routing_because(a, S("an address to listen on"), route->unclear_place);
    if (n[ALL] == 0)
        (void)khap__routing_outcome(a, KHAP_ROUTE_NOWHERE, NOWHERE);
}

enum khap_status khap_route_ask(const struct khap_route *route, const struct khap_route_request *request,
                                struct khap_route_answer **out)
{
    struct url url;
    if (out == NULL || route == NULL || request == NULL || request->size != sizeof *request)
        return KHAP_EINVAL;
    *out = NULL;
    if (!read_url(request->url, &url))
        return KHAP_EINPUT;
    struct khap_route_answer *answer = khap__alloc(&route->alloc, 1, sizeof *answer);
    if (answer == NULL)
        return KHAP_ENOMEM;
    *answer = (struct khap_route_answer){.alloc = route->alloc, .route = route};
    khap__arena_init(&answer->arena, &answer->alloc);
    struct asking a = {.route = route,
                       .request = request,
                       .answer = answer,
                       .arena = &answer->arena,
                       .tls = url.tls,
                       .port = url.port,
                       .scheme = url.scheme,
                       .sni = request->sni,
                       .version = request->version};
    struct host host;
    char *room = khap__arena_bytes(a.arena, url.host.len + 1);
    if (room == NULL)
        a.no_memory = true;
    else if (a.sni.len == 0 && khap__host_parse(url.host, room, &host) == VALUE_OK && host.kind == HOST_EXACT)
        a.sni = url.host;
    struct state state = {.why = 0};
    enum khap_status status = KHAP_OK;
    if (!read_source(&a, request->source, &state))
        status = KHAP_EINPUT;
    else if (!make_request(&a, &url, &state))
        a.no_memory = true;
    if (status == KHAP_OK && !a.no_memory)
        ask(&a, &state, url.host);
    khap__routing_free_state(&a, &state);
    if (a.no_memory)
        status = KHAP_ENOMEM;
    if (status != KHAP_OK) {
        khap_route_answer_free(answer);
        return status;
    }
    *out = answer;
    return KHAP_OK;
}
