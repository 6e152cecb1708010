#!/usr/bin/python3
"""Servers that speak https, h2 and h2c; who verifies them and what name they are told."""
import os

import lib
from lib import ask, tap, until

MAP = """
nodes: {n: 127.0.0.1}
certs: [{file: %(front)s}]
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
serviceDefaults: {check: {interval: 200ms, fall: 1, rise: 1}}
services:
  plain:    {nodePort: %(tls)d, hosts: [none.example], backendProtocol: https, backendTls: {verify: none}}
  named:    {nodePort: %(tls)d, hosts: [named.example], backendProtocol: https, backendTls: {verify: none, sni: backend.example}}
  good:     {nodePort: %(tls)d, hosts: [good.example], backendProtocol: https, backendTls: {verify: required, ca: %(ca)s, sni: backend.example}}
  stranger: {nodePort: %(tls)d, hosts: [stranger.example], backendProtocol: https, backendTls: {ca: %(otherca)s, sni: backend.example}}
  misnamed: {nodePort: %(tls)d, hosts: [misnamed.example], backendProtocol: https, check: false,
             backendTls: {verify: required, ca: %(ca)s, sni: wrong.example}}
  checked:  {nodePort: %(tls)d, hosts: [checked.example], backendProtocol: https, check: {path: /healthz},
             backendTls: {verify: required, ca: %(ca)s, sni: backend.example}}
  h2:       {nodePort: %(h2)d, hosts: [h2.example], backendProtocol: h2, backendTls: {verify: none}, check: {path: /healthz}}
  h2c:      {nodePort: %(h2c)d, hosts: [h2c.example], backendProtocol: h2c, check: {path: /healthz}}
  h2ctcp:   {nodePort: %(h2c)d, hosts: [h2ctcp.example], backendProtocol: h2c}
  notls:    {nodePort: %(web)d, hosts: [notls.example], backendProtocol: https, backendTls: {verify: none}, check: false}
"""

with lib.Lab() as lab:
    nghttpd = lib.shutil.which("nghttpd")
    ports = {k: lib.free_port() for k in ("http", "https", "tls", "h2", "h2c", "web")}
    ports["ca"] = lab.certs.ca("ca")
    ports["otherca"] = lab.certs.ca("otherca")
    ports["front"] = lab.certs.make("front", ["front.example"])
    back = lab.certs.signed("backend", "ca", ["backend.example"])
    web = lab.web(ports["tls"], name="tls", tls=lib.server_tls(back))
    lab.web(ports["web"], name="web")
    root = os.path.join(lab.dir, "root")
    os.makedirs(root)
    for name in ("healthz", "file"):
        with open(os.path.join(root, name), "w") as f:
            f.write("from nghttpd\n")
    if nghttpd:
        lab.child([nghttpd, "--no-tls", "-d", root, str(ports["h2c"])], ports["h2c"])
        lab.child([nghttpd, "-d", root, str(ports["h2"]), back[:-4] + ".key", back], ports["h2"])
    http, https = ports["http"], ports["https"]
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http, https]):
            answer = ask(http, "/", "none.example")
            tap.equal("%s: https without verification" % mode, (answer.name, answer.json.get("tls") in ("TLSv1.2", "TLSv1.3")), ("tls", True))
            answer = ask(http, "/", "named.example")
            tap.equal("%s: the server name is told" % mode, (answer.name, answer.json.get("sni")), ("tls", "backend.example"))
            answer = ask(http, "/", "good.example")
            tap.equal("%s: a verified server" % mode, (answer.name, answer.json.get("sni")), ("tls", "backend.example"))
            answer = ask(https, "/", "good.example", tls=True, sni="front.example")
            tap.equal("%s: TLS on both sides" % mode, (answer.name, answer.asked("x-forwarded-proto")), ("tls", ["https"]))
            tap.ok("%s: a CA that did not sign it" % mode, until(lambda: ask(http, "/", "stranger.example").status == 503, 5))
            tap.equal("%s: another name than the certificate's" % mode, ask(http, "/", "misnamed.example").status, 503)
            tap.ok("%s: no TLS there" % mode, ask(http, "/", "notls.example").status in (502, 503))
            tap.ok("%s: checks go over TLS" % mode, until(lambda: any(
                r["target"] == "/healthz" and r["sni"] == "backend.example" for r in web.requests), 5))
            web.answers["/healthz"] = 500
            tap.ok("%s: and count" % mode, until(lambda: ask(http, "/", "checked.example").status == 503, 5))
            web.answers["/healthz"] = 200
            tap.ok("%s: both ways" % mode, until(lambda: ask(http, "/", "checked.example").name == "tls", 5))
            if nghttpd:
                lib.time.sleep(0.5)
                for kind in ("h2", "h2c", "h2ctcp"):
                    answer = ask(http, "/file", kind + ".example")
                    tap.equal("%s: %s" % (mode, kind), (answer.status, answer.body), (200, b"from nghttpd\n"))
                answer = lib.curl("http://h2c.example/file", http, "--http2-prior-knowledge")
                tap.equal("%s: HTTP/2 from end to end" % mode, (answer.status, answer.version, answer.body.strip()), (200, "2", b"from nghttpd"))
if not nghttpd:
    tap.skip("h2 and h2c need nghttpd (Debian: package nghttp2-server)")
tap.finish()
