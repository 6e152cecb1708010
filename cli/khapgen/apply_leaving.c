/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_leaving.h"
#include "khapgen/input.h"

#include <inttypes.h>
#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, LARGEST = 64 << 20 };

static int64_t real_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool path_of(const char *directory, char path[PATH_ROOM])
{
    int n = snprintf(path, PATH_ROOM, "%s/leaving", directory);
    return n > 0 && n < PATH_ROOM;
}

bool apply_leaving_open(struct apply_leaving *l, const char *directory, const struct khap_bundle *before)
{
    char path[PATH_ROOM];
    struct khap_str text = {0};
    l->directory = directory;
    l->now = real_ms();
    if (!table_servers(&l->before, before))
        return false;
    l->left_at = calloc(l->before.n + 1, sizeof *l->left_at);
    if (l->left_at == NULL)
        return false;
    if (!path_of(directory, path) || input_read(path, LARGEST, &text) != INPUT_READ)
        return true;
    return table_lines(&l->since, text);
}

/* Since when it leaves; a clock that was set back begins anew. */
static int64_t left_at(const struct apply_leaving *l, const struct row *server)
{
    const struct row *row = table_find(&l->since, server->key, server->second);
    int64_t at = row != NULL ? apply_number(row->rest) : l->now;
    return at > 0 && at <= l->now ? at : l->now;
}

/* The maps' servers stand in the same order as before, mostly. */
static bool is_among(struct apply_leaving *l, struct khap_str name, const struct khap_str *names, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        size_t at = (l->expected + i) % n;
        if (apply_same(names[at], name)) {
            l->expected = at + 1;
            return true;
        }
    }
    return false;
}

static bool has_word(struct khap_str line, struct khap_str word)
{
    while (line.len > 0)
        if (apply_same(apply_next_word(&line), word))
            return true;
    return false;
}

/* khapgen wrote it: nothing of it stands in quotes before the weight. */
static bool without_weight(struct text *out, struct khap_str line)
{
    struct khap_str rest = line;
    out->len = 0;
    while (rest.len > 0)
        if (apply_same(apply_next_word(&rest), WORD("weight"))) {
            text_add(out, (struct khap_str){line.ptr, (size_t)(rest.ptr - line.ptr)});
            text_add(out, WORD(" 0"));
            (void)apply_next_word(&rest);
            text_add(out, rest);
            return !out->failed;
        }
    text_add(out, line);
    return !out->failed;
}

enum khap_status apply_leaving_next(void *ctx, struct khap_str backend, const struct khap_str *names,
                                    uint32_t n, uint32_t index, struct khap_str *line)
{
    struct apply_leaving *l = ctx;
    if (index == 0) {
        l->at = table_from(&l->before, backend, WORD(""));
        l->expected = 0;
    }
    for (; l->at < l->before.n && apply_same(l->before.rows[l->at].key, backend); l->at++) {
        const struct row *server = &l->before.rows[l->at];
        if (is_among(l, server->second, names, n))
            continue;
        int64_t since = l->left_at[l->at] = left_at(l, server), end = since + l->drain_ms;
        /* one that is out of service has nobody to wait for */
        if (l->now >= end || has_word(server->rest, WORD("disabled")))
            continue;
        if (l->next_end_ms == 0 || end - l->now < l->next_end_ms)
            l->next_end_ms = end - l->now;
        l->before.rows[l->at++].seen = true;
        if (!without_weight(&l->line, server->rest))
            return KHAP_ENOMEM;
        *line = text_str(&l->line);
        return KHAP_OK;
    }
    return KHAP_ENOENT;
}

void apply_leaving_write(const struct apply_leaving *l, bool gone)
{
    char path[PATH_ROOM], digits[32];
    struct khap_save_options save;
    struct text all = {0};
    khap_save_options_init(&save);
    for (size_t i = 0; i < l->before.n; i++) {
        if (l->left_at[i] == 0 || (gone && !l->before.rows[i].seen))
            continue;
        text_add(&all, l->before.rows[i].key);
        text_add(&all, WORD(" "));
        text_add(&all, l->before.rows[i].second);
        int n = snprintf(digits, sizeof digits, " %" PRId64 "\n", l->left_at[i]);
        text_add(&all, (struct khap_str){digits, (size_t)n});
    }
    bool known = !all.failed && path_of(l->directory, path);
    if (known && all.len > 0)
        (void)khap_save_text(&save, word(path), text_str(&all), NULL);
    else if (known)
        (void)unlink(path);
    free(all.ptr);
}

bool apply_leaving_had_time(const struct apply_leaving *l, struct khap_str server)
{
    const char *slash = server.len > 0 ? memchr(server.ptr, '/', server.len) : NULL;
    if (slash == NULL)
        return false;
    struct khap_str backend = {server.ptr, (size_t)(slash - server.ptr)},
                    name = {slash + 1, server.len - backend.len - 1};
    const struct row *row = table_find(&l->before, backend, name);
    int64_t at = row != NULL ? l->left_at[row - l->before.rows] : 0;
    return at > 0 && l->now >= at + l->drain_ms;
}

void apply_leaving_free(struct apply_leaving *l)
{
    table_drop(&l->before);
    table_drop(&l->since);
    free(l->left_at);
    free(l->line.ptr);
    l->left_at = NULL;
    l->line = (struct text){0};
}
