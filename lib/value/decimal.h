/* value/decimal.h - decimal fractions without a locale. SPDX-License-Identifier: MIT */
#ifndef VALUE_DECIMAL_H
#define VALUE_DECIMAL_H

#include "base/buf.h"

/* A number of JSON as printf() has its double with %g in the C locale. False, and nothing added, where that takes a double to know: a text that
 * is half a last digit away, to 17 digits; and for more than 64 digits, powers beyond 300, or no number. */
bool khap__decimal_print(struct khap_str text, struct buf *out);

#endif
