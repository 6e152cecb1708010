/* migrate/experimental.c - whether experimental directives must still be exposed. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/migrate.h"

/* Whether the line, as the other release reads it, is experimental or has an option that is; one that is not understood may be. */
static enum khap_status is_experimental(struct arena *arena, unsigned table, uint16_t to,
                                        const struct schema_word *words, size_t n, bool *yes)
{
    struct schema_line line;
    enum khap_status status = n > 0 ? khap__schema_read(arena, table, to, words, n, &line) : KHAP_OK;
    if (n == 0 || status != KHAP_OK)
        return status;
    *yes =
        *yes || line.row == NULL || line.problem != SCHEMA_GOOD || (line.row->flags & ROW_EXPERIMENTAL) != 0;
    for (uint32_t i = 0; i < line.n_options; i++)
        *yes = *yes || (line.options[i].row->flags & ROW_EXPERIMENTAL) != 0;
    return KHAP_OK;
}

static enum khap_status in_section(const struct migrate_step *step, const struct view_section *s,
                                   struct khap_words *reader, struct arena *arena, bool *yes)
{
    const struct khap_document *doc = step->view->files.ptr[s->file].doc;
    const struct khap_line *line = s->head;
    enum khap_status status = KHAP_OK;
    *yes = *yes || s->table < 0;
    for (; status == KHAP_OK && !*yes && line != NULL; line = khap_line_next(doc, line)) {
        struct schema_word words[64];
        bool head = line == s->head;
        if (head || khap_line_kind(doc, line) == KHAP_LINE_STATEMENT) {
            status = khap_words_read(reader, doc, line);
            if (status == KHAP_OK)
                status = is_experimental(arena, head ? TABLE_SECTION : (unsigned)s->table, step->to, words,
                                         khap__view_words(reader, words), yes);
            khap__arena_reset(arena);
        }
        if (line == s->last)
            break;
    }
    return status;
}

enum khap_status khap__migrate_experimental(struct migrate_step *step)
{
    const struct khap_view *view = step->view;
    struct khap_words *reader;
    struct arena arena;
    bool yes = false;
    enum khap_status status = khap_words_new(&view->alloc, &reader);
    if (status != KHAP_OK)
        return status;
    khap__arena_init(&arena, &view->alloc);
    for (uint32_t i = 0; i < view->sections.len && status == KHAP_OK && !yes; i++)
        status = in_section(step, &view->sections.ptr[i], reader, &arena, &yes);
    khap__arena_free(&arena);
    khap_words_free(reader);
    return status == KHAP_OK && yes ? khap__migrate_nothing(step) : status;
}
