/* check/defaults.c - what a section has with the defaults that it inherits. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/sets.h"

static void add_without(struct schema_set *set, struct schema_set more, const struct schema_set *less)
{
    remove_set(&more, less);
    add_set(set, &more);
}

/* What is said nearer by stays; `more` is what all the defaults above it say together. */
static void compose(struct check_section *all, const struct check_section *more)
{
    add_without(&all->sure, more->sure, &all->cleared);
    add_without(&all->maybe, more->maybe, &all->cleared);
    add_set(&all->cleared, &more->cleared);
    add_without(&all->servers, more->servers, &all->servers_off);
    add_without(&all->servers_maybe, more->servers_maybe, &all->servers_off);
    add_set(&all->servers_off, &more->servers_off);
    if (all->mode == MODE_UNSAID)
        all->mode = more->mode;
}

/* What defaults hand down of their own: for certain nothing, when HAProxy only may read them. */
static void handed_down(const struct check_section *own, bool read, struct check_section *all)
{
    struct schema_set none = {{0}};
    *all = *own;
    remove_set(&all->sure, khap__schema_own_bits());
    remove_set(&all->maybe, khap__schema_own_bits());
    if (read) {
        remove_set(&all->maybe, &own->cleared);
        add_set(&all->maybe, &all->sure);
        return;
    }
    all->sure = all->cleared = all->servers = all->servers_off = none;
    all->mode = own->mode == MODE_UNSAID ? MODE_UNSAID : MODE_UNKNOWN;
}

/* Each defaults section once, those that it inherits from before it. Of a loop, which is an error of its own, one is taken for the last. */
void khap__check_inheritance(struct check *c)
{
    const struct khap_view *view = c->view;
    uint32_t n = view->sections.len;
    uint32_t *chain = khap__arena_alloc(&c->names, n, sizeof *chain);
    c->inherited = khap__arena_alloc(&c->names, n, sizeof *c->inherited);
    if (chain == NULL || c->inherited == NULL) {
        c->inherited = NULL;
        c->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        c->inherited[i] = NULL;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t len = 0;
        for (uint32_t d = view->sections.ptr[i].defaults; d != VIEW_NONE && c->inherited[d] == NULL;
             d = view->sections.ptr[d].defaults) {
            if ((c->inherited[d] = khap__arena_alloc(&c->names, 1, sizeof **c->inherited)) == NULL) {
                c->no_memory = true;
                return;
            }
            handed_down(&c->sections.ptr[d], view->sections.ptr[d].read == KHAP_TRUE, c->inherited[d]);
            chain[len++] = d;
        }
        while (len-- > 0) {
            uint32_t above = view->sections.ptr[chain[len]].defaults;
            if (above != VIEW_NONE)
                compose(c->inherited[chain[len]], c->inherited[above]);
        }
    }
}

/* Of default-server nothing but what is inherited, for what a section says itself is only said of what stands below. */
void khap__check_inherit(const struct check *c, uint32_t section, struct check_section *all)
{
    *all = c->sections.ptr[section];
    all->servers = all->servers_maybe = all->servers_off = (struct schema_set){{0}};
    uint32_t defaults = c->view->sections.ptr[section].defaults;
    if (defaults != VIEW_NONE && c->inherited != NULL && c->inherited[defaults] != NULL)
        compose(all, c->inherited[defaults]);
    if (all->mode == MODE_UNSAID)
        all->mode = MODE_TCP;
    set_bit(&all->sure, CROSS_MODE_HTTP, all->mode == MODE_HTTP);
    set_bit(&all->sure, CROSS_MODE_TCP, all->mode == MODE_TCP);
    set_bit(&all->maybe, CROSS_MODE_HTTP, all->mode == MODE_HTTP || all->mode == MODE_UNKNOWN);
    set_bit(&all->maybe, CROSS_MODE_TCP, all->mode == MODE_TCP || all->mode == MODE_UNKNOWN);
}
