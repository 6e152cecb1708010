/*
 * fuzz/fuzz_expr.c - any lines as values: the first byte of a line is the kind, the second the release, tabs separate the words. What was read is printed and
 * read again.
 * covers: lib/value/tree.c lib/value/value.c lib/value/print.c lib/value/acl.c lib/value/sample.c lib/value/ifcond.c lib/value/format.c
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"

#include "value/value.h"

#include <string.h>

enum { MOST = 80 };

/* Words in blocks of their own size: a step over the end is seen. */
struct words {
    struct khap_value_word word[MOST];
    size_t n;
};

static void add(struct words *to, const char *data, size_t len)
{
    MUST(to->n < MOST);
    char *exact = malloc(len == 0 ? 1 : len);
    MUST(exact != NULL);
    if (len > 0)
        memcpy(exact, data, len);
    to->word[to->n] = (struct khap_value_word){{exact, len}, to->n % 7 == 6};
    to->n++;
}

static void give_back(struct words *words)
{
    for (size_t i = 0; i < words->n; i++)
        free((void *)(uintptr_t)words->word[i].text.ptr);
    words->n = 0;
}

static int collect(void *ctx, const char *data, size_t len)
{
    struct words *to = ctx;
    if (to->n == MOST)
        return -1;
    add(to, data, len);
    return 0;
}

static void check_span(const struct khap_node *node, const struct words *words)
{
    struct khap_span s = khap_node_span(node);
    if (words->n == 0)
        return;
    MUST(s.word < words->n && s.end_word < words->n);
    MUST(s.offset <= words->word[s.word].text.len + 1 &&
         s.end_offset <= words->word[s.end_word].text.len + 1);
    MUST(s.word < s.end_word || (s.word == s.end_word && s.offset <= s.end_offset));
    const struct khap_node *parent = khap_node_parent(node);
    if (parent != NULL) {
        struct khap_span p = khap_node_span(parent);
        MUST(p.word < s.word || (p.word == s.word && p.offset <= s.offset));
        MUST(p.end_word > s.end_word || (p.end_word == s.end_word && p.end_offset >= s.end_offset));
    }
}

static void one(uint32_t kind, uint16_t release, const struct words *words)
{
    struct khap_value *value, *again;
    struct khap_value_error error = {sizeof error, 0, {0, 0, 0, 0}};
    struct khap_target target;
    struct words printed = {.n = 0};
    const struct khap_sink sink = {&printed, collect};
    enum khap_status status = khap_value_parse(NULL, kind, release, words->word, words->n, &value, &error);
    if (status != KHAP_OK) {
        MUST(status == KHAP_EINVAL || (status == KHAP_EINPUT && error.problem != KHAP_VALUE_GOOD));
        if (status == KHAP_EINPUT && words->n > 0) {
            MUST(error.span.word < words->n && error.span.end_word < words->n);
            MUST(error.span.end_offset <= words->word[error.span.end_word].text.len);
        }
        return;
    }
    const struct khap_node *root = khap_value_root(value);
    for (const struct khap_node *node = root; node != NULL; node = khap__node_walk(root, node))
        check_span(node, words);
    MUST(khap_node_equal(root, root));
    status = khap_value_print(value, &sink);
    MUST(status == KHAP_OK || (status == KHAP_EIO && printed.n == MOST));
    if (status == KHAP_OK) {
        MUST(khap_value_parse(NULL, kind, release, printed.word, printed.n, &again, NULL) == KHAP_OK);
        MUST(khap_node_equal(root, khap_value_root(again)));
        khap_target_init(&target);
        MUST(khap_value_decide(again, &target, NULL) == khap_value_decide(value, &target, NULL) ||
             words->n > 6 || printed.n > 6); /* unless a word is marked to hold a variable */
        khap_value_free(again);
    }
    give_back(&printed);
    khap_value_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t releases[] = {105, 202, 204, 206, 208, 300, 304};
    struct khap_str rest = {(const char *)data, size};
    do {
        size_t end = khap__str_find(rest, '\n');
        struct khap_str line = khap__str_sub(rest, 0, end);
        struct words words = {.n = 0};
        if (line.len >= 2) {
            uint32_t kind = (uint32_t)((unsigned char)line.ptr[0] - '0');
            uint16_t release = releases[(unsigned char)line.ptr[1] % 7];
            line = khap__str_sub(line, 2, line.len);
            for (bool more = true; more && words.n < MOST;) {
                size_t tab = khap__str_find(line, '\t');
                more = tab < line.len;
                add(&words, line.ptr, tab);
                line = khap__str_sub(line, tab + 1, line.len);
            }
            one(kind, release, &words);
            give_back(&words);
        }
        rest = khap__str_sub(rest, end + 1, rest.len);
    } while (rest.len > 0);
    return 0;
}
