/* model/split.c - services that share requests: `split` of a service or a route, and `canary`.
 * SPDX-License-Identifier: MIT */
#include "model/service_parts.h"

/* As many as the Gateway API has. */
enum { SHARES_MAX = 16 };

struct split *khap__new_split(struct resolver *r, const struct setting *given, uint32_t number)
{
    struct split *split = khap__arena_zalloc(&r->out->arena, 1, sizeof *split);
    if (!split) {
        r->no_memory = true;
        return NULL;
    }
    split->given = given;
    split->service = r->out->services.len;
    split->number = number;
    if (r->last_split)
        r->last_split->next = split;
    else
        r->first_split = split;
    r->last_split = split;
    return split;
}

/* Whether all of its routes are split, each for itself. */
static bool all_routes_split(const struct service_parts *own, const struct service_parts *defaults)
{
    bool answers = own->node_port || own->servers || own->backend || own->redirect || own->respond;
    const struct setting *hosts = own->hosts ? own->hosts : defaults->hosts;
    if (answers || !own->routes || (hosts && hosts->child) ||
        khap__is_true(own->is_default ? own->is_default : defaults->is_default))
        return false;
    for (const struct setting *s = own->routes->child; s; s = s->next) {
        if (!khap__setting_find(s, KEY_SERVICE_ROUTE_SPLIT) &&
            !khap__setting_spoilt(s, KEY_SERVICE_ROUTE_SPLIT))
            return false;
    }
    return own->routes->child != NULL;
}

const struct split *khap__find_split(struct resolver *r, const struct service_parts *own,
                                     struct service_head *head)
{
    const bool *seen = r->model->seen;
    const struct setting *given =
        seen[KEY_SERVICE_SPLIT] ? khap__setting_find(own->all, KEY_SERVICE_SPLIT) : NULL;
    if (head->mode != MODE_HTTP)
        return NULL;
    head->split_only = given || (seen[KEY_SERVICE_ROUTE_SPLIT] && all_routes_split(own, &r->defaults));
    return given ? khap__new_split(r, given, 0) : NULL;
}

/* ---- the services are known ---- */

struct binder {
    struct resolver *r;
    struct map names;              /* services -> their indices */
    const struct split **canaries; /* by service: the canary that takes a part of its requests; NULL: none */
    bool *led;                     /* by service: whether it has a share of another one's requests */
};

static struct service_head *head_of(const struct binder *b, uint32_t index)
{
    return &b->r->out->services.ptr[index];
}

static const struct setting *canary_of(const struct binder *b, uint32_t index)
{
    return khap__setting_find(head_of(b, index)->given, KEY_SERVICE_CANARY);
}

static bool find_service(struct binder *b, const struct setting *name, uint32_t *index)
{
    struct resolver *r = b->r;
    const struct setting *services = khap__setting_find(r->model->root, KEY_SERVICES);
    if (khap__map_get(&b->names, name->text, index))
        return true;
    if (r->model->incomplete || services->damaged)
        return false; /* it may stand in what could not be read */
    struct nearest nearest;
    khap__nearest_start(&nearest, name->text);
    /* each costs a look at every service: what comes after a hundred is the same mistake */
    uint32_t candidates = r->suggested++ < 100 ? r->out->services.len : 0;
    for (uint32_t i = 0; i < candidates; i++)
        khap__nearest_offer(&nearest, r->out->services.ptr[i].name);
    RESOLVE_SAY(r, MSG_UNKNOWN_SERVICE, name->place, name->text, khap__nearest_text(r, &nearest));
    return false;
}

static void refuse(struct binder *b, const struct setting *name, struct khap_str why, struct khap_place other)
{
    RESOLVE_SAY(b->r, MSG_SHARE_REFUSED, name->place, name->text, why);
    khap__diags_relate(b->r->diags, other, S("see here"));
}

/* Whether requests end there, so that it can have a share of them. */
static bool answers(struct binder *b, const struct setting *name, uint32_t index)
{
    const struct service_head *head = head_of(b, index);
    if (head->mode != MODE_HTTP) {
        refuse(b, name, S("it is not of mode http"), head->given->place);
        return false;
    }
    if (head->split_only) {
        refuse(b, name, S("it is a split itself"), head->given->place);
        return false;
    }
    return true;
}

static void add_share(struct split *split, const struct setting *name, uint32_t index, uint32_t weight)
{
    split->total += weight;
    for (uint32_t i = 0; i < split->n; i++) {
        if (split->shares[i].service == index) {
            split->shares[i].weight += weight;
            return;
        }
    }
    split->shares[split->n++] = (struct share){index, weight, name->place};
}

static bool room_for(struct binder *b, struct split *split, uint32_t n)
{
    split->shares = khap__arena_zalloc(&b->r->out->arena, n, sizeof *split->shares);
    b->r->no_memory = b->r->no_memory || !split->shares;
    return split->shares != NULL;
}

static uint32_t weight_of(const struct setting *s, uint32_t otherwise)
{
    return s ? (uint32_t)s->number : otherwise;
}

static void bind_split(struct binder *b, struct split *split)
{
    struct resolver *r = b->r;
    const struct setting *given = split->given;
    bool route = given->key == KEY_SERVICE_ROUTE_SPLIT, good = !given->damaged;
    struct khap_str called = khap__short_path((enum key)given->key);
    if (given->n_children > SHARES_MAX) {
        char room[20], most[20];
        RESOLVE_SAY(r, MSG_TOO_MANY_SHARES, given->place, called, khap__str_uint(room, given->n_children),
                    khap__str_uint(most, SHARES_MAX));
        return;
    }
    if (!room_for(b, split, given->n_children))
        return;
    for (const struct setting *s = given->child; s; s = s->next) {
        const struct setting *name = khap__need_member(
            r, s, route ? KEY_SERVICE_ROUTE_SPLIT_ENTRY_SERVICE : KEY_SERVICE_SPLIT_ENTRY_SERVICE,
            S("a share"));
        const struct setting *weight = khap__setting_find(s, route ? KEY_SERVICE_ROUTE_SPLIT_ENTRY_WEIGHT
                                                                   : KEY_SERVICE_SPLIT_ENTRY_WEIGHT);
        uint32_t index;
        if (!name || !find_service(b, name, &index) || !answers(b, name, index)) {
            good = false;
        } else if (b->canaries[index]) {
            refuse(b, name, S("its canary would get nothing of them"), b->canaries[index]->given->place);
            good = false;
        } else {
            add_share(split, name, index, weight_of(weight, 1));
        }
    }
    if (good && split->total == 0)
        RESOLVE_SAY(r, MSG_SPLIT_WITHOUT_WEIGHT, given->place, called);
    if (!good || split->total == 0)
        split->n = 0;
}

/* It is answered where it is, whichever service has it. */
static bool unshared(const struct route *route)
{
    return route->backend.len > 0 || (route->stated & OWN_ANSWER);
}

static void bind_canary(struct binder *b, uint32_t index, const struct setting *given)
{
    struct resolver *r = b->r;
    const struct setting *of = khap__need_member(r, given, KEY_SERVICE_CANARY_OF, S("a canary"));
    uint32_t other;
    const struct service_head *head = head_of(b, index);
    if (!of || head->mode != MODE_HTTP || head->split_only || !find_service(b, of, &other) ||
        !answers(b, of, other))
        return;
    if (other == index || canary_of(b, other)) {
        refuse(b, of, S("it is a canary itself"), canary_of(b, other)->place);
        return;
    }
    if (b->canaries[other]) {
        RESOLVE_SAY(r, MSG_CANARY_TWICE, of->place, of->text);
        khap__diags_relate(r->diags, b->canaries[other]->given->place, S("the other one"));
        return;
    }
    for (uint32_t i = 0; i < head_of(b, other)->n_routes; i++) {
        const struct route *route = khap__route_to(r->out, head_of(b, other), i);
        if (route->split) {
            refuse(b, of, S("a route of it is split already"), route->split->given->place);
            return;
        }
    }
    struct split *split = khap__new_split(r, given, 0);
    if (!split || !room_for(b, split, 2))
        return;
    const struct setting *header = khap__setting_find(given, KEY_SERVICE_CANARY_HEADER),
                         *cookie = khap__setting_find(given, KEY_SERVICE_CANARY_COOKIE);
    uint32_t weight = weight_of(khap__setting_find(given, KEY_SERVICE_CANARY_WEIGHT), 0);
    split->service = other;
    split->header = header ? header->text : S("");
    split->cookie = cookie ? cookie->text : S("");
    add_share(split, of, index, weight);
    add_share(split, of, other, 100 - weight);
    b->canaries[other] = split;
    head_of(b, index)->has_marks = head_of(b, index)->has_marks || head_of(b, other)->has_marks;
    for (uint32_t i = 0; i < head_of(b, other)->n_routes; i++) {
        struct route *route = &r->out->routes.ptr[head_of(b, other)->first_route + i];
        if (!unshared(route))
            route->split = split;
    }
}

/* ---- what a share asks for ---- */

/* Where its requests are served: of those that are redirected to https at once there is nothing to share. */
static uint64_t served_on(const struct binder *b, const struct service_head *owner)
{
    uint64_t tls = owner->frontends & b->r->out->tls_frontends;
    return khap__is_true(owner->redirect_https) && tls ? tls : owner->frontends;
}

static void find_frontends(struct binder *b, const struct split *split, const struct share *share)
{
    struct resolver *r = b->r;
    const struct service_head *owner = head_of(b, split->service);
    struct service_head *head = head_of(b, share->service);
    const struct setting *said = khap__setting_find(head->given, KEY_SERVICE_FRONTENDS);
    uint64_t bits = served_on(b, owner), missing = bits & ~head->frontends;
    if (said && missing != 0 && !said->damaged && !r->frontends_unknown) {
        uint32_t i = 0;
        while (!(missing >> i & 1u))
            i++;
        RESOLVE_SAY(r, MSG_SHARE_FRONTENDS, share->place, head->name, r->out->frontends.ptr[i].name,
                    owner->name);
        khap__diags_relate(r->diags, said->place, S("it stands on these"));
    }
    if (head->n_routes == 0 && !b->led[share->service] && !said)
        head->frontends = 0; /* it stands nowhere else */
    head->frontends |= bits;
    b->led[share->service] = true;
}

/* Who is kept out of one of them gets in by way of the other. */
static void check_guards(struct binder *b, const struct split *split, const struct share *share)
{
    struct resolver *r = b->r;
    const struct service_head *owner = head_of(b, split->service), *head = head_of(b, share->service);
    for (const struct setting *s = owner->split_only ? NULL : owner->given->child; s; s = s->next) {
        if (!khap__guards((enum key)s->key) || !khap__keeps_out(s) ||
            khap__setting_find(head->given, (enum key)s->key) ||
            khap__keeps_out(khap__setting_find(r->defaults.all, (enum key)s->key)))
            continue;
        RESOLVE_WARN(r, MSG_SHARE_UNGUARDED, share->place, owner->name, khap__short_path((enum key)s->key),
                     head->name);
        khap__diags_relate(r->diags, s->place, S("it is guarded here"));
        return;
    }
}

static void check_rewrite(struct binder *b, const struct split *split, const struct share *share,
                          const struct route *route)
{
    const struct setting *given = head_of(b, share->service)->given;
    const struct setting *rewrite = khap__setting_find(given, KEY_SERVICE_REWRITE);
    const struct setting *prefix =
        khap__setting_find(khap__setting_find(given, KEY_SERVICE_REDIRECT), KEY_SERVICE_REDIRECT_PREFIX);
    if (route->path_type != PATH_REGEX || (!rewrite && !prefix) || (route->stated & OWN_REWRITE))
        return;
    RESOLVE_SAY(b->r, MSG_KEY_CANNOT_ACT, rewrite ? rewrite->place : prefix->place,
                rewrite ? S("rewrite") : S("redirect.prefix"), S("pathType: Regex"));
    khap__diags_relate(b->r->diags, route->place, S("a route whose requests it shares"));
    khap__diags_relate(b->r->diags, split->given->place, S("by this"));
}

static void check_shares(struct binder *b, const struct split *split)
{
    for (uint32_t i = 0; i < split->n; i++) {
        if (split->shares[i].service == split->service)
            continue;
        find_frontends(b, split, &split->shares[i]);
        check_guards(b, split, &split->shares[i]);
    }
}

/* Adds the route to those that lead to the service of the share; first they are only counted. */
static void lead(struct binder *b, const struct route *route, const struct share *share, bool counted)
{
    struct resolver *r = b->r;
    struct service_head *head = head_of(b, share->service);
    if (!counted) {
        head->n_led++;
        return;
    }
    if (!head->led) {
        head->led = khap__arena_alloc(&r->out->arena, head->n_led, sizeof *head->led);
        head->n_led = 0;
    }
    if (!head->led) {
        r->no_memory = true;
        return;
    }
    head->led[head->n_led++] = route;
}

static void lead_all(struct binder *b)
{
    struct resolver *r = b->r;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < r->out->routes.len && !r->no_memory; i++) {
            const struct route *route = &r->out->routes.ptr[i];
            const struct split *split = route->split;
            for (uint32_t k = 0; split && k < split->n; k++) {
                const struct share *share = &split->shares[k];
                if (share->service == route->service)
                    continue;
                if (pass == 0)
                    check_rewrite(b, split, share, route);
                lead(b, route, share, pass == 1);
            }
        }
    }
}

void khap__resolve_splits(struct resolver *r)
{
    const bool *seen = r->model->seen;
    static const uint16_t keys[] = {KEY_SERVICE_SPLIT, KEY_SERVICE_CANARY};
    if (!seen[KEY_SERVICE_SPLIT] && !seen[KEY_SERVICE_CANARY] && !seen[KEY_SERVICE_ROUTE_SPLIT])
        return;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct setting *s = khap__setting_find(r->defaults.all, (enum key)keys[i]);
        if (s)
            RESOLVE_SAY(r, MSG_KEY_CANNOT_ACT, s->place, khap__short_path((enum key)s->key),
                        S("serviceDefaults"));
    }
    struct binder b = {.r = r};
    uint32_t n = r->out->services.len;
    khap__map_init(&b.names, &r->model->alloc);
    b.canaries = khap__arena_zalloc(&r->scratch, n, sizeof(const struct split *));
    b.led = khap__arena_zalloc(&r->scratch, n, sizeof *b.led);
    r->no_memory = r->no_memory || !b.canaries || !b.led;
    for (uint32_t i = 0; i < n && !r->no_memory; i++)
        r->no_memory = khap__map_set(&b.names, head_of(&b, i)->name, i) != KHAP_OK;
    for (uint32_t i = 0; i < n && !r->no_memory; i++) {
        const struct setting *canary = canary_of(&b, i);
        if (canary)
            bind_canary(&b, i, canary);
    }
    for (struct split *split = r->first_split; split && !r->no_memory; split = split->next) {
        if (split->given->kind == SETTING_LIST) /* the others are bound already */
            bind_split(&b, split);
        if (!r->no_memory)
            check_shares(&b, split);
    }
    if (!r->no_memory)
        lead_all(&b);
    khap__map_free(&b.names);
}
