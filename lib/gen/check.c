/* Health checks: lines of the backend, and words of its servers. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

/* A status pattern for releases that know one code or a regular expression. */
static void status_regex(struct gen *g, const struct service *s)
{
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S("^("));
    for (uint32_t i = 0; i < s->check.n_expect; i++) {
        for (unsigned code = s->check.expect[i].from; code <= s->check.expect[i].to; code++) {
            if (code % 100 == 0 && code + 99u <= s->check.expect[i].to) { /* a whole hundred */
                khap__buf_uint(&g->text, code / 100);
                khap__buf_add(&g->text, S("..|"));
                code += 99;
            } else {
                khap__buf_uint(&g->text, code);
                khap__buf_char(&g->text, '|');
            }
        }
    }
    g->text.len -= g->text.len > 0 && !g->text.failed ? 1 : 0;
    khap__buf_add(&g->text, S(")$"));
    khap__doc_lit(g->doc, "rstatus");
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

static void expect_line(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    if (s->check.n_expect == 0)
        return;
    khap__doc_begin(doc, 4, s->check.place);
    khap__doc_lit(doc, "http-check expect");
    bool one = s->check.n_expect == 1 && s->check.expect[0].from == s->check.expect[0].to;
    if (!one && !gen_from(g, R(2, 2))) {
        status_regex(g, s);
        khap__doc_end(doc);
        return;
    }
    khap__doc_lit(doc, "status");
    khap__buf_clear(&g->text);
    for (uint32_t i = 0; i < s->check.n_expect; i++) {
        if (i > 0)
            khap__buf_char(&g->text, ',');
        khap__buf_uint(&g->text, s->check.expect[i].from);
        if (s->check.expect[i].to != s->check.expect[i].from) {
            khap__buf_char(&g->text, '-');
            khap__buf_uint(&g->text, s->check.expect[i].to);
        }
    }
    khap__doc_word(doc, khap__buf_str(&g->text));
    khap__doc_end(doc);
}

/* From 2.2 the request has a directive of its own; before, the host is smuggled into the version. */
static void http_lines(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    struct khap_str host = s->check.host;
    khap__doc_begin(doc, 4, s->check.place);
    khap__doc_lit(doc, "option httpchk");
    if (gen_from(g, R(2, 2))) {
        khap__doc_end(doc);
        khap__doc_begin(doc, 4, s->check.place);
        khap__doc_lit(doc, "http-check send meth");
        khap__doc_word(doc, s->check.method);
        khap__doc_lit(doc, "uri");
        khap__doc_word(doc, s->check.path);
        if (host.len > 0) {
            khap__doc_lit(doc, "ver HTTP/1.1 hdr Host");
            khap__doc_word(doc, host);
        }
        khap__doc_end(doc);
        expect_line(g, s);
        return;
    }
    if (host.len > 0 && !gen_before(g, R(2, 2))) {
        if (s->check.host_given)
            SAY(g->diags, MSG_NO_COMMON_WAY, s->check.place, S("check.host"), khap__gen_target_text(g),
                S("2.2"));
        else if (!g->said_no_host)
            SAY(g->diags, MSG_CHECK_WITHOUT_HOST, s->check.place, khap__gen_target_text(g));
        g->said_no_host = true;
        host.len = 0; /* HTTP/1.0, which every release of the range can say */
    }
    khap__doc_word(doc, s->check.method);
    khap__doc_word(doc, s->check.path);
    if (host.len > 0) {
        khap__doc_part(doc, S("HTTP/1.1\r\nHost: "));
        khap__doc_part(doc, host);
        khap__doc_part_end(doc);
    }
    khap__doc_end(doc);
    expect_line(g, s);
}

/* Checks that speak the server's own language. */
static void dialogue_line(struct gen *g, const struct service *s)
{
    static const char *const words[CHECK_GRPC + 1] = {[CHECK_MYSQL] = "option mysql-check user",
                                                      [CHECK_POSTGRES] = "option pgsql-check user",
                                                      [CHECK_REDIS] = "option redis-check",
                                                      [CHECK_SMTP] = "option smtpchk"};
    const char *line = words[s->check.type];
    if (!line)
        return;
    khap__doc_begin(g->doc, 4, s->check.place);
    khap__doc_lit_n(g->doc, line, strlen(line));
    if (s->check.user.len > 0)
        khap__doc_word(g->doc, s->check.user);
    if (s->check.type == CHECK_MYSQL) /* before 2.2 it is not the default */
        khap__doc_lit(g->doc, "post-41");
    khap__doc_end(g->doc);
}

/* A whole exchange over HTTP/2 in bytes, because an HTTP check cannot send the zeros of a message: an empty HealthCheckRequest for the whole
 * server, then a HealthCheckResponse that says SERVING. It is over before the server misses the acknowledgement of its settings. */
static void grpc_lines(struct gen *g, const struct service *s, bool tls)
{
    static const char *const words[] = {
        "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a",             /* the preface */
        "000000040000000000",                                           /* SETTINGS */
        "000057010400000001",                                           /* HEADERS */
        "83",                                                           /* :method POST */
        "86",                                                           /* :scheme http */
        "041c2f677270632e6865616c74682e76312e4865616c74682f436865636b", /* :path /grpc.health.v1.Health/Check */
        "01096c6f63616c686f7374",                                       /* :authority localhost */
        "000c636f6e74656e742d74797065106170706c69636174696f6e2f67727063", /* content-type application/grpc */
        "0002746508747261696c657273",                                     /* te trailers */
        "0000050001000000010000000000", /* DATA, the last: an empty message */
    };
    enum { SCHEME = 4 };
    khap__gen_line(g, 4, "option tcp-check", s->check.place);
    khap__doc_begin(g->doc, 4, s->check.place);
    khap__doc_lit(g->doc, "tcp-check send-binary");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        khap__doc_part(g->doc, tls && i == SCHEME ? S("87") : khap__str(words[i]));
    khap__doc_part_end(g->doc);
    khap__doc_end(g->doc);
    /* the end of the head of DATA on stream 1, a message of two bytes, status 1 */
    khap__gen_line(g, 4, "tcp-check expect binary 000000000100000000020801", s->check.place);
}

static bool to_tls(const struct service *s)
{
    return s->protocol == PROTOCOL_HTTPS || s->protocol == PROTOCOL_H2;
}

static void agent_words(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    if (s->agent.port == 0)
        return;
    khap__doc_lit(doc, "agent-check agent-port");
    khap__doc_uint(doc, s->agent.port);
    khap__doc_lit(doc, "agent-inter");
    khap__gen_time(g, s->agent.interval);
    if (s->agent.send.len > 0) {
        khap__doc_lit(doc, "agent-send");
        khap__doc_part(doc, s->agent.send);
        khap__doc_part(doc, S("\n"));
        khap__doc_part_end(doc);
    }
}

void khap__gen_check(struct gen *g, const struct service *s)
{
    static const uint64_t usual_interval = 2000000;
    struct khap_document *doc = g->doc;
    if (s->check.on && s->check.type == CHECK_HTTP)
        http_lines(g, s);
    if (s->check.on)
        dialogue_line(g, s);
    if (s->check.on && s->check.type == CHECK_GRPC)
        grpc_lines(g, s, to_tls(s));
    if (!s->check.on && !g->into)
        return;
    if (!g->into && s->check.interval == usual_interval && s->check.rise == 2 && s->check.fall == 3)
        return; /* as in defaults */
    khap__doc_begin(doc, 4, s->check.place);
    khap__doc_lit(doc, "default-server inter");
    khap__gen_time(g, s->check.on ? s->check.interval : usual_interval);
    khap__doc_lit(doc, "fall");
    khap__doc_uint(doc, s->check.on ? s->check.fall : 3);
    khap__doc_lit(doc, "rise");
    khap__doc_uint(doc, s->check.on ? s->check.rise : 2);
    khap__gen_default_server(g, s);
    khap__doc_end(doc);
}

void khap__gen_server_check(struct gen *g, const struct service *s, const struct node *node)
{
    struct khap_document *doc = g->doc;
    agent_words(g, s);
    if (!s->check.on)
        return;
    if (s->check.node && node) {
        khap__doc_lit(doc, "track");
        khap__doc_part(doc, S("khap-nodes/"));
        khap__doc_part(doc, node->name);
        khap__doc_part_end(doc);
        g->needs_nodes = true;
        return;
    }
    bool tls = to_tls(s);
    khap__doc_lit(doc, "check");
    if (s->check.port > 0) {
        khap__doc_lit(doc, "port");
        khap__doc_uint(doc, s->check.port);
    }
    if (s->check.type == CHECK_TLS && !tls) /* a handshake is enough: nobody's certificate is known here */
        khap__doc_lit(doc, "check-ssl verify none");
    else if (tls && s->check.port > 0)
        khap__doc_lit(doc, "check-ssl");
    if (tls && s->tls_sni.len > 0 && gen_from(g, R(1, 8))) {
        khap__doc_lit(doc, "check-sni");
        khap__doc_word(doc, s->tls_sni);
    }
    if ((s->protocol == PROTOCOL_H2 || (tls && s->check.type == CHECK_GRPC)) && gen_from(g, R(2, 0)))
        khap__doc_lit(doc, "check-alpn h2");
    if (s->send_proxy > 0 && s->check.port > 0)
        khap__doc_lit(doc, "check-send-proxy");
}

void khap__gen_node_checks(struct gen *g)
{
    const struct setting *given = g->r.node_check;
    if (!g->needs_nodes)
        return;
    const struct setting *port = khap__setting_find(given, KEY_NODE_CHECK_PORT),
                         *path = khap__setting_find(given, KEY_NODE_CHECK_PATH),
                         *interval = khap__setting_find(given, KEY_NODE_CHECK_INTERVAL),
                         *rise = khap__setting_find(given, KEY_NODE_CHECK_RISE),
                         *fall = khap__setting_find(given, KEY_NODE_CHECK_FALL);
    struct service s = {.place = given->place, .mode = MODE_HTTP};
    s.check.on = true;
    s.check.place = given->place;
    s.check.type = path ? CHECK_HTTP : CHECK_TCP;
    s.check.path = path ? path->text : S("");
    s.check.method = S("GET");
    s.check.interval = interval ? (uint64_t)interval->number : 2000000;
    s.check.rise = rise ? (uint32_t)rise->number : 2;
    s.check.fall = fall ? (uint32_t)fall->number : 3;
    khap__doc_blank(g->doc);
    khap__doc_comment(g->doc, 0, NOWHERE, S("Nodes, each checked once for all services"));
    khap__gen_line(g, 0, "backend khap-nodes", given->place);
    khap__gen_backend_frame(g, false, &s, NULL, given->place);
    khap__gen_check(g, &s);
    for (uint32_t i = 0; i < g->r.nodes.len; i++) {
        const struct node *node = &g->r.nodes.ptr[i];
        struct address address = node->address;
        address.has_port = true;
        address.port = address.port_last = (uint16_t)port->number;
        khap__doc_begin(g->doc, 4, node->place);
        khap__doc_lit(g->doc, "server");
        khap__doc_word(g->doc, node->name);
        khap__gen_address(g, &address);
        khap__gen_server_check(g, &s, NULL);
        if (address.family == ADDRESS_NAME && gen_from(g, R(1, 7)))
            khap__doc_lit(g->doc, "init-addr last,libc,none");
        khap__doc_end(g->doc);
    }
    if (g->options->leaving == NULL)
        return;
    struct khap_str *names = khap__arena_alloc(&g->arena, g->r.nodes.len, sizeof *names);
    for (uint32_t i = 0; names != NULL && i < g->r.nodes.len; i++)
        names[i] = g->r.nodes.ptr[i].name;
    if (names == NULL)
        khap__gen_fail(g, KHAP_ENOMEM);
    else
        khap__gen_leaving(g, S("khap-nodes"), names, g->r.nodes.len, given->place);
}
