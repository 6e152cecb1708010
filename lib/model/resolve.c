/* model/resolve.c - what a map means: the order of the steps, and what concerns no other file.
 * SPDX-License-Identifier: MIT */
#include "model/resolve.h"

struct khap_str khap__nearest_text(struct resolver *r, const struct nearest *n)
{
    khap__buf_clear(&r->text);
    khap__nearest_add(n, &r->text);
    return khap__buf_str(&r->text);
}

struct khap_str khap__short_path(enum key key)
{
    struct khap_str path = khap__key_path(key), prefix = S("services.*.");
    return khap__str_starts(path, prefix) ? khap__str_sub(path, prefix.len, path.len) : path;
}

const struct setting *khap__need_member(struct resolver *r, const struct setting *object, enum key key,
                                        struct khap_str what)
{
    const struct setting *s = khap__setting_find(object, key);
    if (!s && !object->damaged)
        RESOLVE_SAY(r, MSG_MISSING_KEY, object->place, what, khap__key_name(key));
    return s;
}

void khap__bind_list(struct resolver *r, struct arena *arena, const struct setting *list, struct bind **binds,
                     uint32_t *n)
{
    *binds = NULL;
    *n = 0;
    uint32_t count = list ? list->n_children : 0;
    if (count == 0)
        return;
    struct bind *b = khap__arena_zalloc(arena, count, sizeof *b);
    if (!b) {
        r->no_memory = true;
        return;
    }
    *binds = b;
    *n = count;
    for (const struct setting *s = list->child; s; s = s->next, b++) {
        b->text = s->text;
        b->place = s->place;
        khap__address_parse(s->text, &b->address);
    }
}

static const struct setting *top(const struct resolver *r, enum key key)
{
    return khap__setting_find(r->model->root, key);
}

static bool is_object(const struct setting *s)
{
    return s && s->kind == SETTING_OBJECT;
}

static void resolve_rest(struct resolver *r)
{
    struct resolved *out = r->out;
    out->process = top(r, KEY_PROCESS);
    out->log = top(r, KEY_LOG);
    out->node_check = top(r, KEY_NODE_CHECK);
    if (out->node_check)
        khap__need_member(r, out->node_check, KEY_NODE_CHECK_PORT, S("`nodeCheck`"));
    out->stats = top(r, KEY_STATS);
    out->acme = top(r, KEY_ACME);
    out->global = top(r, KEY_GLOBAL);
    out->defaults = top(r, KEY_DEFAULTS);
    khap__check_raw(r, out->global);
    khap__check_raw(r, out->defaults);
    const struct setting *socket = khap__setting_find(out->process, KEY_PROCESS_SOCKET);
    if (socket)
        khap__need_member(r, socket, KEY_PROCESS_SOCKET_PATH, S("`process.socket`"));
    const struct setting *trust = khap__setting_find(top(r, KEY_FORWARDED), KEY_FORWARDED_TRUST);
    for (const struct setting *s = trust ? trust->child : NULL; s; s = s->next) {
        struct network network;
        if (khap__network_parse(s->text, &network) != VALUE_OK)
            continue;
        if (!VEC_PUSH(&out->alloc, &out->trust, network)) {
            r->no_memory = true;
            return;
        }
        out->has_trust = true;
    }
    if (is_object(out->stats)) {
        const struct setting *bind = khap__need_member(r, out->stats, KEY_STATS_BIND, S("`stats`"));
        khap__bind_list(r, &out->arena, bind, &out->stats_binds, &out->n_stats_binds);
    }
    if (is_object(out->acme)) {
        const struct setting *server = khap__need_member(r, out->acme, KEY_ACME_SERVER, S("`acme`"));
        if (server)
            khap__address_parse(server->text, &out->acme_server);
        if (out->http < 0)
            RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, out->acme->place, S("acme"), S("frontends.http: false"));
    }
}

/* What is said of the whole process, or of sections that are not ours, is for a configuration that is all khap's. */
static void check_into(struct resolver *r)
{
    static const enum key keys[] = {KEY_PROCESS, KEY_LOG, KEY_GLOBAL, KEY_DEFAULTS};
    for (size_t i = 0; r->out->outside && i < sizeof keys / sizeof *keys; i++) {
        const struct setting *s = top(r, keys[i]);
        if (s)
            RESOLVE_SAY(r, MSG_NOT_IN_A_BLOCK, s->place, khap__key_path(keys[i]));
    }
}

/* A service that nothing leads to is a slip of the pen, unless rules of the user's own do. */
static void check_reachable(struct resolver *r)
{
    const struct resolved *out = r->out;
    for (uint32_t i = 0; i < out->frontends.len; i++) {
        if (out->frontends.ptr[i].extra)
            return;
    }
    for (uint32_t i = 0; i < out->services.len && !r->bad && !r->model->damaged; i++) {
        const struct service_head *head = &out->services.ptr[i];
        if (head->mode == MODE_HTTP && khap__routes_to(head) == 0)
            SAY(r->diags, MSG_SERVICE_UNREACHABLE, head->given->place, head->name,
                S("it has neither hosts nor routes, and is not the default"));
        else if (head->mode == MODE_HTTP && head->frontends == 0)
            SAY(r->diags, MSG_SERVICE_UNREACHABLE, head->given->place, head->name,
                S("none of its frontends is written"));
    }
}

enum khap_status khap__resolve(const struct khap_model *model, const struct khap_target *target,
                               struct khap_diags *diags, struct resolved *out)
{
    return khap__resolve_into(model, target, NULL, diags, out);
}

enum khap_status khap__resolve_into(const struct khap_model *model, const struct khap_target *target,
                                    const struct outside *outside, struct khap_diags *diags,
                                    struct resolved *out)
{
    *out = (struct resolved){.model = model,
                             .alloc = model->alloc,
                             .target = *target,
                             .outside = outside,
                             .http = -1,
                             .https = -1};
    khap__arena_init(&out->arena, &model->alloc);
    khap__map_init(&out->node_names, &model->alloc);
    khap__map_init(&out->section_names, &model->alloc);
    struct resolver r = {.out = out, .model = model, .diags = diags};
    khap__arena_init(&r.scratch, &model->alloc);
    khap__buf_init(&r.text, &model->alloc);
    static void (*const steps[])(struct resolver *) = {
        check_into,
        khap__check_since,
        khap__resolve_nodes,
        khap__resolve_certs,
        khap__resolve_frontends,
        resolve_rest,
        khap__resolve_sections,
        khap__resolve_services,
        khap__resolve_routes,
        khap__check_binds,
        check_reachable,
    };
    const struct setting *certs = top(&r, KEY_CERTS), *nodes = top(&r, KEY_NODES);
    r.certs_unknown = model->incomplete || (certs ? certs->damaged : model->root->damaged);
    r.nodes_unknown = model->incomplete || (nodes ? nodes->damaged : model->root->damaged);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !r.no_memory; i++)
        steps[i](&r);
    if (r.text.failed)
        r.no_memory = true;
    khap__arena_free(&r.scratch);
    khap__buf_free(&r.text);
    return r.no_memory ? KHAP_ENOMEM : r.bad || model->damaged ? KHAP_EINPUT : KHAP_OK;
}

void khap__resolved_free(struct resolved *r)
{
    if (!r || !r->model)
        return;
    VEC_FREE(&r->alloc, &r->nodes);
    VEC_FREE(&r->alloc, &r->frontends);
    VEC_FREE(&r->alloc, &r->certs);
    VEC_FREE(&r->alloc, &r->services);
    VEC_FREE(&r->alloc, &r->routes);
    VEC_FREE(&r->alloc, &r->sections);
    VEC_FREE(&r->alloc, &r->section_binds);
    VEC_FREE(&r->alloc, &r->trust);
    VEC_FREE(&r->alloc, &r->v4_ports);
    khap__map_free(&r->node_names);
    khap__map_free(&r->section_names);
    khap__arena_free(&r->arena);
    r->model = NULL;
}
