/* model/model.c - the handle. SPDX-License-Identifier: MIT */
#include "model/read.h"

enum khap_status khap_model_new(const struct khap_alloc *alloc, struct khap_model **out)
{
    if (!out)
        return KHAP_EINVAL;
    *out = NULL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_model *m = khap__alloc(&a, 1, sizeof *m);
    if (!m)
        return KHAP_ENOMEM;
    *m = (struct khap_model){.alloc = a};
    khap__arena_init(&m->arena, &a);
    m->root = khap__setting_new(&m->arena, KEY_ROOT, SETTING_OBJECT, NOWHERE);
    if (!m->root) {
        khap_model_free(m);
        return KHAP_ENOMEM;
    }
    *out = m;
    return KHAP_OK;
}

void khap_model_free(struct khap_model *model)
{
    if (!model)
        return;
    struct khap_alloc a = model->alloc;
    khap__forget_indices(model);
    khap__arena_free(&model->arena);
    khap__free(&a, model, 1, sizeof *model);
}

static const struct setting *release_of(const struct khap_model *model)
{
    return khap__setting_find(khap__setting_find(model->root, KEY_HAPROXY), KEY_HAPROXY_RELEASE);
}

struct khap_place khap_model_target_place(const struct khap_model *model)
{
    const struct setting *release = model ? release_of(model) : NULL;
    return release ? release->place : NOWHERE;
}

enum khap_status khap_model_target(const struct khap_model *model, struct khap_target *target,
                                   struct khap_diags *diags)
{
    if (!model || !target)
        return KHAP_EINVAL;
    const struct setting *release = release_of(model);
    if (!release)
        return KHAP_ENOENT;
    return khap_target_parse(release->text, target, diags, release->place);
}
