#!/usr/bin/python3
"""Who may come, and how much of it: sourceRanges and denyRanges with files, rateLimit, connectionLimit, maxconn, counters over a reload."""
import os
import subprocess
import threading

import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
process: {socket: {path: %(socket)s}}
frontends: {http: {bind: ["127.0.0.1:%(http)d", "[::1]:%(http)d"]}}
services:
  rate:    {nodePort: %(web)d, hosts: [rate.example], rateLimit: {requests: 5, period: 1h, except: [127.0.0.7]}}
  short:   {nodePort: %(web)d, hosts: [short.example], rateLimit: {requests: 3, period: 1s, status: 503}}
  burst:   {nodePort: %(web)d, hosts: [burst.example], rateLimit: {requests: 1, burst: 20, period: 1h}}
  key:     {nodePort: %(web)d, hosts: [key.example], rateLimit: {requests: 2, period: 1h, key: header X-Api-Key}}
  cookie:  {nodePort: %(web)d, hosts: [cookie.example], rateLimit: {requests: 2, period: 1h, key: cookie who}}
  many:    {nodePort: %(web)d, hosts: [many.example], connectionLimit: 2}
  denied:  {nodePort: %(web)d, hosts: [denied.example], sourceRanges: [127.0.0.0/24, {file: "%(file)s"}], denyRanges: [127.0.0.9, {file: "%(bad)s"}]}
  one:     {nodePort: %(web)d, hosts: [one.example], maxconn: 1, timeouts: {queue: 300ms}}
  line:    {nodePort: %(line)d, mode: tcp, bind: "127.0.0.1:%(tcp)d", connectionLimit: 2, denyRanges: 127.0.0.9}
"""


def codes(port, host, count, headers=(), **how):
    return [ask(port, "/", host, headers, **how).status for _ in range(count)]


def holds(port):
    """A connection to the TCP service that stays open, or None when it is closed."""
    client = lib.Client(port)
    try:
        client.read(1)
        return client
    except (OSError, EOFError):
        client.close()
        return None


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "web", "line", "tcp")}
    ports.update(file=os.path.join(lab.dir, "our nets.txt"), bad=os.path.join(lab.dir, "bad.txt"), socket=os.path.join(lab.dir, "s"))
    with open(ports["file"], "w") as f:
        f.write("127.0.1.0/24\n")
    with open(ports["bad"], "w") as f:
        f.write("# not these\n127.0.1.8/29\n")
    web = lab.web(ports["web"], name="web")
    lab.line(ports["line"], name="line")
    web.delay["/slow"] = 1.5
    http = ports["http"]
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http, ports["tcp"]]) as proxy:
            tap.equal("%s: rateLimit lets five through" % mode, codes(http, "rate.example", 8), [200] * 5 + [429] * 3)
            tap.equal("%s: each address has its own" % mode, codes(http, "rate.example", 2, source="127.0.0.2"), [200, 200])
            tap.equal("%s: nobody of `except`" % mode, codes(http, "rate.example", 8, source="127.0.0.7"), [200] * 8)
            if lib.has_ipv6():
                tap.equal("%s: an IPv6 client" % mode, codes(http, "rate.example", 6, address="::1"), [200] * 5 + [429])
            for _ in range(5):
                begin = lib.time.monotonic()
                answers = codes(http, "short.example", 4)
                took = lib.time.monotonic() - begin
                lib.time.sleep(2.1)
                if took < 0.9:  # else the period was over before the last request came
                    break
            tap.equal("%s: the status that was asked for" % mode, (answers, took < 0.9), ([200] * 3 + [503], True))
            tap.equal("%s: after the period" % mode, codes(http, "short.example", 1), [200])
            tap.equal("%s: burst, then ten periods together" % mode, codes(http, "burst.example", 12), [200] * 10 + [429] * 2)
            for host, headers in (("key.example", lambda k: [("X-Api-Key", k)]), ("cookie.example", lambda k: [("Cookie", "a=b; who=" + k)])):
                tap.equal("%s: %s: one key" % (mode, host), codes(http, host, 3, headers("one")), [200, 200, 429])
                tap.equal("%s: %s: another" % (mode, host), codes(http, host, 3, headers("two")), [200, 200, 429])
                tap.equal("%s: %s: a long one, and one that differs at its end" % (mode, host),
                          codes(http, host, 3, headers("k" * 500 + "a")) + codes(http, host, 1, headers("k" * 500 + "b")), [200, 200, 429, 200])
                tap.equal("%s: %s: without it, by address" % (mode, host), codes(http, host, 3) + codes(http, host, 1, source="127.0.0.3"), [200, 200, 429, 200])

            got = []
            threads = [threading.Thread(target=lambda: got.append(ask(http, "/slow", "many.example").status)) for _ in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            tap.equal("%s: connectionLimit: two at a time" % mode, sorted(got), [200, 200, 429, 429])
            tap.equal("%s: connectionLimit: afterwards" % mode, codes(http, "many.example", 3), [200] * 3)
            held = [holds(ports["tcp"]) for _ in range(3)]
            tap.equal("%s: connectionLimit over TCP" % mode, [h is not None for h in held], [True, True, False])
            for h in held:
                if h:
                    h.close()

            for source, good in (("127.0.0.1", True), ("127.0.0.9", False), ("127.0.1.1", True), ("127.0.1.9", False), ("127.0.2.1", False)):
                tap.equal("%s: networks and files: %s" % (mode, source), codes(http, "denied.example", 1, source=source), [200 if good else 403])

            busy = lib.Client(http)
            busy.send(b"GET /slow HTTP/1.1\r\nHost: one.example\r\n\r\n")
            lib.time.sleep(0.3)
            tap.equal("%s: maxconn: one at a time" % mode, codes(http, "one.example", 1), [503])
            busy.answer()
            busy.close()

            if lib.release() != (2, 6):  # which forgets what a peers section should hand over
                new = subprocess.Popen([lib.HAPROXY, "-C", proxy.bundle, "-db", "-f", "haproxy.cfg", "-x", ports["socket"], "-sf", str(proxy.process.pid)],
                                       stdout=proxy.log, stderr=proxy.log, stdin=subprocess.DEVNULL, cwd="/")
                proxy.process.wait(10)
                proxy.process = new
                # the old process hands over when it has reached the new one, which it may try again after two seconds; four requests
                # alone are below the limit
                told = []
                while len(told) < 4 and 429 not in told:
                    lib.time.sleep(1 + len(told))
                    told += codes(http, "rate.example", 1)
                tap.equal("%s: after a reload" % mode, told[-1:], [429])
tap.finish()
