/* One line of many megabytes: it is parsed, its words are read, it is printed, laid out and edited in time and memory in proportion to its
 * length. KHAP_LONG_LINE_MB says how long (default 8; `make check-long-line' takes 100); a quarter of that is measured beside it.
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

enum { MUCH = 4, LIMIT = 9, TRIES = 5, MOST_MEMORY = 6 /* times the input */, BESIDE = 1 << 20 };

struct counted {
    size_t now, peak;
};

static void *counted_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct counted *c = ctx;
    void *p = NULL;
    if (new_size > 0 && (p = realloc(ptr, new_size)) == NULL)
        return NULL;
    if (new_size == 0)
        free(ptr);
    c->now = c->now - old_size + new_size;
    c->peak = c->now > c->peak ? c->now : c->peak;
    return p;
}

static int into_length(void *ctx, const char *data, size_t len)
{
    struct khap_str *rest = ctx; /* what must still come */
    if (len > rest->len || memcmp(rest->ptr, data, len) != 0)
        return -1;
    *rest = khap__str_sub(*rest, len, rest->len);
    return 0;
}

struct kind {
    const char *name, *begin, *again, *end;
    size_t words; /* that can be read: all, or those before the error */
    enum khap_word_error error;
};

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void print_back(const struct khap_document *doc, struct khap_str text)
{
    struct khap_sink sink = {&text, into_length};
    assert_int_equal(khap_document_print(doc, &sink), KHAP_OK);
    assert_int_equal(text.len, 0);
}

/* All of it; the time, and in `c` the memory. */
static double work(const struct kind *kind, struct khap_str text, struct counted *c)
{
    const struct khap_alloc alloc = {c, counted_resize};
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_document *doc;
    struct khap_words *words;
    struct khap_target target;
    uint32_t source;
    *c = (struct counted){0, 0};
    khap_target_init(&target);
    target.first = target.last = KHAP_NEWEST;
    double from = seconds();
    assert_int_equal(khap_sources_new(&alloc, &sources), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("x"), text, &source), KHAP_OK);
    assert_int_equal(khap_diags_new(&alloc, sources, &diags), KHAP_OK);
    assert_int_equal(khap_document_parse(&alloc, &target, text, source, diags, &doc), KHAP_OK);
    assert_int_equal(khap_diags_count(diags, KHAP_ERROR), 1); /* before any section, or refused */
    print_back(doc, text);
    struct khap_line *line = khap_line_next(doc, NULL);
    assert_int_equal(khap_words_new(&alloc, &words), KHAP_OK);
    assert_int_equal(khap_words_read(words, doc, line), KHAP_OK);
    assert_int_equal(khap_words_count(words), kind->words);
    assert_int_equal(khap_words_error(words, NULL, NULL), kind->error);
    assert_int_equal(khap_document_format(doc), KHAP_OK);
    if (kind->error == KHAP_WORDS_READ) {
        struct khap_str first;
        assert_int_equal(khap_line_set_word(doc, line, 0, S("other")), KHAP_OK);
        assert_int_equal(khap_words_read(words, doc, line), KHAP_OK);
        first = khap_words_value(words, 0);
        assert_true(khap__str_eq(first, S("other")));
        assert_int_equal(khap_words_count(words), kind->words);
    }
    assert_int_equal(khap_line_set_raw(doc, line, text), KHAP_OK);
    print_back(doc, text);
    khap_words_free(words);
    khap_document_free(doc);
    khap_diags_free(diags);
    khap_sources_free(sources);
    double took = seconds() - from;
    assert_int_equal(c->now, 0);
    return took;
}

static void make(struct buf *b, const struct kind *kind, size_t len)
{
    struct khap_str again = khap__str(kind->again);
    khap__buf_clear(b);
    khap__buf_add(b, khap__str(kind->begin));
    while (b->len < len)
        khap__buf_add(b, again);
    khap__buf_add(b, khap__str(kind->end));
    assert_false(b->failed);
}

static void test_long_line(void **state)
{
    static const struct kind kinds[] = {
        {"too many words", "", "w ", "\n", 64, KHAP_WORDS_TOO_MANY},
        {"one word", "bind ", "wordword", " x\n", 3, KHAP_WORDS_READ},
        {"in single quotes", "bind '", "a b # \\ \" ", "' x\n", 3, KHAP_WORDS_READ},
        {"in double quotes", "bind \"", "a b # ' \\\" ", "\" x\n", 3, KHAP_WORDS_READ},
        {"escapes", "bind ", "\\x41\\ \\\\", " x\n", 3, KHAP_WORDS_READ},
        {"quotes that open and close", "bind ", "'a'\"b\"", " x\n", 3, KHAP_WORDS_READ},
        {"variables", "bind \"", "${NAME-text}$OTHER ", "\" x\n", 3, KHAP_WORDS_READ},
        {"an open quote", "bind '", "a b ", "\n", 1, KHAP_WORDS_QUOTE},
        {"blanks", "bind", " \t", "x\n", 2, KHAP_WORDS_READ},
        {"a comment", "bind x #", " w", "\n", 2, KHAP_WORDS_READ},
    };
    const char *given = getenv("KHAP_LONG_LINE_MB");
    size_t len = (given != NULL ? strtoull(given, NULL, 10) : 8) << 20;
    struct buf small, large;
    (void)state;
    khap__buf_init(&small, NULL);
    khap__buf_init(&large, NULL);
    assert_true(len >= (size_t)4 << 20);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct counted c;
        double quarter = 1e9, whole = 1e9, t;
        make(&small, &kinds[i], len / MUCH);
        make(&large, &kinds[i], len);
        for (int n = 0; n < TRIES; n++) {
            t = work(&kinds[i], khap__buf_str(&small), &c);
            quarter = t < quarter ? t : quarter;
            t = work(&kinds[i], khap__buf_str(&large), &c);
            whole = t < whole ? t : whole;
            if (whole < LIMIT * quarter)
                break; /* something else had the processor before */
        }
        printf("# %s: %zu bytes in %.3f s, %.1f times the memory of the text\n", kinds[i].name, large.len,
               whole, (double)c.peak / (double)large.len);
        if (whole >= LIMIT * quarter)
            fail_msg("%s: %.4f s, and %.4f s for %d times as much", kinds[i].name, quarter, whole, MUCH);
        if (c.peak > MOST_MEMORY * large.len + BESIDE)
            fail_msg("%s: %zu bytes of memory for a text of %zu", kinds[i].name, c.peak, large.len);
    }
    khap__buf_free(&small);
    khap__buf_free(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_long_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
