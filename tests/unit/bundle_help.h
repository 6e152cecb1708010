/* unit/bundle_help.h - bundles with the files that a test names. SPDX-License-Identifier: MIT */
#ifndef UNIT_BUNDLE_HELP_H
#define UNIT_BUNDLE_HELP_H

#include <khap/cfg.h>

/* A file; `text` of one whose name ends in .cfg is one line without line end, and it is a document. */
struct wanted_file {
    const char *name, *text;
    int secret;
};

/* The files up to the one without a name, and khap.sums over them. */
struct khap_bundle *make_bundle(const struct khap_alloc *alloc, const struct wanted_file *files);
/* The text that is saved for it: that of a .cfg has a line end. */
const char *wanted_text(const struct wanted_file *file, char space[256]);

#endif
