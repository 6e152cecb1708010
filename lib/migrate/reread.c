/* migrate/reread.c - lines that stay, but are read in another way. SPDX-License-Identifier: MIT */
#include "config.h"

#include "cfg/lex.h"
#include "migrate/plan.h"

static bool same(const struct lex_line *a, const struct lex_line *b)
{
    bool same = a->n == b->n && a->error == b->error && a->scope == b->scope;
    for (uint32_t i = 0; i < a->n && same; i++)
        same = a->words[i].variable == b->words[i].variable && a->words[i].many == b->words[i].many &&
               khap__str_eq(a->words[i].value, b->words[i].value);
    return same;
}

/* An empty word is the end of a line's words to most of HAProxy, until 3.3 refuses it. */
static uint32_t before_empty(const struct migrate *m, const struct lex_line *line)
{
    uint32_t n = 0;
    while (n < line->n &&
           (line->words[n].value.len > 0 || line->words[n].variable || m->to < KHAP_RELEASE(3, 3)))
        n++;
    return n > 0 ? n : line->n;
}

static enum khap_status reread(struct migrate *m, struct khap_document *doc, struct khap_line *line)
{
    struct khap_str text = khap_line_text(line), body = text;
    struct lex_line was, is;
    struct migrate_word words[64];
    char release[MIGRATE_ROOM];
    while (body.len > 0 && (body.ptr[body.len - 1] == '\n' || body.ptr[body.len - 1] == '\r'))
        body.len--;
    if (khap__lex_plain(body))
        return KHAP_OK;
    enum khap_status status = khap__lex_line(&m->arena, m->from, body, &was);
    if (status == KHAP_OK)
        status = khap__lex_line(&m->arena, m->to, body, &is);
    if (status != KHAP_OK || was.error != LEX_OK || same(&was, &is))
        return status;
    uint32_t n = before_empty(m, &was);
    for (uint32_t i = 0; i < n; i++)
        words[i] = (struct migrate_word){was.words[i].value, i};
    if (!khap__migrate_compose(m, text, words, n, true)) {
        if (!m->no_memory)
            khap__migrate_unwritable(m, doc, line);
        return m->no_memory ? KHAP_ENOMEM : KHAP_OK;
    }
    if (khap__str_eq(khap__buf_str(&m->text), body))
        return KHAP_OK;
    SAY(m->diags, MSG_MIGRATE_REWRITTEN, khap__migrate_place(m, doc, line),
        khap__migrate_release_text(release, m->to));
    return khap_line_set_raw(doc, line, khap__buf_str(&m->text));
}

/* A last line without its end is taken for a cut file: 2.2 warns of it, later ones refuse it. */
static enum khap_status end_last_line(struct migrate *m, struct khap_document *doc)
{
    char release[MIGRATE_ROOM];
    struct khap_line *last = khap_line_prev(doc, NULL);
    struct khap_str text = last == NULL ? S("") : khap_line_text(last);
    if (text.len == 0 || text.ptr[text.len - 1] == '\n' || m->to < KHAP_RELEASE(2, 2))
        return KHAP_OK;
    SAY(m->diags, MSG_MIGRATE_REWRITTEN, khap__migrate_place(m, doc, last),
        khap__migrate_release_text(release, m->to));
    khap__buf_clear(&m->text);
    khap__buf_add(&m->text, text);
    khap__buf_char(&m->text, '\n');
    return m->text.failed ? KHAP_ENOMEM : khap_line_set_raw(doc, last, khap__buf_str(&m->text));
}

enum khap_status khap__migrate_reread(struct migrate *m)
{
    enum khap_status status = KHAP_OK;
    uint32_t edit = 0;
    for (uint32_t f = 0; f < m->view->files.len && status == KHAP_OK; f++) {
        struct khap_document *doc = khap_bundle_document(m->bundle, m->view->files.ptr[f].file);
        struct khap_line *line = NULL;
        while (status == KHAP_OK && (line = khap_line_next(doc, line)) != NULL) {
            /* edits are in the order of the lines */
            bool planned = edit < m->edits.len && m->edits.ptr[edit].at == line;
            edit += planned ? 1 : 0;
            enum khap_line_kind kind = khap_line_kind(doc, line);
            if (!planned && kind != KHAP_LINE_BLANK && kind != KHAP_LINE_COMMENT)
                status = reread(m, doc, line);
        }
        if (status == KHAP_OK)
            status = end_last_line(m, doc);
    }
    return status;
}
