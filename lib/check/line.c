/* check/line.c - the words of one line against the tables. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/nearest.h"
#include "cfg/features.h"
#include "check/check.h"
#include "value/tree.h"

static struct khap_span word_span(const struct check *c, uint32_t word, uint32_t offset, uint32_t len)
{
    if (word < c->n)
        return (struct khap_span){word, offset, word, offset + len};
    return (struct khap_span){word, 0, word, 0};
}

static void add_release(struct buf *out, uint16_t release)
{
    khap__buf_uint(out, release / 100u);
    khap__buf_char(out, '.');
    khap__buf_uint(out, release % 100u);
}

/* "from 2.4 on", "up to 2.0": what lies between the release and those that know it. */
static struct khap_str releases(struct check *c, const struct schema_row *row)
{
    bool later = c->release < row->first;
    khap__buf_clear(&c->text);
    khap__buf_add(&c->text, later ? S("from ") : S("up to "));
    add_release(&c->text, later ? row->first : row->last);
    khap__buf_add(&c->text, later ? S(" on") : S(""));
    return khap__buf_str(&c->text);
}

/* "; write this instead", when the row knows what. */
static struct khap_str instead(struct check *c, const struct schema_row *row)
{
    struct khap_str text = khap__schema_text(row->instead);
    khap__buf_clear(&c->more);
    if (text.len > 0) {
        khap__buf_add(&c->more, S("; instead: "));
        khap__buf_add(&c->more, text);
    }
    return khap__buf_str(&c->more);
}

/* The nearest of the words that a table has in this release. */
static struct khap_str nearest(struct check *c, unsigned table, struct khap_str wanted)
{
    struct nearest near;
    size_t at = 0;
    const struct schema_row *row;
    khap__nearest_start(&near, wanted);
    /* where a keyword may stand, a section may begin */
    for (at = 0; table == c->table && (row = khap__schema_at(TABLE_SECTION, &at)) != NULL;) {
        if (row->first <= c->release && c->release <= row->last)
            khap__nearest_offer(&near, khap__schema_text(row->words));
    }
    at = 0;
    while ((row = khap__schema_at(table, &at)) != NULL) {
        if (row->first <= c->release && c->release <= row->last)
            khap__nearest_offer(&near, khap__schema_text(row->words));
    }
    return khap__check_near(c, &near);
}

/* Sections where a keyword may stand that does not belong here. */
static bool elsewhere(struct check *c, struct khap_str words)
{
    unsigned n = 0;
    size_t at = 0;
    const struct schema_row *section;
    khap__buf_clear(&c->text);
    while ((section = khap__schema_at(TABLE_SECTION, &at)) != NULL) {
        if (c->release < section->first || c->release > section->last)
            continue;
        struct khap_str name = khap__schema_text(section->words);
        int table = khap__schema_table(name);
        const struct schema_row *row =
            table < 0 ? NULL : khap__schema_find((unsigned)table, words, c->release, NULL);
        if (row == NULL || khap__str_eq(khap__schema_text(row->words), S("*")))
            continue;
        if (n++ > 0)
            khap__buf_add(&c->text, S(", "));
        khap__buf_add(&c->text, name);
    }
    return n > 0;
}

/* Whether keywords of two words begin with this one here. */
static bool begins(const struct check *c, struct khap_str word)
{
    size_t at = 0;
    const struct schema_row *row;
    while ((row = khap__schema_at(c->table, &at)) != NULL) {
        struct khap_str words = khap__schema_text(row->words);
        if (words.len > word.len && words.ptr[word.len] == ' ' && khap__str_starts(words, word))
            return true;
    }
    return false;
}

static void say_unknown(struct check *c, const struct schema_line *line, struct khap_place place)
{
    struct khap_str section = khap__schema_table_name(c->table), word = c->words[line->keyword].text;
    const struct schema_row *meant = khap__schema_find(TABLE_MISNOMER, word, c->release, NULL);
    if (meant != NULL) {
        khap__buf_clear(&c->more);
        khap__buf_add(&c->more, S("; did you mean `"));
        khap__buf_add(&c->more, khap__schema_text(meant->instead));
        khap__buf_add(&c->more, S("`?"));
        SAY(c->diags, MSG_UNKNOWN_KEYWORD, place, word, section, khap__buf_str(&c->more));
        khap__check_fix_same(c, c->table, meant, line->keyword);
        return;
    }
    if (!begins(c, word) && elsewhere(c, word)) {
        SAY(c->diags, MSG_WRONG_SECTION, place, word, section, khap__buf_str(&c->text));
        return;
    }
    /* `timeout conect`: what is nearest is looked for among both words */
    struct khap_str near = {NULL, 0}, wanted = word;
    if (line->keyword + 1 < c->n) {
        struct khap_str second = c->words[line->keyword + 1].text;
        khap__buf_clear(&c->text);
        khap__buf_add(&c->text, word);
        khap__buf_char(&c->text, ' ');
        khap__buf_add(&c->text, second);
        wanted = khap__buf_str(&c->text);
        near = nearest(c, c->table, wanted);
    }
    struct khap_str told = begins(c, word) ? wanted : word;
    if (near.len == 0) {
        wanted = word;
        near = nearest(c, c->table, word);
    }
    SAY(c->diags, MSG_UNKNOWN_KEYWORD, place, told, section, near);
    khap__check_fix_keyword(c, line->keyword, wanted, c->near);
}

/* What is wrong with the words of a line, or with the arguments of a fetch or converter. */
static enum khap_status say_problem(struct check *c, const struct schema_line *line, struct khap_span span,
                                    struct khap_str name, struct khap_str text)
{
    struct khap_place place = khap__check_place(c, span);
    enum khap_status status = khap__schema_print_expected(line, &c->more);
    if (status != KHAP_OK)
        return status;
    struct khap_str expected = khap__buf_str(&c->more);
    switch (line->problem) {
    case SCHEMA_GOOD:
    case SCHEMA_ODD:
        break;
    case SCHEMA_UNKNOWN:
        say_unknown(c, line, place);
        break;
    case SCHEMA_RELEASE:
        SAY(c->diags, MSG_OTHER_RELEASE, place, text, releases(c, line->other), instead(c, line->other));
        if (line->row == NULL)
            khap__check_fix_same(c, c->table, line->other, line->keyword);
        break;
    case SCHEMA_PREFIX:
        SAY(c->diags, MSG_PREFIX_NOT_TAKEN, place, name, text);
        break;
    case SCHEMA_MISSING:
        SAY(c->diags, MSG_ARGUMENT_MISSING, place, name, expected);
        break;
    case SCHEMA_UNEXPECTED:
        SAY(c->diags, MSG_ARGUMENT_UNEXPECTED, place, name, text, expected);
        break;
    case SCHEMA_OPTION: {
        unsigned table = khap__schema_expected_table(line);
        SAY(c->diags, MSG_UNKNOWN_ARGUMENT, place, name, text, nearest(c, table, text));
        khap__check_fix(c, place, text, c->near);
        break;
    }
    case SCHEMA_BAD:
        SAY(c->diags, MSG_BAD_ARGUMENT, place, name, text, expected);
        break;
    case SCHEMA_RANGE:
        SAY(c->diags, MSG_ARGUMENT_RANGE, place, name, text, expected);
        break;
    }
    c->failed = c->failed || line->problem != SCHEMA_GOOD;
    return KHAP_OK;
}

/* The keyword that something was wrong with: that of the line, or of one of its options. */
static struct khap_str name_of(const struct schema_line *line)
{
    if (line->option != UINT32_MAX && line->option < line->n_options)
        return khap__schema_text(line->options[line->option].row->words);
    return line->row != NULL ? khap__schema_text(line->row->words) : S("");
}

/* `-m METHOD`. */
static void check_match(struct check *c, const struct schema_item *item)
{
    for (const struct khap_node *flag = item->node->first; flag != NULL; flag = flag->next) {
        const struct khap_node *value = flag->first;
        if (flag->kind != KHAP_NODE_FLAG || !khap__str_eq(flag->text, S("-m")) || value == NULL ||
            value->variable || khap__schema_find(TABLE_MATCH, value->text, c->release, NULL) != NULL)
            continue;
        SAY(c->diags, MSG_UNKNOWN_MATCH, khap__check_place(c, item->span), value->text,
            nearest(c, TABLE_MATCH, value->text));
        c->failed = true;
    }
}

/* The name of a fetch, a converter or an alias becomes another one; its arguments stay. */
static void fix_name(struct check *c, const struct schema_item *item, struct khap_str becomes)
{
    struct khap_place place = khap__check_place(c, item->span);
    struct khap_str name = item->node->text,
                    text = khap_sources_text(khap__diags_sources(c->diags), place.source);
    if (place.len < name.len)
        return;
    /* the span is that of all of it */
    if (item->kind == SCHEMA_ITEM_ALIAS)
        place.offset += place.len - (uint32_t)name.len;
    place.len = (uint32_t)name.len;
    if (khap__str_ends(becomes, S("()")) && khap__str_sub(text, place.offset + place.len, 1).len == 1 &&
        text.ptr[place.offset + place.len] == '(')
        becomes.len -= 2;
    khap__check_fix(c, place, name, becomes);
}

enum khap_status khap__check_item(void *ctx, const struct schema_item *item)
{
    struct check *c = ctx;
    khap__check_item_files(c, item);
    if (item->kind == SCHEMA_ITEM_ACL)
        check_match(c, item);
    if (item->kind == SCHEMA_ITEM_ACL && !c->failed)
        return khap__check_patterns(c, item);
    /* 1.5 and 1.6 go on without it */
    if (item->kind == SCHEMA_ITEM_ALIAS && item->row == NULL && !item->node->variable &&
        c->release >= KHAP_RELEASE(1, 7)) {
        SAY(c->diags, MSG_UNKNOWN_ALIAS, khap__check_place(c, item->span), item->node->text);
        if (item->other != NULL && (item->other->flags & ROW_SAME) != 0)
            fix_name(c, item, khap__schema_text(item->other->instead));
        c->failed = true;
    }
    if (item->kind == SCHEMA_ITEM_ALIAS && item->row != NULL && (item->row->flags & ROW_HTTP) != 0)
        khap__check_http_format(c, item);
    if (item->kind != SCHEMA_ITEM_FETCH && item->kind != SCHEMA_ITEM_CONVERTER)
        return KHAP_OK;
    struct khap_str name = item->node->text;
    bool fetch = item->kind == SCHEMA_ITEM_FETCH;
    if (item->node->variable)
        return KHAP_OK;
    if (item->row != NULL && khap__feature(&c->view->target, item->row->needs) == KHAP_FEATURE_ABSENT)
        SAY(c->diags, MSG_NOT_BUILT_IN, khap__check_place(c, item->span), name,
            khap__feature_text(item->row->needs));
    if (item->row == NULL && item->other != NULL) {
        SAY(c->diags, MSG_OTHER_RELEASE, khap__check_place(c, item->span), name, releases(c, item->other),
            instead(c, item->other));
        if ((item->other->flags & ROW_SAME) != 0)
            fix_name(c, item, khap__schema_text(item->other->instead));
        c->failed = true;
        return KHAP_OK;
    }
    if (item->row == NULL) {
        SAY(c->diags, MSG_UNKNOWN_SAMPLE, khap__check_place(c, item->span),
            fetch ? S("fetch") : S("converter"), name,
            nearest(c, fetch ? TABLE_FETCH : TABLE_CONVERTER, name));
        fix_name(c, item, c->near);
        c->failed = true;
        return KHAP_OK;
    }
    if (!fetch && !khap__schema_casts(item->from, (enum schema_sample)item->row->in, c->release)) {
        SAY(c->diags, MSG_BAD_CAST, khap__check_place(c, item->span), name,
            khap__schema_sample_name((enum schema_sample)item->row->in),
            khap__schema_sample_name(item->from));
        c->failed = true;
    }
    khap__check_place_item(c, item);
    if (item->line->problem == SCHEMA_GOOD)
        return KHAP_OK;
    struct khap_str text = {NULL, 0};
    if (item->line->word < item->n_arguments)
        text = item->arguments[item->line->word]->text;
    return say_problem(c, item->line, item->span, name, text);
}

enum khap_status khap__check_problem(void *ctx, const struct khap_value_error *error)
{
    struct check *c = ctx;
    /* what stands in a word that is not all known may be good */
    for (uint32_t i = error->span.word; i <= error->span.end_word && i < c->n; i++) {
        if (c->words[i].variable)
            return KHAP_OK;
    }
    SAY(c->diags, MSG_BAD_EXPRESSION, khap__check_place(c, error->span),
        khap__str(khap_value_problem_text(error->problem)));
    c->failed = true;
    return KHAP_OK;
}

static bool say_deprecated(struct check *c, const struct schema_row *row, uint32_t word)
{
    if (row->warns > c->release || ((row->flags & (ROW_DEPRECATED | ROW_QUIET)) != 0 && c->deprecated))
        return false;
    SAY(c->diags, (row->flags & ROW_IGNORED) != 0 ? MSG_IGNORED_HERE : MSG_DEPRECATED,
        khap__check_place(c, word_span(c, word, 0, (uint32_t)c->words[word].text.len)),
        khap__schema_text(row->words), instead(c, row));
    return true;
}

/* Rules in a `defaults` section that nobody can name. */
static void say_unnamed(struct check *c, const struct schema_line *line)
{
    if ((line->row->flags & ROW_NAMED) == 0 || c->at.section == VIEW_NONE ||
        c->view->sections.ptr[c->at.section].definition != VIEW_NONE || line->prefix != 0)
        return;
    struct khap_str word = c->words[line->keyword].text;
    SAY(c->diags, MSG_DEFAULTS_UNNAMED,
        khap__check_place(c, word_span(c, line->keyword, 0, (uint32_t)word.len)), word);
}

/* A keyword or an option that stands alone, and does nothing so. An empty word is no argument. */
static void say_bare(struct check *c, const struct schema_row *row, uint32_t word, uint32_t next)
{
    bool more = next < c->n && (c->words[next].variable || c->words[next].text.len > 0);
    if ((row->flags & ROW_BARE) != 0 && !more)
        SAY(c->diags, MSG_LACKS_ARGUMENT,
            khap__check_place(c, word_span(c, word, 0, (uint32_t)c->words[word].text.len)),
            khap__schema_text(row->words));
}

/* What HAProxy takes only behind a line of `global` that allows it. */
static void say_exposed(struct check *c, const struct schema_row *row, uint32_t word)
{
    bool experimental = (row->flags & ROW_EXPERIMENTAL) != 0 && !c->experimental;
    c->used_experimental = c->used_experimental || (row->flags & ROW_EXPERIMENTAL) != 0;
    bool deprecated = (row->flags & ROW_DEPRECATED) != 0 && row->warns <= c->release && !c->deprecated;
    if (experimental || deprecated)
        SAY(c->diags, MSG_NOT_EXPOSED,
            khap__check_place(c, word_span(c, word, 0, (uint32_t)c->words[word].text.len)),
            khap__schema_text(row->words),
            experimental ? S("expose-experimental-directives") : S("expose-deprecated-directives"));
}

/* What the build that is checked for lacks. */
static void say_build(struct check *c, const struct schema_row *row, uint32_t word)
{
    if (khap__feature(&c->view->target, row->needs) == KHAP_FEATURE_ABSENT)
        SAY(c->diags, MSG_NOT_BUILT_IN,
            khap__check_place(c, word_span(c, word, 0, (uint32_t)c->words[word].text.len)),
            khap__schema_text(row->words), khap__feature_text(row->needs));
}

/* An address for QUIC. */
static void say_quic(struct check *c, const struct schema_argument *a)
{
    struct khap_str text = khap__str_sub(c->words[a->word].text, a->offset, a->len);
    if (a->type == TYPE_ADDR &&
        (khap__str_starts(text, S("quic4@")) || khap__str_starts(text, S("quic6@"))) &&
        khap__feature(&c->view->target, BUILD_QUIC) == KHAP_FEATURE_ABSENT)
        SAY(c->diags, MSG_NOT_BUILT_IN, khap__check_place(c, word_span(c, a->word, a->offset, a->len)), text,
            khap__feature_text(BUILD_QUIC));
}

/* Whether nothing is to be said of a row, however it stands there. */
static bool is_quiet(const struct schema_row *row, uint16_t release)
{
    const uint32_t asked = ROW_NAMED | ROW_BARE | ROW_EXPERIMENTAL | ROW_DEPRECATED | ROW_IGNORED | ROW_QUIET;
    return (row->flags & asked) == 0 && row->needs == 0 && row->warns > release;
}

bool khap__check_is_silent(const struct schema_line *line)
{
    bool silent = is_quiet(line->row, line->release);
    for (uint32_t i = 0; i < line->n_options; i++)
        silent = silent && is_quiet(line->options[i].row, line->release);
    for (uint32_t i = line->end_arguments; i < line->n_arguments; i++)
        silent = silent && !line->arguments[i].odd && line->arguments[i].type != TYPE_ADDR;
    return silent;
}

enum khap_status khap__check_line(struct check *c, const struct schema_line *line)
{
    enum khap_status status = KHAP_OK;
    c->failed = false;
    khap__check_place_line(c, line);
    const struct check_end *end = khap__check_end(c, line);
    bool silent = end != NULL && end->silent;
    if (line->problem != SCHEMA_GOOD) {
        struct khap_str text = {NULL, 0};
        if (line->word < c->n)
            text = khap__str_sub(c->words[line->word].text, line->offset, line->len);
        /* of a keyword of two words both are told */
        if (line->row == NULL && line->problem == SCHEMA_RELEASE)
            text = khap__schema_text(line->other->words);
        status = say_problem(c, line, word_span(c, line->word, line->offset, line->len), name_of(line), text);
    }
    if (line->row != NULL && !silent) {
        if (say_deprecated(c, line->row, line->keyword))
            khap__check_fix_same(c, c->table, line->row, line->keyword);
        say_unnamed(c, line);
        say_bare(c, line->row, line->keyword, line->keyword + line->n_keyword);
        say_exposed(c, line->row, line->keyword);
        say_build(c, line->row, line->keyword);
    }
    for (uint32_t i = 0; i < (silent ? line->end_arguments : line->n_arguments) && line->row != NULL; i++) {
        const struct schema_argument *a = &line->arguments[i];
        say_quic(c, a);
        if (a->odd)
            SAY(c->diags, MSG_ODD_VALUE, khap__check_place(c, word_span(c, a->word, a->offset, a->len)),
                khap__schema_text(line->row->words), c->words[a->word].text);
    }
    for (uint32_t i = 0; i < line->n_options && !silent; i++) {
        if (is_quiet(line->options[i].row, c->release))
            continue;
        (void)say_deprecated(c, line->options[i].row, line->options[i].word);
        say_bare(c, line->options[i].row, line->options[i].word, line->options[i].word + 1);
        say_exposed(c, line->options[i].row, line->options[i].word);
        say_build(c, line->options[i].row, line->options[i].word);
    }
    return status;
}

static enum khap_status no_reference(void *ctx, const struct schema_reference *reference)
{
    (void)ctx;
    (void)reference;
    return KHAP_OK;
}

enum khap_status khap__check_again(struct check *c)
{
    struct schema_line line;
    struct schema_visitor visitor = {c, no_reference, khap__check_item, khap__check_problem};
    enum khap_status status = khap__schema_read(&c->arena, c->table, c->release, c->words, c->n, &line);
    if (status == KHAP_OK)
        status = khap__check_line(c, &line);
    if (status == KHAP_OK && line.problem == SCHEMA_GOOD)
        status = khap__schema_visit(&c->arena, c->release, c->words, c->n, &line, &visitor);
    return status;
}
