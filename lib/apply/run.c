/* Running a program and reading what it says. SPDX-License-Identifier: MIT */
#include "config.h"

#include <khap/apply.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

enum { DEFAULT_TIMEOUT_MS = 10000, POLL_STEP_MS = 5, MOST_WORDS = 64, WORDS_ROOM = 8192 };

extern char **environ;

struct child {
    pid_t pid;
    int out;          /* our end of its standard output */
    int64_t deadline; /* milliseconds of the monotonic clock */
    bool errors;      /* standard error is read, too */
    bool search;      /* a name without a slash is looked for in PATH */
    struct khap_run *run;
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool failed(struct child *c, uint32_t step, int error)
{
    c->run->step = step;
    c->run->error = (int32_t)error;
    return false;
}

/* A group of its own, so that what it starts can be ended with it; signals as if nobody had touched them. */
static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t none, defaults;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    int error =
        posix_spawnattr_setflags(a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0)
        error = posix_spawnattr_setpgroup(a, 0);
    if (error == 0)
        error = posix_spawnattr_setsigmask(a, &none);
    return error != 0 ? error : posix_spawnattr_setsigdefault(a, &defaults);
}

static int set_files(posix_spawn_file_actions_t *f, int out, bool errors)
{
    int error = posix_spawn_file_actions_addopen(f, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(f, out, STDOUT_FILENO);
    if (error != 0)
        return error;
    return errors ? posix_spawn_file_actions_adddup2(f, out, STDERR_FILENO)
                  : posix_spawn_file_actions_addopen(f, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
}

static int spawn(struct child *c, char *const *argv, int out)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0)
        return error;
    error = posix_spawn_file_actions_init(&files);
    if (error == 0) {
        error = set_attributes(&attributes);
        if (error == 0)
            error = set_files(&files, out, c->errors);
        if (error == 0)
            error = (c->search ? posix_spawnp : posix_spawn)(&c->pid, argv[0], &files, &attributes, argv,
                                                             environ);
        (void)posix_spawn_file_actions_destroy(&files);
    }
    (void)posix_spawnattr_destroy(&attributes);
    return error;
}

/* A descriptor above the standard ones: a caller may have closed those, and the child's are set up in their
 * place. */
static int lift(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int error = errno;
    (void)close(fd);
    errno = error;
    return high;
}

static bool start(struct child *c, char *const *argv)
{
    int ends[2];
    if (pipe(ends) != 0)
        return failed(c, KHAP_STEP_START, errno);
    ends[0] = lift(ends[0]);
    ends[1] = lift(ends[1]);
    int error = ends[0] < 0 || ends[1] < 0 ? EMFILE : spawn(c, argv, ends[1]);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    if (error != 0) {
        if (ends[0] >= 0)
            (void)close(ends[0]);
        return failed(c, KHAP_STEP_START, error);
    }
    c->out = ends[0];
    return true;
}

/* True when something can be read or the end was reached. */
static bool wait_readable(struct child *c)
{
    for (;;) {
        int64_t left = c->deadline - now_ms();
        if (left <= 0)
            return failed(c, KHAP_STEP_READ, ETIMEDOUT);
        struct pollfd p = {.fd = c->out, .events = POLLIN};
        int n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return failed(c, KHAP_STEP_READ, errno);
    }
}

static bool read_output(struct child *c, char *buffer, size_t capacity, size_t *length)
{
    for (;;) {
        char beyond;
        bool full = *length == capacity;
        if (!wait_readable(c))
            return false;
        ssize_t n = read(c->out, full ? &beyond : buffer + *length, full ? 1 : capacity - *length);
        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(c, KHAP_STEP_READ, errno);
        if (full)
            return failed(c, KHAP_STEP_READ, ENOBUFS);
        *length += (size_t)n;
    }
}

/* Its output has ended; most often it has, too. */
static bool wait_end(struct child *c)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(c->pid, &status, WNOHANG);
        if (pid == c->pid) {
            c->pid = -1;
            c->run->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            return true;
        }
        if (pid < 0 && errno != EINTR) {
            c->pid = -1; /* the caller ignores SIGCHLD, or waited for it himself */
            return failed(c, KHAP_STEP_WAIT, errno);
        }
        if (now_ms() >= c->deadline)
            return failed(c, KHAP_STEP_WAIT, ETIMEDOUT);
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_STEP_MS * 1000000L}, NULL);
    }
}

/* What is left of it after a failure. */
static void end_child(const struct child *c)
{
    if (c->pid <= 0)
        return;
    (void)kill(-c->pid, SIGKILL);
    (void)kill(c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static bool is_path(struct khap_str path)
{
    return path.len > 0 && memchr(path.ptr, '\0', path.len) == NULL;
}

static bool is_usable(const struct khap_run *run, struct khap_str binary, const char *buffer, size_t capacity,
                      const size_t *length)
{
    return run->size >= sizeof *run && length != NULL && (buffer != NULL || capacity == 0) && is_path(binary);
}

static bool copy_path(struct khap_str path, char room[PATH_MAX])
{
    if (path.len >= PATH_MAX)
        return false;
    memcpy(room, path.ptr, path.len);
    room[path.len] = '\0';
    return true;
}

/* argv[0] NULL: a path was too long. */
static enum khap_status run_program(char *const *argv, struct child c, char *buffer, size_t capacity,
                                    size_t *length, struct khap_run *run)
{
    c.pid = c.out = -1;
    c.run = run;
    *length = 0;
    run->step = KHAP_STEP_NONE;
    run->error = 0;
    run->exit_status = -1;
    if (argv[0] == NULL) {
        (void)failed(&c, KHAP_STEP_START, ENAMETOOLONG);
        return KHAP_EIO;
    }
    c.deadline = now_ms() + (run->timeout_ms != 0 ? run->timeout_ms : DEFAULT_TIMEOUT_MS);
    bool good = start(&c, argv) && read_output(&c, buffer, capacity, length) && wait_end(&c);
    end_child(&c);
    if (c.out >= 0)
        (void)close(c.out);
    if (!good)
        return run->error == ENOBUFS ? KHAP_ELIMIT : KHAP_EIO;
    return run->exit_status == 0 ? KHAP_OK : KHAP_EIO;
}

enum khap_status khap_haproxy_version(struct khap_str binary, char *buffer, size_t capacity, size_t *length,
                                      struct khap_run *run)
{
    struct khap_run own = {.size = sizeof own};
    char path[PATH_MAX], flag[] = "-vv";
    char *argv[] = {path, flag, NULL};
    if (run == NULL)
        run = &own;
    if (!is_usable(run, binary, buffer, capacity, length))
        return KHAP_EINVAL;
    if (!copy_path(binary, path))
        argv[0] = NULL;
    return run_program(argv, (struct child){0}, buffer, capacity, length, run);
}

enum khap_status khap_haproxy_check(struct khap_str binary, struct khap_str directory, char *buffer,
                                    size_t capacity, size_t *length, struct khap_run *run)
{
    struct khap_run own = {.size = sizeof own};
    char path[PATH_MAX], where[PATH_MAX], in[] = "-C", check[] = "-c", file[] = "-f", name[] = "haproxy.cfg";
    char *argv[] = {path, in, where, check, file, name, NULL};
    if (run == NULL)
        run = &own;
    if (!is_usable(run, binary, buffer, capacity, length) || !is_path(directory))
        return KHAP_EINVAL;
    if (!copy_path(binary, path) || !copy_path(directory, where))
        argv[0] = NULL;
    return run_program(argv, (struct child){.errors = true}, buffer, capacity, length, run);
}

enum khap_status khap_run_command(const struct khap_str *words, size_t count, char *buffer, size_t capacity,
                                  size_t *length, struct khap_run *run)
{
    struct khap_run own = {.size = sizeof own};
    char room[WORDS_ROOM], *argv[MOST_WORDS + 1];
    size_t used = 0;
    if (run == NULL)
        run = &own;
    if (words == NULL || count == 0 || !is_usable(run, words[0], buffer, capacity, length))
        return KHAP_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (words[i].len > 0 && memchr(words[i].ptr, '\0', words[i].len) != NULL)
            return KHAP_EINVAL;
        if (i == MOST_WORDS || words[i].len >= sizeof room - used)
            return KHAP_ELIMIT;
        argv[i] = room + used;
        if (words[i].len > 0)
            memcpy(argv[i], words[i].ptr, words[i].len);
        argv[i][words[i].len] = '\0';
        used += words[i].len + 1;
    }
    argv[count] = NULL;
    return run_program(argv, (struct child){.errors = true, .search = true}, buffer, capacity, length, run);
}
