/*
 * khap/check.h - what HAProxy would say of a configuration, without HAProxy
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_CHECK_H
#define KHAP_CHECK_H

#include <khap/cert.h>
#include <khap/view.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What shall be said otherwise than it usually is: codes of warnings and notes that are passed over, and codes of another severity. What HAProxy
 * refuses stays told: an error can be made a warning or a note, but not be passed over.
 */
struct khap_rules;

/** As a severity: the code is passed over. */
#define KHAP_IGNORE 0u

/**
 * Makes rules that change nothing.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] freed with khap_rules_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_rules_new(const struct khap_alloc *alloc, struct khap_rules **out);

/**
 * Frees rules.
 *
 * @param rules  the rules, or NULL
 */
void khap_rules_free(struct khap_rules *rules);

/**
 * Sets what becomes of a code, in place of what was set before.
 *
 * @param rules     the rules
 * @param code      a code that khap_message_find() knows
 * @param severity  a value of enum khap_severity, or KHAP_IGNORE
 * @return KHAP_OK; KHAP_ENOENT when there is no such code; KHAP_EREFUSED for an error that would be passed over; KHAP_EINVAL
 */
enum khap_status khap_rules_set(struct khap_rules *rules, struct khap_str code, uint32_t severity);

/**
 * Reads rules: on each line a code, `ignore`, `note`, `warning` or `error`, and perhaps the reason. Blank lines, and what is behind a # at the
 * beginning of a line, are passed over.
 *
 * @param rules   the rules; what a line says is set as by khap_rules_set()
 * @param text    the lines; not kept
 * @param source  the number of that text in the sources of `diags`, for places; 0 for none
 * @param diags   receives bad-rule, an error, for a line that is none; the notes unknown-code and ignore-of-error, for a line that is passed
 * over. May be NULL
 * @return KHAP_OK, also with notes; KHAP_EINPUT when a line is none, the others are set all the same; KHAP_ENOMEM when that could not be told;
 * KHAP_EINVAL
 *
 * Example: "address-twice ignore: our servers are told apart by their names".
 */
enum khap_status khap_rules_read(struct khap_rules *rules, struct khap_str text, uint32_t source,
                                 struct khap_diags *diags);

/** How a bundle is checked. Set by khap_check_options_init(). */
struct khap_check_options {
    size_t size;                       /**< sizeof(struct khap_check_options) as the caller knows it */
    const struct khap_if_facts *facts; /**< what is known of build and environment, for `.if`; NULL */
    const struct khap_rules *rules;    /**< what is told otherwise; NULL */
    /** Where the files are looked for that the configuration names, by the path that HAProxy would open; NULL: all are taken for good. */
    const struct khap_file_source *files;
    const struct khap_cert_reader *certs; /**< with `files`: looks into certificates; NULL: nobody does */
    /**
     * With `files`: receives copies of those in which something is wrong, so that it is told where; the sources of `diags`. NULL: the
     * place is where the configuration names the file.
     */
    struct khap_sources *sources;
    int64_t
        now; /**< with `certs`: seconds since 1970, for certificates that expire; 0: dates are not looked at */
    uint32_t
        expires_days; /**< from how many days before it expires on that is told of a certificate; default 14 */
    uint32_t unused;  /**< 0 */
};

/**
 * The default: nothing known of the environment and of the time.
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_check_options_init(struct khap_check_options *options);

/**
 * Checks a bundle: every word of every line that HAProxy may read, and every name in it. What HAProxy refuses is an error, what it warns
 * of a warning. What depends on an environment variable is taken for good, and so is a file
 * beside the configuration, unless `options->files` is given: then what HAProxy says of the files that it reads when it starts is told, too:
 * whether they are there, and what is in them. Of certificates that HAProxy takes more is told, as a warning or a note: dates, chain, strength, names
 * that a crt-list gives to one which does not have them, a name that two certificates of a bind have.
 *
 * For a target of several releases everything is told that one of them says.
 *
 * What khap_document_parse() says of a file is not said again; but `options->rules` and comments of the files hold for all that `diags` has, and
 * for what is told here. Comments are `# khapgen: ignore CODE[,CODE] reason` on the line that they speak of, or alone before it, and
 * `# khapgen: ignore-file CODE[,CODE] reason` anywhere in a file. They pass over warnings and notes, not errors; one that has nothing to pass over
 * is a note, ignore-unused. Only what has a place in a source can be passed over by a comment.
 *
 * @param alloc    allocator, or NULL
 * @param bundle   the bundle
 * @param target   for which releases
 * @param options  NULL for the default
 * @param diags    receives what is found
 * @return KHAP_OK, also when something was found; KHAP_ENOMEM; KHAP_ELIMIT as khap_view_new(); KHAP_EINVAL
 *
 * Example: khap_diags_count(diags, KHAP_ERROR) is 0 for a configuration that HAProxy takes.
 */
enum khap_status khap_check(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                            const struct khap_target *target, const struct khap_check_options *options,
                            struct khap_diags *diags);

#ifdef __cplusplus
}
#endif
#endif
