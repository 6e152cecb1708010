/* check/meant.c - which names count, of lines that stand in each other's place: rules instead of lib/schema/cross-line.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/sets.h"

void khap__check_note_name(struct check *c, const struct schema_line *line, const struct schema_cross *rule)
{
    struct check_name name = {rule, c->at.line, c->at.section, c->view->references.len, false, false};
    bool names = false;
    for (uint32_t a = 0; a < line->n_arguments; a++)
        names = names || line->arguments[a].type == TYPE_REF;
    if (!names)
        return;
    /* what stood above it in the section counts no more */
    for (uint32_t i = c->replaceable.len; c->at.read == KHAP_TRUE && i-- > 0;) {
        struct check_name *above = &c->replaceable.ptr[i];
        if (above->section != name.section || (above->rule == rule && above->gone))
            break;
        above->gone = above->gone || above->rule == rule;
    }
    if (!VEC_PUSH(&c->alloc, &c->replaceable, name))
        c->no_memory = true;
}

/* Each section asks for the last name of its own, or of the nearest defaults that have one. */
static void inherit_names(struct check *c, const struct schema_cross *rule, uint32_t *nearest)
{
    const struct khap_view *view = c->view;
    uint32_t next = 0;
    for (uint32_t i = 0; i < view->sections.len; i++) {
        const struct view_section *s = &view->sections.ptr[i];
        bool own = false;
        nearest[i] = VIEW_NONE;
        if (s->defaults < i && s->read != KHAP_FALSE && khap__check_applies(c, rule, i))
            nearest[i] = nearest[s->defaults];
        for (; next < c->replaceable.len && c->replaceable.ptr[next].section <= i; next++) {
            own = own || c->replaceable.ptr[next].rule == rule;
            if (c->replaceable.ptr[next].rule == rule)
                nearest[i] = next;
        }
        struct check_inherited inherited = {i, nearest[i]};
        if (!own && nearest[i] != VIEW_NONE && !khap__str_eq(s->kind, S("defaults")) &&
            !VEC_PUSH(&c->alloc, &c->inherited_names, inherited))
            c->no_memory = true;
    }
    for (uint32_t i = 0; i < c->replaceable.len; i++) {
        struct check_name *name = &c->replaceable.ptr[i];
        if (name->rule == rule && khap__str_eq(view->sections.ptr[name->section].kind, S("defaults")))
            name->gone = true;
    }
}

void khap__check_meant(struct check *c)
{
    const struct schema_cross *rule;
    uint32_t *nearest = khap__arena_alloc(&c->names, c->view->sections.len, sizeof *nearest);
    if (nearest == NULL)
        c->no_memory = true;
    for (size_t i = 0; c->replaceable.len > 0 && !c->no_memory && (rule = khap__schema_cross(i)) != NULL;
         i++) {
        if (rule->predicate == CROSS_INSTEAD)
            inherit_names(c, rule, nearest);
    }
}

bool khap__check_next_name(const struct check *c, struct check_each_name *each)
{
    const struct khap_view *view = c->view;
    while (each->next < view->references.len) {
        const struct view_reference *r = &view->references.ptr[each->next];
        const struct check_name *name = NULL;
        for (; each->noted < c->replaceable.len && c->replaceable.ptr[each->noted].reference <= each->next;
             each->noted++)
            name = &c->replaceable.ptr[each->noted];
        each->reference = each->next++;
        each->section = r->section;
        each->name = VIEW_NONE;
        if (name == NULL || name->line != r->line || !name->gone)
            return true;
    }
    while (each->inherited < c->inherited_names.len) {
        const struct check_inherited *inherited = &c->inherited_names.ptr[each->inherited++];
        const struct check_name *name = &c->replaceable.ptr[inherited->name];
        each->reference = name->reference;
        each->section = inherited->section;
        each->name = inherited->name;
        if (name->reference < view->references.len &&
            view->references.ptr[name->reference].line == name->line)
            return true;
    }
    return false;
}
