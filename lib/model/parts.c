/* model/parts.c - the members of a service, and what serviceDefaults adds to them. SPDX-License-Identifier:
 * MIT */
#include "model/parts.h"

void khap__parts_gather(const struct setting *service, struct service_parts *out)
{
    *out = (struct service_parts){.all = service};
    if (!service)
        return;
    for (const struct setting *s = service->child; s; s = s->next) {
        switch ((int)s->key) {
        case KEY_SERVICE_NODE_PORT:
            out->node_port = s;
            break;
        case KEY_SERVICE_MODE:
            out->mode = s;
            break;
        case KEY_SERVICE_BIND:
            out->bind = s;
            break;
        case KEY_SERVICE_TLS:
            out->tls = s;
            break;
        case KEY_SERVICE_HOSTS:
            out->hosts = s;
            break;
        case KEY_SERVICE_ROUTES:
            out->routes = s;
            break;
        case KEY_SERVICE_WILDCARD:
            out->wildcard = s;
            break;
        case KEY_SERVICE_DEFAULT:
            out->is_default = s;
            break;
        case KEY_SERVICE_FRONTENDS:
            out->frontends = s;
            break;
        case KEY_SERVICE_REDIRECT_HTTPS:
            out->redirect_https = s;
            break;
        case KEY_SERVICE_HSTS:
            out->hsts = s;
            break;
        case KEY_SERVICE_REWRITE:
            out->rewrite = s;
            break;
        case KEY_SERVICE_HEADERS:
            out->headers = s;
            break;
        case KEY_SERVICE_TIMEOUTS:
            out->timeouts = s;
            break;
        case KEY_SERVICE_BACKEND_PROTOCOL:
            out->backend_protocol = s;
            break;
        case KEY_SERVICE_BACKEND_TLS:
            out->backend_tls = s;
            break;
        case KEY_SERVICE_SEND_PROXY:
            out->send_proxy = s;
            break;
        case KEY_SERVICE_BALANCE:
            out->balance = s;
            break;
        case KEY_SERVICE_COOKIE:
            out->cookie = s;
            break;
        case KEY_SERVICE_CHECK:
            out->check = s;
            break;
        case KEY_SERVICE_NODES:
            out->nodes = s;
            break;
        case KEY_SERVICE_SERVERS:
            out->servers = s;
            break;
        case KEY_SERVICE_BACKEND:
            out->backend = s;
            break;
        case KEY_SERVICE_REDIRECT:
            out->redirect = s;
            break;
        case KEY_SERVICE_RESPOND:
            out->respond = s;
            break;
        case KEY_SERVICE_EXTRA:
            out->extra = s;
            break;
        case KEY_SERVICE_HASH:
            out->hash = s;
            break;
        case KEY_SERVICE_AFFINITY:
            out->affinity = s;
            break;
        case KEY_SERVICE_RETRIES:
            out->retries = s;
            break;
        case KEY_SERVICE_AGENT_CHECK:
            out->agent_check = s;
            break;
        case KEY_SERVICE_RETRY_ON:
            out->retry_on = s;
            break;
        default:
            break;
        }
    }
}

void khap__parts_inherit(struct service_parts *own, const struct service_parts *inherited)
{
#define INHERIT(part)                                                                                        \
    if (!own->part)                                                                                          \
    own->part = inherited->part
    INHERIT(node_port);
    INHERIT(mode);
    INHERIT(bind);
    INHERIT(tls);
    INHERIT(hosts);
    INHERIT(routes);
    INHERIT(wildcard);
    INHERIT(is_default);
    INHERIT(frontends);
    INHERIT(redirect_https);
    INHERIT(hsts);
    INHERIT(rewrite);
    INHERIT(headers);
    INHERIT(timeouts);
    INHERIT(backend_protocol);
    INHERIT(backend_tls);
    INHERIT(send_proxy);
    INHERIT(cookie);
    INHERIT(check);
    INHERIT(nodes);
    INHERIT(servers);
    INHERIT(backend);
    INHERIT(redirect);
    INHERIT(respond);
    INHERIT(extra);
    INHERIT(agent_check);
    INHERIT(retries);
    INHERIT(retry_on);
    if (!khap__chooses_server(own)) { /* one of them stands for all three */
        own->balance = inherited->balance;
        own->hash = inherited->hash;
        own->affinity = inherited->affinity;
    }
#undef INHERIT
}

struct layered khap__layered(const struct setting *own, const struct setting *inherited)
{
    struct layered l = {own, inherited, NULL};
    if (l.own && l.own->kind == SETTING_OFF)
        return (struct layered){0};
    if (l.inherited && l.inherited->kind == SETTING_OFF)
        l.inherited = NULL;
    if (!l.own) {
        l.own = l.inherited;
        l.inherited = NULL;
    }
    return l;
}

struct layered khap__layered_route(const struct setting *route, const struct setting *own,
                                   const struct setting *inherited)
{
    struct layered service = khap__layered(own, inherited);
    if (!route)
        return service;
    if (route->kind == SETTING_OFF)
        return (struct layered){0};
    return (struct layered){route, service.own, service.inherited};
}

struct layered khap__part(const struct khap_model *model, const struct service_parts *own,
                          const struct service_parts *inherited, enum key key)
{
    if (!model->seen[key])
        return (struct layered){0};
    return khap__layered(khap__setting_find(own->all, key), khap__setting_find(inherited->all, key));
}

const struct setting *khap__member(struct layered object, enum key key)
{
    const struct setting *s = khap__setting_find(object.own, key);
    if (!s)
        s = khap__setting_find(object.inherited, key);
    return s ? s : khap__setting_find(object.last, key);
}

enum service_mode khap__mode_of(const struct setting *mode, const struct setting *tls)
{
    if (!khap__is_text(mode, S("tcp")))
        return MODE_HTTP;
    return khap__is_text(tls, S("passthrough")) ? MODE_PASSTHROUGH : MODE_TCP;
}
