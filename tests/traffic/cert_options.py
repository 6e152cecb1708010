#!/usr/bin/python3
"""What is said of one certificate: protocols, versions, ciphers, curves, revoked clients, OCSP responses; each holds for its names only."""
import base64
import http.server
import re
import subprocess
import tempfile
import threading
import urllib.parse

import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(plain)s, hosts: [plain.example]}
  - {file: %(old)s, alpn: [http/1.1], maxVersion: TLSv1.2, ciphers: [ECDHE-ECDSA-AES256-GCM-SHA384]}
  - {file: %(new)s, hosts: [new.example], minVersion: TLSv1.3, ciphersuites: [TLS_CHACHA20_POLY1305_SHA256]%(curves)s}
  - {file: %(safe)s, hosts: [safe.example], clientCa: %(ca)s, crl: %(crl)s, alpn: [h2]}
frontends: {http: false, https: {bind: "127.0.0.1:%(https)d"}}
services: {web: {nodePort: %(web)d, default: true}}
"""
STAPLED = """
nodes: {n: 127.0.0.1}
certs: [{file: %(plain)s}, {file: %(stapled)s, ocsp: %(response)s}, {file: %(updated)s, key: %(updated_key)s, ocspUpdate: true}]
frontends: {http: false, https: {bind: "127.0.0.1:%(https)d"}}
services: {web: {nodePort: %(web)d, default: true}}
"""
LISTED = STAPLED.replace("ocsp: %(response)s", "alpn: [http/1.1]").replace("%(updated)s, key: %(updated_key)s", "%(updated_joined)s")


def shake(port, name, *words):
    """What a handshake comes to, in openssl's words: version, cipher, protocol, curve, OCSP response."""
    run = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-servername", name, *words], stdin=subprocess.DEVNULL,
                         capture_output=True, timeout=20)
    text = run.stdout.decode("latin-1")

    def found(pattern):
        m = re.search(pattern, text, re.M)
        return m.group(1) if m else None
    return {"version": found(r"^New, (TLSv[0-9.]+),"), "cipher": found(r"Cipher is (\S+)"), "alpn": found("^ALPN protocol: (.*)$"),
            "curve": found("^Server Temp Key: ([^,]+(?:, [^,]+)?), [0-9]+ bits"), "ocsp": found("Cert Status: (.*)$")}


class Responder:
    """Answers on loopback for what a CA signed: all of it is good."""

    def __init__(self, certs, ca, names, port):
        index = certs.path("index.txt")
        with open(index, "w", encoding="ascii") as f:
            for name in names:
                serial = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", certs.path(name + ".crt")], capture_output=True, text=True, check=True)
                f.write("V\t491231235959Z\t\t%s\tunknown\t/CN=%s\n" % (serial.stdout.strip().split("=")[1], name))
        words = self.words = ["openssl", "ocsp", "-index", index, "-CA", ca, "-rsigner", ca, "-rkey", ca[:-4] + ".key", "-ndays", "7"]
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def give(self, request):
                asked.append(request)
                with tempfile.TemporaryDirectory() as folder:
                    with open(folder + "/request", "wb") as f:
                        f.write(request)
                    subprocess.run(words + ["-reqin", folder + "/request", "-respout", folder + "/response"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    with open(folder + "/response", "rb") as f:
                        body = f.read()
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.give(base64.b64decode(urllib.parse.unquote(self.path.lstrip("/"))))

            def do_POST(self):
                self.give(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, ca, cert, path):
        subprocess.run(self.words + ["-issuer", ca, "-cert", cert, "-respout", path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def revoke(c, ca, name):
    """A list in which the CA revokes one of its certificates."""
    with open(c.path("crl.cnf"), "w", encoding="ascii") as f:
        f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ncrlnumber=%s\ndefault_md=sha256\ndefault_crl_days=30\n" % (c.path("crl.index"), c.path("crl.number")))
    for what, text in (("crl.index", ""), ("crl.number", "01\n")):
        with open(c.path(what), "w", encoding="ascii") as f:
            f.write(text)
    words = ["openssl", "ca", "-config", c.path("crl.cnf"), "-keyfile", ca[:-4] + ".key", "-cert", ca]
    for more in (["-revoke", c.path(name + ".crt")], ["-gencrl", "-out", c.path("crl.pem")]):
        subprocess.run(words + more, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return c.path("crl.pem")


def signed(c, name, ca, port):
    """A certificate that says where to ask for its state, with its chain, its key in the file and apart."""
    c._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", c.path(name + ".key"), "-out", c.path(name + ".csr"), "-subj", "/CN=" + name)
    with open(c.path(name + ".ext"), "w", encoding="ascii") as f:
        f.write("subjectAltName=DNS:%s.example\nauthorityInfoAccess=OCSP;URI:http://127.0.0.1:%d/\n" % (name, port))
    c._run("x509", "-req", "-in", c.path(name + ".csr"), "-CA", ca, "-CAkey", ca[:-4] + ".key", "-CAcreateserial", "-days", "90", "-extfile", c.path(name + ".ext"), "-out", c.path(name + ".crt"))
    for suffix, parts in ((".chain", (c.path(name + ".crt"), ca)), (".pem", (c.path(name + ".crt"), ca, c.path(name + ".key")))):
        with open(c.path(name + suffix), "w", encoding="ascii") as out:
            for part in parts:
                with open(part, encoding="ascii") as f:
                    out.write(f.read())


with lib.Lab() as lab:
    c = lab.certs
    ports = {k: lib.free_port() for k in ("https", "web", "ocsp")}
    lab.web(ports["web"], name="web")
    ca = c.ca("ca")
    good, gone = c.signed("good", "ca"), c.signed("gone", "ca")
    ports.update({name: c.make(name, [name + ".example"]) for name in ("plain", "old", "new", "safe")}, ca=ca, crl=revoke(c, ca, "gone"))
    targets = [None, "%d.%d" % lib.release()]
    for target in targets:
        say = "for %s: " % (target or "all")
        curves = target is not None and lib.release() >= (3, 2)
        with lab.run(MAP % dict(ports, curves=", curves: [secp384r1]" if curves else ""), "bundle", wait=[ports["https"]], target=target):
            both = ("-alpn", "h2,http/1.1")
            got = shake(ports["https"], "plain.example", *both)
            tap.equal(say + "without options", (got["version"], got["alpn"]), ("TLSv1.3", "h2"))
            got = shake(ports["https"], "old.example", *both)
            tap.equal(say + "alpn, maxVersion and ciphers", (got["version"], got["alpn"], got["cipher"]), ("TLSv1.2", "http/1.1", "ECDHE-ECDSA-AES256-GCM-SHA384"))
            tap.equal(say + "another cipher", shake(ports["https"], "old.example", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")["cipher"], "(NONE)")
            tap.equal(say + "which others have", shake(ports["https"], "plain.example", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")["cipher"], "ECDHE-ECDSA-AES128-GCM-SHA256")
            got = shake(ports["https"], "new.example", *both)
            tap.equal(say + "minVersion, ciphersuites and curves", (got["version"], got["cipher"], got["curve"]), ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "ECDH, secp384r1" if curves else "X25519"))
            tap.equal(say + "an older version", shake(ports["https"], "new.example", "-tls1_2")["cipher"], "(NONE)")
            tap.equal(say + "which others speak", shake(ports["https"], "plain.example", "-tls1_2")["version"], "TLSv1.2")
            got = shake(ports["https"], "safe.example", "-alpn", "h2,http/1.1", "-cert", good)
            tap.equal(say + "alpn beside clientCa", got["alpn"], "h2")
            for name, cert, wanted in (("a client that is known", good, "web"), ("one that is revoked", gone, 0), ("none", None, 0)):
                tap.equal(say + "crl: " + name, ask(ports["https"], "/", "safe.example", tls=lib.client_tls(cert), sni="safe.example").name, wanted)
            tap.equal(say + "others: no certificate", ask(ports["https"], "/", "plain.example", tls=True, sni="plain.example").name, "web")
    if lib.release() >= (2, 8):
        for name in ("stapled", "updated"):
            signed(c, name, ca, ports["ocsp"])
        ports.update(stapled=c.path("stapled.pem"), response=c.path("stapled.der"), updated=c.path("updated.chain"), updated_key=c.path("updated.key"), updated_joined=c.path("updated.pem"))
        responder = Responder(c, ca, ["stapled", "updated"], ports["ocsp"])
        try:
            responder.respond(ca, c.path("stapled.crt"), ports["response"])
            stores = lib.release() >= (3, 0)
            for mode in ("file", "bundle") if stores else ("bundle",):
                with lab.run((STAPLED if stores else LISTED) % ports, mode, wait=[ports["https"]], target="%d.%d" % lib.release()):
                    tap.equal(mode + ": no OCSP", shake(ports["https"], "plain.example", "-status")["ocsp"], None)
                    if stores:
                        tap.equal(mode + ": a response from a file", shake(ports["https"], "stapled.example", "-status")["ocsp"], "good")
                    lib.until(lambda: shake(ports["https"], "updated.example", "-status")["ocsp"] == "good")
                    tap.equal(mode + ": a response that HAProxy asked for", shake(ports["https"], "updated.example", "-status")["ocsp"], "good")
        finally:
            responder.stop()
    else:
        tap.note("HAProxy %d.%d knows no ocspUpdate and no crt-store" % lib.release())
tap.finish()
