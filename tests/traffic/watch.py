#!/usr/bin/python3
"""Checks that speak MySQL, PostgreSQL, Redis, SMTP or gRPC, agents beside servers, and the state of single servers: who gets connections."""
import re
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
  grpc:     {nodePort: %(grpc)d, mode: tcp, bind: "127.0.0.1:%(at_grpc)d", check: {type: grpc}}
  h2c:      {nodePort: %(h2c)d, hosts: [h2c.example], backendProtocol: h2c, check: {type: grpc}}
  h2:       {nodePort: %(h2)d, hosts: [h2.example], backendProtocol: h2, backendTls: {verify: none}, check: {type: grpc}}
  https:    {nodePort: %(https)d, hosts: [https.example], backendProtocol: https, backendTls: {verify: none}, check: {type: grpc}}
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


class Grpc(Speaker):
    """A health service over HTTP/2, which sends byte by byte; SERVING is 1, NOT_SERVING 2."""

    def serve(self, conn, peer, head):
        conn.setsockopt(lib.socket.IPPROTO_TCP, lib.socket.TCP_NODELAY, 1)
        if lib.receive(conn, 24) != b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":
            return
        kind, flags, body = None, 0, []
        while kind != 0 or not flags & 1:  # until DATA with END_STREAM
            top = lib.receive(conn, 9)
            kind, flags = top[3], top[4]
            body.append((kind, top[5:], lib.receive(conn, int.from_bytes(top[:3], "big"))))
        self.heard.append(repr([(k, s[-1], b) for k, s, b in body]).encode())
        answer = frame(4, 0, 0, struct.pack(">HI", 3, 100)) + frame(4, 1, 0) + frame(8, 0, 0, struct.pack(">I", 5)) + frame(6, 0, 0, b"12345678") \
            + frame(1, 4, 1, b"\x88" + field(b"content-type", b"application/grpc")) + frame(0, 0, 1, b"\0\0\0\0\2\x08" + (b"\1" if self.well else b"\2")) \
            + frame(1, 5, 1, field(b"grpc-status", b"0"))
        for byte in answer:
            conn.sendall(bytes([byte]))
        conn.recv(100)


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def field(name, value):
    """A header field that is not indexed."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def grpc_request(heard, scheme=b"\x86"):
    fields = b"\x83" + scheme + b"\x04\x1c/grpc.health.v1.Health/Check\x01\x09localhost" + field(b"content-type", b"application/grpc") + field(b"te", b"trailers")
    return heard == repr([(4, 0, b""), (1, 1, fields), (0, 1, b"\0" * 5)]).encode()


class Agent(Speaker):
    says = b"up 100%\n"

    def serve(self, conn, peer, head):
        self.heard.append(conn.recv(100))
        conn.sendall(self.says)


TOLD = {"mysql": lambda t: b"watcher\0" in t, "postgres": lambda t: b"user\0watcher\0" in t, "redis": lambda t: b"PING" in t.upper(), "smtp": lambda t: t.startswith(b"HELO "), "grpc": grpc_request, "h2c": grpc_request,
        "h2": lambda t: grpc_request(t, b"\x87"), "https": lambda t: grpc_request(t, b"\x87")}


with lib.Lab() as lab:
    kinds = {"mysql": MySql, "postgres": Postgres, "redis": Redis, "smtp": Smtp, "grpc": Grpc}
    over_http = {"h2c": None, "h2": ["h2"], "https": ["h2"]}
    ports = {k: lib.free_port() for k in ["http", "web", "agent"] + list(kinds) + list(over_http) + ["at_" + k for k in kinds]}
    servers = {k: [cls(a, ports[k]) for a in NODES] for k, cls in kinds.items()}
    pem = lab.certs.make("servers", ["servers.example"])
    for kind, alpn in over_http.items():
        servers[kind] = [Grpc(a, ports[kind], None, lib.server_tls(pem, alpn) if alpn else None) for a in NODES]
    agents = [Agent(a, ports["agent"]) for a in NODES]
    lab.web(ports["web"], NODES)
    http = ports["http"]

    def seen(host, count=12, **how):
        return {str(ask(http, "/", host, **how).name).split(":")[0] for _ in range(count)}

    def states(kind):
        """Whether each server is up by HAProxy's last word on it. A check of one that is well may come late on a busy machine, and the next one rights it."""
        last = dict(re.findall(r"Server %s/(node\d) is (UP|DOWN)" % kind, proxy.output()))
        return [last.get(n, "UP") == "UP" for n in ("node1", "node2")]

    def history(kind):
        return "\n".join(x for x in proxy.output().split("\n") if "Server %s/" % kind in x)

    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http] + [ports["at_" + k] for k in kinds], target=lib.TARGET or None) as proxy:
            tap.ok("%s: HAProxy says nothing against it" % mode, not proxy.complaints(), proxy.complaints())
            for kind, both in servers.items():
                tap.ok("%s: %s: up" % (mode, kind), until(lambda: all(s.heard for s in both) and states(kind) == [True, True], 10), history(kind))
                tap.ok("%s: %s: asked as it should be" % (mode, kind), all(any(TOLD[kind](t) for t in s.heard) for s in both), both[0].heard[:3])
            tap.ok("%s: another port is checked" % mode, until(lambda: seen("side.example") == set(NODES), 10))
            for both in servers.values():
                both[0].well = False
            for kind in servers:
                tap.ok("%s: %s: one that refuses is down, the other is not" % (mode, kind), until(lambda: states(kind) == [False, True], 10), history(kind))
            tap.ok("%s: what is checked there is down, too" % mode, until(lambda: seen("side.example") == {NODES[1]}, 10))
            for both in servers.values():
                both[0].well = True
            tap.ok("%s: and up again" % mode, until(lambda: seen("side.example") == set(NODES), 10))
            for kind in servers:
                tap.ok("%s: %s: up again" % (mode, kind), until(lambda: states(kind) == [True, True], 10), history(kind))

            tap.ok("%s: agents are sent their line" % mode, until(lambda: all(a.heard for a in agents), 10) and set(agents[0].heard) - {b""} == {b'who $HOME "#" %[src]\n'}, agents[0].heard[:2])
            tap.ok("%s: both are used" % mode, until(lambda: seen("agent.example") == set(NODES), 10))
            for says, back in ((b"drain\n", b"ready\n"), (b"down\n", b"up\n"), (b"maint\n", b"ready up\n"), (b"0%\n", b"100%\n")):
                agents[0].says = says
                tap.ok("%s: an agent says %s" % (mode, says.decode().strip()), until(lambda: seen("agent.example") == {NODES[1]}, 10), proxy.output()[-500:])
                agents[0].says = back
                tap.ok("%s: and %s" % (mode, back.decode().strip()), until(lambda: seen("agent.example") == set(NODES), 10), proxy.output()[-500:])

            tap.equal("%s: only those that are ready" % mode, seen("states.example"), {NODES[0]})
            to = {s: seen("states.example", 4, headers=[("Cookie", "STICK=" + s)]) for s in "abcd"}
            tap.equal("%s: a cookie leads to what is drained, not to what is in maintenance" % mode, to, {"a": {NODES[0]}, "b": {NODES[1]}, "c": {NODES[0]}, "d": {NODES[0]}})
tap.finish()
