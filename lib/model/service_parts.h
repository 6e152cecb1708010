/* model/service_parts.h - what checking a service and resolving it have in common. SPDX-License-Identifier:
 * MIT */
#ifndef MODEL_SERVICE_PARTS_H
#define MODEL_SERVICE_PARTS_H

#include "model/resolve.h"

/* Which check it is, serviceDefaults behind; an HTTP check of serviceDefaults is a connection for what is not
 * HTTP. */
enum check_type khap__check_type(struct layered check, uint8_t mode);
/* uri, url_param and hdr() look into requests. */
bool khap__balance_needs_http(struct khap_str text);
bool khap__has_regex_route(const struct resolved *r, const struct service_head *head);

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
