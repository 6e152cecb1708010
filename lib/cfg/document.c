/* SPDX-License-Identifier: MIT */
#include "cfg/document.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "cfg/encode.h"

/*
 * Texts stand in chunks that never move, so that a line is a pointer for ever. A line of N bytes costs 24
 * more; lines are numbered in the order in which they were made, and name their successor by its number.
 */
struct khap_line {
    const char *text; /* with its LF */
    const struct khap_place *origin;
    uint32_t len;
    uint32_t next; /* number of the next line, 0 at the end */
};

struct chunk {
    struct chunk *prev;
    size_t size; /* with this header */
};

enum {
    FIRST_CHUNK = 256 * 1024,
    LARGEST_CHUNK = 4 * 1024 * 1024, /* two huge pages: see base/alloc.c */
    BLOCK_LINES = 1024,
    BLOCK_PLACES = 256,
    MOST_WORDS = 64,
    LINE_15 = 2047,      /* the longest line of 1.5, with its LF */
    REFUSED_SHOWN = 4096 /* what is kept of a refused word */
};

struct khap_document {
    struct khap_alloc alloc;
    struct khap_target target;
    enum encode_style style;
    unsigned unsafe; /* byte classes that must not stand bare */

    char *at, *end; /* free bytes of the newest chunk */
    char *line;     /* where the line that is being written begins */
    char *word;     /* where its open word begins, between part and part_end; else NULL */
    unsigned word_classes;
    uint32_t words;         /* of the open line, or more */
    bool dead;              /* something of the open line failed: it will not be added */
    struct khap_place from; /* its origin */
    struct chunk *chunks;

    struct khap_line **blocks; /* of BLOCK_LINES lines each */
    uint32_t n_blocks, cap_blocks, n_lines;
    uint32_t head, tail;

    struct arena arena; /* blocks, places, and the refused word */
    struct khap_place *places, *last_place;
    uint32_t places_left;

    uint64_t length, limit;
    enum khap_status status;
    bool refused;
    struct khap_place refused_origin;
    struct khap_str refused_word;
};

/* ---- memory */

static bool add_chunk(struct khap_document *doc, size_t room)
{
    size_t size = FIRST_CHUNK;
    if (doc->chunks != NULL)
        size = doc->chunks->size >= LARGEST_CHUNK / 2 ? (size_t)LARGEST_CHUNK : doc->chunks->size * 2;
    if (room > PTRDIFF_MAX - sizeof(struct chunk))
        return false;
    if (room + sizeof(struct chunk) > size)
        size = room + sizeof(struct chunk);
    struct chunk *c = khap__alloc(&doc->alloc, size, 1);
    if (c == NULL)
        return false;
    *c = (struct chunk){doc->chunks, size};
    doc->chunks = c;
    doc->at = (char *)(c + 1);
    doc->end = (char *)c + size;
    return true;
}

static void kill_line(struct khap_document *doc, enum khap_status status)
{
    doc->dead = true;
    if (doc->status == KHAP_OK || (doc->status == KHAP_EINPUT && status != KHAP_EINPUT))
        doc->status = status;
}

/* Moves the open line to where `more` bytes follow. */
static bool grow(struct khap_document *doc, size_t more)
{
    size_t have = (size_t)(doc->at - doc->line);
    if (doc->dead)
        return false;
    if (more > doc->limit || have + more > doc->limit) {
        kill_line(doc, KHAP_ELIMIT);
        return false;
    }
    char *line = doc->line;
    struct chunk *old = doc->chunks;
    bool alone = old != NULL && line == (char *)(old + 1); /* nothing else stands in that chunk */
    size_t room = have + more;
    if (alone)
        room += room / 2;
    if (!add_chunk(doc, room)) {
        kill_line(doc, KHAP_ENOMEM);
        return false;
    }
    if (have > 0)
        memcpy(doc->at, line, have);
    if (doc->word != NULL)
        doc->word = doc->at + (doc->word - line);
    doc->line = doc->at;
    doc->at += have;
    if (alone) {
        doc->chunks->prev = old->prev;
        khap__free(&doc->alloc, old, old->size, 1);
    }
    return true;
}

static inline bool have_room(struct khap_document *doc, size_t more)
{
    return (size_t)(doc->end - doc->at) >= more || grow(doc, more);
}

static struct khap_line *line_of(const struct khap_document *doc, uint32_t number)
{
    return number == 0 ? NULL : &doc->blocks[(number - 1) / BLOCK_LINES][(number - 1) % BLOCK_LINES];
}

static bool add_block(struct khap_document *doc)
{
    if (doc->n_lines > UINT32_MAX - BLOCK_LINES)
        return false;
    if (doc->n_blocks == doc->cap_blocks) {
        uint32_t cap = doc->cap_blocks == 0 ? 16 : doc->cap_blocks * 2;
        struct khap_line **p =
            khap__realloc(&doc->alloc, doc->blocks, doc->cap_blocks, cap, sizeof(struct khap_line *));
        if (p == NULL)
            return false;
        doc->blocks = p;
        doc->cap_blocks = cap;
    }
    struct khap_line *block = khap__arena_alloc(&doc->arena, BLOCK_LINES, sizeof *block);
    if (block == NULL)
        return false;
    doc->blocks[doc->n_blocks++] = block;
    return true;
}

/* Lines of one origin follow each other nearly always, so only the last place is looked at. */
static const struct khap_place *keep_place(struct khap_document *doc, struct khap_place place)
{
    struct khap_place *last = doc->last_place;
    if (last != NULL && last->source == place.source && last->offset == place.offset &&
        last->len == place.len)
        return last;
    if (doc->places_left == 0) {
        doc->places = khap__arena_alloc(&doc->arena, BLOCK_PLACES, sizeof place);
        if (doc->places == NULL)
            return NULL;
        doc->places_left = BLOCK_PLACES;
    }
    doc->places_left--;
    *doc->places = place;
    doc->last_place = doc->places++;
    return doc->last_place;
}

/* Makes a line of what stands between doc->line and doc->at, not yet linked to others; 0 when that failed. */
static uint32_t make_line(struct khap_document *doc)
{
    size_t len = (size_t)(doc->at - doc->line);
    if (doc->length + len > doc->limit) {
        kill_line(doc, KHAP_ELIMIT);
        return 0;
    }
    const struct khap_place *origin = keep_place(doc, doc->from);
    if (origin == NULL || (doc->n_lines == doc->n_blocks * BLOCK_LINES && !add_block(doc))) {
        kill_line(doc, KHAP_ENOMEM);
        return 0;
    }
    uint32_t number = ++doc->n_lines;
    *line_of(doc, number) = (struct khap_line){doc->line, origin, (uint32_t)len, 0};
    doc->length += len;
    doc->line = doc->at;
    return number;
}

static void append_line(struct khap_document *doc)
{
    uint32_t number = doc->dead ? 0 : make_line(doc);
    if (number == 0) {
        doc->at = doc->line; /* what was written of it is forgotten */
        return;
    }
    if (doc->tail == 0)
        doc->head = number;
    else
        line_of(doc, doc->tail)->next = number;
    doc->tail = number;
}

/* ---- copying: most words are shorter than a call of memcpy takes */

static inline uint64_t load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint32_t load4(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of eight bytes may need encoding: below 0x28, a backslash or DEL. Says yes for some that do
 * not, no for none that does. */
static inline uint64_t suspect(uint64_t v)
{
    uint64_t backslash = v ^ EIGHT(0x5c), del = v ^ EIGHT(0x7f);
    return (((v - EIGHT(0x28)) & ~v) | ((backslash - EIGHT(1)) & ~backslash) | ((del - EIGHT(1)) & ~del)) &
           EIGHT(0x80);
}

/* Copies n > 0 bytes. */
static inline void copy_bytes(char *to, const char *from, size_t n)
{
    if (n > 16) {
        memcpy(to, from, n);
    } else if (n >= 8) {
        uint64_t a = load8(from), b = load8(from + n - 8);
        memcpy(to, &a, 8);
        memcpy(to + n - 8, &b, 8);
    } else if (n >= 4) {
        uint32_t a = load4(from), b = load4(from + n - 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
    } else {
        for (size_t i = 0; i < n; i++)
            to[i] = from[i];
    }
}

/* The same, and tells whether one of them is suspect. */
static inline bool copy_word(char *to, const char *from, size_t n)
{
    if (n >= 8) {
        uint64_t bad = 0, v;
        for (size_t i = 0; i + 8 < n; i += 8) {
            v = load8(from + i);
            bad |= suspect(v);
            memcpy(to + i, &v, 8);
        }
        v = load8(from + n - 8);
        memcpy(to + n - 8, &v, 8);
        return (bad | suspect(v)) != 0;
    }
    if (n >= 4) {
        uint32_t a = load4(from), b = load4(from + n - 4);
        memcpy(to, &a, 4);
        memcpy(to + n - 4, &b, 4);
        return suspect(a | (uint64_t)b << 32) != 0;
    }
    unsigned all = 0;
    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
        all |= khap__byte_class[(unsigned char)from[i]];
    }
    return all != 0;
}

/* ---- the handle */

enum khap_status khap_document_new(const struct khap_alloc *alloc, const struct khap_target *target,
                                   struct khap_document **out)
{
    if (out == NULL || target == NULL || target->size != sizeof *target || target->first > target->last ||
        target->first < KHAP_OLDEST || target->last > KHAP_NEWEST)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_document *doc = khap__alloc(&a, 1, sizeof *doc);
    if (doc == NULL)
        return KHAP_ENOMEM;
    memset(doc, 0, sizeof *doc);
    doc->alloc = a;
    doc->target = *target;
    doc->style = khap__encode_style(target->first, target->last);
    doc->unsafe = khap__encode_mask(doc->style);
    doc->limit = UINT32_MAX;
    khap__arena_init(&doc->arena, &a);
    if (!add_chunk(doc, 1)) {
        khap__free(&a, doc, 1, sizeof *doc);
        return KHAP_ENOMEM;
    }
    doc->line = doc->at;
    *out = doc;
    return KHAP_OK;
}

void khap_document_free(struct khap_document *doc)
{
    if (doc == NULL)
        return;
    while (doc->chunks != NULL) {
        struct chunk *prev = doc->chunks->prev;
        khap__free(&doc->alloc, doc->chunks, doc->chunks->size, 1);
        doc->chunks = prev;
    }
    khap__free(&doc->alloc, doc->blocks, doc->cap_blocks, sizeof(struct khap_line *));
    khap__arena_free(&doc->arena);
    struct khap_alloc a = doc->alloc;
    khap__free(&a, doc, 1, sizeof *doc);
}

/* ---- writing */

void khap__doc_begin(struct khap_document *doc, uint32_t indent, struct khap_place origin)
{
    doc->line = doc->at;
    doc->word = NULL;
    doc->words = 0;
    doc->dead = false;
    doc->from = origin;
    if (!have_room(doc, (size_t)indent + 8))
        return;
    if (indent <= 8)
        memcpy(doc->at, "        ", 8); /* all eight, whatever is wanted: cheaper than to count */
    else
        memset(doc->at, ' ', indent);
    doc->at += indent;
}

static void refuse(struct khap_document *doc, struct khap_str word)
{
    kill_line(doc, KHAP_EINPUT);
    if (doc->refused)
        return;
    doc->refused = true;
    doc->refused_origin = doc->from;
    if (khap__arena_dup(&doc->arena, khap__str_sub(word, 0, REFUSED_SHOWN), &doc->refused_word) != KHAP_OK)
        doc->status = KHAP_ENOMEM;
}

/* The word whose raw bytes stand from `start` to doc->at: takes care of what cannot stay as it is. */
static void finish_word(struct khap_document *doc, char *start, unsigned classes)
{
    size_t len = (size_t)(doc->at - start);
    struct khap_str value = {start, len};
    if (len == 0 || (classes & BYTE_NUL) != 0 || (doc->words == 0 && (*start == '.' || *start == '['))) {
        refuse(doc, value);
        return;
    }
    doc->words++;
    if ((classes & doc->unsafe) == 0)
        return;
    size_t before = (size_t)(start - doc->line);
    if (len > UINT32_MAX / 8) {
        kill_line(doc, KHAP_ELIMIT);
        return;
    }
    if (!have_room(doc, ENCODED_MAX(len) - len))
        return;
    start = doc->line + before;
    char *moved = start + ENCODED_MAX(len) - len;
    memmove(moved, start, len);
    doc->at = khap__encode_to(start, doc->style, classes, (struct khap_str){moved, len});
}

/* The blank before a word, the bytes of the word and the LF of the line are asked for together. */
static inline bool start_word(struct khap_document *doc, size_t len)
{
    if (len > UINT32_MAX) {
        kill_line(doc, KHAP_ELIMIT);
        return false;
    }
    if (!have_room(doc, len + 2))
        return false;
    if (doc->words > 0)
        *doc->at++ = ' ';
    return true;
}

void khap__doc_word(struct khap_document *doc, struct khap_str value)
{
    if (!start_word(doc, value.len))
        return;
    char *start = doc->at;
    bool odd = value.len == 0 || copy_word(start, value.ptr, value.len);
    doc->at = start + value.len;
    if (doc->words > 0 && !odd)
        doc->words++;
    else
        finish_word(doc, start, odd ? khap__byte_classes(value) : 0);
}

void khap__doc_part(struct khap_document *doc, struct khap_str value)
{
    if (doc->word == NULL) {
        if (!start_word(doc, value.len))
            return;
        doc->word = doc->at;
        doc->word_classes = 0;
    } else if (value.len > UINT32_MAX) {
        kill_line(doc, KHAP_ELIMIT);
        return;
    } else if (!have_room(doc, value.len + 1)) {
        return;
    }
    if (value.len > 0 && copy_word(doc->at, value.ptr, value.len))
        doc->word_classes |= khap__byte_classes(value);
    doc->at += value.len;
}

void khap__doc_part_end(struct khap_document *doc)
{
    if (doc->dead)
        return;
    char *start = doc->word;
    if (start == NULL) {
        refuse(doc, S(""));
        return;
    }
    doc->word = NULL;
    finish_word(doc, start, doc->word_classes);
}

void khap__doc_uint(struct khap_document *doc, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    size_t len = sizeof digits - at;
    if (!start_word(doc, len))
        return;
    copy_bytes(doc->at, digits + at, len);
    doc->at += len;
    doc->words++;
}

void khap__doc_lit_n(struct khap_document *doc, const char *words, size_t len)
{
    if (len == 0 || !start_word(doc, len))
        return;
    copy_bytes(doc->at, words, len);
    doc->at += len;
    doc->words += 1 + (uint32_t)(len / 2); /* at most; end_line() counts when it matters */
}

/* How many words stand in the open line, as they are written. */
static uint32_t count_words(const struct khap_document *doc)
{
    uint32_t n = 0;
    char quote = 0;
    bool inside = false;
    for (const char *p = doc->line; p < doc->at; p++) {
        if (*p == '\\' && quote != '\'')
            p++; /* whatever it is, it ends no word */
        else if (quote != 0 ? *p == quote : (*p == '"' || *p == '\'') && doc->style == STYLE_QUOTES)
            quote = quote != 0 ? 0 : *p;
        else if (*p == ' ' && quote == 0) {
            inside = false;
            continue;
        }
        n += !inside;
        inside = true;
    }
    return n;
}

static void end_line(struct khap_document *doc)
{
    if (!doc->dead && doc->words > MOST_WORDS && count_words(doc) > MOST_WORDS)
        refuse(doc, (struct khap_str){doc->line, (size_t)(doc->at - doc->line)});
    if (!doc->dead && have_room(doc, 1)) {
        *doc->at++ = '\n';
        if (doc->target.first == KHAP_RELEASE(1, 5) && doc->at - doc->line > LINE_15)
            refuse(doc, (struct khap_str){doc->line, (size_t)(doc->at - doc->line - 1)});
    }
    append_line(doc);
    doc->word = NULL;
}

void khap__doc_end(struct khap_document *doc)
{
    if (doc->words == 0)
        doc->at = doc->line; /* no line of blanks */
    end_line(doc);
}

void khap__doc_raw(struct khap_document *doc, uint32_t indent, struct khap_str line, struct khap_place origin)
{
    khap__doc_begin(doc, line.len > 0 ? indent : 0, origin);
    if (line.len > 0 &&
        (memchr(line.ptr, '\n', line.len) != NULL || memchr(line.ptr, '\r', line.len) != NULL ||
         memchr(line.ptr, '\0', line.len) != NULL)) {
        refuse(doc, line);
    } else if (start_word(doc, line.len) && line.len > 0) {
        memcpy(doc->at, line.ptr, line.len);
        doc->at += line.len;
    }
    end_line(doc);
}

void khap__doc_comment(struct khap_document *doc, uint32_t indent, struct khap_place origin,
                       struct khap_str text)
{
    khap__doc_begin(doc, indent, origin);
    /* nothing of a comment is worth failing for */
    if (doc->target.first == KHAP_RELEASE(1, 5) &&
        text.len > LINE_15 - 3 - (indent < LINE_15 - 3 ? indent : LINE_15 - 3))
        text.len = LINE_15 - 3 - (indent < LINE_15 - 3 ? indent : LINE_15 - 3);
    if (text.len < UINT32_MAX && start_word(doc, text.len + 2)) {
        *doc->at++ = '#';
        if (text.len > 0)
            *doc->at++ = ' ';
        for (size_t i = 0; i < text.len; i++) {
            unsigned char c = (unsigned char)text.ptr[i];
            *doc->at++ = (char)(c < 0x20 || c == 0x7f ? '?' : c);
        }
    }
    end_line(doc);
}

void khap__doc_blank(struct khap_document *doc)
{
    khap__doc_begin(doc, 0, (struct khap_place){0, 0, 0});
    end_line(doc);
}

enum khap_status khap__doc_status(const struct khap_document *doc)
{
    return doc->status;
}

bool khap__doc_refused(const struct khap_document *doc, struct khap_place *origin, struct khap_str *word)
{
    if (!doc->refused)
        return false;
    if (origin != NULL)
        *origin = doc->refused_origin;
    if (word != NULL)
        *word = doc->refused_word;
    return true;
}

const struct khap_target *khap__doc_target(const struct khap_document *doc)
{
    return &doc->target;
}

void khap__doc_limit(struct khap_document *doc, uint32_t bytes)
{
    doc->limit = bytes;
}

/* ---- inserting */

/* Links line `number`, just made, behind `after`. */
static struct khap_line *link_line(struct khap_document *doc, struct khap_line *after, uint32_t number)
{
    struct khap_line *line = line_of(doc, number);
    uint32_t *link = after == NULL ? &doc->head : &after->next;
    line->next = *link;
    *link = number;
    if (line->next == 0)
        doc->tail = number;
    return line;
}

enum khap_status khap_document_insert(struct khap_document *doc, struct khap_line *after, uint32_t indent,
                                      const struct khap_str *words, size_t n, struct khap_place origin,
                                      struct khap_line **out)
{
    if (doc == NULL || (words == NULL && n > 0))
        return KHAP_EINVAL;
    if (n > MOST_WORDS)
        return KHAP_EINPUT;
    /* a failure here is the caller's to see at once, and no failure of the document */
    enum khap_status before = doc->status;
    bool refused = doc->refused;
    doc->status = KHAP_OK;
    doc->refused = true;
    khap__doc_begin(doc, n > 0 ? indent : 0, origin);
    for (size_t i = 0; i < n; i++)
        khap__doc_word(doc, words[i]);
    if (!doc->dead && have_room(doc, 1))
        *doc->at++ = '\n';
    if (!doc->dead && doc->target.first == KHAP_RELEASE(1, 5) && doc->at - doc->line > LINE_15)
        kill_line(doc, KHAP_EINPUT);
    uint32_t number = doc->dead ? 0 : make_line(doc);
    enum khap_status status = doc->status;
    doc->status = before;
    doc->refused = refused;
    if (number == 0) {
        doc->at = doc->line;
        return status;
    }
    struct khap_line *line = link_line(doc, after, number);
    if (out != NULL)
        *out = line;
    return KHAP_OK;
}

enum khap_status khap__doc_prepend(struct khap_document *doc, struct khap_str text)
{
    if (text.len == 0 || text.ptr[text.len - 1] != '\n')
        return KHAP_EINVAL;
    enum khap_status before = doc->status;
    struct khap_line *after = NULL;
    doc->status = KHAP_OK;
    while (text.len > 0) {
        size_t len = khap__str_find(text, '\n') + 1;
        khap__doc_begin(doc, 0, (struct khap_place){0, 0, 0});
        if (start_word(doc, len)) {
            memcpy(doc->at, text.ptr, len);
            doc->at += len;
        }
        uint32_t number = doc->dead ? 0 : make_line(doc);
        if (number == 0) {
            doc->at = doc->line;
            break;
        }
        after = link_line(doc, after, number);
        text = khap__str_sub(text, len, text.len - len);
    }
    enum khap_status status = doc->status;
    doc->status = before;
    return status;
}

/* ---- reading */

struct khap_line *khap_line_next(const struct khap_document *doc, const struct khap_line *prev)
{
    if (doc == NULL)
        return NULL;
    return line_of(doc, prev == NULL ? doc->head : prev->next);
}

struct khap_str khap_line_text(const struct khap_line *line)
{
    return line == NULL ? (struct khap_str){NULL, 0} : (struct khap_str){line->text, line->len};
}

struct khap_place khap_line_origin(const struct khap_line *line)
{
    return line == NULL ? (struct khap_place){0, 0, 0} : *line->origin;
}

uint64_t khap_document_length(const struct khap_document *doc)
{
    return doc == NULL ? 0 : doc->length;
}

/* The bytes from *line on that lie side by side; *line becomes the first line that does not. */
static struct khap_str next_run(const struct khap_document *doc, const struct khap_line **line)
{
    struct khap_str run = {(*line)->text, 0};
    do {
        run.len += (*line)->len;
        *line = line_of(doc, (*line)->next);
    } while (*line != NULL && (*line)->text == run.ptr + run.len);
    return run;
}

enum khap_status khap_document_print(const struct khap_document *doc, const struct khap_sink *sink)
{
    if (doc == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    const struct khap_line *line = line_of(doc, doc->head);
    while (line != NULL) {
        struct khap_str run = next_run(doc, &line);
        if (sink->write(sink->ctx, run.ptr, run.len) != 0)
            return KHAP_EIO;
    }
    return KHAP_OK;
}

uint64_t khap__doc_sum(const struct khap_document *doc)
{
    uint64_t sum = KHAP__FNV64;
    const struct khap_line *line = line_of(doc, doc->head);
    while (line != NULL)
        sum = khap__fnv1a64(next_run(doc, &line), sum);
    return sum;
}
