/* base/vec.h - growing arrays of any type:  struct { T *ptr; uint32_t len, cap; } v;
 * SPDX-License-Identifier: MIT */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/alloc.h"
#include <stdbool.h>

/* VEC(struct route) routes = {0};   VEC_PUSH(alloc, &routes, value) -> bool;   VEC_FREE(alloc, &routes) */
#define VEC(T)                                                                                               \
    struct {                                                                                                 \
        T *ptr;                                                                                              \
        uint32_t len, cap;                                                                                   \
    }
#define VEC_PUSH(alloc, v, value)                                                                            \
    (((v)->len < (v)->cap ||                                                                                 \
      khap__vec_grow((alloc), (void **)(void *)&(v)->ptr, &(v)->cap, sizeof *(v)->ptr))                      \
         ? ((v)->ptr[(v)->len++] = (value), true)                                                            \
         : false)
#define VEC_FREE(alloc, v)                                                                                   \
    (khap__free((alloc), (v)->ptr, (v)->cap, sizeof *(v)->ptr), (v)->ptr = NULL, (v)->len = (v)->cap = 0)

/* What stands in one array, into another one that holds nothing yet, with room for `more`; one allocation. */
#define VEC_COPY(alloc, from, to, more)                                                                      \
    khap__vec_copy((alloc), (from)->ptr, (from)->len, sizeof *(from)->ptr, (more),                           \
                   (void **)(void *)&(to)->ptr, &(to)->len, &(to)->cap)

bool khap__vec_copy(const struct khap_alloc *alloc, const void *from, uint32_t len, size_t size,
                    uint32_t more, void **to, uint32_t *to_len, uint32_t *to_cap);
bool khap__vec_grow(const struct khap_alloc *alloc, void **ptr, uint32_t *cap, size_t size);

#endif
