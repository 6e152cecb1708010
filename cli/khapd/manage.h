/* khapd/manage.h - a HAProxy that khapd starts. SPDX-License-Identifier: MIT */
#ifndef KHAPD_MANAGE_H
#define KHAPD_MANAGE_H

#include "khapd/log.h"
#include "khapd/settings.h"
#include <stdint.h>
#include <sys/types.h>

struct manage {
    pid_t pid;            /* of the master, where this khapd started it; else 0 */
    int64_t since;        /* when it was started, in ms */
    int64_t again_at;     /* not started before */
    unsigned failures;    /* one after the other */
    unsigned long starts; /* all of them */
};

/* Whether one that this khapd or an earlier one started is there, whether it answers or not. */
bool manage_runs(const struct settings *s);
/* Starts it from the current generation. */
void manage_start(struct manage *m, const struct settings *s, const struct log *log, int64_t now);
/* Whether it ended; says so, and when it is started again. */
bool manage_reap(struct manage *m, const struct log *log, int64_t now);

#endif
