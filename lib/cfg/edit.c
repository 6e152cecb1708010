/* Changing lines of a document. SPDX-License-Identifier: MIT */
#include "cfg/document.h"

#include "base/diag.h"
#include "cfg/lex.h"
#include "cfg/lines.h"
#include "cfg/sections.h"

/* A failure of an edit is the caller's to see at once, and no failure of the document. */
struct attempt {
    enum khap_status status;
    bool refused;
};

static struct attempt begin(struct khap_document *doc, struct khap_place origin)
{
    struct attempt before = {doc->status, doc->refused};
    doc->status = KHAP_OK;
    doc->refused = true; /* so that no refused word is kept */
    khap__lines_open(doc, origin);
    return before;
}

static enum khap_status end(struct khap_document *doc, struct attempt before)
{
    enum khap_status status = doc->status;
    doc->at = doc->line; /* what no line took is given up */
    doc->status = before.status;
    doc->refused = before.refused;
    doc->word = NULL;
    return status;
}

static bool ends_in(const struct khap_line *line, const char *end, uint32_t n)
{
    return line != NULL && line->len >= n && memcmp(line->text + line->len - n, end, n) == 0;
}

/* The line end that lines have around here. */
static struct khap_str end_near(const struct khap_document *doc, const struct khap_line *line)
{
    if (!ends_in(line, "\n", 1)) {
        const struct khap_line *near = line == NULL ? NULL : khap_line_prev(doc, line);
        line = near != NULL ? near : khap_line_next(doc, line);
    }
    return ends_in(line, "\r\n", 2) ? S("\r\n") : S("\n");
}

static struct khap_str blanks_before(const struct khap_line *line)
{
    uint32_t line_end, n = 0;
    struct khap_str body = khap__line_body(line, &line_end);
    while (n < body.len && (body.ptr[n] == ' ' || body.ptr[n] == '\t'))
        n++;
    return khap__str_sub(body, 0, n);
}

/* The blanks before a line behind `after`: those of a statement beside it, else of a comment. */
static struct khap_str indent_near(const struct khap_document *doc, const struct khap_line *after)
{
    const struct khap_line *before = after == NULL ? NULL : khap_line_next(doc, after);
    enum khap_line_kind kind = khap_line_kind(doc, after);
    if (kind == KHAP_LINE_STATEMENT || kind == KHAP_LINE_DIRECTIVE)
        return blanks_before(after);
    if (khap_line_kind(doc, before) == KHAP_LINE_STATEMENT)
        return blanks_before(before);
    if (kind == KHAP_LINE_SECTION)
        return S("    ");
    return kind == KHAP_LINE_COMMENT ? blanks_before(after) : S("");
}

/* A last line without an end gets one before another can stand behind it. */
static bool close_line(struct khap_document *doc, struct khap_line *line)
{
    if (line == NULL || ends_in(line, "\n", 1))
        return true;
    khap__lines_bytes(doc, khap__line_str(line));
    khap__lines_bytes(doc, end_near(doc, line));
    return khap__lines_become(doc, line);
}

static void add_words(struct khap_document *doc, const struct khap_str *words, size_t n)
{
    if (n > MOST_WORDS)
        khap__lines_kill(doc, KHAP_EINPUT);
    for (size_t i = 0; i < n && !doc->dead; i++)
        khap__doc_word(doc, words[i]);
}

/* The open line takes the place of `line`; one without any byte would be no line. */
static void take_place(struct khap_document *doc, struct khap_line *line)
{
    if (doc->at == doc->line)
        khap__lines_bytes(doc, end_near(doc, line));
    if (!doc->dead)
        khap__lines_become(doc, line);
}

static void check_length(struct khap_document *doc)
{
    if (doc->target.first == KHAP_RELEASE(1, 5) && doc->at - doc->line > LINE_15)
        khap__lines_kill(doc, KHAP_EINPUT);
}

/* The open line, whole, takes its place behind `after`. */
static void place_line(struct khap_document *doc, struct khap_line *after, struct khap_line **out)
{
    uint32_t number = doc->dead ? 0 : khap__lines_make(doc);
    if (number == 0)
        return;
    if (!close_line(doc, after))
        return;
    khap__lines_link(doc, khap__lines_number(doc, after), number);
    if (out != NULL)
        *out = khap__line_of(doc, number);
}

enum khap_status khap_document_insert(struct khap_document *doc, struct khap_line *after, uint32_t indent,
                                      const struct khap_str *words, size_t n, struct khap_place origin,
                                      struct khap_line **out)
{
    if (doc == NULL || (words == NULL && n > 0))
        return KHAP_EINVAL;
    struct attempt before = begin(doc, origin);
    if (n > 0 && indent == KHAP_INDENT_AS_BESIDE) {
        if (khap__section_of(&doc->target, words[0]) < 0)
            khap__lines_bytes(doc, indent_near(doc, after));
    } else if (n > 0 && indent > 0 && khap__lines_room(doc, indent)) {
        memset(doc->at, ' ', indent);
        doc->at += indent;
    }
    add_words(doc, words, n);
    khap__lines_bytes(doc, end_near(doc, after));
    check_length(doc);
    place_line(doc, after, out);
    return end(doc, before);
}

/* One line: the only LF is at its end. */
static bool one_line(struct khap_str text)
{
    return text.len == 0 || khap__str_find(text, '\n') + 1 >= text.len;
}

enum khap_status khap_document_insert_raw(struct khap_document *doc, struct khap_line *after,
                                          struct khap_str text, struct khap_place origin,
                                          struct khap_line **out)
{
    if (doc == NULL || (text.ptr == NULL && text.len > 0) || !one_line(text))
        return KHAP_EINVAL;
    struct attempt before = begin(doc, origin);
    bool last = after == NULL ? doc->head == 0 : after->next == 0;
    khap__lines_bytes(doc, text);
    if ((text.len == 0 || text.ptr[text.len - 1] != '\n') && !(last && text.len > 0))
        khap__lines_bytes(doc, end_near(doc, after));
    place_line(doc, after, out);
    return end(doc, before);
}

enum khap_status khap_document_remove(struct khap_document *doc, struct khap_line *line)
{
    if (doc == NULL || line == NULL)
        return KHAP_EINVAL;
    khap__lines_unlink(doc, line);
    return KHAP_OK;
}

enum khap_status khap_line_set_raw(struct khap_document *doc, struct khap_line *line, struct khap_str text)
{
    if (doc == NULL || line == NULL || (text.ptr == NULL && text.len > 0) || !one_line(text))
        return KHAP_EINVAL;
    struct attempt before = begin(doc, NOWHERE);
    khap__lines_bytes(doc, text);
    if (text.len == 0 || text.ptr[text.len - 1] != '\n') {
        uint32_t line_end;
        struct khap_str body = khap__line_body(line, &line_end);
        khap__lines_bytes(doc, (struct khap_str){body.ptr + body.len, line_end});
    }
    take_place(doc, line);
    return end(doc, before);
}

enum khap_status khap_line_set_words(struct khap_document *doc, struct khap_line *line,
                                     const struct khap_str *words, size_t n)
{
    if (doc == NULL || line == NULL || (words == NULL && n > 0))
        return KHAP_EINVAL;
    struct arena arena;
    struct lex_line lexed;
    uint32_t line_end, tail;
    struct khap_str body = khap__line_body(line, &line_end);
    khap__arena_init(&arena, &doc->alloc);
    enum khap_status status = khap__lex_line(&arena, doc->target.last, body, &lexed);
    if (status == KHAP_OK) {
        /* a comment stays, with the blanks before it; what else follows the words does not */
        tail = lexed.comment;
        while (tail < body.len && tail > 0 && (body.ptr[tail - 1] == ' ' || body.ptr[tail - 1] == '\t') &&
               (lexed.n == 0 || tail > lexed.words[lexed.n - 1].offset + lexed.words[lexed.n - 1].len))
            tail--;
        if (lexed.error != LEX_OK)
            tail = (uint32_t)body.len;
        struct attempt before = begin(doc, NOWHERE);
        khap__lines_bytes(doc, lexed.n == 0 && tail < body.len ? S("") : blanks_before(line));
        add_words(doc, words, n);
        khap__lines_bytes(doc, (struct khap_str){body.ptr + tail, body.len + line_end - tail});
        check_length(doc);
        take_place(doc, line);
        status = end(doc, before);
    }
    khap__arena_free(&arena);
    return status;
}

/* Whether the open line has the words that `line` had, but for one. */
static enum khap_status only_one_changed(const struct khap_document *doc, struct arena *arena,
                                         const struct lex_line *was, size_t index, struct khap_str value,
                                         uint32_t line_end)
{
    struct lex_line is;
    struct khap_str body = {doc->line, (size_t)(doc->at - doc->line) - line_end};
    enum khap_status status = khap__lex_line(arena, doc->target.last, body, &is);
    if (status != KHAP_OK)
        return status;
    if (is.n != was->n || is.error != was->error)
        return KHAP_EINPUT;
    for (uint32_t i = 0; i < is.n; i++) {
        if (!khap__str_eq(is.words[i].value, i == index ? value : was->words[i].value))
            return KHAP_EINPUT;
    }
    return KHAP_OK;
}

enum khap_status khap_line_set_word(struct khap_document *doc, struct khap_line *line, size_t index,
                                    struct khap_str value)
{
    if (doc == NULL || line == NULL || (value.ptr == NULL && value.len > 0))
        return KHAP_EINVAL;
    struct arena arena;
    struct lex_line lexed;
    uint32_t line_end;
    struct khap_str body = khap__line_body(line, &line_end);
    khap__arena_init(&arena, &doc->alloc);
    enum khap_status status = khap__lex_line(&arena, doc->target.last, body, &lexed);
    if (status == KHAP_OK && index >= lexed.n)
        status = KHAP_ENOENT;
    if (status == KHAP_OK) {
        struct attempt before = begin(doc, NOWHERE);
        struct buf word;
        khap__buf_init(&word, &doc->alloc);
        uint32_t from = lexed.words[index].offset, to = from + lexed.words[index].len;
        if ((index == 0 && value.len > 0 && (*value.ptr == '.' || *value.ptr == '[')) ||
            khap__encode_word(&word, doc->target.first, doc->target.last, value) != ENCODE_OK)
            khap__lines_kill(doc, word.failed ? KHAP_ENOMEM : KHAP_EINPUT);
        khap__lines_bytes(doc, khap__str_sub(body, 0, from));
        khap__lines_bytes(doc, khap__buf_str(&word));
        khap__lines_bytes(doc, (struct khap_str){body.ptr + to, body.len + line_end - to});
        if (word.failed)
            khap__lines_kill(doc, KHAP_ENOMEM);
        check_length(doc);
        if (!doc->dead) {
            status = only_one_changed(doc, &arena, &lexed, index, value, line_end);
            if (status != KHAP_OK)
                khap__lines_kill(doc, status);
        }
        take_place(doc, line);
        status = end(doc, before);
        khap__buf_free(&word);
    }
    khap__arena_free(&arena);
    return status;
}
