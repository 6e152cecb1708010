/* TLS: the profile in `global`, and the certificates as HAProxy wants them said. SPDX-License-Identifier: MIT
 */
#include "gen/gen.h"
#include "model/rows.h"

/*
 * A certificate goes on the bind line (`crt`, `crt-list` of the user's own) in one file; there nothing can be said of it
 * alone (`hosts`, `clientCa`). In a bundle it is a line of a crt-list, except where no list can name it. Neighbours in
 * the map share a crt-list, so that the order of the map stays: the first certificate is the one for unknown
 * names.
 *
 * From 3.2 one file may name certificates with `hosts` too: they are then told apart by the names in them.
 * `ssl-f-use` adds nothing to that: it has no word for hosts, its last line answers unknown names, and it
 * passes over `ca-file` and `verify` without a word (3.2.26, 3.4.7); so a client CA always needs the bundle.
 */
enum { CERTS_A_BIND = 20 }; /* HAProxy reads at most 64 words a line */

/* A crt-list knows no quotes. */
static bool fits_list(struct khap_str name)
{
    bool good = true;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        good = good && byte > ' ' && byte != 0x7f && memchr("[]#\"'\\", byte, 6) == NULL;
    }
    return good;
}

/* In a bundle, every certificate that a crt-list can name: its lines come and go at run time, the words of a bind do not. */
static bool said_alone(const struct gen *g, const struct cert *c)
{
    return g->options->bundle &&
           c->directory.len == 0 && /* HAProxy takes no directory in a list; 2.6 never ends reading it */
           c->crt_list.len == 0 &&
           (c->n_hosts > 0 || c->client_ca.len > 0 || khap__gen_cert_option(g, c) != NULL ||
            g->r.certs.len > CERTS_A_BIND || fits_list(c->file));
}

static bool any_tls(const struct gen *g)
{
    for (uint32_t i = 0; i < g->r.frontends.len; i++) {
        if (g->r.frontends.ptr[i].tls)
            return true;
    }
    return false;
}

/*
 * Up to 3.0 a session that was made for one host is resumed for another without asking for its client
 * certificate: where a host wants one, neither tickets are given nor sessions kept.
 */
bool khap__gen_no_resumption(const struct gen *g)
{
    for (uint32_t i = 0; i < g->r.certs.len && !gen_from(g, R(3, 2)); i++) {
        if (g->r.certs.ptr[i].client_ca.len > 0)
            return true;
    }
    return false;
}

/* Whether something listens for HTTP/3; says what is against it. */
static bool needs_quic(struct gen *g)
{
    bool http3 = false;
    struct khap_place place;
    for (uint32_t i = 0; i < g->r.frontends.len; i++)
        http3 = http3 || g->r.frontends.ptr[i].http3;
    if (!http3)
        return false;
    place = g->r.frontends.ptr[g->r.https >= 0 ? g->r.https : 0].place;
    if (g->r.target.quic == KHAP_FEATURE_ABSENT)
        SAY(g->diags, MSG_BUILD_LACKS, place, S("http3"), S("QUIC"));
    /* in a `global` that is not ours the word that they want cannot be said */
    if ((!gen_from(g, R(2, 9)) || (g->into && !gen_from(g, R(3, 2)))) && !gen_before(g, R(3, 0)))
        SAY(g->diags, MSG_QUIC_MAY_BE_REFUSED, place, khap__gen_target_text(g));
    return true;
}

/* Mozilla's intermediate profile, as far as the target's oldest release can say it. */
static const struct {
    uint16_t from, until;
    const char *words;
} profile[] = {
    {R(1, 5), 0,
     "ssl-default-bind-ciphers "
     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-"
     "AES256-GCM-SHA384:"
     "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-"
     "GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"},
    {R(1, 9), 0,
     "ssl-default-bind-ciphersuites "
     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"},
    {R(2, 2), 0, "ssl-default-bind-curves X25519:prime256v1:secp384r1"},
    {R(1, 6), R(1, 7), "ssl-default-bind-options no-sslv3 no-tlsv10 no-tlsv11 no-tls-tickets"},
    {R(1, 8), 0, "ssl-default-bind-options prefer-client-ciphers ssl-min-ver TLSv1.2 no-tls-tickets"},
    {R(1, 5), 0, "tune.ssl.default-dh-param 2048"},
};

static bool in_profile(const struct gen *g, size_t i)
{
    return gen_from(g, profile[i].from) &&
           (profile[i].until == 0 || !gen_from(g, (uint16_t)(profile[i].until + 1)));
}

/* The same on a bind line, where `global` is not ours. */
void khap__gen_tls_bind(struct gen *g)
{
    for (size_t i = 0; i < sizeof profile / sizeof profile[0]; i++) {
        struct khap_str words = khap__str(profile[i].words), prefix = S("ssl-default-bind-"),
                        options = S("options ");
        if (!in_profile(g, i) || !khap__str_starts(words, prefix))
            continue;
        words = khap__str_sub(words, prefix.len, words.len);
        if (khap__str_starts(words, options))
            words = khap__str_sub(words, options.len, words.len);
        khap__doc_lit_n(g->doc, words.ptr, words.len);
    }
}

void khap__gen_tls_global(struct gen *g)
{
    if (!any_tls(g))
        return;
    bool quic = needs_quic(g);
    if (g->into)
        return;
    for (size_t i = 0; i < sizeof profile / sizeof profile[0]; i++) {
        if (in_profile(g, i) && khap__gen_own(g, &g->global, profile[i].words, NOWHERE))
            khap__doc_end(g->doc);
    }
    if (khap__gen_no_resumption(g) && khap__gen_own(g, &g->global, "tune.ssl.cachesize 0", NOWHERE))
        khap__doc_end(g->doc);
    if (quic && gen_from(g, R(2, 9)) && !gen_from(g, R(3, 2)) &&
        khap__gen_own(g, &g->global, "limited-quic", NOWHERE))
        khap__doc_end(g->doc); /* OpenSSL builds of these releases have QUIC only so */
}

/* Whether a certificate is told in a crt-store, which alone knows what belongs to it besides its file. */
static bool is_stored(const struct gen *g, const struct cert *c)
{
    return gen_from(g, R(3, 0)) && (c->key.len > 0 || c->ocsp.len > 0 || c->ocsp_update_given);
}

static bool is_same(const struct cert *a, const struct cert *b)
{
    return khap__str_eq(a->file, b->file) && khap__str_eq(a->key, b->key) && khap__str_eq(a->ocsp, b->ocsp) &&
           a->ocsp_update == b->ocsp_update && a->ocsp_update_given == b->ocsp_update_given;
}

/* "cert-" and a hash of the file's name, stable whatever else is in the map; a number where one file stands with several keys and the like. */
static void alias(const struct gen *g, struct buf *out, const struct cert *c)
{
    uint32_t others = 0;
    for (const struct cert *before = g->r.certs.ptr; before < c; before++)
        others += (before->key.len > 0 || is_stored(g, before)) && khap__str_eq(before->file, c->file) &&
                  !is_same(before, c);
    khap__buf_add(out, S("cert-"));
    khap__buf_hex(out, khap__fnv1a32(c->file, KHAP__FNV32), 8);
    if (others > 0) {
        khap__buf_char(out, '-');
        khap__buf_uint(out, others + 1);
    }
}

/* How a certificate is named on a bind line or in a list. */
static void reference(struct gen *g, struct buf *out, const struct cert *c)
{
    if (c->directory.len > 0)
        khap__buf_add(out, c->directory);
    else if (is_stored(g, c)) {
        khap__buf_add(out, S("@khap/"));
        alias(g, out, c);
    } else if (c->key.len == 0)
        khap__buf_add(out, c->file);
    else {
        khap__buf_add(out, S("certs/"));
        alias(g, out, c);
        khap__buf_add(out, S(".pem"));
    }
}

void khap__gen_crt_store(struct gen *g)
{
    struct khap_document *doc = g->doc;
    bool open = false;
    for (uint32_t i = 0; i < g->r.certs.len; i++) {
        const struct cert *c = &g->r.certs.ptr[i];
        if (!is_stored(g, c) || !any_tls(g))
            continue;
        bool again = false;
        for (uint32_t j = 0; j < i && !again; j++)
            again = is_same(&g->r.certs.ptr[j], c);
        if (again)
            continue;
        if (!open) {
            khap__doc_blank(doc);
            khap__gen_section_comment(g, c->place, S("certs"));
            khap__doc_begin(doc, 0, c->place);
            khap__doc_lit(doc, "crt-store khap");
            khap__doc_end(doc);
            open = true;
        }
        khap__doc_begin(doc, 4, c->place);
        khap__doc_lit(doc, "load crt");
        khap__doc_word(doc, c->file);
        if (c->key.len > 0) {
            khap__doc_lit(doc, "key");
            khap__doc_word(doc, c->key);
        }
        if (c->ocsp.len > 0) {
            khap__doc_lit(doc, "ocsp");
            khap__doc_word(doc, c->ocsp);
        }
        if (c->ocsp_update_given)
            khap__doc_lit_n(doc, c->ocsp_update ? "ocsp-update on" : "ocsp-update off",
                            c->ocsp_update ? 14 : 15);
        khap__doc_lit(doc, "alias");
        khap__buf_clear(&g->text);
        alias(g, &g->text, c);
        khap__doc_word(doc, khap__buf_str(&g->text));
        khap__doc_end(doc);
    }
}

/* One PEM of chain and key, which releases before 3.0 want in one file. */
static void join(struct gen *g, const struct cert *c)
{
    const struct khap_file_source *files = g->options->files;
    struct khap_str names[2] = {c->file, c->key};
    struct buf pem, name;
    khap__buf_init(&pem, &g->alloc);
    khap__buf_init(&name, &g->alloc);
    bool complete = true;
    for (size_t i = 0; i < 2; i++) {
        struct khap_str text;
        enum khap_status status =
            files && files->read ? files->read(files->ctx, names[i], &text) : KHAP_ENOENT;
        if (status != KHAP_OK) {
            SAY(g->diags, MSG_FILE_UNREADABLE, c->place, names[i], khap__str(khap_status_text(status)));
            complete = false;
            continue;
        }
        khap__buf_add(&pem, text);
        if (text.len > 0 && text.ptr[text.len - 1] != '\n')
            khap__buf_char(&pem, '\n');
        if (files->done)
            files->done(files->ctx, text);
    }
    reference(g, &name, c);
    enum khap_status status = KHAP_OK;
    if (pem.failed || name.failed)
        status = KHAP_ENOMEM;
    else if (complete && !khap_bundle_find(g->bundle, khap__buf_str(&name)))
        status = khap_bundle_add_file(g->bundle, khap__buf_str(&name), khap__buf_str(&pem), 1);
    khap__gen_fail(g, status);
    khap__buf_free(&pem);
    khap__buf_free(&name);
}

/* What would be read as something else than a name is refused. */
static void check_list_name(struct gen *g, const struct cert *c, enum key key, struct khap_str name)
{
    const struct setting *given = khap__setting_find(c->given, key);
    if (!fits_list(name))
        SAY(g->diags, MSG_NAME_NOT_FOR_LIST, given ? given->place : c->place, name);
}

static void list_name(struct buf *out, uint32_t number)
{
    khap__buf_add(out, S("crt-list-"));
    khap__buf_uint(out, number);
    khap__buf_add(out, S(".txt"));
}

/* One crt-list for each run of neighbours. */
static void write_lists(struct gen *g)
{
    struct buf list;
    uint32_t number = 0;
    khap__buf_init(&list, &g->alloc);
    for (uint32_t i = 0; i < g->r.certs.len; i++) {
        const struct cert *c = &g->r.certs.ptr[i];
        if (!said_alone(g, c))
            continue;
        if (c->key.len == 0 && !is_stored(g, c))
            check_list_name(g, c, KEY_CERT_FILE, c->file);
        check_list_name(g, c, KEY_CERT_CLIENT_CA, c->client_ca);
        check_list_name(g, c, KEY_CERT_CRL, c->crl);
        reference(g, &list, c);
        khap__gen_cert_options(g, &list, c);
        for (uint32_t h = 0; h < c->n_hosts; h++) {
            khap__buf_add(&list, c->hosts[h].kind == HOST_WILDCARD ? S(" *.") : S(" "));
            khap__buf_add(&list, c->hosts[h].name);
        }
        khap__buf_char(&list, '\n');
        if (i + 1 < g->r.certs.len && said_alone(g, &g->r.certs.ptr[i + 1]))
            continue;
        khap__buf_clear(&g->text);
        list_name(&g->text, ++number);
        khap__gen_fail(
            g, list.failed || g->text.failed
                   ? KHAP_ENOMEM
                   : khap_bundle_add_file(g->bundle, khap__buf_str(&g->text), khap__buf_str(&list), 0));
        khap__buf_clear(&list);
    }
    khap__buf_free(&list);
}

static void note_hosts(struct gen *g, const struct cert *c, uint32_t index)
{
    for (uint32_t h = 0; h < c->n_hosts; h++) {
        bool found;
        uint32_t old;
        struct khap_str name = c->hosts[h].name;
        if (c->hosts[h].kind == HOST_WILDCARD) {
            char *wild = khap__arena_bytes(&g->arena, name.len + 2);
            if (!wild) {
                khap__gen_fail(g, KHAP_ENOMEM);
                return;
            }
            memcpy(wild, "*.", 2);
            memcpy(wild + 2, name.ptr, name.len);
            name = (struct khap_str){wild, name.len + 2};
        }
        khap__gen_fail(g, khap__map_add(&g->cert_hosts, name, index + 1, &found, &old));
    }
}

static void side_file(struct gen *g, const struct cert *c, enum key key, struct khap_str name)
{
    const struct setting *given = khap__setting_find(c->given, key);
    SAY(g->diags, MSG_NEEDS_SIDE_FILE, given ? given->place : c->place, name, khap__gen_target_text(g));
}

bool khap__gen_held(const struct gen *g, struct khap_str name, struct khap_str *pem)
{
    *pem = (struct khap_str){NULL, 0};
    return g->options->held && name.len > 0 && g->options->held(g->options->held_ctx, name, pem) == KHAP_OK;
}

/* A certificate that the caller holds becomes a file of the bundle. */
static bool add_held(struct gen *g, const struct cert *c)
{
    struct khap_str pem;
    if (c->placeholder || !khap__gen_held(g, c->file, &pem))
        return false;
    if (!g->options->bundle)
        side_file(g, c, KEY_CERT_FILE, S("certs[].file"));
    else if (!khap_bundle_find(g->bundle, c->file))
        khap__gen_fail(g, khap_bundle_add_file(g->bundle, c->file, pem, 1));
    return true;
}

/* HAProxy looks for a relative name beside haproxy.cfg, khapgen in its working directory: that is seldom meant. */
static void check_relative(struct gen *g, const struct cert *c)
{
    static const enum key keys[] = {KEY_CERT_DIRECTORY, KEY_CERT_FILE, KEY_CERT_KEY, KEY_CERT_CLIENT_CA,
                                    KEY_CERT_CRT_LIST,  KEY_CERT_CRL,  KEY_CERT_OCSP};
    for (size_t i = 0; g->options->bundle && i < sizeof keys / sizeof keys[0]; i++) {
        const struct setting *given = khap__setting_find(c->given, keys[i]);
        if (given && given->kind == SETTING_TEXT && given->text.len > 0 && given->text.ptr[0] != '/')
            SAY(g->diags, MSG_RELATIVE_IN_BUNDLE, given->place, given->text);
    }
}

/* The bytes come from who has them, so that the same map and options still give the same bundle. */
static void add_placeholder(struct gen *g, const struct cert *c)
{
    struct khap_str pem = {NULL, 0};
    if (khap_bundle_find(g->bundle, c->file))
        return;
    if (!g->options->placeholder) {
        SAY0(g->diags, MSG_PLACEHOLDER_UNMADE, c->place);
        return;
    }
    enum khap_status status = g->options->placeholder(g->options->placeholder_ctx, c->file, &pem);
    if (status == KHAP_OK)
        status = khap_bundle_add_file(g->bundle, c->file, pem, 1);
    else if (status != KHAP_ENOMEM) {
        SAY(g->diags, MSG_FILE_UNREADABLE, c->place, c->file, khap__str(khap_status_text(status)));
        status = KHAP_OK;
    }
    khap__gen_fail(g, status);
}

void khap__gen_certs_prepare(struct gen *g)
{
    bool tls = any_tls(g), lists = false;
    for (uint32_t i = 0; i < g->r.certs.len; i++) {
        const struct cert *c = &g->r.certs.ptr[i];
        note_hosts(g, c, i);
        if (!tls || !add_held(g, c))
            check_relative(g, c);
        if (!tls)
            continue;
        if (c->placeholder && g->options->bundle)
            add_placeholder(g, c);
        else if (c->placeholder)
            side_file(g, c, KEY_CERT_PLACEHOLDER, S("certs[].placeholder"));
        if (!g->options->bundle && c->client_ca.len > 0)
            side_file(g, c, KEY_CERT_CLIENT_CA, S("certs[].clientCa"));
        else if (!g->options->bundle && khap__gen_cert_option(g, c) != NULL)
            side_file(g, c, (enum key)khap__gen_cert_option(g, c)->key,
                      khap__key_path((enum key)khap__gen_cert_option(g, c)->key));
        else if (!g->options->bundle && c->n_hosts > 0 && !gen_from(g, R(3, 2)))
            side_file(g, c, KEY_CERT_HOSTS, S("certs[].hosts"));
        if (c->key.len > 0 && !gen_from(g, R(3, 0))) {
            if (g->options->bundle)
                join(g, c);
            else
                side_file(g, c, KEY_CERT_KEY, S("certs[].key"));
        } else if (i == CERTS_A_BIND && !g->options->bundle)
            SAY(g->diags, MSG_TOO_MANY_CERTS, c->place, S("20"));
        lists = lists || said_alone(g, c);
    }
    if (lists)
        write_lists(g);
}

void khap__gen_certs_of_bind(struct gen *g)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < g->r.certs.len; i++) {
        const struct cert *c = &g->r.certs.ptr[i];
        if (said_alone(g, c)) {
            if (i > 0 && said_alone(g, &g->r.certs.ptr[i - 1]))
                continue;
            khap__buf_clear(&g->text);
            list_name(&g->text, ++number);
            khap__doc_lit(g->doc, "crt-list");
        } else if (c->crt_list.len > 0) {
            khap__buf_clear(&g->text);
            khap__buf_add(&g->text, c->crt_list);
            khap__doc_lit(g->doc, "crt-list");
        } else {
            khap__buf_clear(&g->text);
            reference(g, &g->text, c);
            khap__doc_lit(g->doc, "crt");
        }
        khap__doc_word(g->doc, khap__buf_str(&g->text));
    }
}
