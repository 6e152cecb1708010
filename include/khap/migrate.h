/*
 * khap/migrate.h - a configuration for another release
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_MIGRATE_H
#define KHAP_MIGRATE_H

#include <khap/check.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a bundle is migrated. Set by khap_migrate_options_init(). */
struct khap_migrate_options {
    size_t size;                       /**< sizeof(struct khap_migrate_options) as the caller knows it */
    const struct khap_if_facts *facts; /**< what is known of build and environment, for `.if`; NULL */
    uint32_t
        parts; /**< 1: a section whose opening line has no origin (source 0) is a part of one that stands elsewhere: of changed defaults only those
                       of its `bind` and `server` lines are looked at. Else 0 */
};

/**
 * The default: nothing known of the environment.
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_migrate_options_init(struct khap_migrate_options *options);

/**
 * The newest release that takes a bundle: neither khap_document_parse() nor khap_check() finds an error for it.
 *
 * @param alloc    allocator, or NULL
 * @param bundle   the bundle; its documents are for that release afterwards, or for the oldest one when none takes it
 * @param options  NULL for the default
 * @param release  [out] KHAP_RELEASE(), or 0 when none takes it
 * @return KHAP_OK; KHAP_ENOMEM; KHAP_ELIMIT; KHAP_EINVAL
 */
enum khap_status khap_migrate_release(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                                      const struct khap_migrate_options *options, uint16_t *release);

/**
 * Rewrites a bundle so that another release does with it what one did. What went from HAProxy is replaced by what does the same, or
 * nearly; defaults that changed are written out, or told; words that the other release reads in another way are written so that it reads
 * the same. Every other byte stays. What cannot be done is an error, and its line stays as it is: migrate-left of the steps, and whatever khap_check()
 * finds that it did not find for the release before.
 *
 * Lines that the release before does not read (branches of `.if`), or that the other one does not, stay as they are.
 *
 * @param alloc    allocator, or NULL
 * @param bundle   [in,out] the bundle; its documents are for `to` afterwards. Side files stay
 * @param from     the release that the configuration was written for
 * @param to       the other one; may be older, then only what has an equivalent there is replaced
 * @param options  NULL for the default
 * @param diags    receives what was done: notes (migrate-replaced, …), warnings where the effect differs (migrate-differs, …), errors; may be
 * NULL
 * @return KHAP_OK; KHAP_EINPUT when something was left that a person must do, then the rest is done; KHAP_ENOMEM, KHAP_ELIMIT, then some lines may be
 * changed and others not; KHAP_EINVAL, also for a release that is not known
 *
 * Example: from 2.0 to 2.6, `reqidel ^X-Debug:` becomes `http-request del-header X-Debug` behind the other http-request rules.
 */
enum khap_status khap_migrate(const struct khap_alloc *alloc, struct khap_bundle *bundle, uint16_t from,
                              uint16_t to, const struct khap_migrate_options *options,
                              struct khap_diags *diags);

#ifdef __cplusplus
}
#endif
#endif
