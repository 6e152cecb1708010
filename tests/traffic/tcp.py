#!/usr/bin/python3
"""TCP services: bytes both ways, nodes that fail, who may come, their own address."""
import json

import lib
from lib import tap, until

MAP = """
nodes: {node1: 127.0.0.1, node2: 127.0.0.2}
frontends: {http: false}
services:
  postgres: {nodePort: %(line)d, mode: tcp, bind: ["127.0.0.1:%(one)d"%(six)s], check: {interval: 100ms, rise: 1, fall: 1}}
  narrow:   {nodePort: %(line)d, mode: tcp, bind: "127.0.0.1:%(two)d", sourceRanges: [127.0.0.8/30, "2001:db8::/32"]}
  slow:     {nodePort: %(line)d, mode: tcp, bind: "127.0.0.1:%(three)d", timeouts: {tunnel: 1s, server: 1s}}
"""


def talk(port, data=b"ping", **how):
    """The server that answered and what came back, or None."""
    try:
        client = lib.Client(port, **how)
        try:
            while b"\n" not in client.data:
                client._more()
            line, client.data = client.data.split(b"\n", 1)
            client.send(data)
            while len(client.data) < len(data):
                client._more()
            return json.loads(line)["name"], client.data == data
        finally:
            client.close()
    except (OSError, EOFError):
        return None


with lib.Lab() as lab:
    six = lib.has_ipv6()
    ports = {k: lib.free_port() for k in ("line", "one", "two", "three")}
    ports["six"] = ', "[::1]:%d"' % ports["one"] if six else ""
    one = lab.line(ports["line"], "127.0.0.1", name="node1")
    two = lab.line(ports["line"], "127.0.0.2", name="node2")
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[ports["one"], ports["two"], ports["three"]]):
            seen = {talk(ports["one"]) for _ in range(20)}
            tap.equal("%s: both nodes answer" % mode, seen, {("node1", True), ("node2", True)})
            tap.equal("%s: a megabyte comes back whole" % mode, talk(ports["one"], bytes(range(256)) * 512, timeout=30)[1:], (True,))
            if six:
                tap.ok("%s: IPv6" % mode, talk(ports["one"], address="::1") in seen)
            one.stop()
            tap.ok("%s: a dead node gets nothing" % mode,
                   until(lambda: {talk(ports["one"]) for _ in range(10)} == {("node2", True)}))
            one.start()
            tap.ok("%s: it comes back" % mode, until(lambda: len({talk(ports["one"]) for _ in range(10)}) == 2))
            tap.ok("%s: sourceRanges: inside" % mode, talk(ports["two"], source="127.0.0.9") is not None)
            tap.equal("%s: sourceRanges: outside" % mode, talk(ports["two"], source="127.0.0.1"), None)
            client = lib.Client(ports["three"], timeout=10)
            start = lib.time.time()
            try:
                while True:
                    client._more()
            except (EOFError, OSError):
                pass
            took = lib.time.time() - start
            client.close()
            tap.ok("%s: the tunnel's timeout" % mode, 0.8 < took < 5, took)
if not six:
    tap.skip("no IPv6 on the loopback interface")
tap.finish()
