/* khapgen/apply_talk.h - what khapgen apply says to HAProxy. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_TALK_H
#define KHAPGEN_APPLY_TALK_H

#include "khapgen/report.h"
#include <khap/cfg.h>
#include <khap/diff.h>

struct apply_leaving;

enum { WHY = 300 };

/* The reply to one command, which is malloc'ed, and ended by apply_drop(); false when there is none. */
bool apply_ask(const char *path, uint32_t flags, const char *command, uint32_t timeout_ms,
               struct khap_str *reply, int32_t *error);
void apply_drop(struct khap_str text);

/* The value of a line of `show info`, cut to `room`; `name` with its colon. False when there is none. */
bool apply_info(const char *socket, const char *name, uint32_t timeout_ms, char *value, size_t room);

/* A text of HAProxy's in one line for people, behind `what`. */
void apply_say(char why[WHY], const char *what, struct khap_str text);

/* Sends the plan and verifies that the process has what it says. False, with `why`, when anything is not as it should be: what the process has is then
 * not known. `bundle` holds payloads by name; others are read from `directory` or as they are named. `leaving`: of
 * servers that had their time, what is still connected is cut; NULL. */
bool apply_at_run_time(const char *socket, const struct khap_diff *diff, const struct khap_bundle *bundle,
                       const char *directory, const struct apply_leaving *leaving, char why[WHY]);

#endif
