/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

enum { LONGEST = 64, SHORTEST_PART = 4 };

/* One more than as many letters as may be wrong. */
static uint32_t too_far(struct khap_str wanted)
{
    return wanted.len < 4 ? 2 : wanted.len < 8 ? 3 : 4;
}

void khap__nearest_start(struct nearest *n, struct khap_str wanted)
{
    *n = (struct nearest){.wanted = wanted, .distance = too_far(wanted) + 1};
}

static struct khap_str lower(struct khap_str s, char *space)
{
    struct khap_str cut = khap__str_sub(s, 0, LONGEST);
    for (size_t i = 0; i < cut.len; i++)
        space[i] = (char)khap__lower((unsigned char)cut.ptr[i]);
    return (struct khap_str){space, cut.len};
}

static bool holds(struct khap_str whole, struct khap_str part)
{
    if (part.len < SHORTEST_PART)
        return false;
    for (size_t i = 0; part.len <= whole.len && i <= whole.len - part.len; i++) {
        if (memcmp(whole.ptr + i, part.ptr, part.len) == 0)
            return true;
    }
    return false;
}

void khap__nearest_offer(struct nearest *n, struct khap_str candidate)
{
    char spaces[2][LONGEST];
    struct khap_str a = lower(n->wanted, spaces[0]), b = lower(candidate, spaces[1]);
    uint32_t far = too_far(n->wanted), distance = khap__edit_distance(a, b, far);
    if (distance >= far || distance >= b.len)
        distance = holds(a, b) || holds(b, a) ? far : far + 1;
    if (distance < n->distance) {
        n->distance = distance;
        n->best = candidate;
    }
}

void khap__nearest_add(const struct nearest *n, struct buf *out)
{
    if (n->best.len == 0)
        return;
    khap__buf_add(out, S("; did you mean `"));
    khap__buf_add(out, n->best);
    khap__buf_add(out, S("`?"));
}
