/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_drift.h"
#include "khapgen/apply_table.h"
#include "khapgen/yaml_scalar.h"

#include <arpa/inet.h>
#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 30000, ADDRESS = 64, HELD = 1 | 8 /* maintenance and drain, as commands set them */ };

struct observer {
    const char *socket, *current;
    struct apply_drift *drift;
    struct table states, entries;
    void *ctx;
    void (*held)(void *ctx, struct khap_str backend, struct khap_str server);
};

static char *copy_of(struct khap_str text)
{
    char *copy = malloc(text.len + 1);
    if (copy != NULL && text.len > 0)
        memcpy(copy, text.ptr, text.len);
    if (copy != NULL)
        copy[text.len] = '\0';
    return copy;
}

static void lay_one(struct apply_drift *d, char *path, char *text, size_t len)
{
    size_t cap = d->cap > 0 ? d->cap * 2 : 8;
    if (d->n == d->cap && path != NULL && text != NULL) {
        struct input_laid *grown =
            cap < SIZE_MAX / sizeof *grown ? realloc(d->laid, cap * sizeof *grown) : NULL;
        d->cap = grown != NULL ? cap : d->cap;
        d->laid = grown != NULL ? grown : d->laid;
    }
    if (d->n == d->cap || path == NULL || text == NULL) {
        d->no_memory = true;
        free(path);
        free(text);
        return;
    }
    d->laid[d->n++] = (struct input_laid){{path, strlen(path)}, {text, len}};
}

/* Under both names by which it may be asked for: as the configuration has it, and, where that has a `default-path`, in its folder. Takes the text over. */
static void lay(struct observer *o, struct khap_str name, struct text *text)
{
    struct text path = {0};
    text_add(&path, (struct khap_str){o->current, strlen(o->current)});
    text_add(&path, WORD("/"));
    text_add(&path, name);
    bool good = !text->failed && !path.failed;
    lay_one(o->drift, good ? copy_of(name) : NULL, good ? copy_of(text_str(text)) : NULL, text->len);
    lay_one(o->drift, good ? copy_of(text_str(&path)) : NULL, good ? copy_of(text_str(text)) : NULL,
            text->len);
    free(path.ptr);
    free(text->ptr);
}

void apply_drift_free(struct apply_drift *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free((char *)(uintptr_t)d->laid[i].path.ptr);
        free((char *)(uintptr_t)d->laid[i].text.ptr);
    }
    free(d->laid);
    *d = (struct apply_drift){0};
}

/* ---- servers */

static bool parse_address(struct khap_str text, unsigned char bytes[16], int *family)
{
    char room[ADDRESS];
    if (text.len > 1 && *text.ptr == '[' && text.ptr[text.len - 1] == ']') {
        text.ptr++;
        text.len -= 2;
    }
    if (text.len == 0 || text.len >= sizeof room)
        return false;
    memcpy(room, text.ptr, text.len);
    room[text.len] = '\0';
    memset(bytes, 0, 16);
    *family = memchr(text.ptr, ':', text.len) != NULL ? AF_INET6 : AF_INET;
    return inet_pton(*family, room, bytes) == 1;
}

/* Whether an address with its port is what the process has; what is no address is not held against it. */
static bool same_address(struct khap_str given, const struct khap_str columns[COLUMNS])
{
    unsigned char a[16], b[16];
    int family, other;
    size_t host = given.len;
    while (host > 0 && given.ptr[host - 1] != ':')
        host--;
    struct khap_str port = {given.ptr + host, given.len - host};
    if (host == 0 || !parse_address((struct khap_str){given.ptr, host - 1}, a, &family))
        return true;
    return parse_address(columns[COLUMN_ADDRESS], b, &other) && family == other &&
           memcmp(a, b, sizeof a) == 0 && apply_same(port, columns[COLUMN_PORT]);
}

static void add_address(struct text *out, const struct khap_str columns[COLUMNS])
{
    struct khap_str address = columns[COLUMN_ADDRESS];
    bool v6 = address.len > 0 && memchr(address.ptr, ':', address.len) != NULL;
    text_add(out, v6 ? WORD("[") : WORD(""));
    text_add(out, address);
    text_add(out, v6 ? WORD("]:") : WORD(":"));
    text_add(out, columns[COLUMN_PORT]);
}

static void tell_held(const struct observer *o, const struct row *row, const struct khap_str columns[COLUMNS],
                      bool meant)
{
    unsigned admin = 0;
    for (size_t i = 0; i < columns[COLUMN_ADMIN].len && admin < 1000; i++)
        admin = admin * 10 + (unsigned)(columns[COLUMN_ADMIN].ptr[i] - '0');
    if ((admin & HELD) != 0 && !meant)
        o->held(o->ctx, row->key, row->second);
}

/* `server NAME ADDRESS …`, as the process has it; nothing when it has none of that name. */
static void observe_server(struct observer *o, struct text *out, struct khap_str backend,
                           struct khap_str line)
{
    struct khap_str columns[COLUMNS] = {{0}}, rest = line;
    (void)apply_next_word(&rest);
    struct khap_str name = apply_next_word(&rest), address = apply_next_word(&rest);
    const struct row *row = table_find(&o->states, backend, name);
    if (row == NULL)
        return;
    (void)table_columns(row->rest, columns);
    text_add(out, (struct khap_str){line.ptr, (size_t)(address.ptr - line.ptr)});
    if (same_address(address, columns))
        text_add(out, address);
    else
        add_address(out, columns);
    bool weighs = false, meant = false;
    while (rest.len > 0) {
        const char *from = rest.ptr;
        struct khap_str next = apply_next_word(&rest), blank = {from, (size_t)(next.ptr - from)};
        text_add(out, blank);
        /* an agent takes its server out of service itself */
        meant = meant || apply_same(next, WORD("disabled")) || apply_same(next, WORD("agent-check")) ||
                (weighs && apply_same(next, WORD("0")));
        text_add(out, weighs && !apply_same(next, columns[COLUMN_WEIGHT]) ? columns[COLUMN_WEIGHT] : next);
        weighs = apply_same(next, WORD("weight"));
    }
    tell_held(o, row, columns, meant);
}

static void observe_configuration(struct observer *o, const struct khap_bundle_file *file)
{
    struct text text = {0}, out = {0};
    const struct khap_sink sink = {&text, text_sink};
    struct khap_str rest, line, backend = {"", 0};
    if (khap_bundle_file_print(file, &sink) != KHAP_OK)
        text.failed = true;
    for (rest = text_str(&text); scalar_next_line(&rest, &line);) {
        struct khap_str words = line, first = apply_next_word(&words);
        bool begins = line.len > 0 && *line.ptr != ' ' && *line.ptr != '#';
        if (begins)
            backend = apply_same(first, WORD("backend")) || apply_same(first, WORD("listen"))
                          ? apply_next_word(&words)
                          : (struct khap_str){"", 0};
        size_t before = out.len;
        if (backend.len > 0 && apply_same(first, WORD("server")))
            observe_server(o, &out, backend, line);
        else
            text_add(&out, line);
        if (out.len > before || line.len == 0)
            text_add(&out, WORD("\n"));
    }
    if (!text.failed && !out.failed && apply_same(text_str(&text), text_str(&out))) {
        free(out.ptr);
    } else {
        out.failed |= text.failed;
        lay(o, khap_bundle_file_name(file), &out);
    }
    free(text.ptr);
}

/* ---- maps and patterns */

/* What the process has of one line of a file: its entry, another value, or nothing. */
static void observe_entry(struct observer *o, struct text *out, struct khap_str line, bool map)
{
    struct khap_str key = line, value = {"", 0};
    if (map) {
        struct khap_str words = line;
        key = apply_next_word(&words);
        value = words.len > 0 ? (struct khap_str){words.ptr + 1, words.len - 1} : value;
    }
    if (key.len > 0 && *key.ptr != '#') {
        struct row *first = table_find(&o->entries, key, WORD("")), *end = o->entries.rows + o->entries.n;
        bool has = false;
        for (struct row *r = first; r != NULL && r < end && apply_same(r->key, key); r++) {
            has = has || !map || apply_same(r->rest, value);
            r->seen = true;
        }
        if (first == NULL)
            return;
        if (!has) {
            text_add(out, key);
            text_add(out, WORD(" "));
            line = first->rest;
        }
    }
    text_add(out, line);
    text_add(out, WORD("\n"));
}

/* The entries in the file's order, and behind them those that only the process has. */
static void observe_entries(struct observer *o, struct khap_str name, struct khap_str text, bool map)
{
    struct text out = {0};
    struct khap_str rest = text, line;
    while (scalar_next_line(&rest, &line))
        observe_entry(o, &out, line, map);
    for (size_t i = 0; i < o->entries.n; i++) {
        const struct row *row = &o->entries.rows[i];
        if (row->seen)
            continue;
        text_add(&out, row->key);
        text_add(&out, map ? WORD(" ") : WORD(""));
        text_add(&out, map ? row->rest : WORD(""));
        text_add(&out, WORD("\n"));
    }
    if (!out.failed && apply_same(text_str(&out), text))
        free(out.ptr);
    else
        lay(o, name, &out);
}

/* Each name in `show map` or `show acl`, which a line has in brackets, that is a file of the bundle. */
static bool observe_files(struct observer *o, const struct khap_bundle *bundle, bool map)
{
    struct khap_str reply, rest, line;
    char command[TABLE_NAME];
    int32_t error = 0;
    if (!apply_ask(o->socket, KHAP_DIALOGUE_PROMPT, map ? "show map" : "show acl", ASK_MS, &reply, &error))
        return false;
    bool good = true;
    for (rest = reply; good && scalar_next_line(&rest, &line);) {
        const char *open = line.len > 0 ? memchr(line.ptr, '(', line.len) : NULL;
        const char *close = open != NULL ? memchr(open, ')', line.len - (size_t)(open - line.ptr)) : NULL;
        if (close == NULL || *line.ptr == '#')
            continue;
        struct khap_str name = {open + 1, (size_t)(close - open - 1)};
        const struct khap_bundle_file *file = khap_bundle_find(bundle, name);
        if (file == NULL || khap_bundle_file_document(file) != NULL)
            continue;
        int n =
            snprintf(command, sizeof command, "show %s %.*s", map ? "map" : "acl", (int)name.len, name.ptr);
        good = n < (int)sizeof command && table_ask(&o->entries, command, map ? REPLY_MAP : REPLY_ACL);
        if (good)
            observe_entries(o, name, khap_bundle_file_text(file), map);
        table_drop(&o->entries);
    }
    apply_drop(reply);
    return good;
}

bool apply_observe(const char *socket, const char *current, const struct khap_bundle *bundle,
                   struct apply_drift *drift, void *ctx,
                   void (*held)(void *ctx, struct khap_str backend, struct khap_str server))
{
    struct observer o = {.socket = socket,
                         .current = current,
                         .drift = drift,
                         .states = {.socket = socket},
                         .entries = {.socket = socket},
                         .ctx = ctx,
                         .held = held};
    bool good = table_ask(&o.states, "show servers state", REPLY_SERVERS);
    for (const struct khap_bundle_file *f = NULL; good && (f = khap_bundle_next(bundle, f)) != NULL;)
        if (khap_bundle_file_document(f) != NULL)
            observe_configuration(&o, f);
    good = good && observe_files(&o, bundle, true) && observe_files(&o, bundle, false);
    table_drop(&o.states);
    table_drop(&o.entries);
    return good && !drift->no_memory;
}
