/*
 * Put before the C library with LD_PRELOAD: one call that leaves the process fails, or is where the process is killed. SPDX-License-Identifier: MIT
 *
 *   POINT      NAME:N, the N-th call of that name, from 1
 *   POINT_ACT  an errno that it fails with, or -1: SIGKILL
 *   POINT_LOG  a file that gets the names of all calls, a line each
 *
 * Programs that the process starts are left alone.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls; /* of the name */
static char point_name[64];
static long point, act;
static int log_fd = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("POINT_LOG"), *which = getenv("POINT"), *how = getenv("POINT_ACT");
    const char *colon = which ? strchr(which, ':') : NULL;
    if (colon && (size_t)(colon - which) < sizeof point_name) {
        memcpy(point_name, which, (size_t)(colon - which));
        point = atol(colon + 1);
    }
    act = how ? atol(how) : 0;
    if (log)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    unsetenv("LD_PRELOAD");
}

static int strikes(const char *name)
{
    if (log_fd >= 0) {
        char line[64];
        size_t len = strlen(name);
        memcpy(line, name, len);
        line[len] = '\n';
        (void)syscall(SYS_write, log_fd, line, len + 1);
    }
    if (strcmp(name, point_name) != 0 || atomic_fetch_add(&calls, 1) + 1 != point)
        return 0;
    if (act < 0)
        (void)syscall(SYS_kill, getpid(), SIGKILL);
    errno = (int)act;
    return 1;
}

#define WRAP(type, failed, name, parameters, arguments)                                                      \
    type name parameters                                                                                     \
    {                                                                                                        \
        type(*real) parameters = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                \
        return strikes(#name) ? failed : real arguments;                                                     \
    }

WRAP(ssize_t, -1, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(ssize_t, -1, read, (int fd, void *p, size_t n), (fd, p, n))
WRAP(ssize_t, -1, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(ssize_t, -1, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(int, -1, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, -1, socket, (int domain, int kind, int protocol), (domain, kind, protocol))
WRAP(int, -1, fsync, (int fd), (fd))
WRAP(int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, -1, chmod, (const char *path, mode_t mode), (path, mode))
WRAP(int, -1, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
WRAP(int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(int, -1, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, -1, link, (const char *from, const char *path), (from, path))
WRAP(int, -1, symlink, (const char *to, const char *path), (to, path))
WRAP(int, -1, unlink, (const char *path), (path))
WRAP(int, -1, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(int, -1, rmdir, (const char *path), (path))
WRAP(int, -1, flock, (int fd, int how), (fd, how))
WRAP(ssize_t, -1, readlink, (const char *path, char *to, size_t n), (path, to, n))
WRAP(DIR *, NULL, opendir, (const char *path), (path))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(int, -1, fstat, (int fd, struct stat *s), (fd, s))
WRAP(int, -1, stat, (const char *path, struct stat *s), (path, s))
WRAP(int, -1, lstat, (const char *path, struct stat *s), (path, s))
WRAP(int, -1, fstatat, (int fd, const char *path, struct stat *s, int flags), (fd, path, s, flags))
WRAP(int, -1, access, (const char *path, int mode), (path, mode))
WRAP(int, -1, faccessat, (int fd, const char *path, int mode, int flags), (fd, path, mode, flags))
WRAP(int, -1, pipe, (int ends[2]), (ends))
WRAP(int, -1, __openat_2, (int fd, const char *path, int flags), (fd, path, flags))

#define WRAP_OPEN(name, parameters, ...)                                                                     \
    int name parameters                                                                                      \
    {                                                                                                        \
        int(*real) parameters = (int(*) parameters)dlsym(RTLD_NEXT, #name);                                  \
        mode_t mode = 0;                                                                                     \
        if ((flags & O_CREAT) != 0) {                                                                        \
            va_list more;                                                                                    \
            va_start(more, flags);                                                                           \
            mode = va_arg(more, mode_t);                                                                     \
            va_end(more);                                                                                    \
        }                                                                                                    \
        return strikes(#name) ? -1 : real(__VA_ARGS__, mode);                                                \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), path, flags)
WRAP_OPEN(openat, (int fd, const char *path, int flags, ...), fd, path, flags)
