/* migrate/plan.h - what is to be done to the lines of a bundle, and the parts that find and do it. SPDX-License-Identifier: MIT */
#ifndef MIGRATE_PLAN_H
#define MIGRATE_PLAN_H

#include "migrate/migrate.h"
#include <khap/migrate.h>

/* A row of steps.tsv; texts are offsets into a pool, khap__migrate_text(). */
struct migrate_row {
    uint32_t tables, words, lines, says;
    uint16_t first, last; /* releases that are migrated to */
    uint8_t effect;       /* enum migrate_effect */
    migrate_function *call;
};
struct khap_str khap__migrate_text(uint32_t at);
/* The rows, from 0; NULL past the end. */
const struct migrate_row *khap__migrate_row(size_t index);
/* The row whose words the line begins with, `from` words behind its beginning: the longest; how many words those are. NULL when there is none. */
const struct migrate_row *khap__migrate_find(struct khap_str table, uint16_t to,
                                             const struct schema_word *words, size_t n, size_t *n_words);
/* The row of one word that is not the first of a line: an option, an alias. */
const struct migrate_row *khap__migrate_find_word(struct khap_str table, uint16_t to, struct khap_str word);
/* Carries a row out: its lines, or its function. `part`: in a line that was begun. */
enum khap_status khap__migrate_carry_out(struct migrate_step *step, const struct migrate_row *row, bool part);

enum { MIGRATE_NEW = UINT32_MAX };
struct migrate_word {
    struct khap_str text;
    uint32_t keep; /* the word of the old line that it is, as it stands there, or MIGRATE_NEW */
};
struct migrate_line {
    uint32_t first, n; /* words of the plan */
    uint8_t where;     /* enum migrate_where */
};
/* A line that is replaced by others, or by none. */
struct migrate_edit {
    struct khap_document *doc;
    struct khap_line *at;
    uint32_t section;
    uint32_t first, n;   /* lines of the plan */
    struct khap_str old; /* its bytes before anything was done to it */
    bool placed;         /* it has its new bytes */
};

struct migrate {
    struct khap_alloc alloc;
    struct khap_bundle *bundle;
    struct khap_view *view; /* as it was */
    const struct khap_if_facts *facts;
    uint16_t from, to;
    struct khap_diags *diags;
    struct arena arena;
    struct khap_words *reader;
    VEC(struct migrate_word) words;
    VEC(struct migrate_line) lines;
    VEC(struct migrate_edit) edits;
    struct khap_line *first; /* the newest line that stands before all rules of its section, or NULL */
    uint32_t first_section;
    struct buf text, more; /* of one line or message */
    bool no_memory, left;
    bool parts; /* khap_migrate_options.parts */
};

/* plan.c: finds the lines, and runs their steps. The documents are for `from`. */
enum khap_status khap__migrate_plan(struct migrate *m);
/* write.c: carries the plan out. The documents are for `to`. */
enum khap_status khap__migrate_write(struct migrate *m);
/* reread.c: writes every line that is not of the plan so that `to` reads what `from` read. */
enum khap_status khap__migrate_reread(struct migrate *m);
/* names.c: gives another name to what may not have the same any longer. The documents are for `to`. */
enum khap_status khap__migrate_names(struct migrate *m);
/* defaults.c: writes or tells what `to` does otherwise although no line says so. The documents are for `to`. */
enum khap_status khap__migrate_defaults(struct migrate *m);

/*
 * Makes the bytes of a line from words, each as it stands in the old line or encoded for `to`; indentation, gaps and what is behind the words are those of
 * the old line (the last with `tail`). In m->text. False when `to` cannot read these words from any line.
 */
bool khap__migrate_compose(struct migrate *m, struct khap_str old, const struct migrate_word *words, size_t n,
                           bool tail);
/* The bytes in m->text with the indentation of the statements of that section; in m->more. */
struct khap_str khap__migrate_indented(struct migrate *m, const struct khap_document *doc,
                                       const struct khap_line *head);
/* A new line behind another, with the line end of that: a last line would have none of itself. */
enum khap_status khap__migrate_insert(struct migrate *m, struct khap_document *doc, struct khap_line *after,
                                      struct khap_str text, struct khap_place origin, struct khap_line **out);
/* Says that `to` cannot read what the line says. */
void khap__migrate_unwritable(struct migrate *m, const struct khap_document *doc,
                              const struct khap_line *line);
/* "3.4" */
enum { MIGRATE_ROOM = 16 };
struct khap_str khap__migrate_release_text(char room[MIGRATE_ROOM], uint16_t release);
/* The place of a line: its words. */
struct khap_place khap__migrate_place(struct migrate *m, const struct khap_document *doc,
                                      const struct khap_line *line);
/* The words of a line as they are written, for a message; in m->more. */
struct khap_str khap__migrate_quote(struct migrate *m, const struct khap_document *doc,
                                    const struct khap_line *line);

#endif
