#!/usr/bin/python3
"""TLS: the certificate of the name asked for, redirect to https, HSTS, HTTP/2, strictSni, protocol versions."""
import os
import ssl

import lib
from lib import ask, curl, subject, tap

MAP = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(one)s%(hosts_one)s}
  - {file: %(two)s%(hosts_two)s}
  - directory: %(directory)s
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"%(strict)s}}
services:
  one:   {nodePort: %(web)d, hosts: [one.example], hsts: {maxAge: 365d, includeSubDomains: true}%(redirect)s}
  two:   {nodePort: %(web)d, hosts: [two.example, "*.two.example"], hsts: {maxAge: 30d}, redirectHttps: false}
  three: {nodePort: %(web)d, hosts: [three.example]}
  four:  {nodePort: %(web)d, hosts: [four.example], redirectHttps: true, frontends: [http, https]}
  only:  {nodePort: %(web)d, hosts: [only.example], frontends: [https]}
  sent:  {nodePort: %(web)d, hosts: [sent.example], routes: [{path: /sent}], frontends: [https], redirectHttps: true}
  plain: {nodePort: %(web)d, hosts: [plain.example], frontends: [http], redirectHttps: false}
"""


def version(port, wanted):
    try:
        client = lib.Client(port, tls=lib.client_tls(version=wanted), sni="one.example")
        client.close()
        return True
    except OSError:
        return False


with lib.Lab() as lab:
    directory = os.path.join(lab.certs.dir, "d")
    os.makedirs(directory)
    three = lab.certs.make("three", ["three.example"])
    os.rename(three, os.path.join(directory, "three.pem"))
    ports = {"http": lib.free_port(), "https": lib.free_port(), "web": lib.free_port(), "directory": directory, "strict": "",
             "one": lab.certs.make("one", ["one.example"]), "two": lab.certs.make("two", ["two.example", "*.two.example"])}
    lab.web(ports["web"], name="web")
    http, https = ports["http"], ports["https"]
    at = "https://%%s:%d" % https
    for mode in lib.MODES:
        # one file cannot say which hosts a certificate is for; then it is the certificate's own names that count
        ports.update(hosts_one="", hosts_two="", redirect=", redirectHttps: true")
        if mode == "bundle":
            ports.update(hosts_one=", hosts: [one.example]", hosts_two=', hosts: [two.example, "*.two.example"]', redirect="")
        with lab.run(MAP % ports, mode, wait=[http, https]):
            for name, wanted in (("one.example", "one"), ("ONE.example", "one"), ("two.example", "two"), ("x.two.example", "two"),
                                 ("three.example", "three"), ("unknown.example", "one"), (None, "one")):
                tap.equal("%s: SNI %s shows the certificate %s" % (mode, name, wanted), subject(https, name), wanted)
            for path in ("/", "/a/b?c=%20d&e", "//x"):
                answer = ask(http, path, "One.Example:80")
                tap.equal("%s: %s is sent to https" % (mode, path), (answer.status, answer.header("location")),
                          (308, [at % "one.example" + path]))
            answer = ask(http, "/", "four.example", method="POST")
            tap.equal("%s: redirectHttps: true without a certificate of its own" % mode,
                      (answer.status, answer.header("location")), (308, [at % "four.example" + "/"]))
            answer = curl("http://one.example/h2", http, "--http2-prior-knowledge")
            tap.equal("%s: redirect over HTTP/2" % mode, (answer.status, answer.header("location")), (308, [at % "one.example" + "/h2"]))
            tap.equal("%s: redirectHttps: false" % mode, ask(http, "/", "two.example").name, "web")
            tap.equal("%s: no host of a certificate, no redirect" % mode, ask(http, "/", "three.example").name, "web")
            answer = ask(https, "/", "one.example", tls=True, sni="one.example")
            tap.equal("%s: HSTS" % mode, (answer.name, answer.header("strict-transport-security")),
                      ("web", ["max-age=31536000; includeSubDomains"]))
            answer = ask(https, "/", "x.two.example", tls=True, sni="x.two.example")
            tap.equal("%s: HSTS without subdomains" % mode, answer.header("strict-transport-security"), ["max-age=2592000"])
            tap.equal("%s: no HSTS on http" % mode, ask(http, "/", "two.example").header("strict-transport-security"), [])
            tap.equal("%s: no HSTS where none is asked for" % mode,
                      ask(https, "/", "three.example", tls=True, sni="three.example").header("strict-transport-security"), [])
            answer = ask(http, "/x", "sent.example")
            tap.equal("%s: a service of https alone that says redirectHttps" % mode,
                      (answer.status, answer.header("location"), ask(https, "/x", "sent.example", tls=True, sni="sent.example").name),
                      (308, [at % "sent.example" + "/x"], "web"))
            tap.equal("%s: without a host it cannot be redirected, and is not served" % mode,
                      [ask(http, raw=b"GET /sent HTTP/1.%d\r\n%s\r\n" % x).status for x in ((0, b""), (1, b"Host:\r\n"))], [400, 400])
            tap.equal("%s: a service of https alone" % mode,
                      (ask(http, "/", "only.example").status, ask(https, "/", "only.example", tls=True, sni="only.example").name),
                      (404, "web"))
            tap.equal("%s: a service of http alone" % mode,
                      (ask(http, "/", "plain.example").name, ask(https, "/", "plain.example", tls=True, sni="x").status), ("web", 404))
            answer = curl("https://two.example/", https, "--http2")
            tap.equal("%s: HTTP/2" % mode, (answer.name, answer.version), ("web", "2"))
            answer = curl("https://two.example/", https, "--http1.1")
            tap.equal("%s: HTTP/1.1" % mode, (answer.name, answer.version), ("web", "1.1"))
            tap.equal("%s: X-Forwarded-Proto" % mode, answer.asked("x-forwarded-proto"), ["https"])
            tap.equal("%s: TLS 1.3, 1.2, not 1.1" % mode, [version(https, v) for v in
                      (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1)], [True, True, False])
        strict = dict(ports, strict=", strictSni: true, alpn: [http/1.1]")
        with lab.run(MAP % strict, mode, wait=[http, https]):
            tap.equal("%s: strictSni" % mode, [subject(https, n) for n in ("one.example", "x.two.example", "unknown.example", None)],
                      ["one", "two", None, None])
            tap.equal("%s: alpn without h2" % mode, curl("https://two.example/", https, "--http2").version, "1.1")
tap.finish()
