/* route/explain.c - why a rule was not carried out. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

/* `req.hdr(host),lower` is `a.example`: what is compared, and what that is. */
static void add_value(struct asking *a, struct buf *b, const struct acl *acl)
{
    const struct expression *e = &acl->expression;
    struct fetching f = {.all = true};
    struct sample sample;
    struct khap_str text;
    if (e->n == 0)
        return;
    for (uint32_t i = 0; i < e->n; i++) {
        if (i > 0)
            khap__buf_char(b, ',');
        khap__buf_add(b, e->calls[i].text);
    }
    do {
        bool first = f.at == 0;
        f.more = false;
        khap__routing_evaluate(a, e, &f, &sample);
        f.at++;
        khap__buf_add(b, first ? S(" is ") : S(", "));
        if (sample.state == SAMPLE_UNKNOWN) {
            khap__buf_add(b, S("unknown"));
        } else if (!khap__routing_to_text(a, &sample, &text)) {
            khap__buf_add(b, S("not there"));
        } else if (sample.type == SAMPLE_BOOL) {
            khap__buf_add(b, sample.number != 0 ? S("true") : S("false"));
        } else {
            khap__buf_char(b, '`');
            khap__buf_add(b, text);
            khap__buf_char(b, '`');
        }
    } while (f.more && sample.state != SAMPLE_ABSENT);
}

static void add_term(struct asking *a, struct buf *b, const struct term *t)
{
    const struct acl *acl = t->anonymous != NULL ? t->anonymous
                            : t->first != 0      ? &a->route->acls.ptr[t->first - 1]
                                                 : NULL;
    if (khap__buf_str(b).len > 0)
        khap__buf_add(b, S("; "));
    if (t->name.len > 0) {
        khap__buf_char(b, '`');
        khap__buf_add(b, t->negated ? S("!") : S(""));
        khap__buf_add(b, t->name);
        khap__buf_char(b, '`');
    } else if (t->negated) {
        khap__buf_char(b, '!');
    }
    if (t->name.len > 0 && acl != NULL)
        khap__buf_add(b, S(": "));
    if (acl != NULL)
        add_value(a, b, acl);
}

/* Of each row the first term that is false. Of `unless` all terms of a row that is true. */
static void add_condition(struct asking *a, struct buf *b, const struct condition *c)
{
    reasons why = 0;
    bool told = false;
    for (uint32_t first = 0, i = 0; i < c->n && !told; i++) {
        if (!c->terms[i].ends)
            continue;
        bool all = true;
        for (uint32_t k = first; k <= i && all; k++) {
            enum khap_answer answer = khap__routing_term(a, &c->terms[k], c->place, &why);
            if (answer == KHAP_FALSE && !c->unless)
                add_term(a, b, &c->terms[k]);
            all = answer == KHAP_TRUE || (answer == KHAP_UNKNOWN && !c->unless);
        }
        for (uint32_t k = first; k <= i && all && c->unless; k++)
            add_term(a, b, &c->terms[k]);
        told = all && c->unless;
        first = i + 1;
    }
}

void khap__routing_explain(struct asking *a, const struct rule *rule)
{
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    if (rule->condition != NULL)
        add_condition(a, &b, rule->condition);
    khap__routing_step(a, rule->line, rule->place, KHAP_FALSE);
    if (!a->no_memory && rule->line != NULL)
        a->state->steps.ptr[a->state->steps.len - 1].why = khap__routing_keep(a, khap__buf_str(&b));
    a->no_memory = a->no_memory || b.failed;
    khap__buf_free(&b);
}
