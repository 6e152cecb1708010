/* khapgen/json_document.h - a document from the JSON that khap_document_print_json() prints, or that people
 * write. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_JSON_DOCUMENT_H
#define KHAPGEN_JSON_DOCUMENT_H

#include <khap/cfg.h>

/*
 * Of a line `raw` and `end`, or `indent`, `words`, `comment` and `end` count; the other keys of the output tell
 * what was found and are passed over. What is wrong is said with its path, all of it in one run.
 *
 * Needs, beside the text and the document, memory for one line, or for a thousand lines that take their
 * indentation from their neighbours.
 *
 * `source` is the number of the text; `target` what to write for instead of what the text says, or NULL.
 * KHAP_OK; KHAP_EINPUT; KHAP_ELIMIT over 4 GiB; KHAP_ENOMEM.
 */
enum khap_status json_document_read(struct khap_str text, uint32_t source, const struct khap_target *target,
                                    struct khap_diags *diags, struct khap_document **out);

#endif
