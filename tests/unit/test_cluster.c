/* kubeconfigs: what is taken of them, what is told, that nothing secret is, and every allocation made to fail. SPDX-License-Identifier: MIT */
#include "failing_alloc.h"

#include <khap/cluster.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})

static struct khap_str str(const char *text)
{
    return (struct khap_str){text, strlen(text)};
}

static void assert_text(struct khap_str got, const char *expected)
{
    char text[512];
    assert_true(got.len < sizeof text);
    if (got.len > 0)
        memcpy(text, got.ptr, got.len);
    text[got.len] = '\0';
    assert_string_equal(text, expected);
}

static int into_text(void *ctx, const char *data, size_t len)
{
    char *text = ctx;
    size_t old = strlen(text);
    assert_true(old + len < 4000);
    memcpy(text + old, data, len);
    text[old + len] = '\0';
    return 0;
}

/* Reads up to two files; what was said stands in `said`, which has 4000 bytes. */
static enum khap_status read_all(const struct khap_alloc *alloc, const char *first, const char *second,
                                 const char *context, struct khap_cluster **out, char *said)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    const struct khap_str paths[] = {S("/etc/khap/kubeconfig"), S("other")},
                          texts[] = {str(first), str(second != NULL ? second : "")};
    const struct khap_sink sink = {said, into_text};
    said[0] = '\0';
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    enum khap_status status =
        khap_cluster_read(alloc, paths, texts, second != NULL ? 2 : 1, str(context), diags, out);
    assert_int_equal(khap_diags_print(diags, 0, &sink), KHAP_OK);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

static const char config[] =
    "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
    "clusters:\n"
    "- name: p\n  cluster: {server: 'https://10.0.0.1:6443/', certificate-authority: pki/ca.crt, "
    "tls-server-name: kube, proxy-url: 'http://proxy:3128'}\n"
    "- name: q\n  cluster: {server: 'https://q', certificate-authority-data: Y2EK, insecure-skip-tls-verify: "
    "true}\n"
    "users:\n"
    "- name: a\n  user: {tokenFile: /run/token, client-certificate: a.crt, client-key: /a.key}\n"
    "- name: b\n  user: {token: s3cret, client-certificate-data: 'Y2VydA==', client-key-data: a2V5, as: "
    "admin}\n"
    "- name: c\n  user:\n    exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/get-token, "
    "args: [a, 'b c'],\n"
    "      env: [{name: X, value: y}], provideClusterInfo: true}\n"
    "contexts:\n"
    "- name: prod\n  context: {cluster: p, user: a}\n"
    "- name: test\n  context: {cluster: q, user: b}\n"
    "- name: exec\n  context: {cluster: q, user: c}\n"
    "- name: lost\n  context: {cluster: nowhere, user: nobody}\n";

static struct khap_cluster_info info_of(const struct khap_cluster *c)
{
    struct khap_cluster_info i = {.size = sizeof i};
    assert_int_equal(khap_cluster_get(c, &i), KHAP_OK);
    return i;
}

static void test_contexts(void **unused)
{
    struct khap_cluster *c;
    char said[4000];
    (void)unused;
    assert_int_equal(read_all(NULL, config, NULL, "", &c, said), KHAP_OK);
    assert_string_equal(said, "");
    struct khap_cluster_info i = info_of(c);
    assert_text(i.context, "prod");
    assert_text(i.server, "https://10.0.0.1:6443");
    assert_text(i.ca_file, "/etc/khap/pki/ca.crt");
    assert_text(i.tls_server_name, "kube");
    assert_text(i.proxy_url, "http://proxy:3128");
    assert_text(i.token_file, "/run/token");
    assert_text(i.cert_file, "/etc/khap/a.crt");
    assert_text(i.key_file, "/a.key");
    assert_int_equal(i.insecure, 0);
    khap_cluster_free(c);
    assert_int_equal(read_all(NULL, config, NULL, "test", &c, said), KHAP_OK);
    i = info_of(c);
    assert_text(i.ca_data, "ca\n");
    assert_text(i.cert_data, "cert");
    assert_text(i.key_data, "key");
    assert_text(i.token, "s3cret");
    assert_text(i.as_user, "admin");
    assert_int_equal(i.insecure, 1);
    khap_cluster_free(c);
}

static void test_exec(void **unused)
{
    struct khap_cluster *c;
    char said[4000];
    int64_t expires;
    (void)unused;
    assert_int_equal(read_all(NULL, config, NULL, "exec", &c, said), KHAP_OK);
    struct khap_cluster_info i = info_of(c);
    assert_text(i.exec_command, "/etc/khap/bin/get-token");
    assert_text(i.exec_version, "client.authentication.k8s.io/v1");
    assert_int_equal(i.exec_arguments, 2);
    assert_int_equal(i.exec_cluster_info, 1);
    assert_text(khap_cluster_exec_argument(c, 1), "b c");
    assert_text(khap_cluster_exec_argument(c, 2), "");
    assert_text(khap_cluster_exec_variable(c, 0), "X=y");
    assert_int_equal(khap_cluster_exec_answer(c,
                                              S("{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t1\","
                                                "\"expirationTimestamp\":\"2026-11-26T14:00:00Z\"}}"),
                                              &expires),
                     KHAP_OK);
    assert_int_equal(expires, 1795701600);
    assert_text(info_of(c).token, "t1");
    assert_int_equal(khap_cluster_exec_answer(c,
                                              S("{\"status\":{\"clientCertificateData\":\"-----\\n\","
                                                "\"clientKeyData\":\"k\",\"expirationTimestamp\":"
                                                "\"2026-11-26T15:30:00.123+01:30\"}}"),
                                              &expires),
                     KHAP_OK);
    assert_int_equal(expires, 1795701600);
    assert_text(info_of(c).token, "");
    assert_text(info_of(c).cert_data, "-----\n");
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"status\":{}}",
        "{\"status\":{\"token\":\"a\\nb\"}}",
        "{\"status\":{\"token\":\"a\",\"clientKeyData\":\"k\",\"clientCertificateData\":\"\"}}x:"};
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++)
        assert_int_equal(khap_cluster_exec_answer(c, str(bad[n]), &expires), KHAP_EINPUT);
    assert_text(info_of(c).key_data, "k");
    khap_cluster_free(c);
}

/* Of what stands in two files the first counts; a context of one may name a user of the other. */
static void test_several(void **unused)
{
    struct khap_cluster *c;
    char said[4000];
    (void)unused;
    assert_int_equal(read_all(NULL,
                              "contexts: [{name: x, context: {cluster: p, user: mine}}]\nusers: [{name: "
                              "mine, user: {tokenFile: t}}]\n",
                              config, "x", &c, said),
                     KHAP_OK);
    assert_text(info_of(c).server, "https://10.0.0.1:6443");
    assert_text(info_of(c).ca_file, "pki/ca.crt");
    assert_text(info_of(c).token_file, "/etc/khap/t");
    khap_cluster_free(c);
    assert_int_equal(
        read_all(NULL, "clusters: [{name: p, cluster: {server: 'https://first'}}]\n", config, "", &c, said),
        KHAP_OK);
    assert_text(info_of(c).server, "https://first");
    assert_text(info_of(c).context, "prod");
    khap_cluster_free(c);
}

static void test_told(void **unused)
{
    static const struct {
        const char *text, *context, *code;
    } bad[] = {
        {config, "none", "kubeconfig-no-context"},
        {config, "lost", "kubeconfig-missing"},
        {"", "", "kubeconfig-no-context"},
        {"[]", "", "kubeconfig-no-context"},
        {"users: [{name: a, user: {token: s3cret\n", "", "kubeconfig-broken"},
        {"users: [{name: a, user: {token: s3cret, token: s3cret}}]\n", "", "kubeconfig-broken"},
        {"s3cret\0", "", "kubeconfig-no-context"},
        {"contexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\nclusters: [{name: a, "
         "cluster: {server: s3cret}}]\n"
         "users: [{name: a, user: {client-key-data: 's3cret!', token: [s3cret]}}]\n",
         "", "kubeconfig-bad-value"},
        {"contexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\nclusters: [{name: a, "
         "cluster: {server: 'https://a'}}]\n"
         "users: [{name: a, user: {token: \"s3cret\\nX: y\"}}]\n",
         "", "kubeconfig-bad-value"},
        {"contexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\nclusters: [{name: a, "
         "cluster: {server: 'https://a'}}]\n"
         "users: [{name: a, user: {auth-provider: {name: gcp}}}]\n",
         "", "kubeconfig-bad-value"},
        {"contexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\nclusters: [{name: a, "
         "cluster: {server: 'https://a'}}]\n"
         "users: [{name: a, user: {client-certificate: x}}]\n",
         "", "kubeconfig-bad-value"},
    };
    char said[4000];
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct khap_cluster *c;
        assert_int_equal(read_all(NULL, bad[i].text, NULL, bad[i].context, &c, said), KHAP_EINPUT);
        assert_null(c);
        assert_non_null(strstr(said, bad[i].code));
        assert_null(strstr(said, "s3cret"));
    }
}

static void test_base64(void **unused)
{
    static const struct {
        const char *text, *bytes;
    } rows[] = {{"YQ==", "a"},  {"YWI=", "ab"}, {"YWJj", "abc"}, {"YWJj\\nZA==\\n", "abcd"},
                {"YQ", NULL},   {"YQ=", NULL},  {"Y", NULL},     {"YQ==YQ==", NULL},
                {"YQ=x", NULL}, {"Y-==", NULL}, {"====", NULL},  {"", NULL}};
    char text[600], said[4000];
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct khap_cluster *c;
        snprintf(text, sizeof text,
                 "contexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\nclusters: [{name: a, "
                 "cluster: {server: 'https://a',"
                 " certificate-authority-data: \"%s\"}}]\n",
                 rows[i].text);
        assert_int_equal(read_all(NULL, text, NULL, "", &c, said), rows[i].bytes ? KHAP_OK : KHAP_EINPUT);
        if (c)
            assert_text(info_of(c).ca_data, rows[i].bytes);
        khap_cluster_free(c);
    }
}

static void test_inside(void **unused)
{
    struct khap_cluster *c;
    (void)unused;
    assert_int_equal(khap_cluster_inside(NULL, S("10.96.0.1"), S("443"), &c), KHAP_OK);
    assert_text(info_of(c).server, "https://10.96.0.1:443");
    assert_text(info_of(c).token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
    assert_text(info_of(c).ca_file, "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
    khap_cluster_free(c);
    assert_int_equal(khap_cluster_inside(NULL, S("fd00::1"), S("6443"), &c), KHAP_OK);
    assert_text(info_of(c).server, "https://[fd00::1]:6443");
    khap_cluster_free(c);
    assert_int_equal(khap_cluster_inside(NULL, S(""), S("443"), &c), KHAP_EINVAL);
    assert_int_equal(khap_cluster_inside(NULL, S("a"), S("x"), &c), KHAP_EINVAL);
}

static void test_every_allocation_fails(void **unused)
{
    char said[4000];
    (void)unused;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct khap_cluster *c = NULL;
        int64_t expires;
        failing_alloc_init(&f, i);
        enum khap_status status = read_all(&f.alloc, config, "{}", "exec", &c, said);
        if (status == KHAP_OK)
            status = khap_cluster_exec_answer(c, S("{\"status\":{\"token\":\"t1\"}}"), &expires);
        khap_cluster_free(c);
        c = NULL;
        if (status == KHAP_OK)
            status = khap_cluster_inside(&f.alloc, S("a"), S("1"), &c);
        khap_cluster_free(c);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_inside),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
