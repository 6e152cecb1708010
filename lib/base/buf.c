/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

enum { FIRST_SIZE = 256 };

void khap__buf_init(struct buf *b, const struct khap_alloc *alloc)
{
    b->alloc = khap__alloc_or_default(alloc);
    b->ptr = NULL;
    b->len = b->cap = 0;
    b->failed = false;
}

void khap__buf_free(struct buf *b)
{
    khap__free(&b->alloc, b->ptr, b->cap, 1);
    b->ptr = NULL;
    b->len = b->cap = 0;
    b->failed = false;
}

bool khap__buf_reserve(struct buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more <= b->cap - b->len)
        return true;
    size_t cap = b->cap == 0 ? FIRST_SIZE : b->cap;
    while (cap - b->len < more) {
        if (cap > PTRDIFF_MAX / 2) {
            b->failed = true;
            return false;
        }
        cap *= 2;
    }
    char *grown = khap__realloc(&b->alloc, b->ptr, b->cap, cap, 1);
    if (grown == NULL) {
        b->failed = true;
        return false;
    }
    b->ptr = grown;
    b->cap = cap;
    return true;
}

void khap__buf_add(struct buf *b, struct khap_str s)
{
    if (s.len == 0 || !khap__buf_reserve(b, s.len))
        return;
    memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
}

void khap__buf_char(struct buf *b, char c)
{
    if (khap__buf_reserve(b, 1))
        b->ptr[b->len++] = c;
}

void khap__buf_uint(struct buf *b, uint64_t n)
{
    char room[20];
    khap__buf_add(b, khap__str_uint(room, n));
}

void khap__buf_int(struct buf *b, int64_t n)
{
    if (n < 0)
        khap__buf_char(b, '-');
    khap__buf_uint(b, n < 0 ? UINT64_C(0) - (uint64_t)n : (uint64_t)n);
}

void khap__buf_hex(struct buf *b, uint64_t n, unsigned digits)
{
    for (unsigned i = digits > 16 ? 16 : digits; i > 0; i--)
        khap__buf_char(b, "0123456789abcdef"[(n >> (4 * (i - 1))) & 15]);
}

enum khap_status khap__buf_flush(struct buf *b, const struct khap_sink *sink)
{
    if (b->failed)
        return KHAP_ENOMEM;
    int refused = b->len == 0 ? 0 : sink->write(sink->ctx, b->ptr, b->len);
    khap__buf_clear(b);
    return refused == 0 ? KHAP_OK : KHAP_EIO;
}
