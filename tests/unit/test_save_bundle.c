/* Saving a bundle into a directory. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <khap/apply.h>

#include "bundle_help.h"
#include "failing_alloc.h"
#include "save_help.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct wanted_file first[] = {
    {"haproxy.cfg", "one", 0}, {"maps/hosts.map", "a b\n", 0}, {"maps/old.map", "x y\n", 0},
    {"crt/a.pem", "key\n", 1}, {"same.txt", "same\n", 0},      {NULL, NULL, 0},
};
static const struct wanted_file second[] = {
    {"haproxy.cfg", "two", 0},  {"maps/hosts.map", "c d\n", 0}, {"new/deep/er.txt", "new\n", 0},
    {"crt/a.pem", "key2\n", 1}, {"same.txt", "same\n", 0},      {NULL, NULL, 0},
};

static enum khap_status save(const struct wanted_file *files, uint32_t flags, struct events *e,
                             uint32_t *changed)
{
    struct khap_save_options o;
    khap_save_options_init(&o);
    memset(e, 0, sizeof *e);
    o.flags = flags;
    o.ctx = e;
    o.event = events_add;
    struct khap_bundle *bundle = make_bundle(NULL, files);
    enum khap_status status = khap_save_bundle(&o, str("out"), bundle, changed);
    khap_bundle_free(bundle);
    return status;
}

static int clear(void **state)
{
    (void)state;
    work_clear();
    return 0;
}

static bool holds_all(const struct wanted_file *files)
{
    char path[128], space[256];
    for (; files->name != NULL; files++) {
        snprintf(path, sizeof path, "out/%s", files->name);
        if (!holds(path, wanted_text(files, space)))
            return false;
    }
    return true;
}

static void test_first_and_again(void **state)
{
    (void)state;
    struct events e;
    uint32_t changed;
    assert_int_equal(save(first, 0, &e, &changed), KHAP_OK);
    assert_int_equal(changed, 6);
    assert_true(holds_all(first));
    assert_int_equal(e.n, 6);
    assert_true(events_has(&e, KHAP_SAVE_CREATED, "out/maps/hosts.map"));
    assert_string_equal(e.paths[4], "out/haproxy.cfg"); /* the configuration after what it names */
    assert_string_equal(e.paths[5], "out/khap.sums");
    assert_int_equal(mode_of("out/crt/a.pem"), 0600);
    assert_no_rubbish("out");
    assert_int_equal(save(first, 0, &e, &changed), KHAP_OK);
    assert_int_equal(changed, 0);
    assert_int_equal(save(first, KHAP_SAVE_CHECK, &e, &changed), KHAP_OK);
    assert_int_equal(changed, 0);
    assert_int_equal(e.n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(e.kinds[i], KHAP_SAVE_UNCHANGED);
    chmod("out/crt/a.pem", 0644);
    assert_int_equal(save(first, 0, &e, &changed), KHAP_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(mode_of("out/crt/a.pem"), 0600);
}

static void test_change(void **state)
{
    (void)state;
    struct events e;
    uint32_t changed;
    assert_int_equal(save(first, 0, &e, NULL), KHAP_OK);
    struct stat before, after;
    stat("out/same.txt", &before);
    /* what would be done, and nothing done */
    assert_int_equal(save(second, KHAP_SAVE_CHECK, &e, &changed), KHAP_OK);
    assert_int_equal(changed, 6);
    assert_true(events_has(&e, KHAP_SAVE_REMOVED, "out/maps/old.map"));
    assert_true(events_has(&e, KHAP_SAVE_CREATED, "out/new/deep/er.txt"));
    assert_true(holds_all(first));
    assert_int_equal(access("out/new", F_OK), -1);
    assert_int_equal(save(second, 0, &e, &changed), KHAP_OK);
    assert_int_equal(changed, 6);
    assert_true(holds_all(second));
    assert_int_equal(access("out/maps/old.map", F_OK), -1);
    assert_true(events_has(&e, KHAP_SAVE_REMOVED, "out/maps/old.map"));
    stat("out/same.txt", &after);
    assert_int_equal(before.st_ino, after.st_ino);
    /* a folder that is left empty goes, too */
    assert_int_equal(save(first, 0, &e, &changed), KHAP_OK);
    assert_int_equal(access("out/new", F_OK), -1);
    assert_true(holds_all(first));
}

static void test_what_is_not_ours(void **state)
{
    (void)state;
    struct events e;
    uint32_t changed = 9;
    mkdir("out", 0755);
    put("out/haproxy.cfg", "somebody's\n", 0644);
    put("out/same.txt", "same\n", 0644); /* not ours either, but nothing to do */
    put("out/other.txt", "other\n", 0644);
    mkdir("out/crt", 0755);
    put("out/crt/a.pem", "somebody's\n", 0644);
    assert_int_equal(save(first, 0, &e, &changed), KHAP_EREFUSED);
    assert_int_equal(changed, 0);
    assert_int_equal(e.n, 2); /* all of them are told */
    assert_true(events_has(&e, KHAP_SAVE_OF_OTHERS, "out/haproxy.cfg"));
    assert_true(events_has(&e, KHAP_SAVE_OF_OTHERS, "out/crt/a.pem"));
    assert_content("out/haproxy.cfg", "somebody's\n");
    assert_int_equal(access("out/maps", F_OK), -1);
    assert_int_equal(access("out/khap.sums", F_OK), -1);
    assert_int_equal(save(first, KHAP_SAVE_FORCE, &e, &changed), KHAP_OK);
    assert_true(holds_all(first));
    assert_content("out/other.txt", "other\n");
    /* changed since */
    put("out/maps/hosts.map", "edited\n", 0644);
    put("out/maps/old.map", "edited\n", 0644);
    assert_int_equal(save(second, 0, &e, &changed), KHAP_EREFUSED);
    assert_true(events_has(&e, KHAP_SAVE_EDITED, "out/maps/hosts.map"));
    assert_content("out/haproxy.cfg", "one\n");
    put("out/maps/hosts.map", "a b\n", 0644);
    assert_int_equal(save(second, 0, &e, &changed), KHAP_OK);
    assert_true(events_has(&e, KHAP_SAVE_LEFT, "out/maps/old.map"));
    assert_content("out/maps/old.map", "edited\n");
    assert_true(holds_all(second));
}

static void test_sums_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "hello\n",
        "0123456789abcdef  haproxy.cfg",   /* no line end */
        "0123456789abcdef haproxy.cfg\n",  /* one blank */
        "0123456789ABCDEF  haproxy.cfg\n", /* capitals */
        "0123456789abcdef  ../victim\n",   /* leads outside */
        "0123456789abcdef  /tmp/victim\n",
        "0123456789abcdef  a/./b\n",
        "0123456789abcdef  a//b\n",
        "0123456789abcdef  a/\n",
        "0123456789abcdef  \n",
    };
    struct events e;
    mkdir("out", 0755);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put("out/khap.sums", bad[i], 0644);
        assert_int_equal(save(first, 0, &e, NULL), KHAP_EREFUSED);
        assert_true(events_has(&e, KHAP_SAVE_OF_OTHERS, "out/khap.sums"));
        assert_int_equal(access("out/haproxy.cfg", F_OK), -1);
    }
    put("victim", "x", 0644);
    assert_int_equal(save(first, KHAP_SAVE_FORCE, &e, NULL), KHAP_OK);
    assert_true(holds_all(first));
    assert_content("victim", "x");
}

static void test_full_disk_changes_nothing(void **state)
{
    (void)state;
    struct events e;
    assert_int_equal(save(first, 0, &e, NULL), KHAP_OK);
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 4; /* two of the new files fit */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum khap_status status = save(second, 0, &e, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, KHAP_EIO);
    assert_int_equal(e.n, 1);
    assert_int_equal(e.step, KHAP_STEP_WRITE);
    assert_int_equal(e.error, EFBIG);
    assert_true(holds_all(first));
    assert_no_rubbish("out");
    assert_no_rubbish("out/maps");
    assert_no_rubbish("out/crt");
}

static void test_things_in_the_way(void **state)
{
    (void)state;
    struct events e;
    put("out", "a file", 0644);
    assert_int_equal(save(first, 0, &e, NULL), KHAP_EIO);
    work_clear();
    mkdir("out", 0755);
    mkdir("out/haproxy.cfg", 0755);
    assert_int_equal(save(first, 0, &e, NULL), KHAP_EIO);
    assert_int_equal(e.error, EISDIR);
    assert_true(events_has(&e, KHAP_SAVE_FAILED, "out/haproxy.cfg"));
    rmdir("out/haproxy.cfg");
    put("out/maps", "a file", 0644);
    assert_int_equal(save(first, 0, &e, NULL), KHAP_EIO);
    assert_int_equal(e.error, ENOTDIR);
    unlink("out/maps");
    assert_int_equal(mkfifo("out/same.txt", 0600), 0);
    assert_int_equal(save(first, 0, &e, NULL), KHAP_EIO);
    assert_int_equal(e.error, EINVAL);
    unlink("out/same.txt");
    mkdir("out/khap.sums", 0755);
    assert_int_equal(save(first, 0, &e, NULL), KHAP_EIO);
    assert_int_equal(e.error, EISDIR);
    rmdir("out/khap.sums");
    /* a link is followed, and what is no longer needed is not removed through one */
    put("elsewhere", "a b\n", 0644);
    mkdir("out/maps", 0755);
    point("../../elsewhere", "out/maps/hosts.map");
    assert_int_equal(save(first, 0, &e, NULL), KHAP_OK);
    unlink("out/maps/old.map");
    put("kept", "x y\n", 0644);
    point("../../kept", "out/maps/old.map");
    assert_int_equal(save(second, 0, &e, NULL), KHAP_OK);
    assert_true(is_link("out/maps/hosts.map") && is_link("out/maps/old.map"));
    assert_content("elsewhere", "c d\n");
    assert_true(events_has(&e, KHAP_SAVE_LEFT, "out/maps/old.map"));
    assert_content("kept", "x y\n");
}

static void test_rubbish_of_killed_runs(void **state)
{
    (void)state;
    struct events e;
    assert_int_equal(save(first, 0, &e, NULL), KHAP_OK);
    put("out/.gone.khap-tmp", "half", 0600);
    put("out/.khap.sums.khap-tmp2", "half", 0600);
    put("out/maps/.hosts.map.khap-tmp", "half", 0600);
    put("out/my.khap-tmp", "mine", 0644); /* no dot: not such a name */
    assert_int_equal(save(first, 0, &e, NULL), KHAP_OK);
    assert_int_equal(rubbish_in("out"), 1);
    assert_content("out/my.khap-tmp", "mine");
    assert_no_rubbish("out/maps");
}

static void test_names_that_lead_outside(void **state)
{
    (void)state;
    static const char *const bad[] = {"../x", "/x", "a/../../x", "a//b", "./a", "a/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wanted_file files[] = {{bad[i], "x", 0}, {NULL, NULL, 0}};
        struct khap_bundle *bundle = NULL;
        if (khap_bundle_new(NULL, &bundle) == KHAP_OK &&
            khap_bundle_add_file(bundle, str(files[0].name), str("x"), 0) == KHAP_OK)
            assert_int_equal(khap_save_bundle(NULL, str("out"), bundle, NULL), KHAP_EINVAL);
        khap_bundle_free(bundle);
    }
    assert_int_equal(access("out", F_OK), -1);
    struct khap_bundle *empty;
    assert_int_equal(khap_bundle_new(NULL, &empty), KHAP_OK);
    uint32_t changed = 9;
    assert_int_equal(khap_save_bundle(NULL, str("out"), empty, &changed), KHAP_OK);
    assert_int_equal(changed, 0);
    assert_int_equal(khap_save_bundle(NULL, str(""), empty, NULL), KHAP_EINVAL);
    assert_int_equal(khap_save_bundle(NULL, str("out"), NULL, NULL), KHAP_EINVAL);
    khap_bundle_free(empty);
}

static enum khap_status give_text(void *ctx, struct khap_str path, struct khap_str *text)
{
    (void)ctx, (void)path;
    *text = str("global\n");
    return KHAP_OK;
}

/* The names of a bundle that was read are those it was read by. */
static void test_bundles_that_were_read(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *side;
        enum khap_status status;
    } rows[] = {
        {"a.cfg", "b/c.cfg", "maps/x.map", KHAP_OK}, {"/a.cfg", NULL, NULL, KHAP_EINVAL},
        {"../a.cfg", NULL, NULL, KHAP_EINVAL},       {"a.cfg", "./b.cfg", NULL, KHAP_EINVAL},
        {"b//c.cfg", NULL, NULL, KHAP_EINVAL},       {"a.cfg", NULL, "../x.map", KHAP_EINVAL},
        {"a.cfg", NULL, "/x.map", KHAP_EINVAL},      {"a\nb.cfg", NULL, NULL, KHAP_EINVAL},
        {"a.cfg", "a.cfg", NULL, KHAP_EINVAL},       {"a.cfg", NULL, "a.cfg", KHAP_EINVAL},
    };
    struct khap_file_source files = {.size = sizeof files, .read = give_text};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct khap_bundle *bundle;
        struct khap_sources *sources;
        struct khap_target target;
        struct khap_save_options o;
        struct events e = {.n = 0};
        struct khap_str paths[] = {str(rows[i].first), str(rows[i].second != NULL ? rows[i].second : "")};
        const struct khap_bundle_file *side;
        work_clear();
        khap_target_init(&target);
        khap_save_options_init(&o);
        o.ctx = &e;
        o.event = events_add;
        assert_int_equal(khap_bundle_new(NULL, &bundle), KHAP_OK);
        assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
        assert_int_equal(
            khap_bundle_read(bundle, &target, paths, rows[i].second != NULL ? 2 : 1, &files, sources, NULL),
            KHAP_OK);
        if (rows[i].side != NULL)
            assert_int_equal(khap_bundle_side(bundle, str(rows[i].side), &side), KHAP_OK);
        assert_int_equal(khap_save_bundle(&o, str("out"), bundle, NULL), rows[i].status);
        assert_int_equal(access("out", F_OK), rows[i].status == KHAP_OK ? 0 : -1);
        assert_int_equal(e.n, rows[i].status == KHAP_OK ? 3 : 0);
        khap_bundle_free(bundle);
        khap_sources_free(sources);
    }
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    struct events e;
    assert_int_equal(save(first, 0, &e, NULL), KHAP_OK);
    put("out/haproxy.cfg", "edited\n", 0644); /* so that the whole of it is read */
    struct khap_bundle *bundle = make_bundle(NULL, second);
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct khap_save_options o;
        failing_alloc_init(&f, i);
        khap_save_options_init(&o);
        o.alloc = &f.alloc;
        enum khap_status status = khap_save_bundle(&o, str("out"), bundle, NULL);
        assert_failing_alloc_clean(&f);
        assert_content("out/haproxy.cfg", "edited\n");
        assert_content("out/maps/hosts.map", "a b\n");
        if (!f.failed) {
            assert_int_equal(status, KHAP_EREFUSED);
            assert_true(i > 3);
            break;
        }
        assert_int_equal(status, KHAP_ENOMEM);
    }
    khap_bundle_free(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_first_and_again, clear),
        cmocka_unit_test_teardown(test_change, clear),
        cmocka_unit_test_teardown(test_what_is_not_ours, clear),
        cmocka_unit_test_teardown(test_sums_that_are_none, clear),
        cmocka_unit_test_teardown(test_full_disk_changes_nothing, clear),
        cmocka_unit_test_teardown(test_things_in_the_way, clear),
        cmocka_unit_test_teardown(test_rubbish_of_killed_runs, clear),
        cmocka_unit_test_teardown(test_names_that_lead_outside, clear),
        cmocka_unit_test_teardown(test_bundles_that_were_read, clear),
        cmocka_unit_test_teardown(test_every_allocation_fails, clear),
    };
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
