/* fuzz/fuzz_yaml.c - any bytes as YAML: the tree and the diagnostics hold what they promise.
 * covers: lib/base/yaml
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/map.h"
#include "base/yaml.h"

#include <yaml.h>

enum { DEPTH = 20, ALIAS_NODES = 5000 };

static void check_node(const struct yaml_node *n, size_t size, uint32_t depth)
{
    uint32_t children = 0;
    struct map keys;
    MUST(depth <= DEPTH + 1);
    MUST(n->offset <= size && n->len <= size - n->offset);
    if (n->kind == YAML_SCALAR || n->kind == YAML_NULL) {
        MUST(n->child == NULL && n->text != NULL && n->text[n->text_len] == '\0');
        MUST(khap__utf8_valid(khap__yaml_text(n), NULL));
        return;
    }
    khap__map_init(&keys, NULL);
    for (const struct yaml_node *c = n->child; c != NULL; c = c->next, children++) {
        check_node(c, size, depth + 1);
        if (n->kind == YAML_MAPPING && children % 2 == 0) {
            bool found;
            MUST(c->kind == YAML_SCALAR);
            MUST(khap__map_add(&keys, khap__yaml_text(c), 0, &found, NULL) == KHAP_OK && !found);
        }
    }
    MUST(n->kind != YAML_MAPPING || children % 2 == 0);
    khap__map_free(&keys);
}

/* What is shown to people is text: no byte of the input gets to a terminal that should not. */
static int check_output(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    MUST(khap__utf8_valid((struct khap_str){data, len}, NULL));
    for (size_t i = 0; i < len; i++)
        MUST((unsigned char)data[i] >= 0x20 || data[i] == '\n' || data[i] == '\t');
    return 0;
}

/* Whether libyaml by itself takes the text: we take nothing that it does not. */
static bool libyaml_takes(const uint8_t *data, size_t size)
{
    yaml_parser_t parser;
    bool ok = true, ended = false;
    MUST(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, data, size);
    while (ok && !ended) {
        yaml_event_t event;
        ok = yaml_parser_parse(&parser, &event) != 0;
        if (ok) {
            ended = event.type == YAML_STREAM_END_EVENT;
            yaml_event_delete(&event);
        }
    }
    yaml_parser_delete(&parser);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct yaml_limits limits = {DEPTH, ALIAS_NODES};
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct yaml_reader *reader;
    struct yaml_node *root;
    struct arena arena;
    uint32_t id;
    khap__arena_init(&arena, NULL);
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_sources_add(sources, S("input"), (struct khap_str){(const char *)data, size}, &id) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    enum khap_status st = khap__yaml_open(NULL, diags, id, &limits, &reader);
    if (st == KHAP_OK) {
        while ((st = khap__yaml_next(reader, &arena, &root)) == KHAP_OK && root != NULL)
            check_node(root, size, 0);
        MUST(khap__yaml_next(reader, &arena, &root) == st && root == NULL);
        khap__yaml_close(reader);
    }
    MUST(st == KHAP_OK || st == KHAP_EINPUT);
    MUST(st != KHAP_EINPUT || khap__diags_status(diags) == KHAP_EINPUT);
    MUST(st != KHAP_OK || libyaml_takes(data, size));
    struct khap_sink sink = {NULL, check_output};
    MUST(khap_diags_print(diags, 0, &sink) == KHAP_OK);
    MUST(khap_diags_print_json(diags, &sink) == KHAP_OK);
    for (const struct khap_diag *d = khap_diags_next(diags, NULL); d != NULL; d = khap_diags_next(diags, d)) {
        struct khap_place place = khap_diag_place(d);
        MUST(place.source == id && place.offset <= size && place.len <= size - place.offset);
    }
    khap_diags_free(diags);
    khap_sources_free(sources);
    khap__arena_free(&arena);
    return 0;
}
