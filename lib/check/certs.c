/* check/certs.c - PEM files, as far as a reader of certificates is given. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/content.h"

#include <khap/cert.h>

/* The key of a certificate in a file beside it: FILE.key. Its text, to be given back; empty without. */
static struct khap_str key_beside(struct check *c, struct khap_str path)
{
    struct khap_str text = {NULL, 0};
    if (c->release < KHAP_RELEASE(2, 2) || c->extra.no_key)
        return text;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 && (!c->extra.cut || !khap__str_ends(path, S(".crt"))))
            break;
        khap__buf_clear(&c->more);
        khap__buf_add(&c->more, khap__str_sub(path, 0, path.len - (pass == 1 ? 4 : 0)));
        khap__buf_add(&c->more, S(".key"));
        if (c->files->read(c->files->ctx, khap__buf_str(&c->more), &text) == KHAP_OK)
            return text;
        text = (struct khap_str){NULL, 0};
    }
    return text;
}

/* OpenSSL's reader of lines sees none of what follows a NUL in a line, and takes one at its beginning for the end. */
static struct khap_str without_nul(struct check *c, struct khap_str text)
{
    if (khap__str_find(text, '\0') == text.len)
        return text;
    struct inside_lines lines = {.text = text, .room = SIZE_MAX};
    khap__buf_clear(&c->text);
    while (khap__inside_next(&lines)) {
        if (lines.line.ptr[0] == '\0')
            break;
        khap__buf_add(&c->text, khap__inside_visible(lines.line));
        khap__buf_char(&c->text, '\n');
    }
    return khap__buf_str(&c->text);
}

static struct khap_str problem_of(const struct khap_cert_info *info, const struct schema_file *row)
{
    switch (row->content) {
    case CONTENT_CA:
        return info->certs + info->crls == 0 ? S("no certificate") : S("");
    case CONTENT_CRL:
        return info->certs + info->crls == 0 ? S("no list of revoked certificates") : S("");
    case CONTENT_DH:
        return info->dh_params == 0 ? S("no parameters for Diffie-Hellman") : S("");
    case CONTENT_KEY:
        return info->keys == 0 ? S("no private key") : S("");
    case CONTENT_LOAD:
        return info->certs == 0                     ? S("no certificate")
               : info->key == KHAP_CERT_KEY_DIFFERS ? S("the key of another certificate")
                                                    : S("");
    default:
        return info->certs == 0                     ? S("no certificate")
               : info->keys == 0                    ? S("no private key")
               : info->key == KHAP_CERT_KEY_DIFFERS ? S("the key of another certificate")
                                                    : S("");
    }
}

bool khap__has_certs(struct check *c, struct khap_str text)
{
    struct khap_cert_info info = {.size = sizeof info};
    if (c->certs == NULL)
        return true;
    enum khap_status status = c->certs->read(c->certs->ctx, without_nul(c, text), S(""), &info);
    if (status == KHAP_ENOMEM)
        c->no_memory = true;
    return status == KHAP_OK && info.certs + info.crls > 0;
}

void khap__check_cert_file(struct check *c, const struct schema_file *row, struct check_inside *in)
{
    struct khap_cert_info info = {.size = sizeof info};
    if (c->certs == NULL)
        return;
    struct khap_str pem = without_nul(c, in->text);
    enum khap_status status = c->certs->read(c->certs->ctx, pem, S(""), &info);
    if (status == KHAP_OK && row->content == CONTENT_CERT && info.certs > 0 && info.keys == 0) {
        struct khap_str key = key_beside(c, in->path);
        if (key.ptr != NULL) {
            info = (struct khap_cert_info){.size = sizeof info};
            status = c->certs->read(c->certs->ctx, pem, key, &info);
            if (c->files->done != NULL)
                c->files->done(c->files->ctx, key);
        }
    }
    if (status == KHAP_ENOMEM) {
        c->no_memory = true;
        return;
    }
    struct khap_str problem = status != KHAP_OK ? S("a block that is damaged") : problem_of(&info, row);
    if (problem.len > 0) {
        SAY(c->diags, MSG_FILE_BAD, khap__spot_place(c, in->spot), in->path, problem);
        in->told++;
    }
}
