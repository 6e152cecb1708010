#!/usr/bin/python3
"""The PROXY protocol, from clients and to servers."""
import lib
from lib import ask, proxy_header, tap

MAP = """
nodes: {n: 127.0.0.1}
certs: [{file: %(pem)s}]
frontends: {http: {bind: "127.0.0.1:%(http)d", acceptProxy: true}, https: {bind: "127.0.0.1:%(https)d", acceptProxy: true}}
services:
  plain: {nodePort: %(plain)d, hosts: [plain.example], redirectHttps: false, check: false}
  v1:    {nodePort: %(v1)d, hosts: [v1.example], sendProxy: v1, check: false}
  v2:    {nodePort: %(v2)d, hosts: [v2.example], sendProxy: v2, check: {interval: 100ms}}
  tcp1:  {nodePort: %(line1)d, mode: tcp, bind: "127.0.0.1:%(tcp1)d", sendProxy: v1}
  tcp2:  {nodePort: %(line2)d, mode: tcp, bind: "127.0.0.1:%(tcp2)d", sendProxy: v2}
"""

with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "https", "plain", "v1", "v2", "line1", "line2", "tcp1", "tcp2")}
    ports["pem"] = lab.certs.make("a", ["a.example"])
    lab.web(ports["plain"], name="plain")
    lab.web(ports["v1"], name="v1", proxy=True)
    lab.web(ports["v2"], name="v2", proxy=True)
    lab.line(ports["line1"], name="line1", proxy=True)
    lab.line(ports["line2"], name="line2", proxy=True)
    http, https = ports["http"], ports["https"]
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http, https, ports["tcp1"]]) as proxy:
            for version in (1, 2):
                for src, dst in (("192.0.2.7", "192.0.2.1"), ("2001:db8::7", "2001:db8::1")):
                    before = proxy_header(version, src, dst)
                    answer = ask(http, "/", "plain.example", before=before)
                    tap.equal("%s: http takes version %d with %s" % (mode, version, src), answer.asked("x-forwarded-for"), [src])
                    answer = ask(https, "/", "plain.example", before=before, tls=True, sni="a.example")
                    tap.equal("%s: https takes version %d with %s" % (mode, version, src),
                              (answer.asked("x-forwarded-for"), answer.asked("x-forwarded-proto")), ([src], ["https"]))
                    for out in (1, 2):
                        answer = ask(http, "/", "v%d.example" % out, before=before)
                        said = answer.json.get("proxy") or {}
                        tap.equal("%s: version %d is passed on as %d, %s" % (mode, version, out, src),
                                  (answer.name, said.get("version"), said.get("src")), ("v%d" % out, out, src))
            answer = ask(http, "/", "plain.example", timeout=3)
            tap.ok("%s: a client without it gets no service" % mode, answer.status in (0, 400), answer)
            for n in (1, 2):
                client = lib.Client(ports["tcp%d" % n], source="127.0.0.9")
                while b"\n" not in client.data:
                    client._more()
                line, client.data = client.data.split(b"\n", 1)
                said = lib.json.loads(line)
                tap.equal("%s: tcp, version %d" % (mode, n), (said["name"], said["proxy"]["version"], said["proxy"]["src"]),
                          ("line%d" % n, n, "127.0.0.9"))
                client.send(b"ping")
                while len(client.data) < 4:
                    client._more()
                tap.equal("%s: tcp, version %d, data" % (mode, n), client.data, b"ping")
                client.close()
            lib.time.sleep(1)
            tap.ok("%s: checks do not take such a server down" % mode,
                   "is DOWN" not in "".join(x for x in proxy.output().splitlines() if "v2/" in x)
                   and ask(http, "/", "v2.example", before=proxy_header(1, "192.0.2.7")).name == "v2", proxy.output()[-2000:])
tap.finish()
