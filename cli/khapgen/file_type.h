/* khapgen/file_type.h - whether a FILE is a configuration or a service map. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_FILE_TYPE_H
#define KHAPGEN_FILE_TYPE_H

#include "khapgen/input.h"

enum file_type { FILE_CONFIGURATION, FILE_MAP };

/* By its name. */
bool file_is_map(const char *path);

/*
 * Told by the name (.cfg, .yaml, .yml, .json, a directory), else by the first line that says anything. `said` is what --type says, or NULL. All files are of
 * one type, else it is told. Standard input is read, and kept for who reads it. EXIT_…
 */
int file_types(struct report *r, struct inputs *in, const char *const *paths, size_t n, const char *said,
               enum file_type *type);

#endif
