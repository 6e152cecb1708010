/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <string.h>

/*
 * Objects are taken from the front of a chunk, loose bytes from its back, so that bytes need no padding
 * between objects. Eight bytes suit pointers, 64-bit integers and double, which is all that this library
 * keeps.
 */
enum { ALIGNMENT = ARENA_ALIGNMENT, FIRST_CHUNK = 4096 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* with this header */
};

_Static_assert(sizeof(struct arena_chunk) % ALIGNMENT == 0, "what follows the header is aligned");

void khap__arena_init(struct arena *a, const struct khap_alloc *alloc)
{
    a->alloc = khap__alloc_or_default(alloc);
    a->chunks = NULL;
    a->at = a->end = NULL;
    a->total = 0;
}

void khap__arena_free(struct arena *a)
{
    while (a->chunks != NULL) {
        struct arena_chunk *next = a->chunks->next;
        khap__free(&a->alloc, a->chunks, a->chunks->size, 1);
        a->chunks = next;
    }
    a->at = a->end = NULL;
    a->total = 0;
}

void khap__arena_reset(struct arena *a)
{
    struct arena_chunk *kept = a->chunks;
    if (kept == NULL)
        return;
    a->chunks = kept->next;
    khap__arena_free(a);
    kept->next = NULL;
    a->chunks = kept;
    a->total = kept->size;
    a->at = (char *)(kept + 1);
    a->end = (char *)kept + kept->size;
}

static struct arena_chunk *new_chunk(struct arena *a, size_t room)
{
    if (room > PTRDIFF_MAX - sizeof(struct arena_chunk))
        return NULL;
    struct arena_chunk *c = khap__alloc(&a->alloc, room + sizeof *c, 1);
    if (c != NULL) {
        c->size = room + sizeof *c;
        a->total += c->size;
    }
    return c;
}

/* Memory for `bytes` when the newest chunk has no room: a chunk of its own for what is large, else a new
 * newest chunk. */
static char *slow_bytes(struct arena *a, size_t bytes, bool from_back)
{
    size_t usual = khap__next_chunk(a->total, FIRST_CHUNK);
    usual = (usual - sizeof(struct arena_chunk)) & ~(size_t)(ALIGNMENT - 1);
    bool own = bytes > usual / 4;
    struct arena_chunk *c = new_chunk(a, own ? bytes : usual);
    if (c == NULL)
        return NULL;
    char *start = (char *)(c + 1);
    if (own && a->chunks != NULL) { /* behind the newest, whose free space stays in use */
        c->next = a->chunks->next;
        a->chunks->next = c;
        return start;
    }
    c->next = a->chunks;
    a->chunks = c;
    a->at = start;
    a->end = (char *)c + c->size;
    if (from_back) {
        a->end -= bytes;
        return a->end;
    }
    a->at += bytes;
    return start;
}

void *khap__arena_more(struct arena *a, size_t n, size_t size)
{
    if (size != 0 && n > (PTRDIFF_MAX - ALIGNMENT) / size)
        return NULL;
    size_t bytes = n * size;
    bytes = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if ((size_t)(a->end - a->at) >= bytes) {
        char *p = a->at;
        a->at += bytes;
        return p;
    }
    return slow_bytes(a, bytes, false);
}

void *khap__arena_zalloc(struct arena *a, size_t n, size_t size)
{
    void *p = khap__arena_alloc(a, n, size);
    if (p != NULL)
        memset(p, 0, n * size);
    return p;
}

char *khap__arena_bytes(struct arena *a, size_t n)
{
    if (n == 0)
        n = 1;
    if ((size_t)(a->end - a->at) >= n) {
        a->end -= n;
        return a->end;
    }
    /* a chunk of its own begins the arena aligned, whatever its length */
    if (n > PTRDIFF_MAX - ALIGNMENT)
        return NULL;
    return slow_bytes(a, n, true);
}

enum khap_status khap__arena_dup(struct arena *a, struct khap_str s, struct khap_str *out)
{
    if (s.len >= PTRDIFF_MAX)
        return KHAP_ENOMEM;
    char *p = khap__arena_bytes(a, s.len + 1);
    if (p == NULL)
        return KHAP_ENOMEM;
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    *out = (struct khap_str){p, s.len};
    return KHAP_OK;
}
