/* Servers that a backend no longer has by the map, and that are written until their clients have gone elsewhere. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

void khap__gen_leaving(struct gen *g, struct khap_str backend, const struct khap_str *names, uint32_t n,
                       struct khap_place place)
{
    struct khap_str line;
    enum khap_status status = KHAP_OK;
    for (uint32_t i = 0; g->options->leaving != NULL && g->into == NULL && g->failure == KHAP_OK; i++) {
        status = g->options->leaving(g->options->leaving_ctx, backend, names, n, i, &line);
        if (status != KHAP_OK)
            break;
        khap__doc_raw(g->doc, 4, line, place);
    }
    if (status != KHAP_OK && status != KHAP_ENOENT)
        khap__gen_fail(g, status);
}
