/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cfg/document.h"
#include "failing_alloc.h"

static const struct khap_place somewhere = {1, 10, 5};

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

static int refuses(void *ctx, const char *data, size_t len)
{
    (void)ctx, (void)data, (void)len;
    return 1;
}

static struct khap_document *new_doc(uint16_t first, uint16_t last)
{
    struct khap_target target;
    struct khap_document *doc = NULL;
    khap_target_init(&target);
    target.first = first;
    target.last = last;
    assert_int_equal(khap_document_new(NULL, &target, &doc), KHAP_OK);
    return doc;
}

static void assert_prints(const struct khap_document *doc, struct khap_str expected)
{
    struct buf b;
    khap__buf_init(&b, NULL);
    struct khap_sink sink = {&b, into_buf};
    assert_int_equal(khap_document_print(doc, &sink), KHAP_OK);
    assert_int_equal(b.len, khap_document_length(doc));
    if (!khap__str_eq(khap__buf_str(&b), expected))
        fail_msg("printed:\n%.*s\nexpected:\n%.*s", S_ARG(khap__buf_str(&b)), S_ARG(expected));
    assert_true(khap__doc_sum(doc) == khap__fnv1a64(khap__buf_str(&b), KHAP__FNV64));
    khap__buf_free(&b);
}

static void test_lines(void **state)
{
    (void)state;
    struct khap_document *doc = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
    assert_prints(doc, S(""));
    khap__doc_comment(doc, 0, somewhere, S("made \n by\x7f hand"));
    khap__doc_begin(doc, 0, somewhere);
    khap__doc_lit(doc, "backend");
    khap__doc_word(doc, S("shop"));
    khap__doc_end(doc);
    khap__doc_begin(doc, 4, somewhere);
    khap__doc_lit(doc, "timeout connect");
    khap__doc_word(doc, S("2s"));
    khap__doc_end(doc);
    khap__doc_begin(doc, 4, somewhere);
    khap__doc_lit(doc, "server");
    khap__doc_word(doc, S("it's"));
    khap__doc_part(doc, S("[::1]"));
    khap__doc_part(doc, S(":"));
    khap__doc_part(doc, S("80"));
    khap__doc_part_end(doc);
    khap__doc_lit(doc, "weight");
    khap__doc_uint(doc, 0);
    khap__doc_uint(doc, UINT64_MAX);
    khap__doc_end(doc);
    khap__doc_blank(doc);
    khap__doc_begin(doc, 4, somewhere);
    khap__doc_end(doc);
    khap__doc_raw(doc, 2, S("option httpchk # \"as it is\""), somewhere);
    khap__doc_comment(doc, 2, somewhere, S(""));
    assert_int_equal(khap__doc_status(doc), KHAP_OK);
    assert_false(khap__doc_refused(doc, NULL, NULL));
    assert_prints(doc, S("# made ? by? hand\n"
                         "backend shop\n"
                         "    timeout connect 2s\n"
                         "    server \"it's\" [::1]:80 weight 0 18446744073709551615\n"
                         "\n\n"
                         "  option httpchk # \"as it is\"\n"
                         "  #\n"));
    assert_int_equal(khap__doc_prepend(doc, S("# one\n# two\n")), KHAP_OK);
    assert_int_equal(khap__doc_prepend(doc, S("no line end")), KHAP_EINVAL);
    struct khap_line *line = khap_line_next(doc, NULL);
    assert_true(khap__str_eq(khap_line_text(line), S("# one\n")));
    assert_int_equal(khap_line_origin(doc, line).source, 0);
    line = khap_line_next(doc, khap_line_next(doc, line));
    assert_true(khap__str_eq(khap_line_text(line), S("# made ? by? hand\n")));
    assert_int_equal(khap_line_origin(doc, line).offset, 10);
    khap_document_free(doc);
}

static void test_encoding(void **state)
{
    (void)state;
    static const struct {
        struct khap_str word, later, only_15, from_15;
    } rows[] = {
        {S("plain-Word_1:/.$%{}[]*"), S("plain-Word_1:/.$%{}[]*"), S("plain-Word_1:/.$%{}[]*"),
         S("plain-Word_1:/.$%{}[]*")},
        {S("a b"), S("'a b'"), S("a\\ b"), S("a\\ b")},
        {S("#"), S("'#'"), S("\\#"), S("\\#")},
        {S("\\"), S("'\\'"), S("\\\\"), S("\\\\")},
        {S("say \"x\""), S("'say \"x\"'"), S("say\\ \"x\""), S("say\\ \\x22x\\x22")},
        {S("it's"), S("\"it's\""), S("it's"), S("it\\x27s")},
        {S("'$A\\\"#"), S("\"'\\$A\\\\\\\"#\""), S("'$A\\\\\"\\#"), S("\\x27$A\\\\\\x22\\#")},
        {S("\t\n\r\v\x01\x7f"), S("\"\\t\\n\\r\\x0b\\x01\\x7f\""), S("\\t\\n\\r\\x0b\\x01\\x7f"),
         S("\\t\\n\\r\\x0b\\x01\\x7f")},
        {S("\xc3\xa4\xff"), S("\xc3\xa4\xff"), S("\xc3\xa4\xff"), S("\xc3\xa4\xff")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int way = 0; way < 3; way++) {
            struct khap_document *doc =
                new_doc(way == 0 ? KHAP_RELEASE(1, 6) : KHAP_OLDEST, way == 1 ? KHAP_OLDEST : KHAP_NEWEST);
            struct khap_str written = way == 0 ? rows[i].later : way == 1 ? rows[i].only_15 : rows[i].from_15;
            khap__doc_begin(doc, 0, somewhere);
            khap__doc_word(doc, rows[i].word);
            khap__doc_part(doc, khap__str_sub(rows[i].word, 0, 1));
            khap__doc_part(doc, khap__str_sub(rows[i].word, 1, SIZE_MAX));
            khap__doc_part_end(doc);
            khap__doc_end(doc);
            char expected[200];
            int n = snprintf(expected, sizeof expected, "%.*s %.*s\n", S_ARG(written), S_ARG(written));
            assert_prints(doc, (struct khap_str){expected, (size_t)n});
            khap_document_free(doc);
        }
    }
}

/* Each is a line "x WORD y" or "WORD": nothing of it is written, the first one is remembered, the lines
 * around stand. */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        struct khap_str word;
        bool first;
    } rows[] = {
        {S(""), false}, {S("a\0b"), false}, {S(""), true}, {S(".if"), true}, {S("[x]"), true}, {S("."), true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct khap_document *doc = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
        struct khap_place origin;
        struct khap_str word;
        khap__doc_raw(doc, 0, S("before"), somewhere);
        khap__doc_begin(doc, 0, (struct khap_place){2, 3, 4});
        if (!rows[i].first)
            khap__doc_lit(doc, "x");
        khap__doc_word(doc, rows[i].word);
        khap__doc_lit(doc, "y");
        khap__doc_end(doc);
        khap__doc_begin(doc, 0, somewhere);
        khap__doc_part_end(doc);
        khap__doc_end(doc);
        khap__doc_raw(doc, 0, S("after"), somewhere);
        assert_prints(doc, S("before\nafter\n"));
        assert_int_equal(khap__doc_status(doc), KHAP_EINPUT);
        assert_true(khap__doc_refused(doc, &origin, &word));
        assert_int_equal(origin.source, 2);
        assert_true(khap__str_eq(word, rows[i].word));
        khap_document_free(doc);
    }
    static const struct khap_str lines[] = {S("a\nb"), S("a\rb"), S("a\0b")};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct khap_document *doc = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
        khap__doc_raw(doc, 0, lines[i], somewhere);
        assert_int_equal(khap__doc_status(doc), KHAP_EINPUT);
        assert_prints(doc, S(""));
        khap_document_free(doc);
    }
}

static void test_words_64(void **state)
{
    (void)state;
    for (int n = 64; n <= 65; n++) {
        struct khap_document *doc = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
        struct khap_str words[65];
        khap__doc_begin(doc, 0, somewhere);
        khap__doc_lit(doc, "a b c");
        khap__doc_uint(doc, 4);
        khap__doc_part(doc, S("5"));
        khap__doc_part_end(doc);
        for (int i = 5; i < n; i++)
            khap__doc_word(doc, S("w"));
        khap__doc_end(doc);
        assert_int_equal(khap__doc_status(doc), n == 64 ? KHAP_OK : KHAP_EINPUT);
        assert_int_equal(khap_document_length(doc), n == 64 ? 128 : 0);
        for (int i = 0; i < 65; i++)
            words[i] = S("w");
        assert_int_equal(khap_document_insert(doc, NULL, 0, words, (size_t)n, somewhere, NULL),
                         n == 64 ? KHAP_OK : KHAP_EINPUT);
        khap_document_free(doc);
    }
}

/* Constant words are counted only when it matters: these hold 60 and 66. */
static void test_words_of_literals(void **state)
{
    (void)state;
    for (int n = 10; n <= 11; n++) {
        struct khap_document *doc = new_doc(n % 2 == 0 ? KHAP_OLDEST : KHAP_RELEASE(1, 6), KHAP_NEWEST);
        khap__doc_begin(doc, 4, somewhere);
        for (int i = 0; i < n; i++) {
            khap__doc_lit(doc, "one-long-word two three");
            khap__doc_word(doc, S("' four \\ 4 "));
            khap__doc_word(doc, S("' \"four"));
            khap__doc_word(doc, S("six"));
        }
        khap__doc_end(doc);
        assert_int_equal(khap__doc_status(doc), n == 10 ? KHAP_OK : KHAP_EINPUT);
        khap_document_free(doc);
    }
}

static void test_line_length_15(void **state)
{
    (void)state;
    static char long_word[4000];
    memset(long_word, 'w', sizeof long_word);
    for (int old = 0; old < 2; old++) {
        for (size_t n = 2044; n <= 2045; n++) {
            struct khap_document *doc = new_doc(old ? KHAP_OLDEST : KHAP_RELEASE(1, 6), KHAP_NEWEST);
            struct khap_str words[] = {S("x"), {long_word, n}};
            enum khap_status want = old && n == 2045 ? KHAP_EINPUT : KHAP_OK;
            khap__doc_begin(doc, 0, somewhere);
            khap__doc_word(doc, words[0]);
            khap__doc_word(doc, words[1]);
            khap__doc_end(doc);
            assert_int_equal(khap__doc_status(doc), want);
            assert_int_equal(khap_document_insert(doc, NULL, 0, words, 2, somewhere, NULL), want);
            assert_int_equal(khap_document_length(doc), want == KHAP_OK ? 2 * (n + 3) : 0);
            khap_document_free(doc);
        }
    }
    struct khap_document *doc = new_doc(KHAP_OLDEST, KHAP_NEWEST);
    khap__doc_comment(doc, 8, somewhere, (struct khap_str){long_word, sizeof long_word});
    assert_int_equal(khap_document_length(doc), 2047);
    assert_int_equal(khap__doc_status(doc), KHAP_OK);
    khap_document_free(doc);
}

/* Lines of all lengths, around the size of a chunk and beyond, byte for byte; handles stay what they were. */
static void test_chunks(void **state)
{
    (void)state;
    static const size_t lengths[] = {1,       255 * 1024, 7,   262100,      262144, 3,
                                     1 << 20, 5 << 20,    100, 524288 - 30, 2};
    enum { N = sizeof lengths / sizeof *lengths };
    struct khap_document *doc = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
    struct buf expected;
    khap__buf_init(&expected, NULL);
    struct khap_line *handles[N] = {NULL};
    char *text = malloc(5 << 20);
    assert_non_null(text);
    const char *before[N];
    for (size_t i = 0; i < N; i++) {
        memset(text, (int)('a' + i), lengths[i]);
        khap__doc_begin(doc, 2, somewhere);
        for (size_t at = 0; at < lengths[i]; at += 4000)
            khap__doc_part(doc,
                           (struct khap_str){text + at, lengths[i] - at < 4000 ? lengths[i] - at : 4000});
        khap__doc_part_end(doc);
        khap__doc_word(doc, (struct khap_str){text, lengths[i]});
        khap__doc_end(doc);
        handles[i] = khap_line_next(doc, i == 0 ? NULL : handles[i - 1]);
        before[i] = khap_line_text(handles[i]).ptr;
        khap__buf_add(&expected, S("  "));
        khap__buf_add(&expected, (struct khap_str){text, lengths[i]});
        khap__buf_add(&expected, S(" "));
        khap__buf_add(&expected, (struct khap_str){text, lengths[i]});
        khap__buf_add(&expected, S("\n"));
    }
    assert_int_equal(khap__doc_status(doc), KHAP_OK);
    assert_prints(doc, khap__buf_str(&expected));
    for (size_t i = 0; i < N; i++) {
        assert_ptr_equal(khap_line_text(handles[i]).ptr, before[i]);
        assert_int_equal(khap_line_text(handles[i]).len, 2 * lengths[i] + 4);
    }
    khap__buf_free(&expected);
    khap_document_free(doc);
    free(text);
}

/* A list kept by hand says what the document must print after 3000 insertions at random places. */
static void test_insert(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct khap_document *doc = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
    struct khap_line **list = calloc(N + 1, sizeof *list);
    uint32_t *numbers = calloc(N + 1, sizeof *numbers);
    assert_true(list != NULL && numbers != NULL);
    uint32_t seed = 12345;
    for (uint32_t i = 0; i < N; i++) {
        seed = seed * 1103515245u + 12345u;
        uint32_t at = (seed >> 8) % (i + 1);
        char number[16];
        struct khap_str words[2] = {S("line"), {number, (size_t)snprintf(number, sizeof number, "%u", i)}};
        struct khap_line *line = NULL;
        assert_int_equal(khap_document_insert(doc, at == 0 ? NULL : list[at - 1], i % 3, words, 2,
                                              (struct khap_place){1, i, 1}, &line),
                         KHAP_OK);
        memmove(list + at + 1, list + at, (i - at) * sizeof *list);
        memmove(numbers + at + 1, numbers + at, (i - at) * sizeof *numbers);
        list[at] = line;
        numbers[at] = i;
    }
    khap__doc_raw(doc, 0, S("last"), somewhere);
    struct khap_line *line = NULL;
    struct buf expected;
    khap__buf_init(&expected, NULL);
    for (uint32_t i = 0; i < N; i++) {
        line = khap_line_next(doc, line);
        assert_ptr_equal(line, list[i]);
        assert_int_equal(khap_line_origin(doc, line).offset, numbers[i]);
        for (uint32_t k = 0; k < numbers[i] % 3; k++)
            khap__buf_char(&expected, ' ');
        khap__buf_add(&expected, S("line "));
        khap__buf_uint(&expected, numbers[i]);
        khap__buf_char(&expected, '\n');
    }
    khap__buf_add(&expected, S("last\n"));
    assert_prints(doc, khap__buf_str(&expected));

    /* refused: nothing changes, and the document itself has not failed */
    struct khap_str bad[] = {S("x"), S("")};
    struct khap_str directive[] = {S(".if")};
    assert_int_equal(khap_document_insert(doc, NULL, 0, bad, 2, somewhere, &line), KHAP_EINPUT);
    assert_int_equal(khap_document_insert(doc, NULL, 0, directive, 1, somewhere, &line), KHAP_EINPUT);
    assert_int_equal(khap_document_insert(NULL, NULL, 0, bad, 2, somewhere, &line), KHAP_EINVAL);
    assert_int_equal(khap__doc_status(doc), KHAP_OK);
    assert_false(khap__doc_refused(doc, NULL, NULL));
    assert_prints(doc, khap__buf_str(&expected));
    /* no words: an empty line without blanks */
    assert_int_equal(khap_document_insert(doc, NULL, 4, NULL, 0, somewhere, &line), KHAP_OK);
    assert_true(khap__str_eq(khap_line_text(line), S("\n")));

    struct khap_sink sink = {NULL, refuses};
    assert_int_equal(khap_document_print(doc, &sink), KHAP_EIO);
    khap__buf_free(&expected);
    khap_document_free(doc);
    free(list);
    free(numbers);
}

static void test_limit(void **state)
{
    (void)state;
    struct khap_document *doc = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
    khap__doc_limit(doc, 14);
    khap__doc_raw(doc, 0, S("123456"), somewhere);
    khap__doc_raw(doc, 0, S("123456"), somewhere);
    assert_int_equal(khap__doc_status(doc), KHAP_OK);
    khap__doc_raw(doc, 0, S(""), somewhere);
    assert_int_equal(khap__doc_status(doc), KHAP_ELIMIT);
    struct khap_str word = {"", (size_t)1 << 40}; /* never looked at: too long to be */
    khap__doc_begin(doc, 0, somewhere);
    khap__doc_word(doc, word);
    khap__doc_part(doc, word);
    khap__doc_end(doc);
    assert_int_equal(khap_document_insert(doc, NULL, 0, &word, 1, somewhere, NULL), KHAP_ELIMIT);
    assert_prints(doc, S("123456\n123456\n"));
    khap_document_free(doc);
}

static void test_no_memory(void **state)
{
    (void)state;
    static char big[300000];
    memset(big, 'b', sizeof big);
    for (size_t n = 1;; n++) {
        struct failing_alloc f;
        failing_alloc_init(&f, n);
        struct khap_target target;
        struct khap_document *doc = NULL;
        khap_target_init(&target);
        enum khap_status st = khap_document_new(&f.alloc, &target, &doc);
        uint64_t length = 0;
        if (st == KHAP_OK) {
            for (uint32_t i = 0; i < 1100; i++) {
                khap__doc_begin(doc, 4, (struct khap_place){1, i, 0});
                khap__doc_lit(doc, "word");
                khap__doc_word(doc, S("it's"));
                khap__doc_end(doc);
            }
            khap__doc_begin(doc, 0, somewhere);
            khap__doc_part(doc, (struct khap_str){big, sizeof big});
            khap__doc_part(doc, S("'"));
            khap__doc_part_end(doc);
            khap__doc_word(doc, (struct khap_str){big, sizeof big});
            khap__doc_end(doc);
            khap__doc_begin(doc, 0, somewhere);
            khap__doc_word(doc, S(""));
            khap__doc_end(doc);
            st = khap__doc_status(doc);
            length = khap_document_length(doc);
        }
        khap_document_free(doc);
        assert_failing_alloc_clean(&f);
        assert_int_equal(length == 1100 * 16 + 2 * 300000 + 5, !f.failed);
        assert_int_equal(st, f.failed ? KHAP_ENOMEM : KHAP_EINPUT);
        if (!f.failed)
            break;
    }
    for (size_t n = 1;; n++) {
        struct failing_alloc f;
        failing_alloc_init(&f, n);
        struct khap_bundle *bundle = NULL;
        enum khap_status st = khap_bundle_new(&f.alloc, &bundle);
        if (st == KHAP_OK)
            st = khap_bundle_add_file(bundle, S("x"), (struct khap_str){big, sizeof big}, 0);
        khap_bundle_free(bundle);
        assert_failing_alloc_clean(&f);
        assert_int_equal(st, f.failed ? KHAP_ENOMEM : KHAP_OK);
        if (!f.failed)
            break;
    }
}

static void test_new(void **state)
{
    (void)state;
    struct khap_target target;
    struct khap_document *doc = NULL;
    khap_target_init(&target);
    assert_int_equal(khap_document_new(NULL, NULL, &doc), KHAP_EINVAL);
    target.first = KHAP_RELEASE(3, 0);
    target.last = KHAP_RELEASE(2, 0);
    assert_int_equal(khap_document_new(NULL, &target, &doc), KHAP_EINVAL);
    khap_target_init(&target);
    target.size = 1;
    assert_int_equal(khap_document_new(NULL, &target, &doc), KHAP_EINVAL);
    khap_document_free(NULL);
    doc = new_doc(KHAP_RELEASE(2, 4), KHAP_RELEASE(2, 8));
    assert_int_equal(khap_document_target(doc)->last, KHAP_RELEASE(2, 8));
    khap_document_free(doc);
}

static void test_bundle(void **state)
{
    (void)state;
    struct khap_bundle *bundle = NULL;
    assert_int_equal(khap_bundle_new(NULL, &bundle), KHAP_OK);
    assert_null(khap_bundle_next(bundle, NULL));
    struct khap_document *one = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST),
                         *two = new_doc(KHAP_RELEASE(2, 2), KHAP_NEWEST);
    khap__doc_raw(one, 0, S("global"), somewhere);
    assert_int_equal(khap_bundle_add_file(bundle, S("maps/host.map"), S("a b\n"), 0), KHAP_OK);
    const struct khap_bundle_file *f = khap_bundle_next(bundle, NULL);
    assert_true(khap__str_eq(khap_bundle_file_name(f), S("maps/host.map")));
    assert_null(khap_bundle_next(bundle, f));
    assert_int_equal(khap_bundle_add_document(bundle, S("haproxy.cfg"), one, 0), KHAP_OK);
    assert_int_equal(khap_bundle_add_document(bundle, S("more.cfg"), two, 1), KHAP_OK);
    assert_int_equal(khap_bundle_add_file(bundle, S("cert.pem"), S(""), 1), KHAP_OK);
    static const char *const names[] = {"haproxy.cfg", "more.cfg", "maps/host.map", "cert.pem"};
    f = NULL;
    for (size_t i = 0; i < 4; i++) {
        f = khap_bundle_next(bundle, f);
        assert_non_null(f);
        assert_true(khap__str_eq(khap_bundle_file_name(f), khap__str(names[i])));
        assert_int_equal(khap_bundle_file_secret(f), i % 2);
        assert_ptr_equal(khap_bundle_file_document(f), i == 0 ? one : i == 1 ? two : NULL);
        assert_ptr_equal(khap_bundle_find(bundle, khap__str(names[i])), f);
        struct buf b;
        khap__buf_init(&b, NULL);
        struct khap_sink sink = {&b, into_buf}, no = {NULL, refuses};
        assert_int_equal(khap_bundle_file_print(f, &sink), KHAP_OK);
        assert_true(khap__str_eq(khap__buf_str(&b), i == 0 ? S("global\n") : i == 2 ? S("a b\n") : S("")));
        assert_int_equal(khap_bundle_file_print(f, &no), i % 2 == 0 ? KHAP_EIO : KHAP_OK);
        khap__buf_free(&b);
    }
    assert_null(khap_bundle_next(bundle, f));
    assert_null(khap_bundle_find(bundle, S("other")));
    static const struct khap_str bad[] = {S(""),   S("/etc/x"), S("a/../b"), S(".."),      S("a//b"),
                                          S("a/"), S("./a"),    S("a\0b"),   S("more.cfg")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(khap_bundle_add_file(bundle, bad[i], S("x"), 0), KHAP_EINVAL);
    khap_bundle_free(bundle);
    khap_bundle_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),      cmocka_unit_test(test_lines),
        cmocka_unit_test(test_encoding), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_words_64), cmocka_unit_test(test_line_length_15),
        cmocka_unit_test(test_chunks),   cmocka_unit_test(test_insert),
        cmocka_unit_test(test_limit),    cmocka_unit_test(test_words_of_literals),
        cmocka_unit_test(test_bundle),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
