/* kube/lease.c - the Lease by which one of several writes. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/writer.h"

static void keep(struct text *to, struct khap_str text)
{
    to->len = 0;
    khap__kube_add(to, text);
}

static void add_pair(struct text *t, struct khap_str before, struct khap_str value)
{
    khap__kube_add(t, before);
    khap__json_add_quoted(t, value);
}

static void add_body(const struct lease *l, int64_t unix_ms, struct text *t)
{
    bool other = !khap__kube_same(khap__kube_text(&l->holder), khap__kube_text(&l->identity));
    add_pair(t, S("{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"),
             khap__kube_text(&l->name));
    add_pair(t, S(",\"namespace\":"), khap__kube_text(&l->ns));
    if (l->exists)
        add_pair(t, S(",\"resourceVersion\":"), khap__kube_text(&l->version));
    add_pair(t, S("},\"spec\":{\"holderIdentity\":"), khap__kube_text(&l->identity));
    khap__kube_add(t, S(",\"leaseDurationSeconds\":"));
    khap__kube_add_number(t, LEASE_S);
    khap__kube_add(t, S(",\"leaseTransitions\":"));
    khap__kube_add_number(t, l->transitions + (l->exists && other));
    khap__kube_add(t, S(",\"renewTime\":\""));
    khap__add_time(t, unix_ms, true);
    if (other || !l->exists) {
        khap__kube_add(t, S("\",\"acquireTime\":\""));
        khap__add_time(t, unix_ms, true);
    }
    khap__kube_add(t, S("\"}}"));
}

/* Somebody has it, and renews it: by our own clock, since clocks of machines differ. */
static bool is_held(const struct lease *l, int64_t now)
{
    return l->exists && l->holder.len > 0 && now < l->changed_at + LEASE_S * 1000 &&
           !khap__kube_same(khap__kube_text(&l->holder), khap__kube_text(&l->identity));
}

const char *khap__lease_ask(struct lease *l, int64_t now, int64_t unix_ms, struct text *target,
                            struct text *body)
{
    if (now < l->at)
        return NULL;
    target->len = body->len = 0;
    khap__kube_add(target, S("/apis/coordination.k8s.io/v1/namespaces/"));
    khap__kube_add(target, khap__kube_text(&l->ns));
    khap__kube_add(target, S("/leases"));
    l->asked_at = now;
    bool takes = l->fetched && !is_held(l, now);
    if (!takes || l->exists) {
        khap__kube_add(target, S("/"));
        khap__kube_add(target, khap__kube_text(&l->name));
    }
    if (!takes)
        return "GET";
    add_body(l, unix_ms, body);
    return l->exists ? "PUT" : "POST";
}

static void look(struct lease *l, int64_t now, struct khap_str body)
{
    struct memory m;
    khap__kube_memory_init(&m, &l->alloc);
    const struct dom *d = khap__dom_read(&m, body);
    struct khap_str version = khap__dom_text(d, "metadata.resourceVersion");
    if (version.len > 0) {
        if (!l->exists || !khap__kube_same(version, khap__kube_text(&l->version)))
            l->changed_at = now;
        l->exists = true;
        keep(&l->version, version);
        keep(&l->holder, khap__dom_text(d, "spec.holderIdentity"));
        (void)khap__kube_number(khap__dom_text(d, "spec.leaseTransitions"), 0, 1000000000, &l->transitions);
    }
    khap__kube_memory_free(&m);
}

void khap__lease_answer(struct lease *l, int64_t now, uint32_t http, struct khap_str body, uint32_t random)
{
    int64_t soon = LEASE_EVERY_MS / 2 + random % (LEASE_EVERY_MS / 2);
    l->at = now + soon;
    if (http == 200 || http == 201) {
        bool wrote = l->fetched && !is_held(l, l->asked_at);
        look(l, now, body);
        l->mine = khap__kube_same(khap__kube_text(&l->holder), khap__kube_text(&l->identity));
        if (wrote && l->mine)
            l->renewed_at = l->asked_at;
        if (!wrote && !is_held(l, now)) /* free, or ours from before: it is to be written now */
            l->at = now;
        l->fetched = true;
    } else if (http == 404 && !l->fetched) {
        l->exists = false;
        l->fetched = true;
        l->at = now;
    } else { /* taken by another one (409), gone, or nobody knows: looked at anew */
        l->fetched = false;
        l->exists = l->exists && http != 404;
        l->mine = l->mine && http != 409 && http != 403 && http != 404;
        l->at = http == 409 ? now + soon / 4 : l->at;
    }
}
