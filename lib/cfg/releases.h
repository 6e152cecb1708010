/* cfg/releases.h - the release branches that are known, from old to new. SPDX-License-Identifier: MIT */
#ifndef CFG_RELEASES_H
#define CFG_RELEASES_H

/* clang-format off */
#define KHAP__RELEASES(X)                                                                     \
    X(1, 5) X(1, 6) X(1, 7) X(1, 8) X(1, 9)                                                   \
    X(2, 0) X(2, 1) X(2, 2) X(2, 3) X(2, 4) X(2, 5) X(2, 6) X(2, 7) X(2, 8) X(2, 9)           \
    X(3, 0) X(3, 1) X(3, 2) X(3, 3) X(3, 4)
/* clang-format on */

#endif
