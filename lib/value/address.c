/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/address.h"
#include "value/host.h"

#include <khap/cfg.h>

enum { SOCKET_PATH_MAX = 107, ABNS_MAX = 107, ANY_FAMILY = 255 };

/* What a prefix says. `family`: ANY_FAMILY takes any IP address or name, ADDRESS_V4 and V6 those of the
 * family. */
struct prefix {
    char text[12];
    uint8_t id, family;
    bool datagram;
    uint16_t since;
};

static const struct prefix prefixes[] = {
    {"ipv4@", PREFIX_IPV4, ADDRESS_V4, false, 105},
    {"ipv6@", PREFIX_IPV6, ADDRESS_V6, false, 105},
    {"unix@", PREFIX_UNIX, ADDRESS_UNIX, false, 105},
    {"abns@", PREFIX_ABNS, ADDRESS_ABNS, false, 105},
    {"fd@", PREFIX_FD, ADDRESS_FD, false, 105},
    {"sockpair@", PREFIX_SOCKPAIR, ADDRESS_SOCKPAIR, false, 109},
    {"ip@", PREFIX_IP, ANY_FAMILY, false, 203},
    {"tcp@", PREFIX_TCP, ANY_FAMILY, false, 203},
    {"tcp4@", PREFIX_TCP4, ADDRESS_V4, false, 203},
    {"tcp6@", PREFIX_TCP6, ADDRESS_V6, false, 203},
    {"udp@", PREFIX_UDP, ANY_FAMILY, true, 203},
    {"udp4@", PREFIX_UDP4, ADDRESS_V4, true, 203},
    {"udp6@", PREFIX_UDP6, ADDRESS_V6, true, 203},
    {"uxst@", PREFIX_UXST, ADDRESS_UNIX, false, 203},
    {"uxdg@", PREFIX_UXDG, ADDRESS_UNIX, true, 203},
    {"quic4@", PREFIX_QUIC4, ADDRESS_V4, true, 206},
    {"quic6@", PREFIX_QUIC6, ADDRESS_V6, true, 206},
    {"rhttp@", PREFIX_RHTTP, ADDRESS_RHTTP, false, 209},
    {"abnsz@", PREFIX_ABNSZ, ADDRESS_ABNS, false, 301},
    {"mptcp@", PREFIX_MPTCP, ANY_FAMILY, false, 301},
    {"mptcp4@", PREFIX_MPTCP4, ADDRESS_V4, false, 301},
    {"mptcp6@", PREFIX_MPTCP6, ADDRESS_V6, false, 301},
};
enum { PREFIXES = sizeof prefixes / sizeof *prefixes };

static const struct prefix *prefix_by_id(uint8_t id)
{
    for (size_t i = 0; i < PREFIXES && id != PREFIX_NONE; i++)
        if (prefixes[i].id == id)
            return &prefixes[i];
    return NULL;
}

static const struct prefix *prefix_of_text(struct khap_str s)
{
    size_t at = khap__str_find(s, '@');
    if (at == s.len || at + 1 >= sizeof prefixes->text)
        return NULL;
    for (size_t i = 0; i < PREFIXES; i++)
        if (prefixes[i].text[at + 1] == '\0' && memcmp(prefixes[i].text, s.ptr, at + 1) == 0)
            return &prefixes[i];
    return NULL;
}

static struct khap_str skip(struct khap_str s, size_t n)
{
    return khap__str_sub(s, n, s.len - n);
}

/* "80": all digits. */
static enum value_error parse_port(struct khap_str s, uint16_t *port)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!khap__is_digit((unsigned char)s.ptr[i]))
            return VALUE_SYNTAX;
        if (n <= 65535)
            n = n * 10 + (unsigned)(s.ptr[i] - '0');
    }
    if (s.len == 0)
        return VALUE_SYNTAX;
    if (n > 65535)
        return VALUE_RANGE;
    *port = (uint16_t)n;
    return VALUE_OK;
}

/* What stands behind the last colon: nothing, 80, 80-90, +80, -80. */
static enum value_error parse_ports(struct khap_str s, struct address *out)
{
    if (s.len == 0)
        return VALUE_OK;
    out->has_port = true;
    if (s.ptr[0] == '+' || s.ptr[0] == '-') {
        out->relative_port = true;
        out->negative_port = s.ptr[0] == '-';
        enum value_error error = parse_port(skip(s, 1), &out->port);
        out->port_last = out->port;
        return error;
    }
    size_t dash = khap__str_find(s, '-');
    enum value_error first = parse_port(khap__str_sub(s, 0, dash), &out->port);
    out->port_last = out->port;
    if (dash == s.len || first == VALUE_SYNTAX)
        return first;
    enum value_error last = parse_port(skip(s, dash + 1), &out->port_last);
    if (last != VALUE_OK || first != VALUE_OK)
        return last != VALUE_OK ? last : first;
    return out->port > out->port_last ? VALUE_RANGE : VALUE_OK;
}

/* An IP address or a name without a port; `family` as in struct prefix. */
static enum value_error parse_ip_or_name(struct khap_str s, uint8_t family, struct address *out)
{
    out->host = s;
    if (s.len == 0 || khap__str_eq(s, S("*"))) {
        out->family = family == ANY_FAMILY ? ADDRESS_ANY : family;
        return VALUE_OK;
    }
    struct khap_str inner = s;
    if (s.ptr[0] == '[') {
        if (s.len < 4 || s.ptr[s.len - 1] != ']')
            return VALUE_SYNTAX;
        out->host = inner = khap__str_sub(s, 1, s.len - 2);
    }
    if (khap__ipv4_parse(inner, out->ip))
        out->family = ADDRESS_V4;
    else if (khap__ipv6_parse(inner, out->ip))
        out->family = ADDRESS_V6;
    else {
        out->family = ADDRESS_NAME;
        return inner.len != s.len ? VALUE_SYNTAX : khap__hostname_check(s);
    }
    return family == ANY_FAMILY || family == out->family ? VALUE_OK : VALUE_SYNTAX;
}

static enum value_error parse_ip(struct khap_str s, uint8_t family, struct address *out)
{
    size_t at = s.len;
    while (at > 0 && s.ptr[at - 1] != ':' && s.ptr[at - 1] != ']')
        at--;
    struct khap_str host = s;
    if (at > 0 && s.ptr[at - 1] == ':') {
        host = khap__str_sub(s, 0, at - 1);
        enum value_error error = parse_ports(skip(s, at), out);
        if (error == VALUE_RANGE) { /* what is no address at all is told first */
            struct address unused = *out;
            return parse_ip_or_name(host, family, &unused) == VALUE_SYNTAX ? VALUE_SYNTAX : VALUE_RANGE;
        }
        if (error != VALUE_OK)
            return error;
    }
    return parse_ip_or_name(host, family, out);
}

static enum value_error parse_number(struct khap_str s)
{
    int64_t n;
    return khap__int_parse(s, 0, INT32_MAX, &n);
}

const uint8_t *khap__address_v4(const struct address *a)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (a->family == ADDRESS_V4)
        return a->ip;
    return a->family == ADDRESS_V6 && memcmp(a->ip, mapped, sizeof mapped) == 0 ? a->ip + 12 : NULL;
}

/* 10.0.0.1:80, the form that most have; false when it is another one. */
static bool parse_plain(struct khap_str s, struct address *out)
{
    size_t colon = s.len;
    while (colon > 0 && khap__is_digit((unsigned char)s.ptr[colon - 1]))
        colon--;
    if (colon == 0 || s.len - colon > 5 || s.len == colon || s.ptr[colon - 1] != ':')
        return false;
    struct address a = {.family = ADDRESS_V4, .prefix = PREFIX_NONE, .has_port = true};
    a.host = khap__str_sub(s, 0, colon - 1);
    a.prefix_text = khap__str_sub(s, 0, 0);
    if (!khap__ipv4_parse(a.host, a.ip) || parse_port(khap__str_sub(s, colon, s.len), &a.port) != VALUE_OK)
        return false;
    a.port_last = a.port;
    *out = a;
    return true;
}

enum value_error khap__address_parse(struct khap_str s, struct address *out)
{
    struct address a = {0};
    if (parse_plain(s, out))
        return VALUE_OK;
    if (s.len == 0)
        return VALUE_SYNTAX;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c == 0x7f || c == ',')
            return VALUE_SYNTAX;
        a.variable |= c == '$';
    }
    struct khap_str rest = s;
    bool typed = khap__str_starts(rest, S("stream+"));
    if (typed)
        rest = skip(rest, 7);
    else if ((typed = khap__str_starts(rest, S("dgram+"))))
        rest = skip(rest, 6);
    const struct prefix *prefix = prefix_of_text(rest);
    uint8_t family = ANY_FAMILY;
    if (prefix != NULL) {
        family = prefix->family;
        rest = skip(rest, strlen(prefix->text));
    } else if (rest.len > 0 && rest.ptr[0] == '/') {
        family = ADDRESS_UNIX;
    }
    a.prefix = typed ? PREFIX_OTHER : prefix != NULL ? prefix->id : PREFIX_NONE;
    a.prefix_text = khap__str_sub(s, 0, s.len - rest.len);
    a.host = rest;
    a.family = family;
    enum value_error error = VALUE_OK;
    if (a.variable) { /* what it will be is not known; the prefix, which HAProxy would look for behind the
                         expansion, is */
        a.family = ADDRESS_NAME;
    } else if (family == ANY_FAMILY || family == ADDRESS_V4 || family == ADDRESS_V6) {
        if (rest.len == 0 && typed && prefix == NULL)
            return VALUE_SYNTAX;
        error = parse_ip(rest, family, &a);
    } else if (family == ADDRESS_FD || family == ADDRESS_SOCKPAIR) {
        error = parse_number(rest);
    } else if (family != ADDRESS_RHTTP) {
        error = rest.len == 0 ? VALUE_SYNTAX : rest.len > SOCKET_PATH_MAX ? VALUE_RANGE : VALUE_OK;
    }
    if (error == VALUE_OK)
        *out = a;
    return error;
}

enum value_error khap__bind_parse(struct khap_str s, struct address *out)
{
    struct address a;
    enum value_error error = khap__address_parse(s, &a);
    if (error != VALUE_OK)
        return error;
    if (!a.variable && a.family <= ADDRESS_NAME) {
        if (!a.has_port || a.relative_port)
            return VALUE_UNIT;
        if (a.port == 0)
            return VALUE_RANGE;
    }
    *out = a;
    return VALUE_OK;
}

enum value_error khap__host_address_parse(struct khap_str s, struct address *out)
{
    struct address a = {0};
    if (s.len == 0 || khap__str_eq(s, S("*")))
        return VALUE_SYNTAX;
    enum value_error error = parse_ip_or_name(s, ANY_FAMILY, &a);
    if (error == VALUE_OK && a.family == ADDRESS_V4 && s.ptr[0] == '[')
        return VALUE_SYNTAX;
    if (error == VALUE_OK)
        *out = a;
    return error;
}

static void print_host(struct buf *out, uint16_t first, const struct address *a)
{
    char text[KHAP__IP_TEXT];
    switch (a->family) {
    case ADDRESS_ANY:
        if (!a->has_port)
            khap__buf_char(out, '*');
        break;
    case ADDRESS_V4:
        khap__buf_add(out, (struct khap_str){text, khap__ipv4_print(text, a->ip)});
        break;
    case ADDRESS_V6: {
        struct khap_str ip = {text, khap__ipv6_print(text, a->ip)};
        bool brackets = first >= KHAP_RELEASE(1, 7);
        if (brackets)
            khap__buf_char(out, '[');
        khap__buf_add(out, ip);
        khap__buf_char(out, brackets ? ']' : ':');
        break;
    }
    default:
        khap__buf_add(out, a->host);
        break;
    }
}

void khap__address_print(struct buf *out, uint16_t first, uint16_t last, const struct address *a)
{
    (void)last; /* no form is taken by old releases only */
    const struct prefix *prefix = prefix_by_id(a->prefix);
    if (prefix != NULL)
        khap__buf_add(out, khap__str(prefix->text));
    else if (a->prefix == PREFIX_OTHER)
        khap__buf_add(out, a->prefix_text);
    print_host(out, first, a);
    if (!a->has_port)
        return;
    if (a->family != ADDRESS_V6 ||
        first >= KHAP_RELEASE(1, 7)) /* before, the address ends in that colon already */
        khap__buf_char(out, ':');
    if (a->relative_port)
        khap__buf_char(out, a->negative_port ? '-' : '+');
    khap__buf_uint(out, a->port);
    if (a->port_last != a->port && !a->relative_port) {
        khap__buf_char(out, '-');
        khap__buf_uint(out, a->port_last);
    }
}

static bool is_datagram(const struct address *a)
{
    const struct prefix *prefix = prefix_by_id(a->prefix);
    if (a->prefix != PREFIX_OTHER)
        return prefix != NULL && prefix->datagram;
    if (khap__str_starts(a->prefix_text, S("dgram+")))
        return true;
    prefix = prefix_of_text(skip(a->prefix_text, khap__str_starts(a->prefix_text, S("stream+")) ? 7 : 0));
    return prefix != NULL && prefix->datagram;
}

/* One name for one meaning: * is 0.0.0.0, an IPv4 address in IPv6 clothes is IPv4. */
static struct address plain(const struct address *a)
{
    struct address p = *a;
    if (p.family == ADDRESS_ANY) {
        p.family = ADDRESS_V4;
        memset(p.ip, 0, sizeof p.ip);
    } else if (p.family == ADDRESS_V6) {
        char text[KHAP__IP_TEXT];
        struct khap_str printed = {text, khap__ipv6_print(text, p.ip)};
        uint8_t v4[16];
        if (khap__str_starts(printed, S("::ffff:")) && khap__ipv4_parse(skip(printed, 7), v4)) {
            p.family = ADDRESS_V4;
            memcpy(p.ip, v4, sizeof v4);
        }
    }
    return p;
}

static bool same_host(const struct address *a, const struct address *b)
{
    if (a->family != b->family || a->variable != b->variable)
        return false;
    if (a->family == ADDRESS_V4 || a->family == ADDRESS_V6)
        return memcmp(a->ip, b->ip, a->family == ADDRESS_V4 ? 4 : 16) == 0;
    if (a->family == ADDRESS_NAME && !a->variable)
        return khap__str_eq_nocase(a->host, b->host);
    return khap__str_eq(a->host, b->host);
}

bool khap__address_same(const struct address *a, const struct address *b)
{
    struct address x = plain(a), y = plain(b);
    return same_host(&x, &y) && is_datagram(a) == is_datagram(b) && a->has_port == b->has_port &&
           a->relative_port == b->relative_port && a->negative_port == b->negative_port &&
           a->port == b->port && a->port_last == b->port_last;
}

static bool is_zero(const uint8_t *ip, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ip[i] != 0)
            return false;
    return true;
}

/* Whether a is the wildcard of b's family. */
static bool covers(const struct address *a, const struct address *b)
{
    if (a->family == ADDRESS_V4)
        return is_zero(a->ip, 4) && (b->family == ADDRESS_V4 || b->family == ADDRESS_NAME);
    return a->family == ADDRESS_V6 && is_zero(a->ip, 16) && b->family == ADDRESS_V6;
}

bool khap__address_overlap(const struct address *a, const struct address *b)
{
    struct address x = plain(a), y = plain(b);
    if (a->variable || b->variable || is_datagram(a) != is_datagram(b) || x.family == ADDRESS_RHTTP)
        return false;
    if (x.family > ADDRESS_NAME || y.family > ADDRESS_NAME)
        return same_host(&x, &y);
    if (x.has_port != y.has_port || x.relative_port != y.relative_port || x.port > y.port_last ||
        y.port > x.port_last)
        return false;
    return same_host(&x, &y) || covers(&x, &y) || covers(&y, &x);
}

void khap__address_key(struct buf *out, const struct address *a, enum address_key which)
{
    struct address x = plain(a);
    char head[2] = {(char)('a' + which), is_datagram(a) ? 'd' : 's'};
    khap__buf_add(out, (struct khap_str){head, sizeof head});
    bool socket = x.family > ADDRESS_NAME;
    if (!socket)
        khap__buf_uint(out, x.port);
    /* a name is of the group of IPv4, whose wildcard covers it */
    uint8_t family = which != ADDRESS_KEY_HOST && x.family == ADDRESS_NAME ? ADDRESS_V4 : x.family;
    khap__buf_char(out, (char)('A' + family));
    if (which != ADDRESS_KEY_HOST && !socket)
        return;
    if (x.family == ADDRESS_V4 || x.family == ADDRESS_V6) {
        khap__buf_add(out, (struct khap_str){(const char *)x.ip, x.family == ADDRESS_V4 ? 4 : 16});
        return;
    }
    for (size_t i = 0; i < x.host.len; i++)
        khap__buf_char(out, x.family == ADDRESS_NAME ? (char)khap__lower((unsigned char)x.host.ptr[i])
                                                     : x.host.ptr[i]);
}

bool khap__address_is_wildcard(const struct address *a)
{
    struct address x = plain(a);
    return (x.family == ADDRESS_V4 && is_zero(x.ip, 4)) || (x.family == ADDRESS_V6 && is_zero(x.ip, 16));
}

uint16_t khap__address_since(const struct address *a)
{
    const struct prefix *prefix = prefix_by_id(a->prefix);
    if (a->prefix != PREFIX_OTHER)
        return prefix != NULL ? prefix->since : KHAP_OLDEST;
    prefix = prefix_of_text(skip(a->prefix_text, khap__str_find(a->prefix_text, '+') + 1));
    return prefix != NULL && prefix->since > KHAP_RELEASE(2, 3) ? prefix->since : KHAP_RELEASE(2, 3);
}
