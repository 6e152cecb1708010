/*
 * Saving in place, killed before and after each of its system calls, and each of its steps made to fail: by ptrace(2), and by calls of this
 * program's own, which the library finds before the C library's.
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

#include "save_help.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- failing steps ---- */

enum call {
    CALL_NONE,
    CALL_WRITE,
    CALL_FCHMOD,
    CALL_FCHOWN,
    CALL_FSYNC,
    CALL_RENAMEAT,
    CALL_FACCESSAT,
    CALL_GETENTROPY,
    CALL_FLISTXATTR,
    CALL_FGETXATTR,
    CALL_FSETXATTR,
    CALL_FREMOVEXATTR,
    CALL_CLOSE
};

static struct {
    enum call call;
    int at, error; /* the at-th call, counted from 1, fails with error */
    int seen;
    void (*on_lock)(void); /* happens at the first flock(), when it is known what the path leads to */
    void (*on_sync)(void); /* and at the first fsync(), when the new content is complete */
    bool no_times;         /* fstat() and fstatat() give none: a clock that stands still */
    unsigned stats;
} fault;

static bool fails(enum call call)
{
    if (fault.call != call || ++fault.seen != fault.at)
        return false;
    errno = fault.error;
    return true;
}

ssize_t write(int fd, const void *data, size_t len)
{
    struct iovec v = {(void *)(uintptr_t)data, len};
    return fails(CALL_WRITE) ? -1 : writev(fd, &v, 1);
}

int fchmod(int fd, mode_t mode)
{
    return fails(CALL_FCHMOD) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    return fails(CALL_FCHOWN) ? -1 : (int)syscall(SYS_fchown, fd, owner, group);
}

static void happen(void (**what)(void))
{
    void (*once)(void) = *what;
    *what = NULL;
    if (once != NULL)
        once();
}

int flock(int fd, int operation)
{
    happen(&fault.on_lock);
    return (int)syscall(SYS_flock, fd, operation);
}

int fsync(int fd)
{
    happen(&fault.on_sync);
    return fails(CALL_FSYNC) ? -1 : fdatasync(fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return fails(CALL_RENAMEAT) ? -1 : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int faccessat(int fd, const char *path, int mode, int flags)
{
    (void)flags;
    return fails(CALL_FACCESSAT) ? -1 : (int)syscall(SYS_faccessat, fd, path, mode);
}

int getentropy(void *buffer, size_t len)
{
    memset(buffer, 0xab, len); /* a name that can be foreseen */
    return fails(CALL_GETENTROPY) ? -1 : 0;
}

ssize_t flistxattr(int fd, char *list, size_t size)
{
    return fails(CALL_FLISTXATTR) ? -1 : (ssize_t)syscall(SYS_flistxattr, fd, list, size);
}

ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)
{
    return fails(CALL_FGETXATTR) ? -1 : (ssize_t)syscall(SYS_fgetxattr, fd, name, value, size);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
    return fails(CALL_FSETXATTR) ? -1 : (int)syscall(SYS_fsetxattr, fd, name, value, size, flags);
}

int fremovexattr(int fd, const char *name)
{
    return fails(CALL_FREMOVEXATTR) ? -1 : (int)syscall(SYS_fremovexattr, fd, name);
}

int close(int fd)
{
    int result = (int)syscall(SYS_close, fd);
    return fails(CALL_CLOSE) ? -1 : result;
}

static int without_times(int result, struct stat *st)
{
    fault.stats++;
    if (result == 0 && fault.no_times) {
        memset(&st->st_mtim, 0, sizeof st->st_mtim);
        memset(&st->st_ctim, 0, sizeof st->st_ctim);
    }
    return result;
}

int fstat(int fd, struct stat *st)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return without_times(stat(path, st), st);
}

int fstatat(int fd, const char *restrict name, struct stat *restrict st, int flags)
{
    char path[400];
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", fd, name);
    return without_times((flags & AT_SYMLINK_NOFOLLOW) != 0 ? lstat(path, st) : stat(path, st), st);
}

static enum khap_status in_place(struct events *e)
{
    struct khap_save_options o;
    khap_save_options_init(&o);
    memset(e, 0, sizeof *e);
    o.ctx = e;
    o.event = events_add;
    return khap_save_in_place_text(&o, str("file"), str("old"), str("new"), NULL);
}

/* A list of access for user 65533, who may read. */
static bool put_list(const char *path, const char *attribute)
{
    static const unsigned char list[] = {2,    0,    0,    0,    1,    0,    6,    0,    0xff, 0xff, 0xff,
                                         0xff, 2,    0,    4,    0,    0xfd, 0xff, 0,    0,    4,    0,
                                         0,    0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,    4,    0,    0xff,
                                         0xff, 0xff, 0xff, 0x20, 0,    0,    0,    0xff, 0xff, 0xff, 0xff};
    return setxattr(path, attribute, list, sizeof list, 0) == 0;
}

/* A file that has all that can be kept, in a directory that gives something else. */
static bool put_rich(void)
{
    put("file", "old", 0640);
    if (geteuid() == 0 && chown("file", 12, 34) != 0)
        return false;
    return setxattr("file", "user.comment", "x", 1, 0) == 0 && put_list("file", "system.posix_acl_access");
}

static void test_each_step_fails(void **state)
{
    (void)state;
    static const struct {
        enum call call;
        int at, error;
        uint32_t step; /* 0: the save goes on */
        bool list;     /* the directory gives one, the file has none */
        const char *then;
    } rows[] = {
        {CALL_WRITE, 1, ENOSPC, KHAP_STEP_WRITE, false, "old"},
        {CALL_WRITE, 1, EDQUOT, KHAP_STEP_WRITE, false, "old"},
        {CALL_WRITE, 1, EINTR, 0, false, "new"},
        {CALL_FACCESSAT, 1, EROFS, KHAP_STEP_WRITE, false, "old"},
        {CALL_GETENTROPY, 1, ENOSYS, KHAP_STEP_CREATE, false, "old"},
        {CALL_FCHMOD, 1, EPERM, KHAP_STEP_MODE, false, "old"},
        {CALL_FCHMOD, 2, EPERM, KHAP_STEP_MODE, true, "old"},
        {CALL_FLISTXATTR, 1, EIO, KHAP_STEP_ATTRIBUTES, false, "old"},
        {CALL_FLISTXATTR, 2, EIO, KHAP_STEP_ATTRIBUTES, false, "old"},
        {CALL_FLISTXATTR, 3, ERANGE, KHAP_STEP_ATTRIBUTES, false, "old"},
        {CALL_FLISTXATTR, 4, ERANGE, KHAP_STEP_ATTRIBUTES, false, "old"},
        {CALL_FGETXATTR, 1, EACCES, KHAP_STEP_ATTRIBUTES, false, "old"},
        {CALL_FSETXATTR, 1, EPERM, KHAP_STEP_ATTRIBUTES, false, "old"},
        {CALL_FSETXATTR, 2, ENOSPC, KHAP_STEP_ATTRIBUTES, false, "old"},
        {CALL_FREMOVEXATTR, 1, EPERM, KHAP_STEP_ATTRIBUTES, true, "old"},
        {CALL_FSYNC, 1, EIO, KHAP_STEP_SYNC, false, "old"},
        {CALL_FSYNC, 1, ENOSPC, KHAP_STEP_SYNC, false, "old"},
        {CALL_FSYNC, 1, EINTR, 0, false, "new"},
        {CALL_FSYNC, 1, EINVAL, 0, false, "new"}, /* a file system that cannot */
        {CALL_RENAMEAT, 1, EBUSY, KHAP_STEP_RENAME, false, "old"},
        {CALL_RENAMEAT, 1, EPERM, KHAP_STEP_RENAME, false, "old"},
        {CALL_FSYNC, 2, EIO, KHAP_STEP_SYNC_NAME, false, "new"}, /* too late to turn back */
        {CALL_FSYNC, 2, ENOSYS, 0, false, "new"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct events e;
        work_clear();
        removexattr(".", "system.posix_acl_default");
        bool good =
            rows[i].list ? (put("file", "old", 0640), put_list(".", "system.posix_acl_default")) : put_rich();
        if (!good) {
            print_message("# needs a file system with attributes under /tmp\n");
            skip();
        }
        mode_t mode = mode_of("file");
        memset(&fault, 0, sizeof fault);
        fault.call = rows[i].call;
        fault.at = rows[i].at;
        fault.error = rows[i].error;
        enum khap_status status = in_place(&e);
        int seen = fault.seen;
        memset(&fault, 0, sizeof fault);
        if (seen < rows[i].at)
            fail_msg("row %zu: the step was not reached", i);
        if (status != (rows[i].step == 0 ? KHAP_OK : KHAP_EIO) || e.step != rows[i].step ||
            !holds("file", rows[i].then))
            fail_msg("row %zu: status %d, step %u", i, (int)status, e.step);
        assert_int_equal(e.error, rows[i].step == 0 ? 0 : rows[i].error);
        assert_int_equal(mode_of("file"), mode);
        assert_no_rubbish(".");
    }
    removexattr(".", "system.posix_acl_default");
}

static void test_owner_fails(void **state)
{
    (void)state;
    work_clear();
    put("file", "old", 0644);
    if (geteuid() != 0 || chown("file", 1, 1) != 0) {
        print_message("# needs root: another user's file\n");
        skip();
    }
    struct events e;
    memset(&fault, 0, sizeof fault);
    fault.call = CALL_FCHOWN;
    fault.at = 1;
    fault.error = EPERM;
    assert_int_equal(in_place(&e), KHAP_EIO);
    memset(&fault, 0, sizeof fault);
    assert_int_equal(e.step, KHAP_STEP_OWNER);
    assert_content("file", "old");
    assert_no_rubbish(".");
}

/* Each close() in turn says that the disk is full: of the temporary file's it is believed. */
static void test_close_fails(void **state)
{
    (void)state;
    unsigned believed = 0;
    for (int at = 1; at < 20; at++) {
        struct events e;
        work_clear();
        put("file", "old", 0644);
        memset(&fault, 0, sizeof fault);
        fault.call = CALL_CLOSE;
        fault.at = at;
        fault.error = EDQUOT;
        enum khap_status status = in_place(&e);
        bool reached = fault.seen >= at;
        memset(&fault, 0, sizeof fault);
        if (!reached)
            break;
        assert_content("file", status == KHAP_OK ? "new" : "old");
        if (status != KHAP_OK)
            assert_true(e.step == KHAP_STEP_WRITE && e.error == EDQUOT);
        believed += status != KHAP_OK;
        assert_no_rubbish(".");
    }
    assert_int_equal(believed, 1);
}

/* Who foresees the name gains nothing by it. */
static void test_name_foreseen(void **state)
{
    (void)state;
    struct events e;
    work_clear();
    put("file", "old", 0644);
    put("victim", "kept", 0644);
    point("victim", ".file.abababababababab.khap-tmp");
    memset(&fault, 0, sizeof fault);
    assert_int_equal(in_place(&e), KHAP_EIO);
    assert_int_equal(e.step, KHAP_STEP_CREATE);
    assert_int_equal(e.error, EEXIST);
    assert_content("victim", "kept");
    assert_content("file", "old");
    assert_true(is_link(".file.abababababababab.khap-tmp"));
}

/* ---- changed at the last moment ---- */

static void write_as_long(void)
{
    put("file", "OLD", 0644);
}

static void narrow(void)
{
    chmod("file", 0600);
}

static void another_name(void)
{
    if (link("file", "name") != 0)
        abort();
}

static void another_file(void)
{
    put("another", "old", 0644);
    rename("another", "file");
}

static void another_owner(void)
{
    if (chown("file", 1, (gid_t)-1) != 0)
        abort();
}

static void another_group(void)
{
    if (chown("file", (uid_t)-1, 1) != 0)
        abort();
}

static void test_changed_at_the_end(void **state)
{
    (void)state;
    static void (*const happenings[])(void) = {write_as_long, write_as_long, narrow,       another_name,
                                               another_file,  another_owner, another_group};
    size_t n = sizeof happenings / sizeof *happenings;
    for (size_t i = 0; i < (geteuid() == 0 ? n : n - 2); i++) {
        struct events e;
        work_clear();
        put("file", "old", 0644);
        memset(&fault, 0, sizeof fault);
        fault.on_sync = happenings[i];
        fault.no_times = i > 0; /* times alone do not tell, nor does the content, nor the inode */
        enum khap_status status = in_place(&e);
        bool happened = fault.on_sync == NULL, looked = fault.stats > 0;
        memset(&fault, 0, sizeof fault);
        assert_true(happened && looked);
        assert_int_equal(status, KHAP_EREFUSED);
        assert_int_equal(e.kinds[0], KHAP_SAVE_CHANGED_MEANWHILE);
        assert_content("file", happenings[i] == write_as_long ? "OLD" : "old");
        assert_no_rubbish(".");
    }
}

static void gone(void)
{
    unlink("file");
}

static void a_link(void)
{
    rename("file", "moved");
    point("moved", "file");
}

static void a_fifo(void)
{
    unlink("file");
    if (mkfifo("file", 0600) != 0) /* nobody writes to it: whoever reads it would wait for ever */
        abort();
}

static void a_directory(void)
{
    unlink("file");
    mkdir("file", 0755);
}

static void test_changed_while_it_waited(void **state)
{
    (void)state;
    static void (*const happenings[])(void) = {write_as_long, gone, a_link, a_fifo, a_directory};
    for (size_t i = 0; i < sizeof happenings / sizeof *happenings; i++) {
        struct events e;
        work_clear();
        put("file", "old", 0644);
        memset(&fault, 0, sizeof fault);
        fault.on_lock = happenings[i];
        alarm(60);
        enum khap_status status = in_place(&e);
        alarm(0);
        assert_null(fault.on_lock);
        assert_int_equal(status, KHAP_EREFUSED);
        assert_int_equal(e.kinds[0], KHAP_SAVE_CHANGED_MEANWHILE);
        assert_no_rubbish(".");
        if (happenings[i] == a_link)
            assert_true(is_link("file") && holds("moved", "old"));
    }
}

/* ---- killed ---- */

static void save_file(void)
{
    (void)khap_save_in_place_text(NULL, str("link"), str("the old text"), str("the new text"), NULL);
}

static bool same_list(const char *a, const char *b)
{
    char list_a[64], list_b[64];
    ssize_t len = getxattr(a, "system.posix_acl_access", list_a, sizeof list_a);
    return len == getxattr(b, "system.posix_acl_access", list_b, sizeof list_b) &&
           (len <= 0 || memcmp(list_a, list_b, (size_t)len) == 0);
}

/* Whether the temporary file can be read by somebody who may not read the other one, which has mode 0640: by its
 * owner alone, or by the very same group and list. */
static bool is_too_open(const char *temporary, const char *file)
{
    struct stat st, old;
    if (stat(temporary, &st) != 0 || stat(file, &old) != 0 || (st.st_mode & 07137) != 0)
        return true;
    return (st.st_mode & 070) != 0 && (st.st_gid != old.st_gid || !same_list(temporary, file));
}

/* `listed`: the file has a list of access. The directory gives one by default in any case. */
static void kill_at_every_call(bool listed)
{
    unsigned n = 1, old = 0, new = 0, rubbish = 0, opened = 0;
    static const char temporary[] = "there/.file.abababababababab.khap-tmp";
    work_clear();
    mkdir("there", 0755);
    point("there/file", "link");
    put("like", "", 0640);
    if ((listed && !put_list("like", "system.posix_acl_access")) ||
        !put_list("there", "system.posix_acl_default")) {
        print_message("# needs a file system with attributes under /tmp\n");
        skip();
    }
    chmod("like", 0640);
    mode_t mask = umask(0);
    for (;; n++) {
        unlink("there/file");
        put("there/file", "the old text", 0640);
        removexattr("there/file", "system.posix_acl_access");
        if (listed)
            put_list("there/file", "system.posix_acl_access");
        chmod("there/file", 0640);
        if (geteuid() == 0)
            assert_int_equal(chown("there/file", 12, 34), 0);
        int result = killed_at(save_file, n);
        NEED_PTRACE(result);
        bool is_old = holds("there/file", "the old text"), is_new = holds("there/file", "the new text");
        assert_true(is_old || is_new);
        struct stat st;
        assert_int_equal(stat("there/file", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_true(same_list("there/file", "like"));
        if (geteuid() == 0)
            assert_true(st.st_uid == 12 && st.st_gid == 34);
        assert_true(is_link("link"));
        if (result == 0)
            break;
        old += is_old;
        new += is_new;
        if (rubbish_in("there") > 0) {
            rubbish++;
            assert_int_equal(rubbish_in("there"), 1);
            assert_false(is_too_open(temporary, "there/file"));
            opened += (mode_of(temporary) & 070) != 0;
        }
        save_file();
        assert_content("there/file", "the new text");
        assert_no_rubbish("there");
    }
    umask(mask);
    print_message("# %u stops: %u left the old file, %u the new one, %u a temporary file\n", n - 1, old, new,
                  rubbish);
    assert_true(old > 10 && new > 0 && rubbish > 10 && opened > 0);
    assert_content("link", "the new text");
}

static void test_killed(void **state)
{
    (void)state;
    kill_at_every_call(false);
}

static void test_killed_with_list(void **state)
{
    (void)state;
    kill_at_every_call(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step_fails),
        cmocka_unit_test(test_owner_fails),
        cmocka_unit_test(test_close_fails),
        cmocka_unit_test(test_name_foreseen),
        cmocka_unit_test(test_changed_at_the_end),
        cmocka_unit_test(test_changed_while_it_waited),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_killed_with_list),
    };
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
