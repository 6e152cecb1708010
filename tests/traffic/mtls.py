#!/usr/bin/python3
"""A client certificate demanded for one host: nobody gets round it through another host, name, session or protocol."""
import ssl

import lib
from lib import Client, ask, client_tls, curl, tap

MAP = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(open)s, hosts: [open.example, "*.w.example"]}
  - {file: %(all)s, hosts: [safe.example], clientCa: %(ca)s, verify: required}
  - {file: %(all)s, hosts: [other.example], clientCa: %(ca2)s, verify: required}
  - {file: %(all)s, hosts: [asks.example], clientCa: %(ca)s, verify: optional}
  - {file: %(all)s, hosts: ["*.deep.example"], clientCa: %(ca)s}
frontends:
  http: {bind: "127.0.0.1:%(http)d"}
  https: {bind: "127.0.0.1:%(https)d"%(strict)s}
  second: {bind: "127.0.0.1:%(second)d", tls: true}
  inner: {bind: "127.0.0.1:%(inner)d"}
services:
  open:  {nodePort: %(web)d, hosts: [open.example, "*.w.example"], redirectHttps: false, frontends: [http, https, second, inner]}
  safe:  {nodePort: %(safe)d, hosts: [safe.example], headers: {request: {set: {X-Client: {format: "%%[ssl_c_s_dn(cn)]"}}}}}
  path:  {nodePort: %(safe)d, routes: [{host: safe.example, path: /below}, {host: safe.example, path: "/rx[0-9]", pathType: Regex}]}
  other: {nodePort: %(safe)d, hosts: [other.example]}
  asks:  {nodePort: %(safe)d, hosts: [asks.example], headers: {request: {set: {X-Client: {format: "%%[ssl_c_s_dn(cn)]"}}}}}
  deep:  {nodePort: %(safe)d, hosts: ["*.deep.example"]}
"""
# The services name no protected host: routes without a host, a wildcard and a default lead to it. And tickets are not forbidden in `global`.
LOOSE = """
global: "ssl-default-bind-options ssl-min-ver TLSv1.2"
nodes: {n: 127.0.0.1}
certs:
  - {file: %(open)s, hosts: [open.example]}
  - {file: %(all)s, hosts: [safe.example, "*.deep.example"], clientCa: %(ca)s}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
services:
  open: {nodePort: %(web)d, hosts: [open.example]}
  path: {nodePort: %(safe)d, routes: [{path: /any}]}
  wild: {nodePort: %(safe)d, hosts: ["*.example"]}
  rest: {nodePort: %(safe)d, default: true, redirectHttps: false}
"""
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SPELLINGS = ("safe.example", "SAFE.example", "safe.example.", "safe.example:443", "Safe.Example.:8443")


def https(port, host, sni, cert=None, path="/", version=None, **how):
    return ask(port, path, host, tls=client_tls(cert, version=version), sni=sni, **how)


def resumed(port, first, second, version, cert=None, host=None):
    """Asks with the session of a connection made for another name; says (answer, whether the session was taken)."""
    context = client_tls(cert, version=version)
    try:
        client = Client(port, tls=context, sni=first)
        client.ask("/", first)
        session = client.sock.session
        client.close()
        client = Client(port, tls=context, sni=second, session=session)
        answer = client.ask("/", host or second)
        taken = client.sock.session_reused
        client.close()
        return answer, taken
    except (OSError, EOFError) as e:
        return lib.Answer(0, error=repr(e)), False


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "https", "second", "inner", "web", "safe")}
    c = lab.certs
    ports.update(strict="", ca=c.ca("ca"), ca2=c.ca("ca2"), open=c.make("open", ["open.example", "*.w.example", "safe.example"]),
                 all=c.make("all", ["safe.example", "other.example", "asks.example", "*.deep.example", "open.example"]))
    mine, theirs, stranger = c.signed("mine", "ca"), c.signed("theirs", "ca2"), c.make("stranger", ["x.example"])
    lab.web(ports["web"], name="open")
    safe = lab.web(ports["safe"], name="safe")
    port = ports["https"]
    for mode, strict in (("bundle", ""), ("bundle", ", strictSni: true")):
        ports["strict"] = strict
        say = "strict, " if strict else ""
        with lab.run(MAP % ports, mode, wait=[ports["http"], port, ports["second"], ports["inner"]]):
            tap.equal(say + "the open host asks for nothing", https(port, "open.example", "open.example").name, "open")
            for version in (V12, V13):
                answer = https(port, "safe.example", "safe.example", mine, version=version)
                tap.equal(say + "with a certificate, %s" % version.name, (answer.name, answer.asked("x-client")), ("safe", ["mine"]))
            for host in SPELLINGS:
                tap.equal(say + "with a certificate, host written %s" % host, https(port, host, "safe.example", mine).name, "safe")
            tap.equal(say + "with a certificate, SNI in capitals", https(port, "safe.example", "SAFE.example", mine).name, "safe")
            tap.equal(say + "with a certificate, /below", https(port, "safe.example", "safe.example", mine, "/below/x").name, "safe")
            answer = curl("https://safe.example/", port, "--cert", mine)
            tap.equal(say + "with a certificate, HTTP/2", (answer.name, answer.version), ("safe", "2"))
            tap.equal(say + "a wildcard with a certificate", https(port, "x.deep.example", "x.deep.example", mine).name, "safe")
            tap.equal(say + "optional: without a certificate", https(port, "asks.example", "asks.example").asked("x-client"), [""])
            tap.equal(say + "optional: with one", https(port, "asks.example", "asks.example", mine).asked("x-client"), ["mine"])
            tap.equal(say + "a session of one's own is taken or not, the answer comes",
                      [resumed(port, "safe.example", "safe.example", v, mine)[0].name for v in (V12, V13)], ["safe", "safe"])

            # from here on nobody may reach the protected server; it keeps count
            before = len(safe.requests)
            for version in (V12, V13):
                for cert in (None, stranger, theirs):
                    name = cert.rsplit("/", 1)[1] if cert else "nothing"
                    answer = https(port, "safe.example", "safe.example", cert, version=version)
                    tap.ok(say + "%s: right name, %s shown: no handshake" % (version.name, name), answer.status == 0, answer)
            snis = ["open.example", "q.w.example", "unknown.example", None]
            for sni in snis:
                for host in SPELLINGS:
                    for path in ("/", "/below", "/rx1"):
                        if path != "/" and host != SPELLINGS[0]:
                            continue
                        answer = https(port, host, sni, path=path)
                        wanted = (0,) if strict and sni not in ("open.example", "q.w.example") else (421,)
                        tap.ok(say + "SNI %s, host %s, path %s: %s" % (sni, host, path, wanted[0]), answer.status in wanted, answer)
                    answer = https(port, host, sni, mine)
                    tap.ok(say + "SNI %s, host %s, even with a certificate" % (sni, host), answer.status in (421, 0), answer)
            for sni, host, cert in (("asks.example", "safe.example", None), ("other.example", "safe.example", theirs),
                                    ("x.deep.example", "y.deep.example", mine), ("x.deep.example", "safe.example", mine),
                                    ("open.example", "x.deep.example", None), ("open.example", "asks.example", None),
                                    ("open.example", "deep.example.safe.example", None)):
                answer = https(port, host, sni, cert)
                tap.ok(say + "SNI %s for host %s" % (sni, host), answer.status in (421, 404), answer)
            raw = b"GET https://safe.example/ HTTP/1.1\r\nHost: safe.example\r\n\r\n"
            answer = ask(port, raw=raw, tls=True, sni="open.example")
            tap.equal(say + "absolute URI", answer.status, 421)
            raw = b"GET / HTTP/1.1\r\nHost: open.example\r\nHost: safe.example\r\n\r\n"
            tap.equal(say + "two Host headers", ask(port, raw=raw, tls=True, sni="open.example").status, 400)
            raw = b"GET / HTTP/1.1\r\nHost: open.example,safe.example\r\n\r\n"
            answer = ask(port, raw=raw, tls=True, sni="open.example")
            tap.ok(say + "two hosts in a Host header", answer.status in (400, 404, 421), answer)
            client = Client(port, tls=client_tls(), sni="open.example")
            tap.equal(say + "the second request of a connection", [client.ask("/", "open.example").name, client.ask("/", "safe.example").status],
                      ["open", 421])
            client.close()
            for words in (("-H", "Host: safe.example"), ("-H", "Host: SAFE.example:443"), ("-H", "Host: safe.example.")):
                answer = curl("https://open.example/", port, *words)
                tap.equal(say + "an HTTP/2 connection reused, %s" % words[1], (answer.status, answer.version), (421, "2"))
            for version in (V12, V13):
                for first, second, cert in (("open.example", "safe.example", None), ("asks.example", "safe.example", None),
                                            ("other.example", "safe.example", theirs), ("open.example", "x.deep.example", None),
                                            ("unknown.example", "safe.example", None), ("other.example", "asks.example", theirs)):
                    if strict and first == "unknown.example":
                        continue
                    answer, taken = resumed(port, first, second, version, cert)
                    good = answer.status in (421, 0)
                    # a host that only asks may answer, but not call a stranger's certificate good
                    if second == "asks.example":
                        good = good or answer.asked("x-client") == [""]
                    tap.ok(say + "%s: a session of %s resumed for %s" % (version.name, first, second), good, (answer, taken))
                answer, _ = resumed(port, "open.example", "open.example", version, None, "safe.example")
                tap.equal(say + "%s: a session resumed for its own name" % version.name, answer.status, 421)
            for name in ("http", "inner"):
                for host in SPELLINGS:
                    answer = ask(ports[name], "/", host)
                    tap.ok(say + "%s does not serve %s" % (name, host), answer.status in (308, 404, 421), answer)
            for host in SPELLINGS:
                answer = https(ports["second"], host, "safe.example")
                tap.ok(say + "another TLS frontend does not serve %s" % host, answer.status in (0, 404, 421), answer)
            # the two hosts whose sessions were made to be resumed elsewhere answer for themselves
            came = [r for r in safe.requests[before:] if dict(r["headers"]).get("host") not in ("asks.example", "other.example")]
            tap.equal(say + "nothing of it came through", came, [])
    with lab.run(LOOSE % ports, "bundle", wait=[ports["http"], port]):
        tap.equal("loose: hosts that nobody protects", [https(port, h, h).name for h in ("open.example", "x.example", "z.test")],
                  ["open", "safe", "safe"])
        for host in ("safe.example", "x.deep.example"):
            tap.equal("loose: %s with a certificate" % host, https(port, host, host, mine, "/any").name, "safe")
        for host in ("safe.example", "x.deep.example", "y.x.deep.example", "z.y.x.deep.example"):
            for sni in (host, "open.example", "x.example", None):
                for path in ("/", "/any", "/any/x"):
                    answer = https(port, host, sni, path=path)
                    tap.ok("loose: SNI %s, host %s, %s without a certificate" % (sni, host, path), answer.status in (0, 421), answer)
            for path in ("/", "/any"):
                answer = ask(ports["http"], path, host)
                tap.ok("loose: %s on http, %s" % (host, path), answer.status in (308, 404, 421), answer)
            for version in (V12, V13):
                answer, taken = resumed(port, "open.example", host, version)
                tap.ok("loose: %s: a session of open.example for %s" % (version.name, host), answer.status in (0, 421), (answer, taken))
tap.finish()
