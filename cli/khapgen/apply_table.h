/* khapgen/apply_table.h - what a running HAProxy says of its servers, maps and patterns, to be found by name. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_TABLE_H
#define KHAPGEN_APPLY_TABLE_H

#include "khapgen/apply_talk.h"

enum { TABLE_NAME = 1024 };

struct row {
    struct khap_str key, second; /* of a server its backend and its name; of an entry its key */
    struct khap_str rest;        /* all that was said of a server; the value of an entry */
    bool seen;                   /* for who looks which rows are left */
};

struct table {
    const char *socket;
    char asked[TABLE_NAME]; /* the command that it is the reply to */
    struct khap_str text;
    struct row *rows; /* in order of their names */
    size_t n;
};

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
size_t table_columns(struct khap_str line, struct khap_str columns[COLUMNS]);

/* The servers of a configuration in place of a reply: `rest` is the line from `server` on. False: no memory. */
bool table_servers(struct table *t, const struct khap_bundle *bundle);

enum reply { REPLY_SERVERS, REPLY_MAP, REPLY_ACL };

/* Asks, unless that is what it holds already; table_drop() at the end, in any case. */
bool table_ask(struct table *t, const char *command, enum reply reply);
void table_drop(struct table *t);
/* The first row with that name, or NULL. */
struct row *table_find(const struct table *t, struct khap_str key, struct khap_str second);

/* Lines of two names and the rest; takes the text over. False: no memory. */
bool table_lines(struct table *t, struct khap_str text);
/* The first row that is not before these names; `n` when there is none. */
size_t table_from(const struct table *t, struct khap_str key, struct khap_str second);

struct khap_str apply_next_word(struct khap_str *rest);
/* The one blank that stands before a value. */
void table_skip_blank(struct khap_str *text);
bool apply_same(struct khap_str a, struct khap_str b);
/* Of the digits that a text begins with; 0 when it does not begin so. */
int64_t apply_number(struct khap_str digits);

#endif
