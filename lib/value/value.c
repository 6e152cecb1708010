/* The public face of the trees. SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/tree.h"

struct khap_value {
    struct arena arena;
    const struct khap_node *root;
    uint16_t release;
};

/* The part of a caller's struct that it knows. */
static void give_error(struct khap_value_error *to, const struct khap_value_error *from)
{
    size_t size = to->size < sizeof *from ? to->size : sizeof *from, known = to->size;
    memcpy(to, from, size);
    to->size = known;
}

static enum khap_status copy_words(struct arena *arena, const struct khap_value_word *words, size_t n,
                                   struct khap_value_word **out)
{
    struct khap_value_word *copy = khap__arena_alloc(arena, n, sizeof *copy);
    if (copy == NULL)
        return KHAP_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        copy[i].variable = words[i].variable;
        if (words[i].text.ptr == NULL && words[i].text.len > 0)
            return KHAP_EINVAL;
        if (words[i].text.len >= UINT32_MAX)
            return KHAP_ELIMIT;
        enum khap_status status = khap__arena_dup(arena, words[i].text, &copy[i].text);
        if (status != KHAP_OK)
            return status;
    }
    *out = copy;
    return KHAP_OK;
}

enum khap_status khap_value_parse(const struct khap_alloc *alloc, uint32_t kind, uint16_t release,
                                  const struct khap_value_word *words, size_t n, struct khap_value **out,
                                  struct khap_value_error *error)
{
    struct khap_value_error found = {sizeof found, KHAP_VALUE_GOOD, {0, 0, 0, 0}};
    if (out == NULL || (words == NULL && n > 0) || (error != NULL && error->size < sizeof error->size))
        return KHAP_EINVAL;
    *out = NULL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_value *value = khap__alloc(&a, 1, sizeof *value);
    if (value == NULL)
        return KHAP_ENOMEM;
    khap__arena_init(&value->arena, &a);
    value->release = release;
    struct khap_value_word *copy;
    enum khap_status status = copy_words(&value->arena, words, n, &copy);
    if (status == KHAP_OK)
        status = khap__value_parse(&value->arena, kind, release, copy, n, &value->root, &found);
    if (error != NULL)
        give_error(error, &found);
    if (status == KHAP_OK)
        *out = value;
    else
        khap_value_free(value);
    return status;
}

void khap_value_free(struct khap_value *value)
{
    if (value == NULL)
        return;
    struct khap_alloc a = value->arena.alloc;
    khap__arena_free(&value->arena);
    khap__free(&a, value, 1, sizeof *value);
}

const char *khap_value_problem_text(uint32_t problem)
{
    switch ((enum khap_value_problem)problem) {
    case KHAP_VALUE_GOOD:
        return "nothing is wrong";
    case KHAP_VALUE_NO_FETCH:
        return "the name of a sample fetch is missing";
    case KHAP_VALUE_NO_CONVERTER:
        return "the name of a converter is missing";
    case KHAP_VALUE_NO_COMMA:
        return "a comma is missing before what follows";
    case KHAP_VALUE_OPEN_ARGUMENTS:
        return "no ) ends these arguments; perhaps a quote stays open";
    case KHAP_VALUE_BAD_ACL_NAME:
        return "the name of an ACL is letters, digits, '.', '_', ':' and '-', and not 'or'";
    case KHAP_VALUE_BAD_FLAG:
        return "not a flag of an ACL; '--' goes before values that begin with '-'";
    case KHAP_VALUE_FLAG_VALUE:
        return "the flag wants a value, and -u an integer";
    case KHAP_VALUE_NO_KEYWORD:
        return "a condition begins with 'if' or 'unless'";
    case KHAP_VALUE_OPEN_BRACE:
        return "no word } ends this ACL";
    case KHAP_VALUE_TRUNCATED:
        return "the text ends within this item; '%%' is a percent sign";
    case KHAP_VALUE_BAD_ITEM:
        return "no alias or expression follows; '%%' is a percent sign";
    case KHAP_VALUE_NO_BRACKET:
        return "the expression wants a ] here";
    case KHAP_VALUE_BAD_NAME:
        return "the name of an item is letters, digits, '_' and '-'";
    case KHAP_VALUE_BAD_TYPE:
        return "the type of an item is str, sint, bool or raw";
    case KHAP_VALUE_NO_TERM:
        return "a term of the condition is missing";
    case KHAP_VALUE_BAD_PREDICATE:
        return "no predicate that this release knows";
    case KHAP_VALUE_ARGUMENTS:
        return "too few or too many arguments";
    case KHAP_VALUE_NO_PARENTHESIS:
        return "a ) is missing";
    case KHAP_VALUE_REST:
        return "the condition has ended before this";
    case KHAP_VALUE_TOO_DEEP:
        return "more terms and parentheses than HAProxy takes";
    }
    return "unknown problem";
}

const struct khap_node *khap_value_root(const struct khap_value *value)
{
    return value->root;
}

const struct khap_node *khap_node_first(const struct khap_node *node)
{
    return node->first;
}

const struct khap_node *khap_node_next(const struct khap_node *node)
{
    return node->next;
}

const struct khap_node *khap_node_parent(const struct khap_node *node)
{
    return node->parent;
}

uint32_t khap_node_kind(const struct khap_node *node)
{
    return node->kind;
}

struct khap_str khap_node_text(const struct khap_node *node)
{
    return node->text;
}

int khap_node_negated(const struct khap_node *node)
{
    return node->negated;
}

int khap_node_variable(const struct khap_node *node)
{
    return node->variable;
}

struct khap_span khap_node_span(const struct khap_node *node)
{
    return node->span;
}

int khap_node_equal(const struct khap_node *a, const struct khap_node *b)
{
    return khap__node_equal(a, b);
}

enum khap_status khap_value_print(const struct khap_value *value, const struct khap_sink *sink)
{
    if (value == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    struct buf b;
    khap__buf_init(&b, &value->arena.alloc);
    enum khap_status status = khap__node_print(value->root, value->release, &b, sink);
    khap__buf_free(&b);
    return status;
}

int khap_value_decide(const struct khap_value *value, const struct khap_target *target,
                      const struct khap_if_facts *facts)
{
    struct khap_if_facts known = {.size = sizeof known};
    if (value == NULL || target == NULL || value->root->kind != KHAP_NODE_ANY)
        return KHAP_UNKNOWN;
    if (facts != NULL)
        memcpy(&known, facts, facts->size < sizeof known ? facts->size : sizeof known);
    return (int)khap__if_decide(value->root, target, &known);
}
