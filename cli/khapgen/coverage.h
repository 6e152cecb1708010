/* khapgen/coverage.h - which rules of a configuration the requests of a test came to. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_COVERAGE_H
#define KHAPGEN_COVERAGE_H

#include "khapgen/report.h"

#include <khap/route.h>
#include <khap/view.h>

/* A line that decides something about requests. */
struct covered_rule {
    struct khap_place place;
    struct khap_str text;    /* without indentation and comment; the bundle's */
    struct khap_str section; /* the name of its section; the view's, static or the bundle's */
    size_t order;
    bool reached;
};
struct coverage {
    struct khap_view *view;     /* holds names */
    struct covered_rule *rules; /* in any order until coverage_finish() */
    size_t n, reached;
};

/* Finds the rules. EXIT_…; coverage_free() in any case. */
int coverage_of(struct report *r, const struct khap_bundle *bundle, const struct khap_target *target,
                struct coverage *c);
/* What an answer came to: rules whose condition holds, or may hold. */
void coverage_add(struct coverage *c, const struct khap_route_answer *answer);
/* Puts the rules back into the order of the configuration; nothing is added any more. */
void coverage_finish(struct coverage *c);
void coverage_free(struct coverage *c);

#endif
