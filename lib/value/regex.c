/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* PCRE2 frees without telling the size, so that each block begins with it. */
union head {
    size_t size;
    max_align_t align;
};

struct regex {
    struct khap_alloc alloc;
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_context *limits;
};

static void *pcre_alloc(size_t n, void *ctx)
{
    const struct khap_alloc *alloc = ctx;
    if (n > SIZE_MAX - sizeof(union head))
        return NULL;
    union head *head = khap__alloc(alloc, n + sizeof *head, 1);
    if (head == NULL)
        return NULL;
    head->size = n;
    return head + 1;
}

static void pcre_free(void *p, void *ctx)
{
    const struct khap_alloc *alloc = ctx;
    if (p == NULL)
        return;
    union head *head = (union head *)p - 1;
    khap__free(alloc, head, head->size + sizeof *head, 1);
}

static struct khap_str text(const char *s)
{
    return (struct khap_str){s, strlen(s)};
}

/* KHAP_EINPUT: *error and *at tell. */
static enum khap_status compile(pcre2_general_context *general, struct khap_str s, uint32_t options,
                                int *error, size_t *at, pcre2_code **code)
{
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    if (context == NULL)
        return KHAP_ENOMEM;
    pcre2_set_max_pattern_length(context, KHAP__REGEX_MAX);
    PCRE2_SIZE offset = 0;
    *code = pcre2_compile((PCRE2_SPTR)(s.len > 0 ? s.ptr : ""), s.len, options, error, &offset, context);
    pcre2_compile_context_free(context);
    if (*code != NULL)
        return KHAP_OK;
    *at = offset < s.len ? offset : s.len;
    return *error == PCRE2_ERROR_HEAP_FAILED ? KHAP_ENOMEM : KHAP_EINPUT;
}

static enum khap_status make(const struct khap_alloc *alloc, struct khap_str s, uint32_t options,
                             struct regex **out)
{
    struct khap_alloc a = khap__alloc_or_default(alloc);
    *out = NULL;
    if (khap__str_find(s, '\0') < s.len)
        return KHAP_EINPUT;
    struct regex *r = khap__alloc(&a, 1, sizeof *r);
    if (r == NULL)
        return KHAP_ENOMEM;
    *r = (struct regex){.alloc = a};
    enum khap_status status = KHAP_ENOMEM;
    int error;
    size_t at;
    r->general = pcre2_general_context_create(pcre_alloc, pcre_free, &r->alloc);
    if (r->general != NULL)
        status = compile(r->general, s, options, &error, &at, &r->code);
    if (status == KHAP_OK && (r->limits = pcre2_match_context_create(r->general)) == NULL)
        status = KHAP_ENOMEM;
    if (status != KHAP_OK) {
        khap__regex_free(r);
        return status;
    }
    pcre2_set_match_limit(r->limits, KHAP__REGEX_STEPS);
    pcre2_set_depth_limit(r->limits, KHAP__REGEX_STEPS);
    pcre2_set_heap_limit(r->limits, KHAP__REGEX_HEAP);
    *out = r;
    return KHAP_OK;
}

/* Like HAProxy, which captures nothing where it only matches: it refuses \1, but takes \k<name>. */
enum khap_status khap__regex_new(const struct khap_alloc *alloc, struct khap_str s, struct regex **out)
{
    return make(alloc, s, PCRE2_NO_AUTO_CAPTURE, out);
}

enum khap_status khap__regex_groups(const struct khap_alloc *alloc, struct khap_str s, bool nocase,
                                    struct regex **out)
{
    return make(alloc, s, nocase ? PCRE2_CASELESS : 0, out);
}

void khap__regex_free(struct regex *r)
{
    if (r == NULL)
        return;
    pcre2_match_context_free(r->limits);
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->general);
    struct khap_alloc a = r->alloc;
    khap__free(&a, r, 1, sizeof *r);
}

enum value_error khap__regex_check(const struct khap_alloc *alloc, struct khap_str s, size_t *at,
                                   struct khap_str *why, char why_space[128], enum khap_status *status)
{
    struct khap_alloc a = khap__alloc_or_default(alloc);
    size_t offset = khap__str_find(s, '\0');
    struct khap_str reason = S("a NUL byte");
    enum khap_status result = offset < s.len ? KHAP_EINPUT : KHAP_ENOMEM;
    if (result != KHAP_EINPUT) {
        int error = 0;
        pcre2_code *code = NULL;
        pcre2_general_context *general = pcre2_general_context_create(pcre_alloc, pcre_free, &a);
        if (general != NULL)
            result = compile(general, s, PCRE2_NO_AUTO_CAPTURE, &error, &offset, &code);
        if (result == KHAP_EINPUT) {
            int len = pcre2_get_error_message(error, (PCRE2_UCHAR *)why_space, 128);
            reason = len < 0 && len != PCRE2_ERROR_NOMEMORY ? S("not a regular expression") : text(why_space);
        }
        pcre2_code_free(code);
        pcre2_general_context_free(general);
    }
    if (status != NULL)
        *status = result == KHAP_ENOMEM ? KHAP_ENOMEM : KHAP_OK;
    if (result != KHAP_EINPUT)
        return VALUE_OK;
    if (at != NULL)
        *at = offset;
    if (why != NULL)
        *why = reason;
    return VALUE_SYNTAX;
}

enum khap_status khap__regex_exec(const struct regex *r, struct khap_str subject, bool *matched)
{
    *matched = false;
    /* One pair is enough, nobody asks for captures; a block of its own for each call keeps `r` constant. */
    pcre2_match_data *data = pcre2_match_data_create(1, r->general);
    if (data == NULL)
        return KHAP_ENOMEM;
    int n = pcre2_match(r->code, (PCRE2_SPTR)(subject.len > 0 ? subject.ptr : ""), subject.len, 0, 0, data,
                        r->limits);
    pcre2_match_data_free(data);
    *matched = n >= 0;
    if (n >= 0 || n == PCRE2_ERROR_NOMATCH)
        return KHAP_OK;
    return n == PCRE2_ERROR_NOMEMORY ? KHAP_ENOMEM : KHAP_ELIMIT;
}

enum khap_status khap__regex_find(const struct regex *r, struct khap_str subject, bool begins,
                                  struct khap_str groups[KHAP__REGEX_GROUPS], bool *matched)
{
    *matched = false;
    pcre2_match_data *data = pcre2_match_data_create(KHAP__REGEX_GROUPS, r->general);
    if (data == NULL)
        return KHAP_ENOMEM;
    int n = pcre2_match(r->code, (PCRE2_SPTR)(subject.len > 0 ? subject.ptr : ""), subject.len, 0,
                        begins ? 0 : PCRE2_NOTBOL, data, r->limits);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
    for (int i = 0; i < KHAP__REGEX_GROUPS; i++) {
        bool there = n >= 0 && (n == 0 || i < n) && at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1];
        groups[i] =
            there ? khap__str_sub(subject, at[2 * i], at[2 * i + 1] - at[2 * i]) : (struct khap_str){NULL, 0};
    }
    pcre2_match_data_free(data);
    *matched = n >= 0;
    return n == PCRE2_ERROR_NOMEMORY ? KHAP_ENOMEM : KHAP_OK;
}

bool khap__regex_match(const struct regex *r, struct khap_str subject)
{
    bool matched;
    return khap__regex_exec(r, subject, &matched) == KHAP_OK && matched;
}

/* Where `{2,3}` ends; 0: it is none. */
static size_t repetition(struct khap_str s, size_t at)
{
    size_t digits = 0;
    for (at++; at < s.len && (khap__is_digit((unsigned char)s.ptr[at]) || (s.ptr[at] == ',' && digits > 0));
         at++)
        digits++;
    return digits > 0 && at < s.len && s.ptr[at] == '}' ? at + 1 : 0;
}

/* Where what begins at a bracket ends; 0: it is not easy to see. */
static size_t passed_over(struct khap_str s, size_t at)
{
    unsigned depth = 0;
    do {
        char c = s.ptr[at], next = at + 1 < s.len ? s.ptr[at + 1] : '\0';
        if (c == '\\') {
            if (next == 'Q' || next == 'E' || next == 'c')
                return 0;
            at++;
        } else if (c == '[') {
            at += next == '^' ? 2 : 1;
            for (at += at < s.len && s.ptr[at] == ']'; at < s.len && s.ptr[at] != ']'; at++) {
                if (s.ptr[at] == '[' ||
                    (s.ptr[at] == '\\' && (++at == s.len || memchr("QEc", s.ptr[at], 3) != NULL)))
                    return 0;
            }
        } else if (c == '(') {
            if (next == '?' || next == '*')
                return 0;
            depth++;
        } else if (c == ')') {
            depth--;
        }
        at++;
    } while (depth > 0 && at < s.len);
    return depth == 0 && at <= s.len ? at : 0;
}

struct khap_str khap__regex_literal(struct khap_str s, char *room)
{
    const struct khap_str none = {NULL, 0};
    size_t from = 0, len = 0, best = 0, best_len = 0; /* in `room`: the text that is read, the best one */
    for (size_t at = 0; at <= s.len;) {
        char c = at < s.len ? s.ptr[at] : '\0';
        bool literal = at < s.len && memchr(".^$|()[*+?{\\", c, 12) == NULL;
        if (c == '\\') {
            char next = at + 1 < s.len ? s.ptr[at + 1] : '\0';
            bool letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') ||
                          khap__is_digit((unsigned char)next);
            if (next == '\0' || (letter && memchr("dDwWsSbBAzZhHvV", next, 15) == NULL))
                return none;
            literal = !letter;
            c = next;
            at++;
        }
        if (literal) {
            room[from + len++] = c;
            at++;
            continue;
        }
        if (at == s.len) {
            at++;
        } else if (s.ptr[at] == '(' || s.ptr[at] == '[') {
            if ((at = passed_over(s, at)) == 0)
                return none;
        } else if (c == '|' || c == ')') {
            return none;
        } else if (c == '{' && s.ptr[at] == '{') {
            if ((at = repetition(s, at)) == 0)
                return none;
            len -= len > 0;
        } else {
            len -= len > 0 && (c == '*' || c == '?');
            at++;
        }
        if (len > best_len) {
            best = from;
            best_len = len;
        }
        from += len;
        len = 0;
    }
    return best_len > 0 ? (struct khap_str){room + best, best_len} : none;
}

void khap__regex_quote(struct buf *out, struct khap_str literal)
{
    for (size_t i = 0; i < literal.len; i++) {
        if (literal.ptr[i] != '\0' && memchr("\\^$.[|()?*+{", literal.ptr[i], 12) != NULL)
            khap__buf_char(out, '\\');
        khap__buf_char(out, literal.ptr[i]);
    }
}
