/* model/tree.c - settings: finding, making, joining. SPDX-License-Identifier: MIT */
#include "model/rows.h"
#include "model/tree.h"

const struct setting *khap__setting_find(const struct setting *parent, enum key key)
{
    if (!parent || parent->kind != SETTING_OBJECT)
        return NULL;
    for (const struct setting *s = parent->child; s; s = s->next) {
        if (s->key == key)
            return s;
    }
    return NULL;
}

void khap__setting_append(struct setting *parent, struct setting *child)
{
    child->next = NULL;
    parent->n_children++;
    if (parent->child)
        parent->last->next = child;
    else
        parent->child = child;
    parent->last = child;
}

struct setting *khap__setting_new(struct arena *arena, enum key key, enum setting_kind kind,
                                  struct khap_place place)
{
    struct setting *s = khap__arena_zalloc(arena, 1, sizeof *s);
    if (!s)
        return NULL;
    s->key = (uint16_t)key;
    s->kind = (uint8_t)kind;
    s->place = place;
    return s;
}

/* Neighbours of one object differ. */
static uint16_t spoilt_bit(enum key key)
{
    const struct key_row *row = khap__key_row(key);
    size_t i = 0;
    while (i < 64 && khap__key_member_at((enum key)row->parent, i) != key)
        i++;
    return (uint16_t)(1u << (i & 15));
}

void khap__setting_spoil(struct setting *object, enum key key)
{
    object->damaged = true;
    object->spoilt = key == KEY_NONE ? UINT16_MAX : (uint16_t)(object->spoilt | spoilt_bit(key));
}

bool khap__setting_spoilt(const struct setting *object, enum key key)
{
    return object->damaged && (object->spoilt & spoilt_bit(key)) != 0;
}
