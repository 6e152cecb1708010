/* Conditions on where a client comes from. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

/* HAProxy reads at most 64 words a line, and 1.5 at most 2047 bytes. */
enum { NETWORKS_A_LINE = 32, NETWORKS_IN_A_RULE = 16 };

static void words(struct gen *g, const struct network *networks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        khap__buf_clear(&g->text);
        khap__network_print(&g->text, &networks[i]);
        khap__doc_word(g->doc, khap__buf_str(&g->text));
    }
}

void khap__gen_networks(struct gen *g, struct khap_str acl, const struct network *networks, uint32_t n,
                        struct khap_place place)
{
    if (n <= NETWORKS_IN_A_RULE)
        return;
    for (uint32_t i = 0; i < n; i += NETWORKS_A_LINE) {
        khap__doc_begin(g->doc, 4, place);
        khap__doc_lit(g->doc, "acl");
        khap__doc_word(g->doc, acl);
        khap__doc_lit(g->doc, "src");
        words(g, networks + i, n - i < NETWORKS_A_LINE ? n - i : NETWORKS_A_LINE);
        khap__doc_end(g->doc);
    }
}

void khap__gen_not_from(struct gen *g, struct khap_str acl, const struct network *networks, uint32_t n)
{
    if (n <= NETWORKS_IN_A_RULE) {
        khap__doc_lit(g->doc, "!{ src");
        words(g, networks, n);
        khap__doc_lit(g->doc, "}");
        return;
    }
    khap__doc_part(g->doc, S("!"));
    khap__doc_part(g->doc, acl);
    khap__doc_part_end(g->doc);
}
