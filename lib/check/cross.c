/* check/cross.c - what the lines of a section ask of each other: lib/schema/cross-line.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"

#include <stdio.h>

enum section_mode { MODE_UNSAID, MODE_UNKNOWN, MODE_TCP, MODE_HTTP, MODE_OTHER };

static struct check_section *section_of(struct check *c, uint32_t section)
{
    struct check_section none = {0, 0, MODE_UNSAID};
    while (c->sections.len <= section) {
        if (!VEC_PUSH(&c->alloc, &c->sections, none)) {
            c->no_memory = true;
            return NULL;
        }
    }
    return &c->sections.ptr[section];
}

static bool applies(const struct check *c, const struct schema_cross *rule, uint32_t section)
{
    uint16_t last = c->view->target.last;
    return rule->first <= last && last <= rule->last &&
           khap__schema_list_has(khap__schema_text(rule->sections), c->view->sections.ptr[section].kind);
}

static void say(struct check *c, const struct schema_cross *rule, struct khap_place place,
                struct khap_str first, struct khap_str second)
{
    const struct khap_str words[] = {first, second};
    if (khap_diags_report(c->diags, khap__schema_text(rule->code), place, words, 2) == KHAP_ENOMEM)
        c->no_memory = true;
}

/* "a|b" for people: "a, b". */
static struct khap_str listed(struct check *c, struct khap_str words)
{
    khap__buf_clear(&c->text);
    for (size_t i = 0; i < words.len; i++) {
        if (words.ptr[i] == '|')
            khap__buf_add(&c->text, S(", "));
        else
            khap__buf_char(&c->text, words.ptr[i]);
    }
    return khap__buf_str(&c->text);
}

static void note_mode(struct check *c, struct check_section *s, const struct schema_line *line)
{
    uint8_t mode = MODE_UNKNOWN;
    if (line->n_keyword == 1 && c->n == 2 && c->at.read == KHAP_TRUE && !c->words[1].variable)
        mode = khap__str_eq(c->words[1].text, S("http"))  ? MODE_HTTP
               : khap__str_eq(c->words[1].text, S("tcp")) ? MODE_TCP
                                                          : MODE_OTHER;
    s->mode = mode;
}

/* A line that stands behind one that HAProxy carries out later. */
static void check_order(struct check *c, uint64_t bits, uint64_t before, const struct schema_line *line)
{
    const struct schema_cross *rule;
    for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL; i++) {
        const struct schema_cross_set *set = khap__schema_cross_set(rule, 0);
        if (rule->predicate != CROSS_ORDER || (bits & rule->when) == 0 || (before & set->rows) == 0 ||
            !applies(c, rule, c->at.section))
            continue;
        struct khap_span span = {line->keyword, 0, line->keyword, (uint32_t)c->words[line->keyword].text.len};
        say(c, rule, khap__check_place(c, span), khap__schema_text(line->row->words),
            listed(c, khap__schema_text(set->text)));
    }
}

bool khap__check_seen(struct check *c, const char *what, struct khap_str text)
{
    uint32_t old;
    bool found = false;
    if (c->seen_section != c->at.section) {
        c->seen_section = c->at.section;
        khap__map_clear(&c->seen);
        khap__arena_reset(&c->kept);
    }
    size_t len = strlen(what) + 1;
    char *key = khap__arena_bytes(&c->kept, len + text.len);
    if (key == NULL) {
        c->no_memory = true;
        return false;
    }
    memcpy(key, what, len);
    if (text.len > 0)
        memcpy(key + len, text.ptr, text.len);
    if (khap__map_add(&c->seen, (struct khap_str){key, len + text.len}, 0, &found, &old) != KHAP_OK)
        c->no_memory = true;
    return found;
}

/* Options whose number no other line of the section may have. */
static void check_unique(struct check *c, const struct schema_line *line)
{
    const struct schema_cross *rule;
    for (uint32_t o = 0; o < line->n_options; o++) {
        const struct schema_option *option = &line->options[o];
        uint32_t word = option->word + 1;
        if (option->row->bit == 0 || word >= c->n || c->words[word].variable || c->at.read != KHAP_TRUE)
            continue;
        for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL; i++) {
            if (rule->predicate != CROSS_UNIQUE || (UINT64_C(1) << option->row->bit & rule->when) == 0 ||
                !applies(c, rule, c->at.section))
                continue;
            char what[8];
            (void)snprintf(what, sizeof what, "%u", (unsigned)i);
            bool found = khap__check_seen(c, what, c->words[word].text);
            struct khap_span span = {word, 0, word, (uint32_t)c->words[word].text.len};
            if (found)
                say(c, rule, khap__check_place(c, span), khap__schema_text(option->row->words),
                    c->words[word].text);
        }
    }
}

void khap__check_cross_line(struct check *c, const struct schema_line *line)
{
    if (c->at.section == VIEW_NONE || line->row == NULL || c->table == TABLE_SECTION || line->prefix != 0)
        return;
    struct check_section *s = section_of(c, c->at.section);
    if (s == NULL)
        return;
    uint64_t bits = line->row->bit > 0 ? UINT64_C(1) << line->row->bit : 0;
    for (uint32_t i = 0; i < line->n_options; i++) {
        if (line->options[i].row->bit > 0)
            bits |= UINT64_C(1) << line->options[i].row->bit;
    }
    if (khap__str_eq(khap__schema_text(line->row->words), S("mode")))
        note_mode(c, s, line);
    if (bits == 0)
        return;
    if ((bits & khap__schema_cross_bits(CROSS_UNIQUE)) != 0)
        check_unique(c, line);
    if (c->at.read == KHAP_TRUE) {
        if ((bits & khap__schema_cross_bits(CROSS_ORDER)) != 0)
            check_order(c, bits, s->sure, line);
        s->sure |= bits;
    }
    s->maybe |= bits;
}

/* With what a section inherits. The chain of defaults is as long as there are sections, at most. */
static struct check_section inherited(const struct check *c, uint32_t section)
{
    struct check_section all = c->sections.ptr[section];
    for (size_t steps = c->view->sections.len; steps > 0; steps--) {
        section = c->view->sections.ptr[section].defaults;
        if (section == VIEW_NONE)
            break;
        const struct check_section *s = &c->sections.ptr[section];
        bool read = c->view->sections.ptr[section].read == KHAP_TRUE;
        all.sure |= read ? s->sure : 0;
        all.maybe |= s->maybe;
        if (all.mode == MODE_UNSAID)
            all.mode = read || s->mode == MODE_UNSAID ? s->mode : MODE_UNKNOWN;
    }
    if (all.mode == MODE_UNSAID)
        all.mode = MODE_TCP;
    return all;
}

static void check_requires(struct check *c, const struct schema_cross *rule, uint32_t section,
                           const struct check_section *has)
{
    const struct view_section *s = &c->view->sections.ptr[section];
    const struct schema_cross_set *set;
    if (rule->when != UINT64_MAX && (has->sure & rule->when) == 0)
        return;
    /* logs and the like need none of what is asked for here */
    if (has->mode == MODE_OTHER || has->mode == MODE_UNKNOWN)
        return;
    for (size_t i = 0; (set = khap__schema_cross_set(rule, i)) != NULL; i++) {
        if ((has->maybe & set->rows) != 0)
            continue;
        struct khap_str name =
            s->definition == VIEW_NONE ? S("") : c->view->definitions.ptr[s->definition].name;
        struct khap_span span = {0, 0, 0, (uint32_t)s->kind.len};
        khap__buf_clear(&c->text);
        khap__buf_add(&c->text, s->kind);
        khap__buf_char(&c->text, ' ');
        khap__buf_add(&c->text, name);
        struct khap_str text = khap__schema_text(set->text);
        say(c, rule, khap__check_place_of(c, section, s->head, span), khap__buf_str(&c->text),
            khap__str_sub(text, 0, khap__str_find(text, '|')));
    }
}

/* Rules about the backends that lines name: one in mode tcp for requests of mode http; a section that leads to itself. */
static void check_backends(struct check *c, const struct schema_cross *rule)
{
    const struct khap_view *view = c->view;
    for (uint32_t i = 0; i < view->references.len; i++) {
        const struct view_reference *r = &view->references.ptr[i];
        if (r->kind != KIND_BACKEND || r->state != KHAP_REFERENCE_BOUND || r->read != KHAP_TRUE ||
            r->span.word != 1 || !applies(c, rule, r->section))
            continue;
        const struct view_definition *d = &view->definitions.ptr[r->definition];
        const struct khap_document *doc = view->files.ptr[view->sections.ptr[r->section].file].doc;
        bool wrong = d->read == KHAP_TRUE;
        if (rule->predicate == CROSS_LOOP)
            wrong = wrong && d->section == r->section;
        else
            wrong = wrong && inherited(c, r->section).mode == MODE_HTTP &&
                    inherited(c, d->section).mode == MODE_TCP;
        if (!wrong)
            continue;
        if (khap_words_read(c->reader, doc, r->line) != KHAP_OK) {
            c->no_memory = true;
            continue;
        }
        unsigned table = (unsigned)view->sections.ptr[r->section].table;
        const struct schema_row *row =
            khap__schema_find(table, khap_words_value(c->reader, 0), view->target.last, NULL);
        if (row != NULL && row->bit > 0 && (UINT64_C(1) << row->bit & rule->when) != 0)
            say(c, rule, khap__view_place(doc, r->line, c->reader, r->span), r->name, S(""));
    }
}

void khap__check_cross(struct check *c)
{
    const struct schema_cross *rule;
    if (c->view->sections.len == 0 || section_of(c, c->view->sections.len - 1) == NULL)
        return;
    for (uint32_t section = 0; section < c->view->sections.len; section++) {
        if (c->view->sections.ptr[section].read != KHAP_TRUE)
            continue;
        struct check_section has = inherited(c, section);
        for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL; i++) {
            if (rule->predicate == CROSS_REQUIRES && applies(c, rule, section))
                check_requires(c, rule, section, &has);
        }
    }
    for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL; i++) {
        if (rule->predicate == CROSS_MODE || rule->predicate == CROSS_LOOP)
            check_backends(c, rule);
    }
}
