/* kube/secret_gets.c - Secrets are got by the names that others give, one by one, and never listed. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/watch.h"

static void set(struct text *to, struct khap_str text)
{
    to->len = 0;
    khap__kube_add(to, text);
}

static void begin_round(struct khap_watch *w)
{
    w->in_round = true;
    w->of_all = w->now >= w->all_at;
    w->denied = w->denied && !w->of_all;
    w->refs_asked = w->mirror->ref_changes;
    w->name.len = w->name_ns.len = 0;
    w->mark++;
    w->lists += w->of_all;
}

static void end_round(struct khap_watch *w)
{
    w->in_round = false;
    w->refs = w->refs_asked;
    w->synced = true;
    w->failures = 0; /* all of it was answered */
    if (!w->of_all)
        return;
    w->left_out = w->denied ? 403 : 0;
    w->all_at = w->now + w->options.secrets_ms;
    khap__mirror_sweep(w->mirror, w->kind, khap__kube_text(&w->ns), w->mark);
}

bool khap__watch_has_secrets(const struct khap_watch *w)
{
    return w->synced && w->refs == w->mirror->ref_changes;
}

bool khap__watch_next_secret(struct khap_watch *w)
{
    struct khap_str ns = khap__kube_text(&w->name_ns), name = khap__kube_text(&w->name), next_ns, next_name;
    if (w->now < w->at)
        return false;
    if (!w->in_round) {
        if (w->now < w->all_at && khap__watch_has_secrets(w))
            return false;
        begin_round(w);
        ns = name = S("");
    }
    while (khap__mirror_next_ref(w->mirror, ns, name, &next_ns, &next_name)) {
        ns = next_ns;
        name = next_name;
        bool ours = w->ns.len == 0 || khap__kube_same(ns, khap__kube_text(&w->ns));
        if (!ours || (!w->of_all && khap__mirror_has(w->mirror, w->kind, ns, name)))
            continue;
        set(&w->name_ns, ns);
        set(&w->name, name);
        w->refs_then = w->mirror->ref_changes;
        khap__watch_path(w, ns);
        khap__kube_add(&w->target, S("/"));
        khap__kube_add(&w->target, name);
        return true;
    }
    end_round(w);
    return false;
}

void khap__watch_end_secret(struct khap_watch *w, uint32_t random)
{
    struct khap_str ns = khap__kube_text(&w->name_ns), name = khap__kube_text(&w->name);
    w->at = w->now;
    if (w->http == 200 && !w->broken && khap__decode_whole(&w->decode)) {
        w->failures = 0;
        khap__mirror_got(w->mirror, w->kind, ns, name, w->refs_then);
    } else if (w->http == 404) {
        khap__mirror_remove(w->mirror, w->kind, ns, name);
    } else if (w->http == 403) {
        w->left_out = 403;
        w->denied = true;
        khap__mirror_mark(w->mirror, w->kind, ns, name, w->mark); /* what is known of it stays */
    } else {
        w->in_round = false;
        w->all_at = w->of_all ? w->now : w->all_at;
        w->renew = w->http == 401;
        khap__watch_again(w, w->retry_s, random);
    }
}
