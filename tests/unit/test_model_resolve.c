/* What a map means: errors between keys, routes, frontends, services. SPDX-License-Identifier: MIT */
#include "base/str.h"
#include "model/parts.h"
#include "model_support.h"

struct bad {
    const char *code;
    size_t times;
    const char *text;
};

#define NODES "nodes: {n1: 10.0.0.1, n2: 10.0.0.2}\n"
#define CERTS "certs: [{file: /a.pem}]\n"

static void between_keys(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        {"service-without-servers", 1, NODES "services: {a: {hosts: [x.example]}}"},
        {"service-without-servers", 1, NODES "services: {a: }"},
        {"service-without-servers", 1, NODES "services: {a: {servers: []}}"},
        {"key-needs-key", 1,
         NODES "services: {a: {nodes: [n1], servers: [{name: s, address: 10.1.1.1, port: 1}]}}"},
        {"missing-key", 1, NODES "services: {a: {servers: [{name: s, address: 10.1.1.1}]}}"},
        {"missing-key", 2, NODES "services: {a: {nodePort: 1, servers: [{port: 1}]}}"},
        {"missing-key", 1, "process: {socket: {mode: 600}}"},
        {"missing-key", 1, "stats: {prometheus: true}"},
        {"missing-key", 1, "acme: {}"},
        {"route-defined-twice", 1,
         NODES "services: {a: {nodePort: 1, hosts: [x.example]}, b: {nodePort: 2, hosts: [X.EXAMPLE.]}}"},
        {"route-defined-twice", 1,
         NODES "services: {a: {nodePort: 1, hosts: [x.example]}, b: {nodePort: 2, routes: [{host: x.example, "
               "path: /}]}}"},
        {"route-defined-twice", 1,
         NODES "services: {a: {nodePort: 1, routes: [{host: x.example, path: /a/}]}, b: {nodePort: 2, "
               "routes: [{host: x.example, path: /a}]}}"},
        {"route-defined-twice", 0,
         NODES "services: {a: {nodePort: 1, routes: [{host: x.example, path: /a}]}, b: {nodePort: 2, routes: "
               "[{host: x.example, path: /a, pathType: Exact}]}}"},
        {"route-defined-twice", 0,
         NODES "services: {a: {nodePort: 1, hosts: [\"*.x.example\"]}, b: {nodePort: 2, wildcard: label, "
               "hosts: [\"*.x.example\"]}}"},
        {"route-defined-twice", 1,
         NODES "services: {a: {nodePort: 1, routes: [{path: \"/a.*\", pathType: Regex}]}, b: {nodePort: 2, "
               "routes: [{path: \"/a.*\", pathType: Regex}]}}"},
        {"route-defined-twice", 1,
         NODES "services: {a: {nodePort: 1, default: true}, b: {nodePort: 2, routes: [{path: /}]}}"},
        {"route-defined-twice", 0,
         NODES CERTS "services: {a: {nodePort: 1, hosts: [x.example], frontends: [http]}, b: {nodePort: 2, "
                     "hosts: [x.example], frontends: [https]}}"},
        {"route-defined-twice", 1,
         NODES CERTS "services: {a: {nodePort: 1, hosts: [x.example], frontends: [http]}, b: {nodePort: 2, "
                     "hosts: [x.example], frontends: [https]}, "
                     "c: {nodePort: 3, hosts: [x.example], frontends: [https]}}"},
        {"route-defined-twice", 1,
         NODES CERTS "services: {a: {nodePort: 1, hosts: [x.example]}, v: {nodePort: 2, mode: tcp, tls: "
                     "passthrough, hosts: [x.example]}}"},
        {"route-defined-twice", 1,
         NODES CERTS "services: {a: {nodePort: 1, routes: [{host: x.example, path: /a}]}, v: {nodePort: 2, "
                     "mode: tcp, tls: passthrough, hosts: [x.example]}}"},
        {"route-defined-twice", 0,
         NODES CERTS "services: {a: {nodePort: 1, frontends: [http], hosts: [x.example]}, v: {nodePort: 2, "
                     "mode: tcp, tls: passthrough, hosts: [x.example]}}"},
        {"route-defined-twice", 0,
         NODES "services: {a: {nodePort: 1, hosts: [x.example], routes: [x.example]}}"},
        {"default-defined-twice", 1,
         NODES "services: {a: {nodePort: 1, default: true}, b: {nodePort: 2, default: true}}"},
        {"default-defined-twice", 0,
         NODES CERTS "services: {a: {nodePort: 1, default: true, frontends: [http]}, b: {nodePort: 2, "
                     "default: true, frontends: [https]}}"},
        {"unknown-node", 1, NODES "services: {a: {nodePort: 1, nodes: [n1, n3]}}"},
        {"unknown-node", 1,
         NODES "serviceDefaults: {nodes: [n3, n1]}\nservices: {a: {nodePort: 1}, b: {nodePort: 2}}"},
        {"server-defined-twice", 1, NODES "services: {a: {nodePort: 1, nodes: [n1, n1]}}"},
        {"server-defined-twice", 1,
         NODES "services: {a: {nodePort: 1, servers: [{name: n2, address: 10.1.1.1}]}}"},
        {"server-defined-twice", 0,
         NODES "services: {a: {nodePort: 1, nodes: [n1], servers: [{name: n2, address: 10.1.1.1}]}}"},
        {"no-node-selected", 1, NODES "services: {a: {nodePort: 1, nodes: {selector: {zone: a}}}}"},
        {"no-node-selected", 0,
         NODES "services: {a: {nodePort: 1, nodes: {selector: {zone: a}}, servers: [{name: s, address: "
               "10.1.1.1}]}}"},
        {"no-node-selected", 1, "services: {a: {nodePort: 1}}"},
        {"node-address-twice", 1, "nodes: {a: \"2001:db8::1\", b: \"2001:DB8:0::1\"}"},
        {"node-address-twice", 1, "nodes: {a: host.example, b: HOST.example}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":1\", cookie: c}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":1\", check: /healthz}}"},
        {"key-cannot-act", 1,
         NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":1\", check: {type: http}}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":1\", default: true}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":1\", balance: uri}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":1\", hash: uri}}"},
        {"key-cannot-act", 1,
         NODES "serviceDefaults: {hash: uri, affinity: source}\nservices: {a: {nodePort: 1}}"},
        {"key-cannot-act", 1,
         NODES "serviceDefaults: {retries: 0}\nservices: {a: {nodePort: 1, retryOn: 503}}"},
        {"key-cannot-act", 0,
         NODES "serviceDefaults: {retryOn: 503}\nservices: {a: {nodePort: 1, retries: 0}}"},
        {"key-cannot-act", 0,
         NODES "serviceDefaults: {hash: uri}\nservices: {a: {nodePort: 1, mode: tcp, bind: \":1\"}}"},
        {"key-needs-key", 1, NODES "serviceDefaults: {check: {type: mysql}}\nservices: {a: {nodePort: 1}}"},
        {"key-needs-key", 0,
         NODES "serviceDefaults: {check: {user: a, type: mysql}}\nservices: {a: {nodePort: 1, check: {type: "
               "postgres}}}"},
        {"key-needs-key", 1, NODES "services: {a: {nodePort: 1, agentCheck: {send: a}}}"},
        {"key-needs-key", 0,
         NODES
         "serviceDefaults: {agentCheck: {port: 1}}\nservices: {a: {nodePort: 1, agentCheck: {send: a}}}"},
        {"one-key-of", 1, NODES "services: {a: {nodePort: 1, hash: {header: a, by: uri}}}"},
        {"key-cannot-act", 1,
         NODES "services: {v: {nodePort: 1, mode: tcp, tls: passthrough, hosts: [a.example], headers: {}}}"},
        {"key-cannot-act", 1,
         NODES "services: {v: {nodePort: 1, mode: tcp, tls: passthrough, hosts: [a.example], bind: \":1\"}}"},
        {"key-cannot-act", 1, NODES "services: {v: {nodePort: 1, tls: passthrough, hosts: [a.example]}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, bind: \":1\"}}"},
        {"key-needs-key", 1, NODES "services: {a: {nodePort: 1, mode: tcp, hosts: [x.example]}}"},
        {"key-needs-key", 1, NODES "services: {v: {nodePort: 1, mode: tcp, tls: passthrough}}"},
        {"tcp-without-address", 1, NODES "services: {a: {nodePort: 1, mode: tcp}}"},
        {"tls-without-certificate", 1, NODES "services: {a: {nodePort: 1, frontends: [https]}}"},
        {"tls-without-certificate", 1, "frontends: {https: {}}"},
        {"tls-without-certificate", 1, "frontends: {inner: {bind: \":81\", tls: true}}"},
        {"tls-without-certificate", 0, CERTS "frontends: {inner: {bind: \":81\", tls: true}}"},
        {"frontend-without-bind", 1, "frontends: {inner: {}}"},
        {"unknown-frontend", 1, NODES "services: {a: {nodePort: 1, frontends: [inner]}}"},
        {"frontend-is-off", 1,
         NODES "frontends: {inner: false}\nservices: {a: {nodePort: 1, frontends: [inner]}}"},
        {"key-needs-key", 1, "frontends: {inner: {bind: \":81\", alpn: [h2]}}"},
        {"key-needs-key", 1, CERTS "haproxy: 2.8\nfrontends: {inner: {bind: \":81\", http3: true}}"},
        {"key-cannot-act", 1, CERTS "frontends: {https: {tls: false}}"},
        {"key-cannot-act", 1, "frontends: {http: false}\nacme: 127.0.0.1:1"},
        {"key-cannot-act", 1,
         NODES "frontends: {https: false}\nservices: {v: {nodePort: 1, mode: tcp, tls: passthrough, hosts: "
               "[a.example]}}"},
        {"one-key-of", 1, "certs: [{}]"},
        {"one-key-of", 1, "certs: [{file: /a, directory: /b}]"},
        {"key-needs-key", 1, "certs: [{directory: /b, key: /k}]"},
        {"key-needs-key", 1, "certs: [{file: /a, clientCa: /c}]"},
        {"key-needs-key", 1, "certs: [{file: /a, verify: optional, hosts: [a.example]}]"},
        {"key-needs-key", 1, "certs: [{directory: /a, clientCa: /c, hosts: [a.example]}]"},
        {"host-in-two-certs", 1,
         "certs: [{file: /a, hosts: [a.example, a.example]}, {file: /b, hosts: [A.example]}]"},
        {"key-needs-key", 1, NODES "services: {a: {nodePort: 1, cookie: {dynamic: true}}}"},
        {"key-needs-key", 1, NODES "services: {a: {nodePort: 1, cookie: {keyFile: /k}}}"},
        {"key-needs-key", 0,
         NODES "serviceDefaults: {cookie: {dynamic: true, keyFile: /k}}\nservices: {a: {nodePort: 1, cookie: "
               "{name: x}}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, cookie: {mode: prefix, maxidle: 3m}}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, backendTls: {sni: a.example}}}"},
        {"key-cannot-act", 1,
         NODES "services: {a: {nodePort: 1, backendProtocol: h2c, backendTls: {sni: a.example}}}"},
        {"key-needs-key", 1,
         NODES "services: {a: {nodePort: 1, backendProtocol: https, backendTls: {verify: required}}}"},
        {"backend-not-verified", 1, NODES "services: {a: {nodePort: 1, backendProtocol: https}}"},
        {"backend-not-verified", 0,
         NODES "services: {a: {nodePort: 1, backendProtocol: https, backendTls: {verify: none}}}"},
        {"backend-not-verified", 1,
         NODES "serviceDefaults: {backendProtocol: https}\nservices: {a: {nodePort: 1}, b: {nodePort: 1}}"},
        {"key-cannot-act", 1,
         NODES "services: {a: {nodePort: 1, routes: [{path: \"/a\", pathType: Regex}], rewrite: /}}"},
        {"key-cannot-act", 1, NODES "services: {a: {nodePort: 1, check: {type: tcp, path: /a}}}"},
        {"key-needs-key", 1, NODES "services: {a: {nodePort: 1, check: {method: HEAD}}}"},
        {"key-needs-key", 1,
         NODES "services: {a: {nodePort: 1, routes: [{host: a.example, pathType: Exact}]}}"},
        {"key-needs-key", 1,
         NODES "services: {a: {nodePort: 1, routes: [{host: a.example, wildcard: label}]}}"},
        {"bad-path", 1, NODES "services: {a: {nodePort: 1, routes: [{path: \"/a b\"}]}}"},
        {"bad-regex", 1, NODES "services: {a: {nodePort: 1, routes: [{path: \"/a)(\", pathType: Regex}]}}"},
        {"bad-regex", 1,
         NODES "services: {a: {nodePort: 1, routes: [{path: \"(?x)/a#\", pathType: Regex}]}}"},
        {"one-key-of", 1, NODES "services: {a: {nodePort: 1, headers: {request: {set: {X-A: {}}}}}}"},
        {"one-key-of", 1,
         NODES "services: {a: {nodePort: 1, headers: {response: {add: {X-A: {value: a, format: b}}}}}}"},
        {"needs-tls-frontend", 1, NODES "services: {a: {nodePort: 1, redirectHttps: true}}"},
        {"needs-tls-frontend", 1, NODES "services: {a: {nodePort: 1, hsts: {}}}"},
        {"needs-tls-frontend", 0,
         NODES "serviceDefaults: {hsts: {}, redirectHttps: true}\nservices: {a: {nodePort: 1}}"},
        {"node-address-twice", 1, "nodes: {a: 10.0.0.1, b: \"::ffff:10.0.0.1\"}"},
        {"node-address-twice", 1, "nodes: {a: N.example, b: n.example.}"},
        {"node-address-twice", 0, "nodes: {a: \"::10.0.0.1\", b: 10.0.0.1}"},
        {"name-collision", 1, NODES "services: {http: {nodePort: 1}}"},
        {"name-collision", 0, NODES "services: {https: {nodePort: 1}}"},
        {"name-collision", 1, NODES "frontends: {inner: {bind: \":81\"}}\nservices: {inner: {nodePort: 1}}"},
        {"bind-overlap", 0, "frontends: {inner: {bind: \"10.0.0.1:80\"}}"},
        {"bind-overlap", 0, "frontends: {inner: {bind: \"10.0.0.1:70-90\"}}"},
        {"bind-overlap", 1, "frontends: {http: {bind: \":80\"}, inner: {bind: \"10.0.0.1:80\"}}"},
        {"bind-overlap", 1, "frontends: {inner: {bind: \"10.0.0.1:80\"}, more: {bind: \"10.0.0.1:80\"}}"},
        {"bind-overlap", 1, "frontends: {inner: {bind: \":70-90\"}}"},
        {"bind-overlap", 1, "frontends: {inner: {bind: \"0.0.0.0:80\"}}"},
        {"bind-overlap", 0, "frontends: {inner: {bind: \"[::]:80\"}}"},
        {"bind-overlap", 1, "frontends: {a: {bind: \"[::]:81\"}, b: {bind: \"[2001:db8::1]:81\"}}"},
        {"bind-overlap", 0, "frontends: {a: {bind: \"[2001:db8::2]:81\"}, b: {bind: \"[2001:db8::1]:81\"}}"},
        {"bind-overlap", 1, "frontends: {a: {bind: \"10.0.0.1:81\"}, b: {bind: \":81\"}}"},
        {"bind-overlap", 1, "frontends: {a: {bind: [\"10.0.0.1:81\", \"10.0.0.1:81\"]}}"},
        {"bind-overlap", 1, "stats: \":80\""},
        {"bind-overlap", 1, "frontends: {a: {bind: \"[::ffff:10.0.0.1]:81\"}, b: {bind: \"10.0.0.1:81\"}}"},
        {"bind-overlap", 1, "frontends: {a: {bind: \"[::ffff:10.0.0.1]:81\"}, b: {bind: \"*:81\"}}"},
        {"bind-overlap", 1, "frontends: {a: {bind: \":81\"}, b: {bind: \"[::ffff:0.0.0.0]:81\"}}"},
        {"bind-overlap", 0, "frontends: {a: {bind: \"[::]:81\"}, b: {bind: \"[::ffff:10.0.0.1]:81\"}}"},
        {"bind-overlap", 2,
         "frontends: {a: {bind: \"10.0.0.1:85\"}, b: {bind: \"10.0.0.1:85\"}, c: {bind: \":81-90\"}}"},
        {"bind-overlap", 2, "frontends: {a: {bind: \":81-99\"}, b: {bind: [\":82\", \"10.0.0.1:98\"]}}"},
        {"bind-overlap", 0,
         "frontends: {a: {bind: [\"10.0.0.1:81-89\", \"10.0.0.2:82\", \"10.0.0.1:90\", \"[::]:81-90\"]}}"},
        {"bind-overlap", 1, "frontends: {http: {maxconn: 1}, a: {bind: \":80\"}}"},
        {"bind-overlap", 1, NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":80\"}}"},
        {"bind-overlap", 1,
         NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":5000-5010\"}, b: {nodePort: 1, mode: tcp, "
               "bind: \"10.0.0.1:5005\"}}"},
        {"bind-overlap", 1,
         NODES "services: {v: {nodePort: 1, mode: tcp, tls: passthrough, hosts: [a.example]}, b: {nodePort: "
               "1, mode: tcp, bind: \":443\"}}"},
        {"bind-overlap", 0, NODES "services: {b: {nodePort: 1, mode: tcp, bind: \":443\"}}"},
        {"bind-overlap", 0,
         CERTS "frontends: {https: {http3: true, bind: [\":443\", \"[::]:443\"]}}\nhaproxy: 2.8"},
        {"key-needs-release", 1, CERTS "frontends: {https: {http3: true}}"},
        {"key-needs-release", 0, CERTS "frontends: {https: {http3: false}}"},
        {"key-needs-release", 1, "haproxy: 1.8\nlog: stdout"},
        {"key-needs-release", 1, "haproxy: 1.7\ncerts: [{file: /a}]\nfrontends: {https: {alpn: [h2]}}"},
        {"key-needs-release", 2,
         "haproxy: 1.7\ncerts: [{file: /a, clientCa: /b, verify: optional, hosts: [a.example]}]"},
        {"key-needs-release", 1,
         NODES "serviceDefaults: {balance: \"hash src\"}\nservices: {a: {nodePort: 1}}"},
        {"key-needs-release", 1, NODES "haproxy: 1.9\nservices: {a: {nodePort: 1, balance: random(2)}}"},
        {"key-needs-release", 0, NODES "haproxy: 1.9\nservices: {a: {nodePort: 1, balance: random}}"},
        {"key-needs-release", 1, NODES "haproxy: 1.9\nservices: {a: {nodePort: 1, backendProtocol: h2c}}"},
        {"raw-section", 1, "global: \"  listen x\""},
        {"raw-section", 1, "global: \"\\\"listen\\\" x\""},
        {"raw-section", 1, "haproxy: 3.4\ndefaults: healthcheck x"},
        {"raw-section", 0, "haproxy: 3.2\ndefaults: healthcheck x"},
        {"raw-section", 1,
         NODES "serviceDefaults: {extra: backend x}\nservices: {a: {nodePort: 1}, b: {nodePort: 1}}"},
        {"raw-section", 1,
         NODES "services: {a: {nodePort: 1, mode: tcp, bind: \":1\", extra: \"backend x\"}}"},
        {"raw-section", 1,
         NODES "services: {v: {nodePort: 1, mode: tcp, tls: passthrough, hosts: [a.example], extra: "
               "\"backend x\"}}"},
        {"raw-section", 1, "frontends: {http: {extra: \"\\\"$A\\\" x\"}}"},
        {"raw-open-if", 1, "haproxy: 2.6\nglobal: \".if 1\\n.if 2\\n.endif\""},
        {"raw-open-if", 0, "haproxy: 2.6\nglobal: \".if 1\\n.elif 2\\n.else\\n.endif\\n.notice x\""},
        {"raw-stray-endif", 1, "haproxy: 2.6\nglobal: .else"},
        {"raw-line-unreadable", 1, "global: 'a \\x4'"},
        {"raw-line-unreadable", 1, "global: '[scope]'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct map_test t = {0};
        map_all(&t, cases[i].text);
        size_t here = map_count(&t, cases[i].code), all = khap_diags_count(t.diags, KHAP_WARNING);
        if (here != cases[i].times || all != here) {
            char *said = map_said(&t);
            print_error("%s should come %zu times, alone:\n%s\n%s\n", cases[i].code, cases[i].times,
                        cases[i].text, said);
            free(said);
            fail();
        }
        map_end(&t);
    }
}

/* What was wrong by itself is not said again as missing. */
static void said_once(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        {"not-a-number", 1, NODES "services: {a: {nodePort: x, nodes: [n1], redirectHttps: false}}"},
        {"unknown-key", 1, NODES "services: {a: {nodeport: 3, hosts: [a.example]}}"},
        {"bad-address", 1,
         "nodes: {n1: 10.0.0.300, n2: 10.0.0.2}\nservices: {a: {nodePort: 3, nodes: [n1]}}"},
        {"not-a-choice", 1, NODES "services: {a: {nodePort: 3, mode: udp, bind: \":3\"}}"},
        {"unknown-key", 1,
         NODES "certs: [{fil: /a}]\nservices: {a: {nodePort: 3, frontends: [https], redirectHttps: true}}"},
        {"unknown-key", 1, NODES "certificates: [{file: /a}]\nfrontends: {https: {}}"},
        {"bad-address", 1,
         NODES "frontends: {inner: {bind: 80}}\nservices: {a: {nodePort: 3, frontends: [inner]}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct map_test t = {0};
        assert_int_equal(map_all(&t, cases[i].text), KHAP_EINPUT);
        assert_said(&t, cases[i].code);
        if (khap_diags_count(t.diags, KHAP_WARNING) != cases[i].times)
            assert_silent(&t);
        /* and nothing is made of what was left over */
        assert_int_equal(map_resolve(&t, 202, 304), KHAP_EINPUT);
        map_end(&t);
    }
}

static void nearest_names(void **state)
{
    (void)state;
    struct map_test t = {0};
    map_all(&t, "nodes: {alpha: 10.0.0.1, beta: 10.0.0.2}\n"
                "frontends: {inner: {bind: \":81\"}}\n"
                "services: {a: {nodePort: 1, nodes: [alhpa], frontends: [iner]}, b: {nodePort: 2, nodes: "
                "[omega]}}\n");
    char *said = map_said(&t);
    assert_non_null(strstr(said, "unknown node `alhpa`; did you mean `alpha`? [unknown-node]"));
    assert_non_null(strstr(said, "unknown frontend `iner`; did you mean `inner`? [unknown-frontend]"));
    assert_non_null(strstr(said, "unknown node `omega` [unknown-node]"));
    free(said);
    map_end(&t);
}

static void frontends(void **state)
{
    (void)state;
    struct map_test t = {0};
    /* nothing said: http alone */
    assert_int_equal(map_all(&t, NODES "services: {a: {nodePort: 1, hosts: [a.example]}}"), KHAP_OK);
    assert_int_equal(t.resolved.frontends.len, 1);
    assert_int_equal(t.resolved.http, 0);
    assert_int_equal(t.resolved.https, -1);
    assert_false(t.resolved.https_tcp_only);
    assert_int_equal(t.resolved.routes.ptr[0].frontends, 1);
    map_end(&t);
    /* a certificate: https beside it */
    assert_int_equal(map_all(&t, NODES CERTS
                             "frontends: {in: {bind: \"[::1]:81\", maxconn: 7, acceptProxy: true}}\n"
                             "services: {a: {nodePort: 1, hosts: [a.example]}, b: {nodePort: 1, frontends: "
                             "[in], default: true}}"),
                     KHAP_OK);
    assert_int_equal(t.resolved.frontends.len, 3);
    assert_int_equal(t.resolved.https, 1);
    assert_true(t.resolved.frontends.ptr[1].tls);
    assert_false(t.resolved.frontends.ptr[2].tls);
    assert_int_equal(t.resolved.frontends.ptr[2].maxconn, 7);
    assert_true(t.resolved.frontends.ptr[2].accept_proxy);
    assert_int_equal(t.resolved.routes.ptr[0].frontends, 3);
    assert_int_equal(t.resolved.routes.ptr[1].frontends, 4);
    assert_true(t.resolved.routes.ptr[1].is_default);
    map_end(&t);
    /* passthrough alone */
    assert_int_equal(map_all(&t, NODES
                             "frontends: {https: {bind: \":8443\"}}\n"
                             "services: {v: {nodePort: 1, mode: tcp, tls: passthrough, hosts: [v.example]}}"),
                     KHAP_OK);
    assert_int_equal(t.resolved.https, -1);
    assert_true(t.resolved.https_tcp_only);
    assert_int_equal(t.resolved.https_address.binds[0].address.port, 8443);
    assert_true(t.resolved.routes.ptr[0].frontends == ROUTE_HTTPS_TCP_ONLY);
    assert_int_equal(t.resolved.services.ptr[0].mode, MODE_PASSTHROUGH);
    map_end(&t);
    /* http off, alpn and http3 given */
    assert_int_equal(
        map_all(&t, "haproxy: 2.8\n" CERTS
                    "frontends: {http: false, https: {alpn: http/1.1, http3: true, strictSni: true}}\n"
                    "log: false\nstats: [\"127.0.0.1:1\", \"[::1]:1\"]\nforwarded: [10.0.0.0/8, \"::1\"]\n"),
        KHAP_OK);
    assert_int_equal(t.resolved.http, -1);
    assert_int_equal(t.resolved.https, 0);
    const struct frontend *f = &t.resolved.frontends.ptr[0];
    assert_true(f->http3 && f->strict_sni && f->alpn_given && f->alpn_http11 && !f->alpn_h2);
    assert_int_equal(t.resolved.n_stats_binds, 2);
    assert_int_equal(t.resolved.trust.len, 2);
    assert_int_equal(t.resolved.log->kind, SETTING_OFF);
    map_end(&t);
}

static void routes(void **state)
{
    (void)state;
    struct map_test t = {0};
    assert_int_equal(map_all(&t,
                             NODES "services:\n"
                                   "  a:\n"
                                   "    nodePort: 1\n"
                                   "    wildcard: label\n"
                                   "    hosts: [a.example, \"*.B.example\", \"[2001:DB8::1]\", 10.1.2.3]\n"
                                   "    routes:\n"
                                   "      - {host: \"*.c.example\", wildcard: deep, path: /ui/}\n"
                                   "      - {path: /x, pathType: Exact}\n"
                                   "      - {host: a.example, path: \"/r[0-9]+\", pathType: Regex}\n"
                                   "      - {host: a.example, path: /}\n"
                                   "    default: true\n"),
                     KHAP_OK);
    assert_silent(&t);
    const struct route *r = t.resolved.routes.ptr;
    assert_int_equal(t.resolved.routes.len, 9);
    assert_int_equal(t.resolved.services.ptr[0].n_routes, 9);
    assert_int_equal(r[0].host.kind, HOST_EXACT);
    assert_int_equal(r[1].host.kind, HOST_WILDCARD);
    assert_true(khap__str_eq(r[1].host.name, S("b.example")));
    assert_true(r[1].label);
    assert_false(r[0].label);
    assert_int_equal(r[2].host.kind, HOST_IP);
    assert_int_equal(r[3].host.kind, HOST_IP);
    assert_false(r[4].label);
    assert_int_equal(r[4].path_type, PATH_PREFIX);
    assert_true(khap__str_eq(r[4].path, S("/ui")));
    assert_int_equal(r[5].path_type, PATH_EXACT);
    assert_false(r[5].has_host);
    assert_int_equal(r[6].path_type, PATH_REGEX);
    assert_int_equal(r[7].path_type, PATH_NONE);
    assert_int_equal(r[7].frontends, 0); /* said twice by one service */
    assert_true(r[8].is_default);
    assert_int_equal(r[8].frontends, 1);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(r[i].order, i);
    map_end(&t);
}

static void a_service(void **state)
{
    (void)state;
    struct map_test t = {0};
    struct arena scratch;
    struct service s;
    khap__arena_init(&scratch, NULL);
    assert_int_equal(map_all(&t, NODES CERTS
                             "services:\n"
                             "  plain: {nodePort: 30000, hosts: [\"*.p.example\", p.example]}\n"
                             "  full:\n"
                             "    nodePort: 30001\n"
                             "    balance: leastconn\n"
                             "    cookie: {name: C, mode: prefix, secure: true}\n"
                             "    check: {path: /h, method: HEAD, expect: [200, 300-399], interval: 5s, "
                             "rise: 4, fall: 5, port: 8080}\n"
                             "    timeouts: {connect: 2s, server: 1m, queue: 10s, tunnel: 1h}\n"
                             "    hsts: {maxAge: 10d, includeSubDomains: true}\n"
                             "    redirectHttps: false\n"
                             "    rewrite: /\n"
                             "    headers: {request: {set: {A: b, F: {format: \"%[src]\"}}, add: {C: d}, "
                             "delete: [E]}, response: {delete: [Server]}}\n"
                             "    sourceRanges: [10.0.0.0/8, \"2001:db8::/32\"]\n"
                             "    backendProtocol: h2\n"
                             "    backendTls: {ca: /ca.pem, sni: s.example}\n"
                             "    sendProxy: v2\n"
                             "    servers: [{name: old, address: 10.9.9.9, port: 8080, weight: 10, backup: "
                             "true, maxconn: 100}, {name: o2, address: h.example}]\n"
                             "    extra: option http-buffer-request\n"
                             "  db: {nodePort: 30002, mode: tcp, bind: [\":5432\", \"[::]:5432\"]}\n"
                             "  off: {nodePort: 30003, check: false}\n"),
                     KHAP_OK);
    assert_silent(&t);
    map_service(&t, "plain", &scratch, &s);
    assert_true(khap__str_eq(s.balance, S("roundrobin")));
    assert_int_equal(s.n_servers, 2);
    assert_int_equal(s.servers[0].port, 30000);
    assert_int_equal(s.servers[0].weight, 100);
    assert_int_equal(s.servers[1].id, khap__hash31(S("n2")));
    assert_true(s.check.on && s.check.type == CHECK_TCP && s.check.interval == 2000000 && s.check.rise == 2 &&
                s.check.fall == 3);
    assert_false(s.cookie.on || s.hsts || s.redirect_https_given || s.send_proxy || s.extra || s.tls_verify);
    map_service(&t, "full", &scratch, &s);
    assert_true(s.cookie.on && s.cookie.mode == COOKIE_PREFIX && s.cookie.secure && !s.cookie.indirect &&
                !s.cookie.nocache);
    assert_true(s.check.type == CHECK_HTTP && s.check.port == 8080 && s.check.n_expect == 2 &&
                s.check.expect[1].to == 399);
    assert_true(khap__str_eq(s.check.method, S("HEAD")) && s.check.host.len == 0);
    assert_true(s.connect == 2000000 && s.server_timeout == 60000000 && s.queue == 10000000 &&
                s.tunnel == UINT64_C(3600000000));
    assert_true(s.hsts && s.hsts_subdomains && s.hsts_max_age == UINT64_C(864000000000));
    assert_true(s.redirect_https_given && !s.redirect_https);
    assert_int_equal(s.n_request, 4);
    assert_true(s.request[0].is_delete && khap__str_eq(s.request[0].name, S("E")));
    assert_true(khap__str_eq(s.request[1].value, S("b")) && !s.request[1].is_format);
    assert_true(s.request[2].is_format && s.request[3].is_add);
    assert_int_equal(s.n_response, 1);
    assert_int_equal(s.sources.n, 2);
    assert_true(s.protocol == PROTOCOL_H2 && s.tls_verify && s.send_proxy == 2);
    assert_int_equal(s.n_servers, 4);
    assert_true(s.servers[2].backup && s.servers[2].maxconn == 100 && s.servers[2].port == 8080 &&
                s.servers[2].weight == 10);
    assert_int_equal(s.servers[3].port, 30001);
    assert_null(s.servers[2].node);
    map_service(&t, "db", &scratch, &s);
    assert_int_equal(s.mode, MODE_TCP);
    assert_int_equal(s.n_binds, 2);
    assert_int_equal(s.binds[1].address.family, ADDRESS_V6);
    map_service(&t, "off", &scratch, &s);
    assert_false(s.check.on);
    khap__arena_free(&scratch);
    map_end(&t);
}

static void defaults_of_services(void **state)
{
    (void)state;
    struct map_test t = {0};
    struct arena scratch;
    struct service s;
    khap__arena_init(&scratch, NULL);
    assert_int_equal(
        map_all(&t, "nodes: {n1: {address: 10.0.0.1, labels: {zone: a}}, n2: {address: 10.0.0.2, labels: "
                    "{zone: b}}}\n" CERTS "serviceDefaults:\n"
                    "  balance: uri\n"
                    "  cookie: {name: C, secure: true}\n"
                    "  check: {path: /h, rise: 7}\n"
                    "  rewrite: /base\n"
                    "  sourceRanges: [10.0.0.0/8]\n"
                    "  nodes: {selector: {zone: a}}\n"
                    "  timeouts: {connect: 1s}\n"
                    "  headers: {request: {set: {A: default, B: default}, delete: [X]}}\n"
                    "services:\n"
                    "  a: {nodePort: 1, cookie: {secure: false}, check: {fall: 9}, sourceRanges: [], "
                    "headers: {request: {set: {a: own}}}}\n"
                    "  b: {nodePort: 2, cookie: false, check: false, nodes: [n2], timeouts: {queue: 3s}}\n"
                    "  c: {nodePort: 3, mode: tcp, bind: \":3\"}\n"
                    "  d: {nodePort: 4, hosts: [d.example], routes: [{path: /r, pathType: Regex}], check: "
                    "{type: tcp}}\n"
                    "  e: {nodePort: 5, nodes: {selector: {zone: b}}}\n"),
        KHAP_OK);
    assert_silent(&t);
    map_service(&t, "a", &scratch, &s);
    assert_true(s.cookie.on && khap__str_eq(s.cookie.name, S("C")) && !s.cookie.secure && s.cookie.indirect);
    assert_true(s.check.type == CHECK_HTTP && s.check.rise == 7 && s.check.fall == 9);
    assert_int_equal(s.sources.n, 0);
    assert_true(khap__str_eq(s.balance, S("uri")) && khap__str_eq(s.rewrite.prefix, S("/base")));
    assert_int_equal(s.n_request, 3);
    assert_true(s.request[0].is_delete);
    assert_true(khap__str_eq(s.request[1].name, S("B")) && khap__str_eq(s.request[2].value, S("own")));
    assert_int_equal(s.n_servers, 1);
    assert_true(khap__str_eq(s.servers[0].name, S("n1")));
    map_service(&t, "b", &scratch, &s);
    assert_false(s.cookie.on || s.check.on);
    assert_int_equal(s.n_servers, 1);
    assert_true(khap__str_eq(s.servers[0].name, S("n2")));
    assert_true(s.connect == 1000000 && s.queue == 3000000);
    map_service(&t, "c", &scratch, &s);
    assert_true(s.check.on && s.check.type == CHECK_TCP && s.check.rise == 7);
    assert_false(s.cookie.on || s.n_request || s.rewrite.prefix.len);
    assert_true(khap__str_eq(s.balance, S("roundrobin")));
    assert_int_equal(s.sources.n, 1);
    map_service(&t, "d", &scratch, &s);
    assert_int_equal(s.check.type, CHECK_TCP);
    assert_int_equal(s.rewrite.prefix.len, 0);
    map_service(&t, "e", &scratch, &s);
    assert_int_equal(s.n_servers, 1);
    assert_true(khap__str_eq(s.servers[0].name, S("n2")));
    khap__arena_free(&scratch);
    map_end(&t);
}

/* `max` by rendezvous hashing: a node that goes takes only its own place with it. */
static void rendezvous(void **state)
{
    (void)state;
    char text[2][4096];
    struct map_test t[2] = {0};
    struct arena scratch;
    khap__arena_init(&scratch, NULL);
    for (int k = 0; k < 2; k++) {
        size_t n = (size_t)snprintf(text[k], sizeof text[k], "nodes:\n");
        for (int i = 0; i < 20; i++) {
            if (k == 0 || i != 13)
                n += (size_t)snprintf(text[k] + n, sizeof text[k] - n, "  node%d: 10.0.0.%d\n", i, i);
        }
        n += (size_t)snprintf(text[k] + n, sizeof text[k] - n,
                              "serviceDefaults: {nodes: {max: 4}}\nservices:\n");
        for (int i = 0; i < 50; i++)
            n += (size_t)snprintf(text[k] + n, sizeof text[k] - n, "  s%d: {nodePort: 1}\n", i);
        assert_int_equal(map_all(&t[k], text[k]), KHAP_OK);
        assert_silent(&t[k]);
    }
    uint32_t with = 0, moved = 0, taken[20] = {0};
    for (int i = 0; i < 50; i++) {
        char name[8];
        struct service a, b;
        snprintf(name, sizeof name, "s%d", i);
        map_service(&t[0], name, &scratch, &a);
        map_service(&t[1], name, &scratch, &b);
        assert_int_equal(a.n_servers, 4);
        assert_int_equal(b.n_servers, 4);
        for (uint32_t k = 0; k < 4; k++) {
            bool gone = khap__str_eq(a.servers[k].name, S("node13")), kept = false;
            for (uint32_t m = 0; m < 4; m++)
                kept = kept || khap__str_eq(a.servers[k].name, b.servers[m].name);
            with += gone;
            moved += !kept;
            for (int m = 0; m < 20; m++) {
                char node[12];
                snprintf(node, sizeof node, "node%d", m);
                taken[m] += khap__str_eq(a.servers[k].name, khap__str(node));
            }
        }
    }
    assert_true(with > 0);
    assert_int_equal(moved, with);
    for (int m = 0; m < 20; m++) /* ten are fair, and names that end alike are no reason for two */
        assert_in_range(taken[m], 4, 20);
    /* computed elsewhere: it must never change, or all services would move */
    static const char s0[4][8] = {"node0", "node1", "node11", "node13"};
    struct service first;
    map_service(&t[0], "s0", &scratch, &first);
    for (int k = 0; k < 4; k++)
        assert_true(khap__str_eq(first.servers[k].name, khap__str(s0[k])));
    /* 31-bit FNV-1a, computed elsewhere: it must never change, or the ids of all servers would */
    assert_int_equal(khap__hash31((struct khap_str){"a\0b", 3}), 0x10f3abd2);
    assert_int_equal(khap__hash31((struct khap_str){"s1\0node1", 8}), 0x78c1b2fe);
    khap__arena_free(&scratch);
    map_end(&t[0]);
    map_end(&t[1]);
}

/* Two names with one hash: the second by name gets the next number. */
static void ids(void **state)
{
    (void)state;
    struct arena scratch;
    khap__arena_init(&scratch, NULL);
    /* found by search: equal in 31 bits */
    struct server servers[40] = {{.name = S("costarring")}, {.name = S("liquid")}};
    assert_int_equal(khap__hash31(S("costarring")), khap__hash31(S("liquid")));
    assert_true(khap__number_servers(servers, 2, &scratch));
    assert_int_equal(servers[0].id, khap__hash31(S("costarring")));
    assert_int_equal(servers[1].id, khap__hash31(S("liquid")) + 1);
    struct server swapped[2] = {{.name = S("liquid")}, {.name = S("costarring")}};
    assert_true(khap__number_servers(swapped, 2, &scratch));
    assert_int_equal(swapped[0].id, servers[1].id);
    char names[40][8];
    for (int i = 2; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        servers[i] = (struct server){.name = khap__str(names[i])};
    }
    assert_true(khap__number_servers(servers, 40, &scratch));
    for (int i = 0; i < 40; i++) {
        assert_true(servers[i].id != 0);
        for (int k = 0; k < i; k++)
            assert_true(servers[i].id != servers[k].id);
    }
    khap__arena_free(&scratch);
}

/* Names, hosts and nodes of many services are found by hashing; equal ones among them too. */
static void many_services(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct map_test t = {0};
    struct buf text;
    khap__buf_init(&text, NULL);
    khap__buf_add(&text, S(NODES "services:\n"));
    for (int i = 0; i < N; i++) {
        char line[200];
        snprintf(line, sizeof line,
                 "  s%d: {nodePort: %d, hosts: [h%d.example, \"*.w%d.example\"], nodes: [n%d]}\n", i, 1 + i,
                 i == N - 1 ? 17 : i, i, 1 + i % 2);
        khap__buf_add(&text, khap__str(line));
    }
    khap__buf_char(&text, '\0');
    assert_int_equal(map_all(&t, text.ptr), KHAP_EINPUT);
    assert_int_equal(khap_diags_count(t.diags, KHAP_NOTE), 1);
    assert_int_equal(map_count(&t, "route-defined-twice"), 1);
    assert_int_equal(t.resolved.services.len, N);
    assert_int_equal(t.resolved.routes.len, 2 * N);
    char *said = map_said(&t);
    assert_non_null(strstr(said, "`h17.example` leads to service `s17` already"));
    free(said);
    map_end(&t);
    khap__buf_free(&text);
}

/* What is small on paper stays small: each of these took minutes, or a gigabyte, when it was looked at port by
 * port and route by route. */
static void small_maps_cost_little(void **state)
{
    (void)state;
    struct buf text;
    khap__buf_init(&text, NULL);
    khap__buf_add(&text, S("frontends: {wide: {bind: ["));
    for (uint64_t i = 0; i < 20000; i++) {
        khap__buf_add(&text, S("\"10.1."));
        khap__buf_uint(&text, i / 200);
        khap__buf_char(&text, '.');
        khap__buf_uint(&text, i % 200);
        khap__buf_add(&text, S(":1000-65000\","));
    }
    khap__buf_add(&text, S("]}}\nnodes: {n: 10.0.0.1}\nservices: {a: {nodePort: 1, hosts: ["));
    for (int i = 0; i < 200000; i++)
        khap__buf_add(&text, S("h,"));
    khap__buf_add(&text, S("]}}\n"));
    khap__buf_char(&text, '\0');
    assert_false(text.failed);
    struct map_test t = {0};
    assert_int_equal(map_all(&t, text.ptr), KHAP_OK);
    assert_silent(&t);
    assert_int_equal(t.resolved.routes.len, 200000);
    map_end(&t);
    khap__buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_keys),
        cmocka_unit_test(said_once),
        cmocka_unit_test(nearest_names),
        cmocka_unit_test(frontends),
        cmocka_unit_test(routes),
        cmocka_unit_test(a_service),
        cmocka_unit_test(defaults_of_services),
        cmocka_unit_test(rendezvous),
        cmocka_unit_test(ids),
        cmocka_unit_test(many_services),
        cmocka_unit_test(small_maps_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
