/* migrate/header_regex.c - reads a regular expression. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/header_regex.h"

enum { DEPTH = 24 };

struct reader {
    struct arena *arena;
    struct khap_str s;
    size_t at;
    uint8_t groups;
    bool nocase, unknown, no_memory;
};

static bool is_next(const struct reader *r, char c)
{
    return r->at < r->s.len && r->s.ptr[r->at] == c;
}

static bool takes(struct reader *r, const char *text)
{
    struct khap_str t = khap__str(text);
    if (!khap__str_starts(khap__str_sub(r->s, r->at, r->s.len), t))
        return false;
    r->at += t.len;
    return true;
}

static struct header_node *node(struct reader *r, enum header_node_kind kind, size_t from)
{
    struct header_node *n = khap__arena_zalloc(r->arena, 1, sizeof *n);
    if (n == NULL) {
        r->no_memory = true;
        return NULL;
    }
    n->kind = (uint8_t)kind;
    n->raw = khap__str_sub(r->s, from, r->at - from);
    return n;
}

/* ---- sets */

static void put(uint64_t set[4], unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to; c++)
        set[c / 64] |= UINT64_C(1) << (c % 64);
}

/* The set of \d, \w, \s and their opposites, and of what is a byte; false for what is none. `r` is behind the letter. */
static bool escaped(struct reader *r, char c, uint64_t set[4])
{
    static const char names[] = "tnrfea", bytes[] = "\t\n\r\f\033\a";
    uint64_t all[4] = {0};
    char kind = (char)khap__lower((unsigned char)c);
    if (kind == 'd' || kind == 'w' || kind == 's') {
        if (kind != 's')
            put(all, '0', '9');
        if (kind == 'w') {
            put(all, 'a', 'z');
            put(all, 'A', 'Z');
            put(all, '_', '_');
        } else if (kind == 's') {
            put(all, ' ', ' ');
            put(all, '\t', '\r');
        }
        for (unsigned i = 0; i < 4; i++)
            set[i] |= c == kind ? all[i] : ~all[i];
        return true;
    }
    if (c == 'x') {
        int high = r->at < r->s.len ? khap__hex((unsigned char)r->s.ptr[r->at]) : -1;
        int low = r->at + 1 < r->s.len ? khap__hex((unsigned char)r->s.ptr[r->at + 1]) : -1;
        if (high < 0 || low < 0)
            return false;
        r->at += 2;
        put(set, (unsigned)(high * 16 + low), (unsigned)(high * 16 + low));
        return true;
    }
    const char *name = c == '\0' ? NULL : strchr(names, c);
    if (name == NULL && khap__is_alnum((unsigned char)c))
        return false;
    unsigned byte = name != NULL ? (unsigned char)bytes[name - names] : (unsigned char)c;
    put(set, byte, byte);
    return true;
}

static bool posix_class(struct khap_str name, uint64_t set[4])
{
    static const struct {
        const char *name, *ranges;
    } classes[] = {
        {"alpha", "azAZ"},    {"digit", "09"},     {"alnum", "azAZ09"}, {"upper", "AZ"},
        {"lower", "az"},      {"space", "\t\r  "}, {"blank", "\t\t  "}, {"punct", "!/:@[`{~"},
        {"xdigit", "09afAF"}, {"print", " ~"},     {"graph", "!~"},     {"word", "azAZ09__"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (!khap__str_eq(name, khap__str(classes[i].name)))
            continue;
        for (const char *p = classes[i].ranges; *p != '\0'; p += 2)
            put(set, (unsigned char)p[0], (unsigned char)p[1]);
        return true;
    }
    return false;
}

/* Behind the `[`. A backslash escapes, as in PCRE. */
static void bracket(struct reader *r, uint64_t set[4])
{
    bool negated = takes(r, "^"), first = true;
    for (; !r->unknown && (first || !is_next(r, ']')); first = false) {
        uint64_t one[4] = {0};
        if (r->at >= r->s.len) {
            r->unknown = true;
        } else if (takes(r, "[:")) {
            struct khap_str rest = khap__str_sub(r->s, r->at, r->s.len);
            struct khap_str name = khap__str_sub(rest, 0, khap__str_find(rest, ':'));
            r->at += name.len;
            r->unknown = !takes(r, ":]") || !posix_class(name, set);
        } else if (takes(r, "[.") || takes(r, "[=")) {
            r->unknown = true;
        } else {
            unsigned from = (unsigned char)r->s.ptr[r->at++], to;
            if (from == '\\') {
                char c = r->at < r->s.len ? r->s.ptr[r->at++] : '\0';
                r->unknown = c == '\0' || !escaped(r, c, one);
                for (unsigned i = 0; i < 4; i++)
                    set[i] |= one[i];
                /* a range from an escaped byte is too rare to be worth it */
                r->unknown =
                    r->unknown || (is_next(r, '-') && r->at + 1 < r->s.len && r->s.ptr[r->at + 1] != ']');
                continue;
            }
            to = from;
            if (is_next(r, '-') && r->at + 1 < r->s.len && r->s.ptr[r->at + 1] != ']') {
                to = (unsigned char)r->s.ptr[r->at + 1];
                r->at += 2;
                r->unknown = to < from || to == '\\' || to == '[';
            }
            put(set, from, to);
        }
    }
    r->at++;
    for (unsigned i = 0; i < 4 && negated; i++)
        set[i] = ~set[i];
}

/* ---- the rest */

static struct header_node *read_ways(struct reader *r, unsigned depth);

/* Behind "(?=", "(?!" or the like: up to its end. */
static void skip_look(struct reader *r)
{
    for (unsigned depth = 1; depth > 0 && !r->unknown; r->at++) {
        if (r->at + 1 >= r->s.len && !is_next(r, ')'))
            r->unknown = true;
        else if (is_next(r, '['))
            r->unknown = true;
        else if (is_next(r, '\\'))
            r->at++;
        else if (is_next(r, '('))
            depth++;
        else if (is_next(r, ')'))
            depth--;
    }
}

static struct header_node *read_group(struct reader *r, unsigned depth, size_t from)
{
    uint8_t group = 0;
    if (takes(r, "?=") || takes(r, "?!")) {
        skip_look(r);
        return node(r, HEADER_LOOK, from);
    }
    if (!takes(r, "?:")) {
        r->unknown = r->unknown || is_next(r, '?') || is_next(r, '*') || r->groups == UINT8_MAX;
        group = ++r->groups;
    }
    struct header_node *child = r->unknown || depth == 0 ? NULL : read_ways(r, depth - 1);
    r->unknown = r->unknown || child == NULL || !takes(r, ")");
    struct header_node *n = r->unknown ? NULL : node(r, HEADER_GROUP, from);
    if (n != NULL) {
        n->group = group;
        n->child = child;
    }
    return n;
}

static struct header_node *read_atom(struct reader *r, unsigned depth)
{
    size_t from = r->at;
    uint64_t set[4] = {0};
    char c = r->s.ptr[r->at++];
    enum header_node_kind kind = HEADER_SET;
    if (c == '(')
        return read_group(r, depth, from);
    if (c == '^') {
        kind = HEADER_BEGIN;
    } else if (c == '$') {
        kind = HEADER_END;
    } else if (c == '[') {
        bracket(r, set);
    } else if (c == '.') {
        put(set, 0, 255);
        set[0] &= ~(UINT64_C(1) << '\n');
    } else if (c == '\\') {
        c = r->at < r->s.len ? r->s.ptr[r->at++] : '\0';
        if (c == 'b' || c == 'B')
            kind = HEADER_LOOK;
        else if (c == 'A')
            kind = HEADER_BEGIN;
        else if (c == 'z' || c == 'Z')
            kind = HEADER_END;
        else
            r->unknown = c == '\0' || !escaped(r, c, set);
    } else if (c == '*' || c == '+' || c == '?' || c == ')') {
        r->unknown = true;
    } else {
        put(set, (unsigned char)c, (unsigned char)c);
    }
    struct header_node *n = r->unknown ? NULL : node(r, kind, from);
    if (n != NULL)
        memcpy(n->set, set, sizeof set);
    return n;
}

static uint32_t read_number(struct reader *r)
{
    uint32_t n = 0;
    for (; r->at < r->s.len && khap__is_digit((unsigned char)r->s.ptr[r->at]); r->at++) {
        n = n * 10 + (uint32_t)(r->s.ptr[r->at] - '0');
        if (n > 1000) {
            r->unknown = true;
            return 0;
        }
    }
    return n;
}

static struct header_node *read_repeated(struct reader *r, struct header_node *atom)
{
    size_t from = r->at;
    uint32_t min = 1, max = 1;
    if (takes(r, "*")) {
        min = 0;
        max = HEADER_MANY;
    } else if (takes(r, "+")) {
        max = HEADER_MANY;
    } else if (takes(r, "?")) {
        min = 0;
    } else if (is_next(r, '{') && r->at + 1 < r->s.len &&
               khap__is_digit((unsigned char)r->s.ptr[r->at + 1])) {
        r->at++;
        max = min = read_number(r);
        if (takes(r, ","))
            max = is_next(r, '}') ? HEADER_MANY : read_number(r);
        r->unknown = r->unknown || !takes(r, "}") || max < min;
    } else {
        return atom;
    }
    bool lazy = takes(r, "?");
    if (!lazy)
        (void)takes(r, "+");
    r->unknown = r->unknown || (atom->kind != HEADER_SET && atom->kind != HEADER_GROUP) || is_next(r, '*') ||
                 is_next(r, '+') || is_next(r, '?');
    struct header_node *n = r->unknown ? NULL : node(r, HEADER_REP, from);
    if (n != NULL) {
        n->min = min;
        n->max = max;
        n->lazy = lazy;
        n->child = atom;
    }
    return n;
}

static struct header_node *read_sequence(struct reader *r, unsigned depth)
{
    struct header_node *seq = node(r, HEADER_SEQ, r->at);
    const struct header_node **tail = seq == NULL ? NULL : &seq->child;
    while (tail != NULL && r->at < r->s.len && !is_next(r, '|') && !is_next(r, ')')) {
        struct header_node *n = read_atom(r, depth);
        if (n != NULL)
            n = read_repeated(r, n);
        if (n == NULL)
            return NULL;
        *tail = n;
        tail = &n->next;
    }
    return seq;
}

static struct header_node *read_ways(struct reader *r, unsigned depth)
{
    struct header_node *first = read_sequence(r, depth), *last = first;
    if (first == NULL || !is_next(r, '|'))
        return first;
    while (last != NULL && takes(r, "|")) {
        struct header_node *next = read_sequence(r, depth);
        last->next = next;
        last = next;
    }
    struct header_node *all = last == NULL ? NULL : node(r, HEADER_ALT, r->at);
    if (all != NULL)
        all->child = first;
    return all;
}

enum khap_status khap__header_regex(struct arena *arena, struct khap_str s, bool *nocase,
                                    const struct header_node **out)
{
    struct reader r = {.arena = arena, .s = s};
    if (takes(&r, "(?i)"))
        *nocase = true;
    const struct header_node *regex = read_ways(&r, DEPTH);
    *out = r.unknown || r.at < s.len ? NULL : regex;
    return r.no_memory ? KHAP_ENOMEM : KHAP_OK;
}
