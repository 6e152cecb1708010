/* Text of IP addresses, and networks. SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/address.h"

bool khap__ipv4_parse(struct khap_str s, uint8_t *ip)
{
    uint8_t bytes[16] = {0};
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++) {
        unsigned n = 0;
        size_t from = at;
        if (i > 0) {
            if (at == s.len || s.ptr[at] != '.')
                return false;
            from = ++at;
        }
        while (at < s.len && at - from < 3 && khap__is_digit((unsigned char)s.ptr[at]))
            n = n * 10 + (unsigned)(s.ptr[at++] - '0');
        if (at == from || n > 255 || (at - from > 1 && s.ptr[from] == '0'))
            return false;
        bytes[i] = (uint8_t)n;
    }
    if (at != s.len)
        return false;
    memcpy(ip, bytes, 16);
    return true;
}

bool khap__ipv4_numbers(struct khap_str s, uint8_t *ip)
{
    uint64_t all = 0;
    unsigned parts = 0;
    for (struct khap_str rest = s; parts == 0 || rest.len > 0; parts++) {
        size_t end = khap__str_find(rest, '.');
        struct khap_str part = khap__str_sub(rest, 0, end);
        bool last = end == rest.len, hex = khap__str_starts(part, S("0x")) || khap__str_starts(part, S("0X"));
        unsigned base = hex ? 16 : part.len > 1 && part.ptr[0] == '0' ? 8 : 10;
        uint64_t n = 0, limit = last ? UINT64_C(0xffffffff) >> (8 * parts) : 255;
        rest = khap__str_sub(rest, end + 1, rest.len);
        if (parts == 4 || part.len == 0 || (hex && part.len == 2) || (!last && rest.len == 0))
            return false;
        for (size_t i = hex ? 2 : 0; i < part.len; i++) {
            int digit = khap__hex((unsigned char)part.ptr[i]);
            if (digit < 0 || (unsigned)digit >= base || (n = n * base + (unsigned)digit) > limit)
                return false;
        }
        all = last ? all << (8 * (4 - parts)) | n : all << 8 | n;
    }
    memset(ip, 0, 16);
    for (unsigned i = 0; i < 4; i++)
        ip[i] = (uint8_t)(all >> (8 * (3 - i)));
    return true;
}

/* One group of up to four hex digits at *at. */
static bool hex_group(struct khap_str s, size_t *at, unsigned *n)
{
    size_t from = *at;
    *n = 0;
    while (*at < s.len && *at - from < 4 && khap__hex((unsigned char)s.ptr[*at]) >= 0)
        *n = *n * 16 + (unsigned)khap__hex((unsigned char)s.ptr[(*at)++]);
    return *at > from;
}

bool khap__ipv6_parse(struct khap_str s, uint8_t *ip)
{
    uint8_t bytes[16] = {0};
    size_t n = 0, gap = SIZE_MAX, at = 0;
    if (khap__str_starts(s, S("::"))) {
        gap = 0;
        at = 2;
    }
    while (at < s.len) {
        unsigned group;
        size_t from = at;
        if (n >= 16 || !hex_group(s, &at, &group))
            return false;
        if (at < s.len && s.ptr[at] == '.') {
            uint8_t v4[16];
            if (n > 12 || !khap__ipv4_parse(khap__str_sub(s, from, s.len - from), v4))
                return false;
            memcpy(bytes + n, v4, 4);
            n += 4;
            break;
        }
        bytes[n++] = (uint8_t)(group >> 8);
        bytes[n++] = (uint8_t)(group & 255);
        if (at == s.len)
            break;
        if (s.ptr[at++] != ':' || at == s.len)
            return false;
        if (s.ptr[at] == ':') {
            if (gap != SIZE_MAX)
                return false;
            gap = n;
            at++;
        }
    }
    if (gap == SIZE_MAX ? n != 16 : n > 14)
        return false;
    if (gap != SIZE_MAX) {
        memmove(bytes + 16 - (n - gap), bytes + gap, n - gap);
        memset(bytes + gap, 0, 16 - n);
    }
    memcpy(ip, bytes, 16);
    return true;
}

static size_t print_decimal(char *text, unsigned n)
{
    size_t len = 0;
    if (n >= 100)
        text[len++] = (char)('0' + n / 100);
    if (n >= 10)
        text[len++] = (char)('0' + n / 10 % 10);
    text[len++] = (char)('0' + n % 10);
    return len;
}

size_t khap__ipv4_print(char text[16], const uint8_t *ip)
{
    size_t len = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            text[len++] = '.';
        len += print_decimal(text + len, ip[i]);
    }
    return len;
}

static size_t print_hex(char *text, unsigned group)
{
    size_t len = 0;
    for (unsigned shift = 16; shift > 0; shift -= 4) {
        unsigned digit = group >> (shift - 4) & 15;
        if (digit != 0 || len > 0 || shift == 4)
            text[len++] = "0123456789abcdef"[digit];
    }
    return len;
}

size_t khap__ipv6_print(char text[KHAP__IP_TEXT], const uint8_t *ip)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    if (memcmp(ip, mapped, 12) == 0) {
        memcpy(text, "::ffff:", 7);
        return 7 + khap__ipv4_print(text + 7, ip + 12);
    }
    unsigned groups[8], best = 8, best_len = 1;
    for (unsigned i = 0; i < 8; i++)
        groups[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && groups[i + n] == 0)
            n++;
        if (n > best_len) { /* the first of the longest, and never a single group */
            best = i;
            best_len = n;
        }
    }
    size_t len = 0;
    for (unsigned i = 0; i < 8;) {
        if (i == best) {
            text[len++] = ':';
            text[len++] = ':';
            i += best_len;
            continue;
        }
        if (i > 0 && i != best + best_len)
            text[len++] = ':';
        len += print_hex(text + len, groups[i]);
        i++;
    }
    return len;
}

enum value_error khap__network_parse(struct khap_str s, struct network *out)
{
    struct network n = {0};
    size_t slash = khap__str_find(s, '/');
    struct khap_str ip = khap__str_sub(s, 0, slash);
    if (khap__ipv4_parse(ip, n.ip)) {
        n.family = ADDRESS_V4;
        n.bits = 32;
    } else if (khap__ipv6_parse(ip, n.ip)) {
        n.family = ADDRESS_V6;
        n.bits = 128;
    } else {
        return VALUE_SYNTAX;
    }
    if (slash < s.len) {
        int64_t bits;
        if (khap__int_parse(khap__str_sub(s, slash + 1, s.len - slash - 1), 0, n.bits, &bits) != VALUE_OK)
            return VALUE_SYNTAX;
        n.bits = (uint8_t)bits;
    }
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = n.bits <= 8 * i ? 0 : n.bits - 8 * i >= 8 ? 8 : n.bits - 8 * i;
        if ((n.ip[i] & (0xffu >> kept)) != 0)
            return VALUE_RANGE;
    }
    *out = n;
    return VALUE_OK;
}

void khap__network_print(struct buf *out, const struct network *n)
{
    char text[KHAP__IP_TEXT];
    size_t len = n->family == ADDRESS_V4 ? khap__ipv4_print(text, n->ip) : khap__ipv6_print(text, n->ip);
    khap__buf_add(out, (struct khap_str){text, len});
    khap__buf_char(out, '/');
    khap__buf_uint(out, n->bits);
}
