#!/usr/bin/python3
"""Services that answer themselves: redirects, and fixed responses; what is looked at before one is given."""
import base64
import os
import subprocess

import lib
from lib import tap

MAP = """
certs: [{file: %(pem)s}]
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
services:
  moved:  {hosts: [old.example], redirect: {host: new.example, status: 301}}
  secure: {hosts: [plain.example], redirect: {scheme: https, port: 8443, status: 308}}
  port:   {hosts: [port.example], redirect: {port: 81}}
  one:    {hosts: [one.example], redirect: {path: "/a%%20b%%", status: 303}}
  app:    {routes: [{host: app.example, path: /old}, {host: app.example, path: /y/z, match: {method: POST}}], redirect: {prefix: /app, status: 307}}
  root:   {routes: [{host: root.example, path: /x}], redirect: {prefix: /}}
  gone:   {hosts: [gone.example], respond: {status: 410, body: '{"a": "it''s #1 %%[src] $HOME"}', contentType: application/json}}
  empty:  {hosts: [empty.example], respond: {status: 204}}
  kept:   {hosts: [kept.example], respond: {body: secret}, sourceRanges: [192.0.2.0/24]}
  any:    {routes: [{match: {headers: {X-Stop: {present: true}}}}], respond: {status: 599, body: stop}}
"""

# in this order: denied addresses, the limit, maintenance, the password, and then the answer
GUARDED = """
process: {socket: {path: %(socket)s}}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults:
  basicAuth: {users: {joe: %(hash)s}}
  rateLimit: {requests: 4, period: 1h}
  denyRanges: 127.0.0.9
services:
  go:   {hosts: [go.example], redirect: {host: new.example}}
  say:  {hosts: [say.example], respond: {body: said}}
  shut: {hosts: [shut.example], redirect: {host: new.example}, maintenance: {except: [127.0.0.7]}}
  hush: {hosts: [hush.example], respond: {body: said}, maintenance: {except: [127.0.0.7]}}
"""

CASES = [  # host, target, method, over TLS, status, location; PORT is the frontend's
    ("old.example", "/a/b?q=1", "GET", False, 301, "http://new.example/a/b?q=1"),
    ("old.example:PORT", "/", "GET", True, 301, "https://new.example/"),
    ("old.example", "//evil.example/x", "GET", False, 301, "http://new.example//evil.example/x"),
    ("plain.example:PORT", "/a?b", "POST", False, 308, "https://plain.example:8443/a?b"),
    ("port.example", "/a", "GET", False, 302, "http://port.example:81/a"),
    ("port.example", "/a", "GET", True, 302, "https://port.example:81/a"),
    ("one.example:PORT", "/x/y?q=/z", "GET", False, 303, "http://one.example:PORT/a%20b%?q=/z"),
    ("one.example", "/", "GET", True, 303, "https://one.example/a%20b%"),
    ("app.example", "/old", "GET", False, 307, "http://app.example/app"),
    ("app.example:PORT", "/old/x?y", "GET", False, 307, "http://app.example:PORT/app/x?y"),
    ("app.example", "/y/z/x", "POST", False, 307, "http://app.example/app/x"),
    ("app.example", "/y/z/x", "GET", False, 404, None),
    ("root.example", "/x/y", "GET", False, 302, "http://root.example/y"),
    ("root.example", "/x//evil.example/y", "GET", False, 302, "http://root.example//evil.example/y"),
]

with lib.Lab() as lab:
    pem = lab.certs.make("a", ["cert.example"])
    ports = {"http": lib.free_port(), "https": lib.free_port(), "pem": pem}
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[ports["http"], ports["https"]]):
            for host, target, method, tls, status, location in CASES:
                port = ports["https" if tls else "http"]
                got = lib.ask(port, target, host.replace("PORT", str(port)), method=method, tls=lib.client_tls() if tls else None)
                wanted = [location.replace("PORT", str(port))] if location else []
                tap.equal("%s: %s %s%s%s" % (mode, method, host, target, " over TLS" if tls else ""), (got.status, got.header("location")), (status, wanted))
            got = lib.ask(ports["http"], "/", "gone.example")
            tap.equal("%s: a body" % mode, (got.status, got.header("content-type"), got.body), (410, ["application/json"], b'{"a": "it\'s #1 %[src] $HOME"}'))
            got = lib.ask(ports["http"], "/", "empty.example")
            tap.equal("%s: no body" % mode, (got.status, got.body), (204, b""))
            tap.equal("%s: who may come is looked at first" % mode, lib.ask(ports["http"], "/", "kept.example").status, 403)
            got = lib.ask(ports["http"], "/", "nowhere.example", [("X-Stop", "1")])
            tap.equal("%s: for requests with a header" % mode, (got.status, got.header("content-type"), got.body), (599, ["text/plain"], b"stop"))
            tap.equal("%s: for others not" % mode, lib.ask(ports["http"], "/", "nowhere.example").status, 404)

    ports["socket"] = os.path.join(lab.dir, "s")
    ports["hash"] = subprocess.run(["openssl", "passwd", "-1", "-salt", "abcdefgh", "secret"], capture_output=True, text=True, check=True).stdout.strip()
    joe = [("Authorization", "Basic " + base64.b64encode(b"joe:secret").decode())]
    for mode in lib.MODES:
        with lab.run(GUARDED % ports, mode, wait=[ports["http"]]):
            def codes(host, *asked, **how):
                return [lib.ask(ports["http"], "/x", host, headers, **how).status for headers in asked]

            for host, answer in ("go.example", 302), ("say.example", 200):
                tap.equal("%s: %s: the password, then the answer, until the limit" % (mode, host),
                          codes(host, [], joe, joe, [], joe, []), [401, answer, answer, 401, 429, 429])
                tap.equal("%s: %s: a denied address, whoever it is" % (mode, host), codes(host, joe, source="127.0.0.9"), [403])
            for host, answer in ("shut.example", 302), ("hush.example", 200):
                tap.equal("%s: %s: maintenance before the password, the limit before both" % (mode, host),
                          codes(host, [], joe, joe, joe, joe, []), [503, 503, 503, 503, 429, 429])
                tap.equal("%s: %s: who is let through asks for the answer" % (mode, host),
                          codes(host, [], joe, source="127.0.0.7"), [401, answer])
                tap.equal("%s: %s: a denied address in maintenance" % (mode, host), codes(host, joe, source="127.0.0.9"), [403])
            said = lib.ask(ports["http"], "/x", "go.example", joe, source="127.0.0.8")
            tap.equal("%s: where to" % mode, said.header("location"), ["http://new.example/x"])
tap.finish()
