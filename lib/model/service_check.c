/* model/service_check.c - keys of a service that contradict each other, or its mode. SPDX-License-Identifier:
 * MIT */
#include "model/service_parts.h"

static struct khap_str mode_text(uint8_t mode)
{
    return mode == MODE_HTTP ? S("mode: http") : mode == MODE_TCP ? S("mode: tcp") : S("tls: passthrough");
}

static void say_cannot_act(struct resolver *r, const struct setting *s, struct khap_str with)
{
    RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, s->place, khap__short_path((enum key)s->key), with);
}

static void say_needs(struct resolver *r, const struct setting *s, struct khap_str other)
{
    RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, s->place, khap__short_path((enum key)s->key), other);
}

/* What a service with a backend of one's own may say: how requests come to it. What its own backend would do, that of others does not. */
static bool acts_before_backend(const struct service_head *head, enum key key)
{
    if (key == KEY_SERVICE_SPLIT)
        return head->split_only;
    if (key == KEY_SERVICE_BACKEND || key == KEY_SERVICE_CANARY)
        return !head->split_only;
    static const uint16_t keys[] = {KEY_SERVICE_MODE,    KEY_SERVICE_BIND,      KEY_SERVICE_TLS,
                                    KEY_SERVICE_HOSTS,   KEY_SERVICE_ROUTES,    KEY_SERVICE_WILDCARD,
                                    KEY_SERVICE_DEFAULT, KEY_SERVICE_FRONTENDS, KEY_SERVICE_REDIRECT_HTTPS};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i] == key)
            return true;
    }
    return false;
}

/* Keys that keep people out. */
static const uint16_t guarding[] = {KEY_SERVICE_SOURCE_RANGES, KEY_SERVICE_DENY_RANGES,
                                    KEY_SERVICE_RATE_LIMIT,    KEY_SERVICE_CONNECTION_LIMIT,
                                    KEY_SERVICE_BASIC_AUTH,    KEY_SERVICE_JWT};

bool khap__guards(enum key key)
{
    for (size_t i = 0; i < sizeof guarding / sizeof *guarding; i++) {
        if (guarding[i] == key)
            return true;
    }
    return false;
}

bool khap__keeps_out(const struct setting *s)
{
    return s && s->kind != SETTING_OFF && !(s->kind == SETTING_LIST && !s->child);
}

static void check_before_backend(struct resolver *r, const struct service_head *head,
                                 const struct service_parts *own)
{
    for (const struct setting *s = head->given->child; s; s = s->next) {
        bool nobody_kept_out = khap__guards((enum key)s->key) && !khap__keeps_out(s);
        if (!acts_before_backend(head, (enum key)s->key) && !nobody_kept_out)
            say_cannot_act(r, s, head->split_only ? S("split") : S("backend"));
    }
    if (head->split_only)
        return; /* those to which it leads have the policies */
    /* what else serviceDefaults say is left out, but not in silence who may come */
    for (size_t i = 0; i < sizeof guarding / sizeof *guarding; i++) {
        enum key key = (enum key)guarding[i];
        const struct setting *inherited = khap__setting_find(r->defaults.all, key);
        if (!khap__keeps_out(inherited) || khap__setting_find(own->all, key) ||
            !(khap__key_row(key)->applies & khap__mode_bit((enum service_mode)head->mode)))
            continue;
        khap__buf_clear(&r->text);
        khap__buf_add(&r->text, S("serviceDefaults."));
        khap__buf_add(&r->text, khap__key_name(key));
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, head->given->place, khap__buf_str(&r->text), S("backend"));
        khap__diags_relate(r->diags, inherited->place, S("inherited from here"));
    }
}

/* Everything that the service says itself must be able to act for its mode. */
static void check_applies(struct resolver *r, const struct service_head *head)
{
    uint8_t bit = khap__mode_bit((enum service_mode)head->mode);
    for (const struct setting *s = head->given->child; s; s = s->next) {
        if (!(khap__key_row((enum key)s->key)->applies & bit)) {
            if (s->key == KEY_SERVICE_HOSTS)
                say_needs(r, s, S("tls: passthrough"));
            else
                say_cannot_act(r, s, mode_text(head->mode));
            continue;
        }
        if (head->mode == MODE_HTTP)
            continue;
        if (khap__balance_needs_http(s))
            RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, s->place,
                        s->kind == SETTING_TEXT             ? s->text
                        : khap__is_text(s->child, S("uri")) ? S("hash: uri")
                                                            : khap__short_path((enum key)s->child->key),
                        mode_text(head->mode));
        if (s->key != KEY_SERVICE_CHECK)
            continue;
        for (const struct setting *m = s->child; m; m = m->next) {
            if (!(khap__key_row((enum key)m->key)->applies & bit))
                say_cannot_act(r, m, mode_text(head->mode));
            else if (m->key == KEY_SERVICE_CHECK_TYPE && khap__is_text(m, S("http")))
                RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, m->place, S("check.type: http"), mode_text(head->mode));
        }
    }
}

/* In the order of enum check_type. */
static const char check_words[][12] = {"tcp", "http", "tls", "mysql", "postgres", "redis", "smtp", "grpc"};

enum check_type khap__check_type(struct layered check, uint8_t mode)
{
    const struct setting *type = khap__member(check, KEY_SERVICE_CHECK_TYPE);
    for (size_t i = 0; i < sizeof check_words / sizeof *check_words; i++) {
        if (i != CHECK_HTTP && khap__is_text(type, khap__str(check_words[i])))
            return (enum check_type)i;
    }
    if (mode != MODE_HTTP)
        return CHECK_TCP;
    return type || khap__member(check, KEY_SERVICE_CHECK_PATH) ? CHECK_HTTP : CHECK_TCP;
}

/* serviceDefaults may leave the port to the services. */
static void check_agent(struct resolver *r, const struct service_parts *own,
                        const struct service_parts *inherited)
{
    struct layered agent = khap__layered(own->agent_check, inherited->agent_check);
    if (own->agent_check && agent.own && !agent.own->damaged &&
        !khap__member(agent, KEY_SERVICE_AGENT_CHECK_PORT))
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, own->agent_check->place, S("agentCheck"), S("agentCheck.port"));
}

/* The user's name, of a service or of serviceDefaults. */
static void check_user(struct resolver *r, const struct service_parts *own,
                       const struct service_parts *inherited, uint8_t mode)
{
    struct layered check = khap__layered(own->check, inherited->check);
    if (!own->check || !check.own || check.own->damaged)
        return;
    enum check_type type = khap__check_type(check, mode);
    const struct setting *own_user = khap__setting_find(check.own, KEY_SERVICE_CHECK_USER),
                         *user = khap__member(check, KEY_SERVICE_CHECK_USER),
                         *word = khap__member(check, KEY_SERVICE_CHECK_TYPE);
    bool named = type == CHECK_MYSQL || type == CHECK_POSTGRES;
    if (named && !user)
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, word->place,
                    type == CHECK_MYSQL ? S("check.type: mysql") : S("check.type: postgres"),
                    S("check.user"));
    else if (own_user && !named)
        say_needs(r, own_user, S("check.type: mysql"));
}

static void check_node(struct resolver *r, struct layered check)
{
    const struct setting *node = khap__setting_find(check.own, KEY_SERVICE_CHECK_NODE);
    if (khap__is_true(node) && !r->out->node_check && !khap__setting_spoilt(r->model->root, KEY_NODE_CHECK))
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, node->place, S("check.node"), S("nodeCheck"));
}

/* What only an HTTP check has, when the check is another one. */
static void check_check(struct resolver *r, struct layered check)
{
    if (khap__check_type(check, MODE_HTTP) == CHECK_HTTP)
        return;
    const struct setting *type = khap__member(check, KEY_SERVICE_CHECK_TYPE);
    for (const struct setting *m = check.own->child; m; m = m->next) {
        if (m->key != KEY_SERVICE_CHECK_PATH && m->key != KEY_SERVICE_CHECK_HOST &&
            m->key != KEY_SERVICE_CHECK_METHOD && m->key != KEY_SERVICE_CHECK_EXPECT)
            continue;
        if (type) {
            struct buf *b = &r->text;
            khap__buf_clear(b);
            khap__buf_add(b, S("check.type: "));
            khap__buf_add(b, type->text);
            say_cannot_act(r, m, khap__buf_str(b));
        } else
            say_needs(r, m, S("check.path"));
    }
}

static void check_cookie(struct resolver *r, struct layered cookie)
{
    const struct setting *dynamic = khap__member(cookie, KEY_SERVICE_COOKIE_DYNAMIC);
    const struct setting *key_file = khap__member(cookie, KEY_SERVICE_COOKIE_KEY_FILE);
    const struct setting *mode = khap__member(cookie, KEY_SERVICE_COOKIE_MODE);
    if (khap__is_true(dynamic) && !key_file)
        say_needs(r, dynamic, S("cookie.keyFile"));
    if (key_file && !khap__is_true(dynamic) && khap__setting_find(cookie.own, KEY_SERVICE_COOKIE_KEY_FILE))
        say_needs(r, key_file, S("cookie.dynamic: true"));
    if (!mode || khap__is_text(mode, S("insert")))
        return;
    for (const struct setting *m = cookie.own->child; m; m = m->next) {
        /* HAProxy takes `indirect` with `prefix`, not with `rewrite` */
        bool rewrite_not =
            m->key == KEY_SERVICE_COOKIE_INDIRECT && khap__is_true(m) && khap__is_text(mode, S("rewrite"));
        bool insert_only = rewrite_not || m->key == KEY_SERVICE_COOKIE_MAXIDLE ||
                           m->key == KEY_SERVICE_COOKIE_MAXLIFE ||
                           (m->key == KEY_SERVICE_COOKIE_DYNAMIC && khap__is_true(m));
        if (insert_only)
            say_cannot_act(r, m,
                           khap__is_text(mode, S("prefix")) ? S("cookie.mode: prefix")
                                                            : S("cookie.mode: rewrite"));
    }
}

static void check_header_map(struct resolver *r, const struct setting *map)
{
    for (const struct setting *entry = map ? map->child : NULL; entry; entry = entry->next) {
        if ((!entry->child && !entry->damaged) || (entry->child && entry->child->next))
            RESOLVE_SAY(r, MSG_ONE_KEY_OF, entry->place, S("a header"), S("`value` and `format`"));
    }
}

void khap__check_headers(struct resolver *r, const struct setting *headers)
{
    for (const struct setting *way = headers ? headers->child : NULL; way; way = way->next) {
        for (const struct setting *map = way->child; map; map = map->next) {
            if (map->kind == SETTING_OBJECT)
                check_header_map(r, map);
        }
    }
}

static bool speaks_tls(const struct setting *protocol)
{
    return khap__is_text(protocol, S("https")) || khap__is_text(protocol, S("h2"));
}

static void check_backend_tls(struct resolver *r, struct khap_str who, const struct service_parts *own,
                              const struct service_parts *inherited)
{
    const struct setting *protocol =
        own->backend_protocol ? own->backend_protocol : inherited->backend_protocol;
    if (own->backend_tls && !speaks_tls(protocol)) {
        say_cannot_act(r, own->backend_tls,
                       khap__is_text(protocol, S("h2c")) ? S("backendProtocol: h2c")
                                                         : S("backendProtocol: http"));
        return;
    }
    if (!own->backend_tls && !own->backend_protocol)
        return; /* all of it inherited: checked there */
    struct layered tls = khap__layered(own->backend_tls, inherited->backend_tls);
    const struct setting *verify = khap__member(tls, KEY_SERVICE_BACKEND_TLS_VERIFY);
    if (khap__member(tls, KEY_SERVICE_BACKEND_TLS_CA))
        return;
    if (khap__is_text(verify, S("required")))
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, verify->place, S("backendTls.verify: required"),
                    S("backendTls.ca"));
    else if (!verify && speaks_tls(protocol))
        RESOLVE_WARN(r, MSG_BACKEND_NOT_VERIFIED,
                     own->backend_protocol ? own->backend_protocol->place : own->backend_tls->place, who);
}

/* What is about https, on a service to which no https, or nothing else, leads. */
static void check_https(struct resolver *r, const struct service_head *head, const struct service_parts *own)
{
    bool redirects = khap__is_true(own->redirect_https);
    const struct setting *said = redirects                                        ? own->redirect_https
                                 : own->hsts && own->hsts->kind == SETTING_OBJECT ? own->hsts
                                                                                  : NULL;
    if (!said)
        return;
    if (r->out->tls_frontends == 0) {
        RESOLVE_SAY(r, MSG_NEEDS_TLS_FRONTEND, said->place, khap__short_path((enum key)said->key));
    } else if (r->out->certs.len == 0 || head->frontends == 0) {
        return; /* there is no frontend, or no certificate for it, which has been said */
    } else if ((head->frontends & r->out->tls_frontends) == 0) {
        say_cannot_act(r, said, S("frontends"));
        const struct setting *list = own->frontends ? own->frontends : r->defaults.frontends;
        if (list)
            khap__diags_relate(r->diags, list->place, S("none of these ends TLS"));
    } else if (redirects && (head->frontends & ~r->out->tls_frontends) == 0) {
        SAY(r->diags, MSG_REDIRECTS_NOTHING, said->place, head->name);
    }
}

/* Up to 2.1 an HTTP check is text of HTTP/1 on a bare connection, which servers that speak HTTP/2 alone do not understand. */
static void check_h2_checks(struct resolver *r, const struct service_parts *own,
                            const struct service_parts *inherited)
{
    const struct setting *protocol =
        own->backend_protocol ? own->backend_protocol : inherited->backend_protocol;
    struct layered check = khap__layered(own->check, inherited->check);
    bool h2 = khap__is_text(protocol, S("h2")), h2c = khap__is_text(protocol, S("h2c"));
    if (!(h2 || h2c) || (own->check && own->check->kind == SETTING_OFF) || !check.own ||
        khap__check_type(check, MODE_HTTP) != CHECK_HTTP)
        return;
    khap__say_since(r,
                    own->check              ? own->check
                    : own->backend_protocol ? own->backend_protocol
                                            : check.own,
                    h2 ? S("check.path with backendProtocol: h2") : S("check.path with backendProtocol: h2c"),
                    KHAP_RELEASE(2, 2));
}

bool khap__has_regex_route(const struct resolved *r, const struct service_head *head)
{
    for (uint32_t i = 0; i < khap__routes_to(head); i++) {
        const struct route *route = khap__route_to(r, head, i);
        /* where it has a word of its own, that is looked at there */
        if (route->path_type == PATH_REGEX && !(route->stated & (OWN_REWRITE | OWN_ANSWER)) &&
            route->backend.len == 0)
            return true;
    }
    return false;
}

/* Whether a service may lack the member only because it was wrong, there or in serviceDefaults. */
static bool spoilt(const struct resolver *r, const struct service_head *head, enum key key)
{
    const struct setting *defaults = khap__setting_find(r->model->root, KEY_SERVICE_DEFAULTS);
    return khap__setting_spoilt(head->given, key) || (defaults && khap__setting_spoilt(defaults, key));
}

/* What a service and serviceDefaults are checked for alike. */
static void check_parts(struct resolver *r, const struct setting *given, struct khap_str who,
                        const struct service_parts *own, const struct service_parts *inherited)
{
    struct layered cookie = khap__layered(own->cookie, inherited->cookie),
                   check = khap__layered(own->check, inherited->check);
    if (own->cookie && cookie.own && !cookie.own->damaged)
        check_cookie(r, cookie);
    if (own->check && check.own && !check.own->damaged)
        check_check(r, check);
    khap__check_headers(r, own->headers);
    if (!given || !khap__setting_spoilt(given, KEY_SERVICE_BACKEND_PROTOCOL))
        check_backend_tls(r, who, own, inherited);
    khap__check_raw(r, own->extra);
}

void khap__check_defaults(struct resolver *r)
{
    static const struct service_parts none;
    khap__check_balance(r, &r->defaults, &none);
    check_user(r, &r->defaults, &none, MODE_HTTP);
    check_node(r, khap__layered(r->defaults.check, NULL));
    check_parts(r, khap__setting_find(r->model->root, KEY_SERVICE_DEFAULTS), S("`serviceDefaults`"),
                &r->defaults, &none);
    khap__check_rewrite(r, r->defaults.rewrite, false);
    khap__check_limits(r, &r->defaults, &none);
}

/* What is missing may be what was wrong: then nobody knows what the other keys can do. */
static bool mode_known(struct resolver *r, const struct service_head *head, const struct service_parts *own)
{
    if (!own->mode && spoilt(r, head, KEY_SERVICE_MODE))
        return false;
    return head->mode != MODE_TCP || own->tls || !spoilt(r, head, KEY_SERVICE_TLS);
}

void khap__check_service(struct resolver *r, const struct service_head *head, const struct service_parts *own)
{
    static const struct service_parts none;
    const struct service_parts *inherited =
        r->out->inherited[head->mode] ? r->out->inherited[head->mode] : &none;
    if (!mode_known(r, head, own)) {
        khap__check_raw(r, own->extra);
        return;
    }
    check_applies(r, head);
    khap__check_limits(r, own, inherited);
    if (head->own_backend)
        check_before_backend(r, head, own);
    else {
        khap__check_balance(r, own, inherited);
        check_user(r, own, inherited, head->mode);
        check_agent(r, own, inherited);
        check_node(r, khap__layered(own->check, NULL));
    }
    if (head->mode == MODE_TCP) {
        if (!own->bind && !inherited->bind && !own->hosts && !spoilt(r, head, KEY_SERVICE_BIND) &&
            !spoilt(r, head, KEY_SERVICE_HOSTS))
            RESOLVE_SAY(r, MSG_TCP_WITHOUT_ADDRESS, head->given->place, head->name);
        khap__check_raw(r, own->extra);
        return;
    }
    if (head->mode == MODE_PASSTHROUGH) {
        if (head->n_routes == 0 && !spoilt(r, head, KEY_SERVICE_HOSTS))
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, own->tls ? own->tls->place : head->given->place,
                        S("tls: passthrough"), S("hosts"));
        khap__check_raw(r, own->extra);
        return;
    }
    if (head->own_backend) {
        check_https(r, head, own);
        return;
    }
    if (head->redirect || head->respond) {
        khap__check_fixed(r, head);
        khap__check_raw(r, own->extra);
        if (!r->frontends_unknown)
            check_https(r, head, own);
        return;
    }
    struct khap_str who = S("a service");
    if (own->backend_protocol || own->backend_tls) {
        khap__buf_clear(&r->text);
        khap__buf_add(&r->text, S("service `"));
        khap__buf_add(&r->text, head->name);
        khap__buf_char(&r->text, '`');
        who = khap__buf_str(&r->text);
    }
    check_parts(r, head->given, who, own, inherited);
    khap__check_rewrite(r, own->rewrite, khap__has_regex_route(r->out, head));
    if (!r->frontends_unknown)
        check_https(r, head, own);
    if (r->out->target.first < KHAP_RELEASE(2, 2))
        check_h2_checks(r, own, inherited);
}

/* ---- servers ---- */

bool khap__check_node_names(struct resolver *r, const struct setting *nodes)
{
    bool known = true;
    const struct setting *names = khap__setting_find(nodes, KEY_SERVICE_NODES_NAMES);
    for (const struct setting *s = names ? names->child : NULL; s; s = s->next) {
        uint32_t index;
        if (r->nodes_unknown || khap__map_get(&r->out->node_names, s->text, &index))
            continue;
        known = false;
        struct nearest nearest;
        khap__nearest_start(&nearest, s->text);
        /* each costs a look at every node: what comes after a hundred is the same mistake */
        uint32_t candidates = r->suggested++ < 100 ? r->out->nodes.len : 0;
        for (uint32_t i = 0; i < candidates; i++)
            khap__nearest_offer(&nearest, r->out->nodes.ptr[i].name);
        RESOLVE_SAY(r, MSG_UNKNOWN_NODE, s->place, s->text, khap__nearest_text(r, &nearest));
    }
    return known;
}

void khap__check_server_list(struct resolver *r, const struct setting *servers, bool port_given)
{
    for (const struct setting *s = servers ? servers->child : NULL; s; s = s->next) {
        khap__need_member(r, s, KEY_SERVICE_SERVER_NAME, S("a server"));
        khap__need_member(r, s, KEY_SERVICE_SERVER_ADDRESS, S("a server"));
        if (!port_given)
            khap__need_member(r, s, KEY_SERVICE_SERVER_PORT, S("a server of a service without nodePort"));
    }
}

static void say_server_twice(struct resolver *r, const struct service_head *head, struct khap_str name,
                             struct khap_place second, struct khap_place first)
{
    RESOLVE_SAY(r, MSG_SERVER_DEFINED_TWICE, second, name, head->name);
    khap__diags_relate(r->diags, first, S("first here"));
}

/* A node that stands twice in `nodes`: the list is where it does. */
static void say_node_twice(struct resolver *r, const struct service_head *head, struct layered nodes,
                           struct khap_str name)
{
    const struct setting *names = khap__member(nodes, KEY_SERVICE_NODES_NAMES), *first = NULL;
    for (const struct setting *s = names ? names->child : NULL; s; s = s->next) {
        if (!khap__str_eq(s->text, name))
            continue;
        if (first)
            say_server_twice(r, head, name, s->place, first->place);
        else
            first = s;
    }
}

/* Names of servers and of the nodes taken: each once. */
static void check_unique(struct resolver *r, const struct service_head *head, const struct selection *nodes,
                         struct layered given, const struct setting *servers)
{
    struct map seen;
    VEC(struct khap_place) places = {0};
    khap__map_init(&seen, &r->model->alloc);
    uint32_t old = 0;
    bool found = false;
    /* all nodes are told apart by node_names already; a selection by names may hold one twice */
    for (uint32_t i = 0; nodes->nodes && i < nodes->n && !r->no_memory; i++) {
        const struct node *node = &r->out->nodes.ptr[nodes->nodes[i]];
        if (khap__map_add(&seen, node->name, places.len, &found, &old) != KHAP_OK ||
            !VEC_PUSH(&r->model->alloc, &places, node->place))
            r->no_memory = true;
        else if (found)
            say_node_twice(r, head, given, node->name);
    }
    for (const struct setting *s = servers ? servers->child : NULL; s && !r->no_memory; s = s->next) {
        const struct setting *name = khap__setting_find(s, KEY_SERVICE_SERVER_NAME);
        if (!name)
            continue;
        if (!nodes->nodes && nodes->n && khap__map_get(&r->out->node_names, name->text, &old)) {
            say_server_twice(r, head, name->text, name->place, r->out->nodes.ptr[old].place);
            continue;
        }
        if (khap__map_add(&seen, name->text, places.len, &found, &old) != KHAP_OK ||
            !VEC_PUSH(&r->model->alloc, &places, name->place))
            r->no_memory = true;
        else if (found)
            say_server_twice(r, head, name->text, name->place, places.ptr[old]);
    }
    VEC_FREE(&r->model->alloc, &places);
    khap__map_free(&seen);
}

/* Whether each route of a service answers in a way of its own. */
static bool routes_answer(const struct resolver *r, const struct service_head *head,
                          const struct service_parts *own)
{
    const struct service_parts *defaults = &r->defaults;
    const struct setting *hosts = own->hosts ? own->hosts : defaults->hosts,
                         *routes = own->routes ? own->routes : defaults->routes;
    bool any = false;
    if (head->mode != MODE_HTTP || (hosts && hosts->child) ||
        khap__is_true(own->is_default ? own->is_default : defaults->is_default))
        return false;
    for (const struct setting *s = routes ? routes->child : NULL; s; s = s->next) {
        if (!khap__route_answers(s))
            return false;
        any = true;
    }
    return any;
}

void khap__check_servers(struct resolver *r, const struct service_head *head, const struct service_parts *own)
{
    static const struct service_parts none;
    const struct service_parts *inherited =
        r->out->inherited[head->mode] ? r->out->inherited[head->mode] : &none;
    if (head->own_backend || head->redirect || head->respond)
        return;
    bool has_port = own->node_port || inherited->node_port;
    const struct setting *servers = own->servers ? own->servers : inherited->servers;
    bool has_servers = servers && servers->child;
    if (spoilt(r, head, KEY_SERVICE_NODE_PORT) || spoilt(r, head, KEY_SERVICE_SERVERS) ||
        spoilt(r, head, KEY_SERVICE_BACKEND) || spoilt(r, head, KEY_SERVICE_REDIRECT) ||
        spoilt(r, head, KEY_SERVICE_RESPOND) || spoilt(r, head, KEY_SERVICE_SPLIT) ||
        khap__setting_find(head->given, KEY_SERVICE_SPLIT) || (servers && servers->damaged))
        has_port = true;
    if (!has_port && !has_servers && !routes_answer(r, head, own))
        RESOLVE_SAY(r, MSG_SERVICE_WITHOUT_SERVERS, head->given->place, head->name);
    if (own->nodes && !has_port)
        say_needs(r, own->nodes, S("nodePort"));
    bool nodes_known = !r->nodes_unknown && !head->given->damaged;
    if (own->nodes && !khap__check_node_names(r, own->nodes))
        nodes_known = false;
    khap__check_server_list(r, own->servers, has_port);
    if (!own->nodes && !inherited->nodes && !has_servers) {
        if (has_port && r->out->nodes.len == 0 && nodes_known)
            RESOLVE_WARN(r, MSG_NO_NODE_SELECTED, head->given->place, head->name);
        return;
    }
    struct arena scratch;
    struct selection selection = {NULL, 0};
    khap__arena_init(&scratch, &r->model->alloc);
    struct layered nodes = khap__layered(own->nodes, inherited->nodes);
    if (has_port && !khap__select_nodes(r->out, head->name, nodes, &scratch, &selection))
        r->no_memory = true;
    if (!r->no_memory) {
        if (has_port && selection.n == 0 && !has_servers && nodes_known)
            RESOLVE_WARN(r, MSG_NO_NODE_SELECTED, own->nodes ? own->nodes->place : head->given->place,
                         head->name);
        check_unique(r, head, &selection, nodes, servers);
    }
    khap__arena_free(&scratch);
}
