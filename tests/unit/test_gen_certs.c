/* Certificates in what is generated: options, the placeholder, and what is told of them; each allocation fails once.
 * SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "base/str.h"
#include "failing_alloc.h"

#include <khap/gen.h>
#include <khap/model.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char map[] =
    "haproxy: 3.2-3.4\n"
    "nodes: {n: 10.0.0.1}\n"
    "certs:\n"
    "  - {placeholder: true}\n"
    "  - {file: /one, hosts: [a.example, b.example], alpn: [h2], minVersion: TLSv1.3, curves: [X25519, "
    "secp384r1]}\n"
    "  - {file: /two, key: /two.k, ocspUpdate: true, clientCa: /ca, crl: /crl, hosts: [c.example]}\n"
    "  - {file: /two}\n"
    "services:\n"
    "  web: {nodePort: 32000, hosts: [a.example, x.w.example, d.example, e.example]}\n"
    "  wild: {nodePort: 32001, hosts: [\"*.w.example\", \"*.v.example\"]}\n";

static enum khap_status read_file(void *ctx, struct khap_str path, struct khap_str *text)
{
    (void)ctx;
    if (khap__str_ends(path, S(".key")))
        return KHAP_ENOENT;
    *text = path;
    return KHAP_OK;
}

static enum khap_status read_cert(void *ctx, struct khap_str pem, struct khap_str key,
                                  struct khap_cert_info *out)
{
    (void)ctx;
    bool one = khap__str_eq(pem, S("/one"));
    out->certs = 1;
    out->keys = one || key.len > 0;
    out->key = out->keys > 0 ? KHAP_CERT_KEY_MATCHES : KHAP_CERT_KEY_NONE;
    out->alt_names = 1;
    out->chain = one ? KHAP_CERT_CHAIN_GOOD : KHAP_CERT_CHAIN_ALONE;
    enum khap_status status = out->name(out->ctx, KHAP_CERT_DNS, one ? S("A.example") : S("*.W.example"));
    return status == KHAP_OK ? out->name(out->ctx, KHAP_CERT_IP, S("10.0.0.1")) : status;
}

static enum khap_status placeholder(void *ctx, struct khap_str name, struct khap_str *pem)
{
    uint32_t *asked = ctx;
    (*asked)++;
    assert_true(khap__str_eq(name, S("certs/placeholder.pem")));
    *pem = S("it");
    return KHAP_OK;
}

static enum khap_status no_placeholder(void *ctx, struct khap_str name, struct khap_str *pem)
{
    (void)ctx;
    (void)name;
    (void)pem;
    return KHAP_EIO;
}

typedef enum khap_status maker(void *ctx, struct khap_str name, struct khap_str *pem);

/* What is told, a code a line with its place; and the bundle. */
static enum khap_status generate(const struct khap_alloc *alloc, maker *make, uint32_t bundle,
                                 uint32_t *asked, struct buf *said, struct khap_bundle **out)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_model *model = NULL;
    uint32_t id;
    const struct khap_file_source files = {.size = sizeof files, .read = read_file};
    const struct khap_cert_reader reader = {.size = sizeof reader, .read = read_cert};
    struct khap_generate_options options;
    khap_generate_options_init(&options);
    options.bundle = bundle;
    options.files = &files;
    options.certs = &reader;
    options.placeholder = make;
    options.placeholder_ctx = asked;
    options.target.first = KHAP_RELEASE(3, 2);
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("map"), khap__str(map), &id), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    enum khap_status status = khap_model_new(alloc, &model);
    if (status == KHAP_OK)
        status = khap_model_read(model, id, diags);
    *out = NULL;
    if (status == KHAP_OK)
        status = khap_generate(model, &options, diags, out);
    for (const struct khap_diag *d = NULL; said != NULL && (d = khap_diags_next(diags, d)) != NULL;) {
        uint32_t line, column;
        khap_sources_locate(sources, khap_diag_place(d), &line, &column);
        khap__buf_uint(said, line);
        khap__buf_char(said, ' ');
        khap__buf_add(said, khap__str(khap_diag_code(d)));
        khap__buf_char(said, '\n');
    }
    khap_model_free(model);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

static void assert_told(maker *make, uint32_t bundle, enum khap_status wanted, const char *expected)
{
    struct buf said;
    struct khap_bundle *b;
    uint32_t asked = 0;
    khap__buf_init(&said, NULL);
    assert_int_equal(generate(NULL, make, bundle, &asked, &said, &b), wanted);
    khap__buf_char(&said, '\0');
    assert_string_equal(said.ptr, expected);
    assert_true((b != NULL) == (wanted == KHAP_OK));
    khap_bundle_free(b);
    khap__buf_free(&said);
}

#define TOLD                                                                                                 \
    "5 cert-not-for-host\n6 cert-chain-short\n6 cert-ocsp-issuer\n6 cert-not-for-host\n7 cert-chain-short\n" \
    "7 cert-key-missing\n9 cert-none-for-host\n"

static void test_told(void **state)
{
    (void)state;
    assert_told(placeholder, 1, KHAP_OK, TOLD);
    assert_told(NULL, 1, KHAP_EINPUT, "4 placeholder-unmade\n" TOLD);
    assert_told(no_placeholder, 1, KHAP_EINPUT, "4 file-unreadable\n" TOLD);
    assert_told(placeholder, 0, KHAP_EINPUT,
                "4 needs-side-file\n5 needs-side-file\n6 needs-side-file\n" TOLD);
}

static void test_written(void **state)
{
    (void)state;
    struct khap_bundle *bundle;
    uint32_t asked = 0;
    assert_int_equal(generate(NULL, placeholder, 1, &asked, NULL, &bundle), KHAP_OK);
    assert_int_equal(asked, 1);
    const struct khap_bundle_file *f = khap_bundle_find(bundle, S("certs/placeholder.pem"));
    assert_non_null(f);
    assert_int_equal(khap_bundle_file_secret(f), 1);
    f = khap_bundle_find(bundle, S("crt-list-1.txt"));
    assert_non_null(f);
    assert_string_equal(khap_bundle_file_text(f).ptr,
                        "certs/placeholder.pem\n"
                        "/one [alpn h2 ssl-min-ver TLSv1.3 curves X25519:secp384r1] a.example b.example\n"
                        "@khap/cert-16d846ac [ca-file /ca crl-file /crl verify required] c.example\n"
                        "/two\n");
    khap_bundle_free(bundle);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct khap_bundle *bundle;
        uint32_t asked = 0;
        failing_alloc_init(&f, i);
        enum khap_status status = generate(&f.alloc, placeholder, 1, &asked, NULL, &bundle);
        khap_bundle_free(bundle);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_told), cmocka_unit_test(test_written),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
