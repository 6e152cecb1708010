/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/credentials.h"
#include "khapgen/input.h"
#include "khapgen/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_FILES = 16,
    PATH_ROOM = 4096,
    LARGEST_CONFIG = 4 << 20,
    LARGEST_TOKEN = 64 << 10,
    LARGEST_ANSWER = 1 << 20,
    PROGRAM_MS = 60000,
    AT_ONCE_MS = 5000,
    EARLY_MS = 60000, /* credentials are asked for anew before they end */
    FIRST_OTHER = 3,
    MANY_FDS = 65536
};

static void forget(struct pass_text *t)
{
    volatile char *bytes = t->ptr;
    for (size_t i = 0; bytes != NULL && i < t->len; i++)
        bytes[i] = 0;
    free(t->ptr);
    *t = (struct pass_text){0};
}

void credentials_init(struct credentials *c, const char *kubeconfig, const char *context)
{
    *c = (struct credentials){
        .kubeconfig = kubeconfig, .context = context, .fd = -1, .renewed_at = INT64_MIN / 2};
}

static void end_program(struct credentials *c)
{
    if (c->pid > 0) {
        (void)kill(c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (c->fd >= 0)
        (void)close(c->fd);
    c->pid = 0;
    c->fd = -1;
    forget(&c->answer);
}

void credentials_free(struct credentials *c)
{
    end_program(c);
    forget(&c->token);
    khap_cluster_free(c->cluster);
    c->cluster = NULL;
}

/* ---- the kubeconfig */

static struct khap_str env(const char *name)
{
    const char *value = getenv(name);
    return word(value != NULL ? value : "");
}

/* The files that count, as kubectl takes them: of the settings, of KUBECONFIG, or ~/.kube/config. */
static size_t files_of(const struct credentials *c, char room[PATH_ROOM], struct khap_str paths[MOST_FILES])
{
    struct khap_str list = c->kubeconfig != NULL ? word(c->kubeconfig) : env("KUBECONFIG");
    size_t n = 0;
    if (c->kubeconfig == NULL && list.len == 0) {
        int made = snprintf(room, PATH_ROOM, "%s/.kube/config", getenv("HOME") != NULL ? getenv("HOME") : "");
        list = made > 0 && made < PATH_ROOM ? word(room) : list;
    }
    while (list.len > 0 && n < MOST_FILES) {
        const char *colon = c->kubeconfig == NULL ? memchr(list.ptr, ':', list.len) : NULL;
        size_t len = colon != NULL ? (size_t)(colon - list.ptr) : list.len;
        if (len > 0 && len < PATH_ROOM)
            paths[n++] = (struct khap_str){list.ptr, len};
        list = (struct khap_str){list.ptr + len + (colon != NULL), list.len - len - (colon != NULL)};
    }
    return n;
}

static enum khap_status read_files(struct credentials *c, struct report *r, struct khap_cluster **out)
{
    char room[PATH_ROOM], path[PATH_ROOM];
    struct khap_str paths[MOST_FILES], texts[MOST_FILES];
    size_t all = files_of(c, room, paths), n = 0;
    enum khap_status status = KHAP_EINPUT;
    for (size_t i = 0; i < all; i++) {
        memcpy(path, paths[i].ptr, paths[i].len);
        path[paths[i].len] = '\0';
        if (input_read(path, LARGEST_CONFIG, &texts[n]) == INPUT_READ)
            paths[n++] = paths[i];
        else if (c->kubeconfig != NULL || errno != ENOENT || all == 1) /* of a list, some may be missing */
            report_about(r, "input-unreadable", path, word(strerror(errno)), WORD(""));
    }
    if (n > 0)
        status = khap_cluster_read(NULL, paths, texts, n, word(c->context != NULL ? c->context : ""),
                                   r->diags, out);
    for (size_t i = 0; i < n; i++) {
        struct pass_text t = {(char *)(uintptr_t)texts[i].ptr, texts[i].len};
        forget(&t);
    }
    return status;
}

static bool is_inside(const struct credentials *c)
{
    return c->kubeconfig == NULL && c->context == NULL && env("KUBECONFIG").len == 0 &&
           env("KUBERNETES_SERVICE_HOST").len > 0;
}

bool credentials_read(struct credentials *c, const struct log *log)
{
    struct report r;
    struct khap_cluster *fresh = NULL;
    if (report_open(&r) != EXIT_DONE)
        return false;
    enum khap_status status = is_inside(c) ? khap_cluster_inside(NULL, env("KUBERNETES_SERVICE_HOST"),
                                                                 env("KUBERNETES_SERVICE_PORT"), &fresh)
                                           : read_files(c, &r, &fresh);
    r.json = log->json;
    (void)report_show(&r);
    report_close(&r);
    if (status != KHAP_OK)
        return false;
    end_program(c);
    khap_cluster_free(c->cluster);
    c->cluster = fresh;
    c->info = (struct khap_cluster_info){.size = sizeof c->info};
    (void)khap_cluster_get(fresh, &c->info);
    c->expires_at = 0;
    return true;
}

/* ---- a program that gives credentials */

static bool add(struct pass_text *t, const char *name, struct khap_str value)
{
    return text_add_format(t, ",\"%s\":", name) && text_add_json(t, value.ptr, value.len);
}

/* ExecCredential, as it is asked. */
static bool question(const struct credentials *c, struct pass_text *t)
{
    bool good = text_add_format(t, "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\"") &&
                add(t, "apiVersion", c->info.exec_version) &&
                text_add_format(t, ",\"spec\":{\"interactive\":false");
    if (c->info.exec_cluster_info)
        good = good &&
               text_add_format(t, ",\"cluster\":{\"insecure-skip-tls-verify\":%s",
                               c->info.insecure ? "true" : "false") &&
               add(t, "server", c->info.server) &&
               (c->info.tls_server_name.len == 0 || add(t, "tls-server-name", c->info.tls_server_name)) &&
               text_add_bytes(t, "}", 1);
    return good && text_add_bytes(t, "}}", 2);
}

static char *terminated(struct khap_str text)
{
    char *copy = malloc(text.len + 1);
    if (copy == NULL)
        _exit(127);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static void run_program(const struct credentials *c, int out)
{
    struct pass_text asked = {0};
    sigset_t none;
    char **argv = calloc((size_t)c->info.exec_arguments + 2, sizeof *argv);
    int null = open("/dev/null", O_RDONLY);
    if (argv == NULL || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        !question(c, &asked))
        _exit(127);
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = FIRST_OTHER; fd < (most > 0 && most < MANY_FDS ? (int)most : MANY_FDS); fd++)
        (void)close(fd);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)unsetenv("NOTIFY_SOCKET");
    argv[0] = terminated(c->info.exec_command);
    for (uint32_t i = 0; i < c->info.exec_arguments; i++)
        argv[i + 1] = terminated(khap_cluster_exec_argument(c->cluster, i));
    for (uint32_t i = 0; i < c->info.exec_variables; i++)
        (void)putenv(terminated(khap_cluster_exec_variable(c->cluster, i)));
    (void)putenv(asked.ptr);
    (void)execvp(argv[0], argv);
    _exit(127);
}

static enum credentials_state start_program(struct credentials *c, const struct log *log, int64_t now)
{
    int fds[2];
    if (pipe(fds) != 0)
        return CREDENTIALS_FAILED;
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0)
        run_program(c, fds[1]);
    (void)close(fds[1]);
    if (pid < 0) {
        log_line(log, "error", "the program for credentials cannot be started: %s", strerror(errno));
        (void)close(fds[0]);
        return CREDENTIALS_FAILED;
    }
    c->pid = pid;
    c->fd = fds[0];
    c->deadline_at = now + PROGRAM_MS;
    return CREDENTIALS_WANTED;
}

static enum credentials_state failed(struct credentials *c, const struct log *log, const char *why)
{
    log_line(log, "error", "the program for credentials, %.*s, %s", (int)c->info.exec_command.len,
             c->info.exec_command.ptr, why);
    end_program(c);
    return CREDENTIALS_FAILED;
}

static enum credentials_state end_answer(struct credentials *c, const struct log *log, int64_t now)
{
    int64_t ends = 0;
    int status = 0;
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return failed(c, log, WIFEXITED(status) && WEXITSTATUS(status) == 127 ? "cannot be run" : "failed");
    if (c->answer.len == 0 ||
        khap_cluster_exec_answer(c->cluster, (struct khap_str){c->answer.ptr, c->answer.len}, &ends) !=
            KHAP_OK)
        return failed(c, log, "did not answer with an ExecCredential");
    end_program(c);
    (void)khap_cluster_get(c->cluster, &c->info);
    c->expires_at = ends == 0 ? INT64_MAX : now + (ends - (int64_t)time(NULL)) * 1000 - EARLY_MS;
    return CREDENTIALS_READY;
}

enum credentials_state credentials_step(struct credentials *c, const struct log *log, int64_t now)
{
    char bytes[4096];
    ssize_t n;
    if (c->pid == 0)
        return CREDENTIALS_READY;
    while ((n = read(c->fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && (c->answer.len > LARGEST_ANSWER || !text_add_bytes(&c->answer, bytes, (size_t)n)))
            return failed(c, log, "says too much");
    if (n == 0)
        return end_answer(c, log, now);
    return now < c->deadline_at ? CREDENTIALS_WANTED : failed(c, log, "does not come to its end");
}

/* ---- what is sent */

static bool read_token(struct credentials *c, const struct log *log)
{
    char path[PATH_ROOM];
    struct khap_str text;
    if (c->info.token_file.len >= sizeof path)
        return false;
    memcpy(path, c->info.token_file.ptr, c->info.token_file.len);
    path[c->info.token_file.len] = '\0';
    if (input_read(path, LARGEST_TOKEN, &text) != INPUT_READ) {
        if (c->token.len == 0)
            log_line(log, "error", "%s: %s", path, strerror(errno));
        return c->token.len > 0; /* the one before may still do */
    }
    forget(&c->token);
    c->token = (struct pass_text){(char *)(uintptr_t)text.ptr, text.len};
    c->token.len = strcspn(c->token.ptr, "\r\n");
    c->token.ptr[c->token.len] = '\0';
    return c->token.len > 0;
}

enum credentials_state credentials_get(struct credentials *c, const struct log *log, int64_t now, bool renew)
{
    if (c->pid != 0)
        return CREDENTIALS_WANTED;
    if (renew && now - c->renewed_at < AT_ONCE_MS) /* another one was refused what this one was */
        renew = false;
    c->renewed_at = renew ? now : c->renewed_at;
    if ((c->cluster == NULL || renew) && !credentials_read(c, log) && c->cluster == NULL)
        return CREDENTIALS_FAILED;
    if (c->info.exec_command.len > 0 && (c->expires_at == 0 || renew || now >= c->expires_at))
        return start_program(c, log, now);
    if (c->info.token_file.len > 0 && !read_token(c, log))
        return CREDENTIALS_FAILED;
    return CREDENTIALS_READY;
}
