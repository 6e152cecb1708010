/* Who somebody is: names and passwords, client certificates. SPDX-License-Identifier: MIT */
#include "gen/gen.h"
#include "model/parts.h"

/* ---- basicAuth ---- */

void khap__gen_basic_auth(struct gen *g, const struct service *s)
{
    if (!s->basic_auth.own)
        return;
    const struct setting *realm = khap__member(s->basic_auth, KEY_SERVICE_BASIC_AUTH_REALM);
    khap__doc_begin(g->doc, 4, s->basic_auth.own->place);
    khap__doc_lit(g->doc, "http-request auth realm");
    khap__doc_word(g->doc, realm ? realm->text : s->name);
    khap__doc_lit(g->doc, "unless {");
    khap__doc_part(g->doc, S("http_auth(khap-auth-"));
    khap__doc_part(g->doc, s->name);
    khap__doc_part(g->doc, S(")"));
    khap__doc_part_end(g->doc);
    khap__doc_lit(g->doc, "}");
    khap__doc_end(g->doc);
}

enum password { PASSWORD_HASH, PASSWORD_PLAIN, PASSWORD_BAD };

static enum password password_kind(struct khap_str text)
{
    static const char known[][5] = {"$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$"};
    if (text.len == 0 || khap__str_starts(text, S("{SHA")) || khap__str_starts(text, S("{SSHA")))
        return PASSWORD_BAD;
    if (text.ptr[0] != '$')
        return PASSWORD_PLAIN;
    bool good = text.len >= 20 && text.len <= 255;
    for (size_t i = 0; good && i < text.len; i++)
        good = khap__is_alnum((unsigned char)text.ptr[i]) || memchr("./$,=", text.ptr[i], 5);
    for (size_t i = 0; good && i < sizeof known / sizeof *known; i++) {
        if (khap__str_starts(text, khap__str(known[i])))
            return PASSWORD_HASH;
    }
    return PASSWORD_BAD;
}

/* What is said has no place: the line of the map would show the password. */
static void user_line(struct gen *g, const struct service *s, struct khap_str name, struct khap_str password)
{
    enum password kind = password_kind(password);
    if (kind == PASSWORD_BAD) {
        SAY(g->diags, MSG_PASSWORD_HASH_BAD, NOWHERE, name, s->name);
        return;
    }
    if (kind == PASSWORD_PLAIN)
        SAY(g->diags, MSG_PASSWORD_PLAIN, NOWHERE, name, s->name);
    khap__doc_begin(g->doc, 4, NOWHERE);
    khap__doc_lit(g->doc, "user");
    khap__doc_word(g->doc, name);
    if (kind == PASSWORD_PLAIN)
        khap__doc_lit(g->doc, "insecure-password");
    else
        khap__doc_lit(g->doc, "password");
    khap__doc_word(g->doc, password);
    khap__doc_end(g->doc);
    g->secret = true;
}

static void users_of_file(struct gen *g, const struct service *s, const struct setting *file)
{
    const struct khap_file_source *files = g->options->files;
    struct khap_str text;
    enum khap_status status = files && files->read ? files->read(files->ctx, file->text, &text) : KHAP_ENOENT;
    if (status != KHAP_OK) {
        SAY(g->diags, MSG_FILE_UNREADABLE, NOWHERE, file->text, khap__str(khap_status_text(status)));
        return;
    }
    uint64_t number = 0;
    for (struct khap_str rest = text; rest.len > 0;) {
        size_t end = khap__str_find(rest, '\n');
        struct khap_str line = khap__str_sub(rest, 0, end);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        line = khap__str_trim(line);
        rest = khap__str_sub(rest, end + 1, rest.len);
        number++;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        size_t colon = khap__str_find(line, ':');
        bool good = colon > 0 && colon <= 255 && colon < line.len && line.len <= 1024;
        for (size_t i = 0; good && i < line.len; i++)
            good = (unsigned char)line.ptr[i] >= 0x20 && (unsigned char)line.ptr[i] != 0x7f;
        if (good) {
            user_line(g, s, khap__str_sub(line, 0, colon), khap__str_sub(line, colon + 1, line.len));
            continue;
        }
        khap__buf_clear(&g->text);
        khap__buf_uint(&g->text, number);
        SAY(g->diags, MSG_USER_FILE_BAD, NOWHERE, file->text, khap__buf_str(&g->text));
    }
    if (files->done)
        files->done(files->ctx, text);
}

static void userlist(struct gen *g, const struct service *s)
{
    const struct setting *users = khap__member(s->basic_auth, KEY_SERVICE_BASIC_AUTH_USERS),
                         *file = khap__member(s->basic_auth, KEY_SERVICE_BASIC_AUTH_FILE);
    khap__gen_section(g, s->basic_auth.own->place, "userlist khap-auth-", s->name);
    for (const struct setting *u = users ? users->child : NULL; u; u = u->next)
        user_line(g, s, khap__setting_name(u), u->text);
    if (file)
        users_of_file(g, s, file);
}

void khap__gen_userlists(struct gen *g)
{
    if (!g->r.model->seen[KEY_SERVICE_BASIC_AUTH])
        return;
    for (uint32_t i = 0; i < g->r.services.len && g->failure == KHAP_OK; i++) {
        struct service s;
        if (g->r.services.ptr[i].own_backend)
            continue;
        khap__arena_reset(&g->scratch);
        khap__gen_fail(g, khap__service_resolve(&g->r, i, &g->scratch, &s));
        if (g->failure == KHAP_OK && s.basic_auth.own)
            userlist(g, &s);
    }
}

/* ---- clientCert ---- */

struct cert_header {
    enum key key;
    const char *name; /* by default; NULL: only when it is asked for */
    const char *format;
    const char *text; /* what may hold control characters, which a header may not; NULL: nothing may */
};
static const struct cert_header cert_headers[] = {
    {KEY_SERVICE_CLIENT_CERT_VERIFY, "X-SSL-Client-Verify", "%[ssl_c_verify]", NULL},
    {KEY_SERVICE_CLIENT_CERT_SUBJECT, "X-SSL-Client-Subject", "%[ssl_c_s_dn]", "ssl_c_s_dn"},
    {KEY_SERVICE_CLIENT_CERT_COMMON_NAME, "X-SSL-Client-CN", "%[ssl_c_s_dn(cn)]", "ssl_c_s_dn"},
    {KEY_SERVICE_CLIENT_CERT_ISSUER, "X-SSL-Client-Issuer", "%[ssl_c_i_dn]", "ssl_c_i_dn"},
    {KEY_SERVICE_CLIENT_CERT_SERIAL, "X-SSL-Client-Serial", "%[ssl_c_serial,hex]", NULL},
    {KEY_SERVICE_CLIENT_CERT_FINGERPRINT, "X-SSL-Client-Fingerprint", "%[ssl_c_der,sha2(256),hex,lower]",
     NULL},
    {KEY_SERVICE_CLIENT_CERT_NOT_AFTER, "X-SSL-Client-Not-After", "%[ssl_c_notafter]", NULL},
    {KEY_SERVICE_CLIENT_CERT_CERTIFICATE, NULL, "%[ssl_c_der,base64]", NULL},
};

/* HAProxy compares the expression with names in lower case. */
void khap__gen_forget_header(struct gen *g, struct khap_str name, struct khap_place place)
{
    struct buf *out = &g->text;
    khap__buf_clear(out);
    khap__buf_char(out, '^');
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
        if (c == '-' || c == '_')
            khap__buf_add(out, S("[-_]"));
        else
            khap__regex_quote(out, (struct khap_str){&c, 1});
    }
    khap__buf_char(out, '$');
    khap__doc_begin(g->doc, 4, place);
    khap__doc_lit(g->doc, "http-request del-header");
    khap__doc_word(g->doc, khap__buf_str(out));
    khap__doc_lit(g->doc, "-m reg");
    khap__doc_end(g->doc);
}

void khap__gen_client_cert(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    if (!s->client_cert.own)
        return;
    struct khap_place place = s->client_cert.own->place;
    for (int pass = 0; pass < 2; pass++) { /* all are taken out before the first is set */
        for (size_t i = 0; i < sizeof cert_headers / sizeof *cert_headers; i++) {
            const struct cert_header *h = &cert_headers[i];
            const struct setting *given = khap__member(s->client_cert, h->key);
            if (!given && !h->name)
                continue;
            struct khap_str name = given ? given->text : khap__str(h->name);
            if (pass == 0) {
                khap__gen_forget_header(g, name, place);
                continue;
            }
            khap__doc_begin(doc, 4, place);
            khap__doc_lit(doc, "http-request set-header");
            khap__doc_word(doc, name);
            khap__doc_word(doc, khap__str(h->format));
            khap__doc_lit(doc, "if { ssl_c_used }");
            if (h->text) {
                khap__doc_lit(doc, "!{");
                khap__doc_word(doc, khap__str(h->text));
                khap__doc_lit(doc, "-m reg [[:cntrl:]] }");
            }
            khap__doc_end(doc);
        }
    }
}
