/* kube/say.c - diagnostics about objects. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

struct khap_str khap__kube_whose(struct memory *m, const struct object *o)
{
    struct text t;
    khap__kube_text_init(&t, &m->alloc);
    khap__kube_add(&t, khap__kube_kind_name(o->kind));
    khap__kube_add(&t, S(" "));
    if (o->ns.len > 0) {
        khap__kube_add(&t, o->ns);
        khap__kube_add(&t, S("/"));
    }
    khap__kube_add(&t, o->name);
    struct khap_str whose = khap__kube_copy(m, khap__kube_text(&t));
    m->failed |= t.failed;
    khap__kube_text_free(&t);
    return whose;
}

void khap__kube_say(struct khap_diags *diags, const char *code, struct khap_place place, struct khap_str a,
                    struct khap_str b, struct khap_str c)
{
    const struct khap_str words[] = {a, b, c};
    /* no memory for it is remembered by the list itself */
    (void)khap_diags_report(diags, (struct khap_str){code, strlen(code)}, place, words, 3);
}
