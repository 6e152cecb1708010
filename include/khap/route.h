/*
 * khap/route.h - which backend a configuration gives a request to, and by which lines
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_ROUTE_H
#define KHAP_ROUTE_H

#include <khap/cfg.h>
#include <khap/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A configuration that questions can be put to. What stands in its lines is read once; a later edit of a document does not change it. It is not
 * changed by questions: several threads may ask at once, if the allocator allows it.
 */
struct khap_route;

/** How a configuration is read. Set by khap_route_options_init(). */
struct khap_route_options {
    size_t size;                       /**< sizeof(struct khap_route_options) as the caller knows it */
    const struct khap_if_facts *facts; /**< what is known of build and environment, for `.if`; NULL */
    const struct khap_file_source *
        files; /**< where maps and files of patterns are read, behind the side files of the bundle; NULL: they are unknown */
    /**
     * Whether a password is the one of a userlist's `password`, as crypt(3) tells it. KHAP_OK with *same 1 or 0; anything else: it cannot be told. NULL: what depends
     * on such a password is unknown. The texts are borrowed for the call.
     */
    enum khap_status (*crypt)(void *ctx, struct khap_str password, struct khap_str hash, uint32_t *same);
    void *crypt_ctx; /**< first argument of `crypt` */
    /**
     * A digest by the name that OpenSSL has for it ("sha1", "SHA-256"), at most 64 bytes, with the length of the blocks that it is made over. KHAP_OK; KHAP_ENOENT when
     * there is none of that name. NULL: what depends on one is unknown. The texts are borrowed for the call.
     */
    enum khap_status (*digest)(void *ctx, struct khap_str name, struct khap_str text, unsigned char out[64],
                               uint32_t *len, uint32_t *block);
    void *digest_ctx; /**< first argument of `digest` */
};

/**
 * The default: nothing known of the environment, no file but those of the bundle.
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_route_options_init(struct khap_route_options *options);

/**
 * Reads a bundle for questions.
 *
 * @param alloc    allocator, or NULL
 * @param bundle   the bundle; must outlive what is made, with its documents
 * @param target   as which release; the newest one of a range counts
 * @param options  NULL for the default
 * @param diags    receives what is wrong with conditions of `.if`; may be NULL. Other faults of the configuration are
 * for khap_check() to tell; lines that HAProxy would refuse are passed over
 * @param out      [out] freed with khap_route_free()
 * @return KHAP_OK; KHAP_ENOMEM; KHAP_ELIMIT; KHAP_EINVAL
 */
enum khap_status khap_route_new(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                                const struct khap_target *target, const struct khap_route_options *options,
                                struct khap_diags *diags, struct khap_route **out);

/**
 * Frees it. Answers must have been freed before.
 *
 * @param route  the configuration, or NULL
 */
void khap_route_free(struct khap_route *route);

/** A header field of a request. */
struct khap_route_header {
    struct khap_str name;  /**< in any case */
    struct khap_str value; /**< without blanks at the ends */
};

/** A request, as a client sends it. Set by khap_route_request_init(); texts are borrowed for the question only. */
struct khap_route_request {
    size_t size; /**< sizeof(struct khap_route_request) as the caller knows it */
    struct khap_str
        url; /**< `https://host:port/path?query`; the scheme http or https, or tcp for a mere connection */
    struct khap_str method;                  /**< empty: GET */
    const struct khap_route_header *headers; /**< a Host among them stands in place of the URL's */
    size_t n_headers;
    struct khap_str source; /**< the client's address, perhaps with a port; empty: unknown */
    struct khap_str
        sni; /**< server name of the TLS handshake; empty: the URL's host, unless that is an address */
    struct khap_str alpn; /**< the protocol agreed on; empty: by `version` */
    struct khap_str
        bind; /**< only what listens on this address; empty: the very address in the URL, else whatever fits */
    struct khap_str uri;  /**< the target as it is sent, `*` or a whole URL; empty: path and query of `url` */
    uint32_t version;     /**< 10, 11 (the default), 20 or 30 */
    uint32_t client_cert; /**< 1: the client shows a certificate that is accepted; 0: none */
    uint32_t no_host;     /**< 1: it names no host, neither in a header nor, in HTTP/2, as its authority */
    uint32_t explain;     /**< 1: among the steps are rules that were come to and not carried out, with why */
    uint32_t has_body_length; /**< 1: `body_length` is known; 0: as header fields say it */
    uint64_t
        body_length; /**< how many bytes the body has; a Content-Length is sent when there is none among the header fields */
    struct khap_str
        client_subject; /**< subject of the client's certificate, "/O=Example/CN=joe" or "CN=joe,O=Example"; empty: unknown */
};

/**
 * GET, HTTP/1.1, nothing else known.
 *
 * @param request  [out] filled; `size` is set here
 */
void khap_route_request_init(struct khap_route_request *request);

/** What may become of a request. New ones may be added at the end. */
enum khap_route_kind {
    KHAP_ROUTE_BACKEND = 1,  /**< a backend takes it: `backend` */
    KHAP_ROUTE_REDIRECT = 2, /**< answered with a redirect: `status`, `location` */
    KHAP_ROUTE_ANSWER = 3,   /**< answered by HAProxy: `status` */
    KHAP_ROUTE_DENIED = 4,   /**< refused with an answer: `status` */
    KHAP_ROUTE_CLOSED = 5,   /**< the connection is closed, or left without an answer */
    KHAP_ROUTE_SERVICE = 6,  /**< an applet of HAProxy takes it: statistics, the exporter, Lua */
    KHAP_ROUTE_NOWHERE = 7,  /**< nothing listens there */
    KHAP_ROUTE_UNKNOWN = 8   /**< it cannot be told; the reasons say why */
};

/** One of the things that may become of a request. */
struct khap_route_outcome {
    size_t size;              /**< sizeof(struct khap_route_outcome) as the caller knows it */
    uint32_t kind;            /**< enum khap_route_kind */
    uint32_t status;          /**< HTTP status, or 0; 0 too where it is unknown */
    struct khap_str location; /**< of a redirect; empty where it is unknown */
    struct khap_str listener; /**< the address of the `bind` line that takes it, as it is written */
    struct khap_str frontend; /**< the name of the frontend or listen */
    struct khap_str backend;  /**< the name of the backend or listen; empty where none took part */
    struct khap_str method;  /**< of the request as it is then, behind all rules; empty where it is unknown */
    struct khap_str target;  /**< its target (path and query); empty where it is unknown */
    struct khap_place place; /**< of what decided */
    size_t n_headers;        /**< for khap_route_header_at(): of the request as it is then */
    size_t n_steps;          /**< for khap_route_step_at() */
    size_t n_servers;        /**< for khap_route_server_at() */
    size_t n_reasons;        /**< for khap_route_reason_at(): what it depends on; 0: it is certain */
};

/** A line that took part. */
struct khap_route_step {
    size_t size;             /**< sizeof(struct khap_route_step) as the caller knows it */
    struct khap_place place; /**< of the line */
    struct khap_str text;    /**< the line, without indentation; a comment behind it is part of it */
    uint32_t held; /**< enum khap_answer: whether its condition held; KHAP_TRUE without one. KHAP_FALSE
                                only where the request asks to `explain` */
    struct khap_str
        why; /**< of a rule that was not carried out: what did not hold, or, behind `unless`, what did */
};

/** A server that may get it. */
struct khap_route_server {
    size_t size;             /**< sizeof(struct khap_route_server) as the caller knows it */
    struct khap_str name;    /**< its name */
    struct khap_str address; /**< as it is written */
    struct khap_place place; /**< of its line */
    uint32_t backup;         /**< 1: only when all others are down */
    uint32_t
        chosen; /**< enum khap_answer: KHAP_TRUE when a rule or the client's cookie says that it is this one */
};

/** What may become of one request. */
struct khap_route_answer;

/**
 * Asks what becomes of a request.
 *
 * What only a running HAProxy knows is unknown: states of servers, counters, tables, random numbers, the time, Lua, bodies, responses. There is an
 * outcome for each of the things that may then happen.
 *
 * @param route    the configuration
 * @param request  the request
 * @param out      [out] freed with khap_route_answer_free()
 * @return KHAP_OK; KHAP_EINPUT when the URL or an address of the request is none; KHAP_ENOMEM; KHAP_EINVAL
 *
 * Example: `https://kube.example/ui` → one outcome, KHAP_ROUTE_BACKEND, `kube-ui`.
 */
enum khap_status khap_route_ask(const struct khap_route *route, const struct khap_route_request *request,
                                struct khap_route_answer **out);

/**
 * Frees an answer.
 *
 * @param answer  the answer, or NULL
 */
void khap_route_answer_free(struct khap_route_answer *answer);

/**
 * One of the outcomes; the first is what happens when each thing that is unknown fails to hold.
 *
 * @param answer  the answer
 * @param index   from 0
 * @param out     [in,out] `size` set by the caller; filled. What it holds is borrowed from the answer
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_route_outcome_at(const struct khap_route_answer *answer, size_t index,
                                       struct khap_route_outcome *out);

/**
 * A line that took part in an outcome, in the order in which HAProxy comes to them.
 *
 * @param answer   the answer
 * @param outcome  index of the outcome
 * @param index    from 0
 * @param out      [in,out] `size` set by the caller; filled. Borrowed from the answer
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_route_step_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                    struct khap_route_step *out);

/**
 * A server that may get the request, in the order of the configuration.
 *
 * @param answer   the answer
 * @param outcome  index of the outcome
 * @param index    from 0
 * @param out      [in,out] `size` set by the caller; filled. Borrowed from the answer
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_route_server_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                      struct khap_route_server *out);

/**
 * A header field of the request as it is then, behind all rules.
 *
 * @param answer   the answer
 * @param outcome  index of the outcome
 * @param index    from 0
 * @param known    [out] 1; 0 when its value is unknown, or whether it is there at all; may be NULL
 * @param out      [out] borrowed from the answer
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_route_header_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                      struct khap_route_header *out, uint32_t *known);

/**
 * Something unknown that an outcome depends on.
 *
 * @param answer   the answer
 * @param outcome  index of the outcome
 * @param index    from 0
 * @param place    [out] of the line where it stands; may be NULL
 * @return in words, borrowed from the answer: "`rand(100)`"; empty past the end
 */
struct khap_str khap_route_reason_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                     struct khap_place *place);

#ifdef __cplusplus
}
#endif
#endif
