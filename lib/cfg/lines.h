/* cfg/lines.h - the memory of a document: its lines, their bytes and their origins. For lib/cfg alone.
 * SPDX-License-Identifier: MIT */
#ifndef CFG_LINES_H
#define CFG_LINES_H

#include "base/arena.h"
#include "base/str.h"
#include "cfg/encode.h"
#include <khap/cfg.h>

/*
 * Texts stand in the text that was read, or in chunks that never move, so that a line is a pointer for ever.
 * A line of N bytes costs 24 more; lines are numbered in the order in which they were made, and name their
 * neighbours by number. The lines of a text that was read have no origin of their own: it is where they stand.
 */
struct khap_line {
    const char *text; /* with its line end; only the last line may be without */
    uint32_t len;
    uint32_t next, prev; /* numbers of the neighbours, 0 at the ends */
    uint32_t origin;     /* number of a place, 0: where it stands in the text that was read */
};

struct line_chunk {
    struct line_chunk *prev;
    size_t size; /* with this header */
};

enum {
    LINE_BLOCK = 1024,
    PLACE_BLOCK = 256,
    MOST_WORDS = 64,
    LINE_15 = 2047 /* the longest line of 1.5, with its LF */
};

struct khap_document {
    struct khap_alloc alloc;
    struct khap_target target;
    enum encode_style style;
    unsigned unsafe; /* byte classes that must not stand bare */

    struct khap_str read; /* the text that was read, borrowed */
    uint32_t read_source; /* its source */

    char *at, *end; /* free bytes of the newest chunk */
    char *line;     /* where the line that is being written begins */
    char *word;     /* where its open word begins, between part and part_end; else NULL */
    unsigned word_classes;
    uint32_t words;         /* of the open line, or more */
    bool dead;              /* something of the open line failed: it will not be added */
    struct khap_place from; /* its origin */
    struct line_chunk *chunks;

    struct khap_line **blocks; /* of LINE_BLOCK lines each */
    uint32_t n_blocks, cap_blocks, n_lines;
    uint32_t head, tail;

    struct khap_place **places; /* blocks of PLACE_BLOCK; a place's number begins with 1 */
    uint32_t n_place_blocks, cap_place_blocks, n_places;

    struct arena arena; /* blocks, places, and the refused word */

    uint64_t length, limit;
    enum khap_status status;
    bool refused;
    struct khap_place refused_origin;
    struct khap_str refused_word;
};

static inline struct khap_line *khap__line_of(const struct khap_document *doc, uint32_t number)
{
    return number == 0 ? NULL : &doc->blocks[(number - 1) / LINE_BLOCK][(number - 1) % LINE_BLOCK];
}
static inline struct khap_str khap__line_str(const struct khap_line *line)
{
    return (struct khap_str){line->text, line->len};
}
/* Its bytes without LF or CR LF, and how long that line end is: 0 to 2. */
static inline struct khap_str khap__line_body(const struct khap_line *line, uint32_t *end)
{
    struct khap_str s = khap__line_str(line);
    *end = 0;
    if (s.len > 0 && s.ptr[s.len - 1] == '\n') {
        *end = 1;
        s.len--;
        if (s.len > 0 && s.ptr[s.len - 1] == '\r') {
            *end = 2;
            s.len--;
        }
    }
    return s;
}

/* What a line is, or KHAP_ENOMEM. */
enum khap_status khap__line_kind(const struct khap_document *doc, const struct khap_line *line,
                                 enum khap_line_kind *kind);
/* The code of the diagnostic for a line that cannot be read: a value of enum khap_word_error but the first. */
const char *khap__line_error_code(unsigned error);

/* The open line fails; the document too, with the first failure that is graver than a refused word. */
void khap__lines_kill(struct khap_document *doc, enum khap_status status);
/* Moves the open line to where `more` bytes follow it. */
bool khap__lines_grow(struct khap_document *doc, size_t more);
static inline bool khap__lines_room(struct khap_document *doc, size_t more)
{
    return (size_t)(doc->end - doc->at) >= more || khap__lines_grow(doc, more);
}
/* Adds bytes to the open line. */
void khap__lines_bytes(struct khap_document *doc, struct khap_str bytes);
/* Begins a line with nothing in it. */
void khap__lines_open(struct khap_document *doc, struct khap_place origin);
/* Makes a line of the bytes of the open one, linked to no other; its number, or 0 when that failed. */
uint32_t khap__lines_make(struct khap_document *doc);
/* The bytes of the open line become those of `line`, which keeps its origin; false when that failed. */
bool khap__lines_become(struct khap_document *doc, struct khap_line *line);
/* A line of bytes that stand elsewhere and stay there; 0 when there is no memory. */
uint32_t khap__lines_add(struct khap_document *doc, const char *text, uint32_t len, uint32_t origin);
/* Links line `number` behind the line of number `after`, 0 for the beginning. */
void khap__lines_link(struct khap_document *doc, uint32_t after, uint32_t number);
void khap__lines_unlink(struct khap_document *doc, struct khap_line *line);
uint32_t khap__lines_number(const struct khap_document *doc, const struct khap_line *line);

#endif
