/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/parse.h"

/* Each row holds from its release on, until the next. */
static const struct value_rules table[] = {
    {KHAP_RELEASE(1, 5), false, false, false},
    {KHAP_RELEASE(2, 2), true, false, false},
    {KHAP_RELEASE(2, 5), true, true, false},
    {KHAP_RELEASE(3, 0), true, true, true},
};

const struct value_rules *khap__value_rules(uint16_t release)
{
    const struct value_rules *rules = &table[sizeof table / sizeof *table - 1];
    while (rules > table && rules->from > release)
        rules--;
    return rules;
}

void khap__value_parser_init(struct value_parser *p, struct arena *arena, uint16_t release,
                             const struct khap_value_word *words, uint32_t n)
{
    memset(p, 0, sizeof *p);
    p->arena = arena;
    p->release = release;
    p->rules = khap__value_rules(release);
    p->words = words;
    p->n = n;
    p->stray = UINT32_MAX;
}

struct khap_node *khap__node_add(struct value_parser *p, struct khap_node *parent, enum khap_node_kind kind)
{
    if (p->arena == NULL)
        return &p->scratch;
    struct khap_node *node = khap__arena_zalloc(p->arena, 1, sizeof *node);
    if (node == NULL) {
        p->status = KHAP_ENOMEM;
        return NULL;
    }
    node->kind = (uint8_t)kind;
    node->answer = KHAP_UNKNOWN;
    node->parent = parent;
    if (parent == NULL)
        return node;
    if (parent->last == NULL)
        parent->first = node;
    else
        parent->last->next = node;
    parent->last = node;
    return node;
}

/* Joined words: the last one that begins at or before `at`. A blank between two belongs to the first. */
static void locate(const struct value_parser *p, uint32_t at, uint32_t *word, uint32_t *offset)
{
    uint32_t low = 0, high = p->n;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->starts[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    *word = low;
    *offset = at - p->starts[low];
}

struct khap_span khap__value_span(const struct value_parser *p, const struct cursor *c, uint32_t from,
                                  uint32_t to)
{
    struct khap_span span = {c->word, from, c->word, to};
    if (p->starts != NULL && p->n > 0) {
        locate(p, from, &span.word, &span.offset);
        locate(p, to > from ? to - 1 : to, &span.end_word, &span.end_offset);
        span.end_offset += to > from;
        if (span.end_offset > p->words[span.end_word].text.len) /* the blank between two words */
            span.end_offset = (uint32_t)p->words[span.end_word].text.len;
    }
    return span;
}

void khap__node_place(struct value_parser *p, struct khap_node *node, const struct cursor *c, uint32_t from,
                      uint32_t to)
{
    if (p->arena == NULL)
        return;
    node->span = khap__value_span(p, c, from, to);
    for (uint32_t i = node->span.word; i <= node->span.end_word && i < p->n && !node->variable; i++)
        node->variable = p->words[i].variable != 0;
}

bool khap__value_fail(struct value_parser *p, enum khap_value_problem problem, const struct cursor *c,
                      uint32_t from, uint32_t to)
{
    if (p->status == KHAP_OK) {
        p->status = KHAP_EINPUT;
        if (p->error != NULL) {
            p->error->problem = (uint32_t)problem;
            p->error->span = khap__value_span(p, c, from, to);
        }
    }
    return false;
}

static bool parse_kind(struct value_parser *p, uint32_t kind, struct khap_node **root)
{
    struct cursor c = {p->n > 0 ? p->words[0].text : (struct khap_str){NULL, 0}, 0, 0};
    switch (kind) {
    case KHAP_VALUE_SAMPLE:
    case KHAP_VALUE_CONVERTERS:
        return khap__expression_parse(p, &c, NULL, kind == KHAP_VALUE_SAMPLE, false, root);
    case KHAP_VALUE_ACL:
        return khap__acl_parse(p, root);
    case KHAP_VALUE_CONDITION:
        return khap__condition_parse(p, root);
    case KHAP_VALUE_FORMAT:
        return khap__format_parse(p, &c, root);
    default:
        return khap__if_parse(p, root);
    }
}

enum khap_status khap__value_parse(struct arena *arena, uint32_t kind, uint16_t release,
                                   const struct khap_value_word *words, size_t n,
                                   const struct khap_node **root, struct khap_value_error *error)
{
    bool one = kind == KHAP_VALUE_SAMPLE || kind == KHAP_VALUE_CONVERTERS || kind == KHAP_VALUE_FORMAT;
    if (kind < KHAP_VALUE_SAMPLE || kind > KHAP_VALUE_IF || (one && n != 1) || release < KHAP_OLDEST)
        return KHAP_EINVAL;
    uint64_t total = n;
    if (n >= UINT32_MAX)
        return KHAP_ELIMIT;
    for (size_t i = 0; i < n; i++) {
        if (words[i].text.len >= UINT32_MAX || (total += words[i].text.len) >= UINT32_MAX)
            return KHAP_ELIMIT;
        if (khap__str_find(words[i].text, '\0') < words[i].text.len)
            return KHAP_EINVAL;
    }
    struct value_parser p;
    struct khap_node *made = NULL;
    khap__value_parser_init(&p, arena, release, words, (uint32_t)n);
    p.error = error;
    if (!parse_kind(&p, kind, &made))
        return p.status;
    *root = made;
    return KHAP_OK;
}

const struct khap_node *khap__node_walk(const struct khap_node *root, const struct khap_node *node)
{
    if (node->first != NULL)
        return node->first;
    while (node != root && node->next == NULL)
        node = node->parent;
    return node == root ? NULL : node->next;
}

bool khap__node_equal(const struct khap_node *a, const struct khap_node *b)
{
    const struct khap_node *x = a, *y = b;
    for (;;) {
        if (x->kind != y->kind || x->negated != y->negated || !khap__str_eq(x->text, y->text) ||
            (x->first == NULL) != (y->first == NULL))
            return false;
        if (x->first != NULL) {
            x = x->first;
            y = y->first;
            continue;
        }
        /* on to what follows, in both at the same height */
        while (x != a && y != b && x->next == NULL && y->next == NULL) {
            x = x->parent;
            y = y->parent;
        }
        if (x == a || y == b)
            return x == a && y == b;
        if (x->next == NULL || y->next == NULL)
            return false;
        x = x->next;
        y = y->next;
    }
}
