/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/quarantine.h"

#include <khap/yaml.h>
#include <stdlib.h>
#include <string.h>

static size_t line_end(struct khap_str text, size_t at)
{
    const char *end = memchr(text.ptr + at, '\n', text.len - at);
    return end != NULL ? (size_t)(end - text.ptr) + 1 : text.len;
}

/* Of a line; SIZE_MAX for one of blanks alone or of a comment. */
static size_t indent_of(struct khap_str text, size_t at)
{
    size_t n = 0;
    while (at + n < text.len && text.ptr[at + n] == ' ')
        n++;
    bool nothing = at + n == text.len || strchr("\r\n#", text.ptr[at + n]) != NULL;
    return nothing ? SIZE_MAX : n;
}

/* The lines of a key that stands on a line of its own, with what is behind it further in; empty for one in braces. */
static struct khap_str lines_of(struct khap_str text, size_t key)
{
    size_t from = key;
    while (from > 0 && text.ptr[from - 1] == ' ')
        from--;
    if ((from > 0 && text.ptr[from - 1] != '\n') || from == key)
        return (struct khap_str){"", 0};
    size_t indent = key - from, to = line_end(text, from);
    while (to < text.len && indent_of(text, to) > indent)
        to = line_end(text, to);
    return (struct khap_str){text.ptr + from, to - from};
}

static bool same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Calls for each service of a text until one says false. */
static bool each_service(struct khap_str text, void *ctx,
                         bool (*take)(void *ctx, struct khap_str name, struct khap_str lines))
{
    struct report r;
    struct khap_yaml *yaml = NULL;
    const struct khap_yaml_node *root = NULL;
    uint32_t source;
    bool good = true;
    if (report_open(&r) != EXIT_DONE)
        return false;
    enum khap_status status = khap_sources_add(r.sources, WORD("map"), text, &source);
    if (status == KHAP_OK)
        status = khap_yaml_open(NULL, r.diags, source, &yaml);
    while (status == KHAP_OK && good && (status = khap_yaml_next(yaml, &root)) == KHAP_OK && root != NULL) {
        const struct khap_yaml_node *services = khap_yaml_get(root, WORD("services"));
        for (const struct khap_yaml_node *key = NULL;
             good && (key = khap_yaml_each(services, key)) != NULL;) {
            struct khap_place place = khap_yaml_place(yaml, key);
            if (khap_yaml_kind(services) == KHAP_YAML_MAPPING && place.source == source &&
                place.offset < text.len)
                good = take(ctx, khap_yaml_text(key), lines_of(text, place.offset));
        }
    }
    khap_yaml_free(yaml);
    report_close(&r);
    return good;
}

struct search {
    struct khap_str name, found;
    bool has;
};

static bool find(void *ctx, struct khap_str name, struct khap_str lines)
{
    struct search *s = ctx;
    if (same(name, s->name)) {
        s->found = lines;
        s->has = true;
    }
    return true;
}

struct adding {
    struct suspects *to;
    size_t map;
    struct khap_str last;
};

static bool add(void *ctx, struct khap_str name, struct khap_str lines)
{
    const struct adding *a = ctx;
    struct suspects *s = a->to;
    struct search old = {.name = name};
    if (lines.len == 0)
        return true;
    if (a->last.len > 0 && !each_service(a->last, &old, find))
        return false;
    if (old.has && same(old.found, lines)) /* what did not change since all was well is not at fault */
        return true;
    if (s->n == s->cap) {
        size_t cap = s->cap > 0 ? s->cap * 2 : 16;
        struct suspect *of = cap < SIZE_MAX / sizeof *of ? realloc(s->of, cap * sizeof *of) : NULL;
        if (of == NULL)
            return false;
        s->of = of;
        s->cap = cap;
    }
    char *copy = malloc(name.len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name.ptr, name.len);
    s->of[s->n++] = (struct suspect){a->map, {copy, name.len}, lines, old.found, false};
    return true;
}

bool suspects_add(struct suspects *s, size_t map, struct khap_str text, struct khap_str last)
{
    struct adding a = {s, map, last};
    return each_service(text, &a, add);
}

/* They stand in the order of the text. */
bool suspects_text(const struct suspects *s, size_t map, struct khap_str text, struct pass_text *out)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    bool good = true;
    for (size_t i = 0; good && i < s->n; i++) {
        const struct suspect *one = &s->of[i];
        if (one->map != map || !one->aside)
            continue;
        good = text_add_bytes(out, at, (size_t)(one->lines.ptr - at)) &&
               text_add_bytes(out, one->last.len > 0 ? one->last.ptr : "", one->last.len);
        at = one->lines.ptr + one->lines.len;
    }
    return good && text_add_bytes(out, at, (size_t)(end - at));
}

void suspects_free(struct suspects *s)
{
    for (size_t i = 0; i < s->n; i++)
        free((char *)(uintptr_t)s->of[i].name.ptr);
    free(s->of);
    *s = (struct suspects){0};
}
