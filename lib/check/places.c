/* check/places.c - fetches where they have nothing to fetch: lib/schema/stands.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"
#include "value/tree.h"

void khap__check_place_line(struct check *c, const struct schema_line *line)
{
    c->expression_places = c->condition_places = 0;
    c->row = line->row;
    if (line->row == NULL || line->row->stand == 0 || c->at.section == VIEW_NONE)
        return;
    if (c->asked_section.kind != c->view->sections.ptr[c->at.section].kind.ptr) {
        struct khap_str kind = c->view->sections.ptr[c->at.section].kind;
        bool both = !khap__schema_kind_has(KIND_PROXY, kind);
        c->asked_section.kind = kind.ptr;
        c->asked_section.frontend = both || khap__schema_kind_has(KIND_FRONTEND, kind);
        c->asked_section.backend = both || khap__schema_kind_has(KIND_BACKEND, kind);
    }
    bool frontend = c->asked_section.frontend, backend = c->asked_section.backend;
    c->expression_places = khap__schema_stands(line->row, false, frontend, backend);
    c->condition_places = khap__schema_stands(line->row, true, frontend, backend);
    struct check_asked asked = {c->view->references.len, c->condition_places, c->expression_places != 0};
    if (asked.places != 0 && c->release == c->view->target.last && !VEC_PUSH(&c->alloc, &c->asked, asked))
        c->no_memory = true;
}

/* "frontend http-request rules": of several places, that of the first. */
static struct khap_str place_text(uint32_t places)
{
    unsigned place = 0;
    while (place < PLACE_COUNT - 1 && (places >> place & 1) == 0)
        place++;
    return khap__schema_place_text((enum schema_place)place);
}

static void keep_fetch(struct check *c, const struct schema_item *item, bool acl)
{
    struct check_fetch fetch = {c->at.section, c->at.line, item->row, item->span, 0};
    if (!acl) {
        if (!VEC_PUSH(&c->alloc, &c->low, fetch))
            c->no_memory = true;
        return;
    }
    bool found;
    uint32_t old;
    char *key = khap__arena_bytes(&c->names, sizeof fetch.line);
    if (key == NULL) {
        c->no_memory = true;
        return;
    }
    memcpy(key, &fetch.line, sizeof fetch.line);
    if (khap__map_add(&c->acl_lines, (struct khap_str){key, sizeof fetch.line}, c->acls.len, &found, &old) !=
            KHAP_OK ||
        !VEC_PUSH(&c->alloc, &c->acls, fetch))
        c->no_memory = true;
}

void khap__check_place_item(struct check *c, const struct schema_item *item)
{
    bool condition = item->argument == TYPE_CONDITION, acl = item->argument == TYPE_ACL;
    if (item->kind != SCHEMA_ITEM_FETCH || item->row == NULL || c->at.section == VIEW_NONE)
        return;
    uint32_t places = condition ? c->condition_places : c->expression_places;
    bool last = c->release == c->view->target.last;
    if (acl && last)
        keep_fetch(c, item, true);
    if (acl || places == 0)
        return;
    if (condition && last && c->expression_places != 0 && (item->row->flags & ROW_LAYER6) != 0)
        keep_fetch(c, item, false);
    if (khap__schema_legal_in(item->row, places))
        return;
    struct khap_place place = khap__check_place(c, item->span);
    bool warned = condition || (c->release < KHAP_RELEASE(1, 7) && item->argument == TYPE_LOGFORMAT);
    if (warned)
        SAY(c->diags, MSG_NEVER_MATCHES, place, item->node->text, place_text(places));
    else
        SAY(c->diags, MSG_NOT_AVAILABLE, place, item->node->text, place_text(places));
    c->failed = c->failed || !warned;
}

/* The fetch that a predefined ACL asks. */
static const struct schema_row *predefined(const struct check *c, struct khap_str name)
{
    uint16_t release = c->view->target.last;
    const struct schema_row *row = khap__schema_find(TABLE_PREDEFINED_ACL, name, release, NULL);
    return row == NULL || row->of == 0
               ? NULL
               : khap__schema_find(TABLE_FETCH, khap__schema_text(row->of), release, NULL);
}

static void ask(struct check *c, const struct check_asked *asked, const struct view_reference *r,
                const struct schema_row *row)
{
    if (row == NULL)
        return;
    if (!khap__schema_legal_in(row, asked->places))
        SAY(c->diags, MSG_NEVER_MATCHES, khap__check_place_of(c, r->section, r->line, r->span), r->name,
            place_text(asked->places));
    else if (asked->layer6 && (row->flags & ROW_LAYER6) != 0 && c->view->target.last >= KHAP_RELEASE(2, 4) &&
             khap__check_is_http(c, r->section))
        SAY(c->diags, MSG_LAYER6_IN_HTTP, khap__check_place_of(c, r->section, r->line, r->span), r->name);
}

/* What all lines that define an ACL fetch, each fetch once: an ACL of many lines may be asked in many. In c->acl_rows from the number that
 * is given on; VIEW_NONE when there is nothing. */
static uint32_t rows_of_acl(struct check *c, uint32_t definition)
{
    const struct khap_view *view = c->view;
    uint32_t last = VIEW_NONE, first = VIEW_NONE;
    for (uint32_t d = definition; d != VIEW_NONE; d = view->definitions.ptr[d].next_same) {
        const struct khap_line *line = view->definitions.ptr[d].line;
        uint32_t at, known = first;
        if (view->definitions.ptr[d].kind != KIND_ACL || view->definitions.ptr[d].read != KHAP_TRUE ||
            !khap__map_get(&c->acl_lines, (struct khap_str){(const char *)&line, sizeof line}, &at))
            continue;
        struct check_acl_row one = {c->acls.ptr[at].row, VIEW_NONE};
        while (known != VIEW_NONE && c->acl_rows.ptr[known].row != one.row)
            known = c->acl_rows.ptr[known].next;
        if (known != VIEW_NONE)
            continue;
        if (!VEC_PUSH(&c->alloc, &c->acl_rows, one)) {
            c->no_memory = true;
            break;
        }
        if (last != VIEW_NONE)
            c->acl_rows.ptr[last].next = c->acl_rows.len - 1;
        last = c->acl_rows.len - 1;
        first = first == VIEW_NONE ? last : first;
    }
    return first;
}

/* All lines that define the ACL which is meant. */
static void ask_definitions(struct check *c, const struct check_asked *asked, const struct view_reference *r)
{
    enum { NOT_LOOKED = VIEW_NONE - 1 };
    while (c->rows_of_acls.len <= r->definition) {
        if (!VEC_PUSH(&c->alloc, &c->rows_of_acls, (uint32_t)NOT_LOOKED)) {
            c->no_memory = true;
            return;
        }
    }
    uint32_t *first = &c->rows_of_acls.ptr[r->definition];
    if (*first == NOT_LOOKED)
        *first = rows_of_acl(c, r->definition);
    for (uint32_t i = *first; i != VIEW_NONE; i = c->acl_rows.ptr[i].next)
        ask(c, asked, r, c->acl_rows.ptr[i].row);
}

void khap__check_conditions(struct check *c)
{
    const struct khap_view *view = c->view;
    for (uint32_t i = 0; i < c->low.len && view->target.last >= KHAP_RELEASE(2, 4); i++) {
        const struct check_fetch *low = &c->low.ptr[i];
        if (khap__check_is_http(c, low->section))
            SAY(c->diags, MSG_LAYER6_IN_HTTP, khap__check_place_of(c, low->section, low->line, low->span),
                khap__schema_text(low->row->words));
    }
    for (uint32_t a = 0; a < c->asked.len; a++) {
        const struct check_asked *asked = &c->asked.ptr[a];
        for (uint32_t i = asked->reference; i < view->references.len; i++) {
            const struct view_reference *r = &view->references.ptr[i];
            if (r->line != view->references.ptr[asked->reference].line)
                break;
            if (r->kind != KIND_ACL || r->read != KHAP_TRUE)
                continue;
            if (r->state == KHAP_REFERENCE_BOUND)
                ask_definitions(c, asked, r);
            else if (r->state == KHAP_REFERENCE_PREDEFINED)
                ask(c, asked, r, predefined(c, r->name));
        }
    }
}
