/* khapd/worker.h - a pass in a process of its own, so that nothing in the loop waits. SPDX-License-Identifier: MIT */
#ifndef KHAPD_WORKER_H
#define KHAPD_WORKER_H

#include "khapd/pass.h"
#include <sys/types.h>

struct worker {
    pid_t pid; /* 0: none is at work */
    int fd;    /* to wait for, for reading; -1 */
    struct pass_text got;
};

void worker_init(struct worker *w);
/* False with errno. */
bool worker_start(struct worker *w, const struct settings *s, const struct pass_asked *asked);
enum worker_result { WORKER_AT_WORK, WORKER_DONE, WORKER_DIED };
/* Takes what is there, without waiting. WORKER_DONE: the outcome is filled in, outcome_free() gives it back. */
enum worker_result worker_step(struct worker *w, struct outcome *o);
/* Ends it at once. The next pass mends what it left. */
void worker_kill(struct worker *w);

#endif
