/* khap_graph_new() and khap_graph_print() as a library: entries, misuse, and no memory. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include <khap/graph.h>

static const char config[] =
    "defaults\n mode http\n"
    "frontend web\n bind :80\n bind :443 ssl crt x.pem\n bind :444 ssl crt y.pem\n"
    " acl a hdr(host) -i a.example\n acl a hdr_end(host) .a.example\n acl p path_beg /x\n"
    " http-request redirect scheme https if !{ ssl_fc } a\n"
    " use_backend app if a p\n use_backend app if { base c.example/y }\n"
    " use_backend odd if { path_reg ^/z }\n"
    " use_backend %[req.hdr(host),map(hosts.map,app)] if { rand(2) 1 }\n"
    "backend app\n server a 10.0.0.1:80\n server b 10.0.0.1:81 backup\n"
    "backend odd\n server-template t 1-2 [::1]:80 disabled\n"
    "listen l\n bind :99\n mode tcp\n server s /run/s\n";
static const char hosts[] = "# hosts\nm.example odd\n.s.example odd\n[x] odd\n";

static enum khap_status read_file(void *ctx, struct khap_str path, struct khap_str *text)
{
    (void)ctx;
    *text = S("PEM");
    return khap__str_ends(path, S(".pem")) ? KHAP_OK : KHAP_ENOENT;
}
static void done(void *ctx, struct khap_str text)
{
    (void)ctx, (void)text;
}
static enum khap_status read_cert(void *ctx, struct khap_str pem, struct khap_str key,
                                  struct khap_cert_info *out)
{
    (void)ctx, (void)pem, (void)key;
    out->certs = 1;
    out->not_after = 2000000000;
    enum khap_status status = out->name(out->ctx, KHAP_CERT_DNS, S("A.example"));
    return status == KHAP_OK ? out->name(out->ctx, KHAP_CERT_DNS, S("*.a.example")) : status;
}
static int write_out(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* Draws it; all that is said of entries, then the three formats, go to `out`. */
static enum khap_status draw(const struct khap_alloc *alloc, struct buf *out, bool formats)
{
    static const char finding[] = "unknown-keyword";
    const struct khap_file_source files = {.size = sizeof files, .read = read_file, .done = done};
    const struct khap_cert_reader certs = {.size = sizeof certs, .read = read_cert};
    struct khap_bundle *bundle = NULL;
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_document *doc;
    struct khap_graph *graph = NULL;
    struct khap_graph_options options;
    struct khap_target target;
    uint32_t source = 0;
    khap_target_init(&target);
    target.first = target.last = KHAP_RELEASE(2, 6);
    khap_graph_options_init(&options);
    enum khap_status status = khap_sources_new(alloc, &sources);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, sources, &diags);
    if (status == KHAP_OK)
        status = khap_sources_add(sources, S("a.cfg"), khap__str(config), &source);
    if (status == KHAP_OK)
        status = khap_bundle_new(alloc, &bundle);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, &target, khap__str(config), source, NULL, &doc);
    if (status == KHAP_OK) {
        status = khap_bundle_add_document(bundle, S("a.cfg"), doc, 0);
        if (status != KHAP_OK)
            khap_document_free(doc);
    }
    if (status == KHAP_OK)
        status = khap_bundle_add_file(bundle, S("hosts.map"), khap__str(hosts), 0);
    const char *app = strstr(config, "server a");
    if (status == KHAP_OK)
        status = khap_diags_report(diags, khap__str(finding),
                                   (struct khap_place){source, (uint32_t)(app - config), 6}, NULL, 0);
    options.files = &files;
    options.certs = &certs;
    options.sources = sources;
    options.findings = diags;
    options.now = 1;
    if (status == KHAP_OK)
        status = khap_graph_new(alloc, bundle, &target, &options, &graph);
    struct khap_graph_entry e = {.size = sizeof e};
    for (size_t i = 0; status == KHAP_OK && khap_graph_entry_at(graph, i, &e) == KHAP_OK; i++) {
        khap__buf_add(out, e.rule.len > 0 ? e.rule : e.host);
        khap__buf_add(out, e.path);
        khap__buf_add(out, S(" > "));
        khap__buf_add(out, e.kind == KHAP_ROUTE_BACKEND ? e.service : e.location);
        khap__buf_add(out, e.certain != 0 ? S("\n") : S("?\n"));
    }
    struct khap_sink sink = {.ctx = out, .write = write_out};
    for (uint32_t format = KHAP_GRAPH_DOT; formats && status == KHAP_OK && format <= KHAP_GRAPH_HTML;
         format++)
        status = khap_graph_print(graph, format, &sink);
    if (status == KHAP_OK &&
        (khap_graph_print(graph, 9, &sink) != KHAP_EINVAL || khap_graph_print(graph, 1, NULL) != KHAP_EINVAL))
        status = KHAP_EINVAL;
    khap_graph_free(graph);
    khap_bundle_free(bundle);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return out->failed ? KHAP_ENOMEM : status;
}

static void test_entries(void **state)
{
    static const char wanted[] =
        "*.a.example > https://any.a.example/\na.example > https://a.example/\n"
        "*.a.example/x > https://any.a.example/x\na.example/x > https://a.example/x\n"
        "c.example/y > app\nm.example > odd?\n*.s.example > app?\n > app?\n";
    struct buf out;
    (void)state;
    khap__buf_init(&out, NULL);
    assert_int_equal(draw(NULL, &out, false), KHAP_OK);
    khap__buf_char(&out, '\0');
    for (const char *line = wanted; *line != '\0'; line = strchr(line, '\n') + 1) {
        char one[80];
        size_t n = (size_t)(strchr(line, '\n') - line) + 1;
        memcpy(one, line, n);
        one[n] = '\0';
        if (strstr(out.ptr, one) == NULL)
            fail_msg("%s is not in\n%s", one, out.ptr);
    }
    khap__buf_clear(&out);
    assert_int_equal(draw(NULL, &out, true), KHAP_OK);
    khap__buf_char(&out, '\0');
    assert_non_null(strstr(out.ptr, "[\"x.pem\",2000000000]"));
    assert_non_null(strstr(out.ptr, "\"a.cfg:16\",0,-1]"));
    khap__buf_free(&out);
}

static void test_misuse(void **state)
{
    struct khap_graph *graph = NULL;
    struct khap_graph_entry e = {.size = 1};
    (void)state;
    assert_int_equal(khap_graph_new(NULL, NULL, NULL, NULL, &graph), KHAP_EINVAL);
    assert_int_equal(khap_graph_entry_at(NULL, 0, &e), KHAP_EINVAL);
    assert_int_equal(khap_graph_print(NULL, 1, NULL), KHAP_EINVAL);
    khap_graph_options_init(NULL);
    khap_graph_free(NULL);
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct buf out;
        failing_alloc_init(&f, i);
        khap__buf_init(&out, &f.alloc);
        enum khap_status status = draw(&f.alloc, &out, true);
        khap__buf_free(&out);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_entries), cmocka_unit_test(test_misuse),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
