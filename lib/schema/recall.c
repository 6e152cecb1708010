/* schema/recall.c - lines of one configuration end alike: `check inter 2s fall 3` behind a thousand addresses. What the last of them came
 * to is kept, so that the next need not be matched again. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/program.h"
#include "schema/recall.h"

enum { SLOTS = 64, WAYS = 4, MOST_BYTES = 256, MOST_FOUND = 24 };

struct kept_end {
    uint16_t release; /* 0: nothing is kept here */
    bool names;
    const struct schema_row *row;
    uint32_t at, n, first, first_option, number;
    uint32_t n_arguments, n_options;
    uint32_t used;          /* of words */
    char words[MOST_BYTES]; /* each with a NUL behind it */
    struct schema_argument arguments[MOST_FOUND];
    struct schema_option options[MOST_FOUND];
};

struct schema_memory {
    struct khap_alloc alloc;
    uint32_t kept; /* so many ends so far */
    struct kept_end slots[SLOTS];
};

enum khap_status khap__schema_memory_new(const struct khap_alloc *alloc, struct schema_memory **out)
{
    struct schema_memory *memory = khap__alloc(alloc, 1, sizeof *memory);
    if (memory == NULL)
        return KHAP_ENOMEM;
    memory->alloc = *alloc;
    memory->kept = 0;
    for (size_t i = 0; i < SLOTS; i++)
        memory->slots[i].release = 0;
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

/* The first of the WAYS slots that an end may be in. Each length and last byte counts: what stands behind names is mostly a number. */
static size_t slot_of(const struct schema_end *end)
{
    uint32_t h = end->at;
    for (uint32_t i = 0; i < end->n; i++) {
        struct khap_str text = end->words[i].text;
        h = h * 33 + (uint32_t)text.len + (text.len > 0 ? (unsigned char)text.ptr[text.len - 1] : 0u);
    }
    return h * UINT32_C(0x9e3779b1) >> 24 & (SLOTS - WAYS);
}

static bool same_words(const struct kept_end *kept, const struct schema_end *end)
{
    const char *at = kept->words, *stop = kept->words + kept->used;
    for (uint32_t i = 0; i < end->n; i++) {
        struct khap_str text = end->words[i].text;
        if (end->words[i].variable || end->words[i].many || text.len >= (size_t)(stop - at) ||
            at[text.len] != '\0' || memcmp(at, text.len > 0 ? text.ptr : "", text.len) != 0)
            return false;
        at += text.len + 1;
    }
    return true;
}

bool khap__schema_recall(const struct schema_memory *memory, const struct schema_end *end,
                         struct schema_known *out)
{
    if (memory == NULL || end->n == 0)
        return false;
    const struct kept_end *kept = &memory->slots[slot_of(end)], *stop = kept + WAYS;
    while (kept < stop && (kept->release != end->release || kept->row != end->row || kept->at != end->at ||
                           kept->n != end->n || !same_words(kept, end)))
        kept++;
    if (kept == stop)
        return false;
    *out = (struct schema_known){kept->arguments, kept->options,      kept->n_arguments, kept->n_options,
                                 kept->first,     kept->first_option, kept->number,      kept->names};
    return true;
}

void khap__schema_keep(struct schema_memory *memory, const struct schema_end *end, struct schema_line *line,
                       uint32_t arguments, uint32_t options)
{
    if (memory == NULL || end->n == 0 || memory->kept == UINT32_MAX ||
        line->n_arguments - arguments > MOST_FOUND || line->n_options - options > MOST_FOUND)
        return;
    struct kept_end *kept = &memory->slots[slot_of(end) + memory->kept % WAYS];
    size_t used = 0;
    kept->release = 0;
    for (uint32_t i = 0; i < end->n; i++) {
        struct khap_str text = end->words[i].text;
        if (end->words[i].variable || end->words[i].many || text.len >= MOST_BYTES - used)
            return;
        if (text.len > 0)
            memcpy(kept->words + used, text.ptr, text.len);
        used += text.len;
        kept->words[used++] = '\0';
    }
    kept->used = (uint32_t)used;
    kept->row = end->row;
    kept->at = end->at;
    kept->n = end->n;
    kept->first = end->first;
    kept->first_option = options;
    kept->n_arguments = line->n_arguments - arguments;
    kept->n_options = line->n_options - options;
    if (kept->n_arguments > 0)
        memcpy(kept->arguments, line->arguments + arguments, kept->n_arguments * sizeof *kept->arguments);
    if (kept->n_options > 0)
        memcpy(kept->options, line->options + options, kept->n_options * sizeof *kept->options);
    kept->names = false;
    for (uint32_t i = 0; i < kept->n_arguments; i++)
        kept->names = kept->names || khap__schema_names((enum schema_type)kept->arguments[i].type);
    kept->number = ++memory->kept;
    kept->release = end->release;
    line->end = kept->number;
    line->end_arguments = arguments;
    line->end_options = options;
    line->end_names = kept->names;
}
