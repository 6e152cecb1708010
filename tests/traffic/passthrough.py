#!/usr/bin/python3
"""TLS passed through by its server name beside TLS that ends here, on one address."""
import lib
from lib import Client, ask, client_tls, curl, subject, tap, until

MAP = """
nodes: {node1: 127.0.0.1, node2: 127.0.0.2}
%(certs)s
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: ["127.0.0.1:%(https)d"%(six)s]%(accept)s}}
serviceDefaults: {check: {interval: 100ms, rise: 1, fall: 1}}
services:
  vault:  {nodePort: %(vault)d, mode: tcp, tls: passthrough, hosts: [vault.example, "*.vault.example"], sendProxy: v2}
  label:  {nodePort: %(label)d, mode: tcp, tls: passthrough, hosts: ["*.example"], wildcard: label, check: {type: tls, interval: 100ms}}
  narrow: {nodePort: %(label)d, mode: tcp, tls: passthrough, hosts: [narrow.example], sourceRanges: [127.0.0.9/32]}
%(own)s
"""
OWN = """  www:    {nodePort: %(web)d, hosts: [www.example], redirectHttps: false}
  inner:  {nodePort: %(web)d, hosts: [in.vault.example]}
  other:  {nodePort: %(web)d, hosts: ["*.other.test"]}
"""


def name_of(port, sni, **how):
    """Who answers: the certificate shown and the server that speaks, with what it says of the client."""
    answer = ask(port, "/", sni, tls=True, sni=sni, **how)
    return answer.name


with lib.Lab() as lab:
    six = lib.has_ipv6()
    ports = {k: lib.free_port() for k in ("http", "https", "vault", "label", "web")}
    ports["six"] = ', "[::1]:%d"' % ports["https"] if six else ""
    front = lab.certs.make("front", ["www.example", "*.other.test", "vault.example"])
    vault_pem = lab.certs.make("vault", ["vault.example", "*.vault.example"])
    label_pem = lab.certs.make("label", ["*.example"])
    lab.web(ports["vault"], ("127.0.0.1", "127.0.0.2"), name="vault", tls=lib.server_tls(vault_pem), proxy=True)
    first, second = lab.web(ports["label"], ("127.0.0.1", "127.0.0.2"), name="label", tls=lib.server_tls(label_pem))
    lab.web(ports["web"], name="web")
    http, https = ports["http"], ports["https"]
    both = dict(ports, certs="certs: [{file: %s}]" % front, own=OWN % ports, accept="")
    for mode in lib.MODES:
        with lab.run(MAP % both, mode, wait=[http, https]):
            for sni, shown, wanted in (("vault.example", "vault", "vault"), ("VAULT.example", "vault", "vault"),
                                       ("x.vault.example", "vault", "vault"), ("y.x.vault.example", "vault", "vault"),
                                       ("q.example", "label", "label"), ("www.example", "front", "web"), ("a.other.test", "front", "web"),
                                       ("in.vault.example", "front", "web")):
                tap.equal("%s: SNI %s" % (mode, sni), (subject(https, sni), name_of(https, sni)), (shown, wanted))
            tap.equal("%s: a label wildcard is one label" % mode, subject(https, "r.q.example"), "front")
            tap.equal("%s: no SNI ends here" % mode, subject(https), "front")
            tap.equal("%s: unknown SNI ends here" % mode, (subject(https, "unknown.test"), name_of(https, "unknown.test")), ("front", 404))
            said = ask(https, "/", "vault.example", tls=True, sni="vault.example", source="127.0.0.7").json.get("proxy") or {}
            tap.equal("%s: the passed one hears who comes" % mode, (said.get("version"), said.get("src")), (2, "127.0.0.7"))
            answer = ask(https, "/", "www.example", tls=True, sni="www.example", source="127.0.0.7")
            tap.equal("%s: the one that ends here too" % mode, (answer.asked("x-forwarded-for"), answer.asked("x-forwarded-proto")),
                      (["127.0.0.7"], ["https"]))
            if six:
                answer = ask(https, "/", "www.example", tls=True, sni="www.example", address="::1")
                tap.equal("%s: IPv6" % mode, answer.asked("x-forwarded-for"), ["::1"])
            tap.equal("%s: sourceRanges inside" % mode, name_of(https, "narrow.example", source="127.0.0.9"), "label")
            tap.equal("%s: sourceRanges outside" % mode, name_of(https, "narrow.example", source="127.0.0.1"), 0)
            answer = curl("https://www.example/", https)
            tap.equal("%s: HTTP/2 where it ends here" % mode, (answer.name, answer.version), ("web", "2"))
            for host in ("vault.example", "VAULT.example.:443", "x.vault.example", "q.example"):
                answer = curl("https://www.example/", https, "-H", "Host: " + host)
                tap.equal("%s: an HTTP/2 connection reused for %s" % (mode, host), (answer.status, answer.version), (421, "2"))
                answer = ask(https, "/", host, tls=True, sni="www.example")
                tap.equal("%s: HTTP/1.1 for %s on another's connection" % (mode, host), answer.status, 421)
            tap.ok("%s: a passed host is not on http" % mode, ask(http, "/", "vault.example").status in (308, 404, 421))
            tap.equal("%s: plain text on the TLS port" % mode, ask(https, "/", "vault.example").status, 0)
            tap.equal("%s: the plain frontend serves on" % mode, ask(http, "/", "www.example").name, "web")
            first.stop()
            tap.ok("%s: a dead node gets nothing" % mode, until(lambda: all(name_of(https, "q.example") == "label" for _ in range(6))))
            first.start()
        only = dict(ports, certs="", own="", accept="")
        with lab.run(MAP % only, mode, wait=[https]) as proxy:
            tap.equal("%s: passthrough alone" % mode, name_of(https, "vault.example"), "vault")
            tap.equal("%s: passthrough alone: unknown and no SNI are refused" % mode,
                      (subject(https, "unknown.test"), subject(https)), (None, None))
        accept = dict(both, accept=", acceptProxy: true")
        with lab.run(MAP % accept, mode, wait=[http, https]):
            before = lib.proxy_header(2, "192.0.2.44")
            answer = ask(https, "/", "www.example", tls=True, sni="www.example", before=before)
            tap.equal("%s: acceptProxy, ends here" % mode, answer.asked("x-forwarded-for"), ["192.0.2.44"])
            said = ask(https, "/", "vault.example", tls=True, sni="vault.example", before=before).json.get("proxy") or {}
            tap.equal("%s: acceptProxy, passed through" % mode, said.get("src"), "192.0.2.44")
if not six:
    tap.skip("no IPv6 on the loopback interface")
tap.finish()
