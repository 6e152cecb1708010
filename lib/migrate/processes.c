/* migrate/processes.c - one process with threads, where there were several processes. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/migrate.h"

static bool is_number(struct khap_str s)
{
    bool number = s.len > 0 && s.len < 4;
    for (size_t i = 0; i < s.len && number; i++)
        number = khap__is_digit((unsigned char)s.ptr[i]);
    return number;
}

/* As many threads as there were processes, unless the number of threads is said; from 1.8 on there are threads. */
enum khap_status khap__migrate_nbproc(struct migrate_step *step)
{
    struct schema_word rest[64];
    size_t n;
    struct khap_str number = step->behind < step->n ? step->words[step->behind].text : S("");
    bool one = khap__str_eq(number, S("1"));
    if (one && step->to < KHAP_RELEASE(2, 5))
        return khap__migrate_nothing(step);
    if (one && !khap__migrate_setting(step, S("nbthread"), rest, &n)) {
        /* it kept HAProxy from starting a thread for each CPU, from 2.0 on */
        khap__migrate_line(step, MIGRATE_HERE);
        khap__migrate_literal(step, "nbthread 1");
        return KHAP_OK;
    }
    if (one || khap__migrate_setting(step, S("nbthread"), rest, &n)) {
        step->effect = one ? MIGRATE_SAME : MIGRATE_DIFFERS;
        step->says = S("there is one process, with the threads that nbthread says");
        return KHAP_OK;
    }
    if (!is_number(number))
        return khap__migrate_leave(step, S("write nbthread with as many threads as there were processes"));
    step->effect = MIGRATE_DIFFERS;
    step->says = S("there is one process, with as many threads; limits and counters count for all of them");
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_literal(step, "nbthread");
    khap__migrate_keep(step, step->behind, 1);
    return KHAP_OK;
}

/* `process 1` says nothing any longer; behind a slash stand the threads. */
enum khap_status khap__migrate_bind_process(struct migrate_step *step)
{
    struct khap_str set = step->behind < step->end ? step->words[step->behind].text : S("");
    size_t slash = khap__str_find(set, '/');
    if (slash < set.len) {
        khap__migrate_literal(step, "thread");
        khap__migrate_word(step, khap__str_sub(set, slash + 1, set.len));
    }
    return KHAP_OK;
}
