/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "failing_alloc.h"

static void test_alloc_refuses_overflow(void **state)
{
    (void)state;
    struct khap_alloc a = khap__alloc_or_default(NULL);
    assert_null(khap__alloc(&a, SIZE_MAX / 2, 3));
    assert_null(khap__alloc(&a, SIZE_MAX, 1));
    char *p = khap__alloc(&a, 0, 8); /* nothing is something: NULL means "no memory" only */
    assert_non_null(p);
    assert_null(khap__realloc(&a, p, 0, SIZE_MAX / 2, 16));
    p = khap__realloc(&a, p, 0, 10, 1);
    assert_non_null(p);
    memset(p, 1, 10);
    khap__free(&a, p, 10, 1);
    khap__free(&a, NULL, 10, 1);
}

static void test_arena_objects_are_aligned_and_apart(void **state)
{
    (void)state;
    struct failing_alloc f;
    struct arena a;
    unsigned char *objects[600];
    char *bytes[600];
    failing_alloc_init(&f, 0);
    khap__arena_init(&a, &f.alloc);
    for (size_t i = 0; i < 600; i++) {
        size_t size = i % 41;
        objects[i] = khap__arena_alloc(&a, 1, size);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 8, 0);
        memset(objects[i], (int)(i & 0xff), size);
        bytes[i] = khap__arena_bytes(&a, i % 7);
        assert_non_null(bytes[i]);
        memset(bytes[i], (int)(~i & 0xff), i % 7);
        if (i % 100 == 99) { /* larger than any chunk */
            char *large = khap__arena_bytes(&a, 3000001);
            assert_non_null(large);
            memset(large, 0, 3000001);
        }
    }
    for (size_t i = 0; i < 600; i++) {
        for (size_t j = 0; j < i % 41; j++)
            assert_int_equal(objects[i][j], i & 0xff);
        for (size_t j = 0; j < i % 7; j++)
            assert_int_equal((unsigned char)bytes[i][j], ~i & 0xff);
    }
    assert_int_equal(a.total, f.bytes);
    khap__arena_free(&a);
    assert_failing_alloc_clean(&f);
    assert_non_null(khap__arena_alloc(&a, 3, 5)); /* may be used again */
    khap__arena_free(&a);
    assert_failing_alloc_clean(&f);
}

static void test_arena_refuses_overflow(void **state)
{
    (void)state;
    struct arena a;
    khap__arena_init(&a, NULL);
    assert_null(khap__arena_alloc(&a, SIZE_MAX / 4, 5));
    assert_null(khap__arena_alloc(&a, SIZE_MAX, 1));
    assert_null(khap__arena_zalloc(&a, SIZE_MAX / 8 + 2, 8));
    assert_null(khap__arena_bytes(&a, SIZE_MAX));
    assert_null(khap__arena_bytes(&a, PTRDIFF_MAX - 1));
    khap__arena_free(&a);
}

static void test_arena_is_frugal(void **state)
{
    (void)state;
    struct arena a;
    khap__arena_init(&a, NULL);
    for (size_t i = 0; i < 1000000; i++)
        assert_non_null(khap__arena_alloc(&a, 1, 40));
    assert_true(a.total < 44000000);
    khap__arena_free(&a);
}

static void test_arena_dup(void **state)
{
    (void)state;
    struct arena a;
    struct khap_str s;
    khap__arena_init(&a, NULL);
    assert_int_equal(khap__arena_dup(&a, (struct khap_str){NULL, 0}, &s), KHAP_OK);
    assert_string_equal(s.ptr, "");
    assert_int_equal(khap__arena_dup(&a, S("a\0b"), &s), KHAP_OK);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.ptr, "a\0b", 4);
    char *zero = khap__arena_zalloc(&a, 3, 7);
    for (int i = 0; i < 21; i++)
        assert_int_equal(zero[i], 0);
    khap__arena_free(&a);
}

static void test_arena_without_memory(void **state)
{
    (void)state;
    struct khap_str s;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct arena a;
        failing_alloc_init(&f, i);
        khap__arena_init(&a, &f.alloc);
        size_t got = 0;
        for (unsigned j = 0; j < 100; j++) {
            got += (khap__arena_alloc(&a, 10, 60) != NULL) ? 1U : 0U;
            got += (khap__arena_zalloc(&a, 1, 20000) != NULL) ? 1U : 0U;
            got += (khap__arena_dup(&a, S("text"), &s) == KHAP_OK) ? 1U : 0U;
        }
        khap__arena_free(&a);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(got, 300);
            break;
        }
        assert_true(got < 300);
    }
}

static void test_vec_grows(void **state)
{
    (void)state;
    struct failing_alloc f;
    VEC(uint16_t) v = {0};
    failing_alloc_init(&f, 0);
    for (uint32_t i = 0; i < 5000; i++)
        assert_true(VEC_PUSH(&f.alloc, &v, (uint16_t)i));
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(v.ptr[i], i);
    f.fail_at = f.calls + 1;
    while (v.len < v.cap)
        assert_true(VEC_PUSH(&f.alloc, &v, 7));
    bool pushed = VEC_PUSH(&f.alloc, &v, 8); /* what was there stays */
    assert_false(pushed);
    assert_int_equal(v.ptr[4999], 4999);
    VEC_FREE(&f.alloc, &v);
    assert_failing_alloc_clean(&f);
    uint32_t cap = UINT32_MAX / 2 + 1;
    void *p = NULL;
    assert_false(khap__vec_grow(&f.alloc, &p, &cap, 1));
}

static void test_buf_numbers(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    khap__buf_uint(&b, 0);
    khap__buf_char(&b, ' ');
    khap__buf_uint(&b, UINT64_MAX);
    khap__buf_char(&b, ' ');
    khap__buf_int(&b, INT64_MIN);
    khap__buf_char(&b, ' ');
    khap__buf_int(&b, -7);
    khap__buf_char(&b, ' ');
    khap__buf_hex(&b, 0xbeef, 6);
    khap__buf_hex(&b, UINT64_MAX, 99);
    khap__buf_add(&b, (struct khap_str){NULL, 0});
    khap__buf_char(&b, '\0');
    assert_string_equal(b.ptr, "0 18446744073709551615 -9223372036854775808 -7 00beefffffffffffffffff");
    khap__buf_free(&b);
}

static int take(void *ctx, const char *data, size_t len)
{
    struct buf *b = ctx;
    if (len > 4)
        return 1;
    khap__buf_add(b, (struct khap_str){data, len});
    return 0;
}

static void test_buf_fails_once_and_for_all(void **state)
{
    (void)state;
    struct failing_alloc f;
    struct buf b, got;
    struct khap_sink sink = {&got, take};
    failing_alloc_init(&f, 2);
    khap__buf_init(&b, &f.alloc);
    khap__buf_init(&got, NULL);
    khap__buf_add(&b, S("four"));
    assert_int_equal(khap__buf_flush(&b, &sink), KHAP_OK);
    assert_int_equal(b.len, 0);
    assert_memory_equal(got.ptr, "four", 4);
    khap__buf_add(&b, S("more than four"));
    assert_int_equal(khap__buf_flush(&b, &sink), KHAP_EIO);
    assert_false(khap__buf_reserve(&b, 100000));
    assert_true(b.failed);
    khap__buf_char(&b, 'x');
    assert_int_equal(b.len, 0);
    assert_int_equal(khap__buf_flush(&b, &sink), KHAP_ENOMEM);
    khap__buf_clear(&b); /* a failure is not forgotten */
    assert_false(khap__buf_reserve(&b, 1));
    assert_int_equal(khap__buf_flush(&b, &sink), KHAP_ENOMEM);
    khap__buf_free(&b);
    khap__buf_char(&b, 'x');
    assert_int_equal(b.len, 1);
    assert_false(khap__buf_reserve(&b, SIZE_MAX - 10));
    assert_true(b.failed);
    khap__buf_free(&b);
    khap__buf_free(&got);
    assert_failing_alloc_clean(&f);
}

static void test_status_texts(void **state)
{
    (void)state;
    for (int i = KHAP_OK; i <= KHAP_ENOENT; i++) {
        assert_string_not_equal(khap_status_text((enum khap_status)i), "unknown status");
        for (int j = KHAP_OK; j < i; j++)
            assert_string_not_equal(khap_status_text((enum khap_status)i),
                                    khap_status_text((enum khap_status)j));
    }
    assert_string_equal(khap_status_text((enum khap_status)99), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_refuses_overflow),
        cmocka_unit_test(test_arena_objects_are_aligned_and_apart),
        cmocka_unit_test(test_arena_refuses_overflow),
        cmocka_unit_test(test_arena_is_frugal),
        cmocka_unit_test(test_arena_dup),
        cmocka_unit_test(test_arena_without_memory),
        cmocka_unit_test(test_vec_grows),
        cmocka_unit_test(test_buf_numbers),
        cmocka_unit_test(test_buf_fails_once_and_for_all),
        cmocka_unit_test(test_status_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
