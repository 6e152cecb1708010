/*
 * Saving in place: a test for each row of the table at khap_save_in_place() in <khap/apply.h>, in its order. The rows of what is killed and of steps
 * that fail are in test_save_in_place_killed.c.
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

#include "failing_alloc.h"
#include "save_help.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

static enum khap_status in_place(const char *path, const char *old, const char *new, uint32_t flags,
                                 struct events *e, uint32_t *changed)
{
    struct khap_save_options o;
    khap_save_options_init(&o);
    memset(e, 0, sizeof *e);
    o.flags = flags;
    o.ctx = e;
    o.event = events_add;
    o.wait_ms = 50;
    return khap_save_in_place_text(&o, str(path), str(old), str(new), changed);
}

#define assert_saved(path, old, new, flags, what)                                                            \
    do {                                                                                                     \
        struct events e_;                                                                                    \
        uint32_t changed_ = 9;                                                                               \
        assert_int_equal(in_place(path, old, new, flags, &e_, &changed_), KHAP_OK);                          \
        assert_int_equal(e_.n, 1);                                                                           \
        assert_int_equal(e_.kinds[0], what);                                                                 \
        assert_int_equal(changed_, (what) == KHAP_SAVE_REPLACED);                                            \
    } while (0)

#define assert_replaced(path, old, new)                                                                      \
    do {                                                                                                     \
        assert_saved(path, old, new, 0, KHAP_SAVE_REPLACED);                                                 \
        assert_content(path, new);                                                                           \
    } while (0)

#define assert_refused(path, old, new, what)                                                                 \
    do {                                                                                                     \
        struct events e_;                                                                                    \
        uint32_t changed_ = 9;                                                                               \
        assert_int_equal(in_place(path, old, new, 0, &e_, &changed_), KHAP_EREFUSED);                        \
        assert_int_equal(e_.n, 1);                                                                           \
        assert_int_equal(e_.kinds[0], what);                                                                 \
        assert_int_equal(changed_, 0);                                                                       \
    } while (0)

#define assert_fails(path, old, new, at, why)                                                                \
    do {                                                                                                     \
        struct events e_;                                                                                    \
        uint32_t changed_ = 9;                                                                               \
        assert_int_equal(in_place(path, old, new, 0, &e_, &changed_), KHAP_EIO);                             \
        assert_int_equal(e_.n, 1);                                                                           \
        assert_int_equal(e_.kinds[0], KHAP_SAVE_FAILED);                                                     \
        assert_int_equal(e_.step, at);                                                                       \
        assert_int_equal(e_.error, why);                                                                     \
        assert_int_equal(changed_, 0);                                                                       \
    } while (0)

#define NEED_ROOT(what)                                                                                      \
    do {                                                                                                     \
        if (geteuid() != 0) {                                                                                \
            print_message("# needs root: " what "\n");                                                       \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

static int clear(void **state)
{
    (void)state;
    work_clear();
    return 0;
}

/* A list of access: owner rw, user 65533 `named`, group r, mask rw, others nothing. */
static bool put_list(const char *path, const char *attribute, unsigned char named)
{
    unsigned char list[] = {2,    0,    0,    0,    1,    0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2,    0, named, 0,
                            0xfd, 0xff, 0,    0,    4,    0, 4, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 6,     0,
                            0xff, 0xff, 0xff, 0xff, 0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    return setxattr(path, attribute, list, sizeof list, 0) == 0;
}

#define ACCESS_LIST  "system.posix_acl_access"
#define DEFAULT_LIST "system.posix_acl_default"

#define NEED_ATTRIBUTES(good)                                                                                \
    do {                                                                                                     \
        if (!(good)) {                                                                                       \
            print_message("# needs a file system with attributes under /tmp\n");                             \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

/* ---- a file that holds `old`, the new content, any other ---- */

static void test_replaced(void **state)
{
    (void)state;
    struct stat before, after;
    put("file", "old", 0751);
    if (geteuid() == 0)
        assert_int_equal(chown("file", 12, 34), 0);
    stat("file", &before);
    mode_t mask = umask(0777);
    assert_replaced("file", "old", "new");
    umask(mask);
    stat("file", &after);
    assert_int_not_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mode, after.st_mode);
    assert_int_equal(before.st_uid, after.st_uid);
    assert_int_equal(before.st_gid, after.st_gid);
    if (geteuid() == 0) /* the owner alone is another */
        assert_int_equal(chown("file", 56, getegid()), 0);
    chmod("file", 06755);
    stat("file", &before);
    assert_replaced("file", "new", "newer");
    stat("file", &after);
    assert_int_equal(before.st_uid, after.st_uid);
    assert_int_equal(mode_of("file"), 06755);
    assert_replaced("file", "newer", "");
    assert_replaced("file", "", "something");
    assert_no_rubbish(".");
}

static void test_attributes_kept(void **state)
{
    (void)state;
    char value[300];
    memset(value, 'v', sizeof value);
    put("file", "old", 0640);
    NEED_ATTRIBUTES(setxattr("file", "user.comment", value, sizeof value, 0) == 0 &&
                    setxattr("file", "user.empty", "", 0, 0) == 0 && put_list("file", ACCESS_LIST, 6));
    if (geteuid() == 0)
        assert_int_equal(chown("file", 12, 34), 0);
    char before[64], after[64], got[400];
    ssize_t len = getxattr("file", ACCESS_LIST, before, sizeof before);
    struct stat of_old, of_new;
    stat("file", &of_old);
    assert_replaced("file", "old", "new");
    stat("file", &of_new);
    assert_int_equal(of_old.st_mode, of_new.st_mode);
    assert_int_equal(getxattr("file", ACCESS_LIST, after, sizeof after), len);
    assert_memory_equal(before, after, (size_t)len);
    assert_int_equal(getxattr("file", "user.comment", got, sizeof got), sizeof value);
    assert_memory_equal(got, value, sizeof value);
    assert_int_equal(getxattr("file", "user.empty", got, sizeof got), 0);
}

static void test_sum_of_content_left_out(void **state)
{
    (void)state;
    put("file", "old", 0640);
    if (setxattr("file", "security.ima", "\4x", 2, 0) != 0) {
        print_message("# needs root and a system that lets it set security.ima\n");
        skip();
    }
    assert_replaced("file", "old", "new");
    assert_int_equal(getxattr("file", "security.ima", NULL, 0), -1);
}

/* What the directory gives to new files is not the old file's. */
static void test_default_list_taken_away(void **state)
{
    (void)state;
    mkdir("folder", 0755);
    put("folder/file", "old", 0660);
    put("folder/listed", "old", 0660);
    NEED_ATTRIBUTES(put_list("folder", DEFAULT_LIST, 7) && put_list("folder/listed", ACCESS_LIST, 4));
    put("folder/new", "", 0660);
    assert_true(getxattr("folder/new", ACCESS_LIST, NULL, 0) > 0);
    assert_replaced("folder/file", "old", "new");
    assert_int_equal(getxattr("folder/file", ACCESS_LIST, NULL, 0), -1);
    assert_int_equal(mode_of("folder/file"), 0660);
    char list[64];
    assert_replaced("folder/listed", "old", "new");
    assert_true(getxattr("folder/listed", ACCESS_LIST, list, sizeof list) > 16);
    assert_int_equal(list[14], 4); /* what user 65533 may */
}

static bool same_inode_and_times(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
           memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

static void test_new_content_already(void **state)
{
    (void)state;
    struct stat before, after, folder_before, folder_after;
    put("same", "new", 0444);
    assert_int_equal(link("same", "other"), 0);
    stat("same", &before);
    stat(".", &folder_before);
    assert_saved("same", "new", "new", 0, KHAP_SAVE_UNCHANGED);
    assert_saved("same", "old", "new", 0, KHAP_SAVE_UNCHANGED);
    stat("same", &after);
    stat(".", &folder_after);
    assert_true(same_inode_and_times(&before, &after));
    assert_true(same_inode_and_times(&folder_before, &folder_after));
}

static void test_other_content(void **state)
{
    (void)state;
    static const char *others[] = {"", "o", "ol", "Old", "oldd", "old\n", "something else"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct stat before, after;
        put("file", others[i], 0644);
        stat("file", &before);
        assert_refused("file", "old", "new", KHAP_SAVE_CHANGED_MEANWHILE);
        assert_refused("file", "old", "old", KHAP_SAVE_CHANGED_MEANWHILE);
        stat("file", &after);
        assert_true(same_inode_and_times(&before, &after));
        assert_content("file", others[i]);
    }
    assert_no_rubbish(".");
    /* by bytes: NUL and what stands behind it */
    FILE *f = fopen("file", "wb");
    assert_non_null(f);
    assert_int_equal(fwrite("a\0b", 1, 3, f), 3);
    fclose(f);
    assert_int_equal(khap_save_in_place_text(NULL, str("file"), (struct khap_str){"a\0c", 3}, str("x"), NULL),
                     KHAP_EREFUSED);
    assert_int_equal(khap_save_in_place_text(NULL, str("file"), (struct khap_str){"a\0b", 3}, str("x"), NULL),
                     KHAP_OK);
    assert_content("file", "x");
}

/* ---- changed while it runs ---- */

/* Prints "new"; once the temporary file is there, something happens. */
struct happening {
    void (*what)(void);
    bool happened;
    char temporary[300]; /* what it is called, and its mode then */
    mode_t mode;
    const char *folder;
};

static enum khap_status print_happening(void *ctx, const struct khap_sink *sink)
{
    struct happening *h = ctx;
    DIR *d = opendir(h->folder);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (strstr(e->d_name, ".khap-tmp") != NULL && !h->happened) {
            char path[400];
            struct stat st;
            snprintf(h->temporary, sizeof h->temporary, "%s", e->d_name);
            snprintf(path, sizeof path, "%s/%s", h->folder, e->d_name);
            h->mode = stat(path, &st) == 0 ? st.st_mode & 07777 : 07777;
            h->happened = true;
            if (h->what != NULL)
                h->what();
        }
    if (d != NULL)
        closedir(d);
    return sink->write(sink->ctx, "new", 3) == 0 ? KHAP_OK : KHAP_EIO;
}

static enum khap_status while_it_runs(const char *path, struct happening *h, struct events *e)
{
    struct khap_save_options o;
    khap_save_options_init(&o);
    memset(e, 0, sizeof *e);
    o.ctx = e;
    o.event = events_add;
    return khap_save_in_place(&o, str(path), str("old"), h, print_happening, NULL);
}

static void longer(void)
{
    put("file", "old and more", 0644);
}

static void as_long(void)
{
    put("file", "OLD", 0644);
}

static void another_file(void)
{
    put("another", "old", 0644);
    rename("another", "file");
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

static void another_mode(void)
{
    chmod("file", 0600);
}

static void another_name(void)
{
    if (link("file", "name") != 0)
        abort();
}

static void touched(void)
{
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    utimensat(AT_FDCWD, "file", times, 0);
}

static void pointed_elsewhere(void)
{
    put("other", "old", 0644);
    unlink("link");
    point("other", "link");
}

static void test_changed_while_it_runs(void **state)
{
    (void)state;
    static const struct {
        void (*what)(void);
        const char *then; /* NULL: nothing */
        bool is_refused;
    } rows[] = {
        {longer, "old and more", true},
        {as_long, "OLD", true},
        {another_file, "old", true},
        {gone, NULL, true},
        {a_link, "old", true},
        {another_mode, "old", true},
        {another_name, "old", true},
        {touched, "old", true},
        {pointed_elsewhere, "old", true},
        {NULL, "new", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct events e;
        struct happening h = {.what = rows[i].what, .folder = "."};
        work_clear();
        put("file", "old", 0644);
        point("file", "link");
        enum khap_status status = while_it_runs("link", &h, &e);
        if (!h.happened || status != (rows[i].is_refused ? KHAP_EREFUSED : KHAP_OK) || e.n != 1 ||
            e.kinds[0] != (rows[i].is_refused ? KHAP_SAVE_CHANGED_MEANWHILE : KHAP_SAVE_REPLACED))
            fail_msg("row %zu: status %d, kind %u", i, (int)status, e.kinds[0]);
        if (rows[i].then == NULL)
            assert_int_equal(access("file", F_OK), -1);
        else
            assert_content("file", rows[i].then);
        assert_no_rubbish(".");
    }
}

static void another_directory(void)
{
    rename("there", "moved");
    mkdir("there", 0755);
    put("there/file", "old", 0644);
}

static void test_directory_moved(void **state)
{
    (void)state;
    struct events e;
    struct happening h = {.what = another_directory, .folder = "there"};
    mkdir("there", 0755);
    put("there/file", "old", 0644);
    assert_int_equal(while_it_runs("there/file", &h, &e), KHAP_EREFUSED);
    assert_true(h.happened);
    assert_content("there/file", "old");
    assert_content("moved/file", "old");
    assert_no_rubbish("there");
    assert_no_rubbish("moved");
}

/* ---- what cannot be kept ---- */

static void in_place_for_nobody(void)
{
    struct events e;
    must(in_place("free/roots", "old", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_OWNER &&
             e.error == EPERM && strstr(e.text, "or root") != NULL,
         1);
    must(in_place("free/group", "old", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_OWNER, 2);
    must(in_place("free/set-group", "old", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_MODE &&
             e.error == EPERM,
         3);
    must(in_place("free/attribute", "old", "new", 0, &e, NULL) == KHAP_EIO &&
             e.step == KHAP_STEP_ATTRIBUTES && e.error == EPERM,
         4);
    must(in_place("free/own", "old", "new", 0, &e, NULL) == KHAP_OK, 5);
}

static void test_what_cannot_be_kept(void **state)
{
    (void)state;
    NEED_ROOT("files of others");
    mkdir("free", 0777);
    chmod("free", 0777);
    put("free/roots", "old", 0666);
    put("free/own", "old", 0600);
    put("free/group", "old", 0660);
    put("free/attribute", "old", 0660);
    put("free/set-group", "old", 0);
    assert_int_equal(chown("free/own", 65534, 65534), 0);
    assert_int_equal(chown("free/attribute", 65534, 65534), 0);
    assert_int_equal(chown("free/group", 65534, 0), 0);
    /* the directory gives the group, but who is not in it cannot set that bit: the system leaves it out silently */
    assert_int_equal(chown("free/set-group", 65534, 12), 0);
    assert_int_equal(chown("free", 0, 12), 0);
    chmod("free", 02777);
    chmod("free/set-group", 02770);
    NEED_ATTRIBUTES(setxattr("free/attribute", "security.khap-test", "x", 1, 0) == 0);
    assert_int_equal(chown("free/own", 65534, 12), 0);
    assert_int_equal(as_nobody(in_place_for_nobody), 0);
    assert_content("free/roots", "old");
    assert_content("free/group", "old");
    assert_content("free/set-group", "old");
    assert_content("free/attribute", "old");
    assert_content("free/own", "new");
    assert_no_rubbish("free");
    char x;
    assert_replaced("free/attribute", "old", "new"); /* root can */
    assert_int_equal(getxattr("free/attribute", "security.khap-test", &x, 1), 1);
}

static void in_place_of_protected(void)
{
    struct events e;
    must(in_place("own/protected", "old", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_WRITE &&
             e.error == EACCES,
         1);
    must(strcmp(e.text, "writing the content: permission denied; the file is write-protected") == 0, 2);
    must(in_place("own/protected", "old", "new", KHAP_SAVE_CHECK, &e, NULL) == KHAP_EIO, 3);
    must(in_place("own/unreadable", "old", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_READ, 4);
}

static void test_write_protected(void **state)
{
    (void)state;
    mkdir("own", 0755);
    put("own/protected", "old", 0444);
    put("own/unreadable", "old", 0200);
    if (geteuid() == 0)
        assert_true(chown("own", 65534, 65534) == 0 && chown("own/protected", 65534, 65534) == 0 &&
                    chown("own/unreadable", 65534, 65534) == 0);
    assert_int_equal(as_nobody(in_place_of_protected), 0);
    assert_content("own/protected", "old");
    assert_no_rubbish("own");
}

/* ---- names ---- */

static void test_several_names(void **state)
{
    (void)state;
    put("one", "old", 0600);
    assert_int_equal(link("one", "two"), 0);
    assert_refused("one", "old", "new", KHAP_SAVE_SEVERAL_NAMES);
    struct events e;
    assert_int_equal(in_place("one", "old", "new", KHAP_SAVE_CHECK, &e, NULL), KHAP_EREFUSED);
    assert_content("one", "old");
    unlink("two");
    assert_replaced("one", "old", "new");
}

static void test_links(void **state)
{
    (void)state;
    mkdir("there", 0755);
    mkdir("here", 0555);
    put("there/file", "old", 0640);
    chmod("here", 0755);
    point("../there/file", "here/link");
    point("here/link", "chain");
    struct events e;
    struct happening h = {.folder = "there"};
    assert_int_equal(while_it_runs("chain", &h, &e), KHAP_OK);
    assert_true(h.happened); /* beside what the link leads to */
    assert_true(is_link("chain") && is_link("here/link") && !is_link("there/file"));
    assert_content("there/file", "new");
    assert_int_equal(mode_of("there/file"), 0640);
    char absolute[4096];
    assert_non_null(getcwd(absolute, sizeof absolute - 32));
    strcat(absolute, "/there/file");
    point(absolute, "absolute");
    assert_replaced("absolute", "new", "newer");
    assert_true(is_link("absolute"));
    /* a name of one letter less than too long */
    char name[300];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    put(name, "old", 0644);
    assert_replaced(name, "old", "new");
    assert_no_rubbish(".");
    assert_no_rubbish("here");
    assert_no_rubbish("there");
}

static void test_nothing_there(void **state)
{
    (void)state;
    point("none", "dangling");
    point("nowhere/none", "lost");
    point("round", "about");
    point("about", "round");
    assert_fails("none", "", "new", KHAP_STEP_PATH, ENOENT);
    assert_fails("dangling", "", "new", KHAP_STEP_PATH, ENOENT);
    assert_fails("lost", "", "new", KHAP_STEP_PATH, ENOENT);
    assert_fails("", "", "new", KHAP_STEP_PATH, ENOENT);
    assert_fails("round", "", "new", KHAP_STEP_PATH, ELOOP);
    assert_int_equal(access("none", F_OK), -1);
    assert_true(is_link("dangling") && is_link("round"));
    assert_no_rubbish(".");
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    mkdir("folder", 0755);
    put("file", "old", 0644);
    assert_int_equal(mkfifo("fifo", 0600), 0); /* nobody writes to it: whoever reads would wait for ever */
    point("fifo", "link");
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0);
    close(s);
    assert_fails("folder", "", "new", KHAP_STEP_PATH, EISDIR);
    assert_fails("file/", "old", "new", KHAP_STEP_PATH, ENOTDIR);
    assert_fails("fifo", "", "new", KHAP_STEP_PATH, EINVAL);
    assert_fails("link", "", "new", KHAP_STEP_PATH, EINVAL);
    assert_fails("socket", "", "new", KHAP_STEP_PATH, EINVAL);
    assert_fails("/dev/null", "", "new", KHAP_STEP_PATH, EINVAL);
    assert_no_rubbish(".");
}

static void test_mounted_by_itself(void **state)
{
    (void)state;
    put("outside", "old", 0644);
    put("inside", "", 0644);
    if (geteuid() != 0 || system("mount --bind outside inside 2>/dev/null") != 0) {
        print_message("# needs root and mount: a file mounted by itself\n");
        skip();
    }
    struct events e;
    enum khap_status status = in_place("inside", "old", "new", 0, &e, NULL);
    bool kept = holds("inside", "old");
    assert_int_equal(system("umount inside"), 0);
    assert_int_equal(status, KHAP_EIO);
    assert_int_equal(e.step, KHAP_STEP_RENAME);
    assert_int_equal(e.error, EBUSY);
    assert_non_null(strstr(e.text, "mounted by itself"));
    assert_true(kept);
    assert_no_rubbish(".");
}

/* ---- the directory, the disk ---- */

static void in_place_in_closed(void)
{
    struct events e;
    must(in_place("closed/file", "old", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_CREATE &&
             e.error == EACCES,
         1);
    must(strcmp(e.text, "making the temporary file: permission denied; to replace a file, its directory must "
                        "be writable") == 0,
         2);
    must(in_place("closed/file", "before", "old", 0, &e, NULL) == KHAP_OK, 3);
    must(in_place("blind/file", "old", "new", 0, &e, NULL) == KHAP_EIO && e.step == KHAP_STEP_LOCK &&
             e.error == EACCES && strstr(e.text, "must be readable") != NULL,
         4);
}

static void test_closed_directory(void **state)
{
    (void)state;
    mkdir("closed", 0755);
    mkdir("blind", 0755);
    put("closed/file", "old", 0666);
    put("blind/file", "old", 0666);
    chmod("closed", 0555);
    chmod("blind", 0333);
    assert_int_equal(as_nobody(in_place_in_closed), 0);
    chmod("closed", 0755);
    chmod("blind", 0755);
    assert_content("closed/file", "old");
    assert_content("blind/file", "old");
    assert_no_rubbish("closed");
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
    assert_fails("full", "old", large, KHAP_STEP_WRITE, EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_content("full", "old");
    assert_no_rubbish(".");
    assert_replaced("full", "old", large);
    assert_replaced("full", large, "small");
}

static void test_full_disk(void **state)
{
    (void)state;
    static char large[300000];
    memset(large, 'x', sizeof large - 1);
    mkdir("disk", 0755);
    if (geteuid() != 0 || system("mount -t tmpfs -o size=128k khap-test disk 2>/dev/null") != 0) {
        print_message("# needs root and mount: a small tmpfs (the limit on the size of files was tried)\n");
        skip();
    }
    put("disk/file", "old", 0644);
    struct events e, f;
    enum khap_status status = in_place("disk/file", "old", large, 0, &e, NULL);
    bool kept = holds("disk/file", "old");
    unsigned rubbish = rubbish_in("disk");
    /* read-only: nothing can be written at all */
    int remounted = system("mount -o remount,ro disk 2>/dev/null");
    enum khap_status closed = in_place("disk/file", "old", "new", 0, &f, NULL);
    kept = kept && holds("disk/file", "old");
    assert_int_equal(system("umount disk"), 0);
    assert_int_equal(status, KHAP_EIO);
    assert_int_equal(e.step, KHAP_STEP_WRITE);
    assert_int_equal(e.error, ENOSPC);
    assert_true(kept);
    assert_int_equal(rubbish, 0);
    if (remounted == 0) {
        assert_int_equal(closed, KHAP_EIO);
        assert_int_equal(f.error, EROFS);
    }
}

/* ---- other properties ---- */

static void test_temporary(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0640, 0666, 0400};
    char last[300] = "";
    mode_t mask = umask(0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct events e;
        struct happening h = {.folder = "."};
        if (geteuid() != 0 && (modes[i] & 0200) == 0)
            continue;
        put("file", "old", modes[i]);
        assert_int_equal(while_it_runs("file", &h, &e), KHAP_OK);
        assert_int_equal(h.mode, 0600);
        assert_int_equal(mode_of("file"), modes[i]);
        assert_true(strncmp(h.temporary, ".file.", 6) == 0 && strlen(h.temporary) == 6 + 16 + 9);
        assert_string_not_equal(h.temporary, last);
        strcpy(last, h.temporary);
        unlink("file");
    }
    umask(mask);
}

/* The next run removes what one that was killed left, and nothing else. */
static void test_rubbish_is_cleaned(void **state)
{
    (void)state;
    static const char *others[] = {".file2.0123456789abcdef.khap-tmp", ".file.0123456789abcde.khap-tmp",
                                   ".file.0123456789ABCDEF.khap-tmp", ".file.khap-tmp"};
    put("file", "old", 0644);
    put(".file.0123456789abcdef.khap-tmp", "half", 0600);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(others[i], "", 0600);
    mkdir(".file.0000000000000000.khap-tmp", 0700);
    assert_saved("file", "old", "new", KHAP_SAVE_CHECK, KHAP_SAVE_REPLACED);
    assert_int_equal(rubbish_in("."), 6);
    assert_replaced("file", "old", "new");
    assert_int_equal(rubbish_in("."), 5);
    assert_int_equal(access(".file.0123456789abcdef.khap-tmp", F_OK), -1);
}

static void test_check_changes_nothing(void **state)
{
    (void)state;
    struct stat before, after;
    put("file", "old", 0644);
    stat("file", &before);
    assert_saved("file", "old", "new", KHAP_SAVE_CHECK, KHAP_SAVE_REPLACED);
    assert_saved("file", "old", "old", KHAP_SAVE_CHECK, KHAP_SAVE_UNCHANGED);
    struct events e;
    assert_int_equal(in_place("file", "Old", "new", KHAP_SAVE_CHECK, &e, NULL), KHAP_EREFUSED);
    stat("file", &after);
    assert_true(same_inode_and_times(&before, &after));
}

static void test_runs_wait_for_each_other(void **state)
{
    (void)state;
    put("file", "old", 0644);
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_fails("file", "old", "new", KHAP_STEP_LOCK, EWOULDBLOCK);
    close(fd);
    assert_content("file", "old");
    assert_replaced("file", "old", "new");
}

static enum khap_status print_too_much(void *ctx, const struct khap_sink *sink)
{
    (void)ctx;
    return sink->write(sink->ctx, "o", 1) == 0 ? KHAP_ELIMIT : KHAP_EIO;
}

static void test_what_print_returns(void **state)
{
    (void)state;
    put("file", "old", 0644);
    assert_int_equal(khap_save_in_place(NULL, str("file"), str("old"), NULL, print_too_much, NULL),
                     KHAP_ELIMIT);
    put("file", "Old", 0644);
    assert_int_equal(khap_save_in_place(NULL, str("file"), str("Old"), NULL, print_too_much, NULL),
                     KHAP_ELIMIT);
    assert_content("file", "Old");
    assert_no_rubbish(".");
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    put("file", "old", 0644);
    NEED_ATTRIBUTES(setxattr("file", "user.comment", "x", 1, 0) == 0);
    size_t i = 1;
    for (;; i++) {
        struct failing_alloc f;
        struct khap_save_options o;
        struct events e = {0};
        failing_alloc_init(&f, i);
        khap_save_options_init(&o);
        o.alloc = &f.alloc;
        o.ctx = &e;
        o.event = events_add;
        enum khap_status status = khap_save_in_place_text(&o, str("file"), str("old"), str("new"), NULL);
        assert_failing_alloc_clean(&f);
        assert_no_rubbish(".");
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
        assert_int_equal(e.kinds[0], KHAP_SAVE_FAILED);
        assert_content("file", "old");
    }
    assert_true(i > 1);
    assert_content("file", "new");
}

static void test_arguments(void **state)
{
    (void)state;
    struct khap_save_options o;
    khap_save_options_init(&o);
    put("file", "old", 0644);
    uint32_t changed = 9;
    assert_int_equal(khap_save_in_place(NULL, str("file"), str("old"), NULL, NULL, &changed), KHAP_EINVAL);
    assert_int_equal(changed, 0);
    assert_int_equal(khap_save_in_place_text(NULL, str("file"), str("old"), (struct khap_str){NULL, 1}, NULL),
                     KHAP_EINVAL);
    assert_int_equal(khap_save_in_place_text(NULL, str("file"), (struct khap_str){NULL, 1}, str("x"), NULL),
                     KHAP_EINVAL);
    assert_int_equal(khap_save_in_place_text(NULL, (struct khap_str){NULL, 1}, str("old"), str("x"), NULL),
                     KHAP_EINVAL);
    o.flags = KHAP_SAVE_SECRET;
    assert_int_equal(khap_save_in_place_text(&o, str("file"), str("old"), str("x"), NULL), KHAP_EINVAL);
    o.flags = KHAP_SAVE_FORCE; /* overrides nothing */
    assert_int_equal(khap_save_in_place_text(&o, str("file"), str("Old"), str("x"), NULL), KHAP_EREFUSED);
    o.size = 4;
    assert_int_equal(khap_save_in_place_text(&o, str("file"), str("old"), str("x"), NULL), KHAP_EINVAL);
    assert_content("file", "old");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, clear)
    const struct CMUnitTest tests[] = {
        TEST(test_replaced),
        TEST(test_attributes_kept),
        TEST(test_sum_of_content_left_out),
        TEST(test_default_list_taken_away),
        TEST(test_new_content_already),
        TEST(test_other_content),
        TEST(test_changed_while_it_runs),
        TEST(test_directory_moved),
        TEST(test_what_cannot_be_kept),
        TEST(test_write_protected),
        TEST(test_several_names),
        TEST(test_links),
        TEST(test_nothing_there),
        TEST(test_what_is_no_file),
        TEST(test_mounted_by_itself),
        TEST(test_closed_directory),
        TEST(test_full_disk_by_limit),
        TEST(test_full_disk),
        TEST(test_temporary),
        TEST(test_rubbish_is_cleaned),
        TEST(test_check_changes_nothing),
        TEST(test_runs_wait_for_each_other),
        TEST(test_what_print_returns),
        TEST(test_every_allocation_fails),
        TEST(test_arguments),
    };
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
