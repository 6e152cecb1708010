/* graph/svg.c - a picture as an image: four columns, each in an order that keeps lines short. SPDX-License-Identifier: MIT */
#include "graph/graph.h"

enum { ROW = 24, BOX = 18, TOP = 56, LEFT = 16, WIDTH = 260, GAP = 110, LETTERS = 36 };
enum column { BINDS, HOSTS, SERVICES, NODES, COLUMNS };

/* Something that is drawn; `want` is where its neighbours stand, in rows. */
struct place_in {
    uint64_t want;
    uint32_t index, count;
};
struct layout {
    const struct khap_graph *g;
    struct place_in *order[COLUMNS]; /* from top to bottom */
    uint32_t *row[COLUMNS];          /* of each */
    uint32_t n[COLUMNS];
    uint32_t rows;
};

static void add_xml(struct buf *out, struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (memchr("<>&\"'", c, 5) == NULL) {
            khap__buf_char(out, c);
            continue;
        }
        khap__buf_add(out, S("&#"));
        khap__buf_uint(out, (unsigned char)c);
        khap__buf_char(out, ';');
    }
}

/* As much of it as there is room for. */
static void add_short(struct buf *out, struct khap_str text)
{
    size_t letters = 0, end = 0;
    while (end < text.len && letters < LETTERS) {
        end++;
        while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
            end++;
        letters++;
    }
    add_xml(out, khap__str_sub(text, 0, end));
    khap__buf_add(out, end < text.len ? S("\xe2\x80\xa6") : S(""));
}

/* Shell's sort, with the index to decide between equals: no memory, no recursion, always the same. */
static void sort(struct place_in *a, uint32_t n)
{
    for (uint32_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : (uint32_t)((uint64_t)gap * 5 / 11)) {
        for (uint32_t i = gap; i < n; i++) {
            struct place_in one = a[i];
            uint32_t k = i;
            for (; k >= gap; k -= gap) {
                const struct place_in *o = &a[k - gap];
                if (o->want < one.want || (o->want == one.want && o->index < one.index))
                    break;
                a[k] = *o;
            }
            a[k] = one;
        }
    }
}

/* Near their neighbours: `want` holds the sum of rows of `count` of them. */
static void settle(struct layout *l, enum column c)
{
    for (uint32_t i = 0; i < l->n[c]; i++) {
        struct place_in *p = &l->order[c][i];
        p->want = p->count == 0 ? UINT64_MAX : p->want * 16 / p->count;
    }
    sort(l->order[c], l->n[c]);
    for (uint32_t i = 0; i < l->n[c]; i++)
        l->row[c][l->order[c][i].index] = i;
}

static void near_to(struct layout *l, enum column c, uint32_t index, uint32_t row)
{
    l->order[c][index].want += row;
    l->order[c][index].count++;
}

static bool make_layout(struct layout *l)
{
    const struct khap_graph *g = l->g;
    const uint32_t n[COLUMNS] = {g->binds.len, g->entries.len, g->services.len, g->nodes.len};
    for (int c = 0; c < COLUMNS; c++) {
        l->n[c] = n[c];
        l->order[c] = khap__alloc(&g->alloc, n[c] + (size_t)1, sizeof **l->order);
        l->row[c] = khap__alloc(&g->alloc, n[c] + (size_t)1, sizeof **l->row);
        if (l->order[c] == NULL || l->row[c] == NULL)
            return false;
        for (uint32_t i = 0; i < n[c]; i++)
            l->order[c][i] = (struct place_in){.index = i};
        l->rows = n[c] > l->rows ? n[c] : l->rows;
    }
    for (uint32_t i = 0; i < n[BINDS]; i++)
        near_to(l, BINDS, i, i);
    settle(l, BINDS);
    /* services in the order of the configuration, what leads to them beside them */
    for (uint32_t i = 0; i < n[SERVICES]; i++)
        near_to(l, SERVICES, i, i);
    settle(l, SERVICES);
    for (uint32_t i = 0; i < n[HOSTS]; i++) {
        const struct graph_entry *e = &g->entries.ptr[i];
        near_to(l, HOSTS, i, e->service == GRAPH_NONE ? n[SERVICES] : l->row[SERVICES][e->service]);
    }
    settle(l, HOSTS);
    for (uint32_t i = 0; i < g->servers.len; i++)
        near_to(l, NODES, g->servers.ptr[i].node, l->row[SERVICES][g->servers.ptr[i].service]);
    settle(l, NODES);
    return true;
}

static uint32_t left_of(enum column c)
{
    return LEFT + (uint32_t)c * (WIDTH + GAP);
}

/* A short column stands in the middle of a long one. */
static uint32_t top_of(const struct layout *l, enum column c, uint32_t index)
{
    uint32_t room = (l->rows - l->n[c]) * ROW / 2;
    return TOP + (room > 400 ? 400 : room) + l->row[c][index] * ROW;
}

static void add_attribute(struct buf *out, const char *name, uint64_t value)
{
    khap__buf_char(out, ' ');
    khap__buf_add(out, khap__str(name));
    khap__buf_add(out, S("=\""));
    khap__buf_uint(out, value);
    khap__buf_char(out, '"');
}

static void add_line(struct buf *out, const struct layout *l, enum column from, uint32_t one, enum column to,
                     uint32_t other, bool dashed)
{
    uint32_t x1 = left_of(from) + WIDTH, x2 = left_of(to), y1 = top_of(l, from, one) + BOX / 2,
             y2 = top_of(l, to, other) + BOX / 2;
    const uint32_t numbers[] = {x1, y1, x1 + GAP / 2, y1, x2 - GAP / 2, y2, x2, y2};
    khap__buf_add(out, dashed ? S("<path class=\"d\" d=\"M") : S("<path d=\"M"));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        khap__buf_add(out, i == 2 ? S("C") : i > 0 ? S(" ") : S(""));
        khap__buf_uint(out, numbers[i]);
    }
    khap__buf_add(out, S("\"/>\n"));
}

/* A box with a text, all of which is shown when the pointer rests on it. */
static void add_box(struct buf *out, const struct layout *l, enum column c, uint32_t index, struct buf *label,
                    const char *class)
{
    khap__buf_add(out, S("<g class=\""));
    khap__buf_add(out, khap__str(class));
    khap__buf_add(out, S("\"><title>"));
    add_xml(out, khap__buf_str(label));
    khap__buf_add(out, S("</title><rect"));
    add_attribute(out, "x", left_of(c));
    add_attribute(out, "y", top_of(l, c, index));
    add_attribute(out, "width", WIDTH);
    add_attribute(out, "height", BOX);
    khap__buf_add(out, S(" rx=\"4\"/><text"));
    add_attribute(out, "x", left_of(c) + 6);
    add_attribute(out, "y", top_of(l, c, index) + 13);
    khap__buf_char(out, '>');
    add_short(out, khap__buf_str(label));
    khap__buf_add(out, S("</text></g>\n"));
    khap__buf_clear(label);
}

static void add_boxes(struct buf *out, const struct layout *l, struct buf *label)
{
    const struct khap_graph *g = l->g;
    for (uint32_t i = 0; i < g->binds.len; i++) {
        khap__graph_visible(label, g->binds.ptr[i].frontend);
        khap__buf_char(label, ' ');
        khap__graph_visible(label, g->binds.ptr[i].addresses);
        khap__buf_add(label, g->binds.ptr[i].tls ? S(" TLS") : S(""));
        add_box(out, l, BINDS, i, label, "b");
    }
    for (uint32_t i = 0; i < g->entries.len; i++) {
        const struct graph_entry *e = &g->entries.ptr[i];
        khap__graph_label(label, e);
        if (e->kind != KHAP_ROUTE_BACKEND) {
            khap__buf_add(label, S(" \xe2\x86\x92 "));
            khap__graph_end(label, e);
        }
        add_box(out, l, HOSTS, i, label, e->kind == KHAP_ROUTE_BACKEND ? "h" : "e");
    }
    for (uint32_t i = 0; i < g->services.len; i++) {
        uint32_t worst = 0;
        for (uint32_t k = 0; k < g->findings.len; k++) {
            if (g->findings.ptr[k].service == i && g->findings.ptr[k].severity > worst)
                worst = g->findings.ptr[k].severity;
        }
        khap__graph_visible(label, g->services.ptr[i].name);
        add_box(out, l, SERVICES, i, label, worst == 3 ? "s w3" : worst == 2 ? "s w2" : "s");
    }
    for (uint32_t i = 0; i < g->nodes.len; i++) {
        khap__graph_visible(label, g->nodes.ptr[i].name);
        khap__buf_add(label, g->nodes.ptr[i].name.len > 0 ? S(" ") : S(""));
        khap__graph_visible(label, g->nodes.ptr[i].address);
        add_box(out, l, NODES, i, label, "n");
    }
}

static const char style[] =
    "<style>text{font:12px system-ui,sans-serif;fill:#1c2430}rect{fill:#f4f6f9;stroke:#8a97a8}"
    "path{fill:none;stroke:#8fa3bd;stroke-opacity:.7}.d{stroke-dasharray:4 3}.bg{fill:#fff;stroke:none}"
    ".b rect{fill:#dbe8fb}.e rect{fill:#fdeed3}.s rect{fill:#dff3e3}.n rect{fill:#ece6f7}"
    ".w3 rect{stroke:#c62828;stroke-width:2}.w2 rect{stroke:#b26a00;stroke-width:2}.t{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e6ebf2}rect{fill:#1d2530;stroke:#5d6b7d}path{stroke:#"
    "5f7794}"
    ".bg{fill:#11161d}.b rect{fill:#1d3557}.e rect{fill:#4a3712}.s rect{fill:#1b4028}.n rect{fill:#352a52}"
    ".w3 rect{stroke:#ff8a80}.w2 rect{stroke:#ffcc66}}</style>\n";

static void add_image(struct buf *out, const struct layout *l, struct buf *label)
{
    static const char titles[][24] = {"Binds", "Hosts and paths", "Services", "Nodes"};
    const struct khap_graph *g = l->g;
    uint64_t width = left_of(NODES) + WIDTH + LEFT, height = TOP + (uint64_t)l->rows * ROW + LEFT;
    khap__buf_add(out, S("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\""));
    add_attribute(out, "width", width);
    add_attribute(out, "height", height);
    khap__buf_add(out, S(" viewBox=\"0 0 "));
    khap__buf_uint(out, width);
    khap__buf_char(out, ' ');
    khap__buf_uint(out, height);
    khap__buf_add(out, S("\">\n<title>"));
    khap__graph_visible(label, g->title);
    add_xml(out, khap__buf_str(label));
    khap__buf_clear(label);
    khap__buf_add(out, S("</title>\n"));
    khap__buf_add(out, khap__str(style));
    khap__buf_add(out, S("<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n"));
    for (int c = 0; c < COLUMNS; c++) {
        khap__buf_add(out, S("<text class=\"t\" y=\"32\""));
        add_attribute(out, "x", left_of((enum column)c));
        khap__buf_char(out, '>');
        khap__buf_add(out, khap__str(titles[c]));
        khap__buf_add(out, S("</text>\n"));
    }
    for (uint32_t i = 0; i < g->entries.len; i++) {
        const struct graph_entry *e = &g->entries.ptr[i];
        add_line(out, l, BINDS, e->bind, HOSTS, i, false);
        if (e->service != GRAPH_NONE)
            add_line(out, l, HOSTS, i, SERVICES, e->service, !e->certain || e->kind != KHAP_ROUTE_BACKEND);
    }
    for (uint32_t i = 0; i < g->servers.len; i++) {
        const struct graph_server *s = &g->servers.ptr[i];
        add_line(out, l, SERVICES, s->service, NODES, s->node, s->backup || s->disabled);
    }
    add_boxes(out, l, label);
    khap__buf_add(out, S("</svg>\n"));
}

enum khap_status khap__graph_svg(const struct khap_graph *g, struct buf *out)
{
    struct layout l = {.g = g};
    struct buf label;
    khap__buf_init(&label, &g->alloc);
    bool good = make_layout(&l);
    if (good)
        add_image(out, &l, &label);
    for (int c = 0; c < COLUMNS; c++) {
        khap__free(&g->alloc, l.order[c], l.n[c] + (size_t)1, sizeof **l.order);
        khap__free(&g->alloc, l.row[c], l.n[c] + (size_t)1, sizeof **l.row);
    }
    good = good && !label.failed && !out->failed;
    khap__buf_free(&label);
    return good ? KHAP_OK : KHAP_ENOMEM;
}
