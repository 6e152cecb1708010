/* model/keys.c - looking things up in the table made from keys.tsv. SPDX-License-Identifier: MIT */
#include "model/rows.h"
#include <khap/model.h>

struct key_member {
    uint16_t tag; /* length << 8 | first byte of the name: tells nearly all of them apart */
    uint16_t key;
};

#include "model/keys.inc"

const struct key_row *khap__key_row(enum key key)
{
    return &key_rows[key <= KEY_ROOT ? key : KEY_ROOT];
}

const char *khap__key_pool(uint16_t at)
{
    return key_pool + at;
}

enum key khap__key_member(enum key parent, struct khap_str name)
{
    const struct key_row *row = khap__key_row(parent);
    const struct key_member *m = key_members + row->first_member;
    if (name.len == 0 || name.len > 255)
        return KEY_NONE;
    uint16_t tag = (uint16_t)(name.len << 8 | (unsigned char)name.ptr[0]);
    for (uint16_t i = 0; i < row->n_members; i++) {
        if (m[i].tag == tag && memcmp(key_pool + key_rows[m[i].key].name, name.ptr, name.len) == 0)
            return (enum key)m[i].key;
    }
    return KEY_NONE;
}

enum key khap__key_member_at(enum key parent, size_t index)
{
    const struct key_row *row = khap__key_row(parent);
    return index < row->n_members ? (enum key)key_members[row->first_member + index].key : KEY_NONE;
}

const char *khap__key_word(enum key key, size_t index)
{
    const struct key_row *row = khap__key_row(key);
    return index < row->n_words ? key_pool + key_words[row->first_word + index] : NULL;
}

enum khap_status khap_key_at(size_t index, struct khap_key *out)
{
    if (!out || out->size < sizeof *out)
        return KHAP_EINVAL;
    if (index >= KEY_COUNT)
        return KHAP_ENOENT;
    const struct key_row *row = &key_rows[index];
    out->path = key_pool + row->path;
    out->type = key_pool + row->type_text;
    out->applies = key_pool + row->applies_text;
    out->since = row->since;
    out->annotation = row->annotation;
    out->default_text = key_pool + row->default_text;
    out->example = key_pool + row->example;
    out->text = key_pool + row->text;
    return KHAP_OK;
}
