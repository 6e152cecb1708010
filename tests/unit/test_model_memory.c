/* Every allocation of lib/model made to fail, one after the other. SPDX-License-Identifier: MIT */
#include "failing_alloc.h"
#include "model_support.h"

static char *read_whole(const char *name)
{
    char path[4096];
    const char *srcdir = getenv("abs_srcdir");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/model/%s", srcdir ? srcdir : ".", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    char *text = calloc(1, 100000);
    assert_non_null(text);
    assert_true(fread(text, 1, 99999, f) > 100);
    fclose(f);
    return text;
}

static int drop(void *ctx, const char *data, size_t len)
{
    (void)ctx, (void)data, (void)len;
    return 0;
}

/* Read, a second document, resolve, every service, set, write. */
static enum khap_status whole_run(const struct khap_alloc *alloc, const char *text)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_model *model = NULL;
    struct khap_target target;
    struct resolved resolved = {0};
    struct arena scratch;
    uint32_t id, second;
    struct khap_sink sink = {NULL, drop};
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("a"), khap__str(text), &id), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("b"),
                                      S("services: {more: {nodePort: 3}}\nnodes: {n9: 10.9.9.9}\n"), &second),
                     KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    khap_target_init(&target);
    khap__arena_init(&scratch, alloc);
    bool enough = khap_model_new(alloc, &model) == KHAP_OK;
    enough = enough && khap_model_read(model, id, diags) != KHAP_ENOMEM &&
             khap_model_read(model, second, diags) != KHAP_ENOMEM;
    enough = enough &&
             khap_model_set(model, S("services.more.hosts"), S("[m.example]"), NOWHERE, diags) != KHAP_ENOMEM;
    enough = enough && khap_model_set(model, S("services.less.nodes.selector.zone"), S("a"), NOWHERE,
                                      diags) != KHAP_ENOMEM;
    enough = enough && khap_model_target(model, &target, diags) != KHAP_ENOMEM;
    enough = enough && khap__resolve(model, &target, diags, &resolved) != KHAP_ENOMEM;
    for (uint32_t i = 0; enough && i < resolved.services.len; i++) {
        struct service service;
        enough = khap__service_resolve(&resolved, i, &scratch, &service) != KHAP_ENOMEM;
    }
    enough = enough && khap_model_write(model, &sink) != KHAP_ENOMEM;
    khap__arena_free(&scratch);
    khap__resolved_free(&resolved);
    khap_model_free(model);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return enough ? KHAP_OK : KHAP_ENOMEM;
}

static void each_allocation(const char *name, size_t at_least)
{
    char *text = read_whole(name);
    size_t tried = 0;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = whole_run(&f.alloc, text);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(status, KHAP_OK);
            break;
        }
        assert_int_equal(status, KHAP_ENOMEM);
        tried++;
    }
    free(text);
    assert_true(tried > at_least);
}

static void good_map(void **state)
{
    (void)state;
    each_allocation("full", 50);
}

static void bad_map(void **state)
{
    (void)state;
    each_allocation("big", 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_map), cmocka_unit_test(bad_map)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
