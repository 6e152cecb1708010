/* unit/value_help.h - strings and random numbers for the tests of values. SPDX-License-Identifier: MIT */
#ifndef UNIT_VALUE_HELP_H
#define UNIT_VALUE_HELP_H

#include "base/buf.h"

#include <stdio.h>
#include <time.h>

static inline struct khap_str str(const char *text)
{
    return (struct khap_str){text, strlen(text)};
}

/* splitmix64 */
static inline uint64_t random_next(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Another one each time, and printed: a failure can be had again by returning it here. */
static inline uint64_t random_seed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t seed = (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec;
    printf("# seed %llu\n", (unsigned long long)seed);
    return seed;
}

#define assert_slice(s, text)                                                                                \
    do {                                                                                                     \
        struct khap_str s_ = (s);                                                                            \
        if (!khap__str_eq(s_, str(text)))                                                                    \
            fail_msg("got '%.*s', wanted '%s'", S_ARG(s_), (text));                                          \
    } while (0)
#define assert_printed(b, text) assert_slice(khap__buf_str(b), text)

#endif
