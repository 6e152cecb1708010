/* import/global.c - how HAProxy runs, where it logs to, its statistics. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

static bool set_top_text(struct import *im, const struct import_line *line, const char *key,
                         struct khap_str text)
{
    return khap__import_set_top(im, line->place, key, khap__import_quote(im, text));
}

/* stats socket PATH mode M [user U] [group G] level admin [expose-fd listeners] */
static bool take_socket(struct import *im, const struct import_line *line)
{
    uint32_t at = 3;
    bool mode = word_is(line, at, "mode");
    if (!mode || !khap__str_starts(word_at(line, 2), S("/")))
        return false;
    struct khap_str number = word_at(line, at + 1), user = {"", 0}, group = {"", 0};
    at += 2;
    if (word_is(line, at, "user")) {
        user = word_at(line, at + 1);
        at += 2;
    }
    if (word_is(line, at, "group")) {
        group = word_at(line, at + 1);
        at += 2;
    }
    if (!word_is(line, at, "level") || !word_is(line, at + 1, "admin"))
        return false;
    at += 2;
    if (at < line->n &&
        !(word_is(line, at, "expose-fd") && word_is(line, at + 1, "listeners") && at + 2 == line->n))
        return false;
    return set_top_text(im, line, "process.socket.path", word_at(line, 2)) &&
           (khap__str_eq(number, S("600")) ||
            khap__import_set_top(im, line->place, "process.socket.mode", number)) &&
           (user.len == 0 || set_top_text(im, line, "process.socket.user", user)) &&
           (group.len == 0 || set_top_text(im, line, "process.socket.group", group));
}

static void global(struct import *im, struct import_section *s)
{
    static const char *const words[][2] = {
        {"chroot", "process.chroot"}, {"user", "process.user"}, {"group", "process.group"}};
    im->in.lines.ptr[s->first].state = LINE_TAKEN;
    for (uint32_t i = s->first + 1; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        bool good = false;
        if (line->state != LINE_OPEN || line->variable)
            continue;
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            good = good || (word_is(line, 0, words[k][0]) && line->n == 2 &&
                            set_top_text(im, line, words[k][1], line->words[1]));
        if (khap__import_begins(line, "stats socket") > 0)
            good = take_socket(im, line);
        if (good)
            line->state = LINE_TAKEN;
    }
}

/* How many sections inherit from it. */
static uint32_t inheritors(const struct import *im, uint32_t section)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < im->in.sections.len; i++)
        n += im->in.sections.ptr[i].defaults == section && im->in.sections.ptr[i].end > 0;
    return n;
}

static void defaults(struct import *im, struct import_section *s, uint32_t index)
{
    uint32_t mine = inheritors(im, index);
    if (im->defaults == NO_SECTION || mine > inheritors(im, im->defaults))
        im->defaults = index;
    for (uint32_t i = s->first; i < s->end && mine == 0; i++)
        im->in.lines.ptr[i].state = LINE_TAKEN; /* it acts on nothing */
    im->in.lines.ptr[s->first].state = LINE_TAKEN;
    for (uint32_t i = s->first + 1; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (word_is(line, 0, "mode") || khap__import_begins(line, "option forwardfor") == line->n)
            line->state = LINE_TAKEN; /* each service and frontend has its own */
    }
}

/* A frontend or listen that shows the statistics, as khapgen writes one. */
static bool is_stats(const struct import *im, const struct import_section *s)
{
    static const char *const lines[] = {"mode http", "stats enable", "stats uri /", "stats refresh 10s",
                                        "http-request use-service prometheus-exporter if { path /metrics }"};
    bool enabled = false, uri = false, bind = false;
    for (uint32_t i = s->first + 1; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        bool known = word_is(line, 0, "bind") && line->n == 2;
        bind = bind || known;
        for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
            known = known || khap__import_begins(line, lines[k]) == line->n;
        if (!known || line->variable || line->state != LINE_OPEN)
            return false;
        enabled = enabled || word_is(line, 1, "enable");
        uri = uri || word_is(line, 1, "uri");
    }
    return enabled && uri && bind;
}

static void stats(struct import *im)
{
    for (uint32_t i = 0; i < im->in.sections.len; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        if ((s->role != ROLE_FRONTEND && s->role != ROLE_LISTEN) || s->tcp || s->end == 0 || !is_stats(im, s))
            continue;
        for (uint32_t k = s->first; k < s->end; k++) {
            struct import_line *line = &im->in.lines.ptr[k];
            if (word_is(line, 0, "bind"))
                (void)set_top_text(im, line, "stats.bind.+", line->words[1]);
            if (khap__import_begins(line, "http-request use-service") > 0)
                (void)khap__import_set_top(im, line->place, "stats.prometheus", S("true"));
            line->state = LINE_TAKEN;
        }
        s->raw = false;
        s->taken = true;
        return;
    }
}

void khap__import_global(struct import *im)
{
    stats(im);
    for (uint32_t i = 0; i < im->in.sections.len; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        if (s->end == 0)
            continue;
        if (s->role == ROLE_GLOBAL)
            global(im, s);
        else if (s->role == ROLE_DEFAULTS)
            defaults(im, s, i);
    }
    if (!khap__import_log(im))
        (void)khap__import_set_top(im, NOWHERE, "log", S("false"));
}
