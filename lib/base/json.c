/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/utf8.h"

static void quoted(struct buf *out, struct khap_str s)
{
    khap__buf_char(out, '"');
    size_t i = 0, plain = 0; /* s[plain..i) needs no escape and was not written yet */
    while (i < s.len) {
        unsigned char c = (unsigned char)s.ptr[i];
        uint32_t character;
        unsigned len = c < 0x80 ? 1 : khap__utf8_decode(s.ptr + i, s.len - i, &character);
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            i += len;
            continue;
        }
        khap__buf_add(out, khap__str_sub(s, plain, i - plain));
        if (len == 0) {
            khap__buf_add(out, S("\\ufffd"));
        } else if (c == '"' || c == '\\') {
            khap__buf_char(out, '\\');
            khap__buf_char(out, (char)c);
        } else if (c == '\n') {
            khap__buf_add(out, S("\\n"));
        } else if (c == '\t') {
            khap__buf_add(out, S("\\t"));
        } else {
            khap__buf_add(out, S("\\u"));
            khap__buf_hex(out, c, 4);
        }
        plain = ++i;
    }
    khap__buf_add(out, khap__str_sub(s, plain, i - plain));
    khap__buf_char(out, '"');
}

/* What stands before a value: the comma after the one before, and the key. */
static void lead(struct json_writer *w, struct khap_str key)
{
    if (w->need_comma)
        khap__buf_char(w->out, ',');
    w->need_comma = true;
    if (key.len > 0) {
        quoted(w->out, key);
        khap__buf_char(w->out, ':');
    }
}

static void opening(struct json_writer *w, struct khap_str key, char bracket)
{
    lead(w, key);
    khap__buf_char(w->out, bracket);
    w->need_comma = false;
}

static void closing(struct json_writer *w, char bracket)
{
    khap__buf_char(w->out, bracket);
    w->need_comma = true;
}

void khap__json_object(struct json_writer *w, struct khap_str key_or_empty)
{
    opening(w, key_or_empty, '{');
}

void khap__json_object_end(struct json_writer *w)
{
    closing(w, '}');
}

void khap__json_array(struct json_writer *w, struct khap_str key_or_empty)
{
    opening(w, key_or_empty, '[');
}

void khap__json_array_end(struct json_writer *w)
{
    closing(w, ']');
}

void khap__json_string(struct json_writer *w, struct khap_str key_or_empty, struct khap_str value)
{
    lead(w, key_or_empty);
    quoted(w->out, value);
}

static void base64(struct buf *out, struct khap_str s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!khap__buf_reserve(out, s.len / 3 * 4 + 4))
        return;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)s.ptr[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            khap__buf_char(out, k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}

void khap__json_bytes(struct json_writer *w, struct khap_str key_or_empty, struct khap_str value)
{
    if (khap__str_find(value, '\0') == value.len && khap__utf8_valid(value, NULL)) {
        khap__json_string(w, key_or_empty, value);
        return;
    }
    khap__json_object(w, key_or_empty);
    lead(w, S("base64"));
    khap__buf_char(w->out, '"');
    base64(w->out, value);
    khap__buf_char(w->out, '"');
    khap__json_object_end(w);
}

void khap__json_int(struct json_writer *w, struct khap_str key_or_empty, int64_t value)
{
    lead(w, key_or_empty);
    khap__buf_int(w->out, value);
}

void khap__json_bool(struct json_writer *w, struct khap_str key_or_empty, bool value)
{
    lead(w, key_or_empty);
    khap__buf_add(w->out, value ? S("true") : S("false"));
}
