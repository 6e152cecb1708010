/* fuzz/fuzz_model.c - any bytes as a service map: read, resolved for several targets, written, read again.
 * covers: lib/model
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"
#include "model/model.h"

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* A word of a generated line: none of these bytes may come through. */
static void check_word(struct khap_str s)
{
    for (size_t i = 0; i < s.len; i++)
        MUST((unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != 0x7f);
}

static void check_service(const struct resolved *r, uint32_t index, struct arena *scratch)
{
    struct service s;
    MUST(khap__service_resolve(r, index, scratch, &s) == KHAP_OK);
    MUST(s.name.len > 0 && s.name.len <= 255);
    check_word(s.name);
    check_word(s.balance);
    check_word(s.cookie.name);
    check_word(s.check.path);
    check_word(s.check.host);
    check_word(s.rewrite.prefix);
    check_word(s.rewrite.path);
    check_word(s.rewrite.host);
    MUST(s.mode != MODE_TCP || s.n_binds > 0);
    for (uint32_t i = 0; i < s.n_servers; i++) {
        MUST(s.servers[i].port != 0 && s.servers[i].id != 0 && s.servers[i].name.len > 0);
        for (uint32_t k = 0; k < i && i < 50; k++)
            MUST(s.servers[i].id != s.servers[k].id && !khap__str_eq(s.servers[i].name, s.servers[k].name));
        check_word(s.servers[i].address.host);
    }
    for (uint32_t i = 0; i < s.n_request; i++) {
        check_word(s.request[i].name);
        MUST(s.request[i].is_delete || s.request[i].value.len > 0);
    }
}

static void resolve(const struct khap_model *model, struct khap_diags *diags, uint16_t first, uint16_t last)
{
    struct khap_target target;
    struct resolved r;
    khap_target_init(&target);
    target.first = first;
    target.last = last;
    size_t errors = khap_diags_count(diags, KHAP_ERROR);
    enum khap_status status = khap__resolve(model, &target, diags, &r);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    MUST((khap_diags_count(diags, KHAP_ERROR) > errors) == (status == KHAP_EINPUT) || model->damaged);
    for (uint32_t i = 0; status == KHAP_OK && i < r.services.len; i++) {
        struct arena scratch;
        khap__arena_init(&scratch, NULL);
        check_service(&r, i, &scratch);
        khap__arena_free(&scratch);
    }
    for (uint32_t i = 0; status == KHAP_OK && i < r.routes.len; i++) {
        check_word(r.routes.ptr[i].host.name);
        check_word(r.routes.ptr[i].path);
        if (r.routes.ptr[i].stated == 0)
            continue;
        struct arena scratch;
        struct service s;
        khap__arena_init(&scratch, NULL);
        MUST(khap__route_resolve(&r, &r.routes.ptr[i], &r.services.ptr[r.routes.ptr[i].service], &scratch,
                                 &s));
        MUST(s.route == &r.routes.ptr[i] && !(s.redirect.on && s.respond.on));
        check_word(s.rewrite.prefix);
        check_word(s.rewrite.path);
        khap__arena_free(&scratch);
    }
    khap__resolved_free(&r);
}

static struct khap_model *read_model(struct khap_str text, struct khap_sources *sources,
                                     struct khap_diags *diags, enum khap_status *status)
{
    struct khap_model *model;
    uint32_t id;
    MUST(khap_sources_add(sources, S("fuzz"), text, &id) == KHAP_OK);
    MUST(khap_model_new(NULL, &model) == KHAP_OK);
    *status = khap_model_read(model, id, diags);
    MUST(*status == KHAP_OK || *status == KHAP_EINPUT || *status == KHAP_ELIMIT);
    return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    enum khap_status status, again;
    struct buf written, rewritten, said;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    struct khap_model *model =
        read_model((struct khap_str){(const char *)data, size}, sources, diags, &status);
    MUST((khap_diags_count(diags, KHAP_ERROR) == 0) == (status == KHAP_OK));
    resolve(model, diags, KHAP_RELEASE(1, 5), KHAP_RELEASE(1, 5));
    resolve(model, diags, KHAP_RELEASE(2, 2), KHAP_RELEASE(3, 4));
    resolve(model, diags, KHAP_RELEASE(3, 4), KHAP_RELEASE(3, 4));

    /* what could be read is written so that it is read again */
    khap__buf_init(&written, NULL);
    khap__buf_init(&rewritten, NULL);
    khap__buf_init(&said, NULL);
    struct khap_sink sink = {&written, into_buf}, resink = {&rewritten, into_buf},
                     said_sink = {&said, into_buf};
    MUST(khap_model_write(model, &sink) == KHAP_OK);
    struct khap_diags *fresh;
    MUST(khap_diags_new(NULL, sources, &fresh) == KHAP_OK);
    struct khap_model *second = read_model(khap__buf_str(&written), sources, fresh, &again);
    MUST(again == KHAP_OK);
    MUST(khap_model_write(second, &resink) == KHAP_OK);
    MUST(khap__str_eq(khap__buf_str(&written), khap__buf_str(&rewritten)));
    MUST(khap_diags_print(diags, 0, &said_sink) == KHAP_OK);

    /* the same bytes as a path and its value */
    struct khap_str text = {(const char *)data, size};
    size_t equals = khap__str_find(text, '=');
    again = khap_model_set(second, khap__str_sub(text, 0, equals), khap__str_sub(text, equals + 1, text.len),
                           (struct khap_place){0, 0, 0}, fresh);
    MUST(again == KHAP_OK || again == KHAP_EINPUT || again == KHAP_ELIMIT);

    khap__buf_free(&written);
    khap__buf_free(&rewritten);
    khap__buf_free(&said);
    khap_model_free(model);
    khap_model_free(second);
    khap_diags_free(fresh);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return 0;
}
