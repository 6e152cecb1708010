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

static char small(char byte)
{
    return (char)khap__lower((unsigned char)byte);
}

/* Names of the certificate, in small letters. */
static enum khap_status on_name(void *ctx, uint32_t kind, struct khap_str text)
{
    struct check *c = ctx;
    if (kind != KHAP_CERT_DNS)
        return KHAP_OK;
    char *low = khap__arena_bytes(&c->shown.arena, text.len + 1);
    if (low == NULL)
        return KHAP_ENOMEM;
    for (size_t i = 0; i < text.len; i++)
        low[i] = small(text.ptr[i]);
    struct khap_str name = {low, text.len};
    return VEC_PUSH(&c->alloc, &c->shown.names, name) ? KHAP_OK : KHAP_ENOMEM;
}

static enum khap_status read_pem(struct check *c, struct khap_str pem, struct khap_str key,
                                 struct khap_cert_info *info)
{
    c->shown.names.len = 0;
    *info = (struct khap_cert_info){.size = sizeof *info, .ctx = c, .name = on_name};
    enum khap_status status = c->certs->read(c->certs->ctx, pem, key, info);
    if (status == KHAP_ENOMEM)
        c->no_memory = true;
    return status;
}

void khap__check_shown_begin(struct check *c)
{
    c->shown.names.len = c->shown.paths.len = 0;
    c->shown.read = c->shown.filtered = false;
    khap__map_clear(&c->shown.by);
    khap__arena_reset(&c->shown.arena);
}

/* Whether a certificate that stands before this one, with a key of the same kind, is shown for the name. */
static bool is_second(struct check *c, struct khap_str path, struct khap_str name, uint32_t *before)
{
    char *key = khap__arena_bytes(&c->shown.arena, name.len + 1);
    struct khap_str kept;
    bool found = false;
    if (key == NULL || khap__arena_dup(&c->shown.arena, path, &kept) != KHAP_OK) {
        c->no_memory = true;
        return false;
    }
    key[0] = (char)('0' + c->shown.key_type);
    for (size_t i = 0; i < name.len; i++)
        key[i + 1] = small(name.ptr[i]);
    if (khap__map_add(&c->shown.by, (struct khap_str){key, name.len + 1}, c->shown.paths.len, &found,
                      before) != KHAP_OK ||
        (!found && !VEC_PUSH(&c->alloc, &c->shown.paths, kept)))
        c->no_memory = true;
    return found && !khap__str_eq(c->shown.paths.ptr[*before], path);
}

void khap__check_shown(struct check *c, struct khap_str path, struct khap_str name,
                       const struct check_spot *spot)
{
    uint32_t before;
    bool covered = !c->shown.filtered || khap__str_eq(name, S("*"));
    if (!c->shown.read || c->no_memory)
        return;
    for (uint32_t i = 0; i < c->shown.names.len && !covered; i++)
        covered = khap__cert_name_covers(c->shown.names.ptr[i], name);
    if (!covered)
        SAY(c->diags, MSG_CERT_NOT_FOR_HOST, khap__spot_place(c, spot), path, name);
    if (is_second(c, path, name, &before) && !c->shown.told) {
        SAY(c->diags, MSG_CERT_TWICE, khap__spot_place(c, spot), name, c->shown.paths.ptr[before]);
        c->shown.told = true; /* of the others the same is to be told */
    }
}

/* What HAProxy takes, and clients do not. A file is told of once, wherever it is named. */
static void advise(struct check *c, const struct schema_file *row, struct check_inside *in,
                   const struct khap_cert_info *info)
{
    enum cert_use use = row->content == CONTENT_CA ? CERT_OF_CA : c->shown.use;
    const struct cert_telling telling = {.diags = c->diags,
                                         .text = &c->more,
                                         .now = c->now,
                                         .soon_days = c->expires_days,
                                         .chain_elsewhere = c->extra.chain};
    if (info->certs == 0 || row->content == CONTENT_CRL || row->content == CONTENT_DH ||
        row->content == CONTENT_KEY)
        return;
    khap__buf_clear(&c->more);
    khap__buf_add(&c->more, use == CERT_OF_CA ? S("certificates:") : S("certificate:"));
    khap__buf_add(&c->more, in->path);
    if (!khap__look_again(c, khap__buf_str(&c->more)))
        khap__cert_tell(&telling, khap__spot_place(c, in->spot), in->path, info, use);
    c->shown.key_type = info->key_type;
    c->shown.read = c->shown.shows && row->content != CONTENT_CA;
    c->shown.told = false;
    for (uint32_t i = 0; i < c->shown.names.len && c->shown.read && !c->shown.filtered; i++)
        khap__check_shown(c, in->path, c->shown.names.ptr[i], in->spot);
}

void khap__check_cert_file(struct check *c, const struct schema_file *row, struct check_inside *in)
{
    struct khap_cert_info info;
    c->shown.read = false;
    if (c->certs == NULL) {
        if (!khap__look_again(c, S("no reader of certificates")))
            SAY(c->diags, MSG_CERTS_UNREAD, khap__spot_place(c, in->spot), in->path);
        return;
    }
    struct khap_str pem = without_nul(c, in->text);
    enum khap_status status = read_pem(c, pem, S(""), &info);
    if (status == KHAP_OK && row->content == CONTENT_CERT && info.certs > 0 && info.keys == 0) {
        struct khap_str key = key_beside(c, in->path);
        if (key.ptr != NULL) {
            status = read_pem(c, pem, key, &info);
            if (c->files->done != NULL)
                c->files->done(c->files->ctx, key);
        }
    }
    if (status == KHAP_ENOMEM)
        return;
    struct khap_str problem = status != KHAP_OK ? S("a block that is damaged") : problem_of(&info, row);
    if (problem.len > 0) {
        SAY(c->diags, MSG_FILE_BAD, khap__spot_place(c, in->spot), in->path, problem);
        in->told++;
    } else
        advise(c, row, in, &info);
}

void khap__check_cert_pair(struct check *c, struct khap_str cert, struct khap_str key,
                           const struct check_spot *spot)
{
    struct khap_str texts[2] = {{NULL, 0}, {NULL, 0}};
    struct khap_cert_info info = {.size = sizeof info};
    if (c->certs == NULL || c->no_memory)
        return;
    enum khap_status status = c->files->read(c->files->ctx, cert, &texts[0]);
    if (status == KHAP_OK && key.len > 0)
        status = c->files->read(c->files->ctx, key, &texts[1]);
    if (status == KHAP_OK)
        status = c->certs->read(c->certs->ctx, without_nul(c, texts[0]), texts[1], &info);
    if (status == KHAP_OK && key.len > 0 && info.certs > 0 && info.key == KHAP_CERT_KEY_DIFFERS)
        SAY(c->diags, MSG_CERT_KEY_MISMATCH, khap__spot_place(c, spot), key, cert);
    else if (status == KHAP_OK && info.certs > 0 && info.keys == 0)
        SAY(c->diags, MSG_CERT_KEY_MISSING, khap__spot_place(c, spot), key.len > 0 ? key : cert);
    if (status == KHAP_ENOMEM)
        c->no_memory = true;
    for (size_t i = 0; i < 2 && c->files->done != NULL; i++) {
        if (texts[i].ptr != NULL)
            c->files->done(c->files->ctx, texts[i]);
    }
}
