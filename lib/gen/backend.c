/* The backends, one a service, and the frontends of TCP services. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

/* One of the service's own lines that says the same stands in its place: two would be a warning of HAProxy's.
 */
static void time_line(struct gen *g, const char *words, uint64_t us, const struct raw *extra,
                      struct khap_place origin)
{
    if (us == 0 || khap__raw_replaces(extra, khap__str(words)))
        return;
    khap__doc_begin(g->doc, 4, origin);
    khap__doc_lit_n(g->doc, words, strlen(words));
    khap__gen_time(g, us);
    khap__doc_end(g->doc);
}

/* The key of dynamic cookies, one word, from its file. */
static void cookie_key_line(struct gen *g, const struct service *s)
{
    const struct khap_file_source *files = g->options->files;
    struct khap_str text;
    enum khap_status status =
        files && files->read ? files->read(files->ctx, s->cookie.key_file, &text) : KHAP_ENOENT;
    if (status != KHAP_OK) {
        SAY(g->diags, MSG_FILE_UNREADABLE, s->cookie.place, s->cookie.key_file,
            khap__str(khap_status_text(status)));
        return;
    }
    struct khap_str key = text;
    while (key.len > 0 && (key.ptr[key.len - 1] == '\n' || key.ptr[key.len - 1] == '\r'))
        key.len--;
    bool good = key.len >= 1 && key.len <= 255;
    for (size_t i = 0; good && i < key.len; i++)
        good = key.ptr[i] > 0x20 && key.ptr[i] < 0x7f;
    if (good) {
        khap__doc_begin(g->doc, 4, s->cookie.place);
        khap__doc_lit(g->doc, "dynamic-cookie-key");
        khap__doc_word(g->doc, key);
        khap__doc_end(g->doc);
        g->secret = true;
    } else {
        SAY(g->diags, MSG_COOKIE_KEY_BAD, s->cookie.place, s->cookie.key_file);
    }
    if (files->done)
        files->done(files->ctx, text);
}

static void cookie_lines(struct gen *g, const struct service *s)
{
    static const char modes[][8] = {"insert", "prefix", "rewrite"};
    struct khap_document *doc = g->doc;
    if (!s->cookie.on)
        return;
    khap__doc_begin(doc, 4, s->cookie.place);
    khap__doc_lit(doc, "cookie");
    khap__doc_word(doc, s->cookie.name);
    khap__doc_word(doc, khap__str(modes[s->cookie.mode]));
    if (s->cookie.indirect)
        khap__doc_lit(doc, "indirect");
    if (s->cookie.nocache)
        khap__doc_lit(doc, "nocache");
    if (s->cookie.httponly)
        khap__doc_lit(doc, "httponly");
    if (s->cookie.secure)
        khap__doc_lit(doc, "secure");
    if (s->cookie.maxidle > 0) {
        khap__doc_lit(doc, "maxidle");
        khap__gen_time(g, s->cookie.maxidle);
    }
    if (s->cookie.maxlife > 0) {
        khap__doc_lit(doc, "maxlife");
        khap__gen_time(g, s->cookie.maxlife);
    }
    if (s->cookie.dynamic)
        khap__doc_lit(doc, "dynamic");
    khap__doc_end(doc);
    if (s->cookie.dynamic)
        cookie_key_line(g, s);
}

/* What is the same for all servers of a service: the part of the line behind the server's own words. */
static void server_tail(struct gen *g, const struct service *s, const struct node *node)
{
    struct khap_document *doc = g->doc;
    khap__gen_server_check(g, s, node);
    if (s->protocol == PROTOCOL_HTTPS || s->protocol == PROTOCOL_H2) {
        khap__doc_lit(doc, "ssl verify");
        khap__doc_word(doc, s->tls_verify ? S("required") : S("none"));
        if (s->tls_ca.len > 0) {
            khap__doc_lit(doc, "ca-file");
            khap__doc_word(doc, s->tls_ca);
        }
        if (s->tls_sni.len > 0) {
            khap__doc_lit(doc, "sni");
            khap__doc_part(doc, S("str("));
            khap__doc_part(doc, s->tls_sni);
            khap__doc_part(doc, S(")"));
            khap__doc_part_end(doc);
        }
    }
    if (s->protocol == PROTOCOL_H2)
        khap__doc_lit(doc, "alpn h2");
    if (s->protocol == PROTOCOL_H2C)
        khap__doc_lit(doc, "proto h2");
    if (s->send_proxy == 1)
        khap__doc_lit(doc, "send-proxy");
    if (s->send_proxy == 2)
        khap__doc_lit(doc, "send-proxy-v2");
}

/*
 * What a node's server says in every service, written once: "server node1", "10.0.0.1:", "id 5 weight 100".
 * Names and addresses of nodes need no quotes in any release.
 */
static const struct node_text *node_text(struct gen *g, const struct server *server)
{
    size_t index = (size_t)(server->node - g->r.nodes.ptr);
    struct node_text *text = &g->node_texts[index];
    if (text->id == server->id)
        return text;
    struct buf *b = &g->text;
    khap__buf_clear(b);
    khap__buf_add(b, S("server "));
    khap__buf_add(b, server->name);
    size_t name_end = b->len;
    struct address address = server->address;
    address.has_port = true;
    address.port = address.port_last = 1;
    khap__address_print(b, g->r.target.first, g->r.target.last, &address);
    size_t address_end = b->len - 1; /* without the port */
    b->len = address_end;
    khap__buf_add(b, S("id "));
    khap__buf_uint(b, server->id);
    khap__buf_add(b, S(" weight "));
    khap__buf_uint(b, server->state == NODE_DRAIN ? 0 : server->weight);
    struct khap_str all;
    if (b->failed || khap__arena_dup(&g->arena, khap__buf_str(b), &all) != KHAP_OK) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return NULL;
    }
    text->id = server->id;
    text->name = khap__str_sub(all, 0, name_end);
    text->address = khap__str_sub(all, name_end, address_end - name_end);
    text->weight = khap__str_sub(all, address_end, all.len);
    return text;
}

static void own_words(struct gen *g, const struct server *server)
{
    struct khap_document *doc = g->doc;
    struct address address = server->address;
    khap__doc_lit(doc, "server");
    khap__doc_word(doc, server->name);
    address.has_port = true;
    address.port = address.port_last = server->port;
    khap__gen_address(g, &address);
    khap__doc_lit(doc, "id");
    khap__doc_uint(doc, server->id);
    khap__doc_lit(doc, "weight");
    khap__doc_uint(doc, server->state == NODE_DRAIN ? 0 : server->weight);
}

static void node_words(struct gen *g, const struct server *server)
{
    struct khap_document *doc = g->doc;
    const struct node_text *text = node_text(g, server);
    char digits[5];
    size_t at = sizeof digits;
    if (!text)
        return;
    for (unsigned port = server->port; at == sizeof digits || port > 0; port /= 10)
        digits[--at] = (char)('0' + port % 10);
    khap__doc_lit_n(doc, text->name.ptr, text->name.len);
    khap__doc_part(doc, text->address);
    khap__doc_part(doc, (struct khap_str){digits + at, sizeof digits - at});
    khap__doc_part_end(doc);
    khap__doc_lit_n(doc, text->weight.ptr, text->weight.len);
}

/*
 * The same server in every process that ever runs this map; of all things that HAProxy has no other may be called so. By its id, because two names
 * with a colon between them may be those of two servers. A backend whose name leaves no room has none: nothing needs it.
 */
static void guid_words(struct gen *g, const struct service *s, const struct server *server)
{
    enum { GUID_MAX = 127, DIGITS = 10 };
    static const struct khap_str ours = {"khap:", 5};
    char digits[20];
    if (!gen_from(g, R(3, 0)) || s->name.len > GUID_MAX - DIGITS - 1 - ours.len)
        return;
    khap__doc_lit(g->doc, "guid");
    khap__doc_part(g->doc, ours);
    khap__doc_part(g->doc, s->name);
    khap__doc_part(g->doc, S(":"));
    khap__doc_part(g->doc, khap__str_uint(digits, server->id));
    khap__doc_part_end(g->doc);
}

/* A name that does not resolve does not keep HAProxy from starting. */
static void name_words(struct gen *g, const struct address *a)
{
    if (a->family == ADDRESS_NAME && gen_from(g, R(1, 7)))
        khap__doc_lit(g->doc, "init-addr last,libc,none");
}

static void server_line(struct gen *g, const struct service *s, const struct server *server)
{
    struct khap_document *doc = g->doc;
    khap__doc_begin(doc, 4, server->place);
    if (server->node)
        node_words(g, server);
    else
        own_words(g, server);
    guid_words(g, s, server);
    if (s->cookie.on && !s->cookie.dynamic) {
        khap__doc_lit(doc, "cookie");
        khap__doc_word(doc, server->name);
    }
    server_tail(g, s, server->node);
    int64_t maxconn = server->maxconn > 0 ? server->maxconn : s->maxconn;
    int64_t maxqueue = server->maxqueue > 0 ? server->maxqueue : s->maxqueue;
    uint64_t slowstart = server->slowstart > 0 ? server->slowstart : s->slowstart;
    if (maxconn > 0) {
        khap__doc_lit(doc, "maxconn");
        khap__doc_uint(doc, (uint64_t)maxconn);
    }
    if (maxqueue > 0) {
        khap__doc_lit(doc, "maxqueue");
        khap__doc_uint(doc, (uint64_t)maxqueue);
    }
    if (slowstart > 0) {
        khap__doc_lit(doc, "slowstart");
        khap__gen_time(g, slowstart);
    }
    name_words(g, &server->address);
    if (server->backup)
        khap__doc_lit(doc, "backup");
    if (server->state == NODE_MAINT)
        khap__doc_lit(doc, "disabled");
    khap__doc_end(doc);
}

/* The frontend of a TCP service with an address of its own. */
static void tcp_frontend(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    khap__gen_section(g, s->place, "frontend khap-", s->name);
    khap__gen_line(g, 4, "mode tcp", s->place);
    khap__gen_frontend_frame(g, true, NULL, s->place);
    for (uint32_t i = 0; i < s->n_binds; i++) {
        khap__doc_begin(doc, 4, s->binds[i].place);
        khap__doc_lit(doc, "bind");
        khap__gen_bind_address(g, &s->binds[i].address);
        khap__doc_end(doc);
    }
    khap__gen_tcplog(g, s->place);
    khap__doc_begin(doc, 4, s->place);
    khap__doc_lit(doc, "default_backend");
    khap__doc_word(doc, s->head->backend);
    khap__doc_end(doc);
}

static void leaving(struct gen *g, const struct service *s)
{
    struct khap_str *names;
    if (g->options->leaving == NULL)
        return;
    names = khap__arena_alloc(&g->scratch, s->n_servers, sizeof *names);
    if (names == NULL && s->n_servers > 0) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return;
    }
    for (uint32_t i = 0; i < s->n_servers; i++)
        names[i] = s->servers[i].name;
    khap__gen_leaving(g, s->name, names, s->n_servers, s->place);
}

static void write_backend(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    struct raw extra;
    khap__gen_extra(g, S("defaults"), s->extra, &extra);
    khap__gen_section(g, s->place, "backend ", s->name);
    if (s->mode != MODE_HTTP)
        khap__gen_line(g, 4, "mode tcp", s->place);
    khap__gen_backend_frame(g, s->mode != MODE_HTTP, s, &extra, s->place);
    khap__gen_balance(g, s, &extra);
    cookie_lines(g, s);
    khap__gen_check(g, s);
    time_line(g, "timeout connect", s->connect, &extra, s->place);
    time_line(g, "timeout server", s->server_timeout, &extra, s->place);
    time_line(g, "timeout queue", s->queue, &extra, s->place);
    time_line(g, "timeout tunnel", s->tunnel, &extra, s->place);
    khap__gen_answer_settings(g, s);
    khap__raw_write(&extra, RAW_SETTING, doc, 4);
    khap__gen_backend_rules(g, s, &extra);
    for (uint32_t i = 0; i < s->n_servers; i++)
        server_line(g, s, &s->servers[i]);
    leaving(g, s);
    khap__raw_free(&g->alloc, &extra);
}

static void backend(struct gen *g, const struct service *s)
{
    struct khap_document *all = g->doc, *own = NULL;
    if (s->mode == MODE_TCP)
        tcp_frontend(g, s);
    if (!khap__gen_profiles(g) || s->mode != MODE_HTTP) {
        write_backend(g, s);
        return;
    }
    enum khap_status status = khap_document_new(&g->alloc, &g->r.target, &own);
    if (status == KHAP_OK) {
        g->doc = own;
        write_backend(g, s);
        g->doc = all;
        status = khap__gen_check_document(g, own);
    }
    if (status == KHAP_OK)
        khap__gen_profiled(g, own, s->extra == NULL);
    else if (status != KHAP_EINPUT) /* which was said */
        khap__gen_fail(g, status);
    khap_document_free(own);
}

/* What there is of a service that leads to a backend of one's own. */
static void before_backend(struct gen *g, const struct service *s)
{
    if (s->mode == MODE_TCP)
        tcp_frontend(g, s);
    if (!s->head->redirects)
        return;
    khap__gen_section(g, s->place, "backend ", s->name);
    khap__gen_backend_frame(g, false, NULL, NULL, s->place);
    khap__gen_redirect_lines(g, s->place, true, s->head->frontends);
    if (g->routing != ROUTING_HDR_REG) /* without a host there is nothing to redirect to */
        khap__gen_line(g, 4, "http-request deny deny_status 400", s->place);
}

void khap__gen_backends(struct gen *g)
{
    g->node_texts = khap__arena_zalloc(&g->arena, g->r.nodes.len, sizeof *g->node_texts);
    if (!g->node_texts) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return;
    }
    for (uint32_t i = 0; i < g->r.services.len && g->failure == KHAP_OK; i++) {
        struct service s;
        khap__arena_reset(&g->scratch);
        enum khap_status status = khap__service_resolve(&g->r, i, &g->scratch, &s);
        if (status == KHAP_OK && !s.head->own_backend)
            backend(g, &s);
        else if (status == KHAP_OK)
            before_backend(g, &s);
        else
            khap__gen_fail(g, status);
    }
}

/* The sections of our own that answer themselves or pass on. */
void khap__gen_helpers(struct gen *g)
{
    struct khap_document *doc = g->doc;
    if (g->needs_acme) {
        khap__doc_blank(doc);
        khap__gen_section_comment(g, g->r.acme->place, S("acme"));
        khap__gen_line(g, 0, "backend khap-acme", g->r.acme->place);
        khap__gen_backend_frame(g, false, NULL, NULL, g->r.acme->place);
        khap__doc_begin(doc, 4, g->r.acme->place);
        khap__doc_lit(doc, "server acme");
        khap__gen_address(g, &g->r.acme_server);
        name_words(g, &g->r.acme_server);
        khap__doc_end(doc);
    }
    khap__gen_node_checks(g);
    if (g->needs_404) {
        khap__doc_blank(doc);
        khap__doc_comment(doc, 0, NOWHERE, S("What matches no service"));
        khap__gen_line(g, 0, "backend khap-404", NOWHERE);
        khap__gen_backend_frame(g, false, NULL, NULL, NOWHERE);
        if (gen_from(g, R(2, 2)))
            khap__gen_line(g, 4, "http-request deny deny_status 404", NOWHERE);
        else if (g->options->bundle) {
            khap__gen_line(g, 4, "errorfile 503 errors/404.http", NOWHERE);
            static const char page[] =
                "HTTP/1.0 404 Not Found\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: "
                "text/html\r\n\r\n"
                "<html><body><h1>404 Not Found</h1>\nThe requested resource was not found.\n</body></html>\n";
            khap__gen_fail(g, khap_bundle_add_file(g->bundle, S("errors/404.http"),
                                                   (struct khap_str){page, sizeof page - 1}, 0));
        } else {
            SAY(g->diags, MSG_NO_404_HERE, NOWHERE, khap__gen_target_text(g));
        }
    }
    if (g->needs_421) {
        khap__doc_blank(doc);
        khap__doc_comment(doc, 0, NOWHERE,
                          S("Hosts that are passed through, over a connection made for another host"));
        khap__gen_line(g, 0, "backend khap-421", NOWHERE);
        khap__gen_backend_frame(g, false, NULL, NULL, NOWHERE);
        khap__gen_line(g, 4, gen_from(g, R(2, 2)) ? "http-request deny deny_status 421" : "http-request deny",
                       NOWHERE);
    }
    if (g->needs_reject) {
        khap__doc_blank(doc);
        khap__doc_comment(doc, 0, NOWHERE, S("TLS for names that no service has"));
        khap__gen_line(g, 0, "backend khap-refuse", NOWHERE);
        khap__gen_line(g, 4, "mode tcp", NOWHERE);
        khap__gen_backend_frame(g, true, NULL, NULL, NOWHERE);
        khap__gen_line(g, 4, "tcp-request content reject", NOWHERE);
    }
}

/* Whole sections of one's own, as they are. */
void khap__gen_sections(struct gen *g)
{
    const struct setting *sections = g->r.own_sections;
    if (!sections || sections->kind != SETTING_TEXT || g->r.sections.len == 0)
        return;
    uint32_t blank = 0; /* lines that wait for one that is not */
    bool begun = false;
    khap__doc_blank(g->doc);
    khap__gen_section_comment(g, sections->place, S("sections"));
    for (struct khap_str rest = sections->text; rest.len > 0;) {
        size_t end = khap__str_find(rest, '\n');
        struct khap_str line = {rest.ptr, end};
        rest = khap__str_sub(rest, end + 1, rest.len);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (khap__str_trim(line).len == 0) {
            blank += begun;
            continue;
        }
        for (; blank > 0; blank--)
            khap__doc_blank(g->doc);
        khap__doc_raw(g->doc, 0, line, sections->place);
        begun = true;
    }
}
