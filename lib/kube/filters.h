/* kube/filters.h - what a rule changes in requests and answers. SPDX-License-Identifier: MIT */
#ifndef KUBE_FILTERS_H
#define KUBE_FILTERS_H

#include "kube/gateway.h"

struct changes {
    struct setting *settings; /* keys of a service */
    const struct tree *redirect;
    struct khap_str reason, message; /* why it cannot be done; reason: empty when it can */
    const struct tree *at;
};
/* Of a rule and of one of its backends, which may be NULL. */
void khap__kube_filters(struct resolving *r, const struct tree *rule, const struct tree *ref,
                        struct changes *out);

void khap__kube_add_setting(struct resolving *r, struct setting **list, struct khap_str key,
                            struct khap_str yaml, struct khap_place place);
/* `key: "value", ` of a mapping in flow style. */
void khap__kube_add_member(struct text *out, struct khap_str key, struct khap_str value);
/* `path` or `prefix` of a redirect or a rewrite. */
void khap__kube_add_path(struct text *out, const struct tree *path);

#endif
