/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/file_type.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BEGINNING = 64 * 1024 };

static bool ends_with(const char *path, const char *end)
{
    size_t len = strlen(path), n = strlen(end);
    return len > n && strcmp(path + len - n, end) == 0;
}

bool file_is_map(const char *path)
{
    return ends_with(path, ".yaml") || ends_with(path, ".yml") || ends_with(path, ".json");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* `key:`, `"key": value`, `{`: no line of HAProxy's begins so. */
static bool begins_mapping(const char *line, size_t len)
{
    size_t at = 0;
    if (line[0] == '{' || line[0] == '%')
        return true;
    if (line[0] == '"' || line[0] == '\'') {
        while (++at < len && line[at] != line[0])
            ;
        at++;
    }
    while (at < len && line[at] != ':' && !is_blank(line[at]))
        at++;
    return at > 0 && at < len && line[at] == ':' && (at + 1 == len || is_blank(line[at + 1]));
}

static enum file_type type_of_text(struct khap_str text)
{
    size_t at = text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < text.len) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t stop = end != NULL ? (size_t)(end - text.ptr) : text.len;
        while (at < stop && is_blank(text.ptr[at]))
            at++;
        if (at < stop && text.ptr[at] != '#' && (stop - at < 3 || memcmp(text.ptr + at, "---", 3) != 0))
            return begins_mapping(text.ptr + at, stop - at) ? FILE_MAP : FILE_CONFIGURATION;
        at = stop + 1;
    }
    return FILE_CONFIGURATION;
}

/* A directory of maps or manifests: HAProxy reads of a directory what ends in .cfg, and there is none. */
static enum file_type type_of_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool maps = false, configurations = false;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        maps = maps || file_is_map(entry->d_name);
        configurations = configurations || ends_with(entry->d_name, ".cfg");
    }
    if (directory != NULL)
        closedir(directory);
    return maps && !configurations ? FILE_MAP : FILE_CONFIGURATION;
}

/* What cannot be read now is told by who reads it all; a pipe is not looked into. */
static enum file_type type_of_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return type_of_directory(path);
    if (file_is_map(path))
        return FILE_MAP;
    if (ends_with(path, ".cfg") || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return FILE_CONFIGURATION;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *text = fd >= 0 ? malloc(BEGINNING) : NULL;
    ssize_t len = text != NULL ? read(fd, text, BEGINNING) : 0;
    enum file_type type = len > 0 ? type_of_text((struct khap_str){text, (size_t)len}) : FILE_CONFIGURATION;
    free(text);
    if (fd >= 0)
        close(fd);
    return type;
}

int file_types(struct report *r, struct inputs *in, const char *const *paths, size_t n, const char *said,
               enum file_type *type)
{
    if (said != NULL) {
        *type = strcmp(said, "map") == 0 ? FILE_MAP : FILE_CONFIGURATION;
        if (*type == FILE_MAP || strcmp(said, "configuration") == 0)
            return EXIT_DONE;
        report_about(r, "option-value", "migrate", WORD("--type"), word(said));
        return EXIT_UNUSABLE;
    }
    for (size_t i = 0; i < n; i++) {
        enum file_type one;
        if (strcmp(paths[i], "-") == 0) {
            struct khap_str text;
            int status = input_standard(r, in, &text);
            if (status != EXIT_DONE)
                return status;
            one = type_of_text(text);
        } else {
            one = type_of_file(paths[i]);
        }
        if (i == 0)
            *type = one;
        if (one == *type)
            continue;
        report_about(r, "types-mixed", paths[i], word(paths[0]),
                     one == FILE_MAP ? WORD("service map") : WORD("configuration"));
        return EXIT_UNUSABLE;
    }
    return EXIT_DONE;
}
