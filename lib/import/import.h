/* import/import.h - what the parts of the importer share. SPDX-License-Identifier: MIT */
#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/vec.h"
#include "view/view.h"
#include <khap/gen.h>
#include <khap/import.h>
#include <khap/model.h>
#include <khap/route.h>

/* ---- a configuration as lines of words (read.c) ---- */

enum line_state {
    LINE_OPEN,  /* nobody has said it yet */
    LINE_TAKEN, /* a key says it */
    LINE_CLAIMED, /* a key says it if the generated configuration has the same line; else the section stays as it is */
    LINE_SAME, /* the generated configuration has it in the same place */
    LINE_RAW,  /* kept as it is */
    LINE_LOST
};
struct import_line {
    const struct khap_str *words;
    struct khap_str text; /* without blanks at the ends */
    struct khap_place place;
    uint32_t n, section;
    uint8_t state;
    bool conditional; /* whether it is read is not known */
    bool variable;    /* an environment variable in it */
    bool header;
    bool ends; /* a rule that always holds: none behind it is reached */
};
enum section_role {
    ROLE_NONE,
    ROLE_FRONTEND,
    ROLE_BACKEND,
    ROLE_LISTEN,
    ROLE_GLOBAL,
    ROLE_DEFAULTS,
    ROLE_OTHER
};
struct import_section {
    struct khap_str kind, name;
    const struct khap_document *doc;
    const struct khap_line *head, *last;
    uint32_t first, end; /* lines, the header first */
    uint32_t defaults;   /* section, or UINT32_MAX */
    uint8_t role;
    bool tcp;
    struct khap_str why;     /* of raw: a line, or in words */
    bool always;             /* raw, whatever becomes of the others */
    bool meant;              /* its mode is guessed */
    bool taken;              /* all of it is said */
    bool raw;                /* it stays whole, in `sections` */
    struct khap_str as;      /* frontends: what it is called in the map; empty: there is none */
    struct khap_str also_as; /* its TLS half where both are in one */
};
struct config {
    VEC(struct import_line) lines;
    VEC(struct import_section) sections;
};
/* It stays whole; the first reason is the one that is told. */
static inline void khap__import_stay(struct import_section *s, struct khap_str why)
{
    if (!s->raw)
        s->why = why;
    s->raw = true;
}
enum { NO_SECTION = UINT32_MAX };

/* ---- what is found ---- */

enum route_path { IMPORT_NO_PATH, IMPORT_EXACT, IMPORT_PREFIX, IMPORT_REGEX };
struct import_route {
    struct khap_str host, path; /* host: "*.x" for wildcards; empty: any */
    struct khap_str match;      /* as YAML; empty: none */
    uint8_t type;               /* enum route_path */
    bool label, is_default;
    bool differs;       /* it was no prefix of whole elements */
    uint64_t frontends; /* bits of import.fronts */
    uint32_t line;
    uint32_t mark;  /* its number among the routes of its service, where it has keys of its own; else 0 */
    uint32_t place; /* its number, where only an ACL says it */
    uint32_t split; /* 1 + index in import.splits, or 0 */
    struct khap_str
        backend; /* one that stays as it is, and answers this route of a service that has others */
};
/* Where a route stands that one service has, and the same of another: index in import.known. */
struct import_known {
    uint32_t service, route, next;
};
/* Services that share requests: of service SERVICE (number 0), or of its Nth route with a split. */
struct import_share {
    struct khap_str backend;
    uint32_t weight;
};
struct import_split {
    struct khap_str service, header, cookie, canary;
    uint32_t number, line;
    VEC(struct import_share) shares;
};
/* A key that a route may have for itself, as far as rules of a backend have spoken of it. */
struct import_stated {
    struct khap_str service;
    uint32_t mark;
    char key[16];
    bool said, rules; /* a value was set; there are rules of the route's own */
};
struct import_server {
    struct khap_str name, host; /* host without port */
    uint16_t port, weight;
    bool backup, disabled, drain, tracks;
    struct khap_str maxconn, maxqueue, slowstart;
    bool is_node;
    uint32_t line;
};
struct import_service {
    struct khap_str name;
    uint32_t section; /* of its backend */
    VEC(struct import_route) routes;
    VEC(struct import_server) servers;
    VEC(uint32_t) binds; /* lines, of TCP */
    bool tcp, passthrough, needed;
    bool tls_only; /* plain HTTP only leads to the redirect */
    bool redirected;
    bool has_balance, has_check_line; /* lines of its own */
    bool to_https;                    /* the frontend sends plain HTTP there */
    bool split_only;          /* it has no backend: `section` is that of a frontend that leads to it */
    bool redirects;           /* its backend only sends to https, where others answer */
    bool shared;              /* it has a share of some requests */
    struct khap_str leads_to; /* of redirects: a backend that stays as it is */
    bool labels;              /* all of its wildcards are of one label */
    uint32_t n_hosts;         /* of its routes in the map, those that stand in `hosts` */
    uint32_t node_port;
    uint32_t n_nodes; /* of its servers, the first ones */
};
struct import_front {
    struct khap_str name;
    uint32_t section;
    bool tls, used;
};

struct import {
    struct khap_alloc alloc;
    struct arena arena;
    const struct khap_import_options *options;
    struct khap_target target; /* it is read for */
    struct khap_bundle *bundle;
    struct khap_diags *diags;
    const struct khap_sources *sources; /* of the diagnostics */
    struct khap_sources *own_sources;
    struct khap_diags *quiet; /* what is tried and refused */
    struct config in;
    struct khap_model *model;
    struct buf path, value; /* of a key that is set */
    VEC(struct import_service) services;
    struct map known_at; /* the text of a route -> known */
    VEC(struct import_known) known;
    VEC(struct import_front) fronts;
    VEC(struct import_server) nodes;
    VEC(struct import_split) splits;
    VEC(struct import_stated) stated;
    uint32_t defaults;        /* the section that most inherit from */
    bool trusted;             /* forwarded.trust is set */
    uint32_t secure_of;       /* the section that said whom certificates are for */
    bool ours;                /* khapgen wrote it: names are as they shall be */
    bool cert_hosts;          /* a certificate is for certain hosts */
    bool bundled;             /* it routes by khapgen's maps */
    bool final;               /* nothing is tried any more: what is told now holds */
    enum khap_status failure; /* sticky */
};

enum khap_status khap__import_read(struct import *im, const struct khap_bundle *bundle,
                                   const struct khap_target *target, bool outer, struct config *out);
void khap__import_config_free(struct import *im, struct config *config);
void khap__import_fail(struct import *im, enum khap_status status);
/* Copies into the arena. */
struct khap_str khap__import_dup(struct import *im, struct khap_str text);
struct khap_str khap__import_join(struct import *im, struct khap_str a, struct khap_str b, struct khap_str c);
const char *khap__import_zero(void);

static inline struct khap_str word_at(const struct import_line *line, uint32_t i)
{
    return i < line->n ? line->words[i] : (struct khap_str){"", 0};
}
static inline bool word_is(const struct import_line *line, uint32_t i, const char *text)
{
    return i < line->n && khap__str_eq(line->words[i], khap__str(text));
}
/* Whether it begins with these words, with one blank between them; how many they are, or 0. */
uint32_t khap__import_begins(const struct import_line *line, const char *words);
bool khap__import_number(struct khap_str text, uint32_t max, uint32_t *out);

/* ---- keys (set.c) ---- */

/* Sets a key below a named entry: set(im, place, "services", name, "cookie.name", yaml). False when the value is refused. */
bool khap__import_set(struct import *im, struct khap_place place, const char *map, struct khap_str name,
                      const char *key, struct khap_str yaml);
bool khap__import_set_top(struct import *im, struct khap_place place, const char *key, struct khap_str yaml);
/* A text as YAML; in the arena. */
struct khap_str khap__import_quote(struct import *im, struct khap_str text);
void khap__import_add_quoted(struct buf *out, struct khap_str text);
bool khap__import_set_text(struct import *im, struct khap_place place, const char *map, struct khap_str name,
                           const char *key, struct khap_str text);

/* ---- conditions (conditions.c) ---- */

enum term_kind {
    TERM_UNKNOWN,
    TERM_HOST, /* patterns: hosts, "*.x" deep, "?.x" one label */
    TERM_PATH, /* patterns with `path` */
    TERM_METHOD,
    TERM_HEADER, /* name, match */
    TERM_QUERY,
    TERM_SRC,
    TERM_TLS, /* ssl_fc */
    TERM_SNI,
    TERM_FIXED /* holds always: what the site look-ups have seen to */
};
enum term_match { MATCH_IS, MATCH_LIKE, MATCH_THERE };
struct import_term {
    uint8_t kind, match, path; /* enum route_path */
    bool negated, differs;     /* differs: it says a little less or more than the key */
    struct khap_str name;
    const struct khap_str *patterns;
    uint32_t n;
    uint32_t line; /* of the ACL, or NO_SECTION */
};
struct import_and {
    VEC(struct import_term) terms;
};
struct import_condition {
    VEC(struct import_and) any; /* one of them holds; none: it always does */
};
/* Reads `if …` from word `from` on; false when it is none that is understood. */
bool khap__import_condition(struct import *im, const struct import_line *line, uint32_t from,
                            struct import_condition *out);
/* The text that a regular expression without any operator matches. */
bool khap__import_plain(struct import *im, struct khap_str regex, struct khap_str *out);
void khap__import_condition_free(struct import *im, struct import_condition *condition);

/* ---- the parts ---- */

/* certs.c: certificates of bind lines, the same for all that end TLS */
bool khap__import_is_certificate(const struct import_line *line, uint32_t i);
bool khap__import_same_certificates(const struct import_line *a, const struct import_line *b);
bool khap__import_certificates(struct import *im, const struct import_line *line);
/* frontends.c: what listens, and which routes it has */
void khap__import_fronts(struct import *im);
void khap__import_routes(struct import *im);
/* ACLs of a section that no line left over names are said with the rules that did. */
void khap__import_take_acls(struct import *im, const struct import_section *s);
bool khap__import_is_forwarding(const struct import_line *line);
void khap__import_add_route(struct import *im, struct khap_str backend, const struct import_route *route);
bool khap__import_group_rule(struct import *im, const struct import_line *line, struct khap_str key,
                             uint64_t bits);

bool khap__import_same_route(const struct import_route *a, const struct import_route *b);
/* splits.c. What stands in the place of a backend: BACKEND or the name of a split, perhaps with the number of a route behind it, which the
 * route gets. NULL: nobody. */
struct import_service *khap__import_target(struct import *im, struct khap_str value, uint32_t section,
                                           struct import_route *route);
/* A rule that a split writes: a part of it, or the last one, which `value` names in place of the backend. */
enum split_rule { SPLIT_NONE, SPLIT_PART, SPLIT_LAST };
enum split_rule khap__import_split_rule(struct import *im, uint32_t at, struct khap_str *value);
void khap__import_split_map(struct import *im, uint32_t section, struct khap_str text);
/* What khapgen writes for redirectHttps. */
bool khap__import_to_https(const struct import_line *line);
/* Backends that only send to https belong to who answers there. */
void khap__import_redirects(struct import *im);
/* What the service of this backend is called in the map. */
struct khap_str khap__import_service_name(struct import *im, struct khap_str backend);
void khap__import_share(struct import *im);  /* who has a share is noted */
void khap__import_splits(struct import *im); /* keys */
/* marks.c: routes with keys of their own */
struct import_mark {
    struct khap_str service;
    uint32_t number;               /* 0: the rule is no route's own */
    const struct khap_str *others; /* routes that the rule leaves out */
    uint32_t n_others;
};
/* "web/3", "khap-split:web/3" */
bool khap__import_mark_of(struct khap_str text, struct khap_str *service, uint32_t *number);
/* What comes by default has its mark in a backend of a bundle. */
void khap__import_default_marks(struct import *im);
/* The map's order: each route with a mark has the place that its number says. */
void khap__import_order(struct import *im, struct import_service *service);
/* A rule of a backend without what it asks about routes; false: it asks for none. */
bool khap__import_peel(struct import *im, const struct import_line *line, struct import_line *plain,
                       struct import_mark *mark);
/* Whether rules of this backend say a route's keys, and where the route stands in `routes`; others repeat them. */
bool khap__import_says(struct import *im, const struct import_service *backend,
                       const struct import_mark *mark, uint32_t *index);
struct import_stated *khap__import_state(struct import *im, struct khap_str service, uint32_t mark,
                                         const char *key);
void khap__import_left_out(struct import *im, const struct import_mark *mark, const char *key);
void khap__import_stated(struct import *im);
/* tcp.c: frontends without HTTP */
void khap__import_tcp(struct import *im);
/* maps.c: routes in khapgen's map files, and in others'; the next entry of such a file */
bool khap__import_entry(struct khap_str *rest, struct khap_str *key, struct khap_str *value);
bool khap__import_maps(struct import *im, uint32_t front, uint64_t bit);
bool khap__import_map_rule(struct import *im, uint32_t front, uint64_t bit, struct import_line *line);
/* backends.c. The place of a route, none of `hosts`, in the map's list of routes. */
uint32_t khap__import_place(const struct import *im, const struct import_service *service, uint32_t route);
void khap__import_backends(struct import *im);
/* servers.c: false when the backend has to stay as it is */
bool khap__import_servers(struct import *im, struct import_service *service);
void khap__import_nodes(struct import *im);
/* policies.c: one line of a backend */
bool khap__import_policy(struct import *im, struct import_service *service, uint32_t line);
/* jwt.c: the same of a rule about tokens */
bool khap__import_jwt(struct import *im, const struct import_service *service, struct import_line *line);
/* node_check.c: servers that go by the checks of khap-nodes */
void khap__import_node_check(struct import *im);
/* log.c: where to, in which format, with which headers; false: nowhere */
bool khap__import_log(struct import *im);
/* global.c: process, log, defaults, statistics … */
void khap__import_global(struct import *im);
/* raw.c: what nobody took */
void khap__import_keep(struct import *im, const struct config *made);
void khap__import_keep_sections(struct import *im);
/* compare.c: generates, finds what is the same, and asks both. False: a section was marked raw, and all is to be done again. */
bool khap__import_compare(struct import *im);

struct import_service *khap__import_service(struct import *im, struct khap_str backend);
uint32_t khap__import_find(const struct config *config, struct khap_str kind, struct khap_str name);

#endif
