/* khapd/wanted.h - what a pass wants to be written to a cluster: lines of KIND, NAMESPACE, NAME, REASON, MESSAGE, WANTED. SPDX-License-Identifier: MIT */
#ifndef KHAPD_WANTED_H
#define KHAPD_WANTED_H

#include "khapd/pass.h"
#include <khap/kube.h>

enum { WANTED_BETWEEN = '\t' };

/* For khap_kube_options: `ctx` is a struct pass_text. */
void wanted_status(void *ctx, const struct khap_kube_status *status);
/* An event for each thing that was said of an object of the cluster. False: there is no memory. */
bool wanted_events(struct pass_text *t, const struct report *r, const char *path);

#endif
