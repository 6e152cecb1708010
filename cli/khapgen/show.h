/* khapgen/show.h - texts of others on standard output. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_SHOW_H
#define KHAPGEN_SHOW_H

#include "khapgen/report.h"

/* For people: what a terminal would act on is written as \x1b. */
void show_text(struct khap_str text);
/* A string of JSON; bytes that are no UTF-8 become U+FFFD. */
void show_json(struct khap_str text);
/* A cell of a table of Markdown: a span of code, in which nothing has a meaning. */
void show_markdown(struct khap_str text);
/* `file:line`, in `room`; empty for no place. */
struct khap_str show_place(const struct report *r, struct khap_place place, char room[300]);

#endif
