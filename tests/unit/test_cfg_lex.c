/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"
#include "cfg/lex.h"
#include "failing_alloc.h"

static const char *const errors[] = {"ok",       "quote", "hex",      "varname", "brace",
                                     "too-many", "nul",   "too-long", "scope",   "empty-word"};

/* "[one][two]", or the name of the error and where it is. A ~ follows a word with a variable. */
static void told(uint16_t release, struct khap_str line, char *to, size_t size)
{
    struct arena arena;
    struct lex_line out;
    khap__arena_init(&arena, NULL);
    assert_int_equal(khap__lex_line(&arena, release, line, &out), KHAP_OK);
    int n = 0;
    to[0] = '\0';
    if (out.error != LEX_OK)
        n = snprintf(to, size, "%s@%u+%u", errors[out.error], out.error_offset, out.error_len);
    else if (out.scope)
        n = snprintf(to, size, "scope");
    for (uint32_t i = 0; out.error == LEX_OK && i < out.n; i++)
        n += snprintf(to + n, size - (size_t)n, "[%.*s]%s", S_ARG(out.words[i].value),
                      out.words[i].variable ? "~" : "");
    assert_true((size_t)n < size);
    khap__arena_free(&arena);
}

/* Where GRAMMAR says what, by hand; random lines are compared with an oracle elsewhere. */
static void test_words(void **state)
{
    (void)state;
    static const struct {
        uint16_t first, last;
        struct khap_str line;
        const char *told;
    } rows[] = {
        {105, 304, S(""), ""},
        {105, 304, S(" \t\v\f\r"), ""},
        {105, 304, S("  # comment"), ""},
        {105, 304, S("global#x"), "[global]"},
        {105, 304, S(" timeout\tconnect  1s "), "[timeout][connect][1s]"},
        {105, 304, S("timeout connect 1s\rJUNK"), "[timeout][connect][1s]"},
        {105, 304, S("a \rb"), "[a][b]"},
        {105, 304, S("a\\ b \\# \\\\ \\n\\t\\r"), "[a b][#][\\][\n\t\r]"},
        {105, 304, S("\\x41\\x62 \\1 \\. \\$A \\"), "[Ab][\\1][\\.][\\$A][\\]"},
        {105, 304, S("a\\\tb"), "[a\\][b]"},
        {105, 304, S("a\\x00b c"), "[a][c]"},
        {105, 304, S("x \\x4g"), "hex@2+4"},
        {105, 304, S("x \\x"), "hex@2+2"},
        {105, 304, S("use_backend ${A} $B"), "[use_backend][${A}][$B]"},
        {105, 304, S("\xef\xbb\xbfglobal"), "[\xef\xbb\xbfglobal]"},
        {105, 105, S("a\"b c\"'d"), "[a\"b][c\"'d]"},
        {106, 304, S("a\"b c\"'d e'f"), "[ab cd ef]"},
        {105, 105, S("\\' \\\""), "[\\'][\\\"]"},
        {106, 304, S("\\' \\\""), "['][\"]"},
        {106, 304, S("'a\\n#\"' \"a\\n#'\\x41\\$\""), "[a\\n#\"][a\n#'A$]"},
        {106, 304, S("a \"b"), "quote@2+2"},
        {106, 304, S("a 'b\r'"), "quote@2+2"},
        {106, 302, S("a \"\" b"), "[a][][b]"},
        {303, 304, S("a \"\" b"), "empty-word@2+2"},
        {106, 302, S("'' junk"), "[][junk]"},
        {303, 303, S("'' junk"), "empty-word@0+2"},
        {304, 304, S("'' junk"), "[][junk]"},
        {106, 304, S("a\"\" ''b"), "[a][b]"},
        {106, 304, S("\"$A\" \"x${B}y\""), "[]~[xy]~"},
        {106, 304, S("x \"$1\""), "varname@3+2"},
        {106, 304, S("x \"a$\""), "varname@4+2"},
        {106, 304, S("\"${A\""), "brace@1+4"},
        {106, 304, S("\"${A:-b}\""), "brace@1+4"},
        {106, 202, S("\"${A[*]}\""), "brace@1+4"},
        {203, 304, S("\"${A[*]}\""), "[]~"},
        {203, 304, S("\"${A[1]}\""), "brace@1+4"},
        {106, 203, S("\"${.LINE}\""), "varname@1+3"},
        {204, 304, S("\"${.LINE}\" \"$.FILE\""), "[]~[]~"},
        {204, 304, S("\"${.LINES}\""), "varname@1+8"}, /* there are three such names */
        {204, 304, S("x \"$.a\""), "varname@3+3"},
        {106, 204, S("\"${A-b}\""), "brace@1+4"},
        {205, 304, S("\"${A-'b \"c}\" d"), "[]~[d]"},
        {205, 304, S("\"${A-b\""), "brace@1+6"},
        {105, 106, S("[x]"), "[[x]]"},
        {107, 304, S(" [a.B_c:d-9] # c"), "scope"},
        {107, 304, S("[x] y"), "scope@4+1"},
        {107, 304, S("[]"), "scope@0+2"},
        {107, 304, S("[a/b]"), "scope@0+3"},
        {107, 304, S("[a"), "scope@0+2"},
        {107, 304, S("\"[x]\" y"), "[[x]][y]"},
        {105, 202, S("a\0b c"), "[a]"},
        {203, 304, S("a # \0b"), "nul@4+1"},
    };
    char line[200];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; khap_release_at(k) != 0; k++) {
            uint16_t release = khap_release_at(k);
            if (release < rows[i].first || release > rows[i].last)
                continue;
            const char *wanted = rows[i].told;
            told(release, rows[i].line, line, sizeof line);
            if (strcmp(line, wanted) != 0)
                fail_msg("row %zu, release %u: %s, not %s", i, release, line, wanted);
        }
    }
}

static void fill(char *to, size_t words, const char *end)
{
    for (size_t i = 0; i < words; i++)
        memcpy(to + 2 * i, "w ", 2);
    strcpy(to + 2 * words - 1, end); /* in place of the last blank */
}

static void test_64_words(void **state)
{
    (void)state;
    static const struct {
        size_t words;
        const char *end;
        uint16_t refused_first, refused_last;
    } rows[] = {
        {64, "", 0, 0},   {64, "#c", 0, 0},      {64, " ", 202, 301}, {64, " # c", 105, 301},
        {64, "\r", 0, 0}, {64, " \r", 202, 301}, {65, "", 105, 304},  {63, " # c", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[200], result[400];
        fill(line, rows[i].words, rows[i].end);
        for (size_t k = 0; khap_release_at(k) != 0; k++) {
            uint16_t release = khap_release_at(k);
            bool refused = release >= rows[i].refused_first && release <= rows[i].refused_last;
            told(release, khap__str(line), result, sizeof result);
            if ((strncmp(result, "too-many@", 9) == 0) != refused ||
                (!refused && strlen(result) != 3 * rows[i].words))
                fail_msg("row %zu, release %u: %s", i, release, result);
        }
    }
}

static void test_length_15(void **state)
{
    (void)state;
    static char line[5000], result[6000];
    memset(line, 'w', sizeof line);
    for (size_t n = 2046; n <= 2047; n++) {
        told(KHAP_RELEASE(1, 5), (struct khap_str){line, n}, result, sizeof result);
        assert_int_equal(strcmp(result, "too-long@2046+1") == 0, n == 2047);
        told(KHAP_RELEASE(1, 6), (struct khap_str){line, n}, result, sizeof result);
        assert_int_equal(strlen(result), n + 2);
    }
}

static void test_spans(void **state)
{
    (void)state;
    struct arena arena;
    struct lex_line out;
    khap__arena_init(&arena, NULL);
    struct khap_str line = S("  acl x\"y \"'z' \\#a\t# why\r");
    assert_int_equal(khap__lex_line(&arena, KHAP_RELEASE(2, 6), line, &out), KHAP_OK);
    static const char *const raw[] = {"acl", "x\"y \"'z'", "\\#a"};
    assert_int_equal(out.n, 3);
    for (uint32_t i = 0; i < out.n; i++)
        assert_true(
            khap__str_eq(khap__str_sub(line, out.words[i].offset, out.words[i].len), khap__str(raw[i])));
    assert_true(khap__str_starts(khap__str_sub(line, out.comment, line.len), S("# why")));
    /* without anything to decode the words lie in the line itself */
    line = S("a bc");
    assert_int_equal(khap__lex_line(&arena, KHAP_RELEASE(2, 6), line, &out), KHAP_OK);
    assert_ptr_equal(out.words[1].value.ptr, line.ptr + 2);
    assert_int_equal(out.comment, 4);
    /* unset variables of 2.9 to 3.2, and words that may be many */
    line = S("\"$A\" \"${A-d}\" \"$A \" \"${A[*]}\"");
    static const uint16_t releases[] = {208, 209, 302, 303};
    for (size_t i = 0; i < sizeof releases / sizeof *releases; i++) {
        uint16_t release = releases[i];
        bool quirk = release == 209 || release == 302;
        assert_int_equal(khap__lex_line(&arena, release, line, &out), KHAP_OK);
        assert_int_equal(out.n, 4);
        assert_int_equal(out.words[0].joins, quirk);
        assert_false(out.words[1].joins);
        assert_false(out.words[2].joins);
        assert_int_equal(out.words[3].joins, quirk);
        assert_false(out.words[0].many);
        assert_true(out.words[3].many);
    }
    assert_int_equal(khap__lex_line(&arena, KHAP_RELEASE(1, 4), line, &out), KHAP_EINVAL);
    assert_int_equal(khap__lex_line(&arena, 999, S("a '' b"), &out), KHAP_OK); /* like the newest */
    assert_int_equal(out.error, LEX_EMPTY_WORD);
    assert_int_equal(khap__lex_line(&arena, 206, (struct khap_str){"", (size_t)UINT32_MAX}, &out),
                     KHAP_ELIMIT);
    assert_int_equal(khap__lex_line(&arena, 206, (struct khap_str){NULL, 0}, &out), KHAP_OK);
    khap__arena_free(&arena);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct arena arena;
        struct lex_line out;
        failing_alloc_init(&f, i);
        khap__arena_init(&arena, &f.alloc);
        enum khap_status st = khap__lex_line(&arena, 206, S("a 'b c' d"), &out);
        khap__arena_free(&arena);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(st, KHAP_ENOMEM);
    }
    struct failing_alloc f;
    struct buf b;
    failing_alloc_init(&f, 1);
    khap__buf_init(&b, &f.alloc);
    (void)khap__encode_word(&b, 105, 304, S("a b"));
    assert_true(b.failed);
    khap__buf_free(&b);
    assert_failing_alloc_clean(&f);
}

/* What is refused, and that nothing is added then. */
static void test_encode_refusals(void **state)
{
    (void)state;
    static char word[2100];
    memset(word, 'w', sizeof word);
    struct buf b;
    khap__buf_init(&b, NULL);
    khap__buf_add(&b, S("x"));
    assert_int_equal(khap__encode_word(&b, 202, 304, S("")), ENCODE_EMPTY);
    assert_int_equal(khap__encode_word(&b, 202, 304, S("a\0")), ENCODE_NUL);
    assert_int_equal(khap__encode_word(&b, 105, 304, (struct khap_str){word, 2047}), ENCODE_TOO_LONG_15);
    memset(word, ' ', sizeof word);
    assert_int_equal(khap__encode_word(&b, 105, 304, (struct khap_str){word, 1024}), ENCODE_TOO_LONG_15);
    memset(word, 'w', 3);
    assert_int_equal(khap__encode_word(&b, 105, 304, (struct khap_str){word, 1025}), ENCODE_TOO_LONG_15);
    assert_int_equal(b.len, 1);
    word[0] = word[1] = word[2] = ' ';
    assert_int_equal(khap__encode_word(&b, 105, 304, (struct khap_str){word, 1023}), ENCODE_OK);
    assert_int_equal(b.len, 2047);
    assert_int_equal(khap__encode_word(&b, 106, 304, (struct khap_str){word, 2047}), ENCODE_OK);
    khap__buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),     cmocka_unit_test(test_64_words),
        cmocka_unit_test(test_length_15), cmocka_unit_test(test_spans),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_encode_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
