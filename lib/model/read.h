/* model/read.h - one value of a YAML tree into one setting, by its row of keys.tsv. SPDX-License-Identifier:
 * MIT */
#ifndef MODEL_READ_H
#define MODEL_READ_H

#include "base/buf.h"
#include "base/yaml.h"
#include "model/model.h"
#include "model/rows.h"

struct reader {
    struct khap_model *model;
    struct khap_diags *diags;
    struct buf scratch;
    struct khap_place fixed_place; /* when `fixed`: where everything comes from, whatever the nodes say */
    uint32_t source;
    bool fixed;
    bool bad;       /* an error was said */
    bool no_memory; /* an allocation failed */
};

void khap__reader_init(struct reader *r, struct khap_model *model, struct khap_diags *diags);
void khap__reader_free(struct reader *r);

static inline struct khap_place khap__reader_place(const struct reader *r, const struct yaml_node *n)
{
    return r->fixed ? r->fixed_place : (struct khap_place){r->source, n->offset, n->len};
}

/*
 * Reads the value of `key`; `at` is where the key stands. NULL when it is wrong (which has been said) or when
 * there is no memory. The setting lives in the model's arena and borrows nothing from the YAML tree.
 */
struct setting *khap__read_value(struct reader *r, enum key key, const struct yaml_node *node,
                                 struct khap_place at);
/* The same for a scalar, or an item of a list of scalars (types.c): kind and value of `out` are filled. False
 * when it is wrong. */
bool khap__read_scalar(struct reader *r, enum key key, const struct yaml_node *node, struct setting *out);
/* Whether there is no value because of what the YAML reader said: nothing more is to be said then. */
bool khap__told_already(struct reader *r, const struct yaml_node *node);
/* Whether `name` may be the name of an entry of the map `container`; says why not. */
bool khap__check_entry_name(struct reader *r, enum key container, struct khap_str name, struct khap_place at);
/* "; did you mean …" or the keys that there are, for unknown-key; in the scratch buffer. *meant is KEY_NONE when no key is near. */
struct khap_str khap__suggest_key(struct reader *r, enum key parent, struct khap_str name, enum key *meant);

#define READER_SAY(r, id, place, ...) ((r)->bad = true, SAY((r)->diags, (id), (place), __VA_ARGS__))

/* merge.c: adds what a document holds. Settings of `from` are taken over. */
enum khap_status khap__merge_root(struct reader *r, struct setting *from);
/* The entry of a map by its name, NULL when there is none; quick for maps of any size. *status tells of no
 * memory. */
struct setting *khap__map_entry(struct khap_model *model, struct setting *map, struct khap_str name,
                                enum khap_status *status);
/* Appends an entry whose name is new. */
enum khap_status khap__map_append(struct khap_model *model, struct setting *map, struct setting *entry);
/* Must be called when a map's entries were replaced. */
void khap__forget_indices(struct khap_model *model);

#endif
