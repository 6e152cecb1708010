/* check/ignore.c - comments that pass over what is told of a line or a file. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/message.h"
#include "check/check.h"

#include <khap/check.h>
#include <stdlib.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word of a comment, up to a blank or a comma. */
static struct khap_str next_word(struct khap_str text, size_t *at)
{
    while (*at < text.len && blank(text.ptr[*at]))
        ++*at;
    size_t from = *at;
    while (*at < text.len && !blank(text.ptr[*at]) && text.ptr[*at] != ',')
        ++*at;
    return khap__str_sub(text, from, *at - from);
}

/* What the comments found so far are about. */
struct scope {
    struct check *c;
    struct khap_place line; /* that the comment stands on */
    size_t offset;          /* of the comment in it */
    struct khap_str comment;
    uint32_t pending; /* from here on they wait for the next line */
};

static struct khap_place place_in(const struct scope *s, struct khap_str word)
{
    return (struct khap_place){s->line.source,
                               s->line.offset + (uint32_t)(s->offset + (size_t)(word.ptr - s->comment.ptr)),
                               (uint32_t)word.len};
}

/* `ignore CODE,CODE reason`. */
static void read_codes(struct scope *s, size_t at, bool file)
{
    struct check *c = s->c;
    bool more = true;
    while (more) {
        struct khap_str code = next_word(s->comment, &at);
        struct khap_place place = place_in(s, code);
        while (at < s->comment.len && blank(s->comment.ptr[at]))
            at++;
        more = at < s->comment.len && s->comment.ptr[at] == ',';
        at += more;
        enum message_id id = khap__rules_code(c->diags, code, place);
        if (id == MSG__COUNT)
            continue;
        if (khap__message_severity(id) == KHAP_ERROR) {
            SAY(c->diags, MSG_IGNORE_OF_ERROR, place, code);
            continue;
        }
        struct ignore one = {.source = place.source, .to = UINT32_MAX, .place = place, .id = id};
        bool kept =
            file ? VEC_PUSH(&c->alloc, &c->ignored_in_files, one) : VEC_PUSH(&c->alloc, &c->ignores, one);
        c->no_memory = c->no_memory || !kept;
    }
}

static void read_comment(struct scope *s)
{
    size_t at = 1;
    if (!khap__str_eq(next_word(s->comment, &at), S("khapgen:")))
        return;
    struct khap_str verb = next_word(s->comment, &at);
    if (khap__str_eq(verb, S("ignore")) || khap__str_eq(verb, S("ignore-file")))
        read_codes(s, at, khap__str_ends(verb, S("-file")));
    else
        SAY(s->c->diags, MSG_BAD_COMMENT, place_in(s, verb), verb);
}

/* The codes that wait are about this line. */
static void settle(struct scope *s, uint32_t from, uint32_t to)
{
    struct check *c = s->c;
    for (; s->pending < c->ignores.len; s->pending++) {
        struct ignore *i = &c->ignores.ptr[s->pending];
        i->from = from;
        i->to = to;
        i->reached = from >= to;
    }
}

/* Looked at first, because most lines say nothing to khapgen. */
static bool mentions_khapgen(struct khap_str text)
{
    static const char word[] = "khapgen:";
    const char *at = text.len == 0 ? NULL : memchr(text.ptr, '#', text.len), *end = text.ptr + text.len;
    for (; at != NULL && (size_t)(end - at) >= sizeof word - 1; at++) {
        if (memcmp(at, word, sizeof word - 1) == 0)
            return true;
    }
    return false;
}

static enum khap_status read_document(struct check *c, const struct khap_document *doc)
{
    struct scope s = {.c = c, .pending = c->ignores.len};
    for (const struct khap_line *line = NULL; (line = khap_line_next(doc, line)) != NULL;) {
        struct khap_str text = khap_line_text(line);
        bool speaks = mentions_khapgen(text);
        if (!speaks && s.pending == c->ignores.len)
            continue;
        s.line = khap_line_origin(doc, line);
        if (speaks) {
            enum khap_status status = khap_words_read(c->own, doc, line);
            if (status != KHAP_OK)
                return status;
            s.comment = khap_words_comment(c->own);
            s.offset = s.comment.len == 0 ? 0 : (size_t)(s.comment.ptr - text.ptr);
            if (s.comment.len > 0 && s.line.source != 0)
                read_comment(&s);
        }
        enum khap_line_kind kind = khap_line_kind(doc, line);
        if (kind != KHAP_LINE_BLANK && kind != KHAP_LINE_COMMENT && s.pending < c->ignores.len) {
            /* a last line without its end is spoken of where that would be */
            size_t len = text.len + !khap__str_ends(text, S("\n")), room = UINT32_MAX - s.line.offset;
            settle(&s, s.line.offset, s.line.offset + (uint32_t)(len > room ? room : len));
        }
    }
    settle(&s, UINT32_MAX, 0); /* no line follows: they are about nothing */
    return KHAP_OK;
}

static int by_place(const void *left, const void *right)
{
    const struct ignore *a = left, *b = right;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* The place behind those that begin there or before. */
static uint32_t behind(const struct check *c, struct khap_place place)
{
    uint32_t low = 0, high = c->ignores.len;
    struct ignore wanted = {.source = place.source, .from = place.offset};
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (by_place(&c->ignores.ptr[middle], &wanted) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool covers(const struct ignore *i, struct khap_place place)
{
    return i->source == place.source && i->from <= place.offset && place.offset < i->to;
}

static uint32_t judge(void *ctx, enum message_id id, struct khap_place place)
{
    struct check *c = ctx;
    bool ignored = false;
    if (khap__message_severity(id) < KHAP_ERROR && place.source != 0) {
        for (uint32_t i = behind(c, place); i > 0 && covers(&c->ignores.ptr[i - 1], place); i--) {
            struct ignore *one = &c->ignores.ptr[i - 1];
            if (one->id == id)
                ignored = one->used = true;
        }
        for (uint32_t i = 0; i < c->ignored_in_files.len; i++) {
            struct ignore *one = &c->ignored_in_files.ptr[i];
            if (one->id == id && covers(one, place))
                ignored = one->used = true;
        }
    }
    return ignored ? KHAP_IGNORE : khap__rules_severity(c->rules, id);
}

enum khap_status khap__check_ignores(struct check *c, const struct khap_bundle *bundle)
{
    enum khap_status status = khap_words_new(&c->alloc, &c->own);
    for (const struct khap_bundle_file *file = NULL;
         status == KHAP_OK && (file = khap_bundle_next(bundle, file)) != NULL;) {
        const struct khap_document *doc = khap_bundle_file_document(file);
        if (doc != NULL)
            status = read_document(c, doc);
    }
    if (status == KHAP_OK && c->ignores.len > 0)
        qsort(c->ignores.ptr, c->ignores.len, sizeof *c->ignores.ptr, by_place);
    if (status == KHAP_OK && !c->no_memory)
        khap__diags_judged_by(c->diags, judge, c);
    return c->no_memory ? KHAP_ENOMEM : status;
}

void khap__check_reached(struct check *c)
{
    if (c->ignores.len == 0)
        return;
    struct khap_place place = khap_line_origin(c->at.doc, c->at.line);
    for (uint32_t i = behind(c, place); i > 0 && covers(&c->ignores.ptr[i - 1], place); i--)
        c->ignores.ptr[i - 1].reached = true;
}

void khap__check_unignored(struct check *c)
{
    for (uint32_t i = 0; i < c->ignores.len; i++) {
        const struct ignore *one = &c->ignores.ptr[i];
        if (one->reached && !one->used)
            SAY(c->diags, MSG_IGNORE_UNUSED, one->place, khap__str(khap__message_code(one->id)), S("here"));
    }
    for (uint32_t i = 0; i < c->ignored_in_files.len; i++) {
        const struct ignore *one = &c->ignored_in_files.ptr[i];
        if (!one->used)
            SAY(c->diags, MSG_IGNORE_UNUSED, one->place, khap__str(khap__message_code(one->id)),
                S("in this file"));
    }
    khap__diags_judged_by(c->diags, NULL, NULL);
}
