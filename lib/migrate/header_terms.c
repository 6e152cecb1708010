/* migrate/header_terms.c - conditions for what a regular expression matched. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/headers.h"
#include "value/regex.h"

/* What clients ask; others may be used, too. */
static const char *const methods[] = {"GET",   "HEAD",    "POST",     "PUT",       "DELETE", "OPTIONS",
                                      "TRACE", "CONNECT", "PATCH",    "COPY",      "MOVE",   "LOCK",
                                      "MKCOL", "UNLOCK",  "PROPFIND", "PROPPATCH", "REPORT", "PURGE",
                                      "TRACK", "BAN",     "DEBUG",    "SEARCH"};
enum { METHODS = sizeof methods / sizeof *methods };

struct header_term *khap__header_term(struct header_terms *terms, const char *words)
{
    struct header_term *term = &terms->terms[terms->n++];
    struct khap_str rest = khap__str(words);
    *term = (struct header_term){.n = 0};
    while (rest.len > 0) {
        size_t len = khap__str_find(rest, ' ');
        khap__header_term_word(term, khap__str_sub(rest, 0, len));
        rest = khap__str_sub(rest, len + 1, rest.len);
    }
    return term;
}

void khap__header_term_word(struct header_term *term, struct khap_str word)
{
    term->words[term->n++] = word;
}

void khap__header_describe(struct header_rule *rule, const struct header_way *way, enum header_shape shape,
                           unsigned field, struct header_field *out)
{
    if (khap__header_field(rule->step->arena, way, shape, field, rule->nocase, 0, NULL, out) != KHAP_OK)
        rule->no_memory = true;
    else
        khap__header_named(rule, shape, field, out);
}

struct khap_str khap__header_pattern(struct header_rule *rule, const struct header_field *field)
{
    return HEADER_JOIN(rule, field->begins ? S("^") : S(""), field->regex, field->ends ? S("$") : S(""));
}

bool khap__header_matches(struct header_rule *rule, const struct header_field *field, const char *text)
{
    struct regex *regex;
    bool matched = false;
    struct khap_str pattern = khap__header_pattern(rule, field);
    if (field->any)
        return true;
    enum khap_status status = khap__regex_new(
        &rule->step->arena->alloc, HEADER_JOIN(rule, rule->nocase ? S("(?i)") : S(""), pattern), &regex);
    if (status == KHAP_OK)
        status = khap__regex_exec(regex, khap__str(text), &matched);
    if (status == KHAP_ENOMEM)
        rule->no_memory = true;
    khap__regex_free(regex);
    return matched;
}

/* `{ FETCH -m … PATTERN }` for a field; nothing for one that says nothing. */
static void add_match(struct header_rule *rule, const char *fetch, struct khap_str argument,
                      const struct header_field *field, struct header_terms *terms)
{
    static const char *const methods_of[] = {"sub", "end", "beg", "str"};
    struct header_term *term = khap__header_term(terms, "");
    bool plain = field->plain && field->middle.len > 0 && !khap__str_eq(field->middle, S("}"));
    khap__header_term_word(term, argument.len > 0
                                     ? HEADER_JOIN(rule, khap__str(fetch), S("("), argument, S(")"))
                                     : khap__str(fetch));
    khap__header_term_word(term, S("-m"));
    if (field->any) {
        khap__header_term_word(term, S("found"));
        return;
    }
    khap__header_term_word(
        term, plain ? khap__str(methods_of[(field->begins ? 2 : 0) + (field->ends ? 1 : 0)]) : S("reg"));
    if (rule->nocase && field->letters)
        khap__header_term_word(term, S("-i"));
    struct khap_str pattern = plain ? field->middle : khap__header_pattern(rule, field);
    if (khap__str_eq(pattern, S("}")))
        pattern = S("[}]");
    if (pattern.len > 0 && pattern.ptr[0] == '-')
        khap__header_term_word(term, S("--"));
    khap__header_term_word(term, pattern);
}

void khap__header_value_term(struct header_rule *rule, struct khap_str name, const struct header_field *value,
                             struct header_terms *terms)
{
    add_match(rule, rule->response ? "res.fhdr" : "req.fhdr", name, value, terms);
}

/* ---- the request line */

bool khap__header_of_path(const struct header_field *uri)
{
    for (size_t i = 0; i + 1 < uri->regex.len && !uri->slash; i++) {
        if (uri->regex.ptr[i] == '/' && uri->regex.ptr[i + 1] == '/')
            return false;
    }
    return uri->slash || (!uri->begins && !khap__str_eq(uri->middle, S("*")));
}

void khap__header_only_1(struct header_rule *rule)
{
    if (!khap__header_takes(rule, "reqdel x"))
        khap__header_differs(rule,
                             "HTTP/2 requests have a URI with scheme and host, which it does not expect");
}

static bool has_word(const struct header_term *term, struct khap_str word)
{
    for (unsigned i = 0; i < term->n; i++) {
        if (khap__str_eq(term->words[i], word))
            return true;
    }
    return false;
}

/* The methods that match, one by one: HAProxy searches in none. False when none can. */
static bool method_term(struct header_rule *rule, const struct header_way *way,
                        const struct header_field *field, struct header_terms *terms)
{
    struct header_term *term = khap__header_term(terms, "method");
    for (unsigned i = 0; i < METHODS && !field->any; i++) {
        if (khap__header_matches(rule, field, methods[i]))
            khap__header_term_word(term, khap__str(methods[i]));
    }
    if (field->any || term->n == METHODS + 1) {
        terms->n--;
        return true;
    }
    /* where no header can be meant, words of the regex may be methods of one's own */
    for (size_t i = 0, from = 0; i <= field->regex.len && rule->headers.n == 0 && field->begins; i++) {
        if (i < field->regex.len && khap__is_alpha((unsigned char)field->regex.ptr[i]))
            continue;
        struct khap_str word = HEADER_JOIN(rule, khap__str_sub(field->regex, from, i - from));
        bool capital = word.len > 0;
        for (size_t c = 0; c < word.len; c++)
            capital = capital && word.ptr[c] == (char)(word.ptr[c] & ~32);
        if (capital && term->n < HEADER_TERM && !has_word(term, word) &&
            khap__header_matches(rule, field, word.ptr))
            khap__header_term_word(term, word);
        from = i + 1;
    }
    bool open = field->begins && !field->ends && way->fields > 0;
    for (size_t i = 0; i < field->regex.len && field->begins; i++)
        open = open || khap__str_find(S(".*+?[{\\"), field->regex.ptr[i]) < 7;
    if (open && term->n > 1)
        khap__header_differs(rule, "of methods that are not in it none matches");
    return term->n > 1;
}

bool khap__header_request_terms(struct header_rule *rule, const struct header_way *way, bool with_uri,
                                struct header_terms *terms)
{
    struct header_field method, uri, version;
    terms->n = 0;
    khap__header_describe(rule, way, HEADER_REQUEST, 0, &method);
    khap__header_describe(rule, way, HEADER_REQUEST, 1, &uri);
    khap__header_describe(rule, way, HEADER_REQUEST, 2, &version);
    bool newer = khap__header_matches(rule, &version, "HTTP/1.1");
    bool older = khap__header_matches(rule, &version, "HTTP/1.0");
    if (rule->no_memory || (!newer && !older) || !method_term(rule, way, &method, terms))
        return false;
    if (with_uri && !uri.any) {
        bool of_path = khap__header_of_path(&uri), pathq = khap__header_has_fetch(rule, "pathq");
        bool begins = uri.plain && uri.slash && uri.begins && !uri.ends &&
                      khap__str_find(uri.middle, '?') == uri.middle.len;
        const char *fetch = begins ? "path" : of_path && pathq ? "pathq" : "url";
        if (of_path && !begins && !pathq)
            khap__header_only_1(rule);
        add_match(rule, fetch, S(""), &uri, terms);
    }
    /* newer protocols than 1.1 were told as 1.1 */
    if (newer != older) {
        struct header_term *term = khap__header_term(terms, "req.ver 1.0");
        term->negated = newer;
    }
    return !rule->no_memory;
}

/* ---- the status line */

bool khap__header_status_terms(struct header_rule *rule, const struct header_way *way,
                               struct header_terms *terms)
{
    enum { ROOM = 24, RANGES = 8 };
    struct header_field version, status, reason;
    unsigned n = 0;
    terms->n = 0;
    khap__header_describe(rule, way, HEADER_STATUS, 0, &version);
    khap__header_describe(rule, way, HEADER_STATUS, 1, &status);
    khap__header_describe(rule, way, HEADER_STATUS, 2, &reason);
    bool newer = khap__header_matches(rule, &version, "HTTP/1.1");
    if (rule->no_memory || (!newer && !khap__header_matches(rule, &version, "HTTP/1.0")))
        return false;
    if (!newer)
        khap__header_term(terms, "res.ver 1.0");
    if (!reason.any)
        khap__header_differs(rule, "the reason phrase is not looked at");
    if (status.any)
        return reason.any;
    struct header_term *term = khap__header_term(terms, "status");
    for (unsigned code = 200, from = 0; code <= 600; code++) {
        char text[4] = {(char)('0' + code / 100), (char)('0' + code / 10 % 10), (char)('0' + code % 10),
                        '\0'};
        bool matches = code < 600 && khap__header_matches(rule, &status, text);
        if (matches && from == 0)
            from = code;
        if (matches || from == 0)
            continue;
        char first[20], last[20];
        struct khap_str low = khap__str_uint(first, from), high = khap__str_uint(last, code - 1);
        if (n == RANGES) {
            khap__header_left(rule, "write an ACL with the statuses that are meant");
            return false;
        }
        khap__header_term_word(term, from == code - 1 ? HEADER_JOIN(rule, low)
                                                      : HEADER_JOIN(rule, low, S(":"), high));
        n++;
        from = 0;
    }
    if (n == 1 && khap__str_eq(term->words[1], S("200:599")))
        terms->n--;
    return n > 0 && !rule->no_memory;
}

/* ---- header lines */

bool khap__header_line_terms(struct header_rule *rule, const struct header_way *way,
                             struct header_terms *terms)
{
    struct header_field name, value;
    struct khap_str fetch = rule->response ? S("res.hdrs") : S("req.hdrs");
    terms->n = 0;
    khap__header_describe(rule, way, HEADER_LINE, 0, &name);
    khap__header_describe(rule, way, HEADER_LINE, 2, &value);
    if (rule->no_memory)
        return false;
    if (name.literal.len > 0 && khap__header_is_name(name.literal)) {
        khap__header_value_term(rule, name.literal, &value, terms);
        return true;
    }
    if ((name.lined.len == 0 && name.regex.len > 0) || (value.lined.len == 0 && value.regex.len > 0) ||
        !khap__header_has_fetch(rule, rule->response ? "res.hdrs" : "req.hdrs")) {
        khap__header_left(rule, "write an ACL for the headers that are meant");
        return false;
    }
    /* all lines in one, each with its end */
    struct khap_str between = S("[^:\r\n]*"), in_value = S("[^\r\n]*"), none = S("");
    bool complete = way->fields > 0, open = !name.begins && name.regex.len > 0;
    struct khap_str pattern = HEADER_JOIN(
        rule, S("(^|\n)"), open ? between : none, name.lined, name.ends || !complete ? none : between,
        !complete   ? none
        : value.any ? S(":")
                    : S(": "),
        value.any || value.begins ? none : in_value, value.any ? none : value.lined,
        value.ends && !value.any ? S("\r") : none);
    struct header_term *term = khap__header_term(terms, "");
    khap__header_term_word(term, fetch);
    khap__header_term_word(term, S("-m"));
    khap__header_term_word(term, S("reg"));
    if (rule->nocase && (value.letters || name.letters))
        khap__header_term_word(term, S("-i"));
    khap__header_term_word(term, pattern);
    return !rule->no_memory;
}

bool khap__header_text_term(struct header_rule *rule, struct header_terms *terms)
{
    struct header_ways ways;
    struct header_field text;
    const char *fetch = rule->response ? "res.hdrs" : "req.hdrs";
    terms->n = 0;
    if (khap__header_ways(rule->step->arena, rule->regex, HEADER_TEXT, &ways) != KHAP_OK)
        rule->no_memory = true;
    if (rule->no_memory || ways.n != 1 || !khap__header_has_fetch(rule, fetch))
        return false;
    khap__header_describe(rule, ways.ways[0], HEADER_TEXT, 0, &text);
    if (!text.plain || text.begins || text.ends || text.middle.len == 0 ||
        khap__str_find(text.middle, ':') < text.middle.len ||
        khap__str_find(text.middle, ' ') < text.middle.len)
        return false;
    add_match(rule, fetch, S(""), &text, terms);
    return true;
}
