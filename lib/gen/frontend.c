/* The HTTP frontends: where they listen, and what happens to every request before a backend takes it.
 * SPDX-License-Identifier: MIT */
#include "gen/into.h"
#include "gen/routes.h"

static void tls_words(struct gen *g, const struct frontend *f)
{
    khap__doc_lit(g->doc, "ssl");
    khap__gen_certs_of_bind(g);
    bool h2 = gen_from(g, R(1, 8)) && (f->alpn_given ? f->alpn_h2 : true);
    bool http11 = f->alpn_given ? f->alpn_http11 : true;
    if (h2 || http11) {
        khap__doc_lit(g->doc, "alpn");
        khap__doc_word(g->doc, !h2 ? S("http/1.1") : http11 ? S("h2,http/1.1") : S("h2"));
    }
    if (g->into)
        khap__gen_tls_bind(g);
    if (f->strict_sni)
        khap__doc_lit(g->doc, "strict-sni");
    if (!gen_from(g, R(1, 6))) /* `global` has no word for these yet */
        khap__doc_lit(g->doc, "no-sslv3 no-tlsv10 no-tlsv11 no-tls-tickets");
    else if (khap__gen_no_resumption(g)) /* also where raw lines replace the options in `global` */
        khap__doc_lit(g->doc, "no-tls-tickets");
}

static void bind_lines(struct gen *g, const struct frontend *f, bool behind_tcp)
{
    struct khap_document *doc = g->doc;
    for (uint32_t i = 0; i < f->n_binds && !behind_tcp; i++) {
        khap__doc_begin(doc, 4, f->binds[i].place);
        khap__doc_lit(doc, "bind");
        khap__gen_bind_address(g, &f->binds[i].address);
        if (f->accept_proxy)
            khap__doc_lit(doc, "accept-proxy");
        if (f->tls)
            tls_words(g, f);
        khap__doc_end(doc);
    }
    if (behind_tcp) {
        khap__doc_begin(doc, 4, f->place);
        khap__doc_lit(doc, "bind");
        khap__doc_part(doc, S("abns@"));
        khap__doc_part(doc, g->tls_link);
        khap__doc_part_end(doc);
        khap__doc_lit(doc, "accept-proxy");
        tls_words(g, f);
        khap__doc_end(doc);
    }
}

/* HTTP/3 on the same addresses, and the header that tells browsers of it. */
static void quic_lines(struct gen *g, const struct frontend *f)
{
    struct khap_document *doc = g->doc;
    for (uint32_t i = 0; f->http3 && i < f->n_binds; i++) {
        const struct address *a = &f->binds[i].address;
        if (a->family != ADDRESS_ANY && a->family != ADDRESS_V4 && a->family != ADDRESS_V6)
            continue;
        khap__doc_begin(doc, 4, f->binds[i].place);
        khap__doc_lit(doc, "bind");
        struct address quic = *a;
        quic.prefix = a->family == ADDRESS_V6 ? PREFIX_QUIC6 : PREFIX_QUIC4;
        khap__gen_bind_address(g, &quic);
        khap__doc_lit(doc, "ssl");
        khap__gen_certs_of_bind(g);
        khap__doc_lit(doc, "alpn h3");
        if (f->strict_sni)
            khap__doc_lit(doc, "strict-sni");
        khap__doc_end(doc);
    }
}

static void alt_svc(struct gen *g, const struct frontend *f)
{
    if (!f->http3 || f->n_binds == 0)
        return;
    khap__doc_begin(g->doc, 4, f->place);
    khap__doc_lit(g->doc, "http-after-response set-header alt-svc");
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S("h3=\":"));
    khap__buf_uint(&g->text, f->binds[0].address.port);
    khap__buf_add(&g->text, S("\"; ma=900"));
    khap__doc_word(g->doc, khap__buf_str(&g->text));
    khap__doc_end(g->doc);
}

/* For everything that only strangers get. */
static void unless_trusted(struct gen *g)
{
    if (g->r.has_trust && g->r.trust.len > 0) {
        khap__doc_lit(g->doc, "if");
        khap__gen_not_from(g, S("khap-trusted"), g->r.trust.ptr, g->r.trust.len);
    }
}

/* What clients say of themselves is replaced, unless they are trusted: then it is kept, and the address that
 * they came from is added. */
static void forwarded_lines(struct gen *g, const struct frontend *f)
{
    struct khap_document *doc = g->doc;
    khap__doc_begin(doc, 4, f->place);
    khap__doc_lit(doc, "http-request del-header X-Forwarded-For");
    unless_trusted(g);
    khap__doc_end(doc);
    khap__doc_begin(doc, 4, f->place);
    khap__doc_lit(doc, "http-request set-header X-Forwarded-Proto");
    khap__doc_word(doc, f->tls ? S("https") : S("http"));
    if (g->r.has_trust && g->r.trust.len > 0) {
        unless_trusted(g);
        khap__doc_lit(doc, "or !{ req.hdr(X-Forwarded-Proto) -m found }");
    }
    khap__doc_end(doc);
}

/*
 * Servers behind may read a name out of what is no host, and they believe a target that names one when there is no Host header: neither
 * reaches them. Nor does an upgrade to HTTP/2 in clear text, behind which further requests would pass unseen; HAProxy drops that from 3.0 on.
 */
static void strange_lines(struct gen *g)
{
    /* first what nearly always decides */
    static const char hosts[] =
        "!{ req.fhdr(host) -m reg ^([A-Za-z0-9._-]*|[[][0-9A-Fa-f:.]+[]])(:[0-9A-Za-z:]*)?$ } "
        "{ req.fhdr(host) -m found }";
    static const char targets[] = "!{ url_beg / * } !{ req.fhdr(host) -m found }";
    const char *conditions[] = {hosts, targets};
    for (size_t i = 0; i < 2; i++) {
        khap__doc_begin(g->doc, 4, NOWHERE);
        if (gen_from(g, R(1, 6)))
            khap__doc_lit(g->doc, "http-request deny deny_status 400 if");
        else
            khap__doc_lit(g->doc, "http-request deny if");
        khap__doc_lit_n(g->doc, conditions[i], strlen(conditions[i]));
        khap__doc_end(g->doc);
    }
    if (!gen_from(g, R(3, 0)))
        khap__gen_line(g, 4, "http-request del-header Upgrade if { req.hdr(upgrade) -m str -i h2c }",
                       NOWHERE);
}

/* The host as it is compared: lower case, without final dot and without port. What stands for a port need not be a
 * number: servers behind pass over it, and a host that wants a client certificate must not be asked for so. */
static void host_lines(struct gen *g)
{
    strange_lines(g);
    if (g->routing == ROUTING_HDR_REG)
        khap__gen_line(g, 4, "http-request deny if { req.fhdr_cnt(host) gt 1 }", NOWHERE);
    else if (gen_from(g, R(2, 2))) /* HAProxy itself answers 400 to two different ones */
        khap__gen_line(g, 4, "http-request set-var(txn.host) req.fhdr(host),regsub(:[^]]*$,),rtrim(.),lower",
                       NOWHERE);
    else {
        khap__gen_line(g, 4, "http-request deny deny_status 400 if { req.fhdr_cnt(host) gt 1 }", NOWHERE);
        khap__gen_line(g, 4,
                       "http-request set-var(txn.host) req.fhdr(host),regsub(:[^]]*$,),regsub([.]+$,),lower",
                       NOWHERE);
    }
}

static void frontend(struct gen *g, uint32_t index)
{
    const struct frontend *f = &g->r.frontends.ptr[index];
    struct khap_document *doc = g->doc;
    bool behind_tcp = g->tls_link.len > 0 && g->r.https == (int)index;
    struct raw extra;
    struct route_table table = {0};
    khap__gen_extra(g, S("frontend"), f->extra, &extra);
    if (g->failure == KHAP_OK)
        khap__gen_fail(g, khap__routes_of_frontend(g, index, &table));

    if (!f->routed) {
        khap__gen_section(g, f->place, "frontend ", f->name);
        khap__gen_frontend_frame(g, false, &extra, f->place);
        bind_lines(g, f, behind_tcp);
        quic_lines(g, f);
    }
    if (f->maxconn > 0) {
        khap__doc_begin(doc, 4, f->place);
        khap__doc_lit(doc, "maxconn");
        khap__doc_uint(doc, (uint64_t)f->maxconn);
        khap__doc_end(doc);
    }
    khap__gen_forwardfor(g, f->place);
    khap__gen_captures(g);
    khap__raw_write(&extra, RAW_SETTING, doc, 4);
    khap__raw_write(&extra, RAW_TCP_REQUEST, doc, 4);
    khap__raw_write(&extra, RAW_TCP_RESPONSE, doc, 4); /* for backends only, but that is HAProxy's to say */

    if (g->r.has_trust)
        khap__gen_networks(g, S("khap-trusted"), g->r.trust.ptr, g->r.trust.len, f->place);
    bool acme = g->r.acme && g->r.acme->kind == SETTING_OBJECT && g->r.http == (int)index;
    forwarded_lines(g, f);
    if (acme)
        khap__gen_line(g, 4, "http-request allow if { path_beg /.well-known/acme-challenge/ }",
                       g->r.acme->place);
    host_lines(g);
    khap__gen_secure_hosts(g, f);
    khap__gen_client_auth(g, f);
    khap__raw_write(&extra, RAW_HTTP_REQUEST, doc, 4);
    khap__routes_write_lookup(g, &table, LAYER_HTTP, f->name);
    khap__raw_write(&extra, RAW_HTTP_RESPONSE, doc, 4);
    alt_svc(g, f);
    khap__raw_write(&extra, RAW_HTTP_AFTER, doc, 4);
    khap__raw_write(&extra, RAW_REDIRECT, doc, 4);
    if (acme) {
        khap__gen_line(g, 4, "use_backend khap-acme if { path_beg /.well-known/acme-challenge/ }",
                       g->r.acme->place);
        g->needs_acme = true;
    }
    khap__routes_write_choice(g, &table, LAYER_HTTP, &extra);
    khap__raw_write(&extra, RAW_USE_SERVER, doc, 4);
    khap__routes_free(g, &table);
    khap__raw_free(&g->alloc, &extra);
    khap__arena_free(&g->scratch);
}

void khap__gen_frontends(struct gen *g)
{
    if (g->routing == ROUTING_HDR_REG && g->r.frontends.len > 0)
        SAY(g->diags, MSG_NO_400_HERE, NOWHERE, khap__gen_target_text(g));
    for (uint32_t i = 0; i < g->r.frontends.len; i++) {
        const struct frontend *f = &g->r.frontends.ptr[i];
        struct block *block = f->routed ? khap__into_block(g->into, f->name) : NULL;
        struct khap_document *main_doc = g->doc;
        if (block) { /* its rules stand in somebody else's frontend */
            enum khap_status status = khap_document_new(&g->alloc, &g->r.target, &block->doc);
            khap__gen_fail(g, status);
            if (status != KHAP_OK)
                return;
            g->doc = block->doc;
        }
        frontend(g, i);
        g->doc = main_doc;
    }
}

void khap__gen_stats(struct gen *g)
{
    struct khap_document *doc = g->doc;
    const struct setting *stats = g->r.stats;
    if (!stats || stats->kind != SETTING_OBJECT || g->r.n_stats_binds == 0)
        return;
    khap__gen_section(g, stats->place, "frontend khap-", S("stats"));
    khap__gen_frontend_frame(g, false, NULL, stats->place);
    for (uint32_t i = 0; i < g->r.n_stats_binds; i++) {
        khap__doc_begin(doc, 4, g->r.stats_binds[i].place);
        khap__doc_lit(doc, "bind");
        khap__gen_bind_address(g, &g->r.stats_binds[i].address);
        khap__doc_end(doc);
    }
    khap__gen_line(g, 4, "stats enable", stats->place);
    khap__gen_line(g, 4, "stats uri /", stats->place);
    khap__gen_line(g, 4, "stats refresh 10s", stats->place);
    const struct setting *prometheus = khap__setting_find(stats, KEY_STATS_PROMETHEUS);
    if (prometheus && prometheus->kind == SETTING_BOOL && prometheus->number) {
        if (g->r.target.prometheus == KHAP_FEATURE_ABSENT)
            SAY(g->diags, MSG_BUILD_LACKS, prometheus->place, S("stats.prometheus"),
                S("the Prometheus exporter"));
        khap__gen_line(g, 4, "http-request use-service prometheus-exporter if { path /metrics }",
                       prometheus->place);
    }
}
