/* import/backends.c - backends as services. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

/* Lines of a `listen` that are its frontend's. */
static bool is_front_line(const struct import_section *s, const struct import_line *line)
{
    static const char *const words[] = {
        "bind",           "use_backend",    "default_backend", "maxconn", "option forwardfor",
        "option httplog", "timeout client", "monitor-uri",     "capture", "log"};
    if (s->role != ROLE_LISTEN)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (khap__import_begins(line, words[i]) > 0)
            return true;
    }
    return false;
}

static void read_backend(struct import *im, struct import_service *service)
{
    struct import_section *s = &im->in.sections.ptr[service->section];
    if (!khap__import_servers(im, service)) {
        khap__import_stay(s, S("its servers"));
        return;
    }
    for (uint32_t i = s->first; i < s->end && im->failure == KHAP_OK; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (line->header)
            line->state = LINE_TAKEN;
        if (line->state != LINE_OPEN || line->variable || is_front_line(s, line))
            continue;
        if (khap__import_is_forwarding(line) && !service->tcp)
            line->state = LINE_TAKEN;
        else
            (void)khap__import_policy(im, service, i);
    }
    khap__import_take_acls(im, s);
    for (uint32_t i = s->first + 1; im->ours && i < s->end; i++) { /* what khapgen wrote comes out again */
        if (im->in.lines.ptr[i].state == LINE_TAKEN)
            im->in.lines.ptr[i].state = LINE_CLAIMED;
    }
    /* nodes that nothing selects: the port could be any; one that khapgen wrote has an algorithm */
    struct khap_place place = im->in.lines.ptr[s->first].place;
    if (service->servers.len == 0 && !service->needed &&
        !(im->ours && service->has_balance &&
          khap__import_set(im, place, "services", service->name, "nodePort", S("80")) &&
          khap__import_set(im, place, "services", service->name, "nodes", S("{names: []}"))))
        khap__import_stay(s, S("it has no server"));
}

/* ---- routes as keys ---- */

static struct khap_str route_yaml(struct import *im, const struct import_route *r)
{
    struct buf yaml;
    struct khap_str text = {"", 0};
    khap__buf_init(&yaml, &im->alloc);
    khap__buf_char(&yaml, '{');
    if (r->host.len > 0) {
        khap__buf_add(&yaml, S("host: "));
        khap__import_add_quoted(&yaml, r->host);
        khap__buf_add(&yaml, S(", "));
    }
    if (r->type != IMPORT_NO_PATH) {
        khap__buf_add(&yaml, S("path: "));
        khap__import_add_quoted(&yaml, r->path);
        khap__buf_add(&yaml, r->type == IMPORT_EXACT   ? S(", pathType: Exact, ")
                             : r->type == IMPORT_REGEX ? S(", pathType: Regex, ")
                                                       : S(", "));
    }
    if (r->label)
        khap__buf_add(&yaml, S("wildcard: label, "));
    if (r->match.len > 0) {
        khap__buf_add(&yaml, S("match: "));
        khap__buf_add(&yaml, r->match);
        khap__buf_add(&yaml, S(", "));
    }
    if (r->backend.len > 0) {
        khap__buf_add(&yaml, S("backend: "));
        khap__import_add_quoted(&yaml, r->backend);
        khap__buf_add(&yaml, S(", "));
    }
    if (yaml.len > 2)
        yaml.len -= 2;
    khap__buf_char(&yaml, '}');
    if (yaml.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    else
        text = khap__import_dup(im, khap__buf_str(&yaml));
    khap__buf_free(&yaml);
    return text;
}

/* What comes by default is a key of the service, unless it has keys of its own. */
static bool is_plain_default(const struct import *im, const struct import_route *r)
{
    return r->is_default && r->mark == 0 && (r->split == 0 || im->splits.ptr[r->split - 1].number == 0);
}

uint32_t khap__import_place(const struct import *im, const struct import_service *service, uint32_t route)
{
    uint32_t place = 0;
    for (uint32_t i = service->n_hosts; i < route; i++)
        place += !is_plain_default(im, &service->routes.ptr[i]);
    return place;
}

/* The routes of one set of frontends; `name` is the service's in the map. False when a value is refused. */
static bool set_routes(struct import *im, const struct import_service *service, struct khap_str name,
                       uint64_t frontends, bool any)
{
    struct khap_place place = im->in.lines.ptr[im->in.sections.ptr[service->section].first].place;
    bool good = true;
    if (service->labels)
        good = khap__import_set(im, place, "services", name, "wildcard", S("label"));
    for (uint32_t i = 0; i < service->routes.len && good; i++) {
        struct import_route r = service->routes.ptr[i];
        struct khap_place at = im->in.lines.ptr[r.line].place;
        if (!any && r.frontends != frontends)
            continue;
        if (is_plain_default(im, &r))
            good = khap__import_set(im, at, "services", name, "default", S("true"));
        else if (i < service->n_hosts)
            good = khap__import_set_text(im, at, "services", name, "hosts.+", r.host);
        else
            good = khap__import_set(im, at, "services", name, "routes.+", route_yaml(im, &r));
    }
    return good;
}

/* The usual frontends, as far as they stand. */
static uint64_t usual_bits(const struct import *im)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < im->fronts.len; i++) {
        if (khap__str_eq(im->fronts.ptr[i].name, S("http")) ||
            khap__str_eq(im->fronts.ptr[i].name, S("https")))
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

static bool set_frontends(struct import *im, struct khap_place place, struct khap_str name, uint64_t bits)
{
    bool good = true;
    if (bits == usual_bits(im) || bits == 0)
        return true;
    for (uint32_t i = 0; i < im->fronts.len && good; i++) {
        if ((bits >> i & 1) != 0)
            good = khap__import_set_text(im, place, "services", name, "frontends.+", im->fronts.ptr[i].name);
    }
    return good;
}

static uint64_t tls_bits(const struct import *im)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < im->fronts.len; i++)
        bits |= im->fronts.ptr[i].tls ? UINT64_C(1) << i : 0;
    return bits;
}

/* khapgen's frontend of a TCP service has the service's name. */
static struct khap_str bind_name(const struct import *im, const struct import_line *line,
                                 struct khap_str otherwise)
{
    struct khap_str name = im->in.sections.ptr[line->section].name;
    return im->ours && khap__str_starts(name, S("khap-")) ? khap__str_sub(name, 5, name.len) : otherwise;
}

/* The services of a backend that stays as it is: one for each set of frontends. */
static void lead_to_raw(struct import *im, struct import_service *service)
{
    const struct import_section *s = &im->in.sections.ptr[service->section];
    struct khap_place place = im->in.lines.ptr[s->first].place;
    for (unsigned way = 0; service->tcp && way < 2;
         way++) { /* by addresses of its own, and by names of TLS hellos */
        struct khap_str name =
            khap__import_join(im, service->name, S("-route"), way == 0 ? S("") : S("-tls"));
        if (way == 0 ? service->binds.len == 0 : !service->passthrough)
            continue;
        for (uint32_t i = 0; way == 0 && i < service->binds.len; i++) {
            const struct import_line *line = &im->in.lines.ptr[service->binds.ptr[i]];
            struct khap_str own = bind_name(im, line, name);
            (void)khap__import_set_text(im, place, "services", own, "backend", service->name);
            (void)khap__import_set(im, place, "services", own, "mode", S("tcp"));
            (void)khap__import_set_text(im, line->place, "services", own, "bind.+", word_at(line, 1));
        }
        if (way == 1) {
            (void)khap__import_set_text(im, place, "services", name, "backend", service->name);
            (void)khap__import_set(im, place, "services", name, "mode", S("tcp"));
            (void)khap__import_set(im, place, "services", name, "tls", S("passthrough"));
            (void)set_routes(im, service, name, 0, true);
        }
    }
    if (service->tcp)
        return;
    if (service->shared && service->routes.len == 0)
        (void)khap__import_set_text(im, place, "services", khap__import_service_name(im, service->name),
                                    "backend", service->name);
    uint64_t done[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < service->routes.len && n < 64; i++) {
        uint64_t bits = service->routes.ptr[i].frontends;
        bool known = false;
        for (uint32_t k = 0; k < n; k++)
            known = known || done[k] == bits;
        if (known)
            continue;
        char room[20];
        struct khap_str name =
            khap__import_join(im, service->name, S("-route"), n == 0 ? S("") : khap__str_uint(room, n + 1));
        done[n++] = bits;
        (void)khap__import_set_text(im, place, "services", name, "backend", service->name);
        (void)set_routes(im, service, name, bits, false);
        (void)set_frontends(im, place, name, bits);
        if (service->to_https && (bits & tls_bits(im)) != 0 && (bits & ~tls_bits(im)) != 0)
            (void)khap__import_set(im, place, "services", name, "redirectHttps", S("true"));
    }
}

static void set_service(struct import *im, struct import_service *service)
{
    struct import_section *s = &im->in.sections.ptr[service->section];
    struct khap_place place = im->in.lines.ptr[s->first].place;
    bool good = true;
    if (service->tcp) {
        good = (service->binds.len > 0) != service->passthrough &&
               khap__import_set(im, place, "services", service->name, "mode", S("tcp"));
        for (uint32_t i = 0; i < service->binds.len && good; i++) {
            const struct import_line *line = &im->in.lines.ptr[service->binds.ptr[i]];
            good =
                khap__import_set_text(im, line->place, "services", service->name, "bind.+", word_at(line, 1));
        }
        if (good && service->passthrough)
            good = khap__import_set(im, place, "services", service->name, "tls", S("passthrough")) &&
                   set_routes(im, service, service->name, 0, true);
        if (!good)
            khap__import_stay(s, S("its addresses"));
        return;
    }
    uint64_t bits = 0, tls = tls_bits(im);
    for (uint32_t i = 0; i < service->routes.len; i++)
        bits |= service->routes.ptr[i].frontends;
    for (uint32_t i = 0; i < service->routes.len && good && !service->tls_only; i++)
        good = service->routes.ptr[i].frontends == bits;
    if (service->tls_only) /* what comes without TLS is only led there */
        bits &= tls;
    good = good && set_frontends(im, place, service->name, bits);
    if (good && service->to_https && (bits & tls) != 0 && (bits & ~tls) != 0)
        good = khap__import_set(im, place, "services", service->name, "redirectHttps", S("true"));
    /* by default each is redirected as soon as a certificate names hosts, as one may at any time in a bundle */
    if (good && (im->cert_hosts || im->bundled) && !service->redirected && !service->to_https &&
        (bits & tls) != 0 && (bits & ~tls) != 0)
        good = khap__import_set(im, place, "services", service->name, "redirectHttps", S("false"));
    if (!good)
        khap__import_stay(s, S("frontends lead to it in different ways"));
}

static void clear_service(struct import *im, struct import_service *service)
{
    VEC_FREE(&im->alloc, &service->servers);
}

void khap__import_backends(struct import *im)
{
    khap__import_share(im);
    khap__import_default_marks(im);
    for (uint32_t i = 0; i < im->services.len && im->failure == KHAP_OK; i++) {
        khap__import_order(im, &im->services.ptr[i]);
    }
    for (uint32_t i = 0; i < im->services.len && im->failure == KHAP_OK; i++) {
        struct import_service *service = &im->services.ptr[i];
        struct import_section *s = &im->in.sections.ptr[service->section];
        /* before all that is said of them, and of shares of them */
        if (s->raw && !service->split_only)
            lead_to_raw(im, service);
        else if (!service->tcp && !set_routes(im, service, service->name, 0, true))
            khap__import_stay(s, S("its hosts and paths"));
    }
    for (uint32_t i = 0; i < im->services.len && im->failure == KHAP_OK; i++) {
        struct import_service *service = &im->services.ptr[i];
        struct import_section *s = &im->in.sections.ptr[service->section];
        if (s->raw && !service->split_only)
            continue;
        if (!service->split_only)
            read_backend(im, service);
        set_service(im, service);
        if (s->raw)
            clear_service(im, service);
    }
    khap__import_splits(im);
    khap__import_stated(im);
    khap__import_nodes(im);
}
