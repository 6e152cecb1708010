/* khapgen/apply_processes.h - which processes a master has. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_PROCESSES_H
#define KHAPGEN_APPLY_PROCESSES_H

#include "khapgen/apply_talk.h"

enum { APPLY_PROCESSES = 1024 };

struct apply_processes {
    uint32_t workers[APPLY_PROCESSES]; /* of now; after a reload that failed there is none from 3.1 on */
    size_t n;
    uint32_t serving;         /* 0: none */
    size_t old;               /* workers that still end what they have */
    uint32_t reloads, failed; /* of the master: in all, since the last good one (from 2.6) */
};

/* Reads the reply to `show proc`; false when that is not what it is. */
bool apply_read_processes(struct khap_str reply, struct apply_processes *p);

#endif
