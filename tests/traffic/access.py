#!/usr/bin/python3
"""Who somebody is, and what is answered: basicAuth, clientCert, cors, compression, errorPages."""
import base64
import gzip
import hashlib
import os
import stat

import lib
from lib import ask, client_tls, tap

MAP = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(all)s%(asked)s}
process: {socket: {path: %(socket)s}}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
serviceDefaults: {errorPages: {503: %(page)s}}
services:
  auth:   {nodePort: %(web)d, hosts: [auth.example], basicAuth: {realm: "The 'shop'", users: {"joe@a b": %(hash)s, plain: "pa ss'%%[src] $HOME#"}, file: %(users)s}}
  cors:
    nodePort: %(web)d
    hosts: [cors.example]
    basicAuth: {users: {joe: %(hash)s}}
    cors: {origins: ["https://app.example", "http://localhost:3000", "https://*.wild.example", "http://*.wild.example:8080"], methods: [GET, PUT], headers: [X-A, Content-Type], expose: [X-Total], credentials: true, maxAge: 10m}
  any:    {nodePort: %(web)d, hosts: [any.example], cors: "*"}
  cert:   {nodePort: %(web)d, hosts: [cert.example, plain.example], redirectHttps: false, clientCert: {certificate: X-SSL-Client-Cert, serial: X_Serial}}
  packed: {nodePort: %(web)d, hosts: [packed.example], compression: application/json}
  closed: {nodePort: %(web)d, hosts: [closed.example], basicAuth: {users: {joe: %(hash)s}}, maintenance: {page: %(page2)s, retryAfter: 10m, except: [127.0.0.7]}}
  short:  {nodePort: %(web)d, hosts: [short.example], maintenance: true}
  open:   {nodePort: %(web)d, hosts: [open.example], maintenance: false}
  dead:   {hosts: [dead.example], servers: [{name: s, address: 127.0.0.1, port: %(none)d}]}
  dead2:  {hosts: [dead2.example], errorPages: {503: %(page2)s}, servers: [{name: s, address: 127.0.0.1, port: %(none)d}]}
"""
NAMES = ("x-ssl-client-verify", "x-ssl-client-subject", "x-ssl-client-cn", "x-ssl-client-issuer", "x_serial", "x-ssl-client-fingerprint",
         "x-ssl-client-not-after", "x-ssl-client-cert")


def basic(name, password):
    return [("Authorization", "Basic " + base64.b64encode(("%s:%s" % (name, password)).encode()).decode())]


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "https", "web", "none")}
    ports["socket"] = os.path.join(lab.dir, "s")
    lab.certs.ca("khap-ca")
    ports["ca"] = lab.certs.path("khap-ca.crt")
    ports["all"] = lab.certs.make("cert", ["cert.example"])
    client = lab.certs.signed("joe", "khap-ca")
    # the hash of `secret`
    ports["hash"] = lib.subprocess.run(["openssl", "passwd", "-1", "-salt", "abcdefgh", "secret"], capture_output=True, text=True).stdout.strip()
    for name, text in ("users", "# who\n\nfile:%s\r\n" % ports["hash"]), ("page", "<p>closed</p>"), ("page2", "<p>shut</p>"):
        ports[name] = os.path.join(lab.dir, name)
        with open(ports[name], "w", newline="") as f:
            f.write(text)
    lab.web(ports["web"], name="web")
    http, https = ports["http"], ports["https"]
    for mode in lib.MODES:
        # one file cannot hold the list of certificates that a client CA needs
        ports["asked"] = ", hosts: [cert.example], clientCa: %(ca)s, verify: optional" % ports if mode == "bundle" else ""
        with lab.run(MAP % ports, mode, wait=[http, https]) as proxy:
            tap.equal("%s: a secret is for its owner" % mode, stat.S_IMODE(os.stat(proxy.config).st_mode), 0o600)
            tap.ok("%s: no secret is said" % mode, "pa ss" not in proxy.generated.stderr and ports["hash"] not in proxy.generated.stderr, proxy.generated.stderr)
            tap.ok("%s: a plain one is a warning" % mode, "password-plain" in proxy.generated.stderr, proxy.generated.stderr)
            for who, password, good in (("joe@a b", "secret", True), ("plain", "pa ss'%[src] $HOME#", True), ("file", "secret", True),
                                        ("joe@a b", "Secret", False), ("plain", "pa ss", False), ("file", "", False), ("nobody", "secret", False),
                                        ("joe@a b", ports["hash"], False), ("", "", False)):
                answer = ask(http, "/", "auth.example", basic(who, password))
                tap.equal("%s: basicAuth %s %s" % (mode, who, password), answer.name, "web" if good else 401)
            answer = ask(http, "/", "auth.example")
            tap.equal("%s: basicAuth without" % mode, (answer.status, answer.header("www-authenticate")), (401, ["Basic realm=\"The 'shop'\""]))

            pre = [("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "x-a")]
            for origin in "https://app.example", "http://localhost:3000", "https://a.wild.example", "https://a-1.b_2.wild.example", "http://a.wild.example:8080":
                answer = ask(http, "/", "cors.example", [("Origin", origin)] + pre, method="OPTIONS")
                tap.equal("%s: cors: preflight of %s" % (mode, origin), (answer.status, answer.header("vary"), sorted(v for k, v in answer.headers if k.startswith("access-"))),
                          (204, ["Origin"], sorted([origin, "true", "GET, PUT", "X-A, Content-Type", "X-Total", "600"])))
            for origin in "https://evil.example", "https://app.example.evil.example", "https://app.example, https://evil.example", "null", "http://app.example", \
                    "https://wild.example", "https://evil-wild.example", "https://evilwild.example", "https://.wild.example", "https://a..wild.example", "http://a.wild.example", \
                    "https://a.wild.example:8080", "https://a.wild.example.evil.example", "https://evil.example/.wild.example", "https://evil.example#.wild.example", "https://evil.example?.wild.example", \
                    "https://evil.example\\.wild.example", "https://u:p@a.wild.example", "https://evil.example%00.wild.example", "https://a.wildXexample", "https://A.wild.example", \
                    "x https://a.wild.example", "https://a.wild.example https://evil.example", "https://evil.example, https://a.wild.example", "https://*.wild.example", \
                    "https://a.wild.example.", "https://[::1].wild.example", "https://\xe9.wild.example", "https://a.wild.example:":
                answer = ask(http, "/", "cors.example", [("Origin", origin)] + pre, method="OPTIONS")
                tap.equal("%s: cors: preflight of %s" % (mode, origin), (answer.status, [k for k, _ in answer.headers if k.startswith("access-")]), (204, []))
            answer = ask(http, "/", "cors.example", [("Origin", "https://app.example")] + basic("joe", "secret"))
            tap.equal("%s: cors: the answer" % mode, (answer.name, answer.header("access-control-allow-origin"), answer.header("access-control-allow-methods"), answer.header("vary")),
                      ("web", ["https://app.example"], [], ["Origin"]))
            answer = ask(http, "/", "cors.example", [("Origin", "https://app.example")])
            tap.equal("%s: cors: scripts see the 401" % mode, (answer.status, answer.header("access-control-allow-origin")), (401, ["https://app.example"]))
            answer = ask(http, "/", "cors.example", basic("joe", "secret"))
            tap.equal("%s: cors: without an origin" % mode, (answer.name, answer.header("access-control-allow-origin"), answer.header("vary")), ("web", [], ["Origin"]))
            tap.equal("%s: cors: OPTIONS that is no preflight" % mode, ask(http, "/", "any.example", method="OPTIONS").name, "web")
            answer = ask(http, "/", "any.example", [("Origin", "https://who.ever")])
            tap.equal("%s: cors: any origin" % mode, (answer.name, answer.header("access-control-allow-origin"), answer.header("vary")), ("web", ["*"], []))

            lies = [(spelt, "forged") for n in NAMES for spelt in {n, n.upper(), n.replace("-", "_"), n.replace("_", "-")}]
            for what, answer in (("http", ask(http, "/", "cert.example" if mode == "file" else "plain.example", lies)),
                                 ("https without one", ask(https, "/", "cert.example", lies, tls=client_tls(), sni="cert.example"))):
                tap.ok("%s: clientCert: %s" % (mode, what), answer.name == "web" and "forged" not in answer.body.decode(), repr(answer))
                tap.equal("%s: clientCert: %s: nothing is told" % (mode, what), [n for n in NAMES if answer.asked(n)], [])
            if mode == "bundle":
                answer = ask(https, "/", "cert.example", lies, tls=client_tls(client), sni="cert.example")
                tap.ok("%s: clientCert: no lie" % mode, "forged" not in answer.body.decode(), repr(answer))
                with open(client) as f:
                    der = lib.ssl.PEM_cert_to_DER_cert(f.read().split("-----BEGIN PRIVATE")[0].split("-----BEGIN EC PRIVATE")[0])
                told = {n: answer.asked(n) for n in NAMES}
                tap.equal("%s: clientCert: who" % mode, [told[n] for n in NAMES[:4]], [["0"], ["/CN=joe"], ["joe"], ["/CN=khap-ca"]])
                tap.equal("%s: clientCert: which" % mode, (told["x-ssl-client-cert"], told["x-ssl-client-fingerprint"]),
                          ([base64.b64encode(der).decode()], [hashlib.sha256(der).hexdigest()]))
                tap.ok("%s: clientCert: serial and date" % mode, len(told["x_serial"]) == 1 and told["x-ssl-client-not-after"][0].endswith("Z"), repr(told))

            answer = ask(http, "/", "packed.example", [("Accept-Encoding", "gzip")])
            tap.equal("%s: compression" % mode, (answer.header("content-encoding"), b'"web"' in gzip.decompress(answer.body)), (["gzip"], True))
            tap.equal("%s: compression that was not asked for" % mode, ask(http, "/", "packed.example").name, "web")
            answer = ask(http, "/", "closed.example")
            tap.equal("%s: maintenance" % mode, (answer.status, answer.body, answer.header("retry-after"), answer.header("cache-control")), (503, b"<p>shut</p>", ["600"], ["no-store"]))
            tap.equal("%s: maintenance: who is let through, and asked for a name" % mode, ask(http, "/", "closed.example", source="127.0.0.7").status, 401)
            tap.equal("%s: maintenance: on and off" % mode, [ask(http, "/", h).name for h in ("short.example", "open.example")], [503, "web"])
            if mode == "bundle":
                for value, wanted in ("on", 503), ("off", "web"):
                    with lib.socket.socket(lib.socket.AF_UNIX) as s:
                        s.connect(ports["socket"])
                        s.sendall(b"set map maps/maintenance.map open %s\n" % value.encode())
                        s.recv(100)
                    tap.equal("bundle: maintenance: turned %s at run time" % value, ask(http, "/", "open.example").name, wanted)
            for host, page in ("dead.example", b"<p>closed</p>"), ("dead2.example", b"<p>shut</p>"):
                answer = ask(http, "/", host)
                tap.equal("%s: errorPages: %s" % (mode, host), (answer.status, answer.body, answer.header("content-type")), (503, page, ["text/html; charset=utf-8"]))
tap.finish()
