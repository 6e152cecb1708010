/* The words of a line, for callers of the library. SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "cfg/lex.h"
#include "cfg/lines.h"
#include "cfg/words.h"

struct khap_words {
    struct arena arena;
    struct lex_line lexed;
    struct khap_str line; /* without LF or CR LF */
    struct lex_environment environment;
};

enum khap_status khap_words_new(const struct khap_alloc *alloc, struct khap_words **out)
{
    if (out == NULL)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_words *words = khap__alloc(&a, 1, sizeof *words);
    if (words == NULL)
        return KHAP_ENOMEM;
    memset(words, 0, sizeof *words);
    khap__arena_init(&words->arena, &a);
    *out = words;
    return KHAP_OK;
}

void khap_words_free(struct khap_words *words)
{
    if (words == NULL)
        return;
    struct khap_alloc a = words->arena.alloc;
    khap__arena_free(&words->arena);
    khap__free(&a, words, 1, sizeof *words);
}

void khap_words_environment(struct khap_words *words,
                            enum khap_status (*get)(void *ctx, struct khap_str name, struct khap_str *value),
                            void *ctx)
{
    if (words != NULL)
        words->environment = (struct lex_environment){get, ctx};
}

enum khap_status khap_words_read(struct khap_words *words, const struct khap_document *doc,
                                 const struct khap_line *line)
{
    if (words == NULL || doc == NULL || line == NULL)
        return KHAP_EINVAL;
    uint32_t line_end;
    words->line = khap__line_body(line, &line_end);
    khap__arena_reset(&words->arena);
    enum khap_status status =
        khap__lex_line_with(&words->arena, doc->target.last, words->line,
                            words->environment.get != NULL ? &words->environment : NULL, &words->lexed);
    if (status != KHAP_OK)
        memset(&words->lexed, 0, sizeof words->lexed);
    return status;
}

const struct lex_line *khap__words_lexed(const struct khap_words *words)
{
    return &words->lexed;
}

size_t khap_words_count(const struct khap_words *words)
{
    return words == NULL ? 0 : words->lexed.n;
}

enum khap_status khap_words_at(const struct khap_words *words, size_t index, struct khap_word *out)
{
    if (words == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= words->lexed.n)
        return KHAP_ENOENT;
    const struct lex_word *word = &words->lexed.words[index];
    out->raw = khap__str_sub(words->line, word->offset, word->len);
    out->value = word->value;
    out->offset = word->offset;
    out->flags = (word->variable ? (uint32_t)KHAP_WORD_VARIABLE : 0) |
                 (word->many ? (uint32_t)KHAP_WORD_MANY : 0) | (word->joins ? (uint32_t)KHAP_WORD_JOINS : 0);
    return KHAP_OK;
}

struct khap_str khap_words_value(const struct khap_words *words, size_t index)
{
    return words == NULL || index >= words->lexed.n ? (struct khap_str){NULL, 0}
                                                    : words->lexed.words[index].value;
}

struct khap_str khap_words_comment(const struct khap_words *words)
{
    return words == NULL ? (struct khap_str){NULL, 0}
                         : khap__str_sub(words->line, words->lexed.comment, words->line.len);
}

_Static_assert((int)KHAP_WORDS_EMPTY == (int)LEX_EMPTY_WORD && (int)KHAP_WORDS_NUL == (int)LEX_NUL &&
                   (int)KHAP_WORDS_QUOTE == (int)LEX_QUOTE && (int)KHAP_WORDS_TOO_MANY == (int)LEX_TOO_MANY,
               "the lexer's errors are the public ones");

enum khap_word_error khap_words_error(const struct khap_words *words, uint32_t *offset, uint32_t *len)
{
    if (words == NULL)
        return KHAP_WORDS_READ;
    if (offset != NULL)
        *offset = words->lexed.error_offset;
    if (len != NULL)
        *len = words->lexed.error_len;
    return (enum khap_word_error)words->lexed.error;
}
