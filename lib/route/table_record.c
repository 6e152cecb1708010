/* route/table_record.c - an answer as an item of a table of requests. SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "route/table.h"

#include <stdio.h>

/* A scalar that YAML reads as this text, whatever is in it. */
static void add_text(struct buf *out, struct khap_str text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
    bool bare = text.len > 0 && khap__is_alpha((unsigned char)text.ptr[0]);
    for (size_t i = 0; bare && i < text.len; i++)
        bare = memchr(plain, text.ptr[i], sizeof plain - 1) != NULL;
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    for (size_t i = 0; bare && i < sizeof words / sizeof *words; i++)
        bare = !khap__str_eq_nocase(text, khap__str(words[i]));
    if (bare) {
        khap__buf_add(out, text);
        return;
    }
    khap__buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte == '"' || byte == '\\') {
            khap__buf_char(out, '\\');
            khap__buf_char(out, (char)byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            khap__buf_add(out, S("\\x"));
            khap__buf_hex(out, byte, 2);
        } else {
            khap__buf_char(out, (char)byte);
        }
    }
    khap__buf_char(out, '"');
}

static void add_member(struct buf *out, const char *indent, const char *key, struct khap_str value)
{
    if (value.len == 0)
        return;
    khap__buf_add(out, khap__str(indent));
    khap__buf_add(out, khap__str(key));
    khap__buf_add(out, S(": "));
    add_text(out, value);
    khap__buf_char(out, '\n');
}

static void add_request(struct buf *out, const struct khap_route_request *q)
{
    static const char indent[] = "    ";
    add_member(out, "  - ", "url", q->url);
    add_member(out, indent, "method", q->method);
    for (size_t i = 0; i < q->n_headers; i++) {
        bool again = false, several = false;
        for (size_t k = 0; k < q->n_headers; k++) {
            bool equal = k != i && khap__str_eq_nocase(q->headers[k].name, q->headers[i].name);
            again = again || (equal && k < i);
            several = several || equal;
        }
        if (i == 0)
            khap__buf_add(out, S("    headers:\n"));
        if (again)
            continue;
        khap__buf_add(out, S("      "));
        add_text(out, q->headers[i].name);
        khap__buf_add(out, several ? S(": [") : S(": "));
        add_text(out, q->headers[i].value);
        for (size_t k = i + 1; several && k < q->n_headers; k++) {
            if (!khap__str_eq_nocase(q->headers[k].name, q->headers[i].name))
                continue;
            khap__buf_add(out, S(", "));
            add_text(out, q->headers[k].value);
        }
        khap__buf_add(out, several ? S("]\n") : S("\n"));
    }
    add_member(out, indent, "src", q->source);
    add_member(out, indent, "sni", q->sni);
    add_member(out, indent, "alpn", q->alpn);
    add_member(out, indent, "bind", q->bind);
    if (q->version != 11)
        add_member(out, indent, "http", q->version == 10 ? S("1.0") : q->version == 20 ? S("2") : S("3"));
    if (q->client_subject.len > 0)
        add_member(out, indent, "clientSubject", q->client_subject);
    else if (q->client_cert != 0)
        khap__buf_add(out, S("    clientCert: true\n"));
    if (q->has_body_length != 0) {
        char digits[24];
        int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)q->body_length);
        add_member(out, indent, "bodyLength", (struct khap_str){digits, n > 0 ? (size_t)n : 0});
    }
}

/* The only server that may get it, or none. */
static struct khap_str only_server(const struct khap_route_answer *answer, size_t index, size_t n)
{
    struct khap_route_server server = {.size = sizeof server};
    struct khap_str only = {NULL, 0};
    size_t possible = 0;
    for (size_t i = 0; i < n; i++) {
        if (khap_route_server_at(answer, index, i, &server) != KHAP_OK || server.chosen == KHAP_FALSE)
            continue;
        only = server.name;
        if (server.chosen == KHAP_TRUE)
            return only;
        possible++;
    }
    return possible == 1 ? only : (struct khap_str){NULL, 0};
}

/* What is expected, while outcomes are gone through: of texts that differ, none is left. */
struct common {
    struct khap_str outcome, frontend, backend, server, redirect;
    uint32_t status;
};

static struct common common_of(const struct khap_route_answer *answer, size_t index,
                               const struct khap_route_outcome *o)
{
    static const char names[][12] = {"",       "backend", "redirect", "answer",
                                     "denied", "closed",  "service",  "nowhere"};
    struct common c = {.frontend = o->frontend};
    if (o->kind >= sizeof names / sizeof *names)
        return c;
    c.outcome = khap__str(names[o->kind]);
    c.backend = o->backend;
    c.redirect = o->location;
    c.status = o->status;
    if (o->kind == KHAP_ROUTE_BACKEND)
        c.server = only_server(answer, index, o->n_servers);
    return c;
}

static void keep_equal(struct khap_str *kept, struct khap_str other)
{
    if (!khap__str_eq(*kept, other))
        kept->len = 0;
}

static bool nothing(const struct common *c)
{
    return c->outcome.len + c->frontend.len + c->backend.len + c->redirect.len + c->server.len == 0 &&
           c->status == 0;
}

enum khap_status khap_routes_record(const struct khap_alloc *alloc, const struct khap_route_request *request,
                                    const struct khap_route_answer *answer, const struct khap_sink *sink)
{
    static const char indent[] = "      ";
    if (request == NULL || answer == NULL || sink == NULL || request->size != sizeof *request)
        return KHAP_EINVAL;
    struct khap_route_outcome o = {.size = sizeof o};
    struct common all = {.status = 0}, first = {.status = 0};
    for (size_t i = 0; khap_route_outcome_at(answer, i, &o) == KHAP_OK; i++) {
        struct common one = common_of(answer, i, &o);
        if (i == 0) {
            all = first = one;
            continue;
        }
        keep_equal(&all.outcome, one.outcome);
        keep_equal(&all.frontend, one.frontend);
        keep_equal(&all.backend, one.backend);
        keep_equal(&all.server, one.server);
        keep_equal(&all.redirect, one.redirect);
        all.status = all.status == one.status ? all.status : 0;
    }
    /* the frontend alone says nothing of what becomes of it */
    struct common decided = all;
    decided.frontend.len = 0;
    bool unknown = nothing(&decided);
    if (unknown)
        all = first;
    if (nothing(&all))
        all.outcome = S("backend"); /* nothing is known: whatever is expected may happen */
    char room[20];
    struct buf out;
    khap__buf_init(&out, alloc);
    add_request(&out, request);
    khap__buf_add(&out, S("    expect:\n"));
    add_member(&out, indent, "outcome", all.outcome);
    add_member(&out, indent, "frontend", all.frontend);
    add_member(&out, indent, "backend", all.backend);
    add_member(&out, indent, "server", all.server);
    if (all.status != 0) {
        khap__buf_add(&out, S("      status: "));
        khap__buf_add(&out, khap__str_uint(room, all.status));
        khap__buf_char(&out, '\n');
    }
    add_member(&out, indent, "redirect", all.redirect);
    if (unknown)
        khap__buf_add(&out, S("      unknown: true\n"));
    enum khap_status status = khap__buf_flush(&out, sink);
    khap__buf_free(&out);
    return status;
}
