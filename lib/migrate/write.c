/* migrate/write.c - carrying a plan out: where new lines stand, and their bytes. SPDX-License-Identifier: MIT */
#include "config.h"

#include "cfg/lex.h"
#include "migrate/plan.h"

/* ---- the bytes of a line */

struct khap_place khap__migrate_place(struct migrate *m, const struct khap_document *doc,
                                      const struct khap_line *line)
{
    if (khap_words_read(m->reader, doc, line) != KHAP_OK) {
        m->no_memory = true;
        return khap_line_origin(doc, line);
    }
    uint32_t n = (uint32_t)khap_words_count(m->reader);
    if (n == 0)
        return khap_line_origin(doc, line);
    struct khap_span span = {0, 0, n - 1, (uint32_t)khap_words_value(m->reader, n - 1).len};
    return khap__view_place(doc, line, m->reader, span);
}

static struct khap_str body_of(struct khap_str text)
{
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    return text;
}

struct khap_str khap__migrate_quote(struct migrate *m, const struct khap_document *doc,
                                    const struct khap_line *line)
{
    struct khap_word first = {.size = sizeof first}, last = {.size = sizeof last};
    if (khap_words_read(m->reader, doc, line) != KHAP_OK)
        m->no_memory = true;
    size_t n = khap_words_count(m->reader);
    khap__buf_clear(&m->more);
    if (khap_words_at(m->reader, 0, &first) == KHAP_OK && khap_words_at(m->reader, n - 1, &last) == KHAP_OK)
        khap__buf_add(&m->more, khap__str_sub(khap_line_text(line), first.offset,
                                              last.offset + last.raw.len - first.offset));
    return khap__buf_str(&m->more);
}

void khap__migrate_unwritable(struct migrate *m, const struct khap_document *doc,
                              const struct khap_line *line)
{
    char release[MIGRATE_ROOM];
    m->left = true;
    SAY(m->diags, MSG_MIGRATE_UNWRITABLE, khap__migrate_place(m, doc, line),
        khap__migrate_quote(m, doc, line), khap__migrate_release_text(release, m->to));
}

static bool same_word(const struct lex_word *is, const struct migrate_word *wanted,
                      const struct lex_line *old)
{
    bool variable = wanted->keep != MIGRATE_NEW && old->words[wanted->keep].variable;
    bool many = wanted->keep != MIGRATE_NEW && old->words[wanted->keep].many;
    return is->variable == variable && is->many == many && khap__str_eq(is->value, wanted->text);
}

/* Appends the words; those of the old line as they are written there while `as_written`, or while they hold a variable. */
static bool add_words(struct migrate *m, struct khap_str old, const struct lex_line *lexed,
                      const struct migrate_word *words, size_t n, bool as_written)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t keep = words[i].keep;
        const struct lex_word *word = keep == MIGRATE_NEW ? NULL : &lexed->words[keep];
        bool behind = i > 0 && word != NULL && words[i - 1].keep == keep - 1;
        if (behind) {
            const struct lex_word *before = &lexed->words[keep - 1];
            uint32_t end = before->offset + before->len;
            khap__buf_add(&m->text, khap__str_sub(old, end, word->offset - end));
        } else if (i > 0) {
            khap__buf_char(&m->text, ' ');
        }
        if (word != NULL && (as_written || word->variable))
            khap__buf_add(&m->text, khap__str_sub(old, word->offset, word->len));
        else if (khap__encode_word(&m->text, m->to, m->to, words[i].text) != ENCODE_OK)
            return false;
    }
    return true;
}

bool khap__migrate_compose(struct migrate *m, struct khap_str old, const struct migrate_word *words, size_t n,
                           bool tail)
{
    struct khap_str body = body_of(old);
    struct lex_line lexed, is;
    bool good = false;
    if (khap__lex_line(&m->arena, m->from, body, &lexed) != KHAP_OK) {
        m->no_memory = true;
        return false;
    }
    uint32_t indent = lexed.n > 0 ? lexed.words[0].offset : 0;
    uint32_t end = lexed.n > 0 ? lexed.words[lexed.n - 1].offset + lexed.words[lexed.n - 1].len : 0;
    for (int as_written = 1; as_written >= 0 && !good; as_written--) {
        khap__buf_clear(&m->text);
        khap__buf_add(&m->text, khap__str_sub(body, 0, indent));
        if (!add_words(m, body, &lexed, words, n, as_written != 0))
            continue;
        size_t words_end = m->text.len;
        if (tail)
            khap__buf_add(&m->text, khap__str_sub(body, end, body.len));
        if (m->text.failed || khap__lex_line(&m->arena, m->to, khap__buf_str(&m->text), &is) != KHAP_OK) {
            m->no_memory = true;
            return false;
        }
        good = is.error == LEX_OK && is.n == n && is.comment >= words_end;
        for (size_t i = 0; i < n && good; i++)
            good = same_word(&is.words[i], &words[i], &lexed);
    }
    return good && !m->text.failed;
}

/* ---- where a line stands */

static struct khap_str first_word(struct migrate *m, const struct khap_document *doc,
                                  const struct khap_line *line)
{
    if (khap_words_read(m->reader, doc, line) != KHAP_OK)
        m->no_memory = true;
    return khap_words_value(m->reader, 0);
}

/* What HAProxy carries out behind all http-request rules. */
static bool comes_later(struct khap_str word)
{
    return khap__str_eq(word, S("redirect")) || khap__str_eq(word, S("use_backend")) ||
           khap__str_eq(word, S("use-server"));
}

/* Whether the line defines an ACL that the words name. */
static bool names_acl(struct migrate *m, const struct khap_document *doc, const struct khap_line *acl,
                      const struct migrate_line *line)
{
    if (!khap__str_eq(first_word(m, doc, acl), S("acl")))
        return false;
    struct khap_str name = khap_words_value(m->reader, 1);
    for (uint32_t i = 0; i < line->n; i++) {
        struct khap_str word = m->words.ptr[line->first + i].text;
        while (word.len > 0 && word.ptr[0] == '!')
            word = khap__str_sub(word, 1, word.len);
        if (khap__str_eq(word, name))
            return true;
    }
    return false;
}

/* A line goes up: the ACLs that it names, of those between, go with it. What an `acl` says does not depend on where it stands. *after is then the last of
 * them. */
static enum khap_status take_acls_along(struct migrate *m, const struct migrate_edit *edit,
                                        const struct migrate_line *line, struct khap_line **after)
{
    enum khap_status status = KHAP_OK;
    struct khap_line *l = khap_line_next(edit->doc, *after);
    while (status == KHAP_OK && l != NULL && l != edit->at) {
        struct khap_line *next = khap_line_next(edit->doc, l);
        if (names_acl(m, edit->doc, l, line)) {
            status = khap_document_insert_raw(edit->doc, *after, khap_line_text(l),
                                              khap_line_origin(edit->doc, l), after);
            if (status == KHAP_OK)
                status = khap_document_remove(edit->doc, l);
        }
        l = next;
    }
    return status;
}

/* Where the section ends, with what was put behind its last line: the next header, or NULL. */
static const struct khap_line *end_of(const struct khap_view *view, uint32_t section)
{
    bool more = section + 1 < view->sections.len &&
                view->sections.ptr[section + 1].file == view->sections.ptr[section].file;
    return more ? view->sections.ptr[section + 1].head : NULL;
}

/* The line to stand behind; the old one itself when it may stand there. */
static struct khap_line *place_of(struct migrate *m, const struct migrate_edit *edit,
                                  const struct migrate_line *line)
{
    const struct khap_line *head = m->view->sections.ptr[edit->section].head;
    const struct khap_line *end = end_of(m->view, edit->section);
    struct khap_line *l = (struct khap_line *)(uintptr_t)head;
    struct khap_line *above = NULL, *last = NULL,
                     *later = NULL; /* rules above the old line; the last one; what comes later, above it */
    bool here = false, below = false;
    bool response = line->where == MIGRATE_RESPONSE_LAST || line->where == MIGRATE_RESPONSE_ADD;
    if (line->where == MIGRATE_HERE || head == edit->at || line->where == MIGRATE_HEAD)
        return line->where == MIGRATE_HEAD ? l : edit->at;
    if (line->where == MIGRATE_REQUEST_FIRST && m->first != NULL && m->first_section == edit->section)
        l = m->first;
    while ((l = khap_line_next(edit->doc, l)) != end && l != NULL) {
        struct khap_str word = first_word(m, edit->doc, l);
        here = here || l == edit->at;
        if (khap__str_eq(word, response ? S("http-response") : S("http-request"))) {
            above = above == NULL && !here ? l : above;
            last = l;
            below = here;
        } else if (!response && later == NULL && !here && comes_later(word)) {
            later = l;
        }
    }
    if (line->where == MIGRATE_REQUEST_FIRST || line->where == MIGRATE_REQUEST_TOP) {
        above = above == NULL ? later : above;
    } else {
        if (below || (last != NULL && later != NULL))
            return last;
        above = later;
    }
    return above == NULL ? edit->at : khap_line_prev(edit->doc, above);
}

/* Whether a directive is between the old line and where the new one is to stand: an `.if` may hold one of both places and not the other. *up: it stands
 * above the old line. */
static bool passes_directive(const struct migrate *m, const struct migrate_edit *edit,
                             const struct khap_line *after, bool *up)
{
    const struct khap_line *end = end_of(m->view, edit->section);
    const struct khap_line *l = m->view->sections.ptr[edit->section].head;
    size_t directives = 0, at = 0, to = 0;
    bool seen = false;
    for (*up = false; l != NULL && l != end; l = khap_line_next(edit->doc, l)) {
        directives += khap_line_kind(edit->doc, l) == KHAP_LINE_DIRECTIVE ? 1 : 0;
        if (l == after) {
            to = directives;
            seen = true;
        }
        if (l == edit->at) {
            at = directives;
            *up = seen;
        }
    }
    return at != to;
}

/* The place of the line; its ACLs come along. Where an `.if` is in the way it is that of the old line, and told. */
static enum khap_status find_place(struct migrate *m, const struct migrate_edit *edit,
                                   const struct migrate_line *line, struct khap_line **after)
{
    bool up;
    *after = place_of(m, edit, line);
    if (*after == edit->at || line->where == MIGRATE_HEAD)
        return KHAP_OK;
    if (passes_directive(m, edit, *after, &up)) {
        *after = edit->at;
        SAY(m->diags, MSG_MIGRATE_ORDER, khap__migrate_place(m, edit->doc, edit->at),
            khap__migrate_quote(m, edit->doc, edit->at));
        return KHAP_OK;
    }
    return up ? take_acls_along(m, edit, line, after) : KHAP_OK;
}

/* ---- doing it */

struct khap_str khap__migrate_indented(struct migrate *m, const struct khap_document *doc,
                                       const struct khap_line *head)
{
    struct khap_str blanks = S("    "), text = khap__str_trim(khap__buf_str(&m->text));
    for (const struct khap_line *l = khap_line_next(doc, head); l != NULL; l = khap_line_next(doc, l)) {
        struct khap_str beside = khap_line_text(l);
        if (khap_line_kind(doc, l) == KHAP_LINE_BLANK || khap_line_kind(doc, l) == KHAP_LINE_COMMENT)
            continue;
        if (khap_line_kind(doc, l) == KHAP_LINE_STATEMENT)
            blanks = khap__str_sub(beside, 0, (size_t)(khap__str_trim(beside).ptr - beside.ptr));
        break;
    }
    khap__buf_clear(&m->more);
    khap__buf_add(&m->more, blanks);
    khap__buf_add(&m->more, text);
    m->no_memory = m->no_memory || m->more.failed;
    return khap__buf_str(&m->more);
}

enum khap_status khap__migrate_insert(struct migrate *m, struct khap_document *doc, struct khap_line *after,
                                      struct khap_str text, struct khap_place origin, struct khap_line **out)
{
    struct khap_str beside = khap_line_text(after);
    size_t end = body_of(beside).len;
    struct buf line;
    khap__buf_init(&line, &m->alloc);
    khap__buf_add(&line, text);
    khap__buf_add(&line, khap__str_sub(beside, end, beside.len));
    enum khap_status status =
        line.failed ? KHAP_ENOMEM : khap_document_insert_raw(doc, after, khap__buf_str(&line), origin, out);
    khap__buf_free(&line);
    return status;
}

/* Behind the last line of `global`; a section of its own before all others when there is none. */
static enum khap_status write_global(struct migrate *m, struct khap_place origin)
{
    struct khap_line *line = NULL;
    for (uint32_t i = 0; i < m->view->sections.len; i++) {
        const struct view_section *s = &m->view->sections.ptr[i];
        if (!khap__str_eq(s->kind, S("global")) || s->read != KHAP_TRUE)
            continue;
        struct khap_document *doc = khap_bundle_document(m->bundle, m->view->files.ptr[s->file].file);
        struct khap_line *last = (struct khap_line *)(uintptr_t)s->last;
        while (last != s->head && (khap_line_kind(doc, last) == KHAP_LINE_BLANK ||
                                   khap_line_kind(doc, last) == KHAP_LINE_COMMENT))
            last = khap_line_prev(doc, last);
        return khap__migrate_insert(m, doc, last, khap__migrate_indented(m, doc, s->head), origin, NULL);
    }
    struct khap_document *doc = khap_bundle_document(m->bundle, m->view->files.ptr[0].file);
    enum khap_status status = khap_document_insert_raw(doc, NULL, S("global"), origin, &line);
    if (status == KHAP_OK)
        status = khap_document_insert_raw(doc, line, khap__migrate_indented(m, doc, line), origin, &line);
    return status == KHAP_OK ? khap_document_insert_raw(doc, line, S(""), origin, NULL) : status;
}

/* The line that was put in last of this edit, and behind what. */
struct put {
    struct khap_line *after, *newest;
};

static enum khap_status write_line(struct migrate *m, struct migrate_edit *edit,
                                   const struct migrate_line *line, struct put *put)
{
    bool is_first = line == &m->lines.ptr[edit->first];
    struct khap_place origin = khap_line_origin(edit->doc, edit->at);
    if (!khap__migrate_compose(m, edit->old, m->words.ptr + line->first, line->n, is_first)) {
        if (!m->no_memory)
            khap__migrate_unwritable(m, edit->doc, edit->at);
        edit->placed = true; /* it stays */
        return m->no_memory ? KHAP_ENOMEM : KHAP_OK;
    }
    if (line->where == MIGRATE_GLOBAL)
        return write_global(m, origin);
    struct khap_line *after;
    enum khap_status status = find_place(m, edit, line, &after);
    if (status != KHAP_OK)
        return status;
    bool here = after == edit->at;
    struct khap_str text = khap__buf_str(&m->text);
    const struct khap_line *head = m->view->sections.ptr[edit->section].head;
    if (!is_first && head == edit->at)
        text = khap__migrate_indented(m, edit->doc, head);
    if (m->no_memory)
        return KHAP_ENOMEM;
    if (here && !edit->placed) {
        edit->placed = true;
        put->newest = edit->at;
        put->after = after;
        status = khap_line_set_raw(edit->doc, edit->at, text);
    } else {
        /* several lines at one place keep their order */
        struct khap_line *behind = put->after == after ? put->newest : after;
        put->after = after;
        status = khap__migrate_insert(m, edit->doc, behind, text, origin, &put->newest);
    }
    bool none = m->first == NULL || m->first_section != edit->section;
    if (line->where == MIGRATE_REQUEST_FIRST || (line->where == MIGRATE_REQUEST_TOP && none)) {
        m->first = put->newest;
        m->first_section = edit->section;
    }
    return status;
}

static bool adds(const struct migrate_line *line)
{
    return line->where == MIGRATE_REQUEST_ADD || line->where == MIGRATE_RESPONSE_ADD;
}

enum khap_status khap__migrate_write(struct migrate *m)
{
    enum khap_status status = KHAP_OK;
    for (int adding = 0; adding < 2; adding++) {
        for (uint32_t i = 0; i < m->edits.len && status == KHAP_OK; i++) {
            struct migrate_edit *edit = &m->edits.ptr[i];
            struct put put = {NULL, NULL};
            for (uint32_t l = 0; l < edit->n && status == KHAP_OK; l++) {
                const struct migrate_line *line = &m->lines.ptr[edit->first + l];
                if (adds(line) == (adding == 1))
                    status = write_line(m, edit, line, &put);
            }
        }
    }
    for (uint32_t i = 0; i < m->edits.len && status == KHAP_OK; i++) {
        if (!m->edits.ptr[i].placed)
            status = khap_document_remove(m->edits.ptr[i].doc, m->edits.ptr[i].at);
    }
    return status;
}
