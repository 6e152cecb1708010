/* base/yaml.h - one YAML document as a compact tree with byte positions; libyaml underneath.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/arena.h"
#include "base/diag.h"

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    struct yaml_node *child; /* first child; in a mapping children alternate key, value, key, value … */
    struct yaml_node *next;  /* sibling */
    const char *text;        /* of a scalar, decoded; NUL-terminated; in the tree's arena */
    uint32_t text_len;
    uint32_t offset, len; /* bytes of the source it was written in, without anchor and tag; of an alias, the
                             alias itself */
    uint8_t kind;         /* enum yaml_kind; plain empty/~/null scalars are YAML_NULL, with their text */
    bool quoted;          /* 'x', "x", | or >, or tagged !!str: surely a text */
    bool block;           /* | or > */
    bool damaged;         /* it was told what is wrong with it; of a mapping: pairs were left out */
};

struct yaml_limits {
    uint32_t depth; /* nesting; default 64: more is the error yaml-too-deep */
    uint32_t
        alias_nodes; /* nodes made by aliases and merges in all; default 1,000,000: more is yaml-alias-bomb */
};

struct yaml_reader;

/*
 * What is below an alias, and what << brings in, is shared with the value it comes from and keeps the places
 * where it was written. So the tree is a graph: read it, change nothing. The limits are on the tree as a
 * reader meets it. A key is always a YAML_SCALAR.
 *
 * Starts reading a source that is in `sources` already. Refuses, with diagnostics, invalid UTF-8, NUL bytes
 * and control characters as YAML does. Errors found: broken YAML (place from libyaml, its words in ours),
 * duplicate keys in a mapping (both places), unknown anchors, recursive aliases, limits, tags other than the
 * core schema's. `<<` is merged here: own keys win, earlier merges win over later.
 */
enum khap_status khap__yaml_open(const struct khap_alloc *alloc, struct khap_diags *diags, uint32_t source,
                                 const struct yaml_limits *limits, struct yaml_reader **out);
/*
 * The next document's root in `arena`, or NULL at the end: a source that is empty or holds only comments has
 * no document, `---` alone is one whose root is YAML_NULL. KHAP_EINPUT when the document is broken YAML or
 * passes a limit: nothing more is read. Duplicate keys, unknown anchors, bad tags, bad keys and bad merges
 * are told and left out (an unknown alias is YAML_NULL), and KHAP_OK is returned, so that all errors are told
 * in one run: khap__diags_status() says whether there were any.
 */
enum khap_status khap__yaml_next(struct yaml_reader *r, struct arena *arena, struct yaml_node **root);
void khap__yaml_close(struct yaml_reader *r);

static inline struct khap_str khap__yaml_text(const struct yaml_node *n)
{
    return (struct khap_str){n->text, n->text_len};
}

#endif
