/* Hosts, wildcards, paths, names, header values, log formats. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "value_help.h"

#include "value/value.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum value_error error;
        int kind;
        const char *name; /* NULL: as written */
    } rows[] = {
        {"example.com", VALUE_OK, HOST_EXACT, NULL},
        {"Example.COM", VALUE_OK, HOST_EXACT, "example.com"},
        {"example.com.", VALUE_OK, HOST_EXACT, "example.com"},
        {"x", VALUE_OK, HOST_EXACT, NULL},
        {"a_b-c.x1", VALUE_OK, HOST_EXACT, NULL},
        {"xn--bcher-kva.example", VALUE_OK, HOST_EXACT, NULL},
        {"1.example", VALUE_OK, HOST_EXACT, NULL},
        {"0x1g", VALUE_OK, HOST_EXACT, NULL},
        {"*.example.com", VALUE_OK, HOST_WILDCARD, "example.com"},
        {"*.Example.com.", VALUE_OK, HOST_WILDCARD, "example.com"},
        {"*.com", VALUE_OK, HOST_WILDCARD, "com"},
        {"10.0.0.1", VALUE_OK, HOST_IP, NULL},
        {"[2001:db8::1]", VALUE_OK, HOST_IP, NULL},
        {"[2001:DB8:0:0::1]", VALUE_OK, HOST_IP, "[2001:db8::1]"},
        {"[2001:DB8::1]", VALUE_OK, HOST_IP, "[2001:db8::1]"},
        {"[::]", VALUE_OK, HOST_IP, NULL},
        {"[1::2:3:4:5:6:7]", VALUE_OK, HOST_IP, NULL}, /* its canonical text is longer */
        {L63 ".example", VALUE_OK, HOST_EXACT, NULL},
        {L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", VALUE_OK,
         HOST_EXACT, NULL},
        {L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", VALUE_RANGE,
         0, NULL},
        {"a" L63 ".example", VALUE_RANGE, 0, NULL},
        {"", VALUE_SYNTAX, 0, NULL},
        {".", VALUE_SYNTAX, 0, NULL},
        {"a..b", VALUE_SYNTAX, 0, NULL},
        {".a", VALUE_SYNTAX, 0, NULL},
        {"a.b..", VALUE_SYNTAX, 0, NULL},
        {"a b", VALUE_SYNTAX, 0, NULL},
        {"a/b", VALUE_SYNTAX, 0, NULL},
        {"a:80", VALUE_SYNTAX, 0, NULL},
        {"http://a", VALUE_SYNTAX, 0, NULL},
        {"a\nb", VALUE_SYNTAX, 0, NULL},
        {"a\"b", VALUE_SYNTAX, 0, NULL},
        {"a%b", VALUE_SYNTAX, 0, NULL},
        {"${HOME}", VALUE_SYNTAX, 0, NULL},
        {"b\xc3\xbc.example", VALUE_SYNTAX, 0, NULL},
        {"300.1.1.1", VALUE_SYNTAX, 0, NULL},
        {"10.1", VALUE_SYNTAX, 0, NULL},
        {"1", VALUE_SYNTAX, 0, NULL},
        {"a.0x1f", VALUE_SYNTAX, 0, NULL},
        {"10.0.0.1.", VALUE_SYNTAX, 0, NULL},
        {"*.10.0.0.1", VALUE_SYNTAX, 0, NULL},
        {"2001:db8::1", VALUE_SYNTAX, 0, NULL},
        {"[10.0.0.1]", VALUE_SYNTAX, 0, NULL},
        {"[::1", VALUE_SYNTAX, 0, NULL},
        {"[]", VALUE_SYNTAX, 0, NULL},
        {"[::1]:80", VALUE_SYNTAX, 0, NULL},
        {"*", VALUE_SYNTAX, 0, NULL},
        {"*.", VALUE_SYNTAX, 0, NULL},
        {"*..a", VALUE_SYNTAX, 0, NULL},
        {"a.*.b", VALUE_UNIT, 0, NULL},
        {"a.*", VALUE_UNIT, 0, NULL},
        {"*a.b", VALUE_UNIT, 0, NULL},
        {"a*.b", VALUE_UNIT, 0, NULL},
        {"*.*.b", VALUE_UNIT, 0, NULL},
        {"**.b", VALUE_UNIT, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char space[300];
        struct host h = {.kind = 77}, again;
        struct khap_str s = str(rows[i].text);
        memset(space, '!', sizeof space);
        enum value_error error = khap__host_parse(s, space, &h);
        if (error != rows[i].error || (error == VALUE_OK && h.kind != rows[i].kind))
            fail_msg("'%s': error %d, kind %d", rows[i].text, (int)error, h.kind);
        assert_int_equal(space[s.len], '!'); /* no more room than that is asked for */
        if (error != VALUE_OK)
            continue;
        assert_slice(h.name, rows[i].name != NULL ? rows[i].name : rows[i].text);
        /* what was read is read as itself, without another copy */
        char space2[300];
        assert_int_equal(khap__host_parse(h.name, space2, &again), VALUE_OK);
        assert_true(khap__str_eq(again.name, h.name));
        assert_ptr_equal(again.name.ptr, h.name.ptr);
    }
}

static void test_covers(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool covers;
    } rows[] = {
        {"*.example.com", "a.example.com", true},
        {"*.example.com", "a.b.example.com", true},
        {"*.example.com", "example.com", false},
        {"*.example.com", "aexample.com", false},
        {"*.example.com", ".example.com", false},
        {"*.example.com", "a.example.org", false},
        {"*.example.com", "a.example.com.org", false},
        {"example.com", "example.com", true},
        {"example.com", "a.example.com", false},
        {"10.0.0.1", "10.0.0.1", true},
        {"*.com", "example.com", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct host h;
        char space[300];
        assert_int_equal(khap__host_parse(str(rows[i].pattern), space, &h), VALUE_OK);
        if (khap__host_covers(&h, str(rows[i].name)) != rows[i].covers)
            fail_msg("%s and %s", rows[i].pattern, rows[i].name);
    }
    assert_int_equal(khap__host_labels(str("")), 0);
    assert_int_equal(khap__host_labels(str("a")), 1);
    assert_int_equal(khap__host_labels(str("a.b.c")), 3);
}

static void test_hostnames(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "A.b", "a.", "a_b", "1a", "a.b-c.d."};
    static const char *const bad[] = {"",     ".",   "a..",   "*.a", "1",     "a.1",
                                      "10.1", "a b", "[::1]", "a:1", "a.0xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(khap__hostname_check(str(good[i])), VALUE_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(khap__hostname_check(str(bad[i])), VALUE_SYNTAX);
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const good[] = {"/",     "/a",     "/a/b/",          "//",
                                       "/%75i", "/a;b=c", "/~!$&'()*+,=:@", "/\"\\{}|^`<>"};
    static const char *const bad[] = {"",     "a",    "a/b",  "*",     "/a b",      "/a?b",
                                      "/a#b", "/a\t", "/a\n", "/\x7f", "/\xc3\xa4", "http://a/"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(khap__path_parse(str(good[i])), VALUE_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(khap__path_parse(str(bad[i])), VALUE_SYNTAX);
    assert_int_equal(khap__path_parse((struct khap_str){"/\0", 2}), VALUE_SYNTAX);
    static char path[KHAP__PATH_MAX + 1];
    memset(path, '/', sizeof path);
    assert_int_equal(khap__path_parse((struct khap_str){path, KHAP__PATH_MAX}), VALUE_OK);
    assert_int_equal(khap__path_parse((struct khap_str){path, KHAP__PATH_MAX + 1}), VALUE_RANGE);
    assert_slice(khap__path_prefix(str("/")), "");
    assert_slice(khap__path_prefix(str("//")), "");
    assert_slice(khap__path_prefix(str("/a")), "/a");
    assert_slice(khap__path_prefix(str("/a/")), "/a");
    assert_slice(khap__path_prefix(str("/a/b//")), "/a/b");
    assert_slice(khap__path_prefix(str("")), "");
}

static void test_names(void **state)
{
    (void)state;
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    static const char tokens[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
    for (unsigned c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'b'};
        size_t at = 9;
        bool valid = c != 0 && strchr(all, (int)c) != NULL;
        assert_int_equal(khap__name_valid((struct khap_str){text, 3}, &at), valid);
        assert_int_equal(at, valid ? 3 : 1);
        bool token = c != 0 && strchr(tokens, (int)c) != NULL;
        assert_int_equal(khap__header_name_valid((struct khap_str){text, 3}), token);
        assert_int_equal(khap__cookie_name_valid((struct khap_str){text, 3}), token);
        bool control = (c < 0x20 && c != '\t') || c == 0x7f;
        at = 9;
        assert_int_equal(khap__header_value_check((struct khap_str){text, 3}, &at),
                         control ? VALUE_SYNTAX : VALUE_OK);
        if (control)
            assert_int_equal(at, 1);
    }
    size_t at = 9;
    assert_false(khap__name_valid(str(""), &at));
    assert_int_equal(at, 0);
    char text[256];
    memset(text, 'x', sizeof text);
    assert_true(khap__name_valid((struct khap_str){text, 255}, NULL));
    assert_false(khap__name_valid((struct khap_str){text, 256}, &at));
    assert_int_equal(at, 255);
    assert_false(khap__header_name_valid(str("")));
    assert_false(khap__cookie_name_valid(str("")));
    static const struct {
        const char *text;
        size_t at; /* SIZE_MAX: good */
    } values[] = {{"a", SIZE_MAX},
                  {"a b", SIZE_MAX},
                  {"a\tb", SIZE_MAX},
                  {"\"\\#%", SIZE_MAX},
                  {"\xc3\xa4", SIZE_MAX},
                  {"", 0},
                  {" a", 0},
                  {"\ta", 0},
                  {"a ", 1},
                  {"ab\t", 2},
                  {"a\r\nb: c", 1},
                  {"a\x1b", 1}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        at = SIZE_MAX;
        enum value_error error = khap__header_value_check(str(values[i].text), &at);
        assert_int_equal(error, values[i].at == SIZE_MAX ? VALUE_OK : VALUE_SYNTAX);
        if (error != VALUE_OK)
            assert_int_equal(at, values[i].at);
    }
}

static void test_log_formats(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at; /* SIZE_MAX: good */
    } rows[] = {
        {"", SIZE_MAX},
        {"plain [text] {x} (y)", SIZE_MAX},
        {"100%%", SIZE_MAX},
        {"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr "
         "%hs %{+Q}r",
         SIZE_MAX},
        {"%[src]", SIZE_MAX},
        {"%[src,ipmask(24)]x", SIZE_MAX},
        {"%{+X,-E}[src]", SIZE_MAX},
        {"%[req.hdr(host),regsub([0-9]+,)]", SIZE_MAX},
        {"%[str(a]b)]", SIZE_MAX},
        {"%[str(\"a)]b\")]", SIZE_MAX},
        {"%[str('a)]b')]", SIZE_MAX},
        {"%[str(a\\)]b)]", SIZE_MAX},
        {"%(name)[src]", SIZE_MAX},
        {"%(name:sint)ci", SIZE_MAX},
        {"%(name){+Q}[src]", SIZE_MAX},
        {"%", 0},
        {"a%", 1},
        {"50% off", 2},
        {"%%%", 2},
        {"%[src", 0},
        {"%[str(a]", 0},
        {"%{+Q", 0},
        {"%{+Q}", 0},
        {"%{+Q}%", 0},
        {"%(name", 0},
        {"%(name)", 0},
        {"%-", 0},
        {"%ci %\"", 4},
        {"%\xc3\xa4", 0},
        {"%[str(\"a)]", 0},
        {"%[a\\", 0},
        {"%[a(\\", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t at = SIZE_MAX;
        enum value_error error = khap__logformat_check(str(rows[i].text), &at);
        if (error != (rows[i].at == SIZE_MAX ? VALUE_OK : VALUE_SYNTAX) || at != rows[i].at)
            fail_msg("'%s': error %d at %zu", rows[i].text, (int)error, at);
    }
    struct buf b;
    khap__buf_init(&b, NULL);
    static const char *const quoted[][2] = {
        {"", ""}, {"a", "a"}, {"%", "%%"}, {"50% off", "50%% off"}, {"%%[src]%", "%%%%[src]%%"}};
    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
        khap__buf_clear(&b);
        khap__logformat_quote(&b, str(quoted[i][0]));
        assert_printed(&b, quoted[i][1]);
        assert_int_equal(khap__logformat_check(khap__buf_str(&b), NULL), VALUE_OK);
    }
    khap__buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts), cmocka_unit_test(test_covers), cmocka_unit_test(test_hostnames),
        cmocka_unit_test(test_paths), cmocka_unit_test(test_names),  cmocka_unit_test(test_log_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
