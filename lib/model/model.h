/* model/model.h - the model behind khap_model, and what it means: defaults applied, names bound, routes in
 * one list. SPDX-License-Identifier: MIT */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/map.h"
#include "base/vec.h"
#include "model/outside.h"
#include "model/tree.h"
#include "value/value.h"
#include <khap/model.h>

struct khap_model {
    struct khap_alloc alloc;
    struct arena arena;
    struct setting *root;       /* SETTING_OBJECT with the top level keys; merged over all sources */
    struct name_index *indices; /* entries of maps by name, made when first needed (merge.c) */
    bool seen[KEY_NONE + 1];    /* whether a key was ever given, by enum key */
    bool incomplete;            /* a source was broken YAML: what the others speak of may stand in it */
    bool damaged; /* something that was read was wrong: khap__resolve() checks the rest, but never returns
                     KHAP_OK */
};

/* ---- the meaning of a model (resolve.c); everything below lives in the resolved model's arena or in the
 * model ---- */

enum node_state { NODE_READY, NODE_DRAIN, NODE_MAINT };
struct node {
    struct khap_str name;
    struct address address;       /* without port */
    const struct setting *labels; /* entries SETTING_TEXT; NULL for none */
    struct khap_place place;
    uint16_t weight;
    uint8_t state; /* enum node_state */
};

enum { FRONTEND_MAX = 63 }; /* one bit each in route.frontends; bit 63 is ROUTE_HTTPS_TCP_ONLY */
struct frontend {
    struct khap_str name;
    struct bind *binds;
    uint32_t n_binds;
    bool tls, http3, strict_sni, accept_proxy;
    bool alpn_h2, alpn_http11, alpn_given;
    const struct outside_routes
        *routed;     /* NULL, or the frontend outside that receives its rules; then `binds` are of that one */
    int64_t maxconn; /* 0: not given */
    const struct setting *extra; /* SETTING_TEXT or NULL */
    const struct setting *given; /* its object, NULL for a default one */
    struct khap_place place; /* NOWHERE-like for a default one: then what made it stand (first cert …) */
};

enum cert_verify { VERIFY_REQUIRED, VERIFY_OPTIONAL };
struct cert {
    struct khap_str directory, file, key, client_ca, crt_list, crl, ocsp; /* empty: not given */
    struct host *hosts;
    uint32_t n_hosts;
    uint8_t verify; /* enum cert_verify, with client_ca */
    bool ocsp_update, ocsp_update_given;
    bool placeholder; /* `file` is then the name of the side file */
    bool options; /* one of those that only a crt-list can say of one certificate, client_ca not among them */
    const struct setting *given;
    struct khap_place place;
};

enum path_type {
    PATH_NONE /* no path, or prefix "/" */,
    PATH_EXACT,
    PATH_PREFIX /* without trailing slash */,
    PATH_REGEX
};
enum match_kind { MATCH_VALUE, MATCH_REGEX, MATCH_PRESENT, MATCH_ABSENT };
struct match_term {
    struct khap_str name, value;
    uint8_t kind; /* enum match_kind */
    bool query;   /* a query parameter, else a header */
};
struct match {
    struct match_term *terms; /* headers first; all of them must hold */
    uint32_t n_terms, n_headers;
    uint16_t methods; /* bits: words of its row; 0: any */
};
/* Negative when what asks for `a` comes before what asks for `b`; NULL asks for nothing. */
int khap__match_compare(const struct match *a, const struct match *b);

/* Services that share requests (split.c). Of a canary the first share is its own, the second that of the other service. */
struct share {
    uint32_t service, weight;
    struct khap_place place;
};
struct split {
    struct split *next;          /* in the order in which they were made */
    const struct setting *given; /* the list, or the canary's object */
    struct share *shares; /* each service once; 0 of them when something is wrong, which has been said */
    struct khap_str header,
        cookie;     /* of a canary: `always` leads to it, `never` to the other one; empty: none */
    uint64_t total; /* of all weights, above 0 */
    uint32_t n;
    uint32_t service, number; /* whose routes they are; 0 for all of them, else which one, from 1 */
};

/* What a route may say in place of its service. */
enum {
    OWN_REWRITE = 1,
    OWN_HEADERS = 2,
    OWN_SOURCES = 4,
    OWN_TIMEOUTS = 8,
    OWN_ANSWER = 16 /* redirect, respond */
};

struct route {
    struct host host; /* name empty: any host */
    struct khap_str path;
    struct khap_str backend;   /* a backend of one's own, empty: the service's */
    const struct setting *own; /* where keys of its own stand; NULL: it has none */
    const struct match *match; /* NULL: none */
    const struct split *split; /* NULL: its service has all requests */
    uint64_t frontends;        /* bits: indices of resolved.frontends */
    struct khap_place place;
    uint32_t service; /* index of resolved.services */
    uint32_t order;   /* order in the map: regexes are tried in it */
    uint8_t path_type;
    uint8_t stated;       /* bits OWN_…: which keys of its own there are */
    bool has_host, label; /* label: the wildcard is one label deep */
    bool is_default;      /* from `default: true` */
};

enum service_mode { MODE_HTTP, MODE_TCP /* own bind */, MODE_PASSTHROUGH };
/* What every part needs of a service without resolving all of it. */
struct service_head {
    const struct setting *given;
    struct khap_str name;
    struct khap_str backend;                  /* where its requests go: its name, or a backend of one's own */
    const struct setting *redirect_https;     /* NULL: not given */
    const struct setting *redirect, *respond; /* it answers itself; NULL: it does not */
    uint32_t first_route, n_routes;           /* in resolved.routes, before sorting by anybody */
    uint32_t n_led;                           /* routes of others from which it gets a share */
    const struct route **led;
    uint64_t frontends;
    bool tls_only; /* its other frontends lead only to a redirect */
    uint8_t mode;
    bool own_backend; /* the backend is none of ours */
    bool split_only;  /* with own_backend: there is none, its requests go to others */
    bool has_marks;   /* some of its routes have keys of their own that its backend sees to */
    bool redirects;   /* with own_backend, set by the generator: something leads to a redirect of its name */
};

struct port_range {
    uint16_t first, last;
};

struct resolved {
    const struct khap_model *model;
    const struct outside *outside; /* NULL: the whole configuration is khap's */
    struct khap_alloc alloc;
    struct arena arena;
    struct khap_target target;
    VEC(struct node) nodes;
    VEC(struct frontend)
    frontends; /* those that are written, http ones; http and https first when they stand */
    VEC(struct cert) certs;
    VEC(struct service_head) services;  /* in the order of the map */
    VEC(struct route) routes;           /* http and passthrough, service by service */
    const struct setting *own_sections; /* the text, or NULL */
    VEC(struct own_section) sections;
    struct map section_names;       /* name -> index of sections */
    VEC(struct bind) section_binds; /* of those sections */
    VEC(struct network) trust;
    bool has_trust;
    int http, https; /* indices of frontends, -1 when they are not written */
    bool
        https_tcp_only; /* no certificate, but passthrough: the https address stands as a TCP frontend only */
    struct frontend
        https_address; /* binds of https for passthrough, valid when https_tcp_only or https >= 0 */
    const struct setting *node_check, *process, *log, *stats, *acme, *global,
        *defaults; /* as given; NULL or SETTING_OFF */
    struct bind *stats_binds;
    uint32_t n_stats_binds;
    VEC(struct port_range) v4_ports; /* on which something listens for IPv4 */
    struct address acme_server;      /* with port; valid when acme */
    /* for khap__service_resolve() */
    struct map node_names;       /* name -> index of nodes */
    struct server *node_servers; /* the nodes as servers, port 0, one each */
    bool
        node_ids_distinct; /* no two nodes have the same hash, so that no selection of them needs other ids */
    const struct service_parts *inherited[3]; /* serviceDefaults as far as it acts, by enum service_mode */
    uint64_t default_frontends;               /* bits of http and https, as far as they are written */
    uint64_t tls_frontends;                   /* bits of those that end TLS */
};

/* All routes that lead to a service: its own, then those of others from which it gets a share. */
static inline uint32_t khap__routes_to(const struct service_head *head)
{
    return head->n_routes + head->n_led;
}
static inline const struct route *khap__route_to(const struct resolved *r, const struct service_head *head,
                                                 uint32_t i)
{
    return i < head->n_routes ? &r->routes.ptr[head->first_route + i] : head->led[i - head->n_routes];
}

/* route.frontends of a passthrough service when https_tcp_only: there is no frontend for it in `frontends`.
 */
#define ROUTE_HTTPS_TCP_ONLY (UINT64_C(1) << 63)

/*
 * Works out what a model means for a target, and checks everything that one key alone cannot tell: unknown
 * names, equal routes, two defaults, overlapping binds, keys that cannot act, keys that the target cannot do
 * (since), names of sections that collide, raw lines that open a section … All errors in one run. Returns
 * KHAP_EINPUT with diagnostics when there is an error. `out` is freed with khap__resolved_free() in any case.
 */
enum khap_status khap__resolve(const struct khap_model *model, const struct khap_target *target,
                               struct khap_diags *diags, struct resolved *out);
/* The same for a block in somebody's own file; `outside` must outlive the resolved model, and may be NULL. */
enum khap_status khap__resolve_into(const struct khap_model *model, const struct khap_target *target,
                                    const struct outside *outside, struct khap_diags *diags,
                                    struct resolved *out);
void khap__resolved_free(struct resolved *r);

/* ---- one service, whole ---- */

struct header_rule {
    struct khap_str name, value; /* value: literal or log format */
    bool is_format, is_add, is_delete;
    struct khap_place place;
};
struct server {
    struct khap_str name;
    const struct node *node; /* NULL: from `servers` */
    struct address address;  /* without port */
    uint32_t id;             /* 31-bit FNV-1a of the name, made unique in the backend; never 0 */
    uint16_t port, weight;
    uint8_t state;
    bool backup;
    int64_t maxconn, maxqueue; /* 0: not given */
    uint64_t slowstart;        /* microseconds; 0: none */
    struct khap_place place;
};
enum cookie_mode { COOKIE_INSERT, COOKIE_PREFIX, COOKIE_REWRITE };
enum check_type {
    CHECK_TCP,
    CHECK_HTTP,
    CHECK_TLS,
    CHECK_MYSQL,
    CHECK_POSTGRES,
    CHECK_REDIS,
    CHECK_SMTP,
    CHECK_GRPC
};
enum backend_protocol { PROTOCOL_HTTP, PROTOCOL_HTTPS, PROTOCOL_H2 /* over TLS */, PROTOCOL_H2C };
enum hash_by { HASH_NONE, HASH_URI, HASH_SOURCE, HASH_HEADER, HASH_COOKIE };
struct status_range {
    uint16_t from, to;
};

/* A mapping of the service's own, and the one of serviceDefaults behind it; of a route, what those say is behind its own. khap__member()
 * of parts.h looks into all. */
struct layered {
    const struct setting *own, *inherited, *last;
};
/* Networks, and files that hold more of them. */
struct ranges {
    const struct network *ptr;
    const struct khap_str *files;
    uint32_t n, n_files;
};
enum limit_key { LIMIT_SRC, LIMIT_HEADER, LIMIT_COOKIE };
struct rate_limit {
    struct khap_str name, status; /* name: of the header or cookie */
    uint64_t period;              /* microseconds */
    struct ranges except;
    struct khap_place place;
    uint32_t requests, burst; /* requests 0: no limit */
    uint8_t key;              /* enum limit_key */
};

struct service {
    const struct service_head *head;
    const struct route *route; /* what holds for this route alone (khap__route_resolve()); else NULL */
    struct khap_str name;
    struct khap_place place;
    uint8_t mode;              /* enum service_mode */
    struct khap_str balance;   /* without hash_by */
    uint8_t hash_by;           /* enum hash_by; consistent */
    struct khap_str hash_name; /* of the header or cookie */
    struct khap_place hash_place;
    const struct setting *retries;  /* SETTING_INT, or NULL */
    const struct setting *retry_on; /* a list of SETTING_TEXT, or NULL */
    struct {
        bool on;
        struct khap_str name, key_file;
        uint8_t mode;
        bool indirect, nocache, httponly, secure, dynamic;
        uint64_t maxidle, maxlife; /* microseconds; 0: not given */
        struct khap_place place;
    } cookie;
    struct {
        bool on;
        uint8_t type;
        struct khap_str path, host, method; /* host empty: none */
        struct khap_str user;               /* empty: none */
        bool host_given;                    /* and not the first exact host of the service */
        bool node;                          /* nodes track their server of khap-nodes */
        struct status_range *expect;
        uint32_t n_expect; /* 0: HAProxy's own, 2xx and 3xx */
        uint64_t interval;
        uint32_t rise, fall, port; /* port 0: the server's own */
        struct khap_place place;
    } check;
    struct {
        uint32_t port; /* 0: no agent */
        uint64_t interval;
        struct khap_str send; /* without its line end; empty: nothing */
        struct khap_place place;
    } agent;
    uint64_t connect, server_timeout, queue,
        tunnel; /* microseconds; 0: not given for this service or its defaults */
    bool redirect_https_given,
        redirect_https; /* not given: where a certificate's hosts name the route's host */
    bool hsts;
    uint64_t hsts_max_age;
    bool hsts_subdomains;
    struct {
        struct khap_str prefix, path, host; /* empty: none */
    } rewrite;
    struct header_rule *request, *response;
    uint32_t n_request, n_response;
    struct ranges sources, denied, admitted; /* admitted: while in maintenance */
    int64_t maxconn, maxqueue;               /* of each server that does not say it; 0: not given */
    uint64_t slowstart;                      /* the same, in microseconds */
    struct rate_limit rate;
    uint32_t connection_limit; /* 0: none */
    struct layered basic_auth, jwt, client_cert, cors, compression, error_pages,
        maintenance; /* of http; `own` NULL: not given */
    uint8_t protocol;
    bool tls_verify;
    struct khap_str tls_ca, tls_sni;
    uint8_t send_proxy; /* 0, 1, 2 */
    struct server *servers;
    uint32_t n_servers; /* nodes in the order of the map (or of the list), then servers */
    struct {
        bool on;
        struct khap_str scheme, host, path, status; /* empty: not given; a prefix is rewrite.prefix */
        uint16_t port;                              /* 0: not given */
        struct khap_place place;
    } redirect;
    struct {
        bool on;
        uint16_t status;
        struct khap_str body, type; /* body empty: none */
        struct khap_place place;
    } respond;
    const struct setting *extra;
    struct bind *binds;
    uint32_t n_binds; /* of tcp */
};

/*
 * Fills *out for service `index`, serviceDefaults merged in. Memory comes from `scratch`, which the caller
 * resets between services. Cheap: it is called for each of 100,000 services; node lists are shared (an arena
 * copy only where a service selects).
 */
enum khap_status khap__service_resolve(const struct resolved *r, uint32_t index, struct arena *scratch,
                                       struct service *out);
/*
 * The same for a route with keys of its own, as far as they go: rewrite, headers, redirect, respond, the times and ranges that it says
 * itself. `head` is its service, or one that has a share of its requests. False when there is no memory.
 */
bool khap__route_resolve(const struct resolved *r, const struct route *route, const struct service_head *head,
                         struct arena *scratch, struct service *out);

#endif
