/* import/compare.c - the map is generated again, and both configurations are asked. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"
#include "value/address.h"

enum { MOST_HOSTS = 4000, MOST_PATHS = 24 };

/* What does not go together in the map stays as it is: the section whose line asked for it. */
static void blame(struct import *im, const struct khap_diags *tried)
{
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(tried, d)) != NULL;) {
        struct khap_place place = khap_diag_place(d);
        for (uint32_t i = 0; khap_diag_severity(d) == KHAP_ERROR && place.source != 0 && i < im->in.lines.len;
             i++) {
            const struct import_line *line = &im->in.lines.ptr[i];
            struct import_section *s = &im->in.sections.ptr[line->section];
            if (line->place.source == place.source && line->place.offset == place.offset &&
                s->role >= ROLE_FRONTEND && s->role <= ROLE_LISTEN && !khap__str_starts(s->name, S("khap-")))
                khap__import_stay(s, line->text);
        }
    }
}

/* The one that is there, or nothing: what is generated here is only looked at. */
static enum khap_status placeholder(void *ctx, struct khap_str name, struct khap_str *pem)
{
    const struct import *im = ctx;
    const struct khap_bundle_file *file = NULL;
    enum khap_status status = khap_bundle_side(im->bundle, name, &file);
    *pem = status == KHAP_OK ? khap_bundle_file_text(file) : S("");
    return status == KHAP_ENOMEM ? status : KHAP_OK;
}

/* Releases that can do it, and one file or several: the first way that works. */
static enum khap_status generate(struct import *im, struct khap_target *target, struct khap_bundle **out)
{
    enum khap_status status = KHAP_EINPUT;
    for (unsigned way = 0; way < 4 && status == KHAP_EINPUT; way++) {
        struct khap_generate_options options;
        struct khap_diags *tried = NULL;
        bool newest = way >= 2;
        khap_generate_options_init(&options);
        options.target = im->options->target;
        options.files = im->options->files;
        options.placeholder = placeholder;
        options.placeholder_ctx = im;
        if (newest)
            options.target.first = options.target.last = im->options->target.last;
        options.bundle = im->bundled == (way % 2 == 0) ? 1 : 0;
        *target = options.target;
        status = khap_diags_new(&im->alloc, im->sources, &tried);
        if (status == KHAP_OK)
            status = khap_generate(im->model, &options, tried, out);
        if (status == KHAP_EINPUT && way == 3 && im->final) {
            SAY0(im->diags, MSG_IMPORT_REFUSED, NOWHERE);
            for (const struct khap_diag *d = NULL;
                 im->diags != NULL && (d = khap_diags_next(tried, d)) != NULL;)
                khap__diags_copy(im->diags, d);
        }
        if (status == KHAP_EINPUT && way == 3 && !im->final)
            blame(im, tried);
        khap_diags_free(tried);
    }
    return status;
}

/* ---- questions ---- */

struct pair {
    struct import *im;
    struct khap_route *before, *after;
    bool alike;
};

static bool is_nothing(const struct khap_route_outcome *o)
{
    return o->kind != KHAP_ROUTE_REDIRECT &&
           (o->status == 404 || o->status == 503 || o->status == 400 || o->status == 421) &&
           (o->backend.len == 0 || khap__str_starts(o->backend, S("khap-")));
}

static bool same_outcome(const struct khap_route_outcome *a, const struct khap_route_outcome *b)
{
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    if (a->kind == KHAP_ROUTE_REDIRECT ||
        b->kind == KHAP_ROUTE_REDIRECT) /* both to https, with another status perhaps */
        return a->kind == b->kind;
    return a->kind == b->kind && khap__str_eq(a->backend, b->backend);
}

static bool is_refusal(const struct khap_route_outcome *o)
{
    return o->kind == KHAP_ROUTE_DENIED || o->kind == KHAP_ROUTE_CLOSED;
}

/* Whether each of the things that may happen may happen there, too. Who may come is not asked: a refusal may come before or behind a redirect. */
static bool covered(const struct khap_route_answer *a, const struct khap_route_answer *b)
{
    struct khap_route_outcome one = {.size = sizeof one}, other = {.size = sizeof other};
    bool only_refused = true;
    for (size_t i = 0; khap_route_outcome_at(a, i, &one) == KHAP_OK; i++)
        only_refused = only_refused && is_refusal(&one);
    for (size_t i = 0; khap_route_outcome_at(a, i, &one) == KHAP_OK; i++) {
        bool found = is_refusal(&one) && !only_refused;
        for (size_t k = 0; !found && khap_route_outcome_at(b, k, &other) == KHAP_OK; k++)
            found = same_outcome(&one, &other);
        if (!found)
            return false;
    }
    return true;
}

static struct khap_str said(const struct khap_route_outcome *o)
{
    return o->kind == KHAP_ROUTE_REDIRECT ? S("a redirect")
           : is_nothing(o)                ? S("nobody")
           : o->backend.len > 0           ? o->backend
                                          : S("an answer of HAProxy's own");
}

static void tell(struct pair *p, const struct khap_route_answer *a, const struct khap_route_answer *b,
                 struct khap_str url, uint32_t section)
{
    struct khap_route_outcome one = {.size = sizeof one}, other = {.size = sizeof other};
    struct import *im = p->im;
    p->alike = false;
    if (khap_route_outcome_at(a, 0, &one) != KHAP_OK || khap_route_outcome_at(b, 0, &other) != KHAP_OK)
        return;
    if (!im->final && !im->in.sections.ptr[section].raw)
        SAY(im->diags, MSG_IMPORT_ROUTE, im->in.lines.ptr[im->in.sections.ptr[section].first].place,
            im->in.sections.ptr[section].name, url, said(&one), said(&other));
}

/* One request to both; false ends the questions about this frontend. */
static bool ask(struct pair *p, uint32_t section, struct khap_str url, struct khap_str host)
{
    const struct khap_route_header header = {
        S("Host"), host}; /* without a port, which rules for hosts do not think of */
    struct khap_route_answer *a = NULL, *b = NULL;
    struct khap_route_request request;
    khap_route_request_init(&request);
    request.url = url;
    request.headers = &header;
    request.n_headers = 1;
    enum khap_status status = khap_route_ask(p->before, &request, &a);
    if (status == KHAP_OK)
        status = khap_route_ask(p->after, &request, &b);
    bool same = true;
    if (status == KHAP_OK)
        same = covered(a, b) && covered(b, a);
    else if (status != KHAP_EINPUT)
        khap__import_fail(p->im, status);
    if (!same)
        tell(p, a, b, url, section);
    khap_route_answer_free(a);
    khap_route_answer_free(b);
    return same && p->im->failure == KHAP_OK;
}

static bool ask_host(struct pair *p, const struct import_front *front, struct khap_str port,
                     struct khap_str host)
{
    static const char *const usual[] = {"/", "/khap-unknown", "/a/b"};
    struct import *im = p->im;
    struct khap_str begin = khap__import_join(im, front->tls ? S("https://") : S("http://"), host, port);
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        if (!ask(p, front->section, khap__import_join(im, begin, khap__str(usual[i]), S("")), host))
            return false;
    }
    for (uint32_t i = 0; i < im->services.len; i++) {
        for (uint32_t k = 0; k < im->services.ptr[i].routes.len && n < MOST_PATHS; k++) {
            const struct import_route *r = &im->services.ptr[i].routes.ptr[k];
            bool mine =
                r->host.len == 0 || khap__str_eq_nocase(r->host, host) ||
                (r->host.ptr[0] == '*' && khap__str_ends(host, khap__str_sub(r->host, 1, r->host.len)));
            if (!mine || (r->type != IMPORT_EXACT && r->type != IMPORT_PREFIX))
                continue;
            struct khap_str path = khap__import_join(im, begin, r->path, S(""));
            n++;
            if ((!r->differs && !ask(p, front->section, path, host)) ||
                !ask(p, front->section, khap__import_join(im, path, S("/x"), S("")), host))
                return false;
        }
    }
    return true;
}

/* ":8443", from its first address. */
static struct khap_str port_of(struct import *im, const struct import_front *front)
{
    const struct import_section *s = &im->in.sections.ptr[front->section];
    uint32_t sni = khap__import_find(&im->in, S("frontend"), S("khap-sni"));
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t i = s->first; i < s->end; i++) {
            const struct import_line *line = &im->in.lines.ptr[i];
            struct address address;
            struct khap_str first = word_at(line, 1);
            bool tls = pass == 1;
            for (uint32_t k = 2; k < line->n && !tls; k++)
                tls = word_is(line, k, "ssl");
            first.len = khap__str_find(first, ',');
            if (!word_is(line, 0, "bind") || tls != front->tls ||
                khap__address_parse(first, &address) != VALUE_OK || !address.has_port || address.port == 0)
                continue;
            char room[20];
            return khap__import_join(im, S(":"), khap__str_uint(room, address.port), S(""));
        }
        if (sni == NO_SECTION || !front->tls)
            break;
        s = &im->in.sections.ptr[sni];
    }
    return (struct khap_str){"", 0};
}

static void ask_front(struct pair *p, uint32_t index)
{
    struct import *im = p->im;
    const struct import_front *front = &im->fronts.ptr[index];
    struct khap_str port = port_of(im, front);
    uint32_t hosts = 0;
    bool good = port.len > 0 && ask_host(p, front, port, S("khap-unknown.example"));
    for (uint32_t i = 0; good && i < im->services.len; i++) {
        for (uint32_t k = 0; good && k < im->services.ptr[i].routes.len && hosts < MOST_HOSTS; k++) {
            struct khap_str host = im->services.ptr[i].routes.ptr[k].host;
            if (host.len == 0)
                continue;
            hosts++;
            if (!khap__str_starts(host, S("*"))) {
                good = ask_host(p, front, port, host);
                continue;
            }
            struct khap_str suffix = khap__str_sub(host, 1, host.len);
            good = ask_host(p, front, port, khap__import_join(im, S("a"), suffix, S(""))) &&
                   ask_host(p, front, port, khap__import_join(im, S("a.b"), suffix, S(""))) &&
                   ask_host(p, front, port, khap__str_sub(suffix, 1, suffix.len));
        }
    }
    if (!good && im->failure == KHAP_OK && port.len > 0)
        khap__import_stay(&im->in.sections.ptr[front->section], S("the order of its rules"));
}

static void ask_all(struct import *im, struct khap_bundle *made, const struct khap_target *target)
{
    struct pair p = {.im = im, .alike = true};
    struct khap_route_options options;
    struct khap_target newest = *target;
    khap_route_options_init(&options);
    options.facts = im->options->facts;
    options.files = im->options->files;
    newest.first = newest.last;
    enum khap_status status = khap_route_new(&im->alloc, im->bundle, &im->target, &options, NULL, &p.before);
    if (status == KHAP_OK)
        status = khap_route_new(&im->alloc, made, &newest, &options, NULL, &p.after);
    khap__import_fail(im, status);
    for (uint32_t i = 0; i < im->fronts.len && im->failure == KHAP_OK; i++) {
        if (!im->in.sections.ptr[im->fronts.ptr[i].section].raw &&
            !im->in.sections.ptr[im->fronts.ptr[i].section].meant)
            ask_front(&p, i);
    }
    khap_route_free(p.before);
    khap_route_free(p.after);
}

static uint32_t raw_sections(const struct import *im)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < im->in.sections.len; i++)
        n += im->in.sections.ptr[i].raw;
    return n;
}

/* The sections that stay as they are stand in the map before it is generated: names and addresses must not meet. */
bool khap__import_compare(struct import *im)
{
    struct khap_bundle *bundle = NULL;
    struct khap_target target = im->options->target;
    struct config made = {{NULL, 0, 0}, {NULL, 0, 0}};
    uint32_t raw = raw_sections(im);
    khap__import_keep_sections(im);
    enum khap_status status = im->failure != KHAP_OK ? im->failure : generate(im, &target, &bundle);
    if (status == KHAP_EINPUT && raw_sections(im) != raw)
        return false;
    if (status == KHAP_EINPUT) { /* nothing is the same then */
        khap__import_keep(im, &made);
        return raw_sections(im) == raw;
    }
    struct khap_target newest = target;
    newest.first = newest.last;
    if (status == KHAP_OK)
        status = khap__import_read(im, bundle, &newest, false, &made);
    khap__import_fail(im, status);
    if (im->failure == KHAP_OK)
        khap__import_keep(im, &made);
    khap__import_config_free(im, &made);
    khap_bundle_free(bundle);
    bundle = NULL;
    if (im->failure != KHAP_OK || raw_sections(im) != raw)
        return im->failure != KHAP_OK;
    status = generate(im, &target, &bundle);
    if (status != KHAP_OK && status != KHAP_EINPUT)
        khap__import_fail(im, status);
    if (status == KHAP_OK)
        ask_all(im, bundle, &target);
    khap_bundle_free(bundle);
    return im->failure != KHAP_OK || raw_sections(im) == raw;
}
