/*
 * khap/cfg.h - releases and targets, the lines of a configuration, bundles of files
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_CFG_H
#define KHAP_CFG_H

#include <khap/diag.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A release branch as a number: major * 100 + minor; 1.5 is 105, 2.10 would be 210, 3.4 is 304. */
#define KHAP_RELEASE(major, minor) ((uint16_t)((major)*100 + (minor)))
/** The oldest release that is known. */
#define KHAP_OLDEST KHAP_RELEASE(1, 5)
/** The newest release that is known. */
#define KHAP_NEWEST KHAP_RELEASE(3, 4)

/** What is known of a part that a HAProxy may be built with or without. */
enum khap_feature { KHAP_FEATURE_UNKNOWN = 0, KHAP_FEATURE_ABSENT = 1, KHAP_FEATURE_PRESENT = 2 };

/** What a configuration is meant for: a range of releases, and a build. Set by khap_target_init(). */
struct khap_target {
    size_t size;        /**< sizeof(struct khap_target) as the caller knows it */
    uint16_t first;     /**< oldest release, KHAP_RELEASE() */
    uint16_t last;      /**< newest release; equal to `first` for a single one */
    uint8_t quic;       /**< enum khap_feature */
    uint8_t prometheus; /**< enum khap_feature: the exporter */
    uint8_t pcre;       /**< enum khap_feature: PCRE or PCRE2 regular expressions */
    uint8_t openssl;    /**< enum khap_feature: TLS at all */
};

/**
 * The default target of generating, 2.2 to 3.4, nothing known of the build.
 *
 * @param target  [out] filled; `size` is set here
 */
void khap_target_init(struct khap_target *target);

/**
 * Reads a target: one release ("2.6") or a range from old to new ("2.2-3.4"), with blanks around. A `v`
 * before a release and a patch level behind it ("v2.8.3") are read and ignored. A release newer than the
 * newest known one counts as that one, and the note release-newer-than-known says so.
 *
 * @param text    the text
 * @param target  [in,out] initialised; `first` and `last` are set on success, the rest never
 * @param diags   receives bad-target, unknown-release, target-backwards, release-newer-than-known; may be
 * NULL
 * @param place   where the text stands, for the diagnostics
 * @return KHAP_OK; KHAP_EINPUT for a release that is unknown or malformed or a range that runs backwards;
 * KHAP_EINVAL
 */
enum khap_status khap_target_parse(struct khap_str text, struct khap_target *target, struct khap_diags *diags,
                                   struct khap_place place);

/**
 * Reads what `haproxy -vv` prints: release and features of the build. A feature that this release lists in
 * another way, or not at all because it has never heard of it, is found too; what cannot be told is
 * KHAP_FEATURE_UNKNOWN.
 *
 * @param output  all that it printed
 * @param target  [in,out] initialised; changed only on success, then `first` and `last` are equal
 * @param diags   receives no-haproxy-version, unknown-release, release-newer-than-known; may be NULL
 * @return KHAP_OK; KHAP_EINPUT when it is not that output, or of a release that is not known; KHAP_EINVAL
 */
enum khap_status khap_target_from_vv(struct khap_str output, struct khap_target *target,
                                     struct khap_diags *diags);

/**
 * Goes through the known releases from old to new.
 *
 * @param index  from 0
 * @return KHAP_RELEASE(), or 0 past the end
 *
 * Example: `for (size_t i = 0; (release = khap_release_at(i)) != 0; i++)`
 */
uint16_t khap_release_at(size_t index);

/** A configuration as a sequence of lines. */
struct khap_document;

/** One line of a document; a handle that stays valid whatever is inserted elsewhere. */
struct khap_line;

/**
 * Makes an empty document.
 *
 * @param alloc   allocator, or NULL
 * @param target  what it is written for; copied
 * @param out     [out] freed with khap_document_free(), or by the bundle that takes it
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL (a target that was not initialised, or whose range runs
 * backwards)
 */
enum khap_status khap_document_new(const struct khap_alloc *alloc, const struct khap_target *target,
                                   struct khap_document **out);

/**
 * Frees a document with all its lines.
 *
 * @param doc  the document, or NULL; one that was given to a bundle is freed by the bundle
 */
void khap_document_free(struct khap_document *doc);

/**
 * Inserts a line of words. Each word is encoded for the target, so that HAProxy reads exactly these words
 * back. No other line moves, and all handles stay valid. A refused line leaves the document as it was.
 *
 * @param doc     the document
 * @param after   the line of this document to stand behind, or NULL for the beginning
 * @param indent  blanks before the first word
 * @param words   the words; the document keeps no reference to them
 * @param n       how many, at most 64; 0 makes an empty line
 * @param origin  what asked for the line; khap_line_origin() gives it back
 * @param out     [out] the line, borrowed from the document; may be NULL
 * @return KHAP_OK; KHAP_EINPUT when the target cannot take one of the words (an empty one, one with a NUL, a
 * first one that begins with `.` or `[`), or the line has over 64 words, or over 2047 bytes in 1.5;
 * KHAP_ENOMEM; KHAP_ELIMIT when the document would grow over 4 GiB; KHAP_EINVAL
 *
 * Example: the words `option`, `httpchk`, `GET /a b` become the line `option httpchk 'GET /a b'`.
 */
enum khap_status khap_document_insert(struct khap_document *doc, struct khap_line *after, uint32_t indent,
                                      const struct khap_str *words, size_t n, struct khap_place origin,
                                      struct khap_line **out);

/**
 * Goes through the lines.
 *
 * @param doc   the document
 * @param prev  a line of it, or NULL for the first one
 * @return the line after it, borrowed from the document; NULL at the end
 */
struct khap_line *khap_line_next(const struct khap_document *doc, const struct khap_line *prev);

/**
 * The bytes of a line as they are printed, with the line end (LF).
 *
 * @param line  the line
 * @return its bytes, borrowed from the document, at the same address as long as the document lives
 */
struct khap_str khap_line_text(const struct khap_line *line);

/**
 * What asked for a line.
 *
 * @param line  the line
 * @return the place that was given when it was made; source 0 when there is none
 */
struct khap_place khap_line_origin(const struct khap_line *line);

/**
 * How many bytes the document prints.
 *
 * @param doc  the document
 * @return bytes, line ends included; less than 4 GiB
 */
uint64_t khap_document_length(const struct khap_document *doc);

/**
 * Prints a document: the bytes of all lines in their order. Lines that lie side by side go in one piece.
 *
 * @param doc   the document
 * @param sink  where it goes; not kept
 * @return KHAP_OK, KHAP_EIO when the sink refused, KHAP_EINVAL
 */
enum khap_status khap_document_print(const struct khap_document *doc, const struct khap_sink *sink);

/** Where the library reads files from; by default it opens nothing. */
struct khap_file_source {
    size_t size; /**< sizeof(struct khap_file_source) as the caller knows it */
    void *ctx;
    /**
     * Reads a whole file. `*text` stays borrowed from the source until `done` is called with it.
     * Returns KHAP_OK, KHAP_ENOENT, KHAP_EIO, KHAP_ELIMIT, KHAP_ENOMEM.
     */
    enum khap_status (*read)(void *ctx, struct khap_str path, struct khap_str *text);
    void (*done)(void *ctx, struct khap_str text);
    /**
     * Calls `entry` for the name of each regular file of a directory, in bytewise order; stops at the first
     * status that is not KHAP_OK and returns it. May be NULL: then directories are not looked into. Otherwise
     * returns as `read`.
     */
    enum khap_status (*list)(void *ctx, struct khap_str path,
                             enum khap_status (*entry)(void *entry_ctx, struct khap_str name),
                             void *entry_ctx);
};

/**
 * Several files that are one configuration: HAProxy files in their order, and side files (maps, crt-lists,
 * certificates, error files).
 */
struct khap_bundle;

/** A file of a bundle. */
struct khap_bundle_file;

/**
 * Makes an empty bundle.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] the bundle; the caller frees it with khap_bundle_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_bundle_new(const struct khap_alloc *alloc, struct khap_bundle **out);

/**
 * Frees a bundle, all its files and the documents in it.
 *
 * @param bundle  the bundle, or NULL
 */
void khap_bundle_free(struct khap_bundle *bundle);

/**
 * Adds a configuration file behind those that are there; HAProxy reads them in this order.
 *
 * @param bundle  the bundle
 * @param name    relative path without `.`, `..` and empty parts, at most 4096 bytes; copied
 * @param doc     its text; taken over by the bundle on success, still the caller's on failure
 * @param secret  whether it holds a secret and must be created with mode 0600: 0 or 1
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL for another kind of name or one that is there already
 */
enum khap_status khap_bundle_add_document(struct khap_bundle *bundle, struct khap_str name,
                                          struct khap_document *doc, int secret);

/**
 * Adds a side file: a map, a crt-list, a certificate, an error file.
 *
 * @param bundle  the bundle
 * @param name    relative path, as in khap_bundle_add_document(); copied
 * @param text    its bytes; copied
 * @param secret  whether it holds a secret and must be created with mode 0600: 0 or 1
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL for another kind of name or one that is there already
 */
enum khap_status khap_bundle_add_file(struct khap_bundle *bundle, struct khap_str name, struct khap_str text,
                                      int secret);

/**
 * Goes through the files: the configuration files in the order in which HAProxy reads them, then the side
 * files in the order in which they were added.
 *
 * @param bundle  the bundle
 * @param prev    a file of it, or NULL for the first one
 * @return the next file, borrowed from the bundle; NULL at the end
 */
const struct khap_bundle_file *khap_bundle_next(const struct khap_bundle *bundle,
                                                const struct khap_bundle_file *prev);

/**
 * Finds a file by its name.
 *
 * @param bundle  the bundle
 * @param name    the relative path, byte for byte
 * @return the file, borrowed from the bundle; NULL when it is not there
 */
const struct khap_bundle_file *khap_bundle_find(const struct khap_bundle *bundle, struct khap_str name);

/**
 * The name of a file.
 *
 * @param file  the file
 * @return its relative path, borrowed from the bundle
 */
struct khap_str khap_bundle_file_name(const struct khap_bundle_file *file);

/**
 * The document of a configuration file.
 *
 * @param file  the file
 * @return the document, borrowed from the bundle; NULL for a side file
 */
const struct khap_document *khap_bundle_file_document(const struct khap_bundle_file *file);

/**
 * Whether a file must be created with mode 0600.
 *
 * @param file  the file
 * @return 1 when it holds a secret, else 0
 */
int khap_bundle_file_secret(const struct khap_bundle_file *file);

/**
 * Prints one file.
 *
 * @param file  the file
 * @param sink  where it goes; not kept
 * @return KHAP_OK, KHAP_EIO when the sink refused, KHAP_EINVAL
 */
enum khap_status khap_bundle_file_print(const struct khap_bundle_file *file, const struct khap_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
