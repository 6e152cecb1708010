/*
 * Atomic save of one file. What happens in which case is the table at khap_save() in <khap/apply.h>;
 * tests/unit/test_save.c has a test for each of its rows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "apply/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 16 * 1024, LINKS_MAX = 40, NAME_CUT = 200, NAME_LONGEST = 240, LOCK_STEP_MS = 10 };

static const char suffix[] = KHAP__SAVE_SUFFIX;

/* ---- options and events ---- */

void khap_save_options_init(struct khap_save_options *options)
{
    *options = (struct khap_save_options){.size = sizeof *options, .mode = 0666, .wait_ms = 10000};
}

bool khap__save_options(const struct khap_save_options *given, struct khap_save_options *out)
{
    khap_save_options_init(out);
    if (given == NULL)
        return true;
    if (given->size < offsetof(struct khap_save_options, event) + sizeof given->event)
        return false;
    memcpy(out, given, sizeof *out);
    return true;
}

void *khap__save_resize(const struct khap_save_options *options, void *p, size_t old, size_t len)
{
    const struct khap_alloc *a = options->alloc;
    if (a != NULL)
        return a->resize(a->ctx, p, old, len);
    if (len > 0)
        return realloc(p, len);
    free(p);
    return NULL;
}

void khap__save_tell(const struct khap_save_options *options, uint32_t kind, struct khap_str path,
                     const struct failure *failure, const char *hint)
{
    if (options->event == NULL)
        return;
    struct khap_save_event event = {.size = sizeof event, .kind = kind, .path = path};
    char text[256];
    if (failure != NULL) {
        event.step = failure->step;
        event.error = failure->error;
        int len = snprintf(text, sizeof text, "%s%s%s%s", khap_apply_step_text(failure->step),
                           failure->error != 0 ? ": " : "",
                           failure->error != 0 ? khap_apply_error_text(failure->error) : "", hint);
        event.text = (struct khap_str){text, len > 0 ? (size_t)len : 0};
    }
    options->event(options->ctx, &event);
}

/* ---- where it is ---- */

static size_t directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* path = what its last link says */
static bool follow_link(struct save *s)
{
    char target[PATH_MAX], joined[PATH_MAX];
    ssize_t len = readlink(s->path, target, sizeof target);
    if (len < 0)
        return khap__fail(&s->failure, KHAP_STEP_PATH, errno);
    size_t directory = len > 0 && target[0] == '/' ? 0 : directory_of(s->path);
    if (len == 0 || directory + (size_t)len >= sizeof joined)
        return khap__fail(&s->failure, KHAP_STEP_PATH, len == 0 ? ENOENT : ENAMETOOLONG);
    memcpy(joined, s->path, directory);
    memcpy(joined + directory, target, (size_t)len);
    joined[directory + (size_t)len] = '\0';
    memcpy(s->path, joined, directory + (size_t)len + 1);
    return true;
}

static uint64_t sum_of(const char *text, size_t len)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return sum;
}

bool khap__save_name_temporary(struct save *s, size_t directory_len)
{
    const char *name = s->path + s->directory_len;
    size_t len = strlen(name);
    char sum[20] = "";
    if (len > NAME_LONGEST || directory_len != s->directory_len)
        snprintf(sum, sizeof sum, ".%016llx", (unsigned long long)sum_of(s->path, s->directory_len + len));
    if (sum[0] != '\0' && len > NAME_CUT)
        len = NAME_CUT;
    if (directory_len + 1 + len + strlen(sum) + sizeof suffix > sizeof s->temporary)
        return khap__fail(&s->failure, KHAP_STEP_PATH, ENAMETOOLONG);
    char *p = s->temporary;
    memcpy(p, s->path, directory_len);
    p += directory_len;
    *p++ = '.';
    memcpy(p, name, len);
    p += len;
    memcpy(p, sum, strlen(sum));
    memcpy(p + strlen(sum), suffix, sizeof suffix);
    return true;
}

bool khap__save_find(struct save *s, struct khap_str path)
{
    if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL)
        return khap__fail(&s->failure, KHAP_STEP_PATH, ENOENT);
    if (path.len >= sizeof s->path)
        return khap__fail(&s->failure, KHAP_STEP_PATH, ENAMETOOLONG);
    memcpy(s->path, path.ptr, path.len);
    s->path[path.len] = '\0';
    s->kind = TARGET_NEW;
    /* The kernel's own way through all links first: /dev/stdout leads to what has no name. */
    if (stat(s->path, &s->old) == 0) {
        s->kind = S_ISREG(s->old.st_mode) ? TARGET_FILE : TARGET_STREAM;
        if (S_ISDIR(s->old.st_mode))
            return khap__fail(&s->failure, KHAP_STEP_PATH, EISDIR);
        if (s->kind == TARGET_STREAM && !S_ISFIFO(s->old.st_mode) && !S_ISCHR(s->old.st_mode))
            return khap__fail(&s->failure, KHAP_STEP_PATH, EINVAL);
    } else if (errno != ENOENT) {
        return khap__fail(&s->failure, KHAP_STEP_PATH, errno);
    }
    if (s->kind == TARGET_STREAM)
        return true;
    struct stat link;
    for (unsigned links = 0; lstat(s->path, &link) == 0 && S_ISLNK(link.st_mode); links++) {
        if (links == LINKS_MAX)
            return khap__fail(&s->failure, KHAP_STEP_PATH, ELOOP);
        if (!follow_link(s))
            return false;
    }
    s->directory_len = directory_of(s->path);
    if (s->path[s->directory_len] == '\0') /* "new/", and nothing there */
        return khap__fail(&s->failure, KHAP_STEP_PATH, EISDIR);
    return khap__save_name_temporary(s, s->directory_len);
}

bool khap__save_look_again(struct save *s)
{
    if (s->kind == TARGET_STREAM)
        return true;
    if (lstat(s->path, &s->old) == 0)
        s->kind = TARGET_FILE;
    else if (errno == ENOENT)
        s->kind = TARGET_NEW;
    else
        return khap__fail(&s->failure, KHAP_STEP_PATH, errno);
    if (s->kind == TARGET_FILE && !S_ISREG(s->old.st_mode))
        return khap__fail(&s->failure, KHAP_STEP_PATH, EBUSY);
    return true;
}

/* ---- what stands there ---- */

struct comparison {
    int fd;
    int error;
    bool differs;
    char piece[PIECE];
};

static ssize_t read_some(int fd, void *data, size_t len)
{
    ssize_t n;
    do {
        n = read(fd, data, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

static int compare_piece(void *ctx, const char *data, size_t len)
{
    struct comparison *c = ctx;
    while (len > 0) {
        ssize_t n = read_some(c->fd, c->piece, len < PIECE ? len : PIECE);
        if (n < 0)
            c->error = errno;
        c->differs = n > 0 && memcmp(c->piece, data, (size_t)n) != 0;
        if (n <= 0 || c->differs) {
            c->differs |= n == 0;
            return -1;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A secret that others may read is none; what the administrator has narrowed himself stays as it is. */
static mode_t wanted_mode(const struct save *s)
{
    mode_t old = s->old.st_mode & 07777;
    return (s->options.flags & KHAP_SAVE_SECRET) != 0 && (old & 07) != 0 ? 0600 : old;
}

bool khap__save_same(int fd, void *ctx, enum khap_status (*print)(void *ctx, const struct khap_sink *sink),
                     bool *same, struct failure *failure)
{
    struct comparison c;
    c.fd = fd;
    c.error = 0;
    c.differs = false;
    struct khap_sink sink = {&c, compare_piece};
    enum khap_status status = print(ctx, &sink);
    if (status == KHAP_OK) { /* all of it is there; is there more? */
        ssize_t n = read_some(c.fd, c.piece, 1);
        c.differs = n > 0;
        if (n < 0)
            c.error = errno;
    }
    if (c.error != 0)
        return khap__fail(failure, KHAP_STEP_READ, c.error);
    *same = !c.differs;
    if (status != KHAP_OK && !c.differs) {
        *failure = (struct failure){KHAP_STEP_PRINT, 0, status};
        return false;
    }
    return true;
}

bool khap__save_compare(struct save *s)
{
    s->differs = true;
    s->wrong_mode = false;
    if (s->kind != TARGET_FILE)
        return true;
    s->wrong_mode = wanted_mode(s) != (s->old.st_mode & 07777);
    int fd;
    do {
        fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return khap__fail(&s->failure, KHAP_STEP_READ, errno);
    bool same = false, good = khap__save_same(fd, s->ctx, s->print, &same, &s->failure);
    (void)close(fd);
    s->differs = !same;
    return good;
}

/* ---- writing ---- */

struct writing {
    int fd;
    int error;
    size_t len;
    char piece[PIECE];
};

static int write_all(struct writing *w, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(w->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            w->error = n < 0 ? errno : EIO;
            return -1;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int flush_piece(struct writing *w)
{
    size_t len = w->len;
    w->len = 0;
    return write_all(w, w->piece, len);
}

static int write_piece(void *ctx, const char *data, size_t len)
{
    struct writing *w = ctx;
    if (len > PIECE - w->len && flush_piece(w) != 0)
        return -1;
    if (len >= PIECE)
        return write_all(w, data, len);
    memcpy(w->piece + w->len, data, len);
    w->len += len;
    return 0;
}

static bool print_to(struct save *s, int fd)
{
    struct writing w;
    w.fd = fd;
    w.error = 0;
    w.len = 0;
    struct khap_sink sink = {&w, write_piece};
    enum khap_status status = s->print(s->ctx, &sink);
    if (status == KHAP_OK && flush_piece(&w) != 0)
        status = KHAP_EIO;
    if (w.error != 0)
        return khap__fail(&s->failure, KHAP_STEP_WRITE, w.error);
    s->failure = (struct failure){KHAP_STEP_PRINT, 0, status};
    return status == KHAP_OK;
}

/* Some file systems cannot sync, and say so in one of these ways. */
static bool sync_fd(int fd)
{
    int result;
    do {
        result = fsync(fd);
    } while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS;
}

/* Owner before mode: a change of owner takes set-id bits away. */
static bool keep(struct save *s, int fd)
{
    struct stat now;
    if (s->kind != TARGET_FILE)
        return true;
    if (fstat(fd, &now) != 0)
        return khap__fail(&s->failure, KHAP_STEP_OWNER, errno);
    uid_t owner = now.st_uid == s->old.st_uid ? (uid_t)-1 : s->old.st_uid;
    gid_t group = now.st_gid == s->old.st_gid ? (gid_t)-1 : s->old.st_gid;
    if ((owner != (uid_t)-1 || group != (gid_t)-1) && fchown(fd, owner, group) != 0)
        return khap__fail(&s->failure, KHAP_STEP_OWNER, errno);
    if (s->in_place)
        return khap__save_keep_all(s, fd);
    if (fchmod(fd, wanted_mode(s)) != 0)
        return khap__fail(&s->failure, KHAP_STEP_MODE, errno);
    return true;
}

bool khap__save_fill(struct save *s, int fd)
{
    bool good = print_to(s, fd) && keep(s, fd);
    if (good && (s->options.flags & KHAP_SAVE_NO_SYNC) == 0 && !sync_fd(fd))
        good = khap__fail(&s->failure, KHAP_STEP_SYNC, errno);
    if (close(fd) != 0 && good && errno != EINTR) /* network file systems tell of a full disk here */
        good = khap__fail(&s->failure, KHAP_STEP_WRITE, errno);
    return good;
}

bool khap__save_stage(struct save *s)
{
    /* Nobody but us may look into what will keep the old file's mode in the end, nor into a secret. */
    mode_t mode = s->kind == TARGET_FILE || (s->options.flags & KHAP_SAVE_SECRET) != 0
                      ? 0600
                      : (mode_t)s->options.mode & 0777;
    if (unlink(s->temporary) != 0 && errno != ENOENT)
        return khap__fail(&s->failure, KHAP_STEP_CREATE, errno);
    int fd;
    do {
        fd = open(s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return khap__fail(&s->failure, KHAP_STEP_CREATE, errno);
    s->staged = true;
    bool good = khap__save_fill(s, fd);
    if (!good)
        khap__save_drop(s);
    return good;
}

bool khap__save_place(struct save *s)
{
    if (rename(s->temporary, s->path) != 0) {
        int error = errno;
        khap__save_drop(s);
        return khap__fail(&s->failure, KHAP_STEP_RENAME, error);
    }
    s->staged = false;
    return true;
}

void khap__save_drop(struct save *s)
{
    if (s->staged)
        (void)unlink(s->temporary);
    s->staged = false;
}

bool khap__save_mode(struct save *s)
{
    return chmod(s->path, wanted_mode(s)) == 0 || khap__fail(&s->failure, KHAP_STEP_MODE, errno);
}

bool khap__save_stream(struct save *s)
{
    int fd;
    do {
        fd = open(s->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return khap__fail(&s->failure, KHAP_STEP_WRITE, errno);
    bool good = print_to(s, fd);
    if (close(fd) != 0 && good && errno != EINTR)
        good = khap__fail(&s->failure, KHAP_STEP_WRITE, errno);
    return good;
}

/* ---- the directory ---- */

int khap__save_open_directory(const char *path, size_t directory_len)
{
    char directory[PATH_MAX];
    memcpy(directory, path, directory_len);
    memcpy(directory + directory_len, ".", 2);
    int fd;
    do {
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

bool khap__save_wait(const struct khap_save_options *options, int fd, struct failure *failure)
{
    for (uint32_t waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_STEP_MS) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return true;
        if (waited >= options->wait_ms)
            return khap__fail(failure, KHAP_STEP_LOCK, EWOULDBLOCK);
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_STEP_MS * 1000000L}, NULL);
    }
    return true;
}

bool khap__save_lock(const struct khap_save_options *options, const char *path, size_t directory_len, int *fd,
                     struct failure *failure)
{
    *fd = khap__save_open_directory(path, directory_len);
    if (*fd < 0) /* one may be allowed to write and not to read; what else is wrong, the next step says */
        return true;
    if (khap__save_wait(options, *fd, failure))
        return true;
    (void)close(*fd);
    *fd = -1;
    return false;
}

bool khap__save_sync_directory(const struct khap_save_options *options, int fd, struct failure *failure)
{
    if (fd < 0 || (options->flags & KHAP_SAVE_NO_SYNC) != 0 || sync_fd(fd))
        return true;
    return khap__fail(failure, KHAP_STEP_SYNC_NAME, errno);
}

/* ---- one file ---- */

/* Kind of what was done, or KHAP_SAVE_FAILED. */
static uint32_t save_locked(struct save *s, int directory)
{
    if (s->kind != TARGET_STREAM && (s->options.flags & KHAP_SAVE_CHECK) == 0)
        (void)unlink(s->temporary); /* of a run that was killed */
    if (!khap__save_compare(s))
        return KHAP_SAVE_FAILED;
    if (!s->differs && !s->wrong_mode)
        return KHAP_SAVE_UNCHANGED;
    uint32_t kind = !s->differs             ? KHAP_SAVE_MODE
                    : s->kind == TARGET_NEW ? KHAP_SAVE_CREATED
                                            : KHAP_SAVE_REPLACED;
    if ((s->options.flags & KHAP_SAVE_CHECK) != 0)
        return kind;
    if (s->kind == TARGET_STREAM)
        return khap__save_stream(s) ? kind : KHAP_SAVE_FAILED;
    if (kind == KHAP_SAVE_MODE)
        return khap__save_mode(s) ? kind : KHAP_SAVE_FAILED;
    if (!khap__save_stage(s) || !khap__save_place(s) ||
        !khap__save_sync_directory(&s->options, directory, &s->failure))
        return KHAP_SAVE_FAILED;
    return kind;
}

static uint32_t save(struct save *s, struct khap_str path)
{
    if (!khap__save_find(s, path))
        return KHAP_SAVE_FAILED;
    int directory = -1;
    if (s->kind != TARGET_STREAM && (s->options.flags & KHAP_SAVE_CHECK) == 0) {
        if (!khap__save_lock(&s->options, s->path, s->directory_len, &directory, &s->failure))
            return KHAP_SAVE_FAILED;
    }
    uint32_t kind = khap__save_look_again(s) ? save_locked(s, directory) : KHAP_SAVE_FAILED;
    if (directory >= 0)
        (void)close(directory); /* and with it the lock */
    return kind;
}

enum khap_status khap_save(const struct khap_save_options *options, struct khap_str path, void *ctx,
                           enum khap_status (*print)(void *ctx, const struct khap_sink *sink),
                           uint32_t *changed)
{
    struct save s = {.ctx = ctx, .print = print};
    if (changed != NULL)
        *changed = 0;
    if (print == NULL || (path.ptr == NULL && path.len > 0) || !khap__save_options(options, &s.options))
        return KHAP_EINVAL;
    uint32_t kind = save(&s, path);
    khap__save_tell(&s.options, kind, path, kind == KHAP_SAVE_FAILED ? &s.failure : NULL, "");
    if (changed != NULL)
        *changed = kind != KHAP_SAVE_UNCHANGED && kind != KHAP_SAVE_FAILED;
    return kind == KHAP_SAVE_FAILED ? s.failure.status : KHAP_OK;
}

enum khap_status khap__save_print_text(void *ctx, const struct khap_sink *sink)
{
    const struct khap_str *text = ctx;
    return text->len == 0 || sink->write(sink->ctx, text->ptr, text->len) == 0 ? KHAP_OK : KHAP_EIO;
}

enum khap_status khap_save_text(const struct khap_save_options *options, struct khap_str path,
                                struct khap_str text, uint32_t *changed)
{
    return khap_save(options, path, &text, khap__save_print_text, changed);
}

static enum khap_status print_file(void *ctx, const struct khap_sink *sink)
{
    return khap_bundle_file_print(*(const struct khap_bundle_file **)ctx, sink);
}

enum khap_status khap_save_file(const struct khap_save_options *options, struct khap_str path,
                                const struct khap_bundle_file *file, uint32_t *changed)
{
    struct khap_save_options o;
    if (file == NULL || !khap__save_options(options, &o))
        return KHAP_EINVAL;
    if (khap_bundle_file_secret(file) != 0)
        o.flags |= KHAP_SAVE_SECRET;
    return khap_save(&o, path, &file, print_file, changed);
}
