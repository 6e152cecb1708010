/*
 * khap/yaml.h - YAML and JSON as a tree that knows its places
 *
 * What libkhap reads service maps with, for programs and libraries that read files of their own kind: YAML 1.2's core schema, of which JSON is a part,
 * with anchors and `<<` resolved, and with limits, so that no file can make more of itself than it is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_YAML_H
#define KHAP_YAML_H

#include <khap/diag.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A source that is read document by document. */
struct khap_yaml;
/** A value in a document. */
struct khap_yaml_node;

/** What a value is. */
enum khap_yaml_kind {
    KHAP_YAML_NULL = 0,     /**< nothing, `~` or `null` */
    KHAP_YAML_SCALAR = 1,   /**< a text, a number, true or false */
    KHAP_YAML_SEQUENCE = 2, /**< a list */
    KHAP_YAML_MAPPING = 3   /**< keys with values */
};

/**
 * Starts reading a source.
 *
 * @param alloc   allocator, or NULL
 * @param diags   receives what is wrong with it, now and while it is read; must outlive the reader
 * @param source  a number from khap_sources_add(), of the list that `diags` was made with
 * @param out     [out] freed with khap_yaml_free(); NULL on failure
 * @return KHAP_OK, KHAP_EINPUT for what is no text of YAML, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_yaml_open(const struct khap_alloc *alloc, struct khap_diags *diags, uint32_t source,
                                struct khap_yaml **out);

/** Frees a reader with its document; NULL is allowed. */
void khap_yaml_free(struct khap_yaml *yaml);

/**
 * Reads the next document; the one before is gone with this call.
 *
 * @param yaml  the reader
 * @param root  [out] its value, which lives until the next call; NULL at the end
 * @return KHAP_OK, also when keys were told and left out; KHAP_EINPUT, behind which nothing can be read; KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_yaml_next(struct khap_yaml *yaml, const struct khap_yaml_node **root);

/** What a value is, of enum khap_yaml_kind; NULL is KHAP_YAML_NULL. */
uint32_t khap_yaml_kind(const struct khap_yaml_node *node);

/** A scalar's text, decoded; empty for everything else. It lives as long as the document. */
struct khap_str khap_yaml_text(const struct khap_yaml_node *node);

/** 1 when a scalar is in quotes or a block, and so surely a text; else 0. */
uint32_t khap_yaml_quoted(const struct khap_yaml_node *node);

/**
 * Where a value is written.
 *
 * @param yaml  the reader that it comes from
 * @param node  the value; NULL has no place
 */
struct khap_place khap_yaml_place(const struct khap_yaml *yaml, const struct khap_yaml_node *node);

/**
 * The value of a key.
 *
 * @param node  a mapping; anything else has no keys
 * @param key   the key
 * @return the value, or NULL
 */
const struct khap_yaml_node *khap_yaml_get(const struct khap_yaml_node *node, struct khap_str key);

/**
 * Goes through the items of a sequence, or the keys of a mapping.
 *
 * @param node  the sequence or mapping; anything else is empty
 * @param prev  the item or key before, or NULL for the first
 * @return the item or key, or NULL behind the last
 */
const struct khap_yaml_node *khap_yaml_each(const struct khap_yaml_node *node,
                                            const struct khap_yaml_node *prev);

/** The value of a key that khap_yaml_each() returned. */
const struct khap_yaml_node *khap_yaml_value(const struct khap_yaml_node *key);

#ifdef __cplusplus
}
#endif
#endif
