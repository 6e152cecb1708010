/* base/arena.h - memory that is freed all at once; blocks never move. SPDX-License-Identifier: MIT */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/alloc.h"
#include <stdbool.h>

struct arena_chunk;
struct arena {
    struct khap_alloc alloc;
    struct arena_chunk *chunks; /* newest first */
    char *at, *end;             /* free space of the newest chunk */
    size_t total;               /* bytes taken from the allocator */
};

void khap__arena_init(struct arena *a, const struct khap_alloc *alloc);
void khap__arena_free(struct arena *a); /* the arena may be used again afterwards */
/* Everything in it is given up, but its newest chunk is kept for what comes. */
void khap__arena_reset(struct arena *a);
/* Aligned for any type, not cleared; NULL when there is no memory or n * size overflows. */
static inline void *khap__arena_alloc(struct arena *a, size_t n, size_t size);
void *khap__arena_zalloc(struct arena *a, size_t n, size_t size);
/* Unaligned bytes, packed without gaps. */
char *khap__arena_bytes(struct arena *a, size_t n);
/* Copies s; out->ptr is NUL-terminated one past the end for convenience. */
enum khap_status khap__arena_dup(struct arena *a, struct khap_str s, struct khap_str *out);

/* The general case of khap__arena_alloc(). */
void *khap__arena_more(struct arena *a, size_t n, size_t size);
enum { ARENA_ALIGNMENT = 8 };
static inline void *khap__arena_alloc(struct arena *a, size_t n, size_t size)
{
    /* a few objects of a known size, with room left: the usual case, settled without a call */
    if (n - 1 < 64 && size != 0 && size % ARENA_ALIGNMENT == 0 && size < 4096 &&
        n * size <= (size_t)(a->end - a->at)) {
        char *p = a->at;
        a->at += n * size;
        return p;
    }
    return khap__arena_more(a, n, size);
}

#endif
