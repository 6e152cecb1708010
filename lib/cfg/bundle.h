/* cfg/bundle.h - what a bundle is made of. SPDX-License-Identifier: MIT */
#ifndef CFG_BUNDLE_H
#define CFG_BUNDLE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include <khap/cfg.h>

struct khap_bundle_file {
    struct khap_str name, text;
    struct khap_document *doc; /* NULL for a side file */
    uint32_t index;            /* in its list */
    bool secret;
};

/* Files in their order. A name leads to the first one that has it, or says why there is none: see BUNDLE_NO_FILE. */
struct bundle_list {
    VEC(struct khap_bundle_file *) files;
    struct map by_name;
};
/* As the number of a file in by_name: it was asked for, and what came is the status BUNDLE_NO_FILE + status. */
#define BUNDLE_NO_FILE UINT32_C(0xffffff00)

/* A text that is borrowed until the bundle is freed. */
struct bundle_text {
    const struct khap_file_source *from;
    struct khap_str text;
};

struct khap_bundle {
    struct arena arena;
    struct bundle_list configs, sides;
    VEC(struct bundle_text) texts;
    const struct khap_file_source *files; /* where side files come from; NULL opens nothing */
};

/* A file of this name, which is in no list yet; NULL when there is no memory. */
struct khap_bundle_file *khap__bundle_new_file(struct khap_bundle *bundle, struct khap_str name);
/* Puts it behind the others of its list. On failure the list is as it was. */
enum khap_status khap__bundle_add(struct khap_bundle *bundle, struct bundle_list *list,
                                  struct khap_bundle_file *file);
/* The first file with this name; NULL when there is none. Then *status is why, when that is known already, else
 * KHAP_OK. */
struct khap_bundle_file *khap__bundle_look_up(const struct bundle_list *list, struct khap_str name,
                                              enum khap_status *status);

#endif
