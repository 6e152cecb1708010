/* One layout for a document: what fmt does. SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/vec.h"
#include "cfg/lex.h"
#include "cfg/lines.h"

enum {
    INDENT = 4,
    MOST_COLUMNS = 2,
    WIDEST = 40 /* one long word does not push the others of its column away */
};

/* Statements that stand below each other and are easier to read in columns: how many words behind the first are padded. */
static const struct {
    char word[16];
    uint8_t columns;
} aligned[] = {
    {"acl", 1},    {"errorfile", 1}, {"nameserver", 1}, {"peer", 1}, {"server", 2},
    {"setenv", 1}, {"timeout", 1},   {"use-server", 1}, {"user", 1}, {"use_backend", 1},
};

struct item {
    struct khap_line *line;
    uint8_t kind;     /* enum khap_line_kind */
    bool attached;    /* a comment or directive right above a header: it stands with that */
    bool goes_on;     /* an attached .elif or .else, which no blank line may come before */
    bool left_margin; /* a comment that stood in the first column, and stays there */
    bool over_left;   /* attached to a header that stood there */
};

struct format {
    struct khap_document *doc;
    VEC(struct item) items;
    struct arena before, after; /* of lines as they were and will be */
    struct buf text;
    struct khap_str end; /* the line end that the first line has */
    enum khap_status status;
};

/* A line without its end; HAProxy reads no further than the first of several CR. */
static struct khap_str body_of(const struct khap_line *line)
{
    uint32_t line_end;
    struct khap_str body = khap__line_body(line, &line_end);
    while (body.len > 0 && body.ptr[body.len - 1] == '\r')
        body.len--;
    return body;
}

static uint32_t width_of(struct khap_str s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80; /* not a further byte of one character */
    return n;
}

static struct khap_str raw_word(struct khap_str body, const struct lex_word *word)
{
    return khap__str_sub(body, word->offset, word->len);
}

/* How a line can be laid out anew: its words and its comment, or not at all. */
static bool lex_item(struct format *f, struct arena *arena, const struct khap_line *line,
                     struct lex_line *out)
{
    struct khap_str body = body_of(line);
    khap__arena_reset(arena);
    f->status = khap__lex_line(arena, f->doc->target.last, body, out);
    if (f->status != KHAP_OK || out->error != LEX_OK || out->scope)
        return false;
    for (uint32_t i = 0; i < out->n; i++) {
        if (out->words[i].joins) /* the blanks behind it mean something */
            return false;
    }
    /* a CR or NUL hides what follows */
    return out->comment < body.len || out->ended == body.len;
}

/* Whether every release of the target reads the new text as it read the old one. */
static bool reads_alike(struct format *f, struct khap_str old, struct khap_str now)
{
    const struct khap_target *t = &f->doc->target;
    for (uint16_t r = t->first; r != 0 && r <= t->last; r = khap__lex_next_rules(r)) {
        struct lex_line a, b;
        khap__arena_reset(&f->before);
        khap__arena_reset(&f->after);
        f->status = khap__lex_line(&f->before, r, old, &a);
        if (f->status == KHAP_OK)
            f->status = khap__lex_line(&f->after, r, now, &b);
        if (f->status != KHAP_OK || a.n != b.n || a.error != b.error || a.scope != b.scope)
            return false;
        for (uint32_t i = 0; i < a.n; i++) {
            if (!khap__str_eq(a.words[i].value, b.words[i].value) ||
                a.words[i].variable != b.words[i].variable || a.words[i].many != b.words[i].many ||
                a.words[i].joins != b.words[i].joins)
                return false;
        }
    }
    return true;
}

static void put_line(struct format *f, struct khap_line *line)
{
    struct khap_str old = body_of(line);
    if (!f->text.failed && !khap__str_eq(old, khap__buf_str(&f->text)) &&
        !reads_alike(f, old, khap__buf_str(&f->text)) && f->status == KHAP_OK) {
        khap__buf_clear(&f->text); /* HAProxy would read something else: the line stays */
        khap__buf_add(&f->text, old);
    }
    khap__buf_add(&f->text, f->end);
    if (f->text.failed)
        f->status = KHAP_ENOMEM;
    if (f->status == KHAP_OK && !khap__str_eq(khap__line_str(line), khap__buf_str(&f->text)))
        f->status = khap_line_set_raw(f->doc, line, khap__buf_str(&f->text));
}

/* A line that is left as it is, but for its end. */
static void keep_line(struct format *f, struct khap_line *line)
{
    khap__buf_clear(&f->text);
    khap__buf_add(&f->text, body_of(line));
    put_line(f, line);
}

static void blanks(struct format *f, uint32_t n)
{
    while (n-- > 0)
        khap__buf_char(&f->text, ' ');
}

static struct khap_str trim_right(struct khap_str s)
{
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t' || s.ptr[s.len - 1] == '\r'))
        s.len--;
    return s;
}

static void lay_out(struct format *f, struct khap_line *line, uint32_t indent, const uint32_t *widths)
{
    struct lex_line lexed;
    struct khap_str body = body_of(line);
    if (!lex_item(f, &f->before, line, &lexed)) {
        if (f->status == KHAP_OK)
            keep_line(f, line);
        return;
    }
    khap__buf_clear(&f->text);
    blanks(f, indent);
    for (uint32_t i = 0; i < lexed.n; i++) {
        struct khap_str raw = raw_word(body, &lexed.words[i]);
        khap__buf_add(&f->text, raw);
        if (i + 1 == lexed.n)
            break;
        uint32_t width = width_of(raw);
        if (i > 0 && i <= MOST_COLUMNS && width < widths[i - 1])
            blanks(f, widths[i - 1] - width);
        khap__buf_char(&f->text, ' ');
    }
    if (lexed.comment < body.len) {
        if (lexed.n > 0)
            khap__buf_char(&f->text, ' ');
        khap__buf_add(&f->text, trim_right(khap__str_sub(body, lexed.comment, body.len)));
    }
    put_line(f, line);
}

/* ---- runs of statements */

static uint32_t columns_of(struct khap_str word)
{
    for (size_t i = 0; i < sizeof aligned / sizeof *aligned; i++) {
        if (khap__str_eq(word, khap__str(aligned[i].word)))
            return aligned[i].columns;
    }
    return 0;
}

/* Widens the columns by a line; false when it does not begin with `keyword`. */
static bool measure(struct format *f, const struct khap_line *line, struct khap_str keyword, uint32_t *widths)
{
    struct lex_line lexed;
    struct khap_str body = body_of(line);
    if (!lex_item(f, &f->after, line, &lexed))
        return false;
    if (lexed.n == 0 || !khap__str_eq(lexed.words[0].value, keyword))
        return false;
    for (uint32_t i = 1; i <= columns_of(keyword) && i + 1 < lexed.n; i++) {
        uint32_t width = width_of(raw_word(body, &lexed.words[i]));
        if (width > widths[i - 1] && width <= WIDEST)
            widths[i - 1] = width;
    }
    return true;
}

/* Lays out the statements from `first` on that make one run; the index behind them. */
static uint32_t lay_out_run(struct format *f, uint32_t first, uint32_t indent)
{
    uint32_t widths[MOST_COLUMNS] = {0}, next = first + 1;
    struct lex_line lexed;
    char room[sizeof aligned[0].word];
    struct khap_str keyword = {room, 0};
    if (lex_item(f, &f->before, f->items.ptr[first].line, &lexed) && lexed.n > 0 &&
        columns_of(lexed.words[0].value) > 0) {
        keyword.len = lexed.words[0].value.len;
        memcpy(room, lexed.words[0].value.ptr, keyword.len);
        measure(f, f->items.ptr[first].line, keyword, widths);
        while (f->status == KHAP_OK && next < f->items.len &&
               f->items.ptr[next].kind == KHAP_LINE_STATEMENT &&
               measure(f, f->items.ptr[next].line, keyword, widths))
            next++;
    }
    for (uint32_t i = first; i < next && f->status == KHAP_OK; i++)
        lay_out(f, f->items.ptr[i].line, indent, widths);
    return next;
}

/* ---- the whole */

/* Without the blanks that HAProxy skips at the beginning: a CR, VT and FF too. */
static struct khap_str from_text(struct khap_str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || (s.ptr[0] >= '\t' && s.ptr[0] <= '\r')))
        s = khap__str_sub(s, 1, s.len);
    return s;
}

/* Of directives only .endif belongs to what is above it. */
static bool looks_down(const struct khap_line *line, bool *goes_on)
{
    struct khap_str s = from_text(khap__line_str(line));
    *goes_on = khap__str_starts(s, S(".el"));
    return !khap__str_starts(s, S(".end"));
}

static bool is_left(const struct khap_line *line)
{
    struct khap_str s = khap__line_str(line);
    return from_text(s).len == s.len;
}

/* An indented comment that follows the lines of a section without a blank line is of that section, though the next one begins below. */
static void release_comments(struct format *f)
{
    bool in_section = false;
    for (uint32_t i = 0; i < f->items.len; i++) {
        struct item *item = &f->items.ptr[i];
        const struct item *above = i > 0 ? item - 1 : NULL;
        if (in_section && item->kind == KHAP_LINE_COMMENT && item->attached && item->over_left &&
            !item->left_margin && !above->attached && above->kind != KHAP_LINE_BLANK)
            item->attached = false;
        in_section = in_section || item->kind == KHAP_LINE_SECTION;
    }
}

/* A comment in the first column goes with the statement below it, when that stands there too. */
static void leave_margin(struct format *f)
{
    bool flat = false;
    for (uint32_t i = f->items.len; i-- > 0;) {
        struct item *item = &f->items.ptr[i];
        if (item->kind == KHAP_LINE_STATEMENT || item->kind == KHAP_LINE_SECTION)
            flat = item->kind == KHAP_LINE_STATEMENT && is_left(item->line);
        else if (flat)
            item->left_margin = false;
    }
}

static void collect(struct format *f)
{
    for (struct khap_line *line = NULL; (line = khap_line_next(f->doc, line)) != NULL;) {
        struct item item = {line, (uint8_t)khap_line_kind(f->doc, line), false, false, line->text[0] == '#',
                            false};
        if (!VEC_PUSH(&f->doc->alloc, &f->items, item)) {
            f->status = KHAP_ENOMEM;
            return;
        }
    }
    for (uint32_t i = f->items.len; i-- > 1;) {
        struct item *above = &f->items.ptr[i - 1], *below = &f->items.ptr[i];
        if (below->kind != KHAP_LINE_SECTION && !below->attached)
            continue;
        above->over_left = below->kind == KHAP_LINE_SECTION ? is_left(below->line) : below->over_left;
        above->attached = above->kind == KHAP_LINE_COMMENT ||
                          (above->kind == KHAP_LINE_DIRECTIVE && looks_down(above->line, &above->goes_on));
    }
    release_comments(f);
    leave_margin(f);
}

/* Before item i stands one blank line or none; the blank lines from `blank` on to i are what there is now. */
static void set_gap(struct format *f, uint32_t blank, uint32_t i, bool wanted)
{
    if (wanted && blank < i) {
        khap__buf_clear(&f->text);
        put_line(f, f->items.ptr[blank++].line);
    } else if (wanted) {
        f->status = khap_document_insert_raw(f->doc, f->items.ptr[i - 1].line, f->end,
                                             khap_line_origin(f->doc, f->items.ptr[i].line), NULL);
    }
    for (; blank < i && f->status == KHAP_OK; blank++)
        f->status = khap_document_remove(f->doc, f->items.ptr[blank].line);
}

static void lay_out_all(struct format *f)
{
    bool in_section = false, above = false; /* there is a line above */
    uint8_t kind = KHAP_LINE_BLANK;         /* of the line above */
    bool attached = false;
    for (uint32_t i = 0; i < f->items.len && f->status == KHAP_OK;) {
        uint32_t blank = i;
        while (i < f->items.len && f->items.ptr[i].kind == KHAP_LINE_BLANK)
            i++;
        if (i == f->items.len) {
            set_gap(f, blank, i, false);
            return;
        }
        struct item item = f->items.ptr[i];
        bool opens = (item.kind == KHAP_LINE_SECTION || item.attached) && !attached && !item.goes_on;
        set_gap(f, blank, i, above && (opens || (blank < i && kind != KHAP_LINE_SECTION)));
        if (f->status != KHAP_OK)
            return;
        in_section = in_section || item.kind == KHAP_LINE_SECTION;
        uint32_t next = i + 1;
        static const uint32_t no_widths[MOST_COLUMNS] = {0};
        switch (item.kind) {
        case KHAP_LINE_STATEMENT:
            next = lay_out_run(f, i, in_section ? INDENT : 0);
            break;
        case KHAP_LINE_COMMENT:
            lay_out(f, item.line, in_section && !item.attached && !item.left_margin ? INDENT : 0, no_widths);
            break;
        case KHAP_LINE_SECTION:
        case KHAP_LINE_DIRECTIVE:
            lay_out(f, item.line, 0, no_widths);
            break;
        default:
            keep_line(f, item.line);
        }
        above = true;
        kind = item.kind;
        attached = item.attached;
        i = next;
    }
}

enum khap_status khap_document_format(struct khap_document *doc)
{
    if (doc == NULL)
        return KHAP_EINVAL;
    const struct khap_line *first = khap_line_next(doc, NULL);
    if (first == NULL)
        return KHAP_OK;
    uint32_t line_end;
    khap__line_body(first, &line_end);
    struct format f = {.doc = doc, .end = line_end == 2 ? S("\r\n") : S("\n"), .status = KHAP_OK};
    khap__arena_init(&f.before, &doc->alloc);
    khap__arena_init(&f.after, &doc->alloc);
    khap__buf_init(&f.text, &doc->alloc);
    collect(&f);
    if (f.status == KHAP_OK)
        lay_out_all(&f);
    khap__buf_free(&f.text);
    khap__arena_free(&f.after);
    khap__arena_free(&f.before);
    VEC_FREE(&doc->alloc, &f.items);
    return f.status;
}
