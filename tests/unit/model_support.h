/*
 * unit/model_support.h - a model with its sources and diagnostics, for the tests of lib/model
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_MODEL_SUPPORT_H
#define UNIT_MODEL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "model/model.h"

struct map_test {
    const struct khap_alloc *alloc;
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_model *model;
    struct resolved resolved;
    bool is_resolved;
};

void map_start(struct map_test *t);
void map_end(struct map_test *t);
/* Reads a source; its text must outlive the test. */
enum khap_status map_read(struct map_test *t, const char *name, const char *text);
/* Resolves for the releases from first to last. */
enum khap_status map_resolve(struct map_test *t, uint16_t first, uint16_t last);
/* Starts, reads one source, resolves for 2.2 to 3.4 or what the map names. */
enum khap_status map_all(struct map_test *t, const char *text);
/* The service with this name, whole; memory from `scratch`. */
void map_service(struct map_test *t, const char *name, struct arena *scratch, struct service *out);
/* The map as YAML; to be freed. */
char *map_written(const struct map_test *t);
/* The diagnostics as khapgen prints them; to be freed. */
char *map_said(const struct map_test *t);
/* How often a code was said. */
size_t map_count(const struct map_test *t, const char *code);

#define assert_said(t, code)                                                                                 \
    do {                                                                                                     \
        if (map_count((t), (code)) == 0) {                                                                   \
            char *said_ = map_said(t);                                                                       \
            print_error("%s was not said, but:\n%s\n", (code), said_);                                       \
            free(said_);                                                                                     \
            fail();                                                                                          \
        }                                                                                                    \
    } while (0)
/* Nothing was said but of services that nothing leads to, which these maps have on purpose. */
#define assert_silent(t)                                                                                     \
    do {                                                                                                     \
        char *said_ = map_said(t);                                                                           \
        if (khap_diags_count((t)->diags, KHAP_NOTE) != map_count((t), "service-unreachable")) {              \
            print_error("said:\n%s\n", said_);                                                               \
            free(said_);                                                                                     \
            fail();                                                                                          \
        }                                                                                                    \
        free(said_);                                                                                         \
    } while (0)

#endif
