/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_table.h"
#include "khapgen/yaml_scalar.h"

#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 30000 };

struct khap_str apply_next_word(struct khap_str *rest)
{
    while (rest->len > 0 && *rest->ptr == ' ') {
        rest->ptr++;
        rest->len--;
    }
    struct khap_str w = {rest->ptr, 0};
    while (rest->len > 0 && *rest->ptr != ' ') {
        rest->ptr++;
        rest->len--;
        w.len++;
    }
    return w;
}

bool apply_same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int64_t apply_number(struct khap_str digits)
{
    int64_t n = 0;
    for (size_t i = 0; i < digits.len && digits.ptr[i] >= '0' && digits.ptr[i] <= '9' && n < INT64_MAX / 16;
         i++)
        n = n * 10 + (digits.ptr[i] - '0');
    return n;
}

static int compare_texts(struct khap_str a, struct khap_str b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int c = least > 0 ? memcmp(a.ptr, b.ptr, least) : 0;
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int c = compare_texts(x->key, y->key);
    return c != 0 ? c : compare_texts(x->second, y->second);
}

void table_drop(struct table *t)
{
    apply_drop(t->text);
    free(t->rows);
    *t = (struct table){.socket = t->socket};
}

size_t table_columns(struct khap_str line, struct khap_str columns[COLUMNS])
{
    size_t n = 0;
    while (n < COLUMNS && line.len > 0)
        columns[n++] = apply_next_word(&line);
    return n;
}

void table_skip_blank(struct khap_str *text)
{
    if (text->len > 0) {
        text->ptr++;
        text->len--;
    }
}

static bool read_row(struct khap_str line, enum reply reply, struct row *row)
{
    struct khap_str columns[COLUMNS] = {{0}};
    if (reply == REPLY_SERVERS) {
        if (table_columns(line, columns) != COLUMNS)
            return false;
        *row = (struct row){columns[COLUMN_BACKEND], columns[COLUMN_SERVER], line, false};
        return true;
    }
    (void)apply_next_word(&line); /* an address; one blank stands behind it, and before the value */
    table_skip_blank(&line);
    *row = (struct row){line, {"", 0}, {"", 0}, false};
    if (reply == REPLY_MAP) {
        row->key = apply_next_word(&line);
        table_skip_blank(&line);
        row->rest = line;
    }
    return row->key.len > 0;
}

bool table_ask(struct table *t, const char *command, enum reply reply)
{
    int32_t error;
    struct khap_str line;
    size_t lines = 1;
    if (t->text.ptr != NULL && strcmp(t->asked, command) == 0)
        return true;
    table_drop(t);
    snprintf(t->asked, sizeof t->asked, "%s", command);
    if (!apply_ask(t->socket, KHAP_DIALOGUE_PROMPT, command, ASK_MS, &t->text, &error))
        return false;
    for (size_t i = 0; i < t->text.len; i++)
        lines += t->text.ptr[i] == '\n';
    t->rows = malloc(lines * sizeof *t->rows);
    for (struct khap_str rest = t->text; t->rows != NULL && scalar_next_line(&rest, &line);)
        t->n += read_row(line, reply, &t->rows[t->n]);
    if (t->n > 0)
        qsort(t->rows, t->n, sizeof *t->rows, compare_rows);
    return t->rows != NULL;
}

/* `backend`, when a line begins a section that may have servers; empty when it begins another one. */
static void begins_section(struct khap_str line, struct khap_str *backend)
{
    struct khap_str words = line, first = apply_next_word(&words);
    if (line.len > 0 && *line.ptr != ' ' && *line.ptr != '#')
        *backend = apply_same(first, WORD("backend")) || apply_same(first, WORD("listen"))
                       ? apply_next_word(&words)
                       : (struct khap_str){"", 0};
}

static bool add_row(struct table *t, size_t *cap, struct row row)
{
    if (t->n == *cap) {
        size_t more = *cap > 0 ? *cap * 2 : 64;
        struct row *rows = more < SIZE_MAX / sizeof *rows ? realloc(t->rows, more * sizeof *rows) : NULL;
        if (rows == NULL)
            return false;
        t->rows = rows;
        *cap = more;
    }
    t->rows[t->n++] = row;
    return true;
}

bool table_servers(struct table *t, const struct khap_bundle *bundle)
{
    struct text text = {0};
    const struct khap_sink sink = {&text, text_sink};
    struct khap_str rest, line, backend = {"", 0};
    size_t cap = 0;
    bool good = true;
    table_drop(t);
    for (const struct khap_bundle_file *f = NULL; good && (f = khap_bundle_next(bundle, f)) != NULL;)
        if (khap_bundle_file_document(f) != NULL)
            good = khap_bundle_file_print(f, &sink) == KHAP_OK && !text.failed;
    t->text = text_str(&text);
    for (rest = t->text; good && scalar_next_line(&rest, &line);) {
        begins_section(line, &backend);
        struct khap_str words = line, first = apply_next_word(&words), name = apply_next_word(&words);
        if (backend.len == 0 || !apply_same(first, WORD("server")))
            continue;
        line.len -= (size_t)(first.ptr - line.ptr);
        good = add_row(t, &cap, (struct row){backend, name, {first.ptr, line.len}, false});
    }
    if (t->n > 0)
        qsort(t->rows, t->n, sizeof *t->rows, compare_rows);
    return good;
}

bool table_lines(struct table *t, struct khap_str text)
{
    struct khap_str line;
    size_t cap = 0;
    bool good = true;
    table_drop(t);
    t->text = text;
    for (struct khap_str rest = text; good && scalar_next_line(&rest, &line);) {
        struct khap_str first = apply_next_word(&line), second = apply_next_word(&line);
        table_skip_blank(&line);
        good = add_row(t, &cap, (struct row){first, second, line, false});
    }
    if (t->n > 0)
        qsort(t->rows, t->n, sizeof *t->rows, compare_rows);
    return good;
}

size_t table_from(const struct table *t, struct khap_str key, struct khap_str second)
{
    const struct row wanted = {key, second, {"", 0}, false};
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_rows(&t->rows[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct row *table_find(const struct table *t, struct khap_str key, struct khap_str second)
{
    const struct row wanted = {key, second, {"", 0}, false};
    size_t at = table_from(t, key, second);
    return at < t->n && compare_rows(&t->rows[at], &wanted) == 0 ? &t->rows[at] : NULL;
}
