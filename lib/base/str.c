/* SPDX-License-Identifier: MIT */
#include "base/str.h"

int khap__str_cmp(struct khap_str a, struct khap_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int c = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

bool khap__str_eq_nocase(struct khap_str a, struct khap_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (khap__lower((unsigned char)a.ptr[i]) != khap__lower((unsigned char)b.ptr[i]))
            return false;
    }
    return true;
}

struct khap_str khap__str_trim(struct khap_str s)
{
    while (s.len > 0 && (*s.ptr == ' ' || *s.ptr == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Exchanged neighbours count once ("hsots"), as people count typing errors. */
uint32_t khap__edit_distance(struct khap_str a, struct khap_str b, uint32_t limit)
{
    enum { LONGEST = 64 };
    uint32_t rows[3][LONGEST + 1];
    uint32_t *older = rows[0], *old = rows[1], *row = rows[2];
    size_t n = a.len > LONGEST ? LONGEST : a.len, m = b.len > LONGEST ? LONGEST : b.len;
    if ((n > m ? n - m : m - n) > limit)
        return limit + (limit != UINT32_MAX);
    for (size_t j = 0; j <= m; j++)
        old[j] = older[j] = (uint32_t)j;
    for (size_t i = 1; i <= n; i++) {
        uint32_t best = row[0] = (uint32_t)i;
        for (size_t j = 1; j <= m; j++) {
            uint32_t d = old[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            if (old[j] + 1 < d)
                d = old[j] + 1;
            if (row[j - 1] + 1 < d)
                d = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                older[j - 2] + 1 < d)
                d = older[j - 2] + 1;
            row[j] = d;
            if (d < best)
                best = d;
        }
        /* a transposition reaches back two rows, so this row alone does not settle it */
        if (best > limit && i < n && limit < UINT32_MAX / 2 && best > limit + 1)
            return limit + 1;
        uint32_t *spare = older;
        older = old;
        old = row;
        row = spare;
    }
    return old[m];
}

struct khap_str khap__str_uint(char room[20], uint64_t n)
{
    size_t at = 20;
    do {
        room[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return (struct khap_str){room + at, 20 - at};
}

uint64_t khap__fnv1a64(struct khap_str s, uint64_t seed)
{
    for (size_t i = 0; i < s.len; i++)
        seed = (seed ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
    return seed;
}

uint32_t khap__fnv1a32(struct khap_str s, uint32_t seed)
{
    for (size_t i = 0; i < s.len; i++)
        seed = (seed ^ (unsigned char)s.ptr[i]) * UINT32_C(16777619);
    return seed;
}
