/* route/query.c - converters that look into JSON. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"
#include "value/decimal.h"

#include <stdlib.h>

enum { MOST_DEPTH = 20 };

static struct khap_str argument(const struct call *call, uint32_t i)
{
    return i < call->n ? call->arguments[i] : S("");
}

/* A text that is read from `at` on. */
struct reader {
    struct khap_str text;
    size_t at;
};

static void blanks(struct reader *r)
{
    while (r->at < r->text.len && (r->text.ptr[r->at] == ' ' || r->text.ptr[r->at] == '\t' ||
                                   r->text.ptr[r->at] == '\n' || r->text.ptr[r->at] == '\r'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    blanks(r);
    if (r->at >= r->text.len || r->text.ptr[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, struct khap_str word)
{
    if (!khap__str_starts(khap__str_sub(r->text, r->at, r->text.len), word))
        return false;
    r->at += word.len;
    return true;
}

/* What stands between the quotes, as it is written. */
static bool take_string(struct reader *r, struct khap_str *out)
{
    if (!take(r, '"'))
        return false;
    size_t from = r->at;
    for (; r->at < r->text.len && r->text.ptr[r->at] != '"'; r->at++) {
        if ((unsigned char)r->text.ptr[r->at] < 32)
            return false;
        if (r->text.ptr[r->at] == '\\')
            r->at++;
    }
    *out = khap__str_sub(r->text, from, r->at - from);
    return r->at++ < r->text.len;
}

static bool take_digits(struct reader *r)
{
    size_t from = r->at;
    while (r->at < r->text.len && khap__is_digit((unsigned char)r->text.ptr[r->at]))
        r->at++;
    return r->at > from;
}

static bool take_number(struct reader *r)
{
    (void)take_word(r, S("-"));
    if (!take_digits(r))
        return false;
    if (take_word(r, S(".")) && !take_digits(r))
        return false;
    if (take_word(r, S("e")) || take_word(r, S("E"))) {
        if (!take_word(r, S("-")))
            (void)take_word(r, S("+"));
        return take_digits(r);
    }
    return true;
}

/* A value that holds no other, and the first byte of what it is: `"`, `0`, `t`, `f`, `n`. */
static char take_scalar(struct reader *r, struct khap_str *out)
{
    blanks(r);
    size_t from = r->at;
    char kind = r->at < r->text.len ? r->text.ptr[r->at] : '\0';
    bool good;
    if (kind == '"')
        return take_string(r, out) ? kind : '\0';
    if (kind == '-' || khap__is_digit((unsigned char)kind)) {
        kind = '0';
        good = take_number(r);
    } else {
        good = kind == 't'   ? take_word(r, S("true"))
               : kind == 'f' ? take_word(r, S("false"))
                             : kind == 'n' && take_word(r, S("null"));
    }
    *out = khap__str_sub(r->text, from, r->at - from);
    return good ? kind : '\0';
}

/* Passes over one value of any kind. */
static bool skip(struct reader *r)
{
    char open[MOST_DEPTH];
    unsigned depth = 0;
    struct khap_str text;
    for (;;) {
        bool begun = false;
        if (take(r, '{') || take(r, '[')) {
            if (depth == MOST_DEPTH)
                return false;
            open[depth++] = r->text.ptr[r->at - 1];
            begun = true;
        } else if (take_scalar(r, &text) == '\0') {
            return false;
        }
        for (;;) { /* behind a value, or at the beginning of what holds some */
            if (depth == 0)
                return true;
            char close = open[depth - 1] == '{' ? '}' : ']';
            if (!take(r, close))
                break;
            depth--;
            begun = false;
        }
        if (!begun && !take(r, ','))
            return false;
        if (open[depth - 1] == '{' && (!take_string(r, &text) || !take(r, ':')))
            return false;
    }
}

/* One step of a path: `.name` or `[1]`. False: it is none that is evaluated. */
static bool next_step(struct khap_str *path, struct khap_str *name, size_t *index)
{
    *name = (struct khap_str){NULL, 0};
    *index = 0;
    if (khap__str_starts(*path, S("."))) {
        size_t end = 1;
        while (end < path->len && path->ptr[end] != '.' && path->ptr[end] != '[') {
            if (path->ptr[end++] == '\\')
                return false;
        }
        *name = khap__str_sub(*path, 1, end - 1);
        *path = khap__str_sub(*path, end, path->len);
        return name->len > 0;
    }
    struct reader r = {*path, 0};
    int64_t n;
    if (!take_word(&r, S("[")) || !take_digits(&r) ||
        khap__int_parse(khap__str_sub(*path, 1, r.at - 1), 0, INT32_MAX, &n) != VALUE_OK ||
        !take_word(&r, S("]")))
        return false;
    *index = (size_t)n;
    *path = khap__str_sub(*path, r.at, path->len);
    return true;
}

enum found { NOT_THERE, THERE, NO_JSON };

/* Goes into the object or array at hand, to the member of that name or number. */
static enum found enter(struct reader *r, struct khap_str name, size_t index)
{
    struct khap_str key;
    bool object = name.ptr != NULL;
    if (!take(r, object ? '{' : '[')) /* something else is there */
        return skip(r) ? NOT_THERE : NO_JSON;
    if (take(r, object ? '}' : ']'))
        return NOT_THERE;
    do {
        if (object && (!take_string(r, &key) || !take(r, ':')))
            return NO_JSON;
        if (object ? khap__str_eq(key, name) : index-- == 0)
            return THERE;
        if (!skip(r))
            return NO_JSON;
    } while (take(r, ','));
    return take(r, object ? '}' : ']') ? NOT_THERE : NO_JSON;
}

/* HAProxy knows of \u only what is one byte. */
static bool unescape(struct khap_str text, struct buf *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c != '\\') {
            khap__buf_char(b, c);
            continue;
        }
        c = ++i < text.len ? text.ptr[i] : '\0';
        const char *special = c != '\0' ? strchr(from, c) : NULL;
        if (special != NULL) {
            khap__buf_char(b, to[special - from]);
            continue;
        }
        int high = i + 4 < text.len ? khap__hex((unsigned char)text.ptr[i + 3]) : -1;
        int low = i + 4 < text.len ? khap__hex((unsigned char)text.ptr[i + 4]) : -1;
        if (c != 'u' || high < 0 || low < 0 || text.ptr[i + 1] != '0' || text.ptr[i + 2] != '0')
            return false;
        khap__buf_char(b, (char)(high * 16 + low));
        i += 4;
    }
    return true;
}

static void set_string(struct asking *a, struct sample *s, struct khap_str text)
{
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    bool good = unescape(text, &b);
    a->no_memory = a->no_memory || b.failed;
    if (good)
        khap__sample_text(s, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    else
        s->state = SAMPLE_ABSENT;
    khap__buf_free(&b);
}

/* A number with a fraction is as %g has it. */
static void set_number(struct asking *a, struct sample *s, struct khap_str text, bool integer)
{
    enum { MOST = 64 };
    static const int64_t most = INT64_C(9007199254740991);
    char copy[MOST];
    if (text.len >= MOST) {
        khap__sample_unknown(s, khap__routing_because(a, S("a long number in JSON"), NOWHERE));
        return;
    }
    if (integer) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        int64_t n = strtoll(copy, NULL, 0);
        khap__sample_number(s, SAMPLE_SINT, n);
        if (n > most || n < -most)
            s->state = SAMPLE_ABSENT;
        return;
    }
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    if (khap__decimal_print(text, &b))
        khap__sample_text(s, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    else
        khap__sample_unknown(s, khap__routing_because(a, S("how a number in JSON is rounded"), NOWHERE));
    a->no_memory = a->no_memory || b.failed;
    khap__buf_free(&b);
}

static void query(struct asking *a, const struct call *call, struct sample *s)
{
    struct khap_str path = argument(call, 0), name, value;
    bool integer = khap__str_eq(argument(call, 1), S("int"));
    struct reader r = {s->text, 0};
    enum found found = THERE;
    size_t index;
    bool good = khap__str_starts(path, S("$"));
    path = khap__str_sub(path, 1, path.len);
    blanks(&r);
    if (r.at == r.text.len || strchr("{[\"-0123456789tfn", r.text.ptr[r.at]) == NULL) {
        s->state = SAMPLE_ABSENT;
        return;
    }
    while (good && path.len > 0 && found == THERE) {
        good = next_step(&path, &name, &index);
        if (good)
            found = enter(&r, name, index);
    }
    blanks(&r);
    size_t from = r.at;
    if (found == THERE && good && take(&r, '[')) {
        r.at = from;
        if (!skip(&r))
            found = NO_JSON;
        else if (a->route->release <= KHAP_RELEASE(2, 6)) /* it gives no arrays */
            found = NOT_THERE;
        else if (a->route->release < KHAP_RELEASE(3, 0)) /* nobody has looked */
            good = false;
        else
            khap__sample_text(s, SAMPLE_STR, khap__str_sub(r.text, from, r.at - from));
    } else if (found == THERE && good && take(&r, '{')) {
        r.at = from;
        found = skip(&r) ? NOT_THERE : NO_JSON;
    } else if (found == THERE && good) {
        switch (take_scalar(&r, &value)) {
        case '"':
            set_string(a, s, value);
            break;
        case '0':
            set_number(a, s, value, integer);
            break;
        case 't':
            khap__sample_number(s, SAMPLE_BOOL, 1);
            break;
        case 'f':
            khap__sample_number(s, SAMPLE_BOOL, 0);
            break;
        case 'n':
            found = NOT_THERE;
            break;
        default:
            found = NO_JSON;
            break;
        }
    }
    if (!good || found == NO_JSON) /* how much of it is read before that is HAProxy's affair */
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
    else if (found == NOT_THERE)
        s->state = SAMPLE_ABSENT;
}

CONVERTER(convert_json_query)
{
    query(a, call, s);
}

/* A part of a token, or what stands in it. */
static void token(struct asking *a, const struct call *call, struct sample *s, unsigned part)
{
    struct khap_str rest = s->text;
    struct buf b;
    for (unsigned i = 0; i < part; i++) {
        size_t dot = khap__str_find(rest, '.');
        if (dot == rest.len) {
            s->state = SAMPLE_ABSENT;
            return;
        }
        rest = khap__str_sub(rest, dot + 1, rest.len);
    }
    rest.len = khap__str_find(rest, '.');
    khap__buf_init(&b, &a->route->alloc);
    bool good = khap__routing_add_base64(&b, rest, true);
    a->no_memory = a->no_memory || b.failed;
    if (good)
        khap__sample_text(s, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    else
        s->state = SAMPLE_ABSENT;
    khap__buf_free(&b);
    if (good && call->n > 0 && !a->no_memory)
        query(a, call, s);
    else if (good && a->route->release <= KHAP_RELEASE(3, 0)) /* up to there it gives nothing */
        s->state = SAMPLE_ABSENT;
    else if (good && a->route->release < KHAP_RELEASE(3, 2))
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
}

CONVERTER(convert_jwt_header_query)
{
    token(a, call, s, 0);
}

CONVERTER(convert_jwt_payload_query)
{
    token(a, call, s, 1);
}
