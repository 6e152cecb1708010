/* The store of objects, and what they come to: order, replacing, removing, and every allocation made to fail. SPDX-License-Identifier: MIT */
#include "failing_alloc.h"

#include <khap/gen.h>
#include <khap/kube.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})

static const char node[] = "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {a: b}},"
                           " status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}}";
static const char web[] =
    "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, annotations: {"
    "khap.io/hosts: 'a.example, b.example', khap.io/chek-path: /x, khap.io/check: '{path: /up, expect: [200, "
    "204]}',"
    "khap.io/cors: 'https://x.example', khap.io/routes: '[{host: c.example, path: /p}]'}},"
    " spec: {type: NodePort, sessionAffinity: ClientIP, ports: [{port: 80, nodePort: 30080}]}}";
static const char db[] = "{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {type: LoadBalancer, "
                         "loadBalancerClass: khap.io/haproxy,"
                         " loadBalancerIP: 192.0.2.10, externalTrafficPolicy: Local, "
                         "loadBalancerSourceRanges: [10.0.0.0/8], ports: [{port: 5432, nodePort: 30432}]}}";
static const char slice[] = "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: db-1, "
                            "labels: {kubernetes.io/service-name: db}},"
                            " endpoints: [{nodeName: n1}]}";
static const char ingress[] =
    "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: shop, annotations: "
    "{khap.io/rewrite: /y}}, spec: {"
    " ingressClassName: khap, tls: [{secretName: s}], rules: [{host: '*.d.example', http: {paths: [{path: "
    "/z, pathType: Exact, "
    "backend: {service: {name: web, port: {number: 80}}}}]}}]}}";

static const char secret[] =
    "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop}, type: kubernetes.io/tls,"
    " data: {tls.crt: YQ==, tls.key: YWI=}}";

/* of each kind of the Gateway API one, as documents */
static const char gateways[] =
    "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: out}, spec: "
    "{controllerName: khap.io/haproxy}}\n"
    "---\n{apiVersion: v1, kind: Namespace, metadata: {name: team, labels: {a: b}}}\n"
    "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: ReferenceGrant, metadata: {name: g, namespace: "
    "shop}, spec: {from: "
    "[{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: team}], to: [{group: '', kind: "
    "Service}]}}\n"
    "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gw, namespace: shop}, "
    "spec: {gatewayClassName: out, "
    "listeners: [{name: a, port: 8080, protocol: HTTP, hostname: '*.g.example', allowedRoutes: {namespaces: "
    "{from: Selector, selector: "
    "{matchLabels: {a: b}}}}}, {name: s, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: s}]}}, "
    "{name: t, port: 9000, "
    "protocol: TCP}, {name: u, port: 53, protocol: UDP}]}}\n"
    "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: team}, "
    "spec: {parentRefs: [{name: gw, "
    "namespace: shop}], hostnames: [x.g.example], rules: [{matches: [{path: {value: /a}, method: GET, "
    "headers: [{name: X, value: y}]}], "
    "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: A, value: b}], remove: "
    "[C]}}, {type: URLRewrite, "
    "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}], timeouts: {request: 1s}, "
    "backendRefs: [{name: web, "
    "namespace: shop, port: 80}, {name: gone, port: 80}]}, {filters: [{type: RequestRedirect, "
    "requestRedirect: {scheme: https}}]}]}}\n"
    "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: r, namespace: shop}, "
    "spec: {parentRefs: [{name: gw, "
    "sectionName: s}], hostnames: [grpc.example], rules: [{matches: [{method: {service: a.B}}], backendRefs: "
    "[{name: web, port: 80}]}]}}\n"
    "---\n{apiVersion: gateway.networking.k8s.io/v1alpha2, kind: TCPRoute, metadata: {name: r, namespace: "
    "shop}, spec: {parentRefs: "
    "[{name: gw, port: 9000}], rules: [{backendRefs: [{name: web, port: 80}]}]}}\n";

static int into_text(void *ctx, const char *data, size_t len)
{
    char *text = ctx;
    size_t old = strlen(text);
    assert_true(old + len < 20000);
    memcpy(text + old, data, len);
    text[old + len] = '\0';
    return 0;
}

static void into_conditions(void *ctx, const struct khap_kube_condition *c)
{
    char line[512];
    if (!ctx)
        return;
    (void)snprintf(line, sizeof line, "%.*s %.*s/%.*s%s%.*s%s%.*s %.*s %s %.*s\n", (int)c->kind.len,
                   c->kind.ptr, (int)c->ns.len, c->ns.ptr, (int)c->name.len, c->name.ptr,
                   c->listener.len > 0 ? "#" : "", (int)c->listener.len, c->listener.ptr,
                   c->gateway.len > 0 ? " at " : "", (int)c->gateway.len, c->gateway.ptr, (int)c->type.len,
                   c->type.ptr, c->status ? "True" : "False", (int)c->reason.len, c->reason.ptr);
    (void)into_text(ctx, line, strlen(line));
}

static enum khap_status run_all(const struct khap_alloc *alloc, const char *const *texts, size_t n,
                                const char *gone, char *written, char *conditions)
{
    struct khap_kube_options options;
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_kube *kube = NULL;
    struct khap_model *model = NULL;
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    khap_kube_options_init(&options);
    options.condition = into_conditions;
    options.condition_ctx = conditions;
    enum khap_status status = khap_kube_new(alloc, &kube);
    for (size_t i = 0; i < n && status == KHAP_OK; i++) {
        uint32_t id;
        struct khap_str text = {texts[i], strlen(texts[i])};
        assert_int_equal(khap_sources_add(sources, S("m"), text, &id), KHAP_OK);
        status = khap_kube_read(kube, id, diags);
    }
    if (gone && status == KHAP_OK)
        status = khap_kube_remove(kube, S("Service"), S("shop"), (struct khap_str){gone, strlen(gone)});
    if (status == KHAP_OK)
        status = khap_model_new(NULL, &model);
    if (status == KHAP_OK)
        status = khap_kube_resolve(kube, &options, model, diags);
    if (status == KHAP_OK && written) {
        const struct khap_sink sink = {written, into_text};
        written[0] = '\0';
        assert_int_equal(khap_model_write(model, &sink), KHAP_OK);
    }
    khap_model_free(model);
    khap_kube_free(kube);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

/* Reads the texts, takes out what `gone` names, and writes the map; `written` has 20000 bytes, or is NULL. */
static enum khap_status run(const struct khap_alloc *alloc, const char *const *texts, size_t n,
                            const char *gone, char *written)
{
    return run_all(alloc, texts, n, gone, written, NULL);
}

static void test_order(void **state)
{
    const char *texts[] = {node, web, db, slice, ingress, secret};
    enum { N = sizeof texts / sizeof *texts };
    char *first = calloc(1, 20000), *other = calloc(1, 20000);
    (void)state;
    assert_true(first && other);
    assert_int_equal(run(NULL, texts, N, NULL, first), KHAP_OK);
    assert_non_null(strstr(first, "shop_web_80"));
    assert_non_null(strstr(first, "d.example"));
    for (unsigned turn = 0; turn < 720; turn++) { /* each of the 6! orders */
        const char *mixed[N];
        unsigned left = turn;
        memcpy(mixed, texts, sizeof mixed);
        for (unsigned i = 0; i < N; i++) {
            unsigned k = i + left % (N - i);
            left /= N - i;
            const char *t = mixed[i];
            mixed[i] = mixed[k];
            mixed[k] = t;
        }
        assert_int_equal(run(NULL, mixed, N, NULL, other), KHAP_OK);
        assert_string_equal(first, other);
    }
    free(first);
    free(other);
}

static void test_replaced(void **state)
{
    static const char newer[] =
        "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, annotations: "
        "{khap.io/hosts: z.example}}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30099}]}}";
    const char *both[] = {node, web, newer}, *one[] = {node, newer}, *with_gone[] = {node, web, db},
               *without[] = {node, db};
    char *a = calloc(1, 20000), *b = calloc(1, 20000);
    (void)state;
    assert_true(a && b);
    assert_int_equal(run(NULL, both, 3, NULL, a), KHAP_OK);
    assert_int_equal(run(NULL, one, 2, NULL, b), KHAP_OK);
    assert_string_equal(a, b);
    assert_null(strstr(a, "30080"));
    assert_int_equal(run(NULL, with_gone, 3, "web", a), KHAP_OK);
    assert_int_equal(run(NULL, without, 2, NULL, b), KHAP_OK);
    assert_string_equal(a, b);
    assert_int_equal(run(NULL, without, 2, "web", NULL), KHAP_ENOENT);
    free(a);
    free(b);
}

static void test_other_texts(void **state)
{
    const char *map[] = {"services: {web: {nodePort: 30000, hosts: [apiVersion.example]}}\n"},
               *broken[] = {"apiVersion: [\n"}, *empty[] = {""};
    (void)state;
    assert_int_equal(run(NULL, map, 1, NULL, NULL), KHAP_ENOENT);
    assert_int_equal(run(NULL, broken, 1, NULL, NULL), KHAP_ENOENT);
    assert_int_equal(run(NULL, empty, 1, NULL, NULL), KHAP_ENOENT);
}

static void test_memory(void **state)
{
    const char *texts[] = {node, web, db, slice, ingress, secret, web};
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = run(&f.alloc, texts, sizeof texts / sizeof *texts, "web", NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(status, KHAP_OK);
            assert_true(i > 100);
            break;
        }
        assert_int_equal(status, KHAP_ENOMEM);
    }
    for (size_t i = 1;; i++) { /* with the Ingress resolved */
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = run(&f.alloc, texts, 6, NULL, NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

static void test_gateways(void **state)
{
    static const char wanted[] = "GatewayClass /out Accepted True Accepted\n"
                                 "Gateway shop/gw Accepted True Accepted\n"
                                 "Gateway shop/gw#a Accepted True Accepted\n"
                                 "Gateway shop/gw#a ResolvedRefs True ResolvedRefs\n"
                                 "Gateway shop/gw#a Conflicted False NoConflicts\n"
                                 "Gateway shop/gw#s Accepted True Accepted\n"
                                 "Gateway shop/gw#s ResolvedRefs True ResolvedRefs\n"
                                 "Gateway shop/gw#s Conflicted False NoConflicts\n"
                                 "Gateway shop/gw#t Accepted True Accepted\n"
                                 "Gateway shop/gw#t ResolvedRefs True ResolvedRefs\n"
                                 "Gateway shop/gw#t Conflicted False NoConflicts\n"
                                 "Gateway shop/gw#u Accepted False UnsupportedProtocol\n"
                                 "Gateway shop/gw#u ResolvedRefs True ResolvedRefs\n"
                                 "Gateway shop/gw#u Conflicted False NoConflicts\n"
                                 "GRPCRoute shop/r at gw Accepted True Accepted\n"
                                 "GRPCRoute shop/r at gw ResolvedRefs True ResolvedRefs\n"
                                 "TCPRoute shop/r at gw Accepted True Accepted\n"
                                 "TCPRoute shop/r at gw ResolvedRefs True ResolvedRefs\n"
                                 "HTTPRoute team/r at gw Accepted True Accepted\n"
                                 "HTTPRoute team/r at gw ResolvedRefs False BackendNotFound\n";
    const char *texts[] = {gateways, node, web, secret};
    char *written = calloc(1, 20000), *conditions = calloc(1, 20000);
    size_t i = 1;
    (void)state;
    assert_true(written && conditions);
    assert_int_equal(run_all(NULL, texts, 4, NULL, written, conditions), KHAP_OK);
    assert_string_equal(conditions, wanted);
    assert_non_null(strstr(written, "shop_r_tcp-0_tcp-9000"));
    for (;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = run(&f.alloc, texts, 4, NULL, NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
    assert_true(i > 500);
    free(written);
    free(conditions);
}

/* The PEM is found by its name in the bundle, and by no other. */
static void test_pem(void **state)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_kube *kube;
    struct khap_str pem;
    uint32_t id;
    (void)state;
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("m"), (struct khap_str){secret, sizeof secret - 1}, &id),
                     KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    assert_int_equal(khap_kube_new(NULL, &kube), KHAP_OK);
    assert_int_equal(khap_kube_read(kube, id, diags), KHAP_OK);
    assert_int_equal(khap_kube_pem(kube, S("certs/shop_s.pem"), &pem), KHAP_OK);
    assert_int_equal(pem.len, 5);
    assert_memory_equal(pem.ptr, "a\nab\n", 5);
    static const char *const none[] = {"certs/shop_t.pem", "certs/_s.pem",        "certs/shop_.pem",
                                       "shop_s.pem",       "certs/shop_s",        "",
                                       "certs/.pem",       "certs/shop_s.pem.pem"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(khap_kube_pem(kube, (struct khap_str){none[i], strlen(none[i])}, &pem), KHAP_ENOENT);
    assert_int_equal(khap_kube_remove(kube, S("Secret"), S("shop"), S("s")), KHAP_OK);
    assert_int_equal(khap_kube_pem(kube, S("certs/shop_s.pem"), &pem), KHAP_ENOENT);
    khap_kube_free(kube);
    khap_diags_free(diags);
    khap_sources_free(sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order),       cmocka_unit_test(test_replaced),
                                       cmocka_unit_test(test_other_texts), cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_pem),         cmocka_unit_test(test_gateways)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
