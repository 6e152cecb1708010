#!/usr/bin/python3
"""Requests in disguise. One server answers for every host, as a web server with many names does, and reads a name wherever it finds one:
nothing that it might take for a protected host may reach it, and no redirect may lead to where the client's own words point."""
import subprocess

import lib
from lib import Client, ask, client_tls, h2, tap

MAP = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(open)s, hosts: [open.example]}
  - {file: %(all)s, hosts: [safe.example, "*.deep.example"], clientCa: %(ca)s}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
services:
  open:   {nodePort: %(web)d, hosts: [open.example], redirectHttps: false}
  safe:   {nodePort: %(web)d, routes: [{host: safe.example, path: /below, pathType: Exact}, {host: safe.example, path: "/rx.*", pathType: Regex},
                                       {host: safe.example, path: /pre}]}
  wild:   {nodePort: %(web)d, hosts: ["*.example"], redirectHttps: true}
  vault:  {nodePort: %(vault)d, mode: tcp, tls: passthrough, hosts: [vault.example], check: false}
  red:    {nodePort: %(web)d, routes: [{path: /red}], redirectHttps: true}
  ranged: {nodePort: %(web)d, routes: [{path: /ranged}], sourceRanges: [10.0.0.0/8]}
  rest:   {nodePort: %(web)d, default: true, redirectHttps: false}
forwarded: {trust: [10.0.0.0/8]}
"""
# the same without what needs a bundle
PLAIN = """
nodes: {n: 127.0.0.1}
certs: [{file: %(open)s}]
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
services:
  open:   {nodePort: %(web)d, hosts: [open.example], redirectHttps: false}
  wild:   {nodePort: %(web)d, hosts: ["*.example"], redirectHttps: true}
  red:    {nodePort: %(web)d, routes: [{path: /red}], redirectHttps: true}
  ranged: {nodePort: %(web)d, routes: [{path: /ranged}], sourceRanges: [10.0.0.0/8]}
  rest:   {nodePort: %(web)d, default: true, redirectHttps: false}
forwarded: {trust: [10.0.0.0/8]}
"""
NO_HOSTS = ["safe.example:]", "safe.example :443", "u@safe.example", "u:p@safe.example", "open.example:@safe.example", "open.example:80@safe.example",
            "open.example,safe.example", "safe.example,open.example", "open.example safe.example", "open.example\tsafe.example",
            "safe.example/", "safe.example/x", "safe.example#", "safe.example?", "safe.example\\", "safe.example;", "http://safe.example",
            "//safe.example", "%73afe.example", "safe%2eexample", "[safe.example]", "safe.example@", "[::1", "[::1]safe.example", "\x0bsafe.example",
            "safe.example\x00", "safe.example\x7f", "\xe9vil.example", "safe\xe3\x80\x82example", "x.deep.example/", "x deep.example",
            "evil.test/.example", "evil.test?.example", "evil.test#.example", "evil.test\\.example", "evil.test:80/.example", "evil.test@x.example",
            "x\".example", "x'.example", "x<.example", "*.example", "x=y.example"]
HOSTS = ["open.example", "OPEN.Example.:8443", "nowhere.test", "a_b.nowhere.test", "-x.nowhere.test", "127.0.0.1", "127.0.0.1:80", "[::1]", "[2001:DB8::1]:443",
         "[::ffff:10.0.0.1]:8", "localhost", "", ":80", "nowhere.test:", "nowhere.test:x", "xn--bcher-kva.test"]
# the target of a request that has no Host header
NAMES = ["http://safe.example/a", "https://safe.example/below", "HTTPS://safe.example/pre/x", "http://safe.example", "http://u@safe.example:443/", "safe.example/below",
         "safe.example", "safe.example:443", "ftp://safe.example/", "http:///safe.example/below"]
MIXED = ["https://safe.example/a", "HTTPS://safe.example:443/a", "http://open.example@safe.example/a", "http://open.example:80@safe.example/",
         "ftp://safe.example/a", "http:/safe.example/a", "http://safe.example?open.example", "safe.example/below", "safe.example:443"]
WELL = [(":method", "GET"), (":scheme", "https"), (":path", "/p")]


def request(target="/p", host=None, method="GET", more=(), version="1.1"):
    lines = ["%s %s HTTP/%s" % (method, target, version)] + (["Host: " + host] if host is not None else []) + list(more)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def with_names(say, put, web):
    """put(raw) sends a request to an address where no name in it may count but the Host header's."""
    def refused(what, raw, statuses=(400,)):
        before = len(web.requests)
        answer = put(raw)
        tap.ok("%s: %s" % (say, what), answer.status in statuses and web.requests[before:] == [], (answer, web.requests[before:]))
    for host in NO_HOSTS:
        refused("no host: %r" % host, request(host=host))
    for host in HOSTS:
        answer = put(request("/p", host))
        tap.equal("%s: a host: %r" % (say, host), (answer.name, answer.asked("host")), ("web", [host]))
    for target in NAMES:
        for version in ("1.1", "1.0"):
            refused("no Host header, %s HTTP/%s" % (target, version), request(target, version=version))
    refused("no Host header, CONNECT", request("safe.example:443", method="CONNECT"))
    for version in ("1.1", "1.0"):
        tap.equal("%s: no Host header and no name" % say, put(request("/p", version=version)).asked("host"), [])
    for target in MIXED:
        refused("Host open.example, %s" % target, request(target, "open.example"))
        refused("Host nowhere.test, %s" % target, request(target, "nowhere.test"))
    refused("Host open.example, CONNECT", request("safe.example:443", "open.example", "CONNECT"))
    refused("two Host headers", request(host="open.example", more=["Host: safe.example"]))
    refused("two Host headers, the second in capitals", request(host="open.example", more=["HOST: safe.example"]))
    refused("a Host header that goes on", request(host="open.example\r\n safe.example"))
    refused("a Host header that begins late", request(host="\r\n safe.example"), (400, 421, 308))
    refused("a blank before the colon", request(host="open.example", more=["Host : safe.example"]))
    refused("a line end within a header", request(host="open.example", more=["X: 1\rHost: safe.example"]))
    answer = put(request("*", "open.example", "OPTIONS"))
    tap.equal("%s: OPTIONS *" % say, (answer.name, answer.asked("host")), ("web", ["open.example"]))
    for value in ("h2c", "H2C", "foo, h2c", "h2c,foo"):
        answer = put(request(host="open.example", more=["Connection: Upgrade, HTTP2-Settings", "Upgrade: " + value, "HTTP2-Settings: AAMAAABkAAQAAP__"]))
        tap.ok("%s: no upgrade to %s behind our back" % (say, value), answer.name == "web" and "h2c" not in str(answer.asked("upgrade")).lower(), answer)
    answer = put(request(host="open.example", more=["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]))
    tap.equal("%s: an upgrade to websocket" % say, answer.asked("upgrade"), ["websocket"])


def redirects(say, ports):
    end = ":%d" % ports["https"]
    for host in ("", ":80", ".", "..:80"):
        answer = ask(ports["http"], "/red//evil.test/", host)
        tap.equal("%s: no redirect without a host (%r)" % (say, host), (answer.status, answer.header("location")), (200, []))
    tap.equal("%s: no redirect without a Host header" % say, ask(ports["http"], "/red//evil.test/").header("location"), [])
    for target, path in (("//evil.test/%2e%2e", "//evil.test/%2e%2e"), ("/\\evil.test", "/\\evil.test"), ("/a?b=c#d", "/a?b=c"), ("/%0d%0aX:1", "/%0d%0aX:1"),
                         ("http://x.example/p?q", "/p?q"), ("http://x.example", "/")):
        answer = ask(ports["http"], raw=request(target, "x.example"))
        tap.ok("%s: redirect of %s" % (say, target), answer.status == 400 or
               (answer.status, answer.header("location")) == (308, ["https://x.example" + end + path]), answer)
    for target in ("@evil.test/", ".evil.test", ":1@evil.test/", "http://x.example@evil.test/"):
        answer = ask(ports["http"], raw=request(target, "x.example"))
        tap.equal("%s: no redirect of %s" % (say, target), (answer.status, answer.header("location")), (400, []))
    answer = ask(ports["http"], "/ranged", "x.test", [("X-Forwarded-For", "10.1.1.1")])
    tap.equal("%s: a range is not entered by a header" % say, answer.status, 403)
    for version in (1, 2):
        answer = ask(ports["http"], "/ranged", "x.test", before=lib.proxy_header(version, "10.1.1.1"))
        tap.equal("%s: nor by a PROXY header of version %d" % (say, version), answer.status, 400)


def over_h2(put, web):
    """Over HTTP/2 the name is in :authority, or in Host."""
    for host in NO_HOSTS:
        for name in (":authority", "host"):
            before = len(web.requests)
            answer = put(WELL + [(name, host)])
            came = [dict(r["headers"]).get("host") for r in web.requests[before:]]
            # of the authority http://safe.example 2.6 makes Host: http and the path //safe.example/p, and that is what it routes
            tap.ok("HTTP/2: no host: %s %r" % (name, host), came == ["http"] and host == "http://safe.example" or
                   came == [] and answer.status in (0, 400, 421), (answer, web.requests[before:]))
    for what, fields, may in (("both", [(":authority", "open.example"), ("host", "safe.example")], {"open.example"}),
                              ("both, Host first", [("host", "safe.example"), (":authority", "open.example")], {"open.example"}),
                              ("both, the other way", [(":authority", "safe.example"), ("host", "open.example")], set()),
                              ("Host alone", [("host", "safe.example")], set()),
                              ("two Hosts", [("host", "open.example"), ("host", "safe.example")], {"open.example"}),
                              ("two authorities", [(":authority", "open.example"), (":authority", "safe.example")], set()),
                              ("an empty authority", [(":authority", ""), ("host", "safe.example")], {"", None}),
                              ("a Host in capitals", [(":authority", "open.example"), ("Host", "safe.example")], set())):
        before = len(web.requests)
        answer = put(WELL + fields)
        came = {dict(r["headers"]).get("host") for r in web.requests[before:]}
        tap.ok("HTTP/2: %s" % what, came <= may and (came or answer.status in (0, 400, 421)), (answer, web.requests[before:]))
    for path in ("https://safe.example/p", "safe.example/below", "@safe.example/", "", "/p x", "/p\nx", "/p HTTP/1.1\r\nhost: safe.example\r\n\r\n"):
        before = len(web.requests)
        answer = put([(":method", "GET"), (":scheme", "https"), (":path", path), (":authority", "open.example")])
        tap.ok("HTTP/2: the path %r" % path, answer.status in (0, 400) and web.requests[before:] == [], (answer, web.requests[before:]))
    for method in ("GET http://safe.example/ HTTP/1.1\r\nx:", "GET /x?"):
        before = len(web.requests)
        answer = put([(":method", method), (":scheme", "https"), (":path", "/p"), (":authority", "open.example")])
        tap.ok("HTTP/2: the method %r" % method, answer.status in (0, 400) and web.requests[before:] == [], (answer, web.requests[before:]))
    tap.equal("HTTP/2: an honest request", put(WELL + [(":authority", "open.example")]).name, "web")


def server_names(port, web, vault):
    """SNI as openssl sends it; whatever it is, the hosts of others stay closed."""
    for sni in ("safe.example.", "SAFE.EXAMPLE", "safe.example:443", " safe.example", "safe.example\x01", "vault.example.", "vault.example:443",
                "VAULT.example", "*.deep.example", "x.deep.example.", ".safe.example", "safe..example", "q.vault.example", "open.example"):
        for host in ("safe.example", "vault.example", "x.deep.example"):
            before = len(web.requests) + len(vault.requests)
            run = subprocess.run([tap.need("openssl", "openssl"), "s_client", "-quiet", "-connect", "127.0.0.1:%d" % port, "-servername", sni],
                                 input=request(host=host, version="1.0"), capture_output=True, timeout=20)
            status = run.stdout.split(b" ")[1:2]
            if sni == "VAULT.example": # a name has no case: this is the passed host's own
                tap.ok("SNI %r, host %s" % (sni, host), len(vault.requests) > 0 or not run.stdout, run.stdout)
            else:
                tap.ok("SNI %r, host %s" % (sni, host), status in ([], [b"421"]) and len(web.requests) + len(vault.requests) == before, run)


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "https", "web", "vault")}
    c = lab.certs
    ports.update(ca=c.ca("ca"), open=c.make("open", ["open.example", "safe.example"]), all=c.make("all", ["safe.example", "*.deep.example"]))
    web = lab.web(ports["web"], name="web")
    vault = lab.web(ports["vault"], name="vault", tls=lib.server_tls(c.make("vault", ["vault.example"])))
    with lab.run(PLAIN % ports, "file", wait=[ports["http"], ports["https"]]):
        with_names("file", lambda raw: ask(ports["http"], raw=raw), web)
        redirects("file", ports)
    with lab.run(MAP % ports, "bundle", wait=[ports["http"], ports["https"]]):
        with_names("http", lambda raw: ask(ports["http"], raw=raw), web)
        with_names("https", lambda raw: ask(ports["https"], raw=raw, tls=True, sni="open.example"), web)
        redirects("bundle", ports)
        over_h2(lambda fields: h2(ports["https"], fields, tls=client_tls(alpn=["h2"]), sni="open.example"), web)
        over_h2(lambda fields: h2(ports["http"], fields), web)
        server_names(ports["https"], web, vault)
tap.finish()
