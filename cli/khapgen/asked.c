/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_leaving.h"
#include "khapgen/apply_states.h"
#include "khapgen/asked.h"
#include "khapgen/file_type.h"
#include "khapgen/maps.h"
#include "khapgen/target.h"

#include <khap/gen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_OPENSSL
#include "cert.h"
#endif

#define LARGEST_MAP (UINT64_C(256) << 20)

static int read_maps(struct report *r, struct asked *a, const char *const *files, size_t n)
{
    int worst = report_status(r, khap_model_new(NULL, &a->model));
    struct maps maps = {.report = r,
                        .inputs = &a->inputs,
                        .model = a->model,
                        .options = a->kube_options,
                        .allow = a->allow,
                        .aside = a->aside,
                        .certs = a->certs};
    for (size_t i = 0; i < n && worst != EXIT_FAILED; i++) {
        int one = maps_read(&maps, files[i], LARGEST_MAP);
        if (one > worst)
            worst = one;
    }
    int finished = maps_finish(&maps, !a->in_use);
    a->kube = maps.kube;
    a->last = maps.last;
    return finished > worst ? finished : worst;
}

/* khapgen wrote it: paths in it are relative to it, whatever the release is. */
static bool is_bundle(const char *path)
{
    static const char sums[] = "/khap.sums";
    size_t len = strlen(path);
    char *name = malloc(len + sizeof sums);
    if (name == NULL)
        return false;
    memcpy(name, path, len);
    memcpy(name + len, sums, sizeof sums);
    bool there = access(name, F_OK) == 0;
    free(name);
    return there;
}

/* One file, because its rules say more than look-ups do; a bundle when that cannot be one file, or for one. */
static int generate(struct report *r, struct asked *a, struct khap_generate_options *options)
{
    struct khap_diags *first = NULL;
    options->bundle = a->in_use || (a->beside != NULL && is_bundle(a->beside));
    if (options->bundle)
        return report_status(r, khap_generate(a->model, options, r->diags, &a->bundle));
    enum khap_status status = khap_diags_new(NULL, r->sources, &first);
    if (status == KHAP_OK) {
        status = khap_generate(a->model, options, first, &a->bundle);
        options->bundle = status == KHAP_EINPUT;
        if (status == KHAP_EINPUT || (status == KHAP_OK && khap_diags_count(first, KHAP_NOTE) > 0)) {
            khap_bundle_free(a->bundle);
            a->bundle = NULL;
            status = khap_generate(a->model, options, r->diags, &a->bundle);
        }
    }
    khap_diags_free(first);
    return report_status(r, status);
}

/* A generation of apply's, whose configuration names the states of its servers. */
static bool is_generation(const char *path)
{
    char name[4096];
    int n = snprintf(name, sizeof name, "%s/" APPLY_STATES_FILE, path);
    return n > 0 && n < (int)sizeof name && is_bundle(path) && access(name, F_OK) == 0;
}

/* Nobody uses what is generated here: where it is written, the file is made, and kept. */
static enum khap_status placeholder(void *ctx, struct khap_str name, struct khap_str *pem)
{
    enum { LARGEST = 1 << 20 };
    struct asked *a = ctx;
    enum input_result result = a->beside != NULL && is_bundle(a->beside)
                                   ? input_below(&a->inputs, a->beside, name, LARGEST, pem)
                                   : INPUT_ERROR;
#ifdef HAVE_OPENSSL
    if (result != INPUT_READ && result != INPUT_NO_MEMORY && a->in_use) {
        enum khap_status status = cert_self_signed((int64_t)time(NULL), &a->made);
        *pem = a->made;
        return status;
    }
#endif
    if (result != INPUT_READ)
        *pem = WORD("# stands in for a certificate\n");
    return result == INPUT_NO_MEMORY ? KHAP_ENOMEM : KHAP_OK;
}

static int from_maps(struct report *r, struct asked *a, const char *const *files, size_t n,
                     const char *target)
{
    struct khap_generate_options options;
    khap_generate_options_init(&options);
    int status = read_maps(r, a, files, n);
    if (status != EXIT_DONE)
        return status;
    if (target != NULL) {
        options.target = a->target;
    } else {
        enum khap_status found = khap_model_target(a->model, &options.target, r->diags);
        if (found != KHAP_ENOENT)
            status = report_status(r, found);
    }
    struct khap_file_source from = input_file_source(&a->sides);
    options.files = &from;
#ifdef HAVE_OPENSSL
    struct khap_cert_reader certs = a->certs != NULL ? *a->certs : cert_reader();
    options.certs = &certs;
#endif
    options.now = (int64_t)time(NULL);
    options.held = maps_held;
    options.held_ctx = a->kube;
    options.placeholder = placeholder;
    options.placeholder_ctx = a;
    if (a->in_use || (a->beside != NULL && is_generation(a->beside)))
        options.server_states = WORD(APPLY_STATES_FILE);
    options.profiles = options.server_states.len > 0;
    if (a->leaving != NULL) {
        options.leaving = apply_leaving_next;
        options.leaving_ctx = a->leaving;
    }
    if (status == EXIT_DONE)
        status = generate(r, a, &options);
    a->target = options.target;
    return status;
}

int asked_read(struct report *r, struct asked *a, const char *const *files, size_t n, const char *target,
               const char *type)
{
    enum file_type kind = FILE_CONFIGURATION;
    a->opened.named = true;
    khap_target_init(&a->target);
    a->target.first = a->target.last = KHAP_NEWEST;
    int status = EXIT_DONE;
    if (a->known != NULL)
        a->target = *a->known;
    else if (target != NULL)
        status = target_read(r, target, &a->target);
    if (status == EXIT_DONE)
        status = file_types(r, &a->inputs, files, n, type, &kind);
    if (status == EXIT_DONE && kind == FILE_MAP)
        status = from_maps(r, a, files, n, target);
    else if (status == EXIT_DONE)
        status = input_bundle(r, &a->inputs, &a->opened, &a->target, files, n, &a->bundle);
    if (kind == FILE_CONFIGURATION && n == 1 && is_bundle(files[0]))
        a->opened.below = files[0];
    a->target.first = a->target.last;
    return status;
}

void asked_free(struct asked *a)
{
    khap_bundle_free(a->bundle);
    khap_model_free(a->model);
    khap_kube_free(a->kube);
    khap_kube_free(a->last);
#ifdef HAVE_OPENSSL
    cert_pem_free(a->made);
#endif
    inputs_free(&a->inputs);
}
