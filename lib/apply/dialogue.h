/* apply/dialogue.h - what a talk asks of its dialogue. SPDX-License-Identifier: MIT */
#ifndef APPLY_DIALOGUE_H
#define APPLY_DIALOGUE_H

#include <khap/apply.h>

#include <stdbool.h>

/* Whether nothing more will be sent, so that our side can be closed: HAProxy's master answers only then. */
bool khap__dialogue_all_sent(const struct khap_dialogue *d);

#endif
