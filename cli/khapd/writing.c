/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/writing.h"

#include "khapd/wanted.h"
#include "khapd/request.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOST_ROOM = 128, IDENTITY_ROOM = 192, TOLD_ROOM = 320, LARGEST_ANSWER = 3 << 20 };

struct writing {
    struct khap_writer *writer;
    const struct log *log;
    const char *name; /* of the cluster */
    struct request request;
    struct pass_text answer;
    struct khap_write_next next;
    uint32_t http, retry_after;
    int64_t now;
    bool asks; /* a request waits for credentials */
    bool renew, held, told_lease;
    char told[TOLD_ROOM];
};

static int64_t unix_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- start and end */

/* Another one for each process: who starts anew waits until the Lease of before has run out. */
static void make_identity(char identity[IDENTITY_ROOM])
{
    char host[HOST_ROOM] = "";
    (void)gethostname(host, sizeof host - 1);
    snprintf(identity, IDENTITY_ROOM, "%s_%ld_%llx", host[0] != '\0' ? host : "khapd", (long)getpid(),
             (unsigned long long)unix_ms());
}

static bool on_head(void *ctx, int64_t now, uint32_t http, uint32_t retry_after)
{
    struct writing *w = ctx;
    w->now = now;
    w->http = http;
    w->retry_after = retry_after;
    w->answer.len = 0;
    return true;
}

static bool on_body(void *ctx, int64_t now, struct khap_str bytes)
{
    struct writing *w = ctx;
    w->now = now;
    return bytes.len <= LARGEST_ANSWER - w->answer.len && text_add_bytes(&w->answer, bytes.ptr, bytes.len);
}

struct writing *writing_start(const struct settings *s, const struct log *log)
{
    struct writing *w = calloc(1, sizeof *w);
    struct khap_writer_options o;
    char identity[IDENTITY_ROOM];
    const char *lease = setting_text(s, KEY_SOURCES_KUBERNETES_LEASE), *slash = strchr(lease, '/');
    const char *name = setting_text(s, KEY_SOURCES_KUBERNETES_NAME);
    if (w == NULL)
        return NULL;
    make_identity(identity);
    khap_writer_options_init(&o);
    o.identity = word(identity);
    o.controller = word(setting_text(s, KEY_SOURCES_KUBERNETES_CLASS));
    o.lease_ns = (struct khap_str){lease, slash != NULL ? (size_t)(slash - lease) : 0};
    o.lease_name = word(slash != NULL ? slash + 1 : "");
    w->log = log;
    w->name = name != NULL ? name : "cluster";
    w->request.taker = (struct request_taker){on_head, on_body, w};
    if (khap_writer_new(NULL, &o, &w->writer) == KHAP_OK)
        return w;
    log_line(log, "error", "sources[].kubernetes.lease %s: NAMESPACE/NAME is wanted", lease);
    free(w);
    return NULL;
}

void writing_stop(struct writing *w, struct requests *r)
{
    if (w == NULL)
        return;
    request_free(&w->request, r);
    khap_writer_free(w->writer);
    free(w->answer.ptr);
    free(w);
}

/* ---- what is said */

static struct khap_writer_state look(const struct writing *w, int64_t now)
{
    struct khap_writer_state state = {.size = sizeof state};
    (void)khap_writer_look(w->writer, now, &state);
    return state;
}

/* What goes wrong again and again is said once; a cluster that is away is the watches' to say. */
static void tell(struct writing *w, int64_t now)
{
    struct khap_writer_state s = look(w, now);
    char text[TOLD_ROOM] = "";
    int len = s.message.len < 200 ? (int)s.message.len : 200;
    if (s.holds != (uint32_t)w->held)
        log_line(w->log, "info", "cluster %s: %s", w->name,
                 s.holds ? "this khapd writes statuses and events"
                         : "another khapd writes statuses and events from now on");
    w->held = s.holds != 0;
    if (s.http_status == 403 || s.http_status == 422 || s.http_status == 400)
        snprintf(text, sizeof text, "what is to be written is refused: HTTP %u: %.*s", s.http_status, len,
                 s.message.ptr);
    if (text[0] == '\0' || strcmp(text, w->told) == 0)
        return;
    memcpy(w->told, text, sizeof text);
    log_line(w->log, "warning", "cluster %s: %s", w->name, text);
}

struct writes_state writing_state(const struct writing *w)
{
    struct khap_writer_state s = look(w, w->now);
    return (struct writes_state){.writes = true,
                                 .holds = s.holds,
                                 .written = s.writes,
                                 .conflicts = s.conflicts,
                                 .failures = s.failures,
                                 .refused = s.refused,
                                 .waiting = s.waiting};
}

/* ---- on its way */

static void answered(struct writing *w, int64_t now, uint32_t random)
{
    struct khap_str body = {w->answer.ptr != NULL ? w->answer.ptr : "", w->answer.len};
    w->now = now;
    if (khap_writer_answer(w->writer, now, unix_ms(), random, w->http, w->retry_after, body) == KHAP_ENOMEM)
        log_line(w->log, "error", "out of memory");
    w->answer.len = 0;
    w->http = 0;
    tell(w, now);
}

void writing_ended(struct writing *w, const char *error, int64_t now, uint32_t random)
{
    if (error != NULL) /* half of an answer is none */
        w->http = 0;
    answered(w, now, random);
}

static void ask(struct writing *w, struct requests *r, struct credentials *c, int64_t now, uint32_t random)
{
    enum credentials_state state = credentials_get(c, w->log, now, w->renew);
    const struct request_asked asked = {w->next.method, w->next.target, w->next.content_type, w->next.body};
    w->asks = state == CREDENTIALS_WANTED;
    if (w->asks)
        return;
    w->renew = false;
    w->http = w->retry_after = 0;
    if (state != CREDENTIALS_READY || !request_start(&w->request, r, c, &asked))
        answered(w, now, random);
}

void writing_step(struct writing *w, struct requests *r, struct credentials *c, int64_t now, uint32_t random,
                  int64_t *until)
{
    w->now = now;
    if (w->asks && c->pid == 0)
        ask(w, r, c, now, random);
    for (int turns = 0; turns < 3 && !w->asks; turns++) {
        struct khap_write_next next = {.size = sizeof next};
        if (khap_writer_step(w->writer, now, unix_ms(), random, &next) == KHAP_ENOMEM)
            log_line(w->log, "error", "out of memory");
        if (next.what == KHAP_WATCH_DROP) {
            request_stop(&w->request, r);
        } else if (next.what == KHAP_WATCH_ASK) {
            w->next = next;
            w->renew = next.renew != 0;
            ask(w, r, c, now, random);
        } else {
            *until = next.until < *until ? next.until : *until;
            break;
        }
    }
    tell(w, now);
}

/* ---- what is wanted */

static struct khap_str field(struct khap_str *line)
{
    const char *tab = memchr(line->ptr, WANTED_BETWEEN, line->len);
    size_t len = tab != NULL ? (size_t)(tab - line->ptr) : line->len;
    struct khap_str one = {line->ptr, len};
    len += tab != NULL;
    *line = (struct khap_str){line->ptr + len, line->len - len};
    return one;
}

void writing_want(struct writing *w, const struct pass_text *lines, bool events,
                  struct khap_str (*version)(void *ctx, struct khap_str kind), void *ctx)
{
    khap_writer_begin(w->writer, events);
    for (size_t at = 0; at < lines->len;) {
        const char *end = memchr(lines->ptr + at, '\n', lines->len - at);
        struct khap_str line = {lines->ptr + at,
                                end != NULL ? (size_t)(end - lines->ptr) - at : lines->len - at};
        at += line.len + 1;
        struct khap_want want = {.size = sizeof want};
        want.kind = field(&line);
        want.ns = field(&line);
        want.name = field(&line);
        want.reason = field(&line);
        want.message = field(&line);
        want.wanted = line;
        want.api_version = version(ctx, want.kind);
        if (want.api_version.len > 0 && khap_writer_want(w->writer, &want) == KHAP_ENOMEM)
            log_line(w->log, "error", "out of memory");
    }
    khap_writer_commit(w->writer, events);
}
