/* fuzz/fuzz_document.c - any bytes as a document for any target, printed back, outlined, and edited beside a list of strings that
 * is edited alike.
 *
 * The first byte of the input chooses the target, the second says how many bytes are edits; the text follows.
 * covers: lib/cfg/parse.c lib/cfg/lines.c lib/cfg/document.c lib/cfg/edit.c lib/cfg/write.c lib/cfg/outline.c lib/cfg/words.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"
#include "cfg/lex.h"
#include <khap/cfg.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* What one line must be, and the handle that must stay. */
struct expected {
    struct khap_line *line;
    struct khap_str text;
};
struct lines {
    struct expected *ptr;
    size_t n, cap;
    struct arena arena;
};

static void lines_insert(struct lines *l, size_t at, struct khap_line *line, struct khap_str text)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->ptr = realloc(l->ptr, l->cap * sizeof *l->ptr);
        MUST(l->ptr != NULL);
    }
    if (at < l->n)
        memmove(l->ptr + at + 1, l->ptr + at, (l->n - at) * sizeof *l->ptr);
    l->ptr[at].line = line;
    MUST(khap__arena_dup(&l->arena, text, &l->ptr[at].text) == KHAP_OK);
    l->n++;
}

static void must_be(const struct khap_document *doc, const struct lines *l)
{
    struct buf printed;
    khap__buf_init(&printed, NULL);
    struct khap_sink sink = {&printed, into_buf};
    MUST(khap_document_print(doc, &sink) == KHAP_OK);
    MUST(khap_document_length(doc) == printed.len);
    struct khap_line *line = NULL;
    size_t at = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct khap_line *before = line;
        line = khap_line_next(doc, line);
        MUST(line == l->ptr[i].line && khap_line_prev(doc, line) == before);
        struct khap_str text = khap_line_text(line);
        MUST(khap__str_eq(text, l->ptr[i].text));
        MUST(khap__str_eq(text, khap__str_sub(khap__buf_str(&printed), at, text.len)));
        at += text.len;
    }
    MUST(khap_line_next(doc, line) == NULL && khap_line_prev(doc, NULL) == line && at == printed.len);
    khap__buf_free(&printed);
}

static bool has_end(struct khap_str s)
{
    return s.len > 0 && s.ptr[s.len - 1] == '\n';
}

/* Behind a last line without an end nothing can stand; it gets one, the bytes before stay. */
static void closed(struct lines *l, size_t i)
{
    struct khap_str was = l->ptr[i].text, is = khap_line_text(l->ptr[i].line);
    if (has_end(was))
        return;
    MUST(has_end(is) && is.len <= was.len + 2 && (was.len == 0 || memcmp(is.ptr, was.ptr, was.len) == 0));
    MUST(khap__arena_dup(&l->arena, is, &l->ptr[i].text) == KHAP_OK);
}

static size_t read_words(struct khap_words *w, const struct khap_document *doc, const struct khap_line *line,
                         struct arena *arena, struct khap_str values[64])
{
    MUST(khap_words_read(w, doc, line) == KHAP_OK);
    size_t n = khap_words_count(w);
    MUST(n <= 64);
    for (size_t i = 0; i < n; i++)
        MUST(khap__arena_dup(arena, khap_words_value(w, i), &values[i]) == KHAP_OK);
    return n;
}

static void edit(struct khap_document *doc, struct lines *l, struct khap_words *w, const uint8_t *op,
                 size_t n)
{
    size_t at = l->n == 0 ? 0 : op[1] % l->n, count, after;
    struct khap_str payload = {(const char *)op + 3, n - 3}, before[64], values[64];
    struct khap_line *line = l->n == 0 ? NULL : l->ptr[at].line, *added = NULL;
    struct khap_place origin = {0, 7, 3};
    enum khap_status status;
    bool front = l->n == 0 || (op[1] & 128) != 0;
    switch (op[0] % 6) {
    case 0:
        status = khap_document_insert_raw(doc, front ? NULL : line, payload, origin, &added);
        MUST((status == KHAP_OK) == (khap__str_find(payload, '\n') + 1 >= payload.len || payload.len == 0));
        if (status != KHAP_OK)
            break;
        MUST(khap_line_origin(doc, added).offset == 7);
        MUST(khap__str_starts(khap_line_text(added), payload));
        if (!front)
            closed(l, at);
        lines_insert(l, front ? 0 : at + 1, added, khap_line_text(added));
        break;
    case 1:
        if (line == NULL)
            break;
        MUST(khap_document_remove(doc, line) == KHAP_OK);
        memmove(l->ptr + at, l->ptr + at + 1, (l->n - at - 1) * sizeof *l->ptr);
        l->n--;
        break;
    case 2:
        if (line == NULL || khap_line_set_raw(doc, line, payload) != KHAP_OK)
            break;
        MUST(khap__str_starts(khap_line_text(line), payload));
        MUST(khap__arena_dup(&l->arena, khap_line_text(line), &l->ptr[at].text) == KHAP_OK);
        break;
    case 3:
        if (line == NULL)
            break;
        count = read_words(w, doc, line, &l->arena, before);
        status = khap_line_set_word(doc, line, op[2] % 66, payload);
        if (op[2] % 66u >= count)
            MUST(status == KHAP_ENOENT);
        if (status != KHAP_OK)
            break;
        after = read_words(w, doc, line, &l->arena, values);
        MUST(after == count);
        for (size_t i = 0; i < count; i++)
            MUST(khap__str_eq(values[i], i == op[2] % 66u ? payload : before[i]));
        MUST(khap__arena_dup(&l->arena, khap_line_text(line), &l->ptr[at].text) == KHAP_OK);
        break;
    default: {
        struct khap_str words[3] = {payload, {"b c", 3}, {"\"'\\#$", 5}};
        size_t m = op[2] % 4;
        if (op[0] % 6 == 4) {
            if (line == NULL)
                break;
            MUST(khap_words_read(w, doc, line) == KHAP_OK);
            struct khap_str comment;
            MUST(khap__arena_dup(&l->arena, khap_words_comment(w), &comment) == KHAP_OK);
            bool bad = khap_words_error(w, NULL, NULL) != KHAP_WORDS_READ;
            if (khap_line_set_words(doc, line, words, m) != KHAP_OK)
                break;
            MUST(read_words(w, doc, line, &l->arena, values) == m);
            if (!bad) /* a [scope] may have had one that begins in another place */
                MUST(khap__str_eq(khap_words_comment(w), comment));
            MUST(khap__arena_dup(&l->arena, khap_line_text(line), &l->ptr[at].text) == KHAP_OK);
        } else {
            status = khap_document_insert(doc, front ? NULL : line,
                                          (op[2] & 64) != 0 ? KHAP_INDENT_AS_BESIDE : op[2] / 8u, words, m,
                                          origin, &added);
            if (status != KHAP_OK)
                break;
            MUST(has_end(khap_line_text(added)));
            MUST(read_words(w, doc, added, &l->arena, values) == m);
            if (!front)
                closed(l, at);
            lines_insert(l, front ? 0 : at + 1, added, khap_line_text(added));
        }
        for (size_t i = 0; i < m; i++)
            MUST(khap__str_eq(values[i], words[i]));
    }
    }
}

static void check_outline(const struct khap_document *doc)
{
    struct khap_outline *o;
    struct khap_section s = {.size = sizeof s};
    struct khap_branch b = {.size = sizeof b};
    const struct khap_line *line = NULL;
    MUST(khap_outline_new(NULL, doc, NULL, &o) == KHAP_OK);
    size_t i = 0;
    while ((line = khap_line_next(doc, line)) != NULL) {
        if (khap_line_kind(doc, line) == KHAP_LINE_SECTION) {
            MUST(khap_outline_section(o, i++, &s) == KHAP_OK && s.head == line && s.kind.len > 0);
            const struct khap_line *next = khap_line_next(doc, s.last);
            MUST(next == NULL || khap_line_kind(doc, next) == KHAP_LINE_SECTION);
        }
    }
    MUST(khap_outline_section(o, i, &s) == KHAP_ENOENT);
    for (i = 0; khap_outline_branch(o, i, &b) == KHAP_OK; i++) {
        MUST(khap_line_kind(doc, b.head) == KHAP_LINE_DIRECTIVE);
        MUST((b.kind == KHAP_BRANCH_IF) == (b.before == SIZE_MAX));
        MUST((b.parent == SIZE_MAX) == (b.depth == 0));
        MUST(b.parent == SIZE_MAX || b.parent < i);
        MUST(b.before == SIZE_MAX || b.before < i);
    }
    khap_outline_free(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct khap_target target;
    size_t n_releases = 0;
    while (khap_release_at(n_releases) != 0)
        n_releases++;
    khap_target_init(&target);
    target.first = khap_release_at(data[0] % n_releases);
    target.last = (data[0] & 128) != 0 ? KHAP_NEWEST : target.first;
    size_t n_edits = data[1] < size - 2 ? data[1] : size - 2;
    const uint8_t *edits = data + 2;
    struct khap_str text = {(const char *)data + 2 + n_edits, size - 2 - n_edits};

    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_document *doc;
    struct khap_words *words;
    struct lines l = {0};
    uint32_t source;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_sources_add(sources, S("x"), text, &source) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    MUST(khap_words_new(NULL, &words) == KHAP_OK);
    khap__arena_init(&l.arena, NULL);
    MUST(khap_document_parse(NULL, &target, text, source, diags, &doc) == KHAP_OK);
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(diags, d)) != NULL;) {
        struct khap_place p = khap_diag_place(d);
        MUST(p.source == source && p.offset + (uint64_t)p.len <= text.len);
    }

    struct buf printed;
    khap__buf_init(&printed, NULL);
    struct khap_sink sink = {&printed, into_buf};
    MUST(khap_document_print(doc, &sink) == KHAP_OK);
    MUST(khap__str_eq(khap__buf_str(&printed), text));
    khap__buf_free(&printed);
    for (struct khap_line *line = NULL; (line = khap_line_next(doc, line)) != NULL;)
        lines_insert(&l, l.n, line, khap_line_text(line));
    check_outline(doc);

    for (size_t i = 0; i + 4 <= n_edits;) {
        size_t len = 4 + edits[i] / 16;
        if (len > n_edits - i)
            len = n_edits - i;
        edit(doc, &l, words, edits + i, len);
        must_be(doc, &l);
        i += len;
    }
    check_outline(doc);
    khap_document_free(doc);
    khap_words_free(words);
    khap_diags_free(diags);
    khap_sources_free(sources);
    khap__arena_free(&l.arena);
    free(l.ptr);
    return 0;
}
