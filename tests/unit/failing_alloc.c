/* SPDX-License-Identifier: MIT */
#include "failing_alloc.h"

#include <stdlib.h>
#include <string.h>

/* The size stands before each block; sixteen bytes keep the block aligned. */
enum { HEADER = 16 };

static size_t size_of(const char *block)
{
    size_t size;
    memcpy(&size, block - HEADER, sizeof size);
    return size;
}

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct failing_alloc *f = ctx;
    char *old = ptr;
    if (old != NULL && size_of(old) != old_size)
        f->wrong_sizes++;
    if (new_size > 0) {
        if (++f->calls == f->fail_at) {
            f->failed = true;
            return NULL;
        }
    }
    char *block = NULL;
    if (new_size > 0) {
        /* always another place, so that a pointer that was kept too long is found by the sanitizers */
        block = malloc(HEADER + new_size);
        if (block == NULL)
            abort();
        memcpy(block, &new_size, sizeof new_size);
        block += HEADER;
        memset(block, 0xa5, new_size);
        f->blocks++;
        f->bytes += new_size;
        if (f->bytes > f->most)
            f->most = f->bytes;
    }
    if (old != NULL) {
        size_t size = size_of(old);
        if (block != NULL)
            memcpy(block, old, size < new_size ? size : new_size);
        f->blocks--;
        f->bytes -= size;
        free(old - HEADER);
    }
    return block;
}

void failing_alloc_init(struct failing_alloc *f, size_t fail_at)
{
    memset(f, 0, sizeof *f);
    f->alloc.ctx = f;
    f->alloc.resize = resize;
    f->fail_at = fail_at;
}

bool failing_alloc_clean(const struct failing_alloc *f)
{
    return f->blocks == 0 && f->bytes == 0 && f->wrong_sizes == 0;
}
