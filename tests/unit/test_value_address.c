/* Addresses and networks. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "value_help.h"

#include "value/address.h"

#include <khap/cfg.h>

struct row {
    const char *text;
    int family, prefix;
    const char *host, *ports; /* "", "80", "80-90", "+80" */
    const char *printed;      /* from 1.7; NULL: as written */
    const char *printed_15;   /* NULL: as from 1.7 */
};

static const struct row good[] = {
    {"*:80", ADDRESS_ANY, PREFIX_NONE, "*", "80", ":80", NULL},
    {":80", ADDRESS_ANY, PREFIX_NONE, "", "80", NULL, NULL},
    {"*", ADDRESS_ANY, PREFIX_NONE, "*", "", NULL, NULL},
    {":", ADDRESS_ANY, PREFIX_NONE, "", "", "*", NULL},
    {":0", ADDRESS_ANY, PREFIX_NONE, "", "0", NULL, NULL},
    {":080", ADDRESS_ANY, PREFIX_NONE, "", "80", ":80", NULL},
    {":65535", ADDRESS_ANY, PREFIX_NONE, "", "65535", NULL, NULL},
    {":80-90", ADDRESS_ANY, PREFIX_NONE, "", "80-90", NULL, NULL},
    {":80-80", ADDRESS_ANY, PREFIX_NONE, "", "80", ":80", NULL},
    {"10.0.0.1:80", ADDRESS_V4, PREFIX_NONE, "10.0.0.1", "80", NULL, NULL},
    {"10.0.0.1", ADDRESS_V4, PREFIX_NONE, "10.0.0.1", "", NULL, NULL},
    {"10.0.0.1:", ADDRESS_V4, PREFIX_NONE, "10.0.0.1", "", "10.0.0.1", NULL},
    {"10.0.0.1:+80", ADDRESS_V4, PREFIX_NONE, "10.0.0.1", "+80", NULL, NULL},
    {"10.0.0.1:-80", ADDRESS_V4, PREFIX_NONE, "10.0.0.1", "-80", NULL, NULL},
    {"[10.0.0.1]:80", ADDRESS_V4, PREFIX_NONE, "10.0.0.1", "80", "10.0.0.1:80", NULL},
    {"0.0.0.0:80", ADDRESS_V4, PREFIX_NONE, "0.0.0.0", "80", NULL, NULL},
    {"[::]:443", ADDRESS_V6, PREFIX_NONE, "::", "443", NULL, ":::443"},
    {":::443", ADDRESS_V6, PREFIX_NONE, "::", "443", "[::]:443", ":::443"},
    {"::1:80", ADDRESS_V6, PREFIX_NONE, "::1", "80", "[::1]:80", "::1:80"},
    {"[::1]", ADDRESS_V6, PREFIX_NONE, "::1", "", NULL, "::1:"},
    {"::1:", ADDRESS_V6, PREFIX_NONE, "::1", "", "[::1]", "::1:"},
    {"[2001:DB8:0:0::1]:+1", ADDRESS_V6, PREFIX_NONE, "2001:DB8:0:0::1", "+1", "[2001:db8::1]:+1",
     "2001:db8::1:+1"},
    {"1:2:3:4:5:6:7:8:80", ADDRESS_V6, PREFIX_NONE, "1:2:3:4:5:6:7:8", "80", "[1:2:3:4:5:6:7:8]:80",
     "1:2:3:4:5:6:7:8:80"},
    {"::ffff:10.0.0.1:80", ADDRESS_V6, PREFIX_NONE, "::ffff:10.0.0.1", "80", "[::ffff:10.0.0.1]:80",
     "::ffff:10.0.0.1:80"},
    {"localhost:80", ADDRESS_NAME, PREFIX_NONE, "localhost", "80", NULL, NULL},
    {"a-b_c.Example.com.:80", ADDRESS_NAME, PREFIX_NONE, "a-b_c.Example.com.", "80", NULL, NULL},
    {"x", ADDRESS_NAME, PREFIX_NONE, "x", "", NULL, NULL},
    {"1a:80", ADDRESS_NAME, PREFIX_NONE, "1a", "80", NULL, NULL},
    {"/run/x.sock", ADDRESS_UNIX, PREFIX_NONE, "/run/x.sock", "", NULL, NULL},
    {"/run/x:80", ADDRESS_UNIX, PREFIX_NONE, "/run/x:80", "", NULL, NULL},
    {"unix@/x", ADDRESS_UNIX, PREFIX_UNIX, "/x", "", NULL, NULL},
    {"unix@x", ADDRESS_UNIX, PREFIX_UNIX, "x", "", NULL, NULL},
    {"uxst@/x", ADDRESS_UNIX, PREFIX_UXST, "/x", "", NULL, NULL},
    {"uxdg@/x", ADDRESS_UNIX, PREFIX_UXDG, "/x", "", NULL, NULL},
    {"abns@x:y", ADDRESS_ABNS, PREFIX_ABNS, "x:y", "", NULL, NULL},
    {"abnsz@x", ADDRESS_ABNS, PREFIX_ABNSZ, "x", "", NULL, NULL},
    {"fd@3", ADDRESS_FD, PREFIX_FD, "3", "", NULL, NULL},
    {"sockpair@4", ADDRESS_SOCKPAIR, PREFIX_SOCKPAIR, "4", "", NULL, NULL},
    {"rhttp@", ADDRESS_RHTTP, PREFIX_RHTTP, "", "", NULL, NULL},
    {"rhttp@be/srv", ADDRESS_RHTTP, PREFIX_RHTTP, "be/srv", "", NULL, NULL},
    {"ipv4@1.2.3.4:80", ADDRESS_V4, PREFIX_IPV4, "1.2.3.4", "80", NULL, NULL},
    {"ipv4@:80", ADDRESS_V4, PREFIX_IPV4, "", "80", "ipv4@0.0.0.0:80", NULL},
    {"ipv4@name:80", ADDRESS_NAME, PREFIX_IPV4, "name", "80", NULL, NULL},
    {"ipv6@*:80", ADDRESS_V6, PREFIX_IPV6, "*", "80", "ipv6@[::]:80", "ipv6@:::80"},
    {"ipv6@[::1]:80", ADDRESS_V6, PREFIX_IPV6, "::1", "80", NULL, "ipv6@::1:80"},
    {"ip@:80", ADDRESS_ANY, PREFIX_IP, "", "80", NULL, NULL},
    {"tcp@1.1.1.1:80", ADDRESS_V4, PREFIX_TCP, "1.1.1.1", "80", NULL, NULL},
    {"tcp4@:80", ADDRESS_V4, PREFIX_TCP4, "", "80", "tcp4@0.0.0.0:80", NULL},
    {"tcp6@[::1]:80", ADDRESS_V6, PREFIX_TCP6, "::1", "80", NULL, "tcp6@::1:80"},
    {"udp@1.1.1.1:514", ADDRESS_V4, PREFIX_UDP, "1.1.1.1", "514", NULL, NULL},
    {"udp4@h:514", ADDRESS_NAME, PREFIX_UDP4, "h", "514", NULL, NULL},
    {"udp6@[::1]:514", ADDRESS_V6, PREFIX_UDP6, "::1", "514", NULL, "udp6@::1:514"},
    {"quic4@:443", ADDRESS_V4, PREFIX_QUIC4, "", "443", "quic4@0.0.0.0:443", NULL},
    {"quic6@[::]:443", ADDRESS_V6, PREFIX_QUIC6, "::", "443", NULL, "quic6@:::443"},
    {"mptcp@:80", ADDRESS_ANY, PREFIX_MPTCP, "", "80", NULL, NULL},
    {"mptcp4@1.1.1.1:80", ADDRESS_V4, PREFIX_MPTCP4, "1.1.1.1", "80", NULL, NULL},
    {"mptcp6@[::1]:80", ADDRESS_V6, PREFIX_MPTCP6, "::1", "80", NULL, "mptcp6@::1:80"},
    {"stream+ip@1.1.1.1:80", ADDRESS_V4, PREFIX_OTHER, "1.1.1.1", "80", NULL, NULL},
    {"stream+:80", ADDRESS_ANY, PREFIX_OTHER, "", "80", NULL, NULL},
    {"dgram+/dev/log", ADDRESS_UNIX, PREFIX_OTHER, "/dev/log", "", NULL, NULL},
    {"stream+abns@x", ADDRESS_ABNS, PREFIX_OTHER, "x", "", NULL, NULL},
    {"${ADDR}:80", ADDRESS_NAME, PREFIX_NONE, "${ADDR}:80", "", NULL, NULL},
    {"ipv4@$A:$P", ADDRESS_NAME, PREFIX_IPV4, "$A:$P", "", NULL, NULL},
    {"unix@/$HOME/x", ADDRESS_NAME, PREFIX_UNIX, "/$HOME/x", "", NULL, NULL},
};

static void check_ports(const struct row *r, const struct address *a)
{
    char text[32] = "";
    if (a->has_port && a->relative_port)
        snprintf(text, sizeof text, "%c%u", a->negative_port ? '-' : '+', a->port);
    else if (a->has_port && a->port != a->port_last)
        snprintf(text, sizeof text, "%u-%u", a->port, a->port_last);
    else if (a->has_port)
        snprintf(text, sizeof text, "%u", a->port);
    else if (a->port != 0 || a->port_last != 0 || a->relative_port)
        fail_msg("'%s': a port without a port", r->text);
    if (strcmp(text, r->ports) != 0)
        fail_msg("'%s': ports '%s'", r->text, text);
}

static void test_good(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct row *r = &good[i];
        struct address a, again;
        enum value_error error = khap__address_parse(str(r->text), &a);
        if (error != VALUE_OK || a.family != r->family || a.prefix != r->prefix)
            fail_msg("'%s': error %d, family %d, prefix %d", r->text, (int)error, a.family, a.prefix);
        assert_int_equal(a.variable, strchr(r->text, '$') != NULL);
        assert_slice(a.host, r->host);
        check_ports(r, &a);
        const char *printed = r->printed != NULL ? r->printed : r->text;
        for (uint16_t first = KHAP_RELEASE(1, 5); first <= KHAP_RELEASE(1, 7); first++) {
            khap__buf_clear(&b);
            khap__address_print(&b, first, KHAP_NEWEST, &a);
            assert_printed(&b, first < KHAP_RELEASE(1, 7) && r->printed_15 != NULL ? r->printed_15 : printed);
            assert_int_equal(khap__address_parse(khap__buf_str(&b), &again), VALUE_OK);
            assert_true(khap__address_same(&a, &again));
            assert_int_equal(again.prefix, a.prefix);
        }
    }
    khap__buf_free(&b);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum value_error error;
    } rows[] = {
        {"", VALUE_SYNTAX},
        {":65536", VALUE_RANGE},
        {"10.0.0.1:65536", VALUE_RANGE},
        {":99999999999999999999", VALUE_RANGE},
        {":4294967376", VALUE_RANGE}, /* HAProxy takes it for 80 */
        {":80-65536", VALUE_RANGE},
        {":65536-65537", VALUE_RANGE},
        {":90-80", VALUE_RANGE},
        {"300.1.1.1:65536", VALUE_SYNTAX},
        {":1e3", VALUE_SYNTAX},
        {":-", VALUE_SYNTAX},
        {":+", VALUE_SYNTAX},
        {":+80-90", VALUE_SYNTAX},
        {":80-", VALUE_SYNTAX},
        {":80-90-100", VALUE_SYNTAX},
        {":http", VALUE_SYNTAX},
        {":80a", VALUE_SYNTAX},
        {":0x50", VALUE_SYNTAX},
        {": 80", VALUE_SYNTAX},
        {" :80", VALUE_SYNTAX},
        {":80 ", VALUE_SYNTAX},
        {":80\t", VALUE_SYNTAX},
        {":80\n", VALUE_SYNTAX},
        {":80,:81", VALUE_SYNTAX},
        {"a\x7f:80", VALUE_SYNTAX},
        {"a\xc3\xa4:80", VALUE_SYNTAX},
        {"::1", VALUE_SYNTAX}, /* HAProxy: the address ":" and port 1 */
        {"::", VALUE_SYNTAX},
        {"1:2:3:4:5:6:7:8", VALUE_SYNTAX},
        {"1.2.3.4:80:90", VALUE_SYNTAX},
        {"[*]:80", VALUE_SYNTAX},
        {"[]:80", VALUE_SYNTAX},
        {"[:]:80", VALUE_SYNTAX},
        {"[::1]80", VALUE_SYNTAX},
        {"[::1]x:80", VALUE_SYNTAX},
        {"x[::1]:80", VALUE_SYNTAX},
        {"[::1:80", VALUE_SYNTAX},
        {"::1]:80", VALUE_SYNTAX},
        {"[localhost]:80", VALUE_SYNTAX},
        {"[fe80::1%eth0]:80", VALUE_SYNTAX},
        {"10.1:80", VALUE_SYNTAX}, /* 10.0.0.1 to inet_aton() */
        {"10:80", VALUE_SYNTAX},
        {"0x7f.1:80", VALUE_SYNTAX},
        {"0x7f000001:80", VALUE_SYNTAX},
        {"010.1.1.1:80", VALUE_SYNTAX},
        {"256.1.1.1:80", VALUE_SYNTAX},
        {"1.2.3.4.5:80", VALUE_SYNTAX},
        {"1.2.3.:80", VALUE_SYNTAX},
        {"a..b:80", VALUE_SYNTAX},
        {".a:80", VALUE_SYNTAX},
        {".:80", VALUE_SYNTAX},
        {"a*b:80", VALUE_SYNTAX},
        {"**:80", VALUE_SYNTAX},
        {"ipv4@[::1]:80", VALUE_SYNTAX},
        {"ipv4@::1:80", VALUE_SYNTAX},
        {"ipv6@10.0.0.1:80", VALUE_SYNTAX},
        {"ipv4@ipv4@:80", VALUE_SYNTAX},
        {"stream+stream+:80", VALUE_SYNTAX},
        {"stream+", VALUE_SYNTAX},
        {"unknown@:80", VALUE_SYNTAX},
        {"IPV4@:80", VALUE_SYNTAX},
        {"@:80", VALUE_SYNTAX},
        {"unix@", VALUE_SYNTAX},
        {"abns@", VALUE_SYNTAX},
        {"fd@", VALUE_SYNTAX},
        {"fd@x", VALUE_SYNTAX},
        {"fd@-1", VALUE_RANGE},
        {"fd@3x", VALUE_SYNTAX},
        {"fd@99999999999", VALUE_RANGE},
        {"sockpair@", VALUE_SYNTAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a = {.port = 7};
        enum value_error error = khap__address_parse(str(rows[i].text), &a);
        if (error != rows[i].error || a.port != 7)
            fail_msg("'%s': error %d", rows[i].text, (int)error);
    }
    char text[400] = "unix@/";
    memset(text + 6, 'x', 106);
    struct address a;
    assert_int_equal(khap__address_parse(str(text), &a), VALUE_OK);
    text[112] = 'x';
    assert_int_equal(khap__address_parse(str(text), &a), VALUE_RANGE);
    memset(text, 'a', 63);
    strcpy(text + 63, ":80");
    assert_int_equal(khap__address_parse(str(text), &a), VALUE_OK);
    memset(text, 'a', 64);
    strcpy(text + 64, ":80");
    assert_int_equal(khap__address_parse(str(text), &a), VALUE_RANGE);
    assert_int_equal(khap__address_parse((struct khap_str){"a\0b:80", 6}, &a), VALUE_SYNTAX);
}

static void test_binds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum value_error error;
    } rows[] = {
        {":80", VALUE_OK},      {":80-90", VALUE_OK},    {"unix@/x", VALUE_OK},      {"abns@x", VALUE_OK},
        {"fd@3", VALUE_OK},     {"$X", VALUE_OK},        {"localhost:80", VALUE_OK}, {":0", VALUE_RANGE},
        {":0-80", VALUE_RANGE}, {":65536", VALUE_RANGE}, {"10.0.0.1", VALUE_UNIT},   {"*", VALUE_UNIT},
        {":+80", VALUE_UNIT},   {":-80", VALUE_UNIT},    {"localhost", VALUE_UNIT},  {"[::1]", VALUE_UNIT},
        {":-1", VALUE_UNIT},    {":1e3", VALUE_SYNTAX},  {"rhttp@be/s", VALUE_OK},   {"80", VALUE_SYNTAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a;
        enum value_error error = khap__bind_parse(str(rows[i].text), &a);
        if (error != rows[i].error)
            fail_msg("'%s': error %d", rows[i].text, (int)error);
    }
}

static void test_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int family; /* -1: refused */
    } rows[] = {
        {"10.0.0.1", ADDRESS_V4},
        {"::1", ADDRESS_V6},
        {"[::1]", ADDRESS_V6},
        {"2001:db8::1", ADDRESS_V6},
        {"::", ADDRESS_V6},
        {"host", ADDRESS_NAME},
        {"host.example.", ADDRESS_NAME},
        {"node_1", ADDRESS_NAME},
        {"", -1},
        {"*", -1},
        {":80", -1},
        {"10.0.0.1:80", -1},
        {"[::1]:80", -1},
        {"host:80", -1},
        {"10.0.0", -1},
        {"300.0.0.1", -1},
        {"$HOST", -1},
        {"/x", -1},
        {"unix@/x", -1},
        {"ipv4@1.1.1.1", -1},
        {"a b", -1},
        {"[10.0.0.1]", -1},
        {"[host]", -1},
        {"10.0.0.1 ", -1},
        {"fe80::1%1", -1},
        {"a,b", -1},
        {"a\nb", -1},
        {"1.2.3.4.", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a = {.has_port = true};
        enum value_error error = khap__host_address_parse(str(rows[i].text), &a);
        if ((error == VALUE_OK) != (rows[i].family >= 0) || (error == VALUE_OK && a.family != rows[i].family))
            fail_msg("'%s': error %d, family %d", rows[i].text, (int)error, a.family);
        if (error == VALUE_OK)
            assert_false(a.has_port);
    }
}

static struct address parsed(const char *text)
{
    struct address a;
    if (khap__address_parse(str(text), &a) != VALUE_OK)
        fail_msg("'%s' is refused", text);
    return a;
}

static const struct {
    const char *a, *b;
    bool overlap, same;
} overlaps[] = {
    {":80", ":80", true, true},
    {"*:80", "0.0.0.0:80", true, true},
    {"*:80", "10.0.0.1:80", true, false},
    {"0.0.0.0:80", "10.0.0.1:80", true, false},
    {"10.0.0.1:80", "10.0.0.1:80", true, true},
    {"10.0.0.1:80", "10.0.0.2:80", false, false},
    {":80", ":81", false, false},
    {":80-90", ":85", true, false},
    {":80-90", "10.0.0.1:90-99", true, false},
    {":80-90", ":91", false, false},
    {":443", "[::]:443", false, false},
    {"[::]:443", "[::1]:443", true, false},
    {"[::]:443", "[::1]:444", false, false},
    {"[::1]:443", "[0:0::1]:443", true, true},
    {"[::1]:443", "::1:443", true, true},
    {"[::1]:443", "[::2]:443", false, false},
    {":443", "[::1]:443", false, false},
    {"ipv6@:443", "[::1]:443", true, false},
    {"ipv4@:443", ":443", true, true},
    {"[::ffff:10.0.0.1]:80", "10.0.0.1:80", true, true},
    {"[::ffff:10.0.0.1]:80", ":80", true, false},
    {"[::ffff:10.0.0.1]:80", "[::]:80", false, false},
    {"localhost:80", "LOCALHOST:80", true, true},
    {"localhost:80", "other:80", false, false},
    {"localhost:80", ":80", true, false},
    {"localhost:80", "127.0.0.1:80", false, false},
    {":443", "quic4@:443", false, false},
    {"quic4@:443", "quic4@10.0.0.1:443", true, false},
    {"quic4@:443", "udp4@:443", true, true},
    {"quic4@:443", "dgram+ip@:443", true, true},
    {"stream+ip@:443", ":443", true, true},
    {"stream+udp@:443", "quic4@:443", true, true},
    {"unix@/x", "/x", true, true},
    {"unix@/x", "/y", false, false},
    {"abns@x", "unix@x", false, false},
    {"abns@x", "abns@x", true, true},
    {"/x", ":80", false, false},
    {"fd@3", "fd@3", true, true},
    {"rhttp@b/s", "rhttp@b/s", false, true},
    {"$A:80", ":80", false, false},
    {"$A:80", "$A:80", false, true},
    {"10.0.0.1", "10.0.0.1", true, true},
    {"10.0.0.1", "10.0.0.1:80", false, false},
    {"10.0.0.1:+80", "10.0.0.1:-80", true, false},
};

static void test_overlap(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof overlaps / sizeof *overlaps; i++) {
        struct address a = parsed(overlaps[i].a), b = parsed(overlaps[i].b);
        if (khap__address_overlap(&a, &b) != overlaps[i].overlap ||
            khap__address_overlap(&b, &a) != overlaps[i].overlap)
            fail_msg("%s and %s: overlap is %d", overlaps[i].a, overlaps[i].b, khap__address_overlap(&a, &b));
        if (khap__address_same(&a, &b) != overlaps[i].same || khap__address_same(&b, &a) != overlaps[i].same)
            fail_msg("%s and %s: same is %d", overlaps[i].a, overlaps[i].b, khap__address_same(&a, &b));
    }
}

static bool same_key(const struct address *a, enum address_key of_a, const struct address *b,
                     enum address_key of_b)
{
    struct buf x, y;
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    khap__buf_init(&x, &alloc);
    khap__buf_init(&y, &alloc);
    khap__address_key(&x, a, of_a);
    khap__address_key(&y, b, of_b);
    bool same = khap__str_eq(khap__buf_str(&x), khap__buf_str(&y));
    khap__buf_free(&x);
    khap__buf_free(&y);
    return same;
}

/* Each with each: the keys find what overlaps, and nothing else. */
static void test_keys(void **state)
{
    (void)state;
    size_t n = 2 * sizeof overlaps / sizeof *overlaps, found = 0;
    for (size_t i = 0; i < n * n; i++) {
        struct address a = parsed(i % n % 2 ? overlaps[i % n / 2].a : overlaps[i % n / 2].b);
        struct address b = parsed(i / n % 2 ? overlaps[i / n / 2].a : overlaps[i / n / 2].b);
        if (a.variable || b.variable || a.port != a.port_last || b.port != b.port_last || a.relative_port ||
            b.relative_port || a.has_port != b.has_port || a.family == ADDRESS_RHTTP)
            continue;
        bool meet = same_key(&a, ADDRESS_KEY_HOST, &b, ADDRESS_KEY_HOST) ||
                    ((khap__address_is_wildcard(&a) || khap__address_is_wildcard(&b)) &&
                     same_key(&a, ADDRESS_KEY_GROUP, &b, ADDRESS_KEY_GROUP));
        assert_false(same_key(&a, ADDRESS_KEY_HOST, &b, ADDRESS_KEY_GROUP));
        assert_false(same_key(&a, ADDRESS_KEY_WILDCARD, &b, ADDRESS_KEY_GROUP));
        assert_int_equal(same_key(&a, ADDRESS_KEY_WILDCARD, &b, ADDRESS_KEY_WILDCARD),
                         same_key(&a, ADDRESS_KEY_GROUP, &b, ADDRESS_KEY_GROUP));
        if (meet != khap__address_overlap(&a, &b))
            fail_msg("%zu and %zu: the keys say %d", i % n, i / n, meet);
        found += meet;
    }
    assert_true(found > n);
}

static void test_since(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned since;
    } rows[] = {
        {":80", 105},        {"ipv4@:80", 105},      {"unix@/x", 105},        {"abns@x", 105},
        {"/x", 105},         {"tcp4@:80", 203},      {"udp@:80", 203},        {"uxst@/x", 203},
        {"stream+:80", 203}, {"dgram+udp@:80", 203}, {"quic4@:443", 206},     {"rhttp@b/s", 209},
        {"abnsz@x", 301},    {"mptcp@:80", 301},     {"stream+abnsz@x", 301},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a = parsed(rows[i].text);
        assert_int_equal(khap__address_since(&a), rows[i].since);
    }
    /* another prefix than the one that was read is printed, too: QUIC beside TCP */
    struct address a = parsed("ipv4@10.0.0.1:443");
    struct buf b;
    khap__buf_init(&b, NULL);
    a.prefix = PREFIX_QUIC4;
    khap__address_print(&b, 206, 304, &a);
    assert_printed(&b, "quic4@10.0.0.1:443");
    khap__buf_free(&b);
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum value_error error;
        const char *printed;
    } rows[] = {
        {"10.0.0.0/8", VALUE_OK, "10.0.0.0/8"},
        {"10.1.2.3", VALUE_OK, "10.1.2.3/32"},
        {"10.1.2.3/32", VALUE_OK, "10.1.2.3/32"},
        {"0.0.0.0/0", VALUE_OK, "0.0.0.0/0"},
        {"128.0.0.0/1", VALUE_OK, "128.0.0.0/1"},
        {"10.1.2.4/30", VALUE_OK, "10.1.2.4/30"},
        {"2001:DB8::/32", VALUE_OK, "2001:db8::/32"},
        {"::/0", VALUE_OK, "::/0"},
        {"::1", VALUE_OK, "::1/128"},
        {"::ffff:10.0.0.0/104", VALUE_OK, "::ffff:10.0.0.0/104"},
        {"2001:db8::8000/113", VALUE_OK, "2001:db8::8000/113"},
        {"10.0.0.1/8", VALUE_RANGE, NULL},
        {"10.1.2.3/30", VALUE_RANGE, NULL},
        {"10.1.2.3/0", VALUE_RANGE, NULL},
        {"2001:db8::1/32", VALUE_RANGE, NULL},
        {"2001:db8::8000/112", VALUE_RANGE, NULL},
        {"10.0.0.0/33", VALUE_SYNTAX, NULL},
        {"::/129", VALUE_SYNTAX, NULL},
        {"10.0.0.0/-1", VALUE_SYNTAX, NULL},
        {"10.0.0.0/08", VALUE_SYNTAX, NULL},
        {"10.0.0.0/", VALUE_SYNTAX, NULL},
        {"10.0.0.0/8/8", VALUE_SYNTAX, NULL},
        {"10.0.0.0/255.0.0.0", VALUE_SYNTAX, NULL},
        {"/8", VALUE_SYNTAX, NULL},
        {"", VALUE_SYNTAX, NULL},
        {"10.0.0/8", VALUE_SYNTAX, NULL},
        {"[::]/0", VALUE_SYNTAX, NULL},
        {"host", VALUE_SYNTAX, NULL},
        {" 10.0.0.0/8", VALUE_SYNTAX, NULL},
        {"10.0.0.0/8 ", VALUE_SYNTAX, NULL},
    };
    struct buf b;
    khap__buf_init(&b, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct network n;
        enum value_error error = khap__network_parse(str(rows[i].text), &n);
        if (error != rows[i].error)
            fail_msg("'%s': error %d", rows[i].text, (int)error);
        if (error != VALUE_OK)
            continue;
        khap__buf_clear(&b);
        khap__network_print(&b, &n);
        assert_printed(&b, rows[i].printed);
    }
    khap__buf_free(&b);
}

/* RFC 5952: the example of each of its rules. */
static void test_canonical_text(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:1:0:0:0:0:0:0", "0:1::"},
        {"::ffff:c000:0201", "::ffff:192.0.2.1"},
        {"::1.2.3.4", "::102:304"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"0:0:0:0:0:ffff:0:0", "::ffff:0.0.0.0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t ip[16];
        char text[KHAP__IP_TEXT];
        assert_true(khap__ipv6_parse(str(rows[i][0]), ip));
        struct khap_str got = {text, khap__ipv6_print(text, ip)};
        assert_slice(got, rows[i][1]);
    }
    static const char *const bad[] = {"",
                                      ":",
                                      ":::",
                                      "1",
                                      "1:",
                                      ":1",
                                      "1::2::3",
                                      "12345::",
                                      "::g",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "1.2.3.4",
                                      "::1.2.3",
                                      "::1.2.3.4.5",
                                      "::1.2.3.4:5",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::01.2.3.4",
                                      "[::1]",
                                      "::1%1",
                                      "::1 ",
                                      "1:2:3:4:5:6:7:",
                                      ":1:2:3:4:5:6:7",
                                      "::12345",
                                      "::1:",
                                      "1:::2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t ip[16];
        if (khap__ipv6_parse(str(bad[i]), ip))
            fail_msg("'%s' is taken", bad[i]);
    }
}

static void test_print_and_parse(void **state)
{
    (void)state;
    uint64_t seed = random_seed();
    static const uint8_t with_v4[] = {PREFIX_NONE, PREFIX_IPV4,  PREFIX_TCP4,
                                      PREFIX_UDP4, PREFIX_QUIC4, PREFIX_UDP};
    static const uint8_t with_v6[] = {PREFIX_NONE, PREFIX_IPV6,  PREFIX_TCP6,
                                      PREFIX_UDP6, PREFIX_QUIC6, PREFIX_MPTCP};
    struct buf b;
    khap__buf_init(&b, NULL);
    for (int i = 0; i < 20000; i++) {
        struct address a = {0}, again;
        uint64_t r = random_next(&seed);
        a.family = r & 1 ? ADDRESS_V4 : ADDRESS_V6;
        a.prefix = (r & 1 ? with_v4 : with_v6)[r >> 1 & 3];
        for (int k = 0; k < (r & 1 ? 4 : 16); k++)
            a.ip[k] = random_next(&seed) % 3 == 0 ? (uint8_t)random_next(&seed) : 0;
        a.has_port = (r >> 8 & 3) != 0;
        if (a.has_port) {
            a.port = a.port_last = (uint16_t)(r >> 16);
            a.relative_port = (r >> 8 & 3) == 2;
            a.negative_port = a.relative_port && (r >> 10 & 1);
            if (!a.relative_port && (r >> 11 & 1) && a.port < 60000)
                a.port_last = (uint16_t)(a.port + 5);
        }
        uint16_t first = r >> 12 & 1 ? KHAP_RELEASE(1, 5) : KHAP_RELEASE(2, 2);
        khap__buf_clear(&b);
        khap__address_print(&b, first, KHAP_NEWEST, &a);
        enum value_error error = khap__address_parse(khap__buf_str(&b), &again);
        if (error != VALUE_OK || !khap__address_same(&a, &again) || again.prefix != a.prefix)
            fail_msg("'%.*s': error %d", S_ARG(khap__buf_str(&b)), (int)error);
        assert_true(khap__address_overlap(&a, &again));
    }
    khap__buf_free(&b);
}

/* What the C library's resolver takes for numbers, we do, too. */
static void test_numbers(void **state)
{
    (void)state;
    static const char texts[][24] = {"0",
                                     "127.1",
                                     "0x7f.1",
                                     "2130706433",
                                     "4294967295",
                                     "4294967296",
                                     "010.0.0.1",
                                     "1.2.3",
                                     "1.2.65535",
                                     "1.2.65536",
                                     "1.256.3",
                                     "1.16777215",
                                     "1.16777216",
                                     "08",
                                     "0x",
                                     "0xg",
                                     "1..2",
                                     "1.",
                                     ".1",
                                     "1.2.3.4.5",
                                     "1.2.3.256",
                                     "0X10.1",
                                     "00",
                                     "1.2.3.0377",
                                     "1.2.3.0400",
                                     "",
                                     "a",
                                     "1.2.3.4",
                                     "18446744073709551616",
                                     "0x1ffffffff",
                                     "1.2.3.4a",
                                     "-1",
                                     "99999999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct in_addr wanted;
        uint8_t ip[16] = {0};
        bool taken = inet_aton(texts[i], &wanted) != 0;
        if (khap__ipv4_numbers(khap__str(texts[i]), ip) != taken)
            fail_msg("%s: taken %d", texts[i], !taken);
        if (taken)
            assert_memory_equal(ip, &wanted.s_addr, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_binds),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_since),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_print_and_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
