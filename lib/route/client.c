/* route/client.c - who a client says it is, and how much it sends. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static struct khap_str argument(const struct call *call, uint32_t i)
{
    return i < call->n ? call->arguments[i] : S("");
}

/* ---- the certificate: it is accepted, or there is none */

static bool shows(const struct asking *a)
{
    return a->listener->tls && a->request->client_cert != 0;
}

FETCH(fetch_crt_error)
{
    if (a->listener->tls)
        khap__sample_number(out, SAMPLE_SINT, 0);
}

/* Nobody has said what else stands in it. */
FETCH(fetch_crt_other)
{
    if (shows(a))
        khap__sample_unknown(out, khap__routing_because(a, call->text, call->place));
}

struct part {
    struct khap_str type, value;
};

static bool is_type(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || khap__is_digit((unsigned char)c);
}

/* Where the next part begins: at `between` with `TYPE=` behind it. */
static size_t part_end(struct khap_str dn, char between)
{
    for (size_t at = 0; at < dn.len; at++) {
        size_t type = at + 1;
        while (type < dn.len && dn.ptr[type] == ' ')
            type++;
        size_t from = type;
        while (type < dn.len && is_type(dn.ptr[type]))
            type++;
        if (dn.ptr[at] == between && type > from && type < dn.len && dn.ptr[type] == '=')
            return at;
    }
    return dn.len;
}

/* The part `i` in the order of the certificate; `n`: how many there are. `/O=a/CN=b` has it, `CN=b,O=a` the other way round. */
static bool part_at(struct khap_str dn, size_t i, size_t *n, struct part *part)
{
    bool line = khap__str_starts(dn, S("/"));
    struct khap_str rest = dn;
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        size_t at = 0, wanted = line ? i : count - 1 - i;
        if (pass == 1 && i >= count)
            return false;
        for (rest = khap__str_sub(dn, line, dn.len); rest.len > 0; at++) {
            size_t end = part_end(rest, line ? '/' : ',');
            struct khap_str one = khap__str_trim(khap__str_sub(rest, 0, end));
            size_t equals = khap__str_find(one, '=');
            rest = khap__str_sub(rest, end + 1, rest.len);
            if (pass == 1 && at == wanted)
                *part = (struct part){khap__str_sub(one, 0, equals), khap__str_sub(one, equals + 1, one.len)};
        }
        count = at;
    }
    *n = count;
    return true;
}

static void add_part(struct buf *b, const struct part *part)
{
    khap__buf_add(b, part->type);
    khap__buf_char(b, '=');
    khap__buf_add(b, part->value);
}

static void whole(struct asking *a, const struct call *call, struct sample *out)
{
    struct khap_str dn = a->request->client_subject;
    bool comma = khap__str_eq(argument(call, 2), S("rfc2253"));
    struct part part;
    struct buf b;
    size_t n = 0;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; part_at(dn, i, &n, &part); i++) {
        size_t at = comma ? n - 1 - i : i;
        if (!part_at(dn, at, &n, &part))
            break;
        if (!comma || i > 0)
            khap__buf_char(&b, comma ? ',' : '/');
        add_part(&b, &part);
    }
    a->no_memory = a->no_memory || b.failed;
    khap__sample_text(out, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
}

/* `ssl_c_s_dn(CN,2)`: the second from the beginning; below 0 from the end. */
FETCH(fetch_subject)
{
    struct khap_str dn = a->request->client_subject, name = argument(call, 0);
    struct sample text;
    struct part part;
    int64_t which = 1;
    size_t n = 0;
    if (!shows(a))
        return;
    if (dn.len == 0) {
        khap__sample_unknown(out,
                             khap__routing_because(a, S("the subject of the client's certificate"), NOWHERE));
        return;
    }
    if (name.len == 0) {
        whole(a, call, out);
        return;
    }
    khap__sample_text(&text, SAMPLE_STR, argument(call, 1));
    (void)khap__routing_to_number(&text, &which);
    if (which == 0)
        which = 1;
    for (size_t i = 0; part_at(dn, i, &n, &part); i++) {
        size_t at = which < 0 ? n - 1 - i : i;
        if (!part_at(dn, at, &n, &part) || !khap__str_eq_nocase(part.type, name))
            continue;
        which += which < 0 ? 1 : -1;
        if (which != 0)
            continue;
        khap__sample_text(out, SAMPLE_STR, part.value);
        return;
    }
}

/* ---- the body: nothing of it is known but how long it is */

static void body_size(struct asking *a, struct sample *out)
{
    if (a->body_known)
        khap__sample_number(out, SAMPLE_SINT, (int64_t)a->body_length);
    else
        khap__sample_unknown(out, khap__routing_because(a, S("the length of the body"), NOWHERE));
}

FETCH(fetch_body_size)
{
    if (a->http)
        body_size(a, out);
}

/* How much of it has come in is known where none comes. */
FETCH(fetch_body_len)
{
    if (!a->http)
        return;
    if (a->body_known && a->body_length == 0)
        khap__sample_number(out, SAMPLE_SINT, 0);
    else
        khap__sample_unknown(out, khap__routing_because(a, call->text, call->place));
}

FETCH(fetch_body)
{
    if (!a->http)
        return;
    if (a->body_known && a->body_length == 0)
        khap__sample_text(out, SAMPLE_BIN, S(""));
    else
        khap__sample_unknown(out, khap__routing_because(a, call->text, call->place));
}

FETCH(fetch_body_param)
{
    if (a->http && (!a->body_known || a->body_length != 0))
        khap__sample_unknown(out, khap__routing_because(a, call->text, call->place));
}

/* ---- Authorization */

enum { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };
struct credentials {
    int kind;
    struct khap_str user, password, bearer;
    reasons why;
};

/* The first value of a field with that name, as it is up to a comma. */
static void first_value(struct asking *a, struct khap_str name, struct sample *out)
{
    *out = (struct sample){.state = SAMPLE_ABSENT};
    for (uint32_t i = 0; i < a->state->fields.len && out->state == SAMPLE_ABSENT; i++) {
        if (khap__str_eq_nocase(a->state->fields.ptr[i].name, name))
            *out = a->state->fields.ptr[i].value;
    }
    if (a->state->fields_why != 0)
        khap__sample_unknown(out, a->state->fields_why);
    if (out->state == SAMPLE_KNOWN)
        out->text = khap__str_trim(khap__str_sub(out->text, 0, khap__routing_value_end(out->text, 0)));
}

static bool split_scheme(struct khap_str text, struct khap_str *scheme, struct khap_str *rest)
{
    size_t end = khap__str_find(text, ' '), at = end;
    while (at < text.len && text.ptr[at] == ' ')
        at++;
    *scheme = khap__str_sub(text, 0, end);
    *rest = khap__str_sub(text, at, text.len);
    return end > 0 && end < text.len;
}

static void credentials(struct asking *a, struct credentials *c)
{
    struct sample value;
    struct khap_str scheme, rest;
    struct buf b;
    *c = (struct credentials){.kind = AUTH_NONE};
    if (!a->http)
        return;
    first_value(a, S("authorization"), &value);
    c->why = value.state == SAMPLE_UNKNOWN ? value.why : 0;
    if (value.state != SAMPLE_KNOWN || !split_scheme(value.text, &scheme, &rest))
        return;
    if (a->route->release < KHAP_RELEASE(2, 6) && scheme.len + 1 + rest.len < value.text.len) {
        if (a->route->release > KHAP_RELEASE(2, 2)) /* nobody has looked; 2.2 takes one blank, 2.6 several */
            c->why = khap__routing_because(a, S("several blanks in Authorization"), a->listener->place);
        return;
    }
    if (khap__str_eq_nocase(scheme, S("bearer")) && a->route->release >= KHAP_RELEASE(2, 5)) {
        c->kind = AUTH_BEARER;
        c->bearer = rest;
        return;
    }
    if (!khap__str_eq_nocase(scheme, S("basic")))
        return;
    khap__buf_init(&b, &a->route->alloc);
    bool good = khap__routing_add_base64(&b, rest, false);
    a->no_memory = a->no_memory || b.failed;
    struct khap_str both = khap__routing_keep(a, khap__buf_str(&b));
    khap__buf_free(&b);
    size_t colon = khap__str_find(both, ':');
    if (!good || colon == both.len)
        return;
    c->kind = AUTH_BASIC;
    c->user = khap__str_sub(both, 0, colon);
    c->password = khap__str_sub(both, colon + 1, both.len);
}

FETCH(fetch_auth_user)
{
    struct credentials c;
    credentials(a, &c);
    if (c.why != 0)
        khap__sample_unknown(out, c.why);
    else if (c.kind == AUTH_BASIC)
        khap__sample_text(out, SAMPLE_STR, c.user);
}

FETCH(fetch_auth_pass)
{
    struct credentials c;
    credentials(a, &c);
    if (c.why != 0)
        khap__sample_unknown(out, c.why);
    else if (c.kind == AUTH_BASIC)
        khap__sample_text(out, SAMPLE_STR, c.password);
}

FETCH(fetch_auth_type)
{
    struct credentials c;
    credentials(a, &c);
    if (c.why != 0)
        khap__sample_unknown(out, c.why);
    else if (c.kind != AUTH_NONE)
        khap__sample_text(out, SAMPLE_STR, c.kind == AUTH_BASIC ? S("Basic") : S("Bearer"));
}

FETCH(fetch_auth_bearer)
{
    struct credentials c;
    struct sample value;
    struct khap_str scheme, rest;
    if (!a->http)
        return;
    if (argument(call, 0).len == 0) {
        credentials(a, &c);
        if (c.why != 0)
            khap__sample_unknown(out, c.why);
        else if (c.kind == AUTH_BEARER)
            khap__sample_text(out, SAMPLE_STR, c.bearer);
        return;
    }
    if (a->route->release <= KHAP_RELEASE(3, 0)) /* these have an empty one where there is none */
        khap__sample_text(out, SAMPLE_STR, S(""));
    else if (a->route->release < KHAP_RELEASE(3, 2)) /* nobody has looked */
        khap__sample_unknown(out, khap__routing_because(a, call->text, call->place));
    first_value(a, argument(call, 0), &value);
    if (value.state == SAMPLE_UNKNOWN)
        *out = value;
    else if (value.state == SAMPLE_KNOWN && split_scheme(value.text, &scheme, &rest) && rest.len > 0 &&
             khap__str_eq_nocase(scheme, S("bearer")))
        khap__sample_text(out, SAMPLE_STR, rest);
}

/* KHAP_UNKNOWN with *why: the password is one that nobody here can compute, or the userlist is not all known. */
static enum khap_answer is_user(struct asking *a, const struct call *call, struct credentials *c,
                                uint32_t *list)
{
    credentials(a, c);
    if (c->why != 0)
        return KHAP_UNKNOWN;
    if (c->kind != AUTH_BASIC)
        return KHAP_FALSE;
    enum khap_answer answer = khap__routing_is_user(a, argument(call, 0), c->user, c->password, list);
    if (answer == KHAP_UNKNOWN)
        c->why = khap__routing_because(a, call->text, call->place);
    return answer;
}

FETCH(fetch_auth)
{
    struct credentials c;
    uint32_t list;
    enum khap_answer answer = is_user(a, call, &c, &list);
    if (answer == KHAP_UNKNOWN)
        khap__sample_unknown(out, c.why);
    else if (c.kind == AUTH_BASIC)
        khap__sample_number(out, SAMPLE_BOOL, answer == KHAP_TRUE);
}

/* The name of a user of the list; an ACL compares the user's groups. */
FETCH(fetch_auth_group)
{
    struct credentials c;
    uint32_t list = VIEW_NONE;
    enum khap_answer answer = is_user(a, call, &c, &list);
    if (answer == KHAP_UNKNOWN) {
        khap__sample_unknown(out, c.why);
    } else if (answer == KHAP_TRUE) {
        khap__sample_text(out, SAMPLE_STR, c.user);
        out->number = list;
    }
}
