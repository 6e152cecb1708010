/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "base/yaml_reader.h"

static size_t next_character(struct khap_str text, size_t byte)
{
    do {
        byte++;
    } while (byte < text.len && ((unsigned char)text.ptr[byte] & 0xc0) == 0x80);
    return byte;
}

uint32_t khap__yaml_offset(struct yaml_position *at, size_t character)
{
    if (at->ascii)
        return (uint32_t)((character > at->text.len ? at->text.len : character) + at->skipped);
    while (at->character < character && at->byte < at->text.len) {
        at->byte = next_character(at->text, at->byte);
        at->character++;
    }
    while (at->character > character && at->byte > 0) {
        do {
            at->byte--;
        } while (((unsigned char)at->text.ptr[at->byte] & 0xc0) == 0x80);
        at->character--;
    }
    return (uint32_t)at->byte + at->skipped;
}

static bool allowed(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7e) || c == 0x85 ||
           (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) || c >= 0x10000;
}

/* Whether eight bytes are plain: none above 0x7e, none below a blank. */
static bool eight_plain(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t eight;
    memcpy(&eight, p, 8);
    return (((eight - ones * 0x20) | (eight + ones) | eight) & high) == 0;
}

static void refuse_character(struct khap_diags *diags, struct khap_place place, enum message_id id,
                             const char *p, unsigned len, uint32_t c)
{
    char name[8] = {'0', 'x'};
    size_t n = 2;
    if (id == MSG_YAML_CONTROL_CHARACTER && c > 0xff) {
        name[0] = 'U';
        name[1] = '+';
        name[n++] = "0123456789abcdef"[(c >> 12) & 15];
        name[n++] = "0123456789abcdef"[(c >> 8) & 15];
    } else {
        c = id == MSG_YAML_CONTROL_CHARACTER ? c : (unsigned char)*p;
    }
    name[n++] = "0123456789abcdef"[(c >> 4) & 15];
    name[n++] = "0123456789abcdef"[c & 15];
    place.len = len;
    SAY(diags, id, place, ((struct khap_str){name, n}));
}

/* A byte order mark, or two characters that are half a NUL each. */
static bool looks_like_utf16(const char *p, size_t n)
{
    if (n >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0))
        return true;
    return n >= 4 && (p[0] == 0) != (p[1] == 0) && (p[0] == 0) == (p[2] == 0) && (p[1] == 0) == (p[3] == 0);
}

enum khap_status khap__yaml_check_text(struct khap_diags *diags, uint32_t source, struct yaml_position *at)
{
    const char *p = at->text.ptr;
    size_t n = at->text.len, i = 0;
    at->skipped = 0;
    at->ascii = true;
    at->character = at->byte = 0;
    if (looks_like_utf16(p, n)) {
        SAY0(diags, MSG_YAML_UTF16, ((struct khap_place){source, 0, 2}));
        return KHAP_EINPUT;
    }
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        at->skipped = 3;
        at->text = khap__str_sub(at->text, 3, n);
        p += 3;
        n -= 3;
    }
    while (i < n) {
        if (n - i >= 8 && eight_plain(p + i)) {
            i += 8;
            continue;
        }
        /* one line's end among plain bytes is the usual case: take bytes until a slow one */
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 ? c < 0x7f : c == '\n' || c == '\t' || c == '\r') {
            i++;
            continue;
        }
        uint32_t character = 0;
        unsigned len = khap__utf8_decode(p + i, n - i, &character);
        if (len == 0 || !allowed(character)) {
            struct khap_place place = {source, (uint32_t)i + at->skipped, 1};
            refuse_character(diags, place, len == 0 ? MSG_INVALID_UTF8 : MSG_YAML_CONTROL_CHARACTER, p + i,
                             len == 0 ? 1 : len, character);
            return KHAP_EINPUT;
        }
        at->ascii = false;
        i += len;
    }
    return KHAP_OK;
}
