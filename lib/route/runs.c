/* route/runs.c - rules in a row that compare one expression with texts, found by the text. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

enum { SHORTEST_RUN = 8 };

/* The ACL that must hold for the rule: the first term of its only row, an expression compared with texts. */
static const struct acl *key_of(const struct khap_route *route, const struct rule *rule)
{
    const struct condition *condition = rule->condition;
    if (condition == NULL || condition->unless || condition->n == 0)
        return NULL;
    for (uint32_t i = 0; i + 1 < condition->n; i++) {
        if (condition->terms[i].ends)
            return NULL;
    }
    const struct term *t = &condition->terms[0];
    const struct acl *acl = t->anonymous != NULL ? t->anonymous
                            : t->first != 0      ? &route->acls.ptr[t->first - 1]
                                                 : NULL;
    if (acl == NULL || t->negated || t->known || acl->next != 0 || acl->unknown || acl->patterns.unknown ||
        acl->patterns.nocase || acl->patterns.method != MATCH_STR)
        return NULL;
    return acl;
}

static bool same_expression(const struct expression *a, const struct expression *b)
{
    bool same = a->n == b->n;
    for (uint32_t i = 0; i < a->n && same; i++)
        same = khap__str_eq(a->calls[i].text, b->calls[i].text);
    return same;
}

static bool add_rule(struct khap_route *route, struct rule_run *run, uint32_t rule, const struct acl *acl)
{
    for (uint32_t i = 0; i < acl->patterns.all.len; i++) {
        uint32_t index = run->entries.len, before;
        bool found;
        if (!VEC_PUSH(&route->alloc, &run->entries, ((struct run_entry){rule, 0, index})) ||
            khap__map_add(&run->by_text, acl->patterns.all.ptr[i].text, index, &found, &before) != KHAP_OK)
            return false;
        if (found) { /* behind the others with this text */
            struct run_entry *head = &run->entries.ptr[before];
            run->entries.ptr[head->last].next = index + 1;
            head->last = index;
        }
    }
    return true;
}

static bool find_runs(struct khap_route *route, struct proxy *proxy, enum rule_set set)
{
    uint32_t n = proxy->rules[set].len, first = 0;
    while (first < n) {
        const struct acl *key = key_of(route, &proxy->rules[set].ptr[first]), *one;
        uint32_t end = first + 1;
        while (key != NULL && end < n && (one = key_of(route, &proxy->rules[set].ptr[end])) != NULL &&
               same_expression(&key->expression, &one->expression))
            end++;
        if (key != NULL && end - first >= SHORTEST_RUN) {
            struct rule_run run = {.first = first, .end = end, .expression = &key->expression};
            khap__map_init(&run.by_text, &route->alloc);
            bool good = true;
            for (uint32_t i = first; i < end && good; i++)
                good = add_rule(route, &run, i, key_of(route, &proxy->rules[set].ptr[i]));
            if (!VEC_PUSH(&route->alloc, &proxy->runs[set], run)) {
                khap__map_free(&run.by_text);
                VEC_FREE(&route->alloc, &run.entries);
                return false;
            }
            if (!good)
                return false;
        }
        first = end;
    }
    return true;
}

bool khap__routing_find_runs(struct khap_route *route)
{
    bool good = true;
    for (uint32_t i = 0; i < route->proxies.len; i++) {
        for (int set = 0; set < RULE_SETS && good; set++)
            good = find_runs(route, &route->proxies.ptr[i], (enum rule_set)set);
    }
    return good;
}

void khap__routing_free_runs(struct khap_route *route, struct proxy *proxy)
{
    for (int set = 0; set < RULE_SETS; set++) {
        for (uint32_t i = 0; i < proxy->runs[set].len; i++) {
            khap__map_free(&proxy->runs[set].ptr[i].by_text);
            VEC_FREE(&route->alloc, &proxy->runs[set].ptr[i].entries);
        }
        VEC_FREE(&route->alloc, &proxy->runs[set]);
    }
}

uint32_t khap__routing_next_rule(struct asking *a, const struct proxy *proxy, enum rule_set set, uint32_t at)
{
    for (uint32_t i = 0; i < proxy->runs[set].len; i++) {
        const struct rule_run *run = &proxy->runs[set].ptr[i];
        struct fetching f = {.all = true};
        struct sample sample;
        struct khap_str text;
        uint32_t index;
        if (at < run->first || at >= run->end)
            continue;
        khap__routing_evaluate(a, run->expression, &f, &sample);
        if (sample.state == SAMPLE_UNKNOWN || f.more)
            return at;
        if (!khap__routing_to_text(a, &sample, &text) || !khap__map_get(&run->by_text, text, &index))
            return run->end;
        while (run->entries.ptr[index].rule < at) {
            if (run->entries.ptr[index].next == 0)
                return run->end;
            index = run->entries.ptr[index].next - 1;
        }
        return run->entries.ptr[index].rule;
    }
    return at;
}
