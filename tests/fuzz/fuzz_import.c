/* fuzz/fuzz_import.c - any bytes as a configuration, imported.
 *
 * Every place that is told lies in the text, and no line is forgotten: each became a key, is kept, or is an error. With the first byte odd the text stands
 * behind khapgen's first line, so that its own ways are read.
 * covers: lib/import/import.c lib/import/read.c lib/import/routes.c lib/import/conditions.c lib/import/policies.c lib/import/answers.c lib/import/splits.c lib/import/marks.c lib/import/raw.c lib/import/compare.c lib/import/servers.c lib/import/frontends.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"

#include <khap/import.h>
#include <khap/model.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
    struct khap_document *doc;
    struct khap_target target;
    struct khap_import_options options;
    struct khap_import_share share = {.size = sizeof share};
    struct khap_model *model = NULL;
    struct buf buf;
    uint32_t id;
    if (size < 1 || size > 2048)
        return 0;
    khap__buf_init(&buf, NULL);
    if (data[0] & 1)
        khap__buf_add(&buf, S("# Written by khapgen.\n"));
    khap__buf_add(&buf, (struct khap_str){(const char *)data + 1, size - 1});
    MUST(!buf.failed);
    struct khap_str text = khap__buf_str(&buf);
    khap_target_init(&target);
    khap_import_options_init(&options);
    target.first = target.last = options.target.first = options.target.last =
        khap_release_at((data[0] >> 1) % 8);
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK &&
         khap_sources_add(sources, S("x"), text, &id) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK && khap_bundle_new(NULL, &bundle) == KHAP_OK);
    MUST(khap_document_parse(NULL, &target, text, id, NULL, &doc) == KHAP_OK);
    MUST(khap_bundle_add_document(bundle, S("x"), doc, 0) == KHAP_OK);
    enum khap_status status = khap_import(NULL, bundle, &target, &options, diags, &share, &model);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    MUST(model != NULL && share.lines == share.vocabulary + share.raw + share.lost);
    MUST(share.lost == 0 || khap_diags_count(diags, KHAP_ERROR) > 0);
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(diags, d)) != NULL;) {
        struct khap_place place = khap_diag_place(d);
        MUST(place.source != id || (place.offset <= text.len && place.len <= text.len - place.offset));
    }
    khap_model_free(model);
    khap_bundle_free(bundle);
    khap_diags_free(diags);
    khap_sources_free(sources);
    khap__buf_free(&buf);
    return 0;
}
