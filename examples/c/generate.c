/*
 * generate.c - khapgen in a hundred lines: a service map in, a haproxy.cfg out
 *
 *   cc generate.c $(pkg-config --cflags --libs libkhap) -o generate
 *   ./generate services.yaml > haproxy.cfg
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <khap/khap.h>

/* The library opens and prints nothing itself: files and output are the program's. */
static int to_stream(void *ctx, const char *data, size_t len)
{
    return fwrite(data, 1, len, ctx) != len;
}

static char *read_all(const char *name, size_t *len)
{
    FILE *file = fopen(name, "rb");
    char *text = NULL;
    size_t room = 0;

    *len = 0;
    if (!file)
        return NULL;
    for (;;) {
        if (*len == room) {
            char *more = realloc(text, room = room ? 2 * room : 4096);
            if (!more)
                break;
            text = more;
        }
        size_t got = fread(text + *len, 1, room - *len, file);
        if (!got)
            break;
        *len += got;
    }
    if (ferror(file)) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_model *model = NULL;
    struct khap_bundle *bundle = NULL;
    struct khap_sink out = {stdout, to_stream}, err = {stderr, to_stream};
    enum khap_status status;
    uint32_t source;
    size_t len;

    if (argc != 2) {
        fprintf(stderr, "usage: %s SERVICES.yaml\n", argv[0]);
        return 2;
    }
    char *text = read_all(argv[1], &len);
    if (!text) {
        perror(argv[1]);
        return 2;
    }

    /* NULL: memory comes from malloc(). The list of sources gives diagnostics their names, lines and columns.
     */
    status = khap_sources_new(NULL, &sources);
    if (status == KHAP_OK)
        status = khap_diags_new(NULL, sources, &diags);
    if (status == KHAP_OK)
        status = khap_model_new(NULL, &model);
    if (status == KHAP_OK)
        status = khap_sources_add(sources, (struct khap_str){argv[1], strlen(argv[1])},
                                  (struct khap_str){text, len}, &source);
    if (status == KHAP_OK)
        status = khap_model_read(model, source, diags);

    if (status == KHAP_OK) {
        struct khap_generate_options options;

        khap_generate_options_init(&options);
        status = khap_model_target(model, &options.target, diags);
        if (status == KHAP_ENOENT) /* the map names no release: 2.2 to 3.4 */
            status = KHAP_OK;
        if (status == KHAP_OK)
            status = khap_generate(model, &options, diags, &bundle);
    }
    if (status == KHAP_OK)
        status = khap_bundle_file_print(khap_bundle_next(bundle, NULL), &out);

    /* warnings and errors, with the line and a caret */
    if (diags)
        khap_diags_print(diags, 0, &err);
    if (status != KHAP_OK)
        fprintf(stderr, "%s: %s\n", argv[1], khap_status_text(status));

    khap_bundle_free(bundle);
    khap_model_free(model);
    khap_diags_free(diags);
    khap_sources_free(sources);
    free(text);
    return status == KHAP_OK ? 0 : 2;
}
