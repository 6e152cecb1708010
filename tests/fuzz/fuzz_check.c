/* fuzz/fuzz_check.c - any bytes as a configuration: checked, viewed, and each section given another name.
 *
 * The first byte chooses the releases. Every place that is told lies in the text. What was bound to a section is bound to it under its new name.
 * covers: lib/check/line.c lib/check/cross.c lib/check/names.c lib/view/view.c lib/view/rename.c lib/schema/match.c lib/schema/value.c lib/schema/types.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/str.h"

#include <khap/check.h>

struct read {
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
};

static struct read read_text(const struct khap_target *target, struct khap_str text)
{
    struct read r;
    struct khap_document *doc;
    uint32_t id;
    MUST(khap_sources_new(NULL, &r.sources) == KHAP_OK &&
         khap_sources_add(r.sources, S("x"), text, &id) == KHAP_OK);
    MUST(khap_diags_new(NULL, r.sources, &r.diags) == KHAP_OK && khap_bundle_new(NULL, &r.bundle) == KHAP_OK);
    MUST(khap_document_parse(NULL, target, text, id, r.diags, &doc) == KHAP_OK);
    MUST(khap_bundle_add_document(r.bundle, S("x"), doc, 0) == KHAP_OK);
    return r;
}

static void done(struct read *r)
{
    khap_bundle_free(r->bundle);
    khap_diags_free(r->diags);
    khap_sources_free(r->sources);
}

static size_t referrers(const struct khap_view *view, size_t definition)
{
    size_t n = 0;
    for (size_t at = SIZE_MAX; (at = khap_view_referrer(view, definition, at)) != SIZE_MAX;)
        n++;
    return n;
}

/* Renames the section of that number, and looks whether as much refers to it as before. */
static void rename_section(const struct khap_target *target, struct khap_str text, size_t index)
{
    struct read r = read_text(target, text);
    struct khap_view *before, *behind;
    struct khap_view_section s = {.size = sizeof s}, t = {.size = sizeof t};
    MUST(khap_view_new(NULL, r.bundle, target, NULL, r.diags, &before) == KHAP_OK);
    MUST(khap_view_section_at(before, index, &s) == KHAP_OK);
    enum khap_status status = khap_view_rename(before, r.bundle, index, S("khap-fuzz-renamed"), r.diags);
    MUST(status == KHAP_OK || status == KHAP_EINPUT || status == KHAP_ENOENT);
    if (status == KHAP_OK) {
        MUST(khap_view_new(NULL, r.bundle, target, NULL, r.diags, &behind) == KHAP_OK);
        MUST(khap_view_section_at(behind, index, &t) == KHAP_OK);
        MUST(khap__str_eq(t.kind, s.kind) && khap__str_eq(t.name, S("khap-fuzz-renamed")));
        MUST(referrers(before, s.definition) == referrers(behind, t.definition));
        khap_view_free(behind);
    }
    khap_view_free(before);
    done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct khap_target target;
    uint16_t releases[64];
    size_t n = 0;
    if (size < 1 || size > 4096)
        return 0;
    while ((releases[n] = khap_release_at(n)) != 0)
        n++;
    khap_target_init(&target);
    target.first = releases[data[0] % n];
    target.last = data[0] >= 128 ? target.first : releases[n - 1];
    struct khap_str text = {(const char *)data + 1, size - 1};
    struct read r = read_text(&target, text);
    MUST(khap_check(NULL, r.bundle, &target, NULL, r.diags) == KHAP_OK);
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r.diags, d)) != NULL;) {
        struct khap_place place = khap_diag_place(d);
        MUST(place.offset <= text.len && place.len <= text.len - place.offset);
    }
    done(&r);
    for (size_t i = 0; i < 3; i++) {
        struct khap_view *view;
        struct khap_view_section s = {.size = sizeof s};
        r = read_text(&target, text);
        MUST(khap_view_new(NULL, r.bundle, &target, NULL, NULL, &view) == KHAP_OK);
        bool there = khap_view_section_at(view, i, &s) == KHAP_OK;
        khap_view_free(view);
        done(&r);
        if (!there)
            break;
        rename_section(&target, text, i);
    }
    return 0;
}
