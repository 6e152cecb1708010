/* migrate/header_replace.c - what took the place of a whole line, for the part of it that changes. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/headers.h"

enum { ATOMS = 1024 };
struct replacing {
    struct header_rule *rule;
    enum header_shape shape;
    const struct header_way *way;
    struct khap_str replacement;
    uint32_t used; /* groups that the replacement names */
    struct header_field fields[HEADER_FIELDS];
    struct header_text groups[HEADER_GROUPS];
    /* what the new line is made of */
    unsigned n;
    uint16_t atoms[ATOMS];
    bool good;
};
struct segment {
    unsigned from, to;
};

static bool is_part(const struct replacing *r, unsigned at)
{
    return r->atoms[at] >= HEADER_PART && r->atoms[at] < HEADER_NONE;
}
static unsigned field_of(const struct replacing *r, unsigned at)
{
    return (r->atoms[at] - (unsigned)HEADER_PART) / 16;
}
static unsigned group_of(const struct replacing *r, unsigned at)
{
    return (r->atoms[at] - (unsigned)HEADER_PART) % 16;
}

static void put(struct replacing *r, unsigned atom)
{
    if (r->n < ATOMS)
        r->atoms[r->n++] = (uint16_t)atom;
    else
        r->good = false;
}

/* Reads the replacement: \0 to \9, \xHH, and a backslash before anything else. Without `expand` it only notes the groups. */
static void read_replacement(struct replacing *r, bool expand)
{
    struct khap_str s = r->replacement;
    for (size_t i = 0; i < s.len && r->good; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\\') {
            if (++i == s.len) {
                r->good = false;
                break;
            }
            c = (unsigned char)s.ptr[i];
            if (khap__is_digit(c)) {
                unsigned group = c - (unsigned)'0';
                r->used |= UINT32_C(1) << group;
                for (unsigned a = 0; expand && a < r->groups[group].n; a++)
                    put(r, r->groups[group].atoms[a]);
                continue;
            }
            if (c == 'x') {
                int high = i + 1 < s.len ? khap__hex((unsigned char)s.ptr[i + 1]) : -1;
                int low = i + 2 < s.len ? khap__hex((unsigned char)s.ptr[i + 2]) : -1;
                r->good = high >= 0 && low >= 0;
                c = (unsigned char)(high * 16 + low);
                i += 2;
            }
        }
        r->good = r->good && c != '\0' && c != '\r' && c != '\n';
        if (expand)
            put(r, c);
    }
}

static bool begin(struct replacing *r, struct header_rule *rule, enum header_shape shape,
                  const struct header_way *way)
{
    *r = (struct replacing){.rule = rule,
                            .shape = shape,
                            .way = way,
                            .replacement = rule->step->words[rule->first + 1].text,
                            .good = true};
    read_replacement(r, false);
    for (unsigned f = 0; f < HEADER_FIELDS && r->good; f++) {
        if (khap__header_field(rule->step->arena, way, shape, f, rule->nocase, r->used, r->groups,
                               &r->fields[f]) != KHAP_OK)
            rule->no_memory = true;
        else
            khap__header_named(rule, shape, f, &r->fields[f]);
    }
    if (r->good && !rule->no_memory)
        read_replacement(r, true);
    return r->good && !rule->no_memory;
}

/* Up to the next such byte, from *at on; false when there is none. */
static bool cut(const struct replacing *r, unsigned *at, char byte, struct segment *out)
{
    out->from = *at;
    while (*at < r->n && r->atoms[*at] != (uint16_t)byte)
        ++*at;
    out->to = *at;
    return *at < r->n ? ++*at, true : false;
}

/* Its bytes; false when it has parts of the old line. */
static bool bytes_of(struct replacing *r, struct segment s, struct khap_str *out)
{
    char *bytes = khap__arena_bytes(r->rule->step->arena, s.to - s.from + 1);
    if (bytes == NULL) {
        r->rule->no_memory = true;
        return false;
    }
    for (unsigned i = s.from; i < s.to; i++) {
        if (r->atoms[i] > 255)
            return false;
        bytes[i - s.from] = (char)r->atoms[i];
    }
    *out = (struct khap_str){bytes, s.to - s.from};
    return true;
}

/* Whether it is a whole field as it was. */
static bool unchanged(const struct replacing *r, struct segment s, unsigned field)
{
    const struct header_field *f = &r->fields[field];
    return s.to == s.from + 1 && is_part(r, s.from) && field_of(r, s.from) == field &&
           (f->whole >> group_of(r, s.from) & 1) != 0 && (f->any || f->tail || (f->begins && f->ends));
}

/* The log format that replaces a field; false when it needs another field. */
static bool format_of(struct replacing *r, struct segment s, unsigned field, struct khap_str *out)
{
    struct buf text;
    bool good = true;
    khap__buf_init(&text, &r->rule->step->arena->alloc);
    for (unsigned i = s.from; i < s.to && good; i++) {
        char c = (char)r->atoms[i];
        if (is_part(r, i) && field_of(r, i) == field) {
            khap__buf_char(&text, '\\');
            khap__buf_uint(&text, group_of(r, i));
        } else if (r->atoms[i] > 255) {
            good = false;
        } else {
            khap__buf_add(&text, c == '%' ? S("%") : c == '\\' ? S("\\") : S(""));
            khap__buf_char(&text, c);
        }
    }
    if (text.failed)
        r->rule->no_memory = true;
    else if (good && text.len == 0)
        *out = S("%[str()]");
    else if (good && khap__arena_dup(r->rule->step->arena, khap__buf_str(&text), out) != KHAP_OK)
        r->rule->no_memory = true;
    khap__buf_free(&text);
    return good && !r->rule->no_memory;
}

/* The regex of a field for the rules that replace, which know no flag for case. */
static struct khap_str regex_of(struct replacing *r, unsigned field)
{
    struct header_field *f = &r->fields[field];
    struct khap_str pattern = khap__header_pattern(r->rule, f);
    if (pattern.len == 0)
        return S(".*");
    return HEADER_JOIN(r->rule, r->rule->nocase && f->letters ? S("(?i)") : S(""), pattern);
}

/* ---- a header */

static struct header_line *line_for(struct replacing *r, const char *words, struct khap_str name)
{
    struct header_rule *rule = r->rule;
    struct header_line *line =
        khap__header_line(rule, rule->response ? MIGRATE_RESPONSE_LAST : MIGRATE_REQUEST_LAST,
                          rule->response ? "http-response" : "http-request");
    khap__header_word(line, khap__str(words));
    khap__header_word(line, name);
    return line;
}

static void rename_header(struct replacing *r, struct khap_str to, struct segment value)
{
    struct header_rule *rule = r->rule;
    struct khap_str name = r->fields[0].middle, text, format = S("");
    struct header_field old;
    bool copy = !bytes_of(r, value, &text);
    if (copy)
        text = HEADER_JOIN(rule, rule->response ? S("%[res.fhdr(") : S("%[req.fhdr("), name, S(")]"));
    else
        text = khap__header_literal(rule, text);
    if (copy && !unchanged(r, value, 2) && !format_of(r, value, 2, &format)) {
        khap__header_left(rule, "write a set-header with the new value, and a del-header for the old one");
        return;
    }
    khap__header_differs(rule, "it expects one header of the old name, and none of the new one");
    khap__header_describe(rule, r->way, HEADER_LINE, 2, &old);
    struct header_line *line = line_for(r, "add-header", to);
    khap__header_word(line, text);
    khap__header_value_term(rule, name, &old, &line->terms);
    if (format.len > 0) {
        line = line_for(r, "replace-header", to);
        khap__header_word(line, regex_of(r, 2));
        khap__header_word(line, format);
        khap__header_value_term(rule, name, &old, &line->terms);
    }
    line = line_for(r, "del-header", name);
    if (!old.any)
        khap__header_value_term(rule, name, &old, &line->terms);
}

static void replace_header(struct header_rule *rule, const struct header_way *way)
{
    struct replacing *r = khap__arena_alloc(rule->step->arena, 1, sizeof *r);
    if (r == NULL) {
        rule->no_memory = true;
        return;
    }
    bool good = begin(r, rule, HEADER_LINE, way);
    unsigned at = 0;
    struct segment name = {0, 0}, value;
    struct khap_str to = S(""), format;
    const struct header_field *old = &r->fields[0];
    good = good && cut(r, &at, ':', &name) && bytes_of(r, name, &to) && khap__header_is_name(to);
    while (good && at < r->n && (r->atoms[at] == ' ' || r->atoms[at] == '\t'))
        at++;
    value = (struct segment){at, r->n};
    if (rule->no_memory)
        return;
    if (!good) {
        khap__header_left(
            rule,
            "its replacement is no header line with a known name; write a rule for the header that is meant");
        return;
    }
    if (old->literal.len == 0)
        khap__header_differs(rule, "it acts on headers of just that name");
    if (!khap__str_eq_nocase(to, old->middle)) {
        rename_header(r, to, value);
        return;
    }
    if (unchanged(r, value, 2))
        return;
    if (!format_of(r, value, 2, &format)) {
        khap__header_left(rule, "its replacement is too intricate; write a replace-header for it");
        return;
    }
    struct header_line *line = line_for(r, "replace-header", old->middle);
    khap__header_word(line, regex_of(r, 2));
    khap__header_word(line, format);
}

/* ---- the request line */

/* Which rule changes the URI so. */
static const char *uri_rule(struct replacing *r, struct segment uri)
{
    const struct header_field *old = &r->fields[1];
    struct header_rule *rule = r->rule;
    unsigned last = uri.to - 1;
    bool part = is_part(r, uri.from),
         path = part ? (old->firsts >> group_of(r, uri.from) & 1) != 0 : r->atoms[uri.from] == '/';
    if (!path)
        khap__header_differs(rule, "Host follows the URI");
    if (!path || !khap__header_of_path(old))
        return "http-request replace-uri x x";
    /* the query stays behind what goes to the end of the path */
    bool tail = old->tail && is_part(r, last) && (old->lasts >> group_of(r, last) & 1) != 0;
    for (unsigned i = uri.from; i < last; i++)
        tail = tail && r->atoms[i] != '?' && r->atoms[i] != r->atoms[last];
    if (tail && khap__header_takes(rule, "http-request replace-path x x"))
        return "http-request replace-path x x";
    if (khap__header_takes(rule, "http-request replace-pathq x x"))
        return "http-request replace-pathq x x";
    khap__header_only_1(rule);
    return "http-request replace-uri x x";
}

static void replace_request(struct header_rule *rule, const struct header_way *way)
{
    struct replacing *r = khap__arena_alloc(rule->step->arena, 1, sizeof *r);
    if (r == NULL) {
        rule->no_memory = true;
        return;
    }
    unsigned at = 0;
    struct segment method, uri, version;
    struct khap_str new_method = S(""), format, protocol;
    struct header_terms terms;
    bool good = begin(r, rule, HEADER_REQUEST, way);
    if (rule->no_memory)
        return;
    if (!good || !cut(r, &at, ' ', &method) || !cut(r, &at, ' ', &uri) || uri.from == uri.to) {
        khap__header_left(rule,
                          "its replacement is no request line; write a replace-path or set-path for it");
        return;
    }
    (void)cut(r, &at, ' ', &version);
    bool same_method = unchanged(r, method, 0), same_uri = unchanged(r, uri, 1);
    if (!same_method && bytes_of(r, method, &new_method))
        same_method = khap__str_eq(new_method, r->fields[0].literal);
    else if (!same_method)
        good = false;
    if (!unchanged(r, version, 2) &&
        (!bytes_of(r, version, &protocol) || !khap__str_starts(protocol, S("HTTP/1."))))
        good = false;
    if (good && !same_uri)
        good = format_of(r, uri, 1, &format);
    bool terms_good = khap__header_request_terms(rule, way, same_uri, &terms);
    if (rule->no_memory)
        return;
    if (!good || !terms_good || (!same_method && !same_uri)) {
        khap__header_left(
            rule, "its replacement is too intricate; write a replace-path, set-path or set-method for it");
        return;
    }
    if (!same_uri) {
        const char *words = uri_rule(r, uri);
        if (!khap__header_takes(rule, words)) {
            khap__header_left(rule, "write a set-path for it");
            return;
        }
        struct header_line *line = khap__header_line(rule, MIGRATE_REQUEST_LAST, words);
        line->n -= 2;
        khap__header_word(line, regex_of(r, 1));
        khap__header_word(line, format);
        line->terms = terms;
    } else if (!same_method) {
        struct header_line *line = khap__header_line(rule, MIGRATE_REQUEST_LAST, "http-request set-method");
        khap__header_word(line, new_method);
        if (khap__header_has_rules(rule, ~0U, HEADER_BELOW))
            khap__header_differs(rule, "rules below that ask for the method still see the old one");
        line->terms = terms;
    }
}

/* ---- the status line */

static void replace_status(struct header_rule *rule, const struct header_way *way)
{
    struct replacing *r = khap__arena_alloc(rule->step->arena, 1, sizeof *r);
    if (r == NULL) {
        rule->no_memory = true;
        return;
    }
    unsigned at = 0;
    struct segment version, status = {0, 0}, reason = {0, 0};
    struct khap_str code = S(""), text = S("");
    struct header_terms terms;
    bool good = begin(r, rule, HEADER_STATUS, way) && cut(r, &at, ' ', &version);
    if (good) {
        (void)cut(r, &at, ' ', &status);
        reason = (struct segment){at, r->n};
        if (unchanged(r, status, 1))
            code = r->fields[1].literal;
        else
            good = bytes_of(r, status, &code);
        good = good && code.len == 3 && khap__is_digit((unsigned char)code.ptr[0]);
    }
    bool terms_good = khap__header_status_terms(rule, way, &terms);
    if (rule->no_memory || rule->step->effect == MIGRATE_LEFT)
        return;
    if (!good || !terms_good) {
        khap__header_left(rule, "write a set-status for it");
        return;
    }
    struct header_line *line = khap__header_line(rule, MIGRATE_RESPONSE_LAST, "http-response set-status");
    khap__header_word(line, code);
    if (reason.from < reason.to && bytes_of(r, reason, &text)) {
        khap__header_word(line, S("reason"));
        khap__header_word(line, text);
    } else if (reason.from < reason.to) {
        khap__header_differs(rule, "the reason phrase becomes the usual one");
    }
    line->terms = terms;
}

/* ---- which of them */

static bool same_line(const struct header_line *a, const struct header_line *b)
{
    bool same = a->n == b->n && a->terms.n == b->terms.n;
    for (unsigned i = 0; i < a->n && same; i++)
        same = khap__str_eq(a->words[i], b->words[i]);
    for (unsigned t = 0; t < a->terms.n && same; t++) {
        const struct header_term *x = &a->terms.terms[t], *y = &b->terms.terms[t];
        same = x->n == y->n && x->negated == y->negated;
        for (unsigned i = 0; i < x->n && same; i++)
            same = khap__str_eq(x->words[i], y->words[i]);
    }
    return same;
}

/* Of ways that say the same one is enough; what else matches two rules one behind the other was replaced once. */
static void judge_twins(struct header_rule *rule, unsigned before, unsigned now)
{
    for (unsigned i = 0; i < before; i++) {
        const struct header_line *a = &rule->lines[i], *b = &rule->lines[now];
        if (same_line(a, b)) {
            rule->n = now;
            return;
        }
        if (a->n > 2 && b->n > 2 &&
            (!khap__str_eq(a->words[1], S("replace-header")) ||
             khap__str_eq_nocase(a->words[2], b->words[2])))
            khap__header_left(rule, "it matches in several ways; write a rule for each");
    }
}

/* The name is complete; where nothing says where it begins it is meant to be one all the same. */
static bool named(struct header_rule *rule, const struct header_way *way, bool *loose)
{
    struct header_field name;
    khap__header_describe(rule, way, HEADER_LINE, 0, &name);
    *loose = !name.begins;
    return name.plain && name.ends && khap__header_is_name(name.middle);
}

void khap__header_replace(struct header_rule *rule)
{
    bool some = false, top = false, loose, any_loose = false, others = false;
    for (uint32_t i = 0; i < rule->headers.n; i++)
        any_loose = any_loose || (named(rule, rule->headers.ways[i], &loose) && loose);
    for (uint32_t i = 0; i < rule->top.n && !any_loose; i++) {
        struct header_terms terms;
        if (!(rule->response ? khap__header_status_terms(rule, rule->top.ways[i], &terms)
                             : khap__header_request_terms(rule, rule->top.ways[i], true, &terms)))
            continue;
        unsigned before = rule->n;
        top = true;
        if (rule->response)
            replace_status(rule, rule->top.ways[i]);
        else
            replace_request(rule, rule->top.ways[i]);
        if (rule->n > before)
            judge_twins(rule, before, before);
    }
    for (uint32_t i = 0; i < rule->headers.n; i++) {
        unsigned before = rule->n;
        if (!named(rule, rule->headers.ways[i], &loose)) {
            others = others || !loose; /* a part of a name, such as the X- of ^X-. */
            continue;
        }
        some = true;
        replace_header(rule, rule->headers.ways[i]);
        if (rule->n > before)
            judge_twins(rule, before, before);
    }
    if ((!top && !some && rule->headers.n > 0) || (some && others))
        khap__header_left(rule, "write a replace-header for each header that is meant");
    else if (!top && !some)
        khap__header_idle(rule);
    else if (top && rule->headers.n > 0)
        khap__header_differs(rule, rule->response
                                       ? "it changes the status line only, and no header that matches, too"
                                       : "it changes the request line only, and no header that matches, too");
}
