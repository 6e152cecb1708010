/* SPDX-License-Identifier: MIT */
#include "base/map.h"

/*
 * Keys come from files of strangers, so the hash is SipHash-1-3 with a key that they do not know: where the
 * map happens to lie in memory. Nothing walks the slots, so the order of results never depends on it.
 */
struct siphash {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(struct siphash *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static uint32_t hash_of(const struct map *m, struct khap_str key)
{
    struct siphash s = {m->seed ^ UINT64_C(0x736f6d6570736575), ~m->seed ^ UINT64_C(0x646f72616e646f6d),
                        m->seed ^ UINT64_C(0x6c7967656e657261), ~m->seed ^ UINT64_C(0x7465646279746573)};
    size_t i = 0;
    uint64_t word;
    for (; key.len - i >= 8; i += 8) {
        memcpy(&word, key.ptr + i, 8);
        s.d ^= word;
        sip_round(&s);
        s.a ^= word;
    }
    word = (uint64_t)key.len << 56;
    if (i < key.len)
        memcpy(&word, key.ptr + i, key.len - i);
    word ^= (uint64_t)key.len << 56;
    s.d ^= word;
    sip_round(&s);
    s.a ^= word;
    s.c ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    word = s.a ^ s.b ^ s.c ^ s.d;
    return (uint32_t)(word ^ word >> 32);
}

void khap__map_init(struct map *m, const struct khap_alloc *alloc)
{
    m->alloc = khap__alloc_or_default(alloc);
    m->slots = NULL;
    m->cap = m->used = 0;
    m->seed = (uint64_t)(uintptr_t)m * UINT64_C(0x9e3779b97f4a7c15);
}

void khap__map_free(struct map *m)
{
    khap__free(&m->alloc, m->slots, m->cap, sizeof *m->slots);
    m->slots = NULL;
    m->cap = m->used = 0;
}

/* An empty slot has no key pointer; a key of no bytes gets this one. */
static const char no_bytes[1] = "";

static struct map_slot *find(const struct map *m, struct khap_str key, uint32_t hash)
{
    uint32_t mask = m->cap - 1, i = hash & mask;
    for (;;) {
        struct map_slot *slot = &m->slots[i];
        if (slot->key.ptr == NULL || (slot->hash == hash && khap__str_eq(slot->key, key)))
            return slot;
        i = (i + 1) & mask;
    }
}

static enum khap_status resize(struct map *m, uint32_t cap)
{
    struct map_slot *slots = khap__alloc(&m->alloc, cap, sizeof *slots);
    if (slots == NULL)
        return KHAP_ENOMEM;
    for (uint32_t i = 0; i < cap; i++)
        slots[i] = (struct map_slot){0, 0, {NULL, 0}};
    if (m->slots == NULL) /* the heap's address adds what a map on the stack does not have */
        m->seed ^= rotate((uint64_t)(uintptr_t)slots * UINT64_C(0xff51afd7ed558ccd), 29);
    uint32_t mask = cap - 1;
    for (uint32_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key.ptr == NULL)
            continue;
        uint32_t at = m->slots[i].hash & mask;
        while (slots[at].key.ptr != NULL)
            at = (at + 1) & mask;
        slots[at] = m->slots[i];
    }
    khap__free(&m->alloc, m->slots, m->cap, sizeof *m->slots);
    m->slots = slots;
    m->cap = cap;
    return KHAP_OK;
}

enum khap_status khap__map_reserve(struct map *m, uint32_t entries)
{
    uint32_t cap = m->cap == 0 ? 16 : m->cap;
    while (cap / 4 * 3 < entries) { /* at most three quarters full */
        if (cap > UINT32_MAX / 2)
            return KHAP_ENOMEM;
        cap *= 2;
    }
    return cap == m->cap ? KHAP_OK : resize(m, cap);
}

static enum khap_status put(struct map *m, struct khap_str key, uint32_t value, bool replace, bool *found,
                            uint32_t *old)
{
    if (m->used == UINT32_MAX || khap__map_reserve(m, m->used + 1) != KHAP_OK)
        return KHAP_ENOMEM;
    uint32_t hash = hash_of(m, key);
    struct map_slot *slot = find(m, key, hash);
    *found = slot->key.ptr != NULL;
    if (*found) {
        *old = slot->value;
        if (replace)
            slot->value = value;
        return KHAP_OK;
    }
    *slot = (struct map_slot){hash, value, {key.len == 0 ? no_bytes : key.ptr, key.len}};
    m->used++;
    return KHAP_OK;
}

enum khap_status khap__map_add(struct map *m, struct khap_str key, uint32_t value, bool *found, uint32_t *old)
{
    bool was_there;
    uint32_t had = 0;
    enum khap_status st = put(m, key, value, false, &was_there, &had);
    if (found != NULL)
        *found = st == KHAP_OK && was_there;
    if (old != NULL && st == KHAP_OK && was_there)
        *old = had;
    return st;
}

bool khap__map_get(const struct map *m, struct khap_str key, uint32_t *value)
{
    if (m->used == 0)
        return false;
    const struct map_slot *slot = find(m, key, hash_of(m, key));
    if (slot->key.ptr == NULL)
        return false;
    if (value != NULL)
        *value = slot->value;
    return true;
}

enum khap_status khap__map_set(struct map *m, struct khap_str key, uint32_t value)
{
    bool found;
    uint32_t old;
    return put(m, key, value, true, &found, &old);
}

enum khap_status khap__map_put(struct map *m, struct khap_str key, uint32_t value, bool *found, uint32_t *old)
{
    *found = false;
    return put(m, key, value, true, found, old);
}

void khap__map_clear(struct map *m)
{
    for (uint32_t i = 0; i < m->cap; i++)
        m->slots[i].key.ptr = NULL;
    m->used = 0;
}
