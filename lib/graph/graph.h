/* graph/graph.h - what a picture is made of. SPDX-License-Identifier: MIT */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"

#include <khap/graph.h>
#include <khap/view.h>

#define GRAPH_NONE UINT32_MAX

/* The addresses of a frontend that end TLS, or those that do not. */
struct graph_bind {
    struct khap_str frontend, addresses, first; /* `first`: of the bind line that questions go to */
    struct khap_str port;                       /* of that one; empty where it has none */
    struct khap_place place;
    uint32_t section;
    bool tls, tcp;
};
struct graph_entry {
    struct khap_str host, path, rule, url, location;
    struct khap_place place;
    uint32_t bind, service, cert; /* or GRAPH_NONE */
    uint32_t kind, status;
    bool certain;
};
struct graph_service {
    struct khap_str name;
    struct khap_place place;
    uint32_t first_server, n_servers;
    uint32_t section;
};
struct graph_server {
    struct khap_str name, address;
    struct khap_place place;
    uint32_t service, node;
    bool backup, disabled;
};
/* A machine: what servers of several services have as their address, without the port. */
struct graph_node {
    struct khap_str name, address;
    uint32_t n_servers;
};
struct graph_cert {
    struct khap_str file;
    int64_t not_after;
};
struct graph_cert_name {
    struct khap_str name; /* in lower case */
    uint32_t cert, bind;
};
struct graph_finding {
    struct khap_str text, place;
    const char *code;
    uint32_t severity, service, bind; /* or GRAPH_NONE */
};
struct khap_graph {
    struct khap_alloc alloc;
    struct arena arena;
    struct khap_str title;
    int64_t now;
    VEC(struct graph_bind) binds;
    VEC(struct graph_entry) entries;
    VEC(struct graph_service) services;
    VEC(struct graph_server) servers;
    VEC(struct graph_node) nodes;
    VEC(struct graph_cert) certs;
    VEC(struct graph_cert_name) cert_names;
    VEC(struct graph_finding) findings;
};

/* A host and path that a condition or a map names; a rule is a backend that is named behind a condition. */
struct candidate {
    struct khap_str host, path;
    struct khap_place place;
    bool suffix; /* the host is what comes behind */
};
struct rule {
    struct khap_str condition, backend;
    struct khap_place place;
};
struct literal {
    struct khap_str text;
    uint8_t kind; /* enum literal_kind */
};
enum literal_kind { LITERAL_HOST, LITERAL_SUFFIX, LITERAL_PATH, LITERAL_BOTH };
struct named_acl {
    uint32_t first, n;  /* literals */
    uint32_t next_same; /* with this name, or GRAPH_NONE */
};
/* Making a picture. */
struct drawing {
    struct khap_graph *graph;
    struct khap_bundle *bundle;
    const struct khap_graph_options *options;
    struct khap_view *view;
    struct khap_route *route;
    struct khap_words *words;
    struct khap_target target;
    struct map service_names, node_names;
    struct buf scratch;
    struct khap_str crt_base; /* of `global`; empty without */
    /* of the frontend that is being read */
    VEC(struct candidate) candidates;
    VEC(struct rule) rules;
    VEC(struct literal) literals;
    VEC(struct named_acl) acls;
    struct map acl_names, seen;
    enum khap_status status; /* the first failure */
};

static inline bool khap__drawing_need(struct drawing *d, bool good)
{
    if (!good && d->status == KHAP_OK)
        d->status = KHAP_ENOMEM;
    return good;
}
/* A copy in the picture's arena. */
struct khap_str khap__drawing_keep(struct drawing *d, struct khap_str text);
/* A side file of the bundle, or NULL when it is not there. */
const struct khap_bundle_file *khap__graph_side(struct drawing *d, struct khap_str path);
/* What the lines of a section name; gathered in `d`. The words of the line have been read. */
void khap__graph_gather(struct drawing *d, const struct khap_line *line, struct khap_place place);
/* The same of a map file that the line names. */
void khap__graph_gather_map(struct drawing *d, struct khap_str text, struct khap_place place);
void khap__graph_gather_end(struct drawing *d);
/* Puts what was gathered as questions to the binds from `first` on. */
void khap__graph_ask(struct drawing *d, uint32_t first);
/* Certificates of a bind line, whose words have been read. */
void khap__graph_certs(struct drawing *d, uint32_t bind);
/* The certificate that is good for a host, or GRAPH_NONE. */
uint32_t khap__graph_cert_of(const struct khap_graph *g, uint32_t bind, struct khap_str host);

/* Text for people, in UTF-8: what would show nothing or mislead is shown as \n, \x1b, \u202e. */
void khap__graph_visible(struct buf *out, struct khap_str text);
/* Where an entry leads, when it is no service: "redirect 308 https://…". */
void khap__graph_end(struct buf *out, const struct graph_entry *e);
/* The label of an entry: host and path, or the rule. */
void khap__graph_label(struct buf *out, const struct graph_entry *e);
enum khap_status khap__graph_dot(const struct khap_graph *g, struct buf *out);
enum khap_status khap__graph_svg(const struct khap_graph *g, struct buf *out);
enum khap_status khap__graph_html(const struct khap_graph *g, struct buf *out);

#endif
