/* gen/written.h - the first line of what khapgen writes. SPDX-License-Identifier: MIT */
#ifndef GEN_WRITTEN_H
#define GEN_WRITTEN_H

#include "base/buf.h"

/* The first line, with its end, of a file whose other bytes have this sum. */
void khap__written_line(struct buf *out, uint64_t sum);

/* The first line, without an end, of a block in somebody's own file; the sum in one, or false when it is none. */
void khap__block_line(struct buf *out, uint64_t sum);
bool khap__block_sum(struct khap_str line, uint64_t *sum);

#endif
