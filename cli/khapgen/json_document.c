/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/json_document.h"
#include "khapgen/json_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_WAITING = 1000, /* lines that wait for the one behind them */
    LINE_15 = 2047       /* the longest line of HAProxy 1.5, with its LF */
};

/* A line that takes indentation or line end from its neighbours, and so needs both of them. */
struct waiting {
    json_t *object;
    struct khap_place place;
    size_t index;
};

/* A text that grows. */
struct bytes {
    char *ptr;
    size_t len, cap;
    bool failed;
};

struct reader {
    struct json_text json;
    const struct khap_target *target; /* what -t says, or NULL */
    struct khap_target own;           /* what the text says, or the newest */
    struct khap_document *doc;
    struct khap_words *words;
    struct khap_line *last; /* the last line that stands in its place */
    struct waiting waiting[MOST_WAITING];
    size_t n_waiting;
    bool ended; /* the line before has no line end, so that none can follow */
    struct khap_place ended_place;
    struct bytes bytes; /* of the line that is made */
};

static const struct khap_str LF = {"\n", 1};

/* False for a failure that ends the reading. */
static bool going_on(struct reader *r, enum khap_status status)
{
    if (r->json.status == KHAP_OK)
        r->json.status = status;
    return r->json.status == KHAP_OK;
}

/* ---- from what is given to a line */

/* Whether the line is read as it is given; `raw` is named when it stands beside. */
static bool agrees(struct reader *r, const struct json_line *g, const struct khap_line *line)
{
    const char *code = g->has_raw ? "json-words-differ" : "json-unwritable",
               *what = g->has_raw ? "" : "HAProxy would read something else";
    struct khap_word word = {.size = sizeof word};
    struct khap_str text = khap_line_text(line);
    if (!going_on(r, khap_words_read(r->words, r->doc, line)))
        return false;
    size_t n = khap_words_count(r->words), bad = SIZE_MAX;
    for (size_t i = 0; g->has_words && i < n && i < g->n && bad == SIZE_MAX; i++) {
        khap_words_at(r->words, i, &word);
        if (g->as_written[i]
                ? !json_same(word.raw, g->words[i].str)
                : (word.flags & KHAP_WORD_VARIABLE) != 0 || !json_same(word.value, g->words[i].str))
            bad = i;
    }
    const char *key = NULL;
    if (g->has_words &&
        (bad < SIZE_MAX || n != g->n || khap_words_error(r->words, NULL, NULL) != KHAP_WORDS_READ))
        key = "words";
    else if (g->has_comment && !json_same(khap_words_comment(r->words), g->comment.str))
        key = "comment";
    else if (g->has_indent && !json_same((struct khap_str){text.ptr, json_blanks(text)}, g->indent.str))
        key = "indent";
    if (key == NULL)
        return true;
    json_text_wrong(&r->json, code, g->place, json_path_of(g->index, key, bad), what);
    return false;
}

static struct khap_str end_of(const struct khap_line *line)
{
    struct khap_str text = khap_line_text(line);
    size_t n = text.len == 0 || text.ptr[text.len - 1] != '\n'  ? 0
               : text.len > 1 && text.ptr[text.len - 2] == '\r' ? 2
                                                                : 1;
    return (struct khap_str){text.ptr + text.len - n, n};
}

/* The line end that was given, or that of a neighbour. */
static struct khap_str end_for(const struct reader *r, const struct json_line *g)
{
    if (g->has_end)
        return g->end;
    struct khap_str end = r->last != NULL ? end_of(r->last) : (struct khap_str){NULL, 0};
    const struct khap_line *next = khap_line_next(r->doc, r->last);
    if (end.len == 0 && next != NULL)
        end = end_of(next);
    return end.len > 0 ? end : LF;
}

static void add(struct bytes *b, struct khap_str s)
{
    if (b->failed || s.len == 0)
        return;
    if (s.len > b->cap - b->len) {
        size_t cap = b->cap < 64 ? 64 : b->cap;
        while (cap - b->len < s.len && cap <= SIZE_MAX / 4)
            cap *= 2;
        char *grown = cap - b->len < s.len ? NULL : realloc(b->ptr, cap);
        if (grown == NULL) {
            b->failed = true;
            return;
        }
        b->ptr = grown;
        b->cap = cap;
    }
    memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
}

/* `.if` and the like stand as they are; the encoder refuses a first word with a dot. */
static bool is_directive(struct khap_str word)
{
    size_t i = 1;
    while (i < word.len && word.ptr[i] >= 'a' && word.ptr[i] <= 'z')
        i++;
    return word.len > 1 && word.ptr[0] == '.' && i == word.len;
}

static bool stands_as_it_is(const struct json_line *g, size_t i)
{
    return g->as_written[i] || (i == 0 && is_directive(g->words[0].str));
}

static void say_unwritable(struct reader *r, const struct json_line *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct khap_str word = g->words[i].str;
        const char *why = word.len == 0                              ? "an empty word"
                          : memchr(word.ptr, '\0', word.len) != NULL ? "it holds a NUL"
                          : i == 0 && (word.ptr[0] == '.' || word.ptr[0] == '[')
                              ? "no line can begin so; give it by raw"
                              : NULL;
        if (stands_as_it_is(g, i) || why == NULL)
            continue;
        json_text_wrong(&r->json, "json-unwritable", g->place, json_path_of(g->index, "words", i), why);
        return;
    }
    json_text_wrong(&r->json, "json-unwritable", g->place, json_path_of(g->index, "words", SIZE_MAX),
                    "the line is too long");
}

/* A word that is put as it stands may end in a backslash, which would take a space behind it into the word; it takes no tab. */
static void add_blank(struct bytes *out)
{
    size_t n = 0;
    while (n < out->len && out->ptr[out->len - 1 - n] == '\\')
        n++;
    add(out, (struct khap_str){n % 2 == 0 ? " " : "\t", 1});
}

/* The words as the library writes them, with what stands as it is put in between, the indentation before and the comment behind. */
static bool compose(struct reader *r, const struct json_line *g, struct khap_line *line)
{
    struct bytes *out = &r->bytes;
    out->len = 0;
    struct khap_word word = {.size = sizeof word};
    if (!going_on(r, khap_words_read(r->words, r->doc, line)))
        return false;
    struct khap_str text = khap_line_text(line);
    add(out, g->has_indent ? g->indent.str : (struct khap_str){text.ptr, json_blanks(text)});
    for (size_t i = 0; i < g->n; i++) {
        if (i > 0)
            add_blank(out);
        if (stands_as_it_is(g, i))
            add(out, g->words[i].str);
        else if (khap_words_at(r->words, i, &word) == KHAP_OK)
            add(out, word.raw);
    }
    if (g->has_comment && g->n > 0)
        add_blank(out);
    add(out, g->comment.str);
    struct khap_str end = g->end;
    if (out->len == 0 && end.len == 0)
        end = LF;
    add(out, end);
    if (khap_document_target(r->doc)->first == KHAP_OLDEST && out->len > LINE_15) {
        say_unwritable(r, g);
        return false;
    }
    return true;
}

/* A line of r->bytes behind r->last. */
static struct khap_line *write_bytes(struct reader *r, const struct json_line *g)
{
    struct khap_line *line = NULL;
    struct khap_str text = {r->bytes.ptr, r->bytes.len};
    going_on(r, r->bytes.failed ? KHAP_ENOMEM
                                : khap_document_insert_raw(r->doc, r->last, text, g->place, &line));
    return line;
}

/* Encodes the words of a line behind r->last. */
static struct khap_line *write_words(struct reader *r, struct json_line *g)
{
    struct khap_str words[JSON_MOST_WORDS] = {{"x", 1}};
    size_t n = g->n;
    for (size_t i = 0; i < n; i++)
        words[i] = stands_as_it_is(g, i) ? (struct khap_str){"x", 1} : g->words[i].str;
    if (n == 0 && g->has_comment)
        n = 1; /* so that the comment gets an indentation */
    g->end = end_for(r, g);
    struct khap_line *line = NULL;
    enum khap_status status = khap_document_insert(r->doc, r->last, g->has_indent ? 0 : KHAP_INDENT_AS_BESIDE,
                                                   words, n, g->place, &line);
    if (status == KHAP_EINPUT) {
        say_unwritable(r, g);
        return NULL;
    }
    if (!going_on(r, status))
        return NULL;
    if (!compose(r, g, line)) {
        khap_document_remove(r->doc, line);
        return NULL;
    }
    if (json_same(khap_line_text(line), (struct khap_str){r->bytes.ptr, r->bytes.len}))
        return line;
    khap_document_remove(r->doc, line);
    return write_bytes(r, g);
}

/* Puts a line behind r->last, which it then is. */
static void put_line(struct reader *r, json_t *object, struct khap_place place, size_t index)
{
    struct json_line g;
    struct khap_line *line = NULL;
    if (json_line_take(&r->json, &g, object, place, index)) {
        if (g.has_raw) {
            r->bytes.len = 0;
            add(&r->bytes, g.raw.str);
            add(&r->bytes, end_for(r, &g));
            line = write_bytes(r, &g);
        } else {
            line = write_words(r, &g);
        }
    }
    if (line != NULL && agrees(r, &g, line))
        r->last = line;
    else if (line != NULL)
        khap_document_remove(r->doc, line);
    json_line_forget(&g);
}

/* Those that wait go between r->last and what follows it. */
static void put_waiting(struct reader *r)
{
    for (size_t i = 0; i < r->n_waiting; i++) {
        if (r->json.status == KHAP_OK)
            put_line(r, r->waiting[i].object, r->waiting[i].place, r->waiting[i].index);
        json_decref(r->waiting[i].object);
    }
    r->n_waiting = 0;
}

/* Whether a line needs nothing of its neighbours. */
static bool stands_alone(const json_t *object)
{
    return json_object_get(object, "end") != NULL &&
           (json_object_get(object, "raw") != NULL || json_object_get(object, "indent") != NULL);
}

static void next_line(struct reader *r, json_t *object, size_t index)
{
    struct khap_place place = r->json.place;
    const json_t *end = json_object_get(object, "end");
    if (r->ended)
        json_text_wrong(&r->json, "json-value", r->ended_place, json_path_of(index - 1, "end", SIZE_MAX),
                        "a line end: only the last line may be without");
    r->ended = json_is_string(end) && json_string_length(end) == 0;
    r->ended_place = place;
    if (json_is_object(object) && !stands_alone(object)) {
        if (r->n_waiting == MOST_WAITING)
            put_waiting(r);
        r->waiting[r->n_waiting++] = (struct waiting){json_incref(object), place, index};
        return;
    }
    struct khap_line *before = r->last;
    put_line(r, object, place, index);
    struct khap_line *line = r->last;
    if (r->n_waiting > 0) {
        r->last = before;
        put_waiting(r);
        if (line != before)
            r->last = line;
    }
}

/* ---- the whole */

static void begin(struct reader *r)
{
    if (r->doc == NULL &&
        going_on(r, khap_document_new(NULL, r->target != NULL ? r->target : &r->own, &r->doc)))
        going_on(r, khap_words_new(NULL, &r->words));
}

static void read_lines(struct reader *r)
{
    struct json_path path;
    bool first = true;
    begin(r);
    json_text_expect(&r->json, '[', "lines must be a list");
    for (size_t index = 0; json_text_more(&r->json, ']', &first); index++) {
        path = json_path_of(index, "", SIZE_MAX);
        r->json.path = path.text;
        json_t *object = json_text_value(&r->json);
        if (object != NULL)
            next_line(r, object, index);
        json_decref(object);
    }
    put_waiting(r);
    r->json.path = "";
}

static void read_target(struct reader *r)
{
    json_t *value = json_text_value(&r->json);
    struct khap_str text = {json_string_value(value), json_string_length(value)};
    if (value != NULL && !json_is_string(value)) {
        json_text_wrong(&r->json, "json-value", r->json.place, (struct json_path){"target"}, "a string");
    } else if (value != NULL) {
        enum khap_status status = khap_target_parse(text, &r->own, r->json.diags, r->json.place);
        if (status == KHAP_EINPUT)
            r->json.failed = true;
        else
            going_on(r, status);
    }
    json_decref(value);
}

static void read_format(struct reader *r)
{
    json_t *value = json_text_value(&r->json);
    if (value != NULL && (!json_is_integer(value) || json_integer_value(value) != 1))
        json_text_wrong(&r->json, "json-value", r->json.place, (struct json_path){"khap"},
                        "1, the only format that there is");
    json_decref(value);
}

enum member { FORMAT, TARGET, LINES, SECTIONS, BRANCHES, MEMBERS };
static const char members[MEMBERS][12] = {"khap", "target", "lines", "sections", "branches"};

/* The name of a member, with the colon behind it; MEMBERS for one that is not known, which was said. */
static enum member read_member(struct reader *r, bool *seen)
{
    json_t *key = json_text_value(&r->json);
    struct khap_place place = r->json.place;
    const char *name = json_string_value(key);
    unsigned m = MEMBERS;
    if (key != NULL && name == NULL) {
        json_text_fail(&r->json, "json-syntax", place, "a key must be a string");
    } else if (name != NULL) {
        struct json_path path;
        snprintf(path.text, sizeof path.text, "%s", name);
        for (m = 0; m < MEMBERS && !json_same((struct khap_str){members[m], strlen(members[m])},
                                              (struct khap_str){name, json_string_length(key)});
             m++)
            ;
        if (m == MEMBERS)
            json_text_wrong(&r->json, "json-unknown-key", place, path, "");
        else if (seen[m])
            json_text_wrong(&r->json, "json-duplicate-key", place, path, "");
        else
            seen[m] = true;
    }
    json_decref(key);
    json_text_expect(&r->json, ':', "a colon must follow the key");
    return (enum member)m;
}

static void read_all(struct reader *r)
{
    bool first = true, seen[MEMBERS] = {false};
    size_t lines_at = SIZE_MAX; /* of lines that stand before the target */
    json_text_expect(&r->json, '{', "{ must begin it");
    while (json_text_more(&r->json, '}', &first)) {
        enum member m = read_member(r, seen);
        r->json.path = m < MEMBERS ? members[m] : "";
        if (m == FORMAT)
            read_format(r);
        else if (m == TARGET)
            read_target(r);
        else if (m == LINES && r->doc == NULL && (r->target != NULL || seen[TARGET]))
            read_lines(r);
        else {
            if (m == LINES)
                lines_at = r->json.at;
            json_text_skip(&r->json, m < MEMBERS ? members[m] : "");
        }
    }
    json_text_end(&r->json);
    if (r->json.status != KHAP_OK)
        return;
    for (unsigned m = FORMAT; m <= LINES; m++)
        if (!seen[m] && m != TARGET)
            json_text_wrong(&r->json, "json-missing-key", (struct khap_place){r->json.source, 0, 1},
                            m == LINES ? (struct json_path){"lines"} : (struct json_path){"khap"}, "");
    if (lines_at < SIZE_MAX && r->doc == NULL) {
        r->json.at = lines_at;
        read_lines(r);
    }
}

enum khap_status json_document_read(struct khap_str text, uint32_t source, const struct khap_target *target,
                                    struct khap_diags *diags, struct khap_document **out)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return KHAP_ENOMEM;
    r->json = (struct json_text){.text = text, .source = source, .diags = diags, .path = ""};
    r->target = target;
    khap_target_init(&r->own);
    r->own.first = r->own.last = KHAP_NEWEST;
    read_all(r);
    enum khap_status status = r->json.status;
    if (status == KHAP_OK && r->json.failed)
        status = KHAP_EINPUT;
    if (status != KHAP_OK)
        khap_document_free(r->doc);
    else
        *out = r->doc;
    khap_words_free(r->words);
    free(r->bytes.ptr);
    free(r);
    return status;
}
