/* value/host.h - host names and wildcards, and the names that stand beside them. SPDX-License-Identifier: MIT */
#ifndef VALUE_HOST_H
#define VALUE_HOST_H

#include "value/number.h"

/* --- hosts and wildcards: labels of [a-z0-9_-] up to 63, 253 in all; "*.example.com"; an IP address too ([v6] in brackets as in a Host header) --- */
enum host_kind { HOST_EXACT, HOST_WILDCARD, HOST_IP };
struct host {
    uint8_t kind; /* enum host_kind */
    /*
     * lower case, without final dot; of a wildcard what follows "*."; of an IPv6 address canonical, in
     * brackets
     */
    struct khap_str name;
};
/*
 * The lower-cased name is written to `space` (at least s.len bytes) when s is not lower case already; else `out->name` borrows from s. A name whose last
 * label is a number is an IPv4 address or nothing.
 * VALUE_SYNTAX; VALUE_RANGE: a label or the whole too long; VALUE_UNIT: a '*' that is not the whole first label.
 */
enum value_error khap__host_parse(struct khap_str s, char *space, struct host *out);
unsigned khap__host_labels(struct khap_str name); /* 0 for an empty name */
/* name: as khap__host_parse() gives it. *.x covers a.x and a.b.x, not x. */
bool khap__host_covers(const struct host *pattern, struct khap_str name);

/* --- server, backend, frontend names: [A-Za-z0-9._:-]{1,255}; *bad_at: the first byte that may not stand --- */
bool khap__name_valid(struct khap_str s, size_t *bad_at);
/* --- HTTP header names (tokens) and values (no control bytes but tab, not empty, no blanks at the ends) --- */
bool khap__header_name_valid(struct khap_str s);
enum value_error khap__header_value_check(struct khap_str s, size_t *bad_at);
/* --- cookie names: tokens --- */
bool khap__cookie_name_valid(struct khap_str s);

/*
 * A host name for DNS, in any case and perhaps with a final dot: VALUE_SYNTAX, VALUE_RANGE as above. What ends in a number is refused, because resolvers
 * take "10.1" for 10.0.0.1.
 */
enum value_error khap__hostname_check(struct khap_str s);

#endif
