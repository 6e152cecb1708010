/* kube/watch.c - list and watch of one kind: what is asked next, and what an answer means. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/watch.h"

#include <stdlib.h>

enum {
    LARGEST_OBJECT = 1 << 20,
    HEAD_MS = 30000,       /* until an answer begins */
    PIECE_MS = 60000,      /* between two pieces of a list */
    STREAMING_MS = 15000,  /* the same of objects that a watch begins with */
    BOOKMARKS_MS = 150000, /* where bookmarks come each minute */
    EARLY_MS = 10000, /* a bookmark that is sent only before the end of a watch comes two seconds before it */
    LATE_MS = 15000,
    AGAIN_MS = 1000,
    SURE = 3, /* so many refusals in a row mean it */
    FIRST_MS = 500,
    DOUBLINGS = 6,
    LONGEST_MS = 30000,
    LONGEST_RETRY_S = 300,
    STEADY_MS = 30000,
    SHORT_MS = 1000,
    WATCH_S = 300,
    MANY_FAILURES = 8
};

/* ---- what is asked */

static struct khap_str word_of(struct khap_str list, size_t i)
{
    for (;; i--) {
        const char *blank = memchr(list.ptr, ' ', list.len);
        size_t len = blank ? (size_t)(blank - list.ptr) : list.len;
        if (i == 0)
            return (struct khap_str){list.ptr, len};
        list = khap__kube_rest(list, len + 1);
        if (list.len == 0)
            return list;
    }
}

static void add_encoded(struct text *t, struct khap_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.' || c == '~';
        khap__kube_add(t, plain ? (struct khap_str){s.ptr + i, 1} : (struct khap_str){escaped, 3});
    }
}

void khap__watch_path(struct khap_watch *w, struct khap_str ns)
{
    struct text *t = &w->target;
    t->len = 0;
    khap__kube_add(t, w->kind->group.len > 0 ? S("/apis/") : S("/api/"));
    khap__kube_add(t, w->kind->group);
    khap__kube_add(t, w->kind->group.len > 0 ? S("/") : S(""));
    khap__kube_add(t, word_of(w->kind->versions, w->version));
    if (ns.len > 0) {
        khap__kube_add(t, S("/namespaces/"));
        add_encoded(t, ns);
    }
    khap__kube_add(t, S("/"));
    khap__kube_add(t, w->kind->plural);
    w->api_version.len = 0;
    khap__kube_add(&w->api_version, w->kind->group);
    khap__kube_add(&w->api_version, w->kind->group.len > 0 ? S("/") : S(""));
    khap__kube_add(&w->api_version, word_of(w->kind->versions, w->version));
}

static void ask(struct khap_watch *w, uint32_t random)
{
    struct text *t = &w->target;
    khap__watch_path(w, khap__kube_text(&w->ns));
    if (w->phase == LIST) {
        khap__kube_add(t, w->whole ? S("?") : S("?limit="));
        if (!w->whole)
            khap__kube_add_number(t, w->options.page);
        if (w->at_page.len > 0) {
            khap__kube_add(t, S("&continue="));
            add_encoded(t, khap__kube_text(&w->at_page));
        } else {
            w->mark++;
            w->lists++;
        }
        return;
    }
    w->watch_s = WATCH_S + random % WATCH_S;
    khap__kube_add(t, S("?watch=1&allowWatchBookmarks=true&timeoutSeconds="));
    khap__kube_add_number(t, w->watch_s);
    if (w->phase == STREAM) {
        khap__kube_add(t, S("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
        w->mark++;
        w->lists++;
    } else {
        khap__kube_add(t, S("&resourceVersion="));
        add_encoded(t, khap__kube_text(&w->seen));
    }
}

/* ---- what comes */

static void begin_anew(struct khap_watch *w)
{
    w->seen.len = w->at_page.len = 0;
    w->phase = w->options.streaming && !w->no_streaming ? STREAM : LIST;
}

static void have_all(struct khap_watch *w)
{
    khap__mirror_sweep(w->mirror, w->kind, khap__kube_text(&w->ns), w->mark);
    w->synced = true;
    if (w->phase == STREAM)
        w->left_out = w->refusals = 0;
    w->whole = false;
    w->message.len = 0;
    w->phase = WATCH;
}

static void keep(struct text *to, struct khap_str text)
{
    to->len = 0;
    khap__kube_add(to, text);
}

static bool event(struct khap_watch *w, const struct found *f)
{
    if (w->error != 0) /* what follows is nobody's */
        return true;
    w->events++;
    if (khap__kube_same(f->type, S("ERROR"))) {
        w->error = f->code != 0 ? f->code : 500;
        w->error_retry_s = f->retry_s;
        keep(&w->message, f->message);
        return true;
    }
    if (khap__kube_same(f->type, S("BOOKMARK"))) {
        if (w->phase == STREAM && f->initial_end)
            have_all(w);
        else if (w->now + EARLY_MS < w->began + (int64_t)w->watch_s * 1000)
            w->has_bookmarks = true;
    } else if (khap__kube_same(f->type, S("DELETED"))) {
        khap__mirror_remove(w->mirror, w->kind, f->ns, f->name);
    } else if (khap__kube_same(f->type, S("ADDED")) || khap__kube_same(f->type, S("MODIFIED"))) {
        w->status = khap__mirror_put(w->mirror, f, w->mark);
    }
    w->failures = 0;
    if (f->version.len > 0)
        keep(&w->seen, f->version);
    return w->status == KHAP_OK && !w->seen.failed;
}

static bool told(void *ctx, const struct found *f)
{
    struct khap_watch *w = ctx;
    if (w->http != 200)
        return true;
    if (w->phase == STREAM || w->phase == WATCH)
        return event(w, f);
    if (w->phase == BY_NAME && (!khap__kube_same(f->name, khap__kube_text(&w->name)) ||
                                !khap__kube_same(f->ns, khap__kube_text(&w->name_ns))))
        return true; /* it is another one than the one that was asked for */
    w->status = khap__mirror_put(w->mirror, f, w->mark);
    return w->status == KHAP_OK;
}

/* ---- when it is asked again */

static void wait(struct khap_watch *w, int64_t ms, uint32_t random)
{
    w->at = w->now + ms + random % (uint32_t)(ms / 2 + 1);
}

static void fail(struct khap_watch *w, uint32_t random)
{
    int64_t ms = INT64_C(1) * FIRST_MS << (w->failures < DOUBLINGS ? w->failures : DOUBLINGS);
    w->failures += w->failures < 1000;
    wait(w, ms < LONGEST_MS ? ms : LONGEST_MS, random);
}

void khap__watch_again(struct khap_watch *w, uint32_t retry_s, uint32_t random)
{
    fail(w, random);
    w->told_when = retry_s > 0;
    if (retry_s > 0)
        wait(w, (int64_t)(retry_s < LONGEST_RETRY_S ? retry_s : LONGEST_RETRY_S) * 1000, random);
}

/* What is known is too old, or of another time. */
static void gone(struct khap_watch *w, uint32_t random)
{
    w->whole = w->phase == LIST && w->at_page.len > 0;
    begin_anew(w);
    if (w->failures++ == 0)
        w->at = w->now;
    else
        fail(w, random);
}

static void leave_out(struct khap_watch *w, uint32_t code, uint32_t random)
{
    /* an API server that has just started permits nothing until it has read who may what, also not what it does not serve */
    w->refusals = w->refused_as == code ? w->refusals : 0;
    w->refused_as = code;
    int64_t ms = INT64_C(1) * AGAIN_MS << (w->refusals < DOUBLINGS ? w->refusals : DOUBLINGS);
    w->refusals += w->refusals < 1000;
    if (code != 403 || w->refusals >= SURE)
        w->left_out = code;
    w->version = 0;
    begin_anew(w);
    wait(w, ms < w->options.again_ms ? ms : w->options.again_ms, random);
}

static void refused(struct khap_watch *w, uint32_t code, uint32_t retry_s, uint32_t random)
{
    switch (code) {
    case 400:
    case 422:
        w->no_streaming |= w->phase == STREAM;
        if (w->phase == STREAM) {
            begin_anew(w);
            w->at = w->now;
            return;
        }
        break;
    case 401:
        w->renew = true;
        break;
    case 403:
        leave_out(w, code, random);
        return;
    case 404:
        if (word_of(w->kind->versions, w->version + 1).len > 0) {
            w->version++;
            begin_anew(w);
            w->at = w->now;
        } else {
            leave_out(w, code, random);
        }
        return;
    case 410:
        gone(w, random);
        return;
    case 504:
        if (w->phase == WATCH) { /* a version that this server has not come to */
            gone(w, random);
            return;
        }
        break;
    default:
        break;
    }
    if (w->failures >= MANY_FAILURES && w->phase == WATCH)
        begin_anew(w);
    khap__watch_again(w, retry_s, random);
}

static void end_list(struct khap_watch *w, uint32_t random)
{
    struct khap_str version = khap__decode_version(&w->decode);
    if (w->broken || !khap__decode_whole(&w->decode) || version.len == 0) {
        fail(w, random);
        return;
    }
    keep(&w->at_page, khap__decode_continue(&w->decode));
    w->at = w->now;
    if (w->at_page.len > 0)
        return;
    keep(&w->seen, version);
    have_all(w);
}

static void end_watch(struct khap_watch *w, uint32_t random)
{
    if (w->error != 0) {
        refused(w, w->error, w->error_retry_s, random);
    } else if (w->phase == STREAM) { /* it did not come to the end of what there was */
        w->no_streaming = true;
        begin_anew(w);
        fail(w, random);
    } else if (w->now - w->began >= SHORT_MS && !w->broken) {
        w->failures = w->now - w->began >= STEADY_MS ? 0 : w->failures;
        w->at = w->now;
    } else {
        fail(w, random);
    }
}

static void judge(struct khap_watch *w, uint32_t random)
{
    w->busy = false;
    if (w->http != 200 && w->http != 0)
        keep(&w->message, khap__decode_message(&w->decode));
    if (w->kind->by_name) {
        khap__watch_end_secret(w, random);
    } else if (w->http == 0) {
        fail(w, random);
    } else if (w->http != 200) {
        uint32_t said = khap__decode_retry_s(&w->decode);
        refused(w, w->http, w->retry_s > said ? w->retry_s : said, random);
    } else if (w->phase == LIST) {
        end_list(w, random);
    } else {
        end_watch(w, random);
    }
}

/* ---- the handle */

void khap_watch_options_init(struct khap_watch_options *options)
{
    if (options)
        *options = (struct khap_watch_options){
            .size = sizeof *options, .page = 500, .streaming = 1, .again_ms = 30000, .secrets_ms = 60000};
}

struct khap_str khap_watch_kind(size_t i, struct khap_str *part, uint32_t *bound)
{
    const struct followed *f = khap__kube_followed(i);
    if (part)
        *part = f ? f->part : S("");
    if (bound)
        *bound = f && f->namespaced;
    return f ? f->kind : S("");
}

static bool is_usable(const struct khap_watch_options *o, const struct followed *kind)
{
    return kind && o->page > 0 && o->page <= 100000 && o->again_ms > 0 && o->secrets_ms > 0 &&
           (o->namespace_.len == 0 || (kind->namespaced && khap__kube_is_name(o->namespace_)));
}

enum khap_status khap_watch_new(const struct khap_alloc *alloc, struct khap_mirror *mirror,
                                const struct khap_watch_options *options, struct khap_watch **out)
{
    struct memory m;
    struct khap_watch_options o;
    if (!out || !options || options->size == 0 || !mirror)
        return KHAP_EINVAL;
    *out = NULL;
    khap_watch_options_init(&o);
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    const struct followed *kind = khap__kube_followed_kind(o.kind);
    if (!is_usable(&o, kind))
        return KHAP_EINVAL;
    khap__kube_memory_init(&m, alloc);
    struct khap_watch *w = m.alloc.resize(m.alloc.ctx, NULL, 0, sizeof *w);
    if (!w)
        return KHAP_ENOMEM;
    *w = (struct khap_watch){.alloc = m.alloc, .mirror = mirror, .kind = kind, .options = o};
    struct text *texts[] = {&w->ns,      &w->target,      &w->seen, &w->at_page,
                            &w->message, &w->api_version, &w->name, &w->name_ns};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        khap__kube_text_init(texts[i], &m.alloc);
    khap__decode_init(&w->decode, &m.alloc, LARGEST_OBJECT, told, w);
    keep(&w->ns, o.namespace_);
    w->options.kind = w->options.namespace_ = S("");
    if (kind->by_name)
        w->phase = BY_NAME;
    else
        begin_anew(w);
    if (w->ns.failed) {
        khap_watch_free(w);
        return KHAP_ENOMEM;
    }
    *out = w;
    return KHAP_OK;
}

void khap_watch_free(struct khap_watch *w)
{
    if (!w)
        return;
    struct khap_alloc alloc = w->alloc;
    struct text *texts[] = {&w->ns,      &w->target,      &w->seen, &w->at_page,
                            &w->message, &w->api_version, &w->name, &w->name_ns};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        khap__kube_text_free(texts[i]);
    khap__decode_free(&w->decode);
    alloc.resize(alloc.ctx, w, sizeof *w, 0);
}

static enum khap_status memory_of(struct khap_watch *w)
{
    struct text *texts[] = {&w->target,      &w->seen, &w->at_page, &w->message,
                            &w->api_version, &w->name, &w->name_ns};
    bool failed = w->status == KHAP_ENOMEM;
    w->status = KHAP_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        failed |= texts[i]->failed;
        texts[i]->failed = false;
    }
    return failed ? KHAP_ENOMEM : KHAP_OK;
}

enum khap_status khap_watch_step(struct khap_watch *w, int64_t now, uint32_t random,
                                 struct khap_watch_next *next)
{
    if (!w || !next || next->size < sizeof *next)
        return KHAP_EINVAL;
    *next = (struct khap_watch_next){.size = next->size};
    w->now = now;
    if (w->busy && now >= w->dead_at) {
        w->broken = true;
        judge(w, random);
        next->what = KHAP_WATCH_DROP;
    } else if (w->busy) {
        next->what = KHAP_WATCH_READ;
        next->until = w->dead_at;
    } else if (w->phase == BY_NAME ? !khap__watch_next_secret(w) : now < w->at) {
        next->what = KHAP_WATCH_WAIT;
        next->until = w->phase == BY_NAME && now >= w->at ? w->all_at : w->at;
    } else {
        if (w->phase != BY_NAME)
            ask(w, random);
        if (memory_of(w) != KHAP_OK) {
            fail(w, random);
            return KHAP_ENOMEM;
        }
        *next = (struct khap_watch_next){next->size, KHAP_WATCH_ASK, w->renew, now + HEAD_MS,
                                         khap__kube_text(&w->target)};
        w->busy = true;
        w->broken = w->renew = w->told_when = false;
        w->http = w->error = w->error_retry_s = w->retry_s = 0;
        w->began = now;
        w->dead_at = now + HEAD_MS;
    }
    return memory_of(w);
}

enum khap_status khap_watch_head(struct khap_watch *w, int64_t now, uint32_t http_status,
                                 uint32_t retry_after)
{
    if (!w || !w->busy)
        return KHAP_EINVAL;
    w->now = now;
    w->http = http_status;
    w->retry_s = retry_after;
    bool watching = http_status == 200 && (w->phase == WATCH || w->phase == STREAM);
    khap__decode_start(&w->decode,
                       watching                                    ? AS_WATCH
                       : http_status == 200 && w->phase == BY_NAME ? AS_ONE
                                                                   : AS_LIST,
                       w->kind, khap__kube_text(&w->api_version));
    w->dead_at = now + PIECE_MS;
    if (w->phase == WATCH && watching) {
        w->left_out = w->refusals = 0;
        w->dead_at = w->began + (int64_t)w->watch_s * 1000 + LATE_MS;
    }
    return KHAP_OK;
}

enum khap_status khap_watch_body(struct khap_watch *w, int64_t now, struct khap_str bytes)
{
    if (!w || !w->busy || w->http == 0)
        return KHAP_EINVAL;
    w->now = now;
    if (w->broken || w->error != 0)
        return w->http == 200 ? KHAP_EINPUT : KHAP_OK;
    bool good = khap__decode_take(&w->decode, bytes);
    if (w->phase == WATCH) {
        int64_t end = w->began + (int64_t)w->watch_s * 1000 + LATE_MS;
        w->dead_at = w->has_bookmarks && now + BOOKMARKS_MS < end ? now + BOOKMARKS_MS : end;
    } else {
        w->dead_at = now + (w->phase == STREAM ? STREAMING_MS : PIECE_MS);
    }
    if (good)
        return memory_of(w);
    w->broken = true;
    enum khap_status status = memory_of(w);
    return status == KHAP_ENOMEM || khap__decode_failed(&w->decode) ? KHAP_ENOMEM
           : w->http == 200                                         ? KHAP_EINPUT
                                                                    : KHAP_OK;
}

enum khap_status khap_watch_end(struct khap_watch *w, int64_t now, uint32_t random)
{
    if (!w || !w->busy)
        return KHAP_EINVAL;
    w->now = now;
    judge(w, random);
    return memory_of(w);
}

enum khap_status khap_watch_wake(struct khap_watch *w, int64_t now, uint32_t random)
{
    if (!w)
        return KHAP_EINVAL;
    int64_t at = now + random % AGAIN_MS;
    if (!w->busy && !w->told_when && w->failures + w->refusals > 0 && at < w->at)
        w->at = at;
    if (w->kind->by_name && w->denied && at < w->all_at)
        w->all_at = at;
    return KHAP_OK;
}

enum khap_status khap_watch_look(const struct khap_watch *w, struct khap_watch_state *state)
{
    if (!w || !state || state->size < sizeof *state)
        return KHAP_EINVAL;
    *state = (struct khap_watch_state){.size = state->size,
                                       .kind = w->kind->kind,
                                       .namespace_ = khap__kube_text(&w->ns),
                                       .message = khap__kube_text(&w->message),
                                       .synced = w->phase == BY_NAME ? khap__watch_has_secrets(w) : w->synced,
                                       .left_out = w->left_out,
                                       .http_status = w->http,
                                       .failures = w->busy && w->http == 200 ? 0 : w->failures + w->refusals,
                                       .lists = w->lists,
                                       .events = w->events,
                                       .api_version = khap__kube_text(&w->api_version)};
    return KHAP_OK;
}
