/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/yaml_scalar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text *t, struct khap_str bytes)
{
    if (bytes.len == 0 || t->failed)
        return;
    if (bytes.len > t->cap - t->len) {
        size_t cap = t->cap + t->cap / 2 + 1024;
        bool over = bytes.len > SIZE_MAX - t->len || cap < t->cap;
        if (cap < t->len + bytes.len)
            cap = t->len + bytes.len;
        char *ptr = over ? NULL : realloc(t->ptr, cap);
        if (ptr == NULL) {
            t->failed = true;
            return;
        }
        t->ptr = ptr;
        t->cap = cap;
    }
    memcpy(t->ptr + t->len, bytes.ptr, bytes.len);
    t->len += bytes.len;
}

int text_sink(void *ctx, const char *data, size_t len)
{
    struct text *t = ctx;
    text_add(t, (struct khap_str){data, len});
    return t->failed ? -1 : 0;
}

static void add(struct text *t, const char *literal)
{
    text_add(t, (struct khap_str){literal, strlen(literal)});
}

/* ---- lines */

static struct khap_str part(struct khap_str s, size_t from, size_t to)
{
    return (struct khap_str){s.ptr + from, to - from};
}

static size_t line_length(struct khap_str s)
{
    const char *end = s.len > 0 ? memchr(s.ptr, '\n', s.len) : NULL;
    return end == NULL ? s.len : (size_t)(end - s.ptr);
}

bool scalar_next_line(struct khap_str *rest, struct khap_str *line)
{
    if (rest->len == 0)
        return false;
    size_t len = line_length(*rest);
    *line = part(*rest, 0, len);
    *rest = part(*rest, len < rest->len ? len + 1 : len, rest->len);
    return true;
}

static bool is_blank(struct khap_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
            return false;
    }
    return true;
}

static size_t blanks(struct khap_str line)
{
    size_t n = 0;
    while (n < line.len && line.ptr[n] == ' ')
        n++;
    return n;
}

static bool ends_with(struct khap_str s, struct khap_str end)
{
    return s.len >= end.len && (end.len == 0 || memcmp(s.ptr + s.len - end.len, end.ptr, end.len) == 0);
}

/* The line end that these bytes have. */
static const char *end_of(struct khap_str bytes)
{
    return ends_with(bytes, (struct khap_str){"\r\n", 2}) ? "\r\n"
           : ends_with(bytes, (struct khap_str){"\n", 1}) ? "\n"
                                                          : "";
}

static char style(const struct scalar *s)
{
    return s->place.offset < s->source.len ? s->source.ptr[s->place.offset] : '\0';
}

/* Where the first line of a block begins: behind the line of its indicator. */
static size_t body(const struct scalar *s)
{
    struct khap_str rest = part(s->source, s->place.offset, s->source.len);
    size_t len = line_length(rest);
    return s->place.offset + (len < rest.len ? len + 1 : len);
}

struct scalar_cursor scalar_lines(const struct scalar *s)
{
    struct scalar_cursor c = {{NULL, 0}};
    if (style(s) == '|')
        c.rest = part(s->source, body(s), s->source.len);
    return c;
}

bool scalar_line_bytes(struct scalar_cursor *c, struct khap_str line, struct khap_str *bytes)
{
    if (c->rest.ptr == NULL || c->rest.len == 0)
        return false;
    size_t len = line_length(c->rest);
    struct khap_str text = part(c->rest, 0, len);
    *bytes = part(c->rest, 0, len < c->rest.len ? len + 1 : len);
    c->rest = part(c->rest, bytes->len, c->rest.len);
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    if (ends_with(text, line) && blanks(text) >= text.len - line.len)
        return true;
    c->rest = (struct khap_str){NULL, 0};
    return false;
}

bool scalar_same_lines(struct khap_str a, struct khap_str b)
{
    bool first = true;
    for (;;) {
        struct khap_str x = {NULL, 0}, y = {NULL, 0};
        bool more_a = scalar_next_line(&a, &x), more_b = scalar_next_line(&b, &y);
        if (!more_a && !more_b)
            return true;
        if (is_blank(x) && is_blank(y))
            continue;
        size_t in_x = first ? blanks(x) : 0, in_y = first ? blanks(y) : 0;
        first = false;
        if (x.len - in_x != y.len - in_y || memcmp(x.ptr + in_x, y.ptr + in_y, x.len - in_x) != 0)
            return false;
    }
}

/* ---- anchors and aliases */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool scalar_alias(const struct scalar *s, struct khap_str *name)
{
    if (style(s) != '*')
        return false;
    *name = part(s->source, s->place.offset + 1, (size_t)s->place.offset + s->place.len);
    return true;
}

bool scalar_has_anchor(const struct scalar *s, struct khap_str name)
{
    size_t end = s->place.offset;
    for (;;) {
        while (end > 0 && is_space(s->source.ptr[end - 1]))
            end--;
        size_t begin = end;
        while (begin > 0 && !is_space(s->source.ptr[begin - 1]))
            begin--;
        if (begin == end || end == s->place.offset)
            return false;
        struct khap_str word = part(s->source, begin, end);
        if (word.ptr[0] == '&')
            return word.len == name.len + 1 && memcmp(word.ptr + 1, name.ptr, name.len) == 0;
        if (word.ptr[0] != '!')
            return false;
        end = begin;
    }
}

/* ---- writing */

static void quote_byte(struct text *out, unsigned char c)
{
    char hex[8];
    snprintf(hex, sizeof hex, "\\x%02x", c);
    add(out, c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : hex);
}

/* Characters that YAML takes for line ends or does not show. */
static size_t quote_wide(struct text *out, struct khap_str s)
{
    static const struct {
        char bytes[4], escape[8];
    } wide[] = {{"\xC2\x85", "\\N"},
                {"\xC2\xA0", "\\_"},
                {"\xE2\x80\xA8", "\\L"},
                {"\xE2\x80\xA9", "\\P"},
                {"\xEF\xBB\xBF", "\\uFEFF"}};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t len = strlen(wide[i].bytes);
        if (s.len >= len && memcmp(s.ptr, wide[i].bytes, len) == 0) {
            add(out, wide[i].escape);
            return len;
        }
    }
    return 0;
}

static void write_quoted(const struct scalar_line *lines, size_t n, bool last_ended, struct text *out)
{
    add(out, "\"");
    for (size_t i = 0; i < n; i++) {
        struct khap_str line = lines[i].text;
        for (size_t at = 0; at < line.len;) {
            unsigned char c = (unsigned char)line.ptr[at];
            size_t wide = c >= 0x80 ? quote_wide(out, part(line, at, line.len)) : 0;
            if (wide == 0 && (c < 0x20 || c == 0x7f || c == '"' || c == '\\'))
                quote_byte(out, c);
            else if (wide == 0)
                text_add(out, part(line, at, at + 1));
            at += wide > 0 ? wide : 1;
        }
        if (i + 1 < n || last_ended)
            add(out, "\\n");
    }
    add(out, "\"");
}

/* Lines of a block with this many blanks before each. */
static void write_lines(const struct scalar_line *lines, size_t n, size_t indent, bool strip, const char *eol,
                        struct text *out)
{
    for (size_t i = 0; i < n; i++) {
        struct khap_str text = lines[i].text, kept = lines[i].kept;
        size_t skip = strip ? blanks(text) : 0;
        strip = strip && is_blank(text);
        if (skip > 0)
            kept.len = 0;
        if (kept.len > 0) {
            text_add(out, kept);
            if (i + 1 < n && end_of(kept)[0] == '\0')
                add(out, eol);
            continue;
        }
        for (size_t b = 0; b < indent && !is_blank(text); b++)
            add(out, " ");
        text_add(out, is_blank(text) ? (struct khap_str){NULL, 0} : part(text, skip, text.len));
        add(out, eol);
    }
}

/* The first line that is not blank: its blanks are those of the block. False when there is none. */
static bool first_indent(struct khap_str text, size_t *indent)
{
    struct khap_str line;
    while (scalar_next_line(&text, &line)) {
        if (is_blank(line))
            continue;
        *indent = blanks(line);
        return true;
    }
    return false;
}

static bool write_block(const struct scalar *s, const struct scalar_line *lines, size_t n, struct text *out,
                        size_t *end)
{
    size_t begin = body(s), stop = (size_t)s->place.offset + s->place.len, indent = 0, inner = 0;
    struct khap_str header = part(s->source, s->place.offset, begin);
    if (stop <= begin || !first_indent(part(s->source, begin, stop), &indent) ||
        !first_indent(s->value, &inner) || inner >= indent)
        return false;
    stop += line_length(part(s->source, stop, s->source.len));
    stop += stop < s->source.len ? 1 : 0;
    size_t mark = 1; /* the indicator and what belongs to it */
    bool explicit = false;
    while (mark < header.len && strchr("+-0123456789", header.ptr[mark]) != NULL &&
           header.ptr[mark] != '\0') {
        explicit = explicit || (header.ptr[mark] != '+' && header.ptr[mark] != '-');
        mark++;
    }
    if (n == 0) { /* a block without lines would take what follows for its own */
        add(out, "\"\"");
        text_add(out, part(header, mark, header.len));
    } else {
        add(out, "|");
        text_add(out, part(header, 1, header.len));
        write_lines(lines, n, indent - inner, !explicit, end_of(header), out);
        /* a last line without its end stays so */
        size_t eol = strlen(end_of(text_str(out)));
        if (end_of(part(s->source, begin, stop))[0] == '\0')
            out->len -= eol;
    }
    *end = stop;
    return true;
}

/* A value alone behind its key, on one line: `    extra: value # comment`. */
static bool stands_alone(const struct scalar *s, size_t *indent, size_t *line_end)
{
    size_t begin = s->place.offset, stop = begin + s->place.len, at;
    while (begin > 0 && s->source.ptr[begin - 1] != '\n')
        begin--;
    at = begin + blanks(part(s->source, begin, s->source.len));
    *indent = at - begin;
    while (at < s->place.offset && strchr(" \t:{}[],&*#!'\"", s->source.ptr[at]) == NULL)
        at++;
    if (at >= s->place.offset || at == begin + *indent || s->source.ptr[at] != ':')
        return false;
    for (at++; at < s->place.offset; at++) {
        if (s->source.ptr[at] != ' ')
            return false;
    }
    if (memchr(s->source.ptr + s->place.offset, '\n', s->place.len) != NULL)
        return false;
    struct khap_str behind = part(s->source, stop, s->source.len);
    behind.len = line_length(behind);
    *line_end = stop + behind.len;
    while (behind.len > 0 && is_space(behind.ptr[0]))
        behind = part(behind, 1, behind.len);
    return *line_end < s->source.len && (behind.len == 0 || behind.ptr[0] == '#');
}

static bool printable(const struct scalar_line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t at = 0; at < lines[i].text.len; at++) {
            unsigned char c = (unsigned char)lines[i].text.ptr[at];
            if ((c < 0x20 && c != '\t') || c >= 0x7f)
                return false;
        }
    }
    return true;
}

void scalar_write(const struct scalar *s, const struct scalar_line *lines, size_t n, bool quoted,
                  struct text *out, size_t *end)
{
    bool block = style(s) == '|' || style(s) == '>', ended = end_of(s->value)[0] != '\0';
    size_t indent = 0, line_end = 0;
    while (n > 0 && is_blank(lines[n - 1].text))
        n--;
    *end = (size_t)s->place.offset + s->place.len;
    if (block && (style(s) == '|' || !quoted) && write_block(s, lines, n, out, end))
        return;
    if (!block && !quoted && n > 1 && style(s) != '*' && printable(lines, n) &&
        stands_alone(s, &indent, &line_end)) {
        const char *eol = end_of(part(s->source, 0, line_end + 1));
        add(out, "|");
        text_add(out, part(s->source, *end, line_end + 1));
        write_lines(lines, n, indent + 2, true, eol, out);
        *end = line_end + 1;
        return;
    }
    write_quoted(lines, n, ended, out);
}
