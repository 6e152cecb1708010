/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/test_results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void results_begin(struct results *all, struct khap_str name, struct khap_place place)
{
    if (all->n == all->room) {
        size_t room = all->room < 64 ? 64 : all->room * 2;
        struct result *tests =
            room > SIZE_MAX / sizeof *tests ? NULL : realloc(all->tests, room * sizeof *tests);
        if (tests == NULL) {
            all->no_memory = true;
            return;
        }
        all->tests = tests;
        all->room = room;
    }
    all->tests[all->n++] = (struct result){.name = name, .place = place};
}

enum khap_status results_fault(void *ctx, const struct khap_routes_fault *fault)
{
    struct results *all = ctx;
    struct result *test = &all->tests[all->n - 1];
    struct result_fault *faults = realloc(test->faults, (test->n_faults + 1) * sizeof *faults);
    const size_t room = strlen(fault->key) + fault->wanted.len + fault->got.len + 64;
    char *text = malloc(room);
    if (faults != NULL)
        test->faults = faults;
    if (faults == NULL || text == NULL) {
        free(text);
        all->no_memory = true;
        return KHAP_ENOMEM;
    }
    if (test->n_faults == 0)
        all->failed++;
    size_t at = (size_t)snprintf(text, room, "%s: wanted ", fault->key);
    memcpy(text + at, fault->wanted.ptr, fault->wanted.len);
    at += fault->wanted.len;
    at += (size_t)snprintf(text + at, room - at, "%s",
                           fault->unknown != 0 ? ", which is not certain: " : ", got ");
    if (fault->got.len > 0)
        memcpy(text + at, fault->got.ptr, fault->got.len);
    text[at + fault->got.len] = '\0';
    /* what comes from a configuration may hold anything, and this is a text */
    for (char *c = text; c < text + at + fault->got.len; c++)
        *c = *c == '\0' ? ' ' : *c;
    faults[test->n_faults++] = (struct result_fault){text, fault->place};
    return KHAP_OK;
}

/* How many bytes of UTF-8 stand at `at`, of a character that XML 1.0 and terminals take; 0 for others. */
static size_t good_bytes(const unsigned char *at, size_t left)
{
    unsigned byte = at[0];
    size_t n = byte < 0x80                   ? 1
               : byte >= 0xc2 && byte < 0xe0 ? 2
               : (byte & 0xf0) == 0xe0       ? 3
               : byte >= 0xf0 && byte < 0xf5 ? 4
                                             : 0;
    uint32_t code = n == 1 ? byte : byte & (0x7fu >> n);
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    bool overlong = (n == 3 && code < 0x800) || (n == 4 && code < 0x10000);
    bool bad = code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0xd800 && code < 0xe000) ||
               (code & 0xfffe) == 0xfffe || code > 0x10ffff;
    return overlong || bad ? 0 : n;
}

/* As text: what is no character of a line is a question mark. `format` says what else is escaped. */
static void put(struct khap_str text, enum results_format format)
{
    for (size_t i = 0; i < text.len;) {
        size_t n = good_bytes((const unsigned char *)text.ptr + i, text.len - i);
        char c = n == 0 ? '?' : text.ptr[i];
        if (format == RESULTS_JUNIT && n == 1 && strchr("<>&\"'", c) != NULL)
            printf("&#%d;", c);
        else if (format == RESULTS_TAP && (c == '#' || c == '\\'))
            printf("\\%c", c);
        else if (n == 0)
            putchar('?');
        else
            fwrite(text.ptr + i, 1, n, stdout);
        i += n == 0 ? 1 : n;
    }
}

static void put_place(const struct khap_sources *sources, struct khap_place place, enum results_format format)
{
    uint32_t line, column;
    if (place.source == 0)
        return;
    put(khap_sources_name(sources, place.source), format);
    khap_sources_locate(sources, place, &line, &column);
    printf(":%u", line);
}

static void put_fault(const struct result_fault *fault, const struct khap_sources *sources,
                      enum results_format format)
{
    put_place(sources, fault->place, format);
    printf(": ");
    put(word(fault->text), format);
}

static void put_coverage(const struct coverage *c, const struct khap_sources *sources,
                         enum results_format format, const char *before)
{
    printf("%s%zu of %zu rules reached\n", before, c->reached, c->n);
    for (size_t i = 0; i < c->n; i++) {
        if (c->rules[i].reached)
            continue;
        printf("%snot reached: ", before);
        if (c->rules[i].place.source != 0) {
            put_place(sources, c->rules[i].place, format);
        } else { /* a line that no key asked for */
            printf("in ");
            put(c->rules[i].section, format);
        }
        printf(": ");
        put(c->rules[i].text, format);
        putchar('\n');
    }
}

static void show_text(const struct results *all, const struct coverage *c, const struct khap_sources *sources)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct result *test = &all->tests[i];
        printf("%s ", test->n_faults == 0 ? "ok  " : "FAIL");
        put(test->name, RESULTS_TEXT);
        putchar('\n');
        for (size_t k = 0; k < test->n_faults; k++) {
            printf("     ");
            put_fault(&test->faults[k], sources, RESULTS_TEXT);
            putchar('\n');
        }
    }
    printf("%zu of %zu as expected\n", all->n - all->failed, all->n);
    put_coverage(c, sources, RESULTS_TEXT, "");
}

static void show_tap(const struct results *all, const struct coverage *c, const struct khap_sources *sources)
{
    printf("1..%zu\n", all->n);
    for (size_t i = 0; i < all->n; i++) {
        const struct result *test = &all->tests[i];
        printf("%s %zu - ", test->n_faults == 0 ? "ok" : "not ok", i + 1);
        put(test->name, RESULTS_TAP);
        putchar('\n');
        for (size_t k = 0; k < test->n_faults; k++) {
            printf("# ");
            put_fault(&test->faults[k], sources, RESULTS_TEXT);
            putchar('\n');
        }
    }
    put_coverage(c, sources, RESULTS_TEXT, "# ");
}

static void show_junit(const struct results *all, const char *table, const struct coverage *c,
                       const struct khap_sources *sources)
{
    printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\">\n"
           "  <testsuite name=\"",
           all->n, all->failed);
    put(word(table), RESULTS_JUNIT);
    printf("\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n", all->n, all->failed);
    for (size_t i = 0; i < all->n; i++) {
        const struct result *test = &all->tests[i];
        uint32_t line = 0, column = 0;
        khap_sources_locate(sources, test->place, &line, &column);
        printf("    <testcase classname=\"");
        put(word(table), RESULTS_JUNIT);
        printf("\" name=\"");
        put(test->name, RESULTS_JUNIT);
        printf("\" file=\"");
        put(word(table), RESULTS_JUNIT);
        printf("\" line=\"%u\"%s\n", line, test->n_faults == 0 ? "/>" : ">");
        for (size_t k = 0; k < test->n_faults; k++) {
            printf("      <failure message=\"");
            put(word(test->faults[k].text), RESULTS_JUNIT);
            printf("\">");
            put_fault(&test->faults[k], sources, RESULTS_JUNIT);
            printf("</failure>\n");
        }
        if (test->n_faults > 0)
            printf("    </testcase>\n");
    }
    printf("    <system-out>");
    put_coverage(c, sources, RESULTS_JUNIT, "");
    printf("</system-out>\n  </testsuite>\n</testsuites>\n");
}

void results_show(const struct results *all, enum results_format format, const char *table,
                  const struct coverage *c, const struct khap_sources *sources)
{
    switch (format) {
    case RESULTS_TEXT:
        show_text(all, c, sources);
        break;
    case RESULTS_TAP:
        show_tap(all, c, sources);
        break;
    case RESULTS_JUNIT:
        show_junit(all, table, c, sources);
        break;
    }
}

void results_free(struct results *all)
{
    for (size_t i = 0; i < all->n; i++) {
        for (size_t k = 0; k < all->tests[i].n_faults; k++)
            free(all->tests[i].faults[k].text);
        free(all->tests[i].faults);
    }
    free(all->tests);
}
