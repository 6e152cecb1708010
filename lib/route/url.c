/* route/url.c - fetches of the address in a URL, and hashes of URLs. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

/* The address in `http://10.0.0.1:81/`, and the port; false: it names none. */
static bool address_of(struct asking *a, struct sample *out, uint8_t ip[16], int64_t *port)
{
    struct khap_str rest = a->state->target.text;
    if (!a->http)
        return false;
    if (a->state->target.state == SAMPLE_UNKNOWN) {
        *out = a->state->target;
        return false;
    }
    *port = khap__str_starts(rest, S("https://")) ? 443 : 80;
    if (!khap__str_starts(rest, S("http://")) && *port == 80)
        return false;
    rest = khap__str_sub(rest, *port == 80 ? 7 : 8, rest.len);
    for (int i = 0; i < 4; i++) {
        size_t n = 0;
        unsigned value = 0;
        for (; n < rest.len && khap__is_digit((unsigned char)rest.ptr[n]) && value < 256; n++)
            value = value * 10 + (unsigned)(rest.ptr[n] - '0');
        if (n == 0 || value > 255 || (i < 3 && (n >= rest.len || rest.ptr[n] != '.')))
            return false;
        ip[i] = (uint8_t)value;
        rest = khap__str_sub(rest, i < 3 ? n + 1 : n, rest.len);
    }
    if (rest.len == 0 || *rest.ptr != ':')
        return true;
    *port = 0;
    for (size_t i = 1; i < rest.len && khap__is_digit((unsigned char)rest.ptr[i]) && *port < 65536; i++)
        *port = *port * 10 + (rest.ptr[i] - '0');
    return true;
}

FETCH(fetch_url_ip)
{
    uint8_t ip[16] = {0};
    int64_t port;
    if (!address_of(a, out, ip, &port))
        return;
    *out = (struct sample){.state = SAMPLE_KNOWN, .type = SAMPLE_IPV4};
    memcpy(out->ip, ip, sizeof ip);
}

FETCH(fetch_url_port)
{
    uint8_t ip[16];
    int64_t port = 0;
    if (address_of(a, out, ip, &port))
        khap__sample_number(out, SAMPLE_SINT, port);
}

/* ---- hashes */

static uint32_t add(uint32_t n, struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++) /* bytes count with their sign */
        n = (uint32_t)(signed char)text.ptr[i] + (n << 6) + (n << 16) - n;
    return n;
}

/* The first field of that name, whole. */
static void first_host(const struct state *state, struct sample *out)
{
    for (uint32_t i = 0; i < state->fields.len && out->state == SAMPLE_ABSENT; i++) {
        if (khap__str_eq_nocase(state->fields.ptr[i].name, S("host")))
            *out = state->fields.ptr[i].value;
    }
    if (state->fields_why != 0)
        khap__sample_unknown(out, state->fields_why);
}

/* Of the host and what follows; with the query the host is not cut at a comma. An unknown sample stays. */
static void hash(struct asking *a, const struct call *call, struct fetching *f, bool query,
                 struct sample *out)
{
    struct sample host = {.state = SAMPLE_ABSENT};
    if (!a->http)
        return;
    if (query) {
        khap__fetch_pathq(a, call, f, out);
        first_host(a->state, &host);
    } else {
        khap__fetch_base(a, call, f, out);
    }
    reasons why =
        (out->state == SAMPLE_UNKNOWN ? out->why : 0) | (host.state == SAMPLE_UNKNOWN ? host.why : 0);
    if (why != 0) {
        khap__sample_unknown(out, why);
        return;
    }
    uint32_t n = add(0, host.state == SAMPLE_KNOWN ? khap__str_trim(host.text) : S(""));
    n = add(n, out->state == SAMPLE_KNOWN ? out->text : S(""));
    khap__sample_number(out, SAMPLE_SINT, khap__routing_avalanche(n));
}

/* With the client's address behind it. */
static void hash_and_source(struct asking *a, const struct call *call, struct fetching *f, bool query,
                            struct sample *out)
{
    const struct sample *source = &a->state->source;
    char bytes[4 + 16];
    hash(a, call, f, query, out);
    if (out->state != SAMPLE_KNOWN)
        return;
    if (source->state != SAMPLE_KNOWN) {
        *out = *source;
        return;
    }
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(out->number >> (24 - 8 * i) & 0xff);
    size_t n = source->type == SAMPLE_IPV6 ? 16 : 4;
    memcpy(bytes + 4, source->ip, n);
    khap__sample_text(out, SAMPLE_BIN, khap__routing_keep(a, (struct khap_str){bytes, 4 + n}));
}

FETCH(fetch_base32)
{
    hash(a, call, f, false, out);
}

FETCH(fetch_url32)
{
    hash(a, call, f, true, out);
}

FETCH(fetch_base32_src)
{
    hash_and_source(a, call, f, false, out);
}

FETCH(fetch_url32_src)
{
    hash_and_source(a, call, f, true, out);
}
