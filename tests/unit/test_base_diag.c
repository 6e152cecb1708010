/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "failing_alloc.h"

static int collect(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

static int refuse(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return 1;
}

/* One source, its diagnostics, and what was printed of them. */
struct bench {
    struct khap_sources *sources;
    struct khap_diags *diags;
    uint32_t id;
    struct buf out;
};

static void set_up(struct bench *b, const char *name, struct khap_str text)
{
    assert_int_equal(khap_sources_new(NULL, &b->sources), KHAP_OK);
    assert_int_equal(khap_sources_add(b->sources, khap__str(name), text, &b->id), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, b->sources, &b->diags), KHAP_OK);
    khap__buf_init(&b->out, NULL);
}

static void tear_down(struct bench *b)
{
    khap__buf_free(&b->out);
    khap_diags_free(b->diags);
    khap_sources_free(b->sources);
}

static const char *printed(struct bench *b, unsigned flags)
{
    struct khap_sink sink = {&b->out, collect};
    khap__buf_clear(&b->out);
    assert_int_equal(khap_diags_print(b->diags, flags, &sink), KHAP_OK);
    khap__buf_char(&b->out, '\0');
    return b->out.ptr;
}

static const char *printed_json(struct bench *b)
{
    struct khap_sink sink = {&b->out, collect};
    khap__buf_clear(&b->out);
    assert_int_equal(khap_diags_print_json(b->diags, &sink), KHAP_OK);
    khap__buf_char(&b->out, '\0');
    return b->out.ptr;
}

static struct khap_place at(const struct bench *b, uint32_t offset, uint32_t len)
{
    return (struct khap_place){b->id, offset, len};
}

static void assert_at(const struct khap_sources *s, uint32_t id, uint32_t offset, uint32_t line,
                      uint32_t column)
{
    uint32_t l, c;
    khap_sources_locate(s, (struct khap_place){id, offset, 0}, &l, &c);
    assert_int_equal(l, line);
    assert_int_equal(c, column);
}

static void test_sources(void **state)
{
    (void)state;
    struct khap_sources *s;
    uint32_t id;
    char name[] = "a.yaml";
    assert_int_equal(khap_sources_new(NULL, NULL), KHAP_EINVAL);
    assert_int_equal(khap_sources_new(NULL, &s), KHAP_OK);
    assert_int_equal(khap_sources_add(s, khap__str(name), S("ab\n\ncd"), &id), KHAP_OK);
    assert_int_equal(id, 1);
    name[0] = 'X'; /* the name was copied */
    assert_true(khap__str_eq(khap_sources_name(s, 1), S("a.yaml")));
    assert_true(khap__str_eq(khap_sources_text(s, 1), S("ab\n\ncd")));
    assert_int_equal(khap_sources_add(s, S("Service shop/web"), S(""), &id), KHAP_OK);
    assert_int_equal(id, 2);
    assert_int_equal(khap_sources_name(s, 0).len, 0);
    assert_int_equal(khap_sources_name(s, 3).len, 0);
    assert_int_equal(khap_sources_text(s, 3).len, 0);
    assert_at(s, 1, 0, 1, 1);
    assert_at(s, 1, 2, 1, 3); /* the line's end belongs to it */
    assert_at(s, 1, 3, 2, 1);
    assert_at(s, 1, 4, 3, 1);
    assert_at(s, 1, 6, 3, 3); /* the end */
    assert_at(s, 1, 99, 3, 3);
    assert_at(s, 2, 0, 0, 0);
    assert_at(s, 0, 0, 0, 0);
    assert_at(s, 9, 0, 0, 0);
    assert_int_equal(khap_sources_add(s, S("x"), (struct khap_str){NULL, 1}, &id), KHAP_EINVAL);
    assert_int_equal(khap_sources_add(s, S("x"), S(""), NULL), KHAP_EINVAL);
    assert_int_equal(khap_sources_add(NULL, S("x"), S(""), &id), KHAP_EINVAL);
#if SIZE_MAX > UINT32_MAX
    assert_int_equal(khap_sources_add(s, S("x"), (struct khap_str){"", (size_t)UINT32_MAX + 1}, &id),
                     KHAP_ELIMIT);
#endif
    khap_sources_free(s);
    khap_sources_free(NULL);
}

/* Places in a large text, against counting from the start. */
static void test_places_in_large_texts(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    char *text = malloc(SIZE);
    struct khap_sources *s;
    uint32_t id, seed = 1;
    assert_non_null(text);
    for (uint32_t i = 0; i < SIZE; i++) {
        seed = seed * 1103515245u + 12345u;
        text[i] =
            (seed >> 16) % 1000 < (i / 40000) * 100 ? '\n' : 'x'; /* long lines first, then short ones */
    }
    assert_int_equal(khap_sources_new(NULL, &s), KHAP_OK);
    assert_int_equal(khap_sources_add(s, S("x"), (struct khap_str){text, SIZE}, &id), KHAP_OK);
    uint32_t line = 1, column = 1;
    for (uint32_t i = 0; i <= SIZE; i++) {
        if (i % 61 == 0 || i % 16384 < 2 || i % 16384 > 16381)
            assert_at(s, id, i, line, column);
        column++;
        if (i < SIZE && text[i] == '\n') {
            line++;
            column = 1;
        }
    }
    khap_sources_free(s);
    free(text);
}

static void test_lists(void **state)
{
    (void)state;
    struct bench b;
    struct khap_place place;
    struct khap_str text;
    set_up(&b, "a.yaml", S("web: 1\n"));
    assert_int_equal(khap__diags_status(b.diags), KHAP_OK);
    assert_null(khap_diags_next(b.diags, NULL));
    SAY(b.diags, MSG_MORE_DIAGNOSTICS, NOWHERE, S("3"));
    assert_int_equal(khap__diags_status(b.diags), KHAP_OK); /* a note is no failure */
    SAY(b.diags, MSG_DUPLICATE_KEY, at(&b, 0, 3), S("w\neb"));
    khap__diags_relate(b.diags, at(&b, 5, 1), S("first"));
    khap__diags_relate(b.diags, NOWHERE, S("second\x1b"));
    assert_int_equal(khap__diags_status(b.diags), KHAP_EINPUT);
    assert_ptr_equal(khap__diags_sources(b.diags), b.sources);
    const struct khap_diag *d = khap_diags_next(b.diags, NULL);
    assert_int_equal(khap_diag_severity(d), KHAP_NOTE);
    assert_int_equal(khap_diag_place(d).source, 0);
    d = khap_diags_next(b.diags, d);
    assert_string_equal(khap_diag_code(d), "duplicate-key");
    assert_int_equal(khap_diag_severity(d), KHAP_ERROR);
    assert_true(khap__str_eq(khap_diag_text(d), S("the key \"w\\neb\" stands here a second time")));
    assert_int_equal(khap_diag_place(d).offset, 0);
    assert_int_equal(khap_diag_place(d).len, 3);
    assert_int_equal(khap_diag_related(d, 0, &place, &text), KHAP_OK);
    assert_int_equal(place.offset, 5);
    assert_true(khap__str_eq(text, S("first")));
    assert_int_equal(khap_diag_related(d, 1, &place, &text), KHAP_OK);
    assert_true(khap__str_eq(text, S("second\\x1b")));
    assert_int_equal(khap_diag_related(d, 2, &place, &text), KHAP_ENOENT);
    assert_null(khap_diags_next(b.diags, d));
    assert_int_equal(khap_diags_count(b.diags, KHAP_NOTE), 2);
    assert_int_equal(khap_diags_count(b.diags, KHAP_WARNING), 1);
    assert_int_equal(khap_diags_count(b.diags, KHAP_ERROR), 1);
    tear_down(&b);
    SAY0(NULL, MSG_YAML_TAB, NOWHERE); /* nobody listens */
    khap__diags_relate(NULL, NOWHERE, S("x"));
    assert_int_equal(khap__diags_status(NULL), KHAP_OK);
    assert_int_equal(khap_diags_count(NULL, KHAP_NOTE), 0);
    assert_null(khap_diags_next(NULL, NULL));
    assert_int_equal(khap_diags_new(NULL, NULL, &b.diags), KHAP_EINVAL);
    khap_diags_free(NULL);
}

/* Two digits are no ninth and then a digit, a missing word is nothing, long words are cut. */
static void test_words(void **state)
{
    (void)state;
    struct bench b;
    char longer[500];
    memset(longer, 'x', sizeof longer);
    set_up(&b, "a", S(""));
    SAY(b.diags, MSG_YAML_SYNTAX, NOWHERE, S("100% of %1"));
    SAY0(b.diags, MSG_YAML_SYNTAX, NOWHERE);
    SAY(b.diags, MSG_YAML_TAG_MISMATCH, NOWHERE, S("one"), S("two"));
    SAY(b.diags, MSG_YAML_SYNTAX, NOWHERE, ((struct khap_str){longer, 500}));
    const struct khap_diag *d = khap_diags_next(b.diags, NULL);
    assert_true(khap__str_eq(khap_diag_text(d), S("100% of %1")));
    d = khap_diags_next(b.diags, d);
    assert_int_equal(khap_diag_text(d).len, 0);
    d = khap_diags_next(b.diags, d);
    assert_true(khap__str_eq(khap_diag_text(d), S("the tag one does not fit this two")));
    d = khap_diags_next(b.diags, d);
    assert_int_equal(khap_diag_text(d).len, 200);
    assert_true(khap__str_ends(khap_diag_text(d), S("x...")));
    tear_down(&b);
}

static void test_printing(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "dir/a.yaml", S("web:\n  nodePort: x\n"));
    uint32_t other;
    assert_int_equal(khap_sources_add(b.sources, S("Service shop/web"), S(""), &other), KHAP_OK);
    SAY(b.diags, MSG_YAML_SYNTAX, at(&b, 17, 1), S("bad"));
    khap__diags_relate(b.diags, at(&b, 0, 3), S("it begins here"));
    khap__diags_relate(b.diags, ((struct khap_place){other, 0, 0}), S("and there"));
    SAY(b.diags, MSG_MORE_DIAGNOSTICS, NOWHERE, S("7"));
    SAY(b.diags, MSG_YAML_SYNTAX, ((struct khap_place){other, 3, 9}), S("no text"));
    assert_string_equal(printed(&b, 0), "dir/a.yaml:2:13: error: bad [yaml-syntax]\n"
                                        "  nodePort: x\n"
                                        "            ^\n"
                                        "dir/a.yaml:1:1: note: it begins here\n"
                                        "web:\n"
                                        "^~~\n"
                                        "Service shop/web: note: and there\n"
                                        "note: 7 more diagnostics are not shown [more-diagnostics]\n"
                                        "Service shop/web: error: no text [yaml-syntax]\n");
    assert_string_equal(printed(&b, KHAP_PRINT_NO_SNIPPET),
                        "dir/a.yaml:2:13: error: bad [yaml-syntax]\n"
                        "dir/a.yaml:1:1: note: it begins here\n"
                        "Service shop/web: note: and there\n"
                        "note: 7 more diagnostics are not shown [more-diagnostics]\n"
                        "Service shop/web: error: no text [yaml-syntax]\n");
    tear_down(&b);
}

static void test_colours(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "a", S("xy"));
    SAY(b.diags, MSG_YAML_SYNTAX, at(&b, 1, 1), S("bad"));
    assert_string_equal(printed(&b, KHAP_PRINT_COLOUR),
                        "\033[1ma:1:2: \033[1;31merror: \033[0mbad [yaml-syntax]\n"
                        "xy\n \033[1;32m^\033[0m\n");
    tear_down(&b);
}

/* A line, a span in it, and the line and caret that must come out. */
static void test_carets(void **state)
{
    (void)state;
    static const struct {
        struct khap_str text;
        uint32_t offset, len;
        const char *snippet;
    } cases[] = {
        {{"abc", 3}, 0, 0, "abc\n^\n"},
        {{"abc", 3}, 0, 3, "abc\n^~~\n"},
        {{"abc", 3}, 3, 0, "abc\n   ^\n"},    /* the end of the file */
        {{"abc", 3}, 9, 9, "abc\n   ^\n"},    /* behind it */
        {{"abc\nde", 6}, 1, 5, "abc\n ^~\n"}, /* the first line of many */
        {{"abc\nde", 6}, 3, 1, "abc\n   ^\n"},
        {{"abc\r\nde", 7}, 1, 9, "abc\n ^~\n"},
        {{"\n\n", 2}, 1, 1, "\n^\n"},
        {{"\ta\tbc", 5}, 1, 1, "\ta\tbc\n\t^\n"},
        {{"\ta\tbc", 5}, 3, 2, "\ta\tbc\n\t \t^~\n"},
        {{"\ta\tbc", 5}, 0, 5, "\ta\tbc\n^\n"}, /* how wide a tab is, is not known: no tildes across one */
        {{"\ta\tbc", 5}, 1, 4, "\ta\tbc\n\t^\n"},
        {{"\xc3\xa9x y", 5}, 2, 1, "\xc3\xa9x y\n ^\n"},
        {{"\xe6\x97\xa5\xe6\x9c\xacx", 7}, 0, 6, "\xe6\x97\xa5\xe6\x9c\xacx\n^~~~\n"},
        {{"\xe6\x97\xa5\xe6\x9c\xacx", 7}, 6, 1, "\xe6\x97\xa5\xe6\x9c\xacx\n    ^\n"},
        {{"e\xcc\x81x", 4}, 3, 1, "e\xcc\x81x\n ^\n"},
        {{"a\x1b[1mx", 6}, 5, 1, "a\\x1b[1mx\n        ^\n"},
        {{"a\0x", 3}, 1, 1, "a\\x00x\n ^~~~\n"},
        {{"a\xff"
          "x",
          3},
         2,
         1,
         "a\\xffx\n     ^\n"},
        {{"a\xe2\x80\xae"
          "b",
          5},
         4,
         1,
         "a\\u202eb\n       ^\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench b;
        set_up(&b, "a", cases[i].text);
        SAY(b.diags, MSG_YAML_SYNTAX, at(&b, cases[i].offset, cases[i].len), S("m"));
        const char *line = strchr(printed(&b, 0), '\n');
        assert_non_null(line);
        assert_string_equal(line + 1, cases[i].snippet);
        tear_down(&b);
    }
}

/* The caret stands below the character it means, wherever in a long line that is; lines stay short. */
static void test_long_lines(void **state)
{
    (void)state;
    enum { LEN = 5000 };
    char *text = malloc(LEN);
    assert_non_null(text);
    for (int i = 0; i < LEN; i++)
        text[i] = (char)('!' + i % 90);
    for (uint32_t offset = 0; offset <= LEN; offset += 7) {
        struct bench b;
        set_up(&b, "a", (struct khap_str){text, LEN});
        SAY(b.diags, MSG_YAML_SYNTAX, at(&b, offset, 3), S("m"));
        const char *line = strchr(printed(&b, 0), '\n') + 1;
        const char *caret = strchr(line, '\n') + 1;
        assert_true(caret - line < 130);
        assert_true(strlen(caret) < 130);
        size_t column = strcspn(caret, "^");
        if (offset < LEN)
            assert_int_equal(line[column], text[offset]);
        else
            assert_int_equal(line[column], '\n');
        assert_int_equal(offset > 100, strncmp(line, "...", 3) == 0);
        tear_down(&b);
    }
    free(text);
}

/* A cut never falls into a character. */
static void test_long_lines_of_utf8(void **state)
{
    (void)state;
    char text[3000];
    for (uint32_t i = 0; i < 3000; i++)
        text[i] = "\xe2\x82\xac"[i % 3];
    for (uint32_t offset = 0; offset < 3000; offset += 3) {
        struct bench b;
        set_up(&b, "a", (struct khap_str){text, sizeof text});
        SAY(b.diags, MSG_YAML_SYNTAX, at(&b, offset, 3), S("m"));
        assert_true(khap__utf8_valid(khap__str(printed(&b, 0)), NULL));
        assert_null(strstr(b.out.ptr, "\\x"));
        tear_down(&b);
    }
}

static void test_limit(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "a", S("x"));
    for (int i = 0; i < 1500; i++)
        SAY(b.diags, MSG_MORE_DIAGNOSTICS, NOWHERE, S("1"));
    for (int i = 0; i < 500; i++)
        SAY0(b.diags, MSG_YAML_TAB, at(&b, 0, (uint32_t)i));
    khap__diags_relate(b.diags, at(&b, 0, 1), S("must not stick to another one"));
    size_t notes = 0, errors = 0;
    struct khap_place place;
    struct khap_str text;
    for (const struct khap_diag *d = khap_diags_next(b.diags, NULL); d != NULL;
         d = khap_diags_next(b.diags, d)) {
        notes += khap_diag_severity(d) == KHAP_NOTE;
        errors += khap_diag_severity(d) == KHAP_ERROR;
        assert_int_equal(khap_diag_related(d, 0, &place, &text), KHAP_ENOENT);
    }
    assert_int_equal(notes, 900); /* room is kept for errors */
    assert_int_equal(errors, 100);
    assert_int_equal(khap_diags_count(b.diags, KHAP_NOTE), 2000);
    assert_int_equal(khap_diags_count(b.diags, KHAP_ERROR), 500);
    assert_non_null(
        strstr(printed(&b, 0), "\nnote: 1000 more diagnostics are not shown [more-diagnostics]\n"));
    assert_non_null(strstr(printed_json(&b),
                           "\n{\"code\":\"more-diagnostics\",\"severity\":\"note\","
                           "\"message\":\"more diagnostics are not shown\",\"count\":1000}\n"));
    tear_down(&b);
}

/* What aliases share is read once for each: what is wrong with it is told once. */
static void test_repeated(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "a", S("x y"));
    for (int i = 0; i < 3000; i++) {
        SAY(b.diags, MSG_YAML_SYNTAX, at(&b, 0, 1), S("one"));
        khap__diags_relate(b.diags, at(&b, 2, 1), S("there"));
    }
    SAY(b.diags, MSG_YAML_SYNTAX, at(&b, 0, 1), S("two"));
    SAY(b.diags, MSG_YAML_SYNTAX, at(&b, 2, 1), S("one"));
    SAY(b.diags, MSG_YAML_SYNTAX, NOWHERE, S("one"));
    SAY(b.diags, MSG_YAML_SYNTAX, NOWHERE, S("one"));
    assert_string_equal(printed(&b, KHAP_PRINT_NO_SNIPPET), "a:1:1: error: one [yaml-syntax]\n"
                                                            "a:1:3: note: there\n"
                                                            "a:1:1: error: two [yaml-syntax]\n"
                                                            "a:1:3: error: one [yaml-syntax]\n"
                                                            "error: one [yaml-syntax]\n"
                                                            "error: one [yaml-syntax]\n");
    assert_int_equal(khap__diags_dropped(b.diags), 0);
    tear_down(&b);
}

static void test_json(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "a \"b\".yaml", S("web:\n  nodePort: x\n"));
    SAY(b.diags, MSG_YAML_SYNTAX, at(&b, 1, 8), S("say \"hi\"\\"));
    khap__diags_relate(b.diags, at(&b, 5, UINT32_MAX), S("from here"));
    SAY(b.diags, MSG_MORE_DIAGNOSTICS, NOWHERE, S("7"));
    assert_string_equal(
        printed_json(&b),
        "{\"code\":\"yaml-syntax\",\"severity\":\"error\",\"message\":\"say \\\"hi\\\"\\\\\","
        "\"source\":\"a \\\"b\\\".yaml\",\"line\":1,\"column\":2,\"endLine\":2,\"endColumn\":5,"
        "\"related\":[{\"message\":\"from here\",\"source\":\"a \\\"b\\\".yaml\",\"line\":2,\"column\":1,"
        "\"endLine\":3,\"endColumn\":1}]}\n"
        "{\"code\":\"more-diagnostics\",\"severity\":\"note\",\"message\":\"7 more diagnostics are not "
        "shown\","
        "\"related\":[]}\n");
    tear_down(&b);
}

/* The edits of a fix, as they are and in what is printed; nothing is added to what was not kept. */
static void test_edits(void **state)
{
    (void)state;
    struct bench b;
    struct khap_place place;
    struct khap_str text;
    set_up(&b, "a.cfg", S("typ http\n"));
    SAY(b.diags, MSG_DUPLICATE_KEY, at(&b, 0, 3), S("x"));
    khap__diags_edit(b.diags, at(&b, 0, 3), S("mode"));
    khap__diags_edit(b.diags, at(&b, 8, 0), S("\x1b"));
    khap__diags_edit(b.diags, NOWHERE, S("lost"));
    SAY(b.diags, MSG_DUPLICATE_KEY, at(&b, 0, 3), S("x")); /* said before */
    khap__diags_edit(b.diags, at(&b, 0, 3), S("lost"));
    const struct khap_diag *d = khap_diags_next(b.diags, NULL);
    assert_int_equal(khap_diag_edit(d, 0, &place, &text), KHAP_OK);
    assert_int_equal(place.len, 3);
    assert_true(khap__str_eq(text, S("mode")));
    assert_int_equal(khap_diag_edit(d, 1, &place, &text), KHAP_OK);
    assert_true(khap__str_eq(text, S("\x1b")));
    assert_int_equal(khap_diag_edit(d, 2, &place, &text), KHAP_ENOENT);
    assert_string_equal(printed_json(&b),
                        "{\"code\":\"duplicate-key\",\"severity\":\"error\",\"message\":\"the key \\\"x\\\" "
                        "stands here a second time\",\"source\":\"a.cfg\","
                        "\"line\":1,\"column\":1,\"endLine\":1,\"endColumn\":4,\"related\":[],\"edits\":[{"
                        "\"source\":\"a.cfg\",\"line\":1,\"column\":1,\"endLine\":1,"
                        "\"endColumn\":4,\"text\":\"mode\"},{\"source\":\"a.cfg\",\"line\":1,\"column\":9,"
                        "\"endLine\":1,\"endColumn\":9,\"text\":\"\\u001b\"}]}\n");
    tear_down(&b);
    khap__diags_edit(NULL, NOWHERE, S("x"));
}

static uint32_t judge(void *ctx, enum message_id id, struct khap_place place)
{
    (void)ctx;
    return id == MSG_DUPLICATE_KEY ? 0 : place.offset == 1 ? KHAP_WARNING : KHAP_NOTE;
}

/* Who has a say has it on what is there and on what comes; nothing of what was dropped is counted. */
static void test_judges(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "a.cfg", S("text\n"));
    SAY(b.diags, MSG_DUPLICATE_KEY, at(&b, 0, 1), S("x"));
    SAY(b.diags, MSG_DUPLICATE_KEY, at(&b, 0, 1), S("x"));
    SAY0(b.diags, MSG_YAML_TAB, at(&b, 1, 1));
    SAY(b.diags, MSG_DUPLICATE_KEY, at(&b, 2, 1), S("x"));
    khap__diags_judged_by(b.diags, judge, NULL);
    khap__diags_relate(b.diags, at(&b, 0, 1), S("nobody"));
    assert_int_equal(khap_diags_count(b.diags, KHAP_NOTE), 1);
    assert_int_equal(khap_diags_count(b.diags, KHAP_WARNING), 1);
    assert_int_equal(khap_diags_count(b.diags, KHAP_ERROR), 0);
    SAY(b.diags, MSG_DUPLICATE_KEY, at(&b, 0, 1), S("x"));
    khap__diags_relate(b.diags, at(&b, 0, 1), S("nobody"));
    SAY0(b.diags, MSG_YAML_TAB, at(&b, 2, 1));
    khap__diags_judged_by(b.diags, NULL, NULL);
    SAY0(b.diags, MSG_YAML_TAB, at(&b, 3, 1));
    const struct khap_diag *d = khap_diags_next(b.diags, NULL);
    assert_int_equal(khap_diag_severity(d), KHAP_WARNING);
    d = khap_diags_next(b.diags, d);
    assert_int_equal(khap_diag_severity(d), KHAP_NOTE);
    d = khap_diags_next(b.diags, d);
    assert_int_equal(khap_diag_severity(d), KHAP_ERROR);
    assert_null(khap_diags_next(b.diags, d));
    assert_int_equal(khap__diags_dropped(b.diags), 0);
    tear_down(&b);
    khap__diags_judged_by(NULL, judge, NULL);
}

static void test_sinks_that_refuse(void **state)
{
    (void)state;
    struct bench b;
    struct khap_sink sink = {NULL, refuse};
    set_up(&b, "a", S("x"));
    assert_int_equal(khap_diags_print(b.diags, 0, &sink), KHAP_OK); /* nothing to say */
    SAY0(b.diags, MSG_YAML_TAB, at(&b, 0, 1));
    assert_int_equal(khap_diags_print(b.diags, 0, &sink), KHAP_EIO);
    assert_int_equal(khap_diags_print_json(b.diags, &sink), KHAP_EIO);
    assert_int_equal(khap_diags_print_sarif(b.diags, &sink), KHAP_EIO);
    assert_int_equal(khap_diags_print_sarif(NULL, &sink), KHAP_EINVAL);
    assert_int_equal(khap_diags_print(b.diags, 0, NULL), KHAP_EINVAL);
    assert_int_equal(khap_diags_print_json(NULL, &sink), KHAP_EINVAL);
    tear_down(&b);
}

static enum khap_status without_memory(const struct khap_alloc *alloc)
{
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct buf out;
    struct khap_sink sink = {&out, collect};
    uint32_t id;
    khap__buf_init(&out, NULL);
    enum khap_status st = khap_sources_new(alloc, &sources);
    if (st == KHAP_OK)
        st = khap_sources_add(sources, S("name"), S("text\n"), &id);
    if (st == KHAP_OK)
        st = khap_diags_new(alloc, sources, &diags);
    for (int i = 0; i < 100 && st == KHAP_OK; i++) {
        SAY(diags, MSG_MORE_DIAGNOSTICS, ((struct khap_place){id, 0, 4}), S("some"));
        khap__diags_relate(diags, ((struct khap_place){id, 0, 4}), S("something"));
        khap__diags_edit(diags, ((struct khap_place){id, 0, 4}), S("another"));
        st = khap__diags_status(diags);
    }
    if (st == KHAP_OK)
        st = khap_diags_print(diags, 0, &sink);
    if (st == KHAP_OK)
        st = khap_diags_print_json(diags, &sink);
    if (st == KHAP_OK)
        st = khap_diags_print_sarif(diags, &sink);
    khap__buf_free(&out);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return st;
}

static void test_without_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status st = without_memory(&f.alloc);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(st, KHAP_OK);
            assert_true(i > 8);
            break;
        }
        assert_int_equal(st, KHAP_ENOMEM);
    }
}

static void test_messages(void **state)
{
    (void)state;
    struct khap_message m = {.size = sizeof m}, found = {.size = sizeof found};
    size_t n = 0;
    const char *previous = "";
    for (; khap_message_at(n, &m) == KHAP_OK; n++) {
        assert_true(strcmp(previous, m.code) < 0); /* in order, none twice */
        assert_true(m.severity >= KHAP_NOTE && m.severity <= KHAP_ERROR);
        assert_true(strlen(m.text) > 0 && strlen(m.meaning) > 0 && strlen(m.example) > 0 &&
                    strlen(m.remedy) > 0);
        assert_true(khap__utf8_valid(khap__str(m.text), NULL) &&
                    khap__utf8_valid(khap__str(m.meaning), NULL));
        assert_int_equal(khap_message_find(khap__str(m.code), &found), KHAP_OK);
        assert_string_equal(found.remedy, m.remedy);
        previous = m.code;
    }
    assert_int_equal(n, MSG__COUNT);
    assert_int_equal(khap_message_find(S("[duplicate-key]"), &m), KHAP_OK);
    assert_string_equal(m.code, "duplicate-key");
    assert_int_equal(m.severity, KHAP_ERROR);
    assert_int_equal(khap_message_find(S("duplicate-ke"), &m), KHAP_ENOENT);
    assert_int_equal(khap_message_find(S(""), &m), KHAP_ENOENT);
    assert_int_equal(khap_message_find(S("["), &m), KHAP_ENOENT);
    assert_int_equal(khap_message_find(S("zzz"), &m), KHAP_ENOENT);
    assert_int_equal(khap_message_at(0, NULL), KHAP_EINVAL);
    m.size = sizeof m - 1;
    assert_int_equal(khap_message_at(0, &m), KHAP_EINVAL);
    assert_int_equal(khap_message_find(S("duplicate-key"), &m), KHAP_EINVAL);
    struct {
        struct khap_message message;
        void *later;
    } newer = {.message.size = sizeof newer, .later = &newer};
    assert_int_equal(khap_message_at(0, &newer.message), KHAP_OK);
    assert_int_equal(newer.message.size, sizeof newer);
    assert_null(newer.later); /* what this library does not know is zero */
    assert_int_equal(khap_message_find(S("yaml-tab"), &m), KHAP_EINVAL);
    m.size = sizeof m;
    assert_int_equal(khap_message_find(S("yaml-tab"), &m), KHAP_OK);
    assert_non_null(strchr(m.example, '\n')); /* escapes of the table became what they mean */
    assert_int_equal(khap_message_find(S("yaml-escape"), &m), KHAP_OK);
    assert_non_null(strstr(m.example, "/\\d+"));
}

/* What a program adds by code is like what the library adds by number. */
static void test_reporting_by_code(void **state)
{
    (void)state;
    struct bench b;
    const struct khap_str words[] = {S("a\tb")};
    set_up(&b, "a", S("xyz"));
    assert_int_equal(khap_diags_report(b.diags, S("duplicate-key"), at(&b, 1, 2), words, 1), KHAP_OK);
    assert_int_equal(khap_diags_report(b.diags, S("no-such-code"), at(&b, 1, 2), words, 1), KHAP_ENOENT);
    assert_int_equal(khap_diags_report(NULL, S("duplicate-key"), at(&b, 1, 2), words, 1), KHAP_EINVAL);
    assert_int_equal(khap_diags_report(b.diags, S("duplicate-key"), NOWHERE, NULL, 1), KHAP_EINVAL);
    assert_int_equal(khap_diags_report(b.diags, S("yaml-tab"), NOWHERE, NULL, 0), KHAP_OK);
    assert_int_equal(khap_diags_count(b.diags, KHAP_ERROR), 2);
    assert_string_equal(printed(&b, 0),
                        "a:1:2: error: the key \"a\\tb\" stands here a second time [duplicate-key]\n"
                        "xyz\n ^~\n"
                        "error: a tab cannot indent; use blanks [yaml-tab]\n");
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_places_in_large_texts),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_printing),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_carets),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_long_lines_of_utf8),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_judges),
        cmocka_unit_test(test_sinks_that_refuse),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_reporting_by_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
