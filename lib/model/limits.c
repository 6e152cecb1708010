/* model/limits.c - who may use a service, and how much of it. SPDX-License-Identifier: MIT */
#include "model/service_parts.h"

static struct khap_str text_of(const struct setting *s, struct khap_str otherwise)
{
    return s && s->kind == SETTING_TEXT ? s->text : otherwise;
}

/* Items are networks, or objects with a network or a file each. */
bool khap__fill_ranges(const struct setting *list, struct arena *scratch, struct ranges *out)
{
    uint32_t n = list && list->kind == SETTING_LIST ? list->n_children : 0;
    *out = (struct ranges){0};
    if (n == 0)
        return true;
    struct network *networks = khap__arena_alloc(scratch, n, sizeof *networks);
    struct khap_str *files = khap__arena_alloc(scratch, n, sizeof *files);
    if (!networks || !files)
        return false;
    out->ptr = networks;
    out->files = files;
    for (const struct setting *item = list->child; item; item = item->next) {
        const struct setting *value = item->kind == SETTING_OBJECT ? item->child : item;
        if (!value)
            continue;
        if (khap__key_row((enum key)value->key)->type == TYPE_FILE)
            files[out->n_files++] = value->text;
        else if (khap__network_parse(value->text, &networks[out->n]) == VALUE_OK)
            out->n++;
    }
    return true;
}

static bool fill_rate(struct layered rate, struct arena *scratch, struct rate_limit *out)
{
    const struct setting *requests = khap__member(rate, KEY_SERVICE_RATE_LIMIT_REQUESTS),
                         *period = khap__member(rate, KEY_SERVICE_RATE_LIMIT_PERIOD),
                         *burst = khap__member(rate, KEY_SERVICE_RATE_LIMIT_BURST);
    if (!requests)
        return true;
    struct khap_str key = text_of(khap__member(rate, KEY_SERVICE_RATE_LIMIT_KEY), S("src"));
    out->place = rate.own->place;
    out->requests = (uint32_t)requests->number;
    out->burst = burst ? (uint32_t)burst->number : 0;
    out->period = period ? (uint64_t)period->number : 10000000;
    out->status = text_of(khap__member(rate, KEY_SERVICE_RATE_LIMIT_STATUS), S("429"));
    out->key = khap__str_starts(key, S("header "))   ? LIMIT_HEADER
               : khap__str_starts(key, S("cookie ")) ? LIMIT_COOKIE
                                                     : LIMIT_SRC;
    if (out->key != LIMIT_SRC)
        out->name = khap__str_sub(key, khap__str_find(key, ' ') + 1, key.len);
    return khap__fill_ranges(khap__member(rate, KEY_SERVICE_RATE_LIMIT_EXCEPT), scratch, &out->except);
}

static const struct setting *scalar(const struct resolved *r, const struct service_parts *own,
                                    const struct service_parts *inherited, enum key key)
{
    return khap__part(r->model, own, inherited, key).own;
}

bool khap__fill_limits(const struct resolved *r, const struct service_parts *own,
                       const struct service_parts *inherited, struct arena *scratch, struct service *out)
{
    const struct setting *connections = scalar(r, own, inherited, KEY_SERVICE_CONNECTION_LIMIT),
                         *maxconn = scalar(r, own, inherited, KEY_SERVICE_MAXCONN),
                         *maxqueue = scalar(r, own, inherited, KEY_SERVICE_MAXQUEUE),
                         *slowstart = scalar(r, own, inherited, KEY_SERVICE_SLOWSTART);
    out->connection_limit = connections ? (uint32_t)connections->number : 0;
    out->maxconn = maxconn ? maxconn->number : 0;
    out->maxqueue = maxqueue ? maxqueue->number : 0;
    out->slowstart = slowstart ? (uint64_t)slowstart->number : 0;
    struct layered rate = khap__part(r->model, own, inherited, KEY_SERVICE_RATE_LIMIT);
    if (out->mode == MODE_HTTP) {
        out->basic_auth = khap__part(r->model, own, inherited, KEY_SERVICE_BASIC_AUTH);
        out->jwt = khap__part(r->model, own, inherited, KEY_SERVICE_JWT);
        out->client_cert = khap__part(r->model, own, inherited, KEY_SERVICE_CLIENT_CERT);
        out->cors = khap__part(r->model, own, inherited, KEY_SERVICE_CORS);
        out->compression = khap__part(r->model, own, inherited, KEY_SERVICE_COMPRESSION);
        out->error_pages = khap__part(r->model, own, inherited, KEY_SERVICE_ERROR_PAGES);
        out->maintenance = khap__part(r->model, own, inherited, KEY_SERVICE_MAINTENANCE);
        if (!khap__fill_ranges(khap__member(out->maintenance, KEY_SERVICE_MAINTENANCE_EXCEPT), scratch,
                               &out->admitted))
            return false;
    }
    return khap__fill_ranges(scalar(r, own, inherited, KEY_SERVICE_SOURCE_RANGES), scratch, &out->sources) &&
           khap__fill_ranges(scalar(r, own, inherited, KEY_SERVICE_DENY_RANGES), scratch, &out->denied) &&
           (out->mode != MODE_HTTP || fill_rate(rate, scratch, &out->rate));
}

/* ---- what one key alone cannot tell ---- */

void khap__check_ranges(struct resolver *r, const struct setting *list)
{
    for (const struct setting *item = list ? list->child : NULL; item; item = item->next) {
        if (item->kind == SETTING_OBJECT && !item->damaged && (!item->child || item->child->next))
            RESOLVE_SAY(r, MSG_ONE_KEY_OF, item->place, S("an item"), S("`network` and `file`"));
    }
}

static const struct setting *given_object(struct resolver *r, const struct service_parts *own, enum key key)
{
    const struct setting *given = r->model->seen[key] ? khap__setting_find(own->all, key) : NULL;
    return given && given->kind == SETTING_OBJECT && !given->damaged ? given : NULL;
}

static void check_basic_auth(struct resolver *r, const struct service_parts *own,
                             const struct service_parts *inherited)
{
    const struct setting *given = given_object(r, own, KEY_SERVICE_BASIC_AUTH);
    struct layered auth = khap__part(r->model, own, inherited, KEY_SERVICE_BASIC_AUTH);
    if (!given)
        return;
    const struct setting *users = khap__member(auth, KEY_SERVICE_BASIC_AUTH_USERS);
    if (!(users && users->child) && !khap__member(auth, KEY_SERVICE_BASIC_AUTH_FILE))
        RESOLVE_SAY(r, MSG_MISSING_KEY, given->place, S("`basicAuth`"), S("users"));
}

static void check_jwt(struct resolver *r, const struct service_parts *own,
                      const struct service_parts *inherited)
{
    const struct setting *given = given_object(r, own, KEY_SERVICE_JWT),
                         *basic = given_object(r, own, KEY_SERVICE_BASIC_AUTH);
    struct layered jwt = khap__part(r->model, own, inherited, KEY_SERVICE_JWT);
    if (jwt.own && (given || basic) && khap__part(r->model, own, inherited, KEY_SERVICE_BASIC_AUTH).own)
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, given ? given->place : basic->place,
                    given ? S("jwt") : S("basicAuth"), given ? S("basicAuth") : S("jwt"));
    if (!given)
        return;
    if (!khap__member(jwt, KEY_SERVICE_JWT_ALGORITHM))
        RESOLVE_SAY(r, MSG_MISSING_KEY, given->place, S("`jwt`"), S("algorithm"));
    if (!khap__member(jwt, KEY_SERVICE_JWT_KEY))
        RESOLVE_SAY(r, MSG_MISSING_KEY, given->place, S("`jwt`"), S("key"));
}

static void check_cors(struct resolver *r, const struct service_parts *own,
                       const struct service_parts *inherited)
{
    const struct setting *given = given_object(r, own, KEY_SERVICE_CORS);
    struct layered cors = khap__part(r->model, own, inherited, KEY_SERVICE_CORS);
    if (!given)
        return;
    const struct setting *origins = khap__member(cors, KEY_SERVICE_CORS_ORIGINS),
                         *credentials = khap__member(cors, KEY_SERVICE_CORS_CREDENTIALS);
    if (origins && origins->damaged)
        return;
    if (!origins || !origins->child) {
        RESOLVE_SAY(r, MSG_MISSING_KEY, given->place, S("`cors`"), S("origins"));
        return;
    }
    for (const struct setting *s = origins->child; s; s = s->next) {
        if (khap__is_text(s, S("*")) && khap__is_true(credentials))
            RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, credentials->place, S("cors.credentials: true"),
                        S("cors.origins: \"*\""));
    }
}

void khap__check_limits(struct resolver *r, const struct service_parts *own,
                        const struct service_parts *inherited)
{
    static const uint16_t lists[] = {KEY_SERVICE_SOURCE_RANGES, KEY_SERVICE_DENY_RANGES};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (r->model->seen[lists[i]])
            khap__check_ranges(r, khap__setting_find(own->all, (enum key)lists[i]));
    }
    check_basic_auth(r, own, inherited);
    check_jwt(r, own, inherited);
    check_cors(r, own, inherited);
    if (!r->model->seen[KEY_SERVICE_RATE_LIMIT])
        return;
    const struct setting *given = khap__setting_find(own->all, KEY_SERVICE_RATE_LIMIT);
    struct layered rate = khap__part(r->model, own, inherited, KEY_SERVICE_RATE_LIMIT);
    if (given && given->kind == SETTING_OBJECT && !given->damaged &&
        !khap__member(rate, KEY_SERVICE_RATE_LIMIT_REQUESTS))
        RESOLVE_SAY(r, MSG_MISSING_KEY, given->place, S("`rateLimit`"), S("requests"));
}
