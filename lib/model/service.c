/* model/service.c - one service, whole: its own keys over serviceDefaults. SPDX-License-Identifier: MIT */
#include "model/service_parts.h"
#include "model/types.h"

static uint64_t time_of(const struct setting *s)
{
    return s ? (uint64_t)s->number : 0;
}

static bool bool_of(const struct setting *s, bool otherwise)
{
    return s ? s->number != 0 : otherwise;
}

static struct khap_str text_of(const struct setting *s, struct khap_str otherwise)
{
    return s && s->kind == SETTING_TEXT ? s->text : otherwise;
}

static uint32_t count(const struct setting *s)
{
    return s ? s->n_children : 0;
}

static void fill_cookie(struct layered cookie, struct service *out)
{
    if (!cookie.own)
        return;
    const struct setting *mode = khap__member(cookie, KEY_SERVICE_COOKIE_MODE);
    bool insert = !mode || khap__is_text(mode, S("insert"));
    out->cookie.on = true;
    out->cookie.place = cookie.own->place;
    out->cookie.name = text_of(khap__member(cookie, KEY_SERVICE_COOKIE_NAME), S("SRV_ID"));
    out->cookie.mode = insert                             ? COOKIE_INSERT
                       : khap__is_text(mode, S("prefix")) ? COOKIE_PREFIX
                                                          : COOKIE_REWRITE;
    out->cookie.indirect = out->cookie.mode != COOKIE_REWRITE &&
                           bool_of(khap__member(cookie, KEY_SERVICE_COOKIE_INDIRECT), insert);
    out->cookie.nocache = bool_of(khap__member(cookie, KEY_SERVICE_COOKIE_NOCACHE), insert);
    out->cookie.httponly = bool_of(khap__member(cookie, KEY_SERVICE_COOKIE_HTTPONLY), false);
    out->cookie.secure = bool_of(khap__member(cookie, KEY_SERVICE_COOKIE_SECURE), false);
    if (!insert) /* the rest is for insert; inherited it is left out */
        return;
    out->cookie.dynamic = bool_of(khap__member(cookie, KEY_SERVICE_COOKIE_DYNAMIC), false);
    if (out->cookie.dynamic)
        out->cookie.key_file = text_of(khap__member(cookie, KEY_SERVICE_COOKIE_KEY_FILE), S(""));
    out->cookie.maxidle = time_of(khap__member(cookie, KEY_SERVICE_COOKIE_MAXIDLE));
    out->cookie.maxlife = time_of(khap__member(cookie, KEY_SERVICE_COOKIE_MAXLIFE));
}

static bool fill_check(const struct resolved *r, const struct service_parts *parts,
                       const struct setting *inherited, struct arena *scratch, struct service *out)
{
    struct layered check = khap__layered(parts->check, inherited);
    const struct setting *rise, *fall, *port, *interval;
    out->check.on = !(parts->check && parts->check->kind == SETTING_OFF);
    if (!out->check.on)
        return true;
    out->check.place = check.own ? check.own->place : out->place;
    out->check.node = khap__is_true(khap__member(check, KEY_SERVICE_CHECK_NODE));
    out->check.type = (uint8_t)khap__check_type(check, out->mode);
    interval = khap__member(check, KEY_SERVICE_CHECK_INTERVAL);
    rise = khap__member(check, KEY_SERVICE_CHECK_RISE);
    fall = khap__member(check, KEY_SERVICE_CHECK_FALL);
    port = khap__member(check, KEY_SERVICE_CHECK_PORT);
    out->check.interval = interval ? time_of(interval) : 2000000;
    out->check.rise = rise ? (uint32_t)rise->number : 2;
    out->check.fall = fall ? (uint32_t)fall->number : 3;
    out->check.port = port ? (uint32_t)port->number : 0;
    if (out->check.type == CHECK_MYSQL || out->check.type == CHECK_POSTGRES)
        out->check.user = text_of(khap__member(check, KEY_SERVICE_CHECK_USER), S(""));
    if (out->check.type != CHECK_HTTP)
        return true;
    out->check.path = text_of(khap__member(check, KEY_SERVICE_CHECK_PATH), S("/"));
    out->check.method = text_of(khap__member(check, KEY_SERVICE_CHECK_METHOD), S("GET"));
    out->check.host = text_of(khap__member(check, KEY_SERVICE_CHECK_HOST), S(""));
    out->check.host_given = out->check.host.len > 0;
    for (uint32_t i = 0; i < khap__routes_to(out->head) && out->check.host.len == 0; i++) {
        const struct route *route = khap__route_to(r, out->head, i);
        if (route->has_host && route->host.kind == HOST_EXACT)
            out->check.host = route->host.name;
    }
    const struct setting *expect = khap__member(check, KEY_SERVICE_CHECK_EXPECT);
    uint32_t n = count(expect);
    if (n == 0)
        return true;
    out->check.expect = khap__arena_alloc(scratch, n, sizeof *out->check.expect);
    if (!out->check.expect)
        return false;
    for (const struct setting *s = expect->child; s; s = s->next)
        out->check.expect[out->check.n_expect++] = khap__status_range(s->text);
    return true;
}

static void fill_agent(struct layered agent, struct service *out)
{
    const struct setting *port = khap__member(agent, KEY_SERVICE_AGENT_CHECK_PORT),
                         *interval = khap__member(agent, KEY_SERVICE_AGENT_CHECK_INTERVAL);
    if (!port)
        return;
    out->agent.place = agent.own->place;
    out->agent.port = (uint32_t)port->number;
    out->agent.interval = interval ? time_of(interval) : 2000000;
    out->agent.send = text_of(khap__member(agent, KEY_SERVICE_AGENT_CHECK_SEND), S(""));
}

static void read_server(const struct setting *given, uint16_t node_port, struct server *out)
{
    *out = (struct server){.weight = 100, .port = node_port, .place = given->place};
    for (const struct setting *m = given->child; m; m = m->next) {
        switch ((int)m->key) {
        case KEY_SERVICE_SERVER_NAME:
            out->name = m->text;
            break;
        case KEY_SERVICE_SERVER_ADDRESS:
            khap__host_address_parse(m->text, &out->address);
            break;
        case KEY_SERVICE_SERVER_PORT:
            out->port = (uint16_t)m->number;
            break;
        case KEY_SERVICE_SERVER_WEIGHT:
            out->weight = (uint16_t)m->number;
            break;
        case KEY_SERVICE_SERVER_BACKUP:
            out->backup = m->number != 0;
            break;
        case KEY_SERVICE_SERVER_STATE:
            out->state = khap__is_text(m, S("drain"))   ? NODE_DRAIN
                         : khap__is_text(m, S("maint")) ? NODE_MAINT
                                                        : NODE_READY;
            break;
        case KEY_SERVICE_SERVER_MAXCONN:
            out->maxconn = m->number;
            break;
        case KEY_SERVICE_SERVER_MAXQUEUE:
            out->maxqueue = m->number;
            break;
        case KEY_SERVICE_SERVER_SLOWSTART:
            out->slowstart = (uint64_t)m->number;
            break;
        default:
            break;
        }
    }
}

static bool fill_servers(const struct resolved *r, const struct service_parts *parts,
                         const struct setting *inherited_nodes, struct arena *scratch, struct service *out)
{
    struct selection nodes = {NULL, 0};
    uint16_t port = parts->node_port ? (uint16_t)parts->node_port->number : 0;
    if (parts->node_port &&
        !khap__select_nodes(r, out->name, khap__layered(parts->nodes, inherited_nodes), scratch, &nodes))
        return false;
    uint32_t n = count(parts->servers);
    if (nodes.n + n == 0)
        return true;
    out->servers = khap__arena_alloc(scratch, (size_t)nodes.n + n, sizeof *out->servers);
    if (!out->servers)
        return false;
    for (uint32_t i = 0; i < nodes.n; i++) {
        out->servers[i] = r->node_servers[nodes.nodes ? nodes.nodes[i] : i];
        out->servers[i].port = port;
    }
    out->n_servers = nodes.n;
    for (const struct setting *s = n ? parts->servers->child : NULL; s; s = s->next)
        read_server(s, port, &out->servers[out->n_servers++]);
    /* the nodes' numbers hold as long as nothing else stands beside them */
    bool numbered = n == 0 && (!nodes.nodes || r->node_ids_distinct);
    return numbered || khap__number_servers(out->servers, out->n_servers, scratch);
}

static bool fill_binds(const struct setting *list, struct arena *scratch, struct service *out)
{
    uint32_t n = count(list);
    if (n == 0)
        return true;
    out->binds = khap__arena_zalloc(scratch, n, sizeof *out->binds);
    if (!out->binds)
        return false;
    for (const struct setting *s = list->child; s; s = s->next) {
        struct bind *b = &out->binds[out->n_binds++];
        b->text = s->text;
        b->place = s->place;
        khap__address_parse(s->text, &b->address);
    }
    return true;
}

static bool fill_http(const struct resolved *r, const struct service_parts *own,
                      const struct service_parts *parts, const struct service_parts *inherited,
                      struct arena *scratch, struct service *out)
{
    fill_cookie(khap__layered(own->cookie, inherited->cookie), out);
    /* inherited where no https leads to the service: left out */
    bool has_tls = (out->head->frontends & r->tls_frontends) != 0;
    if (parts->redirect_https && (has_tls || own->redirect_https)) {
        out->redirect_https_given = true;
        out->redirect_https = khap__is_true(parts->redirect_https);
    }
    struct layered hsts = khap__layered(own->hsts, inherited->hsts);
    if (hsts.own && has_tls) {
        const struct setting *age = khap__member(hsts, KEY_SERVICE_HSTS_MAX_AGE);
        out->hsts = true;
        out->hsts_max_age = age ? time_of(age) : UINT64_C(365) * 86400 * 1000000;
        out->hsts_subdomains = bool_of(khap__member(hsts, KEY_SERVICE_HSTS_INCLUDE_SUB_DOMAINS), false);
    }
    khap__fill_rewrite(khap__layered(own->rewrite, inherited->rewrite), khap__has_regex_route(r, out->head),
                       out);
    const struct setting *protocol = parts->backend_protocol;
    out->protocol = khap__is_text(protocol, S("https")) ? PROTOCOL_HTTPS
                    : khap__is_text(protocol, S("h2"))  ? PROTOCOL_H2
                    : khap__is_text(protocol, S("h2c")) ? PROTOCOL_H2C
                                                        : PROTOCOL_HTTP;
    if (out->protocol == PROTOCOL_HTTPS || out->protocol == PROTOCOL_H2) {
        struct layered tls = khap__layered(own->backend_tls, inherited->backend_tls);
        const struct setting *ca = khap__member(tls, KEY_SERVICE_BACKEND_TLS_CA);
        out->tls_verify = ca && !khap__is_text(khap__member(tls, KEY_SERVICE_BACKEND_TLS_VERIFY), S("none"));
        out->tls_ca = text_of(ca, S(""));
        out->tls_sni = text_of(khap__member(tls, KEY_SERVICE_BACKEND_TLS_SNI), S(""));
    }
    return khap__fill_headers(khap__layered(own->headers, inherited->headers), scratch, out);
}

enum khap_status khap__service_resolve(const struct resolved *r, uint32_t index, struct arena *scratch,
                                       struct service *out)
{
    static const struct service_parts none;
    const struct service_head *head = &r->services.ptr[index];
    const struct service_parts *inherited = r->inherited[head->mode] ? r->inherited[head->mode] : &none;
    struct service_parts own, parts;
    khap__parts_gather(head->given, &own);
    parts = own;
    if (r->inherited[head->mode])
        khap__parts_inherit(&parts, inherited);
    *out =
        (struct service){.head = head, .name = head->name, .place = head->given->place, .mode = head->mode};
    if (head->redirect || head->respond) {
        out->extra = parts.extra;
        out->redirect_https_given = parts.redirect_https != NULL;
        out->redirect_https = khap__is_true(parts.redirect_https);
        khap__fill_answers(khap__layered(head->redirect, NULL), khap__layered(head->respond, NULL), out);
        return khap__fill_limits(r, &own, inherited, scratch, out) ? KHAP_OK : KHAP_ENOMEM;
    }
    khap__fill_balance(&parts, out);
    fill_agent(khap__layered(own.agent_check, inherited->agent_check), out);
    struct layered timeouts = khap__layered(own.timeouts, inherited->timeouts);
    if (timeouts.own) {
        out->connect = time_of(khap__member(timeouts, KEY_SERVICE_TIMEOUTS_CONNECT));
        out->server_timeout = time_of(khap__member(timeouts, KEY_SERVICE_TIMEOUTS_SERVER));
        out->queue = time_of(khap__member(timeouts, KEY_SERVICE_TIMEOUTS_QUEUE));
        out->tunnel = time_of(khap__member(timeouts, KEY_SERVICE_TIMEOUTS_TUNNEL));
    }
    if (parts.send_proxy)
        out->send_proxy = khap__is_text(parts.send_proxy, S("v2")) ? 2 : 1;
    out->extra = parts.extra;
    bool good = fill_check(r, &parts, inherited->check, scratch, out) &&
                khap__fill_limits(r, &own, inherited, scratch, out) &&
                fill_servers(r, &parts, inherited->nodes, scratch, out);
    if (good && head->mode == MODE_HTTP)
        good = fill_http(r, &own, &parts, inherited, scratch, out);
    if (good && head->mode == MODE_TCP)
        good = fill_binds(parts.bind, scratch, out);
    return good ? KHAP_OK : KHAP_ENOMEM;
}
