/* A document as JSON, a line of it at a time. SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/message.h"
#include "cfg/lines.h"

enum { PIECE = 64 * 1024 /* what is gathered before the sink gets it */ };

struct printing {
    const struct khap_document *doc;
    const struct khap_sink *sink;
    struct khap_outline *outline;
    struct khap_words *words;
    struct buf out;
    struct json_writer w;
    enum khap_status status;
};

static const char kinds[][12] = {
    [KHAP_LINE_BLANK] = "blank",         [KHAP_LINE_COMMENT] = "comment",     [KHAP_LINE_SECTION] = "section",
    [KHAP_LINE_STATEMENT] = "statement", [KHAP_LINE_DIRECTIVE] = "directive", [KHAP_LINE_SCOPE] = "scope",
    [KHAP_LINE_IGNORED] = "ignored",
};
static const char branches[][8] = {
    [KHAP_BRANCH_IF] = "if", [KHAP_BRANCH_ELIF] = "elif", [KHAP_BRANCH_ELSE] = "else"};

static void flush(struct printing *p, size_t more_than)
{
    if (p->status == KHAP_OK && (p->out.failed || p->out.len > more_than))
        p->status = khap__buf_flush(&p->out, p->sink);
}

/* Lines, sections and branches begin a line of text each. */
static void next_item(struct printing *p)
{
    if (p->w.need_comma)
        khap__buf_char(&p->out, ',');
    khap__buf_char(&p->out, '\n');
    p->w.need_comma = false;
    khap__json_object(&p->w, S(""));
}

static void put_span(struct json_writer *w, uint32_t offset, size_t len)
{
    khap__json_array(w, S(""));
    khap__json_int(w, S(""), (int64_t)offset + 1);
    khap__json_int(w, S(""), (int64_t)offset + 1 + (int64_t)len);
    khap__json_array_end(w);
}

/* The value, or where that is not known without the environment, how it is written. */
static void put_word(struct json_writer *w, const struct khap_word *word)
{
    if ((word->flags & KHAP_WORD_VARIABLE) == 0) {
        khap__json_bytes(w, S(""), word->value);
        return;
    }
    khap__json_object(w, S(""));
    khap__json_bytes(w, S("raw"), word->raw);
    khap__json_bool(w, S("variable"), true);
    if ((word->flags & KHAP_WORD_MANY) != 0)
        khap__json_bool(w, S("many"), true);
    if ((word->flags & KHAP_WORD_JOINS) != 0)
        khap__json_bool(w, S("joins"), true);
    khap__json_object_end(w);
}

static void put_words(struct printing *p, struct khap_str body)
{
    struct khap_word word = {.size = sizeof word};
    struct khap_str comment = khap_words_comment(p->words);
    size_t indent = 0;
    while (indent < body.len && (body.ptr[indent] == ' ' || body.ptr[indent] == '\t'))
        indent++;
    khap__json_bytes(&p->w, S("indent"), khap__str_sub(body, 0, indent));
    khap__json_array(&p->w, S("words"));
    for (size_t i = 0; khap_words_at(p->words, i, &word) == KHAP_OK; i++) {
        put_word(&p->w, &word);
        flush(p, PIECE);
    }
    khap__json_array_end(&p->w);
    khap__json_array(&p->w, S("spans"));
    for (size_t i = 0; khap_words_at(p->words, i, &word) == KHAP_OK; i++)
        put_span(&p->w, word.offset, word.raw.len);
    khap__json_array_end(&p->w);
    if (comment.len > 0) {
        khap__json_bytes(&p->w, S("comment"), comment);
        khap__json_int(&p->w, S("commentColumn"), (int64_t)(body.len - comment.len) + 1);
    }
}

/* Words stand there only when they are all that HAProxy reads, so that the line may be written from them. */
static void put_line(struct printing *p, const struct khap_line *line, int64_t number, int64_t offset,
                     int64_t section)
{
    uint32_t line_end, at, len;
    struct khap_str body = khap__line_body(line, &line_end);
    enum khap_line_kind kind = KHAP_LINE_BLANK;
    enum khap_status status = khap__line_kind(p->doc, line, &kind);
    if (status == KHAP_OK)
        status = khap_words_read(p->words, p->doc, line);
    if (status != KHAP_OK) {
        p->status = status;
        return;
    }
    next_item(p);
    khap__json_int(&p->w, S("line"), number);
    khap__json_int(&p->w, S("offset"), offset);
    khap__json_string(&p->w, S("kind"), khap__str(kinds[kind]));
    if (section >= 0)
        khap__json_int(&p->w, S("section"), section);
    enum khap_word_error error = khap_words_error(p->words, &at, &len);
    if (error != KHAP_WORDS_READ) {
        khap__json_object(&p->w, S("error"));
        khap__json_string(&p->w, S("code"), khap__str(khap__line_error_code(error)));
        khap__json_int(&p->w, S("column"), (int64_t)at + 1);
        khap__json_int(&p->w, S("endColumn"), (int64_t)at + 1 + len);
        khap__json_object_end(&p->w);
    } else if (kind != KHAP_LINE_SCOPE) {
        put_words(p, body);
    }
    khap__json_bytes(&p->w, S("raw"), body);
    khap__json_string(&p->w, S("end"), (struct khap_str){body.ptr + body.len, line_end});
    khap__json_object_end(&p->w);
    flush(p, PIECE);
}

static void put_lines(struct printing *p)
{
    int64_t number = 0, offset = 0, section = -1;
    struct khap_section next = {.size = sizeof next};
    bool more = khap_outline_section(p->outline, 0, &next) == KHAP_OK;
    khap__json_array(&p->w, S("lines"));
    for (const struct khap_line *line = NULL;
         p->status == KHAP_OK && (line = khap_line_next(p->doc, line)) != NULL; offset += line->len) {
        number++;
        if (more && next.head_number == number) {
            section++;
            more = khap_outline_section(p->outline, (size_t)section + 1, &next) == KHAP_OK;
        }
        put_line(p, line, number, offset, section);
    }
    khap__buf_char(&p->out, '\n');
    khap__json_array_end(&p->w);
}

static void put_outline(struct printing *p)
{
    struct khap_section s = {.size = sizeof s};
    struct khap_branch b = {.size = sizeof b};
    khap__json_array(&p->w, S("sections"));
    for (size_t i = 0; p->status == KHAP_OK && khap_outline_section(p->outline, i, &s) == KHAP_OK; i++) {
        next_item(p);
        khap__json_string(&p->w, S("kind"), s.kind);
        if (s.name.len > 0)
            khap__json_bytes(&p->w, S("name"), s.name);
        khap__json_int(&p->w, S("first"), s.head_number);
        khap__json_int(&p->w, S("last"), s.last_number);
        khap__json_object_end(&p->w);
        flush(p, PIECE);
    }
    khap__buf_char(&p->out, '\n');
    khap__json_array_end(&p->w);
    khap__json_array(&p->w, S("branches"));
    for (size_t i = 0; p->status == KHAP_OK && khap_outline_branch(p->outline, i, &b) == KHAP_OK; i++) {
        next_item(p);
        khap__json_string(&p->w, S("kind"), khap__str(branches[b.kind]));
        khap__json_int(&p->w, S("first"), b.head_number);
        if (b.end != NULL)
            khap__json_int(&p->w, S("end"), b.end_number);
        khap__json_int(&p->w, S("depth"), b.depth);
        if (b.parent != SIZE_MAX)
            khap__json_int(&p->w, S("parent"), (int64_t)b.parent);
        if (b.before != SIZE_MAX)
            khap__json_int(&p->w, S("before"), (int64_t)b.before);
        khap__json_object_end(&p->w);
        flush(p, PIECE);
    }
    khap__buf_char(&p->out, '\n');
    khap__json_array_end(&p->w);
}

static void put_release(struct buf *out, uint16_t release)
{
    khap__buf_uint(out, release / 100u);
    khap__buf_char(out, '.');
    khap__buf_uint(out, release % 100u);
}

static void put_target(struct printing *p)
{
    struct buf text;
    khap__buf_init(&text, &p->doc->alloc);
    put_release(&text, p->doc->target.first);
    if (p->doc->target.last != p->doc->target.first) {
        khap__buf_char(&text, '-');
        put_release(&text, p->doc->target.last);
    }
    khap__json_string(&p->w, S("target"), khap__buf_str(&text));
    if (text.failed)
        p->status = KHAP_ENOMEM;
    khap__buf_free(&text);
}

enum khap_status khap_document_print_json(const struct khap_document *doc, const struct khap_sink *sink)
{
    if (doc == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    struct printing p = {.doc = doc, .sink = sink};
    p.w.out = &p.out;
    khap__buf_init(&p.out, &doc->alloc);
    p.status = khap_words_new(&doc->alloc, &p.words);
    if (p.status == KHAP_OK)
        p.status = khap_outline_new(&doc->alloc, doc, NULL, &p.outline);
    if (p.status == KHAP_OK) {
        khap__json_object(&p.w, S(""));
        khap__json_int(&p.w, S("khap"), 1);
        put_target(&p);
        put_lines(&p);
        put_outline(&p);
        khap__json_object_end(&p.w);
        khap__buf_char(&p.out, '\n');
        flush(&p, 0);
    }
    khap_outline_free(p.outline);
    khap_words_free(p.words);
    khap__buf_free(&p.out);
    return p.status;
}
