/* List and watch: what is asked next, what becomes of answers cut anywhere, late, wrong or missing, and every allocation made to fail.
 * SPDX-License-Identifier: MIT */
#include "failing_alloc.h"
#include "watch_lab.h"

static const char page_1[] =
    "{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"a/"
    "b+\"},"
    "\"items\":[" NODE("n1", "1", "10.0.0.1") ",\n " NODE("n2", "2", "10.0.0.2") "]}\n";
/* what says where it stands may come behind the objects */
static const char page_2[] = "{\"items\":[" NODE(
    "n3", "3", "10.0.0.3") "],\"metadata\":{\"resourceVersion\":\"10\"},\"kind\":\"NodeList\"}";
static const char events[] =
    EVENT("ADDED", NODE("n4", "11", "10.0.0.4")) EVENT("MODIFIED", NODE("n1", "12", "10.0.1.1"))
        EVENT("DELETED", NODE("n2", "13", "10.0.0.2")) "{\"object\":" NODE(
            "n5", "14", "10.0.0.5") ",\"type\":\"ADDED\"}\n" EVENT("DELETED", NODE("nobody", "15", ""))
            BOOKMARK("20");
static const char after_events[] =
    KEPT("n1", "10.0.1.1") KEPT("n3", "10.0.0.3") KEPT("n4", "10.0.0.4") KEPT("n5", "10.0.0.5");
static const char after_pages[] = KEPT("n1", "10.0.0.1") KEPT("n2", "10.0.0.2") KEPT("n3", "10.0.0.3");

/* Pages, then a watch. */
static void whole_way(struct lab *l)
{
    assert_string_equal(asked(l), "/api/v1/nodes?limit=2");
    assert_int_equal(answer(l, 200, page_1), KHAP_OK);
    assert_int_equal(state(l).synced, 0);
    assert_string_equal(asked(l), "/api/v1/nodes?limit=2&continue=a%2Fb%2B");
    assert_int_equal(answer(l, 200, page_2), KHAP_OK);
    assert_int_equal(state(l).synced, 1);
    assert_mirror(l, after_pages);
    assert_string_equal(
        asked(l), "/api/v1/nodes?watch=1&allowWatchBookmarks=true&timeoutSeconds=307&resourceVersion=10");
    watched(l, 60000, events);
    assert_mirror(l, after_events);
    assert_string_equal(
        asked(l), "/api/v1/nodes?watch=1&allowWatchBookmarks=true&timeoutSeconds=307&resourceVersion=20");
}

static void test_pages_and_watch(void **unused)
{
    struct lab l;
    (void)unused;
    assert_int_equal(lab_open(&l, NULL, "Node", 0), KHAP_OK);
    whole_way(&l);
    lab_close(&l);
}

static void test_cut_at_every_byte(void **unused)
{
    (void)unused;
    for (size_t at = 1; at < sizeof events; at++) {
        struct lab l;
        assert_int_equal(lab_open(&l, NULL, "Node", 0), KHAP_OK);
        l.first = at;
        whole_way(&l);
        lab_close(&l);
    }
    for (size_t n = 1; n < 8; n++) {
        struct lab l;
        assert_int_equal(lab_open(&l, NULL, "Node", 0), KHAP_OK);
        l.piece = n;
        whole_way(&l);
        lab_close(&l);
    }
}

/* A watch that is cut at any byte, asked again from where it was, comes to the same. */
static void test_lost_at_every_byte(void **unused)
{
    char part[sizeof events];
    (void)unused;
    for (size_t at = 0; at < sizeof events; at++) {
        struct lab l;
        const char *target;
        assert_int_equal(lab_open(&l, NULL, "Node", 0), KHAP_OK);
        (void)asked(&l);
        assert_int_equal(answer(&l, 200, page_1), KHAP_OK);
        (void)asked(&l);
        assert_int_equal(answer(&l, 200, page_2), KHAP_OK);
        (void)asked(&l);
        memcpy(part, events, at);
        part[at] = '\0';
        watched(&l, 10, part);
        target = strstr(asked(&l), "resourceVersion=");
        assert_non_null(target);
        /* the server sends what is newer than that version */
        long seen = strtol(target + 16, NULL, 10);
        const char *from = events;
        for (long v = 11; v <= 15 && v <= seen; v++)
            from = strchr(from, '\n') + 1;
        watched(&l, 60000, seen == 20 ? "" : from);
        assert_mirror(&l, after_events);
        lab_close(&l);
    }
}

/* A list that is cut changes nothing for the worse, and is begun anew. */
static void test_lost_list(void **unused)
{
    char part[sizeof page_2];
    (void)unused;
    for (size_t at = 0; at + 1 < sizeof page_2 - 1; at++) {
        struct lab l;
        assert_int_equal(lab_open(&l, NULL, "Node", 0), KHAP_OK);
        assert_int_equal(khap_mirror_read(l.mirror, S(KEPT("n1", "10.0.0.1") KEPT("old", "10.0.9.9"))),
                         KHAP_OK);
        memcpy(part, page_2, at);
        part[at] = '\0';
        (void)asked(&l);
        assert_int_equal(answer(&l, 200, part), KHAP_OK);
        assert_int_equal(state(&l).synced, 0);
        assert_true(khap_mirror_count(l.mirror) >= 2);
        assert_string_equal(asked(&l), "/api/v1/nodes?limit=2");
        assert_int_equal(answer(&l, 200, page_2), KHAP_OK);
        assert_mirror(&l, KEPT("n3", "10.0.0.3"));
        lab_close(&l);
    }
}

static void test_streaming(void **unused)
{
    struct lab l;
    (void)unused;
    assert_int_equal(lab_open(&l, NULL, "Node", 1), KHAP_OK);
    assert_int_equal(khap_mirror_read(l.mirror, S(KEPT("n1", "10.0.0.1") KEPT("old", "10.0.9.9"))), KHAP_OK);
    assert_string_equal(
        asked(&l), "/api/v1/nodes?watch=1&allowWatchBookmarks=true&timeoutSeconds=307&sendInitialEvents=true&"
                   "resourceVersionMatch=NotOlderThan");
    assert_int_equal(khap_watch_head(l.watch, l.now, 200, 0), KHAP_OK);
    assert_int_equal(body(&l, EVENT("ADDED", NODE("n2", "2", "10.0.0.2"))), KHAP_OK);
    assert_int_equal(state(&l).synced, 0);
    assert_mirror(&l, KEPT("n1", "10.0.0.1") KEPT("n2", "10.0.0.2") KEPT("old", "10.0.9.9"));
    assert_int_equal(
        body(&l, EVENT("BOOKMARK", "{\"metadata\":{\"annotations\":{\"k8s.io/initial-events-end\":\"true\"},"
                                   "\"resourceVersion\":\"9\"}}")),
        KHAP_OK);
    assert_int_equal(state(&l).synced, 1);
    assert_mirror(&l, KEPT("n2", "10.0.0.2"));
    l.now += 2000;
    assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK);
    assert_non_null(strstr(asked(&l), "&resourceVersion=9"));
    lab_close(&l);
    /* a server that does not know it, and one that takes no notice of it */
    for (int way = 0; way < 3; way++) {
        assert_int_equal(lab_open(&l, NULL, "Node", 1), KHAP_OK);
        (void)asked(&l);
        if (way == 0) {
            assert_int_equal(answer(&l, 422, STATUS("422")), KHAP_OK);
        } else {
            assert_int_equal(khap_watch_head(l.watch, l.now, 200, 0), KHAP_OK);
            assert_int_equal(body(&l, EVENT("ADDED", NODE("n2", "2", "10.0.0.2"))), KHAP_OK);
            if (way == 1)
                assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK);
            assert_int_equal(next(&l), KHAP_OK);
            if (way == 2) {
                assert_int_equal(l.next.what, KHAP_WATCH_READ);
                l.now = l.next.until;
                assert_int_equal(next(&l), KHAP_OK);
                assert_int_equal(l.next.what, KHAP_WATCH_DROP);
            }
        }
        assert_string_equal(asked(&l), "/api/v1/nodes?limit=2");
        lab_close(&l);
    }
}

static void until_watch(struct lab *l)
{
    assert_int_equal(lab_open(l, NULL, "Node", 0), KHAP_OK);
    (void)asked(l);
    assert_int_equal(answer(l, 200, page_2), KHAP_OK);
    assert_non_null(strstr(asked(l), "resourceVersion=10"));
}

static void test_gone(void **unused)
{
    struct lab l;
    (void)unused;
    /* where a list goes on: all in one piece */
    assert_int_equal(lab_open(&l, NULL, "Node", 0), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(answer(&l, 200, page_1), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(answer(&l, 410, STATUS("410")), KHAP_OK);
    assert_int_equal(khap_mirror_count(l.mirror), 2);
    assert_string_equal(asked(&l), "/api/v1/nodes?");
    assert_int_equal(answer(&l, 200, page_2), KHAP_OK);
    assert_mirror(&l, KEPT("n3", "10.0.0.3"));
    lab_close(&l);
    /* where a watch begins, and in the middle of one: at once, and what is known stays until all has come */
    for (int way = 0; way < 4; way++) {
        until_watch(&l);
        int64_t before = l.now;
        if (way == 0)
            assert_int_equal(answer(&l, 410, STATUS("410")), KHAP_OK);
        else if (way == 1)
            watched(&l, 0,
                    EVENT("ADDED", NODE("n9", "11", "10.0.0.9")) EVENT("ERROR", STATUS("410"))
                        EVENT("ADDED", NODE("x", "12", "1")));
        else if (way == 2) /* a version that the server has not come to: it was set back */
            assert_int_equal(answer(&l, 504, STATUS("504")), KHAP_OK);
        else
            watched(&l, 0, EVENT("ERROR", STATUS("504")));
        assert_string_equal(asked(&l), "/api/v1/nodes?limit=2");
        assert_int_equal(l.now, before);
        assert_mirror(&l, way == 1 ? KEPT("n3", "10.0.0.3") KEPT("n9", "10.0.0.9") : KEPT("n3", "10.0.0.3"));
        assert_int_equal(answer(&l, 200, "{\"metadata\":{\"resourceVersion\":\"30\"},\"items\":[]}"),
                         KHAP_OK);
        assert_mirror(&l, "");
        /* again and again: not at once any more */
        (void)asked(&l);
        before = l.now;
        for (int i = 0; i < 4; i++) {
            assert_int_equal(answer(&l, 410, STATUS("410")), KHAP_OK);
            (void)asked(&l);
        }
        assert_true(l.now > before + 1000);
        lab_close(&l);
    }
}

static void test_refused(void **unused)
{
    struct lab l;
    (void)unused;
    /* 429 and 503 say when */
    for (int way = 0; way < 4; way++) {
        until_watch(&l);
        int64_t before = l.now;
        if (way == 3) {
            watched(
                &l, 0,
                EVENT("ERROR", "{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":9},\"code\":429}"));
        } else if (way == 2) {
            assert_int_equal(
                answer(&l, 429, "{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":9},\"code\":429}"),
                KHAP_OK);
        } else {
            assert_int_equal(khap_watch_head(l.watch, l.now, way == 0 ? 429 : 503, 9), KHAP_OK);
            assert_int_equal(body(&l, "Too many requests, please try again later.\n"), KHAP_OK);
            assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK);
        }
        assert_non_null(strstr(asked(&l), "resourceVersion=10"));
        assert_true(l.now >= before + 9000 && l.now < before + 15000);
        lab_close(&l);
    }
    /* 401 asks for other credentials */
    until_watch(&l);
    assert_int_equal(answer(&l, 401, STATUS("401")), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(l.next.renew, 1);
    assert_int_equal(answer(&l, 500, "garbage"), KHAP_OK);
    assert_non_null(strstr(asked(&l), "resourceVersion=10"));
    assert_int_equal(l.next.renew, 0);
    assert_int_equal(state(&l).http_status, 0);
    lab_close(&l);
    /* no connection: later and later, at most half a minute and half of that */
    until_watch(&l);
    int64_t longest = 0, first = 0;
    for (int i = 0; i < 20; i++) {
        int64_t before = l.now;
        assert_int_equal(khap_watch_end(l.watch, l.now, (uint32_t)i * 2654435761U), KHAP_OK);
        assert_non_null(strstr(asked(&l), "resourceVersion=10"));
        first = i == 0 ? l.now - before : first;
        longest = l.now - before > longest ? l.now - before : longest;
    }
    assert_true(first >= 500 && first <= 750);
    assert_true(longest >= 30000 && longest <= 45000);
    assert_mirror(&l, KEPT("n3", "10.0.0.3"));
    lab_close(&l);
}

static void test_left_out(void **unused)
{
    struct lab l;
    (void)unused;
    /* no right: what is known stays */
    until_watch(&l);
    int64_t began = l.now;
    assert_int_equal(answer(&l, 403, STATUS("403")), KHAP_OK);
    for (int i = 0; i < 2; i++) { /* a server that has just started says so of everything */
        assert_int_equal(state(&l).left_out, 0);
        (void)asked(&l);
        assert_int_equal(answer(&l, 403, STATUS("403")), KHAP_OK);
    }
    assert_true(l.now >= began + 2000 && l.now < began + 10000);
    assert_int_equal(state(&l).left_out, 403);
    for (int i = 0; i < 5; i++) {
        (void)asked(&l);
        assert_int_equal(answer(&l, 403, STATUS("403")), KHAP_OK);
    }
    assert_memory_equal(state(&l).message.ptr, "so", 2);
    int64_t before = l.now;
    assert_string_equal(asked(&l), "/api/v1/nodes?limit=2");
    assert_true(l.now >= before + 30000);
    assert_mirror(&l, KEPT("n3", "10.0.0.3"));
    assert_int_equal(answer(&l, 200, page_2), KHAP_OK);
    (void)asked(&l);
    watched(&l, 2000, "");
    assert_int_equal(state(&l).left_out, 0);
    lab_close(&l);
    /* not served: every version is tried */
    assert_int_equal(lab_open(&l, NULL, "EndpointSlice", 0), KHAP_OK);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(asked(&l), "/apis/discovery.k8s.io/v1/endpointslices?limit=2");
        assert_int_equal(answer(&l, 404, "404 page not found\n"), KHAP_OK);
        assert_string_equal(asked(&l), "/apis/discovery.k8s.io/v1beta1/endpointslices?limit=2");
        assert_int_equal(answer(&l, 404, "404 page not found\n"), KHAP_OK);
        assert_int_equal(state(&l).left_out, 404);
    }
    (void)asked(&l);
    assert_int_equal(answer(&l, 404, ""), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(answer(&l, 200,
                            "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{\"name\":"
                            "\"s\",\"namespace\":\"d\","
                            "\"labels\":{\"kubernetes.io/"
                            "service-name\":\"w\",\"x\":\"y\"}},\"endpoints\":[{\"addresses\":[\"10.1.1.1\"],"
                            "\"topology\":{\"kubernetes.io/hostname\":\"n1\"}},{\"addresses\":[]}]}]}"),
                     KHAP_OK);
    assert_mirror(&l, "---\n{\"apiVersion\":\"discovery.k8s.io/"
                      "v1beta1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"s\","
                      "\"namespace\":\"d\",\"labels\":{\"kubernetes.io/"
                      "service-name\":\"w\"}},\"endpoints\":[{\"topology\":{"
                      "\"kubernetes.io/hostname\":\"n1\"}}]}\n");
    lab_close(&l);
}

/* A server that starts permits nothing, for a while, also not what it does not serve. */
static void test_not_served_then_not_permitted(void **unused)
{
    struct lab l;
    (void)unused;
    assert_int_equal(lab_open(&l, NULL, "Node", 0), KHAP_OK);
    for (int i = 0; i < 8; i++) {
        (void)asked(&l);
        assert_int_equal(answer(&l, 404, "404 page not found\n"), KHAP_OK);
    }
    int64_t began = l.now;
    (void)asked(&l);
    assert_true(l.now >= began + 30000);
    for (int i = 0; i < 2; i++) {
        began = l.now;
        assert_int_equal(answer(&l, 403, STATUS("403")), KHAP_OK);
        assert_int_equal(state(&l).left_out, 404);
        (void)asked(&l);
        assert_true(l.now < began + 4000);
    }
    assert_int_equal(answer(&l, 403, STATUS("403")), KHAP_OK);
    assert_int_equal(state(&l).left_out, 403);
    lab_close(&l);
}

/* What was refused in the middle of a watch is refused. */
static void test_error_event(void **unused)
{
    struct lab l;
    (void)unused;
    until_watch(&l);
    for (int i = 0; i < 3; i++) {
        watched(&l, 0, EVENT("ERROR", STATUS("403")));
        (void)asked(&l);
        if (i == 0)
            assert_int_equal(state(&l).left_out, 0);
        assert_int_equal(answer(&l, 200, page_2), KHAP_OK);
        (void)asked(&l);
    }
    lab_close(&l);
}

static void test_wake(void **unused)
{
    struct lab l;
    (void)unused;
    assert_int_equal(khap_watch_wake(NULL, 0, 0), KHAP_EINVAL);
    /* nothing waits: nothing comes of it */
    until_watch(&l);
    assert_int_equal(khap_watch_wake(l.watch, l.now, 7), KHAP_OK);
    for (uint32_t http = 0; http <= 500; http += http == 0 ? 403 : 97) { /* no connection, 403, 500 */
        for (int i = 0; i < 9; i++) {
            assert_int_equal(http == 0 ? khap_watch_end(l.watch, l.now, 7) : answer(&l, http, STATUS("1")),
                             KHAP_OK);
            if (i < 8)
                (void)asked(&l);
        }
        int64_t before = l.now;
        assert_int_equal(next(&l), KHAP_OK);
        assert_true(l.next.until > before + 20000);
        assert_int_equal(khap_watch_wake(l.watch, l.now, 4999), KHAP_OK);
        (void)asked(&l);
        assert_int_equal(l.now, before + 999);
        assert_int_equal(khap_watch_wake(l.watch, l.now, 7), KHAP_OK); /* it is on its way */
        assert_int_equal(next(&l), KHAP_OK);
        assert_int_equal(l.next.what, KHAP_WATCH_READ);
    }
    /* later than it goes on by itself: that stays; and so does what the server said */
    lab_close(&l);
    until_watch(&l);
    assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK);
    int64_t before = l.now;
    assert_int_equal(khap_watch_wake(l.watch, l.now, 999), KHAP_OK);
    (void)asked(&l);
    assert_true(l.now < before + 999);
    assert_int_equal(khap_watch_head(l.watch, l.now, 429, 9), KHAP_OK);
    assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK);
    before = l.now;
    assert_int_equal(khap_watch_wake(l.watch, l.now, 7), KHAP_OK);
    (void)asked(&l);
    assert_true(l.now >= before + 9000);
    lab_close(&l);
}

static void test_silence(void **unused)
{
    struct lab l;
    (void)unused;
    until_watch(&l);
    int64_t began = l.now;
    assert_int_equal(khap_watch_head(l.watch, l.now, 200, 0), KHAP_OK);
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_READ);
    assert_true(l.next.until > began + 307000 && l.next.until < began + 330000);
    /* a server that sends bookmarks each minute is not silent for three */
    l.now += 60000;
    assert_int_equal(body(&l, BOOKMARK("21")), KHAP_OK);
    assert_int_equal(next(&l), KHAP_OK);
    assert_true(l.next.until <= l.now + 150000);
    l.now = l.next.until;
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_DROP);
    assert_int_equal(khap_watch_body(l.watch, l.now, S("x")), KHAP_EINVAL);
    assert_non_null(strstr(asked(&l), "resourceVersion=21"));
    /* an answer that never begins */
    l.now = l.next.until;
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_DROP);
    lab_close(&l);
}

static void test_no_answer(void **unused)
{
    static const char *const bad[] = {"<html>",
                                      "{\"type\":\"ADDED\"}",
                                      "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}",
                                      "[]",
                                      "{\"type\":\"ADDED\",\"object\":" NODE("n7", "", "10.0.0.7") ",}",
                                      "{\"a\":01}",
                                      "{\"a\":tru}",
                                      "{\"a\" 1}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"a\":\"\n\"}",
                                      "}"};
    char deep[400];
    (void)unused;
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        struct lab l;
        memset(deep, '[', sizeof deep - 1);
        memcpy(deep, "{\"a\":", 5);
        deep[sizeof deep - 1] = '\0';
        until_watch(&l);
        assert_int_equal(khap_watch_head(l.watch, l.now, 200, 0), KHAP_OK);
        enum khap_status status = body(&l, i < sizeof bad / sizeof *bad ? bad[i] : deep);
        assert_int_equal(status, i == 2 ? KHAP_OK : KHAP_EINPUT);
        assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK);
        assert_non_null(strstr(asked(&l), "resourceVersion=10"));
        assert_mirror(&l, KEPT("n3", "10.0.0.3"));
        lab_close(&l);
    }
}

/* What does not matter changes nothing; what is written can be read, whatever it holds. */
static void test_fields(void **unused)
{
    static const char service[] =
        "{\"metadata\":{\"name\":\"w\",\"namespace\":\"d\",\"uid\":\"u\",\"resourceVersion\":\"%s\","
        "\"creationTimestamp\":\"2026-11-23T01:56:06Z\","
        "\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{\\\"%s\\\"}\",\"khap.io/"
        "hosts\":\"a\\n\\u0000\\ud83d\\ude00\\ud800\\u2028\xff"
        "\"}},\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":\"x\",\"nodePort\":30080}],\"selector\":{"
        "\"a\":\"%s\"},\"type\":\"NodePort\"},"
        "\"status\":{\"loadBalancer\":{}}}";
    static const char kept[] =
        "---\n{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"w\",\"namespace\":\"d\","
        "\"creationTimestamp\":\"2026-11-23T01:56:06Z\",\"annotations\":{\"khap.io/"
        "hosts\":\"a\\u000a\\u0000\xF0\x9F\x98\x80\xEF\xBF\xBD\\u2028\xEF\xBF\xBD\"}},"
        "\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":\"x\",\"nodePort\":30080}],\"type\":\"NodePort\"},"
        "\"status\":{\"loadBalancer\":{}}}\n";
    struct lab l, other;
    char object[2048], list[4096];
    (void)unused;
    assert_int_equal(lab_open(&l, NULL, "Service", 0), KHAP_OK);
    uint64_t changes = 0;
    for (int i = 0; i < 3; i++) {
        const char *word = i == 0 ? "1" : i == 1 ? "22" : "333";
        snprintf(object, sizeof object, service, word, word, word);
        if (i == 0) {
            (void)asked(&l);
            snprintf(list, sizeof list, "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[%s]}", object);
            assert_int_equal(answer(&l, 200, list), KHAP_OK);
            changes = khap_mirror_changes(l.mirror);
        } else {
            (void)asked(&l);
            snprintf(list, sizeof list, "{\"type\":\"MODIFIED\",\"object\":%s}", object);
            watched(&l, 2000, list);
        }
        assert_int_equal(khap_mirror_changes(l.mirror), changes);
    }
    assert_mirror(&l, kept);
    assert_int_equal(lab_open(&other, NULL, "Service", 0), KHAP_OK);
    assert_int_equal(khap_mirror_read(other.mirror, ((struct khap_str){kept, sizeof kept - 1})), KHAP_OK);
    assert_mirror(&other, kept);
    lab_close(&other);
    /* names that no server gives */
    (void)asked(&l);
    watched(&l, 2000,
            "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"../"
            "x\",\"namespace\":\"d\"}}}{\"type\":\"ADDED\",\"object\":{"
            "\"metadata\":{\"name\":\"x\",\"namespace\":\"a "
            "b\"}}}{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}"
            "{\"type\":\"OTHER\",\"object\":{}}");
    assert_int_equal(khap_mirror_refused(l.mirror), 3);
    assert_mirror(&l, kept);
    lab_close(&l);
}

/* What the reader of manifests makes of it is what the server said. */
static void test_manifests(void **unused)
{
    struct lab l;
    struct text t = {0};
    const struct khap_sink sink = {&t, into_text};
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_kube *kube;
    uint32_t id;
    (void)unused;
    until_watch(&l);
    watched(&l, 2000, events);
    assert_int_equal(khap_mirror_write(l.mirror, &sink), KHAP_OK);
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    assert_int_equal(khap_kube_new(NULL, &kube), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("m"), (struct khap_str){t.ptr, t.len}, &id), KHAP_OK);
    assert_int_equal(khap_kube_read(kube, id, diags), KHAP_OK);
    assert_int_equal(khap_kube_count(kube), khap_mirror_count(l.mirror));
    khap_kube_free(kube);
    khap_diags_free(diags);
    khap_sources_free(sources);
    free(t.ptr);
    lab_close(&l);
}

/* 100,000 events, of which each comes twice: the same as the last of each, and no more memory than for what there is. */
static void test_many_events(void **unused)
{
    enum { MANY = 100000, NODES = 97 };
    struct failing_alloc f;
    struct lab l;
    char line[512], *expected = calloc(NODES, 200);
    uint32_t last[NODES] = {0}, seed = 1;
    size_t most = 0;
    (void)unused;
    assert_non_null(expected);
    failing_alloc_init(&f, 0);
    assert_int_equal(lab_open(&l, &f.alloc, "Node", 0), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(answer(&l, 200, "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}"), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(khap_watch_head(l.watch, l.now, 200, 0), KHAP_OK);
    for (uint32_t i = 1; i <= MANY; i++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t n = (seed >> 16) % NODES, gone = (seed >> 10) % 3 == 0;
        last[n] = gone ? 0 : i;
        snprintf(line, sizeof line,
                 "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"n%02u\",\"resourceVersion\":\"%u\"},"
                 "\"status\":{"
                 "\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.%u.%u.%u\"}]}}}\n",
                 gone ? "DELETED" : "ADDED", n, i, i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(body(&l, line), KHAP_OK);
        assert_int_equal(body(&l, line), KHAP_OK);
        most = i == MANY / 10 ? f.most : most;
    }
    assert_true(f.most <= most + 4096);
    for (uint32_t n = 0, at = 0; n < NODES; n++)
        if (last[n] != 0)
            at += (uint32_t)snprintf(
                expected + at, 200,
                "---\n{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n%02u\"},\"status\":{"
                "\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.%u.%u.%u\"}]}}\n",
                n, last[n] >> 16, last[n] >> 8 & 255, last[n] & 255);
    assert_mirror(&l, expected);
    assert_int_equal(state(&l).events, 2 * MANY);
    free(expected);
    lab_close(&l);
    assert_failing_alloc_clean(&f);
}

/* ---- memory */

static void test_every_allocation_fails(void **unused)
{
    (void)unused;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct lab l;
        bool said = false;
        failing_alloc_init(&f, i);
        said = lab_open(&l, &f.alloc, "Node", 0) == KHAP_ENOMEM;
        if (!said) {
            static const char *const answers[] = {page_1, page_2, events};
            said |= khap_mirror_read(l.mirror, S(KEPT("a", "1") KEPT("b", "2"))) == KHAP_ENOMEM;
            for (int n = 0; n < 3; n++) {
                said |= next(&l) == KHAP_ENOMEM;
                if (l.next.what == KHAP_WATCH_ASK)
                    said |= answer(&l, 200, answers[n]) == KHAP_ENOMEM;
            }
            struct text t = {0};
            const struct khap_sink sink = {&t, into_text};
            said |= khap_mirror_write(l.mirror, &sink) == KHAP_ENOMEM;
            free(t.ptr);
        }
        lab_close(&l);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_true(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_and_watch),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_lost_at_every_byte),
        cmocka_unit_test(test_lost_list),
        cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_not_served_then_not_permitted),
        cmocka_unit_test(test_error_event),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_manifests),
        cmocka_unit_test(test_many_events),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
