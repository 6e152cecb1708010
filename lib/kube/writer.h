/* kube/writer.h - the state of a writer. SPDX-License-Identifier: MIT */
#ifndef KUBE_WRITER_H
#define KUBE_WRITER_H

#include "kube/dom.h"
#include "kube/mirror.h"

/* ---- patch.c: what has to change in an object so that it says what is wanted */

enum patch_of {
    PATCH_NOTHING,
    PATCH_OBJECT, /* its finalizers */
    PATCH_STATUS  /* its status */
};
/*
 * A merge patch, which holds only for the version of the object that was looked at. `unix_ms`: what changes now has changed now. `told`: its status is as
 * the server takes it.
 */
enum patch_of khap__patch(struct memory *m, const struct dom *object, const struct dom *wanted, bool told,
                          int64_t unix_ms, struct text *out);
/* "2026-01-31T00:00:00Z", with microseconds where `fine`. */
void khap__add_time(struct text *t, int64_t unix_ms, bool fine);

/* ---- lease.c: who of several writes */

struct lease {
    struct khap_alloc alloc;
    struct text identity, ns, name;
    struct text version;  /* of the one that was seen last; empty when there is none */
    struct text holder;   /* who has it */
    int64_t changed_at;   /* when it was seen to change */
    int64_t asked_at;     /* when what is on its way was sent: it is ours from then on */
    int64_t renewed_at;   /* ours until LEASE_SURE_MS behind it */
    int64_t at;           /* when it is looked at next */
    uint32_t transitions; /* how often it went to another one */
    bool exists, mine, fetched;
};
enum { LEASE_S = 15, LEASE_SURE_MS = 10000, LEASE_EVERY_MS = 4000 };

/* What is asked next: a method, or NULL for nothing before `at`. The target and body are added. */
const char *khap__lease_ask(struct lease *l, int64_t now, int64_t unix_ms, struct text *target,
                            struct text *body);
void khap__lease_answer(struct lease *l, int64_t now, uint32_t http, struct khap_str body, uint32_t random);
static inline bool khap__lease_is_ours(const struct lease *l, int64_t now)
{
    return l->mine && now < l->renewed_at + LEASE_SURE_MS;
}

/* ---- writer.c */

enum item_does { ITEM_RESTS, ITEM_GETS, ITEM_PATCHES, ITEM_POSTS };

/* A status, or, with a reason, an event. */
struct item {
    const struct followed *kind;
    struct khap_str ns, name, reason, message;
    struct text version; /* "v1", "networking.k8s.io/v1" */
    struct text wanted;  /* of a status: JSON; of an event: its type */
    struct text body;    /* what is to be sent */
    enum item_does does;
    enum patch_of patches;
    uint32_t mark, failures;
    uint32_t patched; /* how often in a row */
    int64_t at;       /* when it goes on */
    bool leaves;      /* nobody wants it any more: forgotten once it is done */
    struct text mem;  /* of the texts above */
};

struct khap_writer {
    struct khap_alloc alloc;
    struct text controller, target, body;
    struct lease lease;
    struct item **items; /* by kind, namespace, name, reason, message */
    size_t n, cap, cursor;
    struct item *busy_item;
    uint32_t mark[2]; /* of statuses, of events */
    uint32_t writes, conflicts, failures, refused;
    struct text message; /* what was said last of what went wrong */
    uint32_t http;
    bool busy, busy_lease, renew;
    int64_t dead_at;
};

#endif
