/*
 * Saving in place: somebody's own file with a new content. What happens in which case is the table at khap_save_in_place() in
 * <khap/apply.h>; tests/unit/test_save_in_place.c has a test for each of its rows.
 *
 * From the first look to the renaming everything goes through one descriptor of the directory and one of the old file, so that neither
 * can become another one on the way.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "apply/save.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_CUT = 200, RANDOM = 8 };

static const char suffix[] = KHAP__SAVE_SUFFIX;

struct in_place {
    struct save save; /* its `temporary` is a name in `directory` */
    char given[PATH_MAX];
    struct khap_str read; /* what the caller read */
    const char *name;     /* in `directory` */
    int directory;
};

/* ---- the temporary file ---- */

/* ".NAME." */
static size_t begin_name(const struct in_place *p, char *out)
{
    size_t len = strlen(p->name);
    if (len > NAME_CUT)
        len = NAME_CUT;
    out[0] = '.';
    memcpy(out + 1, p->name, len);
    out[len + 1] = '.';
    return len + 2;
}

static bool name_temporary(struct in_place *p)
{
    unsigned char random[RANDOM];
    char *out = p->save.temporary;
    if (getentropy(random, sizeof random) != 0)
        return khap__fail(&p->save.failure, KHAP_STEP_CREATE, errno);
    out += begin_name(p, out);
    for (size_t i = 0; i < RANDOM; i++) {
        *out++ = "0123456789abcdef"[random[i] >> 4];
        *out++ = "0123456789abcdef"[random[i] & 15];
    }
    memcpy(out, suffix, sizeof suffix);
    return true;
}

/* Whether another run made it for the same file. */
static bool is_temporary(const char *name, const char *begin, size_t len)
{
    return strlen(name) == len + RANDOM * 2 + sizeof suffix - 1 && memcmp(name, begin, len) == 0 &&
           strspn(name + len, "0123456789abcdef") == RANDOM * 2 &&
           strcmp(name + len + RANDOM * 2, suffix) == 0;
}

/* Those of runs that were killed: whoever holds the lock knows that nobody is at work on them. */
static void sweep(const struct in_place *p)
{
    char begin[NAME_CUT + 2];
    size_t len = begin_name(p, begin);
    int fd = openat(p->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    struct stat st;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (is_temporary(e->d_name, begin, len) &&
            fstatat(p->directory, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            (void)unlinkat(p->directory, e->d_name, 0);
    (void)closedir(d);
}

static void drop(struct in_place *p)
{
    if (p->save.staged)
        (void)unlinkat(p->directory, p->save.temporary, 0);
    p->save.staged = false;
}

/*
 * Attributes while the mode is 0600 and the owner the old one, so that nobody else can read it before the list says who may; then the mode, unless it is right
 * already: to set it can cut short a list of NFS. What some rights and file systems only seem to set is looked at.
 */
bool khap__save_keep_all(struct save *s, int fd)
{
    struct stat now;
    if (!khap__attributes_keep(&s->options, s->old_fd, fd, &s->failure))
        return false;
    bool good = fstat(fd, &now) == 0;
    if (good && now.st_mode != s->old.st_mode)
        good = fchmod(fd, s->old.st_mode & 07777) == 0 && fstat(fd, &now) == 0;
    if (!good)
        return khap__fail(&s->failure, KHAP_STEP_MODE, errno);
    if (now.st_uid != s->old.st_uid || now.st_gid != s->old.st_gid)
        return khap__fail(&s->failure, KHAP_STEP_OWNER, EPERM);
    return now.st_mode == s->old.st_mode || khap__fail(&s->failure, KHAP_STEP_MODE, EPERM);
}

static bool stage(struct in_place *p)
{
    struct save *s = &p->save;
    if (!name_temporary(p))
        return false;
    int fd;
    do {
        fd = openat(p->directory, s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return khap__fail(&s->failure, KHAP_STEP_CREATE, errno);
    s->staged = true;
    if (fchmod(fd, 0600) != 0) { /* the umask may have left less, with which attributes cannot be set */
        khap__fail(&s->failure, KHAP_STEP_MODE, errno);
        (void)close(fd);
        return false;
    }
    return khap__save_fill(s, fd);
}

/* ---- what stands there ---- */

static bool compare(struct in_place *p, void *ctx,
                    enum khap_status (*print)(void *ctx, const struct khap_sink *sink), bool *same)
{
    struct save *s = &p->save;
    if (lseek(s->old_fd, 0, SEEK_SET) != 0)
        return khap__fail(&s->failure, KHAP_STEP_READ, errno);
    return khap__save_same(s->old_fd, ctx, print, same, &s->failure);
}

static bool is_as_read(struct in_place *p, bool *same)
{
    return compare(p, &p->read, khap__save_print_text, same);
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether nothing has happened to the file since the first look: the last thing before the renaming. */
static bool look_again(struct in_place *p, bool *same)
{
    const struct stat *old = &p->save.old;
    struct stat now, given;
    if (!is_as_read(p, same))
        return false;
    *same = *same && stat(p->given, &given) == 0 && is_same_file(&given, old) &&
            fstatat(p->directory, p->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && is_same_file(&now, old) &&
            now.st_size == old->st_size && now.st_mode == old->st_mode && now.st_uid == old->st_uid &&
            now.st_gid == old->st_gid && now.st_nlink == old->st_nlink &&
            is_same_time(now.st_mtim, old->st_mtim) && is_same_time(now.st_ctim, old->st_ctim);
    return true;
}

static uint32_t refuse(struct in_place *p, uint32_t kind)
{
    p->save.failure = (struct failure){KHAP_STEP_NONE, 0, KHAP_EREFUSED};
    return kind;
}

static uint32_t fail(struct in_place *p, uint32_t step, int error)
{
    khap__fail(&p->save.failure, step, error);
    return KHAP_SAVE_FAILED;
}

/* ---- one file ---- */

static uint32_t replace(struct in_place *p)
{
    struct save *s = &p->save;
    bool same;
    if (!stage(p) || !look_again(p, &same))
        return KHAP_SAVE_FAILED;
    if (!same)
        return refuse(p, KHAP_SAVE_CHANGED_MEANWHILE);
    if (renameat(p->directory, s->temporary, p->directory, p->name) != 0)
        return fail(p, KHAP_STEP_RENAME, errno);
    s->staged = false;
    return khap__save_sync_directory(&s->options, p->directory, &s->failure) ? KHAP_SAVE_REPLACED
                                                                             : KHAP_SAVE_FAILED;
}

static uint32_t save_open(struct in_place *p)
{
    struct save *s = &p->save;
    bool same;
    if (fstat(s->old_fd, &s->old) != 0)
        return fail(p, KHAP_STEP_READ, errno);
    if (!S_ISREG(s->old.st_mode))
        return refuse(p, KHAP_SAVE_CHANGED_MEANWHILE);
    if (!compare(p, s->ctx, s->print, &same))
        return KHAP_SAVE_FAILED;
    if (same)
        return KHAP_SAVE_UNCHANGED;
    if (!is_as_read(p, &same))
        return KHAP_SAVE_FAILED;
    if (!same)
        return refuse(p, KHAP_SAVE_CHANGED_MEANWHILE);
    if (s->old.st_nlink > 1)
        return refuse(p, KHAP_SAVE_SEVERAL_NAMES);
    if (faccessat(p->directory, p->name, W_OK, AT_EACCESS) != 0)
        return fail(p, KHAP_STEP_WRITE, errno);
    return (s->options.flags & KHAP_SAVE_CHECK) != 0 ? KHAP_SAVE_REPLACED : replace(p);
}

static uint32_t save_in_directory(struct in_place *p)
{
    struct save *s = &p->save;
    if ((s->options.flags & KHAP_SAVE_CHECK) == 0) {
        if (!khap__save_wait(&s->options, p->directory, &s->failure))
            return KHAP_SAVE_FAILED;
        sweep(p);
    }
    do { /* O_NONBLOCK: should it have become a FIFO */
        s->old_fd = openat(p->directory, p->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    } while (s->old_fd < 0 && errno == EINTR);
    if (s->old_fd < 0)
        return errno == ENOENT || errno == ELOOP ? refuse(p, KHAP_SAVE_CHANGED_MEANWHILE)
                                                 : fail(p, KHAP_STEP_READ, errno);
    uint32_t kind = save_open(p);
    drop(p);
    (void)close(s->old_fd);
    return kind;
}

static uint32_t save(struct in_place *p, struct khap_str path)
{
    struct save *s = &p->save;
    if (!khap__save_find(s, path))
        return KHAP_SAVE_FAILED;
    if (s->kind != TARGET_FILE)
        return fail(p, KHAP_STEP_PATH, s->kind == TARGET_NEW ? ENOENT : EINVAL);
    memcpy(p->given, path.ptr, path.len); /* khap__save_find() looked at its length */
    p->given[path.len] = '\0';
    p->name = s->path + s->directory_len;
    p->directory = khap__save_open_directory(s->path, s->directory_len);
    if (p->directory < 0)
        return fail(p, KHAP_STEP_LOCK, errno);
    uint32_t kind = save_in_directory(p);
    (void)close(p->directory); /* and with it the lock */
    return kind;
}

/* What a failure means for him who waits for his file to be changed; errno alone speaks of the wrong thing. */
static const char *hint_for(const struct failure *failure)
{
    static const struct {
        uint32_t step;
        int error;
        char hint[72];
    } hints[] = {
        {KHAP_STEP_CREATE, EACCES, "; to replace a file, its directory must be writable"},
        {KHAP_STEP_CREATE, EPERM, "; to replace a file, its directory must be writable"},
        {KHAP_STEP_LOCK, EACCES, "; to replace a file, its directory must be readable"},
        {KHAP_STEP_WRITE, EACCES, "; the file is write-protected"},
        {KHAP_STEP_WRITE, EPERM, "; the file is write-protected"},
        {KHAP_STEP_OWNER, EPERM, "; its owner in its group can, or root"},
        {KHAP_STEP_MODE, EPERM, "; its owner in its group can, or root"},
        {KHAP_STEP_ATTRIBUTES, EPERM, "; root can"},
        {KHAP_STEP_RENAME, EBUSY, "; a file that is mounted by itself cannot be replaced"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (hints[i].step == failure->step && hints[i].error == failure->error)
            return hints[i].hint;
    return "";
}

enum khap_status khap_save_in_place(const struct khap_save_options *options, struct khap_str path,
                                    struct khap_str old, void *ctx,
                                    enum khap_status (*print)(void *ctx, const struct khap_sink *sink),
                                    uint32_t *changed)
{
    struct in_place p = {.save = {.ctx = ctx, .print = print, .in_place = true}, .read = old};
    struct save *s = &p.save;
    if (changed != NULL)
        *changed = 0;
    if (print == NULL || (path.ptr == NULL && path.len > 0) || (old.ptr == NULL && old.len > 0) ||
        !khap__save_options(options, &s->options) || (s->options.flags & KHAP_SAVE_SECRET) != 0)
        return KHAP_EINVAL;
    uint32_t kind = save(&p, path);
    bool failed = kind == KHAP_SAVE_FAILED;
    khap__save_tell(&s->options, kind, path, failed ? &s->failure : NULL,
                    failed ? hint_for(&s->failure) : "");
    if (changed != NULL)
        *changed = kind == KHAP_SAVE_REPLACED;
    return s->failure.status;
}

enum khap_status khap_save_in_place_text(const struct khap_save_options *options, struct khap_str path,
                                         struct khap_str old, struct khap_str text, uint32_t *changed)
{
    if (text.ptr == NULL && text.len > 0)
        return KHAP_EINVAL;
    return khap_save_in_place(options, path, old, &text, khap__save_print_text, changed);
}
