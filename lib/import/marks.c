/* import/marks.c - routes with keys of their own: which rules of a backend are theirs. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

bool khap__import_mark_of(struct khap_str text, struct khap_str *service, uint32_t *number)
{
    size_t slash = khap__str_find(text, '/');
    if (slash == text.len ||
        !khap__import_number(khap__str_sub(text, slash + 1, text.len), UINT32_MAX, number) || *number == 0)
        return false;
    *service = khap__str_sub(text, 0, slash);
    if (khap__str_starts(*service, S("khap-split"))) {
        size_t colon = khap__str_find(*service, ':');
        *service = khap__str_sub(*service, colon + 1, service->len);
    }
    return service->len > 0;
}

void khap__import_default_marks(struct import *im)
{
    for (uint32_t i = 0; im->ours && i < im->in.lines.len; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        struct khap_str word = word_at(line, 2), name;
        uint32_t number;
        if (im->in.sections.ptr[line->section].role != ROLE_BACKEND ||
            khap__import_begins(line, "http-request set-var(txn.backend)") == 0 ||
            !khap__str_starts(word, S("str(")) ||
            !khap__import_mark_of(khap__str_sub(word, 4, word.len - 5), &name, &number))
            continue;
        struct import_service *service = khap__import_service(im, name);
        for (uint32_t k = 0; service != NULL && k < service->routes.len; k++) {
            if (service->routes.ptr[k].is_default)
                service->routes.ptr[k].mark = number;
        }
        line->state = LINE_CLAIMED;
    }
}

/* ---- the order in the map ---- */

/* All wildcards of one label: then the service says so once. */
static bool all_labels(const struct import_service *service)
{
    bool any = false;
    for (uint32_t i = 0; i < service->routes.len; i++) {
        const struct import_route *r = &service->routes.ptr[i];
        if (!khap__str_starts(r->host, S("*.")))
            continue;
        if (!r->label)
            return false;
        any = true;
    }
    return any;
}

static uint32_t number_of(const struct import_route *r)
{
    return r->mark > 0 ? r->mark : r->place;
}

static bool has_split(const struct import *im, const struct import_route *r)
{
    return r->split > 0 && im->splits.ptr[r->split - 1].number > 0;
}

/* It stands in `hosts`, unless something is said of it alone. */
static bool is_host(const struct import *im, const struct import_route *r)
{
    return r->type == IMPORT_NO_PATH && r->match.len == 0 && r->host.len > 0 && !r->label &&
           r->backend.len == 0 && !has_split(im, r);
}

/* Routes of which only the order among themselves is known: expressions, and those that number their splits. */
static bool is_ordered(const struct import *im, const struct import_route *r)
{
    return r->type == IMPORT_REGEX || has_split(im, r);
}

static void sort_splits(struct import *im, struct import_service *service)
{
    for (uint32_t i = 0; i < service->routes.len; i++) {
        struct import_route *a = &service->routes.ptr[i];
        for (uint32_t k = i + 1; k < service->routes.len; k++) {
            struct import_route *b = &service->routes.ptr[k];
            if (a->split > 0 && b->split > 0 &&
                im->splits.ptr[b->split - 1].number < im->splits.ptr[a->split - 1].number) {
                struct import_route swap = *a;
                *a = *b;
                *b = swap;
            }
        }
    }
}

/* The next route without a mark for place `at`: one that has to come before the next marked one of its kind, then hosts, then any. */
static uint32_t next_route(const struct import *im, const struct import_service *service, const bool *used,
                           uint32_t at)
{
    uint32_t n = service->routes.len, first = n, ordered = n, host = n;
    for (uint32_t i = n; i-- > 0;) {
        const struct import_route *r = &service->routes.ptr[i];
        if (used[i] || (number_of(r) > 0 && number_of(r) <= n))
            continue;
        if (is_ordered(im, r))
            ordered = i;
        else if (is_host(im, r))
            host = i;
        else
            first = i;
    }
    bool urgent = false;
    for (uint32_t i = ordered; i < n; i++)
        urgent =
            urgent || (is_ordered(im, &service->routes.ptr[i]) && number_of(&service->routes.ptr[i]) > at);
    return urgent ? ordered : host < n ? host : first < n ? first : ordered;
}

/* Routes that a backend of one's own answers are not said to be whose: they stand where numbers are left. */
static void fill_gaps(struct import *im, struct import_service *service)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < service->routes.len; i++)
        last = number_of(&service->routes.ptr[i]) > last ? number_of(&service->routes.ptr[i]) : last;
    for (uint32_t i = 0; i < im->services.len && service->routes.len < last; i++) {
        struct import_service *other = &im->services.ptr[i];
        if (!im->in.sections.ptr[other->section].raw || other->split_only || other->tcp || other == service)
            continue;
        while (other->routes.len > 0 && service->routes.len < last) {
            struct import_route route = other->routes.ptr[--other->routes.len];
            route.backend = other->name;
            if (!VEC_PUSH(&im->alloc, &service->routes, route)) {
                khap__import_fail(im, KHAP_ENOMEM);
                return;
            }
        }
    }
}

void khap__import_order(struct import *im, struct import_service *service)
{
    if (im->ours && !im->in.sections.ptr[service->section].raw)
        fill_gaps(im, service);
    uint32_t n = service->routes.len;
    bool any = false, splits = false;
    service->labels = all_labels(service);
    for (uint32_t i = 0; i < n; i++) {
        service->routes.ptr[i].label = service->routes.ptr[i].label && !service->labels;
        any = any || number_of(&service->routes.ptr[i]) > 0;
        splits = splits || service->routes.ptr[i].split > 0;
    }
    service->n_hosts = 0;
    if (splits)
        sort_splits(im, service);
    if (any) {
        struct import_route *sorted = khap__arena_alloc(&im->arena, n + 1u, sizeof *sorted);
        bool *used = khap__arena_zalloc(&im->arena, n + 1u, sizeof *used);
        if (sorted == NULL || used == NULL) {
            khap__import_fail(im, KHAP_ENOMEM);
            return;
        }
        for (uint32_t at = 1; at <= n; at++) {
            uint32_t found = n;
            for (uint32_t i = 0; i < n && found == n; i++) {
                if (!used[i] && number_of(&service->routes.ptr[i]) == at)
                    found = i;
            }
            found = found < n ? found : next_route(im, service, used, at);
            for (uint32_t i = 0; i < n && found == n; i++) /* two of one number */
                found = used[i] ? n : i;
            used[found] = true;
            sorted[at - 1] = service->routes.ptr[found];
        }
        memcpy(service->routes.ptr, sorted, n * sizeof *sorted);
        while (service->n_hosts < n && is_host(im, &service->routes.ptr[service->n_hosts]) &&
               service->routes.ptr[service->n_hosts].mark == 0)
            service->n_hosts++;
        return;
    }
    /* hosts come first by themselves */
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct import_route route = service->routes.ptr[i];
        if (!is_host(im, &route))
            continue;
        memmove(&service->routes.ptr[at + 1], &service->routes.ptr[at], (i - at) * sizeof route);
        service->routes.ptr[at++] = route;
    }
    service->n_hosts = at;
}

/* ---- rules of backends ---- */

/* All that the ACL of these routes names. */
static uint32_t acl_marks(const struct import *im, const struct import_line *line, struct khap_str name,
                          const struct khap_str **marks, struct khap_str *room, uint32_t most)
{
    const struct import_section *s = &im->in.sections.ptr[line->section];
    uint32_t n = 0;
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *acl = &im->in.lines.ptr[i];
        for (uint32_t k = 5; word_is(acl, 0, "acl") && khap__str_eq(word_at(acl, 1), name) && k < acl->n;
             k++) {
            if (n < most)
                room[n] = acl->words[k];
            n++;
        }
    }
    *marks = room;
    return n;
}

bool khap__import_peel(struct import *im, const struct import_line *line, struct import_line *plain,
                       struct import_mark *mark)
{
    *plain = *line;
    *mark = (struct import_mark){.number = 0};
    if (!im->ours || line->n < 4 || word_is(line, 0, "acl"))
        return false;
    struct khap_str last = line->words[line->n - 1];
    if (khap__str_starts(last, S("!khap-routes:"))) {
        last = khap__str_sub(last, 1, last.len);
        mark->n_others = acl_marks(im, line, last, &mark->others, NULL, 0);
        struct khap_str *room = khap__arena_alloc(&im->arena, mark->n_others + 1u, sizeof *room);
        if (room == NULL) {
            khap__import_fail(im, KHAP_ENOMEM);
            return false;
        }
        (void)acl_marks(im, line, last, &mark->others, room, mark->n_others);
        plain->n--;
    } else {
        uint32_t at = line->n;
        while (at > 0 && !word_is(line, at - 1, "{") && !word_is(line, at - 1, "!{"))
            at--;
        if (at == 0 || !word_is(line, at, "var(txn.backend)") || !word_is(line, at + 1, "-m") ||
            !word_is(line, at + 2, "str") || !khap__str_eq(last, S("}")))
            return false;
        bool negated = word_is(line, at - 1, "!{");
        if (!negated && !khap__import_mark_of(word_at(line, at + 3), &mark->service, &mark->number))
            return false;
        mark->others = line->words + at + 3;
        mark->n_others = negated ? line->n - at - 4 : 0;
        plain->n = at - 1;
    }
    if (plain->n > 0 && word_is(line, plain->n - 1, "if"))
        plain->n--;
    return true;
}

bool khap__import_says(struct import *im, const struct import_service *backend,
                       const struct import_mark *mark, uint32_t *index)
{
    struct import_service *service = khap__import_service(im, mark->service);
    const struct import_service *home = service;
    if (service == NULL)
        return false;
    for (uint32_t i = service->n_hosts; i < service->routes.len; i++) {
        const struct import_route *route = &service->routes.ptr[i];
        if (route->mark != mark->number)
            continue;
        *index = khap__import_place(im, service, i);
        if ((service->split_only || service->redirects) && route->split > 0 &&
            im->splits.ptr[route->split - 1].shares.len > 0)
            home = khap__import_service(im, im->splits.ptr[route->split - 1].shares.ptr[0].backend);
        return home == backend;
    }
    return false;
}

struct import_stated *khap__import_state(struct import *im, struct khap_str service, uint32_t mark,
                                         const char *key)
{
    struct import_stated fresh = {.service = service, .mark = mark};
    size_t n = khap__str_find(khap__str(key), '.');
    if (n >= sizeof fresh.key)
        return NULL;
    memcpy(fresh.key, key, n);
    for (uint32_t i = 0; i < im->stated.len; i++) {
        struct import_stated *s = &im->stated.ptr[i];
        if (s->mark == mark && khap__str_eq(s->service, service) && strcmp(s->key, fresh.key) == 0)
            return s;
    }
    if (!VEC_PUSH(&im->alloc, &im->stated, fresh)) {
        khap__import_fail(im, KHAP_ENOMEM);
        return NULL;
    }
    return &im->stated.ptr[im->stated.len - 1];
}

void khap__import_left_out(struct import *im, const struct import_mark *mark, const char *key)
{
    struct khap_str service;
    uint32_t number;
    for (uint32_t i = 0; i < mark->n_others; i++) {
        if (khap__import_mark_of(mark->others[i], &service, &number))
            (void)khap__import_state(im, service, number, key);
    }
}

static bool answers(const struct import *im, const struct import_stated *of)
{
    bool found = false;
    for (uint32_t i = 0; i < im->stated.len; i++) {
        const struct import_stated *s = &im->stated.ptr[i];
        found = found || (s->mark == of->mark && khap__str_eq(s->service, of->service) && s->said &&
                          (strcmp(s->key, "redirect") == 0 || strcmp(s->key, "respond") == 0));
    }
    return found;
}

/* Routes that the service's rules leave out, and that have none of their own: there the key is switched off. */
void khap__import_stated(struct import *im)
{
    for (uint32_t i = 0; i < im->stated.len && im->failure == KHAP_OK; i++) {
        const struct import_stated *s = &im->stated.ptr[i];
        const struct import_service *service = khap__import_service(im, s->service);
        for (uint32_t k = service != NULL && !s->said && !answers(im, s) ? service->n_hosts : UINT32_MAX;
             k < (service != NULL ? service->routes.len : 0); k++) {
            if (service->routes.ptr[k].mark != s->mark)
                continue;
            char room[20];
            struct khap_str key = khap__import_join(
                im, S("routes."), khap__str_uint(room, khap__import_place(im, service, k)), S("."));
            key = khap__import_join(im, key, khap__str(s->key), (struct khap_str){"", 1});
            if (im->failure == KHAP_OK)
                (void)khap__import_set(im, im->in.lines.ptr[service->routes.ptr[k].line].place, "services",
                                       service->name, key.ptr,
                                       s->rules                              ? S("{}")
                                       : strcmp(s->key, "sourceRanges") == 0 ? S("[]")
                                                                             : S("false"));
        }
    }
}
