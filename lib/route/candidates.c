/* route/candidates.c - what an unknown sample may be: one of the values of a map. SPDX-License-Identifier: MIT */
#include "route/ask.h"

/* More would be no answer. */
enum { MOST_CANDIDATES = 16 };

static bool add(struct asking *a, struct candidates *out, struct khap_str value)
{
    for (uint32_t i = 0; i < out->values.len; i++) {
        if (khap__str_eq(out->values.ptr[i], value))
            return true;
    }
    if (out->values.len == MOST_CANDIDATES)
        return false;
    if (!VEC_PUSH(&a->route->alloc, &out->values, value))
        a->no_memory = true;
    return !a->no_memory;
}

bool khap__routing_candidates(struct asking *a, const struct sample *s, struct candidates *out)
{
    const struct patterns *map = s->among;
    const struct pattern *longest = NULL; /* of those that match whatever follows */
    if (map == NULL || map->unknown)
        return false;
    for (uint32_t i = 0; i < map->all.len; i++) {
        const struct pattern *p = &map->all.ptr[i];
        if (map->method == MATCH_BEG && !map->nocase && khap__str_starts(s->text, p->text)) {
            if (longest == NULL || p->text.len > longest->text.len)
                longest = p;
        } else if (map->method != MATCH_BEG || map->nocase || khap__str_starts(p->text, s->text)) {
            if (!add(a, out, p->value))
                return false;
        }
    }
    out->none = longest == NULL || s->text.len == 0; /* a key of which nothing is known may be none */
    return longest == NULL || add(a, out, longest->value);
}
