/* Regular expressions. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "value_help.h"

#include "value/regex.h"

static void test_check(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at; /* SIZE_MAX: good */
        const char *why;
    } rows[] = {
        {"", SIZE_MAX, NULL},
        {"^/api/v[0-9]+/", SIZE_MAX, NULL},
        {"a{2,3}(?i)b|\\d+$", SIZE_MAX, NULL},
        {"(?<n>x)\\k<n>", SIZE_MAX, NULL},
        {"(", 1, "missing closing parenthesis"},
        {"a(b", 3, "missing closing parenthesis"},
        {"a)", 1, "unmatched closing parenthesis"},
        {"[a", 2, "missing terminating ] for character class"},
        {"*a", 0, "quantifier does not follow a repeatable item"},
        {"a{3,2}", SIZE_MAX - 1, NULL},
        {"\\", 1, NULL},
        {"[b-a]", SIZE_MAX - 1, NULL},
        {"(?<n>x)(?<n>y)", SIZE_MAX - 1, NULL},
        {"\\1", SIZE_MAX - 1, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t at = SIZE_MAX;
        struct khap_str why = {NULL, 0};
        char space[128];
        enum khap_status status = KHAP_EINVAL;
        enum value_error error = khap__regex_check(NULL, str(rows[i].text), &at, &why, space, &status);
        assert_int_equal(status, KHAP_OK);
        if (error != (rows[i].at == SIZE_MAX ? VALUE_OK : VALUE_SYNTAX))
            fail_msg("'%s': error %d", rows[i].text, (int)error);
        if (error == VALUE_OK)
            continue;
        assert_true(at <= strlen(rows[i].text) && why.len > 0);
        if (rows[i].at != SIZE_MAX - 1 && at != rows[i].at)
            fail_msg("'%s': at %zu", rows[i].text, at);
        if (rows[i].why != NULL)
            assert_slice(why, rows[i].why);
    }
    size_t at;
    struct khap_str why;
    char space[128];
    assert_int_equal(khap__regex_check(NULL, (struct khap_str){"ab\0c", 4}, &at, &why, space, NULL),
                     VALUE_SYNTAX);
    assert_int_equal(at, 2);
    assert_slice(why, "a NUL byte");
    static char text[KHAP__REGEX_MAX + 1];
    memset(text, 'a', sizeof text);
    assert_int_equal(khap__regex_check(NULL, (struct khap_str){text, sizeof text}, NULL, NULL, space, NULL),
                     VALUE_SYNTAX);
    memset(text, '(', 2000);
    assert_int_equal(khap__regex_check(NULL, (struct khap_str){text, 2000}, NULL, NULL, space, NULL),
                     VALUE_SYNTAX);
}

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *regex, *subject;
        bool matches;
    } rows[] = {
        {"", "", true},           {"b", "abc", true},         {"^b", "abc", false},
        {"^/a(/|$)", "/a", true}, {"^/a(/|$)", "/ab", false}, {"a.c", "abc", true},
        {"A", "a", false},        {"(?i)A", "a", true},       {"\\d{3}", "ab123", true},
        {"^$", "", true},         {"x", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct regex *r;
        assert_int_equal(khap__regex_new(NULL, str(rows[i].regex), &r), KHAP_OK);
        assert_int_equal(khap__regex_match(r, str(rows[i].subject)), rows[i].matches);
        khap__regex_free(r);
    }
    struct regex *r = NULL;
    assert_int_equal(khap__regex_new(NULL, str("("), &r), KHAP_EINPUT);
    assert_null(r);
    assert_int_equal(khap__regex_new(NULL, (struct khap_str){"\0", 1}, &r), KHAP_EINPUT);
    khap__regex_free(NULL);
}

/* None of these ends in the lifetime of the universe without a limit; with it all of them are told within a
 * second or so. */
static void test_hostile(void **state)
{
    (void)state;
    static const char *const regexes[] = {
        "^(a+)+$",         "^(a|aa)+$",     "^(a|a)*$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(?:a?){40}a{40}", "^(?:(?:a*)*)*b"};
    char subject[64];
    memset(subject, 'a', sizeof subject);
    subject[63] = '!';
    clock_t from = clock();
    unsigned limited = 0;
    for (size_t i = 0; i < sizeof regexes / sizeof *regexes; i++) {
        struct regex *r;
        bool matched = true;
        assert_int_equal(khap__regex_new(NULL, str(regexes[i]), &r), KHAP_OK);
        enum khap_status status = khap__regex_exec(r, (struct khap_str){subject, sizeof subject}, &matched);
        assert_true(status == KHAP_OK || status == KHAP_ELIMIT);
        limited += status == KHAP_ELIMIT;
        if (status == KHAP_ELIMIT)
            assert_false(matched || khap__regex_match(r, (struct khap_str){subject, sizeof subject}));
        khap__regex_free(r);
    }
    assert_true(limited > 0);
    assert_true((clock() - from) / CLOCKS_PER_SEC < 30);
    /* one that is too large is no regex */
    char space[128];
    assert_int_equal(
        khap__regex_check(NULL, str("((((a{1,999}){1,999}){1,999}){1,999})"), NULL, NULL, space, NULL),
        VALUE_SYNTAX);
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    size_t i = 1;
    for (;; i++) {
        struct failing_alloc f;
        struct regex *r;
        bool matched = false;
        failing_alloc_init(&f, i);
        enum khap_status status = khap__regex_new(&f.alloc, str("^(?<n>a|b)+\\k<n>[^x]*$"), &r);
        if (status == KHAP_OK)
            status = khap__regex_exec(r, str("abb-"), &matched);
        khap__regex_free(r);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(status, KHAP_OK);
            assert_true(matched);
            break;
        }
        assert_int_equal(status, KHAP_ENOMEM);
    }
    assert_true(i > 4);
    for (i = 1;; i++) { /* the check; of a good one and a bad one */
        struct failing_alloc f, g;
        char space[128];
        enum khap_status good, bad;
        failing_alloc_init(&f, i);
        failing_alloc_init(&g, i);
        enum value_error error = khap__regex_check(&f.alloc, str("a(b)c"), NULL, NULL, space, &good);
        enum value_error error2 = khap__regex_check(&g.alloc, str("a(bc"), NULL, NULL, space, &bad);
        assert_failing_alloc_clean(&f);
        assert_failing_alloc_clean(&g);
        assert_int_equal(error, VALUE_OK);
        assert_int_equal(good, f.failed ? KHAP_ENOMEM : KHAP_OK);
        assert_int_equal(bad, g.failed ? KHAP_ENOMEM : KHAP_OK);
        assert_int_equal(error2, g.failed ? VALUE_OK : VALUE_SYNTAX);
        if (!f.failed && !g.failed)
            break;
    }
    assert_true(i > 2);
}

static void test_quote(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    khap__regex_quote(&b, str("/a.b+c?(d)[e]{f}|^$\\*-#"));
    assert_printed(&b, "/a\\.b\\+c\\?\\(d\\)\\[e]\\{f}\\|\\^\\$\\\\\\*-#");
    uint64_t seed = random_seed();
    static const char specials[] = "\\^$.[|()?*+{}]-#/ \n\taAb1%Q E";
    for (int i = 0; i < 5000; i++) {
        char text[12];
        size_t len = random_next(&seed) % sizeof text;
        for (size_t k = 0; k < len; k++) {
            uint64_t n = random_next(&seed);
            text[k] = n % 4 == 0 ? (char)(1 + (n >> 8) % 255) : specials[(n >> 8) % (sizeof specials - 1)];
        }
        struct khap_str literal = {text, len};
        khap__buf_clear(&b);
        khap__buf_add(&b, S("^(?:"));
        khap__regex_quote(&b, literal);
        khap__buf_add(&b, S(")\\z"));
        struct regex *r;
        assert_int_equal(khap__regex_new(NULL, khap__buf_str(&b), &r), KHAP_OK);
        assert_true(khap__regex_match(r, literal));
        if (len > 0) { /* one byte changed, one gone, one more */
            size_t at = random_next(&seed) % len;
            text[at] = (char)(text[at] ^ 1);
            assert_false(khap__regex_match(r, literal));
            text[at] = (char)(text[at] ^ 1);
            assert_false(khap__regex_match(r, (struct khap_str){text, len - 1}));
            char more[13];
            memcpy(more, text, len);
            more[len] = 'x';
            assert_false(khap__regex_match(r, (struct khap_str){more, len + 1}));
        }
        khap__regex_free(r);
    }
    khap__buf_free(&b);
}

/* What any match must hold. */
static void test_literal(void **state)
{
    static const struct {
        const char *regex, *literal;
    } texts[] = {{"^h1\\.example$", "h1.example"},
                 {"abc", "abc"},
                 {"ab?cde", "cde"},
                 {"abc*de", "ab"},
                 {"ab+cd", "ab"},
                 {"a{2,3}bc", "bc"},
                 {"a|b", ""},
                 {"(a|b)cd", "cd"},
                 {"(?i)abc", ""},
                 {"x(?:y)z", ""},
                 {"[abc]de[]x]f", "de"},
                 {"a[^]]bcd", "bcd"},
                 {"a[[:alpha:]]b", ""},
                 {"\\Qa|b\\E", ""},
                 {"a\\dbc", "bc"},
                 {"a\\x41bc", ""},
                 {"abc??d", "ab"},
                 {"a(b(c)d)*ef", "ef"},
                 {"a{,3}b", ""},
                 {"", ""},
                 {"(", ""},
                 {"a\\", ""},
                 {"[", ""},
                 {"\\.\\*", ".*"},
                 {"a.b", "a"}};
    char room[64];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct khap_str got = khap__regex_literal(str(texts[i].regex), room);
        assert_true(got.len == strlen(texts[i].literal));
        assert_true(got.len == 0 || memcmp(got.ptr, texts[i].literal, got.len) == 0);
    }
    /* what is matched holds it */
    static const char signs[] = "aabbcc.*+?[]()|{2}^$\\,-";
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        char regex[12], subject[12];
        struct regex *r;
        for (size_t k = 0; k < sizeof regex; k++) {
            seed = seed * 1664525 + 1013904223;
            regex[k] = signs[(seed >> 16) % (sizeof signs - 1)];
            subject[k] = "abc2"[(seed >> 8) % 4];
        }
        struct khap_str text = {regex, 3 + (seed >> 24) % 10}, of = {subject, sizeof subject};
        if (khap__regex_new(NULL, text, &r) != KHAP_OK)
            continue;
        struct khap_str got = khap__regex_literal(text, room);
        bool holds = got.len == 0;
        for (size_t at = 0; !holds && at + got.len <= of.len; at++)
            holds = memcmp(of.ptr + at, got.ptr, got.len) == 0;
        assert_true(holds || !khap__regex_match(r, of));
        khap__regex_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),   cmocka_unit_test(test_match),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_quote),   cmocka_unit_test(test_literal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
