/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/pass.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_add_bytes(struct pass_text *t, const char *bytes, size_t len)
{
    if (len > SIZE_MAX / 4 || t->len > SIZE_MAX / 4)
        return false;
    size_t need = t->len + len + 1, cap = 1;
    while (cap < t->len + 1)
        cap *= 2;
    if (t->ptr == NULL || need > cap) {
        while (cap < need)
            cap *= 2;
        char *larger = realloc(t->ptr, cap);
        if (larger == NULL)
            return false;
        t->ptr = larger;
    }
    if (len > 0)
        memcpy(t->ptr + t->len, bytes, len);
    t->len += len;
    t->ptr[t->len] = '\0';
    return true;
}

bool text_add_format(struct pass_text *t, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return n >= 0 && text_add_bytes(t, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

bool text_add_json(struct pass_text *t, const char *bytes, size_t len)
{
    bool good = text_add_bytes(t, "\"", 1);
    for (size_t i = 0; i < len && good; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\')
            good = text_add_format(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            good = text_add_format(t, "\\u%04x", c);
        else
            good = text_add_bytes(t, bytes + i, 1);
    }
    return good && text_add_bytes(t, "\"", 1);
}
