/* model/parts.h - the members of a service, each found at once. SPDX-License-Identifier: MIT */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include "model/model.h"
#include "model/rows.h"

/* Settings of a service or of serviceDefaults; NULL for what was not given. */
struct service_parts {
    const struct setting *all; /* the object; NULL for none */
    const struct setting *node_port, *mode, *bind, *tls, *hosts, *routes, *wildcard, *is_default, *frontends,
        *redirect_https, *hsts, *rewrite, *headers, *timeouts, *backend_protocol, *backend_tls, *send_proxy,
        *balance, *cookie, *check, *nodes, *servers, *backend, *extra, *hash, *affinity, *retries, *retry_on,
        *agent_check, *redirect, *respond;
};

/* Whether it says itself how a server is chosen. */
static inline bool khap__chooses_server(const struct service_parts *parts)
{
    return parts->balance || parts->hash || parts->affinity;
}
void khap__parts_gather(const struct setting *service, struct service_parts *out);
/* Fills what `own` lacks from `inherited`; a mapping in both stays as it is in own and is merged member by
 * member with khap__member(). */
void khap__parts_inherit(struct service_parts *own, const struct service_parts *inherited);

struct layered khap__layered(const struct setting *own, const struct setting *inherited);
/* A route's own over both. */
struct layered khap__layered_route(const struct setting *route, const struct setting *own,
                                   const struct setting *inherited);
const struct setting *khap__member(struct layered object, enum key key);

/* A member that has no field of its own in service_parts; nothing is looked for when no map ever gave the key. */
struct layered khap__part(const struct khap_model *model, const struct service_parts *own,
                          const struct service_parts *inherited, enum key key);

enum service_mode khap__mode_of(const struct setting *mode, const struct setting *tls);
/* The bit of keys.tsv's column `applies`. */
static inline uint8_t khap__mode_bit(enum service_mode mode)
{
    return mode == MODE_HTTP ? APPLIES_HTTP : mode == MODE_TCP ? APPLIES_TCP : APPLIES_PASSTHROUGH;
}
static inline bool khap__is_text(const struct setting *s, struct khap_str text)
{
    return s && s->kind == SETTING_TEXT && khap__str_eq(s->text, text);
}
static inline bool khap__is_true(const struct setting *s)
{
    return s && s->kind == SETTING_BOOL && s->number;
}

/* ---- select.c ---- */

struct selection {
    const uint32_t *nodes; /* indices; NULL: all of them, in order */
    uint32_t n;
};
/*
 * The nodes that a service takes: names, selector, max. Names that are unknown are left out (they were said
 * to be wrong before). Memory from `scratch`; false when there is none.
 */
bool khap__select_nodes(const struct resolved *r, struct khap_str service, struct layered nodes,
                        struct arena *scratch, struct selection *out);
/* 31-bit FNV-1a. */
uint32_t khap__hash31(struct khap_str text);
/* Sets the ids of a backend's servers: the hash of the name, plus one on collision in the order of names. */
bool khap__number_servers(struct server *servers, uint32_t n, struct arena *scratch);

#endif
