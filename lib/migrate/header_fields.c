/* migrate/header_fields.c - what a way says of a field of the line. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/header_regex.h"

struct open_group {
    uint8_t old, group; /* its numbers; 0: it is not written yet */
    bool from_first;    /* nothing of the field stands before it */
    bool from_last;     /* it has but the last node of the field */
    size_t from;        /* in the literal */
};
struct describer {
    const struct header_way *way;
    enum header_shape shape;
    unsigned field;
    uint32_t used;
    struct header_text *groups;
    struct header_field *out;
    struct buf text, literal, lined;
    bool unlined;
    uint8_t n_groups;     /* of the regex that is written */
    uint16_t n, from, to; /* nodes; those between what may be anything */
    const struct header_node *nodes[HEADER_ITEMS];
    bool copies; /* the literal is what the groups are made of */
    struct open_group open[HEADER_ITEMS];
    unsigned n_open;
    bool open_end;   /* what is last takes as little as it can */
    unsigned passed; /* nodes behind `from` */
};

static void append(struct header_text *text, unsigned atom)
{
    if (text->n < sizeof text->atoms / sizeof *text->atoms)
        text->atoms[text->n++] = (uint16_t)atom;
    else
        text->atoms[text->n - 1] = HEADER_NONE;
}

static bool has_letters(const uint64_t set[4])
{
    for (unsigned c = 'a'; c <= 'z'; c++) {
        if (khap__header_has(set, (unsigned char)c) != khap__header_has(set, (unsigned char)(c - 32)))
            return true;
    }
    return false;
}

static unsigned part(const struct describer *d, unsigned group)
{
    return group > 9 ? (unsigned)HEADER_NONE : HEADER_PART + d->field * 16 + group;
}

/* Bytes of both regexes. */
static void put_both(struct describer *d, struct khap_str s)
{
    khap__buf_add(&d->text, s);
    khap__buf_add(&d->lined, s);
}

static void write_raw(struct describer *d, const struct header_node *node)
{
    struct khap_str raw = node->raw;
    bool name = d->shape == HEADER_LINE && d->field == 0;
    khap__buf_add(&d->text, raw);
    if (node->kind == HEADER_SET &&
        (khap__header_has(node->set, '\n') || khap__header_has(node->set, '\r'))) {
        bool negated = khap__str_starts(raw, S("[^"));
        khap__buf_add(&d->lined, khap__str_eq(raw, S("\\s")) ? S("[ \t]") : S("[^\r\n"));
        raw = negated ? khap__str_sub(raw, 2, raw.len) : S("]");
        d->unlined = d->unlined || (!negated && node->raw.ptr[0] != '.' && node->raw.ptr[1] != 's');
        raw = khap__str_eq(node->raw, S("\\s")) ? S("") : raw;
    } else if (node->kind == HEADER_END) {
        raw = S("\r");
    } else if (node->kind == HEADER_BEGIN || (node->kind == HEADER_LOOK && raw.ptr[0] == '(')) {
        d->unlined = true;
    }
    /* HAProxy has the names in lower case */
    for (size_t i = 0; i < raw.len; i++) {
        bool escaped = i > 0 && raw.ptr[i - 1] == '\\';
        khap__buf_char(&d->lined,
                       name && !escaped ? (char)khap__lower((unsigned char)raw.ptr[i]) : raw.ptr[i]);
    }
}

static void write_node(struct describer *d, const struct header_node *node)
{
    unsigned number;
    switch ((enum header_node_kind)node->kind) {
    case HEADER_SET:
        d->out->letters = d->out->letters || has_letters(node->set);
        break;
    case HEADER_SEQ:
    case HEADER_ALT:
        for (const struct header_node *n = node->child; n != NULL; n = n->next) {
            if (node->kind == HEADER_ALT && n != node->child)
                put_both(d, S("|"));
            write_node(d, n);
        }
        return;
    case HEADER_GROUP:
        if (node->group != 0)
            d->n_groups++;
        put_both(d, node->group != 0 ? S("(") : S("(?:"));
        number = d->n_groups;
        write_node(d, node->child);
        put_both(d, S(")"));
        if (d->groups != NULL && node->group > 0 && node->group < HEADER_GROUPS)
            append(&d->groups[node->group], part(d, number));
        return;
    case HEADER_REP:
        write_node(d, node->child);
        break;
    case HEADER_BEGIN:
    case HEADER_END:
        break;
    case HEADER_LOOK:
        d->out->letters = true;
        break;
    }
    write_raw(d, node);
}

/* The one byte of a set; `fold`: or letter of either case; 0 when there are more. */
static char only(const uint64_t set[4], bool fold)
{
    unsigned found = 0;
    for (unsigned c = 1; c < 256; c++) {
        if (!khap__header_has(set, (unsigned char)c))
            continue;
        if (found != 0 && !(fold && found + 32 == c && khap__is_alpha((unsigned char)c)))
            return '\0';
        found = found != 0 ? found : c;
    }
    return (char)found;
}

/* Whether it takes all of what can stand in the field. */
static bool takes_any(const struct describer *d, const struct header_node *node)
{
    uint64_t can[4];
    khap__header_allowed(d->shape, d->field, can);
    return node->kind == HEADER_REP && node->min == 0 && node->max == HEADER_MANY &&
           node->child->kind == HEADER_SET && khap__header_covers(node->child->set, can);
}

/* Whether it begins with a slash in any case. */
static bool slashes(const struct header_node *node)
{
    switch ((enum header_node_kind)node->kind) {
    case HEADER_SET:
        return only(node->set, false) == '/';
    case HEADER_SEQ:
    case HEADER_GROUP:
        return node->child != NULL && slashes(node->child);
    case HEADER_ALT:
        for (const struct header_node *n = node->child; n != NULL; n = n->next) {
            if (!slashes(n))
                return false;
        }
        return true;
    case HEADER_REP:
        return node->min > 0 && slashes(node->child);
    default:
        return false;
    }
}

static void look(struct describer *d, bool nocase)
{
    struct header_field *out = d->out;
    bool closed = d->field < d->way->fields && d->shape != HEADER_TEXT,
         fold = nocase || (d->shape == HEADER_LINE && d->field == 0);
    unsigned field = 0;
    for (unsigned i = 0; i < d->way->n; i++) {
        const struct header_item *item = &d->way->items[i];
        if (item->kind == HEADER_BETWEEN)
            field++;
        else if (item->kind == HEADER_NODE && field == d->field && item->node->kind == HEADER_END)
            closed = true;
        else if (item->kind == HEADER_NODE && field == d->field)
            d->nodes[d->n++] = item->node;
    }
    d->to = d->n;
    out->begins = d->n == 0 || !takes_any(d, d->nodes[0]);
    /* what takes as little as it can needs the end to know how much; for a condition it does not matter */
    const struct header_node *last = d->n == 0 ? NULL : d->nodes[d->n - 1];
    bool lazy = last != NULL && d->groups != NULL && last->kind == HEADER_REP && last->lazy;
    out->ends = closed && (lazy || last == NULL || !takes_any(d, last));
    d->open_end = lazy && !closed;
    if (!out->begins)
        d->from = 1;
    if (d->to > d->from && takes_any(d, d->nodes[d->to - 1]))
        d->to--;
    out->any = d->from == d->to && !(out->begins && out->ends);
    out->plain = true;
    for (unsigned i = d->from; i < d->to; i++) {
        char c = d->nodes[i]->kind == HEADER_SET ? only(d->nodes[i]->set, fold) : '\0';
        out->plain = out->plain && c != '\0';
        khap__buf_char(&d->literal, c);
    }
    d->copies = out->plain && d->shape == HEADER_LINE && d->field == 0;
    out->slash = d->n > 0 && slashes(d->nodes[0]);
    out->tail = d->n > 0 && takes_any(d, d->nodes[d->n - 1]) && !d->nodes[d->n - 1]->lazy;
    for (unsigned i = 0; i + 1 < d->n; i++)
        out->tail = out->tail && !khap__header_holds(d->nodes[i], '?');
}

static void close(struct describer *d, const struct open_group *open, bool at_last)
{
    if (open->group == 0)
        return;
    put_both(d, S(")"));
    if (d->copies) {
        for (size_t i = open->from; i < d->passed; i++)
            append(&d->groups[open->old], (unsigned char)d->literal.ptr[i]);
        return;
    }
    append(&d->groups[open->old], part(d, open->group));
    if (open->group > 9)
        return;
    if (open->from_first && at_last && !d->open_end)
        d->out->whole |= (uint16_t)(1U << open->group);
    if (open->from_first)
        d->out->firsts |= (uint16_t)(1U << open->group);
    if (open->from_last && at_last)
        d->out->lasts |= (uint16_t)(1U << open->group);
}

static void open_pending(struct describer *d, bool first, bool last)
{
    for (unsigned i = 0; i < d->n_open; i++) {
        struct open_group *open = &d->open[i];
        if (open->group != 0 || open->old >= HEADER_GROUPS || (d->used >> open->old & 1) == 0)
            continue;
        open->group = ++d->n_groups;
        open->from_first = first;
        open->from_last = last;
        open->from = d->passed;
        put_both(d, S("("));
    }
}

/* Writes the regex, and what the groups are made of. */
static void write_field(struct describer *d)
{
    unsigned field = 0, at = 0;
    unsigned from = d->groups != NULL && !(d->n > 0 && d->nodes[0]->implicit) ? 0 : d->from;
    unsigned to = d->groups != NULL ? d->n : d->to;
    for (unsigned i = 0; i < d->way->n && field <= d->field; i++) {
        const struct header_item *item = &d->way->items[i];
        switch ((enum header_item_kind)item->kind) {
        case HEADER_OPEN:
            d->open[d->n_open++] = (struct open_group){.old = item->group};
            break;
        case HEADER_CLOSE:
            d->n_open--;
            if (field == d->field)
                close(d, &d->open[d->n_open], at == d->n);
            break;
        case HEADER_BETWEEN:
            for (unsigned o = d->n_open; o > 0 && field == d->field; o--)
                close(d, &d->open[o - 1], true);
            field++;
            for (unsigned o = 0; o < d->n_open && field == d->field && d->groups != NULL; o++) {
                if (d->open[o].old < HEADER_GROUPS)
                    append(&d->groups[d->open[o].old],
                           (unsigned char)khap__header_separator(d->shape, field - 1));
            }
            break;
        case HEADER_NODE:
            if (field != d->field || item->node->kind == HEADER_END)
                break;
            if (at >= from && at < to) {
                open_pending(d, at == 0, at + 1 == d->n);
                bool bare = item->node->kind != HEADER_ALT;
                d->n_groups = bare ? d->n_groups : (uint8_t)(d->n_groups + 1);
                put_both(d, bare ? S("") : S("("));
                write_node(d, item->node);
                put_both(d, bare ? S("") : S(")"));
                d->passed += at >= d->from ? 1 : 0;
            }
            at++;
            break;
        }
    }
}

enum khap_status khap__header_field(struct arena *arena, const struct header_way *way,
                                    enum header_shape shape, unsigned field, bool nocase, uint32_t used,
                                    struct header_text *groups, struct header_field *out)
{
    struct describer *d = khap__arena_zalloc(arena, 1, sizeof *d);
    enum khap_status status = d == NULL ? KHAP_ENOMEM : KHAP_OK;
    *out = (struct header_field){.any = false};
    if (d == NULL)
        return KHAP_ENOMEM;
    *d = (struct describer){.way = way,
                            .shape = shape,
                            .field = field,
                            .used = groups != NULL ? used : 0,
                            .groups = groups,
                            .out = out};
    khap__buf_init(&d->text, &arena->alloc);
    khap__buf_init(&d->literal, &arena->alloc);
    khap__buf_init(&d->lined, &arena->alloc);
    look(d, nocase);
    write_field(d);
    if (d->text.failed || d->literal.failed || d->lined.failed)
        status = KHAP_ENOMEM;
    if (status == KHAP_OK)
        status = khap__arena_dup(arena, khap__buf_str(&d->text), &out->regex);
    if (status == KHAP_OK && out->plain)
        status = khap__arena_dup(arena, khap__buf_str(&d->literal), &out->middle);
    if (status == KHAP_OK && !d->unlined)
        status = khap__arena_dup(arena, khap__buf_str(&d->lined), &out->lined);
    if (out->plain && out->begins && out->ends)
        out->literal = out->middle;
    khap__buf_free(&d->text);
    khap__buf_free(&d->literal);
    khap__buf_free(&d->lined);
    return status;
}
