/* model/type_http.c - what HTTP and HAProxy's own little languages want. SPDX-License-Identifier: MIT */
#include "base/nearest.h"
#include "model/types.h"

bool khap__read_path(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                     struct setting *out)
{
    bool uri = khap__key_row(key)->type == TYPE_URI;
    size_t query = uri ? khap__str_find(text, '?') : text.len;
    bool good = khap__path_parse(khap__str_sub(text, 0, query)) == VALUE_OK;
    for (size_t i = query; i < text.len; i++)
        good = good && text.ptr[i] > ' ' && text.ptr[i] < 0x7f && text.ptr[i] != '#';
    if (good)
        return khap__keep_text(r, text, out);
    READER_SAY(r, MSG_BAD_PATH, at, khap__key_path(key), text,
               text.len == 0 || text.ptr[0] != '/' ? S(": it begins with a slash")
               : uri                               ? S(": it holds no blank, # or byte outside of ASCII")
                                                   : S(": it holds no blank, ?, # or byte outside of ASCII"));
    return false;
}

bool khap__read_http(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                     struct setting *out)
{
    bool good = false;
    enum message_id id = MSG_BAD_HEADER_VALUE;
    switch ((int)khap__key_row(key)->type) {
    case TYPE_HEADERVALUE:
        good = khap__header_value_check(text, NULL) == VALUE_OK;
        break;
    case TYPE_LOGFORMAT:
        if (key == KEY_LOG_FORMAT && khap__str_find(text, '%') == text.len &&
            !khap__str_eq(text, S("http")) &&
            !khap__str_eq(text, S("json"))) { /* each line would be the same */
            READER_SAY(r, MSG_NOT_A_CHOICE, at, khap__key_path(key), text,
                       S(": it is `http`, `json` or a HAProxy log format, which has a %"));
            return false;
        }
        id = MSG_BAD_FORMAT;
        good =
            khap__header_value_check(text, NULL) == VALUE_OK && khap__logformat_check(text, NULL) == VALUE_OK;
        break;
    case TYPE_HEADERNAME:
        id = MSG_BAD_HEADER_NAME;
        good = text.len <= 255 && khap__header_name_valid(text);
        break;
    case TYPE_COOKIENAME:
        id = MSG_BAD_COOKIE_NAME;
        good = text.len <= 255 && khap__cookie_name_valid(text);
        if (key == KEY_SERVICE_HASH_COOKIE) /* in an expression it would begin a quotation */
            good = good && khap__str_find(text, '\'') == text.len;
        break;
    default:
        break;
    }
    if (good && text.len <= 8192)
        return khap__keep_text(r, text, out);
    READER_SAY(r, id, at, khap__key_path(key), text);
    return false;
}

struct status_range khap__status_range(struct khap_str text)
{
    struct status_range range = {0, 0};
    int64_t n = 0;
    size_t dash = khap__str_find(text, '-');
    if (khap__int_parse(khap__str_sub(text, 0, dash), 100, 599, &n) != VALUE_OK)
        return range;
    range.from = range.to = (uint16_t)n;
    if (dash < text.len) {
        if (khap__int_parse(khap__str_sub(text, dash + 1, text.len), range.from, 599, &n) != VALUE_OK)
            return (struct status_range){0, 0};
        range.to = (uint16_t)n;
    }
    return range;
}

bool khap__read_status(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                       struct setting *out)
{
    if (khap__status_range(text).from)
        return khap__keep_text(r, text, out);
    READER_SAY(r, MSG_BAD_STATUS, at, khap__key_path(key), text);
    return false;
}

bool khap__read_limit_key(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                          struct setting *out)
{
    bool named = khap__str_starts(text, S("header ")) || khap__str_starts(text, S("cookie "));
    bool good = named && text.len > 7 && text.len <= 7 + 255;
    /* the name becomes an argument of a fetch, where other bytes would be its syntax */
    for (size_t i = 7; good && i < text.len; i++)
        good = khap__is_alnum((unsigned char)text.ptr[i]) || memchr("-_.", text.ptr[i], 3);
    if (good || khap__str_eq(text, S("src")))
        return khap__keep_text(r, text, out);
    READER_SAY(r, MSG_NOT_A_CHOICE, at, khap__key_path(key), text,
               S(": it is `src`, `header NAME` or `cookie NAME`, with a name of letters, digits and - _ ."));
    return false;
}

/* "https://host" or "https://host:port", in lower case, as browsers write it; *. before the host is any subdomain. */
static bool is_origin(struct khap_str text)
{
    size_t scheme = khap__str_starts(text, S("https://")) ? 8 : khap__str_starts(text, S("http://")) ? 7 : 0;
    struct khap_str host = khap__str_sub(text, scheme, text.len);
    if (khap__str_starts(host, S("*.")))
        host = khap__str_sub(host, 2, host.len);
    size_t colon = khap__str_find(host, ':');
    int64_t port;
    if (scheme == 0 || colon == 0 || text.len > 255)
        return false;
    for (size_t i = 0; i < colon; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        if (!(khap__is_alnum(c) && !(c >= 'A' && c <= 'Z')) && c != '.' && c != '-' && c != '_')
            return false;
    }
    return colon == host.len ||
           khap__int_parse(khap__str_sub(host, colon + 1, host.len), 1, 65535, &port) == VALUE_OK;
}

static bool is_media_type(struct khap_str text)
{
    size_t slash = khap__str_find(text, '/');
    return text.len <= 255 && slash < text.len && khap__header_name_valid(khap__str_sub(text, 0, slash)) &&
           khap__header_name_valid(khap__str_sub(text, slash + 1, text.len));
}

bool khap__read_web(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                    struct setting *out)
{
    bool good = text.len > 0 && text.len <= 255;
    switch ((int)khap__key_row(key)->type) {
    case TYPE_REALM: /* HAProxy puts it between quotes as it is */
        for (size_t i = 0; good && i < text.len; i++)
            good = text.ptr[i] >= ' ' && text.ptr[i] < 0x7f && text.ptr[i] != '"' && text.ptr[i] != '\\';
        if (!good)
            READER_SAY(r, MSG_BAD_REALM, at, khap__key_path(key), text);
        break;
    case TYPE_ORIGIN:
        good = is_origin(text) || khap__str_eq(text, S("*"));
        if (!good)
            READER_SAY(r, MSG_BAD_ORIGIN, at, khap__key_path(key), text);
        break;
    default:
        good = is_media_type(text);
        if (!good)
            READER_SAY(r, MSG_BAD_MEDIA_TYPE, at, khap__key_path(key), text);
        break;
    }
    return good && khap__keep_text(r, text, out);
}

/* The next word of text from *at; empty at the end. Blanks separate. */
static struct khap_str next_word(struct khap_str text, size_t *at)
{
    while (*at < text.len && text.ptr[*at] == ' ')
        (*at)++;
    size_t from = *at;
    while (*at < text.len && text.ptr[*at] != ' ')
        (*at)++;
    return khap__str_sub(text, from, *at - from);
}

static bool is_number(struct khap_str s)
{
    int64_t n;
    return khap__int_parse(s, 1, 1000000, &n) == VALUE_OK;
}

/* WORD(NAME) with a name that is a token. */
static bool has_argument(struct khap_str s, struct khap_str word)
{
    return s.len > word.len + 2 && khap__str_starts(s, word) && s.ptr[word.len] == '(' &&
           s.ptr[s.len - 1] == ')' &&
           khap__header_name_valid(khap__str_sub(s, word.len + 1, s.len - word.len - 2));
}

static bool balance_valid(struct khap_str text)
{
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!khap__is_alnum(c) && !memchr(" ()._:,-+/", c, 10))
            return false;
    }
    struct khap_str algorithm = next_word(text, &at), word = next_word(text, &at);
    static const char plain[][12] = {"roundrobin", "static-rr", "leastconn", "first", "source", "random"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (khap__str_eq(algorithm, khap__str(plain[i])))
            return word.len == 0;
    }
    if (khap__str_starts(algorithm, S("random(")) && khap__str_ends(algorithm, S(")")))
        return word.len == 0 && is_number(khap__str_sub(algorithm, 7, algorithm.len - 8));
    if (has_argument(algorithm, S("hdr")))
        return word.len == 0 || (khap__str_eq(word, S("use_domain_only")) && next_word(text, &at).len == 0);
    if (khap__str_eq(algorithm, S("rdp-cookie")) || has_argument(algorithm, S("rdp-cookie")))
        return word.len == 0;
    if (khap__str_eq(algorithm, S("url_param")))
        return khap__header_name_valid(word) && next_word(text, &at).len == 0;
    if (khap__str_eq(algorithm, S("hash")))
        return word.len > 0 && next_word(text, &at).len == 0;
    if (!khap__str_eq(algorithm, S("uri")))
        return false;
    for (; word.len; word = next_word(text, &at)) {
        if (khap__str_eq(word, S("whole")))
            continue;
        if (!khap__str_eq(word, S("len")) && !khap__str_eq(word, S("depth")))
            return false;
        if (!is_number(next_word(text, &at)))
            return false;
    }
    return true;
}

bool khap__read_balance(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                        struct setting *out)
{
    if (balance_valid(text))
        return khap__keep_text(r, text, out);
    static const char known[][12] = {"roundrobin", "static-rr", "leastconn", "first", "source",
                                     "random",     "uri",       "url_param", "hash"};
    struct nearest nearest;
    khap__nearest_start(&nearest, text);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        /* one that needs arguments, without them, is not a slip of the pen */
        if (!khap__str_eq(text, khap__str(known[i])))
            khap__nearest_offer(&nearest, khap__str(known[i]));
    }
    khap__buf_clear(&r->scratch);
    khap__nearest_add(&nearest, &r->scratch);
    READER_SAY(r, MSG_BAD_BALANCE, at, khap__key_path(key), text, khap__buf_str(&r->scratch));
    return false;
}
