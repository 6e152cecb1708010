/* kube/judged.c - conditions of the Gateway API, as data. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"

static const struct {
    struct khap_str type, well; /* `well`: the reason when all is well */
    const char *code;
    bool bad; /* what its status is when it was refused */
} conditions[CONDITIONS] = {
    [ACCEPTED] = {{"Accepted", 8}, {"Accepted", 8}, "kube-not-accepted", false},
    [RESOLVED_REFS] = {{"ResolvedRefs", 12}, {"ResolvedRefs", 12}, "kube-refs-not-resolved", false},
    [CONFLICTED] = {{"Conflicted", 10}, {"NoConflicts", 11}, "kube-conflicted", true},
    [PARTIALLY_INVALID] = {{"PartiallyInvalid", 16}, {"", 0}, "kube-partially-invalid", true},
};

struct judged *khap__kube_judge(struct resolving *r, const struct object *o, struct khap_place place)
{
    struct judged *j = khap__kube_take(&r->memory, 1, sizeof *j);
    if (!j)
        return NULL;
    *j = (struct judged){.o = o, .place = place};
    *r->last_judged = j;
    r->last_judged = &j->next;
    return j;
}

void khap__kube_refuse(struct judged *j, enum condition condition, struct khap_str reason,
                       struct khap_str message, const struct tree *t)
{
    if (!khap__kube_is_good(j, condition))
        return;
    j->refused[condition].reason = reason;
    j->refused[condition].message = message;
    j->refused[condition].place = t ? t->place : j->place;
}

static struct khap_str whose(struct resolving *r, const struct judged *j)
{
    struct text t;
    khap__kube_text_init(&t, &r->memory.alloc);
    khap__kube_add(&t, khap__kube_whose(&r->memory, j->o));
    if (j->listener.len > 0) {
        khap__kube_add(&t, S(", listener "));
        khap__kube_add(&t, j->listener);
    } else if (j->gateway) {
        khap__kube_add(&t, S(" at "));
        khap__kube_add(&t, khap__kube_whose(&r->memory, j->gateway));
    }
    struct khap_str copy = khap__kube_copy(&r->memory, khap__kube_text(&t));
    r->memory.failed |= t.failed;
    khap__kube_text_free(&t);
    return copy;
}

bool khap__kube_concerns(const struct judged *j, enum condition condition)
{
    bool route = j->gateway != NULL, listener = j->listener.len > 0;
    return condition == ACCEPTED || (condition == RESOLVED_REFS && (route || listener)) ||
           (condition == CONFLICTED && listener) ||
           (condition == PARTIALLY_INVALID && !khap__kube_is_good(j, condition));
}

/* What is wrong with the route itself is told once, not at each parent. */
static bool is_told(const struct judged *before, const struct judged *j, enum condition c)
{
    return before && before->o == j->o && before->listener.len == 0 && j->gateway &&
           khap__kube_same(before->refused[c].reason, j->refused[c].reason) &&
           memcmp(&before->refused[c].place, &j->refused[c].place, sizeof j->place) == 0;
}

struct khap_kube_condition khap__kube_condition(const struct judged *j, enum condition c)
{
    bool good = khap__kube_is_good(j, c);
    return (struct khap_kube_condition){
        .size = sizeof(struct khap_kube_condition),
        .kind = khap__kube_kind_name(j->o->kind),
        .ns = j->o->ns,
        .name = j->o->name,
        .listener = j->listener,
        .gateway_ns = j->gateway ? j->gateway->ns : S(""),
        .gateway = j->gateway ? j->gateway->name : S(""),
        .parent = j->parent,
        .attached = j->attached,
        .type = conditions[c].type,
        .status = good != conditions[c].bad,
        .reason = good ? conditions[c].well : j->refused[c].reason,
        .message = j->refused[c].message,
        .place = good ? j->place : j->refused[c].place,
    };
}

static void tell(struct resolving *r, const struct judged *before, const struct judged *j, enum condition c)
{
    struct khap_kube_condition out = khap__kube_condition(j, c);
    if (r->options.condition)
        r->options.condition(r->options.condition_ctx, &out);
    if (!khap__kube_is_good(j, c) && !is_told(before, j, c))
        khap__kube_say(r->diags, conditions[c].code, out.place, whose(r, j), j->refused[c].message,
                       j->refused[c].reason);
}

void khap__kube_tell_conditions(struct resolving *r)
{
    for (struct judged *j = r->judged, *before = NULL; j; before = j, j = j->next) {
        if (j->wished > 0 && j->granted == 0)
            khap__kube_refuse(j, ACCEPTED, S("HostClaimed"), S("others have all of its hosts and paths"),
                              NULL);
        for (int c = 0; c < CONDITIONS; c++) {
            if (khap__kube_concerns(j, (enum condition)c))
                tell(r, before, j, (enum condition)c);
        }
    }
}
