#!/usr/bin/python3
"""Which service a host leads to: as it is written, and as clients write it."""
import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
services:
  exact:     {nodePort: %(exact)d, hosts: [a.example, b.a.example, Caps.Example]}
  deep:      {nodePort: %(deep)d, hosts: ["*.a.example"]}
  longer:    {nodePort: %(longer)d, hosts: ["*.x.a.example"]}
  label:     {nodePort: %(label)d, hosts: ["*.a.example", "*.only.example"], wildcard: label}
  many:      {nodePort: %(many)d, hosts: ["*.h.g.f.e.d.c.b.example"]}
"""
DEFAULT = "  fallback: {nodePort: %(fallback)d, default: true}\n"
NAMES = ("exact", "deep", "longer", "label", "many", "fallback")

CASES = [
    ("as written", "a.example", "exact"),
    ("in capitals", "A.EXAMPLE", "exact"),
    ("written with capitals in the map", "caps.example", "exact"),
    ("with port", "a.example:80", "exact"),
    ("with another port", "a.example:8443", "exact"),
    ("with trailing dot", "a.example.", "exact"),
    ("with capitals, dot and port", "A.Example.:8080", "exact"),
    ("an exact host before a wildcard", "b.a.example", "exact"),
    ("one label: label before deep", "q.a.example", "label"),
    ("two labels: deep", "r.q.a.example", "deep"),
    ("five labels: deep", "v.u.t.s.q.a.example", "deep"),
    ("wildcard in capitals with port and dot", "R.Q.A.EXAMPLE.:81", "deep"),
    ("a longer wildcard before a shorter", "q.x.a.example", "longer"),
    ("a longer wildcard at any depth", "s.r.q.x.a.example", "longer"),
    ("the longer wildcard's own domain is one label of the shorter", "x.a.example", "label"),
    ("a label wildcard is one label", "q.only.example", "label"),
    ("below an exact host: deep", "q.b.a.example", "deep"),
    ("eight labels", "x.h.g.f.e.d.c.b.example", "many"),
    ("ten labels", "z.y.x.h.g.f.e.d.c.b.example", "many"),
]
NOTHING = [
    ("a label wildcard is not two labels", "r.q.only.example"),
    ("a wildcard is not its own domain", "only.example"),
    ("a wildcard of eight labels is not its own domain", "h.g.f.e.d.c.b.example"),
    ("a suffix that is no label", "xa.example"),
    ("another domain", "example"),
    ("an address", "127.0.0.1"),
    ("an IPv6 address", "[::1]"),
    ("an IPv6 address with port", "[::1]:80"),
    ("an empty Host", ""),
    ("a dot", "."),
    ("no Host", None),
]

with lib.Lab() as lab:
    ports = {"http": lib.free_port()}
    for name in NAMES:
        ports[name] = lib.free_port()
        lab.web(ports[name], name=name)
    for mode in lib.MODES:
        for text, fallback in ((MAP, 404), (MAP + DEFAULT, "fallback")):
            with lab.run(text % ports, mode, wait=[ports["http"]]):
                for what, host, wanted in CASES:
                    tap.equal("%s: %s (%s)" % (mode, what, host), ask(ports["http"], "/some/path?q", host).name, wanted)
                for what, host in NOTHING:
                    tap.equal("%s: %s (%s): %s" % (mode, what, host, fallback), ask(ports["http"], "/", host).name, fallback)
                raw = "GET / HTTP/1.0\r\n\r\n"
                tap.equal("%s: HTTP/1.0 without Host" % mode, ask(ports["http"], raw=raw.encode()).name, fallback)
                raw = "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n"
                tap.equal("%s: HTTP/1.0 with Host" % mode, ask(ports["http"], raw=raw.encode()).name, "exact")
                raw = "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n"
                tap.equal("%s: absolute URI" % mode, ask(ports["http"], raw=raw.encode()).name, "exact")
                raw = "GET http://a.example/x HTTP/1.1\r\nHost: b.a.example\r\n\r\n"
                tap.equal("%s: absolute URI of another host" % mode, ask(ports["http"], raw=raw.encode()).status, 400)
                raw = "GET / HTTP/1.1\r\nHost: a.example\r\nHost: q.a.example\r\n\r\n"
                tap.equal("%s: two different Host headers" % mode, ask(ports["http"], raw=raw.encode()).status, 400)
                raw = "GET / HTTP/1.1\r\nHost: a.example\r\nhost: A.EXAMPLE\r\n\r\n"
                tap.equal("%s: the same Host twice" % mode, ask(ports["http"], raw=raw.encode()).name, "exact")
                raw = "GET / HTTP/1.1\r\nHost: a.example,z.test\r\n\r\n"
                tap.ok("%s: two hosts in one header lead nowhere" % mode,
                       ask(ports["http"], raw=raw.encode()).name in (400, fallback))
                two = lib.curl("http://a.example/", ports["http"], "--http2-prior-knowledge")
                tap.equal("%s: HTTP/2" % mode, (two.name, two.version), ("exact", "2"))
tap.finish()
