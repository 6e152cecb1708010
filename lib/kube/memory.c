/* kube/memory.c - memory that is freed all at once, and texts that grow. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

#include <stdlib.h>

struct piece {
    struct piece *next;
    size_t size;
    max_align_t data[];
};

static void *resize_plain(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0)
        return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

void khap__kube_memory_init(struct memory *m, const struct khap_alloc *alloc)
{
    *m = (struct memory){.alloc = alloc ? *alloc : (struct khap_alloc){NULL, resize_plain}};
}

void khap__kube_memory_free(struct memory *m)
{
    struct memory gone = *m; /* it may stand in its own oldest piece */
    while (gone.pieces) {
        struct piece *p = gone.pieces;
        gone.pieces = p->next;
        gone.alloc.resize(gone.alloc.ctx, p, p->size, 0);
    }
}

void *khap__kube_take(struct memory *m, size_t n, size_t size)
{
    struct piece *p = NULL;
    if (size == 0 || n <= (SIZE_MAX - sizeof *p) / size) {
        size_t all = sizeof *p + n * size;
        p = m->alloc.resize(m->alloc.ctx, NULL, 0, all);
        if (p) {
            memset(p, 0, all);
            p->size = all;
            p->next = m->pieces;
            m->pieces = p;
            return p->data;
        }
    }
    m->failed = true;
    return NULL;
}

struct khap_str khap__kube_copy(struct memory *m, struct khap_str text)
{
    char *copy = text.len > 0 ? khap__kube_take(m, text.len, 1) : NULL;
    if (!copy)
        return S("");
    memcpy(copy, text.ptr, text.len);
    return (struct khap_str){copy, text.len};
}

void khap__kube_text_init(struct text *t, const struct khap_alloc *alloc)
{
    *t = (struct text){.alloc = *alloc};
}

void khap__kube_text_free(struct text *t)
{
    if (t->ptr)
        t->alloc.resize(t->alloc.ctx, t->ptr, t->cap, 0);
    *t = (struct text){.alloc = t->alloc};
}

void khap__kube_add(struct text *t, struct khap_str piece)
{
    if (t->failed || piece.len == 0)
        return;
    if (piece.len > t->cap - t->len) {
        size_t cap = t->cap < 128 ? 128 : t->cap;
        while (cap - t->len < piece.len && cap <= SIZE_MAX / 2)
            cap *= 2;
        char *larger = cap - t->len < piece.len ? NULL : t->alloc.resize(t->alloc.ctx, t->ptr, t->cap, cap);
        if (!larger) {
            t->failed = true;
            return;
        }
        t->ptr = larger;
        t->cap = cap;
    }
    memcpy(t->ptr + t->len, piece.ptr, piece.len);
    t->len += piece.len;
}

void khap__kube_add_number(struct text *t, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    khap__kube_add(t, (struct khap_str){digits + at, sizeof digits - at});
}

void khap__kube_add_quoted(struct text *t, struct khap_str value)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0;
    khap__kube_add(t, S("\""));
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        struct khap_str rest = khap__kube_rest(value, i);
        /* what YAML takes for ends of lines, and folds */
        struct khap_str end = khap__kube_begins(rest, S("\xC2\x85"))       ? S("\\N")
                              : khap__kube_begins(rest, S("\xE2\x80\xA8")) ? S("\\L")
                              : khap__kube_begins(rest, S("\xE2\x80\xA9")) ? S("\\P")
                                                                           : S("");
        if (end.len > 0) {
            khap__kube_add(t, (struct khap_str){value.ptr + from, i - from});
            khap__kube_add(t, end);
            i += c == 0xC2 ? 1 : 2;
            from = i + 1;
            continue;
        }
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        char escaped[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
        khap__kube_add(t, (struct khap_str){value.ptr + from, i - from});
        khap__kube_add(t, (struct khap_str){escaped, sizeof escaped});
        from = i + 1;
    }
    khap__kube_add(t, khap__kube_rest(value, from));
    khap__kube_add(t, S("\""));
}
