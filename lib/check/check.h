/* check/check.h - what the parts of the check share. SPDX-License-Identifier: MIT */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/diag.h"
#include "view/view.h"

struct check {
    const struct khap_view *view;
    struct khap_diags *diags;
    struct khap_alloc alloc;
    struct arena arena, kept;       /* of one line; of all */
    struct check_section *sections; /* cross.c */
    struct map seen;                /* khap__check_seen() */
    bool no_memory;
    struct khap_words *reader;
    struct buf text, more; /* of one message */

    /* the line */
    const struct khap_document *doc;
    struct view_cursor at;
    struct schema_word words[64];
    size_t n;
    unsigned table;
    uint16_t release;
    bool failed; /* something of the line was wrong, so that what follows from it is not said */
};

/* Where words of the line stand. */
struct khap_place khap__check_place(struct check *c, struct khap_span span);

/* One line, as the release of the check reads it. */
enum khap_status khap__check_line(struct check *c);
/* What lines ask of each other: once before all lines, for each, and behind the last. */
enum khap_status khap__check_cross_new(struct check *c);
void khap__check_cross_line(struct check *c, const struct schema_line *line);
void khap__check_cross(struct check *c);
/* Whether the text was seen in the section of the line before, as the same `what`; from then on it was. */
bool khap__check_seen(struct check *c, const char *what, struct khap_str text);
/* What HAProxy takes, and what is hardly meant. */
void khap__check_advice(struct check *c, const struct schema_line *line);
/* What refers to nothing, and what is there twice. */
enum khap_status khap__check_names(struct check *c);

#endif
