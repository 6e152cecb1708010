/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/json_text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct khap_str text_of(const char *s)
{
    return (struct khap_str){s, strlen(s)};
}

static void fail(struct json_text *j, enum khap_status status)
{
    if (j->status == KHAP_OK)
        j->status = status;
}

static struct khap_place here(const struct json_text *j)
{
    return (struct khap_place){j->source, (uint32_t)j->at, j->at < j->text.len ? 1u : 0u};
}

static void say(struct json_text *j, const char *code, struct khap_place place, const char *first,
                const char *second)
{
    struct khap_str words[2] = {text_of(first), text_of(second)};
    if (khap_diags_report(j->diags, text_of(code), place, words, 2) != KHAP_OK)
        fail(j, KHAP_ENOMEM);
}

void json_text_wrong(struct json_text *j, const char *code, struct khap_place place, struct json_path path,
                     const char *what)
{
    say(j, code, place, path.text, what);
    j->failed = true;
}

void json_text_fail(struct json_text *j, const char *code, struct khap_place place, const char *what)
{
    say(j, code, place, what, "");
    fail(j, KHAP_EINPUT);
}

static void skip_blanks(struct json_text *j)
{
    while (j->at < j->text.len && (j->text.ptr[j->at] == ' ' || j->text.ptr[j->at] == '\n' ||
                                   j->text.ptr[j->at] == '\r' || j->text.ptr[j->at] == '\t'))
        j->at++;
}

bool json_text_take(struct json_text *j, char c)
{
    if (j->status != KHAP_OK)
        return false;
    skip_blanks(j);
    if (j->at == j->text.len || j->text.ptr[j->at] != c)
        return false;
    j->at++;
    return true;
}

bool json_text_expect(struct json_text *j, char c, const char *wanted)
{
    if (json_text_take(j, c))
        return true;
    if (j->status == KHAP_OK)
        json_text_fail(j, "json-syntax", here(j), wanted);
    return false;
}

bool json_text_more(struct json_text *j, char close, bool *first)
{
    if (json_text_take(j, close))
        return false;
    if (!*first)
        json_text_expect(j, ',', close == ']' ? "a comma or ] must follow" : "a comma or } must follow");
    *first = false;
    return j->status == KHAP_OK;
}

static void say_no_json(struct json_text *j, const json_error_t *error, size_t from)
{
    size_t offset = from + (size_t)(error->position > 0 ? error->position - 1 : 0);
    if (offset > j->text.len)
        offset = j->text.len;
    struct khap_place place = {j->source, (uint32_t)offset, offset < j->text.len ? 1u : 0u};
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        fail(j, KHAP_ENOMEM);
        return;
    case json_error_duplicate_key:
        json_text_fail(j, "json-duplicate-key", place, j->path);
        break;
    default:
        json_text_fail(j, "json-syntax", place, error->text);
        break;
    }
}

json_t *json_text_value(struct json_text *j)
{
    if (j->status != KHAP_OK)
        return NULL;
    skip_blanks(j);
    json_error_t error;
    size_t from = j->at, len = j->text.len - from;
    json_t *value = json_loadb(
        j->text.ptr + from, len < INT_MAX ? len : INT_MAX,
        JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (value == NULL) {
        say_no_json(j, &error, from);
        return NULL;
    }
    j->at = from + (size_t)error.position; /* how many bytes it took */
    j->place = (struct khap_place){j->source, (uint32_t)from, (uint32_t)error.position};
    return value;
}

void json_text_skip(struct json_text *j, const char *name)
{
    char path[64];
    bool first = true;
    j->path = name;
    if (!json_text_take(j, '[')) {
        json_decref(json_text_value(j));
        return;
    }
    for (size_t i = 0; json_text_more(j, ']', &first); i++) {
        snprintf(path, sizeof path, "%s[%zu]", name, i);
        j->path = path;
        json_decref(json_text_value(j));
    }
    j->path = name;
}

void json_text_end(struct json_text *j)
{
    skip_blanks(j);
    if (j->status != KHAP_OK || j->at == j->text.len)
        return;
    json_text_fail(j, "json-syntax", here(j), "nothing may follow the closing brace");
}

/* ---- bytes */

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* RFC 4648 with its padding, and with zeros where bits are left over. */
static bool decode(const char *s, size_t len, char *to, size_t *n)
{
    *n = 0;
    if (len % 4 != 0)
        return false;
    size_t padding = len == 0 || s[len - 1] != '=' ? 0 : s[len - 2] != '=' ? 1 : 2;
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = i < len - padding ? digit_of(s[i]) : 0;
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 3)
            continue;
        size_t take = i == len - 1 ? 3 - padding : 3;
        for (size_t k = 0; k < take; k++)
            to[(*n)++] = (char)(bits >> (16 - 8 * k) & 255);
        if ((bits & ((UINT32_C(1) << (24 - 8 * take)) - 1)) != 0)
            return false;
        bits = 0;
    }
    return true;
}

enum khap_status json_bytes_of(const json_t *value, struct json_bytes *out)
{
    out->owned = NULL;
    if (json_is_string(value)) {
        out->str = (struct khap_str){json_string_value(value), json_string_length(value)};
        return KHAP_OK;
    }
    const json_t *text = json_object_get(value, "base64");
    if (!json_is_string(text) || json_object_size(value) != 1)
        return KHAP_EINPUT;
    size_t len = json_string_length(text);
    out->owned = malloc(len / 4 * 3 + 1);
    if (out->owned == NULL)
        return KHAP_ENOMEM;
    out->str.ptr = out->owned;
    return decode(json_string_value(text), len, out->owned, &out->str.len) ? KHAP_OK : KHAP_EINPUT;
}
