/* fuzz/fuzz_kube.c - any bytes as manifests: read twice over, resolved; what they come to is a map that can be written, read and generated.
 * covers: lib/kube lib/base/yaml_public.c
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

static void generate(const struct khap_model *model, struct khap_diags *diags)
{
    struct khap_generate_options options;
    struct khap_bundle *bundle = NULL;
    khap_generate_options_init(&options);
    enum khap_status status = khap_generate(model, &options, diags, &bundle);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    khap_bundle_free(bundle);
}

/* What the store comes to, as YAML. */
static void resolve(const struct khap_kube *kube, struct khap_diags *diags,
                    const struct khap_kube_options *options, struct buf *written)
{
    struct khap_model *model;
    struct khap_sink sink = {written, into_buf};
    MUST(khap_model_new(NULL, &model) == KHAP_OK);
    enum khap_status status = khap_kube_resolve(kube, options, model, diags);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    MUST(khap_model_write(model, &sink) == KHAP_OK);
    khap_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_kube *kube;
    struct khap_kube_options options;
    struct buf first, second, again;
    uint32_t id, map;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    MUST(khap_sources_add(sources, S("fuzz"), (struct khap_str){(const char *)data, size}, &id) == KHAP_OK);
    MUST(khap_kube_new(NULL, &kube) == KHAP_OK);
    khap_kube_options_init(&options);
    options.stand_ins = 1;
    options.max_nodes = size % 3 == 0 ? 2 : 0;
    options.drain_cordoned = size % 2;
    enum khap_status status = khap_kube_read(kube, id, diags);
    MUST(status == KHAP_OK || status == KHAP_ENOENT || status == KHAP_EINPUT || status == KHAP_ELIMIT);
    MUST(status != KHAP_ENOENT || (khap_kube_count(kube) == 0 && khap_diags_count(diags, KHAP_NOTE) == 0));
    khap__buf_init(&first, NULL);
    khap__buf_init(&second, NULL);
    khap__buf_init(&again, NULL);
    resolve(kube, diags, &options, &first);
    /* the same objects once more are the same objects */
    size_t count = khap_kube_count(kube);
    (void)khap_kube_read(kube, id, diags);
    MUST(khap_kube_count(kube) == count);
    resolve(kube, diags, &options, &second);
    MUST(khap__str_eq(khap__buf_str(&first), khap__buf_str(&second)));
    /* and the map is one */
    struct khap_model *model;
    struct khap_sink sink = {&again, into_buf};
    struct khap_diags *fresh;
    MUST(khap_sources_add(sources, S("map"), khap__buf_str(&first), &map) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &fresh) == KHAP_OK);
    MUST(khap_model_new(NULL, &model) == KHAP_OK);
    MUST(khap_model_read(model, map, fresh) == KHAP_OK);
    MUST(khap_model_write(model, &sink) == KHAP_OK);
    MUST(khap__str_eq(khap__buf_str(&first), khap__buf_str(&again)));
    generate(model, fresh);
    khap_model_free(model);
    khap_kube_free(kube);
    khap__buf_free(&first);
    khap__buf_free(&second);
    khap__buf_free(&again);
    khap_diags_free(fresh);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return 0;
}
