/* fuzz/fuzz_migrate.c - any bytes as a configuration, migrated from any release to any other.
 *
 * The first two bytes choose the releases. Every place that is told lies in the text. Where the old release takes it, and nothing was left to a
 * person, what comes out is migrated to its own release without a change.
 * covers: lib/migrate/plan.c lib/migrate/write.c lib/migrate/steps.c lib/migrate/reread.c lib/migrate/names.c lib/migrate/defaults.c lib/migrate/servers.c lib/migrate/health.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"

#include <khap/migrate.h>

static int append(void *ctx, const char *data, size_t len)
{
    struct buf *b = ctx;
    khap__buf_add(b, (struct khap_str){data, len});
    return b->failed ? -1 : 0;
}

/* *taken: whether `from` takes it. */
static enum khap_status migrate(struct khap_str text, uint16_t from, uint16_t to, struct buf *result,
                                bool *taken)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
    struct khap_document *doc;
    struct khap_target target;
    struct khap_sink sink = {result, append};
    uint32_t id;
    khap_target_init(&target);
    target.first = target.last = from;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK &&
         khap_sources_add(sources, S("x"), text, &id) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK && khap_bundle_new(NULL, &bundle) == KHAP_OK);
    MUST(khap_document_parse(NULL, &target, text, id, NULL, &doc) == KHAP_OK);
    MUST(khap_bundle_add_document(bundle, S("x"), doc, 0) == KHAP_OK);
    struct khap_diags *before;
    MUST(khap_diags_new(NULL, sources, &before) == KHAP_OK);
    MUST(khap_check(NULL, bundle, &target, NULL, before) == KHAP_OK);
    *taken = khap_diags_count(before, KHAP_ERROR) == 0;
    khap_diags_free(before);
    enum khap_status status = khap_migrate(NULL, bundle, from, to, NULL, diags);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    MUST((status == KHAP_EINPUT) == (khap_diags_count(diags, KHAP_ERROR) > 0));
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(diags, d)) != NULL;) {
        struct khap_place place = khap_diag_place(d);
        MUST(place.offset <= text.len && place.len <= text.len - place.offset);
    }
    MUST(khap_document_print(doc, &sink) == KHAP_OK && !result->failed);
    khap_bundle_free(bundle);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t releases[64];
    size_t n = 0;
    struct buf once, twice;
    if (size < 2 || size > 4096)
        return 0;
    while ((releases[n] = khap_release_at(n)) != 0)
        n++;
    uint16_t from = releases[data[0] % n], to = releases[data[1] % n];
    khap__buf_init(&once, NULL);
    khap__buf_init(&twice, NULL);
    bool taken, again;
    if (migrate((struct khap_str){(const char *)data + 2, size - 2}, from, to, &once, &taken) == KHAP_OK &&
        taken) {
        MUST(migrate(khap__buf_str(&once), to, to, &twice, &again) == KHAP_OK && again);
        MUST(khap__str_eq(khap__buf_str(&once), khap__buf_str(&twice)));
    }
    khap__buf_free(&once);
    khap__buf_free(&twice);
    return 0;
}
