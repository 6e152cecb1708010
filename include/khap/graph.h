/*
 * khap/graph.h - a picture of a configuration: binds, hosts and paths, services, nodes
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_GRAPH_H
#define KHAP_GRAPH_H

#include <khap/cert.h>
#include <khap/diag.h>
#include <khap/route.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A picture of a configuration. What it shows was copied or stands in the bundle. */
struct khap_graph;

/** What is shown. Set by khap_graph_options_init(). */
struct khap_graph_options {
    size_t size;                          /**< sizeof(struct khap_graph_options) as the caller knows it */
    const struct khap_if_facts *facts;    /**< what is known of build and environment, for `.if`; NULL */
    const struct khap_file_source *files; /**< where maps, files of patterns and certificates are read; NULL:
                                             only side files of the bundle */
    const struct khap_cert_reader *certs; /**< tells about certificates; NULL: none is looked at */
    const struct khap_sources *sources;   /**< names of files and lines, of places; NULL: none are shown */
    const struct khap_diags *findings;    /**< shown beside what they are about; NULL */
    struct khap_str title;                /**< of the picture; empty: "HAProxy" */
    int64_t now; /**< seconds since 1970, to tell which certificates expire; 0: not told */
};

/**
 * The default: nothing known, nothing looked at.
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_graph_options_init(struct khap_graph_options *options);

/**
 * Works out the picture. Hosts and paths are those that conditions and maps name; each is put as a question (khap_route_ask()), so that what is
 * shown is what becomes of such a request. What no host or path stands for (regular expressions, addresses of clients …) is shown as
 * the condition of the rule.
 *
 * @param alloc    allocator, or NULL
 * @param bundle   the bundle; must outlive the picture, with its documents
 * @param target   as which release; the newest one of a range counts
 * @param options  NULL for the default; what it points to need not outlive the call
 * @param out      [out] freed with khap_graph_free()
 * @return KHAP_OK; KHAP_ENOMEM; KHAP_ELIMIT; KHAP_EINVAL
 */
enum khap_status khap_graph_new(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                                const struct khap_target *target, const struct khap_graph_options *options,
                                struct khap_graph **out);

/**
 * Frees a picture.
 *
 * @param graph  the picture, or NULL
 */
void khap_graph_free(struct khap_graph *graph);

/** A host and path on a bind, or a rule, and where it leads. */
struct khap_graph_entry {
    size_t size;              /**< sizeof(struct khap_graph_entry) as the caller knows it */
    struct khap_str frontend; /**< the name of the frontend or listen */
    struct khap_str host;     /**< "a.example", "*.a.example"; empty: any host */
    struct khap_str path;     /**< with which paths begin; empty: any path */
    struct khap_str rule;     /**< a condition that no host and path stands for; empty for the others */
    struct khap_str url;      /**< what was asked; empty for a rule */
    struct khap_str service;  /**< the backend that takes it; empty where none does */
    struct khap_str location; /**< of a redirect; empty where it is unknown */
    uint32_t kind;            /**< enum khap_route_kind */
    uint32_t status;          /**< with which HAProxy answers, or 0 */
    uint32_t certain;         /**< 1: nothing else may become of it */
    uint32_t unused;          /**< 0 */
};

/**
 * One of the hosts, paths and rules, in the order of the configuration.
 *
 * @param graph  the picture
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled. Borrowed from the picture
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_graph_entry_at(const struct khap_graph *graph, size_t index,
                                     struct khap_graph_entry *out);

/** How a picture is written. New ones may be added at the end. */
enum khap_graph_format {
    KHAP_GRAPH_DOT = 1, /**< the language of graphviz */
    KHAP_GRAPH_SVG = 2, /**< an image, laid out already */
    KHAP_GRAPH_HTML = 3 /**< one page with all that belongs to it, to search and to click through */
};

/**
 * Writes the picture. Whatever stands in names, it is shown as text.
 *
 * @param graph   the picture
 * @param format  enum khap_graph_format
 * @param sink    where it goes; UTF-8, whatever bytes the configuration holds
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_graph_print(const struct khap_graph *graph, uint32_t format,
                                  const struct khap_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
