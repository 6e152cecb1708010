/* kube/json.c - JSON in pieces. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/json.h"

enum state {
    VALUE,      /* a value must come */
    FIRST_ITEM, /* a value, or ] */
    FIRST_KEY,  /* a key, or } */
    KEY,        /* a key must come */
    COLON,
    AFTER, /* , or the end of what is around; outside of everything: the next value */
    STRING,
    NUMBER,
    LITERAL
};
enum escape { NONE, BACKSLASH, HEX1, HEX2, HEX3, HEX4 };

void khap__json_init(struct json *j, const struct khap_alloc *alloc, size_t longest, json_told *told,
                     void *ctx)
{
    *j = (struct json){.told = told, .ctx = ctx, .longest = longest};
    khap__kube_text_init(&j->token, alloc);
}

void khap__json_free(struct json *j)
{
    khap__kube_text_free(&j->token);
}

void khap__json_restart(struct json *j)
{
    j->token.len = 0;
    j->token.failed = false;
    j->state = VALUE;
    j->escape = NONE;
    j->depth = 0;
    j->high = 0;
    j->arrays = 0;
    j->bad = j->passing = false;
}

bool khap__json_between(const struct json *j)
{
    return !j->bad && j->depth == 0 && j->state == VALUE;
}

static bool tell(struct json *j, enum json_event event, struct khap_str text)
{
    return j->told(j->ctx, event, j->depth, text) && !j->token.failed;
}

static void after_value(struct json *j)
{
    j->state = j->depth == 0 ? VALUE : AFTER;
}

static bool open(struct json *j, bool array)
{
    if (j->depth == JSON_DEPTH)
        return false;
    bool good = tell(j, array ? JSON_ARRAY : JSON_OBJECT, S(""));
    uint64_t bit = UINT64_C(1) << j->depth++;
    j->arrays = array ? j->arrays | bit : j->arrays & ~bit;
    j->state = array ? FIRST_ITEM : FIRST_KEY;
    return good;
}

static bool in_array(const struct json *j)
{
    return j->depth > 0 && (j->arrays >> (j->depth - 1) & 1) != 0;
}

static bool close(struct json *j, char c)
{
    bool array = in_array(j);
    if (j->depth == 0 || (c == ']') != array)
        return false;
    j->depth--;
    after_value(j);
    return tell(j, array ? JSON_ARRAY_END : JSON_OBJECT_END, S(""));
}

static void begin_string(struct json *j, bool is_key)
{
    j->state = STRING;
    j->is_key = is_key;
    j->token.len = 0;
}

static bool begin_value(struct json *j, char c)
{
    switch (c) {
    case '{':
    case '[':
        return open(j, c == '[');
    case '"':
        begin_string(j, false);
        return true;
    case 't':
    case 'f':
    case 'n':
        j->state = LITERAL;
        break;
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return false;
        j->state = NUMBER;
    }
    j->token.len = 0;
    khap__kube_add(&j->token, (struct khap_str){&c, 1});
    return true;
}

static bool take_structure(struct json *j, char c)
{
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return true;
    switch ((enum state)j->state) {
    case FIRST_ITEM:
        if (c == ']')
            return close(j, c);
        return begin_value(j, c);
    case VALUE:
        return begin_value(j, c);
    case FIRST_KEY:
        if (c == '}')
            return close(j, c);
        begin_string(j, true);
        return c == '"';
    case KEY:
        begin_string(j, true);
        return c == '"';
    case COLON:
        j->state = VALUE;
        return c == ':';
    case AFTER:
        if (c != ',')
            return close(j, c);
        j->state = in_array(j) ? VALUE : KEY;
        return true;
    case STRING:
    case NUMBER:
    case LITERAL:
        break;
    }
    return false;
}

/* ---- strings */

static void add_code(struct text *t, uint32_t code)
{
    char utf8[4];
    size_t n = 1;
    if (code < 0x80) {
        utf8[0] = (char)code;
    } else if (code < 0x800) {
        utf8[0] = (char)(0xC0 | code >> 6);
        utf8[1] = (char)(0x80 | (code & 0x3F));
        n = 2;
    } else if (code < 0x10000) {
        utf8[0] = (char)(0xE0 | code >> 12);
        utf8[1] = (char)(0x80 | (code >> 6 & 0x3F));
        utf8[2] = (char)(0x80 | (code & 0x3F));
        n = 3;
    } else {
        utf8[0] = (char)(0xF0 | code >> 18);
        utf8[1] = (char)(0x80 | (code >> 12 & 0x3F));
        utf8[2] = (char)(0x80 | (code >> 6 & 0x3F));
        utf8[3] = (char)(0x80 | (code & 0x3F));
        n = 4;
    }
    khap__kube_add(t, (struct khap_str){utf8, n});
}

/* A first half that no second one followed is no character. */
static void end_pair(struct json *j)
{
    if (j->high != 0)
        add_code(&j->token, 0xFFFD);
    j->high = 0;
}

static void end_code(struct json *j)
{
    bool is_low = j->code >= 0xDC00 && j->code < 0xE000;
    if (is_low && j->high != 0) {
        add_code(&j->token, 0x10000 + ((uint32_t)(j->high - 0xD800) << 10) + (uint32_t)(j->code - 0xDC00));
        j->high = 0;
        return;
    }
    end_pair(j);
    if (j->code >= 0xD800 && j->code < 0xDC00)
        j->high = j->code;
    else
        add_code(&j->token, is_low ? 0xFFFD : j->code);
}

static bool take_escaped(struct json *j, char c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (j->escape == BACKSLASH) {
        const char *at = memchr(from, c, sizeof from - 1);
        if (c == 'u') {
            j->escape = HEX1;
            j->code = 0;
            return true;
        }
        if (!at)
            return false;
        end_pair(j);
        khap__kube_add(&j->token, (struct khap_str){to + (at - from), 1});
        j->escape = NONE;
        return true;
    }
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0)
        return false;
    j->code = (uint16_t)(j->code << 4 | digit);
    if (j->escape++ == HEX4) {
        j->escape = NONE;
        end_code(j);
    }
    return true;
}

/* Takes what of the bytes is of the string; how many. SIZE_MAX: what cannot be in one. */
static size_t take_string(struct json *j, struct khap_str bytes)
{
    size_t i = 0;
    if (j->passing && !j->is_key)
        j->token.len = 0;
    if (j->token.len > j->longest)
        return SIZE_MAX;
    if (j->escape != NONE)
        return take_escaped(j, bytes.ptr[0]) ? 1 : SIZE_MAX;
    while (i < bytes.len && bytes.ptr[i] != '"' && bytes.ptr[i] != '\\') {
        if ((unsigned char)bytes.ptr[i] < 0x20)
            return SIZE_MAX;
        i++;
    }
    if (i > 0) {
        end_pair(j);
        if (!j->passing || j->is_key)
            khap__kube_add(&j->token, (struct khap_str){bytes.ptr, i});
        return i;
    }
    if (bytes.ptr[0] == '\\') {
        j->escape = BACKSLASH;
        return 1;
    }
    end_pair(j);
    struct khap_str text = khap__kube_text(&j->token);
    if (j->is_key) {
        j->state = COLON;
        return tell(j, JSON_KEY, text) ? 1 : SIZE_MAX;
    }
    after_value(j);
    return tell(j, JSON_STRING, text) ? 1 : SIZE_MAX;
}

/* ---- numbers and words */

static bool is_number(struct khap_str s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-', from = i;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
        i++;
    if (i == from || (s.ptr[from] == '0' && i - from > 1))
        return false;
    if (i < s.len && s.ptr[i] == '.') {
        from = ++i;
        while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        i += i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-');
        from = i;
        while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    return i == s.len;
}

static bool is_literal(struct khap_str s)
{
    return khap__kube_same(s, S("true")) || khap__kube_same(s, S("false")) || khap__kube_same(s, S("null"));
}

static bool take_word(struct json *j, char c, bool *taken)
{
    enum { LONGEST_NUMBER = 400 };
    bool goes_on =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '+' || c == '-' || c == 'E';
    *taken = goes_on;
    if (goes_on) {
        khap__kube_add(&j->token, (struct khap_str){&c, 1});
        return j->token.len <= LONGEST_NUMBER;
    }
    struct khap_str text = khap__kube_text(&j->token);
    if (j->state == NUMBER ? !is_number(text) : !is_literal(text))
        return false;
    after_value(j);
    return tell(j, JSON_OTHER, text);
}

bool khap__json_take(struct json *j, struct khap_str bytes)
{
    for (size_t at = 0; at < bytes.len && !j->bad;) {
        bool taken = true, good = true;
        if (j->state == STRING) {
            size_t n = take_string(j, khap__kube_rest(bytes, at));
            good = n != SIZE_MAX;
            at += good ? n : 0;
        } else if (j->state == NUMBER || j->state == LITERAL) {
            good = take_word(j, bytes.ptr[at], &taken);
            at += taken;
        } else {
            good = take_structure(j, bytes.ptr[at++]);
        }
        j->bad = !good || j->token.failed;
    }
    return !j->bad;
}

/* ---- written */

/* The character at `at`, and its length; 0xFFFD and 1 for a byte that begins none. */
static uint32_t character(struct khap_str s, size_t at, size_t *len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)s.ptr[at];
    size_t n = c < 0x80                ? 1
               : c >= 0xC0 && c < 0xE0 ? 2
               : c >= 0xE0 && c < 0xF0 ? 3
               : c >= 0xF0 && c < 0xF8 ? 4
                                       : 0;
    uint32_t code = n == 1 ? c : n == 2 ? c & 0x1FU : n == 3 ? c & 0x0FU : c & 0x07U;
    *len = 1;
    if (n == 0 || n > s.len - at)
        return 0xFFFD;
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)s.ptr[at + i];
        if ((next & 0xC0) != 0x80)
            return 0xFFFD;
        code = code << 6 | (next & 0x3FU);
    }
    if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return 0xFFFD;
    *len = n;
    return code;
}

void khap__json_add_quoted(struct text *t, struct khap_str value)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0, len;
    khap__kube_add(t, S("\""));
    for (size_t at = 0; at < value.len; at += len) {
        uint32_t code = character(value, at, &len);
        bool broken = code == 0xFFFD && len == 1;
        /* what JSON escapes, and what YAML takes for no text or for the end of a line */
        if (!broken && code >= 0x20 && code != '"' && code != '\\' && (code < 0x7F || code > 0x9F) &&
            code != 0x2028 && code != 0x2029 && code != 0xFEFF && code != 0xFFFE && code != 0xFFFF)
            continue;
        char escaped[6] = {'\\',          'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15],
                           hex[code & 15]};
        khap__kube_add(t, (struct khap_str){value.ptr + from, at - from});
        khap__kube_add(t, broken ? S("\xEF\xBF\xBD") : (struct khap_str){escaped, sizeof escaped});
        from = at + len;
    }
    khap__kube_add(t, khap__kube_rest(value, from));
    khap__kube_add(t, S("\""));
}
