/* Hosts that are served with TLS, and no certificate covers them. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

void khap__gen_covers(struct gen *g, struct cert_covering *covering, struct khap_str before,
                      struct khap_str name)
{
    char *low = khap__arena_bytes(&g->arena, before.len + name.len + 1);
    bool found;
    uint32_t old;
    if (!low) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return;
    }
    memcpy(low, before.ptr, before.len);
    for (size_t i = 0; i < name.len; i++)
        low[before.len + i] = (char)khap__lower((unsigned char)name.ptr[i]);
    khap__gen_fail(
        g, khap__map_add(&covering->names, (struct khap_str){low, before.len + name.len}, 1, &found, &old));
}

/* Whether there is a name "*" and these bytes, which begin with a dot. */
static bool has_wildcard(struct gen *g, const struct cert_covering *covering, struct khap_str dot)
{
    uint32_t old;
    khap__buf_clear(&g->text);
    khap__buf_char(&g->text, '*');
    khap__buf_add(&g->text, dot);
    return khap__map_get(&covering->names, khap__buf_str(&g->text), &old);
}

static bool is_covered(struct gen *g, const struct cert_covering *covering, const struct host *host)
{
    uint32_t old;
    if (host->kind == HOST_WILDCARD) {
        struct khap_str name = host->name;
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("*."));
        khap__buf_add(&g->text, name);
        return khap__map_get(&covering->names, khap__buf_str(&g->text), &old);
    }
    size_t dot = khap__str_find(host->name, '.');
    return khap__map_get(&covering->names, host->name, &old) ||
           has_wildcard(g, covering, khap__str_sub(host->name, dot, host->name.len));
}

void khap__gen_uncovered(struct gen *g, const struct cert_covering *covering)
{
    const struct route *first = NULL;
    uint32_t n = 0;
    struct khap_str before = S("");
    if (covering->unknown || g->failure != KHAP_OK)
        return;
    for (uint32_t i = 0; i < g->r.routes.len; i++) {
        const struct route *r = &g->r.routes.ptr[i];
        bool tls =
            (r->frontends & g->r.tls_frontends) != 0 && g->r.services.ptr[r->service].mode == MODE_HTTP;
        if (!tls || !r->has_host || r->host.kind == HOST_IP || khap__str_eq(r->host.name, before))
            continue;
        before = r->host.name; /* routes of one host are neighbours, mostly */
        if (is_covered(g, covering, &r->host))
            continue;
        n++;
        if (!first || r->order < first->order)
            first = r;
    }
    if (!first)
        return;
    struct buf name;
    khap__buf_init(&name, &g->alloc);
    khap__buf_add(&name, first->host.kind == HOST_WILDCARD ? S("*.") : S(""));
    khap__buf_add(&name, first->host.name);
    khap__buf_clear(&g->text);
    if (n > 1) {
        khap__buf_add(&g->text, S(", and so are "));
        khap__buf_uint(&g->text, n - 1);
        khap__buf_add(&g->text, n > 2 ? S(" other routes") : S(" other route"));
    }
    SAY(g->diags, MSG_CERT_NONE_FOR_HOST, first->place, khap__buf_str(&name), khap__buf_str(&g->text));
    khap__gen_fail(g, name.failed || g->text.failed ? KHAP_ENOMEM : KHAP_OK);
    khap__buf_free(&name);
}
