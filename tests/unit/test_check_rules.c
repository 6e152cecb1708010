/* What khap_check() tells otherwise: rules, comments, and no memory. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include <khap/check.h>

struct bench {
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
    struct khap_rules *rules;
};

/* One file is there, and it is not closed more often than it was opened. */
static int opened;

static enum khap_status read_file(void *ctx, struct khap_str path, struct khap_str *text)
{
    (void)ctx;
    if (!khap__str_eq(path, S("base/there.pem")))
        return khap__str_eq(path, S("secret")) ? KHAP_EIO : KHAP_ENOENT;
    opened++;
    *text = S("text");
    return KHAP_OK;
}

static void close_file(void *ctx, struct khap_str text)
{
    (void)ctx;
    assert_int_equal(text.len, 4);
    opened--;
}

static enum khap_status read_cert(void *ctx, struct khap_str pem, struct khap_str key,
                                  struct khap_cert_info *out)
{
    (void)ctx;
    (void)key;
    assert_int_equal(pem.len, 4);
    out->certs = 1;
    out->keys = 0;
    return KHAP_OK;
}

static enum khap_status check(const struct khap_alloc *alloc, struct bench *b, struct khap_str rules,
                              struct khap_str text)
{
    struct khap_target target;
    struct khap_check_options options;
    struct khap_document *doc;
    uint32_t id;
    khap_target_init(&target);
    khap_check_options_init(&options);
    target.first = target.last = KHAP_NEWEST;
    enum khap_status status = khap_sources_new(alloc, &b->sources);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, b->sources, &b->diags);
    if (status == KHAP_OK)
        status = khap_bundle_new(alloc, &b->bundle);
    if (status == KHAP_OK)
        status = khap_rules_new(alloc, &b->rules);
    if (status == KHAP_OK)
        status = khap_rules_read(b->rules, rules, 0, b->diags);
    if (status == KHAP_OK)
        status = khap_sources_add(b->sources, S("a.cfg"), text, &id);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, &target, text, id, b->diags, &doc);
    if (status == KHAP_OK && (status = khap_bundle_add_document(b->bundle, S("a.cfg"), doc, 0)) != KHAP_OK)
        khap_document_free(doc);
    options.rules = b->rules;
    const struct khap_file_source files = {.size = sizeof files, .read = read_file, .done = close_file};
    const struct khap_cert_reader certs = {.size = sizeof certs, .read = read_cert};
    options.files = &files;
    options.certs = &certs;
    if (status == KHAP_OK)
        status = khap_check(alloc, b->bundle, &target, &options, b->diags);
    return status;
}

static void done(struct bench *b)
{
    khap_rules_free(b->rules);
    khap_bundle_free(b->bundle);
    khap_diags_free(b->diags);
    khap_sources_free(b->sources);
}

/* Each diagnostic as "LINE SEVERITY CODE", one a line. */
static void assert_said(const char *rules, const char *text, const char *expected)
{
    struct bench b = {0};
    struct buf said;
    khap__buf_init(&said, NULL);
    assert_int_equal(check(NULL, &b, khap__str(rules), khap__str(text)), KHAP_OK);
    size_t counts[KHAP_ERROR + 1] = {0};
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(b.diags, d)) != NULL;) {
        uint32_t line, column;
        khap_sources_locate(b.sources, khap_diag_place(d), &line, &column);
        khap__buf_uint(&said, line);
        khap__buf_char(&said, ' ');
        khap__buf_uint(&said, khap_diag_severity(d));
        khap__buf_char(&said, ' ');
        khap__buf_add(&said, khap__str(khap_diag_code(d)));
        khap__buf_char(&said, '\n');
        counts[khap_diag_severity(d)]++;
    }
    khap__buf_char(&said, '\0');
    assert_string_equal(said.ptr, expected);
    assert_int_equal(khap_diags_count(b.diags, KHAP_ERROR), counts[KHAP_ERROR]);
    assert_int_equal(khap_diags_count(b.diags, KHAP_WARNING), counts[KHAP_ERROR] + counts[KHAP_WARNING]);
    khap__buf_free(&said);
    done(&b);
}

#define FRONTEND "frontend f\n    bind :80\n    default_backend w\n"
#define BACKEND  "backend w\n    timeout server 1s\n    timeout connect 1s\n"
#define TWICE    "    server a 10.0.0.1:80\n    server b 10.0.0.1:80"

static void test_rules(void **state)
{
    (void)state;
    assert_said("", FRONTEND BACKEND TWICE "\n", "8 1 address-twice\n1 2 missing-timeouts\n");
    assert_said("address-twice ignore because\n# nothing\n\nmissing-timeouts error: we want them",
                FRONTEND BACKEND TWICE "\n", "1 3 missing-timeouts\n");
    assert_said("address-twice ignore\naddress-twice warning\nmissing-timeouts ignore\n",
                FRONTEND BACKEND TWICE "\n", "8 2 address-twice\n");
    /* an error can be told as something else, and not be passed over */
    assert_said("unknown-keyword warning", BACKEND "    nonsense\n", "4 2 unknown-keyword\n");
    assert_said("unknown-keyword ignore", BACKEND "    nonsense\n",
                "0 1 ignore-of-error\n4 3 unknown-keyword\n");
    assert_said("nosuch ignore", BACKEND, "0 1 unknown-code\n");
    /* what was told before the check is told otherwise, too */
    assert_said("no-final-newline ignore", BACKEND "    retries 3",
                "0 1 ignore-of-error\n4 3 no-final-newline\n");
    assert_said("no-final-newline note", BACKEND "    retries 3", "4 1 no-final-newline\n");
    assert_said("line-cut-at-cr ignore", BACKEND "    retries 3\r x\n", "");
}

static void test_comments(void **state)
{
    (void)state;
    assert_said("", BACKEND TWICE " # khapgen: ignore address-twice they are\n", "");
    assert_said(
        "",
        BACKEND
        "    server a 10.0.0.1:80\n  # khapgen: ignore address-twice\n\n# x\n    server b 10.0.0.1:80\n",
        "");
    assert_said("", BACKEND "# khapgen: ignore-file address-twice\n" TWICE "\n", "");
    /* the line before and the line behind are not meant, and the comment is told */
    assert_said("",
                BACKEND "    server a 10.0.0.1:80 # khapgen: ignore address-twice\n    server b "
                        "10.0.0.1:80\n    server c 10.0.0.1:80 # khapgen: ignore address-twice\n",
                "5 1 address-twice\n4 1 ignore-unused\n");
    assert_said("", BACKEND TWICE "\n# khapgen: ignore address-twice\n    server c 10.0.0.2:80\n",
                "5 1 address-twice\n6 1 ignore-unused\n");
    assert_said("", BACKEND "# khapgen: ignore-file address-twice\n", "4 1 ignore-unused\n");
    assert_said("", BACKEND "# khapgen: ignore address-twice\n", "4 1 ignore-unused\n");
    assert_said("", ".if !version_atleast(1.8)\nfrontend x # khapgen: ignore missing-timeouts\n.endif\n", "");
    /* several codes, unknown ones, errors, and what is no rule */
    assert_said("",
                "backend w # khapgen: ignore nosuch, missing-timeouts ,unknown-keyword why\n    server s "
                "10.0.0.1:80\n    nonsense\n",
                "1 1 unknown-code\n1 1 ignore-of-error\n3 3 unknown-keyword\n");
    assert_said("", BACKEND "# khapgen: ingore address-twice\n# khapgen:\n# khapgen: ignore\n",
                "4 1 bad-comment\n5 1 bad-comment\n6 1 unknown-code\n");
    /* a quoted # is no comment, and one behind others is part of it */
    assert_said(
        "", BACKEND "    option httpchk GET \"# khapgen: ignore nosuch\"\n# see # khapgen: ignore nosuch\n",
        "");
    /* a comment holds, whatever the rules say */
    assert_said("address-twice error", BACKEND TWICE " # khapgen: ignore address-twice\n", "");
    assert_said("ignore-unused ignore", BACKEND "# khapgen: ignore address-twice\n", "");
}

/* What is passed over takes no room: behind any number of notes an error is kept, and nothing is counted. */
static void test_many(void **state)
{
    (void)state;
    struct bench b = {0};
    struct buf text;
    khap__buf_init(&text, NULL);
    khap__buf_add(&text, S(BACKEND));
    for (unsigned i = 0; i < 3000; i++) {
        khap__buf_add(&text, S("    server s"));
        khap__buf_uint(&text, i);
        khap__buf_add(&text, S(" 10.0.0.1:80\n"));
    }
    khap__buf_add(&text, S("    mode http\n    http-request deny if nosuch\n"));
    assert_int_equal(check(NULL, &b, S("address-twice ignore"), khap__buf_str(&text)), KHAP_OK);
    assert_int_equal(khap_diags_count(b.diags, KHAP_NOTE), khap_diags_count(b.diags, KHAP_ERROR));
    assert_true(khap_diags_count(b.diags, KHAP_ERROR) > 0);
    done(&b);
    khap__buf_free(&text);
}

static void test_files(void **state)
{
    (void)state;
    assert_said("",
                "global\n    crt-base base\n" BACKEND
                "    server s 10.0.0.1:80 crt there.pem\n    errorfile 503 nosuch\n    errorfile 502 "
                "secret\n    acl a src -f nosuch\n",
                "6 3 file-bad\n7 3 file-missing\n8 1 file-unread\n9 3 file-missing\n9 1 unused-name\n");
    assert_int_equal(opened, 0);
}

static void test_misuse(void **state)
{
    (void)state;
    struct khap_rules *rules;
    assert_int_equal(khap_rules_new(NULL, NULL), KHAP_EINVAL);
    assert_int_equal(khap_rules_new(NULL, &rules), KHAP_OK);
    assert_int_equal(khap_rules_set(NULL, S("deprecated"), KHAP_NOTE), KHAP_EINVAL);
    assert_int_equal(khap_rules_set(rules, S("deprecated"), 4), KHAP_EINVAL);
    assert_int_equal(khap_rules_set(rules, S("nosuch"), KHAP_NOTE), KHAP_ENOENT);
    assert_int_equal(khap_rules_set(rules, S("unknown-keyword"), KHAP_IGNORE), KHAP_EREFUSED);
    assert_int_equal(khap_rules_set(rules, S("deprecated"), KHAP_IGNORE), KHAP_OK);
    assert_int_equal(khap_rules_read(NULL, S(""), 0, NULL), KHAP_EINVAL);
    assert_int_equal(khap_rules_read(rules, S("deprecated"), 0, NULL), KHAP_EINPUT);
    assert_int_equal(khap_rules_read(rules, S("deprecated off\nnosuch ignore\n"), 0, NULL), KHAP_EINPUT);
    khap_rules_free(rules);
    khap_rules_free(NULL);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct bench b = {0};
        failing_alloc_init(&f, i);
        enum khap_status status =
            check(&f.alloc, &b, S("missing-timeouts note\nnosuch ignore\n"),
                  S(FRONTEND
                    "    # khapgen: ignore nosuch,deprecated,address-twice\n" BACKEND TWICE
                    " # khapgen: ignore address-twice\n    errorfile 503 nosuch\n    acl a src -f nosuch\n   "
                    " server c 10.0.0.2:80 crt base/there.pem\n# khapgen: ignore-file deprecated"));
        done(&b);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules), cmocka_unit_test(test_comments), cmocka_unit_test(test_many),
        cmocka_unit_test(test_files), cmocka_unit_test(test_misuse),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
