/* route/time.c - converters that write down a time that is a number. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static struct khap_str argument(const struct call *call, uint32_t i)
{
    return i < call->n ? call->arguments[i] : S("");
}

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

struct moment {
    int64_t year;
    unsigned month, day, hour, minute, second, weekday, of_year; /* month, of_year: from 0 */
};

enum { DAY = 86400 };
/* Years of four digits. */
static const int64_t last_second = INT64_C(253402300799);

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Seconds from 1970 on, in UTC. */
static struct moment moment_of(int64_t seconds)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t left = seconds / DAY;
    unsigned in_day = (unsigned)(seconds % DAY);
    struct moment m = {.year = 1970,
                       .hour = in_day / 3600,
                       .minute = in_day / 60 % 60,
                       .second = in_day % 60,
                       .weekday = (unsigned)((left + 4) % 7)};
    for (; left >= (is_leap(m.year) ? 366 : 365); m.year++)
        left -= is_leap(m.year) ? 366 : 365;
    m.of_year = (unsigned)left;
    for (unsigned length; left >= (length = lengths[m.month] + (m.month == 1 && is_leap(m.year))); m.month++)
        left -= length;
    m.day = (unsigned)left + 1;
    return m;
}

static void add_number(struct buf *b, int64_t n, unsigned digits, char pad)
{
    char text[24];
    size_t len = 0;
    do {
        text[sizeof text - ++len] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (len < digits)
        text[sizeof text - ++len] = pad;
    khap__buf_add(b, (struct khap_str){text + sizeof text - len, len});
}

static void add_short(struct buf *b, const char *name)
{
    khap__buf_add(b, (struct khap_str){name, 3});
}

/* What strftime(3) makes of one letter in the C locale. False: not known here. */
static bool add_letter(struct buf *b, char letter, const struct moment *m)
{
    switch (letter) {
    case 'Y':
        add_number(b, m->year, 1, '0');
        break;
    case 'y':
        add_number(b, m->year % 100, 2, '0');
        break;
    case 'm':
        add_number(b, m->month + 1, 2, '0');
        break;
    case 'd':
        add_number(b, m->day, 2, '0');
        break;
    case 'e':
        add_number(b, m->day, 2, ' ');
        break;
    case 'j':
        add_number(b, m->of_year + 1, 3, '0');
        break;
    case 'H':
        add_number(b, m->hour, 2, '0');
        break;
    case 'I':
        add_number(b, (m->hour + 11) % 12 + 1, 2, '0');
        break;
    case 'M':
        add_number(b, m->minute, 2, '0');
        break;
    case 'S':
        add_number(b, m->second, 2, '0');
        break;
    case 'u':
        add_number(b, (m->weekday + 6) % 7 + 1, 1, '0');
        break;
    case 'w':
        add_number(b, m->weekday, 1, '0');
        break;
    case 'a':
        add_short(b, days[m->weekday]);
        break;
    case 'A':
        khap__buf_add(b, khap__str(days[m->weekday]));
        break;
    case 'b':
        add_short(b, months[m->month]);
        break;
    case 'B':
        khap__buf_add(b, khap__str(months[m->month]));
        break;
    case 'p':
        khap__buf_add(b, m->hour < 12 ? S("AM") : S("PM"));
        break;
    case '%':
        khap__buf_char(b, '%');
        break;
    default:
        return false;
    }
    return true;
}

static bool add_format(struct buf *b, struct khap_str format, const struct moment *m)
{
    bool good = true;
    for (size_t i = 0; i < format.len && good; i++) {
        char c = format.ptr[i];
        char next = i + 1 < format.len ? format.ptr[i + 1] : '\0';
        if (c != '%') {
            khap__buf_char(b, c);
            continue;
        }
        i++;
        if (next == 'F')
            good = add_format(b, S("%Y-%m-%d"), m);
        else if (next == 'T')
            good = add_format(b, S("%H:%M:%S"), m);
        else
            good = add_letter(b, next, m);
    }
    return good;
}

/* `offset`: which argument says how many units are added. `per`: units of a second. */
static void write_time(struct asking *a, const struct call *call, struct sample *s, struct khap_str format,
                       uint32_t offset, int64_t per)
{
    struct sample text;
    int64_t more = 0, n = s->number;
    struct buf b;
    khap__sample_text(&text, SAMPLE_STR, argument(call, offset));
    (void)khap__routing_to_number(&text, &more);
    khap__buf_init(&b, &a->route->alloc);
    bool good =
        !__builtin_add_overflow(n, more, &n) && n > 0 && n / per <= last_second; /* of 0 releases differ */
    if (good) {
        struct moment m = moment_of(n / per);
        good = add_format(&b, format, &m);
    }
    a->no_memory = a->no_memory || b.failed;
    if (!good)
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
    else if (b.len == 0)
        s->state = SAMPLE_ABSENT;
    else
        khap__sample_text(s, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
}

CONVERTER(convert_utime)
{
    write_time(a, call, s, argument(call, 0), 1, 1);
}

CONVERTER(convert_http_date)
{
    struct khap_str unit = argument(call, 1);
    write_time(a, call, s, S("%a, %d %b %Y %T GMT"), 0,
               khap__str_eq(unit, S("ms"))   ? 1000
               : khap__str_eq(unit, S("us")) ? 1000000
                                             : 1);
}
