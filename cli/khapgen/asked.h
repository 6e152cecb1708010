/* khapgen/asked.h - what questions are put to: a configuration, a bundle, or what a service map becomes. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_ASKED_H
#define KHAPGEN_ASKED_H

#include "khapgen/maps.h"
#include <khap/kube.h>
#include <khap/model.h>

struct apply_leaving;

struct asked {
    struct inputs inputs;
    struct input_files opened, sides;
    struct khap_model *model; /* NULL: the files are configurations */
    struct khap_kube *kube;   /* the objects among the files, or NULL */
    struct khap_bundle *bundle;
    const struct khap_kube_options
        *kube_options;                    /* how objects of Kubernetes among the files are taken; NULL */
    const char *allow;                    /* what --allow says, or NULL */
    const struct maps_aside *aside;       /* NULL: an object at fault is an error */
    const struct khap_cert_reader *certs; /* NULL for OpenSSL's, where there is one */
    struct khap_kube *last;               /* last valid versions of objects, or NULL */
    const char *
        beside; /* NULL, or what a map is compared with: a directory that khapgen wrote, whose placeholder is kept */
    struct apply_leaving *leaving;   /* servers that leave; NULL */
    bool in_use;                     /* what a map becomes will be used: a bundle, with real placeholders */
    struct khap_str made;            /* a placeholder */
    const struct khap_target *known; /* what `target` means, where somebody has asked already; NULL */
    struct khap_target target;       /* as what the bundle is read: one release */
};

/*
 * Reads FILEs: configurations as HAProxy reads them behind -f, a directory that khapgen wrote with its maps, or service maps, which are generated
 * in memory. `target` is the word of -t, or NULL: the newest release, of a map the newest that it is for. `type` is what --type says, or NULL.
 * Says what is wrong. EXIT_…; asked_free() in any case, after the report was shown.
 */
int asked_read(struct report *r, struct asked *a, const char *const *files, size_t n, const char *target,
               const char *type);
void asked_free(struct asked *a);

#endif
