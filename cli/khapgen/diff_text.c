/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/diff_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many lines stand around a change; how many steps are gone at once before what was reached has to do. */
enum { CONTEXT = 3, PATIENCE = 256 };

struct line {
    const char *ptr;
    size_t len; /* with the line feed, which only the last line may lack */
    size_t id;  /* the same for equal lines of both sides */
};

struct side {
    struct line *lines;
    bool *changed;
    size_t n;
    size_t *shared; /* its lines that the other side has, too: only they can be kept */
    ptrdiff_t n_shared;
};

/* Part of both sides, as places in `shared`. */
struct box {
    ptrdiff_t a, a_end, b, b_end;
};

struct diff {
    struct side old, now;
    ptrdiff_t *forward, *backward; /* how far each diagonal a - b was gone from both ends */
    struct box *todo;
    size_t n_todo, room;
};

/* ---- the lines ---- */

static size_t count_lines(struct khap_str text)
{
    size_t n = 0;
    const char *at = text.ptr, *end = text.len > 0 ? text.ptr + text.len : text.ptr;
    while (at != end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        at = lf == NULL ? end : lf + 1;
        n++;
    }
    return n;
}

static bool side_init(struct side *s, struct khap_str text)
{
    s->n = count_lines(text);
    s->lines = calloc(s->n + 1, sizeof *s->lines);
    s->changed = calloc(s->n + 1, sizeof *s->changed);
    s->shared = calloc(s->n + 1, sizeof *s->shared);
    if (s->lines == NULL || s->changed == NULL || s->shared == NULL)
        return false;
    const char *at = text.ptr;
    for (size_t i = 0; i < s->n; i++) {
        size_t left = text.len - (size_t)(at - text.ptr);
        const char *lf = memchr(at, '\n', left);
        s->lines[i].ptr = at;
        s->lines[i].len = lf == NULL ? left : (size_t)(lf - at) + 1;
        at += s->lines[i].len;
    }
    return true;
}

static void side_free(struct side *s)
{
    free(s->lines);
    free(s->changed);
    free(s->shared);
}

static int by_text(const void *left, const void *right)
{
    const struct line *a = *(struct line *const *)left, *b = *(struct line *const *)right;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return memcmp(a->ptr, b->ptr, a->len);
}

static void keep_shared(struct side *s, const uint8_t *where)
{
    for (size_t i = 0; i < s->n; i++) {
        if (where[s->lines[i].id] == 3)
            s->shared[s->n_shared++] = i;
        else
            s->changed[i] = true;
    }
}

/* Gives equal lines one id, and finds those that both sides have. */
static bool compare_lines(struct diff *d)
{
    size_t n = d->old.n + d->now.n, ids = 0;
    struct line **all = calloc(n + 1, sizeof(struct line *));
    uint8_t *where = calloc(n + 1, 1);
    if (all != NULL && where != NULL) {
        for (size_t i = 0; i < d->old.n; i++)
            all[i] = &d->old.lines[i];
        for (size_t i = 0; i < d->now.n; i++)
            all[d->old.n + i] = &d->now.lines[i];
        qsort(all, n, sizeof(struct line *), by_text);
        for (size_t i = 0; i < n; i++) {
            bool old = all[i] >= d->old.lines && all[i] < d->old.lines + d->old.n;
            if (i > 0 && by_text(&all[i - 1], &all[i]) != 0)
                ids++;
            all[i]->id = ids;
            where[ids] |= old ? 1 : 2;
        }
        keep_shared(&d->old, where);
        keep_shared(&d->now, where);
    }
    bool good = all != NULL && where != NULL;
    free(all);
    free(where);
    return good;
}

/* ---- which lines stay: E. W. Myers, An O(ND) Difference Algorithm and Its Variations (1986), from both ends at once ---- */

static bool same(const struct diff *d, ptrdiff_t a, ptrdiff_t b)
{
    return d->old.lines[d->old.shared[a]].id == d->now.lines[d->now.shared[b]].id;
}

static bool inside(const struct box *x, ptrdiff_t a, ptrdiff_t b)
{
    return x->a <= a && a <= x->a_end && x->b <= b && b <= x->b_end;
}

/* What was gone furthest from the nearer end, when patience is over. */
static void furthest(const struct diff *d, const struct box *x, const ptrdiff_t reach[4], ptrdiff_t *a,
                     ptrdiff_t *b)
{
    ptrdiff_t best = -1;
    for (int back = 0; back < 2; back++) {
        const ptrdiff_t *gone = back ? d->backward : d->forward;
        for (ptrdiff_t k = reach[2 * back]; k <= reach[2 * back + 1]; k += 2) {
            ptrdiff_t i = gone[k], j = i - k;
            ptrdiff_t way = back ? x->a_end + x->b_end - i - j : i + j - x->a - x->b;
            if (inside(x, i, j) && way > best) {
                best = way;
                *a = i;
                *b = j;
            }
        }
    }
}

/* A place that a short way from one corner of the box to the other goes through. */
static void split(const struct diff *d, const struct box *x, ptrdiff_t *a, ptrdiff_t *b)
{
    ptrdiff_t *f = d->forward, *r = d->backward;
    const ptrdiff_t low = x->a - x->b_end, high = x->a_end - x->b;
    const ptrdiff_t start = x->a - x->b, end = x->a_end - x->b_end;
    ptrdiff_t f_low = start, f_high = start, r_low = end, r_high = end;
    const bool odd = ((start - end) & 1) != 0;
    f[start] = x->a;
    r[end] = x->a_end;
    for (int steps = 0; steps < PATIENCE; steps++) {
        if (f_low > low)
            f[--f_low - 1] = PTRDIFF_MIN;
        else
            f_low++;
        if (f_high < high)
            f[++f_high + 1] = PTRDIFF_MIN;
        else
            f_high--;
        for (ptrdiff_t k = f_high; k >= f_low; k -= 2) {
            ptrdiff_t i = f[k - 1] >= f[k + 1] ? f[k - 1] + 1 : f[k + 1];
            while (i < x->a_end && i - k < x->b_end && same(d, i, i - k))
                i++;
            f[k] = i;
            if (odd && r_low <= k && k <= r_high && r[k] <= i && inside(x, i, i - k)) {
                *a = i;
                *b = i - k;
                return;
            }
        }
        if (r_low > low)
            r[--r_low - 1] = PTRDIFF_MAX;
        else
            r_low++;
        if (r_high < high)
            r[++r_high + 1] = PTRDIFF_MAX;
        else
            r_high--;
        for (ptrdiff_t k = r_high; k >= r_low; k -= 2) {
            ptrdiff_t i = r[k - 1] < r[k + 1] ? r[k - 1] : r[k + 1] - 1;
            while (i > x->a && i - k > x->b && same(d, i - 1, i - k - 1))
                i--;
            r[k] = i;
            if (!odd && f_low <= k && k <= f_high && i <= f[k] && inside(x, i, i - k)) {
                *a = i;
                *b = i - k;
                return;
            }
        }
    }
    const ptrdiff_t reach[4] = {f_low, f_high, r_low, r_high};
    furthest(d, x, reach, a, b);
}

static bool later(struct diff *d, struct box x)
{
    if (d->n_todo == d->room) {
        size_t room = d->room * 2 + 64;
        struct box *more = room > SIZE_MAX / sizeof *more ? NULL : realloc(d->todo, room * sizeof *more);
        if (more == NULL)
            return false;
        d->todo = more;
        d->room = room;
    }
    d->todo[d->n_todo++] = x;
    return true;
}

static bool find_changes(struct diff *d)
{
    bool good = later(d, (struct box){0, d->old.n_shared, 0, d->now.n_shared});
    while (good && d->n_todo > 0) {
        struct box x = d->todo[--d->n_todo];
        while (x.a < x.a_end && x.b < x.b_end && same(d, x.a, x.b))
            x.a++, x.b++;
        while (x.a < x.a_end && x.b < x.b_end && same(d, x.a_end - 1, x.b_end - 1))
            x.a_end--, x.b_end--;
        ptrdiff_t a = x.a, b = x.b;
        if (a < x.a_end && b < x.b_end)
            split(d, &x, &a, &b);
        if ((a == x.a && b == x.b) || (a == x.a_end && b == x.b_end)) {
            /* nothing is left of one side, or there is no way to part it */
            for (ptrdiff_t i = x.a; i < x.a_end; i++)
                d->old.changed[d->old.shared[i]] = true;
            for (ptrdiff_t i = x.b; i < x.b_end; i++)
                d->now.changed[d->now.shared[i]] = true;
            continue;
        }
        good = later(d, (struct box){a, x.a_end, b, x.b_end}) && later(d, (struct box){x.a, a, x.b, b});
    }
    return good;
}

/* Of equal ways the one that people expect: what came or went alone ends as late as it can, so that a new section is shown whole. */
static void settle(struct side *s, const struct side *other)
{
    size_t i = 0, j = 0;
    while (i < s->n) {
        if (!s->changed[i]) {
            while (j < other->n && other->changed[j])
                j++;
            i++;
            j++;
            continue;
        }
        size_t end = i;
        while (end < s->n && s->changed[end])
            end++;
        while (end < s->n && (j >= other->n || !other->changed[j]) && s->lines[i].id == s->lines[end].id) {
            s->changed[i++] = false;
            j++;
            do
                s->changed[end++] = true;
            while (end < s->n && s->changed[end]);
        }
        i = end;
    }
}

/* ---- writing ---- */

struct out {
    const struct khap_sink *sink;
    bool failed;
};

static void put(struct out *o, const char *data, size_t len)
{
    if (!o->failed && len > 0)
        o->failed = o->sink->write(o->sink->ctx, data, len) != 0;
}

/* A name that would end the line, or be cut at a blank, is written so that patch reads it. */
static void put_name(struct out *o, const char *mark, struct khap_str name)
{
    bool quote = false, blank = false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        quote = quote || c < 0x20 || c == 0x7f || c == '"' || c == '\\';
        blank = blank || c == ' ';
    }
    put(o, mark, strlen(mark));
    if (quote)
        put(o, "\"", 1);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        char octal[8];
        if (c < 0x20 || c == 0x7f)
            put(o, octal, (size_t)snprintf(octal, sizeof octal, "\\%03o", (unsigned)c));
        else if (c == '"' || c == '\\')
            put(o, c == '"' ? "\\\"" : "\\\\", 2);
        else
            put(o, &name.ptr[i], 1);
    }
    if (quote)
        put(o, "\"", 1);
    put(o, blank && !quote ? "\t\n" : "\n", blank && !quote ? 2 : 1);
}

static void put_line(struct out *o, char mark, const struct line *line)
{
    put(o, &mark, 1);
    put(o, line->ptr, line->len);
    if (line->len == 0 || line->ptr[line->len - 1] != '\n')
        put(o, "\n\\ No newline at end of file\n", 29);
}

static void put_range(struct out *o, char mark, size_t from, size_t to)
{
    char text[64];
    int n = from + 1 == to ? snprintf(text, sizeof text, "%c%zu", mark, from + 1)
                           : snprintf(text, sizeof text, "%c%zu,%zu", mark, from + (from < to), to - from);
    put(o, text, (size_t)n);
}

/* The next place from (*i, *j) on, both of which are unchanged lines of equal text or the end, where something changed; false at the end. */
static bool next_change(const struct diff *d, size_t *i, size_t *j, size_t *i_end, size_t *j_end)
{
    while (*i < d->old.n && *j < d->now.n && !d->old.changed[*i] && !d->now.changed[*j])
        ++*i, ++*j;
    *i_end = *i;
    *j_end = *j;
    while (*i_end < d->old.n && d->old.changed[*i_end])
        ++*i_end;
    while (*j_end < d->now.n && d->now.changed[*j_end])
        ++*j_end;
    return *i_end > *i || *j_end > *j;
}

static void put_hunk(struct out *o, const struct diff *d, size_t i, size_t i_end, size_t j, size_t j_end)
{
    put(o, "@@ ", 3);
    put_range(o, '-', i, i_end);
    put(o, " ", 1);
    put_range(o, '+', j, j_end);
    put(o, " @@\n", 4);
    while (i < i_end || j < j_end) {
        if (i < i_end && d->old.changed[i]) {
            put_line(o, '-', &d->old.lines[i++]);
        } else if (j < j_end && d->now.changed[j]) {
            put_line(o, '+', &d->now.lines[j++]);
        } else {
            put_line(o, ' ', &d->old.lines[i++]);
            j++;
        }
    }
}

static void put_hunks(struct out *o, const struct diff *d)
{
    size_t i = 0, j = 0, i_end, j_end;
    bool more = next_change(d, &i, &j, &i_end, &j_end);
    while (more && !o->failed) {
        size_t before = i < CONTEXT ? i : CONTEXT, last = i_end, last_now = j_end;
        size_t from = i - before, from_now = j - before;
        while ((i = i_end, j = j_end, more = next_change(d, &i, &j, &i_end, &j_end)) &&
               i - last <= 2 * CONTEXT) {
            last = i_end;
            last_now = j_end;
        }
        size_t after = d->old.n - last < CONTEXT ? d->old.n - last : CONTEXT;
        put_hunk(o, d, from, last + after, from_now, last_now + after);
    }
}

enum khap_status diff_text(struct khap_str old, struct khap_str now, struct khap_str old_name,
                           struct khap_str new_name, const struct khap_sink *sink)
{
    struct diff d = {0};
    struct out o = {.sink = sink};
    if (old.len == now.len && (old.len == 0 || memcmp(old.ptr, now.ptr, old.len) == 0))
        return KHAP_OK;
    bool good = side_init(&d.old, old) && side_init(&d.now, now) && compare_lines(&d);
    ptrdiff_t *diagonals = NULL;
    if (good) {
        size_t room = (size_t)d.old.n_shared + (size_t)d.now.n_shared + 3;
        diagonals = calloc(2 * room, sizeof *diagonals);
        good = diagonals != NULL;
        if (good) {
            d.forward = diagonals + d.now.n_shared + 1;
            d.backward = d.forward + room;
            good = find_changes(&d);
        }
    }
    if (good) {
        settle(&d.old, &d.now);
        settle(&d.now, &d.old);
        put_name(&o, "--- ", old_name);
        put_name(&o, "+++ ", new_name);
        put_hunks(&o, &d);
    }
    free(diagonals);
    free(d.todo);
    side_free(&d.old);
    side_free(&d.now);
    return !good ? KHAP_ENOMEM : o.failed ? KHAP_EIO : KHAP_OK;
}
