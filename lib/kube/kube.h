/* kube/kube.h - the store, and what is kept of each object. SPDX-License-Identifier: MIT */
#ifndef KUBE_KUBE_H
#define KUBE_KUBE_H

#include <khap/kube.h>
#include <stdbool.h>
#include <string.h>

#define S(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})

/* ---- memory.c: memory that is freed all at once, and texts that grow */

struct piece;
struct memory {
    struct khap_alloc alloc;
    struct piece *pieces; /* newest first */
    bool failed;
};
void khap__kube_memory_init(struct memory *m, const struct khap_alloc *alloc);
void khap__kube_memory_free(struct memory *m);
/* Zeroed; NULL when there is none, which is remembered. */
void *khap__kube_take(struct memory *m, size_t n, size_t size);
struct khap_str khap__kube_copy(struct memory *m, struct khap_str text);

struct text {
    struct khap_alloc alloc;
    char *ptr;
    size_t len, cap;
    bool failed;
};
void khap__kube_text_init(struct text *t, const struct khap_alloc *alloc);
void khap__kube_text_free(struct text *t);
void khap__kube_add(struct text *t, struct khap_str piece);
void khap__kube_add_number(struct text *t, uint64_t n);
/* A scalar of YAML in double quotes: whatever it holds, it is read back as this one text. */
void khap__kube_add_quoted(struct text *t, struct khap_str value);
static inline struct khap_str khap__kube_text(const struct text *t)
{
    return (struct khap_str){t->ptr ? t->ptr : "", t->len};
}

/* ---- names.c */

bool khap__kube_same(struct khap_str a, struct khap_str b);
int khap__kube_compare(struct khap_str a, struct khap_str b);
/* A name as Kubernetes allows it: letters, digits, `-` and `.`, at most 253 of them. */
bool khap__kube_is_name(struct khap_str s);
static inline char khap__kube_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}
/* What the name of a header is made of. */
bool khap__kube_is_token(struct khap_str s);
bool khap__kube_begins(struct khap_str s, struct khap_str beginning);
struct khap_str khap__kube_rest(struct khap_str s, size_t from);
/* The next item of a list with commas, without the blanks around it; false behind the last. */
bool khap__kube_item(struct khap_str *list, struct khap_str *item);
/* Digits that make a number from `low` to `high`. */
bool khap__kube_number(struct khap_str s, uint32_t low, uint32_t high, uint32_t *out);
bool khap__kube_is_ipv6(struct khap_str address);
/* Nothing but what addresses are made of. */
bool khap__kube_is_address(struct khap_str s);
/* How many letters differ; SIZE_MAX for more than two. */
size_t khap__kube_distance(struct khap_str a, struct khap_str b);

/* ---- objects */

enum kind {
    KIND_SERVICE,
    KIND_NODE,
    KIND_SLICE,
    KIND_INGRESS,
    KIND_INGRESS_CLASS,
    KIND_SECRET,
    KIND_NAMESPACE,
    KIND_GATEWAY_CLASS,
    KIND_GATEWAY,
    KIND_HTTP_ROUTE,
    KIND_GRPC_ROUTE,
    KIND_TLS_ROUTE,
    KIND_TCP_ROUTE,
    KIND_GRANT,
    KINDS
};

struct value { /* a text and where it stands */
    struct khap_str text;
    struct khap_place place;
};
struct pair {
    struct value name, value;
    struct pair *next;
};
struct texts {
    struct value value;
    struct texts *next;
};

struct tree { /* a field with what is below it */
    struct khap_str name, text;
    struct khap_place place;
    struct tree *child, *next;
};

struct port {
    struct khap_str name, protocol, app_protocol;
    uint32_t port, node_port;
    struct khap_place place;
    struct port *next;
};
struct service {
    struct khap_str type, load_balancer_class, load_balancer_ip, status_ip;
    struct port *ports;
    struct texts *source_ranges;
    uint32_t health_port;
    bool local, client_ip, ipv6, has_ranges;
    bool held; /* it has our finalizer */
};
struct node {
    struct pair *addresses; /* type: address */
    struct pair *labels;
    bool cordoned, out_of_service, leaving;
};
struct endpoint {
    struct khap_str node;
    bool ready, serving;
    struct endpoint *next;
};
struct slice {
    struct khap_str service;
    struct endpoint *endpoints;
};
struct ingress_path {
    struct value host, path, type;
    struct khap_str service, port_name;
    uint32_t port_number;
    struct khap_place place;
    struct ingress_path *next;
};
struct ingress_tls {
    struct value secret;
    struct texts *hosts; /* none: those of the rules */
    struct ingress_tls *next;
};
struct secret {
    struct khap_str pem; /* certificate and key; empty when it is none for TLS */
};
struct ingress {
    struct value class_name;
    struct ingress_path *paths; /* the default backend is one without host and path */
    struct ingress_tls *tls;
};
struct ingress_class {
    struct khap_str controller;
    bool is_default;
};

struct object {
    enum kind kind;
    struct khap_str ns, name, created;
    struct khap_str generation;   /* of a kind of the Gateway API; empty when it does not say */
    struct khap_place place;      /* of its name */
    struct pair *annotations;     /* those that may concern us */
    bool leaving;                 /* it has a deletionTimestamp */
    struct khap_place whole;      /* all of it */
    uint64_t sum;                 /* of its text: equal for what did not change */
    bool out;                     /* it does not count: it is at fault; nothing was read but its name */
    const struct object *instead; /* its last valid version, of another store, or NULL */
    union {
        struct service service;
        struct node node;
        struct slice slice;
        struct ingress ingress;
        struct ingress_class ingress_class;
        struct pair *labels; /* of a Namespace */
        struct tree *spec;   /* of a kind of the Gateway API */
        struct secret secret;
    } as;
    struct memory memory; /* all of the above, and the object itself */
    struct object *next;  /* of its bucket */
};

struct khap_kube {
    struct khap_alloc alloc;
    struct object **buckets;
    size_t n_buckets, count;
    struct khap_kube_faults *faults; /* borrowed, or NULL */
    const struct khap_kube *last;    /* where last valid versions are; borrowed, or NULL */
};

/* ---- store.c */

struct object *khap__kube_object_new(const struct khap_alloc *alloc);
void khap__kube_object_free(struct object *o);
const struct object *khap__kube_find(const struct khap_kube *kube, enum kind kind, struct khap_str ns,
                                     struct khap_str name);
/* Takes the object, which is freed when there is no memory; *old is the one that it replaces, for the caller to free, or NULL. */
enum khap_status khap__kube_put(struct khap_kube *kube, struct object *o, struct object **old);
/* What counts of an object: itself, its last valid version, or nothing. */
static inline const struct object *khap__kube_shown(const struct object *o)
{
    return o && o->out ? o->instead : o;
}
/* Less than 0 when the first is older. Who has no time of creation is not in the cluster yet, and comes behind all that are. */
int khap__kube_earlier(const struct object *a, const struct object *b);
void khap__kube_sort(void *all, size_t n, size_t size, int (*compare)(const void *, const void *));
/* All objects of a kind by namespace and name, in memory of `m`. */
const struct object **khap__kube_sorted(const struct khap_kube *kube, enum kind kind, struct memory *m,
                                        size_t *n);
/* "Service"; and back: KINDS for one that says nothing here. */
struct khap_str khap__kube_kind_name(enum kind kind);
enum kind khap__kube_kind(struct khap_str name);
/* Whether objects of the kind stand in a namespace, and whether it is the kind of this apiVersion: others have kinds of the same name. */
bool khap__kube_has_namespace(enum kind kind);
bool khap__kube_is_version(enum kind kind, struct khap_str version);

/* ---- aliases.c */

/* An annotation of another controller. */
bool khap__kube_is_others(struct khap_str name);
/* It means nothing here; it means a key, with a value; the key has no such value. */
enum alias { ALIAS_NONE, ALIAS_GOOD, ALIAS_OTHER };
enum alias khap__kube_alias(const struct object *o, const struct pair *pair, struct khap_str *key,
                            struct khap_str *value);

/* ---- blame.c */

bool khap__kube_is_at_fault(const struct khap_kube *kube, enum kind kind, struct khap_str ns,
                            struct khap_str name);
/* The object does not count; its last valid version does, where there is one. */
void khap__kube_replace(struct khap_kube *kube, struct object *o);

/* ---- objects.c: from YAML to an object */

struct reading {
    struct khap_kube *kube;
    struct khap_diags *diags;
    struct khap_yaml *yaml;
    uint32_t source;
    bool any;     /* an object of Kubernetes was found */
    bool foreign; /* and something else */
    bool bad;
    struct khap_place foreign_place;
};
/* Reads what its kind has. False when something is wrong, which was told. */
bool khap__kube_read_object(struct reading *r, struct object *o, const struct khap_yaml_node *root);

/* ---- tree.c */

/* NULL for nothing. */
struct tree *khap__kube_tree(struct reading *r, struct object *o, const struct khap_yaml_node *node);
/* A member, the first item of a member that is a list, the text of a member; nothing has none. */
const struct tree *khap__kube_member(const struct tree *t, const char *name);
const struct tree *khap__kube_first(const struct tree *t, const char *name);
struct khap_str khap__kube_word(const struct tree *t, const char *name, struct khap_str otherwise);
bool khap__kube_is(const struct tree *t, const char *name, struct khap_str word);
uint32_t khap__kube_uint(const struct tree *t, const char *name, uint32_t otherwise);

/* ---- secrets.c */

/* Bytes in base64, with blanks and line ends between them, added to a text. False when it is none. */
bool khap__kube_add_base64(struct text *out, struct khap_str base64);
/* The name of a Secret's file in a bundle. */
void khap__kube_add_file_name(struct text *out, struct khap_str ns, struct khap_str name);

/* ---- say.c */

/* "Service shop/web" */
struct khap_str khap__kube_whose(struct memory *m, const struct object *o);
void khap__kube_say(struct khap_diags *diags, const char *code, struct khap_place place, struct khap_str a,
                    struct khap_str b, struct khap_str c);

/* A text read by itself, apart from the caller's sources and diagnostics. */
struct lone {
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_yaml *yaml;
};
/* khap__kube_lone_close() in any case. */
enum khap_status khap__kube_lone_open(const struct khap_kube *kube, struct khap_str text, struct lone *l);
void khap__kube_lone_close(struct lone *l);

#endif
