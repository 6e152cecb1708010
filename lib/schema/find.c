/* schema/find.c - finding keywords in the tables made from the .tsv files beside it. SPDX-License-Identifier: MIT */
#include "config.h"

#include "cfg/features.h"
#include "schema/program.h"
#include "value/address.h"

#include <khap/schema.h>

enum { NO_ENTRY = 65535, MOST_PREFIX = 32 };

struct schema_entry {
    uint16_t table, row, next; /* next: of the same words in other releases */
};
struct schema_range {
    int64_t min, max;
};
struct schema_type_row {
    uint32_t expected, text;
};
struct schema_kind_row {
    uint32_t name, sections, text;
    enum schema_scope scope;
    uint8_t before;
    uint16_t with, also;   /* one more than the number of a set, or 0 */
    uint16_t asks, n_asks; /* the first of so many sets */
};
/* A bit that a keyword has when a word is behind it; those of one keyword stand together, schema_values_of says where. */
struct schema_value_row {
    uint16_t bit;
    uint32_t word;
};
struct schema_place_row {
    uint32_t name, text;
};

#include "schema/schema.inc"

void khap__schema_range(uint16_t number, int64_t *min, int64_t *max)
{
    *min = schema_ranges[number].min;
    *max = schema_ranges[number].max;
}

int khap__schema_table(struct khap_str name)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (khap__str_eq(khap__schema_text(schema_tables[i]), name))
            return (int)i;
    }
    return -1;
}

struct khap_str khap__schema_table_name(unsigned table)
{
    return khap__schema_text(schema_tables[table]);
}

/* Of some bytes of what stands before `()`, `#` or `*`, which tell keywords apart well enough. schema.awk computes the same. */
static uint32_t hash(unsigned table, struct khap_str words)
{
    const unsigned char *bytes = (const unsigned char *)words.ptr;
    uint32_t len = (uint32_t)words.len;
    if (len == 0)
        return table;
    return (((table * 33 + len) * 33 + bytes[0]) * 33 + bytes[len / 2]) * 33 + bytes[len - 1];
}

static bool words_are(uint32_t at, struct khap_str words, struct khap_str end)
{
    struct khap_str text = khap__schema_text(at);
    return text.len == words.len + end.len && memcmp(text.ptr, words.ptr, words.len) == 0 &&
           (end.len == 0 || memcmp(text.ptr + words.len, end.ptr, end.len) == 0);
}

/* Of rows that other releases have, the one whose releases are less far from this one. */
static bool nearer(const struct schema_row *row, const struct schema_row *than, uint16_t release)
{
    int a = release < row->first ? row->first - release : release - row->last;
    int b = release < than->first ? than->first - release : release - than->last;
    return a < b;
}

static const struct schema_row *find(unsigned table, struct khap_str words, struct khap_str end,
                                     uint16_t release, const struct schema_row **other)
{
    if (words.len == 0 && end.len == 0)
        return NULL;
    for (uint32_t at = hash(table, words) % ENTRY_SLOTS; schema_slots[at] != NO_ENTRY;
         at = (at + 1) % ENTRY_SLOTS) {
        const struct schema_entry *e = &schema_entries[schema_slots[at]];
        if (e->table != table || !words_are(schema_rows[e->row].words, words, end))
            continue;
        for (;; e = &schema_entries[e->next]) {
            const struct schema_row *row = &schema_rows[e->row];
            if (row->first <= release && release <= row->last)
                return row;
            if (other != NULL && (*other == NULL || nearer(row, *other, release)))
                *other = row;
            if (e->next == NO_ENTRY)
                return NULL;
        }
    }
    return NULL;
}

const struct schema_row *khap__schema_find(unsigned table, struct khap_str words, uint16_t release,
                                           const struct schema_row **other)
{
    if (other != NULL)
        *other = NULL;
    /* `!name` has one, and stands for any number */
    while (khap__str_starts(words, S("!!")))
        words = khap__str_sub(words, 1, words.len);
    struct khap_str whole = words;
    const struct schema_row *row = find(table, words, S(""), release, other);
    if (row != NULL)
        return row;
    size_t paren = khap__str_find(words, '(');
    size_t close = khap__str_find(words, ')');
    if (paren < close && close < words.len) {
        bool closes = words.ptr[words.len - 1] == ')';
        words = khap__str_sub(words, 0, paren);
        row = find(table, words, S("()"), release, closes ? other : NULL);
        if (!closes && row != NULL && (row->flags & ROW_TAIL) == 0)
            row = NULL;
        words = closes ? words : whole;
    }
    size_t digits = words.len;
    while (digits > 0 && khap__is_digit((unsigned char)words.ptr[digits - 1]))
        digits--;
    if (row == NULL && digits < words.len) {
        words = khap__str_sub(words, 0, digits);
        row = find(table, words, S("#"), release, other);
    }
    for (size_t len = whole.len < MOST_PREFIX ? whole.len : MOST_PREFIX; row == NULL && len > 0; len--) {
        row = find(table, khap__str_sub(whole, 0, len), S("*"), release, other);
    }
    return row != NULL ? row : find(table, S(""), S("*"), release, NULL);
}

const struct schema_row *khap__schema_at(unsigned table, size_t *at)
{
    while (*at < SCHEMA_ENTRIES) {
        const struct schema_entry *e = &schema_entries[(*at)++];
        if (e->table == table)
            return &schema_rows[e->row];
    }
    return NULL;
}

struct khap_str khap__schema_expected(enum schema_type type)
{
    return khap__schema_text(schema_types[type].expected);
}

struct khap_str khap__schema_kind_name(enum schema_kind kind)
{
    return khap__schema_text(schema_kinds[kind].name);
}

struct khap_str khap__schema_kind_text(enum schema_kind kind)
{
    return khap__schema_text(schema_kinds[kind].text);
}

enum schema_scope khap__schema_kind_scope(enum schema_kind kind)
{
    return schema_kinds[kind].scope;
}

bool khap__schema_list_has(struct khap_str list, struct khap_str word)
{
    while (list.len > 0) {
        size_t comma = khap__str_find(list, ',');
        if (khap__str_eq(khap__str_sub(list, 0, comma), word))
            return true;
        list = khap__str_sub(list, comma + 1, list.len);
    }
    return false;
}

bool khap__schema_kind_before(enum schema_kind kind)
{
    return schema_kinds[kind].before != 0;
}

bool khap__schema_kind_has(enum schema_kind kind, struct khap_str section)
{
    return khap__schema_list_has(khap__schema_text(schema_kinds[kind].sections), section);
}

const struct schema_set *khap__schema_kind_with(enum schema_kind kind)
{
    unsigned with = schema_kinds[kind].with;
    return with == 0 ? NULL : &schema_cross_sets[with - 1].rows;
}

const struct schema_set *khap__schema_kind_asks(enum schema_kind kind, size_t index)
{
    return index < schema_kinds[kind].n_asks ? &schema_cross_sets[schema_kinds[kind].asks + index].rows
                                             : NULL;
}

const struct schema_set *khap__schema_kind_also(enum schema_kind kind)
{
    unsigned also = schema_kinds[kind].also;
    return also == 0 ? NULL : &schema_cross_sets[also - 1].rows;
}

const struct schema_cross *khap__schema_cross(size_t index)
{
    return index < sizeof schema_cross_rows / sizeof *schema_cross_rows ? &schema_cross_rows[index] : NULL;
}

const struct schema_cross_set *khap__schema_cross_when(const struct schema_cross *rule, size_t index)
{
    return index < rule->n_when ? &schema_cross_sets[rule->when + index] : NULL;
}

const struct schema_cross_set *khap__schema_cross_set(const struct schema_cross *rule, size_t index)
{
    return index < rule->n ? &schema_cross_sets[rule->from + index] : NULL;
}

const struct schema_set *khap__schema_cross_bits(enum schema_predicate predicate)
{
    return &schema_cross_bits[predicate];
}

static void add_bit(struct schema_set *set, unsigned bit)
{
    set->words[bit / 32] |= UINT32_C(1) << bit % 32;
}

/* An address with a port of its own, or one that needs none. */
static bool has_port(const struct schema_word *word)
{
    struct address a;
    if (word->variable || khap__address_parse(word->text, &a) != VALUE_OK || a.variable)
        return true;
    bool network = a.family == ADDRESS_V4 || a.family == ADDRESS_V6 || a.family == ADDRESS_ANY ||
                   a.family == ADDRESS_NAME;
    return !network || (a.has_port && a.port != 0);
}

void khap__schema_bits(const struct schema_row *row, const struct schema_word *behind, size_t n,
                       struct schema_set *set)
{
    if (row->bit == 0)
        return;
    add_bit(set, row->bit);
    for (size_t i = schema_values_of[row->bit]; i < schema_values_of[row->bit + 1]; i++) {
        struct khap_str word = khap__schema_text(schema_values[i].word);
        if (word.len == 0 || khap__str_eq(word, S("@own")) ||
            (n > 0 &&
             (khap__str_eq(word, S("@port")) ? has_port(&behind[0]) : khap__str_eq(word, behind[0].text))))
            add_bit(set, schema_values[i].bit);
    }
}

bool khap__schema_bits_vary(const struct schema_row *row)
{
    return row->bit != 0 && schema_values_of[row->bit] != schema_values_of[row->bit + 1];
}

const struct schema_set *khap__schema_own_bits(void)
{
    return &schema_own_bits;
}

bool khap__schema_flag_bit(const struct schema_row *row, struct khap_str flag, struct schema_set *set)
{
    for (size_t i = schema_values_of[row->bit]; row->bit != 0 && i < schema_values_of[row->bit + 1]; i++) {
        if (!khap__str_eq(khap__schema_text(schema_values[i].word), flag))
            continue;
        add_bit(set, schema_values[i].bit);
        return true;
    }
    return false;
}

void khap__schema_all_bits(const struct schema_row *row, struct schema_set *set)
{
    if (row->bit == 0)
        return;
    add_bit(set, row->bit);
    for (size_t i = schema_values_of[row->bit]; i < schema_values_of[row->bit + 1]; i++)
        add_bit(set, schema_values[i].bit);
}

uint32_t khap__schema_stands(const struct schema_row *directive, bool condition, bool frontend, bool backend)
{
    const uint32_t *places = schema_stands[directive->stand] + (condition ? 2 : 0);
    if (condition && frontend && places[0] != 0)
        return places[0];
    return (frontend ? places[0] : 0) | (backend ? places[1] : 0);
}

struct khap_str khap__schema_place_name(enum schema_place place)
{
    return khap__schema_text(schema_places[place].name);
}

struct khap_str khap__schema_place_text(enum schema_place place)
{
    return khap__schema_text(schema_places[place].text);
}

uint32_t khap__schema_class_places(uint8_t class)
{
    return schema_classes[class];
}

struct khap_str khap__schema_sample_name(enum schema_sample type)
{
    return khap__schema_text(schema_sample_names[type]);
}

const struct schema_sample_row *khap__schema_sample_row(enum schema_sample type, uint16_t release)
{
    for (size_t i = 0; i < sizeof schema_samples / sizeof *schema_samples; i++) {
        const struct schema_sample_row *row = &schema_samples[i];
        if (row->type == type && row->first <= release && release <= row->last)
            return row;
    }
    return NULL;
}

enum khap_status khap_keyword_at(size_t index, struct khap_keyword *out)
{
    if (out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= SCHEMA_ENTRIES)
        return KHAP_ENOENT;
    const struct schema_entry *e = &schema_entries[index];
    const struct schema_row *row = &schema_rows[e->row];
    out->where = khap__schema_pool + schema_tables[e->table];
    out->words = khap__schema_pool + row->words;
    out->arguments = khap__schema_pool + row->arguments;
    out->instead = khap__schema_pool + row->instead;
    out->first = row->first;
    out->last = row->last > KHAP_NEWEST ? 0 : row->last;
    out->warns = row->warns > KHAP_NEWEST ? 0 : row->warns;
    out->flags = (uint16_t)(row->prefix | ((row->flags & ROW_IGNORED) != 0 ? KHAP_KEYWORD_IGNORED : 0));
    return KHAP_OK;
}
