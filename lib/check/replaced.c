/* check/replaced.c - times that are said twice: of the second HAProxy warns when the first was another one than that of the defaults. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"
#include "value/number.h"

enum { UNKNOWN = UINT32_MAX };

struct slot {
    uint32_t section, row; /* the bit of the row */
};

static struct khap_str key_of(const struct slot *slot)
{
    return (struct khap_str){(const char *)slot, sizeof *slot};
}

/* In milliseconds, as HAProxy keeps it. */
static uint32_t value_of(const struct check *c, const struct schema_line *line)
{
    uint32_t word = line->keyword + line->n_keyword;
    uint64_t us;
    if (word >= c->n || c->words[word].variable ||
        khap__time_parse(c->words[word].text, 1000, &us) != VALUE_OK || us / 1000 >= UNKNOWN)
        return UNKNOWN;
    return (uint32_t)((us + 999) / 1000);
}

static void keep(struct check *c, struct slot slot, uint32_t value)
{
    struct slot *kept = khap__arena_alloc(&c->names, 1, sizeof *kept);
    if (kept == NULL || (*kept = slot, khap__map_set(&c->values, key_of(kept), value)) != KHAP_OK)
        c->no_memory = true;
}

/* What the section has from its defaults: 0 where none says it. Those that say nothing are noted to say what they inherit, so that a chain of them is gone along once. */
static uint32_t inherited(struct check *c, uint32_t section, uint32_t row)
{
    const struct khap_view *view = c->view;
    uint32_t value = 0, end = view->sections.ptr[section].defaults;
    for (size_t steps = view->sections.len; steps > 0 && end != VIEW_NONE; steps--) {
        struct slot slot = {end, row};
        if (khap__map_get(&c->values, key_of(&slot), &value)) {
            value = view->sections.ptr[end].read == KHAP_TRUE ? value : UNKNOWN;
            break;
        }
        end = view->sections.ptr[end].defaults;
    }
    for (uint32_t s = view->sections.ptr[section].defaults; s != end && !c->no_memory;
         s = view->sections.ptr[s].defaults) {
        struct slot slot = {s, row};
        if (view->sections.ptr[s].read == KHAP_TRUE)
            keep(c, slot, value);
    }
    return value;
}

void khap__check_replaced(struct check *c, const struct schema_line *line, const struct schema_set *bits)
{
    const struct schema_cross *rule = NULL;
    const struct schema_cross_set *when;
    bool times = false, about = false;
    size_t i;
    for (i = 0; !about && (rule = khap__schema_cross(i)) != NULL; i++) {
        if (rule->predicate != CROSS_ONCE || rule->kind == 0 ||
            (when = khap__schema_cross_when(rule, 0)) == NULL || !khap__check_meet(bits, &when->rows))
            continue;
        times = true;
        about = khap__check_applies(c, rule, c->at.section);
    }
    if (!times)
        return;
    struct slot slot = {c->at.section, line->row->bit};
    uint32_t before, now = value_of(c, line);
    if (!khap__map_get(&c->values, key_of(&slot), &before)) {
        keep(c, slot, now);
        return;
    }
    if (about && before != UNKNOWN) {
        struct khap_span span = {line->keyword, 0, line->keyword, (uint32_t)c->words[line->keyword].text.len};
        struct check_replaced again = {rule, c->at.section, c->at.line, span, line->row, before};
        if (!VEC_PUSH(&c->alloc, &c->replaced, again))
            c->no_memory = true;
    }
    if (khap__map_set(&c->values, key_of(&slot), now) != KHAP_OK)
        c->no_memory = true;
}

void khap__check_all_replaced(struct check *c)
{
    for (uint32_t i = 0; i < c->replaced.len; i++) {
        const struct check_replaced *r = &c->replaced.ptr[i];
        uint32_t by_default = inherited(c, r->section, r->row->bit);
        if (by_default == UNKNOWN || by_default == r->before)
            continue;
        const struct khap_str words[] = {khap__schema_text(r->row->words)};
        if (khap_diags_report(c->diags, khap__schema_text(r->rule->code),
                              khap__check_place_of(c, r->section, r->line, r->span), words, 1) == KHAP_ENOMEM)
            c->no_memory = true;
    }
}
