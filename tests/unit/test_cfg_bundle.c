/* Reading bundles from a file source in memory. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "failing_alloc.h"

#include <khap/cfg.h>

/* ---- a file system in memory */

struct file {
    const char *path; /* of one in a directory: DIRECTORY/NAME */
    const char *text; /* NULL: it cannot be read */
    enum khap_status status;
};
static const struct file disk[] = {
    {"main.cfg", "global\n    maxconn 10\n", KHAP_OK},
    {"empty.cfg", "", KHAP_OK},
    {"/etc/x/../last.cfg", "backend last\n", KHAP_OK},
    {"conf.d/.hidden.cfg", "no\n", KHAP_OK},
    {"conf.d/.cfg", "no\n", KHAP_OK},
    {"conf.d/B.cfg", "frontend B\n    .if true\n", KHAP_OK},
    {"conf.d/a.cfg", "mode tcp\n", KHAP_OK},
    {"conf.d/a.cfg.cfg", "no\n", KHAP_OK},
    {"conf.d/a.cfgx", "no\n", KHAP_OK},
    {"conf.d/b.CFG", "no\n", KHAP_OK},
    {"conf.d/c.txt", "no\n", KHAP_OK},
    {"conf.d/cfg", "no\n", KHAP_OK},
    {"conf.d/x.cfg", "backend x\n", KHAP_OK},
    {"some/closed.cfg", NULL, KHAP_EIO},
    {"some/gone.cfg", NULL, KHAP_ENOENT},
    {"some/good.cfg", "listen good\n", KHAP_OK},
    {"some/huge.cfg", NULL, KHAP_ELIMIT},
    {"none/a.txt", "no\n", KHAP_OK},
    {"torn/a.cfg", "listen torn\n", KHAP_OK},
    {"hosts.map", "a b\n", KHAP_OK},
    {"closed.pem", NULL, KHAP_EIO},
};

struct memory {
    size_t reads, lists, out;
    const char *reason;
};

static enum khap_status memory_read(void *ctx, struct khap_str path, struct khap_str *text)
{
    struct memory *m = ctx;
    m->reads++;
    m->reason = "";
    for (size_t i = 0; i < sizeof disk / sizeof *disk; i++) {
        if (!khap__str_eq(path, khap__str(disk[i].path)))
            continue;
        if (disk[i].text == NULL) {
            m->reason = disk[i].status == KHAP_EIO ? "Permission denied" : "";
            return disk[i].status;
        }
        /* memory of its own for each reading, so that a wrong access is found */
        size_t len = strlen(disk[i].text);
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, disk[i].text, len);
        *text = (struct khap_str){copy, len};
        m->out++;
        return KHAP_OK;
    }
    return KHAP_ENOENT;
}

static void memory_done(void *ctx, struct khap_str text)
{
    struct memory *m = ctx;
    m->out--;
    free((char *)(uintptr_t)text.ptr);
}

static enum khap_status memory_list(void *ctx, struct khap_str path,
                                    enum khap_status (*entry)(void *entry_ctx, struct khap_str name),
                                    void *entry_ctx)
{
    struct memory *m = ctx;
    bool there = khap__str_eq(path, S("empty"));
    m->lists++;
    m->reason = "";
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < sizeof disk / sizeof *disk; i++) {
        struct khap_str file = khap__str(disk[i].path);
        if (file.len <= path.len || file.ptr[path.len] != '/' ||
            !khap__str_eq(path, khap__str_sub(file, 0, path.len)))
            continue;
        there = true;
        enum khap_status status = entry(entry_ctx, khap__str_sub(file, path.len + 1, file.len));
        if (status != KHAP_OK)
            return status;
    }
    if (there && khap__str_eq(path, S("torn"))) {
        m->reason = "Input/output error";
        return KHAP_EIO;
    }
    return there ? KHAP_OK : KHAP_ENOENT;
}

static struct khap_str memory_reason(void *ctx)
{
    return khap__str(((const struct memory *)ctx)->reason);
}

static struct khap_file_source source_of(struct memory *m)
{
    return (struct khap_file_source){
        sizeof(struct khap_file_source), m, memory_read, memory_done, memory_list, memory_reason};
}

/* ---- what is read, and what is said */

struct world {
    struct memory memory;
    struct khap_file_source files;
    struct khap_target target;
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_bundle *bundle;
};

static void world_begin(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->files = source_of(&w->memory);
    khap_target_init(&w->target);
    assert_int_equal(khap_sources_new(NULL, &w->sources), KHAP_OK);
    assert_int_equal(khap_diags_new(NULL, w->sources, &w->diags), KHAP_OK);
    assert_int_equal(khap_bundle_new(NULL, &w->bundle), KHAP_OK);
}

static void world_end(struct world *w)
{
    khap_diags_free(w->diags);
    khap_bundle_free(w->bundle);
    assert_int_equal(w->memory.out, 0); /* each text went back */
    khap_sources_free(w->sources);
}

static enum khap_status read_paths(struct world *w, const char *first, const char *second, const char *third)
{
    struct khap_str paths[3];
    const char *given[] = {first, second, third};
    size_t n = 0;
    while (n < 3 && given[n] != NULL) {
        paths[n] = khap__str(given[n]);
        n++;
    }
    return khap_bundle_read(w->bundle, &w->target, paths, n, &w->files, w->sources, w->diags);
}

static void assert_names(const struct world *w, const char *wanted)
{
    char got[512] = "";
    const struct khap_bundle_file *f = NULL;
    while ((f = khap_bundle_next(w->bundle, f)) != NULL) {
        assert_true((khap_bundle_file_document(f) == NULL) ==
                    khap__str_ends(khap_bundle_file_name(f), S("map")));
        snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s ", S_ARG(khap_bundle_file_name(f)));
    }
    assert_string_equal(got, wanted);
}

/* "source:code" of each diagnostic */
static void assert_said(const struct world *w, const char *wanted)
{
    char got[1024] = "";
    const struct khap_diag *d = NULL;
    while ((d = khap_diags_next(w->diags, d)) != NULL)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s:%s ",
                 S_ARG(khap_sources_name(w->sources, khap_diag_place(d).source)), khap_diag_code(d));
    assert_string_equal(got, wanted);
}

static int add_to(void *ctx, const char *data, size_t len)
{
    char *all = ctx;
    snprintf(all + strlen(all), 256 - strlen(all), "%.*s", (int)len, data);
    return 0;
}

static void assert_prints(const struct khap_bundle_file *f, const char *wanted)
{
    char all[256] = "";
    const struct khap_sink sink = {all, add_to};
    assert_int_equal(khap_bundle_file_print(f, &sink), KHAP_OK);
    assert_string_equal(all, wanted);
}

/* ---- the tests */

static void test_order(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    assert_int_equal(read_paths(&w, "main.cfg", "conf.d", "/etc/x/../last.cfg"), KHAP_OK);
    assert_names(&w, "main.cfg conf.d/B.cfg conf.d/a.cfg conf.d/x.cfg /etc/x/../last.cfg ");
    /* each begins outside of any section, and ends its own blocks */
    assert_said(&w, "conf.d/B.cfg:if-not-closed conf.d/a.cfg:line-out-of-section ");
    const struct khap_bundle_file *f = khap_bundle_find(w.bundle, S("conf.d/x.cfg"));
    assert_prints(f, "backend x\n");
    struct khap_place place =
        khap_line_origin(khap_bundle_file_document(f), khap_line_next(khap_bundle_file_document(f), NULL));
    assert_true(khap__str_eq(khap_sources_name(w.sources, place.source), S("conf.d/x.cfg")));
    assert_true(khap__str_eq(khap_sources_text(w.sources, place.source), S("backend x\n")));
    assert_int_equal(khap_bundle_file_text(f).len, 0);
    assert_null(khap_bundle_find(w.bundle, S("conf.d/c.txt")));
    assert_int_equal(w.memory.out, 5);
    /* more behind them */
    assert_int_equal(read_paths(&w, "empty.cfg", NULL, NULL), KHAP_OK);
    assert_names(&w, "main.cfg conf.d/B.cfg conf.d/a.cfg conf.d/x.cfg /etc/x/../last.cfg empty.cfg ");
    world_end(&w);
}

static void test_twice(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    assert_int_equal(read_paths(&w, "conf.d/x.cfg", "conf.d/", "conf.d/x.cfg"), KHAP_OK);
    assert_names(&w, "conf.d/x.cfg conf.d/B.cfg conf.d/a.cfg conf.d/x.cfg conf.d/x.cfg ");
    assert_int_equal(w.memory.out, 5);
    /* the first of them is found, and no other is added */
    assert_ptr_equal(khap_bundle_find(w.bundle, S("conf.d/x.cfg")), khap_bundle_next(w.bundle, NULL));
    assert_int_equal(khap_bundle_add_file(w.bundle, S("conf.d/x.cfg"), S(""), 0), KHAP_EINVAL);
    world_end(&w);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    assert_int_equal(read_paths(&w, "nowhere", "some", "main.cfg"), KHAP_ENOENT);
    assert_names(&w, "some/good.cfg main.cfg ");
    assert_said(&w, "nowhere:input-unreadable some/closed.cfg:input-unreadable "
                    "some/gone.cfg:input-unreadable some/huge.cfg:input-unreadable ");
    const struct khap_diag *d = khap_diags_next(w.diags, NULL);
    assert_true(khap__str_eq(khap_diag_text(d), S("cannot be read: not found")));
    d = khap_diags_next(w.diags, d);
    assert_true(khap__str_eq(khap_diag_text(d), S("cannot be read: Permission denied")));
    world_end(&w);

    world_begin(&w);
    w.files.reason = NULL;
    w.files.done = NULL; /* nothing is wanted back */
    assert_int_equal(read_paths(&w, "some/closed.cfg", "nowhere", NULL), KHAP_EIO);
    assert_true(khap__str_eq(khap_diag_text(khap_diags_next(w.diags, NULL)),
                             S("cannot be read: input or output failed")));
    world_end(&w);

    world_begin(&w); /* a directory that breaks off */
    assert_int_equal(read_paths(&w, "torn", "main.cfg", NULL), KHAP_EIO);
    assert_names(&w, "torn/a.cfg main.cfg ");
    assert_said(&w, "torn:input-unreadable ");
    world_end(&w);
}

static void test_nothing_to_read(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    assert_int_equal(read_paths(&w, "empty", "main.cfg", "none"), KHAP_OK);
    assert_names(&w, "main.cfg ");
    assert_said(&w, "empty:directory-without-cfg none:directory-without-cfg ");
    assert_int_equal(khap_diags_count(w.diags, KHAP_ERROR), 0);
    assert_int_equal(read_paths(&w, NULL, NULL, NULL), KHAP_OK);
    /* nobody wants to know */
    struct khap_str path = S("empty");
    assert_int_equal(khap_bundle_read(w.bundle, &w.target, &path, 1, &w.files, w.sources, NULL), KHAP_OK);
    path = S("nowhere");
    assert_int_equal(khap_bundle_read(w.bundle, &w.target, &path, 1, &w.files, w.sources, NULL), KHAP_ENOENT);
    world_end(&w);
}

static void test_without_list(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    w.files.list = NULL;
    assert_int_equal(read_paths(&w, "conf.d", "main.cfg", NULL), KHAP_ENOENT);
    assert_names(&w, "main.cfg ");
    world_end(&w);
    world_begin(&w); /* and one that was made when there was no such member */
    w.files.size = offsetof(struct khap_file_source, list);
    assert_int_equal(read_paths(&w, "conf.d", "main.cfg", NULL), KHAP_ENOENT);
    assert_int_equal(w.memory.lists, 0);
    world_end(&w);
}

static void test_sides(void **state)
{
    (void)state;
    struct world w;
    const struct khap_bundle_file *f = NULL, *again;
    world_begin(&w);
    /* nothing is opened that was not given */
    assert_int_equal(khap_bundle_side(w.bundle, S("hosts.map"), &f), KHAP_ENOENT);
    assert_int_equal(khap_bundle_add_file(w.bundle, S("own.map"), S("own"), 1), KHAP_OK);
    assert_int_equal(khap_bundle_side(w.bundle, S("own.map"), &f), KHAP_OK);
    assert_true(khap__str_eq(khap_bundle_file_text(f), S("own")));
    assert_int_equal(read_paths(&w, "main.cfg", NULL, NULL), KHAP_OK);
    size_t reads = w.memory.reads;
    assert_int_equal(khap_bundle_side(w.bundle, S("hosts.map"), &f), KHAP_OK);
    assert_true(khap__str_eq(khap_bundle_file_text(f), S("a b\n")));
    assert_prints(f, "a b\n");
    assert_int_equal(khap_bundle_side(w.bundle, S("hosts.map"), &again), KHAP_OK);
    assert_ptr_equal(again, f);
    for (int i = 0; i < 2; i++) {
        again = f;
        assert_int_equal(khap_bundle_side(w.bundle, S("gone.map"), &again), KHAP_ENOENT);
        assert_null(again);
        assert_int_equal(khap_bundle_side(w.bundle, S("closed.pem"), &again), KHAP_EIO);
        assert_int_equal(khap_bundle_side(w.bundle, S("some/huge.cfg"), &again), KHAP_ELIMIT);
    }
    assert_int_equal(w.memory.reads, reads + 4); /* once for each */
    assert_names(&w, "main.cfg own.map hosts.map ");
    assert_null(khap_bundle_find(w.bundle, S("gone.map")));
    /* configuration files are found first; what was not there may be added, and is there then */
    assert_int_equal(khap_bundle_side(w.bundle, S("main.cfg"), &f), KHAP_OK);
    assert_null(khap_bundle_file_document(f));
    assert_non_null(khap_bundle_file_document(khap_bundle_find(w.bundle, S("main.cfg"))));
    assert_int_equal(khap_bundle_add_file(w.bundle, S("gone.map"), S("back"), 0), KHAP_OK);
    assert_int_equal(khap_bundle_side(w.bundle, S("gone.map"), &f), KHAP_OK);
    assert_true(khap__str_eq(khap_bundle_file_text(f), S("back")));
    assert_int_equal(w.memory.out, 3);
    world_end(&w);
}

/* What a look-up costs does not grow with the files: else this takes minutes. */
static void test_many_sides(void **state)
{
    (void)state;
    struct khap_bundle *bundle;
    const struct khap_bundle_file *f;
    char name[32];
    assert_int_equal(khap_bundle_new(NULL, &bundle), KHAP_OK);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 50000; i++) {
            snprintf(name, sizeof name, "maps/%d.map", i);
            if (round == 0)
                assert_int_equal(khap_bundle_add_file(bundle, khap__str(name), khap__str(name), 0), KHAP_OK);
            assert_int_equal(khap_bundle_side(bundle, khap__str(name), &f), KHAP_OK);
            assert_true(khap__str_eq(khap_bundle_file_text(f), khap__str(name)));
        }
    khap_bundle_free(bundle);
}

static enum khap_status note_path(void *ctx, struct khap_str path)
{
    char *all = ctx;
    snprintf(all + strlen(all), 128 - strlen(all), "%.*s ", S_ARG(path));
    return khap__str_ends(path, S("a.cfg")) ? KHAP_EREFUSED : KHAP_OK;
}

static void test_paths(void **state)
{
    (void)state;
    struct memory m = {.reads = 0};
    struct khap_file_source files = source_of(&m);
    char all[128] = "";
    assert_int_equal(khap_config_paths(NULL, &files, S("conf.d/"), note_path, all), KHAP_EREFUSED);
    assert_int_equal(khap_config_paths(NULL, &files, S("none"), note_path, all), KHAP_OK);
    assert_int_equal(khap_config_paths(NULL, &files, S("nowhere"), note_path, all), KHAP_OK);
    assert_int_equal(khap_config_paths(NULL, &files, S("torn"), note_path, all), KHAP_EREFUSED);
    assert_string_equal(all, "conf.d/B.cfg conf.d/a.cfg nowhere torn/a.cfg ");
    assert_int_equal(m.reads, 0);
    assert_int_equal(khap_config_paths(NULL, NULL, S("x"), note_path, all), KHAP_EINVAL);
    assert_int_equal(khap_config_paths(NULL, &files, S("x"), NULL, all), KHAP_EINVAL);
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    struct world w;
    struct khap_str path = S("main.cfg");
    const struct khap_bundle_file *f;
    world_begin(&w);
    assert_int_equal(khap_bundle_read(NULL, &w.target, &path, 1, &w.files, w.sources, NULL), KHAP_EINVAL);
    assert_int_equal(khap_bundle_read(w.bundle, &w.target, NULL, 1, &w.files, w.sources, NULL), KHAP_EINVAL);
    assert_int_equal(khap_bundle_read(w.bundle, &w.target, &path, 1, NULL, w.sources, NULL), KHAP_EINVAL);
    assert_int_equal(khap_bundle_read(w.bundle, &w.target, &path, 1, &w.files, NULL, NULL), KHAP_EINVAL);
    assert_int_equal(khap_bundle_read(w.bundle, NULL, &path, 1, &w.files, w.sources, NULL), KHAP_EINVAL);
    w.files.size = 4;
    assert_int_equal(khap_bundle_read(w.bundle, &w.target, &path, 1, &w.files, w.sources, NULL), KHAP_EINVAL);
    assert_int_equal(khap_bundle_side(NULL, path, &f), KHAP_EINVAL);
    assert_int_equal(khap_bundle_side(w.bundle, path, NULL), KHAP_EINVAL);
    assert_names(&w, "");
    world_end(&w);
}

/* Whatever fails, the bundle is freed as ever, and with it each text that was read. */
static void test_every_allocation_fails(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        struct world w;
        const struct khap_bundle_file *side;
        failing_alloc_init(&f, i);
        memset(&w, 0, sizeof w);
        w.files = source_of(&w.memory);
        khap_target_init(&w.target);
        enum khap_status status = khap_sources_new(&f.alloc, &w.sources);
        if (status == KHAP_OK)
            status = khap_diags_new(&f.alloc, w.sources, &w.diags);
        if (status == KHAP_OK)
            status = khap_bundle_new(&f.alloc, &w.bundle);
        if (status == KHAP_OK)
            status = read_paths(&w, "conf.d", "some", "none");
        if (status == KHAP_EIO) { /* as it is in the end */
            assert_names(&w, "conf.d/B.cfg conf.d/a.cfg conf.d/x.cfg some/good.cfg ");
            status = khap_bundle_side(w.bundle, S("hosts.map"), &side);
        }
        if (status == KHAP_OK)
            status = khap_bundle_side(w.bundle, S("gone.map"), &side);
        if (status == KHAP_ENOENT)
            status = khap_bundle_side(w.bundle, S("closed.pem"), &side);
        world_end(&w);
        assert_failing_alloc_clean(&f);
        if (!f.failed) {
            assert_int_equal(status, KHAP_EIO);
            assert_true(i > 30);
            break;
        }
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_nothing_to_read),
        cmocka_unit_test(test_without_list),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_many_sides),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
