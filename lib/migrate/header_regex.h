/* migrate/header_regex.h - what a regular expression of req… and rsp… says of the parts of a line. SPDX-License-Identifier: MIT */
#ifndef MIGRATE_HEADER_REGEX_H
#define MIGRATE_HEADER_REGEX_H

#include "base/arena.h"
#include "base/buf.h"

enum header_node_kind {
    HEADER_SET,   /* one byte of a set */
    HEADER_SEQ,   /* its children one behind the other */
    HEADER_ALT,   /* one of its children */
    HEADER_GROUP, /* a child that is captured, or not */
    HEADER_REP,   /* a child that is repeated */
    HEADER_BEGIN, /* ^ */
    HEADER_END,   /* $ */
    HEADER_LOOK,  /* \b, and what only looks */
};
enum { HEADER_MANY = UINT32_MAX };
struct header_node {
    uint8_t kind;
    uint8_t group; /* number of the group; 0: it captures nothing */
    bool lazy;
    bool implicit;     /* what is not written, before a regular expression without ^ */
    uint32_t min, max; /* of HEADER_REP; max may be HEADER_MANY */
    uint64_t set[4];
    struct khap_str
        raw; /* of HEADER_SET and HEADER_LOOK: as written; of HEADER_REP: what is behind the child */
    const struct header_node *child, *next;
};
static inline bool khap__header_has(const uint64_t set[4], unsigned char c)
{
    return (set[c / 64] >> (c % 64) & 1) != 0;
}

/* Reads a regular expression of PCRE or POSIX. *out: NULL for what is not understood. *nocase is set when it says so itself. KHAP_OK, KHAP_ENOMEM. */
enum khap_status khap__header_regex(struct arena *arena, struct khap_str s, bool *nocase,
                                    const struct header_node **out);

/* The lines that HAProxy searched, and their fields with one byte between them. */
enum header_shape {
    HEADER_LINE,    /* name, nothing, value: ": " */
    HEADER_REQUEST, /* method, URI, version */
    HEADER_STATUS,  /* version, status, reason */
    HEADER_TEXT,    /* one field */
};
enum { HEADER_FIELDS = 3, HEADER_ITEMS = 256, HEADER_WAYS = 12, HEADER_GROUPS = 10 };
enum header_item_kind { HEADER_NODE, HEADER_OPEN, HEADER_CLOSE, HEADER_BETWEEN };
struct header_item {
    uint8_t kind, group;
    const struct header_node *node;
};
/* A way in which a line can match: what stands in its fields. */
struct header_way {
    uint8_t fields; /* how many fields were left behind: their ends are known */
    uint16_t n;
    struct header_item items[HEADER_ITEMS];
};
struct header_ways {
    uint32_t n;
    const struct header_way *ways[HEADER_WAYS];
    bool unknown; /* there are more ways than these */
};
/* The ways in which lines of a shape match, the one that is tried first in front. KHAP_OK, KHAP_ENOMEM. */
enum khap_status khap__header_ways(struct arena *arena, const struct header_node *regex,
                                   enum header_shape shape, struct header_ways *out);

/* What ends a field that is not the last one. */
char khap__header_separator(enum header_shape shape, unsigned field);
/* The bytes that can stand in a field. */
void khap__header_allowed(enum header_shape shape, unsigned field, uint64_t set[4]);
/* Whether the first set has all of the second. */
bool khap__header_covers(const uint64_t a[4], const uint64_t b[4]);
/* Whether a byte, or the beginning or end of the line, may be in it. */
bool khap__header_holds(const struct header_node *node, char byte);

/* What a way says of a field. */
struct header_field {
    struct khap_str regex;   /* for the field alone */
    struct khap_str literal; /* its one text, letters as written; or empty */
    struct khap_str middle;  /* the text behind what may be anything, and before that */
    bool plain;              /* there is nothing else than `middle` */
    bool begins, ends;       /* it begins so, it ends so */
    bool any;                /* everything matches */
    bool letters;            /* case matters to the regex */
    bool slash;              /* its first byte is a slash */
    bool tail;               /* it ends with what takes everything, and in front of that no '?' matches */
    uint16_t whole;          /* the groups that hold all of it, a bit each */
    uint16_t firsts, lasts;  /* those that begin with it; those that hold what is last, and no more */
    struct khap_str
        lined; /* `regex` for a text of several lines: nothing of it takes the end of a line. Empty when it cannot be written so */
};
/* A byte, or a part of the old line: HEADER_PART + field * 16 + group of the field's regex. HEADER_NONE: not known. */
enum { HEADER_PART = 0x100, HEADER_NONE = 0x200 };
struct header_text {
    uint16_t n;
    uint16_t atoms[254];
};
/*
 * Describes a field. `groups` (HEADER_GROUPS, or NULL) receives what the old groups are made of there, behind what they have: with it, groups of `used` (a bit
 * each) are groups of the regex, too. KHAP_OK, KHAP_ENOMEM.
 */
enum khap_status khap__header_field(struct arena *arena, const struct header_way *way,
                                    enum header_shape shape, unsigned field, bool nocase, uint32_t used,
                                    struct header_text *groups, struct header_field *out);

#endif
