/* base/alloc.h - the allocator as the library uses it. SPDX-License-Identifier: MIT */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <khap/status.h>

/* Copies *given, or malloc's when it is NULL. */
struct khap_alloc khap__alloc_or_default(const struct khap_alloc *given);

/* NULL when there is no memory or n * size overflows. Memory is not cleared. */
void *khap__alloc(const struct khap_alloc *a, size_t n, size_t size);
/* Grows or shrinks; the old block stays on failure. */
void *khap__realloc(const struct khap_alloc *a, void *p, size_t old_n, size_t new_n, size_t size);
void khap__free(const struct khap_alloc *a, void *p, size_t n, size_t size);

/* How large the next chunk of a growing store should be that has `total` bytes already: as much again, later a
 * quarter of it, at most 4 MiB. From 2 MiB on in whole huge pages, which are there as soon as one byte of them is used;
 * so a chunk may not be much of the whole. */
static inline size_t khap__next_chunk(size_t total, size_t first)
{
    enum { MIDDLE = 512 << 10, LARGEST = 4 << 20, HUGE_PAGE = 2 << 20 };
    size_t size = total < MIDDLE ? total : total < 4 * MIDDLE ? (size_t)MIDDLE : total / 4;
    if (size >= LARGEST)
        return LARGEST;
    return size >= HUGE_PAGE ? (size_t)HUGE_PAGE : size < first ? first : size;
}

#endif
