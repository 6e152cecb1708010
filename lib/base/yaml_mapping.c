/* SPDX-License-Identifier: MIT */
#include "base/yaml_reader.h"

/* Mappings up to here are compared pair by pair, which is faster than a hash. */
enum { FEW = 16, SMALL_MAP = 128 };

static bool is_merge_key(const struct yaml_node *key)
{
    return !key->quoted && key->text_len == 2 && key->text[0] == '<' && key->text[1] == '<';
}

static void say_duplicate(struct yaml_reader *r, const struct yaml_node *first,
                          const struct yaml_node *second)
{
    SAY(r->diags, MSG_DUPLICATE_KEY, khap__yaml_place_of(r, second), khap__yaml_text(second));
    khap__diags_relate(r->diags, khap__yaml_place_of(r, first), S("the first stands here"));
}

static bool same_key(const struct yaml_node *a, const struct yaml_node *b)
{
    return a->text_len == b->text_len && memcmp(a->text, b->text, a->text_len) == 0;
}

/* The value before `key`, so that the pair can be unlinked; NULL for the first pair. */
static void drop_pair(struct yaml_frame *f, struct yaml_node *before, struct yaml_node *key)
{
    struct yaml_node *after = key->next->next;
    if (before == NULL)
        f->node->child = after;
    else
        before->next = after;
    if (after == NULL)
        f->last = before;
    f->children -= 2;
}

static void drop_bad_keys(struct yaml_frame *f)
{
    f->node->damaged = true;
    struct yaml_node *before = NULL, *key, *next;
    for (key = f->node->child; key != NULL; key = next) {
        next = key->next->next;
        if (key->kind != YAML_SCALAR)
            drop_pair(f, before, key);
        else
            before = key->next;
    }
}

static void drop_duplicates_of_few(struct yaml_reader *r, struct yaml_frame *f)
{
    struct yaml_node *seen[FEW], *before = NULL, *key, *next;
    uint32_t n = 0, i;
    for (key = f->node->child; key != NULL; key = next) {
        next = key->next->next;
        for (i = 0; i < n && !same_key(seen[i], key); i++)
            continue;
        if (i < n) {
            say_duplicate(r, seen[i], key);
            f->node->damaged = true;
            drop_pair(f, before, key);
        } else {
            seen[n++] = key;
            before = key->next;
        }
    }
}

/* The map's values are the places of keys in the source, which is all that a diagnostic wants of the first
 * one. */
static enum khap_status drop_duplicates_of_many(struct yaml_reader *r, struct yaml_frame *f)
{
    struct yaml_node *before = NULL, *key, *next;
    if (khap__map_reserve(&r->keys, f->children / 2) != KHAP_OK)
        return KHAP_ENOMEM;
    for (key = f->node->child; key != NULL; key = next) {
        uint32_t first = 0;
        bool found;
        next = key->next->next;
        if (khap__map_add(&r->keys, khap__yaml_text(key), key->offset, &found, &first) != KHAP_OK)
            return KHAP_ENOMEM;
        if (found) {
            struct yaml_node there = {.offset = first, .len = key->len};
            say_duplicate(r, &there, key);
            f->node->damaged = true;
            drop_pair(f, before, key);
        } else {
            before = key->next;
        }
    }
    return KHAP_OK;
}

static void append(struct yaml_frame *f, struct yaml_node *n)
{
    n->next = NULL;
    if (f->last == NULL)
        f->node->child = n;
    else
        f->last->next = n;
    f->last = n;
    f->children++;
}

static void say_no_mapping(struct yaml_reader *r, struct yaml_frame *f, const struct yaml_node *value)
{
    f->node->damaged = true;
    if (!value->damaged)
        SAY0(r->diags, MSG_YAML_MERGE, khap__yaml_place_of(r, value));
}

/* Adds copies of the pairs whose keys are not there yet; the values' children are shared. */
static enum khap_status merge_from(struct yaml_reader *r, struct yaml_frame *f, const struct yaml_node *from)
{
    f->node->damaged = f->node->damaged || from->damaged;
    for (const struct yaml_node *key = from->child; key != NULL; key = key->next->next) {
        bool found;
        if (khap__map_add(&r->keys, khap__yaml_text(key), key->offset, &found, NULL) != KHAP_OK)
            return KHAP_ENOMEM;
        if (found)
            continue;
        struct yaml_node *pair = khap__arena_alloc(r->arena, 2, sizeof *pair);
        if (pair == NULL)
            return KHAP_ENOMEM;
        pair[0] = *key;
        pair[1] = *key->next;
        append(f, &pair[0]);
        append(f, &pair[1]);
    }
    return KHAP_OK;
}

static enum khap_status merge(struct yaml_reader *r, struct yaml_frame *f)
{
    struct yaml_node *key = f->node->child, *before = NULL;
    while (key != NULL && !is_merge_key(key)) {
        before = key->next;
        key = key->next->next;
    }
    if (key == NULL)
        return KHAP_OK;
    const struct yaml_node *value = key->next;
    drop_pair(f, before, key);
    if (value->kind == YAML_MAPPING)
        return merge_from(r, f, value);
    if (value->kind != YAML_SEQUENCE) {
        say_no_mapping(r, f, value);
        return KHAP_OK;
    }
    for (const struct yaml_node *one = value->child; one != NULL; one = one->next) {
        if (one->kind != YAML_MAPPING)
            say_no_mapping(r, f, one);
        else if (merge_from(r, f, one) != KHAP_OK)
            return KHAP_ENOMEM;
    }
    return KHAP_OK;
}

/* Large maps are mostly written by programs, sorted: then no hash is needed to see that no key stands twice.
 */
static bool strictly_sorted(const struct yaml_node *mapping)
{
    const struct yaml_node *key = mapping->child;
    if (key == NULL)
        return true;
    for (const struct yaml_node *next = key->next->next; next != NULL; next = next->next->next) {
        if (khap__str_cmp(khap__yaml_text(key), khap__yaml_text(next)) >= 0)
            return false;
        key = next;
    }
    return true;
}

enum khap_status khap__yaml_finish_mapping(struct yaml_reader *r, struct yaml_frame *f)
{
    if (f->bad_keys)
        drop_bad_keys(f);
    if (f->children <= 2 * FEW && !f->merges) {
        if (f->children > 2)
            drop_duplicates_of_few(r, f);
        return KHAP_OK;
    }
    if (!f->merges && strictly_sorted(f->node))
        return KHAP_OK;
    enum khap_status st = drop_duplicates_of_many(r, f);
    if (st == KHAP_OK && f->merges)
        st = merge(r, f);
    if (r->keys.cap >
        SMALL_MAP) /* clearing the room of a large mapping for each small one would be quadratic */
        khap__map_free(&r->keys);
    else
        khap__map_clear(&r->keys);
    return st;
}
