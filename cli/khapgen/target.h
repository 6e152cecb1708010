/* khapgen/target.h - what -t says. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_TARGET_H
#define KHAPGEN_TARGET_H

#include "khapgen/report.h"
#include <khap/cfg.h>

/* A release, a range, or binary:PATH. EXIT_…; has said what is wrong. */
int target_read(struct report *r, const char *text, struct khap_target *target);

#endif
