/* SPDX-License-Identifier: MIT */
#include "cfg/encode.h"

#include "cfg/lex.h"

#define C  BYTE_CONTROL
#define N  BYTE_NUL
#define S_ BYTE_SINGLE
#define D  BYTE_DOUBLE
#define B  BYTE_BLANK
const uint8_t khap__byte_class[256] = {
    /* clang-format off */
    N, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, /* 00 */
    C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, /* 10 */
    B, 0, D, B, 0, 0, 0, S_, 0, 0, 0, 0, 0, 0, 0, 0, /* 20 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 30 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 40 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, B, 0, 0, 0, /* 50 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 60 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, C, /* 70 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 80 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 90 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* a0 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* b0 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* c0 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* d0 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* e0 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* f0 */
    /* clang-format on */
};
#undef C
#undef N
#undef S_
#undef D
#undef B

enum { LINE_15 = 2047 }; /* the longest line of 1.5, with its LF */

enum encode_style khap__encode_style(uint16_t first, uint16_t last)
{
    if (first > KHAP_RELEASE(1, 5))
        return STYLE_QUOTES;
    return last <= KHAP_RELEASE(1, 5) ? STYLE_15 : STYLE_COMMON;
}

/* The escape of a byte that every release knows, inside double quotes and outside of quotes. */
static char *escape_control(char *to, unsigned char c)
{
    static const char digits[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                    '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
    *to++ = '\\';
    switch (c) {
    case '\n':
        *to++ = 'n';
        break;
    case '\r':
        *to++ = 'r';
        break;
    case '\t':
        *to++ = 't';
        break;
    default:
        *to++ = 'x';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
        break;
    }
    return to;
}

static char *encode_double(char *to, struct khap_str value)
{
    *to++ = '"';
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((khap__byte_class[c] & BYTE_CONTROL) != 0) {
            to = escape_control(to, c);
            continue;
        }
        if (c == '"' || c == '\\' || c == '$')
            *to++ = '\\';
        *to++ = (char)c;
    }
    *to++ = '"';
    return to;
}

/* Without quotes. A quote goes by its number: 1.5 knows no \" and later releases would open a string. */
static char *encode_bare(char *to, enum encode_style style, struct khap_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        unsigned class = khap__byte_class[c] & khap__encode_mask(style);
        if ((class & (BYTE_CONTROL | BYTE_SINGLE | BYTE_DOUBLE)) != 0) {
            to = escape_control(to, c);
            continue;
        }
        if (class != 0)
            *to++ = '\\';
        *to++ = (char)c;
    }
    return to;
}

char *khap__encode_to(char *to, enum encode_style style, unsigned classes, struct khap_str value)
{
    if ((classes & khap__encode_mask(style)) == 0) {
        memmove(to, value.ptr, value.len);
        return to + value.len;
    }
    if (style != STYLE_QUOTES)
        return encode_bare(to, style, value);
    if ((classes & (BYTE_CONTROL | BYTE_SINGLE)) != 0)
        return encode_double(to, value);
    *to++ = '\'';
    memmove(to, value.ptr, value.len);
    to += value.len;
    *to++ = '\'';
    return to;
}

enum encode_error khap__encode_word(struct buf *out, uint16_t first, uint16_t last, struct khap_str value)
{
    if (value.len == 0)
        return ENCODE_EMPTY;
    unsigned classes = khap__byte_classes(value);
    if ((classes & BYTE_NUL) != 0)
        return ENCODE_NUL;
    enum encode_style style = khap__encode_style(first, last);
    if (style != STYLE_QUOTES && value.len >= LINE_15)
        return ENCODE_TOO_LONG_15;
    if (value.len > SIZE_MAX / 8) {
        out->failed = true;
        return ENCODE_OK;
    }
    if (!khap__buf_reserve(out, ENCODED_MAX(value.len)))
        return ENCODE_OK; /* the buffer says so itself */
    char *start = out->ptr + out->len;
    size_t len = (size_t)(khap__encode_to(start, style, classes, value) - start);
    if (style != STYLE_QUOTES && len >= LINE_15)
        return ENCODE_TOO_LONG_15;
    out->len += len;
    return ENCODE_OK;
}
