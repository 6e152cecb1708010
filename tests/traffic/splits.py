#!/usr/bin/python3
"""Services that share requests: the shares of 10,000 requests, what a header and a cookie decide, and what a changed weight changes.

A share is right within five standard deviations of the draws, which one run in a million misses. The draws are HAProxy's own.
"""
import collections
import difflib
import os
import re
import socket
import subprocess
import tempfile

import lib
from lib import tap

N = 10000
SIGMAS = 5

# services that answer with their names
DRAWN = """
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
services:
  web:    {respond: {body: <web>}, hosts: [a.example, "*.b.example"], routes: [{host: c.example, path: /x}]}
  next:   {respond: {body: <next>}, canary: {of: web, weight: 10, header: X-Canary, cookie: canary}}
  none:   {respond: {body: <none>}, hosts: [none.example]}
  chosen: {respond: {body: <chosen>}, canary: {of: none, header: X-Canary}}
  shop:   {hosts: [shop.example], routes: [{host: shop.example, path: /all, split: [{service: never, weight: 0}, green]}, {path: "/r[0-9]", pathType: Regex}],
           split: [{service: green, weight: 7}, {service: never, weight: 0}, {service: blue, weight: 2}, {service: red}]}
  green:  {respond: {body: <green>}}
  blue:   {respond: {body: <blue>}}
  red:    {respond: {status: 418, body: <red>}}
  never:  {respond: {body: <never>}}
  part:   {respond: {body: <part>}, hosts: [part.example], routes: [{host: part.example, path: /s, match: {method: POST}, split: [part, {service: blue, weight: 3}]}]}
  last:   {default: true, split: [{service: green, weight: 999999}, {service: blue, weight: 333333}]}
"""

SERVED = """
certs: [{file: %(pem)s}]
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
services:
  web:    {nodePort: %(web)d, hosts: [a.example, "*.b.example"], routes: [{host: c.example, path: /x}], headers: {request: {set: {X-Policy: web}}}}
  next:   {nodePort: %(next)d, canary: {of: web, weight: 50, header: X-Canary, cookie: canary}, rewrite: /, headers: {request: {set: {X-Policy: next}}}}
  none:   {nodePort: %(none)d, default: true}
  chosen: {nodePort: %(chosen)d, canary: {of: none, header: X-Canary}}
  other:  {nodePort: %(other)d, hosts: [other.example]}
  tls:    {nodePort: %(tls)d, hosts: [tls.example], frontends: [https], redirectHttps: true}
  tls2:   {nodePort: %(tls2)d, canary: {of: tls, weight: 100}, redirectHttps: false}
"""

# what a route says holds wherever its requests end
KEYED = """
certs: [{file: %(pem)s}]
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
serviceDefaults: {frontends: [http, https]}
services:
  web:
    nodePort: %(web)d
    hosts: [a.example, "*.b.example"]
    headers: {request: {set: {X-Policy: web}}}
    routes:
      - {host: a.example, path: /keys, headers: {request: {set: {X-Policy: route}}}}
      - {host: a.example, path: /moved, rewrite: /there}
      - {host: a.example, path: "/r[0-9]", pathType: Regex, rewrite: {path: /regex}}
      - {host: a.example, path: /shut, sourceRanges: [10.9.9.9]}
      - {host: a.example, path: /gone, respond: {status: 410}}
      - {host: "*.b.example", path: /keys, match: {method: POST}, headers: {request: {set: {X-Policy: post}}}}
      - {host: c.example, headers: {request: {set: {X-Policy: whole}}}}
  next:
    nodePort: %(next)d
    hosts: [next.example]
    canary: {of: web, weight: 50, header: X-Canary}
    headers: {request: {set: {X-Policy: next}}}
    rewrite: {path: /next}
    routes: [{host: next.example, path: /keys, headers: {request: {set: {X-Policy: own}}}}, {host: a.example, path: /keys/next, sourceRanges: [127.0.0.0/8]}]
  none:   {nodePort: %(none)d, routes: [{headers: {request: {set: {X-Policy: default}}}}]}
  chosen: {nodePort: %(chosen)d, canary: {of: none, weight: 50, header: X-Canary}}
  tls:    {nodePort: %(tls)d, hosts: [tls.example], frontends: [https], redirectHttps: true, routes: [{host: tls.example, path: /keys, headers: {request: {set: {X-Policy: route}}}}]}
  tls2:   {nodePort: %(tls2)d, canary: {of: tls, weight: 50, header: X-Canary}, redirectHttps: false}
"""
# host, path, method -> of each that may answer: what it received as X-Policy and as the target; a status for both
BOTH = [("a.example", "/", "GET", {"web": ("web", "/"), "next": ("next", "/next")}), ("a.example", "/keys/x?y", "GET", {"web": ("route", "/keys/x?y"), "next": ("route", "/next?y")}),
        ("a.example", "/keys/next", "GET", {"next": ("next", "/next")}), ("a.example", "/moved/x", "GET", {"web": ("web", "/there/x"), "next": ("next", "/there/x")}),
        ("a.example", "/r5", "GET", {"web": ("web", "/regex"), "next": ("next", "/regex")}), ("a.example", "/shut", "GET", 403), ("a.example", "/gone", "GET", 410),
        ("x.b.example", "/keys", "POST", {"web": ("post", "/keys"), "next": ("post", "/next")}), ("x.b.example", "/keys", "GET", {"web": ("web", "/keys"), "next": ("next", "/next")}),
        ("c.example", "/", "GET", {"web": ("whole", "/"), "next": ("whole", "/next")}), ("next.example", "/", "GET", {"next": ("next", "/next")}),
        ("next.example", "/keys", "GET", {"next": ("own", "/next")}), ("any.example", "/q", "GET", {"none": ("default", "/q"), "chosen": ("default", "/q")})]
NAMES = ("web", "next", "none", "chosen", "other", "tls", "tls2")

# host, path, method -> shares in parts of one
SHARES = [("a.example", "/", "GET", {"web": 0.9, "next": 0.1}), ("shop.example", "/", "GET", {"green": 0.7, "blue": 0.2, "red": 0.1}),
          ("nowhere.example", "/", "GET", {"green": 0.75, "blue": 0.25})]
# the same with fewer requests, each on another kind of route
SOME = [("x.b.example", "/", "GET", {"web": 0.9, "next": 0.1}), ("c.example", "/x/y", "GET", {"web": 0.9, "next": 0.1}), ("none.example", "/", "GET", {"none": 1}),
        ("shop.example", "/all", "GET", {"green": 1}), ("any.example", "/r5", "GET", {"green": 0.7, "blue": 0.2, "red": 0.1}),
        ("part.example", "/s", "POST", {"part": 0.25, "blue": 0.75}), ("part.example", "/s", "GET", {"part": 1}), ("part.example", "/", "POST", {"part": 1})]

# headers -> who answers
DECIDED = [([("X-Canary", "always")], "next"), ([("x-canary", "never")], "web"), ([("Cookie", "canary=always")], "next"), ([("Cookie", "canary=never")], "web"),
           ([("Cookie", "a=1; canary=always; b=2")], "next"), ([("Cookie", "xcanary=always; canary=never; canaryx=always")], "web"),
           ([("Cookie", "a=1"), ("Cookie", "canary=always")], "next"), ([("Cookie", 'canary="always"; canary=never')], "web"),
           ([("X-Canary", "never"), ("Cookie", "canary=always")], "web"), ([("X-Canary", "always"), ("Cookie", "canary=never")], "next"),
           ([("X-Canary", "maybe"), ("Cookie", "canary=always")], "next"), ([("X-Canary", "Never"), ("Cookie", "canary=always")], "next"),
           ([("X-Canary", ""), ("Cookie", "canary=never")], "web")]


def draw(port, host, path, method, count):
    """Who answered how often; a hundred requests at a time on one connection."""
    counts, left = collections.Counter(), count
    request = ("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n" % (method, path, host)).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        while left > 0:
            some, data = min(left, 100), b""
            s.sendall(request * some)
            while data.count(b">") < some:
                more = s.recv(1 << 20)
                if not more:
                    return counts
                data += more
            counts.update(re.findall("<([a-z]+)>", data.decode()))
            left -= some
    return counts


def right(counts, shares, count):
    """Nobody else answered, and each as often as the weights say."""
    return sum(counts.values()) == count and set(counts) <= set(shares) and \
        all(abs(counts.get(who, 0) - count * p) <= SIGMAS * (count * p * (1 - p)) ** 0.5 for who, p in shares.items())


def texts(text, mode):
    """What is written: the lines of each file."""
    with tempfile.TemporaryDirectory() as out:
        target = ["-t", lib.TARGET] if lib.TARGET else []
        subprocess.run([lib.KHAPGEN, *target, *(["--output-dir", out] if mode == "bundle" else ["-o", out + "/haproxy.cfg"]), "-"], input=text, text=True, check=True, capture_output=True)
        files = {}
        for folder, _, names in os.walk(out):
            for name in names:
                if name.endswith((".cfg", ".map")):
                    with open(os.path.join(folder, name)) as f:
                        files[name] = [line for line in f.read().splitlines() if not line.startswith("#")]
        return files


def changed(before, after):
    """The lines that only one of them has."""
    return sorted({(name, line) for name in before for line in difflib.ndiff(before[name], after[name]) if line[0] in "+-"})


with lib.Lab() as lab:
    ports = {"http": lib.free_port(), "https": lib.free_port(), "pem": lab.certs.make("a", ["tls.example"])}
    for name in NAMES:
        ports[name] = lib.free_port()
        lab.web(ports[name], name=name)
    for mode in lib.MODES:
        with lab.run(DRAWN % ports, mode, wait=[ports["http"]]):
            for count, cases in (N, SHARES), (400, SOME):
                for host, path, method, shares in cases:
                    counts = draw(ports["http"], host, path, method, count)
                    tap.ok("%s: %s %s%s: the shares of %d requests" % (mode, method, host, path, count), right(counts, shares, count), "%s, not %s" % (counts, shares))
        with lab.run(SERVED % ports, mode, wait=[ports["http"], ports["https"]]):
            for headers, wanted in DECIDED:
                got = [lib.ask(ports["http"], "/", "a.example", headers) for _ in range(8)]
                tap.equal("%s: %s" % (mode, headers), {(a.name, *a.asked("x-policy")) for a in got}, {(wanted, wanted)})
            got = lib.ask(ports["http"], "/x/y?z", "c.example", [("X-Canary", "always")])
            tap.equal("%s: rewritten by a route of the other service" % mode, (got.name, got.json["target"]), ("next", "/y?z"))
            got = lib.ask(ports["http"], "/x", "x.b.example", [("X-Canary", "always")])
            tap.equal("%s: rewritten by its other route" % mode, (got.name, got.json["target"]), ("next", "/x"))
            for host, headers, wanted in (("q.example", [("X-Canary", "always")], "chosen"), ("q.example", [("X-Canary", "no")], "none"), ("other.example", [("X-Canary", "always")], "other")):
                tap.equal("%s: %s %s" % (mode, host, headers), {lib.ask(ports["http"], "/", host, headers).name for _ in range(8)}, {wanted})
            tap.equal("%s: plain HTTP is redirected first" % mode, {lib.ask(ports["http"], "/", "tls.example").status for _ in range(8)}, {308})
            tap.equal("%s: over TLS it is shared" % mode, {lib.ask(ports["https"], "/", "tls.example", tls=lib.client_tls()).name for _ in range(8)}, {"tls2"})
        with lab.run(KEYED % ports, mode, wait=[ports["http"], ports["https"]]):
            for host, path, method, wanted in BOTH:
                for canary in ("always", "never", ""):
                    got = [lib.ask(ports["http"], path, host, [("X-Canary", canary)] if canary else [("Content-Length", "0")], method) for _ in range(6 if canary else 40)]
                    seen = {a.name: (*a.asked("x-policy"), a.json["target"]) if a.json else a.name for a in got}
                    who = wanted if isinstance(wanted, dict) else {wanted: wanted}
                    if canary and len(who) == 2: # the canary is the second
                        who = dict([list(who.items())[canary == "always"]])
                    tap.equal("%s: %s %s%s, canary %s: what the route says holds" % (mode, method, host, path, canary or "drawn"), seen, who)
            tap.equal("%s: with keys plain HTTP is redirected first, too" % mode, {lib.ask(ports["http"], "/keys", "tls.example").status for _ in range(8)}, {308})
            got = [lib.ask(ports["https"], "/keys", "tls.example", tls=lib.client_tls()) for _ in range(40)]
            tap.equal("%s: over TLS they hold in both" % mode, {(a.name, *a.asked("x-policy")) for a in got}, {("tls", "route"), ("tls2", "route")})
        before = texts(DRAWN % ports, mode)
        for what, old, new, lines in (("a canary's weight", "weight: 10,", "weight: 55,", 1), ("one of two", "weight: 999999}", "weight: 1}", 1),
                                      ("from nothing to something", "{service: never, weight: 0}, {service: blue", "{service: never, weight: 9}, {service: blue", 2)):
            different = changed(before, texts((DRAWN % ports).replace(old, new), mode))
            if mode == "bundle":
                tap.equal("bundle: a weight is an entry of a map: %s" % what, {name for name, _ in different}, {"http-splits.map"})
            else:
                tap.ok("file: a weight is an ACL: %s" % what, 0 < len(different) <= 2 * lines and all(line.split()[1] == "acl" for _, line in different), str(different))
tap.finish()
