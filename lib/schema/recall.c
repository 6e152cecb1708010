/* schema/recall.c - lines of one configuration end alike: `check inter 2s fall 3` behind a thousand addresses. What the last of them came
 * to is kept, so that the next need not be matched again, nor be split into words. SPDX-License-Identifier: MIT */
#include "config.h"

#include "cfg/lex.h"
#include "schema/program.h"
#include "schema/recall.h"

enum { KEYWORDS = 64, SLOTS = 64, WAYS = 4, MOST_FOUND = 24, LONGEST = 1024 };

/* A keyword as it stands in lines. */
struct kept_keyword {
    struct khap_str first, second;        /* second: empty for one word */
    const struct schema_row *row, *other; /* row NULL: the first of two words */
    uint16_t table, release;
};

struct kept_end {
    const struct schema_row *row; /* NULL: nothing is kept here */
    struct khap_str text;
    uint16_t release;
    bool names;
    uint32_t number;
    uint32_t n_words, n_arguments, n_options;
    struct schema_word words[MOST_FOUND];
    struct schema_argument arguments[MOST_FOUND];
    struct schema_option options[MOST_FOUND];
};

struct schema_memory {
    struct khap_alloc alloc;
    uint32_t kept; /* so many ends so far */
    struct kept_keyword keywords[KEYWORDS];
    struct kept_end slots[SLOTS];
};

enum khap_status khap__schema_memory_new(const struct khap_alloc *alloc, struct schema_memory **out)
{
    struct schema_memory *memory = khap__alloc(alloc, 1, sizeof *memory);
    if (memory == NULL)
        return KHAP_ENOMEM;
    memory->alloc = *alloc;
    memory->kept = 0;
    for (size_t i = 0; i < KEYWORDS; i++)
        memory->keywords[i].release = 0;
    for (size_t i = 0; i < SLOTS; i++)
        memory->slots[i].row = NULL;
    *out = memory;
    return KHAP_OK;
}

void khap__schema_memory_free(struct schema_memory *memory)
{
    if (memory == NULL)
        return;
    struct khap_alloc alloc = memory->alloc;
    khap__free(&alloc, memory, 1, sizeof *memory);
}

static uint64_t mix(uint64_t h, struct khap_str text)
{
    uint64_t eight = text.len;
    size_t i = 0;
    for (; text.len - i >= 8; i += 8) {
        h = (h ^ eight) * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(&eight, text.ptr + i, 8);
        h ^= h >> 29;
    }
    h = (h ^ eight) * UINT64_C(0x9e3779b97f4a7c15);
    for (eight = 0; i < text.len; i++)
        eight = eight << 8 | (unsigned char)text.ptr[i];
    return (h ^ eight) * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t slot_of_keyword(unsigned table, struct khap_str first, struct khap_str second)
{
    return mix(mix(table, first), second) >> 32 & (KEYWORDS - 1);
}

/* The first of the WAYS slots that an end may be in. */
static size_t slot_of_end(const struct schema_row *row, struct khap_str text)
{
    return mix(row->words, text) >> 32 & (SLOTS - WAYS);
}

static const struct kept_keyword *find_keyword(const struct schema_memory *memory, unsigned table,
                                               uint16_t release, struct khap_str first,
                                               struct khap_str second)
{
    const struct kept_keyword *k = &memory->keywords[slot_of_keyword(table, first, second)];
    return k->release == release && k->table == table && khap__str_eq(k->first, first) &&
                   khap__str_eq(k->second, second)
               ? k
               : NULL;
}

/* Whether an element is one word, whatever stands behind it. */
static bool is_one_word(const uint16_t *code)
{
    if (code[0] != OP_TYPE)
        return code[0] == OP_LITERAL;
    switch ((enum schema_type)code[1]) {
    case TYPE_CONDITION:
    case TYPE_ACL:
    case TYPE_WORDS:
    case TYPE_ARGUMENTS:
    case TYPE_EXPR:
        return false;
    default:
        return true;
    }
}

uint32_t khap__schema_lead(const struct schema_row *row, uint32_t *at)
{
    uint32_t n = 0;
    for (*at = row->code; is_one_word(khap__schema_code() + *at); n++)
        *at = khap__schema_skip(*at);
    return n;
}

bool khap__schema_recall(const struct schema_memory *memory, unsigned table, uint16_t release,
                         struct khap_str text, struct schema_word *words, struct schema_known *out)
{
    const struct khap_str none = {NULL, 0};
    uint32_t n = 1;
    if (text.len > LONGEST || !khap__lex_next(&text, &words[0].text))
        return false;
    const struct kept_keyword *k = find_keyword(memory, table, release, words[0].text, none);
    if (k != NULL && k->row == NULL && khap__lex_next(&text, &words[n].text))
        k = find_keyword(memory, table, release, words[0].text, words[n++].text);
    if (k == NULL || k->row == NULL)
        return false;
    *out = (struct schema_known){.row = k->row, .other = k->other, .n_keyword = n};
    out->lead = n + khap__schema_lead(k->row, &out->at);
    for (; n < out->lead; n++) {
        if (!khap__lex_next(&text, &words[n].text))
            return false;
    }
    const struct kept_end *kept = &memory->slots[slot_of_end(k->row, text)], *stop = kept + WAYS;
    while (kept < stop &&
           (kept->row != k->row || kept->release != release || !khap__str_eq(kept->text, text)))
        kept++;
    if (kept == stop)
        return false;
    for (uint32_t i = 0; i < n; i++)
        words[i].variable = words[i].many = false;
    out->words = kept->words;
    out->arguments = kept->arguments;
    out->options = kept->options;
    out->n_words = kept->n_words;
    out->n_arguments = kept->n_arguments;
    out->n_options = kept->n_options;
    out->number = kept->number;
    out->names = kept->names;
    return true;
}

/* For one word only where no second one makes it another keyword. */
static bool keep_keyword(struct schema_memory *memory, const struct schema_word *words,
                         const struct schema_line *line)
{
    struct khap_str first = words[0].text, second = {NULL, 0};
    struct kept_keyword k = {first, second, NULL, NULL, line->table, line->release};
    if (line->n_keyword == 2) {
        memory->keywords[slot_of_keyword(line->table, first, second)] = k;
        k.second = second = words[1].text;
    } else if (line->row->begins) {
        return false;
    }
    k.row = line->row;
    k.other = line->other;
    memory->keywords[slot_of_keyword(line->table, first, second)] = k;
    return true;
}

void khap__schema_keep(struct schema_memory *memory, struct khap_str text, const struct schema_word *words,
                       size_t n, struct schema_line *line)
{
    uint32_t at, lead = line->n_keyword;
    if (line->problem != SCHEMA_GOOD || line->row == NULL || line->cut || line->prefix != 0 ||
        line->row->inner || memory->kept == UINT32_MAX || !khap__lex_plain(text))
        return;
    lead += khap__schema_lead(line->row, &at);
    struct khap_str word, end = text;
    for (uint32_t i = 0; i < lead; i++) {
        if (!khap__lex_next(&end, &word))
            return; /* it has less than the program says */
    }
    uint32_t arguments = 0;
    while (arguments < line->n_arguments && line->arguments[arguments].word < lead)
        arguments++;
    if (n - lead > MOST_FOUND || line->n_arguments - arguments > MOST_FOUND || line->n_options > MOST_FOUND ||
        !keep_keyword(memory, words, line))
        return;
    struct kept_end *kept = &memory->slots[slot_of_end(line->row, end) + memory->kept % WAYS];
    kept->row = line->row;
    kept->text = end;
    kept->release = line->release;
    kept->n_words = (uint32_t)n - lead;
    kept->n_arguments = line->n_arguments - arguments;
    kept->n_options = line->n_options;
    kept->names = false;
    for (uint32_t i = 0; i < kept->n_words; i++)
        kept->words[i] = words[lead + i];
    for (uint32_t i = 0; i < kept->n_arguments; i++) {
        kept->arguments[i] = line->arguments[arguments + i];
        kept->names = kept->names || khap__schema_names((enum schema_type)kept->arguments[i].type);
    }
    for (uint32_t i = 0; i < kept->n_options; i++)
        kept->options[i] = line->options[i];
    kept->number = ++memory->kept;
    line->end = kept->number;
    line->end_arguments = arguments;
    line->end_options = 0;
    line->end_names = kept->names;
}
