/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/worker.h"
#include "khapgen/apply_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_ROOM = 65536, FIRST_OTHER = 3, MANY_FDS = 65536 };

void worker_init(struct worker *w)
{
    *w = (struct worker){.fd = -1};
}

/* ---- in the process of its own */

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* The loop's descriptors are not its: a socket that it kept open would outlive khapd. Where nobody says which there are, all that there may be. */
static void close_others(int keep)
{
    const struct dirent *e;
    DIR *d = opendir("/proc/self/fd");
    long most = sysconf(_SC_OPEN_MAX);
    while (d != NULL && (e = readdir(d)) != NULL) {
        int fd = (int)apply_number(word(e->d_name)); /* of `.` it is 0 */
        if (fd >= FIRST_OTHER && fd != keep && fd != dirfd(d))
            (void)close(fd);
    }
    for (int fd = FIRST_OTHER; d == NULL && fd < (most > 0 && most < MANY_FDS ? (int)most : MANY_FDS); fd++)
        if (fd != keep)
            (void)close(fd);
    if (d != NULL)
        (void)closedir(d);
}

static void own_signals(void)
{
    static const int used[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t none;
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        (void)signal(used[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void work(int fd, const struct settings *s, const struct pass_asked *asked)
{
    struct outcome o;
    own_signals();
    (void)setpgid(0, 0);
    close_others(fd);
    pass_run(s, asked, &o);
    bool good = write_all(fd, (const char *)&o, sizeof o);
    for (int i = 0; i < SAID_COUNT && good; i++)
        good = write_all(fd, o.said[i].ptr, o.said[i].len);
    outcome_free(&o);
    _exit(good ? 0 : 1);
}

/* ---- in the loop */

bool worker_start(struct worker *w, const struct settings *s, const struct pass_asked *asked)
{
    int fds[2];
    if (pipe(fds) != 0)
        return false;
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    w->pid = fork();
    if (w->pid == 0)
        work(fds[1], s, asked);
    (void)close(fds[1]);
    if (w->pid < 0) {
        int error = errno;
        (void)close(fds[0]);
        w->pid = 0;
        errno = error;
        return false;
    }
    w->fd = fds[0];
    return true;
}

static void end(struct worker *w)
{
    while (w->pid > 0 && waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w->got.ptr);
    worker_init(w);
}

/* It is of this program, so that the layout is the same. */
static bool unpack(const struct pass_text *got, struct outcome *o)
{
    size_t at = sizeof *o;
    if (got->len < sizeof *o)
        return false;
    memcpy(o, got->ptr, sizeof *o);
    bool good = true;
    for (int i = 0; i < SAID_COUNT; i++) {
        size_t len = o->said[i].len;
        o->said[i] = (struct pass_text){0};
        good = good && len <= got->len - at && text_add_bytes(&o->said[i], got->ptr + at, len);
        at += good ? len : 0;
    }
    if (!good)
        outcome_free(o);
    return good;
}

enum worker_result worker_step(struct worker *w, struct outcome *o)
{
    char bytes[READ_ROOM];
    ssize_t n;
    while ((n = read(w->fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && !text_add_bytes(&w->got, bytes, (size_t)n)) {
            worker_kill(w);
            return WORKER_DIED;
        }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return WORKER_AT_WORK;
    bool good = unpack(&w->got, o);
    end(w);
    return good ? WORKER_DONE : WORKER_DIED;
}

void worker_kill(struct worker *w)
{
    if (w->pid > 0) {
        (void)kill(-w->pid, SIGKILL);
        (void)kill(w->pid, SIGKILL);
    }
    end(w);
}
