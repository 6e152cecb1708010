/* import/conditions.c - what a condition asks of a request. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

enum { MOST_ALTERNATIVES = 256 };

struct wording {
    char begin[28]; /* the expression, or its beginning where it ends in a parenthesis */
    char method[6]; /* the match method that the name itself says */
    uint8_t kind;
};
/* Fetches as they are written: what is compared, and how. */
static const struct wording wordings[] = {
    {"var(txn.host)", "str", TERM_HOST},
    {"var(txn.site)", "str", TERM_HOST},
    {"hdr(host)", "str", TERM_HOST},
    {"req.hdr(host)", "str", TERM_HOST},
    {"req.fhdr(host)", "str", TERM_HOST},
    {"hdr_end(host)", "end", TERM_HOST},
    {"req.hdr_end(host)", "end", TERM_HOST},
    {"hdr_dom(host)", "dom", TERM_HOST},
    {"req.hdr_dom(host)", "dom", TERM_HOST},
    {"req_ssl_sni", "str", TERM_SNI},
    {"req.ssl_sni", "str", TERM_SNI},
    {"path", "str", TERM_PATH},
    {"path_beg", "beg", TERM_PATH},
    {"path_dir", "dir", TERM_PATH},
    {"path_reg", "reg", TERM_PATH},
    {"var(txn.path)", "beg/", TERM_PATH},
    {"method", "str", TERM_METHOD},
    {"src", "ip", TERM_SRC},
    {"ssl_fc", "bool", TERM_TLS},
};
static const struct wording named_wordings[] = {
    {"req.fhdr(", "str", TERM_HEADER}, {"req.hdr(", "str", TERM_HEADER}, {"hdr(", "str", TERM_HEADER},
    {"url_param(", "str", TERM_QUERY}, {"urlp(", "str", TERM_QUERY},     {"req.urlp(", "str", TERM_QUERY},
};

/* Converters that do to a host what its comparison does anyway. */
static struct khap_str without_converters(struct khap_str text)
{
    static const char *const harmless[] = {
        ",lower", ",field(1,:)", ",field(1,:),lower", ",lower,field(1,:)", ",host_only", ",host_only,lower"};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (khap__str_ends(text, khap__str(harmless[i]))) {
            struct khap_str rest = khap__str_sub(text, 0, text.len - strlen(harmless[i]));
            if (khap__str_find(rest, ',') == rest.len)
                return rest;
        }
    }
    return text;
}

static const struct wording *find_wording(struct khap_str expression, struct khap_str *name)
{
    *name = (struct khap_str){"", 0};
    struct khap_str plain = without_converters(expression);
    for (size_t i = 0; i < sizeof wordings / sizeof *wordings; i++) {
        const struct wording *w = &wordings[i];
        /* a header's name is in any case */
        if (khap__str_eq_nocase(w->kind == TERM_HOST || w->kind == TERM_SNI ? plain : expression,
                                khap__str(w->begin)))
            return w;
    }
    for (size_t i = 0; i < sizeof named_wordings / sizeof *named_wordings; i++) {
        struct khap_str begin = khap__str(named_wordings[i].begin);
        if (khap__str_starts(expression, begin) && khap__str_ends(expression, S(")"))) {
            *name = khap__str_sub(expression, begin.len, expression.len - begin.len - 1);
            if (khap__str_find(*name, ',') == name->len && khap__str_find(*name, ')') == name->len &&
                name->len > 0)
                return &named_wordings[i];
        }
    }
    return NULL;
}

/* "^(x)$" -> x */
static bool whole_regex(struct khap_str text, struct khap_str *inner)
{
    if (!khap__str_starts(text, S("^(")) || !khap__str_ends(text, S(")$")) || text.len < 4)
        return false;
    *inner = khap__str_sub(text, 2, text.len - 4);
    uint32_t depth = 0; /* the first parenthesis must be closed by the last */
    for (size_t i = 0; i < inner->len; i++) {
        if (inner->ptr[i] == '\\') {
            i++;
        } else if (inner->ptr[i] == '[') {
            size_t from = i + 1;
            if (from < inner->len && inner->ptr[from] == '^')
                from++;
            for (i = from + 1; i < inner->len && inner->ptr[i] != ']'; i++)
                ;
        } else if (inner->ptr[i] == '(') {
            depth++;
        } else if (inner->ptr[i] == ')' && depth-- == 0) {
            return false;
        }
    }
    return true;
}

/* A regular expression that is found anywhere, as one of the whole. */
static struct khap_str anchored(struct import *im, struct khap_str text)
{
    struct khap_str inner;
    if (whole_regex(text, &inner))
        return inner;
    bool alternatives = khap__str_find(text, '|') < text.len;
    bool begins = khap__str_starts(text, S("^")) && !alternatives;
    bool ends = khap__str_ends(text, S("$")) && !khap__str_ends(text, S("\\$")) && !alternatives;
    struct khap_str middle =
        khap__str_sub(text, begins ? 1 : 0, text.len - (begins ? 1u : 0u) - (ends ? 1u : 0u));
    if (alternatives)
        middle = khap__import_join(im, S("("), middle, S(")"));
    return khap__import_join(im, begins ? S("") : S(".*"), middle, ends ? S("") : S(".*"));
}

/* Without the backslashes before what is no letter or digit; false when it is more than a text. */
bool khap__import_plain(struct import *im, struct khap_str regex, struct khap_str *out)
{
    char *text = khap__arena_bytes(&im->arena, regex.len + 1);
    size_t n = 0;
    if (text == NULL) {
        khap__import_fail(im, KHAP_ENOMEM);
        return false;
    }
    for (size_t i = 0; i < regex.len; i++) {
        if (regex.ptr[i] == '\\' && i + 1 < regex.len && !khap__is_alnum((unsigned char)regex.ptr[i + 1]))
            i++;
        else if (memchr(".^$*+?()[]{}|\\", regex.ptr[i], 14) != NULL)
            return false;
        text[n++] = regex.ptr[i];
    }
    *out = (struct khap_str){text, n};
    return true;
}

/* Hosts as khapgen writes them for 1.5: "^a\.example\.?(:[0-9]*)?$". */
static bool old_host(struct import *im, struct khap_str p, struct khap_str *out)
{
    struct khap_str end = S("\\.?(:[0-9]*)?$"), label = S("[^.]+\\."), deep = S(".+\\.");
    if (!khap__str_starts(p, S("^")) || !khap__str_ends(p, end))
        return false;
    p = khap__str_sub(p, 1, p.len - 1 - end.len);
    bool is_label = khap__str_starts(p, label), is_deep = khap__str_starts(p, deep);
    p = khap__str_sub(p, is_label ? label.len : is_deep ? deep.len : 0, p.len);
    if (!khap__import_plain(im, p, out))
        return false;
    if (is_label || is_deep)
        *out = khap__import_join(im, is_label ? S("?.") : S("*."), *out, S(""));
    return true;
}

static bool host_patterns(struct import *im, struct import_term *t, struct khap_str method,
                          struct khap_str *out)
{
    (void)im;
    for (uint32_t i = 0; i < t->n; i++) {
        struct khap_str p = t->patterns[i];
        if (khap__str_eq(method, S("str")))
            out[i] = p;
        else if (khap__str_eq(method, S("end")) && khap__str_starts(p, S(".")))
            out[i] = khap__import_join(im, S("*"), p, S(""));
        else if (khap__str_eq(method, S("reg")) && old_host(im, p, &out[i]))
            continue;
        else
            return false;
    }
    return true;
}

static bool path_patterns(struct import *im, struct import_term *t, struct khap_str method,
                          struct khap_str *out)
{
    for (uint32_t i = 0; i < t->n; i++) {
        struct khap_str p = t->patterns[i];
        out[i] = p;
        if (khap__str_eq(method, S("str"))) {
            t->path = IMPORT_EXACT;
        } else if (khap__str_eq(method, S("reg"))) {
            t->path = IMPORT_REGEX;
            out[i] = anchored(im, p);
            if (khap__str_starts(p, S("^")) &&
                khap__str_ends(p, S("(/|$)"))) { /* a prefix, of whole elements */
                t->path = IMPORT_PREFIX;
                if (!khap__import_plain(im, khap__str_sub(p, 1, p.len - 6), &out[i]))
                    return false;
            }
        } else if (khap__str_eq(method, S("beg/"))) { /* over the path and a slash */
            t->path = IMPORT_PREFIX;
            if (!khap__str_ends(p, S("/")) || p.len < 2)
                return false;
            out[i] = khap__str_sub(p, 0, p.len - 1);
        } else if (khap__str_eq(method, S("beg"))) {
            t->path = IMPORT_PREFIX;
            t->differs = t->differs || !khap__str_eq(p, S("/")); /* /api is also /apis */
            if (!khap__str_starts(p, S("/")))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

/* The words of `{ … }` or of an ACL behind its name. */
static bool read_term(struct import *im, const struct khap_str *words, uint32_t n, struct import_term *t)
{
    const struct wording *w = n > 0 ? find_wording(words[0], &t->name) : NULL;
    struct khap_str *patterns;
    if (w == NULL)
        return false;
    struct khap_str method = khap__str(w->method);
    uint32_t at = 1;
    t->kind = w->kind;
    for (; at < n && khap__str_starts(words[at], S("-")); at++) {
        if (khap__str_eq(words[at], S("-i")))
            continue;
        if (khap__str_eq(words[at], S("-m")) && at + 1 < n) {
            at++;
            /* the variable has a slash behind the path, so that only this is a prefix */
            if (w->kind == TERM_PATH && khap__str_eq(method, S("beg/")))
                method = khap__str_eq(words[at], S("beg")) ? method : S("none");
            else if (khap__str_eq(method, S("str")) || khap__str_eq(method, S("ip")))
                method = words[at];
            else
                return false;
            continue;
        }
        if (khap__str_eq(words[at], S("--"))) {
            at++;
            break;
        }
        if (w->kind == TERM_SRC && khap__str_eq(words[at], S("-f")))
            break;
        return false;
    }
    t->n = n - at;
    t->patterns = words + at;
    patterns = khap__arena_alloc(&im->arena, t->n + 1u, sizeof *patterns);
    if (patterns == NULL) {
        khap__import_fail(im, KHAP_ENOMEM);
        return false;
    }
    switch ((enum term_kind)w->kind) {
    case TERM_HOST:
        if (t->n == 0 || !host_patterns(im, t, method, patterns))
            return false;
        break;
    case TERM_SNI:
        if (t->n == 0 || !host_patterns(im, t, method, patterns))
            return false;
        break;
    case TERM_PATH:
        if (t->n == 0 || !path_patterns(im, t, method, patterns))
            return false;
        break;
    case TERM_METHOD:
        return t->n > 0 && khap__str_eq(method, S("str"));
    case TERM_SRC:
        return t->n > 0 && khap__str_eq(method, S("ip"));
    case TERM_TLS:
        return t->n == 0;
    case TERM_HEADER:
    case TERM_QUERY:
        if (khap__str_eq(method, S("found")) && t->n == 0) {
            t->match = MATCH_THERE;
        } else if (khap__str_eq(method, S("len")) && t->n == 1 && khap__str_eq(t->patterns[0], S("0"))) {
            t->match = MATCH_IS;
            patterns[0] = (struct khap_str){"", 0};
            t->patterns = patterns;
        } else if (t->n == 1 && khap__str_eq(method, S("reg"))) {
            t->match = MATCH_LIKE;
            patterns[0] = anchored(im, t->patterns[0]);
            t->patterns = patterns;
        } else if (t->n == 1 && khap__str_eq(method, S("str"))) {
            t->match = MATCH_IS;
        } else {
            return false;
        }
        return true;
    default:
        return false;
    }
    t->patterns = patterns;
    return true;
}

/* ---- conditions ---- */

static void free_and(struct import *im, struct import_and *one)
{
    VEC_FREE(&im->alloc, &one->terms);
}

void khap__import_condition_free(struct import *im, struct import_condition *condition)
{
    for (uint32_t i = 0; i < condition->any.len; i++)
        free_and(im, &condition->any.ptr[i]);
    VEC_FREE(&im->alloc, &condition->any);
}

/* Whether two terms of one condition ask for the same. */
static bool push_term(struct import *im, struct import_and *one, const struct import_term *term)
{
    if (!VEC_PUSH(&im->alloc, &one->terms, *term))
        khap__import_fail(im, KHAP_ENOMEM);
    return im->failure == KHAP_OK;
}

/* Each alternative so far, with each of `n` terms. */
static bool multiply(struct import *im, struct import_condition *c, uint32_t from,
                     const struct import_term *terms, uint32_t n)
{
    uint32_t count = c->any.len;
    if ((uint64_t)(count - from) * n > MOST_ALTERNATIVES)
        return false;
    for (uint32_t i = from; i < count; i++) {
        for (uint32_t k = 1; k < n; k++) { /* the first one takes its place */
            struct import_and copy = {{NULL, 0, 0}};
            for (uint32_t j = 0; j < c->any.ptr[i].terms.len; j++) {
                if (!push_term(im, &copy, &c->any.ptr[i].terms.ptr[j]))
                    break;
            }
            bool pushed = im->failure == KHAP_OK && push_term(im, &copy, &terms[k]) &&
                          VEC_PUSH(&im->alloc, &c->any, copy);
            if (!pushed) {
                free_and(im, &copy);
                khap__import_fail(im, KHAP_ENOMEM);
                return false;
            }
        }
        if (!push_term(im, &c->any.ptr[i], &terms[0]))
            return false;
    }
    return true;
}

enum { MOST_ACLS = 64 };

static bool named_term(struct import *im, const struct import_line *line, struct khap_str name, bool negated,
                       struct import_condition *c, uint32_t from)
{
    /* for 1.5 a wildcard leaves out what is more specific, which routes do by themselves */
    if (im->ours && negated &&
        (khap__str_starts(name, S("below:")) || khap__str_starts(name, S("below-label:"))))
        return true;
    struct import_term terms[MOST_ACLS];
    uint32_t n = 0;
    const struct import_section *s = &im->in.sections.ptr[line->section];
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct import_line *acl = &im->in.lines.ptr[i];
        if (!word_is(acl, 0, "acl") || !khap__str_eq(word_at(acl, 1), name))
            continue;
        if (n == MOST_ACLS || acl->variable)
            return false;
        terms[n] = (struct import_term){.negated = negated, .line = i};
        if (!read_term(im, acl->words + 2, acl->n - 2, &terms[n]))
            return false;
        n++;
    }
    if (n == 0 && khap__str_starts(name, S("METH_"))) {
        static const char *const methods[] = {"GET", "POST", "OPTIONS", "CONNECT", "TRACE", "PUT", "DELETE"};
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            if (!khap__str_eq(khap__str_sub(name, 5, name.len), khap__str(methods[i])))
                continue;
            struct khap_str *pattern = khap__arena_alloc(&im->arena, 2, sizeof *pattern);
            if (pattern == NULL) {
                khap__import_fail(im, KHAP_ENOMEM);
                return false;
            }
            pattern[0] = khap__str(methods[i]);
            pattern[1] = S("HEAD"); /* GET is both to HAProxy */
            terms[n++] = (struct import_term){.kind = TERM_METHOD,
                                              .negated = negated,
                                              .patterns = pattern,
                                              .n = i == 0 ? 2 : 1,
                                              .line = NO_SECTION};
        }
    }
    if (n == 0)
        return false;
    if (!negated)
        return multiply(im, c, from, terms, n);
    for (uint32_t i = 0; i < n; i++) { /* none of them */
        if (!multiply(im, c, from, &terms[i], 1))
            return false;
    }
    return true;
}

static bool new_alternative(struct import *im, struct import_condition *c)
{
    struct import_and one = {{NULL, 0, 0}};
    if (!VEC_PUSH(&im->alloc, &c->any, one))
        khap__import_fail(im, KHAP_ENOMEM);
    return im->failure == KHAP_OK;
}

static bool read_condition(struct import *im, const struct import_line *line, uint32_t at,
                           struct import_condition *c)
{
    bool unless = word_is(line, at, "unless");
    if (!unless && !word_is(line, at, "if"))
        return false;
    uint32_t from = 0; /* the first alternative since the last `or` */
    if (!new_alternative(im, c))
        return false;
    for (at++; at < line->n; at++) {
        struct khap_str word = line->words[at];
        if (khap__str_eq(word, S("or")) || khap__str_eq(word, S("||"))) {
            from = c->any.len;
            if (unless || !new_alternative(im, c))
                return false;
            continue;
        }
        bool negated = unless;
        while (khap__str_starts(word, S("!"))) {
            negated = !negated;
            word = khap__str_sub(word, 1, word.len);
            if (word.len == 0 && at + 1 < line->n)
                word = line->words[++at];
        }
        if (unless && at > 0 && c->any.ptr[0].terms.len > 0)
            return false;
        if (!khap__str_eq(word, S("{"))) {
            if (!named_term(im, line, word, negated, c, from))
                return false;
            continue;
        }
        uint32_t end = at + 1;
        while (end < line->n && !word_is(line, end, "}"))
            end++;
        struct import_term term = {.negated = negated, .line = NO_SECTION};
        if (end == line->n || !read_term(im, line->words + at + 1, end - at - 1, &term))
            return false;
        if (!multiply(im, c, from, &term, 1))
            return false;
        at = end;
    }
    return !unless || c->any.len == 1;
}

bool khap__import_condition(struct import *im, const struct import_line *line, uint32_t from,
                            struct import_condition *out)
{
    *out = (struct import_condition){{NULL, 0, 0}};
    if (from >= line->n)
        return true;
    if (!line->variable && read_condition(im, line, from, out))
        return true;
    khap__import_condition_free(im, out);
    return false;
}
