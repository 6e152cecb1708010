/*
 * A driver for the tests of the schema. `schema_driver rows` prints every row: table, words, first, last and first warning release
 * (-: none), prefixes, flags, arguments, 1 where an argument is any text, evidence, and the properties of fetches, converters and
 * criteria, separated by tabs. Without an argument it reads lines "RELEASE TABLE LINE" separated by
 * tabs, and answers each with one:
 *
 *   good
 *   PROBLEM WORD OFFSET LEN EXPECTED        PROBLEM: unknown, release, prefix, missing, unexpected, option, bad, range, value
 *
 * "unknown:", "wrong:" and "cast:" name a fetch, a converter or an alias that no row has, whose arguments are wrong, or that what stands before it does not go
 * with. Each is followed by a tab and "KIND:NAME" for each reference, "=KIND:NAME" for each definition, "own KIND:" where the proxy itself is meant.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "cfg/lex.h"
#include "schema/schema.h"
#include "value/tree.h"

#include <stdio.h>
#include <stdlib.h>

static void put(struct khap_str s)
{
    fwrite(s.ptr, 1, s.len, stdout);
}

static void put_release(uint16_t release)
{
    if (release == 999)
        printf("-");
    else
        printf("%d.%d", release / 100, release % 100);
}

/* As the column of flags has them. */
static void put_properties(const struct schema_row *row)
{
    if (row->out != SAMPLE_NONE) {
        printf("out=");
        put(khap__schema_sample_name((enum schema_sample)row->out));
    }
    if (row->in != SAMPLE_NONE) {
        printf(",in=");
        put(khap__schema_sample_name((enum schema_sample)row->in));
    }
    if (row->places != 0) {
        printf(",at=");
        for (unsigned place = 0; place < PLACE_COUNT; place++)
            putchar(khap__schema_legal(row, (enum schema_place)place) ? 'Y' : '.');
    }
    if (row->of != 0) {
        printf("of=");
        put(khap__schema_text(row->of));
        printf(",match=");
        put(khap__schema_text(row->match));
    }
}

static void rows(void)
{
    for (unsigned table = 0; table < TABLE_COUNT; table++) {
        size_t at = 0;
        const struct schema_row *row;
        while ((row = khap__schema_at(table, &at)) != NULL) {
            put(khap__schema_table_name(table));
            putchar('\t');
            put(khap__schema_text(row->words));
            putchar('\t');
            put_release(row->first);
            putchar('\t');
            put_release(row->last);
            putchar('\t');
            put_release(row->warns);
            printf("\t%u\t%u\t", row->prefix, row->flags);
            put(khap__schema_text(row->arguments));
            printf("\t%u\t", row->free);
            put(khap__schema_text(row->evidence));
            putchar('\t');
            put_properties(row);
            putchar('\n');
        }
    }
}

static enum khap_status reference(void *ctx, const struct schema_reference *r)
{
    (void)ctx;
    if (r->late)
        return KHAP_OK;
    printf("\t%s", r->defines ? "=" : r->own ? "own " : "");
    put(khap__schema_kind_name(r->kind));
    putchar(':');
    put(r->name);
    return KHAP_OK;
}

static enum khap_status item(void *ctx, const struct schema_item *i)
{
    if (i->kind == SCHEMA_ITEM_ACL)
        return KHAP_OK;
    const char *what = NULL;
    if (i->row == NULL)
        what = "unknown";
    else if (i->line != NULL && i->line->problem != SCHEMA_GOOD)
        what = "wrong";
    else if (i->kind == SCHEMA_ITEM_CONVERTER &&
             !khap__schema_casts(i->from, (enum schema_sample)i->row->in, *(const uint16_t *)ctx))
        what = "cast";
    if (what != NULL) {
        printf("\t%s:", what);
        put(i->node->text);
    }
    return KHAP_OK;
}

static enum khap_status problem(void *ctx, const struct khap_value_error *error)
{
    (void)ctx;
    printf("\tvalue:%s", khap_value_problem_text(error->problem));
    return KHAP_OK;
}

static void judge(struct arena *arena, uint16_t release, const char *table_name, const char *text)
{
    static const char *const problems[] = {"good",       "unknown", "release", "prefix", "missing",
                                           "unexpected", "option",  "bad",     "range"};
    struct lex_line lex;
    struct schema_line line;
    struct schema_word words[64];
    int table = khap__schema_table(khap__str(table_name));
    if (table < 0) {
        printf("no such table\n");
        return;
    }
    if (khap__lex_line(arena, release, khap__str(text), &lex) != KHAP_OK || lex.error != LEX_OK) {
        printf("unreadable\n");
        return;
    }
    for (uint32_t i = 0; i < lex.n; i++)
        words[i] = (struct schema_word){lex.words[i].value, lex.words[i].variable, lex.words[i].many};
    if (khap__schema_read(arena, (unsigned)table, release, words, lex.n, &line) != KHAP_OK)
        abort();
    printf("%s", problems[line.problem]);
    if (line.problem != SCHEMA_GOOD) {
        struct buf expected;
        khap__buf_init(&expected, &arena->alloc);
        if (line.row != NULL && khap__schema_print_expected(&line, &expected) != KHAP_OK)
            abort();
        printf(" %u %u %u %.*s", line.word, line.offset, line.len, (int)expected.len,
               expected.len > 0 ? expected.ptr : "");
        khap__buf_free(&expected);
    } else {
        struct schema_visitor visitor = {&release, reference, item, problem};
        if (khap__schema_visit(arena, release, words, lex.n, &line, &visitor) != KHAP_OK)
            abort();
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "rows") == 0) {
        rows();
        return 0;
    }
    char *line = NULL;
    size_t cap = 0;
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    struct arena arena;
    khap__arena_init(&arena, &alloc);
    while (getline(&line, &cap, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *table = strchr(line, '\t'), *text = table == NULL ? NULL : strchr(table + 1, '\t');
        unsigned major, minor;
        if (text == NULL || sscanf(line, "%u.%u", &major, &minor) != 2)
            return 2;
        *table++ = *text++ = '\0';
        judge(&arena, (uint16_t)(major * 100 + minor), table, text);
        fflush(stdout);
        khap__arena_reset(&arena);
    }
    khap__arena_free(&arena);
    free(line);
    return 0;
}
