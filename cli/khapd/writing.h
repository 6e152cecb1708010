/* khapd/writing.h - statuses and events of a cluster, as they are written to it. SPDX-License-Identifier: MIT */
#ifndef KHAPD_WRITING_H
#define KHAPD_WRITING_H

#include "khapd/cluster.h"
#include "khapd/request.h"

struct writing;
/* NULL: there is no memory, or a setting cannot be, which was said. */
struct writing *writing_start(const struct settings *s, const struct log *log);
void writing_stop(struct writing *w, struct requests *r);
/* Goes on, without waiting; `until` becomes sooner. */
void writing_step(struct writing *w, struct requests *r, struct credentials *c, int64_t now, uint32_t random,
                  int64_t *until);
/* Its request came to its end. */
void writing_ended(struct writing *w, const char *error, int64_t now, uint32_t random);
/* Lines of wanted.h. `version` tells by which apiVersion a kind is asked for; empty: not at all. */
void writing_want(struct writing *w, const struct pass_text *lines, bool events,
                  struct khap_str (*version)(void *ctx, struct khap_str kind), void *ctx);
struct writes_state writing_state(const struct writing *w);

#endif
