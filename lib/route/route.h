/* route/route.h - a configuration made ready for questions, and one question. SPDX-License-Identifier: MIT */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "value/address.h"
#include "value/regex.h"
#include "value/tree.h"
#include "view/view.h"
#include <khap/route.h>

struct asking;
struct call;

/* ---- samples */

enum sample_state { SAMPLE_ABSENT, SAMPLE_KNOWN, SAMPLE_UNKNOWN };
/* Bits of the reasons of a question: what something unknown depends on. */
typedef uint64_t reasons;

struct sample {
    uint8_t state; /* enum sample_state */
    uint8_t type;  /* enum schema_sample: BOOL, SINT, IPV4, IPV6, STR, BIN or METH */
    uint8_t ip[16];
    int64_t number;       /* of BOOL and SINT; of a user's name the section of its userlist */
    struct khap_str text; /* of UNKNOWN: what it begins with, as far as that is known */
    const struct patterns
        *among;  /* of UNKNOWN: what this map says of a key that begins with `text`; NULL: anything */
    reasons why; /* of UNKNOWN */
};
/* A fetch that an ACL asks gives each of several values; `at` counts them, `more` says that there may be another one. */
struct fetching {
    bool all;
    uint32_t at;
    bool more;
};
typedef void (*fetch_function)(struct asking *a, const struct call *call, struct fetching *f,
                               struct sample *out);
typedef void (*convert_function)(struct asking *a, const struct call *call, struct sample *sample);

/* ---- what lines were read to */

struct call {
    const struct schema_row *row; /* NULL: no such fetch or converter */
    fetch_function fetch;         /* NULL with `convert`: it is not evaluated */
    convert_function convert;
    struct khap_str name, text; /* text: as it is written, for reasons */
    struct khap_str *arguments;
    uint32_t n;
    const struct patterns *map; /* map_* */
    const struct regex *regex;  /* regsub */
    struct khap_place place;    /* of the line that it stands in */
};
struct expression {
    struct call *calls; /* the fetch, then converters */
    uint32_t n;
};
/* A log format: texts, and expressions between them. */
struct format_part {
    struct khap_str text; /* without `expression`: as it is; with `alias`: its name */
    const struct expression *expression;
    bool alias, plain; /* plain: options say how it is written */
    struct khap_place place;
};
struct format {
    struct format_part *parts;
    uint32_t n;
};

enum match_method {
    MATCH_NONE, /* not evaluated */
    MATCH_FOUND,
    MATCH_BOOL,
    MATCH_INT,
    MATCH_IP,
    MATCH_LEN,
    MATCH_STR,
    MATCH_BEG,
    MATCH_SUB,
    MATCH_DIR,
    MATCH_DOM,
    MATCH_END,
    MATCH_REG,
    MATCH_BIN,
    MATCH_METH,
    MATCH_AUTH
};
/* What is compared with: an ACL's, or the keys of a map. */
struct pattern {
    struct khap_str text;       /* lower case with `nocase` */
    struct khap_str key, value; /* of a map */
    int64_t from, to;           /* of numbers */
    struct network network;
    struct regex *regex;
    struct khap_str
        literal; /* what a text that the regex matches holds; lower case with `nocase`; empty: not known */
};
struct patterns {
    uint8_t method; /* enum match_method */
    bool nocase;
    bool unknown;    /* not all of them could be read */
    bool empty_word; /* one consists of delimiters only, where words are looked for */
    VEC(struct pattern) all;
    struct map exact; /* of texts that are compared in a way that is indexed: key -> the first */
    uint32_t longest; /* of the texts */
};
struct acl {
    struct expression expression;
    struct patterns patterns;
    struct khap_place place;
    uint32_t next; /* the next line with the same name in the same section, plus 1 */
    bool unknown;  /* the line may not be read, or cannot be */
};
/* Terms in rows, each of which ends with one that says so; of one row all must hold. */
struct term {
    bool negated, ends;
    bool known;       /* `constant` says it */
    uint8_t constant; /* enum khap_answer */
    struct acl *anonymous;
    struct khap_str name; /* of an ACL */
    uint32_t first;       /* of the lines with that name, plus 1 */
};
struct condition {
    bool unless;
    struct khap_place place;
    uint32_t section;
    struct term *terms;
    uint32_t n;
    struct condition *next;
};

enum rule_set {
    RULES_CONNECTION,
    RULES_SESSION,
    RULES_CONTENT,
    RULES_HTTP,
    RULES_REDIRECT,
    RULES_SWITCH,
    RULES_SERVER,
    RULE_SETS
};
struct rule_argument {
    uint8_t type; /* enum schema_type */
    struct khap_str text;
    struct khap_str option; /* the word of the option that it belongs to; empty: none */
    const struct expression *expression;
    const struct format *format;
};
struct rule;
/* What a rule does, when its condition holds. True: nothing behind it in the set is reached. */
typedef bool (*rule_function)(struct asking *a, const struct rule *rule);
struct rule {
    const struct khap_line *line;
    struct khap_place place;
    struct khap_str inner; /* what stands in the parentheses of the action */
    rule_function run;     /* NULL: it is not evaluated */
    struct rule_argument *arguments;
    uint32_t n;
    const struct condition *condition; /* NULL: none */
    bool unclear;                      /* a variable stands in it, or a condition that is none */
    struct khap_str words;             /* the action's words */
    const struct khap_value_word *all; /* the words of the line before its condition */
    uint32_t n_all;
    struct khap_str *options; /* the words of a vocabulary among the arguments */
    uint32_t n_options;
    const struct regex *regex;
    uint8_t read; /* enum khap_answer */
};
struct server {
    struct khap_str name, address, cookie;
    bool backup, disabled;
    bool local, send_proxy;  /* local: it may lead to a listener of this configuration */
    bool special;            /* what it says of the connection is not evaluated: TLS, a source */
    struct address parsed;   /* of `local` */
    struct khap_place place; /* of its address */
    const struct khap_line *line;
    struct khap_place line_place;
};
struct listener {
    struct address address;
    struct khap_str text;
    const struct khap_line *line;
    struct khap_place place;
    bool tls, accept_proxy;
    bool special; /* speaks what is not evaluated */
    uint8_t read;
};
struct run_entry {
    uint32_t rule, next; /* next: with the same text, plus 1 */
    uint32_t last;       /* of the first one */
};
/* Rules in a row of which those that do not hold are told by a text. */
struct rule_run {
    uint32_t first, end;
    const struct expression *expression;
    uint8_t method; /* enum match_method */
    bool nocase;
    uint32_t longest;   /* of the texts */
    uint64_t lengths;   /* of the texts that are looked for anywhere: a bit each */
    struct map by_text; /* the first of `entries` */
    VEC(struct run_entry) entries;
};
/* `option forwardfor`, `option originalto` */
struct added_field {
    bool there, if_none, has_except;
    struct network except;
    struct khap_str name; /* empty: the usual one */
};
enum restrict_names { NAMES_ANY, NAMES_DELETE, NAMES_REJECT };
struct proxy {
    struct khap_str name;
    bool is_proxy, frontend, backend; /* a listen is both */
    bool disabled, enabled;
    bool special; /* what is said of connections to servers is not evaluated */
    bool unclear; /* a setting may not be read, or holds a variable: at `unclear_place` */
    struct khap_place unclear_place;
    uint8_t mode; /* enum proxy_mode */
    const struct khap_line *default_backend_line;
    struct khap_place default_backend_place;
    struct khap_str default_backend, monitor_uri, cookie, stats_uri;
    struct khap_place stats_place;
    struct added_field forwardfor, originalto;
    uint8_t restrict_names; /* enum restrict_names */
    bool restricts;         /* it says so itself */
    struct khap_place restrict_place;
    bool lax; /* takes requests that are none */
    VEC(struct rule) rules[RULE_SETS];
    VEC(struct rule_run) runs[RULE_SETS];
    VEC(struct server) servers;
    VEC(struct listener) listeners;
};
enum proxy_mode { MODE_UNSET, MODE_TCP, MODE_HTTP, MODE_OTHER };

/* A user of a userlist, or a group. */
struct user {
    uint32_t section;
    bool group, hashed; /* hashed: `password`, not `insecure-password` */
    bool unclear;       /* the line may not be read, or holds a variable */
    struct khap_str name, password;
    struct khap_str others; /* the user's groups, the group's users */
};

struct khap_route {
    struct khap_alloc alloc;
    uint16_t release;
    struct khap_view *view;
    struct khap_bundle *bundle;
    const struct khap_file_source *files;
    struct arena arena;
    VEC(struct proxy) proxies; /* by section */
    VEC(uint32_t) listening;   /* the sections of those that clients can come in at */
    VEC(struct acl) acls;      /* of acl lines */
    VEC(struct user) users;    /* of userlists */
    enum khap_status (*crypt)(void *ctx, struct khap_str password, struct khap_str hash, uint32_t *same);
    void *crypt_ctx;
    enum khap_status (*digest)(void *ctx, struct khap_str name, struct khap_str text, unsigned char *out,
                               uint32_t *len, uint32_t *block);
    void *digest_ctx;
    struct map acl_names;        /* section and name -> the last of `acls` so far */
    struct khap_str unix_prefix; /* of the paths that are listened on */
    bool unclear_listener;       /* one whose address is not known */
    struct khap_place unclear_place;
    struct condition *conditions;
    struct acl_node {
        struct acl acl;
        struct acl_node *next;
    } * anonymous; /* between braces */
    struct pattern_map {
        struct patterns patterns;
        struct pattern_map *next;
        struct khap_str path;
    } * maps;
    struct regex_node {
        struct regex *regex;
        struct regex_node *next;
    } * regexes;
};

#endif
