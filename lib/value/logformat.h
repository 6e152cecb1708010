/* value/logformat.h - what the service map asks of HAProxy's log formats. SPDX-License-Identifier: MIT */
#ifndef VALUE_LOGFORMAT_H
#define VALUE_LOGFORMAT_H

#include "value/number.h"

/* Literal text as a format: every % is doubled. */
void khap__logformat_quote(struct buf *out, struct khap_str literal);
/*
 * Whether it is a format, as the newest release reads it; a % that HAProxy would drop silently is refused too. Which aliases and fetches there are is not
 * asked. VALUE_SYNTAX with *bad_at at the % of what is wrong; bad_at may be NULL.
 */
enum value_error khap__logformat_check(struct khap_str s, size_t *bad_at);

#endif
