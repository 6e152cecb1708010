/*
 * khap/check.h - what HAProxy would say of a configuration, without HAProxy
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_CHECK_H
#define KHAP_CHECK_H

#include <khap/view.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a bundle is checked. Set by khap_check_options_init(). */
struct khap_check_options {
    size_t size;                       /**< sizeof(struct khap_check_options) as the caller knows it */
    const struct khap_if_facts *facts; /**< what is known of build and environment, for `.if`; NULL */
};

/**
 * The default: nothing known of the environment.
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_check_options_init(struct khap_check_options *options);

/**
 * Checks a bundle: every word of every line that HAProxy may read, and every name in it. What HAProxy refuses is an error, what it warns
 * of a warning. What depends on an environment variable, or on a file beside the configuration, is taken for good.
 *
 * For a target of several releases everything is told that one of them says.
 *
 * What khap_document_parse() says of a file is not said again.
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
