/* migrate/sections.c - lines that open sections. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/migrate.h"

/* 1.5: `listen web 10.0.0.1:80`. The address is a bind of its own. */
enum khap_status khap__migrate_address(struct migrate_step *step)
{
    size_t n = step->n;
    if (n < 3 || khap__str_eq(step->words[2].text, S("from")))
        return khap__migrate_nothing(step);
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_keep(step, 0, 2);
    khap__migrate_line(step, MIGRATE_HEAD);
    khap__migrate_literal(step, "bind");
    khap__migrate_keep(step, 2, n - 2);
    return KHAP_OK;
}

enum khap_status khap__migrate_program(struct migrate_step *step)
{
    const struct khap_view *view = step->view;
    for (uint32_t i = 0; i < view->sections.len; i++) {
        const struct view_section *s = &view->sections.ptr[i];
        if (khap__str_eq(s->kind, S("program")) && s->head != step->at)
            return khap__migrate_nothing(step);
        if (s->head == step->at)
            break;
    }
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_keep(step, 0, step->n);
    khap__migrate_line(step, MIGRATE_GLOBAL);
    khap__migrate_literal(step, "expose-deprecated-directives");
    return KHAP_OK;
}
