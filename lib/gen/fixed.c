/* Backends that answer themselves: a redirect, or a fixed response. SPDX-License-Identifier: MIT */
#include "gen/gen.h"
#include "gen/routes.h"

/* The path stands in the request when it is redirected, so that the query stays behind it. */
static void path_line(struct gen *g, const struct service *s)
{
    if (s->redirect.path.len == 0)
        return;
    khap__doc_begin(g->doc, 4, s->redirect.place);
    khap__doc_lit(g->doc, "http-request set-path");
    khap__buf_clear(&g->text);
    khap__logformat_quote(&g->text, s->redirect.path);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
    khap__gen_when(g, false);
    khap__doc_end(g->doc);
}

/* Without a scheme of its own it is that of the request: one rule for each. */
static void redirect_line(struct gen *g, const struct service *s, struct khap_str scheme)
{
    struct khap_document *doc = g->doc;
    bool own_host = s->redirect.host.len > 0, own_scheme = s->redirect.scheme.len > 0;
    khap__doc_begin(doc, 4, s->redirect.place);
    khap__doc_lit(doc, "http-request redirect prefix");
    khap__doc_part(doc, scheme);
    khap__doc_part(doc, S("://"));
    /* never without a host: a path that begins with two slashes would be another one */
    khap__doc_part(doc, own_host                             ? s->redirect.host
                        : own_scheme || s->redirect.port > 0 ? S("%[var(txn.host)]")
                                                             : S("%[req.fhdr(host)]"));
    if (s->redirect.port > 0) {
        char room[20];
        khap__doc_part(doc, S(":"));
        khap__doc_part(doc, khap__str_uint(room, s->redirect.port));
    }
    khap__doc_part_end(doc);
    khap__doc_lit(doc, "code");
    khap__doc_word(doc, s->redirect.status);
    if (!own_host || !own_scheme)
        khap__doc_lit(doc, "if");
    if (!own_scheme)
        khap__doc_word(doc, khap__str_eq(scheme, S("https")) ? S("{") : S("!{"));
    if (!own_scheme)
        khap__doc_lit(doc, "ssl_fc }");
    if (!own_host)
        khap__doc_lit(doc, "{ var(txn.host) -m len gt 0 }");
    khap__gen_when(g, !own_host || !own_scheme);
    khap__doc_end(doc);
}

static void redirect(struct gen *g, const struct service *s)
{
    path_line(g, s);
    if (s->route)
        khap__gen_prefix(g, s, s->route, 0);
    if (s->redirect.scheme.len > 0) {
        redirect_line(g, s, s->redirect.scheme);
    } else {
        redirect_line(g, s, S("https"));
        redirect_line(g, s, S("http"));
    }
    if (s->redirect.host.len > 0)
        return;
    khap__doc_begin(g->doc, 4, s->redirect.place);
    khap__doc_lit(g->doc, "http-request deny deny_status 400");
    khap__gen_when(g, false);
    khap__doc_end(g->doc);
}

static void respond(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    khap__doc_begin(doc, 4, s->respond.place);
    khap__doc_lit(doc, "http-request return status");
    khap__doc_uint(doc, s->respond.status);
    if (s->respond.body.len > 0) {
        khap__doc_lit(doc, "content-type");
        khap__doc_word(doc, s->respond.type);
        khap__doc_lit(doc, "string");
        khap__doc_word(doc, s->respond.body);
    }
    khap__gen_when(g, false);
    khap__doc_end(doc);
}

static void answer(struct gen *g, const struct service *s)
{
    if (s->redirect.on)
        redirect(g, s);
    if (s->respond.on)
        respond(g, s);
}

void khap__gen_fixed(struct gen *g, const struct service *s, struct own_keys *own)
{
    khap__own_keys_each(g, s, own, OWN_ANSWER, 0, answer);
}
