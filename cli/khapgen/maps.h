/* khapgen/maps.h - service maps and manifests of Kubernetes, read into one map. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_MAPS_H
#define KHAPGEN_MAPS_H

#include "khapgen/input.h"
#include <khap/cert.h>
#include <khap/kube.h>
#include <khap/model.h>

/* Objects at fault are set aside, so that the others go on. */
struct maps_aside {
    struct khap_kube_faults *faults;
    void *ctx;
    /* The last valid text of a file, which lives as long as the report's sources; false when there is none. */
    bool (*last)(void *ctx, const char *path, struct khap_str *text);
};

struct maps {
    struct report *report;
    struct inputs *inputs;
    struct khap_model *model;                /* the caller's */
    struct khap_kube *kube;                  /* the objects, once there is one */
    const struct khap_kube_options *options; /* how they are taken; NULL for the defaults */
    const char *allow;                       /* what --allow says, or NULL */
    const struct maps_aside *aside;          /* NULL: an object at fault is an error */
    struct khap_kube *last;                  /* last valid versions; outlives `kube` */
    const struct khap_cert_reader *certs;    /* NULL for OpenSSL's, where there is one */
};

/* Reads a file, or those of a directory that end in .yaml, .yml or .json: a map goes into the model, objects are kept. EXIT_… */
int maps_read(struct maps *m, const char *path, uint64_t limit);
/* Reads the last valid text of a file into a store, if there is one. */
enum khap_status maps_read_last(struct report *r, const struct maps_aside *aside, struct khap_kube *last,
                                const char *path);
/* Adds to the model what the objects ask for; they hold the certificates that are generated with. `stand_ins`: what only a cluster knows is made up where it is missing. EXIT_… */
int maps_finish(struct maps *m, bool stand_ins);
/* For `held` of khap_generate(); `ctx` is the struct khap_kube, or NULL. */
enum khap_status maps_held(void *ctx, struct khap_str name, struct khap_str *pem);

#endif
