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
void khap__fill_fixed(const struct service_head *head, struct service *out);
/* Whether a key keeps people out, and has to do so as it is given; NULL is not given. */
bool khap__guards(enum key key);
bool khap__keeps_out(const struct setting *s);
/* split.c: a split that is bound to services when all of them are known; `number` as in struct split. NULL: no memory. */
struct split *khap__new_split(struct resolver *r, const struct setting *given, uint32_t number);
/* Whether a service has nothing but splits, and which one holds for all of its routes. */
const struct split *khap__find_split(struct resolver *r, const struct service_parts *own,
                                     struct service_head *head);
void khap__resolve_splits(struct resolver *r);
/* limits.c: who may come, and how much of it. */
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
