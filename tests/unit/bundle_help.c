/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "bundle_help.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct khap_str slice(const char *text)
{
    return (struct khap_str){text, strlen(text)};
}

static void must(enum khap_status status)
{
    if (status != KHAP_OK)
        abort();
}

static int is_document(const char *name)
{
    return strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".cfg") == 0;
}

const char *wanted_text(const struct wanted_file *file, char space[256])
{
    snprintf(space, 256, "%s%s", file->text, is_document(file->name) ? "\n" : "");
    return space;
}

static struct khap_document *document(const struct khap_alloc *alloc, const char *text)
{
    struct khap_target target;
    struct khap_document *doc;
    struct khap_str word = slice(text);
    khap_target_init(&target);
    must(khap_document_new(alloc, &target, &doc));
    must(khap_document_insert(doc, NULL, 0, &word, 1, (struct khap_place){0}, NULL));
    return doc;
}

struct khap_bundle *make_bundle(const struct khap_alloc *alloc, const struct wanted_file *files)
{
    struct khap_bundle *bundle;
    char sums[4096] = "", space[256];
    must(khap_bundle_new(alloc, &bundle));
    for (const struct wanted_file *f = files; f->name != NULL; f++) {
        uint64_t sum = UINT64_C(14695981039346656037);
        for (const char *p = wanted_text(f, space); *p != '\0'; p++)
            sum = (sum ^ (unsigned char)*p) * UINT64_C(1099511628211);
        size_t len = strlen(sums);
        snprintf(sums + len, sizeof sums - len, "%016" PRIx64 "  %s\n", sum, f->name);
        if (is_document(f->name))
            must(khap_bundle_add_document(bundle, slice(f->name), document(alloc, f->text), f->secret));
        else
            must(khap_bundle_add_file(bundle, slice(f->name), slice(f->text), f->secret));
    }
    must(khap_bundle_add_file(bundle, slice("khap.sums"), slice(sums), 0));
    return bundle;
}
