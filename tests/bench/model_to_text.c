/* How fast a model in memory becomes text: khap_generate() and printing, the reading of the YAML left out. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"
#include <khap/khap.h>

int main(int argc, char **argv)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_model *model;
    uint32_t id;
    size_t len, best_bytes = 0;
    char *text = argc == 2 ? slurp(argv[1], &len) : NULL;
    if (!text || khap_sources_new(NULL, &sources) || khap_diags_new(NULL, sources, &diags) ||
        khap_model_new(NULL, &model) ||
        khap_sources_add(sources, (struct khap_str){"map.yaml", 8}, (struct khap_str){text, len}, &id) ||
        khap_model_read(model, id, diags))
        return 2;
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        struct khap_bundle *bundle;
        size_t bytes = 0;
        struct khap_sink sink = {&bytes, swallow};
        double from = now();
        if (khap_generate(model, NULL, diags, &bundle) != KHAP_OK)
            return 1;
        for (const struct khap_bundle_file *f = NULL; (f = khap_bundle_next(bundle, f));)
            khap_bundle_file_print(f, &sink);
        double seconds = now() - from;
        khap_bundle_free(bundle);
        if (seconds < best) {
            best = seconds;
            best_bytes = bytes;
        }
    }
    printf("%zu %.6f\n", best_bytes, best);
    khap_model_free(model);
    khap_diags_free(diags);
    khap_sources_free(sources);
    free(text);
    return 0;
}
