/* SPDX-License-Identifier: MIT */
#include <khap/cfg.h>

#include "base/arena.h"
#include "base/str.h"

struct khap_bundle_file {
    struct khap_bundle_file *next;
    struct khap_str name, text;
    struct khap_document *doc; /* NULL for a side file */
    int secret;
};

struct khap_bundle {
    struct arena arena;
    struct khap_bundle_file *configs, *sides;
    struct khap_bundle_file **configs_end, **sides_end;
};

enum khap_status khap_bundle_new(const struct khap_alloc *alloc, struct khap_bundle **out)
{
    if (out == NULL)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_bundle *bundle = khap__alloc(&a, 1, sizeof *bundle);
    if (bundle == NULL)
        return KHAP_ENOMEM;
    khap__arena_init(&bundle->arena, &a);
    bundle->configs = bundle->sides = NULL;
    bundle->configs_end = &bundle->configs;
    bundle->sides_end = &bundle->sides;
    *out = bundle;
    return KHAP_OK;
}

void khap_bundle_free(struct khap_bundle *bundle)
{
    if (bundle == NULL)
        return;
    for (struct khap_bundle_file *f = bundle->configs; f != NULL; f = f->next)
        khap_document_free(f->doc);
    struct khap_alloc a = bundle->arena.alloc;
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

static enum khap_status new_file(struct khap_bundle *bundle, struct khap_str name, int secret,
                                 struct khap_bundle_file **out)
{
    if (bundle == NULL || !good_name(name) || khap_bundle_find(bundle, name) != NULL)
        return KHAP_EINVAL;
    struct khap_bundle_file *f = khap__arena_zalloc(&bundle->arena, 1, sizeof *f);
    if (f == NULL)
        return KHAP_ENOMEM;
    f->secret = secret != 0;
    *out = f;
    return khap__arena_dup(&bundle->arena, name, &f->name);
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
    *bundle->configs_end = f;
    bundle->configs_end = &f->next;
    return KHAP_OK;
}

enum khap_status khap_bundle_add_file(struct khap_bundle *bundle, struct khap_str name, struct khap_str text,
                                      int secret)
{
    struct khap_bundle_file *f;
    enum khap_status st = new_file(bundle, name, secret, &f);
    if (st == KHAP_OK)
        st = khap__arena_dup(&bundle->arena, text, &f->text);
    if (st != KHAP_OK)
        return st;
    *bundle->sides_end = f;
    bundle->sides_end = &f->next;
    return KHAP_OK;
}

const struct khap_bundle_file *khap_bundle_next(const struct khap_bundle *bundle,
                                                const struct khap_bundle_file *prev)
{
    if (bundle == NULL)
        return NULL;
    if (prev == NULL)
        return bundle->configs != NULL ? bundle->configs : bundle->sides;
    return prev->next == NULL && prev->doc != NULL ? bundle->sides : prev->next;
}

const struct khap_bundle_file *khap_bundle_find(const struct khap_bundle *bundle, struct khap_str name)
{
    const struct khap_bundle_file *f = NULL;
    while ((f = khap_bundle_next(bundle, f)) != NULL)
        if (khap__str_eq(f->name, name))
            return f;
    return NULL;
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
