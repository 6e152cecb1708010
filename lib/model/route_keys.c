/* model/route_keys.c - keys of a service on one of its routes: which there are, and what cannot be. SPDX-License-Identifier: MIT */
#include "model/service_parts.h"

static const struct {
    uint16_t key;
    uint8_t bit;
} known[] = {
    {KEY_SERVICE_ROUTE_REWRITE, OWN_REWRITE},       {KEY_SERVICE_ROUTE_HEADERS, OWN_HEADERS},
    {KEY_SERVICE_ROUTE_SOURCE_RANGES, OWN_SOURCES}, {KEY_SERVICE_ROUTE_TIMEOUTS, OWN_TIMEOUTS},
    {KEY_SERVICE_ROUTE_REDIRECT, OWN_ANSWER},       {KEY_SERVICE_ROUTE_RESPOND, OWN_ANSWER},
};

static uint8_t bit_of(enum key key)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].key == key)
            return known[i].bit;
    }
    return 0;
}

bool khap__route_answers(const struct setting *route)
{
    static const uint16_t keys[] = {KEY_SERVICE_ROUTE_REDIRECT, KEY_SERVICE_ROUTE_RESPOND,
                                    KEY_SERVICE_ROUTE_BACKEND, KEY_SERVICE_ROUTE_SPLIT};
    for (const struct setting *s = route->child; s; s = s->next) {
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            if (s->key == keys[i] && s->kind != SETTING_OFF)
                return true;
        }
    }
    return false;
}

static void say_cannot_act(struct resolver *r, const struct setting *s, struct khap_str with)
{
    RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, s->place, khap__key_name((enum key)s->key), with);
}

/* A redirect or a response of the route's own, or the service's. */
static void check_answers(struct resolver *r, const struct service_head *head, const struct route *route)
{
    struct layered redirect, respond;
    khap__answers_of(head, route->own, &redirect, &respond);
    const struct setting *own_redirect = khap__setting_find(route->own, KEY_SERVICE_ROUTE_REDIRECT),
                         *own_respond = khap__setting_find(route->own, KEY_SERVICE_ROUTE_RESPOND);
    if (redirect.own && respond.own)
        say_cannot_act(r, own_respond ? own_respond : own_redirect,
                       own_respond ? S("redirect") : S("respond"));
    khap__check_redirect(r, own_redirect && redirect.own ? redirect : (struct layered){0},
                         route->path_type == PATH_REGEX);
    khap__check_respond(r, own_respond && respond.own ? respond : (struct layered){0});
    if (!redirect.own && !respond.own) {
        if (head->redirect || head->respond) /* which has no servers */
            RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, own_redirect ? own_redirect->place : own_respond->place,
                        own_redirect ? S("redirect: false") : S("respond: false"),
                        own_redirect ? S("respond or backend") : S("redirect or backend"));
        return;
    }
    for (const struct setting *s = route->own->child; s; s = s->next) {
        if (bit_of((enum key)s->key) & (OWN_REWRITE | OWN_HEADERS | OWN_TIMEOUTS))
            say_cannot_act(r, s, redirect.own ? S("redirect") : S("respond"));
    }
}

void khap__check_rewrite(struct resolver *r, const struct setting *rewrite, bool regex)
{
    const struct setting *prefix = khap__setting_find(rewrite, KEY_SERVICE_REWRITE_PREFIX);
    if (!prefix)
        return;
    if (khap__setting_find(rewrite, KEY_SERVICE_REWRITE_PATH))
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, prefix->place, S("rewrite.prefix"), S("rewrite.path"));
    else if (regex)
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, prefix->place, S("rewrite"), S("pathType: Regex"));
}

/* Says what the backend of one's own would leave out: who may come. */
static void check_guards(struct resolver *r, const struct service_head *head, const struct setting *backend)
{
    const struct setting *const holders[] = {head->given, r->defaults.all};
    for (size_t i = 0; i < 2; i++) {
        for (const struct setting *s = holders[i] ? holders[i]->child : NULL; s; s = s->next) {
            if (!khap__guards((enum key)s->key) || !khap__keeps_out(s) ||
                (i == 1 && khap__setting_find(head->given, (enum key)s->key)))
                continue;
            RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, backend->place, S("backend"),
                        khap__key_name((enum key)s->key));
            khap__diags_relate(r->diags, s->place, S("the service's"));
        }
    }
}

void khap__read_route_keys(struct resolver *r, const struct service_head *head, const struct setting *object,
                           struct route *route)
{
    const struct setting *backend = khap__setting_find(object, KEY_SERVICE_ROUTE_BACKEND);
    const struct setting *split = khap__setting_find(object, KEY_SERVICE_ROUTE_SPLIT);
    struct khap_str away = split                              ? S("split")
                           : backend                          ? S("backend")
                           : route->split || head->split_only ? S("split")
                           : head->own_backend                ? S("backend")
                                                              : S("");
    for (const struct setting *s = object->child; s; s = s->next) {
        uint8_t bit = bit_of((enum key)s->key);
        if (bit == OWN_ANSWER && s->kind == SETTING_OFF && !head->redirect && !head->respond)
            continue; /* nothing to switch off */
        route->stated |= bit;
        if ((bit != 0 && away.len > 0) || (s == backend && split))
            say_cannot_act(r, s, away);
    }
    if (backend) {
        route->backend = backend->text;
        route->split = NULL; /* the service's */
        khap__check_backend(r, head, backend);
        check_guards(r, head, backend);
    }
    if (route->stated == 0)
        return;
    route->own = object;
    if (away.len > 0)
        return;
    check_answers(r, head, route);
    khap__check_rewrite(r, khap__setting_find(object, KEY_SERVICE_ROUTE_REWRITE),
                        route->path_type == PATH_REGEX);
    khap__check_headers(r, khap__setting_find(object, KEY_SERVICE_ROUTE_HEADERS));
    khap__check_ranges(r, khap__setting_find(object, KEY_SERVICE_ROUTE_SOURCE_RANGES));
}
