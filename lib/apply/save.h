/* apply/save.h - the parts of a save, for one file and for a bundle alike. SPDX-License-Identifier: MIT */
#ifndef APPLY_SAVE_H
#define APPLY_SAVE_H

#include <khap/apply.h>

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

#define KHAP__SAVE_SUFFIX ".khap-tmp"

/* What failed, until somebody is told. */
struct failure {
    uint32_t step;
    int32_t error;
    enum khap_status status;
};

enum target_kind { TARGET_NEW, TARGET_FILE, TARGET_STREAM /* FIFO or character device */ };

/* One file on its way. `name`, `kind`, `old` by khap__save_find(); `differs` by khap__save_compare(); `staged` by khap__save_stage(). */
struct save {
    struct khap_save_options options; /* a copy with all defaults in place */
    void *ctx;
    enum khap_status (*print)(void *ctx, const struct khap_sink *sink);
    char path[PATH_MAX];      /* behind all links, NUL-terminated */
    char temporary[PATH_MAX]; /* beside it */
    size_t directory_len;     /* of path: with the last slash; 0 for none */
    struct stat old;          /* TARGET_FILE */
    uint8_t kind;             /* enum target_kind */
    bool differs, wrong_mode, staged;
    bool in_place; /* all of the old file is kept, not its owner and mode alone */
    int old_fd;    /* in_place */
    struct failure failure;
};

/* Copies what the caller knows of the options over the defaults. False when they are not usable. */
bool khap__save_options(const struct khap_save_options *given, struct khap_save_options *out);

/* Each returns false with `failure` set. */
bool khap__save_find(struct save *s, struct khap_str path);
/* under the lock: while we waited for it another run may have been at work */
bool khap__save_look_again(struct save *s);
/*
 * ".NAME.khap-tmp" in the directory that is `directory_len` bytes of the path: its own, or one above. There, and when the name leaves no room, a sum of
 * the path stands in it. The lock keeps others from using it at the same time.
 */
bool khap__save_name_temporary(struct save *s, size_t directory_len);
/* whether the file holds, from the descriptor's position on, what `print` prints */
bool khap__save_same(int fd, void *ctx, enum khap_status (*print)(void *ctx, const struct khap_sink *sink),
                     bool *same, struct failure *failure);
bool khap__save_compare(struct save *s);
bool khap__save_fill(struct save *s, int fd); /* content, owner, mode; synced, and closed in any case */
bool khap__save_stage(struct save *s);        /* the new content stands in `temporary` */
bool khap__save_place(struct save *s);        /* renames it; the directory is not synced */
bool khap__save_mode(struct save *s);         /* only gives a secret its mode */
bool khap__save_stream(struct save *s);
void khap__save_drop(struct save *s); /* removes a staged file that was not placed */

/* The directory that begins `path`; -1 with errno set. */
int khap__save_open_directory(const char *path, size_t directory_len);
/* Waits for other runs in it. Where nothing can be locked, that is no failure. */
bool khap__save_wait(const struct khap_save_options *options, int fd, struct failure *failure);
/* Both. Where a directory cannot be opened, *fd is -1 and that is no failure. */
bool khap__save_lock(const struct khap_save_options *options, const char *path, size_t directory_len, int *fd,
                     struct failure *failure);
bool khap__save_sync_directory(const struct khap_save_options *options, int fd, struct failure *failure);

/* in_place, once `fd` has the old owner: attributes and mode, or false */
bool khap__save_keep_all(struct save *s, int fd);
/* The extended attributes of the file `from`, and with them its access control list, for the file `to`. */
bool khap__attributes_keep(const struct khap_save_options *options, int from, int to,
                           struct failure *failure);

/* prints the khap_str that is `ctx` */
enum khap_status khap__save_print_text(void *ctx, const struct khap_sink *sink);

/* The options' allocator, or the C library's. */
void *khap__save_resize(const struct khap_save_options *options, void *p, size_t old, size_t len);

/* Tells of one file. `hint` ends the text of a failure, or is "". */
void khap__save_tell(const struct khap_save_options *options, uint32_t kind, struct khap_str path,
                     const struct failure *failure, const char *hint);

static inline bool khap__fail(struct failure *f, uint32_t step, int error)
{
    *f = (struct failure){step, (int32_t)error, KHAP_EIO};
    return false;
}

#endif
