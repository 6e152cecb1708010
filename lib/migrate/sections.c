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
    if (khap__str_eq(step->words[0].text, S("backend")))
        return KHAP_OK; /* it did nothing */
    khap__migrate_line(step, MIGRATE_HEAD);
    khap__migrate_literal(step, "bind");
    khap__migrate_keep(step, 2, n - 2);
    return KHAP_OK;
}

/* Whether a line of `global` is that word; 1 and 0, or -1 without memory. */
static int exposed(struct migrate_step *step, struct khap_str word)
{
    const struct khap_view *view = step->view;
    struct khap_words *reader;
    int found = 0;
    if (khap_words_new(&view->alloc, &reader) != KHAP_OK)
        return -1;
    for (uint32_t i = 0; i < view->sections.len && found == 0; i++) {
        const struct view_section *s = &view->sections.ptr[i];
        const struct khap_document *doc = view->files.ptr[s->file].doc;
        const struct khap_line *line = s->head;
        if (!khap__str_eq(s->kind, S("global")))
            continue;
        while (found == 0 && line != s->last && (line = khap_line_next(doc, line)) != NULL) {
            if (khap_words_read(reader, doc, line) != KHAP_OK)
                found = -1;
            else if (khap__str_eq(khap_words_value(reader, 0), word))
                found = 1;
        }
    }
    khap_words_free(reader);
    return found;
}

/* It is taken where deprecated directives are; once for all of them. */
enum khap_status khap__migrate_program(struct migrate_step *step)
{
    const struct khap_view *view = step->view;
    int found = exposed(step, S("expose-deprecated-directives"));
    for (uint32_t i = 0; i < view->sections.len && view->sections.ptr[i].head != step->at && found == 0; i++)
        found = khap__str_eq(view->sections.ptr[i].kind, S("program")) ? 1 : 0;
    if (found != 0)
        return found < 0 ? KHAP_ENOMEM : khap__migrate_nothing(step);
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_keep(step, 0, step->n);
    khap__migrate_line(step, MIGRATE_GLOBAL);
    khap__migrate_literal(step, "expose-deprecated-directives");
    return KHAP_OK;
}
