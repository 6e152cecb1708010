/* TLS that is passed through unopened, told from the rest by the server name, on one address with TLS that
 * ends here. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

/* From the TCP frontend to the one that ends TLS; the PROXY protocol keeps the client's address. */
static void link_backend(struct gen *g, struct khap_place place)
{
    struct khap_document *doc = g->doc;
    khap__doc_blank(doc);
    khap__gen_section_comment(g, place, S("https, TLS passed through"));
    khap__gen_line(g, 0, "backend khap-tls", place);
    khap__gen_line(g, 4, "mode tcp", place);
    khap__gen_backend_frame(g, true, NULL, NULL, place);
    khap__doc_begin(doc, 4, place);
    khap__doc_lit(doc, "server tls");
    khap__doc_part(doc, S("abns@"));
    khap__doc_part(doc, g->tls_link);
    khap__doc_part_end(doc);
    khap__doc_lit(doc, "send-proxy-v2");
    khap__doc_end(doc);
}

void khap__gen_passthrough(struct gen *g)
{
    struct khap_document *doc = g->doc;
    struct route_table table;
    const struct service_head *first = NULL;
    for (uint32_t i = 0; i < g->r.services.len && !first; i++) {
        if (g->r.services.ptr[i].mode == MODE_PASSTHROUGH)
            first = &g->r.services.ptr[i];
    }
    if (!first)
        return;
    const struct frontend *f = g->r.https >= 0 ? &g->r.frontends.ptr[g->r.https] : &g->r.https_address;
    struct khap_place place = first->given->place;
    khap__gen_fail(g, khap__routes_of_sni(g, &table));
    khap__doc_blank(doc);
    khap__gen_section_comment(g, place, S("https, TLS passed through"));
    khap__gen_line(g, 0, "frontend khap-sni", place);
    khap__gen_line(g, 4, "mode tcp", place);
    khap__gen_frontend_frame(g, true, NULL, place);
    for (uint32_t i = 0; i < f->n_binds; i++) {
        khap__doc_begin(doc, 4, f->binds[i].place);
        khap__doc_lit(doc, "bind");
        khap__gen_bind_address(g, &f->binds[i].address);
        if (f->accept_proxy)
            khap__doc_lit(doc, "accept-proxy");
        khap__doc_end(doc);
    }
    if (f->maxconn > 0) {
        khap__doc_begin(doc, 4, f->place);
        khap__doc_lit(doc, "maxconn");
        khap__doc_uint(doc, (uint64_t)f->maxconn);
        khap__doc_end(doc);
    }
    khap__gen_tcplog(g, place);
    khap__gen_line(g, 4, "tcp-request inspect-delay 5s", place);
    khap__gen_line(g, 4, "tcp-request content reject if !{ req_ssl_hello_type 1 }",
                   place); /* waits for the handshake's first message */
    if (g->routing != ROUTING_HDR_REG)
        khap__gen_line(g, 4, "tcp-request content set-var(txn.host) req_ssl_sni,lower", place);
    khap__routes_write_lookup(g, &table, LAYER_SNI, S("khap-sni"));
    if (g->tls_link.len == 0) { /* nothing ends TLS here: what no service wants is refused instead of an error
                                   of HAProxy's in plain text */
        g->needs_reject = true;
        table.fallback = S("khap-refuse");
    }
    khap__routes_write_choice(g, &table, LAYER_SNI, NULL);
    khap__routes_free(g, &table);
    if (g->tls_link.len > 0)
        link_backend(g, place);
}
