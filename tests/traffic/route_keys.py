#!/usr/bin/python3
"""Keys of a service on one of its routes: they win there, and nowhere else."""
import lib
from lib import ask, tap

TIMEOUT = lib.release() >= (2, 4) if lib.need_haproxy() else False
MAP = """
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults: {headers: {request: {set: {X-Default: everywhere, X-Both: default}}}}
services:
  web:
    nodePort: %(web)d
    hosts: [a.example]
    default: true
    rewrite: /base
    sourceRanges: [127.0.0.1]
    headers: {request: {set: {X-Who: service, X-Both: service}, add: {X-Add: service}}, response: {set: {X-Answer: service}}}
    routes:
      - {host: a.example, path: /ui, rewrite: /app, headers: {request: {set: {X-Who: ui}}}}
      - {host: a.example, path: /ui/raw, rewrite: false, headers: {request: {delete: [X-Add, X-Default]}, response: {set: {X-Answer: "%%[src] 'q' \\"d\\" #1 $HOME \\\\x"}}}}
      - {host: a.example, path: "/p[0-9]+", pathType: Regex, rewrite: {path: "/it's/%%[src]"}}
      - {host: a.example, path: /ui, match: {method: POST}, rewrite: {host: internal.example}, headers: {request: {set: {X-Who: post}}}}
      - {host: a.example, path: /office, sourceRanges: [192.0.2.0/24]}
      - {host: a.example, path: /open, sourceRanges: []}
      - {host: a.example, path: /old, redirect: {prefix: /new, status: 301}}
      - {host: a.example, path: /away, redirect: {scheme: https, host: new.example, port: 8443, path: /there}}
      - {host: a.example, path: /old/exact, pathType: Exact, redirect: {host: exact.example, status: 308}}
      - {host: a.example, path: /gone, respond: {status: 410, body: "gone \\"%%[src]\\" #1 $HOME", contentType: text/x}}
      - {host: "*.w.example", headers: {request: {set: {X-Who: wildcard}}}}
      - {path: /any, headers: {request: {set: {X-Who: any}}}}
  plain:
    routes:
      - {host: r.example, redirect: {host: a.example}}
      - {host: r.example, path: /x, respond: {status: 204}}
      - {host: r.example, path: /shop, backend: shop}
  whole:
    nodePort: %(web)d
    routes: [{path: /only/exact, pathType: Exact, host: d.example}, {host: d.example, path: /, headers: {request: {set: {X-Who: root}}}}]
  over:
    hosts: [o.example]
    redirect: {host: b.example, status: 301}
    routes: [{host: o.example, path: /p, redirect: {path: /q}}, {host: o.example, path: /r, respond: {body: here}}]
%(slow)s
sections: |
  backend shop
    server s 127.0.0.1:%(shop)d
"""
SLOW = """
  slow:
    nodePort: %(web)d
    check: false
    timeouts: {server: 5s}
    routes: [{host: slow.example}, {host: slow.example, path: /slow/short, timeouts: {server: 300ms}}]
"""
WHO = [  # method, host, target: who, the target that the server was asked for, X-Both, X-Add, X-Default, X-Answer
    ("GET", "a.example", "/", "service", "/base/", "service", "service", "everywhere", "service"),
    ("GET", "nobody.example", "/z?q", "service", "/base/z?q", "service", "service", "everywhere", "service"),
    ("GET", "a.example", "/ui/x?q", "ui", "/app/x?q", "service", "service", "everywhere", "service"),
    ("GET", "a.example", "/uix", "service", "/base/uix", "service", "service", "everywhere", "service"),
    ("GET", "a.example", "/ui/raw/x", "service", "/ui/raw/x", "service", None, None, "%[src] 'q' \"d\" #1 $HOME \\x"),
    ("GET", "a.example", "/p12?x=y", "service", "/it's/%[src]?x=y", "service", "service", "everywhere", "service"),
    ("POST", "a.example", "/ui/x", "post", "/base/x", "service", "service", "everywhere", "service"),
    ("POST", "a.example", "/ui/raw/x", "service", "/ui/raw/x", "service", None, None, "%[src] 'q' \"d\" #1 $HOME \\x"),
    ("GET", "A.W.example.", "/", "wildcard", "/base/", "service", "service", "everywhere", "service"),
    ("GET", "w.example", "/any/x", "any", "/base/x", "service", "service", "everywhere", "service"),
    ("GET", "a.example", "/any/x", "service", "/base/any/x", "service", "service", "everywhere", "service"),
    ("GET", "d.example", "/only/exact/", "root", "/only/exact/", "default", None, "everywhere", None),
    ("GET", "d.example", "/only/exact", None, "/only/exact", "default", None, "everywhere", None),
]
ANSWERS = [  # method, host, target, source: status, location, body
    ("GET", "a.example", "/office", "127.0.0.1", 403, None, None),
    ("GET", "a.example", "/office", "127.0.0.2", 403, None, None),
    ("GET", "a.example", "/open", "127.0.0.2", 200, None, None),
    ("GET", "a.example", "/openx", "127.0.0.2", 403, None, None),
    ("GET", "a.example", "/ui", "127.0.0.2", 403, None, None),
    ("GET", "a.example", "/old", "127.0.0.2", 403, None, None),
    ("GET", "a.example", "/old/y?q=1", "127.0.0.1", 301, "http://a.example/new/y?q=1", None),
    ("GET", "a.example", "/old/exact?q", "127.0.0.1", 308, "http://exact.example/old/exact?q", None),
    ("GET", "a.example", "/away/x?q", "127.0.0.1", 302, "https://new.example:8443/there?q", None),
    ("GET", "a.example", "/gone/x", "127.0.0.1", 410, None, b'gone "%[src]" #1 $HOME'),
    ("GET", "r.example", "/y", "127.0.0.2", 302, "http://a.example/y", None),
    ("GET", "r.example", "/x", "127.0.0.2", 204, None, b""),
    ("GET", "r.example", "/shop/x", "127.0.0.2", 200, None, None),
    ("GET", "o.example", "/a", "127.0.0.1", 301, "http://b.example/a", None),
    ("GET", "o.example", "/p/a?q", "127.0.0.1", 301, "http://b.example/q?q", None),
    ("GET", "o.example", "/r/a", "127.0.0.1", 200, None, b"here"),
]

with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "web", "shop")}
    ports["slow"] = SLOW % ports if TIMEOUT else ""
    web = lab.web(ports["web"], name="web")
    lab.web(ports["shop"], name="shop")
    web.delay["/slow/short"] = web.delay["/slow/long"] = 1
    http = ports["http"]
    target = "%d.%d" % lib.release()
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http], target=target):
            for method, host, path, who, asked, both, add, default, response in WHO:
                a = ask(http, path, host, [("X-Who", "client")], method=method)
                got = tuple(a.asked(n)[0] if a.asked(n) else None for n in ("x-who", "x-both", "x-add", "x-default"))
                tap.equal("%s: %s %s%s" % (mode, method, host, path),
                          (a.name, a.json.get("target"), got, (a.header("x-answer") or [None])[0]),
                          ("web", asked, (who or "client", both, add, default), response))
            a = ask(http, "/ui/x", "a.example", method="POST")
            tap.equal("%s: another host for the servers" % mode, a.asked("host"), ["internal.example"])
            tap.equal("%s: and the same for others" % mode, ask(http, "/ui/x", "a.example").asked("host"), ["a.example"])
            for method, host, path, source, status, location, body in ANSWERS:
                a = ask(http, path, host, method=method, source=source)
                tap.equal("%s: %s%s from %s" % (mode, host, path, source),
                          (a.status, (a.header("location") or [None])[0], a.body if body is not None else None), (status, location, body))
            tap.equal("%s: a backend of one's own" % mode, ask(http, "/shop/x", "r.example").name, "shop")
            if TIMEOUT:
                tap.equal("%s: a short time on one route" % mode, ask(http, "/slow/short", "slow.example").status, 504)
                tap.equal("%s: the service's on others" % mode, ask(http, "/slow/long", "slow.example").status, 200)
tap.finish()
