/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/alloc.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

/*
 * From this size on, a block is laid out for huge pages: a map of a hundred thousand services touches a
 * hundred megabytes, and a page fault for each 4 KiB of them costs more than all the rest that is done with
 * them.
 */
enum { HUGE_PAGE = 2 << 20 };

static void *large_block(size_t size)
{
#ifdef MADV_HUGEPAGE
    if (size <= SIZE_MAX - HUGE_PAGE) {
        size_t rounded = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
        void *p = aligned_alloc(HUGE_PAGE, rounded);
        if (p != NULL)
            (void)madvise(p, rounded, MADV_HUGEPAGE); /* a kernel that has none is as good */
        return p;
    }
#endif
    return malloc(size);
}

static void *malloc_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    if (ptr == NULL && new_size >= HUGE_PAGE)
        return large_block(new_size);
    return realloc(ptr, new_size);
}
struct khap_alloc khap__alloc_or_default(const struct khap_alloc *given)
{
    if (given != NULL && given->resize != NULL)
        return *given;
    return (struct khap_alloc){NULL, malloc_resize};
}

/* Nothing is one byte, so that NULL only ever means "no memory"; 0 when the product overflows. */
static size_t bytes_of(size_t n, size_t size)
{
    if (n == 0 || size == 0)
        return 1;
    if (n > PTRDIFF_MAX / size)
        return 0;
    return n * size;
}

void *khap__alloc(const struct khap_alloc *a, size_t n, size_t size)
{
    size_t bytes = bytes_of(n, size);
    return bytes == 0 ? NULL : a->resize(a->ctx, NULL, 0, bytes);
}

void *khap__realloc(const struct khap_alloc *a, void *p, size_t old_n, size_t new_n, size_t size)
{
    size_t bytes = bytes_of(new_n, size);
    if (bytes == 0)
        return NULL;
    return a->resize(a->ctx, p, p == NULL ? 0 : bytes_of(old_n, size), bytes);
}

void khap__free(const struct khap_alloc *a, void *p, size_t n, size_t size)
{
    if (p != NULL)
        a->resize(a->ctx, p, bytes_of(n, size), 0);
}
