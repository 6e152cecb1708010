/* model/balance.c - how a server is chosen, and what is tried again. SPDX-License-Identifier: MIT */
#include "model/service_parts.h"

bool khap__balance_needs_http(const struct setting *s)
{
    if (s->key == KEY_SERVICE_HASH)
        return s->kind == SETTING_OBJECT && s->child && !khap__is_text(s->child, S("source"));
    return s->key == KEY_SERVICE_BALANCE &&
           (khap__str_starts(s->text, S("uri")) || khap__str_starts(s->text, S("url_param")) ||
            khap__str_starts(s->text, S("hdr(")));
}

static void exclude(struct resolver *r, const struct setting *one, const struct setting *other)
{
    if (one && other)
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, one->place, khap__short_path((enum key)one->key),
                    khap__short_path((enum key)other->key));
}

void khap__check_balance(struct resolver *r, const struct service_parts *own,
                         const struct service_parts *inherited)
{
    const struct setting *hash = own->hash, *retries = own->retries ? own->retries : inherited->retries;
    exclude(r, hash, own->balance);
    exclude(r, own->affinity, own->balance ? own->balance : hash);
    if (hash && !hash->damaged && hash->n_children != 1)
        RESOLVE_SAY(r, MSG_ONE_KEY_OF, hash->place, S("`hash`"), S("`by`, `header` and `cookie`"));
    if (own->retry_on && retries && retries->number == 0)
        RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, own->retry_on->place, S("retryOn"), S("retries: 0"));
}

void khap__fill_balance(const struct service_parts *parts, struct service *out)
{
    const struct setting *hash = parts->hash ? parts->hash->child : parts->affinity;
    out->balance = parts->balance ? parts->balance->text : S("roundrobin");
    out->retries = parts->retries;
    /* inherited beside `retries: 0` of the service: left out */
    bool tries = out->mode == MODE_HTTP && !(parts->retries && parts->retries->number == 0);
    out->retry_on = tries ? parts->retry_on : NULL;
    if (!hash)
        return;
    out->hash_by = hash->key == KEY_SERVICE_HASH_HEADER   ? HASH_HEADER
                   : hash->key == KEY_SERVICE_HASH_COOKIE ? HASH_COOKIE
                   : khap__is_text(hash, S("uri"))        ? HASH_URI
                                                          : HASH_SOURCE;
    out->hash_name = hash->text;
    out->hash_place = hash->place;
}
