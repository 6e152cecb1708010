#!/usr/bin/python3
"""Where certificates come from: a file, a file with its key elsewhere, a directory, a crt-list; and who is shown to whom."""
import os

import lib
from lib import ask, subject, tap

MAP = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(first)s, key: %(first_key)s}
  - {file: %(multi)s, key: %(multi_key)s, hosts: [b.example, twice.example, "*.w.example"]}
  - {file: %(second)s, hosts: [twice.example, c.example]}
  - directory: %(directory)s
  - crtList: %(list)s
  - {directory: %(group)s, hosts: [g1.example, "*.g.example"]}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
services:
  web: {nodePort: %(web)d, default: true, redirectHttps: false}
"""
ONE = """
nodes: {n: 127.0.0.1}
certs: [{file: %(first)s, key: %(first_key)s}, {directory: %(directory)s}, {crtList: %(list)s}]
frontends: {http: false, https: {bind: "127.0.0.1:%(https)d"}}
services: {web: {nodePort: %(web)d, hosts: [first.example], hsts: {maxAge: 1h}}}
"""

with lib.Lab() as lab:
    c = lab.certs
    ports = {k: lib.free_port() for k in ("http", "https", "web")}
    lab.web(ports["web"], name="web")
    ports.update(first=c.make("first", ["first.example"], separate=True), first_key=c.path("first.key"),
                 multi=c.make("multi", ["b.example", "c.example", "twice.example", "*.w.example"], separate=True), multi_key=c.path("multi.key"),
                 second=c.make("second", ["twice.example", "c.example"]), directory=c.path("d"), list=c.path("list.txt"))
    os.mkdir(ports["directory"])
    os.rename(c.make("d1", ["d1.example"]), c.path("d/d1.pem"))
    os.rename(c.make("d2", ["d2.example", "*.d2.example", "b.example"]), c.path("d/d2.pem"))
    # HAProxy chooses by the names in the certificates: those of the map only say what is served over https
    ports["group"] = c.path("g")
    os.mkdir(ports["group"])
    os.rename(c.make("group", ["g1.example", "other.example"]), c.path("g/group.pem"))
    with open(ports["list"], "w") as f:
        f.write("# one's own\n%s own.example *.own.example\n" % c.make("own", ["whatever.example"]))
    cases = [("first.example", "first"), ("b.example", "multi"), ("twice.example", "multi"), ("c.example", "second"), ("x.w.example", "multi"),
             ("y.x.w.example", "first"), ("d1.example", "d1"), ("q.d2.example", "d2"), ("own.example", "own"), ("x.own.example", "own"),
             ("g1.example", "group"), ("x.g.example", "first"), ("other.example", "group"),
             ("unknown.example", "first"), (None, "first")]
    targets = [None]
    if lib.release() >= (3, 0):
        targets.append("%d.%d" % lib.release())
    for target in targets:
        say = "for %s: " % (target or "all")
        with lab.run(MAP % ports, "bundle", wait=[ports["https"]], target=target) as proxy:
            for sni, wanted in cases:
                tap.equal(say + "SNI %s" % sni, subject(ports["https"], sni), wanted)
            answer = ask(ports["https"], "/", "d1.example", tls=True, sni="d1.example")
            tap.equal(say + "served", answer.name, "web")
            readable = [os.path.join(top, n) for top, _, names in os.walk(proxy.bundle) for n in names
                        if os.stat(os.path.join(top, n)).st_mode & 0o077 and "PRIVATE KEY" in open(os.path.join(top, n)).read()]
            tap.equal(say + "no key that others can read", readable, [])
    if lib.release() >= (3, 0):
        with lab.run(ONE % ports, "file", wait=[ports["https"]], target=targets[-1]):
            tap.equal("one file: key of its own, directory, crt-list",
                      [subject(ports["https"], n) for n in ("first.example", "d1.example", "own.example", "unknown.example")],
                      ["first", "d1", "own", "first"])
    else:
        no_key = ONE.replace(", key: %(first_key)s", "") % dict(ports, first=c.make("joined", ["first.example"]))
        with lab.run(no_key, "file", wait=[ports["https"]]):
            tap.equal("one file: directory, crt-list",
                      [subject(ports["https"], n) for n in ("first.example", "d1.example", "own.example", "unknown.example")],
                      ["joined", "d1", "own", "joined"])
tap.finish()
