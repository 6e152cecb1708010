/* gen/gen.h - what the parts of the generator share. SPDX-License-Identifier: MIT */
#ifndef GEN_GEN_H
#define GEN_GEN_H

#include "base/vec.h"
#include "cfg/document.h"
#include "gen/raw.h"
#include "model/model.h"
#include <khap/gen.h>

/* Releases where something changed that the generator writes in two ways. */
#define R(major, minor) KHAP_RELEASE(major, minor)

/* How a request finds its service: by rules, or by look-ups in map files. */
enum routing { ROUTING_HDR_REG /* 1.5: no variables */, ROUTING_RULES, ROUTING_MAPS };

/* The words of a node that are the same in all its servers with this id. */
struct node_text {
    struct khap_str name, address, weight;
    uint32_t id; /* 0: not made yet */
};

struct into;

/* The routes of a service that have keys of their own, each as a service of what those say. */
struct own_keys {
    struct service *routes;
    uint32_t n;
    uint32_t acls; /* a bit for each set of keys whose ACL stands already */
};

struct gen {
    struct resolved r;
    struct into *into; /* NULL: the whole configuration is ours */
    const struct khap_generate_options *options;
    struct khap_diags *diags;
    struct khap_alloc alloc;
    struct khap_bundle *bundle;
    struct khap_document *doc;
    struct khap_document *tail; /* what stands behind everything else: profile.c; NULL: nothing does */
    struct map profiles;        /* the names of those that are written */
    struct arena arena;         /* lives as long as the generation */
    struct arena scratch;       /* reset for each service */
    struct buf text;            /* for words made of parts; whoever uses it clears it */
    struct raw global, defaults;
    struct node_text *node_texts; /* as many as nodes; backend.c */
    struct map cert_hosts; /* names in `hosts` of the certificates, wildcards with their "*.", -> 1 + index of
                              the cert */
    struct map passed_hosts;  /* hosts passed through, as route keys */
    struct khap_str tls_link; /* abns name between the TCP frontend and the TLS one; empty: no passthrough */
    uint8_t routing;
    /* whom the rules that are written are for (route_keys.c): one route; all but those with any of these keys */
    const struct route *only;
    const struct own_keys *left_out;
    uint8_t left_out_keys;
    bool secret;       /* the main file holds one */
    bool said_no_host; /* MSG_CHECK_WITHOUT_HOST: once is enough */
    bool needs_404, needs_421, needs_acme, needs_reject,
        needs_nodes;          /* helper sections that something leads to */
    enum khap_status failure; /* sticky */
};

/* Whether every release of the target is at least this one; whether every one is older. */
static inline bool gen_from(const struct gen *g, uint16_t release)
{
    return g->r.target.first >= release;
}
static inline bool gen_before(const struct gen *g, uint16_t release)
{
    return g->r.target.last < release;
}
/* "2.2" or "2.2-3.4", in the arena. */
struct khap_str khap__gen_target_text(struct gen *g);
/* Keeps the first failure. */
void khap__gen_fail(struct gen *g, enum khap_status status);
/* "# services.yaml: NAME": what asked for a section. */
void khap__gen_section_comment(struct gen *g, struct khap_place place, struct khap_str name);
/* The last component of the name of the source of a place. */
struct khap_str khap__gen_source_name(const struct gen *g, struct khap_place place);

/* Its header, with that comment before: "frontend khap-" and the name of a service, "backend " … */
void khap__gen_section(struct gen *g, struct khap_place place, const char *words, struct khap_str name);
/* Lines of one's own, NULL for none; freed with khap__raw_free(). What fails is kept. */
void khap__gen_extra(struct gen *g, struct khap_str section, const struct setting *given, struct raw *out);

/* A word that is a time: "30s". */
void khap__gen_time(struct gen *g, uint64_t us);
/* A word that is an address of the target, with the port when there is one. */
void khap__gen_address(struct gen *g, const struct address *a);
/* The same in a bind line: "[::]" takes IPv6 alone where ":80" stands too. */
void khap__gen_bind_address(struct gen *g, const struct address *a);
/* Before the first pattern of a condition: a pattern that begins with a dash (hosts may) would be a flag of
 * HAProxy's, and -f reads a file. */
void khap__gen_pattern_begins(struct gen *g, struct khap_str pattern);
/* A line of constant words. */
void khap__gen_line(struct gen *g, uint32_t indent, const char *words, struct khap_place origin);
/* Begins a line that is one of ours, unless raw lines of the section replace it; `words` are constant. The
 * caller ends it when it returns true. */
bool khap__gen_own(struct gen *g, const struct raw *raw, const char *words, struct khap_place origin);

/*
 * Conditions on where a client comes from: few networks stand in the rule, many in lines of an ACL, which
 * khap__gen_networks() writes before the rules.
 */
void khap__gen_networks(struct gen *g, struct khap_str acl, const struct network *networks, uint32_t n,
                        struct khap_place place);
void khap__gen_not_from(struct gen *g, struct khap_str acl, const struct network *networks, uint32_t n);
/* The same for networks and files of them; `negated`: who comes from elsewhere. */
void khap__gen_ranges(struct gen *g, struct khap_str acl, const struct ranges *ranges,
                      struct khap_place place);
void khap__gen_from(struct gen *g, struct khap_str acl, const struct ranges *ranges, bool negated);

/* leaving.c: servers that leave a backend, which has those of `names` by the map. */
void khap__gen_leaving(struct gen *g, struct khap_str backend, const struct khap_str *names, uint32_t n,
                       struct khap_place place);

/* profile.c: whether there are any; what all of them begin with; a backend that was written into a document of its own, which is one of them when it `may`; all
 * of them, at the end. */
bool khap__gen_profiles(const struct gen *g);
void khap__gen_profile_base(struct gen *g);
void khap__gen_profiled(struct gen *g, struct khap_document *doc, bool may);
void khap__gen_profiles_end(struct gen *g);

/* gen.c: tells what could not be written of a document. */
enum khap_status khap__gen_check_document(struct gen *g, struct khap_document *doc);

/* global.c */
void khap__gen_global(struct gen *g);
void khap__gen_defaults(struct gen *g);
/* log.c: where to, in global; the format, in defaults and in frontends of mode tcp; headers that are logged */
void khap__gen_log(struct gen *g);
void khap__gen_log_format(struct gen *g);
void khap__gen_tcp_format(struct gen *g, struct khap_place place);
void khap__gen_captures(struct gen *g);
/* tls.c: ciphers and the like in global; the certificates as arguments of a bind; crt-store
 */
void khap__gen_tls_global(struct gen *g);
void khap__gen_tls_bind(struct gen *g);
void khap__gen_crt_store(struct gen *g);
/* Whether the caller holds this certificate. */
bool khap__gen_held(const struct gen *g, struct khap_str name, struct khap_str *pem);
void khap__gen_certs_prepare(struct gen *g);
bool khap__gen_no_resumption(const struct gen *g); /* whether TLS sessions must not be resumed */
void khap__gen_certs_of_bind(struct gen *g);
/* cert_hosts.c: the names that certificates cover where they are shown, if all of them are known. */
struct cert_covering {
    struct map names; /* in small letters */
    bool unknown;
};
/* `before` and `name` are one name together. */
void khap__gen_covers(struct gen *g, struct cert_covering *covering, struct khap_str before,
                      struct khap_str name);
/* Hosts that are served with TLS, and no certificate covers them: told once. */
void khap__gen_uncovered(struct gen *g, const struct cert_covering *covering);
/* cert_options.c: the first key of a certificate that only a line of a crt-list can say, clientCa not among them; NULL: it has none. */
const struct setting *khap__gen_cert_option(const struct gen *g, const struct cert *c);
/* Its options in such a line, in brackets. */
void khap__gen_cert_options(const struct gen *g, struct buf *out, const struct cert *c);
/* cert_warnings.c: what reading the certificates tells */
void khap__gen_cert_warnings(struct gen *g);
/* frontend.c */
void khap__gen_frontends(struct gen *g);
void khap__gen_stats(struct gen *g);
/* secure.c: hosts that `hosts` of a certificate name, and the redirect of what came without TLS */
void khap__gen_secure_hosts(struct gen *g, const struct frontend *f);
/* The words of a rule as far as its condition; it leads to the first of these frontends (bits) that ends TLS. */
void khap__gen_redirect(struct gen *g, uint64_t frontends);
/* The rules of a backend; `always` also for hosts that no certificate names. */
void khap__gen_redirect_lines(struct gen *g, struct khap_place place, bool always, uint64_t frontends);
/* Whether `hosts` of a certificate cover the host of a route. */
bool khap__gen_secure_route(const struct gen *g, const struct route *route);
/* Whether the names of certificates are files. */
bool khap__gen_secure_files(const struct gen *g);
/* mtls.c: hosts that need a client certificate are not reached through another connection */
void khap__gen_client_auth(struct gen *g, const struct frontend *f);
/* passthrough.c */
void khap__gen_passthrough(struct gen *g);
/* backend.c */
void khap__gen_backends(struct gen *g);
void khap__gen_helpers(struct gen *g);
void khap__gen_sections(struct gen *g);
/* balance.c */
void khap__gen_balance(struct gen *g, const struct service *s, const struct raw *extra);
/* backend_rules.c: what a backend does to requests and responses */
void khap__gen_backend_rules(struct gen *g, const struct service *s, const struct raw *extra);
/* route_keys.c. In the scratch arena; false when there is no memory, which is kept. */
bool khap__own_keys_find(struct gen *g, const struct service *s, struct own_keys *out);
/* Rules for each route with any of these keys and none of the others; and then the service's for all routes with none of both. */
void khap__own_keys_routes(struct gen *g, const struct own_keys *own, uint8_t keys, uint8_t hidden_by,
                           void (*write)(struct gen *g, const struct service *s));
void khap__own_keys_each(struct gen *g, const struct service *s, struct own_keys *own, uint8_t keys,
                         uint8_t hidden_by, void (*write)(struct gen *g, const struct service *s));
/* From here on rules are for routes with none of these keys; and for all again. */
void khap__own_keys_rest(struct gen *g, struct own_keys *own, uint8_t keys);
void khap__own_keys_end(struct gen *g);
/* At the end of each such rule: that it is for them. `begun`: the rule has an `if` already. */
void khap__gen_when(struct gen *g, bool begun);
void khap__gen_default_mark(struct gen *g, const struct own_keys *own);
/* fixed.c: the rules of a backend that answers itself */
void khap__gen_fixed(struct gen *g, const struct service *s, struct own_keys *own);
/* limits.c: the ACLs of a backend, its rules, and the section of the tables in which is counted */
void khap__gen_limit_networks(struct gen *g, const struct service *s);
void khap__gen_limits(struct gen *g, const struct service *s);
void khap__gen_limit_tables(struct gen *g);
/* access.c: names and passwords, and what the servers are told about certificates */
void khap__gen_basic_auth(struct gen *g, const struct service *s);
void khap__gen_client_cert(struct gen *g, const struct service *s);
void khap__gen_userlists(struct gen *g);
/* A rule that takes a header out of requests, - and _ for each other: some servers do not tell them apart. */
void khap__gen_forget_header(struct gen *g, struct khap_str name, struct khap_place place);
/* jwt.c: tokens, and what the servers are told of them */
void khap__gen_jwt(struct gen *g, const struct service *s);
/* answers.c: settings of a backend, and rules for requests and for answers */
void khap__gen_answer_settings(struct gen *g, const struct service *s);
void khap__gen_maintenance(struct gen *g, const struct service *s);
void khap__gen_maintenance_map(struct gen *g);
void khap__gen_preflight(struct gen *g, const struct service *s);
void khap__gen_cors(struct gen *g, const struct service *s);
/* frame.c: what the defaults section says where it is ours; nothing then. extra may be NULL, s too */
void khap__gen_frontend_frame(struct gen *g, bool tcp, const struct raw *extra, struct khap_place place);
void khap__gen_backend_frame(struct gen *g, bool tcp, const struct service *s, const struct raw *extra,
                             struct khap_place place);
/* inherited.c: lines and words of default-server that take back what the defaults say */
void khap__gen_taken_back(struct gen *g, bool frontend, bool tcp, const struct service *s,
                          struct khap_place place);
void khap__gen_default_server(struct gen *g, const struct service *s); /* s may be NULL */
void khap__gen_tcplog(struct gen *g, struct khap_place place);
void khap__gen_forwardfor(struct gen *g, struct khap_place place);
/* check.c */
void khap__gen_check(struct gen *g, const struct service *s);
/* `node`: NULL for a server that is none */
void khap__gen_server_check(struct gen *g, const struct service *s, const struct node *node);
void khap__gen_node_checks(struct gen *g); /* the section that others track */

#endif
