/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

static void test_commas_and_keys(void **state)
{
    (void)state;
    struct buf b;
    struct json_writer w = {&b, false};
    khap__buf_init(&b, NULL);
    khap__json_object(&w, S(""));
    khap__json_int(&w, S("a"), INT64_MIN);
    khap__json_array(&w, S("b"));
    khap__json_array_end(&w);
    khap__json_object(&w, S("c"));
    khap__json_object_end(&w);
    khap__json_array(&w, S("d"));
    khap__json_bool(&w, S(""), true);
    khap__json_bool(&w, S(""), false);
    khap__json_object(&w, S(""));
    khap__json_string(&w, S("k\""), S(""));
    khap__json_object_end(&w);
    khap__json_string(&w, S(""), S("x"));
    khap__json_array_end(&w);
    khap__json_object_end(&w);
    khap__buf_char(&b, '\0');
    assert_string_equal(
        b.ptr, "{\"a\":-9223372036854775808,\"b\":[],\"c\":{},\"d\":[true,false,{\"k\\\"\":\"\"},\"x\"]}");
    khap__buf_free(&b);
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        struct khap_str in;
        const char *out;
    } cases[] = {
        {{NULL, 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{"\"\\/", 3}, "\"\\\"\\\\/\""},
        {{"\n\t\r\0\x1f\x7f", 6}, "\"\\n\\t\\u000d\\u0000\\u001f\\u007f\""},
        {{"\xc3\xa9\xf0\x9f\x98\x80", 6}, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {{"a\xff\xc3z\xe2\x82", 6}, "\"a\\ufffd\\ufffdz\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;
        struct json_writer w = {&b, false};
        khap__buf_init(&b, NULL);
        khap__json_string(&w, S(""), cases[i].in);
        khap__buf_char(&b, '\0');
        assert_string_equal(b.ptr, cases[i].out);
        khap__buf_free(&b);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        struct khap_str in;
        const char *out;
    } cases[] = {
        {{NULL, 0}, "\"\""},
        {{"a\"\xc3\xa9\r", 5}, "\"a\\\"\xc3\xa9\\u000d\""},
        {{"\0", 1}, "{\"base64\":\"AA==\"}"},
        {{"\xff\xfe", 2}, "{\"base64\":\"//4=\"}"},
        {{"\xfb\xef\xbe", 3}, "{\"base64\":\"++++\"}"},
        {{"abc\xc3", 4}, "{\"base64\":\"YWJjww==\"}"},
        {{"\xed\xa0\x80", 3}, "{\"base64\":\"7aCA\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;
        struct json_writer w = {&b, false};
        khap__buf_init(&b, NULL);
        khap__json_bytes(&w, S(""), cases[i].in);
        khap__buf_char(&b, '\0');
        assert_string_equal(b.ptr, cases[i].out);
        khap__buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_and_keys),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
