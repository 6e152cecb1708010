#!/usr/bin/python3
"""Which service a path leads to: Exact, Prefix, Regex, their order, and that nothing falls through to another host."""
import lib
from lib import tap

MAP = """
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
services:
  root:    {nodePort: %(root)d, hosts: [a.example]}
  ui:      {nodePort: %(ui)d, routes: [{host: a.example, path: /ui}, {host: n.example, path: /ui}]}
  uideep:  {nodePort: %(uideep)d, routes: [{host: a.example, path: /ui/deep/er}]}
  exact:   {nodePort: %(exact)d, routes: [{host: a.example, path: /ui/exact, pathType: Exact}, {host: a.example, path: /, pathType: Exact}]}
  regex1:  {nodePort: %(regex1)d, routes: [{host: a.example, path: "/re/[0-9]+", pathType: Regex}]}
  regex2:  {nodePort: %(regex2)d, routes: [{host: a.example, path: "/re/.*", pathType: Regex}, {host: a.example, path: "/ui/.*", pathType: Regex},
             {host: a.example, path: "/(alt|other)", pathType: Regex}, {host: a.example, path: "^/anchored$|^/tied(?!/)$", pathType: Regex},
             {host: a.example, path: '/(?<c>q|w)\\k<c>', pathType: Regex}]}
  wild:    {nodePort: %(wild)d, hosts: ["*.example"]}
  anyhost: {nodePort: %(anyhost)d, routes: [{path: /any}, {path: /ui/any, pathType: Exact}, {path: "/rx[a-z]", pathType: Regex}]}
  last:    {nodePort: %(last)d, default: true}
"""
NAMES = ("root", "ui", "uideep", "exact", "regex1", "regex2", "wild", "anyhost", "last")

CASES = [
    ("a.example", "/", "exact", "exact /"),
    ("a.example", "/?q=/ui", "exact", "the query is no path"),
    ("a.example", "/x", "root", "the host's route without a path"),
    ("a.example", "/ui", "ui", "the prefix itself"),
    ("a.example", "/ui?x=1", "ui", "the prefix with a query"),
    ("a.example", "/ui/", "ui", "the prefix with a slash"),
    ("a.example", "/ui/x/y", "ui", "below the prefix"),
    ("a.example", "/uix", "root", "a prefix is element-wise"),
    ("a.example", "/UI", "root", "case counts"),
    ("a.example", "/%75i", "root", "nothing is decoded"),
    ("a.example", "//ui", "root", "nothing is merged"),
    ("a.example", "/x/../ui", "root", "nothing is resolved"),
    ("a.example", "/ui/deep", "ui", "the shorter prefix"),
    ("a.example", "/ui/deep/er", "uideep", "the longer prefix"),
    ("a.example", "/ui/deep/er/x", "uideep", "below the longer prefix"),
    ("a.example", "/ui/deep/erx", "ui", "the longer prefix is element-wise"),
    ("a.example", "/ui/exact", "exact", "exact before prefix"),
    ("a.example", "/ui/exact/", "ui", "exact is exact"),
    ("a.example", "/ui/exact?q", "exact", "exact with a query"),
    ("a.example", "/re/12", "regex1", "the first regex"),
    ("a.example", "/re/12x", "regex2", "a regex matches the whole path"),
    ("a.example", "/re/x", "regex2", "the second regex"),
    ("a.example", "/x/re/12", "root", "a regex begins at the path's beginning"),
    ("a.example", "/alt", "regex2", "an alternation"),
    ("a.example", "/altx", "root", "an alternation is anchored at its end"),
    ("a.example", "/x/other", "root", "an alternation is anchored at its beginning"),
    ("a.example", "/anchored", "regex2", "anchors of one's own"),
    ("a.example", "/tied", "regex2", "nothing is added to what a regex sees"),
    ("a.example", "/anchored/", "root", "anchors of one's own, something behind"),
    ("a.example", "/x/anchored", "root", "anchors of one's own, something before"),
    ("a.example", "/ww", "regex2", "a named reference"),
    ("a.example", "/wq", "root", "a named reference that differs"),
    ("a.example", "/any", "root", "a host with a route without path keeps all"),
    ("n.example", "/ui", "ui", "the only path of a host"),
    ("n.example", "/other", "last", "no fall-through to the wildcard, but to default"),
    ("n.example", "/any/x", "anyhost", "no fall-through to the wildcard, but to routes without host"),
    ("n.example", "/anyx", "last", "element-wise without host"),
    ("n.example", "/ui/any", "ui", "the host's prefix before an exact path without host"),
    ("m.example", "/any", "wild", "the wildcard before routes without host"),
    ("m.example", "/ui", "wild", "paths of another host do not count"),
    ("other.test", "/any", "anyhost", "an unknown host"),
    ("other.test", "/ui/any", "anyhost", "an unknown host, exact"),
    ("other.test", "/rxa", "anyhost", "an unknown host, regex"),
    ("other.test", "/rxab", "last", "an unknown host, regex too long"),
    ("other.test", "/", "last", "default"),
    (None, "/any", "anyhost", "no host"),
    (None, "/", "last", "no host, default"),
]

with lib.Lab() as lab:
    ports = {"http": lib.free_port()}
    for name in NAMES:
        ports[name] = lib.free_port()
        lab.web(ports[name], name=name)
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[ports["http"]]):
            for host, path, wanted, why in CASES:
                tap.equal("%s: %s (%s %s)" % (mode, why, host, path), lib.ask(ports["http"], path, host).name, wanted)
            two = lib.curl("http://a.example/ui/deep/er/x?q", ports["http"], "--http2-prior-knowledge")
            tap.equal("%s: HTTP/2" % mode, (two.name, two.version), ("uideep", "2"))
            raw = b"GET http://a.example/ui/x HTTP/1.1\r\nHost: a.example\r\n\r\n"
            tap.equal("%s: absolute URI" % mode, lib.ask(ports["http"], raw=raw).name, "ui")
            raw = b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n"
            tap.equal("%s: OPTIONS * has no path" % mode, lib.ask(ports["http"], raw=raw).name, "root")
            client = lib.Client(ports["http"])
            got = [client.ask(path, host).name for host, path, _, _ in CASES]
            tap.equal("%s: the same on one connection kept open" % mode, got, [c[2] for c in CASES])
            client.close()
tap.finish()
