/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/cluster.h"

#include "khapgen/report.h"
#include <errno.h>
#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

#ifdef HAVE_LIBCURL
#include "khapd/request.h"
#include "khapd/writing.h"
#include "khapgen/input.h"

enum { TOLD_ROOM = 320, MOST_STREAMS = 4096 };
#define LARGEST_MIRROR (UINT64_C(1) << 30)

struct stream {
    struct khap_watch *watch;
    struct request request;
    struct khap_str target; /* of the request that waits for credentials */
    bool waits, renew;
    bool behind;          /* something went wrong, and nothing has come since */
    char told[TOLD_ROOM]; /* what was said last of what is wrong with it; empty */
};

struct cluster {
    const struct settings *settings;
    const struct log *log;
    char path[PATH_ROOM];
    struct khap_mirror *mirror;
    struct credentials credentials;
    struct requests requests;
    struct writing *writing; /* NULL: nothing is written */
    struct stream *streams;
    size_t n;
    int64_t until;
    uint64_t noticed; /* the number of changes that the loop was told of */
    uint64_t saved;   /* the number of changes that the file has */
    uint64_t random;
    bool has_synced, has_noticed, known, told_wrong, is_saved;
    char told[TOLD_ROOM];
};

/* ---- start and end */

static bool follows(const struct settings *s, struct khap_str part)
{
    const struct setting *kinds = &s->values[KEY_SOURCES_KUBERNETES_KINDS];
    bool any = kinds->n == 0;
    for (size_t i = 0; i < kinds->n; i++)
        any |= strlen(kinds->list[i]) == part.len && memcmp(kinds->list[i], part.ptr, part.len) == 0;
    return any || part.len == 0; /* Secrets: those that the others name */
}

static bool add_stream(struct cluster *c, struct khap_str kind, const char *ns)
{
    struct khap_watch_options o;
    struct stream *more = c->n < MOST_STREAMS ? realloc(c->streams, (c->n + 1) * sizeof *more) : NULL;
    if (more == NULL)
        return false;
    c->streams = more;
    c->streams[c->n] = (struct stream){0};
    khap_watch_options_init(&o);
    o.kind = kind;
    o.namespace_ = word(ns != NULL ? ns : "");
    if (khap_watch_new(NULL, c->mirror, &o, &c->streams[c->n].watch) != KHAP_OK)
        return false;
    c->n++;
    return true;
}

static bool on_head(void *watch, int64_t now, uint32_t http, uint32_t retry_after)
{
    return khap_watch_head(watch, now, http, retry_after) == KHAP_OK;
}

static bool on_body(void *watch, int64_t now, struct khap_str bytes)
{
    return khap_watch_body(watch, now, bytes) == KHAP_OK;
}

static bool add_streams(struct cluster *c)
{
    const struct setting *in = &c->settings->values[KEY_SOURCES_KUBERNETES_NAMESPACES];
    struct khap_str kind, part;
    uint32_t bound;
    bool good = true;
    for (size_t i = 0; good && (kind = khap_watch_kind(i, &part, &bound)).len > 0; i++) {
        if (!follows(c->settings, part))
            continue;
        if (!bound || in->n == 0)
            good = add_stream(c, kind, NULL);
        for (size_t n = 0; good && bound && n < in->n; n++)
            good = add_stream(c, kind, in->list[n]);
    }
    for (size_t i = 0; i < c->n; i++)
        c->streams[i].request.taker = (struct request_taker){on_head, on_body, c->streams[i].watch};
    return good;
}

/* What was known last time. */
static void read_last(struct cluster *c)
{
    struct khap_str text;
    if (input_read(c->path, LARGEST_MIRROR, &text) != INPUT_READ)
        return;
    c->known = true;
    if (khap_mirror_read(c->mirror, text) != KHAP_OK)
        log_line(c->log, "warning", "%s: not all of it could be read", c->path);
    free((char *)(uintptr_t)text.ptr);
}

static bool make_directory(const struct settings *s)
{
    char path[PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s/kubernetes", setting_text(s, KEY_STATE));
    (void)mkdir(setting_text(s, KEY_STATE), 0700);
    return n > 0 && n < PATH_ROOM && (mkdir(path, 0700) == 0 || errno == EEXIST);
}

struct cluster *cluster_start(const struct settings *s, const struct log *log)
{
    struct cluster *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->settings = s;
    c->log = log;
    c->requests.fd = -1;
    c->random = ((uint64_t)getpid() << 32) ^ (uintptr_t)c;
    credentials_init(&c->credentials, setting_text(s, KEY_SOURCES_KUBERNETES_KUBECONFIG),
                     setting_text(s, KEY_SOURCES_KUBERNETES_CONTEXT));
    if (cluster_path(s, c->path, sizeof c->path) && make_directory(s) && requests_open(&c->requests) &&
        khap_mirror_new(NULL, 0, &c->mirror) == KHAP_OK && add_streams(c) &&
        (setting_flag(s, KEY_SOURCES_KUBERNETES_READ_ONLY) || (c->writing = writing_start(s, log)) != NULL)) {
        read_last(c);
        return c;
    }
    log_line(log, "error", "%s: the cluster cannot be followed: %s", c->path,
             strerror(errno != 0 ? errno : ENOMEM));
    cluster_stop(c);
    return NULL;
}

void cluster_stop(struct cluster *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n; i++) {
        request_free(&c->streams[i].request, &c->requests);
        khap_watch_free(c->streams[i].watch);
    }
    free(c->streams);
    writing_stop(c->writing, &c->requests);
    requests_close(&c->requests);
    credentials_free(&c->credentials);
    khap_mirror_free(c->mirror);
    free(c);
}

/* ---- what is said */

static struct khap_watch_state state_of(const struct stream *s)
{
    struct khap_watch_state state = {.size = sizeof state};
    (void)khap_watch_look(s->watch, &state);
    return state;
}

/* What a watch goes round by itself: another way to ask, another version, and 403 of a server that has just started. */
static bool is_answered_otherwise(uint32_t http)
{
    return http == 0 || http == 200 || http == 403 || http == 404 || http == 410 || http == 422;
}

/* What is wrong with many streams at once is said once. */
static void tell(struct cluster *c, struct stream *s, const char *error)
{
    char text[TOLD_ROOM] = "";
    struct khap_watch_state w = state_of(s);
    int kind = (int)w.kind.len, message = w.message.len < 200 ? (int)w.message.len : 200;
    if (error != NULL && w.http_status == 0)
        snprintf(text, sizeof text, "%s", error);
    else if (w.left_out == 403 || w.left_out == 404)
        snprintf(text, sizeof text, "%.*s: %s; what is known of them stays: %.*s", kind, w.kind.ptr,
                 w.left_out == 403 ? "not permitted" : "not served", message, w.message.ptr);
    else if (w.failures > 0 && !is_answered_otherwise(w.http_status))
        snprintf(text, sizeof text, "%.*s: HTTP %u: %.*s", kind, w.kind.ptr, w.http_status, message,
                 w.message.ptr);
    if (strcmp(text, s->told) == 0 || (w.left_out != 0 && w.http_status != w.left_out))
        return;
    memcpy(s->told, text, sizeof text);
    if (text[0] == '\0' || strcmp(text, c->told) == 0 || (w.left_out == 404 && !c->has_synced))
        return;
    memcpy(c->told, text, sizeof text);
    log_line(c->log, w.left_out == 404 ? "info" : "warning", "cluster %s: %s", cluster_name(c->settings),
             text);
    c->told_wrong |= w.left_out != 404;
}

static void tell_synced(struct cluster *c)
{
    struct cluster_state s = cluster_state(c);
    if (s.synced && (!c->has_synced || c->told_wrong)) {
        log_line(c->log, "info", "cluster %s: in step, %zu objects; %u kinds are not served",
                 cluster_name(c->settings), khap_mirror_count(c->mirror), (unsigned)s.left_out);
        c->told_wrong = false;
        c->told[0] = '\0';
    }
}

struct cluster_state cluster_state(const struct cluster *c)
{
    struct cluster_state s = {.seen = c->has_synced,
                              .known = c->known,
                              .synced = true,
                              .objects = khap_mirror_count(c->mirror),
                              .refused = khap_mirror_refused(c->mirror)};
    for (size_t i = 0; i < c->n; i++) {
        struct khap_watch_state w = state_of(&c->streams[i]);
        bool synced = (w.synced && w.failures == 0 && w.left_out != 403) || w.left_out == 404;
        s.behind = synced || s.behind.len > 0 ? s.behind : w.kind;
        s.synced &= synced;
        s.events += w.events;
        s.lists += w.lists;
        s.failures += w.failures;
        s.left_out += w.left_out != 0;
    }
    if (c->writing != NULL)
        s.writes = writing_state(c->writing);
    return s;
}

/* All has been seen that may be. */
static bool has_seen_all(const struct cluster *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct khap_watch_state w = state_of(&c->streams[i]);
        if (!w.synced && w.left_out == 0)
            return false;
    }
    return true;
}

/* ---- on its way */

static uint32_t random_of(struct cluster *c)
{
    c->random = c->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(c->random >> 33);
}

static void end_request(struct cluster *c, struct stream *s, const char *error, int64_t now)
{
    (void)khap_watch_end(s->watch, now, random_of(c));
    tell(c, s, error);
}

static void ask(struct cluster *c, struct stream *s, int64_t now)
{
    enum credentials_state state = credentials_get(&c->credentials, c->log, now, s->renew);
    s->waits = state == CREDENTIALS_WANTED;
    if (s->waits)
        return;
    s->renew = false;
    if (state != CREDENTIALS_READY)
        end_request(c, s, "there are no credentials", now);
    else if (!request_start(&s->request, &c->requests, &c->credentials,
                            &(struct request_asked){.target = s->target}))
        end_request(c, s, "a request cannot be made; are all files of the kubeconfig there?", now);
}

static void step_stream(struct cluster *c, struct stream *s, int64_t now)
{
    struct khap_watch_next next = {.size = sizeof next};
    for (int turns = 0; turns < 4; turns++) {
        if (khap_watch_step(s->watch, now, random_of(c), &next) == KHAP_ENOMEM)
            log_line(c->log, "error", "out of memory");
        if (next.what == KHAP_WATCH_DROP) {
            request_stop(&s->request, &c->requests);
            s->waits = false;
            tell(c, s, "nothing was heard for too long");
        } else if (next.what == KHAP_WATCH_ASK) {
            s->target = next.target;
            s->renew = next.renew != 0;
            ask(c, s, now);
        } else {
            c->until = next.until < c->until ? next.until : c->until;
            return;
        }
    }
    c->until = now;
}

/* The backoff of one is no reason for another one's to go on: what a server answers again is asked for again. */
static void wake(struct cluster *c, int64_t now)
{
    bool answers = false;
    for (size_t i = 0; i < c->n; i++) {
        bool behind = state_of(&c->streams[i]).failures > 0;
        answers |= c->streams[i].behind && !behind;
        c->streams[i].behind = behind;
    }
    if (!answers)
        return;
    for (size_t i = 0; i < c->n; i++)
        (void)khap_watch_wake(c->streams[i].watch, now, random_of(c));
    c->until = now;
}

static struct stream *stream_of(struct cluster *c, const struct request *q)
{
    for (size_t i = 0; i < c->n; i++)
        if (&c->streams[i].request == q)
            return &c->streams[i];
    return NULL;
}

static void step_credentials(struct cluster *c, int64_t now)
{
    if (c->credentials.pid == 0)
        return;
    enum credentials_state state = credentials_step(&c->credentials, c->log, now);
    for (size_t i = 0; i < c->n && state != CREDENTIALS_WANTED; i++) {
        struct stream *s = &c->streams[i];
        if (!s->waits)
            continue;
        s->waits = s->renew = false;
        if (state == CREDENTIALS_READY)
            ask(c, s, now);
        else
            end_request(c, s, "there are no credentials", now);
    }
}

bool cluster_step(struct cluster *c, int64_t now)
{
    const char *error;
    struct request *q;
    requests_step(&c->requests, now);
    while ((q = requests_ended(&c->requests, &error)) != NULL) {
        struct stream *s = stream_of(c, q);
        if (s != NULL)
            end_request(c, s, error, now);
        else if (c->writing != NULL)
            writing_ended(c->writing, error, now, random_of(c));
    }
    step_credentials(c, now);
    c->until = INT64_MAX;
    if (c->writing != NULL)
        writing_step(c->writing, &c->requests, &c->credentials, now, random_of(c), &c->until);
    for (size_t i = 0; i < c->n; i++)
        step_stream(c, &c->streams[i], now);
    wake(c, now);
    if (!has_seen_all(c) && !c->has_synced)
        return false;
    tell_synced(c);
    c->has_synced = true;
    uint64_t changes = khap_mirror_changes(c->mirror);
    bool changed = changes != c->noticed || !c->has_noticed;
    c->noticed = changes;
    c->has_noticed = true;
    return changed;
}

void cluster_fds(const struct cluster *c, int fds[2])
{
    fds[0] = c->requests.fd;
    fds[1] = c->credentials.fd;
}

int64_t cluster_until(const struct cluster *c)
{
    return c->requests.at < c->until ? c->requests.at : c->until;
}

/* ---- what is written */

static struct khap_str version_of(void *ctx, struct khap_str kind)
{
    const struct cluster *c = ctx;
    for (size_t i = 0; i < c->n; i++) {
        struct khap_watch_state w = state_of(&c->streams[i]);
        if (w.kind.len == kind.len && memcmp(w.kind.ptr, kind.ptr, kind.len) == 0)
            return w.api_version;
    }
    return WORD("");
}

void cluster_want(struct cluster *c, const struct pass_text *statuses, const struct pass_text *events)
{
    if (c->writing == NULL || !c->has_synced)
        return;
    if (statuses != NULL)
        writing_want(c->writing, statuses, false, version_of, c);
    if (events != NULL)
        writing_want(c->writing, events, true, version_of, c);
}

/* ---- the file */

static int to_text(void *ctx, const char *data, size_t len)
{
    return text_add_bytes(ctx, data, len) ? 0 : -1;
}

bool cluster_text(const struct cluster *c, struct pass_text *text)
{
    const struct khap_sink sink = {text, to_text};
    return text_add_format(text, "# What khapd knows of the cluster %s. It writes this file anew.\n",
                           cluster_name(c->settings)) &&
           khap_mirror_write(c->mirror, &sink) == KHAP_OK;
}

bool cluster_save(struct cluster *c)
{
    struct pass_text t = {0};
    struct khap_save_options save;
    uint64_t changes = khap_mirror_changes(c->mirror);
    if (!c->has_synced || (c->is_saved && c->saved == changes))
        return true;
    khap_save_options_init(&save);
    save.flags = KHAP_SAVE_SECRET | KHAP_SAVE_NO_SYNC;
    bool good = cluster_text(c, &t) &&
                khap_save_text(&save, word(c->path), (struct khap_str){t.ptr, t.len}, NULL) == KHAP_OK;
    for (size_t i = 0; i < t.len; i++) /* keys may stand there */
        ((volatile char *)t.ptr)[i] = 0;
    free(t.ptr);
    if (!good) {
        log_line(c->log, "error", "%s cannot be written: %s", c->path, strerror(errno));
        return false;
    }
    c->saved = changes;
    c->is_saved = c->known = true;
    return true;
}

#else

void cluster_want(struct cluster *c, const struct pass_text *statuses, const struct pass_text *events)
{
    (void)c;
    (void)statuses;
    (void)events;
}

struct cluster *cluster_start(const struct settings *s, const struct log *log)
{
    (void)s;
    log_line(log, "error", "this khapd was built without libcurl, and cannot follow a cluster");
    return NULL;
}

void cluster_stop(struct cluster *c)
{
    (void)c;
}

void cluster_fds(const struct cluster *c, int fds[2])
{
    (void)c;
    fds[0] = fds[1] = -1;
}

int64_t cluster_until(const struct cluster *c)
{
    (void)c;
    return INT64_MAX;
}

bool cluster_step(struct cluster *c, int64_t now)
{
    (void)c;
    (void)now;
    return false;
}

bool cluster_save(struct cluster *c)
{
    (void)c;
    return true;
}

bool cluster_text(const struct cluster *c, struct pass_text *text)
{
    (void)c;
    (void)text;
    return false;
}

struct cluster_state cluster_state(const struct cluster *c)
{
    (void)c;
    return (struct cluster_state){0};
}

#endif
