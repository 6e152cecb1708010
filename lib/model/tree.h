/* model/tree.h - a service map as it was given: settings, each typed by its row of keys.tsv, each with its
 * place. SPDX-License-Identifier: MIT */
#ifndef MODEL_TREE_H
#define MODEL_TREE_H

#include "base/arena.h"
#include "base/diag.h"
#include "model/keys.h" /* generated from keys.tsv: enum key { KEY_SERVICE_NODE_PORT … } */
#include <stdbool.h>

enum setting_kind {
    SETTING_OFF /* false where the row allows it */,
    SETTING_BOOL,
    SETTING_INT,
    SETTING_TIME /* microseconds */,
    SETTING_TEXT,
    SETTING_LIST,
    SETTING_OBJECT /* and maps */
};

struct setting {
    struct setting *child; /* members, items or entries, in the order of the file */
    struct setting *next;
    const char *name; /* of a map's entry */
    union {
        int64_t number;       /* BOOL, INT, TIME */
        struct khap_str text; /* TEXT: decoded */
        struct setting *last; /* LIST, OBJECT: the newest child */
    };
    struct khap_place place; /* the value; of an object its key */
    uint32_t n_children;     /* LIST, OBJECT */
    uint16_t name_len;
    uint16_t key; /* enum key */
    /* of an object: a bit for each member that was wrong (khap__setting_spoil()) */
    uint16_t spoilt;
    uint8_t kind;
    bool damaged; /* a member, item or entry was wrong and is left out: what is missing was said already */
};

static inline struct khap_str khap__setting_name(const struct setting *s)
{
    return (struct khap_str){s->name, s->name_len};
}
/* The member with this key, or NULL; parent may be NULL. */
const struct setting *khap__setting_find(const struct setting *parent, enum key key);
/* Notes that the member with this key was wrong and is left out; KEY_NONE: nobody knows which one. */
void khap__setting_spoil(struct setting *object, enum key key);
/* Whether the member may be missing only because it was wrong, which was said. Yes, too, for one that shares
 * its bit. */
bool khap__setting_spoilt(const struct setting *object, enum key key);
/* Adds a child at the end of a list, an object or a map. */
void khap__setting_append(struct setting *parent, struct setting *child);
/* A new setting without children; NULL when there is no memory. */
struct setting *khap__setting_new(struct arena *arena, enum key key, enum setting_kind kind,
                                  struct khap_place place);

#endif
