/*
 * migrate/headers.c - req… and rsp…, which searched whole lines of a request or an answer, become http-request and http-response rules
 *
 * What HAProxy 1.5 to 2.0 did: each rule in turn, behind all http-request rules, searched the request line, and unless it matched there, each header line;
 * a replacement took the place of the whole line. Then came reqadd.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "migrate/headers.h"

static const struct {
    const char *name;
    enum header_action action;
    bool response, nocase;
} keywords[] = {
    {"reqadd", HEADER_ADD, false, false},
    {"reqallow", HEADER_ALLOW, false, false},
    {"reqiallow", HEADER_ALLOW, false, true},
    {"reqdel", HEADER_DELETE, false, false},
    {"reqidel", HEADER_DELETE, false, true},
    {"reqdeny", HEADER_DENY, false, false},
    {"reqideny", HEADER_DENY, false, true},
    {"reqpass", HEADER_PASS, false, false},
    {"reqipass", HEADER_PASS, false, true},
    {"cliexp", HEADER_REPLACE, false, false},
    {"reqrep", HEADER_REPLACE, false, false},
    {"reqirep", HEADER_REPLACE, false, true},
    {"reqsetbe", HEADER_SET_BACKEND, false, false},
    {"reqisetbe", HEADER_SET_BACKEND, false, true},
    {"reqtarpit", HEADER_TARPIT, false, false},
    {"reqitarpit", HEADER_TARPIT, false, true},
    {"rspadd", HEADER_ADD, true, false},
    {"rspdel", HEADER_DELETE, true, false},
    {"rspidel", HEADER_DELETE, true, true},
    {"rspdeny", HEADER_DENY, true, false},
    {"rspideny", HEADER_DENY, true, true},
    {"srvexp", HEADER_REPLACE, true, false},
    {"rsprep", HEADER_REPLACE, true, false},
    {"rspirep", HEADER_REPLACE, true, true},
};
enum { KEYWORDS = sizeof keywords / sizeof *keywords };

/* ---- for the parts of this step */

struct khap_str khap__header_join(struct header_rule *rule, const struct khap_str *parts, size_t n)
{
    size_t len = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    char *bytes = khap__arena_bytes(rule->step->arena, len + 1);
    if (bytes == NULL) {
        rule->no_memory = true;
        return S("");
    }
    bytes[len] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > 0)
            memcpy(bytes + at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    return (struct khap_str){bytes, len};
}

void khap__header_differs(struct header_rule *rule, const char *says)
{
    if (rule->step->effect != MIGRATE_SAME)
        return;
    rule->step->effect = MIGRATE_DIFFERS;
    rule->step->says = khap__str(says);
}

void khap__header_left(struct header_rule *rule, const char *says)
{
    if (rule->step->effect != MIGRATE_LEFT)
        rule->step->says = khap__str(says);
    rule->step->effect = MIGRATE_LEFT;
}

void khap__header_named(struct header_rule *rule, enum header_shape shape, unsigned field,
                        const struct header_field *name)
{
    if (shape == HEADER_LINE && field == 0 && !name->any && name->letters && !rule->nocase)
        rule->step->any_case = true;
}

void khap__header_idle(struct header_rule *rule)
{
    khap__header_differs(rule, "it matched no line of HTTP/1, and did nothing");
}

bool khap__header_has_fetch(const struct header_rule *rule, const char *name)
{
    return khap__schema_find(TABLE_FETCH, khap__str(name), rule->step->to, NULL) != NULL;
}

bool khap__header_takes(struct header_rule *rule, const char *line)
{
    struct schema_word words[8];
    struct schema_line read;
    struct khap_str rest = khap__str(line);
    size_t n = 0;
    for (; rest.len > 0 && n < 8; n++) {
        size_t len = khap__str_find(rest, ' ');
        words[n] = (struct schema_word){.text = khap__str_sub(rest, 0, len)};
        rest = khap__str_sub(rest, len + 1, rest.len);
    }
    if (khap__schema_read(rule->step->arena, rule->step->table, rule->step->to, words, n, &read) != KHAP_OK) {
        rule->no_memory = true;
        return false;
    }
    return read.problem == SCHEMA_GOOD;
}

struct header_line *khap__header_line(struct header_rule *rule, enum migrate_where where, const char *words)
{
    struct khap_str rest = khap__str(words);
    if (rule->n == HEADER_LINES) {
        khap__header_left(rule, "it matches in too many ways; write one rule for each");
        rule->n--;
    }
    struct header_line *line = &rule->lines[rule->n++];
    line->n = 0;
    line->where = where;
    line->keep = 0;
    line->terms.n = 0;
    while (rest.len > 0) {
        size_t len = khap__str_find(rest, ' ');
        khap__header_word(line, khap__str_sub(rest, 0, len));
        rest = khap__str_sub(rest, len + 1, rest.len);
    }
    return line;
}

void khap__header_word(struct header_line *line, struct khap_str word)
{
    line->words[line->n++] = word;
}

/* ---- the condition */

static struct khap_str without_not(struct khap_str word)
{
    while (word.len > 0 && word.ptr[0] == '!')
        word = khap__str_sub(word, 1, word.len);
    return word;
}

static void write_terms(struct migrate_step *step, const struct header_terms *terms, bool unless)
{
    for (unsigned i = 0; i < terms->n; i++) {
        const struct header_term *term = &terms->terms[i];
        if (unless)
            khap__migrate_literal(step, "or");
        khap__migrate_literal(step, term->negated != unless ? "!{" : "{");
        for (unsigned w = 0; w < term->n; w++)
            khap__migrate_word(step, term->words[w]);
        khap__migrate_literal(step, "}");
    }
}

/* The condition of the old line, if it has one, and the terms. */
static void write_condition(const struct header_rule *rule, const struct header_terms *terms)
{
    struct migrate_step *step = rule->step;
    bool unless = rule->condition < step->n && khap__str_eq(step->words[rule->condition].text, S("unless"));
    bool braces = false;
    if (rule->condition == step->n) {
        if (terms->n > 0)
            khap__migrate_literal(step, "if");
        write_terms(step, terms, false);
        return;
    }
    size_t from = rule->condition;
    for (size_t i = from + 1; i < step->n && !unless; i++) {
        struct khap_str word = without_not(step->words[i].text);
        if (!braces && (khap__str_eq_nocase(word, S("or")) || khap__str_eq(word, S("||")))) {
            khap__migrate_keep(step, from, i - from);
            write_terms(step, terms, false);
            from = i;
        }
        braces = braces ? !khap__str_eq(word, S("}")) : khap__str_eq(word, S("{"));
    }
    khap__migrate_keep(step, from, step->n - from);
    write_terms(step, terms, unless);
}

/* Whether the condition may look at headers, which one of several rules changes before the next one asks. */
static bool asks_headers(const struct header_rule *rule)
{
    bool braces = false;
    for (size_t i = rule->condition + 1; i < rule->step->n; i++) {
        struct khap_str word = without_not(rule->step->words[i].text);
        for (size_t at = 0; at + 3 <= word.len && braces; at++) {
            if (khap__str_eq(khap__str_sub(word, at, 3), S("hdr")))
                return true;
        }
        /* a name may mean anything */
        if (!braces && !khap__str_eq(word, S("{")))
            return true;
        braces = !khap__str_eq(word, S("}"));
    }
    return false;
}

/* ---- reqallow */

/* Whether the line's keyword is that action; only its bytes are looked at. */
static bool is_rule(const struct khap_line *line, unsigned actions)
{
    struct khap_str text = khap__str_trim(khap_line_text(line));
    for (unsigned i = 0; i < KEYWORDS; i++) {
        struct khap_str name = khap__str(keywords[i].name);
        if ((actions >> keywords[i].action & 1) != 0 && !keywords[i].response && text.len > name.len &&
            khap__str_starts(text, name) && (text.ptr[name.len] == ' ' || text.ptr[name.len] == '\t'))
            return true;
    }
    return false;
}

bool khap__header_has_rules(const struct header_rule *rule, unsigned actions, unsigned where)
{
    const struct khap_view *view = rule->step->view;
    bool backend = khap__str_eq(view->sections.ptr[rule->step->section].kind, S("backend"));
    for (uint32_t s = 0; s < view->sections.len; s++) {
        const struct view_section *section = &view->sections.ptr[s];
        const struct khap_document *doc = view->files.ptr[section->file].doc;
        bool own = s == rule->step->section, above = true;
        /* what comes first is asked for above, what comes then below */
        bool before = !khap__str_eq(section->kind, S("backend")),
             after = !khap__str_eq(section->kind, S("frontend"));
        if (own ? (where & (HEADER_ABOVE | HEADER_BELOW)) == 0
                : (where & HEADER_ELSEWHERE) == 0 ||
                      !((where & HEADER_ABOVE) != 0 ? before && backend : after && !backend))
            continue;
        for (const struct khap_line *line = section->head; line != NULL; line = khap_line_next(doc, line)) {
            if (own && line == rule->step->at)
                above = false;
            else if ((!own || (where & (above ? HEADER_ABOVE : HEADER_BELOW)) != 0) && is_rule(line, actions))
                return true;
            if (line == section->last)
                break;
        }
    }
    return false;
}

enum { VERDICTS = 1U << HEADER_ALLOW | 1U << HEADER_DENY | 1U << HEADER_TARPIT };

/* ---- the actions */

/* A line for each way in which it matches. */
static void write_ways(struct header_rule *rule, const char *words, const struct header_terms *more)
{
    enum migrate_where where = rule->response ? MIGRATE_RESPONSE_LAST : MIGRATE_REQUEST_LAST;
    enum header_shape top = rule->response ? HEADER_STATUS : HEADER_REQUEST;
    struct header_terms anywhere;
    bool verb = false, always = false, text = khap__header_text_term(rule, &anywhere);
    for (uint32_t i = 0; i < rule->top.n + (text ? 1 : rule->headers.n); i++) {
        bool of_top = i < rule->top.n;
        const struct header_way *way = of_top ? rule->top.ways[i] : rule->headers.ways[i - rule->top.n];
        struct header_field first;
        struct header_terms terms = anywhere;
        khap__header_describe(rule, way, of_top ? top : HEADER_LINE, 0, &first);
        /* no header is meant where a method is named */
        if (!of_top && verb && way->fields == 0 && first.plain && first.begins)
            continue;
        if (!(of_top ? (rule->response ? khap__header_status_terms(rule, way, &terms)
                                       : khap__header_request_terms(rule, way, true, &terms))
                     : text || khap__header_line_terms(rule, way, &terms)))
            continue;
        verb = verb || (of_top && way->fields == 0 && first.plain && first.begins);
        for (unsigned t = 0; t < more->n; t++)
            terms.terms[terms.n++] = more->terms[t];
        /* one that always matches is enough */
        if (terms.n == 0)
            rule->n = 0;
        else if (always)
            continue;
        always = always || terms.n == 0;
        struct header_line *line = khap__header_line(rule, where, words);
        line->keep = rule->action == HEADER_SET_BACKEND ? rule->first + 1 : 0;
        line->terms = terms;
    }
    if (rule->n == 0)
        khap__header_idle(rule);
}

static void judge(struct header_rule *rule)
{
    struct header_terms more = {.n = 0};
    const char *words = rule->response                       ? "http-response deny"
                        : rule->action == HEADER_TARPIT      ? "http-request tarpit"
                        : rule->action == HEADER_ALLOW       ? "http-request set-var(txn.reqallow) bool(true)"
                        : rule->action == HEADER_SET_BACKEND ? "use_backend"
                                                             : "http-request deny";
    bool verdict = !rule->response && rule->action != HEADER_SET_BACKEND;
    /* it kept rules below from denying, not from changing anything, in the backend, too */
    if (verdict && rule->action != HEADER_ALLOW &&
        khap__header_has_rules(rule, 1U << HEADER_ALLOW, HEADER_ABOVE | HEADER_ELSEWHERE))
        khap__header_term(&more, "var(txn.reqallow) -m bool")->negated = true;
    if (rule->action == HEADER_ALLOW &&
        !khap__header_has_rules(rule, VERDICTS & ~(1U << HEADER_ALLOW), HEADER_BELOW | HEADER_ELSEWHERE))
        return;
    if (rule->action == HEADER_ALLOW && !khap__header_takes(rule, words))
        khap__header_left(rule, "write an ACL for it, and add it to the conditions of the rules below");
    if (rule->action == HEADER_SET_BACKEND &&
        khap__header_has_rules(rule, 1U << HEADER_REPLACE, HEADER_BELOW))
        khap__header_differs(rule, "it asks behind the rules below, which change the request");
    write_ways(rule, words, &more);
}

bool khap__header_is_name(struct khap_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (!khap__is_alnum(c) && c != '-' && c != '_' && c != '.')
            return false;
    }
    return s.len > 0;
}

struct khap_str khap__header_literal(struct header_rule *rule, struct khap_str text)
{
    struct buf out;
    struct khap_str copy = S("%[str()]");
    khap__buf_init(&out, &rule->step->arena->alloc);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%')
            khap__buf_char(&out, '%');
        khap__buf_char(&out, text.ptr[i]);
    }
    if (out.failed ||
        (text.len > 0 && khap__arena_dup(rule->step->arena, khap__buf_str(&out), &copy) != KHAP_OK))
        rule->no_memory = true;
    khap__buf_free(&out);
    return copy;
}

/* "Name: value", or several with line ends in between. */
static void add_header(struct header_rule *rule)
{
    struct khap_str rest = rule->step->words[rule->first].text;
    while (rest.len > 0) {
        size_t end = 0;
        while (end < rest.len && rest.ptr[end] != '\r' && rest.ptr[end] != '\n')
            end++;
        struct khap_str one = khap__str_sub(rest, 0, end);
        size_t colon = khap__str_find(one, ':');
        while (end < rest.len && (rest.ptr[end] == '\r' || rest.ptr[end] == '\n'))
            end++;
        rest = khap__str_sub(rest, end, rest.len);
        struct khap_str name = khap__str_sub(one, 0, colon),
                        value = khap__str_trim(khap__str_sub(one, colon + 1, one.len));
        if (!khap__header_is_name(name) || colon == one.len) {
            khap__header_left(rule, "it adds no header, but something else");
            return;
        }
        struct header_line *line =
            rule->response ? khap__header_line(rule, MIGRATE_RESPONSE_ADD, "http-response add-header")
                           : khap__header_line(rule, MIGRATE_REQUEST_ADD, "http-request add-header");
        khap__header_word(line, name);
        khap__header_word(line, khap__header_literal(rule, value));
    }
}

static struct khap_str lower(struct header_rule *rule, struct khap_str s)
{
    char *bytes = khap__arena_bytes(rule->step->arena, s.len + 1);
    if (bytes == NULL) {
        rule->no_memory = true;
        return S("");
    }
    for (size_t i = 0; i < s.len; i++)
        bytes[i] = i > 0 && s.ptr[i - 1] == '\\' ? s.ptr[i] : (char)khap__lower((unsigned char)s.ptr[i]);
    return (struct khap_str){bytes, s.len};
}

/* Headers of one name, or of names that are alike. */
static void delete_headers(struct header_rule *rule, const struct header_way *way)
{
    static const char *const methods_of[] = {"sub", "end", "beg", "str"};
    struct header_field name, value;
    enum migrate_where where = rule->response ? MIGRATE_RESPONSE_LAST : MIGRATE_REQUEST_LAST;
    const char *words = rule->response ? "http-response del-header" : "http-request del-header";
    khap__header_describe(rule, way, HEADER_LINE, 0, &name);
    khap__header_describe(rule, way, HEADER_LINE, 2, &value);
    if (rule->no_memory)
        return;
    if (name.any) {
        khap__header_differs(rule, "headers stay that only have it in their value");
        return;
    }
    struct header_line *line = khap__header_line(rule, where, words);
    if (name.literal.len > 0) {
        khap__header_word(line, name.literal);
        if (!value.any) {
            khap__header_value_term(rule, name.literal, &value, &line->terms);
            khap__header_differs(rule, "where one header matches, all of that name go");
        }
        return;
    }
    if (!khap__header_takes(rule, "http-request del-header x -m reg")) {
        khap__header_word(line, name.middle);
        if (name.plain)
            khap__header_differs(rule, "only headers of just that name go");
        else
            khap__header_left(rule, "write a del-header for each header that is meant");
        return;
    }
    khap__header_word(line, lower(rule, name.plain ? name.middle : khap__header_pattern(rule, &name)));
    khap__header_word(line, S("-m"));
    khap__header_word(line, name.plain ? khap__str(methods_of[(name.begins ? 2 : 0) + (name.ends ? 1 : 0)])
                                       : S("reg"));
    if (!value.any)
        khap__header_left(rule, "write a del-header for each name, with an ACL for its value");
}

static void delete_all(struct header_rule *rule)
{
    for (uint32_t i = 0; i < rule->headers.n; i++)
        delete_headers(rule, rule->headers.ways[i]);
    if (rule->headers.n == 0)
        khap__header_idle(rule);
    else if (rule->n == 0)
        khap__header_left(rule, "write a del-header for each header that is meant");
}

static enum khap_status run(struct header_rule *rule)
{
    struct migrate_step *step = rule->step;
    struct arena *arena = step->arena;
    struct khap_str text = step->words[rule->first].text;
    if (rule->action == HEADER_ADD) {
        add_header(rule);
        return KHAP_OK;
    }
    if (rule->action == HEADER_PASS) {
        if (khap__header_has_rules(rule, ~0U, HEADER_BELOW))
            khap__header_differs(rule, "it did nothing in any release, although the manuals told otherwise");
        return KHAP_OK;
    }
    enum khap_status status = khap__header_regex(arena, text, &rule->nocase, &rule->regex);
    if (status == KHAP_OK && rule->regex != NULL)
        status = khap__header_ways(arena, rule->regex, HEADER_LINE, &rule->headers);
    if (status == KHAP_OK && rule->regex != NULL)
        status = khap__header_ways(arena, rule->regex, rule->response ? HEADER_STATUS : HEADER_REQUEST,
                                   &rule->top);
    if (status != KHAP_OK)
        return status;
    if (rule->regex == NULL || rule->headers.unknown || rule->top.unknown)
        khap__header_left(
            rule,
            "its regular expression is not understood; write a rule for the header or path that is meant");
    else if (rule->action == HEADER_DELETE)
        delete_all(rule);
    else if (rule->action == HEADER_REPLACE)
        khap__header_replace(rule);
    else
        judge(rule);
    return KHAP_OK;
}

enum khap_status khap__migrate_headers(struct migrate_step *step)
{
    unsigned i = 0;
    while (i < KEYWORDS && !khap__str_eq(step->words[step->word].text, khap__str(keywords[i].name)))
        i++;
    struct header_rule *rule = khap__arena_zalloc(step->arena, 1, sizeof *rule);
    if (rule == NULL)
        return KHAP_ENOMEM;
    step->effect = MIGRATE_SAME;
    step->says = S("");
    if (i == KEYWORDS || step->line->problem != SCHEMA_GOOD) {
        step->effect = MIGRATE_LEFT;
        step->says = S("it is not right as it is");
        return KHAP_OK;
    }
    *rule = (struct header_rule){.step = step,
                                 .action = keywords[i].action,
                                 .response = keywords[i].response,
                                 .nocase = keywords[i].nocase,
                                 .first = step->word + 1};
    rule->condition =
        rule->first + (rule->action == HEADER_REPLACE || rule->action == HEADER_SET_BACKEND ? 2U : 1U);
    for (size_t w = 0; w < step->n; w++) {
        if (step->words[w].many || (step->words[w].variable && w < rule->condition))
            khap__header_left(rule, "write its variable out first");
    }
    if (rule->condition > step->n)
        khap__header_left(rule, "it is not right as it is");
    enum khap_status status = step->effect == MIGRATE_LEFT ? KHAP_OK : run(rule);
    if (rule->n > 1 && (rule->action == HEADER_REPLACE || rule->action == HEADER_DELETE) &&
        asks_headers(rule))
        khap__header_differs(rule, "its condition is asked again for each rule");
    if (status != KHAP_OK || rule->no_memory)
        return KHAP_ENOMEM;
    for (unsigned l = 0; l < rule->n && step->effect != MIGRATE_LEFT; l++) {
        const struct header_line *line = &rule->lines[l];
        khap__migrate_line(step, line->where);
        for (unsigned w = 0; w < line->n; w++)
            khap__migrate_word(step, line->words[w]);
        if (line->keep != 0)
            khap__migrate_keep(step, line->keep, 1);
        write_condition(rule, &line->terms);
    }
    return KHAP_OK;
}
