/* view/paths.c - where HAProxy opens files whose paths are relative: `default-path`. SPDX-License-Identifier: MIT */
#include "config.h"

#include "view/view.h"

enum khap_status khap__view_below(struct arena *arena, struct khap_str directory, struct khap_str path,
                                  struct khap_str *out)
{
    *out = path;
    if (directory.len == 0 || khap__str_starts(path, S("/")))
        return KHAP_OK;
    bool ends = khap__str_ends(directory, S("/"));
    char *room = khap__arena_bytes(arena, directory.len + 1 + path.len);
    if (room == NULL)
        return KHAP_ENOMEM;
    memcpy(room, directory.ptr, directory.len);
    room[directory.len] = '/';
    if (path.len > 0)
        memcpy(room + directory.len + !ends, path.ptr, path.len);
    *out = (struct khap_str){room, directory.len + !ends + path.len};
    return KHAP_OK;
}

enum khap_status khap__view_note_path(struct arena *arena, const struct schema_word *words, size_t n,
                                      struct view_paths *paths)
{
    if (n < 2 || words[1].variable || !khap__str_eq(words[0].text, S("default-path")))
        return KHAP_OK;
    struct khap_str value = words[1].text;
    bool origin = khap__str_eq(value, S("origin"));
    *paths = (struct view_paths){.parent = khap__str_eq(value, S("parent"))};
    paths->from_config = paths->parent || khap__str_eq(value, S("config"));
    return origin && n > 2 ? khap__arena_dup(arena, words[2].text, &paths->directory) : KHAP_OK;
}

static struct khap_str without_last(struct khap_str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] != '/')
        path.len--;
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

enum khap_status khap__view_path(const struct khap_view *view, const struct khap_document *doc,
                                 const struct view_paths *paths, struct arena *arena, struct khap_str path,
                                 struct khap_str *out)
{
    struct khap_str directory = paths->directory;
    for (uint32_t i = 0; i < view->files.len && paths->from_config; i++) {
        if (view->files.ptr[i].doc == doc)
            directory = without_last(khap_bundle_file_name(view->files.ptr[i].file));
    }
    enum khap_status status =
        paths->parent ? khap__view_below(arena, directory, S(".."), &directory) : KHAP_OK;
    return status == KHAP_OK ? khap__view_below(arena, directory, path, out) : status;
}
