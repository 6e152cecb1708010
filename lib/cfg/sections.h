/* cfg/sections.h - the words that open a section, by release. SPDX-License-Identifier: MIT */
#ifndef CFG_SECTIONS_H
#define CFG_SECTIONS_H

#include "base/str.h"
#include <khap/cfg.h>

/* The section that this first word of a line opens in any release of the target: a number that stands for its
 * name, or -1 (SPOE files have others). */
int khap__section_of(const struct khap_target *target, struct khap_str word);
struct khap_str khap__section_name(int section);
/* Offers the names that all releases of the target know. */
struct nearest;
void khap__sections_offer(const struct khap_target *target, struct nearest *near);
/* Whether it opens one in that release. */
bool khap__section_known(uint16_t release, struct khap_str word);

#endif
