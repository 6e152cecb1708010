/* khap_migrate() as a library: where lines go, what stays, hostile input, and no memory. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "failing_alloc.h"
#include <khap/migrate.h>

static int append(void *ctx, const char *data, size_t len)
{
    struct buf *b = ctx;
    khap__buf_add(b, (struct khap_str){data, len});
    return b->failed ? -1 : 0;
}

static enum khap_status migrate_text(const struct khap_alloc *alloc, uint16_t from, uint16_t to,
                                     struct khap_str text, struct buf *result, struct buf *said)
{
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_bundle *bundle = NULL;
    struct khap_document *doc;
    struct khap_target target;
    uint32_t id;
    khap_target_init(&target);
    target.first = target.last = from;
    enum khap_status status = khap_sources_new(alloc, &sources);
    if (status == KHAP_OK)
        status = khap_sources_add(sources, S("a.cfg"), text, &id);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, sources, &diags);
    if (status == KHAP_OK)
        status = khap_bundle_new(alloc, &bundle);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, &target, text, id, NULL, &doc);
    if (status == KHAP_OK) {
        status = khap_bundle_add_document(bundle, S("a.cfg"), doc, 0);
        if (status != KHAP_OK)
            khap_document_free(doc);
    }
    if (status == KHAP_OK)
        status = khap_migrate(alloc, bundle, from, to, NULL, diags);
    if ((status == KHAP_OK || status == KHAP_EINPUT) && result != NULL) {
        struct khap_sink sink = {result, append};
        assert_int_equal(khap_document_print(doc, &sink), KHAP_OK);
        khap__buf_char(result, '\0');
    }
    for (const struct khap_diag *d = NULL; said != NULL && (d = khap_diags_next(diags, d)) != NULL;) {
        uint32_t line, column;
        khap_sources_locate(sources, khap_diag_place(d), &line, &column);
        khap__buf_uint(said, line);
        khap__buf_char(said, ' ');
        khap__buf_add(said, khap__str(khap_diag_code(d)));
        khap__buf_char(said, '\n');
    }
    khap_bundle_free(bundle);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

static void assert_becomes(uint16_t from, uint16_t to, const char *text, const char *wanted,
                           enum khap_status status)
{
    struct buf result;
    khap__buf_init(&result, NULL);
    assert_int_equal(migrate_text(NULL, from, to, khap__str(text), &result, NULL), status);
    assert_string_equal(result.ptr, wanted);
    khap__buf_free(&result);
}

enum {
    R15 = KHAP_RELEASE(1, 5),
    R20 = KHAP_RELEASE(2, 0),
    R22 = KHAP_RELEASE(2, 2),
    R24 = KHAP_RELEASE(2, 4)
};

/* block comes before all http-request rules, in its own order, and below the acl that it names. */
static void test_first(void **state)
{
    (void)state;
    assert_becomes(R15, R20,
                   "frontend f\n\tbind :80\n\thttp-request allow\n\tacl a src ::1\n\tblock if a # why\n"
                   "\tblock unless { path /b }\n",
                   "frontend f\n\tbind :80\n\tacl a src ::1\n\thttp-request deny if a # why\n"
                   "\thttp-request deny unless { path /b }\n\thttp-request allow\n",
                   KHAP_OK);
    assert_becomes(
        R15, R20, "frontend f\n bind :80\n block if { src ::1 }\n block if { src ::2 }\n redirect prefix /\n",
        "frontend f\n bind :80\n http-request deny if { src ::1 }\n http-request deny if { src ::2 }\n "
        "redirect prefix /\n",
        KHAP_OK);
    assert_becomes(
        R15, R20,
        "frontend f\n bind :80\n redirect prefix /x\n block if { src ::1 }\n block if { src ::2 }\n",
        "frontend f\n bind :80\n http-request deny if { src ::1 }\n http-request deny if { src ::2 }\n "
        "redirect prefix /x\n",
        KHAP_OK);
    assert_becomes(
        R20, R24,
        "frontend f\n bind :80\n mode http\n block if { src ::1 }\n http-request allow\n monitor-net "
        "10.0.0.0/8\n",
        "frontend f\n bind :80\n mode http\n http-request return status 200 if { src 10.0.0.0/8 }\n"
        " http-request deny if { src ::1 }\n http-request allow\n",
        KHAP_OK);
}

/* reqallow keeps rules below from denying, in the backend, too; reqsetbe comes before use_backend, what is added behind what is changed. */
static void test_headers(void **state)
{
    (void)state;
    assert_becomes(
        R15, KHAP_RELEASE(3, 0),
        "frontend f\n bind :80\n mode http\n no option abortonclose\n reqadd X-A:\\ 1 if { path /a } or { "
        "path /b }\n"
        " reqiallow ^User-Agent:\\ good\n reqideny ^User-Agent:\\ .*bad\n use_backend c if { path /c }\n"
        " reqsetbe ^Host:\\ img b\n default_backend b\nbackend b\n mode http\n redirect prefix /x if { path "
        "/y }\n"
        " reqdeny ^POST\\ /x unless { src ::1 }\n rspadd X-B:\\ 2\n http-response set-header A b\n"
        " rspidel ^Server:\nbackend c\n mode http\n",
        "frontend f\n bind :80\n mode http\n no option abortonclose\n"
        " http-request set-var(txn.reqallow) bool(true) if { req.fhdr(User-Agent) -m beg -i good }\n"
        " http-request deny if { req.fhdr(User-Agent) -m sub -i bad } !{ var(txn.reqallow) -m bool }\n"
        " http-request add-header X-A 1 if { path /a } or { path /b }\n"
        " use_backend b if { req.fhdr(Host) -m beg img }\n use_backend c if { path /c }\n default_backend b\n"
        "backend b\n mode http\n http-request deny unless { src ::1 } or !{ method POST } or !{ path -m beg "
        "/x } or { "
        "var(txn.reqallow) -m bool }\n redirect prefix /x if { path /y }\n http-response set-header A b\n"
        " http-response del-header Server\n http-response add-header X-B 2\nbackend c\n mode http\n",
        KHAP_OK);
    /* what the releases have */
    assert_becomes(
        R15, KHAP_RELEASE(2, 1), "frontend f\n bind :80\n mode http\n reqrep ^GET\\ /a(.*) GET\\ /b\\1\n",
        "frontend f\n bind :80\n mode http\n http-request replace-uri ^/a(.*) '/b\\1' if { method GET }\n",
        KHAP_OK);
    assert_becomes(
        R15, R22, "frontend f\n bind :80\n mode http\n reqrep ^GET\\ /a(.*) GET\\ /b\\1\n",
        "frontend f\n bind :80\n mode http\n http-request replace-path ^/a(.*) '/b\\1' if { method GET }\n",
        KHAP_OK);
    /* what has no equivalent stays */
    assert_becomes(R15, R22, "frontend f\n bind :80\n mode http\n reqrep ^(X[^:]*):(.*) \\1:a\\2\n",
                   "frontend f\n bind :80\n mode http\n reqrep ^(X[^:]*):(.*) \\1:a\\2\n", KHAP_EINPUT);
}

/* Lines of branches that one of the releases does not read stay, whatever they are. */
static void test_conditions(void **state)
{
    (void)state;
    static const char text[] =
        "frontend f\n.if version_before(2.5)\n bind :80 process 1\n option forceclose\n.else\n"
        " bind :80\n.endif\n option forceclose\n";
    assert_becomes(
        R24, KHAP_RELEASE(3, 0), text,
        "frontend f\n.if version_before(2.5)\n bind :80 process 1\n option forceclose\n.else\n bind :80\n"
        ".endif\n option httpclose\n",
        KHAP_OK);
}

/* Nothing is moved out of a branch. */
static void test_order(void **state)
{
    (void)state;
    struct buf said;
    khap__buf_init(&said, NULL);
    static const char text[] =
        "frontend f\n bind :80\n mode http\n timeout client 1s\n http-request allow\n.if 1\n"
        " option forceclose\n monitor-net 10.0.0.0/8\n.endif\n";
    assert_int_equal(migrate_text(NULL, R22, KHAP_RELEASE(2, 4), khap__str(text), NULL, &said), KHAP_OK);
    khap__buf_char(&said, '\0');
    assert_non_null(strstr(said.ptr, "8 migrate-order\n"));
    khap__buf_free(&said);
}

/* Only what is read otherwise is written otherwise: line ends, gaps and comments stay. */
static void test_bytes(void **state)
{
    (void)state;
    assert_becomes(R15, R20, "backend b\r\n  errorfile  400\t'a  # c\r\n\r\n  redisp\t# d\r\n",
                   "backend b\r\n  errorfile  400\t\"'a\"  # c\r\n\r\n  option redispatch\t# d\r\n", KHAP_OK);
    assert_becomes(R22, KHAP_NEWEST, "backend b\n errorfile 400 'a b' \"c\"\n timeout server 1s",
                   "backend b\n errorfile 400 'a b' \"c\"\n timeout server 1s\n", KHAP_EINPUT);
    assert_becomes(KHAP_RELEASE(3, 0), KHAP_NEWEST, "backend b\n timeout server 1s \"\" x # y\n",
                   "backend b\n timeout server 1s # y\n", KHAP_OK);
    assert_becomes(KHAP_NEWEST, R15, "backend b\n errorfile 400 \"/a b\" # c\n",
                   "backend b\n errorfile 400 /a\\ b # c\n", KHAP_OK);
}

static void test_unwritable(void **state)
{
    (void)state;
    struct buf said;
    khap__buf_init(&said, NULL);
    assert_int_equal(
        migrate_text(NULL, R20, R15, S("backend b\n errorfile 400 \"${DIR}/a b\"\n"), NULL, &said),
        KHAP_EINPUT);
    khap__buf_char(&said, '\0');
    assert_string_equal(said.ptr, "2 migrate-unwritable\n");
    khap__buf_free(&said);
}

/* A name that two have goes to one of them; what refers to it follows. */
static void test_names(void **state)
{
    (void)state;
    assert_becomes(R24, KHAP_RELEASE(3, 2),
                   "frontend w\n bind :80\n default_backend w\nfrontend v\n bind :81\n http-request deny if "
                   "{ fe_conn(w) gt 5 }\n"
                   "backend w\n server s 10.0.0.1:80\nbackend w-frontend\n",
                   "frontend w-frontend-2\n bind :80\n default_backend w\nfrontend v\n bind :81\n"
                   " http-request deny if { fe_conn(w-frontend-2) gt 5 }\n"
                   "backend w\n server s 10.0.0.1:80\nbackend w-frontend\n",
                   KHAP_OK);
}

/* Three of one name get two new ones. */
static void test_many_names(void **state)
{
    (void)state;
    assert_becomes(
        R15, R20,
        "backend a\n server s 10.0.0.1:80\n server s 10.0.0.2:80\n server s 10.0.0.3:80\nbackend a\nbackend "
        "a\n",
        "backend a\n server s 10.0.0.1:80\n server s-2 10.0.0.2:80\n server s-3 10.0.0.3:80\nbackend a-2\n"
        "backend a-3\n",
        KHAP_OK);
}

static void test_release(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint16_t release;
    } cases[] = {{"backend b\n", KHAP_NEWEST},
                 {"frontend f\n bind :80\n block if { src ::1 }\n", R20},
                 {"backend b\n errorfile 400 'a\n", R15},
                 {"backend b\n nonsense\n", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct khap_bundle *bundle;
        struct khap_document *doc;
        struct khap_target target;
        uint16_t release = 1;
        khap_target_init(&target);
        assert_int_equal(khap_bundle_new(NULL, &bundle), KHAP_OK);
        assert_int_equal(khap_document_parse(NULL, &target, khap__str(cases[i].text), 0, NULL, &doc),
                         KHAP_OK);
        assert_int_equal(khap_bundle_add_document(bundle, S("a"), doc, 0), KHAP_OK);
        assert_int_equal(khap_migrate_release(NULL, bundle, NULL, &release), KHAP_OK);
        assert_int_equal(release, cases[i].release);
        khap_bundle_free(bundle);
    }
}

static const char everything[] =
    "global\n nbproc 4\n debug\n tune.chksize 16384\ndefaults\n mode http\n clitimeout 30s\n contimeout 5s\n "
    "srvtimeout 9s\n"
    "listen old 127.0.0.1:8080,127.0.0.1:8081\n option forceclose\n log-format %Ci:%Cp\\ '%st\n acl local "
    "src ::1\n"
    " http-request allow\n block if local # no\n monitor-net 10.0.0.0/8\n use_backend b if local\n"
    "frontend b\n bind :80 name x\n bind :443 ssl crt x\n option http-tunnel\nbackend b\n appsession ID len "
    "52 timeout 3h "
    "request-learn\n"
    " option httpchk GET /x HTTP/1.1\\r\\nHost:\\ www.example\\r\\n\\r\\nx\n server a 127.0.0.1:1\n server a "
    "127.0.0.1:2\n"
    "backend c\n dispatch 10.0.0.1:80\n reqirep ^([^\\ :]*)\\ /a(.*) \\1\\ /b\\2 if local or { src ::2 }\n"
    " reqiallow ^(X-A|Y):\\ (a|b)*c?$\n reqdeny ^.*x[^a-c]{2,3}\n rspirep ^(Set-Cookie:.*?)$ \\1\\x41%\n "
    "rspdel ^X-\n"
    " rsprep ^HTTP/1..\\ 404\\ (.*) HTTP/1.1\\ 200\\ OK\n reqadd A:\\ 1\\r\\nB:\\ 2\n reqrep ^Old:\\ a(.*) "
    "New:\\ \\1\n"
    " reqisetbe b b\nruleset r";

static void test_hostile(void **state)
{
    (void)state;
    size_t len = strlen(everything);
    char *text = malloc(len);
    assert_non_null(text);
    unsigned seed = 1;
    for (unsigned round = 0; round < 2000; round++) {
        memcpy(text, everything, len);
        for (unsigned k = 0; k < 3; k++) {
            seed = seed * 1103515245u + 12345u;
            text[(seed >> 8) % len] = (char)("\0\n\r\"'\\${}[](),/%#. -0azZ\377"[(seed >> 4) % 25]);
        }
        enum khap_status status =
            migrate_text(NULL, round % 2 == 0 ? R15 : KHAP_NEWEST, round % 2 == 0 ? KHAP_NEWEST : R15,
                         (struct khap_str){text, len}, NULL, NULL);
        assert_true(status == KHAP_OK || status == KHAP_EINPUT);
    }
    free(text);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = migrate_text(&f.alloc, R15, KHAP_NEWEST, khap__str(everything), NULL, NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

static void test_arguments(void **state)
{
    (void)state;
    struct khap_bundle *bundle;
    struct khap_migrate_options options;
    uint16_t release;
    assert_int_equal(khap_bundle_new(NULL, &bundle), KHAP_OK);
    khap_migrate_options_init(&options);
    khap_migrate_options_init(NULL);
    assert_int_equal(khap_migrate(NULL, NULL, R15, R20, NULL, NULL), KHAP_EINVAL);
    assert_int_equal(khap_migrate(NULL, bundle, 0, R20, NULL, NULL), KHAP_EINVAL);
    assert_int_equal(khap_migrate(NULL, bundle, R15, KHAP_RELEASE(4, 7), NULL, NULL), KHAP_EINVAL);
    assert_int_equal(khap_migrate(NULL, bundle, R15, R20, &options, NULL), KHAP_OK);
    assert_int_equal(khap_migrate_release(NULL, bundle, &options, &release), KHAP_OK);
    assert_int_equal(release, KHAP_NEWEST);
    options.size--;
    assert_int_equal(khap_migrate(NULL, bundle, R15, R20, &options, NULL), KHAP_EINVAL);
    assert_int_equal(khap_migrate_release(NULL, bundle, &options, &release), KHAP_EINVAL);
    khap_bundle_free(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first),      cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_order),      cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_unwritable), cmocka_unit_test(test_release),
        cmocka_unit_test(test_hostile),    cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_arguments),  cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
