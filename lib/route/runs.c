/* route/runs.c - rules in a row that compare one expression with texts in one way, found by the text. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

enum { SHORTEST_RUN = 8 };

/* What a text must hold anywhere for the pattern to match. */
static bool is_anywhere(uint8_t method)
{
    return method == MATCH_SUB || method == MATCH_REG;
}

static struct khap_str text_of(const struct pattern *pattern, uint8_t method)
{
    enum { LONGEST = 63 };
    struct khap_str text = method == MATCH_REG ? pattern->literal : pattern->text;
    return is_anywhere(method) ? khap__str_sub(text, 0, LONGEST) : khap__pattern_key(text, method);
}

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
        acl->patterns.empty_word)
        return NULL;
    for (uint32_t i = 0; i < acl->patterns.all.len && is_anywhere(acl->patterns.method); i++) {
        if (text_of(&acl->patterns.all.ptr[i], acl->patterns.method).len == 0)
            return NULL;
    }
    return is_anywhere(acl->patterns.method) ||
                   khap__patterns_indexed((enum match_method)acl->patterns.method)
               ? acl
               : NULL;
}

static bool same_way(const struct acl *a, const struct acl *b)
{
    return a->patterns.method == b->patterns.method && a->patterns.nocase == b->patterns.nocase;
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
        struct khap_str text = text_of(&acl->patterns.all.ptr[i], acl->patterns.method);
        bool found;
        if (is_anywhere(acl->patterns.method))
            run->lengths |= UINT64_C(1) << text.len;
        if (!VEC_PUSH(&route->alloc, &run->entries, ((struct run_entry){rule, 0, index})) ||
            khap__map_add(&run->by_text, text, index, &found, &before) != KHAP_OK)
            return false;
        if (acl->patterns.longest > run->longest)
            run->longest = acl->patterns.longest;
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
               same_way(key, one) && same_expression(&key->expression, &one->expression))
            end++;
        if (key != NULL && end - first >= SHORTEST_RUN) {
            struct rule_run run = {.first = first,
                                   .end = end,
                                   .expression = &key->expression,
                                   .method = key->patterns.method,
                                   .nocase = key->patterns.nocase};
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

/* The first rule from `at` on with that text; `best` when that one comes before it. */
static uint32_t first_with(const struct rule_run *run, struct khap_str text, uint32_t at, uint32_t best)
{
    uint32_t index;
    if (!khap__map_get(&run->by_text, text, &index))
        return best;
    while (run->entries.ptr[index].rule < at && run->entries.ptr[index].next != 0)
        index = run->entries.ptr[index].next - 1;
    uint32_t rule = run->entries.ptr[index].rule;
    return rule >= at && rule < best ? rule : best;
}

/* The same of a text that may make it hold. */
static uint32_t first_for(const struct rule_run *run, struct khap_str text, uint32_t at, uint32_t best)
{
    struct text_parts parts;
    struct khap_str part;
    if (!is_anywhere(run->method)) {
        khap__text_parts(&parts, text, (enum match_method)run->method, run->longest);
        while (khap__text_part(&parts, &part))
            best = first_with(run, part, at, best);
        return best;
    }
    if (text.len > run->end - run->first) /* it is not worth it */
        return at;
    for (size_t len = 1; len <= text.len && len < 64 && run->lengths >> len != 0; len++) {
        for (size_t from = 0; (run->lengths >> len & 1) != 0 && from + len <= text.len; from++)
            best = first_with(run, khap__str_sub(text, from, len), at, best);
    }
    return best;
}

static uint32_t next_in_run(struct asking *a, const struct rule_run *run, uint32_t at)
{
    struct fetching f = {.all = true};
    struct sample sample;
    struct khap_str text;
    uint32_t best = run->end;
    do {
        f.more = false;
        khap__routing_evaluate(a, run->expression, &f, &sample);
        if (sample.state == SAMPLE_UNKNOWN)
            return at;
        if (khap__routing_to_text(a, &sample, &text))
            best = first_for(run, run->nocase ? khap__routing_lower(a, text) : text, at, best);
        f.at++;
    } while (f.more && sample.state != SAMPLE_ABSENT);
    return best;
}

uint32_t khap__routing_next_rule(struct asking *a, const struct proxy *proxy, enum rule_set set, uint32_t at)
{
    if (a->request->explain != 0) /* of all of them it is told why they do not hold */
        return at;
    for (uint32_t i = 0; i < proxy->runs[set].len; i++) {
        const struct rule_run *run = &proxy->runs[set].ptr[i];
        if (at < run->first || at >= run->end)
            continue;
        at = next_in_run(a, run, at);
        if (at < run->end)
            return at;
    }
    return at;
}
