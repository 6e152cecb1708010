/* import/read.c - a bundle as lines of words, section by section. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

void khap__import_fail(struct import *im, enum khap_status status)
{
    if (im->failure == KHAP_OK)
        im->failure = status;
}

struct khap_str khap__import_dup(struct import *im, struct khap_str text)
{
    struct khap_str copy = {"", 0};
    if (text.len == 0)
        return copy;
    khap__import_fail(im, khap__arena_dup(&im->arena, text, &copy));
    return im->failure == KHAP_OK ? copy : (struct khap_str){"", 0};
}

struct khap_str khap__import_join(struct import *im, struct khap_str a, struct khap_str b, struct khap_str c)
{
    const struct khap_str parts[] = {a, b, c};
    size_t len = a.len + b.len + c.len, at = 0;
    char *text = khap__arena_bytes(&im->arena, len + 1);
    if (text == NULL) {
        khap__import_fail(im, KHAP_ENOMEM);
        return (struct khap_str){"", 0};
    }
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len > 0)
            memcpy(text + at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    return (struct khap_str){text, len};
}

uint32_t khap__import_begins(const struct import_line *line, const char *words)
{
    struct khap_str rest = khap__str(words);
    uint32_t n = 0;
    while (rest.len > 0) {
        size_t end = khap__str_find(rest, ' ');
        if (n >= line->n || !khap__str_eq(line->words[n], khap__str_sub(rest, 0, end)))
            return 0;
        rest = khap__str_sub(rest, end + 1, rest.len);
        n++;
    }
    return n;
}

bool khap__import_number(struct khap_str text, uint32_t max, uint32_t *out)
{
    uint64_t n = 0;
    if (text.len == 0 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!khap__is_digit((unsigned char)text.ptr[i]))
            return false;
        n = n * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *out = (uint32_t)n;
    return n <= max;
}

struct reading {
    struct import *im;
    struct config *config;
    bool outer; /* the configuration that is imported: what may not be read is told */
};

static bool role_of(struct khap_str kind, uint8_t *role)
{
    static const struct {
        char kind[12];
        uint8_t role;
    } table[] = {{"frontend", ROLE_FRONTEND},
                 {"backend", ROLE_BACKEND},
                 {"listen", ROLE_LISTEN},
                 {"global", ROLE_GLOBAL},
                 {"defaults", ROLE_DEFAULTS}};
    *role = ROLE_OTHER;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (khap__str_eq(kind, khap__str(table[i].kind)))
            *role = table[i].role;
    }
    return *role != ROLE_OTHER;
}

static enum khap_status hear_line(void *ctx, const struct view_line *heard)
{
    struct reading *r = ctx;
    struct import *im = r->im;
    if (heard->read == KHAP_FALSE || heard->n == 0 || heard->section == VIEW_NONE)
        return KHAP_OK;
    struct import_line line = {.text = khap_line_text(heard->line), .section = heard->section};
    while (line.text.len > 0 &&
           (line.text.ptr[line.text.len - 1] == '\n' || line.text.ptr[line.text.len - 1] == '\r'))
        line.text.len--;
    line.text = khap__str_trim(line.text);
    line.place = khap_line_origin(heard->doc, heard->line);
    if (line.place.source != 0 && line.text.len > 0)
        line.place.offset += (uint32_t)(line.text.ptr - khap_line_text(heard->line).ptr);
    line.place.len = (uint32_t)line.text.len;
    struct khap_str *words = khap__arena_alloc(&im->arena, heard->n, sizeof *words);
    if (words == NULL)
        return KHAP_ENOMEM;
    for (size_t i = 0; i < heard->n; i++) {
        words[i] = khap__import_dup(im, heard->words[i].text);
        line.variable = line.variable || heard->words[i].variable;
    }
    line.words = words;
    line.n = (uint32_t)heard->n;
    if (!r->outer) /* the bundle goes when it was compared */
        line.text = khap__import_dup(im, line.text);
    line.header = heard->line == heard->view->sections.ptr[heard->section].head;
    line.conditional = heard->read != KHAP_TRUE;
    if (im->failure != KHAP_OK)
        return im->failure;
    return VEC_PUSH(&im->alloc, &r->config->lines, line) ? KHAP_OK : KHAP_ENOMEM;
}

/* Its own word, or that of its defaults. */
static bool mode_of(const struct config *c, uint32_t section, bool *tcp)
{
    const struct import_section *s = &c->sections.ptr[section];
    bool found = false;
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &c->lines.ptr[i];
        /* `type http` was never a line of HAProxy's, but stands in what people copy */
        if (!line->header &&
            (word_is(line, 0, "mode") || (word_is(line, 0, "type") && word_is(line, 1, "http")))) {
            *tcp = word_is(line, 1, "tcp");
            found = true;
        }
    }
    return found;
}

/* Whether a line only means something over HTTP. */
static bool is_http(const struct import_line *line)
{
    static const char *const words[] = {"cookie",
                                        "reqadd",
                                        "rspadd",
                                        "reqrep",
                                        "reqidel",
                                        "rspidel",
                                        "redirect",
                                        "http-request",
                                        "http-response",
                                        "http-check",
                                        "option forwardfor",
                                        "option httpchk",
                                        "option http-server-close",
                                        "option httpclose",
                                        "option httplog"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (khap__import_begins(line, words[i]) > 0)
            return true;
    }
    for (uint32_t i = 1; i < line->n; i++) {
        if (khap__str_starts(line->words[i], S("hdr(")) || khap__str_starts(line->words[i], S("path_beg")) ||
            khap__str_starts(line->words[i], S("hdr_end(")))
            return true;
    }
    return false;
}

/* People forget `mode http`; what then stands there is nothing that HAProxy takes. */
static void guess_mode(struct import *im, struct import_section *s)
{
    for (uint32_t i = s->first; s->tcp && i < s->end; i++) {
        if (!is_http(&im->in.lines.ptr[i]))
            continue;
        s->tcp = false;
        s->meant = true;
    }
    for (uint32_t i = s->first; i < s->end; i++)
        s->meant = s->meant ||
                   (word_is(&im->in.lines.ptr[i], 0, "type") && word_is(&im->in.lines.ptr[i], 1, "http"));
}

/* Lines of `.if` blocks: a section that has such a block stays whole, with it. */
static void keep_conditions(struct import *im, struct config *c)
{
    for (uint32_t i = 0; i < c->lines.len; i++) {
        struct import_line *line = &c->lines.ptr[i];
        struct import_section *s = &c->sections.ptr[line->section];
        if (!line->conditional)
            continue;
        if (s->role == ROLE_GLOBAL || s->role == ROLE_DEFAULTS || c->lines.ptr[s->first].conditional) {
            line->state = LINE_LOST;
            SAY(im->diags, MSG_IMPORT_CONDITIONAL, line->place, line->text);
        } else {
            khap__import_stay(s, line->text);
            s->always = true;
        }
    }
}

enum khap_status khap__import_read(struct import *im, const struct khap_bundle *bundle,
                                   const struct khap_target *target, bool outer, struct config *out)
{
    struct reading r = {im, out, outer};
    const struct view_listener listener = {.ctx = &r, .line = hear_line};
    struct khap_view *view = NULL;
    enum khap_status status =
        khap__view_new(&im->alloc, bundle, target, im->options->facts, &listener, NULL, &view);
    for (uint32_t i = 0; status == KHAP_OK && i < view->sections.len; i++) {
        const struct view_section *v = &view->sections.ptr[i];
        struct import_section s = {.kind = khap__import_dup(im, v->kind),
                                   .doc = view->files.ptr[v->file].doc,
                                   .head = v->head,
                                   .last = v->last,
                                   .defaults = v->defaults == VIEW_NONE ? NO_SECTION : v->defaults};
        if (v->definition != VIEW_NONE)
            s.name = khap__import_dup(im, view->definitions.ptr[v->definition].name);
        (void)role_of(s.kind, &s.role);
        status = im->failure;
        if (status == KHAP_OK && !VEC_PUSH(&im->alloc, &out->sections, s))
            status = KHAP_ENOMEM;
    }
    for (uint32_t i = 0; status == KHAP_OK && outer && i < view->files.len; i++) {
        const struct khap_line *first = khap_line_next(view->files.ptr[i].doc, NULL);
        im->ours = im->ours ||
                   (first != NULL && khap__str_starts(khap_line_text(first), S("# Written by khapgen.")));
    }
    khap_view_free(view);
    if (status != KHAP_OK)
        return status;
    for (uint32_t i = 0; i < out->lines.len; i++) {
        struct import_section *s = &out->sections.ptr[out->lines.ptr[i].section];
        if (s->end == 0)
            s->first = i;
        s->end = i + 1;
    }
    for (uint32_t i = 0; i < out->sections.len; i++) {
        struct import_section *s = &out->sections.ptr[i];
        uint32_t at = i;
        for (uint32_t hops = 0; !mode_of(out, at, &s->tcp) && hops < 64; hops++) {
            if (out->sections.ptr[at].defaults == NO_SECTION)
                break;
            at = out->sections.ptr[at].defaults;
        }
        if (outer && s->end == 0)
            s->role = ROLE_NONE;
        if (at == i && !mode_of(out, i, &s->tcp)) { /* HAProxy's own default */
            s->tcp = s->role == ROLE_BACKEND || s->role == ROLE_FRONTEND || s->role == ROLE_LISTEN;
            if (outer && s->tcp)
                guess_mode(im, s);
        } else if (outer && s->end > 0) {
            s->meant = false;
            for (uint32_t k = s->first; k < s->end; k++)
                s->meant = s->meant || word_is(&out->lines.ptr[k], 0, "type");
        }
    }
    if (outer)
        keep_conditions(im, out);
    return KHAP_OK;
}

void khap__import_config_free(struct import *im, struct config *config)
{
    VEC_FREE(&im->alloc, &config->lines);
    VEC_FREE(&im->alloc, &config->sections);
}

uint32_t khap__import_find(const struct config *config, struct khap_str kind, struct khap_str name)
{
    for (uint32_t i = 0; i < config->sections.len; i++) {
        const struct import_section *s = &config->sections.ptr[i];
        if (s->end > 0 && khap__str_eq(s->kind, kind) && khap__str_eq(s->name, name))
            return i;
    }
    return NO_SECTION;
}
