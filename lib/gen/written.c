/* The first line, by which a later run knows its own file from one that somebody changed.
 * SPDX-License-Identifier: MIT */
#include "gen/written.h"

#include <khap/gen.h>

#define BEFORE "# Written by khapgen. Sum of all that follows: "

void khap__written_line(struct buf *out, uint64_t sum)
{
    khap__buf_add(out, S(BEFORE));
    khap__buf_hex(out, sum, 16);
    khap__buf_char(out, '\n');
}

enum khap_written khap_written_state(struct khap_str text)
{
    size_t at = sizeof BEFORE - 1;
    if (!khap__str_starts(text, S(BEFORE)) || text.len < at + 17 || text.ptr[at + 16] != '\n')
        return KHAP_WRITTEN_BY_OTHERS;
    uint64_t sum = 0;
    for (size_t i = 0; i < 16; i++) {
        int digit = khap__hex((unsigned char)text.ptr[at + i]);
        if (digit < 0)
            return KHAP_WRITTEN_BY_OTHERS;
        sum = sum << 4 | (uint64_t)digit;
    }
    struct khap_str rest = khap__str_sub(text, at + 17, text.len);
    return khap__fnv1a64(rest, KHAP__FNV64) == sum ? KHAP_WRITTEN_BY_KHAPGEN : KHAP_WRITTEN_THEN_CHANGED;
}

#define BLOCK_BEFORE "# Written by khapgen. Sum of the lines up to the end mark: "

void khap__block_line(struct buf *out, uint64_t sum)
{
    khap__buf_add(out, S(BLOCK_BEFORE));
    khap__buf_hex(out, sum, 16);
}

bool khap__block_sum(struct khap_str line, uint64_t *sum)
{
    *sum = 0;
    if (!khap__str_starts(line, S(BLOCK_BEFORE)) || line.len != sizeof BLOCK_BEFORE - 1 + 16)
        return false;
    for (size_t i = sizeof BLOCK_BEFORE - 1; i < line.len; i++) {
        int digit = khap__hex((unsigned char)line.ptr[i]);
        if (digit < 0)
            return false;
        *sum = *sum << 4 | (uint64_t)digit;
    }
    return true;
}
