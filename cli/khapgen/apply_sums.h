/* khapgen/apply_sums.h - which content HAProxy has read of the files that its configuration names. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_SUMS_H
#define KHAPGEN_APPLY_SUMS_H

#include "khapgen/report.h"
#include <khap/diff.h>

/* DIRECTORY/files.sums, malloc'ed; {NULL, 0} when there is none: then nothing is known. */
struct khap_str apply_sums_read(const char *directory);
/* Whether a file of these sums has another content now. */
bool apply_sums_differ(struct khap_str sums, struct khap_str path, struct khap_str text);
/* Writes those of the files that the configuration names, as the diff found them. */
void apply_sums_write(const char *directory, const struct khap_diff *diff);

#endif
