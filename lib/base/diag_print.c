/* SPDX-License-Identifier: MIT */
#include "base/diag.h"
#include "base/message.h"
#include "base/utf8.h"

/* A line longer than COLUMNS is cut to a window around the place; NEARBY bytes on each side are looked at. */
enum { COLUMNS = 120, BEFORE = 60, FROM_START = 100, NEARBY = 600 };

static const char severity_names[][8] = {"", "note", "warning", "error"};
static const char severity_colours[][12] = {"", "\033[1;36m", "\033[1;35m", "\033[1;31m"};

struct printer {
    struct buf out;
    const struct khap_sources *sources;
    unsigned flags;
};

static void colour(struct printer *p, const char *sequence)
{
    if (p->flags & KHAP_PRINT_COLOUR)
        khap__buf_add(&p->out, khap__str(sequence));
}

/* One character of the source line: where it stands in the line's bytes, and how wide it is shown. */
struct cell {
    const char *at;
    uint16_t len, width;
};

/* The characters from `from` to `to`; a tab is as wide as it can be. */
static size_t cells_of(struct buf *scratch, const char *from, const char *to, struct cell *cells)
{
    size_t n = 0;
    while (from < to) {
        unsigned width = 8, len = 1;
        if (*from != '\t') {
            scratch->len = 0;
            len = khap__buf_visible(scratch, from, (size_t)(to - from), &width);
        }
        cells[n++] = (struct cell){from, (uint16_t)len, (uint16_t)width};
        from += len;
    }
    return n;
}

/* The first of the cells to show so that `target` is seen, and the end of those to show. */
static void choose_window(const struct cell *cells, size_t n, size_t target, size_t *first, size_t *end)
{
    size_t columns = 0, from = target, to = target;
    while (from > 0 && columns + cells[from - 1].width <= FROM_START)
        columns += cells[--from].width;
    if (from > 0) {
        for (from = target, columns = 0; from > 0 && columns + cells[from - 1].width <= BEFORE;)
            columns += cells[--from].width;
    }
    while (to < n && columns + cells[to].width <= COLUMNS)
        columns += cells[to++].width;
    while (from > 0 && columns + cells[from - 1].width <= COLUMNS)
        columns += cells[--from].width;
    *first = from;
    *end = to;
}

static void put_line(struct printer *p, const struct cell *cells, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (*cells[i].at == '\t')
            khap__buf_char(&p->out, '\t');
        else
            khap__buf_visible(&p->out, cells[i].at, cells[i].len, NULL);
    }
}

static void put_times(struct buf *out, char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        khap__buf_char(out, c);
}

/* Tabs are kept, so that the caret stands right wherever the terminal has its tab stops. */
static void put_caret(struct printer *p, const struct cell *cells, size_t first, size_t target, size_t end,
                      const char *span_end)
{
    for (size_t i = first; i < target; i++) {
        if (*cells[i].at == '\t')
            khap__buf_char(&p->out, '\t');
        else
            put_times(&p->out, ' ', cells[i].width);
    }
    colour(p, "\033[1;32m");
    khap__buf_char(&p->out, '^');
    if (target < end && *cells[target].at != '\t') {
        size_t tildes = cells[target].width > 0 ? cells[target].width - 1U : 0;
        if (cells[target].at >= span_end)
            tildes = 0;
        for (size_t i = target + 1; i < end && cells[i].at < span_end && *cells[i].at != '\t'; i++)
            tildes += cells[i].width;
        put_times(&p->out, '~', tildes);
    }
    colour(p, "\033[0m");
    khap__buf_char(&p->out, '\n');
}

static void put_snippet(struct printer *p, struct khap_place place, uint32_t column)
{
    struct khap_str text = khap_sources_text(p->sources, place.source);
    const char *at = text.ptr + (place.offset > text.len ? text.len : place.offset);
    const char *text_end = text.ptr + text.len;
    const char *from = at - (column - 1 > NEARBY ? NEARBY : column - 1);
    const char *to = (size_t)(text_end - at) > NEARBY ? at + NEARBY : text_end;
    bool cut_left = column - 1 > NEARBY;
    while (cut_left && from < at && ((unsigned char)*from & 0xc0) == 0x80)
        from++; /* not into the middle of a character */
    const char *line_end = to > at ? memchr(at, '\n', (size_t)(to - at)) : NULL;
    bool cut_right = line_end == NULL && to < text_end;
    if (line_end != NULL)
        to = line_end;
    if (to > from && to[-1] == '\r' && !cut_right)
        to--;

    struct cell cells[2 * NEARBY + 1];
    struct buf scratch;
    khap__buf_init(&scratch, &p->out.alloc);
    size_t n = cells_of(&scratch, from, to, cells), target = 0, first, end;
    if (scratch.failed)
        p->out.failed = true;
    khap__buf_free(&scratch);
    while (target < n && cells[target].at + cells[target].len <= at)
        target++;
    choose_window(cells, n, target, &first, &end);
    cut_left = cut_left || first > 0;
    cut_right = cut_right || end < n;

    if (cut_left)
        khap__buf_add(&p->out, S("..."));
    put_line(p, cells, first, end);
    khap__buf_add(&p->out, cut_right ? S("...\n") : S("\n"));
    if (cut_left)
        khap__buf_add(&p->out, S("   "));
    uint32_t room = (uint32_t)(text_end - at);
    put_caret(p, cells, first, target, end, at + (place.len > room ? room : place.len));
}

/* `file:line:column: severity: ` */
static uint32_t put_head(struct printer *p, struct khap_place place, enum khap_severity severity)
{
    uint32_t line = 0, column = 0;
    colour(p, "\033[1m");
    if (place.source != 0) {
        khap__buf_add_visible(&p->out, khap_sources_name(p->sources, place.source), SIZE_MAX);
        khap_sources_locate(p->sources, place, &line, &column);
        if (line != 0) {
            khap__buf_char(&p->out, ':');
            khap__buf_uint(&p->out, line);
            khap__buf_char(&p->out, ':');
            khap__buf_uint(&p->out, column);
        }
        khap__buf_add(&p->out, S(": "));
    }
    colour(p, severity_colours[severity]);
    khap__buf_add(&p->out, khap__str(severity_names[severity]));
    khap__buf_add(&p->out, S(": "));
    colour(p, "\033[0m");
    return column;
}

static void put_diag(struct printer *p, const struct khap_diag *d)
{
    struct khap_place place = khap_diag_place(d);
    struct khap_str text;
    uint32_t column = put_head(p, place, khap_diag_severity(d));
    khap__buf_add(&p->out, khap_diag_text(d));
    khap__buf_add(&p->out, S(" ["));
    khap__buf_add(&p->out, khap__str(khap_diag_code(d)));
    khap__buf_add(&p->out, S("]\n"));
    if (column > 0 && !(p->flags & KHAP_PRINT_NO_SNIPPET))
        put_snippet(p, place, column);
    for (size_t i = 0; khap_diag_related(d, i, &place, &text) == KHAP_OK; i++) {
        column = put_head(p, place, KHAP_NOTE);
        khap__buf_add(&p->out, text);
        khap__buf_char(&p->out, '\n');
        if (column > 0 && !(p->flags & KHAP_PRINT_NO_SNIPPET))
            put_snippet(p, place, column);
    }
}

static void put_dropped(struct printer *p, size_t dropped)
{
    put_head(p, NOWHERE, KHAP_NOTE);
    khap__buf_uint(&p->out, dropped);
    khap__buf_add(&p->out, dropped == 1 ? S(" more diagnostic is not shown [")
                                        : S(" more diagnostics are not shown ["));
    khap__buf_add(&p->out, khap__str(khap__message_code(MSG_MORE_DIAGNOSTICS)));
    khap__buf_add(&p->out, S("]\n"));
}

/* Many small writes take longer than all the rest. */
enum { FLUSHED = 16384 };

enum khap_status khap_diags_print(const struct khap_diags *diags, unsigned flags,
                                  const struct khap_sink *sink)
{
    struct printer p = {.flags = flags};
    enum khap_status st = KHAP_OK;
    if (diags == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    p.sources = khap__diags_sources(diags);
    khap__buf_init(&p.out, khap__diags_alloc(diags));
    for (const struct khap_diag *d = khap_diags_next(diags, NULL); d != NULL && st == KHAP_OK;
         d = khap_diags_next(diags, d)) {
        put_diag(&p, d);
        if (p.out.len >= FLUSHED || p.out.failed)
            st = khap__buf_flush(&p.out, sink);
    }
    if (st == KHAP_OK && khap__diags_dropped(diags) > 0)
        put_dropped(&p, khap__diags_dropped(diags));
    if (st == KHAP_OK)
        st = khap__buf_flush(&p.out, sink);
    khap__buf_free(&p.out);
    return st;
}
