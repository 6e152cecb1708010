/* Expressions, ACLs, conditions, log formats and .if as trees. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "value_help.h"

#include "value/tree.h"

enum { MOST = 64 };

/* "a|b|c": three words; a ~ before one: it holds a variable. */
static size_t split(const char *text, struct khap_value_word words[MOST])
{
    size_t n = 0;
    for (struct khap_str rest = str(text);; n++) {
        size_t bar = khap__str_find(rest, '|');
        bool variable = bar > 0 && rest.ptr[0] == '~';
        assert_true(n < MOST);
        words[n].text = khap__str_sub(rest, variable, bar - variable);
        words[n].variable = variable;
        if (bar == rest.len)
            return n + 1;
        rest = khap__str_sub(rest, bar + 1, rest.len);
    }
}

static enum khap_status parse(uint32_t kind, uint16_t release, const char *text, struct khap_value **out,
                              struct khap_value_error *error)
{
    struct khap_value_word words[MOST];
    size_t n = split(text, words);
    *error = (struct khap_value_error){.size = sizeof *error};
    return khap_value_parse(NULL, kind, release, words, n, out, error);
}

static int print_word(void *ctx, const char *data, size_t len)
{
    struct buf *b = ctx;
    if (b->len > 0)
        khap__buf_char(b, '|');
    khap__buf_add(b, (struct khap_str){data, len});
    return 0;
}

/* name(text children) with ! when negated, and the span where that is asked */
static void tree_text(struct buf *b, const struct khap_node *root)
{
    static const char *const names[] = {
        "",      "expr", "fetch", "conv", "arg",    "acl",  "flag",  "op",     "value", "cond", "all",
        "named", "any",  "num",   "pred", "format", "text", "alias", "sample", "name",  "type", "option"};
    const struct khap_node *node = root;
    for (;;) {
        khap__buf_add(b, khap__str(names[khap_node_kind(node)]));
        khap__buf_char(b, '<');
        if (khap_node_negated(node))
            khap__buf_char(b, '!');
        khap__buf_add(b, khap_node_text(node));
        if (khap_node_first(node) != NULL) {
            khap__buf_char(b, ' ');
            node = khap_node_first(node);
            continue;
        }
        khap__buf_char(b, '>');
        while (node != root && khap_node_next(node) == NULL) {
            node = khap_node_parent(node);
            khap__buf_char(b, '>');
        }
        if (node == root)
            return;
        node = khap_node_next(node);
    }
}

static void test_trees(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        uint16_t release;
        const char *words, *tree, *printed; /* NULL: as the words */
    } rows[] = {
        {KHAP_VALUE_SAMPLE, 304, "src", "expr< fetch<src>>", NULL},
        {KHAP_VALUE_SAMPLE, 304, "src(),,lower,", "expr< fetch<src>conv<lower>>", "src,lower"},
        {KHAP_VALUE_SAMPLE, 304, "str(\"a,)\"b ,'c\\')", "expr< fetch<str arg<a,)b >arg<c\\>>>",
         "str(\"a,)b \",\"c\\\\\")"},
        {KHAP_VALUE_SAMPLE, 304, "str(\\ \\\\\\\"\\'\\,\\x)", "expr< fetch<str arg< \\\"'\\>arg<\\x>>>",
         "str(\" \\\\\\\"'\\\\\",\"\\\\x\")"},
        {KHAP_VALUE_SAMPLE, 304, "f(,)", "expr< fetch<f arg<>arg<>>>", NULL},
        {KHAP_VALUE_SAMPLE, 304, "f('')", "expr< fetch<f arg<>>>", "f(\"\")"},
        {KHAP_VALUE_SAMPLE, 201, "f(\"a,b\\)", "expr< fetch<f arg<\"a>arg<b\\>>>", NULL},
        {KHAP_VALUE_CONVERTERS, 304, "lower,field(1,:)", "expr< conv<lower>conv<field arg<1>arg<:>>>", NULL},
        {KHAP_VALUE_ACL, 304, "a.b:c|path_beg,lower|-i|-m|beg|-f|/x|--|-y|eq|1||z",
         "acl<a.b:c expr< fetch<path_beg>conv<lower>>flag<-i>flag<-m value<beg>>flag<-f value</x>>flag<-->"
         "value<-y>op<eq>value<1>>",
         "a.b:c|path_beg,lower|-i|-m|beg|-f|/x|--|-y|eq|1"},
        {KHAP_VALUE_CONDITION, 304, "if", "cond<if>", NULL},
        {KHAP_VALUE_CONDITION, 304, "unless|!|!!a|b|Or|!{|src|1.2.3.4|}|!||c||d",
         "cond<unless all< named<!a>named<b>>all< acl<! expr< fetch<src>>value<1.2.3.4>>>>",
         "unless|!a|b|or|!{|src|1.2.3.4|}"},
        {KHAP_VALUE_CONDITION, 304, "if|!or|a|or|or", "cond<if all< named<a>>>", "if|a"},
        {KHAP_VALUE_FORMAT, 304, "", "format<>", NULL},
        {KHAP_VALUE_FORMAT, 304, "a%%b %ci%-%{+Q,,-X}[src,lower]%(n:str)ST%{}1x",
         "format< text<a%b >alias<ci>text<->sample< option<+Q>option<-X>expr< fetch<src>conv<lower>>>"
         "alias<ST name<n>type<str>>alias<1x>>",
         "a%%b %ci-%{+Q,-X}[src,lower]%(n:str)ST%{}1x"},
        {KHAP_VALUE_FORMAT, 208, "%(n)%[str(\"a)]b\")]",
         "format< text<(n)>sample< expr< fetch<str arg<a)]b>>>>>", "(n)%[str(\"a)]b\")]"},
        {KHAP_VALUE_FORMAT, 105, "%[hdr(a),lower,]x",
         "format< sample< expr< fetch<hdr arg<a>>conv<lower>>>text<x>>", "%[hdr(a),lower]x"},
        {KHAP_VALUE_IF, 304, "", "any<>", ""},
        {KHAP_VALUE_IF, 304, "!(1&&!streq('a)',b))|&&|! defined",
         "any< all< any<! all< num<1>pred<!streq arg<a)>arg<b>>>>pred<!defined>>>",
         "!(1|&&|!streq(\"a)\",b))|&&|!defined()"},
        {KHAP_VALUE_IF, 304, "streq(a| b,x)", "any< all< pred<streq arg<a  b>arg<x>>>>", "streq(a  b,x)"},
        {KHAP_VALUE_IF, 204, "version_atleast(2.4)|&&|0", "any< all< pred<version_atleast arg<2.4>>>>",
         "version_atleast(2.4)"},
    };
    struct buf b, printed;
    khap__buf_init(&b, NULL);
    khap__buf_init(&printed, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct khap_value *value;
        struct khap_value_error error;
        const struct khap_sink sink = {&printed, print_word};
        if (parse(rows[i].kind, rows[i].release, rows[i].words, &value, &error) != KHAP_OK)
            fail_msg("'%s': problem %u at word %u, %u", rows[i].words, error.problem, error.span.word,
                     error.span.offset);
        khap__buf_clear(&b);
        khap__buf_clear(&printed);
        tree_text(&b, khap_value_root(value));
        assert_printed(&b, rows[i].tree);
        assert_int_equal(khap_value_print(value, &sink), KHAP_OK);
        assert_printed(&printed, rows[i].printed != NULL ? rows[i].printed : rows[i].words);
        khap_value_free(value);
    }
    khap__buf_free(&b);
    khap__buf_free(&printed);
}

static void test_problems(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        uint16_t release;
        const char *words;
        uint32_t problem, word, offset, end_word, end_offset;
    } rows[] = {
        {KHAP_VALUE_SAMPLE, 304, "", KHAP_VALUE_NO_FETCH, 0, 0, 0, 0},
        {KHAP_VALUE_SAMPLE, 304, ",src", KHAP_VALUE_NO_FETCH, 0, 0, 0, 0},
        {KHAP_VALUE_SAMPLE, 304, "src,(x)", KHAP_VALUE_NO_CONVERTER, 0, 4, 0, 4},
        {KHAP_VALUE_SAMPLE, 304, "src(a)x", KHAP_VALUE_NO_COMMA, 0, 6, 0, 7},
        {KHAP_VALUE_SAMPLE, 304, "str(\"a)", KHAP_VALUE_OPEN_ARGUMENTS, 0, 3, 0, 7},
        {KHAP_VALUE_ACL, 304, "a/b|src", KHAP_VALUE_BAD_ACL_NAME, 0, 0, 0, 3},
        {KHAP_VALUE_ACL, 304, "Or|src", KHAP_VALUE_BAD_ACL_NAME, 0, 0, 0, 2},
        {KHAP_VALUE_ACL, 304, "a", KHAP_VALUE_NO_FETCH, 0, 1, 0, 1},
        {KHAP_VALUE_ACL, 304, "a|src|-ii", KHAP_VALUE_BAD_FLAG, 2, 0, 2, 3},
        {KHAP_VALUE_ACL, 304, "a|src|-m", KHAP_VALUE_FLAG_VALUE, 2, 2, 2, 2},
        {KHAP_VALUE_ACL, 304, "a|src|-u|0x1", KHAP_VALUE_FLAG_VALUE, 3, 0, 3, 3},
        {KHAP_VALUE_CONDITION, 304, "IF|a", KHAP_VALUE_NO_KEYWORD, 0, 0, 0, 2},
        {KHAP_VALUE_CONDITION, 304, "if|a|{|src", KHAP_VALUE_OPEN_BRACE, 2, 0, 2, 1},
        {KHAP_VALUE_CONDITION, 304, "if|!{|}", KHAP_VALUE_NO_FETCH, 2, 0, 2, 1},
        {KHAP_VALUE_CONDITION, 304, "if|a|}", KHAP_VALUE_BAD_ACL_NAME, 2, 0, 2, 1},
        {KHAP_VALUE_FORMAT, 304, "ab%", KHAP_VALUE_TRUNCATED, 0, 2, 0, 3},
        {KHAP_VALUE_FORMAT, 304, "ab%{+Q", KHAP_VALUE_TRUNCATED, 0, 2, 0, 6},
        {KHAP_VALUE_FORMAT, 304, "%5", KHAP_VALUE_BAD_ITEM, 0, 0, 0, 2},
        {KHAP_VALUE_FORMAT, 304, "%{+Q}%", KHAP_VALUE_BAD_ITEM, 0, 0, 0, 5},
        {KHAP_VALUE_FORMAT, 304, "%[src ]", KHAP_VALUE_NO_BRACKET, 0, 5, 0, 6},
        {KHAP_VALUE_FORMAT, 304, "%(a b)ci", KHAP_VALUE_BAD_NAME, 0, 3, 0, 4},
        {KHAP_VALUE_FORMAT, 304, "%(a:int)ci", KHAP_VALUE_BAD_TYPE, 0, 4, 0, 7},
        {KHAP_VALUE_IF, 304, " ", KHAP_VALUE_NO_TERM, 0, 1, 0, 1},
        {KHAP_VALUE_IF, 304, "1|&&", KHAP_VALUE_NO_TERM, 1, 2, 1, 2},
        {KHAP_VALUE_IF, 304, "1|&&|foo(1)", KHAP_VALUE_BAD_PREDICATE, 2, 0, 2, 3},
        {KHAP_VALUE_IF, 206, "strstr(a,b)", KHAP_VALUE_BAD_PREDICATE, 0, 0, 0, 6},
        {KHAP_VALUE_IF, 303, "awslc_api_atleast(1)", KHAP_VALUE_BAD_PREDICATE, 0, 0, 0, 17},
        {KHAP_VALUE_IF, 304, "streq(a)", KHAP_VALUE_ARGUMENTS, 0, 0, 0, 8},
        {KHAP_VALUE_IF, 304, "streq(a|b,c,d)", KHAP_VALUE_ARGUMENTS, 0, 0, 1, 6},
        {KHAP_VALUE_IF, 304, "(1|x", KHAP_VALUE_NO_PARENTHESIS, 1, 0, 1, 0},
        {KHAP_VALUE_IF, 304, "1|1", KHAP_VALUE_REST, 1, 0, 1, 1},
        {KHAP_VALUE_IF, 204, "!0", KHAP_VALUE_BAD_PREDICATE, 0, 0, 0, 2},
    };
    bool seen[KHAP_VALUE_TOO_DEEP + 1] = {false};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct khap_value *value;
        struct khap_value_error error;
        assert_int_equal(parse(rows[i].kind, rows[i].release, rows[i].words, &value, &error), KHAP_EINPUT);
        assert_null(value);
        seen[error.problem] = true;
        if (error.problem != rows[i].problem || error.span.word != rows[i].word ||
            error.span.offset != rows[i].offset || error.span.end_word != rows[i].end_word ||
            error.span.end_offset != rows[i].end_offset)
            fail_msg("'%s': problem %u at %u.%u-%u.%u", rows[i].words, error.problem, error.span.word,
                     error.span.offset, error.span.end_word, error.span.end_offset);
    }
    for (uint32_t problem = KHAP_VALUE_GOOD + 1; problem < KHAP_VALUE_TOO_DEEP; problem++)
        assert_true(seen[problem]);
    for (uint32_t problem = 0; problem <= KHAP_VALUE_TOO_DEEP; problem++)
        assert_string_not_equal(khap_value_problem_text(problem), "unknown problem");
    assert_string_equal(khap_value_problem_text(KHAP_VALUE_TOO_DEEP + 1), "unknown problem");
}

/* n times `before`, `middle`, n times `after` */
static enum khap_status nested(size_t n, const char *before, const char *middle, const char *after)
{
    struct buf b;
    struct khap_value *value;
    struct khap_value_error error = {.size = sizeof error};
    khap__buf_init(&b, NULL);
    for (size_t i = 0; i < n; i++)
        khap__buf_add(&b, str(before));
    khap__buf_add(&b, str(middle));
    for (size_t i = 0; i < n; i++)
        khap__buf_add(&b, str(after));
    struct khap_value_word word = {khap__buf_str(&b), 0};
    enum khap_status status = khap_value_parse(NULL, KHAP_VALUE_IF, 304, &word, 1, &value, &error);
    if (status == KHAP_EINPUT)
        assert_int_equal(error.problem, KHAP_VALUE_TOO_DEEP);
    khap_value_free(value);
    khap__buf_free(&b);
    return status;
}

/* The limits that HAProxy has. */
static void test_depth(void **state)
{
    (void)state;
    assert_int_equal(nested(340, "(", "1", ")"), KHAP_OK);
    assert_int_equal(nested(341, "(", "1", ")"), KHAP_EINPUT);
    assert_int_equal(nested(255, "(1||", "1", ")"), KHAP_OK);
    assert_int_equal(nested(256, "(1||", "1", ")"), KHAP_EINPUT);
    assert_int_equal(nested(1021, "1&&", "1", ""), KHAP_OK);
    assert_int_equal(nested(1022, "1&&", "1", ""), KHAP_EINPUT);
    assert_int_equal(nested(1021, "1||", "1", ""), KHAP_OK);
    assert_int_equal(nested(1022, "1||", "1", ""), KHAP_EINPUT);
    assert_int_equal(nested(100000, "(", "1", ")"), KHAP_EINPUT);
    assert_int_equal(nested(100000, "!", "1", ""), KHAP_OK);
}

static int said(void *ctx, struct khap_str predicate, struct khap_str argument)
{
    (void)ctx;
    if (!khap__str_eq(predicate, S("feature")))
        return KHAP_UNKNOWN;
    return khap__str_eq(argument, S("OPENSSL")) ? KHAP_TRUE : KHAP_FALSE;
}

static void test_decide(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        uint16_t first, last;
        int without, with; /* facts */
    } rows[] = {
        {"", 206, 304, KHAP_FALSE, KHAP_FALSE},
        {"0x0", 206, 304, KHAP_FALSE, KHAP_FALSE},
        {"-1", 206, 304, KHAP_TRUE, KHAP_TRUE},
        {"version_atleast(2.6)", 206, 304, KHAP_TRUE, KHAP_TRUE},
        {"version_atleast(3.0)", 206, 304, KHAP_UNKNOWN, KHAP_UNKNOWN},
        {"version_atleast(3.0)", 206, 209, KHAP_FALSE, KHAP_FALSE},
        {"version_before(3.0-dev5)", 300, 304, KHAP_FALSE, KHAP_FALSE},
        {"version_atleast(3.0.1)", 300, 300, KHAP_UNKNOWN, KHAP_UNKNOWN},
        {"version_atleast(3.0.1)", 302, 304, KHAP_TRUE, KHAP_TRUE},
        {"version_atleast(3.4x)", 206, 206, KHAP_UNKNOWN, KHAP_UNKNOWN},
        {"version_atleast(3.0)|||version_before(3.0)", 206, 304, KHAP_TRUE, KHAP_TRUE},
        {"streq('a',\"a\")", 206, 304, KHAP_TRUE, KHAP_TRUE},
        {"strneq(a,a)", 206, 304, KHAP_FALSE, KHAP_FALSE},
        {"strstr(ababac,abac)", 208, 304, KHAP_TRUE, KHAP_TRUE},
        {"strstr(ababab,abac)", 208, 304, KHAP_FALSE, KHAP_FALSE},
        {"~streq(,a)", 206, 304, KHAP_UNKNOWN, KHAP_UNKNOWN},
        {"~streq(,a)|&&|0", 206, 304, KHAP_FALSE, KHAP_FALSE},
        {"~", 206, 304, KHAP_UNKNOWN, KHAP_UNKNOWN},
        {"~1", 206, 304, KHAP_UNKNOWN, KHAP_UNKNOWN},
        {"1|||~1", 206, 304, KHAP_TRUE, KHAP_TRUE},
        {"defined(X)", 206, 304, KHAP_UNKNOWN, KHAP_UNKNOWN},
        {"feature(OPENSSL)", 206, 304, KHAP_UNKNOWN, KHAP_TRUE},
        {"!feature(QUIC)|&&|1", 206, 304, KHAP_UNKNOWN, KHAP_TRUE},
        {"feature(OPENSSL)|&&|0", 206, 304, KHAP_FALSE, KHAP_FALSE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* "|||" is the operator between two words */
        struct khap_value_word words[MOST];
        struct khap_value *value;
        struct khap_target target;
        struct khap_if_facts facts = {.size = sizeof facts, .ask = said};
        const char *either = strstr(rows[i].words, "|||");
        size_t n = 1;
        if (either == NULL) {
            n = split(rows[i].words, words);
        } else {
            n = 3;
            words[0] = (struct khap_value_word){{rows[i].words, (size_t)(either - rows[i].words)}, 0};
            words[1] = (struct khap_value_word){S("||"), 0};
            words[2] = (struct khap_value_word){str(either + 3), 0};
            if (words[2].text.ptr[0] == '~')
                words[2] = (struct khap_value_word){str(either + 4), 1};
        }
        khap_target_init(&target);
        target.first = rows[i].first;
        target.last = rows[i].last;
        assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_IF, 304, words, n, &value, NULL), KHAP_OK);
        if (khap_value_decide(value, &target, NULL) != rows[i].without ||
            khap_value_decide(value, &target, &facts) != rows[i].with)
            fail_msg("'%s' for %u-%u is decided otherwise", rows[i].words, rows[i].first, rows[i].last);
        khap_value_free(value);
    }
}

static void test_spans(void **state)
{
    (void)state;
    struct khap_value *value;
    struct khap_value_error error;
    assert_int_equal(parse(KHAP_VALUE_CONDITION, 304, "if|a|!|!{|str('x,y'),lower|~b|}", &value, &error),
                     KHAP_OK);
    const struct khap_node *all = khap_node_first(khap_value_root(value)),
                           *acl = khap_node_next(khap_node_first(all));
    struct khap_span s = khap_node_span(acl);
    assert_true(s.word == 2 && s.offset == 0 && s.end_word == 6 && s.end_offset == 1);
    assert_int_equal(khap_node_variable(acl), 1);
    const struct khap_node *expression = khap_node_first(acl);
    s = khap_node_span(khap_node_first(khap_node_first(expression)));
    assert_true(s.word == 4 && s.offset == 4 && s.end_word == 4 && s.end_offset == 9);
    assert_int_equal(khap_node_variable(expression), 0);
    assert_int_equal(khap_node_variable(khap_node_next(expression)), 1);
    assert_int_equal(khap_node_variable(khap_node_first(all)), 0);
    khap_value_free(value);
}

static int discard(void *ctx, const char *data, size_t len)
{
    (void)data;
    *(size_t *)ctx += len;
    return 0;
}

/* A step that looks at everything before it would take minutes here. */
static void test_large(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        const char *before, *again, *after;
    } rows[] = {
        {KHAP_VALUE_SAMPLE, "src", ",lower(a\\\\b,'c')", ""},       {KHAP_VALUE_SAMPLE, "f(", "\"a\",", ")"},
        {KHAP_VALUE_FORMAT, "", "%%%-a%{+Q}ci%[src]", ""},          {KHAP_VALUE_FORMAT, "%{", "+Q,", "}ci"},
        {KHAP_VALUE_IF, "strstr(", "ab", ",abababababababababac)"}, {KHAP_VALUE_IF, "", "!", "1"},
    };
    enum { TIMES = 300000 };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct buf b;
        struct khap_value *value;
        size_t total = 0;
        const struct khap_sink sink = {&total, discard};
        khap__buf_init(&b, NULL);
        khap__buf_add(&b, str(rows[k].before));
        for (size_t i = 0; i < TIMES; i++)
            khap__buf_add(&b, str(rows[k].again));
        khap__buf_add(&b, str(rows[k].after));
        struct khap_value_word word = {khap__buf_str(&b), 0};
        assert_int_equal(khap_value_parse(NULL, rows[k].kind, 304, &word, 1, &value, NULL), KHAP_OK);
        assert_int_equal(khap_value_print(value, &sink), KHAP_OK);
        assert_true(khap_node_equal(khap_value_root(value), khap_value_root(value)));
        khap_value_free(value);
        khap__buf_free(&b);
    }
    struct khap_value_word *words = malloc((TIMES + 1) * sizeof *words);
    struct khap_value *value;
    assert_non_null(words);
    words[0] = (struct khap_value_word){S("if"), 0};
    for (size_t i = 1; i <= TIMES; i++)
        words[i] = (struct khap_value_word){i % 3 ? S("!a") : S("!"), 0};
    assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_CONDITION, 304, words, TIMES + 1, &value, NULL),
                     KHAP_OK);
    khap_value_free(value);
    for (size_t i = 0; i <= TIMES; i++)
        words[i] = (struct khap_value_word){i % 2 ? S("") : S(" "), 0};
    words[TIMES] = (struct khap_value_word){S("1"), 0};
    assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_IF, 304, words, TIMES + 1, &value, NULL), KHAP_OK);
    khap_value_free(value);
    free(words);
}

static void test_callers(void **state)
{
    (void)state;
    struct khap_value_word word = {S("src"), 0}, nul = {{"a\0b", 3}, 0};
    struct khap_value_word two[2] = {{S("a"), 0}, {S("b"), 0}};
    struct khap_value *value;
    struct khap_value_error small = {.size = sizeof(size_t) + sizeof(uint32_t), .span = {7, 7, 7, 7}};
    assert_int_equal(khap_value_parse(NULL, 0, 304, &word, 1, &value, NULL), KHAP_EINVAL);
    assert_int_equal(khap_value_parse(NULL, 7, 304, &word, 1, &value, NULL), KHAP_EINVAL);
    assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_SAMPLE, 104, &word, 1, &value, NULL), KHAP_EINVAL);
    assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_SAMPLE, 304, two, 2, &value, NULL), KHAP_EINVAL);
    assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_SAMPLE, 304, &nul, 1, &value, NULL), KHAP_EINVAL);
    assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_SAMPLE, 304, NULL, 1, &value, NULL), KHAP_EINVAL);
    assert_int_equal(khap_value_parse(NULL, KHAP_VALUE_CONDITION, 304, NULL, 0, &value, &small), KHAP_EINPUT);
    assert_int_equal(small.problem, KHAP_VALUE_NO_KEYWORD); /* an older caller's struct is not written over */
    assert_int_equal(small.span.word, 7);
    assert_int_equal(khap_value_decide(NULL, NULL, NULL), KHAP_UNKNOWN);
    assert_int_equal(khap_value_print(NULL, NULL), KHAP_EINVAL);
    khap_value_free(NULL);
}

static int refuse(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return 1;
}

static void test_memory(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        const char *words;
    } rows[] = {
        {KHAP_VALUE_SAMPLE, "str('a,b'),lower"},
        {KHAP_VALUE_ACL, "a|str('x')|-m|str|--|-b"},
        {KHAP_VALUE_CONDITION, "if|!{|str(\"a\")|b|}|or|c"},
        {KHAP_VALUE_FORMAT, "a%%b%(n:str){+Q}[src]%ci"},
        {KHAP_VALUE_IF, "!(1&&strstr(aab,ab))|&&|0"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        for (size_t i = 1;; i++) {
            struct failing_alloc f;
            struct khap_value_word words[MOST];
            struct khap_value *value;
            size_t n = split(rows[k].words, words), total = 0;
            const struct khap_sink sink = {&total, discard}, refusing = {NULL, refuse};
            failing_alloc_init(&f, i);
            enum khap_status status = khap_value_parse(&f.alloc, rows[k].kind, 304, words, n, &value, NULL);
            if (status == KHAP_OK) {
                status = khap_value_print(value, &sink);
                if (status == KHAP_OK) {
                    status = khap_value_print(value, &refusing);
                    assert_int_equal(status, f.failed ? KHAP_ENOMEM : KHAP_EIO);
                }
                khap_value_free(value);
            }
            assert_failing_alloc_clean(&f);
            if (!f.failed)
                break;
            assert_int_equal(status, KHAP_ENOMEM);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),  cmocka_unit_test(test_problems), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_decide), cmocka_unit_test(test_spans),    cmocka_unit_test(test_callers),
        cmocka_unit_test(test_memory), cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
