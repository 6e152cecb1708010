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

/* Two lines by what stands behind the digits, the end of the line with it. */
static int by_path(const void *a, const void *b)
{
    const char *x = *(const char *const *)a + DIGITS, *y = *(const char *const *)b + DIGITS;
    for (; *x == *y && *x != '\n'; x++)
        y++;
    return (unsigned char)*x - (unsigned char)*y;
}

bool apply_sums_read(struct apply_sums *sums, const char *directory)
{
    char path[PATH_ROOM];
    const char *at, *end;
    size_t lines = 1;
    *sums = (struct apply_sums){0};
    if (!path_of(directory, path) || input_read(path, LARGEST, &sums->text) != INPUT_READ)
        return true;
    for (at = sums->text.ptr; (end = strchr(at, '\n')) != NULL; at = end + 1)
        lines++;
    sums->lines = malloc(lines * sizeof *sums->lines);
    if (sums->lines == NULL)
        return false;
    for (at = sums->text.ptr; (end = strchr(at, '\n')) != NULL; at = end + 1)
        if (end - at > DIGITS)
            sums->lines[sums->n++] = at;
    if (sums->n > 0)
        qsort(sums->lines, sums->n, sizeof *sums->lines, by_path);
    return true;
}

void apply_sums_free(struct apply_sums *sums)
{
    free((char *)(uintptr_t)sums->text.ptr);
    free(sums->lines);
    *sums = (struct apply_sums){0};
}

bool apply_sums_differ(const struct apply_sums *sums, struct khap_str path, struct khap_str text)
{
    char line[PATH_ROOM + DIGITS + 4];
    const char *wanted = line, *const *found = NULL;
    if (sums->n > 0 && line_of(line, path, text) > 0)
        found = bsearch(&wanted, sums->lines, sums->n, sizeof *sums->lines, by_path);
    return found != NULL && memcmp(*found, line, DIGITS) != 0;
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
