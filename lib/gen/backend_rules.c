/* What a backend does to requests and responses: who may come, redirects, headers, paths.
 * SPDX-License-Identifier: MIT */
#include "gen/gen.h"
#include "gen/routes.h"

static void ranges_line(struct gen *g, const struct service *s, struct khap_str acl,
                        const struct ranges *ranges, bool negated)
{
    if (ranges->n == 0 && ranges->n_files == 0)
        return;
    khap__doc_begin(g->doc, 4, s->place);
    if (s->mode == MODE_HTTP)
        khap__doc_lit(g->doc, "http-request deny if");
    else
        khap__doc_lit(g->doc, "tcp-request content reject if");
    khap__gen_from(g, acl, ranges, negated);
    khap__gen_when(g, true);
    khap__doc_end(g->doc);
}

/* "khap-sources", of a route "khap-sources:2". */
static struct khap_str sources_acl(struct gen *g, const struct service *s)
{
    struct khap_str name = S("khap-sources");
    if (!s->route)
        return name;
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S("khap-sources:"));
    const struct service_head *of = &g->r.services.ptr[s->route->service];
    if (of != s->head) { /* a route whose requests the service shares */
        khap__buf_add(&g->text, of->name);
        khap__buf_char(&g->text, ':');
    }
    khap__buf_uint(&g->text, s->route->order - of->first_route + 1);
    if (g->text.failed || khap__arena_dup(&g->scratch, khap__buf_str(&g->text), &name) != KHAP_OK)
        khap__gen_fail(g, KHAP_ENOMEM);
    return name;
}

static void sources_line(struct gen *g, const struct service *s)
{
    ranges_line(g, s, sources_acl(g, s), &s->sources, true);
}

/* Who may come, and how much of it. */
static void limits(struct gen *g, const struct service *s, struct own_keys *own)
{
    ranges_line(g, s, S("khap-denied"), &s->denied, false);
    khap__own_keys_each(g, s, own, OWN_SOURCES, 0, sources_line);
    khap__gen_limits(g, s);
}

/* Times that a route says itself; the service's are settings of its backend. */
static void timeout_line(struct gen *g, const char *words, uint64_t us, struct khap_place place)
{
    if (us == 0)
        return;
    khap__doc_begin(g->doc, 4, place);
    khap__doc_lit(g->doc, "http-request set-timeout");
    khap__doc_word(g->doc, khap__str(words));
    khap__gen_time(g, us);
    khap__gen_when(g, false);
    khap__doc_end(g->doc);
}

static void timeouts(struct gen *g, const struct service *s)
{
    timeout_line(g, "connect", s->connect, s->place);
    timeout_line(g, "server", s->server_timeout, s->place);
    timeout_line(g, "queue", s->queue, s->place);
    timeout_line(g, "tunnel", s->tunnel, s->place);
}

/* ---- redirectHttps ---- */

/* By default where `hosts` of a certificate name the host. */
static void redirect_https(struct gen *g, const struct service *s)
{
    uint64_t tls = g->r.tls_frontends;
    /* in a bundle, where names of certificates come and go at run time, also without one */
    if (s->redirect_https_given ? !s->redirect_https : g->cert_hosts.used == 0 && !khap__gen_secure_files(g))
        return;
    if ((s->head->frontends & tls) && (s->head->frontends & ~tls)) /* from plain HTTP, and to https */
        khap__gen_redirect_lines(g, s->place, s->redirect_https_given, s->head->frontends);
    if (s->head->tls_only) /* without a host there is nothing to redirect to */
        khap__gen_line(g, 4,
                       g->routing == ROUTING_HDR_REG ? "http-request deny if !{ ssl_fc }"
                                                     : "http-request deny deny_status 400 if !{ ssl_fc }",
                       s->place);
}

/* ---- headers ---- */

static void header_lines(struct gen *g, const struct header_rule *rules, uint32_t n, const char *directive)
{
    struct khap_document *doc = g->doc;
    static const char passes[][16] = {"del-header", "set-header", "add-header"};
    for (size_t pass = 0; pass < 3; pass++) {
        for (uint32_t i = 0; i < n; i++) {
            const struct header_rule *rule = &rules[i];
            size_t of = rule->is_delete ? 0 : rule->is_add ? 2 : 1;
            if (of != pass)
                continue;
            khap__doc_begin(doc, 4, rule->place);
            khap__doc_lit_n(doc, directive, strlen(directive));
            khap__doc_lit_n(doc, passes[pass], strlen(passes[pass]));
            khap__doc_word(doc, rule->name);
            if (rule->is_format) {
                khap__doc_word(doc, rule->value);
            } else if (!rule->is_delete) {
                khap__buf_clear(&g->text);
                khap__logformat_quote(&g->text, rule->value);
                khap__doc_word(doc, khap__buf_str(&g->text));
            }
            khap__gen_when(g, false);
            khap__doc_end(doc);
        }
    }
}

static void request_headers(struct gen *g, const struct service *s)
{
    header_lines(g, s->request, s->n_request, "http-request");
}

static void response_headers(struct gen *g, const struct service *s)
{
    header_lines(g, s->response, s->n_response, "http-response");
}

static void hsts(struct gen *g, const struct service *s)
{
    if (!s->hsts)
        return;
    khap__doc_begin(g->doc, 4, s->place);
    khap__doc_lit(g->doc, "http-response set-header Strict-Transport-Security");
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S("max-age="));
    khap__buf_uint(&g->text, s->hsts_max_age / 1000000u);
    if (s->hsts_subdomains)
        khap__buf_add(&g->text, S("; includeSubDomains"));
    khap__doc_word(g->doc, khap__buf_str(&g->text));
    khap__doc_lit(g->doc, "if { ssl_fc }");
    khap__doc_end(g->doc);
}

/* ---- rewrite ---- */

/* From 2.2: the whole path by a pattern with a group for what stands behind the prefix. In the replacement a
 * backslash is a group, % a log format. */
static void replace_path(struct gen *g, struct khap_str from, struct khap_str to, bool exact, bool keep_slash)
{
    struct buf *text = &g->text;
    khap__doc_lit(g->doc, "http-request replace-path");
    khap__buf_clear(text);
    khap__buf_char(text, '^');
    khap__regex_quote(text, from);
    khap__buf_add(text, exact ? S("$") : keep_slash ? S("/?(.*)$") : S("(/.*)?$"));
    khap__doc_word(g->doc, khap__buf_str(text));
    khap__buf_clear(text);
    for (size_t i = 0; i < to.len; i++) {
        if (to.ptr[i] == '\\' || to.ptr[i] == '%')
            khap__buf_char(text, to.ptr[i]);
        khap__buf_char(text, to.ptr[i]);
    }
    khap__buf_add(text, keep_slash || (exact && to.len == 0) ? S("/") : S(""));
    khap__buf_add(text, exact ? S("") : S("\\1"));
    khap__doc_word(g->doc, khap__buf_str(text));
}

/* Letters, digits and a few others stand for themselves in a regex, in a replacement and in a converter's
 * argument; the rest is said in hexadecimal. */
static void add_hex(struct buf *out, struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (khap__is_alnum(c) || c == '/' || c == '-' || c == '_' || c == '~') {
            khap__buf_char(out, (char)c);
        } else {
            khap__buf_add(out, S("\\x"));
            khap__buf_hex(out, c, 2);
        }
    }
}

/* Before: a substitution of the prefix alone, in a converter. */
static void set_path(struct gen *g, struct khap_str from, struct khap_str to, bool exact, bool keep_slash)
{
    struct buf *text = &g->text;
    khap__doc_lit(g->doc, "http-request set-path");
    khap__buf_clear(text);
    khap__buf_add(text, S("%[path,regsub(^"));
    add_hex(text, from);
    khap__buf_add(text, exact ? S("$") : !keep_slash ? S("") : from.len > 0 ? S("/?") : S("/"));
    khap__buf_char(text, ',');
    add_hex(text, to);
    khap__buf_add(text, keep_slash || (exact && to.len == 0) ? S("/)]") : S(")]"));
    khap__doc_word(g->doc, khap__buf_str(text));
}

/*
 * The matched prefix gives way. /ui replaced by /app: /ui -> /app, /ui/x -> /app/x; by /: /ui -> /, /ui/x ->
 * /x; without a prefix /app stands before every path. That /uix is not meant has been seen to by the routing.
 */
void khap__gen_prefix(struct gen *g, const struct service *s, const struct route *r, uint32_t number)
{
    if (s->rewrite.prefix.len == 0)
        return;
    struct khap_str to = khap__path_prefix(s->rewrite.prefix),
                    from = r->path_type == PATH_NONE ? S("") : r->path;
    bool exact = r->path_type == PATH_EXACT;
    bool keep_slash =
        !exact && (to.len == 0 || from.len == 0); /* else what stands behind the prefix brings its own */
    khap__doc_begin(g->doc, 4, r->place);
    if (gen_from(g, R(2, 2)))
        replace_path(g, from, to, exact, keep_slash);
    else
        set_path(g, from, to, exact, keep_slash);
    if (number > 0) {
        khap__doc_lit(g->doc, "if { var(txn.rewrite) -m int");
        khap__doc_uint(g->doc, number);
        khap__doc_lit(g->doc, "}");
    }
    khap__gen_when(g, number > 0);
    khap__doc_end(g->doc);
}

/* The whole path, and the host: whichever route it is. */
static void rewrite_lines(struct gen *g, const struct service *s)
{
    if (s->rewrite.path.len > 0) {
        khap__doc_begin(g->doc, 4, s->place);
        khap__doc_lit(g->doc, "http-request set-path");
        khap__buf_clear(&g->text);
        khap__logformat_quote(&g->text, s->rewrite.path);
        khap__doc_word(g->doc, khap__buf_str(&g->text));
        khap__gen_when(g, false);
        khap__doc_end(g->doc);
    }
    if (s->rewrite.host.len > 0) {
        khap__doc_begin(g->doc, 4, s->place);
        khap__doc_lit(g->doc, "http-request set-header Host");
        khap__doc_word(g->doc, s->rewrite.host);
        khap__gen_when(g, false);
        khap__doc_end(g->doc);
    }
}

static void rewrite_route(struct gen *g, const struct service *s)
{
    khap__gen_prefix(g, s, s->route, 0);
    rewrite_lines(g, s);
}

static unsigned specificity(const struct route *r)
{
    return !r->has_host ? 0 : r->host.kind == HOST_WILDCARD ? 1 : 2;
}

/* Which of two routes of one service decides first when a request fits both. */
static bool before(const struct route *a, const struct route *b)
{
    if (specificity(a) != specificity(b))
        return specificity(a) > specificity(b);
    if (a->has_host && a->host.name.len != b->host.name.len)
        return a->host.name.len > b->host.name.len;
    if (a->label != b->label)
        return a->label;
    unsigned kind_a = a->path_type == PATH_EXACT ? 0u : a->path_type == PATH_PREFIX ? 1u : 2u;
    unsigned kind_b = b->path_type == PATH_EXACT ? 0u : b->path_type == PATH_PREFIX ? 1u : 2u;
    if (kind_a != kind_b)
        return kind_a < kind_b;
    if (a->path.len != b->path.len)
        return a->path.len > b->path.len;
    return khap__match_compare(a->match, b->match) < 0;
}

/* Several paths: the route that brought the request here is found again, the most specific first. NULL: there is nothing to find. */
static const struct route **find_rewritten(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    const struct service_head *head = s->head;
    uint32_t n = khap__routes_to(head);
    if (s->rewrite.prefix.len == 0 || n == 0)
        return NULL;
    bool one_path = true;
    const struct route *first = khap__route_to(&g->r, head, 0);
    for (uint32_t i = 1; i < n; i++) {
        const struct route *route = khap__route_to(&g->r, head, i);
        one_path = one_path && route->path_type == first->path_type && khap__str_eq(route->path, first->path);
    }
    if (one_path)
        return NULL;
    const struct route **sorted = khap__arena_alloc(&g->scratch, n, sizeof *sorted);
    if (!sorted) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct route *route = khap__route_to(&g->r, head, i);
        uint32_t at = i;
        for (; at > 0 && before(route, sorted[at - 1]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = route;
    }
    for (uint32_t i = 0; i < n; i++)
        khap__match_acls(g, sorted[i]);
    for (uint32_t i = 0; i < n; i++) {
        khap__doc_begin(doc, 4, sorted[i]->place);
        khap__doc_lit(doc, "http-request set-var(txn.rewrite)");
        khap__doc_part(doc, S("int("));
        khap__buf_clear(&g->text);
        khap__buf_uint(&g->text, i + 1);
        khap__doc_part(doc, khap__buf_str(&g->text));
        khap__doc_part(doc, S(")"));
        khap__doc_part_end(doc);
        khap__doc_lit(doc, "if !{ var(txn.rewrite) -m found }");
        khap__route_condition(g, sorted[i]);
        khap__doc_end(doc);
    }
    return sorted;
}

static void rewrite(struct gen *g, const struct service *s, struct own_keys *own,
                    const struct route *const *sorted)
{
    const struct service_head *head = s->head;
    const uint8_t others = OWN_REWRITE | OWN_ANSWER; /* routes with these have nothing of it */
    uint32_t n = khap__routes_to(head);
    khap__own_keys_routes(g, own, OWN_REWRITE, OWN_ANSWER, rewrite_route);
    khap__own_keys_rest(g, own, others);
    if (!sorted && n > 0)
        khap__gen_prefix(g, s, khap__route_to(&g->r, head, 0), 0);
    for (uint32_t i = 0; sorted && i < n; i++) {
        if (!(sorted[i]->stated & others))
            khap__gen_prefix(g, s, sorted[i], i + 1);
    }
    rewrite_lines(g, s);
    khap__own_keys_end(g);
}

static bool has_match(const struct gen *g, const struct service *s)
{
    bool has = false;
    for (uint32_t i = 0; i < khap__routes_to(s->head); i++)
        has = has || khap__route_to(&g->r, s->head, i)->match;
    return has;
}

void khap__gen_backend_rules(struct gen *g, const struct service *s, const struct raw *extra)
{
    struct khap_document *doc = g->doc;
    struct own_keys own;
    if (!khap__own_keys_find(g, s, &own))
        return;
    khap__gen_ranges(g, S("khap-denied"), &s->denied, s->place);
    khap__gen_ranges(g, S("khap-sources"), &s->sources, s->place);
    for (uint32_t i = 0; i < own.n; i++)
        khap__gen_ranges(g, sources_acl(g, &own.routes[i]), &own.routes[i].sources, own.routes[i].place);
    khap__gen_limit_networks(g, s);
    khap__gen_ranges(g, S("khap-admitted"), &s->admitted, s->place);
    if (s->mode != MODE_HTTP)
        limits(g, s, &own);
    khap__raw_write(extra, RAW_TCP_REQUEST, doc, 4);
    khap__raw_write(extra, RAW_TCP_RESPONSE, doc, 4);
    if (s->mode == MODE_HTTP) {
        khap__gen_default_mark(g, &own);
        limits(g, s, &own);
        redirect_https(g, s);
        bool first = has_match(g, s); /* what routes ask for is looked at before headers are changed */
        const struct route **sorted = first ? find_rewritten(g, s) : NULL;
        khap__gen_maintenance(g, s);
        khap__gen_preflight(g, s);
        khap__gen_basic_auth(g, s);
        khap__gen_jwt(g, s);
        khap__gen_client_cert(g, s);
        khap__own_keys_routes(g, &own, OWN_TIMEOUTS, 0, timeouts);
        khap__own_keys_each(g, s, &own, OWN_HEADERS, OWN_ANSWER, request_headers);
        if (!first)
            sorted = find_rewritten(g, s);
        rewrite(g, s, &own, sorted);
    }
    khap__raw_write(extra, RAW_HTTP_REQUEST, doc, 4);
    khap__gen_fixed(g, s, &own);
    if (s->mode == MODE_HTTP) {
        hsts(g, s);
        khap__own_keys_each(g, s, &own, OWN_HEADERS, OWN_ANSWER, response_headers);
    }
    khap__raw_write(extra, RAW_HTTP_RESPONSE, doc, 4);
    if (s->mode == MODE_HTTP)
        khap__gen_cors(g, s);
    khap__raw_write(extra, RAW_HTTP_AFTER, doc, 4);
    khap__raw_write(extra, RAW_REDIRECT, doc, 4);
    khap__raw_write(extra, RAW_USE_BACKEND, doc, 4);
    khap__raw_write(extra, RAW_USE_SERVER, doc, 4);
}
