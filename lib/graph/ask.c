/* graph/ask.c - what becomes of the hosts and paths that were found. SPDX-License-Identifier: MIT */
#include "graph/graph.h"

/* No host of anybody's has such a name. */
#define NOBODY "khap.invalid"

/* The URL that stands for a candidate. */
static struct khap_str url_of(struct drawing *d, const struct graph_bind *bind, const struct candidate *c)
{
    struct buf *out = &d->scratch;
    bool usual = khap__str_eq(bind->port, bind->tls || bind->tcp ? S("443") : S("80"));
    khap__buf_clear(out);
    /* in TCP a host can only be the server name of a handshake that passes through */
    khap__buf_add(out, bind->tls || (bind->tcp && c->host.len > 0) ? S("https://")
                       : bind->tcp                                 ? S("tcp://")
                                                                   : S("http://"));
    khap__buf_add(out, c->suffix ? S("any") : S(""));
    khap__buf_add(out, c->host.len > 0 ? c->host : S(NOBODY));
    if (!usual && bind->port.len > 0) {
        khap__buf_char(out, ':');
        khap__buf_add(out, bind->port);
    }
    if (!bind->tcp)
        khap__buf_add(out, c->path.len > 0 ? c->path : S("/"));
    khap__drawing_need(d, !out->failed);
    return khap__drawing_keep(d, khap__buf_str(out));
}

static bool same_end(const struct graph_entry *a, const struct graph_entry *b)
{
    return a->kind == b->kind && a->service == b->service && a->status == b->status &&
           khap__str_eq(a->location, b->location);
}

/* The same text without the name that stands for any other host. */
static struct khap_str without_nobody(struct drawing *d, struct khap_str text)
{
    const size_t n = sizeof NOBODY - 1;
    khap__buf_clear(&d->scratch);
    while (text.len > 0) {
        bool nobody = khap__str_starts(text, S(NOBODY));
        khap__buf_add(&d->scratch, nobody ? S("HOST") : khap__str_sub(text, 0, 1));
        text = khap__str_sub(text, nobody ? n : 1, text.len);
    }
    khap__drawing_need(d, !d->scratch.failed);
    return khap__drawing_keep(d, khap__buf_str(&d->scratch));
}

/* The host of a URL, without its port. */
static struct khap_str host_in(struct khap_str url)
{
    size_t colon = khap__str_find(url, ':');
    struct khap_str host = khap__str_sub(url, colon + 3, url.len);
    host = khap__str_sub(host, 0, khap__str_find(host, '/'));
    return khap__str_sub(host, 0, khap__str_find(host, ':'));
}

static void take_outcome(struct drawing *d, const struct khap_route_outcome *o, struct graph_entry *e)
{
    e->kind = o->kind;
    e->status = o->status;
    e->location = without_nobody(d, o->location);
    e->place = o->place;
    if (o->backend.len == 0 || !khap__map_get(&d->service_names, o->backend, &e->service))
        e->service = GRAPH_NONE;
}

/* Adds what may become of it, each end once, unless it is what becomes of `rest`, where that is given. How many were added. */
static uint32_t ask(struct drawing *d, const struct graph_entry *like, const struct graph_entry *rest)
{
    struct khap_graph *g = d->graph;
    struct khap_route_request request;
    struct khap_route_answer *answer = NULL;
    struct khap_route_outcome o = {.size = sizeof o}, other = {.size = sizeof other};
    const uint32_t before = g->entries.len;
    khap_route_request_init(&request);
    request.url = like->url;
    request.bind = g->binds.ptr[like->bind].first;
    /* what listens on an odd port is mostly reached through another one, which the Host then does not name */
    const struct khap_route_header host = {S("Host"), host_in(like->url)};
    request.headers = &host;
    request.n_headers = 1;
    enum khap_status status = khap_route_ask(d->route, &request, &answer);
    khap__drawing_need(d, status != KHAP_ENOMEM);
    bool several = status == KHAP_OK && khap_route_outcome_at(answer, 1, &other) == KHAP_OK;
    for (size_t i = 0;
         status == KHAP_OK && d->status == KHAP_OK && khap_route_outcome_at(answer, i, &o) == KHAP_OK; i++) {
        struct graph_entry e = *like;
        bool again = o.kind == KHAP_ROUTE_NOWHERE;
        e.certain = !several && o.n_reasons == 0;
        take_outcome(d, &o, &e);
        for (uint32_t k = before; k < g->entries.len; k++)
            again = again || same_end(&g->entries.ptr[k], &e);
        if (!again && (rest == NULL || several || !same_end(rest, &e)))
            khap__drawing_need(d, d->status == KHAP_OK && VEC_PUSH(&g->alloc, &g->entries, e));
    }
    khap_route_answer_free(answer);
    return g->entries.len - before;
}

static void add_entry(struct drawing *d, struct graph_entry entry)
{
    khap__drawing_need(d, d->status == KHAP_OK && VEC_PUSH(&d->graph->alloc, &d->graph->entries, entry));
}

static struct graph_entry entry_of(struct drawing *d, uint32_t bind, const struct candidate *c)
{
    struct graph_entry e = {
        .bind = bind, .service = GRAPH_NONE, .cert = GRAPH_NONE, .path = c->path, .host = c->host};
    if (c->suffix) {
        khap__buf_clear(&d->scratch);
        khap__buf_char(&d->scratch, '*');
        khap__buf_add(&d->scratch, c->host);
        khap__drawing_need(d, !d->scratch.failed);
        e.host = khap__drawing_keep(d, khap__buf_str(&d->scratch));
    }
    e.url = url_of(d, &d->graph->binds.ptr[bind], c);
    e.cert = khap__graph_cert_of(d->graph, bind, e.host);
    return e;
}

/* Backends that no question came to, by the condition that leads to them. */
static void add_rules(struct drawing *d, uint32_t bind)
{
    for (uint32_t i = 0; i < d->rules.len && d->status == KHAP_OK; i++) {
        struct graph_entry e = {.bind = bind,
                                .service = GRAPH_NONE,
                                .cert = GRAPH_NONE,
                                .kind = KHAP_ROUTE_BACKEND,
                                .rule = d->rules.ptr[i].condition,
                                .place = d->rules.ptr[i].place};
        uint32_t old;
        if (!khap__map_get(&d->service_names, d->rules.ptr[i].backend, &e.service))
            continue;
        if (!khap__map_get(&d->seen, d->rules.ptr[i].backend, &old))
            add_entry(d, e);
    }
}

void khap__graph_ask(struct drawing *d, uint32_t first)
{
    struct khap_graph *g = d->graph;
    uint32_t first_entry = g->entries.len, old;
    bool found;
    for (uint32_t bind = first; bind < g->binds.len && d->status == KHAP_OK; bind++) {
        const struct candidate any = {.path = {NULL, 0}};
        struct graph_entry like = entry_of(d, bind, &any), rest = like;
        uint32_t start = g->entries.len, n = ask(d, &like, NULL);
        if (n > 0) /* what any other request comes to, to leave out paths that decide nothing */
            rest = g->entries.ptr[start];
        g->entries.len = start;
        for (uint32_t i = 0; i < d->candidates.len && d->status == KHAP_OK; i++) {
            const struct candidate c = d->candidates.ptr[i];
            if (g->binds.ptr[bind].tcp && (c.path.len > 0 || c.host.len == 0))
                continue;
            struct graph_entry e = entry_of(d, bind, &c);
            ask(d, &e, c.host.len == 0 && n == 1 ? &rest : NULL);
        }
        ask(d, &like, NULL);
    }
    /* candidates are done with; from here on these are the names of backends */
    khap__map_clear(&d->seen);
    for (uint32_t i = first_entry; i < g->entries.len && d->status == KHAP_OK; i++) {
        if (g->entries.ptr[i].service != GRAPH_NONE)
            khap__drawing_need(d, khap__map_add(&d->seen, g->services.ptr[g->entries.ptr[i].service].name, i,
                                                &found, &old) == KHAP_OK);
    }
    if (first < g->binds.len)
        add_rules(d, first);
}
