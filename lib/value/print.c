/* Trees as text. SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/logformat.h"
#include "value/parse.h"

/* The terms of an .if that are printed as words of their own; with more, a line could not hold them. */
enum { MOST_TERMS = 31 };

struct printer {
    struct buf *b;
    const struct value_rules *rules;
    const struct khap_sink *sink;
    enum khap_status status;
    bool split; /* an .if: each term and operator is a word */
};

static void end_word(struct printer *p)
{
    if (p->status != KHAP_OK)
        return;
    if (p->b->failed)
        p->status = KHAP_ENOMEM;
    else if (p->sink->write(p->sink->ctx, p->b->len > 0 ? p->b->ptr : "", p->b->len) != 0)
        p->status = KHAP_EIO;
    khap__buf_clear(p->b);
}

static void word(struct printer *p, struct khap_str text)
{
    khap__buf_add(p->b, text);
    end_word(p);
}

/* Between two terms of an .if. */
static void between(struct printer *p, struct khap_str sign)
{
    if (p->split) {
        end_word(p);
        word(p, sign);
        return;
    }
    khap__buf_char(p->b, ' ');
    khap__buf_add(p->b, sign);
    khap__buf_char(p->b, ' ');
}

static bool is_first(const struct khap_node *node)
{
    return node->parent->first == node;
}

static void mark(struct printer *p, const struct khap_node *node)
{
    if (node->negated)
        khap__buf_char(p->b, '!');
}

static void enter_acl(struct printer *p, const struct khap_node *acl)
{
    if (acl->parent == NULL) {
        word(p, acl->text);
        return;
    }
    mark(p, acl);
    word(p, S("{"));
}

/* A predicate always: what follows it at once would else belong to its name. */
static bool takes_parentheses(const struct khap_node *call)
{
    return call->first != NULL || call->kind == KHAP_NODE_PREDICATE;
}

static void enter_call(struct printer *p, const struct khap_node *node)
{
    if (node->kind == KHAP_NODE_PREDICATE)
        mark(p, node);
    khap__buf_add(p->b, node->text);
    if (takes_parentheses(node))
        khap__buf_char(p->b, '(');
}

/* The options are children of an item, in a row; this is one of them. */
static void enter_option(struct printer *p, const struct khap_node *node, bool behind)
{
    khap__buf_char(p->b, behind ? ',' : '{');
    khap__buf_add(p->b, node->text);
    if (node->next == NULL || node->next->kind != KHAP_NODE_OPTION)
        khap__buf_char(p->b, '}');
}

/* What begins an item of a format: the % and what stands in parentheses; its options are printed as they come. */
static void enter_item(struct printer *p, const struct khap_node *item)
{
    const struct khap_node *name = item->first;
    khap__buf_char(p->b, '%');
    if (name == NULL || name->kind != KHAP_NODE_NAME)
        return;
    khap__buf_char(p->b, '(');
    khap__buf_add(p->b, name->text);
    if (name->next != NULL && name->next->kind == KHAP_NODE_TYPE) {
        khap__buf_char(p->b, ':');
        khap__buf_add(p->b, name->next->text);
    }
    khap__buf_char(p->b, ')');
}

static void enter(struct printer *p, const struct khap_node *node, const struct khap_node *previous)
{
    switch ((enum khap_node_kind)node->kind) {
    case KHAP_NODE_EXPRESSION:
        if (node->parent != NULL && node->parent->kind == KHAP_NODE_SAMPLE)
            khap__buf_char(p->b, '[');
        break;
    case KHAP_NODE_FETCH:
    case KHAP_NODE_CONVERTER:
        if (!is_first(node))
            khap__buf_char(p->b, ',');
        enter_call(p, node);
        break;
    case KHAP_NODE_ARGUMENT:
        if (!is_first(node))
            khap__buf_char(p->b, ',');
        if (node->text.len == 0 && is_first(node) && node->next == NULL && p->rules->quotes)
            khap__buf_add(p->b, S("\"\"")); /* f() has no argument */
        else
            khap__argument_print(p->b, p->rules, node->text);
        break;
    case KHAP_NODE_ACL:
        enter_acl(p, node);
        break;
    case KHAP_NODE_OPERATOR:
    case KHAP_NODE_VALUE:
    case KHAP_NODE_FLAG:
    case KHAP_NODE_CONDITION:
        word(p, node->text);
        break;
    case KHAP_NODE_ALL:
        if (is_first(node))
            break;
        if (node->parent->kind == KHAP_NODE_CONDITION)
            word(p, S("or"));
        else
            between(p, S("||"));
        break;
    case KHAP_NODE_NAMED:
        mark(p, node);
        word(p, node->text);
        break;
    case KHAP_NODE_ANY:
    case KHAP_NODE_NUMBER:
    case KHAP_NODE_PREDICATE:
        if (node->parent == NULL)
            break;
        if (!is_first(node))
            between(p, S("&&"));
        if (node->kind == KHAP_NODE_PREDICATE) {
            enter_call(p, node);
        } else {
            mark(p, node);
            khap__buf_add(p->b, node->kind == KHAP_NODE_ANY ? S("(") : node->text);
        }
        break;
    case KHAP_NODE_FORMAT:
    case KHAP_NODE_NAME:
    case KHAP_NODE_TYPE:
        break;
    case KHAP_NODE_TEXT:
        khap__logformat_quote(p->b, node->text);
        break;
    case KHAP_NODE_ALIAS:
    case KHAP_NODE_SAMPLE:
        enter_item(p, node);
        break;
    case KHAP_NODE_OPTION:
        enter_option(p, node, previous->kind == KHAP_NODE_OPTION);
        break;
    }
}

static void leave(struct printer *p, const struct khap_node *node)
{
    switch ((int)node->kind) {
    case KHAP_NODE_EXPRESSION:
        if (node->parent != NULL && node->parent->kind == KHAP_NODE_SAMPLE)
            khap__buf_char(p->b, ']');
        else
            end_word(p);
        break;
    case KHAP_NODE_FETCH:
    case KHAP_NODE_CONVERTER:
    case KHAP_NODE_PREDICATE:
        if (takes_parentheses(node))
            khap__buf_char(p->b, ')');
        break;
    case KHAP_NODE_ACL:
        if (node->parent != NULL)
            word(p, S("}"));
        break;
    case KHAP_NODE_ANY:
        if (node->parent != NULL)
            khap__buf_char(p->b, ')');
        else if (node->first != NULL)
            end_word(p);
        break;
    case KHAP_NODE_FORMAT:
        end_word(p);
        break;
    case KHAP_NODE_ALIAS:
        if (khap__is_digit((unsigned char)node->text.ptr[0]) &&
            (node->last == NULL || node->last->kind != KHAP_NODE_OPTION))
            khap__buf_add(p->b, S("{}")); /* only options let it begin with a digit */
        khap__buf_add(p->b, node->text);
        break;
    default:
        break;
    }
}

static bool few_terms(const struct khap_node *root)
{
    unsigned n = 0;
    for (const struct khap_node *node = root; node != NULL && n <= MOST_TERMS;
         node = khap__node_walk(root, node))
        n += node->kind == KHAP_NODE_NUMBER || node->kind == KHAP_NODE_PREDICATE;
    return n <= MOST_TERMS;
}

enum khap_status khap__node_print(const struct khap_node *root, uint16_t release, struct buf *b,
                                  const struct khap_sink *sink)
{
    struct printer p = {b, khap__value_rules(release), sink, KHAP_OK, false};
    p.split = p.rules->operators && root->kind == KHAP_NODE_ANY && few_terms(root);
    const struct khap_node *node = root, *previous = root;
    khap__buf_clear(b);
    while (p.status == KHAP_OK) {
        enter(&p, node, previous);
        previous = node;
        if (node->first != NULL) {
            node = node->first;
            continue;
        }
        leave(&p, node);
        while (node != root && node->next == NULL) {
            node = node->parent;
            leave(&p, node);
        }
        if (node == root)
            break;
        node = node->next;
    }
    return p.status;
}
