#!/usr/bin/python3
"""Method, headers and query parameters choose among routes of one host and path; what does not hold is as if it were not there."""
import lib
from lib import tap

MAP = """
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
services:
  root:   {nodePort: %(root)d, hosts: [a.example]}
  api:    {nodePort: %(api)d, routes: [{host: a.example, path: /api}]}
  write:  {nodePort: %(write)d, routes: [{host: a.example, path: /api, match: {method: [POST, PUT]}}]}
  deep:   {nodePort: %(deep)d, routes: [{host: a.example, path: /api/deep, match: {headers: {X-Deep: {present: true}}}}, {host: a.example, path: /api/deep/exact, pathType: Exact, match: {method: GET, headers: {X-Exact: "1"}}}]}
  versioned:
    nodePort: %(versioned)d
    rewrite: /v2
    headers: {request: {set: {X-Version: changed}}}
    routes: [{host: a.example, path: /api, match: {headers: {x-version: {regex: "2(\\\\.[0-9]+)?"}}}}, {host: a.example, path: /two, match: {headers: {X-Version: "it's 2, or \\"3\\""}}}]
  both:   {nodePort: %(both)d, routes: [{host: a.example, path: /api, match: {headers: {X-Version: "2", X-Both: {present: true}, X-Not: {present: false}, X-Some: {regex: .*}}}}]}
  query:  {nodePort: %(query)d, routes: [{host: a.example, match: {query: {q: "a%%20b", "f[x]": {present: true}}}}, {host: a.example, match: {query: {empty: ""}}}]}
  regex:  {nodePort: %(regex)d, routes: [{host: r.example, path: "/r.*", pathType: Regex, match: {method: DELETE}}]}
  regex2: {nodePort: %(regex2)d, routes: [{host: r.example, path: "/r[0-9]", pathType: Regex}]}
  any:    {nodePort: %(any)d, routes: [{path: /any, match: {headers: {X-Any: "1"}}}, {match: {headers: {X-All: "1"}}}]}
  wild:   {nodePort: %(wild)d, hosts: ["*.example"]}
  last:   {nodePort: %(last)d, default: true}
"""
NAMES = ("root", "api", "write", "deep", "versioned", "both", "query", "regex", "regex2", "any", "wild", "last")

CASES = [  # method, host, target, headers -> service
    ("GET", "a.example", "/api", [], "api", "no match holds"),
    ("POST", "a.example", "/api/x", [], "write", "the method"),
    ("PUT", "a.example", "/api", [("X-Version", "2")], "write", "a method before headers"),
    ("GET", "a.example", "/api", [("X-VERSION", "2.17")], "versioned", "a header by a regex, its name without case"),
    ("GET", "a.example", "/api", [("X-Version", "12")], "api", "a regex is of the whole value"),
    ("GET", "a.example", "/api", [("X-Version", "1"), ("X-Version", "2")], "versioned", "one of two lines"),
    ("GET", "a.example", "/api", [("X-Version", "2"), ("X-Both", ""), ("X-Some", "")], "both", "more headers first; present though empty"),
    ("GET", "a.example", "/api", [("X-Version", "2"), ("X-Both", "b"), ("X-Some", "s"), ("X-Not", "")], "versioned", "a header that must not be there"),
    ("GET", "a.example", "/api/deep", [("X-Deep", "1")], "deep", "the longer path"),
    ("GET", "a.example", "/api/deep", [], "api", "the longer path does not hold: the shorter one"),
    ("POST", "a.example", "/api/deep/x", [], "write", "the longer path does not hold: the shorter one's match"),
    ("GET", "a.example", "/api/deep/exact", [("X-Exact", "1")], "deep", "an exact path with a match"),
    ("POST", "a.example", "/api/deep/exact", [("X-Exact", "1")], "write", "an exact path passed over, and a prefix"),
    ("GET", "a.example", "/api/deep/exact", [("X-Deep", "1")], "deep", "an exact path passed over"),
    ("GET", "a.example", "/two/x", [("X-Version", "it's 2, or \"3\"")], "versioned", "a comma and quotes in a value"),
    ("GET", "a.example", "/two/x", [("X-Version", "it's 2")], "root", "a part of a value"),
    ("GET", "a.example", "/?q=a%20b&f[x]=", [], "query", "two parameters"),
    ("GET", "a.example", "/?q=a+b&f[x]=", [], "root", "parameters are compared as sent"),
    ("GET", "a.example", "/?q=a%20b", [], "root", "one of two parameters"),
    ("GET", "a.example", "/?q=1&empty=&x", [], "query", "an empty parameter"),
    ("GET", "a.example", "/?empty", [], "root", "no parameter without an equals sign"),
    ("GET", "a.example", "/api?empty=", [], "api", "a path before what has none"),
    ("DELETE", "r.example", "/r1", [], "regex", "a regex with a match before one without"),
    ("GET", "r.example", "/r1", [], "regex2", "a regex passed over"),
    ("GET", "r.example", "/rx", [], "last", "no fall-through to the wildcard"),
    ("GET", "r.example", "/any", [("X-Any", "1")], "any", "routes without a host behind the host's"),
    ("GET", "q.test", "/any/x", [("X-Any", "1")], "any", "without a host"),
    ("GET", "q.test", "/any/x", [("X-All", "1")], "any", "without host and path"),
    ("GET", "q.test", "/any/x", [], "last", "nothing holds"),
    ("GET", "w.example", "/", [("X-All", "1")], "wild", "a wildcard before what has no host"),
]

with lib.Lab() as lab:
    ports = {"http": lib.free_port()}
    for name in NAMES:
        ports[name] = lib.free_port()
        lab.web(ports[name], name=name)
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[ports["http"]]):
            for method, host, target, headers, wanted, why in CASES:
                tap.equal("%s: %s (%s %s%s %s)" % (mode, why, method, host, target, headers), lib.ask(ports["http"], target, host, headers, method).name, wanted)
            got = lib.ask(ports["http"], "/api/x?y", "a.example", [("X-Version", "2")])
            tap.equal("%s: rewritten by the route that matched, before its header changed" % mode, (got.json["target"], got.asked("x-version")), ("/v2/x?y", ["changed"]))
            got = lib.ask(ports["http"], "/two/x", "a.example", [("X-Version", "it's 2, or \"3\"")])
            tap.equal("%s: rewritten by the other route" % mode, got.json["target"], "/v2/x")
            two = lib.curl("http://a.example/api", ports["http"], "--http2-prior-knowledge", "-H", "X-Version: 2.1")
            tap.equal("%s: HTTP/2" % mode, (two.name, two.version), ("versioned", "2"))
tap.finish()
