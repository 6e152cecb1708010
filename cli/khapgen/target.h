/* khapgen/target.h - what -t says. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_TARGET_H
#define KHAPGEN_TARGET_H

#include "khapgen/report.h"
#include <khap/cfg.h>

enum { RELEASE_ROOM = 32 };

/* The release that the process says of itself which answers at a runtime API's socket; false when none does. */
bool target_running(const char *socket, char release[RELEASE_ROOM]);

/* A release, a range, binary:PATH or socket:PATH. EXIT_…; has said what is wrong. */
int target_read(struct report *r, const char *text, struct khap_target *target);

#endif
