/* schema/recall.h - what ends of lines were, so that lines that end alike are matched once. For lib/schema alone.
 * SPDX-License-Identifier: MIT */
#ifndef SCHEMA_RECALL_H
#define SCHEMA_RECALL_H

#include "schema/schema.h"

/* The end of a line: words behind what was read, and where in the program of its row they are expected. */
struct schema_end {
    uint16_t release;
    const struct schema_row *row;
    uint32_t at;
    const struct schema_word *words;
    uint32_t n, first; /* the number of the first of them in the line */
};

/* What was kept of it, to be shifted to its line; NULL when it is not known. */
struct schema_known {
    const struct schema_argument *arguments;
    const struct schema_option *options;
    uint32_t n_arguments, n_options;
    uint32_t first, first_option; /* as they were then */
    uint32_t number;
    bool names; /* see struct schema_line */
};
bool khap__schema_recall(const struct schema_memory *memory, const struct schema_end *end,
                         struct schema_known *out);
/* Keeps what a good line has from these numbers on, and notes in the line that it does; nothing when the end is long, or holds what is
 * not all known. */
void khap__schema_keep(struct schema_memory *memory, const struct schema_end *end, struct schema_line *line,
                       uint32_t arguments, uint32_t options);

#endif
