/* fuzz/fuzz_encode.c - any bytes as words, written for any range of releases and read back by every release in it.
 *
 * The first two bytes choose the range; a NUL ends a word.
 * covers: lib/cfg/encode.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "cfg/document.h"
#include "cfg/lex.h"

enum { MOST = 66, LINE_15 = 2047 };

struct range {
    uint16_t first, last;
};

/* Words as every release of the range reads `line`. */
static void must_read(const struct range *range, struct khap_str line, const struct khap_str *words, size_t n)
{
    for (size_t k = 0; khap_release_at(k) != 0; k++) {
        uint16_t release = khap_release_at(k);
        struct arena arena;
        struct lex_line out;
        if (release < range->first || release > range->last)
            continue;
        khap__arena_init(&arena, NULL);
        MUST(khap__lex_line(&arena, release, line, &out) == KHAP_OK);
        MUST(out.error == LEX_OK && !out.scope && out.n == n && out.comment == line.len);
        for (size_t i = 0; i < n; i++)
            MUST(khap__str_eq(out.words[i].value, words[i]) && !out.words[i].variable);
        khap__arena_free(&arena);
    }
}

/* One word between two others, so that it may begin with anything; nothing is written of a refused one. */
static void one_word(const struct range *range, struct khap_str word)
{
    struct khap_str words[3] = {S("key"), word, S("end")};
    struct buf line;
    khap__buf_init(&line, NULL);
    khap__buf_add(&line, S("key "));
    enum encode_error error = khap__encode_word(&line, range->first, range->last, word);
    MUST((error == ENCODE_EMPTY) == (word.len == 0));
    MUST((error == ENCODE_NUL) == (khap__str_find(word, '\0') < word.len));
    MUST(error != ENCODE_TOO_LONG_15 || (range->first == KHAP_OLDEST && word.len * 4 >= LINE_15 - 2));
    if (error != ENCODE_OK) {
        MUST(line.len == 4);
    } else {
        struct khap_str written = khap__str_sub(khap__buf_str(&line), 4, line.len);
        MUST(khap__str_find(written, '\n') == written.len && khap__str_find(written, '\r') == written.len &&
             khap__str_find(written, '\0') == written.len);
        khap__buf_add(&line, S(" end"));
        MUST(!line.failed);
        if (range->first > KHAP_OLDEST || line.len < LINE_15)
            must_read(range, khap__buf_str(&line), words, 3);
    }
    khap__buf_free(&line);
}

/* All words in one line of a document. */
static void one_line(const struct range *range, const struct khap_str *words, size_t n, uint32_t indent)
{
    struct khap_target target;
    struct khap_document *doc;
    struct khap_line *line = NULL;
    bool good = n <= 64, fits = range->first > KHAP_OLDEST;
    size_t total = indent + n;
    for (size_t i = 0; i < n; i++) {
        good = good && words[i].len > 0;
        total += words[i].len * 4;
    }
    good = good && (n == 0 || (words[0].ptr[0] != '.' && words[0].ptr[0] != '['));
    fits = fits || total < LINE_15;
    khap_target_init(&target);
    target.first = range->first;
    target.last = range->last;
    MUST(khap_document_new(NULL, &target, &doc) == KHAP_OK);
    enum khap_status status =
        khap_document_insert(doc, NULL, indent, words, n, (struct khap_place){0, 0, 0}, &line);
    MUST(status == KHAP_OK || status == KHAP_EINPUT);
    if (good && fits)
        MUST(status == KHAP_OK);
    if (status != KHAP_OK) {
        MUST(!good || !fits);
        MUST(khap_line_next(doc, NULL) == NULL && khap_document_length(doc) == 0);
    } else {
        struct khap_str text = khap_line_text(line);
        MUST(good && text.len > 0 && khap__str_find(text, '\n') == text.len - 1);
        text.len--;
        must_read(range, text, words, n);
    }
    khap_document_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct range range;
    struct khap_str words[MOST];
    size_t releases = 0, n = 0;
    while (khap_release_at(releases) != 0)
        releases++;
    range.first = khap_release_at(data[0] % releases);
    range.last = khap_release_at(data[1] % releases);
    if (range.first > range.last)
        range.last = range.first;
    char *exact = malloc(size - 2 + 1); /* a step over the end is seen */
    MUST(exact != NULL);
    memcpy(exact, data + 2, size - 2);
    struct khap_str rest = {exact, size - 2};
    one_word(&range, rest);
    for (bool more = true; more && n < MOST; n++) {
        size_t end = khap__str_find(rest, '\0');
        more = end < rest.len;
        words[n] = khap__str_sub(rest, 0, end);
        rest = khap__str_sub(rest, end + 1, rest.len);
        one_word(&range, words[n]);
    }
    one_line(&range, words, n, data[0] / 32);
    free(exact);
    return 0;
}
