/* model/lines.c - the lines of one's own in a map, one text after the other. SPDX-License-Identifier: MIT */
#include "model/parts.h"

/* The keys of type `lines`, and what they are lines of. */
static const struct {
    uint16_t container, key;
    bool entries; /* the container holds objects by name */
    char path[24], section[12];
} kinds[] = {
    {KEY_NONE, KEY_GLOBAL, false, "global", "global"},
    {KEY_NONE, KEY_DEFAULTS, false, "defaults", "defaults"},
    {KEY_FRONTENDS, KEY_FRONTEND_EXTRA, true, "frontends.*.extra", "frontend"},
    {KEY_SERVICE_DEFAULTS, KEY_SERVICE_EXTRA, false, "serviceDefaults.extra", "backend"},
    {KEY_SERVICES, KEY_SERVICE_EXTRA, true, "services.*.extra", "backend"},
    {KEY_NONE, KEY_SECTIONS, false, "sections", ""},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static bool is_tcp(const struct khap_model *model, const struct setting *service)
{
    const struct setting *mode = khap__setting_find(service, KEY_SERVICE_MODE);
    if (!mode)
        mode = khap__setting_find(khap__setting_find(model->root, KEY_SERVICE_DEFAULTS), KEY_SERVICE_MODE);
    return khap__mode_of(mode, NULL) != MODE_HTTP;
}

/* What the key stands in, behind `last`; NULL when there is none left. */
static const struct setting *holder(const struct khap_model *model, uint32_t kind, const struct setting *last)
{
    if (kinds[kind].entries && last)
        return last->next;
    const struct setting *in = kinds[kind].container == KEY_NONE
                                   ? model->root
                                   : khap__setting_find(model->root, (enum key)kinds[kind].container);
    if (last || !in || in->kind != SETTING_OBJECT)
        return NULL;
    return kinds[kind].entries ? in->child : in;
}

enum khap_status khap_model_lines_next(const struct khap_model *model, struct khap_model_lines *lines)
{
    if (!model || !lines || lines->size != sizeof *lines || lines->kind > N_KINDS)
        return KHAP_EINVAL;
    const struct setting *at = lines->at;
    while (lines->kind < N_KINDS) {
        uint32_t kind = lines->kind;
        at = holder(model, kind, at);
        lines->at = at;
        lines->kind += at ? 0 : 1;
        const struct setting *text = khap__setting_find(at, (enum key)kinds[kind].key);
        if (!text || text->kind != SETTING_TEXT)
            continue;
        lines->key = kinds[kind].path;
        lines->section = kinds[kind].section;
        lines->name = kinds[kind].entries ? khap__setting_name(at) : (struct khap_str){NULL, 0};
        lines->tcp = kinds[kind].key == KEY_SERVICE_EXTRA && is_tcp(model, at);
        lines->text = text->text;
        lines->place = text->place;
        return KHAP_OK;
    }
    return KHAP_ENOENT;
}

void khap_model_lines_init(struct khap_model_lines *lines)
{
    if (lines)
        *lines = (struct khap_model_lines){.size = sizeof *lines};
}
