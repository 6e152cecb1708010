/* SPDX-License-Identifier: MIT */
#include "base/diag.h"
#include "base/message.h"
#include "base/str.h"

#include <string.h>

/* Offsets into message_pool, so that the table needs no relocation. */
struct message_row {
    uint32_t code, text, meaning, example, remedy;
    uint8_t severity;
};

#include "base/messages.inc"

const char *khap__message_code(enum message_id id)
{
    return message_pool + message_rows[id].code;
}

const char *khap__message_text(enum message_id id)
{
    return message_pool + message_rows[id].text;
}

enum khap_severity khap__message_severity(enum message_id id)
{
    return (enum khap_severity)message_rows[id].severity;
}

enum khap_status khap_message_at(size_t index, struct khap_message *out)
{
    if (out == NULL || out->size < sizeof *out)
        return KHAP_EINVAL;
    if (index >= MSG__COUNT)
        return KHAP_ENOENT;
    const struct message_row *row = &message_rows[index];
    size_t size = out->size; /* a caller newer than this library has fields that this one cannot fill */
    memset(out, 0, size);
    out->size = size;
    out->code = message_pool + row->code;
    out->severity = row->severity;
    out->text = message_pool + row->text;
    out->meaning = message_pool + row->meaning;
    out->example = message_pool + row->example;
    out->remedy = message_pool + row->remedy;
    return KHAP_OK;
}

enum message_id khap__message_id(struct khap_str code)
{
    if (code.len >= 2 && code.ptr[0] == '[' && code.ptr[code.len - 1] == ']')
        code = khap__str_sub(code, 1, code.len - 2);
    size_t low = 0, high = MSG__COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = khap__str_cmp(khap__str(message_pool + message_rows[middle].code), code);
        if (c == 0)
            return (enum message_id)middle;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return MSG__COUNT;
}

enum khap_status khap_message_find(struct khap_str code, struct khap_message *out)
{
    if (out == NULL || out->size < sizeof *out)
        return KHAP_EINVAL;
    return khap_message_at(khap__message_id(code), out);
}

enum khap_status khap_diags_report(struct khap_diags *diags, struct khap_str code, struct khap_place place,
                                   const struct khap_str *words, size_t n)
{
    if (diags == NULL || (words == NULL && n > 0))
        return KHAP_EINVAL;
    enum message_id id = khap__message_id(code);
    if (id == MSG__COUNT)
        return KHAP_ENOENT;
    khap__diags_add(diags, id, place, words, n);
    return khap__diags_status(diags) == KHAP_ENOMEM ? KHAP_ENOMEM : KHAP_OK;
}
