/* Generations of a configuration, and the link that says which counts. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <khap/apply.h>

#include "bundle_help.h"
#include "save_help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct wanted_file files[] = {
    {"haproxy.cfg", "one", 0}, {"maps/hosts.map", "a b\n", 0}, {"crt/a.pem", "key\n", 1}, {NULL, NULL, 0}};

static uint32_t write_one(void)
{
    uint32_t number = 99;
    struct khap_bundle *bundle = make_bundle(NULL, files);
    assert_int_equal(khap_generation_write(NULL, str("d"), bundle, &number), KHAP_OK);
    khap_bundle_free(bundle);
    return number;
}

static bool is_there(unsigned number)
{
    char path[64];
    struct stat s;
    snprintf(path, sizeof path, "d/generations/%u", number);
    return stat(path, &s) == 0;
}

static int begin(void **state)
{
    (void)state;
    work_clear();
    return mkdir("d", 0755);
}

static void counts_what_is_used(void **state)
{
    (void)state;
    uint32_t current = 7;
    int32_t error = 1;
    assert_int_equal(khap_generation_current(str("d"), &current, &error), KHAP_ENOENT);
    assert_int_equal(write_one(), 1);
    assert_int_equal(khap_generation_current(str("d"), &current, &error), KHAP_ENOENT);
    assert_int_equal(khap_generation_use(NULL, str("d"), 1, &error), KHAP_OK);
    assert_int_equal(write_one(), 2);
    assert_int_equal(khap_generation_current(str("d"), &current, &error), KHAP_OK);
    assert_int_equal(current, 1);
    assert_int_equal(khap_generation_use(NULL, str("d"), 2, &error), KHAP_OK);
    assert_content("d/current/maps/hosts.map", "a b\n");
    assert_int_equal(mode_of("d/current/crt/a.pem"), 0600);
    assert_int_equal(khap_generation_remove(str("d"), 2, &error), KHAP_EREFUSED);
    assert_int_equal(khap_generation_remove(str("d"), 1, &error), KHAP_OK);
    assert_false(is_there(1));
    assert_int_equal(khap_generation_use(NULL, str("d"), 1, &error), KHAP_EIO);
    assert_int_equal(error, ENOENT);
}

static ino_t inode_of(const char *path)
{
    struct stat s;
    assert_int_equal(lstat(path, &s), 0);
    return s.st_ino;
}

/* What is the same is the same file; what is not, or stands behind a link, is written. */
static void what_stays_is_the_same_file(void **state)
{
    (void)state;
    static const struct wanted_file other[] = {{"haproxy.cfg", "two", 0},
                                               {"maps/hosts.map", "a b\n", 0},
                                               {"crt/a.pem", "key\n", 1},
                                               {"new/x", "x", 0},
                                               {NULL, NULL, 0}};
    uint32_t number = 0;
    assert_int_equal(write_one(), 1);
    assert_int_equal(khap_generation_use(NULL, str("d"), 1, NULL), KHAP_OK);
    struct khap_bundle *bundle = make_bundle(NULL, other);
    assert_int_equal(khap_generation_write(NULL, str("d"), bundle, &number), KHAP_OK);
    assert_int_equal(number, 2);
    assert_content("d/generations/1/haproxy.cfg", "one\n");
    assert_content("d/generations/2/haproxy.cfg", "two\n");
    assert_content("d/generations/2/new/x", "x");
    assert_true(inode_of("d/generations/1/maps/hosts.map") == inode_of("d/generations/2/maps/hosts.map"));
    assert_true(inode_of("d/generations/1/crt/a.pem") == inode_of("d/generations/2/crt/a.pem"));
    assert_int_equal(mode_of("d/generations/2/crt/a.pem"), 0600);
    /* edited by somebody, and a link of somebody's */
    put("d/generations/1/maps/hosts.map", "edited\n", 0644);
    assert_int_equal(unlink("d/generations/1/crt/a.pem"), 0);
    put("d/key", "key\n", 0644);
    point("../../../key", "d/generations/1/crt/a.pem");
    assert_int_equal(khap_generation_write(NULL, str("d"), bundle, &number), KHAP_OK);
    assert_int_equal(number, 3);
    assert_content("d/generations/3/maps/hosts.map", "a b\n");
    assert_content("d/generations/1/maps/hosts.map", "edited\n");
    assert_content("d/generations/3/crt/a.pem", "key\n");
    assert_false(is_link("d/generations/3/crt/a.pem"));
    khap_bundle_free(bundle);
}

static void a_link_of_others_stays(void **state)
{
    (void)state;
    uint32_t current = 7;
    int32_t error = 0;
    assert_int_equal(write_one(), 1);
    point("/etc", "d/current");
    assert_int_equal(khap_generation_current(str("d"), &current, &error), KHAP_EIO);
    assert_int_equal(error, EEXIST);
    assert_int_equal(khap_generation_use(NULL, str("d"), 1, &error), KHAP_EIO);
    assert_int_equal(khap_generation_prune(str("d"), 0, &error), KHAP_EIO);
    assert_true(is_there(1) && is_link("d/current"));
}

/* For every set of six generations, each of them the current one or none, and each number to keep. */
static void prunes_what_never_counted_and_what_is_old(void **state)
{
    (void)state;
    enum { MOST = 6 };
    char path[64];
    for (unsigned set = 1; set < 1U << MOST; set++) {
        for (unsigned current = 0; current <= MOST; current++) {
            for (unsigned keep = 0; keep < 4; keep++) {
                if (current > 0 && (set & 1U << (current - 1)) == 0)
                    continue;
                work_clear();
                assert_int_equal(mkdir("d", 0755), 0);
                assert_int_equal(mkdir("d/generations", 0755), 0);
                for (unsigned n = 1; n <= MOST; n++) {
                    snprintf(path, sizeof path, "d/generations/%u", n);
                    if ((set & 1U << (n - 1)) != 0)
                        assert_int_equal(mkdir(path, 0755), 0);
                }
                snprintf(path, sizeof path, "generations/%u", current);
                if (current > 0)
                    point(path, "d/current");
                assert_int_equal(khap_generation_prune(str("d"), keep, NULL),
                                 current > 0 ? KHAP_OK : KHAP_ENOENT);
                unsigned left = keep;
                for (unsigned n = MOST; n > 0; n--) {
                    bool was = (set & 1U << (n - 1)) != 0;
                    bool stays = was && (current == 0 || n == current || (n < current && left > 0));
                    if (stays && n < current)
                        left--;
                    assert_int_equal(is_there(n), stays);
                }
            }
        }
    }
}

static void says_what_cannot_be(void **state)
{
    (void)state;
    uint32_t number = 1;
    struct khap_bundle *bundle = make_bundle(NULL, files);
    assert_int_equal(khap_generation_write(NULL, str(""), bundle, &number), KHAP_EINVAL);
    assert_int_equal(khap_generation_write(NULL, str("none"), bundle, &number), KHAP_EIO);
    assert_int_equal(khap_generation_write(NULL, str("d"), NULL, &number), KHAP_EINVAL);
    assert_int_equal(khap_generation_use(NULL, str("d"), 0, NULL), KHAP_EINVAL);
    assert_int_equal(khap_generation_remove(str("d"), 0, NULL), KHAP_EINVAL);
    assert_int_equal(khap_generation_remove(str("d"), 5, NULL), KHAP_OK);
    assert_int_equal(mkdir("d/generations", 0755), 0);
    assert_int_equal(mkdir("d/generations/4294967295", 0755), 0);
    assert_int_equal(khap_generation_write(NULL, str("d"), bundle, &number), KHAP_ELIMIT);
    khap_bundle_free(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_what_is_used, begin),
        cmocka_unit_test_setup(what_stays_is_the_same_file, begin),
        cmocka_unit_test_setup(a_link_of_others_stays, begin),
        cmocka_unit_test_setup(prunes_what_never_counted_and_what_is_old, begin),
        cmocka_unit_test_setup(says_what_cannot_be, begin),
    };
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
