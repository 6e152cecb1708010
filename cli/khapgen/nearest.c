/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/nearest.h"

#include <string.h>

enum { LONGEST = 80 };

/* Levenshtein's distance, with a swap of two neighbours as one step. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[3][LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *above = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

void nearest_start(struct nearest *n, const char *wanted)
{
    /* a third of the letters may be wrong */
    *n = (struct nearest){.wanted = wanted, .distance = strlen(wanted) / 3 + 2};
}

void nearest_offer(struct nearest *n, const char *name)
{
    size_t a = strlen(n->wanted), b = strlen(name);
    if (a > LONGEST || b > LONGEST)
        return;
    size_t d = distance(n->wanted, a, name, b);
    if (d < n->distance) {
        n->distance = d;
        n->best = name;
    }
}
