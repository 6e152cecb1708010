/* check/advice.c - what HAProxy takes, and what is hardly meant. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"

/* `cookie check`: the word is the value of the option before it, and looks like the option of that name. */
static void option_as_value(struct check *c, const struct schema_line *line)
{
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *a = &line->arguments[i];
        if (a->option == UINT32_MAX || a->offset != 0 || a->n_words != 1 || a->type == TYPE_EMPTY)
            continue;
        const struct schema_option *option = &line->options[a->option];
        struct khap_str text = c->words[a->word].text;
        if (text.len == 0 || !khap__is_alpha((unsigned char)text.ptr[0]))
            continue;
        if (option->word + 1 != a->word || c->words[a->word].variable || line->row == NULL ||
            !khap__str_eq(khap__schema_text(line->row->words), S("server")))
            continue;
        const struct schema_row *row = khap__schema_find(TABLE_SERVER, text, c->release, NULL);
        if (row == NULL)
            continue;
        struct khap_span span = {a->word, 0, a->word, (uint32_t)text.len};
        SAY(c->diags, MSG_OPTION_AS_VALUE, khap__check_place(c, span), khap__schema_text(option->row->words),
            text);
    }
}

/* Two servers of a section at one address. */
static void address_twice(struct check *c, const struct schema_line *line)
{
    if (line->row == NULL || !khap__str_eq(khap__schema_text(line->row->words), S("server")) ||
        c->at.read != KHAP_TRUE)
        return;
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *a = &line->arguments[i];
        if (a->type != TYPE_ADDR || a->option != UINT32_MAX || c->words[a->word].variable)
            continue;
        struct khap_span span = {a->word, 0, a->word, (uint32_t)c->words[a->word].text.len};
        if (khap__check_seen(c, "address", c->words[a->word].text))
            SAY(c->diags, MSG_ADDRESS_TWICE, khap__check_place(c, span), c->words[a->word].text);
    }
}

void khap__check_advice(struct check *c, const struct schema_line *line)
{
    if (c->at.section == VIEW_NONE || c->table == TABLE_SECTION || line->prefix != 0)
        return;
    option_as_value(c, line);
    address_twice(c, line);
}
