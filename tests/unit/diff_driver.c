/*
 * A driver for the tests of unified diffs: `diff_driver OLD NEW [NAME NAME]` prints what changed between two files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "khapgen/diff_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put(void *ctx, const char *data, size_t len)
{
    return fwrite(data, 1, len, ctx) == len ? 0 : -1;
}

static struct khap_str file(const char *path)
{
    FILE *f = fopen(path, "rb");
    long len = -1;
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) < 0)
        exit(2);
    rewind(f);
    char *text = malloc((size_t)len + 1);
    if (text == NULL || fread(text, 1, (size_t)len, f) != (size_t)len)
        exit(2);
    fclose(f);
    return (struct khap_str){text, (size_t)len};
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5)
        return 2;
    const char *old_name = argc == 5 ? argv[3] : argv[1], *new_name = argc == 5 ? argv[4] : argv[2];
    struct khap_str old = file(argv[1]), now = file(argv[2]);
    struct khap_sink sink = {stdout, put};
    enum khap_status status = diff_text(old, now, (struct khap_str){old_name, strlen(old_name)},
                                        (struct khap_str){new_name, strlen(new_name)}, &sink);
    free((char *)(uintptr_t)old.ptr);
    free((char *)(uintptr_t)now.ptr);
    return status == KHAP_OK && fflush(stdout) == 0 ? 0 : 2;
}
