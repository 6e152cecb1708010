/* value/logformat.h - HAProxy's log formats: %%, %alias, %{flags}alias, %[expression], %(name:type)…. SPDX-License-Identifier: MIT */
#ifndef VALUE_LOGFORMAT_H
#define VALUE_LOGFORMAT_H

#include "value/number.h"

/* Literal text as a format: every % is doubled. */
void khap__logformat_quote(struct buf *out, struct khap_str literal);
/*
 * A light check: whether every % begins something, and every [ { ( is closed. Which aliases and fetches there are is not asked.
 * VALUE_SYNTAX with *bad_at at the % that begins nothing or is not closed; bad_at may be NULL.
 */
enum value_error khap__logformat_check(struct khap_str s, size_t *bad_at);

#endif
