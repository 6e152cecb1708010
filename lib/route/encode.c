/* route/encode.c - converters between writings of bytes, and hashes. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static struct khap_str argument(const struct call *call, uint32_t i)
{
    return i < call->n ? call->arguments[i] : S("");
}

static void set_bytes(struct asking *a, struct sample *s, uint8_t type, struct buf *b)
{
    a->no_memory = a->no_memory || b->failed;
    khap__sample_text(s, type, khap__routing_keep(a, khap__buf_str(b)));
    khap__buf_free(b);
}

static void not_known(struct asking *a, const struct call *call, struct sample *s)
{
    khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
}

/* ---- base64 */

static int base64_digit(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (khap__is_digit((unsigned char)c))
        return c - '0' + 52;
    return c == (url ? '-' : '+') ? 62 : c == (url ? '_' : '/') ? 63 : -1;
}

bool khap__routing_add_base64(struct buf *out, struct khap_str text, bool url)
{
    size_t pad = 0;
    uint32_t bits = 0;
    unsigned n = 0;
    if (!url) {
        while (pad < 2 && text.len > pad && text.ptr[text.len - 1 - pad] == '=')
            pad++;
        if (text.len % 4 != 0)
            return false;
        text.len -= pad;
    } else if (text.len % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit(text.ptr[i], url);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        n += 6;
        if (n >= 8) {
            n -= 8;
            khap__buf_char(out, (char)(bits >> n & 0xff));
        }
    }
    return true;
}

static void encode(struct asking *a, struct sample *s, bool url)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i < s->text.len; i += 3) {
        uint32_t bits = 0;
        size_t n = s->text.len - i < 3 ? s->text.len - i : 3;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)s->text.ptr[i + k] : 0u);
        for (size_t k = 0; k < 4; k++) {
            uint32_t digit = bits >> (18 - 6 * k) & 63;
            if (k <= n)
                khap__buf_char(&b, digit < 62    ? digits[digit]
                                   : digit == 62 ? (url ? '-' : '+')
                                   : url         ? '_'
                                                 : '/');
            else if (!url)
                khap__buf_char(&b, '=');
        }
    }
    set_bytes(a, s, SAMPLE_STR, &b);
}

static void decode(struct asking *a, struct sample *s, bool url)
{
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    if (!khap__routing_add_base64(&b, s->text, url)) {
        khap__buf_free(&b);
        s->state = SAMPLE_ABSENT;
        return;
    }
    set_bytes(a, s, SAMPLE_BIN, &b);
}

CONVERTER(convert_base64)
{
    encode(a, s, false);
}

CONVERTER(convert_b64dec)
{
    decode(a, s, false);
}

CONVERTER(convert_ub64enc)
{
    encode(a, s, true);
}

CONVERTER(convert_ub64dec)
{
    decode(a, s, true);
}

/* ---- hexadecimal digits */

void khap__routing_add_hex(struct buf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    khap__buf_char(out, digits[c >> 4]);
    khap__buf_char(out, digits[c & 15]);
}

CONVERTER(convert_hex)
{
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i < s->text.len; i++)
        khap__routing_add_hex(&b, (unsigned char)s->text.ptr[i]);
    set_bytes(a, s, SAMPLE_STR, &b);
}

CONVERTER(convert_hex2i)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->text.len; i++) {
        int digit = khap__hex((unsigned char)s->text.ptr[i]);
        if (digit < 0) {
            s->state = SAMPLE_ABSENT;
            return;
        }
        n = n << 4 | (uint64_t)digit;
    }
    khap__sample_number(s, SAMPLE_SINT, n > INT64_MAX ? -(int64_t)(UINT64_MAX - n) - 1 : (int64_t)n);
}

/* Bytes in groups: `be2dec(SEPARATOR,BYTES,WHOLE)`, numbers of which the highest byte comes first, or the lowest. */
static void groups(struct asking *a, const struct call *call, struct sample *s, bool hex, bool low_first)
{
    struct khap_str all = s->text;
    struct sample word;
    int64_t size = 0, whole = 0;
    struct buf b;
    khap__sample_text(&word, SAMPLE_STR, argument(call, 1));
    bool given = khap__routing_to_number(&word, &size);
    khap__sample_text(&word, SAMPLE_STR, argument(call, 2));
    (void)khap__routing_to_number(&word, &whole);
    if (!given && hex)
        size = 1;
    if (size <= 0 || (!hex && size > 8)) {
        not_known(a, call, s);
        return;
    }
    khap__buf_init(&b, &a->route->alloc);
    while (all.len > 0 && (whole == 0 || all.len >= (uint64_t)size)) {
        struct khap_str one = khap__str_sub(all, 0, (uint64_t)size < all.len ? (size_t)size : all.len);
        uint64_t n = 0;
        char digits[24];
        size_t len = 0;
        if (b.len > 0)
            khap__buf_add(&b, argument(call, 0));
        for (size_t i = 0; i < one.len; i++) {
            n = n << 8 | (unsigned char)one.ptr[low_first ? one.len - 1 - i : i];
            if (hex)
                khap__routing_add_hex(&b, (unsigned char)one.ptr[i]);
        }
        do {
            digits[sizeof digits - ++len] = (char)('0' + n % 10);
            n /= 10;
        } while (n > 0);
        if (!hex)
            khap__buf_add(&b, (struct khap_str){digits + sizeof digits - len, len});
        all = khap__str_sub(all, one.len, all.len);
    }
    set_bytes(a, s, SAMPLE_STR, &b);
}

CONVERTER(convert_be2dec)
{
    groups(a, call, s, false, false);
}

CONVERTER(convert_le2dec)
{
    groups(a, call, s, false, true);
}

CONVERTER(convert_be2hex)
{
    groups(a, call, s, true, false);
}

CONVERTER(convert_base2)
{
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i < 8 * s->text.len; i++)
        khap__buf_char(&b, ((unsigned char)s->text.ptr[i / 8] >> (7 - i % 8) & 1) != 0 ? '1' : '0');
    set_bytes(a, s, SAMPLE_STR, &b);
}

/* The last four bytes of a number, the highest first. */
CONVERTER(convert_htonl)
{
    char bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)((uint64_t)s->number >> (24 - 8 * i) & 0xff);
    khap__sample_text(s, SAMPLE_BIN, khap__routing_keep(a, (struct khap_str){bytes, 4}));
}

CONVERTER(convert_url_enc)
{
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i < s->text.len; i++) {
        unsigned char c = (unsigned char)s->text.ptr[i];
        if (khap__routing_unreserved(s->text.ptr[i])) {
            khap__buf_char(&b, (char)c);
            continue;
        }
        khap__buf_char(&b, '%');
        khap__routing_add_hex(&b, c);
    }
    set_bytes(a, s, SAMPLE_STR, &b);
}

bool khap__routing_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || khap__is_digit((unsigned char)c) || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* ---- parts */

/* `bytes(OFFSET,LENGTH)`, numbers or, in newer releases, variables */
CONVERTER(convert_bytes)
{
    int64_t from = 0, n = 0;
    if (!khap__routing_number_or_variable(a, call, 0, s, &from))
        return;
    if (call->n > 1 && !khap__routing_number_or_variable(a, call, 1, s, &n))
        return;
    if (from < 0 || n < 0) {
        not_known(a, call, s);
        return;
    }
    if ((uint64_t)from >= s->text.len) {
        s->text.len = 0;
        return;
    }
    s->text = khap__str_sub(s->text, (size_t)from, s->text.len);
    if (call->n > 1 && (uint64_t)n < s->text.len)
        s->text.len = (size_t)n;
}

CONVERTER(convert_cut_crlf)
{
    for (size_t i = 0; i < s->text.len; i++) {
        if (s->text.ptr[i] == '\r' || s->text.ptr[i] == '\n')
            s->text.len = i;
    }
}

CONVERTER(convert_reverse)
{
    char *room = khap__arena_bytes(a->arena, s->text.len + 1);
    if (room == NULL) {
        a->no_memory = true;
        return;
    }
    for (size_t i = 0; i < s->text.len; i++)
        room[i] = s->text.ptr[s->text.len - 1 - i];
    s->text.ptr = room;
}

/* `add_item(DELIMITER,VARIABLE,SUFFIX)`: the delimiter stands between what is not empty. */
CONVERTER(convert_add_item)
{
    struct sample middle = {.state = SAMPLE_ABSENT};
    struct khap_str text = {NULL, 0};
    struct buf b;
    if (argument(call, 1).len > 0)
        khap__routing_variable(a, argument(call, 1), call->place, &middle);
    if (middle.state == SAMPLE_UNKNOWN) {
        khap__sample_unknown(s, middle.why);
        return;
    }
    bool there = khap__routing_to_text(a, &middle, &text);
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_add(&b, s->text);
    if (s->text.len > 0 && (there || argument(call, 2).len > 0))
        khap__buf_add(&b, argument(call, 0));
    if (there)
        khap__buf_add(&b, text);
    khap__buf_add(&b, argument(call, 2));
    set_bytes(a, s, SAMPLE_STR, &b);
}

/* `param(NAME,DELIMITER)`: a value of a text such as a query */
CONVERTER(convert_param)
{
    struct khap_str name = argument(call, 0), rest = s->text;
    char delimiter = argument(call, 1).len > 0 ? *argument(call, 1).ptr : '&';
    while (rest.len > 0) {
        struct khap_str one = khap__str_sub(rest, 0, khap__str_find(rest, delimiter));
        rest = khap__str_sub(rest, one.len + 1, rest.len);
        if (!khap__str_starts(one, name) || (one.len > name.len && one.ptr[name.len] != '='))
            continue;
        khap__sample_text(s, SAMPLE_STR, khap__str_sub(one, name.len + 1, one.len));
        return;
    }
    s->state = SAMPLE_ABSENT;
}

/* As JSON has it, without the quotes. */
CONVERTER(convert_json)
{
    static const char from[] = "\"\\\b\f\r\n\t", to[] = "\"\\bfrnt";
    bool ascii = call->n == 0 || argument(call, 0).len == 0 || khap__str_eq(argument(call, 0), S("ascii"));
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i < s->text.len; i++) {
        unsigned char c = (unsigned char)s->text.ptr[i];
        const char *special = c != 0 ? strchr(from, c) : NULL;
        if (c >= 128 && !ascii) { /* nobody has looked */
            khap__buf_free(&b);
            not_known(a, call, s);
            return;
        }
        if (special != NULL) {
            khap__buf_char(&b, '\\');
            khap__buf_char(&b, to[special - from]);
        } else if (c == '/') {
            khap__buf_add(&b, S("\\/"));
        } else if (c < 32 || c >= 127) {
            static const char digits[] = "0123456789abcdef";
            khap__buf_add(&b, S("\\u00"));
            khap__buf_char(&b, digits[c >> 4]);
            khap__buf_char(&b, digits[c & 15]);
        } else {
            khap__buf_char(&b, (char)c);
        }
    }
    set_bytes(a, s, SAMPLE_STR, &b);
}

CONVERTER(convert_secure_memcmp)
{
    struct sample other = {.state = SAMPLE_ABSENT};
    struct khap_str text;
    khap__routing_variable(a, argument(call, 0), call->place, &other);
    if (other.state == SAMPLE_UNKNOWN)
        *s = other;
    else if (!khap__routing_to_text(a, &other, &text))
        s->state = SAMPLE_ABSENT;
    else
        khap__sample_number(s, SAMPLE_BOOL, khap__str_eq(s->text, text));
}

/* ---- on the way */

CONVERTER(convert_none)
{
}

CONVERTER(convert_set_var)
{
    if (call->n > 1)
        khap__routing_set_variable(a, argument(call, 0),
                                   (struct sample){.state = SAMPLE_UNKNOWN,
                                                   .why = khap__routing_because(a, call->text, call->place)});
    else
        khap__routing_set_variable(a, argument(call, 0), *s);
}

CONVERTER(convert_unset_var)
{
    khap__routing_set_variable(a, argument(call, 0), (struct sample){.state = SAMPLE_ABSENT});
}

CONVERTER(convert_fe_exists)
{
    bool found = false;
    for (uint32_t i = 0; i < a->route->proxies.len; i++) {
        const struct proxy *proxy = &a->route->proxies.ptr[i];
        found = found || (proxy->is_proxy && proxy->frontend && khap__str_eq(proxy->name, s->text));
    }
    khap__sample_number(s, SAMPLE_BOOL, found);
}

/* ---- hashes */

uint32_t khap__routing_avalanche(uint32_t n)
{
    n = (n + 0x7ed55d16) + (n << 12);
    n = (n ^ 0xc761c23c) ^ (n >> 19);
    n = (n + 0x165667b1) + (n << 5);
    n = (n + 0xd3a2646c) ^ (n << 9);
    n = (n + 0xfd7046c5) + (n << 3);
    n = (n ^ 0xb55a4f09) ^ (n >> 16);
    return n * 3221225473u;
}

static void set_hash(const struct call *call, struct sample *s, uint32_t n)
{
    struct sample text;
    int64_t flag = 0;
    khap__sample_text(&text, SAMPLE_STR, argument(call, 0));
    if (khap__routing_to_number(&text, &flag) && flag != 0)
        n = khap__routing_avalanche(n);
    khap__sample_number(s, SAMPLE_SINT, n);
}

CONVERTER(convert_djb2)
{
    uint32_t n = 5381;
    for (size_t i = 0; i < s->text.len; i++)
        n = n * 33 + (unsigned char)s->text.ptr[i];
    set_hash(call, s, n);
}

CONVERTER(convert_sdbm)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->text.len; i++)
        n = (unsigned char)s->text.ptr[i] + (n << 6) + (n << 16) - n;
    set_hash(call, s, n);
}

static uint32_t rotated(uint32_t n, uint32_t by)
{
    return n << by | n >> ((32 - by) & 31);
}

CONVERTER(convert_wt6)
{
    uint32_t h0 = 0xa53c965a, h1 = 0x5ca6953a, step0 = 6, step1 = 18;
    for (size_t i = 0; i < s->text.len; i++) {
        uint32_t t = (unsigned char)s->text.ptr[i];
        h0 = ~(h0 ^ t);
        h1 = ~(h1 + t);
        t = rotated(h1, step0);
        h1 = rotated(h0, step1);
        h0 = t;
        t = ((h0 >> 16) ^ h1) & 0xffff;
        step0 = t & 31;
        step1 = t >> 11;
    }
    set_hash(call, s, h0 ^ h1);
}

static uint32_t crc(struct khap_str text, uint32_t polynomial)
{
    uint32_t n = 0xffffffff;
    for (size_t i = 0; i < text.len; i++) {
        n ^= (unsigned char)text.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            n = (n & 1) != 0 ? n >> 1 ^ polynomial : n >> 1;
    }
    return ~n;
}

CONVERTER(convert_crc32)
{
    set_hash(call, s, crc(s->text, 0xedb88320));
}

CONVERTER(convert_crc32c)
{
    set_hash(call, s, crc(s->text, 0x82f63b78));
}
