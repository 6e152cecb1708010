/* khapd/cluster.h - a Kubernetes cluster as a source: what is known of it stands in a file of manifests. SPDX-License-Identifier: MIT */
#ifndef KHAPD_CLUSTER_H
#define KHAPD_CLUSTER_H

#include "khapd/log.h"
#include "khapd/pass.h"
#include "khapd/settings.h"
#include <stdint.h>

struct cluster;
/* Starts with what is known from last time. NULL, which was said, when it cannot be. */
struct cluster *cluster_start(const struct settings *s, const struct log *log);
void cluster_stop(struct cluster *c);
/* Two descriptors to wait for, for reading, -1 for none; how long at most. */
void cluster_fds(const struct cluster *c, int fds[2]);
int64_t cluster_until(const struct cluster *c);
/* Goes on, without waiting. Whether something changed that a pass has to take. */
bool cluster_step(struct cluster *c, int64_t now);
/* Writes what is known, if all of it has been seen since the start; else what was known last time stands. False: it cannot be written. */
bool cluster_save(struct cluster *c);

/* What is known, as text that the caller frees. False: there is no memory. */
bool cluster_text(const struct cluster *c, struct pass_text *text);

/* What is to be written to it: lines of wanted.h; NULL for what stays as it was. */
void cluster_want(struct cluster *c, const struct pass_text *statuses, const struct pass_text *events);

/* What is known of what is written; all 0 when nothing is. */
struct writes_state {
    bool writes, holds; /* it may; it is the one that does */
    uint64_t written, conflicts, failures, refused, waiting;
};

struct cluster_state {
    bool seen;              /* all of it has been seen since the start */
    bool known;             /* there is a file: of now or of last time */
    bool synced;            /* all of it has been seen, and nothing is wrong now */
    struct khap_str behind; /* else a kind that has not, or with which something is */
    uint64_t objects, refused, events, lists, failures, left_out;
    struct writes_state writes;
};
struct cluster_state cluster_state(const struct cluster *c);

#endif
