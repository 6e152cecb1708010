/* base/message.h - the registry of messages, made from every layer's messages.tsv.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

#include "base/messages.h"
#include <khap/diag.h>

/* Static strings of a message; id is in range. */
const char *khap__message_code(enum message_id id);
const char *khap__message_text(enum message_id id);
enum khap_severity khap__message_severity(enum message_id id);
/* MSG__COUNT when there is no such code; brackets around it are passed over. */
enum message_id khap__message_id(struct khap_str code);

#endif
