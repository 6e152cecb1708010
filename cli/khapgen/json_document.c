/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/json_document.h"
#include "khapgen/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_WORDS = 64,
    MOST_WAITING = 1000, /* lines that wait for the one behind them */
    LINE_15 = 2047       /* the longest line of HAProxy 1.5, with its LF */
};

struct path {
    char text[128];
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
    bool failed;
    struct khap_document *doc;
    struct khap_words *words;
    struct khap_line *last; /* the last line that stands in its place */
    struct waiting waiting[MOST_WAITING];
    size_t n_waiting;
    bool ended; /* the line before has no line end, so that none can follow */
    struct khap_place ended_place;
    struct bytes bytes; /* of the line that is made */
};

/* What the JSON says of a line. */
struct given {
    size_t index;
    struct khap_place place;
    bool has_raw, has_words, has_indent, has_comment, has_end;
    struct json_bytes raw, indent, comment;
    struct khap_str end;
    size_t n;
    struct json_bytes words[MOST_WORDS];
    bool as_written[MOST_WORDS]; /* {"raw": …}: how it is written, not its value */
};

static const struct khap_str LF = {"\n", 1};

static bool same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static size_t blanks_of(struct khap_str text)
{
    size_t n = 0;
    while (n < text.len && (text.ptr[n] == ' ' || text.ptr[n] == '\t'))
        n++;
    return n;
}

static struct path path_of(size_t index, const char *key, size_t word)
{
    struct path p;
    if (word < SIZE_MAX)
        snprintf(p.text, sizeof p.text, "lines[%zu].%s[%zu]", index, key, word);
    else
        snprintf(p.text, sizeof p.text, "lines[%zu]%s%s", index, key[0] != '\0' ? "." : "", key);
    return p;
}

static void wrong(struct reader *r, const char *code, struct khap_place place, struct path path,
                  const char *what)
{
    json_text_say(&r->json, code, place, path.text, what);
    r->failed = true;
}

/* False for a failure that ends the reading. */
static bool going_on(struct reader *r, enum khap_status status)
{
    if (r->json.status == KHAP_OK)
        r->json.status = status;
    return r->json.status == KHAP_OK;
}

/* ---- what is given */

static void forget(struct given *g)
{
    free(g->raw.owned);
    free(g->indent.owned);
    free(g->comment.owned);
    for (size_t i = 0; i < g->n; i++)
        free(g->words[i].owned);
}

static bool one_line(struct khap_str s)
{
    return s.len == 0 || memchr(s.ptr, '\n', s.len) == NULL;
}

/* Bytes of the value at `path`; such as stand in the line as they are hold no line feed. */
static bool take_bytes(struct reader *r, const struct given *g, const json_t *value, struct path path,
                       bool in_line, struct json_bytes *out)
{
    enum khap_status status = json_bytes_of(value, out);
    if (status == KHAP_EINPUT)
        wrong(r, "json-value", g->place, path, "a string, or an object with base64");
    else if (status == KHAP_OK && in_line && !one_line(out->str)) {
        wrong(r, "json-value", g->place, path, "without a line feed");
        status = KHAP_EINPUT;
    } else if (status == KHAP_ENOMEM) {
        going_on(r, status);
    }
    return status == KHAP_OK;
}

/* {"raw": …}, with what the output says beside it. */
static const json_t *as_written(const json_t *value)
{
    const char *key;
    json_t *member;
    const json_t *raw = json_object_get(value, "raw");
    if (raw == NULL)
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (member != raw &&
            !(json_is_boolean(member) &&
              (strcmp(key, "variable") == 0 || strcmp(key, "many") == 0 || strcmp(key, "joins") == 0)))
            return NULL;
    }
    return raw;
}

static bool take_words(struct reader *r, struct given *g, const json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) > MOST_WORDS) {
        wrong(r, "json-value", g->place, path_of(g->index, "words", SIZE_MAX), "a list of at most 64 words");
        return false;
    }
    g->has_words = true;
    bool good = true;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *word = json_array_get(value, i), *raw = as_written(word);
        g->as_written[i] = raw != NULL;
        good &= take_bytes(r, g, raw != NULL ? raw : word, path_of(g->index, "words", i), raw != NULL,
                           &g->words[i]);
        g->n = i + 1;
    }
    return good;
}

static bool take_end(struct reader *r, struct given *g, const json_t *value)
{
    static const struct khap_str crlf = {"\r\n", 2};
    const char *text = json_string_value(value);
    g->has_end = true;
    struct khap_str given = {text, text == NULL ? 0 : json_string_length(value)};
    g->end = (struct khap_str){"", 0};
    if (same(given, LF))
        g->end = LF;
    else if (same(given, crlf))
        g->end = crlf;
    else if (text == NULL || given.len > 0) {
        wrong(r, "json-value", g->place, path_of(g->index, "end", SIZE_MAX), "\"\\n\", \"\\r\\n\" or \"\"");
        return false;
    }
    return true;
}

static bool take_indent(struct reader *r, struct given *g, const json_t *value)
{
    struct path path = path_of(g->index, "indent", SIZE_MAX);
    g->has_indent = true;
    if (!take_bytes(r, g, value, path, true, &g->indent))
        return false;
    if (blanks_of(g->indent.str) == g->indent.str.len)
        return true;
    wrong(r, "json-value", g->place, path, "blanks and tabs");
    return false;
}

static bool take_comment(struct reader *r, struct given *g, const json_t *value)
{
    struct path path = path_of(g->index, "comment", SIZE_MAX);
    g->has_comment = true;
    if (!take_bytes(r, g, value, path, true, &g->comment))
        return false;
    if (g->comment.str.len > 0 && g->comment.str.ptr[0] == '#')
        return true;
    wrong(r, "json-value", g->place, path, "text that begins with #");
    return false;
}

static bool take_key(struct reader *r, struct given *g, const char *key, const json_t *value)
{
    static const char passed_over[][16] = {"line",  "offset", "kind",         "section",
                                           "error", "spans",  "commentColumn"};
    if (strcmp(key, "raw") == 0) {
        g->has_raw = true;
        return take_bytes(r, g, value, path_of(g->index, key, SIZE_MAX), true, &g->raw);
    }
    if (strcmp(key, "words") == 0)
        return take_words(r, g, value);
    if (strcmp(key, "end") == 0)
        return take_end(r, g, value);
    if (strcmp(key, "indent") == 0)
        return take_indent(r, g, value);
    if (strcmp(key, "comment") == 0)
        return take_comment(r, g, value);
    for (size_t i = 0; i < sizeof passed_over / sizeof passed_over[0]; i++)
        if (strcmp(key, passed_over[i]) == 0)
            return true;
    wrong(r, "json-unknown-key", g->place, path_of(g->index, key, SIZE_MAX), "");
    return false;
}

/* Fills *g, to be forgotten in any case; false after having said what is wrong. */
static bool take_line(struct reader *r, struct given *g, json_t *object, struct khap_place place,
                      size_t index)
{
    const char *key;
    json_t *value;
    bool good = true;
    memset(g, 0, offsetof(struct given, words));
    g->place = place;
    g->index = index;
    if (!json_is_object(object)) {
        wrong(r, "json-value", place, path_of(index, "", SIZE_MAX), "an object");
        return false;
    }
    json_object_foreach(object, key, value) good &= take_key(r, g, key, value);
    if (!good)
        return false;
    if (!g->has_raw && !g->has_words && !g->has_comment) {
        wrong(r, "json-value", place, path_of(index, "", SIZE_MAX), "given by raw, by words or by comment");
        return false;
    }
    if (g->has_end && g->end.len == 0 && g->has_raw && g->raw.str.len == 0) {
        wrong(r, "json-value", place, path_of(index, "end", SIZE_MAX), "\"\\n\": the line has no other byte");
        return false;
    }
    return true;
}

/* ---- from what is given to a line */

/* Whether the line is read as it is given; `raw` is named when it stands beside. */
static bool agrees(struct reader *r, const struct given *g, const struct khap_line *line)
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
        if (g->as_written[i] ? !same(word.raw, g->words[i].str)
                             : (word.flags & KHAP_WORD_VARIABLE) != 0 || !same(word.value, g->words[i].str))
            bad = i;
    }
    const char *key = NULL;
    if (g->has_words &&
        (bad < SIZE_MAX || n != g->n || khap_words_error(r->words, NULL, NULL) != KHAP_WORDS_READ))
        key = "words";
    else if (g->has_comment && !same(khap_words_comment(r->words), g->comment.str))
        key = "comment";
    else if (g->has_indent && !same((struct khap_str){text.ptr, blanks_of(text)}, g->indent.str))
        key = "indent";
    if (key == NULL)
        return true;
    wrong(r, code, g->place, path_of(g->index, key, bad), what);
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
static struct khap_str end_for(const struct reader *r, const struct given *g)
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

static bool stands_as_it_is(const struct given *g, size_t i)
{
    return g->as_written[i] || (i == 0 && is_directive(g->words[0].str));
}

static void say_unwritable(struct reader *r, const struct given *g)
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
        wrong(r, "json-unwritable", g->place, path_of(g->index, "words", i), why);
        return;
    }
    wrong(r, "json-unwritable", g->place, path_of(g->index, "words", SIZE_MAX), "the line is too long");
}

/* The words as the library writes them, with what stands as it is put in between, the indentation before and the comment behind. */
static bool compose(struct reader *r, const struct given *g, struct khap_line *line)
{
    struct bytes *out = &r->bytes;
    out->len = 0;
    struct khap_word word = {.size = sizeof word};
    if (!going_on(r, khap_words_read(r->words, r->doc, line)))
        return false;
    struct khap_str text = khap_line_text(line);
    add(out, g->has_indent ? g->indent.str : (struct khap_str){text.ptr, blanks_of(text)});
    for (size_t i = 0; i < g->n; i++) {
        if (i > 0)
            add(out, (struct khap_str){" ", 1});
        if (stands_as_it_is(g, i))
            add(out, g->words[i].str);
        else if (khap_words_at(r->words, i, &word) == KHAP_OK)
            add(out, word.raw);
    }
    if (g->has_comment && g->n > 0)
        add(out, (struct khap_str){" ", 1});
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
static struct khap_line *write_bytes(struct reader *r, const struct given *g)
{
    struct khap_line *line = NULL;
    struct khap_str text = {r->bytes.ptr, r->bytes.len};
    going_on(r, r->bytes.failed ? KHAP_ENOMEM
                                : khap_document_insert_raw(r->doc, r->last, text, g->place, &line));
    return line;
}

/* Encodes the words of a line behind r->last. */
static struct khap_line *write_words(struct reader *r, struct given *g)
{
    struct khap_str words[MOST_WORDS] = {{"x", 1}};
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
    if (same(khap_line_text(line), (struct khap_str){r->bytes.ptr, r->bytes.len}))
        return line;
    khap_document_remove(r->doc, line);
    return write_bytes(r, g);
}

/* Puts a line behind r->last, which it then is. */
static void put_line(struct reader *r, json_t *object, struct khap_place place, size_t index)
{
    struct given g;
    struct khap_line *line = NULL;
    if (take_line(r, &g, object, place, index)) {
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
    forget(&g);
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
        wrong(r, "json-value", r->ended_place, path_of(index - 1, "end", SIZE_MAX),
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
    struct path path;
    bool first = true;
    begin(r);
    json_text_expect(&r->json, '[', "lines must be a list");
    for (size_t index = 0; json_text_more(&r->json, ']', &first); index++) {
        path = path_of(index, "", SIZE_MAX);
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
        wrong(r, "json-value", r->json.place, (struct path){"target"}, "a string");
    } else if (value != NULL) {
        enum khap_status status = khap_target_parse(text, &r->own, r->json.diags, r->json.place);
        if (status == KHAP_EINPUT)
            r->failed = true;
        else
            going_on(r, status);
    }
    json_decref(value);
}

static void read_format(struct reader *r)
{
    json_t *value = json_text_value(&r->json);
    if (value != NULL && (!json_is_integer(value) || json_integer_value(value) != 1))
        wrong(r, "json-value", r->json.place, (struct path){"khap"}, "1, the only format that there is");
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
        json_text_say(&r->json, "json-syntax", place, "a key must be a string", "");
        going_on(r, KHAP_EINPUT);
    } else if (name != NULL) {
        struct path path;
        snprintf(path.text, sizeof path.text, "%s", name);
        for (m = 0; m < MEMBERS && !same((struct khap_str){members[m], strlen(members[m])},
                                         (struct khap_str){name, json_string_length(key)});
             m++)
            ;
        if (m == MEMBERS)
            wrong(r, "json-unknown-key", place, path, "");
        else if (seen[m])
            wrong(r, "json-duplicate-key", place, path, "");
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
            wrong(r, "json-missing-key", (struct khap_place){r->json.source, 0, 1},
                  m == LINES ? (struct path){"lines"} : (struct path){"khap"}, "");
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
    if (status == KHAP_OK && r->failed)
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
