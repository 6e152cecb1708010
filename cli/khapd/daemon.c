/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/cluster.h"
#include "khapd/daemon.h"
#include "khapd/log.h"
#include "khapd/manage.h"
#include "khapd/notify.h"
#include "khapd/probe.h"
#include "khapd/status.h"
#include "khapd/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_ROOM = 4096,
    PROBE_EVERY_MS = 1000,
    PROBE_SOON_MS = 100,
    START_MS = 5000,   /* how long a HAProxy that was started may take until it answers */
    STOP_MS = 10000,   /* how long a pass may go on after SIGTERM */
    ADDRESS_MS = 5000, /* how long the address of `status.bind` may be taken when khapd starts */
    ADDRESS_STEP_MS = 50,
    MOST_DEBOUNCES = 20, /* what changes all the time is taken all the same */
    LONGEST_RETRY_MS = 60000
};
#define NEVER INT64_MAX

struct daemon {
    struct settings settings;
    struct log log;
    struct worker worker;
    struct probe probe;
    struct manage manage;
    struct status *status;
    struct cluster *cluster; /* NULL: none is followed */
    struct known known;
    struct files watched;
    struct pass_text seen;  /* files that the configuration names, each with a NUL */
    struct pass_text certs; /* what certificates were, for the next pass */
    struct pass_text diags; /* what was said last */
    int watch_fd, signal_fd;
    struct khap_target target; /* what the program is; `size` 0: it is asked */
    uint64_t program;          /* how it looked when the pass began that asked */
    uint64_t look;             /* how the watched files looked when the last pass began */
    int64_t changed_at;        /* since when a change waits; NEVER */
    int64_t due_at;            /* of the next pass; NEVER */
    bool sure;                 /* it is made whether something changed or not */
    int64_t poll_at, verify_at, probe_at, watchdog_at, reload_at, deadline_at, stop_at;
    unsigned failures, haproxy_worker;
    bool told_ready, told_put_off, was_up, probed, told_waits;
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t ms_of(const struct daemon *d, enum key_id id)
{
    return (int64_t)setting_ms(&d->settings, id);
}

/* ---- what is watched */

static bool list_watched(const struct daemon *d, struct files *list)
{
    const struct setting *sources = &d->settings.values[KEY_SOURCES_FILES];
    bool good = true;
    for (size_t i = 0; i < sources->n && good; i++)
        good = files_add_once(list, sources->list[i], strlen(sources->list[i])) &&
               files_of_source(list, sources->list[i]);
    char cluster[PATH_ROOM];
    if (cluster_is_set(&d->settings) && cluster_path(&d->settings, cluster, sizeof cluster))
        good = good && files_add_once(list, cluster, strlen(cluster));
    for (size_t at = 0; at < d->seen.len && good;) {
        size_t len = strlen(d->seen.ptr + at);
        good = files_add_once(list, d->seen.ptr + at, len);
        at += len + 1;
    }
    return good;
}

static bool same_list(const struct files *a, const struct files *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++)
        if (strcmp(a->of[i], b->of[i]) != 0)
            return false;
    return a->n == b->n;
}

/* Watches what there is now. False: it is other files than before. */
static bool watch_anew(struct daemon *d)
{
    struct files list = {0};
    if (!list_watched(d, &list)) {
        files_free(&list);
        return true; /* polling goes on with the list before */
    }
    bool same = same_list(&list, &d->watched);
    files_free(&d->watched);
    d->watched = list;
    int fd = files_watch(&d->watched);
    if (d->watch_fd >= 0)
        (void)close(d->watch_fd);
    d->watch_fd = fd;
    return same;
}

static void want_pass(struct daemon *d, int64_t at, bool sure)
{
    d->due_at = at < d->due_at ? at : d->due_at;
    d->sure |= sure;
}

static void may_have_changed(struct daemon *d, int64_t now)
{
    int64_t debounce = ms_of(d, KEY_DEBOUNCE);
    if (d->changed_at == NEVER)
        d->changed_at = now;
    int64_t latest = d->changed_at + MOST_DEBOUNCES * debounce;
    d->due_at = now + debounce < latest ? now + debounce : latest;
}

/* ---- passes */

static void look_at_directory(struct daemon *d)
{
    char current[PATH_ROOM], pending[PATH_ROOM];
    const char *directory = setting_text(&d->settings, KEY_HAPROXY_DIRECTORY);
    d->known.has_accepted = snprintf(current, sizeof current, "%s/current", directory) < PATH_ROOM &&
                            snprintf(pending, sizeof pending, "%s/pending", directory) < PATH_ROOM &&
                            access(current, F_OK) == 0 && access(pending, F_OK) != 0;
}

static bool haproxy_starts(const struct daemon *d, int64_t now)
{
    return d->manage.pid != 0 && !d->known.up && now - d->manage.since < START_MS;
}

static bool too_many_old_workers(const struct daemon *d)
{
    uint64_t most = setting_number(&d->settings, KEY_HAPROXY_RELOAD_MAX_OLD_WORKERS);
    return most > 0 && d->known.old_workers >= most;
}

/* What is known of the cluster is written for the pass. False: nothing is, and a pass without it would take away what HAProxy may have of it. */
static bool has_cluster(struct daemon *d)
{
    if (d->cluster == NULL)
        return !cluster_is_set(&d->settings);
    bool known = cluster_save(d->cluster) && cluster_state(d->cluster).known;
    if (!known && !d->told_waits)
        log_line(&d->log, "info", "waits for the cluster, of which nothing is known yet");
    d->told_waits |= !known;
    return known;
}

/* Only what follows a change relies on what was said before: a script may stand in its place. */
static void look_at_program(struct daemon *d)
{
    const char *path = settings_binary(&d->settings);
    struct files list = {0};
    bool good = path != NULL && files_add(&list, path, strlen(path));
    uint64_t look = files_look(&list, SUM_START);
    files_free(&list);
    if (!good || d->sure || look != d->program)
        d->target = (struct khap_target){0};
    d->program = look;
}

static void begin_pass(struct daemon *d, int64_t now)
{
    struct files list = {0};
    if (!has_cluster(d)) {
        d->due_at = NEVER; /* the cluster calls when it is seen */
        d->verify_at = now + ms_of(d, KEY_VERIFY);
        return;
    }
    uint64_t look = files_look(&d->watched, SUM_START);
    bool changed = look != d->look;
    if (!d->sure && !changed && list_watched(d, &list) && same_list(&list, &d->watched)) {
        files_free(&list);
        d->due_at = d->changed_at = NEVER;
        return;
    }
    files_free(&list);
    look_at_program(d);
    const struct pass_asked asked = {.target = d->target.size != 0 ? &d->target : NULL,
                                     .put_off_reloads = now < d->reload_at || too_many_old_workers(d),
                                     .certs = {d->certs.ptr, d->certs.len}};
    d->due_at = NEVER;
    d->sure = false;
    d->look = look;
    if (worker_start(&d->worker, &d->settings, &asked)) {
        d->deadline_at = now + ms_of(d, KEY_DEADLINE);
        return;
    }
    log_line(&d->log, "error", "no process can be made: %s", strerror(errno));
    want_pass(d, now + 1000, true);
}

static int64_t retry_ms(struct daemon *d)
{
    int64_t ms = INT64_C(1000) << (d->failures < 6 ? d->failures : 6);
    d->failures++;
    return ms < LONGEST_RETRY_MS ? ms : LONGEST_RETRY_MS;
}

static void take(struct pass_text *to, struct pass_text *from)
{
    free(to->ptr);
    *to = *from;
    *from = (struct pass_text){0};
}

static void tell_lines(const struct daemon *d, struct pass_text text)
{
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t len = end != NULL ? (size_t)(end - text.ptr) - at : text.len - at;
        log_line(&d->log, "info", "%.*s", len < 1500 ? (int)len : 1500, text.ptr + at);
        at += len + 1;
    }
}

static void tell(struct daemon *d, struct outcome *o)
{
    struct pass_text *said = &o->said[SAID_DIAGS];
    if (said->len != d->diags.len || (said->len > 0 && memcmp(said->ptr, d->diags.ptr, said->len) != 0))
        log_raw(said->ptr, said->len);
    take(&d->diags, said);
    if (o->status != EXIT_DONE) {
        if (d->failures <= 1)
            log_line(&d->log, "error", "nothing was changed: HAProxy keeps what it has%s",
                     o->edited ? "; `haproxy.overwrite: true` replaces edited files" : "");
        return;
    }
    d->told_put_off &= o->put_off;
    if (!o->differs)
        return;
    if (o->put_off) {
        if (!d->told_put_off)
            log_line(&d->log, "info", "a reload is needed, and waits for haproxy.reload.%s",
                     too_many_old_workers(d) ? "maxOldWorkers" : "minInterval");
        d->told_put_off = true;
        return;
    }
    tell_lines(d, o->said[SAID_CHANGES]);
    log_line(&d->log, "info",
             "generation %" PRIu32 ": %" PRIu32 " at run time, %d reload%s, %" PRId64 " ms%s", o->generation,
             o->reloaded || o->down ? 0 : o->changes, o->reloaded, o->reloaded ? "" : "s", o->ms,
             o->down         ? "; no HAProxy answers"
             : o->is_renewed ? "; files that it names were renewed"
                             : "");
}

static void count(struct daemon *d, const struct outcome *o, int64_t now)
{
    struct known *k = &d->known;
    k->looked_at = now;
    k->pass_ms = o->ms;
    k->degraded = o->degraded;
    k->refused = o->refused;
    k->faults = o->faults;
    k->synced = o->status == EXIT_DONE && o->degraded == 0 && !o->put_off;
    k->passes_good += o->status == EXIT_DONE;
    k->passes_invalid += o->status == EXIT_UNUSABLE;
    k->passes_failed += o->status == EXIT_FAILED;
    k->put_off += o->put_off;
    if (o->status != EXIT_DONE)
        return;
    k->objects = o->objects;
    k->first_end = o->first_end;
    k->generation = o->generation;
    if (o->reloaded) {
        *(o->is_renewed ? &k->reloads_renewed : o->must_reload ? &k->reloads_needed : &k->reloads_other) += 1;
        d->reload_at = now + ms_of(d, KEY_HAPROXY_RELOAD_MIN_INTERVAL);
    } else if (o->differs && !o->put_off && !o->down) {
        k->changes += o->changes;
    }
}

static void tell_systemd(struct daemon *d, const struct outcome *o)
{
    char text[256];
    snprintf(text, sizeof text,
             "%sSTATUS=generation %" PRIu32 ", %" PRIu32 " services, %" PRIu32 " errors in sources\n",
             d->told_ready ? "" : "READY=1\n", o->generation, o->objects, o->refused);
    notify(text);
    d->told_ready = true;
}

static void end_pass(struct daemon *d, struct outcome *o, int64_t now)
{
    if (o->status == EXIT_DONE && o->differs && !o->put_off && d->changed_at != NEVER)
        d->known.live_ms = now - d->changed_at;
    d->failures = o->status == EXIT_DONE || o->status == EXIT_UNUSABLE ? 0 : d->failures;
    if (o->status == EXIT_FAILED)
        want_pass(d, now + retry_ms(d), true);
    count(d, o, now);
    tell(d, o);
    if (o->status == EXIT_DONE || d->known.said_objects.len == 0)
        take(&d->known.said_objects, &o->said[SAID_OBJECTS]);
    if (o->put_off)
        want_pass(d, d->reload_at > now ? d->reload_at : now + PROBE_EVERY_MS, true);
    else
        d->changed_at = NEVER;
    if (o->drained_ms > 0)
        want_pass(d, now + o->drained_ms, true);
    if (d->cluster != NULL && o->status != EXIT_FAILED) {
        bool has_it = o->status == EXIT_DONE && !o->put_off && !o->down && o->degraded == 0;
        cluster_want(d->cluster, has_it ? &o->said[SAID_STATUSES] : NULL, &o->said[SAID_EVENTS]);
    }
    look_at_directory(d);
    tell_systemd(d, o);
    d->verify_at = now + ms_of(d, KEY_VERIFY);
    d->target = o->target;
    if (o->said[SAID_CERTS].len > 0)
        take(&d->certs, &o->said[SAID_CERTS]);
    if (o->said[SAID_SEEN].len > 0)
        take(&d->seen, &o->said[SAID_SEEN]);
    /* Other files than before are looked at once more; of the same ones, what changed while it was at work. `look` stays what it was before the
     * pass: taken anew, it would hide what changed since. */
    if (!watch_anew(d))
        want_pass(d, now + ms_of(d, KEY_DEBOUNCE), true);
    else if (files_look(&d->watched, SUM_START) != d->look)
        may_have_changed(d, now);
    d->probe_at = now;
}

static void step_worker(struct daemon *d, int64_t now)
{
    struct outcome o = {0};
    enum worker_result result = worker_step(&d->worker, &o);
    if (result == WORKER_AT_WORK && now >= d->deadline_at) {
        worker_kill(&d->worker);
        result = WORKER_DIED;
    }
    if (result == WORKER_DONE) {
        end_pass(d, &o, now);
        outcome_free(&o);
    } else if (result == WORKER_DIED) {
        log_line(&d->log, "error", "a pass did not come to its end");
        d->known.passes_died++;
        d->known.synced = false;
        look_at_directory(d);
        want_pass(d, now + retry_ms(d), true);
    }
}

/* ---- HAProxy */

static void start_haproxy(struct daemon *d, int64_t now)
{
    if (setting_flag(&d->settings, KEY_HAPROXY_MANAGE) && d->manage.pid == 0 && now >= d->manage.again_at &&
        d->stop_at == NEVER && !manage_runs(&d->settings)) {
        manage_start(&d->manage, &d->settings, &d->log, now);
        d->known.starts = d->manage.starts;
    }
}

static void probed(struct daemon *d, enum probe_result result, const struct probe_answer *answer, int64_t now)
{
    bool up = result == PROBE_UP;
    d->known.up = up;
    d->known.old_workers = answer->old_workers;
    d->probe_at = now + (up ? PROBE_EVERY_MS : PROBE_SOON_MS);
    if (result == PROBE_DOWN)
        start_haproxy(d, now);
    if (up != d->was_up || !d->probed)
        log_line(&d->log, up ? "info" : "warning", "HAProxy %s",
                 up                     ? "answers"
                 : result == PROBE_DOWN ? "is not running"
                                        : "does not answer as it should");
    /* another process: it has read what counted then */
    if (up && (!d->was_up || (answer->worker != 0 && answer->worker != d->haproxy_worker)) && d->probed)
        want_pass(d, now, true);
    if (answer->worker != 0)
        d->haproxy_worker = answer->worker;
    d->was_up = up;
    d->probed = true;
}

static void begin_probe(struct daemon *d, int64_t now)
{
    static const struct probe_answer nothing = {0};
    enum probe_result result = probe_start(&d->probe, setting_text(&d->settings, KEY_HAPROXY_MASTER),
                                           setting_text(&d->settings, KEY_HAPROXY_SOCKET));
    if (result != PROBE_AT_WORK)
        probed(d, result, &nothing, now);
}

static void step_probe(struct daemon *d, int64_t now)
{
    struct probe_answer answer;
    enum probe_result result = probe_step(&d->probe, &answer);
    if (result != PROBE_AT_WORK)
        probed(d, result, &answer, now);
}

/* ---- settings */

/* A process that an earlier khapd was making when it was killed has its address until it has closed it. */
static void open_status(struct daemon *d)
{
    const char *address = setting_text(&d->settings, KEY_STATUS_BIND);
    d->known.stale_ms = ms_of(d, KEY_STATUS_STALE);
    if (address == NULL)
        return;
    d->status = status_start(address, &d->known);
    for (int waited = 0; d->status == NULL && errno == EADDRINUSE && waited < ADDRESS_MS;
         waited += ADDRESS_STEP_MS) {
        (void)nanosleep(&(struct timespec){.tv_nsec = ADDRESS_STEP_MS * 1000000L}, NULL);
        d->status = status_start(address, &d->known);
    }
    if (d->status == NULL)
        log_line(&d->log, "error", "status.bind %s: %s", address, strerror(errno));
}

static void open_cluster(struct daemon *d)
{
    d->cluster = cluster_is_set(&d->settings) ? cluster_start(&d->settings, &d->log) : NULL;
    d->known.has_cluster = cluster_is_set(&d->settings);
}

static void read_again(struct daemon *d, int64_t now)
{
    struct report r;
    struct settings fresh;
    char text[96];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n", now * 1000);
    notify(text);
    if (report_open(&r) != EXIT_DONE)
        return;
    int status = settings_read(&r, d->settings.path, &fresh);
    r.json = d->log.json;
    (void)report_show(&r);
    report_close(&r);
    if (status == EXIT_DONE) {
        status_stop(d->status);
        d->status = NULL;
        cluster_stop(d->cluster);
        settings_free(&d->settings);
        d->settings = fresh;
        d->log.json = strcmp(setting_text(&fresh, KEY_LOG_FORMAT), "json") == 0;
        open_status(d);
        open_cluster(d);
        (void)watch_anew(d);
        log_line(&d->log, "info", "%s was read again", d->settings.path);
    } else {
        settings_free(&fresh);
        log_line(&d->log, "error", "the settings stay as they were");
    }
    want_pass(d, now, true);
    notify("READY=1\n");
}

static void step_signals(struct daemon *d, int64_t now)
{
    struct signalfd_siginfo got;
    while (read(d->signal_fd, &got, sizeof got) == (ssize_t)sizeof got) {
        if (got.ssi_signo == SIGHUP) {
            read_again(d, now);
        } else if (got.ssi_signo == SIGTERM || got.ssi_signo == SIGINT) {
            notify("STOPPING=1\n");
            d->stop_at = d->stop_at == NEVER && d->worker.pid != 0 ? now + STOP_MS : now;
        } else if (got.ssi_signo == SIGCHLD && manage_reap(&d->manage, &d->log, now)) {
            d->known.up = d->was_up = false;
            d->probe_at = d->manage.again_at;
        }
    }
}

/* ---- the loop */

static void sooner(int64_t *at, int64_t other)
{
    *at = other < *at ? other : *at;
}

static int time_left(const struct daemon *d, int64_t now)
{
    int64_t at = d->poll_at;
    if (d->worker.pid != 0) {
        sooner(&at, d->deadline_at);
    } else {
        sooner(&at, haproxy_starts(d, now) ? now + PROBE_SOON_MS : d->due_at);
        sooner(&at, d->verify_at);
    }
    if (d->probe.talk == NULL)
        sooner(&at, d->probe_at);
    sooner(&at, d->watchdog_at);
    sooner(&at, d->stop_at);
    if (d->cluster != NULL)
        sooner(&at, cluster_until(d->cluster));
    int64_t left = at - now;
    int other = d->status != NULL ? status_timeout_ms(d->status) : -1;
    if (other >= 0 && other < left)
        left = other;
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void wait_for_something(struct daemon *d, int64_t now)
{
    enum { SIGNALS, WATCH, WORKER, PROBE, STATUS, CLUSTER, CREDENTIALS, COUNT };
    struct pollfd fds[COUNT];
    int left = time_left(d, now), probe_left;
    for (int i = 0; i < COUNT; i++)
        fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    fds[SIGNALS].fd = d->signal_fd;
    fds[WATCH].fd = d->watch_fd;
    fds[WORKER].fd = d->worker.fd;
    if (d->probe.talk != NULL) {
        probe_wants(&d->probe, &fds[PROBE], &probe_left);
        left = probe_left < left ? probe_left : left;
    }
    if (d->status != NULL)
        fds[STATUS].fd = status_fd(d->status);
    if (d->cluster != NULL) {
        int of_cluster[2];
        cluster_fds(d->cluster, of_cluster);
        fds[CLUSTER].fd = of_cluster[0];
        fds[CREDENTIALS].fd = of_cluster[1];
    }
    (void)poll(fds, COUNT, left < 0 ? 0 : left);
}

static void keep_watchdog(struct daemon *d, int64_t now)
{
    uint64_t every = notify_watchdog_ms();
    if (every == 0 || now < d->watchdog_at)
        return;
    notify("WATCHDOG=1\n");
    d->watchdog_at = now + (int64_t)every;
}

static void step(struct daemon *d, int64_t now)
{
    d->known.now = now;
    step_signals(d, now);
    if (d->watch_fd >= 0 && files_watch_read(d->watch_fd))
        may_have_changed(d, now);
    if (d->cluster != NULL) {
        if (cluster_step(d->cluster, now))
            may_have_changed(d, now);
        d->known.cluster = cluster_state(d->cluster);
    }
    if (now >= d->poll_at) {
        if (files_look(&d->watched, SUM_START) != d->look && d->due_at == NEVER)
            may_have_changed(d, now);
        d->poll_at = now + ms_of(d, KEY_POLL);
    }
    if (now >= d->verify_at)
        want_pass(d, now, true);
    if (d->probe.talk != NULL)
        step_probe(d, now);
    else if (now >= d->probe_at)
        begin_probe(d, now);
    if (d->worker.pid != 0)
        step_worker(d, now);
    else if (now >= d->due_at && d->stop_at == NEVER && !haproxy_starts(d, now))
        begin_pass(d, now);
    if (d->status != NULL)
        status_step(d->status);
    keep_watchdog(d, now);
}

static int take_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void follow(struct daemon *d)
{
    int64_t now = now_ms();
    d->poll_at = now + ms_of(d, KEY_POLL);
    d->verify_at = NEVER;
    look_at_directory(d);
    begin_probe(d, now); /* what is to be started is started before anything else */
    (void)watch_anew(d);
    want_pass(d, now, true);
    while (now < d->stop_at || (d->worker.pid != 0 && now < d->stop_at)) {
        wait_for_something(d, now);
        now = now_ms();
        step(d, now);
        if (d->stop_at != NEVER && d->worker.pid == 0)
            break;
    }
}

int daemon_run(struct settings *settings)
{
    struct daemon *d = calloc(1, sizeof *d);
    int status = EXIT_FAILED;
    if (d == NULL)
        return report_no_memory();
    d->settings = *settings;
    *settings = (struct settings){0};
    d->log.json = strcmp(setting_text(&d->settings, KEY_LOG_FORMAT), "json") == 0;
    d->watch_fd = -1;
    d->changed_at = d->due_at = d->stop_at = NEVER;
    d->watchdog_at = notify_watchdog_ms() != 0 ? 0 : NEVER;
    worker_init(&d->worker);
    d->signal_fd = take_signals();
    if (d->signal_fd < 0)
        log_line(&d->log, "error", "signals cannot be taken: %s", strerror(errno));
    open_status(d);
    open_cluster(d);
    if (d->signal_fd >= 0 && (d->status != NULL || setting_text(&d->settings, KEY_STATUS_BIND) == NULL)) {
        follow(d);
        log_line(&d->log, "info", "ends%s", d->manage.pid != 0 ? "; HAProxy goes on" : "");
        status = EXIT_DONE;
    }
    worker_kill(&d->worker);
    probe_end(&d->probe);
    status_stop(d->status);
    cluster_stop(d->cluster);
    if (d->watch_fd >= 0)
        (void)close(d->watch_fd);
    if (d->signal_fd >= 0)
        (void)close(d->signal_fd);
    files_free(&d->watched);
    free(d->seen.ptr);
    free(d->certs.ptr);
    free(d->diags.ptr);
    free(d->known.said_objects.ptr);
    settings_free(&d->settings);
    free(d);
    return status;
}
