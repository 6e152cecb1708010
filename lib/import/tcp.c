/* import/tcp.c - TCP services and TLS that is passed through. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

/* What khapgen says of a TCP frontend anyway. */
static bool is_usual(const struct import_line *line)
{
    return line->header || khap__import_begins(line, "mode tcp") == line->n ||
           khap__import_begins(line, "option tcplog") == line->n ||
           khap__import_begins(line, "log global") == line->n;
}

/* khapgen's own with `log.format: json`; it has to come out again. */
static bool is_json(const struct import *im, const struct import_line *line)
{
    return im->ours && (word_is(line, 0, "log-format") || word_is(line, 0, "error-log-format")) &&
           khap__str_starts(word_at(line, 1), S("{\"time\":%Ts.%ms,\"client\":"));
}

static bool is_inspection(const struct import_line *line)
{
    static const char *const lines[] = {"tcp-request content accept if { req_ssl_hello_type 1 }",
                                        "tcp-request content accept if { req.ssl_hello_type 1 }",
                                        "tcp-request content reject if !{ req_ssl_hello_type 1 }",
                                        "tcp-request content reject if !{ req.ssl_hello_type 1 }",
                                        "tcp-request content set-var(txn.host) req_ssl_sni,lower",
                                        "tcp-request content set-var(txn.host) req.ssl_sni,lower"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (khap__import_begins(line, lines[i]) == line->n)
            return true;
    }
    return khap__import_begins(line, "tcp-request inspect-delay") > 0;
}

/* bind ADDRESS, and no more. */
static bool is_plain_bind(const struct import_line *line)
{
    return word_is(line, 0, "bind") && (line->n == 2 || (line->n == 3 && word_is(line, 2, "v6only")) ||
                                        (line->n == 4 && word_is(line, 2, "name")));
}

static struct import_service *tcp_service(struct import *im, struct khap_str backend)
{
    struct import_service *service = khap__import_service(im, backend);
    return service != NULL && service->tcp ? service : NULL;
}

/* bind, default_backend. */
static bool simple(struct import *im, struct import_section *s)
{
    uint32_t backend = NO_SECTION;
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (line->variable || line->state != LINE_OPEN)
            return false;
        if (word_is(line, 0, "default_backend") && line->n == 2)
            backend = i;
        else if (!is_usual(line) && !is_plain_bind(line) && !is_json(im, line))
            return false;
    }
    struct import_service *service =
        backend == NO_SECTION ? NULL : tcp_service(im, im->in.lines.ptr[backend].words[1]);
    if (service == NULL)
        return false;
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        line->state = LINE_TAKEN;
        if (word_is(line, 0, "bind") && !VEC_PUSH(&im->alloc, &service->binds, i))
            khap__import_fail(im, KHAP_ENOMEM);
    }
    return true;
}

/* listen: the rest is the backend's. */
static bool listens(struct import *im, struct import_section *s)
{
    struct import_service *service = tcp_service(im, s->name);
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (line->variable || (word_is(line, 0, "bind") && !is_plain_bind(line)) ||
            word_is(line, 0, "use_backend") || word_is(line, 0, "default_backend") ||
            word_is(line, 0, "maxconn") || khap__import_begins(line, "timeout client") > 0 ||
            word_is(line, 0, "stats"))
            return false;
    }
    if (service == NULL)
        return false;
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (is_usual(line))
            line->state = LINE_TAKEN;
        if (!word_is(line, 0, "bind"))
            continue;
        line->state = LINE_TAKEN;
        if (!VEC_PUSH(&im->alloc, &service->binds, i))
            khap__import_fail(im, KHAP_ENOMEM);
    }
    return true;
}

static bool passed_hosts(struct import *im, const struct import_line *line, bool apply)
{
    struct import_condition c;
    struct import_service *service = tcp_service(im, word_at(line, 1));
    if (service == NULL || line->n < 3 || !khap__import_condition(im, line, 2, &c))
        return false;
    bool good = c.any.len > 0;
    for (uint32_t i = 0; i < c.any.len && good; i++) {
        const struct import_term *t = c.any.ptr[i].terms.ptr;
        good = c.any.ptr[i].terms.len == 1 && (t->kind == TERM_SNI || t->kind == TERM_HOST) && !t->negated;
        for (uint32_t k = 0; good && apply && k < t->n; k++) {
            struct import_route route = {.host = t->patterns[k]};
            route.label = khap__str_starts(route.host, S("?."));
            if (route.label)
                route.host =
                    khap__import_join(im, S("*"), khap__str_sub(route.host, 1, route.host.len), S(""));
            service->passthrough = true;
            if (!VEC_PUSH(&im->alloc, &service->routes, route))
                khap__import_fail(im, KHAP_ENOMEM);
        }
    }
    khap__import_condition_free(im, &c);
    return good;
}

/* Names of TLS hellos, each to a backend; what has none goes nowhere, or to what ends TLS here. */
static bool passes(struct import *im, struct import_section *s)
{
    bool ours = khap__str_eq(s->name, S("khap-sni")), any = false;
    for (uint32_t i = 0; i < im->fronts.len && !ours; i++) {
        if (im->fronts.ptr[i].tls) /* the two would share an address */
            return false;
    }
    for (int apply = 0; apply < 2; apply++) {
        for (uint32_t i = s->first; i < s->end; i++) {
            struct import_line *line = &im->in.lines.ptr[i];
            bool rule = word_is(line, 0, "use_backend");
            if (rule && khap__str_eq(word_at(line, 1), S("%[var(txn.backend)]")))
                rule = false;
            else if (rule && !passed_hosts(im, line, apply == 1))
                return false;
            else if (line->variable || (!rule && !ours && !is_usual(line) && !is_plain_bind(line) &&
                                        !is_inspection(line) && !word_is(line, 0, "acl")))
                return false;
            any = any || rule;
            if (apply == 1 && (!ours || rule || word_is(line, 0, "bind") || line->header))
                line->state = LINE_TAKEN;
        }
        if (!any && !ours)
            return false;
    }
    return true;
}

/* Where TLS is only passed through, nothing else says the addresses. */
static void set_binds(struct import *im, const struct import_section *s)
{
    bool usual = true;
    for (uint32_t i = 0; i < im->fronts.len; i++) {
        if (khap__str_eq(im->fronts.ptr[i].name, S("https")))
            return;
    }
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (word_is(line, 0, "bind"))
            usual = usual && (word_is(line, 1, ":443") || word_is(line, 1, "*:443"));
    }
    for (uint32_t i = s->first; i < s->end && !usual; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (word_is(line, 0, "bind"))
            (void)khap__import_set_top(im, line->place, "frontends.https.bind.+",
                                       khap__import_quote(im, word_at(line, 1)));
    }
}

void khap__import_tcp(struct import *im)
{
    for (uint32_t i = 0; i < im->in.sections.len && im->failure == KHAP_OK; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        if ((s->role != ROLE_FRONTEND && s->role != ROLE_LISTEN) || !s->tcp || s->raw)
            continue;
        if (khap__str_eq(s->name, S("khap-sni"))) {
            (void)khap__import_maps(im, UINT32_MAX, 0);
        }
        if (s->role == ROLE_LISTEN) {
            if (!listens(im, s))
                khap__import_stay(s, S("what it listens with, or answers"));
        } else if (!simple(im, s)) {
            if (!passes(im, s))
                khap__import_stay(s, S("what it listens with, or answers"));
            else
                set_binds(im, s);
        }
    }
}
