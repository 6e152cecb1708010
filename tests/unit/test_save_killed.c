/*
 * Saves that are killed before and after each of their system calls, and saves of which each step fails. The
 * first by ptrace(2); for the second this program has its own fsync() and so on, which the library finds
 * before the C library's.
 *
 * SPDX-License-Identifier: MIT
 */
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
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- failing steps ---- */

enum call {
    CALL_NONE,
    CALL_FSYNC,
    CALL_RENAME,
    CALL_FCHMOD,
    CALL_FCHOWN,
    CALL_WRITE,
    CALL_UNLINK,
    CALL_CHMOD,
    CALL_MKDIR
};

static struct {
    enum call call;
    int at, error; /* the at-th call, counted from 1, fails with error */
    int seen;
    size_t shorten; /* write() takes no more at once */
} fault;

static bool fails(enum call call)
{
    if (fault.call != call || ++fault.seen != fault.at)
        return false;
    errno = fault.error;
    return true;
}

int fsync(int fd)
{
    return fails(CALL_FSYNC) ? -1 : fdatasync(fd);
}

int rename(const char *from, const char *to)
{
    return fails(CALL_RENAME) ? -1 : renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int fchmod(int fd, mode_t mode)
{
    return fails(CALL_FCHMOD) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    return fails(CALL_FCHOWN) ? -1 : (int)syscall(SYS_fchown, fd, owner, group);
}

ssize_t write(int fd, const void *data, size_t len)
{
    if (fails(CALL_WRITE))
        return -1;
    struct iovec v = {(void *)(uintptr_t)data,
                      fault.shorten > 0 && len > fault.shorten ? fault.shorten : len};
    return writev(fd, &v, 1);
}

int unlink(const char *path)
{
    return fails(CALL_UNLINK) ? -1 : unlinkat(AT_FDCWD, path, 0);
}

int chmod(const char *path, mode_t mode)
{
    return fails(CALL_CHMOD) ? -1 : fchmodat(AT_FDCWD, path, mode, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(CALL_MKDIR) ? -1 : mkdirat(AT_FDCWD, path, mode);
}

static void test_each_step_fails(void **state)
{
    (void)state;
    static const struct {
        enum call call;
        int at, error;
        uint32_t step; /* 0: the save goes on */
        const char *then;
    } rows[] = {
        {CALL_WRITE, 1, ENOSPC, KHAP_STEP_WRITE, "old"},
        {CALL_WRITE, 1, EDQUOT, KHAP_STEP_WRITE, "old"},
        {CALL_WRITE, 1, EINTR, 0, "new"},
        {CALL_FCHMOD, 1, EPERM, KHAP_STEP_MODE, "old"},
        {CALL_FSYNC, 1, EIO, KHAP_STEP_SYNC, "old"},
        {CALL_FSYNC, 1, ENOSPC, KHAP_STEP_SYNC, "old"},
        {CALL_FSYNC, 1, EINTR, 0, "new"},
        {CALL_FSYNC, 1, EINVAL, 0, "new"}, /* a file system that cannot */
        {CALL_RENAME, 1, EXDEV, KHAP_STEP_RENAME, "old"},
        {CALL_RENAME, 1, EACCES, KHAP_STEP_RENAME, "old"},
        {CALL_FSYNC, 2, EIO, KHAP_STEP_SYNC_NAME, "new"}, /* too late to turn back */
        {CALL_FSYNC, 2, ENOSYS, 0, "new"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct events e = {0};
        struct khap_save_options o;
        khap_save_options_init(&o);
        o.ctx = &e;
        o.event = events_add;
        put("file", "old", 0640);
        memset(&fault, 0, sizeof fault);
        fault.call = rows[i].call;
        fault.at = rows[i].at;
        fault.error = rows[i].error;
        enum khap_status status = khap_save_text(&o, str("file"), str("new"), NULL);
        fault.call = CALL_NONE;
        if (fault.seen < rows[i].at)
            fail_msg("row %zu: the step was not reached", i);
        if (status != (rows[i].step == 0 ? KHAP_OK : KHAP_EIO) || e.step != rows[i].step ||
            !holds("file", rows[i].then))
            fail_msg("row %zu: status %d, step %u", i, (int)status, e.step);
        assert_int_equal(e.error, rows[i].step == 0 ? 0 : rows[i].error);
        assert_int_equal(mode_of("file"), 0640);
        assert_no_rubbish(".");
    }
}

static void test_owner_fails(void **state)
{
    (void)state;
    put("owned", "old", 0644);
    if (geteuid() != 0 || chown("owned", 1, 1) != 0) {
        print_message("# needs root: another user's file\n");
        skip();
    }
    struct events e = {0};
    struct khap_save_options o;
    khap_save_options_init(&o);
    o.ctx = &e;
    o.event = events_add;
    memset(&fault, 0, sizeof fault);
    fault.call = CALL_FCHOWN;
    fault.at = 1;
    fault.error = EPERM;
    assert_int_equal(khap_save_text(&o, str("owned"), str("new"), NULL), KHAP_EIO);
    fault.call = CALL_NONE;
    assert_int_equal(e.step, KHAP_STEP_OWNER);
    assert_content("owned", "old");
    assert_no_rubbish(".");
}

static void test_short_writes(void **state)
{
    (void)state;
    static char text[50001];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + i % 25);
    memset(&fault, 0, sizeof fault);
    fault.shorten = 777;
    enum khap_status status = khap_save_text(NULL, str("short"), str(text), NULL);
    fault.shorten = 0;
    assert_int_equal(status, KHAP_OK);
    assert_content("short", text);
}

/* ---- killed ---- */

static const struct wanted_file before[] = {
    {"haproxy.cfg", "one", 0}, {"hosts.map", "a b\n", 0}, {"old.map", "x y\n", 0},
    {"key.pem", "key1\n", 1},  {NULL, NULL, 0},
};
static const struct wanted_file after[] = {
    {"haproxy.cfg", "two", 0}, {"hosts.map", "c d\n", 0}, {"new/file", "new\n", 0},
    {"key.pem", "key2\n", 1},  {NULL, NULL, 0},
};

static enum khap_status save_bundle(const struct wanted_file *files)
{
    struct khap_bundle *bundle = make_bundle(NULL, files);
    enum khap_status status = khap_save_bundle(NULL, str("out"), bundle, NULL);
    khap_bundle_free(bundle);
    return status;
}

static void save_after(void)
{
    (void)save_bundle(after);
}

static void save_file(void)
{
    (void)khap_save_text(NULL, str("file"), str("the new text"), NULL);
}

static void save_secret(void)
{
    struct khap_save_options o;
    khap_save_options_init(&o);
    o.flags = KHAP_SAVE_SECRET;
    (void)khap_save_text(&o, str("secret"), str("the new text"), NULL);
}

static void test_file_killed(void **state)
{
    (void)state;
    unsigned n = 1, old = 0, new = 0, rubbish = 0;
    for (;; n++) {
        put("file", "the old text", 0644);
        int result = killed_at(save_file, n);
        NEED_PTRACE(result);
        if (result == 0)
            break;
        bool is_old = holds("file", "the old text"), is_new = holds("file", "the new text");
        assert_true(is_old || is_new);
        old += is_old;
        new += is_new;
        assert_int_equal(mode_of("file"), 0644);
        rubbish += rubbish_in(".");
        assert_true(rubbish_in(".") == 0 || access(".file.khap-tmp", F_OK) == 0);
        save_file();
        assert_content("file", "the new text");
        assert_no_rubbish(".");
    }
    print_message("# %u stops: %u left the old file, %u the new one, %u a temporary file\n", n - 1, old, new,
                  rubbish);
    assert_true(old > 10 && new > 0 && rubbish > 0);
    assert_content("file", "the new text");
}

static void test_secret_killed(void **state)
{
    (void)state;
    mode_t mask = umask(0);
    for (unsigned n = 1;; n++) {
        unlink("secret");
        int result = killed_at(save_secret, n);
        NEED_PTRACE(result);
        struct stat st;
        if (stat("secret", &st) == 0) {
            assert_content("secret", "the new text");
            assert_int_equal(st.st_mode & 07777, 0600);
        }
        if (stat(".secret.khap-tmp", &st) == 0)
            assert_int_equal(st.st_mode & 07777, 0600);
        save_secret();
        assert_no_rubbish(".");
        if (result == 0)
            break;
    }
    umask(mask);
}

static bool is_one_of(const char *path, const char *old, const char *new)
{
    return old == NULL && access(path, F_OK) != 0 ? true
           : new == NULL &&access(path, F_OK) != 0
               ? true
               : (old != NULL && holds(path, old)) || (new != NULL &&holds(path, new));
}

static void test_bundle_killed(void **state)
{
    (void)state;
    unsigned n = 1, halfway = 0;
    for (;; n++) {
        work_clear();
        assert_int_equal(save_bundle(before), KHAP_OK);
        int result = killed_at(save_after, n);
        NEED_PTRACE(result);
        assert_true(is_one_of("out/haproxy.cfg", "one\n", "two\n"));
        assert_true(is_one_of("out/hosts.map", "a b\n", "c d\n"));
        assert_true(is_one_of("out/old.map", "x y\n", NULL));
        assert_true(is_one_of("out/new/file", NULL, "new\n"));
        assert_true(is_one_of("out/key.pem", "key1\n", "key2\n"));
        assert_int_equal(mode_of("out/key.pem"), 0600);
        /* what a configuration names is there before it, and goes after it */
        if (holds("out/haproxy.cfg", "two\n"))
            assert_true(holds("out/hosts.map", "c d\n") && holds("out/new/file", "new\n") &&
                        holds("out/key.pem", "key2\n"));
        else
            assert_true(holds("out/old.map", "x y\n"));
        halfway += holds("out/hosts.map", "c d\n") && holds("out/haproxy.cfg", "one\n");
        /* the next run is not kept out, whichever of the two it writes */
        const struct wanted_file *next = n % 2 == 0 ? after : before;
        assert_int_equal(save_bundle(next), KHAP_OK);
        assert_content("out/haproxy.cfg", n % 2 == 0 ? "two\n" : "one\n");
        assert_int_equal(access("out/old.map", F_OK), n % 2 == 0 ? -1 : 0);
        assert_int_equal(access("out/new/file", F_OK), n % 2 == 0 ? 0 : -1);
        assert_no_rubbish("out");
        if (access("out/new", F_OK) == 0)
            assert_no_rubbish("out/new");
        if (result == 0)
            break;
    }
    print_message("# %u stops, %u of them half way\n", n - 1, halfway);
    assert_true(halfway > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step_fails), cmocka_unit_test(test_owner_fails),
        cmocka_unit_test(test_short_writes),    cmocka_unit_test(test_file_killed),
        cmocka_unit_test(test_secret_killed),   cmocka_unit_test(test_bundle_killed),
    };
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
