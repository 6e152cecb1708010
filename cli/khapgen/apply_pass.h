/* khapgen/apply_pass.h - one pass of apply: from maps to a HAProxy that follows; khapgen apply and khapd. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_PASS_H
#define KHAPGEN_APPLY_PASS_H

#include "khapgen/apply_drift.h"
#include "khapgen/apply_leaving.h"
#include "khapgen/apply_sums.h"
#include "khapgen/asked.h"
#include <khap/diff.h>

enum { APPLY_PATH = 4096 };

/* Zeroed, then what is asked filled in. */
struct apply_pass {
    struct report *report; /* open; what is wrong is said there */
    const char *directory;
    const char *binary;                /* NULL: it is not here */
    const struct khap_target *known;   /* what `binary` is, as far as it is known; NULL: it is asked */
    const char *stated;                /* without `binary`: the target while no process answers; NULL */
    const char *socket, *master;       /* NULL: there is none */
    const char *const *reload_command; /* in place of the master's reload */
    size_t n_reload_command;
    const char *const *maps;
    size_t n_maps;
    const struct input_laid *laid; /* texts that are read in place of what files hold */
    size_t n_laid;
    const struct khap_kube_options *kube_options; /* how objects of Kubernetes are taken; NULL */
    const char *allow;                            /* what --allow says, or NULL */
    const struct maps_aside *aside;               /* NULL: an object at fault is an error */
    const struct khap_cert_reader *certs;         /* NULL for OpenSSL's, where there is one */
    void *seen_ctx; /* first argument of `seen`, which is told of the other files that the maps name; NULL */
    void (*seen)(void *ctx, struct khap_str path);
    bool dry_run;         /* nothing is changed */
    bool check_only;      /* what it would be is checked, and then forgotten */
    bool overwrite;       /* files that somebody edited are replaced, too */
    bool put_off_reloads; /* what needs a reload is left as it is */
    int64_t drain_ms;     /* how long servers that leave are drained; 0: they go at once */
    bool may_be_down;     /* no HAProxy is no failure: it will start with what counts */

    /* what came of it */
    bool differs;     /* something is to be done */
    bool must_reload; /* it needs a reload */
    bool reloaded, put_off, down;
    bool is_renewed;   /* a file that the configuration names has another content than the process has read */
    bool edited;       /* somebody changed a file */
    bool drifted;      /* the process had something else than its files say; `diff` is what it lacked */
    uint32_t was, now; /* generations: what counted, what was written */
    struct asked sides[2];  /* what counts, what the maps ask for */
    struct khap_diff *diff; /* between them; at first without changes */
    struct asked observed;  /* the configuration that says what a process that drifted has */
    struct apply_drift drift;
    struct apply_leaving leaving;
    struct input_files outside; /* what the diff reads files with that neither has */
    struct apply_sums sums;     /* of such files, as the process has read them */

    bool first;   /* nothing counts yet */
    bool pending; /* an earlier run did not come to its end: what the process has is not known */
    char current[APPLY_PATH], mark[APPLY_PATH], below[APPLY_PATH];
    char target[APPLY_PATH];  /* as target_read() reads it */
    struct khap_target reads; /* what that is; `size` 0: that is not known yet */
    const char *read_from[1];
    int lock;
    char *said; /* by haproxy -c */
};

/* EXIT_…; apply_pass_free() in any case, after the report was shown. */
int apply_pass(struct apply_pass *a);
void apply_pass_free(struct apply_pass *a);

#endif
