/* cert/memory.c - what certificates were, by the sum of their texts: whoever reads the same thousand again and again parses those that are new.
 * SPDX-License-Identifier: MIT */
#include "config.h"

#include "cert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

enum { SUM = 32, FIRST_ROOM = 64 };

/* In a kept text its names follow it: kind, length and bytes of each. */
struct record {
    unsigned char sum[SUM]; /* SHA-256 of both texts */
    struct khap_cert_info info;
    size_t names_len;
};

struct known {
    struct record record;
    char *names;
    bool asked;
};

struct cert_memory {
    struct khap_cert_reader reader;
    struct known *of;
    size_t n, room;
    uint32_t *slots; /* of twice the room: a number of `of` and 1, or 0 */
    bool grown;      /* something is known that was not kept */
};

/* Names as they come, told on. */
struct listening {
    struct khap_cert_info *out;
    char *names;
    size_t len;
    bool no_memory;
};

static bool sum_of(struct khap_str pem, struct khap_str key, unsigned char sum[SUM])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(c, &pem.len, sizeof pem.len) == 1 &&
                EVP_DigestUpdate(c, pem.len > 0 ? pem.ptr : "", pem.len) == 1 &&
                EVP_DigestUpdate(c, key.len > 0 ? key.ptr : "", key.len) == 1 &&
                EVP_DigestFinal_ex(c, sum, NULL) == 1;
    EVP_MD_CTX_free(c);
    return good;
}

static uint32_t *slot_of(const struct cert_memory *m, const unsigned char sum[SUM])
{
    size_t n = 2 * m->room, at;
    memcpy(&at, sum, sizeof at);
    for (at %= n; m->slots[at] != 0 && memcmp(m->of[m->slots[at] - 1].record.sum, sum, SUM) != 0;)
        at = (at + 1) % n;
    return &m->slots[at];
}

static bool make_room(struct cert_memory *m)
{
    size_t room = m->room == 0 ? FIRST_ROOM : 2 * m->room;
    if (m->n < m->room)
        return true;
    if (room > UINT32_MAX / 4)
        return false;
    struct known *of = realloc(m->of, room * sizeof *of);
    if (of == NULL)
        return false;
    m->of = of;
    uint32_t *slots = calloc(2 * room, sizeof *slots);
    if (slots == NULL)
        return false;
    free(m->slots);
    m->slots = slots;
    m->room = room;
    for (size_t i = 0; i < m->n; i++)
        *slot_of(m, m->of[i].record.sum) = (uint32_t)i + 1;
    return true;
}

/* Takes the names over, unless it fails. */
static bool add(struct cert_memory *m, const struct record *record, char *names, bool asked)
{
    if (!make_room(m))
        return false;
    uint32_t *slot = slot_of(m, record->sum);
    if (*slot != 0)
        return false;
    m->of[m->n++] = (struct known){*record, names, asked};
    *slot = (uint32_t)m->n;
    return true;
}

static enum khap_status on_name(void *ctx, uint32_t kind, struct khap_str text)
{
    struct listening *l = ctx;
    const uint32_t head[] = {kind, (uint32_t)text.len};
    char *names = text.len < UINT32_MAX ? realloc(l->names, l->len + sizeof head + text.len) : NULL;
    if (names == NULL) {
        l->no_memory = true;
    } else {
        l->names = names;
        memcpy(names + l->len, head, sizeof head);
        if (text.len > 0)
            memcpy(names + l->len + sizeof head, text.ptr, text.len);
        l->len += sizeof head + text.len;
    }
    return l->out->name != NULL ? l->out->name(l->out->ctx, kind, text) : KHAP_OK;
}

/* The same names once more. */
static enum khap_status tell_names(const struct known *k, const struct khap_cert_info *out)
{
    enum khap_status status = KHAP_OK;
    uint32_t head[2];
    for (size_t at = 0; status == KHAP_OK && out->name != NULL && at + sizeof head <= k->record.names_len;) {
        memcpy(head, k->names + at, sizeof head);
        at += sizeof head;
        if (head[1] > k->record.names_len - at)
            break;
        status = out->name(out->ctx, head[0], (struct khap_str){k->names + at, head[1]});
        at += head[1];
    }
    return status;
}

static void fill(struct khap_cert_info *out, const struct khap_cert_info *from)
{
    struct khap_cert_info filled = *from;
    filled.size = out->size;
    filled.ctx = out->ctx;
    filled.name = out->name;
    *out = filled;
}

static enum khap_status read_pem(void *ctx, struct khap_str pem, struct khap_str key,
                                 struct khap_cert_info *out)
{
    struct cert_memory *m = ctx;
    struct record record = {.info = {.size = sizeof record.info}};
    if (out == NULL || out->size < sizeof *out || (pem.ptr == NULL && pem.len > 0) ||
        (key.ptr == NULL && key.len > 0) || !sum_of(pem, key, record.sum))
        return m->reader.read(m->reader.ctx, pem, key, out);
    uint32_t number = m->room > 0 ? *slot_of(m, record.sum) : 0;
    if (number != 0) {
        m->of[number - 1].asked = true;
        fill(out, &m->of[number - 1].record.info);
        return tell_names(&m->of[number - 1], out);
    }
    struct listening l = {.out = out};
    struct khap_cert_info info = {.size = sizeof info, .ctx = &l, .name = on_name};
    enum khap_status status = m->reader.read(m->reader.ctx, pem, key, &info);
    fill(out, &info);
    info.ctx = NULL;
    info.name = NULL;
    record.info = info;
    record.names_len = l.len;
    /* only what is good for certain is known from now on */
    if (status != KHAP_OK || l.no_memory || !add(m, &record, l.names, true))
        free(l.names);
    else
        m->grown = true;
    return status;
}

struct khap_cert_reader cert_memory_reader(struct cert_memory *m)
{
    return (struct khap_cert_reader){.size = sizeof(struct khap_cert_reader), .ctx = m, .read = read_pem};
}

struct cert_memory *cert_memory_new(struct khap_cert_reader reader, struct khap_str kept)
{
    struct cert_memory *m = calloc(1, sizeof *m);
    struct record record;
    if (m == NULL)
        return NULL;
    m->reader = reader;
    while (kept.len >= sizeof record) {
        memcpy(&record, kept.ptr, sizeof record);
        kept.ptr += sizeof record;
        kept.len -= sizeof record;
        if (record.names_len > kept.len)
            break;
        char *names = malloc(record.names_len + 1);
        if (names == NULL)
            break;
        memcpy(names, kept.ptr, record.names_len);
        kept.ptr += record.names_len;
        kept.len -= record.names_len;
        if (!add(m, &record, names, false))
            free(names);
    }
    return m;
}

struct khap_str cert_memory_keep(const struct cert_memory *m)
{
    size_t len = 0, at = 0;
    for (size_t i = 0; i < m->n; i++)
        len += m->of[i].asked ? sizeof m->of[i].record + m->of[i].record.names_len : 0;
    char *kept = m->grown && len > 0 ? malloc(len) : NULL;
    for (size_t i = 0; i < m->n && kept != NULL; i++) {
        const struct known *k = &m->of[i];
        if (!k->asked)
            continue;
        memcpy(kept + at, &k->record, sizeof k->record);
        at += sizeof k->record;
        if (k->record.names_len > 0)
            memcpy(kept + at, k->names, k->record.names_len);
        at += k->record.names_len;
    }
    return (struct khap_str){kept, at};
}

void cert_memory_free(struct cert_memory *m)
{
    for (size_t i = 0; m != NULL && i < m->n; i++)
        free(m->of[i].names);
    if (m != NULL) {
        free(m->of);
        free(m->slots);
    }
    free(m);
}
