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

/* `list` is that of list.txt; each side has one.pem and two.pem. */
static enum khap_status read(const struct khap_alloc *alloc, const struct khap_target *target,
                             const char *config, const char *hosts, const char *list,
                             struct khap_bundle **out)
{
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n";
    struct khap_document *doc;
    enum khap_status status = khap_bundle_new(alloc, out);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, target, khap__str(config), 0, NULL, &doc);
    if (status == KHAP_OK) {
        status = khap_bundle_add_document(*out, S("a.cfg"), doc, 0);
        if (status != KHAP_OK)
            khap_document_free(doc);
    }
    if (status == KHAP_OK)
        status = khap_bundle_add_file(*out, S("hosts.map"), khap__str(hosts), 0);
    if (status == KHAP_OK && list != NULL)
        status = khap_bundle_add_file(*out, S("list.txt"), khap__str(list), 0);
    if (status == KHAP_OK && list != NULL)
        status = khap_bundle_add_file(*out, S("one.pem"), khap__str(pem), 1);
    return status == KHAP_OK && list != NULL ? khap_bundle_add_file(*out, S("two.pem"), khap__str(pem), 1)
                                             : status;
}

/* Each change on a line: kind, what, section, name, keyword, `!` for a reload; then each command. */
static enum khap_status diff_lists(const struct khap_alloc *alloc, uint16_t release, const char *before,
                                   const char *hosts, const char *list, const char *after,
                                   const char *more_hosts, const char *more_list, struct buf *out)
{
    struct khap_bundle *a = NULL, *b = NULL;
    struct khap_diff *d = NULL;
    struct khap_target target;
    khap_target_init(&target);
    target.first = target.last = release;
    enum khap_status status = read(alloc, &target, before, hosts, list, &a);
    if (status == KHAP_OK)
        status = read(alloc, &target, after, more_hosts, more_list, &b);
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

static enum khap_status diff(const struct khap_alloc *alloc, uint16_t release, const char *before,
                             const char *hosts, const char *after, const char *more_hosts, struct buf *out)
{
    return diff_lists(alloc, release, before, hosts, NULL, after, more_hosts, NULL, out);
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

/* The commands alone, for a backend with that `head` and a release. */
static void check_servers(uint16_t release, const char *head, const char *before, const char *after,
                          const char *wanted)
{
    struct buf texts[2], out;
    const char *const lines[2] = {before, after};
    for (size_t i = 0; i < 2; i++) {
        khap__buf_init(&texts[i], NULL);
        khap__buf_add(&texts[i], S("defaults\n mode http\n hash-type consistent\n default-server inter 1s\n"
                                   "backend app\n"));
        khap__buf_add(&texts[i], khap__str(head));
        khap__buf_add(&texts[i], khap__str(lines[i]));
        khap__buf_char(&texts[i], '\0');
    }
    khap__buf_init(&out, NULL);
    assert_int_equal(diff(NULL, release, texts[0].ptr, "", texts[1].ptr, "", &out), KHAP_OK);
    khap__buf_char(&out, '\0');
    const char *commands = strchr(out.ptr, '\n');
    assert_string_equal(commands != NULL ? commands + 1 : "", wanted);
    khap__buf_free(&texts[0]);
    khap__buf_free(&texts[1]);
    khap__buf_free(&out);
}

static void test_servers(void **state)
{
    static const char added[] = " server a 10.0.0.1:80\n server b 10.0.0.2:80 id 7 weight 9 check\n",
                      one[] = " server a 10.0.0.1:80\n";
    (void)state;
    check_servers(KHAP_RELEASE(2, 6), "", one, added,
                  "add server app/b 10.0.0.2:80 inter 1s id 7 weight 9 check weight 0\n"
                  "enable health app/b\nenable server app/b\nset server app/b health down\n"
                  "set server app/b weight 9\n");
    check_servers(KHAP_RELEASE(3, 1), "", one, added,
                  "add server app/b 10.0.0.2:80 inter 1s id 7 weight 9 check init-state down\n"
                  "enable health app/b\nenable server app/b\n");
    check_servers(KHAP_RELEASE(3, 1), " default-server fall 2 ssl verify none\n", one,
                  " server a 10.0.0.1:80\n server b 10.0.0.2:80 check disabled\n",
                  "add server app/b 10.0.0.2:80 inter 1s fall 2 ssl verify none check check-ssl init-state "
                  "down\nenable health app/b\n");
    check_servers(KHAP_RELEASE(2, 8), " cookie S insert dynamic\n dynamic-cookie-key x\n", one,
                  " server a 10.0.0.1:80\n server b 10.0.0.2:80\n",
                  "add server app/b 10.0.0.2:80 inter 1s\nenable dynamic-cookie backend app\n"
                  "enable server app/b\n");
    check_servers(KHAP_RELEASE(3, 0), " balance source\n", added, one,
                  "set server app/b state maint\nwait 5s srv-removable app/b\ndel server app/b\n");
    check_servers(KHAP_RELEASE(2, 6), "", added, one, "set server app/b state maint\ndel server app/b\n");
    /* nothing of these is known to come to the same */
    check_servers(KHAP_RELEASE(3, 0), " balance source\n hash-type map-based\n", added, one, "");
    check_servers(KHAP_RELEASE(3, 0), " balance static-rr\n", one, added, "");
    check_servers(KHAP_RELEASE(2, 4), "", one, added, "");
    check_servers(KHAP_RELEASE(2, 6), "", one, " server a 10.0.0.1:80\n server b 10.0.0.2:80 cookie x\n", "");
    check_servers(KHAP_RELEASE(3, 0), "", one, " server a 10.0.0.1:80\n server b name.example:80\n", "");
    check_servers(KHAP_RELEASE(3, 0), " use-server b if { path /b }\n", added, one, "");
}

static const char listed[] = "defaults\n mode http\nfrontend web\n bind :443 ssl crt-list list.txt\n";

static void check_lists(const char *before, const char *after, const char *wanted)
{
    struct buf out;
    khap__buf_init(&out, NULL);
    assert_int_equal(diff_lists(NULL, KHAP_RELEASE(2, 6), listed, "", before, listed, "", after, &out),
                     KHAP_OK);
    khap__buf_char(&out, '\0');
    assert_string_equal(out.ptr, wanted);
    khap__buf_free(&out);
}

static void test_lists(void **state)
{
    (void)state;
    check_lists("one.pem a.example\n", "# so\none.pem  a.example\n", "");
    check_lists("one.pem a.example\n", "one.pem a.example\ntwo.pem [alpn h2] b.example\n",
                "13  list.txt two.pem\nnew ssl cert two.pem\nset ssl cert two.pem\ncommit ssl cert two.pem\n"
                "add ssl crt-list list.txt\n");
    check_lists("one.pem a.example\ntwo.pem\n", "one.pem a.example\n",
                "23  list.txt two.pem\ndel ssl crt-list list.txt two.pem\ndel ssl cert two.pem\n");
    /* the first one, options, order where names may be shared, one of which nothing is known */
    check_lists("one.pem a.example\n", "two.pem a.example\none.pem a.example\n", "13  list.txt two.pem !\n");
    check_lists("one.pem a.example\n", "one.pem b.example\n",
                "13  list.txt one.pem !\n23  list.txt one.pem !\n");
    check_lists("one.pem\n", "one.pem\nthree.pem\n", "13  list.txt three.pem !\n");
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

/* Whether HAProxy may refuse what `after` and its hosts are, when it has taken `before`. */
static void refusable(const char *before, const char *after, const char *hosts, const char *list,
                      const char *more_list, int wanted)
{
    struct khap_bundle *a = NULL, *b = NULL;
    struct khap_diff *d = NULL;
    struct khap_target target;
    khap_target_init(&target);
    target.first = target.last = KHAP_RELEASE(2, 6);
    assert_int_equal(read(NULL, &target, before, "x app\n", list, &a), KHAP_OK);
    assert_int_equal(read(NULL, &target, after, hosts, more_list, &b), KHAP_OK);
    assert_int_equal(khap_diff_new(NULL, a, b, &target, NULL, NULL, &d), KHAP_OK);
    assert_int_equal(khap_diff_may_be_refused(d), wanted);
    khap_diff_free(d);
    khap_bundle_free(a);
    khap_bundle_free(b);
}

static void test_may_be_refused(void **state)
{
    static const char numbers[] =
        "frontend web\n bind :80\n http-request deny if { path,map_str_int(hosts.map) 1 }\n",
                      both[] = "frontend web\n bind :80\n http-request deny if { path,map(hosts.map) a }\n"
                               " http-request deny if { path,map_reg(hosts.map) a }\n",
                      acl[] = "frontend web\n bind :80\n http-request deny if { path,map(hosts.map) a }\n"
                              " http-request deny if { path -f hosts.map }\n";
    (void)state;
    refusable(base, base, "x app\n", NULL, NULL, 0);
    refusable(base, base, "x b\ny app\n", NULL, NULL, 0);
    refusable(base, base, "# none\n", NULL, NULL, 0);
    refusable(base, base, "x app\ny\n", NULL, NULL, 1);
    refusable(base, "backend app\n", "x app\n", NULL, NULL, 1);
    refusable(numbers, numbers, "x app\ny 1\n", NULL, NULL, 1);
    refusable(both, both, "x b\n", NULL, NULL, 1);
    refusable(acl, acl, "x b\n", NULL, NULL, 1);
    static const char tls[] = "frontend web\n bind :443 ssl crt-list list.txt\n";
    refusable(tls, tls, "x app\n", "one.pem a.example\n", "one.pem a.example\ntwo.pem b.example\n", 1);
    refusable(tls, tls, "x app\n", "one.pem a.example\n", "one.pem a.example\n", 0);
    assert_int_equal(khap_diff_may_be_refused(NULL), 1);
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status =
            diff_lists(&f.alloc, KHAP_RELEASE(2, 6), base, "x app\nz b\n", "one.pem a.example\n",
                       "global\n maxconn 20\ndefaults\n mode http\nfrontend web\n bind :80\n "
                       "http-request deny if { path /b }\n http-request deny if { path /a }\n"
                       " use_backend %[req.hdr(host),map(hosts.map,app)]\nbackend app\n "
                       "server a 10.0.0.3:80 weight 11\n server c 10.0.0.4:80 check\nbackend more\n",
                       "y app\nz c;d\n", "one.pem a.example\ntwo.pem\n", NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

static void test_memory_of_lists(void **state)
{
    (void)state;
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status =
            diff_lists(&f.alloc, KHAP_RELEASE(2, 6), listed, "", "one.pem a.example\ntwo.pem b.example\n",
                       listed, "", "one.pem a.example\none.pem.x\ntwo.pem [alpn h2] c.example\n", NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
    for (size_t i = 1;; i++) {
        struct failing_alloc f;
        failing_alloc_init(&f, i);
        enum khap_status status =
            diff_lists(&f.alloc, KHAP_RELEASE(2, 6), listed, "", "one.pem a.example\n", listed, "",
                       "one.pem a.example\ntwo.pem [alpn h2] c.example\n", NULL);
        assert_failing_alloc_clean(&f);
        if (!f.failed)
            break;
        assert_int_equal(status, KHAP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes), cmocka_unit_test(test_reloads),
        cmocka_unit_test(test_servers), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_may_be_refused),
        cmocka_unit_test(test_memory),  cmocka_unit_test(test_memory_of_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
