/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/str.h"
#include "value/decimal.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN = 6, EXACT = 17, MOST_DIGITS = 64, MOST_POWER = 300 };

/* Its digits from the first that is not 0, and the power of ten of that one. */
struct decimal {
    bool negative;
    char digits[MOST_DIGITS];
    int n, power;
};

static bool take_exponent(struct khap_str text, size_t *at, int *exponent)
{
    bool below = *at < text.len && text.ptr[*at] == '-';
    *at += below || (*at < text.len && text.ptr[*at] == '+');
    size_t from = *at;
    for (; *at < text.len && khap__is_digit((unsigned char)text.ptr[*at]) && *exponent < 10 * MOST_POWER;
         (*at)++)
        *exponent = *exponent * 10 + (text.ptr[*at] - '0');
    *exponent = below ? -*exponent : *exponent;
    return *at > from;
}

static bool read_decimal(struct khap_str text, struct decimal *d)
{
    int exponent = 0;
    bool fraction = false, any = false;
    *d = (struct decimal){.negative = text.len > 0 && text.ptr[0] == '-', .power = -1};
    size_t at = d->negative;
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (!khap__is_digit((unsigned char)c))
            break;
        any = true;
        bool counts = d->n > 0 || c != '0';
        if (counts && d->n == MOST_DIGITS)
            return false;
        if (counts)
            d->digits[d->n++] = c;
        d->power += counts && !fraction ? 1 : !counts && fraction ? -1 : 0;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        if (!take_exponent(text, &at, &exponent))
            return false;
    }
    d->power = d->n > 0 ? d->power + exponent : 0;
    return any && at == text.len && d->power > -MOST_POWER && d->power < MOST_POWER;
}

static bool round_to_shown(struct decimal *d)
{
    static const char half[] = "50000000000", below[] = "49999999999";
    char rest[] = "00000000000";
    int i = SHOWN;
    if (d->n > SHOWN) {
        int known = d->n < EXACT ? d->n - SHOWN : EXACT - SHOWN;
        memcpy(rest, d->digits + SHOWN, (size_t)known);
        if (strcmp(rest, half) == 0 || strcmp(rest, below) == 0)
            return false;
        d->n = SHOWN;
    }
    if (rest[0] >= '5') {
        while (i > 0 && d->digits[i - 1] == '9')
            d->digits[--i] = '0';
        d->digits[i > 0 ? i - 1 : 0] = i > 0 ? (char)(d->digits[i - 1] + 1) : '1';
        d->power += i == 0;
    }
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
    return true;
}

/* The digits with the point behind the first `before` of them, filled up with 0. */
static void print_digits(const struct decimal *d, int before, struct buf *out)
{
    for (int i = before < 1 ? before - 1 : 0; i < d->n || i < before; i++) {
        khap__buf_char(out, i >= 0 && i < d->n ? d->digits[i] : '0');
        if (i == before - 1 && i + 1 < d->n)
            khap__buf_char(out, '.');
    }
}

bool khap__decimal_print(struct khap_str text, struct buf *out)
{
    struct decimal d;
    char power[8];
    if (!read_decimal(text, &d) || !round_to_shown(&d))
        return false;
    bool scientific = d.power < -4 || d.power >= SHOWN;
    if (d.negative)
        khap__buf_char(out, '-');
    if (d.n == 0)
        khap__buf_char(out, '0');
    else
        print_digits(&d, scientific ? 1 : d.power + 1, out);
    if (scientific) {
        int n = snprintf(power, sizeof power, "e%c%02d", d.power < 0 ? '-' : '+',
                         d.power < 0 ? -d.power : d.power);
        khap__buf_add(out, (struct khap_str){power, (size_t)n});
    }
    return true;
}
