/* base/yaml_reader.h - what the files of the YAML reader share; nobody else includes it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BASE_YAML_READER_H
#define BASE_YAML_READER_H

#include "base/map.h"
#include "base/vec.h"
#include "base/yaml.h"

#include <yaml.h>

/* libyaml counts characters, everybody else bytes: this goes along with it through the text. */
struct yaml_position {
    struct khap_str text; /* without the byte order mark */
    uint32_t skipped;     /* the length of that mark */
    bool ascii;           /* a character is a byte, all through */
    size_t character, byte;
};

/* A collection that is being read. */
struct yaml_frame {
    struct yaml_node *node, *last; /* last: its newest child */
    uint64_t made_before;          /* reader's `made` when it began */
    uint32_t children, height;     /* height: levels of collections so far, itself included */
    uint32_t anchor;               /* index + 1 of its anchor, 0 for none */
    bool flow, merges;
    bool bad_keys; /* a key is no scalar: told, and the pair is dropped at the end */
};

struct yaml_anchor {
    struct yaml_node *node;
    uint64_t size;   /* nodes, those of aliases in it too */
    uint32_t height; /* levels of collections in it */
    bool open;       /* is still being read */
};

struct yaml_reader {
    struct khap_alloc alloc;
    struct khap_diags *diags;
    struct yaml_limits limits;
    struct yaml_position at;
    yaml_parser_t parser;
    uint32_t source;
    bool ended, broken;

    /* of the document being read */
    struct arena *arena;
    struct yaml_node *root;
    VEC(struct yaml_frame) frames;
    VEC(struct yaml_anchor) anchors;
    struct map anchor_names; /* in the arena */
    struct map keys;         /* of one mapping, to find duplicates */
    uint64_t made, aliased;  /* nodes, as a reader of the tree meets them */
};

/* Byte offset in the source of a character that libyaml counted. */
uint32_t khap__yaml_offset(struct yaml_position *at, size_t character);

/* Refuses, with a diagnostic, what is no UTF-8 or no character of YAML; prepares the position. */
enum khap_status khap__yaml_check_text(struct khap_diags *diags, uint32_t source, struct yaml_position *at);

/* Says in our words what libyaml found; KHAP_ENOMEM when that is what it was. */
enum khap_status khap__yaml_problem(struct yaml_reader *r);

/* Ends a mapping: bad keys are dropped, duplicate keys are told and dropped, << is merged. */
enum khap_status khap__yaml_finish_mapping(struct yaml_reader *r, struct yaml_frame *f);

/* Where a node stands. */
struct khap_place khap__yaml_place_of(const struct yaml_reader *r, const struct yaml_node *n);

#endif
