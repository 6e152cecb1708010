/* fuzz/fuzz_format.c - any bytes laid out: the same words, comments and order of lines; nothing left to do the second time.
 * The first byte chooses the target.
 * covers: lib/cfg/format.c
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"
#include "cfg/lex.h"
#include <khap/cfg.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* The next line that is not blank, cut at its LF and without the CR at its end. */
static bool next_line(struct khap_str *rest, struct khap_str *line)
{
    while (rest->len > 0) {
        size_t end = khap__str_find(*rest, '\n'), i = 0;
        *line = khap__str_sub(*rest, 0, end);
        *rest = khap__str_sub(*rest, end + 1, rest->len);
        while (line->len > 0 && line->ptr[line->len - 1] == '\r')
            line->len--;
        while (i < line->len && (line->ptr[i] == ' ' || (line->ptr[i] >= '\t' && line->ptr[i] <= '\r')))
            i++;
        if (i < line->len)
            return true;
    }
    return false;
}

static struct khap_str comment_of(struct khap_str line, const struct lex_line *lexed)
{
    struct khap_str c = khap__str_sub(line, lexed->comment, line.len);
    while (c.len > 0 && (c.ptr[c.len - 1] == ' ' || c.ptr[c.len - 1] == '\t' || c.ptr[c.len - 1] == '\r'))
        c.len--;
    return c;
}

static void must_read_alike(struct khap_str old, struct khap_str now, const struct khap_target *target)
{
    struct khap_str a, b;
    bool more = next_line(&old, &a);
    for (; more; more = next_line(&old, &a)) {
        MUST(next_line(&now, &b));
        for (size_t k = 0; khap_release_at(k) != 0; k++) {
            uint16_t release = khap_release_at(k);
            struct arena arena;
            struct lex_line x, y;
            if (release < target->first || release > target->last)
                continue;
            khap__arena_init(&arena, NULL);
            MUST(khap__lex_line(&arena, release, a, &x) == KHAP_OK &&
                 khap__lex_line(&arena, release, b, &y) == KHAP_OK);
            MUST(x.n == y.n && x.error == y.error && x.scope == y.scope);
            for (uint32_t i = 0; i < x.n; i++)
                MUST(khap__str_eq(x.words[i].value, y.words[i].value) &&
                     x.words[i].variable == y.words[i].variable);
            if (x.error == LEX_OK && release == target->last)
                MUST(khap__str_eq(comment_of(a, &x), comment_of(b, &y)));
            khap__arena_free(&arena);
        }
    }
    MUST(!next_line(&now, &b));
}

static void lay_out(const struct khap_target *target, struct khap_str text, struct buf *out)
{
    struct khap_document *doc;
    struct khap_sink sink = {out, into_buf};
    MUST(khap_document_parse(NULL, target, text, 0, NULL, &doc) == KHAP_OK);
    MUST(khap_document_format(doc) == KHAP_OK);
    MUST(khap_document_print(doc, &sink) == KHAP_OK && khap_document_length(doc) == out->len);
    khap_document_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct khap_target target;
    size_t n = 0;
    while (khap_release_at(n) != 0)
        n++;
    khap_target_init(&target);
    target.first = khap_release_at(data[0] % n);
    target.last = (data[0] & 128) != 0 ? KHAP_NEWEST : target.first;
    struct khap_str text = {(const char *)data + 1, size - 1};
    struct buf once, twice;
    khap__buf_init(&once, NULL);
    khap__buf_init(&twice, NULL);
    lay_out(&target, text, &once);
    must_read_alike(text, khap__buf_str(&once), &target);
    MUST(once.len == 0 || once.ptr[once.len - 1] == '\n');
    lay_out(&target, khap__buf_str(&once), &twice);
    MUST(khap__str_eq(khap__buf_str(&once), khap__buf_str(&twice)));
    khap__buf_free(&once);
    khap__buf_free(&twice);
    return 0;
}
