/*
 * base/nearest.h - which known name somebody who wrote an unknown one may have meant.
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/buf.h"

struct nearest {
    struct khap_str wanted, best; /* best: borrowed from who offered it; empty when nothing is near */
    uint32_t distance;
};

enum { NEAR_ENOUGH = 2 }; /* the distance up to which it is taken for a typing error */

void khap__nearest_start(struct nearest *n, struct khap_str wanted);
/* Near is what differs in a few letters, case set aside; then what holds the wanted name, or is held by it. */
void khap__nearest_offer(struct nearest *n, struct khap_str candidate);
/* Adds "; did you mean `x`?", or nothing. */
void khap__nearest_add(const struct nearest *n, struct buf *out);

#endif
