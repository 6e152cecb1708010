/* base/diag.h - adding diagnostics. SPDX-License-Identifier: MIT */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/str.h"
#include "base/messages.h" /* generated: enum message_id { MSG_UNKNOWN_KEY, … } from every layer's messages.tsv */
#include <khap/diag.h>

/*
 * Adds a diagnostic: SAY(diags, MSG_UNKNOWN_KEY, place, name, nearest). Words are struct khap_str and go
 * where the text has %1, %2 …; they may hold anything (control bytes are escaped, long ones cut). No memory
 * makes the list "failed": khap__diags_status() tells. diags may be NULL (nothing happens).
 */
#define SAY(diags, id, place, ...)                                                                           \
    khap__diags_add((diags), (id), (place), (const struct khap_str[]){__VA_ARGS__, {NULL, 0}},               \
                    sizeof((const struct khap_str[]){__VA_ARGS__, {NULL, 0}}) / sizeof(struct khap_str) - 1)
#define SAY0(diags, id, place) khap__diags_add((diags), (id), (place), NULL, 0)

void khap__diags_add(struct khap_diags *diags, enum message_id id, struct khap_place place,
                     const struct khap_str *words, size_t n);
/* Adds what another list holds. */
void khap__diags_copy(struct khap_diags *diags, const struct khap_diag *diag);
/* Adds a related place to the newest diagnostic. */
void khap__diags_relate(struct khap_diags *diags, struct khap_place place, struct khap_str text);
/* KHAP_ENOMEM when the list failed, KHAP_EINPUT when it holds an error, else KHAP_OK. */
enum khap_status khap__diags_status(const struct khap_diags *diags);
/* Adds an edit to the newest diagnostic: the bytes of `place` become `text`. All its edits together are the fix. */
void khap__diags_edit(struct khap_diags *diags, struct khap_place place, struct khap_str text);
/*
 * Who has a say on each diagnostic before it is counted: returns the severity that it shall have, 0 for none, which drops it. What the list holds
 * already is judged at once. NULL ends it.
 */
typedef uint32_t khap__diags_judge(void *ctx, enum message_id id, struct khap_place place);
void khap__diags_judged_by(struct khap_diags *diags, khap__diags_judge *judge, void *ctx);
const struct khap_sources *khap__diags_sources(const struct khap_diags *diags);
/* The list's own allocator; how many diagnostics it did not keep. diags is not NULL. */
const struct khap_alloc *khap__diags_alloc(const struct khap_diags *diags);
size_t khap__diags_dropped(const struct khap_diags *diags);

/* khap_sources_add() of a copy of the text, which lives as long as the list. */
enum khap_status khap__sources_copy(struct khap_sources *sources, struct khap_str name, struct khap_str text,
                                    uint32_t *id);

#define NOWHERE ((struct khap_place){0, 0, 0})

#endif
