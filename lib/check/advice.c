/* check/advice.c - what HAProxy takes, and what is hardly meant. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"

/* `cookie check`: the word is the value of the option before it, and looks like the option of that name. */
static void option_as_value(struct check *c, const struct schema_line *line, uint32_t n_arguments)
{
    for (uint32_t i = 0; i < n_arguments; i++) {
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
        struct khap_place place = khap__check_place(c, span);
        c->advised = true;
        SAY(c->diags, MSG_OPTION_AS_VALUE, place, khap__schema_text(option->row->words), text);
        /* a cookie's value is nearly always the server's name */
        if (khap__str_eq(khap__schema_text(option->row->words), S("cookie")) && !c->words[1].variable) {
            khap__buf_clear(&c->more);
            khap__buf_add(&c->more, c->words[1].text);
            khap__buf_char(&c->more, ' ');
            place.len = 0;
            khap__check_fix(c, place, S(""), khap__buf_str(&c->more));
        }
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

/* Options that let in what is no longer safe; with a value where there is one. */
static const struct {
    char option[18], value[8];
    bool verify; /* else old TLS */
} weak[] = {
    {"ssl-min-ver", "SSLv3", false},     {"ssl-min-ver", "TLSv1.0", false}, {"ssl-min-ver", "TLSv1.1", false},
    {"ssl-max-ver", "SSLv3", false},     {"ssl-max-ver", "TLSv1.0", false}, {"ssl-max-ver", "TLSv1.1", false},
    {"force-sslv3", "", false},          {"force-tlsv10", "", false},       {"force-tlsv11", "", false},
    {"ssl-server-verify", "none", true}, {"verify", "none", true},
};

/* A keyword or an option that takes security away, at this word of the line. */
static void weak_option(struct check *c, const struct schema_row *row, uint32_t word)
{
    struct khap_str name = khap__schema_text(row->words);
    if (name.len < 6 || (name.ptr[0] != 'f' && name.ptr[0] != 's' && name.ptr[0] != 'v'))
        return;
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        struct khap_str value = khap__str(weak[i].value);
        uint32_t last = word + (value.len > 0);
        if (!khap__str_eq(name, khap__str(weak[i].option)) || last >= c->n ||
            (value.len > 0 && !khap__str_eq(c->words[last].text, value)))
            continue;
        struct khap_span span = {word, 0, last, (uint32_t)c->words[last].text.len};
        c->advised = true;
        SAY(c->diags, weak[i].verify ? MSG_NOT_VERIFYING : MSG_OLD_TLS, khap__check_place(c, span), name);
    }
}

/* Servers that nobody is asked about; a bind asks for no certificate unless it is told to. */
static void weak_options(struct check *c, const struct schema_line *line, uint32_t n_options)
{
    bool bind = line->row != NULL && khap__str_eq(khap__schema_text(line->row->words), S("bind"));
    if (line->row != NULL && c->table == TABLE_GLOBAL)
        weak_option(c, line->row, line->keyword);
    for (uint32_t i = 0; i < n_options; i++) {
        if (!bind || !khap__str_eq(khap__schema_text(line->options[i].row->words), S("verify")))
            weak_option(c, line->options[i].row, line->options[i].word);
    }
}

void khap__check_advice(struct check *c, const struct schema_line *line)
{
    if (c->at.section == VIEW_NONE || c->table == TABLE_SECTION || line->prefix != 0)
        return;
    /* what it had nothing to say of at the end of another line is not looked at again */
    struct check_end *end = khap__check_end(c, line);
    bool plain = end != NULL && end->plain;
    c->advised = false;
    if (!plain)
        option_as_value(c, line, line->n_arguments);
    address_twice(c, line);
    if (!plain || c->table == TABLE_GLOBAL)
        weak_options(c, line, plain ? line->end_options : line->n_options);
    if (end != NULL)
        end->plain = !c->advised;
    khap__check_reach(c, line);
    khap__check_listening(c, line);
}
