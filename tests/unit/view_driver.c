/*
 * A driver for the tests of views: `view_driver RELEASE FILE…` reads the files as one bundle and prints, separated by tabs,
 *
 *   section INDEX KIND NAME FILE DEFAULTS READ
 *   definition INDEX KIND NAME SECTION LINE COLUMN READ
 *   reference INDEX KIND NAME SECTION DEFINITION LINE COLUMN READ STATE
 *
 * `view_driver RELEASE --rename KIND OLD NEW FILE…` renames a section, and prints the files one behind the other; diagnostics go to standard error.
 * Exit status: 0; 1 when the section is not renamed; 2 for another failure.
 *
 * SPDX-License-Identifier: MIT
 */
#include <khap/view.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct khap_sources *sources;

static struct khap_str str(const char *text)
{
    return (struct khap_str){text, strlen(text)};
}

static int put(void *ctx, const char *data, size_t len)
{
    return fwrite(data, 1, len, ctx) == len ? 0 : -1;
}

static void number(size_t index)
{
    if (index == SIZE_MAX)
        printf("\t-");
    else
        printf("\t%zu", index);
}

static void where(struct khap_place place)
{
    uint32_t line, column;
    khap_sources_locate(sources, place, &line, &column);
    printf("\t%" PRIu32 "\t%" PRIu32, line, column);
}

static void name(struct khap_str kind, struct khap_str text)
{
    printf("\t%.*s\t%.*s", (int)kind.len, kind.ptr, (int)text.len, text.len > 0 ? text.ptr : "");
}

static void print(const struct khap_view *view)
{
    static const char *const answers[] = {"no", "unknown", "yes"};
    static const char *const states[] = {"bound", "missing", "predefined", "variable", "dynamic"};
    struct khap_view_section s = {.size = sizeof s};
    struct khap_view_definition d = {.size = sizeof d};
    struct khap_view_reference r = {.size = sizeof r};
    for (size_t i = 0; khap_view_section_at(view, i, &s) == KHAP_OK; i++) {
        printf("section\t%zu", i);
        name(s.kind, s.name);
        name(khap_bundle_file_name(s.file), (struct khap_str){NULL, 0});
        number(s.defaults);
        printf("\t%s\n", answers[s.read]);
    }
    for (size_t i = 0; khap_view_definition_at(view, i, &d) == KHAP_OK; i++) {
        printf("definition\t%zu", i);
        name(d.kind, d.name);
        number(d.section);
        where(d.place);
        printf("\t%s\n", answers[d.read]);
    }
    for (size_t i = 0; khap_view_reference_at(view, i, &r) == KHAP_OK; i++) {
        printf("reference\t%zu", i);
        name(r.kind, r.name);
        number(r.section);
        number(r.definition);
        where(r.place);
        printf("\t%s\t%s\n", answers[r.read], states[r.state]);
    }
}

static struct khap_str slurp(const char *path)
{
    size_t len = 0, cap = 65536;
    char *text = malloc(cap);
    FILE *f = fopen(path, "rb");
    while (text != NULL && f != NULL) {
        size_t n = fread(text + len, 1, cap - len, f);
        len += n;
        if (n == 0)
            break;
        if (len == cap)
            text = realloc(text, cap *= 2);
    }
    if (text == NULL || f == NULL || ferror(f))
        exit(2);
    fclose(f);
    return (struct khap_str){text, len};
}

int main(int argc, char **argv)
{
    struct khap_target target;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
    struct khap_view *view;
    struct khap_str texts[64];
    int at = 2, status = 0, n = 0;
    char **rename = NULL;
    khap_target_init(&target);
    if (argc > 6 && strcmp(argv[2], "--rename") == 0) {
        rename = argv + 3;
        at = 6;
    }
    if (argc <= at || argc - at > 64 ||
        khap_target_parse(str(argv[1]), &target, NULL, (struct khap_place){0, 0, 0}) != KHAP_OK ||
        khap_sources_new(NULL, &sources) != KHAP_OK || khap_diags_new(NULL, sources, &diags) != KHAP_OK ||
        khap_bundle_new(NULL, &bundle) != KHAP_OK)
        return 2;
    for (; at < argc; at++, n++) {
        struct khap_document *doc;
        uint32_t id;
        char file[32];
        texts[n] = slurp(argv[at]);
        (void)snprintf(file, sizeof file, "%d.cfg", n);
        if (khap_sources_add(sources, str(argv[at]), texts[n], &id) != KHAP_OK ||
            khap_document_parse(NULL, &target, texts[n], id, NULL, &doc) != KHAP_OK ||
            khap_bundle_add_document(bundle, str(file), doc, 0) != KHAP_OK)
            return 2;
    }
    if (khap_view_new(NULL, bundle, &target, NULL, diags, &view) != KHAP_OK)
        return 2;
    struct khap_sink out = {stdout, put}, err = {stderr, put};
    if (rename == NULL) {
        print(view);
    } else {
        size_t section = khap_view_find(view, str(rename[0]), str(rename[1]), SIZE_MAX);
        enum khap_status st = khap_view_rename(view, bundle, section, str(rename[2]), diags);
        status = st == KHAP_OK ? 0 : st == KHAP_EINPUT || st == KHAP_ENOENT ? 1 : 2;
        const struct khap_bundle_file *file = NULL;
        while ((file = khap_bundle_next(bundle, file)) != NULL)
            (void)khap_bundle_file_print(file, &out);
    }
    (void)khap_diags_print(diags, 0, &err);
    khap_view_free(view);
    khap_bundle_free(bundle);
    khap_diags_free(diags);
    khap_sources_free(sources);
    while (n > 0)
        free((char *)(uintptr_t)texts[--n].ptr);
    return status;
}
