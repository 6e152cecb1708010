#!/usr/bin/python3
"""Addresses: IPv4 and IPv6 beside each other on one port, IPv6 nodes, host names, several frontends, frontends that are switched off."""
import lib
from lib import ask, subject, tap

MAP = """
nodes: {four: 127.0.0.1%(six_node)s}
certs: [{file: %(pem)s}]
frontends:
  http: {bind: [":%(http)d"%(six_http)s]}
  https: {bind: ["*:%(https)d"%(six_https)s]}
  inner: {bind: "127.0.0.2:%(inner)d"}
  secure: {bind: "127.0.0.2:%(secure)d", tls: true, alpn: [http/1.1], strictSni: true}
services:
  all:    {nodePort: %(web)d, hosts: [all.example]}
  within: {nodePort: %(web)d, hosts: [inner.example], frontends: [inner, secure]}
  named:  {hosts: [named.example], servers: [{name: local, address: localhost, port: %(web)d}]}
  four:   {nodePort: %(web)d, hosts: [four.example], nodes: [four]}
%(six_service)s
"""
OFF = """
nodes: {n: 127.0.0.1}
frontends: {http: false, https: false, inner: {bind: "127.0.0.2:%(inner)d"}}
services: {web: {nodePort: %(web)d, hosts: [a.example], frontends: [inner]}}
"""

with lib.Lab() as lab:
    six = lib.has_ipv6()
    ports = {k: lib.free_port() for k in ("http", "https", "inner", "secure", "web")}
    ports["pem"] = lab.certs.make("cert", ["all.example"])
    ports.update(six_node=', six: "::1"' if six else "", six_http=', "[::]:%d"' % ports["http"] if six else "",
                 six_https=', "[::]:%d"' % ports["https"] if six else "",
                 six_service="  six: {nodePort: %d, hosts: [six.example], nodes: [six]}" % ports["web"] if six else "")
    lab.web(ports["web"], name="web4")
    if six:
        lab.web(ports["web"], ("::1",), name="web6")
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[ports["http"], ports["https"], ("127.0.0.2", ports["inner"])]) as proxy:
            for address in ("127.0.0.1", "127.0.0.9") + (("::1",) if six else ()):
                tap.equal("%s: http on %s" % (mode, address), ask(ports["http"], "/", "four.example", address=address).name, "web4")
                tap.equal("%s: https on %s" % (mode, address),
                          ask(ports["https"], "/", "four.example", address=address, tls=True, sni="all.example").name, "web4")
            if six:
                tap.equal("%s: [::] is written v6only" % mode,
                          all("v6only" in x for x in proxy.text().splitlines() if x.split()[:1] == ["bind"] and "[::]:" in x), True)
                tap.equal("%s: an IPv6 node" % mode, ask(ports["http"], "/", "six.example").name, "web6")
                tap.equal("%s: both kinds of nodes" % mode, {ask(ports["http"], "/", "all.example").name for _ in range(8)}, {"web4", "web6"})
            tap.ok("%s: a host name as address" % mode, ask(ports["http"], "/", "named.example").name in ("web4", "web6"))
            tap.equal("%s: a service of another frontend is not on http" % mode, ask(ports["http"], "/", "inner.example").status, 404)
            tap.ok("%s: but on its own" % mode, ask(ports["inner"], "/", "inner.example", address="127.0.0.2").name in ("web4", "web6"))
            tap.equal("%s: where the others are not" % mode, ask(ports["inner"], "/", "all.example", address="127.0.0.2").status, 404)
            answer = ask(ports["secure"], "/", "inner.example", address="127.0.0.2", tls=True, sni="all.example")
            tap.equal("%s: a TLS frontend of one's own" % mode, (answer.status, answer.asked("x-forwarded-proto")), (200, ["https"]))
            tap.equal("%s: with its own strictSni" % mode, (subject(ports["secure"], "nobody.example", "127.0.0.2"),
                      subject(ports["https"], "nobody.example")), (None, "cert"))
        with lab.run(OFF % ports, mode, wait=[("127.0.0.2", ports["inner"])]):
            tap.equal("%s: http and https switched off" % mode, ask(ports["inner"], "/", "a.example", address="127.0.0.2").name, "web4")
if not six:
    tap.skip("no IPv6 on the loopback interface")
tap.finish()
