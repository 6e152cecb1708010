/* import/routes.c - rules that choose a backend, as hosts and paths. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

struct import_service *khap__import_service(struct import *im, struct khap_str backend)
{
    for (uint32_t i = 0; i < im->services.len; i++) {
        if (khap__str_eq(im->services.ptr[i].name, backend))
            return &im->services.ptr[i];
    }
    return NULL;
}

bool khap__import_same_route(const struct import_route *a, const struct import_route *b)
{
    return a->type == b->type && a->label == b->label && a->is_default == b->is_default &&
           khap__str_eq_nocase(a->host, b->host) && khap__str_eq(a->path, b->path) &&
           khap__str_eq(a->match, b->match);
}

/* The same of all routes that are the same, in im->value. */
static struct khap_str key_of(struct import *im, const struct import_route *route)
{
    struct buf *out = &im->value;
    khap__buf_clear(out);
    khap__buf_uint(out, route->type * 4u + route->label * 2u + route->is_default);
    khap__buf_char(out, ' ');
    khap__buf_uint(out, route->host.len);
    khap__buf_char(out, ' ');
    khap__buf_uint(out, route->path.len);
    khap__buf_char(out, ' ');
    for (size_t i = 0; i < route->host.len; i++)
        khap__buf_char(out, (char)khap__lower((unsigned char)route->host.ptr[i]));
    khap__buf_add(out, route->path);
    khap__buf_add(out, route->match);
    if (out->failed)
        khap__import_fail(im, KHAP_ENOMEM);
    return khap__buf_str(out);
}

/* The first of the routes that are this one, at most one of each service; NO_KNOWN: there is none. */
enum { NO_KNOWN = UINT32_MAX };
static uint32_t known_of(struct import *im, const struct import_route *route)
{
    uint32_t at;
    return khap__map_get(&im->known_at, key_of(im, route), &at) ? at : NO_KNOWN;
}

static void add_known(struct import *im, const struct import_route *route, struct import_known known)
{
    struct khap_str key = khap__import_dup(im, key_of(im, route));
    bool found;
    if (im->failure == KHAP_OK && !VEC_PUSH(&im->alloc, &im->known, known))
        khap__import_fail(im, KHAP_ENOMEM);
    if (im->failure == KHAP_OK)
        khap__import_fail(im, khap__map_put(&im->known_at, key, im->known.len - 1, &found,
                                            &im->known.ptr[im->known.len - 1].next));
}

/* The same route of this service. */
static struct import_route *own_route(struct import *im, const struct import_service *service,
                                      const struct import_route *route)
{
    for (uint32_t i = known_of(im, route); i != NO_KNOWN; i = im->known.ptr[i].next) {
        if (&im->services.ptr[im->known.ptr[i].service] == service)
            return &im->services.ptr[im->known.ptr[i].service].routes.ptr[im->known.ptr[i].route];
    }
    return NULL;
}

/* A route that an earlier rule of the frontend has is not reached. */
static bool is_shadowed(struct import *im, const struct import_route *route)
{
    for (uint32_t i = known_of(im, route); i != NO_KNOWN; i = im->known.ptr[i].next) {
        const struct import_known *known = &im->known.ptr[i];
        if ((im->services.ptr[known->service].routes.ptr[known->route].frontends & route->frontends) != 0)
            return true;
    }
    return false;
}

void khap__import_add_route(struct import *im, struct khap_str backend, const struct import_route *route)
{
    struct import_route own = *route;
    struct import_service *service =
        khap__import_target(im, backend, im->in.lines.ptr[route->line].section, &own);
    if (service == NULL || is_shadowed(im, route))
        return;
    struct import_route *known = own_route(im, service, route);
    if (known != NULL) {
        known->frontends |= route->frontends;
        known->mark = own.mark > 0 ? own.mark : known->mark;
        known->split = own.split > 0 ? own.split : known->split;
    } else if (VEC_PUSH(&im->alloc, &service->routes, own)) {
        add_known(
            im, route,
            (struct import_known){(uint32_t)(service - im->services.ptr), service->routes.len - 1, NO_KNOWN});
    } else {
        khap__import_fail(im, KHAP_ENOMEM);
    }
}

/* ---- what a route asks besides host and path ---- */

static void add_entry(struct buf *out, const struct import_term *t)
{
    khap__import_add_quoted(out, t->name);
    khap__buf_add(out, S(": "));
    if (t->match == MATCH_THERE) {
        khap__buf_add(out, t->negated ? S("{present: false}") : S("{present: true}"));
    } else if (t->match == MATCH_LIKE) {
        khap__buf_add(out, S("{regex: "));
        khap__import_add_quoted(out, t->patterns[0]);
        khap__buf_char(out, '}');
    } else {
        khap__import_add_quoted(out, t->patterns[0]);
    }
}

static void add_entries(struct buf *out, const struct import_and *all, uint8_t kind, const char *key)
{
    bool first = true;
    for (uint32_t i = 0; i < all->terms.len; i++) {
        if (all->terms.ptr[i].kind != kind)
            continue;
        if (first && out->len > 1)
            khap__buf_add(out, S(", "));
        khap__buf_add(out, first ? khap__str(key) : S(", "));
        add_entry(out, &all->terms.ptr[i]);
        first = false;
    }
    if (!first)
        khap__buf_char(out, '}');
}

static struct khap_str match_of(struct import *im, const struct import_and *all)
{
    struct buf out;
    struct khap_str match = {"", 0};
    khap__buf_init(&out, &im->alloc);
    khap__buf_char(&out, '{');
    for (uint32_t i = 0; i < all->terms.len; i++) {
        const struct import_term *t = &all->terms.ptr[i];
        if (t->kind != TERM_METHOD)
            continue;
        khap__buf_add(&out, S("method: ["));
        for (uint32_t k = 0; k < t->n; k++) {
            khap__buf_add(&out, k > 0 ? S(", ") : S(""));
            khap__buf_add(&out, t->patterns[k]);
        }
        khap__buf_char(&out, ']');
    }
    add_entries(&out, all, TERM_HEADER, "headers: {");
    add_entries(&out, all, TERM_QUERY, "query: {");
    if (out.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    else if (out.len > 1) {
        khap__buf_char(&out, '}');
        match = khap__import_dup(im, khap__buf_str(&out));
    }
    khap__buf_free(&out);
    return match;
}

struct asked {
    const struct import_term *host, *path;
    unsigned methods;
    uint64_t frontends;
};

/* Sorts the terms of one alternative; false when keys cannot say them. */
static bool sort_terms(const struct import *im, const struct import_and *all, uint64_t bits, bool sni,
                       struct asked *out)
{
    *out = (struct asked){.frontends = bits};
    for (uint32_t i = 0; i < all->terms.len; i++) {
        const struct import_term *t = &all->terms.ptr[i];
        if (t->negated && !((t->kind == TERM_HEADER || t->kind == TERM_QUERY) && t->match == MATCH_THERE) &&
            t->kind != TERM_TLS)
            return false;
        switch ((enum term_kind)t->kind) {
        case TERM_SNI:
        case TERM_HOST:
            if (out->host != NULL || (t->kind == TERM_SNI) != (sni && t->kind == TERM_SNI))
                return false;
            out->host = t;
            break;
        case TERM_PATH:
            if (out->path != NULL)
                return false;
            out->path = t;
            break;
        case TERM_METHOD:
            if (out->methods++ > 0)
                return false;
            break;
        case TERM_TLS:
            for (uint32_t k = 0; k < im->fronts.len; k++) {
                if (im->fronts.ptr[k].tls == t->negated)
                    out->frontends &= ~(UINT64_C(1) << k);
            }
            break;
        case TERM_HEADER:
        case TERM_QUERY:
            break;
        default:
            return false;
        }
    }
    return true;
}

static void tell_prefixes(struct import *im, const struct import_and *all, struct khap_place place)
{
    for (uint32_t i = 0; i < all->terms.len; i++) {
        const struct import_term *t = &all->terms.ptr[i];
        if (!t->differs || !im->final)
            continue;
        for (uint32_t k = 0; k < t->n; k++)
            SAY(im->diags, MSG_IMPORT_PREFIX, t->line == NO_SECTION ? place : im->in.lines.ptr[t->line].place,
                t->patterns[k]);
    }
}

/* Of a route that stands already only its mark is said. */
static void add_mark(struct import *im, struct khap_str mark, const struct import_route *route)
{
    struct khap_str name;
    uint32_t number;
    if (!khap__import_mark_of(mark, &name, &number))
        return;
    struct import_service *service = khap__import_service(im, name);
    struct import_route *own = service == NULL ? NULL : own_route(im, service, route);
    if (own != NULL)
        own->mark = number;
}

/* "khap-match:SERVICE:N:TERM" tells that the route is the Nth of its service, from 0. */
static uint32_t place_of(const struct import *im, const struct import_and *all)
{
    for (uint32_t i = 0; im->ours && i < all->terms.len; i++) {
        struct khap_str name = all->terms.ptr[i].line == NO_SECTION
                                   ? S("")
                                   : word_at(&im->in.lines.ptr[all->terms.ptr[i].line], 1);
        uint32_t number, colons = 0;
        size_t end = name.len, at;
        for (at = name.len; at > 0 && colons < 2; at--) {
            colons += name.ptr[at - 1] == ':';
            end = name.ptr[at - 1] == ':' && colons == 1 ? at - 1 : end;
        }
        if (khap__str_starts(name, S("khap-match:")) && colons == 2 &&
            khap__import_number(khap__str_sub(name, at + 1, end - at - 1), 1000000, &number))
            return number + 1;
    }
    return 0;
}

/* The routes of one alternative, each with `add`. */
static void add_alternative(struct import *im, struct khap_str backend, const struct import_and *all,
                            const struct asked *asked, uint32_t line,
                            void (*add)(struct import *im, struct khap_str backend,
                                        const struct import_route *route))
{
    struct import_route route = {
        .match = match_of(im, all), .frontends = asked->frontends, .line = line, .place = place_of(im, all)};
    static const struct khap_str none = {"", 0};
    uint32_t hosts = asked->host == NULL ? 1 : asked->host->n,
             paths = asked->path == NULL ? 1 : asked->path->n;
    for (uint32_t h = 0; h < hosts; h++) {
        struct khap_str host = asked->host == NULL ? none : asked->host->patterns[h];
        route.label = khap__str_starts(host, S("?."));
        route.host =
            route.label ? khap__import_join(im, S("*"), khap__str_sub(host, 1, host.len), S("")) : host;
        for (uint32_t p = 0; p < paths; p++) {
            route.path = asked->path == NULL ? none : asked->path->patterns[p];
            route.type = asked->path == NULL ? IMPORT_NO_PATH : asked->path->path;
            route.differs = asked->path != NULL && asked->path->differs;
            if (route.type == IMPORT_PREFIX) {
                while (route.path.len > 0 && route.path.ptr[route.path.len - 1] == '/')
                    route.path.len--;
                if (route.path.len == 0)
                    route.type = IMPORT_NO_PATH;
            }
            if (route.host.len == 0 && route.type == IMPORT_NO_PATH && route.match.len == 0)
                im->in.lines.ptr[line].ends = true;
            if (route.frontends != 0)
                add(im, backend, &route);
        }
    }
}

static bool is_helper_backend(struct khap_str name)
{
    return khap__str_eq(name, S("khap-404")) || khap__str_eq(name, S("khap-421")) ||
           khap__str_eq(name, S("khap-tls")) || khap__str_eq(name, S("khap-refuse")) ||
           khap__str_eq(name, S("khap-acme"));
}

/* The challenges of ACME go to one server, whatever else is said. */
static bool is_acme(struct import *im, uint32_t front, struct khap_str backend,
                    const struct import_condition *c)
{
    if (c->any.len != 1 || c->any.ptr[0].terms.len != 1 ||
        !khap__str_eq(im->fronts.ptr[front].name, S("http")))
        return false;
    const struct import_term *t = &c->any.ptr[0].terms.ptr[0];
    if (t->kind != TERM_PATH || t->path != IMPORT_PREFIX || t->n != 1 || t->negated ||
        !khap__str_starts(t->patterns[0], S("/.well-known/acme-challenge")))
        return false;
    uint32_t section = khap__import_find(&im->in, S("backend"), backend);
    uint32_t server = NO_SECTION;
    if (section == NO_SECTION)
        return false;
    for (uint32_t i = im->in.sections.ptr[section].first + 1; i < im->in.sections.ptr[section].end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (!word_is(line, 0, "server") || server != NO_SECTION || line->n < 3 ||
            (line->n > 3 && !word_is(line, 3, "init-addr")))
            return false;
        server = i;
    }
    if (server == NO_SECTION)
        return false;
    struct import_line *line = &im->in.lines.ptr[server];
    if (!khap__import_set_top(im, line->place, "acme.server", khap__import_quote(im, line->words[2])))
        return false;
    line->state = im->in.lines.ptr[im->in.sections.ptr[section].first].state = LINE_TAKEN;
    return true;
}

/* Many hosts times many paths are no routes that anybody wants to read: the rule says it in less. */
enum { MOST_PRODUCTS = 4096 };
static bool is_too_much(const struct import *im, const struct import_condition *c, uint64_t bits)
{
    uint64_t n = 0;
    struct asked asked;
    for (uint32_t i = 0; i < c->any.len; i++) {
        if (sort_terms(im, &c->any.ptr[i], bits, false, &asked) && asked.host != NULL && asked.path != NULL &&
            asked.host->n > 1)
            n += (uint64_t)asked.host->n * (asked.path->n - 1);
    }
    return n > MOST_PRODUCTS;
}

/* HAProxy does not start with a rule that leads nowhere; neither would what is generated. */
static bool is_there(struct import *im, struct import_line *line)
{
    struct khap_str backend = word_at(line, 1);
    if (khap__str_find(backend, '%') < backend.len ||
        khap__import_find(&im->in, S("backend"), backend) != NO_SECTION ||
        khap__import_find(&im->in, S("listen"), backend) != NO_SECTION)
        return true;
    line->state = LINE_LOST;
    SAY(im->diags, MSG_IMPORT_NO_BACKEND, line->place, backend, line->text);
    return false;
}

static bool take_rule(struct import *im, uint32_t front, uint64_t bits, uint32_t at)
{
    struct import_line *line = &im->in.lines.ptr[at];
    struct khap_str backend = word_at(line, 1);
    struct import_condition c;
    if (!is_there(im, line))
        return false;
    enum split_rule part = khap__import_split_rule(im, at, &backend);
    if (part == SPLIT_PART)
        return true;
    if (khap__str_find(backend, '%') < backend.len)
        return line->state == LINE_TAKEN || khap__import_map_rule(im, front, bits, line);
    if (khap__str_eq(backend, S("khap-421")) || khap__str_eq(backend, S("khap-refuse")))
        return true;
    if (line->n == 2) { /* nothing behind it is reached */
        struct import_route all = {.frontends = bits, .is_default = true, .line = at};
        khap__import_add_route(im, backend, &all);
        line->ends = true;
        return true;
    }
    if (!khap__import_condition(im, line, 2, &c))
        return false;
    bool good = true, acme = is_acme(im, front, backend, &c);
    struct asked asked;
    for (uint32_t i = 0; i < c.any.len && !acme; i++)
        good = good && sort_terms(im, &c.any.ptr[i], bits, false, &asked);
    good = good && !is_helper_backend(backend) && !is_too_much(im, &c, bits) &&
           (part == SPLIT_LAST || khap__import_service(im, backend) != NULL);
    for (uint32_t i = 0; i < c.any.len && good && !acme; i++) {
        if (sort_terms(im, &c.any.ptr[i], bits, false, &asked)) {
            tell_prefixes(im, &c.any.ptr[i], line->place);
            add_alternative(im, backend, &c.any.ptr[i], &asked, at, khap__import_add_route);
        }
    }
    khap__import_condition_free(im, &c);
    return good || acme;
}

/* A rule of a group: host and path are its key, "@site/path/" or "@site"; the rest is the match. */
bool khap__import_group_rule(struct import *im, const struct import_line *line, struct khap_str key,
                             uint64_t bits)
{
    struct import_condition c;
    struct asked asked;
    struct khap_str host = {"", 0}, path = key;
    uint8_t type = IMPORT_NO_PATH;
    if (khap__str_starts(key, S("@"))) {
        host = khap__str_sub(key, 1, khap__str_find(key, '/') - 1);
        path = khap__str_sub(key, host.len + 1, key.len);
    }
    if (path.len > 0) {
        bool exact = khap__str_ends(path, S("/?"));
        type = exact ? IMPORT_EXACT : IMPORT_PREFIX;
        path.len -= exact ? 2 : 1;
        if (path.len == 0)
            path = S("/");
    }
    if (!khap__import_condition(im, line, 2, &c))
        return false;
    bool good = c.any.len == 1 && sort_terms(im, &c.any.ptr[0], bits, false, &asked) && asked.host == NULL &&
                (asked.path == NULL || path.len == 0);
    struct import_term terms[2] = {{.kind = TERM_HOST, .patterns = &host, .n = 1},
                                   {.kind = TERM_PATH, .path = type, .patterns = &path, .n = 1}};
    if (good) {
        asked.host = host.len > 0 ? &terms[0] : NULL;
        asked.path = path.len > 0 ? &terms[1] : asked.path;
        add_alternative(im, line->words[1], &c.any.ptr[0], &asked, im->in.sections.ptr[line->section].first,
                        khap__import_add_route);
    }
    khap__import_condition_free(im, &c);
    return good;
}

/* Its bits: one section may be two frontends of the map. */
static uint64_t bits_of(const struct import *im, uint32_t section, uint32_t *first)
{
    uint64_t bits = 0;
    for (uint32_t i = im->fronts.len; i-- > 0;) {
        if (im->fronts.ptr[i].section == section) {
            bits |= UINT64_C(1) << i;
            *first = i;
        }
    }
    return bits;
}

/* What the frontend does to requests that khapgen's does anyway. */
bool khap__import_is_forwarding(const struct import_line *line)
{
    static const char *const rules[] = {"http-request set-header", "http-request add-header",
                                        "http-request del-header", "reqadd", "reqset"};
    if (khap__import_begins(line, "option forwardfor") == line->n)
        return true;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        uint32_t n = khap__import_begins(line, rules[i]);
        struct khap_str name = word_at(line, n);
        if (n == 0)
            continue;
        if (n == 1) /* reqadd: `Name: value` in one word */
            name = khap__str_sub(name, 0, khap__str_find(name, ':'));
        bool proto = khap__str_eq_nocase(name, S("X-Forwarded-Proto"));
        if (!proto)
            return khap__str_eq_nocase(name, S("X-Forwarded-For")) &&
                   khap__str_starts(word_at(line, 1), S("del-")) && line->n == n + 1;
        for (uint32_t k = n + 2; k < line->n; k++) {
            if (word_is(line, k, "src") || khap__str_starts(line->words[k], S("!khap-")))
                return false;
        }
        struct khap_str value = n == 1 ? word_at(line, n) : word_at(line, n + 1);
        return khap__str_ends(value, S("http")) || khap__str_ends(value, S("https")) ||
               khap__str_eq(value, S("%[ssl_fc,iif(https,http)]"));
    }
    return false;
}

/* redirect scheme https [code N] if !{ ssl_fc } [hosts] */
static bool take_redirect(struct import *im, struct import_line *line, uint64_t bits)
{
    uint32_t at = word_is(line, 0, "redirect") ? 1 : khap__import_begins(line, "http-request redirect");
    struct import_condition c;
    if (at == 0 || !word_is(line, at, "scheme") || !word_is(line, at + 1, "https"))
        return false;
    at += 2;
    if (word_is(line, at, "code"))
        at += 2;
    bool plain_only = true;
    for (uint32_t i = 0; i < im->fronts.len; i++)
        plain_only = plain_only && ((bits >> i & 1) == 0 || !im->fronts.ptr[i].tls);
    if (!khap__import_condition(im, line, at, &c))
        return false;
    bool all = c.any.len == 0
                   ? plain_only
                   : c.any.len == 1 && c.any.ptr[0].terms.len == 1 &&
                         c.any.ptr[0].terms.ptr[0].kind == TERM_TLS && c.any.ptr[0].terms.ptr[0].negated;
    khap__import_condition_free(im, &c);
    bool https = false;
    for (uint32_t i = 0; i < im->fronts.len; i++)
        https = https || im->fronts.ptr[i].tls;
    if (!all || !https)
        return false;
    for (uint32_t i = 0; i < im->services.len; i++)
        im->services.ptr[i].to_https = true;
    if (im->final)
        SAY(im->diags, MSG_IMPORT_REDIRECT, line->place, line->text);
    return true;
}

/* Whose X-Forwarded-For is kept: del-header … if !{ src … } */
static bool take_trust(struct import *im, struct import_line *line)
{
    struct import_condition c;
    if (khap__import_begins(line, "http-request del-header X-Forwarded-For if") == 0 ||
        !khap__import_condition(im, line, 3, &c))
        return false;
    bool good = c.any.len == 1,
         known = im->trusted; /* the same in all frontends: what is not is seen when they are compared */
    for (uint32_t i = 0; good && i < c.any.ptr[0].terms.len; i++) {
        const struct import_term *t = &c.any.ptr[0].terms.ptr[i];
        good = t->kind == TERM_SRC && t->negated;
        for (uint32_t k = 0; good && !known && k < t->n; k++) {
            im->trusted = true;
            good = khap__import_set_top(im, line->place, "forwarded.trust.+",
                                        khap__import_quote(im, t->patterns[k]));
        }
    }
    khap__import_condition_free(im, &c);
    if (good)
        line->state = LINE_CLAIMED;
    return good;
}

/* Hosts that certificates of one file are for: set-var(txn.secure) … { var(txn.host) -m str … } */
static bool take_secure(struct import *im, struct import_line *line)
{
    struct import_condition c;
    if (khap__import_begins(line, "http-request set-var(txn.secure) bool(true)") == 0)
        return false;
    line->state = LINE_CLAIMED;
    if (im->cert_hosts && im->secure_of != line->section)
        return true;
    if (!khap__import_condition(im, line, 3, &c))
        return false;
    bool good = c.any.len == 1 && c.any.ptr[0].terms.len == 1 && c.any.ptr[0].terms.ptr[0].kind == TERM_HOST;
    for (uint32_t k = 0; good && k < c.any.ptr[0].terms.ptr[0].n; k++) {
        im->cert_hosts = true;
        im->secure_of = line->section;
        good = khap__import_set_top(im, line->place, "certs.0.hosts.+",
                                    khap__import_quote(im, c.any.ptr[0].terms.ptr[0].patterns[k]));
    }
    khap__import_condition_free(im, &c);
    return good;
}

/* http-request set-var(txn.backend) str(SERVICE/NUMBER) [if …] of one file: a route's mark, or none. */
static void take_marks(struct import *im, const struct import_section *s, uint64_t bits)
{
    for (uint32_t i = s->first; im->ours && i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        struct khap_str word = word_at(line, 2);
        struct import_condition c;
        struct import_route all = {.frontends = bits, .is_default = true};
        struct asked asked;
        if (line->state != LINE_OPEN || !khap__str_starts(word, S("str(")) ||
            khap__import_begins(line, "http-request set-var(txn.backend)") == 0 ||
            !khap__import_condition(im, line, 3, &c))
            continue;
        line->state = LINE_CLAIMED;
        word = khap__str_sub(word, 4, word.len - 5);
        if (c.any.len == 0)
            add_mark(im, word, &all);
        for (uint32_t k = 0; k < c.any.len; k++) {
            if (sort_terms(im, &c.any.ptr[k], bits, false, &asked))
                add_alternative(im, word, &c.any.ptr[k], &asked, i, add_mark);
        }
        khap__import_condition_free(im, &c);
    }
}

static void routes_of(struct import *im, uint32_t section)
{
    struct import_section *s = &im->in.sections.ptr[section];
    uint32_t front = 0, fallback = NO_SECTION;
    uint64_t bits = bits_of(im, section, &front);
    if (bits == 0)
        return;
    im->in.lines.ptr[s->first].state = LINE_TAKEN;
    if (s->meant && im->final)
        SAY(im->diags, MSG_IMPORT_MODE, im->in.lines.ptr[s->first].place, s->kind, s->name);
    (void)khap__import_maps(im, front, bits);
    for (uint32_t i = s->first + 1; i < s->end && im->failure == KHAP_OK; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (line->variable || line->state != LINE_OPEN)
            continue;
        if (word_is(line, 0, "use_backend")) {
            if (take_rule(im, front, bits, i) && line->state == LINE_OPEN)
                line->state = LINE_TAKEN;
        } else if (word_is(line, 0, "default_backend")) {
            fallback = is_there(im, line) ? i : fallback;
        } else if (take_trust(im, line) || take_secure(im, line)) {
            continue;
        } else if (khap__import_is_forwarding(line) || take_redirect(im, line, bits)) {
            line->state = LINE_TAKEN;
        } else if (word_is(line, 0, "mode")) {
            line->state = LINE_TAKEN;
        } else if (word_is(line, 0, "type") &&
                   word_is(line, 1, "http")) { /* nobody ever knew it; it is meant well */
            line->state = LINE_TAKEN;
        } else if (word_is(line, 0, "maxconn") &&
                   khap__import_set(im, line->place, "frontends", im->fronts.ptr[front].name, "maxconn",
                                    word_at(line, 1))) {
            line->state = LINE_TAKEN;
        }
    }
    struct import_route all = {
        .frontends = bits, .is_default = true, .line = fallback != NO_SECTION ? fallback : s->first};
    if (fallback != NO_SECTION) {
        struct khap_str backend = word_at(&im->in.lines.ptr[fallback], 1);
        im->in.lines.ptr[fallback].state = LINE_TAKEN;
        (void)khap__import_split_rule(im, fallback, &backend);
        khap__import_add_route(im, backend, &all);
    } else if (s->role == ROLE_LISTEN) {
        khap__import_add_route(im, s->name, &all);
    }
    take_marks(im, s, bits);
}

/* An `acl` is said with the rules that name it; one that a line left over names stays with that. */
static bool acl_needed(const struct import *im, const struct import_section *s, struct khap_str name)
{
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (line->state != LINE_OPEN || word_is(line, 0, "acl"))
            continue;
        for (uint32_t k = 1; k < line->n; k++) {
            struct khap_str word = line->words[k];
            while (khap__str_starts(word, S("!")))
                word = khap__str_sub(word, 1, word.len);
            if (khap__str_eq(word, name))
                return true;
        }
    }
    return false;
}

void khap__import_take_acls(struct import *im, const struct import_section *s)
{
    for (uint32_t k = s->first; k < s->end; k++) {
        struct import_line *line = &im->in.lines.ptr[k];
        if (word_is(line, 0, "acl") && line->state == LINE_OPEN && !acl_needed(im, s, word_at(line, 1)))
            line->state = LINE_TAKEN;
    }
}

/* How specific a host or a path is to a map: none, wildcards and prefixes by their length, then the exact ones. */
static size_t rank(struct khap_str text, bool exact)
{
    return text.len == 0 ? 0 : exact ? SIZE_MAX : text.len;
}

/* Whether a map asks for `b` first, where both may fit. */
static bool wins(const struct import_route *b, const struct import_route *a)
{
    size_t host_a = rank(a->host, !khap__str_starts(a->host, S("*"))),
           host_b = rank(b->host, !khap__str_starts(b->host, S("*")));
    if (host_a == host_b && !khap__str_eq_nocase(a->host, b->host))
        return false;
    return host_b > host_a || (host_a == host_b && rank(b->path, b->type == IMPORT_EXACT) >
                                                       rank(a->path, a->type == IMPORT_EXACT));
}

/* Hosts and paths alone are asked for afterwards; a rule that asks for more has to stand behind what is more specific here already. */
static bool matches_in_order(const struct import *im, uint64_t bits)
{
    for (uint32_t i = 0; i < im->services.len && !im->ours; i++) {
        for (uint32_t k = 0; k < im->services.ptr[i].routes.len; k++) {
            const struct import_route *a = &im->services.ptr[i].routes.ptr[k];
            if (a->match.len == 0 || (a->frontends & bits) == 0)
                continue;
            for (uint32_t j = 0; j < im->services.len; j++) {
                for (uint32_t n = 0; n < im->services.ptr[j].routes.len && j != i; n++) {
                    const struct import_route *b = &im->services.ptr[j].routes.ptr[n];
                    if ((b->frontends & a->frontends & bits) != 0 && b->line > a->line && !b->is_default &&
                        wins(b, a))
                        return false;
                }
            }
        }
    }
    return true;
}

void khap__import_routes(struct import *im)
{
    for (uint32_t i = 0; i < im->in.sections.len && im->failure == KHAP_OK; i++) {
        const struct import_section *s = &im->in.sections.ptr[i];
        if ((s->role == ROLE_FRONTEND || s->role == ROLE_LISTEN) && s->as.len > 0) {
            uint32_t front;
            routes_of(im, i);
            if (!s->raw && !matches_in_order(im, bits_of(im, i, &front)))
                khap__import_stay(&im->in.sections.ptr[i], S("the order of its rules"));
            if (s->role == ROLE_FRONTEND)
                khap__import_take_acls(im, s);
        }
    }
    khap__import_redirects(im);
}
