/*
 * khap/schema.h - the keywords that HAProxy knows, release by release
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_SCHEMA_H
#define KHAP_SCHEMA_H

#include <khap/cfg.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A keyword in one place, in a range of releases that take it alike. All strings are static. */
struct khap_keyword {
    size_t size; /**< sizeof(struct khap_keyword) as the caller knows it */
    const char *
        where; /**< a section, "frontend", or what its words belong to: "bind", "http-request", "fetch", "converter" … */
    const char
        *words; /**< "timeout connect"; `name()` has something in parentheses, `name#` a number behind it */
    const char *arguments; /**< in the grammar of docs/schema.md; empty for none */
    const char *instead;   /**< what to write instead of one that is deprecated or gone; may be empty */
    uint16_t first;        /**< the first release, KHAP_RELEASE() */
    uint16_t last;         /**< the last one; 0 when the newest known release has it */
    uint16_t warns;        /**< the first that warns of it; 0 when none does */
    uint16_t flags;        /**< KHAP_KEYWORD_… */
};

/** Flags of a keyword. */
enum {
    KHAP_KEYWORD_NO = 1,      /**< `no` may stand before it */
    KHAP_KEYWORD_DEFAULT = 2, /**< `default` may stand before it */
    KHAP_KEYWORD_IGNORED = 4  /**< it does nothing there; HAProxy warns of it */
};

/**
 * Goes through all keywords. Those of one place stand in no special order; a keyword that releases take in several ways comes once for
 * each.
 *
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 *
 * Example: `for (size_t i = 0; khap_keyword_at(i, &k) == KHAP_OK; i++)`
 */
enum khap_status khap_keyword_at(size_t index, struct khap_keyword *out);

#ifdef __cplusplus
}
#endif
#endif
