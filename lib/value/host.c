/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/address.h"
#include "value/host.h"

enum { LABEL_MAX = 63, HOST_MAX = 253, NAME_MAX_BYTES = 255 };

static bool is_upper(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Whether the last label is a number, decimal or hexadecimal, as resolvers read one. */
static bool ends_in_number(struct khap_str s)
{
    size_t from = s.len;
    while (from > 0 && s.ptr[from - 1] != '.')
        from--;
    size_t at = from;
    if (s.len - from > 2 && s.ptr[from] == '0' && (s.ptr[from + 1] | 32) == 'x') {
        for (at = from + 2; at < s.len && khap__hex((unsigned char)s.ptr[at]) >= 0; at++)
            ;
        return at == s.len;
    }
    while (at < s.len && khap__is_digit((unsigned char)s.ptr[at]))
        at++;
    return at == s.len;
}

/* Labels, without a final dot. */
static enum value_error check_labels(struct khap_str s)
{
    size_t label = 0;
    if (s.len == 0)
        return VALUE_SYNTAX;
    for (size_t i = 0; i <= s.len; i++) {
        unsigned char c = i < s.len ? (unsigned char)s.ptr[i] : '.';
        if (c == '.') {
            if (label == 0)
                return VALUE_SYNTAX;
            if (label > LABEL_MAX)
                return VALUE_RANGE;
            label = 0;
        } else if (khap__is_alnum(c) || c == '-' || c == '_') {
            label++;
        } else {
            return VALUE_SYNTAX;
        }
    }
    return s.len > HOST_MAX ? VALUE_RANGE : VALUE_OK;
}

static struct khap_str without_final_dot(struct khap_str s)
{
    return s.len > 1 && s.ptr[s.len - 1] == '.' ? khap__str_sub(s, 0, s.len - 1) : s;
}

enum value_error khap__hostname_check(struct khap_str s)
{
    s = without_final_dot(s);
    enum value_error error = check_labels(s);
    return error == VALUE_OK && ends_in_number(s) ? VALUE_SYNTAX : error;
}

static struct khap_str lower(struct khap_str s, char *space)
{
    size_t i = 0;
    while (i < s.len && !is_upper((unsigned char)s.ptr[i]))
        i++;
    if (i == s.len)
        return s;
    for (i = 0; i < s.len; i++)
        space[i] = (char)khap__lower((unsigned char)s.ptr[i]);
    return (struct khap_str){space, s.len};
}

/* "[2001:DB8:0::1]": clients send the canonical text, so that is what must be compared with. */
static enum value_error parse_v6(struct khap_str s, char *space, struct host *out)
{
    uint8_t ip[16];
    if (s.len < 4 || s.ptr[s.len - 1] != ']' || !khap__ipv6_parse(khap__str_sub(s, 1, s.len - 2), ip))
        return VALUE_SYNTAX;
    char text[KHAP__IP_TEXT];
    size_t len = khap__ipv6_print(text, ip);
    out->kind = HOST_IP;
    /* One zero group written as "::" is shorter than the canonical text; then there is no room for that. */
    if (len + 2 > s.len || (len + 2 == s.len && memcmp(text, s.ptr + 1, len) == 0)) {
        out->name = lower(s, space);
        return VALUE_OK;
    }
    space[0] = '[';
    memcpy(space + 1, text, len);
    space[len + 1] = ']';
    out->name = (struct khap_str){space, len + 2};
    return VALUE_OK;
}

enum value_error khap__host_parse(struct khap_str s, char *space, struct host *out)
{
    if (s.len > 0 && s.ptr[0] == '[')
        return parse_v6(s, space, out);
    uint8_t ip[16];
    if (khap__ipv4_parse(s, ip)) {
        *out = (struct host){.kind = HOST_IP, .name = s};
        return VALUE_OK;
    }
    uint8_t kind = HOST_EXACT;
    if (khap__str_starts(s, S("*."))) {
        kind = HOST_WILDCARD;
        s = khap__str_sub(s, 2, s.len - 2);
    }
    if (khap__str_find(s, '*') < s.len)
        return s.len == 1 ? VALUE_SYNTAX : VALUE_UNIT;
    s = without_final_dot(s);
    enum value_error error = check_labels(s);
    if (error == VALUE_OK && kind == HOST_WILDCARD && s.len + 2 > HOST_MAX)
        error = VALUE_RANGE;
    if (error == VALUE_OK && ends_in_number(s))
        error = VALUE_SYNTAX;
    if (error != VALUE_OK)
        return error;
    *out = (struct host){.kind = kind, .name = lower(s, space)};
    return VALUE_OK;
}

unsigned khap__host_labels(struct khap_str name)
{
    unsigned n = name.len > 0;
    for (size_t i = 0; i < name.len; i++)
        n += name.ptr[i] == '.';
    return n;
}

bool khap__host_covers(const struct host *pattern, struct khap_str name)
{
    if (pattern->kind != HOST_WILDCARD)
        return khap__str_eq(pattern->name, name);
    return name.len > pattern->name.len + 1 && khap__str_ends(name, pattern->name) &&
           name.ptr[name.len - pattern->name.len - 1] == '.';
}

bool khap__name_valid(struct khap_str s, size_t *bad_at)
{
    size_t at = 0;
    while (at < s.len && at < NAME_MAX_BYTES) {
        unsigned char c = (unsigned char)s.ptr[at];
        if (!khap__is_alnum(c) && c != '.' && c != '_' && c != ':' && c != '-')
            break;
        at++;
    }
    if (bad_at != NULL)
        *bad_at = at;
    return s.len > 0 && at == s.len;
}

static bool is_token(unsigned char c)
{
    return khap__is_alnum(c) || (c > 0x20 && c < 0x7f && memchr("!#$%&'*+-.^_`|~", c, 15) != NULL);
}

static bool token(struct khap_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token((unsigned char)s.ptr[i]))
            return false;
    return s.len > 0;
}

bool khap__header_name_valid(struct khap_str s)
{
    return token(s);
}

bool khap__cookie_name_valid(struct khap_str s)
{
    return token(s);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

enum value_error khap__header_value_check(struct khap_str s, size_t *bad_at)
{
    size_t at = 0;
    bool bad = s.len == 0 || is_blank(s.ptr[0]);
    for (; !bad && at < s.len; at += !bad) {
        unsigned char c = (unsigned char)s.ptr[at];
        bad = (c < 0x20 && c != '\t') || c == 0x7f;
    }
    if (!bad && is_blank(s.ptr[s.len - 1])) {
        bad = true;
        at = s.len - 1;
    }
    if (bad_at != NULL)
        *bad_at = at;
    return bad ? VALUE_SYNTAX : VALUE_OK;
}
