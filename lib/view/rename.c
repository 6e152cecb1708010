/* view/rename.c - another name for a section, everywhere it stands. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/diag.h"
#include "value/parse.h"
#include "view/view.h"

/* Bytes of a word that become the new name. */
struct change {
    uint32_t word;
    uint32_t from, to; /* of the word's value */
    struct khap_str
        holder; /* a quoted argument is written anew: its text, where in it the name is; else empty */
    uint32_t at, len;
};

struct changed_line {
    struct khap_document *doc;
    struct khap_line *line;
    struct khap_str before;
};

struct renaming {
    const struct khap_view *view;
    struct khap_bundle *bundle;
    struct khap_diags *diags;
    uint32_t section;
    struct khap_str from, to;
    struct khap_words *words;
    struct arena arena;            /* of one line */
    uint32_t reference;            /* of the line: the next one that is visited */
    VEC(struct change) changes;    /* of one line, in its order */
    VEC(struct changed_line) done; /* so that a refusal can be taken back */
};

/* Whether a definition is the section, or one of the same kind and name. */
static bool is_renamed(const struct renaming *r, uint32_t definition)
{
    if (definition == VIEW_NONE)
        return false;
    const struct view_definition *d = &r->view->definitions.ptr[definition];
    return d->is_section && khap__str_eq(d->name, r->from) &&
           khap__str_eq(r->view->sections.ptr[d->section].kind, r->view->sections.ptr[r->section].kind);
}

static enum khap_status on_reference(void *ctx, const struct schema_reference *s)
{
    struct renaming *r = ctx;
    if (s->defines || s->own)
        return KHAP_OK;
    const struct view_reference *ref = &r->view->references.ptr[r->reference++];
    if (!is_renamed(r, ref->definition))
        return KHAP_OK;
    struct change c = {s->span.word, s->span.offset, s->span.end_offset,
                       {NULL, 0},    s->at,          (uint32_t)s->name.len};
    if (s->span.end_offset - s->span.offset != s->name.len) {
        c.from = s->holder_span.offset;
        c.to = s->holder_span.end_offset;
        c.holder = s->holder;
    }
    return VEC_PUSH(&r->view->alloc, &r->changes, c) ? KHAP_OK : KHAP_ENOMEM;
}

static enum khap_status on_item(void *ctx, const struct schema_item *item)
{
    (void)ctx;
    (void)item;
    return KHAP_OK;
}

static enum khap_status on_problem(void *ctx, const struct khap_value_error *error)
{
    (void)ctx;
    (void)error;
    return KHAP_OK;
}

/* The value of a word with its changes, of which there are n. */
static enum khap_status changed_word(struct renaming *r, const struct change *changes, uint32_t n,
                                     struct buf *out)
{
    struct khap_str value = khap_words_value(r->words, changes->word);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct change *c = &changes[i];
        khap__buf_add(out, khap__str_sub(value, at, c->from - at));
        if (c->holder.len > 0) {
            struct buf argument;
            khap__buf_init(&argument, &r->view->alloc);
            khap__buf_add(&argument, khap__str_sub(c->holder, 0, c->at));
            khap__buf_add(&argument, r->to);
            khap__buf_add(&argument, khap__str_sub(c->holder, c->at + c->len, c->holder.len));
            khap__argument_print(out, khap__value_rules(r->view->target.last), khap__buf_str(&argument));
            out->failed = out->failed || argument.failed;
            khap__buf_free(&argument);
        } else {
            khap__buf_add(out, r->to);
        }
        at = c->to;
    }
    khap__buf_add(out, khap__str_sub(value, at, value.len));
    return out->failed ? KHAP_ENOMEM : KHAP_OK;
}

static enum khap_status apply(struct renaming *r, struct khap_document *doc, struct khap_line *line)
{
    struct changed_line done = {doc, line, khap_line_text(line)};
    if (r->changes.len > 0 && !VEC_PUSH(&r->view->alloc, &r->done, done))
        return KHAP_ENOMEM;
    /* from the last word to the first: the words before stay where they are, and the reader keeps what it read */
    for (uint32_t end = r->changes.len; end > 0;) {
        uint32_t from = end - 1;
        while (from > 0 && r->changes.ptr[from - 1].word == r->changes.ptr[from].word)
            from--;
        struct buf value;
        khap__buf_init(&value, &r->view->alloc);
        enum khap_status status = changed_word(r, &r->changes.ptr[from], end - from, &value);
        if (status == KHAP_OK)
            status = khap_line_set_word(doc, line, r->changes.ptr[from].word, khap__buf_str(&value));
        khap__buf_free(&value);
        if (status != KHAP_OK)
            return status;
        end = from;
    }
    return KHAP_OK;
}

/* Changes a line: its references from number `first` on, and, when it is a header, its name. */
static enum khap_status rename_line(struct renaming *r, uint32_t section, const struct khap_line *line,
                                    uint32_t first)
{
    const struct view_section *s = &r->view->sections.ptr[section];
    struct khap_document *doc = khap_bundle_document(r->bundle, r->view->files.ptr[s->file].file);
    struct schema_word words[64];
    struct schema_line read;
    bool header = s->head == line;
    if (doc == NULL)
        return KHAP_EINVAL;
    khap__arena_reset(&r->arena);
    r->changes.len = 0;
    r->reference = first;
    enum khap_status status = khap_words_read(r->words, doc, line);
    if (status != KHAP_OK)
        return status;
    size_t n = khap__view_words(r->words, words);
    uint16_t release = r->view->target.last;
    status =
        khap__schema_read(&r->arena, header ? TABLE_SECTION : (unsigned)s->table, release, words, n, &read);
    if (status == KHAP_OK && header && is_renamed(r, s->definition)) {
        struct khap_span span = r->view->definitions.ptr[s->definition].span;
        struct change c = {span.word, span.offset, span.end_offset, {NULL, 0}, 0, 0};
        status = VEC_PUSH(&r->view->alloc, &r->changes, c) ? KHAP_OK : KHAP_ENOMEM;
    }
    struct schema_visitor visitor = {r, on_reference, on_item, on_problem};
    if (status == KHAP_OK)
        status = khap__schema_visit(&r->arena, release, words, n, &read, &visitor);
    /* the document's lines are the bundle's, which may be changed here */
    return status == KHAP_OK ? apply(r, doc, (struct khap_line *)(uintptr_t)line) : status;
}

static enum khap_status rename_all(struct renaming *r)
{
    const struct khap_view *view = r->view;
    enum khap_status status = KHAP_OK;
    for (uint32_t i = 0; i < view->references.len && status == KHAP_OK;) {
        const struct khap_line *line = view->references.ptr[i].line;
        uint32_t end = i;
        bool here = false;
        for (; end < view->references.len && view->references.ptr[end].line == line; end++)
            here = here || is_renamed(r, view->references.ptr[end].definition);
        /* headers come below, with their names */
        if (here && view->sections.ptr[view->references.ptr[i].section].head != line)
            status = rename_line(r, view->references.ptr[i].section, line, i);
        i = end;
    }
    for (uint32_t i = 0; i < view->sections.len && status == KHAP_OK; i++) {
        const struct view_section *s = &view->sections.ptr[i];
        bool refers = s->from != VIEW_NONE && is_renamed(r, view->references.ptr[s->from].definition);
        if (is_renamed(r, s->definition) || refers)
            status = rename_line(r, i, s->head, s->from == VIEW_NONE ? 0 : s->from);
    }
    return status;
}

static void take_back(struct renaming *r)
{
    for (uint32_t i = r->done.len; i-- > 0;)
        (void)khap_line_set_raw(r->done.ptr[i].doc, r->done.ptr[i].line, r->done.ptr[i].before);
}

static struct khap_place place_of(const struct renaming *r, uint32_t file, const struct khap_line *line,
                                  struct khap_span span)
{
    const struct khap_document *doc = r->view->files.ptr[file].doc;
    if (khap_words_read(r->words, doc, line) != KHAP_OK)
        return khap_line_origin(doc, line);
    return khap__view_place(doc, line, r->words, span);
}

/* Whether the name can be one, and nothing of the kind has it. */
static enum khap_status check_name(struct renaming *r)
{
    bool good = r->to.len > 0 && r->to.len <= 255;
    for (size_t i = 0; i < r->to.len && good; i++)
        good = khap__schema_name_byte((unsigned char)r->to.ptr[i]);
    if (!good) {
        SAY(r->diags, MSG_RENAME_BAD_NAME, NOWHERE, r->to);
        return KHAP_EINPUT;
    }
    const struct view_section *s = &r->view->sections.ptr[r->section];
    bool proxy = khap__schema_kind_has(KIND_PROXY, s->kind);
    uint32_t at;
    if (!khap__map_get(&r->view->names, r->to, &at))
        return KHAP_OK;
    for (; at != VIEW_NONE; at = r->view->definitions.ptr[at].next_same) {
        const struct view_definition *d = &r->view->definitions.ptr[at];
        if (!d->is_section)
            continue;
        const struct view_section *other = &r->view->sections.ptr[d->section];
        if (!khap__str_eq(other->kind, s->kind) && !(proxy && khap__schema_kind_has(KIND_PROXY, other->kind)))
            continue;
        SAY(r->diags, MSG_RENAME_TAKEN, place_of(r, other->file, d->line, d->span), other->kind, r->to);
        return KHAP_EINPUT;
    }
    return KHAP_OK;
}

/* Whether the old name stands in a text, and not as a part of a longer one. */
static bool has_name(struct khap_str text, struct khap_str name)
{
    for (size_t i = 0; i + name.len <= text.len; i++) {
        if (memcmp(text.ptr + i, name.ptr, name.len) != 0)
            continue;
        bool before = i > 0 && khap__schema_name_byte((unsigned char)text.ptr[i - 1]);
        size_t end = i + name.len;
        bool behind = end < text.len && khap__schema_name_byte((unsigned char)text.ptr[end]);
        if (!before && !behind)
            return true;
    }
    return false;
}

/* Where the old name may be and cannot be seen. */
static void warn(struct renaming *r)
{
    const struct khap_view *view = r->view;
    struct khap_str kind = view->sections.ptr[r->section].kind;
    for (uint32_t i = 0; i < view->references.len && r->diags != NULL; i++) {
        const struct view_reference *ref = &view->references.ptr[i];
        if (!khap__schema_kind_has((enum schema_kind)ref->kind, kind))
            continue;
        uint32_t file = view->sections.ptr[ref->section].file;
        if (ref->state == KHAP_REFERENCE_DYNAMIC)
            SAY(r->diags, MSG_RENAME_DYNAMIC, place_of(r, file, ref->line, ref->span), r->from);
        else if (ref->state == KHAP_REFERENCE_VARIABLE)
            SAY(r->diags, MSG_RENAME_VARIABLE, place_of(r, file, ref->line, ref->span), r->from);
    }
    const struct khap_line *last = NULL;
    for (uint32_t i = 0; i < view->unread.len && r->diags != NULL; i++) {
        const struct view_unread *u = &view->unread.ptr[i];
        if (u->line != last && has_name(khap_line_text(u->line), r->from))
            SAY(r->diags, MSG_RENAME_UNREAD, khap_line_origin(view->files.ptr[u->file].doc, u->line),
                r->from);
        last = u->line;
    }
}

enum khap_status khap_view_rename(const struct khap_view *view, struct khap_bundle *bundle, size_t section,
                                  struct khap_str name, struct khap_diags *diags)
{
    if (view == NULL || bundle == NULL || bundle != view->bundle || (name.len > 0 && name.ptr == NULL))
        return KHAP_EINVAL;
    if (section >= view->sections.len || view->sections.ptr[section].definition == VIEW_NONE)
        return KHAP_ENOENT;
    struct renaming r = {
        .view = view, .bundle = bundle, .diags = diags, .section = (uint32_t)section, .to = name};
    r.from = view->definitions.ptr[view->sections.ptr[section].definition].name;
    if (khap__str_eq(r.from, name))
        return KHAP_OK;
    enum khap_status status = khap_words_new(&view->alloc, &r.words);
    khap__arena_init(&r.arena, &view->alloc);
    if (status == KHAP_OK)
        status = check_name(&r);
    if (status == KHAP_OK) {
        warn(&r);
        status = rename_all(&r);
        if (status == KHAP_EINPUT)
            take_back(&r);
    }
    VEC_FREE(&view->alloc, &r.changes);
    VEC_FREE(&view->alloc, &r.done);
    khap__arena_free(&r.arena);
    khap_words_free(r.words);
    return status;
}
