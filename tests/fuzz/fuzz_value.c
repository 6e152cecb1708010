/*
 * fuzz/fuzz_value.c - any bytes as a value of every kind; what was read is printed and read again.
 * covers: lib/value/number.c lib/value/address.c lib/value/ip.c lib/value/host.c lib/value/path.c lib/value/regex.c
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"

#include "value/value.h"

static void numbers(struct khap_str s, struct buf *b)
{
    uint64_t n, again;
    int64_t i;
    bool yes;
    if (khap__time_parse(s, 1000, &n) == VALUE_OK) {
        khap__buf_clear(b);
        khap__time_print(b, n);
        MUST(khap__time_parse(khap__buf_str(b), 7, &again) == VALUE_OK && again == n);
    }
    if (khap__size_parse(s, &n) == VALUE_OK) {
        khap__buf_clear(b);
        khap__size_print(b, n);
        MUST(khap__size_parse(khap__buf_str(b), &again) == VALUE_OK && again == n);
    }
    if (khap__int_parse(s, INT64_MIN, INT64_MAX, &i) == VALUE_OK) {
        khap__buf_clear(b);
        khap__buf_int(b, i);
        MUST(khap__str_eq(khap__buf_str(b), s));
    }
    (void)khap__bool_parse(s, &yes);
}

static void one_address(const struct address *a, struct buf *b)
{
    static const uint16_t releases[] = {105, 107, 304};
    struct address again;
    MUST(a->has_port || (a->port == 0 && a->port_last == 0 && !a->relative_port));
    MUST(a->port <= a->port_last && (a->family <= ADDRESS_V6 || a->host.len < 400 || a->variable));
    MUST(khap__address_same(a, a));
    MUST(khap__address_since(a) >= 105 && khap__address_since(a) <= 304);
    for (size_t i = 0; i < 3; i++) {
        khap__buf_clear(b);
        khap__address_print(b, releases[i], 304, a);
        MUST(khap__address_parse(khap__buf_str(b), &again) == VALUE_OK);
        MUST(khap__address_same(a, &again) && again.prefix == a->prefix && again.variable == a->variable);
        MUST(khap__address_overlap(a, &again) == khap__address_overlap(a, a));
    }
}

static void addresses(struct khap_str s, struct buf *b)
{
    struct address a;
    struct network n, again;
    if (khap__address_parse(s, &a) == VALUE_OK)
        one_address(&a, b);
    if (khap__bind_parse(s, &a) == VALUE_OK)
        MUST(khap__address_parse(s, &a) == VALUE_OK);
    if (khap__host_address_parse(s, &a) == VALUE_OK) {
        MUST(!a.has_port && !a.variable && a.family >= ADDRESS_V4 && a.family <= ADDRESS_NAME);
        one_address(&a, b);
    }
    if (khap__network_parse(s, &n) == VALUE_OK) {
        khap__buf_clear(b);
        khap__network_print(b, &n);
        MUST(khap__network_parse(khap__buf_str(b), &again) == VALUE_OK);
        MUST(memcmp(&n, &again, sizeof n) == 0);
    }
}

static void hosts(struct khap_str s, struct buf *b)
{
    char *space = malloc(s.len == 0 ? 1 : s.len);
    struct host h, again;
    MUST(space != NULL);
    if (khap__host_parse(s, space, &h) == VALUE_OK) {
        char none[1];
        MUST(h.name.len > 0 && h.name.len <= 253);
        for (size_t i = 0; i < h.name.len; i++)
            MUST(h.name.ptr[i] > ' ' && h.name.ptr[i] != '*' &&
                 !(h.name.ptr[i] >= 'A' && h.name.ptr[i] <= 'Z'));
        MUST(khap__host_parse(h.name, none, &again) == VALUE_OK); /* nothing to lower: no space is used */
        MUST(khap__str_eq(again.name, h.name));
        MUST(khap__host_covers(&h, h.name) == (h.kind != HOST_WILDCARD));
        khap__buf_clear(b);
        khap__buf_add(b, S("a."));
        khap__buf_add(b, h.name);
        MUST(khap__host_covers(&h, khap__buf_str(b)) == (h.kind == HOST_WILDCARD));
        MUST(khap__host_labels(khap__buf_str(b)) == khap__host_labels(h.name) + 1);
    }
    free(space);
}

static void names(struct khap_str s)
{
    size_t at = SIZE_MAX;
    bool valid = khap__name_valid(s, &at);
    MUST(at <= s.len && valid == (s.len > 0 && at == s.len));
    at = SIZE_MAX;
    bool good = khap__header_value_check(s, &at) == VALUE_OK;
    MUST(good || at <= s.len);
    MUST(!khap__header_name_valid(s) || good);
    MUST(khap__header_name_valid(s) == khap__cookie_name_valid(s));
    if (khap__path_parse(s) == VALUE_OK) {
        struct khap_str prefix = khap__path_prefix(s);
        MUST(prefix.len < s.len || s.ptr[s.len - 1] != '/');
        MUST(prefix.len == 0 || khap__path_parse(prefix) == VALUE_OK);
    }
}

static void formats(struct khap_str s, struct buf *b)
{
    size_t at = SIZE_MAX;
    if (khap__logformat_check(s, &at) != VALUE_OK)
        MUST(at < s.len && s.ptr[at] == '%');
    khap__buf_clear(b);
    khap__logformat_quote(b, s);
    MUST(khap__logformat_check(khap__buf_str(b), NULL) == VALUE_OK);
}

static void regexes(struct khap_str s, struct buf *b)
{
    size_t at = SIZE_MAX;
    struct khap_str why = {NULL, 0};
    char space[128];
    enum khap_status status;
    struct regex *r;
    bool matched;
    if (khap__regex_check(NULL, s, &at, &why, space, &status) == VALUE_OK) {
        MUST(status == KHAP_OK && khap__regex_new(NULL, s, &r) == KHAP_OK);
        enum khap_status done = khap__regex_exec(r, s, &matched);
        MUST(done == KHAP_OK || done == KHAP_ELIMIT);
        khap__regex_free(r);
    } else {
        MUST(status == KHAP_OK && at <= s.len && why.len > 0 && why.len < 128);
        MUST(khap__regex_new(NULL, s, &r) == KHAP_EINPUT);
    }
    if (khap__str_find(s, '\0') < s.len || s.len > 1000)
        return;
    khap__buf_clear(b);
    khap__regex_quote(b, s);
    MUST(khap__regex_new(NULL, khap__buf_str(b), &r) == KHAP_OK);
    MUST(khap__regex_match(r, s));
    khap__regex_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b;
    struct khap_str rest = {(const char *)data, size};
    khap__buf_init(&b, NULL);
    do {
        size_t end = khap__str_find(rest, '\n');
        char *exact = malloc(end == 0 ? 1 : end); /* a step over the end is seen */
        struct khap_str line = {exact, end};
        MUST(exact != NULL);
        if (end > 0)
            memcpy(exact, rest.ptr, end);
        numbers(line, &b);
        addresses(line, &b);
        hosts(line, &b);
        names(line);
        formats(line, &b);
        regexes(line, &b);
        free(exact);
        rest = khap__str_sub(rest, end + 1, rest.len);
    } while (rest.len > 0);
    khap__buf_free(&b);
    return 0;
}
