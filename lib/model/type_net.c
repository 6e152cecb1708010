/* model/type_net.c - addresses, networks, hosts. SPDX-License-Identifier: MIT */
#include "model/types.h"

/* Why an address of this type cannot be; empty when it can. */
static struct khap_str refuse_address(enum row_type type, struct khap_str text, const struct address *a)
{
    if (a->variable)
        return S(": HAProxy would replace the variable");
    if (type == TYPE_LOGTARGET) {
        if (a->family == ADDRESS_UNIX && a->prefix == PREFIX_NONE)
            return text.len <= 90 ? S("") : S(": the path is longer than 90 bytes");
        if (a->prefix != PREFIX_NONE || a->port != a->port_last || a->relative_port)
            return S(" of a log");
        if (a->family == ADDRESS_NAME && !a->has_port)
            return S(": write stdout, stderr, a socket's path, or an address with a port");
        return a->family == ADDRESS_V4 || a->family == ADDRESS_V6 || a->family == ADDRESS_NAME
                   ? S("")
                   : S(" of a log");
    }
    if (a->prefix != PREFIX_NONE || a->relative_port)
        return S(" of IPv4 or IPv6");
    bool ip = a->family == ADDRESS_V4 || a->family == ADDRESS_V6;
    if (type == TYPE_BIND) {
        if (!a->has_port || a->port == 0 || a->port_last == 0)
            return S(": it needs a port from 1 to 65535");
        return ip || a->family == ADDRESS_ANY
                   ? S("")
                   : S(" to listen on: write an IP address and a port, or a port as :80");
    }
    static const uint8_t none[16];
    bool v4 = a->family == ADDRESS_V4;
    if (ip && (v4 ? memcmp(a->ip, none, 4) == 0 || a->ip[0] >= 224
                  : memcmp(a->ip, none, 16) == 0 || a->ip[0] == 0xff))
        return S(" of one machine"); /* in a server line 0.0.0.0 is wherever the client wanted to go */
    if (type == TYPE_HOSTADDRESS)
        return ip || a->family == ADDRESS_NAME ? S("") : S(" of a machine");
    if (!a->has_port || a->port == 0 || a->port_last == 0)
        return S(": it needs a port from 1 to 65535");
    if (a->port != a->port_last)
        return S(": it needs one port");
    return ip || a->family == ADDRESS_NAME ? S("") : S(" of a server");
}

bool khap__read_address(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                        struct setting *out)
{
    enum row_type type = (enum row_type)khap__key_row(key)->type;
    if (type == TYPE_LOGTARGET && (khap__str_eq(text, S("stdout")) || khap__str_eq(text, S("stderr"))))
        return khap__keep_text(r, text, out);
    struct address a = {0};
    enum value_error error =
        type == TYPE_HOSTADDRESS ? khap__host_address_parse(text, &a) : khap__address_parse(text, &a);
    struct khap_str why = error == VALUE_RANGE && type == TYPE_HOSTADDRESS
                              ? S(": a name has at most 253 bytes")
                          : error == VALUE_RANGE ? S(": a port is from 1 to 65535")
                          : error != VALUE_OK    ? S("")
                                                 : refuse_address(type, text, &a);
    if (error == VALUE_OK && why.len == 0)
        return khap__keep_text(r, text, out);
    READER_SAY(r, MSG_BAD_ADDRESS, at, khap__key_path(key), text, why);
    return false;
}

bool khap__read_network(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                        struct setting *out)
{
    struct network network;
    enum value_error error = khap__network_parse(text, &network);
    if (error == VALUE_OK)
        return khap__keep_text(r, text, out);
    READER_SAY(r, MSG_BAD_NETWORK, at, khap__key_path(key), text,
               error == VALUE_RANGE ? S(": bits behind the mask are not zero") : S(""));
    return false;
}

static bool is_ascii(struct khap_str s)
{
    size_t i = 0;
    while (i < s.len && (unsigned char)s.ptr[i] < 0x80)
        i++;
    return i == s.len;
}

bool khap__read_host(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                     struct setting *out)
{
    struct host host;
    bool wildcard_allowed = khap__key_row(key)->type == TYPE_HOST;
    char *space = khap__arena_bytes(&r->model->arena, text.len + 1);
    if (!space) {
        r->no_memory = true;
        return false;
    }
    enum value_error error = text.len == 0 ? VALUE_SYNTAX : khap__host_parse(text, space, &host);
    if (error == VALUE_UNIT) {
        READER_SAY(r, MSG_BAD_WILDCARD, at, khap__key_path(key), text);
        return false;
    }
    if (error != VALUE_OK || (host.kind == HOST_WILDCARD && !wildcard_allowed)) {
        READER_SAY(r, MSG_BAD_HOST, at, khap__key_path(key), text,
                   error == VALUE_OK                      ? S(": a wildcard cannot stand here")
                   : khap__str_eq(text, S("*"))           ? S(": a route without `host` is for any host")
                   : khap__str_find(text, '/') < text.len ? S(": it stands without scheme and path")
                   : khap__str_find(text, ':') < text.len ? S(": it stands without a port, IPv6 in brackets")
                   : !is_ascii(text)                      ? S(": write it in its xn-- form")
                                                          : S(""));
        return false;
    }
    /* kept in the form in which it is compared: lower case, without the final dot */
    out->kind = SETTING_TEXT;
    size_t n = 0;
    if (host.kind == HOST_WILDCARD) {
        memmove(space + 2, host.name.ptr, host.name.len);
        memcpy(space, "*.", 2);
        n = 2;
    } else {
        memmove(space, host.name.ptr, host.name.len);
    }
    out->text = (struct khap_str){space, n + host.name.len};
    return true;
}
