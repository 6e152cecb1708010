/* khap_diff_new() as a library: what is a change, what it needs, and no memory. SPDX-License-Identifier: MIT */
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
#include <khap/diff.h>

static const char base[] =
    "global\n maxconn 10\ndefaults\n mode http\n timeout client 5s\n"
    "frontend web\n bind :80\n http-request deny if { path /a }\n http-request deny if { path /b }\n"
    " use_backend %[req.hdr(host),map(hosts.map,app)]\n"
    "backend app\n server a 10.0.0.1:80 weight 10\n server b 10.0.0.2:80\n";

static enum khap_status read(const struct khap_alloc *alloc, const struct khap_target *target,
                             const char *config, const char *hosts, struct khap_bundle **out)
{
    struct khap_document *doc;
    enum khap_status status = khap_bundle_new(alloc, out);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, target, khap__str(config), 0, NULL, &doc);
    if (status == KHAP_OK) {
        status = khap_bundle_add_document(*out, S("a.cfg"), doc, 0);
        if (status != KHAP_OK)
            khap_document_free(doc);
    }
    return status == KHAP_OK ? khap_bundle_add_file(*out, S("hosts.map"), khap__str(hosts), 0) : status;
}

/* Each change on a line: kind, what, section, name, keyword, `!` for a reload; then each command. */
static enum khap_status diff(const struct khap_alloc *alloc, uint16_t release, const char *before,
                             const char *hosts, const char *after, const char *more_hosts, struct buf *out)
{
    struct khap_bundle *a = NULL, *b = NULL;
    struct khap_diff *d = NULL;
    struct khap_target target;
    khap_target_init(&target);
    target.first = target.last = release;
    enum khap_status status = read(alloc, &target, before, hosts, &a);
    if (status == KHAP_OK)
        status = read(alloc, &target, after, more_hosts, &b);
    if (status == KHAP_OK)
        status = khap_diff_new(alloc, a, b, &target, NULL, NULL, &d);
    struct khap_change change = {.size = sizeof change};
    struct khap_command command = {.size = sizeof command};
    for (size_t i = 0; out != NULL && khap_diff_change_at(d, i, &change) == KHAP_OK; i++) {
        khap__buf_uint(out, change.kind);
        khap__buf_uint(out, change.what);
        const struct khap_str parts[] = {change.section, change.name, change.keyword};
        for (size_t p = 0; p < 3; p++) {
            khap__buf_char(out, ' ');
            khap__buf_add(out, parts[p]);
        }
        khap__buf_add(out, change.at_run_time != 0 ? S("\n") : S(" !\n"));
        assert_int_equal(change.at_run_time == 0, change.reason.len > 0);
    }
    for (size_t i = 0; out != NULL && khap_diff_command_at(d, i, &command) == KHAP_OK; i++) {
        khap__buf_add(out, command.text);
        khap__buf_char(out, '\n');
    }
    khap_diff_free(d);
    khap_bundle_free(a);
    khap_bundle_free(b);
    return status;
}

static void check(const char *after, const char *hosts, const char *wanted)
{
    struct buf out;
    khap__buf_init(&out, NULL);
    assert_int_equal(diff(NULL, KHAP_RELEASE(2, 6), base, "x app\n", after, hosts, &out), KHAP_OK);
    khap__buf_char(&out, '\0');
    assert_string_equal(out.ptr, wanted);
    khap__buf_free(&out);
}

static void test_changes(void **state)
{
    (void)state;
    check(base, "x app\n", "");
    check(base, "# hosts\n\n x   app  \n", "");
    check("global\n maxconn 10\n# more\ndefaults\n mode \"http\"\n timeout  client 5s # so\n"
          "frontend web\n\tbind :80\n http-request deny if { path /a }\n http-request deny if { path /b }\n"
          " use_backend %[req.hdr(host),map(hosts.map,app)]\n"
          "backend app\n server b 10.0.0.2:80\n server a 10.0.0.1:80 weight 10\n",
          "x app\n", "");
    check("global\n maxconn 20\ndefaults\n mode http\n timeout client 6s\n"
          "frontend web\n bind :80\n http-request deny if { path /b }\n http-request deny if { path /a }\n"
          " use_backend %[req.hdr(host),map(hosts.map,app)]\n"
          "backend app\n server a 10.0.0.3:81 weight 20 disabled\n server b 10.0.0.2:80\n",
          "x other\ny app\n",
          "32 global  maxconn\n32 defaults  timeout client !\n42 frontend web http-request !\n32 backend app "
          "server\n33  hosts.map x\n13  hosts.map y\n"
          "set maxconn global 20\nset server app/a addr 10.0.0.3 port 81\nset server app/a weight 20\nset "
          "server app/a state maint\n"
          "add map hosts.map y app\nset map hosts.map x other\n");
    check("global\n maxconn 10\ndefaults\n mode http\n timeout client 5s\nlisten new\n bind :81\n"
          "backend app\n server a 10.0.0.1:80 weight 10 check\n server c 10.0.0.2:80\n",
          "",
          "11 listen new  !\n32 backend app server !\n12 backend app server\n22 backend app server\n21 "
          "frontend web  !\n"
          "add server app/c 10.0.0.2:80\nenable server app/c\nset server app/b state maint\ndel server "
          "app/b\n");
}

/* What cannot stand in a command, or is not said by both, is no command. */
static void test_reloads(void **state)
{
    (void)state;
    check(base, "x a;b\n",
          "33  hosts.map x\nprepare map hosts.map\nadd map @version hosts.map\ncommit map @version "
          "hosts.map\n");
    check(base, "x app\nx other\n",
          "34  hosts.map map\nprepare map hosts.map\nadd map @version hosts.map\ncommit map @version "
          "hosts.map\n");
    check("global\n maxconn 10\ndefaults\n mode http\n timeout client 5s\n"
          "frontend web\n bind :80\n http-request deny if { path /a }\n http-request deny if { path /b }\n"
          " use_backend %[req.hdr(host),map(hosts.map,app)]\n"
          "backend app\n server a name.example:80 weight 10\n server b 10.0.0.2:80 weight 1\n",
          "x app\n", "32 backend app server !\n");
}

static void test_refused(void **state)
{
    struct khap_bundle *bundle = NULL;
    struct khap_diff *d;
    struct khap_target target;
    struct khap_change change = {.size = 0};
    (void)state;
    khap_target_init(&target);
    assert_int_equal(khap_bundle_new(NULL, &bundle), KHAP_OK);
    assert_int_equal(khap_diff_new(NULL, NULL, bundle, &target, NULL, NULL, &d), KHAP_EINVAL);
    assert_int_equal(khap_diff_new(NULL, bundle, bundle, &target, NULL, NULL, &d), KHAP_OK);
    assert_int_equal(khap_diff_change_at(d, 0, &change), KHAP_EINVAL);
    change.size = sizeof change;
    assert_int_equal(khap_diff_change_at(d, 0, &change), KHAP_ENOENT);
    assert_int_equal(khap_diff_reloads(d), 0);
    khap_diff_free(d);
    khap_bundle_free(bundle);
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status = diff(&f.alloc, KHAP_RELEASE(2, 6), base, "x app\nz b\n",
                                       "global\n maxconn 20\ndefaults\n mode http\nfrontend web\n bind :80\n "
                                       "http-request deny if { path /b }\n http-request deny if { path /a }\n"
                                       " use_backend %[req.hdr(host),map(hosts.map,app)]\nbackend app\n "
                                       "server a 10.0.0.3:80 weight 11\nbackend more\n",
                                       "y app\nz c\n", NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes), cmocka_unit_test(test_reloads),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
