/* Reading, merging, setting, writing. SPDX-License-Identifier: MIT */
#include "base/str.h"
#include "model/rows.h"
#include "model_support.h"

static void said_exactly(const struct map_test *t, const char *expected)
{
    char *said = map_said(t);
    assert_string_equal(said, expected);
    free(said);
}

static void places(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_start(&t);
    assert_int_equal(map_read(&t, "a.yaml",
                              "services:\n"
                              "  web:\n"
                              "    nodeport: 3\n"
                              "    hosts: [\"a b\", x.example]\n"
                              "    check: {interval: 5 s}\n"
                              "nodes: [n]\n"),
                     KHAP_EINPUT);
    said_exactly(&t, "a.yaml:3:5: error: unknown key `nodeport`; did you mean `nodePort`? [unknown-key]\n"
                     "    nodeport: 3\n"
                     "    ^~~~~~~~\n"
                     "a.yaml:4:13: error: `services.*.hosts`: `a b` is no host name [bad-host]\n"
                     "    hosts: [\"a b\", x.example]\n"
                     "            ^~~~~\n"
                     "a.yaml:5:23: error: `services.*.check.interval`: `5 s` is no time: write 500ms, 2s, "
                     "1m, 1h or 1d [bad-time]\n"
                     "    check: {interval: 5 s}\n"
                     "                      ^~~\n"
                     "a.yaml:6:8: error: `nodes` must be a mapping of names, not a list [wrong-type]\n"
                     "nodes: [n]\n"
                     "       ^~~\n");
    map_end(&t);
}

struct bad {
    const char *code, *text;
};

static void bad_values(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        {"out-of-range", "services: {a: {nodePort: 0}}"},
        {"out-of-range", "services: {a: {nodePort: 65536}}"},
        {"out-of-range", "services: {a: {nodePort: -1}}"},
        {"not-a-number", "services: {a: {nodePort: 1e3}}"},
        {"not-a-number", "services: {a: {nodePort: 0x10}}"},
        {"not-a-number", "services: {a: {nodePort: 007}}"},
        {"wrong-type", "services: {a: {nodePort: [1]}}"},
        {"wrong-type", "services: {a: {timeouts: 3}}"},
        {"wrong-type", "services: 3"},
        {"wrong-type", "[a, b]"},
        {"wrong-type", "just text"},
        {"missing-value", "services: {a: {nodePort: }}"},
        {"missing-value", "services: {a: {hosts: }}"},
        {"bad-name", "services: {\"a b\": {nodePort: 1}}"},
        {"bad-name", "services: {\"a\\\"b\": {nodePort: 1}}"},
        {"bad-name", "services: {\"a\\nb\": {nodePort: 1}}"},
        {"bad-name", "services: {\"a#b\": {nodePort: 1}}"},
        {"bad-name", "services: {\"a{b\": {nodePort: 1}}"},
        {"bad-name", "services: {\"a\\0b\": {nodePort: 1}}"},
        {"bad-name", "services: {\"\": {nodePort: 1}}"},
        {"bad-name", "nodes: {\"n 1\": 10.0.0.1}"},
        {"reserved-name", "services: {khap-a: {nodePort: 1}}"},
        {"reserved-name", "frontends: {khap-a: {bind: \":1\"}}"},
        {"bad-address", "nodes: {n: 10.0.0.256}"},
        {"bad-address", "nodes: {n: \"10.0.0.1:80\"}"},
        {"bad-address", "nodes: {n: \"${HOME}\"}"},
        {"bad-address", "frontends: {http: {bind: 10.0.0.1}}"},
        {"bad-address", "frontends: {http: {bind: \":0\"}}"},
        {"bad-address", "frontends: {http: {bind: \":65536\"}}"},
        {"bad-address", "frontends: {http: {bind: \"${A}:80\"}}"},
        {"bad-address", "frontends: {http: {bind: \"fd@3\"}}"},
        {"bad-address", "stats: \"a b:80\""},
        {"bad-address", "log: stdot"},
        {"bad-address", "acme: 10.0.0.1"},
        {"bad-network", "forwarded: {trust: [10.0.0.1/8]}"},
        {"bad-network", "forwarded: {trust: [10.0.0.0/33]}"},
        {"bad-wildcard", "services: {a: {nodePort: 1, hosts: [\"a.*.b\"]}}"},
        {"bad-host", "services: {a: {nodePort: 1, hosts: [\"http://a/\"]}}"},
        {"bad-host", "services: {a: {nodePort: 1, hosts: [\"\"]}}"},
        {"bad-host", "services: {a: {nodePort: 1, hosts: [\"*\"]}}"},
        {"bad-host", "services: {a: {nodePort: 1, check: {host: \"*.a\"}}}"},
        {"not-a-choice", "services: {a: {nodePort: 1, mode: TCP}}"},
        {"not-a-choice", "log: {facility: locl3}"},
        {"not-a-boolean", "services: {a: {nodePort: 1, default: yes}}"},
        {"bad-time", "services: {a: {nodePort: 1, timeouts: {server: 1h30m}}}"},
        {"out-of-range", "services: {a: {nodePort: 1, timeouts: {server: 0}}}"},
        {"out-of-range", "services: {a: {nodePort: 1, timeouts: {server: 25d}}}"},
        {"bad-balance", "services: {a: {nodePort: 1, balance: \"roundrobin x\"}}"},
        {"bad-balance", "services: {a: {nodePort: 1, balance: \"uri depth\"}}"},
        {"bad-balance", "services: {a: {nodePort: 1, balance: \"source # x\"}}"},
        {"bad-balance", "services: {a: {nodePort: 1, balance: \"random(0)\"}}"},
        {"bad-status", "services: {a: {nodePort: 1, check: {path: /, expect: 99}}}"},
        {"bad-status", "services: {a: {nodePort: 1, check: {path: /, expect: 300-200}}}"},
        {"bad-path", "services: {a: {nodePort: 1, check: healthz}}"},
        {"bad-path", "services: {a: {nodePort: 1, check: \"/a b\"}}"},
        {"bad-path", "process: {socket: \"/run/$A.sock\"}"},
        {"bad-file-mode", "process: {socket: {path: /run/a, mode: 888}}"},
        {"bad-name", "process: {user: \"a b\"}"},
        {"bad-text", "certs: [{file: \"/a\\tb\"}]"},
        {"bad-text", "global: \"maxconn 1\\0\""},
        {"bad-cookie-name", "services: {a: {nodePort: 1, cookie: \"a;b\"}}"},
        {"bad-header-name", "services: {a: {nodePort: 1, headers: {request: {set: {\"a b\": c}}}}}"},
        {"bad-header-value", "services: {a: {nodePort: 1, headers: {request: {set: {a: \"b\\nc\"}}}}}"},
        {"bad-format", "services: {a: {nodePort: 1, headers: {request: {set: {a: {format: \"%[src\"}}}}}}"},
        {"unknown-release", "haproxy: 2.99.99"},
        {"empty-map", ""},
        {"empty-map", "# only this\n"},
        {"yaml-key-not-scalar", "services: {a: {nodePort: 1, [b]: c}}"},
        {"duplicate-key", "services: {a: {nodePort: 1}, a: {nodePort: 2}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct map_test t = {0};
        map_start(&t);
        enum khap_status status = map_read(&t, "a.yaml", cases[i].text);
        if (strcmp(cases[i].code, "unknown-release") !=
            0) /* 2.99 counts as the newest, or is unknown: its layer says */
            assert_said(&t, cases[i].code);
        if (map_count(&t, cases[i].code))
            assert_int_equal(status, KHAP_EINPUT);
        assert_true(khap_diags_count(t.diags, KHAP_ERROR) <= 1);
        map_end(&t);
    }
}

static void long_names(void **state)
{
    (void)state;
    char text[700], name[301];
    memset(name, 'a', 300);
    for (size_t len = 255; len <= 300; len += 45) {
        struct map_test t = {0};
        name[len] = '\0';
        snprintf(text, sizeof text, "services: {%s: {nodePort: 1}}\n", name);
        map_start(&t);
        assert_int_equal(map_read(&t, "a.yaml", text), len == 255 ? KHAP_OK : KHAP_EINPUT);
        assert_int_equal(map_count(&t, "bad-name"), len == 255 ? 0 : 1);
        map_end(&t);
        name[len] = 'a';
    }
}

/* What is ignored, and what is only a name. */
static void x_keys(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_start(&t);
    assert_int_equal(
        map_read(
            &t, "a.yaml",
            "x-any: &c {path: /healthz}\n"
            "nodes: {x-node: 10.0.0.1}\n"
            "services:\n"
            "  x-web: {nodePort: \"32000\", x-note: [1, 2], check: *c, headers: {request: {set: {x-a: b}}}}\n"
            "  b: {nodePort: 3, check: {<<: *c, rise: 4}}\n"),
        KHAP_OK);
    assert_silent(&t);
    char *written = map_written(&t);
    assert_string_equal(written, "nodes:\n"
                                 "  x-node:\n"
                                 "    address: \"10.0.0.1\"\n"
                                 "services:\n"
                                 "  x-web:\n"
                                 "    nodePort: 32000\n"
                                 "    headers:\n"
                                 "      request:\n"
                                 "        set:\n"
                                 "          x-a:\n"
                                 "            value: b\n"
                                 "    check:\n"
                                 "      path: /healthz\n"
                                 "  b:\n"
                                 "    nodePort: 3\n"
                                 "    check:\n"
                                 "      path: /healthz\n"
                                 "      rise: 4\n");
    free(written);
    map_end(&t);
}

/* A scalar is read by what its key wants. */
static void by_what_is_wanted(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_start(&t);
    assert_int_equal(map_read(&t, "a.yaml",
                              "haproxy: 2.6\n"
                              "log: false\n"
                              "frontends: {https: false}\n"
                              "services:\n"
                              "  web:\n"
                              "    nodePort: 0x\n"),
                     KHAP_EINPUT);
    assert_int_equal(map_count(&t, "not-a-number"), 1);
    map_end(&t);
    map_start(&t);
    assert_int_equal(
        map_read(&t, "a.yaml",
                 "haproxy: 2.6\n"
                 "log: false\n"
                 "frontends: {https: False}\n"
                 "services:\n"
                 "  web: {nodePort: 1, cookie: \"false\", check: false, hosts: A.Example., timeouts: "
                 "{connect: 1500, tunnel: 90m},\n"
                 "        headers: {request: {set: {X-N: 007, X-T: true}}}, extra: \"a\\nb\", nodes: n1}\n"),
        KHAP_OK);
    assert_silent(&t);
    char *written = map_written(&t);
    assert_string_equal(written, "haproxy:\n"
                                 "  release: \"2.6\"\n"
                                 "log: false\n"
                                 "frontends:\n"
                                 "  https: false\n"
                                 "services:\n"
                                 "  web:\n"
                                 "    nodePort: 1\n"
                                 "    hosts: [a.example]\n"
                                 "    headers:\n"
                                 "      request:\n"
                                 "        set:\n"
                                 "          X-N:\n"
                                 "            value: \"007\"\n"
                                 "          X-T:\n"
                                 "            value: \"true\"\n"
                                 "    timeouts:\n"
                                 "      connect: 1500ms\n"
                                 "      tunnel: 90m\n"
                                 "    cookie:\n"
                                 "      name: \"false\"\n"
                                 "    check: false\n"
                                 "    nodes:\n"
                                 "      names: [n1]\n"
                                 "    extra: |-\n"
                                 "      a\n"
                                 "      b\n");
    free(written);
    struct khap_target target;
    khap_target_init(&target);
    assert_int_equal(khap_model_target(t.model, &target, t.diags), KHAP_OK);
    assert_int_equal(target.first, KHAP_RELEASE(2, 6));
    assert_int_equal(target.last, KHAP_RELEASE(2, 6));
    map_end(&t);
}

static void merging(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_start(&t);
    assert_int_equal(map_read(&t, "a.yaml",
                              "nodes: {n1: 10.0.0.1}\n"
                              "certs: [{file: /a.pem}]\n"
                              "services: {a: {nodePort: 1}}\n"
                              "serviceDefaults: {check: {path: /a}}\n"
                              "---\n"
                              "nodes: {n2: 10.0.0.2}\n"
                              "services: {b: {nodePort: 2}}\n"),
                     KHAP_OK);
    assert_int_equal(map_read(&t, "b.yaml",
                              "certs: {file: /b.pem}\n"
                              "serviceDefaults: {check: {rise: 3}, balance: source}\n"
                              "services: {c: {nodePort: 3}}\n"),
                     KHAP_OK);
    assert_silent(&t);
    char *written = map_written(&t);
    assert_string_equal(written,
                        "nodes:\n  n1:\n    address: \"10.0.0.1\"\n  n2:\n    address: \"10.0.0.2\"\n"
                        "certs:\n  - file: /a.pem\n  - file: /b.pem\n"
                        "serviceDefaults:\n  balance: source\n  check:\n    path: /a\n    rise: 3\n"
                        "services:\n  a:\n    nodePort: 1\n  b:\n    nodePort: 2\n  c:\n    nodePort: 3\n");
    free(written);
    assert_int_equal(
        map_read(&t, "c.yaml",
                 "services: {b: {nodePort: 4}, d: {nodePort: 5}}\nserviceDefaults: {balance: first}\n"),
        KHAP_EINPUT);
    said_exactly(&t, "c.yaml:1:12: error: `b` is defined twice [name-defined-twice]\n"
                     "services: {b: {nodePort: 4}, d: {nodePort: 5}}\n"
                     "           ^\n"
                     "a.yaml:7:12: note: first defined here\n"
                     "services: {b: {nodePort: 2}}\n"
                     "           ^\n"
                     "c.yaml:2:28: error: `services.*.balance` is given twice [key-given-twice]\n"
                     "serviceDefaults: {balance: first}\n"
                     "                           ^~~~~\n"
                     "b.yaml:2:46: note: first given here\n"
                     "serviceDefaults: {check: {rise: 3}, balance: source}\n"
                     "                                             ^~~~~~\n");
    map_end(&t);
}

static enum khap_status set(struct map_test *t, const char *path, const char *value)
{
    return khap_model_set(t->model, khap__str(path), khap__str(value), (struct khap_place){0, 0, 0},
                          t->diags);
}

static void setting(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_start(&t);
    assert_int_equal(set(&t, "nodes.n1", "10.0.0.1"), KHAP_OK);
    assert_int_equal(set(&t, "nodes.n1.weight", "7"), KHAP_OK);
    assert_int_equal(set(&t, "nodes.n1.weight", "8"), KHAP_OK);
    assert_int_equal(set(&t, "services.\"a.b\".hosts", "[x.example]"), KHAP_OK);
    assert_int_equal(set(&t, "services.\"a.b\".hosts.+", "y.example"), KHAP_OK);
    assert_int_equal(set(&t, "services.\"a.b\".hosts.0", "Z.example"), KHAP_OK);
    assert_int_equal(set(&t, "services.\"a.b\".cookie", "false"), KHAP_OK);
    assert_int_equal(set(&t, "services.\"a.b\".cookie.name", "c"), KHAP_OK);
    assert_int_equal(set(&t, "services.\"a.b\".headers.request.set.X-A", "1"), KHAP_OK);
    assert_int_equal(set(&t, "services.\"a.b\".headers.request.set.X-A.value", "2"), KHAP_OK);
    assert_int_equal(set(&t, "certs.+.directory", "/d"), KHAP_OK);
    assert_int_equal(set(&t, "certs.+.file", "/f"), KHAP_OK);
    assert_int_equal(set(&t, "certs.1.key", "/k"), KHAP_OK);
    assert_silent(&t);
    const char *expected =
        "nodes:\n  n1:\n    address: \"10.0.0.1\"\n    weight: 8\n"
        "certs:\n  - directory: /d\n  - file: /f\n    key: /k\n"
        "services:\n  a.b:\n    hosts: [z.example, y.example]\n"
        "    headers:\n      request:\n        set:\n          X-A:\n            value: \"2\"\n"
        "    cookie:\n      name: c\n";
    char *written = map_written(&t);
    assert_string_equal(written, expected);
    free(written);
    static const struct {
        const char *path;
        enum khap_status status;
    } found[] = {
        {"nodes", KHAP_OK},
        {"nodes.n1", KHAP_OK},
        {"nodes.n1.weight", KHAP_OK},
        {"nodes.n1.state", KHAP_ENOENT},
        {"nodes.n2", KHAP_ENOENT},
        {"services.\"a.b\"", KHAP_OK},
        {"services.a", KHAP_ENOENT},
        {"services.\"a.b\".hosts.1", KHAP_OK},
        {"services.\"a.b\".hosts.2", KHAP_ENOENT},
        {"services.\"a.b\".headers.request.set.X-A.value", KHAP_OK},
        {"services.\"a.b\".headers.response", KHAP_ENOENT},
        {"certs.1.key", KHAP_OK},
        {"certs.0.key", KHAP_ENOENT},
        {"frontends.x.bind", KHAP_ENOENT},
        {"nodse", KHAP_EINPUT},
        {"nodes..x", KHAP_EINPUT},
    };
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        struct khap_str path = {found[i].path, strlen(found[i].path)};
        assert_int_equal(khap_model_find(t.model, path, NULL), found[i].status);
    }
    assert_int_equal(khap_model_find(NULL, S("nodes"), NULL), KHAP_EINVAL);
    assert_silent(&t);
    /* what is refused changes nothing */
    static const struct bad cases[] = {
        {"bad-key-path", "services..nodePort"},
        {"bad-key-path", ""},
        {"bad-key-path", "services."},
        {"bad-key-path", "services.\"a"},
        {"bad-key-path", "services.\"a\"b"},
        {"bad-key-path", "certs.7.file"},
        {"bad-key-path", "certs.x.file"},
        {"bad-key-path", "services.new.routes.3.host"},
        {"bad-key-path", "global.x"},
        {"bad-key-path", "services.new.hosts.0.x"},
        {"bad-key-path", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"},
        {"unknown-key", "service.web.nodePort"},
        {"unknown-key", "services.web.port"},
        {"bad-name", "services.\"a b\".nodePort"},
        {"reserved-name", "services.khap-a.nodePort"},
        {"not-a-number", "services.web.nodePort"},
        {"not-a-boolean", "services.web.default"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t before = map_count(&t, cases[i].code);
        assert_int_equal(set(&t, cases[i].text, "word"), KHAP_EINPUT);
        if (map_count(&t, cases[i].code) != before + 1)
            fail_msg("%s: not %s", cases[i].text, cases[i].code);
    }
    assert_int_equal(set(&t, "services.web", "{nodePort: 1, nodes: [a}"), KHAP_EINPUT);
    assert_int_equal(set(&t, "services.web", "{nodePort: 1}\n---\n{}"), KHAP_EINPUT);
    assert_int_equal(map_count(&t, "unreadable-value"), 2);
    assert_int_equal(set(&t, "services.web", "{nodePort: 1, port: 2}"), KHAP_EINPUT);
    written = map_written(&t);
    assert_string_equal(written, expected);
    free(written);
    assert_int_equal(khap_model_set(NULL, S("global"), S("a"), (struct khap_place){0, 0, 0}, NULL),
                     KHAP_EINVAL);
    /* setting is no reading: the model is as good as before */
    assert_false(t.model->damaged);
    map_end(&t);
}

/* Many entries are set in time that grows with their number. */
static void setting_many(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_start(&t);
    for (int i = 0; i < 20000; i++) {
        char path[64];
        snprintf(path, sizeof path, "services.s%d.nodePort", i % 10000);
        assert_int_equal(set(&t, path, "32000"), KHAP_OK);
    }
    uint32_t n = 0;
    const struct setting *services = khap__setting_find(t.model->root, KEY_SERVICES);
    for (const struct setting *s = services->child; s; s = s->next)
        n++;
    assert_int_equal(n, 10000);
    map_end(&t);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Any text in any place that takes text comes back the same. */
static void texts_come_back(void **state)
{
    (void)state;
    uint32_t seed = 4711;
    static const char *const pieces[] = {"a",
                                         "\"",
                                         "\\",
                                         "'",
                                         "#",
                                         ": ",
                                         "%[",
                                         "${HOME}",
                                         "{",
                                         "}",
                                         "\xc3\xa9",
                                         " ",
                                         "\xe2\x80\xa8",
                                         "\xef\xbb\xbf",
                                         "\xc2\x85",
                                         "\xf0\x9f\x98\x80",
                                         "~",
                                         "-",
                                         "?",
                                         "*",
                                         "&",
                                         "\n",
                                         "yes",
                                         "1.0",
                                         "=",
                                         "<<",
                                         "null",
                                         "|",
                                         ">",
                                         "@",
                                         "`",
                                         "\t"};
    for (int i = 0; i < 2000; i++) {
        struct map_test t = {0}, again = {0};
        char text[64] = "";
        uint32_t n = next_random(&seed) % 6;
        for (uint32_t k = 0; k < n; k++)
            strcat(text, pieces[next_random(&seed) % (sizeof pieces / sizeof *pieces)]);
        map_start(&t);
        struct setting *lines =
            khap__setting_new(&t.model->arena, KEY_GLOBAL, SETTING_TEXT, (struct khap_place){0, 0, 0});
        assert_non_null(lines);
        lines->text = khap__str(text);
        khap__setting_append(t.model->root, lines);
        char *written = map_written(&t);
        map_start(&again);
        if (map_read(&again, "w.yaml", written) != KHAP_OK)
            print_error("seed 4711, case %d:\n%s", i, written);
        assert_silent(&again);
        assert_true(khap__str_eq(khap__setting_find(again.model->root, KEY_GLOBAL)->text, lines->text));
        free(written);
        map_end(&t);
        map_end(&again);
    }
}

static void writing_fails(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_start(&t);
    char *written = map_written(&t);
    assert_string_equal(written, "{}\n");
    free(written);
    assert_int_equal(khap_model_write(t.model, NULL), KHAP_EINVAL);
    assert_int_equal(khap_model_read(NULL, 1, t.diags), KHAP_EINVAL);
    assert_int_equal(khap_model_read(t.model, 1, NULL), KHAP_EINVAL);
    assert_int_equal(khap_model_new(NULL, NULL), KHAP_EINVAL);
    struct khap_target target;
    khap_target_init(&target);
    assert_int_equal(khap_model_target(t.model, &target, NULL), KHAP_ENOENT);
    khap_model_free(NULL);
    map_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(long_names),
        cmocka_unit_test(x_keys),
        cmocka_unit_test(by_what_is_wanted),
        cmocka_unit_test(merging),
        cmocka_unit_test(setting),
        cmocka_unit_test(setting_many),
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(writing_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
