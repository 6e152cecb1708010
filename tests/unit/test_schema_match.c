/*
 * The engine that reads lines by the argument grammar, on a small table of its own: unit/schema_match/keywords.tsv is made into tables by
 * schema.awk as the real ones are, and schema/find.c and schema/match.c are built with those.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "value_help.h"

#include "schema/schema.h"
#include "value/tree.h"

enum { MOST_WORDS = 16 };

/* Words with blanks between them; `$` begins one that holds a variable, `$$` one that may be several words. */
static size_t words_of(const char *text, struct schema_word *words)
{
    size_t n = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        assert_true(n < MOST_WORDS);
        words[n] = (struct schema_word){{text, len}, text[0] == '$', text[0] == '$' && text[1] == '$'};
        n++;
        text += len + (text[len] == ' ');
    }
    return n;
}

static const char *const problem_names[] = {"good",       "unknown", "release", "prefix", "missing",
                                            "unexpected", "option",  "bad",     "range"};

/* What became of a line: "good", or what is wrong, the word, the offset in it, and what was expected. */
static void print_line(struct arena *arena, uint16_t release, const char *text, struct buf *out)
{
    struct schema_word words[MOST_WORDS];
    struct schema_line line;
    size_t n = words_of(text, words);
    assert_int_equal(khap__schema_read(arena, TABLE_FRONTEND, release, words, n, &line), KHAP_OK);
    struct buf expected;
    khap__buf_init(&expected, NULL);
    khap__buf_clear(out);
    khap__buf_add(out, str(problem_names[line.problem]));
    if (line.problem != SCHEMA_GOOD) {
        khap__buf_char(out, ' ');
        khap__buf_int(out, line.word);
        khap__buf_char(out, ' ');
        khap__buf_int(out, line.offset);
    }
    if (line.problem >= SCHEMA_MISSING) {
        assert_int_equal(khap__schema_print_expected(&line, &expected), KHAP_OK);
        khap__buf_char(out, ' ');
        khap__buf_add(out, khap__buf_str(&expected));
    }
    khap__buf_free(&expected);
}

static void check_line(uint16_t release, const char *text, const char *wanted)
{
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    struct arena arena;
    struct buf out;
    khap__arena_init(&arena, &alloc);
    khap__buf_init(&out, NULL);
    print_line(&arena, release, text, &out);
    if (!khap__str_eq(khap__buf_str(&out), str(wanted)))
        fail_msg("'%s': got '%.*s', wanted '%s'", text, S_ARG(khap__buf_str(&out)), wanted);
    khap__buf_free(&out);
    khap__arena_free(&arena);
}

struct row {
    const char *text, *wanted;
};

#define check_rows(release, rows)                                                                            \
    do {                                                                                                     \
        for (size_t i_ = 0; i_ < sizeof(rows) / sizeof *(rows); i_++)                                        \
            check_line((release), (rows)[i_].text, (rows)[i_].wanted);                                       \
    } while (0)

static void test_items(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bare", "good"},
        {"bare x", "unexpected 1 0 the end of the line"},
        {"word on", "good"},
        {"word", "missing 1 0 'on'"},
        {"word off", "unexpected 1 0 'on'"},
        {"quoted ON[ a|b", "good"},
        {"quoted on[ a|b", "unexpected 1 0 'ON['"},
        {"forbidden -m 3", "good"},
        {"forbidden x", "good"},
        {"forbidden -m", "missing 2 0 an integer"},
        {"alone x", "good"},
        {"alone", "good"},
        {"alone y", "option 1 0 x"},
        {"negated text", "good"},
        {"negated !!!text", "good"},
        {"negated !! ! !!text", "good"},
        {"negated !!", "missing 2 0 one of !text, text"},
        {"recased Ab aB", "good"},
        {"recased Ab ac", "bad 2 0 the same name, perhaps in other letters"},
        {"optional last", "good"},
        {"optional first 3 last", "good"},
        {"optional second last", "good"},
        {"optional first 9 second last", "good"},
        {"optional", "missing 1 0 'first'"},
        {"optional second first 3 last", "unexpected 2 0 'last'"},
        {"optional last last", "unexpected 2 0 the end of the line"},
        {"alternative a 1 x", "good"},
        {"alternative a 10s y", "good"},
        {"alternative b c", "good"},
        {"alternative b d", "good"},
        {"alternative b", "missing 2 0 'c'"},
        {"alternative b e", "unexpected 2 0 'c'"},
        {"alternative c", "unexpected 1 0 'a'"},
        {"many 1", "good"},
        {"many 1 2 3 4 5", "good"},
        {"many", "missing 1 0 an integer from 0 to 5"},
        {"many 1 2 x", "bad 3 0 an integer from 0 to 5"},
        {"many-optional end", "good"},
        {"many-optional a b a end", "good"},
        {"many-optional a b c end", "unexpected 3 0 'a'"},
    };
    check_rows(206, rows);
}

static void test_farthest(void **state)
{
    (void)state;
    /* of several ways the one that got farthest says what is wrong */
    static const struct row rows[] = {
        {"alternative a 10s x", "unexpected 3 0 'y'"},
        {"alternative a 10 x", "unexpected 3 0 'y'"},
        {"alternative a 1 z", "unexpected 3 0 'x'"},
        {"alternative a 1", "missing 3 0 'x'"},
        {"optional first 10 last", "range 2 0 an integer from 1 to 9"},
        {"optional first x last", "bad 2 0 an integer from 1 to 9"},
        {"split 1 all 7", "unexpected 3 0 the end of the line"},
        {"split 1 4/7", "range 2 2 an integer from 5 to 6"},
    };
    check_rows(206, rows);
}

static void test_splits(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"split 1", "good"},
        {"status 404", "good"},
        {"status +0404x", "good"},
        {"status 405", "option 1 0 one of 200, 404"},
        {"status x", "option 1 0 one of 200, 404"},
        {"peer 10.1:80", "good"},
        {"peer 0x7f.1", "good"},
        {"peer 10.0.0.999:80", "bad 1 0 an address"},
        {"peer 10..1:80", "bad 1 0 an address"},
        {"split 1,2,9", "good"},
        {"split 1,10", "range 1 2 an integer from 0 to 9"},
        {"split 1,,2", "bad 1 2 an integer from 0 to 9"},
        {"split 1,", "bad 1 2 an integer from 0 to 9"},
        {"split 1 all", "good"},
        {"split 1 4/6", "good"},
        {"split 1 4/6/1", "unexpected 2 4 the end of the line"},
        {"split 1 x", "bad 2 0 an integer from 1 to 4"},
        {"pair n=1,2", "good"},
        {"pair n=1,x", "bad 1 4 an integer"},
        {"pair n", "missing 1 1 something else"},
        {"pair n=1=2", "unexpected 1 4 the end of the line"},
        {"pair", "missing 1 0 something else"},
        {"calls flag,call2(1,2),call(3)", "good"},
        {"calls call2(1),flag", "missing 1 7 an integer"},
        {"calls call2(1,flag", "option 1 0 one of flag, other-flag, len, inner, late, call(), call2()"},
    };
    check_rows(206, rows);
}

static void test_vocabularies(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"options", "good"},
        {"options flag other-flag flag", "good"},
        {"options len 100 flag", "good"},
        {"options len", "missing 2 0 an integer from 1 to 100"},
        {"options len 101", "range 2 0 an integer from 1 to 100"},
        {"options flag nothing", "option 2 0 one of flag, other-flag, len, inner, late, call(), call2()"},
        {"options inner sub flag", "good"},
        {"options inner in 1 sub in 2 flag", "good"},
        {"options inner flag", "option 2 0 one of in, sub"},
        {"options call(3) flag", "good"},
        {"options call(10)", "range 1 5 an integer from 1 to 9"},
        {"options call(", "option 1 0 one of flag, other-flag, len, inner, late, call(), call2()"},
        {"options call", "option 1 0 one of flag, other-flag, len, inner, late, call(), call2()"},
        {"options late", "good"},
    };
    check_rows(206, rows);
    check_line(201, "options flag late", "release 2 0");

    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    struct arena arena;
    struct schema_word words[MOST_WORDS];
    struct schema_line line;
    khap__arena_init(&arena, &alloc);
    size_t n = words_of("options flag inner in 1 len 7", words);
    assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, words, n, &line), KHAP_OK);
    assert_int_equal(line.n_options, 4);
    static const struct {
        const char *words;
        uint32_t word, parent;
    } options[] = {{"flag", 1, UINT32_MAX}, {"inner", 2, UINT32_MAX}, {"in", 3, 1}, {"len", 5, UINT32_MAX}};
    for (uint32_t i = 0; i < line.n_options; i++) {
        assert_slice(khap__schema_text(line.options[i].row->words), options[i].words);
        assert_int_equal(line.options[i].word, options[i].word);
        assert_int_equal(line.options[i].parent, options[i].parent);
    }
    assert_int_equal(line.n_arguments, 2);
    assert_int_equal(line.arguments[0].option, 2);
    assert_int_equal(line.arguments[0].word, 4);
    assert_int_equal(line.arguments[1].option, 3);
    assert_int_equal(line.arguments[1].type, TYPE_INT);
    khap__arena_free(&arena);
}

static void test_keywords(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"set(txn.x) src", "good"},
        {"set(txn.x,a,b) src if TRUE", "good"},
        {"set(txn.x,c) src", "unexpected 0 10 'a'"},
        {"set(x) src", "bad 0 4 a variable such as txn.name"},
        {"set(txn.x) src,lower lower", "good"},
        {"set(txn.x) src when", "unexpected 2 0 if or unless and a condition"},
        {"set(txn.x)", "missing 1 0 a sample expression"},
        {"set src", "unknown 0 0"},
        {"set(txn.x src", "unknown 0 0"},
        {"track0 src", "good"},
        {"track12 src table t", "good"},
        {"track src", "unknown 0 0"},
        {"two words 5", "good"},
        {"two words x", "bad 2 0 an integer"},
        {"two 5s", "good"},
        {"two wordss", "bad 1 0 a time such as 10s"},
        {"nothing", "unknown 0 0"},
        {"BARE", "unknown 0 0"},
        {"", "good"},
    };
    check_rows(206, rows);
    check_line(200, "old 1", "good");
    check_line(201, "old 1", "release 0 0");
    check_line(201, "changed 1", "good");
    check_line(201, "changed on", "bad 1 0 an integer");
    check_line(202, "changed on", "good");
    check_line(202, "changed 1", "unexpected 1 0 'on'");
    /* the table of another section */
    assert_true(khap__schema_table(str("frontend")) == TABLE_FRONTEND);
    assert_true(khap__schema_table(str("backend")) == -1);
    const struct schema_row *other;
    assert_null(khap__schema_find(TABLE_FRONTEND, str("flag"), 206, &other));
    assert_null(other);
    assert_null(khap__schema_find(TABLE_FRONTEND, str("old"), 304, &other));
    assert_non_null(other);
    assert_slice(khap__schema_text(other->instead), "new");
}

static void test_prefixes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no bare", "good"},          {"no bare x", "unexpected 2 0 the end of the line"},
        {"default bare", "good"},     {"no optional last", "good"},
        {"no two words", "good"},     {"no two words 1", "unexpected 3 0 the end of the line"},
        {"no optional x", "good"},    {"default optional last", "prefix 0 0"},
        {"no word on", "prefix 0 0"}, {"no nothing", "unknown 1 0"},
        {"no", "unknown 0 0"},
    };
    check_rows(206, rows);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"listed 3", "good"},
        {"listed 5x", "good"},
        {"listed 4", "range 1 0 a number"},
        {"listed x", "range 1 0 a number"},
        {"span 3", "good"},
        {"span 3x", "good"},
        {"span 2-3x", "good"},
        {"span 3-3", "good"},
        {"span 0", "range 1 0 a number, or two with a - between"},
        {"span 3-2", "range 1 0 a number, or two with a - between"},
        {"span 3-", "range 1 0 a number, or two with a - between"},
        {"span -3", "range 1 0 a number, or two with a - between"},
        {"span 1 200-300", "good"},
        {"span 1 -5", "good"},
        {"span 1 200x", "bad 2 0 a number, or two with a - between"},
        {"span 1 300-200", "range 2 0 a number, or two with a - between"},
        {"delay 2147483647", "good"},
        {"delay 24855d", "good"},
        {"delay 24856d", "range 1 0 a time such as 10s"},
        {"delay 5000000us", "good"},
    };
    check_rows(206, rows);
    check_line(203, "delay 5000000us", "bad 1 0 a time such as 10s");
}

/* Types as C functions read them, and what stands in their parentheses. */
static void test_types(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"strtol 2", "good"},
        {"strtol -7", "good"},
        {"strtol +2", "good"},
        {"strtol 99999999999999999999", "good"}, /* -1 in 32 bits */
        {"strtol 3", "range 1 0 an integer up to 2"},
        {"strtol 9999999999", "range 1 0 an integer up to 2"},
        {"strtol 1x", "bad 1 0 an integer up to 2"},
        {"strtol +", "bad 1 0 an integer up to 2"},
        {"base 255", "good"},
        {"base 0xff", "good"},
        {"base 0377", "good"},
        {"base 0x100",
         "range 1 0 a number, in decimal, in octal after 0, or in hexadecimal after 0x from 1 to 255"},
        {"base 08",
         "bad 1 0 a number, in decimal, in octal after 0, or in hexadecimal after 0x from 1 to 255"},
        {"base 0x",
         "bad 1 0 a number, in decimal, in octal after 0, or in hexadecimal after 0x from 1 to 255"},
        {"byte 0xFF", "good"},
        {"byte 255", "good"},
        {"byte 256", "range 1 0 a number from 0 to 255, or 0x and hexadecimal digits"},
        {"byte 0x", "bad 1 0 a number from 0 to 255, or 0x and hexadecimal digits"},
        {"numbers all", "good"},
        {"numbers 3-64", "good"},
        {"numbers 65", "range 1 0 all, odd, even, a number, or a range such as 1-4 from 1 to 64"},
        {"numbers x", "bad 1 0 all, odd, even, a number, or a range such as 1-4 from 1 to 64"},
        {"size 16k", "good"},
        {"size 16K", "bad 1 0 a size such as 16k from 10 on"},
        {"size 9", "range 1 0 a size such as 16k from 10 on"},
        {"ip ::1 [::1]", "good"},
        {"ip [::1] ::1", "bad 1 0 an IP address"},
        {"wait 1us", "good"},
        {"wait 1h30m", "good"},
        {"wait 0", "range 1 0 a time such as 10s from 1 on"},
        {"wait 1x", "bad 1 0 a time such as 10s from 1 on"},
        {"mode 660", "good"},
        {"mode -1", "good"},
        {"mode 8", "bad 1 0 a file mode in octal digits"},
        {"one src", "good"},
        {"one src lower", "good"},
        {"one src,lower lower lower", "unexpected 3 0 the end of the line"},
        {"lua.x", "good"},
        {"lua.x a b if TRUE", "good"},
        {"lua.x if TRUE", "good"},
        {"lua.", "good"},
        {"lua", "unknown 0 0"},
        {"luax", "unknown 0 0"},
        {"loose 1", "good"},
        {"loose() 1", "good"},
        {"loose(a 1", "good"},
        {"loose(a)b x", "bad 1 0 an integer"},
        {"loos 1", "unknown 0 0"},
    };
    check_rows(304, rows);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"peer 127.0.0.1", "good"},
        {"peer 127.0.0.1:+5", "good"},
        {"peer 127.0.0.1:80-90", "bad 1 0 an address"},
        {"peer fd@3", "bad 1 0 an address"},
        {"peer 127.0.0.1:80x", "good"},
        {"peer 127.0.0.1:x", "bad 1 0 an address"},
        {"peer udp@127.0.0.1:80", "good"},
        {"peer 127.0.0.1 127.0.0.1:80", "good"},
        {"peer 127.0.0.1 127.0.0.1:0", "bad 2 0 an address"},
        {"peer 127.0.0.1 127.0.0.1:+80", "bad 2 0 an address"},
        {"peer 127.0.0.1 udp@127.0.0.1:80", "bad 2 0 an address"},
    };
    check_rows(206, rows);
    check_line(300, "peer 127.0.0.1:80x", "bad 1 0 an address");
    check_line(202, "peer 127.0.0.1:65536", "good");
    check_line(206, "peer 127.0.0.1:65536", "range 1 0 an address");
}

/* Up to 3.2 an empty word ends the line. */
static void test_empty_words(void **state)
{
    (void)state;
    check_line(302, "bare  x", "good");
    check_line(303, "bare  x", "unexpected 1 0 the end of the line");
    check_line(302, "two words 1  x", "good");
    check_line(302, "two words  x", "bad 2 0 an integer");
}

static void test_variables(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"word $x", "good"},
        {"many 1 $x 3", "good"},
        {"many $x 9", "range 2 0 an integer from 0 to 5"},
        {"split $x", "good"},
        {"split 1 $x", "good"},
        {"options len $x flag", "good"},
        {"options $x", "option 1 0 one of flag, other-flag, len, inner, late, call(), call2()"},
        {"$x", "good"},
        {"bare $x", "unexpected 1 0 the end of the line"},
        {"word $$x", "good"},
        {"many 1 $$x", "good"},
        {"many 1 $$x 9", "good"},
        {"options len $$x", "good"},
        {"options $$x", "good"},
        {"optional $$x", "good"},
        {"alternative $$x", "good"},
        {"many 9 $$x", "range 1 0 an integer from 0 to 5"},
    };
    check_rows(206, rows);
}

static void test_arguments(void **state)
{
    (void)state;
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    struct arena arena;
    struct schema_word words[MOST_WORDS];
    struct schema_line line;
    khap__arena_init(&arena, &alloc);
    /* what was tried in vain leaves nothing behind */
    size_t n = words_of("alternative a 10s y", words);
    assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, words, n, &line), KHAP_OK);
    assert_int_equal(line.problem, SCHEMA_GOOD);
    assert_int_equal(line.n_arguments, 1);
    assert_int_equal(line.arguments[0].type, TYPE_TIME);
    n = words_of("pair name=1,22", words);
    assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, words, n, &line), KHAP_OK);
    assert_int_equal(line.n_arguments, 3);
    assert_int_equal(line.arguments[2].word, 1);
    assert_int_equal(line.arguments[2].offset, 7);
    assert_int_equal(line.arguments[2].len, 2);
    n = words_of("rest k a b c", words);
    assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, words, n, &line), KHAP_OK);
    assert_int_equal(line.n_arguments, 2);
    assert_int_equal(line.arguments[0].kind, KIND_ACL);
    assert_int_equal(line.arguments[1].type, TYPE_WORDS);
    assert_int_equal(line.arguments[1].n_words, 3);
    assert_true(line.row->free);
    khap__arena_free(&arena);
}

static void test_many_arguments(void **state)
{
    (void)state;
    enum { N = 64 };
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    struct arena arena;
    struct schema_word words[N];
    struct schema_line line;
    khap__arena_init(&arena, &alloc);
    words[0] = (struct schema_word){str("options"), false, false};
    for (size_t i = 1; i < N; i++)
        words[i] = (struct schema_word){str("flag"), false, false};
    assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, words, N, &line), KHAP_OK);
    assert_int_equal(line.problem, SCHEMA_GOOD);
    assert_int_equal(line.n_options, N - 1);
    assert_int_equal(line.options[N - 2].word, N - 1);
    words[0].text = str("many");
    for (size_t i = 1; i < N; i++)
        words[i].text = str("5");
    assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, words, N, &line), KHAP_OK);
    assert_int_equal(line.n_arguments, N - 1);
    assert_int_equal(line.arguments[N - 2].word, N - 1);
    khap__arena_free(&arena);
}

/* Two lines that end alike: the second is what it would be alone; and whether it was known. */
static void test_remembered(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool known;
    } lines[] = {
        {"options flag inner in 1 sub len 7 flag", "options flag inner in 1 sub len 7 flag", true},
        {"options len 7 flag", "options len 8 flag", false},
        {"options len 7 flag", "options len 700 flag", false},
        {"options len 7 flag", "options len 7 \"flag\"", false},
        {"track0 src table t", "track0 src,lower table t", false},
        {"pair a=1", "pair a=1", true},
        {"pair a=1", "pair a=1 # x", false},
        {"alternative a 5 x", "alternative a 5 y", false},
        {"use web if a", "use api if a", true},
        {"use web if a", "use web", false},
        {"set(txn.x,a) src if x", "set(txn.y,b) src if x", false},
        {"peer 10.0.0.1:80 10.0.0.2:81", "peer 10.0.0.3:80 10.0.0.2:81", true},
        {"peer 10.0.0.1 10.0.0.2:81", "peer 10.0.0.3 10.0.0.2:82", false},
    };
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    struct schema_memory *memory;
    struct arena arena;
    khap__arena_init(&arena, &alloc);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct schema_word words[MOST_WORDS], first[MOST_WORDS];
        struct schema_line line, alone;
        enum khap_status status = KHAP_OK;
        assert_int_equal(khap__schema_memory_new(&alloc, &memory), KHAP_OK);
        size_t n = words_of(lines[i].first, first), m;
        assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, first, n, &line), KHAP_OK);
        khap__schema_keep(memory, str(lines[i].first), first, n, &line);
        n = words_of(lines[i].second, words);
        assert_int_equal(khap__schema_read(&arena, TABLE_FRONTEND, 206, words, n, &alone), KHAP_OK);
        struct schema_word again[64];
        bool known = khap__schema_read_alike(&arena, memory, TABLE_FRONTEND, 206, str(lines[i].second), again,
                                             &m, &line, &status);
        assert_int_equal(status, KHAP_OK);
        assert_int_equal(known, lines[i].known);
        khap__schema_memory_free(memory);
        if (!known)
            continue;
        assert_int_equal(m, n);
        for (size_t k = 0; k < n; k++)
            assert_true(khap__str_eq(again[k].text, words[k].text));
        assert_int_equal(line.problem, alone.problem);
        if (alone.problem != SCHEMA_GOOD)
            assert_int_equal(line.word, alone.word);
        assert_int_equal(line.n_arguments, alone.n_arguments);
        assert_int_equal(line.n_options, alone.n_options);
        for (uint32_t k = 0; k < alone.n_arguments; k++) {
            assert_int_equal(line.arguments[k].type, alone.arguments[k].type);
            assert_int_equal(line.arguments[k].word, alone.arguments[k].word);
            assert_int_equal(line.arguments[k].n_words, alone.arguments[k].n_words);
            assert_int_equal(line.arguments[k].option, alone.arguments[k].option);
            assert_int_equal(line.arguments[k].len, alone.arguments[k].len);
        }
        for (uint32_t k = 0; k < alone.n_options; k++) {
            assert_ptr_equal(line.options[k].row, alone.options[k].row);
            assert_int_equal(line.options[k].word, alone.options[k].word);
            assert_int_equal(line.options[k].parent, alone.options[k].parent);
        }
    }
    khap__arena_free(&arena);
}

static enum khap_status seen_reference(void *ctx, const struct schema_reference *r)
{
    struct buf *out = ctx;
    khap__buf_add(out, r->defines ? str(" =") : str(" "));
    khap__buf_add(out, khap__schema_kind_name(r->kind));
    khap__buf_char(out, ':');
    khap__buf_add(out, r->name);
    return out->failed ? KHAP_ENOMEM : KHAP_OK;
}

static enum khap_status seen_item(void *ctx, const struct schema_item *i)
{
    struct buf *out = ctx;
    khap__buf_char(out, ' ');
    khap__buf_add(out, i->node->text); /* nothing for an ACL in braces */
    return out->failed ? KHAP_ENOMEM : KHAP_OK;
}

static enum khap_status seen_problem(void *ctx, const struct khap_value_error *error)
{
    (void)error;
    khap__buf_add(ctx, str(" wrong"));
    return KHAP_OK;
}

static enum khap_status read_and_visit(const struct khap_alloc *alloc, const char *text, struct buf *out)
{
    struct arena arena;
    struct schema_word words[MOST_WORDS];
    struct schema_line line;
    size_t n = words_of(text, words);
    khap__arena_init(&arena, alloc);
    enum khap_status status = khap__schema_read(&arena, TABLE_FRONTEND, 206, words, n, &line);
    if (status == KHAP_OK) {
        const struct schema_visitor visitor = {
            .ctx = out, .reference = seen_reference, .item = seen_item, .problem = seen_problem};
        status = khap__schema_visit(&arena, 206, words, n, &line, &visitor);
    }
    khap__arena_free(&arena);
    return status;
}

static const struct row visits[] = {
    {"use web", " backend:web"},
    {"use web if a !b { nbsrv(api) gt 1 }", " backend:web acl:a acl:b nbsrv backend:api "},
    {"rest k a b c", " =acl:k"},
    {"track0 src,lower lower table t", " src lower lower table:t"},
    {"set(txn.x,a) src,lower unless TRUE", " src lower acl:TRUE"},
    {"options flag inner in 1 sub len 7 call(3) flag flag flag flag flag", ""},
};

static void test_visit(void **state)
{
    (void)state;
    struct khap_alloc alloc = khap__alloc_or_default(NULL);
    for (size_t i = 0; i < sizeof visits / sizeof *visits; i++) {
        struct buf out;
        khap__buf_init(&out, NULL);
        assert_int_equal(read_and_visit(&alloc, visits[i].text, &out), KHAP_OK);
        if (!khap__str_eq(khap__buf_str(&out), str(visits[i].wanted)))
            fail_msg("'%s': got '%.*s', wanted '%s'", visits[i].text, S_ARG(khap__buf_str(&out)),
                     visits[i].wanted);
        khap__buf_free(&out);
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof visits / sizeof *visits; row++) {
        for (size_t i = 1;; i++) {
            struct failing_alloc f;
            struct buf out;
            failing_alloc_init(&f, i);
            khap__buf_init(&out, NULL);
            enum khap_status status = read_and_visit(&f.alloc, visits[row].text, &out);
            khap__buf_free(&out);
            assert_failing_alloc_clean(&f);
            if (!f.failed) {
                assert_int_equal(status, KHAP_OK);
                break;
            }
            assert_int_equal(status, KHAP_ENOMEM);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),          cmocka_unit_test(test_farthest),
        cmocka_unit_test(test_splits),         cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_types),          cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_empty_words),    cmocka_unit_test(test_vocabularies),
        cmocka_unit_test(test_keywords),       cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_variables),      cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_many_arguments), cmocka_unit_test(test_visit),
        cmocka_unit_test(test_remembered),     cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
