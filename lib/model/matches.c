/* model/matches.c - what a route asks of a request besides host and path: method, headers, query parameters.
 * SPDX-License-Identifier: MIT */
#include "model/resolve.h"

#include <stdlib.h>

/* As many as the Gateway API has, so that the conditions of a rule stay within HAProxy's 64 words. */
enum { TERMS_MAX = 16 };

static int compare_nocase(struct khap_str a, struct khap_str b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int x = khap__lower((unsigned char)a.ptr[i]), y = khap__lower((unsigned char)b.ptr[i]);
        if (x != y)
            return x - y;
    }
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

/* Headers first, in the order of their names, so that equal matches are equal lists. */
static int compare_terms(const void *left, const void *right)
{
    const struct match_term *a = left, *b = right;
    int order = (int)a->query - (int)b->query;
    if (order == 0)
        order = a->query ? khap__str_cmp(a->name, b->name) : compare_nocase(a->name, b->name);
    if (order == 0)
        order = (int)a->kind - (int)b->kind;
    return order != 0 ? order : khap__str_cmp(a->value, b->value);
}

static uint16_t method_bits(const struct setting *methods)
{
    uint16_t bits = 0;
    for (const struct setting *s = methods ? methods->child : NULL; s; s = s->next) {
        const char *word;
        for (size_t i = 0; (word = khap__key_word(KEY_SERVICE_ROUTE_MATCH_METHOD, i)) != NULL; i++) {
            if (khap__str_eq(s->text, khap__str(word)))
                bits |= (uint16_t)(1u << i);
        }
    }
    return bits;
}

static bool read_term(struct resolver *r, const struct setting *entry, bool query, struct match_term *out)
{
    const struct setting *said = entry->child;
    if (!said || said->next) {
        if (!entry->damaged)
            RESOLVE_SAY(r, MSG_ONE_KEY_OF, entry->place, query ? S("a query parameter") : S("a header"),
                        S("`value`, `regex` and `present`"));
        return false;
    }
    *out = (struct match_term){.name = khap__setting_name(entry), .query = query};
    switch ((int)said->key) {
    case KEY_SERVICE_ROUTE_MATCH_HEADER_PRESENT:
    case KEY_SERVICE_ROUTE_MATCH_QUERY_ENTRY_PRESENT:
        out->kind = said->number ? MATCH_PRESENT : MATCH_ABSENT;
        return true;
    case KEY_SERVICE_ROUTE_MATCH_HEADER_REGEX:
    case KEY_SERVICE_ROUTE_MATCH_QUERY_ENTRY_REGEX:
        out->kind = MATCH_REGEX;
        out->value = said->text;
        return khap__check_regex(r, said);
    default:
        out->value = said->text;
        return true;
    }
}

/* The terms of one map behind those that are there. */
static bool read_terms(struct resolver *r, const struct setting *map, bool query, struct match *out)
{
    bool good = true;
    if (!map)
        return true;
    if (map->n_children > TERMS_MAX) {
        char room[20];
        RESOLVE_SAY(r, MSG_TOO_MANY_TERMS, map->place, khap__short_path((enum key)map->key),
                    khap__str_uint(room, map->n_children));
        return false;
    }
    for (const struct setting *entry = map->child; entry; entry = entry->next) {
        if (!read_term(r, entry, query, &out->terms[out->n_terms]))
            good = false;
        else
            out->n_terms++;
    }
    return good && !map->damaged;
}

bool khap__read_match(struct resolver *r, const struct setting *object, const struct match **out)
{
    struct arena *arena = &r->out->arena;
    const struct setting *headers = khap__setting_find(object, KEY_SERVICE_ROUTE_MATCH_HEADERS);
    const struct setting *query = khap__setting_find(object, KEY_SERVICE_ROUTE_MATCH_QUERY);
    struct match *match = khap__arena_zalloc(arena, 1, sizeof *match);
    *out = NULL;
    uint32_t room = (headers ? headers->n_children : 0) + (query ? query->n_children : 0);
    if (!match || !(match->terms = khap__arena_zalloc(arena, room, sizeof *match->terms))) {
        r->no_memory = true;
        return false;
    }
    match->methods = method_bits(khap__setting_find(object, KEY_SERVICE_ROUTE_MATCH_METHOD));
    bool good = read_terms(r, headers, false, match);
    match->n_headers = match->n_terms;
    good = read_terms(r, query, true, match) && good;
    if (!good || object->damaged)
        return false;
    if (match->methods == 0 && match->n_terms == 0)
        return true; /* which asks for nothing */
    if (match->n_terms > 1)
        qsort(match->terms, match->n_terms, sizeof *match->terms, compare_terms);
    *out = match;
    return true;
}

int khap__match_compare(const struct match *a, const struct match *b)
{
    if (!a || !b)
        return a ? -1 : b ? 1 : 0;
    if ((a->methods != 0) != (b->methods != 0))
        return a->methods != 0 ? -1 : 1;
    if (a->n_headers != b->n_headers)
        return a->n_headers > b->n_headers ? -1 : 1;
    return a->n_terms == b->n_terms ? 0 : a->n_terms > b->n_terms ? -1 : 1;
}

/* Names, kinds and values, each with a control byte behind it, which none of them holds. */
void khap__match_identity(const struct match *match, struct buf *out)
{
    khap__buf_hex(out, match->methods, 4);
    for (uint32_t i = 0; i < match->n_terms; i++) {
        const struct match_term *t = &match->terms[i];
        for (size_t k = 0; k < t->name.len; k++) {
            unsigned char c = (unsigned char)t->name.ptr[k];
            khap__buf_char(out, (char)(t->query ? c : khap__lower(c)));
        }
        khap__buf_char(out, 1);
        khap__buf_char(out, (char)((t->query ? 'q' : 'a') + t->kind));
        khap__buf_add(out, t->value);
        khap__buf_char(out, 1);
    }
}
