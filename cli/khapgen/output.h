/* khapgen/output.h - where a bundle goes: standard output, one file, a directory. SPDX-License-Identifier:
 * MIT */
#ifndef KHAPGEN_OUTPUT_H
#define KHAPGEN_OUTPUT_H

#include "khapgen/report.h"
#include <khap/cfg.h>

struct output_options {
    bool force;   /* replace what is not ours, too */
    bool check;   /* write nothing; EXIT_NO when something would change */
    bool dry_run; /* write nothing; say what would be written */
};

/* Prints what is written; may be asked twice. */
typedef enum khap_status output_printer(void *ctx, const struct khap_sink *sink);
/* To standard output, and to a file that must not hold something else unless `force`. EXIT_… */
int output_print(struct report *r, void *ctx, output_printer *print);
int output_print_to_file(struct report *r, const char *path, bool force, void *ctx, output_printer *print);

/* A new content for a file that holds `old`, which stays somebody's own. EXIT_… */
int output_in_place(struct report *r, const char *path, struct khap_str old, void *ctx,
                    output_printer *print);

/* Each returns EXIT_… and has said what failed. The first file of the bundle is the configuration. */
int output_to_stdout(struct report *r, const struct khap_bundle *bundle);
int output_to_file(struct report *r, const struct khap_bundle *bundle, const char *path,
                   const struct output_options *options);
/* `old` is what was read from the file, of which the bundle is the new content. */
int output_into_file(struct report *r, const struct khap_bundle *bundle, const char *path,
                     struct khap_str old, const struct output_options *options);
/* Standard output tells what was done. */
int output_to_directory(struct report *r, const struct khap_bundle *bundle, const char *directory,
                        const struct output_options *options);

#endif
