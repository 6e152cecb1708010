/* view/conditions.c - which lines HAProxy reads, as far as `.if` can be decided. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/diag.h"
#include "view/view.h"

struct branch_answer {
    struct khap_branch branch;
    uint8_t before; /* whether a branch of the same block before it is taken */
    uint8_t taken;  /* whether this one is */
};

struct view_conditions {
    struct khap_alloc alloc;
    struct khap_outline *outline;
    struct branch_answer *branches;
    size_t n, next; /* the branch that begins next */
    size_t open;    /* the innermost one that is open, or SIZE_MAX */
};

static enum khap_answer both(enum khap_answer a, enum khap_answer b)
{
    return a < b ? a : b;
}

static enum khap_answer either(enum khap_answer a, enum khap_answer b)
{
    return a > b ? a : b;
}

static enum khap_answer not(enum khap_answer a) { return (enum khap_answer)(KHAP_TRUE - a); }

struct deciding {
    const struct khap_document *doc;
    const struct khap_target *target;
    const struct khap_if_facts *facts;
    struct khap_words *words;
    struct khap_diags *diags;
    const struct khap_alloc *alloc;
};

/* What stands behind `.if` or `.elif`; unknown where it cannot be read, or the line itself cannot. */
static enum khap_status decide(const struct deciding *d, const struct khap_line *line,
                               enum khap_answer *answer)
{
    struct schema_word words[64];
    struct khap_value_word rest[64];
    *answer = KHAP_UNKNOWN;
    enum khap_status status = khap_words_read(d->words, d->doc, line);
    if (status != KHAP_OK || khap_words_error(d->words, NULL, NULL) != KHAP_WORDS_READ)
        return status;
    size_t n = khap__view_words(d->words, words);
    for (size_t i = 1; i < n; i++) {
        rest[i - 1] = (struct khap_value_word){words[i].text, words[i].variable};
        if (words[i].many)
            return KHAP_OK;
    }
    struct khap_value_error error = {.size = sizeof error};
    struct khap_value *value;
    status =
        khap_value_parse(d->alloc, KHAP_VALUE_IF, d->target->last, rest, n > 0 ? n - 1 : 0, &value, &error);
    if (status == KHAP_EINPUT) {
        error.span.word++;
        error.span.end_word++;
        SAY(d->diags, MSG_BAD_IF_CONDITION, khap__view_place(d->doc, line, d->words, error.span),
            words[0].text, khap__str(khap_value_problem_text(error.problem)));
        return KHAP_OK;
    }
    if (status == KHAP_OK) {
        *answer = (enum khap_answer)khap_value_decide(value, d->target, d->facts);
        khap_value_free(value);
    }
    return status;
}

static enum khap_status decide_all(struct view_conditions *c, const struct deciding *d)
{
    for (size_t i = 0; i < c->n; i++) {
        struct branch_answer *b = &c->branches[i];
        enum khap_answer own = KHAP_TRUE;
        b->branch.size = sizeof b->branch;
        enum khap_status status = khap_outline_branch(c->outline, i, &b->branch);
        if (status == KHAP_OK && b->branch.kind != KHAP_BRANCH_ELSE)
            status = decide(d, b->branch.head, &own);
        if (status != KHAP_OK)
            return status;
        const struct branch_answer *before =
            b->branch.before == SIZE_MAX ? NULL : &c->branches[b->branch.before];
        b->before = (uint8_t)(before == NULL ? KHAP_FALSE
                                             : either((enum khap_answer)before->before,
                                                      (enum khap_answer)before->taken));
        b->taken = (uint8_t)both(own, not((enum khap_answer)b->before));
    }
    /* all around it must be taken too; blocks are in the order of their beginnings */
    for (size_t i = 0; i < c->n; i++) {
        struct branch_answer *b = &c->branches[i];
        if (b->branch.parent != SIZE_MAX)
            b->taken = (uint8_t)both((enum khap_answer)b->taken,
                                     (enum khap_answer)c->branches[b->branch.parent].taken);
    }
    return KHAP_OK;
}

enum khap_status khap__view_conditions_new(const struct khap_alloc *alloc, const struct khap_document *doc,
                                           const struct khap_target *target,
                                           const struct khap_if_facts *facts, struct khap_words *words,
                                           struct khap_diags *diags, struct view_conditions **out)
{
    struct view_conditions *c = khap__alloc(alloc, 1, sizeof *c);
    if (c == NULL)
        return KHAP_ENOMEM;
    memset(c, 0, sizeof *c);
    c->alloc = *alloc;
    c->open = SIZE_MAX;
    enum khap_status status = khap_outline_new(alloc, doc, NULL, &c->outline);
    struct khap_branch branch = {.size = sizeof branch};
    while (status == KHAP_OK && khap_outline_branch(c->outline, c->n, &branch) == KHAP_OK)
        c->n++;
    if (status == KHAP_OK && c->n > 0 &&
        (c->branches = khap__alloc(alloc, c->n, sizeof *c->branches)) == NULL)
        status = KHAP_ENOMEM;
    struct deciding d = {doc, target, facts, words, diags, alloc};
    if (status == KHAP_OK)
        status = decide_all(c, &d);
    if (status == KHAP_OK)
        *out = c;
    else
        khap__view_conditions_free(c);
    return status;
}

void khap__view_conditions_free(struct view_conditions *c)
{
    if (c == NULL)
        return;
    khap_outline_free(c->outline);
    khap__free(&c->alloc, c->branches, c->n, sizeof *c->branches);
    khap__free(&c->alloc, c, 1, sizeof *c);
}

static enum khap_answer inside(const struct view_conditions *c, size_t branch)
{
    return branch == SIZE_MAX ? KHAP_TRUE : (enum khap_answer)c->branches[branch].taken;
}

enum khap_answer khap__view_conditions_next(struct view_conditions *c, const struct khap_line *line)
{
    if (c == NULL)
        return KHAP_TRUE;
    size_t around = c->open;
    bool directive = false;
    if (c->open != SIZE_MAX && c->branches[c->open].branch.end == line) {
        c->open = around = c->branches[c->open].branch.parent;
        directive = true;
    }
    if (c->next < c->n && c->branches[c->next].branch.head == line) {
        c->open = c->next++;
        directive = true;
    }
    return inside(c, directive ? around : c->open);
}
