/* Writing a document word by word. SPDX-License-Identifier: MIT */
#include "cfg/document.h"

#include "cfg/lines.h"

enum { REFUSED_SHOWN = 4096 /* what is kept of a refused word */ };

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

/* ---- writing */

void khap__doc_begin(struct khap_document *doc, uint32_t indent, struct khap_place origin)
{
    khap__lines_open(doc, origin);
    if (!khap__lines_room(doc, (size_t)indent + 8))
        return;
    if (indent <= 8)
        memcpy(doc->at, "        ", 8); /* all eight, whatever is wanted: cheaper than to count */
    else
        memset(doc->at, ' ', indent);
    doc->at += indent;
}

static void refuse(struct khap_document *doc, struct khap_str word)
{
    khap__lines_kill(doc, KHAP_EINPUT);
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
        khap__lines_kill(doc, KHAP_ELIMIT);
        return;
    }
    if (!khap__lines_room(doc, ENCODED_MAX(len) - len))
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
        khap__lines_kill(doc, KHAP_ELIMIT);
        return false;
    }
    if (!khap__lines_room(doc, len + 2))
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
        khap__lines_kill(doc, KHAP_ELIMIT);
        return;
    } else if (!khap__lines_room(doc, value.len + 1)) {
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
    if (!doc->dead && khap__lines_room(doc, 1)) {
        *doc->at++ = '\n';
        if (doc->target.first == KHAP_RELEASE(1, 5) && doc->at - doc->line > LINE_15)
            refuse(doc, (struct khap_str){doc->line, (size_t)(doc->at - doc->line - 1)});
    }
    uint32_t number = doc->dead ? 0 : khap__lines_make(doc);
    if (number != 0)
        khap__lines_link(doc, doc->tail, number);
    else
        doc->at = doc->line; /* what was written of it is forgotten */
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
