/* check/crt_list.c - crt-lists: a certificate a line, its options in brackets, names of hosts. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/content.h"

enum { LINE_MOST = 65536, WORDS_MOST = 2048 };

/* The words of one line. */
struct listed {
    struct schema_word words[WORDS_MOST + 1];
    uint32_t from[WORDS_MOST + 2];
    uint32_t n;
    uint32_t open, close; /* how many words stand before the brackets; 0 without */
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What is wrong with it at *at; empty: nothing. */
static struct khap_str part(struct listed *l, struct khap_str line, uint32_t from, bool brackets,
                            uint32_t *at)
{
    bool within = false;
    l->n = l->open = l->close = 0;
    for (*at = 0; *at < line.len; (*at)++) {
        char byte = line.ptr[*at];
        bool bracket = brackets && (byte == '[' || byte == ']');
        if (is_blank(byte) || bracket)
            within = false;
        if (bracket && byte == '[' && (l->open != 0 || l->n == 0))
            return l->n == 0 ? S("a line that does not begin with a file") : S("a second [ in a line");
        if (bracket && byte == ']' && (l->close != 0 || l->open == 0))
            return S("a ] without a [ before it");
        if (bracket)
            *(byte == '[' ? &l->open : &l->close) = l->n;
        if (is_blank(byte) || bracket)
            continue;
        if (!within && l->n == WORDS_MOST)
            return S("a line with too many words");
        if (!within) {
            l->from[l->n] = from + *at;
            l->words[l->n++] = (struct schema_word){khap__str_sub(line, *at, 0), false, false};
        }
        within = true;
        l->words[l->n - 1].text.len++;
    }
    l->from[l->n] = from + (uint32_t)line.len;
    return S("");
}

/* One option: how many words it has. */
static uint32_t check_option(struct check *c, struct check_inside *in, struct arena *arena,
                             const struct listed *l, uint32_t at, uint32_t *key)
{
    uint32_t n = l->close - at;
    struct schema_line line;
    enum khap_status status = khap__schema_read(arena, TABLE_CRT_LIST, c->release, l->words + at, n, &line);
    /* what follows its arguments is the next one */
    if (status == KHAP_OK && line.problem == SCHEMA_UNEXPECTED && line.row != NULL && line.word > 0 &&
        line.offset == 0) {
        n = line.word;
        status = khap__schema_read(arena, TABLE_CRT_LIST, c->release, l->words + at, n, &line);
    }
    c->words = l->words + at;
    c->n = n;
    in->words = l->from + at;
    in->n = n;
    size_t told = khap_diags_count(c->diags, KHAP_ERROR);
    if (status == KHAP_OK)
        status = khap__check_line(c, &line);
    if (status == KHAP_OK && line.problem == SCHEMA_GOOD)
        khap__look_arguments(c, &line);
    if (status == KHAP_ENOMEM)
        c->no_memory = true;
    if (told < khap_diags_count(c->diags, KHAP_ERROR))
        khap__inside_told(c, in, khap__inside_place(c, in, 0, 0));
    if (khap__str_eq(l->words[at].text, S("key")))
        *key = n > 1 ? at + 1 : at;
    return line.problem == SCHEMA_GOOD ? n : l->close - at;
}

/* The options between the brackets. Which word names the file of the key; 0: none does. */
static uint32_t check_options(struct check *c, struct check_inside *in, struct arena *arena,
                              const struct listed *l)
{
    uint32_t key = 0;
    bool failed = c->failed;
    const struct schema_word *words = c->words;
    size_t n = c->n;
    unsigned table = c->table;
    struct check_inside *outside = c->inside;
    uint32_t places[2] = {c->expression_places, c->condition_places};
    c->table = TABLE_CRT_LIST;
    c->inside = in;
    for (uint32_t at = l->open; at < l->close && !c->no_memory;)
        at += check_option(c, in, arena, l, at, &key);
    c->inside = outside;
    c->words = words;
    c->n = n;
    c->table = table;
    c->failed = failed;
    c->expression_places = places[0];
    c->condition_places = places[1];
    return key;
}

static void check_entry(struct check *c, struct check_inside *in, struct arena *arena, const struct listed *l)
{
    uint32_t key = l->close > l->open ? check_options(c, in, arena, l) : 0;
    struct khap_str path = l->words[0].text;
    uint32_t names = l->close > 0 ? l->close : 1;
    if (c->release >= KHAP_RELEASE(3, 0) && khap__str_starts(path, S("@"))) {
        c->provided++;
        return;
    }
    struct check_spot spot = {.in = in, .offset = l->from[0], .len = (uint32_t)path.len};
    struct khap_str whole = khap__look_path(c, S("cert"), path);
    c->shown.filtered = names < l->n;
    bool good = khap__look(c, key > 0 ? S("load") : S("listed"), whole, &spot);
    if (!good)
        in->told++;
    for (uint32_t i = names; i < l->n && good; i++) {
        struct khap_str name = l->words[i].text;
        struct check_spot at = {.in = in, .offset = l->from[i], .len = (uint32_t)name.len};
        if (name.ptr[0] != '!')
            khap__check_shown(c, whole, name, &at);
    }
    c->shown.filtered = false;
    if (key > 0 && good) {
        struct check_spot at = {.in = in, .offset = l->from[key], .len = (uint32_t)l->words[key].text.len};
        khap__check_cert_pair(c, whole, khap__look_path(c, S("key"), l->words[key].text), &at);
    }
    c->provided++;
}

void khap__check_crt_list_file(struct check *c, struct check_inside *in)
{
    struct inside_lines lines = {.text = in->text, .room = LINE_MOST};
    struct arena arena;
    khap__arena_init(&arena, &c->alloc);
    struct listed *l = khap__arena_alloc(&arena, 1, sizeof *l);
    struct arena line_arena;
    khap__arena_init(&line_arena, &c->alloc);
    if (l == NULL)
        c->no_memory = true;
    while (l != NULL && in->told < INSIDE_MOST && !c->no_memory && khap__inside_next(&lines)) {
        struct khap_str line = khap__inside_visible(lines.line);
        uint32_t at, from = (uint32_t)lines.from;
        khap__arena_reset(&line_arena);
        if (line.len == lines.line.len && line.len == LINE_MOST - 1) {
            SAY_INSIDE(c, in, MSG_FILE_BAD, from, 0, in->path, S("a line of more than 65534 bytes"));
            break;
        }
        if (line.len > 0 && (line.ptr[0] == '#' || line.ptr[0] == '\r'))
            continue;
        struct khap_str problem = part(l, line, from, c->release >= KHAP_RELEASE(1, 8), &at);
        if (problem.len > 0)
            SAY_INSIDE(c, in, MSG_FILE_BAD, from + at, 1, in->path, problem);
        else if (l->open > 1 && c->release >= KHAP_RELEASE(2, 4)) {
            SAY_INSIDE(c, in, MSG_FILE_ODD, l->from[1], l->words[1].text.len, in->path,
                       S("names between a file and the [, and the line is passed over"));
            c->provided++;
        } else if (l->n > 0)
            check_entry(c, in, &line_arena, l);
        /* a NUL ends what HAProxy sees of it */
        bool whole = line.len + 1 == lines.line.len && lines.line.ptr[line.len] == '\n';
        if (whole || c->release < KHAP_RELEASE(2, 2))
            continue;
        bool last = lines.at == in->text.len;
        if (last && c->release < KHAP_RELEASE(2, 4))
            SAY_INSIDE(c, in, MSG_FILE_ODD, from + line.len, 0, in->path,
                       S("no newline behind its last line"));
        else
            SAY_INSIDE(c, in, MSG_FILE_BAD, from + line.len, 0, in->path,
                       last ? S("no newline behind its last line") : S("a NUL"));
        break;
    }
    khap__arena_free(&line_arena);
    khap__arena_free(&arena);
}
