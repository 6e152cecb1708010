#!/usr/bin/python3
"""What is logged: each line of `format: json` is JSON and tells what was asked, whatever bytes clients send; headers; several targets; a format of one's own."""
import json
import random
import re
import socket
import threading

import lib
from lib import ask, tap, until

if lib.release() < (2, 2):
    tap.skip_all("needs HAProxy 2.2 or newer")
# HAProxy would refuse most of the bytes before they are logged
LAX = "option accept-unsafe-violations-in-http-request" if lib.release() >= (3, 1) else "option accept-invalid-http-request"
# before 2.5 `option dontlognull` is silent of what is no request
TELLS_BAD = lib.release() >= (2, 5)
MAP = """
haproxy: "%(release)s"
log: {to: [stdout, "127.0.0.1:%(syslog)d"], facility: local3, format: %(format)s, headers: [User-Agent, X-A]}
nodes: {n: 127.0.0.1}
certs: [{file: %(pem)s}]
stats: 127.0.0.1:%(stats)d
frontends: {http: {bind: "127.0.0.1:%(http)d", extra: %(lax)s}, https: {bind: "127.0.0.1:%(https)d"}}
services:
  web:  {nodePort: %(web)d, hosts: [web.example], default: true}
  shut: {nodePort: %(web)d, hosts: [shut.example], denyRanges: [127.0.0.0/8]}
  half: {hosts: [half.example], check: false, balance: first, servers: [{name: a, address: 127.0.0.1, port: %(none)d}, {name: b, address: 127.0.0.1, port: %(web)d}]}
  db:   {nodePort: %(db)d, mode: tcp, bind: "127.0.0.1:%(tcp)d"}
"""


class Syslog:
    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.texts, self.facilities = [], set()
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        while True:
            # what stands before a message: <priority>date program[number]:
            priority, text = re.match(rb"<(\d+)>(?:\w+ +\d+ [\d:]+ (?:\S+ )?haproxy[^:]*: )?(.*)", self.sock.recv(70000), re.S).groups()
            self.facilities.add(int(priority) >> 3)
            # what HAProxy tells of itself
            if not re.match(rb"(Proxy|Server|backend|Stopping|Pausing|Backup|Health) ", text):
                self.texts.append(text)

    def stop(self):
        self.sock.close()


def latin(text):
    return text.encode("latin-1")


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "https", "web", "none", "stats", "tcp", "db")}
    pem = lab.certs.make("web", ["web.example"])
    lab.web(ports["web"], name="web")
    lab.line(ports["db"])
    rng = random.Random(tap.seed())
    for mode in lib.MODES:
        log = Syslog()
        said = dict(ports, syslog=log.port, release=".".join(map(str, lib.release())), pem=pem, lax=LAX)
        with lab.run(MAP % dict(said, format="json"), mode, wait=[ports["stats"]]) as proxy:
            http = ports["http"]

            def lines(raw, port=http, sure=False):
                """What is logged of one connection."""
                log.texts.clear()
                ask(port, raw=raw)
                until(lambda: log.texts, 5 if TELLS_BAD or sure else 0.1, 0.01)
                return list(log.texts)

            def told(what, raw, **wanted):
                heard = lines(raw, sure=True)
                try:
                    line = json.loads(heard[0])
                except (ValueError, IndexError) as e:
                    line = {"broken": repr(e)}
                tap.ok("%s: %s" % (mode, what), len(heard) == 1 and all(line.get(k) == v for k, v in wanted.items()), (heard, wanted))
                return line

            end = b"\r\nConnection: close\r\n\r\n"
            line = told("a request", b"GET /a?b=c HTTP/1.1\r\nHost: web.example\r\nUser-Agent: me/1\r\nX-A: \"q\" \\ 50%" + end, client="127.0.0.1", frontend="http", backend="web", server="n",
                        status=200, method="GET", host="web.example", uri="/a?b=c", retries="0", headers={"User-Agent": "me/1", "X-A": "\"q\" \\ 50%"})
            tap.ok("%s: times are numbers" % mode, all(isinstance(v, int) for v in line["milliseconds"].values()) and isinstance(line["time"], float) and isinstance(line["bytes"], int), line)
            told("no such headers", b"GET / HTTP/1.0\r\n\r\n", host="-", headers={"User-Agent": "-", "X-A": "-"})
            told("refused", b"GET /x HTTP/1.1\r\nHost: shut.example" + end, backend="shut", server="<NOSRV>", status=403, uri="/x")
            # the + would not be JSON in a number
            line = told("another server", b"GET /x HTTP/1.1\r\nHost: half.example" + end, backend="half", server="b", status=200)
            tap.ok("%s: after retries" % mode, line.get("retries", "").startswith("+"), line)
            line = told("a long target and long headers", b"GET /" + b"\xff" * 7000 + b" HTTP/1.1\r\nHost: web.example\r\nUser-Agent: " + b"\xfe" * 1000 + b"\r\nX-A: " + b"\"" * 1000 + end)
            tap.equal("%s: of headers 255 bytes" % mode, line.get("headers"), {"User-Agent": "\xfe" * 255, "X-A": "\"" * 255})
            if TELLS_BAD:
                told("no HTTP", b"\x16\x03\"\\\n\n", status=400, uri="-")
                told("a bad version", b"GET / HTTP/9\"\r\n\r\n", status=400)
            kept = 0
            for _ in range(60):
                nasty = bytes(rng.choice(b"\"\\/{}[],:'%$ \t\x01\x08\x0b\x0c\x1b\x7f\x80\xc3\xa9\xe2\x82\xac\xed\xa0\x80\xf0\x9f\x98\x80\xff\xfeabc") for _ in range(rng.randrange(1, 30)))
                path = nasty.translate(None, b" \t\x0b\x0c#?")
                value = nasty.strip(b" \t")
                heard = lines(b"GET /" + path + b" HTTP/1.1\r\nHost: web.example\r\nX-A: " + value + end)
                if not heard and not TELLS_BAD:
                    continue
                try:
                    line = json.loads(heard[0])
                    good = line["uri"] == "-" or (latin(line["uri"]) == b"/" + path and latin(line["headers"]["X-A"]) == (value or b"-"))
                    kept += line["uri"] != "-"
                except (ValueError, IndexError, KeyError) as e:
                    good, line = False, repr(e)
                tap.ok("%s: any bytes: %r" % (mode, nasty), good and len(heard) == 1, (line, heard))
            tap.note("%s: %d of 60 were taken for requests" % (mode, kept))
            for path, value in (b"/\"{}[]'\\\x80\xc3\xa9\xff", b"\"\\/{}[],:'%$ \t;"), (b"/", b"\xe2\x82\xac \xed\xa0\x80 \xf0\x9f\x98\x80 \xff"):
                told("these bytes: %r %r" % (path, value), b"GET " + path + b" HTTP/1.1\r\nHost: web.example\r\nX-A: " + value + end, uri=path.decode("latin-1"),
                     headers={"User-Agent": "-", "X-A": value.decode("latin-1")})
            for what, port, data, wanted in (("of the statistics", "stats", b"GET / HTTP/1.0\r\n\r\n", {"frontend": "khap-stats", "status": 200}), ("over TCP", "tcp", b"hello\n", {"frontend": "khap-db", "backend": "db", "server": "n"})):
                log.texts.clear()
                with socket.create_connection(("127.0.0.1", ports[port])) as s:
                    s.sendall(data)
                    s.recv(100000)
                until(lambda: log.texts, 5, 0.01)
                try:
                    line = json.loads(log.texts[0])
                except (ValueError, IndexError) as e:
                    line = {"broken": repr(e)}
                tap.ok("%s: %s" % (mode, what), all(line.get(k) == v for k, v in wanted.items()), (line, log.texts))
            if lib.release() >= (2, 5):
                line = json.loads((lines(b"GET / HTTP/1.1\r\n\r\n", ports["https"]) or [b"{}"])[0])
                tap.ok("%s: a failed handshake" % mode, line.get("frontend", "").startswith("https") and "error" in line, line)
            tap.ok("%s: the other target, too" % mode, '"uri":"\\/a?b=c"' in proxy.output(), proxy.output()[-1000:])
        for form, wanted in (("http", rb"http web/n .*\{me/#221\|a \\ b\} \"GET /y HTTP/1.1\""),
                             ("'%HM it''s %[src] [%hr] \"%ST\" $x'", rb"GET it's 127\.0\.0\.1 \[\{me/#221\|a \\ b\}\] \"200\" \$x")):
            log.texts.clear()
            with lab.run(MAP % dict(said, format=form), mode, wait=[ports["stats"]]) as proxy:
                ask(http, raw=b"GET /y HTTP/1.1\r\nHost: web.example\r\nUser-Agent: me/\"1\r\nX-A: a \\ b" + end)
                tap.ok("%s: format %s" % (mode, form), until(lambda: any(re.search(wanted, t) for t in log.texts), 5, 0.01), log.texts)
        tap.equal("%s: under the facility local3" % mode, log.facilities, {19})
        log.stop()
tap.finish()
