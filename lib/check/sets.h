/* check/sets.h - sets of bits, as check/cross.c and check/defaults.c put them together. SPDX-License-Identifier: MIT */
#ifndef CHECK_SETS_H
#define CHECK_SETS_H

#include "check/check.h"

enum section_mode { MODE_UNSAID, MODE_UNKNOWN, MODE_TCP, MODE_HTTP, MODE_OTHER };

static inline void add_set(struct schema_set *set, const struct schema_set *more)
{
    for (size_t i = 0; i < SCHEMA_SET_WORDS; i++)
        set->words[i] |= more->words[i];
}

static inline void remove_set(struct schema_set *set, const struct schema_set *less)
{
    for (size_t i = 0; i < SCHEMA_SET_WORDS; i++)
        set->words[i] &= ~less->words[i];
}

static inline void keep_common(struct schema_set *set, const struct schema_set *with)
{
    for (size_t i = 0; i < SCHEMA_SET_WORDS; i++)
        set->words[i] &= with->words[i];
}

static inline void set_bit(struct schema_set *set, unsigned bit, bool value)
{
    uint32_t mask = UINT32_C(1) << bit % 32;
    set->words[bit / 32] = value ? set->words[bit / 32] | mask : set->words[bit / 32] & ~mask;
}

/* Of check/cross.c: the rules of a section. */
const struct check_rules *khap__check_rules_of(struct check *c, uint32_t section);

/* The rule of that predicate behind `*i`, which begins as 0; NULL at the end. */
static inline const struct schema_cross *next_rule(const struct check_rules *rules,
                                                   enum schema_predicate predicate, size_t *i)
{
    size_t at = rules->from[predicate] + (*i)++;
    return at < rules->from[predicate + 1] ? rules->of[at] : NULL;
}

/* Whether a rule of that kind is about a line with these bits. */
static inline bool speaks_of(enum schema_predicate predicate, const struct schema_set *bits)
{
    return khap__check_meet(bits, khap__schema_cross_bits(predicate));
}

static inline bool speaks(const struct check_facts *facts, enum schema_predicate predicate)
{
    return (facts->speaks >> predicate & 1) != 0;
}

/* Of check/facts.c. In *own, or as they were of a line that ended alike. */
const struct check_facts *khap__check_facts_of(struct check *c, const struct schema_line *line,
                                               struct check_facts *own);
/* The options of a line, the later before the earlier, over both sets of what was said before. */
void khap__check_settle(struct check *c, const struct schema_line *line, struct schema_set *sure,
                        struct schema_set *maybe, struct schema_set *all_off);

#endif
