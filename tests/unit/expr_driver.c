/*
 * A driver for the oracles of expressions: reads lines "KIND RELEASE [WORD...]", the words separated by tabs and with \t, \n and \\ for a tab, a line end and
 * a backslash, and answers each with a line, written in the same way:
 *
 *   no PROBLEM WORD OFFSET END_WORD END_OFFSET          when it is refused
 *   yes ANSWER<tab>TREE<tab>PRINTED...                  ANSWER: false, unknown, true for `if`, else -
 *
 * KIND is sample, converters, acl, condition, format, if. TREE is every node as "(KIND:TEXT" … ")", with ! before the text when it is negated.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "value/tree.h"

#include <stdio.h>
#include <stdlib.h>

static void put_escaped(struct khap_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\t' || c == '\n' || c == '\\') {
            putchar('\\');
            c = c == '\t' ? 't' : c == '\n' ? 'n' : '\\';
        }
        putchar(c);
    }
}

static struct khap_str unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '\\' && from[1] != '\0') {
            from++;
            *to++ = *from == 't' ? '\t' : *from == 'n' ? '\n' : '\\';
        } else {
            *to++ = *from;
        }
    }
    return (struct khap_str){text, (size_t)(to - text)};
}

static int put_word(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    putchar('\t');
    put_escaped((struct khap_str){data, len});
    return 0;
}

static void put_tree(const struct khap_node *root)
{
    const struct khap_node *node = root;
    for (;;) {
        printf("(%u:%s", node->kind, node->negated ? "!" : "");
        put_escaped(node->text);
        if (node->first != NULL) {
            node = node->first;
            continue;
        }
        putchar(')');
        while (node != root && node->next == NULL) {
            node = node->parent;
            putchar(')');
        }
        if (node == root)
            return;
        node = node->next;
    }
}

static void answer(char *line)
{
    static const char *const kinds[] = {"", "sample", "converters", "acl", "condition", "format", "if"};
    static const char *const answers[] = {"false", "unknown", "true"};
    struct khap_value_word words[64];
    struct khap_value_error error = {sizeof error, 0, {0, 0, 0, 0}};
    char *kind = strtok(line, " "), *release = strtok(NULL, "\t"), *word;
    size_t n = 0;
    uint32_t which = 0;
    if (kind == NULL || release == NULL)
        return;
    uint16_t number = (uint16_t)strtoul(release, NULL, 10);
    char *rest = release + strlen(release) + 1;
    /* an empty word is one too, which strtok() would pass over */
    for (word = rest; n < 64 && word != NULL; n++) {
        char *tab = strchr(word, '\t');
        if (tab != NULL)
            *tab = '\0';
        words[n] = (struct khap_value_word){unescape(word), 0};
        word = tab == NULL ? NULL : tab + 1;
    }
    for (uint32_t i = 1; i < 7; i++)
        if (strcmp(kinds[i], kind) == 0)
            which = i;
    struct arena arena;
    struct buf b;
    const struct khap_node *root;
    const struct khap_sink sink = {NULL, put_word};
    khap__arena_init(&arena, NULL);
    khap__buf_init(&b, NULL);
    enum khap_status status = khap__value_parse(&arena, which, number, words, n, &root, &error);
    if (status != KHAP_OK) {
        printf("no %u %u %u %u %u", error.problem, error.span.word, error.span.offset, error.span.end_word,
               error.span.end_offset);
    } else {
        struct khap_target target;
        khap_target_init(&target);
        target.first = target.last = number;
        printf("yes %s\t", which == KHAP_VALUE_IF ? answers[khap__if_decide(root, &target, NULL)] : "-");
        put_tree(root);
        (void)khap__node_print(root, number, &b, &sink);
    }
    khap__buf_free(&b);
    khap__arena_free(&arena);
}

int main(void)
{
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t n = strlen(line);
        if (n > 0 && line[n - 1] == '\n')
            line[n - 1] = '\0';
        answer(line);
        putchar('\n');
    }
    return 0;
}
