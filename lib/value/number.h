/* value/number.h - times, sizes, integers, booleans. SPDX-License-Identifier: MIT */
#ifndef VALUE_NUMBER_H
#define VALUE_NUMBER_H

#include "base/buf.h"
#include "base/str.h"

/* What is wrong with a value; what each means is said where it is returned. */
enum value_error { VALUE_OK, VALUE_SYNTAX, VALUE_RANGE, VALUE_UNIT };

/* The longest time that HAProxy keeps in a timeout or an interval: 2^31 - 1 ms, nearly 25 days. */
#define KHAP__TIME_MAX_US (UINT64_C(2147483647) * 1000)

/*
 * --- times: "2s", "500ms", "1h", "250" (unit given); us ms s m h d. Result in microseconds. ---
 * VALUE_SYNTAX: no digits; VALUE_UNIT: something else than a unit behind them; VALUE_RANGE: over 64 bits.
 */
enum value_error khap__time_parse(struct khap_str s, uint64_t default_unit_us, uint64_t *us);
void khap__time_print(struct buf *out, uint64_t us); /* largest unit that is exact: 90s, 2m, 1h; "0" */
/* --- sizes: "16k", "10m", "1g", bytes; the same errors --- */
enum value_error khap__size_parse(struct khap_str s, uint64_t *bytes);
void khap__size_print(struct buf *out, uint64_t bytes);
/* --- integers: decimal only; no sign but '-', no leading zeros but "0", no exponent --- */
enum value_error khap__int_parse(struct khap_str s, int64_t min, int64_t max, int64_t *n);
/* --- YAML 1.2 booleans, as in its core schema: true and false in three capitalisations; not yes, no, on, off --- */
bool khap__bool_parse(struct khap_str s, bool *b);

#endif
