/* HAProxy's log formats: %%, %alias, %{options}alias, %[expression], %(name:type)… SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/logformat.h"
#include "value/parse.h"

/* What stands at a %. Offsets in the text; absent parts have from == to == 0. */
struct part {
    uint32_t from, to;
};
struct item {
    enum { ITEM_TEXT, ITEM_ALIAS, ITEM_SAMPLE } what;
    bool named, typed, stray;
    struct part name, type, options;
    uint32_t at; /* the text that is meant, the alias, the expression */
};

/* %(name:type): c stands behind the parenthesis, and moves behind the other one. */
static bool item_name(struct value_parser *p, struct cursor *c, struct item *item)
{
    static const char types[][5] = {"str", "sint", "bool", "raw"};
    item->name.from = c->at;
    while (khap__is_alnum((unsigned char)khap__peek(c)) || khap__peek(c) == '_' || khap__peek(c) == '-')
        c->at++;
    item->name.to = c->at;
    item->named = true;
    if (khap__peek(c) == ':') {
        item->typed = true;
        item->type.from = ++c->at;
        while (khap__is_alpha((unsigned char)khap__peek(c)))
            c->at++;
        item->type.to = c->at;
    }
    if (c->at == c->s.len)
        return khap__value_fail(p, KHAP_VALUE_TRUNCATED, c, c->at, c->at);
    if (khap__peek(c) != ')')
        return khap__value_fail(p, KHAP_VALUE_BAD_NAME, c, c->at, c->at + 1);
    c->at++;
    if (!item->typed)
        return true;
    struct khap_str type = khap__str_sub(c->s, item->type.from, item->type.to - item->type.from);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (khap__str_eq(type, khap__str(types[i])))
            return true;
    return khap__value_fail(p, KHAP_VALUE_BAD_TYPE, c, item->type.from, item->type.to);
}

/* At a %: what it begins. c moves to what is meant. */
static bool classify(struct value_parser *p, struct cursor *c, struct item *item)
{
    uint32_t percent = c->at++;
    memset(item, 0, sizeof *item);
    if (p->rules->names && khap__peek(c) == '(') {
        c->at++;
        if (!item_name(p, c, item))
            return false;
    }
    if (khap__peek(c) == '{') {
        size_t close = khap__str_find(khap__str_sub(c->s, c->at, c->s.len), '}');
        item->options = (struct part){c->at + 1, c->at + (uint32_t)close};
        c->at += (uint32_t)close + 1;
        if (item->options.to >= c->s.len) {
            c->at = (uint32_t)c->s.len;
            return khap__value_fail(p, KHAP_VALUE_TRUNCATED, c, percent, c->at);
        }
        if (khap__peek(c) != '[' && !khap__is_alnum((unsigned char)khap__peek(c)))
            return khap__value_fail(p, KHAP_VALUE_BAD_ITEM, c, percent, c->at);
    } else if (khap__is_digit((unsigned char)khap__peek(c)) || khap__peek(c) == ' ' ||
               khap__peek(c) == '\t') {
        return khap__value_fail(p, KHAP_VALUE_BAD_ITEM, c, percent, c->at + 1);
    }
    item->at = c->at;
    if (c->at == c->s.len)
        return khap__value_fail(p, KHAP_VALUE_TRUNCATED, c, percent, c->at);
    if (khap__peek(c) == '[')
        item->what = ITEM_SAMPLE;
    else if (khap__is_alnum((unsigned char)khap__peek(c)))
        item->what = ITEM_ALIAS;
    else
        item->stray = khap__peek(c) != '%';
    return true;
}

/*
 * Text up to the next item or the end, written to `to` unless that is NULL, and its length. c moves behind it; an item that is not good is left for
 * the caller to meet.
 */
static uint32_t text_run(struct value_parser *p, struct cursor *c, char *to)
{
    uint32_t len = 0;
    struct value_parser quiet = *p;
    quiet.error = NULL;
    while (c->at < c->s.len) {
        struct khap_str rest = khap__str_sub(c->s, c->at, c->s.len);
        uint32_t n = (uint32_t)khap__str_find(rest, '%');
        if (n == 0) {
            struct cursor next = *c;
            struct item item;
            if (!classify(&quiet, &next, &item) || item.what != ITEM_TEXT)
                break;
            if (item.stray && p->stray == UINT32_MAX)
                p->stray = c->at;
            c->at = item.at;
            n = 1; /* what follows a stray %, or the second one */
        }
        if (to != NULL)
            memcpy(to + len, c->s.ptr + c->at, n);
        len += n;
        c->at += n;
    }
    return len;
}

static bool text(struct value_parser *p, struct cursor *c, struct khap_node *format)
{
    struct cursor from = *c;
    uint32_t len = text_run(p, c, NULL);
    if (len == 0 || p->arena == NULL)
        return true;
    struct khap_node *node = khap__node_add(p, format, KHAP_NODE_TEXT);
    if (node == NULL)
        return false;
    khap__node_place(p, node, c, from.at, c->at);
    node->text = khap__str_sub(c->s, from.at, len);
    if (len == c->at - from.at)
        return true;
    char *copy = khap__arena_bytes(p->arena, len);
    if (copy == NULL) {
        p->status = KHAP_ENOMEM;
        return false;
    }
    text_run(p, &from, copy);
    node->text = (struct khap_str){copy, len};
    return true;
}

static bool part(struct value_parser *p, const struct cursor *c, struct khap_node *item,
                 enum khap_node_kind kind, struct part at)
{
    struct khap_node *node = khap__node_add(p, item, kind);
    if (node == NULL)
        return false;
    node->text = khap__str_sub(c->s, at.from, at.to - at.from);
    khap__node_place(p, node, c, at.from, at.to);
    return true;
}

static bool options(struct value_parser *p, const struct cursor *c, struct khap_node *node, struct part all)
{
    for (uint32_t at = all.from; at < all.to;) {
        struct khap_str rest = khap__str_sub(c->s, at, all.to - at);
        uint32_t n = (uint32_t)khap__str_find(rest, ',');
        if (n > 0 && !part(p, c, node, KHAP_NODE_OPTION, (struct part){at, at + n}))
            return false;
        at += n + 1;
    }
    return true;
}

/* At the [ of an expression; moves behind its ]. */
static bool sample(struct value_parser *p, struct cursor *c, struct khap_node *node, uint32_t percent)
{
    struct cursor inner = *c;
    inner.at++;
    if (!p->rules->quotes) {
        size_t end = khap__str_find(khap__str_sub(c->s, inner.at, c->s.len), ']');
        inner.s.len = inner.at + end;
        if (inner.s.len >= c->s.len)
            return khap__value_fail(p, KHAP_VALUE_TRUNCATED, c, percent, (uint32_t)c->s.len);
    }
    if (!khap__expression_parse(p, &inner, node, true, p->rules->quotes, NULL))
        return false;
    c->at = inner.at;
    if (c->at == c->s.len)
        return khap__value_fail(p, KHAP_VALUE_NO_BRACKET, c, percent, c->at);
    if (khap__peek(c) != ']')
        return khap__value_fail(p, KHAP_VALUE_NO_BRACKET, c, c->at, c->at + 1);
    c->at++;
    return true;
}

static bool one_item(struct value_parser *p, struct cursor *c, struct khap_node *format)
{
    uint32_t percent = c->at;
    struct item item;
    if (!classify(p, c, &item))
        return false;
    struct khap_node *node =
        khap__node_add(p, format, item.what == ITEM_ALIAS ? KHAP_NODE_ALIAS : KHAP_NODE_SAMPLE);
    if (node == NULL)
        return false;
    if ((item.named && !part(p, c, node, KHAP_NODE_NAME, item.name)) ||
        (item.typed && !part(p, c, node, KHAP_NODE_TYPE, item.type)) || !options(p, c, node, item.options))
        return false;
    if (item.what == ITEM_SAMPLE) {
        if (!sample(p, c, node, percent))
            return false;
    } else {
        while (khap__is_alnum((unsigned char)khap__peek(c)))
            c->at++;
        node->text = khap__str_sub(c->s, item.at, c->at - item.at);
    }
    khap__node_place(p, node, c, percent, c->at);
    return true;
}

bool khap__format_parse(struct value_parser *p, struct cursor *c, struct khap_node **root)
{
    struct khap_node *format = khap__node_add(p, NULL, KHAP_NODE_FORMAT);
    if (format == NULL)
        return false;
    while (c->at < c->s.len) {
        p->item = c->at;
        if (!text(p, c, format))
            return false;
        p->item = c->at;
        if (c->at < c->s.len && !one_item(p, c, format))
            return false;
    }
    khap__node_place(p, format, c, 0, (uint32_t)c->s.len);
    *root = format;
    return true;
}

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

enum value_error khap__logformat_check(struct khap_str s, size_t *bad_at)
{
    struct khap_value_word word = {s, 0};
    struct value_parser p;
    struct cursor c = {s, 0, 0};
    struct khap_node *root;
    size_t at = s.len;
    khap__value_parser_init(&p, NULL, KHAP_NEWEST, &word, 1);
    if (s.len >= UINT32_MAX)
        at = 0;
    else if (!khap__format_parse(&p, &c, &root))
        at = p.item;
    if (p.stray < at)
        at = p.stray;
    if (bad_at != NULL && at < s.len)
        *bad_at = at;
    return at < s.len ? VALUE_SYNTAX : VALUE_OK;
}
