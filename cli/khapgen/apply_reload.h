/* khapgen/apply_reload.h - how HAProxy is brought to read its files anew. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_RELOAD_H
#define KHAPGEN_APPLY_RELOAD_H

#include "khapgen/apply_talk.h"

struct apply_reloader {
    const char *master;         /* the master's socket, or NULL */
    const char *const *command; /* in its place: a program and its arguments */
    size_t n_command;
    const char *socket; /* with a command: where another process answers then; NULL: the exit status counts */
};

bool apply_can_reload(const struct apply_reloader *r);

/* `answers` false: nobody is there. */
bool apply_reload(const struct apply_reloader *r, bool *answers, char why[WHY]);

#endif
