/* khapgen/route_show.h - how an answer of khap_route_ask() is written. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_ROUTE_SHOW_H
#define KHAPGEN_ROUTE_SHOW_H

#include "khapgen/report.h"
#include <khap/route.h>

/* To standard output: text, or a line of JSON for each thing that may happen. */
void route_show(const struct report *r, const struct khap_route_answer *answer, bool json);
/* One of many questions: a line of JSON for all of it. */
void route_show_one_of_many(const struct report *r, struct khap_str question,
                            const struct khap_route_answer *answer, bool json);

#endif
