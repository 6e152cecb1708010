/* khapgen/input.h - files read whole. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_INPUT_H
#define KHAPGEN_INPUT_H

#include "khapgen/report.h"
#include <khap/cfg.h>

enum input_result {
    INPUT_READ,
    INPUT_ERROR /* errno says why */,
    INPUT_DIRECTORY,
    INPUT_TOO_LONG,
    INPUT_NO_MEMORY
};

/*
 * Reads a file of at most `limit` bytes; "-" is standard input. The text is malloc's and ends in a NUL that
 * is not counted; it is not NULL even when the file is empty.
 */
enum input_result input_read(const char *path, uint64_t limit, struct khap_str *text);
/* The same below a directory that is open already. */
enum input_result input_read_at(int directory, const char *path, uint64_t limit, struct khap_str *text);

/* A text that is read in place of what a file holds. */
struct input_laid {
    struct khap_str path, text;
};

/* What the library reads files with, relative to the working directory. */
struct input_files {
    /* Those that the command line names: as long as may be, and a pipe is waited for. Else what they name in
     * turn, certificates and maps: at most 16 MiB, and nothing is waited for. */
    bool named;
    const char *below; /* a directory in which relative paths are looked for that are not there; NULL */
    int error;         /* errno of the last failure, or 0 */
    const struct input_laid *laid;
    size_t n_laid;
    void *seen_ctx; /* first argument of `seen` */
    /* told of each file and directory that is asked for, there or not; may be NULL */
    void (*seen)(void *ctx, struct khap_str path);
};
/* `files` stands in it, and has to outlive what reads with it. */
struct khap_file_source input_file_source(struct input_files *files);

/* The texts of a run; they outlive the report that speaks of them. */
struct inputs {
    char **texts;
    size_t n, cap;
    struct khap_str standard;      /* standard input, when it was read ahead: one of the texts; else NULL */
    const struct input_laid *laid; /* read in place of what files hold; NULL */
    size_t n_laid;
};
/* Keeps a malloc'ed text; freed at once and false when there is no memory. */
bool inputs_keep(struct inputs *in, struct khap_str text);
void inputs_free(struct inputs *in);
/* A file of a directory, kept. INPUT_ERROR: errno says why. */
enum input_result input_below(struct inputs *in, const char *directory, struct khap_str name, uint64_t limit,
                              struct khap_str *text);

/* Reads a file, perhaps an empty one, and makes it a source of the report. Says what is wrong with it. EXIT_… */
int input_text(struct report *r, struct inputs *in, const char *path, uint64_t limit, struct khap_str *text,
               uint32_t *source);
/* Reads standard input ahead; input_text() then has its text of "-". EXIT_… */
int input_standard(struct report *r, struct inputs *in, struct khap_str *text);
/* The same for a configuration, which may have almost 4 GiB. */
int input_configuration(struct report *r, struct inputs *in, const char *path, struct khap_str *text,
                        uint32_t *source);
/* Reads files and directories as HAProxy reads them behind -f; "-" is standard input. What cannot be read is
 * said, and the rest is read all the same. EXIT_…; *out is freed in any case, before `in` and after the report
 * was shown. `files` must outlive it. */
int input_bundle(struct report *r, struct inputs *in, struct input_files *files,
                 const struct khap_target *target, const char *const *paths, size_t n,
                 struct khap_bundle **out);
/* Reads a map and makes it a source of the report. Says what is wrong with it. EXIT_…; *source is its number.
 */
int input_map(struct report *r, struct inputs *in, const char *path, uint64_t limit, uint32_t *source);

#endif
