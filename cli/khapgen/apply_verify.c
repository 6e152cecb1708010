/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_verify.h"
#include "khapgen/input.h"
#include "khapgen/yaml_scalar.h"

#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 30000, NAME = 1024 };

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

/* ---- what the process said, to be found by name */

struct row {
    struct khap_str key, second; /* of a server its backend and its name; of an entry its key */
    struct khap_str rest;        /* all that was said of a server; the value of an entry */
};

struct table {
    const char *socket;
    char asked[NAME]; /* the command that it is the reply to */
    struct khap_str text;
    struct row *rows;
    size_t n;
};

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

static void table_drop(struct table *t)
{
    apply_drop(t->text);
    free(t->rows);
    *t = (struct table){.socket = t->socket};
}

/* Columns of `show servers state`, of its version 1. */
enum {
    COLUMN_BACKEND = 1,
    COLUMN_SERVER = 3,
    COLUMN_ADDRESS = 4,
    COLUMN_ADMIN = 6,
    COLUMN_WEIGHT = 7,
    COLUMN_PORT = 18,
    COLUMNS
};

static size_t columns_of(struct khap_str line, struct khap_str columns[COLUMNS])
{
    size_t n = 0;
    while (n < COLUMNS && line.len > 0)
        columns[n++] = apply_next_word(&line);
    return n;
}

static void skip_blank(struct khap_str *text)
{
    if (text->len > 0) {
        text->ptr++;
        text->len--;
    }
}

enum reply { REPLY_SERVERS, REPLY_MAP, REPLY_ACL };

static bool read_row(struct khap_str line, enum reply reply, struct row *row)
{
    struct khap_str columns[COLUMNS] = {{0}};
    if (reply == REPLY_SERVERS) {
        if (columns_of(line, columns) != COLUMNS)
            return false;
        *row = (struct row){columns[COLUMN_BACKEND], columns[COLUMN_SERVER], line};
        return true;
    }
    (void)apply_next_word(&line); /* an address; one blank stands behind it, and before the value */
    skip_blank(&line);
    *row = (struct row){line, {"", 0}, {"", 0}};
    if (reply == REPLY_MAP) {
        row->key = apply_next_word(&line);
        skip_blank(&line);
        row->rest = line;
    }
    return row->key.len > 0;
}

static bool ask_for(struct table *t, const char *command, enum reply reply)
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
static const struct row *find(const struct table *t, struct khap_str key, struct khap_str second)
{
    const struct row wanted = {key, second, {"", 0}};
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

/* ---- servers */

static bool is_in_maintenance(struct khap_str admin)
{
    return admin.len > 0 && ((unsigned char)admin.ptr[admin.len - 1] & 1) != 0;
}

/* Whether a server is what a command said; true for what cannot be asked, and for one that went after it was told. */
static bool server_is(struct table *states, struct khap_str verb, struct khap_str rest)
{
    struct khap_str columns[COLUMNS] = {{0}}, name = apply_next_word(&rest), what = apply_next_word(&rest),
                    value = apply_next_word(&rest);
    const char *slash = name.len > 0 ? memchr(name.ptr, '/', name.len) : NULL;
    if (!ask_for(states, "show servers state", REPLY_SERVERS))
        return false;
    if (slash == NULL)
        return true;
    size_t len = (size_t)(slash - name.ptr);
    const struct row *row =
        find(states, (struct khap_str){name.ptr, len}, (struct khap_str){slash + 1, name.len - len - 1});
    if (apply_same(verb, WORD("add")) || apply_same(verb, WORD("del")))
        return (row != NULL) == apply_same(verb, WORD("add"));
    if (row == NULL)
        return true;
    (void)columns_of(row->rest, columns);
    if (apply_same(what, WORD("weight")))
        return apply_same(columns[COLUMN_WEIGHT], value);
    if (apply_same(what, WORD("state")))
        return is_in_maintenance(columns[COLUMN_ADMIN]) == apply_same(value, WORD("maint"));
    if (apply_same(what, WORD("addr"))) {
        (void)apply_next_word(&rest);
        struct khap_str port = apply_next_word(&rest);
        /* addresses of IPv6 have several spellings */
        bool v6 = value.len > 0 && memchr(value.ptr, ':', value.len) != NULL;
        return (v6 || apply_same(columns[COLUMN_ADDRESS], value)) &&
               (port.len == 0 || apply_same(columns[COLUMN_PORT], port));
    }
    return true;
}

/* ---- maps and patterns */

static bool has_entry(const struct table *t, struct khap_str key, struct khap_str value, bool any_value)
{
    const struct row *row = find(t, key, WORD(""));
    for (; row != NULL && row < t->rows + t->n && apply_same(row->key, key); row++)
        if (any_value || apply_same(row->rest, value))
            return true;
    return false;
}

/* `add map [@version] FILE [KEY [VALUE]]`, and what stands behind it. */
static bool entries_are(struct table *t, const struct khap_command *c, struct khap_str verb,
                        struct khap_str kind, struct khap_str rest)
{
    char command[NAME];
    struct khap_str file = apply_next_word(&rest), line, lines = c->content;
    if (apply_same(file, WORD("@version")))
        file = apply_next_word(&rest);
    struct khap_str key = apply_next_word(&rest), value = apply_next_word(&rest);
    bool map = apply_same(kind, WORD("map")), removed = apply_same(verb, WORD("del")), good = true;
    int n =
        snprintf(command, sizeof command, "show %.*s %.*s", (int)kind.len, kind.ptr, (int)file.len, file.ptr);
    if (n >= (int)sizeof command || !ask_for(t, command, map ? REPLY_MAP : REPLY_ACL))
        return false;
    if (key.len > 0)
        return has_entry(t, key, value, removed || !map) != removed;
    while (good && scalar_next_line(&lines, &line)) {
        key = map ? apply_next_word(&line) : line;
        if (map)
            skip_blank(&line);
        good = has_entry(t, key, line, !map);
    }
    return good;
}

bool apply_has(const char *socket, const struct khap_diff *diff, char why[WHY])
{
    struct table states = {.socket = socket}, entries = {.socket = socket};
    struct khap_command c = {.size = sizeof c};
    bool good = true;
    for (size_t i = 0; good && khap_diff_command_at(diff, i, &c) == KHAP_OK; i++) {
        struct khap_str rest = c.text, verb = apply_next_word(&rest), kind = apply_next_word(&rest);
        if (apply_same(kind, WORD("server")))
            good = server_is(&states, verb, rest);
        else if (apply_same(kind, WORD("map")) || apply_same(kind, WORD("acl")))
            good = entries_are(&entries, &c, verb, kind, rest);
        if (!good)
            apply_say(why, "it does not have what was told: ", c.text);
    }
    table_drop(&states);
    table_drop(&entries);
    return good;
}
