/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/json_line.h"

#include <stdio.h>
#include <stdlib.h>

size_t json_blanks(struct khap_str text)
{
    size_t n = 0;
    while (n < text.len && (text.ptr[n] == ' ' || text.ptr[n] == '\t'))
        n++;
    return n;
}

struct json_path json_path_of(size_t index, const char *key, size_t word)
{
    struct json_path p;
    if (word < SIZE_MAX)
        snprintf(p.text, sizeof p.text, "lines[%zu].%s[%zu]", index, key, word);
    else
        snprintf(p.text, sizeof p.text, "lines[%zu]%s%s", index, key[0] != '\0' ? "." : "", key);
    return p;
}

void json_line_forget(struct json_line *g)
{
    free(g->raw.owned);
    free(g->indent.owned);
    free(g->comment.owned);
    for (size_t i = 0; i < g->n; i++)
        free(g->words[i].owned);
}

static bool one_line(struct khap_str s)
{
    return s.len == 0 || memchr(s.ptr, '\n', s.len) == NULL;
}

/* Bytes of the value at `path`; such as stand in the line as they are hold no line feed. */
static bool take_bytes(struct json_text *j, const struct json_line *g, const json_t *value,
                       struct json_path path, bool in_line, struct json_bytes *out)
{
    enum khap_status status = json_bytes_of(value, out);
    if (status == KHAP_EINPUT)
        json_text_wrong(j, "json-value", g->place, path, "a string, or an object with base64");
    else if (status == KHAP_OK && in_line && !one_line(out->str)) {
        json_text_wrong(j, "json-value", g->place, path, "without a line feed");
        status = KHAP_EINPUT;
    } else if (status == KHAP_ENOMEM) {
        j->status = status;
    }
    return status == KHAP_OK;
}

/* {"raw": …}, with what the output says beside it. */
static const json_t *as_written(const json_t *value)
{
    const char *key;
    json_t *member;
    const json_t *raw = json_object_get(value, "raw");
    if (raw == NULL)
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (member != raw &&
            !(json_is_boolean(member) &&
              (strcmp(key, "variable") == 0 || strcmp(key, "many") == 0 || strcmp(key, "joins") == 0)))
            return NULL;
    }
    return raw;
}

static bool take_words(struct json_text *j, struct json_line *g, const json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) > JSON_MOST_WORDS) {
        json_text_wrong(j, "json-value", g->place, json_path_of(g->index, "words", SIZE_MAX),
                        "a list of at most 64 words");
        return false;
    }
    g->has_words = true;
    bool good = true;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *word = json_array_get(value, i), *raw = as_written(word);
        g->as_written[i] = raw != NULL;
        good &= take_bytes(j, g, raw != NULL ? raw : word, json_path_of(g->index, "words", i), raw != NULL,
                           &g->words[i]);
        g->n = i + 1;
    }
    return good;
}

static bool take_end(struct json_text *j, struct json_line *g, const json_t *value)
{
    static const struct khap_str lf = {"\n", 1}, crlf = {"\r\n", 2};
    const char *text = json_string_value(value);
    g->has_end = true;
    struct khap_str given = {text, text == NULL ? 0 : json_string_length(value)};
    g->end = (struct khap_str){"", 0};
    if (json_same(given, lf))
        g->end = lf;
    else if (json_same(given, crlf))
        g->end = crlf;
    else if (text == NULL || given.len > 0) {
        json_text_wrong(j, "json-value", g->place, json_path_of(g->index, "end", SIZE_MAX),
                        "\"\\n\", \"\\r\\n\" or \"\"");
        return false;
    }
    return true;
}

static bool take_indent(struct json_text *j, struct json_line *g, const json_t *value)
{
    struct json_path path = json_path_of(g->index, "indent", SIZE_MAX);
    g->has_indent = true;
    if (!take_bytes(j, g, value, path, true, &g->indent))
        return false;
    if (json_blanks(g->indent.str) == g->indent.str.len)
        return true;
    json_text_wrong(j, "json-value", g->place, path, "blanks and tabs");
    return false;
}

static bool take_comment(struct json_text *j, struct json_line *g, const json_t *value)
{
    struct json_path path = json_path_of(g->index, "comment", SIZE_MAX);
    g->has_comment = true;
    if (!take_bytes(j, g, value, path, true, &g->comment))
        return false;
    if (g->comment.str.len > 0 && g->comment.str.ptr[0] == '#')
        return true;
    json_text_wrong(j, "json-value", g->place, path, "text that begins with #");
    return false;
}

static bool take_key(struct json_text *j, struct json_line *g, const char *key, const json_t *value)
{
    static const char passed_over[][16] = {"line",  "offset", "kind",         "section",
                                           "error", "spans",  "commentColumn"};
    if (strcmp(key, "raw") == 0) {
        g->has_raw = true;
        return take_bytes(j, g, value, json_path_of(g->index, key, SIZE_MAX), true, &g->raw);
    }
    if (strcmp(key, "words") == 0)
        return take_words(j, g, value);
    if (strcmp(key, "end") == 0)
        return take_end(j, g, value);
    if (strcmp(key, "indent") == 0)
        return take_indent(j, g, value);
    if (strcmp(key, "comment") == 0)
        return take_comment(j, g, value);
    for (size_t i = 0; i < sizeof passed_over / sizeof passed_over[0]; i++)
        if (strcmp(key, passed_over[i]) == 0)
            return true;
    json_text_wrong(j, "json-unknown-key", g->place, json_path_of(g->index, key, SIZE_MAX), "");
    return false;
}

/* Fills *g, to be forgotten in any case; false after having said what is wrong. */
bool json_line_take(struct json_text *j, struct json_line *g, json_t *object, struct khap_place place,
                    size_t index)
{
    const char *key;
    json_t *value;
    bool good = true;
    memset(g, 0, offsetof(struct json_line, words));
    g->place = place;
    g->index = index;
    if (!json_is_object(object)) {
        json_text_wrong(j, "json-value", place, json_path_of(index, "", SIZE_MAX), "an object");
        return false;
    }
    json_object_foreach(object, key, value) good &= take_key(j, g, key, value);
    if (!good)
        return false;
    if (!g->has_raw && !g->has_words && !g->has_comment) {
        json_text_wrong(j, "json-value", place, json_path_of(index, "", SIZE_MAX),
                        "given by raw, by words or by comment");
        return false;
    }
    if (g->has_end && g->end.len == 0 && g->has_raw && g->raw.str.len == 0) {
        json_text_wrong(j, "json-value", place, json_path_of(index, "end", SIZE_MAX),
                        "\"\\n\": the line has no other byte");
        return false;
    }
    return true;
}
