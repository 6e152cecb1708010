/* schema/types.c - whether a word is what the argument grammar says, for each type that is one word. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/program.h"
#include "value/value.h"

struct check {
    struct arena *arena;
    struct khap_str parameter;
    int64_t min, max;
    uint16_t release;
    struct khap_str text;
    uint32_t *offset, *len; /* what is wrong: all of the text unless it is said */
    enum khap_status *status;
};

static inline bool has_word(const struct check *c, struct khap_str word)
{
    return khap__schema_has_word(c->parameter, word);
}

static enum schema_problem from_value(enum value_error error)
{
    return error == VALUE_OK ? SCHEMA_GOOD : error == VALUE_RANGE ? SCHEMA_RANGE : SCHEMA_BAD;
}

/* A name that something else has; a log format in its place is none. */
static enum schema_problem reference(const struct check *c)
{
    for (size_t i = 0; i + 1 < c->text.len; i++) {
        if (c->text.ptr[i] == '%' && c->text.ptr[i + 1] == '[')
            return SCHEMA_BAD;
    }
    return c->text.len > 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem any(const struct check *c)
{
    (void)c;
    return SCHEMA_GOOD;
}

static enum schema_problem not_empty(const struct check *c)
{
    return c->text.len > 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

/* The words of the parameter are those that it must not be. */
static enum schema_problem header(const struct check *c)
{
    for (struct khap_str rest = c->parameter; rest.len > 0;) {
        size_t blank = khap__str_find(rest, ' ');
        if (khap__str_eq_nocase(khap__str_sub(rest, 0, blank), c->text))
            return SCHEMA_BAD;
        rest = khap__str_sub(rest, blank + 1, rest.len);
    }
    return not_empty(c);
}

/* strtol() and its like take a plus and zeros before a number. */
static struct khap_str without_zeros(struct khap_str s)
{
    if (s.len > 1 && s.ptr[0] == '+' && khap__is_digit((unsigned char)s.ptr[1]))
        s = khap__str_sub(s, 1, s.len);
    while (s.len > 1 && s.ptr[0] == '0')
        s = khap__str_sub(s, 1, s.len);
    return s;
}

static enum schema_problem integer(const struct check *c)
{
    int64_t n;
    if (has_word(c, S("digits")) && khap__str_starts(c->text, S("+")))
        return SCHEMA_BAD;
    return from_value(khap__int_parse(without_zeros(c->text), c->min, c->max, &n));
}

/* read_int64(): a sign alone is 0. */
static enum schema_problem signed_integer(const struct check *c)
{
    struct khap_str s = c->text;
    bool negative = khap__str_starts(s, S("-"));
    if (negative || khap__str_starts(s, S("+")))
        s = khap__str_sub(s, 1, s.len);
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!khap__is_digit((unsigned char)s.ptr[i]))
            return SCHEMA_BAD;
        int64_t digit = s.ptr[i] - '0';
        n = n > (INT64_MAX - digit) / 10 ? INT64_MAX : n * 10 + digit;
    }
    if (negative)
        n = -n;
    return c->text.len == 0 ? SCHEMA_BAD : n < c->min || n > c->max ? SCHEMA_RANGE : SCHEMA_GOOD;
}

static enum schema_problem string(const struct check *c)
{
    bool good =
        (c->min <= 0 || c->text.len >= (uint64_t)c->min) && (c->max < 0 || c->text.len <= (uint64_t)c->max);
    return good ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem base64(const struct check *c)
{
    size_t len = c->text.len;
    while (len > 0 && c->text.len - len < 2 && c->text.ptr[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        if (!khap__is_alnum((unsigned char)c->text.ptr[i]) && c->text.ptr[i] != '+' && c->text.ptr[i] != '/')
            return SCHEMA_BAD;
    }
    return c->text.len % 4 == 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem caseless(const struct check *c)
{
    struct khap_str rest = c->parameter;
    while (rest.len > 0) {
        size_t blank = khap__str_find(rest, ' ');
        if (khap__str_eq_nocase(khap__str_sub(rest, 0, blank), c->text))
            return SCHEMA_GOOD;
        rest = khap__str_sub(rest, blank + 1, rest.len);
    }
    return SCHEMA_BAD;
}

int64_t khap__schema_number(struct khap_str s, bool any_base, size_t *end)
{
    size_t at = 0;
    while (at < s.len && (s.ptr[at] == ' ' || (s.ptr[at] >= '\t' && s.ptr[at] <= '\r')))
        at++;
    bool negative = at < s.len && s.ptr[at] == '-';
    at += negative || (at < s.len && s.ptr[at] == '+');
    uint64_t base = 10, n = 0;
    if (any_base && at + 1 < s.len && s.ptr[at] == '0') {
        bool hexadecimal = at + 2 < s.len && (s.ptr[at + 1] == 'x' || s.ptr[at + 1] == 'X') &&
                           khap__hex((unsigned char)s.ptr[at + 2]) >= 0;
        base = hexadecimal ? 16 : 8;
        at += hexadecimal ? 2 : 0;
    }
    size_t first = at;
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (; at < s.len; at++) {
        int digit = khap__hex((unsigned char)s.ptr[at]);
        if (digit < 0 || (uint64_t)digit >= base)
            break;
        n = n > (most - (uint64_t)digit) / base ? most : n * base + (uint64_t)digit;
    }
    *end = at > first ? at : 0;
    if (negative)
        return n == 0 ? 0 : -(int64_t)(n - 1) - 1;
    return (int64_t)n;
}

/* A number that HAProxy keeps in an int, unless the range is wider, or it looks before it does. */
static enum schema_problem in_range(const struct check *c, int64_t value)
{
    bool wide = has_word(c, S("wide"));
    if (!wide && (c->max <= INT32_MAX || c->max == INT64_MAX)) {
        int64_t low = value & UINT32_MAX;
        value = low > INT32_MAX ? low - ((int64_t)UINT32_MAX + 1) : low;
    }
    bool listed = c->parameter.len == 0 || wide;
    for (struct khap_str rest = c->parameter; rest.len > 0 && !listed;) {
        size_t blank = khap__str_find(rest, ' ');
        int64_t one = 0;
        listed = khap__int_parse(khap__str_sub(rest, 0, blank), INT64_MIN, INT64_MAX, &one) == VALUE_OK &&
                 one == value;
        rest = khap__str_sub(rest, blank + 1, rest.len);
    }
    if (!listed && has_word(c, S("else")))
        return SCHEMA_ODD;
    return value < c->min || value > c->max || !listed ? SCHEMA_RANGE : SCHEMA_GOOD;
}

static enum schema_problem atoi_integer(const struct check *c)
{
    size_t end;
    if (c->text.len == 0)
        return SCHEMA_BAD;
    return in_range(c, khap__schema_number(c->text, false, &end));
}

static enum schema_problem strtol_integer(const struct check *c)
{
    size_t end;
    int64_t value = khap__schema_number(c->text, false, &end);
    return end == 0 || end < c->text.len ? SCHEMA_BAD : in_range(c, value);
}

static enum schema_problem c_integer(const struct check *c)
{
    size_t end;
    int64_t value = khap__schema_number(c->text, true, &end);
    if (end == 0 || end < c->text.len)
        return SCHEMA_BAD;
    return value < c->min || value > c->max ? SCHEMA_RANGE : SCHEMA_GOOD;
}

static enum schema_problem odd(const struct check *c)
{
    bool signs = has_word(c, S("signs"));
    for (size_t i = 0; i < c->text.len && signs; i++) {
        if (c->text.ptr[i] != '+' && c->text.ptr[i] != '-' && c->text.ptr[i] != '!')
            return SCHEMA_BAD;
    }
    return signs && c->text.len == 0 ? SCHEMA_BAD : SCHEMA_ODD;
}

static enum schema_problem label(const struct check *c)
{
    if (has_word(c, S("relative")) && khap__str_starts(c->text, S("/")))
        return SCHEMA_BAD;
    bool line = has_word(c, S("line")), attribute = has_word(c, S("attribute"));
    for (size_t i = 0; i < c->text.len; i++) {
        unsigned char byte = (unsigned char)c->text.ptr[i];
        if (has_word(c, S("break")) && (byte == '\r' || byte == '\n'))
            return SCHEMA_ODD;
        if ((line && (byte == '\r' || byte == '\n')) ||
            (attribute && (byte == ';' || byte < ' ' || byte == 127))) {
            *c->offset = (uint32_t)i;
            *c->len = 1;
            return SCHEMA_BAD;
        }
    }
    return not_empty(c);
}

static enum schema_problem empty(const struct check *c)
{
    return c->text.len == 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

/* `3`, `1-3`: the numbers are what atoi() makes of them, unless it is `strict`. */
static enum schema_problem span(const struct check *c)
{
    bool strict = has_word(c, S("strict"));
    size_t dash = 1;
    while (dash < c->text.len && c->text.ptr[dash] != '-')
        dash++;
    bool two = dash < c->text.len && c->text.ptr[0] != '-';
    struct check one = *c;
    one.parameter = S("");
    one.min = strict ? INT64_MIN : two ? 0 : 1;
    one.max = strict ? INT64_MAX : INT32_MAX;
    one.text = khap__str_sub(c->text, 0, two ? dash : c->text.len);
    if (strict && khap__str_eq(c->text, S("-")))
        return SCHEMA_GOOD; /* a range from 0 to 0 */
    enum schema_problem problem = strict ? integer(&one) : atoi_integer(&one);
    if (problem != SCHEMA_GOOD || !two)
        return problem;
    int64_t low = 0;
    for (size_t i = 0; i < one.text.len && khap__is_digit((unsigned char)one.text.ptr[i]) && low <= INT32_MAX;
         i++)
        low = low * 10 + (one.text.ptr[i] - '0');
    one.min = strict ? low : low > 1 ? low : 1;
    one.text = khap__str_sub(c->text, dash + 1, c->text.len);
    if (!strict && one.text.len == 0)
        return SCHEMA_RANGE; /* atoi() makes 0 of it */
    return strict ? integer(&one) : atoi_integer(&one);
}

/* Digits, and digits behind a point. */
static enum schema_problem decimal(const struct check *c)
{
    size_t point = khap__str_find(c->text, '.');
    int64_t whole = 0;
    for (size_t i = 0; i < c->text.len; i++) {
        if (i != point && !khap__is_digit((unsigned char)c->text.ptr[i]))
            return SCHEMA_BAD;
    }
    if (khap__int_parse(khap__str_sub(c->text, 0, point), INT64_MIN, INT64_MAX, &whole) != VALUE_OK)
        return SCHEMA_BAD;
    return whole < c->min || whole > c->max ? SCHEMA_RANGE : SCHEMA_GOOD;
}

/* What stands behind the unit is not looked at: `1h30m` is an hour. */
static struct khap_str without_rest(struct khap_str s)
{
    size_t at = 0;
    while (at < s.len && khap__is_digit((unsigned char)s.ptr[at]))
        at++;
    if (at == 0 || at == s.len)
        return s;
    bool two = at + 1 < s.len && s.ptr[at + 1] == 's' && (s.ptr[at] == 'u' || s.ptr[at] == 'm');
    return khap__str_sub(s, 0, at + (two ? 2 : 1));
}

static enum schema_problem time(const struct check *c)
{
    uint64_t us = 0;
    uint64_t scale = has_word(c, S("us")) ? 1 : has_word(c, S("s")) ? 1000000 : 1000;
    enum value_error error = khap__time_parse(without_rest(c->text), scale, &us);
    /* parts of a millisecond count as a whole one */
    uint64_t least = c->min > 0 ? (uint64_t)(c->min - 1) * 1000 + 1 : 0;
    uint64_t most = c->max <= INT32_MAX ? (uint64_t)c->max * 1000 : scale * INT32_MAX;
    bool small = has_word(c, S("unit")) && us > 0 && us < 100000 &&
                 khap__is_digit((unsigned char)c->text.ptr[c->text.len - 1]);
    if (error == VALUE_OK && (us > most || us < least || small))
        error = VALUE_RANGE;
    if (error == VALUE_OK && has_word(c, S("rest")) && without_rest(c->text).len < c->text.len &&
        c->release >= 202)
        return SCHEMA_ODD;
    /* older ones stop at the s of us */
    if (c->release < 204 && khap__str_ends(without_rest(c->text), S("us")))
        return SCHEMA_BAD;
    return from_value(error);
}

static enum schema_problem size(const struct check *c)
{
    uint64_t bytes;
    enum value_error error = khap__size_parse(c->text, &bytes);
    if (error == VALUE_OK && ((c->min > 0 && bytes < (uint64_t)c->min) || bytes > (uint64_t)c->max))
        error = VALUE_RANGE;
    if (has_word(c, S("lower")) && c->text.len > 0 && c->text.ptr[c->text.len - 1] >= 'A' &&
        c->text.ptr[c->text.len - 1] <= 'Z')
        return SCHEMA_BAD;
    return from_value(error);
}

/* An address with ports as atoi() reads them: what stands behind their digits is left out. */
static struct khap_str with_loose_ports(const struct check *c)
{
    size_t at = c->text.len, n;
    while (at > 0 && c->text.ptr[at - 1] != ':')
        at--;
    char *copy = khap__arena_alloc(c->arena, c->text.len + 1, 1);
    if (copy == NULL)
        *c->status = KHAP_ENOMEM;
    if (copy == NULL || at == 0 || at == c->text.len || !khap__is_digit((unsigned char)c->text.ptr[at]))
        return c->text;
    memcpy(copy, c->text.ptr, at);
    for (n = at; at < c->text.len && khap__is_digit((unsigned char)c->text.ptr[at]); at++)
        copy[n++] = c->text.ptr[at];
    while (at < c->text.len && c->text.ptr[at] != '-')
        at++;
    if (at + 1 < c->text.len && khap__is_digit((unsigned char)c->text.ptr[at + 1])) {
        copy[n++] = '-';
        for (at++; at < c->text.len && khap__is_digit((unsigned char)c->text.ptr[at]); at++)
            copy[n++] = c->text.ptr[at];
    }
    return (struct khap_str){copy, n};
}

/* Whether the resolver takes it for an IPv4 address: one to four numbers, of which the last fills what is left: 10.1, 0x7f.1. */
static bool is_numbers(struct khap_str s)
{
    unsigned n = 0;
    bool last;
    do {
        size_t dot = khap__str_find(s, '.'), end;
        struct khap_str part = khap__str_sub(s, 0, dot);
        last = dot >= s.len;
        int64_t value = khap__schema_number(part, true, &end);
        int64_t most = last ? (INT64_C(1) << (8 * (4 - (n < 4 ? n : 3)))) - 1 : 255;
        if (part.len == 0 || !khap__is_digit((unsigned char)part.ptr[0]) || end < part.len || value > most)
            return false;
        s = khap__str_sub(s, dot + 1, s.len);
        n++;
    } while (!last);
    return n <= 4;
}

/* The same with such an address written as HAProxy prints it; the text itself when there is none in it. */
static struct khap_str with_plain_address(const struct check *c, struct khap_str text)
{
    static const char plain[] = "10.0.0.1";
    size_t from = khap__str_find(text, '@'), to = text.len;
    from = from < text.len ? from + 1 : 0;
    while (to > from && text.ptr[to - 1] != ':' && text.ptr[to - 1] != '/')
        to--;
    to = to > from ? to - 1 : text.len;
    if (!is_numbers(khap__str_sub(text, from, to - from)))
        return text;
    char *copy = khap__arena_alloc(c->arena, text.len + sizeof plain, 1);
    if (copy == NULL) {
        *c->status = KHAP_ENOMEM;
        return text;
    }
    memcpy(copy, text.ptr, from);
    memcpy(copy + from, plain, sizeof plain - 1);
    memcpy(copy + from + sizeof plain - 1, text.ptr + to, text.len - to);
    return (struct khap_str){copy, text.len - (to - from) + sizeof plain - 1};
}

static bool is_datagram(uint8_t prefix)
{
    return prefix == PREFIX_UDP || prefix == PREFIX_UDP4 || prefix == PREFIX_UDP6 || prefix == PREFIX_UXDG;
}

static bool is_stream(uint8_t prefix)
{
    return prefix == PREFIX_TCP || prefix == PREFIX_TCP4 || prefix == PREFIX_TCP6 || prefix == PREFIX_UXST;
}

/* A server has one port. From 2.3 on a dash alone makes a range, before there must be two ports that differ. */
static bool is_range_of_ports(const struct check *c)
{
    size_t colon = c->text.len, end;
    while (colon > 0 && c->text.ptr[colon - 1] != ':')
        colon--;
    struct khap_str ports = khap__str_sub(c->text, colon, c->text.len);
    size_t dash = khap__str_find(ports, '-');
    if (colon == 0 || ports.len == 0 || !khap__is_digit((unsigned char)ports.ptr[0]) || dash >= ports.len)
        return false;
    struct khap_str second = khap__str_sub(ports, dash + 1, ports.len);
    int64_t low = khap__schema_number(ports, false, &end), high = khap__schema_number(second, false, &end);
    return c->release >= 203 || (low != 0 && end > 0 && low != high);
}

/* `80-70`: two ports, of which the second is the lower one. */
static bool is_backwards(const struct check *c)
{
    size_t colon = c->text.len, end, last;
    while (colon > 0 && c->text.ptr[colon - 1] != ':')
        colon--;
    struct khap_str ports = khap__str_sub(c->text, colon, c->text.len);
    size_t dash = khap__str_find(ports, '-');
    struct khap_str second = khap__str_sub(ports, dash + 1, ports.len);
    int64_t low = khap__schema_number(ports, false, &end), high = khap__schema_number(second, false, &last);
    return dash < ports.len && end == dash && last == second.len && high > 0 && high < low && low <= 65535;
}

static enum schema_problem address(const struct check *c)
{
    struct address a;
    bool listen = has_word(c, S("listen"));
    enum value_error error = listen ? khap__bind_parse(c->text, &a) : khap__address_parse(c->text, &a);
    if (error == VALUE_SYNTAX) {
        struct khap_str text = with_plain_address(c, c->release < 300 ? with_loose_ports(c) : c->text);
        error = listen ? khap__bind_parse(text, &a) : khap__address_parse(text, &a);
    }
    /* most are 10.0.0.1:80 */
    if (error == VALUE_OK && a.family == ADDRESS_V4 && a.prefix == PREFIX_NONE && a.has_port && a.port != 0 &&
        !a.relative_port && khap__str_find(c->text, '-') == c->text.len && !has_word(c, S("noport")))
        return SCHEMA_GOOD;
    bool connect = has_word(c, S("connect"));
    if (connect && is_range_of_ports(c))
        return SCHEMA_BAD;
    /* ports are cut to 16 bits up to 2.2 */
    if (error == VALUE_RANGE && c->release < 203 && (connect || has_word(c, S("source"))))
        return SCHEMA_GOOD;
    if (error == VALUE_RANGE && has_word(c, S("backwards")) && is_backwards(c))
        return SCHEMA_GOOD;
    if (error != VALUE_OK)
        return from_value(error);
    if (a.variable)
        return SCHEMA_GOOD;
    /* brackets are read from 1.7 on; the log of a file descriptor has a name from 1.9 on, and is no host before */
    if ((a.family == ADDRESS_V6 && c->release < 107 && khap__str_find(c->text, '[') < c->text.len) ||
        (a.family == ADDRESS_NAME && has_word(c, S("log")) &&
         (khap__str_eq(c->text, S("stdout")) || khap__str_eq(c->text, S("stderr")))))
        return SCHEMA_BAD;
    bool several = a.port != a.port_last;
    if (connect && a.family == ADDRESS_FD)
        return SCHEMA_BAD;
    if (((a.relative_port || several) && (has_word(c, S("fixed")) || has_word(c, S("one")))) ||
        (is_datagram(a.prefix) && (has_word(c, S("fixed")) || has_word(c, S("stream")))) ||
        (is_stream(a.prefix) && has_word(c, S("dgram"))))
        return SCHEMA_BAD;
    bool network = a.family == ADDRESS_ANY || a.family == ADDRESS_V4 || a.family == ADDRESS_V6 ||
                   a.family == ADDRESS_NAME;
    if (!network && has_word(c, S("inet")))
        return SCHEMA_BAD;
    if (network && (((!a.has_port || a.port_last == 0) && has_word(c, S("port"))) ||
                    (a.has_port && has_word(c, S("noport")))))
        return SCHEMA_BAD;
    return khap__address_since(&a) > c->release ? SCHEMA_BAD : SCHEMA_GOOD;
}

/* A backslash stands before a digit, `x` and two hexadecimal digits, or any other byte. */
static enum schema_problem replacement(const struct check *c)
{
    struct khap_str s = c->text;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\\')
            continue;
        bool hexadecimal = ++i < s.len && s.ptr[i] == 'x';
        if (i >= s.len || (hexadecimal && (i + 2 >= s.len || khap__hex((unsigned char)s.ptr[i + 1]) < 0 ||
                                           khap__hex((unsigned char)s.ptr[i + 2]) < 0))) {
            *c->offset = (uint32_t)(i - 1);
            *c->len = 1;
            return SCHEMA_BAD;
        }
    }
    return not_empty(c);
}

static enum schema_problem ip(const struct check *c)
{
    uint8_t bytes[16];
    struct khap_str s = c->text;
    if (has_word(c, S("brackets")) && s.len > 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
        s = khap__str_sub(s, 1, s.len - 2);
    bool good = (!has_word(c, S("6")) && khap__ipv4_parse(s, bytes)) ||
                (!has_word(c, S("4")) && khap__ipv6_parse(s, bytes));
    return good ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem mask(const struct check *c)
{
    int64_t bits;
    bool six = has_word(c, S("6"));
    if (ip(c) == SCHEMA_GOOD)
        return SCHEMA_GOOD;
    return from_value(khap__int_parse(without_zeros(c->text), 0, six ? 128 : 32, &bits));
}

static enum schema_problem host(const struct check *c)
{
    struct address a = {0};
    enum value_error error = khap__host_address_parse(c->text, &a);
    return error == VALUE_OK && a.family == ADDRESS_V6 && has_word(c, S("ipv4")) ? SCHEMA_BAD
                                                                                 : from_value(error);
}

/* Whether a machine may have this name: only it can say whether it has. */
static bool looks_like_host(struct khap_str s)
{
    bool letter = false;
    if (s.len > 0 && s.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        if (!khap__is_alnum(byte) && byte != '.' && byte != '-' && byte != '_')
            return false;
        letter = letter || khap__is_alpha(byte);
    }
    return letter;
}

/* Numbers of a byte with points between: how many, up to four; 0 for something else. */
static unsigned bytes_in(struct khap_str s)
{
    unsigned n = 0;
    do {
        size_t point = khap__str_find(s, '.');
        struct khap_str number = khap__str_sub(s, 0, point);
        int64_t byte;
        while (number.len > 1 && number.ptr[0] == '0')
            number = khap__str_sub(number, 1, number.len);
        if (khap__int_parse(number, 0, 255, &byte) != VALUE_OK || n++ == 4 || point + 1 == s.len)
            return 0;
        s = khap__str_sub(s, point + 1, s.len);
    } while (s.len > 0);
    return n;
}

/* `10/8`, `1.1.1`, and a mask that is written as an address. */
static bool is_short_network(struct khap_str s)
{
    size_t slash = khap__str_find(s, '/');
    struct khap_str mask = khap__str_sub(s, slash + 1, s.len);
    int64_t bits;
    return bytes_in(khap__str_sub(s, 0, slash)) > 0 &&
           (slash >= s.len || khap__int_parse(mask, 0, 32, &bits) == VALUE_OK || bytes_in(mask) == 4);
}

/* strl2llrc(): a minus alone is 0. */
static enum schema_problem end_of_interval(struct khap_str s, int64_t *n)
{
    bool negative = khap__str_starts(s, S("-"));
    if (s.len == 0)
        return SCHEMA_BAD;
    *n = 0;
    for (size_t i = negative; i < s.len; i++) {
        if (!khap__is_digit((unsigned char)s.ptr[i]))
            return SCHEMA_BAD;
        if (*n > INT64_MAX / 10 - 1)
            return SCHEMA_RANGE;
        *n = *n * 10 + (s.ptr[i] - '0');
    }
    *n = negative ? -*n : *n;
    return SCHEMA_GOOD;
}

/* `5`, `1:5`, `5:`, `:5`; a dash does as well. The first of them parts, so that only the second number can be below 0. */
static enum schema_problem interval(const struct check *c)
{
    size_t colon = khap__str_find(c->text, ':'), dash = khap__str_find(c->text, '-');
    size_t at = dash < colon ? dash : colon;
    struct khap_str low = khap__str_sub(c->text, 0, at), high = khap__str_sub(c->text, at + 1, c->text.len);
    int64_t from = INT64_MIN, to = INT64_MAX;
    enum schema_problem problem = SCHEMA_GOOD;
    if (low.len > 0 || high.len == 0)
        problem = end_of_interval(low, &from);
    if (problem == SCHEMA_GOOD && high.len > 0)
        problem = end_of_interval(high, &to);
    return problem == SCHEMA_GOOD && from > to ? SCHEMA_RANGE : problem;
}

static enum schema_problem network(const struct check *c)
{
    struct network n = {0};
    enum value_error error = khap__network_parse(c->text, &n);
    if (error == VALUE_SYNTAX && !has_word(c, S("strict")))
        error = khap__network_parse(with_plain_address(c, c->text), &n);
    if (error != VALUE_SYNTAX && n.family == ADDRESS_V6 && has_word(c, S("ipv4")))
        return SCHEMA_BAD;
    if (error == VALUE_SYNTAX && has_word(c, S("host")) &&
        (looks_like_host(c->text) || is_short_network(c->text)))
        return SCHEMA_GOOD;
    return error == VALUE_RANGE ? SCHEMA_GOOD
                                : from_value(error); /* HAProxy masks what lies beyond the bits */
}

bool khap__schema_name_byte(unsigned char byte)
{
    return khap__is_alnum(byte) || byte == '.' || byte == '_' || byte == '-' || byte == ':';
}

static enum schema_problem name(const struct check *c)
{
    for (size_t i = 0; i < c->text.len; i++) {
        if (!khap__schema_name_byte((unsigned char)c->text.ptr[i])) {
            *c->offset = (uint32_t)i;
            *c->len = 1;
            return SCHEMA_BAD;
        }
    }
    return not_empty(c);
}

static enum schema_problem definition(const struct check *c)
{
    return has_word(c, S("server")) || has_word(c, S("group")) ? name(c) : not_empty(c);
}

/* As strtol() reads it. */
static enum schema_problem octal(const struct check *c)
{
    bool sign = c->text.len > 0 && (c->text.ptr[0] == '-' || c->text.ptr[0] == '+');
    for (size_t i = sign; i < c->text.len; i++) {
        if (c->text.ptr[i] < '0' || c->text.ptr[i] > '7')
            return SCHEMA_BAD;
    }
    return c->text.len > sign ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem hex(const struct check *c)
{
    for (size_t i = 0; i < c->text.len; i++) {
        if (khap__hex((unsigned char)c->text.ptr[i]) < 0)
            return SCHEMA_BAD;
    }
    return c->text.len > 0 && c->text.len % 2 == 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem path(const struct check *c)
{
    return c->text.len > 0 && c->text.ptr[0] == '/' ? SCHEMA_GOOD : SCHEMA_BAD;
}

/* `5`, or `5-7`. */
static enum value_error number_range(struct khap_str s, int64_t min, int64_t max, int64_t *low, int64_t *high)
{
    size_t dash = khap__str_find(s, '-');
    enum value_error error = khap__int_parse(khap__str_sub(s, 0, dash), min, max, low);
    *high = *low;
    if (error == VALUE_OK && dash < s.len)
        error = khap__int_parse(khap__str_sub(s, dash + 1, s.len), *low, max, high);
    return error;
}

static enum schema_problem ports(const struct check *c)
{
    int64_t low, high;
    return from_value(
        number_range(c->text, c->min > 0 ? c->min : 0, c->max < 65535 ? c->max : 65535, &low, &high));
}

static enum schema_problem regex(const struct check *c)
{
    size_t at = 0;
    char space[128];
    struct khap_str why;
    enum value_error error = khap__regex_check(&c->arena->alloc, c->text, &at, &why, space, c->status);
    if (error != VALUE_OK && at < c->text.len) {
        *c->offset = (uint32_t)at;
        *c->len = 1;
    }
    return from_value(error);
}

static enum schema_problem variable(const struct check *c)
{
    size_t dot = khap__str_find(c->text, '.');
    if (dot + 1 >= c->text.len || (has_word(c, S("proc")) && !khap__str_starts(c->text, S("proc."))) ||
        khap__schema_find(TABLE_VAR_SCOPE, khap__str_sub(c->text, 0, dot), c->release, NULL) == NULL)
        return SCHEMA_BAD;
    for (size_t i = dot + 1; i < c->text.len; i++) {
        unsigned char byte = (unsigned char)c->text.ptr[i];
        if (!khap__is_alnum(byte) && byte != '_' && byte != '.') {
            *c->offset = (uint32_t)i;
            *c->len = 1;
            return SCHEMA_BAD;
        }
    }
    return SCHEMA_GOOD;
}

/* `3-` goes up to the largest. */
static enum schema_problem number_set(const struct check *c)
{
    size_t dash = khap__str_find(c->text, '-');
    int64_t n;
    if (khap__str_eq(c->text, S("all")) || khap__str_eq(c->text, S("odd")) ||
        khap__str_eq(c->text, S("even")))
        return SCHEMA_GOOD;
    enum value_error error = khap__int_parse(khap__str_sub(c->text, 0, dash), c->min, c->max, &n);
    if (error == VALUE_OK && dash + 1 < c->text.len)
        error = khap__int_parse(khap__str_sub(c->text, dash + 1, c->text.len), c->min, c->max, &n);
    return from_value(error);
}

/* A list must begin with a digit, but what else stands between numbers is not looked at. */
static enum schema_problem cpus(const struct check *c)
{
    int64_t n = 0;
    if (c->text.len == 0 || !khap__is_digit((unsigned char)c->text.ptr[0]))
        return SCHEMA_BAD;
    for (size_t i = 0; i < c->text.len; i++) {
        bool digit = khap__is_digit((unsigned char)c->text.ptr[i]);
        n = digit ? n * 10 + (c->text.ptr[i] - '0') : 0;
        if (n > c->max || n > INT32_MAX)
            return SCHEMA_RANGE;
    }
    return SCHEMA_GOOD;
}

/* `+400-499,-404`: the sign stands once, before the first. */
static enum schema_problem codes(const struct check *c)
{
    bool sign = c->text.len > 0 && (c->text.ptr[0] == '+' || c->text.ptr[0] == '-');
    struct khap_str rest = khap__str_sub(c->text, sign, c->text.len);
    do {
        size_t comma = khap__str_find(rest, ',');
        struct khap_str part = khap__str_sub(rest, 0, comma);
        while (part.len > 1 && part.ptr[0] == '0')
            part = khap__str_sub(part, 1, part.len);
        int64_t low = 0, high;
        enum value_error error = number_range(part, 100, 599, &low, &high);
        if (error != VALUE_OK || comma + 1 == rest.len)
            return from_value(error == VALUE_OK ? VALUE_SYNTAX : error);
        rest = khap__str_sub(rest, comma + 1, rest.len);
    } while (rest.len > 0);
    return SCHEMA_GOOD;
}

/* `1,3-4:5`: which of five. The ranges do not overlap, and lie within the number behind the colon. */
static enum schema_problem sample_ranges(const struct check *c)
{
    size_t colon = khap__str_find(c->text, ':');
    struct khap_str rest = khap__str_sub(c->text, 0, colon);
    int64_t size;
    enum value_error error =
        khap__int_parse(khap__str_sub(c->text, colon + 1, c->text.len), 1, UINT32_MAX, &size);
    for (bool last = false; !last && error == VALUE_OK;) {
        size_t comma = khap__str_find(rest, ',');
        struct khap_str part = khap__str_sub(rest, 0, comma);
        last = comma >= rest.len;
        rest = khap__str_sub(rest, comma + 1, rest.len);
        int64_t low = 0, high = 0;
        error = number_range(part, 1, size, &low, &high);
        for (struct khap_str other = rest; !last && error == VALUE_OK && other.len > 0;) {
            int64_t from, to;
            comma = khap__str_find(other, ',');
            if (number_range(khap__str_sub(other, 0, comma), 1, size, &from, &to) == VALUE_OK &&
                from <= high && low <= to)
                error = VALUE_RANGE;
            other = khap__str_sub(other, comma + 1, other.len);
        }
    }
    return from_value(error);
}

static enum schema_problem node_name(const struct check *c)
{
    return khap__str_find(c->text, ':') < c->text.len ? SCHEMA_BAD : name(c);
}

static enum schema_problem hex_byte(const struct check *c)
{
    unsigned n = 0;
    bool hexadecimal = khap__str_starts(c->text, S("0x")) || khap__str_starts(c->text, S("0X"));
    unsigned base = hexadecimal ? 16 : 10;
    struct khap_str s = khap__str_sub(c->text, hexadecimal ? 2 : 0, c->text.len);
    if (s.len == 0)
        return SCHEMA_BAD;
    for (size_t i = 0; i < s.len; i++) {
        int digit = khap__hex((unsigned char)s.ptr[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return SCHEMA_BAD;
        n = n * base + (unsigned)digit;
        if (n > 255)
            return SCHEMA_RANGE;
    }
    return SCHEMA_GOOD;
}

static enum schema_problem protocol(const struct check *c)
{
    return c->text.len <= 255 ? SCHEMA_GOOD : SCHEMA_BAD;
}

/* A value of the kinds that khap/value.h reads from one word. */
static enum schema_problem value(const struct check *c, uint32_t kind)
{
    struct khap_value_error error = {.size = sizeof error};
    struct khap_value_word word = {c->text, 0};
    const struct khap_node *root;
    *c->status = khap__value_parse(c->arena, kind, c->release, &word, 1, &root, &error);
    if (*c->status != KHAP_EINPUT)
        return SCHEMA_GOOD;
    *c->status = KHAP_OK;
    *c->offset = error.span.offset;
    *c->len = error.span.end_offset - error.span.offset;
    return SCHEMA_BAD;
}

static enum schema_problem sample(const struct check *c)
{
    return value(c, KHAP_VALUE_SAMPLE);
}

static enum schema_problem chain(const struct check *c)
{
    return value(c, KHAP_VALUE_CONVERTERS);
}

static enum schema_problem format(const struct check *c)
{
    if (c->text.len == 0)
        return SCHEMA_BAD;
    return value(c, KHAP_VALUE_FORMAT);
}

/* Types that are not here take any word. */
/* clang-format off: one a line, so that two people may add one */
static enum schema_problem (*const checks[TYPE_COUNT])(const struct check *) = {
    [TYPE_ADDR] = address,
    [TYPE_ATOI] = atoi_integer,
    [TYPE_BASE64] = base64,
    [TYPE_BYTES] = hex,
    [TYPE_CASELESS] = caseless,
    [TYPE_CINT] = c_integer,
    [TYPE_CODES] = codes,
    [TYPE_CONVERTERS] = chain,
    [TYPE_COOKIENAME] = not_empty,
    [TYPE_CPUS] = cpus,
    [TYPE_DECIMAL] = decimal,
    [TYPE_DEF] = definition,
    [TYPE_DIR] = not_empty,
    [TYPE_DYNAMIC] = format,
    [TYPE_EMPTY] = empty,
    [TYPE_EXPR] = sample,
    [TYPE_FILE] = not_empty,
    [TYPE_FLOATPERCENT] = decimal,
    [TYPE_HEADER] = header,
    [TYPE_HEADERLINE] = not_empty,
    [TYPE_HEXBYTE] = hex_byte,
    [TYPE_HOST] = host,
    [TYPE_IGNORED] = any,
    [TYPE_INT] = integer,
    [TYPE_INTERVAL] = interval,
    [TYPE_IP] = ip,
    [TYPE_LABEL] = label,
    [TYPE_ODD] = odd,
    [TYPE_LATE] = reference,
    [TYPE_LOGFORMAT] = format,
    [TYPE_MASK] = mask,
    [TYPE_METHOD] = not_empty,
    [TYPE_MODE] = octal,
    [TYPE_NAME] = name,
    [TYPE_NETWORK] = network,
    [TYPE_NODE] = node_name,
    [TYPE_NUMBERSET] = number_set,
    [TYPE_OWN] = empty,
    [TYPE_PATH] = path,
    [TYPE_PORTS] = ports,
    [TYPE_PROTOCOL] = protocol,
    [TYPE_RATE] = not_empty,
    [TYPE_REF] = reference,
    [TYPE_REGEX] = regex,
    [TYPE_REPLACEMENT] = replacement,
    [TYPE_SAMPLE] = sample_ranges,
    [TYPE_SECRET] = not_empty,
    [TYPE_SINT] = signed_integer,
    [TYPE_SIZE] = size,
    [TYPE_SPAN] = span,
    [TYPE_STATUS] = integer,
    [TYPE_STRING] = string,
    [TYPE_STRTOL] = strtol_integer,
    [TYPE_TEXT] = not_empty,
    [TYPE_TIME] = time,
    [TYPE_URI] = not_empty,
    [TYPE_VAR] = variable,
};
/* clang-format on */

enum schema_problem khap__schema_type_check(struct arena *arena, enum schema_type type,
                                            struct khap_str parameter, int64_t min, int64_t max,
                                            uint16_t release, struct khap_str text, uint32_t *offset,
                                            uint32_t *len, enum khap_status *status)
{
    struct check c = {arena, parameter, min, max, release, text, offset, len, status};
    return checks[type] == NULL ? SCHEMA_GOOD : checks[type](&c);
}
