/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <khap/khap.h>

static void test_header_and_library_agree(void **state)
{
    (void)state;
    assert_string_equal(khap_version(), KHAP_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_and_library_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
