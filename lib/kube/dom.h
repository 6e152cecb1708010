/* kube/dom.h - a small JSON text as a tree: what an API server says of one object. SPDX-License-Identifier: MIT */
#ifndef KUBE_DOM_H
#define KUBE_DOM_H

#include "kube/json.h"

struct dom {
    enum json_event event; /* JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_OTHER */
    struct khap_str key, text;
    struct dom *child, *next;
};

/* In memory of `m`; NULL when this is no JSON, or there was no memory. */
struct dom *khap__dom_read(struct memory *m, struct khap_str text);
/* A member by its path, with dots; NULL. */
const struct dom *khap__dom_get(const struct dom *d, const char *path);
/* Its text; empty when it is not there. */
struct khap_str khap__dom_text(const struct dom *d, const char *path);
/* Whether both say the same, whatever the order of members. */
bool khap__dom_same(const struct dom *a, const struct dom *b);
void khap__dom_write(struct text *t, const struct dom *d);

#endif
