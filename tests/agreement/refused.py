#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Requests that HAProxy itself refuses, or changes before any rule: `khapgen route` says of each what a real HAProxy does with it, or that it is unknown.

Every printable byte in the host, the port, the target, a header's name and the method; hosts that differ, absolute targets, lengths, upgrades.
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import asked  # noqa: E402
import lib  # noqa: E402
from lib import tap  # noqa: E402

A = ("Host", "a")
# method, target, headers
CASES = [("GET", "/", h) for h in (
    [], [("Host", "")], [A, A], [A, ("Host", "A")], [A, ("Host", "b")], [A, ("Host", "a:80")], [("Host", "a:x")], [("Host", "a:")], [("Host", "a:99999")],
    [("Host", "a%41")], [("Host", "[::1]:80")], [("Host", "[::1")], [("Host", "a b")], [A, ("X_A", "b")], [A, ("X.A", "b")],
    [A, ("Content-Length", "0")], [A, ("Content-Length", "0"), ("Content-Length", "0")], [A, ("Content-Length", "0"), ("Content-Length", "1")],
    [A, ("Content-Length", "x")], [A, ("Content-Length", "")], [A, ("Content-Length", "0, 0")], [A, ("Upgrade", "websocket"), ("Connection", "upgrade")],
    [A, ("Upgrade", "websocket")], [A, ("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Key", "x")])]
CASES += [("GET", t, [("Host", h)]) for t, h in (
    ("http://a/x", "a"), ("http://a/x", "A"), ("http://a/x", "b"), ("http://a/x", "a:80"), ("http://a:80/x", "a"), ("http://a:81/x", "a"), ("https://a:443/x", "a"),
    ("https://a/x", "a:443"), ("http://a/x", ""), ("http://u@a/x", "a"), ("http://[::1]:80/", "[::1]:80"), ("ftp://a/x", "a"), ("ftp://b/x", "a"), ("http:///x", "a"), ("http://", "a"),
    ("http://a", "a"), ("http://a?x", "a"), ("x", "a"), ("*", "a"), ("?x", "a"), ("//x", "a"), ("http:", "a"), ("/a?b?c", "a"))]
CASES += [("GET", "http://a/x", []), ("GET", "http://a/x", [A, ("Host", "A")]), ("OPTIONS", "*", [A]), ("get", "/", [A]), ("TRACE", "/", [A])]
# a body whose length was read before, or behind, what is refused
ONE, ZERO = ("Content-Length", "1"), ("Content-Length", "0")
CASES += [("GET", t, h) for t, h in (
    ("/", [A, ONE, ZERO]), ("/", [A, ("Content-Length", "2"), ("Content-Length", "1")]), ("/", [A, ("Content-Length", "1, 2")]), ("/", [A, ONE, ("Content-Length", "1, 2")]),
    ("/", [A, ZERO, ZERO, ONE]), ("/", [A, ("Content-Length", "0, 0"), ONE]), ("/", [A, ("Content-Length", "00"), ("Content-Length", "")]), ("/", [A, ONE, ("Content-Length", "x")]),
    ("/", [A, ONE, ("Host", "b")]), ("/", [ONE, A, ("Host", "b")]), ("/", [A, ("Host", "b"), ONE]), ("/", [ONE, ("Host", "[a")]), ("/", [("Host", "[a"), ONE]),
    ("/", [ONE, ("Host", "a[b")]), ("/", [("Host", "a[b"), ONE]), ("/", [A, ONE, ("X Y", "z")]), ("/", [A, ("X Y", "z"), ONE]),
    ("http://b/", [A, ONE]), ("http://b/", [ONE, A]), ("http://b/", [ZERO, A]), ("x", [A, ONE]), ("?x", [A, ONE]), ("/#", [A, ONE]), ("http:///x", [A, ONE]),
    ("http://a:80/x", [("Host", "a:81"), ONE]), ("/", [A, ("Upgrade", "websocket"), ("Connection", "upgrade"), ONE]),
    ("/", [A, ("Upgrade", "websocket"), ("Connection", "upgrade"), ZERO]))]
CASES += [("G@T", "/", [A, ONE])]
for byte in (chr(b) for b in range(33, 127)):
    CASES += [("GET", "/", [("Host", "a%sb" % byte)]), ("GET", "/", [("Host", "[a%s]" % byte)]), ("GET", "/", [("Host", "a:1%s" % byte)]),
              ("GET", "/a%sc" % byte, [A]), ("G%sT" % byte, "/", [A])]
    if byte != ":":
        CASES.append(("GET", "/", [A, ("X%sY" % byte, "1")]))

CONFIG = """defaults
 mode http
 timeout client 5s
frontend f
 bind 127.0.0.1:%d
 http-request redirect location "%%[method] %%[url] [%%[req.fhdr(host)]] %%[path]"
"""

asked.each_release(__file__)
haproxy = lib.need_haproxy()
with tempfile.TemporaryDirectory() as work:
    port = lib.free_port()
    config = work + "/haproxy.cfg"
    with open(config, "w") as f:
        f.write(CONFIG % port)
    questions = [["http://127.0.0.1:%d/" % port, "--method", m, "--uri", t, *([] if any(n == "Host" for n, _ in hs) else ["-H", "Host:"]),
                  *[w for n, v in hs for w in ("-H", "%s: %s" % (n, v))]] for m, t, hs in CASES]
    answers = asked.ask([config], questions, target="%d.%d" % lib.release())
    if isinstance(answers, str):
        tap.ok("khapgen route answers", False, answers)
        tap.finish()
    run = subprocess.Popen([haproxy, "-db", "-f", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wrong, unknown, refused = [], 0, 0
    try:
        end = time.time() + 20
        while time.time() < end:
            try:
                lib.Client(port).close()
                break
            except OSError:
                time.sleep(.02)
        for (method, target, headers), outcomes in zip(CASES, answers):
            client = lib.Client(port)
            client.send(("%s %s HTTP/1.1\r\n%s\r\n" % (method, target, "".join("%s: %s\r\n" % h for h in headers))).encode())
            try:
                answer = client.answer(method)
                got = (answer.status, (answer.header("location") or [""])[0])
            except (EOFError, ConnectionResetError):  # closed without a word
                got = (None, "")
            client.close()
            refused += got[0] == 400
            said = {(o.get("status"), o.get("location", "").strip()) for o in outcomes}
            if not outcomes[0]["certain"]:
                unknown += 1
                if got[0] not in [s for s, _ in said]:
                    wrong.append("%s %s %r: HAProxy %r, route %r" % (method, target, headers, got, said))
            elif said != {got}:
                wrong.append("%s %s %r: HAProxy %r, route %r" % (method, target, headers, got, said))
    finally:
        run.kill()
        run.wait()
    tap.ok("%d requests: HAProxy and route agree" % len(CASES), not wrong, "\n".join(wrong[:20]))
    tap.ok("hardly anything is unknown", unknown <= 4, "%d" % unknown)
    tap.ok("some were refused, and some were not", 30 < refused < len(CASES) - 100, "%d" % refused)
tap.finish()
