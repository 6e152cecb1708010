/*
 * unit/failing_alloc.h - an allocator that fails when it is told to and counts what is outstanding
 *
 *     for (size_t i = 1;; i++) {
 *         struct failing_alloc f;
 *         failing_alloc_init(&f, i);
 *         status = what_is_tested(&f.alloc);
 *         assert_failing_alloc_clean(&f);
 *         if (!f.failed)
 *             break;                       // the i-th allocation was never reached: all were tried
 *         assert_int_equal(status, KHAP_ENOMEM);
 *     }
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_FAILING_ALLOC_H
#define UNIT_FAILING_ALLOC_H

#include <khap/status.h>
#include <stdbool.h>

struct failing_alloc {
    struct khap_alloc alloc; /* to be given to what is tested */
    size_t calls;            /* allocations and growths so far */
    size_t fail_at;          /* this one fails, counted from 1; 0 for none */
    bool failed;             /* it came to that */
    size_t blocks, bytes;    /* outstanding */
    size_t most;             /* bytes at the worst moment */
    size_t wrong_sizes;      /* blocks given back with another size than they have */
};

void failing_alloc_init(struct failing_alloc *f, size_t fail_at);
/* Whether everything was given back, and with the right sizes. */
bool failing_alloc_clean(const struct failing_alloc *f);

#define assert_failing_alloc_clean(f)                                                                        \
    do {                                                                                                     \
        assert_int_equal((f)->blocks, 0);                                                                    \
        assert_int_equal((f)->bytes, 0);                                                                     \
        assert_int_equal((f)->wrong_sizes, 0);                                                               \
    } while (0)

#endif
