/*
 * khap/diag.h - sources, and the diagnostics that speak of them
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_DIAG_H
#define KHAP_DIAG_H

#include <khap/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A list of named texts (files, or objects of a cluster) that places refer to. */
struct khap_sources;
/** A list of diagnostics, in the order in which they were found. */
struct khap_diags;
/** One diagnostic of a list; lives as long as the list. */
struct khap_diag;

/** How bad it is. */
enum khap_severity { KHAP_NOTE = 1, KHAP_WARNING = 2, KHAP_ERROR = 3 };

/** A place: bytes `offset` to `offset + len` of source `source`. Source 0 is "no place". */
struct khap_place {
    uint32_t source;
    uint32_t offset;
    uint32_t len;
};

/**
 * Makes an empty list of sources.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] the list; the caller frees it with khap_sources_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_sources_new(const struct khap_alloc *alloc, struct khap_sources **out);

/**
 * Frees a list of sources.
 *
 * @param sources  the list, or NULL
 */
void khap_sources_free(struct khap_sources *sources);

/**
 * Adds a source.
 *
 * @param sources  the list
 * @param name     what people call it: a path, "Service shop/web"; copied
 * @param text     its bytes; borrowed, must outlive the list. Empty for what has no text
 * @param id       [out] its number, from 1 upwards
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_ELIMIT when the text is 4 GiB or longer, KHAP_EINVAL
 */
enum khap_status khap_sources_add(struct khap_sources *sources, struct khap_str name, struct khap_str text,
                                  uint32_t *id);

/**
 * The name of a source.
 *
 * @param sources  the list
 * @param id       its number
 * @return the name, borrowed from the list; empty for an unknown number
 */
struct khap_str khap_sources_name(const struct khap_sources *sources, uint32_t id);

/**
 * The text of a source.
 *
 * @param sources  the list
 * @param id       its number
 * @return the text as it was given; empty for an unknown number
 */
struct khap_str khap_sources_text(const struct khap_sources *sources, uint32_t id);

/**
 * Line and column of a place, both counted from 1; columns are bytes. Lines end at LF.
 *
 * @param sources  the list
 * @param place    the place
 * @param line     [out] 0 when the source has no text
 * @param column   [out] 0 when the source has no text
 */
void khap_sources_locate(const struct khap_sources *sources, struct khap_place place, uint32_t *line,
                         uint32_t *column);

/**
 * Makes an empty list of diagnostics.
 *
 * @param alloc    allocator, or NULL
 * @param sources  what the places refer to; borrowed, must outlive the list
 * @param out      [out] the list; the caller frees it with khap_diags_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_diags_new(const struct khap_alloc *alloc, const struct khap_sources *sources,
                                struct khap_diags **out);

/**
 * Frees a list of diagnostics.
 *
 * @param diags  the list, or NULL
 */
void khap_diags_free(struct khap_diags *diags);

/**
 * Adds a diagnostic. For programs and libraries above this one, which find something wrong themselves: a file
 * that cannot be read.
 *
 * @param diags  the list
 * @param code   a code that khap_message_find() knows; it gives severity and text
 * @param place  what it speaks of; source 0 for nothing
 * @param words  what stands for %1, %2 … in the text; control characters are escaped, long words cut
 * @param n      how many
 * @return KHAP_OK, KHAP_ENOENT when there is no such code, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_diags_report(struct khap_diags *diags, struct khap_str code, struct khap_place place,
                                   const struct khap_str *words, size_t n);

/**
 * The list of sources that a list of diagnostics was made with.
 *
 * @param diags  the list
 * @return it, borrowed; NULL for NULL
 */
const struct khap_sources *khap_diags_sources(const struct khap_diags *diags);

/**
 * How many diagnostics of at least this severity there are. A list keeps 1000, the last hundred of them for
 * errors; those beyond are counted, too. What was said of the same place in the same words before is counted,
 * but not kept a second time.
 *
 * @param diags     the list
 * @param severity  KHAP_NOTE counts all
 */
size_t khap_diags_count(const struct khap_diags *diags, enum khap_severity severity);

/**
 * The next diagnostic.
 *
 * @param diags  the list
 * @param prev   the one before, or NULL for the first
 * @return the next one, or NULL at the end
 */
const struct khap_diag *khap_diags_next(const struct khap_diags *diags, const struct khap_diag *prev);

/**
 * The stable code, for instance "unknown-key". Codes are never reused; `khap_message_find()` explains them.
 *
 * @param diag  the diagnostic
 * @return a static string
 */
const char *khap_diag_code(const struct khap_diag *diag);

/** The severity of a diagnostic: that of its code, unless khap_rules changed it. */
enum khap_severity khap_diag_severity(const struct khap_diag *diag);

/** The message in English, without place and code; borrowed from the list. Control characters are escaped. */
struct khap_str khap_diag_text(const struct khap_diag *diag);

/** The place a diagnostic speaks of; `source` is 0 when there is none. */
struct khap_place khap_diag_place(const struct khap_diag *diag);

/**
 * Related places ("first defined here").
 *
 * @param diag   the diagnostic
 * @param index  from 0
 * @param place  [out] the place
 * @param text   [out] what is there, borrowed from the list
 * @return KHAP_OK, or KHAP_ENOENT when there is no such related place
 */
enum khap_status khap_diag_related(const struct khap_diag *diag, size_t index, struct khap_place *place,
                                   struct khap_str *text);

/**
 * The fix of a diagnostic, as edits of the source: the bytes of each place become a text. They belong together: all or none. No two of
 * them overlap, and they go forward in the source. A diagnostic without an edit knows no fix.
 *
 * @param diag   the diagnostic
 * @param index  from 0
 * @param place  [out] what is replaced; `len` is 0 where something is inserted
 * @param text   [out] what takes its place, borrowed from the list; as it is, for the file. May be empty
 * @return KHAP_OK, or KHAP_ENOENT when there is no such edit
 */
enum khap_status khap_diag_edit(const struct khap_diag *diag, size_t index, struct khap_place *place,
                                struct khap_str *text);

/** Flags of khap_diags_print(). */
enum {
    KHAP_PRINT_COLOUR = 1,
    /**< ANSI colours */ KHAP_PRINT_NO_SNIPPET = 2 /**< one line a diagnostic, no source line and caret */
};

/**
 * Prints a list for people: `file:line:column: severity: message [code]`, the line and a caret.
 *
 * @param diags  the list
 * @param flags  KHAP_PRINT_… or 0
 * @param sink   where it goes
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_diags_print(const struct khap_diags *diags, unsigned flags,
                                  const struct khap_sink *sink);

/**
 * Prints a list for programs: one JSON object a line with code, severity, message, source, line, column,
 * endLine, endColumn, related, and edits where there is a fix. Columns are bytes from 1; the end is the place after the last byte. Without a
 * place the fields of the place are left out. When there were more than the list keeps, a last line has the
 * code "more-diagnostics" and a `count`.
 *
 * @param diags  the list
 * @param sink   where it goes
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_diags_print_json(const struct khap_diags *diags, const struct khap_sink *sink);

/**
 * Prints a list as one SARIF 2.1.0 document (OASIS: Static Analysis Results Interchange Format): a run with the codes that occur as its
 * rules, and each diagnostic as a result, with its related places and its fix. Columns count characters from 1; sources are
 * named by relative or `file:` URIs, as their names are relative or absolute paths.
 *
 * @param diags  the list
 * @param sink   where it goes, in pieces; not kept
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_diags_print_sarif(const struct khap_diags *diags, const struct khap_sink *sink);

/** What is known of a message code; all strings are static. */
struct khap_message {
    size_t size;         /**< sizeof(struct khap_message) as the caller knows it */
    const char *code;    /**< "unknown-key" */
    uint32_t severity;   /**< a value of enum khap_severity */
    const char *text;    /**< the text with %1, %2 … where its words go */
    const char *meaning; /**< what it means */
    const char *example; /**< what brings it about */
    const char *remedy;  /**< what to do */
};

/**
 * Looks up a message code.
 *
 * @param code  the code, with or without surrounding brackets
 * @param out   [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT when there is no such code, KHAP_EINVAL
 */
enum khap_status khap_message_find(struct khap_str code, struct khap_message *out);

/**
 * Goes through all message codes in alphabetical order.
 *
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_message_at(size_t index, struct khap_message *out);

#ifdef __cplusplus
}
#endif
#endif
