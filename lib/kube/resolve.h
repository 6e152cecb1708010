/* kube/resolve.h - from the objects of a store to keys of a service map. SPDX-License-Identifier: MIT */
#ifndef KUBE_RESOLVE_H
#define KUBE_RESOLVE_H

#include "kube/kube.h"

/* A key below a service or a route, and its value as YAML that was written here. */
struct setting {
    struct khap_str key, yaml;
    struct khap_place place;
    struct setting *next;
};

/* A route that somebody wishes, to a port of a service or to a rule of the Gateway API. */
struct wish {
    const struct object *by, *service; /* service: NULL where there is a target */
    const struct port *port;
    struct target *target;
    const struct front *front; /* where it stands; NULL: at http and https */
    struct judged *judged;     /* whom the outcome is told to */
    bool passed;               /* TLS that is passed through */
    bool label, granted;       /* its wildcard is one label; it may have what it wishes */
    bool forbidden;            /* `allow` does not give its namespace the host */
    struct khap_str host;      /* small letters, without a dot at the end; empty for any */
    struct khap_str
        what; /* equal for two that cannot both be: path and its type, or all of it where it has a match */
    struct khap_str yaml;
    struct khap_place place;
    const struct setting *settings; /* of this route */
    size_t number;                  /* in the order in which they were wished */
    struct wish *next;
};

/* What the annotations of an object say. */
struct said {
    struct setting *settings; /* by key */
    struct khap_str port, class_name;
    struct khap_place port_place;
    bool has_routes, has_class, bad;
};

/* A service that is served. */
struct exposed {
    const struct object *o;
    struct said said;
    bool wanted, own_port;   /* it asks for it itself: routes to `port`, or each port at an address */
    bool ours;               /* of type LoadBalancer and our class, and not on its way out */
    struct khap_str address; /* where its ports stand; empty for none */
    const struct port *port;
};

struct front;
struct judged;
struct listener;
struct rule;
struct target;
struct gateways {
    struct front *fronts;
    struct listener *listeners, **last;
};

struct resolving {
    const struct khap_kube *kube;
    struct khap_kube_options options;
    struct khap_model *model;
    struct khap_diags *diags;
    struct memory memory;
    bool bad;
    struct exposed *services; /* by namespace and name */
    size_t n_services;
    const struct object **nodes; /* those that can serve, by name */
    size_t n_nodes;
    bool ipv6;                    /* a service wants addresses of this family */
    const struct object **slices; /* by namespace and service */
    size_t n_slices;
    struct wish *wishes, **last_wish;
    size_t n_wishes;
    struct wish **by_host;  /* the owner of each host is the first that has it */
    struct wish **by_route; /* by host and what, then as above */
    const struct object **grants;
    size_t n_grants;
    struct gateways gateways;
    bool any_passed;
    struct rule *rules, **last_rule;
    struct judged *judged, **last_judged;
};

/* A route that an annotation asks for. */
typedef void khap__kube_route(void *ctx, struct khap_str host, struct khap_str what, struct khap_str yaml,
                              struct khap_place place);
/* allow.c: whether a namespace may ask for anything, have a host (empty: any), say a key of a service that reaches beyond its object */
bool khap__kube_may_claim(const struct resolving *r, struct khap_str ns);
bool khap__kube_may_have_host(const struct resolving *r, struct khap_str ns, struct khap_str host);
bool khap__kube_may_say(const struct resolving *r, struct khap_str ns, struct khap_str key);

/* annotations.c */
/* Whether the map's services have a key, `a.b` too. */
bool khap__kube_is_service_key(struct khap_str key);
void khap__kube_annotations(struct resolving *r, const struct object *o, struct said *said,
                            khap__kube_route *route, void *ctx);
/* Whether a key of a service says something about connections. */
bool khap__kube_is_for_tcp(struct khap_str key);

/* claims.c */
struct wish *khap__kube_wish(struct resolving *r, const struct object *by, const struct object *service,
                             const struct port *port, struct khap_str host);
void khap__kube_settle(struct resolving *r);
/* `what` of a route without a match, as a part of it: "=/a", "/a"; a prefix of "/" is none. */
void khap__kube_add_what(struct text *out, struct khap_str path, struct khap_str type);
/* Whether the host is its own to have, and the route nobody's yet; says so when it is not. */
bool khap__kube_may(struct resolving *r, const struct wish *w);

/* In small letters, without a dot at the end. */
struct khap_str khap__kube_normal_host(struct memory *m, struct khap_str host);
/* Whether one of the namespace's wishes has the host. */
bool khap__kube_owns(const struct resolving *r, struct khap_str host, struct khap_str ns);

/* The first that wishes for the host at one of the front's addresses; NULL when nobody does. */
const struct wish *khap__kube_owner(const struct resolving *r, struct khap_str host,
                                    const struct front *front);

/* secrets.c: certificates for the hosts of an Ingress that are its namespace's */
void khap__kube_certs(struct resolving *r);
/* Whether it can be served: a certificate and its own key. */
bool khap__kube_is_pair(struct resolving *r, struct khap_str pem);
bool khap__kube_is_good_secret(struct resolving *r, const struct object *secret);

/* gateways.c, attach.c, served.c */
void khap__kube_gateways(struct resolving *r);
void khap__kube_attach(struct resolving *r);
void khap__kube_write_gateway_certs(struct resolving *r);

/* exposed.c: what Services ask for; ingresses.c: what Ingresses do */
void khap__kube_services(struct resolving *r);
/* pool.c: an address for each that is to have one and has none */
void khap__kube_give_addresses(struct resolving *r);
const struct exposed *khap__kube_exposed(const struct resolving *r, struct khap_str ns, struct khap_str name);
void khap__kube_ingresses(struct resolving *r);
bool khap__kube_ingress_is_ours(const struct resolving *r, const struct object *o);

/* nodes.c */
void khap__kube_nodes(struct resolving *r);
void khap__kube_write_nodes(struct resolving *r);
/* Adds the value of a service's `nodes`, or nothing. */
void khap__kube_add_nodes(struct resolving *r, const struct object *service, struct text *out);

/* backends.c */
void khap__kube_backends(struct resolving *r);
/* "NAMESPACE_SERVICE_PORT" */
struct khap_str khap__kube_backend_name(struct resolving *r, const struct object *service,
                                        const struct port *port);
/* "[::1]:80" */
void khap__kube_add_bind(struct text *out, struct khap_str address, uint32_t port);
/* Sets a key of a service of the map, or the whole service. */
void khap__kube_set_service(struct resolving *r, struct khap_str name, struct khap_str key,
                            struct khap_str yaml, struct khap_place place);
/* Whether the service map beside the objects has the service already; says so: whoever wrote it meant his own. */
bool khap__kube_is_taken(struct resolving *r, struct khap_str name, const struct object *o);
/* Whether the map says a key. */
bool khap__kube_has(struct resolving *r, struct khap_str beginning, struct khap_str name);
/* A service without routes for a port, with settings over those of the Service; tcp: only what holds for connections. */
void khap__kube_write_service(struct resolving *r, const struct exposed *e, const struct port *port,
                              struct khap_str name, const struct setting *settings, bool tcp);

/* status.c: what the status of each object should say of us */
void khap__kube_tell_statuses(struct resolving *r);

/* resolve.c: sets a key of the map; `bad` when it is refused */
void khap__kube_set(struct resolving *r, struct khap_str path, struct khap_str yaml, struct khap_place place);

#endif
