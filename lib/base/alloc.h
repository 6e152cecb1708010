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

#endif
