/* migrate/header_ways.c - cuts a regular expression at the borders of a line's fields. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/header_regex.h"

enum { FORKS = 24, RUNS = 2000 };

static const char separators[][HEADER_FIELDS] = {": ", "  ", "  ", ""};

char khap__header_separator(enum header_shape shape, unsigned field)
{
    return separators[shape][field];
}

static void put(uint64_t set[4], unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to; c++)
        set[c / 64] |= UINT64_C(1) << (c % 64);
}

void khap__header_allowed(enum header_shape shape, unsigned field, uint64_t set[4])
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

bool khap__header_covers(const uint64_t a[4], const uint64_t b[4])
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

bool khap__header_holds(const struct header_node *node, char byte)
{
    if (node->kind == HEADER_SET)
        return khap__header_has(node->set, (unsigned char)byte);
    if (node->kind == HEADER_BEGIN || node->kind == HEADER_END)
        return true;
    for (const struct header_node *n = node->child; n != NULL; n = n->next) {
        if (khap__header_holds(n, byte))
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
    khap__header_allowed(c->shape, way->fields, can);
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
    bool can_cross =
        !last && khap__header_has(set->set, (unsigned char)khap__header_separator(c->shape, way->fields));
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
        if (rep->max == HEADER_MANY && !rep->lazy && khap__header_covers(set->set, all) && ends(next)) {
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
    return !last && (c->shape == HEADER_LINE ||
                     khap__header_holds(node, khap__header_separator(c->shape, way->fields)));
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
                if (!khap__header_holds(n, khap__header_separator(c->shape, way.fields)) &&
                    !(c->shape == HEADER_LINE && way.fields == 1))
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
            can_cross = !last &&
                        khap__header_has(n->set, (unsigned char)khap__header_separator(c->shape, way.fields));
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
