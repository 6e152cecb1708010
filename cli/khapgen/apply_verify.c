/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_verify.h"
#include "khapgen/apply_table.h"
#include "khapgen/yaml_scalar.h"

#include <khap/apply.h>
#include <stdio.h>
#include <string.h>

/* So many entries are asked for one by one. */
enum { FEW = 32, ASK_MS = 30000 };

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
    if (!table_ask(states, "show servers state", REPLY_SERVERS))
        return false;
    if (slash == NULL)
        return true;
    size_t len = (size_t)(slash - name.ptr);
    const struct row *row = table_find(states, (struct khap_str){name.ptr, len},
                                       (struct khap_str){slash + 1, name.len - len - 1});
    if (apply_same(verb, WORD("add")) || apply_same(verb, WORD("del")))
        return (row != NULL) == apply_same(verb, WORD("add"));
    if (row == NULL)
        return true;
    (void)table_columns(row->rest, columns);
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
    const struct row *row = table_find(t, key, WORD(""));
    for (; row != NULL && row < t->rows + t->n && apply_same(row->key, key); row++)
        if (any_value || apply_same(row->rest, value))
            return true;
    return false;
}

/* The value of `NAME="` in a line; up to the quote before the next field. */
static bool field_is(struct khap_str line, const char *name, struct khap_str value)
{
    size_t len = strlen(name);
    for (size_t i = 0; i + len + value.len < line.len; i++)
        if (memcmp(line.ptr + i, name, len) == 0)
            return memcmp(line.ptr + i + len, value.ptr, value.len) == 0 &&
                   line.ptr[i + len + value.len] == '"';
    return false;
}

static bool begins(struct khap_str line, const char *with)
{
    return line.len >= strlen(with) && memcmp(line.ptr, with, strlen(with)) == 0;
}

/*
 * Whether `get map FILE KEY` says for certain that the entry is what it was told to be: of many entries, all are long in coming. False: it does not, or
 * what is looked up need not be the entry of that key. Each line is one way in which the configuration looks.
 */
static bool is_certain(const char *socket, struct khap_str kind, struct khap_str file, struct khap_str key,
                       struct khap_str value, bool removed)
{
    char command[TABLE_NAME];
    bool map = apply_same(kind, WORD("map")), good = true;
    struct khap_str reply, line;
    int32_t error;
    size_t n = 0;
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] == '\\' || key.ptr[i] == '"' || key.ptr[i] == '\'')
            return false;
    int len = snprintf(command, sizeof command, "get %.*s %.*s %.*s", (int)kind.len, kind.ptr, (int)file.len,
                       file.ptr, (int)key.len, key.ptr);
    if (len >= (int)sizeof command ||
        !apply_ask(socket, KHAP_DIALOGUE_PROMPT, command, ASK_MS, &reply, &error))
        return false;
    for (struct khap_str rest = reply; good && scalar_next_line(&rest, &line);) {
        if (line.len == 0)
            continue;
        n++;
        good = (begins(line, "type=str, case=sensitive, ") || begins(line, "type=beg, case=sensitive, ")) &&
               (map ? field_is(line, ", key=\"", key) && (removed || field_is(line, ", value=\"", value))
                    : field_is(line, ", pattern=\"", key)) != removed;
    }
    apply_drop(reply);
    return good && n > 0;
}

/* `add map [@version] FILE [KEY [VALUE]]`, and what stands behind it. */
static bool entries_are(struct table *t, unsigned *asked, const struct khap_command *c, struct khap_str verb,
                        struct khap_str kind, struct khap_str rest)
{
    char command[TABLE_NAME];
    struct khap_str file = apply_next_word(&rest), line, lines = c->content;
    if (apply_same(file, WORD("@version")))
        file = apply_next_word(&rest);
    struct khap_str key = apply_next_word(&rest), value = apply_next_word(&rest);
    bool map = apply_same(kind, WORD("map")), removed = apply_same(verb, WORD("del")), good = true;
    if (key.len > 0 && (*asked)++ < FEW && is_certain(t->socket, kind, file, key, value, removed))
        return true;
    int n =
        snprintf(command, sizeof command, "show %.*s %.*s", (int)kind.len, kind.ptr, (int)file.len, file.ptr);
    if (n >= (int)sizeof command || !table_ask(t, command, map ? REPLY_MAP : REPLY_ACL))
        return false;
    if (key.len > 0)
        return has_entry(t, key, value, removed || !map) != removed;
    while (good && scalar_next_line(&lines, &line)) {
        key = map ? apply_next_word(&line) : line;
        if (map)
            table_skip_blank(&line);
        good = has_entry(t, key, line, !map);
    }
    return good;
}

bool apply_has(const char *socket, const struct khap_diff *diff, char why[WHY])
{
    struct table states = {.socket = socket}, entries = {.socket = socket};
    struct khap_command c = {.size = sizeof c};
    unsigned asked = 0;
    bool good = true;
    for (size_t i = 0; good && khap_diff_command_at(diff, i, &c) == KHAP_OK; i++) {
        struct khap_str rest = c.text, verb = apply_next_word(&rest), kind = apply_next_word(&rest);
        if (apply_same(kind, WORD("server")))
            good = server_is(&states, verb, rest);
        else if (apply_same(kind, WORD("map")) || apply_same(kind, WORD("acl")))
            good = entries_are(&entries, &asked, &c, verb, kind, rest);
        if (!good)
            apply_say(why, "it does not have what was told: ", c.text);
    }
    table_drop(&states);
    table_drop(&entries);
    return good;
}
