/* Asking a program for its version; the programs are small shell scripts. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <khap/apply.h>

#include "save_help.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char buffer[100000];

static enum khap_status ask(const char *path, size_t capacity, uint32_t timeout_ms, size_t *length,
                            struct khap_run *run)
{
    *run = (struct khap_run){.size = sizeof *run, .timeout_ms = timeout_ms};
    return khap_haproxy_version(str(path), buffer, capacity, length, run);
}

static void script(const char *name, const char *text)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "#!/bin/sh\n%s\n", text);
    put(name, whole, 0755);
}

static void test_output(void **state)
{
    (void)state;
    size_t length;
    struct khap_run run;
    script("./fine",
           "[ $# = 1 ] && echo \"version $1\"; echo noise >&2; cat; [ \"$0\" = ./fine ] && echo end");
    assert_int_equal(ask("./fine", sizeof buffer, 0, &length, &run), KHAP_OK);
    assert_int_equal(length, 16);
    assert_memory_equal(buffer, "version -vv\nend\n", 16);
    assert_int_equal(run.step, 0);
    assert_int_equal(run.exit_status, 0);
    assert_int_equal(khap_haproxy_version(str("./fine"), buffer, sizeof buffer, &length, NULL), KHAP_OK);
    /* an exact fit is one */
    assert_int_equal(ask("./fine", 16, 0, &length, &run), KHAP_OK);
    assert_int_equal(ask("./fine", 15, 0, &length, &run), KHAP_ELIMIT);
    assert_int_equal(run.error, ENOBUFS);
    assert_int_equal(length, 15);
    /* more than a pipe holds, without end */
    script("./endless", "while :; do echo 0123456789012345678901234567890123456789; done");
    assert_int_equal(ask("./endless", sizeof buffer, 0, &length, &run), KHAP_ELIMIT);
    assert_int_equal(length, sizeof buffer);
}

static void test_command(void **state)
{
    (void)state;
    size_t length;
    struct khap_run run = {.size = sizeof run};
    struct khap_str words[65];
    script("./told", "for w; do echo \"<$w>\"; done; echo noise >&2; exit 7");
    words[0] = str("./told");
    words[1] = str("a b");
    words[2] = str("");
    words[3] = str("$HOME;*");
    assert_int_equal(khap_run_command(words, 4, buffer, sizeof buffer, &length, &run), KHAP_EIO);
    assert_int_equal(run.exit_status, 7);
    assert_int_equal(run.error, 0);
    assert_int_equal(length, 25);
    assert_memory_equal(buffer, "<a b>\n<>\n<$HOME;*>\nnoise\n", 25);
    /* a bare name is looked for */
    words[0] = str("true");
    assert_int_equal(khap_run_command(words, 1, buffer, sizeof buffer, &length, NULL), KHAP_OK);
    words[0] = str("khap-no-such-program");
    assert_int_equal(khap_run_command(words, 1, buffer, sizeof buffer, &length, &run), KHAP_EIO);
    assert_int_equal(run.error, ENOENT);
    assert_int_equal(run.step, KHAP_STEP_START);
    /* what cannot be a command */
    assert_int_equal(khap_run_command(words, 0, buffer, sizeof buffer, &length, &run), KHAP_EINVAL);
    assert_int_equal(khap_run_command(NULL, 1, buffer, sizeof buffer, &length, &run), KHAP_EINVAL);
    words[0] = (struct khap_str){"a\0b", 3};
    assert_int_equal(khap_run_command(words, 1, buffer, sizeof buffer, &length, &run), KHAP_EINVAL);
    words[0] = str("true");
    for (size_t i = 1; i < 65; i++)
        words[i] = str("w");
    assert_int_equal(khap_run_command(words, 64, buffer, sizeof buffer, &length, &run), KHAP_OK);
    assert_int_equal(khap_run_command(words, 65, buffer, sizeof buffer, &length, &run), KHAP_ELIMIT);
    char *all = malloc(9000);
    assert_non_null(all);
    memset(all, 'x', 9000);
    words[1] = (struct khap_str){all, 9000};
    assert_int_equal(khap_run_command(words, 2, buffer, sizeof buffer, &length, &run), KHAP_ELIMIT);
    free(all);
}

static void test_failures(void **state)
{
    (void)state;
    size_t length = 9;
    struct khap_run run;
    assert_int_equal(ask("./none", 100, 0, &length, &run), KHAP_EIO);
    assert_int_equal(run.step, KHAP_STEP_START);
    assert_int_equal(run.error, ENOENT);
    assert_int_equal(length, 0);
    put("./text", "no program\n", 0644);
    assert_int_equal(ask("./text", 100, 0, &length, &run), KHAP_EIO);
    assert_int_equal(run.error, EACCES);
    put("./text", "no program\n", 0755);
    assert_int_equal(ask("./text", 100, 0, &length, &run), KHAP_EIO);
    assert_int_equal(run.step, KHAP_STEP_START);
    assert_int_equal(run.error, ENOEXEC);
    script("./seven", "echo x; exit 7");
    assert_int_equal(ask("./seven", 100, 0, &length, &run), KHAP_EIO);
    assert_int_equal(run.step, 0);
    assert_int_equal(run.exit_status, 7);
    script("./killed", "kill -9 $$");
    assert_int_equal(ask("./killed", 100, 0, &length, &run), KHAP_EIO);
    assert_int_equal(run.exit_status, 128 + 9);
    assert_int_equal(ask("", 100, 0, &length, &run), KHAP_EINVAL);
    static char path[5000];
    memset(path, 'x', sizeof path - 1);
    assert_int_equal(ask(path, 100, 0, &length, &run), KHAP_EIO);
    assert_int_equal(run.error, ENAMETOOLONG);
    run.size = 1;
    assert_int_equal(khap_haproxy_version(str("./fine"), buffer, 10, &length, &run), KHAP_EINVAL);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_time(void **state)
{
    (void)state;
    size_t length;
    struct khap_run run;
    script("./slow", "echo $$ >pid; echo x; (sleep 60; echo y) & echo $! >pid2; sleep 60");
    int64_t from = now_ms();
    assert_int_equal(ask("./slow", 100, 300, &length, &run), KHAP_EIO);
    assert_true(now_ms() - from < 20000);
    assert_int_equal(run.step, KHAP_STEP_READ);
    assert_int_equal(run.error, ETIMEDOUT);
    assert_int_equal(run.exit_status, -1);
    assert_int_equal(length, 2);
    /* what it started is gone with it; that one is nobody's child, so it may be waited for by init a little
     * later */
    int gone = 1;
    for (int i = 0; i < 100 && gone != 0; i++) {
        gone = system("for p in $(cat pid pid2); do kill -0 $p 2>/dev/null && ! grep -q '^State:.Z' "
                      "/proc/$p/status && exit 1; done; exit 0");
        usleep(20000);
    }
    assert_int_equal(gone, 0);
    /* closes its output and goes on */
    script("./closed", "echo x; exec >&-; sleep 60");
    assert_int_equal(ask("./closed", 100, 300, &length, &run), KHAP_EIO);
    assert_int_equal(run.step, KHAP_STEP_WAIT);
    assert_int_equal(run.error, ETIMEDOUT);
}

static void test_callers_surroundings(void **state)
{
    (void)state;
    size_t length;
    struct khap_run run;
    script("./signals", "kill -PIPE $$; echo alive");
    signal(SIGPIPE, SIG_IGN);
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    enum khap_status status = ask("./signals", 100, 0, &length, &run);
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(status, KHAP_EIO);
    assert_int_equal(run.exit_status, 128 + SIGPIPE);
    /* a caller without standard descriptors; no descriptor of ours stays open */
    script("./plain", "echo plain");
    pid_t pid = fork();
    if (pid == 0) {
        close(0);
        close(1);
        close(2);
        int code =
            ask("./plain", 100, 0, &length, &run) == KHAP_OK && length == 6 && dup(0) == -1 && errno == EBADF
                ? 0
                : 1;
        _exit(code);
    }
    int wait_status;
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    assert_int_equal(wait_status, 0);
    /* no child is left over */
    assert_int_equal(waitpid(-1, &wait_status, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_callers_surroundings),
    };
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
