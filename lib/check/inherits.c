/* check/inherits.c - defaults from which not every section can inherit: rules inherits of lib/schema/cross-line.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"

enum { SHARED = 1, MIXED }; /* schema_cross.kind */

/* Who inherits from defaults so far. */
struct heirs {
    uint32_t first; /* section, or VIEW_NONE */
    bool named, unnamed;
};

/* The keyword of the first line of the section that the rule is about. */
static struct khap_str keyword_of(struct check *c, uint32_t section, const struct schema_set *wanted)
{
    const struct view_section *s = &c->view->sections.ptr[section];
    const struct khap_document *doc = c->view->files.ptr[s->file].doc;
    const struct schema_row *row = NULL;
    struct khap_span span;
    for (const struct khap_line *line = s->head; line != NULL && line != s->last && row == NULL;) {
        line = khap_line_next(doc, line);
        if (line != NULL && khap_line_kind(doc, line) == KHAP_LINE_STATEMENT)
            row = khap__check_find_in_line(c, section, line, wanted, &span);
    }
    return row == NULL ? S("") : khap__schema_text(row->words);
}

static void say(struct check *c, const struct schema_cross *rule, uint32_t section, uint32_t defaults)
{
    const struct view_section *s = &c->view->sections.ptr[section], *d = &c->view->sections.ptr[defaults];
    const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
    const struct khap_str words[] = {s->kind, when == NULL ? S("") : keyword_of(c, defaults, &when->rows)};
    struct khap_span span = {0, 0, 0, (uint32_t)s->kind.len}, other = {0, 0, 0, (uint32_t)d->kind.len};
    if (khap_diags_report(c->diags, khap__schema_text(rule->code),
                          khap__check_place_of(c, section, s->head, span), words, 2) == KHAP_ENOMEM)
        c->no_memory = true;
    khap__diags_relate(c->diags, khap__check_place_of(c, defaults, d->head, other), S("the defaults"));
}

void khap__check_inherits(struct check *c)
{
    const struct khap_view *view = c->view;
    const struct schema_cross *rule;
    uint32_t n = view->sections.len;
    struct heirs *heirs = khap__arena_alloc(&c->names, n, sizeof *heirs); /* by section, of defaults */
    if (heirs == NULL) {
        c->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        heirs[i] = (struct heirs){VIEW_NONE, false, false};
    for (uint32_t i = 0; i < n; i++) {
        const struct view_section *s = &view->sections.ptr[i];
        uint32_t d = s->defaults;
        if (d == VIEW_NONE || s->read != KHAP_TRUE || view->sections.ptr[d].read != KHAP_TRUE)
            continue;
        struct heirs *of = &heirs[d];
        if (of->first == VIEW_NONE)
            of->first = i;
        of->named = of->named || s->from != VIEW_NONE;
        of->unnamed = of->unnamed || s->from == VIEW_NONE;
        for (size_t k = 0; (rule = khap__check_rule(c, i, CROSS_INHERITS, &k)) != NULL;) {
            const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
            if (when != NULL && !khap__check_meet(&c->sections.ptr[d].sure, &when->rows))
                continue;
            bool alike = khap__str_eq(view->sections.ptr[of->first].kind, s->kind);
            if (rule->kind == MIXED
                    ? of->named && of->unnamed
                    : rule->kind != SHARED || (!alike && khap__check_applies(c, rule, of->first)))
                say(c, rule, i, d);
        }
    }
}
