/* route/ask.h - one question: what is known of the request, and what has become of it so far. SPDX-License-Identifier: MIT */
#ifndef ROUTE_ASK_H
#define ROUTE_ASK_H

#include "route/route.h"
#include "value/host.h"

struct field {
    struct khap_str name;
    struct sample value;
};
struct variable {
    struct khap_str name;
    struct sample value;
};
struct step {
    const struct khap_line *line;
    struct khap_place place;
    uint8_t held;        /* enum khap_answer */
    struct khap_str why; /* of a rule that was not carried out */
};
/* What a running HAProxy keeps of a request, as far as it is known. */
struct state {
    struct sample method, target, source, destination, source_port, destination_port;
    struct sample peer, peer_port, peer_to,
        peer_to_port; /* of the connection, before any rule of the session */
    VEC(struct field) fields;
    reasons fields_why; /* not 0: fields may have been added, changed or removed */
    VEC(struct variable) variables;
    reasons variables_why;
    VEC(struct step) steps;
    reasons why; /* what led here depends on it */
};
struct reason {
    struct khap_str text;
    struct khap_place place;
};
enum { MOST_REASONS = 64 };

struct outcome {
    struct khap_route_outcome public;
    VEC(struct step) steps;
    VEC(struct field) fields;
    VEC(struct khap_route_server) servers;
    reasons why;
};
struct khap_route_answer {
    struct khap_alloc alloc;
    const struct khap_route *route;
    struct arena arena;
    VEC(struct outcome) outcomes;
    struct reason reasons[MOST_REASONS];
    uint32_t n_reasons;
};
struct asking {
    const struct khap_route *route;
    const struct khap_route_request *request;
    struct khap_route_answer *answer;
    struct arena *arena;
    struct state *state;
    const struct proxy *frontend, *backend;
    const struct listener *listener;
    bool http, tls;
    struct khap_str scheme, sni;  /* of the URL, and the handshake */
    const struct listener *entry; /* where the client came in */
    const struct proxy *entered;
    uint32_t hops;              /* how often it came in again, from a server of this configuration */
    bool through;               /* an HTTP proxy of this configuration waits for the answer */
    bool by_tcp;                /* it is connected by TCP */
    uint32_t version;           /* of HTTP, as in the request */
    struct sample first_method; /* as it came in */
    uint32_t port;
    bool body_known;
    uint64_t body_length;
    reasons maybe; /* not 0: the condition of the rule is unknown, because of these */
    reasons rest;  /* not 0: the rest of the set may not be reached */
    bool ended;    /* the request got no further */
    uint32_t depth;
    bool no_memory;
};

/* The bit of a reason; the same one for the same text and place. Without a place: NOWHERE. */
reasons khap__routing_because(struct asking *a, struct khap_str text, struct khap_place place);
#define NOWHERE ((struct khap_place){0, 0, 0})
struct khap_str khap__routing_keep(struct asking *a, struct khap_str text);

/* expression.c */
void khap__routing_evaluate(struct asking *a, const struct expression *e, struct fetching *f,
                            struct sample *out);
/* The sample as a text; false when it has none. */
bool khap__routing_to_text(struct asking *a, const struct sample *s, struct khap_str *text);
bool khap__routing_to_number(const struct sample *s, int64_t *n);
bool khap__routing_to_ip(const struct sample *s, struct network *ip);
/* `http`: for a message; control characters of what is fetched are written as %0A there. */
void khap__routing_format(struct asking *a, const struct format *format, bool http, struct sample *out);
static inline void khap__sample_text(struct sample *s, uint8_t type, struct khap_str text)
{
    *s = (struct sample){.state = SAMPLE_KNOWN, .type = type, .text = text};
}
static inline void khap__sample_number(struct sample *s, uint8_t type, int64_t n)
{
    *s = (struct sample){.state = SAMPLE_KNOWN, .type = type, .number = n};
}
static inline void khap__sample_unknown(struct sample *s, reasons why)
{
    *s = (struct sample){.state = SAMPLE_UNKNOWN, .why = why};
}

/*
 * candidates.c: the values that an unknown sample may have, each once; *none, that it may have none. False when nobody knows, or they are too many.
 */
struct candidates {
    VEC(struct khap_str) values;
    bool none;
};
bool khap__routing_candidates(struct asking *a, const struct sample *s, struct candidates *out);
/* acl.c: TRUE, FALSE or UNKNOWN, then with *why */
enum khap_answer khap__routing_holds(struct asking *a, const struct condition *condition, reasons *why);
/* The same of one term. */
enum khap_answer khap__routing_term(struct asking *a, const struct term *t, struct khap_place place,
                                    reasons *why);
enum khap_answer khap__routing_matches(struct asking *a, const struct patterns *patterns,
                                       const struct sample *sample, const struct pattern **which);

/* ask.c */
void khap__routing_free_state(struct asking *a, struct state *state);
/* What two ways may have in common up to here. */
void khap__routing_copy_state(struct asking *a, const struct state *from, struct state *to);
/* Whether a rule is carried out; a->maybe says whether that is unknown, and why. */
bool khap__routing_reached(struct asking *a, const struct rule *rule);
void khap__routing_through(struct asking *a, uint32_t section, const struct listener *l,
                           const struct state *request, reasons why);

/* runs.c: false when there is no memory */
bool khap__routing_find_runs(struct khap_route *route);
void khap__routing_free_runs(struct khap_route *route, struct proxy *proxy);
/* The next rule from `at` on that may hold; as many as there are rules when none does. */
uint32_t khap__routing_next_rule(struct asking *a, const struct proxy *proxy, enum rule_set set, uint32_t at);

/* explain.c: a step for a rule that is not carried out, when the request asks for them */
void khap__routing_explain(struct asking *a, const struct rule *rule);

/* message.c */
/* Whether HAProxy refuses the request; silent: it closes without a word then. */
enum khap_answer khap__routing_malformed(struct asking *a, bool *silent);
/* What becomes of such a one. True: it is answered, nothing else comes to it. */
bool khap__routing_refused(struct asking *a, enum khap_answer malformed, bool silent);
void khap__routing_new_host(struct asking *a, const struct sample *host);
bool khap__routing_restrict_names(struct asking *a, const struct proxy *proxy);
/* What HAProxy adds on its own behind all rules. */
void khap__routing_add_fields(struct asking *a, const struct proxy *backend);

/* servers.c: all that may become of a request that has got into a backend */
void khap__routing_servers(struct asking *a, const struct proxy *proxy, struct khap_place place);

/* index.c: where one text is looked for among many */
struct text_parts {
    struct khap_str text;
    uint8_t method; /* enum match_method */
    size_t at, end, longest;
    bool done;
};
/* Whether what matches a text can be found by parts of the text. */
bool khap__patterns_indexed(enum match_method method);
static inline bool khap__is_delimiter(char c, enum match_method method)
{
    return c == '/' || c == '?' || (method == MATCH_DOM && (c == '.' || c == ':'));
}
/* What a pattern is found by. */
struct khap_str khap__pattern_key(struct khap_str text, uint8_t method);
/* The parts of a text that are keys of all patterns that may match it; `longest` of the patterns. */
void khap__text_parts(struct text_parts *parts, struct khap_str text, enum match_method method,
                      size_t longest);
bool khap__text_part(struct text_parts *parts, struct khap_str *part);
struct khap_str khap__routing_lower(struct asking *a, struct khap_str text);

/* patterns.c: an address or a network; bits behind the mask do not count */
bool khap__routing_read_network(struct khap_str text, struct network *out);
bool khap__routing_in_network(const struct network *ip, const struct network *pattern);

/* fetch.c */
void khap__routing_variable(struct asking *a, struct khap_str name, struct khap_place place,
                            struct sample *out);
/* A variable from now on, or perhaps from now on, where the condition is unknown. */
void khap__routing_set_variable(struct asking *a, struct khap_str name, struct sample value);
void khap__routing_cookie(struct asking *a, struct khap_str name, struct fetching *f, struct sample *out);
/* Where a value of a list ends: at a comma outside of quotes. */
size_t khap__routing_value_end(struct khap_str s, size_t at);
/* A replacement with the groups of a match put in. */
void khap__routing_expand(struct buf *b, struct khap_str replacement,
                          const struct khap_str groups[KHAP__REGEX_GROUPS]);
/* From its first slash on: empty for `*` and the like. */
struct khap_str khap__routing_path_of(struct khap_str target);

/* users.c */
struct compiling;
void khap__routing_userlist_line(struct compiling *c);
/* Whether that is a user of the list, with that password; KHAP_UNKNOWN: it cannot be told. */
enum khap_answer khap__routing_is_user(struct asking *a, struct khap_str list, struct khap_str name,
                                       struct khap_str password, uint32_t *section);
bool khap__routing_in_group(const struct khap_route *route, uint32_t list, struct khap_str name,
                            struct khap_str group);

/* rules.c: whether the word stands in the rule, behind its action and before its condition */
bool khap__routing_has_word(const struct rule *rule, struct khap_str word);
/* The word behind `-m`; empty: there is none. */
struct khap_str khap__routing_method_word(const struct rule *rule);

/* encode.c: bytes behind what is in the buffer; false when it is none */
bool khap__routing_add_base64(struct buf *out, struct khap_str text, bool url);
void khap__routing_add_hex(struct buf *out, unsigned char c);
/* HAProxy's mixing of 32 bits. */
uint32_t khap__routing_avalanche(uint32_t n);
/* What needs no % in a URI. */
bool khap__routing_unreserved(char c);
/* convert.c: a number that an argument says, or the variable in it; false: the sample is no more known */
bool khap__routing_number_or_variable(struct asking *a, const struct call *call, uint32_t i, struct sample *s,
                                      int64_t *n);

/* answer.c */
struct outcome *khap__routing_outcome(struct asking *a, enum khap_route_kind kind, struct khap_place place);
/* It is closed without an answer. */
void khap__routing_closed(struct asking *a, struct khap_place place);
void khap__routing_step(struct asking *a, const struct khap_line *line, struct khap_place place,
                        enum khap_answer held);

/* compile */
struct compiling {
    struct khap_route *route;
    struct view_line at;
    struct khap_place place; /* of the line */
    struct view_paths paths; /* at the line */
    enum khap_status status;
};
struct expression *khap__routing_expression(struct compiling *c, const struct khap_node *node, bool acl,
                                            uint8_t *type, enum match_method *method);
bool khap__routing_acl_line(struct compiling *c, const struct khap_node *node, uint32_t section);
bool khap__routing_bind_acls(struct compiling *c);
struct khap_str khap__routing_scoped(struct arena *arena, uint32_t section, struct khap_str name);
bool khap__routing_acl(struct compiling *c, const struct khap_node *node, struct acl *out);
const struct condition *khap__routing_condition(struct compiling *c, const struct khap_node *node,
                                                uint32_t section);
const struct format *khap__routing_format_of(struct compiling *c, const struct khap_node *node);
fetch_function khap__routing_fetch(struct khap_str name);
convert_function khap__routing_convert(struct khap_str name);
/* What is still known of an unknown sample behind a converter. */
void khap__routing_convert_unknown(const struct call *call, struct sample *sample);
rule_function khap__routing_rule(struct khap_str table, struct khap_str words);
enum match_method khap__routing_method(struct khap_str name);
/* Adds a pattern behind an operator such as `ge`, or none; `unknown` is set when it cannot be read. */
void khap__patterns_add(struct compiling *c, struct patterns *p, struct khap_str text, struct khap_str op);
void khap__patterns_file(struct compiling *c, struct patterns *p, struct khap_str path, bool map);
void khap__patterns_free(const struct khap_alloc *alloc, struct patterns *p);

#endif
