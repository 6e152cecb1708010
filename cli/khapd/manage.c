/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/manage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATH_ROOM = 4096,
    STEADY_MS = 10000,
    FIRST_MS = 100,
    LONGEST_MS = 60000,
    FIRST_OTHER = 3,
    MANY_FDS = 65536
};

/* A program that khapd starts, or that goes on without it, has nothing of the loop's. */
static void leave_loop(void)
{
    static const int used[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE};
    sigset_t none;
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        (void)signal(used[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = FIRST_OTHER; fd < (most > 0 && most < MANY_FDS ? (int)most : MANY_FDS); fd++)
        (void)close(fd);
    int null = open("/dev/null", O_RDONLY);
    if (null > 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)close(null);
    }
}

static bool current_path(const struct settings *s, char path[PATH_ROOM])
{
    const char *directory = setting_text(s, KEY_HAPROXY_DIRECTORY);
    char *absolute = realpath(directory, NULL);
    int n = absolute != NULL ? snprintf(path, PATH_ROOM, "%s/current", absolute) : -1;
    free(absolute);
    return n > 0 && n < PATH_ROOM && access(path, F_OK) == 0;
}

/* ---- DIR/haproxy.pid: one that an earlier khapd started, and that does not answer yet, or not while it reloads, is there all the same */

static bool pid_path(const struct settings *s, char path[PATH_ROOM])
{
    int n = snprintf(path, PATH_ROOM, "%s/haproxy.pid", setting_text(s, KEY_HAPROXY_DIRECTORY));
    return n > 0 && n < PATH_ROOM;
}

static void write_pid(const char *path)
{
    char digits[24];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int n = snprintf(digits, sizeof digits, "%ld\n", (long)getpid());
    if (fd < 0)
        return;
    if (write(fd, digits, (size_t)n) != n) /* half a number would be another process */
        (void)unlink(path);
    (void)close(fd);
}

static size_t read_small(const char *path, char *room, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, room, size - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    room[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

bool manage_runs(const struct settings *s)
{
    char path[PATH_ROOM], current[PATH_ROOM], words[2 * PATH_ROOM];
    if (!pid_path(s, path) || !current_path(s, current) || read_small(path, words, 24) == 0)
        return false;
    long pid = strtol(words, NULL, 10);
    if (pid <= 1 || snprintf(path, sizeof path, "/proc/%ld/cmdline", pid) < 0)
        return false;
    /* the number may be another program's by now */
    size_t len = read_small(path, words, sizeof words), most = strlen(current) + 1;
    for (size_t at = 0; at < len; at += strlen(words + at) + 1)
        if (len - at >= most && memcmp(words + at, current, most) == 0)
            return true;
    return false;
}

void manage_start(struct manage *m, const struct settings *s, const struct log *log, int64_t now)
{
    char path[PATH_ROOM], pid_file[PATH_ROOM];
    const char *binary = setting_text(s, KEY_HAPROXY_BINARY);
    if (!current_path(s, path) || !pid_path(s, pid_file)) /* a pass makes the first generation */
        return;
    m->since = now;
    pid_t pid = fork();
    if (pid == 0) {
        leave_loop();
        write_pid(pid_file);
        (void)execl(binary, binary, "-W", "-S", setting_text(s, KEY_HAPROXY_MASTER), "-C", path, "-f",
                    "haproxy.cfg", (char *)NULL);
        _exit(127);
    }
    if (pid < 0) {
        log_line(log, "error", "HAProxy cannot be started: %s", strerror(errno));
        m->again_at = now + 1000;
        return;
    }
    m->pid = pid;
    m->starts++;
    log_line(log, "info", "started HAProxy, process %ld", (long)pid);
}

bool manage_reap(struct manage *m, const struct log *log, int64_t now)
{
    int status = 0;
    if (m->pid == 0 || waitpid(m->pid, &status, WNOHANG) != m->pid)
        return false;
    if (now - m->since > STEADY_MS)
        m->failures = 0;
    int64_t wait = m->failures == 0 ? FIRST_MS : INT64_C(1000) << (m->failures < 7 ? m->failures - 1 : 6);
    m->again_at = now + (wait > LONGEST_MS ? LONGEST_MS : wait);
    m->failures++;
    if (WIFSIGNALED(status))
        log_line(log, "error", "HAProxy was ended by signal %d", WTERMSIG(status));
    else
        log_line(log, "error", "HAProxy ended with status %d%s", WEXITSTATUS(status),
                 WEXITSTATUS(status) == 127 ? ": the binary cannot be run" : "");
    m->pid = 0;
    return true;
}
