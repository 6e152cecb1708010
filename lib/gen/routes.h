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
    struct khap_str backend;   /* or the name of the split */
    const struct split *split; /* NULL: all requests go to the backend */
    struct khap_str mark;      /* of a route with keys of its own; in a bundle the backend is the same */
    uint8_t rank;
    bool whole; /* of an exact host or wildcard: it also has a route without a path, for any request */
};

struct route_table {
    VEC(struct route_entry)
    entries; /* rank, then exact paths, prefixes from long to short, regexes in their order, no path; of equal
                ones (all regexes are) what their matches ask for; then the map's order */
    struct khap_str fallback;           /* the backend of what matches nothing; empty: none */
    const struct split *fallback_split; /* NULL: all of it goes there */
    uint32_t frontend;                  /* index, for LAYER_HTTP */
    struct khap_str fallback_mark;
    bool marks; /* some route of the table has one */
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

/* Whether it takes every request of its host. */
static inline bool khap__route_whole(const struct route *route)
{
    return route->path_type == PATH_NONE && !route->match;
}
/* The name of the site of a route, in the arena for wildcards. */
struct khap_str khap__route_site(struct gen *g, const struct route *route);

/* Rules that work out variables (http-request, tcp-request content). */
void khap__routes_write_lookup(struct gen *g, const struct route_table *t, enum route_layer layer,
                               struct khap_str frontend);
/* use_backend and default_backend. `extra` rules stand before default_backend. */
void khap__routes_write_choice(struct gen *g, const struct route_table *t, enum route_layer layer,
                               const struct raw *extra);

/*
 * The backend of a service on a frontend. Where plain HTTP is redirected before it comes to a backend of one's own it is another one, which
 * is then noted; by default a `route` is redirected that has a certificate, NULL is none.
 */
struct khap_str khap__backend_of(struct gen *g, uint32_t frontend, uint32_t service,
                                 const struct route *route);

/* split.c. The name that stands for a split in place of a backend, in the arena. */
struct khap_str khap__split_name(struct gen *g, const struct split *split);
/* As rules: ACLs, which stand before; for a route one rule a step, in this order. NULL has one step, without a condition. */
void khap__split_acls(struct gen *g, const struct route_table *t);
uint32_t khap__split_steps(const struct split *split);
/* Where a step leads; false: it is passed over. */
bool khap__split_step(struct gen *g, uint32_t frontend, const struct split *split, uint32_t step,
                      struct khap_str *backend);
/* False when there is none: the step has all that is left. */
bool khap__split_condition(struct gen *g, const struct split *split, uint32_t step);
/* In a bundle: what draws, before the look-up; the entries of the map; the rules before the one that takes txn.backend for a backend. */
void khap__split_draw(struct gen *g, const struct route_table *t);
void khap__split_add_map(struct gen *g, const struct route_table *t, struct buf *map);
void khap__split_write_maps(struct gen *g, const struct route_table *t);
/* The rules before default_backend, in any way of routing. */
void khap__split_write_fallback(struct gen *g, const struct route_table *t);

/* matches.c: conditions that the match of a route holds, and ACLs that they name, which stand before. */
void khap__match_acls(struct gen *g, const struct route *route);
void khap__match_conditions(struct gen *g, const struct route *route);

/* route_keys.c: what a route with keys of its own is told by, in the arena; the words of a rule that says it, without a condition; and
 * the rules of a frontend. */
struct khap_str khap__route_mark(struct gen *g, const struct route *route, const struct split *split);
void khap__set_mark(struct gen *g, struct khap_str mark);
void khap__routes_write_marks(struct gen *g, const struct route_table *t);

/* Whether one rule can lead both to their backend. */
bool khap__same_place(const struct route_entry *a, const struct route_entry *b, enum route_layer layer);
uint32_t khap__hosts_a_rule(const struct gen *g);
/* The condition on the hosts of these entries. */
void khap__write_hosts(struct gen *g, const struct route_table *t, uint32_t from, uint32_t to,
                       enum route_layer layer);

/* backend_rules.c: the matched prefix gives way to rewrite.prefix, if there is one; number 0: whatever txn.rewrite says. */
void khap__gen_prefix(struct gen *g, const struct service *s, const struct route *route, uint32_t number);

/* The condition on the path alone. */
void khap__path_condition(struct gen *g, const struct route *route);
/* The conditions that a request is one of this route, whatever other routes there are. */
void khap__route_condition(struct gen *g, const struct route *route);

/* What is behind a path when it is looked up, and behind an exact one in the map. */
#define WHOLE_PATH "/?"

/*
 * routes_groups.c. A path with a match is in the map of paths with the name of its group, "@…", in place of a backend. Rules for the routes of a
 * group follow the look-up, and behind them one that says what has the request when none of their matches holds: the route of the path
 * without a match, or what the map says of the next shorter path. Groups come from long paths to short ones, so that one pass is enough.
 */
struct route_path {
    struct khap_str value; /* of the map: a backend, or the group */
    struct khap_str plain; /* of a group: the backend of the route without a match, or empty */
    uint32_t left;         /* of a group: routes with a match whose rules are not written yet */
};
struct route_groups {
    struct gen *g;
    struct map index; /* keys of the map of paths -> paths; only filled when there are matches */
    VEC(struct route_path) paths;
    bool any; /* some route has a match */
};
void khap__groups_init(struct route_groups *groups, struct gen *g, const struct route_table *t);
void khap__groups_free(struct route_groups *groups);
/* Takes note of a route with an exact path or a prefix, in the order of the table; what the map says of its path, empty: it says so already. */
struct khap_str khap__groups_add(struct route_groups *groups, const struct route_entry *e,
                                 struct khap_str site);
/* The rules behind the look-up of a path; for routes with a host or without. */
void khap__groups_write_paths(struct route_groups *groups, const struct route_table *t, bool hostless);
/* The rules of regexes with a match, or of routes without a path; before the look-up of those without one. */
void khap__groups_write_rest(struct route_groups *groups, const struct route_table *t, bool hostless,
                             bool regex);

/* routes_maps.c. Of a site without paths the maps say the backend at once. */
#define SITE_IS_BACKEND "if { var(txn.site) -m found } !{ var(txn.site) -m beg @ }"
void khap__routes_write_maps(struct gen *g, const struct route_table *t, enum route_layer layer,
                             struct khap_str frontend);

#endif
