/* base/certs.c - what is told of certificates. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/certs.h"

enum { DAY = 86400 };

static struct khap_str days(const struct cert_telling *t, int64_t seconds)
{
    khap__buf_clear(t->text);
    khap__buf_int(t->text, seconds / DAY);
    return khap__buf_str(t->text);
}

static void tell_dates(const struct cert_telling *t, struct khap_place place, struct khap_str path,
                       const struct khap_cert_info *info, enum cert_use use)
{
    /* a file of CAs is of use as long as one of them is valid */
    int64_t end = use == CERT_OF_CA ? info->last_end : info->not_after;
    if (end < t->now)
        SAY(t->diags, MSG_CERT_EXPIRED, place, path, days(t, t->now - end));
    else if (end - t->now < (int64_t)t->soon_days * DAY)
        SAY(t->diags, MSG_CERT_EXPIRES_SOON, place, path, days(t, end - t->now));
    else if (use != CERT_OF_CA && info->not_before > t->now)
        SAY(t->diags, MSG_CERT_NOT_YET, place, path, days(t, info->not_before - t->now + DAY - 1));
    if (use != CERT_OF_CA && info->first_end < t->now && end >= t->now)
        SAY(t->diags, MSG_CERT_CHAIN_EXPIRED, place, path, days(t, t->now - info->first_end));
}

static void tell_chain(const struct cert_telling *t, struct khap_place place, struct khap_str path,
                       const struct khap_cert_info *info)
{
    switch ((enum khap_cert_chain)info->chain) {
    case KHAP_CERT_CHAIN_ALONE:
        if (!t->chain_elsewhere)
            SAY(t->diags, MSG_CERT_CHAIN_SHORT, place, path);
        break;
    case KHAP_CERT_CHAIN_ORDER:
        SAY(t->diags, MSG_CERT_CHAIN_BROKEN, place, path, S("they stand in another order"));
        break;
    case KHAP_CERT_CHAIN_BROKEN:
        SAY(t->diags, MSG_CERT_CHAIN_BROKEN, place, path, S("one of them signed none of the others"));
        break;
    case KHAP_CERT_CHAIN_GOOD:
    case KHAP_CERT_CHAIN_UNKNOWN:
        break;
    }
}

void khap__cert_tell(const struct cert_telling *t, struct khap_place place, struct khap_str path,
                     const struct khap_cert_info *info, enum cert_use use)
{
    if (info->certs == 0)
        return;
    if (t->now != 0)
        tell_dates(t, place, path, info, use);
    if (use == CERT_OF_CA)
        return;
    if (info->weak != KHAP_CERT_WEAK_NO)
        SAY(t->diags, MSG_CERT_WEAK, place, path,
            info->weak == KHAP_CERT_WEAK_KEY ? S("a key that is too short")
                                             : S("a signature by a hash that is too weak"));
    tell_chain(t, place, path, info);
    if (use == CERT_OF_SERVER && info->alt_names == 0)
        SAY(t->diags, MSG_CERT_NO_NAMES, place, path);
}

bool khap__cert_name_covers(struct khap_str name, struct khap_str host)
{
    if (khap__str_starts(name, S("*."))) {
        size_t dot = khap__str_find(host, '.');
        return dot < host.len &&
               khap__str_eq_nocase(khap__str_sub(name, 1, name.len), khap__str_sub(host, dot, host.len));
    }
    return khap__str_eq_nocase(name, host);
}
