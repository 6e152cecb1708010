/* What reading the certificates tells: warnings only, never a difference in what is generated.
 * SPDX-License-Identifier: MIT */
#include "base/certs.h"
#include "gen/gen.h"

/* The hosts that a certificate should cover, and which of them it does. */
struct coverage {
    struct gen *g;
    const struct cert *cert;
    bool *covered;  /* of cert->hosts */
    bool any_route; /* it covers a host of some route */
    struct cert_covering *covering;
};

static bool pattern_covered(struct khap_str pattern, const struct host *host)
{
    if (host->kind != HOST_WILDCARD)
        return khap__cert_name_covers(pattern, host->name);
    return khap__str_starts(pattern, S("*.")) &&
           khap__str_eq_nocase(khap__str_sub(pattern, 2, pattern.len), host->name);
}

static enum khap_status on_name(void *ctx, uint32_t kind, struct khap_str text)
{
    struct coverage *c = ctx;
    if (kind == KHAP_CERT_DNS && c->cert->n_hosts == 0)
        khap__gen_covers(c->g, c->covering, S(""), text);
    for (uint32_t h = 0; h < c->cert->n_hosts; h++)
        c->covered[h] = c->covered[h] || pattern_covered(text, &c->cert->hosts[h]);
    for (uint32_t i = 0; c->cert->n_hosts == 0 && i < c->g->r.routes.len && !c->any_route; i++) {
        const struct route *r = &c->g->r.routes.ptr[i];
        struct khap_str name = r->has_host ? r->host.name : S("");
        /* a wildcard of the certificate lies within a wildcard route too */
        c->any_route = r->has_host && (pattern_covered(text, &r->host) ||
                                       (r->host.kind == HOST_WILDCARD && khap__str_ends(text, name)));
    }
    return KHAP_OK;
}

static void hosts(struct gen *g, const struct coverage *cover, struct khap_str path)
{
    const struct cert *c = cover->cert;
    for (uint32_t h = 0; h < c->n_hosts; h++) {
        if (cover->covered[h]) {
            khap__gen_covers(g, cover->covering, c->hosts[h].kind == HOST_WILDCARD ? S("*.") : S(""),
                             c->hosts[h].name);
            continue;
        }
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, c->hosts[h].kind == HOST_WILDCARD ? S("*.") : S(""));
        khap__buf_add(&g->text, c->hosts[h].name);
        SAY(g->diags, MSG_CERT_NOT_FOR_HOST, c->place, path, khap__buf_str(&g->text));
    }
    bool routes = false;
    for (uint32_t i = 0; i < g->r.routes.len && !routes; i++)
        routes = g->r.routes.ptr[i].has_host;
    if (c->n_hosts == 0 && c->directory.len == 0 && routes && !cover->any_route)
        SAY(g->diags, MSG_CERT_COVERS_NO_HOST, c->place, path);
}

static void keys(struct gen *g, const struct cert *c, struct khap_str path, const struct khap_cert_info *info)
{
    if (info->key == KHAP_CERT_KEY_DIFFERS)
        SAY(g->diags, MSG_CERT_KEY_MISMATCH, c->place, c->key.len > 0 ? c->key : path, path);
    else if (info->key == KHAP_CERT_KEY_NONE)
        SAY(g->diags, MSG_CERT_KEY_MISSING, c->place, c->key.len > 0 ? c->key : path);
}

/* From 2.2 on HAProxy looks for a key that is not in FILE in FILE.key. */
static bool read_beside(struct gen *g, struct khap_str path, struct khap_str *key)
{
    const struct khap_file_source *files = g->options->files;
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, path);
    khap__buf_add(&g->text, S(".key"));
    return gen_from(g, R(2, 2)) && files->read(files->ctx, khap__buf_str(&g->text), key) == KHAP_OK;
}

/* One PEM file, named by the map or found in a directory. */
static void look_at(struct gen *g, const struct cert *c, struct khap_str path, uint32_t *certificates,
                    struct cert_covering *covering)
{
    const struct khap_file_source *files = g->options->files;
    struct khap_str pem, key = {NULL, 0};
    bool held = khap__gen_held(g, path, &pem);
    enum khap_status status = held ? KHAP_OK : files->read(files->ctx, path, &pem);
    if (status != KHAP_OK) {
        SAY(g->diags, MSG_CERT_MISSING, c->place, path, khap__str(khap_status_text(status)));
        covering->unknown = true;
        return;
    }
    bool has_key = c->key.len > 0 && c->directory.len == 0;
    if (has_key && (status = files->read(files->ctx, c->key, &key)) != KHAP_OK)
        SAY(g->diags, MSG_CERT_MISSING, c->place, c->key, khap__str(khap_status_text(status)));
    struct coverage cover = {.g = g, .cert = c, .covering = covering};
    cover.covered = khap__arena_zalloc(&g->arena, c->n_hosts + 1, sizeof *cover.covered);
    struct khap_cert_info info = {.size = sizeof info, .ctx = &cover, .name = on_name};
    enum khap_status read =
        cover.covered ? g->options->certs->read(g->options->certs->ctx, pem, key, &info) : KHAP_ENOMEM;
    bool beside = read == KHAP_OK && info.certs > 0 && info.keys == 0 && !has_key && !held &&
                  read_beside(g, path, &key);
    if (beside)
        read = g->options->certs->read(g->options->certs->ctx, pem, key, &info);
    if (read == KHAP_ENOMEM) {
        khap__gen_fail(g, KHAP_ENOMEM);
    } else if (read != KHAP_OK || info.certs == 0) {
        SAY(g->diags, MSG_CERT_BROKEN, c->place, path);
        covering->unknown = true;
    } else {
        (*certificates)++;
        const struct cert_telling telling = {
            .diags = g->diags, .text = &g->text, .now = g->options->now, .soon_days = CERT_SOON_DAYS};
        khap__cert_tell(&telling, c->place, path, &info, CERT_OF_SERVER);
        if ((c->ocsp.len > 0 && info.certs == 1) || (c->ocsp_update && info.chain == KHAP_CERT_CHAIN_ALONE))
            SAY(g->diags, MSG_CERT_OCSP_ISSUER, c->place, path);
        hosts(g, &cover, path);
        if (status == KHAP_OK)
            keys(g, c, path, &info);
    }
    if ((beside || (has_key && status == KHAP_OK)) && files->done)
        files->done(files->ctx, key);
    if (files->done && !held)
        files->done(files->ctx, pem);
}

struct listing {
    struct gen *g;
    const struct cert *cert;
    uint32_t certificates;
    struct cert_covering *covering;
};

static enum khap_status on_entry(void *ctx, struct khap_str name)
{
    struct listing *l = ctx;
    struct gen *g = l->g;
    static const char *const passed_over[] = {".issuer", ".ocsp", ".sctl", ".key",
                                              ".dh"}; /* what HAProxy itself reads beside a certificate */
    if (name.len == 0 || name.ptr[0] == '.')
        return KHAP_OK;
    for (size_t i = 0; i < sizeof passed_over / sizeof passed_over[0]; i++) {
        if (khap__str_ends(name, khap__str(passed_over[i])))
            return KHAP_OK;
    }
    struct buf path;
    struct khap_str kept;
    khap__buf_init(&path, &g->alloc);
    khap__buf_add(&path, l->cert->directory);
    if (!khap__str_ends(l->cert->directory, S("/")))
        khap__buf_char(&path, '/');
    khap__buf_add(&path, name);
    enum khap_status status =
        path.failed ? KHAP_ENOMEM : khap__arena_dup(&g->arena, khap__buf_str(&path), &kept);
    khap__buf_free(&path);
    if (status == KHAP_OK)
        look_at(g, l->cert, kept, &l->certificates, l->covering);
    return status;
}

void khap__gen_cert_warnings(struct gen *g)
{
    const struct khap_file_source *files = g->options->files;
    const struct khap_cert_reader *reader = g->options->certs;
    if (!files || !files->read || !reader || !reader->read)
        return;
    struct cert_covering covering = {.unknown = false};
    khap__map_init(&covering.names, &g->alloc);
    bool placeholder = false;
    for (uint32_t i = 0; i < g->r.certs.len; i++)
        placeholder = placeholder || g->r.certs.ptr[i].placeholder;
    for (uint32_t i = 0; i < g->r.certs.len && g->failure == KHAP_OK; i++) {
        const struct cert *c = &g->r.certs.ptr[i];
        covering.unknown = covering.unknown || c->crt_list.len > 0;
        struct listing l = {.g = g, .cert = c, .covering = &covering};
        if (c->placeholder)
            continue;
        if (c->file.len > 0) {
            look_at(g, c, c->file, &l.certificates, &covering);
        } else if (c->directory.len > 0 && files->size > offsetof(struct khap_file_source, list) &&
                   files->list) {
            enum khap_status status = files->list(files->ctx, c->directory, on_entry, &l);
            covering.unknown = covering.unknown || status != KHAP_OK;
            if (status == KHAP_ENOMEM)
                khap__gen_fail(g, status);
            else if (status != KHAP_OK)
                SAY(g->diags, MSG_CERT_MISSING, c->place, c->directory, khap__str(khap_status_text(status)));
            else if (l.certificates == 0 && !placeholder)
                SAY(g->diags, MSG_CERT_DIRECTORY_EMPTY, c->place, c->directory);
        }
    }
    khap__gen_uncovered(g, &covering);
    khap__map_free(&covering.names);
}
