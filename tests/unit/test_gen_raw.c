/* Raw lines: groups, blocks, what they replace; the first line of what khapgen writes.
 * SPDX-License-Identifier: MIT */
#include "gen/raw.h"
#include "gen/written.h"
#include "schema/once.h"

#include <khap/gen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct khap_alloc alloc;
    struct raw raw;
};

static void read_text(struct fixture *f, struct khap_str section, struct khap_str text)
{
    struct setting given = {.kind = SETTING_TEXT, .text = text, .place = {1, 10, 5}};
    f->alloc = khap__alloc_or_default(NULL);
    f->raw = (struct raw){0};
    khap__arena_init(&f->arena, NULL);
    assert_int_equal(khap__raw_read(&f->arena, &f->alloc, KHAP_RELEASE(2, 6), section, &given, &f->raw),
                     KHAP_OK);
}

static void done(struct fixture *f)
{
    khap__raw_free(&f->alloc, &f->raw);
    khap__arena_free(&f->arena);
}

static void lines_go_to_their_groups(void **state)
{
    (void)state;
    struct fixture f;
    read_text(&f, S("backend"),
              S("  option abortonclose\r\n# of the rule\nhttp-request deny if { path /x }\n\nuse_backend "
                "y\ntcp-request content accept\nhttp-response del-header A\n# last"));
    static const uint8_t groups[] = {RAW_SETTING,     RAW_HTTP_REQUEST,  RAW_HTTP_REQUEST, RAW_USE_BACKEND,
                                     RAW_TCP_REQUEST, RAW_HTTP_RESPONSE, RAW_SETTING};
    assert_int_equal(f.raw.lines.len, 7);
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(f.raw.lines.ptr[i].group, groups[i]);
    assert_true(khap__str_eq(f.raw.lines.ptr[0].text, S("option abortonclose")));
    assert_int_equal(f.raw.lines.ptr[3].place.offset, 10);
    done(&f);
}

static void a_block_stays_whole(void **state)
{
    (void)state;
    struct fixture f;
    read_text(&f, S("backend"),
              S("retries 2\n.if defined(A)\n.if defined(B)\nhttp-request deny\n.endif\noption "
                "x\n.endif\nretries 3"));
    static const uint8_t groups[] = {RAW_SETTING,      RAW_HTTP_REQUEST, RAW_HTTP_REQUEST, RAW_HTTP_REQUEST,
                                     RAW_HTTP_REQUEST, RAW_HTTP_REQUEST, RAW_HTTP_REQUEST, RAW_SETTING};
    assert_int_equal(f.raw.lines.len, 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(f.raw.lines.ptr[i].group, groups[i]);
    done(&f);
}

static void what_stands_once_is_replaced(void **state)
{
    (void)state;
    struct fixture f;
    read_text(&f, S("defaults"),
              S("timeout client 30s\nno option redispatch\noption httplog clf\nretries 9\ntimeout"));
    assert_true(khap__raw_replaces(&f.raw, S("timeout client 1m")));
    assert_false(khap__raw_replaces(&f.raw, S("timeout client-fin 1m")));
    assert_false(khap__raw_replaces(&f.raw, S("timeout server 1m")));
    assert_true(khap__raw_replaces(&f.raw, S("option redispatch")));
    assert_true(khap__raw_replaces(&f.raw, S("option httplog")));
    assert_true(khap__raw_replaces(&f.raw, S("retries 3")));
    assert_false(khap__raw_replaces(&f.raw, S("retriesx 3")));
    assert_false(khap__raw_replaces(&f.raw, S("mode http")));
    done(&f);
    read_text(&f, S("global"), S("timeout client 30s\nlog 127.0.0.1 local0\nmaxconn 5"));
    assert_false(khap__raw_replaces(&f.raw, S("timeout client 1m"))); /* that is no directive of global */
    assert_false(khap__raw_replaces(&f.raw, S("log stdout local0"))); /* may stand several times */
    assert_true(khap__raw_replaces(&f.raw, S("maxconn")));
    done(&f);
}

static void once_finds_the_longest_words(void **state)
{
    (void)state;
    size_t first;
    struct khap_str words[] = {S("no"), S("option"), S("redispatch")};
    assert_int_equal(khap__once(S("defaults"), words, 3, &first), 2);
    assert_int_equal(first, 1);
    assert_int_equal(khap__once(S("defaults"), words, 2, &first), 0);
    assert_int_equal(khap__once(S("nowhere"), words, 3, &first), 0);
    struct khap_str maxconn[] = {S("maxconn"), S("5")};
    assert_int_equal(khap__once(S("global"), maxconn, 2, &first), 1);
    assert_int_equal(khap__once(S("global"), maxconn, 0, &first), 0);
}

static void the_sum_tells_a_change(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    khap__written_line(&b, khap__fnv1a64(S("global\n"), KHAP__FNV64));
    khap__buf_add(&b, S("global\n"));
    assert_int_equal(khap_written_state(khap__buf_str(&b)), KHAP_WRITTEN_BY_KHAPGEN);
    for (size_t i = 0; i < b.len; i++) { /* any changed byte is seen, or makes it no file of ours */
        b.ptr[i] ^= 1;
        assert_int_not_equal(khap_written_state(khap__buf_str(&b)), KHAP_WRITTEN_BY_KHAPGEN);
        b.ptr[i] ^= 1;
    }
    for (size_t len = 0; len < b.len; len++)
        assert_int_not_equal(khap_written_state((struct khap_str){b.ptr, len}), KHAP_WRITTEN_BY_KHAPGEN);
    khap__buf_free(&b);
    assert_int_equal(khap_written_state((struct khap_str){NULL, 0}), KHAP_WRITTEN_BY_OTHERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_to_their_groups),     cmocka_unit_test(a_block_stays_whole),
        cmocka_unit_test(what_stands_once_is_replaced), cmocka_unit_test(once_finds_the_longest_words),
        cmocka_unit_test(the_sum_tells_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
