/* Which hosts the certificates name, and the way of their requests to https. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

/* HAProxy reads at most 64 words a line, and 1.5 at most 2047 bytes. */
static uint32_t names_a_rule(const struct gen *g)
{
    return g->routing == ROUTING_HDR_REG ? 4 : 32;
}

/* ":8443", nothing for 443. */
static void port_part(struct gen *g, uint64_t frontends)
{
    uint32_t i = 0;
    while (i < g->r.frontends.len && !(frontends >> i & g->r.tls_frontends >> i & 1u))
        i++;
    if (i == g->r.frontends.len || g->r.frontends.ptr[i].n_binds == 0 ||
        g->r.frontends.ptr[i].binds[0].address.port == 443)
        return;
    khap__buf_clear(&g->text);
    khap__buf_char(&g->text, ':');
    khap__buf_uint(&g->text, g->r.frontends.ptr[i].binds[0].address.port);
    khap__doc_part(g->doc, khap__buf_str(&g->text));
}

void khap__gen_redirect(struct gen *g, uint64_t frontends)
{
    struct khap_document *doc = g->doc;
    if (g->routing == ROUTING_HDR_REG) { /* the port has been taken from the header */
        khap__doc_lit(doc, "http-request redirect prefix");
        khap__doc_part(doc, S("https://%[hdr(host)]"));
        port_part(g, frontends);
        khap__doc_part_end(doc);
        khap__doc_lit(doc, "code 308");
        return;
    }
    /* "prefix" and not "location": capture.req.uri is cut after 1023 bytes, and pathq is not in 2.2 */
    khap__doc_lit(doc, "http-request redirect prefix");
    khap__doc_part(doc, S("https://%[var(txn.host)]"));
    port_part(g, frontends);
    khap__doc_part_end(doc);
    khap__doc_lit(doc, "code 308");
}

/* The next names of a kind, from *cert and *host on: at most a rule's worth, in a line that begins with
 * `opening` if there is one. Returns how many were written. */
static uint32_t write_names(struct gen *g, bool wildcards, uint32_t *cert, uint32_t *host,
                            const char *opening)
{
    struct khap_document *doc = g->doc;
    uint32_t n = 0;
    for (; *cert < g->r.certs.len && n < names_a_rule(g); (*cert)++, *host = 0) {
        const struct cert *c = &g->r.certs.ptr[*cert];
        for (; *host < c->n_hosts && n < names_a_rule(g); (*host)++) {
            const struct khap_str name = c->hosts[*host].name;
            if ((c->hosts[*host].kind == HOST_WILDCARD) != wildcards)
                continue;
            if (n++ == 0) {
                khap__doc_begin(doc, 4, c->place);
                khap__doc_lit_n(doc, opening, strlen(opening));
                if (!wildcards && g->routing != ROUTING_HDR_REG)
                    khap__gen_pattern_begins(g, name);
            }
            khap__buf_clear(&g->text);
            if (g->routing == ROUTING_HDR_REG) {
                khap__buf_add(&g->text, wildcards ? S("^.+\\.") : S("^"));
                khap__regex_quote(&g->text, name);
                khap__buf_add(&g->text, S("\\.?(:[0-9]*)?$"));
            } else {
                khap__buf_add(&g->text, wildcards ? S(".") : S(""));
                khap__buf_add(&g->text, name);
            }
            khap__doc_word(doc, khap__buf_str(&g->text));
        }
        if (*host < c->n_hosts)
            break;
    }
    return n;
}

bool khap__gen_secure_files(const struct gen *g)
{
    return g->options->bundle && g->r.certs.len > 0 && gen_from(g, R(1, 9));
}

/* A name that several certificates have is the first one's. */
static bool is_first(struct gen *g, uint32_t cert, const struct host *host)
{
    struct buf key;
    uint32_t first = 0;
    khap__buf_init(&key, &g->alloc);
    khap__buf_add(&key, host->kind == HOST_WILDCARD ? S("*.") : S(""));
    khap__buf_add(&key, host->name);
    if (key.failed)
        khap__gen_fail(g, KHAP_ENOMEM);
    bool found = khap__map_get(&g->cert_hosts, khap__buf_str(&key), &first);
    khap__buf_free(&key);
    return !found || first == cert + 1;
}

/* The same as files, which both stand there even when they are empty: so a certificate for one more host changes no rule. */
static void write_files(struct gen *g, const struct frontend *f)
{
    static const struct {
        const char *file, *match;
    } kinds[2] = {{"maps/secure-hosts.txt", "-m str -f"}, {"maps/secure-domains.txt", "-m end -f"}};
    for (size_t wildcards = 0; wildcards < 2; wildcards++) {
        const char *name = kinds[wildcards].file;
        khap__buf_clear(&g->text);
        for (uint32_t i = 0; i < g->r.certs.len; i++) {
            const struct cert *c = &g->r.certs.ptr[i];
            for (uint32_t k = 0; k < c->n_hosts; k++) {
                if ((c->hosts[k].kind == HOST_WILDCARD) != (wildcards == 1) || !is_first(g, i, &c->hosts[k]))
                    continue;
                khap__buf_add(&g->text, wildcards ? S(".") : S(""));
                khap__buf_add(&g->text, c->hosts[k].name);
                khap__buf_char(&g->text, '\n');
            }
        }
        if (!khap_bundle_find(g->bundle, khap__str(name)))
            khap__gen_fail(g, g->text.failed ? KHAP_ENOMEM
                                             : khap_bundle_add_file(g->bundle, khap__str(name),
                                                                    khap__buf_str(&g->text), 0));
        khap__doc_begin(g->doc, 4, f->place);
        khap__doc_lit(g->doc, "http-request set-var(txn.secure) bool(true) if { var(txn.host)");
        khap__doc_lit_n(g->doc, kinds[wildcards].match, strlen(kinds[wildcards].match));
        khap__doc_word(g->doc, khap__str(name));
        khap__doc_lit(g->doc, "}");
        khap__doc_end(g->doc);
    }
}

void khap__gen_secure_hosts(struct gen *g, const struct frontend *f)
{
    static const char opening[2][72] = {
        "http-request set-var(txn.secure) bool(true) if { var(txn.host) -m str",
        "http-request set-var(txn.secure) bool(true) if { var(txn.host) -m end"};
    if (f->tls || g->routing == ROUTING_HDR_REG)
        return;
    if (khap__gen_secure_files(g)) {
        if (g->r.tls_frontends != 0)
            write_files(g, f);
        return;
    }
    for (size_t wildcards = 0; wildcards < 2; wildcards++) {
        for (uint32_t cert = 0, host = 0; cert < g->r.certs.len;) {
            if (write_names(g, wildcards == 1, &cert, &host, opening[wildcards]) == 0)
                continue;
            khap__doc_lit(g->doc, "}");
            khap__doc_end(g->doc);
        }
    }
}

/* 1.5 has no variable for the host without its port: what is going to be redirected loses the port in the header first. */
static void old_redirect_lines(struct gen *g, struct khap_place place, bool always, uint64_t frontends)
{
    struct khap_document *doc = g->doc;
    for (size_t wildcards = 0; !always && wildcards < 2; wildcards++) {
        for (uint32_t cert = 0, host = 0; cert < g->r.certs.len;) {
            if (write_names(g, wildcards == 1, &cert, &host, "acl khap-secure hdr_reg(host) -i") > 0)
                khap__doc_end(doc);
        }
    }
    for (size_t redirects = 0; redirects < 2; redirects++) {
        khap__doc_begin(doc, 4, place);
        if (redirects)
            khap__gen_redirect(g, frontends);
        else
            khap__doc_lit(doc, "http-request replace-header Host ^(.*):[0-9]*$ \\\\1");
        khap__doc_lit(doc, "if !{ ssl_fc }");
        if (always)
            khap__doc_lit(doc, "{ req.fhdr(host) -m len gt 0 }");
        else
            khap__doc_lit(doc, "khap-secure");
        khap__doc_end(doc);
    }
}

bool khap__gen_secure_route(const struct gen *g, const struct route *route)
{
    for (uint32_t i = 0; route->has_host && i < g->r.certs.len; i++) {
        const struct cert *cert = &g->r.certs.ptr[i];
        for (uint32_t k = 0; k < cert->n_hosts; k++) {
            const struct host *host = &cert->hosts[k];
            bool same = khap__str_eq(host->name, route->host.name);
            if (host->kind == HOST_WILDCARD
                    ? (same && route->host.kind == HOST_WILDCARD) || khap__host_covers(host, route->host.name)
                    : same && route->host.kind != HOST_WILDCARD)
                return true;
        }
    }
    return false;
}

void khap__gen_redirect_lines(struct gen *g, struct khap_place place, bool always, uint64_t frontends)
{
    struct khap_document *doc = g->doc;
    if (g->routing == ROUTING_HDR_REG) {
        old_redirect_lines(g, place, always, frontends);
        return;
    }
    khap__doc_begin(doc, 4, place);
    khap__gen_redirect(g, frontends);
    if (always) /* without a host a browser would take the path for one */
        khap__doc_lit(doc, "if !{ ssl_fc } { var(txn.host) -m len gt 0 }");
    else
        khap__doc_lit(doc, "if !{ ssl_fc } { var(txn.secure) -m found }");
    khap__doc_end(doc);
}
