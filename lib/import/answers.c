/* import/answers.c - lines of a backend about paths, and about what is answered. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/policies.h"

/* ---- rewrite ---- */

bool khap__policy_host(struct policy *p)
{
    return p->im->ours && p->line->n == 4 &&
           khap__str_find(p->line->words[3], '%') == p->line->words[3].len &&
           khap__policy_claim(p, khap__policy_text(p, "rewrite.host", p->line->words[3]));
}

/* Whether the request is answered with a redirect: all of the service, or of the route that the rule is about. */
static bool is_redirected(const struct policy *p)
{
    const struct import_section *s = &p->im->in.sections.ptr[p->service->section];
    bool redirect = false, server = false;
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *line = &p->im->in.lines.ptr[i];
        struct import_line plain;
        struct import_mark mark;
        server = server || word_is(line, 0, "server");
        if (khap__import_begins(line, "http-request redirect prefix") == 0 || khap__import_to_https(line))
            continue;
        (void)khap__import_peel(p->im, line, &plain, &mark);
        redirect = redirect || mark.number == (p->mark != NULL ? p->mark->number : 0);
    }
    return redirect && (!server || (p->mark != NULL && p->mark->number > 0));
}

/* Each is doubled in what replaces a path; one alone stands for a group. */
static bool single_backslashes(struct policy *p, struct khap_str *text)
{
    char *copy = khap__arena_bytes(&p->im->arena, text->len + 1);
    size_t n = 0;
    if (copy == NULL) {
        khap__import_fail(p->im, KHAP_ENOMEM);
        return false;
    }
    for (size_t i = 0; i < text->len; i++) {
        if (text->ptr[i] == '\\' && (++i == text->len || text->ptr[i] != '\\'))
            return false;
        copy[n++] = text->ptr[i];
    }
    *text = (struct khap_str){copy, n};
    return true;
}

bool khap__policy_rewrite(struct policy *p)
{
    struct khap_str from = word_at(p->line, 2), to = word_at(p->line, 3), text;
    if (p->line->n < 4 || (p->line->n > 4 && !khap__str_starts(word_at(p->line, 6), S("var(txn.rewrite)"))))
        return false;
    bool group = khap__str_ends(from, S("/?(.*)$")) || khap__str_ends(from, S("(/.*)?$"));
    if (!khap__str_starts(from, S("^")) || (group && !khap__str_ends(to, S("\\1"))))
        return false;
    if (group)
        to.len -= 2;
    bool slash = group && khap__str_ends(from, S("/?(.*)$"));
    if (slash && !khap__str_ends(to, S("/")))
        return false;
    if (slash && to.len > 1)
        to.len--;
    if (!khap__policy_literal(p, to, &text) || !single_backslashes(p, &text))
        return false;
    return khap__policy_claim(
        p, khap__policy_text(p, is_redirected(p) ? "redirect.prefix" : "rewrite.prefix", text));
}

/* ---- answers ---- */

bool khap__policy_redirect(struct policy *p)
{
    const struct import_line *line = p->line;
    struct khap_str to = word_at(line, 3);
    if (khap__import_to_https(line)) {
        p->service->redirected = true;
        if (word_is(line, 11, "var(txn.secure)"))
            return khap__policy_claim(p, true);
        return word_is(line, 11, "var(txn.host)") &&
               khap__policy_claim(p, khap__policy_set(p, "redirectHttps", S("true")));
    }
    /* a service that is nothing but a redirect: PREFIX is SCHEME://HOST:PORT */
    bool https = khap__str_starts(to, S("https://"));
    if (!https && !khap__str_starts(to, S("http://")))
        return false;
    struct khap_str host = khap__str_sub(to, https ? 8 : 7, to.len), port = {"", 0};
    size_t colon = khap__str_find(host, ':');
    if (colon < host.len) {
        port = khap__str_sub(host, colon + 1, host.len);
        host.len = colon;
    }
    bool scheme = true;
    for (uint32_t i = 6; i < line->n; i++)
        scheme = scheme && !word_is(line, i, "ssl_fc");
    bool good = scheme ? khap__policy_set(p, "redirect.scheme", https ? S("https") : S("http")) : true;
    if (good && khap__str_find(host, '%') == host.len)
        good = khap__policy_text(p, "redirect.host", host);
    if (good && port.len > 0)
        good = khap__policy_set(p, "redirect.port", port);
    if (good && word_is(line, 4, "code") && !word_is(line, 5, "302"))
        good = khap__policy_set(p, "redirect.status", word_at(line, 5));
    p->service->needed = true;
    return khap__policy_claim(p, good);
}

bool khap__policy_deny(struct policy *p)
{
    if (khap__import_begins(p->line, "http-request deny deny_status 400 if !{ ssl_fc }") == p->line->n) {
        p->service->tls_only = true;
        return khap__policy_claim(p, true);
    }
    return khap__policy_rate(p);
}

bool khap__policy_set_path(struct policy *p)
{
    struct khap_str text;
    bool redirect = is_redirected(p);
    if (p->line->n != 3 || !(redirect || p->im->ours) || !khap__policy_literal(p, p->line->words[2], &text))
        return false;
    return khap__policy_claim(p, khap__policy_text(p, redirect ? "redirect.path" : "rewrite.path", text));
}

#define HTML "text/html; charset=utf-8"

bool khap__policy_return(struct policy *p)
{
    const struct import_line *line = p->line;
    uint32_t at = 4;
    bool page = word_is(line, 4, "content-type") && word_is(line, 5, HTML) && word_is(line, 3, "503");
    for (uint32_t i = 8; i < line->n; i++) {
        if (!word_is(line, i, "hdr") || !word_is(line, i + 1, "Cache-Control") || !page)
            continue;
        bool good = word_is(line, 6, "file") ? khap__policy_text(p, "maintenance.page", word_at(line, 7))
                                             : khap__policy_set(p, "maintenance", S("{enabled: true}"));
        i += 3;
        if (good && word_is(line, i, "hdr")) {
            good = khap__policy_set(p, "maintenance.retryAfter",
                                    khap__import_join(p->im, word_at(line, i + 2), S("s"), S("")));
            i += 3;
        }
        for (; i < line->n && good; i++) {
            if (!word_is(line, i, "src"))
                continue;
            for (i++; i < line->n && good && !word_is(line, i, "}"); i++)
                good = khap__policy_text(p, "maintenance.except.+", line->words[i]);
        }
        const struct khap_bundle_file *map = NULL;
        bool by_map = false;
        for (uint32_t k = 0; k < line->n; k++)
            by_map = by_map || khap__str_ends(line->words[k], S("map(maps/maintenance.map,off)"));
        if (good && by_map) {
            if (khap_bundle_side(p->im->bundle, S("maps/maintenance.map"), &map) != KHAP_OK)
                return false;
            struct khap_str off = khap__import_join(p->im, p->service->name, S(" off"), S("")),
                            rest = khap_bundle_file_text(map);
            while (rest.len > 0) {
                size_t end = khap__str_find(rest, '\n');
                if (khap__str_eq(khap__str_sub(rest, 0, end), off))
                    good = khap__policy_set(p, "maintenance.enabled", S("false"));
                rest = khap__str_sub(rest, end + 1, rest.len);
            }
        }
        return khap__policy_claim(p, good);
    }
    bool typed = word_is(line, at, "content-type"), body = typed && word_is(line, at + 2, "string");
    if (!word_is(line, 2, "status") || line->n != at + (body ? 4 : typed ? 2 : 0))
        return false;
    bool good = khap__policy_set(p, "respond.status", word_at(line, 3)) &&
                (!typed || word_is(line, at + 1, "text/plain") ||
                 khap__policy_text(p, "respond.contentType", word_at(line, at + 1))) &&
                (!body || khap__policy_text(p, "respond.body", word_at(line, at + 3)));
    p->service->needed = true;
    return khap__policy_claim(p, good);
}

/* ---- compression, error pages, CORS ---- */

static const char *const usual_types[] = {
    "text/html",        "text/plain",      "text/css",     "text/javascript", "application/javascript",
    "application/json", "application/xml", "image/svg+xml"};

bool khap__policy_compression(struct policy *p)
{
    if (khap__import_begins(p->line, "compression algo gzip") == p->line->n)
        return khap__policy_claim(p, khap__policy_set(p, "compression", S("{}")));
    if (!word_is(p->line, 1, "type"))
        return false;
    bool usual = p->line->n == 2 + sizeof usual_types / sizeof *usual_types, good = true;
    for (uint32_t i = 2; i < p->line->n && usual; i++)
        usual = word_is(p->line, i, usual_types[i - 2]);
    for (uint32_t i = 2; i < p->line->n && !usual && good; i++)
        good = khap__policy_text(p, "compression.types.+", p->line->words[i]);
    return khap__policy_claim(p, good);
}

bool khap__policy_error_page(struct policy *p)
{
    if (p->line->n != 7 || !word_is(p->line, 4, HTML) || !word_is(p->line, 5, "file"))
        return false;
    struct khap_str key =
        khap__import_join(p->im, S("errorPages."), p->line->words[2], (struct khap_str){"", 1});
    return p->im->failure == KHAP_OK &&
           khap__policy_claim(p, khap__policy_text(p, key.ptr, p->line->words[6]));
}

bool khap__policy_origin(struct policy *p)
{
    struct khap_str origin = S("*"), labels = S("([a-z0-9_-]+[.])+"), word = word_at(p->line, 8), begin, end;
    if (!word_is(p->line, 2, "str(*)")) {
        if (!word_is(p->line, 2, "req.fhdr(Origin)") || !word_is(p->line, 6, "-m") || p->line->n != 10)
            return false;
        origin = word;
        size_t at = 0;
        while (at < word.len && !khap__str_starts(khap__str_sub(word, at, word.len), labels))
            at++;
        if (at < word.len &&
            (!khap__str_starts(word, S("^")) || !khap__str_ends(word, S("$")) ||
             !khap__import_plain(p->im, khap__str_sub(word, 1, at - 1), &begin) ||
             !khap__import_plain(p->im, khap__str_sub(word, at + labels.len, word.len - at - labels.len - 1),
                                 &end)))
            return false;
        if (at < word.len)
            origin = khap__import_join(p->im, begin, S("*."), end);
    }
    return khap__policy_claim(p, khap__policy_text(p, "cors.origins.+", origin));
}

static bool set_list(struct policy *p, const char *key, struct khap_str list)
{
    struct khap_str text;
    bool good = khap__policy_literal(p, list, &text);
    while (good && text.len > 0) {
        size_t end = khap__str_find(text, ',');
        good = khap__policy_text(p, key, khap__str_trim(khap__str_sub(text, 0, end)));
        text = khap__str_sub(text, end + 1, text.len);
    }
    return good;
}

bool khap__policy_cors(struct policy *p)
{
    struct khap_str name = word_at(p->line, 2), value = word_at(p->line, 3);
    if (!khap__str_eq(word_at(p->line, 6), S("var(txn.origin)")))
        return false;
    if (khap__str_eq(name, S("Access-Control-Allow-Credentials")))
        return khap__policy_claim(p, khap__policy_set(p, "cors.credentials", S("true")));
    if (khap__str_eq(name, S("Access-Control-Allow-Methods")))
        return khap__policy_claim(p, khap__str_eq(value, S("GET, HEAD, POST, PUT, PATCH, DELETE")) ||
                                         set_list(p, "cors.methods.+", value));
    if (khap__str_eq(name, S("Access-Control-Allow-Headers")))
        return khap__policy_claim(p, set_list(p, "cors.headers.+", value));
    if (khap__str_eq(name, S("Access-Control-Expose-Headers")))
        return khap__policy_claim(p, set_list(p, "cors.expose.+", value));
    return khap__str_eq(name, S("Access-Control-Max-Age")) &&
           khap__policy_claim(
               p, khap__policy_set(p, "cors.maxAge", khap__import_join(p->im, value, S("s"), S(""))));
}
