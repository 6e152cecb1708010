/* schema/types.h - what the types that are one word share. SPDX-License-Identifier: MIT */
#ifndef SCHEMA_TYPES_H
#define SCHEMA_TYPES_H

#include "schema/program.h"
#include "value/value.h"

struct type_check {
    struct arena *arena;
    struct khap_str parameter;
    int64_t min, max;
    uint16_t release;
    struct khap_str text;
    uint32_t *offset, *len; /* what is wrong: all of the text unless it is said */
    enum khap_status *status;
};

static inline bool has_word(const struct type_check *c, struct khap_str word)
{
    return khap__schema_has_word(c->parameter, word);
}

static inline enum schema_problem from_value(enum value_error error)
{
    return error == VALUE_OK ? SCHEMA_GOOD : error == VALUE_RANGE ? SCHEMA_RANGE : SCHEMA_BAD;
}

/* strtol() and its like take a plus and zeros before a number. */
static inline struct khap_str without_zeros(struct khap_str s)
{
    if (s.len > 1 && s.ptr[0] == '+' && khap__is_digit((unsigned char)s.ptr[1]))
        s = khap__str_sub(s, 1, s.len);
    while (s.len > 1 && s.ptr[0] == '0')
        s = khap__str_sub(s, 1, s.len);
    return s;
}

/* Those of schema/addresses.c. */
enum schema_problem khap__schema_address(const struct type_check *c);
enum schema_problem khap__schema_ip(const struct type_check *c);
enum schema_problem khap__schema_mask(const struct type_check *c);
enum schema_problem khap__schema_host(const struct type_check *c);
enum schema_problem khap__schema_interval(const struct type_check *c);
enum schema_problem khap__schema_network(const struct type_check *c);

#endif
