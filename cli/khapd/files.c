/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, LINKS = 40, READ_ROOM = 16384 };
#define FNV_PRIME UINT64_C(1099511628211)
#define FNV_BASIS UINT64_C(14695981039346656037)

static uint64_t add_bytes(uint64_t sum, const void *bytes, size_t len)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ b[i]) * FNV_PRIME;
    return sum;
}

/* ---- lists */

bool files_add(struct files *f, const char *path, size_t len)
{
    if (f->n == f->cap) {
        size_t cap = f->cap == 0 ? 16 : f->cap * 2;
        char **of = cap > SIZE_MAX / sizeof *of ? NULL : realloc(f->of, cap * sizeof *of);
        if (of == NULL)
            return false;
        f->of = of;
        f->cap = cap;
    }
    char *copy = len < SIZE_MAX ? malloc(len + 1) : NULL;
    if (copy == NULL)
        return false;
    memcpy(copy, path, len);
    copy[len] = '\0';
    f->of[f->n++] = copy;
    return true;
}

static bool is_path(const char *known, const char *path, size_t len)
{
    return strncmp(known, path, len) == 0 && known[len] == '\0';
}

/* The slot that has a path, or the one for it. There is always an empty one. */
static size_t *slot_of(const struct files *f, const char *path, size_t len)
{
    size_t at = (size_t)add_bytes(FNV_BASIS, path, len) & (f->n_slots - 1);
    while (f->slots[at] != 0 && !is_path(f->of[f->slots[at] - 1], path, len))
        at = (at + 1) & (f->n_slots - 1);
    return &f->slots[at];
}

/* All that were added have a slot then. */
static bool fill_slots(struct files *f)
{
    if (f->n_slots / 2 <= f->n) {
        size_t n = f->n_slots == 0 ? 64 : f->n_slots;
        while (n / 2 <= f->n)
            n *= 2;
        size_t *slots = calloc(n, sizeof *slots);
        if (slots == NULL)
            return false;
        free(f->slots);
        f->slots = slots;
        f->n_slots = n;
        f->in_slots = 0;
    }
    for (; f->in_slots < f->n; f->in_slots++) {
        size_t *slot = slot_of(f, f->of[f->in_slots], strlen(f->of[f->in_slots]));
        if (*slot == 0)
            *slot = f->in_slots + 1;
    }
    return true;
}

bool files_has(const struct files *f, const char *path, size_t len)
{
    for (size_t i = f->in_slots; i < f->n; i++)
        if (is_path(f->of[i], path, len))
            return true;
    return f->in_slots > 0 && *slot_of(f, path, len) != 0;
}

bool files_add_once(struct files *f, const char *path, size_t len)
{
    return fill_slots(f) && (files_has(f, path, len) || files_add(f, path, len));
}

void files_free(struct files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->of[i]);
    free(f->of);
    free(f->slots);
    *f = (struct files){0};
}

static int bytewise(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_map(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && ((len > 5 && strcmp(name + len - 5, ".yaml") == 0) ||
                              (len > 4 && strcmp(name + len - 4, ".yml") == 0));
}

bool files_of_source(struct files *f, const char *path)
{
    char full[PATH_ROOM];
    size_t first = f->n, len = strlen(path);
    struct stat st;
    DIR *d = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    if (d == NULL)
        return files_add(f, path, len);
    bool good = true;
    const struct dirent *e;
    while (good && (e = readdir(d)) != NULL) {
        int n = snprintf(full, sizeof full, "%s%s%s", path, path[len - 1] == '/' ? "" : "/", e->d_name);
        if (is_map(e->d_name) && n > 0 && n < PATH_ROOM && (stat(full, &st) != 0 || !S_ISDIR(st.st_mode)))
            good = files_add(f, full, (size_t)n);
    }
    closedir(d);
    if (f->n > first)
        qsort(f->of + first, f->n - first, sizeof *f->of, bytewise);
    return good;
}

/* ---- how they look */

static uint64_t add_number(uint64_t sum, uint64_t n)
{
    return add_bytes(sum, &n, sizeof n);
}

static uint64_t add_stat(uint64_t sum, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return add_number(sum, (uint64_t)errno);
    sum = add_number(add_number(sum, (uint64_t)st.st_dev), (uint64_t)st.st_ino);
    sum = add_number(add_number(sum, (uint64_t)st.st_size), (uint64_t)st.st_mode);
    sum = add_number(add_number(sum, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
    return add_number(add_number(sum, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
}

uint64_t files_look(const struct files *f, uint64_t sum)
{
    sum = sum == SUM_START ? FNV_BASIS : sum;
    for (size_t i = 0; i < f->n; i++)
        sum = add_stat(add_bytes(sum, f->of[i], strlen(f->of[i]) + 1), f->of[i]);
    return sum;
}

/* ---- what changes them */

static void watch(int fd, const char *path)
{
    (void)inotify_add_watch(fd, path,
                            IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF);
}

/* The directory in which a path's last name stands. */
static void watch_parent(int fd, const char *path, size_t len)
{
    char parent[PATH_ROOM];
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len == 0) {
        watch(fd, ".");
        return;
    }
    memcpy(parent, path, len);
    parent[len] = '\0';
    watch(fd, parent);
}

/* What a path becomes by the first link on its way; `at`: behind the name that is looked at. False: there is no link in it. */
static bool follow_link(int fd, char path[PATH_ROOM])
{
    char target[PATH_ROOM], next[PATH_ROOM];
    size_t len = strlen(path);
    for (size_t at = 1; at <= len; at++) {
        if (path[at] != '/' && path[at] != '\0')
            continue;
        char end = path[at];
        path[at] = '\0';
        ssize_t n = readlink(path, target, sizeof target - 1);
        path[at] = end;
        if (n <= 0)
            continue;
        target[n] = '\0';
        watch_parent(fd, path, at);
        size_t parent = at;
        while (parent > 0 && path[parent - 1] != '/')
            parent--;
        int made = snprintf(next, sizeof next, "%.*s%s%s", target[0] == '/' ? 0 : (int)parent, path, target,
                            path + at);
        if (made < 0 || made >= PATH_ROOM)
            return false;
        memcpy(path, next, (size_t)made + 1);
        return true;
    }
    return false;
}

static void watch_path(int fd, const char *path)
{
    char way[PATH_ROOM];
    struct stat st;
    size_t len = strlen(path);
    if (len == 0 || len >= PATH_ROOM)
        return;
    memcpy(way, path, len + 1);
    for (int i = 0; i < LINKS && follow_link(fd, way); i++)
        ;
    /* where a directory is missing, the nearest one that is there */
    for (size_t end = strlen(way); end > 0;) {
        watch_parent(fd, way, end);
        while (end > 0 && way[end - 1] != '/')
            end--;
        while (end > 0 && way[end - 1] == '/')
            end--;
        char at = way[end];
        way[end] = '\0';
        bool there = end == 0 || stat(way, &st) == 0;
        way[end] = at;
        if (there)
            break;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        watch(fd, path);
}

int files_watch(const struct files *f)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (size_t i = 0; fd >= 0 && i < f->n; i++)
        watch_path(fd, f->of[i]);
    return fd;
}

bool files_watch_read(int fd)
{
    char events[READ_ROOM];
    bool some = false;
    while (read(fd, events, sizeof events) > 0)
        some = true;
    return some;
}
