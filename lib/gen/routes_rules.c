/* Routes as rules of one file: no side files, in any release. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

#include <stdlib.h>

/* HAProxy reads at most 64 words a line, and 1.5 at most 2047 bytes. */
uint32_t khap__hosts_a_rule(const struct gen *g)
{
    return g->routing == ROUTING_HDR_REG ? 4 : 32;
}

bool khap__same_place(const struct route_entry *a, const struct route_entry *b, enum route_layer layer)
{
    const struct route *x = a->route, *y = b->route;
    if (a->rank != b->rank || x->service != y->service || !khap__str_eq(a->backend, b->backend))
        return false;
    return layer == LAYER_SNI ||
           (x->path_type == y->path_type && khap__str_eq(x->path, y->path) && x->match == y->match);
}

/* ---- 1.5: no variables; a host is a regular expression over the header ---- */

static void add_host_regex(struct gen *g, const struct route *route)
{
    khap__buf_char(&g->text, '^');
    if (route->host.kind == HOST_WILDCARD)
        khap__buf_add(&g->text, route->label ? S("[^.]+\\.") : S(".+\\."));
    khap__regex_quote(&g->text, route->host.name);
    khap__buf_add(&g->text, S("\\.?(:[0-9]*)?$"));
}

static void host_regex(struct gen *g, const struct route *route)
{
    khap__buf_clear(&g->text);
    add_host_regex(g, route);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

/* Whether every host of `narrow` is one of `wide`, and not the other way round. */
static bool lies_under(const struct route *narrow, const struct route *wide)
{
    if (wide->host.kind != HOST_WILDCARD)
        return false;
    if (khap__str_eq(narrow->host.name, wide->host.name))
        return narrow->host.kind == HOST_WILDCARD && narrow->label && !wide->label;
    if (!khap__host_covers(&wide->host, narrow->host.name))
        return false;
    if (!wide->label)
        return true;
    return narrow->host.kind != HOST_WILDCARD &&
           khap__host_labels(narrow->host.name) == khap__host_labels(wide->host.name) + 1;
}

/* The name of the ACL of what is more specific than a wildcard. */
static void below_word(struct gen *g, const struct route *wide, bool negated)
{
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, negated ? S("!") : S(""));
    khap__buf_add(&g->text, wide->label ? S("below-label:") : S("below:"));
    khap__buf_add(&g->text, wide->host.name);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

static bool has_below(const struct route_table *t, const struct route *wide)
{
    for (uint32_t i = 0; i < t->entries.len; i++) {
        if (t->entries.ptr[i].rank != RANK_ANY && lies_under(t->entries.ptr[i].route, wide))
            return true;
    }
    return false;
}

static void write_below(struct gen *g, const struct route_table *t)
{
    for (uint32_t i = 0; i < t->entries.len; i++) {
        const struct route *wide = t->entries.ptr[i].route;
        if (t->entries.ptr[i].rank != RANK_WILDCARD)
            continue;
        bool first = true;
        for (uint32_t j = 0; j < i && first; j++)
            first = t->entries.ptr[j].rank != RANK_WILDCARD ||
                    t->entries.ptr[j].route->label != wide->label ||
                    !khap__str_eq(t->entries.ptr[j].route->host.name, wide->host.name);
        for (uint32_t j = 0; first && j < t->entries.len; j++) {
            const struct route *narrow = t->entries.ptr[j].route;
            if (t->entries.ptr[j].rank == RANK_ANY || !lies_under(narrow, wide))
                continue;
            khap__doc_begin(g->doc, 4, narrow->place);
            khap__doc_lit(g->doc, "acl");
            below_word(g, wide, false);
            khap__doc_lit(g->doc, "hdr_reg(host) -i");
            host_regex(g, narrow);
            khap__doc_end(g->doc);
        }
    }
}

/* ---- conditions ---- */

static struct khap_str variable_of(enum route_rank rank)
{
    return rank == RANK_EXACT ? S("var(txn.host)") : S("var(txn.site)");
}

void khap__write_hosts(struct gen *g, const struct route_table *t, uint32_t from, uint32_t to,
                       enum route_layer layer)
{
    struct khap_document *doc = g->doc;
    const struct route_entry *e = &t->entries.ptr[from];
    if (e->rank == RANK_ANY)
        return;
    khap__doc_lit(doc, "{");
    if (g->routing == ROUTING_HDR_REG) {
        khap__doc_word(doc, layer == LAYER_SNI ? S("req_ssl_sni") : S("hdr(host)"));
        khap__doc_lit(doc, "-m reg -i");
    } else {
        khap__doc_word(doc, variable_of((enum route_rank)e->rank));
        khap__doc_lit(doc, "-m str");
    }
    if (g->routing != ROUTING_HDR_REG && e->rank == RANK_EXACT)
        khap__gen_pattern_begins(g, e->route->host.name);
    for (uint32_t i = from; i < to; i++) {
        if (g->routing == ROUTING_HDR_REG)
            host_regex(g, t->entries.ptr[i].route);
        else
            khap__doc_word(doc, khap__route_site(g, t->entries.ptr[i].route));
    }
    khap__doc_lit(doc, "}");
    for (uint32_t i = from; g->routing == ROUTING_HDR_REG && e->rank == RANK_WILDCARD && i < to; i++) {
        if (has_below(t, t->entries.ptr[i].route))
            below_word(g, t->entries.ptr[i].route, true);
    }
}

void khap__path_condition(struct gen *g, const struct route *r)
{
    struct khap_document *doc = g->doc;
    switch (r->path_type) {
    case PATH_EXACT:
        khap__doc_lit(doc, "{ path -m str");
        khap__doc_word(doc, r->path);
        break;
    case PATH_PREFIX:
        khap__buf_clear(&g->text);
        if (gen_from(g, R(1, 9))) {
            khap__doc_lit(doc, "{ var(txn.path) -m beg");
            khap__buf_add(&g->text, r->path);
            khap__buf_char(&g->text, '/');
        } else {
            khap__doc_lit(doc, "{ path -m reg");
            khap__buf_char(&g->text, '^');
            khap__regex_quote(&g->text, r->path);
            khap__buf_add(&g->text, S("(/|$)"));
        }
        khap__doc_word(doc, khap__buf_str(&g->text));
        break;
    case PATH_REGEX:
        khap__doc_lit(doc, "{ path -m reg");
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("^("));
        khap__buf_add(&g->text, r->path);
        khap__buf_add(&g->text, S(")$"));
        khap__doc_word(doc, khap__buf_str(&g->text));
        break;
    default:
        return;
    }
    khap__doc_lit(doc, "}");
}

static void wildcard_condition(struct gen *g, const struct route *r)
{
    struct khap_document *doc = g->doc;
    khap__buf_clear(&g->text);
    if (!r->label) {
        khap__doc_lit(doc, "{ var(txn.host) -m end");
        khap__buf_char(&g->text, '.');
        khap__buf_add(&g->text, r->host.name);
    } else if (gen_from(g, R(1, 9))) {
        khap__doc_lit(doc, "{ var(txn.host),field(2,.,0) -m str");
        khap__gen_pattern_begins(g, r->host.name);
        khap__buf_add(&g->text, r->host.name);
    } else {
        khap__doc_lit(doc, "{ var(txn.host) -m reg");
        khap__buf_add(&g->text, S("^[^.]+\\."));
        khap__regex_quote(&g->text, r->host.name);
        khap__buf_char(&g->text, '$');
    }
    khap__doc_word(doc, khap__buf_str(&g->text));
    khap__doc_lit(doc, "}");
}

void khap__route_condition(struct gen *g, const struct route *route)
{
    if (route->has_host && route->host.kind == HOST_WILDCARD) {
        wildcard_condition(g, route);
    } else if (route->has_host) {
        khap__doc_lit(g->doc, "{ var(txn.host) -m str");
        khap__gen_pattern_begins(g, route->host.name);
        khap__doc_word(g->doc, route->host.name);
        khap__doc_lit(g->doc, "}");
    }
    khap__path_condition(g, route);
    khap__match_conditions(g, route);
}

/* ---- the site of a request ---- */

struct wildcard {
    const struct route *route;
    unsigned labels;
};

static int compare_wildcards(const void *left, const void *right)
{
    const struct wildcard *a = left, *b = right;
    if (a->labels != b->labels)
        return a->labels > b->labels ? -1 : 1;
    int order = khap__str_cmp(a->route->host.name, b->route->host.name);
    if (order != 0)
        return order;
    if (a->route->label != b->route->label)
        return a->route->label ? -1 : 1;
    return a->route->order < b->route->order ? -1 : a->route->order > b->route->order;
}

static int compare_hosts(const void *left, const void *right)
{
    const struct route *a = *(const struct route *const *)left, *b = *(const struct route *const *)right;
    if (a->service != b->service)
        return a->service < b->service ? -1 : 1;
    return khap__str_cmp(a->host.name, b->host.name);
}

/*
 * Exact hosts that leave something over: what they leave goes to no wildcard. Each service says its own, even when another says the same host,
 * so that no service changes another one's lines.
 */
static void write_known_hosts(struct gen *g, const struct route_table *t, const char *directive)
{
    struct khap_document *doc = g->doc;
    VEC(const struct route *) list = {0};
    for (uint32_t i = 0; i < t->entries.len; i++) {
        const struct route_entry *e = &t->entries.ptr[i];
        if (e->rank == RANK_EXACT && !e->whole && !VEC_PUSH(&g->alloc, &list, e->route)) {
            khap__gen_fail(g, KHAP_ENOMEM);
            break;
        }
    }
    if (list.len > 1)
        qsort(list.ptr, list.len, sizeof list.ptr[0], compare_hosts);
    uint32_t open = 0; /* hosts in the rule that is being written */
    for (uint32_t i = 0; i < list.len; i++) {
        const struct route *r = list.ptr[i];
        if (i > 0 && compare_hosts(&list.ptr[i - 1], &list.ptr[i]) == 0)
            continue;
        if (open > 0 && (list.ptr[i - 1]->service != r->service || open == khap__hosts_a_rule(g))) {
            khap__doc_lit(doc, "}");
            khap__doc_end(doc);
            open = 0;
        }
        if (open++ == 0) {
            khap__doc_begin(doc, 4, r->place);
            khap__doc_lit_n(doc, directive, strlen(directive));
            khap__doc_lit(doc, "set-var(txn.site) var(txn.host) if { var(txn.host) -m str");
            khap__gen_pattern_begins(g, r->host.name);
        }
        khap__doc_word(doc, r->host.name);
    }
    if (open > 0) {
        khap__doc_lit(doc, "}");
        khap__doc_end(doc);
    }
    VEC_FREE(&g->alloc, &list);
}

static void write_wildcards(struct gen *g, const struct route_table *t, const char *directive)
{
    struct khap_document *doc = g->doc;
    VEC(struct wildcard) list = {0};
    for (uint32_t i = 0; i < t->entries.len; i++) {
        struct wildcard w = {t->entries.ptr[i].route, 0};
        if (t->entries.ptr[i].rank != RANK_WILDCARD)
            continue;
        w.labels = khap__host_labels(w.route->host.name);
        if (!VEC_PUSH(&g->alloc, &list, w)) {
            khap__gen_fail(g, KHAP_ENOMEM);
            break;
        }
    }
    if (list.len > 1)
        qsort(list.ptr, list.len, sizeof list.ptr[0], compare_wildcards);
    for (uint32_t i = 0; i < list.len; i++) {
        const struct route *r = list.ptr[i].route;
        if (i > 0 && list.ptr[i - 1].route->label == r->label &&
            khap__str_eq(list.ptr[i - 1].route->host.name, r->host.name))
            continue;
        khap__doc_begin(doc, 4, r->place);
        khap__doc_lit_n(doc, directive, strlen(directive));
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("set-var(txn.site)"));
        khap__doc_word(doc, khap__buf_str(&g->text));
        khap__doc_part(doc, S("str("));
        khap__doc_part(doc, khap__route_site(g, r));
        khap__doc_part(doc, S(")"));
        khap__doc_part_end(doc);
        khap__doc_lit(doc, "if");
        wildcard_condition(g, r);
        khap__doc_lit(doc, "!{ var(txn.site) -m found }");
        khap__doc_end(doc);
    }
    VEC_FREE(&g->alloc, &list);
}

void khap__routes_write_lookup(struct gen *g, const struct route_table *t, enum route_layer layer,
                               struct khap_str frontend)
{
    const char *directive = layer == LAYER_HTTP ? "http-request" : "tcp-request content";
    if (g->routing == ROUTING_MAPS) {
        khap__routes_write_maps(g, t, layer, frontend);
        return;
    }
    if (g->routing == ROUTING_HDR_REG)
        return;
    if (layer == LAYER_HTTP && gen_from(g, R(1, 9))) {
        khap__doc_begin(g->doc, 4, NOWHERE);
        khap__doc_lit(g->doc,
                      "http-request set-var(txn.path) path,concat(/)"); /* so that a prefix is compared
                                                                           element by element */
        khap__doc_end(g->doc);
    }
    write_known_hosts(g, t, directive);
    write_wildcards(g, t, directive);
    if (t->marks)
        khap__routes_write_marks(g, t);
}

static void write_fallback(struct gen *g, const struct route_table *t)
{
    if (t->fallback.len == 0)
        return;
    khap__split_write_fallback(g, t);
    khap__doc_begin(g->doc, 4, NOWHERE);
    khap__doc_lit(g->doc, "default_backend");
    khap__doc_word(g->doc, t->fallback);
    khap__doc_end(g->doc);
}

/* The rules of entries that differ in their hosts alone: one, or one for each step of their split. */
static void write_rules(struct gen *g, const struct route_table *t, uint32_t from, uint32_t to,
                        enum route_layer layer)
{
    struct khap_document *doc = g->doc;
    const struct route_entry *e = &t->entries.ptr[from];
    struct khap_str backend = e->backend;
    for (uint32_t step = 0; step < khap__split_steps(e->split); step++) {
        if (e->split && !khap__split_step(g, t->frontend, e->split, step, &backend))
            continue;
        khap__doc_begin(doc, 4, e->route->place);
        khap__doc_lit(doc, "use_backend");
        khap__doc_word(doc, backend);
        khap__doc_lit(doc, "if");
        khap__write_hosts(g, t, from, to, layer);
        if (layer == LAYER_HTTP) {
            khap__path_condition(g, e->route);
            khap__match_conditions(g, e->route);
        }
        if (e->split)
            khap__split_condition(g, e->split, step);
        khap__doc_end(doc);
    }
}

void khap__routes_write_choice(struct gen *g, const struct route_table *t, enum route_layer layer,
                               const struct raw *extra)
{
    struct khap_document *doc = g->doc;
    if (g->routing == ROUTING_MAPS) {
        if (layer == LAYER_HTTP)
            khap__split_write_maps(g, t);
        khap__gen_line(g, 4,
                       t->marks
                           ? "use_backend %[var(txn.backend),field(1,/)] if { var(txn.backend) -m found }"
                           : "use_backend %[var(txn.backend)] if { var(txn.backend) -m found }",
                       NOWHERE);
        if (layer == LAYER_HTTP)
            khap__gen_line(g, 4, "use_backend %[var(txn.site)] " SITE_IS_BACKEND, NOWHERE);
    }
    if (g->routing == ROUTING_HDR_REG)
        write_below(g, t);
    for (uint32_t i = 0; layer == LAYER_HTTP && g->routing != ROUTING_MAPS && !t->marks && i < t->entries.len;
         i++)
        khap__match_acls(g, t->entries.ptr[i].route);
    if (g->routing != ROUTING_MAPS)
        khap__split_acls(g, t);
    for (uint32_t from = 0, to; g->routing != ROUTING_MAPS && from < t->entries.len; from = to) {
        const struct route_entry *e = &t->entries.ptr[from];
        for (to = from + 1; to < t->entries.len && to - from < khap__hosts_a_rule(g) &&
                            khap__same_place(e, &t->entries.ptr[to], layer);
             to++) {
            /* what a wildcard of 1.5 leaves out differs from wildcard to wildcard */
            if (g->routing == ROUTING_HDR_REG && e->rank == RANK_WILDCARD)
                break;
        }
        write_rules(g, t, from, to, layer);
    }
    if (extra)
        khap__raw_write(extra, RAW_USE_BACKEND, doc, 4);
    if (!extra || !khap__raw_replaces(extra, S("default_backend")))
        write_fallback(g, t);
}
