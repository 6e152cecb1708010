/* cfg/document.h - writing a document line by line at full speed. SPDX-License-Identifier: MIT */
#ifndef CFG_DOCUMENT_H
#define CFG_DOCUMENT_H

#include "base/str.h"
#include <khap/cfg.h>

/*
 * Appending: begin, words, end. Words are encoded for the document's target as they come, straight into the
 * document's memory. What fails is sticky: khap__doc_status() tells at the end (KHAP_EINPUT for a refused
 * word, KHAP_ENOMEM, KHAP_ELIMIT); khap__doc_refused() gives the origin and the word that the target cannot
 * write, or the whole line when it has over 64 words or is too long for 1.5. A line of which anything failed
 * is left out.
 *
 *     khap__doc_begin(doc, 4, origin);
 *     khap__doc_lit(doc, "timeout connect");   our own words, as they are written, with one blank in between
 *     khap__doc_word(doc, value);              one word, any bytes
 *     khap__doc_end(doc);
 */
void khap__doc_begin(struct khap_document *doc, uint32_t indent, struct khap_place origin);
/* One word. Refused: an empty one, one with a NUL, and a first one that begins with . or [ (a directive, a
 * scope). */
void khap__doc_word(struct khap_document *doc, struct khap_str value);
/* One word made of several parts: khap__doc_part(), …, khap__doc_part_end(); nothing else in between. */
void khap__doc_part(struct khap_document *doc, struct khap_str value);
void khap__doc_part_end(struct khap_document *doc);
void khap__doc_uint(struct khap_document *doc, uint64_t n); /* a word */
void khap__doc_lit_n(struct khap_document *doc, const char *words, size_t len);
#define khap__doc_lit(doc, literal) khap__doc_lit_n((doc), "" literal, sizeof(literal) - 1)
void khap__doc_end(struct khap_document *doc);
/* A whole line as it is, for lines of the user's own that the caller has lexed before; without line end. One
 * with a LF, CR or NUL is refused. */
void khap__doc_raw(struct khap_document *doc, uint32_t indent, struct khap_str line,
                   struct khap_place origin);
/* "# text": control bytes in text become '?'. */
void khap__doc_comment(struct khap_document *doc, uint32_t indent, struct khap_place origin,
                       struct khap_str text);
void khap__doc_blank(struct khap_document *doc);

/* From now on it is read and written for another target; its bytes stay. */
void khap__document_retarget(struct khap_document *doc, const struct khap_target *target);
/* Lowers the limit of 4 GiB on what it prints; beyond it lines are dropped and the status is KHAP_ELIMIT. */
void khap__doc_limit(struct khap_document *doc, uint32_t bytes);
enum khap_status khap__doc_status(const struct khap_document *doc);
bool khap__doc_refused(const struct khap_document *doc, struct khap_place *origin, struct khap_str *word);
/* Puts text (with its line end) before all lines; for the line that holds the sum. */
enum khap_status khap__doc_prepend(struct khap_document *doc, struct khap_str text);
/* FNV-1a of everything it prints. */
uint64_t khap__doc_sum(const struct khap_document *doc);

#endif
