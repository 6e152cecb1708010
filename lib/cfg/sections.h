/* cfg/sections.h - the words that open a section, by release. SPDX-License-Identifier: MIT */
#ifndef CFG_SECTIONS_H
#define CFG_SECTIONS_H

#include "base/str.h"

/* Whether this first word of a line opens a section in a haproxy.cfg of that release (SPOE files have
 * others). */
bool khap__section_known(uint16_t release, struct khap_str word);

#endif
