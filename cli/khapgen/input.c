/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_PIECE = 64 * 1024, LARGEST_SIDE_FILE = 16 * 1024 * 1024 };
#define LARGEST_CONFIGURATION (UINT32_MAX - 1)

static enum input_result read_open(int fd, uint64_t limit, struct khap_str *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return INPUT_ERROR;
    if (S_ISDIR(st.st_mode))
        return INPUT_DIRECTORY;
    size_t cap = FIRST_PIECE, len = 0;
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        if ((uint64_t)st.st_size > limit)
            return INPUT_TOO_LONG;
        if ((uint64_t)st.st_size > SIZE_MAX - 2)
            return INPUT_NO_MEMORY;
        cap = (size_t)st.st_size + 2; /* one to see the end of the file, one for the NUL */
    }
    char *text = malloc(cap);
    enum input_result result = text == NULL ? INPUT_NO_MEMORY : INPUT_READ;
    while (result == INPUT_READ) {
        if (cap - len < 2) {
            char *larger = cap > SIZE_MAX / 2 ? NULL : realloc(text, cap * 2);
            if (larger == NULL) {
                result = INPUT_NO_MEMORY;
                break;
            }
            text = larger;
            cap *= 2;
        }
        ssize_t n = read(fd, text + len, cap - len - 1);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            result = INPUT_ERROR;
        else if ((len += (size_t)n) > limit)
            result = INPUT_TOO_LONG;
    }
    if (result != INPUT_READ) {
        int saved = errno;
        free(text);
        errno = saved;
        return result;
    }
    text[len] = '\0';
    *out = (struct khap_str){text, len};
    return INPUT_READ;
}

static enum input_result read_named(int directory, const char *path, int flags, uint64_t limit,
                                    struct khap_str *text)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
    if (fd < 0)
        return INPUT_ERROR;
    enum input_result result = read_open(fd, limit, text);
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

enum input_result input_read_at(int directory, const char *path, uint64_t limit, struct khap_str *text)
{
    return read_named(directory, path, 0, limit, text);
}

enum input_result input_read(const char *path, uint64_t limit, struct khap_str *text)
{
    if (strcmp(path, "-") == 0)
        return read_open(STDIN_FILENO, limit, text);
    return input_read_at(AT_FDCWD, path, limit, text);
}

/* A path as the operating system takes it; NULL when there is no memory, *status otherwise when it cannot be
 * one. */
static char *terminated(struct khap_str path, enum khap_status *status)
{
    *status = path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL ? KHAP_ENOENT : KHAP_OK;
    char *name = *status == KHAP_OK && path.len < SIZE_MAX ? malloc(path.len + 1) : NULL;
    if (name == NULL) {
        if (*status == KHAP_OK)
            *status = KHAP_ENOMEM;
        return NULL;
    }
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    return name;
}

/* The status of a failure; it is remembered for source_reason(). */
static enum khap_status of_errno(struct input_files *files, int error)
{
    files->error = error;
    bool nowhere = error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
    return nowhere ? KHAP_ENOENT : error == ENOMEM ? KHAP_ENOMEM : KHAP_EIO;
}

static enum khap_status source_read(void *ctx, struct khap_str path, struct khap_str *text)
{
    struct input_files *files = ctx;
    enum khap_status status;
    files->error = 0;
    if (files->seen != NULL)
        files->seen(files->seen_ctx, path);
    for (size_t i = 0; i < files->n_laid; i++) {
        const struct input_laid *laid = &files->laid[i];
        if (laid->path.len == path.len && memcmp(laid->path.ptr, path.ptr, path.len) == 0) {
            *text = laid->text;
            return KHAP_OK;
        }
    }
    char *name = terminated(path, &status);
    if (name == NULL)
        return status;
    /* what a file names is not waited for: a pipe that nobody writes to */
    enum input_result result = read_named(AT_FDCWD, name, files->named ? 0 : O_NONBLOCK,
                                          files->named ? LARGEST_CONFIGURATION : LARGEST_SIDE_FILE, text);
    int error = errno;
    if (result == INPUT_ERROR && error == ENOENT && files->below != NULL && *name != '/') {
        int directory = open(files->below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0) {
            result = read_named(directory, name, O_NONBLOCK, LARGEST_SIDE_FILE, text);
            error = errno;
            close(directory);
        }
    }
    free(name);
    switch (result) {
    case INPUT_READ:
        return KHAP_OK;
    case INPUT_ERROR:
        return of_errno(files, error);
    case INPUT_TOO_LONG:
        (void)of_errno(files, EFBIG);
        return KHAP_ELIMIT;
    case INPUT_NO_MEMORY:
        return KHAP_ENOMEM;
    case INPUT_DIRECTORY:
        break;
    }
    return of_errno(files, EISDIR);
}

static void source_done(void *ctx, struct khap_str text)
{
    const struct input_files *files = ctx;
    for (size_t i = 0; i < files->n_laid; i++) {
        if (files->laid[i].text.ptr == text.ptr)
            return;
    }
    free((char *)(uintptr_t)text.ptr);
}

static int in_bytewise_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The regular files of a directory, and links that lead nowhere. */
static enum khap_status names_of(struct input_files *files, DIR *directory, struct inputs *names)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL)
            return errno != 0 ? of_errno(files, errno) : KHAP_OK;
        struct stat st;
        if (fstatat(dirfd(directory), entry->d_name, &st, 0) == 0 && !S_ISREG(st.st_mode))
            continue;
        char *copy = strdup(entry->d_name);
        if (copy == NULL || !inputs_keep(names, (struct khap_str){copy, 0}))
            return KHAP_ENOMEM;
    }
}

static enum khap_status source_list(void *ctx, struct khap_str path,
                                    enum khap_status (*entry)(void *entry_ctx, struct khap_str name),
                                    void *entry_ctx)
{
    struct input_files *files = ctx;
    enum khap_status status;
    files->error = 0;
    if (files->seen != NULL)
        files->seen(files->seen_ctx, path);
    char *name = terminated(path, &status);
    if (name == NULL)
        return status;
    DIR *directory = opendir(name);
    status = directory == NULL ? of_errno(files, errno) : KHAP_OK;
    free(name);
    if (directory == NULL)
        return status;
    struct inputs names = {0};
    status = names_of(files, directory, &names);
    closedir(directory);
    if (names.n > 0)
        qsort(names.texts, names.n, sizeof *names.texts, in_bytewise_order);
    for (size_t i = 0; i < names.n && status == KHAP_OK; i++)
        status = entry(entry_ctx, word(names.texts[i]));
    inputs_free(&names);
    return status;
}

static struct khap_str source_reason(void *ctx)
{
    const struct input_files *files = ctx;
    return files->error != 0 ? word(strerror(files->error)) : WORD("");
}

struct khap_file_source input_file_source(struct input_files *files)
{
    return (struct khap_file_source){.size = sizeof(struct khap_file_source),
                                     .ctx = files,
                                     .read = source_read,
                                     .done = source_done,
                                     .list = source_list,
                                     .reason = source_reason};
}

bool inputs_keep(struct inputs *in, struct khap_str text)
{
    if (in->n == in->cap) {
        size_t cap = in->cap == 0 ? 8 : in->cap * 2;
        char **texts = cap > SIZE_MAX / sizeof *texts ? NULL : realloc(in->texts, cap * sizeof *texts);
        if (texts == NULL) {
            free((char *)(uintptr_t)text.ptr);
            return false;
        }
        in->texts = texts;
        in->cap = cap;
    }
    in->texts[in->n++] = (char *)(uintptr_t)text.ptr;
    return true;
}

enum input_result input_below(struct inputs *in, const char *directory, struct khap_str name, uint64_t limit,
                              struct khap_str *text)
{
    size_t len = strlen(directory);
    if (name.len > SIZE_MAX - len - 2)
        return INPUT_NO_MEMORY;
    char *path = malloc(len + name.len + 2);
    if (path == NULL)
        return INPUT_NO_MEMORY;
    memcpy(path, directory, len);
    path[len] = '/';
    memcpy(path + len + 1, name.ptr, name.len);
    path[len + 1 + name.len] = '\0';
    enum input_result result = input_read(path, limit, text);
    int error = errno;
    free(path);
    errno = error;
    return result == INPUT_READ && !inputs_keep(in, *text) ? INPUT_NO_MEMORY : result;
}

void inputs_free(struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        free(in->texts[i]);
    free(in->texts);
    *in = (struct inputs){0};
}

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

static enum input_result read_or_laid(const struct inputs *in, const char *path, uint64_t limit,
                                      struct khap_str *text)
{
    for (size_t i = 0; i < in->n_laid; i++) {
        const struct khap_str *laid = &in->laid[i].text, name = in->laid[i].path;
        if (name.len != strlen(path) || memcmp(name.ptr, path, name.len) != 0)
            continue;
        char *copy = laid->len < SIZE_MAX ? malloc(laid->len + 1) : NULL;
        if (copy == NULL)
            return INPUT_NO_MEMORY;
        memcpy(copy, laid->ptr, laid->len);
        copy[laid->len] = '\0';
        *text = (struct khap_str){copy, laid->len};
        return INPUT_READ;
    }
    return input_read(path, limit, text);
}

/* A text that is kept, and what is wrong with it told. */
static int keep_text(struct report *r, struct inputs *in, const char *path, uint64_t limit,
                     struct khap_str *text)
{
    const char *name = name_of(path);
    char number[24];
    switch (read_or_laid(in, path, limit, text)) {
    case INPUT_READ:
        break;
    case INPUT_ERROR:
        report_about(r, "input-unreadable", name, word(strerror(errno)), WORD(""));
        return EXIT_UNUSABLE;
    case INPUT_DIRECTORY:
        report_about(r, "input-directory", name, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    case INPUT_TOO_LONG:
        snprintf(number, sizeof number, "%llu", (unsigned long long)limit);
        report_about(r, "input-too-long", name, word(number), WORD(""));
        return EXIT_UNUSABLE;
    case INPUT_NO_MEMORY:
        r->no_memory = true;
        return EXIT_FAILED;
    }
    if (inputs_keep(in, *text))
        return EXIT_DONE;
    r->no_memory = true;
    return EXIT_FAILED;
}

int input_text(struct report *r, struct inputs *in, const char *path, uint64_t limit, struct khap_str *text,
               uint32_t *source)
{
    int status = EXIT_DONE;
    if (strcmp(path, "-") == 0 && in->standard.ptr != NULL)
        *text = in->standard;
    else
        status = keep_text(r, in, path, limit, text);
    return status != EXIT_DONE
               ? status
               : report_status(r, khap_sources_add(r->sources, word(name_of(path)), *text, source));
}

int input_standard(struct report *r, struct inputs *in, struct khap_str *text)
{
    int status =
        in->standard.ptr != NULL ? EXIT_DONE : keep_text(r, in, "-", LARGEST_CONFIGURATION, &in->standard);
    *text = in->standard;
    return status;
}

int input_configuration(struct report *r, struct inputs *in, const char *path, struct khap_str *text,
                        uint32_t *source)
{
    return input_text(r, in, path, LARGEST_CONFIGURATION, text, source);
}

/* Standard input, once: who reads it again finds nothing. */
static enum khap_status read_standard_input(struct report *r, struct inputs *in,
                                            const struct khap_target *target, struct khap_bundle *bundle,
                                            int *unreadable)
{
    struct khap_str text, name = word(name_of("-"));
    uint32_t source;
    struct khap_document *doc;
    if (khap_bundle_find(bundle, name) != NULL)
        return KHAP_OK;
    *unreadable = input_configuration(r, in, "-", &text, &source);
    if (*unreadable != EXIT_DONE)
        return KHAP_OK;
    enum khap_status status = khap_document_parse(NULL, target, text, source, r->diags, &doc);
    if (status == KHAP_OK && (status = khap_bundle_add_document(bundle, name, doc, 0)) != KHAP_OK)
        khap_document_free(doc);
    return status;
}

int input_bundle(struct report *r, struct inputs *in, struct input_files *files,
                 const struct khap_target *target, const char *const *paths, size_t n,
                 struct khap_bundle **out)
{
    const struct khap_file_source from = input_file_source(files);
    int worst = EXIT_DONE;
    enum khap_status status = khap_bundle_new(NULL, out);
    files->named = true;
    for (size_t i = 0; i < n && status == KHAP_OK; i++) {
        struct khap_str path = word(paths[i]);
        int unreadable = EXIT_DONE;
        if (strcmp(paths[i], "-") == 0)
            status = read_standard_input(r, in, target, *out, &unreadable);
        else
            status = khap_bundle_read(*out, target, &path, 1, &from, r->sources, r->diags);
        if (status == KHAP_ENOENT || status == KHAP_EIO || status == KHAP_ELIMIT) { /* it was said; on */
            unreadable = EXIT_UNUSABLE;
            status = KHAP_OK;
        }
        if (unreadable > worst)
            worst = unreadable;
    }
    files->named = false;
    if (status != KHAP_OK)
        return report_status(r, status);
    if (worst == EXIT_DONE && khap_bundle_next(*out, NULL) == NULL) {
        report_say(r, "no-configuration", (struct khap_place){0}, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    return worst;
}

int input_map(struct report *r, struct inputs *in, const char *path, uint64_t limit, uint32_t *source)
{
    struct khap_str text = {0};
    int status = input_text(r, in, path, limit, &text, source);
    if (status != EXIT_DONE || text.len > 0)
        return status;
    report_about(r, "input-empty", name_of(path), WORD(""), WORD(""));
    return EXIT_UNUSABLE;
}
