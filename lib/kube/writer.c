/* kube/writer.c - what is written to a cluster: statuses, finalizers, events; one request after the other. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/writer.h"

#include <stdlib.h>

enum {
    ANSWER_MS = 30000,
    FIRST_MS = 500,
    DOUBLINGS = 7,
    LONGEST_MS = 60000,
    REFUSED_MS = 60000,
    AGAIN_MS = 1800000, /* what others make of it meanwhile is put right then */
    AGAIN_SPREAD_MS = 600000,
    LONGEST_RETRY_S = 300,
    MOST_PATCHES = 4, /* finalizer, status, and both once more */
    LONGEST_NAME = 200
};

static void keep(struct text *to, struct khap_str text)
{
    to->len = 0;
    to->failed = false; /* what could not be kept once can be now */
    khap__kube_add(to, text);
}

/* ---- items */

static int compare(const struct item *a, const struct item *b)
{
    int order = khap__kube_compare(a->kind->kind, b->kind->kind);
    order = order != 0 ? order : khap__kube_compare(a->ns, b->ns);
    order = order != 0 ? order : khap__kube_compare(a->name, b->name);
    order = order != 0 ? order : khap__kube_compare(a->reason, b->reason);
    return order != 0 ? order : khap__kube_compare(a->message, b->message);
}

/* Where it stands, or should. */
static size_t find(const struct khap_writer *w, const struct item *key, bool *found)
{
    size_t low = 0, high = w->n;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(w->items[middle], key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void free_item(struct khap_writer *w, struct item *i)
{
    khap__kube_text_free(&i->version);
    khap__kube_text_free(&i->wanted);
    khap__kube_text_free(&i->body);
    khap__kube_text_free(&i->mem);
    w->alloc.resize(w->alloc.ctx, i, sizeof *i, 0);
}

static void drop(struct khap_writer *w, size_t at)
{
    free_item(w, w->items[at]);
    memmove(w->items + at, w->items + at + 1, (w->n - at - 1) * sizeof *w->items);
    w->n--;
    w->cursor -= w->cursor > at;
}

static struct khap_str put(struct item *i, struct khap_str text, size_t *at)
{
    struct khap_str copy = {i->mem.ptr + *at, text.len};
    *at += text.len;
    return copy;
}

static struct item *new_item(struct khap_writer *w, const struct item *key, size_t at)
{
    const struct khap_str all[] = {key->ns, key->name, key->reason, key->message};
    struct khap_str *to[4];
    size_t from = 0;
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 64 : w->cap * 2;
        struct item **more =
            cap > SIZE_MAX / sizeof *more
                ? NULL
                : w->alloc.resize(w->alloc.ctx, w->items, w->cap * sizeof *more, cap * sizeof *more);
        if (!more)
            return NULL;
        w->items = more;
        w->cap = cap;
    }
    struct item *i = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *i);
    if (!i)
        return NULL;
    *i = (struct item){.kind = key->kind};
    struct text *texts[] = {&i->wanted, &i->body, &i->mem, &i->version};
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        khap__kube_text_init(texts[n], &w->alloc);
    khap__kube_add(&i->mem, S(" ")); /* never nothing */
    for (size_t n = 0; n < 4; n++)
        khap__kube_add(&i->mem, all[n]);
    if (i->mem.failed) {
        free_item(w, i);
        return NULL;
    }
    from = 1;
    to[0] = &i->ns, to[1] = &i->name, to[2] = &i->reason, to[3] = &i->message;
    for (size_t n = 0; n < 4; n++)
        *to[n] = put(i, all[n], &from);
    memmove(w->items + at + 1, w->items + at, (w->n - at) * sizeof *w->items);
    w->items[at] = i;
    w->n++;
    w->cursor += w->cursor > at;
    return i;
}

static bool is_event(const struct item *i)
{
    return i->reason.len > 0;
}

void khap_writer_begin(struct khap_writer *w, uint32_t events)
{
    if (w)
        w->mark[events != 0]++;
}

enum khap_status khap_writer_want(struct khap_writer *w, const struct khap_want *want)
{
    if (!w || !want || want->size == 0)
        return KHAP_EINVAL;
    struct khap_want v = {.size = sizeof v};
    memcpy(&v, want, want->size < sizeof v ? want->size : sizeof v);
    struct item key = {.kind = khap__kube_followed_kind(v.kind), .ns = v.ns, .name = v.name};
    if (!key.kind || !khap__kube_is_name(v.name) || v.api_version.len == 0 ||
        key.kind->namespaced != (v.ns.len > 0) || (v.ns.len > 0 && !khap__kube_is_name(v.ns)))
        return KHAP_EINVAL;
    key.reason = v.reason;
    key.message = v.message;
    bool found;
    size_t at = find(w, &key, &found);
    struct item *i = found ? w->items[at] : new_item(w, &key, at);
    if (!i)
        return KHAP_ENOMEM;
    i->mark = w->mark[is_event(i)];
    keep(&i->version, v.api_version);
    bool same = found && !i->leaves && khap__kube_same(khap__kube_text(&i->wanted), v.wanted);
    i->leaves = false;
    if (!same && (!found || !is_event(i))) {
        keep(&i->wanted, v.wanted);
        i->failures = 0;
        i->at = 0;
        i->does = w->busy_item == i ? ITEM_GETS : ITEM_RESTS; /* what is on its way is of before */
    }
    return i->wanted.failed || i->version.failed ? KHAP_ENOMEM : KHAP_OK;
}

/* What is to be said of an object that is ours no longer: nothing, where nobody else says something there. */
static struct khap_str parting(const struct khap_writer *w, const struct item *i, struct text *t)
{
    t->len = 0;
    if (khap__kube_same(i->kind->kind, S("Ingress")) || khap__kube_same(i->kind->kind, S("Service"))) {
        khap__kube_add(t, S("{\"finalizer\":false,\"status\":{\"loadBalancer\":{}}}"));
    } else if (khap__kube_same(khap__kube_rest(i->kind->kind, i->kind->kind.len - 5), S("Route"))) {
        khap__kube_add(t, S("{\"controllerName\":"));
        khap__json_add_quoted(t, khap__kube_text(&w->controller));
        khap__kube_add(t, S(",\"status\":{\"parents\":[]}}"));
    } else {
        khap__kube_add(t, S("{}"));
    }
    return khap__kube_text(t);
}

void khap_writer_commit(struct khap_writer *w, uint32_t events)
{
    for (size_t n = w ? w->n : 0; n > 0; n--) {
        struct item *i = w->items[n - 1];
        if (is_event(i) != (events != 0) || i->mark == w->mark[events != 0] || i->leaves)
            continue;
        if (is_event(i) && i != w->busy_item) {
            drop(w, n - 1);
            continue;
        }
        i->leaves = true;
        if (!is_event(i)) {
            struct text t;
            khap__kube_text_init(&t, &w->alloc);
            keep(&i->wanted, parting(w, i, &t));
            khap__kube_text_free(&t);
            i->at = 0;
            i->does = w->busy_item == i ? ITEM_GETS : ITEM_RESTS;
        }
    }
}

/* ---- what is asked */

static void add_path(struct khap_writer *w, const struct item *i)
{
    struct text *t = &w->target;
    t->len = 0;
    khap__kube_add(t, i->kind->group.len > 0 ? S("/apis/") : S("/api/"));
    khap__kube_add(t, khap__kube_text(&i->version));
    if (i->ns.len > 0) {
        khap__kube_add(t, S("/namespaces/"));
        khap__kube_add(t, i->ns);
    }
    khap__kube_add(t, S("/"));
    khap__kube_add(t, i->kind->plural);
    khap__kube_add(t, S("/"));
    khap__kube_add(t, i->name);
}

static void add_events_path(struct khap_writer *w, const struct item *i)
{
    w->target.len = 0;
    khap__kube_add(&w->target, S("/api/v1/namespaces/"));
    khap__kube_add(&w->target, i->ns.len > 0 ? i->ns : S("default"));
    khap__kube_add(&w->target, S("/events"));
}

static struct item *next_item(struct khap_writer *w, int64_t now, int64_t *until)
{
    for (size_t n = 0; n < w->n; n++) {
        size_t at = (w->cursor + n) % w->n;
        if (w->items[at]->at <= now) {
            w->cursor = at + 1;
            return w->items[at];
        }
        *until = w->items[at]->at < *until ? w->items[at]->at : *until;
    }
    return NULL;
}

static const char *ask_item(struct khap_writer *w, struct item *i, const char **type)
{
    w->body.len = 0;
    if (i->does == ITEM_POSTS) {
        add_events_path(w, i);
        khap__kube_add(&w->body, khap__kube_text(&i->body));
        *type = "application/json";
        return "POST";
    }
    add_path(w, i);
    if (i->does == ITEM_PATCHES) {
        khap__kube_add(&w->target, i->patches == PATCH_STATUS ? S("/status") : S(""));
        khap__kube_add(&w->body, khap__kube_text(&i->body));
        *type = "application/merge-patch+json";
        return "PATCH";
    }
    i->does = ITEM_GETS;
    return "GET";
}

static bool ran_out(struct khap_writer *w)
{
    struct text *texts[] = {&w->target,       &w->body,           &w->message,   &w->lease.version,
                            &w->lease.holder, &w->lease.identity, &w->controller};
    bool failed = false;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        failed |= texts[i]->failed;
        texts[i]->failed = false;
    }
    return failed;
}

enum khap_status khap_writer_step(struct khap_writer *w, int64_t now, int64_t unix_ms, uint32_t random,
                                  struct khap_write_next *next)
{
    if (!w || !next || next->size < sizeof *next)
        return KHAP_EINVAL;
    const char *type = "application/json", *method = NULL;
    int64_t until = w->lease.at;
    *next = (struct khap_write_next){.size = next->size};
    if (w->busy) {
        next->what = now < w->dead_at ? KHAP_WATCH_READ : KHAP_WATCH_DROP;
        next->until = w->dead_at;
        if (next->what == KHAP_WATCH_DROP)
            (void)khap_writer_answer(w, now, unix_ms, random, 0, 0, S(""));
        return KHAP_OK;
    }
    method = khap__lease_ask(&w->lease, now, unix_ms, &w->target, &w->body);
    w->busy_lease = method != NULL;
    w->busy_item = NULL;
    if (!method && khap__lease_is_ours(&w->lease, now)) {
        w->busy_item = next_item(w, now, &until);
        method = w->busy_item ? ask_item(w, w->busy_item, &type) : NULL;
    }
    if (!method) {
        next->until = until;
        return KHAP_OK;
    }
    if (ran_out(w)) {
        w->lease.at = now + LEASE_EVERY_MS;
        return KHAP_ENOMEM;
    }
    w->busy = true;
    w->dead_at = now + ANSWER_MS;
    next->what = KHAP_WATCH_ASK;
    next->renew = w->renew;
    w->renew = false;
    next->until = w->dead_at;
    next->method = (struct khap_str){method, strlen(method)};
    next->target = khap__kube_text(&w->target);
    next->content_type = (struct khap_str){type, strlen(type)};
    next->body = khap__kube_text(&w->body);
    return KHAP_OK;
}

/* ---- what comes */

static void later(struct khap_writer *w, struct item *i, int64_t now, uint32_t retry_s, uint32_t random)
{
    int64_t ms = INT64_C(1) * FIRST_MS << (i->failures < DOUBLINGS ? i->failures : DOUBLINGS);
    i->failures += i->failures < 1000;
    ms = retry_s > 0       ? (int64_t)(retry_s < LONGEST_RETRY_S ? retry_s : LONGEST_RETRY_S) * 1000
         : ms < LONGEST_MS ? ms
                           : LONGEST_MS;
    i->does = ITEM_RESTS;
    i->patched = 0;
    i->at = now + ms + random % (uint32_t)(ms / 2 + 1);
    w->failures++;
}

static void rest(struct khap_writer *w, struct item *i, int64_t now, uint32_t random)
{
    i->does = ITEM_RESTS;
    i->failures = i->patched = 0;
    i->body.len = 0;
    i->at = is_event(i) ? INT64_MAX : now + AGAIN_MS + random % AGAIN_SPREAD_MS;
    if (i->leaves) {
        bool found;
        size_t at = find(w, i, &found);
        if (found)
            drop(w, at);
    }
}

static void add_pair(struct text *t, struct khap_str before, struct khap_str value)
{
    khap__kube_add(t, before);
    khap__json_add_quoted(t, value);
}

/* Its name is its content's, so that the same is not said twice, whoever says it. */
static void make_event(struct khap_writer *w, struct item *i, const struct dom *object, int64_t unix_ms)
{
    static const char hex[] = "0123456789abcdef";
    const struct khap_str parts[] = {khap__dom_text(object, "metadata.uid"), i->reason, i->message};
    uint64_t h = UINT64_C(14695981039346656037);
    struct text *t = &i->body;
    char sum[16];
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++)
        for (size_t k = 0; k < parts[n].len; k++)
            h = (h ^ (unsigned char)parts[n].ptr[k]) * UINT64_C(1099511628211);
    for (size_t n = 0; n < sizeof sum; n++)
        sum[n] = hex[h >> (60 - 4 * n) & 15];
    struct khap_str name = {i->name.ptr, i->name.len < LONGEST_NAME ? i->name.len : LONGEST_NAME};
    struct khap_str wanted = khap__kube_text(&i->wanted);
    t->len = 0;
    khap__kube_add(t, S("{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\""));
    khap__kube_add(t, name);
    khap__kube_add(t, S("."));
    khap__kube_add(t, (struct khap_str){sum, sizeof sum});
    add_pair(t, S("\",\"namespace\":"), i->ns.len > 0 ? i->ns : S("default"));
    add_pair(t, S("},\"involvedObject\":{\"kind\":"), i->kind->kind);
    add_pair(t, S(",\"apiVersion\":"), khap__kube_text(&i->version));
    if (i->ns.len > 0)
        add_pair(t, S(",\"namespace\":"), i->ns);
    add_pair(t, S(",\"name\":"), i->name);
    add_pair(t, S(",\"uid\":"), parts[0]);
    add_pair(t, S("},\"reason\":"), i->reason);
    add_pair(t, S(",\"message\":"), i->message);
    add_pair(t, S(",\"type\":"), wanted.len > 0 ? wanted : S("Normal"));
    khap__kube_add(t, S(",\"count\":1,\"source\":{\"component\":\"khapd\"},\"firstTimestamp\":\""));
    khap__add_time(t, unix_ms, false);
    khap__kube_add(t, S("\",\"lastTimestamp\":\""));
    khap__add_time(t, unix_ms, false);
    add_pair(t, S("\",\"reportingComponent\":\"khap.io/khapd\",\"reportingInstance\":"),
             khap__kube_text(&w->lease.identity));
    khap__kube_add(t, S("}"));
}

/* The object as it is: what is left to be done. */
static void look(struct khap_writer *w, struct item *i, int64_t now, int64_t unix_ms, uint32_t random,
                 struct khap_str body)
{
    struct memory m;
    enum patch_of before = i->does == ITEM_PATCHES ? i->patches : PATCH_NOTHING;
    khap__kube_memory_init(&m, &w->alloc);
    const struct dom *object = khap__dom_read(&m, body),
                     *wanted = is_event(i) ? NULL : khap__dom_read(&m, khap__kube_text(&i->wanted));
    bool done = false;
    i->patches = PATCH_NOTHING;
    if (object && is_event(i)) {
        make_event(w, i, object, unix_ms);
        i->does = ITEM_POSTS;
    } else if (object && wanted) {
        /* what the server does not know of a status it has dropped */
        i->patches = khap__patch(&m, object, wanted, before == PATCH_STATUS, unix_ms, &i->body);
        i->does = ITEM_PATCHES;
        done = i->patches == PATCH_NOTHING;
        i->patched += !done;
    }
    /* one that stays as it was, whatever it is told, is not told so at once */
    bool good =
        object && !m.failed && !i->body.failed && (wanted || is_event(i)) && i->patched <= MOST_PATCHES;
    i->body.failed = false;
    i->at = now;
    if (!good)
        later(w, i, now, 0, random);
    else if (done)
        rest(w, i, now, random);
    khap__kube_memory_free(&m);
}

static void take_message(struct khap_writer *w, struct khap_str body)
{
    struct memory m;
    khap__kube_memory_init(&m, &w->alloc);
    keep(&w->message, khap__dom_text(khap__dom_read(&m, body), "message"));
    khap__kube_memory_free(&m);
}

static void answer_item(struct khap_writer *w, struct item *i, int64_t now, int64_t unix_ms, uint32_t random,
                        uint32_t http, uint32_t retry_s, struct khap_str body)
{
    bool posts = i->does == ITEM_POSTS, patches = i->does == ITEM_PATCHES;
    if (http == 200 || http == 201) {
        w->writes += posts || patches;
        if (posts)
            rest(w, i, now, random);
        else
            look(w, i, now, unix_ms, random, body);
    } else if (http == 404 || (http == 409 && posts)) { /* it is gone; it was said */
        rest(w, i, now, random);
    } else if (http == 409) {
        w->conflicts++;
        i->does = ITEM_RESTS;
        if (i->failures == 0)
            i->at = now, i->failures++;
        else
            later(w, i, now, 0, random);
    } else if (http == 403 || http == 422 || http == 400) {
        w->refused++;
        later(w, i, now, REFUSED_MS / 1000, random);
    } else {
        later(w, i, now, retry_s, random);
    }
}

enum khap_status khap_writer_answer(struct khap_writer *w, int64_t now, int64_t unix_ms, uint32_t random,
                                    uint32_t http_status, uint32_t retry_after, struct khap_str body)
{
    if (!w || !w->busy)
        return KHAP_EINVAL;
    struct item *i = w->busy_item;
    w->busy = false;
    w->busy_item = NULL;
    w->http = http_status;
    w->renew = http_status == 401;
    w->message.len = 0;
    if (http_status >= 300)
        take_message(w, body);
    if (w->busy_lease)
        khap__lease_answer(&w->lease, now, http_status, body, random);
    else if (i)
        answer_item(w, i, now, unix_ms, random, http_status, retry_after, body);
    return ran_out(w) ? KHAP_ENOMEM : KHAP_OK;
}

/* ---- the handle */

void khap_writer_options_init(struct khap_writer_options *options)
{
    if (options)
        *options = (struct khap_writer_options){.size = sizeof *options,
                                                .controller = S("khap.io/haproxy"),
                                                .lease_ns = S("khap-system"),
                                                .lease_name = S("khapd")};
}

enum khap_status khap_writer_new(const struct khap_alloc *alloc, const struct khap_writer_options *options,
                                 struct khap_writer **out)
{
    struct memory m;
    struct khap_writer_options o;
    if (!out || !options || options->size == 0)
        return KHAP_EINVAL;
    *out = NULL;
    khap_writer_options_init(&o);
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    if (o.identity.len == 0 || !khap__kube_is_name(o.lease_ns) || !khap__kube_is_name(o.lease_name))
        return KHAP_EINVAL;
    khap__kube_memory_init(&m, alloc);
    struct khap_writer *w = m.alloc.resize(m.alloc.ctx, NULL, 0, sizeof *w);
    if (!w)
        return KHAP_ENOMEM;
    *w = (struct khap_writer){.alloc = m.alloc, .lease.alloc = m.alloc, .lease.at = INT64_MIN};
    struct text *texts[] = {&w->controller, &w->target,         &w->body,
                            &w->message,    &w->lease.identity, &w->lease.ns,
                            &w->lease.name, &w->lease.version,  &w->lease.holder};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        khap__kube_text_init(texts[i], &w->alloc);
    keep(&w->controller, o.controller);
    keep(&w->lease.identity, o.identity);
    keep(&w->lease.ns, o.lease_ns);
    keep(&w->lease.name, o.lease_name);
    if (w->controller.failed || w->lease.identity.failed || w->lease.ns.failed || w->lease.name.failed) {
        khap_writer_free(w);
        return KHAP_ENOMEM;
    }
    *out = w;
    return KHAP_OK;
}

void khap_writer_free(struct khap_writer *w)
{
    if (!w)
        return;
    while (w->n > 0)
        drop(w, w->n - 1);
    struct khap_alloc alloc = w->alloc;
    struct text *texts[] = {&w->controller, &w->target,         &w->body,
                            &w->message,    &w->lease.identity, &w->lease.ns,
                            &w->lease.name, &w->lease.version,  &w->lease.holder};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        khap__kube_text_free(texts[i]);
    if (w->items)
        alloc.resize(alloc.ctx, w->items, w->cap * sizeof(struct item *), 0);
    alloc.resize(alloc.ctx, w, sizeof *w, 0);
}

enum khap_status khap_writer_look(const struct khap_writer *w, int64_t now, struct khap_writer_state *state)
{
    if (!w || !state || state->size < sizeof *state)
        return KHAP_EINVAL;
    *state = (struct khap_writer_state){.size = state->size,
                                        .holds = khap__lease_is_ours(&w->lease, now),
                                        .holder = khap__kube_text(&w->lease.holder),
                                        .http_status = w->http,
                                        .message = khap__kube_text(&w->message),
                                        .writes = w->writes,
                                        .conflicts = w->conflicts,
                                        .failures = w->failures,
                                        .refused = w->refused};
    for (size_t i = 0; i < w->n; i++)
        state->waiting +=
            w->items[i]->does != ITEM_RESTS || w->items[i]->failures > 0 || w->items[i]->at == 0;
    return KHAP_OK;
}
