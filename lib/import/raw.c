/* import/raw.c - lines that no key says, kept where they act. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

/* ---- what the generated configuration says alike ---- */

/* Sockets of khapgen's own have names that end in a sum of addresses, which may be written in another way. */
static struct khap_str without_sum(struct khap_str word)
{
    if (khap__str_starts(word, S("abns@khap-")) && word.len > 8)
        word.len -= 8;
    return word;
}

static bool same_words(const struct import_line *a, const struct import_line *b)
{
    if (a->n != b->n || a->variable != b->variable ||
        (a->variable && !khap__str_starts(a->text, S("peer ")) && !khap__str_eq(a->text, b->text)))
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (!khap__str_eq(without_sum(a->words[i]), without_sum(b->words[i])))
            return false;
    }
    return true;
}

static void find_same(struct import *im, uint32_t section, const struct config *made, uint32_t other,
                      uint8_t *used)
{
    const struct import_section *s = &im->in.sections.ptr[section];
    if (other == NO_SECTION)
        return;
    const struct import_section *m = &made->sections.ptr[other];
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (line->state != LINE_OPEN && line->state != LINE_CLAIMED)
            continue;
        for (uint32_t k = m->first; k < m->end; k++) {
            if (used[k] == 0 &&
                (same_words(line, &made->lines.ptr[k]) || (line->header && made->lines.ptr[k].header))) {
                used[k] = 1;
                line->state = LINE_SAME;
                break;
            }
        }
    }
}

/* Which section of the generated configuration says what this one said. */
static uint32_t counterpart(const struct import *im, const struct import_section *s,
                            const struct config *made, bool also)
{
    (void)im;
    struct khap_str name = s->name, kind = s->kind;
    if (s->role == ROLE_FRONTEND && s->as.len > 0)
        name = also ? s->also_as : s->as;
    if (s->role == ROLE_LISTEN) {
        kind = also ? S("frontend") : S("backend");
        name = also ? s->as : s->name;
    } else if (also && s->role != ROLE_FRONTEND) {
        return NO_SECTION;
    }
    if (name.len == 0 && s->role != ROLE_GLOBAL && s->role != ROLE_DEFAULTS)
        return NO_SECTION;
    if (s->role == ROLE_DEFAULTS)
        name = S("");
    return khap__import_find(made, kind, name);
}

/* ---- keeping ---- */

static bool is_helper(const struct import_section *s)
{
    return khap__str_starts(s->name, S("khap-"));
}

static void lose(struct import *im, struct import_line *line)
{
    line->state = im->final ? LINE_LOST : LINE_RAW;
    if (im->final)
        SAY(im->diags, MSG_IMPORT_LOST, line->place, line->text);
}

/* One blank between words, where that is all there is to it. */
static void add_line(struct buf *text, const struct import_line *line)
{
    bool plain = true;
    for (size_t i = 0; i < line->text.len && plain; i++)
        plain = memchr("\"'\\#$", line->text.ptr[i], 5) == NULL;
    if (text->len > 0)
        khap__buf_char(text, '\n');
    if (!plain)
        khap__buf_add(text, line->text);
    for (uint32_t i = 0; plain && i < line->n; i++) {
        khap__buf_add(text, i > 0 ? S(" ") : S(""));
        khap__buf_add(text, line->words[i]);
    }
}

/* A rule left over would come behind those that keys say: only where it was behind them anyway. */
static bool keeps_order(const struct import *im, const struct import_section *s)
{
    static const char *const groups[] = {"use_backend", "http-request", "http-response", "tcp-request"};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        bool left = false, ended = false;
        if (g > 0 && s->role == ROLE_FRONTEND)
            continue; /* khapgen's own rules there are no choice of anybody */
        for (uint32_t i = s->first; i < s->end; i++) {
            const struct import_line *line = &im->in.lines.ptr[i];
            if (!word_is(line, 0, groups[g]))
                continue;
            if (line->state == LINE_OPEN && ended) /* it would come before the default */
                return false;
            if (line->state == LINE_OPEN)
                left = true;
            else if (left && line->state == LINE_TAKEN)
                return false;
            ended = ended || line->ends;
        }
    }
    return true;
}

/* Lines of a listen that its frontend keeps. */
static bool for_frontend(const struct import_section *s, const struct import_line *line)
{
    static const char *const words[] = {"use_backend",
                                        "default_backend",
                                        "maxconn",
                                        "option httplog",
                                        "timeout client",
                                        "capture",
                                        "log",
                                        "option forwardfor",
                                        "timeout http-request",
                                        "timeout http-keep-alive",
                                        "bind"};
    if (s->role == ROLE_FRONTEND)
        return true;
    for (size_t i = 0; s->role == ROLE_LISTEN && i < sizeof words / sizeof *words; i++) {
        if (khap__import_begins(line, words[i]) > 0)
            return true;
    }
    return false;
}

static void keep_text(struct import *im, const struct import_section *s, struct buf *text, bool front)
{
    struct khap_place place = im->in.lines.ptr[s->first].place;
    bool good = true;
    if (text->failed)
        khap__import_fail(im, KHAP_ENOMEM);
    if (text->len == 0 || text->failed)
        return;
    struct khap_str lines = khap__buf_str(text);
    if (s->role == ROLE_GLOBAL || s->role == ROLE_DEFAULTS)
        good = khap__import_set_top(im, place, s->role == ROLE_GLOBAL ? "global" : "defaults",
                                    khap__import_quote(im, lines));
    else if (!front)
        good = khap__import_set_text(im, place, "services", s->name, "extra", lines);
    else
        good = khap__import_set_text(im, place, "frontends", s->as, "extra", lines);
    if (good && front && s->also_as.len > 0)
        good = khap__import_set_text(im, place, "frontends", s->also_as, "extra", lines);
    if (!good && s->role != ROLE_GLOBAL && s->role != ROLE_DEFAULTS)
        khap__import_stay(&im->in.sections.ptr[im->in.lines.ptr[s->first].section], lines);
}

static void keep_rest(struct import *im, struct import_section *s, struct buf *global)
{
    struct buf texts[2];
    khap__buf_init(&texts[0], &im->alloc);
    khap__buf_init(&texts[1], &im->alloc);
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (line->state == LINE_CLAIMED) {
            khap__import_stay(s, line->text);
        } else if (line->state == LINE_OPEN) {
            bool front = for_frontend(s, line);
            if (front ? s->as.len == 0 : s->tcp && s->role == ROLE_FRONTEND) {
                khap__import_stay(s, line->text);
                continue;
            }
            line->state = LINE_RAW;
            add_line(s->role == ROLE_GLOBAL ? global : &texts[front ? 1 : 0], line);
        }
    }
    if (!s->raw) {
        keep_text(im, s, &texts[0], false);
        keep_text(im, s, &texts[1], true);
    }
    khap__buf_free(&texts[0]);
    khap__buf_free(&texts[1]);
}

/* Whether a line that stays as it is names a list of users. */
static bool is_named(const struct import *im, struct khap_str name)
{
    struct khap_str open[] = {S("http_auth("), S("http_auth_group(")};
    for (uint32_t i = 0; i < im->in.lines.len; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (line->state != LINE_RAW && !im->in.sections.ptr[line->section].raw)
            continue;
        for (uint32_t k = 0; k < line->n; k++) {
            for (size_t o = 0; o < 2; o++) {
                if (khap__str_starts(line->words[k], open[o]) &&
                    khap__str_starts(khap__str_sub(line->words[k], open[o].len, line->words[k].len), name))
                    return true;
            }
        }
    }
    return false;
}

void khap__import_keep(struct import *im, const struct config *made)
{
    uint8_t *used = khap__arena_zalloc(&im->arena, made->lines.len + 1u, 1);
    struct buf global;
    if (used == NULL) {
        khap__import_fail(im, KHAP_ENOMEM);
        return;
    }
    khap__buf_init(&global, &im->alloc);
    for (uint32_t i = 0; i < im->in.sections.len && im->failure == KHAP_OK; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        if (s->end == 0 || s->raw)
            continue;
        find_same(im, i, made, counterpart(im, s, made, false), used);
        find_same(im, i, made, counterpart(im, s, made, true), used);
        if (s->role == ROLE_OTHER) {
            bool open = khap__str_eq(s->kind, S("userlist")) && is_named(im, s->name);
            for (uint32_t k = s->first; k < s->end; k++)
                open = open || im->in.lines.ptr[k].state == LINE_OPEN;
            if (open && !is_helper(s))
                khap__import_stay(s, S(""));
            for (uint32_t k = s->first; k < s->end && open && is_helper(s); k++) {
                if (im->in.lines.ptr[k].state == LINE_OPEN)
                    lose(im, &im->in.lines.ptr[k]);
            }
        } else if (is_helper(s) || (s->role == ROLE_DEFAULTS && i != im->defaults)) {
            for (uint32_t k = s->first; k < s->end; k++) {
                if (im->in.lines.ptr[k].state == LINE_OPEN)
                    lose(im, &im->in.lines.ptr[k]);
            }
        } else if (!keeps_order(im, s)) {
            khap__import_stay(s, S("the order of its rules"));
        } else {
            keep_rest(im, s, &global);
        }
    }
    if (global.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    else if (global.len > 0)
        (void)khap__import_set_top(im, NOWHERE, "global", khap__import_quote(im, khap__buf_str(&global)));
    khap__buf_free(&global);
}

/* ---- whole sections ---- */

static bool has_mode(const struct import *im, const struct import_section *s)
{
    for (uint32_t i = s->first; i < s->end; i++) {
        if (word_is(&im->in.lines.ptr[i], 0, "mode"))
            return true;
    }
    return false;
}

/* "…map_str(maps/http-hosts.map)" */
static bool names_own_map(const struct import_line *line)
{
    struct khap_str mark = S("(maps/");
    for (uint32_t i = 1; i < line->n; i++) {
        for (size_t at = 0; at + mark.len <= line->words[i].len; at++) {
            if (memcmp(line->words[i].ptr + at, mark.ptr, mark.len) == 0)
                return true;
        }
    }
    return false;
}

static void add_section(struct import *im, struct import_section *s, struct buf *text)
{
    const struct khap_line *last = s->last;
    while (last != s->head && (khap_line_kind(s->doc, last) == KHAP_LINE_BLANK ||
                               khap_line_kind(s->doc, last) == KHAP_LINE_COMMENT))
        last = khap_line_prev(s->doc, last);
    if (text->len > 0)
        khap__buf_char(text, '\n');
    for (const struct khap_line *line = s->head;; line = khap_line_next(s->doc, line)) {
        struct khap_str bytes = khap_line_text(line);
        while (bytes.len > 0 && (bytes.ptr[bytes.len - 1] == '\n' || bytes.ptr[bytes.len - 1] == '\r'))
            bytes.len--;
        khap__buf_add(text, bytes);
        khap__buf_char(text, '\n');
        /* what it inherited is no longer said */
        if (line == s->head && s->tcp && s->role >= ROLE_FRONTEND && s->role <= ROLE_LISTEN &&
            !has_mode(im, s))
            khap__buf_add(text, S("    mode tcp\n"));
        if (line == last)
            break;
    }
    for (uint32_t i = s->first; i < s->end; i++) {
        if (im->in.lines.ptr[i].state != LINE_LOST)
            im->in.lines.ptr[i].state = LINE_RAW;
        if (im->ours && names_own_map(&im->in.lines.ptr[i])) /* nobody writes that file any more */
            lose(im, &im->in.lines.ptr[i]);
    }
    if (im->final && s->role != ROLE_OTHER)
        SAY(im->diags, MSG_IMPORT_SECTION, im->in.lines.ptr[s->first].place, s->kind, s->name, s->why);
}

void khap__import_keep_sections(struct import *im)
{
    struct buf text;
    khap__buf_init(&text, &im->alloc);
    for (uint32_t i = 0; i < im->in.sections.len; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        if (!s->raw || s->end == 0 || s->role == ROLE_NONE)
            continue;
        if (is_helper(s)) {
            for (uint32_t k = s->first; k < s->end; k++)
                lose(im, &im->in.lines.ptr[k]);
            continue;
        }
        add_section(im, s, &text);
    }
    if (text.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    else if (text.len > 0 &&
             !khap__import_set_top(im, NOWHERE, "sections", khap__import_quote(im, khap__buf_str(&text))))
        khap__import_fail(im, KHAP_EINPUT);
    khap__buf_free(&text);
}
