/* graph/html.c - a picture as one page. What is shown is JSON in it, in which nothing of HTML can begin. SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "graph/graph.h"

/* page.html up to the title, up to the data, and what follows. */
static const char page_head[] =
#include "graph/page_head.inc"
    ;
static const char page_body[] =
#include "graph/page_body.inc"
    ;
static const char page_tail[] =
#include "graph/page_tail.inc"
    ;

struct writing {
    const struct khap_graph *g;
    struct json_writer w;
    struct buf json, text;
};

static void put(struct writing *w, struct khap_str text)
{
    khap__buf_clear(&w->text);
    khap__graph_visible(&w->text, text);
    khap__json_string(&w->w, S(""), khap__buf_str(&w->text));
}

static void put_index(struct writing *w, uint32_t index)
{
    khap__json_int(&w->w, S(""), index == GRAPH_NONE ? -1 : (int64_t)index);
}

static void put_binds(struct writing *w)
{
    khap__json_array(&w->w, S("binds"));
    for (uint32_t i = 0; i < w->g->binds.len; i++) {
        const struct graph_bind *b = &w->g->binds.ptr[i];
        khap__json_array(&w->w, S(""));
        put(w, b->frontend);
        put(w, b->addresses);
        khap__json_int(&w->w, S(""), (b->tls ? 1 : 0) + (b->tcp ? 2 : 0));
        khap__json_array_end(&w->w);
    }
    khap__json_array_end(&w->w);
}

/* Host and path, bind, service, what happens instead, whether it is certain, certificate, the URL that was asked. */
static void put_entries(struct writing *w)
{
    khap__json_array(&w->w, S("hosts"));
    for (uint32_t i = 0; i < w->g->entries.len; i++) {
        const struct graph_entry *e = &w->g->entries.ptr[i];
        khap__json_array(&w->w, S(""));
        khap__buf_clear(&w->text);
        khap__graph_label(&w->text, e);
        khap__json_string(&w->w, S(""), khap__buf_str(&w->text));
        put_index(w, e->bind);
        put_index(w, e->service);
        khap__buf_clear(&w->text);
        khap__graph_end(&w->text, e);
        khap__json_string(&w->w, S(""), khap__buf_str(&w->text));
        khap__json_int(&w->w, S(""), e->certain ? 1 : 0);
        put_index(w, e->cert);
        put(w, e->url);
        khap__json_array_end(&w->w);
    }
    khap__json_array_end(&w->w);
}

static void put_services(struct writing *w)
{
    khap__json_array(&w->w, S("services"));
    for (uint32_t i = 0; i < w->g->services.len; i++) {
        const struct graph_service *s = &w->g->services.ptr[i];
        khap__json_array(&w->w, S(""));
        put(w, s->name);
        khap__json_array(&w->w, S(""));
        for (uint32_t k = 0; k < s->n_servers; k++) {
            const struct graph_server *server = &w->g->servers.ptr[s->first_server + k];
            khap__json_array(&w->w, S(""));
            put_index(w, server->node);
            put(w, server->name);
            put(w, server->address);
            khap__json_int(&w->w, S(""), (server->backup ? 1 : 0) + (server->disabled ? 2 : 0));
            khap__json_array_end(&w->w);
        }
        khap__json_array_end(&w->w);
        khap__json_array_end(&w->w);
    }
    khap__json_array_end(&w->w);
}

static void put_rest(struct writing *w)
{
    const struct khap_graph *g = w->g;
    khap__json_array(&w->w, S("nodes"));
    for (uint32_t i = 0; i < g->nodes.len; i++) {
        khap__json_array(&w->w, S(""));
        put(w, g->nodes.ptr[i].name);
        put(w, g->nodes.ptr[i].address);
        khap__json_array_end(&w->w);
    }
    khap__json_array_end(&w->w);
    khap__json_array(&w->w, S("certs"));
    for (uint32_t i = 0; i < g->certs.len; i++) {
        khap__json_array(&w->w, S(""));
        put(w, g->certs.ptr[i].file);
        khap__json_int(&w->w, S(""), g->certs.ptr[i].not_after);
        khap__json_array_end(&w->w);
    }
    khap__json_array_end(&w->w);
    khap__json_array(&w->w, S("findings"));
    for (uint32_t i = 0; i < g->findings.len; i++) {
        const struct graph_finding *f = &g->findings.ptr[i];
        khap__json_array(&w->w, S(""));
        khap__json_int(&w->w, S(""), f->severity);
        put(w, khap__str(f->code));
        put(w, f->text);
        put(w, f->place);
        put_index(w, f->service);
        put_index(w, f->bind);
        khap__json_array_end(&w->w);
    }
    khap__json_array_end(&w->w);
    khap__json_int(&w->w, S("now"), g->now);
}

/* In a script element only `<` can begin something that is no JSON; in JSON it stands in strings only. */
static void add_json(struct buf *out, struct khap_str json)
{
    while (json.len > 0) {
        size_t end = khap__str_find(json, '<');
        khap__buf_add(out, khap__str_sub(json, 0, end));
        khap__buf_add(out, end < json.len ? S("\\u003c") : S(""));
        json = khap__str_sub(json, end + 1, json.len);
    }
}

/* Text between tags. */
static void add_title(struct buf *out, struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++)
        khap__buf_add(out, text.ptr[i] == '<'   ? S("&lt;")
                           : text.ptr[i] == '&' ? S("&amp;")
                                                : khap__str_sub(text, i, 1));
}

enum khap_status khap__graph_html(const struct khap_graph *g, struct buf *out)
{
    struct writing w = {.g = g};
    khap__buf_init(&w.json, &g->alloc);
    khap__buf_init(&w.text, &g->alloc);
    w.w.out = &w.json;
    khap__json_object(&w.w, S(""));
    put_binds(&w);
    put_entries(&w);
    put_services(&w);
    put_rest(&w);
    khap__json_object_end(&w.w);
    khap__buf_clear(&w.text);
    khap__graph_visible(&w.text, g->title);
    khap__buf_add(out, khap__str(page_head));
    add_title(out, khap__buf_str(&w.text));
    khap__buf_add(out, khap__str(page_body));
    add_json(out, khap__buf_str(&w.json));
    khap__buf_add(out, khap__str(page_tail));
    enum khap_status status = w.json.failed || w.text.failed || out->failed ? KHAP_ENOMEM : KHAP_OK;
    khap__buf_free(&w.json);
    khap__buf_free(&w.text);
    return status;
}
