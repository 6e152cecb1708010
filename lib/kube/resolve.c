/* kube/resolve.c - what all objects together ask for. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"

void khap_kube_options_init(struct khap_kube_options *options)
{
    if (!options)
        return;
    *options = (struct khap_kube_options){.size = sizeof *options,
                                          .prefix = S(""),
                                          .class_name = S("khap.io/haproxy"),
                                          .ingress_class = S("khap"),
                                          .node_address = S("InternalIP"),
                                          .source = S("")};
}

void khap__kube_set(struct resolving *r, struct khap_str path, struct khap_str yaml, struct khap_place place)
{
    enum khap_status status = khap_model_set(r->model, path, yaml, place, r->diags);
    if (status == KHAP_ENOMEM)
        r->memory.failed = true;
    else if (status != KHAP_OK)
        r->bad = true;
}

bool khap__kube_has(struct resolving *r, struct khap_str beginning, struct khap_str name)
{
    struct text path;
    khap__kube_text_init(&path, &r->memory.alloc);
    khap__kube_add(&path, beginning);
    khap__kube_add(&path, S(".\""));
    khap__kube_add(&path, name);
    khap__kube_add(&path, S("\""));
    enum khap_status status =
        path.failed ? KHAP_ENOMEM : khap_model_find(r->model, khap__kube_text(&path), NULL);
    r->memory.failed |= status == KHAP_ENOMEM;
    khap__kube_text_free(&path);
    return status == KHAP_OK;
}

enum khap_status khap_kube_resolve(const struct khap_kube *kube, const struct khap_kube_options *options,
                                   struct khap_model *model, struct khap_diags *diags)
{
    struct resolving r = {.kube = kube, .model = model, .diags = diags};
    if (!kube || !model || !diags || (options && options->size != sizeof *options))
        return KHAP_EINVAL;
    khap_kube_options_init(&r.options);
    if (options)
        r.options = *options;
    khap__kube_memory_init(&r.memory, &kube->alloc);
    r.last_wish = &r.wishes;
    r.last_rule = &r.rules;
    r.last_judged = &r.judged;
    khap__kube_nodes(&r);
    khap__kube_services(&r);
    khap__kube_give_addresses(&r);
    khap__kube_ingresses(&r);
    khap__kube_gateways(&r);
    khap__kube_attach(&r);
    khap__kube_settle(&r);
    if (!r.memory.failed)
        khap__kube_write_nodes(&r);
    if (!r.memory.failed)
        khap__kube_backends(&r);
    if (!r.memory.failed)
        khap__kube_write_gateways(&r);
    if (!r.memory.failed)
        khap__kube_certs(&r);
    if (!r.memory.failed)
        khap__kube_write_gateway_certs(&r);
    if (!r.memory.failed)
        khap__kube_tell_conditions(&r);
    if (!r.memory.failed && r.options.status)
        khap__kube_tell_statuses(&r);
    bool failed = r.memory.failed;
    khap__kube_memory_free(&r.memory);
    return failed ? KHAP_ENOMEM : r.bad ? KHAP_EINPUT : KHAP_OK;
}
