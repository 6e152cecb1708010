#!/usr/bin/python3
"""--into: whatever the defaults of somebody's own file say, HAProxy takes the whole without a warning, requests go where they should, and the file's own
sections do what they did."""
import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}, inner: {bind: "127.0.0.1:%(inner)d"}}
stats: {bind: "127.0.0.1:%(stats)d"}
acme: {server: "127.0.0.1:%(web)d"}
services:
  web:    {nodePort: %(web)d, hosts: [web.example, "*.w.example"]}
  app:    {nodePort: %(app)d, hosts: [app.example], check: {path: /healthz, interval: 50ms}, cookie: SRV}
  sleepy: {nodePort: %(sleepy)d, hosts: [sleepy.example], check: false}
  mine:   {backend: own, hosts: [mine.example]}
  line:   {nodePort: %(line)d, mode: tcp, bind: "127.0.0.1:%(tcp)d"}
  shut:   {nodePort: %(shut)d, hosts: [shut.example], retries: 0}
"""
OWN = """
frontend own-front
    bind 127.0.0.1:%(own)d
    mode http
%(routes)s    default_backend own
backend own
    mode http
    server own 127.0.0.1:%(web)d
"""
# Each is the beginning of somebody's file: what our sections inherit there
DEFAULTS = {
    "none": "global\n    maxconn 200\n",
    "of mode tcp": "global\n    maxconn 200\ndefaults\n    mode tcp\n    timeout connect 3s\n    timeout client 1s\n    timeout server 1s\n",
    "odd timeouts": "defaults\n    mode http\n    timeout connect 300ms\n    timeout client 400ms\n    timeout server 400ms\n    timeout http-request 300ms\n"
                    "    timeout queue 100ms\n    timeout check 1ms\n    retries 0\n",
    "closing": "defaults\n    mode http\n    option httpclose\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n    balance source\n"
               "    option http-server-close\n",
    "checks": "defaults\n    mode http\n    option httpchk GET /nowhere\n    http-check expect status 299\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n",
    "servers": "defaults\n    mode http\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n"
               "    default-server check inter 1s fall 1 send-proxy ssl verify none check-ssl\n"
               "    default-server send-proxy-v2-ssl send-proxy-v2-ssl-cn\n",
    "logs": "global\n    log 127.0.0.1:9 local0\ndefaults\n    log global\n    mode tcp\n    option tcplog\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n",
    "a log format": "global\n    log 127.0.0.1:9 local0\ndefaults\n    log global\n    mode http\n    option httplog\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n",
    "a global log alone": "global\n    log 127.0.0.1:9 local0\ndefaults\n    mode http\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n",
    "error files": "defaults\n    mode http\n    errorfile 503 %(dir)s/503.http\n    errorfile 404 %(dir)s/503.http\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n",
    "switched off": "defaults\n    mode http\n    disabled\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n",
    "options": "defaults\n    mode http\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n    option tcp-check\n    tcp-check connect port 1\n"
               "    default-server fall 1\n    balance hdr(host)\n    hash-type consistent\n    http-reuse always\n    retry-on all-retryable-errors\n    option persist\n"
               "    option allbackups\n    option checkcache\n    option disable-h2-upgrade\n    option http-buffer-request\n    option http-ignore-probes\n"
               "    option http-no-delay\n    option http-pretend-keepalive\n    option http-use-proxy-header\n    option prefer-last-server\n",
    "named ones": "defaults one\n    mode http\n    timeout client 3s\ndefaults two\n    mode tcp\n    timeout connect 3s\n    timeout client 3s\n    timeout server 3s\n",
}
# those whose timeouts a slow answer or a quiet connection would run into
IMPATIENT = ("of mode tcp", "odd timeouts")


with lib.Lab() as lab:
    ports = {name: lib.free_port() for name in ("http", "inner", "stats", "web", "app", "sleepy", "line", "tcp", "own", "shut")}
    web = lab.web(ports["web"], name="web")
    app = lab.web(ports["app"], name="app")
    sleepy = lab.web(ports["sleepy"], name="sleepy")
    sleepy.delay["/slow"] = 1.6
    lab.line(ports["line"], name="line")
    with open(lab.dir + "/503.http", "w") as f:
        f.write("HTTP/1.0 503 Mine\r\nConnection: close\r\n\r\nmine")
    ports["dir"] = lab.dir
    for what, defaults in DEFAULTS.items():
        if (what == "servers" and lib.release() < (1, 8)) or (what == "options" and lib.release() < (2, 4)):
            continue
        for where in ("at the end", "marked", "above", "routes"):
            routes = "    # BEGIN khapgen routes http\n    # END khapgen\n" if where == "routes" else ""
            marks = "# BEGIN khapgen\n# END khapgen\n"
            own = OWN % dict(ports, routes=routes)
            if what == "none":
                own = own.replace("    mode http\n", "    mode http\n    timeout client 5s\n", 1).replace(
                    "backend own\n    mode http\n", "backend own\n    mode http\n    timeout connect 5s\n    timeout server 5s\n")
            text = defaults % ports if "%(" in defaults else defaults
            text = {"at the end": text + own, "routes": text + own, "marked": text + marks + own, "above": text + own + marks}[where]
            if what == "servers":
                text = text.replace("    server own 127.0.0.1:%d" % ports["web"], "    server own 127.0.0.1:%d no-check no-ssl no-send-proxy "
                                    "no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn" % ports["web"])
            if what == "switched off":
                text = text.replace("frontend own-front\n", "frontend own-front\n    enabled\n").replace("backend own\n    mode", "backend own\n    enabled\n    mode")
            yaml = MAP % ports
            front = ports["http"]
            if where == "routes":
                yaml = yaml.replace('http: {bind: "127.0.0.1:%d"}, ' % ports["http"], "")
                front = ports["own"]
            name = "%s, %s" % (what, where)
            with lab.run(yaml, into=text, wait=[front, ports["inner"], ports["tcp"]]) as proxy:
                for host, wanted in (("web.example", "web"), ("q.w.example", "web"), ("mine.example", "web")):
                    tap.equal("%s: %s" % (name, host), ask(front, "/x", host).name, wanted)
                app.seen.clear()
                tap.ok("%s: a checked service is up" % name, lib.until(lambda: ask(front, "/x", "app.example").name == "app", 8))
                tap.ok("%s: its check asks what the map says" % name, lib.until(lambda: app.seen.get("/healthz", 0) > 0, 8), repr(dict(app.seen)))
                tap.ok("%s: no other check asks for anything" % name, "/nowhere" not in app.seen and "/nowhere" not in web.seen)
                tap.equal("%s: nobody" % name, ask(front, "/x", "nobody.example").name, "web" if where == "routes" else 503 if what == "error files" else 404)
                tap.equal("%s: of the frontend inner" % name, ask(ports["inner"], "/x", "nobody.example").name, 503 if what == "error files" else 404)
                tap.equal("%s: a service whose server is away" % name, ask(front, "/x", "shut.example").name, 503)
                answer = ask(front, "/x", "web.example")
                tap.equal("%s: X-Forwarded-For" % name, answer.asked("x-forwarded-for"), ["127.0.0.1"])
                tap.equal("%s: the file's own frontend" % name, ask(ports["own"], "/x", "any.example").name, "web")
                tap.equal("%s: the statistics page" % name, ask(ports["stats"], "/", "s").status, 200)
                tap.equal("%s: ACME" % name, ask(front, "/.well-known/acme-challenge/x", "nobody.example").name, "web")
                conn = lib.socket.create_connection(("127.0.0.1", ports["tcp"]), timeout=10)
                tap.ok("%s: TCP" % name, b'"line"' in conn.recv(1000))
                if where == "marked" and what in IMPATIENT:
                    tap.equal("%s: a slow answer is waited for" % name, ask(front, "/slow", "sleepy.example").name, "sleepy")
                    lib.time.sleep(0.5)
                    conn.sendall(b"still there?")
                    tap.ok("%s: a quiet TCP connection stays" % name, conn.recv(1000) == b"still there?")
                conn.close()
    # no TCP service here: HAProxy warns that it has no headers, and `no option forwardfor` does not exist
    for option in ("except 127.0.0.0/8", "header X-Client", "if-none except 127.0.0.1"):
        text = DEFAULTS["closing"].replace("mode http\n", "mode http\n    http-reuse never\n    option forwardfor %s\n" % option) + OWN % dict(ports, routes="")
        with lab.run("\n".join(x for x in (MAP % ports).split("\n") if "  line:" not in x), into=text, wait=[ports["http"]]) as proxy:
            answer = ask(ports["http"], "/x", "web.example")
            tap.equal("forwardfor %s: X-Forwarded-For" % option, answer.asked("x-forwarded-for"), ["127.0.0.1"])
            tap.equal("forwardfor %s: no other header" % option, answer.asked("x-client"), [])
tap.finish()
