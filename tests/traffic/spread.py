#!/usr/bin/python3
"""Which server answers, by hash of URI, header, cookie or client, before and after one of three dies; and what is tried again."""
import lib
from lib import ask, tap, until

NODES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
lib.need_haproxy()
COOKIE = lib.release() >= (2, 6)
TARGET = lib.TARGET or ("2.6-3.4" if COOKIE else None)
MAP = """
nodes: {node1: 127.0.0.1, node2: 127.0.0.2, node3: 127.0.0.3}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults: {nodePort: %(port)d, check: {interval: 100ms, rise: 1, fall: 1}, hash: uri}
services:
  uri:    {hosts: [uri.example]}
  header: {hosts: [header.example], hash: {header: "X-!#$%%&'*+.^_`|~"}}
  source: {hosts: [source.example], hash: source}
  client: {hosts: [client.example], affinity: source}
  both:   {hosts: [both.example], affinity: source, cookie: STICK}
  turns:  {hosts: [turns.example], balance: roundrobin}
  tcp:    {mode: tcp, bind: "127.0.0.1:%(tcp)d", nodePort: %(line)d, hash: source}
  plain:  {mode: tcp, bind: "127.0.0.1:%(plain)d", nodePort: %(line)d}
  again:  {hosts: [again.example], balance: roundrobin, retryOn: [503, empty-response], retries: 2, check: false}
  once:   {hosts: [once.example], balance: roundrobin, check: false}
  never:  {hosts: [never.example], balance: roundrobin, retries: 0, check: false}
"""
if COOKIE:
    MAP += """  cookie: {hosts: [cookie.example], hash: {cookie: "a%%$`#~"}}
"""


def by_uri(http, i):
    return ask(http, "/p%d?q=%d" % (i % 40, i), "uri.example").name


def by_header(http, i):
    return ask(http, "/p%d" % i, "header.example", [("x-!#$%&'*+.^_`|~", "user %d" % (i % 40))]).name


def by_cookie(http, i):
    return ask(http, "/p%d" % i, "cookie.example", [("Cookie", "b=1; a%%$`#~=s%d" % (i % 40))]).name


def by_client(host):
    return lambda http, i: ask(http, "/p%d" % i, host, source="127.0.1.%d" % (1 + i % 40)).name


KINDS = {"uri": by_uri, "header": by_header, "source": by_client("source.example"), "client": by_client("client.example")}
if COOKIE:
    KINDS["cookie"] = by_cookie


def line(port, source):
    client = lib.Client(port, source=source)
    while b"\n" not in client.data:
        client._more()
    client.close()
    return client.data.split(b'"name": "')[1].split(b":")[0]


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "tcp", "plain")}
    ports["port"], ports["line"] = lib.free_port(), lib.free_port()
    webs = {s.address: s for s in lab.web(ports["port"], NODES)}
    lines = [lib.Line(a, ports["line"]) for a in NODES]
    http = ports["http"]
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http, ports["tcp"], ports["plain"]], target=TARGET) as proxy:
            tap.ok("%s: HAProxy says nothing against it" % mode, not proxy.complaints(), proxy.complaints())
            before = {}
            for kind, one in KINDS.items():
                first = [one(http, i) for i in range(40)]
                tap.equal("%s: %s: the same server again" % (mode, kind), [one(http, i + 40) for i in range(40)], first)
                tap.equal("%s: %s: all three are used" % (mode, kind), len(set(first)), 3)
                before[kind] = first
            two = [lib.curl("http://uri.example/p%d" % i, http, "--http2-prior-knowledge") for i in range(5)]
            tap.equal("%s: uri: the same over HTTP/2" % mode, ([a.version for a in two], [a.name for a in two]), (["2"] * 5, before["uri"][:5]))
            tap.equal("%s: without the header they take turns" % mode, len({ask(http, "/", "header.example").name for _ in range(9)}), 3)
            if COOKIE:
                tap.equal("%s: without the cookie they take turns" % mode, len({ask(http, "/", "cookie.example").name for _ in range(9)}), 3)
            tap.equal("%s: balance in place of an inherited hash" % mode, len({ask(http, "/", "turns.example").name for _ in range(3)}), 3)
            sources = ["127.0.1.%d" % i for i in range(1, 41)]
            heard = [line(ports["tcp"], s) for s in sources]
            tap.equal("%s: tcp: the same server again" % mode, [line(ports["tcp"], s) for s in sources], heard)
            tap.equal("%s: tcp: all three are used" % mode, len(set(heard)), 3)
            tap.equal("%s: tcp: a hash of URIs is not inherited" % mode, len({line(ports["plain"], "127.0.0.1") for _ in range(3)}), 3)
            told = ask(http, "/", "both.example")
            others = [n for n in ("node1", "node2", "node3") if told.header("set-cookie") and not any(v.startswith("STICK=" + n) for v in told.header("set-cookie"))]
            moved = ask(http, "/", "both.example", [("Cookie", "STICK=" + others[0])])
            tap.ok("%s: a cookie goes before the affinity" % mode, len(others) == 2 and moved.name.startswith("127.0.0.%s:" % others[0][4:]), moved)

            dead = webs["127.0.0.3"]
            dead.stop()
            gone = until(lambda: all(ask(http, "/", "turns.example").name not in (dead.name, 503) for _ in range(6)), 10)
            tap.ok("%s: the third is gone" % mode, gone)
            for kind, one in KINDS.items():
                until(lambda: dead.name not in [one(http, i) for i in range(40)], 10)
                now = [one(http, i) for i in range(40)]
                stayed = [a == b for a, b in zip(before[kind], now) if a != dead.name]
                tap.ok("%s: %s: who was not there stays" % (mode, kind), all(stayed) and dead.name not in now, now)
            dead.start()
            for kind, one in KINDS.items():
                back = until(lambda: [one(http, i) for i in range(40)] == before[kind], 10)
                tap.ok("%s: %s: as before when it is back" % (mode, kind), back)

            webs["127.0.0.1"].answers["/busy"] = 503
            tap.equal("%s: retryOn: another server answers" % mode, {ask(http, "/busy", "again.example").status for _ in range(6)}, {200})
            tap.equal("%s: without it 503 is passed on" % mode, {ask(http, "/busy", "once.example").status for _ in range(6)}, {200, 503})
            for w in webs.values():
                w.answers["/busy"] = 503
                w.seen.pop("/busy", None)
            tap.equal("%s: retryOn: when all fail the last answer is passed on" % mode, ask(http, "/busy", "again.example").status, 503)
            tap.equal("%s: retries: twice more" % mode, sum(w.seen.get("/busy", 0) for w in webs.values()), 3)
            for w in webs.values():
                del w.answers["/busy"]
            webs["127.0.0.1"].stop()
            tap.equal("%s: a connection is tried again" % mode, {ask(http, "/", "once.example").status for _ in range(6)}, {200})
            tap.equal("%s: with retries: 0 it is not" % mode, {ask(http, "/", "never.example").status for _ in range(6)}, {200, 503})
            webs["127.0.0.1"].start()
tap.finish()
