/* value/tree.h - the trees of expressions, ACLs, conditions and log formats; khap/value.h says what each node holds.
 * SPDX-License-Identifier: MIT */
#ifndef VALUE_TREE_H
#define VALUE_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#include <khap/value.h>

struct khap_node {
    struct khap_node *parent, *first, *last, *next;
    struct khap_str text; /* in the words, or in the arena where it had to be decoded */
    struct khap_span span;
    uint8_t kind; /* enum khap_node_kind */
    bool negated;
    bool variable;
    uint8_t answer; /* of a PREDICATE that compares texts: enum khap_answer */
};

/*
 * The words are not copied: the tree borrows from them. KHAP_OK with *root; KHAP_EINPUT with *error, which may be NULL; KHAP_ENOMEM, KHAP_ELIMIT,
 * KHAP_EINVAL for another kind or number of words.
 */
enum khap_status khap__value_parse(struct arena *arena, uint32_t kind, uint16_t release,
                                   const struct khap_value_word *words, size_t n,
                                   const struct khap_node **root, struct khap_value_error *error);
bool khap__node_equal(const struct khap_node *a, const struct khap_node *b);
/* The node after this one in the order of the text: its first child, else what follows it or one that holds it;
 * within `root`. */
const struct khap_node *khap__node_walk(const struct khap_node *root, const struct khap_node *node);
/* Each word in one call of `word`; b is room to build them in. */
enum khap_status khap__node_print(const struct khap_node *root, uint16_t release, struct buf *b,
                                  const struct khap_sink *word);
enum khap_answer khap__if_decide(const struct khap_node *root, const struct khap_target *target,
                                 const struct khap_if_facts *facts);

#endif
