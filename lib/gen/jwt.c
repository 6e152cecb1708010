/* Tokens that clients show: JWT, signed by a key that the map names. SPDX-License-Identifier: MIT */
#include "gen/gen.h"
#include "model/parts.h"

enum { MOST_AUDIENCES = 8 }; /* of one token: 2.6 reads lists item by item only */

/* FETCH of a claim of the token: "var(txn.jwt),jwt_payload_query(" PATH ")". */
static void claim(struct gen *g, const char *query, struct khap_str path, const char *behind)
{
    khap__doc_part(g->doc, S("var(txn.jwt),jwt_"));
    khap__doc_part(g->doc, khap__str(query));
    khap__doc_part(g->doc, S("_query($."));
    khap__doc_part(g->doc, path);
    khap__doc_part(g->doc, khap__str(behind));
    khap__doc_part_end(g->doc);
}

/* { CLAIM -m str TEXT } */
static void claim_is(struct gen *g, const char *query, struct khap_str path, struct khap_str text)
{
    khap__doc_lit(g->doc, "{");
    claim(g, query, path, ")");
    khap__doc_lit(g->doc, "-m str");
    khap__gen_pattern_begins(g, text);
    khap__doc_word(g->doc, text);
    khap__doc_lit(g->doc, "}");
}

static void refuse(struct gen *g, const struct service *s, const char *why)
{
    khap__doc_begin(g->doc, 4, s->jwt.own->place);
    khap__doc_lit(g->doc, "http-request return status 401 hdr WWW-Authenticate");
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S("Bearer realm=\""));
    khap__buf_add(&g->text, s->name);
    khap__buf_add(&g->text, khap__str(why));
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

/* The secret of HMAC, from its file, as a variable: as an argument it could be the name of one. */
static void secret(struct gen *g, const struct service *s, const struct setting *key)
{
    const struct khap_file_source *files = g->options->files;
    struct khap_str text;
    enum khap_status status = files && files->read ? files->read(files->ctx, key->text, &text) : KHAP_ENOENT;
    if (status != KHAP_OK) {
        SAY(g->diags, MSG_FILE_UNREADABLE, key->place, key->text, khap__str(khap_status_text(status)));
        return;
    }
    struct khap_str bytes = text;
    while (bytes.len > 0 && (bytes.ptr[bytes.len - 1] == '\n' || bytes.ptr[bytes.len - 1] == '\r'))
        bytes.len--;
    if (bytes.len < 32 || bytes.len > 1024) {
        SAY(g->diags, MSG_JWT_SECRET_BAD, key->place, key->text);
    } else {
        khap__doc_begin(g->doc, 4, s->jwt.own->place);
        khap__doc_lit(g->doc, "http-request set-var(txn.jwt_key)");
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("bin("));
        for (size_t i = 0; i < bytes.len; i++)
            khap__buf_hex(&g->text, (unsigned char)bytes.ptr[i], 2);
        khap__buf_char(&g->text, ')');
        khap__doc_word(g->doc, khap__buf_str(&g->text));
        khap__doc_end(g->doc);
        g->secret = true;
    }
    if (files->done)
        files->done(files->ctx, text);
}

/* Where the public key can be looked at, it is one: HAProxy takes neither a certificate nor a private key. */
static void look_at_key(struct gen *g, const struct setting *key)
{
    const struct khap_file_source *files = g->options->files;
    struct khap_str text;
    if (g->options->bundle && key->text.ptr[0] != '/')
        SAY(g->diags, MSG_RELATIVE_IN_BUNDLE, key->place, key->text);
    if (!files || !files->read || files->read(files->ctx, key->text, &text) != KHAP_OK)
        return;
    static const char begins[] = "-----BEGIN PUBLIC KEY-----";
    bool found = false;
    for (size_t at = 0; !found && at < text.len;
         at += khap__str_find(khap__str_sub(text, at, text.len), '\n') + 1)
        found = khap__str_starts(khap__str_sub(text, at, text.len), khap__str(begins));
    if (!found)
        SAY(g->diags, MSG_JWT_KEY_BAD, key->place, key->text);
    if (files->done)
        files->done(files->ctx, text);
}

/* The file as an argument: between quotes, and nothing that could be the name of a variable. */
static void key_argument(struct gen *g, struct khap_str path)
{
    struct buf *b = &g->text;
    khap__buf_clear(b);
    khap__buf_add(b, path.ptr[0] == '/' ? S("\"") : S("\"./"));
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '"' || path.ptr[i] == '\\')
            khap__buf_char(b, '\\');
        khap__buf_char(b, path.ptr[i]);
    }
    khap__buf_char(b, '"');
    khap__doc_part(g->doc, khap__buf_str(b));
}

/* A line for each place of each audience: `aud` is a text, or a list of them. */
static void audiences(struct gen *g, const struct setting *list)
{
    for (const struct setting *a = list ? list->child : NULL; a; a = a->next) {
        for (int i = -1; i < MOST_AUDIENCES; i++) {
            char path[] = "aud[0]";
            path[4] = (char)('0' + i);
            khap__doc_begin(g->doc, 4, a->place);
            khap__doc_lit(g->doc, "http-request set-var(txn.jwt_audience) bool(true) if");
            if (i < 0) { /* a list would be its text */
                khap__doc_lit(g->doc, "!{");
                claim(g, "payload", S("aud[0]"), ")");
                khap__doc_lit(g->doc, "-m found }");
            }
            claim_is(g, "payload", i < 0 ? S("aud") : khap__str(path), a->text);
            khap__doc_end(g->doc);
        }
    }
}

static bool names(const struct setting *map, struct khap_str header)
{
    for (const struct setting *c = map ? map->child : NULL; c; c = c->next) {
        if (khap__str_eq_nocase(khap__setting_name(c), header))
            return true;
    }
    return false;
}

static void claims(struct gen *g, const struct setting *own, const struct setting *inherited)
{
    for (int pass = 0; pass < 2; pass++) { /* all are taken out before the first is set */
        for (int layer = 0; layer < 2; layer++) {
            const struct setting *map = layer == 0 ? own : inherited;
            for (const struct setting *c = map ? map->child : NULL; c; c = c->next) {
                struct khap_str name = khap__setting_name(c);
                if (layer == 1 && names(own, name))
                    continue;
                if (pass == 0) {
                    khap__gen_forget_header(g, name, c->place);
                    continue;
                }
                khap__doc_begin(g->doc, 4, c->place);
                khap__doc_lit(g->doc, "http-request set-header");
                khap__doc_word(g->doc, name);
                khap__doc_part(g->doc, S("%["));
                claim(g, "payload", c->text, ")]");
                khap__doc_lit(g->doc, "if {");
                claim(g, "payload", c->text, ")");
                khap__doc_lit(g->doc, "-m found } !{");
                claim(g, "payload", c->text, ")");
                khap__doc_lit(g->doc, "-m reg [[:cntrl:]] }");
                khap__doc_end(g->doc);
            }
        }
    }
}

void khap__gen_jwt(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    if (!s->jwt.own)
        return;
    struct khap_place place = s->jwt.own->place;
    const struct setting *algorithm = khap__member(s->jwt, KEY_SERVICE_JWT_ALGORITHM),
                         *key = khap__member(s->jwt, KEY_SERVICE_JWT_KEY),
                         *issuer = khap__member(s->jwt, KEY_SERVICE_JWT_ISSUER),
                         *audience = khap__member(s->jwt, KEY_SERVICE_JWT_AUDIENCE);
    bool hmac = khap__str_starts(algorithm->text, S("HS"));
    bool asks_audience = audience && audience->child;
    /* one header: a server behind might look at another one */
    khap__gen_line(g, 4,
                   "http-request set-var(txn.jwt) http_auth_bearer if { req.fhdr_cnt(Authorization) eq 1 }",
                   place);
    refuse(g, s, "\"");
    khap__doc_lit(doc, "if !{ var(txn.jwt) -m found }");
    khap__doc_end(doc);
    khap__gen_line(g, 4, "http-request set-var(txn.jwt_now) date", place);
    if (hmac)
        secret(g, s, key);
    else
        look_at_key(g, key);
    audiences(g, audience);
    refuse(g, s, "\", error=\"invalid_token\"");
    khap__doc_lit(doc, "if {");
    claim(g, "payload", S("nbf"), ")");
    khap__doc_lit(doc, "-m found } !{");
    claim(g, "payload", S("nbf"), ",int),sub(txn.jwt_now)");
    khap__doc_lit(doc, "le 0 }");
    khap__doc_end(doc);
    refuse(g, s, "\", error=\"invalid_token\"");
    khap__doc_lit(doc, "unless");
    claim_is(g, "header", S("alg"), algorithm->text);
    khap__doc_lit(doc, "!{"); /* what must be understood, and is not */
    claim(g, "header", S("crit[0]"), ")");
    khap__doc_lit(doc, "-m found } {");
    khap__doc_part(doc, S("var(txn.jwt),jwt_verify("));
    khap__doc_part(doc, algorithm->text);
    khap__doc_part(doc, S(","));
    if (hmac)
        khap__doc_part(doc, S("txn.jwt_key"));
    else
        key_argument(g, key->text);
    khap__doc_part(doc, S(")"));
    khap__doc_part_end(doc);
    khap__doc_lit(doc, "eq 1 } {");
    claim(g, "payload", S("exp"), ",int),sub(txn.jwt_now)");
    khap__doc_lit(doc, "gt 0 }");
    if (issuer)
        claim_is(g, "payload", S("iss"), issuer->text);
    if (asks_audience)
        khap__doc_lit(doc, "{ var(txn.jwt_audience) -m found }");
    khap__doc_end(doc);
    if (hmac)
        khap__gen_line(g, 4, "http-request unset-var(txn.jwt_key)", place);
    const struct setting *own = khap__setting_find(s->jwt.own, KEY_SERVICE_JWT_CLAIMS),
                         *inherited = khap__setting_find(s->jwt.inherited, KEY_SERVICE_JWT_CLAIMS);
    claims(g, own, inherited);
}
