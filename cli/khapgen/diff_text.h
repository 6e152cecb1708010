/* khapgen/diff_text.h - what changed between two texts, as a unified diff. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_DIFF_TEXT_H
#define KHAPGEN_DIFF_TEXT_H

#include <khap/status.h>

/*
 * Writes what `patch` needs to make `now` out of `old`: the names, then each place that differs with three lines around it. Nothing at all
 * when both are the same. The texts may hold any bytes. Time and memory grow with the length, whatever differs: where very much does, more
 * lines may be shown than need be.
 *
 * KHAP_OK, KHAP_ENOMEM, KHAP_EIO when the sink refuses.
 */
enum khap_status diff_text(struct khap_str old, struct khap_str now, struct khap_str old_name,
                           struct khap_str new_name, const struct khap_sink *sink);

#endif
