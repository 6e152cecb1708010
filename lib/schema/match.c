/* schema/match.c - reading the words of a line by the argument grammar of its keyword. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/program.h"
#include "schema/recall.h"

/*
 * The grammar is matched as it is written, with what is optional tried first and given up where it does not fit. Of all
 * that did not fit, the one that lies farthest is what is wrong with the line: what the person who wrote it got right before
 * says which way was meant.
 */

/* A word, or a part of one. */
struct part {
    struct khap_str text;
    uint32_t word, offset;
    bool variable, many;
};

struct parts {
    const struct part *at;
    size_t n, next;
    uint32_t end_word, end_offset; /* where the next one would be */
};

struct match {
    struct arena *arena;
    uint16_t release;
    struct schema_line *line;
    enum khap_status status;
    uint32_t cap_arguments, cap_options;
    uint32_t option; /* whose arguments are read, or UINT32_MAX */
    bool failed;     /* line->problem and what follows it are set */
};

static bool run(struct match *m, struct parts *parts, uint32_t at, uint32_t end);
static bool run_one(struct match *m, struct parts *parts, uint32_t at);

static bool no_memory(struct match *m)
{
    m->status = KHAP_ENOMEM;
    return false;
}

static bool fail(struct match *m, enum schema_problem problem, const struct parts *parts, uint32_t expected,
                 uint32_t offset, uint32_t len)
{
    struct schema_line *line = m->line;
    const struct part *p = parts->next < parts->n ? &parts->at[parts->next] : NULL;
    uint32_t word = p != NULL ? p->word : parts->end_word;
    offset += p != NULL ? p->offset : parts->end_offset;
    bool same = word == line->word && offset == line->offset;
    /* of two at one place the first, unless that only says which word is not there */
    if (m->failed && (same ? line->problem != SCHEMA_UNEXPECTED || problem == SCHEMA_UNEXPECTED
                           : word < line->word || (word == line->word && offset < line->offset)))
        return false;
    m->failed = true;
    line->problem = problem;
    line->word = word;
    line->offset = offset;
    line->len = p == NULL ? 0 : len;
    line->expected = (uint16_t)expected;
    line->option = m->option;
    return false;
}

/* Types whose parameter is a kind. */
static bool of_kind(enum schema_type type)
{
    return type == TYPE_REF || type == TYPE_LATE || type == TYPE_DEF || type == TYPE_DYNAMIC ||
           type == TYPE_OWN;
}

struct khap_str khap__schema_parameter(const struct schema_argument *argument)
{
    return khap__schema_word(argument->parameter);
}

static bool reserve_arguments(struct match *m, uint32_t n)
{
    struct schema_line *line = m->line;
    if (m->cap_arguments - line->n_arguments >= n)
        return true;
    uint32_t cap = m->cap_arguments * 2 + n + 7;
    struct schema_argument *more = khap__arena_alloc(m->arena, cap, sizeof *more);
    if (more == NULL)
        return no_memory(m);
    if (line->n_arguments > 0)
        memcpy(more, line->arguments, line->n_arguments * sizeof *more);
    line->arguments = more;
    m->cap_arguments = cap;
    return true;
}

static bool add_argument(struct match *m, const struct part *p, uint32_t n_words, uint16_t type,
                         uint16_t parameter)
{
    struct schema_line *line = m->line;
    if (!reserve_arguments(m, 1))
        return false;
    line->arguments[line->n_arguments++] =
        (struct schema_argument){.type = (uint8_t)type,
                                 .kind = (uint8_t)(of_kind((enum schema_type)type) ? parameter : 0),
                                 .parameter = of_kind((enum schema_type)type) ? 0 : parameter,
                                 .option = m->option,
                                 .word = p->word,
                                 .n_words = n_words,
                                 .offset = p->offset,
                                 .len = (uint32_t)p->text.len};
    return true;
}

static bool reserve_options(struct match *m, uint32_t n)
{
    struct schema_line *line = m->line;
    if (m->cap_options - line->n_options >= n)
        return true;
    uint32_t cap = m->cap_options * 2 + n + 7;
    struct schema_option *more = khap__arena_alloc(m->arena, cap, sizeof *more);
    if (more == NULL)
        return no_memory(m);
    if (line->n_options > 0)
        memcpy(more, line->options, line->n_options * sizeof *more);
    line->options = more;
    m->cap_options = cap;
    return true;
}

static bool add_option(struct match *m, const struct part *p, const struct schema_row *row)
{
    struct schema_line *line = m->line;
    if (!reserve_options(m, 1))
        return false;
    line->options[line->n_options++] =
        (struct schema_option){.row = row, .word = p->word, .parent = m->option};
    return true;
}

/* How much of a text stands before a byte that is in no parentheses. */
static size_t before(struct khap_str s, char at)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == at && depth == 0)
            return i;
        if (s.ptr[i] == '(')
            depth++;
        else if (s.ptr[i] == ')' && depth > 0)
            depth--;
    }
    return s.len;
}

/* Splits one part at a byte; parts may be empty. */
static bool split(struct match *m, const struct part *whole, char at, struct parts *out)
{
    size_t n = 1;
    for (size_t i = before(whole->text, at); i < whole->text.len; n++)
        i += 1 + before(khap__str_sub(whole->text, i + 1, whole->text.len), at);
    struct part *p = khap__arena_alloc(m->arena, n, sizeof *p);
    if (p == NULL)
        return no_memory(m);
    struct khap_str rest = whole->text;
    uint32_t offset = whole->offset;
    for (size_t i = 0; i < n; i++) {
        size_t len = before(rest, at);
        p[i] = (struct part){khap__str_sub(rest, 0, len), whole->word, offset, whole->variable, whole->many};
        offset += (uint32_t)len + 1;
        rest = khap__str_sub(rest, len + 1, rest.len);
    }
    *out = (struct parts){p, n, 0, whole->word, whole->offset + (uint32_t)whole->text.len};
    return true;
}

/* What the body says must be all of the parts. */
static bool run_all(struct match *m, struct parts *inner, uint32_t at, uint32_t end)
{
    if (!run(m, inner, at, end))
        return false;
    if (inner->next < inner->n)
        return fail(m, SCHEMA_UNEXPECTED, inner, UINT16_MAX, 0, (uint32_t)inner->at[inner->next].text.len);
    return true;
}

static bool split_and_run(struct match *m, struct part whole, uint32_t at)
{
    const uint16_t *code = khap__schema_code() + at;
    struct parts inner;
    /* a word that is not all known may have any number of parts */
    if (whole.variable)
        return true;
    if (!split(m, &whole, khap__schema_word(code[1]).ptr[0], &inner))
        return false;
    return run_all(m, &inner, at + 3, at + 3 + code[2]);
}

/* What is known of the end of the line. The words of lines that end alike have the same numbers, since as many stand before. */
static bool add_known(struct match *m, const struct schema_known *known)
{
    struct schema_line *line = m->line;
    if (!reserve_arguments(m, known->n_arguments) || !reserve_options(m, known->n_options))
        return false;
    line->end = known->number;
    line->end_arguments = line->n_arguments;
    line->end_options = line->n_options;
    line->end_names = known->names;
    if (known->n_arguments > 0)
        memcpy(line->arguments + line->n_arguments, known->arguments,
               known->n_arguments * sizeof *known->arguments);
    if (known->n_options > 0)
        memcpy(line->options + line->n_options, known->options, known->n_options * sizeof *known->options);
    line->n_arguments += known->n_arguments;
    line->n_options += known->n_options;
    return true;
}

/* The arguments of a row. `name(inner)`: the first element says what stands in the parentheses. */
static bool run_row(struct match *m, struct parts *parts, const struct schema_row *row,
                    const struct part *keyword)
{
    uint32_t at = row->code;
    if (row->inner) {
        size_t paren = khap__str_find(keyword->text, '(');
        struct part inner = *keyword;
        inner.offset += (uint32_t)paren + 1;
        inner.text = khap__str_sub(keyword->text, paren + 1, keyword->text.len - paren - 2);
        if ((row->flags & ROW_TAIL) != 0)
            inner.text = khap__str_sub(inner.text, 0, khap__str_find(inner.text, ')'));
        struct parts one = {&inner, 1, 0, inner.word, inner.offset + (uint32_t)inner.text.len};
        if (!inner.variable && !run_all(m, &one, at, khap__schema_skip(at)))
            return false;
        at = khap__schema_skip(at);
    }
    return run(m, parts, at, UINT32_MAX);
}

static bool run_vocabulary(struct match *m, struct parts *parts, uint32_t at)
{
    const struct part *p = &parts->at[parts->next];
    uint16_t table = khap__schema_code()[at + 1];
    const struct schema_row *other;
    const struct schema_row *row = khap__schema_find(table, p->text, m->release, &other);
    if (row == NULL && table == TABLE_HTTP_STATUS) { /* it is read by atol() */
        char room[20];
        size_t end;
        int64_t number = khap__schema_number(p->text, false, &end);
        if (number > 0)
            row = khap__schema_find(table, khap__str_uint(room, (uint64_t)number), m->release, &other);
    }
    if (row == NULL) {
        fail(m, other != NULL ? SCHEMA_RELEASE : SCHEMA_OPTION, parts, at, 0, (uint32_t)p->text.len);
        if (m->line->expected == at && other != NULL)
            m->line->other = other;
        return false;
    }
    uint32_t parent = m->option;
    if (!add_option(m, p, row))
        return false;
    m->option = m->line->n_options - 1;
    parts->next++;
    bool good = run_row(m, parts, row, p);
    m->option = parent;
    return good;
}

/* Words that are a chain of converters go on with an expression. */
static uint32_t converters(const struct match *m, const struct parts *parts)
{
    uint32_t n = 0;
    for (size_t i = parts->next; i < parts->n; i++, n++) {
        struct khap_str name = parts->at[i].text;
        name = khap__str_sub(name, 0, khap__str_find(name, ','));
        name = khap__str_sub(name, 0, khap__str_find(name, '('));
        if (parts->at[i].offset != 0 || khap__schema_find(TABLE_CONVERTER, name, m->release, NULL) == NULL)
            break;
    }
    return n;
}

static bool begins_condition(const struct part *p)
{
    return !p->variable && (khap__str_eq(p->text, S("if")) || khap__str_eq(p->text, S("unless")));
}

static uint32_t rest_of_line(const struct parts *parts, bool up_to_condition)
{
    size_t end = parts->next;
    while (end < parts->n && !(up_to_condition && begins_condition(&parts->at[end])))
        end++;
    return (uint32_t)(end - parts->next);
}

/* Of a server with init-addr HAProxy needs no address to begin with, and takes any text for the name of a host. */
static bool is_looked_up_late(const struct parts *parts, struct khap_str parameter)
{
    bool found = false;
    for (size_t i = parts->next + 1; i < parts->n && !found; i++)
        found = khap__str_eq(parts->at[i].text, S("init-addr"));
    return found && khap__schema_has_word(parameter, S("late"));
}

/* What would be said of an address if its host were one. */
static enum schema_problem any_host(struct match *m, const uint16_t *code, struct khap_str text,
                                    uint32_t *offset, uint32_t *len, enum khap_status *status)
{
    size_t colon = text.len;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '@' || text.ptr[i] == '/')
            return SCHEMA_BAD;
        colon = text.ptr[i] == ':' ? i : colon;
    }
    char *host = khap__arena_bytes(m->arena, text.len - colon + 1);
    if (host == NULL) {
        *status = KHAP_ENOMEM;
        return SCHEMA_BAD;
    }
    host[0] = 'h';
    if (colon < text.len)
        memcpy(host + 1, text.ptr + colon, text.len - colon);
    struct khap_str other = {host, text.len - colon + 1};
    enum schema_problem problem =
        khap__schema_type_check(m->arena, TYPE_ADDR, khap__schema_word(code[2]), INT64_MIN, INT64_MAX,
                                m->release, other, offset, len, status);
    *offset = 0; /* the whole word is told */
    *len = (uint32_t)text.len;
    return problem;
}

static bool run_type(struct match *m, struct parts *parts, uint32_t at)
{
    const uint16_t *code = khap__schema_code() + at;
    const struct part *p = &parts->at[parts->next];
    enum schema_type type = (enum schema_type)code[1];
    uint32_t n = 1;
    bool odd = false;
    if (type == TYPE_CONDITION && !p->variable && !begins_condition(p))
        return fail(m, SCHEMA_UNEXPECTED, parts, at, 0, (uint32_t)p->text.len);
    if (type == TYPE_CONDITION || type == TYPE_ACL || type == TYPE_WORDS || type == TYPE_ARGUMENTS)
        n = rest_of_line(parts, type == TYPE_ARGUMENTS && khap__schema_word(code[2]).len > 0);
    else if (type == TYPE_RECASED) {
        const struct part *last = p - 1;
        if (parts->next > 0 && !p->variable && !last->variable && !khap__str_eq_nocase(p->text, last->text))
            return fail(m, SCHEMA_BAD, parts, at, 0, (uint32_t)p->text.len);
    } else if (!p->variable) {
        int64_t min, max;
        uint32_t offset = 0, len = (uint32_t)p->text.len;
        khap__schema_range(code[3], &min, &max);
        enum khap_status status = KHAP_OK;
        enum schema_problem problem = khap__schema_type_check(
            m->arena, type,
            of_kind(type) ? khap__schema_kind_name((enum schema_kind)code[2]) : khap__schema_word(code[2]),
            min, max, m->release, p->text, &offset, &len, &status);
        if (status != KHAP_OK)
            return no_memory(m);
        if (problem == SCHEMA_BAD && type == TYPE_ADDR &&
            is_looked_up_late(parts, khap__schema_word(code[2])))
            problem = any_host(m, code, p->text, &offset, &len, &status);
        if (status != KHAP_OK)
            return no_memory(m);
        odd = problem == SCHEMA_ODD;
        if (problem != SCHEMA_GOOD && !odd)
            return fail(m, problem, parts, at, offset, len);
    }
    if (n == 0)
        return fail(m, SCHEMA_MISSING, parts, at, 0, 0);
    if (!add_argument(m, p, n, code[1], code[2]))
        return false;
    m->line->arguments[m->line->n_arguments - 1].odd = odd;
    parts->next += n;
    if (type == TYPE_EXPR && khap__schema_word(code[2]).len == 0) {
        uint32_t more = converters(m, parts);
        m->line->arguments[m->line->n_arguments - 1].n_words += more;
        parts->next += more;
    }
    return true;
}

/* Runs an element that is one word: OP_LITERAL or OP_TYPE. */
static bool run_word(struct match *m, struct parts *parts, uint32_t at)
{
    const uint16_t *code = khap__schema_code() + at;
    const struct part *p = &parts->at[parts->next];
    if (code[0] == OP_TYPE)
        return run_type(m, parts, at);
    if (!p->variable && !khap__str_eq(p->text, khap__schema_word(code[1])))
        return fail(m, SCHEMA_UNEXPECTED, parts, at, 0, (uint32_t)p->text.len);
    parts->next++;
    return true;
}

/* Runs one element; on failure the parts and what was added are as before. */
static bool run_one(struct match *m, struct parts *parts, uint32_t at)
{
    const uint16_t *code = khap__schema_code() + at;
    size_t next = parts->next;
    uint32_t n_arguments = m->line->n_arguments, n_options = m->line->n_options;
    bool good = false;
    switch ((enum schema_op)code[0]) {
    case OP_OPTIONAL:
        if (!run(m, parts, at + 2, at + 2 + code[1])) {
            parts->next = next;
            m->line->n_arguments = n_arguments;
            m->line->n_options = n_options;
        }
        return m->status == KHAP_OK;
    case OP_MANY:
        while (run(m, parts, at + 2, at + 2 + code[1]) && parts->next > next) {
            good = true;
            next = parts->next;
            n_arguments = m->line->n_arguments;
            n_options = m->line->n_options;
            if (next >= parts->n)
                return true;
        }
        break;
    case OP_ALTERNATIVE: {
        uint32_t body = at + 3;
        for (uint16_t i = 0; i < code[2] && !good && m->status == KHAP_OK; i++) {
            uint16_t len = khap__schema_code()[body];
            good = run(m, parts, body + 1, body + 1 + len);
            if (!good) {
                parts->next = next;
                m->line->n_arguments = n_arguments;
                m->line->n_options = n_options;
            }
            body += 1u + len;
        }
        return good;
    }
    case OP_NOT: {
        const struct part *p = parts->next < parts->n ? &parts->at[parts->next] : NULL;
        struct khap_str not = khap__schema_word(code[1]);
        if (p != NULL && (khap__str_eq(not, S("*")) || (!p->variable && khap__str_eq(p->text, not ))))
            return fail(m, SCHEMA_UNEXPECTED, parts, at, 0, (uint32_t)p->text.len);
        return true;
    }
    default:
        if (parts->next >= parts->n)
            return fail(m, SCHEMA_MISSING, parts, at, 0, 0);
        const struct part *p = &parts->at[parts->next];
        if (p->many) { /* it may be anything, and so may what follows */
            m->line->cut = true;
            parts->next = parts->n;
            return true;
        }
        if (code[0] == OP_LITERAL)
            return run_word(m, parts, at);
        if (code[0] == OP_SPLIT) {
            good = split_and_run(m, *p, at);
            parts->next += good;
        } else if (code[0] == OP_VOCABULARY)
            good = run_vocabulary(m, parts, at);
        else
            good = run_type(m, parts, at);
    }
    if (!good || code[0] == OP_MANY) {
        parts->next = next;
        m->line->n_arguments = n_arguments;
        m->line->n_options = n_options;
    }
    return good && m->status == KHAP_OK;
}

/* Runs what lies between, at most to the end of the program. */
static bool run(struct match *m, struct parts *parts, uint32_t at, uint32_t end)
{
    while (at < end && khap__schema_code()[at] != OP_END) {
        if (m->line->cut)
            return true;
        if (!run_one(m, parts, at))
            return false;
        at = khap__schema_skip(at);
    }
    return true;
}

/* Reads the arguments of line->row; what was tried in vain is wrong only if it did not fit in another way. */
static enum khap_status read_arguments(struct match *m, struct parts *parts, const struct part *keyword)
{
    struct schema_line *line = m->line;
    bool good = run_row(m, parts, line->row, keyword);
    /* up to 3.2 an empty word ends the line */
    bool more = !line->cut && parts->next < parts->n &&
                (m->release >= 303 || parts->at[parts->next].text.len > 0 || parts->at[parts->next].variable);
    if (good && more)
        good = fail(m, SCHEMA_UNEXPECTED, parts, UINT16_MAX, 0, (uint32_t)parts->at[parts->next].text.len);
    if (good)
        line->problem = SCHEMA_GOOD;
    return m->status;
}

static enum khap_status begin(struct match *m, struct arena *arena, uint16_t release,
                              const struct schema_word *words, size_t n, struct schema_line *line,
                              struct part **parts)
{
    *line = (struct schema_line){
        .release = release, .problem = SCHEMA_GOOD, .expected = UINT16_MAX, .option = UINT32_MAX};
    *m = (struct match){
        .arena = arena, .release = release, .line = line, .option = UINT32_MAX, .status = KHAP_OK};
    *parts = khap__arena_alloc(arena, n + 1, sizeof **parts);
    if (*parts == NULL)
        return KHAP_ENOMEM;
    for (size_t i = 0; i < n; i++)
        (*parts)[i] = (struct part){words[i].text, (uint32_t)i, 0, words[i].variable, words[i].many};
    return KHAP_OK;
}

/* The row for one or two words; none is found for words that are not all known. */
static const struct schema_row *find_keyword(struct match *m, unsigned table, const struct part *parts,
                                             size_t n, uint32_t *n_words)
{
    char both[64];
    const struct schema_row *other = NULL, *other_one = NULL, *row = NULL;
    *n_words = 1;
    if (khap__str_find(parts[0].text, ' ') <
        parts[0].text.len) /* two words of a keyword are two of the line */
        return NULL;
    const struct schema_row *one = khap__schema_find(table, parts[0].text, m->release, &other_one);
    *n_words = 2;
    if ((one == NULL || one->begins) && n > 1 && !parts[1].variable &&
        parts[0].text.len + parts[1].text.len < sizeof both) {
        memcpy(both, parts[0].text.ptr, parts[0].text.len);
        both[parts[0].text.len] = ' ';
        if (parts[1].text.len > 0)
            memcpy(both + parts[0].text.len + 1, parts[1].text.ptr, parts[1].text.len);
        struct khap_str name = {both, parts[0].text.len + 1 + parts[1].text.len};
        row = khap__schema_find(table, name, m->release, &other);
        /* `name(*` fits with whatever stands behind it, the next word too */
        const struct schema_row *found = row != NULL ? row : other;
        if (found != NULL && khap__str_ends(khap__schema_text(found->words), S("*")))
            row = other = NULL;
    }
    if (row == NULL && other == NULL) {
        *n_words = 1;
        row = one;
        other = other_one;
    }
    m->line->other = other;
    return row;
}

bool khap__schema_read_alike(struct arena *arena, const struct schema_memory *memory, unsigned table,
                             uint16_t release, struct khap_str text, struct schema_word *words, size_t *n,
                             struct schema_line *line, enum khap_status *status)
{
    struct schema_known known;
    struct match m;
    struct part *parts;
    if (!khap__schema_recall(memory, table, release, text, words, &known))
        return false;
    *status = begin(&m, arena, release, words, known.lead, line, &parts);
    line->table = (uint16_t)table;
    line->row = known.row;
    line->other = known.other;
    line->n_keyword = known.n_keyword;
    struct parts rest = {parts, known.lead, known.n_keyword, known.lead, 0};
    for (uint32_t at = known.row->code; *status == KHAP_OK && at != known.at; at = khap__schema_skip(at)) {
        bool good = run_word(&m, &rest, at);
        *status = m.status;
        if (!good)
            return false;
    }
    if (*status != KHAP_OK || !add_known(&m, &known))
        *status = KHAP_ENOMEM;
    if (known.n_words > 0)
        memcpy(words + known.lead, known.words, known.n_words * sizeof *words);
    *n = known.lead + known.n_words;
    return *status == KHAP_OK;
}

enum khap_status khap__schema_read(struct arena *arena, unsigned table, uint16_t release,
                                   const struct schema_word *words, size_t n, struct schema_line *line)
{
    struct match m;
    struct part *parts;
    enum khap_status status = begin(&m, arena, release, words, n, line, &parts);
    if (status != KHAP_OK || n == 0)
        return status;
    uint32_t first = 0;
    if (n > 1 && (khap__str_eq(parts[0].text, S("no")) || khap__str_eq(parts[0].text, S("default")))) {
        line->prefix = parts[0].text.len == 2 ? ROW_NO : ROW_DEFAULT;
        first = 1;
    }
    line->keyword = first;
    line->table = (uint16_t)table;
    if (parts[first].variable || parts[first].many) {
        line->cut = true;
        return KHAP_OK;
    }
    line->row = find_keyword(&m, table, parts + first, n - first, &line->n_keyword);
    line->word = first;
    if (line->row == NULL) {
        line->problem = line->other != NULL ? SCHEMA_RELEASE : SCHEMA_UNKNOWN;
        line->len = (uint32_t)parts[first].text.len;
        return KHAP_OK;
    }
    if (line->prefix != 0) {
        if ((line->row->prefix & line->prefix) == 0) {
            line->problem = SCHEMA_PREFIX;
            line->word = 0;
            line->len = (uint32_t)parts[0].text.len;
        }
        uint16_t op = khap__schema_code()[line->row->code];
        uint32_t next = first + line->n_keyword;
        /* a keyword that is switched off has no argument where it must have one else; what may be missing is not looked at */
        if (line->problem == SCHEMA_GOOD && line->prefix == ROW_NO && op != OP_OPTIONAL && op != OP_END &&
            next < n && !parts[next].many) {
            line->problem = SCHEMA_UNEXPECTED;
            line->word = next;
            line->len = (uint32_t)parts[next].text.len;
        }
        line->cut = line->problem != SCHEMA_GOOD || op != OP_END;
        if (line->cut)
            return KHAP_OK;
    }
    struct parts rest = {parts, n, first + line->n_keyword, (uint32_t)n, 0};
    return read_arguments(&m, &rest, &parts[first + line->n_keyword - 1]);
}

enum khap_status khap__schema_read_arguments(struct arena *arena, const struct schema_row *row,
                                             uint16_t release, const struct schema_word *words, size_t n,
                                             struct schema_line *line)
{
    struct match m;
    struct part *parts;
    enum khap_status status = begin(&m, arena, release, words, n, line, &parts);
    if (status != KHAP_OK)
        return status;
    line->row = row;
    struct parts all = {parts, n, 0, (uint32_t)n, 0};
    struct part keyword = {khap__schema_text(row->words), 0, 0, false, false};
    return read_arguments(&m, &all, &keyword);
}
