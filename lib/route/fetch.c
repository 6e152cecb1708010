/* route/fetch.c - what fetches give of a request. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static struct khap_str argument(const struct call *call, uint32_t i)
{
    return i < call->n ? call->arguments[i] : S("");
}

/* ---- constants */

FETCH(fetch_true)
{
    khap__sample_number(out, SAMPLE_BOOL, 1);
}

FETCH(fetch_false)
{
    khap__sample_number(out, SAMPLE_BOOL, 0);
}

FETCH(fetch_str)
{
    khap__sample_text(out, SAMPLE_STR, argument(call, 0));
}

FETCH(fetch_int)
{
    struct sample text;
    int64_t n;
    khap__sample_text(&text, SAMPLE_STR, argument(call, 0));
    if (khap__routing_to_number(&text, &n))
        khap__sample_number(out, SAMPLE_SINT, n);
}

FETCH(fetch_bool)
{
    struct khap_str word = argument(call, 0);
    khap__sample_number(out, SAMPLE_BOOL, khap__str_eq_nocase(word, S("true")) || khap__str_eq(word, S("1")));
}

FETCH(fetch_ip)
{
    *out = (struct sample){.state = SAMPLE_KNOWN, .type = SAMPLE_IPV4};
    if (khap__ipv4_parse(argument(call, 0), out->ip))
        return;
    out->type = SAMPLE_IPV6;
    if (!khap__ipv6_parse(argument(call, 0), out->ip))
        out->state = SAMPLE_ABSENT;
}

/* ---- the connection */

FETCH(fetch_src)
{
    *out = a->state->source;
}

FETCH(fetch_src_port)
{
    *out = a->state->source_port;
}

FETCH(fetch_dst)
{
    *out = a->state->destination;
}

FETCH(fetch_dst_port)
{
    *out = a->state->destination_port;
}

FETCH(fetch_fc_src)
{
    *out = a->state->peer;
}

FETCH(fetch_fc_src_port)
{
    *out = a->state->peer_port;
}

FETCH(fetch_fc_dst)
{
    *out = a->state->peer_to;
}

FETCH(fetch_fc_dst_port)
{
    *out = a->state->peer_to_port;
}

FETCH(fetch_ssl_fc)
{
    khap__sample_number(out, SAMPLE_BOOL, a->listener->tls);
}

FETCH(fetch_has_sni)
{
    khap__sample_number(out, SAMPLE_BOOL, a->listener->tls && a->sni.len > 0);
}

FETCH(fetch_sni)
{
    if (a->listener->tls && a->sni.len > 0)
        khap__sample_text(out, SAMPLE_STR, a->sni);
}

/* What stands in the handshake that passes. */
FETCH(fetch_hello_sni)
{
    if (a->tls && !a->listener->tls && a->sni.len > 0)
        khap__sample_text(out, SAMPLE_STR, a->sni);
}

FETCH(fetch_hello_type)
{
    if (a->tls && !a->listener->tls)
        khap__sample_number(out, SAMPLE_SINT, 1);
}

FETCH(fetch_alpn)
{
    struct khap_str alpn = a->request->alpn;
    if (alpn.len == 0)
        alpn = a->version == 30 ? S("h3") : a->version == 20 ? S("h2") : S("http/1.1");
    if (a->listener->tls)
        khap__sample_text(out, SAMPLE_STR, alpn);
}

FETCH(fetch_has_crt)
{
    if (a->listener->tls)
        khap__sample_number(out, SAMPLE_BOOL, a->request->client_cert != 0);
}

FETCH(fetch_http_major)
{
    khap__sample_number(out, SAMPLE_SINT, a->version / 10);
}

FETCH(fetch_fe_name)
{
    khap__sample_text(out, SAMPLE_STR, a->frontend->name);
}

FETCH(fetch_be_name)
{
    khap__sample_text(out, SAMPLE_STR, a->backend != NULL ? a->backend->name : a->frontend->name);
}

FETCH(fetch_defbe)
{
    if (a->frontend->default_backend.len > 0)
        khap__sample_text(out, SAMPLE_STR, a->frontend->default_backend);
}

/* Digits, two for a byte. */
FETCH(fetch_bin)
{
    struct khap_str digits = argument(call, 0);
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i + 1 < digits.len; i += 2)
        khap__buf_char(&b, (char)(khap__hex((unsigned char)digits.ptr[i]) * 16 +
                                  khap__hex((unsigned char)digits.ptr[i + 1])));
    a->no_memory = a->no_memory || b.failed;
    khap__sample_text(out, SAMPLE_BIN, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
}

FETCH(fetch_meth)
{
    khap__sample_text(out, SAMPLE_METH, argument(call, 0));
}

/* ---- the request line */

/* `set-method` does not change what this gives of a method that HAProxy has a number for. */
FETCH(fetch_method)
{
    static const struct khap_str known[] = {{"GET", 3},    {"HEAD", 4},    {"POST", 4},  {"PUT", 3},
                                            {"DELETE", 6}, {"OPTIONS", 7}, {"TRACE", 5}, {"CONNECT", 7}};
    if (!a->http)
        return;
    *out = a->first_method.state == SAMPLE_UNKNOWN ? a->first_method : a->state->method;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (khap__str_eq(a->first_method.text, known[i]))
            khap__sample_text(out, SAMPLE_METH, known[i]);
    }
}

FETCH(fetch_version)
{
    char text[3] = {(char)('0' + a->version / 10 % 10), '.', (char)('0' + a->version % 10)};
    if (a->http)
        khap__sample_text(out, SAMPLE_STR, khap__routing_keep(a, (struct khap_str){text, 3}));
}

FETCH(fetch_true_http)
{
    khap__sample_number(out, SAMPLE_BOOL, a->http);
}

FETCH(fetch_url)
{
    if (a->http)
        *out = a->state->target;
}

struct khap_str khap__routing_path_of(struct khap_str target)
{
    if (target.len > 0 && *target.ptr == '/')
        return target;
    size_t at = 0;
    while (at + 2 < target.len && memcmp(target.ptr + at, "://", 3) != 0)
        at++;
    if (at + 2 >= target.len)
        return khap__str_sub(target, target.len, 0);
    struct khap_str rest = khap__str_sub(target, at + 3, target.len);
    return khap__str_sub(rest, khap__str_find(rest, '/'), rest.len);
}

FETCH(fetch_pathq)
{
    if (!a->http)
        return;
    *out = a->state->target;
    out->text = khap__routing_path_of(out->text);
    if (out->state == SAMPLE_KNOWN && out->text.len == 0)
        out->state = SAMPLE_ABSENT;
}

FETCH(fetch_path)
{
    khap__fetch_pathq(a, call, f, out);
    out->text.len = khap__str_find(out->text, '?');
}

FETCH(fetch_query)
{
    khap__fetch_url(a, call, f, out);
    if (out->state != SAMPLE_KNOWN)
        return;
    size_t mark = khap__str_find(out->text, '?');
    if (mark == out->text.len)
        out->state = SAMPLE_ABSENT;
    out->text = khap__str_sub(out->text, mark + 1, out->text.len);
}

/* ---- parameters of the query */

static bool is_separator(char c, char delimiter)
{
    return c == '&' || c == ';' || c == delimiter;
}

/* The `nth` parameter of that name; without a name of any. */
static bool find_parameter(struct khap_str query, char delimiter, struct khap_str name, uint32_t nth,
                           struct khap_str *value, bool *more)
{
    bool found = false;
    *more = false;
    while (query.len > 0) {
        size_t end = 0;
        while (end < query.len && !is_separator(query.ptr[end], delimiter))
            end++;
        struct khap_str one = khap__str_sub(query, 0, end);
        query = khap__str_sub(query, end + 1, query.len);
        size_t equals = name.len > 0 ? name.len : khap__str_find(one, '=');
        if (!khap__str_starts(one, name) || one.len <= equals || one.ptr[equals] != '=')
            continue;
        if (found) {
            *more = true;
            return true;
        }
        if (nth-- > 0)
            continue;
        *value = khap__str_sub(one, equals + 1, one.len);
        found = true;
    }
    return found;
}

FETCH(fetch_urlp)
{
    struct khap_str value = {NULL, 0};
    char delimiter = call->n > 1 && argument(call, 1).len > 0 ? *argument(call, 1).ptr : '?';
    khap__fetch_url(a, call, f, out);
    if (out->state != SAMPLE_KNOWN)
        return;
    size_t start = khap__str_find(out->text, delimiter);
    out->text = khap__str_sub(out->text, start + 1, out->text.len);
    if (find_parameter(out->text, delimiter, argument(call, 0), f->all ? f->at : 0, &value, &f->more))
        khap__sample_text(out, SAMPLE_STR, value);
    else
        out->state = SAMPLE_ABSENT;
    f->more = f->more && f->all;
}

/* As HAProxy reads them: up to the first byte that is no digit; up to 3.0 what lies below the digits is one, too, and numbers have 32 bits. */
static void to_number(const struct asking *a, struct sample *out)
{
    bool loose = a->route->release <= KHAP_RELEASE(3, 0);
    struct khap_str s = out->text;
    uint32_t n = 0;
    if (out->state != SAMPLE_KNOWN)
        return;
    bool minus = s.len > 0 && *s.ptr == '-';
    for (size_t i = minus; i < s.len; i++) {
        int digit = (signed char)s.ptr[i] - '0';
        if (digit > 9 || (digit < 0 && !loose))
            break;
        n = n * 10 + (uint32_t)digit;
    }
    n = minus ? 0 - n : n;
    khap__sample_number(out, SAMPLE_SINT, n > INT32_MAX ? (int64_t)n - (INT64_C(1) << 32) : (int64_t)n);
}

FETCH(fetch_urlp_val)
{
    khap__fetch_urlp(a, call, f, out);
    to_number(a, out);
}

/* ---- header fields */

size_t khap__routing_value_end(struct khap_str s, size_t at)
{
    bool quoted = false;
    for (; at < s.len; at++) {
        if (s.ptr[at] == '"')
            quoted = !quoted;
        else if (s.ptr[at] == '\\' && quoted && at + 1 < s.len)
            at++;
        else if (s.ptr[at] == ',' && !quoted)
            break;
    }
    return at;
}

static bool is_named(const struct field *field, struct khap_str name)
{
    return name.len == 0 || khap__str_eq_nocase(field->name, name);
}

/* How many values there are, and the one that `wanted` counts from 0; whole fields, or parts between commas. */
static uint32_t field_values(struct asking *a, struct khap_str name, bool whole, uint32_t wanted,
                             struct sample *out)
{
    const struct state *state = a->state;
    uint32_t n = 0;
    out->why = state->fields_why;
    for (uint32_t i = 0; i < state->fields.len; i++) {
        const struct field *field = &state->fields.ptr[i];
        if (!is_named(field, name))
            continue;
        if (field->value.state == SAMPLE_UNKNOWN) {
            out->why |= field->value.why;
            continue;
        }
        struct khap_str text = field->value.text;
        size_t at = 0;
        do {
            size_t end = whole ? text.len : khap__routing_value_end(text, at);
            if (n++ == wanted)
                khap__sample_text(out, SAMPLE_STR, khap__str_trim(khap__str_sub(text, at, end - at)));
            at = end + 1;
        } while (at <= text.len && !whole);
    }
    if (state->fields_why != 0 || out->state != SAMPLE_KNOWN)
        out->state = out->why != 0 ? SAMPLE_UNKNOWN : out->state;
    return n;
}

/* HAProxy's occurrences: from 1, or from the end below 0; without one the last, or all for an ACL. */
static void header(struct asking *a, const struct call *call, struct fetching *f, bool whole,
                   struct sample *out)
{
    struct khap_str name = argument(call, 0), word = argument(call, 1);
    struct sample text, none;
    int64_t occurrence = 0;
    if (!a->http)
        return;
    khap__sample_text(&text, SAMPLE_STR, word);
    none = (struct sample){.state = SAMPLE_ABSENT};
    uint32_t n = field_values(a, name, whole, UINT32_MAX, &none);
    if (none.state == SAMPLE_UNKNOWN) {
        *out = none;
        return;
    }
    if (word.len > 0)
        (void)khap__routing_to_number(&text, &occurrence);
    uint32_t wanted = f->at;
    if (occurrence > 0)
        wanted = occurrence > UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)(occurrence - 1);
    else if (occurrence < 0)
        wanted = -occurrence > (int64_t)n ? UINT32_MAX : n - (uint32_t)-occurrence;
    else if (!f->all)
        wanted = n == 0 ? UINT32_MAX : n - 1;
    else
        f->more = f->at + 1 < n;
    if (wanted != UINT32_MAX)
        (void)field_values(a, name, whole, wanted, out);
}

FETCH(fetch_hdr)
{
    header(a, call, f, false, out);
}

FETCH(fetch_fhdr)
{
    header(a, call, f, true, out);
}

static void count(struct asking *a, const struct call *call, bool whole, struct sample *out)
{
    struct sample none = {.state = SAMPLE_ABSENT};
    if (!a->http)
        return;
    uint32_t n = field_values(a, argument(call, 0), whole, UINT32_MAX, &none);
    if (none.state == SAMPLE_UNKNOWN)
        *out = none;
    else
        khap__sample_number(out, SAMPLE_SINT, n);
}

FETCH(fetch_hdr_cnt)
{
    count(a, call, false, out);
}

FETCH(fetch_fhdr_cnt)
{
    count(a, call, true, out);
}

FETCH(fetch_hdr_val)
{
    header(a, call, f, false, out);
    to_number(a, out);
}

/* An ACL passes over values that are no addresses. */
FETCH(fetch_hdr_ip)
{
    struct network ip;
    bool good;
    for (;; f->at++) {
        f->more = false;
        header(a, call, f, false, out);
        if (out->state != SAMPLE_KNOWN)
            return;
        good = khap__routing_to_ip(out, &ip);
        if (good || !f->more)
            break;
    }
    *out = (struct sample){.state = good ? SAMPLE_KNOWN : SAMPLE_ABSENT,
                           .type = ip.family == ADDRESS_V4 ? SAMPLE_IPV4 : SAMPLE_IPV6};
    memcpy(out->ip, ip.ip, sizeof ip.ip);
}

/* The host, and that behind it. */
static void base(struct asking *a, const struct sample *path, struct sample *out)
{
    struct sample host = {.state = SAMPLE_ABSENT};
    struct buf b;
    if (!a->http)
        return;
    (void)field_values(a, S("host"), true, 0, &host);
    if (path->state == SAMPLE_UNKNOWN || host.state == SAMPLE_UNKNOWN) {
        khap__sample_unknown(out, path->why | host.why);
        return;
    }
    if (host.state == SAMPLE_ABSENT) {
        *out = *path;
        return;
    }
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_add(&b, /* up to a comma */
                  khap__str_trim(khap__str_sub(host.text, 0, khap__routing_value_end(host.text, 0))));
    khap__buf_add(&b, path->state == SAMPLE_KNOWN ? path->text : S(""));
    a->no_memory = a->no_memory || b.failed;
    khap__sample_text(out, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
}

FETCH(fetch_base)
{
    struct sample path = {.state = SAMPLE_ABSENT};
    khap__fetch_path(a, call, f, &path);
    base(a, &path, out);
}

/* With the query. */
FETCH(fetch_baseq)
{
    struct sample all = {.state = SAMPLE_ABSENT};
    khap__fetch_pathq(a, call, f, &all);
    base(a, &all, out);
}

/* The names of the fields, in lower case, each once for each field. */
FETCH(fetch_hdr_names)
{
    char delimiter = argument(call, 0).len > 0 ? *argument(call, 0).ptr : ',';
    struct buf b;
    if (!a->http)
        return;
    reasons why = a->state->fields_why;
    khap__buf_init(&b, &a->route->alloc);
    for (uint32_t i = 0; i < a->state->fields.len; i++) {
        const struct field *field = &a->state->fields.ptr[i];
        why |= field->value.state == SAMPLE_UNKNOWN ? field->value.why : 0;
        if (khap__str_eq_nocase(field->name, S("connection"))) /* HAProxy has taken it out */
            continue;
        if (b.len > 0)
            khap__buf_char(&b, delimiter);
        khap__buf_add(&b, khap__routing_lower(a, field->name));
    }
    a->no_memory = a->no_memory || b.failed;
    if (why != 0)
        khap__sample_unknown(out, why);
    else
        khap__sample_text(out, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
}

/* ---- cookies */

/* At a semicolon, or a comma, outside of quotes. */
static size_t cookie_end(struct khap_str s)
{
    bool quoted = false;
    size_t at = 0;
    for (; at < s.len; at++) {
        if (s.ptr[at] == '"')
            quoted = !quoted;
        else if (s.ptr[at] == '\\' && quoted && at + 1 < s.len)
            at++;
        else if ((s.ptr[at] == ',' || s.ptr[at] == ';') && !quoted)
            break;
    }
    return at;
}

static bool find_cookie(struct khap_str line, struct khap_str name, uint32_t *seen, uint32_t wanted,
                        struct khap_str *value)
{
    bool found = false;
    if (line.len <= name.len + 1) /* HAProxy does not look into such a line: `k=` */
        return false;
    while (line.len > 0) {
        size_t end = cookie_end(line);
        struct khap_str one = khap__str_trim(khap__str_sub(line, 0, end));
        size_t equals = khap__str_find(one, '=');
        line = khap__str_sub(line, end + 1, line.len);
        if (equals == one.len ||
            (name.len > 0 && !khap__str_eq(khap__str_trim(khap__str_sub(one, 0, equals)), name)))
            continue;
        struct khap_str one_value = khap__str_trim(khap__str_sub(one, equals + 1, one.len));
        if ((*seen)++ == wanted) {
            *value = one_value;
            found = true;
        }
    }
    return found;
}

void khap__routing_cookie(struct asking *a, struct khap_str name, struct fetching *f, struct sample *out)
{
    uint32_t seen = 0;
    for (
        uint32_t pass = 0; pass < 2;
        pass++) { /* first they are counted: without an ACL the last one counts, the first where no name is asked for */
        uint32_t wanted = pass == 0 ? UINT32_MAX : f->all ? f->at : name.len == 0 ? 0 : seen - 1;
        if (pass == 1 && seen == 0)
            return;
        f->more = f->all && f->at + 1 < seen;
        seen = 0;
        for (uint32_t i = 0; i < a->state->fields.len; i++) {
            const struct field *field = &a->state->fields.ptr[i];
            struct khap_str value = {NULL, 0};
            if (!is_named(field, S("cookie")))
                continue;
            if (field->value.state == SAMPLE_UNKNOWN || a->state->fields_why != 0) {
                khap__sample_unknown(out, field->value.why | a->state->fields_why);
                return;
            }
            if (find_cookie(field->value.text, name, &seen, wanted, &value))
                khap__sample_text(out, SAMPLE_STR, value);
        }
    }
}

FETCH(fetch_cook)
{
    if (a->http)
        khap__routing_cookie(a, argument(call, 0), f, out);
}

/* How often it is there. */
FETCH(fetch_cook_cnt)
{
    struct fetching one = {.all = true};
    struct sample value;
    int64_t n = 0;
    if (!a->http)
        return;
    do {
        value = (struct sample){.state = SAMPLE_ABSENT};
        khap__routing_cookie(a, argument(call, 0), &one, &value);
        n += value.state == SAMPLE_KNOWN;
        one.at++;
    } while (one.more && value.state == SAMPLE_KNOWN);
    if (value.state == SAMPLE_UNKNOWN)
        *out = value;
    else
        khap__sample_number(out, SAMPLE_SINT, n);
}

FETCH(fetch_cook_val)
{
    khap__fetch_cook(a, call, f, out);
    to_number(a, out);
}

/* ---- variables */

void khap__routing_variable(struct asking *a, struct khap_str name, struct khap_place place,
                            struct sample *out)
{
    for (uint32_t i = 0; i < a->state->variables.len; i++) {
        if (khap__str_eq(a->state->variables.ptr[i].name, name)) {
            *out = a->state->variables.ptr[i].value;
            return;
        }
    }
    if (khap__str_starts(name, S("proc."))) /* other requests set it too */
        khap__sample_unknown(out, khap__routing_because(a, name, place));
    else if (a->state->variables_why != 0)
        khap__sample_unknown(out, a->state->variables_why);
}

FETCH(fetch_var)
{
    khap__routing_variable(a, argument(call, 0), call->place, out);
    if (out->state == SAMPLE_ABSENT && call->n > 1)
        khap__sample_text(out, SAMPLE_STR, argument(call, 1));
}
