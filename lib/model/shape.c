/* model/shape.c - what a service, or one of its routes, makes of requests: paths, headers, answers of its own. SPDX-License-Identifier: MIT */
#include "model/service_parts.h"

static struct khap_str text_of(const struct setting *s, struct khap_str otherwise)
{
    return s && s->kind == SETTING_TEXT ? s->text : otherwise;
}

static uint64_t time_of(const struct setting *s)
{
    return s ? (uint64_t)s->number : 0;
}

static uint32_t count(const struct setting *s)
{
    return s ? s->n_children : 0;
}

/* ---- headers ---- */

enum { LAYERS = 3 };

static bool has_item(const struct setting *list, struct khap_str name)
{
    for (const struct setting *s = list ? list->child : NULL; s; s = s->next) {
        if (khap__str_eq_nocase(s->text, name))
            return true;
    }
    return false;
}

static bool has_entry(const struct setting *map, struct khap_str name)
{
    for (const struct setting *s = map ? map->child : NULL; s; s = s->next) {
        if (khap__str_eq_nocase(khap__setting_name(s), name))
            return true;
    }
    return false;
}

struct header_keys {
    enum key way, set, add, remove, set_format, add_format;
};

/* Headers of one layer; a layer above that sets or deletes one takes its place. */
static void add_entries(const struct setting *const *ways, size_t layer, enum key which, enum key remove,
                        bool is_add, enum key format, struct header_rule *rules, uint32_t *n)
{
    const struct setting *map = khap__setting_find(ways[layer], which);
    for (const struct setting *s = map ? map->child : NULL; s; s = s->next) {
        struct khap_str name = khap__setting_name(s);
        bool replaced = !s->child;
        for (size_t above = 0; above < layer && !replaced; above++)
            replaced = has_entry(khap__setting_find(ways[above], which), name) ||
                       has_item(khap__setting_find(ways[above], remove), name);
        if (!replaced)
            rules[(*n)++] = (struct header_rule){.name = name,
                                                 .value = s->child->text,
                                                 .is_format = s->child->key == format,
                                                 .is_add = is_add,
                                                 .place = s->place};
    }
}

/* Deleted ones first, so that what is set afterwards stays; then set, then add. */
static bool fill_way(struct layered headers, const struct header_keys *keys, struct arena *scratch,
                     struct header_rule **rules, uint32_t *n)
{
    const struct setting *ways[LAYERS] = {khap__setting_find(headers.own, keys->way),
                                          khap__setting_find(headers.inherited, keys->way),
                                          khap__setting_find(headers.last, keys->way)};
    const struct setting *remove = NULL;
    uint32_t room = 0;
    for (size_t i = LAYERS; i-- > 0;) {
        const struct setting *list = khap__setting_find(ways[i], keys->remove);
        remove = list ? list : remove;
        room += count(khap__setting_find(ways[i], keys->set)) + count(khap__setting_find(ways[i], keys->add));
    }
    room += count(remove);
    *n = 0;
    *rules = NULL;
    if (room == 0)
        return true;
    *rules = khap__arena_alloc(scratch, room, sizeof **rules);
    if (!*rules)
        return false;
    for (const struct setting *s = remove ? remove->child : NULL; s; s = s->next)
        (*rules)[(*n)++] = (struct header_rule){.name = s->text, .is_delete = true, .place = s->place};
    for (size_t i = LAYERS; i-- > 0;)
        add_entries(ways, i, keys->set, keys->remove, false, keys->set_format, *rules, n);
    for (size_t i = LAYERS; i-- > 0;)
        add_entries(ways, i, keys->add, keys->remove, true, keys->add_format, *rules, n);
    return true;
}

bool khap__fill_headers(struct layered headers, struct arena *scratch, struct service *out)
{
    static const struct header_keys request = {
        KEY_SERVICE_HEADERS_REQUEST,
        KEY_SERVICE_HEADERS_REQUEST_SET,
        KEY_SERVICE_HEADERS_REQUEST_ADD,
        KEY_SERVICE_HEADERS_REQUEST_DELETE,
        KEY_SERVICE_HEADERS_REQUEST_SET_ENTRY_FORMAT,
        KEY_SERVICE_HEADERS_REQUEST_ADD_ENTRY_FORMAT,
    };
    static const struct header_keys response = {
        KEY_SERVICE_HEADERS_RESPONSE,
        KEY_SERVICE_HEADERS_RESPONSE_SET,
        KEY_SERVICE_HEADERS_RESPONSE_ADD,
        KEY_SERVICE_HEADERS_RESPONSE_DELETE,
        KEY_SERVICE_HEADERS_RESPONSE_SET_ENTRY_FORMAT,
        KEY_SERVICE_HEADERS_RESPONSE_ADD_ENTRY_FORMAT,
    };
    return !headers.own || (fill_way(headers, &request, scratch, &out->request, &out->n_request) &&
                            fill_way(headers, &response, scratch, &out->response, &out->n_response));
}

/* ---- paths ---- */

/* The layer that says the path, a new one or what stands for the prefix. */
static const struct setting *path_layer(struct layered object, enum key path, enum key prefix)
{
    const struct setting *const layers[LAYERS] = {object.own, object.inherited, object.last};
    for (size_t i = 0; i < LAYERS; i++) {
        if (khap__setting_find(layers[i], path) || khap__setting_find(layers[i], prefix))
            return layers[i];
    }
    return NULL;
}

void khap__fill_rewrite(struct layered rewrite, bool regex, struct service *out)
{
    const struct setting *paths = path_layer(rewrite, KEY_SERVICE_REWRITE_PATH, KEY_SERVICE_REWRITE_PREFIX);
    out->rewrite.path = text_of(khap__setting_find(paths, KEY_SERVICE_REWRITE_PATH), S(""));
    if (!regex) /* one that is inherited is left out there */
        out->rewrite.prefix = text_of(khap__setting_find(paths, KEY_SERVICE_REWRITE_PREFIX), S(""));
    out->rewrite.host = text_of(khap__member(rewrite, KEY_SERVICE_REWRITE_HOST), S(""));
}

/* ---- answers ---- */

void khap__fill_answers(struct layered redirect, struct layered respond, struct service *out)
{
    if (redirect.own) {
        const struct setting *paths =
            path_layer(redirect, KEY_SERVICE_REDIRECT_PATH, KEY_SERVICE_REDIRECT_PREFIX);
        const struct setting *port = khap__member(redirect, KEY_SERVICE_REDIRECT_PORT);
        out->redirect.on = true;
        out->redirect.place = redirect.own->place;
        out->redirect.scheme = text_of(khap__member(redirect, KEY_SERVICE_REDIRECT_SCHEME), S(""));
        out->redirect.host = text_of(khap__member(redirect, KEY_SERVICE_REDIRECT_HOST), S(""));
        out->redirect.path = text_of(khap__setting_find(paths, KEY_SERVICE_REDIRECT_PATH), S(""));
        out->redirect.status = text_of(khap__member(redirect, KEY_SERVICE_REDIRECT_STATUS), S("302"));
        out->redirect.port = port ? (uint16_t)port->number : 0;
        out->rewrite.prefix = text_of(khap__setting_find(paths, KEY_SERVICE_REDIRECT_PREFIX), S(""));
    }
    if (respond.own) {
        const struct setting *status = khap__member(respond, KEY_SERVICE_RESPOND_STATUS);
        out->respond.on = true;
        out->respond.place = respond.own->place;
        out->respond.status = status ? (uint16_t)status->number : 200;
        out->respond.body = text_of(khap__member(respond, KEY_SERVICE_RESPOND_BODY), S(""));
        out->respond.type = text_of(khap__member(respond, KEY_SERVICE_RESPOND_CONTENT_TYPE), S("text/plain"));
    }
}

void khap__answers_of(const struct service_head *head, const struct setting *route, struct layered *redirect,
                      struct layered *respond)
{
    const struct setting *own_redirect = khap__setting_find(route, KEY_SERVICE_ROUTE_REDIRECT),
                         *own_respond = khap__setting_find(route, KEY_SERVICE_ROUTE_RESPOND);
    bool redirects = own_redirect && own_redirect->kind != SETTING_OFF,
         responds = own_respond && own_respond->kind != SETTING_OFF;
    *redirect = responds && !own_redirect ? (struct layered){0} : khap__layered(own_redirect, head->redirect);
    *respond = redirects && !own_respond ? (struct layered){0} : khap__layered(own_respond, head->respond);
}

/* ---- a route with keys of its own ---- */

bool khap__route_resolve(const struct resolved *r, const struct route *route, const struct service_head *head,
                         struct arena *scratch, struct service *out)
{
    static const struct service_parts none;
    const struct service_parts *inherited = r->inherited[head->mode] ? r->inherited[head->mode] : &none;
    const struct setting *given = route->own;
    struct service_parts own;
    struct layered redirect, respond;
    khap__parts_gather(head->given, &own);
    *out = (struct service){
        .head = head, .name = head->name, .place = route->place, .mode = head->mode, .route = route};
    const struct setting *timeouts = khap__setting_find(given, KEY_SERVICE_ROUTE_TIMEOUTS);
    out->connect = time_of(khap__setting_find(timeouts, KEY_SERVICE_ROUTE_TIMEOUTS_CONNECT));
    out->server_timeout = time_of(khap__setting_find(timeouts, KEY_SERVICE_ROUTE_TIMEOUTS_SERVER));
    out->queue = time_of(khap__setting_find(timeouts, KEY_SERVICE_ROUTE_TIMEOUTS_QUEUE));
    out->tunnel = time_of(khap__setting_find(timeouts, KEY_SERVICE_ROUTE_TIMEOUTS_TUNNEL));
    khap__fill_rewrite(khap__layered_route(khap__setting_find(given, KEY_SERVICE_ROUTE_REWRITE), own.rewrite,
                                           inherited->rewrite),
                       route->path_type == PATH_REGEX, out);
    khap__answers_of(head, given, &redirect, &respond);
    khap__fill_answers(redirect, respond, out);
    return khap__fill_headers(khap__layered_route(khap__setting_find(given, KEY_SERVICE_ROUTE_HEADERS),
                                                  own.headers, inherited->headers),
                              scratch, out) &&
           khap__fill_ranges(khap__setting_find(given, KEY_SERVICE_ROUTE_SOURCE_RANGES), scratch,
                             &out->sources);
}
