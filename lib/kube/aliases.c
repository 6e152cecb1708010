/* kube/aliases.c - annotations of the other two HAProxy controllers that mean what a key here means. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/resolve.h"

#define TECH    "haproxy.org/"
#define INGRESS "haproxy-ingress.github.io/"

/* Only what means the same: what has other units, another default beside it, or another reach is not here. */
static const struct row {
    const char *name, *key;
    const char *values; /* "theirs=ours …", nothing behind `=` for what holds here anyway; NULL: the same */
    const char *if_name, *if_value; /* it counts where another annotation has this value */
} rows[] = {
    {TECH "allow-list", "sourceRanges", NULL, NULL, NULL},
    {TECH "blacklist", "denyRanges", NULL, NULL, NULL},
    {TECH "check", "check", "true= false=false", NULL, NULL},
    {TECH "check-interval", "check.interval", NULL, NULL, NULL},
    {TECH "cookie-persistence", "cookie.name", NULL, NULL, NULL},
    {TECH "deny-list", "denyRanges", NULL, NULL, NULL},
    {TECH "load-balance", "balance", NULL, NULL, NULL},
    {TECH "send-proxy-protocol", "sendProxy", "proxy=v1 proxy-v1=v1 proxy-v2=v2", NULL, NULL},
    {TECH "server-ssl", "backendProtocol", "true=https false=", NULL, NULL},
    {TECH "set-host", "rewrite.host", NULL, NULL, NULL},
    {TECH "ssl-redirect", "redirectHttps", NULL, NULL, NULL},
    {TECH "timeout-connect", "timeouts.connect", NULL, NULL, NULL},
    {TECH "timeout-queue", "timeouts.queue", NULL, NULL, NULL},
    {TECH "timeout-server", "timeouts.server", NULL, NULL, NULL},
    {TECH "timeout-tunnel", "timeouts.tunnel", NULL, NULL, NULL},
    {TECH "whitelist", "sourceRanges", NULL, NULL, NULL},
    {INGRESS "allowlist-source-range", "sourceRanges", NULL, NULL, NULL},
    {INGRESS "backend-protocol", "backendProtocol", "h1=http h1-ssl=https h2=h2c h2-ssl=h2 grpc=h2c grpcs=h2",
     NULL, NULL},
    {INGRESS "balance-algorithm", "balance", NULL, NULL, NULL},
    {INGRESS "denylist-source-range", "denyRanges", NULL, NULL, NULL},
    {INGRESS "health-check-fall-count", "check.fall", NULL, NULL, NULL},
    {INGRESS "health-check-interval", "check.interval", NULL, NULL, NULL},
    {INGRESS "health-check-rise-count", "check.rise", NULL, NULL, NULL},
    {INGRESS "hsts-include-subdomains", "hsts.includeSubDomains", NULL, INGRESS "hsts", "true"},
    {INGRESS "hsts-max-age", "hsts.maxAge", NULL, INGRESS "hsts", "true"},
    {INGRESS "proxy-protocol", "sendProxy", "no= v1=v1 v2=v2", NULL, NULL},
    {INGRESS "rewrite-target", "rewrite.prefix", NULL, NULL, NULL},
    {INGRESS "secure-backends", "backendProtocol", "true=https false=", NULL, NULL},
    {INGRESS "session-cookie-name", "cookie.name", NULL, INGRESS "affinity", "cookie"},
    {INGRESS "session-cookie-strategy", "cookie.mode", NULL, INGRESS "affinity", "cookie"},
    {INGRESS "ssl-redirect", "redirectHttps", NULL, NULL, NULL},
    {INGRESS "timeout-connect", "timeouts.connect", NULL, NULL, NULL},
    {INGRESS "timeout-queue", "timeouts.queue", NULL, NULL, NULL},
    {INGRESS "timeout-server", "timeouts.server", NULL, NULL, NULL},
    {INGRESS "timeout-tunnel", "timeouts.tunnel", NULL, NULL, NULL},
    {INGRESS "whitelist-source-range", "sourceRanges", NULL, NULL, NULL},
};

static struct khap_str terminated(const char *s)
{
    return (struct khap_str){s, strlen(s)};
}

bool khap__kube_is_others(struct khap_str name)
{
    return khap__kube_begins(name, S(TECH)) || khap__kube_begins(name, S(INGRESS));
}

static bool holds(const struct object *o, const struct row *row)
{
    const struct pair *p = o->annotations;
    while (p && row->if_name && !khap__kube_same(p->name.text, terminated(row->if_name)))
        p = p->next;
    return !row->if_name || (p && khap__kube_same(p->value.text, terminated(row->if_value)));
}

/* What it is called here; false when it is called nothing. */
static bool translate(const char *values, struct khap_str theirs, struct khap_str *ours)
{
    struct khap_str all = terminated(values ? values : "");
    *ours = theirs;
    while (all.len > 0) {
        const char *blank = memchr(all.ptr, ' ', all.len), *is = memchr(all.ptr, '=', all.len);
        size_t len = blank ? (size_t)(blank - all.ptr) : all.len, name = (size_t)(is - all.ptr);
        if (khap__kube_same((struct khap_str){all.ptr, name}, theirs)) {
            *ours = (struct khap_str){is + 1, len - name - 1};
            return true;
        }
        all = khap__kube_rest(all, blank ? len + 1 : len);
    }
    return values == NULL;
}

enum alias khap__kube_alias(const struct object *o, const struct pair *pair, struct khap_str *key,
                            struct khap_str *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!khap__kube_same(terminated(rows[i].name), pair->name.text))
            continue;
        *key = terminated(rows[i].key);
        if (!holds(o, &rows[i]))
            return ALIAS_NONE;
        if (!translate(rows[i].values, pair->value.text, value))
            return ALIAS_OTHER;
        return value->len > 0 ? ALIAS_GOOD : ALIAS_NONE;
    }
    return ALIAS_NONE;
}
