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

void khap__check_fixed(struct resolver *r, const struct service_head *head)
{
    const struct setting *redirect = head->redirect, *respond = head->respond;
    for (const struct setting *s = head->given->child; s; s = s->next) {
        if (!acts((enum key)s->key) && s->kind != SETTING_OFF)
            say_cannot_act(r, s, redirect ? S("redirect") : S("respond"));
    }
    if (redirect && respond)
        say_cannot_act(r, respond, S("redirect"));
    const struct setting *path = khap__setting_find(redirect, KEY_SERVICE_REDIRECT_PATH);
    const struct setting *prefix = khap__setting_find(redirect, KEY_SERVICE_REDIRECT_PREFIX);
    if (path && prefix)
        say_cannot_act(r, prefix, S("redirect.path"));
    else if (prefix && khap__has_regex_route(r->out, head))
        say_cannot_act(r, prefix, S("pathType: Regex"));
    bool changes = path || prefix || khap__setting_find(redirect, KEY_SERVICE_REDIRECT_SCHEME) ||
                   khap__setting_find(redirect, KEY_SERVICE_REDIRECT_HOST) ||
                   khap__setting_find(redirect, KEY_SERVICE_REDIRECT_PORT);
    if (redirect && !changes && !redirect->damaged && redirect->spoilt == 0)
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, redirect->place, S("redirect"),
                    S("scheme, host, port, path or prefix"));
    const struct setting *status = khap__setting_find(respond, KEY_SERVICE_RESPOND_STATUS),
                         *body = khap__setting_find(respond, KEY_SERVICE_RESPOND_BODY);
    if (status && body && (status->number == 204 || status->number == 304)) /* they have none */
        say_cannot_act(r, body, status->number == 204 ? S("respond.status: 204") : S("respond.status: 304"));
    const struct setting *type = khap__setting_find(respond, KEY_SERVICE_RESPOND_CONTENT_TYPE);
    if (type && !khap__setting_find(respond, KEY_SERVICE_RESPOND_BODY) &&
        !khap__setting_spoilt(respond, KEY_SERVICE_RESPOND_BODY))
        RESOLVE_SAY(r, MSG_KEY_NEEDS_KEY, type->place, S("respond.contentType"), S("respond.body"));
}

static struct khap_str text_of(const struct setting *object, enum key key, struct khap_str otherwise)
{
    const struct setting *s = khap__setting_find(object, key);
    return s ? s->text : otherwise;
}

static uint16_t number_of(const struct setting *object, enum key key, uint16_t otherwise)
{
    const struct setting *s = khap__setting_find(object, key);
    return s ? (uint16_t)s->number : otherwise;
}

void khap__fill_fixed(const struct service_head *head, struct service *out)
{
    const struct setting *redirect = head->redirect, *respond = head->respond;
    if (redirect) {
        out->redirect.on = true;
        out->redirect.place = redirect->place;
        out->redirect.scheme = text_of(redirect, KEY_SERVICE_REDIRECT_SCHEME, S(""));
        out->redirect.host = text_of(redirect, KEY_SERVICE_REDIRECT_HOST, S(""));
        out->redirect.path = text_of(redirect, KEY_SERVICE_REDIRECT_PATH, S(""));
        out->redirect.status = text_of(redirect, KEY_SERVICE_REDIRECT_STATUS, S("302"));
        out->redirect.port = number_of(redirect, KEY_SERVICE_REDIRECT_PORT, 0);
        out->rewrite = text_of(redirect, KEY_SERVICE_REDIRECT_PREFIX, S(""));
    }
    if (respond) {
        out->respond.on = true;
        out->respond.place = respond->place;
        out->respond.status = number_of(respond, KEY_SERVICE_RESPOND_STATUS, 200);
        out->respond.body = text_of(respond, KEY_SERVICE_RESPOND_BODY, S(""));
        out->respond.type = text_of(respond, KEY_SERVICE_RESPOND_CONTENT_TYPE, S("text/plain"));
    }
}
