/* model/sections.c - whole sections of one's own: their names, and the modes of those that services lead to.
 * SPDX-License-Identifier: MIT */
#include "model/resolve.h"

struct section_reader {
    struct resolver *r;
    const struct setting *setting;
    struct khap_document *doc;
    struct khap_outline *outline;
    struct khap_words *words;
    uint32_t from;          /* where in the source the next header is looked for */
    struct khap_place line; /* that is read */
};

/* Where a line of a block scalar stands in its source: the next line there that holds the same, from where the one
 * before was found. The whole value where there is none, as for text in quotes. */
static struct khap_place line_place(struct section_reader *s, struct khap_str line)
{
    struct khap_place all = s->setting->place;
    struct khap_str text = khap_sources_text(khap__diags_sources(s->r->diags), all.source);
    if (all.offset > text.len)
        return all;
    size_t end = all.len < text.len - all.offset ? all.offset + (size_t)all.len : text.len;
    for (size_t at = s->from; at < end;) {
        struct khap_str rest = khap__str_sub(text, at, end);
        size_t len = khap__str_find(rest, '\n');
        struct khap_str one = khap__str_trim((struct khap_str){rest.ptr, len});
        if (one.len > 0 && one.ptr[one.len - 1] == '\r')
            one = khap__str_trim((struct khap_str){one.ptr, one.len - 1});
        size_t before = one.len > 0 ? (size_t)(one.ptr - text.ptr) : at;
        at += len + 1;
        if (one.len > 0 && khap__str_eq(one, line)) {
            s->from = (uint32_t)at;
            return (struct khap_place){all.source, (uint32_t)before, (uint32_t)one.len};
        }
    }
    return all;
}

static enum section_mode mode_word(struct khap_str word)
{
    return khap__str_eq(word, S("http"))  ? SECTION_HTTP
           : khap__str_eq(word, S("tcp")) ? SECTION_TCP
                                          : SECTION_MODE_UNKNOWN;
}

static enum khap_status push_bind(void *ctx, const struct bind *bind)
{
    struct section_reader *s = ctx;
    struct resolved *out = s->r->out;
    struct bind kept = *bind;
    kept.place = s->line;
    return khap__arena_dup(&out->arena, bind->text, &kept.text) == KHAP_OK &&
                   VEC_PUSH(&out->alloc, &out->section_binds, kept)
               ? KHAP_OK
               : KHAP_ENOMEM;
}

static struct khap_str without_end(struct khap_str line)
{
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    return khap__str_trim(line);
}

/* Where they listen, and the mode that the lines behind a header say, or `otherwise`; what a condition decides is not known. */
static enum section_mode read_lines(struct section_reader *s, const struct khap_section *section,
                                    enum section_mode otherwise)
{
    enum section_mode mode = otherwise;
    bool conditional = false;
    for (const struct khap_line *line = section->head; line != section->last;) {
        line = khap_line_next(s->doc, line);
        if (!line || khap_words_read(s->words, s->doc, line) != KHAP_OK)
            break;
        struct khap_str word = khap_words_value(s->words, 0);
        conditional = conditional || (word.len > 0 && word.ptr[0] == '.');
        if (khap__str_eq(word, S("bind"))) {
            s->line = line_place(s, without_end(khap_line_text(line)));
            if (khap__binds_of_words(s->words, 1, s->line, push_bind, s) != KHAP_OK)
                s->r->no_memory = true;
        }
        if (khap__str_eq(word, S("mode")))
            mode = conditional ? SECTION_MODE_UNKNOWN : mode_word(khap_words_value(s->words, 1));
    }
    return mode;
}

static bool is_proxy(struct khap_str kind)
{
    return khap__str_eq(kind, S("frontend")) || khap__str_eq(kind, S("backend")) ||
           khap__str_eq(kind, S("listen"));
}

const struct own_section *khap__section_named(const struct resolved *r, struct khap_str name)
{
    uint32_t index;
    return khap__map_get(&r->section_names, name, &index) ? &r->sections.ptr[index] : NULL;
}

/* Within the lines HAProxy itself takes a name once for each kind, and `listen` is frontend and backend in one. */
static bool same_kind(const struct own_section *a, const struct own_section *b)
{
    bool listens = (khap__str_eq(a->kind, S("listen")) && is_proxy(b->kind)) ||
                   (khap__str_eq(b->kind, S("listen")) && is_proxy(a->kind));
    return listens || khap__str_eq(a->kind, b->kind);
}

static void check_section_name(struct resolver *r, const struct own_section *section)
{
    struct resolved *out = r->out;
    if (out->outside &&
        (khap__str_eq(section->kind, S("global")) || khap__str_eq(section->kind, S("defaults"))))
        RESOLVE_SAY(r, MSG_NOT_IN_A_BLOCK, section->place, section->kind);
    if (section->name.len == 0)
        return;
    if (khap__str_starts(section->name, S("khap-"))) {
        RESOLVE_SAY(r, MSG_RESERVED_NAME, section->place, S("section"), section->name);
        return;
    }
    for (uint32_t i = 0; i < out->frontends.len; i++) {
        const struct frontend *f = &out->frontends.ptr[i];
        if (!khap__str_eq(f->name, section->name))
            continue;
        RESOLVE_SAY(r, MSG_NAME_COLLISION, section->place, S("a section"), S("a frontend"), section->name);
        if (f->place.source)
            khap__diags_relate(r->diags, f->place, S("the frontend"));
        return;
    }
    /* there is no need to look for the one when there is none */
    uint32_t n = khap__section_named(out, section->name) && !section->conditional ? out->sections.len : 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct own_section *other = &out->sections.ptr[i];
        if (other->conditional || !khap__str_eq(other->name, section->name) || !same_kind(other, section))
            continue;
        RESOLVE_SAY(r, MSG_NAME_COLLISION, section->place, S("a section"), S("another section"),
                    section->name);
        khap__diags_relate(r->diags, other->place, S("the other one"));
        return;
    }
}

static void read_sections(struct section_reader *s)
{
    struct resolver *r = s->r;
    struct resolved *out = r->out;
    struct khap_section section = {.size = sizeof section};
    size_t index = 0;
    uint32_t depth = 0; /* of .if */
    /* ours is http, unless `defaults` may say something else */
    enum section_mode inherited =
        out->defaults && out->defaults->kind == SETTING_TEXT ? SECTION_MODE_UNKNOWN : SECTION_HTTP;
    bool more = khap_outline_section(s->outline, index, &section) == KHAP_OK;
    for (const struct khap_line *line = NULL; more && (line = khap_line_next(s->doc, line));) {
        if (khap_line_kind(s->doc, line) == KHAP_LINE_DIRECTIVE) {
            if (khap_words_read(s->words, s->doc, line) != KHAP_OK)
                r->no_memory = true;
            struct khap_str word = khap_words_value(s->words, 0);
            if (khap__str_eq(word, S(".if")))
                depth++;
            else if (khap__str_eq(word, S(".endif")) && depth > 0)
                depth--;
        }
        if (line != section.head)
            continue;
        struct own_section own = {.kind = section.kind, .conditional = depth > 0};
        if (khap_words_read(s->words, s->doc, line) != KHAP_OK)
            r->no_memory = true;
        bool from = khap_words_count(s->words) > (section.name.len > 0 ? 2 : 1);
        bool is_defaults = khap__str_eq(own.kind, S("defaults"));
        own.place = line_place(s, without_end(khap_line_text(line)));
        own.mode = (uint8_t)read_lines(s, &section,
                                       from || depth > 0 ? SECTION_MODE_UNKNOWN
                                       : is_defaults     ? SECTION_TCP
                                                         : inherited);
        if (is_defaults)
            inherited = (enum section_mode)own.mode;
        if (section.name.len > 0 && khap__arena_dup(&out->arena, section.name, &own.name) != KHAP_OK)
            r->no_memory = true;
        check_section_name(r, &own);
        bool found;
        uint32_t old;
        if (r->no_memory || !VEC_PUSH(&out->alloc, &out->sections, own) ||
            /* a backend of the name counts before a section of another kind */
            (own.name.len > 0 && (is_proxy(own.kind) && !khap__str_eq(own.kind, S("frontend"))
                                      ? khap__map_set(&out->section_names, own.name, out->sections.len - 1)
                                      : khap__map_add(&out->section_names, own.name, out->sections.len - 1,
                                                      &found, &old)) != KHAP_OK)) {
            r->no_memory = true;
            return;
        }
        more = khap_outline_section(s->outline, ++index, &section) == KHAP_OK;
    }
}

void khap__resolve_sections(struct resolver *r)
{
    struct resolved *out = r->out;
    out->own_sections = khap__setting_find(r->model->root, KEY_SECTIONS);
    khap__check_raw(r, out->own_sections);
    if (!out->own_sections || out->own_sections->kind != SETTING_TEXT)
        return;
    struct section_reader s = {.r = r, .setting = out->own_sections, .from = out->own_sections->place.offset};
    if (khap_document_parse(&r->model->alloc, &out->target, out->own_sections->text, 0, NULL, &s.doc) !=
            KHAP_OK ||
        khap_outline_new(&r->model->alloc, s.doc, NULL, &s.outline) != KHAP_OK ||
        khap_words_new(&r->model->alloc, &s.words) != KHAP_OK)
        r->no_memory = true;
    else
        read_sections(&s);
    khap_words_free(s.words);
    khap_outline_free(s.outline);
    khap_document_free(s.doc);
}

/* ---- services that lead to them ---- */

static void say_unknown_backend(struct resolver *r, const struct setting *backend)
{
    struct nearest nearest;
    khap__nearest_start(&nearest, backend->text);
    for (uint32_t i = 0; i < r->out->sections.len; i++) {
        const struct own_section *section = &r->out->sections.ptr[i];
        if (section->name.len > 0 && is_proxy(section->kind) && !khap__str_eq(section->kind, S("frontend")))
            khap__nearest_offer(&nearest, section->name);
    }
    const struct outside *outside = r->out->outside;
    for (uint32_t i = 0; outside && i < outside->sections.len; i++) {
        const struct own_section *section = &outside->sections.ptr[i];
        if (section->name.len > 0 && is_proxy(section->kind) && !khap__str_eq(section->kind, S("frontend")))
            khap__nearest_offer(&nearest, section->name);
    }
    RESOLVE_SAY(r, MSG_UNKNOWN_BACKEND, backend->place, backend->text, khap__nearest_text(r, &nearest));
}

static struct khap_str mode_text(uint8_t mode)
{
    return mode == SECTION_HTTP ? S("http") : S("tcp");
}

void khap__check_backend(struct resolver *r, const struct service_head *head, const struct setting *backend)
{
    if (r->out->own_sections && r->out->own_sections->damaged)
        return;
    const struct own_section *section = khap__section_named(r->out, backend->text);
    uint32_t index;
    if (!section && r->out->outside && khap__map_get(&r->out->outside->proxies, backend->text, &index))
        section = &r->out->outside->sections.ptr[index];
    if (!section || !is_proxy(section->kind) || khap__str_eq(section->kind, S("frontend"))) {
        if (!r->model->incomplete) /* else it may stand in what could not be read */
            say_unknown_backend(r, backend);
        return;
    }
    enum section_mode wanted = head->mode == MODE_HTTP ? SECTION_HTTP : SECTION_TCP;
    if (section->mode == SECTION_MODE_UNKNOWN || section->mode == wanted)
        return;
    RESOLVE_SAY(r, MSG_BACKEND_MODE, backend->place, head->name, mode_text((uint8_t)wanted), section->name,
                mode_text(section->mode));
    khap__diags_relate(r->diags, section->place, S("the backend"));
}
