/* SPDX-License-Identifier: MIT */
#include "cfg/bundle.h"

enum khap_status khap_bundle_new(const struct khap_alloc *alloc, struct khap_bundle **out)
{
    if (out == NULL)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_bundle *bundle = khap__alloc(&a, 1, sizeof *bundle);
    if (bundle == NULL)
        return KHAP_ENOMEM;
    memset(bundle, 0, sizeof *bundle);
    khap__arena_init(&bundle->arena, &a);
    khap__map_init(&bundle->configs.by_name, &a);
    khap__map_init(&bundle->sides.by_name, &a);
    *out = bundle;
    return KHAP_OK;
}

static void free_list(const struct khap_alloc *a, struct bundle_list *list)
{
    VEC_FREE(a, &list->files);
    khap__map_free(&list->by_name);
}

void khap_bundle_free(struct khap_bundle *bundle)
{
    if (bundle == NULL)
        return;
    for (uint32_t i = 0; i < bundle->configs.files.len; i++)
        khap_document_free(bundle->configs.files.ptr[i]->doc);
    for (uint32_t i = 0; i < bundle->texts.len; i++) {
        const struct bundle_text *t = &bundle->texts.ptr[i];
        if (t->from->done != NULL)
            t->from->done(t->from->ctx, t->text);
    }
    struct khap_alloc a = bundle->arena.alloc;
    VEC_FREE(&a, &bundle->texts);
    free_list(&a, &bundle->configs);
    free_list(&a, &bundle->sides);
    khap__arena_free(&bundle->arena);
    khap__free(&a, bundle, 1, sizeof *bundle);
}

/* A relative path that stays below the directory that the bundle is written to: no empty part, no "." or
 * "..". */
static bool good_name(struct khap_str name)
{
    if (name.len == 0 || name.len > 4096 || memchr(name.ptr, '\0', name.len) != NULL)
        return false;
    while (true) {
        struct khap_str part = khap__str_sub(name, 0, khap__str_find(name, '/'));
        if (part.len == 0 || khap__str_eq(part, S(".")) || khap__str_eq(part, S("..")))
            return false;
        if (part.len == name.len)
            return true;
        name = khap__str_sub(name, part.len + 1, name.len);
    }
}

/* ---- the lists of files */

struct khap_bundle_file *khap__bundle_new_file(struct khap_bundle *bundle, struct khap_str name)
{
    struct khap_bundle_file *f = khap__arena_zalloc(&bundle->arena, 1, sizeof *f);
    return f == NULL || khap__arena_dup(&bundle->arena, name, &f->name) != KHAP_OK ? NULL : f;
}

enum khap_status khap__bundle_add(struct khap_bundle *bundle, struct bundle_list *list,
                                  struct khap_bundle_file *file)
{
    enum khap_status status;
    file->index = list->files.len;
    if (file->index == BUNDLE_NO_FILE || !VEC_PUSH(&bundle->arena.alloc, &list->files, file))
        return KHAP_ENOMEM;
    if (khap__bundle_look_up(list, file->name, &status) == NULL &&
        khap__map_set(&list->by_name, file->name, file->index) != KHAP_OK) {
        list->files.len--;
        return KHAP_ENOMEM;
    }
    return KHAP_OK;
}

struct khap_bundle_file *khap__bundle_look_up(const struct bundle_list *list, struct khap_str name,
                                              enum khap_status *status)
{
    uint32_t i;
    *status = KHAP_OK;
    if (!khap__map_get(&list->by_name, name, &i))
        return NULL;
    if (i < BUNDLE_NO_FILE)
        return list->files.ptr[i];
    *status = (enum khap_status)(i - BUNDLE_NO_FILE);
    return NULL;
}

static enum khap_status new_file(struct khap_bundle *bundle, struct khap_str name, int secret,
                                 struct khap_bundle_file **out)
{
    if (bundle == NULL || !good_name(name) || khap_bundle_find(bundle, name) != NULL)
        return KHAP_EINVAL;
    *out = khap__bundle_new_file(bundle, name);
    if (*out == NULL)
        return KHAP_ENOMEM;
    (*out)->secret = secret != 0;
    return KHAP_OK;
}

enum khap_status khap_bundle_add_document(struct khap_bundle *bundle, struct khap_str name,
                                          struct khap_document *doc, int secret)
{
    struct khap_bundle_file *f;
    if (doc == NULL)
        return KHAP_EINVAL;
    enum khap_status st = new_file(bundle, name, secret, &f);
    if (st != KHAP_OK)
        return st;
    f->doc = doc;
    return khap__bundle_add(bundle, &bundle->configs, f);
}

enum khap_status khap_bundle_add_file(struct khap_bundle *bundle, struct khap_str name, struct khap_str text,
                                      int secret)
{
    struct khap_bundle_file *f;
    enum khap_status st = new_file(bundle, name, secret, &f);
    if (st == KHAP_OK)
        st = khap__arena_dup(&bundle->arena, text, &f->text);
    return st == KHAP_OK ? khap__bundle_add(bundle, &bundle->sides, f) : st;
}

const struct khap_bundle_file *khap_bundle_next(const struct khap_bundle *bundle,
                                                const struct khap_bundle_file *prev)
{
    if (bundle == NULL)
        return NULL;
    uint32_t i = prev == NULL ? 0 : prev->index + 1;
    if (prev == NULL || prev->doc != NULL) {
        if (i < bundle->configs.files.len)
            return bundle->configs.files.ptr[i];
        i = 0;
    }
    return i < bundle->sides.files.len ? bundle->sides.files.ptr[i] : NULL;
}

const struct khap_bundle_file *khap_bundle_find(const struct khap_bundle *bundle, struct khap_str name)
{
    enum khap_status status;
    if (bundle == NULL)
        return NULL;
    const struct khap_bundle_file *f = khap__bundle_look_up(&bundle->configs, name, &status);
    return f != NULL ? f : khap__bundle_look_up(&bundle->sides, name, &status);
}

struct khap_str khap_bundle_file_name(const struct khap_bundle_file *file)
{
    return file == NULL ? (struct khap_str){NULL, 0} : file->name;
}

const struct khap_document *khap_bundle_file_document(const struct khap_bundle_file *file)
{
    return file == NULL ? NULL : file->doc;
}

struct khap_document *khap_bundle_document(struct khap_bundle *bundle, const struct khap_bundle_file *file)
{
    return bundle == NULL || file == NULL ? NULL : file->doc;
}

struct khap_str khap_bundle_file_text(const struct khap_bundle_file *file)
{
    return file == NULL ? (struct khap_str){NULL, 0} : file->text;
}

int khap_bundle_file_secret(const struct khap_bundle_file *file)
{
    return file != NULL && file->secret;
}

enum khap_status khap_bundle_file_print(const struct khap_bundle_file *file, const struct khap_sink *sink)
{
    if (file == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    if (file->doc != NULL)
        return khap_document_print(file->doc, sink);
    if (file->text.len > 0 && sink->write(sink->ctx, file->text.ptr, file->text.len) != 0)
        return KHAP_EIO;
    return KHAP_OK;
}
