/* Addresses of a pool: what is one, who gets which, who keeps his, whose it is not, and every allocation made to fail. SPDX-License-Identifier: MIT */
#include "failing_alloc.h"

#include <khap/kube.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})
#define META(name, created, more)                                                                            \
    "{apiVersion: v1, kind: Service, metadata: {name: " name                                                 \
    ", namespace: shop, creationTimestamp: '2026-01-0" created                                               \
    "T00:00:00Z', annotations: {khap.io/class: khap.io/haproxy}" more "}, "
#define PORTS                  "ports: [{port: 80, nodePort: 30080}]"
#define SERVICE(name, created) META(name, created, "") "spec: {type: LoadBalancer, " PORTS "}}"
#define SIX(name, created)                                                                                   \
    META(name, created, "") "spec: {type: LoadBalancer, ipFamilies: [IPv6], " PORTS "}}"
#define WITH_STATUS(name, created, ip)                                                                       \
    META(name, created, "")                                                                                  \
    "spec: {type: LoadBalancer, " PORTS "}, status: {loadBalancer: {ingress: [{ip: '" ip "'}]}}}"
#define WITH_FIELD(name, created, ip)                                                                        \
    META(name, created, "") "spec: {type: LoadBalancer, loadBalancerIP: '" ip "', " PORTS "}}"

static void test_ranges(void **unused)
{
    static const char *const good[] = {"192.0.2.1",
                                       "192.0.2.1-192.0.2.1",
                                       "192.0.2.0-192.0.3.4",
                                       "192.0.2.16/28",
                                       "192.0.2.7/32",
                                       "10.0.0.0/16",
                                       "255.255.255.255",
                                       "0.0.0.0/16",
                                       "2001:db8::1",
                                       "2001:db8::/112",
                                       "2001:db8::fff0-2001:db8::1:f",
                                       "::/112",
                                       "2001:DB8::A/128",
                                       "::1.2.3.4"};
    static const char *const bad[] = {"",
                                      "192.0.2",
                                      "192.0.2.1/24",
                                      "10.0.0.0/15",
                                      "192.0.2.0/33",
                                      "192.0.2.0/",
                                      "/24",
                                      "-",
                                      "192.0.2.1-",
                                      "-192.0.2.1",
                                      "192.0.2.2-192.0.2.1",
                                      "192.0.2.1-2001:db8::1",
                                      "2001:db8::1-192.0.2.1",
                                      "10.0.0.0-10.1.0.0",
                                      "2001:db8::/111",
                                      "2001:db8::/129",
                                      "2001:db8::1/112",
                                      "::ffff:192.0.2.1",
                                      "2001:db8::1::2",
                                      "edge.example",
                                      "192.0.2.1 ",
                                      "192.0.2.256",
                                      "192.0.2.01/32",
                                      "1-2-3",
                                      "::-ffff::",
                                      "192.0.2.0/2147483680",
                                      "0.0.0.0/0",
                                      "::/0",
                                      "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222:3333"};
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (khap_kube_pool_check((struct khap_str){good[i], strlen(good[i])}) != KHAP_OK)
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (khap_kube_pool_check((struct khap_str){bad[i], strlen(bad[i])}) != KHAP_EINPUT)
            fail_msg("%s", bad[i]);
    assert_int_equal(khap_kube_pool_check((struct khap_str){NULL, 0}), KHAP_EINPUT);
    assert_int_equal(khap_kube_pool_check((struct khap_str){"192.0.2.1\0", 10}), KHAP_EINPUT);
}

struct given {
    char text[4000]; /* "web=192.0.2.1 db=- " */
    size_t len;
};

static void into_given(void *ctx, const struct khap_kube_status *s)
{
    static const char before[] = "\"ip\":\"";
    struct given *g = ctx;
    if (!s) {
        g->len = 0;
        g->text[0] = '\0';
        return;
    }
    char wanted[1000];
    assert_true(s->wanted.len < sizeof wanted);
    memcpy(wanted, s->wanted.ptr, s->wanted.len);
    wanted[s->wanted.len] = '\0';
    const char *at = strstr(wanted, before);
    const char *ip = at ? at + sizeof before - 1 : "-\"";
    int n = snprintf(g->text + g->len, sizeof g->text - g->len, "%.*s=%.*s ", (int)s->name.len, s->name.ptr,
                     (int)strcspn(ip, "\""), ip);
    assert_true(n > 0 && (size_t)n < sizeof g->text - g->len);
    g->len += (size_t)n;
}

#define MOST 8
struct asked {
    const char *pool[MOST], *addresses[MOST], *objects[20];
    const char *allow;
};

static enum khap_status run(const struct khap_alloc *alloc, const struct asked *a, struct given *given)
{
    struct khap_kube_options options;
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_kube *kube = NULL;
    struct khap_model *model = NULL;
    struct khap_kube_allow *allow = NULL;
    struct khap_yaml *yaml = NULL;
    struct khap_str pool[MOST], addresses[MOST];
    uint32_t id;
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    khap_kube_options_init(&options);
    for (; options.n_pool < MOST && a->pool[options.n_pool]; options.n_pool++)
        pool[options.n_pool] = (struct khap_str){a->pool[options.n_pool], strlen(a->pool[options.n_pool])};
    for (; options.n_addresses < MOST && a->addresses[options.n_addresses]; options.n_addresses++)
        addresses[options.n_addresses] =
            (struct khap_str){a->addresses[options.n_addresses], strlen(a->addresses[options.n_addresses])};
    options.pool = pool;
    options.addresses = addresses;
    options.status = into_given;
    options.status_ctx = given;
    if (a->allow) {
        const struct khap_yaml_node *root;
        assert_int_equal(
            khap_sources_add(sources, S("allow"), (struct khap_str){a->allow, strlen(a->allow)}, &id),
            KHAP_OK);
        assert_int_equal(khap_yaml_open(NULL, diags, id, &yaml), KHAP_OK);
        assert_int_equal(khap_yaml_next(yaml, &root), KHAP_OK);
        assert_int_equal(khap_kube_allow_read(NULL, yaml, root, diags, &allow), KHAP_OK);
        options.allow = allow;
    }
    enum khap_status status = khap_kube_new(alloc, &kube);
    for (size_t i = 0; status == KHAP_OK && a->objects[i]; i++) {
        assert_int_equal(
            khap_sources_add(sources, S("m"), (struct khap_str){a->objects[i], strlen(a->objects[i])}, &id),
            KHAP_OK);
        status = khap_kube_read(kube, id, diags);
    }
    if (status == KHAP_OK)
        status = khap_model_new(alloc, &model);
    if (status == KHAP_OK)
        status = khap_kube_resolve(kube, &options, model, diags);
    khap_model_free(model);
    khap_kube_free(kube);
    khap_kube_allow_free(allow);
    khap_yaml_free(yaml);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

static void assert_given(const struct asked *a, enum khap_status status, const char *expected)
{
    struct given g = {.len = 0};
    assert_int_equal(run(NULL, a, &g), status);
    assert_string_equal(g.text, expected);
}

static void test_who_gets_what(void **unused)
{
    (void)unused;
    /* without a pool nobody does; with one of one address the oldest, whatever the names */
    assert_given(&(struct asked){.objects = {SERVICE("a", "2"), SERVICE("b", "1")}}, KHAP_EINPUT, "a=- b=- ");
    assert_given(&(struct asked){.pool = {"192.0.2.9"}, .objects = {SERVICE("a", "2"), SERVICE("b", "1")}},
                 KHAP_EINPUT, "a=- b=192.0.2.9 ");
    /* the order in which they are read is nobody's business */
    assert_given(&(struct asked){.pool = {"192.0.2.9"}, .objects = {SERVICE("b", "1"), SERVICE("a", "2")}},
                 KHAP_EINPUT, "a=- b=192.0.2.9 ");
    /* each another one, until there are none; over several ranges, of which two overlap */
    assert_given(&(struct asked){.pool = {"192.0.2.8/31", "192.0.2.9", "no address"},
                                 .objects = {SERVICE("a", "1"), SERVICE("b", "2"), SERVICE("c", "3")}},
                 KHAP_EINPUT, "a=192.0.2.9 b=192.0.2.8 c=- ");
    /* a Service with a field, a status, or no need, one of another class, and one that leaves */
    assert_given(&(struct asked){.pool = {"192.0.2.8/31"},
                                 .objects = {WITH_STATUS("late", "9", "192.0.2.8"), SERVICE("a", "1"),
                                             SERVICE("b", "2")}},
                 KHAP_EINPUT, "a=192.0.2.9 b=- late=192.0.2.8 ");
    assert_given(&(struct asked){.pool = {"192.0.2.8/31"},
                                 .objects = {WITH_FIELD("late", "9", "192.0.2.9"), SERVICE("a", "1")}},
                 KHAP_OK, "a=192.0.2.8 late=192.0.2.9 ");
    assert_given(&(struct asked){.pool = {"192.0.2.8/31"},
                                 .objects = {WITH_STATUS("old", "1", "198.51.100.1"), SERVICE("a", "1")}},
                 KHAP_OK, "a=192.0.2.9 old=198.51.100.1 ");
    assert_given(
        &(struct asked){.pool = {"192.0.2.8"},
                        .objects = {META("gone", "1",
                                         ", finalizers: [khap.io/haproxy], deletionTimestamp: "
                                         "'2026-02-01T00:00:00Z'") "spec: {type: LoadBalancer, " PORTS
                                                                   "}, status: {loadBalancer: {ingress: "
                                                                   "[{ip: 192.0.2.8}]}}}",
                                    SERVICE("a", "2")}},
        KHAP_EINPUT, "a=- gone=- ");
}

static void test_whose_it_is_not(void **unused)
{
    (void)unused;
    /* HAProxy's own, and that of a Gateway */
    assert_given(
        &(struct asked){
            .pool = {"192.0.2.8-192.0.2.10"},
            .addresses = {"edge.example", "192.0.2.8"},
            .objects = {"{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g, "
                        "namespace: shop}, spec: {gatewayClassName: x, addresses: [{value: 192.0.2.9}]}}",
                        SERVICE("a", "1"), SERVICE("b", "2")}},
        KHAP_EINPUT, "a=192.0.2.10 b=- ");
    /* a status from the time when it had hosts is no address of its own */
    assert_given(&(struct asked){.pool = {"192.0.2.10"},
                                 .addresses = {"192.0.2.8"},
                                 .objects = {WITH_STATUS("a", "1", "192.0.2.8")}},
                 KHAP_OK, "a=192.0.2.10 ");
    /* who may claim nothing gets nothing, and takes nothing away */
    assert_given(
        &(struct asked){.pool = {"192.0.2.10"}, .objects = {SERVICE("a", "1")}, .allow = "{other: {}}"},
        KHAP_OK, "a=- ");
    assert_given(&(struct asked){.pool = {"192.0.2.10"},
                                 .objects = {WITH_FIELD("a", "1", "192.0.2.7")},
                                 .allow = "{other: {}}"},
                 KHAP_OK, "a=- ");
    assert_given(
        &(struct asked){.pool = {"192.0.2.10"}, .objects = {SERVICE("a", "1")}, .allow = "{shop: {}}"},
        KHAP_OK, "a=192.0.2.10 ");
}

static void test_families(void **unused)
{
    (void)unused;
    assert_given(&(struct asked){.pool = {"192.0.2.8", "2001:db8::ffff-2001:db8::1:0"},
                                 .objects = {SIX("a", "1"), SERVICE("b", "2"), SIX("c", "3"), SIX("d", "4")}},
                 KHAP_EINPUT, "a=2001:db8::ffff b=192.0.2.8 c=2001:db8::1:0 d=- ");
    /* the other one is better than none */
    assert_given(
        &(struct asked){.pool = {"192.0.2.255-192.0.3.0"}, .objects = {SIX("a", "1"), SERVICE("b", "2")}},
        KHAP_OK, "a=192.0.3.0 b=192.0.2.255 ");
}

/* Where nothing is written, and no status remembers: who goes leaves the others where they are, mostly. */
static void test_without_memory(void **unused)
{
    static char services[26][400];
    struct asked all = {.pool = {"10.0.0.0/16"}};
    struct given before = {.len = 0}, after = {.len = 0};
    (void)unused;
    for (int i = 0; i < 19; i++) {
        (void)snprintf(services[i], sizeof services[i], SERVICE("s%c", "1"), 'a' + i);
        all.objects[i] = services[i];
    }
    assert_int_equal(run(NULL, &all, &before), KHAP_OK);
    all.objects[0] = all.objects[18];
    all.objects[18] = NULL;
    assert_int_equal(run(NULL, &all, &after), KHAP_OK);
    assert_string_equal(after.text, strchr(before.text, ' ') + 1);
}

static void test_memory(void **unused)
{
    const struct asked a = {
        .pool = {"192.0.2.8/29", "2001:db8::1"},
        .addresses = {"192.0.2.8"},
        .objects = {SERVICE("a", "1"), SIX("b", "2"), WITH_STATUS("c", "3", "192.0.2.9")}};
    (void)unused;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct given g = {.len = 0};
        failing_alloc_init(&f, i);
        enum khap_status status = run(&f.alloc, &a, &g);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(status, KHAP_OK);
            break;
        }
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),          cmocka_unit_test(test_who_gets_what),
        cmocka_unit_test(test_whose_it_is_not), cmocka_unit_test(test_families),
        cmocka_unit_test(test_without_memory),  cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
