/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_states.h"
#include "khapgen/apply_table.h"
#include "khapgen/yaml_scalar.h"

#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_ROOM = 4096, COLUMN_CONFIGURED_WEIGHT = COLUMN_WEIGHT + 1 };

static bool write_states(const char *directory, struct khap_str text)
{
    char path[PATH_ROOM];
    struct khap_save_options save;
    khap_save_options_init(&save);
    save.flags = KHAP_SAVE_NO_SYNC;
    int n = snprintf(path, sizeof path, "%s/server-states", directory);
    return n > 0 && n < PATH_ROOM && khap_save_text(&save, word(path), text, NULL) == KHAP_OK;
}

bool apply_states_empty(const char *directory)
{
    return write_states(directory, WORD("1\n")); /* the version alone: of an empty file HAProxy warns */
}

/* The next word that is no weight and no `disabled`; `weight` and `disabled` are told. */
struct server_line {
    struct khap_str rest, weight;
    bool disabled;
};

static struct khap_str next_of(struct server_line *l)
{
    for (;;) {
        struct khap_str w = apply_next_word(&l->rest);
        if (apply_same(w, WORD("weight")))
            l->weight = apply_next_word(&l->rest);
        else if (apply_same(w, WORD("disabled")))
            l->disabled = true;
        else
            return w;
    }
}

static bool same_server(struct server_line *a, struct server_line *b)
{
    struct khap_str one, other;
    do {
        one = next_of(a);
        other = next_of(b);
        if (!apply_same(one, other))
            return false;
    } while (one.len > 0);
    return true;
}

/* The process's words for a server, but for what the configuration says. */
static void add_state(struct text *out, const struct row *row, const struct server_line *was,
                      const struct server_line *now)
{
    struct khap_str rest = row->rest;
    for (size_t column = 0; rest.len > 0; column++) {
        struct khap_str w = apply_next_word(&rest);
        if (column == COLUMN_ADMIN && was->disabled != now->disabled)
            w = WORD("0");
        if ((column == COLUMN_WEIGHT || column == COLUMN_CONFIGURED_WEIGHT) && now->weight.len > 0)
            w = now->weight;
        text_add(out, column > 0 ? WORD(" ") : WORD(""));
        text_add(out, w);
    }
    text_add(out, WORD("\n"));
}

bool apply_states_save(const char *socket, const char *directory, const struct khap_bundle *before,
                       const struct khap_bundle *after)
{
    struct table states = {.socket = socket}, old = {0}, new = {0};
    struct text out = {0};
    struct khap_str rest, line;
    bool good = socket != NULL && table_ask(&states, "show servers state", REPLY_SERVERS) &&
                table_servers(&old, before) && table_servers(&new, after);
    /* the version, and the names of the columns */
    for (rest = states.text; good && scalar_next_line(&rest, &line);) {
        if (line.len > 1 && *line.ptr != '#')
            break;
        text_add(&out, line);
        text_add(&out, WORD("\n"));
    }
    for (size_t i = 0; good && i < states.n; i++) {
        const struct row *row = &states.rows[i], *was = table_find(&old, row->key, row->second),
                         *now = table_find(&new, row->key, row->second);
        if (was == NULL || now == NULL)
            continue;
        struct server_line a = {.rest = was->rest}, b = {.rest = now->rest};
        if (same_server(&a, &b))
            add_state(&out, row, &a, &b);
    }
    good = good && !out.failed && write_states(directory, text_str(&out));
    free(out.ptr);
    table_drop(&states);
    table_drop(&old);
    table_drop(&new);
    return good;
}
