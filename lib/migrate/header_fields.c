/* migrate/header_fields.c - cuts a regular expression at the borders of a line's fields. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/header_regex.h"

enum { FORKS = 24, RUNS = 2000 };

static const char separators[][HEADER_FIELDS] = {": ", "  ", "  ", ""};

static void put(uint64_t set[4], unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to; c++)
        set[c / 64] |= UINT64_C(1) << (c % 64);
}

/* The bytes that can stand in a field. */
static void allowed(enum header_shape shape, unsigned field, uint64_t set[4])
{
    const char *more = "";
    memset(set, 0, 4 * sizeof *set);
    if (shape == HEADER_LINE && field == 1)
        return;
    if (field == 0 && shape != HEADER_STATUS && shape != HEADER_TEXT) {
        put(set, 'a', 'z');
        put(set, 'A', 'Z');
        put(set, '0', '9');
        more = "!#$%&'*+-.^_`|~";
    } else if (shape == HEADER_REQUEST && field == 1) {
        put(set, 0x21, 0xff);
    } else if (shape == HEADER_STATUS && field == 1) {
        put(set, '0', '9');
    } else if (shape == HEADER_LINE || shape == HEADER_TEXT || (shape == HEADER_STATUS && field == 2)) {
        put(set, '\t', '\t');
        put(set, ' ', 0xff);
    } else {
        put(set, '0', '9');
        more = "HTPhtp/.";
    }
    for (; *more != '\0'; more++)
        put(set, (unsigned char)*more, (unsigned char)*more);
}

static bool meets(const uint64_t a[4], const uint64_t b[4])
{
    return ((a[0] & b[0]) | (a[1] & b[1]) | (a[2] & b[2]) | (a[3] & b[3])) != 0;
}

static bool covers(const uint64_t a[4], const uint64_t b[4])
{
    return ((~a[0] & b[0]) | (~a[1] & b[1]) | (~a[2] & b[2]) | (~a[3] & b[3])) == 0;
}

/* ---- cutting */

struct work {
    uint8_t kind, group;
    const struct header_node *node;
    const struct work *next;
};
struct cutter {
    struct arena *arena;
    enum header_shape shape;
    struct header_ways *out;
    unsigned runs;
    bool no_memory;
};

static const struct work *push(struct cutter *c, uint8_t kind, uint8_t group, const struct header_node *node,
                               const struct work *next)
{
    struct work *w = khap__arena_alloc(c->arena, 1, sizeof *w);
    if (w == NULL)
        c->no_memory = true;
    else
        *w = (struct work){kind, group, node, next};
    return w;
}

static const struct work *push_children(struct cutter *c, const struct header_node *parent,
                                        const struct work *next)
{
    struct work head = {.next = next}, *tail = &head;
    for (const struct header_node *n = parent->child; n != NULL; n = n->next) {
        struct work *w = khap__arena_alloc(c->arena, 1, sizeof *w);
        if (w == NULL) {
            c->no_memory = true;
            break;
        }
        *w = (struct work){HEADER_NODE, 0, n, next};
        tail->next = w;
        tail = w;
    }
    return head.next;
}

static const struct work *push_repeated(struct cutter *c, const struct header_node *rep,
                                        const struct work *next)
{
    struct header_node *rest = khap__arena_alloc(c->arena, 1, sizeof *rest);
    if (rest == NULL) {
        c->no_memory = true;
        return NULL;
    }
    *rest = *rep;
    rest->min = 0;
    rest->raw = rep->lazy ? S("*?") : S("*");
    return push(c, HEADER_NODE, 0, rest, next);
}

static bool add(struct cutter *c, struct header_way *way, uint8_t kind, uint8_t group,
                const struct header_node *node)
{
    if (way->n == HEADER_ITEMS) {
        c->out->unknown = true;
        return false;
    }
    way->items[way->n++] = (struct header_item){kind, group, node};
    return true;
}

/* Whether a byte, or the beginning or end of the line, may be in it. */
static bool holds(const struct header_node *node, char byte)
{
    if (node->kind == HEADER_SET)
        return khap__header_has(node->set, (unsigned char)byte);
    if (node->kind == HEADER_BEGIN || node->kind == HEADER_END)
        return true;
    for (const struct header_node *n = node->child; n != NULL; n = n->next) {
        if (holds(n, byte))
            return true;
        if (node->kind == HEADER_GROUP || node->kind == HEADER_REP)
            break;
    }
    return false;
}

/* Whether nothing comes that takes a byte. */
static bool ends(const struct work *w)
{
    for (; w != NULL; w = w->next) {
        if (w->kind == HEADER_NODE && w->node->kind != HEADER_END)
            return false;
    }
    return true;
}

static bool begins(const struct header_way *way)
{
    for (unsigned i = 0; i < way->n; i++) {
        if (way->items[i].kind == HEADER_BETWEEN ||
            (way->items[i].kind == HEADER_NODE && !way->items[i].node->implicit))
            return false;
    }
    return true;
}

/* The bytes that a set can take where the way has come to. */
static bool stays(const struct cutter *c, const struct header_way *way, const uint64_t set[4])
{
    uint64_t can[4];
    unsigned i = way->n;
    allowed(c->shape, way->fields, can);
    while (i > 0 && (way->items[i - 1].kind == HEADER_OPEN || way->items[i - 1].kind == HEADER_CLOSE))
        i--;
    /* no value begins with a blank */
    if (c->shape == HEADER_LINE && way->fields == 2 && i > 0 && way->items[i - 1].kind == HEADER_BETWEEN) {
        can[0] &= ~(UINT64_C(1) << ' ' | UINT64_C(1) << '\t');
    }
    return meets(set, can);
}

static void run(struct cutter *c, const struct work *w, const struct header_way *start, unsigned forks);

static void cross(struct cutter *c, const struct work *w, const struct header_way *start,
                  const struct header_node *left, unsigned forks)
{
    struct header_way way = *start;
    if (left != NULL && stays(c, &way, left->child->set) && !add(c, &way, HEADER_NODE, 0, left))
        return;
    if (add(c, &way, HEADER_BETWEEN, way.fields, NULL)) {
        way.fields++;
        run(c, w, &way, forks);
    }
}

/* A repeated set; false when nothing more comes of this way. */
static bool repeat(struct cutter *c, const struct header_node *rep, const struct work *next,
                   struct header_way *way, unsigned forks)
{
    const struct header_node *set = rep->child;
    bool last = way->fields + 1 == HEADER_FIELDS, stay = stays(c, way, set->set);
    bool can_cross = !last && khap__header_has(set->set, (unsigned char)separators[c->shape][way->fields]);
    if (can_cross && rep->max != 1 && (rep->max != HEADER_MANY || rep->min > 1)) {
        c->out->unknown = true;
        return false;
    }
    if (can_cross) {
        uint64_t all[4] = {0};
        put(all, ' ', '~');
        const struct header_node *left = NULL;
        const struct work *rest = next;
        if (rep->max == HEADER_MANY) {
            rest = push_repeated(c, rep, next);
            left = rest == NULL ? NULL : rest->node;
        }
        if (c->no_memory)
            return false;
        /* what takes everything, and the line ends behind it, goes to the end of the line */
        if (rep->max == HEADER_MANY && !rep->lazy && covers(set->set, all) && ends(next)) {
            cross(c, rest, way, left, forks - 1);
            return false;
        }
        if (rep->lazy) {
            struct header_way other = *way;
            if ((stay && add(c, &other, HEADER_NODE, 0, rep)) || (!stay && rep->min == 0))
                run(c, next, &other, forks - 1);
            cross(c, rest, way, left, forks - 1);
            return false;
        }
        cross(c, rest, way, left, forks - 1);
    }
    return stay ? add(c, way, HEADER_NODE, 0, rep) : rep->min == 0;
}

static bool optional(const struct cutter *c, const struct header_node *node, const struct header_way *way)
{
    bool last = way->fields + 1 == HEADER_FIELDS;
    /* names are wanted one by one */
    return !last && (c->shape == HEADER_LINE || holds(node, separators[c->shape][way->fields]));
}

/* Carries on from `w`; each fork is a way of its own. */
static void run(struct cutter *c, const struct work *w, const struct header_way *start, unsigned forks)
{
    struct header_way way = *start;
    if (forks == 0 || ++c->runs > RUNS)
        c->out->unknown = true;
    while (w != NULL && !c->out->unknown && !c->no_memory) {
        const struct work *next = w->next;
        const struct header_node *n = w->node;
        bool last = way.fields + 1 == HEADER_FIELDS, can_cross;
        if (w->kind != HEADER_NODE) {
            if (!add(c, &way, w->kind, w->group, NULL))
                return;
            w = next;
            continue;
        }
        switch ((enum header_node_kind)n->kind) {
        case HEADER_SEQ:
            w = push_children(c, n, next);
            continue;
        case HEADER_GROUP:
            if (n->group != 0)
                next = push(c, HEADER_CLOSE, n->group, NULL, next);
            w = c->no_memory ? NULL : push(c, HEADER_NODE, 0, n->child, next);
            if (n->group != 0 && !c->no_memory)
                w = push(c, HEADER_OPEN, n->group, NULL, w);
            continue;
        case HEADER_ALT:
            if (!optional(c, n, &way))
                break;
            for (const struct header_node *one = n->child; one != NULL && !c->no_memory; one = one->next)
                run(c, push(c, HEADER_NODE, 0, one, next), &way, forks - 1);
            return;
        case HEADER_REP:
            if (n->child->kind == HEADER_SET) {
                if (!repeat(c, n, next, &way, forks))
                    return;
                w = next;
                continue;
            }
            if (!optional(c, n, &way))
                break;
            if (n->max != 1) {
                if (!holds(n, separators[c->shape][way.fields]) && !(c->shape == HEADER_LINE && way.fields == 1))
                    break;
                c->out->unknown = true;
                return;
            }
            if (n->lazy) {
                run(c, next, &way, forks - 1);
                w = push(c, HEADER_NODE, 0, n->child, next);
            } else {
                run(c, push(c, HEADER_NODE, 0, n->child, next), &way, forks - 1);
                w = next;
            }
            continue;
        case HEADER_SET:
            can_cross = !last && khap__header_has(n->set, (unsigned char)separators[c->shape][way.fields]);
            if (can_cross)
                cross(c, next, &way, NULL, forks - 1);
            if (!stays(c, &way, n->set))
                return;
            break;
        case HEADER_BEGIN:
            if (!begins(&way))
                return;
            if (way.n > 0 && way.items[0].kind == HEADER_NODE)
                memmove(way.items, way.items + 1, --way.n * sizeof *way.items);
            w = next;
            continue;
        case HEADER_END:
            if (!last)
                return;
            break;
        case HEADER_LOOK:
            if (!last && n->raw.ptr[0] == '(') {
                c->out->unknown = true;
                return;
            }
            break;
        }
        if (!add(c, &way, HEADER_NODE, 0, n))
            return;
        w = next;
    }
    if (c->no_memory || c->out->unknown)
        return;
    if (c->out->n == HEADER_WAYS) {
        c->out->unknown = true;
        return;
    }
    struct header_way *kept = khap__arena_alloc(c->arena, 1, sizeof *kept);
    if (kept == NULL) {
        c->no_memory = true;
        return;
    }
    *kept = way;
    c->out->ways[c->out->n++] = kept;
}

enum khap_status khap__header_ways(struct arena *arena, const struct header_node *regex,
                                   enum header_shape shape, struct header_ways *out)
{
    struct cutter c = {.arena = arena, .shape = shape, .out = out};
    struct header_way way = {.fields = shape == HEADER_TEXT ? HEADER_FIELDS - 1 : 0};
    struct header_node *any = khap__arena_zalloc(arena, 2, sizeof *any);
    *out = (struct header_ways){.n = 0};
    if (any == NULL)
        return KHAP_ENOMEM;
    any[0] = (struct header_node){
        .kind = HEADER_REP, .lazy = true, .implicit = true, .max = HEADER_MANY, .child = &any[1]};
    put(any[1].set, 1, 255);
    const struct work *w = push(&c, HEADER_CLOSE, 0, NULL, NULL);
    w = c.no_memory ? NULL : push(&c, HEADER_NODE, 0, regex, w);
    w = c.no_memory ? NULL : push(&c, HEADER_OPEN, 0, NULL, w);
    w = c.no_memory ? NULL : push(&c, HEADER_NODE, 0, any, w);
    if (w != NULL)
        run(&c, w, &way, FORKS);
    return c.no_memory ? KHAP_ENOMEM : KHAP_OK;
}

/* ---- describing a field */

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
    uint8_t n_groups; /* of the regex that is written */
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
    if (node->kind == HEADER_SET && (khap__header_has(node->set, '\n') || khap__header_has(node->set, '\r'))) {
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
    allowed(d->shape, d->field, can);
    return node->kind == HEADER_REP && node->min == 0 && node->max == HEADER_MANY &&
           node->child->kind == HEADER_SET && covers(node->child->set, can);
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
    bool closed = d->field < d->way->fields && d->shape != HEADER_TEXT, fold = nocase || (d->shape == HEADER_LINE && d->field == 0);
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
        out->tail = out->tail && !holds(d->nodes[i], '?');
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
                    append(&d->groups[d->open[o].old], (unsigned char)separators[d->shape][field - 1]);
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
    *d = (struct describer){
        .way = way, .shape = shape, .field = field, .used = groups != NULL ? used : 0, .groups = groups, .out = out};
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
