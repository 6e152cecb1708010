/* import/frontends.c - what listens, with which certificates, and where its requests go. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"
#include "value/address.h"

enum { MOST_FRONTS = 60 };

/* ---- bind ---- */

static bool is_tls(const struct import_line *line)
{
    for (uint32_t i = 2; i < line->n; i++) {
        if (word_is(line, i, "ssl"))
            return true;
    }
    return false;
}

static bool has_port(const struct import_line *line, uint16_t port)
{
    struct address a;
    return khap__bind_parse(word_at(line, 1), &a) == VALUE_OK && a.has_port && a.port == port;
}

/* Words of a bind that have no key, and change nothing: a name for statistics, what khapgen says itself. */
static uint32_t harmless(const struct import_line *line, uint32_t i)
{
    if (word_is(line, i, "name"))
        return 2;
    return word_is(line, i, "ssl") || word_is(line, i, "v6only") || word_is(line, i, "no-sslv3") ||
                   word_is(line, i, "no-tlsv10") || word_is(line, i, "no-tlsv11") ||
                   word_is(line, i, "no-tls-tickets")
               ? 1
               : 0;
}

/* The words of one bind besides its address: whether keys can say them. */
static bool bind_fits(const struct import_line *line)
{
    for (uint32_t i = 2; i < line->n;) {
        uint32_t skip = harmless(line, i);
        if (khap__import_is_certificate(line, i) || word_is(line, i, "alpn"))
            skip = 2;
        else if (word_is(line, i, "accept-proxy") || word_is(line, i, "strict-sni"))
            skip = 1;
        if (skip == 0)
            return false;
        i += skip;
    }
    return !line->variable && line->n > 1;
}

/* The words of two binds as far as a frontend has them once for all. */
static bool bind_alike(const struct import_line *a, const struct import_line *b)
{
    uint32_t i = 2, k = 2;
    for (;;) {
        while (i < a->n && harmless(a, i) > 0)
            i += harmless(a, i);
        while (k < b->n && harmless(b, k) > 0)
            k += harmless(b, k);
        if (i >= a->n || k >= b->n)
            return i >= a->n && k >= b->n;
        if (!khap__str_eq(a->words[i++], b->words[k++]))
            return false;
    }
}

static bool is_bind(const struct import_line *line)
{
    return word_is(line, 0, "bind");
}
static bool is_quic(const struct import_line *line)
{
    return khap__str_starts(word_at(line, 1), S("quic"));
}
static bool is_link(const struct import_line *line)
{
    return khap__str_starts(word_at(line, 1), S("abns@khap-tls-"));
}

/* ---- which frontends there are ---- */

static bool is_helper(struct khap_str name)
{
    return khap__str_starts(name, S("khap-"));
}

/* Whether all binds of one kind can be said; the first of them. */
static bool half_fits(const struct import *im, const struct import_section *s, bool tls, uint32_t *first)
{
    *first = NO_SECTION;
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        if (!is_bind(line) || is_tls(line) != tls || is_quic(line))
            continue;
        if (!bind_fits(line) || (*first != NO_SECTION && !bind_alike(&im->in.lines.ptr[*first], line)))
            return false;
        if (*first == NO_SECTION)
            *first = i;
    }
    return true;
}

static bool name_free(const struct import *im, struct khap_str name)
{
    for (uint32_t i = 0; i < im->fronts.len; i++) {
        if (khap__str_eq(im->fronts.ptr[i].name, name))
            return false;
    }
    for (uint32_t i = 0; i < im->in.sections.len; i++) {
        const struct import_section *s = &im->in.sections.ptr[i];
        if (khap__str_eq(s->name, name) &&
            (s->role == ROLE_BACKEND || s->role == ROLE_LISTEN || (s->raw && s->role == ROLE_FRONTEND)))
            return false;
    }
    return true;
}

/* Which section is to be `http` or `https`: one of that name, one on its port, the first one. */
static uint32_t usual_front(const struct import *im, bool tls)
{
    uint32_t best = NO_SECTION;
    unsigned best_score = 0;
    for (uint32_t i = 0; i < im->in.sections.len; i++) {
        const struct import_section *s = &im->in.sections.ptr[i];
        unsigned score = 0;
        if ((s->role != ROLE_FRONTEND && s->role != ROLE_LISTEN) || s->raw || s->taken || s->tcp ||
            is_helper(s->name))
            continue;
        for (uint32_t k = s->first; k < s->end; k++) {
            const struct import_line *line = &im->in.lines.ptr[k];
            if (!is_bind(line) || is_tls(line) != tls)
                continue;
            unsigned one = khap__str_eq(s->name, tls ? S("https") : S("http")) ? 3
                           : has_port(line, tls ? 443 : 80)                    ? 2
                           : im->ours                                          ? 0
                                                                               : 1;
            score = one > score ? one : score;
        }
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

static struct khap_str front_name(struct import *im, uint32_t section, bool tls, bool both)
{
    struct khap_str name = im->in.sections.ptr[section].name;
    if (usual_front(im, tls) == section)
        return tls ? S("https") : S("http");
    if (both && tls)
        name = khap__import_join(im, name, S("-tls"), S(""));
    for (uint32_t i = 0;
         i < 8 && (!name_free(im, name) || khap__str_eq(name, S("http")) || khap__str_eq(name, S("https")));
         i++)
        name = khap__import_join(im, name, S("-in"), S(""));
    return name;
}

static void add_front(struct import *im, uint32_t section, bool tls, struct khap_str name)
{
    struct import_front front = {.name = name, .section = section, .tls = tls};
    struct import_section *s = &im->in.sections.ptr[section];
    if (!VEC_PUSH(&im->alloc, &im->fronts, front))
        khap__import_fail(im, KHAP_ENOMEM);
    if (s->as.len == 0)
        s->as = name;
    else
        s->also_as = name;
}

/* Addresses of a bind may stand in one word with commas between. */
static void add_addresses(struct buf *yaml, const struct import_line *line)
{
    struct khap_str rest = word_at(line, 1);
    while (rest.len > 0) {
        size_t end = khap__str_find(rest, ',');
        struct khap_str one = khap__str_sub(rest, 0, end);
        if (yaml->len > 1)
            khap__buf_add(yaml, S(", "));
        khap__import_add_quoted(yaml, one);
        rest = khap__str_sub(rest, end + 1, rest.len);
    }
}

static bool is_usual(struct khap_str addresses, bool tls)
{
    return khap__str_eq(addresses, tls ? S("[\":443\"]") : S("[\":80\"]")) ||
           khap__str_eq(addresses, tls ? S("[\"*:443\"]") : S("[\"*:80\"]"));
}

/* The TCP frontend before the one that ends TLS has its addresses. */
static const struct import_section *listening(const struct import *im, const struct import_section *s,
                                              uint32_t first)
{
    uint32_t sni = is_link(&im->in.lines.ptr[first])
                       ? khap__import_find(&im->in, S("frontend"), S("khap-sni"))
                       : NO_SECTION;
    return sni == NO_SECTION ? s : &im->in.sections.ptr[sni];
}

static bool accepts_proxy(const struct import *im, const struct import_section *s)
{
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        for (uint32_t k = 2; is_bind(line) && k < line->n; k++) {
            if (word_is(line, k, "accept-proxy"))
                return true;
        }
    }
    return false;
}

static void set_front(struct import *im, const struct import_front *front, uint32_t first)
{
    const struct import_section *s = &im->in.sections.ptr[front->section], *from = listening(im, s, first);
    struct import_line *head = &im->in.lines.ptr[first];
    struct buf addresses;
    bool good = true, usual_name = khap__str_eq(front->name, front->tls ? S("https") : S("http"));
    khap__buf_init(&addresses, &im->alloc);
    khap__buf_char(&addresses, '[');
    for (uint32_t i = from->first; i < from->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        if (is_bind(line) && !is_quic(line) && (from != s || is_tls(line) == front->tls)) {
            add_addresses(&addresses, line);
            line->state = LINE_TAKEN;
        } else if (is_bind(line) && is_quic(line) && front->tls) {
            good = khap__import_set(im, line->place, "frontends", front->name, "http3", S("true")) && good;
        }
    }
    khap__buf_char(&addresses, ']');
    if (addresses.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    else if (!usual_name || !is_usual(khap__buf_str(&addresses), front->tls))
        good =
            khap__import_set(im, head->place, "frontends", front->name, "bind", khap__buf_str(&addresses)) &&
            good;
    khap__buf_free(&addresses);
    if (front->tls && !usual_name)
        good = khap__import_set(im, head->place, "frontends", front->name, "tls", S("true")) && good;
    for (uint32_t i = 2; i < head->n; i++) {
        if (khap__import_is_certificate(head, i)) {
            i++;
        } else if (word_is(head, i, "accept-proxy") && (from == s || accepts_proxy(im, from))) {
            good =
                khap__import_set(im, head->place, "frontends", front->name, "acceptProxy", S("true")) && good;
        } else if (word_is(head, i, "strict-sni")) {
            good =
                khap__import_set(im, head->place, "frontends", front->name, "strictSni", S("true")) && good;
        } else if (word_is(head, i, "alpn") && ++i < head->n &&
                   !khap__str_eq(head->words[i], S("h2,http/1.1"))) {
            good = khap__import_set(im, head->place, "frontends", front->name, "alpn",
                                    khap__import_join(im, S("["), head->words[i], S("]"))) &&
                   good;
        }
    }
    bool alpn = false;
    for (uint32_t i = 2; i < head->n; i++)
        alpn = alpn || word_is(head, i, "alpn");
    if (front->tls && !alpn && im->ours) /* otherwise nobody thought of it */
        good = khap__import_set(im, head->place, "frontends", front->name, "alpn", S("[]")) && good;
    head->state = LINE_TAKEN;
    if (!good)
        khap__import_stay(&im->in.sections.ptr[front->section], head->text);
}

/* Lines that make a frontend what keys cannot say. */
static bool lines_fit(const struct import *im, const struct import_section *s)
{
    bool any = false, leads = s->role == ROLE_LISTEN;
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        any = any || is_bind(line);
        leads = leads || word_is(line, 0, "use_backend") || word_is(line, 0, "default_backend") ||
                word_is(line, 0, "redirect") || khap__import_begins(line, "http-request redirect") > 0;
        if (word_is(line, 0, "stats") || word_is(line, 0, "monitor-uri") || word_is(line, 0, "disabled"))
            return false;
    }
    return any && leads;
}

void khap__import_fronts(struct import *im)
{
    uint32_t certificates = NO_SECTION; /* the line that has them */
    for (uint32_t i = 0; i < im->in.sections.len && im->failure == KHAP_OK; i++) {
        struct import_section *s = &im->in.sections.ptr[i];
        uint32_t plain, tls;
        s->as = s->also_as = (struct khap_str){"", 0};
        if ((s->role != ROLE_FRONTEND && s->role != ROLE_LISTEN) || s->raw || s->taken || s->tcp ||
            is_helper(s->name))
            continue;
        bool fits = lines_fit(im, s) && half_fits(im, s, false, &plain) && half_fits(im, s, true, &tls) &&
                    im->fronts.len + 2 < MOST_FRONTS;
        if (fits && tls != NO_SECTION && certificates != NO_SECTION)
            fits = khap__import_same_certificates(&im->in.lines.ptr[certificates], &im->in.lines.ptr[tls]);
        else if (fits && tls != NO_SECTION)
            fits = khap__import_certificates(im, &im->in.lines.ptr[tls]);
        if (!fits)
            khap__import_stay(s, S("what it listens with, or answers"));
        if (!fits)
            continue;
        if (tls != NO_SECTION)
            certificates = tls;
        bool both = plain != NO_SECTION && tls != NO_SECTION;
        if (plain != NO_SECTION) {
            add_front(im, i, false, front_name(im, i, false, both));
            if (im->failure == KHAP_OK)
                set_front(im, &im->fronts.ptr[im->fronts.len - 1], plain);
        }
        if (tls != NO_SECTION && im->failure == KHAP_OK) {
            add_front(im, i, true, front_name(im, i, true, both));
            if (im->failure == KHAP_OK)
                set_front(im, &im->fronts.ptr[im->fronts.len - 1], tls);
        }
    }
    bool http = false, https = false;
    for (uint32_t i = 0; i < im->fronts.len; i++) {
        http = http || khap__str_eq(im->fronts.ptr[i].name, S("http"));
        https = https || khap__str_eq(im->fronts.ptr[i].name, S("https"));
    }
    if (!http)
        (void)khap__import_set_top(im, NOWHERE, "frontends.http", S("false"));
    if (!https && certificates != NO_SECTION)
        (void)khap__import_set_top(im, NOWHERE, "frontends.https", S("false"));
}
