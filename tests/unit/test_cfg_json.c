/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include <khap/cfg.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* Takes *ctx pieces, then no more. */
static int takes_some(void *ctx, const char *data, size_t len)
{
    (void)data, (void)len;
    return (*(int *)ctx)-- > 0 ? 0 : 1;
}

static struct khap_document *read(const struct khap_alloc *alloc, uint16_t first, uint16_t last,
                                  struct khap_str text)
{
    struct khap_target target;
    struct khap_document *doc = NULL;
    khap_target_init(&target);
    target.first = first;
    target.last = last;
    return khap_document_parse(alloc, &target, text, 0, NULL, &doc) == KHAP_OK ? doc : NULL;
}

/* Puts a quotation mark in place of each `: what is expected is easier to read so. */
static void assert_ends_in(struct buf *printed, const char *expected)
{
    struct buf b;
    khap__buf_init(&b, NULL);
    for (; *expected != '\0'; expected++)
        khap__buf_char(&b, *expected == '`' ? '"' : *expected);
    if (!khap__str_ends(khap__buf_str(printed), khap__buf_str(&b)))
        fail_msg("printed:\n%.*s\nexpected:\n%.*s", S_ARG(khap__buf_str(printed)), S_ARG(khap__buf_str(&b)));
    khap__buf_free(&b);
}

static void assert_json(uint16_t first, uint16_t last, struct khap_str text, const char *expected)
{
    struct khap_document *doc = read(NULL, first, last, text);
    struct buf b;
    khap__buf_init(&b, NULL);
    struct khap_sink sink = {&b, into_buf};
    assert_non_null(doc);
    assert_int_equal(khap_document_print_json(doc, &sink), KHAP_OK);
    assert_ends_in(&b, expected);
    khap__buf_free(&b);
    khap_document_free(doc);
}

static void test_empty(void **state)
{
    (void)state;
    assert_json(KHAP_RELEASE(2, 2), KHAP_NEWEST, S(""),
                "{`khap`:1,`target`:`2.2-3.4`,`lines`:[\n],`sections`:[\n],`branches`:[\n]}\n");
}

static void test_lines(void **state)
{
    (void)state;
    assert_json(KHAP_NEWEST, KHAP_NEWEST, S("x\nfrontend a\r\n\tbind 'a b' # c\n\n#\xff\n[s]\n y \""),
                "{`khap`:1,`target`:`3.4`,`lines`:[\n"
                "{`line`:1,`offset`:0,`kind`:`statement`,`indent`:``,`words`:[`x`],`spans`:[[1,2]],"
                "`raw`:`x`,`end`:`\\n`},\n"
                "{`line`:2,`offset`:2,`kind`:`section`,`section`:0,`indent`:``,`words`:[`frontend`,`a`],"
                "`spans`:[[1,9],[10,11]],`raw`:`frontend a`,`end`:`\\u000d\\n`},\n"
                "{`line`:3,`offset`:14,`kind`:`statement`,`section`:0,`indent`:`\\t`,`words`:[`bind`,`a b`],"
                "`spans`:[[2,6],[7,12]],`comment`:`# c`,`commentColumn`:13,"
                "`raw`:`\\tbind 'a b' # c`,`end`:`\\n`},\n"
                "{`line`:4,`offset`:30,`kind`:`blank`,`section`:0,`indent`:``,`words`:[],`spans`:[],"
                "`raw`:``,`end`:`\\n`},\n"
                "{`line`:5,`offset`:31,`kind`:`comment`,`section`:0,`indent`:``,`words`:[],`spans`:[],"
                "`comment`:{`base64`:`I/8=`},`commentColumn`:1,`raw`:{`base64`:`I/8=`},`end`:`\\n`},\n"
                "{`line`:6,`offset`:34,`kind`:`scope`,`section`:0,`raw`:`[s]`,`end`:`\\n`},\n"
                "{`line`:7,`offset`:38,`kind`:`statement`,`section`:0,"
                "`error`:{`code`:`line-open-quote`,`column`:4,`endColumn`:5},`raw`:` y \\``,`end`:``}\n"
                "],`sections`:[\n{`kind`:`frontend`,`name`:`a`,`first`:2,`last`:7}\n],`branches`:[\n]}\n");
}

static void test_variables(void **state)
{
    (void)state;
    assert_json(KHAP_RELEASE(3, 0), KHAP_RELEASE(3, 0), S("x \"$A\" \"${B[*]}\" y\n"),
                "{`khap`:1,`target`:`3.0`,`lines`:[\n"
                "{`line`:1,`offset`:0,`kind`:`statement`,`indent`:``,`words`:[`x`,"
                "{`raw`:`\\`$A\\``,`variable`:true,`joins`:true},"
                "{`raw`:`\\`${B[*]}\\``,`variable`:true,`many`:true,`joins`:true},`y`],"
                "`spans`:[[1,2],[3,7],[8,17],[18,19]],`raw`:`x \\`$A\\` \\`${B[*]}\\` y`,`end`:`\\n`}\n"
                "],`sections`:[\n],`branches`:[\n]}\n");
}

static void test_branches(void **state)
{
    (void)state;
    assert_json(KHAP_NEWEST, KHAP_NEWEST, S(".if a\n.if b\n.elif c\nlog\n.endif\n.else\n.if d\n"),
                "`branches`:[\n"
                "{`kind`:`if`,`first`:1,`end`:6,`depth`:0},\n"
                "{`kind`:`if`,`first`:2,`end`:3,`depth`:1,`parent`:0},\n"
                "{`kind`:`elif`,`first`:3,`end`:5,`depth`:1,`parent`:0,`before`:1},\n"
                "{`kind`:`else`,`first`:6,`depth`:0,`before`:0},\n"
                "{`kind`:`if`,`first`:7,`depth`:1,`parent`:3}\n]}\n");
}

static void test_refused(void **state)
{
    (void)state;
    char text[200000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "x y\n"[i % 4];
    struct khap_document *doc = read(NULL, KHAP_NEWEST, KHAP_NEWEST, (struct khap_str){text, sizeof text});
    int takes = 0;
    struct khap_sink sink = {&takes, takes_some};
    assert_int_equal(khap_document_print_json(NULL, &sink), KHAP_EINVAL);
    assert_int_equal(khap_document_print_json(doc, NULL), KHAP_EINVAL);
    int pieces = 0;
    for (;; pieces++) {
        takes = pieces;
        if (khap_document_print_json(doc, &sink) != KHAP_EIO)
            break;
        assert_int_equal(takes, -1); /* nothing more was offered */
    }
    assert_true(pieces > 10); /* it goes out in pieces */
    khap_document_free(doc);
}

static void test_memory(void **state)
{
    (void)state;
    struct failing_alloc f;
    int takes;
    struct khap_sink sink = {&takes, takes_some};
    for (size_t i = 1;; i++) {
        failing_alloc_init(&f, 0);
        struct khap_document *doc = read(&f.alloc, KHAP_RELEASE(2, 2), KHAP_NEWEST,
                                         S("frontend a\n.if x\n 'b' \"$C\" \xff\n.endif\n"));
        assert_non_null(doc);
        f.calls = 0;
        f.fail_at = i;
        takes = 1;
        enum khap_status status = khap_document_print_json(doc, &sink);
        khap_document_free(doc);
        assert_failing_alloc_clean(&f);
        assert_int_equal(status, f.failed ? KHAP_ENOMEM : KHAP_OK);
        if (!f.failed) {
            assert_true(i > 5);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),    cmocka_unit_test(test_lines),   cmocka_unit_test(test_variables),
        cmocka_unit_test(test_branches), cmocka_unit_test(test_refused), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
