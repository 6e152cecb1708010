/* khap_check() as a library: what it says in order, hostile input, and no memory. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include "schema/schema.h"
#include <khap/check.h>

enum { NOW = 1000000000, DAY = 86400 };

static enum khap_status check_with(const struct khap_alloc *alloc, uint16_t first, uint16_t last,
                                   struct khap_str text, const struct khap_file_source *files,
                                   const struct khap_cert_reader *certs, struct buf *said)
{
    struct khap_check_options options;
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_bundle *bundle = NULL;
    struct khap_document *doc;
    struct khap_target target;
    uint32_t id;
    khap_target_init(&target);
    target.first = first;
    target.last = last;
    enum khap_status status = khap_sources_new(alloc, &sources);
    if (status == KHAP_OK)
        status = khap_sources_add(sources, S("a.cfg"), text, &id);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, sources, &diags);
    if (status == KHAP_OK)
        status = khap_bundle_new(alloc, &bundle);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, &target, text, id, NULL, &doc);
    if (status == KHAP_OK) {
        status = khap_bundle_add_document(bundle, S("a.cfg"), doc, 0);
        if (status != KHAP_OK)
            khap_document_free(doc);
    }
    if (status == KHAP_OK)
        khap_check_options_init(&options);
    options.files = files;
    options.certs = certs;
    options.now = NOW;
    options.sources = sources;
    if (status == KHAP_OK)
        status = khap_check(alloc, bundle, &target, &options, diags);
    for (const struct khap_diag *d = NULL;
         status == KHAP_OK && said != NULL && (d = khap_diags_next(diags, d)) != NULL;) {
        uint32_t line, column;
        khap_sources_locate(sources, khap_diag_place(d), &line, &column);
        khap__buf_uint(said, line);
        khap__buf_char(said, ':');
        khap__buf_uint(said, column);
        khap__buf_char(said, ' ');
        khap__buf_add(said, khap__str(khap_diag_code(d)));
        khap__buf_char(said, '\n');
    }
    khap_bundle_free(bundle);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

static enum khap_status check_text(const struct khap_alloc *alloc, uint16_t first, uint16_t last,
                                   struct khap_str text, struct buf *said)
{
    return check_with(alloc, first, last, text, NULL, NULL, said);
}

static void assert_said(uint16_t first, uint16_t last, const char *text, const char *expected)
{
    struct buf said;
    khap__buf_init(&said, NULL);
    assert_int_equal(check_text(NULL, first, last, khap__str(text), &said), KHAP_OK);
    khap__buf_char(&said, '\0');
    assert_string_equal(said.ptr, expected);
    khap__buf_free(&said);
}

/* One thing wrong of each kind. */
static const char everything[] = "global\n"
                                 "    maxconn x y\n"
                                 "defaults\n"
                                 "    mode http\n"
                                 "    http-request deny\n"
                                 "    timeout client 1s\n"
                                 "    timeout server 1s\n"
                                 "    timeout connect 1s\n"
                                 "frontend www\n"
                                 "    bind :80 sll\n"
                                 "    acl a path -m begin /a\n"
                                 "    http-request deny if b\n"
                                 "    use_backend web if { nbsrv(nosuch) gt 1 }\n"
                                 "    http-request set-header X %[ssl_fc,ipmask(24)]\n"
                                 "    http-request set-header X %[pth]\n"
                                 "    http-request set-header X %zz\n"
                                 "    http-request set-header X %[path\n"
                                 "    no maxconn\n"
                                 "    default_backend\n"
                                 "backend web\n"
                                 "    mode tcp\n"
                                 "    server s1 10.0.0.1:80 id 5\n"
                                 "    server s1 10.0.0.1:80 id 5\n"
                                 "    server s2 10.0.0.2:80 weight 999\n"
                                 "backend web\n"
                                 "    timeout tunnel 1x\n";

static void test_everything(void **state)
{
    (void)state;
    struct buf said;
    khap__buf_init(&said, NULL);
    assert_int_equal(check_text(NULL, KHAP_NEWEST, KHAP_NEWEST, khap__str(everything), &said), KHAP_OK);
    khap__buf_char(&said, '\0');
    static const char *const codes[] = {
        "5:5 defaults-unnamed",    "10:14 unknown-argument",  "11:9 unknown-match",
        "12:26 missing-reference", "13:32 missing-reference", "14:40 bad-cast",
        "15:33 unknown-sample",    "16:31 unknown-alias",     "18:5 prefix-not-taken",
        "19:20 argument-missing",  "24:34 argument-range",    "23:12 name-twice",
        "23:30 id-twice",          "23:15 address-twice",     "25:9 name-twice",
        "26:20 bad-argument",      "13:17 mode-mismatch",     "14:5 misplaced-rule",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strstr(said.ptr, codes[i]) == NULL)
            fail_msg("%s is not said in:\n%s", codes[i], said.ptr);
    }
    khap__buf_free(&said);
}

static void test_ranges(void **state)
{
    (void)state;
    static const char text[] =
        "backend b\n    timeout server 1s\n    timeout connect 1s\n    server s 10.0.0.1:80 init-state up\n";
    assert_said(KHAP_NEWEST, KHAP_NEWEST, text, "");
    assert_said(KHAP_RELEASE(2, 6), KHAP_NEWEST, text, "4:26 other-release\n");
    assert_said(KHAP_RELEASE(2, 6), KHAP_RELEASE(2, 6), text, "4:26 other-release\n");
}

static void test_unused(void **state)
{
    (void)state;
    static const char text[] =
        "frontend f\n bind :1\n timeout client 1s\n acl a always_true\n acl b src ::1\n acl b src ::2\n"
        " use_backend w if b\nbackend w\nbackend x\n";
    assert_said(KHAP_NEWEST, KHAP_NEWEST, text, "4:6 unused-name\n9:9 unused-name\n");
    assert_said(KHAP_NEWEST, KHAP_NEWEST, "backend alone\n", "");
    assert_said(KHAP_NEWEST, KHAP_NEWEST,
                "frontend f\n bind :1\n timeout client 1s\n use_backend %[path]\nbackend perhaps\n", "");
}

static void test_exposed(void **state)
{
    (void)state;
    assert_said(KHAP_NEWEST, KHAP_NEWEST, "acme a\n directory http://x/\n", "1:1 not-exposed\n");
    assert_said(KHAP_NEWEST, KHAP_NEWEST,
                "global\n expose-experimental-directives\nacme a\n directory http://x/\n", "");
    assert_said(KHAP_RELEASE(3, 1), KHAP_RELEASE(3, 1), "program a\n command x\n",
                "1:1 deprecated\n1:1 not-exposed\n");
    assert_said(KHAP_RELEASE(3, 0), KHAP_RELEASE(3, 0), "program a\n command x\n", "");
}

/* What cross-line.tsv wants to say can be said. */
static void test_cross_codes(void **state)
{
    (void)state;
    const struct schema_cross *rule;
    struct khap_message m = {.size = sizeof m};
    for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL; i++) {
        /* those say nothing of their own */
        if (rule->predicate != CROSS_INSTEAD)
            assert_int_equal(khap_message_find(khap__schema_text(rule->code), &m), KHAP_OK);
    }
}

/* Whatever bytes come, they are gone through. */
static void test_hostile(void **state)
{
    (void)state;
    size_t len = strlen(everything);
    char *text = malloc(len);
    assert_non_null(text);
    unsigned seed = 1;
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(text, everything, len);
        for (unsigned k = 0; k < 3; k++) {
            seed = seed * 1103515245u + 12345u;
            text[(seed >> 8) % len] = (char)("\0\n\r\"'\\${}[](),/%#. -0azZ\377"[(seed >> 4) % 25]);
        }
        assert_int_equal(check_text(NULL, round % 2 == 0 ? KHAP_OLDEST : KHAP_RELEASE(2, 9),
                                    round % 2 == 0 ? KHAP_OLDEST : KHAP_RELEASE(3, 1),
                                    (struct khap_str){text, len}, NULL),
                         KHAP_OK);
    }
    free(text);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status =
            check_text(&f.alloc, KHAP_RELEASE(3, 3), KHAP_NEWEST, khap__str(everything), NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

/* Files in memory. */
static const struct {
    const char *path, *text;
} in_memory[] = {
    {"a.map", "10.0.0.1 x\n# x\n10.0.0.2 3\n10.0.0.4 y\n"},
    {"a.acl", "10.0.0.1\n10.0.0.300\n"},
    {"a.http", "HTTP/1.0 503 x\r\nA b\r\n\r\n"},
    {"format", "a %[nosuch] %[src,map_ip_int(a.map)]\n"},
    {"list", "a.pem [alpm h2 alpn h2] x\nb.pem [ca-file nosuch]\nc.pem]\n"},
    {"a.pem", "x\n"},
    {"b.pem", "x\n"},
    {"state", "2\n"},
    {"one.c", "a.example *.b.example"},
    {"two.c", "c.example A.Example *.b.example +3"},
    {"none.c", "+9"},
    {"names", "one.c d.example x.B.example !e.example\none.c [key two.c]\nnone.c\n"},
    {"headers", "host HOST\nhost Host\na b\n"},
};

static enum khap_status read_memory(void *ctx, struct khap_str path, struct khap_str *text)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof in_memory / sizeof *in_memory; i++) {
        if (khap__str_eq(path, khap__str(in_memory[i].path))) {
            *text = khap__str(in_memory[i].text);
            return KHAP_OK;
        }
    }
    return KHAP_ENOENT;
}

static const char with_files[] = "global\n server-state-file state\n h1-case-adjust-file headers\n"
                                 "frontend f\n mode http\n timeout client 1s\n"
                                 " bind :443 ssl crt-list list\n"
                                 " http-request deny if { src -f a.acl -f b.acl }\n"
                                 " http-request set-var(txn.a) path,map_str_int(a.map)\n"
                                 " errorfile 503 a.http\n"
                                 " http-request return content-type a/b lf-file format\n"
                                 " http-request deny if { path -f a.map }\n";

static void test_files(void **state)
{
    (void)state;
    const struct khap_file_source files = {.size = sizeof files, .read = read_memory};
    struct buf said;
    khap__buf_init(&said, NULL);
    assert_int_equal(
        check_with(NULL, KHAP_RELEASE(3, 2), KHAP_RELEASE(3, 2), khap__str(with_files), &files, NULL, &said),
        KHAP_OK);
    khap__buf_char(&said, '\0');
    assert_string_equal(said.ptr, "1:1 file-unused\n2:1 file-bad\n3:1 file-bad\n1:8 unknown-keyword\n1:1 "
                                  "certs-unread\n2:16 file-missing\n"
                                  "3:6 file-bad\n2:1 bad-pattern\n8:23 file-missing\n1:10 bad-value\n"
                                  "4:10 bad-value\n2:2 file-bad\n1:5 unknown-sample\n1:10 bad-value\n"
                                  "4:10 bad-value\n12:2 rule-after-final\n12:23 file-two-ways\n");
    khap__buf_free(&said);
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = check_with(&f.alloc, KHAP_RELEASE(3, 2), KHAP_RELEASE(3, 2),
                                             khap__str(with_files), &files, NULL, NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

/* A certificate is its names, and the days in which it ends behind a `+`. */
static enum khap_status read_cert(void *ctx, struct khap_str pem, struct khap_str key,
                                  struct khap_cert_info *out)
{
    (void)ctx;
    (void)key;
    out->certs = out->keys = 1;
    out->key = KHAP_CERT_KEY_MATCHES;
    out->not_after = out->first_end = out->last_end = NOW + 100 * DAY;
    for (size_t at = 0; at < pem.len;) {
        struct khap_str word = khap__str_sub(pem, at, khap__str_find(khap__str_sub(pem, at, pem.len), ' '));
        at += word.len + 1;
        if (word.ptr[0] == '+') {
            out->not_after = out->first_end = out->last_end = NOW + (word.ptr[1] - '0') * DAY;
            continue;
        }
        out->alt_names++;
        enum khap_status status = out->name != NULL ? out->name(out->ctx, KHAP_CERT_DNS, word) : KHAP_OK;
        if (status != KHAP_OK)
            return status;
    }
    return KHAP_OK;
}

static const char with_certs[] = "crt-store s\n load crt one.c key two.c\n"
                                 "frontend f\n mode http\n timeout client 1s\n"
                                 " bind :443 ssl crt one.c crt two.c crt-list names\n"
                                 " bind :444 ssl crt one.c\n"
                                 " default_backend b\n"
                                 "backend b\n mode http\n timeout connect 1s\n timeout server 1s\n"
                                 " server s 10.0.0.1:443 ssl verify required ca-file two.c crt none.c\n";

static void test_certs(void **state)
{
    (void)state;
    const struct khap_file_source files = {.size = sizeof files, .read = read_memory};
    const struct khap_cert_reader certs = {.size = sizeof certs, .read = read_cert};
    struct buf said;
    khap__buf_init(&said, NULL);
    assert_int_equal(check_with(NULL, KHAP_RELEASE(3, 2), KHAP_RELEASE(3, 2), khap__str(with_certs), &files,
                                &certs, &said),
                     KHAP_OK);
    khap__buf_char(&said, '\0');
    assert_string_equal(said.ptr, "6:30 cert-expires-soon\n6:30 cert-twice\n1:7 cert-not-for-host\n"
                                  "3:1 cert-expires-soon\n3:1 cert-no-names\n13:52 cert-expires-soon\n");
    khap__buf_free(&said);
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = check_with(&f.alloc, KHAP_RELEASE(3, 2), KHAP_RELEASE(3, 2),
                                             khap__str(with_certs), &files, &certs, NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),  cmocka_unit_test(test_ranges),  cmocka_unit_test(test_unused),
        cmocka_unit_test(test_cross_codes), cmocka_unit_test(test_exposed), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_files),   cmocka_unit_test(test_certs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
