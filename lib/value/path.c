/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/path.h"

enum value_error khap__path_parse(struct khap_str s)
{
    if (s.len == 0 || s.ptr[0] != '/')
        return VALUE_SYNTAX;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '?' || c == '#')
            return VALUE_SYNTAX;
    }
    return s.len > KHAP__PATH_MAX ? VALUE_RANGE : VALUE_OK;
}

struct khap_str khap__path_prefix(struct khap_str s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == '/')
        s.len--;
    return s;
}
