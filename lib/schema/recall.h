/* schema/recall.h - what ends of lines were, so that lines that end alike are matched once. For lib/schema alone.
 * SPDX-License-Identifier: MIT */
#ifndef SCHEMA_RECALL_H
#define SCHEMA_RECALL_H

#include "schema/schema.h"

/* What is known of a line whose keyword and whose end were read before: all but the words in between, of which each is one element of the program. */
struct schema_known {
    const struct schema_row *row, *other; /* as khap__schema_find() gave them */
    uint32_t n_keyword;
    uint32_t lead, at; /* the words before the end, and the element that the end begins with */
    const struct schema_word *words;
    const struct schema_argument *arguments;
    const struct schema_option *options;
    uint32_t n_words, n_arguments, n_options;
    uint32_t number;
    bool names; /* see struct schema_line */
};
/* How many elements of a row's program are one word each, whatever stands behind; *at: the one behind them. */
uint32_t khap__schema_lead(const struct schema_row *row, uint32_t *at);
/* The words before the end are put into `words`. */
bool khap__schema_recall(const struct schema_memory *memory, unsigned table, uint16_t release,
                         struct khap_str text, struct schema_word *words, struct schema_known *out);

#endif
