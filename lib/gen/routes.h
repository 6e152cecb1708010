/* gen/routes.h - the routes of one frontend in the order in which they count, as rules or as map files.
 * SPDX-License-Identifier: MIT */
#ifndef GEN_ROUTES_H
#define GEN_ROUTES_H

#include "gen/gen.h"

/*
 * A "site" is a host pattern: an exact host, or a wildcard ("*.example.com" of any depth, "?.example.com" of
 * one label). First the most specific site of a request is found, then the path decides within it; so sites
 * do not overlap, and rules of different ones may stand in any order.
 */
enum route_rank { RANK_EXACT, RANK_WILDCARD, RANK_ANY };

struct route_entry {
    const struct route *route;
    struct khap_str backend;
    uint8_t rank;
    bool whole; /* of an exact host or wildcard: it also has a route without a path */
};

struct route_table {
    VEC(struct route_entry)
    entries; /* rank, then exact paths, prefixes from long to short, regexes in their order, no path; then the
                map's order */
    struct khap_str fallback; /* the backend of what matches nothing; empty: none */
};

/* Over which layer the requests of a table come: HTTP with host and path, or TLS handshakes with a server
 * name. */
enum route_layer { LAYER_HTTP, LAYER_SNI };

/* The routes of frontend `index`; freed with khap__routes_free(). */
enum khap_status khap__routes_of_frontend(struct gen *g, uint32_t index, struct route_table *out);
/* The routes of the TCP frontend before https: hosts passed through, and those ended here that lie under one
 * of their wildcards. */
enum khap_status khap__routes_of_sni(struct gen *g, struct route_table *out);
void khap__routes_free(struct gen *g, struct route_table *t);

/* The name of the site of a route, in the arena for wildcards. */
struct khap_str khap__route_site(struct gen *g, const struct route *route);

/* Rules that work out variables (http-request, tcp-request content). */
void khap__routes_write_lookup(struct gen *g, const struct route_table *t, enum route_layer layer,
                               struct khap_str frontend);
/* use_backend and default_backend. `extra` rules stand before default_backend. */
void khap__routes_write_choice(struct gen *g, const struct route_table *t, enum route_layer layer,
                               const struct raw *extra);

/* The conditions that a request is one of this route, whatever other routes there are. */
void khap__route_condition(struct gen *g, const struct route *route);

/* routes_maps.c. Of a site without paths the maps say the backend at once. */
#define SITE_IS_BACKEND "if { var(txn.site) -m found } !{ var(txn.site) -m beg @ }"
void khap__routes_write_maps(struct gen *g, const struct route_table *t, enum route_layer layer,
                             struct khap_str frontend);

#endif
