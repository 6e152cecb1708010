/*
 * The dialogue with HAProxy's command line: what releases answer, in pieces of every size, cut at every byte, and damaged.
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

#include <stdlib.h>
#include <string.h>

static struct khap_str str(const char *text)
{
    return (struct khap_str){text, strlen(text)};
}

static void assert_str(struct khap_str got, const char *wanted)
{
    assert_int_equal(got.len, strlen(wanted));
    assert_memory_equal(got.ptr, wanted, got.len);
}

/* As 2.2 to 3.0 answer, and from 3.2 on: without a prompt for each line of a payload. */
static const char *const answers[] = {
    "\n> \n> IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'\n\n> "
    "\n> + + + Transaction created for certificate x!\n\n> Server deleted.\n> 0x1 a > b\n0x2 c d\n\n> ",
    "\n> \n> IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'\n\n> "
    "\n> Transaction created for certificate x!\n\n> Server deleted.\n\n> 0x1 a > b\n0x2 c d\n\n> ",
};
static const char *const wanted[] = {
    "",
    "IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'",
    "",
    "Transaction created for certificate x!",
    "Server deleted.",
    "0x1 a > b\n0x2 c d",
};
enum { COMMANDS = sizeof wanted / sizeof *wanted };

static enum khap_status make(const struct khap_alloc *alloc, struct khap_dialogue **d)
{
    enum khap_status status = khap_dialogue_new(alloc, KHAP_DIALOGUE_PROMPT, 0, d);
    if (status == KHAP_OK)
        status =
            khap_dialogue_add(*d, str("set server b/s weight 5 ; set server b/s addr 127.0.0.2"), str(""));
    if (status == KHAP_OK)
        status = khap_dialogue_add(*d, str("enable server b/s"), str(""));
    if (status == KHAP_OK)
        status = khap_dialogue_add(*d, str("set ssl cert x"), str("a\r\n\n\nb"));
    if (status == KHAP_OK)
        status = khap_dialogue_add(*d, str("del server b/t"), str(""));
    if (status == KHAP_OK)
        status = khap_dialogue_add(*d, str("show map m"), str(""));
    return status;
}

static void send_all(struct khap_dialogue *d)
{
    struct khap_str out;
    while ((out = khap_dialogue_output(d)).len > 0)
        khap_dialogue_sent(d, out.len > 3 ? 3 : out.len);
}

/* Plays an answer in pieces; what goes wrong ends it. */
static enum khap_status play(struct khap_dialogue *d, const char *answer, size_t len, size_t piece)
{
    enum khap_status status = KHAP_OK;
    for (size_t at = 0; at < len && status == KHAP_OK; at += piece) {
        send_all(d);
        char *copy = malloc(piece); /* so that what reads beyond is seen */
        size_t n = len - at < piece ? len - at : piece;
        assert_non_null(copy);
        memcpy(copy, answer + at, n);
        status = khap_dialogue_feed(d, (struct khap_str){copy, n});
        free(copy);
    }
    return status;
}

static void test_replies(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2; a++)
        for (size_t piece = 1; piece < 40; piece++) {
            struct khap_dialogue *d;
            struct khap_str command, reply;
            assert_int_equal(make(NULL, &d), KHAP_OK);
            assert_int_equal(khap_dialogue_reply(d, 0, &command, &reply), KHAP_ENOENT);
            assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_OPEN);
            /* a piece may bring the answer to what was not sent yet only when it is long */
            assert_int_equal(play(d, answers[a], strlen(answers[a]), piece > 8 ? 1 : piece), KHAP_OK);
            assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_DONE);
            for (size_t i = 0; i < COMMANDS; i++) {
                assert_int_equal(khap_dialogue_reply(d, i, &command, &reply), KHAP_OK);
                assert_str(reply, wanted[i]);
                assert_int_equal(khap_reply_is_success(command, reply), i != COMMANDS - 1);
            }
            assert_int_equal(khap_dialogue_reply(d, COMMANDS, NULL, NULL), KHAP_ENOENT);
            khap_dialogue_end(d);
            assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_DONE);
            khap_dialogue_free(d);
        }
}

static void test_cut(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2; a++)
        for (size_t len = 0; len < strlen(answers[a]); len++) {
            struct khap_dialogue *d;
            assert_int_equal(make(NULL, &d), KHAP_OK);
            assert_int_equal(play(d, answers[a], len, 1), KHAP_OK);
            assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_OPEN);
            khap_dialogue_end(d);
            assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_FAILED);
            assert_int_equal(khap_dialogue_output(d).len, 0);
            khap_dialogue_free(d);
        }
}

/* Whatever comes, there is an end, and a whole reply to each command only with as many prompts. */
static void test_damaged(void **state)
{
    static const char bytes[] = "\n> +\0x";
    unsigned next = 1;
    (void)state;
    for (size_t round = 0; round < 4000; round++) {
        char answer[512];
        size_t len = strlen(answers[round % 2]);
        struct khap_dialogue *d;
        memcpy(answer, answers[round % 2], len);
        for (size_t n = 0; n <= round % 5; n++) {
            next = next * 1103515245 + 12345;
            answer[(next >> 8) % len] = bytes[(next >> 4) % (sizeof bytes - 1)];
        }
        assert_int_equal(make(NULL, &d), KHAP_OK);
        assert_int_equal(play(d, answer, len, 1 + round % 7), KHAP_OK);
        khap_dialogue_end(d);
        assert_int_not_equal(khap_dialogue_state(d), KHAP_DIALOGUE_OPEN);
        size_t whole = 0;
        while (khap_dialogue_reply(d, whole, NULL, NULL) == KHAP_OK)
            whole++;
        assert_true(khap_dialogue_state(d) == KHAP_DIALOGUE_FAILED || whole == COMMANDS);
        khap_dialogue_free(d);
    }
}

static void test_one_shot(void **state)
{
    struct khap_dialogue *d;
    struct khap_str reply;
    (void)state;
    for (size_t sent = 0; sent < 2; sent++) {
        assert_int_equal(khap_dialogue_new(NULL, 0, 0, &d), KHAP_OK);
        assert_int_equal(khap_dialogue_add(d, str("reload"), str("")), KHAP_OK);
        assert_int_equal(khap_dialogue_add(d, str("show proc"), str("")), KHAP_EINVAL);
        if (sent == 1) {
            assert_str(khap_dialogue_output(d), "reload\n");
            send_all(d);
            assert_int_equal(khap_dialogue_feed(d, str("Success=1\n--\n> \n\n")), KHAP_OK);
            assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_OPEN);
        }
        khap_dialogue_end(d);
        assert_int_equal(khap_dialogue_state(d), sent == 1 ? KHAP_DIALOGUE_DONE : KHAP_DIALOGUE_FAILED);
        assert_int_equal(khap_dialogue_reply(d, 0, NULL, &reply), sent == 1 ? KHAP_OK : KHAP_ENOENT);
        if (sent == 1)
            assert_str(reply, "Success=1\n--\n> ");
        khap_dialogue_free(d);
    }
}

/* Never more under way than the buffer takes; a payload goes alone. */
static void test_window(void **state)
{
    struct khap_dialogue *d;
    struct khap_str out;
    size_t lines = 0, answered = 0, payloads = 0;
    (void)state;
    assert_int_equal(khap_dialogue_new(NULL, KHAP_DIALOGUE_PROMPT, 2048, &d), KHAP_OK);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(
            khap_dialogue_add(d, str("set map hosts.map a.example web"), str(i % 50 == 0 ? "x" : "")),
            KHAP_OK);
    while (khap_dialogue_state(d) == KHAP_DIALOGUE_OPEN) {
        size_t under_way = 0;
        bool payload = false;
        while ((out = khap_dialogue_output(d)).len > 0) {
            under_way += out.len;
            for (size_t i = 0; i < out.len; i++)
                payload = payload || out.ptr[i] == '<';
            khap_dialogue_sent(d, out.len);
            lines++;
        }
        assert_true(under_way <= 1024);
        payloads += payload;
        assert_int_equal(khap_dialogue_feed(d, str("\n> ")), KHAP_OK);
        assert_true(++answered <= 301);
    }
    assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_DONE);
    assert_int_equal(answered, 301);
    assert_int_equal(payloads, 6);
    assert_true(lines > 1);
    khap_dialogue_free(d);
}

static void test_refused(void **state)
{
    static char large[20000];
    struct khap_dialogue *d;
    (void)state;
    memset(large, 'a', sizeof large);
    assert_int_equal(khap_dialogue_new(NULL, KHAP_DIALOGUE_PROMPT, 0, &d), KHAP_OK);
    assert_int_equal(khap_dialogue_add(d, str("a\nb"), str("")), KHAP_EINVAL);
    assert_int_equal(khap_dialogue_add(d, (struct khap_str){"a\0b", 3}, str("")), KHAP_EINVAL);
    assert_int_equal(khap_dialogue_add(d, str("a; b"), str("x")), KHAP_EINVAL);
    assert_int_equal(khap_dialogue_add(d, str("a; "), str("")), KHAP_EINVAL);
    assert_int_equal(khap_dialogue_add(d, str(""), str("")), KHAP_EINVAL);
    assert_int_equal(khap_dialogue_add(d, (struct khap_str){large, sizeof large}, str("")), KHAP_ELIMIT);
    assert_int_equal(khap_dialogue_add(d, str("a"), (struct khap_str){large, sizeof large}), KHAP_ELIMIT);
    assert_str(khap_dialogue_output(d), "prompt\n");
    /* it speaks before it was asked */
    assert_int_equal(khap_dialogue_feed(d, str("\n> ")), KHAP_OK);
    assert_int_equal(khap_dialogue_state(d), KHAP_DIALOGUE_FAILED);
    khap_dialogue_free(d);
    assert_int_equal(khap_dialogue_new(NULL, 2, 0, &d), KHAP_EINVAL);
    assert_int_equal(khap_dialogue_new(NULL, 0, 100, &d), KHAP_EINVAL);
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct khap_dialogue *d = NULL;
        failing_alloc_init(&f, i);
        enum khap_status status = make(&f.alloc, &d);
        if (status == KHAP_OK)
            status = play(d, answers[0], strlen(answers[0]), 1);
        khap_dialogue_free(d);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

static void test_success(void **state)
{
    static const char *const no[][2] = {
        {"set server b/s weight 5", "No such server."},
        {"set map m a b", "Unknown map identifier. Please use #<id> or <file>."},
        {"add server b/s 127.0.0.1:1", ""},
        {"del server b/s", "Server deleted. But not quite"},
        {"commit ssl cert x", "Committing x..\nFailed!"},
        {"bogus", ""},
        {"set server b/s addr 1.2.3.4", "IP changed from"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_int_equal(khap_reply_is_success(str(no[i][0]), str(no[i][1])), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),  cmocka_unit_test(test_cut),     cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_one_shot), cmocka_unit_test(test_window),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
