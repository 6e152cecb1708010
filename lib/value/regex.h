/* value/regex.h - regular expressions, through PCRE2, with our allocator. SPDX-License-Identifier: MIT */
#ifndef VALUE_REGEX_H
#define VALUE_REGEX_H

#include "value/number.h"

enum {
    KHAP__REGEX_MAX = 65536 /* bytes of a pattern */,
    KHAP__REGEX_STEPS = 1000000 /* PCRE2's match limit */,
    KHAP__REGEX_HEAP = 4096 /* KiB */
};

struct regex;
/*
 * Compiles to see whether it is one. VALUE_SYNTAX with *at (byte offset) and a message in *why, which borrows why_space or is static. *status is
 * KHAP_ENOMEM (and the result VALUE_OK) when there was no memory to tell, else KHAP_OK. at, why and status may be NULL.
 */
enum value_error khap__regex_check(const struct khap_alloc *alloc, struct khap_str s, size_t *at,
                                   struct khap_str *why, char why_space[128], enum khap_status *status);
/* KHAP_OK, KHAP_EINPUT when it is no regex, KHAP_ENOMEM. *out is freed with khap__regex_free(). */
enum khap_status khap__regex_new(const struct khap_alloc *alloc, struct khap_str s, struct regex **out);
void khap__regex_free(struct regex *r); /* NULL is allowed */
/*
 * Anywhere in the subject. KHAP_OK, KHAP_ENOMEM, KHAP_ELIMIT when the regex needs more than KHAP__REGEX_STEPS steps for this subject (HAProxy has a
 * limit of its own, and takes that for no match). Several threads may ask at once when the allocator allows it.
 */
enum khap_status khap__regex_exec(const struct regex *r, struct khap_str subject, bool *matched);
/* the same; what fails does not match */
bool khap__regex_match(const struct regex *r, struct khap_str subject);
/* A regex, without anchors, that matches exactly this text; in PCRE and in POSIX's extended syntax alike. */
/* One whose groups are wanted. */
enum khap_status khap__regex_groups(const struct khap_alloc *alloc, struct khap_str s, bool nocase,
                                    struct regex **out);
enum { KHAP__REGEX_GROUPS = 10 };
/* Its first match, and the groups: those that took no part are NULL; the match itself is the first. `begins`: the subject's beginning is one. A subject that
 * takes too many steps is not matched. */
enum khap_status khap__regex_find(const struct regex *r, struct khap_str subject, bool begins,
                                  struct khap_str groups[KHAP__REGEX_GROUPS], bool *matched);
/*
 * A text that stands in whatever matches the regex, the longest one of those that are easy to see; `room` has as many bytes as the regex. Empty: none is.
 * Where case does not count for the regex, it does not for this text.
 */
struct khap_str khap__regex_literal(struct khap_str regex, char *room);
void khap__regex_quote(struct buf *out, struct khap_str literal);

#endif
