/* khapgen/apply_sums.h - which content HAProxy has read of the files that its configuration names. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_SUMS_H
#define KHAPGEN_APPLY_SUMS_H

#include "khapgen/report.h"
#include <khap/diff.h>

/* DIRECTORY/files.sums: its lines in the order of their paths. */
struct apply_sums {
    struct khap_str text; /* malloc'ed; {NULL, 0} when there is none: then nothing is known */
    const char **lines;
    size_t n;
};

/* False: no memory. apply_sums_free() in any case. */
bool apply_sums_read(struct apply_sums *sums, const char *directory);
void apply_sums_free(struct apply_sums *sums);
/* Whether a file of these sums has another content now. */
bool apply_sums_differ(const struct apply_sums *sums, struct khap_str path, struct khap_str text);
/* Writes those of the files that the configuration names, as the diff found them. */
void apply_sums_write(const char *directory, const struct khap_diff *diff);

#endif
