/* check/patterns.c - what ACLs compare with: each match method takes patterns of a kind. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"
#include "value/tree.h"

static struct khap_span span_of(const struct schema_item *item, const struct khap_node *node)
{
    struct khap_span span = node->span;
    span.word += item->span.word - item->node->span.word;
    span.end_word += item->span.word - item->node->span.word;
    return span;
}

/* A pattern, by the arguments of the method's row. */
static enum khap_status check_one(struct check *c, const struct schema_item *item,
                                  const struct schema_row *method, const struct khap_node *pattern)
{
    struct schema_word word = {pattern->text, false, false};
    struct schema_line line;
    enum khap_status status = khap__schema_read_arguments(&c->arena, method, c->release, &word, 1, &line);
    if (status != KHAP_OK || line.problem == SCHEMA_GOOD)
        return status;
    status = khap__schema_print_expected(&line, &c->more);
    if (status != KHAP_OK)
        return status;
    SAY(c->diags, MSG_BAD_PATTERN, khap__check_place(c, span_of(item, pattern)),
        khap__schema_text(method->words), pattern->text, khap__buf_str(&c->more));
    c->failed = true;
    return KHAP_OK;
}

static const struct schema_row *find(const struct check *c, struct khap_str method)
{
    return method.len == 0 ? NULL : khap__schema_find(TABLE_MATCH, method, c->release, NULL);
}

/* What the sample is must fit what the method takes; where it says that twice, the last one counts up to 3.3. */
static void check_method(struct check *c, const struct schema_item *item)
{
    const struct khap_node *last = NULL;
    bool files = false;
    for (const struct khap_node *n = item->node->first; n != NULL; n = n->next) {
        if (n->kind != KHAP_NODE_FLAG || n->first == NULL || n->first->variable)
            continue;
        files = files || khap__str_eq(n->text, S("-f"));
        if (!khap__str_eq(n->text, S("-m")))
            continue;
        bool again = last != NULL && c->release >= KHAP_RELEASE(3, 4);
        if (files || again) {
            SAY(c->diags, MSG_MATCH_MISPLACED, khap__check_place(c, span_of(item, n)), n->first->text,
                files ? S("behind files") : S("a second time"));
            c->failed = true;
            return;
        }
        last = n;
    }
    const struct schema_row *row = last == NULL ? NULL : find(c, last->first->text);
    if (row == NULL || item->type == SAMPLE_NONE ||
        khap__schema_casts(item->type, (enum schema_sample)row->in, c->release))
        return;
    SAY(c->diags, MSG_MATCH_UNFIT, khap__check_place(c, span_of(item, last)),
        khap__schema_sample_name(item->type), khap__schema_text(row->words));
    c->failed = true;
}

enum khap_status khap__check_patterns(struct check *c, const struct schema_item *item)
{
    const struct khap_node *first = item->node->first, *fetch = first == NULL ? NULL : first->first;
    struct khap_str own = item->criterion != NULL ? khap__schema_text(item->criterion->match) : S("");
    /* behind a converter it is the type of the sample that says how it is compared */
    struct khap_str method = fetch != NULL && fetch->next != NULL ? S("") : own;
    bool named = method.len > 0, from_file = false, none = true, alone = true, compared = false,
         ended = false;
    enum khap_status status = KHAP_OK;
    if (fetch == NULL || fetch->variable)
        return KHAP_OK;
    check_method(c, item);
    if (c->failed)
        return KHAP_OK;
    for (const struct khap_node *n = first; n != NULL; n = n->next) {
        const struct khap_node *value = n->first;
        if (n->kind == KHAP_NODE_VALUE || n->kind == KHAP_NODE_OPERATOR)
            none = false;
        if (n->kind != KHAP_NODE_FLAG)
            continue;
        alone = false;
        if (value != NULL && value->variable)
            return KHAP_OK;
        from_file = from_file || khap__str_eq(n->text, S("-f")) || khap__str_eq(n->text, S("-M"));
        ended = ended || khap__str_eq(n->text, S("--"));
        if (khap__str_eq(n->text, S("-m")) && value != NULL) {
            method = value->text;
            named = true;
        }
    }
    if (!named)
        method = khap__schema_sample_match(item->type, c->release);
    if (item->type == SAMPLE_NONE && !named)
        return KHAP_OK;
    bool plain = khap__str_eq(own, S("str")); /* `hdr`, `path`: it is nothing that somebody asked for */
    if (own.len > 0 && !plain && !khap__str_eq(own, method) && c->release >= KHAP_RELEASE(3, 4))
        SAY(c->diags, MSG_MATCH_OVERWRITTEN, khap__check_place(c, span_of(item, fetch)), fetch->text, own);
    if (method.len == 0 && item->type != SAMPLE_METH) {
        SAY(c->diags, MSG_MATCH_MISSING, khap__check_place(c, span_of(item, fetch)), fetch->text);
        c->failed = true;
        return KHAP_OK;
    }
    bool needs = !khap__str_eq(method, S("found")) && !khap__str_eq(method, S("bool"));
    if (none && needs && alone)
        SAY(c->diags, MSG_NO_PATTERN, khap__check_place(c, span_of(item, fetch)), fetch->text);
    else if (none && needs && !from_file && !ended)
        SAY(c->diags, MSG_FLAGS_ALONE, khap__check_place(c, span_of(item, fetch)), fetch->text);
    if (from_file && c->at.read == KHAP_TRUE && c->release == c->view->target.last)
        khap__check_acl_files(c, item, method);
    const struct schema_row *row = find(c, method);
    if (row == NULL || khap__schema_text(row->arguments).len == 0)
        return KHAP_OK;
    for (const struct khap_node *n = first; n != NULL && status == KHAP_OK; n = n->next) {
        compared = compared || n->kind == KHAP_NODE_OPERATOR;
        /* behind an operator a version such as 1.5 may stand for a number */
        if (n->kind != KHAP_NODE_VALUE || n->variable ||
            (compared && khap__str_find(n->text, '.') < n->text.len))
            continue;
        status = check_one(c, item, row, n);
    }
    return status;
}
