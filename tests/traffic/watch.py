#!/usr/bin/python3
"""Checks that speak MySQL, PostgreSQL, Redis or SMTP, agents beside servers, and the state of single servers: who gets connections."""
import struct

import lib
from lib import ask, tap, until

MAP = """
nodes: {node1: 127.0.0.1, node2: 127.0.0.2}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults: {check: {interval: 100ms, rise: 1, fall: 1}}
services:
  mysql:    {nodePort: %(mysql)d, mode: tcp, bind: "127.0.0.1:%(at_mysql)d", check: {type: mysql, user: watcher}}
  postgres: {nodePort: %(postgres)d, mode: tcp, bind: "127.0.0.1:%(at_postgres)d", check: {type: postgres, user: watcher}}
  redis:    {nodePort: %(redis)d, mode: tcp, bind: "127.0.0.1:%(at_redis)d", check: {type: redis}}
  smtp:     {nodePort: %(smtp)d, mode: tcp, bind: "127.0.0.1:%(at_smtp)d", check: {type: smtp}}
  side:     {nodePort: %(web)d, hosts: [side.example], check: {type: redis, port: %(redis)d}}
  agent:    {nodePort: %(web)d, hosts: [agent.example], agentCheck: {port: %(agent)d, interval: 100ms, send: "who $HOME \\"#\\" %%[src]"}}
  states:   {hosts: [states.example], cookie: STICK, servers: [
    {name: a, address: 127.0.0.1, port: %(web)d}, {name: b, address: 127.0.0.2, port: %(web)d, state: drain},
    {name: c, address: 127.0.0.2, port: %(web)d, state: maint}, {name: d, address: 127.0.0.1, port: %(web)d, state: ready}]}
"""
NODES = ("127.0.0.1", "127.0.0.2")


class Speaker(lib.Server):
    """A server of which only the beginning is there. `heard` is what it was told; `well` whether it lets people in."""

    def __init__(self, *args):
        self.well, self.heard = True, []
        super().__init__(*args)


class MySql(Speaker):
    def packet(self, number, body):
        return struct.pack("<I", len(body))[:3] + bytes([number]) + body

    def serve(self, conn, peer, head):
        conn.sendall(self.packet(0, b"\x0a5.7.0\0" + b"\1\0\0\0" + b"saltsalt\0" + b"\xff\xf7\x08\x02\0\xff\x81\x15" + b"\0" * 10 + b"saltsaltsalt\0"))
        size = int.from_bytes(lib.receive(conn, 4)[:3], "little")
        self.heard.append(lib.receive(conn, size))
        conn.sendall(self.packet(2, b"\0\0\0\2\0\0\0" if self.well else b"\xff\x15\x04#28000no"))
        conn.recv(100)


class Postgres(Speaker):
    def serve(self, conn, peer, head):
        size = int.from_bytes(lib.receive(conn, 4), "big")
        self.heard.append(lib.receive(conn, size - 4))
        conn.sendall(b"R\0\0\0\x0c\0\0\0\5salt" if self.well else b"E\0\0\0\x10SFATAL\0Mno\0\0")
        conn.recv(100)


class Redis(Speaker):
    def serve(self, conn, peer, head):
        self.heard.append(conn.recv(100))
        conn.sendall(b"+PONG\r\n" if self.well else b"-LOADING it is not ready\r\n")
        conn.recv(100)


class Smtp(Speaker):
    def serve(self, conn, peer, head):
        conn.sendall(b"220 mail\r\n" if self.well else b"421 later\r\n")
        for line in conn.makefile("rb"):
            self.heard.append(line)
            conn.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 mail\r\n")


class Agent(Speaker):
    says = b"up 100%\n"

    def serve(self, conn, peer, head):
        self.heard.append(conn.recv(100))
        conn.sendall(self.says)


TOLD = {"mysql": lambda t: b"watcher\0" in t, "postgres": lambda t: b"user\0watcher\0" in t, "redis": lambda t: b"PING" in t.upper(), "smtp": lambda t: t.startswith(b"HELO ")}


with lib.Lab() as lab:
    kinds = {"mysql": MySql, "postgres": Postgres, "redis": Redis, "smtp": Smtp}
    ports = {k: lib.free_port() for k in ["http", "web", "agent"] + list(kinds) + ["at_" + k for k in kinds]}
    servers = {k: [cls(a, ports[k]) for a in NODES] for k, cls in kinds.items()}
    agents = [Agent(a, ports["agent"]) for a in NODES]
    lab.web(ports["web"], NODES)
    http = ports["http"]

    def seen(host, count=12, **how):
        return {str(ask(http, "/", host, **how).name).split(":")[0] for _ in range(count)}

    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http] + [ports["at_" + k] for k in kinds], target=lib.TARGET or None) as proxy:
            tap.ok("%s: HAProxy says nothing against it" % mode, not proxy.complaints(), proxy.complaints())
            for kind, both in servers.items():
                tap.ok("%s: %s: up" % (mode, kind), until(lambda: all(s.heard for s in both), 10) and "is DOWN" not in proxy.output(), proxy.output()[-500:])
                tap.ok("%s: %s: asked as it should be" % (mode, kind), all(any(TOLD[kind](t) for t in s.heard) for s in both), both[0].heard[:3])
            tap.equal("%s: another port is checked" % mode, seen("side.example"), set(NODES))
            for kind, both in servers.items():
                both[0].well = False
                down = until(lambda: "Server %s/node1 is DOWN" % kind in proxy.output(), 10)
                tap.ok("%s: %s: one that refuses is down, the other is not" % (mode, kind), down and "Server %s/node2 is DOWN" % kind not in proxy.output(), proxy.output()[-500:])
            tap.ok("%s: what is checked there is down, too" % mode, until(lambda: seen("side.example") == {NODES[1]}, 10))
            for both in servers.values():
                both[0].well = True
            tap.ok("%s: and up again" % mode, until(lambda: seen("side.example") == set(NODES), 10))
            for kind in kinds:
                tap.ok("%s: %s: up again" % (mode, kind), until(lambda: "Server %s/node1 is UP" % kind in proxy.output(), 10), proxy.output()[-500:])

            tap.ok("%s: agents are sent their line" % mode, until(lambda: all(a.heard for a in agents), 10) and set(agents[0].heard) - {b""} == {b'who $HOME "#" %[src]\n'}, agents[0].heard[:2])
            tap.equal("%s: both are used" % mode, seen("agent.example"), set(NODES))
            for says, back in ((b"drain\n", b"ready\n"), (b"down\n", b"up\n"), (b"maint\n", b"ready up\n"), (b"0%\n", b"100%\n")):
                agents[0].says = says
                tap.ok("%s: an agent says %s" % (mode, says.decode().strip()), until(lambda: seen("agent.example") == {NODES[1]}, 10), proxy.output()[-500:])
                agents[0].says = back
                tap.ok("%s: and %s" % (mode, back.decode().strip()), until(lambda: seen("agent.example") == set(NODES), 10), proxy.output()[-500:])

            tap.equal("%s: only those that are ready" % mode, seen("states.example"), {NODES[0]})
            to = {s: seen("states.example", 4, headers=[("Cookie", "STICK=" + s)]) for s in "abcd"}
            tap.equal("%s: a cookie leads to what is drained, not to what is in maintenance" % mode, to, {"a": {NODES[0]}, "b": {NODES[1]}, "c": {NODES[0]}, "d": {NODES[0]}})
tap.finish()
