/* khapgen/test_results.h - the results of khapgen test as text, TAP or JUnit XML. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_TEST_RESULTS_H
#define KHAPGEN_TEST_RESULTS_H

#include "khapgen/coverage.h"

#include <khap/routes.h>

enum results_format { RESULTS_TEXT, RESULTS_TAP, RESULTS_JUNIT };

/* Results as they come; JUnit wants to know the numbers first, so that everything is kept until results_show(). */
struct results {
    struct result *tests;
    size_t n, room, failed;
    bool no_memory;
};
struct result_fault {
    char *text; /* "backend: wanted `a`, got backend b" */
    struct khap_place place;
};
struct result {
    struct khap_str name; /* the table's */
    struct khap_place place;
    struct result_fault *faults;
    size_t n_faults;
};

/* The next test; its faults follow. */
void results_begin(struct results *all, struct khap_str name, struct khap_place place);
/* Of the newest test; `ctx` is the struct results. For khap_routes_judge(). */
enum khap_status results_fault(void *ctx, const struct khap_routes_fault *fault);
/* Writes all of it to standard output. `table` is the name of the table. */
void results_show(const struct results *all, enum results_format format, const char *table,
                  const struct coverage *c, const struct khap_sources *sources);
void results_free(struct results *all);

#endif
