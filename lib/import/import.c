/* import/import.c - from a configuration to a service map. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

void khap_import_options_init(struct khap_import_options *options)
{
    if (options == NULL)
        return;
    *options = (struct khap_import_options){.size = sizeof *options};
    khap_target_init(&options->target);
}

static void clear(struct import *im)
{
    for (uint32_t i = 0; i < im->services.len; i++) {
        VEC_FREE(&im->alloc, &im->services.ptr[i].routes);
        VEC_FREE(&im->alloc, &im->services.ptr[i].servers);
        VEC_FREE(&im->alloc, &im->services.ptr[i].binds);
    }
    for (uint32_t i = 0; i < im->splits.len; i++)
        VEC_FREE(&im->alloc, &im->splits.ptr[i].shares);
    khap__map_clear(&im->known_at);
    im->services.len = im->known.len = im->fronts.len = im->nodes.len = im->splits.len = im->stated.len = 0;
    khap_model_free(im->model);
    im->model = NULL;
    khap_diags_free(im->quiet);
    im->quiet = NULL;
}

static bool is_helper(struct khap_str name)
{
    return khap__str_starts(name, S("khap-"));
}

/* Everything as before the first try, but for what is known to stay as it is. */
static void begin(struct import *im)
{
    clear(im);
    enum khap_status status = khap_model_new(&im->alloc, &im->model);
    if (status == KHAP_OK)
        status = khap_diags_new(&im->alloc, im->sources, &im->quiet);
    bool bundled = false;
    khap__import_fail(im, status);
    for (uint32_t i = 0; i < im->in.lines.len; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        line->ends = false;
        if (line->state != LINE_LOST)
            line->state = LINE_OPEN;
        /* what only a bundle has, also of releases that route by rules in it */
        bundled = bundled || khap__import_begins(line, "errorfile 503 errors/404.http") == line->n;
    }
    im->bundled = bundled;
    im->cert_hosts = im->trusted = false;
    im->secure_of = im->defaults = NO_SECTION;
    for (uint32_t i = 0; i < im->in.sections.len; i++)
        im->in.sections.ptr[i].taken = false;
    for (uint32_t i = 0; i < im->in.sections.len && im->failure == KHAP_OK; i++) {
        const struct import_section *s = &im->in.sections.ptr[i];
        struct import_service service = {.name = s->name, .section = i, .tcp = s->tcp};
        if ((s->role != ROLE_BACKEND && s->role != ROLE_LISTEN) || s->end == 0 || is_helper(s->name))
            continue;
        if (!VEC_PUSH(&im->alloc, &im->services, service))
            khap__import_fail(im, KHAP_ENOMEM);
    }
}

/* Every server of khapgen's has an id: a backend whose servers have none stood in `sections`. */
static void keep_foreign(struct import *im)
{
    for (uint32_t i = 0; im->ours && i < im->in.sections.len; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        uint32_t servers = 0, ids = 0;
        for (uint32_t k = s->first; k < s->end; k++) {
            const struct import_line *line = &im->in.lines.ptr[k];
            bool server = word_is(line, 0, "server");
            servers += server;
            for (uint32_t w = 3; server && w < line->n; w++)
                ids += word_is(line, w, "id");
        }
        if (s->role != ROLE_BACKEND || is_helper(s->name) || servers == 0 || ids > 0)
            continue;
        khap__import_stay(s, S("its servers are not khapgen's"));
        s->always = true;
    }
}

static uint32_t raw_fronts(const struct import *im)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < im->in.sections.len; i++)
        n += im->in.sections.ptr[i].raw && im->in.sections.ptr[i].role == ROLE_FRONTEND;
    return n;
}

/* A backend may have stayed as it is only for the routes of a frontend that does so now. */
static void forgive(struct import *im)
{
    for (uint32_t i = 0; i < im->in.sections.len; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        if (s->role == ROLE_BACKEND)
            s->raw = s->always;
    }
}

static uint32_t raw_sections(const struct import *im)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < im->in.sections.len; i++)
        n += im->in.sections.ptr[i].raw;
    return n;
}

/* Whether nothing has to be done again. */
static bool try_once(struct import *im)
{
    uint32_t raw = raw_sections(im);
    begin(im);
    if (im->failure == KHAP_OK)
        khap__import_global(im);
    if (im->failure == KHAP_OK)
        khap__import_fronts(im);
    if (im->failure == KHAP_OK)
        khap__import_tcp(im);
    if (im->failure == KHAP_OK)
        khap__import_routes(im);
    if (im->failure == KHAP_OK)
        khap__import_backends(im);
    if (im->failure != KHAP_OK)
        return true;
    return raw_sections(im) == raw && khap__import_compare(im);
}

static void count(const struct import *im, struct khap_import_share *share)
{
    share->lines = im->in.lines.len;
    share->vocabulary = share->raw = share->lost = 0;
    for (uint32_t i = 0; i < im->in.lines.len; i++) {
        switch ((enum line_state)im->in.lines.ptr[i].state) {
        case LINE_TAKEN:
        case LINE_CLAIMED:
        case LINE_SAME:
            share->vocabulary++;
            break;
        case LINE_OPEN:
        case LINE_RAW:
            share->raw++;
            break;
        case LINE_LOST:
            share->lost++;
            break;
        }
    }
}

enum khap_status khap_import(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                             const struct khap_target *target, const struct khap_import_options *options,
                             struct khap_diags *diags, struct khap_import_share *share,
                             struct khap_model **out)
{
    struct khap_import_options usual;
    if (out != NULL)
        *out = NULL;
    khap_import_options_init(&usual);
    if (options == NULL)
        options = &usual;
    if (bundle == NULL || target == NULL || target->size != sizeof *target || out == NULL ||
        options->size != sizeof *options || (share != NULL && share->size != sizeof *share))
        return KHAP_EINVAL;
    struct import im = {.options = options, .target = *target, .bundle = bundle, .diags = diags};
    im.target.first = im.target.last;
    im.alloc = khap__alloc_or_default(alloc);
    khap__arena_init(&im.arena, &im.alloc);
    khap__map_init(&im.known_at, &im.alloc);
    khap__buf_init(&im.path, &im.alloc);
    khap__buf_init(&im.value, &im.alloc);
    if (diags != NULL)
        im.sources = khap__diags_sources(diags);
    else
        im.failure = khap_sources_new(&im.alloc, &im.own_sources);
    if (diags == NULL)
        im.sources = im.own_sources;
    if (im.failure == KHAP_OK)
        im.failure = khap__import_read(&im, bundle, &im.target, true, &im.in);
    keep_foreign(&im);
    uint32_t most =
        (im.in.sections.len + 1) * 2 + 8; /* each further try keeps at least one section as it is */
    for (uint32_t tries = 0; im.failure == KHAP_OK && tries < most; tries++) {
        uint32_t fronts = raw_fronts(&im);
        if (try_once(&im))
            break;
        if (raw_fronts(&im) > fronts)
            forgive(&im);
    }
    im.final = true;
    if (im.failure == KHAP_OK)
        (void)try_once(&im);
    enum khap_status status = im.failure;
    struct khap_import_share counted = {.size = sizeof counted};
    count(&im, &counted);
    if (status == KHAP_OK || status == KHAP_EINPUT) {
        if (share != NULL)
            *share = counted;
        *out = im.model;
        im.model = NULL;
        status = counted.lost > 0 ? KHAP_EINPUT : status;
    }
    clear(&im);
    VEC_FREE(&im.alloc, &im.services);
    VEC_FREE(&im.alloc, &im.known);
    khap__map_free(&im.known_at);
    VEC_FREE(&im.alloc, &im.fronts);
    VEC_FREE(&im.alloc, &im.nodes);
    VEC_FREE(&im.alloc, &im.splits);
    VEC_FREE(&im.alloc, &im.stated);
    khap__import_config_free(&im, &im.in);
    khap_sources_free(im.own_sources);
    khap__buf_free(&im.path);
    khap__buf_free(&im.value);
    khap__arena_free(&im.arena);
    return status;
}
