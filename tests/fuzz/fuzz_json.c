/* fuzz/fuzz_json.c - any bytes as a configuration that goes through JSON and comes back, and as JSON that khapgen
 * parse --from-json reads. What is read is printed as JSON, read again and the same.
 *
 * The first byte of the input chooses the target.
 * covers: lib/cfg/json.c lib/base/json.c cli/khapgen/json_document.c cli/khapgen/json_line.c cli/khapgen/json_text.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"
#include "khapgen/json_document.h"

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* Reads JSON; NULL when it is refused, with an error then and without one else. */
static struct khap_document *from_json(struct khap_str text, const struct khap_target *target)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_document *doc = NULL;
    uint32_t id;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_sources_add(sources, S("input"), text, &id) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    enum khap_status status = json_document_read(text, id, target, diags, &doc);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    MUST((status == KHAP_OK) == (doc != NULL));
    MUST((status == KHAP_OK) == (khap_diags_count(diags, KHAP_ERROR) == 0));
    for (const struct khap_diag *d = khap_diags_next(diags, NULL); d != NULL; d = khap_diags_next(diags, d)) {
        struct khap_place place = khap_diag_place(d);
        MUST(place.source == 0 || (place.offset <= text.len && place.len <= text.len - place.offset));
    }
    khap_diags_free(diags);
    khap_sources_free(sources);
    return doc;
}

/* The document as JSON says the same document. */
static void must_come_back(const struct khap_document *doc)
{
    struct buf json, text, again;
    khap__buf_init(&json, NULL);
    khap__buf_init(&text, NULL);
    khap__buf_init(&again, NULL);
    struct khap_sink to_json = {&json, into_buf}, to_text = {&text, into_buf}, to_again = {&again, into_buf};
    MUST(khap_document_print_json(doc, &to_json) == KHAP_OK);
    MUST(khap__utf8_valid(khap__buf_str(&json), NULL) &&
         khap__str_find(khap__buf_str(&json), '\0') == json.len);
    struct khap_document *second = from_json(khap__buf_str(&json), NULL);
    MUST(second != NULL);
    MUST(khap_document_print(doc, &to_text) == KHAP_OK && khap_document_print(second, &to_again) == KHAP_OK);
    MUST(khap__str_eq(khap__buf_str(&text), khap__buf_str(&again)));
    MUST(khap_document_target(doc)->first == khap_document_target(second)->first);
    MUST(khap_document_target(doc)->last == khap_document_target(second)->last);
    khap_document_free(second);
    khap__buf_free(&json);
    khap__buf_free(&text);
    khap__buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct khap_target target;
    size_t releases = 0;
    khap_target_init(&target);
    while (khap_release_at(releases) != 0)
        releases++;
    target.last = khap_release_at(data[0] % releases);
    target.first = data[0] & 0x80 ? KHAP_OLDEST : target.last;
    char *exact = malloc(size); /* a step over the end is seen */
    MUST(exact != NULL);
    memcpy(exact, data + 1, size - 1);
    struct khap_str text = {exact, size - 1};

    struct khap_document *doc = NULL;
    MUST(khap_document_parse(NULL, &target, text, 0, NULL, &doc) == KHAP_OK);
    must_come_back(doc);
    khap_document_free(doc);
    doc = from_json(text, data[0] & 0x40 ? &target : NULL);
    if (doc != NULL)
        must_come_back(doc);
    khap_document_free(doc);
    free(exact);
    return 0;
}
