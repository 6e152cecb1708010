/* kube/mirror.h - objects of a cluster as JSON of the fields that matter. SPDX-License-Identifier: MIT */
#ifndef KUBE_MIRROR_H
#define KUBE_MIRROR_H

#include "kube/json.h"
#include <khap/cluster.h>

/* ---- kinds.c */

/* A kind that is followed. */
struct followed {
    struct khap_str kind, group, plural;
    struct khap_str versions; /* the one to be tried first stands first */
    struct khap_str keep; /* the fields that matter; all below each, too; `*` at the end: all that begin so */
    struct khap_str refs; /* where Secrets are named: a mapping, or a list of them … */
    struct khap_str refs_key; /* … with their name in this key, and `namespace` beside it */
    struct khap_str part;     /* of what is followed: "services" … */
    bool namespaced, by_name; /* by_name: got one by one, never listed */
};
const struct followed *khap__kube_followed(size_t i);
/* By "Service"; NULL for others. */
const struct followed *khap__kube_followed_kind(struct khap_str kind);

/* ---- decode.c: from the bytes of an answer to objects */

enum { LONGEST_VERSION = 512, LONGEST_CONTINUE = 8192, LONGEST_SAID = 256, CAUGHT_ROOM = 16 };

struct caught;
enum decode_as {
    AS_LIST,  /* a List, or one Status */
    AS_WATCH, /* events, one behind the other */
    AS_ONE    /* objects, one behind the other */
};

struct found {
    const struct followed *kind;
    struct khap_str type; /* of a watch: ADDED … */
    struct khap_str ns, name, version, text;
    struct khap_str refs; /* "NAMESPACE/NAME\n" of each Secret that it names */
    bool initial_end, too_large;
    uint32_t code, retry_s; /* of a Status */
    struct khap_str message;
};

struct decode {
    struct json json;
    enum decode_as as;
    const struct followed *kind, *only;
    struct khap_str api_version;
    bool (*told)(void *ctx, const struct found *found);
    void *ctx;
    size_t largest;   /* bytes of one object */
    uint32_t content; /* how deep the fields of an object are */
    bool inside, dropped, whole, has_object;
    uint32_t kept_at, dropped_at, fate, base;
    struct text path, key, out, refs;
    uint32_t path_len[JSON_DEPTH + 2];
    size_t mark[JSON_DEPTH + 2];
    uint64_t some; /* a bit for each depth: something stands there */
    struct text caught[CAUGHT_ROOM];
    const struct caught *place; /* of the key before */
    bool too_large;
};

void khap__decode_init(struct decode *d, const struct khap_alloc *alloc, size_t largest,
                       bool (*told)(void *ctx, const struct found *found), void *ctx);
void khap__decode_free(struct decode *d);
/* For a new answer. `kind`: of all objects in it; NULL: each says its own. */
void khap__decode_start(struct decode *d, enum decode_as as, const struct followed *kind,
                        struct khap_str api_version);
bool khap__decode_take(struct decode *d, struct khap_str bytes);
/* The whole of a list, or of a Status, has come. */
bool khap__decode_whole(const struct decode *d);
/* What stands in the list itself: its version, where it goes on; and what a Status says. */
struct khap_str khap__decode_version(const struct decode *d);
struct khap_str khap__decode_continue(const struct decode *d);
struct khap_str khap__decode_message(const struct decode *d);
uint32_t khap__decode_code(const struct decode *d);
uint32_t khap__decode_retry_s(const struct decode *d);
bool khap__decode_failed(const struct decode *d);

/* ---- mirror.c */

struct mirrored {
    const struct followed *kind;
    struct khap_str ns, name, text, refs;
    uint32_t mark;
    uint64_t stale; /* of a Secret: the change of names that names it anew: it is got again; 0: it was */
    struct mirrored *next;
    size_t size;
};

struct khap_mirror {
    struct khap_alloc alloc;
    struct mirrored **buckets;
    size_t n_buckets, count, bytes, most_bytes, refused;
    uint64_t changes, ref_changes; /* ref_changes: of names of Secrets */
};

enum khap_status khap__mirror_put(struct khap_mirror *m, const struct found *f, uint32_t mark);
void khap__mirror_remove(struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                         struct khap_str name);
/* It was got, by a request that began at this number of changes of names. */
void khap__mirror_got(struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                      struct khap_str name, uint64_t ref_changes);
bool khap__mirror_has(const struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                      struct khap_str name);
void khap__mirror_mark(struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                       struct khap_str name, uint32_t mark);
/* Takes out those of a kind, and of a namespace if one is named, that have another mark. */
void khap__mirror_sweep(struct khap_mirror *m, const struct followed *kind, struct khap_str ns,
                        uint32_t mark);
/* The next Secret that an object names, in the order of namespace and name; false behind the last. They live as long as that object. */
bool khap__mirror_next_ref(const struct khap_mirror *m, struct khap_str after_ns, struct khap_str after_name,
                           struct khap_str *ns, struct khap_str *name);

#endif
