/*
 * base/map.h - a hash map from slices to 32-bit numbers; keys are borrowed. Do not walk the slots: their
 * order differs from run to run. SPDX-License-Identifier: MIT
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/alloc.h"
#include "base/str.h"

struct map_slot {
    uint32_t hash, value;
    struct khap_str key;
};
struct map {
    struct khap_alloc alloc;
    struct map_slot *slots; /* open addressing, capacity a power of two */
    uint32_t cap, used;
    uint64_t seed; /* of the hash: nobody outside can choose keys that collide */
};

void khap__map_init(struct map *m, const struct khap_alloc *alloc);
void khap__map_free(struct map *m);
enum khap_status khap__map_reserve(struct map *m, uint32_t entries);
/* Adds key -> value unless it is there; *old is what it already had (then nothing changes), *found tells. */
enum khap_status khap__map_add(struct map *m, struct khap_str key, uint32_t value, bool *found,
                               uint32_t *old);
bool khap__map_get(const struct map *m, struct khap_str key, uint32_t *value);
/* Adds or replaces: *old is what it had, *found tells. */
enum khap_status khap__map_put(struct map *m, struct khap_str key, uint32_t value, bool *found,
                               uint32_t *old);
enum khap_status khap__map_set(struct map *m, struct khap_str key, uint32_t value); /* adds or replaces */
void khap__map_clear(struct map *m); /* forgets the entries, keeps the room */

#endif
