/*
 * A driver for the oracles in tests/oracle: reads lines "KIND TEXT" and answers each with a line.
 *
 *   ip TEXT         4 or 6, the bytes in hex, the canonical text; or no
 *   network TEXT    the canonical text; or syntax, range
 *   bind TEXT       any, v4, v6, name or other, what is printed for new releases, for 1.5, the first release;
 * or syntax, range, unit overlap A B     yes or no
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "value/address.h"

#include <khap/cfg.h>

#include <stdio.h>

static const char *const errors[] = {"ok", "syntax", "range", "unit"};

static void put(struct khap_str s)
{
    fwrite(s.ptr, 1, s.len, stdout);
}

static void ip(struct khap_str s)
{
    uint8_t bytes[16];
    char text[KHAP__IP_TEXT];
    size_t n = khap__ipv4_parse(s, bytes) ? 4 : khap__ipv6_parse(s, bytes) ? 16 : 0;
    if (n == 0) {
        fputs("no", stdout);
        return;
    }
    printf("%d ", n == 4 ? 4 : 6);
    for (size_t i = 0; i < n; i++)
        printf("%02x", bytes[i]);
    size_t len = n == 4 ? khap__ipv4_print(text, bytes) : khap__ipv6_print(text, bytes);
    printf(" %.*s", (int)len, text);
}

static void network(struct khap_str s, struct buf *b)
{
    struct network n;
    enum value_error error = khap__network_parse(s, &n);
    if (error != VALUE_OK)
        fputs(errors[error], stdout);
    else
        khap__network_print(b, &n);
}

static void bind_address(struct khap_str s, struct buf *b)
{
    static const char *const families[] = {"any", "v4", "v6", "name"};
    struct address a;
    enum value_error error = khap__bind_parse(s, &a);
    if (error != VALUE_OK) {
        fputs(errors[error], stdout);
        return;
    }
    khap__buf_add(b, khap__str(a.family <= ADDRESS_NAME ? families[a.family] : "other"));
    khap__buf_char(b, ' ');
    khap__address_print(b, KHAP_RELEASE(2, 2), KHAP_NEWEST, &a);
    khap__buf_char(b, ' ');
    khap__address_print(b, KHAP_OLDEST, KHAP_NEWEST, &a);
    khap__buf_char(b, ' ');
    khap__buf_uint(b, khap__address_since(&a));
}

static void overlap(struct khap_str s)
{
    size_t blank = khap__str_find(s, ' ');
    struct address a, b;
    if (khap__address_parse(khap__str_sub(s, 0, blank), &a) != VALUE_OK ||
        khap__address_parse(khap__str_sub(s, blank + 1, s.len), &b) != VALUE_OK)
        fputs("syntax", stdout);
    else
        fputs(khap__address_overlap(&a, &b) ? "yes" : "no", stdout);
}

int main(void)
{
    static char line[4096];
    struct buf b;
    khap__buf_init(&b, NULL);
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct khap_str s = {line, strlen(line)};
        if (s.len > 0 && s.ptr[s.len - 1] == '\n')
            s.len--;
        size_t blank = khap__str_find(s, ' ');
        struct khap_str kind = khap__str_sub(s, 0, blank), text = khap__str_sub(s, blank + 1, s.len);
        khap__buf_clear(&b);
        if (khap__str_eq(kind, S("ip")))
            ip(text);
        else if (khap__str_eq(kind, S("network")))
            network(text, &b);
        else if (khap__str_eq(kind, S("bind")))
            bind_address(text, &b);
        else if (khap__str_eq(kind, S("overlap")))
            overlap(text);
        put(khap__buf_str(&b));
        putchar('\n');
    }
    khap__buf_free(&b);
    return 0;
}
