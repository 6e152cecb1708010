/* model/fixed.c - services that answer themselves, without servers: a redirect, or a fixed response.
 * SPDX-License-Identifier: MIT */
#include "model/service_parts.h"

void khap__find_fixed(const struct service_parts *own, const struct service_parts *defaults,
                      struct service_head *head)
{
    /* one of serviceDefaults is not for a service that answers in a way of its own */
    bool other = own->redirect || own->respond || own->backend || own->node_port || own->servers;
    head->redirect = own->redirect || other ? own->redirect : defaults->redirect;
    head->respond = own->respond || other ? own->respond : defaults->respond;
    if (head->redirect && head->redirect->kind == SETTING_OFF)
        head->redirect = NULL;
    if (head->respond && head->respond->kind == SETTING_OFF)
        head->respond = NULL;
}

static void say_cannot_act(struct resolver *r, const struct setting *s, struct khap_str with)
{
    RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, s->place, khap__short_path((enum key)s->key), with);
}

/* Others are for servers, or change what they are sent and send. */
static bool acts(enum key key)
{
    static const uint16_t keys[] = {
        KEY_SERVICE_MODE,
        KEY_SERVICE_HOSTS,
        KEY_SERVICE_ROUTES,
        KEY_SERVICE_WILDCARD,
        KEY_SERVICE_DEFAULT,
        KEY_SERVICE_REDIRECT,
        KEY_SERVICE_RESPOND,
        KEY_SERVICE_FRONTENDS,
        KEY_SERVICE_SOURCE_RANGES,
        KEY_SERVICE_EXTRA,
        KEY_SERVICE_REDIRECT_HTTPS,
        KEY_SERVICE_DENY_RANGES,
        KEY_SERVICE_RATE_LIMIT,
        KEY_SERVICE_CONNECTION_LIMIT,
        KEY_SERVICE_BASIC_AUTH,
        KEY_SERVICE_MAINTENANCE,
        KEY_SERVICE_JWT,
        KEY_SERVICE_CANARY,
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i] == key)
            return true;
    }
    return false;
}

void khap__check_redirect(struct resolver *r, struct layered redirect, bool regex)
{
    const struct setting *own = redirect.own;
    const struct setting *path = khap__setting_find(own, KEY_SERVICE_REDIRECT_PATH);
    const struct setting *prefix = khap__setting_find(own, KEY_SERVICE_REDIRECT_PREFIX);
    if (path && prefix)
        say_cannot_act(r, prefix, S("redirect.path"));
    else if (prefix && regex)
        say_cannot_act(r, prefix, S("pathType: Regex"));
    static const uint16_t keys[] = {KEY_SERVICE_REDIRECT_PATH, KEY_SERVICE_REDIRECT_PREFIX,
                                    KEY_SERVICE_REDIRECT_SCHEME, KEY_SERVICE_REDIRECT_HOST,
                                    KEY_SERVICE_REDIRECT_PORT};
    bool changes = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        changes = changes || khap__member(redirect, (enum key)keys[i]);
    if (own && !changes && !own->damaged && own->spoilt == 0)
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, own->place, S("redirect"), S("scheme, host, port, path or prefix"));
}

void khap__check_respond(struct resolver *r, struct layered respond)
{
    const struct setting *own = respond.own, *status = khap__member(respond, KEY_SERVICE_RESPOND_STATUS),
                         *body = khap__member(respond, KEY_SERVICE_RESPOND_BODY);
    if (status && body && (status->number == 204 || status->number == 304)) /* they have none */
        say_cannot_act(r, body, status->number == 204 ? S("respond.status: 204") : S("respond.status: 304"));
    const struct setting *type = khap__setting_find(own, KEY_SERVICE_RESPOND_CONTENT_TYPE);
    if (type && !body && !khap__setting_spoilt(own, KEY_SERVICE_RESPOND_BODY))
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, type->place, S("respond.contentType"), S("respond.body"));
}

void khap__check_fixed(struct resolver *r, const struct service_head *head)
{
    const struct setting *redirect = head->redirect, *respond = head->respond;
    for (const struct setting *s = head->given->child; s; s = s->next) {
        if (!acts((enum key)s->key) && s->kind != SETTING_OFF)
            say_cannot_act(r, s, redirect ? S("redirect") : S("respond"));
    }
    if (redirect && respond)
        say_cannot_act(r, respond, S("redirect"));
    khap__check_redirect(r, khap__layered(redirect, NULL), khap__has_regex_route(r->out, head));
    khap__check_respond(r, khap__layered(respond, NULL));
}
