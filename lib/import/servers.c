/* import/servers.c - the servers of a backend, and the nodes that several backends share. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"
#include "value/address.h"

/* What all servers of a service have in common; a word that only some have is no key. */
struct common {
    bool check, tls, verify_none, proxy1, proxy2, h2, h2c, check_tls, cookie, agent, weight, disabled_check,
        tracks;
    struct khap_str ca, sni, port, inter, fall, rise, agent_port, agent_inter, agent_send, proto;
};

static bool same_common(const struct common *a, const struct common *b)
{
    return a->check == b->check && a->tls == b->tls && a->verify_none == b->verify_none &&
           a->proxy1 == b->proxy1 && a->proxy2 == b->proxy2 && a->h2 == b->h2 && a->h2c == b->h2c &&
           a->check_tls == b->check_tls && a->cookie == b->cookie && a->agent == b->agent &&
           khap__str_eq(a->ca, b->ca) && khap__str_eq(a->sni, b->sni) && khap__str_eq(a->port, b->port) &&
           khap__str_eq(a->inter, b->inter) && khap__str_eq(a->fall, b->fall) &&
           khap__str_eq(a->rise, b->rise) && khap__str_eq(a->agent_port, b->agent_port) &&
           khap__str_eq(a->agent_inter, b->agent_inter) && khap__str_eq(a->agent_send, b->agent_send);
}

/* `sni str(NAME)`: a name that is always the same. */
static bool constant(struct khap_str word, struct khap_str *name)
{
    if (!khap__str_starts(word, S("str(")) || !khap__str_ends(word, S(")")))
        return false;
    *name = khap__str_sub(word, 4, word.len - 5);
    return true;
}

static bool take_value(struct khap_str option, struct khap_str value, struct import_server *server,
                       struct common *c)
{
    const struct {
        const char *option;
        struct khap_str *to;
    } texts[] = {{"maxconn", &server->maxconn},
                 {"maxqueue", &server->maxqueue},
                 {"slowstart", &server->slowstart},
                 {"ca-file", &c->ca},
                 {"port", &c->port},
                 {"inter", &c->inter},
                 {"fall", &c->fall},
                 {"rise", &c->rise},
                 {"agent-port", &c->agent_port},
                 {"agent-inter", &c->agent_inter},
                 {"agent-send", &c->agent_send}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (khap__str_eq(option, khap__str(texts[i].option))) {
            *texts[i].to = value;
            return true;
        }
    }
    uint32_t number;
    if (khap__str_eq(option, S("weight"))) {
        c->weight = true;
        if (!khap__import_number(value, 256, &number))
            return false;
        server->weight = (uint16_t)number;
        server->drain = number == 0;
        return true;
    }
    if (khap__str_eq(option, S("verify"))) {
        c->verify_none = khap__str_eq(value, S("none"));
        return c->verify_none || khap__str_eq(value, S("required"));
    }
    if (khap__str_eq(option, S("track"))) { /* the check of its node */
        c->tracks = server->tracks = khap__str_starts(value, S("khap-nodes/")) &&
                                     khap__str_eq(khap__str_sub(value, 11, value.len), server->name);
        c->check = c->tracks;
        return c->tracks;
    }
    if (khap__str_eq(option, S("sni")))
        return constant(value, &c->sni);
    if (khap__str_eq(option, S("alpn"))) {
        c->h2 = khap__str_eq(value, S("h2"));
        return c->h2;
    }
    if (khap__str_eq(option, S("proto"))) {
        c->h2c = khap__str_eq(value, S("h2"));
        return c->h2c;
    }
    /* khapgen gives them itself where they are needed */
    return khap__str_eq(option, S("id")) ||
           (khap__str_eq(option, S("guid")) && khap__str_starts(value, S("khap:"))) ||
           khap__str_eq(option, S("check-sni")) || khap__str_eq(option, S("check-alpn")) ||
           (khap__str_eq(option, S("init-addr")) && khap__str_eq(value, S("last,libc,none")));
}

static bool take_flag(struct khap_str option, struct import_server *server, struct common *c)
{
    const struct {
        const char *option;
        bool *to;
    } flags[] = {{"check", &c->check},         {"ssl", &c->tls},
                 {"send-proxy", &c->proxy1},   {"send-proxy-v2", &c->proxy2},
                 {"backup", &server->backup},  {"disabled", &server->disabled},
                 {"check-ssl", &c->check_tls}, {"agent-check", &c->agent}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (khap__str_eq(option, khap__str(flags[i].option))) {
            *flags[i].to = true;
            return true;
        }
    }
    return khap__str_eq(option, S("check-send-proxy"));
}

static bool is_flag(struct khap_str option)
{
    static const char *const flags[] = {"check",    "ssl",       "send-proxy",  "send-proxy-v2",   "backup",
                                        "disabled", "check-ssl", "agent-check", "check-send-proxy"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (khap__str_eq(option, khap__str(flags[i])))
            return true;
    }
    return false;
}

/* The options of a server from word `at` on. */
static bool read_options(struct import *im, const struct import_line *line, uint32_t at,
                         struct import_server *server, struct common *c, bool first)
{
    for (; at < line->n; at++) {
        struct khap_str option = line->words[at];
        if (is_flag(option)) {
            (void)take_flag(option, server, c);
            continue;
        }
        if (at + 1 >= line->n)
            return false;
        struct khap_str value = line->words[++at];
        if (khap__str_eq(option, S("cookie"))) {
            c->cookie = true;
            if (khap__str_eq(value, S("check")) && !khap__str_eq(server->name, S("check"))) {
                c->check = true; /* the cookie's value was forgotten, and `check` is taken for it */
                if (im->final && first)
                    SAY(im->diags, MSG_IMPORT_COOKIE_CHECK, line->place, server->name);
            } else if (!khap__str_eq(value, server->name) && im->final) {
                SAY(im->diags, MSG_IMPORT_COOKIE_VALUE, line->place, value, server->name);
            }
            continue;
        }
        if (!take_value(option, value, server, c))
            return false;
    }
    return true;
}

static bool read_defaults(struct import *im, const struct import_section *s, struct import_server *server,
                          struct common *c)
{
    for (uint32_t i = s->first; i < s->end; i++) {
        if (word_is(&im->in.lines.ptr[i], 0, "default-server") &&
            !read_options(im, &im->in.lines.ptr[i], 1, server, c, false))
            return false;
    }
    return true;
}

static bool read_server(struct import *im, const struct import_service *service, uint32_t at,
                        struct import_server *server, struct common *c)
{
    const struct import_line *line = &im->in.lines.ptr[at];
    const struct import_section *s = &im->in.sections.ptr[service->section];
    struct address address;
    *server = (struct import_server){.name = word_at(line, 1), .weight = 1, .line = at};
    *c = (struct common){.check = false};
    if (line->n < 3 || line->variable || khap__address_parse(line->words[2], &address) != VALUE_OK ||
        !address.has_port || address.relative_port || address.port == 0 || address.prefix != PREFIX_NONE ||
        address.variable ||
        (address.family != ADDRESS_V4 && address.family != ADDRESS_V6 && address.family != ADDRESS_NAME))
        return false;
    server->host = khap__import_dup(im, address.host);
    server->port = address.port;
    return read_defaults(im, s, server, c) && read_options(im, line, 3, server, c, service->servers.len == 0);
}

/* ---- what they have in common, as keys ---- */

static bool set_key(struct import *im, const struct import_service *service, uint32_t line, const char *key,
                    struct khap_str value)
{
    return value.len == 0 ||
           khap__import_set_text(im, im->in.lines.ptr[line].place, "services", service->name, key, value);
}
static bool set_literal(struct import *im, const struct import_service *service, uint32_t line,
                        const char *key, const char *value)
{
    return khap__import_set(im, im->in.lines.ptr[line].place, "services", service->name, key,
                            khap__str(value));
}

static bool is_time(struct khap_str text, uint64_t usual)
{
    uint64_t us;
    return text.len == 0 || (khap__time_parse(text, 1000, &us) == VALUE_OK && us == usual);
}

static bool set_check(struct import *im, const struct import_service *service, const struct common *c,
                      uint32_t line)
{
    if (c->tracks && !set_literal(im, service, line, "check.node", "true"))
        return false;
    if (!c->check)
        return !service->has_check_line && set_literal(im, service, line, "check", "false");
    if (c->check_tls && !c->tls && !set_literal(im, service, line, "check.type", "tls"))
        return false;
    return set_key(im, service, line, "check.port", c->port) &&
           (is_time(c->inter, 2000000) || set_key(im, service, line, "check.interval", c->inter)) &&
           (khap__str_eq(c->fall, S("3")) || set_key(im, service, line, "check.fall", c->fall)) &&
           (khap__str_eq(c->rise, S("2")) || set_key(im, service, line, "check.rise", c->rise));
}

static bool set_common(struct import *im, const struct import_service *service, const struct common *c,
                       uint32_t line, bool cookie_line)
{
    if (!set_check(im, service, c, line) || (cookie_line && !c->cookie))
        return false;
    if (c->tls) {
        if (!set_literal(im, service, line, "backendProtocol", c->h2 ? "h2" : "https") || c->h2c ||
            !set_key(im, service, line, "backendTls.ca", c->ca) ||
            !set_key(im, service, line, "backendTls.sni", c->sni))
            return false;
        if (c->verify_none ? !set_literal(im, service, line, "backendTls.verify", "none") : c->ca.len == 0)
            return false;
    } else if (c->h2 || c->sni.len > 0 || c->ca.len > 0 ||
               (c->h2c && !set_literal(im, service, line, "backendProtocol", "h2c"))) {
        return false;
    }
    if ((c->proxy1 || c->proxy2) && !set_literal(im, service, line, "sendProxy", c->proxy2 ? "v2" : "v1"))
        return false;
    if (!c->agent)
        return c->agent_port.len == 0;
    struct khap_str send = c->agent_send;
    if (send.len > 0 && send.ptr[send.len - 1] == '\n')
        send.len--;
    else if (send.len > 0)
        return false;
    return c->agent_port.len > 0 && set_key(im, service, line, "agentCheck.port", c->agent_port) &&
           (is_time(c->agent_inter, 2000000) ||
            set_key(im, service, line, "agentCheck.interval", c->agent_inter)) &&
           set_key(im, service, line, "agentCheck.send", send);
}

bool khap__import_servers(struct import *im, struct import_service *service)
{
    const struct import_section *s = &im->in.sections.ptr[service->section];
    struct common first = {.check = false};
    bool weighted = false, cookie_line = false, dynamic = false, tracks = false;
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (word_is(line, 0, "server-template"))
            return false;
        if (word_is(line, 0, "cookie")) {
            cookie_line = true;
            for (uint32_t k = 2; k < line->n; k++)
                dynamic = dynamic || word_is(line, k, "dynamic");
        }
        if (!word_is(line, 0, "server"))
            continue;
        struct import_server server;
        struct common c;
        if (!read_server(im, service, i, &server, &c))
            return false;
        weighted = weighted || c.weight;
        tracks = tracks || c.tracks;
        if (service->servers.len > 0 && first.tracks != c.tracks) { /* the others have the check's words */
            struct common bare = c.tracks ? first : c;
            bare.port.len = 0;
            if (!same_common(c.tracks ? &c : &first, &bare))
                return false;
        } else if (service->servers.len > 0 && !same_common(&first, &c)) {
            return false;
        }
        if (service->servers.len == 0 || first.tracks)
            first = c;
        if (!VEC_PUSH(&im->alloc, &service->servers, server)) {
            khap__import_fail(im, KHAP_ENOMEM);
            return false;
        }
    }
    if (!weighted) { /* equal shares */
        for (uint32_t i = 0; i < service->servers.len; i++)
            service->servers.ptr[i].weight = 100;
    }
    uint32_t place = service->servers.len > 0 ? service->servers.ptr[0].line : s->first;
    if (service->servers.len == 0) { /* what they would have */
        struct import_server none = {.weight = 1};
        first = (struct common){.check = true, .cookie = true};
        if (!read_defaults(im, s, &none, &first))
            return false;
    }
    first.tracks = tracks;
    if (!set_common(im, service, &first, place, cookie_line && !dynamic))
        return false;
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (word_is(line, 0, "server") || word_is(line, 0, "default-server"))
            line->state = LINE_TAKEN;
    }
    return true;
}

/* ---- nodes ---- */

static bool same_node(const struct import_server *a, const struct import_server *b)
{
    return khap__str_eq(a->name, b->name) && khap__str_eq_nocase(a->host, b->host);
}
static bool alike(const struct import_server *a, const struct import_server *b)
{
    return a->weight == b->weight && a->disabled == b->disabled && a->drain == b->drain;
}

/* What a node cannot say: it is the same in all services. */
static bool may_be_node(const struct import_server *s)
{
    return !s->backup && s->maxconn.len == 0 && s->maxqueue.len == 0 && s->slowstart.len == 0;
}

static struct import_server *find_node(struct import *im, const struct import_server *server)
{
    for (uint32_t i = 0; i < im->nodes.len; i++) {
        if (khap__str_eq(im->nodes.ptr[i].name, server->name))
            return &im->nodes.ptr[i];
    }
    return NULL;
}

/* In how many services a server stands like this. */
static uint32_t times_used(const struct import *im, const struct import_server *server, uint32_t *services)
{
    uint32_t n = 0;
    *services = 0;
    for (uint32_t i = 0; i < im->services.len; i++) {
        const struct import_service *service = &im->services.ptr[i];
        if (im->in.sections.ptr[service->section].raw || service->servers.len == 0)
            continue;
        (*services)++;
        for (uint32_t k = 0; k < service->servers.len; k++)
            n += same_node(&service->servers.ptr[k], server) && alike(&service->servers.ptr[k], server);
    }
    return n;
}

/* maxconn and the like of all servers alike is the service's. */
static void hoist(struct import *im, struct import_service *service)
{
    static const char *const keys[] = {"maxconn", "maxqueue", "slowstart"};
    for (size_t key = 0; key < 3; key++) {
        struct khap_str value = {"", 0};
        for (uint32_t i = 0; i < service->servers.len; i++) {
            const struct import_server *s = &service->servers.ptr[i];
            struct khap_str own = key == 0 ? s->maxconn : key == 1 ? s->maxqueue : s->slowstart;
            if (i == 0)
                value = own;
            else if (!khap__str_eq(value, own))
                value.len = 0;
        }
        if (value.len == 0 || !set_key(im, service, service->servers.ptr[0].line, keys[key], value))
            continue;
        for (uint32_t i = 0; i < service->servers.len; i++) {
            struct import_server *s = &service->servers.ptr[i];
            (key == 0 ? &s->maxconn : key == 1 ? &s->maxqueue : &s->slowstart)->len = 0;
        }
    }
}

static void find_nodes(struct import *im, struct import_service *service)
{
    uint32_t services;
    for (uint32_t i = 0; i < service->servers.len; i++) {
        struct import_server *s = &service->servers.ptr[i];
        if (!may_be_node(s) || s->port != service->servers.ptr[0].port)
            break;
        struct import_server *node = find_node(im, s);
        if (node != NULL && (!same_node(node, s) || !alike(node, s)))
            break;
        uint32_t times = times_used(im, s, &services);
        if (times < 2 && services > 1 && !s->tracks)
            break;
        if (node == NULL && !VEC_PUSH(&im->alloc, &im->nodes, *s))
            khap__import_fail(im, KHAP_ENOMEM);
        s->is_node = true;
        service->n_nodes = i + 1;
    }
}

static void set_node(struct import *im, const struct import_server *node)
{
    struct khap_place place = im->in.lines.ptr[node->line].place;
    char room[20];
    (void)khap__import_set_text(im, place, "nodes", node->name, "address", node->host);
    if (node->weight != 100 && !node->drain)
        (void)khap__import_set(im, place, "nodes", node->name, "weight", khap__str_uint(room, node->weight));
    if (node->drain || node->disabled)
        (void)khap__import_set(im, place, "nodes", node->name, "state",
                               node->disabled ? S("maint") : S("drain"));
}

static bool all_nodes(const struct import *im, const struct import_service *service)
{
    bool all = service->n_nodes == im->nodes.len;
    for (uint32_t i = 0; i < service->n_nodes && all; i++)
        all = khap__str_eq(service->servers.ptr[i].name, im->nodes.ptr[i].name);
    return all;
}

static void set_server(struct import *im, const struct import_service *service, const struct import_server *s)
{
    struct buf yaml;
    char room[20];
    khap__buf_init(&yaml, &im->alloc);
    khap__buf_add(&yaml, S("{name: "));
    khap__import_add_quoted(&yaml, s->name);
    khap__buf_add(&yaml, S(", address: "));
    khap__import_add_quoted(&yaml, s->host);
    khap__buf_add(&yaml, S(", port: "));
    khap__buf_uint(&yaml, s->port);
    if (s->weight != 100 && !s->drain) {
        khap__buf_add(&yaml, S(", weight: "));
        khap__buf_add(&yaml, khap__str_uint(room, s->weight));
    }
    if (s->backup)
        khap__buf_add(&yaml, S(", backup: true"));
    if (s->drain || s->disabled)
        khap__buf_add(&yaml, s->disabled ? S(", state: maint") : S(", state: drain"));
    const struct khap_str values[] = {s->maxconn, s->maxqueue, s->slowstart};
    static const char *const keys[] = {", maxconn: ", ", maxqueue: ", ", slowstart: "};
    for (size_t i = 0; i < 3; i++) {
        if (values[i].len > 0) {
            khap__buf_add(&yaml, khap__str(keys[i]));
            khap__buf_add(&yaml, values[i]);
        }
    }
    khap__buf_char(&yaml, '}');
    if (yaml.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    else if (!khap__import_set(im, im->in.lines.ptr[s->line].place, "services", service->name, "servers.+",
                               khap__buf_str(&yaml)))
        khap__import_stay(&im->in.sections.ptr[service->section], im->in.lines.ptr[s->line].text);
    khap__buf_free(&yaml);
}

static void set_servers(struct import *im, const struct import_service *service)
{
    struct khap_place place = im->in.lines.ptr[im->in.sections.ptr[service->section].first].place;
    char room[20];
    if (service->n_nodes > 0) {
        (void)khap__import_set(im, place, "services", service->name, "nodePort",
                               khap__str_uint(room, service->servers.ptr[0].port));
        for (uint32_t i = 0; i < service->n_nodes && !all_nodes(im, service); i++)
            (void)khap__import_set_text(im, place, "services", service->name, "nodes.names.+",
                                        service->servers.ptr[i].name);
    }
    for (uint32_t i = service->n_nodes; i < service->servers.len; i++)
        set_server(im, service, &service->servers.ptr[i]);
}

void khap__import_nodes(struct import *im)
{
    khap__import_node_check(im);
    for (uint32_t i = 0; i < im->services.len; i++) {
        if (!im->in.sections.ptr[im->services.ptr[i].section].raw)
            hoist(im, &im->services.ptr[i]);
    }
    for (uint32_t i = 0; i < im->services.len; i++) {
        if (!im->in.sections.ptr[im->services.ptr[i].section].raw)
            find_nodes(im, &im->services.ptr[i]);
    }
    for (uint32_t i = 0; i < im->nodes.len; i++)
        set_node(im, &im->nodes.ptr[i]);
    for (uint32_t i = 0; i < im->services.len; i++) {
        if (!im->in.sections.ptr[im->services.ptr[i].section].raw)
            set_servers(im, &im->services.ptr[i]);
    }
}
