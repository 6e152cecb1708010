/*
 * Atomic save: a test for each row of the table at khap_save() in <khap/apply.h>, each step made to fail, and
 * the process killed before each of its system calls.
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
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct khap_save_options told(struct events *e, uint32_t flags)
{
    struct khap_save_options o;
    khap_save_options_init(&o);
    memset(e, 0, sizeof *e);
    o.flags = flags;
    o.ctx = e;
    o.event = events_add;
    return o;
}

static enum khap_status save_as(const char *path, const char *text, uint32_t flags, struct events *e,
                                uint32_t *changed)
{
    struct khap_save_options o = told(e, flags);
    return khap_save_text(&o, str(path), str(text), changed);
}

#define assert_saved(path, text, flags, what)                                                                \
    do {                                                                                                     \
        struct events e_;                                                                                    \
        uint32_t changed_ = 9;                                                                               \
        assert_int_equal(save_as(path, text, flags, &e_, &changed_), KHAP_OK);                               \
        assert_int_equal(e_.n, 1);                                                                           \
        assert_int_equal(e_.kinds[0], what);                                                                 \
        assert_int_equal(changed_, (what) != KHAP_SAVE_UNCHANGED);                                           \
    } while (0)

#define assert_refused(path, text, flags, at, why)                                                           \
    do {                                                                                                     \
        struct events e_;                                                                                    \
        uint32_t changed_ = 9;                                                                               \
        assert_int_equal(save_as(path, text, flags, &e_, &changed_), KHAP_EIO);                              \
        assert_int_equal(e_.n, 1);                                                                           \
        assert_int_equal(e_.kinds[0], KHAP_SAVE_FAILED);                                                     \
        assert_int_equal(e_.step, at);                                                                       \
        assert_int_equal(e_.error, why);                                                                     \
        assert_int_equal(changed_, 0);                                                                       \
    } while (0)

/* ---- the rows of the table ---- */

static void test_nothing_there(void **state)
{
    (void)state;
    mode_t old = umask(027);
    assert_saved("new", "hello\n", 0, KHAP_SAVE_CREATED);
    assert_content("new", "hello\n");
    assert_int_equal(mode_of("new"), 0640);
    umask(0);
    assert_saved("open", "hello\n", 0, KHAP_SAVE_CREATED);
    assert_int_equal(mode_of("open"), 0666);
    assert_saved("secret", "hello\n", KHAP_SAVE_SECRET, KHAP_SAVE_CREATED);
    assert_int_equal(mode_of("secret"), 0600);
    struct khap_save_options o;
    khap_save_options_init(&o);
    o.mode = 0444;
    assert_int_equal(khap_save_text(&o, str("narrow"), str(""), NULL), KHAP_OK);
    assert_int_equal(mode_of("narrow"), 0444);
    assert_content("narrow", "");
    umask(old);
    assert_no_rubbish(".");
}

static void test_same_content(void **state)
{
    (void)state;
    struct stat before, after;
    put("same", "a\nb\n", 0644);
    stat("same", &before);
    assert_saved("same", "a\nb\n", 0, KHAP_SAVE_UNCHANGED);
    stat("same", &after);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
    assert_saved("same", "a\nb", 0, KHAP_SAVE_REPLACED);
    assert_saved("same", "a\nb\nc", 0, KHAP_SAVE_REPLACED);
    assert_saved("same", "", 0, KHAP_SAVE_REPLACED);
    assert_saved("same", "", 0, KHAP_SAVE_UNCHANGED);
    /* a secret that others can read is none, though its text is right; one that a group can read by
     * somebody's will stays so */
    assert_saved("same", "", KHAP_SAVE_SECRET, KHAP_SAVE_MODE);
    assert_int_equal(mode_of("same"), 0600);
    chmod("same", 0640);
    assert_saved("same", "", KHAP_SAVE_SECRET, KHAP_SAVE_UNCHANGED);
    assert_saved("same", "s", KHAP_SAVE_SECRET, KHAP_SAVE_REPLACED);
    assert_int_equal(mode_of("same"), 0640);
    chmod("same", 0644);
    assert_saved("same", "t", KHAP_SAVE_SECRET, KHAP_SAVE_REPLACED);
    assert_int_equal(mode_of("same"), 0600);
}

static void test_another_file(void **state)
{
    (void)state;
    put("old", "old", 0751);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(chown("old", 12, 34), 0);
    assert_saved("old", "new", 0, KHAP_SAVE_REPLACED);
    assert_content("old", "new");
    assert_int_equal(mode_of("old"), 0751);
    struct stat st;
    stat("old", &st);
    if (root) {
        assert_int_equal(st.st_uid, 12);
        assert_int_equal(st.st_gid, 34);
        chmod("old", 06755);
        assert_saved("old", "set", 0, KHAP_SAVE_REPLACED);
        assert_int_equal(mode_of("old"), 06755);
    }
    assert_no_rubbish(".");
}

static void test_several_names(void **state)
{
    (void)state;
    put("one", "old", 0600);
    assert_int_equal(link("one", "two"), 0);
    assert_saved("one", "new", 0, KHAP_SAVE_REPLACED);
    assert_content("one", "new");
    assert_content("two", "old");
}

static void test_links(void **state)
{
    (void)state;
    mkdir("there", 0755);
    put("there/file", "old", 0640);
    point("there/file", "link");
    point("link", "chain");
    assert_saved("chain", "new", 0, KHAP_SAVE_REPLACED);
    assert_true(is_link("chain") && is_link("link") && !is_link("there/file"));
    assert_content("there/file", "new");
    assert_int_equal(mode_of("there/file"), 0640);
    char absolute[4096];
    assert_non_null(getcwd(absolute, sizeof absolute - 32));
    strcat(absolute, "/there/file");
    point(absolute, "absolute");
    assert_saved("absolute", "newer", 0, KHAP_SAVE_REPLACED);
    assert_content("there/file", "newer");
    point("../link", "there/up");
    assert_saved("there/up", "newest", 0, KHAP_SAVE_REPLACED);
    assert_content("there/file", "newest");
    /* to nothing */
    point("there/none", "dangling");
    assert_saved("dangling", "made", 0, KHAP_SAVE_CREATED);
    assert_true(is_link("dangling"));
    assert_content("there/none", "made");
    point("nowhere/none", "lost");
    assert_refused("lost", "x", 0, KHAP_STEP_CREATE, ENOENT);
    /* in a circle */
    point("round", "about");
    point("about", "round");
    assert_refused("round", "x", 0, KHAP_STEP_PATH, ELOOP);
    assert_no_rubbish(".");
    assert_no_rubbish("there");
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    mkdir("folder", 0755);
    assert_refused("folder", "x", 0, KHAP_STEP_PATH, EISDIR);
    assert_refused("folder/", "x", 0, KHAP_STEP_PATH, EISDIR);
    assert_refused("none/", "x", 0, KHAP_STEP_PATH, EISDIR);
    assert_refused("none/file", "x", 0, KHAP_STEP_CREATE, ENOENT);
    put("file", "x", 0644);
    assert_refused("file/file", "x", 0, KHAP_STEP_PATH, ENOTDIR);
    assert_refused("", "x", 0, KHAP_STEP_PATH, ENOENT);
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0);
    close(s);
    assert_refused("socket", "x", 0, KHAP_STEP_PATH, EINVAL);
    char name[400];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    assert_saved(name, "long", 0, KHAP_SAVE_CREATED);
    assert_content(name, "long");
    name[255] = 'n';
    name[256] = '\0';
    assert_refused(name, "x", 0, KHAP_STEP_PATH, ENAMETOOLONG);
    static char path[5000];
    memset(path, '/', sizeof path - 1);
    assert_refused(path, "x", 0, KHAP_STEP_PATH, ENAMETOOLONG);
    uint32_t changed = 9;
    assert_int_equal(khap_save_text(NULL, (struct khap_str){"a\0b", 3}, str("x"), &changed), KHAP_EIO);
    assert_int_equal(changed, 0);
    assert_no_rubbish(".");
}

static void test_streams(void **state)
{
    (void)state;
    assert_saved("/dev/null", "x", 0, KHAP_SAVE_REPLACED);
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    mkfifo("fifo", 0600);
    int in = open("fifo", O_RDWR);
    assert_saved("fifo", "through", 0, KHAP_SAVE_REPLACED);
    char text[16] = "";
    assert_int_equal(read(in, text, sizeof text), 7);
    assert_string_equal(text, "through");
    close(in);
    assert_int_equal(stat("fifo", &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    if (access("/dev/full", W_OK) == 0)
        assert_refused("/dev/full", "x", 0, KHAP_STEP_WRITE, ENOSPC);
    /* /dev/stdout of a pipe leads to what has no name */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    if (access("/proc/self/fd", X_OK) == 0) {
        assert_saved(path, "piped", 0, KHAP_SAVE_REPLACED);
        assert_int_equal(read(ends[0], text, sizeof text), 5);
    }
    close(ends[0]);
    close(ends[1]);
}

static void save_in_closed(void)
{
    struct events e;
    must(save_as("closed/file", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_CREATE &&
             e.error == EACCES,
         1);
    must(strcmp(e.text, "making the temporary file: permission denied") == 0, 2);
    must(save_as("closed/other", "new", 0, &e, NULL) == KHAP_EIO && e.error == EACCES, 3);
    must(save_as("closed/file", "old", 0, &e, NULL) == KHAP_OK && e.kinds[0] == KHAP_SAVE_UNCHANGED, 4);
}

static void test_read_only_directory(void **state)
{
    (void)state;
    mkdir("closed", 0755);
    put("closed/file", "old", 0644);
    chmod("closed", 0555);
    assert_int_equal(as_nobody(save_in_closed), 0);
    assert_content("closed/file", "old");
    assert_no_rubbish("closed");
    chmod("closed", 0755);
}

static void save_of_another_owner(void)
{
    struct events e;
    umask(0);
    must(save_as("free/roots", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_OWNER &&
             e.error == EPERM,
         1);
    /* a directory that may be written to and not read */
    must(save_as("blind/file", "new", 0, &e, NULL) == KHAP_OK, 2);
    must(save_as("free/unreadable", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_READ &&
             e.error == EACCES,
         3);
}

static void test_owner_that_cannot_be_kept(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("# needs root: another user's file\n");
        skip();
    }
    mkdir("free", 0777);
    mkdir("blind", 0777);
    chmod("free", 0777);
    chmod("blind", 0333);
    put("free/roots", "old", 0644);
    put("free/unreadable", "old", 0600);
    assert_int_equal(as_nobody(save_of_another_owner), 0);
    assert_content("free/roots", "old");
    assert_content("blind/file", "new");
    assert_no_rubbish("free");
    assert_no_rubbish("blind");
}

/* A limit on the size of files is a full disk for those who are not root, too. */
static void test_full_disk_by_limit(void **state)
{
    (void)state;
    static char large[200000];
    memset(large, 'x', sizeof large - 1);
    put("full", "old", 0644);
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    assert_refused("full", large, 0, KHAP_STEP_WRITE, EFBIG);
    assert_refused("none", large, 0, KHAP_STEP_WRITE, EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_content("full", "old");
    assert_int_equal(access("none", F_OK), -1);
    assert_no_rubbish(".");
    assert_saved("full", large, 0, KHAP_SAVE_REPLACED);
    assert_content("full", large);
}

static void test_full_disk(void **state)
{
    (void)state;
    static char large[300000];
    memset(large, 'x', sizeof large - 1);
    mkdir("disk", 0755);
    char command[256];
    snprintf(command, sizeof command, "mount -t tmpfs -o size=128k khap-test disk 2>/dev/null");
    if (geteuid() != 0 || system(command) != 0) {
        print_message("# needs root and mount: a small tmpfs (the limit on the size of files was tried)\n");
        skip();
    }
    put("disk/file", "old", 0644);
    struct events e;
    enum khap_status status = save_as("disk/file", large, 0, &e, NULL);
    bool kept = holds("disk/file", "old");
    unsigned rubbish = rubbish_in("disk");
    /* read-only: nothing can be written at all */
    int remounted = system("mount -o remount,ro disk 2>/dev/null");
    struct events f;
    enum khap_status closed = save_as("disk/file", "new", 0, &f, NULL);
    kept = kept && holds("disk/file", "old");
    assert_int_equal(system("umount disk"), 0);
    assert_int_equal(status, KHAP_EIO);
    assert_int_equal(e.step, KHAP_STEP_WRITE);
    assert_int_equal(e.error, ENOSPC);
    assert_string_equal(e.text, "writing the content: no space left on device");
    assert_true(kept);
    assert_int_equal(rubbish, 0);
    if (remounted == 0) {
        assert_int_equal(closed, KHAP_EIO);
        assert_int_equal(f.step, KHAP_STEP_CREATE);
        assert_int_equal(f.error, EROFS);
    }
}

/* ---- other properties ---- */

static void test_check_changes_nothing(void **state)
{
    (void)state;
    put("checked", "old", 0644);
    assert_saved("checked", "new", KHAP_SAVE_CHECK, KHAP_SAVE_REPLACED);
    assert_saved("checked", "old", KHAP_SAVE_CHECK, KHAP_SAVE_UNCHANGED);
    assert_saved("checked", "old", KHAP_SAVE_CHECK | KHAP_SAVE_SECRET, KHAP_SAVE_MODE);
    assert_saved("unchecked", "new", KHAP_SAVE_CHECK, KHAP_SAVE_CREATED);
    assert_content("checked", "old");
    assert_int_equal(mode_of("checked"), 0644);
    assert_int_equal(access("unchecked", F_OK), -1);
}

struct pieces {
    size_t total, piece, calls;
    size_t fail_at; /* in bytes; SIZE_MAX for never */
    mode_t seen;    /* mode of the temporary file in the middle */
};

static enum khap_status print_pieces(void *ctx, const struct khap_sink *sink)
{
    struct pieces *p = ctx;
    static char data[70000];
    p->calls++;
    struct stat st;
    for (size_t at = 0; at < p->total;) {
        size_t n = p->total - at < p->piece ? p->total - at : p->piece;
        for (size_t i = 0; i < n; i++)
            data[i] = (char)('a' + (at + i) % 23);
        if (at >= p->fail_at)
            return KHAP_ELIMIT;
        if (sink->write(sink->ctx, data, n) != 0)
            return KHAP_EIO;
        at += n;
        if (stat(".large.khap-tmp", &st) == 0)
            p->seen = st.st_mode & 07777;
    }
    return KHAP_OK;
}

static void test_pieces_of_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 4096, 16383, 16384, 16385, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pieces p = {.total = 150000, .piece = sizes[i], .fail_at = SIZE_MAX};
        uint32_t changed = 9;
        assert_int_equal(khap_save(NULL, str("large"), &p, print_pieces, &changed), KHAP_OK);
        assert_int_equal(changed, i == 0); /* the same bytes, however they come */
        assert_int_equal(p.calls, 1);
    }
    struct pieces p = {.total = 150001, .piece = 1000, .fail_at = SIZE_MAX};
    chmod("large", 0644);
    assert_int_equal(khap_save(NULL, str("large"), &p, print_pieces, NULL), KHAP_OK);
    assert_int_equal(p.calls, 2);
    assert_int_equal(p.seen, 0600); /* nobody else looks into it while it grows */
    /* what the printer says is passed on */
    struct events e;
    struct khap_save_options o = told(&e, 0);
    p = (struct pieces){.total = 150002, .piece = 1000, .fail_at = 50000};
    assert_int_equal(khap_save(&o, str("large"), &p, print_pieces, NULL), KHAP_ELIMIT);
    assert_int_equal(e.kinds[0], KHAP_SAVE_FAILED);
    assert_int_equal(e.step, KHAP_STEP_PRINT);
    assert_int_equal(e.error, 0);
    assert_string_equal(e.text, "printing the content");
    p = (struct pieces){.total = 100, .piece = 10, .fail_at = 50};
    assert_int_equal(khap_save(&o, str("none"), &p, print_pieces, NULL), KHAP_ELIMIT);
    assert_int_equal(access("none", F_OK), -1);
    assert_no_rubbish(".");
}

static void test_secret_from_the_beginning(void **state)
{
    (void)state;
    mode_t old = umask(0);
    struct events e;
    struct khap_save_options o = told(&e, KHAP_SAVE_SECRET);
    struct pieces p = {.total = 40000, .piece = 1000, .fail_at = SIZE_MAX};
    unlink("large");
    assert_int_equal(khap_save(&o, str("large"), &p, print_pieces, NULL), KHAP_OK);
    assert_int_equal(p.seen, 0600);
    assert_int_equal(mode_of("large"), 0600);
    umask(old);
}

static void test_rubbish_is_cleaned(void **state)
{
    (void)state;
    put(".left.khap-tmp", "half", 0600);
    assert_saved("left", "whole", 0, KHAP_SAVE_CREATED);
    assert_no_rubbish(".");
    put(".left.khap-tmp", "half", 0600);
    assert_saved("left", "whole", 0, KHAP_SAVE_UNCHANGED);
    assert_no_rubbish(".");
    point("left", ".left.khap-tmp"); /* not written through */
    assert_saved("left", "new", 0, KHAP_SAVE_REPLACED);
    assert_false(is_link("left"));
    assert_no_rubbish(".");
}

static void test_two_runs_wait_for_each_other(void **state)
{
    (void)state;
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    struct events e;
    struct khap_save_options o = told(&e, 0);
    o.wait_ms = 50;
    assert_int_equal(khap_save_text(&o, str("locked"), str("x"), NULL), KHAP_EIO);
    assert_int_equal(e.step, KHAP_STEP_LOCK);
    assert_int_equal(access("locked", F_OK), -1);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd);
        o.wait_ms = 20000;
        _exit(khap_save_text(&o, str("locked"), str("x"), NULL) == KHAP_OK ? 0 : 1);
    }
    usleep(100000);
    assert_int_equal(access("locked", F_OK), -1);
    close(fd);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_content("locked", "x");
}

static void test_arguments(void **state)
{
    (void)state;
    struct khap_save_options o;
    khap_save_options_init(&o);
    o.size = 4;
    assert_int_equal(khap_save_text(&o, str("x"), str("x"), NULL), KHAP_EINVAL);
    assert_int_equal(khap_save(NULL, str("x"), NULL, NULL, NULL), KHAP_EINVAL);
    assert_int_equal(khap_save_file(NULL, str("x"), NULL, NULL), KHAP_EINVAL);
    for (uint32_t step = 0; step < 20; step++)
        assert_int_equal(khap_apply_step_text(step)[0] != '\0', step >= 1 && step <= KHAP_STEP_ATTRIBUTES);
    assert_string_equal(khap_apply_error_text(ENOSPC), "no space left on device");
    assert_string_equal(khap_apply_error_text(123456), "error of the operating system");
    assert_string_equal(khap_apply_error_text(0), "no error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_same_content),
        cmocka_unit_test(test_another_file),
        cmocka_unit_test(test_several_names),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_read_only_directory),
        cmocka_unit_test(test_owner_that_cannot_be_kept),
        cmocka_unit_test(test_full_disk_by_limit),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_check_changes_nothing),
        cmocka_unit_test(test_pieces_of_every_size),
        cmocka_unit_test(test_secret_from_the_beginning),
        cmocka_unit_test(test_rubbish_is_cleaned),
        cmocka_unit_test(test_two_runs_wait_for_each_other),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
