/* Services that share requests: which of them a request is drawn for. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

#include <stdlib.h>

/*
 * As rules: what a header or a cookie decides, then a rule for each share but the last, under an ACL of the split. The ACLs alone hold weights,
 * so that a changed weight is one line however many routes there are.
 *
 * In a bundle routes lead to the name of the split in place of a backend, and one rule looks up that name with a number drawn for the request, from
 * 1000000000 to 1999999999. The map holds beginnings of such numbers: khap-split:web/10 is a tenth of all requests. So a weight is an entry or a few.
 */
#define MARK   "khap-split" /* no name of a service begins so */
#define DIGITS 9
#define SPAN   UINT64_C(1000000000)
#define DRAW   "http-request set-var(txn.draw) rand(1000000000),add(1000000000)"

enum decider { HEADER_ALWAYS, HEADER_NEVER, COOKIE_ALWAYS, COOKIE_NEVER, DECIDERS };

struct khap_str khap__split_name(struct gen *g, const struct split *split)
{
    struct khap_str name = S("");
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S(MARK));
    if (split->number > 0) {
        khap__buf_char(&g->text, '-');
        khap__buf_uint(&g->text, split->number);
    }
    khap__buf_char(&g->text, ':');
    khap__buf_add(&g->text, g->r.services.ptr[split->service].name);
    if (g->text.failed || khap__arena_dup(&g->arena, khap__buf_str(&g->text), &name) != KHAP_OK)
        khap__gen_fail(g, KHAP_ENOMEM);
    return name;
}

static bool decides(const struct split *split, uint32_t decider)
{
    return decider < COOKIE_ALWAYS ? split->header.len > 0 : split->cookie.len > 0;
}

static void decider_condition(struct gen *g, const struct split *split, uint32_t decider)
{
    struct khap_document *doc = g->doc;
    bool header = decider < COOKIE_ALWAYS;
    khap__doc_lit(doc, "{");
    khap__doc_part(doc, header ? S("req.fhdr(") : S("req.cook("));
    khap__doc_part(doc, header ? split->header : split->cookie);
    khap__doc_part(doc, S(")"));
    khap__doc_part_end(doc);
    if (decider == HEADER_ALWAYS || decider == COOKIE_ALWAYS)
        khap__doc_lit(doc, "-m str always }");
    else
        khap__doc_lit(doc, "-m str never }");
}

static struct khap_str backend_of(struct gen *g, uint32_t frontend, const struct split *split, uint32_t share)
{
    return khap__backend_of(g, frontend, split->shares[share].service, NULL);
}

/* ---- as rules ---- */

/* "khap-split:SERVICE:ROUTE:SHARE" */
static void acl_name(struct gen *g, const struct split *split, uint32_t share)
{
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S(MARK ":"));
    khap__buf_add(&g->text, g->r.services.ptr[split->service].name);
    khap__buf_char(&g->text, ':');
    khap__buf_uint(&g->text, split->number);
    khap__buf_char(&g->text, ':');
    khap__buf_uint(&g->text, share);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

/* Of what the shares before have left over. */
static void write_acls(struct gen *g, const struct split *split)
{
    struct khap_document *doc = g->doc;
    uint64_t left = split->total;
    for (uint32_t i = 0; i + 1 < split->n; left -= split->shares[i++].weight) {
        khap__doc_begin(doc, 4, split->given->place);
        khap__doc_lit(doc, "acl");
        acl_name(g, split, i);
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("rand("));
        khap__buf_uint(&g->text, left > 0 ? left : 1);
        khap__buf_char(&g->text, ')');
        khap__doc_word(doc, khap__buf_str(&g->text));
        khap__doc_lit(doc, "lt");
        khap__doc_uint(doc, split->shares[i].weight);
        khap__doc_end(doc);
    }
}

uint32_t khap__split_steps(const struct split *split)
{
    return split ? DECIDERS + split->n : 1;
}

bool khap__split_step(struct gen *g, uint32_t frontend, const struct split *split, uint32_t step,
                      struct khap_str *backend)
{
    if (step < DECIDERS && !decides(split, step))
        return false;
    *backend = backend_of(g, frontend, split, step < DECIDERS ? step % 2 : step - DECIDERS);
    return true;
}

bool khap__split_condition(struct gen *g, const struct split *split, uint32_t step)
{
    if (step + 1 == khap__split_steps(split))
        return false; /* what is left */
    if (step < DECIDERS)
        decider_condition(g, split, step);
    else
        acl_name(g, split, step - DECIDERS);
    return true;
}

/* ---- the splits of a table ---- */

static int compare(const void *left, const void *right)
{
    const struct split *a = *(const struct split *const *)left, *b = *(const struct split *const *)right;
    if (a->service != b->service)
        return a->service < b->service ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Each once, in the map's order; NULL for none, or when there is no memory. */
static const struct split **splits_of(struct gen *g, const struct route_table *t, uint32_t *n)
{
    const struct split **all;
    uint32_t found = t->fallback_split != NULL, kept = 0;
    *n = 0;
    for (uint32_t i = 0; i < t->entries.len; i++)
        found += t->entries.ptr[i].split != NULL;
    if (found == 0)
        return NULL;
    all = khap__arena_alloc(&g->scratch, found, sizeof *all);
    if (!all) {
        khap__gen_fail(g, KHAP_ENOMEM);
        return NULL;
    }
    found = 0;
    if (t->fallback_split)
        all[found++] = t->fallback_split;
    for (uint32_t i = 0; i < t->entries.len; i++) {
        if (t->entries.ptr[i].split)
            all[found++] = t->entries.ptr[i].split;
    }
    qsort(all, found, sizeof *all, compare);
    for (uint32_t i = 0; i < found; i++) {
        if (kept == 0 || all[kept - 1] != all[i])
            all[kept++] = all[i];
    }
    *n = kept;
    return all;
}

void khap__split_acls(struct gen *g, const struct route_table *t)
{
    uint32_t n;
    const struct split **all = splits_of(g, t, &n);
    for (uint32_t i = 0; i < n; i++)
        write_acls(g, all[i]);
}

/* ---- as a map ---- */

/* The numbers from `from` to `to`, in as few beginnings as there can be. */
static void add_range(struct buf *map, struct khap_str name, uint64_t from, uint64_t to,
                      struct khap_str backend)
{
    while (from < to) {
        uint64_t power = 1;
        uint32_t digits = DIGITS;
        while (digits > 0 && from % (power * 10) == 0 && from + power * 10 <= to) {
            power *= 10;
            digits--;
        }
        khap__buf_add(map, name);
        khap__buf_add(map, S("/1"));
        for (uint64_t unit = SPAN / 10, i = 0; i < digits; unit /= 10, i++)
            khap__buf_char(map, (char)('0' + from / unit % 10));
        khap__buf_char(map, ' ');
        khap__buf_add(map, backend);
        khap__buf_char(map, '\n');
        from += power;
    }
}

/* The largest share has what no longer beginning says. */
static void add_entries(struct gen *g, uint32_t frontend, const struct split *split, struct buf *map)
{
    struct khap_str name = khap__split_name(g, split);
    uint32_t largest = 0;
    uint64_t before = 0;
    for (uint32_t i = 1; i < split->n; i++) {
        if (split->shares[i].weight >= split->shares[largest].weight)
            largest = i;
    }
    khap__buf_add(map, name);
    khap__buf_add(map, S("/ "));
    khap__buf_add(map, backend_of(g, frontend, split, largest));
    khap__buf_char(map, '\n');
    for (uint32_t i = 0; i < split->n; i++) {
        uint64_t upto = before + split->shares[i].weight;
        if (i != largest)
            add_range(map, name, before * SPAN / split->total, upto * SPAN / split->total,
                      backend_of(g, frontend, split, i));
        before = upto;
    }
}

void khap__split_add_map(struct gen *g, const struct route_table *t, struct buf *map)
{
    uint32_t n;
    const struct split **all = splits_of(g, t, &n);
    for (uint32_t i = 0; i < n; i++)
        add_entries(g, t->frontend, all[i], map);
}

/* What stands behind the name in a mark (gen/route_keys.c) is left out. */
static struct khap_str name_of(const struct route_table *t)
{
    return t->marks ? S("var(txn.backend),field(1,/)") : S("var(txn.backend)");
}

/* One rule: the name is a variable's, or that of one split. */
static void look_up(struct gen *g, const struct route_table *t, const struct split *split)
{
    struct khap_document *doc = g->doc;
    struct khap_str name = split ? khap__split_name(g, split) : S("");
    khap__doc_begin(doc, 4, split ? split->given->place : NOWHERE);
    khap__doc_lit(doc, "use_backend");
    khap__doc_part(doc, split ? S("%[str(") : S("%["));
    khap__doc_part(doc, split ? name : name_of(t));
    khap__doc_part(doc,
                   split ? S("),concat(/,txn.draw),map_beg(maps/") : S(",concat(/,txn.draw),map_beg(maps/"));
    khap__doc_part(doc, g->r.frontends.ptr[t->frontend].name);
    khap__doc_part(doc, S("-splits.map)]"));
    khap__doc_part_end(doc);
    if (!split)
        khap__doc_lit(doc, "if { var(txn.backend) -m beg " MARK " }");
    khap__doc_end(doc);
}

static void write_deciders(struct gen *g, const struct route_table *t, const struct split *split, bool named)
{
    struct khap_document *doc = g->doc;
    struct khap_str backend;
    for (uint32_t step = 0; step < DECIDERS; step++) {
        if (!khap__split_step(g, t->frontend, split, step, &backend))
            continue;
        khap__doc_begin(doc, 4, split->given->place);
        khap__doc_lit(doc, "use_backend");
        khap__doc_word(doc, backend);
        khap__doc_lit(doc, "if");
        if (named) {
            khap__doc_lit(doc, "{");
            khap__doc_word(doc, name_of(t));
            khap__doc_lit(doc, "-m str");
            khap__doc_word(doc, khap__split_name(g, split));
            khap__doc_lit(doc, "}");
        }
        decider_condition(g, split, step);
        khap__doc_end(doc);
    }
}

void khap__split_draw(struct gen *g, const struct route_table *t)
{
    bool any = t->fallback_split != NULL;
    for (uint32_t i = 0; i < t->entries.len && !any; i++)
        any = t->entries.ptr[i].split != NULL;
    if (any)
        khap__gen_line(g, 4, DRAW, NOWHERE);
}

void khap__split_write_maps(struct gen *g, const struct route_table *t)
{
    uint32_t n;
    const struct split **all = splits_of(g, t, &n);
    for (uint32_t i = 0; i < n; i++)
        write_deciders(g, t, all[i], true);
    if (n > 0)
        look_up(g, t, NULL);
}

void khap__split_write_fallback(struct gen *g, const struct route_table *t)
{
    const struct split *split = t->fallback_split;
    struct khap_document *doc = g->doc;
    struct khap_str backend;
    if (split && g->routing == ROUTING_MAPS) {
        write_deciders(g, t, split, false);
        look_up(g, t, split);
    }
    for (uint32_t step = 0; split && g->routing != ROUTING_MAPS && step + 1 < khap__split_steps(split);
         step++) {
        if (!khap__split_step(g, t->frontend, split, step, &backend))
            continue;
        khap__doc_begin(doc, 4, split->given->place);
        khap__doc_lit(doc, "use_backend");
        khap__doc_word(doc, backend);
        khap__doc_lit(doc, "if");
        khap__split_condition(g, split, step);
        khap__doc_end(doc);
    }
}
