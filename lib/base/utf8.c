/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

unsigned khap__utf8_decode(const char *p, size_t n, uint32_t *character)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0)
        return 0;
    unsigned char c = (unsigned char)p[0];
    unsigned len = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    if (len == 1) {
        *character = c;
        return 1;
    }
    uint32_t value = c & (0x7fu >> len);
    for (unsigned i = 1; i < len; i++) {
        unsigned char next = (unsigned char)p[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (next & 0x3f);
    }
    if (value < smallest[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *character = value;
    return len;
}

bool khap__utf8_valid(struct khap_str s, size_t *bad_at)
{
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= 8) {
            memcpy(&eight, s.ptr + i, 8);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += 8;
                continue;
            }
        }
        uint32_t character;
        unsigned len = khap__utf8_decode(s.ptr + i, s.len - i, &character);
        if (len == 0) {
            if (bad_at != NULL)
                *bad_at = i;
            return false;
        }
        i += len;
    }
    return true;
}

struct range {
    uint32_t first, last;
};

static bool in_ranges(const struct range *ranges, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && c >= ranges[low].first;
}

unsigned khap__utf8_width(uint32_t c)
{
    /* The blocks that matter, not every character of Unicode: a caret one column off in Tibetan is borne. */
    static const struct range none[] = {
        {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
        {0x05c4, 0x05c5}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670}, {0x06d6, 0x06dc},
        {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0e31, 0x0e31},
        {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff},
        {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
    };
    static const struct range two[] = {
        {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
        {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267f, 0x267f},   {0x26a1, 0x26a1},
        {0x26d4, 0x26d4},   {0x2705, 0x2705},   {0x2728, 0x2728},   {0x274c, 0x274c},   {0x2753, 0x2755},
        {0x2757, 0x2757},   {0x2795, 0x2797},   {0x2b50, 0x2b50},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
        {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18cff},
        {0x1b000, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f19a}, {0x1f200, 0x1f320},
        {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3e0, 0x1f3f0},
        {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f5fb, 0x1f64f},
        {0x1f680, 0x1f6c5}, {0x1f6d0, 0x1f6d7}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7eb},
        {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
    };
    if (c < 0x300)
        return 1;
    if (in_ranges(none, sizeof none / sizeof none[0], c))
        return 0;
    return in_ranges(two, sizeof two / sizeof two[0], c) ? 2 : 1;
}

bool khap__utf8_hidden(uint32_t c)
{
    static const struct range hidden[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x061c, 0x061c},   {0x115f, 0x1160},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
        {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff},
    };
    if (c >= ' ' && c <= '~')
        return false;
    return in_ranges(hidden, sizeof hidden / sizeof hidden[0], c);
}

unsigned khap__buf_visible(struct buf *b, const char *p, size_t n, unsigned *width)
{
    uint32_t c;
    size_t before = b->len;
    if (n == 0)
        return 0;
    unsigned len = khap__utf8_decode(p, n, &c);
    if (len != 0 && !khap__utf8_hidden(c)) {
        khap__buf_add(b, (struct khap_str){p, len});
        if (width != NULL)
            *width = khap__utf8_width(c);
        return len;
    }
    if (len == 0 || c < 0x80) {
        if (*p == '\n') {
            khap__buf_add(b, S("\\n"));
        } else if (*p == '\t') {
            khap__buf_add(b, S("\\t"));
        } else if (*p == '\r') {
            khap__buf_add(b, S("\\r"));
        } else {
            khap__buf_add(b, S("\\x"));
            khap__buf_hex(b, (unsigned char)*p, 2);
        }
        len = 1;
    } else {
        khap__buf_add(b, S("\\u"));
        khap__buf_hex(b, c, c > 0xffff ? 6 : 4);
    }
    if (width != NULL)
        *width = (unsigned)(b->len - before);
    return len;
}

void khap__buf_add_visible(struct buf *b, struct khap_str s, size_t max)
{
    size_t end = s.len <= max ? s.len : max > 3 ? max - 3 : 0;
    size_t i = 0;
    while (i < end)
        i += khap__buf_visible(b, s.ptr + i, s.len - i, NULL);
    if (i < s.len)
        khap__buf_add(b, S("..."));
}
