/* value/parse.h - what the parsers of one word and of several share. SPDX-License-Identifier: MIT */
#ifndef VALUE_PARSE_H
#define VALUE_PARSE_H

#include "value/tree.h"

/* What differs between releases. */
struct value_rules {
    uint16_t from;
    bool quotes; /* in arguments; before, the first ) and the first ] end them, whatever stands between */
    bool
        operators; /* in .if: ! ( ) && ||; before, its first word is one term, and the others are not looked at */
    bool names; /* %(name:type) in log formats */
};

struct value_parser {
    struct arena *arena; /* NULL: it is only looked whether the value is good, and no tree is made */
    uint16_t release;
    const struct value_rules *rules;
    const struct khap_value_word *words;
    uint32_t n;
    const uint32_t *starts; /* words joined by blanks, as `.if` has them: where each begins; else NULL */
    enum khap_status status;
    struct khap_value_error *error;
    struct khap_node scratch; /* stands for all nodes when none are made */
    uint32_t stray; /* in a format: the first % that stands for nothing and is dropped, or UINT32_MAX */
    uint32_t item;  /* in a format: where the part begins that is being read */
};

/* A place in one word, or in all words joined. */
struct cursor {
    struct khap_str s;
    uint32_t at;
    uint32_t word;
};

static inline char khap__peek(const struct cursor *c) /* 0 at the end: no word holds NUL */
{
    return c->at < c->s.len ? c->s.ptr[c->at] : '\0';
}

void khap__value_parser_init(struct value_parser *p, struct arena *arena, uint16_t release,
                             const struct khap_value_word *words, uint32_t n);
/* NULL when there is no memory. parent may be NULL. */
struct khap_node *khap__node_add(struct value_parser *p, struct khap_node *parent, enum khap_node_kind kind);
struct khap_span khap__value_span(const struct value_parser *p, const struct cursor *c, uint32_t from,
                                  uint32_t to);
/* The node's span in the word of c, which also tells whether it may change. */
void khap__node_place(struct value_parser *p, struct khap_node *node, const struct cursor *c, uint32_t from,
                      uint32_t to);
bool khap__value_fail(struct value_parser *p, enum khap_value_problem problem, const struct cursor *c,
                      uint32_t from, uint32_t to); /* false */

/* Behind a name: nothing, or the arguments in parentheses. All return false on errors. */
bool khap__arguments_parse(struct value_parser *p, struct cursor *c, struct khap_node *call);
/* An argument as it is written. */
void khap__argument_print(struct buf *b, const struct value_rules *rules, struct khap_str value);
/* An expression up to the end of the word; or, with `ends`, up to the first byte that cannot belong to it. *out may be
 * NULL. */
bool khap__expression_parse(struct value_parser *p, struct cursor *c, struct khap_node *parent, bool fetch,
                            bool ends, struct khap_node **out);
bool khap__acl_parse(struct value_parser *p, struct khap_node **root);
bool khap__condition_parse(struct value_parser *p, struct khap_node **root);
bool khap__format_parse(struct value_parser *p, struct cursor *c, struct khap_node **root);
bool khap__if_parse(struct value_parser *p, struct khap_node **root);

const struct value_rules *khap__value_rules(uint16_t release);

#endif
