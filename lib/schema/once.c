/* The directives that may stand only once, from once.tsv. SPDX-License-Identifier: MIT */
#include "schema/once.h"

#include "schema/once.inc"

/* Whether the row is: section, blank, the words with single blanks between them. */
static bool row_is(struct khap_str row, struct khap_str section, const struct khap_str *words, size_t n)
{
    if (!khap__str_starts(row, section) || row.len <= section.len || row.ptr[section.len] != ' ')
        return false;
    size_t at = section.len + 1;
    for (size_t i = 0; i < n; i++) {
        struct khap_str rest = khap__str_sub(row, at, row.len - at);
        if (!khap__str_starts(rest, words[i]))
            return false;
        at += words[i].len;
        if (i + 1 < n) {
            if (at >= row.len || row.ptr[at] != ' ')
                return false;
            at++;
        }
    }
    return at == row.len;
}

size_t khap__once(struct khap_str section, const struct khap_str *words, size_t n, size_t *first)
{
    size_t from = n > 1 && (khap__str_eq(words[0], S("no")) || khap__str_eq(words[0], S("default"))) ? 1 : 0;
    *first = from;
    for (const char *row = once_pool; *row != '\0'; row += strlen(row) + 1) {
        for (size_t count = 1; count <= 2 && from + count <= n; count++) {
            if (row_is(khap__str(row), section, words + from, count))
                return count;
        }
    }
    return 0;
}
