/* fuzz/fuzz_kube.c - any bytes as manifests: read, turned into a service map, with stand-ins and without, and written for HAProxy.
 * covers: lib/kube
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"

#include <khap/gen.h>
#include <khap/kube.h>
#include <khap/model.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* The service map that the objects ask for; the same whatever the store was asked before. */
static void map_of(struct khap_kube *kube, bool stand_ins, struct khap_diags *diags, struct buf *text)
{
    struct khap_model *model;
    struct khap_kube_options options;
    struct khap_bundle *bundle = NULL;
    struct khap_generate_options gen;
    struct khap_sink sink = {text, into_buf};
    khap_kube_options_init(&options);
    options.stand_ins = stand_ins;
    MUST(khap_model_new(NULL, &model) == KHAP_OK);
    enum khap_status status = khap_kube_resolve(kube, &options, model, diags);
    MUST(status == KHAP_OK || status == KHAP_EINPUT || status == KHAP_ELIMIT);
    MUST(khap_model_write(model, &sink) == KHAP_OK);
    khap_generate_options_init(&gen);
    status = khap_generate(model, &gen, diags, &bundle);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    khap_bundle_free(bundle);
    khap_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_kube *kube;
    struct buf first, other, again;
    uint32_t id;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    MUST(khap_sources_add(sources, S("fuzz"), (struct khap_str){(const char *)data, size}, &id) == KHAP_OK);
    MUST(khap_kube_new(NULL, &kube) == KHAP_OK);
    enum khap_status status = khap_kube_read(kube, id, diags);
    MUST(status == KHAP_OK || status == KHAP_ENOENT || status == KHAP_EINPUT || status == KHAP_ELIMIT);
    MUST(status != KHAP_ENOENT || (khap_kube_count(kube) == 0 && khap_diags_count(diags, KHAP_ERROR) == 0));
    khap__buf_init(&first, NULL);
    khap__buf_init(&other, NULL);
    khap__buf_init(&again, NULL);
    map_of(kube, false, diags, &first);
    map_of(kube, true, diags, &other);
    map_of(kube, false, diags, &again);
    MUST(khap__str_eq(khap__buf_str(&first), khap__buf_str(&again)));
    /* an object that comes again replaces itself */
    size_t count = khap_kube_count(kube);
    MUST(khap_kube_read(kube, id, diags) == status);
    MUST(khap_kube_count(kube) == count);
    khap__buf_free(&first);
    khap__buf_free(&other);
    khap__buf_free(&again);
    khap_kube_free(kube);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return 0;
}
