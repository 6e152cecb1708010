/* khapd/files.h - lists of paths, how they look, and what changes them. SPDX-License-Identifier: MIT */
#ifndef KHAPD_FILES_H
#define KHAPD_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies of paths, each once when they are added by files_add_once(); and of any other text. */
struct files {
    char **of;
    size_t n, cap;
    size_t *slots; /* of a hash of the first `in_slots`: one more than the place in `of`, or 0 */
    size_t n_slots, in_slots;
};

/* False when memory is short. */
bool files_add(struct files *f, const char *path, size_t len);
bool files_add_once(struct files *f, const char *path, size_t len);
bool files_has(const struct files *f, const char *path, size_t len);
void files_free(struct files *f);

/* The service maps that a source names: a file as it is, whether it is there or not; of a directory its .yaml and .yml, in bytewise order. */
bool files_of_source(struct files *f, const char *path);

enum { SUM_START = 0 };
/* A number that changes when one of the files, or what stands in a directory, changes: by inode, size and times. */
uint64_t files_look(const struct files *f, uint64_t sum);

/*
 * A descriptor that becomes readable when one of the paths may have changed, also by a rename or through a link on the way; -1 where that cannot be had.
 * Made anew for each list: files_look() after it misses nothing.
 */
int files_watch(const struct files *f);
/* Empties it. False when nothing was there. */
bool files_watch_read(int fd);

#endif
