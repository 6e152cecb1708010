/*
 * khap/cluster.h - following a Kubernetes cluster: how it is reached, and what is asked of it
 *
 * Nothing here opens a connection or a file, and nothing knows what time it is. A kubeconfig is text in, addresses and credentials out. A watch is
 * bytes and time in, the next request and objects out; the objects go into a mirror, which can be written as manifests, for khap_kube_read().
 *
 *     for (;;) {
 *         khap_watch_step(watch, now, random, &next);
 *         // next.what: a GET of next.target is to be made; or wait until next.until; or close the connection
 *     }
 *     khap_watch_head(watch, now, 200, 0);      // when the answer begins,
 *     khap_watch_body(watch, now, bytes);       // for each piece of it,
 *     khap_watch_end(watch, now, random);       // and when it is over, however it came to that
 *
 * Times are milliseconds of any clock that goes forward.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_CLUSTER_H
#define KHAP_CLUSTER_H

#include <khap/diag.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- how a cluster is reached */

/** What a kubeconfig says of one cluster and one user. */
struct khap_cluster;

/** How a cluster is reached. All texts live as long as the khap_cluster; those that are not given are empty. Secrets are among them. */
struct khap_cluster_info {
    size_t size;             /**< sizeof(struct khap_cluster_info) as the caller knows it */
    struct khap_str context; /**< the name of the context that counts */
    struct khap_str server;  /**< the address: https://HOST:PORT, without a slash at the end */
    struct khap_str
        tls_server_name;       /**< the name that the server's certificate must have, in place of HOST */
    struct khap_str proxy_url; /**< a proxy on the way */
    struct khap_str ca_file, ca_data; /**< certificates that the server's must come from: a file, or PEM */
    struct khap_str token,
        token_file; /**< what stands behind `Bearer`; the file counts if both are given, and is read again and again */
    struct khap_str user, password;       /**< for Basic */
    struct khap_str cert_file, cert_data; /**< the client's certificate: a file, or PEM */
    struct khap_str key_file, key_data;   /**< and its key */
    struct khap_str as_user;              /**< whose rights are asked for: Impersonate-User */
    struct khap_str
        exec_command; /**< a program that gives credentials; khap_cluster_exec_argument() has its words */
    struct khap_str exec_version; /**< the `apiVersion` of what it is asked */
    uint32_t exec_arguments;      /**< how many words follow the command */
    uint32_t exec_variables;      /**< how many pairs NAME=VALUE are added to its environment */
    uint32_t exec_cluster_info;   /**< 1: it wants to know the cluster */
    uint32_t insecure;            /**< 1: the server's certificate is not looked at */
};

/**
 * Reads a kubeconfig, or several: of what stands in more than one, the first counts. Nothing that is said holds a line of them.
 *
 * @param alloc    allocator, or NULL
 * @param paths    where each file stands: relative paths in it begin there
 * @param texts    their texts
 * @param n        how many
 * @param context  the context; empty for the one that the file calls current
 * @param diags    receives what is wrong; not NULL
 * @param out      [out] freed with khap_cluster_free(); NULL on failure
 * @return KHAP_OK, KHAP_EINPUT, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_cluster_read(const struct khap_alloc *alloc, const struct khap_str *paths,
                                   const struct khap_str *texts, size_t n, struct khap_str context,
                                   struct khap_diags *diags, struct khap_cluster **out);

/**
 * The cluster that a pod runs in.
 *
 * @param alloc  allocator, or NULL
 * @param host   what KUBERNETES_SERVICE_HOST says
 * @param port   what KUBERNETES_SERVICE_PORT says
 * @param out    [out] freed with khap_cluster_free(); NULL on failure
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_cluster_inside(const struct khap_alloc *alloc, struct khap_str host,
                                     struct khap_str port, struct khap_cluster **out);

/** Frees it, and overwrites the secrets; NULL is allowed. */
void khap_cluster_free(struct khap_cluster *cluster);

/** Fills what is known; KHAP_EINVAL for a NULL or a size of 0. */
enum khap_status khap_cluster_get(const struct khap_cluster *cluster, struct khap_cluster_info *info);

/** A word behind the command of the program that gives credentials; empty behind the last. */
struct khap_str khap_cluster_exec_argument(const struct khap_cluster *cluster, uint32_t i);

/** NAME=VALUE for its environment; empty behind the last. */
struct khap_str khap_cluster_exec_variable(const struct khap_cluster *cluster, uint32_t i);

/**
 * Takes what that program answered: an ExecCredential. Its token, or certificate and key, count from then on.
 *
 * @param cluster  the cluster
 * @param text     what it wrote
 * @param expires  [out] when it ends, in seconds since 1970; 0 when it does not say
 * @return KHAP_OK, KHAP_EINPUT when it is none, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_cluster_exec_answer(struct khap_cluster *cluster, struct khap_str text,
                                          int64_t *expires);

/* ---- what is known of its objects */

/** The objects of a cluster, of each the fields that matter. */
struct khap_mirror;

/**
 * Makes an empty mirror.
 *
 * @param alloc  allocator, or NULL
 * @param most   how many bytes of objects are kept at most; 0 for 512 MiB
 * @param out    [out] freed with khap_mirror_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_mirror_new(const struct khap_alloc *alloc, size_t most, struct khap_mirror **out);

/** Frees a mirror, and overwrites the keys of certificates; NULL is allowed. */
void khap_mirror_free(struct khap_mirror *mirror);

/** How many objects it has. */
size_t khap_mirror_count(const struct khap_mirror *mirror);

/** How many objects were not taken: too large, too many, or with a name that Kubernetes does not allow. */
size_t khap_mirror_refused(const struct khap_mirror *mirror);

/** How often something changed: equal numbers mean equal objects. */
uint64_t khap_mirror_changes(const struct khap_mirror *mirror);

/**
 * Writes all objects as manifests: documents of YAML, each one line of JSON, by kind, namespace and name.
 *
 * @param mirror  the mirror
 * @param sink    where to
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_mirror_write(const struct khap_mirror *mirror, const struct khap_sink *sink);

/**
 * Takes what khap_mirror_write() wrote. Once a watch has seen all objects of its kind, those that are not among them are gone.
 *
 * @param mirror  the mirror
 * @param text    the manifests
 * @return KHAP_OK, KHAP_EINPUT (what stands before it was taken), KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_mirror_read(struct khap_mirror *mirror, struct khap_str text);

/* ---- what is asked of it */

/** List and watch of one kind; of Secrets, those that others name, one by one. */
struct khap_watch;

/** What a watch follows. Set by khap_watch_options_init(). */
struct khap_watch_options {
    size_t size;                /**< sizeof(struct khap_watch_options) as the caller knows it */
    struct khap_str kind;       /**< "Service" …; khap_watch_kind() has them all */
    struct khap_str namespace_; /**< of this namespace only; empty, the default: of all */
    uint32_t page;              /**< so many objects are asked for at once: 500 */
    uint32_t streaming; /**< 1, the default: first it is tried to get all objects by the watch itself */
    uint32_t
        again_ms; /**< when a kind that was not served or not permitted is asked for again at the latest: 30000 */
    uint32_t secrets_ms; /**< when Secrets are got again: 60000 */
};

/** Fills the defaults. */
void khap_watch_options_init(struct khap_watch_options *options);

/**
 * The kinds that can be followed.
 *
 * @param i     from 0 on
 * @param part  [out] what it is a part of: "services", "ingresses", "gateways"; empty for Secrets, which the others name
 * @param bound [out] 1 when its objects have a namespace
 * @return its name; empty behind the last
 */
struct khap_str khap_watch_kind(size_t i, struct khap_str *part, uint32_t *bound);

/**
 * Makes a watch that has seen nothing yet.
 *
 * @param alloc    allocator, or NULL
 * @param mirror   where its objects go; must outlive it. One watch of a kind and a namespace writes to a mirror.
 * @param options  what is followed
 * @param out      [out] freed with khap_watch_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_watch_new(const struct khap_alloc *alloc, struct khap_mirror *mirror,
                                const struct khap_watch_options *options, struct khap_watch **out);

/** Frees a watch; its objects stay in the mirror. NULL is allowed. */
void khap_watch_free(struct khap_watch *watch);

/** What is to be done for a watch. */
enum khap_watch_what {
    KHAP_WATCH_WAIT = 0, /**< nothing until `until` */
    KHAP_WATCH_ASK = 1,  /**< a GET of `target`, over a connection of its own */
    KHAP_WATCH_READ = 2, /**< its answer is to be read; nothing may be silent longer than `until` */
    KHAP_WATCH_DROP = 3 /**< it was: the connection is to be closed. khap_watch_end() was as good as called */
};

/** What khap_watch_step() says. */
struct khap_watch_next {
    size_t size;    /**< sizeof(struct khap_watch_next) as the caller knows it */
    uint32_t what;  /**< enum khap_watch_what */
    uint32_t renew; /**< 1 with KHAP_WATCH_ASK: the last answer was 401, other credentials are wanted */
    int64_t until;  /**< a time */
    struct khap_str target; /**< path and query; lives until the next one is asked */
};

/**
 * What is to be done now. What is said to be asked counts as asked.
 *
 * @param watch   the watch
 * @param now     the time
 * @param random  any number, another one each time: so that not all come back at once
 * @param next    [in,out] `size` set; the rest is filled
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_watch_step(struct khap_watch *watch, int64_t now, uint32_t random,
                                 struct khap_watch_next *next);

/**
 * The answer begins.
 *
 * @param watch        the watch
 * @param now          the time
 * @param http_status  200 …
 * @param retry_after  what the header field Retry-After says, in seconds; 0 without it
 * @return KHAP_OK, KHAP_EINVAL
 */
enum khap_status khap_watch_head(struct khap_watch *watch, int64_t now, uint32_t http_status,
                                 uint32_t retry_after);

/**
 * A piece of the answer, cut anywhere.
 *
 * @param watch  the watch
 * @param now    the time
 * @param bytes  the piece
 * @return KHAP_OK; KHAP_EINPUT for what is no answer, KHAP_ENOMEM: the connection is to be closed, and khap_watch_end() called; KHAP_EINVAL
 */
enum khap_status khap_watch_body(struct khap_watch *watch, int64_t now, struct khap_str bytes);

/** The answer is over: at its end, cut off, or because there was no connection. KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL. */
enum khap_status khap_watch_end(struct khap_watch *watch, int64_t now, uint32_t random);

/**
 * The server answers another watch again: what waits after a failure or a refusal goes on within a second, however long it would have waited. What
 * waits because the server said how long still does.
 *
 * @param watch   the watch
 * @param now     the time
 * @param random  any number, another one each time
 * @return KHAP_OK, KHAP_EINVAL
 */
enum khap_status khap_watch_wake(struct khap_watch *watch, int64_t now, uint32_t random);

/** What is known of a watch. */
struct khap_watch_state {
    size_t size;                /**< sizeof(struct khap_watch_state) as the caller knows it */
    struct khap_str kind;       /**< "Service" … */
    struct khap_str namespace_; /**< the one that is followed; empty for all */
    struct khap_str message;    /**< what the server said last of what went wrong */
    uint32_t synced;            /**< 1: all objects have been seen once */
    uint32_t
        left_out; /**< 403, several times in a row, or 404: not permitted or not served; what was known of it stays. Else 0 */
    uint32_t http_status;        /**< of the last answer; 0 when there was none */
    uint32_t failures;           /**< how often in a row something went wrong; 0 while an answer comes */
    uint32_t lists;              /**< how often all objects were asked for */
    uint32_t events;             /**< how many events came */
    struct khap_str api_version; /**< of its objects, as it is asked for now: "networking.k8s.io/v1" */
};

/** Fills it; KHAP_EINVAL for a NULL or a size of 0. */
enum khap_status khap_watch_look(const struct khap_watch *watch, struct khap_watch_state *state);

/* ---- what is written to it */

/**
 * Statuses, finalizers and events that are to be written, and the Lease by which one of several writers does it. Each object is got, compared, and
 * patched only where it does not say what is wanted; a patch holds for the version that was looked at, so that nobody's change is lost. As long as the
 * Lease is another one's, nothing is written, and what was written stays.
 */
struct khap_writer;

/** How it writes. Set by khap_writer_options_init(). */
struct khap_writer_options {
    size_t size;                /**< sizeof(struct khap_writer_options) as the caller knows it */
    struct khap_str identity;   /**< who it is among several; another text for each */
    struct khap_str controller; /**< whose entries among `parents` of routes are ours: "khap.io/haproxy" */
    struct khap_str lease_ns;   /**< where the Lease stands: "khap-system" */
    struct khap_str lease_name; /**< and its name: "khapd" */
};

/** Fills the defaults. */
void khap_writer_options_init(struct khap_writer_options *options);

/**
 * Makes a writer that wants nothing.
 *
 * @param alloc    allocator, or NULL
 * @param options  how; `identity` is needed
 * @param out      [out] freed with khap_writer_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_writer_new(const struct khap_alloc *alloc, const struct khap_writer_options *options,
                                 struct khap_writer **out);

/** Frees a writer; NULL is allowed. */
void khap_writer_free(struct khap_writer *writer);

/** What is wanted of an object. */
struct khap_want {
    size_t size;                 /**< sizeof(struct khap_want) as the caller knows it */
    struct khap_str kind;        /**< "Service" … */
    struct khap_str api_version; /**< by which it is asked for: "v1", "networking.k8s.io/v1" */
    struct khap_str ns;          /**< its namespace; empty for a kind that has none */
    struct khap_str name;        /**< its name */
    struct khap_str wanted;      /**< khap_kube_status::wanted; of an event its type: "Warning", "Normal" */
    struct khap_str reason;      /**< of an event: "BadAnnotation" …; empty for a status */
    struct khap_str message;     /**< of an event: what is told */
};

/** What khap_writer_want() says from now on, up to khap_writer_commit(), is all of it: of statuses, or with 1 of events. */
void khap_writer_begin(struct khap_writer *writer, uint32_t events);

/**
 * Wants a status, or an event, which is told once.
 *
 * @param writer  the writer
 * @param want    what
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL: also for a kind that is none and a name that cannot be
 */
enum khap_status khap_writer_want(struct khap_writer *writer, const struct khap_want *want);

/** Objects of which nothing was wanted again are left: their status says nothing of us any more. */
void khap_writer_commit(struct khap_writer *writer, uint32_t events);

/** What khap_writer_step() says. */
struct khap_write_next {
    size_t size;                  /**< sizeof(struct khap_write_next) as the caller knows it */
    uint32_t what;                /**< enum khap_watch_what: ask, read, drop, or wait */
    uint32_t renew;               /**< 1: the last answer was 401, other credentials are wanted */
    int64_t until;                /**< a time */
    struct khap_str method;       /**< "GET", "PATCH", "PUT", "POST" */
    struct khap_str target;       /**< path */
    struct khap_str content_type; /**< of the body */
    struct khap_str body;         /**< empty for GET; it lives until the answer */
};

/**
 * What is to be done now. What is said to be asked counts as asked; one request is on its way at a time.
 *
 * @param writer   the writer
 * @param now      the time, in milliseconds of a clock that goes forward
 * @param unix_ms  the time of day, in milliseconds since 1970
 * @param random   any number, another one each time
 * @param next     [in,out] `size` set; the rest is filled
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_writer_step(struct khap_writer *writer, int64_t now, int64_t unix_ms, uint32_t random,
                                  struct khap_write_next *next);

/**
 * The answer is there, or there is none.
 *
 * @param writer       the writer
 * @param now          the time
 * @param unix_ms      the time of day
 * @param random       any number
 * @param http_status  200 …; 0 when there was no answer
 * @param retry_after  what the header field Retry-After says, in seconds; 0 without it
 * @param body         all of it
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_writer_answer(struct khap_writer *writer, int64_t now, int64_t unix_ms, uint32_t random,
                                    uint32_t http_status, uint32_t retry_after, struct khap_str body);

/** What is known of a writer. */
struct khap_writer_state {
    size_t size;             /**< sizeof(struct khap_writer_state) as the caller knows it */
    uint32_t holds;          /**< 1: the Lease is ours, and it writes */
    struct khap_str holder;  /**< who has it, as it was seen last */
    struct khap_str message; /**< what the server said last of what went wrong */
    uint32_t http_status;    /**< of the last answer */
    uint32_t writes;         /**< how often something was written */
    uint32_t conflicts;      /**< how often an object had changed meanwhile */
    uint32_t failures;       /**< how often something went wrong */
    uint32_t refused;        /**< how often it was not permitted */
    uint32_t waiting;        /**< how many objects are not as they should be yet */
};

/** Fills it; KHAP_EINVAL for a NULL or a size of 0. */
enum khap_status khap_writer_look(const struct khap_writer *writer, int64_t now,
                                  struct khap_writer_state *state);

#ifdef __cplusplus
}
#endif
#endif
