/* Reading a whole text as a document, and what HAProxy would not like of it. SPDX-License-Identifier: MIT */
#include "cfg/document.h"

#include "base/diag.h"
#include "base/message.h"
#include "base/nearest.h"
#include "cfg/lex.h"
#include "cfg/lines.h"
#include "cfg/sections.h"

enum {
    MOST_NEAREST = 100,   /* lines for which the section is looked for that is meant */
    MUST_LOOK = 128,      /* no shorter line can have over 64 words */
    LONGEST_KEYWORD = 256 /* as it may be written: with quotes, each byte as \\x41 */
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

/* ---- what a line is */

static enum khap_line_kind kind_of_word(const struct khap_document *doc, struct khap_str word)
{
    if (word.len == 0)
        return KHAP_LINE_IGNORED;
    if (word.ptr[0] == '.' && doc->target.last >= KHAP_RELEASE(2, 4))
        return KHAP_LINE_DIRECTIVE;
    return khap__section_of(&doc->target, word) >= 0 ? KHAP_LINE_SECTION : KHAP_LINE_STATEMENT;
}

/* Bytes that end a word, and those that make it another than it looks. */
enum { ENDS = 1, TELLS = 2 };

/* The first word where it stands, when no quote or escape is in it; false when it takes more to tell. */
static bool first_word(struct khap_str body, struct khap_str *word)
{
    static const uint8_t classes[256] = {
        ['\t'] = ENDS, ['\v'] = ENDS,  ['\f'] = ENDS, ['\r'] = ENDS,  [' '] = ENDS,
        ['#'] = ENDS,  ['\0'] = TELLS, ['"'] = TELLS, ['\''] = TELLS, ['\\'] = TELLS,
    };
    size_t i = 0, from;
    while (i < body.len && is_blank(body.ptr[i]))
        i++;
    for (from = i; i < body.len && classes[(unsigned char)body.ptr[i]] == 0; i++)
        ;
    if (i < body.len && classes[(unsigned char)body.ptr[i]] == TELLS)
        return false;
    *word = khap__str_sub(body, from, i - from);
    return word->len == 0 || word->ptr[0] != '[';
}

static enum khap_line_kind kind_of_lexed(const struct khap_document *doc, const struct lex_line *lexed)
{
    if (lexed->scope)
        return KHAP_LINE_SCOPE;
    if (lexed->n == 0)
        return lexed->error != LEX_OK          ? KHAP_LINE_STATEMENT
               : lexed->ended < lexed->comment ? KHAP_LINE_IGNORED /* behind a NUL, up to 2.2 */
                                               : KHAP_LINE_BLANK;
    /* a value that is not known yet is no keyword */
    if (lexed->words[0].variable)
        return KHAP_LINE_STATEMENT;
    return kind_of_word(doc, lexed->words[0].value);
}

/* How far the first word goes, or a scope without its comment: the kind depends on nothing else. */
static size_t raw_length(struct khap_str body, bool quotes)
{
    size_t i = 0;
    char quote = 0;
    while (i < body.len && is_blank(body.ptr[i]))
        i++;
    if (i < body.len && body.ptr[i] == '[')
        return khap__str_find(body, '#');
    for (; i < body.len; i++) {
        char c = body.ptr[i];
        if (quote == 0 && (is_blank(c) || c == '#'))
            break;
        if (c == '\\' && quote != '\'')
            i++;
        else if (quotes && (c == '"' || c == '\'') && (quote == 0 || quote == c))
            quote = quote == 0 ? c : 0;
    }
    return i < body.len ? i : body.len;
}

enum khap_line_kind khap_line_kind(const struct khap_document *doc, const struct khap_line *line)
{
    if (doc == NULL || line == NULL)
        return KHAP_LINE_BLANK;
    uint32_t line_end;
    struct khap_str body = khap__line_body(line, &line_end), word;
    if (first_word(body, &word)) {
        if (word.len > 0)
            return kind_of_word(doc, word);
        return memchr(body.len > 0 ? body.ptr : "", '#', body.len) != NULL ? KHAP_LINE_COMMENT
                                                                           : KHAP_LINE_BLANK;
    }
    /* what matters is read in memory of our own, so that this cannot fail; no longer word can be a keyword */
    char room[2 * LONGEST_KEYWORD] __attribute__((aligned(ARENA_ALIGNMENT)));
    struct arena arena;
    struct lex_line lexed;
    khap__arena_init(&arena, &doc->alloc);
    arena.at = room;
    arena.end = room + sizeof room;
    body = khap__str_sub(body, 0, raw_length(body, doc->target.last >= KHAP_RELEASE(1, 6)));
    enum khap_line_kind kind = KHAP_LINE_STATEMENT;
    if (body.len <= LONGEST_KEYWORD && khap__lex_line(&arena, doc->target.last, body, &lexed) == KHAP_OK)
        kind = kind_of_lexed(doc, &lexed);
    khap__arena_free(&arena);
    return kind;
}

/* ---- what HAProxy would not like */

struct judge {
    const struct khap_document *doc;
    struct khap_diags *diags;
    struct arena arena;
    bool in_section;  /* a section has begun, or may have */
    bool directives;  /* there are any */
    uint32_t outside; /* lines before the first section */
    enum khap_status status;
};

static const enum message_id messages[] = {
    [LEX_QUOTE] = MSG_LINE_OPEN_QUOTE,        [LEX_HEX] = MSG_LINE_BAD_ESCAPE,
    [LEX_VARNAME] = MSG_LINE_BAD_VARIABLE,    [LEX_BRACE] = MSG_LINE_BAD_BRACE,
    [LEX_TOO_MANY] = MSG_LINE_TOO_MANY_WORDS, [LEX_NUL] = MSG_LINE_NUL,
    [LEX_TOO_LONG] = MSG_LINE_OVER_2047,      [LEX_SCOPE] = MSG_LINE_BAD_SCOPE,
    [LEX_EMPTY_WORD] = MSG_LINE_EMPTY_WORD,
};

const char *khap__line_error_code(unsigned error)
{
    return khap__message_code(messages[error]);
}

static char *put_release(char *to, uint16_t release)
{
    char room[20];
    struct khap_str n = khap__str_uint(room, release / 100u);
    memcpy(to, n.ptr, n.len);
    to += n.len;
    *to++ = '.';
    n = khap__str_uint(room, release % 100u);
    memcpy(to, n.ptr, n.len);
    return to + n.len;
}

/* "2.6", or "2.3 to 3.4". */
static struct khap_str releases(char room[64], uint16_t first, uint16_t last)
{
    char *to = put_release(room, first);
    if (last != first) {
        memcpy(to, " to ", 4);
        to = put_release(to + 4, last);
    }
    return (struct khap_str){room, (size_t)(to - room)};
}

/* The last release that reads lines as `release` does, or the last of the target. */
static uint16_t last_alike(const struct khap_target *target, uint16_t release)
{
    uint16_t next = khap__lex_next_rules(release), last = target->last;
    if (next == 0 || next > last)
        return last;
    for (size_t i = 0; khap_release_at(i) < next; i++)
        last = khap_release_at(i);
    return last;
}

static struct khap_place place_in(const struct judge *j, const struct khap_line *line, uint32_t offset,
                                  uint32_t len)
{
    struct khap_place place = khap_line_origin(j->doc, line);
    return (struct khap_place){place.source, place.offset + offset, len};
}

/* What is read otherwise than it looks, in the words of the newest release. */
static void judge_reading(struct judge *j, const struct khap_line *line, struct khap_str body,
                          const struct lex_line *lexed)
{
    const struct khap_target *t = &j->doc->target;
    char room[64];
    if (lexed->error == LEX_OK && khap__str_find(body, '\0') < body.len) /* where it is no error */
        SAY(j->diags, MSG_LINE_CUT_AT_NUL, place_in(j, line, (uint32_t)khap__str_find(body, '\0'), 1),
            releases(room, t->first, t->last < KHAP_RELEASE(2, 2) ? t->last : KHAP_RELEASE(2, 2)));
    else if (lexed->error == LEX_OK && lexed->ended < body.len && body.ptr[lexed->ended] == '\r')
        SAY0(j->diags, MSG_LINE_CUT_AT_CR,
             place_in(j, line, lexed->ended, (uint32_t)body.len - lexed->ended));
    for (uint32_t i = 1; i < lexed->n; i++) {
        if (lexed->words[i].value.len > 0 || lexed->words[i].variable || t->first >= KHAP_RELEASE(3, 3))
            continue;
        struct khap_place place = place_in(j, line, lexed->words[i].offset, lexed->words[i].len);
        if (t->last < KHAP_RELEASE(3, 2)) /* HAProxy says nothing */
            SAY0(j->diags, MSG_LINE_MAY_END_AT_EMPTY_WORD, place);
        else
            SAY0(j->diags, MSG_LINE_ENDS_AT_EMPTY_WORD, place);
        break;
    }
}

/* Reads the line as every release of the target does, and says the first thing that any of them refuses. */
static void judge_line(struct judge *j, const struct khap_line *line, struct khap_str body,
                       struct lex_line *newest)
{
    const struct khap_target *t = &j->doc->target;
    struct lex_line lexed, first = {.error = LEX_OK};
    uint16_t from = 0, to = 0;
    for (uint16_t r = t->first; r != 0 && r <= t->last; r = khap__lex_next_rules(r)) {
        khap__arena_reset(&j->arena);
        j->status = khap__lex_line(&j->arena, r, body, &lexed);
        if (j->status != KHAP_OK)
            return;
        if (lexed.error != LEX_OK && (from == 0 || lexed.error == first.error)) {
            if (from == 0) {
                first = lexed;
                from = r;
            }
            to = last_alike(t, r);
        }
    }
    *newest = lexed; /* its words stay: the arena is reset before the next reading only */
    char room[64];
    if (from != 0)
        SAY(j->diags, messages[first.error], place_in(j, line, first.error_offset, first.error_len),
            releases(room, from, to));
    judge_reading(j, line, body, newest);
}

/* A line before the first section, which perhaps is the header of one. */
static void say_outside(struct judge *j, const struct khap_line *line, struct khap_str body)
{
    struct nearest near;
    struct buf text;
    size_t from = 0, to;
    while (from < body.len && is_blank(body.ptr[from]))
        from++;
    for (to = from; to < body.len && !is_blank(body.ptr[to]);)
        to++;
    khap__buf_init(&text, khap__diags_alloc(j->diags));
    khap__nearest_start(&near, khap__str_sub(body, from, to - from));
    if (j->outside++ < MOST_NEAREST)
        khap__sections_offer(&j->doc->target, &near);
    khap__nearest_add(&near, &text);
    SAY(j->diags, MSG_LINE_OUT_OF_SECTION, khap_line_origin(j->doc, line), khap__buf_str(&text));
    if (near.best.len > 0 && near.distance <= NEAR_ENOUGH)
        khap__diags_edit(j->diags, place_in(j, line, (uint32_t)from, (uint32_t)(to - from)), near.best);
    if (text.failed)
        j->status = KHAP_ENOMEM;
    khap__buf_free(&text);
}

/* Whether it begins with a dot, and what that means for what follows. */
static void note_kind(struct judge *j, const struct khap_line *line, struct khap_str body, bool simple,
                      const struct lex_line *lexed)
{
    if (j->in_section) {
        size_t i = 0;
        while (i < body.len && is_blank(body.ptr[i]))
            i++;
        j->directives = simple
                            ? i < body.len && body.ptr[i] == '.' && j->doc->target.last >= KHAP_RELEASE(2, 4)
                            : kind_of_lexed(j->doc, lexed) == KHAP_LINE_DIRECTIVE;
        return;
    }
    switch (khap_line_kind(j->doc, line)) {
    case KHAP_LINE_DIRECTIVE:
        j->directives = j->in_section = true; /* one may begin in a block */
        break;
    case KHAP_LINE_SECTION:
        j->in_section = true;
        break;
    case KHAP_LINE_STATEMENT:
        if (lexed->error == LEX_OK) /* else enough has been said */
            say_outside(j, line, body);
        break;
    default:
        break;
    }
}

static void judge(struct judge *j, const struct khap_line *line)
{
    uint32_t line_end;
    struct khap_str body = khap__line_body(line, &line_end);
    struct lex_line lexed = {.n = 0};
    bool simple = khap__lex_plain(body) && body.len < MUST_LOOK;
    size_t first = 0;
    while (first < body.len && is_blank(body.ptr[first]))
        first++;
    if (!simple || (first < body.len && body.ptr[first] == '['))
        judge_line(j, line, (struct khap_str){body.ptr, body.len + (line_end == 2)}, &lexed);
    if (j->status == KHAP_OK && !(j->in_section && j->directives))
        note_kind(j, line, body, simple, &lexed);
}

/* It makes the first word another one, so that all below a section header stands before the first section: once is enough. */
static void judge_begin(struct judge *j)
{
    if (!khap__str_starts(j->doc->read, S("\xef\xbb\xbf")))
        return;
    const struct khap_place place = {j->doc->read_source, 0, 3};
    SAY0(j->diags, MSG_BYTE_ORDER_MARK, place);
    khap__diags_edit(j->diags, place, S(""));
    j->in_section = j->directives = true;
}

static void judge_end(struct judge *j)
{
    const struct khap_target *t = &j->doc->target;
    const struct khap_line *last = khap_line_prev(j->doc, NULL);
    char room[64];
    if (last == NULL || last->text[last->len - 1] == '\n' || t->last < KHAP_RELEASE(2, 2))
        return;
    struct khap_place place = place_in(j, last, last->len, 0);
    if (t->last == KHAP_RELEASE(2, 2))
        SAY0(j->diags, MSG_NO_FINAL_NEWLINE_WARNED, place);
    else
        SAY(j->diags, MSG_NO_FINAL_NEWLINE, place,
            releases(room, t->first < KHAP_RELEASE(2, 3) ? KHAP_RELEASE(2, 3) : t->first, t->last));
    khap__diags_edit(j->diags, place, S("\n"));
}

/* ---- reading */

static enum khap_status read_lines(struct khap_document *doc, struct judge *j)
{
    struct khap_str rest = doc->read;
    while (rest.len > 0) {
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        uint32_t len = (uint32_t)(lf == NULL ? rest.len : (size_t)(lf - rest.ptr) + 1);
        uint32_t number = khap__lines_add(doc, rest.ptr, len, 0);
        if (number == 0)
            return KHAP_ENOMEM;
        khap__lines_link(doc, doc->tail, number);
        if (j->diags != NULL) {
            judge(j, khap__line_of(doc, number));
            if (j->status != KHAP_OK)
                return j->status;
        }
        rest.ptr += len;
        rest.len -= len;
    }
    return KHAP_OK;
}

enum khap_status khap_document_parse(const struct khap_alloc *alloc, const struct khap_target *target,
                                     struct khap_str text, uint32_t source, struct khap_diags *diags,
                                     struct khap_document **out)
{
    if (out == NULL || (text.ptr == NULL && text.len > 0))
        return KHAP_EINVAL;
    if (text.len >= UINT32_MAX)
        return KHAP_ELIMIT;
    struct khap_document *doc;
    enum khap_status status = khap_document_new(alloc, target, &doc);
    if (status != KHAP_OK)
        return status;
    doc->read = text;
    doc->read_source = source;
    struct judge j = {.doc = doc, .diags = diags};
    khap__arena_init(&j.arena, &doc->alloc);
    if (diags != NULL)
        judge_begin(&j);
    status = read_lines(doc, &j);
    if (status == KHAP_OK && diags != NULL)
        judge_end(&j);
    khap__arena_free(&j.arena);
    if (status == KHAP_OK && j.directives) {
        struct khap_outline *outline;
        status = khap_outline_new(&doc->alloc, doc, diags, &outline);
        if (status == KHAP_OK)
            khap_outline_free(outline);
    }
    if (status == KHAP_OK && diags != NULL && khap__diags_status(diags) == KHAP_ENOMEM)
        status = KHAP_ENOMEM;
    if (status != KHAP_OK)
        khap_document_free(doc);
    else
        *out = doc;
    return status;
}
