/* value/address.h - addresses in every form that HAProxy takes in bind, server, log, source …, and networks. SPDX-License-Identifier: MIT */
#ifndef VALUE_ADDRESS_H
#define VALUE_ADDRESS_H

#include "value/number.h"

enum address_family {
    ADDRESS_ANY /* *:80, :80 */,
    ADDRESS_V4,
    ADDRESS_V6,
    ADDRESS_NAME /* host name */,
    ADDRESS_UNIX,
    ADDRESS_ABNS,
    ADDRESS_FD,
    ADDRESS_SOCKPAIR,
    ADDRESS_RHTTP
};
enum address_prefix {
    PREFIX_NONE,
    PREFIX_IPV4,
    PREFIX_IPV6,
    PREFIX_TCP4,
    PREFIX_TCP6,
    PREFIX_UDP,
    PREFIX_UDP4,
    PREFIX_UDP6,
    PREFIX_QUIC4,
    PREFIX_QUIC6,
    PREFIX_UNIX,
    PREFIX_ABNS,
    PREFIX_ABNSZ,
    PREFIX_FD,
    PREFIX_OTHER /* rev@, and what has a "stream+" or "dgram+" before */,
    PREFIX_TCP,
    PREFIX_IP,
    PREFIX_UXST,
    PREFIX_UXDG,
    PREFIX_SOCKPAIR,
    PREFIX_RHTTP,
    PREFIX_MPTCP,
    PREFIX_MPTCP4,
    PREFIX_MPTCP6
};
struct address {
    uint8_t family, prefix;
    bool has_port, relative_port; /* +80, -80: relative to the frontend's */
    bool negative_port;           /* with relative_port: it was -80 */
    /* holds $…: HAProxy expands it even outside quotes. Family NAME, host all of it with its port */
    bool variable;
    /*
     * a range in bind; equal otherwise; 0 without has_port. ":0" is a port too: servers and `source` take
     * it
     */
    uint16_t port, port_last;
    uint8_t ip[16]; /* v4 in the first 4 */
    /* as written, without brackets, prefix and port: name, path, abns name, textual IP */
    struct khap_str host;
    /* as written: "ipv4@", "stream+ip@", ""; printed for PREFIX_OTHER only */
    struct khap_str prefix_text;
};
/*
 * Reads as str2sa_range() of HAProxy does: the last colon is the port's. Never longer than needed: refuses blanks, control bytes, commas, a second colon
 * behind anything but IPv6, numbers that only inet_aton() takes for addresses (10.1), text behind the port. What it borrows, it borrows from s.
 * VALUE_SYNTAX; VALUE_RANGE: a port over 65535, a range that runs backwards, a socket path over 107 bytes, a host name over 253.
 * Where a port must stand (bind) the caller asks for has_port, !relative_port and port != 0, or calls khap__bind_parse().
 */
enum value_error khap__address_parse(struct khap_str s, struct address *out);
/* The four bytes of an IPv4 address, also where it is written as ::ffff:10.0.0.1, which is the same to the kernel; NULL for others. */
const uint8_t *khap__address_v4(const struct address *a);
/* What `bind` takes: a port from 1 (VALUE_RANGE for 0; VALUE_UNIT when there is none, or a relative one) unless it is a socket of another kind. */
enum value_error khap__bind_parse(struct khap_str s, struct address *out);
/* An address alone, no port: 10.0.0.1, 2001:db8::1, [2001:db8::1], host.example. `out->has_port` is false. */
enum value_error khap__host_address_parse(struct khap_str s, struct address *out);
/*
 * As every release of the range reads it: [v6]:80 from 1.7, v6:80 before ("v6:" without a port); canonical IPv6 text (RFC 5952). Reading it again gives
 * the same address.
 */
void khap__address_print(struct buf *out, uint16_t first, uint16_t last, const struct address *a);
/* family (* is 0.0.0.0), bytes and port; names in any case */
bool khap__address_same(const struct address *a, const struct address *b);
/*
 * Two binds that cannot both be bound: wildcard covers; 0.0.0.0, *; [::] is v6only here. A name may be any IPv4 address, so * and 0.0.0.0 cover it, and it
 * is itself. UDP and TCP do not meet; what holds a variable meets nothing.
 */
bool khap__address_overlap(const struct address *a, const struct address *b);
/*
 * What finds the addresses that overlap one, among many: two of one port overlap if they have the key HOST alike, or if one is a wildcard and they have the key GROUP
 * alike. WILDCARD is another name for the group, for the wildcards in it. The bytes are added to `out`, and are for comparing only. Not for variables, nor
 * ranges of ports.
 */
enum address_key { ADDRESS_KEY_HOST, ADDRESS_KEY_GROUP, ADDRESS_KEY_WILDCARD };
void khap__address_key(struct buf *out, const struct address *a, enum address_key which);
/* 0.0.0.0, *, [::], in every writing. */
bool khap__address_is_wildcard(const struct address *a);
/* The first release that knows the prefix, as KHAP_RELEASE(); 105 for those that all know. */
uint16_t khap__address_since(const struct address *a);

/* --- networks: 10.0.0.0/8, 10.1.2.3, 2001:db8::/32 ; bits beyond the mask must be zero: VALUE_RANGE otherwise --- */
struct network {
    uint8_t family; /* ADDRESS_V4 or ADDRESS_V6 */
    uint8_t bits;
    uint8_t ip[16];
};
enum value_error khap__network_parse(struct khap_str s, struct network *out);
void khap__network_print(struct buf *out, const struct network *n); /* always with /bits */

/* --- the text of IP addresses alone; ip: 16 bytes --- */
enum { KHAP__IP_TEXT = 46 };
/* four decimals without leading zeros; clears the other 12 bytes */
bool khap__ipv4_parse(struct khap_str s, uint8_t *ip);
/* Numbers that the resolver takes for one, and so HAProxy: "0", "127.1", "0x7f.0.0.1", "010.0.0.1" is 8.0.0.1. */
bool khap__ipv4_numbers(struct khap_str s, uint8_t *ip);
bool khap__ipv6_parse(struct khap_str s, uint8_t *ip); /* without brackets and zone */
size_t khap__ipv4_print(char text[16], const uint8_t *ip);
size_t khap__ipv6_print(char text[KHAP__IP_TEXT], const uint8_t *ip); /* RFC 5952; ::ffff:192.0.2.1 */

#endif
