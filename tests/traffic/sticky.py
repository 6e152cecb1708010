#!/usr/bin/python3
"""A cookie keeps a client on its server, over 100 requests, and lets it go when the server dies."""
import os

import lib
from lib import ask, tap, until

MAP = """
nodes: {node1: 127.0.0.1, node2: 127.0.0.2, node3: 127.0.0.3}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults: {check: {interval: 100ms, rise: 1, fall: 1}}
services:
  insert: {nodePort: %(insert)d, hosts: [insert.example], cookie: {name: STICK, httponly: true}}
  private: {nodePort: %(plain)d, hosts: [private.example], cookie: STICK, headers: {response: {set: {Cache-Control: max-age=60}}}}
  cached: {nodePort: %(plain)d, hosts: [cached.example], cookie: {name: STICK, nocache: false}, headers: {response: {set: {Cache-Control: max-age=60}}}}
  prefix: {nodePort: %(prefix)d, hosts: [prefix.example], cookie: {name: app, mode: prefix}}
  plain:  {nodePort: %(plain)d, hosts: [plain.example]}
  dynamic: {nodePort: %(plain)d, hosts: [dynamic.example], cookie: {name: STICK, dynamic: true, keyFile: %(key)s, secure: true, maxidle: 30m, maxlife: 8h}}
  rewrite: {nodePort: %(plain)d, hosts: [rewrite.example], cookie: {name: app, mode: rewrite}}
  off:     {nodePort: %(plain)d, hosts: [off.example], cookie: false}
"""
NODES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def cookie_of(answer, name):
    """What a Set-Cookie of that name says, attributes too."""
    for value in answer.header("set-cookie"):
        if value.startswith(name + "="):
            return value[len(name) + 1:]
    return None


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "insert", "prefix", "plain")}
    ports["key"] = lab.dir + "/cookie.key"
    with open(ports["key"], "w") as f:
        f.write("a-secret\n")
    servers = {k: {s.address: s for s in lab.web(ports[k], NODES)} for k in ("insert", "prefix", "plain")}
    http = ports["http"]
    with lab.run(MAP % ports, wait=[http]) as proxy:
        tap.equal("a file that holds a secret is for its owner", os.stat(proxy.config).st_mode & 0o077, 0)
        names = {ask(http, "/", "plain.example").name for _ in range(30)}
        tap.equal("without a cookie all three nodes answer", len(names), 3)

        first = ask(http, "/", "insert.example")
        cookie = cookie_of(first, "STICK")
        tap.ok("insert: a cookie is set", cookie is not None, first)
        tap.ok("insert: httponly", cookie is not None and "HttpOnly" in cookie, cookie)
        tap.equal("insert: caches on the way do not keep it, unless it is said", [ask(http, "/", h).header("cache-control") for h in ("private.example", "cached.example")],
                  [["max-age=60", "private"], ["max-age=60"]])
        value = (cookie or "").split(";")[0]
        tap.ok("insert: its value is the server's name", value in ("node1", "node2", "node3"), value)
        answers = [ask(http, "/", "insert.example", [("Cookie", "STICK=" + value)]) for _ in range(100)]
        tap.equal("insert: 100 requests, one server", {a.name for a in answers}, {first.name})
        tap.equal("insert: the cookie is not set again", {cookie_of(a, "STICK") for a in answers}, {None})
        tap.equal("insert: the server does not see it", [c for a in answers for c in a.asked("cookie") if "STICK" in c], [])
        others = {ask(http, "/", "insert.example").name for _ in range(30)}
        tap.equal("insert: clients without it are spread", len(others), 3)

        pre = ask(http, "/", "prefix.example")
        cookie = cookie_of(pre, "app") or ""
        value = cookie.split(";")[0]
        tap.ok("prefix: the application's cookie carries the server", value.split("~")[0] in ("node1", "node2", "node3"), cookie)
        answers = [ask(http, "/", "prefix.example", [("Cookie", "app=" + value)]) for _ in range(100)]
        tap.equal("prefix: 100 requests, one server", {a.name for a in answers}, {pre.name})
        tap.ok("prefix: the server sees its own value only", all("~" not in c for a in answers for c in a.asked("cookie")))

        first_dynamic = ask(http, "/", "dynamic.example")
        cookie = cookie_of(first_dynamic, "STICK") or ""
        value = cookie.split(";")[0]
        tap.ok("dynamic: a cookie that does not name the server, secure", value and "node" not in value and "Secure" in cookie, cookie)
        answers = [ask(http, "/", "dynamic.example", [("Cookie", "STICK=" + value)]) for _ in range(100)]
        tap.equal("dynamic: 100 requests, one server", {a.name for a in answers}, {first_dynamic.name})
        ours = ask(http, "/", "rewrite.example")
        value = (cookie_of(ours, "app") or "").split(";")[0]
        tap.ok("rewrite: the application's cookie is replaced", value in ("node1", "node2", "node3"), ours)
        answers = [ask(http, "/", "rewrite.example", [("Cookie", "app=" + value)]) for _ in range(100)]
        tap.equal("rewrite: 100 requests, one server", {a.name for a in answers}, {ours.name})
        tap.equal("no cookie where it is switched off", cookie_of(ask(http, "/", "off.example"), "STICK"), None)

        for kind, sent in (("insert", "STICK=" + cookie_of(first, "STICK").split(";")[0]), ("prefix", "app=" + value)):
            old = first.name if kind == "insert" else pre.name
            dead = servers[kind][old.split(":")[0]]
            dead.stop()
            moved = until(lambda: ask(http, "/", kind + ".example", [("Cookie", sent)]).status == 200, 10)
            answers = [ask(http, "/", kind + ".example", [("Cookie", sent)]) for _ in range(50)]
            tap.ok("%s: moved when its server died" % kind, moved and all(a.status == 200 and a.name != old for a in answers),
                   answers[:3])
            new = cookie_of(answers[0], "STICK" if kind == "insert" else "app")
            tap.ok("%s: the new server is told" % kind, new is not None and not new.startswith(sent.split("=")[1].split("~")[0]), new)
            again = sent.split("=")[0] + "=" + (new or "").split(";")[0]
            answers = [ask(http, "/", kind + ".example", [("Cookie", again)]) for _ in range(50)]
            tap.equal("%s: and stays there" % kind, len({a.name for a in answers}), 1)
            dead.start()
            back = until(lambda: len({ask(http, "/", kind + ".example").name for _ in range(12)}) == 3, 10)
            tap.ok("%s: the server comes back" % kind, back)
tap.finish()
