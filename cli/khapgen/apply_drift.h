/* khapgen/apply_drift.h - what a running HAProxy has in place of what its files say. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_DRIFT_H
#define KHAPGEN_APPLY_DRIFT_H

#include "khapgen/input.h"
#include "khapgen/report.h"
#include <khap/cfg.h>

/* The files that would say it, under the names by which they are read. */
struct apply_drift {
    struct input_laid *laid;
    size_t n, cap;
    bool no_memory;
};

/*
 * Asks the process for addresses, ports and weights of servers, which of them there are, and the entries of maps and patterns. A file of which it has
 * something else is added, as it would have to be. `current` is the folder that the configuration is read from, `held` is told of each server that somebody
 * took out of service by hand. False: the process does not answer.
 */
bool apply_observe(const char *socket, const char *current, const struct khap_bundle *bundle,
                   struct apply_drift *drift, void *ctx,
                   void (*held)(void *ctx, struct khap_str backend, struct khap_str server));
void apply_drift_free(struct apply_drift *drift);

#endif
