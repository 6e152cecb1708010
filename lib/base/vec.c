/* SPDX-License-Identifier: MIT */
#include "base/vec.h"

#include <string.h>

bool khap__vec_grow(const struct khap_alloc *alloc, void **ptr, uint32_t *cap, size_t size)
{
    void *old, *grown;
    memcpy(&old, ptr,
           sizeof old); /* *ptr is really a T *: reading it as a void * would break the aliasing rules */
    if (*cap > UINT32_MAX / 2)
        return false;
    uint32_t more = *cap == 0 ? 8 : *cap * 2;
    grown = khap__realloc(alloc, old, *cap, more, size);
    if (grown == NULL)
        return false;
    memcpy(ptr, &grown, sizeof grown);
    *cap = more;
    return true;
}

bool khap__vec_copy(const struct khap_alloc *alloc, const void *from, uint32_t len, size_t size,
                    uint32_t more, void **to, uint32_t *to_len, uint32_t *to_cap)
{
    if (len > UINT32_MAX - more)
        return false;
    if (len + more == 0)
        return true;
    void *copy = khap__alloc(alloc, len + more, size);
    if (copy == NULL)
        return false;
    if (len > 0)
        memcpy(copy, from, len * size);
    memcpy(to, &copy, sizeof copy); /* as above */
    *to_len = len;
    *to_cap = len + more;
    return true;
}
