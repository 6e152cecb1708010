/* view/view.c - reading a bundle line by line. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/diag.h"
#include "cfg/lines.h"
#include "cfg/words.h"
#include "view/view.h"

#include <stdio.h>

struct reading {
    struct khap_view *view;
    const struct view_listener *listener; /* or NULL; of a line that is not read too */
    bool heard;                           /* it hears of this line */
    struct khap_words *words;
    struct schema_memory *memory;
    struct arena arena; /* of one line */
    uint32_t file;
    uint32_t number;       /* of the line, over all files */
    uint32_t text_section; /* the last header above, whatever it is */
    uint32_t read_section; /* the last header above that may be read */
    uint32_t section;      /* that of the line */
    const struct khap_line *line;
    enum khap_answer read;
    struct khap_str holder; /* of the reference before, and where it ended in it */
    uint32_t holder_end;
    uint32_t before;                       /* that reference, or VIEW_NONE */
    bool environment, environment_changed; /* it is known; it is not known any more */
    struct khap_diags *diags;
};

size_t khap__view_words(struct khap_words *reader, struct schema_word words[64])
{
    const struct lex_line *lexed = khap__words_lexed(reader);
    size_t n = lexed->n < 64 ? lexed->n : 64;
    for (size_t i = 0; i < n; i++) {
        const struct lex_word *word = &lexed->words[i];
        words[i] =
            (struct schema_word){word->value, word->variable || word->joins, word->many || word->joins};
    }
    return n;
}

/* Where a byte of a word's value stands in the line: known where the word is written as it is, or so between two quotes, which belong to what is
 * beside them. */
static uint32_t column(const struct khap_word *word, uint32_t offset, bool end)
{
    if (khap__str_eq(word->raw, word->value))
        return word->offset + offset;
    bool quoted =
        word->raw.len == word->value.len + 2 && (word->raw.ptr[0] == '"' || word->raw.ptr[0] == '\'');
    if (quoted && offset > 0 && offset < word->value.len &&
        khap__str_eq(khap__str_sub(word->raw, 1, word->value.len), word->value))
        return word->offset + 1 + offset;
    return word->offset + (end ? (uint32_t)word->raw.len : 0);
}

struct khap_place khap__view_place(const struct khap_document *doc, const struct khap_line *line,
                                   struct khap_words *words, struct khap_span span)
{
    struct khap_place place = khap_line_origin(doc, line);
    struct khap_word first = {.size = sizeof first}, last = {.size = sizeof last};
    size_t n = khap_words_count(words);
    /* a line that was written or changed since has its place in another text */
    struct khap_str text = khap_line_text(line);
    if (place.source == 0 || n == 0 || text.len < place.len || text.len > (size_t)place.len + 2)
        return place;
    if (span.word >= n) { /* something is missing behind the last word */
        (void)khap_words_at(words, n - 1, &last);
        return (struct khap_place){place.source, place.offset + last.offset + (uint32_t)last.raw.len, 0};
    }
    (void)khap_words_at(words, span.word, &first);
    (void)khap_words_at(words, span.end_word < n ? span.end_word : n - 1, &last);
    uint32_t from = column(&first, span.offset, false), to = column(&last, span.end_offset, true);
    if (to > place.len || from > place.len)
        return place; /* of its new text */
    return (struct khap_place){place.source, place.offset + from, to > from ? to - from : 0};
}

static enum khap_status keep(struct khap_view *view, struct khap_str text, struct khap_str *out)
{
    return khap__arena_dup(&view->arena, text, out);
}

/* The same behind the number of a section, so that both together are a key. */
static enum khap_status keep_scoped(struct khap_view *view, uint32_t section, struct khap_str text,
                                    struct khap_str *out)
{
    char *room = khap__arena_bytes(&view->arena, VIEW_KEY + text.len);
    if (room == NULL)
        return KHAP_ENOMEM;
    memcpy(room, &section, VIEW_KEY);
    if (text.len > 0)
        memcpy(room + VIEW_KEY, text.ptr, text.len);
    *out = (struct khap_str){room + VIEW_KEY, text.len};
    return KHAP_OK;
}

static enum khap_status define(struct reading *r, enum schema_kind kind, bool is_section,
                               struct khap_str name, struct khap_span span)
{
    struct khap_view *view = r->view;
    struct view_definition d = {.at = r->number,
                                .line = r->line,
                                .section = r->section,
                                .next_same = VIEW_NONE,
                                .first_referrer = VIEW_NONE,
                                .last_referrer = VIEW_NONE,
                                .span = span,
                                .kind = (uint8_t)kind,
                                .is_section = is_section,
                                .read = (uint8_t)r->read};
    enum khap_status status =
        is_section ? keep(view, name, &d.name) : keep_scoped(view, r->section, name, &d.name);
    if (status != KHAP_OK)
        return status;
    if (view->definitions.len == VIEW_NONE)
        return KHAP_ELIMIT;
    if (!VEC_PUSH(&view->alloc, &view->definitions, d))
        return KHAP_ENOMEM;
    return KHAP_OK;
}

static enum khap_status on_reference(void *ctx, const struct schema_reference *s)
{
    struct reading *r = ctx;
    struct khap_view *view = r->view;
    /* a predefined name is not looked up here: khap__view_bind() does that for all that is not found */
    if (s->defines && !s->variable)
        return define(r, s->kind, false, s->name, s->span);
    if (s->own && r->heard)
        return r->listener->own == NULL ? KHAP_OK : r->listener->own(r->listener->ctx, s);
    if (s->defines || s->own)
        return KHAP_OK;
    bool behind = r->before != VIEW_NONE && r->holder.ptr == s->holder.ptr && r->holder_end + 1 == s->at &&
                  s->holder.ptr[r->holder_end] == '/';
    struct view_reference ref = {.at = r->number,
                                 .line = r->line,
                                 .section = r->section,
                                 .definition = VIEW_NONE,
                                 .next_referrer = VIEW_NONE,
                                 .container = behind ? r->before : VIEW_NONE,
                                 .span = s->span,
                                 .kind = (uint8_t)s->kind,
                                 .state = s->dynamic    ? KHAP_REFERENCE_DYNAMIC
                                          : s->variable ? KHAP_REFERENCE_VARIABLE
                                                        : KHAP_REFERENCE_MISSING,
                                 .late = s->late,
                                 .read = (uint8_t)r->read};
    if (ref.state == KHAP_REFERENCE_MISSING) {
        enum khap_status status = keep_scoped(view, r->section, s->name, &ref.name);
        if (status != KHAP_OK)
            return status;
    }
    r->holder = s->holder;
    r->holder_end = s->at + (uint32_t)s->name.len;
    r->before = view->references.len;
    if (view->references.len == VIEW_NONE)
        return KHAP_ELIMIT;
    return VEC_PUSH(&view->alloc, &view->references, ref) ? KHAP_OK : KHAP_ENOMEM;
}

static enum khap_status unread(struct reading *r)
{
    struct view_unread u = {r->line, r->file};
    return VEC_PUSH(&r->view->alloc, &r->view->unread, u) ? KHAP_OK : KHAP_ENOMEM;
}

/* Part of an expression: what is unknown may hold names. */
static enum khap_status on_item(void *ctx, const struct schema_item *item)
{
    struct reading *r = ctx;
    bool called = item->kind == SCHEMA_ITEM_FETCH || item->kind == SCHEMA_ITEM_CONVERTER;
    bool odd = called && (item->row == NULL || item->line->problem != SCHEMA_GOOD);
    enum khap_status status = odd ? unread(r) : KHAP_OK;
    return status == KHAP_OK && r->heard && r->listener->item != NULL
               ? r->listener->item(r->listener->ctx, item)
               : status;
}

static enum khap_status on_problem(void *ctx, const struct khap_value_error *error)
{
    struct reading *r = ctx;
    enum khap_status status = unread(r);
    return status == KHAP_OK && r->heard && r->listener->problem != NULL
               ? r->listener->problem(r->listener->ctx, error)
               : status;
}

static enum khap_status tell(struct reading *r, unsigned table, const struct schema_word *words, size_t n,
                             struct schema_line *line, bool late)
{
    uint16_t release = r->view->target.last;
    enum khap_status status = KHAP_OK;
    if (line->problem != SCHEMA_GOOD || line->cut)
        status = unread(r);
    struct view_line heard = {r->view, r->view->files.ptr[r->file].doc,
                              r->line, r->words,
                              words,   n,
                              line,    r->section,
                              table,   r->read,
                              late};
    r->heard = r->listener != NULL && r->read != KHAP_FALSE;
    if (status == KHAP_OK && r->heard)
        status = r->listener->line(r->listener->ctx, &heard);
    struct schema_visitor visitor = {r, on_reference, on_item, on_problem};
    r->before = VIEW_NONE;
    return status == KHAP_OK ? khap__schema_visit(&r->arena, release, words, n, line, &visitor) : status;
}

/* What the words that were read are, and name. */
static enum khap_status names_of(struct reading *r, unsigned table, struct schema_line *line)
{
    struct schema_word words[64];
    size_t n = khap__view_words(r->words, words);
    enum khap_status status = khap__schema_read(&r->arena, table, r->view->target.last, words, n, line);
    if (status != KHAP_OK)
        return status;
    if (table != TABLE_SECTION) {
        uint32_t line_end;
        khap__schema_keep(r->memory, khap__line_body(r->line, &line_end), words, n, line);
    }
    return tell(r, table, words, n, line, false);
}

/* The name of a section is the first argument of its header that is a name. */
static enum khap_status open_section(struct reading *r)
{
    struct khap_view *view = r->view;
    struct view_section s = {.head = r->line,
                             .last = r->line,
                             .file = r->file,
                             .definition = VIEW_NONE,
                             .defaults = VIEW_NONE,
                             .from = VIEW_NONE,
                             .first_inheritor = VIEW_NONE,
                             .next_inheritor = VIEW_NONE,
                             .read = (uint8_t)r->read};
    s.table = khap__schema_table(khap_words_value(r->words, 0));
    enum khap_status status = keep(view, khap_words_value(r->words, 0), &s.kind);
    if (s.table >= 0)
        s.kind = khap__schema_table_name((unsigned)s.table);
    if (status != KHAP_OK)
        return status;
    if (view->sections.len == VIEW_NONE)
        return KHAP_ELIMIT;
    r->section = r->text_section = view->sections.len;
    if (r->read != KHAP_FALSE)
        r->read_section = r->section;
    if (!VEC_PUSH(&view->alloc, &view->sections, s))
        return KHAP_ENOMEM;
    struct schema_line line;
    uint32_t references = view->references.len;
    status = names_of(r, TABLE_SECTION, &line);
    for (; references < view->references.len; references++) {
        if (view->references.ptr[references].kind == KIND_DEFAULTS)
            view->sections.ptr[r->section].from = references;
    }
    struct khap_word name = {.size = sizeof name};
    for (uint32_t i = 0; i < line.n_arguments && status == KHAP_OK; i++) {
        if (line.arguments[i].type != TYPE_NAME && line.arguments[i].type != TYPE_LABEL)
            continue;
        (void)khap_words_at(r->words, line.arguments[i].word, &name);
        if ((name.flags & KHAP_WORD_VARIABLE) != 0)
            break;
        view->sections.ptr[r->section].definition = view->definitions.len;
        struct khap_span span = {line.arguments[i].word, 0, line.arguments[i].word, (uint32_t)name.value.len};
        return define(r, 0, true, name.value, span);
    }
    return status;
}

/* A word that is empty because of what variables hold: who read the file without them could not say so. */
static void say_empty(struct reading *r, const struct khap_document *doc)
{
    char release[8];
    uint32_t offset, len;
    struct khap_place place = khap_line_origin(doc, r->line);
    if (!r->environment || r->environment_changed || r->read == KHAP_FALSE ||
        khap_words_error(r->words, &offset, &len) != KHAP_WORDS_EMPTY ||
        khap__str_find(khap_line_text(r->line), '$') == khap_line_text(r->line).len)
        return;
    if (place.source != 0) {
        place.offset += offset;
        place.len = len;
    }
    uint16_t last = r->view->target.last;
    (void)snprintf(release, sizeof release, "%u.%u", last / 100u, last % 100u);
    SAY(r->diags, MSG_LINE_EMPTY_WORD, place, khap__str(release));
}

/* From a line on that changes the environment nothing is known of it. */
static void note_environment(struct reading *r, struct khap_str keyword)
{
    r->environment_changed = r->environment_changed || khap__str_eq(keyword, S("setenv")) ||
                             khap__str_eq(keyword, S("presetenv")) || khap__str_eq(keyword, S("unsetenv")) ||
                             khap__str_eq(keyword, S("resetenv"));
}

/* A line that ends like one before; false: it is to be read. */
static bool read_alike(struct reading *r, const struct khap_document *doc, unsigned table,
                       enum khap_status *status)
{
    struct schema_word words[64];
    struct schema_line line;
    uint32_t line_end;
    size_t n;
    if (!khap__schema_read_alike(&r->arena, r->memory, table, r->view->target.last,
                                 khap__line_body(r->line, &line_end), words, &n, &line, status))
        return false;
    bool late = r->listener == NULL || r->listener->late;
    if (!late)
        *status = khap_words_read(r->words, doc, r->line);
    note_environment(r, words[0].text);
    if (*status == KHAP_OK)
        *status = tell(r, table, words, n, &line, late);
    return true;
}

static enum khap_status read_line(struct reading *r, const struct khap_document *doc,
                                  enum khap_line_kind kind)
{
    r->section = r->read == KHAP_FALSE ? r->text_section : r->read_section;
    if (r->text_section != VIEW_NONE && kind != KHAP_LINE_SECTION)
        r->view->sections.ptr[r->text_section].last = r->line;
    if (kind != KHAP_LINE_SECTION && kind != KHAP_LINE_STATEMENT)
        return KHAP_OK;
    khap__arena_reset(&r->arena);
    const struct view_section *section = r->section == VIEW_NONE ? NULL : &r->view->sections.ptr[r->section];
    int table = section == NULL ? -1 : section->table;
    enum khap_status status = KHAP_OK;
    if (kind == KHAP_LINE_STATEMENT && table >= 0 && read_alike(r, doc, (unsigned)table, &status))
        return status;
    if (status == KHAP_OK)
        status = khap_words_read(r->words, doc, r->line);
    if (status != KHAP_OK || khap_words_count(r->words) == 0)
        return status;
    if (khap_words_error(r->words, NULL, NULL) != KHAP_WORDS_READ) {
        say_empty(r, doc);
        return unread(r);
    }
    note_environment(r, khap_words_value(r->words, 0));
    if (kind == KHAP_LINE_SECTION)
        return open_section(r);
    struct schema_line line;
    return table >= 0 ? names_of(r, (unsigned)table, &line) : unread(r);
}

static enum khap_status read_file(struct reading *r, const struct khap_if_facts *facts,
                                  struct khap_diags *diags)
{
    const struct khap_document *doc = r->view->files.ptr[r->file].doc;
    struct view_conditions *conditions = NULL;
    enum khap_status status = KHAP_OK;
    r->text_section = r->read_section = VIEW_NONE;
    for (r->line = NULL; status == KHAP_OK && (r->line = khap_line_next(doc, r->line)) != NULL;) {
        enum khap_line_kind kind = khap_line_kind(doc, r->line);
        if (kind == KHAP_LINE_DIRECTIVE && conditions == NULL)
            status = khap__view_conditions_new(&r->view->alloc, doc, &r->view->target, facts, r->words, diags,
                                               &conditions);
        r->read = khap__view_conditions_next(conditions, r->line);
        if (status == KHAP_OK)
            status = read_line(r, doc, kind);
        r->number++;
        if (r->environment_changed)
            khap_words_environment(r->words, NULL, NULL);
    }
    khap__view_conditions_free(conditions);
    return status;
}

static enum khap_status read_bundle(struct khap_view *view, const struct khap_if_facts *facts,
                                    const struct view_listener *listener, struct khap_diags *diags)
{
    struct reading r = {.view = view, .listener = listener, .diags = diags};
    enum khap_status status = khap_words_new(&view->alloc, &r.words);
    if (status == KHAP_OK)
        status = khap__schema_memory_new(&view->alloc, &r.memory);
    khap__arena_init(&r.arena, &view->alloc);
    if (status == KHAP_OK && facts != NULL && facts->environment != NULL)
        khap_words_environment(r.words, facts->environment, facts->ctx);
    r.environment = facts != NULL && facts->environment != NULL;
    const struct khap_bundle_file *file = NULL;
    while (status == KHAP_OK && (file = khap_bundle_next(view->bundle, file)) != NULL) {
        struct view_file f = {file, khap_bundle_file_document(file)};
        if (f.doc == NULL)
            continue;
        if (!VEC_PUSH(&view->alloc, &view->files, f))
            status = KHAP_ENOMEM;
        r.file = view->files.len - 1;
        if (status == KHAP_OK)
            status = read_file(&r, facts, diags);
    }
    khap__arena_free(&r.arena);
    khap__schema_memory_free(r.memory);
    khap_words_free(r.words);
    return status;
}

/* The first definition of each name, and the next one of the same name behind each. */
static enum khap_status index_names(struct khap_view *view)
{
    enum khap_status status = khap__map_reserve(&view->names, view->sections.len);
    if (status == KHAP_OK)
        status = khap__map_reserve(&view->scoped, view->definitions.len);
    for (uint32_t i = view->definitions.len; i-- > 0 && status == KHAP_OK;) {
        struct view_definition *d = &view->definitions.ptr[i];
        struct map *map = d->is_section ? &view->names : &view->scoped;
        struct khap_str key = d->name;
        uint32_t after = VIEW_NONE;
        bool found;
        if (!d->is_section)
            key = (struct khap_str){key.ptr - VIEW_KEY, key.len + VIEW_KEY};
        status = khap__map_put(map, key, i, &found, &after);
        d->next_same = found ? after : VIEW_NONE;
    }
    return status;
}

enum khap_status khap__view_new(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                                const struct khap_target *target, const struct khap_if_facts *facts,
                                const struct view_listener *listener, struct khap_diags *diags,
                                struct khap_view **out)
{
    if (bundle == NULL || target == NULL || target->size != sizeof *target || target->first > target->last ||
        out == NULL || (facts != NULL && facts->size != sizeof *facts))
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_view *view = khap__alloc(&a, 1, sizeof *view);
    if (view == NULL)
        return KHAP_ENOMEM;
    memset(view, 0, sizeof *view);
    view->alloc = a;
    view->target = *target;
    view->bundle = bundle;
    khap__arena_init(&view->arena, &a);
    khap__map_init(&view->names, &a);
    khap__map_init(&view->scoped, &a);
    enum khap_status status = read_bundle(view, facts, listener, diags);
    if (status == KHAP_OK)
        status = index_names(view);
    if (status != KHAP_OK) {
        khap_view_free(view);
        return status;
    }
    khap__view_bind(view);
    *out = view;
    return KHAP_OK;
}

enum khap_status khap_view_new(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                               const struct khap_target *target, const struct khap_if_facts *facts,
                               struct khap_diags *diags, struct khap_view **out)
{
    return khap__view_new(alloc, bundle, target, facts, NULL, diags, out);
}

void khap_view_free(struct khap_view *view)
{
    if (view == NULL)
        return;
    struct khap_alloc a = view->alloc;
    VEC_FREE(&a, &view->files);
    VEC_FREE(&a, &view->sections);
    VEC_FREE(&a, &view->definitions);
    VEC_FREE(&a, &view->references);
    VEC_FREE(&a, &view->unread);
    khap__map_free(&view->names);
    khap__map_free(&view->scoped);
    khap__arena_free(&view->arena);
    khap__free(&a, view, 1, sizeof *view);
}
