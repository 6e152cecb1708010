/* check/cross.c - what the lines of a section ask of each other: lib/schema/cross-line.tsv. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/sets.h"
#include "value/address.h"

#include <stdio.h>

/* What is there for certain, and what may be: of a section or line, and of all sections global. */
struct there {
    const struct schema_set *sure, *maybe, *global, *global_maybe;
};

bool khap__check_meet(const struct schema_set *a, const struct schema_set *b)
{
    uint32_t common = 0;
    for (size_t i = 0; i < SCHEMA_SET_WORDS; i++)
        common |= a->words[i] & b->words[i];
    return common != 0;
}

static bool holds_for_certain(const struct schema_cross_set *set, const struct there *there)
{
    if (set->none)
        return !khap__check_meet(&set->rows, there->maybe) &&
               !khap__check_meet(&set->global, there->global_maybe);
    return khap__check_meet(&set->rows, there->sure) || khap__check_meet(&set->global, there->global);
}

static bool may_hold(const struct schema_cross_set *set, const struct there *there)
{
    if (set->none)
        return !khap__check_meet(&set->rows, there->sure) && !khap__check_meet(&set->global, there->global);
    return khap__check_meet(&set->rows, there->maybe) || khap__check_meet(&set->global, there->global_maybe);
}

static bool all_hold(const struct schema_cross *rule, const struct there *there)
{
    const struct schema_cross_set *set;
    for (size_t i = 0; (set = khap__schema_cross_when(rule, i)) != NULL; i++) {
        if (!holds_for_certain(set, there))
            return false;
    }
    return true;
}

/* Whether the rules had nothing to say of the same before; else they are to be asked, and *quiet is where to note that they have not. */
static bool is_quiet(struct check_quiet *of, const struct check_rules *rules, const struct there *there,
                     struct check_quiet **quiet)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < SCHEMA_SET_WORDS; i++)
        hash = (hash + there->sure->words[i]) * UINT32_C(0x9e3779b1);
    *quiet = &of[hash >> 24 & (CHECK_QUIET - 1)];
    return (*quiet)->rules == rules && memcmp(&(*quiet)->sure, there->sure, sizeof *there->sure) == 0 &&
           memcmp(&(*quiet)->maybe, there->maybe, sizeof *there->maybe) == 0;
}

static struct check_section *section_of(struct check *c, uint32_t section)
{
    struct check_section none = {.mode = MODE_UNSAID};
    while (c->sections.len <= section) {
        if (!VEC_PUSH(&c->alloc, &c->sections, none)) {
            c->no_memory = true;
            return NULL;
        }
    }
    return &c->sections.ptr[section];
}

bool khap__check_applies(const struct check *c, const struct schema_cross *rule, uint32_t section)
{
    const struct khap_target *target = &c->view->target;
    return rule->first <= target->last && target->first <= rule->last &&
           khap__schema_list_has(khap__schema_text(rule->sections), c->view->sections.ptr[section].kind);
}

/* The rules about a section; none when there is no memory, or when no table knows it. */
const struct check_rules *khap__check_rules_of(struct check *c, uint32_t section)
{
    int table = c->view->sections.ptr[section].table;
    struct check_rules *rules = &c->rules_of[table < 0 ? TABLE_SECTION : table];
    const struct schema_cross *rule;
    size_t n = 0;
    uint16_t found = 0;
    if (rules->of != NULL || table < 0)
        return rules;
    while (khap__schema_cross(n) != NULL)
        n++;
    rules->of = khap__arena_alloc(&c->names, n, sizeof(const struct schema_cross *));
    c->no_memory = c->no_memory || rules->of == NULL;
    for (unsigned predicate = 0; predicate < CROSS_PREDICATES && rules->of != NULL; predicate++) {
        for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL; i++) {
            if (rule->predicate == predicate && khap__check_applies(c, rule, section))
                rules->of[found++] = rule;
        }
        rules->from[predicate + 1] = found;
    }
    return rules;
}

const struct schema_cross *khap__check_rule(struct check *c, uint32_t section,
                                            enum schema_predicate predicate, size_t *i)
{
    return next_rule(khap__check_rules_of(c, section), predicate, i);
}

static void say(struct check *c, const struct schema_cross *rule, struct khap_place place,
                struct khap_str first, struct khap_str second)
{
    const struct khap_str words[] = {first, second};
    c->told++;
    if (khap_diags_report(c->diags, khap__schema_text(rule->code), place, words, 2) == KHAP_ENOMEM)
        c->no_memory = true;
}

/* Whether a table is one of the lines which a rule is about: `server` in what is said of servers. */
static bool is_of_line(const struct schema_cross *rule, struct khap_str table)
{
    const struct schema_cross_set *when = rule == NULL ? NULL : khap__schema_cross_when(rule, 0);
    struct khap_str first = when == NULL ? S("") : khap__schema_text(when->text);
    first = khap__str_sub(first, 0, khap__str_find(first, '|'));
    first = khap__str_sub(first, 0, khap__str_find(first, '/'));
    return first.len > 0 && khap__str_starts(table, first);
}

struct khap_str khap__check_listed(struct check *c, const struct schema_cross *rule, struct khap_str words)
{
    khap__buf_clear(&c->text);
    while (words.len > 0) {
        size_t end = khap__str_find(words, '|');
        struct khap_str word = khap__str_sub(words, 0, end);
        words = khap__str_sub(words, end + 1, words.len);
        bool global = khap__str_starts(word, S("global:"));
        word = khap__str_sub(word, global ? 7 : 0, word.len);
        if (khap__str_starts(word, S("!")))
            word = khap__str_sub(word, 1, word.len);
        if (c->text.len > 0)
            khap__buf_add(&c->text, S(", "));
        size_t slash = khap__str_find(word, '/');
        if (slash < word.len) {
            struct khap_str table = khap__str_sub(word, 0, slash);
            if (rule != NULL && !is_of_line(rule, table)) {
                khap__buf_add(&c->text, table);
                khap__buf_char(&c->text, ' ');
            }
            word = khap__str_sub(word, slash + 1, word.len);
        }
        size_t equals = khap__str_find(word, '=');
        khap__buf_add(&c->text, khap__str_sub(word, 0, equals));
        if (equals < word.len && !khap__str_starts(khap__str_sub(word, equals, word.len), S("=@"))) {
            khap__buf_char(&c->text, ' ');
            khap__buf_add(&c->text, khap__str_sub(word, equals + 1, word.len));
        }
        khap__buf_add(&c->text, global ? S(" in global") : S(""));
    }
    return khap__buf_str(&c->text);
}

static void note_mode(struct check *c, struct check_section *s, const struct schema_line *line)
{
    uint8_t mode = MODE_UNKNOWN;
    if (line->n_keyword == 1 && c->n == 2 && c->at.read == KHAP_TRUE && !c->words[1].variable)
        mode = khap__str_eq(c->words[1].text, S("http"))  ? MODE_HTTP
               : khap__str_eq(c->words[1].text, S("tcp")) ? MODE_TCP
                                                          : MODE_OTHER;
    s->mode = mode;
}

/* A line that stands behind one that HAProxy carries out later, or behind one of its own kind where only one counts. */
static void check_order(struct check *c, enum schema_predicate predicate, const struct schema_set *bits,
                        const struct schema_set *before, const struct schema_line *line)
{
    const struct check_rules *rules = khap__check_rules_of(c, c->at.section);
    const struct schema_cross *rule;
    for (size_t i = 0; (rule = next_rule(rules, predicate, &i)) != NULL;) {
        const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
        const struct schema_cross_set *set = predicate == CROSS_ONCE ? when : khap__schema_cross_set(rule, 0);
        if (when == NULL || set == NULL || (predicate == CROSS_ONCE && rule->kind != 0) ||
            !khap__check_meet(bits, &when->rows) || !khap__check_meet(before, &set->rows))
            continue;
        struct there there = {before, before, &c->global, &c->global_maybe};
        bool holds = true;
        const struct schema_cross_set *more;
        for (size_t part = 1; holds && (more = khap__schema_cross_when(rule, part)) != NULL; part++)
            holds = holds_for_certain(more, &there);
        if (!holds)
            continue;
        struct schema_set again = *bits;
        keep_common(&again, before);
        if (predicate == CROSS_ONCE && !khap__check_meet(&again, &when->rows))
            continue;
        struct khap_span span = {line->keyword, 0, line->keyword, (uint32_t)c->words[line->keyword].text.len};
        say(c, rule, khap__check_place(c, span), khap__schema_text(line->row->words),
            khap__check_listed(c, NULL, khap__schema_text(set->text)));
    }
}

bool khap__check_seen(struct check *c, const char *what, struct khap_str text)
{
    uint32_t old;
    bool found = false;
    if (c->seen_section != c->at.section) {
        c->seen_section = c->at.section;
        khap__map_clear(&c->seen);
        khap__arena_reset(&c->kept);
    }
    size_t len = strlen(what) + 1;
    char *key = khap__arena_bytes(&c->kept, len + text.len);
    if (key == NULL) {
        c->no_memory = true;
        return false;
    }
    memcpy(key, what, len);
    if (text.len > 0)
        memcpy(key + len, text.ptr, text.len);
    if (khap__map_add(&c->seen, (struct khap_str){key, len + text.len}, 0, &found, &old) != KHAP_OK)
        c->no_memory = true;
    return found;
}

/* Whether what else stands in `when` holds of the lines before. */
static bool others_hold(const struct schema_cross *rule, const struct check_section *s)
{
    const struct there there = {&s->sure, &s->maybe, &s->sure, &s->maybe};
    const struct schema_cross_set *more;
    for (size_t part = 1; (more = khap__schema_cross_when(rule, part)) != NULL; part++) {
        if (!holds_for_certain(more, &there))
            return false;
    }
    return true;
}

/* What no two lines of a section may have alike: the word behind a keyword, or behind an option. */
static void check_unique(struct check *c, const struct schema_line *line)
{
    const struct check_rules *rules = khap__check_rules_of(c, c->at.section);
    for (uint32_t o = 0; o <= line->n_options; o++) {
        const struct schema_row *row = o == 0 ? line->row : line->options[o - 1].row;
        uint32_t word = o == 0 ? line->keyword + line->n_keyword : line->options[o - 1].word + 1;
        const struct schema_cross *rule;
        if (row->bit == 0 || word >= c->n || c->words[word].variable || c->at.read != KHAP_TRUE)
            continue;
        struct schema_set bits = {{0}};
        khap__schema_bits(row, NULL, 0, &bits);
        for (size_t i = 0; (rule = next_rule(rules, CROSS_UNIQUE, &i)) != NULL;) {
            const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
            if (when == NULL || !khap__check_meet(&bits, &when->rows))
                continue;
            char what[8];
            (void)snprintf(what, sizeof what, "%u", (unsigned)i);
            if (!others_hold(rule, &c->sections.ptr[c->at.section]))
                continue;
            bool found = khap__check_seen(c, what, c->words[word].text);
            struct khap_span span = {word, 0, word, (uint32_t)c->words[word].text.len};
            if (found)
                say(c, rule, khap__check_place(c, span), khap__schema_text(row->words), c->words[word].text);
        }
    }
}

/* What a line without a name of that kind means: the section itself. */
static void check_own(struct check *c, const struct schema_set *bits, const struct schema_line *line)
{
    const struct check_rules *rules = khap__check_rules_of(c, c->at.section);
    const struct schema_cross *rule;
    for (size_t i = 0; (rule = next_rule(rules, CROSS_OWN, &i)) != NULL;) {
        const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
        if (when == NULL || !khap__check_meet(bits, &when->rows))
            continue;
        bool named = false;
        for (uint32_t a = 0; a < line->n_arguments; a++)
            named = named || (line->arguments[a].type == TYPE_REF && line->arguments[a].kind == rule->kind);
        struct khap_span span = {line->keyword, 0, line->keyword, (uint32_t)c->words[line->keyword].text.len};
        if (!named)
            khap__check_own(c, (enum schema_kind)rule->kind, span);
    }
}

/* Whether a text ends like an address with a port: a colon and digits, but not 0. */
static bool ends_in_port(struct khap_str text)
{
    size_t at = text.len;
    while (at > 0 && khap__is_digit((unsigned char)text.ptr[at - 1]))
        at--;
    return at > 0 && at < text.len && text.ptr[at - 1] == ':' && text.ptr[at] != '0';
}

/* An IP address, not that of any machine, without a port of its own. */
static bool lacks_port(const struct check *c, const struct schema_line *line)
{
    static const uint8_t none[16];
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *a = &line->arguments[i];
        struct address address;
        if (a->type == TYPE_ADDR && line->problem == SCHEMA_GOOD && ends_in_port(c->words[a->word].text))
            return false; /* most have one */
        if (a->type != TYPE_ADDR || a->option != UINT32_MAX || c->words[a->word].variable ||
            khap__address_parse(c->words[a->word].text, &address) != VALUE_OK)
            continue;
        return (address.family == ADDRESS_V4 || address.family == ADDRESS_V6) && !address.variable &&
               memcmp(address.ip, none, address.family == ADDRESS_V4 ? 4 : 16) != 0 &&
               (!address.has_port || address.relative_port || address.port == 0);
    }
    return false;
}

/* Lines that rules of options are about are looked at when all is known. What they say is said of them alone. */
static void keep_line(struct check *c, const struct schema_line *line, const struct schema_set *keyword)
{
    const struct check_section *s = &c->sections.ptr[c->at.section];
    struct check_has has = {s->servers, s->servers_maybe, s->servers_off};
    add_set(&has.sure, keyword);
    add_set(&has.maybe, keyword);
    khap__check_settle(c, line, &has.sure, &has.maybe, &has.off);
    bool no_port = lacks_port(c, line);
    set_bit(&has.sure, CROSS_NO_PORT, no_port);
    set_bit(&has.maybe, CROSS_NO_PORT, no_port);
    /* most lines have what the one before has */
    uint32_t n = c->lines_have.len;
    if (n == 0 || memcmp(&c->lines_have.ptr[n - 1], &has, sizeof has) != 0) {
        if (n == UINT32_MAX || !VEC_PUSH(&c->alloc, &c->lines_have, has)) {
            c->no_memory = true;
            return;
        }
        c->names_lines = c->names_lines || speaks_of(CROSS_NAMED, &has.sure);
        n++;
    }
    struct check_kept kept = {c->at.section, n - 1, c->at.line};
    if (!VEC_PUSH(&c->alloc, &c->lines, kept))
        c->no_memory = true;
}

/* A line in whose place others stood: what they said counts no more, nor what the defaults say in that place. */
static void take_place(struct check *c, const struct schema_line *line, const struct schema_set *bits,
                       struct check_section *s)
{
    const struct check_rules *rules = khap__check_rules_of(c, c->at.section);
    const struct schema_cross *rule;
    for (size_t i = 0; (rule = next_rule(rules, CROSS_INSTEAD, &i)) != NULL;) {
        const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
        if (when == NULL || !khap__check_meet(bits, &when->rows))
            continue;
        khap__check_note_name(c, line, rule);
        if (c->at.read != KHAP_TRUE)
            continue;
        struct schema_set gone = when->rows;
        const struct schema_cross_set *more = khap__schema_cross_set(rule, 0);
        if (more != NULL)
            add_set(&gone, &more->rows);
        remove_set(&s->sure, &gone);
        remove_set(&s->maybe, &gone);
        add_set(&s->cleared, &gone);
    }
}

void khap__check_http_format(struct check *c, const struct schema_item *item)
{
    struct schema_set bits = {{0}};
    struct check_section *s = c->at.section == VIEW_NONE ? NULL : section_of(c, c->at.section);
    if (s == NULL || c->row == NULL)
        return;
    if (khap__schema_flag_bit(c->row, S("@http"), &bits)) {
        add_set(&s->maybe, &bits);
        if (c->at.read == KHAP_TRUE)
            add_set(&s->sure, &bits);
        return;
    }
    /* elsewhere HAProxy looks at the mode that the section has so far */
    struct check_fetch fetch = {c->at.section, c->at.line, item->row, item->span, s->mode};
    const struct check_fetch *before =
        c->http_formats.len == 0 ? NULL : &c->http_formats.ptr[c->http_formats.len - 1];
    if (before != NULL && before->line == fetch.line && before->row == fetch.row)
        return;
    if (s->mode != MODE_HTTP && c->at.read == KHAP_TRUE && !VEC_PUSH(&c->alloc, &c->http_formats, fetch))
        c->no_memory = true;
}

void khap__check_http_formats(struct check *c)
{
    for (uint32_t i = 0; i < c->http_formats.len; i++) {
        const struct check_fetch *f = &c->http_formats.ptr[i];
        uint32_t defaults = c->view->sections.ptr[f->section].defaults;
        uint8_t mode = f->mode;
        if (mode == MODE_UNSAID && defaults != VIEW_NONE && c->inherited != NULL)
            mode = c->inherited[defaults] != NULL ? c->inherited[defaults]->mode : MODE_UNKNOWN;
        if (mode == MODE_TCP || mode == MODE_UNSAID)
            SAY(c->diags, MSG_HTTP_FORMAT, khap__check_place_of(c, f->section, f->line, f->span),
                khap__schema_text(f->row->words), S("mode tcp"));
    }
}

/* `enabled` behind, or below, what says `disabled`. */
static void enable(struct check_section *s)
{
    set_bit(&s->sure, CROSS_DISABLED, false);
    set_bit(&s->maybe, CROSS_DISABLED, false);
    set_bit(&s->cleared, CROSS_DISABLED, true);
}

void khap__check_cross_line(struct check *c, const struct schema_line *line)
{
    struct check_facts own;
    if (c->at.section == VIEW_NONE || line->row == NULL || c->table == TABLE_SECTION)
        return;
    struct check_section *s = section_of(c, c->at.section);
    if (s == NULL)
        return;
    const struct check_facts *facts = khap__check_facts_of(c, line, &own);
    const struct schema_set *bits = &facts->bits;
    if (facts->enabled && c->at.read == KHAP_TRUE)
        enable(s);
    if (line->prefix != 0) {
        if (c->at.read == KHAP_TRUE) {
            remove_set(&s->sure, bits);
            add_set(&s->cleared, bits);
        }
        return;
    }
    if (facts->mode)
        note_mode(c, s, line);
    if (facts->nothing)
        return;
    bool global = c->table == TABLE_GLOBAL;
    if (speaks(facts, CROSS_UNIQUE))
        check_unique(c, line);
    const struct schema_set *said = bits;
    if (speaks(facts, CROSS_ATMOST) || speaks(facts, CROSS_ATLEAST))
        khap__check_bounds(c, line, bits);
    if (c->at.read == KHAP_TRUE) {
        const struct schema_set *before = global ? &c->global : &s->sure;
        if (speaks(facts, CROSS_ORDER))
            check_order(c, CROSS_ORDER, bits, before, line);
        if (speaks(facts, CROSS_ONCE)) {
            check_order(c, CROSS_ONCE, bits, before, line);
            khap__check_replaced(c, line, bits);
        }
        if (speaks(facts, CROSS_OWN))
            check_own(c, bits, line);
        if (facts->kept) {
            keep_line(c, line, &facts->keyword);
            said = &facts->keyword;
        }
        if (facts->servers) {
            khap__check_settle(c, line, &s->servers, &s->servers_maybe, &s->servers_off);
            remove_set(&s->servers, khap__schema_own_bits());
            remove_set(&s->servers_maybe, khap__schema_own_bits());
        } else {
            if (speaks(facts, CROSS_INSTEAD))
                take_place(c, line, bits, s);
            add_set(&s->sure, said);
        }
        if (global)
            add_set(&c->global, said);
    } else if (speaks(facts, CROSS_INSTEAD)) {
        take_place(c, line, bits, s);
    }
    add_set(facts->servers ? &s->servers_maybe : &s->maybe, said);
    if (global)
        add_set(&c->global_maybe, said);
}

static bool may_be_disabled(const struct check_section *has)
{
    return (has->maybe.words[CROSS_DISABLED / 32] >> CROSS_DISABLED % 32 & 1) != 0;
}

bool khap__check_may_be_disabled(const struct check *c, uint32_t section)
{
    struct check_section has;
    if (section >= c->sections.len)
        return false;
    khap__check_inherit(c, section, &has);
    return may_be_disabled(&has);
}

static uint8_t mode_of(const struct check *c, uint32_t section)
{
    struct check_section has;
    khap__check_inherit(c, section, &has);
    return has.mode;
}

bool khap__check_is_http(const struct check *c, uint32_t section)
{
    return section < c->sections.len && mode_of(c, section) == MODE_HTTP &&
           !khap__check_may_be_disabled(c, section);
}

static struct khap_str name_of_section(const struct check *c, uint32_t section)
{
    uint32_t d = c->view->sections.ptr[section].definition;
    return d == VIEW_NONE ? S("") : c->view->definitions.ptr[d].name;
}

const struct schema_row *khap__check_find_in_line(struct check *c, uint32_t section,
                                                  const struct khap_line *at, const struct schema_set *wanted,
                                                  struct khap_span *span)
{
    const struct view_section *s = &c->view->sections.ptr[section];
    const struct khap_document *doc = c->view->files.ptr[s->file].doc;
    struct schema_word words[64];
    struct schema_line line;
    khap__arena_reset(&c->arena);
    if (s->table < 0)
        return NULL;
    if (khap_words_read(c->reader, doc, at) != KHAP_OK) {
        c->no_memory = true;
        return NULL;
    }
    size_t n = khap__view_words(c->reader, words);
    if (n == 0)
        return NULL;
    if (khap__schema_read(&c->arena, (unsigned)s->table, c->view->target.last, words, n, &line) != KHAP_OK) {
        c->no_memory = true;
        return NULL;
    }
    if (line.row == NULL)
        return NULL;
    struct schema_set bits = {{0}};
    khap__schema_bits(line.row, words + line.keyword + line.n_keyword,
                      line.keyword + line.n_keyword < n ? n - line.keyword - line.n_keyword : 0, &bits);
    uint32_t word = line.keyword, end = line.keyword + line.n_keyword - 1;
    if ((line.row->flags & ROW_HTTP) != 0)
        set_bit(&bits, CROSS_FLAG_HTTP, true);
    const struct schema_row *found = khap__check_meet(&bits, wanted) ? line.row : NULL;
    for (uint32_t i = 0; i < line.n_options && found == NULL; i++) {
        size_t behind = line.options[i].word + 1;
        bits = (struct schema_set){{0}};
        khap__schema_bits(line.options[i].row, words + behind, behind < n ? n - behind : 0, &bits);
        if (!khap__check_meet(&bits, wanted))
            continue;
        found = line.options[i].row;
        word = end = line.options[i].word;
    }
    *span = (struct khap_span){word, 0, end, (uint32_t)words[end].text.len};
    return line.prefix == 0 ? found : NULL;
}

/* The first line of a section, or of the defaults that it inherits from, with one of the bits; where there is none, the section's own line. */
static struct khap_place place_in_section(struct check *c, uint32_t section, const struct schema_set *wanted,
                                          const struct schema_row **row)
{
    uint32_t own = section;
    for (size_t steps = c->view->sections.len; steps > 0 && section != VIEW_NONE; steps--) {
        const struct view_section *s = &c->view->sections.ptr[section];
        const struct khap_document *doc = c->view->files.ptr[s->file].doc;
        struct khap_span span;
        for (const struct khap_line *line = s->head; line != NULL && line != s->last;) {
            line = khap_line_next(doc, line);
            if (line != NULL && khap_line_kind(doc, line) == KHAP_LINE_STATEMENT &&
                (*row = khap__check_find_in_line(c, section, line, wanted, &span)) != NULL)
                return khap__view_place(doc, line, c->reader, span);
        }
        section = s->defaults;
    }
    const struct view_section *s = &c->view->sections.ptr[own];
    struct khap_span span = {0, 0, 0, (uint32_t)s->kind.len};
    return khap__check_place_of(c, own, s->head, span);
}

static struct khap_place place_of_head(struct check *c, uint32_t section)
{
    const struct view_section *s = &c->view->sections.ptr[section];
    struct khap_span span = {0, 0, 0, (uint32_t)s->kind.len};
    return khap__check_place_of(c, section, s->head, span);
}

/* The keywords of one set, in words of their own: %2 of a message. */
static struct khap_str needed(struct check *c, const struct schema_cross *rule,
                              const struct schema_cross_set *set)
{
    khap__buf_clear(&c->more);
    khap__buf_add(&c->more, khap__check_listed(c, rule, khap__schema_text(set->text)));
    return khap__buf_str(&c->more);
}

/* What is missing of that which the rule asks for: NULL when nothing is. A rule that asks for nothing forbids. */
static const struct schema_cross_set *missing(const struct schema_cross *rule, const struct there *there)
{
    const struct schema_cross_set *set;
    for (size_t i = 0; (set = khap__schema_cross_set(rule, i)) != NULL; i++) {
        if (!may_hold(set, there))
            return set;
    }
    size_t last = rule->n_when;
    return rule->n == 0 && last > 0 ? khap__schema_cross_when(rule, last - 1) : NULL;
}

static void check_requires(struct check *c, const struct schema_cross *rule, uint32_t section,
                           const struct there *there)
{
    const struct schema_cross_set *set;
    for (size_t i = 0; (set = khap__schema_cross_set(rule, i)) != NULL; i++) {
        if (may_hold(set, there))
            continue;
        khap__buf_clear(&c->text);
        khap__buf_add(&c->text, c->view->sections.ptr[section].kind);
        khap__buf_char(&c->text, ' ');
        khap__buf_add(&c->text, name_of_section(c, section));
        struct khap_str text = khap__schema_text(set->text);
        say(c, rule, place_of_head(c, section), khap__buf_str(&c->text),
            khap__str_sub(text, 0, khap__str_find(text, '|')));
    }
}

static void check_needs(struct check *c, const struct schema_cross *rule, uint32_t section,
                        const struct there *there)
{
    const struct schema_cross_set *set = missing(rule, there), *when = khap__schema_cross_when(rule, 0);
    if (set == NULL)
        return;
    const struct schema_row *row = NULL;
    struct khap_place place =
        when == NULL ? place_of_head(c, section) : place_in_section(c, section, &when->rows, &row);
    struct khap_str second = set == when ? S("this kind of section") : needed(c, rule, set);
    say(c, rule, place,
        when == NULL  ? name_of_section(c, section)
        : row != NULL ? khap__schema_text(row->words)
                      : khap__check_listed(c, NULL, khap__schema_text(when->text)),
        second);
}

/* What a line has and may have: of its own, by default-server, and of its section, which with what it inherits is `has`. */
static void all_of_line(const struct check_has *line, const struct check_section *has,
                        struct schema_set *sure, struct schema_set *maybe)
{
    *sure = has->servers;
    *maybe = has->servers_maybe;
    remove_set(sure, &line->off);
    remove_set(maybe, &line->off);
    add_set(sure, &line->sure);
    add_set(maybe, &line->maybe);
    add_set(sure, &has->sure);
    add_set(maybe, &has->maybe);
}

void khap__check_all_of_line(const struct check *c, const struct check_kept *kept, struct schema_set *sure,
                             struct schema_set *maybe)
{
    struct check_section has;
    khap__check_inherit(c, kept->section, &has);
    all_of_line(&c->lines_have.ptr[kept->has], &has, sure, maybe);
}

/* `has`: what the section of the line has, with what it inherits. Whether anything was said. */
static bool check_options(struct check *c, const struct check_kept *kept, const struct check_section *has)
{
    const struct check_rules *rules = khap__check_rules_of(c, kept->section);
    const struct schema_cross *rule;
    struct schema_set sure, maybe;
    uint32_t told = c->told;
    struct check_quiet *quiet;
    all_of_line(&c->lines_have.ptr[kept->has], has, &sure, &maybe);
    struct there there = {&sure, &maybe, &c->global, &c->global_maybe};
    if (is_quiet(c->lines_quiet, rules, &there, &quiet))
        return false;
    for (size_t i = 0; (rule = next_rule(rules, CROSS_OPTION, &i)) != NULL;) {
        const struct schema_cross_set *set, *about = khap__schema_cross_when(rule, rule->n_when > 1 ? 1 : 0);
        if (about == NULL || !all_hold(rule, &there) || (set = missing(rule, &there)) == NULL)
            continue;
        struct khap_span span = {0, 0, 0, 0};
        const struct khap_document *doc = c->view->files.ptr[c->view->sections.ptr[kept->section].file].doc;
        const struct schema_row *row =
            khap__check_find_in_line(c, kept->section, kept->line, &about->rows, &span);
        struct khap_place place = khap__view_place(doc, kept->line, c->reader, span);
        struct khap_str second = needed(c, rule, set);
        say(c, rule, place,
            row != NULL ? khap__schema_text(row->words)
                        : khap__check_listed(c, NULL, khap__schema_text(about->text)),
            second);
    }
    if (c->told == told)
        *quiet = (struct check_quiet){rules, sure, maybe};
    return c->told != told;
}

/* What a frontend read as TCP can be handed on as HTTP. */
static bool modes_differ(uint8_t from, uint8_t to)
{
    return from != MODE_UNKNOWN && to != MODE_UNKNOWN && from != to && !(from == MODE_TCP && to == MODE_HTTP);
}

/* Rules about the backends that lines name: one in mode tcp for requests of mode http; a section that leads to itself. */
static void check_backends(struct check *c, const struct schema_cross *rule)
{
    const struct khap_view *view = c->view;
    const struct schema_cross_set *when = khap__schema_cross_when(rule, 0);
    for (struct check_each_name each = {0}; when != NULL && khap__check_next_name(c, &each);) {
        const struct view_reference *r = &view->references.ptr[each.reference];
        if (r->kind != KIND_BACKEND || r->state != KHAP_REFERENCE_BOUND || r->read != KHAP_TRUE ||
            r->span.word != 1 || !khap__check_applies(c, rule, each.section) ||
            khap__check_may_be_disabled(c, each.section))
            continue;
        const struct view_definition *d = &view->definitions.ptr[r->definition];
        const struct khap_document *doc = view->files.ptr[view->sections.ptr[r->section].file].doc;
        bool wrong = d->read == KHAP_TRUE;
        if (rule->predicate == CROSS_LOOP)
            wrong = wrong && d->section == each.section;
        else
            wrong = wrong && modes_differ(mode_of(c, each.section), mode_of(c, d->section));
        struct khap_span span;
        if (!wrong || khap__check_find_in_line(c, r->section, r->line, &when->rows, &span) == NULL)
            continue;
        struct khap_place place = khap__view_place(doc, r->line, c->reader, r->span);
        say(c, rule, each.section == r->section ? place : place_of_head(c, each.section), r->name, S(""));
        if (each.section != r->section)
            khap__diags_relate(c->diags, place, S("the name is inherited from here"));
    }
}

void khap__check_cross(struct check *c)
{
    const struct schema_cross *rule;
    struct check_section has;
    if (c->view->sections.len == 0 || section_of(c, c->view->sections.len - 1) == NULL)
        return;
    khap__check_inheritance(c);
    khap__check_meant(c);
    set_bit(&c->global_maybe, CROSS_FLAG_EXPERIMENTAL, c->used_experimental);
    for (uint32_t section = 0; section < c->view->sections.len; section++) {
        if (c->view->sections.ptr[section].read != KHAP_TRUE)
            continue;
        khap__check_inherit(c, section, &has);
        /* logs and the like need none of what is asked for here */
        bool proxy = khap__schema_kind_has(KIND_PROXY, c->view->sections.ptr[section].kind);
        if (proxy && (has.mode == MODE_OTHER || has.mode == MODE_UNKNOWN || may_be_disabled(&has)))
            continue;
        struct there there = {&has.sure, &has.maybe, &c->global, &c->global_maybe};
        const struct check_rules *rules = khap__check_rules_of(c, section);
        struct check_quiet *quiet;
        uint32_t told = c->told;
        if (is_quiet(c->sections_quiet, rules, &there, &quiet))
            continue;
        for (size_t i = 0; (rule = next_rule(rules, CROSS_REQUIRES, &i)) != NULL;) {
            if (all_hold(rule, &there))
                check_requires(c, rule, section, &there);
        }
        for (size_t i = 0; (rule = next_rule(rules, CROSS_NEEDS, &i)) != NULL;) {
            if (all_hold(rule, &there))
                check_needs(c, rule, section, &there);
        }
        if (c->told == told)
            *quiet = (struct check_quiet){rules, has.sure, has.maybe};
    }
    bool said = true;
    for (uint32_t i = 0; i < c->lines.len; i++) {
        const struct check_kept *kept = &c->lines.ptr[i];
        bool same = i > 0 && kept->section == kept[-1].section;
        if (!same)
            khap__check_inherit(c, kept->section, &has);
        if (said || !same || kept->has != kept[-1].has)
            said = check_options(c, kept, &has);
    }
    khap__check_named(c);
    khap__check_all_replaced(c);
    khap__check_inherits(c);
    for (size_t i = 0; (rule = khap__schema_cross(i)) != NULL; i++) {
        if (rule->predicate == CROSS_MODE || rule->predicate == CROSS_LOOP)
            check_backends(c, rule);
    }
}

bool khap__check_has(const struct check *c, uint32_t section, enum schema_kind kind)
{
    const struct schema_set *asked = khap__schema_kind_with(kind);
    struct check_section has;
    if (section >= c->sections.len)
        return true;
    khap__check_inherit(c, section, &has);
    return asked == NULL || khap__check_meet(asked, &has.maybe);
}

bool khap__check_asks(const struct check *c, uint32_t section, enum schema_kind kind)
{
    const struct schema_set *asked;
    struct check_section has;
    if (section >= c->sections.len)
        return true;
    khap__check_inherit(c, section, &has);
    for (size_t i = 0; (asked = khap__schema_kind_asks(kind, i)) != NULL; i++) {
        if (!khap__check_meet(asked, &has.sure))
            return false;
    }
    return true;
}

bool khap__check_may_define(const struct check *c, uint32_t section, enum schema_kind kind,
                            struct khap_str name)
{
    const struct schema_set *also = khap__schema_kind_also(kind);
    return also != NULL && section < c->sections.len && name.len > 0 &&
           khap__is_digit((unsigned char)name.ptr[name.len - 1]) &&
           khap__check_meet(also, &c->sections.ptr[section].maybe);
}
