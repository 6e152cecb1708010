/* khap_route_ask() as a library: what is certain and what is not, hostile requests, and no memory. SPDX-License-Identifier: MIT */
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
#include <khap/route.h>

static const char base[] =
    "defaults\n mode http\n"
    "frontend web\n bind :80\n bind :443 ssl crt x\n acl api path_beg -i /api\n"
    " http-request redirect scheme https code 301 unless { ssl_fc }\n"
    " http-request deny if { src 10.0.0.0/8 }\n"
    " http-request set-var(txn.t) req.hdr(X-Tier),lower\n"
    " http-request set-path /v1%[path] if api\n"
    " use_backend some if { rand(2) 1 }\n"
    " use_backend %[req.hdr(host),map(hosts.map,app)]\n"
    "backend some\n server s 10.0.0.9:80\n"
    "backend app\n cookie K insert\n server a 10.0.0.1:80 cookie A\n server b 10.0.0.2:80 cookie B backup\n"
    "backend gold\n http-request return status 204 if { var(txn.t) -m str gold }\n"
    " use-server two if { path_end .gif }\n server one 10.0.0.3:80\n server two 10.0.0.4:80\n";
static const char hosts[] = "# hosts\ngold.example gold\n";

/* Asks, and writes each outcome on a line: kind, status, backend, chosen server, location, reasons. */
static enum khap_status ask(const struct khap_alloc *alloc, const char *config, const char *url,
                            const struct khap_route_request *like, struct buf *out)
{
    struct khap_bundle *bundle = NULL;
    struct khap_document *doc;
    struct khap_route *route = NULL;
    struct khap_route_answer *answer = NULL;
    struct khap_route_request request = *like;
    struct khap_target target;
    khap_target_init(&target);
    target.first = target.last = KHAP_RELEASE(2, 6);
    request.url = khap__str(url);
    enum khap_status status = khap_bundle_new(alloc, &bundle);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, &target, khap__str(config), 0, NULL, &doc);
    if (status == KHAP_OK) {
        status = khap_bundle_add_document(bundle, S("a.cfg"), doc, 0);
        if (status != KHAP_OK)
            khap_document_free(doc);
    }
    if (status == KHAP_OK)
        status = khap_bundle_add_file(bundle, S("hosts.map"), khap__str(hosts), 0);
    if (status == KHAP_OK)
        status = khap_route_new(alloc, bundle, &target, NULL, NULL, &route);
    if (status == KHAP_OK)
        status = khap_route_ask(route, &request, &answer);
    struct khap_route_outcome o = {.size = sizeof o};
    for (size_t i = 0; out != NULL && status == KHAP_OK && khap_route_outcome_at(answer, i, &o) == KHAP_OK;
         i++) {
        struct khap_route_server server = {.size = sizeof server};
        khap__buf_uint(out, o.kind);
        khap__buf_char(out, ' ');
        khap__buf_uint(out, o.status);
        khap__buf_char(out, ' ');
        khap__buf_add(out, o.backend);
        for (size_t s = 0; khap_route_server_at(answer, i, s, &server) == KHAP_OK; s++) {
            khap__buf_char(out, server.chosen == KHAP_TRUE ? '+' : server.chosen == KHAP_FALSE ? '-' : '?');
            khap__buf_add(out, server.name);
        }
        khap__buf_char(out, ' ');
        khap__buf_add(out, o.location.len > 0 ? o.location : o.target);
        for (size_t r = 0; r < o.n_reasons; r++) {
            khap__buf_char(out, ' ');
            khap__buf_add(out, khap_route_reason_at(answer, i, r, NULL));
        }
        khap__buf_char(out, '\n');
    }
    khap_route_answer_free(answer);
    khap_route_free(route);
    khap_bundle_free(bundle);
    return status;
}

static struct khap_route_request plain(void)
{
    struct khap_route_request request;
    khap_route_request_init(&request);
    request.source = S("192.0.2.1");
    return request;
}

static void assert_asked(const char *config, const char *url, const struct khap_route_request *like,
                         const char *wanted)
{
    struct buf out;
    khap__buf_init(&out, NULL);
    assert_int_equal(ask(NULL, config, url, like, &out), KHAP_OK);
    khap__buf_char(&out, '\0');
    assert_string_equal(out.ptr, wanted);
    khap__buf_free(&out);
}

/* An address in the URL is what the client connects to, where something listens on just that. */
static void test_named_address(void **state)
{
    static const char config[] = "frontend all\n mode http\n bind :80\n default_backend a\n"
                                 "frontend one\n mode http\n bind 10.0.0.1:80\n bind [2001:db8::1]:80\n"
                                 " bind 10.0.0.1:81\n default_backend b\nbackend a\nbackend b\n";
    static const char any[] = "1 0 a / the address that the client connects to\n"
                              "1 0 b / the address that the client connects to\n"
                              "1 0 b / the address that the client connects to\n";
    struct khap_route_request r = plain();
    (void)state;
    assert_asked(config, "http://10.0.0.1/", &r, "1 0 b /\n");
    assert_asked(config, "http://10.0.0.1:81/", &r, "1 0 b /\n");
    assert_asked(config, "http://[2001:DB8:0::1]/", &r, "1 0 b /\n");
    assert_asked(config, "http://10.0.0.2/", &r, any);
    assert_asked(config, "http://x.example/", &r, any);
    r.bind = S(":80");
    assert_asked(config, "http://10.0.0.1/", &r, "1 0 a /\n");
}

/* What the request determines is certain; what it does not is told with what it depends on. */
static void test_outcomes(void **state)
{
    struct khap_route_request r = plain();
    (void)state;
    assert_asked(base, "http://x.example/a?b", &r, "2 301  https://x.example/a?b\n");
    assert_asked(base, "https://x.example/api/a", &r,
                 "1 0 some?s /v1/api/a rand(2)\n1 0 app?a?b /v1/api/a rand(2)\n");
    assert_asked(base, "https://x.example:8443/", &r, "7 0  \n");
    r.source = S("10.1.2.3");
    assert_asked(base, "https://x.example/", &r, "4 403  /\n");
    r.source = S("");
    assert_asked(base, "https://x.example/", &r,
                 "4 403  / the client's address\n1 0 some?s / the client's address rand(2)\n"
                 "1 0 app?a?b / the client's address rand(2)\n");
}

static void test_headers(void **state)
{
    struct khap_route_request r = plain();
    const struct khap_route_header headers[] = {
        {S("X-Tier"), S("Gold")}, {S("host"), S("gold.example")}, {S("Cookie"), S("K=A")}};
    (void)state;
    r.headers = headers;
    r.n_headers = 2;
    assert_asked(base, "https://x.example/", &r, "1 0 some?s / rand(2)\n3 204 gold / rand(2)\n");
    r.headers = headers + 1;
    r.n_headers = 1;
    assert_asked(base, "https://x.example/a.gif", &r,
                 "1 0 some?s /a.gif rand(2)\n1 0 gold-one+two /a.gif rand(2)\n");
    r.headers = headers + 2;
    assert_asked(base, "https://x.example/", &r, "1 0 some?s / rand(2)\n1 0 app+a-b / rand(2)\n");
}

/* Control characters in messages, and in variables; blanks around what is replaced; names by pattern. */
static void test_fields(void **state)
{
    struct khap_route_request r = plain();
    const struct khap_route_header headers[] = {{S("N"), S("a%0Ab")},
                                                {S("L"), S("a , b , c,b ")},
                                                {S("X-A"), S("1")},
                                                {S("X-Reg"), S("2")},
                                                {S("X-Q"), S("3")}};
    (void)state;
    r.headers = headers;
    r.n_headers = sizeof headers / sizeof *headers;
    assert_asked("frontend f\n mode http\n bind :80\n http-request set-path /%[req.hdr(n),url_dec]\n"
                 " http-request set-var-fmt(txn.n) %[req.hdr(n),url_dec]\n"
                 " http-request deny deny_status 410 unless { var(txn.n),length 3 }\n"
                 " http-request replace-value L b Z\n http-request del-header ^x-a -m reg\n"
                 " http-request del-header X-Q -m reg\n http-request del-header reg -m end\n"
                 " http-request set-query %[req.fhdr(l)]|%[req.hdr(x-a)]|%[req.hdr(x-reg)]|%[req.hdr(x-q)]\n"
                 " http-request deny deny_status 421 unless { http_auth_bearer(X-B) -m len 0 }\n"
                 " default_backend b\nbackend b\n",
                 "http://x/", &r, "1 0 b /a%0Ab?a ,Z, c,Z|||3\n");
    const struct khap_route_header host = {S("Host"), S("a , b")};
    r.headers = &host;
    r.n_headers = 1;
    assert_asked("frontend f\n mode http\n bind :80\n http-request set-path /%[base]\n default_backend b\n"
                 "backend b\n",
                 "http://x/c", &r, "1 0 b /a/c\n");
}

/* A branch of .if that nobody can decide, an action that is not evaluated, a map that is not there. */
static void test_unknown(void **state)
{
    struct khap_route_request r = plain();
    (void)state;
    assert_asked(
        "frontend f\n mode http\n bind :80\n.if feature(X)\n use_backend a\n.endif\n default_backend b\n"
        "backend a\nbackend b\n",
        "http://x/", &r, "1 0 a / `.if`\n1 0 b / `.if`\n");
    assert_asked("frontend f\n mode http\n bind :80\n http-request lua.x\n use_backend a if { path / }\n "
                 "default_backend b\n"
                 "backend a\nbackend b\n",
                 "http://x/", &r, "8 0  / lua.*\n1 0 a  lua.*\n1 0 b  lua.*\n");
    assert_asked("frontend f\n mode http\n bind :80\n use_backend %[path,map(no.map,b)]\nbackend b\n",
                 "http://x/", &r, "8 0  / map(no.map,b)\n");
    /* what consists of delimiters only is found where a NUL happens to follow */
    static const char words[] =
        "frontend f\n mode http\n bind :80\n use_backend c if { ssl_c_used -m len 1 }\n use_backend a if { "
        "path -m dir / x }\n default_backend b\nbackend a\nbackend b\nbackend c\n";
    assert_asked(words, "http://x/a/", &r,
                 "1 0 a /a/ patterns that are not known\n1 0 b /a/ patterns that are not known\n");
    assert_asked(words, "http://x/a", &r, "1 0 b /a\n");
    assert_asked(words, "http://x/x/", &r, "1 0 a /x/\n");
    /* of what a map says to a key that is not known, each value may be meant, or none */
    assert_asked(
        "frontend f\n mode http\n bind :80\n use_backend %[rand(9),map_beg(hosts.map)]\n default_backend b\n"
        "backend gold\nbackend b\n",
        "http://x/", &r, "1 0 gold / rand(9)\n1 0 b / rand(9)\n");
    assert_asked("frontend f\n mode http\n bind :80\n http-request set-var(txn.r) rand(9)\n"
                 " use_backend %[str(gold.example),concat(/,txn.r),map_beg(hosts.map)]\n default_backend b\n"
                 "backend gold\nbackend b\n",
                 "http://x/", &r, "1 0 gold / rand(9)\n");
    assert_asked("frontend f\n mode http\n bind :80\n http-request set-var(txn.r) rand(9)\n"
                 " use_backend %[str(silver),concat(/,txn.r),map_beg(hosts.map)]\n default_backend b\n"
                 "backend gold\nbackend b\n",
                 "http://x/", &r, "1 0 b / rand(9)\n");
    assert_asked(
        "frontend f\n mode http\n bind :80\n use_backend %[rand(9),map(hosts.map,x)]\nbackend gold\n",
        "http://x/", &r, "8 0  / rand(9)\n");
    /* a converter may set a variable on its way */
    assert_asked("frontend f\n mode http\n bind :80\n use_backend a if { rand(9),set-var(txn.r) 10 }\n"
                 " use_backend %[var(txn.r)]\n default_backend b\nbackend a\nbackend b\n",
                 "http://x/", &r,
                 "1 0 a / an ACL that is not evaluated\n8 0  / rand(9) an ACL that is not evaluated\n");
    assert_asked("frontend f\n mode http\n bind :80\n use_backend a if { path \"$X\" }\nbackend a\n",
                 "http://x/", &r, "1 0 a / an environment variable\n3 503  / an environment variable\n");
}

/* Settings that may not hold make what they decide unknown; a rule chooses before a cookie does; TCP becomes HTTP in a backend that is HTTP. */
static void test_settings(void **state)
{
    struct khap_route_request r = plain();
    const struct khap_route_header cookie = {S("Cookie"), S("K=A")};
    static const char *const why = "`.if` or an environment variable";
    char wanted[200];
    (void)state;
    r.headers = &cookie;
    r.n_headers = 1;
    assert_asked("listen l\n mode http\n bind :80\n cookie K insert\n use-server b if TRUE\n server a "
                 "10.0.0.1:80 cookie A\n"
                 " server b 10.0.0.2:80 cookie B\n",
                 "http://x/", &r, "1 0 l-a+b /\n");
    assert_asked("listen l\n mode http\n bind :80\n cookie K insert\n use-server b if { rand(2) 1 }\n server "
                 "a 10.0.0.1:80 cookie A\n"
                 " server b 10.0.0.2:80 cookie B\n",
                 "http://x/", &r, "1 0 l?a?b /\n");
    assert_asked("frontend f\n bind :80\n default_backend b\nbackend b\n mode http\n http-request deny "
                 "deny_status 429\n",
                 "http://x/", &r, "4 429 b /\n");
    assert_asked("frontend f\n mode http\n bind :80\n default_backend b\nbackend b\n disabled\n", "http://x/",
                 &r, "1 0 b / a disabled backend\n");
    assert_asked("defaults\n disabled\nfrontend f\n mode http\n bind :80\n default_backend b\nbackend b\n",
                 "http://x/", &r, "7 0  \n");
    snprintf(wanted, sizeof wanted, "3 503  / %s\n", why);
    assert_asked("frontend f\n mode http\n bind :80\n default_backend \"$B\"\nbackend b\n", "http://x/", &r,
                 wanted);
    snprintf(wanted, sizeof wanted, "1 0 b / %s\n", why);
    assert_asked("frontend f\n mode http\n bind :80\n.if feature(X)\n default_backend b\n.endif\nbackend b\n",
                 "http://x/", &r, wanted);
    assert_asked("frontend f\n mode http\n bind \":$P\"\n default_backend b\nbackend b\n", "http://x/", &r,
                 "7 0   an address to listen on\n");
}

static const char hops[] =
    "global\n unix-bind prefix /run/\ndefaults\n mode tcp\n"
    "frontend sni\n bind :443\n use_backend pass if { req.ssl_sni pass.example }\n default_backend tls\n"
    "backend pass\n server p 10.0.0.9:443\n"
    "backend tls\n server t abns@in send-proxy-v2\n"
    "frontend in\n mode http\n bind abns@in accept-proxy ssl crt x\n http-request deny if { src 192.0.2.66 "
    "}\n"
    " http-request deny deny_status 421 unless { ssl_fc_sni web.example }\n default_backend next\n"
    "backend next\n mode http\n http-request set-var(txn.lost) str(x)\n server n /run/next.sock\n"
    "frontend next\n mode http\n bind unix@next.sock\n http-request deny deny_status 501 if { src -m found "
    "}\n"
    " http-request deny deny_status 502 if { var(txn.lost) -m found }\n default_backend two\n"
    "backend two\n mode http\n server l 127.0.0.5:90\n server o 10.0.0.1:90 backup\n"
    "frontend any\n mode http\n bind :90\n http-request deny deny_status 504 if { dst 127.0.0.5 } { dst_port "
    "90 } { src 127.0.0.1 }\n";

/* A server that leads back into the configuration is followed; what both sides must speak is unknown where only one does. */
static void test_hops(void **state)
{
    struct khap_route_request r = plain();
    (void)state;
    assert_asked(hops, "https://pass.example/", &r, "1 0 pass?p \n");
    assert_asked(hops, "https://other.example/", &r, "4 421  /\n");
    assert_asked(hops, "https://web.example/a", &r,
                 "1 0 two?o /a which server the backend takes\n4 504  /a which server the backend takes\n");
    r.source = S("192.0.2.66");
    assert_asked(hops, "https://web.example/", &r, "4 403  /\n");
    r = plain();
    assert_asked(
        "defaults\n mode http\nfrontend f\n bind :80\n default_backend b\nbackend b\n server s abns@x "
        "send-proxy\nfrontend x\n bind abns@x\n",
        "http://x/", &r, "8 0 b / the PROXY protocol, which only one side speaks\n");
    assert_asked(
        "defaults\n mode http\nfrontend f\n bind :80\n default_backend b\nbackend b\n server s abns@x\n"
        "frontend x\n bind abns@x ssl crt y\n",
        "http://x/", &r, "8 0 b / TLS, which only one side speaks\n");
    assert_asked(
        "defaults\n mode http\n default-server ssl\nfrontend f\n bind :80\n default_backend b\nbackend b\n "
        "server s abns@x\nfrontend x\n bind abns@x\n",
        "http://x/", &r, "8 0 b / an option of the connection to the server\n");
    assert_asked(
        "defaults\n mode http\nfrontend f\n bind :80\n bind abns@x\n default_backend b\nbackend b\n server s "
        "abns@x\n",
        "http://x/", &r, "8 0 b / a request that comes back again and again\n");
    assert_asked("frontend f\n mode http\n bind :80\n default_backend b\nbackend b\n mode http\n server s "
                 "abns@x\nfrontend x\n bind abns@x\n",
                 "http://x/", &r, "3 502  \n");
}

static const char run[] =
    "frontend f\n mode http\n bind :80\n http-request set-var(txn.h) str(0) if { path /zero }\n"
    " http-request set-var(txn.h) req.hdr(x)\n use_backend b0 if { var(txn.h) -m str 0 }\n"
    " use_backend b1 if { var(txn.h) -m str 1 2 } { path /a }\n use_backend b2 if { var(txn.h) -m str 2 }\n"
    " use_backend b3 if { var(txn.h) -m str 3 }\n use_backend b4 if { var(txn.h) -m str 4 }\n"
    " use_backend b5 if { var(txn.h) -m str 5 }\n use_backend b6 if { var(txn.h) -m str 6 } { rand(2) 1 }\n"
    " use_backend b7 if { var(txn.h) -m str 7 0 6 }\n use_backend b8 if { var(txn.h) -m str 6 }\n"
    " use_backend b9 if { path /none }\n"
    "backend b0\nbackend b1\nbackend b2\nbackend b3\nbackend b4\nbackend b5\nbackend b6\nbackend b7\nbackend "
    "b8\nbackend b9\n";

/* Rules in a row that compare one expression with texts are not gone through one by one; what is told is the same. */
static void test_runs(void **state)
{
    static const struct {
        const char *value, *url, *wanted;
    } asked[] = {
        {"0", "http://x/", "1 0 b0 /\n"},         {"2", "http://x/a", "1 0 b1 /a\n"},
        {"2", "http://x/", "1 0 b2 /\n"},         {"1", "http://x/", "3 503  /\n"},
        {"7", "http://x/", "1 0 b7 /\n"},         {"8", "http://x/none", "1 0 b9 /none\n"},
        {"x", "http://x/zero", "3 503  /zero\n"}, {"6", "http://x/", "1 0 b6 / rand(2)\n1 0 b7 / rand(2)\n"}};
    struct khap_route_request r = plain();
    (void)state;
    r.n_headers = 1;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const struct khap_route_header header = {S("x"), khap__str(asked[i].value)};
        r.headers = &header;
        assert_asked(run, asked[i].url, &r, asked[i].wanted);
    }
    r.n_headers = 0;
    assert_asked(run, "http://x/none", &r, "1 0 b9 /none\n");
    assert_asked(run, "http://x/zero", &r, "1 0 b0 /zero\n");
}

static void test_refused(void **state)
{
    struct khap_route_request r = plain();
    static const char *const bad[] = {"",
                                      "x",
                                      "http://",
                                      "ftp://x/",
                                      "http:///a",
                                      "http://x:0/",
                                      "http://x:70000/",
                                      "://x",
                                      "http://x:99999999999999999999/"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(NULL, base, bad[i], &r, NULL), KHAP_EINPUT);
    r.source = S("nobody");
    assert_int_equal(ask(NULL, base, "http://x/", &r, NULL), KHAP_EINPUT);
    r.size = 0;
    assert_int_equal(ask(NULL, base, "http://x/", &r, NULL), KHAP_EINVAL);
}

/* Bytes of any kind where a request has text. */
static void test_hostile(void **state)
{
    struct khap_route_request r = plain();
    const struct khap_route_header headers[] = {
        {S("X-Tier"), {"\0\xff\"\\,", 5}}, {S("Cookie"), {"K=;=;;K", 7}}, {S(""), S("")}};
    (void)state;
    r.headers = headers;
    r.n_headers = 3;
    for (int c = 1; c < 256; c++) {
        char url[32] = "https://x/%?";
        struct buf out;
        url[9] = url[11] = (char)c;
        khap__buf_init(&out, NULL);
        enum khap_status status = ask(NULL, base, url, &r, &out);
        assert_true(status == KHAP_OK || status == KHAP_EINPUT);
        khap__buf_free(&out);
    }
}

static void test_memory(void **state)
{
    struct khap_route_request r = plain();
    static const char *const asked[][2] = {
        {base, "https://gold.example/api?q=1"}, {hops, "https://web.example/"}, {run, "http://x/"}};
    (void)state;
    for (size_t which = 0; which < sizeof asked / sizeof *asked; which++) {
        for (size_t i = 1;; i++) {
            struct failing_alloc f;
            failing_alloc_init(&f, i);
            enum khap_status status = ask(&f.alloc, asked[which][0], asked[which][1], &r, NULL);
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
        cmocka_unit_test(test_named_address), cmocka_unit_test(test_outcomes), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_unknown),       cmocka_unit_test(test_fields),   cmocka_unit_test(test_hops),
        cmocka_unit_test(test_runs),          cmocka_unit_test(test_settings), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile),       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
