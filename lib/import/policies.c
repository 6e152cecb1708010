/* import/policies.c - lines of a backend that keys of a service say. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/policies.h"

/* The rule is one route's own. */
static bool set_of_route(const struct policy *p, const char *key, struct khap_str yaml)
{
    char room[20];
    struct import *im = p->im;
    struct khap_str path = khap__import_join(im, S("routes."), khap__str_uint(room, p->route), S("."));
    path = khap__import_join(im, path, khap__str(key), (struct khap_str){"", 1});
    struct import_stated *stated = khap__import_state(im, p->mark->service, p->mark->number, key);
    if (im->failure != KHAP_OK || stated == NULL)
        return false;
    stated->said = khap__import_set(im, p->line->place, "services", p->mark->service, path.ptr, yaml);
    return stated->said;
}

bool khap__policy_set(const struct policy *p, const char *key, struct khap_str yaml)
{
    if (p->mark != NULL && p->mark->number > 0)
        return set_of_route(p, key, yaml);
    if (p->mark != NULL)
        khap__import_left_out(p->im, p->mark, key);
    if (p->shared) {
        struct khap_str path =
            khap__import_join(p->im, S("serviceDefaults."), khap__str(key), (struct khap_str){"", 1});
        return p->im->failure == KHAP_OK && khap__import_set_top(p->im, p->line->place, path.ptr, yaml);
    }
    return khap__import_set(p->im, p->line->place, "services", p->service->name, key, yaml);
}
bool khap__policy_text(const struct policy *p, const char *key, struct khap_str text)
{
    return khap__policy_set(p, key, khap__import_quote(p->im, text));
}
bool khap__policy_claim(const struct policy *p, bool good)
{
    p->line->state = good ? LINE_CLAIMED : p->line->state;
    return good;
}

/* ---- settings ---- */

static bool take_mode(struct policy *p)
{
    (void)p;
    return true;
}

static struct khap_str rest_of(const struct policy *p, uint32_t from)
{
    struct khap_str text = word_at(p->line, from);
    for (uint32_t i = from + 1; i < p->line->n; i++)
        text = khap__import_join(p->im, text, S(" "), p->line->words[i]);
    return text;
}

/* With `hash-type consistent` it is `hash`. */
static bool take_balance(struct policy *p)
{
    const struct import_section *s = &p->im->in.sections.ptr[p->service->section];
    struct khap_str name = word_at(p->line, 1);
    bool consistent = false;
    for (uint32_t i = s->first; i < s->end; i++)
        consistent = consistent || khap__import_begins(&p->im->in.lines.ptr[i], "hash-type consistent") ==
                                       p->im->in.lines.ptr[i].n;
    p->service->has_balance = true;
    if (!consistent)
        return khap__str_eq(rest_of(p, 1), S("roundrobin")) || khap__policy_text(p, "balance", rest_of(p, 1));
    if (khap__str_eq(name, S("source")) && p->line->n == 2)
        return khap__policy_claim(p, khap__policy_set(p, "hash.by", S("source")));
    if (khap__str_eq(name, S("uri")) &&
        (p->line->n == 2 || (p->line->n == 3 && word_is(p->line, 2, "path-only"))))
        return khap__policy_set(p, "hash.by", S("uri"));
    if (khap__str_starts(name, S("hdr(")) && p->line->n == 2)
        return khap__policy_claim(p,
                                  khap__policy_text(p, "hash.header", khap__str_sub(name, 4, name.len - 5)));
    struct khap_str cookie = word_at(p->line, 2);
    if (khap__str_eq(name, S("hash")) && p->line->n == 3 && khap__str_starts(cookie, S("req.cook(")))
        return khap__policy_claim(
            p, khap__policy_text(p, "hash.cookie", khap__str_sub(cookie, 9, cookie.len - 10)));
    return false;
}

static bool take_cookie(struct policy *p)
{
    const struct import_line *line = p->line;
    bool good, indirect = false, nocache = false, insert = false;
    bool mode = false;
    if (line->n > 3 && word_is(line, line->n - 1, "dynamic"))
        return false; /* the file that its key came from is not known; servers have no words of it */
    good = khap__policy_text(p, "cookie.name", word_at(line, 1));
    for (uint32_t i = 2; i < line->n && good; i++) {
        struct khap_str w = line->words[i];
        if (khap__str_eq(w, S("insert")) || khap__str_eq(w, S("prefix")) || khap__str_eq(w, S("rewrite"))) {
            insert = khap__str_eq(w, S("insert"));
            mode = true;
            good = insert || khap__policy_set(p, "cookie.mode", w);
        } else if (khap__str_eq(w, S("indirect"))) {
            indirect = true;
        } else if (khap__str_eq(w, S("nocache"))) {
            nocache = true;
        } else if (khap__str_eq(w, S("httponly"))) {
            good = khap__policy_set(p, "cookie.httponly", S("true"));
        } else if (khap__str_eq(w, S("secure"))) {
            good = khap__policy_set(p, "cookie.secure", S("true"));
        } else if (khap__str_eq(w, S("maxidle")) && i + 1 < line->n) {
            good = khap__policy_set(p, "cookie.maxidle", line->words[++i]);
        } else if (khap__str_eq(w, S("maxlife")) && i + 1 < line->n) {
            good = khap__policy_set(p, "cookie.maxlife", line->words[++i]);
        } else {
            good = false;
        }
    }
    if (good && indirect != insert)
        good = khap__policy_set(p, "cookie.indirect", indirect ? S("true") : S("false"));
    if (good && nocache != insert)
        good = khap__policy_set(p, "cookie.nocache", nocache ? S("true") : S("false"));
    if (!good || !mode)
        khap__import_stay(&p->im->in.sections.ptr[p->service->section],
                          line->text); /* servers have its words, too */
    return good && mode;
}

static bool take_timeout(struct policy *p)
{
    static const char *const keys[] = {"connect", "server", "queue", "tunnel"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (word_is(p->line, 1, keys[i])) {
            struct khap_str key =
                khap__import_join(p->im, S("timeouts."), khap__str(keys[i]), (struct khap_str){"", 1});
            return p->line->n == 3 && p->im->failure == KHAP_OK &&
                   khap__policy_set(p, key.ptr, p->line->words[2]);
        }
    }
    return false;
}

/* http-request set-timeout server 7s, of a route */
static bool take_route_timeout(struct policy *p)
{
    struct khap_str key =
        khap__import_join(p->im, S("timeouts."), word_at(p->line, 2), (struct khap_str){"", 1});
    return p->mark != NULL && p->line->n == 4 && p->im->failure == KHAP_OK &&
           khap__policy_set(p, key.ptr, p->line->words[3]);
}

static bool take_retries(struct policy *p)
{
    return p->line->n == 2 && khap__policy_set(p, "retries", p->line->words[1]);
}

static bool take_retry_on(struct policy *p)
{
    const struct import_section *s = &p->im->in.sections.ptr[p->service->section];
    bool good = p->line->n > 1;
    for (uint32_t i = s->first; i < s->end; i++) /* the last one counts */
        good =
            good && (&p->im->in.lines.ptr[i] == p->line || !word_is(&p->im->in.lines.ptr[i], 0, "retry-on"));
    for (uint32_t i = 1; i < p->line->n && good; i++)
        good = khap__policy_text(p, "retryOn.+", p->line->words[i]);
    return good;
}

/* ---- checks ---- */

static struct khap_str first_host(const struct import_service *service)
{
    for (unsigned pass = 0; pass < 2; pass++) { /* `hosts` come before `routes` */
        for (uint32_t i = 0; i < service->routes.len; i++) {
            const struct import_route *r = &service->routes.ptr[i];
            bool alone = r->type == IMPORT_NO_PATH && r->match.len == 0;
            if (r->host.len > 0 && r->host.ptr[0] != '*' && alone == (pass == 0))
                return r->host;
        }
    }
    return (struct khap_str){"", 0};
}

static bool set_check_host(struct policy *p, struct khap_str host)
{
    return khap__str_eq(first_host(p->service), host) || khap__policy_text(p, "check.host", host);
}

static const struct import_line *check_send(const struct policy *p)
{
    const struct import_section *s = &p->im->in.sections.ptr[p->service->section];
    for (uint32_t i = s->first; i < s->end; i++) {
        if (khap__import_begins(&p->im->in.lines.ptr[i], "http-check send") > 0)
            return &p->im->in.lines.ptr[i];
    }
    return NULL;
}

/* option httpchk [METHOD] [URI] [VERSION]; a Host may stand behind the version. */
static bool take_httpchk(struct policy *p)
{
    struct import_line *line = p->line;
    p->service->has_check_line = true;
    if (line->n == 2)
        return check_send(p) != NULL || (khap__policy_set(p, "check.type", S("http")) &&
                                         khap__policy_set(p, "check.method", S("OPTIONS")));
    struct khap_str method = word_at(line, 2), uri = word_at(line, 3), version = word_at(line, 4);
    if (line->n == 3) {
        uri = method;
        method = S("OPTIONS");
    }
    if (line->n > 5 || !khap__str_starts(uri, S("/")))
        return false;
    if (!khap__str_eq(method, S("GET")) && !khap__policy_text(p, "check.method", method))
        return false;
    size_t at = khap__str_find(version, '\n');
    if (at < version.len) {
        struct khap_str header = khap__str_sub(version, at + 1, version.len);
        if (!khap__str_starts(header, S("Host:")) || khap__str_find(header, '\n') < header.len)
            return false;
        if (!set_check_host(p, khap__str_trim(khap__str_sub(header, 5, header.len))))
            return false;
    }
    return khap__policy_text(p, "check.path", uri);
}

static bool take_check_send(struct policy *p)
{
    const struct import_line *line = p->line;
    struct khap_str method = S("GET"), uri = S("/"), host = {"", 0};
    for (uint32_t i = 2; i < line->n;) {
        if (word_is(line, i, "meth"))
            method = word_at(line, i + 1);
        else if (word_is(line, i, "uri"))
            uri = word_at(line, i + 1);
        else if (word_is(line, i, "hdr") && khap__str_eq_nocase(word_at(line, i + 1), S("host")) &&
                 i + 2 < line->n)
            host = line->words[i++ + 2];
        else if (!word_is(line, i, "ver"))
            return false;
        i += 2;
    }
    return khap__policy_text(p, "check.path", uri) &&
           (khap__str_eq(method, S("GET")) || khap__policy_text(p, "check.method", method)) &&
           (host.len == 0 || set_check_host(p, host));
}

static bool take_expect(struct policy *p)
{
    struct khap_str rest = word_at(p->line, 3);
    bool good = p->line->n == 4;
    while (good && rest.len > 0) {
        size_t end = khap__str_find(rest, ',');
        good = khap__policy_text(p, "check.expect.+", khap__str_sub(rest, 0, end));
        rest = khap__str_sub(rest, end + 1, rest.len);
    }
    return good;
}

static bool take_dialogue(struct policy *p)
{
    static const struct {
        char option[12], type[9];
    } table[] = {
        {"mysql-check", "mysql"}, {"pgsql-check", "postgres"}, {"redis-check", "redis"}, {"smtpchk", "smtp"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!word_is(p->line, 1, table[i].option))
            continue;
        bool user = word_is(p->line, 2, "user");
        bool fits =
            user ? p->line->n == 4 || (p->line->n == 5 && word_is(p->line, 4, "post-41")) : p->line->n == 2;
        p->service->has_check_line = true;
        return fits && khap__policy_set(p, "check.type", khap__str(table[i].type)) &&
               (!user || khap__policy_text(p, "check.user", p->line->words[3]));
    }
    return false;
}

/* The bytes of gRPC's health check; what follows the preface comes out the same, or the lines stay. */
static bool take_grpc(struct policy *p)
{
    const struct import_section *s = &p->im->in.sections.ptr[p->service->section];
    bool grpc = false;
    for (uint32_t i = s->first; i < s->end && p->im->ours; i++)
        grpc = grpc ||
               (khap__import_begins(&p->im->in.lines.ptr[i], "tcp-check send-binary") > 0 &&
                khap__str_starts(word_at(&p->im->in.lines.ptr[i], 2), S("505249202a20485454502f322e30")));
    p->service->has_check_line = p->service->has_check_line || grpc;
    return grpc && khap__policy_claim(p, khap__policy_set(p, "check.type", S("grpc")));
}

/* ---- who may come ---- */

static bool set_ranges(struct policy *p, const char *key, const struct import_term *t)
{
    bool good = true;
    for (uint32_t i = 0; i < t->n && good; i++) {
        struct khap_str pattern = t->patterns[i];
        if (khap__str_eq(pattern, S("-f")) && i + 1 < t->n) {
            struct khap_str file = t->patterns[++i];
            if (khap__str_starts(file, S("./")))
                file = khap__str_sub(file, 2, file.len);
            good = khap__policy_set(
                p, key, khap__import_join(p->im, S("{file: "), khap__import_quote(p->im, file), S("}")));
        } else {
            good = khap__policy_text(p, key, pattern);
        }
    }
    return good;
}

/* { src … }, perhaps as an ACL of several lines; all of one sign. */
static bool take_sources(struct policy *p)
{
    struct import_condition c;
    if (p->at >= p->line->n || !khap__import_condition(p->im, p->line, p->at, &c))
        return false;
    bool good = c.any.len > 0, negated = false;
    for (uint32_t i = 0; i < c.any.len && good; i++) {
        for (uint32_t k = 0; k < c.any.ptr[i].terms.len && good; k++) {
            const struct import_term *t = &c.any.ptr[i].terms.ptr[k];
            if (i == 0 && k == 0)
                negated = t->negated;
            good = t->kind == TERM_SRC && t->negated == negated &&
                   (negated ? c.any.len == 1 : c.any.ptr[i].terms.len == 1);
        }
    }
    for (uint32_t i = 0; i < c.any.len && good; i++) {
        for (uint32_t k = 0; k < c.any.ptr[i].terms.len && good; k++)
            good = set_ranges(p, negated ? "sourceRanges.+" : "denyRanges.+", &c.any.ptr[i].terms.ptr[k]);
    }
    khap__import_condition_free(p->im, &c);
    return good;
}

/* ---- limits ---- */

/* { FETCH(khap-peers/…) ge N } at a word; the number. */
static bool counter(const struct import_line *line, uint32_t at, const char *fetch, uint32_t *n)
{
    return word_is(line, at, "{") && khap__str_starts(word_at(line, at + 1), khap__str(fetch)) &&
           word_is(line, at + 2, "ge") && word_is(line, at + 4, "}") &&
           khap__import_number(word_at(line, at + 3), 4000000000, n);
}

struct khap_str khap__policy_decimal(struct policy *p, uint32_t n)
{
    char room[20];
    return khap__import_dup(p->im, khap__str_uint(room, n));
}

static bool take_connections(struct policy *p)
{
    uint32_t n;
    return counter(p->line, p->at, "sc1_conn_cur(khap-peers/connections-", &n) && p->at + 5 == p->line->n &&
           n > 1 &&
           khap__policy_claim(p, khap__policy_set(p, "connectionLimit", khap__policy_decimal(p, n - 1)));
}

/* The period stands where the counters are declared: gpc0_rate(10s). */
static struct khap_str period_of(const struct policy *p)
{
    uint32_t section = khap__import_find(&p->im->in, S("peers"), S("khap-peers"));
    const struct import_section *s = section == NO_SECTION ? NULL : &p->im->in.sections.ptr[section];
    for (uint32_t i = s != NULL ? s->first : 0; s != NULL && i < s->end; i++) {
        const struct import_line *line = &p->im->in.lines.ptr[i];
        struct khap_str name = word_at(line, 1), store = line->n > 0 ? line->words[line->n - 1] : name;
        if (!word_is(line, 0, "table") || !khap__str_starts(name, S("rate-")) ||
            !khap__str_eq(khap__str_sub(name, 5, name.len), p->service->name) ||
            !khap__str_starts(store, S("gpc0,gpc0_rate(")))
            continue;
        store = khap__str_sub(store, 15, store.len);
        return khap__str_sub(store, 0, khap__str_find(store, ')'));
    }
    return (struct khap_str){"", 0};
}

bool khap__policy_rate(struct policy *p)
{
    uint32_t most, tenfold;
    const struct import_line *line = p->line;
    uint32_t at = 5; /* http-request deny deny_status N if { … */
    if (!khap__import_begins(line, "http-request deny deny_status") || !word_is(line, 4, "if") ||
        !counter(line, at, "sc2_gpc0_rate(khap-peers/rate-", &most))
        return false;
    bool burst = line->n > at + 5;
    if (burst &&
        (!word_is(line, at + 5, "or") || !counter(line, at + 6, "sc2_gpc1_rate(khap-peers/rate-", &tenfold)))
        return false;
    struct khap_str period = period_of(p);
    uint32_t requests = burst ? tenfold / 10 : most;
    return khap__policy_claim(
        p, khap__policy_set(p, "rateLimit.requests", khap__policy_decimal(p, requests)) &&
               (!burst || khap__policy_set(p, "rateLimit.burst", khap__policy_decimal(p, most - requests))) &&
               (khap__str_eq(line->words[3], S("429")) ||
                khap__policy_set(p, "rateLimit.status", line->words[3])) &&
               period.len > 0 &&
               (khap__str_eq(period, S("10s")) || khap__policy_set(p, "rateLimit.period", period)));
}

/* http-request set-var(txn.limit) req.fhdr(X) if … */
static bool take_limit_key(struct policy *p)
{
    struct khap_str fetch = word_at(p->line, 2);
    bool header = khap__str_starts(fetch, S("req.fhdr(")), cookie = khap__str_starts(fetch, S("req.cook("));
    if (!header && !cookie)
        return false;
    return khap__policy_claim(
        p, khap__policy_text(p, "rateLimit.key",
                             khap__import_join(p->im, header ? S("header ") : S("cookie "),
                                               khap__str_sub(fetch, 9, fetch.len - 10), S(""))));
}

static bool take_track(struct policy *p)
{
    struct import_condition c;
    uint32_t at = 5; /* http-request track-sc2 KEY table NAME if … */
    if (!khap__str_starts(word_at(p->line, 4), S("khap-peers/rate-")) || p->line->n <= at ||
        !khap__import_condition(p->im, p->line, at, &c))
        return false;
    bool good = c.any.len == 1;
    for (uint32_t i = 0; good && i < c.any.ptr[0].terms.len; i++)
        good = c.any.ptr[0].terms.ptr[i].kind == TERM_SRC && c.any.ptr[0].terms.ptr[i].negated &&
               set_ranges(p, "rateLimit.except.+", &c.any.ptr[0].terms.ptr[i]);
    khap__import_condition_free(p->im, &c);
    return khap__policy_claim(p, good);
}

/* ---- names and passwords ---- */

static bool take_auth(struct policy *p)
{
    const struct import_line *line = p->line;
    struct khap_str fetch = word_at(line, 6);
    if (line->n != 8 || !word_is(line, 2, "realm") || !word_is(line, 4, "unless") || !word_is(line, 5, "{") ||
        !khap__str_starts(fetch, S("http_auth(")) || !word_is(line, 7, "}"))
        return false;
    struct khap_str name = khap__str_sub(fetch, 10, fetch.len - 11);
    uint32_t section = khap__import_find(&p->im->in, S("userlist"), name);
    if (section == NO_SECTION)
        return false;
    struct import_section *s = &p->im->in.sections.ptr[section];
    for (uint32_t i = s->first + 1; i < s->end; i++) {
        const struct import_line *user = &p->im->in.lines.ptr[i];
        if (!word_is(user, 0, "user") || user->n != 4 || user->variable ||
            khap__str_find(user->words[1], '"') < user->words[1].len)
            return false;
    }
    bool good = s->end > s->first + 1;
    for (uint32_t i = s->first + 1; i < s->end && good; i++) {
        struct import_line *user = &p->im->in.lines.ptr[i];
        struct khap_str key = khap__import_join(p->im, S("basicAuth.users.\""), user->words[1], S("\""));
        key = khap__import_join(p->im, key, (struct khap_str){"", 1}, S(""));
        good = p->im->failure == KHAP_OK && khap__policy_text(p, key.ptr, user->words[3]);
    }
    if (good && !khap__str_eq(line->words[3], p->service->name))
        good = khap__policy_text(p, "basicAuth.realm", line->words[3]);
    for (uint32_t i = s->first; i < s->end && good; i++)
        p->im->in.lines.ptr[i].state = LINE_TAKEN;
    return good;
}

/* ---- headers ---- */

/* A format without any format in it, as the text that it gives. */
bool khap__policy_literal(struct policy *p, struct khap_str format, struct khap_str *text)
{
    char *copy = khap__arena_bytes(&p->im->arena, format.len + 1);
    size_t n = 0;
    if (copy == NULL) {
        khap__import_fail(p->im, KHAP_ENOMEM);
        return false;
    }
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] == '%') {
            if (i + 1 >= format.len || format.ptr[i + 1] != '%')
                return false;
            i++;
        }
        copy[n++] = format.ptr[i];
    }
    *text = (struct khap_str){copy, n};
    return true;
}

static const char *const cert_formats[][3] = {
    {"%[ssl_c_verify]", "verify", "X-SSL-Client-Verify"},
    {"%[ssl_c_s_dn]", "subject", "X-SSL-Client-Subject"},
    {"%[ssl_c_s_dn(cn)]", "commonName", "X-SSL-Client-CN"},
    {"%[ssl_c_i_dn]", "issuer", "X-SSL-Client-Issuer"},
    {"%[ssl_c_serial,hex]", "serial", "X-SSL-Client-Serial"},
    {"%[ssl_c_der,sha2(256),hex,lower]", "fingerprint", "X-SSL-Client-Fingerprint"},
    {"%[ssl_c_notafter]", "notAfter", "X-SSL-Client-Not-After"},
    {"%[ssl_c_der,base64]", "certificate", ""},
};

static bool take_cert_header(struct policy *p)
{
    const struct import_line *line = p->line;
    if (!word_is(line, 1, "set-header") || !word_is(line, 4, "if") || !word_is(line, 5, "{") ||
        !word_is(line, 6, "ssl_c_used"))
        return false;
    for (size_t i = 0; i < sizeof cert_formats / sizeof *cert_formats; i++) {
        if (!word_is(line, 3, cert_formats[i][0]))
            continue;
        struct khap_str key = khap__import_join(p->im, S("clientCert."), khap__str(cert_formats[i][1]),
                                                (struct khap_str){"", 1});
        if (p->im->failure != KHAP_OK)
            return false;
        if (word_is(line, 2, cert_formats[i][2]) && i > 0)
            return khap__policy_claim(p, true);
        return khap__policy_claim(p, khap__policy_text(p, key.ptr, line->words[2]));
    }
    return false;
}

/* What a route has from its service stands in its rules, too. */
static bool is_inherited(const struct policy *p)
{
    const struct import_section *s = &p->im->in.sections.ptr[p->service->section];
    for (uint32_t i = s->first; p->mark != NULL && p->mark->number > 0 && i < s->end; i++) {
        struct import_line plain;
        struct import_mark mark;
        bool same = khap__import_peel(p->im, &p->im->in.lines.ptr[i], &plain, &mark) && mark.number == 0 &&
                    plain.n == p->line->n;
        for (uint32_t k = 0; same && k < plain.n; k++)
            same = khap__str_eq(plain.words[k], p->line->words[k]);
        struct import_stated *stated =
            same ? khap__import_state(p->im, p->mark->service, p->mark->number, "headers") : NULL;
        if (stated == NULL)
            continue;
        stated->rules = true;
        return true;
    }
    return false;
}

static bool take_header(struct policy *p)
{
    const struct import_line *line = p->line;
    if (is_inherited(p))
        return true;
    static const char *const words[][2] = {{"set-header", "set"}, {"add-header", "add"}};
    bool request = word_is(line, 0, "http-request");
    struct khap_str side = request ? S("headers.request.") : S("headers.response.");
    if (request && take_cert_header(p))
        return true;
    if (word_is(line, 1, "del-header"))
        return line->n == 3 &&
               khap__policy_text(p, request ? "headers.request.delete.+" : "headers.response.delete.+",
                                 line->words[2]);
    for (size_t i = 0; i < 2; i++) {
        if (!word_is(line, 1, words[i][0]) || line->n != 4 ||
            khap__str_find(line->words[2], '"') < line->words[2].len)
            continue;
        struct khap_str text, key = khap__import_join(p->im, side, khap__str(words[i][1]), S(".\""));
        key = khap__import_join(p->im, key, line->words[2], S("\""));
        bool plain = khap__policy_literal(p, line->words[3], &text);
        key = khap__import_join(p->im, key, plain ? S("") : S(".format"), (struct khap_str){"", 1});
        return p->im->failure == KHAP_OK && khap__policy_text(p, key.ptr, plain ? text : line->words[3]);
    }
    return false;
}

static bool take_hsts(struct policy *p)
{
    struct khap_str value = word_at(p->line, 3);
    bool sub = khap__str_ends(value, S("; includeSubDomains"));
    if (sub)
        value.len -= 19;
    uint32_t seconds;
    if (!khap__str_starts(value, S("max-age=")) ||
        !khap__import_begins(p->line, "http-response set-header") ||
        !khap__import_number(khap__str_sub(value, 8, value.len), 2000000000, &seconds))
        return false;
    bool conditional = p->line->n == 8 && word_is(p->line, 4, "if") && word_is(p->line, 5, "{") &&
                       word_is(p->line, 6, "ssl_fc");
    if (!conditional && p->line->n != 4)
        return false;
    return khap__policy_set(p, "hsts.maxAge", khap__policy_decimal(p, seconds)) &&
           (!sub || khap__policy_set(p, "hsts.includeSubDomains", S("true")));
}

/* ---- the table ---- */

static const struct {
    const char *words;
    bool (*take)(struct policy *p);
} rows[] = {
    {"mode", take_mode},
    {"balance", take_balance},
    {"cookie", take_cookie},
    {"timeout", take_timeout},
    {"retries", take_retries},
    {"retry-on", take_retry_on},
    {"option httpchk", take_httpchk},
    {"http-check send", take_check_send},
    {"http-check expect status", take_expect},
    {"option tcp-check", take_grpc},
    {"tcp-check", take_grpc},
    {"option", take_dialogue},
    {"compression", khap__policy_compression},
    {"http-error status", khap__policy_error_page},
    {"http-request deny if", take_sources},
    {"http-request deny unless", take_sources},
    {"tcp-request content reject if", take_sources},
    {"tcp-request content reject unless", take_sources},
    {"http-request deny deny_status 429 if", take_connections},
    {"tcp-request content reject if", take_connections},
    {"http-request deny", khap__policy_deny},
    {"http-request set-var(txn.limit)", take_limit_key},
    {"http-request track-sc2", take_track},
    {"http-request auth", take_auth},
    {"http-request set-var(txn.origin)", khap__policy_origin},
    {"http-after-response set-header", khap__policy_cors},
    {"http-response set-header Strict-Transport-Security", take_hsts},
    {"http-request replace-path", khap__policy_rewrite},
    {"http-request redirect prefix", khap__policy_redirect},
    {"http-request set-path", khap__policy_set_path},
    {"http-request return", khap__policy_return},
    {"http-request set-timeout", take_route_timeout},
    {"http-request set-header Host", khap__policy_host},
    {"http-request", take_header},
    {"http-response", take_header},
};

/* Parts of what khapgen writes that only mean something together with the rest. */
static bool is_dialect(const struct import_line *line)
{
    static const char *const marks[] = {"(txn.rewrite)", "(txn.limit)", "(txn.origin)", "(txn.preflight)",
                                        "khap-"};
    for (uint32_t i = 1; i < line->n; i++) {
        for (size_t m = 0; m < sizeof marks / sizeof *marks; m++) {
            struct khap_str mark = khap__str(marks[m]), word = line->words[i];
            for (size_t at = 0; at + mark.len <= word.len; at++) {
                if (memcmp(word.ptr + at, mark.ptr, mark.len) == 0)
                    return true;
            }
        }
    }
    return false;
}

/* Whether all services, two at least, have the same line: then it is said once. */
static bool is_shared(const struct import *im, const struct import_line *line)
{
    static const char *const words[] = {"balance", "cookie", "timeout", "retries"};
    bool may = false;
    uint32_t services = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        may = may || word_is(line, 0, words[i]);
    for (uint32_t i = 0; may && i < im->services.len; i++) {
        const struct import_section *s = &im->in.sections.ptr[im->services.ptr[i].section];
        if (im->services.ptr[i].split_only || im->services.ptr[i].redirects)
            continue;
        bool found = s->raw;
        services += !s->raw;
        for (uint32_t k = s->first; !found && k < s->end; k++) {
            const struct import_line *other = &im->in.lines.ptr[k];
            found = other->n == line->n && !other->variable;
            for (uint32_t w = 0; found && w < line->n; w++)
                found = khap__str_eq(line->words[w], other->words[w]);
        }
        may = found;
    }
    for (uint32_t i = 0; may && word_is(line, 0, "balance") && i < im->in.lines.len; i++)
        may = !word_is(&im->in.lines.ptr[i], 0, "hash-type"); /* that belongs to it */
    return may && services > 1;
}

static bool take_line(struct policy *p)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        p->at = khap__import_begins(p->line, rows[i].words);
        if (p->at == 0)
            continue;
        if (word_is(p->line, p->at - 1, "if") || word_is(p->line, p->at - 1, "unless"))
            p->at -= rows[i].take == take_sources ? 1 : 0;
        if (rows[i].take(p))
            return true;
    }
    return false;
}

/* A rule for one route, or for all but some: it has to come out again. */
static bool take_marked(struct policy *p, struct import_line *line, const struct import_mark *mark)
{
    p->mark = mark;
    line->state = LINE_CLAIMED;
    return mark->number > 0 && !khap__import_says(p->im, p->service, mark, &p->route) ? true : take_line(p);
}

bool khap__import_policy(struct import *im, struct import_service *service, uint32_t at)
{
    struct import_line *line = &im->in.lines.ptr[at], plain;
    struct policy p = {.im = im, .service = service, .line = line, .shared = is_shared(im, line)};
    struct import_mark mark;
    if (khap__import_jwt(im, service, line))
        return true;
    if (khap__import_peel(im, line, &plain, &mark)) {
        p.line = &plain;
        return take_marked(&p, line, &mark);
    }
    if (take_line(&p)) {
        if (line->state == LINE_OPEN)
            line->state = LINE_TAKEN;
        return true;
    }
    if (im->ours && is_dialect(line))
        line->state = LINE_CLAIMED;
    return false;
}
