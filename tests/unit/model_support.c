/* SPDX-License-Identifier: MIT */
#include "model_support.h"

void map_start(struct map_test *t)
{
    const struct khap_alloc *alloc = t->alloc;
    *t = (struct map_test){.alloc = alloc};
    assert_int_equal(khap_sources_new(NULL, &t->sources), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, t->sources, &t->diags), KHAP_OK);
    assert_int_equal(khap_model_new(alloc, &t->model), KHAP_OK);
}

void map_end(struct map_test *t)
{
    if (t->is_resolved)
        khap__resolved_free(&t->resolved);
    khap_model_free(t->model);
    khap_diags_free(t->diags);
    khap_sources_free(t->sources);
    *t = (struct map_test){.alloc = t->alloc};
}

enum khap_status map_read(struct map_test *t, const char *name, const char *text)
{
    uint32_t id;
    assert_int_equal(khap_sources_add(t->sources, khap__str(name), khap__str(text), &id), KHAP_OK);
    return khap_model_read(t->model, id, t->diags);
}

static enum khap_status resolve(struct map_test *t, const struct khap_target *target)
{
    if (t->is_resolved)
        khap__resolved_free(&t->resolved);
    t->is_resolved = true;
    return khap__resolve(t->model, target, t->diags, &t->resolved);
}

enum khap_status map_resolve(struct map_test *t, uint16_t first, uint16_t last)
{
    struct khap_target target;
    khap_target_init(&target);
    target.first = first;
    target.last = last;
    return resolve(t, &target);
}

enum khap_status map_all(struct map_test *t, const char *text)
{
    struct khap_target target;
    map_start(t);
    enum khap_status read = map_read(t, "map.yaml", text);
    khap_target_init(&target);
    khap_model_target(t->model, &target, t->diags);
    enum khap_status status = resolve(t, &target);
    return read != KHAP_OK ? read : status;
}

void map_service(struct map_test *t, const char *name, struct arena *scratch, struct service *out)
{
    for (uint32_t i = 0; i < t->resolved.services.len; i++) {
        if (khap__str_eq(t->resolved.services.ptr[i].name, khap__str(name))) {
            assert_int_equal(khap__service_resolve(&t->resolved, i, scratch, out), KHAP_OK);
            return;
        }
    }
    fail_msg("no service %s", name);
}

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

static char *taken(struct buf *b)
{
    char *text = malloc(b->len + 1);
    assert_non_null(text);
    if (b->len)
        memcpy(text, b->ptr, b->len);
    text[b->len] = '\0';
    khap__buf_free(b);
    return text;
}

char *map_written(const struct map_test *t)
{
    struct buf b;
    khap__buf_init(&b, NULL);
    struct khap_sink sink = {&b, into_buf};
    assert_int_equal(khap_model_write(t->model, &sink), KHAP_OK);
    return taken(&b);
}

char *map_said(const struct map_test *t)
{
    struct buf b;
    khap__buf_init(&b, NULL);
    struct khap_sink sink = {&b, into_buf};
    assert_int_equal(khap_diags_print(t->diags, 0, &sink), KHAP_OK);
    return taken(&b);
}

size_t map_count(const struct map_test *t, const char *code)
{
    size_t n = 0;
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(t->diags, d)) != NULL;)
        n += strcmp(khap_diag_code(d), code) == 0;
    return n;
}
