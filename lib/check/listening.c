/* check/listening.c - what is listened on: twice, or by statistics that everybody may see. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"
#include "value/address.h"

static bool has_option(const struct schema_line *line, const char *name)
{
    for (uint32_t i = 0; i < line->n_options; i++) {
        if (khap__str_eq(khap__schema_text(line->options[i].row->words), khap__str(name)))
            return true;
    }
    return false;
}

static bool is_loopback(const struct address *a)
{
    static const uint8_t one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const uint8_t *v4 = khap__address_v4(a);
    if (a->family == ADDRESS_NAME)
        return khap__str_eq_nocase(a->host, S("localhost"));
    if (a->family == ADDRESS_ANY)
        return false;
    return v4 != NULL ? v4[0] == 127 : a->family != ADDRESS_V6 || memcmp(a->ip, one, sizeof one) == 0;
}

/* The last bind with that key, or VIEW_NONE; `now` is it from here on, unless it is VIEW_NONE. */
static uint32_t last_with(struct check *c, const struct address *a, enum address_key which, uint32_t now)
{
    uint32_t last = VIEW_NONE;
    khap__buf_clear(&c->text);
    khap__address_key(&c->text, a, which);
    struct khap_str key = khap__buf_str(&c->text);
    bool found = khap__map_get(&c->bound, key, &last);
    if (now != VIEW_NONE && ((!found && khap__arena_dup(&c->all, key, &key) != KHAP_OK) ||
                             khap__map_set(&c->bound, key, now) != KHAP_OK))
        c->no_memory = true;
    return found ? last : VIEW_NONE;
}

static void later(uint32_t *found, uint32_t other)
{
    if (other != VIEW_NONE && (*found == VIEW_NONE || other > *found))
        *found = other;
}

/* An address that other lines of the same process listen on, too. Ranges of ports are not looked at. */
static void twice(struct check *c, const struct address *a, struct khap_str text, struct khap_place place)
{
    struct check_bind bind = {.place = place};
    if (a->variable || a->port != a->port_last || (a->has_port && a->port == 0) || a->family == ADDRESS_FD)
        return;
    bool wildcard = khap__address_is_wildcard(a);
    uint32_t number = c->binds.len, before = last_with(c, a, ADDRESS_KEY_HOST, number);
    uint32_t group = last_with(c, a, ADDRESS_KEY_GROUP, number);
    later(&before, last_with(c, a, ADDRESS_KEY_WILDCARD, wildcard ? number : VIEW_NONE));
    if (wildcard)
        later(&before, group);
    if (khap__arena_dup(&c->all, text, &bind.text) != KHAP_OK || !VEC_PUSH(&c->alloc, &c->binds, bind)) {
        c->no_memory = true;
        return;
    }
    struct address other;
    if (before == VIEW_NONE || khap__bind_parse(c->binds.ptr[before].text, &other) != VALUE_OK ||
        !khap__address_overlap(a, &other))
        return;
    SAY(c->diags, MSG_BIND_TWICE, place, text, c->binds.ptr[before].text);
    khap__diags_relate(c->diags, c->binds.ptr[before].place, S("the other one is here"));
}

static void on_bind(struct check *c, const struct schema_line *line)
{
    /* one address for each of several interfaces or threads */
    bool shared = has_option(line, "interface") || has_option(line, "namespace") ||
                  has_option(line, "process") || has_option(line, "thread") || has_option(line, "shards");
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *arg = &line->arguments[i];
        struct address a;
        if (arg->type != TYPE_ADDR || arg->option != UINT32_MAX || c->words[arg->word].variable)
            continue;
        struct khap_str text = khap__str_sub(c->words[arg->word].text, arg->offset, arg->len);
        struct khap_span span = {arg->word, arg->offset, arg->word, arg->offset + arg->len};
        if (khap__bind_parse(text, &a) != VALUE_OK)
            continue;
        if (!is_loopback(&a))
            c->page.public = true;
        if (c->at.read == KHAP_TRUE && !shared)
            twice(c, &a, text, khap__check_place(c, span));
    }
    for (uint32_t i = 0; i < line->n_options; i++) {
        uint32_t value = line->options[i].word + 1;
        if (khap__str_eq(khap__schema_text(line->options[i].row->words), S("verify")) && value < c->n &&
            !khap__str_eq(c->words[value].text, S("none")))
            c->page.guarded = true;
    }
}

/* The section is over. */
static void tell_page(struct check *c)
{
    if (c->page.stats.source != 0 && c->page.public && !c->page.guarded && !c->guarded_by_defaults)
        SAY0(c->diags, MSG_STATS_OPEN, c->page.stats);
    memset(&c->page, 0, sizeof c->page);
}

static bool refuses(const struct schema_line *line)
{
    for (uint32_t i = 0; i < line->n_options; i++) {
        if ((line->options[i].row->flags & ROW_FINAL) == 0)
            continue;
        struct khap_str action = khap__schema_text(line->options[i].row->words);
        if (!khap__str_eq(action, S("allow")) && !khap__str_eq(action, S("accept")) &&
            !khap__str_eq(action, S("redirect")))
            return true;
    }
    return false;
}

bool khap__check_listens(const struct schema_line *line)
{
    struct khap_str words = khap__schema_text(line->row->words);
    return khap__str_eq(words, S("bind")) || khap__str_starts(words, S("stats ")) || refuses(line);
}

void khap__check_listening(struct check *c, const struct schema_line *line)
{
    if (line == NULL || c->page.section != c->at.section) {
        tell_page(c);
        c->page.section = c->at.section;
    }
    if (line == NULL || line->row == NULL)
        return;
    const struct check_end *end = khap__check_end(c, line);
    if (end != NULL && !end->listening)
        return;
    struct khap_str words = khap__schema_text(line->row->words);
    bool listens = c->table == TABLE_FRONTEND || c->table == TABLE_LISTEN;
    if (listens && khap__str_eq(words, S("bind")))
        on_bind(c, line);
    if (khap__str_eq(words, S("stats auth")) || khap__str_eq(words, S("stats http-request")) ||
        refuses(line)) {
        c->page.guarded = true;
        c->guarded_by_defaults = c->guarded_by_defaults || c->table == TABLE_DEFAULTS;
    }
    if (listens && c->page.stats.source == 0 && c->at.read == KHAP_TRUE &&
        (khap__str_eq(words, S("stats enable")) || khap__str_eq(words, S("stats uri")))) {
        struct khap_span span = {line->keyword, 0, line->keyword + 1,
                                 (uint32_t)c->words[line->keyword + 1].text.len};
        c->page.stats = khap__check_place(c, span);
    }
}
