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

#endif
