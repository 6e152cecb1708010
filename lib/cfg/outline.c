/* Sections and .if blocks, each a set of ranges of lines. SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/diag.h"
#include "base/vec.h"
#include "cfg/lex.h"
#include "cfg/lines.h"
#include "cfg/sections.h"

enum { MOST_NESTED = 100 /* MAXNESTEDCONDS of HAProxy */ };

struct section {
    const struct khap_line *head, *last;
    uint32_t head_number, last_number;
    struct khap_str name;
    int kind;
};

struct branch {
    const struct khap_line *head, *end;
    uint32_t head_number, end_number;
    uint32_t kind, depth;
    uint32_t parent, before; /* indexes, or NONE */
};
#define NONE UINT32_MAX

struct khap_outline {
    struct arena arena; /* of the names */
    VEC(struct section) sections;
    VEC(struct branch) branches;
};

/* What is needed while the lines are gone through. */
struct reading {
    struct khap_outline *outline;
    const struct khap_document *doc;
    struct khap_diags *diags;
    struct arena arena; /* of one line */
    uint32_t number;    /* which line it is, from 1 */
    uint32_t open;      /* the innermost branch that is open, or NONE */
    bool failed;
};

static void say_about(struct reading *r, enum message_id id, const struct khap_line *line,
                      struct khap_str word)
{
    SAY(r->diags, id, khap_line_origin(r->doc, line), word);
}

static void relate(struct reading *r, uint32_t branch)
{
    if (r->diags != NULL)
        khap__diags_relate(r->diags, khap_line_origin(r->doc, r->outline->branches.ptr[branch].head),
                           S("the block begins here"));
}

static void begin_branch(struct reading *r, const struct khap_line *line, enum khap_branch_kind kind)
{
    struct branch added = {line, NULL, r->number, 0, kind, 0, r->open, NONE};
    if (kind != KHAP_BRANCH_IF) {
        struct branch *before = &r->outline->branches.ptr[r->open];
        before->end = line;
        before->end_number = r->number;
        added.depth = before->depth;
        added.parent = before->parent;
        added.before = r->open;
    } else if (r->open != NONE) {
        added.depth = r->outline->branches.ptr[r->open].depth + 1;
    }
    if (kind == KHAP_BRANCH_IF && added.depth == MOST_NESTED)
        say_about(r, MSG_IF_TOO_DEEP, line, S("100"));
    if (r->outline->branches.len == NONE ||
        !VEC_PUSH(&r->outline->arena.alloc, &r->outline->branches, added)) {
        r->failed = true;
        return;
    }
    r->open = r->outline->branches.len - 1;
}

/* A directive with its words; the block that it belongs to is the innermost open one. */
static void directive(struct reading *r, const struct khap_line *line, const struct lex_line *lexed)
{
    struct khap_str word = lexed->words[0].value;
    bool middle = khap__str_eq(word, S(".elif")) || khap__str_eq(word, S(".else"));
    bool ends = khap__str_eq(word, S(".endif"));
    if (khap__str_eq(word, S(".if"))) {
        begin_branch(r, line, KHAP_BRANCH_IF);
        return;
    }
    if (!middle && !ends) {
        if (khap__str_eq(word, S(".elseif")) || khap__str_eq(word, S(".elsif")))
            say_about(r, MSG_IF_MISSPELLED, line, word);
        else if (!khap__str_eq(word, S(".alert")) && !khap__str_eq(word, S(".warning")) &&
                 !khap__str_eq(word, S(".notice")) && !khap__str_eq(word, S(".diag")))
            say_about(r, MSG_DIRECTIVE_UNKNOWN, line, word);
        else if (lexed->n != 2 && r->doc->target.last >= KHAP_RELEASE(2, 5))
            say_about(r, MSG_DIRECTIVE_ONE_WORD, line, word);
        return;
    }
    if (r->open == NONE) {
        say_about(r, MSG_IF_NOT_OPEN, line, word);
        return;
    }
    if (!khap__str_eq(word, S(".elif")) && lexed->n > 1 && r->doc->target.last >= KHAP_RELEASE(2, 5))
        say_about(r, MSG_DIRECTIVE_NO_WORDS, line, word);
    if (ends) {
        struct branch *open = &r->outline->branches.ptr[r->open];
        open->end = line;
        open->end_number = r->number;
        r->open = open->parent;
        return;
    }
    if (r->outline->branches.ptr[r->open].kind == KHAP_BRANCH_ELSE) {
        say_about(r, MSG_IF_AFTER_ELSE, line, word);
        relate(r, r->open);
    }
    begin_branch(r, line, khap__str_eq(word, S(".else")) ? KHAP_BRANCH_ELSE : KHAP_BRANCH_ELIF);
}

static void section(struct reading *r, const struct khap_line *line, const struct lex_line *lexed)
{
    struct section added = {line,      line,      r->number,
                            r->number, {NULL, 0}, khap__section_of(&r->doc->target, lexed->words[0].value)};
    if (lexed->n > 1 && !lexed->words[1].variable &&
        khap__arena_dup(&r->outline->arena, lexed->words[1].value, &added.name) != KHAP_OK)
        r->failed = true;
    if (r->outline->sections.len == UINT32_MAX ||
        !VEC_PUSH(&r->outline->arena.alloc, &r->outline->sections, added))
        r->failed = true;
}

static void look_at(struct reading *r, const struct khap_line *line)
{
    enum khap_line_kind kind = khap_line_kind(r->doc, line);
    r->number++;
    if (kind == KHAP_LINE_DIRECTIVE || kind == KHAP_LINE_SECTION) {
        struct lex_line lexed;
        uint32_t line_end;
        khap__arena_reset(&r->arena);
        if (khap__lex_line(&r->arena, r->doc->target.last, khap__line_body(line, &line_end), &lexed) !=
            KHAP_OK) {
            r->failed = true;
            return;
        }
        if (lexed.n > 0 && kind == KHAP_LINE_DIRECTIVE)
            directive(r, line, &lexed);
        else if (lexed.n > 0)
            section(r, line, &lexed);
    }
    if (r->outline->sections.len > 0) {
        struct section *open = &r->outline->sections.ptr[r->outline->sections.len - 1];
        open->last = line;
        open->last_number = r->number;
    }
}

/* The blocks that are open at the end, in the order of their lines. */
static void say_not_closed(struct reading *r)
{
    const struct branch *branches = r->outline->branches.ptr;
    VEC(uint32_t) open = {0};
    for (uint32_t i = r->open; i != NONE && r->diags != NULL && !r->failed; i = branches[i].parent) {
        while (branches[i].before != NONE)
            i = branches[i].before;
        r->failed = !VEC_PUSH(&r->outline->arena.alloc, &open, i);
    }
    for (uint32_t n = open.len; n-- > 0;)
        say_about(r, MSG_IF_NOT_CLOSED, branches[open.ptr[n]].head, S(""));
    VEC_FREE(&r->outline->arena.alloc, &open);
}

enum khap_status khap_outline_new(const struct khap_alloc *alloc, const struct khap_document *doc,
                                  struct khap_diags *diags, struct khap_outline **out)
{
    if (doc == NULL || out == NULL)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_outline *outline = khap__alloc(&a, 1, sizeof *outline);
    if (outline == NULL)
        return KHAP_ENOMEM;
    memset(outline, 0, sizeof *outline);
    khap__arena_init(&outline->arena, &a);
    struct reading r = {.outline = outline, .doc = doc, .diags = diags, .open = NONE};
    khap__arena_init(&r.arena, &a);
    for (const struct khap_line *line = NULL; !r.failed && (line = khap_line_next(doc, line)) != NULL;)
        look_at(&r, line);
    say_not_closed(&r);
    khap__arena_free(&r.arena);
    if (r.failed) {
        khap_outline_free(outline);
        return KHAP_ENOMEM;
    }
    *out = outline;
    return KHAP_OK;
}

void khap_outline_free(struct khap_outline *outline)
{
    if (outline == NULL)
        return;
    struct khap_alloc a = outline->arena.alloc;
    VEC_FREE(&a, &outline->sections);
    VEC_FREE(&a, &outline->branches);
    khap__arena_free(&outline->arena);
    khap__free(&a, outline, 1, sizeof *outline);
}

enum khap_status khap_outline_section(const struct khap_outline *outline, size_t index,
                                      struct khap_section *out)
{
    if (outline == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= outline->sections.len)
        return KHAP_ENOENT;
    const struct section *s = &outline->sections.ptr[index];
    *out = (struct khap_section){
        out->size, s->head, s->last, s->head_number, s->last_number, khap__section_name(s->kind), s->name};
    return KHAP_OK;
}

static size_t index_or_none(uint32_t index)
{
    return index == NONE ? SIZE_MAX : index;
}

enum khap_status khap_outline_branch(const struct khap_outline *outline, size_t index,
                                     struct khap_branch *out)
{
    if (outline == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= outline->branches.len)
        return KHAP_ENOENT;
    const struct branch *b = &outline->branches.ptr[index];
    *out = (struct khap_branch){out->size,
                                b->head,
                                b->end,
                                b->head_number,
                                b->end_number,
                                b->kind,
                                b->depth,
                                index_or_none(b->parent),
                                index_or_none(b->before)};
    return KHAP_OK;
}
