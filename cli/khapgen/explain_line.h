/* khapgen/explain_line.h - keywords of HAProxy as people type them: the words of a line. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_EXPLAIN_LINE_H
#define KHAPGEN_EXPLAIN_LINE_H

#include <khap/schema.h>
#include <stdbool.h>
#include <stddef.h>

/* Where a keyword may stand: sections, or vocabularies that a line names. */
struct explain_places {
    const char *names[64];
    size_t n;
};
/* What a line is about: the keyword of `len` bytes at `words`, in one of the places. */
struct explain_line {
    struct explain_places places;
    const char *words;
    bool whole; /* all of its words are keywords; else some are arguments */
};
/* False when the line begins with no keyword, or with one that does not take what stands behind it. */
bool explain_line(const char *text, struct explain_line *out);
bool explain_is_there(const struct explain_line *line, const struct khap_keyword *k);

#endif
