/* route/message.c - what HAProxy itself refuses of a request, and adds to one or takes away. Measured on 2.2, 2.6, 3.0, 3.2 and 3.4. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

enum {
    V2_2 = KHAP_RELEASE(2, 2),
    V2_6 = KHAP_RELEASE(2, 6),
    V3_0 = KHAP_RELEASE(3, 0),
    V3_2 = KHAP_RELEASE(3, 2)
};

/* Refused from one release on, taken up to another; in between, and before 2.2, nobody has looked. */
static enum khap_answer since(const struct asking *a, uint16_t taken, uint16_t refused)
{
    if (a->route->release < V2_2)
        return KHAP_UNKNOWN;
    return a->route->release >= refused ? KHAP_TRUE : a->route->release <= taken ? KHAP_FALSE : KHAP_UNKNOWN;
}

static enum khap_answer worse(enum khap_answer a, enum khap_answer b)
{
    return a > b ? a : b;
}

static bool among(struct khap_str set, char c)
{
    return khap__str_find(set, c) < set.len;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || khap__is_digit((unsigned char)c);
}

static bool is_token(struct khap_str s)
{
    bool good = s.len > 0;
    for (size_t i = 0; i < s.len; i++)
        good = good && (is_letter_or_digit(s.ptr[i]) || among(S("!#$%&'*+-.^_`|~"), s.ptr[i]));
    return good;
}

/* ---- the target */

/* The host between `://` and the path; false: no such target. */
static bool authority_of(struct khap_str target, struct khap_str *scheme, struct khap_str *authority)
{
    size_t at = 0;
    while (at + 2 < target.len && memcmp(target.ptr + at, "://", 3) != 0)
        at++;
    if (at == 0 || at + 2 >= target.len)
        return false;
    *scheme = khap__str_sub(target, 0, at);
    struct khap_str rest = khap__str_sub(target, at + 3, target.len);
    *authority = khap__str_sub(rest, 0, khap__str_find(rest, '/'));
    return true;
}

static enum khap_answer bad_target(const struct asking *a, struct khap_str target, struct khap_str method)
{
    struct khap_str scheme, authority;
    enum khap_answer bad = KHAP_FALSE;
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= ' ' || c == '#' || c >= 164)
            return KHAP_TRUE;
        if (c >= 127) /* up to 2.6 it depends on where it stands */
            bad = worse(bad, a->route->release >= V3_0 ? KHAP_TRUE : KHAP_UNKNOWN);
    }
    if (khap__str_eq(method, S("CONNECT")))
        return KHAP_UNKNOWN;
    if (khap__str_eq(target, S("*")))
        return khap__str_eq(method, S("OPTIONS")) ? bad : worse(bad, since(a, V2_6, V3_0));
    if (target.len > 0 && *target.ptr == '/')
        return bad;
    if (!authority_of(target, &scheme, &authority))
        return KHAP_TRUE;
    if (authority.len == 0)
        return worse(bad, since(a, V2_6, V3_0));
    return bad;
}

/* ---- hosts */

/* Without the port that the scheme has anyway. */
static struct khap_str without_default_port(struct khap_str host, struct khap_str scheme)
{
    struct khap_str port = khap__str_eq_nocase(scheme, S("https"))  ? S(":443")
                           : khap__str_eq_nocase(scheme, S("http")) ? S(":80")
                                                                    : S("");
    if (port.len > 0 && khap__str_ends(host, port))
        host.len -= port.len;
    return host;
}

static bool forbidden(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte <= ' ' || byte >= 127 || among(S("#,/?@[\\]"), c);
}

static enum khap_answer bad_host(const struct asking *a, struct khap_str host)
{
    struct khap_str rest = host;
    bool bad = false;
    if (host.len > 0 && *host.ptr == '[') {
        size_t end = khap__str_find(host, ']');
        if (end == host.len)
            return since(a, V2_6, V3_0);
        rest = khap__str_sub(host, end + 1, host.len);
        if (rest.len > 0 && *rest.ptr != ':')
            return KHAP_UNKNOWN;
        host = khap__str_sub(host, 1, end - 1);
    } else {
        rest = S("");
    }
    for (size_t i = 0; i < host.len; i++)
        bad = bad || forbidden(host.ptr[i]);
    for (size_t i = 0; i < rest.len; i++)
        bad = bad || forbidden(rest.ptr[i]);
    return bad ? since(a, V2_6, V3_0) : KHAP_FALSE;
}

/* Several must be equal; an absolute target must name the same one. Of equal ones the first is left. */
static enum khap_answer bad_hosts(struct asking *a, struct khap_str target)
{
    struct state *state = a->state;
    struct khap_str scheme, authority;
    enum khap_answer bad = KHAP_FALSE;
    const struct field *first = NULL;
    uint32_t kept = 0, at = 0;
    for (uint32_t i = 0; i < state->fields.len; i++) {
        const struct field *field = &state->fields.ptr[i];
        bool host = khap__str_eq_nocase(field->name, S("host"));
        if (host && field->value.state != SAMPLE_KNOWN)
            return KHAP_UNKNOWN;
        if (host && first != NULL && !khap__str_eq_nocase(first->value.text, field->value.text))
            return KHAP_TRUE;
        if (host && first != NULL)
            continue;
        state->fields.ptr[kept] = *field;
        if (host) {
            at = kept;
            first = &state->fields.ptr[at];
            bad = worse(bad, bad_host(a, field->value.text));
        }
        kept++;
    }
    state->fields.len = kept;
    if (first == NULL || !authority_of(target, &scheme, &authority))
        return bad;
    if (a->route->release >= V3_2) /* http://host?query */
        authority.len = khap__str_find(authority, '?');
    if (authority.len == 0)
        return bad;
    struct khap_str host = first->value.text, port = authority;
    if (*port.ptr == '[')
        port = khap__str_sub(port, khap__str_find(port, ']'), port.len);
    size_t colon = khap__str_find(port, ':');
    if (among(authority, '@') || among(khap__str_sub(port, colon + 1, port.len), ':'))
        return worse(bad, KHAP_UNKNOWN);
    if (khap__str_eq_nocase(authority, host))
        return bad;
    bool same =
        khap__str_eq_nocase(without_default_port(authority, scheme), without_default_port(host, scheme));
    return worse(bad, same && host.len > 0 ? a->route->release >= V2_6 ? KHAP_FALSE : since(a, 0, V2_2)
                                           : KHAP_TRUE);
}

/* `http://host:80/path` without the port; without a path it gets one. */
static void normalize_target(struct asking *a)
{
    struct sample *target = &a->state->target;
    struct khap_str scheme, authority;
    if (!authority_of(target->text, &scheme, &authority) || a->route->release < V2_6)
        return;
    if (a->route->release >= V3_2)
        authority.len = khap__str_find(authority, '?');
    struct khap_str path = khap__str_sub(target->text, scheme.len + 3 + authority.len, target->text.len);
    if (path.len == 0 && a->route->release >= V3_0)
        path = S("/");
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_add(&b, scheme);
    khap__buf_add(&b, S("://"));
    khap__buf_add(&b, without_default_port(authority, scheme));
    khap__buf_add(&b, path);
    a->no_memory = a->no_memory || b.failed;
    target->text = khap__routing_keep(a, khap__buf_str(&b));
    khap__buf_free(&b);
    for (uint32_t i = 0; i < a->state->fields.len; i++) { /* the same Host loses its port, too */
        struct field *field = &a->state->fields.ptr[i];
        if (khap__str_eq_nocase(field->name, S("host")) && khap__str_eq_nocase(field->value.text, authority))
            field->value.text = without_default_port(field->value.text, scheme);
    }
}

/* A new Host takes the place of the one in an absolute target. */
void khap__routing_new_host(struct asking *a, const struct sample *host)
{
    struct sample *target = &a->state->target;
    struct khap_str scheme, authority;
    struct buf b;
    if (target->state != SAMPLE_KNOWN || !authority_of(target->text, &scheme, &authority))
        return;
    if (host->state != SAMPLE_KNOWN || among(authority, '@')) {
        khap__sample_unknown(
            target, host->why | khap__routing_because(a, S("a user in the target"), a->listener->place));
        return;
    }
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_add(&b, scheme);
    khap__buf_add(&b, S("://"));
    khap__buf_add(&b, host->text);
    khap__buf_add(&b, khap__str_sub(target->text, scheme.len + 3 + authority.len, target->text.len));
    a->no_memory = a->no_memory || b.failed;
    target->text = khap__routing_keep(a, khap__buf_str(&b));
    khap__buf_free(&b);
}

/* ---- other fields */

static bool has_word(const struct state *state, struct khap_str name, struct khap_str word)
{
    for (uint32_t i = 0; i < state->fields.len; i++) {
        struct khap_str text = state->fields.ptr[i].value.text;
        if (!khap__str_eq_nocase(state->fields.ptr[i].name, name))
            continue;
        for (size_t at = 0; at + word.len <= text.len; at++) {
            if (khap__str_eq_nocase(khap__str_sub(text, at, word.len), word))
                return true;
        }
    }
    return false;
}

static enum khap_answer bad_length(struct khap_str text, struct khap_str *before)
{
    struct khap_str rest = text;
    enum khap_answer bad = text.len == 0 ? KHAP_TRUE : KHAP_FALSE;
    while (rest.len > 0) {
        struct khap_str one = khap__str_trim(khap__str_sub(rest, 0, khap__str_find(rest, ',')));
        rest = khap__str_sub(rest, khap__str_find(rest, ',') + 1, rest.len);
        for (size_t i = 0; i < one.len; i++)
            bad = khap__is_digit((unsigned char)one.ptr[i]) ? bad : KHAP_TRUE;
        if (one.len == 0)
            bad = worse(bad, KHAP_UNKNOWN);
        if (before->ptr != NULL && !khap__str_eq(*before, one))
            bad = KHAP_TRUE;
        *before = one;
    }
    return bad;
}

static bool has_body(struct khap_str length)
{
    for (size_t i = 0; i < length.len; i++) {
        if (length.ptr[i] != '0')
            return true;
    }
    return false;
}

static enum khap_answer bad_fields(struct asking *a)
{
    enum khap_answer bad = KHAP_FALSE;
    const struct state *state = a->state;
    struct khap_str length = {NULL, 0};
    bool key = false;
    for (uint32_t i = 0; i < state->fields.len; i++) {
        const struct field *field = &state->fields.ptr[i];
        if (!is_token(field->name))
            return KHAP_TRUE;
        if (field->value.state != SAMPLE_KNOWN)
            continue;
        if (among(field->value.text, '\0'))
            bad = worse(bad, since(a, V2_6, V3_0));
        if (khap__str_eq_nocase(field->name, S("content-length")))
            bad = worse(bad, bad_length(field->value.text, &length));
        if (khap__str_eq_nocase(field->name, S("transfer-encoding")) &&
            !khap__str_eq_nocase(field->value.text, S("chunked")))
            bad = worse(bad, KHAP_UNKNOWN);
        key = key || khap__str_eq_nocase(field->name, S("sec-websocket-key"));
    }
    if (has_word(state, S("upgrade"), S("websocket")) && has_word(state, S("connection"), S("upgrade")))
        bad = worse(bad, key                ? KHAP_UNKNOWN
                         : has_body(length) ? since(a, V2_6, V3_0) /* up to there no upgrade with a body */
                                            : since(a, V2_2, V2_6));
    return bad;
}

/* 3.2 and newer close without a word where the length of a body was read before what they refuse: the request line is
 * read first, then each field, then what fields and target are together. */
static bool closed_silently(const struct asking *a)
{
    const struct state *state = a->state;
    struct khap_str length = {NULL, 0};
    const struct field *host = NULL;
    bool announced = false;
    if (a->route->release < V3_2 || !is_token(state->method.text))
        return false;
    for (size_t i = 0; i < state->target.text.len; i++) {
        unsigned char c = (unsigned char)state->target.text.ptr[i];
        if (c <= ' ' || c == '#' || c >= 127)
            return false;
    }
    for (uint32_t i = 0; i < state->fields.len; i++) {
        const struct field *field = &state->fields.ptr[i];
        struct khap_str text = field->value.text;
        if (!is_token(field->name) || among(text, '\0'))
            return announced;
        if (khap__str_eq_nocase(field->name, S("host"))) {
            if (bad_host(a, text) != KHAP_FALSE ||
                (host != NULL && !khap__str_eq_nocase(host->value.text, text)))
                return announced;
            host = host != NULL ? host : field;
        }
        if (khap__str_eq_nocase(field->name, S("transfer-encoding")))
            return false;
        if (khap__str_eq_nocase(field->name, S("content-length"))) {
            if (bad_length(text, &length) != KHAP_FALSE)
                return announced;
            announced = has_body(length);
        }
    }
    return announced;
}

/* An Upgrade that Connection does not name is taken away by 3.2 and newer; 3.1 was not looked at. */
static void lone_upgrade(struct asking *a)
{
    struct state *state = a->state;
    if (a->route->release <= V3_0 || has_word(state, S("connection"), S("upgrade")))
        return;
    for (uint32_t i = 0; i < state->fields.len; i++) {
        if (khap__str_eq_nocase(state->fields.ptr[i].name, S("upgrade")))
            khap__sample_unknown(
                &state->fields.ptr[i].value,
                khap__routing_because(a, S("an upgrade that Connection does not name"), a->listener->place));
    }
}

enum khap_answer khap__routing_malformed(struct asking *a, bool *silent)
{
    const struct state *state = a->state;
    *silent = false;
    if (a->version >= 20 || state->target.state != SAMPLE_KNOWN || state->method.state != SAMPLE_KNOWN)
        return KHAP_FALSE;
    *silent = closed_silently(a); /* before fields are taken away */
    enum khap_answer bad = is_token(state->method.text) ? KHAP_FALSE : KHAP_TRUE;
    bad = worse(bad, bad_target(a, state->target.text, state->method.text));
    bad = worse(bad, bad_hosts(a, state->target.text));
    bad = worse(bad, bad_fields(a));
    if (bad == KHAP_FALSE) {
        normalize_target(a);
        lone_upgrade(a);
    }
    return bad == KHAP_TRUE && a->frontend->lax ? KHAP_UNKNOWN : bad; /* some of it is taken then */
}

bool khap__routing_refused(struct asking *a, enum khap_answer bad, bool silent)
{
    if (bad == KHAP_FALSE)
        return false;
    a->maybe = bad == KHAP_UNKNOWN
                   ? khap__routing_because(a, S("a request that some releases refuse"), a->listener->place)
                   : 0;
    bool ended = a->maybe == 0;
    struct outcome *o = NULL;
    if (silent)
        khap__routing_closed(a, a->listener->place);
    else
        o = khap__routing_outcome(a, KHAP_ROUTE_ANSWER, a->listener->place);
    if (o != NULL)
        o->public.status = 400;
    struct khap_str scheme, authority;
    if (!ended &&
        authority_of(a->state->target.text, &scheme, &authority)) { /* and what else becomes of it */
        khap__sample_unknown(&a->state->target, a->maybe);
        for (uint32_t i = 0; i < a->state->fields.len; i++) {
            if (khap__str_eq_nocase(a->state->fields.ptr[i].name, S("host")))
                khap__sample_unknown(&a->state->fields.ptr[i].value, a->maybe);
        }
    }
    a->maybe = 0;
    return ended;
}

/* ---- what settings do behind the rules */

/* `option http-restrict-req-hdr-names`. True: the request is refused. */
bool khap__routing_restrict_names(struct asking *a, const struct proxy *proxy)
{
    struct state *state = a->state;
    uint32_t kept = 0;
    bool found = false;
    for (uint32_t i = 0; i < state->fields.len && proxy->restrict_names != NAMES_ANY; i++) {
        struct khap_str name = state->fields.ptr[i].name;
        bool good = true;
        for (size_t c = 0; c < name.len; c++)
            good = good && (is_letter_or_digit(name.ptr[c]) || name.ptr[c] == '-');
        found = found || !good;
        if (good || proxy->restrict_names == NAMES_REJECT)
            state->fields.ptr[kept++] = state->fields.ptr[i];
    }
    if (proxy->restrict_names == NAMES_ANY)
        return false;
    state->fields.len = kept;
    if (!found || proxy->restrict_names != NAMES_REJECT)
        return false;
    a->maybe = 0;
    struct outcome *o = khap__routing_outcome(a, KHAP_ROUTE_DENIED, proxy->restrict_place);
    if (o != NULL)
        o->public.status = 403;
    return true;
}

static bool is_there(const struct state *state, struct khap_str name, reasons *why)
{
    bool found = false;
    for (uint32_t i = 0; i < state->fields.len; i++) {
        const struct field *field = &state->fields.ptr[i];
        if (!khap__str_eq_nocase(field->name, name))
            continue;
        *why |= field->value.state == SAMPLE_UNKNOWN ? field->value.why : 0;
        found = true;
    }
    return found;
}

/* One of `option forwardfor` and `option originalto`, of the frontend and of the backend. */
static void add_address(struct asking *a, const struct added_field *front, const struct added_field *back,
                        struct khap_str name, const struct sample *address)
{
    struct sample value = {.state = SAMPLE_ABSENT};
    struct network ip;
    reasons why = a->state->fields_why;
    bool skip = false;
    if (!front->there && !back->there)
        return;
    const struct added_field *own = back->there ? back : front;
    if (own->name.len > 0)
        name = own->name;
    if ((!front->there || front->if_none) && (!back->there || back->if_none)) {
        bool there = is_there(a->state, name, &why);
        if (there && why == 0)
            return;
    } else {
        why = 0;
    }
    for (int i = 0; i < 2; i++) {
        const struct added_field *one = i == 0 ? front : back;
        if (!one->there || !one->has_except)
            continue;
        if (address->state == SAMPLE_UNKNOWN)
            why |= address->why;
        else if (khap__routing_to_ip(address, &ip))
            skip = skip || khap__routing_in_network(&ip, &one->except);
    }
    if (skip || address->state == SAMPLE_ABSENT)
        return;
    if (address->state == SAMPLE_UNKNOWN || why != 0)
        khap__sample_unknown(&value, address->why | why);
    else {
        struct khap_str text;
        (void)khap__routing_to_text(a, address, &text);
        khap__sample_text(&value, SAMPLE_STR, text);
    }
    if (!VEC_PUSH(&a->route->alloc, &a->state->fields, ((struct field){name, value})))
        a->no_memory = true;
}

void khap__routing_add_fields(struct asking *a, const struct proxy *backend)
{
    add_address(a, &a->frontend->forwardfor, &backend->forwardfor, S("x-forwarded-for"), &a->state->source);
    const struct sample *from = &a->state->source;
    bool other = a->state->destination.type == SAMPLE_IPV6 || from->type == SAMPLE_IPV6 ||
                 from->state == SAMPLE_ABSENT; /* 2.2 wants both of IPv4 */
    if (a->route->release < V2_6 && from->state == SAMPLE_UNKNOWN) {
        add_address(a, &a->frontend->originalto, &backend->originalto, S("x-original-to"), from);
    } else if (!other || a->route->release >= V2_6) {
        add_address(a, &a->frontend->originalto, &backend->originalto, S("x-original-to"),
                    &a->state->destination);
    } else if (a->route->release > V2_2) { /* 2.2 passes over it */
        struct sample unknown;
        khap__sample_unknown(&unknown,
                             khap__routing_because(a, S("`option originalto`"), a->listener->place));
        add_address(a, &a->frontend->originalto, &backend->originalto, S("x-original-to"), &unknown);
    }
}
