/*
 * khap/gen.h - from a service map to a configuration
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_GEN_H
#define KHAP_GEN_H

#include <khap/cfg.h>
#include <khap/cert.h>
#include <khap/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What khap_generate() should make. Set by khap_generate_options_init(). */
struct khap_generate_options {
    /** sizeof(struct khap_generate_options) as the caller knows it */
    size_t size;
    struct khap_target target; /**< what for */
    /** 0: one file without side files; 1: a bundle that routes by map */
    uint32_t bundle;
    /** where certificates, keys and cookie keys are read from; NULL reads none */
    const struct khap_file_source *files;
    const struct khap_cert_reader *certs; /**< tells about certificates; NULL: no warnings about them */
    /** seconds since 1970, for the warnings of certificates that expire; 0: not checked */
    int64_t now;
    /**
     * Somebody's own file, of which only what stands between `# BEGIN khapgen` and `# END khapgen` is khapgen's;
     * without these marks a block is added at the end. The bundle is then this one file, all of it, and
     * `bundle` is not looked at. Borrowed; must outlive the bundle. A NULL pointer: none; an empty file has
     * another pointer, and length 0
     */
    struct khap_str into;
    uint32_t into_source;  /**< its number among the sources of the diagnostics, 0 for none */
    uint32_t into_force;   /**< 1: a block that somebody changed is replaced, too; 0: it is KHAP_EREFUSED */
    void *placeholder_ctx; /**< first argument of `placeholder` */
    /**
     * Gives the certificate that `placeholder: true` asks for, in a bundle: certificate and private key in PEM, those of the last time or new
     * ones. Asked at most once a run. NULL: nobody can, and such a map is KHAP_EINPUT.
     *
     * @param ctx   `placeholder_ctx`
     * @param name  the name that the file will have in the bundle; it is a secret there
     * @param pem   [out] its text, borrowed until khap_generate() returns
     * @return KHAP_OK; KHAP_ENOMEM; another status, which is told
     */
    enum khap_status (*placeholder)(void *ctx, struct khap_str name, struct khap_str *pem);
    void *held_ctx; /**< first argument of `held` */
    /**
     * Gives a certificate that the caller holds and that is no file yet: asked for each `file` of `certs`, which is then its name in the bundle, where it is
     * a secret. One file without a bundle cannot carry it: KHAP_EINPUT. NULL: there are none.
     *
     * @param ctx   `held_ctx`
     * @param name  what `file` says
     * @param pem   [out] certificate chain and private key in PEM, borrowed until khap_generate() returns
     * @return KHAP_OK; KHAP_ENOENT when it is a file as any other
     */
    enum khap_status (*held)(void *ctx, struct khap_str name, struct khap_str *pem);
    /**
     * The file from which HAProxy takes states of servers when it starts, as `server-state-file` of `global` has it; it must exist then. Empty:
     * none. Not with `into`
     */
    struct khap_str server_states;
    /**
     * 1: in a bundle for HAProxy 3.4, backends of mode http have their settings from named sections `defaults`,
     * so that services with settings already in use come and go without a reload; 0: each backend says all of its settings
     */
    uint32_t profiles;
    void *leaving_ctx; /**< first argument of `leaving` */
    /**
     * Gives servers that leave a backend, and are still written, behind its own: asked for each backend with `index` 0, 1, … until there is no
     * other one. NULL: there are none. Not with `into`.
     *
     * @param ctx      `leaving_ctx`
     * @param backend  the backend
     * @param names    the servers that it has by the map
     * @param n        how many
     * @param index    from 0
     * @param line     [out] a line of HAProxy's, `server NAME …`, borrowed until the next call
     * @return KHAP_OK; KHAP_ENOENT when there is no other one; KHAP_ENOMEM
     */
    enum khap_status (*leaving)(void *ctx, struct khap_str backend, const struct khap_str *names, uint32_t n,
                                uint32_t index, struct khap_str *line);
};

/** Fills the defaults: 2.2 to 3.4, one file, reads nothing. */
void khap_generate_options_init(struct khap_generate_options *options);

/**
 * Generates. The same map and options give the same bytes.
 *
 * @param model    the map
 * @param options  what to make; NULL for the defaults
 * @param diags    errors and warnings; warnings alone do not fail
 * @param out      [out] the bundle ("haproxy.cfg" first), freed with khap_bundle_free(); NULL on failure
 * @return KHAP_OK, KHAP_EINPUT (see the diagnostics), KHAP_EREFUSED (the block in `into` was changed), KHAP_ENOMEM,
 * KHAP_ELIMIT
 */
enum khap_status khap_generate(const struct khap_model *model, const struct khap_generate_options *options,
                               struct khap_diags *diags, struct khap_bundle **out);

/** Whose a text is. */
enum khap_written { KHAP_WRITTEN_BY_OTHERS = 0, KHAP_WRITTEN_BY_KHAPGEN = 1, KHAP_WRITTEN_THEN_CHANGED = 2 };

/**
 * Whether khapgen wrote this file, and whether somebody changed it since: the first line holds a sum of what follows.
 *
 * @param text  all of the file
 */
enum khap_written khap_written_state(struct khap_str text);

#ifdef __cplusplus
}
#endif
#endif
