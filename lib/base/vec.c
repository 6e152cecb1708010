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
