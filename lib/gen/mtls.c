/* Hosts that want a client certificate: nobody reaches them over a connection that was made for another host.
 * SPDX-License-Identifier: MIT */
#include "gen/gen.h"

static void deny_421(struct gen *g)
{
    /* Releases before 2.2 cannot answer 421. */
    if (gen_from(g, R(2, 2)))
        khap__doc_lit(g->doc, "http-request deny deny_status 421 if");
    else
        khap__doc_lit(g->doc, "http-request deny if");
}

enum { NAMES_A_LINE = 32 }; /* HAProxy reads at most 64 words a line */

static void closer_word(struct gen *g, const struct host *wide, const char *sign)
{
    khap__doc_part(g->doc, khap__str(sign));
    khap__doc_part(g->doc, S("khap-closer:"));
    khap__doc_part(g->doc, wide->name);
    khap__doc_part_end(g->doc);
}

/*
 * Names of other certificates that lie under a wildcard, hosts or narrower wildcards: lines of an ACL, any number of them. Returns how many
 * names there are; with `write` unset it only counts.
 */
static uint32_t closer_names(struct gen *g, const struct cert *c, const struct host *wide,
                             enum host_kind kind, bool write)
{
    struct khap_document *doc = g->doc;
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->r.certs.len; i++) {
        const struct cert *other = &g->r.certs.ptr[i];
        for (uint32_t k = 0; other != c && k < other->n_hosts; k++) {
            const struct host *host = &other->hosts[k];
            if (host->kind != kind || !khap__host_covers(wide, host->name) || (n++, !write))
                continue;
            if (n % NAMES_A_LINE == 1) {
                if (n > 1)
                    khap__doc_end(doc);
                khap__doc_begin(doc, 4, c->place);
                khap__doc_lit(doc, "acl");
                closer_word(g, wide, "");
                khap__doc_lit_n(doc, kind == HOST_EXACT ? "var(txn.host) -m str" : "var(txn.host) -m end",
                                20);
                if (kind == HOST_EXACT)
                    khap__gen_pattern_begins(g, host->name);
            }
            khap__doc_part(doc, kind == HOST_EXACT ? S("") : S("."));
            khap__doc_part(doc, host->name);
            khap__doc_part_end(doc);
        }
    }
    if (n > 0 && write)
        khap__doc_end(doc);
    return n;
}

static bool has_closer(struct gen *g, const struct cert *c, const struct host *wide)
{
    return closer_names(g, c, wide, HOST_EXACT, false) > 0 ||
           closer_names(g, c, wide, HOST_WILDCARD, false) > 0;
}

/* Conditions that the host is one of those of a certificate, and not one that another certificate names more
 * closely. */
static void host_condition(struct gen *g, const struct cert *c, const struct host *h)
{
    struct khap_document *doc = g->doc;
    if (h->kind != HOST_WILDCARD) {
        khap__doc_lit(doc, "{ var(txn.host) -m str");
        khap__gen_pattern_begins(g, h->name);
        khap__doc_word(doc, h->name);
        khap__doc_lit(doc, "}");
        return;
    }
    khap__doc_lit(doc, "{ var(txn.host) -m end");
    khap__buf_clear(&g->text);
    khap__buf_char(&g->text, '.');
    khap__buf_add(&g->text, h->name);
    khap__doc_word(doc, khap__buf_str(&g->text));
    khap__doc_lit(doc, "}");
    if (has_closer(g, c, h))
        closer_word(g, h, "!");
}

static bool not_redirected(const struct gen *g, uint32_t service)
{
    const struct setting *said =
        khap__setting_find(g->r.services.ptr[service].given, KEY_SERVICE_REDIRECT_HTTPS);
    return said && said->kind == SETTING_BOOL && !said->number;
}

/*
 * Whether a service that may answer this host wants to be served without TLS too (`redirectHttps: false`):
 * then plain HTTP is refused instead of redirected.
 */
static bool redirect_refused(const struct gen *g, const struct host *h)
{
    for (uint32_t i = 0; i < g->r.routes.len; i++) {
        const struct route *r = &g->r.routes.ptr[i];
        bool refused = not_redirected(g, r->service);
        for (uint32_t k = 0; r->split && k < r->split->n; k++)
            refused = refused || not_redirected(g, r->split->shares[k].service);
        if (!refused)
            continue;
        if (!r->has_host || khap__str_eq(r->host.name, h->name) || khap__host_covers(&r->host, h->name))
            return true;
    }
    return false;
}

static void on_plain_http(struct gen *g, const struct cert *c, const struct host *h)
{
    khap__doc_begin(g->doc, 4, c->place);
    if (redirect_refused(g, h)) {
        deny_421(g);
    } else {
        khap__gen_redirect(g, UINT64_MAX);
        khap__doc_lit(g->doc, "if");
    }
    host_condition(g, c, h);
    khap__doc_end(g->doc);
}

static void on_tls(struct gen *g, const struct cert *c, const struct host *h)
{
    struct khap_document *doc = g->doc;
    /* The name that the client gave in the handshake, for which its certificate was asked, must be the host.
     */
    khap__doc_begin(doc, 4, c->place);
    deny_421(g);
    host_condition(g, c, h);
    if (gen_from(g, R(1, 9)))
        khap__doc_lit(doc, "!{ ssl_fc_sni,lower,strcmp(txn.host) eq 0 }");
    else {
        khap__doc_lit(doc, "!{ ssl_fc_sni -m reg -i");
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, h->kind == HOST_WILDCARD ? S("^[^.]+\\.") : S("^"));
        khap__regex_quote(&g->text, h->name);
        khap__buf_char(&g->text, '$');
        khap__doc_word(doc, khap__buf_str(&g->text));
        khap__doc_lit(doc, "}");
    }
    khap__doc_end(doc);
    if (c->verify == VERIFY_OPTIONAL && h->kind != HOST_WILDCARD)
        return;
    /* A handshake that asked for none, for instance for a name deeper than the certificate's wildcard, does
     * not count. */
    khap__doc_begin(doc, 4, c->place);
    deny_421(g);
    host_condition(g, c, h);
    if (c->verify == VERIFY_REQUIRED)
        khap__doc_lit(doc, "!{ ssl_c_used 1 }");
    else {
        khap__doc_lit(doc, "{ ssl_fc_sni -m reg -i");
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("\\..+\\."));
        khap__regex_quote(&g->text, h->name);
        khap__buf_char(&g->text, '$');
        khap__doc_word(doc, khap__buf_str(&g->text));
        khap__doc_lit(doc, "}");
    }
    khap__doc_end(doc);
}

void khap__gen_client_auth(struct gen *g, const struct frontend *f)
{
    for (uint32_t i = 0; i < g->r.certs.len; i++) {
        const struct cert *c = &g->r.certs.ptr[i];
        for (uint32_t h = 0; c->client_ca.len > 0 && h < c->n_hosts; h++) {
            if (c->hosts[h].kind == HOST_WILDCARD) {
                closer_names(g, c, &c->hosts[h], HOST_EXACT, true);
                closer_names(g, c, &c->hosts[h], HOST_WILDCARD, true);
            }
            if (f->tls)
                on_tls(g, c, &c->hosts[h]);
            else
                on_plain_http(g, c, &c->hosts[h]);
        }
    }
}
