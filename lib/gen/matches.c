/* What routes ask of a request besides host and path, as conditions. SPDX-License-Identifier: MIT */
#include "gen/routes.h"
#include "model/rows.h"

/* A rule has at most 64 words: more terms than these are said before it, in ACLs. */
enum { TERMS_IN_RULE = 3 };

static void write_fetch(struct gen *g, const struct match_term *t)
{
    khap__doc_part(g->doc, t->query ? S("url_param(") : S("req.fhdr("));
    khap__doc_part(g->doc, t->name);
    khap__doc_part(g->doc, S(")"));
    khap__doc_part_end(g->doc);
}

static void write_test(struct gen *g, const struct match_term *t)
{
    struct khap_document *doc = g->doc;
    write_fetch(g, t);
    if (t->kind == MATCH_PRESENT || t->kind == MATCH_ABSENT) {
        khap__doc_lit(doc, "-m found");
    } else if (t->kind == MATCH_REGEX) {
        khap__doc_lit(doc, "-m reg");
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("^("));
        khap__buf_add(&g->text, t->value);
        khap__buf_add(&g->text, S(")$"));
        khap__doc_word(doc, khap__buf_str(&g->text));
    } else if (t->value.len == 0) { /* an empty word would end the line */
        khap__doc_lit(doc, "-m len 0");
    } else {
        khap__doc_lit(doc, "-m str");
        khap__gen_pattern_begins(g, t->value);
        khap__doc_word(doc, t->value);
    }
}

/* "khap-match:SERVICE:ROUTE:TERM": no other service's lines change it. */
static void acl_name(struct gen *g, const struct route *route, uint32_t term, bool negated)
{
    const struct service_head *head = &g->r.services.ptr[route->service];
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, negated ? S("!khap-match:") : S("khap-match:"));
    khap__buf_add(&g->text, head->name);
    khap__buf_char(&g->text, ':');
    khap__buf_uint(&g->text, route->order - head->first_route);
    khap__buf_char(&g->text, ':');
    khap__buf_uint(&g->text, term);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

void khap__match_acls(struct gen *g, const struct route *route)
{
    const struct match *m = route->match;
    for (uint32_t i = 0; m && m->n_terms > TERMS_IN_RULE && i < m->n_terms; i++) {
        khap__doc_begin(g->doc, 4, route->place);
        khap__doc_lit(g->doc, "acl");
        acl_name(g, route, i, false);
        write_test(g, &m->terms[i]);
        khap__doc_end(g->doc);
    }
}

void khap__match_conditions(struct gen *g, const struct route *route)
{
    struct khap_document *doc = g->doc;
    const struct match *m = route->match;
    if (!m)
        return;
    if (m->methods != 0) {
        const char *word;
        khap__doc_lit(doc, "{ method");
        for (size_t i = 0; (word = khap__key_word(KEY_SERVICE_ROUTE_MATCH_METHOD, i)) != NULL; i++) {
            if (m->methods >> i & 1u)
                khap__doc_word(doc, khap__str(word));
        }
        khap__doc_lit(doc, "}");
    }
    for (uint32_t i = 0; i < m->n_terms; i++) {
        bool absent = m->terms[i].kind == MATCH_ABSENT;
        if (m->n_terms > TERMS_IN_RULE) {
            acl_name(g, route, i, absent);
            continue;
        }
        khap__doc_word(doc, absent ? S("!{") : S("{"));
        write_test(g, &m->terms[i]);
        khap__doc_lit(doc, "}");
    }
}
