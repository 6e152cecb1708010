#!/usr/bin/python3
"""check.node: each node is asked once, whatever services there are, and all of them leave a node that is down."""
import lib
from lib import ask, tap, until

MAP = """
nodes: {node1: 127.0.0.1, node2: 127.0.0.2}
nodeCheck: {port: %(probe)d, path: "/healthz?a=b", interval: 100ms, rise: 1, fall: 1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults: {check: {node: true, interval: 100ms, rise: 1, fall: 1}}
services:
  a:    {nodePort: %(web)d, hosts: [a.example], servers: [{name: other, address: 127.0.0.3, port: %(web)d}]}
  b:    {nodePort: %(web)d, hosts: [b.example], nodes: [node1, node2]}
  few:  {nodePort: %(web)d, hosts: [few.example], nodes: {max: 1}}
  own:  {nodePort: %(web)d, hosts: [own.example], check: {node: false}}
  db:   {nodePort: %(line)d, mode: tcp, bind: "127.0.0.1:%(tcp)d"}
"""
NODES = ("127.0.0.1", "127.0.0.2")

with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "web", "probe", "line", "tcp")}
    webs = lab.web(ports["web"], NODES + ("127.0.0.3",))
    probes = lab.web(ports["probe"], NODES)
    for a in NODES:
        lab.line(ports["line"], a)
    http = ports["http"]

    def seen(host):
        return {str(ask(http, "/", host).name).split(":")[0] for _ in range(12)}

    def lines():
        return {lib.json.loads(lib.Client(ports["tcp"]).sock.makefile().readline())["name"].split(":")[0] for _ in range(8)}

    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http, ports["tcp"]], target=lib.TARGET or None) as proxy:
            all_three = set(NODES) | {"127.0.0.3"}
            tap.ok("%s: all are up" % mode, until(lambda: seen("a.example") == all_three and seen("b.example") == set(NODES) and lines() == set(NODES), 10), proxy.output()[-500:])
            tap.ok("%s: one node where one is wanted" % mode, len(seen("few.example")) == 1 and seen("few.example") < set(NODES))
            tap.ok("%s: asked for the path" % mode, until(lambda: all(p.requests for p in probes), 5) and {r["target"] for p in probes for r in p.requests} == {"/healthz?a=b"}, probes[0].requests[:2])
            # three services track it: each would ask ten times a second
            before = len(probes[0].requests)
            lib.time.sleep(1)
            asked = len(probes[0].requests) - before
            tap.ok("%s: asked once for all (%d)" % (mode, asked), 1 <= asked <= 15, asked)
            probes[0].answers["*"] = 503
            tap.ok("%s: one is down" % mode, until(lambda: seen("a.example") == all_three - {NODES[0]} and seen("b.example") == {NODES[1]} and lines() == {NODES[1]}, 10), proxy.output()[-500:])
            tap.equal("%s: what is checked by itself is not" % mode, seen("own.example"), set(NODES))
            webs[2].stop()
            tap.ok("%s: a server that is no node is checked as ever" % mode, until(lambda: seen("a.example") == {NODES[1]}, 10), proxy.output()[-500:])
            webs[2].start()
            probes[0].answers.clear()
            tap.ok("%s: and up again" % mode, until(lambda: seen("a.example") == all_three and seen("b.example") == set(NODES) and lines() == set(NODES), 10), proxy.output()[-500:])
tap.finish()
