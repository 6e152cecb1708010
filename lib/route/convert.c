/* route/convert.c - what converters make of samples. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static struct khap_str argument(const struct call *call, uint32_t i)
{
    return i < call->n ? call->arguments[i] : S("");
}

static void set_text(struct asking *a, struct sample *s, struct buf *b)
{
    a->no_memory = a->no_memory || b->failed;
    khap__sample_text(s, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(b)));
    khap__buf_free(b);
}

/* ---- numbers */

/* A number, or the variable that holds it. */
bool khap__routing_number_or_variable(struct asking *a, const struct call *call, uint32_t i, struct sample *s,
                                      int64_t *n)
{
    struct khap_str word = argument(call, i);
    struct sample other = {.state = SAMPLE_ABSENT};
    if (word.len > 0 && (khap__is_digit((unsigned char)*word.ptr) || *word.ptr == '-'))
        khap__sample_text(&other, SAMPLE_STR, word);
    else
        khap__routing_variable(a, word, call->place, &other);
    if (other.state == SAMPLE_UNKNOWN)
        *s = other;
    else if (!khap__routing_to_number(&other, n))
        s->state = SAMPLE_ABSENT;
    return s->state == SAMPLE_KNOWN;
}

static bool number(struct asking *a, const struct call *call, struct sample *s, int64_t *n)
{
    return khap__routing_number_or_variable(a, call, 0, s, n);
}

/* The sum of two numbers below 0 is the largest one in 2.6, and right in 3.4. */
static bool sums_badly(struct asking *a, const struct call *call, struct sample *s, bool below)
{
    bool bad = s->number < 0 && below && a->route->release < KHAP_RELEASE(3, 4);
    if (bad)
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
    return bad;
}

/* As HAProxy has it: what passes the largest or smallest number stays there. */
static int64_t sum(int64_t x, int64_t y)
{
    int64_t n;
    if (!__builtin_add_overflow(x, y, &n))
        return n;
    return x < 0 ? INT64_MIN : INT64_MAX;
}

CONVERTER(convert_add)
{
    int64_t n;
    if (number(a, call, s, &n) && !sums_badly(a, call, s, n < 0))
        khap__sample_number(s, SAMPLE_SINT, sum(s->number, n));
}

CONVERTER(convert_sub)
{
    int64_t n, x = s->number, out;
    if (!number(a, call, s, &n) || sums_badly(a, call, s, n > 0))
        return;
    if (__builtin_sub_overflow(x, n, &out))
        out = x < 0 ? INT64_MIN : INT64_MAX;
    khap__sample_number(s, SAMPLE_SINT, out);
}

CONVERTER(convert_mul)
{
    int64_t n, x = s->number, out;
    if (!number(a, call, s, &n))
        return;
    if (__builtin_mul_overflow(x, n, &out))
        out = (x < 0) != (n < 0) ? INT64_MIN : INT64_MAX;
    khap__sample_number(s, SAMPLE_SINT, out);
}

CONVERTER(convert_div)
{
    int64_t n, x = s->number;
    if (number(a, call, s, &n))
        khap__sample_number(s, SAMPLE_SINT, n == 0 || (n == -1 && x == INT64_MIN) ? INT64_MAX : x / n);
}

CONVERTER(convert_mod)
{
    int64_t n, x = s->number;
    if (number(a, call, s, &n))
        khap__sample_number(s, SAMPLE_SINT, n == 0 || n == -1 ? 0 : x % n);
}

CONVERTER(convert_and)
{
    int64_t n;
    if (number(a, call, s, &n))
        khap__sample_number(s, SAMPLE_SINT, s->number & n);
}

CONVERTER(convert_or)
{
    int64_t n;
    if (number(a, call, s, &n))
        khap__sample_number(s, SAMPLE_SINT, s->number | n);
}

CONVERTER(convert_xor)
{
    int64_t n;
    if (number(a, call, s, &n))
        khap__sample_number(s, SAMPLE_SINT, s->number ^ n);
}

CONVERTER(convert_cpl)
{
    khap__sample_number(s, SAMPLE_SINT, ~s->number);
}

CONVERTER(convert_neg)
{
    s->number = s->number == INT64_MIN ? INT64_MAX : -s->number;
}

CONVERTER(convert_bool)
{
    khap__sample_number(s, SAMPLE_BOOL, s->number != 0);
}

CONVERTER(convert_not)
{
    khap__sample_number(s, SAMPLE_BOOL, s->number == 0);
}

CONVERTER(convert_odd)
{
    khap__sample_number(s, SAMPLE_BOOL, s->number % 2 != 0);
}

CONVERTER(convert_even)
{
    khap__sample_number(s, SAMPLE_BOOL, s->number % 2 == 0);
}

CONVERTER(convert_iif)
{
    khap__sample_text(s, SAMPLE_STR, argument(call, s->number != 0 ? 0 : 1));
}

/* ---- addresses */

static bool mask_of(struct khap_str word, unsigned most, uint8_t mask[16])
{
    int64_t bits;
    if (most == 32 && khap__ipv4_parse(word, mask))
        return true;
    if (most == 128 && khap__ipv6_parse(word, mask))
        return true;
    if (khap__int_parse(word, 0, most, &bits) != VALUE_OK)
        return false;
    for (unsigned i = 0; i < 16; i++) {
        int64_t left = bits - 8 * (int64_t)i;
        mask[i] = (uint8_t)(left >= 8 ? 0xff : left <= 0 ? 0 : 0xff00u >> left);
    }
    return true;
}

CONVERTER(convert_ipmask)
{
    uint8_t mask[16];
    bool six = s->type == SAMPLE_IPV6;
    if (!mask_of(argument(call, six ? 1 : 0), six ? 128 : 32, mask)) {
        s->state = SAMPLE_ABSENT;
        return;
    }
    for (unsigned i = 0; i < (six ? 16u : 4u); i++)
        s->ip[i] &= mask[i];
}

/* ---- texts */

static void change_case(struct asking *a, struct sample *s, bool upper)
{
    char *room = khap__arena_bytes(a->arena, s->text.len + 1);
    if (room == NULL) {
        a->no_memory = true;
        return;
    }
    for (size_t i = 0; i < s->text.len; i++) {
        char c = s->text.ptr[i];
        room[i] = upper && c >= 'a' && c <= 'z' ? (char)(c - 32)
                  : upper                       ? c
                                                : (char)khap__lower((unsigned char)c);
    }
    s->text.ptr = room;
}

CONVERTER(convert_lower)
{
    change_case(a, s, false);
}

CONVERTER(convert_upper)
{
    change_case(a, s, true);
}

CONVERTER(convert_length)
{
    khap__sample_number(s, SAMPLE_SINT, (int64_t)s->text.len);
}

static bool among(struct khap_str set, char c)
{
    return khap__str_find(set, c) < set.len;
}

CONVERTER(convert_ltrim)
{
    while (s->text.len > 0 && among(argument(call, 0), *s->text.ptr))
        s->text = khap__str_sub(s->text, 1, s->text.len);
}

CONVERTER(convert_rtrim)
{
    while (s->text.len > 0 && among(argument(call, 0), s->text.ptr[s->text.len - 1]))
        s->text.len--;
}

CONVERTER(convert_concat)
{
    struct sample middle = {.state = SAMPLE_ABSENT};
    struct khap_str name = argument(call, 1), text = {NULL, 0};
    struct buf b;
    if (name.len > 0)
        khap__routing_variable(a, name, call->place, &middle);
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_add(&b, s->text);
    khap__buf_add(&b, argument(call, 0));
    if (middle.state == SAMPLE_UNKNOWN) {
        set_text(a, s, &b);
        struct khap_str begins = s->text;
        khap__sample_unknown(s, middle.why);
        s->text = begins;
        return;
    }
    if (khap__routing_to_text(a, &middle, &text))
        khap__buf_add(&b, text);
    khap__buf_add(&b, argument(call, 2));
    set_text(a, s, &b);
}

CONVERTER(convert_strcmp)
{
    struct sample other = {.state = SAMPLE_ABSENT};
    khap__routing_variable(a, argument(call, 0), call->place, &other);
    if (other.state != SAMPLE_KNOWN) {
        *s = other;
        return;
    }
    khap__sample_number(s, SAMPLE_SINT, khap__str_cmp(s->text, other.text));
}

/* How many parts `field` and `word` take together; 0: all that follow. */
static int64_t how_many(const struct call *call)
{
    struct sample text;
    int64_t n = 1;
    khap__sample_text(&text, SAMPLE_STR, argument(call, 2));
    return khap__routing_to_number(&text, &n) ? n : 1;
}

static bool which(const struct call *call, int64_t *n)
{
    struct sample text;
    khap__sample_text(&text, SAMPLE_STR, argument(call, 0));
    return khap__routing_to_number(&text, n) && *n != 0;
}

/* Parts are counted from the beginning; below 0 from the end. */
CONVERTER(convert_field)
{
    struct khap_str text = s->text, delimiters = argument(call, 1);
    int64_t n = 0, count = how_many(call), field = 1;
    size_t near = 0, far; /* bytes behind the end that is counted from */
    if (!which(call, &n)) {
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
        return;
    }
    int64_t wanted = n < 0 ? -n : n;
    for (far = 0; far < text.len; far++) {
        if (!among(delimiters, text.ptr[n < 0 ? text.len - 1 - far : far]))
            continue;
        if (field < wanted) {
            near = far + 1;
            field++;
        } else if (count == 1) {
            break;
        } else if (count > 1) {
            count--;
        }
    }
    if (field != wanted)
        s->state = SAMPLE_ABSENT;
    else
        s->text = khap__str_sub(text, n < 0 ? text.len - far : near, far - near);
}

CONVERTER(convert_word)
{
    struct khap_str text = s->text, delimiters = argument(call, 1);
    int64_t n = 0, word = 0;
    size_t start = 0, end = 0;
    if (!which(call, &n) || n < 0 || how_many(call) != 1) {
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
        return;
    }
    while (word < n && end < text.len) {
        for (start = end; start < text.len && among(delimiters, text.ptr[start]); start++)
            ;
        for (end = start; end < text.len && !among(delimiters, text.ptr[end]); end++)
            ;
        word += end > start;
    }
    if (word < n && a->route->release > KHAP_RELEASE(2, 6))
        s->state = SAMPLE_ABSENT;
    else if (word < n) /* there it was found, and empty */
        s->text.len = 0;
    else
        s->text = khap__str_sub(text, start, end - start);
}

/* Where the port begins, with its colon: the last one, unless a bracket is behind it. */
static size_t port_at(struct khap_str text)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != ':' && text.ptr[at - 1] != ']')
        at--;
    return at > 0 && text.ptr[at - 1] == ':' ? at - 1 : text.len;
}

CONVERTER(convert_host_only)
{
    s->text.len = port_at(s->text);
    change_case(a, s, false);
}

/* HAProxy does not look whether they are digits. */
CONVERTER(convert_port_only)
{
    uint32_t n = 0;
    for (size_t i = port_at(s->text) + 1; i < s->text.len; i++)
        n = n * 10 + (uint32_t)(unsigned char)s->text.ptr[i] - '0';
    khap__sample_number(s, SAMPLE_SINT, n);
}

CONVERTER(convert_url_dec)
{
    bool form = khap__str_eq(argument(call, 0), S("1"));
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i < s->text.len; i++) {
        char c = s->text.ptr[i];
        if (c == '%') {
            int high = i + 2 < s->text.len ? khap__hex((unsigned char)s->text.ptr[i + 1]) : -1;
            int low = i + 2 < s->text.len ? khap__hex((unsigned char)s->text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                s->state = SAMPLE_ABSENT;
                khap__buf_free(&b);
                return;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        } else if (c == '?') {
            form = true;
        }
        khap__buf_char(&b, c);
    }
    set_text(a, s, &b);
}

/* ---- regular expressions */

void khap__routing_expand(struct buf *b, struct khap_str replacement,
                          const struct khap_str groups[KHAP__REGEX_GROUPS])
{
    for (size_t i = 0; i < replacement.len; i++) {
        char c = replacement.ptr[i];
        if (c != '\\' || i + 1 == replacement.len) {
            khap__buf_char(b, c);
            continue;
        }
        c = replacement.ptr[++i];
        int high = i + 2 < replacement.len ? khap__hex((unsigned char)replacement.ptr[i + 1]) : -1;
        int low = i + 2 < replacement.len ? khap__hex((unsigned char)replacement.ptr[i + 2]) : -1;
        if (khap__is_digit((unsigned char)c)) {
            khap__buf_add(b, groups[c - '0']);
        } else if (c == 'x' && high >= 0 && low >= 0) {
            khap__buf_char(b, (char)(high * 16 + low));
            i += 2;
        } else {
            khap__buf_char(b, c);
        }
    }
}

CONVERTER(convert_regsub)
{
    struct khap_str groups[KHAP__REGEX_GROUPS], rest = s->text, flags = argument(call, 2);
    bool all = among(flags, 'g'), matched = true, begins = true;
    struct buf b;
    if (call->regex == NULL) {
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
        return;
    }
    khap__buf_init(&b, &a->route->alloc);
    while (matched) {
        if (khap__regex_find(call->regex, rest, begins, groups, &matched) != KHAP_OK)
            a->no_memory = true;
        if (!matched || a->no_memory)
            break;
        size_t before = rest.len == 0 ? 0 : (size_t)(groups[0].ptr - rest.ptr),
               taken = before + groups[0].len;
        khap__buf_add(&b, khap__str_sub(rest, 0, before));
        khap__routing_expand(&b, argument(call, 1), groups);
        if (taken == rest.len) {
            rest.len = 0;
            break;
        }
        if (taken == 0) /* not for ever at one place; behind the last byte it is looked once more */
            khap__buf_char(&b, rest.ptr[taken++]);
        rest = khap__str_sub(rest, taken, rest.len);
        begins = false;
        if (!all)
            break;
    }
    khap__buf_add(&b, rest);
    set_text(a, s, &b);
}

/* ---- maps */

static bool look_up(struct asking *a, const struct call *call, struct sample *s, struct khap_str *value,
                    const struct pattern **which)
{
    const struct pattern *found = NULL;
    enum khap_answer answer = khap__routing_matches(a, call->map, s, &found);
    if (answer == KHAP_UNKNOWN) {
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
        return false;
    }
    if (found == NULL && call->n < 2) {
        s->state = SAMPLE_ABSENT;
        return false;
    }
    *value = found != NULL ? found->value : argument(call, 1);
    if (which != NULL)
        *which = found;
    return true;
}

CONVERTER(convert_map)
{
    struct khap_str value;
    if (look_up(a, call, s, &value, NULL))
        khap__sample_text(s, SAMPLE_STR, value);
}

void khap__routing_convert_unknown(const struct call *call, struct sample *s)
{
    s->among = call->convert == khap__convert_map && call->n < 2 ? call->map : NULL;
    if (s->among == NULL || s->among->method != MATCH_BEG)
        s->text = (struct khap_str){NULL, 0};
}

CONVERTER(convert_map_int)
{
    struct khap_str value;
    struct sample text;
    int64_t n = 0;
    if (!look_up(a, call, s, &value, NULL))
        return;
    khap__sample_text(&text, SAMPLE_STR, value);
    (void)khap__routing_to_number(&text, &n);
    khap__sample_number(s, SAMPLE_SINT, n);
}

CONVERTER(convert_map_ip)
{
    struct khap_str value;
    if (!look_up(a, call, s, &value, NULL))
        return;
    *s = (struct sample){.state = SAMPLE_KNOWN, .type = SAMPLE_IPV4};
    if (khap__ipv4_parse(value, s->ip))
        return;
    s->type = SAMPLE_IPV6;
    if (!khap__ipv6_parse(value, s->ip))
        s->state = SAMPLE_ABSENT;
}

/* The key that matched, as it stands in the file. */
CONVERTER(convert_map_key)
{
    const struct pattern *which = NULL;
    struct khap_str value;
    if (look_up(a, call, s, &value, &which) && which != NULL)
        khap__sample_text(s, SAMPLE_STR, which->key);
}

/* The groups of the match stand in the value. */
CONVERTER(convert_map_regm)
{
    struct khap_str groups[KHAP__REGEX_GROUPS], text = s->text, value;
    const struct pattern *which = NULL;
    bool matched = false;
    struct buf b;
    if (!look_up(a, call, s, &value, &which))
        return;
    if (which == NULL) {
        khap__sample_text(s, SAMPLE_STR, value);
        return;
    }
    if (khap__regex_find(which->regex, text, true, groups, &matched) != KHAP_OK)
        a->no_memory = true;
    if (!matched) {
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
        return;
    }
    khap__buf_init(&b, &a->route->alloc);
    khap__routing_expand(&b, value, groups);
    set_text(a, s, &b);
}
