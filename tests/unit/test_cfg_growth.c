/* Reading takes time in proportion to what is read: four times the text, about four times the time. Something quadratic takes sixteen.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include <khap/cfg.h>

enum { MUCH = 4, LIMIT = 9, TRIES = 5 };

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void repeat(struct buf *b, const char *text, size_t n)
{
    khap__buf_clear(b);
    for (size_t i = 0; i < n; i++)
        khap__buf_add(b, khap__str(text));
    assert_false(b->failed);
}

/* Parses with diagnostics, finds the outline, lays out, edits at both ends; the time of all that. */
static double work(struct khap_str text)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_document *doc;
    struct khap_outline *outline;
    struct khap_target target;
    uint32_t source;
    khap_target_init(&target);
    target.first = target.last = KHAP_NEWEST;
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("x"), text, &source), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    double from = seconds();
    assert_int_equal(khap_document_parse(NULL, &target, text, source, diags, &doc), KHAP_OK);
    assert_int_equal(khap_outline_new(NULL, doc, NULL, &outline), KHAP_OK);
    assert_int_equal(khap_document_format(doc), KHAP_OK);
    struct khap_line *last = khap_line_prev(doc, NULL);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(khap_document_insert_raw(doc, NULL, S("# x\n"), (struct khap_place){0, 0, 0}, NULL),
                         KHAP_OK);
        assert_int_equal(khap_document_insert_raw(doc, last, S("# x\n"), (struct khap_place){0, 0, 0}, NULL),
                         KHAP_OK);
    }
    double took = seconds() - from;
    khap_outline_free(outline);
    khap_document_free(doc);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return took;
}

static void grows_linearly(const char *name, const char *text, size_t n, const char *tail)
{
    struct buf b;
    double small = 1e9, large = 1e9;
    khap__buf_init(&b, NULL);
    for (int i = 0; i < TRIES; i++) {
        double t;
        repeat(&b, text, n);
        khap__buf_add(&b, khap__str(tail));
        t = work(khap__buf_str(&b));
        small = t < small ? t : small;
        repeat(&b, text, n * MUCH);
        khap__buf_add(&b, khap__str(tail));
        t = work(khap__buf_str(&b));
        large = t < large ? t : large;
        if (large < LIMIT * small)
            break; /* something else had the processor before */
    }
    khap__buf_free(&b);
    if (large >= LIMIT * small)
        fail_msg("%s: %.4f s, and %.4f s for %d times as much", name, small, large, MUCH);
}

static void test_growth(void **state)
{
    (void)state;
    grows_linearly("short lines", "a\n", 250000, "");
    grows_linearly("servers", "  server s 10.0.0.1:80 check\n", 30000, "");
    grows_linearly("one long line", "word ", 3000000, "\n"); /* a fraction of the time of others */
    grows_linearly("one long word", "wordword", 600000, "\n");
    grows_linearly("sections of one name", "backend b\n", 25000, "");
    grows_linearly("blocks in each other", ".if 1\n", 25000, "");
    grows_linearly("branches of one block", ".elif 1\n", 25000, "");
    grows_linearly("refused lines", "log \"x\n", 30000, "");
    grows_linearly("comments above a section", "# c\n", 100000, "backend b\n");
    grows_linearly("blank lines", "\n", 250000, "x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_growth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
