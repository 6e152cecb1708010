/* graph/graph.c - reads what a picture is made of. SPDX-License-Identifier: MIT */
#include "graph/graph.h"

void khap_graph_options_init(struct khap_graph_options *options)
{
    if (options != NULL)
        *options = (struct khap_graph_options){.size = sizeof *options};
}

static const struct khap_document *document_of(const struct khap_view_section *section)
{
    return khap_bundle_file_document(section->file);
}

/* The words of a line of a section; false when there is none that HAProxy reads as one. */
static bool read_line(struct drawing *d, const struct khap_document *doc, const struct khap_line *line)
{
    enum khap_status status = khap_words_read(d->words, doc, line);
    khap__drawing_need(d, status != KHAP_ENOMEM);
    return status == KHAP_OK && khap_words_count(d->words) > 0;
}

static struct khap_str word_of(const struct drawing *d, size_t index)
{
    return khap_words_value(d->words, index);
}

static bool has_word(const struct drawing *d, struct khap_str word)
{
    for (size_t i = 2; i < khap_words_count(d->words); i++) {
        if (khap__str_eq(word_of(d, i), word))
            return true;
    }
    return false;
}

/* The mode of a proxy: its own, else that of its defaults. */
static bool is_tcp(struct drawing *d, const struct khap_view_section *own)
{
    struct khap_view_section section = *own;
    for (int depth = 0; depth < 8; depth++) {
        struct khap_str mode = {NULL, 0};
        for (const struct khap_line *line = section.head; line != section.last;) {
            line = khap_line_next(document_of(&section), line);
            if (read_line(d, document_of(&section), line) && khap__str_eq(word_of(d, 0), S("mode")))
                mode = word_of(d, 1);
        }
        if (mode.len > 0)
            return !khap__str_eq(mode, S("http"));
        if (section.defaults == SIZE_MAX ||
            khap_view_section_at(d->view, section.defaults, &section) != KHAP_OK)
            break;
    }
    return true;
}

/* ---- frontends */

static struct khap_str port_of(struct khap_str address)
{
    size_t colon = address.len;
    while (colon > 0 && address.ptr[colon - 1] != ':')
        colon--;
    struct khap_str port =
        colon == 0 ? (struct khap_str){NULL, 0} : khap__str_sub(address, colon, address.len);
    size_t digits = 0;
    while (digits < port.len && khap__is_digit((unsigned char)port.ptr[digits]))
        digits++;
    return khap__str_sub(port, 0, digits); /* of a range the first one, of several addresses the last */
}

static void take_bind(struct drawing *d, const struct khap_view_section *section, size_t index, bool tcp,
                      uint32_t first, struct khap_place place)
{
    struct khap_graph *g = d->graph;
    struct khap_str address = word_of(d, 1);
    bool tls = has_word(d, S("ssl"));
    uint32_t at = first;
    while (at < g->binds.len && g->binds.ptr[at].tls != tls)
        at++;
    if (at == g->binds.len) {
        struct graph_bind bind = {.frontend = section->name,
                                  .section = (uint32_t)index,
                                  .tls = tls,
                                  .tcp = tcp,
                                  .place = place,
                                  .first = khap__drawing_keep(d, address)};
        bind.port = port_of(bind.first);
        bind.addresses = bind.first;
        if (!khap__drawing_need(d, VEC_PUSH(&g->alloc, &g->binds, bind)))
            return;
    } else {
        khap__buf_clear(&d->scratch);
        khap__buf_add(&d->scratch, g->binds.ptr[at].addresses);
        khap__buf_add(&d->scratch, S(" "));
        khap__buf_add(&d->scratch, address);
        khap__drawing_need(d, !d->scratch.failed);
        if (d->status == KHAP_OK)
            g->binds.ptr[at].addresses = khap__drawing_keep(d, khap__buf_str(&d->scratch));
    }
    if (tls && d->status == KHAP_OK)
        khap__graph_certs(d, at);
}

static void read_frontend(struct drawing *d, const struct khap_view_section *section, size_t index)
{
    const struct khap_document *doc = document_of(section);
    uint32_t first = d->graph->binds.len;
    bool tcp = is_tcp(d, section);
    for (const struct khap_line *line = section->head; line != section->last && d->status == KHAP_OK;) {
        line = khap_line_next(doc, line);
        if (!read_line(d, doc, line))
            continue;
        struct khap_place place = khap_line_origin(doc, line);
        if (khap__str_eq(word_of(d, 0), S("bind")))
            take_bind(d, section, index, tcp, first, place);
        else
            khap__graph_gather(d, line, place);
    }
    if (d->status == KHAP_OK)
        khap__graph_ask(d, first);
    khap__graph_gather_end(d);
}

/* ---- services and nodes */

/* An address without its port: which machine. */
static struct khap_str host_of(struct khap_str address)
{
    size_t colon = address.len;
    while (colon > 0 && address.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0 || (address.len > 0 && address.ptr[0] == '/') || khap__str_starts(address, S("unix@")) ||
        khap__str_starts(address, S("abns@")))
        return address;
    struct khap_str host = khap__str_sub(address, 0, colon - 1);
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = khap__str_sub(host, 1, host.len - 2);
    return host;
}

static uint32_t node_of(struct drawing *d, struct khap_str name, struct khap_str address)
{
    struct khap_graph *g = d->graph;
    struct khap_str host = host_of(address);
    uint32_t index = 0;
    bool found = false;
    if (khap__map_get(&d->node_names, host, &index)) {
        struct graph_node *node = &g->nodes.ptr[index];
        node->n_servers++;
        if (!khap__str_eq(node->name, name)) /* it has no name of its own */
            node->name.len = 0;
        return index;
    }
    const struct graph_node node = {.name = name, .address = host, .n_servers = 1};
    khap__drawing_need(d,
                       VEC_PUSH(&g->alloc, &g->nodes, node) &&
                           khap__map_add(&d->node_names, host, g->nodes.len - 1, &found, &index) == KHAP_OK);
    return g->nodes.len == 0 ? 0 : g->nodes.len - 1;
}

static void read_service(struct drawing *d, const struct khap_view_section *section, size_t index)
{
    struct khap_graph *g = d->graph;
    const struct khap_document *doc = document_of(section);
    struct graph_service service = {.name = section->name,
                                    .place = khap_line_origin(doc, section->head),
                                    .first_server = g->servers.len,
                                    .section = (uint32_t)index};
    uint32_t number = g->services.len, old;
    bool found = false;
    for (const struct khap_line *line = section->head; line != section->last && d->status == KHAP_OK;) {
        line = khap_line_next(doc, line);
        if (!read_line(d, doc, line))
            continue;
        bool template = khap__str_eq(word_of(d, 0), S("server-template"));
        if ((!template && !khap__str_eq(word_of(d, 0), S("server"))) || khap_words_count(d->words) < 3)
            continue;
        struct graph_server server = {.name = khap__drawing_keep(d, word_of(d, 1)),
                                      .address = khap__drawing_keep(d, word_of(d, template ? 3 : 2)),
                                      .place = khap_line_origin(doc, line),
                                      .service = number,
                                      .backup = has_word(d, S("backup")),
                                      .disabled = has_word(d, S("disabled"))};
        server.node = d->status == KHAP_OK ? node_of(d, server.name, server.address) : 0;
        khap__drawing_need(d, d->status == KHAP_OK && VEC_PUSH(&g->alloc, &g->servers, server));
    }
    service.n_servers = g->servers.len - service.first_server;
    if (service.n_servers == 0 && khap__str_eq(section->kind, S("listen")))
        return; /* as a frontend does */
    khap__drawing_need(d,
                       d->status == KHAP_OK && VEC_PUSH(&g->alloc, &g->services, service) &&
                           khap__map_add(&d->service_names, service.name, number, &found, &old) == KHAP_OK);
}

static void read_global(struct drawing *d, const struct khap_view_section *section)
{
    const struct khap_document *doc = document_of(section);
    for (const struct khap_line *line = section->head; line != section->last && d->status == KHAP_OK;) {
        line = khap_line_next(doc, line);
        if (read_line(d, doc, line) && khap__str_eq(word_of(d, 0), S("crt-base")))
            d->crt_base = khap__drawing_keep(d, word_of(d, 1));
    }
}

/* Services first: entries lead to them. */
static void read_sections(struct drawing *d)
{
    struct khap_view_section section = {.size = sizeof section};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; d->status == KHAP_OK && khap_view_section_at(d->view, i, &section) == KHAP_OK;
             i++) {
            bool both = khap__str_eq(section.kind, S("listen"));
            if (section.read == KHAP_FALSE)
                continue;
            if (pass == 0 && khap__str_eq(section.kind, S("global")))
                read_global(d, &section);
            if (pass == 0 && (both || khap__str_eq(section.kind, S("backend"))))
                read_service(d, &section, i);
            if (pass == 1 && (both || khap__str_eq(section.kind, S("frontend"))))
                read_frontend(d, &section, i);
        }
    }
}

/* ---- findings */

/* The section that a place lies in, or SIZE_MAX. */
static size_t section_of(const struct drawing *d, struct khap_place place)
{
    struct khap_view_section section = {.size = sizeof section};
    for (size_t i = 0; place.source != 0 && khap_view_section_at(d->view, i, &section) == KHAP_OK; i++) {
        const struct khap_document *doc = document_of(&section);
        struct khap_place head = khap_line_origin(doc, section.head),
                          last = khap_line_origin(doc, section.last);
        if (head.source == place.source && last.source == place.source && place.offset >= head.offset &&
            place.offset <= (uint64_t)last.offset + last.len)
            return i;
    }
    return SIZE_MAX;
}

static struct khap_str place_text(struct drawing *d, struct khap_place place)
{
    uint32_t line, column;
    if (d->options->sources == NULL || place.source == 0)
        return (struct khap_str){NULL, 0};
    khap_sources_locate(d->options->sources, place, &line, &column);
    khap__buf_clear(&d->scratch);
    khap__buf_add(&d->scratch, khap_sources_name(d->options->sources, place.source));
    khap__buf_char(&d->scratch, ':');
    khap__buf_uint(&d->scratch, line);
    khap__drawing_need(d, !d->scratch.failed);
    return khap__drawing_keep(d, khap__buf_str(&d->scratch));
}

static void take_findings(struct drawing *d)
{
    struct khap_graph *g = d->graph;
    const struct khap_diag *diag = NULL;
    while (d->status == KHAP_OK && d->options->findings != NULL &&
           (diag = khap_diags_next(d->options->findings, diag)) != NULL) {
        size_t section = section_of(d, khap_diag_place(diag));
        struct graph_finding finding = {.text = khap__drawing_keep(d, khap_diag_text(diag)),
                                        .place = place_text(d, khap_diag_place(diag)),
                                        .code = khap_diag_code(diag),
                                        .severity = (uint32_t)khap_diag_severity(diag),
                                        .service = GRAPH_NONE,
                                        .bind = GRAPH_NONE};
        for (uint32_t i = 0; i < g->services.len && section != SIZE_MAX; i++)
            finding.service = g->services.ptr[i].section == section ? i : finding.service;
        for (uint32_t i = g->binds.len; i-- > 0 && section != SIZE_MAX;)
            finding.bind = g->binds.ptr[i].section == section ? i : finding.bind;
        khap__drawing_need(d, d->status == KHAP_OK && VEC_PUSH(&g->alloc, &g->findings, finding));
    }
}

/* ---- making one */

static enum khap_status draw(struct drawing *d)
{
    struct khap_graph *g = d->graph;
    struct khap_route_options options;
    khap_route_options_init(&options);
    options.facts = d->options->facts;
    options.files = d->options->files;
    khap__map_init(&d->service_names, &g->alloc);
    khap__map_init(&d->node_names, &g->alloc);
    khap__map_init(&d->acl_names, &g->alloc);
    khap__map_init(&d->seen, &g->alloc);
    khap__buf_init(&d->scratch, &g->alloc);
    d->status = khap_words_new(&g->alloc, &d->words);
    if (d->status == KHAP_OK)
        d->status = khap_view_new(&g->alloc, d->bundle, &d->target, d->options->facts, NULL, &d->view);
    if (d->status == KHAP_OK)
        d->status = khap_route_new(&g->alloc, d->bundle, &d->target, &options, NULL, &d->route);
    if (d->status == KHAP_OK) {
        g->now = d->options->now;
        g->title = khap__drawing_keep(d, d->options->title.len > 0 ? d->options->title : S("HAProxy"));
        read_sections(d);
    }
    if (d->status == KHAP_OK)
        take_findings(d);
    /* names that are shown outlive the view */
    for (uint32_t i = 0; i < g->services.len && d->status == KHAP_OK; i++)
        g->services.ptr[i].name = khap__drawing_keep(d, g->services.ptr[i].name);
    for (uint32_t i = 0; i < g->binds.len && d->status == KHAP_OK; i++)
        g->binds.ptr[i].frontend = khap__drawing_keep(d, g->binds.ptr[i].frontend);
    khap_route_free(d->route);
    khap_view_free(d->view);
    khap_words_free(d->words);
    khap__buf_free(&d->scratch);
    khap__map_free(&d->service_names);
    khap__map_free(&d->node_names);
    khap__map_free(&d->acl_names);
    khap__map_free(&d->seen);
    VEC_FREE(&g->alloc, &d->candidates);
    VEC_FREE(&g->alloc, &d->rules);
    VEC_FREE(&g->alloc, &d->literals);
    VEC_FREE(&g->alloc, &d->acls);
    return d->status;
}

enum khap_status khap_graph_new(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                                const struct khap_target *target, const struct khap_graph_options *options,
                                struct khap_graph **out)
{
    struct khap_graph_options standard;
    khap_graph_options_init(&standard);
    if (bundle == NULL || target == NULL || out == NULL || target->size != sizeof *target ||
        (options != NULL && options->size != sizeof *options))
        return KHAP_EINVAL;
    *out = NULL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_graph *g = khap__alloc(&a, 1, sizeof *g);
    if (g == NULL)
        return KHAP_ENOMEM;
    *g = (struct khap_graph){.alloc = a};
    khap__arena_init(&g->arena, &a);
    struct drawing d = {
        .graph = g, .bundle = bundle, .options = options != NULL ? options : &standard, .target = *target};
    d.target.first = d.target.last;
    enum khap_status status = draw(&d);
    if (status == KHAP_OK)
        *out = g;
    else
        khap_graph_free(g);
    return status;
}

void khap_graph_free(struct khap_graph *graph)
{
    if (graph == NULL)
        return;
    struct khap_alloc a = graph->alloc;
    VEC_FREE(&a, &graph->binds);
    VEC_FREE(&a, &graph->entries);
    VEC_FREE(&a, &graph->services);
    VEC_FREE(&a, &graph->servers);
    VEC_FREE(&a, &graph->nodes);
    VEC_FREE(&a, &graph->certs);
    VEC_FREE(&a, &graph->cert_names);
    VEC_FREE(&a, &graph->findings);
    khap__arena_free(&graph->arena);
    khap__free(&a, graph, 1, sizeof *graph);
}

enum khap_status khap_graph_entry_at(const struct khap_graph *graph, size_t index,
                                     struct khap_graph_entry *out)
{
    if (graph == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= graph->entries.len)
        return KHAP_ENOENT;
    const struct graph_entry *e = &graph->entries.ptr[index];
    *out = (struct khap_graph_entry){.size = sizeof *out,
                                     .frontend = graph->binds.ptr[e->bind].frontend,
                                     .host = e->host,
                                     .path = e->path,
                                     .rule = e->rule,
                                     .url = e->url,
                                     .location = e->location,
                                     .kind = e->kind,
                                     .status = e->status,
                                     .certain = e->certain ? 1 : 0};
    if (e->service != GRAPH_NONE)
        out->service = graph->services.ptr[e->service].name;
    return KHAP_OK;
}

enum khap_status khap_graph_print(const struct khap_graph *graph, uint32_t format,
                                  const struct khap_sink *sink)
{
    struct buf out;
    enum khap_status status = KHAP_EINVAL;
    if (graph == NULL || sink == NULL)
        return KHAP_EINVAL;
    khap__buf_init(&out, &graph->alloc);
    if (format == KHAP_GRAPH_DOT)
        status = khap__graph_dot(graph, &out);
    else if (format == KHAP_GRAPH_SVG)
        status = khap__graph_svg(graph, &out);
    else if (format == KHAP_GRAPH_HTML)
        status = khap__graph_html(graph, &out);
    if (status == KHAP_OK)
        status = khap__buf_flush(&out, sink);
    khap__buf_free(&out);
    return status;
}
