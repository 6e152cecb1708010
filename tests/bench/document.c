/*
 * How fast a configuration is read, beside looking for its line ends: seconds, best of several rounds, of a newline scan, of parsing with
 * all diagnostics, of parsing and decoding every word, of printing, of laying it out. With `parse` as second word it parses once and ends, so
 * that its memory can be measured. SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"
#include <khap/khap.h>
#include <string.h>

enum { ROUNDS = 5, SCAN, PARSE, WORDS, PRINT, FORMAT, COUNT };

static double best[COUNT];

static double took(int what, double since)
{
    double seconds = now() - since;
    if (best[what] == 0 || seconds < best[what])
        best[what] = seconds;
    return now();
}

static size_t count_lines(struct khap_str text)
{
    size_t n = 0;
    for (const char *at = text.ptr, *end = at + text.len;
         at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        n++;
    return n;
}

int main(int argc, char **argv)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_words *words;
    struct khap_target target;
    uint32_t id;
    size_t len, lines = 0, n_words = 0, bytes = 0;
    char *file = argc >= 2 ? slurp(argv[1], &len) : NULL;
    struct khap_str text = {file, len};
    khap_target_init(&target);
    target.first = target.last = KHAP_NEWEST;
    if (!file || khap_sources_new(NULL, &sources) || khap_diags_new(NULL, sources, &diags) ||
        khap_sources_add(sources, (struct khap_str){"haproxy.cfg", 11}, text, &id) ||
        khap_words_new(NULL, &words))
        return 2;
    for (int round = 0; round < ROUNDS; round++) {
        struct khap_document *doc;
        struct khap_sink sink = {&bytes, swallow};
        double start = now(), at;
        lines += count_lines(text);
        at = start = took(SCAN, start);
        if (khap_document_parse(NULL, &target, text, id, diags, &doc) != KHAP_OK)
            return 1;
        at = took(PARSE, at);
        if (argc > 2)
            return 0;
        for (struct khap_line *line = NULL; (line = khap_line_next(doc, line));) {
            if (khap_words_read(words, doc, line) != KHAP_OK)
                return 1;
            n_words += khap_words_count(words);
        }
        at = took(WORDS, start);
        khap_document_print(doc, &sink);
        at = took(PRINT, at);
        if (khap_document_format(doc) != KHAP_OK)
            return 1;
        took(FORMAT, at);
        khap_document_free(doc);
    }
    printf("%.6f %.6f %.6f %.6f %.6f %zu %zu\n", best[SCAN], best[PARSE], best[WORDS], best[PRINT],
           best[FORMAT], lines / ROUNDS, n_words / ROUNDS);
    return bytes == len * ROUNDS ? 0 : 1;
}
