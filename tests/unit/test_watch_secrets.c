/* Secrets are got by the names that others give, one by one. SPDX-License-Identifier: MIT */
#include "watch_lab.h"

static const char ingress[] =
    "---\n{\"apiVersion\":\"networking.k8s.io/"
    "v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"i\",\"namespace\":\"shop\"},"
    "\"spec\":{\"tls\":[{\"hosts\":[\"a.example\"],\"secretName\":\"web\"},{\"secretName\":\"api\"}]}}\n"
    "---\n{\"apiVersion\":\"gateway.networking.k8s.io/"
    "v1\",\"kind\":\"Gateway\",\"metadata\":{\"name\":\"g\",\"namespace\":\"edge\"},"
    "\"spec\":{\"listeners\":[{\"tls\":{\"certificateRefs\":[{\"name\":\"own\"},{\"namespace\":\"shop\","
    "\"name\":\"web\"}]}}]}}\n";
#define SECRET(ns, name)                                                                                     \
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name "\",\"namespace\":\"" ns     \
    "\"},\"data\":{"                                                                                         \
    "\"tls.crt\":\"Y2VydA==\",\"other\":\"eA==\"},\"type\":\"kubernetes.io/tls\"}"
#define SECRET_KEPT(ns, name)                                                                                \
    "---\n{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"" name                         \
    "\",\"namespace\":\"" ns "\"},\"data\":{"                                                                \
    "\"tls.crt\":\"Y2VydA==\"},\"type\":\"kubernetes.io/tls\"}\n"

static void assert_secrets(const struct lab *l, const char *expected)
{
    struct text t = {0};
    const struct khap_sink sink = {&t, into_text};
    assert_int_equal(khap_mirror_write(l->mirror, &sink), KHAP_OK);
    const char *at = strstr(t.ptr, "---\n{\"apiVersion\":\"v1\",\"kind\":\"Secret\"");
    assert_string_equal(at ? at : "", expected);
    free(t.ptr);
}

static void test_secrets(void **unused)
{
    struct lab l;
    (void)unused;
    assert_int_equal(lab_open(&l, NULL, "Secret", 1), KHAP_OK);
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_WAIT); /* none is named, none is asked for */
    assert_int_equal(state(&l).synced, 1);
    assert_int_equal(khap_mirror_read(l.mirror, ((struct khap_str){ingress, sizeof ingress - 1})), KHAP_OK);
    assert_int_equal(state(&l).synced, 0);
    assert_string_equal(asked(&l), "/api/v1/namespaces/edge/secrets/own");
    assert_int_equal(answer(&l, 404, STATUS("404")), KHAP_OK);
    assert_string_equal(asked(&l), "/api/v1/namespaces/shop/secrets/api");
    assert_int_equal(answer(&l, 200, SECRET("shop", "api")), KHAP_OK);
    assert_string_equal(asked(&l), "/api/v1/namespaces/shop/secrets/web");
    assert_int_equal(answer(&l, 200, SECRET("shop", "another")),
                     KHAP_OK); /* not the one that was asked for */
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_WAIT);
    assert_int_equal(state(&l).synced, 1);
    assert_secrets(&l, SECRET_KEPT("shop", "api"));
    /* named anew: at once, and only that one and what is missing */
    assert_int_equal(
        khap_mirror_read(l.mirror,
                         S("{\"apiVersion\":\"networking.k8s.io/"
                           "v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"j\",\"namespace\":\"z\"},"
                           "\"spec\":{\"tls\":[{\"secretName\":\"late\"},{\"secretName\":\"../../x\"}]}}\n")),
        KHAP_OK);
    int64_t before = l.now;
    assert_string_equal(asked(&l), "/api/v1/namespaces/edge/secrets/own");
    assert_int_equal(answer(&l, 404, STATUS("404")), KHAP_OK);
    assert_string_equal(asked(&l), "/api/v1/namespaces/shop/secrets/web");
    assert_int_equal(answer(&l, 200, SECRET("shop", "web")), KHAP_OK);
    assert_string_equal(asked(&l), "/api/v1/namespaces/z/secrets/late");
    assert_int_equal(l.now, before);
    assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK); /* no connection */
    (void)asked(&l);
    assert_int_equal(answer(&l, 404, STATUS("404")), KHAP_OK);
    assert_string_equal(asked(&l), "/api/v1/namespaces/z/secrets/late");
    assert_int_equal(answer(&l, 403, STATUS("403")), KHAP_OK);
    assert_int_equal(state(&l).left_out, 403);
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_WAIT);
    assert_true(l.next.until > l.now && l.next.until <= before + 60000);
    /* each minute all of them; what was taken away is gone, what must not be seen stays */
    (void)asked(&l);
    assert_int_equal(answer(&l, 404, STATUS("404")), KHAP_OK);
    assert_string_equal(asked(&l), "/api/v1/namespaces/shop/secrets/api");
    assert_int_equal(answer(&l, 403, STATUS("403")), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(answer(&l, 404, STATUS("404")), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(answer(&l, 404, STATUS("404")), KHAP_OK);
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_WAIT);
    assert_secrets(&l, SECRET_KEPT("shop", "api"));
    /* until a round in which none was refused, which need not be a minute away: another watch is answered again */
    assert_int_equal(state(&l).left_out, 403);
    before = l.now;
    assert_int_equal(khap_watch_wake(l.watch, l.now, 999), KHAP_OK);
    (void)asked(&l);
    assert_int_equal(l.now, before + 999);
    assert_int_equal(khap_watch_end(l.watch, l.now, 7), KHAP_OK); /* no connection */
    assert_int_equal(state(&l).failures, 1);
    for (int i = 0; i < 4; i++) {
        (void)asked(&l);
        assert_int_equal(answer(&l, 404, STATUS("404")), KHAP_OK);
    }
    assert_int_equal(next(&l), KHAP_OK);
    assert_int_equal(l.next.what, KHAP_WATCH_WAIT);
    assert_int_equal(state(&l).left_out, 0);
    assert_int_equal(state(&l).failures, 0);
    lab_close(&l);
}

#define NAMES(object, secret)                                                                                \
    S("{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"" object       \
      "\",\"namespace\":\"shop\"},\"spec\":{\"tls\":[{\"secretName\":\"" secret "\"}]}}\n")

/* Named anew while it is being got, one that is not there yet and one that is: what comes may be older than that, so it is got once more. */
static void test_secret_named_meanwhile(void **unused)
{
    const struct khap_str names[][2] = {{NAMES("a", "web"), NAMES("b", "web")},
                                        {NAMES("c", "web"), NAMES("d", "web")}};
    struct lab l;
    (void)unused;
    assert_int_equal(lab_open(&l, NULL, "Secret", 1), KHAP_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(khap_mirror_read(l.mirror, names[i][0]), KHAP_OK);
        assert_string_equal(asked(&l), "/api/v1/namespaces/shop/secrets/web");
        assert_int_equal(khap_mirror_read(l.mirror, names[i][1]), KHAP_OK);
        assert_int_equal(answer(&l, 200, SECRET("shop", "web")), KHAP_OK);
        assert_string_equal(asked(&l), "/api/v1/namespaces/shop/secrets/web");
        assert_int_equal(answer(&l, 200, SECRET("shop", "web")), KHAP_OK);
        assert_int_equal(next(&l), KHAP_OK);
        assert_int_equal(l.next.what, KHAP_WATCH_WAIT);
        assert_int_equal(state(&l).synced, 1);
    }
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_secret_named_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
