/* Answers of HAProxy's own, and what it adds to those of the servers: error pages, maintenance, compression, CORS.
 * SPDX-License-Identifier: MIT */
#include "gen/gen.h"
#include "model/parts.h"

/* ---- settings ---- */

static void error_page(struct gen *g, const struct setting *page)
{
    if (g->options->bundle && page->text.ptr[0] != '/')
        SAY(g->diags, MSG_RELATIVE_IN_BUNDLE, page->place, page->text);
    khap__doc_begin(g->doc, 4, page->place);
    khap__doc_lit(g->doc, "http-error status");
    khap__doc_word(g->doc, khap__setting_name(page));
    khap__doc_lit(g->doc, "content-type 'text/html; charset=utf-8' file");
    khap__doc_word(g->doc, page->text);
    khap__doc_end(g->doc);
}

static bool has_page(const struct setting *pages, struct khap_str status)
{
    for (const struct setting *s = pages ? pages->child : NULL; s; s = s->next) {
        if (khap__str_eq(khap__setting_name(s), status))
            return true;
    }
    return false;
}

static void compression(struct gen *g, const struct service *s)
{
    static const char usual[] =
        "text/html text/plain text/css text/javascript application/javascript application/json "
        "application/xml image/svg+xml";
    if (!s->compression.own)
        return;
    struct khap_place place = s->compression.own->place;
    const struct setting *types = khap__member(s->compression, KEY_SERVICE_COMPRESSION_TYPES);
    khap__gen_line(g, 4, "compression algo gzip", place);
    khap__doc_begin(g->doc, 4, place);
    khap__doc_lit(g->doc, "compression type");
    if (!types || !types->child)
        khap__doc_lit_n(g->doc, usual, sizeof usual - 1);
    for (const struct setting *t = types ? types->child : NULL; t; t = t->next)
        khap__doc_word(g->doc, t->text);
    khap__doc_end(g->doc);
}

void khap__gen_answer_settings(struct gen *g, const struct service *s)
{
    compression(g, s);
    const struct setting *own = s->error_pages.own, *inherited = s->error_pages.inherited;
    for (const struct setting *p = own ? own->child : NULL; p; p = p->next)
        error_page(g, p);
    for (const struct setting *p = inherited ? inherited->child : NULL; p; p = p->next) {
        if (!has_page(own, khap__setting_name(p)))
            error_page(g, p);
    }
}

/* ---- maintenance ---- */

static bool maintenance_is_on(const struct service *s)
{
    const struct setting *on = khap__member(s->maintenance, KEY_SERVICE_MAINTENANCE_ENABLED);
    return s->maintenance.own && (!on || on->number);
}

void khap__gen_maintenance(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    bool by_map = g->routing == ROUTING_MAPS;
    if (!s->maintenance.own || (!by_map && !maintenance_is_on(s)))
        return;
    const struct setting *page = khap__member(s->maintenance, KEY_SERVICE_MAINTENANCE_PAGE),
                         *again = khap__member(s->maintenance, KEY_SERVICE_MAINTENANCE_RETRY_AFTER);
    khap__doc_begin(doc, 4, s->maintenance.own->place);
    khap__doc_lit(doc, "http-request return status 503 content-type 'text/html; charset=utf-8'");
    if (page) {
        if (g->options->bundle && page->text.ptr[0] != '/')
            SAY(g->diags, MSG_RELATIVE_IN_BUNDLE, page->place, page->text);
        khap__doc_lit(doc, "file");
        khap__doc_word(doc, page->text);
    } else {
        khap__doc_lit(doc, "string");
        khap__doc_word(
            doc, S("<html><body><h1>503 Service Unavailable</h1>This is being worked on.</body></html>"));
    }
    khap__doc_lit(doc, "hdr Cache-Control no-store");
    if (again) {
        khap__doc_lit(doc, "hdr Retry-After");
        khap__doc_uint(doc, (uint64_t)again->number / 1000000u);
    }
    khap__doc_lit(doc, "if");
    if (!by_map && s->admitted.n == 0)
        khap__doc_lit(doc, "TRUE"); /* HAProxy warns of rules behind one without a condition */
    if (by_map) {
        khap__doc_lit(doc, "{");
        khap__doc_part(doc, S("str("));
        khap__doc_part(doc, s->name);
        khap__doc_part(doc, S("),map(maps/maintenance.map,off)"));
        khap__doc_part_end(doc);
        khap__doc_lit(doc, "-m str on }");
    }
    if (s->admitted.n > 0)
        khap__gen_from(g, S("khap-admitted"), &s->admitted, true);
    khap__doc_end(doc);
}

void khap__gen_maintenance_map(struct gen *g)
{
    if (!g->r.model->seen[KEY_SERVICE_MAINTENANCE] || g->routing != ROUTING_MAPS)
        return;
    struct buf map;
    bool any = false;
    khap__buf_init(&map, &g->alloc);
    for (uint32_t i = 0; i < g->r.services.len && g->failure == KHAP_OK; i++) {
        struct service s;
        if (g->r.services.ptr[i].own_backend)
            continue;
        khap__arena_reset(&g->scratch);
        khap__gen_fail(g, khap__service_resolve(&g->r, i, &g->scratch, &s));
        if (g->failure != KHAP_OK || !s.maintenance.own)
            continue;
        any = true;
        khap__buf_add(&map, s.name);
        khap__buf_add(&map, maintenance_is_on(&s) ? S(" on\n") : S(" off\n"));
    }
    if (any && g->failure == KHAP_OK)
        khap__gen_fail(g, map.failed ? KHAP_ENOMEM
                                     : khap_bundle_add_file(g->bundle, S("maps/maintenance.map"),
                                                            khap__buf_str(&map), 0));
    khap__buf_free(&map);
}

/* ---- cors ---- */

static bool any_origin(const struct setting *origins)
{
    for (const struct setting *s = origins->child; s; s = s->next) {
        if (khap__is_text(s, S("*")))
            return true;
    }
    return false;
}

/* The words of a header as one word, for a log format. */
static void list_word(struct gen *g, const struct setting *list, const char *otherwise)
{
    khap__buf_clear(&g->text);
    if (!list || !list->child)
        khap__buf_add(&g->text, khap__str(otherwise));
    for (const struct setting *s = list ? list->child : NULL; s; s = s->next) {
        khap__logformat_quote(&g->text, s->text);
        if (s->next)
            khap__buf_add(&g->text, S(", "));
    }
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

void khap__gen_preflight(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    if (!s->cors.own)
        return;
    struct khap_place place = s->cors.own->place;
    const struct setting *origins = khap__member(s->cors, KEY_SERVICE_CORS_ORIGINS);
    if (any_origin(origins)) {
        khap__gen_line(g, 4, "http-request set-var(txn.origin) str(*) if { req.fhdr(Origin) -m found }",
                       place);
    } else {
        /* a line for each: HAProxy reads at most 64 words a line */
        for (const struct setting *o = origins->child; o; o = o->next) {
            khap__doc_begin(doc, 4, place);
            khap__doc_lit(doc, "http-request set-var(txn.origin) req.fhdr(Origin) if { req.fhdr(Origin)");
            size_t star = khap__str_find(o->text, '*');
            if (star == o->text.len) {
                khap__doc_lit(doc, "-m str");
                khap__doc_word(doc, o->text);
            } else { /* labels, each with its dot: nothing that a browser might take for the end of a host */
                khap__doc_lit(doc, "-m reg");
                khap__buf_clear(&g->text);
                khap__buf_char(&g->text, '^');
                khap__regex_quote(&g->text, khap__str_sub(o->text, 0, star));
                khap__buf_add(&g->text, S("([a-z0-9_-]+[.])+"));
                khap__regex_quote(&g->text, khap__str_sub(o->text, star + 2, o->text.len));
                khap__buf_char(&g->text, '$');
                khap__doc_word(doc, khap__buf_str(&g->text));
            }
            khap__doc_lit(doc, "}");
            khap__doc_end(doc);
        }
    }
    khap__gen_line(
        g, 4,
        "http-request set-var(txn.preflight) bool(true) if METH_OPTIONS { req.fhdr(Origin) -m found } { "
        "req.fhdr(Access-Control-Request-Method) -m found }",
        place);
    khap__gen_line(g, 4, "http-request return status 204 if { var(txn.preflight) -m found }", place);
}

/* One header of the answer, where the origin is allowed; `preflight`: only there. */
static void begin_header(struct gen *g, const struct service *s, const char *name)
{
    khap__doc_begin(g->doc, 4, s->cors.own->place);
    khap__doc_lit(g->doc, "http-after-response set-header");
    khap__doc_word(g->doc, khap__str(name));
}

static void end_header(struct gen *g, bool preflight)
{
    khap__doc_lit(g->doc, "if { var(txn.origin) -m found }");
    if (preflight)
        khap__doc_lit(g->doc, "{ var(txn.preflight) -m found }");
    khap__doc_end(g->doc);
}

void khap__gen_cors(struct gen *g, const struct service *s)
{
    static const char ours[][36] = {"Access-Control-Allow-Origin",   "Access-Control-Allow-Credentials",
                                    "Access-Control-Allow-Methods",  "Access-Control-Allow-Headers",
                                    "Access-Control-Expose-Headers", "Access-Control-Max-Age"};
    if (!s->cors.own)
        return;
    const struct setting *headers = khap__member(s->cors, KEY_SERVICE_CORS_HEADERS),
                         *expose = khap__member(s->cors, KEY_SERVICE_CORS_EXPOSE),
                         *age = khap__member(s->cors, KEY_SERVICE_CORS_MAX_AGE);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        khap__doc_begin(g->doc, 4, s->cors.own->place);
        khap__doc_lit(g->doc, "http-after-response del-header");
        khap__doc_word(g->doc, khap__str(ours[i]));
        khap__doc_end(g->doc);
    }
    begin_header(g, s, ours[0]);
    khap__doc_lit(g->doc, "%[var(txn.origin)]");
    end_header(g, false);
    if (khap__is_true(khap__member(s->cors, KEY_SERVICE_CORS_CREDENTIALS))) {
        begin_header(g, s, ours[1]);
        khap__doc_lit(g->doc, "true");
        end_header(g, false);
    }
    begin_header(g, s, ours[2]);
    list_word(g, khap__member(s->cors, KEY_SERVICE_CORS_METHODS), "GET, HEAD, POST, PUT, PATCH, DELETE");
    end_header(g, true);
    if (headers && headers->child) {
        begin_header(g, s, ours[3]);
        list_word(g, headers, "");
        end_header(g, true);
    }
    if (expose && expose->child) {
        begin_header(g, s, ours[4]);
        list_word(g, expose, "");
        end_header(g, false);
    }
    if (age) {
        begin_header(g, s, ours[5]);
        khap__doc_uint(g->doc, (uint64_t)age->number / 1000000u);
        end_header(g, true);
    }
    /* a cache must not give one site what was for another */
    if (!any_origin(khap__member(s->cors, KEY_SERVICE_CORS_ORIGINS)))
        khap__gen_line(g, 4, "http-after-response add-header Vary Origin", s->cors.own->place);
}
