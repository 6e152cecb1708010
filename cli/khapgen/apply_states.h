/* khapgen/apply_states.h - what a HAProxy that is reloaded knows of its servers, for the one that comes. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_STATES_H
#define KHAPGEN_APPLY_STATES_H

#include <khap/cfg.h>
#include <stdbool.h>

/* As seen from a generation. */
#define APPLY_STATES_FILE "../../server-states"

/*
 * DIRECTORY/server-states. It has lines for the time of a reload alone: what stood there longer would bring back states that are over. Of a server
 * whose line changed nothing is kept, and weights are those of the configuration.
 */
bool apply_states_save(const char *socket, const char *directory, const struct khap_bundle *before,
                       const struct khap_bundle *after);
/* HAProxy wants one. */
bool apply_states_empty(const char *directory);

#endif
