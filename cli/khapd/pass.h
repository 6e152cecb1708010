/* khapd/pass.h - one pass: from the sources to a HAProxy that follows, and what came of it. SPDX-License-Identifier: MIT */
#ifndef KHAPD_PASS_H
#define KHAPD_PASS_H

#include "khapd/files.h"
#include "khapd/settings.h"
#include "khapgen/report.h"

/* What a text of an outcome is. */
enum {
    SAID_DIAGS,
    SAID_CHANGES,
    SAID_OBJECTS,
    SAID_SEEN,
    SAID_CERTS,
    SAID_STATUSES,
    SAID_EVENTS,
    SAID_COUNT
};

struct pass_text {
    char *ptr; /* malloc'ed, ends in a NUL that is not counted */
    size_t len;
};

struct outcome {
    int status;        /* EXIT_… */
    uint32_t objects;  /* services accepted */
    uint32_t refused;  /* errors in sources, objects at fault */
    uint32_t faults;   /* objects whose last valid version counts, or that are left out */
    uint32_t degraded; /* sources whose last good text counts, or that are left out */
    uint32_t changes;  /* made at run time */
    uint32_t generation;
    bool differs, must_reload, reloaded, put_off, down, is_renewed, edited;
    int64_t
        first_end; /* when the first certificate that is named expires, seconds since 1970; 0: none is known */
    int64_t ms;    /* how long it took */
    struct khap_target target; /* what the program is; `size` 0: that was not asked */
    int64_t drained_ms;        /* until the next server that leaves is drained; 0: none leaves */
    struct pass_text said
        [SAID_COUNT]; /* diagnostics as they are shown; changes, a line each; JSON; paths, each with a NUL;
                         cert_memory_keep(); lines of wanted.h, twice */
};

struct pass_asked {
    bool dry_run, put_off_reloads;
    const struct khap_target *target; /* of the last pass, where the program is still the same file; NULL */
    struct khap_str certs;            /* SAID_CERTS of the last pass that had some */
    struct khap_str
        cluster; /* what is known of the cluster, in place of what its file holds; empty for the file */
};

/* Does it, here and now: it waits for HAProxy. */
void pass_run(const struct settings *s, const struct pass_asked *asked, struct outcome *o);
void outcome_free(struct outcome *o);

bool text_add_bytes(struct pass_text *t, const char *bytes, size_t len);
/* A text between quotes, as JSON has it. */
bool text_add_json(struct pass_text *t, const char *bytes, size_t len);
bool text_add_format(struct pass_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
