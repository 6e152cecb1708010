/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/cluster.h"
#include "khapd/daemon.h"
#include "khapd/log.h"
#include "khapd/pass.h"
#include "khapgen/nearest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <khap/khap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 30000 }; /* how long a cluster may take until all of it is seen */

struct words {
    const char *config;
    bool once, dry_run, check, help, version;
};

static const char *const options[] = {"--config", "--once", "--dry-run", "--check", "--help", "--version"};

static int usage(FILE *to)
{
    fputs("usage: khapd --config FILE [--once] [--dry-run] [--check]\n"
          "\n"
          "Makes a HAProxy follow service maps, and goes on doing so: at run time where HAProxy can, else by "
          "a reload.\n"
          "khapd.yaml(5) tells what stands in FILE.\n"
          "\n"
          "  -c, --config FILE   the settings\n"
          "      --once          one pass, then the end\n"
          "  -n, --dry-run       one pass that changes nothing, and shows what it would do\n"
          "      --check         changes nothing; status 1 when a pass would change something\n"
          "  -h, --help          this\n"
          "      --version       the version\n"
          "\n"
          "Status: 0 done; 1 (--check) something would change; 2 FILE or a source is unusable; 3 an "
          "operation failed.\n"
          "\n"
          "examples:\n"
          "  khapd --config /etc/khap/khapd.yaml --dry-run   what would be done now\n"
          "  khapd --config /etc/khap/khapd.yaml             follow\n",
          to);
    return fflush(to) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int unknown(const char *given)
{
    struct nearest near;
    nearest_start(&near, given);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        nearest_offer(&near, options[i]);
    fprintf(stderr, "khapd: error: unknown option %s%s%s\n", given,
            near.best != NULL ? "; did you mean " : "", near.best != NULL ? near.best : "");
    return EXIT_UNUSABLE;
}

static int read_words(struct words *w, char **argv)
{
    for (; *argv != NULL; argv++) {
        const char *given = *argv;
        if (strcmp(given, "--config") == 0 || strcmp(given, "-c") == 0) {
            if ((w->config = *++argv) == NULL) {
                fprintf(stderr, "khapd: error: %s needs a file\n", given);
                return EXIT_UNUSABLE;
            }
        } else if (strncmp(given, "--config=", 9) == 0) {
            w->config = given + 9;
        } else if (strcmp(given, "--once") == 0) {
            w->once = true;
        } else if (strcmp(given, "--dry-run") == 0 || strcmp(given, "-n") == 0) {
            w->dry_run = true;
        } else if (strcmp(given, "--check") == 0) {
            w->check = true;
        } else if (strcmp(given, "--help") == 0 || strcmp(given, "-h") == 0) {
            w->help = true;
        } else if (strcmp(given, "--version") == 0) {
            w->version = true;
        } else {
            return unknown(given);
        }
    }
    return EXIT_DONE;
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Looks at the cluster once. What is known from last time does where it cannot be seen. */
static int look_at_cluster(const struct settings *s, bool keep, struct pass_text *text)
{
    const struct log log = {.json = strcmp(setting_text(s, KEY_LOG_FORMAT), "json") == 0};
    struct cluster *c = cluster_start(s, &log);
    int64_t now = now_ms(), end = now + LOOK_MS;
    if (c == NULL)
        return EXIT_FAILED;
    while (!cluster_state(c).seen && now < end) {
        struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
        int of_cluster[2];
        cluster_fds(c, of_cluster);
        fds[0].fd = of_cluster[0];
        fds[1].fd = of_cluster[1];
        int64_t left = cluster_until(c) - now;
        (void)poll(fds, 2, left < 0 ? 0 : left < 100 ? (int)left : 100);
        now = now_ms();
        (void)cluster_step(c, now);
    }
    struct cluster_state state = cluster_state(c);
    bool good = (state.seen || state.known) && (keep ? cluster_save(c) : cluster_text(c, text));
    if (!state.seen)
        log_line(&log, "error", "the cluster could not be seen%s",
                 state.known ? "; what was known last time counts" : "");
    cluster_stop(c);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static int one_pass(const struct settings *s, const struct words *w)
{
    struct pass_asked asked = {.dry_run = w->dry_run || w->check};
    struct pass_text cluster = {0};
    int seen = cluster_is_set(s) ? look_at_cluster(s, !asked.dry_run, &cluster) : EXIT_DONE;
    if (seen != EXIT_DONE) {
        free(cluster.ptr);
        return seen;
    }
    asked.cluster = (struct khap_str){cluster.ptr, cluster.len};
    struct outcome o;
    pass_run(s, &asked, &o);
    int status = o.status;
    log_raw(o.said[SAID_DIAGS].ptr, o.said[SAID_DIAGS].len);
    if (status == EXIT_DONE && !w->check) {
        bool reload = o.reloaded || (asked.dry_run && o.must_reload);
        if (o.said[SAID_CHANGES].len > 0)
            (void)fwrite(o.said[SAID_CHANGES].ptr, 1, o.said[SAID_CHANGES].len, stdout);
        printf("%" PRIu32 " at run time, %d reload%s\n", reload ? 0 : o.changes, reload, reload ? "" : "s");
    }
    if (status == EXIT_DONE && w->check && o.differs)
        status = EXIT_NO;
    if (status == EXIT_DONE && o.degraded + o.faults > 0)
        status = EXIT_UNUSABLE;
    outcome_free(&o);
    free(cluster.ptr);
    return fflush(stdout) == 0 ? status : EXIT_FAILED;
}

static int run(const struct words *w)
{
    struct report r;
    struct settings s;
    int status = report_open(&r);
    if (status != EXIT_DONE)
        return status;
    status = settings_read(&r, w->config, &s);
    (void)report_show(&r);
    report_close(&r);
    if (status == EXIT_DONE)
        status = w->once || w->dry_run || w->check ? one_pass(&s, w) : daemon_run(&s);
    settings_free(&s);
    return status;
}

int main(int argc, char **argv)
{
    struct words w = {0};
    /* a file must not take the number of a standard descriptor that is closed */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return EXIT_FAILED;
    (void)signal(SIGPIPE, SIG_IGN);
    int status = argc > 0 ? read_words(&w, argv + 1) : EXIT_UNUSABLE;
    if (status != EXIT_DONE)
        return status;
    if (w.help)
        return usage(stdout);
    if (w.version) {
        printf("khapd %s\n", khap_version());
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
    }
    if (w.config == NULL) {
        (void)usage(stderr);
        return EXIT_UNUSABLE;
    }
    return run(&w);
}
