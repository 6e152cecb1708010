/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_sums.h"
#include "khapgen/input.h"
#include "khapgen/yaml_scalar.h"

#include <inttypes.h>
#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 4096, DIGITS = 16, LARGEST = 64 << 20 };

static bool path_of(const char *directory, char path[PATH_ROOM])
{
    int n = snprintf(path, PATH_ROOM, "%s/files.sums", directory);
    return n > 0 && n < PATH_ROOM;
}

/* A line: sixteen digits, two blanks, the path. */
static size_t line_of(char line[PATH_ROOM + DIGITS + 4], struct khap_str path, struct khap_str text)
{
    uint64_t sum = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < text.len; i++)
        sum = (sum ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    int n = snprintf(line, PATH_ROOM + DIGITS + 4, "%016" PRIx64 "  %.*s\n", sum, (int)path.len, path.ptr);
    return n > 0 && path.len < PATH_ROOM && memchr(path.ptr, '\n', path.len) == NULL ? (size_t)n : 0;
}

struct khap_str apply_sums_read(const char *directory)
{
    char path[PATH_ROOM];
    struct khap_str text = {0};
    if (!path_of(directory, path) || input_read(path, LARGEST, &text) != INPUT_READ)
        return (struct khap_str){0};
    return text;
}

bool apply_sums_differ(struct khap_str sums, struct khap_str path, struct khap_str text)
{
    char line[PATH_ROOM + DIGITS + 4];
    size_t len = line_of(line, path, text);
    for (const char *at = sums.ptr, *next; len > 0 && at != NULL && *at != '\0'; at = next) {
        const char *end = strchr(at, '\n');
        next = end != NULL ? end + 1 : at + strlen(at);
        if ((size_t)(next - at) == len && memcmp(at + DIGITS, line + DIGITS, len - DIGITS) == 0)
            return memcmp(at, line, DIGITS) != 0;
    }
    return false;
}

void apply_sums_write(const char *directory, const struct khap_diff *diff)
{
    char path[PATH_ROOM], line[PATH_ROOM + DIGITS + 4];
    struct khap_diff_file file = {.size = sizeof file};
    struct khap_save_options save;
    struct text all = {0};
    khap_save_options_init(&save);
    save.flags = KHAP_SAVE_SECRET | KHAP_SAVE_NO_SYNC;
    for (size_t i = 0; khap_diff_file_at(diff, i, &file) == KHAP_OK; i++) {
        if (file.text.ptr != NULL && file.path.len > 0 && *file.path.ptr == '/')
            text_add(&all, (struct khap_str){line, line_of(line, file.path, file.text)});
    }
    if (!all.failed && path_of(directory, path))
        (void)khap_save_text(&save, word(path), text_str(&all), NULL);
    free(all.ptr);
}
