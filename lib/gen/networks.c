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

static bool in_the_rule(const struct ranges *ranges)
{
    return ranges->n <= NETWORKS_IN_A_RULE && ranges->n_files <= 4;
}

/* What stands before an @ would be a way to get at the file. */
static void file_words(struct gen *g, struct khap_str name)
{
    khap__doc_lit(g->doc, "-f");
    if (name.len > 0 && name.ptr[0] != '/')
        khap__doc_part(g->doc, S("./"));
    khap__doc_part(g->doc, name);
    khap__doc_part_end(g->doc);
}

void khap__gen_ranges(struct gen *g, struct khap_str acl, const struct ranges *ranges,
                      struct khap_place place)
{
    if (in_the_rule(ranges))
        return;
    for (uint32_t i = 0; i < ranges->n_files; i++) {
        khap__doc_begin(g->doc, 4, place);
        khap__doc_lit(g->doc, "acl");
        khap__doc_word(g->doc, acl);
        khap__doc_lit(g->doc, "src");
        file_words(g, ranges->files[i]);
        khap__doc_end(g->doc);
    }
    for (uint32_t i = 0; i < ranges->n; i += NETWORKS_A_LINE) {
        khap__doc_begin(g->doc, 4, place);
        khap__doc_lit(g->doc, "acl");
        khap__doc_word(g->doc, acl);
        khap__doc_lit(g->doc, "src");
        words(g, ranges->ptr + i, ranges->n - i < NETWORKS_A_LINE ? ranges->n - i : NETWORKS_A_LINE);
        khap__doc_end(g->doc);
    }
}

void khap__gen_from(struct gen *g, struct khap_str acl, const struct ranges *ranges, bool negated)
{
    if (in_the_rule(ranges)) {
        if (negated)
            khap__doc_lit(g->doc, "!{ src");
        else
            khap__doc_lit(g->doc, "{ src");
        for (uint32_t i = 0; i < ranges->n_files; i++)
            file_words(g, ranges->files[i]);
        words(g, ranges->ptr, ranges->n);
        khap__doc_lit(g->doc, "}");
        return;
    }
    if (negated)
        khap__doc_part(g->doc, S("!"));
    khap__doc_part(g->doc, acl);
    khap__doc_part_end(g->doc);
}

void khap__gen_networks(struct gen *g, struct khap_str acl, const struct network *networks, uint32_t n,
                        struct khap_place place)
{
    struct ranges ranges = {.ptr = networks, .n = n};
    khap__gen_ranges(g, acl, &ranges, place);
}

void khap__gen_not_from(struct gen *g, struct khap_str acl, const struct network *networks, uint32_t n)
{
    struct ranges ranges = {.ptr = networks, .n = n};
    khap__gen_from(g, acl, &ranges, true);
}
