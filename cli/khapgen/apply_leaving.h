/* khapgen/apply_leaving.h - servers that leave: kept with weight 0 until `drain` is over. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_APPLY_LEAVING_H
#define KHAPGEN_APPLY_LEAVING_H

#include "khapgen/apply_table.h"
#include "khapgen/yaml_scalar.h"

/*
 * A server of what counts that the maps no longer have stays in the configuration, with weight 0, for `drain_ms`: only clients that hold its cookie
 * come to it. So what stands in the files is what the process has, whoever reloads it meanwhile. DIRECTORY/leaving has since when each leaves.
 */
struct apply_leaving {
    const char *directory;
    int64_t drain_ms;    /* 0: they go at once */
    struct table before; /* the servers of what counts */
    struct table since;  /* those that left earlier */
    int64_t *left_at;    /* one for each of `before`: since when it leaves; 0: it does not */
    struct text line;    /* what was given last */
    size_t at, expected; /* the next one of the backend that is asked for */
    int64_t now;         /* milliseconds since 1970 */
    int64_t next_end_ms; /* until the first one is drained; 0: none leaves */
};

/* Reads what is known. False: no memory; apply_leaving_free() in any case. */
bool apply_leaving_open(struct apply_leaving *l, const char *directory, const struct khap_bundle *before);
/* As `leaving` of struct khap_generate_options has it. */
enum khap_status apply_leaving_next(void *ctx, struct khap_str backend, const struct khap_str *names,
                                    uint32_t n, uint32_t index, struct khap_str *line);
/* Writes what is known now; `gone`: without those that are drained. */
void apply_leaving_write(const struct apply_leaving *l, bool gone);
/* Whether BACKEND/SERVER was drained. */
bool apply_leaving_had_time(const struct apply_leaving *l, struct khap_str server);
void apply_leaving_free(struct apply_leaving *l);

#endif
