/* migrate/steps.c - the rows of steps.tsv, and how one is carried out. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/plan.h"

#include "migrate/steps.inc"

struct khap_str khap__migrate_text(uint32_t at)
{
    return khap__str(steps_pool + at);
}

const struct migrate_row *khap__migrate_row(size_t index)
{
    return index < sizeof steps_rows / sizeof *steps_rows ? &steps_rows[index] : NULL;
}

/* How many words of the line the text is, words with single blanks between them; 0 when it begins otherwise. */
static size_t begins(struct khap_str text, const struct schema_word *words, size_t n)
{
    size_t at = 0, count = 0;
    while (at < text.len) {
        struct khap_str rest = khap__str_sub(text, at, text.len - at);
        size_t len = khap__str_find(rest, ' ');
        if (count == n || words[count].variable ||
            !khap__str_eq(words[count].text, khap__str_sub(rest, 0, len)))
            return 0;
        count++;
        at += len + 1;
    }
    return count;
}

static bool concerns(const struct migrate_row *row, struct khap_str table, uint16_t to)
{
    return row->first <= to && to <= row->last &&
           khap__schema_list_has(khap__migrate_text(row->tables), table);
}

const struct migrate_row *khap__migrate_find(struct khap_str table, uint16_t to,
                                             const struct schema_word *words, size_t n, size_t *n_words)
{
    const struct migrate_row *best = NULL, *row;
    *n_words = 0;
    for (size_t i = 0; (row = khap__migrate_row(i)) != NULL; i++) {
        if (n == 0 || words[0].text.len == 0 || steps_pool[row->words] != words[0].text.ptr[0])
            continue;
        size_t count = begins(khap__migrate_text(row->words), words, n);
        if (count > *n_words && concerns(row, table, to)) {
            best = row;
            *n_words = count;
        }
    }
    return best;
}

const struct migrate_row *khap__migrate_find_word(struct khap_str table, uint16_t to, struct khap_str word)
{
    struct schema_word one = {.text = word};
    size_t n;
    return khap__migrate_find(table, to, &one, 1, &n);
}

static const struct {
    const char *name;
    enum migrate_where where;
} places[] = {{"@first", MIGRATE_REQUEST_FIRST}, {"@last", MIGRATE_REQUEST_LAST},
              {"@add", MIGRATE_REQUEST_ADD},     {"@head", MIGRATE_HEAD},
              {"@global", MIGRATE_GLOBAL},       {NULL, MIGRATE_HERE}};

/* The next word of a template. */
static struct khap_str next_word(struct khap_str *rest)
{
    size_t len = khap__str_find(*rest, ' ');
    struct khap_str word = khap__str_sub(*rest, 0, len);
    *rest = khap__str_sub(*rest, len + 1, rest->len);
    return word;
}

static void begin(struct migrate_step *step, struct khap_str *rest)
{
    size_t i = 0;
    struct khap_str after = *rest, word = next_word(&after);
    while (places[i].name != NULL && !khap__str_eq(word, khap__str(places[i].name)))
        i++;
    if (places[i].name != NULL)
        *rest = after;
    khap__migrate_line(step, places[i].where);
    /* `no` and `default` belong to the keyword, whatever its name is */
    if (step->line->prefix != 0 && places[i].where == MIGRATE_HERE)
        khap__migrate_keep(step, 0, 1);
}

/* A word of a template; $1 to $9 stand for words of the line wherever they are in it. */
static void add_word(struct migrate_step *step, struct khap_str word)
{
    size_t behind = step->behind, end = step->end;
    if (khap__str_eq(word, S("$*"))) {
        if (end > behind)
            khap__migrate_keep(step, behind, end - behind);
        return;
    }
    if (word.len == 2 && word.ptr[0] == '$' && khap__is_digit((unsigned char)word.ptr[1])) {
        size_t index = behind + (size_t)(word.ptr[1] - '1');
        if (index < end)
            khap__migrate_keep(step, index, 1);
        return;
    }
    khap__migrate_word(step, word);
}

enum khap_status khap__migrate_carry_out(struct migrate_step *step, const struct migrate_row *row, bool part)
{
    step->effect = (enum migrate_effect)row->effect;
    step->says = khap__migrate_text(row->says);
    if (row->call != NULL)
        return row->call(step);
    struct khap_str rest = khap__migrate_text(row->lines);
    if (rest.len > 0 && !part)
        begin(step, &rest);
    while (rest.len > 0) {
        struct khap_str word = next_word(&rest);
        if (khap__str_eq(word, S(";;")))
            begin(step, &rest);
        else
            add_word(step, word);
    }
    /* a `no` that is gone with its keyword was the way it is now */
    if (row->lines == 0 && (step->line->prefix & ROW_NO) != 0 && step->effect == MIGRATE_DIFFERS) {
        step->effect = MIGRATE_SAME;
        step->says = S("");
    }
    return KHAP_OK;
}
