/* watch_lab.h - one watch, its mirror and a clock; the test is the server. SPDX-License-Identifier: MIT */
#ifndef KHAP_TESTS_WATCH_LAB_H
#define KHAP_TESTS_WATCH_LAB_H

#include <khap/cluster.h>
#include <khap/kube.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})
#define NODE(name, version, address)                                                                         \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version                                    \
    "\",\"managedFields\":[{\"fieldsV1\":{\"f:a\":{}}}]},\"status\":{\"conditions\":[{"                      \
    "\"lastHeartbeatTime\":\"" version "\"}],\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"" address \
    "\"}]}}"
#define KEPT(name, address)                                                                                  \
    "---\n{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"" name                           \
    "\"},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"" address "\"}]}}\n"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version)                                                                                    \
    EVENT("BOOKMARK", "{\"kind\":\"Node\",\"metadata\":{\"resourceVersion\":\"" version "\"},\"spec\":{}}")
#define STATUS(code)                                                                                         \
    "{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"so\",\"code\":" code "}"

struct text {
    char *ptr;
    size_t len;
};

static inline int into_text(void *ctx, const char *data, size_t len)
{
    struct text *t = ctx;
    t->ptr = realloc(t->ptr, t->len + len + 1);
    assert_non_null(t->ptr);
    memcpy(t->ptr + t->len, data, len);
    t->len += len;
    t->ptr[t->len] = '\0';
    return 0;
}

struct lab {
    struct khap_mirror *mirror;
    struct khap_watch *watch;
    struct khap_watch_next next;
    int64_t now;
    size_t piece; /* answers come in pieces of so many bytes; 0: whole */
    size_t first; /* … after one of so many */
};

static inline enum khap_status lab_open(struct lab *l, const struct khap_alloc *alloc, const char *kind,
                                        uint32_t streaming)
{
    struct khap_watch_options o;
    khap_watch_options_init(&o);
    o.kind = (struct khap_str){kind, strlen(kind)};
    o.streaming = streaming;
    o.page = 2;
    *l = (struct lab){.now = 1000, .next = {.size = sizeof l->next}};
    enum khap_status status = khap_mirror_new(alloc, 0, &l->mirror);
    return status != KHAP_OK ? status : khap_watch_new(alloc, l->mirror, &o, &l->watch);
}

static inline void lab_close(struct lab *l)
{
    khap_watch_free(l->watch);
    khap_mirror_free(l->mirror);
}

static inline enum khap_status next(struct lab *l)
{
    return khap_watch_step(l->watch, l->now, 7, &l->next);
}

static inline struct khap_watch_state state(const struct lab *l)
{
    struct khap_watch_state s = {.size = sizeof s};
    assert_int_equal(khap_watch_look(l->watch, &s), KHAP_OK);
    return s;
}

/* Waits as long as it is told to; the target of the request that comes then. */
static inline const char *asked(struct lab *l)
{
    static char target[2048]; /* of a test, which is one thread */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(next(l), KHAP_OK);
        if (l->next.what == KHAP_WATCH_ASK)
            break;
        if (l->next.what == KHAP_WATCH_WAIT) {
            assert_true(l->next.until > l->now);
            l->now = l->next.until;
        }
    }
    assert_int_equal(l->next.what, KHAP_WATCH_ASK);
    assert_true(l->next.target.len < sizeof target);
    memcpy(target, l->next.target.ptr, l->next.target.len);
    target[l->next.target.len] = '\0';
    return target;
}

static inline enum khap_status body(struct lab *l, const char *text)
{
    size_t len = strlen(text), at = 0;
    enum khap_status status = KHAP_OK;
    while (at < len && status == KHAP_OK) {
        size_t n = at == 0 && l->first > 0 ? l->first : l->piece > 0 ? l->piece : len;
        n = n < len - at ? n : len - at;
        status = khap_watch_body(l->watch, l->now, (struct khap_str){text + at, n});
        at += n;
    }
    return status;
}

static inline enum khap_status answer(struct lab *l, uint32_t http, const char *text)
{
    enum khap_status status = khap_watch_head(l->watch, l->now, http, 0);
    if (status == KHAP_OK)
        status = body(l, text);
    enum khap_status end = khap_watch_end(l->watch, l->now, 7);
    return status != KHAP_OK ? status : end;
}

static inline void watched(struct lab *l, int64_t ms, const char *text)
{
    assert_int_equal(khap_watch_head(l->watch, l->now, 200, 0), KHAP_OK);
    (void)body(l, text);
    l->now += ms;
    assert_int_equal(khap_watch_end(l->watch, l->now, 7), KHAP_OK);
}

static inline void assert_mirror(const struct lab *l, const char *expected)
{
    struct text t = {0};
    const struct khap_sink sink = {&t, into_text};
    assert_int_equal(into_text(&t, "", 0), 0);
    assert_int_equal(khap_mirror_write(l->mirror, &sink), KHAP_OK);
    assert_string_equal(t.ptr, expected);
    free(t.ptr);
}

#endif
