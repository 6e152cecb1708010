/* What a view makes of bundles: sections, defaults, names, and what renaming changes. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include <khap/view.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

/* One or two files, and what a view makes of them. */
struct viewed {
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
    struct khap_view *view;
    struct khap_target target;
    enum khap_status status;
};

static enum khap_status add(struct viewed *v, const struct khap_alloc *alloc, const char *name,
                            const char *text)
{
    struct khap_document *doc;
    uint32_t id;
    enum khap_status status = khap_sources_add(v->sources, khap__str(name), khap__str(text), &id);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, &v->target, khap__str(text), id, NULL, &doc);
    if (status != KHAP_OK)
        return status;
    status = khap_bundle_add_document(v->bundle, khap__str(name), doc, 0);
    if (status != KHAP_OK)
        khap_document_free(doc);
    return status;
}

static void close_view(struct viewed *v)
{
    khap_view_free(v->view);
    khap_bundle_free(v->bundle);
    khap_diags_free(v->diags);
    khap_sources_free(v->sources);
}

static struct viewed open_with(const struct khap_alloc *alloc, uint16_t release, const char *first,
                               const char *second, const struct khap_if_facts *facts)
{
    struct viewed v = {0};
    khap_target_init(&v.target);
    v.target.first = v.target.last = release;
    v.status = khap_sources_new(alloc, &v.sources);
    if (v.status == KHAP_OK)
        v.status = khap_diags_new(alloc, v.sources, &v.diags);
    if (v.status == KHAP_OK)
        v.status = khap_bundle_new(alloc, &v.bundle);
    if (v.status == KHAP_OK)
        v.status = add(&v, alloc, "1.cfg", first);
    if (v.status == KHAP_OK && second != NULL)
        v.status = add(&v, alloc, "2.cfg", second);
    if (v.status == KHAP_OK)
        v.status = khap_view_new(alloc, v.bundle, &v.target, facts, v.diags, &v.view);
    return v;
}

static struct viewed open_view(uint16_t release, const char *first, const char *second)
{
    struct viewed v = open_with(NULL, release, first, second, NULL);
    assert_int_equal(v.status, KHAP_OK);
    return v;
}

static struct khap_view_section section(const struct viewed *v, size_t index)
{
    struct khap_view_section s = {.size = sizeof s};
    assert_int_equal(khap_view_section_at(v->view, index, &s), KHAP_OK);
    return s;
}

/* All sections as "kind name<defaults ", with ? and ! before those that may not and that are not read. */
static void assert_sections(const struct viewed *v, const char *expected)
{
    struct buf b;
    khap__buf_init(&b, NULL);
    struct khap_view_section s = {.size = sizeof s};
    for (size_t i = 0; khap_view_section_at(v->view, i, &s) == KHAP_OK; i++) {
        khap__buf_add(&b, s.read == KHAP_TRUE ? S("") : s.read == KHAP_UNKNOWN ? S("?") : S("!"));
        khap__buf_add(&b, s.kind);
        khap__buf_char(&b, ':');
        khap__buf_add(&b, s.name);
        if (s.defaults != SIZE_MAX) {
            khap__buf_char(&b, '<');
            khap__buf_uint(&b, s.defaults);
        }
        khap__buf_char(&b, ' ');
    }
    khap__buf_char(&b, '\0');
    assert_string_equal(b.ptr, expected);
    khap__buf_free(&b);
}

/* All references as "kind:name=state>definition ". */
static void assert_references(const struct viewed *v, const char *expected)
{
    static const char *const states[] = {"", "missing", "predefined", "variable", "dynamic"};
    struct buf b;
    khap__buf_init(&b, NULL);
    struct khap_view_reference r = {.size = sizeof r};
    struct khap_view_definition d = {.size = sizeof d};
    for (size_t i = 0; khap_view_reference_at(v->view, i, &r) == KHAP_OK; i++) {
        khap__buf_add(&b, r.kind);
        khap__buf_char(&b, ':');
        khap__buf_add(&b, r.name);
        if (r.state == KHAP_REFERENCE_BOUND) {
            assert_int_equal(khap_view_definition_at(v->view, r.definition, &d), KHAP_OK);
            khap__buf_char(&b, '>');
            khap__buf_add(&b, d.kind);
            khap__buf_char(&b, '@');
            khap__buf_uint(&b, d.section);
        } else {
            khap__buf_char(&b, '=');
            khap__buf_add(&b, khap__str(states[r.state]));
        }
        khap__buf_char(&b, ' ');
    }
    khap__buf_char(&b, '\0');
    assert_string_equal(b.ptr, expected);
    khap__buf_free(&b);
}

/* Where a place is, as "line:column+len". */
static void assert_place(const struct viewed *v, struct khap_place place, uint32_t line, uint32_t column,
                         uint32_t len)
{
    uint32_t l, c;
    khap_sources_locate(v->sources, place, &l, &c);
    assert_int_equal(l, line);
    assert_int_equal(c, column);
    assert_int_equal(place.len, len);
}

static void test_sections_and_defaults(void **state)
{
    (void)state;
    struct viewed v = open_view(KHAP_NEWEST,
                                "global\n"
                                "frontend before\n"
                                "defaults\n"
                                "frontend a\n"
                                "defaults x\n"
                                "defaults y from x\n"
                                "backend b\n"
                                "backend c from x\n"
                                "backend d from nobody\n"
                                "peers p\n"
                                "backend \"$NAME\"\n"
                                "unheard of\n",
                                "listen in-another-file\n");
    assert_sections(&v, "global: frontend:before defaults: frontend:a<2 defaults:x defaults:y<4 backend:b<5 "
                        "backend:c<4 backend:d "
                        "peers:p backend:<5 listen:in-another-file<5 ");
    assert_int_equal(khap_view_inheritor(v.view, 4, SIZE_MAX), 5);
    assert_int_equal(khap_view_inheritor(v.view, 4, 5), 7);
    assert_int_equal(khap_view_inheritor(v.view, 4, 7), SIZE_MAX);
    assert_int_equal(khap_view_inheritor(v.view, 0, SIZE_MAX), SIZE_MAX);
    assert_int_equal(khap_view_find(v.view, S("backend"), S("b"), SIZE_MAX), 6);
    assert_int_equal(khap_view_find(v.view, S("backend"), S("in-another-file"), SIZE_MAX), 11);
    assert_int_equal(khap_view_find(v.view, S("proxy"), S("a"), SIZE_MAX), 3);
    assert_int_equal(khap_view_find(v.view, S("backend"), S("a"), SIZE_MAX), SIZE_MAX);
    struct khap_view_section s = section(&v, 10);
    assert_int_equal(s.definition, SIZE_MAX);
    assert_true(khap__str_eq(khap_line_text(s.last), S("unheard of\n")));
    close_view(&v);
}

static int ask(void *ctx, struct khap_str predicate, struct khap_str argument)
{
    (void)ctx;
    if (!khap__str_eq(predicate, S("defined")))
        return KHAP_UNKNOWN;
    return khap__str_eq(argument, S("YES"))  ? KHAP_TRUE
           : khap__str_eq(argument, S("NO")) ? KHAP_FALSE
                                             : KHAP_UNKNOWN;
}

static void test_conditions(void **state)
{
    (void)state;
    static const char text[] = ".if defined(YES)\n"
                               "frontend a\n"
                               ".if defined(NO)\n"
                               "backend never\n"
                               ".elif defined(PERHAPS)\n"
                               "backend perhaps\n"
                               ".else\n"
                               "backend else\n"
                               ".endif\n"
                               ".else\n"
                               "frontend b\n"
                               " default_backend never\n"
                               ".endif\n"
                               " default_backend perhaps\n"
                               ".if version_before(2.0)\n"
                               "backend old\n"
                               ".endif\n";
    struct khap_if_facts facts = {.size = sizeof facts, .ask = ask};
    struct viewed v = open_with(NULL, KHAP_NEWEST, text, NULL, &facts);
    assert_int_equal(v.status, KHAP_OK);
    assert_sections(&v, "frontend:a !backend:never ?backend:perhaps ?backend:else !frontend:b !backend:old ");
    /* what stands behind `frontend b`, which is not read, belongs to the last section that may be */
    struct khap_view_reference r = {.size = sizeof r};
    assert_int_equal(khap_view_reference_at(v.view, 0, &r), KHAP_OK);
    assert_int_equal(r.section, 4);
    assert_int_equal(r.read, KHAP_FALSE);
    close_view(&v);
}

static void test_bad_conditions(void **state)
{
    (void)state;
    struct viewed v = open_view(
        KHAP_NEWEST, ".if defined(X\n.elif streq(a,b) &&\n.else\n.endif\n.if \"$X\"\n.endif\n", NULL);
    const struct khap_diag *d = khap_diags_next(v.diags, NULL);
    assert_non_null(d);
    assert_string_equal(khap_diag_code(d), "bad-if-condition");
    assert_int_equal(khap_diag_place(d).offset, 4 + 7);
    d = khap_diags_next(v.diags, d);
    assert_non_null(d);
    assert_string_equal(khap_diag_code(d), "bad-if-condition");
    assert_null(khap_diags_next(v.diags, d));
    close_view(&v);
}

static void test_references(void **state)
{
    (void)state;
    struct viewed v = open_view(KHAP_NEWEST,
                                "frontend f\n"
                                "  acl is_a path_beg /a\n"
                                "  acl is_b nbsrv(w) ge 1\n"
                                "  use_backend w if is_a !is_b or { nbsrv(l) gt 2 } METH_GET nothing\n"
                                "  use_backend %[path,lower]\n"
                                "  use_backend \"${B}\"\n"
                                "  default_backend f\n"
                                "backend w\n"
                                "  acl is_c always_true\n"
                                "listen l\n",
                                NULL);
    assert_references(&v, "backend:w>backend@1 backend:w>backend@1 acl:is_a>acl@0 acl:is_b>acl@0 "
                          "backend:l>listen@2 acl:METH_GET=predefined "
                          "acl:nothing=missing backend:=dynamic backend:=variable backend:f=missing ");
    struct khap_view_reference r = {.size = sizeof r};
    assert_int_equal(khap_view_reference_at(v.view, 4, &r), KHAP_OK);
    assert_place(&v, r.place, 4, 42, 1);
    assert_int_equal(khap_view_reference_at(v.view, 3, &r), KHAP_OK);
    assert_place(&v, r.place, 4, 26, 4);
    size_t w = section(&v, 1).definition;
    assert_int_equal(khap_view_referrer(v.view, w, SIZE_MAX), 0);
    assert_int_equal(khap_view_referrer(v.view, w, 0), 1);
    assert_int_equal(khap_view_referrer(v.view, w, 1), SIZE_MAX);
    close_view(&v);
}

static enum khap_status rename_to(struct viewed *v, const char *kind, const char *from, const char *to,
                                  struct buf *out)
{
    size_t index = khap_view_find(v->view, khap__str(kind), khap__str(from), SIZE_MAX);
    assert_int_not_equal(index, SIZE_MAX);
    enum khap_status status = khap_view_rename(v->view, v->bundle, index, khap__str(to), v->diags);
    struct khap_sink sink = {out, into_buf};
    khap__buf_clear(out);
    const struct khap_bundle_file *file = NULL;
    while ((file = khap_bundle_next(v->bundle, file)) != NULL)
        assert_int_equal(khap_bundle_file_print(file, &sink), KHAP_OK);
    khap__buf_char(out, '\0');
    return status;
}

static const char rename_first[] =
    "defaults d\r\n"
    "frontend f from d # of web\n"
    "\tuse_backend   web   if { nbsrv(web) gt 1 } { nbsrv(\\\"web\\\") lt 9 } web-2 # web\n"
    "  use_backend x%[nbsrv(web),lower]%[nbsrv(web)]web\n"
    "  default_backend web-2\n"
    "  unheard web, of\n"
    ".if defined(X)\n"
    "backend web from d\n"
    ".else\n"
    "backend 'web'\n"
    ".endif\n"
    "backend web-2\n"
    "peers web\n";
static const char rename_second[] = "frontend g\n  default_backend \"we\"b";

static void test_rename(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    struct viewed v = open_view(KHAP_NEWEST, rename_first, rename_second);
    assert_int_equal(rename_to(&v, "backend", "web", "shop.1", &b), KHAP_OK);
    assert_string_equal(
        b.ptr, "defaults d\r\n"
               "frontend f from d # of web\n"
               "\tuse_backend   shop.1   if { nbsrv(shop.1) gt 1 } { nbsrv(shop.1) lt 9 } web-2 # web\n"
               "  use_backend x%[nbsrv(shop.1),lower]%[nbsrv(shop.1)]web\n"
               "  default_backend web-2\n"
               "  unheard web, of\n"
               ".if defined(X)\n"
               "backend shop.1 from d\n"
               ".else\n"
               "backend shop.1\n"
               ".endif\n"
               "backend web-2\n"
               "peers web\n"
               "frontend g\n  default_backend shop.1");
    size_t codes[2] = {0, 0};
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(v.diags, d)) != NULL;) {
        codes[0] += strcmp(khap_diag_code(d), "rename-dynamic") == 0;
        codes[1] += strcmp(khap_diag_code(d), "rename-unread") == 0;
    }
    assert_int_equal(codes[0], 1);
    assert_int_equal(codes[1], 1); /* `unheard web, of` */
    close_view(&v);

    v = open_view(KHAP_NEWEST, rename_first, rename_second);
    assert_int_equal(rename_to(&v, "defaults", "d", "base", &b), KHAP_OK);
    assert_non_null(strstr(b.ptr, "defaults base\r\nfrontend f from base # of web\n"));
    assert_non_null(strstr(b.ptr, "backend web from base\n"));
    close_view(&v);
    khap__buf_free(&b);
}

static void test_rename_refused(void **state)
{
    (void)state;
    static const struct {
        const char *to, *code;
    } cases[] = {{"", "rename-bad-name"},    {"a b", "rename-bad-name"}, {"a/b", "rename-bad-name"},
                 {"f", "rename-taken"},      {"web-2", "rename-taken"},  {"%[x]", "rename-bad-name"},
                 {"a\nb", "rename-bad-name"}};
    struct buf b;
    khap__buf_init(&b, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct viewed v = open_view(KHAP_NEWEST, rename_first, NULL);
        assert_int_equal(rename_to(&v, "backend", "web", cases[i].to, &b), KHAP_EINPUT);
        assert_string_equal(b.ptr, rename_first);
        assert_string_equal(khap_diag_code(khap_diags_next(v.diags, NULL)), cases[i].code);
        close_view(&v);
    }
    struct viewed v = open_view(KHAP_NEWEST, rename_first, NULL);
    assert_int_equal(rename_to(&v, "backend", "web", "d", &b), KHAP_OK); /* a defaults section is no proxy */
    close_view(&v);
    v = open_view(KHAP_NEWEST, "global\n", NULL);
    assert_int_equal(khap_view_rename(v.view, v.bundle, 0, S("x"), NULL), KHAP_ENOENT);
    assert_int_equal(khap_view_rename(v.view, v.bundle, 1, S("x"), NULL), KHAP_ENOENT);
    assert_int_equal(khap_view_rename(v.view, NULL, 0, S("x"), NULL), KHAP_EINVAL);
    close_view(&v);
    khap__buf_free(&b);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        struct viewed v = open_with(&f.alloc, KHAP_NEWEST, rename_first, rename_second, NULL);
        enum khap_status status = v.status;
        if (status == KHAP_OK)
            status =
                khap_view_rename(v.view, v.bundle, khap_view_find(v.view, S("backend"), S("web"), SIZE_MAX),
                                 S("shop"), v.diags);
        close_view(&v);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        /* a list of diagnostics that fails says so itself */
        assert_true(status == KHAP_ENOMEM || status == KHAP_OK);
        assert_true(v.status == KHAP_ENOMEM || v.status == KHAP_OK);
    }
}

/* A line costs the same however many there are. */
static void test_many(void **state)
{
    (void)state;
    struct buf b;
    khap__buf_init(&b, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        khap__buf_add(&b, S("backend same\n acl a always_true\n use-server s if a\n"));
        khap__buf_add(&b, S("frontend f"));
        khap__buf_uint(&b, i);
        khap__buf_add(&b, S("\n default_backend same\n"));
    }
    khap__buf_char(&b, '\0');
    struct viewed v = open_view(KHAP_NEWEST, b.ptr, NULL);
    struct buf out;
    khap__buf_init(&out, NULL);
    assert_int_equal(rename_to(&v, "backend", "same", "other", &out), KHAP_OK);
    assert_null(strstr(out.ptr, "same"));
    khap__buf_free(&out);
    close_view(&v);
    khap__buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_and_defaults),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_bad_conditions),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_rename_refused),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
