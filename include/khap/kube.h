/*
 * khap/kube.h - objects of a Kubernetes cluster, and the service map that they ask for
 *
 * A store takes objects, one by one or from manifests, and keeps of each what matters here. What all of them together ask for is worked out from the
 * whole store, in the same way whatever the order they came in. Nothing here reads a file or talks to a server.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_KUBE_H
#define KHAP_KUBE_H

#include <khap/cert.h>
#include <khap/diag.h>
#include <khap/model.h>
#include <khap/yaml.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A store of objects. */
struct khap_kube;

/**
 * Makes an empty store.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] freed with khap_kube_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_new(const struct khap_alloc *alloc, struct khap_kube **out);

/** Frees a store; NULL is allowed. */
void khap_kube_free(struct khap_kube *kube);

/**
 * Puts the objects of a source into the store: YAML or JSON, one object, a List, or several documents. One that is there already, by kind, namespace
 * and name, is replaced. Kinds that say nothing here are passed over.
 *
 * @param kube    the store
 * @param source  a number from khap_sources_add(), of the list that `diags` was made with; what is resolved later has places in it
 * @param diags   receives what is wrong with it; not NULL
 * @return KHAP_OK; KHAP_ENOENT when the source holds no object of Kubernetes, and nothing was said; KHAP_EINPUT, when what is good in it was
 *         taken all the same; KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_read(struct khap_kube *kube, uint32_t source, struct khap_diags *diags);

/**
 * Takes an object out of the store.
 *
 * @param kube  the store
 * @param kind  "Service", "Node" …
 * @param ns    its namespace; empty for a kind that has none
 * @param name  its name
 * @return KHAP_OK, KHAP_ENOENT when it is not there, KHAP_EINVAL
 */
enum khap_status khap_kube_remove(struct khap_kube *kube, struct khap_str kind, struct khap_str ns,
                                  struct khap_str name);

/**
 * The certificate and the private key of a Secret, by the name that `certs` of the map has for it: for `held` of khap_generate().
 *
 * @param kube  the store
 * @param name  "certs/NAMESPACE_NAME.pem"
 * @param pem   [out] in PEM, borrowed until the Secret is replaced or removed
 * @return KHAP_OK, KHAP_ENOENT when it is no Secret's, KHAP_EINVAL
 */
enum khap_status khap_kube_pem(const struct khap_kube *kube, struct khap_str name, struct khap_str *pem);

/** How many objects the store holds. */
size_t khap_kube_count(const struct khap_kube *kube);

/**
 * Objects at fault: what an error is about is set aside, its last valid version serves in its place, or nothing, and the others go on.
 *
 *     khap_kube_faults_new(NULL, &faults);
 *     do {
 *         khap_kube_new(NULL, &kube);
 *         khap_kube_set_aside(kube, faults, last);
 *         // read, resolve, generate, and let HAProxy check; all say what is wrong to `diags`
 *     } while (it failed && khap_kube_blame(kube, diags, &found) == KHAP_OK && found > 0);
 *
 * Each round sets aside more, so that it ends.
 */
struct khap_kube_faults;

/** One of them. */
struct khap_kube_fault {
    size_t size;             /**< sizeof(struct khap_kube_fault) */
    struct khap_str kind;    /**< "Service" … */
    struct khap_str ns;      /**< its namespace; empty for a kind that has none */
    struct khap_str name;    /**< its name */
    struct khap_str code;    /**< of the error */
    struct khap_str reason;  /**< what it said */
    uint32_t kept;           /**< 1: its last valid version serves; 0: it is left out */
    struct khap_place place; /**< where its name stands, once it was read again */
};

/**
 * Makes an empty list.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] freed with khap_kube_faults_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_faults_new(const struct khap_alloc *alloc, struct khap_kube_faults **out);

/** Frees a list; NULL is allowed. */
void khap_kube_faults_free(struct khap_kube_faults *faults);

/**
 * Adds an object that somebody else found to be at fault. One that is in the list is left out from then on, its last valid version too.
 *
 * @param faults  the list
 * @param kind    "Service" …
 * @param ns      its namespace; empty for a kind that has none
 * @param name    its name
 * @param code    the code of what is wrong with it
 * @param reason  what is wrong with it, in English
 * @return KHAP_OK, KHAP_ENOENT when it was left out already, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_faults_add(struct khap_kube_faults *faults, struct khap_str kind,
                                      struct khap_str ns, struct khap_str name, struct khap_str code,
                                      struct khap_str reason);

/**
 * Reads one of the list.
 *
 * @param faults  the list
 * @param i       from 0 on
 * @param out     [in,out] `size` set; the rest is filled, borrowed from the list
 * @return KHAP_OK, KHAP_ENOENT behind the last, KHAP_EINVAL
 */
enum khap_status khap_kube_fault_at(const struct khap_kube_faults *faults, size_t i,
                                    struct khap_kube_fault *out);

/**
 * Sets aside what is at fault. To be called before anything is read: of such objects nothing is read but their names.
 *
 * @param kube    the store
 * @param faults  the list, borrowed as long as the store; may be empty
 * @param last    a store with the last valid version of each object, borrowed likewise; NULL when there is none
 * @return KHAP_OK, KHAP_EINVAL
 */
enum khap_status khap_kube_set_aside(struct khap_kube *kube, struct khap_kube_faults *faults,
                                     const struct khap_kube *last);

/**
 * Finds the objects that errors are about, by the places that they name, and adds them to the list that khap_kube_set_aside() was given. Of several that
 * one error names it is the one that has changed since its last valid version, or the youngest.
 *
 * @param kube   the store
 * @param diags  what was said, of the sources that the store was read from
 * @param found  [out] how many are new in the list, or were kept and now are left out; with 0, another round would come to the same
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_blame(const struct khap_kube *kube, const struct khap_diags *diags,
                                 uint32_t *found);

/**
 * Writes the objects that count, of those that stand in a source: each as it is, or its last valid version, or not at all. What is read from it later is
 * the last valid version of each.
 *
 * @param kube     the store
 * @param source   the source
 * @param sources  the list that it is in
 * @param sink     where to: manifests in YAML
 * @return KHAP_OK, KHAP_EIO, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_write_valid(const struct khap_kube *kube, uint32_t source,
                                       const struct khap_sources *sources, const struct khap_sink *sink);

/**
 * A condition of the Gateway API, as a status has it: about a GatewayClass, a Gateway, a listener, or a route at one of its parents. `Programmed` is
 * for who knows that HAProxy has it.
 */
struct khap_kube_condition {
    size_t size;                /**< sizeof(struct khap_kube_condition) as the library knows it */
    struct khap_str kind;       /**< "HTTPRoute", "Gateway" … */
    struct khap_str ns;         /**< its namespace; empty for a GatewayClass */
    struct khap_str name;       /**< its name */
    struct khap_str listener;   /**< the listener of a Gateway, or empty */
    struct khap_str gateway_ns; /**< of a route: the parent's namespace */
    struct khap_str gateway;    /**< and its name; empty for all others */
    uint32_t parent;            /**< which of the route's `parentRefs` it is, from 0 */
    uint32_t attached;          /**< of a listener: how many routes are attached */
    struct khap_str type;       /**< "Accepted", "ResolvedRefs", "Conflicted", "PartiallyInvalid" */
    uint32_t status;            /**< 1: True, 0: False */
    struct khap_str reason;     /**< "NotAllowedByListeners" … */
    struct khap_str message;    /**< why, in English; empty when all is well */
    struct khap_place place;    /**< where it stands in a manifest */
};

/**
 * What namespaces may claim. A mapping of NAMESPACE, or SOURCE/NAMESPACE, to `hosts`, patterns as `*.example.com` of any depth or `*`, without it any host, and
 * `keys`, those of a service that reach beyond an object. A namespace that is not listed follows the row `*`, and without that gets nothing.
 */
struct khap_kube_allow;

/**
 * Reads it.
 *
 * @param alloc  allocator, or NULL
 * @param yaml   the reader that the value comes from
 * @param node   the value
 * @param diags  receives what is wrong; not NULL
 * @param out    [out] freed with khap_kube_allow_free(); NULL on failure
 * @return KHAP_OK, KHAP_EINPUT, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_allow_read(const struct khap_alloc *alloc, const struct khap_yaml *yaml,
                                      const struct khap_yaml_node *node, struct khap_diags *diags,
                                      struct khap_kube_allow **out);

/** Frees it; NULL is allowed. */
void khap_kube_allow_free(struct khap_kube_allow *allow);

/** The finalizer that holds a Service of type LoadBalancer until HAProxy has left it. */
#define KHAP_KUBE_FINALIZER "khap.io/haproxy"

/** What the status of an object should say of us once HAProxy has it: for khap_writer_want(). */
struct khap_kube_status {
    size_t size;            /**< sizeof(struct khap_kube_status) as the library knows it */
    struct khap_str kind;   /**< "Service" … */
    struct khap_str ns;     /**< its namespace; empty for a GatewayClass */
    struct khap_str name;   /**< its name */
    struct khap_str wanted; /**< JSON in one line: `status`, and of a Service `finalizer` */
};

/** What khap_kube_resolve() goes by. Set by khap_kube_options_init(). */
struct khap_kube_options {
    size_t size;                /**< sizeof(struct khap_kube_options) as the caller knows it */
    struct khap_str prefix;     /**< what the names of backends begin with; empty by default */
    struct khap_str class_name; /**< Services of this loadBalancerClass are served: "khap.io/haproxy" */
    struct khap_str
        ingress_class; /**< Ingresses of this class are served, and of classes whose controller is `class_name`: "khap" */
    struct khap_str node_address; /**< the type of address that a node is reached by: "InternalIP" */
    uint32_t max_nodes;           /**< at most so many nodes for a service; 0, the default: all */
    uint32_t drain_cordoned;      /**< 1: a node that is cordoned is drained; 0 by default */
    /** 1: what only a cluster can know, a node port or a node, is made up where it is missing, with a note. 0 by default */
    uint32_t stand_ins;
    const struct khap_kube_allow
        *allow; /**< what namespaces may claim; NULL: any host, and no key that reaches beyond an object */
    struct khap_str source; /**< the name of the cluster, for rows SOURCE/NAMESPACE; empty by default */
    const struct khap_cert_reader
        *certs;          /**< looks whether certificate and key of a Secret fit; NULL: nobody does */
    void *condition_ctx; /**< first argument of `condition` */
    /** Is told each condition of the Gateway API; what it is given is borrowed until it returns. NULL: nobody is */
    void (*condition)(void *ctx, const struct khap_kube_condition *condition);
    const struct khap_str *
        addresses; /**< where HAProxy is reached: what the status of those says that have no address of their own */
    size_t n_addresses; /**< how many; 0 by default */
    void *status_ctx;   /**< first argument of `status` */
    /** Is told each status, first NULL: what was told before is void. Borrowed until it returns. NULL: nobody is */
    void (*status)(void *ctx, const struct khap_kube_status *status);
    /** Addresses for Services of type LoadBalancer without hosts that have none, as khap_kube_pool_check() takes them; others are passed over, and what
     * goes beyond 1048576 addresses. Who has one, by its field or its status, keeps it; the others come in the order in which they were made */
    const struct khap_str *pool;
    size_t n_pool; /**< how many; 0 by default */
};

/**
 * Whether a text names addresses for a pool: ADDRESS, FIRST-LAST or NETWORK/BITS, of IPv4 or IPv6, at most 65536 of them.
 *
 * @param range  the text
 * @return KHAP_OK, KHAP_EINPUT
 */
enum khap_status khap_kube_pool_check(struct khap_str range);

/** Fills the defaults. */
void khap_kube_options_init(struct khap_kube_options *options);

/**
 * Adds to a service map what the objects ask for. The same objects give the same map, whatever the order they came in.
 *
 * @param kube     the store
 * @param options  how; NULL for the defaults
 * @param model    receives nodes and services; what is in it already is the ground that they stand on
 * @param diags    receives what is wrong with objects; not NULL
 * @return KHAP_OK, KHAP_EINPUT (the rest is in the map; of an object that is wrong nothing is reachable), KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_kube_resolve(const struct khap_kube *kube, const struct khap_kube_options *options,
                                   struct khap_model *model, struct khap_diags *diags);

#ifdef __cplusplus
}
#endif
#endif
