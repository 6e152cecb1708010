/* kube/gateway.h - Gateways, what is attached to them, and what they are told about it. SPDX-License-Identifier: MIT */
#ifndef KUBE_GATEWAY_H
#define KUBE_GATEWAY_H

#include "kube/resolve.h"

/* ---- judged.c: conditions, in the standard's terms */

enum condition { ACCEPTED, RESOLVED_REFS, CONFLICTED, PARTIALLY_INVALID, CONDITIONS };

/* What an object is told: by a Gateway that it names as parent, about a listener, or about itself. */
struct judged {
    const struct object *o, *gateway; /* gateway: the parent, or NULL */
    struct khap_place place;
    struct khap_str listener; /* of a Gateway's */
    uint32_t parent;          /* which of `parentRefs`, from 0 */
    uint32_t attached;        /* routes of a listener */
    size_t wished, granted;   /* hosts and paths that a route asks for, and gets */
    struct {
        struct khap_str reason, message; /* reason: empty when all is well */
        struct khap_place place;         /* of what is wrong; source 0: the whole */
    } refused[CONDITIONS];
    struct judged *next;
};
struct judged *khap__kube_judge(struct resolving *r, const struct object *o, struct khap_place place);
/* The first reason stands. Both texts are literals, or in memory of `r`; what is wrong stands at `t`, or at the place of `j`. */
void khap__kube_refuse(struct judged *j, enum condition condition, struct khap_str reason,
                       struct khap_str message, const struct tree *t);
static inline bool khap__kube_is_good(const struct judged *j, enum condition condition)
{
    return j->refused[condition].reason.len == 0;
}
/* Whether a condition is one of what it is told; and the condition. */
bool khap__kube_concerns(const struct judged *j, enum condition condition);
struct khap_kube_condition khap__kube_condition(const struct judged *j, enum condition condition);
/* Tells all of them, as diagnostics and to the caller. */
void khap__kube_tell_conditions(struct resolving *r);

/* ---- gateways.c */

enum listener_type { LISTENER_HTTP, LISTENER_HTTPS, LISTENER_PASSTHROUGH, LISTENER_TCP };

/* An address and a port that HAProxy listens on: a frontend of the map, or one of a TCP service's own. */
struct front {
    struct khap_str name, address; /* name: in the map; address: empty for all */
    uint32_t port;
    enum listener_type type; /* LISTENER_HTTPS for what is passed through, too: one address has both */
    bool shared;             /* it is `http` or `https` of the map, where all others stand, too */
    bool written;            /* in the map, or it need not be */
    struct front *next;
};
/* A host of a route that is attached: HTTPRoute and GRPCRoute cannot share one. */
struct attached {
    const struct object *o;
    struct khap_str host;
    struct attached *next;
};
struct cert {
    const struct object *secret;
    struct khap_place place;
    struct cert *next;
};
struct listener {
    const struct object *gateway;
    const struct tree *spec;
    struct khap_str name, hostname;
    enum listener_type type;
    struct front *fronts[4];
    size_t n_fronts;
    struct judged *judged;
    struct attached *attached;
    struct cert *certs;
    bool serves; /* it was accepted, and has what it needs */
    struct listener *next;
};
bool khap__kube_is_our_gateway(const struct resolving *r, const struct object *gateway);
struct listener *khap__kube_listeners_of(const struct resolving *r, const struct object *gateway);
/* The objects of a kind, oldest first. */
const struct object **khap__kube_by_age(struct resolving *r, enum kind kind, size_t *n);
/* Whether an object may refer to one of another namespace. */
bool khap__kube_may_refer(const struct resolving *r, const struct object *from, enum kind kind,
                          struct khap_str ns, struct khap_str name);

/* ---- attach.c: which hosts of a route stand on a listener; rules.c: what it does with their requests */

/* Whether routes of a kind may be attached to a listener. */
bool khap__kube_takes_kind(const struct listener *l, enum kind kind);
bool khap__kube_meet(struct khap_str a, struct khap_str b, struct khap_str *out);

struct ref { /* a backend that is there */
    const struct exposed *e;
    const struct port *port;
    struct khap_str name; /* in the map */
    uint32_t weight;
    struct setting *settings;
    struct ref *next;
};
struct match {
    struct khap_str yaml, what; /* without the host */
    struct match *next;
};
struct rule {
    const struct object *route;
    struct khap_str name; /* what names in the map begin with */
    struct match *matches;
    struct ref *refs;
    const struct tree *redirect;
    uint32_t lost; /* the weight of backends that are not there */
    struct khap_place place;
    struct target *targets;
    struct rule *next;
};
/* A rule at a frontend: a service of the map. */
struct target {
    struct rule *rule;
    struct front *front;
    size_t number;       /* in the order in which they were wished */
    bool granted;        /* it has a host and a path */
    struct target *next; /* of the rule */
};
struct rule *khap__kube_rules(struct resolving *r, const struct object *route, struct judged *out);
void khap__kube_wish_rule(struct resolving *r, struct rule *rule, const struct listener *l,
                          struct judged *judged, struct khap_str host);

/* ---- served.c: services of the map */

void khap__kube_write_gateways(struct resolving *r);

#endif
