/* apply/sums.h - khap.sums: which files of a directory an earlier run wrote, and what stood in them. SPDX-License-Identifier: MIT */
#ifndef APPLY_SUMS_H
#define APPLY_SUMS_H

#include <khap/status.h>

#include <stdbool.h>

#define SUMS_NAME "khap.sums"

enum { KHAP__SUM_NAME_AT = 18 }; /* sixteen digits and two blanks */
struct sum_line {
    uint64_t sum;
    struct khap_str name; /* stays inside the directory */
};

/* Takes the next line off *rest; false at the end (*rest is empty then) and at a line that is none. */
bool khap__sums_next(struct khap_str *rest, struct sum_line *line);
/* Whether the text is nothing but such lines. */
bool khap__sums_valid(struct khap_str text);
/* Whether some line names the file; *match: whether one of those has this sum. */
bool khap__sums_find(struct khap_str text, struct khap_str name, uint64_t sum, bool *match);
/* Whether a name is a relative path without empty parts, "." and "..". */
bool khap__sums_inside(struct khap_str name);

/* FNV-1a of successive pieces; begin with KHAP__SUM_START. */
#define KHAP__SUM_START UINT64_C(14695981039346656037)
uint64_t khap__sums_add(uint64_t sum, const char *data, size_t len);

#endif
