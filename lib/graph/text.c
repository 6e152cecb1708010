/* graph/text.c - names as text that people see. SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "graph/graph.h"

void khap__graph_visible(struct buf *out, struct khap_str text)
{
    while (text.len > 0)
        text = khap__str_sub(text, khap__buf_visible(out, text.ptr, text.len, NULL), text.len);
}

void khap__graph_end(struct buf *out, const struct graph_entry *e)
{
    static const char names[][12] = {"unknown", "backend", "redirect", "answer", "denied",
                                     "closed",  "applet",  "nowhere",  "unknown"};
    if (e->kind == KHAP_ROUTE_BACKEND && e->service != GRAPH_NONE)
        return;
    khap__buf_add(out, e->kind == KHAP_ROUTE_BACKEND ? S("a backend that is not there")
                       : e->kind == KHAP_ROUTE_SERVICE
                           ? S("an applet")
                           : khap__str(names[e->kind < sizeof names / sizeof *names ? e->kind : 0]));
    if (e->status != 0) {
        khap__buf_char(out, ' ');
        khap__buf_uint(out, e->status);
    }
    if (e->location.len > 0) {
        khap__buf_char(out, ' ');
        khap__graph_visible(out, e->location);
    }
}

void khap__graph_label(struct buf *out, const struct graph_entry *e)
{
    if (e->rule.len > 0) {
        khap__graph_visible(out, e->rule);
        return;
    }
    if (e->host.len + e->path.len == 0)
        khap__buf_add(out, S("any other request"));
    else if (e->host.len == 0)
        khap__buf_add(out, S("any other host "));
    khap__graph_visible(out, e->host);
    khap__graph_visible(out, e->path);
}
