/* model/routes.c - hosts and paths of services in one list, and which of them are equal.
 * SPDX-License-Identifier: MIT */
#include "model/service_parts.h"

/* The host of a text that the reader has brought into its normal form. */
static void host_of(struct resolver *r, struct khap_str text, struct host *out)
{
    char last = text.ptr[text.len - 1];
    if (khap__str_starts(text, S("*."))) {
        *out = (struct host){HOST_WILDCARD, khap__str_sub(text, 2, text.len)};
    } else if (last != ']' && khap__hex((unsigned char)last) < 0) {
        *out = (struct host){HOST_EXACT, text};
    } else {
        char *space = khap__arena_bytes(&r->out->arena, text.len + 1);
        if (!space) {
            r->no_memory = true;
            return;
        }
        khap__host_parse(text, space, out);
    }
}

bool khap__check_regex(struct resolver *r, const struct setting *path)
{
    size_t at = 0;
    char space[128];
    struct khap_str why = {NULL, 0};
    enum khap_status status = KHAP_OK;
    if (path->text.len == 0) {
        RESOLVE_SAY(r, MSG_BAD_REGEX, path->place, path->text, S("it is empty"));
        return false;
    }
    enum value_error error = khap__regex_check(&r->model->alloc, path->text, &at, &why, space, &status);
    if (error == VALUE_OK && status == KHAP_OK) {
        /* as it will be written: what is whole by itself may not be so in brackets, (?x)# for instance */
        khap__buf_clear(&r->text);
        khap__buf_add(&r->text, S("^("));
        khap__buf_add(&r->text, path->text);
        khap__buf_add(&r->text, S(")$"));
        if (!r->text.failed)
            error = khap__regex_check(&r->model->alloc, khap__buf_str(&r->text), &at, &why, space, &status);
    }
    if (status == KHAP_ENOMEM || r->text.failed)
        r->no_memory = true;
    else if (error != VALUE_OK)
        RESOLVE_SAY(r, MSG_BAD_REGEX, path->place, path->text, why);
    return error == VALUE_OK;
}

/* False when the route is none, which has been said. */
static bool read_path(struct resolver *r, const struct setting *object, const struct setting *path,
                      const struct setting *type, struct route *route)
{
    bool exact = khap__is_text(type, S("Exact")), regex = khap__is_text(type, S("Regex"));
    if (!path) {
        if ((exact || regex) && !khap__setting_spoilt(object, KEY_SERVICE_ROUTE_PATH))
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, type->place,
                        exact ? S("pathType: Exact") : S("pathType: Regex"), S("path"));
        return !exact && !regex;
    }
    route->path = path->text;
    if (regex) {
        route->path_type = PATH_REGEX;
        return khap__check_regex(r, path);
    }
    if (khap__path_parse(path->text) != VALUE_OK) {
        RESOLVE_SAY(r, MSG_BAD_PATH, path->place, khap__short_path(KEY_SERVICE_ROUTE_PATH), path->text,
                    path->text.len == 0 || path->text.ptr[0] != '/'
                        ? S(": it begins with a slash")
                        : S(": it holds no blank, ?, # or byte outside of ASCII"));
        return false;
    }
    if (exact) {
        route->path_type = PATH_EXACT;
        return true;
    }
    route->path = khap__path_prefix(path->text);
    route->path_type = route->path.len ? PATH_PREFIX : PATH_NONE;
    return true;
}

static void push(struct resolver *r, const struct route *route)
{
    if (!VEC_PUSH(&r->out->alloc, &r->out->routes, *route))
        r->no_memory = true;
}

void khap__add_routes(struct resolver *r, struct service_head *head, const struct service_parts *own,
                      const struct split *split)
{
    uint32_t splits = 0;
    const struct service_parts *inherited = r->out->inherited[head->mode];
    static const struct service_parts none;
    if (!inherited)
        inherited = &none;
    if (head->mode == MODE_TCP)
        return;
    const struct setting *hosts = own->hosts ? own->hosts : inherited->hosts;
    const struct setting *routes = own->routes ? own->routes : inherited->routes;
    const struct setting *is_default = own->is_default ? own->is_default : inherited->is_default;
    bool label = khap__is_text(own->wildcard ? own->wildcard : inherited->wildcard, S("label"));
    struct route base = {.frontends = head->frontends, .service = r->out->services.len, .split = split};
    for (const struct setting *s = hosts ? hosts->child : NULL; s; s = s->next) {
        struct route route = base;
        host_of(r, s->text, &route.host);
        route.has_host = true;
        route.label = label && route.host.kind == HOST_WILDCARD;
        route.place = s->place;
        route.order = r->out->routes.len;
        push(r, &route);
    }
    if (head->mode != MODE_HTTP)
        return;
    for (const struct setting *object = routes ? routes->child : NULL; object; object = object->next) {
        struct route route = base;
        const struct setting *path = NULL, *type = NULL, *wildcard = NULL, *match = NULL;
        route.place = object->place;
        for (const struct setting *m = object->child; m; m = m->next) {
            if (m->key == KEY_SERVICE_ROUTE_HOST) {
                host_of(r, m->text, &route.host);
                route.has_host = true;
            } else if (m->key == KEY_SERVICE_ROUTE_PATH) {
                path = m;
            } else if (m->key == KEY_SERVICE_ROUTE_PATH_TYPE) {
                type = m;
            } else if (m->key == KEY_SERVICE_ROUTE_WILDCARD) {
                wildcard = m;
            } else if (m->key == KEY_SERVICE_ROUTE_MATCH) {
                match = m;
            } else if (m->key == KEY_SERVICE_ROUTE_SPLIT) {
                route.split = khap__new_split(r, m, ++splits);
            }
        }
        bool is_wildcard = route.has_host && route.host.kind == HOST_WILDCARD;
        if (wildcard && !is_wildcard && !khap__setting_spoilt(object, KEY_SERVICE_ROUTE_HOST))
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, wildcard->place, S("wildcard"), S("a wildcard as host"));
        route.label = is_wildcard && (wildcard ? khap__is_text(wildcard, S("label")) : label);
        route.order = r->out->routes.len;
        bool good = !match || khap__read_match(r, match, &route.match);
        good = read_path(r, object, path, type, &route) && good;
        khap__read_route_keys(r, head, object, &route);
        if (good && !object->damaged)
            push(r, &route);
    }
    if (khap__is_true(is_default)) {
        struct route route = base;
        route.is_default = true;
        route.place = is_default->place;
        route.order = r->out->routes.len;
        push(r, &route);
    }
}

/* What tells routes apart. The commonest, an exact host alone, needs no copy: host names hold no control
 * bytes. */
static struct khap_str identity(struct resolver *r, const struct route *route)
{
    struct khap_str match = {NULL, 0};
    if (route->match) {
        khap__buf_clear(&r->text);
        khap__match_identity(route->match, &r->text);
        match = khap__buf_str(&r->text);
        r->no_memory = r->no_memory || r->text.failed;
    } else if (route->has_host && route->path_type == PATH_NONE && route->host.kind != HOST_WILDCARD) {
        return route->host.name;
    }
    char *key = khap__arena_bytes(&r->scratch, route->host.name.len + route->path.len + match.len + 5);
    size_t n = 0;
    if (!key) {
        r->no_memory = true;
        return (struct khap_str){NULL, 0};
    }
    key[n++] = (char)(1 + route->path_type);
    key[n++] = (char)(!route->has_host                    ? 'a'
                      : route->host.kind != HOST_WILDCARD ? 'e'
                      : route->label                      ? 'l'
                                                          : 'd');
    if (route->host.name.len)
        memcpy(key + n, route->host.name.ptr, route->host.name.len);
    n += route->host.name.len;
    key[n++] = 1;
    if (route->path_type != PATH_NONE && route->path.len) {
        memcpy(key + n, route->path.ptr, route->path.len);
        n += route->path.len;
    }
    if (match.len) {
        key[n++] = 1;
        memcpy(key + n, match.ptr, match.len);
        n += match.len;
    }
    return (struct khap_str){key, n};
}

/* How people call a route. */
static struct khap_str route_text(struct resolver *r, const struct route *route)
{
    khap__buf_clear(&r->text);
    if (!route->has_host && route->path_type == PATH_NONE) {
        khap__buf_add(&r->text, S("the route without host and path"));
        return khap__buf_str(&r->text);
    }
    khap__buf_char(&r->text, '`');
    if (route->has_host && route->host.kind == HOST_WILDCARD)
        khap__buf_add(&r->text, S("*."));
    khap__buf_add(&r->text, route->host.name);
    if (route->path_type != PATH_NONE)
        khap__buf_add(&r->text, route->path);
    khap__buf_char(&r->text, '`');
    return khap__buf_str(&r->text);
}

static void say_twice(struct resolver *r, const struct route *first, const struct route *second)
{
    struct khap_str service = r->out->services.ptr[first->service].name;
    if (first->is_default && second->is_default)
        RESOLVE_SAY(r, MSG_DEFAULT_DEFINED_TWICE, second->place, service);
    else
        RESOLVE_SAY(r, MSG_ROUTE_DEFINED_TWICE, second->place, route_text(r, second), service);
    khap__diags_relate(r->diags, first->place, S("first defined here"));
}

/* A host that is passed through leaves nothing on its frontend for routes of that host. */
static void check_passthrough(struct resolver *r)
{
    struct resolved *out = r->out;
    struct map hosts;
    khap__map_init(&hosts, &r->model->alloc);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < out->routes.len && !r->no_memory; i++) {
            const struct route *route = &out->routes.ptr[i];
            bool passthrough = out->services.ptr[route->service].mode == MODE_PASSTHROUGH;
            if (passthrough != (pass == 0) || !route->has_host)
                continue;
            if (pass == 1 && route->path_type == PATH_NONE &&
                !route->match) /* compared as equal routes already */
                continue;
            struct route alone = *route;
            alone.path_type = PATH_NONE;
            alone.match = NULL;
            struct khap_str key = identity(r, &alone);
            uint32_t old;
            bool found;
            if (r->no_memory)
                break;
            if (pass == 0) {
                if (khap__map_add(&hosts, key, i, &found, &old) != KHAP_OK)
                    r->no_memory = true;
            } else if (khap__map_get(&hosts, key, &old) &&
                       (out->routes.ptr[old].frontends & route->frontends)) {
                say_twice(r, &out->routes.ptr[old], route);
            }
        }
    }
    khap__map_free(&hosts);
}

/* Where one of the two is there only to be redirected to https, the other one, which asks for that frontend, has it. */
static bool overlap(const struct resolver *r, struct route *a, struct route *b)
{
    const struct resolved *out = r->out;
    uint64_t plain = a->frontends & b->frontends & ~out->tls_frontends;
    if (out->services.ptr[a->service].tls_only)
        a->frontends &= ~plain;
    else if (out->services.ptr[b->service].tls_only)
        b->frontends &= ~plain;
    return (a->frontends & b->frontends) != 0;
}

void khap__resolve_routes(struct resolver *r)
{
    struct resolved *out = r->out;
    struct map seen;
    uint32_t *same = NULL; /* the next route with the same identity, where frontends do not overlap */
    khap__map_init(&seen, &r->model->alloc);
    if (khap__map_reserve(&seen, out->routes.len) != KHAP_OK)
        r->no_memory = true;
    for (uint32_t i = 0; i < out->routes.len && !r->no_memory; i++) {
        struct route *route = &out->routes.ptr[i];
        if (route->frontends == 0)
            continue; /* nothing leads to it */
        struct khap_str key = identity(r, route);
        bool found = false;
        uint32_t at = 0;
        if (r->no_memory || khap__map_add(&seen, key, i, &found, &at) != KHAP_OK) {
            r->no_memory = true;
            break;
        }
        if (!found)
            continue;
        if (!same) {
            same = khap__arena_zalloc(&r->scratch, out->routes.len, sizeof *same);
            if (!same) {
                r->no_memory = true;
                break;
            }
        }
        for (;; at = same[at]) {
            struct route *first = &out->routes.ptr[at];
            if (first->service == route->service && !first->own && !route->own &&
                khap__str_eq(first->backend, route->backend)) {
                route->frontends &= ~first->frontends; /* said twice by one service: once is enough */
                if (route->frontends == 0)
                    break; /* the chain holds only what has a frontend of its own, so it stays short */
            } else if (overlap(r, first, route)) {
                say_twice(r, first, route);
                break;
            }
            if (!same[at]) {
                same[at] = i; /* 0 ends the chain; route 0 is never behind another */
                break;
            }
        }
    }
    khap__map_free(&seen);
    if (r->first_passthrough && !r->no_memory)
        check_passthrough(r);
}
