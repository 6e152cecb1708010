/* What a line of a crt-list says of one certificate: a table of keys and options. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

static const struct {
    enum key key;
    char between; /* items of a list */
    const char *option;
} options[] = {
    {KEY_CERT_ALPN, ',', "alpn"},
    {KEY_CERT_MIN_VERSION, 0, "ssl-min-ver"},
    {KEY_CERT_MAX_VERSION, 0, "ssl-max-ver"},
    {KEY_CERT_CIPHERS, ':', "ciphers"},
    {KEY_CERT_CIPHERSUITES, ':', "ciphersuites"},
    {KEY_CERT_CURVES, ':', "curves"},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

/* The setting, unless it is an empty list, which is as good as none. */
static const struct setting *given(const struct cert *c, enum key key)
{
    const struct setting *s = c->options ? khap__setting_find(c->given, key) : NULL;
    return s && s->kind == SETTING_LIST && s->n_children == 0 ? NULL : s;
}

/* From 3.0 on the crt-store says it. */
static bool update_is_listed(const struct gen *g, const struct cert *c)
{
    return c->ocsp_update_given && gen_from(g, R(2, 8)) && !gen_from(g, R(3, 0));
}

const struct setting *khap__gen_cert_option(const struct gen *g, const struct cert *c)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct setting *s = given(c, options[i].key);
        if (s)
            return s;
    }
    return update_is_listed(g, c) ? khap__setting_find(c->given, KEY_CERT_OCSP_UPDATE) : NULL;
}

static bool any_http3(const struct gen *g)
{
    for (uint32_t i = 0; i < g->r.frontends.len; i++) {
        if (g->r.frontends.ptr[i].http3)
            return true;
    }
    return false;
}

static void begin(struct buf *out, bool *open, const char *word)
{
    khap__buf_add(out, *open ? S(" ") : S(" ["));
    khap__buf_add(out, khap__str(word));
    khap__buf_char(out, ' ');
    *open = true;
}

void khap__gen_cert_options(const struct gen *g, struct buf *out, const struct cert *c)
{
    bool open = false;
    if (c->client_ca.len > 0) {
        begin(out, &open, "ca-file");
        khap__buf_add(out, c->client_ca);
        if (c->crl.len > 0) {
            begin(out, &open, "crl-file");
            khap__buf_add(out, c->crl);
        }
        begin(out, &open, "verify");
        khap__buf_add(out, c->verify == VERIFY_OPTIONAL ? S("optional") : S("required"));
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct setting *s = given(c, options[i].key);
        if (!s)
            continue;
        begin(out, &open, options[i].option);
        /* lines for TCP and QUIC share the list: who comes by TCP offers no h3, and by QUIC nothing else */
        if (options[i].key == KEY_CERT_ALPN && any_http3(g))
            khap__buf_add(out, S("h3,"));
        if (s->kind == SETTING_TEXT)
            khap__buf_add(out, s->text);
        for (const struct setting *item = s->kind == SETTING_LIST ? s->child : NULL; item;
             item = item->next) {
            khap__buf_add(out, item->text);
            if (item->next)
                khap__buf_char(out, options[i].between);
        }
    }
    if (update_is_listed(g, c)) {
        begin(out, &open, "ocsp-update");
        khap__buf_add(out, c->ocsp_update ? S("on") : S("off"));
    }
    if (open)
        khap__buf_char(out, ']');
}
