#!/usr/bin/python3
"""Health checks, drained nodes and nodes in maintenance: who gets requests and who does not."""
import lib
from lib import ask, tap, until

MAP = """
nodes: {node1: 127.0.0.1, node2: 127.0.0.2, node3: 127.0.0.3}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults: {check: {interval: 100ms, rise: 2, fall: 2}}
services:
  tcp:    {nodePort: %(tcp)d, hosts: [tcp.example]}
  path:   {nodePort: %(path)d, hosts: [path.example, "*.path.example"], check: {path: /healthz}}
  expect: {nodePort: %(expect)d, hosts: [expect.example], check: {path: /h, host: check.example, method: HEAD, expect: [200, "404-405"]}}
  port:   {nodePort: %(port)d, hosts: [port.example], check: {path: /other, port: %(other)d}}
  none:   {nodePort: %(none)d, hosts: [none.example], check: false}
  tls:    {nodePort: %(tls)d, hosts: [tls.example], check: {type: tls}}
"""
NODES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
DRAIN = """
nodes:
  node1: 127.0.0.1
  node2: {address: 127.0.0.2, state: drain}
  node3: {address: 127.0.0.3, state: maint}
  node4: {address: 127.0.0.4, weight: 0}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
services:
  web:   {nodePort: %(path)d, hosts: [web.example], cookie: {name: STICK}}
  picks: {nodePort: %(path)d, hosts: [picks.example], nodes: [node1]}
  selects: {nodePort: %(path)d, hosts: [selects.example], nodes: {selector: {zone: none}}}
  extra: {nodePort: %(path)d, hosts: [extra.example], nodes: [node1], servers: [{name: old, address: 127.0.0.5, port: %(tcp)d, backup: true}]}
  heavy: {hosts: [heavy.example], servers: [{name: light, address: 127.0.0.1, port: %(path)d, weight: 10},
           {name: heavy, address: 127.0.0.2, port: %(path)d, weight: 90}]}
"""


def spread(port, host, count=30, **how):
    seen = {}
    for _ in range(count):
        name = ask(port, "/", host, **how).name
        name = name.split(":")[0] if isinstance(name, str) else name
        seen[name] = seen.get(name, 0) + 1
    return seen


def settles(port, host, wanted, seconds=10):
    return until(lambda: set(spread(port, host, 12)) == set(wanted), seconds)


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "tcp", "path", "expect", "port", "other", "none", "tls")}
    http = ports["http"]
    sets = {k: dict(zip(NODES, lab.web(ports[k], NODES))) for k in ("tcp", "path", "expect", "port", "other", "none")}
    pem = lab.certs.make("tls", ["tls.example"])
    lab.web(ports["tls"], NODES[:2], tls=lib.server_tls(pem))
    lab.web(ports["tls"], NODES[2:])
    with lab.run(MAP % ports, wait=[http]):
        tap.ok("all three nodes answer", settles(http, "tcp.example", NODES))
        sets["tcp"]["127.0.0.2"].stop()
        tap.ok("a dead port gets nothing", settles(http, "tcp.example", ("127.0.0.1", "127.0.0.3")))
        seen = spread(http, "tcp.example", 60)
        tap.equal("and stays without", sorted(seen), ["127.0.0.1", "127.0.0.3"])
        sets["tcp"]["127.0.0.2"].start()
        tap.ok("it comes back", settles(http, "tcp.example", NODES))

        asked = [r for r in sets["path"]["127.0.0.1"].requests if r["target"] == "/healthz"]
        tap.ok("path: it is asked for", bool(asked))
        hosts = {v for r in asked for k, v in r["headers"] if k == "host"}
        tap.equal("path: with the first exact host", hosts, {"path.example"})
        tap.equal("path: by GET", {r["method"] for r in asked}, {"GET"})
        for status, good in ((503, False), (404, False), (302, True), (200, True), (500, False), (204, True)):
            sets["path"]["127.0.0.3"].answers["/healthz"] = status
            wanted = NODES if good else NODES[:2]
            tap.ok("path: %d means %s" % (status, "up" if good else "down"), settles(http, "path.example", wanted))
        for s in sets["path"].values():
            s.answers["/healthz"] = 500
        tap.ok("path: all down is 503", settles(http, "path.example", (503,)))
        for s in sets["path"].values():
            s.answers["/healthz"] = 200
        tap.ok("path: and up again", settles(http, "path.example", NODES))

        asked = [r for r in sets["expect"]["127.0.0.1"].requests if r["target"] == "/h"]
        tap.equal("expect: method and host", {(r["method"], dict(map(tuple, r["headers"])).get("host")) for r in asked},
                  {("HEAD", "check.example")})
        for status, good in ((404, True), (301, False), (405, True), (406, False), (200, True)):
            sets["expect"]["127.0.0.3"].answers["/h"] = status
            tap.ok("expect: %d means %s" % (status, "up" if good else "down"),
                   settles(http, "expect.example", NODES if good else NODES[:2]))

        sets["other"]["127.0.0.1"].answers["/other"] = 500
        tap.ok("port: another port is asked", settles(http, "port.example", NODES[1:]))
        tap.ok("port: the service's own is not", "/other" not in sets["port"]["127.0.0.2"].seen)

        sets["none"]["127.0.0.2"].stop()
        sets["none"]["127.0.0.3"].stop()
        lib.time.sleep(1)
        tap.ok("no check: nobody asks", all(r["target"] != "/healthz" for r in sets["none"]["127.0.0.1"].requests))
        tap.equal("no check: redispatch finds the living", set(spread(http, "none.example", 9)), {"127.0.0.1"})
    with lab.run(MAP % ports, wait=[http]) as proxy:
        tap.ok("tls: a node that speaks no TLS is down", until(lambda: "Server tls/node3 is DOWN" in proxy.output()), proxy.output())
        tap.ok("tls: those that do are up", "Server tls/node1 is DOWN" not in proxy.output() and "Server tls/node2 is DOWN" not in proxy.output())

    lab.web(ports["path"], ("127.0.0.4",))
    lab.web(ports["tcp"], ("127.0.0.5",))
    for mode in lib.MODES:
        with lab.run(DRAIN % ports, mode, wait=[http]):
            tap.equal("%s: drain, maint and weight 0 get nothing" % mode, spread(http, "web.example", 60), {"127.0.0.1": 60})
            for node, wanted in (("node2", "127.0.0.2"), ("node3", "127.0.0.1"), ("node4", "127.0.0.4")):
                seen = spread(http, "web.example", 10, headers=[("Cookie", "STICK=" + node)])
                tap.equal("%s: a client with the cookie of %s" % (mode, node), seen, {wanted: 10})
            tap.equal("%s: nodes by name" % mode, spread(http, "picks.example", 10), {"127.0.0.1": 10})
            tap.equal("%s: an empty selection is 503" % mode, spread(http, "selects.example", 2), {503: 2})
            tap.equal("%s: a backup waits" % mode, spread(http, "extra.example", 10), {"127.0.0.1": 10})
            seen = spread(http, "heavy.example", 100)
            tap.ok("%s: weights" % mode, 85 <= seen.get("127.0.0.2", 0) <= 95, seen)
            sets["path"]["127.0.0.1"].stop()
            tap.ok("%s: the backup answers when all others are down" % mode,
                   until(lambda: spread(http, "extra.example", 3) == {"127.0.0.5": 3}, 15))
            sets["path"]["127.0.0.1"].start()
            tap.ok("%s: and rests again" % mode, until(lambda: spread(http, "extra.example", 3) == {"127.0.0.1": 3}, 15))
tap.finish()
