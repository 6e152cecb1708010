/* schema/value.c - what expressions, ACLs, conditions and log formats of a line name: fetches, converters, ACLs, and what their
 * arguments refer to. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/program.h"
#include "value/tree.h"

enum { MOST_ARGUMENTS = 64 };

struct walk {
    struct arena *arena;
    uint16_t release;
    const struct schema_visitor *visitor;
    uint8_t argument;    /* enum schema_type */
    uint32_t first_word; /* of the line, that is word 0 of the value */
    uint32_t shift;      /* where in the first word the value begins */
};

static struct khap_span span_of(const struct walk *w, const struct khap_node *node)
{
    struct khap_span span = node->span;
    span.offset += span.word == 0 ? w->shift : 0;
    span.end_offset += span.end_word == 0 ? w->shift : 0;
    span.word += w->first_word;
    span.end_word += w->first_word;
    return span;
}

/* A name that is all of a node's text, or `len` bytes of it from `at` on. */
static enum khap_status refer(const struct walk *w, enum schema_kind kind, const struct khap_node *node,
                              struct khap_span span, uint32_t at, uint32_t len, bool defines)
{
    struct schema_reference r = {.kind = kind,
                                 .name = khap__str_sub(node->text, at, len),
                                 .span = span,
                                 .variable = node->variable,
                                 .defines = defines,
                                 .holder = node->text,
                                 .holder_span = span,
                                 .at = at};
    if (span.word == span.end_word && span.end_offset - span.offset == node->text.len) {
        r.span.offset += at;
        r.span.end_offset = r.span.offset + len;
    }
    return w->visitor->reference(w->visitor->ctx, &r);
}

/* The row of a fetch or converter. The name of an ACL criterion may be one of its own (`path_beg`), which stands for a fetch. */
static void find(const struct walk *w, bool acl, struct schema_item *i)
{
    unsigned table = i->kind == SCHEMA_ITEM_CONVERTER ? TABLE_CONVERTER : TABLE_FETCH;
    const struct schema_row *known = NULL;
    struct khap_str name = i->node->text;
    if (acl && table == TABLE_FETCH)
        i->criterion = khap__schema_find(TABLE_ACL, name, w->release, &known);
    if (i->criterion != NULL)
        name = khap__schema_text(i->criterion->of);
    i->row = khap__schema_find(table, name, w->release, &i->other);
    if (i->other == NULL)
        i->other = known;
}

/* `name()` has one argument, which is empty; so has `name` where it must have one. */
static bool empty_argument(const struct khap_node *node, const struct schema_row *row)
{
    bool parentheses =
        node->span.end_word != node->span.word || node->span.end_offset - node->span.offset > node->text.len;
    uint16_t first = khap__schema_code()[row->code];
    return node->first == NULL && first != OP_END && (parentheses || first != OP_OPTIONAL);
}

/* A fetch or a converter, and its arguments. *type is that of the sample before and behind it. */
static enum khap_status call(const struct walk *w, const struct khap_node *node, bool acl,
                             enum schema_sample *type)
{
    struct schema_item i = {.kind =
                                node->kind == KHAP_NODE_CONVERTER ? SCHEMA_ITEM_CONVERTER : SCHEMA_ITEM_FETCH,
                            .argument = w->argument,
                            .node = node,
                            .span = span_of(w, node)};
    find(w, acl, &i);
    if (i.kind == SCHEMA_ITEM_CONVERTER)
        i.from = *type;
    if (i.row == NULL) {
        *type = SAMPLE_NONE;
        return w->visitor->item(w->visitor->ctx, &i);
    }
    *type = khap__schema_sample_after(i.from, i.row);
    i.type = *type;
    struct schema_word words[MOST_ARGUMENTS];
    const struct khap_node *nodes[MOST_ARGUMENTS];
    uint32_t n = 0;
    for (const struct khap_node *a = node->first; a != NULL && n < MOST_ARGUMENTS; a = a->next) {
        nodes[n] = a;
        words[n++] = (struct schema_word){a->text, a->variable, false};
    }
    if (empty_argument(node, i.row)) {
        nodes[n] = node;
        words[n++] = (struct schema_word){S(""), false, false};
    }
    struct schema_line line;
    enum khap_status status = khap__schema_read_arguments(w->arena, i.row, w->release, words, n, &line);
    if (status != KHAP_OK)
        return status;
    i.line = &line;
    i.arguments = nodes;
    i.n_arguments = n;
    status = w->visitor->item(w->visitor->ctx, &i);
    for (uint32_t a = 0; a < line.n_arguments && status == KHAP_OK && line.problem == SCHEMA_GOOD; a++) {
        const struct schema_argument *argument = &line.arguments[a];
        if ((argument->type != TYPE_REF && argument->type != TYPE_OWN) || argument->word >= n)
            continue;
        const struct khap_node *holder = nodes[argument->word];
        if (argument->type == TYPE_OWN) {
            struct schema_reference own = {
                .kind = (enum schema_kind)argument->kind, .span = i.span, .holder_span = i.span, .own = true};
            status = w->visitor->reference(w->visitor->ctx, &own);
            continue;
        }
        status = refer(w, (enum schema_kind)argument->kind, holder, span_of(w, holder), argument->offset,
                       argument->len, false);
    }
    return status;
}

static bool inside(const struct khap_node *node, const struct khap_node *tree)
{
    while (node != NULL && node != tree)
        node = node->parent;
    return node != NULL;
}

/* An ACL is told of behind its expression, when the type of that is known. */
static enum khap_status end_acl(const struct walk *w, struct schema_item *acl, enum schema_sample type)
{
    struct schema_item item = *acl;
    acl->node = NULL;
    item.type = type;
    return item.node == NULL ? KHAP_OK : w->visitor->item(w->visitor->ctx, &item);
}

static enum khap_status tree(const struct walk *w, const struct khap_node *root)
{
    enum khap_status status = KHAP_OK;
    enum schema_sample type = SAMPLE_NONE;
    struct schema_item pending = {.node = NULL};
    for (const struct khap_node *node = root; node != NULL && status == KHAP_OK;
         node = khap__node_walk(root, node)) {
        bool acl = node->parent != NULL && node->parent->parent != NULL &&
                   node->parent->parent->kind == KHAP_NODE_ACL;
        if (pending.node != NULL && !inside(node, pending.node->first) && node != pending.node)
            status = end_acl(w, &pending, type);
        if (status != KHAP_OK)
            break;
        switch (node->kind) {
        case KHAP_NODE_FETCH:
            if (pending.node != NULL && acl)
                pending.criterion = khap__schema_find(TABLE_ACL, node->text, w->release, NULL);
            status = call(w, node, acl, &type);
            break;
        case KHAP_NODE_CONVERTER:
            status = call(w, node, acl, &type);
            break;
        case KHAP_NODE_NAMED: {
            struct khap_span span = span_of(w, node);
            /* without the ! before it */
            if (span.word == span.end_word)
                span.offset = span.end_offset - (uint32_t)node->text.len;
            else
                span = (struct khap_span){span.end_word, 0, span.end_word, span.end_offset};
            status = refer(w, KIND_ACL, node, span, 0, (uint32_t)node->text.len, false);
            break;
        }
        case KHAP_NODE_ACL:
            if (node->text.len > 0) {
                struct khap_span span = span_of(w, node);
                span.end_word = span.word;
                span.end_offset = span.offset + (uint32_t)node->text.len;
                status = refer(w, KIND_ACL, node, span, 0, (uint32_t)node->text.len, true);
            }
            pending = (struct schema_item){
                .kind = SCHEMA_ITEM_ACL, .argument = w->argument, .node = node, .span = span_of(w, node)};
            break;
        case KHAP_NODE_ALIAS: {
            struct schema_item i = {
                .kind = SCHEMA_ITEM_ALIAS, .argument = w->argument, .node = node, .span = span_of(w, node)};
            i.row = khap__schema_find(TABLE_LOG_ALIAS, node->text, w->release, &i.other);
            status = w->visitor->item(w->visitor->ctx, &i);
            break;
        }
        default:
            break;
        }
    }
    return status == KHAP_OK ? end_acl(w, &pending, type) : status;
}

static uint32_t value_kind(uint8_t type)
{
    switch (type) {
    case TYPE_EXPR:
        return KHAP_VALUE_SAMPLE;
    case TYPE_CONVERTERS:
        return KHAP_VALUE_CONVERTERS;
    case TYPE_ACL:
        return KHAP_VALUE_ACL;
    case TYPE_CONDITION:
        return KHAP_VALUE_CONDITION;
    case TYPE_LOGFORMAT:
    case TYPE_DYNAMIC:
        return KHAP_VALUE_FORMAT;
    default:
        return 0;
    }
}

static bool is_name(enum schema_type type)
{
    return type == TYPE_REF || type == TYPE_LATE || type == TYPE_DEF || type == TYPE_DYNAMIC;
}

bool khap__schema_names(enum schema_type type)
{
    return is_name(type) || value_kind((uint8_t)type) != 0;
}

static enum khap_status one_value(struct walk *w, uint32_t kind, const struct khap_value_word *words,
                                  size_t n)
{
    struct khap_value_error error = {.size = sizeof error};
    const struct khap_node *root;
    enum khap_status status = khap__value_parse(w->arena, kind, w->release, words, n, &root, &error);
    if (status == KHAP_OK)
        return tree(w, root);
    if (status != KHAP_EINPUT)
        return status;
    struct khap_node wrong = {.span = error.span};
    error.span = span_of(w, &wrong);
    return w->visitor->problem(w->visitor->ctx, &error);
}

/* All of a line's arguments that name something. */
enum khap_status khap__schema_visit(struct arena *arena, uint16_t release, const struct schema_word *words,
                                    size_t n, const struct schema_line *line,
                                    const struct schema_visitor *visitor)
{
    struct walk w = {.arena = arena, .release = release, .visitor = visitor};
    enum khap_status status = KHAP_OK;
    uint32_t n_arguments = line->end != 0 && !line->end_names ? line->end_arguments : line->n_arguments;
    for (uint32_t a = 0; a < n_arguments && status == KHAP_OK; a++) {
        const struct schema_argument *argument = &line->arguments[a];
        if (argument->word >= n || argument->n_words > n - argument->word)
            return KHAP_EINVAL;
        const struct schema_word *first = &words[argument->word];
        if (is_name((enum schema_type)argument->type)) {
            struct schema_reference r = {
                .kind = (enum schema_kind)argument->kind,
                .name = khap__str_sub(first->text, argument->offset, argument->len),
                .span = {argument->word, argument->offset, argument->word, argument->offset + argument->len},
                .variable = first->variable,
                .defines = argument->type == TYPE_DEF,
                .dynamic = argument->type == TYPE_DYNAMIC,
                .late = argument->type == TYPE_LATE,
                .holder = first->text,
                .holder_span = {argument->word, 0, argument->word, (uint32_t)first->text.len},
                .at = argument->offset};
            status = visitor->reference(visitor->ctx, &r);
            if (argument->type != TYPE_DYNAMIC || status != KHAP_OK)
                continue;
        }
        uint32_t kind = value_kind(argument->type);
        if (kind == 0 || (kind == KHAP_VALUE_FORMAT && memchr(first->text.ptr, '%', first->text.len) == NULL))
            continue;
        struct khap_value_word *copy = khap__arena_alloc(arena, argument->n_words, sizeof *copy);
        if (copy == NULL)
            return KHAP_ENOMEM;
        for (uint32_t i = 0; i < argument->n_words; i++)
            copy[i] = (struct khap_value_word){first[i].text, first[i].variable};
        copy[0].text =
            khap__str_sub(copy[0].text, argument->offset, argument->n_words == 1 ? argument->len : SIZE_MAX);
        w.argument = argument->type;
        w.first_word = argument->word;
        w.shift = argument->offset;
        /* an expression is one word, and each that follows is a chain of converters */
        uint32_t at_once = kind == KHAP_VALUE_SAMPLE ? 1 : argument->n_words;
        status = one_value(&w, kind, copy, at_once);
        for (uint32_t i = at_once; i < argument->n_words && status == KHAP_OK; i++) {
            w.first_word = argument->word + i;
            w.shift = 0;
            status = one_value(&w, KHAP_VALUE_CONVERTERS, copy + i, 1);
        }
    }
    return status;
}
