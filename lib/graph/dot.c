/* graph/dot.c - a picture in the language of graphviz. SPDX-License-Identifier: MIT */
#include "graph/graph.h"

/* `"…"`: in it a quote has a backslash before it, and so has a backslash, which would be an escape. */
static void add_quoted(struct buf *out, struct khap_str text)
{
    khap__buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            khap__buf_char(out, '\\');
        khap__buf_char(out, text.ptr[i]);
    }
    khap__buf_char(out, '"');
}

static void add_id(struct buf *out, char kind, uint32_t index)
{
    khap__buf_char(out, kind);
    khap__buf_uint(out, index);
}

/* `s1 [label="…"];` */
static void add_vertex(struct buf *out, char kind, uint32_t index, struct buf *label, const char *more)
{
    khap__buf_add(out, S("  "));
    add_id(out, kind, index);
    khap__buf_add(out, S(" [label="));
    add_quoted(out, khap__buf_str(label));
    khap__buf_add(out, khap__str(more));
    khap__buf_add(out, S("];\n"));
    khap__buf_clear(label);
}

static void add_edge(struct buf *out, char from, uint32_t one, char to, uint32_t other, const char *more)
{
    khap__buf_add(out, S("  "));
    add_id(out, from, one);
    khap__buf_add(out, S(" -> "));
    add_id(out, to, other);
    khap__buf_add(out, khap__str(more));
    khap__buf_add(out, S(";\n"));
}

enum khap_status khap__graph_dot(const struct khap_graph *g, struct buf *out)
{
    struct buf label;
    khap__buf_init(&label, &g->alloc);
    khap__graph_visible(&label, g->title);
    khap__buf_add(out, S("digraph khap {\n  rankdir=LR;\n  node [shape=box, style=rounded, "
                         "fontname=\"sans-serif\"];\n  label="));
    add_quoted(out, khap__buf_str(&label));
    khap__buf_add(out, S(";\n"));
    khap__buf_clear(&label);
    for (uint32_t i = 0; i < g->binds.len; i++) {
        khap__graph_visible(&label, g->binds.ptr[i].frontend);
        khap__buf_char(&label, ' ');
        khap__graph_visible(&label, g->binds.ptr[i].addresses);
        khap__buf_add(&label, g->binds.ptr[i].tls ? S(" TLS") : S(""));
        add_vertex(out, 'b', i, &label, ", shape=cds");
    }
    for (uint32_t i = 0; i < g->entries.len; i++) {
        const struct graph_entry *e = &g->entries.ptr[i];
        const char *edge = e->certain ? "" : " [style=dashed]";
        khap__graph_label(&label, e);
        add_vertex(out, 'h', i, &label, ", shape=plaintext");
        add_edge(out, 'b', e->bind, 'h', i, "");
        khap__graph_end(&label, e);
        if (label.len > 0) {
            add_vertex(out, 'e', i, &label, ", shape=note");
            add_edge(out, 'h', i, 'e', i, edge);
        } else {
            add_edge(out, 'h', i, 's', e->service, edge);
        }
    }
    for (uint32_t i = 0; i < g->services.len; i++) {
        khap__graph_visible(&label, g->services.ptr[i].name);
        add_vertex(out, 's', i, &label, ", style=\"rounded,bold\"");
    }
    for (uint32_t i = 0; i < g->nodes.len; i++) {
        khap__graph_visible(&label, g->nodes.ptr[i].name);
        khap__buf_add(&label, g->nodes.ptr[i].name.len > 0 ? S(" ") : S(""));
        khap__graph_visible(&label, g->nodes.ptr[i].address);
        add_vertex(out, 'n', i, &label, ", shape=box3d, style=\"\"");
    }
    for (uint32_t i = 0; i < g->servers.len; i++) {
        const struct graph_server *s = &g->servers.ptr[i];
        add_edge(out, 's', s->service, 'n', s->node, s->backup || s->disabled ? " [style=dashed]" : "");
    }
    khap__buf_add(out, S("}\n"));
    enum khap_status status = label.failed || out->failed ? KHAP_ENOMEM : KHAP_OK;
    khap__buf_free(&label);
    return status;
}
