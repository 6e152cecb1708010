/* route/expression.c - sample expressions and log formats: how they are read, and what they give. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

/* ---- reading */

static struct khap_str *read_arguments(struct compiling *c, const struct khap_node *node, uint32_t *n,
                                       bool *unknown)
{
    *n = 0;
    for (const struct khap_node *a = node->first; a != NULL; a = a->next)
        ++*n;
    struct khap_str *arguments = khap__arena_zalloc(&c->route->arena, *n + 1, sizeof *arguments);
    if (arguments == NULL) {
        c->status = KHAP_ENOMEM;
        return NULL;
    }
    uint32_t i = 0;
    for (const struct khap_node *a = node->first; a != NULL; a = a->next) {
        arguments[i++] = a->text;
        *unknown = *unknown || a->variable;
    }
    return arguments;
}

/* `map_beg_int(FILE,0)`: what is compared how. */
static bool read_map(struct compiling *c, struct call *call)
{
    struct khap_str name = call->name, method = khap__str_sub(name, 4, name.len);
    static const struct khap_str endings[] = {{"_int", 4}, {"_ip", 3}, {"_key", 4}};
    for (size_t i = 0; i < 3; i++) {
        if (khap__str_ends(method, endings[i]))
            method.len -= endings[i].len;
    }
    struct pattern_map *map = khap__arena_zalloc(&c->route->arena, 1, sizeof *map);
    if (map == NULL) {
        c->status = KHAP_ENOMEM;
        return false;
    }
    khap__map_init(&map->patterns.exact, &c->route->alloc);
    map->patterns.method = (uint8_t)(method.len == 0 ? MATCH_STR : khap__routing_method(method));
    map->path = call->arguments[0];
    for (struct pattern_map *old = c->route->maps; old != NULL; old = old->next) {
        if (old->patterns.method == map->patterns.method && khap__str_eq(old->path, map->path)) {
            call->map = &old->patterns;
            return true;
        }
    }
    map->next = c->route->maps;
    c->route->maps = map;
    call->map = &map->patterns;
    khap__patterns_file(c, &map->patterns, map->path, true);
    return c->status == KHAP_OK;
}

static bool read_regex(struct compiling *c, struct call *call)
{
    struct khap_str flags = call->n > 2 ? call->arguments[2] : S("");
    struct regex_node *node = khap__arena_zalloc(&c->route->arena, 1, sizeof *node);
    if (node == NULL) {
        c->status = KHAP_ENOMEM;
        return false;
    }
    enum khap_status status = khap__regex_groups(&c->route->alloc, call->arguments[0],
                                                 khap__str_find(flags, 'i') < flags.len, &node->regex);
    if (status == KHAP_EINPUT)
        return true;
    c->status = status;
    if (status != KHAP_OK)
        return false;
    node->next = c->route->regexes;
    c->route->regexes = node;
    call->regex = node->regex;
    return true;
}

/* `rand(100)`, as a person would write it. */
static struct khap_str written(struct compiling *c, const struct khap_node *node)
{
    struct buf b;
    struct khap_str text = {NULL, 0};
    khap__buf_init(&b, &c->route->alloc);
    khap__buf_add(&b, node->text);
    for (const struct khap_node *a = node->first; a != NULL; a = a->next) {
        khap__buf_char(&b, a == node->first ? '(' : ',');
        khap__buf_add(&b, a->text);
    }
    if (node->first != NULL)
        khap__buf_char(&b, ')');
    if (b.failed || khap__arena_dup(&c->route->arena, khap__buf_str(&b), &text) != KHAP_OK)
        c->status = KHAP_ENOMEM;
    khap__buf_free(&b);
    return text;
}

static bool read_call(struct compiling *c, const struct khap_node *node, bool acl, struct call *call,
                      uint8_t *type, enum match_method *method)
{
    bool converter = node->kind == KHAP_NODE_CONVERTER, unknown = node->variable;
    const struct schema_row *criterion = NULL;
    struct khap_str name = node->text;
    if (acl && !converter)
        criterion = khap__schema_find(TABLE_ACL, name, c->route->release, NULL);
    if (criterion != NULL) {
        name = khap__schema_text(criterion->of);
        *method = khap__routing_method(khap__schema_text(criterion->match));
    }
    *call = (struct call){.name = name, .text = written(c, node), .place = c->place};
    call->row = khap__schema_find(converter ? TABLE_CONVERTER : TABLE_FETCH, name, c->route->release, NULL);
    call->arguments = read_arguments(c, node, &call->n, &unknown);
    if (call->arguments == NULL)
        return false;
    if (call->row == NULL || unknown) {
        *type = SAMPLE_NONE;
        return true;
    }
    *type = (uint8_t)khap__schema_sample_after((enum schema_sample) * type, call->row);
    if (converter)
        call->convert = khap__routing_convert(name);
    else
        call->fetch = khap__routing_fetch(name);
    if (converter && khap__str_starts(name, S("map")) && call->n > 0 && call->convert != NULL)
        return read_map(c, call);
    if (converter && khap__str_eq(name, S("regsub")) && call->n > 1)
        return read_regex(c, call);
    return true;
}

struct expression *khap__routing_expression(struct compiling *c, const struct khap_node *node, bool acl,
                                            uint8_t *type, enum match_method *method)
{
    uint32_t n = 0;
    for (const struct khap_node *call = node->first; call != NULL; call = call->next)
        n++;
    struct expression *e = khap__arena_zalloc(&c->route->arena, 1, sizeof *e);
    if (e != NULL)
        e->calls = khap__arena_zalloc(&c->route->arena, n + 1, sizeof *e->calls);
    if (e == NULL || e->calls == NULL) {
        c->status = KHAP_ENOMEM;
        return NULL;
    }
    for (const struct khap_node *call = node->first; call != NULL; call = call->next) {
        if (!read_call(c, call, acl, &e->calls[e->n++], type, method))
            return NULL;
    }
    if (e->n > 1) /* behind a converter the type of its sample says how it is compared, not the criterion */
        *method = MATCH_NONE;
    return e;
}

const struct format *khap__routing_format_of(struct compiling *c, const struct khap_node *node)
{
    struct format *format = khap__arena_zalloc(&c->route->arena, 1, sizeof *format);
    uint32_t n = 0;
    for (const struct khap_node *part = node->first; part != NULL; part = part->next)
        n++;
    if (format != NULL)
        format->parts = khap__arena_zalloc(&c->route->arena, n + 1, sizeof *format->parts);
    if (format == NULL || format->parts == NULL) {
        c->status = KHAP_ENOMEM;
        return NULL;
    }
    for (const struct khap_node *part = node->first; part != NULL; part = part->next) {
        struct format_part *p = &format->parts[format->n++];
        uint8_t type = SAMPLE_NONE;
        enum match_method method = MATCH_NONE;
        p->text = part->text;
        p->alias = part->kind == KHAP_NODE_ALIAS;
        for (const struct khap_node *inner = part->first; inner != NULL; inner = inner->next) {
            p->plain = p->plain || inner->kind == KHAP_NODE_OPTION;
            if (inner->kind == KHAP_NODE_EXPRESSION &&
                (p->expression = khap__routing_expression(c, inner, false, &type, &method)) == NULL)
                return NULL;
        }
        p->place = c->place;
    }
    return format;
}

/* ---- types */

bool khap__routing_to_text(struct asking *a, const struct sample *s, struct khap_str *text)
{
    char digits[24], address[KHAP__IP_TEXT];
    size_t n = 0;
    uint64_t number = s->number < 0 ? 0 - (uint64_t)s->number : (uint64_t)s->number;
    if (s->state != SAMPLE_KNOWN)
        return false;
    switch (s->type) {
    case SAMPLE_BOOL:
    case SAMPLE_SINT:
        do {
            digits[sizeof digits - ++n] = (char)('0' + number % 10);
            number /= 10;
        } while (number > 0);
        if (s->number < 0)
            digits[sizeof digits - ++n] = '-';
        *text = khap__routing_keep(a, (struct khap_str){digits + sizeof digits - n, n});
        return true;
    case SAMPLE_IPV4:
        n = khap__ipv4_print(address, s->ip);
        *text = khap__routing_keep(a, (struct khap_str){address, n});
        return true;
    case SAMPLE_IPV6:
        n = khap__ipv6_print(address, s->ip);
        *text = khap__routing_keep(a, (struct khap_str){address, n});
        return true;
    case SAMPLE_BIN: /* as a text it ends before a NUL */
        *text = khap__str_sub(s->text, 0, khap__str_find(s->text, '\0'));
        return true;
    default:
        *text = s->text;
        return true;
    }
}

/* The digits at the beginning, perhaps behind a minus; 0 without. */
static int64_t leading_number(struct khap_str s)
{
    size_t at = 0;
    bool minus = s.len > 0 && *s.ptr == '-';
    uint64_t n = 0;
    for (at = minus ? 1 : 0; at < s.len && khap__is_digit((unsigned char)s.ptr[at]); at++) {
        uint64_t digit = (uint64_t)(s.ptr[at] - '0');
        n = n > (INT64_MAX - digit) / 10 ? INT64_MAX : n * 10 + digit;
    }
    return minus ? -(int64_t)n : (int64_t)n;
}

bool khap__routing_to_number(const struct sample *s, int64_t *n)
{
    if (s->state != SAMPLE_KNOWN)
        return false;
    switch (s->type) {
    case SAMPLE_BOOL:
    case SAMPLE_SINT:
        *n = s->number;
        return true;
    case SAMPLE_IPV4:
        *n = (int64_t)((uint32_t)s->ip[0] << 24 | (uint32_t)s->ip[1] << 16 | (uint32_t)s->ip[2] << 8 |
                       s->ip[3]);
        return true;
    case SAMPLE_STR:
        *n = leading_number(s->text);
        return s->text.len > 0;
    default:
        return false;
    }
}

bool khap__routing_to_ip(const struct sample *s, struct network *ip)
{
    *ip = (struct network){.family = ADDRESS_V4, .bits = 32};
    if (s->state != SAMPLE_KNOWN)
        return false;
    if (s->type == SAMPLE_IPV4 || s->type == SAMPLE_IPV6) {
        bool six = s->type == SAMPLE_IPV6;
        ip->family = six ? ADDRESS_V6 : ADDRESS_V4;
        ip->bits = six ? 128 : 32;
        memcpy(ip->ip, s->ip, 16);
        return true;
    }
    if (s->type != SAMPLE_STR)
        return false;
    if (khap__ipv4_parse(s->text, ip->ip))
        return true;
    ip->family = ADDRESS_V6;
    ip->bits = 128;
    return khap__ipv6_parse(s->text, ip->ip);
}

/* Texts are bytes, a number is eight of them, the highest first, an address has four or sixteen. */
static void cast_to_bytes(struct asking *a, const struct call *call, struct sample *s)
{
    char bytes[16];
    size_t n = s->type == SAMPLE_SINT ? 8 : s->type == SAMPLE_IPV4 ? 4 : s->type == SAMPLE_IPV6 ? 16 : 0;
    if (s->type == SAMPLE_BOOL) {
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
        return;
    }
    for (size_t i = 0; i < n; i++)
        bytes[i] =
            s->type == SAMPLE_SINT ? (char)((uint64_t)s->number >> (56 - 8 * i) & 0xff) : (char)s->ip[i];
    if (n > 0)
        khap__sample_text(s, SAMPLE_BIN, khap__routing_keep(a, (struct khap_str){bytes, n}));
    s->type = SAMPLE_BIN;
}

/* What a converter takes. */
static void cast(struct asking *a, const struct call *call, struct sample *s)
{
    struct khap_str text;
    struct network ip;
    int64_t n;
    switch (call->row->in) {
    case SAMPLE_STR:
        if (s->type != SAMPLE_STR && khap__routing_to_text(a, s, &text))
            khap__sample_text(s, SAMPLE_STR, text);
        break;
    case SAMPLE_BIN:
        cast_to_bytes(a, call, s);
        break;
    case SAMPLE_SINT:
    case SAMPLE_BOOL:
        if (khap__routing_to_number(s, &n))
            khap__sample_number(s, SAMPLE_SINT, n);
        else
            s->state = SAMPLE_ABSENT;
        break;
    case SAMPLE_ADDR:
    case SAMPLE_IPV4:
    case SAMPLE_IPV6:
        if (!khap__routing_to_ip(s, &ip)) {
            s->state = SAMPLE_ABSENT;
            break;
        }
        *s = (struct sample){.state = SAMPLE_KNOWN,
                             .type = ip.family == ADDRESS_V4 ? SAMPLE_IPV4 : SAMPLE_IPV6};
        memcpy(s->ip, ip.ip, 16);
        break;
    default:
        break;
    }
}

/* ---- evaluating */

static void not_evaluated(struct asking *a, const struct call *call, struct sample *out)
{
    khap__sample_unknown(out, khap__routing_because(a, call->text, call->place));
}

static bool sets_variable(const struct call *call)
{
    return khap__str_eq(call->name, S("set-var")) || khap__str_eq(call->name, S("unset-var"));
}

void khap__routing_evaluate(struct asking *a, const struct expression *e, struct fetching *f,
                            struct sample *out)
{
    *out = (struct sample){.state = SAMPLE_ABSENT};
    if (e->n == 0)
        return;
    if (e->calls[0].fetch == NULL)
        not_evaluated(a, &e->calls[0], out);
    else
        e->calls[0].fetch(a, &e->calls[0], f, out);
    for (uint32_t i = 1; i < e->n; i++) {
        const struct call *call = &e->calls[i];
        if (out->state == SAMPLE_ABSENT)
            return;
        if (call->convert == NULL) {
            reasons why = out->state == SAMPLE_UNKNOWN ? out->why : 0;
            not_evaluated(a, call, out);
            out->why |= why;
            continue;
        }
        if (out->state == SAMPLE_UNKNOWN && sets_variable(call)) {
            call->convert(a, call, out);
            continue;
        }
        if (out->state == SAMPLE_UNKNOWN) {
            khap__routing_convert_unknown(call, out);
            continue;
        }
        cast(a, call, out);
        if (out->state == SAMPLE_KNOWN)
            call->convert(a, call, out);
    }
}

static void add_fetched(struct buf *b, struct khap_str text, bool http)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool control = http && ((c < ' ' && c != '\t') || c == 127);
        khap__buf_char(b, control ? '%' : text.ptr[i]);
        if (control)
            khap__routing_add_hex(b, c);
    }
}

void khap__routing_format(struct asking *a, const struct format *format, bool http, struct sample *out)
{
    reasons why = 0;
    const struct sample *alone = NULL;
    struct sample last;
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (uint32_t i = 0; i < format->n; i++) {
        const struct format_part *part = &format->parts[i];
        struct fetching f = {.all = false};
        struct sample sample;
        struct khap_str text;
        if (part->alias || part->plain) {
            why |= khap__routing_because(a, part->text.len > 0 ? part->text : S("a log format"), part->place);
        } else if (part->expression == NULL) {
            khap__buf_add(&b, part->text);
        } else {
            khap__routing_evaluate(a, part->expression, &f, &sample);
            last = sample;
            alone = format->n == 1 ? &last : NULL;
            if (sample.state == SAMPLE_UNKNOWN)
                why |= sample.why;
            else if (khap__routing_to_text(a, &sample, &text))
                add_fetched(&b, text, http);
        }
    }
    if (b.failed)
        a->no_memory = true;
    if (alone != NULL && alone->state == SAMPLE_UNKNOWN)
        *out = *alone;
    else if (why != 0)
        khap__sample_unknown(out, why);
    else
        khap__sample_text(out, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
}
