/* fuzz/fuzz_lex.c - any bytes as lines of every release, without and with an environment; what was read is written and read again.
 * covers: lib/cfg/lex.c lib/cfg/encode.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "cfg/document.h"
#include "cfg/lex.h"

static uint16_t oldest(uint16_t release)
{
    return release == KHAP_OLDEST ? KHAP_OLDEST : (uint16_t)KHAP_RELEASE(1, 6);
}

/* What must hold for every line; returns whether its words are all known and can be written. */
static bool check_line(const struct lex_line *out, struct khap_str line)
{
    uint64_t end = 0;
    bool known = out->n > 0;
    MUST(out->n <= 64 && out->comment <= line.len);
    MUST(out->error_offset + (uint64_t)out->error_len <= line.len);
    MUST(!out->scope || (out->n == 0 && out->error == LEX_OK));
    for (uint32_t i = 0; i < out->n; i++) {
        const struct lex_word *w = &out->words[i];
        MUST(w->offset >= end && w->len > 0);
        end = w->offset + (uint64_t)w->len;
        MUST(end <= line.len && end <= out->comment);
        MUST(w->value.len <= w->len);
        MUST(w->value.len == 0 || memchr(w->value.ptr, '\0', w->value.len) == NULL);
        MUST(w->variable || (!w->many && !w->joins));
        known = known && !w->variable && w->value.len > 0;
    }
    return known && out->error == LEX_OK;
}

static void check_same(struct arena *arena, uint16_t release, struct khap_str text,
                       const struct lex_line *wanted)
{
    struct lex_line again;
    MUST(khap__lex_line(arena, release, text, &again) == KHAP_OK);
    MUST(again.error == LEX_OK && again.n == wanted->n && !again.scope && again.comment == text.len);
    for (uint32_t i = 0; i < wanted->n; i++)
        MUST(khap__str_eq(again.words[i].value, wanted->words[i].value) && !again.words[i].variable);
}

/* Words of `release` written for first to last, and read by both ends and by itself. */
static void write_back(struct arena *arena, uint16_t release, uint16_t first, uint16_t last,
                       const struct lex_line *line)
{
    struct khap_target target;
    struct khap_document *doc;
    struct khap_str words[64];
    struct khap_line *written = NULL;
    khap_target_init(&target);
    target.first = first;
    target.last = last;
    MUST(khap_document_new(NULL, &target, &doc) == KHAP_OK);
    for (uint32_t i = 0; i < line->n; i++)
        words[i] = line->words[i].value;
    enum khap_status st =
        khap_document_insert(doc, NULL, 4, words, line->n, (struct khap_place){0, 0, 0}, &written);
    if (words[0].ptr[0] == '.' || words[0].ptr[0] == '[') {
        MUST(st == KHAP_EINPUT);
    } else if (st == KHAP_OK) {
        struct khap_str text = khap_line_text(written);
        MUST(text.len > 0 && khap__str_find(text, '\n') == text.len - 1);
        text.len--;
        check_same(arena, first, text, line);
        check_same(arena, last, text, line);
        check_same(arena, release, text, line);
    } else {
        MUST(st == KHAP_EINPUT && first == KHAP_OLDEST); /* it became too long */
    }
    khap_document_free(doc);
}

#define LONGER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
/* By the last letter of its name a variable is words, empty, odd bytes, longer than its line, or not set. */
static enum khap_status environment(void *ctx, struct khap_str name, struct khap_str *value)
{
    (void)ctx;
    switch (name.ptr[name.len - 1] % 5) {
    case 0:
        *value = S(" a  b\t");
        break;
    case 1:
        *value = S("");
        break;
    case 2:
        *value = S("\\x41'\"$X #c\r");
        break;
    case 3:
        *value = name.len % 2 == 0 ? S("a\0b") : S(LONGER LONGER LONGER LONGER LONGER LONGER LONGER LONGER);
        break;
    default:
        return KHAP_ENOENT;
    }
    return KHAP_OK;
}

/* With variables resolved: nothing is left of them, and a line without any is read as before. */
static void resolved(struct arena *arena, uint16_t release, struct khap_str line,
                     const struct lex_line *plain)
{
    const struct lex_environment with = {environment, NULL};
    struct lex_line out;
    uint32_t at = 0;
    bool variable = plain->error == LEX_VARNAME || plain->error == LEX_BRACE;
    MUST(khap__lex_line_with(arena, release, line, &with, &out) == KHAP_OK);
    MUST(out.n <= 64 && out.comment <= line.len && out.ended <= line.len);
    MUST(out.error_offset + (uint64_t)out.error_len <= line.len);
    for (uint32_t i = 0; i < out.n; i++) {
        const struct lex_word *w = &out.words[i];
        MUST(!w->variable && !w->many && !w->joins);
        MUST(w->offset >= at && w->offset + (uint64_t)w->len <= line.len);
        MUST(w->value.len == 0 || memchr(w->value.ptr, '\0', w->value.len) == NULL);
        at = w->offset;
    }
    MUST((out.error == LEX_NUL) == (plain->error == LEX_NUL));
    for (uint32_t i = 0; i < plain->n; i++)
        variable = variable || plain->words[i].variable;
    if (variable || plain->error == LEX_QUOTE || plain->error == LEX_HEX || plain->error == LEX_TOO_MANY ||
        plain->error == LEX_NUL)
        return; /* a variable before the error may not be told */
    MUST(out.n == plain->n && out.error == plain->error && out.scope == plain->scope);
    for (uint32_t i = 0; i < out.n; i++)
        MUST(khap__str_eq(out.words[i].value, plain->words[i].value));
}

static void one_line(struct khap_str bytes)
{
    char *exact = malloc(bytes.len == 0 ? 1 : bytes.len); /* a step over the end is seen */
    struct khap_str line = {exact, bytes.len};
    MUST(exact != NULL);
    if (bytes.len > 0)
        memcpy(exact, bytes.ptr, bytes.len);
    for (size_t k = 0; khap_release_at(k) != 0; k++) {
        uint16_t release = khap_release_at(k);
        struct arena arena;
        struct lex_line out;
        khap__arena_init(&arena, NULL);
        MUST(khap__lex_line(&arena, release, line, &out) == KHAP_OK);
        resolved(&arena, release, line, &out);
        if (check_line(&out, line) && (k % 7 == 0 || release == KHAP_NEWEST)) {
            write_back(&arena, release, release, release, &out);
            write_back(&arena, release, oldest(release), KHAP_NEWEST, &out);
            write_back(&arena, release, KHAP_OLDEST, release, &out);
        }
        khap__arena_free(&arena);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct khap_str rest = {(const char *)data, size};
    do {
        size_t end = khap__str_find(rest, '\n');
        one_line(khap__str_sub(rest, 0, end));
        rest = khap__str_sub(rest, end + 1, rest.len);
    } while (rest.len > 0);
    return 0;
}
