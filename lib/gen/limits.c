/* Limits of a service: how many requests a client may make in a time, how many at a time. The counters stand in tables of a `peers`
 * section, which hands them over when HAProxy is reloaded. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

/* Counters 0 and 1 are left to lines of one's own. */

static void table_name(struct gen *g, const char *kind, const struct service *s)
{
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S("khap-peers/"));
    khap__buf_add(&g->text, khap__str(kind));
    khap__buf_add(&g->text, s->name);
}

static void table_word(struct gen *g, const char *kind, const struct service *s)
{
    khap__doc_lit(g->doc, "table");
    table_name(g, kind, s);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

/* { sc2_gpc0_rate(TABLE) ge N } */
static void counter_from(struct gen *g, const char *fetch, const char *kind, const struct service *s,
                         uint64_t n)
{
    khap__doc_lit(g->doc, "{");
    khap__doc_part(g->doc, khap__str(fetch));
    khap__doc_part(g->doc, S("("));
    table_name(g, kind, s);
    khap__doc_part(g->doc, khap__buf_str(&g->text));
    khap__doc_part(g->doc, S(")"));
    khap__doc_part_end(g->doc);
    khap__doc_lit(g->doc, "ge");
    khap__doc_uint(g->doc, n);
    khap__doc_lit(g->doc, "}");
}

static void not_excepted(struct gen *g, const struct rate_limit *rate)
{
    if (rate->except.n > 0)
        khap__gen_from(g, S("khap-unlimited"), &rate->except, true);
}

/* What tells clients apart, in a variable: it has one type, whoever comes without the header too. */
static void track(struct gen *g, const struct service *s)
{
    const struct rate_limit *rate = &s->rate;
    struct khap_document *doc = g->doc;
    if (rate->key == LIMIT_SRC) {
        khap__doc_begin(doc, 4, rate->place);
        khap__doc_lit(doc, "http-request track-sc2 src");
        table_word(g, "rate-", s);
    } else {
        khap__gen_line(g, 4, "http-request set-var(txn.limit) src", rate->place);
        khap__doc_begin(doc, 4, rate->place);
        khap__doc_lit(doc, "http-request set-var(txn.limit)");
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, rate->key == LIMIT_HEADER ? S("req.fhdr(") : S("req.cook("));
        khap__buf_add(&g->text, rate->name);
        khap__buf_add(&g->text, S(")"));
        struct khap_str fetch = khap__buf_str(&g->text);
        khap__doc_word(doc, fetch);
        khap__doc_lit(doc, "if {");
        khap__doc_word(doc, fetch);
        khap__doc_lit(doc, "-m found }");
        khap__doc_end(doc);
        khap__doc_begin(doc, 4, rate->place);
        khap__doc_lit(doc, "http-request track-sc2 var(txn.limit),sha1");
        table_word(g, "rate-", s);
    }
    if (rate->except.n > 0)
        khap__doc_lit(doc, "if");
    not_excepted(g, rate);
    khap__doc_end(doc);
}

static void rate_lines(struct gen *g, const struct service *s)
{
    const struct rate_limit *rate = &s->rate;
    struct khap_document *doc = g->doc;
    if (rate->requests == 0)
        return;
    track(g, s);
    khap__doc_begin(doc, 4, rate->place);
    khap__doc_lit(doc, "http-request deny deny_status");
    khap__doc_word(doc, rate->status);
    khap__doc_lit(doc, "if");
    counter_from(g, "sc2_gpc0_rate", "rate-", s, (uint64_t)rate->requests + rate->burst);
    if (rate->burst > 0) {
        khap__doc_lit(doc, "or");
        counter_from(g, "sc2_gpc1_rate", "rate-", s, (uint64_t)rate->requests * 10);
    }
    khap__doc_end(doc);
    khap__gen_line(g, 4, "http-request sc-inc-gpc0(2)", rate->place);
    if (rate->burst > 0)
        khap__gen_line(g, 4, "http-request sc-inc-gpc1(2)", rate->place);
}

static void connection_lines(struct gen *g, const struct service *s)
{
    struct khap_document *doc = g->doc;
    if (s->connection_limit == 0)
        return;
    bool http = s->mode == MODE_HTTP;
    khap__doc_begin(doc, 4, s->place);
    khap__doc_lit_n(doc, http ? "http-request" : "tcp-request content", http ? 12 : 19);
    khap__doc_lit(doc, "track-sc1 src");
    table_word(g, "connections-", s);
    khap__doc_end(doc);
    khap__doc_begin(doc, 4, s->place);
    if (http)
        khap__doc_lit(doc, "http-request deny deny_status 429 if");
    else
        khap__doc_lit(doc, "tcp-request content reject if");
    counter_from(g, "sc1_conn_cur", "connections-", s, (uint64_t)s->connection_limit + 1);
    khap__doc_end(doc);
}

void khap__gen_limits(struct gen *g, const struct service *s)
{
    connection_lines(g, s);
    rate_lines(g, s);
}

static void say_relative(struct gen *g, const struct ranges *ranges, struct khap_place place)
{
    for (uint32_t i = 0; g->options->bundle && i < ranges->n_files; i++) {
        if (ranges->files[i].ptr[0] != '/')
            SAY(g->diags, MSG_RELATIVE_IN_BUNDLE, place, ranges->files[i]);
    }
}

void khap__gen_limit_networks(struct gen *g, const struct service *s)
{
    khap__gen_ranges(g, S("khap-unlimited"), &s->rate.except, s->place);
    say_relative(g, &s->sources, s->place);
    say_relative(g, &s->denied, s->place);
}

/* ---- the tables ---- */

static bool has_limit(const struct gen *g)
{
    return g->r.model->seen[KEY_SERVICE_RATE_LIMIT] || g->r.model->seen[KEY_SERVICE_CONNECTION_LIMIT];
}

static void begin_table(struct gen *g, const char *kind, const struct service *s, struct khap_place place,
                        bool hashed)
{
    khap__doc_begin(g->doc, 4, place);
    khap__doc_lit(g->doc, "table");
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, khap__str(kind));
    khap__buf_add(&g->text, s->name);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
    if (hashed)
        khap__doc_lit(g->doc, "type binary len 20 size 100k expire");
    else
        khap__doc_lit(g->doc, "type ipv6 size 100k expire");
}

/* HAProxy's times end at 2^31 ms. */
static uint64_t most(uint64_t us)
{
    return us < UINT64_C(2147483647000) ? us : UINT64_C(2147483647000);
}

static void rate_of(struct gen *g, struct buf *store, const char *what, uint64_t us)
{
    (void)g;
    khap__buf_add(store, khap__str(what));
    khap__buf_char(store, '(');
    khap__time_print(store, us);
    khap__buf_char(store, ')');
}

static void tables(struct gen *g, const struct service *s)
{
    if (s->rate.requests > 0) {
        uint64_t tenfold = most(s->rate.period * 10);
        begin_table(g, "rate-", s, s->rate.place, s->rate.key != LIMIT_SRC);
        khap__gen_time(g, most(2 * (s->rate.burst > 0 ? tenfold : s->rate.period)));
        khap__doc_lit(g->doc, "store");
        khap__buf_clear(&g->text);
        rate_of(g, &g->text, "gpc0,gpc0_rate", s->rate.period);
        if (s->rate.burst > 0)
            rate_of(g, &g->text, ",gpc1,gpc1_rate", tenfold);
        khap__doc_word(g->doc, khap__buf_str(&g->text));
        khap__doc_end(g->doc);
    }
    if (s->connection_limit > 0) {
        begin_table(g, "connections-", s, s->place, false);
        khap__doc_lit(g->doc, "1h store conn_cur");
        khap__doc_end(g->doc);
    }
}

/* One a machine is an abns name: it is made from the addresses on which this HAProxy listens. */
static void peer_line(struct gen *g)
{
    uint32_t sum = KHAP__FNV32;
    for (uint32_t i = 0; i < g->r.frontends.len; i++) {
        for (uint32_t k = 0; k < g->r.frontends.ptr[i].n_binds; k++)
            sum = khap__fnv1a32(g->r.frontends.ptr[i].binds[k].text, sum);
    }
    khap__doc_begin(g->doc, 4, NOWHERE);
    khap__doc_lit(g->doc, "peer \"$HAPROXY_LOCALPEER\"");
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S("abns@khap-peers-"));
    khap__buf_hex(&g->text, sum, 8);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
    khap__doc_end(g->doc);
}

void khap__gen_limit_tables(struct gen *g)
{
    if (!has_limit(g))
        return;
    bool begun = false;
    for (uint32_t i = 0; i < g->r.services.len && g->failure == KHAP_OK; i++) {
        struct service s;
        if (g->r.services.ptr[i].own_backend)
            continue;
        khap__arena_reset(&g->scratch);
        khap__gen_fail(g, khap__service_resolve(&g->r, i, &g->scratch, &s));
        if (g->failure != KHAP_OK || (s.rate.requests == 0 && s.connection_limit == 0))
            continue;
        if (!begun) {
            khap__doc_blank(g->doc);
            khap__doc_comment(g->doc, 0, NOWHERE,
                              S("What is counted for limits; a new process gets it from the old one"));
            khap__gen_line(g, 0, "peers khap-peers", NOWHERE);
            peer_line(g);
            begun = true;
        }
        tables(g, &s);
    }
}
