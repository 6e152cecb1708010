/* What is written to a cluster: who writes, in which order, what a conflict, a refusal, a lost Lease come to, what of others stays, and every allocation
 * made to fail. SPDX-License-Identifier: MIT */
#include "failing_alloc.h"

#include <khap/cluster.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})
#define LEASES     "/apis/coordination.k8s.io/v1/namespaces/khap-system/leases"
#define LEASE(holder, version)                                                                               \
    "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"spec\":{\"holderIdentity\":\"" holder             \
    "\",\"leaseTransitions\":4}}"
#define WEB "/api/v1/namespaces/shop/services/web"
#define SERVICE(version, meta, status)                                                                       \
    "{\"kind\":\"Service\",\"metadata\":{\"name\":\"web\",\"resourceVersion\":\"" version "\"" meta          \
    "},\"status\":{" status "}}"
#define HELD   ",\"finalizers\":[\"a/b\",\"khap.io/haproxy\"]"
#define HAS    "\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\"}]}"
#define HAS2   "\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.2\"}]}"
#define WANTED "{\"finalizer\":true,\"status\":{" HAS "}}"

enum { UNIX_S = 1767225599 }; /* 2025-12-31T23:59:59Z */

struct lab {
    struct khap_writer *writer;
    struct khap_write_next next;
    int64_t now;
    bool said; /* KHAP_ENOMEM */
};

static enum khap_status lab_open(struct lab *l, const struct khap_alloc *alloc)
{
    struct khap_writer_options o;
    khap_writer_options_init(&o);
    o.identity = S("me");
    *l = (struct lab){.now = 100000, .next = {.size = sizeof l->next}};
    return khap_writer_new(alloc, &o, &l->writer);
}

static int64_t unix_ms(const struct lab *l)
{
    return INT64_C(1000) * UNIX_S + l->now % 1000;
}

static struct khap_writer_state state(const struct lab *l)
{
    struct khap_writer_state s = {.size = sizeof s};
    assert_int_equal(khap_writer_look(l->writer, l->now, &s), KHAP_OK);
    return s;
}

static enum khap_status answer(struct lab *l, uint32_t http, const char *body)
{
    enum khap_status status =
        khap_writer_answer(l->writer, l->now, unix_ms(l), 7, http, 0, (struct khap_str){body, strlen(body)});
    l->said |= status == KHAP_ENOMEM;
    return status;
}

/* What is asked next: METHOD TARGET BODY; until then time goes on, not longer than `ms`. Empty: nothing is. */
static const char *asked(struct lab *l, int64_t ms)
{
    static char text[4000]; /* of a test, which is one thread */
    int64_t end = l->now + ms;
    for (int i = 0; i < 100; i++) {
        enum khap_status status = khap_writer_step(l->writer, l->now, unix_ms(l), 7, &l->next);
        l->said |= status == KHAP_ENOMEM;
        if (status != KHAP_OK)
            return "";
        if (l->next.what == KHAP_WATCH_ASK) {
            (void)snprintf(text, sizeof text, "%.*s %.*s %.*s", (int)l->next.method.len, l->next.method.ptr,
                           (int)l->next.target.len, l->next.target.ptr, (int)l->next.body.len,
                           l->next.body.ptr);
            return text;
        }
        assert_int_equal(l->next.what, KHAP_WATCH_WAIT);
        assert_true(l->next.until > l->now);
        if (l->next.until > end)
            break;
        l->now = l->next.until;
    }
    l->now = end;
    return "";
}

/* The same, while the Lease is renewed. */
static const char *asked_behind_lease(struct lab *l, int64_t ms)
{
    int64_t end = l->now + ms;
    for (;;) {
        const char *text = asked(l, end - l->now);
        if (strncmp(text, "PUT " LEASES, sizeof "PUT " LEASES - 1) != 0)
            return text;
        assert_int_equal(answer(l, 200, LEASE("me", "9")), KHAP_OK);
    }
}

static void until_held(struct lab *l)
{
    assert_int_equal(lab_open(l, NULL), KHAP_OK);
    assert_string_equal(asked(l, 0), "GET " LEASES "/khapd ");
    assert_int_equal(state(l).holds, 0);
    assert_int_equal(answer(l, 404, "{\"message\":\"none\"}"), KHAP_OK);
    assert_string_equal(
        asked(l, 0),
        "POST " LEASES
        " {\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
        "\"khapd\",\"namespace\":\"khap-system\"},\"spec\":{\"holderIdentity\":\"me\","
        "\"leaseDurationSeconds\":15,\"leaseTransitions\":0,\"renewTime\":\"2025-12-31T23:59:59.000000Z\","
        "\"acquireTime\":\"2025-12-31T23:59:59.000000Z\"}}");
    assert_int_equal(answer(l, 201, LEASE("me", "1")), KHAP_OK);
    assert_int_equal(state(l).holds, 1);
}

static enum khap_status want(struct lab *l, const char *kind, const char *version, const char *name,
                             const char *wanted)
{
    struct khap_want w = {.size = sizeof w,
                          .kind = {kind, strlen(kind)},
                          .api_version = {version, strlen(version)},
                          .ns = S("shop"),
                          .name = {name, strlen(name)},
                          .wanted = {wanted, strlen(wanted)}};
    khap_writer_begin(l->writer, 0);
    enum khap_status status = khap_writer_want(l->writer, &w);
    khap_writer_commit(l->writer, 0);
    return status;
}

static enum khap_status tell(struct lab *l, const char *reason, const char *message)
{
    struct khap_want w = {.size = sizeof w,
                          .kind = S("Service"),
                          .api_version = S("v1"),
                          .ns = S("shop"),
                          .name = S("web"),
                          .wanted = S("Warning"),
                          .reason = {reason, strlen(reason)},
                          .message = {message, strlen(message)}};
    khap_writer_begin(l->writer, 1);
    enum khap_status status = khap_writer_want(l->writer, &w);
    khap_writer_commit(l->writer, 1);
    return status;
}

/* ---- who writes */

static void test_lease(void **unused)
{
    struct lab l;
    (void)unused;
    assert_int_equal(lab_open(&l, NULL), KHAP_OK);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    /* another one has it, and renews it: nothing is written */
    for (int version = 1; version < 10; version++) {
        char body[200];
        assert_string_equal(asked(&l, 4000), "GET " LEASES "/khapd ");
        (void)snprintf(body, sizeof body,
                       "{\"metadata\":{\"resourceVersion\":\"%d\"},\"spec\":{\"holderIdentity\":\"you\"}}",
                       version);
        assert_int_equal(answer(&l, 200, body), KHAP_OK);
        assert_int_equal(state(&l).holds, 0);
    }
    assert_memory_equal(state(&l).holder.ptr, "you", 3);
    /* until it does no longer, by our clock */
    int64_t since = l.now;
    const char *text;
    while (strncmp(text = asked(&l, 4000), "GET ", 4) == 0)
        assert_int_equal(answer(&l, 200, LEASE("you", "9")), KHAP_OK);
    assert_true(l.now >= since + 15000 && l.now <= since + 20000);
    assert_non_null(strstr(text, "PUT " LEASES "/khapd {"));
    assert_non_null(strstr(text, "\"resourceVersion\":\"9\""));
    assert_non_null(strstr(text, "\"leaseTransitions\":5"));
    /* a third one was sooner */
    assert_int_equal(answer(&l, 409, "{}"), KHAP_OK);
    assert_string_equal(asked(&l, 4000), "GET " LEASES "/khapd ");
    assert_int_equal(state(&l).holds, 0);
    /* nobody wants it any more */
    assert_int_equal(answer(&l, 200, LEASE("", "12")), KHAP_OK);
    assert_non_null(strstr(asked(&l, 0), "\"resourceVersion\":\"12\""));
    assert_int_equal(answer(&l, 200, LEASE("me", "13")), KHAP_OK);
    assert_int_equal(state(&l).holds, 1);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    khap_writer_free(l.writer);
}

/* A Lease that cannot be renewed is ours for ten seconds more; what was written stays. */
static void test_lease_lost(void **unused)
{
    struct lab l;
    (void)unused;
    until_held(&l);
    int64_t since = l.now;
    while (state(&l).holds) {
        assert_non_null(strstr(asked(&l, 4000), LEASES));
        assert_int_equal(answer(&l, 0, ""), KHAP_OK);
        l.now += 100;
    }
    assert_true(l.now >= since + 10000 && l.now <= since + 15000);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    khap_writer_begin(l.writer, 0);
    khap_writer_commit(l.writer, 0);
    assert_string_equal(asked(&l, 4000), "GET " LEASES "/khapd ");
    /* a right that was taken away ends it at once */
    assert_int_equal(answer(&l, 200, LEASE("me", "2")), KHAP_OK);
    assert_non_null(strstr(asked(&l, 0), "PUT " LEASES "/khapd {"));
    assert_int_equal(answer(&l, 200, LEASE("me", "3")), KHAP_OK);
    assert_int_equal(state(&l).holds, 1);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    assert_int_equal(answer(&l, 404, "{}"), KHAP_OK);
    assert_non_null(strstr(asked(&l, 4000), "PUT " LEASES "/khapd {"));
    assert_int_equal(answer(&l, 403, "{\"message\":\"no\"}"), KHAP_OK);
    assert_int_equal(state(&l).holds, 0);
    assert_int_equal(state(&l).http_status, 403);
    assert_memory_equal(state(&l).message.ptr, "no", 2);
    khap_writer_free(l.writer);
}

/* ---- a Service of type LoadBalancer */

static void test_order(void **unused)
{
    struct lab l;
    (void)unused;
    until_held(&l);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    assert_int_equal(state(&l).waiting, 1);
    assert_int_equal(answer(&l, 200, SERVICE("7", ",\"finalizers\":[\"a/b\"]", "\"loadBalancer\":{}")),
                     KHAP_OK);
    /* held first, then told where it is */
    assert_string_equal(
        asked(&l, 0),
        "PATCH " WEB
        " {\"metadata\":{\"resourceVersion\":\"7\",\"finalizers\":[\"a/b\",\"khap.io/haproxy\"]}}");
    assert_memory_equal(l.next.content_type.ptr, "application/merge-patch+json", l.next.content_type.len);
    assert_int_equal(answer(&l, 200, SERVICE("8", HELD, "\"loadBalancer\":{}")), KHAP_OK);
    assert_string_equal(
        asked(&l, 0), "PATCH " WEB "/status {\"metadata\":{\"resourceVersion\":\"8\"},\"status\":{" HAS "}}");
    /* what the server does not know it drops: that is no reason to write it for ever */
    assert_int_equal(answer(&l, 200, SERVICE("9", HELD, "\"loadBalancer\":{}")), KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 60000), "");
    assert_int_equal(state(&l).waiting, 0);
    assert_int_equal(state(&l).writes, 2);
    /* the same again is nothing to do; another one is */
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 60000), "");
    assert_int_equal(
        want(&l, "Service", "v1", "web",
             "{\"finalizer\":true,\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.2\"}]}}}"),
        KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 0), "GET " WEB " ");
    assert_int_equal(
        answer(&l, 200, SERVICE("9", HELD, "\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.2\"}]}")),
        KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 60000), "");
    /* somebody else's change is put right, at some time */
    assert_string_equal(asked_behind_lease(&l, 2500000), "GET " WEB " ");
    khap_writer_free(l.writer);
}

/* Somebody takes the finalizer away each time, at once: no storm. */
static void test_in_vain(void **unused)
{
    struct lab l;
    int patches = 0;
    (void)unused;
    until_held(&l);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    for (int64_t end = l.now + 60000; l.now < end;) {
        const char *text = asked_behind_lease(&l, end - l.now);
        patches += strncmp(text, "PATCH ", 6) == 0;
        if (text[0] != '\0')
            assert_int_equal(answer(&l, 200, SERVICE("7", "", "")), KHAP_OK);
    }
    assert_true(patches >= 4 && patches <= 40);
    assert_int_equal(state(&l).waiting, 1);
    khap_writer_free(l.writer);
}

static void test_leaves(void **unused)
{
    struct lab l;
    (void)unused;
    until_held(&l);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    /* it is ours no longer while it is asked for: what comes is of before, and asked for again */
    khap_writer_begin(l.writer, 0);
    khap_writer_commit(l.writer, 0);
    assert_int_equal(answer(&l, 200, SERVICE("7", HELD, HAS)), KHAP_OK);
    assert_string_equal(asked(&l, 0),
                        "PATCH " WEB
                        "/status {\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{\"loadBalancer\":"
                        "{\"ingress\":null}}}");
    assert_int_equal(answer(&l, 200, SERVICE("8", HELD, "\"loadBalancer\":{}")), KHAP_OK);
    /* and is let go then, not half an hour later */
    assert_string_equal(asked(&l, 0),
                        "PATCH " WEB " {\"metadata\":{\"resourceVersion\":\"8\",\"finalizers\":[\"a/b\"]}}");
    assert_int_equal(answer(&l, 200, SERVICE("9", ",\"finalizers\":[\"a/b\"]", "\"loadBalancer\":{}")),
                     KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 2500000), "");
    khap_writer_free(l.writer);
    /* one that is being deleted is let go, whatever its status says; others' finalizers stay */
    until_held(&l);
    assert_int_equal(
        want(&l, "Service", "v1", "web", "{\"finalizer\":false,\"status\":{\"loadBalancer\":{}}}"), KHAP_OK);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    assert_int_equal(
        answer(&l, 200, SERVICE("7", HELD ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", HAS)), KHAP_OK);
    assert_string_equal(asked(&l, 0),
                        "PATCH " WEB " {\"metadata\":{\"resourceVersion\":\"7\",\"finalizers\":[\"a/b\"]}}");
    assert_int_equal(answer(&l, 404, "{}"), KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 60000), "");
    khap_writer_free(l.writer);
    /* nor is one held that is */
    until_held(&l);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    assert_int_equal(answer(&l, 200, SERVICE("7", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "")),
                     KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 60000), "");
    khap_writer_free(l.writer);
}

/* ---- what goes wrong */

static void test_conflict(void **unused)
{
    struct lab l;
    (void)unused;
    until_held(&l);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    assert_int_equal(answer(&l, 200, SERVICE("7", HELD, "")), KHAP_OK);
    for (int i = 1; i <= 3; i++) {
        int64_t before = l.now;
        assert_non_null(strstr(asked_behind_lease(&l, 0),
                               i == 1 ? "\"resourceVersion\":\"7\"" : "\"resourceVersion\":\"8\""));
        assert_int_equal(answer(&l, 409, "{\"message\":\"changed\"}"), KHAP_OK);
        assert_int_equal(state(&l).conflicts, i);
        /* looked at anew, at once; then later and later */
        assert_string_equal(asked_behind_lease(&l, 5000), "GET " WEB " ");
        assert_true(i == 1 ? l.now == before : l.now > before);
        assert_int_equal(answer(&l, 200, SERVICE("8", HELD, "\"other\":1")), KHAP_OK);
    }
    assert_string_equal(asked_behind_lease(&l, 0),
                        "PATCH " WEB "/status {\"metadata\":{\"resourceVersion\":\"8\"},\"status\":{" HAS
                        "}}");
    assert_int_equal(answer(&l, 200, SERVICE("9", HELD, HAS)), KHAP_OK);
    assert_int_equal(state(&l).waiting, 0);
    khap_writer_free(l.writer);
}

static void test_refused(void **unused)
{
    static const uint32_t refusals[] = {400, 403, 422};
    struct lab l;
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        until_held(&l);
        assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
        assert_string_equal(asked(&l, 0), "GET " WEB " ");
        assert_int_equal(answer(&l, refusals[i], "{\"message\":\"no\"}"), KHAP_OK);
        assert_int_equal(state(&l).refused, 1);
        assert_string_equal(asked_behind_lease(&l, 59000), "");
        assert_string_equal(asked_behind_lease(&l, 40000), "GET " WEB " ");
        khap_writer_free(l.writer);
    }
    /* no answer, no JSON, an error of the server: later and later, at most a minute and half of it; 401 wants other credentials */
    until_held(&l);
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    int64_t longest = 0;
    for (int i = 0; i < 12; i++) {
        int64_t before = l.now;
        assert_string_equal(asked_behind_lease(&l, 100000), "GET " WEB " ");
        longest = l.now - before > longest ? l.now - before : longest;
        assert_int_equal(answer(&l,
                                i % 3 == 0   ? 0
                                : i % 3 == 1 ? 200
                                             : 500,
                                i % 3 == 1 ? "<html>" : "{}"),
                         KHAP_OK);
        assert_int_equal(state(&l).failures, i + 1);
    }
    assert_string_equal(asked_behind_lease(&l, 100000), "GET " WEB " ");
    assert_int_equal(l.next.renew, 0);
    assert_int_equal(answer(&l, 401, "{}"), KHAP_OK);
    (void)asked(&l, 100000);
    assert_int_equal(l.next.renew, 1);
    assert_true(longest >= 30000 && longest <= 90000);
    khap_writer_free(l.writer);
    /* an answer that never comes */
    until_held(&l);
    (void)asked(&l, 4000);
    assert_int_equal(khap_writer_step(l.writer, l.now + 1, unix_ms(&l), 7, &l.next), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_READ);
    assert_int_equal(khap_writer_step(l.writer, l.next.until, unix_ms(&l), 7, &l.next), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_DROP);
    assert_int_equal(answer(&l, 200, "{}"), KHAP_EINVAL);
    khap_writer_free(l.writer);
}

static void test_arguments(void **unused)
{
    struct khap_writer_options o;
    struct khap_writer *w = NULL;
    struct lab l;
    (void)unused;
    khap_writer_options_init(NULL);
    khap_writer_options_init(&o);
    assert_int_equal(khap_writer_new(NULL, &o, &w), KHAP_EINVAL); /* nobody */
    o.identity = S("me");
    o.lease_ns = S("../x");
    assert_int_equal(khap_writer_new(NULL, &o, &w), KHAP_EINVAL);
    assert_null(w);
    khap_writer_free(NULL);
    until_held(&l);
    assert_int_equal(want(&l, "Service", "v1", "../x", WANTED), KHAP_EINVAL);
    assert_int_equal(want(&l, "Pod", "v1", "web", WANTED), KHAP_EINVAL);
    assert_int_equal(want(&l, "Service", "", "web", WANTED), KHAP_EINVAL);
    assert_int_equal(want(&l, "GatewayClass", "gateway.networking.k8s.io/v1", "web", WANTED),
                     KHAP_EINVAL); /* it has no namespace */
    assert_string_equal(asked_behind_lease(&l, 30000), "");
    /* what is wanted is no JSON: nothing is written */
    assert_int_equal(want(&l, "Service", "v1", "web", "{\"status\":"), KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 0), "GET " WEB " ");
    assert_int_equal(answer(&l, 200, SERVICE("7", "", "")), KHAP_OK);
    assert_int_equal(state(&l).failures, 1);
    khap_writer_free(l.writer);
}

/* ---- conditions and parents */

#define ROUTE  "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/r"
#define THEIRS "{\"parentRef\":{\"name\":\"g\"},\"controllerName\":\"their.io/x\",\"z\":[1,{\"a\":1.50}]}"
#define OURS(status, time)                                                                                   \
    "{\"parentRef\":{\"name\":\"g\"},\"controllerName\":\"khap.io/"                                          \
    "haproxy\",\"conditions\":[{\"type\":\"Accepted\",\"status\":\"" status "\"" time "}]}"
#define BEFORE ",\"lastTransitionTime\":\"2020-01-01T00:00:00Z\""
#define NOW    ",\"lastTransitionTime\":\"2025-12-31T23:59:59Z\""
#define PARENTS(version, parents)                                                                            \
    "{\"metadata\":{\"name\":\"r\",\"resourceVersion\":\"" version "\"},\"status\":{\"parents\":[" parents   \
    "]}}"

static void test_parents(void **unused)
{
    static const struct {
        const char *is, *wanted, *patched;
    } of[] = {
        {"", OURS("True", ""), OURS("True", NOW)},
        {THEIRS, OURS("True", ""), THEIRS "," OURS("True", NOW)},
        {OURS("True", BEFORE) "," THEIRS, OURS("False", ""), THEIRS "," OURS("False", NOW)},
        {THEIRS "," OURS("True", BEFORE), OURS("True", ""), NULL},
        {OURS("True", BEFORE) "," THEIRS, "", THEIRS},
        {THEIRS, "", NULL},
        /* a condition of a type that is not among ours is somebody else's */
        {"{\"conditions\":[{\"type\":\"X\"},{\"type\":\"Accepted\",\"status\":\"True\"" BEFORE
         "}],\"controllerName\":\"khap.io/haproxy\",\"parentRef\":{\"name\":\"g\"}}",
         OURS("False", ""),
         "{\"parentRef\":{\"name\":\"g\"},\"controllerName\":\"khap.io/"
         "haproxy\",\"conditions\":[{\"type\":\"Accepted\",\"status\":"
         "\"False\"" NOW "},{\"type\":\"X\"}]}"},
    };
    struct lab l;
    (void)unused;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char wanted[1000], is[2000], patched[2000];
        until_held(&l);
        (void)snprintf(wanted, sizeof wanted,
                       "{\"controllerName\":\"khap.io/haproxy\",\"status\":{\"parents\":[%s]}}",
                       of[i].wanted);
        (void)snprintf(is, sizeof is, PARENTS("3", "%s"), of[i].is);
        assert_int_equal(want(&l, "HTTPRoute", "gateway.networking.k8s.io/v1", "r", wanted), KHAP_OK);
        assert_string_equal(asked(&l, 0), "GET " ROUTE " ");
        assert_int_equal(answer(&l, 200, is), KHAP_OK);
        (void)snprintf(patched, sizeof patched,
                       "PATCH " ROUTE
                       "/status {\"metadata\":{\"resourceVersion\":\"3\"},\"status\":{\"parents\":[%s]}}",
                       of[i].patched ? of[i].patched : "");
        assert_string_equal(asked_behind_lease(&l, 0), of[i].patched ? patched : "");
        khap_writer_free(l.writer);
    }
    /* it leaves us: the entries of others stay */
    until_held(&l);
    assert_int_equal(want(&l, "HTTPRoute", "gateway.networking.k8s.io/v1", "r", "{}"), KHAP_OK);
    khap_writer_begin(l.writer, 0);
    khap_writer_commit(l.writer, 0);
    assert_string_equal(asked(&l, 0), "GET " ROUTE " ");
    assert_int_equal(answer(&l, 200, PARENTS("3", OURS("True", BEFORE) "," THEIRS)), KHAP_OK);
    assert_string_equal(asked(&l, 0),
                        "PATCH " ROUTE
                        "/status {\"metadata\":{\"resourceVersion\":\"3\"},\"status\":{\"parents\":[" THEIRS
                        "]}}");
    khap_writer_free(l.writer);
}

/* ---- events */

static void test_events(void **unused)
{
    struct lab l;
    char first[4000];
    (void)unused;
    until_held(&l);
    assert_int_equal(tell(&l, "NoNodePort", "it has \"none\""), KHAP_OK);
    assert_string_equal(asked(&l, 0), "GET " WEB " ");
    assert_int_equal(answer(&l, 200, SERVICE("7", ",\"uid\":\"u-1\"", "")), KHAP_OK);
    (void)snprintf(first, sizeof first, "%s", asked(&l, 0));
    assert_non_null(strstr(first, "POST /api/v1/namespaces/shop/events "
                                  "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"web."));
    assert_non_null(strstr(
        first,
        "\"involvedObject\":{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"namespace\":\"shop\",\"name\":"
        "\"web\","
        "\"uid\":\"u-1\"},\"reason\":\"NoNodePort\",\"message\":\"it has "
        "\\u0022none\\u0022\",\"type\":\"Warning\","
        "\"count\":1,"));
    assert_non_null(strstr(first, "\"firstTimestamp\":\"2025-12-31T23:59:59Z\""));
    assert_int_equal(answer(&l, 201, "{}"), KHAP_OK);
    /* said once, as long as it is so */
    assert_int_equal(tell(&l, "NoNodePort", "it has \"none\""), KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 5000000), "");
    /* it was so no longer, and is again: under the same name, which the server knows */
    khap_writer_begin(l.writer, 1);
    khap_writer_commit(l.writer, 1);
    assert_int_equal(tell(&l, "NoNodePort", "it has \"none\""), KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 0), "GET " WEB " ");
    assert_int_equal(answer(&l, 200, SERVICE("9", ",\"uid\":\"u-1\"", "")), KHAP_OK);
    assert_memory_equal(asked_behind_lease(&l, 0), first, (size_t)(strstr(first, ".") + 17 - first));
    assert_int_equal(answer(&l, 409, "{}"), KHAP_OK);
    assert_int_equal(state(&l).conflicts, 0);
    assert_string_equal(asked_behind_lease(&l, 100000), "");
    /* statuses are none of its business, nor is it of theirs */
    assert_int_equal(want(&l, "Service", "v1", "web", WANTED), KHAP_OK);
    assert_string_equal(asked_behind_lease(&l, 0), "GET " WEB " ");
    khap_writer_free(l.writer);
}

/* ---- memory */

/* What had no memory was said, or comes again: in the end all is written. */
static void test_memory(void **unused)
{
    size_t failures = 0;
    (void)unused;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct lab l;
        failing_alloc_init(&f, i);
        bool said = lab_open(&l, &f.alloc) == KHAP_ENOMEM;
        if (!said) {
            for (int pass = 0; pass < 2; pass++) { /* the next one wants it again */
                said |= want(&l, "Service", "v1", "web", WANTED) == KHAP_ENOMEM;
                said |= tell(&l, "Reason", "message") == KHAP_ENOMEM;
            }
            for (int n = 0; n < 40; n++) {
                const char *text = asked(&l, 3000);
                if (strncmp(text, "GET " LEASES, sizeof "GET " LEASES - 1) == 0)
                    (void)answer(&l, 200, LEASE("", "1"));
                else if (strstr(text, LEASES))
                    (void)answer(&l, 200, LEASE("me", "1"));
                else if (text[0] != '\0')
                    (void)answer(&l, 200, SERVICE("7", ",\"uid\":\"u\"" HELD, HAS2));
            }
            assert_int_equal(state(&l).holds, 1);
            assert_int_equal(state(&l).waiting, 0);
            assert_true(said || state(&l).writes >= 2);
        }
        khap_writer_free(l.writer);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        failures++;
    }
    assert_true(failures > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease),     cmocka_unit_test(test_lease_lost), cmocka_unit_test(test_order),
        cmocka_unit_test(test_leaves),    cmocka_unit_test(test_in_vain),    cmocka_unit_test(test_conflict),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_parents),    cmocka_unit_test(test_events),
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
