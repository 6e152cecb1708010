/* check/facts.c - what a line says, as bits of the rules that its section has. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/sets.h"

static void keyword_bits(const struct schema_line *line, const struct schema_word *words, size_t n,
                         struct schema_set *set)
{
    size_t behind = line->keyword + line->n_keyword;
    khap__schema_bits(line->row, words + behind, behind < n ? n - behind : 0, set);
}

static void option_bits(const struct check *c, const struct schema_option *option, struct schema_set *set)
{
    size_t behind = option->word + 1;
    khap__schema_bits(option->row, c->words + behind, behind < c->n ? c->n - behind : 0, set);
}

/* What an option says is said anew: what was said before of it counts no more, and `no-x` takes `x` away. The same is remembered in `off`. */
static void settle_option(const struct check *c, const struct schema_option *option, struct schema_set *set,
                          struct schema_set *off)
{
    const struct khap_str no = S("no-");
    struct khap_str words = khap__schema_text(option->row->words);
    const struct schema_row *row = option->row;
    struct schema_set before = {{0}};
    if (khap__str_starts(words, no)) {
        words = khap__str_sub(words, no.len, words.len);
        row = khap__schema_find(TABLE_SERVER, words, c->release, NULL);
    }
    if (row == NULL)
        return;
    khap__schema_all_bits(row, &before);
    remove_set(set, &before);
    add_set(off, &before);
}

static void settle_options(const struct check *c, const struct schema_line *line, uint32_t from, uint32_t to,
                           struct schema_set *set, struct schema_set *off)
{
    for (uint32_t i = from; i < to; i++) {
        const struct schema_option *option = &line->options[i];
        if (option->parent == UINT32_MAX)
            settle_option(c, option, set, off);
        option_bits(c, option, set);
    }
}

struct check_end *khap__check_new_end(struct check *c, const struct schema_line *line)
{
    struct check_end *end = &c->ends[line->end % CHECK_ENDS];
    *end = (struct check_end){.number = line->end,
                              .silent = khap__check_is_silent(line),
                              .final = khap__check_is_final(line),
                              .listening = khap__check_listens(line)};
    for (uint32_t i = line->end_options; i < line->n_options; i++)
        option_bits(c, &line->options[i], &end->all);
    settle_options(c, line, line->end_options, line->n_options, &end->last, &end->off);
    return end;
}

/* The bits of the options in a line, and of the words behind them. */
static void bits_of(struct check *c, const struct schema_line *line, struct schema_set *set)
{
    const struct check_end *end = khap__check_end(c, line);
    for (uint32_t i = 0; i < (end != NULL ? line->end_options : line->n_options); i++)
        option_bits(c, &line->options[i], set);
    if (end != NULL)
        add_set(set, &end->all);
}

/* What is said, `last`, over what was said before, of which it takes `off` away. */
static void say_over(struct schema_set *set, const struct schema_set *last, const struct schema_set *off)
{
    remove_set(set, off);
    add_set(set, last);
}

/* The options of a line, the later before the earlier, over both sets of what was said before. */
void khap__check_settle(struct check *c, const struct schema_line *line, struct schema_set *sure,
                        struct schema_set *maybe, struct schema_set *all_off)
{
    const struct check_end *end = khap__check_end(c, line);
    struct schema_set last = {{0}}, off = {{0}};
    settle_options(c, line, 0, end != NULL ? line->end_options : line->n_options, &last, &off);
    if (end != NULL) {
        say_over(&last, &end->last, &end->off);
        add_set(&off, &end->off);
    }
    say_over(sure, &last, &off);
    say_over(maybe, &last, &off);
    add_set(all_off, &off);
}

static void read_facts(struct check *c, const struct schema_line *line, struct check_facts *f)
{
    struct khap_str words = khap__schema_text(line->row->words);
    const struct check_rules *rules = khap__check_rules_of(c, c->at.section);
    const struct schema_cross *rule;
    *f = (struct check_facts){.enabled = khap__str_eq(words, S("enabled")),
                              .mode = khap__str_eq(words, S("mode")),
                              .servers = khap__str_eq(words, S("default-server")),
                              .nothing = line->row->bit == 0 && line->n_options == 0 &&
                                         (line->row->flags & ROW_HTTP) == 0};
    keyword_bits(line, c->words, c->n, &f->keyword);
    if ((line->row->flags & ROW_HTTP) != 0 && line->prefix == 0)
        set_bit(&f->keyword, CROSS_FLAG_HTTP, true);
    f->bits = f->keyword;
    bits_of(c, line, &f->bits);
    for (unsigned p = 0; p < CROSS_PREDICATES; p++)
        f->speaks |= (uint32_t)speaks_of((enum schema_predicate)p, &f->bits) << p;
    for (size_t i = 0; (rule = next_rule(rules, CROSS_OPTION, &i)) != NULL;) {
        const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
        f->kept = f->kept || (when != NULL && khap__check_meet(&f->bits, &when->rows));
    }
}

/* In *own, or as they were of a line that ended alike. */
const struct check_facts *khap__check_facts_of(struct check *c, const struct schema_line *line,
                                               struct check_facts *own)
{
    struct check_end *end = khap__check_end(c, line);
    if (end != NULL && end->told)
        return &end->facts;
    read_facts(c, line, own);
    if (end == NULL || (line->end_arguments > 0 && khap__schema_bits_vary(line->row)))
        return own;
    end->told = true;
    end->facts = *own;
    return &end->facts;
}
