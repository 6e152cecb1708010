/* unit/save_help.h - a folder to work in, and looking at files. SPDX-License-Identifier: MIT */
#ifndef UNIT_SAVE_HELP_H
#define UNIT_SAVE_HELP_H

#include <khap/apply.h>
#include <stdbool.h>
#include <sys/stat.h>

/* What was told. */
struct events {
    size_t n;
    uint32_t kinds[64];
    char paths[64][128];
    uint32_t step; /* of the last failure */
    int32_t error;
    char text[160];
};
void events_add(void *ctx, const struct khap_save_event *event);
/* Whether this was told of this path. */
bool events_has(const struct events *e, uint32_t kind, const char *path);

/* Group set-up and tear-down: a folder of its own under /tmp, the working directory meanwhile. */
int work_begin(void **state);
int work_end(void **state);
/* Removes everything in it. */
void work_clear(void);

struct khap_str str(const char *text);
void put(const char *path, const char *text, mode_t mode);
bool holds(const char *path, const char *text);
mode_t mode_of(const char *path);
void point(const char *to, const char *link); /* a symbolic link */
bool is_link(const char *path);
unsigned rubbish_in(const char *directory); /* temporary files */

/* As somebody who is not root, in a child; root may write everywhere. Its exit status, 0 when all went well. */
int as_nobody(void (*what)(void));
/* in it: exits with the code unless that is so */
void must(bool good, int code);

/* Runs it in a child that is killed at the n-th stop at a system call. 1: killed; 0: it ended before; -1: not
 * to be had here. */
int killed_at(void (*what)(void), unsigned n);

#define NEED_PTRACE(result)                                                                                  \
    do {                                                                                                     \
        if ((result) < 0) {                                                                                  \
            print_message("# needs ptrace(2), which is not allowed here\n");                                 \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

#define assert_content(path, text)   assert_true(holds(path, text))
#define assert_no_rubbish(directory) assert_int_equal(rubbish_in(directory), 0)

#endif
