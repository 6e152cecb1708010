/* Samples in the schema's own tables: where fetches are legal, what casts to what, criteria, arguments that are missing. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "schema/schema.h"
#include "value/tree.h"

static const struct schema_row *fetch(const char *name, uint16_t release)
{
    const struct schema_row *row = khap__schema_find(TABLE_FETCH, khap__str(name), release, NULL);
    assert_non_null(row);
    return row;
}

static void places(void **state)
{
    (void)state;
    const struct schema_row *src = fetch("src", 304), *header = fetch("res.hdr", 304),
                            *str = fetch("str", 304);
    assert_true(khap__schema_legal(src, PLACE_FE_CON_ACC));
    assert_true(khap__schema_legal(src, PLACE_FE_LOG_END));
    assert_false(khap__schema_legal(src, PLACE_CFG_PARSER));
    assert_true(khap__schema_legal(str, PLACE_CFG_PARSER));
    assert_false(khap__schema_legal(header, PLACE_FE_HRQ_HDR));
    assert_true(khap__schema_legal(header, PLACE_BE_HRS_HDR));
    assert_true(khap__schema_legal(header, PLACE_BE_CHK_RUL));
    assert_false(khap__schema_legal(header, PLACE_FE_LOG_END));
    /* it was for the log alone at first */
    assert_false(khap__schema_legal(fetch("txn.timer.total", 300), PLACE_FE_HRQ_HDR));
    assert_true(khap__schema_legal(fetch("txn.timer.total", 302), PLACE_FE_HRQ_HDR));
    /* a Lua script says where its fetches are legal */
    assert_true(khap__schema_legal(fetch("lua.mine", 304), PLACE_CLI_PARSER));
    assert_string_equal(khap__schema_place_name(PLACE_FE_HRQ_HDR).ptr, "fe-hrq-hdr");
    assert_true(khap__schema_place_text(PLACE_FE_HRQ_HDR).len > 0);
}

static void casts(void **state)
{
    (void)state;
    static const struct {
        enum schema_sample from, to;
        uint16_t release;
        bool casts;
    } cases[] = {
        {SAMPLE_STR, SAMPLE_IPV4, 105, true},  {SAMPLE_IPV6, SAMPLE_SINT, 304, false},
        {SAMPLE_IPV4, SAMPLE_SINT, 304, true}, {SAMPLE_ADDR, SAMPLE_SINT, 304, false},
        {SAMPLE_BIN, SAMPLE_SINT, 304, false}, {SAMPLE_BIN, SAMPLE_STR, 304, true},
        {SAMPLE_BOOL, SAMPLE_BIN, 205, false}, {SAMPLE_BOOL, SAMPLE_BIN, 206, true},
        {SAMPLE_METH, SAMPLE_STR, 304, true},  {SAMPLE_METH, SAMPLE_SINT, 304, false},
        {SAMPLE_ANY, SAMPLE_IPV6, 304, true},  {SAMPLE_BIN, SAMPLE_ANY, 304, true},
        {SAMPLE_NONE, SAMPLE_SINT, 304, true}, {SAMPLE_SINT, SAMPLE_NONE, 304, true},
        {SAMPLE_SINT, SAMPLE_BIN, 105, false}, {SAMPLE_METH, SAMPLE_METH, 304, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(khap__schema_casts(cases[i].from, cases[i].to, cases[i].release), cases[i].casts);
    assert_string_equal(khap__schema_sample_match(SAMPLE_ADDR, 304).ptr, "ip");
    assert_string_equal(khap__schema_sample_match(SAMPLE_BIN, 304).ptr, "");
    assert_string_equal(khap__schema_sample_name(SAMPLE_IPV6).ptr, "ipv6");
}

/* What the tables say of each other. */
static void consistent(void **state)
{
    (void)state;
    const struct schema_row *row;
    for (size_t at = 0; (row = khap__schema_at(TABLE_ACL, &at)) != NULL;) {
        struct khap_str of = khap__schema_text(row->of), match = khap__schema_text(row->match);
        /* those two are the criteria's own, and -m does not know them */
        bool own = khap__str_eq(match, S("meth")) || khap__str_eq(match, S("auth"));
        assert_int_equal(khap__schema_find(TABLE_MATCH, match, row->first, NULL) == NULL, own);
        assert_non_null(khap__schema_find(TABLE_FETCH, of, row->first, NULL));
        assert_non_null(khap__schema_find(TABLE_FETCH, of, KHAP_NEWEST, NULL));
    }
    for (size_t at = 0; (row = khap__schema_at(TABLE_FETCH, &at)) != NULL;) {
        bool lua = khap__str_starts(khap__schema_text(row->words), S("lua."));
        assert_int_equal(row->out == SAMPLE_NONE, lua);
        assert_int_equal(row->places == 0, lua);
    }
    for (size_t at = 0; (row = khap__schema_at(TABLE_CONVERTER, &at)) != NULL;) {
        bool lua = khap__str_starts(khap__schema_text(row->words), S("lua."));
        assert_int_equal(row->out == SAMPLE_NONE || row->in == SAMPLE_NONE, lua);
    }
    for (size_t at = 0; (row = khap__schema_at(TABLE_MATCH, &at)) != NULL;)
        assert_true(row->in != SAMPLE_NONE);
}

/* What is visited, as text: the fetch, its criterion, the type, what is wrong; references. */
static enum khap_status on_item(void *ctx, const struct schema_item *i)
{
    struct buf *b = ctx;
    if (i->kind == SCHEMA_ITEM_ACL)
        return KHAP_OK;
    khap__buf_char(b, ' ');
    khap__buf_add(b, i->row == NULL ? S("?") : khap__schema_text(i->row->words));
    if (i->criterion != NULL) {
        khap__buf_char(b, '/');
        khap__buf_add(b, khap__schema_text(i->criterion->match));
    }
    if (i->type != SAMPLE_NONE) {
        khap__buf_char(b, ':');
        khap__buf_add(b, khap__schema_sample_name(i->type));
    }
    if (i->line != NULL && i->line->problem != SCHEMA_GOOD)
        khap__buf_char(b, '!');
    if (i->kind == SCHEMA_ITEM_CONVERTER && i->row != NULL &&
        !khap__schema_casts(i->from, (enum schema_sample)i->row->in, 304))
        khap__buf_char(b, '#');
    return KHAP_OK;
}

static enum khap_status on_reference(void *ctx, const struct schema_reference *r)
{
    struct buf *b = ctx;
    if (r->defines)
        return KHAP_OK;
    khap__buf_add(b, r->own ? S(" own ") : S(" ref "));
    khap__buf_add(b, khap__schema_kind_name(r->kind));
    if (!r->own) {
        khap__buf_char(b, '=');
        khap__buf_add(b, r->name);
    }
    return KHAP_OK;
}

static enum khap_status on_problem(void *ctx, const struct khap_value_error *error)
{
    (void)error;
    khap__buf_add(ctx, S(" problem"));
    return KHAP_OK;
}

static enum khap_status visit(const struct khap_alloc *alloc, const char *expression, struct buf *out)
{
    struct arena arena;
    struct schema_line line;
    struct schema_word words[] = {{S("acl"), false, false},
                                  {S("a"), false, false},
                                  {khap__str(expression), false, false},
                                  {S("x"), false, false}};
    struct schema_visitor visitor = {out, on_reference, on_item, on_problem};
    khap__buf_clear(out);
    khap__arena_init(&arena, alloc);
    enum khap_status status = khap__schema_read(&arena, TABLE_FRONTEND, 304, words, 4, &line);
    if (status == KHAP_OK)
        status = khap__schema_visit(&arena, 304, words, 4, &line, &visitor);
    khap__arena_free(&arena);
    return status;
}

static void expressions(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"path_beg", " path/beg:str"},
        {"hdr_beg(host)", " req.hdr/beg:str"},
        {"hdr_beg(host,1x)", " req.hdr/beg:str!"},
        {"src,ipmask(24),lower", " src:addr ipmask:addr lower:str"},
        {"src,add(1)", " src:addr add:sint#"},
        {"src,debug,lower", " src:addr debug:addr lower:str"},
        {"khap_none,add(1)", " ? add:sint"},
        {"src,khap_none,add(1)", " src:addr ? add:sint"},
        /* what is missing is the proxy's own */
        {"nbsrv", " nbsrv:sint own backend"},
        {"nbsrv()", " nbsrv:sint own backend"},
        {"nbsrv(b)", " nbsrv:sint ref backend=b"},
        {"sc0_conn_cnt", " sc0_conn_cnt:sint"},
        {"sc0_conn_cnt()", " sc0_conn_cnt:sint own table"},
        {"sc_conn_cnt(0,t)", " sc_conn_cnt:sint ref table=t"},
        {"srv_conn(b/s)", " srv_conn:sint ref backend=b ref server=s"},
        {"srv_conn", " srv_conn:sint!"},
        {"acl(!one,two)", " acl:bool ref acl=one ref acl=two"},
        /* parentheses with nothing in them */
        {"path()", " path/str:str"},
        {"fc_rtt", " fc_rtt:sint"},
        {"fc_rtt()", " fc_rtt:sint!"},
        {"hdr(host,)", " req.hdr/str:str"},
        {"hdr(host,1,)", " req.hdr/str:str!"},
        {"date(,ms)", " date:sint!"},
        {"int", " int:sint!"},
        {"str", " str:str"},
        {"lua.mine(1,2)", " lua.*"},
    };
    struct buf seen;
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    khap__buf_init(&seen, &alloc);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(visit(&alloc, cases[i][0], &seen), KHAP_OK);
        khap__buf_char(&seen, '\0');
        assert_string_equal(seen.ptr, cases[i][1]);
    }
    khap__buf_free(&seen);
}

static void allocations(void **state)
{
    (void)state;
    struct buf seen;
    struct khap_alloc good = khap__alloc_or_default(NULL);
    khap__buf_init(&seen, &good);
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status =
            visit(&f.alloc, "sc_conn_cnt(0,\"t\"),add(txn.a),map_beg_int(/a/b,1)", &seen);
        assert_failing_alloc_clean(&f);
        assert_int_equal(status, f.failed ? KHAP_ENOMEM : KHAP_OK);
        if (!f.failed)
            break;
    }
    khap__buf_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),      cmocka_unit_test(casts),       cmocka_unit_test(consistent),
        cmocka_unit_test(expressions), cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
