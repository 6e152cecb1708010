/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/yaml.h"
#include "failing_alloc.h"

/* A slice of a literal as a constant initializer, which the compound literal S() is not. */
#define L(literal)                                                                                           \
    {                                                                                                        \
        "" literal, sizeof(literal) - 1                                                                      \
    }

struct reading {
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct yaml_reader *reader;
    struct arena arena;
    uint32_t id;
};

static enum khap_status start(struct reading *r, struct khap_str text, const struct yaml_limits *limits)
{
    r->reader = NULL;
    khap__arena_init(&r->arena, NULL);
    assert_int_equal(khap_sources_new(NULL, &r->sources), KHAP_OK);
    assert_int_equal(khap_sources_add(r->sources, S("a.yaml"), text, &r->id), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, r->sources, &r->diags), KHAP_OK);
    return khap__yaml_open(NULL, r->diags, r->id, limits, &r->reader);
}

static void stop(struct reading *r)
{
    khap__yaml_close(r->reader);
    khap__arena_free(&r->arena);
    khap_diags_free(r->diags);
    khap_sources_free(r->sources);
}

/* A tree in one line: {key: value}, [item], plain, "quoted", |block|, ~ for null. */
static void put_tree(struct buf *out, const struct yaml_node *n)
{
    const char *around = n->block ? "||" : n->quoted ? "\"\"" : NULL;
    switch (n->kind) {
    case YAML_NULL:
        khap__buf_char(out, '~');
        break;
    case YAML_SCALAR:
        if (around != NULL)
            khap__buf_char(out, around[0]);
        khap__buf_add(out, khap__yaml_text(n));
        assert_int_equal(n->text[n->text_len], '\0');
        if (around != NULL)
            khap__buf_char(out, around[1]);
        break;
    default:
        khap__buf_char(out, n->kind == YAML_MAPPING ? '{' : '[');
        for (const struct yaml_node *c = n->child; c != NULL; c = c->next) {
            put_tree(out, c);
            if (n->kind == YAML_MAPPING) {
                khap__buf_add(out, S(": "));
                c = c->next;
                put_tree(out, c);
            }
            if (c->next != NULL)
                khap__buf_add(out, S(", "));
        }
        khap__buf_char(out, n->kind == YAML_MAPPING ? '}' : ']');
    }
}

/* All documents of a text as trees, one a line; then the status of the end, when it is not KHAP_OK. */
static void put_documents(struct buf *out, struct reading *r)
{
    struct yaml_node *root;
    enum khap_status st;
    while ((st = khap__yaml_next(r->reader, &r->arena, &root)) == KHAP_OK && root != NULL) {
        put_tree(out, root);
        khap__buf_char(out, '\n');
    }
    if (st != KHAP_OK) {
        assert_null(root);
        khap__buf_add(out, S("status "));
        khap__buf_int(out, st);
    }
    khap__buf_char(out, '\0');
}

static void test_trees(void **state)
{
    (void)state;
    static const struct {
        struct khap_str in;
        const char *out;
    } cases[] = {
        {L("a: 1\nb: [x, 'y', \"z\\n\"]\n"), "{a: 1, b: [x, \"y\", \"z\n\"]}\n"},
        {L("a:\nb: ~\nc: null\nd: Null\ne: NULL\nf: nULL\ng: ''\nh: 'null'\n"),
         "{a: ~, b: ~, c: ~, d: ~, e: ~, f: nULL, g: \"\", h: \"null\"}\n"},
        {L("a: |\n  x\n  y\nb: >-\n  x\n  y\n\nc: yes\n"), "{a: |x\ny\n|, b: |x y|, c: yes}\n"},
        {L("null: 1\n~: 2\n? x\n: 3\n"), "{null: 1, ~: 2, x: 3}\n"}, /* a key is its text */
        {L("- - a\n  - b\n- {}\n- []\n"), "[[a, b], {}, []]\n"},
        /* what is no document, and what is an empty one */
        {L(""), ""},
        {L("# a comment\n\n"), ""},
        {L("\xef\xbb\xbf"), ""},
        {L("---\n"), "~\n"},
        {L("---\n---\na\n...\n---\n# c\n"), "~\na\n~\n"},
        {L("%YAML 1.1\n---\na\n"), "a\n"},
        {L("\xef\xbb\xbf"
           "a: 1\n"),
         "{a: 1}\n"},
        /* tags */
        {L("a: !!str 5\nb: !!int 5\nc: ! true\nd: !!null ''\ne: !!str\nf: !!map {}\ng: !!seq []\nh: !!float "
           "1\n"
           "i: !!bool no\nj: !!str ~\n"),
         "{a: \"5\", b: 5, c: \"true\", d: ~, e: \"\", f: {}, g: [], h: 1, i: no, j: \"~\"}\n"},
        {L("%TAG !y! tag:yaml.org,2002:\n---\n!y!str x\n"), "\"x\"\n"},
        /* anchors and aliases */
        {L("a: &x {k: v}\nb: *x\nc: [*x, *x]\n"), "{a: {k: v}, b: {k: v}, c: [{k: v}, {k: v}]}\n"},
        {L("a: &x 1\nb: &x 2\nc: *x\n"), "{a: 1, b: 2, c: 2}\n"}, /* the newest counts */
        {L("&k a: *k\n*k : 1\n"), NULL},
        {L("a: &x [&x b, *x]\n"), "{a: [b, b]}\n"},
        {L("a: &x\nb: *x\n"), "{a: ~, b: ~}\n"},
        /* merges: own keys win, then the earlier */
        {L("d: &d {a: 1, b: 2}\nx: {<<: *d, b: 3, c: 4}\n"), "{d: {a: 1, b: 2}, x: {b: 3, c: 4, a: 1}}\n"},
        {L("d: &d {a: 1, b: 2}\ne: &e {b: 3, c: 4}\nx: {<<: [*d, *e], z: 0}\n"),
         "{d: {a: 1, b: 2}, e: {b: 3, c: 4}, x: {z: 0, a: 1, b: 2, c: 4}}\n"},
        {L("<<: {a: 1}\n"), "{a: 1}\n"},
        {L("<<: []\n"), "{}\n"},
        {L("<<: {}\na: 1\n"), "{a: 1}\n"},
        {L("'<<': {a: 1}\n"), "{\"<<\": {a: 1}}\n"}, /* between quotes it is a key like others */
        {L("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n"),
         "{a: {x: 1}, b: {y: 2, x: 1}, c: {z: 3, y: 2, x: 1}}\n"},
        {L("a: &a {x: {y: 1}}\nb: {<<: *a}\nc: {<<: *a, q: 1}\nd: *a\n"),
         "{a: {x: {y: 1}}, b: {x: {y: 1}}, c: {q: 1, x: {y: 1}}, d: {x: {y: 1}}}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;
        struct buf out;
        khap__buf_init(&out, NULL);
        assert_int_equal(start(&r, cases[i].in, NULL), KHAP_OK);
        put_documents(&out, &r);
        if (cases[i].out != NULL) {
            assert_string_equal(out.ptr, cases[i].out);
            assert_int_equal(khap_diags_count(r.diags, KHAP_NOTE), 0);
        }
        stop(&r);
        khap__buf_free(&out);
    }
}

/* The codes and places of the diagnostics: "line:column+length code; …", related places in parentheses. */
static void put_diagnostics(struct buf *out, const struct reading *r)
{
    uint32_t line, column;
    struct khap_place place;
    struct khap_str text;
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r->diags, d)) != NULL;) {
        if (out->len > 0)
            khap__buf_add(out, S("; "));
        place = khap_diag_place(d);
        khap_sources_locate(r->sources, place, &line, &column);
        khap__buf_uint(out, line);
        khap__buf_char(out, ':');
        khap__buf_uint(out, column);
        khap__buf_char(out, '+');
        khap__buf_uint(out, place.len);
        khap__buf_char(out, ' ');
        khap__buf_add(out, khap__str(khap_diag_code(d)));
        for (size_t i = 0; khap_diag_related(d, i, &place, &text) == KHAP_OK; i++) {
            khap_sources_locate(r->sources, place, &line, &column);
            khap__buf_add(out, S(" ("));
            khap__buf_uint(out, line);
            khap__buf_char(out, ':');
            khap__buf_uint(out, column);
            khap__buf_char(out, ')');
        }
    }
    khap__buf_char(out, '\0');
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        struct khap_str in;
        const char *out;
    } cases[] = {
        /* of the text */
        {L("a: \xc3("), "1:4+1 invalid-utf8"},
        {L("a: 1\nb: x\xff"), "2:5+1 invalid-utf8"},
        {L("\xef\xbb\xbf"
           "a: \xed\xa0\x80"),
         "1:7+1 invalid-utf8"}, /* the mark counts: columns are bytes */
        {L("\xff\xfe"
           "a\0"),
         "1:1+2 yaml-utf16"},
        {L("\xfe\xff\0a"), "1:1+2 yaml-utf16"},
        {L("a\0:\0 \0"), "1:1+2 yaml-utf16"},
        {L("\0a\0:\0 "), "1:1+2 yaml-utf16"},
        {L("a: x\0y\n"), "1:5+1 yaml-control-character"},
        {L("a: \x1b[1m\n"), "1:4+1 yaml-control-character"},
        {L("long enough text: \x7f"), "1:19+1 yaml-control-character"},
        {L("a: \xc2\x81"), "1:4+2 yaml-control-character"},
        {L("a: \xef\xbf\xbf"), "1:4+3 yaml-control-character"},
        /* of the syntax */
        {L("a:\n\tb: 1\n"), "2:1+1 yaml-tab"},
        {L("a: 1\n\tb: 2\n"), "2:1+1 yaml-tab"},
        {L("a: \"x\nb: 2\n"), "1:4+1 yaml-unclosed-quote"},
        {L("a: 'x\n---\n"), "1:4+1 yaml-unclosed-quote"},
        {L("a: [b, c\n"), "1:4+1 yaml-unclosed-bracket"},
        {L("a: [b, c\nd: 1\n"), "1:4+1 yaml-unclosed-bracket (2:2)"},
        {L("a: {b: 1"), "1:4+1 yaml-unclosed-bracket"},
        {L("a: [b, c}\n"), "1:9+1 yaml-syntax (1:4)"},
        {L("a: {b: c]\n"), "1:9+1 yaml-syntax (1:4)"},
        {L("a:\n    b: 1\n   c: 2\n"), "3:4+1 yaml-indentation (1:1)"},
        {L("a:\n  - b\n  c: 2\n"), "3:3+1 yaml-indentation (2:3)"},
        {L("a: \"b\" c\n"), "1:8+1 yaml-after-value"},
        {L("a: [b] c\n"), "1:8+1 yaml-after-value"},
        {L("a: b: c\n"), "1:5+1 yaml-colon"},
        {L("a: b\n  c: d\n"), "2:4+1 yaml-colon"},
        {L("a: 1\nnodePort 32001\nb: 2\n"), "2:1+14 yaml-missing-colon"},
        {L("a: 1\nnodePort 32001"), "2:1+14 yaml-missing-colon"},
        {L("a: 1\nb\n\n\n"), "2:1+1 yaml-missing-colon"},
        {L("a: [*.example.com]\n"), "1:5+1 yaml-quote-it"},
        {L("a: *\n"), "1:4+1 yaml-quote-it"},
        {L("a: &\n"), "1:4+1 yaml-quote-it"},
        {L("a: @b\n"), "1:4+1 yaml-quote-it"},
        {L("a: `b\n"), "1:4+1 yaml-quote-it"},
        {L("a: %b\n"), "1:4+1 yaml-quote-it"},
        {L("a: \"x\\d\"\n"), "1:6+2 yaml-escape"},
        {L("a: \"x\\\xc3\xa9\"\n"), "1:6+3 yaml-escape"},
        {L("a: \"\\xz\"\n"), "1:7+1 yaml-syntax"},
        {L("a: \"\\udfff\"\n"), "1:7+1 yaml-syntax"},
        {L("a: - b\n"), "1:4+1 yaml-syntax"},
        {L("a: [b,,c]\n"), "1:7+1 yaml-syntax"},
        {L("a: |0\n  x\n"), "1:5+1 yaml-syntax"},
        {L("a: | x\n  x\n"), "1:6+1 yaml-syntax"},
        {L("%FOO\na: 1\n"), "1:1+1 yaml-syntax"},
        {L("%foo: 1\n"), "1:1+1 yaml-syntax"},
        {L("%YAML 2.0\n---\n"), "1:1+1 yaml-syntax"},
        {L("a: 1\n...\nb: 2\n"), "3:1+1 yaml-syntax"},
        {L("a: !x!y z\n"), "1:4+1 yaml-syntax"},
        {L("a: !<x z\n"), "1:4+1 yaml-syntax"},
        /* characters that are more than a byte before the place */
        {L("\xc3\xa9\xe2\x82\xac: \"\xf0\x9f\x98\x80\": c\n"), "1:14+1 yaml-colon"},
        /* of the tree: all in one run */
        {L("a: 1\nb: 2\na: 3\n\"b\": 4\n"), "3:1+1 duplicate-key (1:1); 4:1+3 duplicate-key (2:1)"},
        {L("{a: 1, a: 2}: 3\n"), "1:8+1 duplicate-key (1:2); 1:1+12 yaml-key-not-scalar"},
        {L("? [a]\n: 1\n? {}\n: 2\n"), "1:3+3 yaml-key-not-scalar; 3:3+2 yaml-key-not-scalar"},
        {L("&m {}: 1\nb: 2\n*m : 3\n"), "1:4+2 yaml-key-not-scalar; 3:1+2 yaml-key-not-scalar"},
        {L("a: *x\nb: [*y]\n"), "1:4+2 yaml-unknown-anchor; 2:5+2 yaml-unknown-anchor"},
        {L("a: &x 1\n---\na: *x\n"), "3:4+2 yaml-unknown-anchor"}, /* a document is for itself */
        {L("a: &x [*x, {b: *x}]\n"), "1:8+2 yaml-recursive-alias (1:7); 1:16+2 yaml-recursive-alias (1:7)"},
        {L("a: &x {<<: *x}\n"), "1:12+2 yaml-recursive-alias (1:7)"},
        {L("<<: text\n"), "1:5+4 yaml-merge"},
        {L("<<: [{a: 1}, b]\n"), "1:14+1 yaml-merge"},
        {L("<<: {a: 1}\n<<: {b: 2}\n"), "2:1+2 duplicate-key (1:1)"},
        {L("a: !port 3\nb: !!set {}\n"), "1:4+5 yaml-tag; 2:4+5 yaml-tag"},
        {L("a: &x !port 3\n"), "1:7+5 yaml-tag"},
        {L("a: !!map 3\nb: !!str [1]\nc: !!seq {}\n"),
         "1:4+5 yaml-tag-mismatch; 2:4+5 yaml-tag-mismatch; 3:4+5 yaml-tag-mismatch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;
        struct buf out, documents;
        khap__buf_init(&out, NULL);
        khap__buf_init(&documents, NULL);
        if (start(&r, cases[i].in, NULL) == KHAP_OK)
            put_documents(&documents, &r);
        put_diagnostics(&out, &r);
        assert_string_equal(out.ptr, cases[i].out);
        assert_int_equal(khap__diags_status(r.diags), KHAP_EINPUT);
        stop(&r);
        khap__buf_free(&out);
        khap__buf_free(&documents);
    }
}

/* What can be read is read, and what was told once is not there to be told again. */
static void test_what_is_left_after_errors(void **state)
{
    (void)state;
    static const struct {
        struct khap_str in;
        const char *out;
    } cases[] = {
        {L("a: 1\nb: 2\na: 3\nc: 4\n"), "{a: 1, b: 2, c: 4}\n"},
        {L("a: 1\na: 2\n"), "{a: 1}\n"},
        {L("[k]: 1\na: 2\n{}: 3\n"), "{a: 2}\n"},
        {L("[k]: 1\n"), "{}\n"},
        {L("a: *x\nb: 1\n"), "{a: ~, b: 1}\n"},
        {L("<<: x\na: 1\n"), "{a: 1}\n"},
        {L("a: 1\n---\nb: [\n"), "{a: 1}\nstatus 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r;
        struct buf out;
        struct yaml_node *root;
        khap__buf_init(&out, NULL);
        assert_int_equal(start(&r, cases[i].in, NULL), KHAP_OK);
        put_documents(&out, &r);
        assert_string_equal(out.ptr, cases[i].out);
        if (strstr(out.ptr, "status") != NULL) {
            size_t told = khap_diags_count(r.diags, KHAP_NOTE);
            assert_int_equal(khap__yaml_next(r.reader, &r.arena, &root),
                             KHAP_EINPUT); /* still broken, told once */
            assert_int_equal(khap_diags_count(r.diags, KHAP_NOTE), told);
        }
        stop(&r);
        khap__buf_free(&out);
    }
}

/* Mappings on both sides of the size where a hash begins, sorted and not; the last key doubles one of the
 * others. */
static void test_duplicates_in_mappings_of_every_size(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 300; n += n < 40 ? 1 : 37) {
        for (uint32_t doubled = 0; doubled < n; doubled += 1 + n / 5) {
            for (int sorted = 0; sorted < 2; sorted++) {
                struct reading r;
                struct buf text, out;
                khap__buf_init(&text, NULL);
                khap__buf_init(&out, NULL);
                for (uint32_t i = 0; i <= n; i++) {
                    uint32_t key = i == n ? doubled : i;
                    khap__buf_hex(&text, sorted ? key : key * 2654435761u, 8);
                    khap__buf_add(&text, S(": x\n"));
                }
                assert_int_equal(start(&r, khap__buf_str(&text), NULL), KHAP_OK);
                struct yaml_node *root;
                assert_int_equal(khap__yaml_next(r.reader, &r.arena, &root), KHAP_OK);
                uint32_t children = 0;
                for (const struct yaml_node *c = root->child; c != NULL; c = c->next)
                    children++;
                assert_int_equal(children, 2 * n);
                assert_int_equal(khap_diags_count(r.diags, KHAP_NOTE), 1);
                struct khap_place place;
                struct khap_str words;
                const struct khap_diag *d = khap_diags_next(r.diags, NULL);
                assert_int_equal(khap_diag_place(d).offset, n * 12);
                assert_int_equal(khap_diag_related(d, 0, &place, &words), KHAP_OK);
                assert_int_equal(place.offset, doubled * 12);
                stop(&r);
                khap__buf_free(&text);
                khap__buf_free(&out);
            }
        }
    }
}

/* Where a scalar says that it stands, there its text stands. */
static uint32_t check_places(struct khap_str text, const struct yaml_node *n, const struct yaml_node *parent)
{
    uint32_t seen = 1;
    assert_true(n->offset <= text.len && n->len <= text.len - n->offset);
    struct khap_str there = khap__str_sub(text, n->offset, n->len);
    if (parent != NULL) {
        assert_true(n->offset >= parent->offset);
        assert_true(n->offset + n->len <= parent->offset + parent->len);
    }
    if (n->kind == YAML_MAPPING || n->kind == YAML_SEQUENCE) {
        const struct yaml_node *before = NULL;
        for (const struct yaml_node *c = n->child; c != NULL; c = c->next) {
            seen += check_places(text, c, n);
            if (before != NULL)
                assert_true(c->offset >= before->offset + before->len);
            before = c;
        }
    } else if (n->block) {
        assert_true(there.len > 0 && (*there.ptr == '|' || *there.ptr == '>'));
        assert_true(there.ptr[there.len - 1] != '\n');
    } else if (n->quoted) {
        assert_true(there.len >= 2 && (*there.ptr == '\'' || *there.ptr == '"'));
        assert_int_equal(there.ptr[there.len - 1], *there.ptr);
        assert_true(khap__str_eq(khap__str_sub(there, 1, there.len - 2), khap__yaml_text(n)));
    } else {
        assert_true(khap__str_eq(there, khap__yaml_text(n)));
    }
    return seen;
}

/* Every line ending that libyaml knows, with and without a mark at the beginning, in ASCII and not. */
static void test_places_are_exact(void **state)
{
    (void)state;
    static const char *const endings[] = {"\n", "\r\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    static const char *const texts[] = {
        "# comment\n"
        "a: 1\n"
        "services:\n"
        "\n"
        "  web: {port: 80, hosts: [a.example, 'b.example' , \"c\"], n: , m: }   # more\n"
        "  # between\n"
        "  list:\n"
        "  - one\n"
        "  -   two: 2\n"
        "      three: &x 3\n"
        "  - &l\n"
        "    # hidden\n"
        "    deep: yes\n"
        "  text: |\n"
        "    line\n"
        "    line\n"
        "\n"
        "\n"
        "  after: >-\n"
        "    folded\n"
        "  empty:\n"
        "last: end\n",
        "# k\xc3\xb6mmt\n"
        "\xc3\xa4: \xe2\x82\xac\n"
        "services: # \xf0\x9f\x98\x80\n"
        "\n"
        "  w\xc3\xab"
        "b: {p\xc3\xb6"
        "rt: 80, hosts: [\xe6\x97\xa5.example, '\xe6\x9c\xac' , "
        "\"\xf0\x9f\x98\x80\"], n: , m: }\n"
        "  list:\n"
        "  - \xc3\xa9"
        "ne\n"
        "  - &\x61nchor \xc3\xa9\n"
        "  t\xc3\xa9xt: |\n"
        "    l\xc3\xaf"
        "ne\n"
        "\n"
        "l\xc3\xa4st: \xc3\xa9"
        "nd\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t j = 0; j < sizeof endings / sizeof endings[0]; j++) {
            for (int mark = 0; mark < 2; mark++) {
                struct reading r;
                struct buf text;
                struct yaml_node *root;
                khap__buf_init(&text, NULL);
                if (mark)
                    khap__buf_add(&text, S("\xef\xbb\xbf"));
                for (const char *p = texts[i]; *p != '\0'; p++) {
                    if (*p == '\n')
                        khap__buf_add(&text, khap__str(endings[j]));
                    else
                        khap__buf_char(&text, *p);
                }
                assert_int_equal(start(&r, khap__buf_str(&text), NULL), KHAP_OK);
                assert_int_equal(khap__yaml_next(r.reader, &r.arena, &root), KHAP_OK);
                assert_int_equal(khap_diags_count(r.diags, KHAP_NOTE), 0);
                assert_int_equal(check_places(khap__buf_str(&text), root, NULL), i == 0 ? 37 : 26);
                stop(&r);
                khap__buf_free(&text);
            }
        }
    }
}

/* The buffers of libyaml hold some 16 KiB: places go on being exact over their borders. */
static void test_places_in_large_texts(void **state)
{
    (void)state;
    for (int crlf = 0; crlf < 2; crlf++) {
        struct reading r;
        struct buf text;
        struct yaml_node *root;
        khap__buf_init(&text, NULL);
        for (uint32_t i = 0; i < 20000; i++) {
            khap__buf_uint(&text, i);
            khap__buf_add(&text, i % 97 == 0 ? S(": \xe2\x82\xac") : S(": x"));
            khap__buf_add(&text, crlf ? S("\r\n") : S("\n"));
        }
        assert_int_equal(start(&r, khap__buf_str(&text), NULL), KHAP_OK);
        assert_int_equal(khap__yaml_next(r.reader, &r.arena, &root), KHAP_OK);
        assert_int_equal(check_places(khap__buf_str(&text), root, NULL), 40001);
        stop(&r);
        khap__buf_free(&text);
    }
}

static void test_places_through_aliases(void **state)
{
    (void)state;
    struct reading r;
    struct yaml_node *root;
    assert_int_equal(start(&r, S("a: &x {k: v}\nb: *x\n"), NULL), KHAP_OK);
    assert_int_equal(khap__yaml_next(r.reader, &r.arena, &root), KHAP_OK);
    const struct yaml_node *b = root->child->next->next->next;
    assert_int_equal(b->offset, 16); /* the alias */
    assert_int_equal(b->len, 2);
    assert_int_equal(b->child->offset, 7); /* what is in it stands where it was written */
    stop(&r);
}

static enum khap_status read_with(struct khap_str text, struct yaml_limits limits, char *code,
                                  uint32_t *offset)
{
    struct reading r;
    struct yaml_node *root = NULL;
    assert_int_equal(start(&r, text, &limits), KHAP_OK);
    enum khap_status st = khap__yaml_next(r.reader, &r.arena, &root);
    const struct khap_diag *d = khap_diags_next(r.diags, NULL);
    *offset = d == NULL ? 0 : khap_diag_place(d).offset;
    strcpy(code, d == NULL ? "" : khap_diag_code(d));
    assert_int_equal(st == KHAP_OK, root != NULL);
    stop(&r);
    return st;
}

static void test_limits(void **state)
{
    (void)state;
    char code[40];
    uint32_t offset;
    struct yaml_limits three = {3, 0}, ten = {0, 10}, none = {0, 0};
    assert_int_equal(read_with(S("[[[a]]]"), three, code, &offset), KHAP_OK);
    assert_int_equal(read_with(S("[[[[]]]]"), three, code, &offset), KHAP_EINPUT);
    assert_string_equal(code, "yaml-too-deep");
    assert_int_equal(offset, 3);
    assert_int_equal(read_with(S("a:\n  b:\n    c:\n      d: 1\n"), three, code, &offset), KHAP_EINPUT);
    assert_int_equal(offset, 21);
    /* depth by aliases is depth, too */
    assert_int_equal(read_with(S("- &a [[x]]\n- *a\n"), three, code, &offset), KHAP_OK);
    assert_int_equal(read_with(S("- &a [[x]]\n- [*a]\n"), three, code, &offset), KHAP_EINPUT);
    assert_string_equal(code, "yaml-too-deep");
    assert_int_equal(read_with(S("- &a []\n- [[*a]]\n"), three, code, &offset), KHAP_EINPUT);
    /* aliases: ten values at most */
    assert_int_equal(read_with(S("- &a [x, x, x, x]\n- *a\n- *a\n"), ten, code, &offset), KHAP_OK);
    assert_int_equal(read_with(S("- &a [x, x, x, x]\n- *a\n- *a\n- *a\n"), ten, code, &offset), KHAP_EINPUT);
    assert_string_equal(code, "yaml-alias-bomb");
    assert_int_equal(offset, 30);
    /* by default 64 levels, a million values */
    char deep[2 * 65 + 1];
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    assert_int_equal(read_with((struct khap_str){deep + 1, 128}, none, code, &offset), KHAP_OK);
    assert_int_equal(read_with((struct khap_str){deep, 130}, none, code, &offset), KHAP_EINPUT);
    assert_string_equal(code, "yaml-too-deep");
    struct buf bomb;
    khap__buf_init(&bomb, NULL);
    khap__buf_add(&bomb, S("- &a [x, x, x, x, x, x, x, x, x]\n"));
    for (char c = 'b'; c < 'k'; c++) {
        khap__buf_add(&bomb, S("- &"));
        khap__buf_char(&bomb, c);
        for (int i = 0; i < 9; i++) {
            khap__buf_add(&bomb, i == 0 ? S(" [*") : S(", *"));
            khap__buf_char(&bomb, (char)(c - 1));
        }
        khap__buf_add(&bomb, S("]\n"));
    }
    assert_int_equal(read_with(khap__buf_str(&bomb), none, code, &offset), KHAP_EINPUT);
    assert_string_equal(code, "yaml-alias-bomb");
    khap__buf_clear(&bomb);
    for (int i = 0; i < 100000; i++) /* libyaml does not get to see it all */
        khap__buf_char(&bomb, '[');
    assert_int_equal(read_with(khap__buf_str(&bomb), none, code, &offset), KHAP_EINPUT);
    assert_string_equal(code, "yaml-too-deep");
    khap__buf_free(&bomb);
}

/* A chain of merges copies pairs, which the limit on aliases bounds as well. */
static void test_merge_bomb(void **state)
{
    (void)state;
    struct buf text;
    char code[40];
    uint32_t offset;
    struct yaml_limits limits = {0, 100000};
    khap__buf_init(&text, NULL);
    khap__buf_add(&text, S("- &m0 {"));
    for (uint32_t i = 0; i < 1000; i++) {
        khap__buf_char(&text, 'k');
        khap__buf_uint(&text, i);
        khap__buf_add(&text, S(": 1, "));
    }
    khap__buf_add(&text, S("}\n"));
    for (uint32_t i = 1; i < 100; i++) {
        khap__buf_add(&text, S("- &m"));
        khap__buf_uint(&text, i);
        khap__buf_add(&text, S(" {<<: *m"));
        khap__buf_uint(&text, i - 1);
        khap__buf_add(&text, S("}\n"));
    }
    assert_int_equal(read_with(khap__buf_str(&text), limits, code, &offset), KHAP_EINPUT);
    assert_string_equal(code, "yaml-alias-bomb");
    khap__buf_free(&text);
}

static enum khap_status without_memory(const struct khap_alloc *alloc, struct khap_str text)
{
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct yaml_reader *reader = NULL;
    struct yaml_node *root;
    struct arena arena;
    uint32_t id;
    khap__arena_init(&arena, alloc);
    assert_int_equal(khap_sources_new(NULL, &sources), KHAP_OK);
    assert_int_equal(khap_sources_add(sources, S("a"), text, &id), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, sources, &diags), KHAP_OK);
    enum khap_status st = khap__yaml_open(alloc, diags, id, NULL, &reader);
    for (root = NULL; st == KHAP_OK;) {
        st = khap__yaml_next(reader, &arena, &root);
        if (root == NULL)
            break;
    }
    khap__yaml_close(reader);
    khap__arena_free(&arena);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return st;
}

static void test_without_memory(void **state)
{
    (void)state;
    struct buf text;
    khap__buf_init(&text, NULL);
    khap__buf_add(&text, S("x: &a {k: &b v, l: *b}\ny: {<<: *a, m: [1, 2, [3, [4, [5, [6, [7, [8, "
                           "[9]]]]]]]]}\nz: |\n  t\nm:\n"));
    for (uint32_t i = 300; i > 0; i--) {
        khap__buf_add(&text, S("  key"));
        khap__buf_uint(&text, i);
        khap__buf_add(&text, S(": &anchor"));
        khap__buf_uint(&text, i);
        khap__buf_add(&text, S(" some value\n"));
    }
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status st = without_memory(&f.alloc, khap__buf_str(&text));
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(st, KHAP_OK);
            assert_true(i > 20);
            break;
        }
        assert_int_equal(st, KHAP_ENOMEM);
    }
    khap__buf_free(&text);
}

/* Not a second for what would take hours if anything were quadratic. */
static void test_large_and_small_mappings_together(void **state)
{
    (void)state;
    struct reading r;
    struct buf text;
    struct yaml_node *root;
    khap__buf_init(&text, NULL);
    khap__buf_add(&text, S("large:\n"));
    for (uint32_t i = 60000; i > 0; i--) {
        khap__buf_add(&text, S("  k"));
        khap__buf_uint(&text, i);
        khap__buf_add(&text, S(": 1\n"));
    }
    khap__buf_add(&text, S("small:\n"));
    for (uint32_t i = 0; i < 20000; i++)
        khap__buf_add(&text, S("- {<<: {z: 1}, a: 1}\n"));
    assert_int_equal(start(&r, khap__buf_str(&text), NULL), KHAP_OK);
    assert_int_equal(khap__yaml_next(r.reader, &r.arena, &root), KHAP_OK);
    assert_int_equal(khap_diags_count(r.diags, KHAP_NOTE), 0);
    stop(&r);
    khap__buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_what_is_left_after_errors),
        cmocka_unit_test(test_duplicates_in_mappings_of_every_size),
        cmocka_unit_test(test_places_are_exact),
        cmocka_unit_test(test_places_in_large_texts),
        cmocka_unit_test(test_places_through_aliases),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_merge_bomb),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_large_and_small_mappings_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
