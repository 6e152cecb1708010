/* schema/program.h - the argument grammar as schema.awk writes it: a program of 16-bit numbers. For lib/schema alone.
 * SPDX-License-Identifier: MIT */
#ifndef SCHEMA_PROGRAM_H
#define SCHEMA_PROGRAM_H

#include "schema/schema.h"

enum schema_op {
    OP_END = 0,
    OP_LITERAL = 1,     /* word */
    OP_TYPE = 2,        /* type, word or kind, range */
    OP_OPTIONAL = 3,    /* length, body */
    OP_MANY = 4,        /* length, body: once or more */
    OP_ALTERNATIVE = 5, /* length, number, then length and body of each */
    OP_VOCABULARY = 6,  /* table: one word of it, with its arguments */
    OP_SPLIT = 7,       /* word: the byte that parts, length, body: matched against the parts of one word */
    OP_NOT = 8          /* word: the next one is not it; takes none */
};

extern const uint16_t khap__schema_program[];
extern const uint32_t khap__schema_words[]; /* texts that programs name by number */

static inline const uint16_t *khap__schema_code(void)
{
    return khap__schema_program;
}
static inline struct khap_str khap__schema_word(uint16_t number)
{
    return khap__schema_text(khap__schema_words[number]);
}
void khap__schema_range(uint16_t number, int64_t *min, int64_t *max);
/* Where the element behind this one begins. */
static inline uint32_t khap__schema_skip(uint32_t at)
{
    const uint16_t *code = khap__schema_code() + at;
    switch ((enum schema_op)code[0]) {
    case OP_END:
        return at;
    case OP_LITERAL:
    case OP_VOCABULARY:
    case OP_NOT:
        return at + 2;
    case OP_TYPE:
        return at + 4;
    case OP_SPLIT:
        return at + 3 + code[2];
    case OP_OPTIONAL:
    case OP_MANY:
    case OP_ALTERNATIVE:
        break;
    }
    return at + 2 + code[1];
}

struct schema_sample_row {
    uint16_t type, first, last;
    uint32_t casts; /* a bit for each type */
    uint32_t match;
};
/* NULL when a release has no such type. */
const struct schema_sample_row *khap__schema_sample_row(enum schema_sample type, uint16_t release);
/* A bit for each place of a class. */
uint32_t khap__schema_class_places(uint8_t class);

/* What strtol() makes of a word: where the digits end in *end, 0 without any. In any base: 0x10 and 010, too. */
int64_t khap__schema_number(struct khap_str s, bool any_base, size_t *end);

/* Whether a text is what a type takes: SCHEMA_GOOD, SCHEMA_BAD or SCHEMA_RANGE, then what is wrong with it lies at *offset and is *len long.
 * `parameter` is the word in parentheses. KHAP_ENOMEM in *status. */
enum schema_problem khap__schema_type_check(struct arena *arena, enum schema_type type,
                                            struct khap_str parameter, int64_t min, int64_t max,
                                            uint16_t release, struct khap_str text, uint32_t *offset,
                                            uint32_t *len, enum khap_status *status);

/* Whether the parameter of a type, words with blanks between them, has one. */
static inline bool khap__schema_has_word(struct khap_str parameter, struct khap_str word)
{
    const char *at = parameter.ptr, *end = at + parameter.len;
    while ((size_t)(end - at) >= word.len) {
        if (memcmp(at, word.ptr, word.len) == 0 && (at + word.len == end || at[word.len] == ' '))
            return true;
        while (at < end && *at != ' ')
            at++;
        at += at < end;
    }
    return false;
}

/* Whether khap__schema_visit() finds names, or values that hold some, in arguments of that type. */
bool khap__schema_names(enum schema_type type);

#endif
