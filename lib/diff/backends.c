/* diff/backends.c - backends that come and go while HAProxy runs, from 3.4 on. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"

static bool is(struct khap_str word, const char *text)
{
    return khap__str_eq(word, khap__str(text));
}

/* `add backend NAME from PROFILE`: all but servers is the profile's. */
static bool is_of_profile(const struct diff_side *side, const struct diff_section *section)
{
    if (!is(section->kind, "backend") || section->defaults == DIFF_NONE ||
        side->sections.ptr[section->defaults].name.len == 0)
        return false;
    for (uint32_t i = section->first; i != DIFF_NONE; i = side->lines.ptr[i].next) {
        const struct diff_line *line = &side->lines.ptr[i];
        if (!is(line->keyword, "server") && !is(line->keyword, "backend"))
            return false;
    }
    return true;
}

static bool tell(struct khap_diff *d, enum diff_phase phase, const char *command, struct khap_str backend,
                 const char *from, struct khap_str profile, const char *rest)
{
    struct diff_command c;
    khap__command_begin(&c, d, phase, command);
    khap__command_word(&c, backend);
    khap__command_words(&c, from);
    if (profile.len > 0)
        khap__command_word(&c, profile);
    khap__command_words(&c, rest);
    return khap__command_end(&c);
}

static const char cannot_stand[] = "its words cannot stand in a command";

static const char *plan_servers(struct khap_diff *d, const struct khap_change *change,
                                const struct diff_side *side, const struct diff_section *section, bool is_new)
{
    const char *why = NULL;
    for (uint32_t i = section->first; i != DIFF_NONE && why == NULL; i = side->lines.ptr[i].next) {
        const struct diff_line *line = &side->lines.ptr[i];
        if (is(line->keyword, "server"))
            why = khap__plan_server(d, change, is_new ? NULL : line, is_new ? line : NULL);
    }
    return why;
}

static const char *plan_new(struct khap_diff *d, const struct khap_change *change,
                            const struct diff_section *section)
{
    const struct diff_section *profile = &d->after.sections.ptr[section->defaults];
    const struct diff_line *mode = khap__diff_effective(&d->after, section->defaults, "mode");
    if (profile->twin == DIFF_NONE)
        return "its settings are not in use yet";
    if (mode == NULL || !mode->sure || mode->variable || mode->n <= mode->first)
        return "it is not all known";
    if (!tell(d, PHASE_NEW, "add backend", change->name, "from", profile->name,
              is(mode->words[mode->first], "tcp") ? "mode tcp" : "mode http"))
        return cannot_stand;
    const char *why = plan_servers(d, change, &d->after, section, true);
    if (why == NULL && !tell(d, PHASE_NEW, "publish backend", change->name, "", S(""), ""))
        why = cannot_stand;
    return why;
}

/* One that a rule names without looking it up is HAProxy's for good. */
static bool is_named(const struct khap_diff *d, struct khap_str backend)
{
    for (uint32_t i = 0; i < d->before.lines.len; i++) {
        const struct diff_line *line = &d->before.lines.ptr[i];
        bool leads = is(line->keyword, "use_backend") || is(line->keyword, "default_backend");
        if (leads && line->n > line->first && khap__str_eq(line->words[line->first], backend))
            return true;
    }
    return false;
}

static const char *plan_gone(struct khap_diff *d, const struct khap_change *change,
                             const struct diff_section *section)
{
    if (is_named(d, change->name))
        return "a rule names it";
    bool good = tell(d, PHASE_LEAVE, "unpublish backend", change->name, "", S(""), "");
    const char *why = good ? plan_servers(d, change, &d->before, section, false) : cannot_stand;
    if (why != NULL)
        return why;
    good = tell(d, PHASE_EMPTY, "wait 5s be-removable", change->name, "", S(""), "") &&
           tell(d, PHASE_CLOSE, "del backend", change->name, "", S(""), "");
    if (good)
        d->commands.ptr[d->commands.len - 1].is.repeat = 1;
    return good ? NULL : cannot_stand;
}

/* Settings from which nothing inherits any more do nothing. */
static bool is_unused(const struct khap_diff *d, const struct diff_section *section)
{
    uint32_t at = (uint32_t)(section - d->before.sections.ptr);
    if (!is(section->kind, "defaults") || section->name.len == 0)
        return false;
    for (uint32_t i = 0; i < d->before.sections.len; i++)
        if (d->before.sections.ptr[i].defaults == at && d->before.sections.ptr[i].twin != DIFF_NONE)
            return false;
    return true;
}

const char *khap__plan_section(struct khap_diff *d, const struct khap_change *change,
                               const struct diff_section *section, bool is_new)
{
    static const char restarts[] = "sections come and go with a reload";
    uint32_t so_far = d->commands.len;
    const char *why;
    if (!is_new && is_unused(d, section))
        return NULL;
    if (d->target.first < KHAP_RELEASE(3, 4) || !is_of_profile(is_new ? &d->after : &d->before, section))
        return restarts;
    why = is_new ? plan_new(d, change, section) : plan_gone(d, change, section);
    if (why != NULL)
        d->commands.len = so_far;
    return why;
}
