/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/logformat.h"

void khap__logformat_quote(struct buf *out, struct khap_str literal)
{
    for (size_t from = 0; from < literal.len;) {
        struct khap_str rest = khap__str_sub(literal, from, literal.len - from);
        size_t percent = khap__str_find(rest, '%');
        khap__buf_add(out, khap__str_sub(rest, 0, percent));
        if (percent < rest.len)
            khap__buf_add(out, S("%%"));
        from += percent + 1;
    }
}

/* Behind the ] that closes the expression beginning at `at`; s.len + 1 when none does. In arguments "…" and
 * '…' protect brackets. */
static size_t skip_expression(struct khap_str s, size_t at)
{
    unsigned depth = 0;
    char quote = 0;
    for (; at < s.len; at++) {
        char c = s.ptr[at];
        if (quote != 0) {
            if (c == quote)
                quote = 0;
            else if (c == '\\' && quote == '"')
                at++;
        } else if (c == '\\' && depth > 0) {
            at++;
        } else if ((c == '"' || c == '\'') && depth > 0) {
            quote = c;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && depth > 0) {
            depth--;
        } else if (c == ']' && depth == 0) {
            return at + 1;
        }
    }
    return s.len + 1;
}

static size_t skip_to(struct khap_str s, size_t at, char end)
{
    struct khap_str rest = khap__str_sub(s, at, s.len - at);
    return at + khap__str_find(rest, end) + 1;
}

/* Behind the item whose % stands at `at`; s.len + 1 when it is none. */
static size_t skip_item(struct khap_str s, size_t at)
{
    const size_t bad = s.len + 1;
    at++;
    if (at < s.len && s.ptr[at] == '%')
        return at + 1;
    if (at < s.len && s.ptr[at] == '(') /* a name, from 3.0 */
        at = skip_to(s, at, ')');
    if (at < s.len && s.ptr[at] == '{')
        at = skip_to(s, at, '}');
    if (at >= s.len)
        return bad;
    if (s.ptr[at] == '[')
        return skip_expression(s, at + 1);
    size_t from = at;
    while (at < s.len && khap__is_alnum((unsigned char)s.ptr[at]))
        at++;
    return at > from ? at : bad;
}

enum value_error khap__logformat_check(struct khap_str s, size_t *bad_at)
{
    size_t at = 0;
    while (at < s.len) {
        if (s.ptr[at] != '%') {
            at++;
            continue;
        }
        size_t behind = skip_item(s, at);
        if (behind > s.len) {
            if (bad_at != NULL)
                *bad_at = at;
            return VALUE_SYNTAX;
        }
        at = behind;
    }
    return VALUE_OK;
}
