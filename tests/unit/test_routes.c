/* Tables of requests as a library: what they expect, what is recorded, and no memory. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include <khap/routes.h>

static const char config[] = "defaults\n mode http\n"
                             "frontend web\n bind :80\n"
                             " http-request set-header X-Tier gold if { src 10.0.0.0/8 }\n"
                             " http-request deny deny_status 404 if { path /no }\n"
                             " use_backend some if { rand(2) 1 }\n default_backend app\n"
                             "backend some\n server s 10.0.0.9:80\n"
                             "backend app\n server a 10.0.0.1:80\n server b 10.0.0.2:80\n";
static const char table[] =
    "tests:\n"
    "- {url: 'http://a.example/', headers: {X-A: [a, b]}, src: 10.0.0.1, expect: {backend: some, server: s, "
    "headers: {X-Tier: gold}, unknown: true}}\n"
    "- {url: 'http://a.example/', method: POST, expect: {backend: app, server: a, headers: {X-Tier: gold}, "
    "absent: [X-Tier, Host]}}\n"
    "- {url: 'http://a.example/no', http: 2, expect: {outcome: denied, status: 404}}\n";

/* Everything that khap/routes.h does, into `out`. */
struct work {
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
    struct khap_route *route;
    struct khap_routes *routes;
    struct buf *out;
};

static int write_out(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

static enum khap_status fault(void *ctx, const struct khap_routes_fault *f)
{
    struct buf *out = ctx;
    khap__buf_add(out, khap__str(f->key));
    khap__buf_add(out, f->unknown != 0 ? S("? ") : S(" "));
    khap__buf_add(out, f->wanted);
    khap__buf_add(out, S(" | "));
    khap__buf_add(out, f->got);
    khap__buf_char(out, '\n');
    return KHAP_OK;
}

static enum khap_status run_one(struct work *w, size_t index, const struct khap_routes_test *test)
{
    struct khap_route_answer *answer = NULL;
    uint32_t good = 0;
    struct khap_sink sink = {.ctx = w->out, .write = write_out};
    enum khap_status status = khap_route_ask(w->route, &test->request, &answer);
    if (status == KHAP_OK)
        status = khap_routes_judge(w->routes, index, answer, fault, w->out, &good);
    khap__buf_add(w->out, good != 0 ? S("good\n") : S("not good\n"));
    if (status == KHAP_OK)
        status = khap_routes_record(&w->out->alloc, &test->request, answer, &sink);
    khap_route_answer_free(answer);
    return status;
}

static enum khap_status run(const struct khap_alloc *alloc, const char *yaml, struct buf *out)
{
    struct work w = {.out = out};
    struct khap_document *doc;
    struct khap_target target;
    struct khap_routes_test test = {.size = sizeof test};
    uint32_t source = 0;
    khap_target_init(&target);
    target.first = target.last = KHAP_RELEASE(2, 6);
    enum khap_status status = khap_sources_new(alloc, &w.sources);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, w.sources, &w.diags);
    if (status == KHAP_OK)
        status = khap_sources_add(w.sources, S("t.yaml"), khap__str(yaml), &source);
    if (status == KHAP_OK)
        status = khap_bundle_new(alloc, &w.bundle);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, &target, khap__str(config), 0, NULL, &doc);
    if (status == KHAP_OK) {
        status = khap_bundle_add_document(w.bundle, S("a.cfg"), doc, 0);
        if (status != KHAP_OK)
            khap_document_free(doc);
    }
    if (status == KHAP_OK)
        status = khap_route_new(alloc, w.bundle, &target, NULL, NULL, &w.route);
    if (status == KHAP_OK)
        status = khap_routes_read(alloc, source, w.diags, &w.routes);
    for (size_t i = 0; status == KHAP_OK && khap_routes_test_at(w.routes, i, &test) == KHAP_OK; i++)
        status = run_one(&w, i, &test);
    khap_routes_free(w.routes);
    khap_route_free(w.route);
    khap_bundle_free(w.bundle);
    khap_diags_free(w.diags);
    khap_sources_free(w.sources);
    return out->failed ? KHAP_ENOMEM : status;
}

static void test_all(void **state)
{
    static const char wanted[] = "good\n"
                                 "  - url: \"http://a.example/\"\n    headers:\n      X-A: [a, b]\n    src: "
                                 "\"10.0.0.1\"\n    expect:\n      outcome: backend\n"
                                 "      frontend: web\n"
                                 "backend app | backend some, which depends on rand(2)\n"
                                 "server a | s\n"
                                 "headers? X-Tier: gold | a value that is not known\n"
                                 "absent? X-Tier | a value that is not known\n"
                                 "absent Host | a.example\n"
                                 "not good\n"
                                 "  - url: \"http://a.example/\"\n    method: POST\n    expect:\n      "
                                 "outcome: backend\n      frontend: web\n"
                                 "good\n"
                                 "  - url: \"http://a.example/no\"\n    http: \"2\"\n    expect:\n      "
                                 "outcome: denied\n      frontend: web\n      status: 404\n";
    struct buf out;
    (void)state;
    khap__buf_init(&out, NULL);
    assert_int_equal(run(NULL, table, &out), KHAP_OK);
    khap__buf_char(&out, '\0');
    assert_string_equal(out.ptr, wanted);
    khap__buf_free(&out);
}

/* Tables that break off anywhere, and such with a strange byte anywhere: an error or not, nothing else happens. */
static void test_damaged(void **state)
{
    static const char bytes[] = {'\0', '\n', '{', '[', '*', '&', '!', ':', '\xff', '"'};
    char text[sizeof table];
    size_t good = 0;
    (void)state;
    for (size_t i = 0; i < sizeof table - 1; i++) {
        for (size_t k = 0; k <= sizeof bytes; k++) {
            struct buf out;
            memcpy(text, table, sizeof table);
            text[i] = k < sizeof bytes ? bytes[k] : '\0';
            khap__buf_init(&out, NULL);
            enum khap_status status = run(NULL, text, &out);
            assert_true(status == KHAP_OK || status == KHAP_EINPUT);
            good += status == KHAP_OK ? 1 : 0;
            khap__buf_free(&out);
        }
    }
    assert_true(good > 10 && good < (sizeof table - 1) * (sizeof bytes + 1) / 2);
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct buf out;
        failing_alloc_init(&f, i);
        khap__buf_init(&out, &f.alloc);
        enum khap_status status = run(&f.alloc, table, &out);
        khap__buf_free(&out);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

static void test_misuse(void **state)
{
    struct khap_routes *routes = NULL;
    struct khap_routes_test test = {.size = 1};
    uint32_t good;
    (void)state;
    assert_int_equal(khap_routes_read(NULL, 0, NULL, &routes), KHAP_EINVAL);
    assert_int_equal(khap_routes_test_at(NULL, 0, &test), KHAP_EINVAL);
    assert_int_equal(khap_routes_judge(NULL, 0, NULL, NULL, NULL, &good), KHAP_EINVAL);
    assert_int_equal(khap_routes_record(NULL, NULL, NULL, NULL), KHAP_EINVAL);
    khap_routes_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_damaged),
                                       cmocka_unit_test(test_memory), cmocka_unit_test(test_misuse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
