/*
 * corpus/corpus.c - files, whole and damaged, through the library: what is parsed is printed byte for byte
 *
 *     corpus N <NAMES        names of files, one a line
 *
 * Each file is read as all releases that read lines in their own way, and as ranges of them; it goes through JSON and back; it is laid out
 * twice (a large one not as all of them). Then with other line ends, cut at every byte, and with a bit of every byte flipped: every byte of files up to N KB, fewer places of
 * larger ones, so that no file costs more than N * N MB.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cfg/lex.h"
#include "khapgen/json_document.h"

enum { MOST_TARGETS = 32, MOST_FAILURES = 20, FEWEST_PLACES = 16, LARGE = 1 << 18 };

struct corpus {
    struct khap_target targets[MOST_TARGETS]; /* a release for each kind of rules, then ranges */
    size_t n_targets, n_releases, turn;
    const char *file; /* the present one, and what was done to it */
    const char *what;
    size_t at;
    struct khap_words *words;
    struct buf printed, json, again; /* used again and again */
    uint64_t kilobytes, failures;
    uint64_t n_files, n_bytes, n_back, n_json, n_format, n_ends, n_cut, n_flipped, n_lines, n_words, n_diags;
};

static void must(struct corpus *c, const struct khap_target *target, bool good, const char *condition)
{
    if (good || c->failures++ >= MOST_FAILURES)
        return;
    printf("failed: %s, %s %zu, as %u to %u: %s\n", c->file, c->what, c->at, target->first, target->last,
           condition);
}
#define MUST(condition) must(c, target, condition, #condition)

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

static struct khap_str print(const struct khap_document *doc, struct buf *out)
{
    struct khap_sink sink = {out, into_buf};
    khap__buf_clear(out);
    if (khap_document_print(doc, &sink) != KHAP_OK || out->failed) {
        fprintf(stderr, "corpus: out of memory\n");
        exit(2);
    }
    return khap__buf_str(out);
}

static void read_words(struct corpus *c, const struct khap_target *target, const struct khap_document *doc)
{
    for (const struct khap_line *line = NULL; (line = khap_line_next(doc, line)) != NULL; c->n_lines++) {
        MUST(khap_words_read(c->words, doc, line) == KHAP_OK);
        MUST(khap_words_count(c->words) <= 64);
        c->n_words += khap_words_count(c->words);
    }
}

/* Through JSON and back, by khapgen's own reader. */
static void through_json(struct corpus *c, const struct khap_target *target, const struct khap_document *doc,
                         struct khap_str text)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_document *second = NULL;
    struct khap_sink sink = {&c->json, into_buf};
    uint32_t id;
    khap__buf_clear(&c->json);
    MUST(khap_document_print_json(doc, &sink) == KHAP_OK && !c->json.failed);
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_sources_add(sources, S("json"), khap__buf_str(&c->json), &id) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    MUST(json_document_read(khap__buf_str(&c->json), id, NULL, diags, &second) == KHAP_OK);
    if (second != NULL)
        MUST(khap__str_eq(print(second, &c->again), text));
    khap_document_free(second);
    khap_diags_free(diags);
    khap_sources_free(sources);
    c->n_json++;
}

/* Laid out once and twice: the same bytes. */
static void lay_out(struct corpus *c, const struct khap_target *target, struct khap_document *doc)
{
    struct khap_document *second;
    MUST(khap_document_format(doc) == KHAP_OK);
    struct khap_str once = print(doc, &c->printed);
    MUST(khap_document_parse(NULL, target, once, 0, NULL, &second) == KHAP_OK);
    MUST(khap_document_format(second) == KHAP_OK);
    MUST(khap__str_eq(print(second, &c->again), once));
    khap_document_free(second);
    c->n_format++;
}

/* A text as one target: with all that is said of it when it is `whole`. */
static void back(struct corpus *c, const struct khap_target *target, struct khap_str text, bool whole)
{
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_document *doc;
    uint32_t id;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK);
    MUST(khap_sources_add(sources, S("x"), text, &id) == KHAP_OK);
    MUST(khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    MUST(khap_document_parse(NULL, target, text, id, diags, &doc) == KHAP_OK);
    MUST(khap_document_length(doc) == text.len);
    MUST(khap__str_eq(print(doc, &c->printed), text));
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(diags, d)) != NULL; c->n_diags++) {
        struct khap_place place = khap_diag_place(d);
        MUST(place.source == id && place.offset + (uint64_t)place.len <= text.len);
    }
    if (whole) {
        read_words(c, target, doc);
        through_json(c, target, doc, text);
        lay_out(c, target, doc);
    }
    khap_document_free(doc);
    khap_diags_free(diags);
    khap_sources_free(sources);
    c->n_back++;
}

/* As all targets; with everything that is slower as all of them, or, of large texts and of changed ones, as two that take turns. */
static void all_targets(struct corpus *c, struct khap_str text, const char *what, bool changed)
{
    bool all = !changed && text.len <= LARGE;
    c->what = what;
    c->at = 0;
    for (size_t i = 0; i < c->n_targets; i++)
        back(c, &c->targets[i], text, all || (c->turn + i) % c->n_targets < 2);
    c->turn++;
}

/* Another line end for every LF; a CR before it goes. NULL keeps the one that is there, `mixed` takes each in turn. */
static void line_ends(struct corpus *c, struct khap_str text, const char *end, bool mixed, const char *what)
{
    static const char *const ends[] = {"\n", "\r\n", "\r", "\n\r", "\r\r\n"};
    struct buf out;
    size_t n = 0;
    khap__buf_init(&out, NULL);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n')
            khap__buf_add(&out, khap__str(mixed ? ends[n++ % 5] : end));
        else if (text.ptr[i] != '\r' || i + 1 == text.len || text.ptr[i + 1] != '\n')
            khap__buf_char(&out, text.ptr[i]);
    }
    if (!khap__str_eq(khap__buf_str(&out), text)) {
        all_targets(c, khap__buf_str(&out), what, true);
        c->n_ends++;
    }
    khap__buf_free(&out);
}

static void damaged(struct corpus *c, char *bytes, size_t len)
{
    uint64_t places = c->kilobytes * 1024, most = (c->kilobytes * c->kilobytes << 20) / (len + 1);
    places = places < most ? places : most;
    places = places < FEWEST_PLACES ? FEWEST_PLACES : places;
    size_t step = len <= places ? 1 : (size_t)(len / places);
    for (size_t at = 0, k = 0; at < len; at += step, k++) {
        c->at = at;
        c->what = "cut at byte";
        back(c, &c->targets[k % c->n_targets], (struct khap_str){bytes, at}, false);
        c->n_cut++;
        char was = bytes[at];
        bytes[at] = (char)(unsigned char)((unsigned char)was ^ 1u << k % 8);
        c->what = "a bit flipped in byte";
        back(c, &c->targets[(k + 3) % c->n_targets], (struct khap_str){bytes, len}, false);
        bytes[at] = was;
        c->n_flipped++;
    }
}

static char *read_file(const char *name, size_t *len)
{
    FILE *f = fopen(name, "rb");
    size_t room = 1 << 16, n = 0;
    char *bytes = malloc(room);
    while (f != NULL && bytes != NULL && (n += fread(bytes + n, 1, room - n, f)) == room)
        bytes = realloc(bytes, room *= 2);
    if (f == NULL || bytes == NULL || ferror(f)) {
        perror(name);
        exit(2);
    }
    fclose(f);
    *len = n;
    /* a block of its own size: a step over the end is seen */
    char *exact = malloc(n == 0 ? 1 : n);
    if (exact == NULL)
        exit(2);
    memcpy(exact, bytes, n);
    free(bytes);
    return exact;
}

static void one_file(struct corpus *c, const char *name)
{
    size_t len;
    char *bytes = read_file(name, &len);
    struct khap_str text = {bytes, len};
    c->file = name;
    all_targets(c, text, "whole", false);
    line_ends(c, text, "\n", false, "lines end with LF");
    line_ends(c, text, "\r\n", false, "lines end with CR LF");
    line_ends(c, text, "\r", false, "lines end with CR");
    line_ends(c, text, NULL, true, "mixed line ends");
    damaged(c, bytes, len);
    free(bytes);
    c->n_files++;
    c->n_bytes += len;
}

static void add_target(struct corpus *c, uint16_t first, uint16_t last)
{
    struct khap_target *t = &c->targets[c->n_targets++];
    khap_target_init(t);
    t->first = first;
    t->last = last;
}

int main(int argc, char **argv)
{
    static char name[4096];
    struct corpus c = {.kilobytes = argc == 2 ? strtoull(argv[1], NULL, 10) : 0};
    if (c.kilobytes == 0 || c.kilobytes > 4096) {
        fprintf(stderr, "usage: corpus N <NAMES\n");
        return 2;
    }
    for (uint16_t r = KHAP_OLDEST; r != 0 && c.n_targets < MOST_TARGETS - 3; r = khap__lex_next_rules(r))
        add_target(&c, r, r);
    c.n_releases = c.n_targets;
    add_target(&c, KHAP_OLDEST, KHAP_NEWEST);
    add_target(&c, KHAP_RELEASE(2, 2), KHAP_NEWEST);
    khap__buf_init(&c.printed, NULL);
    khap__buf_init(&c.json, NULL);
    khap__buf_init(&c.again, NULL);
    if (khap_words_new(NULL, &c.words) != KHAP_OK)
        return 2;
    while (fgets(name, sizeof name, stdin) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        one_file(&c, name);
    }
    printf("files %llu bytes %llu releases %zu back %llu lines %llu words %llu diagnostics %llu json %llu "
           "fmt %llu ends %llu cut %llu "
           "flipped %llu failures %llu\n",
           (unsigned long long)c.n_files, (unsigned long long)c.n_bytes, c.n_releases,
           (unsigned long long)c.n_back, (unsigned long long)c.n_lines, (unsigned long long)c.n_words,
           (unsigned long long)c.n_diags, (unsigned long long)c.n_json, (unsigned long long)c.n_format,
           (unsigned long long)c.n_ends, (unsigned long long)c.n_cut, (unsigned long long)c.n_flipped,
           (unsigned long long)c.failures);
    khap_words_free(c.words);
    khap__buf_free(&c.printed);
    khap__buf_free(&c.json);
    khap__buf_free(&c.again);
    return c.failures != 0;
}
