/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "save_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/khap-save.XXXXXX";

void events_add(void *ctx, const struct khap_save_event *event)
{
    struct events *e = ctx;
    if (e->n < 64) {
        e->kinds[e->n] = event->kind;
        snprintf(e->paths[e->n], sizeof e->paths[0], "%.*s", (int)event->path.len, event->path.ptr);
    }
    e->n++;
    if (event->kind == KHAP_SAVE_FAILED) {
        e->step = event->step;
        e->error = event->error;
        snprintf(e->text, sizeof e->text, "%.*s", (int)event->text.len, event->text.ptr);
    }
}

bool events_has(const struct events *e, uint32_t kind, const char *path)
{
    for (size_t i = 0; i < e->n && i < 64; i++)
        if (e->kinds[i] == kind && strcmp(e->paths[i], path) == 0)
            return true;
    return false;
}

int work_begin(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chmod(folder, 0755) == 0 && chdir(folder) == 0 ? 0 : -1;
}

void work_clear(void)
{
    if (system("find . -mindepth 1 -delete") != 0)
        abort();
}

int work_end(void **state)
{
    (void)state;
    work_clear();
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

struct khap_str str(const char *text)
{
    return (struct khap_str){text, strlen(text)};
}

void put(const char *path, const char *text, mode_t mode)
{
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(text, 1, strlen(text), out) != strlen(text) || fclose(out) != 0 ||
        chmod(path, mode) != 0)
        abort();
}

bool holds(const char *path, const char *text)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return false;
    bool same = true;
    int c;
    while (same && (c = getc(in)) != EOF)
        same = *text != '\0' && (unsigned char)*text++ == c;
    fclose(in);
    return same && *text == '\0';
}

mode_t mode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

void point(const char *to, const char *link)
{
    if (symlink(to, link) != 0)
        abort();
}

bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

unsigned rubbish_in(const char *directory)
{
    unsigned n = 0;
    DIR *d = opendir(directory);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += strstr(e->d_name, ".khap-tmp") != NULL;
    if (d != NULL)
        closedir(d);
    return n;
}

int as_nobody(void (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        what();
        _exit(0);
    }
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void must(bool good, int code)
{
    if (!good)
        _exit(code);
}

int killed_at(void (*what)(void), unsigned n)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(99);
        raise(SIGSTOP);
        what();
        _exit(0);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return -1;
    for (unsigned i = 0; i < n; i++) {
        if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid)
            return -1;
        if (!WIFSTOPPED(status))
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) == pid && !WIFSIGNALED(status))
        ;
    return 1;
}
