/* khapd/status.h - what is answered over HTTP: /healthz /readyz /synced /objects /metrics. SPDX-License-Identifier: MIT */
#ifndef KHAPD_STATUS_H
#define KHAPD_STATUS_H

#include "khapd/cluster.h"
#include "khapd/pass.h"

/* What is known, kept by the loop. Times are of the monotonic clock, in milliseconds; 0: never. */
struct known {
    bool up;           /* HAProxy answers */
    bool has_accepted; /* a generation stands, and the process has it */
    bool synced;       /* the last pass took all sources as they are */
    int64_t now, looked_at, stale_ms;
    uint64_t passes_good, passes_invalid, passes_failed, passes_died, reloads_needed, reloads_renewed,
        reloads_other, changes, starts, put_off;
    uint32_t generation, objects, refused, faults, degraded, old_workers;
    int64_t first_end; /* of certificates, seconds since 1970; 0: none is known */
    int64_t live_ms;   /* from the last change to live */
    int64_t pass_ms;
    bool has_cluster;
    struct cluster_state cluster;
    struct pass_text said_objects; /* JSON, without brackets */
};

struct status;
/* Listens on ADDRESS:PORT; NULL with errno when it cannot. `known` must outlive it. */
struct status *status_start(const char *address, const struct known *known);
/* A descriptor to wait for, for reading; how long at most, -1 for ever. */
int status_fd(const struct status *s);
int status_timeout_ms(const struct status *s);
/* Answers what can be answered without waiting. */
void status_step(struct status *s);
void status_stop(struct status *s);

#endif
