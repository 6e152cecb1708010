/* schema/types.c - whether a word is what the argument grammar says, for each type that is one word. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/types.h"

/* A name that something else has; a log format in its place is none. */
static enum schema_problem reference(const struct type_check *c)
{
    for (size_t i = 0; i + 1 < c->text.len; i++) {
        if (c->text.ptr[i] == '%' && c->text.ptr[i + 1] == '[')
            return SCHEMA_BAD;
    }
    return c->text.len > 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem any(const struct type_check *c)
{
    (void)c;
    return SCHEMA_GOOD;
}

static enum schema_problem not_empty(const struct type_check *c)
{
    return c->text.len > 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

/* The words of the parameter are those that it must not be. */
static enum schema_problem header(const struct type_check *c)
{
    for (struct khap_str rest = c->parameter; rest.len > 0;) {
        size_t blank = khap__str_find(rest, ' ');
        if (khap__str_eq_nocase(khap__str_sub(rest, 0, blank), c->text))
            return SCHEMA_BAD;
        rest = khap__str_sub(rest, blank + 1, rest.len);
    }
    return not_empty(c);
}

static enum schema_problem integer(const struct type_check *c)
{
    int64_t n;
    if (has_word(c, S("digits")) && khap__str_starts(c->text, S("+")))
        return SCHEMA_BAD;
    return from_value(khap__int_parse(without_zeros(c->text), c->min, c->max, &n));
}

/* read_int64(): a sign alone is 0. */
static enum schema_problem signed_integer(const struct type_check *c)
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

static enum schema_problem string(const struct type_check *c)
{
    bool good =
        (c->min <= 0 || c->text.len >= (uint64_t)c->min) && (c->max < 0 || c->text.len <= (uint64_t)c->max);
    return good ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem base64(const struct type_check *c)
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

static enum schema_problem caseless(const struct type_check *c)
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
static enum schema_problem in_range(const struct type_check *c, int64_t value)
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

static enum schema_problem atoi_integer(const struct type_check *c)
{
    size_t end;
    if (c->text.len == 0)
        return SCHEMA_BAD;
    return in_range(c, khap__schema_number(c->text, false, &end));
}

static enum schema_problem strtol_integer(const struct type_check *c)
{
    size_t end;
    int64_t value = khap__schema_number(c->text, false, &end);
    return end == 0 || end < c->text.len ? SCHEMA_BAD : in_range(c, value);
}

static enum schema_problem c_integer(const struct type_check *c)
{
    size_t end;
    int64_t value = khap__schema_number(c->text, true, &end);
    if (end == 0 || end < c->text.len)
        return SCHEMA_BAD;
    return value < c->min || value > c->max ? SCHEMA_RANGE : SCHEMA_GOOD;
}

static enum schema_problem odd(const struct type_check *c)
{
    bool signs = has_word(c, S("signs"));
    for (size_t i = 0; i < c->text.len && signs; i++) {
        if (c->text.ptr[i] != '+' && c->text.ptr[i] != '-' && c->text.ptr[i] != '!')
            return SCHEMA_BAD;
    }
    return signs && c->text.len == 0 ? SCHEMA_BAD : SCHEMA_ODD;
}

static enum schema_problem label(const struct type_check *c)
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

static enum schema_problem empty(const struct type_check *c)
{
    return c->text.len == 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

/* `3`, `1-3`: the numbers are what atoi() makes of them, unless it is `strict`. */
static enum schema_problem span(const struct type_check *c)
{
    bool strict = has_word(c, S("strict"));
    size_t dash = 1;
    while (dash < c->text.len && c->text.ptr[dash] != '-')
        dash++;
    bool two = dash < c->text.len && c->text.ptr[0] != '-';
    struct type_check one = *c;
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
static enum schema_problem decimal(const struct type_check *c)
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

static enum schema_problem time(const struct type_check *c)
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

static enum schema_problem size(const struct type_check *c)
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

/* A backslash stands before a digit, `x` and two hexadecimal digits, or any other byte. */
static enum schema_problem replacement(const struct type_check *c)
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

bool khap__schema_name_byte(unsigned char byte)
{
    return khap__is_alnum(byte) || byte == '.' || byte == '_' || byte == '-' || byte == ':';
}

static enum schema_problem name(const struct type_check *c)
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

static enum schema_problem definition(const struct type_check *c)
{
    return has_word(c, S("server")) || has_word(c, S("group")) ? name(c) : not_empty(c);
}

/* As strtol() reads it. */
static enum schema_problem octal(const struct type_check *c)
{
    bool sign = c->text.len > 0 && (c->text.ptr[0] == '-' || c->text.ptr[0] == '+');
    for (size_t i = sign; i < c->text.len; i++) {
        if (c->text.ptr[i] < '0' || c->text.ptr[i] > '7')
            return SCHEMA_BAD;
    }
    return c->text.len > sign ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem hex(const struct type_check *c)
{
    for (size_t i = 0; i < c->text.len; i++) {
        if (khap__hex((unsigned char)c->text.ptr[i]) < 0)
            return SCHEMA_BAD;
    }
    return c->text.len > 0 && c->text.len % 2 == 0 ? SCHEMA_GOOD : SCHEMA_BAD;
}

static enum schema_problem path(const struct type_check *c)
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

static enum schema_problem ports(const struct type_check *c)
{
    int64_t low, high;
    return from_value(
        number_range(c->text, c->min > 0 ? c->min : 0, c->max < 65535 ? c->max : 65535, &low, &high));
}

static enum schema_problem regex(const struct type_check *c)
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

static enum schema_problem variable(const struct type_check *c)
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
static enum schema_problem number_set(const struct type_check *c)
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
static enum schema_problem cpus(const struct type_check *c)
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
static enum schema_problem codes(const struct type_check *c)
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
static enum schema_problem sample_ranges(const struct type_check *c)
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

static enum schema_problem node_name(const struct type_check *c)
{
    return khap__str_find(c->text, ':') < c->text.len ? SCHEMA_BAD : name(c);
}

static enum schema_problem hex_byte(const struct type_check *c)
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

static enum schema_problem protocol(const struct type_check *c)
{
    return c->text.len <= 255 ? SCHEMA_GOOD : SCHEMA_BAD;
}

/* A value of the kinds that khap/value.h reads from one word. */
static enum schema_problem value(const struct type_check *c, uint32_t kind)
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

static enum schema_problem sample(const struct type_check *c)
{
    return value(c, KHAP_VALUE_SAMPLE);
}

static enum schema_problem chain(const struct type_check *c)
{
    return value(c, KHAP_VALUE_CONVERTERS);
}

static enum schema_problem format(const struct type_check *c)
{
    if (c->text.len == 0)
        return SCHEMA_BAD;
    return value(c, KHAP_VALUE_FORMAT);
}

/* Types that are not here take any word. */
/* clang-format off: one a line, so that two people may add one */
static enum schema_problem (*const checks[TYPE_COUNT])(const struct type_check *) = {
    [TYPE_ADDR] = khap__schema_address,
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
    [TYPE_HOST] = khap__schema_host,
    [TYPE_IGNORED] = any,
    [TYPE_INT] = integer,
    [TYPE_INTERVAL] = khap__schema_interval,
    [TYPE_IP] = khap__schema_ip,
    [TYPE_LABEL] = label,
    [TYPE_ODD] = odd,
    [TYPE_LATE] = reference,
    [TYPE_LOGFORMAT] = format,
    [TYPE_MASK] = khap__schema_mask,
    [TYPE_METHOD] = not_empty,
    [TYPE_MODE] = octal,
    [TYPE_NAME] = name,
    [TYPE_NETWORK] = khap__schema_network,
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
    struct type_check c = {arena, parameter, min, max, release, text, offset, len, status};
    return checks[type] == NULL ? SCHEMA_GOOD : checks[type](&c);
}
