/* schema/addresses.c - addresses, networks and intervals of them, as the argument grammar says them. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/types.h"

/* An address with ports as atoi() reads them: what stands behind their digits is left out. */
static struct khap_str with_loose_ports(const struct type_check *c)
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
static struct khap_str with_plain_address(const struct type_check *c, struct khap_str text)
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
static bool is_range_of_ports(const struct type_check *c)
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
static bool is_backwards(const struct type_check *c)
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

enum schema_problem khap__schema_address(const struct type_check *c)
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

enum schema_problem khap__schema_ip(const struct type_check *c)
{
    uint8_t bytes[16];
    struct khap_str s = c->text;
    if (has_word(c, S("brackets")) && s.len > 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
        s = khap__str_sub(s, 1, s.len - 2);
    bool good = (!has_word(c, S("6")) && khap__ipv4_parse(s, bytes)) ||
                (!has_word(c, S("4")) && khap__ipv6_parse(s, bytes));
    return good ? SCHEMA_GOOD : SCHEMA_BAD;
}

enum schema_problem khap__schema_mask(const struct type_check *c)
{
    int64_t bits;
    bool six = has_word(c, S("6"));
    if (khap__schema_ip(c) == SCHEMA_GOOD)
        return SCHEMA_GOOD;
    return from_value(khap__int_parse(without_zeros(c->text), 0, six ? 128 : 32, &bits));
}

enum schema_problem khap__schema_host(const struct type_check *c)
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
enum schema_problem khap__schema_interval(const struct type_check *c)
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

enum schema_problem khap__schema_network(const struct type_check *c)
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
