/* check/named.c - what a line asks of the line that it names: rules named, alike and chain of lib/schema/cross-line.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"

/* A line that names another one, as an option of a rule does. */
struct step {
    uint32_t reference, from,
        to;         /* from, to: of the lines that are kept; VIEW_NONE when that is not one of them */
    uint8_t walked; /* chain: 0, in the walk, done */
};
struct steps {
    VEC(struct step) of;
    struct map at; /* line -> its step */
};

static struct khap_str key_of(const struct khap_line *const *line)
{
    return (struct khap_str){(const char *)line, sizeof *line};
}

static void keep(struct check *c, struct map *map, const struct khap_line *const *line, uint32_t value)
{
    if (khap__map_set(map, key_of(line), value) != KHAP_OK)
        c->no_memory = true;
}

/* The lines that name something by an option of the rule. */
static void find_steps(struct check *c, const struct schema_cross *rule, const struct map *lines,
                       struct steps *steps)
{
    const struct khap_view *view = c->view;
    const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
    for (uint32_t i = 0; i < view->references.len && when != NULL; i++) {
        const struct view_reference *r = &view->references.ptr[i];
        struct step step = {i, 0, VIEW_NONE, 0};
        if (r->kind != rule->kind || r->state != KHAP_REFERENCE_BOUND || r->read != KHAP_TRUE ||
            !khap__map_get(lines, key_of(&r->line), &step.from) ||
            !khap__check_meet(&c->lines_have.ptr[c->lines.ptr[step.from].has].sure, &when->rows) ||
            !khap__check_applies(c, rule, r->section) || khap__check_may_be_disabled(c, r->section))
            continue;
        struct khap_span option;
        if (!khap__check_find_in_line(c, r->section, r->line, &when->rows, &option) ||
            r->span.word != option.word + 1)
            continue;
        const struct view_definition *d = &view->definitions.ptr[r->definition];
        if (d->read != KHAP_TRUE || !khap__map_get(lines, key_of(&d->line), &step.to))
            step.to = VIEW_NONE;
        if (!VEC_PUSH(&c->alloc, &steps->of, step))
            c->no_memory = true;
        else
            keep(c, &steps->at, &r->line, steps->of.len - 1);
    }
}

static void say_of(struct check *c, const struct schema_cross *rule, const struct step *step,
                   struct khap_str second)
{
    const struct view_reference *r = &c->view->references.ptr[step->reference];
    const struct khap_str words[] = {r->name, second};
    struct khap_place place = khap__check_place_of(c, r->section, r->line, r->span);
    if (khap_diags_report(c->diags, khap__schema_text(rule->code), place, words, 2) == KHAP_ENOMEM)
        c->no_memory = true;
}

/* What the line that is named must have. */
static void check_has(struct check *c, const struct schema_cross *rule, const struct step *step)
{
    const struct schema_cross_set *set;
    struct schema_set sure, maybe;
    if (step->to == VIEW_NONE)
        return;
    khap__check_all_of_line(c, &c->lines.ptr[step->to], &sure, &maybe);
    for (size_t i = 0; (set = khap__schema_cross_set(rule, i)) != NULL; i++) {
        if (!khap__check_meet(&maybe, &set->rows)) {
            say_of(c, rule, step, khap__check_listed(c, rule, khap__schema_text(set->text)));
            return;
        }
    }
}

/* What the sections of both must have, or neither. */
static void check_alike(struct check *c, const struct schema_cross *rule, const struct step *step)
{
    const struct schema_cross_set *set = khap__schema_cross_set(rule, 0);
    struct schema_set sure[2], maybe[2];
    if (step->to == VIEW_NONE || set == NULL)
        return;
    khap__check_all_of_line(c, &c->lines.ptr[step->from], &sure[0], &maybe[0]);
    khap__check_all_of_line(c, &c->lines.ptr[step->to], &sure[1], &maybe[1]);
    for (size_t i = 0; i < 2; i++) {
        if (khap__check_meet(&sure[i], &set->rows) && !khap__check_meet(&maybe[1 - i], &set->rows)) {
            say_of(c, rule, step, khap__check_listed(c, rule, khap__schema_text(set->text)));
            return;
        }
    }
}

/* Lines that name each other in a ring: told where a walk comes back into itself. Each line is walked once. */
static void check_chains(struct check *c, const struct schema_cross *rule, struct steps *steps)
{
    enum { NEW, WALKED, DONE };
    for (uint32_t i = 0; i < steps->of.len; i++) {
        uint32_t at = i;
        struct step *last = NULL;
        while (at != VIEW_NONE && steps->of.ptr[at].walked == NEW) {
            last = &steps->of.ptr[at];
            last->walked = WALKED;
            const struct khap_line *line = last->to == VIEW_NONE ? NULL : c->lines.ptr[last->to].line;
            if (line == NULL || !khap__map_get(&steps->at, key_of(&line), &at))
                at = VIEW_NONE;
        }
        if (at != VIEW_NONE && steps->of.ptr[at].walked == WALKED && last != NULL)
            say_of(c, rule, last, S(""));
        for (at = i; at != VIEW_NONE && steps->of.ptr[at].walked == WALKED;) {
            struct step *step = &steps->of.ptr[at];
            step->walked = DONE;
            const struct khap_line *line = step->to == VIEW_NONE ? NULL : c->lines.ptr[step->to].line;
            if (line == NULL || !khap__map_get(&steps->at, key_of(&line), &at))
                at = VIEW_NONE;
        }
    }
}

static bool is_about_names(const struct schema_cross *rule)
{
    return rule->predicate == CROSS_NAMED || rule->predicate == CROSS_ALIKE || rule->predicate == CROSS_CHAIN;
}

void khap__check_named(struct check *c)
{
    const struct schema_cross *rule;
    struct map lines;
    if (!c->names_lines)
        return;
    khap__map_init(&lines, &c->alloc);
    for (uint32_t i = 0; i < c->lines.len; i++)
        keep(c, &lines, &c->lines.ptr[i].line, i);
    for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL && !c->no_memory; i++) {
        struct steps steps = {0};
        if (!is_about_names(rule))
            continue;
        khap__map_init(&steps.at, &c->alloc);
        find_steps(c, rule, &lines, &steps);
        for (uint32_t s = 0; s < steps.of.len && rule->predicate != CROSS_CHAIN; s++)
            (rule->predicate == CROSS_NAMED ? check_has : check_alike)(c, rule, &steps.of.ptr[s]);
        if (rule->predicate == CROSS_CHAIN)
            check_chains(c, rule, &steps);
        VEC_FREE(&c->alloc, &steps.of);
        khap__map_free(&steps.at);
    }
    khap__map_free(&lines);
}
