/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/number.h"

struct unit {
    char name[4];
    uint64_t scale;
};

/* Smallest first; printing goes through them from the end. */
static const struct unit time_units[] = {
    {"us", 1},
    {"ms", 1000},
    {"s", UINT64_C(1000000)},
    {"m", UINT64_C(60000000)},
    {"h", UINT64_C(3600000000)},
    {"d", UINT64_C(86400000000)},
};
static const struct unit size_units[] = {
    {"k", UINT64_C(1) << 10},
    {"m", UINT64_C(1) << 20},
    {"g", UINT64_C(1) << 30},
};
enum {
    TIME_UNITS = sizeof time_units / sizeof *time_units,
    SIZE_UNITS = sizeof size_units / sizeof *size_units
};

/* Digits from the beginning of *s, which is moved behind them. */
static enum value_error digits(struct khap_str *s, uint64_t *n)
{
    uint64_t value = 0;
    bool over = false;
    size_t i = 0;
    while (i < s->len && khap__is_digit((unsigned char)s->ptr[i])) {
        unsigned digit = (unsigned)(s->ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            over = true;
        else
            value = value * 10 + digit;
        i++;
    }
    if (i == 0)
        return VALUE_SYNTAX;
    *s = khap__str_sub(*s, i, s->len - i);
    *n = value;
    return over ? VALUE_RANGE : VALUE_OK;
}

static enum value_error with_unit(struct khap_str s, const struct unit *units, size_t n_units, bool any_case,
                                  uint64_t scale, uint64_t *out)
{
    uint64_t n = 0;
    enum value_error error = digits(&s, &n);
    if (error == VALUE_SYNTAX)
        return error;
    if (s.len > 0) {
        size_t i = 0;
        while (i < n_units && !(any_case ? khap__str_eq_nocase(s, khap__str(units[i].name))
                                         : khap__str_eq(s, khap__str(units[i].name))))
            i++;
        if (i == n_units)
            return VALUE_UNIT;
        scale = units[i].scale;
    }
    if (error != VALUE_OK || (scale != 0 && n > UINT64_MAX / scale))
        return VALUE_RANGE;
    *out = n * scale;
    return VALUE_OK;
}

static void print_unit(struct buf *out, uint64_t n, const struct unit *units, size_t n_units)
{
    size_t i = n_units;
    while (i > 0 && (n == 0 || n % units[i - 1].scale != 0))
        i--;
    khap__buf_uint(out, i > 0 ? n / units[i - 1].scale : n);
    if (i > 0)
        khap__buf_add(out, khap__str(units[i - 1].name));
}

enum value_error khap__time_parse(struct khap_str s, uint64_t default_unit_us, uint64_t *us)
{
    return with_unit(s, time_units, TIME_UNITS, false, default_unit_us, us);
}

void khap__time_print(struct buf *out, uint64_t us)
{
    print_unit(out, us, time_units, TIME_UNITS);
}

enum value_error khap__size_parse(struct khap_str s, uint64_t *bytes)
{
    return with_unit(s, size_units, SIZE_UNITS, true, 1, bytes);
}

void khap__size_print(struct buf *out, uint64_t bytes)
{
    print_unit(out, bytes, size_units, SIZE_UNITS);
}

enum value_error khap__int_parse(struct khap_str s, int64_t min, int64_t max, int64_t *n)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    if (negative)
        s = khap__str_sub(s, 1, s.len - 1);
    if (s.len > 1 && s.ptr[0] == '0')
        return VALUE_SYNTAX;
    uint64_t magnitude = 0;
    enum value_error error = digits(&s, &magnitude);
    if (error == VALUE_SYNTAX || s.len > 0 || (negative && magnitude == 0 && error == VALUE_OK))
        return VALUE_SYNTAX;
    if (error != VALUE_OK || magnitude > (uint64_t)INT64_MAX)
        return VALUE_RANGE;
    int64_t value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (value < min || value > max)
        return VALUE_RANGE;
    *n = value;
    return VALUE_OK;
}

bool khap__bool_parse(struct khap_str s, bool *b)
{
    if (khap__str_eq(s, S("true")) || khap__str_eq(s, S("True")) || khap__str_eq(s, S("TRUE"))) {
        *b = true;
        return true;
    }
    if (khap__str_eq(s, S("false")) || khap__str_eq(s, S("False")) || khap__str_eq(s, S("FALSE"))) {
        *b = false;
        return true;
    }
    return false;
}
