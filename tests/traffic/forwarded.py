#!/usr/bin/python3
"""X-Forwarded-For and -Proto: replaced, except from the trusted, where they are kept and extended."""
import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
certs: [{file: %(pem)s}]
frontends: {http: {bind: ["127.0.0.1:%(http)d"%(six)s]}, https: {bind: "127.0.0.1:%(https)d"}}
%(trust)s
services:
  web: {nodePort: %(web)d, hosts: [a.example]}
  any: {nodePort: %(web)d, default: true}
"""


def joined(values):
    return [x.strip() for v in values for x in v.split(",")]


with lib.Lab() as lab:
    six = lib.has_ipv6()
    ports = {k: lib.free_port() for k in ("http", "https", "web")}
    ports.update(pem=lab.certs.make("tls", ["tls.example"]), trust="", six=', "[::1]:%d"' % ports["http"] if six else "")
    lab.web(ports["web"], name="web")
    http, https = ports["http"], ports["https"]
    sent = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2, 192.0.2.3"), ("X-Forwarded-Proto", "https")]
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http, https]):
            for host in ("a.example", "other.example"):
                answer = ask(http, "/", host, sent, source="127.0.0.1")
                tap.equal("%s: %s: replaced" % (mode, host), (joined(answer.asked("x-forwarded-for")), answer.asked("x-forwarded-proto")),
                          (["127.0.0.1"], ["http"]))
            answer = ask(http, "/", "a.example")
            tap.equal("%s: made where there is none" % mode, (answer.asked("x-forwarded-for"), answer.asked("x-forwarded-proto")),
                      (["127.0.0.1"], ["http"]))
            answer = ask(https, "/", "a.example", [("x-forwarded-proto", "http")], tls=True, sni="tls.example")
            tap.equal("%s: https is said" % mode, answer.asked("x-forwarded-proto"), ["https"])
            two = lib.curl("http://a.example/", http, "--http2-prior-knowledge", "-H", "X-Forwarded-For: 192.0.2.9")
            tap.equal("%s: replaced in HTTP/2" % mode, joined(two.asked("x-forwarded-for")), ["127.0.0.1"])
            if six:
                answer = ask(http, "/", "a.example", sent, address="::1")
                tap.equal("%s: IPv6" % mode, joined(answer.asked("x-forwarded-for")), ["::1"])
        trusting = dict(ports, trust='forwarded: {trust: [127.0.0.2/32, 127.0.1.0/24, "::1"]}')
        with lab.run(MAP % trusting, mode, wait=[http, https]):
            for source, trusted in (("127.0.0.1", False), ("127.0.0.2", True), ("127.0.1.77", True), ("127.0.2.1", False)):
                answer = ask(http, "/", "a.example", sent, source=source)
                wanted = (["192.0.2.1", "192.0.2.2", "192.0.2.3", source], ["https"]) if trusted else ([source], ["http"])
                tap.equal("%s: from %s: %s" % (mode, source, "extended" if trusted else "replaced"),
                          (joined(answer.asked("x-forwarded-for")), answer.asked("x-forwarded-proto")), wanted)
            answer = ask(http, "/", "a.example", source="127.0.0.2")
            tap.equal("%s: trusted, but nothing was sent" % mode, (answer.asked("x-forwarded-for"), answer.asked("x-forwarded-proto")),
                      (["127.0.0.2"], ["http"]))
            if six:
                answer = ask(http, "/", "a.example", sent, address="::1")
                tap.equal("%s: trusted over IPv6" % mode, joined(answer.asked("x-forwarded-for"))[-1:] + joined(answer.asked("x-forwarded-for"))[:1],
                          ["::1", "192.0.2.1"])
if not six:
    tap.skip("no IPv6 on the loopback interface")
tap.finish()
