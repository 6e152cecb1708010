/* fuzz/fuzz_dialogue.c - commands, an empty line, and any bytes as what HAProxy answers: however it is cut, the same replies are understood.
 * covers: lib/apply/dialogue.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <khap/apply.h>

#include <stdbool.h>
#include <string.h>

static struct khap_dialogue *begin(uint32_t flags, struct khap_str commands)
{
    struct khap_dialogue *d;
    MUST(khap_dialogue_new(NULL, flags, 1U << 20, &d) == KHAP_OK);
    while (commands.len > 0) {
        const char *end = memchr(commands.ptr, '\n', commands.len);
        size_t len = end != NULL ? (size_t)(end - commands.ptr) : commands.len;
        struct khap_str line = {commands.ptr, len}, payload = {NULL, 0};
        /* behind a tab stands the payload */
        const char *tab = memchr(line.ptr, '\t', line.len);
        if (tab != NULL) {
            line.len = (size_t)(tab - line.ptr);
            payload = (struct khap_str){tab + 1, len - line.len - 1};
        }
        enum khap_status status = khap_dialogue_add(d, line, payload);
        MUST(status == KHAP_OK || status == KHAP_EINVAL || status == KHAP_ELIMIT);
        commands.ptr += len;
        commands.len -= len;
        if (end != NULL) {
            commands.ptr++;
            commands.len--;
        }
    }
    return d;
}

static void send_all(struct khap_dialogue *d)
{
    for (struct khap_str out = khap_dialogue_output(d); out.len > 0; out = khap_dialogue_output(d))
        khap_dialogue_sent(d, out.len);
}

static bool ends_with_prompt(const char *begin, const char *end)
{
    return end - begin > 2 && memcmp(end - 3, "\n> ", 3) == 0;
}

/* In pieces, which end with a prompt at the latest: HAProxy says nothing of a command that it has not got. */
static void feed(struct khap_dialogue *d, struct khap_str said, size_t piece)
{
    const char *begin = said.ptr;
    send_all(d);
    while (said.len > 0) {
        size_t len = 1;
        while (len < said.len && len < piece && !ends_with_prompt(begin, said.ptr + len))
            len++;
        MUST(khap_dialogue_feed(d, (struct khap_str){said.ptr, len}) == KHAP_OK);
        send_all(d);
        said.ptr += len;
        said.len -= len;
    }
    khap_dialogue_end(d);
}

static bool same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint32_t flags = data[0] % 2 ? KHAP_DIALOGUE_PROMPT : 0;
    size_t piece = 1 + data[1] % 16;
    struct khap_str commands = {(const char *)data + 2, size - 2}, said = {NULL, 0};
    for (size_t i = 0; i + 1 < commands.len; i++) {
        if (commands.ptr[i] == '\n' && commands.ptr[i + 1] == '\n') {
            said = (struct khap_str){commands.ptr + i + 2, commands.len - i - 2};
            commands.len = i;
        }
    }
    struct khap_dialogue *whole = begin(flags, commands), *cut = begin(flags, commands);
    feed(whole, said, said.len + 1);
    feed(cut, said, piece);
    uint32_t state = khap_dialogue_state(whole);
    MUST(state == KHAP_DIALOGUE_DONE || state == KHAP_DIALOGUE_FAILED);
    MUST(khap_dialogue_state(cut) == state);
    for (size_t i = 0;; i++) {
        struct khap_str command, reply, other, other_reply;
        enum khap_status status = khap_dialogue_reply(whole, i, &command, &reply);
        MUST(khap_dialogue_reply(cut, i, &other, &other_reply) == status);
        if (status != KHAP_OK)
            break;
        MUST(same(command, other) && same(reply, other_reply));
        int good = khap_reply_is_success(command, reply);
        MUST(good == 0 || good == 1);
    }
    khap_dialogue_free(whole);
    khap_dialogue_free(cut);
    return 0;
}
