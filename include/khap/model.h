/*
 * khap/model.h - the service map: nodes, services, hosts, routes, certificates
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_MODEL_H
#define KHAP_MODEL_H

#include <khap/cfg.h>
#include <khap/diag.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A service map. */
struct khap_model;

/**
 * Makes an empty map.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] freed with khap_model_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_model_new(const struct khap_alloc *alloc, struct khap_model **out);

/** Frees a map; NULL is allowed. */
void khap_model_free(struct khap_model *model);

/**
 * Reads a source (all its YAML documents) into the map, merged with what is there. A name that is defined
 * twice is an error with both places.
 *
 * @param model   the map
 * @param source  a number from khap_sources_add(), of the list that `diags` was made with; 0 for one that could not be
 *                read: the rest of the map is checked as far as can be told without it, but is never good
 * @param diags   receives all errors of the source
 * @return KHAP_OK, KHAP_EINPUT (the map then holds what could be read), KHAP_ENOMEM, KHAP_ELIMIT
 */
enum khap_status khap_model_read(struct khap_model *model, uint32_t source, struct khap_diags *diags);

/**
 * Sets one key. The path is the key's, with names in place: `services.web.nodePort`, `nodes.node1.address`,
 * `frontends.http.bind`; a name that holds a dot is put in double quotes: `services."a.b".check.path`; an
 * item of a list is its number from 0, or `+` for a new one: `certs.+.directory`. What stood there is
 * replaced, missing objects on the way are made.
 *
 * @param model  the map
 * @param path   the path
 * @param value  a value as YAML writes it: `8080`, `[a, b]`, `{path: /healthz}`
 * @param place  where path and value were given, for diagnostics and origins; the value's text is copied
 * @param diags  receives unknown-key, wrong-type …
 * @return KHAP_OK, KHAP_EINPUT, KHAP_ENOMEM
 *
 * Example: `khap_model_set(m, S("services.web.nodePort"), S("32001"), place, diags)`.
 */
enum khap_status khap_model_set(struct khap_model *model, struct khap_str path, struct khap_str value,
                                struct khap_place place, struct khap_diags *diags);

/**
 * Whether a map says a key, and where.
 *
 * @param model  the map
 * @param path   as khap_model_set() takes it
 * @param place  [out] where the value stands, of an object its key; may be NULL
 * @return KHAP_OK, KHAP_ENOENT when the map does not say it, KHAP_EINPUT for a path that is none, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_model_find(struct khap_model *model, struct khap_str path, struct khap_place *place);

/**
 * The target that the map itself names (`haproxy:`).
 *
 * @param model   the map
 * @param target  [in,out] initialised; changed when the map names one
 * @param diags   receives unknown-release; may be NULL
 * @return KHAP_OK, KHAP_ENOENT when the map names none, KHAP_EINPUT
 */
enum khap_status khap_model_target(const struct khap_model *model, struct khap_target *target,
                                   struct khap_diags *diags);

/**
 * Where the map names its target: the value of `haproxy:`, or of `release` in it.
 *
 * @param model  the map
 * @return the place; source 0 when the map names none
 */
struct khap_place khap_model_target_place(const struct khap_model *model);

/** HAProxy lines of one's own in a map, the value of one key. Set by khap_model_lines_init(). */
struct khap_model_lines {
    size_t size;          /**< sizeof(struct khap_model_lines) as the caller knows it */
    const char *key;      /**< "services.*.extra"; static */
    struct khap_str name; /**< of the frontend or the service, borrowed from the map; else empty */
    const char *
        section; /**< what they are lines of: "global", "defaults", "frontend" or "backend"; "" for whole sections; static */
    struct khap_str text;    /**< as YAML decodes it, borrowed from the map */
    struct khap_place place; /**< of the value as it is written; an alias has the place of the alias */
    uint32_t tcp;            /**< 1 when the section's mode is tcp, else 0 */
    uint32_t kind;           /**< where the search stands */
    const void *at;          /**< where the search stands */
};

/**
 * Before the first of the lines.
 *
 * @param lines  [out] filled; `size` is set here
 */
void khap_model_lines_init(struct khap_model_lines *lines);

/**
 * Goes through the lines of one's own: `global`, `defaults`, `extra` of frontends in the order of the map, of `serviceDefaults` and of services,
 * `sections`. Needs no memory.
 *
 * @param model  the map; not changed meanwhile
 * @param lines  [in,out] initialised, then as it was left
 * @return KHAP_OK, KHAP_ENOENT at the end, KHAP_EINVAL
 *
 * Example: `while (khap_model_lines_next(model, &lines) == KHAP_OK)`.
 */
enum khap_status khap_model_lines_next(const struct khap_model *model, struct khap_model_lines *lines);

/**
 * Writes the map as YAML, in the order of keys.tsv at every level and the given order of names; reading it
 * again gives an equal map.
 *
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM
 */
enum khap_status khap_model_write(const struct khap_model *model, const struct khap_sink *sink);

/** A key of the service map, as the manual page khap-services(5) has it; all strings are static. */
struct khap_key {
    size_t size;              /**< sizeof(struct khap_key) as the caller knows it */
    const char *path;         /**< "services.*.check.path" */
    const char *type;         /**< "time", "list(host)" … */
    const char *applies;      /**< "http,tcp,passthrough", or "-" outside of services */
    uint16_t since;           /**< first release that can do it, KHAP_RELEASE() */
    uint16_t annotation;      /**< 1 when a Kubernetes Service may carry it as an annotation */
    const char *default_text; /**< what holds without it; "-" for nothing */
    const char *example;      /**< a value as YAML; "-" when it only holds other keys */
    const char *text;         /**< one sentence */
};

/**
 * Goes through all keys in the order of the manual.
 *
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_key_at(size_t index, struct khap_key *out);

#ifdef __cplusplus
}
#endif
#endif
