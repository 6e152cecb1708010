/*
 * base/buf.h - a growing run of bytes with a sticky failure, so that callers check once.
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/alloc.h"
#include "base/str.h"

struct buf {
    struct khap_alloc alloc;
    char *ptr;
    size_t len, cap;
    bool failed; /* an allocation failed; everything after was dropped. Only khap__buf_free() forgets it */
};

void khap__buf_init(struct buf *b, const struct khap_alloc *alloc);
void khap__buf_free(struct buf *b);
/* Empties it. A failure stays, so that one look at the end finds it, however often the buffer was used in
 * between. */
static inline void khap__buf_clear(struct buf *b)
{
    b->len = 0;
}
bool khap__buf_reserve(struct buf *b, size_t more); /* false on failure */
void khap__buf_add(struct buf *b, struct khap_str s);
void khap__buf_char(struct buf *b, char c);
void khap__buf_uint(struct buf *b, uint64_t n);
void khap__buf_int(struct buf *b, int64_t n);
void khap__buf_hex(struct buf *b, uint64_t n, unsigned digits); /* lower case, zero padded */
/* Gives what is there to the sink and empties the buffer: KHAP_ENOMEM when it failed, KHAP_EIO when the sink
 * refuses. */
enum khap_status khap__buf_flush(struct buf *b, const struct khap_sink *sink);
static inline struct khap_str khap__buf_str(const struct buf *b)
{
    return (struct khap_str){b->ptr, b->len};
}

#endif
