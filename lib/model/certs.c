/* model/certs.c - certificate entries. SPDX-License-Identifier: MIT */
#include "model/resolve.h"

/* Keys that speak of one certificate, so that they need its file. */
static bool is_option(enum key key)
{
    return key == KEY_CERT_ALPN || key == KEY_CERT_MIN_VERSION || key == KEY_CERT_MAX_VERSION ||
           key == KEY_CERT_CIPHERS || key == KEY_CERT_CIPHERSUITES || key == KEY_CERT_CURVES;
}

static void check_options(struct resolver *r, const struct setting *entry, struct cert *cert, bool other)
{
    const struct setting *min = khap__setting_find(entry, KEY_CERT_MIN_VERSION),
                         *max = khap__setting_find(entry, KEY_CERT_MAX_VERSION);
    for (const struct setting *m = entry->child; m; m = m->next) {
        bool option = is_option((enum key)m->key);
        cert->options = cert->options || (option && (m->kind != SETTING_LIST || m->n_children > 0));
        if ((option || m->key == KEY_CERT_OCSP || m->key == KEY_CERT_OCSP_UPDATE) && other)
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, m->place, khap__key_name((enum key)m->key), S("file"));
        if (m->key == KEY_CERT_CRL && !khap__setting_find(entry, KEY_CERT_CLIENT_CA) &&
            !khap__setting_spoilt(entry, KEY_CERT_CLIENT_CA))
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, m->place, S("crl"), S("clientCa"));
    }
    /* the frontend's oldest version is 1.2 */
    if (max && !min && max->kind == SETTING_TEXT &&
        (khap__str_eq(max->text, S("TLSv1.0")) || khap__str_eq(max->text, S("TLSv1.1"))) &&
        !khap__setting_spoilt(entry, KEY_CERT_MIN_VERSION))
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, max->place, S("maxVersion"), S("minVersion"));
    /* their names are of one length, and in their order */
    if (min && max && min->kind == SETTING_TEXT && max->kind == SETTING_TEXT &&
        min->text.len == max->text.len && memcmp(min->text.ptr, max->text.ptr, min->text.len) > 0)
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, min->place, S("minVersion"), S("an older maxVersion"));
}

static void gather(const struct setting *entry, struct cert *cert, const struct setting **hosts,
                   const struct setting **verify, const struct setting **key,
                   const struct setting **client_ca)
{
    for (const struct setting *m = entry->child; m; m = m->next) {
        switch ((int)m->key) {
        case KEY_CERT_DIRECTORY:
            cert->directory = m->text;
            break;
        case KEY_CERT_FILE:
            cert->file = m->text;
            break;
        case KEY_CERT_KEY:
            cert->key = m->text;
            *key = m;
            break;
        case KEY_CERT_CLIENT_CA:
            cert->client_ca = m->text;
            *client_ca = m;
            break;
        case KEY_CERT_CRT_LIST:
            cert->crt_list = m->text;
            break;
        case KEY_CERT_PLACEHOLDER:
            cert->placeholder = khap__is_true(m);
            break;
        case KEY_CERT_CRL:
            cert->crl = m->text;
            break;
        case KEY_CERT_OCSP:
            cert->ocsp = m->text;
            break;
        case KEY_CERT_OCSP_UPDATE:
            cert->ocsp_update = khap__is_true(m);
            cert->ocsp_update_given = true;
            break;
        case KEY_CERT_HOSTS:
            *hosts = m;
            break;
        case KEY_CERT_VERIFY:
            cert->verify = khap__is_text(m, S("optional")) ? VERIFY_OPTIONAL : VERIFY_REQUIRED;
            *verify = m;
            break;
        default:
            break;
        }
    }
}

static void add_hosts(struct resolver *r, struct cert *cert, const struct setting *hosts, struct map *seen)
{
    uint32_t n = hosts ? hosts->n_children : 0;
    if (n == 0)
        return;
    cert->hosts = khap__arena_zalloc(&r->out->arena, n, sizeof *cert->hosts);
    if (!cert->hosts) {
        r->no_memory = true;
        return;
    }
    for (const struct setting *s = hosts->child; s; s = s->next) {
        char *space = khap__arena_bytes(&r->out->arena, s->text.len + 1);
        uint32_t old;
        bool found = false;
        if (!space || khap__map_add(seen, s->text, r->out->certs.len, &found, &old) != KHAP_OK) {
            r->no_memory = true;
            return;
        }
        if (found && old == r->out->certs.len)
            continue;
        khap__host_parse(s->text, space, &cert->hosts[cert->n_hosts++]);
        if (found) {
            RESOLVE_WARN(r, MSG_HOST_IN_TWO_CERTS, s->place, s->text);
            khap__diags_relate(r->diags, r->out->certs.ptr[old].place, S("the entry that is preferred"));
        }
    }
}

void khap__resolve_certs(struct resolver *r)
{
    const struct setting *certs = khap__setting_find(r->model->root, KEY_CERTS);
    struct map seen;
    khap__map_init(&seen, &r->model->alloc);
    for (const struct setting *s = certs ? certs->child : NULL; s && !r->no_memory; s = s->next) {
        struct cert cert = {.given = s, .place = s->place};
        const struct setting *hosts = NULL, *verify = NULL, *key = NULL, *client_ca = NULL;
        gather(s, &cert, &hosts, &verify, &key, &client_ca);
        int kinds =
            (cert.directory.len > 0) + (cert.file.len > 0) + (cert.crt_list.len > 0) + cert.placeholder;
        if (kinds > 1 || (kinds == 0 && !s->damaged))
            RESOLVE_SAY(r, MSG_ONE_KEY_OF, s->place, S("a certificate entry"),
                        S("`directory`, `file`, `crtList` and `placeholder: true`"));
        bool file_unknown = khap__setting_spoilt(s, KEY_CERT_FILE),
             hosts_unknown = khap__setting_spoilt(s, KEY_CERT_HOSTS);
        if (key && !cert.file.len && kinds == 1 && !file_unknown)
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, key->place, S("key"), S("file"));
        if (verify && !client_ca) {
            if (!khap__setting_spoilt(s, KEY_CERT_CLIENT_CA))
                RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, verify->place, S("verify"), S("clientCa"));
        } else if (client_ca && (!hosts || !hosts->child) && !hosts_unknown) {
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, client_ca->place, S("clientCa"), S("hosts"));
        }
        if (client_ca && !cert.file.len && kinds == 1 && !file_unknown)
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, client_ca->place, S("clientCa"), S("file"));
        check_options(r, s, &cert, !cert.file.len && kinds == 1 && !file_unknown);
        if (cert.placeholder && hosts && kinds == 1)
            RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, hosts->place, S("hosts"), S("placeholder"));
        if (cert.placeholder)
            cert.file = S("certs/placeholder.pem");
        add_hosts(r, &cert, hosts, &seen);
        if (!r->no_memory && !VEC_PUSH(&r->out->alloc, &r->out->certs, cert))
            r->no_memory = true;
    }
    khap__map_free(&seen);
}
