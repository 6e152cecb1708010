/* check/reach.c - rules that never have their turn. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"

/* The set of rules that a line belongs to; a `default_backend` is the last of the rules that choose one. */
static struct khap_str set_of(const struct schema_line *line)
{
    struct khap_str words = khap__schema_text(line->row->words);
    return khap__str_eq(words, S("default_backend")) ? S("use_backend") : words;
}

/* Whether a rule that matches ends its set: it does so itself, or the action in it does. */
bool khap__check_is_final(const struct schema_line *line)
{
    bool final = (line->row->flags & ROW_FINAL) != 0;
    for (uint32_t i = 0; i < line->n_options; i++) {
        final = final ||
                (line->options[i].parent == UINT32_MAX && (line->options[i].row->flags & ROW_FINAL) != 0);
    }
    for (uint32_t i = 0; i < line->n_options && final; i++) {
        if (khap__str_eq(khap__schema_text(line->options[i].row->words), S("ignore-empty")))
            final = false; /* of a redirect: it goes on where there is no location */
    }
    return final;
}

static bool is_conditional(const struct check *c, const struct schema_line *line)
{
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        if (line->arguments[i].type == TYPE_CONDITION)
            return true;
    }
    for (size_t i = 0; i < c->n; i++) {
        if (c->words[i].variable)
            return true; /* it may hold one */
    }
    return false;
}

/* Whether HAProxy warns of a rule straight behind this one, when it has no condition: not of every action that ends a set, and not in every set. */
static bool is_warned_of(struct khap_str set, const struct schema_line *line)
{
    static const char *const sets[] = {"http-request", "http-response", "http-after-response"};
    static const char *const actions[] = {"allow", "auth", "deny", "redirect", "return", "tarpit"};
    bool known = false;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        known = known || khap__str_eq(set, khap__str(sets[i]));
    for (uint32_t i = 0; i < line->n_options && known; i++) {
        struct khap_str action = khap__schema_text(line->options[i].row->words);
        for (size_t k = 0; k < sizeof actions / sizeof *actions && line->options[i].parent == UINT32_MAX;
             k++) {
            if (khap__str_eq(action, khap__str(actions[k])))
                return true;
        }
    }
    return false;
}

void khap__check_reach(struct check *c, const struct schema_line *line)
{
    if (line->row == NULL)
        return;
    if (c->final.section != c->at.section) {
        c->final.section = c->at.section;
        c->final.n = 0;
    }
    const struct check_end *end = khap__check_end(c, line);
    if (c->final.n == 0 && end != NULL && !end->final)
        return;
    struct khap_str set = set_of(line);
    struct khap_span span = {line->keyword, 0, line->keyword, (uint32_t)c->words[line->keyword].text.len};
    bool always = c->at.read == KHAP_TRUE && !is_conditional(c, line);
    for (uint32_t i = 0; i < c->final.n; i++) {
        if (!khap__str_eq(c->final.of[i].rules, set))
            continue;
        if (c->final.of[i].before) {
            SAY(c->diags, MSG_RULE_AFTER_FINAL, khap__check_place(c, span),
                khap__schema_text(line->row->words));
            khap__diags_relate(c->diags, c->final.of[i].place, S("this always ends the rules"));
        } else if (!c->final.of[i].told) {
            SAY(c->diags, MSG_RULE_NEVER_REACHED, khap__check_place(c, span),
                khap__schema_text(line->row->words));
            khap__diags_relate(c->diags, c->final.of[i].place, S("this always ends the rules"));
        }
        c->final.of[i].told = true;
        c->final.of[i].before = always && khap__check_is_final(line) && is_warned_of(set, line);
        c->final.of[i].place = c->final.of[i].before ? khap__check_place(c, span) : c->final.of[i].place;
        return;
    }
    if (!always || c->final.n == sizeof c->final.of / sizeof *c->final.of || !khap__check_is_final(line))
        return;
    c->final.of[c->final.n].rules = set;
    c->final.of[c->final.n].place = khap__check_place(c, span);
    c->final.of[c->final.n].before = is_warned_of(set, line);
    c->final.of[c->final.n++].told = false;
}
