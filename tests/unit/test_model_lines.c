/* The lines of one's own in a map, one after the other. SPDX-License-Identifier: MIT */
#include "failing_alloc.h"
#include "model_support.h"

static const char map[] =
    "haproxy: {release: \"2.6\"}\n"
    "sections: |\n  backend own\n"
    "global: 'maxconn 1'\n"
    "defaults: retries 2\n"
    "serviceDefaults: {mode: tcp, extra: one}\n"
    "services:\n"
    "  a: {nodePort: 1, mode: http, extra: &x \"two\\nthree\"}\n"
    "  b: {nodePort: 2}\n"
    "  c: {nodePort: 3, extra: *x}\n"
    "frontends: {http: {extra: four}, inner: {bind: ':1', extra: five}, https: false}\n";

static void expect(struct khap_model *model, struct khap_model_lines *at, const char *key, const char *name,
                   const char *section, uint32_t tcp, const char *text, const char *written)
{
    assert_int_equal(khap_model_lines_next(model, at), KHAP_OK);
    assert_string_equal(at->key, key);
    assert_true(khap__str_eq(at->name, khap__str(name)));
    assert_string_equal(at->section, section);
    assert_int_equal(at->tcp, tcp);
    assert_true(khap__str_eq(at->text, khap__str(text)));
    assert_int_equal(at->place.source, 1);
    assert_true(khap__str_eq((struct khap_str){map + at->place.offset, at->place.len}, khap__str(written)));
}

static void all_of_them(void **state)
{
    (void)state;
    struct map_test t = {0};
    struct khap_model_lines at;
    map_start(&t);
    assert_int_equal(map_read(&t, "a.yaml", map), KHAP_OK);
    khap_model_lines_init(&at);
    expect(t.model, &at, "global", "", "global", 0, "maxconn 1", "'maxconn 1'");
    expect(t.model, &at, "defaults", "", "defaults", 0, "retries 2", "retries 2");
    expect(t.model, &at, "frontends.*.extra", "http", "frontend", 0, "four", "four");
    expect(t.model, &at, "frontends.*.extra", "inner", "frontend", 0, "five", "five");
    expect(t.model, &at, "serviceDefaults.extra", "", "backend", 1, "one", "one");
    expect(t.model, &at, "services.*.extra", "a", "backend", 0, "two\nthree", "\"two\\nthree\"");
    expect(t.model, &at, "services.*.extra", "c", "backend", 1, "two\nthree", "*x");
    expect(t.model, &at, "sections", "", "", 0, "backend own\n", "|\n  backend own");
    assert_int_equal(khap_model_lines_next(t.model, &at), KHAP_ENOENT);
    assert_int_equal(khap_model_lines_next(t.model, &at), KHAP_ENOENT);
    struct khap_place place = khap_model_target_place(t.model);
    assert_true(khap__str_eq((struct khap_str){map + place.offset, place.len}, S("\"2.6\"")));
    map_end(&t);
}

/* Each key of this type is gone through, whatever is added to keys.tsv. */
static void no_key_is_missed(void **state)
{
    (void)state;
    struct map_test t = {0};
    struct khap_model_lines at;
    struct khap_key key = {.size = sizeof key};
    size_t keys = 0, found = 0;
    map_start(&t);
    assert_int_equal(map_read(&t, "a.yaml", map), KHAP_OK);
    for (size_t i = 0; khap_key_at(i, &key) == KHAP_OK; i++) {
        bool here = false;
        if (strcmp(key.type, "lines") != 0)
            continue;
        keys++;
        khap_model_lines_init(&at);
        while (khap_model_lines_next(t.model, &at) == KHAP_OK)
            here = here || strcmp(at.key, key.path) == 0;
        found += here ? 1 : 0;
    }
    assert_true(keys >= 5);
    assert_int_equal(found, keys);
    map_end(&t);
}

static void nothing_there(void **state)
{
    (void)state;
    struct map_test t = {0};
    struct khap_model_lines at;
    map_start(&t);
    khap_model_lines_init(&at);
    assert_int_equal(khap_model_lines_next(t.model, &at), KHAP_ENOENT);
    assert_int_equal(khap_model_target_place(t.model).source, 0);
    assert_int_equal(khap_model_target_place(NULL).source, 0);
    assert_int_equal(khap_model_lines_next(NULL, &at), KHAP_EINVAL);
    assert_int_equal(khap_model_lines_next(t.model, NULL), KHAP_EINVAL);
    at.size = 3;
    assert_int_equal(khap_model_lines_next(t.model, &at), KHAP_EINVAL);
    khap_model_lines_init(NULL);
    map_end(&t);
}

/* A map that could not be read to its end for want of memory is gone through as far as it is there, and that takes none. */
static void without_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct map_test t = {0};
        struct khap_model_lines at;
        size_t n = 0, allocations;
        failing_alloc_init(&f, i);
        assert_int_equal(khap_sources_new(NULL, &t.sources), KHAP_OK);
        assert_int_equal(khap_diags_new(NULL, t.sources, &t.diags), KHAP_OK);
        if (khap_model_new(&f.alloc, &t.model) == KHAP_OK) {
            enum khap_status status = map_read(&t, "a.yaml", map);
            allocations = f.calls;
            khap_model_lines_init(&at);
            while (khap_model_lines_next(t.model, &at) == KHAP_OK)
                n++;
            assert_int_equal(f.calls, allocations);
            assert_true(status == KHAP_OK ? n == 8 : n <= 8);
        }
        khap_model_free(t.model);
        khap_diags_free(t.diags);
        khap_sources_free(t.sources);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_true(i > 5);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_of_them), cmocka_unit_test(no_key_is_missed),
                                       cmocka_unit_test(nothing_there), cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
