/* kube/names.c - texts compared and taken apart. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

bool khap__kube_same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int khap__kube_compare(struct khap_str a, struct khap_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool khap__kube_is_name(struct khap_str s)
{
    if (s.len == 0 || s.len > 253 || !is_alphanumeric(s.ptr[0]) || !is_alphanumeric(s.ptr[s.len - 1]))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alphanumeric(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '.')
            return false;
    }
    return true;
}

bool khap__kube_is_token(struct khap_str s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    bool good = s.len > 0 && s.len <= 256;
    for (size_t i = 0; i < s.len; i++)
        good = good && (is_alphanumeric(s.ptr[i]) || (s.ptr[i] != '\0' && strchr(others, s.ptr[i]) != NULL));
    return good;
}

bool khap__kube_begins(struct khap_str s, struct khap_str beginning)
{
    return s.len >= beginning.len && memcmp(s.ptr, beginning.ptr, beginning.len) == 0;
}

struct khap_str khap__kube_rest(struct khap_str s, size_t from)
{
    return from < s.len ? (struct khap_str){s.ptr + from, s.len - from} : S("");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool khap__kube_item(struct khap_str *list, struct khap_str *item)
{
    while (list->len > 0) {
        const char *comma = memchr(list->ptr, ',', list->len);
        size_t len = comma ? (size_t)(comma - list->ptr) : list->len;
        struct khap_str one = {list->ptr, len};
        *list = khap__kube_rest(*list, comma ? len + 1 : len);
        while (one.len > 0 && is_blank(one.ptr[0]))
            one = khap__kube_rest(one, 1);
        while (one.len > 0 && is_blank(one.ptr[one.len - 1]))
            one.len--;
        *item = one;
        if (one.len > 0)
            return true;
    }
    return false;
}

bool khap__kube_number(struct khap_str s, uint32_t low, uint32_t high, uint32_t *out)
{
    uint64_t n = 0;
    if (s.len == 0 || s.len > 10)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    if (n < low || n > high)
        return false;
    *out = (uint32_t)n;
    return true;
}

bool khap__kube_is_ipv6(struct khap_str address)
{
    return address.len > 0 && memchr(address.ptr, ':', address.len) != NULL;
}

bool khap__kube_is_address(struct khap_str s)
{
    bool good = s.len > 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        good = good && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
                        c == ':' || c == '.');
    }
    return good;
}

size_t khap__kube_distance(struct khap_str a, struct khap_str b)
{
    enum { LONGEST = 64, NEAR = 2 };
    unsigned char row[LONGEST + 1];
    if (a.len > LONGEST || b.len > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = (unsigned char)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned char diagonal = row[0];
        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1] ? 1U : 0U);
            diagonal = row[j];
            if (row[j] + 1U < best)
                best = row[j] + 1U;
            if (row[j - 1] + 1U < best)
                best = row[j - 1] + 1U;
            row[j] = (unsigned char)best;
        }
    }
    return row[b.len] <= NEAR ? row[b.len] : SIZE_MAX;
}
