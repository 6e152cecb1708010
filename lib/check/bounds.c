/* check/bounds.c - numbers of which one line has the least and another the most: rules atmost and atleast of lib/schema/cross-line.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/sets.h"
#include "schema/program.h"

#define UNKNOWN UINT32_MAX

/* As atoi() reads it. */
static uint32_t number_of(const struct check *c, const struct schema_line *line)
{
    uint32_t word = line->keyword + line->n_keyword;
    if (word >= c->n || c->words[word].variable || c->at.read != KHAP_TRUE)
        return UNKNOWN;
    size_t end;
    int64_t number = khap__schema_number(c->words[word].text, false, &end);
    return number < 0 || number >= UNKNOWN ? UNKNOWN : (uint32_t)number;
}

static uint32_t *last_of(struct check *c, const struct schema_cross *rule)
{
    for (size_t i = 0; i < CHECK_BOUNDS; i++) {
        struct check_bound *bound = &c->bounds[i];
        if (bound->rule == NULL)
            *bound = (struct check_bound){rule, rule->kind};
        if (bound->rule == rule)
            return &bound->last;
    }
    return NULL;
}

/* The number of a line against what lines of the other kind said last. */
static void check_bound(struct check *c, const struct schema_line *line, const struct schema_cross *rule,
                        const struct schema_set *bits, uint32_t number)
{
    const struct schema_cross_set *when = khap__schema_cross_when(rule, 0),
                                  *other = khap__schema_cross_set(rule, 0);
    uint32_t *last = last_of(c, rule);
    if (when == NULL || other == NULL || last == NULL)
        return;
    if (khap__check_meet(bits, &other->rows))
        *last = number;
    if (!khap__check_meet(bits, &when->rows) || number == UNKNOWN || *last == UNKNOWN ||
        (rule->predicate == CROSS_ATMOST ? number <= *last : number >= *last))
        return;
    uint32_t word = line->keyword + line->n_keyword;
    struct khap_span span = {word, 0, word, (uint32_t)c->words[word].text.len};
    const struct khap_str words[] = {khap__schema_text(line->row->words),
                                     khap__check_listed(c, NULL, khap__schema_text(other->text))};
    if (khap_diags_report(c->diags, khap__schema_text(rule->code), khap__check_place(c, span), words, 2) ==
        KHAP_ENOMEM)
        c->no_memory = true;
}

void khap__check_bounds(struct check *c, const struct schema_line *line, const struct schema_set *bits)
{
    static const enum schema_predicate predicates[] = {CROSS_ATMOST, CROSS_ATLEAST};
    const struct check_rules *rules = khap__check_rules_of(c, c->at.section);
    const struct schema_cross *rule;
    uint32_t number = number_of(c, line);
    for (size_t p = 0; p < sizeof predicates / sizeof *predicates; p++) {
        for (size_t i = 0; (rule = next_rule(rules, predicates[p], &i)) != NULL;)
            check_bound(c, line, rule, bits, number);
    }
}
