/* Reading a bundle through its file source. SPDX-License-Identifier: MIT */
#include "cfg/bundle.h"

#include "base/buf.h"
#include "base/diag.h"

/* Members that the caller's struct does not have yet are NULL. */
static bool copy_source(const struct khap_file_source *files, struct khap_file_source *out)
{
    if (files == NULL || files->size <= offsetof(struct khap_file_source, done) || files->read == NULL)
        return false;
    *out = (struct khap_file_source){0};
    memcpy(out, files, files->size < sizeof *out ? files->size : sizeof *out);
    return true;
}

/* ---- what a path stands for */

struct listing {
    struct khap_str directory;
    struct buf path;
    enum khap_status (*entry)(void *entry_ctx, struct khap_str path);
    void *entry_ctx;
    bool is_directory; /* a name came */
};

/* HAProxy looks for the first ".cfg" of a name, and passes over "a.cfg.cfg". */
static bool is_config(struct khap_str name)
{
    size_t i = 0;
    while (i + 4 <= name.len && memcmp(name.ptr + i, ".cfg", 4) != 0)
        i++;
    return i > 0 && i + 4 == name.len && name.ptr[0] != '.';
}

static enum khap_status on_name(void *ctx, struct khap_str name)
{
    struct listing *l = ctx;
    l->is_directory = true;
    if (!is_config(name))
        return KHAP_OK;
    khap__buf_clear(&l->path);
    khap__buf_add(&l->path, l->directory);
    if (!khap__str_ends(l->directory, S("/")))
        khap__buf_char(&l->path, '/');
    khap__buf_add(&l->path, name);
    return l->path.failed ? KHAP_ENOMEM : l->entry(l->entry_ctx, khap__buf_str(&l->path));
}

enum khap_status khap_config_paths(const struct khap_alloc *alloc, const struct khap_file_source *files,
                                   struct khap_str path,
                                   enum khap_status (*entry)(void *entry_ctx, struct khap_str path),
                                   void *entry_ctx)
{
    struct khap_file_source from;
    if (!copy_source(files, &from) || entry == NULL || (path.ptr == NULL && path.len > 0))
        return KHAP_EINVAL;
    if (from.list == NULL)
        return entry(entry_ctx, path);
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct listing l = {.directory = path, .entry = entry, .entry_ctx = entry_ctx};
    khap__buf_init(&l.path, &a);
    enum khap_status status = from.list(from.ctx, path, on_name, &l);
    khap__buf_free(&l.path);
    /* what cannot be listed is a file, and reading it tells what is wrong with it, if anything is */
    return status == KHAP_OK || status == KHAP_ENOMEM || l.is_directory ? status : entry(entry_ctx, path);
}

/* ---- reading */

struct reading {
    struct khap_bundle *bundle;
    const struct khap_target *target;
    const struct khap_file_source *files; /* the bundle's own copy */
    struct khap_sources *sources;
    struct khap_diags *diags;
    enum khap_status first; /* why the first file that cannot be read cannot be */
};

static enum khap_status say_of_path(struct reading *r, enum message_id id, struct khap_str path,
                                    struct khap_str word)
{
    struct khap_place place = NOWHERE;
    if (r->diags == NULL)
        return KHAP_OK;
    enum khap_status status = khap_sources_add(r->sources, path, S(""), &place.source);
    if (status != KHAP_OK)
        return status;
    SAY(r->diags, id, place, word);
    return khap__diags_status(r->diags) == KHAP_ENOMEM ? KHAP_ENOMEM : KHAP_OK;
}

/* Says that a file cannot be read, and goes on, unless nothing can be said any more. */
static enum khap_status unreadable(struct reading *r, struct khap_str path, enum khap_status why, bool ours)
{
    struct khap_str reason = S("");
    if (why == KHAP_ENOMEM)
        return why;
    if (r->first == KHAP_OK)
        r->first = why;
    if (!ours && r->files->reason != NULL)
        reason = r->files->reason(r->files->ctx);
    return say_of_path(r, MSG_INPUT_UNREADABLE, path,
                       reason.len > 0 ? reason : khap__str(khap_status_text(why)));
}

/* Reads a file and keeps its text until the bundle is freed. */
static enum khap_status read_text(struct khap_bundle *bundle, const struct khap_file_source *files,
                                  struct khap_str path, struct khap_str *text)
{
    struct bundle_text added = {files, {NULL, 0}};
    if (!VEC_PUSH(&bundle->arena.alloc, &bundle->texts,
                  added)) /* first, so that what was read is never lost */
        return KHAP_ENOMEM;
    enum khap_status status = files->read(files->ctx, path, text);
    if (status == KHAP_OK)
        bundle->texts.ptr[bundle->texts.len - 1].text = *text;
    else
        bundle->texts.len--;
    return status;
}

static enum khap_status read_config(void *ctx, struct khap_str path)
{
    struct reading *r = ctx;
    struct khap_str text;
    uint32_t source;
    struct khap_bundle_file *f = khap__bundle_new_file(r->bundle, path);
    if (f == NULL)
        return KHAP_ENOMEM;
    enum khap_status status = read_text(r->bundle, r->files, path, &text);
    if (status != KHAP_OK)
        return unreadable(r, path, status, false);
    status = khap_sources_add(r->sources, path, text, &source);
    if (status == KHAP_OK)
        status = khap_document_parse(&r->bundle->arena.alloc, r->target, text, source, r->diags, &f->doc);
    if (status != KHAP_OK)
        return status == KHAP_ELIMIT ? unreadable(r, path, status, true) : status;
    status = khap__bundle_add(r->bundle, &r->bundle->configs, f);
    if (status != KHAP_OK)
        khap_document_free(f->doc);
    return status;
}

/* A file, or a directory with files or without. */
static enum khap_status read_path(struct reading *r, struct khap_str path)
{
    uint32_t files = r->bundle->configs.files.len;
    enum khap_status first = r->first;
    r->first = KHAP_OK;
    enum khap_status status = khap_config_paths(&r->bundle->arena.alloc, r->files, path, read_config, r);
    if (status == KHAP_OK && r->first == KHAP_OK && r->bundle->configs.files.len == files)
        status = say_of_path(r, MSG_DIRECTORY_WITHOUT_CFG, path, S(""));
    else if (status != KHAP_OK && status != KHAP_EINVAL)
        status = unreadable(r, path, status, false); /* the directory, to its end */
    if (first != KHAP_OK)
        r->first = first;
    return status;
}

enum khap_status khap_bundle_read(struct khap_bundle *bundle, const struct khap_target *target,
                                  const struct khap_str *paths, size_t n,
                                  const struct khap_file_source *files, struct khap_sources *sources,
                                  struct khap_diags *diags)
{
    struct khap_file_source from;
    if (bundle == NULL || sources == NULL || (paths == NULL && n > 0) || !copy_source(files, &from))
        return KHAP_EINVAL;
    struct khap_file_source *kept = khap__arena_alloc(&bundle->arena, 1, sizeof *kept);
    if (kept == NULL)
        return KHAP_ENOMEM;
    *kept = from;
    bundle->files = kept;
    struct reading r = {bundle, target, kept, sources, diags, KHAP_OK};
    for (size_t i = 0; i < n; i++) {
        enum khap_status status = read_path(&r, paths[i]);
        if (status != KHAP_OK)
            return status;
    }
    return r.first;
}

/* ---- side files */

enum khap_status khap_bundle_side(struct khap_bundle *bundle, struct khap_str path,
                                  const struct khap_bundle_file **out)
{
    enum khap_status status;
    if (out == NULL)
        return KHAP_EINVAL;
    *out = NULL;
    if (bundle == NULL || (path.ptr == NULL && path.len > 0))
        return KHAP_EINVAL;
    *out = khap__bundle_look_up(&bundle->sides, path, &status);
    if (*out != NULL || status != KHAP_OK)
        return status;
    if (bundle->files == NULL)
        return KHAP_ENOENT;
    struct khap_bundle_file *f = khap__bundle_new_file(bundle, path);
    if (f == NULL)
        return KHAP_ENOMEM;
    status = read_text(bundle, bundle->files, f->name, &f->text);
    if (status == KHAP_OK)
        status = khap__bundle_add(bundle, &bundle->sides, f);
    else if (status != KHAP_ENOMEM &&
             khap__map_set(&bundle->sides.by_name, f->name, BUNDLE_NO_FILE + (uint32_t)status) != KHAP_OK)
        status = KHAP_ENOMEM;
    if (status == KHAP_OK)
        *out = f;
    return status;
}
