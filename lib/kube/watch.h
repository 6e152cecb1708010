/* kube/watch.h - the state of a watch. SPDX-License-Identifier: MIT */
#ifndef KUBE_WATCH_H
#define KUBE_WATCH_H

#include "kube/mirror.h"

enum watch_phase {
    STREAM, /* all objects by the watch itself */
    LIST,   /* all objects, page by page */
    WATCH,
    BY_NAME
};

struct khap_watch {
    struct khap_alloc alloc;
    struct khap_mirror *mirror;
    const struct followed *kind;
    struct khap_watch_options options;
    struct decode decode;
    struct text ns, target, api_version, message;
    struct text seen;    /* the version up to which all is known */
    struct text at_page; /* where a list goes on */
    enum watch_phase phase;
    enum khap_status status;
    uint32_t mark; /* of the objects that the last list has seen */
    uint32_t http, error, retry_s, error_retry_s, left_out, refusals, failures, lists, events, watch_s;
    uint32_t refused_as; /* what the last refusal was, 403 or 404 */
    size_t version;      /* which of the kind's */
    bool busy, broken, renew, synced;
    bool told_when; /* what is waited for is what the server said */
    bool whole;     /* the next list in one piece */
    bool no_streaming, has_bookmarks;
    int64_t now, at, began, dead_at;
    /* of Secrets */
    struct text name, name_ns; /* the one that is asked for */
    uint64_t refs;             /* the number of changes of names up to which they were got */
    uint64_t refs_asked;
    uint64_t refs_then; /* when the request began */
    int64_t all_at;     /* when all are got again */
    bool in_round, of_all, denied;
};

/* ---- secrets.c: one by one. False: none is to be got now; `at` is when to look again. */
bool khap__watch_next_secret(struct khap_watch *w);
void khap__watch_end_secret(struct khap_watch *w, uint32_t random);
bool khap__watch_has_secrets(const struct khap_watch *w);

/* ---- watch.c, for them */
void khap__watch_path(struct khap_watch *w, struct khap_str ns);
/* After a failure: later and later, and not before the server said. */
void khap__watch_again(struct khap_watch *w, uint32_t retry_s, uint32_t random);

#endif
