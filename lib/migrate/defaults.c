/* migrate/defaults.c - defaults that the other release has otherwise: defaults.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/plan.h"

enum act { MIGRATE_KEEP, MIGRATE_TELL_NOTE, MIGRATE_TELL_WARNING };
/* Texts are offsets into the pool; releases as elsewhere. */
struct defaults_row {
    uint32_t tables, when, unless, line, back, was, is;
    uint16_t first, last, since, back_since;
    uint8_t act;
    bool tell_back;
};
#include "migrate/defaults.inc"

enum { N_ROWS = sizeof defaults_rows / sizeof defaults_rows[0] };

static struct khap_str text_at(uint32_t at)
{
    return khap__str(defaults_pool + at);
}

/* A line as the other release reads it, without `no`. */
struct setting {
    const struct khap_line *line;
    uint32_t section;
    struct khap_str words[3];
    struct khap_str *options; /* those that are not of another option */
    uint32_t n_options;
};

struct range {
    uint32_t first, n; /* settings */
};

struct told {
    struct khap_place place;
    uint32_t more;
};

struct defaults {
    struct migrate *m;
    struct khap_view *view;
    VEC(struct setting) settings;
    VEC(struct range) sections;
    struct told told[N_ROWS];
    bool is_told[N_ROWS];
};

/* ---- what is there */

static enum khap_status on_line(void *ctx, const struct view_line *at)
{
    struct defaults *d = ctx;
    struct setting s = {.line = at->line, .section = at->section};
    if (at->read == KHAP_FALSE || at->view->sections.ptr[at->section].head == at->line)
        return KHAP_OK;
    size_t skip = at->schema->prefix != 0 ? 1 : 0;
    enum khap_status status = KHAP_OK;
    for (size_t i = 0; i < 3 && i + skip < at->n && status == KHAP_OK; i++)
        status = khap__arena_dup(&d->m->arena, at->words[i + skip].text, &s.words[i]);
    if (status == KHAP_OK && at->schema->n_options > 0) {
        s.options = khap__arena_alloc(&d->m->arena, at->schema->n_options, sizeof *s.options);
        status = s.options != NULL ? KHAP_OK : KHAP_ENOMEM;
    }
    for (uint32_t i = 0; i < at->schema->n_options && status == KHAP_OK; i++) {
        if (at->schema->options[i].parent == UINT32_MAX)
            status = khap__arena_dup(&d->m->arena, at->words[at->schema->options[i].word].text,
                                     &s.options[s.n_options++]);
    }
    return status == KHAP_OK && !VEC_PUSH(&d->m->alloc, &d->settings, s) ? KHAP_ENOMEM : status;
}

/* A section's lines stand together. */
static enum khap_status index_sections(struct defaults *d)
{
    const struct range none = {0, 0};
    for (uint32_t i = 0; i < d->view->sections.len; i++) {
        if (!VEC_PUSH(&d->m->alloc, &d->sections, none))
            return KHAP_ENOMEM;
    }
    for (uint32_t i = 0; i < d->settings.len; i++) {
        struct range *r = &d->sections.ptr[d->settings.ptr[i].section];
        if (r->n++ == 0)
            r->first = i;
    }
    return KHAP_OK;
}

/* ---- conditions */

/* Takes the part before the separator off. */
static struct khap_str take(struct khap_str *rest, char separator)
{
    size_t len = khap__str_find(*rest, separator);
    struct khap_str part = khap__str_sub(*rest, 0, len);
    *rest = khap__str_sub(*rest, len + 1, rest->len);
    return part;
}

/* How many words of the line the keyword is; 0 when the line is another. */
static size_t is_keyword(const struct setting *s, struct khap_str keyword)
{
    size_t n = 0;
    while (keyword.len > 0) {
        if (n == 3 || !khap__str_eq(take(&keyword, ' '), s->words[n]))
            return 0;
        n++;
    }
    return n;
}

static bool has_option(const struct setting *s, struct khap_str item)
{
    for (uint32_t i = 0; i < s->n_options; i++) {
        if (khap__str_eq(s->options[i], item))
            return true;
    }
    return false;
}

/* A condition on a section and the defaults that it inherits: K, K=V, K#2 or K/OPTION. */
static bool in_section(const struct defaults *d, uint32_t section, struct khap_str item)
{
    struct khap_str value = item, count = item, option = {NULL, 0};
    struct khap_str keyword = take(&value, '=');
    bool valued = keyword.len < item.len;
    if (!valued)
        keyword = take(&count, '#');
    bool counted = !valued && keyword.len < item.len;
    if (!valued && !counted) {
        option = item;
        keyword = take(&option, '/');
    }
    size_t found = 0;
    for (uint32_t s = section, depth = 0; s != VIEW_NONE && depth <= d->view->sections.len; depth++) {
        const struct range *r = &d->sections.ptr[s];
        for (uint32_t i = r->first + r->n; i-- > r->first;) {
            size_t n = is_keyword(&d->settings.ptr[i], keyword);
            if (n == 0 || (option.len > 0 && !has_option(&d->settings.ptr[i], option)))
                continue;
            if (valued)
                return n < 3 && khap__str_eq(d->settings.ptr[i].words[n], value);
            if (!counted || ++found == 2)
                return true;
        }
        s = d->view->sections.ptr[s].defaults;
    }
    return false;
}

static bool in_global(const struct defaults *d, struct khap_str item)
{
    for (uint32_t s = 0; s < d->view->sections.len; s++) {
        if (khap__str_eq(d->view->sections.ptr[s].kind, S("global")) && in_section(d, s, item))
            return true;
    }
    return false;
}

/* An option of the line, or of the default-server lines that hold for it; or K^P, how its address begins. */
static bool on_the_line(const struct defaults *d, uint32_t setting, struct khap_str item)
{
    const struct setting *line = &d->settings.ptr[setting];
    struct khap_str begins = item;
    struct khap_str keyword = take(&begins, '^');
    if (keyword.len < item.len)
        return khap__str_eq(line->words[0], keyword) && khap__str_starts(line->words[1], begins);
    if (has_option(line, item))
        return true;
    if (khap__str_eq(line->words[0], S("bind")))
        return false;
    uint32_t end = setting;
    for (uint32_t s = line->section, depth = 0; s != VIEW_NONE && depth <= d->view->sections.len; depth++) {
        for (uint32_t i = d->sections.ptr[s].first; i < end; i++) {
            if (khap__str_eq(d->settings.ptr[i].words[0], S("default-server")) &&
                has_option(&d->settings.ptr[i], item))
                return true;
        }
        s = d->view->sections.ptr[s].defaults;
        if (s != VIEW_NONE)
            end = d->sections.ptr[s].first + d->sections.ptr[s].n;
    }
    return false;
}

/* What a row is asked about: a section, or a line of it. */
struct subject {
    uint32_t section; /* VIEW_NONE for global as a whole, which need not be there */
    uint32_t setting; /* VIEW_NONE for a section */
};

static bool holds(const struct defaults *d, const struct subject *of, struct khap_str item)
{
    if (khap__str_starts(item, S("global/")))
        return in_global(d, khap__str_sub(item, 7, item.len));
    if (of->section == VIEW_NONE)
        return in_global(d, item);
    if (khap__str_starts(item, S("proxy/")))
        return in_section(d, of->section, khap__str_sub(item, 6, item.len));
    return of->setting != VIEW_NONE ? on_the_line(d, of->setting, item) : in_section(d, of->section, item);
}

static bool any_holds(const struct defaults *d, const struct subject *of, struct khap_str items)
{
    while (items.len > 0) {
        if (holds(d, of, take(&items, '|')))
            return true;
    }
    return false;
}

static bool concerns(const struct defaults *d, const struct defaults_row *row, const struct subject *of)
{
    struct khap_str parts = text_at(row->when);
    while (parts.len > 0) {
        if (!any_holds(d, of, take(&parts, ',')))
            return false;
    }
    return !any_holds(d, of, text_at(row->unless));
}

/* ---- what is done */

/* A line behind `*after`, which it becomes. */
static enum khap_status add_line(struct defaults *d, struct khap_document *doc, uint32_t section,
                                 struct khap_str line, struct khap_line **after)
{
    const struct khap_line *head = d->view->sections.ptr[section].head;
    struct khap_place origin = khap_line_origin(doc, head);
    khap__buf_clear(&d->m->text);
    khap__buf_add(&d->m->text, line);
    struct khap_str text = khap__migrate_indented(d->m, doc, head);
    return d->m->no_memory ? KHAP_ENOMEM : khap__migrate_insert(d->m, doc, *after, text, origin, after);
}

/* Words behind the last word of a line. */
static enum khap_status add_option(struct defaults *d, struct khap_document *doc,
                                   const struct khap_line *line, struct khap_str option)
{
    struct khap_word last = {.size = sizeof last};
    struct migrate *m = d->m;
    enum khap_status status = khap_words_read(m->reader, doc, line);
    if (status == KHAP_OK)
        status = khap_words_at(m->reader, khap_words_count(m->reader) - 1, &last);
    if (status != KHAP_OK)
        return status;
    struct khap_str old = khap_line_text(line);
    size_t end = last.offset + last.raw.len;
    khap__buf_clear(&m->text);
    khap__buf_add(&m->text, khap__str_sub(old, 0, end));
    khap__buf_char(&m->text, ' ');
    khap__buf_add(&m->text, option);
    khap__buf_add(&m->text, khap__str_sub(old, end, old.len));
    if (m->text.failed)
        return KHAP_ENOMEM;
    /* the bundle's own line */
    return khap_line_set_raw(doc, (struct khap_line *)(uintptr_t)line, khap__buf_str(&m->text));
}

static bool does_new(const struct defaults_row *row, uint16_t release)
{
    return row->first <= release && release <= row->last;
}

static enum khap_status keep(struct defaults *d, const struct defaults_row *row, const struct subject *of,
                             struct khap_line **after)
{
    struct migrate *m = d->m;
    const struct view_section *section = &d->view->sections.ptr[of->section];
    struct khap_document *doc = khap_bundle_document(m->bundle, d->view->files.ptr[section->file].file);
    const struct khap_line *at = of->setting == VIEW_NONE ? section->head : d->settings.ptr[of->setting].line;
    bool forward = does_new(row, m->to);
    struct khap_str line = text_at(forward ? row->line : row->back);
    struct khap_str was = text_at(forward ? row->was : row->is), is = text_at(forward ? row->is : row->was);
    char from[MIGRATE_ROOM], to[MIGRATE_ROOM];
    SAY(m->diags, MSG_MIGRATE_DEFAULT_KEPT, khap__migrate_place(m, doc, at), line,
        khap__migrate_release_text(from, m->from), was, khap__migrate_release_text(to, m->to), is);
    return of->setting == VIEW_NONE ? add_line(d, doc, of->section, line, after)
                                    : add_option(d, doc, at, line);
}

static enum khap_status note(struct defaults *d, uint32_t row, const struct subject *of)
{
    struct told *told = &d->told[row];
    uint32_t s = of->section != VIEW_NONE ? of->section : 0;
    for (uint32_t i = 0; of->section == VIEW_NONE && i < d->view->sections.len; i++) {
        if (khap__str_eq(d->view->sections.ptr[i].kind, S("global"))) {
            s = i;
            break;
        }
    }
    if (s >= d->view->sections.len)
        return KHAP_OK;
    if (d->is_told[row]) {
        told->more++;
        return KHAP_OK;
    }
    const struct view_section *section = &d->view->sections.ptr[s];
    const struct khap_document *doc = d->view->files.ptr[section->file].doc;
    told->place = khap__migrate_place(
        d->m, doc, of->setting == VIEW_NONE ? section->head : d->settings.ptr[of->setting].line);
    d->is_told[row] = true;
    return KHAP_OK;
}

static enum khap_status apply(struct defaults *d, uint32_t i, const struct subject *of,
                              struct khap_line **after)
{
    const struct defaults_row *row = &defaults_rows[i];
    const struct migrate *m = d->m;
    bool from = does_new(row, m->from), to = does_new(row, m->to);
    if (from == to || !concerns(d, row, of))
        return KHAP_OK;
    if (to)
        return row->act == MIGRATE_KEEP && m->to >= row->since ? keep(d, row, of, after) : note(d, i, of);
    if (text_at(row->back).len > 0 && m->to >= row->back_since)
        return keep(d, row, of, after);
    return row->tell_back ? note(d, i, of) : KHAP_OK;
}

/* Whether the rest of the section stands elsewhere. */
static bool is_part(const struct defaults *d, uint32_t section)
{
    const struct view_section *s = &d->view->sections.ptr[section];
    return d->m->parts && khap_line_origin(d->view->files.ptr[s->file].doc, s->head).source == 0;
}

/* All rows for one section and its lines. */
static enum khap_status look_at(struct defaults *d, uint32_t section)
{
    const struct view_section *s = &d->view->sections.ptr[section];
    const struct range *lines = &d->sections.ptr[section];
    struct khap_line *after = (struct khap_line *)(uintptr_t)s->head;
    enum khap_status status = KHAP_OK;
    if (s->read == KHAP_FALSE)
        return KHAP_OK;
    for (uint32_t i = 0; i < N_ROWS && status == KHAP_OK; i++) {
        struct khap_str tables = text_at(defaults_rows[i].tables);
        bool servers = khap__str_eq(tables, S("server"));
        if (khap__schema_list_has(tables, s->kind) && !khap__str_eq(tables, S("global")) &&
            !is_part(d, section))
            status = apply(d, i, &(struct subject){section, VIEW_NONE}, &after);
        if (!servers && !khap__str_eq(tables, S("bind")))
            continue;
        for (uint32_t l = lines->first; l < lines->first + lines->n && status == KHAP_OK; l++) {
            struct khap_str word = d->settings.ptr[l].words[0];
            if (khap__str_eq(word, tables) || (servers && khap__str_eq(word, S("server-template"))))
                status = apply(d, i, &(struct subject){section, l}, &after);
        }
    }
    return status;
}

/* What is told once for all places. */
static void tell(struct defaults *d, uint32_t i)
{
    const struct defaults_row *row = &defaults_rows[i];
    struct migrate *m = d->m;
    bool forward = does_new(row, m->to);
    struct khap_str was = text_at(forward ? row->was : row->is), is = text_at(forward ? row->is : row->was);
    struct khap_str line = text_at(row->line);
    char from[MIGRATE_ROOM], to[MIGRATE_ROOM];
    khap__buf_clear(&m->text);
    if (forward && line.len > 0 && m->to >= row->since) {
        bool global = khap__str_starts(line, S("@global "));
        khap__buf_add(&m->text, S("; '"));
        khap__buf_add(&m->text, global ? khap__str_sub(line, 8, line.len) : line);
        khap__buf_add(&m->text, global && !khap__str_eq(text_at(row->tables), S("global"))
                                    ? S("' in global keeps it as it was")
                                    : S("' keeps it as it was"));
    }
    if (d->told[i].more > 0) {
        khap__buf_add(&m->text, S(" (here, and in "));
        khap__buf_uint(&m->text, d->told[i].more);
        khap__buf_add(&m->text, S(" more)"));
    }
    struct khap_str more = khap__buf_str(&m->text);
    if (row->act == MIGRATE_TELL_WARNING)
        SAY(m->diags, MSG_MIGRATE_DEFAULT_CHANGED, d->told[i].place,
            khap__migrate_release_text(from, m->from), was, khap__migrate_release_text(to, m->to), is, more);
    else
        SAY(m->diags, MSG_MIGRATE_DEFAULT, d->told[i].place, khap__migrate_release_text(from, m->from), was,
            khap__migrate_release_text(to, m->to), is, more);
}

enum khap_status khap__migrate_defaults(struct migrate *m)
{
    struct defaults d = {.m = m};
    struct view_listener listener = {&d, on_line, NULL, NULL, NULL, false};
    struct khap_target to;
    struct khap_line *none = NULL;
    khap_target_init(&to);
    to.first = to.last = m->to;
    enum khap_status status = khap__view_new(&m->alloc, m->bundle, &to, m->facts, &listener, NULL, &d.view);
    if (status == KHAP_OK)
        status = index_sections(&d);
    bool global_elsewhere = false;
    for (uint32_t s = 0; status == KHAP_OK && s < d.view->sections.len; s++)
        global_elsewhere =
            global_elsewhere || (khap__str_eq(d.view->sections.ptr[s].kind, S("global")) && is_part(&d, s));
    for (uint32_t i = 0; i < N_ROWS && status == KHAP_OK && !global_elsewhere; i++) {
        if (khap__str_eq(text_at(defaults_rows[i].tables), S("global")))
            status = apply(&d, i, &(struct subject){VIEW_NONE, VIEW_NONE}, &none);
    }
    for (uint32_t s = 0; status == KHAP_OK && s < d.view->sections.len; s++)
        status = look_at(&d, s);
    for (uint32_t i = 0; i < N_ROWS && status == KHAP_OK; i++) {
        if (d.is_told[i])
            tell(&d, i);
    }
    VEC_FREE(&m->alloc, &d.settings);
    VEC_FREE(&m->alloc, &d.sections);
    khap_view_free(d.view);
    return status;
}
