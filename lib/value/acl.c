/* ACLs, and the conditions of rules. SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/parse.h"

static struct cursor at_word(const struct value_parser *p, uint32_t word)
{
    struct cursor c = {{NULL, 0}, 0, word};
    if (word < p->n)
        c.s = p->words[word].text;
    return c;
}

static struct khap_str text_of(const struct value_parser *p, uint32_t word)
{
    return p->words[word].text;
}

static bool is_name(struct khap_str s)
{
    size_t i = 0;
    while (i < s.len && (khap__is_alnum((unsigned char)s.ptr[i]) || s.ptr[i] == '.' || s.ptr[i] == '_' ||
                         s.ptr[i] == ':' || s.ptr[i] == '-'))
        i++;
    return i > 0 && i == s.len && !khap__str_eq_nocase(s, S("or"));
}

static bool is(const struct value_parser *p, uint32_t word, struct khap_str text)
{
    return khap__str_eq(text_of(p, word), text);
}

/* An error that stands for a whole word, or for the place behind the last one. */
static bool fail_word(struct value_parser *p, enum khap_value_problem problem, uint32_t word, uint32_t end)
{
    struct cursor c = at_word(p, word);
    if (word < end)
        return khap__value_fail(p, problem, &c, 0, (uint32_t)c.s.len);
    if (word > 0)
        c = at_word(p, word - 1);
    return khap__value_fail(p, problem, &c, (uint32_t)c.s.len, (uint32_t)c.s.len);
}

static struct khap_node *add_word(struct value_parser *p, struct khap_node *parent, enum khap_node_kind kind,
                                  uint32_t word)
{
    struct khap_node *node = khap__node_add(p, parent, kind);
    if (node != NULL) {
        struct cursor c = at_word(p, word);
        node->text = c.s;
        khap__node_place(p, node, &c, 0, (uint32_t)c.s.len);
    }
    return node;
}

/* The node goes on up to the end of this word. */
static void end_with(struct value_parser *p, struct khap_node *node, uint32_t word)
{
    for (uint32_t i = node->span.end_word; i <= word && !node->variable; i++)
        node->variable = p->words[i].variable != 0;
    node->span.end_word = word;
    node->span.end_offset = (uint32_t)text_of(p, word).len;
}

/* As strtol() has it, with nothing behind. */
static bool is_integer(struct khap_str s)
{
    size_t i = 0;
    while (i < s.len && (s.ptr[i] == ' ' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r')))
        i++;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    size_t from = i;
    while (i < s.len && khap__is_digit((unsigned char)s.ptr[i]))
        i++;
    return i > from && i == s.len;
}

static bool acl_flags(struct value_parser *p, struct khap_node *acl, uint32_t *at, uint32_t end)
{
    while (*at < end && text_of(p, *at).ptr[0] == '-') {
        uint32_t word = (*at)++;
        char letter = text_of(p, word).len == 2 ? text_of(p, word).ptr[1] : '\0';
        bool last = is(p, word, S("--")), valued = letter == 'f' || letter == 'm' || letter == 'u';
        if (!last && !valued && letter != 'i' && letter != 'n' && letter != 'M')
            return fail_word(p, KHAP_VALUE_BAD_FLAG, word, end);
        struct khap_node *flag = add_word(p, acl, KHAP_NODE_FLAG, word);
        if (flag == NULL)
            return false;
        if (last)
            break;
        if (!valued)
            continue;
        if (*at == end || (letter == 'u' && !is_integer(text_of(p, *at))))
            return fail_word(p, KHAP_VALUE_FLAG_VALUE, *at, end);
        if (add_word(p, flag, KHAP_NODE_VALUE, *at) == NULL)
            return false;
        end_with(p, flag, (*at)++);
    }
    return true;
}

/* Expression, flags, values: the words from `at` up to before `end`. */
static bool acl_body(struct value_parser *p, struct khap_node *acl, uint32_t at, uint32_t end)
{
    struct cursor c = at_word(p, at);
    if (at == end)
        return fail_word(p, KHAP_VALUE_NO_FETCH, at, end);
    if (!khap__expression_parse(p, &c, acl, true, false, NULL))
        return false;
    at++;
    if (!acl_flags(p, acl, &at, end))
        return false;
    for (; at < end; at++) {
        bool compares = is(p, at, S("eq")) || is(p, at, S("ge")) || is(p, at, S("gt")) ||
                        is(p, at, S("le")) || is(p, at, S("lt"));
        if (add_word(p, acl, compares ? KHAP_NODE_OPERATOR : KHAP_NODE_VALUE, at) == NULL)
            return false;
    }
    return true;
}

/* An empty word ends what these parsers read. */
static uint32_t end_of_words(const struct value_parser *p)
{
    uint32_t n = 0;
    while (n < p->n && p->words[n].text.len > 0)
        n++;
    return n;
}

bool khap__acl_parse(struct value_parser *p, struct khap_node **root)
{
    uint32_t end = end_of_words(p);
    if (end == 0 || !is_name(text_of(p, 0)))
        return fail_word(p, KHAP_VALUE_BAD_ACL_NAME, 0, end);
    *root = add_word(p, NULL, KHAP_NODE_ACL, 0);
    if (*root == NULL || !acl_body(p, *root, 1, end))
        return false;
    end_with(p, *root, end - 1);
    return true;
}

/* At the { of an anonymous ACL, which is the word *at; moves to its }. */
static struct khap_node *anonymous(struct value_parser *p, struct khap_node *all, uint32_t *at, uint32_t end)
{
    uint32_t open = *at, close = open + 1;
    while (close < end && !is(p, close, S("}")))
        close++;
    if (close == end) {
        fail_word(p, KHAP_VALUE_OPEN_BRACE, open, end);
        return NULL;
    }
    struct khap_node *acl = add_word(p, all, KHAP_NODE_ACL, open);
    if (acl == NULL)
        return NULL;
    acl->text = (struct khap_str){NULL, 0};
    if (close == open + 1) {
        fail_word(p, KHAP_VALUE_NO_FETCH, close, end);
        return NULL;
    }
    if (!acl_body(p, acl, open + 1, close))
        return NULL;
    end_with(p, acl, close);
    *at = close;
    return acl;
}

/* The word without the ! before it. */
static struct khap_str without_marks(struct khap_str word, bool *negated)
{
    size_t i = 0;
    while (i < word.len && word.ptr[i] == '!')
        i++;
    *negated ^= i % 2;
    return khap__str_sub(word, i, word.len - i);
}

static struct khap_node *term(struct value_parser *p, struct khap_node *all, struct khap_str word,
                              uint32_t *at, uint32_t end)
{
    if (khap__str_eq(word, S("{")))
        return anonymous(p, all, at, end);
    if (!is_name(word)) {
        fail_word(p, KHAP_VALUE_BAD_ACL_NAME, *at, end);
        return NULL;
    }
    struct khap_node *node = add_word(p, all, KHAP_NODE_NAMED, *at);
    if (node != NULL)
        node->text = word;
    return node;
}

bool khap__condition_parse(struct value_parser *p, struct khap_node **root)
{
    uint32_t end = end_of_words(p), mark = 0;
    bool negated = false, marked = false;
    if (end == 0 || (!is(p, 0, S("if")) && !is(p, 0, S("unless"))))
        return fail_word(p, KHAP_VALUE_NO_KEYWORD, 0, end);
    struct khap_node *condition = add_word(p, NULL, KHAP_NODE_CONDITION, 0), *all = NULL;
    if (condition == NULL)
        return false;
    for (uint32_t at = 1; at < end; at++) {
        struct khap_str word = without_marks(text_of(p, at), &negated);
        if (!marked)
            mark = at; /* where the term begins, with the ! that stand alone */
        marked = word.len == 0;
        if (marked)
            continue;
        if (khap__str_eq_nocase(word, S("or")) || khap__str_eq(word, S("||"))) {
            all = NULL;
            negated = false;
            continue;
        }
        if (all == NULL && (all = khap__node_add(p, condition, KHAP_NODE_ALL)) == NULL)
            return false;
        struct khap_node *node = term(p, all, word, &at, end);
        if (node == NULL)
            return false;
        node->negated = negated;
        negated = false;
        node->span = (struct khap_span){mark, 0, mark, 0};
        end_with(p, node, at);
        if (all->first == node)
            all->span = node->span;
        all->span.end_word = node->span.end_word;
        all->span.end_offset = node->span.end_offset;
        all->variable |= node->variable;
    }
    end_with(p, condition, end - 1);
    *root = condition;
    return true;
}
