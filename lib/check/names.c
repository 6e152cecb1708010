/* check/names.c - names that nothing has, and names that two have. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/nearest.h"
#include "check/check.h"

enum { MOST_NAMES = 20000 };

/* The nearest name of that kind; in a large configuration many names are not looked for among all. */
static struct khap_str nearest(struct check *c, const struct view_reference *r)
{
    const struct khap_view *view = c->view;
    struct nearest near;
    khap__nearest_start(&near, r->name);
    for (uint32_t i = 0; i < view->definitions.len && c->looked < MOST_NAMES; i++) {
        const struct view_definition *d = &view->definitions.ptr[i];
        c->looked++;
        if (khap__view_is(view, d, (enum schema_kind)r->kind) && d->read != KHAP_FALSE &&
            (d->is_section || (r->container == VIEW_NONE && d->section == r->section)))
            khap__nearest_offer(&near, d->name);
    }
    return khap__check_near(c, &near);
}

void khap__check_own(struct check *c, enum schema_kind kind, struct khap_span span)
{
    struct check_own own = {c->at.section, c->at.line, span, (uint8_t)kind};
    if (!VEC_PUSH(&c->alloc, &c->own_names, own))
        c->no_memory = true;
}

enum khap_status khap__check_reference(void *ctx, const struct schema_reference *reference)
{
    struct check *c = ctx;
    if (reference->own && c->at.section != VIEW_NONE && c->at.read == KHAP_TRUE)
        khap__check_own(c, reference->kind, reference->span);
    return KHAP_OK;
}

/* What names its own section, and what names one that lacks what it is named for. Of defaults, those that inherit them are meant. */
static void own_names(struct check *c)
{
    const struct khap_view *view = c->view;
    for (uint32_t i = 0; i < c->own_names.len; i++) {
        const struct check_own *own = &c->own_names.ptr[i];
        const struct view_section *s = &view->sections.ptr[own->section];
        enum schema_kind kind = (enum schema_kind)own->kind;
        if (!khap__schema_kind_has(KIND_PROXY, s->kind) ||
            (khap__schema_kind_has(kind, s->kind) && khap__check_has(c, own->section, kind)) ||
            khap__check_may_be_disabled(c, own->section))
            continue;
        struct khap_str name = s->definition == VIEW_NONE ? S("") : view->definitions.ptr[s->definition].name;
        SAY(c->diags, MSG_MISSING_REFERENCE, khap__check_place_of(c, own->section, own->line, own->span),
            khap__schema_kind_name(kind), name, S(""));
    }
    for (struct check_each_name each = {0}; khap__check_next_name(c, &each);) {
        const struct view_reference *r = &view->references.ptr[each.reference];
        if (r->state != KHAP_REFERENCE_BOUND || r->read == KHAP_FALSE)
            continue;
        const struct view_definition *d = &view->definitions.ptr[r->definition];
        if (d->is_section && !khap__check_has(c, d->section, (enum schema_kind)r->kind) &&
            !khap__check_may_be_disabled(c, each.section))
            SAY(c->diags, MSG_MISSING_REFERENCE, khap__check_place_of(c, r->section, r->line, r->span),
                khap__schema_kind_name((enum schema_kind)r->kind), r->name, S(""));
    }
}

static void references(struct check *c)
{
    const struct khap_view *view = c->view;
    for (struct check_each_name each = {0}; khap__check_next_name(c, &each);) {
        const struct view_reference *r = &view->references.ptr[each.reference];
        if (r->state != KHAP_REFERENCE_MISSING || r->read == KHAP_FALSE)
            continue;
        /* what is missing in something that is missing itself was said */
        if (r->container != VIEW_NONE && view->references.ptr[r->container].state != KHAP_REFERENCE_BOUND)
            continue;
        uint32_t section = each.section;
        if (r->container != VIEW_NONE)
            section = view->definitions.ptr[view->references.ptr[r->container].definition].section;
        if (khap__check_may_define(c, section, (enum schema_kind)r->kind, r->name) ||
            (!khap__schema_kind_before((enum schema_kind)r->kind) &&
             (khap__check_may_be_disabled(c, each.section) ||
              !khap__check_asks(c, each.section, (enum schema_kind)r->kind))))
            continue;
        if (each.name != VIEW_NONE && c->replaceable.ptr[each.name].told)
            continue;
        if (each.name != VIEW_NONE)
            c->replaceable.ptr[each.name].told = true;
        struct khap_place place = khap__check_place_of(c, r->section, r->line, r->span);
        if (r->late)
            SAY(c->diags, MSG_MISSING_LATER, place, khap__schema_kind_name((enum schema_kind)r->kind),
                r->name, nearest(c, r));
        else
            SAY(c->diags, MSG_MISSING_REFERENCE, place, khap__schema_kind_name((enum schema_kind)r->kind),
                r->name, nearest(c, r));
        khap__check_fix(c, place, r->name, c->near);
    }
}

/* The rule about sections of a section's kind, or of its and of another one in this order, or about lines in one; NULL where there is none. */
static const struct schema_cross *rule_of(struct check *c, enum schema_predicate predicate, uint32_t section,
                                          struct khap_str other, bool lines)
{
    const struct schema_cross *rule;
    struct khap_str kind = c->view->sections.ptr[section].kind;
    for (size_t i = 0; (rule = khap__check_rule(c, section, predicate, &i)) != NULL;) {
        struct khap_str sections = khap__schema_text(rule->sections);
        if (predicate == CROSS_PAIR &&
            !khap__str_eq(khap__str_sub(sections, 0, khap__str_find(sections, ',')), kind))
            continue;
        if ((other.len == 0 || khap__schema_list_has(sections, other)) && (rule->n_when > 0) == lines)
            return rule;
    }
    return NULL;
}

/* `kind` is what has the name already, NULL for none. */
static void say_rule(struct check *c, const struct schema_cross *rule, const struct view_definition *d,
                     const struct view_definition *before, struct khap_str kind)
{
    const struct khap_str words[] = {d->name, kind, c->view->sections.ptr[d->section].kind};
    struct khap_place place = khap__check_place_of(c, d->section, d->line, d->span);
    if (khap_diags_report(c->diags, khap__schema_text(rule->code), place, words, 3) == KHAP_ENOMEM)
        c->no_memory = true;
    if (before != NULL)
        khap__diags_relate(c->diags, khap__check_place_of(c, before->section, before->line, before->span),
                           S("the first one is here"));
}

/* Two sections of one name: of one kind, or of two that may not share it. Whether something was said. */
static bool duplicate(struct check *c, const struct view_definition *d, const struct view_definition *before)
{
    struct khap_str a = c->view->sections.ptr[before->section].kind,
                    b = c->view->sections.ptr[d->section].kind;
    const struct schema_cross *rule =
        rule_of(c, khap__str_eq(a, b) ? CROSS_TWICE : CROSS_PAIR, before->section, b, false);
    /* defaults that nothing inherits from are replaced by the next ones */
    bool replaced = rule != NULL && rule->predicate == CROSS_TWICE && khap__str_eq(a, S("defaults")) &&
                    before->first_referrer == VIEW_NONE;
    if (replaced || d->read != KHAP_TRUE || before->read != KHAP_TRUE)
        return false;
    /* 1.5 takes them, and refuses a line that asks for one of two backends */
    if (rule == NULL && c->view->target.last < KHAP_RELEASE(1, 6) && khap__schema_kind_has(KIND_PROXY, a) &&
        khap__schema_kind_has(KIND_PROXY, b) &&
        (khap__str_eq(a, b) || khap__str_eq(a, S("listen")) || khap__str_eq(b, S("listen")))) {
        bool asked = khap__schema_kind_has(KIND_BACKEND, a) && khap__schema_kind_has(KIND_BACKEND, b) &&
                     (d->first_referrer != VIEW_NONE || before->first_referrer != VIEW_NONE);
        struct khap_place at = khap__check_place_of(c, d->section, d->line, d->span);
        if (asked)
            SAY(c->diags, MSG_NAME_TWICE, at, d->name, a);
        else
            SAY(c->diags, MSG_REPEATED_NAME, at, b, d->name);
        return true;
    }
    if (rule == NULL)
        return false;
    say_rule(c, rule, d, before, a);
    return true;
}

/* Servers of one name in one section. */
static void servers(struct check *c)
{
    const struct khap_view *view = c->view;
    for (uint32_t i = 0; i < view->definitions.len; i++) {
        const struct view_definition *d = &view->definitions.ptr[i];
        if (d->is_section || d->kind != KIND_SERVER || d->next_same == VIEW_NONE || d->read != KHAP_TRUE)
            continue;
        const struct view_definition *again = &view->definitions.ptr[d->next_same];
        const struct schema_cross *rule = rule_of(c, CROSS_TWICE, d->section, S(""), true);
        if (again->kind == KIND_SERVER && again->read == KHAP_TRUE && rule != NULL)
            say_rule(c, rule, again, d, S("server"));
    }
}

static void duplicates(struct check *c)
{
    const struct khap_view *view = c->view;
    for (uint32_t i = 0; i < view->definitions.len; i++) {
        const struct view_definition *d = &view->definitions.ptr[i];
        uint32_t first;
        if (!d->is_section || !khap__map_get(&view->names, d->name, &first))
            continue;
        for (; first != VIEW_NONE && first < i; first = view->definitions.ptr[first].next_same) {
            if (view->definitions.ptr[first].is_section && duplicate(c, d, &view->definitions.ptr[first]))
                break;
        }
    }
}

/* ACLs and backends that nothing names. A backend may be meant by a name that each request gives. */
static void unused(struct check *c)
{
    const struct khap_view *view = c->view;
    bool dynamic = true; /* where there is no frontend, the one that leads here is elsewhere */
    for (uint32_t i = 0; i < view->sections.len && dynamic; i++)
        dynamic = !khap__schema_kind_has(KIND_FRONTEND, view->sections.ptr[i].kind);
    for (uint32_t i = 0; i < view->references.len; i++) {
        const struct view_reference *r = &view->references.ptr[i];
        dynamic = dynamic || (r->kind == KIND_BACKEND &&
                              (r->state == KHAP_REFERENCE_DYNAMIC || r->state == KHAP_REFERENCE_VARIABLE));
    }
    for (uint32_t i = 0; i < view->definitions.len; i++) {
        const struct view_definition *d = &view->definitions.ptr[i];
        struct khap_str kind = view->sections.ptr[d->section].kind;
        bool backend = d->is_section && khap__str_eq(kind, S("backend"));
        bool acl = !d->is_section && d->kind == KIND_ACL;
        if (d->read != KHAP_TRUE || d->first_referrer != VIEW_NONE)
            continue;
        const struct schema_cross *rule =
            d->is_section ? rule_of(c, CROSS_UNUSED, d->section, S(""), false) : NULL;
        if (rule != NULL)
            say_rule(c, rule, d, NULL, kind);
        if (!(acl || (backend && !dynamic)) || !khap__view_first(view, i))
            continue;
        SAY(c->diags, MSG_UNUSED_NAME, khap__check_place_of(c, d->section, d->line, d->span),
            acl ? S("acl") : S("backend"), d->name);
    }
}

enum khap_status khap__check_names(struct check *c)
{
    unused(c);
    references(c);
    own_names(c);
    duplicates(c);
    servers(c);
    return KHAP_OK;
}
