/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "apply/sums.h"

#include <string.h>

enum { DIGITS = 16, NAME_AT = KHAP__SUM_NAME_AT };

uint64_t khap__sums_add(uint64_t sum, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)data[i]) * UINT64_C(1099511628211);
    return sum;
}

bool khap__sums_inside(struct khap_str name)
{
    size_t from = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.ptr[i] != '/') {
            if (name.ptr[i] == '\0' || name.ptr[i] == '\n')
                return false;
            continue;
        }
        size_t len = i - from;
        if (len == 0 || (len <= 2 && memcmp(name.ptr + from, "..", len) == 0))
            return false;
        from = i + 1;
    }
    return true;
}

bool khap__sums_next(struct khap_str *rest, struct sum_line *line)
{
    const char *end = rest->len > NAME_AT ? memchr(rest->ptr, '\n', rest->len) : NULL;
    size_t len = end == NULL ? 0 : (size_t)(end - rest->ptr);
    uint64_t sum = 0;
    if (len <= NAME_AT || memcmp(rest->ptr + DIGITS, "  ", 2) != 0)
        return false;
    for (size_t i = 0; i < DIGITS; i++) {
        char c = rest->ptr[i];
        if (c >= '0' && c <= '9')
            sum = sum << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            sum = sum << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *line = (struct sum_line){sum, {rest->ptr + NAME_AT, len - NAME_AT}};
    if (!khap__sums_inside(line->name))
        return false;
    *rest = (struct khap_str){end + 1, rest->len - len - 1};
    return true;
}

bool khap__sums_valid(struct khap_str text)
{
    struct sum_line line;
    while (khap__sums_next(&text, &line))
        ;
    return text.len == 0;
}

bool khap__sums_find(struct khap_str text, struct khap_str name, uint64_t sum, bool *match)
{
    struct sum_line line;
    bool named = false;
    *match = false;
    while (!*match && khap__sums_next(&text, &line)) {
        if (line.name.len != name.len || memcmp(line.name.ptr, name.ptr, name.len) != 0)
            continue;
        named = true;
        *match = line.sum == sum;
    }
    return named;
}
