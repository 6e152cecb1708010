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

/* The first row with that name. */
struct row *table_find(const struct table *t, struct khap_str key, struct khap_str second)
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
    return low < t->n && compare_rows(&t->rows[low], &wanted) == 0 ? &t->rows[low] : NULL;
}
