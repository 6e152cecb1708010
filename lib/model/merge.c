/* model/merge.c - several documents into one map; a name or a value twice is an error with both places.
 * SPDX-License-Identifier: MIT */
#include "model/read.h"

/* The entries of one map by name. Made when a second document adds to it, so that one document alone costs
 * nothing. */
struct name_index {
    struct name_index *next;
    const struct setting *of;
    const struct setting *indexed; /* the last entry that is in it */
    struct map map;
    VEC(struct setting *) entries;
};

void khap__forget_indices(struct khap_model *model)
{
    while (model->indices) {
        struct name_index *index = model->indices;
        model->indices = index->next;
        khap__map_free(&index->map);
        VEC_FREE(&model->alloc, &index->entries);
        khap__free(&model->alloc, index, 1, sizeof *index);
    }
}

static enum khap_status index_of(struct khap_model *model, const struct setting *map, struct name_index **out)
{
    struct name_index *index = model->indices;
    while (index && index->of != map)
        index = index->next;
    if (!index) {
        index = khap__alloc(&model->alloc, 1, sizeof *index);
        if (!index)
            return KHAP_ENOMEM;
        *index = (struct name_index){.next = model->indices, .of = map};
        khap__map_init(&index->map, &model->alloc);
        model->indices = index;
    }
    struct setting *entry = index->indexed ? index->indexed->next : map->child;
    for (; entry; entry = entry->next) {
        bool found;
        uint32_t old;
        if (!VEC_PUSH(&model->alloc, &index->entries, entry))
            return KHAP_ENOMEM;
        enum khap_status status =
            khap__map_add(&index->map, khap__setting_name(entry), index->entries.len - 1, &found, &old);
        if (status != KHAP_OK) {
            index->entries.len--;
            return status;
        }
        index->indexed = entry;
    }
    *out = index;
    return KHAP_OK;
}

struct setting *khap__map_entry(struct khap_model *model, struct setting *map, struct khap_str name,
                                enum khap_status *status)
{
    struct name_index *index = NULL;
    uint32_t at;
    *status = index_of(model, map, &index);
    return *status == KHAP_OK && khap__map_get(&index->map, name, &at) ? index->entries.ptr[at] : NULL;
}

enum khap_status khap__map_append(struct khap_model *model, struct setting *map, struct setting *entry)
{
    (void)model; /* the index catches up when it is asked */
    khap__setting_append(map, entry);
    return KHAP_OK;
}

static enum khap_status merge_object(struct reader *r, struct setting *into, struct setting *from);

static enum khap_status merge_map(struct reader *r, struct setting *into, struct setting *from)
{
    into->damaged = into->damaged || from->damaged;
    if (!into->child) {
        into->child = from->child;
        into->last = from->last;
        into->n_children += from->n_children;
        return KHAP_OK;
    }
    struct setting *next;
    for (struct setting *entry = from->child; entry; entry = next) {
        enum khap_status status;
        next = entry->next;
        const struct setting *old = khap__map_entry(r->model, into, khap__setting_name(entry), &status);
        if (status != KHAP_OK)
            return status;
        if (!old) {
            khap__setting_append(into, entry);
            continue;
        }
        READER_SAY(r, MSG_NAME_DEFINED_TWICE, entry->place, khap__setting_name(entry));
        khap__diags_relate(r->diags, old->place, S("first defined here"));
    }
    return KHAP_OK;
}

static enum khap_status merge_setting(struct reader *r, struct setting *into, struct setting *from)
{
    const struct key_row *row = khap__key_row((enum key)into->key);
    bool same_kind = into->kind == from->kind;
    if (same_kind && row->kind == ROW_MAP)
        return merge_map(r, into, from);
    if (same_kind && into->kind == SETTING_OBJECT)
        return merge_object(r, into, from);
    if (same_kind && into->kind == SETTING_LIST) {
        into->damaged = into->damaged || from->damaged;
        if (!from->child)
            return KHAP_OK;
        if (into->child)
            into->last->next = from->child;
        else
            into->child = from->child;
        into->last = from->last;
        into->n_children += from->n_children;
        return KHAP_OK;
    }
    READER_SAY(r, MSG_KEY_GIVEN_TWICE, from->place, khap__key_path((enum key)from->key));
    khap__diags_relate(r->diags, into->place, S("first given here"));
    return KHAP_OK;
}

static enum khap_status merge_object(struct reader *r, struct setting *into, struct setting *from)
{
    struct setting *next;
    into->damaged = into->damaged || from->damaged;
    into->spoilt |= from->spoilt;
    for (struct setting *member = from->child; member; member = next) {
        next = member->next;
        struct setting *old = into->child;
        while (old && old->key != member->key)
            old = old->next;
        if (!old) {
            khap__setting_append(into, member);
            continue;
        }
        enum khap_status status = merge_setting(r, old, member);
        if (status != KHAP_OK)
            return status;
    }
    return KHAP_OK;
}

enum khap_status khap__merge_root(struct reader *r, struct setting *from)
{
    return merge_object(r, r->model->root, from);
}
