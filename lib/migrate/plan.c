/* migrate/plan.c - which lines are to be replaced, and by what. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/plan.h"

/* Words of a line that a row speaks of. */
struct found {
    const struct migrate_row *row;
    const struct khap_line *line;
    uint32_t section;
    unsigned table;
    uint32_t word, behind, end;
    bool part;            /* not the whole line: an option, or a name in a word */
    uint32_t offset, len; /* the name in the word; 0, 0 for the whole word */
};

struct finding {
    struct migrate *m;
    VEC(struct found) found;
    struct view_line at;
    /* whether `to` reads the line */
    const struct khap_document *doc;
    struct view_conditions *conditions;
    const struct khap_line *line;
    struct khap_words *words;
    bool heard; /* the line is looked at */
};

/* ---- finding */

/* Goes along to the line: what only other releases read stays as it is. */
static enum khap_status read_by_both(struct finding *f, const struct view_line *at, bool *both)
{
    enum khap_answer answer = KHAP_TRUE;
    enum khap_status status = KHAP_OK;
    if (f->doc != at->doc) {
        struct khap_target to;
        khap_target_init(&to);
        to.first = to.last = f->m->to;
        khap__view_conditions_free(f->conditions);
        f->conditions = NULL;
        f->doc = at->doc;
        f->line = NULL;
        status = khap__view_conditions_new(&f->m->alloc, at->doc, &to, f->m->facts, f->words, NULL,
                                           &f->conditions);
    }
    while (status == KHAP_OK && f->line != at->line) {
        f->line = khap_line_next(at->doc, f->line);
        if (f->line == NULL)
            return KHAP_EINVAL;
        answer = khap__view_conditions_next(f->conditions, f->line);
    }
    *both = answer != KHAP_FALSE;
    return status;
}

static enum khap_status keep(struct finding *f, struct found found)
{
    found.line = f->at.line;
    found.section = f->at.section;
    found.table = f->at.table;
    return VEC_PUSH(&f->m->alloc, &f->found, found) ? KHAP_OK : KHAP_ENOMEM;
}

static uint32_t option_end(const struct schema_line *line, uint32_t option)
{
    uint32_t end = line->options[option].word + 1;
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *a = &line->arguments[i];
        if (a->option == option && a->word + a->n_words > end)
            end = a->word + a->n_words;
    }
    return end;
}

static enum khap_status on_line(void *ctx, const struct view_line *at)
{
    struct finding *f = ctx;
    struct migrate *m = f->m;
    size_t skip = at->schema->prefix != 0 ? 1 : 0, n_words;
    f->at = *at;
    enum khap_status status = read_by_both(f, at, &f->heard);
    if (status != KHAP_OK || !f->heard)
        return status;
    const struct migrate_row *row = khap__migrate_find(khap__schema_table_name(at->table), m->to,
                                                       at->words + skip, at->n - skip, &n_words);
    if (row != NULL) {
        f->heard = false;
        return keep(f, (struct found){.row = row,
                                      .word = (uint32_t)skip,
                                      .behind = (uint32_t)(skip + n_words),
                                      .end = (uint32_t)at->n});
    }
    for (uint32_t i = 0; i < at->schema->n_options && status == KHAP_OK; i++) {
        const struct schema_option *o = &at->schema->options[i];
        struct khap_str word = at->words[o->word].text;
        row = khap__migrate_find_word(S("bind"), m->to, word);
        if (row != NULL && khap__schema_find(TABLE_BIND, word, m->from, NULL) == o->row)
            status = keep(f, (struct found){.row = row,
                                            .word = o->word,
                                            .behind = o->word + 1,
                                            .end = option_end(at->schema, i),
                                            .part = true});
    }
    return status;
}

/* A name in a log format: it stands at the end of the item. */
static enum khap_status on_item(void *ctx, const struct schema_item *item)
{
    struct finding *f = ctx;
    if (!f->heard || item->kind != SCHEMA_ITEM_ALIAS)
        return KHAP_OK;
    struct khap_str name = khap_node_text(item->node);
    const struct migrate_row *row = khap__migrate_find_word(S("log-alias"), f->m->to, name);
    uint32_t word = item->span.end_word, end = item->span.end_offset;
    if (row == NULL || word >= f->at.n || end < name.len || end > f->at.words[word].text.len ||
        !khap__str_eq(khap__str_sub(f->at.words[word].text, end - name.len, name.len), name))
        return KHAP_OK;
    return keep(f, (struct found){.row = row,
                                  .word = word,
                                  .behind = word + 1,
                                  .end = word + 1,
                                  .part = true,
                                  .offset = end - (uint32_t)name.len,
                                  .len = (uint32_t)name.len});
}

static enum khap_status on_problem(void *ctx, const struct khap_value_error *error)
{
    (void)ctx;
    (void)error;
    return KHAP_OK;
}

/* ---- the result of a step */

static void add_word(struct migrate *m, struct khap_str text, uint32_t keep)
{
    struct migrate_word word = {.keep = keep};
    if (m->lines.len == 0)
        return;
    if (khap__arena_dup(&m->arena, text, &word.text) != KHAP_OK || !VEC_PUSH(&m->alloc, &m->words, word)) {
        m->no_memory = true;
        return;
    }
    m->lines.ptr[m->lines.len - 1].n++;
}

void khap__migrate_line(struct migrate_step *step, enum migrate_where where)
{
    struct migrate *m = step->migrate;
    struct migrate_line line = {.first = m->words.len, .where = (uint8_t)where};
    if (!VEC_PUSH(&m->alloc, &m->lines, line))
        m->no_memory = true;
}

void khap__migrate_literal(struct migrate_step *step, const char *words)
{
    struct khap_str rest = khap__str(words);
    while (rest.len > 0) {
        size_t len = khap__str_find(rest, ' ');
        add_word(step->migrate, khap__str_sub(rest, 0, len), MIGRATE_NEW);
        rest = khap__str_sub(rest, len + 1, rest.len);
    }
}

void khap__migrate_word(struct migrate_step *step, struct khap_str word)
{
    add_word(step->migrate, word, MIGRATE_NEW);
}

void khap__migrate_keep(struct migrate_step *step, size_t first, size_t n)
{
    for (size_t i = first; i < first + n && i < step->n; i++)
        add_word(step->migrate, step->words[i].text, (uint32_t)i);
}

enum khap_status khap__migrate_nothing(struct migrate_step *step)
{
    step->effect = MIGRATE_NOTHING;
    return KHAP_OK;
}

enum khap_status khap__migrate_leave(struct migrate_step *step, struct khap_str says)
{
    step->effect = MIGRATE_LEFT;
    step->says = says;
    return KHAP_OK;
}

/* ---- what a step may ask for */

bool khap__migrate_setting(struct migrate_step *step, struct khap_str words, struct schema_word *rest,
                           size_t *n)
{
    struct migrate *m = step->migrate;
    size_t count = khap__str_find(words, ' ') < words.len ? 2 : 1;
    for (uint32_t s = step->section, depth = 0; s != VIEW_NONE && depth <= m->view->sections.len; depth++) {
        const struct view_section *section = &m->view->sections.ptr[s];
        const struct khap_document *doc = m->view->files.ptr[section->file].doc;
        const struct khap_line *line = section->last;
        for (; line != section->head && line != NULL; line = khap_line_prev(doc, line)) {
            struct schema_word all[64];
            if (khap_words_read(m->reader, doc, line) != KHAP_OK) {
                m->no_memory = true;
                return false;
            }
            size_t have = khap__view_words(m->reader, all);
            struct khap_str first = khap__str_sub(words, 0, khap__str_find(words, ' '));
            if (have < count || !khap__str_eq(all[0].text, first) ||
                (count == 2 && !khap__str_eq(all[1].text, khap__str_sub(words, first.len + 1, words.len))))
                continue;
            *n = have - count;
            memcpy(rest, all + count, *n * sizeof *rest);
            return true;
        }
        s = section->defaults;
    }
    return false;
}

bool khap__migrate_has(struct migrate_step *step, enum schema_kind kind, struct khap_str name)
{
    const struct khap_view *view = step->view;
    for (uint32_t i = 0; i < view->definitions.len; i++) {
        const struct view_definition *d = &view->definitions.ptr[i];
        if (d->section == step->section && !d->is_section && d->kind == (uint8_t)kind &&
            (name.len == 0 || khap__str_eq(d->name, name)))
            return true;
    }
    return false;
}

/* ---- running the steps */

/* "'a b'; 'c d'", or "nothing"; in m->text. */
static struct khap_str listed(struct migrate *m, uint32_t first)
{
    khap__buf_clear(&m->text);
    for (uint32_t i = first; i < m->lines.len; i++) {
        const struct migrate_line *line = &m->lines.ptr[i];
        khap__buf_add(&m->text, i > first ? S("; ") : S(""));
        for (uint32_t w = 0; w < line->n; w++) {
            khap__buf_add(&m->text, w > 0 ? S(" ") : S(""));
            khap__buf_add(&m->text, m->words.ptr[line->first + w].text);
        }
    }
    return khap__buf_str(&m->text);
}

/* Says what becomes of a line: the lines of the plan from `first` on. */
static void tell(struct migrate *m, const struct migrate_step *step, uint32_t first)
{
    bool none = m->lines.len == first;
    char release[MIGRATE_ROOM];
    struct khap_place place = khap__migrate_place(m, step->doc, step->at);
    struct khap_str old = khap__migrate_quote(m, step->doc, step->at);
    if (step->effect == MIGRATE_LEFT) {
        m->left = true;
        SAY(m->diags, MSG_MIGRATE_LEFT, place, old, khap__migrate_release_text(release, m->to), step->says);
    } else if (step->effect == MIGRATE_DIFFERS && none) {
        SAY(m->diags, MSG_MIGRATE_REMOVED_DIFFERS, place, old, step->says);
    } else if (step->effect == MIGRATE_DIFFERS) {
        SAY(m->diags, MSG_MIGRATE_DIFFERS, place, old, listed(m, first), step->says);
    } else if (none) {
        SAY(m->diags, MSG_MIGRATE_REMOVED, place, old);
    } else {
        SAY(m->diags, MSG_MIGRATE_REPLACED, place, old, listed(m, first));
    }
    if (step->any_case && step->effect != MIGRATE_LEFT && !none)
        SAY(m->diags, MSG_MIGRATE_ANY_CASE, place, old);
}

/* The parts of one word that are replaced, from `f[0]` on; how many. */
static uint32_t replace_names(struct migrate_step *step, const struct found *f, uint32_t n)
{
    struct migrate *m = step->migrate;
    struct khap_str word = step->words[f->word].text;
    uint32_t at = 0, i = 0;
    khap__buf_clear(&m->text);
    for (; i < n && f[i].len > 0 && f[i].word == f->word; i++) {
        khap__buf_add(&m->text, khap__str_sub(word, at, f[i].offset - at));
        khap__buf_add(&m->text, khap__migrate_text(f[i].row->lines));
        at = f[i].offset + f[i].len;
    }
    khap__buf_add(&m->text, khap__str_sub(word, at, word.len));
    khap__migrate_word(step, khap__buf_str(&m->text));
    m->no_memory = m->no_memory || m->text.failed;
    return i;
}

static enum khap_status run_parts(struct migrate_step *step, const struct found *f, uint32_t n)
{
    enum khap_status status = KHAP_OK;
    size_t kept = 0;
    khap__migrate_line(step, MIGRATE_HERE);
    for (uint32_t i = 0; i < n && status == KHAP_OK;) {
        khap__migrate_keep(step, kept, f[i].word - kept);
        step->word = f[i].word;
        step->behind = f[i].behind;
        kept = step->end = f[i].end;
        if (f[i].len > 0) {
            i += replace_names(step, f + i, n - i);
            continue;
        }
        status = khap__migrate_carry_out(step, f[i++].row, true);
    }
    khap__migrate_keep(step, kept, step->n - kept);
    return status;
}

/* All that was found in one line. */
static enum khap_status run(struct migrate *m, const struct found *f, uint32_t n)
{
    struct schema_word words[64];
    struct schema_line line;
    uint32_t file = m->view->sections.ptr[f->section].file;
    struct khap_document *doc = khap_bundle_document(m->bundle, m->view->files.ptr[file].file);
    struct migrate_step step = {.view = m->view,
                                .section = f->section,
                                .table = f->table,
                                .doc = doc,
                                .at = f->line,
                                .from = m->from,
                                .to = m->to,
                                .words = words,
                                .line = &line,
                                .word = f->word,
                                .behind = f->behind,
                                .end = f->end,
                                .arena = &m->arena,
                                .migrate = m};
    uint32_t first = m->lines.len, first_word = m->words.len;
    struct khap_words *reader;
    enum khap_status status = khap_words_new(&m->alloc, &reader);
    if (status != KHAP_OK)
        return status;
    status = khap_words_read(reader, doc, f->line);
    if (status == KHAP_OK) {
        step.n = khap__view_words(reader, words);
        status = khap__schema_read(&m->arena, f->table, m->from, words, step.n, &line);
    }
    if (status == KHAP_OK)
        status = f->part ? run_parts(&step, f, n) : khap__migrate_carry_out(&step, f->row, false);
    if (status == KHAP_OK && !m->no_memory) {
        if (step.effect != MIGRATE_NOTHING)
            tell(m, &step, first);
        /* the bundle's own line, which is changed later */
        struct migrate_edit edit = {.doc = doc,
                                    .at = (struct khap_line *)(uintptr_t)f->line,
                                    .section = f->section,
                                    .first = first,
                                    .n = m->lines.len - first,
                                    .old = khap_line_text(f->line)};
        if (step.effect == MIGRATE_LEFT || step.effect == MIGRATE_NOTHING) {
            m->lines.len = first;
            m->words.len = first_word;
        } else if (!VEC_PUSH(&m->alloc, &m->edits, edit)) {
            status = KHAP_ENOMEM;
        }
    }
    khap_words_free(reader);
    return status == KHAP_OK && m->no_memory ? KHAP_ENOMEM : status;
}

enum khap_status khap__migrate_plan(struct migrate *m)
{
    struct finding f = {.m = m};
    struct view_listener listener = {&f, on_line, on_item, on_problem, NULL, false};
    struct khap_target from;
    struct khap_view *view = NULL;
    khap_target_init(&from);
    from.first = from.last = m->from;
    enum khap_status status = khap_words_new(&m->alloc, &f.words);
    if (status == KHAP_OK)
        status = khap__view_new(&m->alloc, m->bundle, &from, m->facts, &listener, NULL, &view);
    m->view = view;
    for (uint32_t i = 0, end; i < f.found.len && status == KHAP_OK; i = end) {
        for (end = i; end < f.found.len && f.found.ptr[end].line == f.found.ptr[i].line; end++) {
        }
        status = run(m, &f.found.ptr[i], end - i);
    }
    khap__view_conditions_free(f.conditions);
    khap_words_free(f.words);
    VEC_FREE(&m->alloc, &f.found);
    return status;
}
