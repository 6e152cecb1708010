/* Times, sizes, integers, booleans. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "value_help.h"

#include "value/decimal.h"
#include "value/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *text;
    enum value_error error;
    uint64_t value;
    const char *printed; /* NULL: as written */
};

static const struct row times[] = {
    {"0", VALUE_OK, 0, "0"},
    {"0s", VALUE_OK, 0, "0"},
    {"250", VALUE_OK, 250000, "250ms"},
    {"1us", VALUE_OK, 1, NULL},
    {"999us", VALUE_OK, 999, NULL},
    {"1000us", VALUE_OK, 1000, "1ms"},
    {"500ms", VALUE_OK, 500000, NULL},
    {"2s", VALUE_OK, 2000000, NULL},
    {"90s", VALUE_OK, 90000000, NULL},
    {"60s", VALUE_OK, 60000000, "1m"},
    {"90m", VALUE_OK, UINT64_C(5400000000), NULL},
    {"1h", VALUE_OK, UINT64_C(3600000000), NULL},
    {"24h", VALUE_OK, UINT64_C(86400000000), "1d"},
    {"365d", VALUE_OK, UINT64_C(31536000000000), NULL},
    {"007s", VALUE_OK, 7000000, "7s"},
    {"18446744073709551615us", VALUE_OK, UINT64_MAX, NULL},
    {"18446744073709551616us", VALUE_RANGE, 0, NULL},
    {"18446744073709551615ms", VALUE_RANGE, 0, NULL},
    {"213503983d", VALUE_RANGE, 0, NULL},
    {"99999999999999999999999999", VALUE_RANGE, 0, NULL},
    {"", VALUE_SYNTAX, 0, NULL},
    {"s", VALUE_SYNTAX, 0, NULL},
    {"-1s", VALUE_SYNTAX, 0, NULL},
    {"+1s", VALUE_SYNTAX, 0, NULL},
    {" 1s", VALUE_SYNTAX, 0, NULL},
    {".5s", VALUE_SYNTAX, 0, NULL},
    {"1.5s", VALUE_UNIT, 0, NULL},
    {"1 s", VALUE_UNIT, 0, NULL},
    {"1s ", VALUE_UNIT, 0, NULL},
    {"1h30m", VALUE_UNIT, 0, NULL},
    {"1e3", VALUE_UNIT, 0, NULL},
    {"1w", VALUE_UNIT, 0, NULL},
    {"1S", VALUE_UNIT, 0, NULL},
    {"1sec", VALUE_UNIT, 0, NULL},
    {"0x10", VALUE_UNIT, 0, NULL},
};

static const struct row sizes[] = {
    {"0", VALUE_OK, 0, NULL},
    {"1", VALUE_OK, 1, NULL},
    {"1023", VALUE_OK, 1023, NULL},
    {"1024", VALUE_OK, 1024, "1k"},
    {"16k", VALUE_OK, 16384, NULL},
    {"16K", VALUE_OK, 16384, "16k"},
    {"10m", VALUE_OK, 10485760, NULL},
    {"1G", VALUE_OK, 1073741824, "1g"},
    {"1024k", VALUE_OK, 1048576, "1m"},
    {"17179869183g", VALUE_OK, UINT64_C(17179869183) << 30, NULL},
    {"17179869184g", VALUE_RANGE, 0, NULL},
    {"1kb", VALUE_UNIT, 0, NULL},
    {"1t", VALUE_UNIT, 0, NULL},
    {"k", VALUE_SYNTAX, 0, NULL},
    {"", VALUE_SYNTAX, 0, NULL},
    {"-1", VALUE_SYNTAX, 0, NULL},
};

static void check_row(const struct row *r, bool time)
{
    uint64_t got = 42;
    struct khap_str s = str(r->text);
    enum value_error error = time ? khap__time_parse(s, 1000, &got) : khap__size_parse(s, &got);
    if (error != r->error || got != (error == VALUE_OK ? r->value : 42))
        fail_msg("'%s': error %d, %llu", r->text, (int)error, (unsigned long long)got);
    if (error != VALUE_OK)
        return;
    struct buf b;
    khap__buf_init(&b, NULL);
    (time ? khap__time_print : khap__size_print)(&b, got);
    assert_printed(&b, r->printed != NULL ? r->printed : r->text);
    khap__buf_free(&b);
}

static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        check_row(&times[i], true);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_row(&sizes[i], false);
    uint64_t us;
    assert_int_equal(khap__time_parse(str("3"), UINT64_C(1000000), &us), VALUE_OK);
    assert_int_equal(us, 3000000);
}

/* What is printed is read back as the same, whatever the unit of bare numbers. */
static void test_print_and_parse(void **state)
{
    (void)state;
    uint64_t seed = random_seed();
    static const uint64_t units[] = {
        1, 1000, 1000000, 60000000, UINT64_C(3600000000), UINT64_C(86400000000), 1024, 1 << 20, 1 << 30};
    struct buf b;
    khap__buf_init(&b, NULL);
    for (int i = 0; i < 20000; i++) {
        uint64_t n = random_next(&seed) >> random_next(&seed) % 64, got = 1;
        uint64_t unit = units[random_next(&seed) % 9];
        if (random_next(&seed) % 2 == 0 && n <= UINT64_MAX / unit)
            n *= unit;
        khap__buf_clear(&b);
        khap__time_print(&b, n);
        assert_int_equal(khap__time_parse(khap__buf_str(&b), unit, &got), VALUE_OK);
        assert_int_equal(got, n);
        khap__buf_clear(&b);
        khap__size_print(&b, n);
        assert_int_equal(khap__size_parse(khap__buf_str(&b), &got), VALUE_OK);
        assert_int_equal(got, n);
    }
    khap__buf_free(&b);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max;
        enum value_error error;
        int64_t value;
    } rows[] = {
        {"0", 0, 10, VALUE_OK, 0},
        {"10", 0, 10, VALUE_OK, 10},
        {"11", 0, 10, VALUE_RANGE, 0},
        {"-1", 0, 10, VALUE_RANGE, 0},
        {"-1", -1, 10, VALUE_OK, -1},
        {"-2", -1, 10, VALUE_RANGE, 0},
        {"1", 1, 65535, VALUE_OK, 1},
        {"0", 1, 65535, VALUE_RANGE, 0},
        {"65535", 1, 65535, VALUE_OK, 65535},
        {"65536", 1, 65535, VALUE_RANGE, 0},
        {"-1", 1, 65535, VALUE_RANGE, 0},
        {"1e3", 1, 65535, VALUE_SYNTAX, 0},
        {"1.0", 1, 65535, VALUE_SYNTAX, 0},
        {"080", 1, 65535, VALUE_SYNTAX, 0},
        {"00", 0, 65535, VALUE_SYNTAX, 0},
        {"-0", -5, 5, VALUE_SYNTAX, 0},
        {"-01", -5, 5, VALUE_SYNTAX, 0},
        {"--1", -5, 5, VALUE_SYNTAX, 0},
        {"+1", 0, 5, VALUE_SYNTAX, 0},
        {" 1", 0, 5, VALUE_SYNTAX, 0},
        {"1 ", 0, 5, VALUE_SYNTAX, 0},
        {"1_0", 0, 50, VALUE_SYNTAX, 0},
        {"0x1", 0, 50, VALUE_SYNTAX, 0},
        {"", 0, 50, VALUE_SYNTAX, 0},
        {"-", 0, 50, VALUE_SYNTAX, 0},
        {"9223372036854775807", 0, INT64_MAX, VALUE_OK, INT64_MAX},
        {"-9223372036854775807", INT64_MIN, 0, VALUE_OK, -INT64_MAX},
        {"9223372036854775808", 0, INT64_MAX, VALUE_RANGE, 0},
        {"99999999999999999999", INT64_MIN, INT64_MAX, VALUE_RANGE, 0},
        {"-99999999999999999999", INT64_MIN, INT64_MAX, VALUE_RANGE, 0},
        {"18446744073709551616", INT64_MIN, INT64_MAX, VALUE_RANGE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t n = 77;
        enum value_error error = khap__int_parse(str(rows[i].text), rows[i].min, rows[i].max, &n);
        if (error != rows[i].error || n != (error == VALUE_OK ? rows[i].value : 77))
            fail_msg("'%s': error %d, %lld", rows[i].text, (int)error, (long long)n);
    }
}

static void test_booleans(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "True", "TRUE"}, *const no[] = {"false", "False", "FALSE"};
    static const char *const neither[] = {"",  "yes", "no", "on",   "off",  "tRUE",  "true ",
                                          "1", "0",   "y",  "null", "truE", "falsey"};
    bool b = false;
    for (size_t i = 0; i < 3; i++) {
        assert_true(khap__bool_parse(str(yes[i]), &b) && b);
        assert_true(khap__bool_parse(str(no[i]), &b) && !b);
    }
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++)
        assert_false(khap__bool_parse(str(neither[i]), &b));
}

/* printf() is the judge; the tests run in the C locale. */
static void prints_like(const char *text, size_t *known)
{
    char wanted[64];
    struct buf b;
    khap__buf_init(&b, NULL);
    snprintf(wanted, sizeof wanted, "%g", strtod(text, NULL));
    if (khap__decimal_print(str(text), &b)) {
        struct khap_str got = khap__buf_str(&b);
        (*known)++;
        if (got.len != strlen(wanted) || memcmp(got.ptr, wanted, got.len) != 0)
            fail_msg("'%s' is %.*s, not %s", text, (int)got.len, got.ptr, wanted);
    }
    khap__buf_free(&b);
}

static void test_decimals(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "0",        "-0",       "0.0",      "1",          "10",          "100000",  "1000000", "999999",
        "999999.6", "0.1",      "0.0001",   "0.00001",    "0.00012345",  "-3.5",    "3.50",    "123456.7",
        "1e5",      "1e6",      "1E-4",     "1e-5",       "12e+2",       "0.001e3", "1e299",   "1e-299",
        "0000.5",   "9.999996", "99999.96", "0.99999951", "123456789012"};
    static const char *const none[] = {"",       "-",     ".",    "e5",        "1e",       "1e400",
                                       "1e-400", "1.2.3", "0x10", "0.1234565", "1.000005", "nan"};
    size_t known = 0, n = 0;
    for (; n < sizeof plain / sizeof *plain; n++)
        prints_like(plain[n], &known);
    assert_int_equal(known, n);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct buf b;
        khap__buf_init(&b, NULL);
        assert_false(khap__decimal_print(str(none[i]), &b));
        assert_int_equal(khap__buf_str(&b).len, 0);
        khap__buf_free(&b);
    }
    uint64_t seed = 1;
    for (n = known = 0; n < 20000; n++) {
        char text[64];
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int digits = (int)(seed >> 33) % 12, exponent = (int)(seed >> 40 & 63) - 32;
        snprintf(text, sizeof text, "%s%d.%0*de%d", (seed >> 50 & 1) != 0 ? "-" : "", (int)(seed >> 55),
                 digits, (int)(seed >> 20 & 0xffffff), exponent);
        prints_like(text, &known);
    }
    assert_true(known > n * 99 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),   cmocka_unit_test(test_print_and_parse),
        cmocka_unit_test(test_integers), cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
