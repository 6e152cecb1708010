#!/usr/bin/python3
"""What happens to a request on its way: ACME, rewrite, headers, sourceRanges, timeouts, 404, lines of one's own."""
import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
certs: [{file: %(pem)s}]
frontends: {http: {bind: "127.0.0.1:%(http)d", extra: "http-request set-header X-Frontend yes"}, https: {bind: "127.0.0.1:%(https)d"}}
acme: {server: "127.0.0.1:%(acme)d"}
services:
  tls:     {nodePort: %(web)d, hosts: [tls.example, "*.tls.example"], redirectHttps: true}
  app:     {nodePort: %(web)d, rewrite: /app, routes: [{host: a.example, path: /ui}, {host: a.example, path: /long/prefix/}]}
  slash:   {nodePort: %(web)d, rewrite: /, routes: [{host: a.example, path: /root}, {host: a.example, path: /exact, pathType: Exact}]}
  whole:   {nodePort: %(web)d, rewrite: /under, hosts: [w.example]}
  headers:
    nodePort: %(web)d
    hosts: [h.example]
    headers:
      request:
        set: {X-Tier: "50%% off; \\"gold\\" %%[src] 'x' #1 \\\\ {y}", X-Src: {format: "%%[src]"}}
        add: {X-Add: one}
        delete: [X-Debug]
      response:
        set: {X-Frame-Options: DENY}
        add: {X-Powered-By: khap}
        delete: [Server]
  narrow:  {nodePort: %(web)d, hosts: [n.example], sourceRanges: [127.0.0.8/30, 127.0.1.1, "2001:db8::/32"]}
  slow:    {nodePort: %(web)d, hosts: [slow.example], timeouts: {server: 500ms}, check: false}
  queue:   {hosts: [queue.example], timeouts: {queue: 300ms}, servers: [{name: s, address: 127.0.0.1, port: %(web)d, maxconn: 1}]}
  extra:   {nodePort: %(web)d, hosts: [extra.example], extra: "http-request set-header X-Extra mine\\nhttp-response set-header X-Extra yours"}
"""

with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "https", "web", "acme")}
    ports["pem"] = lab.certs.make("tls", ["tls.example", "*.tls.example"])
    web = lab.web(ports["web"], name="web")
    lab.web(ports["acme"], name="acme")
    http, https = ports["http"], ports["https"]
    web.delay["/slow"] = 2
    web.delay["/busy"] = 1.5
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=[http, https]):
            token = "/.well-known/acme-challenge/token-1?x"
            for host in ("tls.example", "a.example", "unknown.example", "n.example", None):
                answer = ask(http, token, host)
                tap.equal("%s: ACME for %s" % (mode, host), (answer.name, answer.json.get("target")), ("acme", token))
            tap.equal("%s: ACME is for http alone" % mode, ask(https, token, "tls.example", tls=True, sni="tls.example").name, "web")
            tap.equal("%s: what only looks like ACME" % mode, ask(http, "/.well-known/acme-challengex", "tls.example").status, 308)

            for host, path, wanted in (
                    ("a.example", "/ui", "/app"), ("a.example", "/ui/", "/app/"), ("a.example", "/ui/x/y?q=%2F&r", "/app/x/y?q=%2F&r"),
                    ("a.example", "/ui?q", "/app?q"), ("a.example", "/ui//x", "/app//x"), ("a.example", "/ui/ui", "/app/ui"),
                    ("a.example", "/long/prefix/x", "/app/x"),
                    ("a.example", "/root", "/"), ("a.example", "/root?q", "/?q"), ("a.example", "/root/", "/"), ("a.example", "/root/x", "/x"),
                    ("a.example", "/exact", "/"), ("w.example", "/x", "/under/x")):
                tap.equal("%s: rewrite %s" % (mode, path), ask(http, path, host).json.get("target"), wanted)
            two = lib.curl("http://a.example/ui/x?q", http, "--http2-prior-knowledge")
            tap.equal("%s: rewrite in HTTP/2" % mode, two.json.get("target"), "/app/x?q")

            answer = ask(http, "/", "h.example", [("X-Debug", "1"), ("X-Tier", "lead"), ("X-Add", "zero")])
            tap.equal("%s: request headers" % mode, [answer.asked(h) for h in ("x-tier", "x-src", "x-add", "x-debug")],
                      [['50% off; "gold" %[src] \'x\' #1 \\ {y}'], ["127.0.0.1"], ["zero", "one"], []])
            tap.equal("%s: response headers" % mode, [answer.header(h) for h in ("x-frame-options", "x-powered-by", "server")],
                      [["DENY"], ["web", "khap"], []])
            tap.equal("%s: other services' answers keep theirs" % mode, ask(http, "/", "w.example").header("server"), ["web"])

            for source, good in (("127.0.0.9", True), ("127.0.0.11", True), ("127.0.1.1", True), ("127.0.0.12", False), ("127.0.0.1", False)):
                tap.equal("%s: sourceRanges from %s" % (mode, source), ask(http, "/", "n.example", source=source).name, "web" if good else 403)

            tap.equal("%s: a slow server" % mode, ask(http, "/slow", "slow.example").status, 504)
            busy = lib.Client(http)
            busy.send(b"GET /busy HTTP/1.1\r\nHost: queue.example\r\n\r\n")
            lib.time.sleep(0.3)
            tap.equal("%s: nobody free in time" % mode, ask(http, "/", "queue.example").status, 503)
            busy.answer()
            busy.close()

            answer = ask(http, "/", "unknown.example")
            tap.equal("%s: no service" % mode, answer.status, 404)
            tap.equal("%s: no service, HTTP/2" % mode, lib.curl("https://tls.example/", https, "-H", "Host: unknown.example").status, 404)
            tap.equal("%s: HEAD of no service" % mode, ask(http, "/", "unknown.example", method="HEAD").status, 404)
            answer = ask(http, "/", "extra.example")
            tap.equal("%s: lines of one's own" % mode, (answer.asked("x-extra"), answer.header("x-extra"), answer.asked("x-frontend")),
                      (["mine"], ["yours"], ["yes"]))

    with lab.run(MAP % ports, wait=[http]) as proxy:
        text = proxy.text()
        for name in ("connect", "client", "server", "queue", "check", "http-request", "http-keep-alive", "tunnel"):
            tap.ok("timeout %s is written" % name, any(x.split()[:2] == ["timeout", name] for x in text.splitlines()))
        tap.ok("redispatch is written", "option redispatch" in text)
tap.finish()
