/*
 * khap/import.h - from a configuration to a service map
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_IMPORT_H
#define KHAP_IMPORT_H

#include <khap/cfg.h>
#include <khap/model.h>
#include <khap/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a configuration is imported. Set by khap_import_options_init(). */
struct khap_import_options {
    size_t size;                       /**< sizeof(struct khap_import_options) as the caller knows it */
    const struct khap_if_facts *facts; /**< what is known of build and environment, for `.if`; NULL */
    const struct khap_file_source *
        files; /**< where maps and crt-lists are read that the bundle does not hold; NULL: they are unknown */
    struct khap_target target; /**< what the map is tried for: as khap_generate() would be asked afterwards */
};

/**
 * The default: nothing known of the environment, no file but those of the bundle, the target of khap_target_init().
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_import_options_init(struct khap_import_options *options);

/** What became of the lines of a configuration. Set by khap_import(). */
struct khap_import_share {
    size_t size;         /**< sizeof(struct khap_import_share) as the caller knows it */
    uint32_t lines;      /**< those with words, headers of sections among them, that HAProxy reads */
    uint32_t vocabulary; /**< of them, those that keys of the map say */
    uint32_t raw;        /**< those that `extra`, `sections`, `global` and `defaults` keep as they are */
    uint32_t lost;       /**< those that could not be kept; each is an error */
};

/**
 * Makes a service map whose configuration routes as this one does.
 *
 * What the keys of the map can say becomes keys: services, nodes that several backends share, hosts and paths, cookies, checks,
 * certificates, policies. Other lines are kept in the map where they act: in `extra` of a frontend or a service, in `global` and `defaults`, or as
 * whole sections in `sections`. The map is then generated, and both configurations are asked for the hosts and paths that either names:
 * a frontend for which they would not answer alike is kept as a section.
 *
 * @param alloc    allocator, or NULL
 * @param bundle   the configuration; side files are read through it
 * @param target   as which release it is read; the newest one of a range counts
 * @param options  NULL for the default
 * @param diags    receives what differs (import-differs …), and errors for lines that could not be kept (import-lost); may be NULL
 * @param share    [in,out] `size` set by the caller; filled, also when lines were lost; may be NULL
 * @param out      [out] the map, freed with khap_model_free(); NULL on failure
 * @return KHAP_OK; KHAP_EINPUT when lines were lost, then `*out` is the map of the rest; KHAP_ENOMEM; KHAP_ELIMIT; KHAP_EINVAL
 *
 * Example: `use_backend kube-ui if { hdr(host) -i manage.example }` becomes `services: {kube-ui: {hosts: [manage.example]}}`.
 */
enum khap_status khap_import(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                             const struct khap_target *target, const struct khap_import_options *options,
                             struct khap_diags *diags, struct khap_import_share *share,
                             struct khap_model **out);

#ifdef __cplusplus
}
#endif
#endif
