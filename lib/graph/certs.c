/* graph/certs.c - until when the certificates of a bind are good, and for which hosts. SPDX-License-Identifier: MIT */
#include "graph/graph.h"

struct reading_cert {
    struct drawing *d;
    struct khap_str directory;
    uint32_t bind, first_name;
};

static enum khap_status take_name(void *ctx, uint32_t kind, struct khap_str text)
{
    struct reading_cert *r = ctx;
    struct khap_graph *g = r->d->graph;
    (void)kind;
    khap__buf_clear(&r->d->scratch);
    for (size_t i = 0; i < text.len; i++)
        khap__buf_char(&r->d->scratch, (char)khap__lower((unsigned char)text.ptr[i]));
    khap__drawing_need(r->d, !r->d->scratch.failed);
    const struct graph_cert_name name = {.name = khap__drawing_keep(r->d, khap__buf_str(&r->d->scratch)),
                                         .cert = g->certs.len,
                                         .bind = r->bind};
    khap__drawing_need(r->d, r->d->status == KHAP_OK && VEC_PUSH(&g->alloc, &g->cert_names, name));
    return r->d->status;
}

static void take_file(struct reading_cert *r, struct khap_str path)
{
    struct drawing *d = r->d;
    const struct khap_file_source *files = d->options->files;
    struct khap_str text, kept = khap__drawing_keep(d, path);
    if (d->status != KHAP_OK || files->read(files->ctx, kept, &text) != KHAP_OK)
        return;
    struct khap_cert_info info = {.size = sizeof info, .ctx = r, .name = take_name};
    uint32_t names = d->graph->cert_names.len;
    enum khap_status status =
        d->options->certs->read(d->options->certs->ctx, text, (struct khap_str){NULL, 0}, &info);
    files->done(files->ctx, text);
    const struct graph_cert cert = {.file = kept, .not_after = info.not_after};
    if (status == KHAP_OK && info.certs > 0)
        khap__drawing_need(d, VEC_PUSH(&d->graph->alloc, &d->graph->certs, cert));
    else
        d->graph->cert_names.len = names;
    khap__drawing_need(d, status != KHAP_ENOMEM);
}

static enum khap_status take_of_directory(void *ctx, struct khap_str name)
{
    struct reading_cert *r = ctx;
    static const char others[][8] = {".key", ".ocsp", ".sctl", ".issuer"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (khap__str_ends(name, khap__str(others[i])))
            return KHAP_OK;
    }
    struct buf path;
    khap__buf_init(&path, &r->d->graph->alloc);
    khap__buf_add(&path, r->directory);
    khap__buf_char(&path, '/');
    khap__buf_add(&path, name);
    if (khap__drawing_need(r->d, !path.failed))
        take_file(r, khap__buf_str(&path));
    khap__buf_free(&path);
    return r->d->status;
}

/* A certificate, or a directory of them; a relative path is below crt-base. */
static void take_path(struct reading_cert *r, struct khap_str path)
{
    const struct khap_file_source *files = r->d->options->files;
    struct khap_str base = r->d->crt_base;
    khap__buf_clear(&r->d->scratch);
    if (base.len > 0 && path.len > 0 && path.ptr[0] != '/') {
        khap__buf_add(&r->d->scratch, base);
        khap__buf_char(&r->d->scratch, '/');
    }
    khap__buf_add(&r->d->scratch, path);
    while (r->d->scratch.len > 1 && r->d->scratch.ptr[r->d->scratch.len - 1] == '/')
        r->d->scratch.len--;
    khap__drawing_need(r->d, !r->d->scratch.failed);
    path = r->directory = khap__drawing_keep(r->d, khap__buf_str(&r->d->scratch));
    if (r->d->status == KHAP_OK &&
        (files->list == NULL || files->list(files->ctx, r->directory, take_of_directory, r) != KHAP_OK))
        take_file(r, path);
}

static void take_list(struct reading_cert *r, struct khap_str path)
{
    const struct khap_bundle_file *file = khap__graph_side(r->d, path);
    if (file == NULL)
        return;
    struct khap_str rest = khap_bundle_file_text(file);
    while (rest.len > 0 && r->d->status == KHAP_OK) {
        size_t end = khap__str_find(rest, '\n'), word = 0;
        struct khap_str line = khap__str_trim(khap__str_sub(rest, 0, end));
        while (word < line.len && memchr(" \t[\r", line.ptr[word], 4) == NULL)
            word++;
        if (word > 0 && line.ptr[0] != '#')
            take_path(r, khap__str_sub(line, 0, word));
        rest = khap__str_sub(rest, end + 1, rest.len);
    }
}

void khap__graph_certs(struct drawing *d, uint32_t bind)
{
    struct reading_cert r = {.d = d, .bind = bind};
    if (d->options->certs == NULL || d->options->files == NULL)
        return;
    for (size_t i = 2; i + 1 < khap_words_count(d->words); i++) {
        struct khap_str word = khap_words_value(d->words, i);
        if (khap__str_eq(word, S("crt")))
            take_path(&r, khap_words_value(d->words, i + 1));
        else if (khap__str_eq(word, S("crt-list")))
            take_list(&r, khap_words_value(d->words, i + 1));
    }
}

uint32_t khap__graph_cert_of(const struct khap_graph *g, uint32_t bind, struct khap_str host)
{
    uint32_t wild = GRAPH_NONE;
    size_t dot = khap__str_find(host, '.');
    for (uint32_t i = 0; i < g->cert_names.len && host.len > 0; i++) {
        const struct graph_cert_name *name = &g->cert_names.ptr[i];
        if (name->bind != bind)
            continue;
        if (khap__str_eq(name->name, host))
            return name->cert;
        if (name->name.len > 2 && name->name.ptr[0] == '*' && wild == GRAPH_NONE &&
            khap__str_eq(khap__str_sub(name->name, 1, name->name.len), khap__str_sub(host, dot, host.len)))
            wild = name->cert;
    }
    return wild;
}
