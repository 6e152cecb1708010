/* khapgen/apply_verify.h - whether a running HAProxy has what commands told it. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_VERIFY_H
#define KHAPGEN_APPLY_VERIFY_H

#include "khapgen/apply_talk.h"

/* Whether the process has what the plan says, as far as it can be asked; else `why` not. */
bool apply_has(const char *socket, const struct khap_diff *diff, char why[WHY]);

#endif
