/* model/outside.c - binds in sections that are not khap's. SPDX-License-Identifier: MIT */
#include "model/outside.h"

static bool is_datagram(uint8_t prefix)
{
    return prefix == PREFIX_QUIC4 || prefix == PREFIX_QUIC6 || prefix == PREFIX_UDP ||
           prefix == PREFIX_UDP4 || prefix == PREFIX_UDP6;
}

/* What HAProxy will listen on, as far as it is written there; of a variable or a name the port. */
static bool read_address(struct khap_str text, bool variable, struct address *a)
{
    size_t colon = text.len;
    while (colon > 0 && text.ptr[--colon] != ':')
        ;
    uint8_t ip[16];
    bool numbers = khap__ipv4_numbers(khap__str_sub(text, 0, colon), ip);
    variable = variable || khap__str_find(text, '$') < text.len;
    size_t at = khap__str_find(text, '@');
    struct address prefix = {0};
    if (at < text.len && khap__address_parse(khap__str_sub(text, 0, at + 1), &prefix) != VALUE_OK)
        return false; /* a path, or a number of a descriptor */
    if (khap__bind_parse(numbers || variable ? khap__str_sub(text, colon, text.len) : text, a) != VALUE_OK)
        return false;
    a->prefix = prefix.prefix;
    if (variable) {
        a->family = ADDRESS_NAME;
    } else if (numbers) {
        a->family = ADDRESS_V4;
        memcpy(a->ip, ip, sizeof ip);
    }
    return !is_datagram(a->prefix);
}

enum khap_status khap__binds_of_words(const struct khap_words *words, size_t index, struct khap_place line,
                                      khap__bind_sink *put, void *ctx)
{
    static const uint8_t any[16];
    struct khap_word word = {.size = sizeof word};
    if (khap_words_at(words, index, &word) != KHAP_OK)
        return KHAP_OK;
    bool both = false;
    for (size_t i = index + 1; i < khap_words_count(words); i++)
        both = both || khap__str_eq(khap_words_value(words, i), S("v4v6"));
    struct bind bind = {.place = {line.source, line.offset + word.offset, (uint32_t)word.raw.len}};
    enum khap_status status = KHAP_OK;
    for (struct khap_str rest = word.value; rest.len > 0 && status == KHAP_OK;) {
        size_t end = khap__str_find(rest, ',');
        struct khap_str one = khap__str_sub(rest, 0, end);
        rest = khap__str_sub(rest, end + 1, rest.len);
        bool variable = (word.flags & KHAP_WORD_VARIABLE) != 0;
        if (!read_address(one, variable, &bind.address))
            continue;
        bind.text = variable ? word.raw : one;
        status = put(ctx, &bind);
        if (status == KHAP_OK && both && bind.address.family == ADDRESS_V6 &&
            memcmp(bind.address.ip, any, sizeof any) == 0) {
            bind.address.family = ADDRESS_ANY;
            status = put(ctx, &bind);
        }
    }
    return status;
}
