/* Sample expressions: fetch(arguments),converter(arguments),… SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/parse.h"

static bool is_name(char c)
{
    return khap__is_alnum((unsigned char)c) || c == '.' || c == '_' || c == '-' || c == '+' || c == ':';
}

/* What a backslash and this byte mean in an argument; 0: the backslash stands for itself. */
static char escaped(char c)
{
    switch (c) {
    case '\\':
    case ' ':
    case '"':
    case '\'':
        return c;
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* The end of the argument that begins at `at`: its , or ) or the end of the text. */
static uint32_t argument_end(const struct value_rules *rules, struct khap_str s, uint32_t at, bool *plain)
{
    char quote = '\0';
    for (*plain = true; at < s.len; at++) {
        char c = s.ptr[at];
        if (quote == '\0' && (c == ',' || c == ')'))
            break;
        if (!rules->quotes)
            continue;
        if ((c == '"' && quote != '\'') || (c == '\'' && quote != '"')) {
            quote = quote == '\0' ? c : '\0';
            *plain = false;
        } else if (c == '\\' && quote != '\'' && at + 1 < s.len && escaped(s.ptr[at + 1]) != '\0') {
            at++;
            *plain = false;
        }
    }
    return at;
}

/* Nothing becomes longer by being decoded. */
static size_t decode(char *to, struct khap_str raw)
{
    char quote = '\0', *start = to;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i], other = '\0';
        if ((c == '"' && quote != '\'') || (c == '\'' && quote != '"')) {
            quote = quote == '\0' ? c : '\0';
            continue;
        }
        if (c == '\\' && quote != '\'' && i + 1 < raw.len)
            other = escaped(raw.ptr[i + 1]);
        if (other != '\0')
            i++;
        *to++ = other != '\0' ? other : c;
    }
    return (size_t)(to - start);
}

static bool argument(struct value_parser *p, const struct cursor *c, struct khap_node *call, uint32_t to,
                     bool plain)
{
    struct khap_node *node = khap__node_add(p, call, KHAP_NODE_ARGUMENT);
    if (node == NULL)
        return false;
    if (p->arena == NULL)
        return true;
    khap__node_place(p, node, c, c->at, to);
    node->text = khap__str_sub(c->s, c->at, to - c->at);
    if (plain)
        return true;
    char *decoded = khap__arena_bytes(p->arena, node->text.len);
    if (decoded == NULL) {
        p->status = KHAP_ENOMEM;
        return false;
    }
    node->text = (struct khap_str){decoded, decode(decoded, node->text)};
    return true;
}

bool khap__arguments_parse(struct value_parser *p, struct cursor *c, struct khap_node *call)
{
    if (khap__peek(c) != '(')
        return true;
    uint32_t open = c->at++;
    if (khap__peek(c) == ')') {
        c->at++;
        return true;
    }
    for (;;) {
        bool plain;
        uint32_t end = argument_end(p->rules, c->s, c->at, &plain);
        if (end == c->s.len)
            return khap__value_fail(p, KHAP_VALUE_OPEN_ARGUMENTS, c, open, end);
        if (!argument(p, c, call, end, plain))
            return false;
        c->at = end + 1;
        if (c->s.ptr[end] == ')')
            return true;
    }
}

void khap__argument_print(struct buf *b, const struct value_rules *rules, struct khap_str value)
{
    bool bare = true;
    for (size_t i = 0; i < value.len && bare; i++)
        bare = strchr(",)\"'\\", value.ptr[i]) == NULL;
    if (bare || !rules->quotes) {
        khap__buf_add(b, value);
        return;
    }
    khap__buf_char(b, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            khap__buf_char(b, '\\');
        khap__buf_char(b, value.ptr[i]);
    }
    khap__buf_char(b, '"');
}

/* One fetch or converter with its arguments. */
static bool call(struct value_parser *p, struct cursor *c, struct khap_node *expression,
                 enum khap_node_kind kind)
{
    uint32_t from = c->at;
    while (is_name(khap__peek(c)))
        c->at++;
    if (c->at == from) {
        enum khap_value_problem missing =
            kind == KHAP_NODE_FETCH ? KHAP_VALUE_NO_FETCH : KHAP_VALUE_NO_CONVERTER;
        return khap__value_fail(p, missing, c, from, from);
    }
    struct khap_node *node = khap__node_add(p, expression, kind);
    if (node == NULL)
        return false;
    struct khap_str name = khap__str_sub(c->s, from, c->at - from);
    if (!khap__arguments_parse(p, c, node))
        return false;
    node->text = name;
    khap__node_place(p, node, c, from, c->at);
    return true;
}

bool khap__expression_parse(struct value_parser *p, struct cursor *c, struct khap_node *parent, bool fetch,
                            bool ends, struct khap_node **out)
{
    uint32_t from = c->at;
    struct khap_node *expression = khap__node_add(p, parent, KHAP_NODE_EXPRESSION);
    if (expression == NULL)
        return false;
    if (out != NULL)
        *out = expression;
    bool more = call(p, c, expression, fetch ? KHAP_NODE_FETCH : KHAP_NODE_CONVERTER);
    while (more && khap__peek(c) == ',') {
        while (khap__peek(c) == ',') /* any number of them, also at the end of a word */
            c->at++;
        if (c->at == c->s.len && !ends)
            break;
        more = call(p, c, expression, KHAP_NODE_CONVERTER);
    }
    if (!more)
        return false;
    if (c->at < c->s.len && !ends)
        return khap__value_fail(p, KHAP_VALUE_NO_COMMA, c, c->at, c->at + 1);
    khap__node_place(p, expression, c, from, c->at);
    return true;
}
