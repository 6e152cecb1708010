/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include <khap/cfg.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* A text that was read, with all that was said of it: "code@offset+len " for each diagnostic. */
struct read {
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_document *doc;
    struct buf said;
};

static struct khap_target target_of(uint16_t first, uint16_t last)
{
    struct khap_target target;
    khap_target_init(&target);
    target.first = first;
    target.last = last;
    return target;
}

static struct read read_text(struct khap_str text, uint16_t first, uint16_t last)
{
    struct read r;
    uint32_t source;
    struct khap_target target = target_of(first, last);
    assert_int_equal(khap_sources_new(NULL, &r.sources), KHAP_OK);
    assert_int_equal(khap_sources_add(r.sources, S("x.cfg"), text, &source), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, r.sources, &r.diags), KHAP_OK);
    assert_int_equal(khap_document_parse(NULL, &target, text, source, r.diags, &r.doc), KHAP_OK);
    khap__buf_init(&r.said, NULL);
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r.diags, d)) != NULL;) {
        struct khap_place place = khap_diag_place(d);
        khap__buf_add(&r.said, khap__str(khap_diag_code(d)));
        khap__buf_char(&r.said, '@');
        khap__buf_uint(&r.said, place.offset);
        khap__buf_char(&r.said, '+');
        khap__buf_uint(&r.said, place.len);
        khap__buf_char(&r.said, ' ');
    }
    return r;
}

static void done(struct read *r)
{
    khap__buf_free(&r->said);
    khap_document_free(r->doc);
    khap_diags_free(r->diags);
    khap_sources_free(r->sources);
}

static void assert_text(const struct khap_document *doc, struct khap_str expected)
{
    struct buf b;
    khap__buf_init(&b, NULL);
    struct khap_sink sink = {&b, into_buf};
    assert_int_equal(khap_document_print(doc, &sink), KHAP_OK);
    if (!khap__str_eq(khap__buf_str(&b), expected))
        fail_msg("printed:\n%.*s\nexpected:\n%.*s", S_ARG(khap__buf_str(&b)), S_ARG(expected));
    assert_int_equal(khap_document_length(doc), expected.len);
    khap__buf_free(&b);
}

static struct khap_line *line_at(const struct khap_document *doc, size_t n)
{
    struct khap_line *line = khap_line_next(doc, NULL);
    for (; n > 1; n--)
        line = khap_line_next(doc, line);
    assert_non_null(line);
    return line;
}

/* ---- what is said */

static void test_said(void **state)
{
    (void)state;
    static const struct {
        uint16_t first, last;
        struct khap_str text;
        const char *said;
    } table[] = {
#define ROW(first, last, text, said) {first, last, {text, sizeof text - 1}, said}
        ROW(304, 304, "", ""),
        ROW(304, 304, "# only\n\n", ""),
        ROW(304, 304, "global\n  maxconn 5\n", ""),
        ROW(304, 304, "maxconn 5\nglobal\n", "line-out-of-section@0+9 "),
        ROW(304, 304, "\xef\xbb\xbfglobal\n", "byte-order-mark@0+3 "),
        ROW(202, 304, "\xef\xbb\xbf# a\nglobal\n  maxconn 5\n", "byte-order-mark@0+3 "),
        ROW(304, 304, "\xef\xbb\xbfglobal \"\n  daemon\n", "byte-order-mark@0+3 line-open-quote@10+1 "),
        ROW(304, 304, "global", "no-final-newline@6+0 "),
        ROW(105, 202, "global", "no-final-newline-warned@6+0 "),
        ROW(105, 201, "global", ""),
        ROW(304, 304, "global\n log \"a\n", "line-open-quote@12+2 "),
        ROW(105, 105, "global\n log \"a\n", ""),
        ROW(105, 304, "global\n log \"a\n", "line-open-quote@12+2 "),
        ROW(304, 304, "global\n log 'a\r\n", "line-open-quote@12+2 "),
        ROW(304, 304, "global\n log a\\x4 b\n", "line-bad-escape@13+4 "),
        ROW(304, 304, "global\n log \"$1\"\n", "line-bad-variable@13+2 "),
        ROW(204, 304, "global\n log \"${A-b}\"\n", "line-bad-brace@13+4 "),
        ROW(205, 304, "global\n log \"${A-b}\"\n", ""),
        ROW(304, 304, "global\n log a \"\" b\n", "line-empty-word@14+2 "),
        ROW(206, 206, "global\n log a \"\" b\n", "line-may-end-at-empty-word@14+2 "),
        ROW(304, 304, "global\n\"\" b\n", ""),
        ROW(303, 303, "global\n\"\" b\n", "line-empty-word@7+2 "),
        ROW(304, 304, "global\n log a\rb\n", "line-cut-at-cr@13+2 "),
        ROW(304, 304, "global\r\n log a\r\n", ""),
        ROW(304, 304, "global\n log a \r b\n", ""),
        ROW(304, 304, "global\n log\0a\n", "line-nul@11+1 "),
        ROW(201, 201, "global\n log\0a\n", "line-cut-at-nul@11+1 "),
        ROW(304, 304, "[a b]\n", "line-bad-scope@0+3 "),
        ROW(304, 304, "[a.b:c-d_e] # x\n", ""),
        ROW(106, 106, "[a]\n", "line-out-of-section@0+3 "),
        ROW(304, 304, ".if 1\nglobal\n.endif\n maxconn 5\n", ""),
        ROW(304, 304, ".if 1\n.if 2\n.endif\n", "if-not-closed@0+5 "),
        ROW(304, 304, "global\n.endif\n", "if-not-open@7+6 "),
        ROW(304, 304, "global\n.if 1\n.else\n.elif 1\n.endif\n", "if-after-else@19+7 "),
        ROW(304, 304, "global\n.if 1\n.elseif 1\n.endif\n", "if-misspelled@13+9 "),
        ROW(304, 304, "global\n.if 1\n.else x\n.endif\n", "directive-no-words@13+7 "),
        ROW(204, 204, "global\n.if 1\n.else x\n.endif\n", ""),
        ROW(304, 304, "global\n.notice a b\n", "directive-one-word@7+11 "),
        ROW(304, 304, "global\n.warn a\n", "directive-unknown@7+7 "),
        ROW(203, 203, "global\n.warn a\n", ""),
        ROW(304, 304, "global\n \".if\" 1\n", "if-not-closed@7+8 "),
#undef ROW
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct read r = read_text(table[i].text, table[i].first, table[i].last);
        if (!khap__str_eq(khap__buf_str(&r.said), khap__str(table[i].said)))
            fail_msg("%.*s said \"%.*s\", not \"%s\"", S_ARG(table[i].text), S_ARG(khap__buf_str(&r.said)),
                     table[i].said);
        assert_text(r.doc, table[i].text);
        done(&r);
    }
}

static void test_many_words(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    khap__buf_add(&b, S("global\n"));
    for (int i = 0; i < 64; i++)
        khap__buf_add(&b, S("ab "));
    khap__buf_char(&b, '\n');
    struct read r = read_text(khap__buf_str(&b), 304, 304);
    assert_int_equal(r.said.len, 0);
    done(&r);
    r = read_text(khap__buf_str(&b), 202, 304);
    assert_true(khap__str_starts(khap__buf_str(&r.said), S("line-too-many-words@198+1 ")));
    assert_non_null(strstr(khap_diag_text(khap_diags_next(r.diags, NULL)).ptr, "2.2 to 3.1"));
    done(&r);
    b.len--;
    khap__buf_add(&b, S("more\n"));
    r = read_text(khap__buf_str(&b), 304, 304);
    assert_true(khap__str_starts(khap__buf_str(&r.said), S("line-too-many-words@199+")));
    done(&r);
    khap__buf_free(&b);
}

/* ---- lines, words, outline */

static void test_kinds_and_origins(void **state)
{
    (void)state;
    struct read r = read_text(
        S("# c\n\n\tglobal # x\n  a b\r\n.if 1\n\"front\"end f\n[s]\n'' z\n\"$V\" q\n.endif\n"), 304, 304);
    static const uint8_t kinds[] = {
        KHAP_LINE_COMMENT, KHAP_LINE_BLANK, KHAP_LINE_SECTION, KHAP_LINE_STATEMENT, KHAP_LINE_DIRECTIVE,
        KHAP_LINE_SECTION, KHAP_LINE_SCOPE, KHAP_LINE_IGNORED, KHAP_LINE_STATEMENT, KHAP_LINE_DIRECTIVE};
    struct khap_line *line = NULL;
    for (size_t i = 0; i < sizeof kinds; i++) {
        line = khap_line_next(r.doc, line);
        assert_int_equal(khap_line_kind(r.doc, line), kinds[i]);
    }
    assert_null(khap_line_next(r.doc, line));
    struct khap_place place = khap_line_origin(r.doc, line_at(r.doc, 4));
    assert_int_equal(place.source, 1);
    assert_int_equal(place.offset, 17);
    assert_int_equal(place.len, 5);
    assert_int_equal(khap_line_kind(r.doc, NULL), KHAP_LINE_BLANK);
    done(&r);
}

static enum khap_status environment(void *ctx, struct khap_str name, struct khap_str *value)
{
    static const char *const table[][2] = {{"A", "1"},    {"TWO", " x  y "}, {"QUOTE", "a\"b #'$A"},
                                           {"EMPTY", ""}, {"BLANK", "  "},   {".LINE", "7"}};
    (void)ctx;
    if (khap__str_eq(name, S("BAD")))
        return KHAP_EIO;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (khap__str_eq(name, khap__str(table[i][0]))) {
            *value = khap__str(table[i][1]);
            return KHAP_OK;
        }
    }
    return KHAP_ENOENT;
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        uint16_t release;
        const char *line, *words; /* with | between */
    } table[] = {
        {304, "a \"b c\" 'd'\\ e f#g", "a|b c|d e|f"},
        {304, "a \"$A\" \"x${A}y\"", "a|1|x1y"},
        {304, "a \"$QUOTE\" b", "a|a\"b #'$A|b"},
        {304, "a \"${TWO[*]}\" b", "a|x|y|b"},
        {304, "a \"p${TWO[*]}q\" b", "a|p|x|y|q|b"},
        {304, "a \"${EMPTY[*]}\" b", "a|b"},
        {304, "a \"${EMPTY[*]}b\" c", "a|b|c"},
        {304, "a \"${BLANK[*]}\"", "a"},
        {304, "a \"${EMPTY[*]}$EMPTY\" b", "a|b"},
        {302, "a \"${EMPTY[*]}\" b", "a||b"}, /* up to 3.2 what stands between blanks is a word */
        {302, "a \"${TWO[*]}\" b", "a||x|y||b"},
        {302, "a \"p${TWO[*]}q\" b", "a|p|x|y|q|b"},
        {302, "a \"${NONE[*]}\" b", "a|b"},
        {208, "a \"${NONE[*]}\" b", "a||b"},
        {304, "a \"${NONE[*]}\"", "a"},
        {304, "a \"${NONE-d e}\" f", "a|d e|f"},
        {304, "a \"${EMPTY-d}f\"", "a|f"},
        {304, "a \"x$NONE\" b", "a|x|b"},
        {300, "a \"x$NONE\" b", "a|xb"},
        {300, "a \"$NONE\" b c", "a|b|c"},
        {208, "a \"x$NONE\" b", "a|x|b"},
        {304, "a \"${.LINE}\"", "a|7"},
        {105, "a \"$A\"", "a|\"$A\""},
        {304, "a '$A' $A", "a|$A|$A"},
    };
    struct khap_words *words;
    assert_int_equal(khap_words_new(NULL, &words), KHAP_OK);
    khap_words_environment(words, environment, NULL);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct read r = read_text(khap__str(table[i].line), table[i].release, table[i].release);
        struct buf b;
        khap__buf_init(&b, NULL);
        assert_int_equal(khap_words_read(words, r.doc, line_at(r.doc, 1)), KHAP_OK);
        for (size_t k = 0; k < khap_words_count(words); k++) {
            if (k > 0)
                khap__buf_char(&b, '|');
            khap__buf_add(&b, khap_words_value(words, k));
        }
        if (!khap__str_eq(khap__buf_str(&b), khap__str(table[i].words)))
            fail_msg("%s in %d: %.*s, not %s", table[i].line, table[i].release, S_ARG(khap__buf_str(&b)),
                     table[i].words);
        khap__buf_free(&b);
        done(&r);
    }
    struct read r = read_text(S("a \"$BAD\" b\n  x \"$A${B[*]}\" # c\n log \"q\n"), 304, 304);
    assert_int_equal(khap_words_read(words, r.doc, line_at(r.doc, 1)), KHAP_EIO);
    assert_int_equal(khap_words_count(words), 0);
    khap_words_environment(words, NULL, NULL);
    assert_int_equal(khap_words_read(words, r.doc, line_at(r.doc, 2)), KHAP_OK);
    struct khap_word word = {.size = sizeof word};
    assert_int_equal(khap_words_at(words, 1, &word), KHAP_OK);
    assert_int_equal(word.flags, KHAP_WORD_VARIABLE | KHAP_WORD_MANY);
    assert_true(khap__str_eq(word.raw, S("\"$A${B[*]}\"")));
    assert_int_equal(word.offset, 4);
    assert_int_equal(khap_words_at(words, 2, &word), KHAP_ENOENT);
    assert_true(khap__str_eq(khap_words_comment(words), S("# c")));
    uint32_t offset, len;
    assert_int_equal(khap_words_error(words, NULL, NULL), KHAP_WORDS_READ);
    assert_int_equal(khap_words_read(words, r.doc, line_at(r.doc, 3)), KHAP_OK);
    assert_int_equal(khap_words_error(words, &offset, &len), KHAP_WORDS_QUOTE);
    assert_int_equal(offset, 5);
    assert_int_equal(len, 2);
    done(&r);
    khap_words_free(words);
}

static void test_outline(void **state)
{
    (void)state;
    struct read r = read_text(S(".if A\nfrontend a\n.if B\n.endif\n.elif C\nfrontend b\n.else\n.endif\n"
                                "  timeout client 5s\nglobal\nbackend \"$X\"\n"),
                              304, 304);
    struct khap_outline *o;
    struct khap_section s = {.size = sizeof s};
    struct khap_branch b = {.size = sizeof b};
    assert_int_equal(khap_outline_new(NULL, r.doc, NULL, &o), KHAP_OK);
    static const struct {
        const char *kind, *name;
        size_t head, last;
    } sections[] = {
        {"frontend", "a", 2, 5}, {"frontend", "b", 6, 9}, {"global", "", 10, 10}, {"backend", "", 11, 11}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(khap_outline_section(o, i, &s), KHAP_OK);
        assert_true(khap__str_eq(s.kind, khap__str(sections[i].kind)));
        assert_true(khap__str_eq(s.name, khap__str(sections[i].name)));
        assert_ptr_equal(s.head, line_at(r.doc, sections[i].head));
        assert_ptr_equal(s.last, line_at(r.doc, sections[i].last));
    }
    assert_int_equal(khap_outline_section(o, 4, &s), KHAP_ENOENT);
    static const struct {
        size_t head, end, parent, before;
        uint32_t kind, depth;
    } branches[] = {{1, 5, SIZE_MAX, SIZE_MAX, KHAP_BRANCH_IF, 0},
                    {3, 4, 0, SIZE_MAX, KHAP_BRANCH_IF, 1},
                    {5, 7, SIZE_MAX, 0, KHAP_BRANCH_ELIF, 0},
                    {7, 8, SIZE_MAX, 2, KHAP_BRANCH_ELSE, 0}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(khap_outline_branch(o, i, &b), KHAP_OK);
        assert_ptr_equal(b.head, line_at(r.doc, branches[i].head));
        assert_ptr_equal(b.end, line_at(r.doc, branches[i].end));
        assert_int_equal(b.parent, branches[i].parent);
        assert_int_equal(b.before, branches[i].before);
        assert_int_equal(b.kind, branches[i].kind);
        assert_int_equal(b.depth, branches[i].depth);
    }
    assert_int_equal(khap_outline_branch(o, 4, &b), KHAP_ENOENT);
    khap_outline_free(o);
    done(&r);
}

/* ---- edits */

static void test_edits(void **state)
{
    (void)state;
    struct khap_str words[] = {S("timeout"), S("client"), S("5 s")};
    struct read r = read_text(S("frontend a\r\n\tbind :80 ssl # here\r\n# end\r\nbackend b"), 206, 206);
    struct khap_place origin = {0, 0, 0};
    struct khap_line *bind = line_at(r.doc, 2), *last = line_at(r.doc, 4), *added;
    const char *bind_text = khap_line_text(bind).ptr;
    assert_int_equal(khap_document_insert(r.doc, bind, KHAP_INDENT_AS_BESIDE, words, 3, origin, &added),
                     KHAP_OK);
    assert_ptr_equal(khap_line_text(bind).ptr, bind_text);
    assert_int_equal(khap_document_insert(r.doc, last, KHAP_INDENT_AS_BESIDE, words, 2, origin, NULL),
                     KHAP_OK);
    assert_text(r.doc,
                S("frontend a\r\n\tbind :80 ssl # here\r\n\ttimeout client '5 s'\r\n# end\r\nbackend b\r\n"
                  "    timeout client\r\n"));
    assert_int_equal(khap_line_set_word(r.doc, bind, 1, S("[::]:80 x")), KHAP_OK);
    assert_int_equal(khap_line_set_word(r.doc, bind, 3, S("x")), KHAP_ENOENT);
    assert_int_equal(khap_line_set_word(r.doc, bind, 1, S("")), KHAP_EINPUT);
    assert_int_equal(khap_line_set_word(r.doc, bind, 0, S(".if")), KHAP_EINPUT);
    assert_true(khap__str_eq(khap_line_text(bind), S("\tbind '[::]:80 x' ssl # here\r\n")));
    assert_int_equal(khap_line_origin(r.doc, bind).offset, 12);
    assert_int_equal(khap_line_set_words(r.doc, bind, words, 2), KHAP_OK);
    assert_true(khap__str_eq(khap_line_text(bind), S("\ttimeout client # here\r\n")));
    assert_int_equal(khap_line_set_words(r.doc, bind, words, 0), KHAP_OK);
    assert_true(khap__str_eq(khap_line_text(bind), S("\t # here\r\n")));
    assert_int_equal(khap_line_set_raw(r.doc, added, S("x")), KHAP_OK);
    assert_int_equal(khap_line_set_raw(r.doc, added, S("x\ny")), KHAP_EINVAL);
    assert_int_equal(khap_document_insert_raw(r.doc, NULL, S("# top\n"), origin, NULL), KHAP_OK);
    assert_int_equal(khap_document_remove(r.doc, line_at(r.doc, 2)), KHAP_OK);
    assert_int_equal(khap_document_remove(r.doc, khap_line_prev(r.doc, NULL)), KHAP_OK);
    assert_text(r.doc, S("# top\n\t # here\r\nx\r\n# end\r\nbackend b\r\n"));
    done(&r);
    /* a word whose neighbours are not apart from it, and one that would take the next with it */
    r = read_text(S("a b#c\n"), 304, 304);
    assert_int_equal(khap_line_set_word(r.doc, line_at(r.doc, 1), 1, S("x#")), KHAP_OK);
    assert_text(r.doc, S("a 'x#'#c\n"));
    assert_int_equal(khap_document_remove(r.doc, line_at(r.doc, 1)), KHAP_OK);
    assert_text(r.doc, S(""));
    assert_int_equal(khap_document_insert_raw(r.doc, NULL, S("z"), origin, NULL), KHAP_OK);
    assert_text(r.doc, S("z"));
    done(&r);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct khap_str text = S("global\n log \"a b\" c\n.if \"$A\"\nfrontend 'a'\n.endif\n\"x");
    struct khap_str words[] = {S("a"), S("b c")};
    struct khap_place origin = {0, 0, 0};
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct khap_target target = target_of(202, 304);
        struct khap_sources *sources = NULL;
        struct khap_diags *diags = NULL;
        struct khap_document *doc = NULL;
        struct khap_outline *outline = NULL;
        struct khap_words *reader = NULL;
        uint32_t source = 0;
        failing_alloc_init(&f, i);
        enum khap_status status = khap_sources_new(&f.alloc, &sources);
        if (status == KHAP_OK)
            status = khap_sources_add(sources, S("x"), text, &source);
        if (status == KHAP_OK)
            status = khap_diags_new(&f.alloc, sources, &diags);
        if (status == KHAP_OK)
            status = khap_document_parse(&f.alloc, &target, text, source, diags, &doc);
        if (status == KHAP_OK)
            status = khap_document_insert(doc, NULL, 4, words, 2, origin, NULL);
        if (status == KHAP_OK)
            status = khap_line_set_word(doc, line_at(doc, 1), 1, S("x y"));
        if (status == KHAP_OK)
            status = khap_line_set_words(doc, line_at(doc, 2), words, 2);
        if (status == KHAP_OK)
            status = khap_document_insert_raw(doc, khap_line_prev(doc, NULL), S("z"), origin, NULL);
        if (status == KHAP_OK)
            status = khap_outline_new(&f.alloc, doc, NULL, &outline);
        if (status == KHAP_OK)
            status = khap_words_new(&f.alloc, &reader);
        if (status == KHAP_OK)
            status = khap_words_read(reader, doc, line_at(doc, 1));
        if (!f.failed)
            assert_text(doc,
                        S("    a 'x y'\na 'b c'\n log \"a b\" c\n.if \"$A\"\nfrontend 'a'\n.endif\n\"x\nz"));
        khap_words_free(reader);
        khap_outline_free(outline);
        khap_document_free(doc);
        khap_diags_free(diags);
        khap_sources_free(sources);
        assert_failing_alloc_clean(&f);
        assert_int_equal(status, f.failed ? KHAP_ENOMEM : KHAP_OK);
        if (!f.failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_said),
        cmocka_unit_test(test_many_words),
        cmocka_unit_test(test_kinds_and_origins),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_outline),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
