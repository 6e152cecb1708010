/* route/forwarded.c - converters that read a Forwarded field, RFC 7239. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

/* HAProxy knows four parameters; each may stand once. */
enum { FIELD_FOR, FIELD_BY, FIELD_HOST, FIELD_PROTO, FIELDS };
static const struct khap_str names[FIELDS] = {{"for", 3}, {"by", 2}, {"host", 4}, {"proto", 5}};

/* What takes part of a text, from *at on. */
struct node {
    struct sample name, port; /* port: absent when there is none */
};

static bool is_hidden(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || khap__is_digit((unsigned char)c) || c == '.' ||
           c == '_' || c == '-';
}

static bool is_host(char c)
{
    return is_hidden(c) && c != '_' && c != '-';
}

static bool is_dotted(char c)
{
    return khap__is_digit((unsigned char)c) || c == '.';
}

static bool is_colons(char c)
{
    return khap__hex((unsigned char)c) >= 0 || c == ':';
}

static struct khap_str take(struct khap_str text, size_t *at, bool (*is)(char c))
{
    size_t from = *at;
    while (*at < text.len && is(text.ptr[*at]))
        ++*at;
    return khap__str_sub(text, from, *at - from);
}

static bool take_char(struct khap_str text, size_t *at, char c)
{
    if (*at >= text.len || text.ptr[*at] != c)
        return false;
    ++*at;
    return true;
}

static bool take_digit_port(struct khap_str text, size_t *at, struct sample *out)
{
    int64_t n = 0;
    size_t from = *at;
    for (; *at < text.len && khap__is_digit((unsigned char)text.ptr[*at]); ++*at)
        n = n > 65535 ? n : n * 10 + (text.ptr[*at] - '0');
    khap__sample_number(out, SAMPLE_SINT, n);
    return *at > from && n > 0 && n <= 65535;
}

/* An underscore, and something that hides what it is. */
static bool take_hidden(struct khap_str text, size_t *at, struct sample *out)
{
    size_t from = *at;
    if (!take_char(text, at, '_'))
        return false;
    bool more = take(text, at, is_hidden).len > 0;
    khap__sample_text(out, SAMPLE_STR, khap__str_sub(text, from, *at - from));
    return more;
}

static bool take_v6(struct khap_str text, size_t *at, struct sample *out)
{
    *out = (struct sample){.state = SAMPLE_KNOWN, .type = SAMPLE_IPV6};
    return take_char(text, at, '[') && khap__ipv6_parse(take(text, at, is_colons), out->ip) &&
           take_char(text, at, ']');
}

/* `port`: one may follow. */
static bool take_node(struct khap_str text, size_t *at, bool port, struct node *out)
{
    char first = *at < text.len ? text.ptr[*at] : '\0';
    bool good;
    out->port = (struct sample){.state = SAMPLE_ABSENT};
    out->name = (struct sample){.state = SAMPLE_KNOWN, .type = SAMPLE_IPV4};
    if (first == '[') {
        good = port && take_v6(text, at, &out->name);
    } else if (first == '_') {
        good = take_hidden(text, at, &out->name);
    } else if (khap__str_starts(khap__str_sub(text, *at, text.len), S("unknown"))) {
        *at += 7;
        khap__sample_text(&out->name, SAMPLE_STR, S("unknown"));
        good = true;
    } else {
        good = khap__ipv4_parse(take(text, at, is_dotted), out->name.ip);
    }
    if (good && port && take_char(text, at, ':'))
        good = *at < text.len && text.ptr[*at] == '_' ? take_hidden(text, at, &out->port)
                                                      : take_digit_port(text, at, &out->port);
    return good;
}

static bool take_host(struct khap_str text, size_t *at, bool quoted)
{
    struct sample ignored;
    if (quoted && *at < text.len && text.ptr[*at] == '[') {
        if (!take_v6(text, at, &ignored))
            return false;
    } else if (take(text, at, is_host).len == 0) {
        return quoted || (*at < text.len && text.ptr[*at] == ';');
    }
    return !quoted || !take_char(text, at, ':') || take_digit_port(text, at, &ignored);
}

static bool take_value(struct khap_str text, size_t *at, int which, struct khap_str *value)
{
    struct node node;
    bool quoted = which != FIELD_PROTO && take_char(text, at, '"'), good;
    size_t from = *at;
    if (which == FIELD_HOST) {
        good = take_host(text, at, quoted);
    } else if (which == FIELD_PROTO) {
        good = khap__str_starts(khap__str_sub(text, *at, text.len), S("http"));
        *at += good ? 4 : 0;
        (void)take_char(text, at, 's');
    } else {
        good = take_node(text, at, quoted, &node);
    }
    *value = khap__str_sub(text, from, *at - from);
    return good && (!quoted || take_char(text, at, '"'));
}

/* Whether it is such a field as HAProxy understands. */
static bool read_field(struct khap_str text, struct khap_str values[FIELDS])
{
    bool seen[FIELDS] = {false};
    size_t at = 0;
    do {
        int which = 0;
        size_t name = 0;
        while (at + name < text.len && text.ptr[at + name] != '=')
            name++;
        while (which < FIELDS && !khap__str_eq(khap__str_sub(text, at, name), names[which]))
            which++;
        at += name;
        if (which == FIELDS || seen[which] || !take_char(text, &at, '=') ||
            !take_value(text, &at, which, &values[which]))
            return false;
        seen[which] = true;
    } while (take_char(text, &at, ';'));
    return at == text.len;
}

CONVERTER(convert_rfc7239_is_valid)
{
    struct khap_str values[FIELDS] = {{NULL, 0}};
    khap__sample_number(s, SAMPLE_BOOL, read_field(s->text, values));
}

CONVERTER(convert_rfc7239_field)
{
    struct khap_str values[FIELDS] = {{NULL, 0}};
    bool good = read_field(s->text, values);
    for (int i = 0; i < FIELDS && good; i++) {
        if (call->n > 0 && khap__str_eq(call->arguments[0], names[i]) && values[i].len > 0) {
            khap__sample_text(s, SAMPLE_STR, values[i]);
            return;
        }
    }
    s->state = SAMPLE_ABSENT;
}

static bool node_of(struct sample *s, struct node *node)
{
    size_t at = 0;
    bool good = take_node(s->text, &at, true, node);
    if (!good)
        s->state = SAMPLE_ABSENT;
    return good;
}

CONVERTER(convert_rfc7239_n2nn)
{
    struct node node;
    if (node_of(s, &node))
        *s = node.name;
}

CONVERTER(convert_rfc7239_n2np)
{
    struct node node;
    if (node_of(s, &node))
        *s = node.port;
}
