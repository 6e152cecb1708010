/* khapgen/fix.h - the fixes that a check knows, put into the files. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_FIX_H
#define KHAPGEN_FIX_H

#include "khapgen/input.h"

/* A configuration file, as it was and as it becomes. */
struct fixed_file {
    char *path;
    struct khap_str old, now; /* malloc'ed */
    size_t made;              /* fixes that are in `now` */
};

struct fixed {
    struct fixed_file *files;
    size_t n, room;
    struct input_laid *laid; /* `now` of all files, for whoever reads them again */
};

/* What is checked, and how: reads the files with `laid` in place of what they hold, and tells in `r`. EXIT_DONE unless that cannot be done. */
typedef int fix_checker(void *ctx, struct report *r, struct inputs *in, struct input_files *files,
                        struct khap_bundle **bundle);

/*
 * Puts in all fixes that bring no new error, and those that are found then. Says only that there is no memory; what is wrong with the files is for who
 * reads them next. `out` is freed with fix_free() in any case. EXIT_…
 */
int fix_find(struct report *r, fix_checker *check, void *ctx, struct fixed *out);
void fix_free(struct fixed *fixed);
/* How many diagnostics about that file have a fix. */
size_t fix_left(const struct report *r, const char *path);

#endif
