/* model/service_parts.h - what checking a service and resolving it have in common. SPDX-License-Identifier:
 * MIT */
#ifndef MODEL_SERVICE_PARTS_H
#define MODEL_SERVICE_PARTS_H

#include "model/resolve.h"

/* Which check it is, serviceDefaults behind; an HTTP check of serviceDefaults is a connection for what is not
 * HTTP. */
enum check_type khap__check_type(struct layered check, uint8_t mode);
/* Whether what chooses the server, `balance` or `hash`, looks into requests. */
bool khap__balance_needs_http(const struct setting *s);
/* Of a service or of serviceDefaults; `inherited` without parts for these. */
void khap__check_balance(struct resolver *r, const struct service_parts *own,
                         const struct service_parts *inherited);
void khap__fill_balance(const struct service_parts *parts, struct service *out);
bool khap__has_regex_route(const struct resolved *r, const struct service_head *head);

/* fixed.c: services without servers. What they answer, in the head; what they cannot do; and in full. */
void khap__find_fixed(const struct service_parts *own, const struct service_parts *defaults,
                      struct service_head *head);
void khap__check_fixed(struct resolver *r, const struct service_head *head);
/* Whether a key keeps people out, and has to do so as it is given; NULL is not given. */
bool khap__guards(enum key key);
bool khap__keeps_out(const struct setting *s);
/* split.c: a split that is bound to services when all of them are known; `number` as in struct split. NULL: no memory. */
struct split *khap__new_split(struct resolver *r, const struct setting *given, uint32_t number);
/* Whether a service has nothing but splits, and which one holds for all of its routes. */
const struct split *khap__find_split(struct resolver *r, const struct service_parts *own,
                                     struct service_head *head);
void khap__resolve_splits(struct resolver *r);
/* Of a service or of a route; those that they are laid over were checked before. */
void khap__check_redirect(struct resolver *r, struct layered redirect, bool regex);
void khap__check_respond(struct resolver *r, struct layered respond);

/* shape.c: what a service, or a route, makes of requests. */
bool khap__fill_headers(struct layered headers, struct arena *scratch, struct service *out);
void khap__fill_rewrite(struct layered rewrite, bool regex, struct service *out);
void khap__fill_answers(struct layered redirect, struct layered respond, struct service *out);
/* The route's own over the service's; NULL layers for what it does not answer with. */
void khap__answers_of(const struct service_head *head, const struct setting *route, struct layered *redirect,
                      struct layered *respond);

/* route_keys.c: keys of a service on a route. */
void khap__read_route_keys(struct resolver *r, const struct service_head *head, const struct setting *object,
                           struct route *route);
bool khap__route_answers(const struct setting *route); /* it needs no servers */
void khap__check_rewrite(struct resolver *r, const struct setting *rewrite, bool regex);

/* service_check.c */
void khap__check_headers(struct resolver *r, const struct setting *headers);
/* limits.c: who may come, and how much of it. */
bool khap__fill_ranges(const struct setting *list, struct arena *scratch, struct ranges *out);
void khap__check_ranges(struct resolver *r, const struct setting *list);
bool khap__fill_limits(const struct resolved *r, const struct service_parts *own,
                       const struct service_parts *inherited, struct arena *scratch, struct service *out);
void khap__check_limits(struct resolver *r, const struct service_parts *own,
                        const struct service_parts *inherited);

/* For serviceDefaults, once. */
void khap__check_defaults(struct resolver *r);
/* False when one of them is unknown, which is said. */
bool khap__check_node_names(struct resolver *r, const struct setting *nodes);
void khap__check_server_list(struct resolver *r, const struct setting *servers, bool port_given);

#endif
