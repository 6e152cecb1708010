/* route/normalize.c - `http-request normalize-uri`. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static void merge_slashes(struct khap_str in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] != '/' || i == 0 || in.ptr[i - 1] != '/')
            khap__buf_char(out, in.ptr[i]);
    }
}

static void strip_dot(struct khap_str in, struct buf *out)
{
    while (in.len > 0) {
        size_t end = khap__str_find(in, '/');
        struct khap_str segment = khap__str_sub(in, 0, end);
        if (!khap__str_eq(segment, S("."))) {
            khap__buf_add(out, segment);
            if (end < in.len)
                khap__buf_char(out, '/');
        }
        in = khap__str_sub(in, end + 1, in.len);
    }
}

/* From the end on, as HAProxy does it: a `..` takes away the segment before it, an empty one too. */
static bool strip_dotdot(struct asking *a, struct khap_str in, bool full, struct buf *out)
{
    size_t up = 0, end = in.len, n = 0;
    char *room = khap__arena_bytes(a->arena, in.len + 1), *to = room + in.len;
    if (room == NULL) {
        a->no_memory = true;
        return false;
    }
    if (khap__str_ends(in, S("/.."))) {
        up++;
        end -= 3;
        *--to = '/';
        n++;
    }
    while (end > 0) { /* a segment with the slash before it */
        size_t from = end;
        while (from > 0 && in.ptr[from - 1] != '/')
            from--;
        struct khap_str segment = khap__str_sub(in, from, end - from);
        bool slash = from > 0;
        if (khap__str_eq(segment, S("..")) && slash && end < in.len) {
            up++;
        } else if (up > 0 && slash) {
            up--;
        } else {
            to -= segment.len + slash;
            n += segment.len + slash;
            memcpy(to, in.ptr + from - slash, segment.len + slash);
        }
        end = from - slash;
    }
    for (; up > 0 && !full; up--)
        khap__buf_add(out, S("/.."));
    khap__buf_add(out, (struct khap_str){to, n});
    return true;
}

/* `percent-decode-unreserved`, `percent-to-uppercase`. False: what is behind a % is no number. */
static bool percent(struct khap_str in, bool decode, bool strict, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] != '%') {
            khap__buf_char(out, in.ptr[i]);
            continue;
        }
        int high = i + 2 < in.len ? khap__hex((unsigned char)in.ptr[i + 1]) : -1;
        int low = i + 2 < in.len ? khap__hex((unsigned char)in.ptr[i + 2]) : -1;
        if (high < 0 || low < 0) {
            if (strict)
                return false;
            khap__buf_char(out, '%');
            continue;
        }
        char c = (char)(high * 16 + low);
        if (decode && khap__routing_unreserved(c)) {
            khap__buf_char(out, c);
        } else if (decode) {
            khap__buf_add(out, khap__str_sub(in, i, 3));
        } else {
            khap__buf_char(out, '%');
            khap__routing_add_hex(out, (unsigned char)c);
        }
        i += 2;
    }
    return true;
}

static int compare_names(struct khap_str a, struct khap_str b)
{
    return khap__str_cmp(khap__str_sub(a, 0, khap__str_find(a, '=')),
                         khap__str_sub(b, 0, khap__str_find(b, '=')));
}

/* By name; what has one name stays in its order. */
static void sort_query(struct asking *a, struct khap_str in, struct buf *out)
{
    VEC(struct khap_str) parts = {NULL, 0, 0};
    struct khap_str rest = in;
    bool more = true;
    while (more) {
        size_t end = khap__str_find(rest, '&');
        more = end < rest.len;
        uint32_t at = parts.len;
        struct khap_str one = khap__str_sub(rest, 0, end);
        if (!VEC_PUSH(&a->route->alloc, &parts, one)) {
            a->no_memory = true;
            break;
        }
        for (; at > 0 && compare_names(parts.ptr[at - 1], one) > 0; at--)
            parts.ptr[at] = parts.ptr[at - 1];
        parts.ptr[at] = one;
        rest = khap__str_sub(rest, end + 1, rest.len);
    }
    for (uint32_t i = 0; i < parts.len; i++) {
        if (i > 0)
            khap__buf_char(out, '&');
        khap__buf_add(out, parts.ptr[i]);
    }
    VEC_FREE(&a->route->alloc, &parts);
}

static void fragment(struct khap_str in, bool encode, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] != '#') {
            khap__buf_char(out, in.ptr[i]);
        } else if (encode) {
            khap__buf_add(out, S("%23"));
        } else {
            return;
        }
    }
}

/* Up to 3.0 a condition behind a normalizer that may have a word and has none makes it another one, the first; not so from 3.2 on. */
static bool is_mistaken(const struct rule *rule)
{
    return rule->condition != NULL && ((khap__routing_has_word(rule, S("path-strip-dotdot")) &&
                                        !khap__routing_has_word(rule, S("full"))) ||
                                       ((khap__routing_has_word(rule, S("percent-decode-unreserved")) ||
                                         khap__routing_has_word(rule, S("percent-to-uppercase"))) &&
                                        !khap__routing_has_word(rule, S("strict"))));
}

RULE(rule_normalize_uri)
{
    struct khap_str path = khap__routing_path_of(a->state->target.text);
    size_t mark = khap__str_find(path, '?'), before = a->state->target.text.len - path.len;
    struct khap_str query = khap__str_sub(path, mark, path.len), only = khap__str_sub(path, 0, mark);
    struct buf b;
    bool good = true, mistaken = is_mistaken(rule);
    if (a->state->target.state != SAMPLE_KNOWN || path.len == 0)
        return false;
    if (mistaken && a->route->release == KHAP_RELEASE(3, 1)) {
        khap__sample_unknown(&a->state->target,
                             a->maybe | khap__routing_because(a, rule->words, rule->place));
        return false;
    }
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_add(&b, khap__str_sub(a->state->target.text, 0, before));
    if (khap__routing_has_word(rule, S("path-merge-slashes")) ||
        (mistaken && a->route->release <= KHAP_RELEASE(3, 0))) {
        merge_slashes(only, &b);
        khap__buf_add(&b, query);
    } else if (khap__routing_has_word(rule, S("path-strip-dot"))) {
        strip_dot(only, &b);
        khap__buf_add(&b, query);
    } else if (khap__routing_has_word(rule, S("path-strip-dotdot"))) {
        (void)strip_dotdot(a, only, khap__routing_has_word(rule, S("full")), &b);
        khap__buf_add(&b, query);
    } else if (khap__routing_has_word(rule, S("percent-decode-unreserved"))) {
        good = percent(path, true, khap__routing_has_word(rule, S("strict")), &b);
    } else if (khap__routing_has_word(rule, S("percent-to-uppercase"))) {
        good = percent(path, false, khap__routing_has_word(rule, S("strict")), &b);
    } else if (khap__routing_has_word(rule, S("query-sort-by-name"))) {
        khap__buf_add(&b, only);
        khap__buf_add(&b, khap__str_sub(query, 0, 1));
        sort_query(a, khap__str_sub(query, 1, query.len), &b);
    } else {
        fragment(path, khap__routing_has_word(rule, S("fragment-encode")), &b);
    }
    a->no_memory = a->no_memory || b.failed;
    struct sample value;
    khap__sample_text(&value, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
    if (!good) {
        struct outcome *o = khap__routing_outcome(a, KHAP_ROUTE_ANSWER, rule->place);
        if (o != NULL)
            o->public.status = 400;
        return a->maybe == 0;
    }
    if (a->maybe != 0)
        khap__sample_unknown(&value, a->maybe);
    a->state->target = value;
    return false;
}
