#!/usr/bin/python3
"""HTTP/3: the QUIC address, alt-svc, and that nothing is got round there. A HAProxy from 3.3 on is the client: the tested one, or one of
HAPROXY_RELEASES. Where HAProxy has no QUIC, khapgen has to say so."""
import os
import subprocess

import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(open)s, hosts: [open.example], alpn: [h2]}
  - {file: %(safe)s, hosts: [safe.example], clientCa: %(ca)s}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d", http3: true}}
services:
  web:   {nodePort: %(web)d, hosts: [open.example, other.example]}
  safe:  {nodePort: %(web)d, hosts: [safe.example]}
  vault: {nodePort: %(vault)d, mode: tcp, tls: passthrough, hosts: [vault.example], check: false}
"""
CLIENT = """global
    expose-experimental-directives
defaults
    mode http
    timeout connect 3s
    timeout client 9s
    timeout server 5s
frontend client
    bind 127.0.0.1:%(client)d
    use_backend shown if { req.fhdr(x-cert) -m found }
    default_backend bare
backend bare
    server s quic4@127.0.0.1:%(https)d ssl verify none alpn h3 sni req.fhdr(x-sni)
backend shown
    server s quic4@127.0.0.1:%(https)d ssl verify none alpn h3 crt %(mine)s sni req.fhdr(x-sni)
"""


def features(path):
    return subprocess.run([path, "-vv"], capture_output=True, text=True).stdout


def client_binary():
    """A HAProxy that can ask over QUIC."""
    for path in [lib.HAPROXY] + [x.split("=", 1)[1] for x in os.environ.get("HAPROXY_RELEASES", "").split()]:
        out = features(path)
        word = out.split("version", 1)[1].split()[0].split("-")[0].split(".")[:2]
        if "+QUIC " in out and tuple(int(x) for x in word) >= (3, 3):
            return path
    return None


def nothing_came(answer):
    """421, or the client's own word that it got none: a handshake that fails is closed (502, 503), and up to 3.0 sometimes passed over in
    silence (504). What the tested HAProxy says carries alt-svc."""
    return answer.status == 421 or answer.status in (502, 503, 504) and not answer.header("alt-svc")


with lib.Lab() as lab:
    c = lab.certs
    ports = {k: lib.free_port() for k in ("http", "https", "web", "vault", "client")}
    ports.update(ca=c.ca("ca"), open=c.make("open", ["open.example", "safe.example"]), safe=c.make("safe", ["safe.example"]))
    ports["mine"] = c.signed("mine", "ca")
    web = lab.web(ports["web"], name="web")
    text = os.path.join(lab.dir, "map.yaml")
    with open(text, "w") as f:
        f.write(MAP % ports)
    for target in ("2.2", "2.4", "2.2-3.4"):
        run = subprocess.run([lib.KHAPGEN, "-t", target, text], capture_output=True, text=True)
        tap.ok("%s has no HTTP/3: an error that names the key and the release" % target,
               run.returncode == 2 and "http3" in run.stderr and "2.6" in run.stderr and not run.stdout, run.stderr)
    if "+QUIC " not in features(lib.HAPROXY):
        run = subprocess.run([lib.KHAPGEN, "-t", "binary:" + lib.HAPROXY, text], capture_output=True, text=True)
        tap.ok("a build without QUIC: an error", run.returncode == 2 and "http3" in run.stderr, run.stderr)
        tap.finish()
    target = "%d.%d" % lib.release()
    with lab.run(MAP % ports, "bundle", wait=[ports["http"], ports["https"]], target=target):
        answer = ask(ports["https"], "/", "open.example", tls=True, sni="open.example")
        tap.equal("alt-svc over TCP", (answer.name, answer.header("alt-svc")[:1] and answer.header("alt-svc")[0].split(";")[0]),
                  ("web", 'h3=":%d"' % ports["https"]))
        tap.equal("no alt-svc on http", ask(ports["http"], "/", "other.example").header("alt-svc"), [])
        binary = client_binary()
        if binary:
            config = os.path.join(lab.dir, "client.cfg")
            with open(config, "w") as f:
                f.write(CLIENT % ports)
            lab.child([binary, "-db", "-f", config], ports["client"])

            def three(host, sni, *more):
                return ask(ports["client"], "/", host, [("X-Sni", sni), *more])
            tap.equal("HTTP/3", three("open.example", "open.example").name, "web")
            answer = three("OPEN.example:%d" % ports["https"], "open.example")
            tap.equal("HTTP/3: forwarded headers", (answer.asked("x-forwarded-proto"), answer.asked("x-forwarded-for")), (["https"], ["127.0.0.1"]))
            tap.equal("HTTP/3: unknown host", three("nowhere.example", "open.example").status, 404)
            tap.equal("HTTP/3: a host passed through", three("vault.example", "open.example").status, 421)
            tap.equal("HTTP/3: a protected host over another's name", three("safe.example", "open.example").status, 421)
            answer = three("safe.example", "safe.example")
            tap.ok("HTTP/3: a protected host without a certificate", nothing_came(answer), answer)
            for _ in range(3):
                tap.equal("HTTP/3: an open host", three("open.example", "open.example").name, "web")
                answer = three("safe.example", "safe.example")
                tap.ok("HTTP/3: and after others' sessions", nothing_came(answer), answer)
            tap.equal("HTTP/3: nothing came through", [r for r in web.requests if ("host", "safe.example") in r["headers"]], [])
            answer = three("safe.example", "safe.example", ("X-Cert", "1"))
            tap.equal("HTTP/3: a protected host with a certificate", answer.name, "web")
        else:
            tap.note("no HAProxy from 3.3 on is here to ask over QUIC")
tap.finish()
