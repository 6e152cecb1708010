/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/file_type.h"
#include "khapgen/maps.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_OPENSSL
#include "cert.h"
#endif

/* What is wrong with it was told when it was new. */
enum khap_status maps_read_last(struct report *r, const struct maps_aside *aside, struct khap_kube *last,
                                const char *path)
{
    struct khap_diags *unheard = NULL;
    struct khap_str text;
    uint32_t source;
    if (last == NULL || !aside->last(aside->ctx, path, &text))
        return KHAP_OK;
    enum khap_status status = khap_sources_add(r->sources, word(path), text, &source);
    if (status == KHAP_OK)
        status = khap_diags_new(NULL, r->sources, &unheard);
    if (status == KHAP_OK)
        status = khap_kube_read(last, source, unheard);
    khap_diags_free(unheard);
    return status == KHAP_ENOMEM ? status : KHAP_OK;
}

static bool has_faults(const struct maps *m)
{
    struct khap_kube_fault any = {.size = sizeof any};
    return m->aside != NULL && khap_kube_fault_at(m->aside->faults, 0, &any) == KHAP_OK;
}

static enum khap_status open_store(struct maps *m)
{
    enum khap_status status = khap_kube_new(NULL, &m->kube);
    if (status == KHAP_OK && m->aside != NULL)
        status = khap_kube_new(NULL, &m->last);
    if (status == KHAP_OK && m->aside != NULL)
        status = khap_kube_set_aside(m->kube, m->aside->faults, m->last);
    return status;
}

/* KHAP_ENOENT when the source holds no objects. */
static enum khap_status read_objects(struct maps *m, const char *path, uint32_t source)
{
    enum khap_status status = m->kube == NULL ? open_store(m) : KHAP_OK;
    if (status == KHAP_OK && has_faults(m))
        status = maps_read_last(m->report, m->aside, m->last, path);
    return status == KHAP_OK ? khap_kube_read(m->kube, source, m->report->diags) : status;
}

static int read_file(struct maps *m, const char *path, uint64_t limit)
{
    uint32_t source;
    int status = input_map(m->report, m->inputs, path, limit, &source);
    if (status == EXIT_DONE) {
        enum khap_status read = read_objects(m, path, source);
        if (read == KHAP_ENOENT)
            read = khap_model_read(m->model, source, m->report->diags);
        return report_status(m->report, read);
    }
    if (status != EXIT_FAILED) /* what the others speak of may stand in it */
        khap_model_read(m->model, 0, m->report->diags);
    return status;
}

static int in_bytewise_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of a directory that are maps or manifests by their names, in the order of these. */
static int read_directory(struct maps *m, const char *path, DIR *directory, uint64_t limit)
{
    struct inputs paths = {0};
    const struct dirent *entry;
    int worst = EXIT_DONE;
    bool good = true;
    while (good && (entry = readdir(directory)) != NULL) {
        size_t n = strlen(path) + strlen(entry->d_name) + 2;
        char *file = file_is_map(entry->d_name) ? malloc(n) : NULL;
        if (file != NULL)
            snprintf(file, n, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", entry->d_name);
        good = !file_is_map(entry->d_name) || (file != NULL && inputs_keep(&paths, word(file)));
    }
    if (paths.n > 0)
        qsort(paths.texts, paths.n, sizeof *paths.texts, in_bytewise_order);
    for (size_t i = 0; good && i < paths.n && worst != EXIT_FAILED; i++) {
        int one = read_file(m, paths.texts[i], limit);
        worst = one > worst ? one : worst;
    }
    if (good && paths.n == 0) {
        report_about(m->report, "no-maps-in-directory", path, WORD(""), WORD(""));
        worst = EXIT_UNUSABLE;
    }
    inputs_free(&paths);
    return good ? worst : report_status(m->report, KHAP_ENOMEM);
}

int maps_read(struct maps *m, const char *path, uint64_t limit)
{
    DIR *directory = strcmp(path, "-") == 0 || *path == '\0' ? NULL : opendir(path);
    if (directory == NULL)
        return read_file(m, path, limit);
    int status = read_directory(m, path, directory, limit);
    closedir(directory);
    return status;
}

/* What --allow says: the value of `allow` in khapd.yaml. */
static int read_allow(struct maps *m, struct khap_kube_allow **allow)
{
    struct khap_yaml *yaml = NULL;
    const struct khap_yaml_node *root = NULL;
    uint32_t source = 0;
    enum khap_status status = khap_sources_add(m->report->sources, WORD("--allow"), word(m->allow), &source);
    if (status == KHAP_OK)
        status = khap_yaml_open(NULL, m->report->diags, source, &yaml);
    if (status == KHAP_OK)
        status = khap_yaml_next(yaml, &root);
    if (status == KHAP_OK)
        status = khap_kube_allow_read(NULL, yaml, root, m->report->diags, allow);
    khap_yaml_free(yaml);
    return report_status(m->report, status);
}

int maps_finish(struct maps *m, bool stand_ins)
{
    int status = EXIT_DONE;
    struct khap_kube_options options;
    khap_kube_options_init(&options);
    if (m->options != NULL)
        options = *m->options;
    options.stand_ins = stand_ins;
#ifdef HAVE_OPENSSL
    const struct khap_cert_reader certs = m->certs != NULL ? *m->certs : cert_reader();
    options.certs = &certs;
#endif
    struct khap_kube_allow *allow = NULL;
    if (m->allow != NULL) {
        status = read_allow(m, &allow);
        options.allow = allow;
    }
    if (status == EXIT_DONE && khap_kube_count(m->kube) > 0)
        status = report_status(m->report, khap_kube_resolve(m->kube, &options, m->model, m->report->diags));
    khap_kube_allow_free(allow);
    return status;
}

enum khap_status maps_held(void *ctx, struct khap_str name, struct khap_str *pem)
{
    return ctx != NULL ? khap_kube_pem(ctx, name, pem) : KHAP_ENOENT;
}
