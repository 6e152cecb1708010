/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/show.h"

#include <khap/diag.h>
#include <stdio.h>

void show_text(struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 || byte == 0x7f)
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
}

/* How many bytes of UTF-8 begin there; 0 for none. */
static size_t sequence(const unsigned char *at, size_t left)
{
    static const unsigned char least[] = {0, 0, 0x80, 0xa0, 0x90}, most[] = {0, 0, 0xbf, 0x9f, 0x8f};
    size_t n = at[0] < 0x80                    ? 1
               : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
               : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
               : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                               : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    /* no overlong ones, no surrogates, nothing past U+10FFFF */
    if ((at[0] == 0xe0 && at[1] < least[3]) || (at[0] == 0xed && at[1] > most[3]) ||
        (at[0] == 0xf0 && at[1] < least[4]) || (at[0] == 0xf4 && at[1] > most[4]))
        return 0;
    return n;
}

void show_json(struct khap_str text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    putchar('"');
    for (size_t i = 0; i < text.len;) {
        size_t n = sequence(at + i, text.len - i);
        if (n == 0)
            fputs("\\ufffd", stdout);
        else if (n == 1 && (at[i] == '"' || at[i] == '\\'))
            printf("\\%c", at[i]);
        else if (n == 1 && (at[i] < 0x20 || at[i] == 0x7f))
            printf("\\u%04x", at[i]);
        else
            fwrite(at + i, 1, n, stdout);
        i += n == 0 ? 1 : n;
    }
    putchar('"');
}

void show_markdown(struct khap_str text)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < text.len; i++) {
        run = text.ptr[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++)
        putchar('`');
    putchar(' ');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|')
            putchar('\\');
        show_text((struct khap_str){text.ptr + i, 1});
    }
    putchar(' ');
    for (size_t i = 0; i <= longest; i++)
        putchar('`');
}

struct khap_str show_place(const struct report *r, struct khap_place place, char room[300])
{
    uint32_t line, column;
    if (place.source == 0)
        return WORD("");
    struct khap_str name = khap_sources_name(r->sources, place.source);
    khap_sources_locate(r->sources, place, &line, &column);
    int n = snprintf(room, 300, "%.*s:%u", (int)(name.len < 200 ? name.len : 200), name.ptr, line);
    return (struct khap_str){room, n < 0 ? 0 : (size_t)n};
}
