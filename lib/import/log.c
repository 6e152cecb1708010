/* import/log.c - what is logged, where to, and how. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

/* log TO [len 65535] [format raw] FACILITY; the length is khapgen's own with JSON. */
static bool log_line(const struct import_line *line, bool json, struct khap_str *to,
                     struct khap_str *facility)
{
    bool stream = word_is(line, 1, "stdout") || word_is(line, 1, "stderr");
    uint32_t at = 2;
    if (!word_is(line, 0, "log") || line->variable || line->n < 3)
        return false;
    if (json && (!word_is(line, at, "len") || !word_is(line, at + 1, "65535")))
        return false;
    at += json ? 2 : 0;
    if (stream && (!word_is(line, at, "format") || !word_is(line, at + 1, "raw")))
        return false;
    at += stream ? 2 : 0;
    *to = line->words[1];
    *facility = word_at(line, at);
    return at + 1 == line->n;
}

static bool set_lines(struct import *im, const struct import_section *s, bool json)
{
    struct khap_str to, facility, first = {"", 0};
    uint32_t n = 0;
    bool good = true;
    for (uint32_t i = s->first; i < s->end; i++) {
        bool fits = log_line(&im->in.lines.ptr[i], json, &to, &facility);
        if (fits && n == 0)
            first = facility;
        n += fits && khap__str_eq(facility, first);
    }
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (line->state != LINE_OPEN || !log_line(line, json, &to, &facility) ||
            !khap__str_eq(facility, first))
            continue;
        bool usual = n == 1 && khap__str_eq(to, S("stdout")); /* the default */
        good = (usual || khap__import_set_top(im, line->place, n == 1 ? "log.to" : "log.to.+",
                                              khap__import_quote(im, to)));
        if (good)
            line->state = LINE_TAKEN;
    }
    if (n > 0 && !khap__str_eq(first, S("local0")))
        (void)khap__import_set_top(im, im->in.lines.ptr[s->first].place, "log.facility",
                                   khap__import_quote(im, first));
    return n > 0;
}

/* The format of `defaults`, as khapgen writes it there: the line stays open, and has to come out again. */
static const struct import_line *format_line(const struct import *im)
{
    uint32_t section = khap__import_find(&im->in, S("defaults"), S(""));
    const struct import_section *s = section == NO_SECTION ? NULL : &im->in.sections.ptr[section];
    for (uint32_t i = s != NULL ? s->first : 0; s != NULL && im->ours && i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        bool own = line->text.len > 11 && line->text.ptr[11] != '"'; /* it quotes in the other way */
        if (word_is(line, 0, "log-format") && line->n == 2 && !line->variable && own)
            return line;
    }
    return NULL;
}

/* ---- headers ---- */

static bool is_capture(const struct import_line *line)
{
    return khap__import_begins(line, "capture request header") > 0 && line->n == 6 && !line->variable;
}

static bool captures(const struct import *im, const struct import_section *s,
                     const struct import_line *wanted)
{
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (is_capture(line) && khap__str_eq(line->words[3], wanted->words[3]) &&
            khap__str_eq(line->words[5], wanted->words[5]))
            return true;
    }
    return false;
}

static bool has_captures(const struct import_section *s)
{
    return s->role == ROLE_FRONTEND && !s->tcp && !s->taken && s->end > 0;
}

/* What all frontends capture. */
static void set_headers(struct import *im, bool json)
{
    const struct import_section *first = NULL;
    for (uint32_t i = 0; i < im->in.sections.len && first == NULL; i++)
        first = has_captures(&im->in.sections.ptr[i]) ? &im->in.sections.ptr[i] : NULL;
    bool host = json; /* the first one is JSON's own */
    for (uint32_t i = first != NULL ? first->first : 0; first != NULL && i < first->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        bool all = is_capture(line);
        for (uint32_t k = 0; k < im->in.sections.len && all; k++)
            all = !has_captures(&im->in.sections.ptr[k]) || captures(im, &im->in.sections.ptr[k], line);
        if (all && !host)
            (void)khap__import_set_top(im, line->place, "log.headers.+",
                                       khap__import_quote(im, line->words[3]));
        host = host && !all;
    }
}

bool khap__import_log(struct import *im)
{
    const struct import_line *format = format_line(im);
    bool json = format != NULL && khap__str_starts(format->words[1], S("{\"time\":%Ts.%ms,\"client\":")),
         any = false, found = false;
    for (uint32_t i = 0; i < im->in.sections.len && !found; i++) {
        const struct import_section *s = &im->in.sections.ptr[i];
        any = any || (s->role == ROLE_GLOBAL && s->end > 0);
        found = s->role == ROLE_GLOBAL && s->end > 0 && set_lines(im, s, json);
    }
    if (!found)
        return !any;
    if (format != NULL)
        (void)khap__import_set_top(im, format->place, "log.format",
                                   json ? S("json") : khap__import_quote(im, format->words[1]));
    if (im->ours)
        set_headers(im, json);
    return true;
}
