/* apply/generation.c - a directory a generation, and one link that says which counts. SPDX-License-Identifier: MIT */
#include "config.h"

#include "apply/save.h"
#include "apply/sums.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GENERATIONS "generations"
#define LINK        "current"
enum { DEEPEST = 16 };

static bool path_of(struct khap_str directory, const char *rest, char room[PATH_MAX])
{
    if (directory.len == 0 || directory.len >= PATH_MAX || memchr(directory.ptr, '\0', directory.len) != NULL)
        return false;
    int n = snprintf(room, PATH_MAX, "%.*s/%s", (int)directory.len, directory.ptr, rest);
    return n > 0 && n < PATH_MAX;
}

/* Digits without a leading zero; 0 for anything else. */
static uint32_t number_of(const char *name)
{
    uint32_t n = 0;
    if (*name == '0')
        return 0;
    for (; *name != '\0'; name++) {
        uint32_t digit = (uint32_t)(unsigned char)*name - '0';
        if (digit > 9 || n > (UINT32_MAX - digit) / 10)
            return 0;
        n = n * 10 + digit;
    }
    return n;
}

static enum khap_status failed(int32_t *error, int why)
{
    if (error != NULL)
        *error = (int32_t)why;
    return KHAP_EIO;
}

enum khap_status khap_generation_current(struct khap_str directory, uint32_t *number, int32_t *error)
{
    static const char below[] = GENERATIONS "/";
    char path[PATH_MAX], to[64];
    if (error != NULL)
        *error = 0;
    if (number == NULL || !path_of(directory, LINK, path))
        return KHAP_EINVAL;
    *number = 0;
    ssize_t n = readlink(path, to, sizeof to - 1);
    if (n < 0)
        return errno == ENOENT ? KHAP_ENOENT : failed(error, errno);
    to[n] = '\0';
    if (strncmp(to, below, sizeof below - 1) == 0)
        *number = number_of(to + sizeof below - 1);
    /* somebody else's link is not ours to replace */
    return *number > 0 ? KHAP_OK : failed(error, EEXIST);
}

/* The generations that are there: `seen` of each. */
static enum khap_status each(const char *path, void *ctx, void (*seen)(void *ctx, uint32_t number),
                             int32_t *error)
{
    DIR *d = opendir(path);
    const struct dirent *entry;
    if (d == NULL)
        return failed(error, errno);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
    for (errno = 0; (entry = readdir(d)) != NULL; errno = 0) {
        uint32_t n = number_of(entry->d_name);
        if (n > 0)
            seen(ctx, n);
    }
    int why = errno;
    (void)closedir(d);
    return why == 0 ? KHAP_OK : failed(error, why);
}

static void take_largest(void *ctx, uint32_t number)
{
    uint32_t *largest = ctx;
    if (number > *largest)
        *largest = number;
}

static bool remove_below(int parent, const char *name, int depth)
{
    const struct dirent *entry;
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if (depth == DEEPEST)
        return false;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    bool good = true;
    while (good && (entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = remove_below(fd, entry->d_name, depth + 1);
    int why = errno;
    (void)closedir(d);
    errno = why;
    return good && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

static void name_of(uint32_t number, char room[32])
{
    (void)snprintf(room, 32, GENERATIONS "/%u", (unsigned)number);
}

enum khap_status khap_generation_remove(struct khap_str directory, uint32_t number, int32_t *error)
{
    char path[PATH_MAX], name[32];
    uint32_t current;
    name_of(number, name);
    if (error != NULL)
        *error = 0;
    if (number == 0 || !path_of(directory, name, path))
        return KHAP_EINVAL;
    if (khap_generation_current(directory, &current, NULL) == KHAP_OK && current == number)
        return KHAP_EREFUSED;
    return remove_below(AT_FDCWD, path, 0) ? KHAP_OK : failed(error, errno);
}

/* DIRECTORY/NAME of a file of the bundle, with the directories on its way where they are to be made. */
static bool file_path(const char *directory, struct khap_str name, bool make, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/%.*s", directory, (int)name.len, name.ptr);
    bool good = n > 0 && n < PATH_MAX && khap__sums_inside(name);
    for (char *p = path + strlen(directory) + 1; good && make && (p = strchr(p, '/')) != NULL; *p++ = '/') {
        *p = '\0';
        good = mkdir(path, 0777) == 0 || errno == EEXIST;
    }
    return good;
}

/*
 * What the generation that counts has stands in the new one, too, as the same file: who saves finds it there, and writes only what is different, as
 * another file. What cannot be linked is written like that. Whether something was linked.
 */
static bool link_files(struct khap_str directory, const char *to, const struct khap_bundle *bundle)
{
    char current[PATH_MAX], from[PATH_MAX], path[PATH_MAX];
    const struct khap_bundle_file *f = NULL;
    struct stat st;
    uint32_t number;
    bool some = false;
    if (khap_generation_current(directory, &number, NULL) != KHAP_OK || !path_of(directory, LINK, current))
        return false;
    while ((f = khap_bundle_next(bundle, f)) != NULL) {
        struct khap_str name = khap_bundle_file_name(f);
        bool sums = name.len == sizeof SUMS_NAME - 1 && memcmp(name.ptr, SUMS_NAME, name.len) == 0;
        /* not what stands behind a link of somebody's */
        some |= !sums && file_path(current, name, false, from) && lstat(from, &st) == 0 &&
                S_ISREG(st.st_mode) && file_path(to, name, true, path) && link(from, path) == 0;
    }
    return some;
}

/* Where nothing was written, nobody has told the disk of links. */
static bool sync_directories(const struct khap_save_options *o, const char *to,
                             const struct khap_bundle *bundle, struct failure *failure)
{
    char path[PATH_MAX], last[PATH_MAX] = "";
    const struct khap_bundle_file *f = NULL;
    bool good = true;
    while (good && (f = khap_bundle_next(bundle, f)) != NULL) {
        if (!file_path(to, khap_bundle_file_name(f), false, path))
            continue;
        *strrchr(path, '/') = '\0';
        if (strcmp(path, last) == 0)
            continue;
        memcpy(last, path, strlen(path) + 1);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        good = khap__save_sync_directory(o, fd, failure);
        if (fd >= 0)
            (void)close(fd);
    }
    return good;
}

enum khap_status khap_generation_write(const struct khap_save_options *options, struct khap_str directory,
                                       const struct khap_bundle *bundle, uint32_t *number)
{
    struct khap_save_options o;
    struct failure failure = {0};
    char path[PATH_MAX], name[32];
    uint32_t largest = 0;
    int32_t error = 0;
    if (bundle == NULL || number == NULL || !khap__save_options(options, &o) ||
        !path_of(directory, GENERATIONS, path))
        return KHAP_EINVAL;
    *number = 0;
    o.flags &= ~(uint32_t)KHAP_SAVE_CHECK;
    o.flags |= KHAP_SAVE_FORCE; /* over what is linked */
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        failure = (struct failure){KHAP_STEP_DIRECTORY, (int32_t)errno, KHAP_EIO};
        khap__save_tell(&o, KHAP_SAVE_FAILED, (struct khap_str){path, strlen(path)}, &failure, "");
        return KHAP_EIO;
    }
    enum khap_status status = each(path, &largest, take_largest, &error);
    /* another run may take the number that is free now */
    for (bool made = false; status == KHAP_OK && !made;) {
        if (largest == UINT32_MAX)
            return KHAP_ELIMIT;
        name_of(++largest, name);
        if (!path_of(directory, name, path))
            return KHAP_EINVAL;
        made = mkdir(path, 0777) == 0;
        if (!made && errno != EEXIST)
            status = failed(&error, errno);
    }
    if (status != KHAP_OK) {
        failure = (struct failure){KHAP_STEP_DIRECTORY, error, KHAP_EIO};
        khap__save_tell(&o, KHAP_SAVE_FAILED, (struct khap_str){path, strlen(path)}, &failure, "");
        return status;
    }
    bool linked = link_files(directory, path, bundle);
    status = khap_save_bundle(&o, (struct khap_str){path, strlen(path)}, bundle, NULL);
    if (status == KHAP_OK && linked && !sync_directories(&o, path, bundle, &failure)) {
        khap__save_tell(&o, KHAP_SAVE_FAILED, (struct khap_str){path, strlen(path)}, &failure, "");
        status = failure.status;
    }
    if (status != KHAP_OK)
        (void)khap_generation_remove(directory, largest, NULL);
    else
        *number = largest;
    return status;
}

enum khap_status khap_generation_use(const struct khap_save_options *options, struct khap_str directory,
                                     uint32_t number, int32_t *error)
{
    struct khap_save_options o;
    struct failure failure = {0};
    struct stat st;
    char target[PATH_MAX], path[PATH_MAX], temporary[PATH_MAX], name[32];
    uint32_t current;
    name_of(number, name);
    if (error != NULL)
        *error = 0;
    if (number == 0 || !khap__save_options(options, &o) || !path_of(directory, LINK, path) ||
        !path_of(directory, "." LINK KHAP__SAVE_SUFFIX, temporary) || !path_of(directory, name, target))
        return KHAP_EINVAL;
    if (stat(target, &st) != 0)
        return failed(error, errno);
    enum khap_status status = khap_generation_current(directory, &current, error);
    if (status != KHAP_OK && status != KHAP_ENOENT)
        return status;
    if (status == KHAP_OK && current == number)
        return KHAP_OK;
    if (unlink(temporary) != 0 && errno != ENOENT)
        return failed(error, errno);
    if (symlink(name, temporary) != 0)
        return failed(error, errno);
    if (rename(temporary, path) != 0) {
        int why = errno;
        (void)unlink(temporary);
        return failed(error, why);
    }
    path[strlen(path) - strlen(LINK)] = '\0';
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = khap__save_sync_directory(&o, fd, &failure);
    if (fd >= 0)
        (void)close(fd);
    return good ? KHAP_OK : failed(error, failure.error);
}

struct pruning {
    uint32_t
        numbers[256]; /* those above the current one, which never counted, then the oldest ones, in order */
    uint32_t n, all, unfinished, current;
};

static bool goes_before(const struct pruning *p, uint32_t a, uint32_t b)
{
    return (a > p->current) == (b > p->current) ? a < b : a > p->current;
}

static void take_old(void *ctx, uint32_t number)
{
    struct pruning *p = ctx;
    uint32_t at = p->n;
    if (number == p->current)
        return;
    p->all++;
    p->unfinished += number > p->current;
    while (at > 0 && goes_before(p, number, p->numbers[at - 1]))
        at--;
    if (at == sizeof p->numbers / sizeof *p->numbers)
        return;
    if (p->n < sizeof p->numbers / sizeof *p->numbers)
        p->n++;
    memmove(&p->numbers[at + 1], &p->numbers[at], (p->n - 1 - at) * sizeof *p->numbers);
    p->numbers[at] = number;
}

enum khap_status khap_generation_prune(struct khap_str directory, uint32_t keep, int32_t *error)
{
    struct pruning p = {.n = 0};
    char path[PATH_MAX];
    if (error != NULL)
        *error = 0;
    if (!path_of(directory, GENERATIONS, path))
        return KHAP_EINVAL;
    enum khap_status status = khap_generation_current(directory, &p.current, error);
    if (status != KHAP_OK)
        return status;
    status = each(path, &p, take_old, error);
    for (uint32_t i = 0; status == KHAP_OK && i < p.n && (i < p.unfinished || p.all > keep); i++, p.all--)
        status = khap_generation_remove(directory, p.numbers[i], error);
    return status;
}
