/* khapgen/nearest.h - which of many names somebody may have meant. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_NEAREST_H
#define KHAPGEN_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *wanted;
    const char *best; /* NULL while nothing near was offered */
    size_t distance;
};

void nearest_start(struct nearest *n, const char *wanted);
/* `name` must live as long as it may be the best. */
void nearest_offer(struct nearest *n, const char *name);

#endif
