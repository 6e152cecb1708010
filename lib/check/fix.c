/* check/fix.c - what a line becomes when it is mended. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/nearest.h"
#include "check/check.h"

struct khap_str khap__check_near(struct check *c, const struct nearest *near)
{
    khap__buf_clear(&c->more);
    khap__nearest_add(near, &c->more);
    c->near = near->distance <= NEAR_ENOUGH && near->wanted.len > 2 ? near->best : S("");
    return khap__buf_str(&c->more);
}

/* Whether words can stand in any file as they are, in each release. */
static bool is_plain(struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!khap__is_alnum(c) && memchr("-_.:/, ", c, 7) == NULL)
            return false;
    }
    return text.len > 0;
}

static struct khap_str bytes_at(const struct check *c, struct khap_place place)
{
    return khap__str_sub(khap_sources_text(khap__diags_sources(c->diags), place.source), place.offset,
                         place.len);
}

void khap__check_fix(struct check *c, struct khap_place place, struct khap_str was, struct khap_str becomes)
{
    if (c->diags != NULL && c->inside == NULL && is_plain(becomes) && khap__str_eq(bytes_at(c, place), was))
        khap__diags_edit(c->diags, place, becomes);
}

/* The word that begins at *at, of several with one blank between them. */
static struct khap_str word_at(struct khap_str words, size_t *at)
{
    struct khap_str rest = khap__str_sub(words, *at, words.len);
    rest.len = khap__str_find(rest, ' ');
    *at += rest.len + 1;
    return rest;
}

static size_t count(struct khap_str words)
{
    size_t n = words.len > 0;
    for (size_t i = 0; i < words.len; i++)
        n += words.ptr[i] == ' ';
    return n;
}

void khap__check_fix_keyword(struct check *c, uint32_t word, struct khap_str words, struct khap_str becomes)
{
    size_t n = count(words), from = 0, to = 0;
    if (c->diags == NULL || !is_plain(becomes) || n == 0 || n > c->n - word)
        return;
    for (size_t i = 0; i < n; i++) {
        uint32_t at = word + (uint32_t)i;
        struct khap_span span = {at, 0, at, (uint32_t)c->words[at].text.len};
        if (!khap__str_eq(bytes_at(c, khap__check_place(c, span)), c->words[at].text))
            return;
    }
    /* word by word, so that what is between them stays */
    for (size_t i = 0; i < n && to < becomes.len; i++) {
        uint32_t at = word + (uint32_t)i;
        struct khap_str was = word_at(words, &from),
                        now = i + 1 < n ? word_at(becomes, &to) : khap__str_sub(becomes, to, becomes.len);
        struct khap_span span = {at, 0, at, (uint32_t)c->words[at].text.len};
        if (!khap__str_eq(was, now))
            khap__diags_edit(c->diags, khap__check_place(c, span), now);
    }
}

void khap__check_fix_same(struct check *c, unsigned table, const struct schema_row *row, uint32_t word)
{
    struct khap_str becomes = khap__schema_text(row->instead), words = khap__schema_text(row->words);
    const struct schema_row *first = khap__schema_find(table, becomes, c->view->target.first, NULL);
    const struct schema_row *last = khap__schema_find(table, becomes, c->view->target.last, NULL);
    if ((row->flags & ROW_SAME) == 0 || first == NULL || last == NULL || last->warns <= c->view->target.last)
        return;
    khap__check_fix_keyword(c, word, words, becomes);
}
