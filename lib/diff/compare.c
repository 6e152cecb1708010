/* diff/compare.c - sections that both sides have, line by line. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"

/* Lines of a keyword that HAProxy goes through one after the other: elsewhere only what is said counts. */
static bool has_order(struct khap_str keyword)
{
    static const char *const rules[] = {"http-",          "tcp-",         "use_backend", "use-server",
                                        "redirect",       "stick ",       "filter",      "force-persist",
                                        "ignore-persist", "monitor fail", "capture ",    "quic-initial"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (khap__str_starts(keyword, khap__str(rules[i])))
            return true;
    }
    return false;
}

static void tell(struct khap_diff *d, enum khap_change_kind kind, const struct diff_section *section,
                 const struct diff_line *before, const struct diff_line *after)
{
    struct khap_change *change = khap__diff_change(d, kind, KHAP_CHANGE_LINE);
    uint32_t commands = d->commands.len;
    if (change == NULL)
        return;
    change->section = section->kind;
    change->name = section->name;
    change->keyword = after != NULL ? after->keyword : before->keyword;
    if (before != NULL) {
        change->before = before->text;
        change->before_place = before->place;
    }
    if (after != NULL) {
        change->after = after->text;
        change->after_place = after->place;
    }
    if (kind == KHAP_CHANGE_ORDER)
        khap__diff_reload(d, change, S("the order of rules changes with a reload"));
    else
        khap__plan_line(d, change, before, after);
    /* words in another order, which come to the same */
    if (kind == KHAP_CHANGE_CHANGED && change->at_run_time != 0 && d->commands.len == commands)
        d->changes.len--;
}

/* Lines that are the same: the first with the first, the second with the second. */
static void match_equal(struct khap_diff *d, const struct diff_section *before,
                        const struct diff_section *after)
{
    struct map first;
    struct diff_line *old = d->before.lines.ptr, *now = d->after.lines.ptr;
    uint32_t at, last = DIFF_NONE;
    khap__map_init(&first, &d->alloc);
    /* from the end, so that the first of equal ones is found first */
    VEC(uint32_t) all = {0};
    for (at = before->first; at != DIFF_NONE && d->status == KHAP_OK; at = old[at].next) {
        if (!VEC_PUSH(&d->alloc, &all, at))
            d->status = KHAP_ENOMEM;
    }
    while (all.len > 0 && d->status == KHAP_OK) {
        at = all.ptr[--all.len];
        if (khap__map_get(&first, old[at].key, &last))
            old[at].next_same = last;
        if (khap__map_set(&first, old[at].key, at) != KHAP_OK)
            d->status = KHAP_ENOMEM;
    }
    for (uint32_t i = after->first; i != DIFF_NONE && d->status == KHAP_OK; i = now[i].next) {
        if (!khap__map_get(&first, now[i].key, &at) || at == DIFF_NONE)
            continue;
        now[i].twin = at;
        old[at].twin = i;
        if (khap__map_set(&first, now[i].key, old[at].next_same) != KHAP_OK)
            d->status = KHAP_ENOMEM;
    }
    VEC_FREE(&d->alloc, &all);
    khap__map_free(&first);
}

static struct khap_str name_of(const struct diff_line *line)
{
    return line->first < line->n ? line->words[line->first] : S("");
}

/* What is left: a line of the same keyword and name is the same line, changed; without that name, if it is the only one of its keyword on both sides. */
static uint32_t changed_from(const struct khap_diff *d, const struct diff_section *before,
                             const struct diff_section *after, const struct diff_line *line, bool alone)
{
    const struct diff_line *old = d->before.lines.ptr, *now = d->after.lines.ptr;
    uint32_t found = DIFF_NONE, others = 0;
    for (uint32_t i = before->first; i != DIFF_NONE; i = old[i].next) {
        if (old[i].twin != DIFF_NONE || !khap__str_eq(old[i].keyword, line->keyword))
            continue;
        others++;
        if (alone || khap__str_eq(name_of(&old[i]), name_of(line)))
            found = found == DIFF_NONE ? i : found;
    }
    if (!alone || found == DIFF_NONE)
        return found;
    for (uint32_t i = after->first; i != DIFF_NONE; i = now[i].next)
        others += now[i].twin == DIFF_NONE && khap__str_eq(now[i].keyword, line->keyword);
    return others == 2 ? found : DIFF_NONE;
}

static void match_changed(struct khap_diff *d, const struct diff_section *before,
                          const struct diff_section *after, bool alone)
{
    struct diff_line *now = d->after.lines.ptr;
    for (uint32_t i = after->first; i != DIFF_NONE; i = now[i].next) {
        /* an action is no name: rules come and go; and another name is another thing */
        if (now[i].twin != DIFF_NONE || (alone ? now[i].defines : has_order(now[i].keyword)))
            continue;
        uint32_t at = changed_from(d, before, after, &now[i], alone);
        if (at == DIFF_NONE)
            continue;
        now[i].twin = at;
        d->before.lines.ptr[at].twin = i;
    }
}

/* The first line of each keyword that stands before one that it stood behind. */
static void tell_order(struct khap_diff *d, const struct diff_section *before,
                       const struct diff_section *after)
{
    const struct diff_line *old = d->before.lines.ptr, *now = d->after.lines.ptr;
    struct map
        highest; /* keyword -> one more than the line of the other side that was reached; UINT32_MAX: told */
    khap__map_init(&highest, &d->alloc);
    (void)before;
    for (uint32_t i = after->first; i != DIFF_NONE && d->status == KHAP_OK; i = now[i].next) {
        uint32_t reached = 0;
        if (now[i].twin == DIFF_NONE || !has_order(now[i].keyword))
            continue;
        (void)khap__map_get(&highest, now[i].keyword, &reached);
        if (reached == UINT32_MAX)
            continue;
        bool wrong = reached > now[i].twin;
        if (wrong)
            tell(d, KHAP_CHANGE_ORDER, after, &old[now[i].twin], &now[i]);
        if (khap__map_set(&highest, now[i].keyword, wrong ? UINT32_MAX : now[i].twin + 1) != KHAP_OK)
            d->status = KHAP_ENOMEM;
    }
    khap__map_free(&highest);
}

static void compare(struct khap_diff *d, const struct diff_section *before, const struct diff_section *after)
{
    const struct diff_line *old = d->before.lines.ptr, *now = d->after.lines.ptr;
    match_equal(d, before, after);
    match_changed(d, before, after, false);
    match_changed(d, before, after, true);
    for (uint32_t i = after->first; i != DIFF_NONE && d->status == KHAP_OK; i = now[i].next) {
        const struct diff_line *was = now[i].twin == DIFF_NONE ? NULL : &old[now[i].twin];
        if (was == NULL)
            tell(d, KHAP_CHANGE_ADDED, after, NULL, &now[i]);
        else if (!khap__str_eq(was->key, now[i].key))
            tell(d, KHAP_CHANGE_CHANGED, after, was, &now[i]);
    }
    for (uint32_t i = before->first; i != DIFF_NONE && d->status == KHAP_OK; i = old[i].next) {
        if (old[i].twin == DIFF_NONE)
            tell(d, KHAP_CHANGE_REMOVED, before, &old[i], NULL);
    }
    tell_order(d, before, after);
}

static void tell_section(struct khap_diff *d, enum khap_change_kind kind, const struct diff_section *section)
{
    struct khap_change *change = khap__diff_change(d, kind, KHAP_CHANGE_SECTION);
    if (change == NULL)
        return;
    change->section = section->kind;
    change->name = section->name;
    if (kind == KHAP_CHANGE_ADDED)
        change->after_place = section->place;
    else
        change->before_place = section->place;
    const char *why = khap__plan_section(d, change, section, kind == KHAP_CHANGE_ADDED);
    if (why != NULL)
        khap__diff_reload(d, change, khap__str(why));
}

void khap__diff_sections(struct khap_diff *d)
{
    struct diff_section *old = d->before.sections.ptr, *now = d->after.sections.ptr;
    for (uint32_t i = 0; i < d->after.sections.len && d->status == KHAP_OK; i++) {
        if (khap__map_get(&d->before.by_key, now[i].key, &now[i].twin))
            old[now[i].twin].twin = i;
    }
    for (uint32_t i = 0; i < d->after.sections.len && d->status == KHAP_OK; i++) {
        if (now[i].twin == DIFF_NONE)
            tell_section(d, KHAP_CHANGE_ADDED, &now[i]);
        else
            compare(d, &old[now[i].twin], &now[i]);
    }
    for (uint32_t i = 0; i < d->before.sections.len && d->status == KHAP_OK; i++) {
        if (old[i].twin == DIFF_NONE)
            tell_section(d, KHAP_CHANGE_REMOVED, &old[i]);
    }
}
