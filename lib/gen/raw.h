/* gen/raw.h - HAProxy lines of one's own: which group of rules each belongs to, and which of our lines they
 * replace. SPDX-License-Identifier: MIT */
#ifndef GEN_RAW_H
#define GEN_RAW_H

#include "base/arena.h"
#include "base/vec.h"
#include "cfg/document.h"
#include "model/tree.h"

/* The order in which HAProxy wants the kinds of rules; everything that is no rule is a setting and stands
 * before them. */
enum raw_group {
    RAW_SETTING,
    RAW_TCP_REQUEST,
    RAW_TCP_RESPONSE,
    RAW_HTTP_REQUEST,
    RAW_HTTP_RESPONSE,
    RAW_HTTP_AFTER,
    RAW_REDIRECT,
    RAW_USE_BACKEND,
    RAW_USE_SERVER
};

struct raw_line {
    struct khap_str text; /* without line end and without blanks at both ends */
    struct khap_place place;
    uint8_t group;
    uint8_t once_words; /* how many words make it a directive that stands once; 0: any number */
    struct khap_str once[2];
};
struct raw {
    VEC(struct raw_line) lines;
};

/*
 * Splits the text of a raw-lines setting (NULL is allowed) into lines. `section` is "global", "defaults" or
 * another one. A comment belongs to the line below it, and a whole `.if` block to the group of the first rule
 * in it.
 */
enum khap_status khap__raw_read(struct arena *arena, const struct khap_alloc *alloc, uint16_t release,
                                struct khap_str section, const struct setting *given, struct raw *out);
void khap__raw_free(const struct khap_alloc *alloc, struct raw *raw);
/* Writes the lines of one group, indented. */
void khap__raw_write(const struct raw *raw, enum raw_group group, struct khap_document *doc, uint32_t indent);
/* Whether a line of ours that begins with these words (blank separated) is replaced. */
bool khap__raw_replaces(const struct raw *raw, struct khap_str words);

#endif
