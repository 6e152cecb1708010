/* schema/once.h - the directives that may stand only once in a section. SPDX-License-Identifier: MIT */
#ifndef SCHEMA_ONCE_H
#define SCHEMA_ONCE_H

#include "base/str.h"

/*
 * The words that make a line of `section` ("global", "defaults", "frontend") the same directive as another: one word, or
 * two where once.tsv has two ("timeout client"). `words` are the line's; a leading no or default is passed
 * over. Returns 0 when the directive may stand several times, else how many words count, from *first.
 */
size_t khap__once(struct khap_str section, const struct khap_str *words, size_t n, size_t *first);

#endif
