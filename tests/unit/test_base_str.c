/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "failing_alloc.h"

static const struct khap_str none = {NULL, 0};

static void test_comparing(void **state)
{
    (void)state;
    assert_int_equal(khap__str(NULL).len, 0);
    assert_true(khap__str_eq(khap__str("abc"), S("abc")));
    assert_true(khap__str_eq(none, S("")));
    assert_false(khap__str_eq(S("a"), none));
    assert_true(khap__str_cmp(S("a"), S("b")) < 0);
    assert_true(khap__str_cmp(S("ab"), S("a")) > 0);
    assert_true(khap__str_cmp(S("\xff"), S("a")) > 0);
    assert_int_equal(khap__str_cmp(none, S("")), 0);
    assert_true(khap__str_eq_nocase(S("aZ-\xc4"), S("Az-\xc4")));
    assert_false(khap__str_eq_nocase(S("\xc4"), S("\xe4"))); /* ASCII only */
    assert_false(khap__str_eq_nocase(S("@"), S("`")));
    assert_false(khap__str_eq_nocase(S("a"), S("ab")));
}

static void test_searching(void **state)
{
    (void)state;
    assert_true(khap__str_starts(S("abc"), S("ab")));
    assert_true(khap__str_starts(S("abc"), none));
    assert_false(khap__str_starts(S("a"), S("ab")));
    assert_true(khap__str_ends(S("abc"), S("bc")));
    assert_false(khap__str_ends(S("abc"), S("ab")));
    assert_true(khap__str_ends(none, none));
    assert_int_equal(khap__str_find(S("a:b:"), ':'), 1);
    assert_int_equal(khap__str_find(S("a\xff"), '\xff'), 1);
    assert_int_equal(khap__str_find(S("ab"), ':'), 2);
    assert_int_equal(khap__str_find(none, ':'), 0);
    assert_true(khap__str_eq(khap__str_sub(S("abc"), 1, SIZE_MAX), S("bc")));
    assert_true(khap__str_eq(khap__str_sub(S("abc"), 9, 1), S("")));
    assert_true(khap__str_eq(khap__str_sub(none, 9, 1), S("")));
    assert_true(khap__str_eq(khap__str_trim(S(" \ta b\t ")), S("a b")));
    assert_int_equal(khap__str_trim(S(" \t")).len, 0);
}

static void test_bytes(void **state)
{
    (void)state;
    int digits = 0, letters = 0, both = 0, hex = 0;
    for (int c = 0; c < 256; c++) {
        unsigned char b = (unsigned char)c;
        digits += khap__is_digit(b);
        letters += khap__is_alpha(b);
        both += khap__is_alnum(b);
        hex += khap__hex(b) >= 0;
        assert_int_equal(khap__lower(b), c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    assert_int_equal(digits, 10);
    assert_int_equal(letters, 52);
    assert_int_equal(both, 62);
    assert_int_equal(hex, 22);
    assert_int_equal(khap__hex('0'), 0);
    assert_int_equal(khap__hex('a'), 10);
    assert_int_equal(khap__hex('F'), 15);
    assert_int_equal(khap__hex('G'), -1);
}

static void assert_nearest(const char *wanted, const char *best)
{
    static const char *const known[] = {"nodePort", "hosts", "redirectHttps", "check", "hsts", "tls"};
    struct nearest n;
    khap__nearest_start(&n, khap__str(wanted));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        khap__nearest_offer(&n, khap__str(known[i]));
    struct buf text;
    khap__buf_init(&text, NULL);
    khap__nearest_add(&n, &text);
    khap__buf_char(&text, '\0');
    char expected[80] = "";
    if (*best)
        snprintf(expected, sizeof expected, "; did you mean `%s`?", best);
    assert_string_equal(text.ptr, expected);
    khap__buf_free(&text);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_nearest("nodeprt", "nodePort");
    assert_nearest("NODEPORT", "nodePort");
    assert_nearest("port", "nodePort");
    assert_nearest("redirect", "redirectHttps");
    assert_nearest("healthcheck", "check");
    assert_nearest("Host", "hosts");
    assert_nearest("tlss", "tls");
    assert_nearest("xyz", "");
    assert_nearest("", "");
    assert_nearest("annotations", "");
}

static void test_edit_distance(void **state)
{
    (void)state;
    assert_int_equal(khap__edit_distance(S("hosts"), S("hosts"), 3), 0);
    assert_int_equal(khap__edit_distance(S("hots"), S("hosts"), 3), 1);
    assert_int_equal(khap__edit_distance(S("hsots"), S("hosts"), 3), 1); /* exchanged neighbours */
    assert_int_equal(khap__edit_distance(S("kitten"), S("sitting"), 9), 3);
    assert_int_equal(khap__edit_distance(S(""), S("abc"), 9), 3);
    assert_int_equal(khap__edit_distance(none, none, 9), 0);
    assert_true(khap__edit_distance(S("nodePort"), S("balance"), 2) > 2);
    assert_true(khap__edit_distance(S("a"), S("abcdefgh"), 2) > 2);
    assert_true(khap__edit_distance(S("abcdefgh"), S("ijklmnop"), 3) > 3);
    /* a limit never changes what is within it: all pairs of a few words, against no limit at all */
    static const char *const words[] = {"ab",   "ba",   "abc",  "acb",    "bca",
                                        "abcd", "badc", "xyzw", "aabbcc", "abcabc"};
    for (size_t i = 0; i < 10; i++) {
        for (size_t j = 0; j < 10; j++) {
            struct khap_str a = khap__str(words[i]), b = khap__str(words[j]);
            uint32_t d = khap__edit_distance(a, b, 1000);
            assert_int_equal(d, khap__edit_distance(b, a, 1000));
            for (uint32_t limit = 0; limit < 8; limit++) {
                uint32_t got = khap__edit_distance(a, b, limit);
                assert_true(d <= limit ? got == d : got > limit);
            }
        }
    }
    char longer[100];
    memset(longer, 'a', sizeof longer);
    assert_int_equal(khap__edit_distance((struct khap_str){longer, 100}, (struct khap_str){longer, 64}, 5),
                     0);
}

static void test_fnv(void **state)
{
    (void)state;
    /* the published vectors */
    assert_true(khap__fnv1a64(none, KHAP__FNV64) == UINT64_C(0xcbf29ce484222325));
    assert_true(khap__fnv1a64(S("foobar"), KHAP__FNV64) == UINT64_C(0x85944171f73967e8));
    assert_int_equal(khap__fnv1a32(S("foobar"), KHAP__FNV32), 0xbf9cf968u);
    assert_true(khap__fnv1a64(S("bar"), khap__fnv1a64(S("foo"), KHAP__FNV64)) ==
                UINT64_C(0x85944171f73967e8));
}

static void test_utf8_validity(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        long bad; /* -1: valid */
    } cases[] = {
        {"", 0, -1},
        {"plain ascii, longer than eight", 30, -1},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, -1},
        {"a\0b", 3, -1},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10, -1},
        {"abcdefgh\x80", 9, 8},
        {"ab\xc0\x80", 4, 2}, /* overlong */
        {"ab\xe0\x9f\xbf", 5, 2},
        {"ab\xf0\x8f\xbf\xbf", 6, 2},
        {"\xed\xa0\x80", 3, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 4, 0}, /* behind the last character */
        {"\xf8\x88\x80\x80\x80", 5, 0},
        {"\xff", 1, 0},
        {"x\xe2\x82", 3, 1}, /* cut off */
        {"x\xe2\x28\xa1", 4, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bad = 999;
        struct khap_str s = {cases[i].text, cases[i].len};
        assert_int_equal(khap__utf8_valid(s, &bad), cases[i].bad < 0);
        assert_int_equal(khap__utf8_valid(s, NULL), cases[i].bad < 0);
        if (cases[i].bad >= 0)
            assert_int_equal(bad, cases[i].bad);
    }
}

/* Every character, encoded here, is decoded to itself. */
static void test_utf8_decodes_all(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char p[4];
        unsigned n;
        uint32_t got = 0;
        if (c < 0x80) {
            p[0] = (char)c;
            n = 1;
        } else if (c < 0x800) {
            p[0] = (char)(0xc0 | c >> 6);
            p[1] = (char)(0x80 | (c & 63));
            n = 2;
        } else if (c < 0x10000) {
            p[0] = (char)(0xe0 | c >> 12);
            p[1] = (char)(0x80 | (c >> 6 & 63));
            p[2] = (char)(0x80 | (c & 63));
            n = 3;
        } else {
            p[0] = (char)(0xf0 | c >> 18);
            p[1] = (char)(0x80 | (c >> 12 & 63));
            p[2] = (char)(0x80 | (c >> 6 & 63));
            p[3] = (char)(0x80 | (c & 63));
            n = 4;
        }
        bool surrogate = c >= 0xd800 && c < 0xe000;
        unsigned len = khap__utf8_decode(p, n, &got);
        if (len != (surrogate ? 0 : n) || (len > 0 && got != c))
            fail_msg("character %x", c);
        if (len > 1 && khap__utf8_decode(p, n - 1, &got) != 0)
            fail_msg("character %x, cut off", c);
    }
}

static void test_what_is_seen(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    khap__buf_add_visible(&b, S("a\n\t\r\x1b\0\x7f\xff\xc3\xa9\xe2\x80\xae\xc2\x85"), 100);
    khap__buf_char(&b, '\0');
    assert_string_equal(b.ptr, "a\\n\\t\\r\\x1b\\x00\\x7f\\xff\xc3\xa9\\u202e\\u0085");
    khap__buf_clear(&b);
    khap__buf_add_visible(&b, S("abcdefghij"), 10);
    khap__buf_add_visible(&b, S("abcdefghijk"), 10);
    khap__buf_add_visible(&b, S("abcdef\xe2\x82\xac\xe2\x82\xac"), 10); /* not within a character */
    khap__buf_add_visible(&b, S("abc"), 0);
    khap__buf_char(&b, '\0');
    assert_string_equal(b.ptr, "abcdefghijabcdefg...abcdef\xe2\x82\xac......");
    khap__buf_free(&b);
    assert_int_equal(khap__utf8_width('a'), 1);
    assert_int_equal(khap__utf8_width(0xe9), 1);
    assert_int_equal(khap__utf8_width(0x301), 0);
    assert_int_equal(khap__utf8_width(0x65e5), 2);
    assert_int_equal(khap__utf8_width(0x1f600), 2);
    assert_false(khap__utf8_hidden(0x41));
    assert_true(khap__utf8_hidden(0x200b));
}

static void test_map(void **state)
{
    (void)state;
    struct map m;
    char keys[3000][12];
    bool found;
    uint32_t value = 0;
    khap__map_init(&m, NULL);
    assert_false(khap__map_get(&m, S("a"), &value));
    for (uint32_t i = 0; i < 3000; i++) {
        struct buf b;
        khap__buf_init(&b, NULL);
        khap__buf_uint(&b, i);
        memcpy(keys[i], b.ptr, b.len);
        struct khap_str key = {keys[i], b.len};
        khap__buf_free(&b);
        assert_int_equal(khap__map_add(&m, key, i, &found, NULL), KHAP_OK);
        assert_false(found);
        assert_int_equal(khap__map_add(&m, key, i + 1, &found, &value), KHAP_OK);
        assert_true(found);
        assert_int_equal(value, i);
    }
    assert_int_equal(m.used, 3000);
    for (uint32_t i = 0; i < 3000; i++) {
        char room[20];
        assert_true(khap__map_get(&m, khap__str_uint(room, i), &value));
        assert_int_equal(value, i);
    }
    assert_false(khap__map_get(&m, S("3000"), NULL));
    assert_false(khap__map_get(&m, S(""), NULL));
    assert_int_equal(khap__map_set(&m, none, 5), KHAP_OK); /* nothing is a key, too */
    assert_int_equal(khap__map_set(&m, S(""), 6), KHAP_OK);
    assert_true(khap__map_get(&m, S(""), &value));
    assert_int_equal(value, 6);
    assert_int_equal(m.used, 3001);
    /* keys of every length around the hash's words of eight bytes */
    khap__map_clear(&m);
    assert_int_equal(m.used, 0);
    assert_false(khap__map_get(&m, S("7"), NULL));
    char zeros[64] = {0};
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(khap__map_set(&m, (struct khap_str){zeros, i}, i), KHAP_OK);
    for (uint32_t i = 0; i < 64; i++) {
        assert_true(khap__map_get(&m, (struct khap_str){zeros, i}, &value));
        assert_int_equal(value, i);
    }
    khap__map_free(&m);
}

static void test_map_without_memory(void **state)
{
    (void)state;
    char keys[100];
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct map m;
        enum khap_status st = KHAP_OK;
        uint32_t got = 0;
        failing_alloc_init(&f, i);
        khap__map_init(&m, &f.alloc);
        for (uint32_t j = 0; j < 100; j++) {
            keys[j] = (char)(j + 1);
            if (khap__map_set(&m, (struct khap_str){&keys[j], 1}, j) == KHAP_OK)
                got++;
            else
                st = KHAP_ENOMEM;
        }
        assert_int_equal(got, m.used);
        for (uint32_t j = 0; j < 100 && st == KHAP_OK; j++)
            assert_true(khap__map_get(&m, (struct khap_str){&keys[j], 1}, NULL));
        khap__map_free(&m);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(st, KHAP_ENOMEM);
    }
    struct map m;
    khap__map_init(&m, NULL);
    assert_int_equal(khap__map_reserve(&m, UINT32_MAX), KHAP_ENOMEM);
    khap__map_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparing),
        cmocka_unit_test(test_searching),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_edit_distance),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_fnv),
        cmocka_unit_test(test_utf8_validity),
        cmocka_unit_test(test_utf8_decodes_all),
        cmocka_unit_test(test_what_is_seen),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
