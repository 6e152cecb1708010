/* SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/vec.h"
#include <khap/diag.h>

/*
 * A mark every 16 KiB of text: how many lines ended before it, and where the line there begins. Made when the
 * source is added, by one pass at memory speed, so that looking up a place changes nothing (several threads
 * may do it) and reads 16 KiB at most.
 */
enum { MARK_EVERY = 1 << 14 };

struct mark {
    uint32_t lines, line_start;
};

struct source {
    struct khap_str name, text;
    struct mark *marks; /* [text.len / MARK_EVERY + 1] */
};

struct khap_sources {
    struct arena arena; /* of the names and marks */
    VEC(struct source) list;
};

enum khap_status khap_sources_new(const struct khap_alloc *alloc, struct khap_sources **out)
{
    if (out == NULL)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_sources *s = khap__alloc(&a, 1, sizeof *s);
    if (s == NULL)
        return KHAP_ENOMEM;
    *s = (struct khap_sources){0};
    khap__arena_init(&s->arena, &a);
    *out = s;
    return KHAP_OK;
}

void khap_sources_free(struct khap_sources *sources)
{
    if (sources == NULL)
        return;
    struct khap_alloc a = sources->arena.alloc;
    VEC_FREE(&a, &sources->list);
    khap__arena_free(&sources->arena);
    khap__free(&a, sources, 1, sizeof *sources);
}

/* Counts LF in n bytes; *last is the place after the newest one, and stays when there is none. */
static uint32_t count_lines(const char *text, uint32_t from, uint32_t n, uint32_t *last)
{
    uint32_t lines = 0;
    const char *at = text + from, *end = at + n;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        lines++;
        *last = (uint32_t)(at - text);
    }
    return lines;
}

static struct mark *make_marks(struct arena *arena, struct khap_str text)
{
    uint32_t len = (uint32_t)text.len, n = len / MARK_EVERY + 1;
    struct mark *marks = khap__arena_alloc(arena, n, sizeof *marks);
    if (marks == NULL)
        return NULL;
    marks[0] = (struct mark){0, 0};
    for (uint32_t i = 1; i < n; i++) {
        marks[i] = marks[i - 1];
        marks[i].lines += count_lines(text.ptr, (i - 1) * MARK_EVERY, MARK_EVERY, &marks[i].line_start);
    }
    return marks;
}

enum khap_status khap_sources_add(struct khap_sources *sources, struct khap_str name, struct khap_str text,
                                  uint32_t *id)
{
    if (sources == NULL || id == NULL || (name.ptr == NULL && name.len > 0) ||
        (text.ptr == NULL && text.len > 0))
        return KHAP_EINVAL;
#if SIZE_MAX > UINT32_MAX
    if (text.len >= UINT32_MAX)
        return KHAP_ELIMIT;
#endif
    struct source added = {{NULL, 0}, text, NULL};
    if (khap__arena_dup(&sources->arena, name, &added.name) != KHAP_OK)
        return KHAP_ENOMEM;
    if (text.len > 0) {
        added.marks = make_marks(&sources->arena, text);
        if (added.marks == NULL)
            return KHAP_ENOMEM;
    }
    if (!VEC_PUSH(&sources->arena.alloc, &sources->list, added))
        return KHAP_ENOMEM;
    *id = sources->list.len;
    return KHAP_OK;
}

enum khap_status khap__sources_copy(struct khap_sources *sources, struct khap_str name, struct khap_str text,
                                    uint32_t *id)
{
    struct khap_str copy = {NULL, 0};
    enum khap_status status = khap__arena_dup(&sources->arena, text, &copy);
    return status == KHAP_OK ? khap_sources_add(sources, name, copy, id) : status;
}

static const struct source *source_of(const struct khap_sources *sources, uint32_t id)
{
    return sources == NULL || id == 0 || id > sources->list.len ? NULL : &sources->list.ptr[id - 1];
}

struct khap_str khap_sources_name(const struct khap_sources *sources, uint32_t id)
{
    const struct source *s = source_of(sources, id);
    return s == NULL ? S("") : s->name;
}

struct khap_str khap_sources_text(const struct khap_sources *sources, uint32_t id)
{
    const struct source *s = source_of(sources, id);
    return s == NULL ? S("") : s->text;
}

void khap_sources_locate(const struct khap_sources *sources, struct khap_place place, uint32_t *line,
                         uint32_t *column)
{
    const struct source *s = source_of(sources, place.source);
    *line = *column = 0;
    if (s == NULL || s->marks == NULL)
        return;
    uint32_t offset = place.offset > s->text.len ? (uint32_t)s->text.len : place.offset;
    uint32_t i = offset / MARK_EVERY, start = s->marks[i].line_start;
    uint32_t lines =
        s->marks[i].lines + count_lines(s->text.ptr, i * MARK_EVERY, offset - i * MARK_EVERY, &start);
    *line = lines + 1;
    *column = offset - start + 1;
}
