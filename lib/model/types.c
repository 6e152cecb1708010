/* model/types.c - scalars by what their key wants. SPDX-License-Identifier: MIT */
#include "base/nearest.h"
#include "model/types.h"

bool khap__keep_text(struct reader *r, struct khap_str text, struct setting *out)
{
    out->kind = SETTING_TEXT;
    if (khap__arena_dup(&r->model->arena, text, &out->text) != KHAP_OK) {
        r->no_memory = true;
        return false;
    }
    return true;
}

static bool keep_number(struct setting *out, enum setting_kind kind, int64_t n)
{
    out->kind = (uint8_t)kind;
    out->number = n;
    return true;
}

static struct khap_str number_text(struct reader *r, uint64_t n, size_t *from)
{
    *from = r->scratch.len;
    khap__buf_uint(&r->scratch, n);
    return (struct khap_str){NULL, r->scratch.len - *from};
}

static void say_range(struct reader *r, enum key key, struct khap_place at, struct khap_str low,
                      struct khap_str high, struct khap_str found)
{
    READER_SAY(r, MSG_OUT_OF_RANGE, at, khap__key_path(key), low, high, found);
}

static bool read_int(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                     struct setting *out)
{
    const struct key_row *row = khap__key_row(key);
    int64_t n = 0;
    switch (khap__int_parse(text, row->min, row->max, &n)) {
    case VALUE_OK:
        return keep_number(out, SETTING_INT, n);
    case VALUE_RANGE: {
        size_t low_at, high_at;
        khap__buf_clear(&r->scratch);
        struct khap_str low = number_text(r, row->min, &low_at), high = number_text(r, row->max, &high_at);
        if (r->scratch.failed) {
            r->no_memory = true;
            return false;
        }
        low.ptr = r->scratch.ptr + low_at;
        high.ptr = r->scratch.ptr + high_at;
        say_range(r, key, at, low, high, text);
        return false;
    }
    default:
        READER_SAY(r, MSG_NOT_A_NUMBER, at, khap__key_path(key), text);
        return false;
    }
}

static bool read_time(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                      struct setting *out)
{
    const struct key_row *row = khap__key_row(key);
    bool seconds = row->type == TYPE_SECONDS;
    uint64_t unit = seconds ? 1000000 : 1000, us = 0;
    enum value_error error = khap__time_parse(text, unit, &us);
    if (error == VALUE_OK && us >= row->min * unit && us <= row->max * unit)
        return keep_number(out, SETTING_TIME, (int64_t)us);
    if (error == VALUE_OK || error == VALUE_RANGE)
        say_range(r, key, at, seconds ? S("0s") : S("1ms"), seconds ? S("2147483647s") : S("2147483647ms"),
                  text);
    else
        READER_SAY(r, MSG_BAD_TIME, at, khap__key_path(key), text);
    return false;
}

static bool read_enum(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                      struct setting *out)
{
    const char *word;
    struct nearest nearest;
    size_t n = 0;
    khap__nearest_start(&nearest, text);
    for (; (word = khap__key_word(key, n)) != NULL; n++) {
        struct khap_str w = khap__str(word);
        if (khap__str_eq(w, text)) {
            out->kind = SETTING_TEXT;
            out->text = w;
            return true;
        }
        khap__nearest_offer(&nearest, w);
    }
    struct buf *b = &r->scratch;
    khap__buf_clear(b);
    if (nearest.best.len && n > 8) {
        khap__nearest_add(&nearest, b);
    } else {
        khap__buf_add(b, n == 1 ? S(", only `") : S(": it is one of "));
        for (size_t i = 0; i < n; i++) {
            if (n > 1)
                khap__buf_add(b, i == 0 ? S("`") : i + 1 == n ? S(" and `") : S(", `"));
            khap__buf_add(b, khap__str(khap__key_word(key, i)));
            khap__buf_char(b, '`');
        }
    }
    READER_SAY(r, MSG_NOT_A_CHOICE, at, khap__key_path(key), text, khap__buf_str(b));
    return false;
}

static bool read_bool(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                      struct setting *out)
{
    bool value;
    if (khap__bool_parse(text, &value))
        return keep_number(out, SETTING_BOOL, value);
    READER_SAY(r, MSG_NOT_A_BOOLEAN, at, khap__key_path(key), text);
    return false;
}

/* No byte that could end a word or a line in any release; says what there is. */
bool khap__check_bytes(struct reader *r, enum key key, struct khap_str text, struct khap_place at)
{
    if (key == KEY_SERVICE_BASIC_AUTH_USER)
        at = NOWHERE; /* a line with a password in it is not shown */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != 0x7f)
            continue;
        READER_SAY(r, MSG_BAD_TEXT, at, khap__key_path(key),
                   c == '\n'   ? S("a line end")
                   : c == '\t' ? S("a tab")
                   : c == 0    ? S("a NUL byte")
                               : S("a control character"));
        return false;
    }
    if (text.len <= 4096)
        return true;
    READER_SAY(r, MSG_BAD_TEXT, at, khap__key_path(key), S("more than 4096 bytes"));
    return false;
}

static bool read_text(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                      struct setting *out)
{
    if (text.len == 0 && (key == KEY_SERVICE_JWT_ISSUER || key == KEY_SERVICE_JWT_AUDIENCE)) {
        READER_SAY(r, MSG_MISSING_VALUE, at, khap__key_path(key));
        return false;
    }
    return khap__check_bytes(r, key, text, at) && khap__keep_text(r, text, out);
}

static bool read_file(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                      struct setting *out)
{
    if (text.len == 0) {
        READER_SAY(r, MSG_MISSING_VALUE, at, khap__key_path(key));
        return false;
    }
    return read_text(r, key, text, at, out);
}

/* HAProxy reads a socket's path as an address: "$" would be a variable, a comma a second address, "x@" a
 * prefix. */
static bool read_socket(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                        struct setting *out)
{
    bool good = text.len > 1 && text.len <= 90 && text.ptr[0] == '/';
    for (size_t i = 0; good && i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        good = c > 0x20 && c < 0x7f && c != '$' && c != ',' && c != '@';
    }
    if (good)
        return khap__keep_text(r, text, out);
    READER_SAY(r, MSG_BAD_PATH, at, khap__key_path(key), text,
               S(" of a socket: it begins with a slash, has at most 90 bytes, and no blank, $, comma or @"));
    return false;
}

static bool read_octal(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                       struct setting *out)
{
    bool good = text.len == 3 || text.len == 4;
    for (size_t i = 0; good && i < text.len; i++)
        good = text.ptr[i] >= '0' && text.ptr[i] <= '7';
    if (good)
        return khap__keep_text(r, text, out);
    READER_SAY(r, MSG_BAD_FILE_MODE, at, khap__key_path(key), text);
    return false;
}

static bool read_name(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                      struct setting *out)
{
    if (khap__name_valid(text, NULL))
        return khap__keep_text(r, text, out);
    bool group = key == KEY_PROCESS_GROUP || key == KEY_PROCESS_SOCKET_GROUP,
         user = key == KEY_PROCESS_USER || key == KEY_PROCESS_SOCKET_USER || key == KEY_SERVICE_CHECK_USER;
    struct khap_str thing = key == KEY_SERVICE_SERVER_NAME   ? S("server")
                            : key == KEY_SERVICE_NODES_NAMES ? S("node")
                            : key == KEY_SERVICE_FRONTENDS   ? S("frontend")
                            : key == KEY_SERVICE_BACKEND     ? S("backend")
                            : key == KEY_SERVICE_JWT_CLAIM   ? S("claim")
                            : group                          ? S("group")
                            : user                           ? S("user")
                                                             : S("service");
    READER_SAY(r, MSG_BAD_NAME, at, thing, text,
               text.len == 0    ? S("it is empty")
               : text.len > 255 ? S("it is longer than 255 bytes")
                                : S("it may hold letters, digits and . _ : - only"));
    return false;
}

static bool read_target(struct reader *r, struct khap_str text, struct khap_place at, struct setting *out)
{
    struct khap_target target;
    khap_target_init(&target);
    /* said only when it is wrong: what there is to note comes when the target is asked for */
    if (khap_target_parse(text, &target, NULL, at) == KHAP_OK)
        return khap__keep_text(r, text, out);
    khap_target_parse(text, &target, r->diags, at);
    r->bad = true;
    return false;
}

static bool read_lines(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                       struct setting *out)
{
    if (text.len && memchr(text.ptr, 0, text.len)) {
        READER_SAY(r, MSG_BAD_TEXT, at, khap__key_path(key), S("a NUL byte"));
        return false;
    }
    return khap__keep_text(r, text, out);
}

bool khap__read_scalar(struct reader *r, enum key key, const struct yaml_node *node, struct setting *out)
{
    const struct key_row *row = khap__key_row(key);
    struct khap_place at = khap__reader_place(r, node);
    if (khap__told_already(r, node))
        return false;
    if (node->kind == YAML_NULL) {
        READER_SAY(r, MSG_MISSING_VALUE, at, khap__key_path(key));
        return false;
    }
    if (node->kind != YAML_SCALAR) {
        READER_SAY(r, MSG_WRONG_TYPE, at, khap__key_path(key), S("a single value"),
                   node->kind == YAML_SEQUENCE ? S("a list") : S("a mapping"));
        return false;
    }
    struct khap_str text = khap__yaml_text(node);
    switch ((enum row_type)row->type) {
    case TYPE_BOOL:
        return read_bool(r, key, text, at, out);
    case TYPE_INT:
        return read_int(r, key, text, at, out);
    case TYPE_TIME:
    case TYPE_SECONDS:
        return read_time(r, key, text, at, out);
    case TYPE_ENUM:
        return read_enum(r, key, text, at, out);
    case TYPE_TARGET:
        return read_target(r, text, at, out);
    case TYPE_FILE:
        return read_file(r, key, text, at, out);
    case TYPE_SOCKET:
        return read_socket(r, key, text, at, out);
    case TYPE_OCTAL:
        return read_octal(r, key, text, at, out);
    case TYPE_NAME:
        return read_name(r, key, text, at, out);
    case TYPE_LOGTARGET:
    case TYPE_HOSTADDRESS:
    case TYPE_BIND:
    case TYPE_ENDPOINT:
        return khap__read_address(r, key, text, at, out);
    case TYPE_NETWORK:
        return khap__read_network(r, key, text, at, out);
    case TYPE_HOST:
    case TYPE_HOSTNAME:
        return khap__read_host(r, key, text, at, out);
    case TYPE_PATH:
    case TYPE_URI:
        return khap__read_path(r, key, text, at, out);
    case TYPE_HEADERVALUE:
    case TYPE_HEADERNAME:
    case TYPE_LOGFORMAT:
    case TYPE_COOKIENAME:
        return khap__read_http(r, key, text, at, out);
    case TYPE_STATUS:
        return khap__read_status(r, key, text, at, out);
    case TYPE_BALANCE:
        return khap__read_balance(r, key, text, at, out);
    case TYPE_LINES:
        return read_lines(r, key, text, at, out);
    case TYPE_REALM:
    case TYPE_ORIGIN:
    case TYPE_MEDIATYPE:
        return khap__read_web(r, key, text, at, out);
    case TYPE_LIMITKEY:
        return khap__read_limit_key(r, key, text, at, out);
    case TYPE_TEXT:
    case TYPE_NONE:
        break;
    }
    return read_text(r, key, text, at, out);
}
