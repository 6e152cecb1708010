/*
 * khap/routes.h - a table of requests, what is expected of each, and whether a configuration does it
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_ROUTES_H
#define KHAP_ROUTES_H

#include <khap/diag.h>
#include <khap/route.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A table of requests; khap-routes(5) explains its YAML. It is not changed after it was read: several threads may use it. */
struct khap_routes;

/**
 * Reads a table.
 *
 * @param alloc   allocator, or NULL
 * @param source  a number from khap_sources_add(), of the list that `diags` was made with; its text must outlive the call only
 * @param diags   receives all that is wrong with it
 * @param out     [out] freed with khap_routes_free(); NULL on failure
 * @return KHAP_OK, KHAP_EINPUT, KHAP_ENOMEM, KHAP_ELIMIT, KHAP_EINVAL
 */
enum khap_status khap_routes_read(const struct khap_alloc *alloc, uint32_t source, struct khap_diags *diags,
                                  struct khap_routes **out);

/**
 * Frees a table.
 *
 * @param routes  the table, or NULL
 */
void khap_routes_free(struct khap_routes *routes);

/** One request of a table. */
struct khap_routes_test {
    size_t size;                       /**< sizeof(struct khap_routes_test) as the caller knows it */
    struct khap_str name;              /**< what it is called: `name`, else method and URL */
    struct khap_place place;           /**< where it stands in the table */
    struct khap_place url;             /**< where its URL stands */
    struct khap_route_request request; /**< what is asked */
};

/**
 * One of the requests, in the order of the table.
 *
 * @param routes  the table
 * @param index   from 0
 * @param out     [in,out] `size` set by the caller; filled. What it holds is borrowed from the table
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_routes_test_at(const struct khap_routes *routes, size_t index,
                                     struct khap_routes_test *out);

/** Something that is not as expected. Texts are borrowed for the call only. */
struct khap_routes_fault {
    size_t size;             /**< sizeof(struct khap_routes_fault) */
    const char *key;         /**< what was expected: "backend", "headers" …; static */
    struct khap_str wanted;  /**< the value expected; of headers the name and the value */
    struct khap_str got;     /**< what happens instead, in words */
    struct khap_place place; /**< of the expectation in the table */
    uint32_t unknown;        /**< 1: it may be as expected, but that is not certain */
};

/**
 * Holds an answer against what is expected of a request.
 *
 * @param routes  the table
 * @param index   which request
 * @param answer  the answer to its question, from khap_route_ask()
 * @param fault   called for each thing that is not as expected, in the order of the table; may be NULL. What it returns other than
 * KHAP_OK ends the call with that
 * @param ctx     its first argument
 * @param good    [out] 1 when all is as expected, else 0
 * @return KHAP_OK, KHAP_ENOENT when there is no such request, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status
khap_routes_judge(const struct khap_routes *routes, size_t index, const struct khap_route_answer *answer,
                  enum khap_status (*fault)(void *ctx, const struct khap_routes_fault *fault), void *ctx,
                  uint32_t *good);

/**
 * Writes an answer as an item of a table: the request, and what becomes of it as what is expected. What is read from it is as it is now. Of
 * several things that may happen, what they have in common is written; where that is nothing, the first, with `unknown: true`.
 *
 * @param alloc    allocator, or NULL
 * @param request  what was asked
 * @param answer   the answer to it
 * @param sink     where it goes; behind a line `tests:`
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_routes_record(const struct khap_alloc *alloc, const struct khap_route_request *request,
                                    const struct khap_route_answer *answer, const struct khap_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
