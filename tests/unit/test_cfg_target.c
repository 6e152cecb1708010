/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include <khap/cfg.h>

static const struct khap_place somewhere = {1, 0, 3};

struct fixture {
    struct khap_sources *sources;
    struct khap_diags *diags;
};

static struct fixture set_up(void)
{
    struct fixture f;
    uint32_t id;
    assert_int_equal(khap_sources_new(NULL, &f.sources), KHAP_OK);
    assert_int_equal(khap_sources_add(f.sources, S("map.yaml"), S("2.6"), &id), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, f.sources, &f.diags), KHAP_OK);
    return f;
}

static void tear_down(struct fixture *f)
{
    khap_diags_free(f->diags);
    khap_sources_free(f->sources);
}

/* The code of the only diagnostic, or "". */
static const char *only_code(const struct fixture *f)
{
    const struct khap_diag *d = khap_diags_next(f->diags, NULL);
    if (d == NULL)
        return "";
    return khap_diags_next(f->diags, d) == NULL ? khap_diag_code(d) : "several";
}

static void test_known_releases(void **state)
{
    (void)state;
    size_t n = 0;
    uint16_t before = 0;
    for (; khap_release_at(n) != 0; n++) {
        assert_true(khap_release_at(n) > before);
        before = khap_release_at(n);
    }
    assert_int_equal(n, 20);
    assert_int_equal(khap_release_at(0), KHAP_OLDEST);
    assert_int_equal(before, KHAP_NEWEST);
    assert_int_equal(khap_release_at(SIZE_MAX), 0);
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint16_t first, last; /* 0: refused */
        const char *code;
    } rows[] = {
        {"2.6", 206, 206, ""},
        {"1.5", 105, 105, ""},
        {"v2.6.1", 206, 206, ""},
        {"2.6.12", 206, 206, ""},
        {" 2.6\t", 206, 206, ""},
        {"2.2-3.4", 202, 304, ""},
        {"v2.2.9 - v3.4.7", 202, 304, ""},
        {"2.4-2.4", 204, 204, ""},
        {"3.9", 304, 304, "release-newer-than-known"},
        {"4.0", 304, 304, "release-newer-than-known"},
        {"3.10", 304, 304, "release-newer-than-known"},
        {"2.6-9999.0", 206, 304, "release-newer-than-known"},
        {"1.4", 0, 0, "unknown-release"},
        {"0.0", 0, 0, "unknown-release"},
        {"2.10", 0, 0, "unknown-release"},
        {"1.10-2.6", 0, 0, "unknown-release"},
        {"2.6-2.11", 0, 0, "unknown-release"},
        {"3.4-2.2", 0, 0, "target-backwards"},
        {"", 0, 0, "bad-target"},
        {"2", 0, 0, "bad-target"},
        {"2.", 0, 0, "bad-target"},
        {".6", 0, 0, "bad-target"},
        {"2.6.", 0, 0, "bad-target"},
        {"2.6.1.1", 0, 0, "bad-target"},
        {"2.06", 0, 0, "bad-target"},
        {"02.6", 0, 0, "bad-target"},
        {"2. 6", 0, 0, "bad-target"},
        {"V2.6", 0, 0, "bad-target"},
        {"2.6-", 0, 0, "bad-target"},
        {"-2.6", 0, 0, "bad-target"},
        {"2.2-2.4-2.6", 0, 0, "bad-target"},
        {"2.2--2.6", 0, 0, "bad-target"},
        {"2.8.3-1~deb12", 0, 0, "bad-target"},
        {"2.6-dev3", 0, 0, "bad-target"},
        {"2.6 3.0", 0, 0, "bad-target"},
        {"latest", 0, 0, "bad-target"},
        {"2,6", 0, 0, "bad-target"},
        {"99999.1", 0, 0, "bad-target"},
        {"2.18446744073709551622", 0, 0, "bad-target"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f = set_up();
        struct khap_target target;
        khap_target_init(&target);
        target.quic = KHAP_FEATURE_PRESENT;
        enum khap_status st = khap_target_parse(khap__str(rows[i].text), &target, f.diags, somewhere);
        if (st != (rows[i].first != 0 ? KHAP_OK : KHAP_EINPUT) ||
            target.first != (rows[i].first != 0 ? rows[i].first : 202) ||
            target.last != (rows[i].first != 0 ? rows[i].last : 304))
            fail_msg("'%s': status %d, %u to %u", rows[i].text, (int)st, target.first, target.last);
        assert_string_equal(only_code(&f), rows[i].code);
        assert_int_equal(target.quic, KHAP_FEATURE_PRESENT);
        /* the same without anywhere to say it */
        assert_int_equal(khap_target_parse(khap__str(rows[i].text), &target, NULL, somewhere), st);
        tear_down(&f);
    }
    struct khap_target target = {.size = 1};
    assert_int_equal(khap_target_parse(S("2.6"), &target, NULL, somewhere), KHAP_EINVAL);
    assert_int_equal(khap_target_parse(S("2.6"), NULL, NULL, somewhere), KHAP_EINVAL);
}

static void test_features(void **state)
{
    (void)state;
    enum { NO = KHAP_FEATURE_ABSENT, YES = KHAP_FEATURE_PRESENT, UNKNOWN = KHAP_FEATURE_UNKNOWN };
    static const struct {
        const char *text;
        enum khap_status status;
        uint8_t lua, openssl, quic; /* quic is present before */
    } rows[] = {
        {"", KHAP_OK, UNKNOWN, UNKNOWN, YES},
        {"-LUA", KHAP_OK, NO, UNKNOWN, YES},
        {"+LUA,-QUIC", KHAP_OK, YES, UNKNOWN, NO},
        {" -SSL , +LUA ", KHAP_OK, YES, NO, YES},
        {"-OPENSSL", KHAP_OK, UNKNOWN, NO, YES},
        {"-LUA,+LUA", KHAP_OK, YES, UNKNOWN, YES},
        {"-QUIC,LUA", KHAP_EINPUT, UNKNOWN, UNKNOWN, YES},
        {"-QUIC,,-LUA", KHAP_EINPUT, UNKNOWN, UNKNOWN, YES},
        {"-lua", KHAP_EINPUT, UNKNOWN, UNKNOWN, YES},
        {"-", KHAP_EINPUT, UNKNOWN, UNKNOWN, YES},
        {"-LUA QUIC", KHAP_EINPUT, UNKNOWN, UNKNOWN, YES},
        {"-EPOLL", KHAP_EINPUT, UNKNOWN, UNKNOWN, YES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f = set_up();
        struct khap_target target;
        khap_target_init(&target);
        target.quic = KHAP_FEATURE_PRESENT;
        assert_int_equal(khap_target_features(khap__str(rows[i].text), &target, f.diags, somewhere),
                         rows[i].status);
        assert_int_equal(target.lua, rows[i].lua);
        assert_int_equal(target.openssl, rows[i].openssl);
        assert_int_equal(target.quic, rows[i].quic);
        assert_string_equal(only_code(&f), rows[i].status == KHAP_OK ? "" : "bad-feature");
        assert_int_equal(khap_target_feature(&target, S("LUA")), rows[i].lua);
        assert_int_equal(khap_target_feature(&target, S("SSL")), rows[i].openssl);
        assert_int_equal(khap_target_feature(&target, S("EPOLL")), UNKNOWN);
        tear_down(&f);
    }
    struct khap_target target = {.size = 1};
    assert_int_equal(khap_target_features(S("-LUA"), &target, NULL, somewhere), KHAP_EINVAL);
    assert_int_equal(khap_target_features(S("-LUA"), NULL, NULL, somewhere), KHAP_EINVAL);
    assert_int_equal(khap_target_feature(&target, S("LUA")), UNKNOWN);
    assert_int_equal(khap_target_feature(NULL, S("LUA")), UNKNOWN);
}

static void test_messages(void **state)
{
    (void)state;
    struct fixture f = set_up();
    struct khap_target target;
    khap_target_init(&target);
    (void)khap_target_parse(S("1.4"), &target, f.diags, somewhere);
    struct khap_str text = khap_diag_text(khap_diags_next(f.diags, NULL));
    assert_true(khap__str_eq(
        text,
        S("there is no release 1.4; known are 1.5 1.6 1.7 1.8 1.9 2.0 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 "
          "3.0 3.1 3.2 3.3 3.4")));
    assert_int_equal(khap_diag_place(khap_diags_next(f.diags, NULL)).len, 3);
    tear_down(&f);
}

/* Cut from what the releases print; the parts that are read are as they were. */
static void test_vv(void **state)
{
    (void)state;
    enum { NO = KHAP_FEATURE_ABSENT, YES = KHAP_FEATURE_PRESENT, UNKNOWN = KHAP_FEATURE_UNKNOWN };
    static const struct {
        const char *text;
        uint16_t release;
        uint8_t quic, prometheus, pcre, openssl;
        const char *code;
    } rows[] = {
        {"HA-Proxy version 1.5.8 2014/10/31\nCopyright 2000-2014 Willy Tarreau <w@1wt.eu>\n\nBuild options "
         ":\n  TARGET  = linux2628\n\n"
         "Built without OpenSSL support (USE_OPENSSL not set)\nBuilt with PCRE version : 8.35 2014-04-04\n",
         105, NO, NO, YES, NO, ""},
        {"HA-Proxy version 1.8.19-1+deb10u3 2020/08/01\n"
         "Built with OpenSSL version : OpenSSL 1.1.1d  10 Sep 2019\n"
         "Built without PCRE or PCRE2 support (using libc's regex instead)\n",
         108, NO, NO, NO, YES, ""},
        {"HA-Proxy version 2.2.9-2+deb11u6 2023/12/23 - https://haproxy.org/\n"
         "Feature list : +EPOLL -KQUEUE +NETFILTER -PCRE -PCRE_JIT +PCRE2 +PCRE2_JIT +POLL +OPENSSL +LUA\n\n"
         "Built with OpenSSL version : OpenSSL 1.1.1w  11 Sep 2023\n"
         "Built with the Prometheus exporter as a service\nBuilt with PCRE2 version : 10.36 2020-12-04\n",
         202, NO, YES, YES, YES, ""},
        {"HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/\n"
         "Feature list : -51DEGREES +ACCEPT4 +OPENSSL +OT -PCRE +PCRE2 +PCRE2_JIT -PCRE_JIT +PROMEX -QUIC "
         "+RT -STATIC_PCRE\n",
         206, NO, YES, YES, YES, ""},
        {"HAProxy version 3.0.11-1+deb13u3 2026/05/20 - https://haproxy.org/\n"
         "Feature list : -OPENSSL_AWSLC +OPENSSL -PCRE -PCRE2 -PROMEX +QUIC +QUIC_OPENSSL_COMPAT +SSL\n",
         300, YES, NO, NO, YES, ""},
        {"HAProxy version 3.2.26-1 2026/10/14 - https://haproxy.org/\r\nFeature list : +PCRE +QUIC "
         "-QUIC_OPENSSL_COMPAT +PROMEX -OPENSSL\r\n",
         302, YES, YES, YES, NO, ""},
        {"[NOTICE] something first\nHAProxy version 3.4.7 2026/10/14\n", 304, UNKNOWN, UNKNOWN, UNKNOWN,
         UNKNOWN, ""},
        {"HAProxy version 3.5-dev5-abcdef 2026/11/01\nFeature list : +QUIC", 304, YES, NO, NO, NO,
         "release-newer-than-known"},
        {"HA-Proxy version 1.4.24 2013/06/17\n", 0, 0, 0, 0, 0, "unknown-release"},
        {"HAProxy version weird\n", 0, 0, 0, 0, 0, "bad-target"},
        {"nginx version: nginx/1.22.1\n", 0, 0, 0, 0, 0, "no-haproxy-version"},
        {"", 0, 0, 0, 0, 0, "no-haproxy-version"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f = set_up();
        struct khap_target t;
        khap_target_init(&t);
        enum khap_status st = khap_target_from_vv(khap__str(rows[i].text), &t, f.diags);
        assert_int_equal(st, rows[i].release != 0 ? KHAP_OK : KHAP_EINPUT);
        assert_string_equal(only_code(&f), rows[i].code);
        assert_int_equal(t.first, rows[i].release != 0 ? rows[i].release : 202);
        assert_int_equal(t.last, rows[i].release != 0 ? rows[i].release : 304);
        assert_int_equal(t.quic, rows[i].quic);
        assert_int_equal(t.prometheus, rows[i].prometheus);
        assert_int_equal(t.pcre, rows[i].pcre);
        assert_int_equal(t.openssl, rows[i].openssl);
        tear_down(&f);
    }
    assert_int_equal(khap_target_from_vv(S(""), NULL, NULL), KHAP_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_releases), cmocka_unit_test(test_parse), cmocka_unit_test(test_features),
        cmocka_unit_test(test_messages),       cmocka_unit_test(test_vv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
