/* khapd/probe.h - whether HAProxy is there, asked without waiting. SPDX-License-Identifier: MIT */
#ifndef KHAPD_PROBE_H
#define KHAPD_PROBE_H

#include <khap/apply.h>
#include <poll.h>
#include <stdbool.h>

struct probe {
    struct khap_dialogue *dialogue;
    struct khap_talk *talk; /* NULL: nothing is asked now */
    bool master;
};

enum probe_result {
    PROBE_AT_WORK,
    PROBE_UP,
    PROBE_DOWN, /* nobody listens */
    PROBE_HANGS /* somebody listens, and does not answer as HAProxy does */
};

struct probe_answer {
    unsigned worker, old_workers; /* a process; how many. 0 without a master's socket */
};

/* Asks the master, or where `master` is NULL the runtime API. */
enum probe_result probe_start(struct probe *p, const char *master, const char *socket);
void probe_wants(const struct probe *p, struct pollfd *fd, int *timeout_ms);
enum probe_result probe_step(struct probe *p, struct probe_answer *answer);
void probe_end(struct probe *p);

#endif
