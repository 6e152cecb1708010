/* khapgen/apply_talk.h - what khapgen apply says to HAProxy. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_TALK_H
#define KHAPGEN_APPLY_TALK_H

#include "khapgen/report.h"
#include <khap/cfg.h>
#include <khap/diff.h>

enum { WHY = 300 };

/* Sends the plan and verifies that the process has what it says. False, with `why`, when anything is not as it should be: what the process has is then
 * not known. `bundle` holds payloads by name; others are read from `directory` or as they are named. */
bool apply_at_run_time(const char *socket, const struct khap_diff *diff, const struct khap_bundle *bundle,
                       const char *directory, char why[WHY]);

/* Reloads through the master. `answers` false: nobody is there. */
bool apply_reload(const char *master, bool *answers, char why[WHY]);

#endif
