#!/usr/bin/python3
"""Configurations that use what newer releases do not take any longer: served by the newest of HAPROXY_RELEASES that takes them; migrated with `khapgen
migrate`, taken by newer ones without a warning, and served by those: the same requests get the same answers, from the same server, which sees the
same headers. What no release here takes any longer is held against what HAProxy's manual says of it, written down here by hand."""
import re
import socket
import sys

import serve
from serve import lib, number, tap

releases = serve.releases()

FULL = """# before the first section
global
    maxconn 1000
%(global)sdefaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
    option forwardfor
%(defaults)s
frontend web
    bind 127.0.0.1:%(fe)d%(bind)s
    acl is_api path_beg /api
    http-request set-header X-Front web
    http-request deny if { path /secret }
%(front)s    use_backend api if is_api
    default_backend site

backend site
    balance roundrobin
    cookie SRV insert indirect
%(site)s    server one 127.0.0.1:%(web)d cookie one
    server two 127.0.0.2:%(web)d cookie two

backend api
    http-response set-header X-Backend api
%(api)s%(server)s
%(more)s"""
SERVER = "    server one 127.0.0.3:%(web)d check inter 100ms\n"

# requests: (name, request bytes, from which address)
HOST = "Host: www.example\r\n"
REQUESTS = [
    ("GET", "GET / HTTP/1.1\r\n" + HOST + "X-Debug: 1\r\nX-Keep: a\r\nCookie: SRV=two\r\n\r\n", None),
    ("GET with a query", "GET /a/b?x=1&y=2 HTTP/1.1\r\n" + HOST + "Cookie: app=1; SRV=one\r\n\r\n", None),
    ("api", "GET /api/x HTTP/1.1\r\n" + HOST + "X-Forwarded-For: 192.0.2.1\r\n\r\n", None),
    ("POST", "POST /api/y HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\n\r\nhello", None),
    ("HEAD", "HEAD /api/x HTTP/1.1\r\n" + HOST + "\r\n", None),
    ("denied", "GET /secret HTTP/1.1\r\n" + HOST + "\r\n", None),
    ("other source", "GET /api/z HTTP/1.1\r\n" + HOST + "\r\n", "127.0.0.77"),
    ("HTTP/1.0", "GET /api/0 HTTP/1.0\r\n" + HOST + "\r\n", None),
    ("old path", "GET /old/page?q=1 HTTP/1.1\r\n" + HOST + "User-Agent: BadBot/1.0\r\nCookie: SRV=one\r\n\r\n", None),
]
VARIES = ("date", "age")


def seen(answer):
    """What is compared: status, headers of the answer, and what the server saw, or the body when it was none of ours."""
    said = answer.json
    headers = sorted(h for h in answer.headers if h[0] not in VARIES and not (said and h[0] == "content-length"))
    if not said:
        return answer.status, headers, answer.body
    return answer.status, headers, said["name"].split(":")[0], said["method"], said["target"], sorted(said["headers"])


def knock(port, source=None):
    """The status that a monitor hears: old releases answer before they were asked."""
    with socket.create_connection((("127.0.0.1"), port), timeout=5, source_address=(source or "127.0.0.1", 0)) as c:
        c.settimeout(0.3)
        try:
            said = c.recv(4096)
        except socket.timeout:
            c.settimeout(5)
            c.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            said = c.recv(4096)
    return said.split(b"\r\n")[0].split()[1:2]


def ask_all(requests=REQUESTS):
    """A request that is a port's name is a monitor's."""
    return {name: knock(p[raw], source) if raw in p else seen(lib.ask(p["fe"], raw=raw.encode("latin-1"), source=source, timeout=5))
            for name, raw, source in requests}


def text_of(parts, tail="\n"):
    words = dict.fromkeys(("global", "defaults", "bind", "front", "site", "api", "more"), "")
    words["server"] = SERVER
    for place, lines in parts.items():
        words[place] = " " + lines if place == "bind" else "".join("    %s\n" % x for x in lines.split("\n")) if place != "more" else lines
    text = FULL % dict({k: v % p for k, v in words.items()}, **{k: p[k] for k in ("fe", "web")})
    return text.rstrip("\n") + tail


# name -> what is in the configuration, in which place
GONE = {
    "monitor-net": {"front": "monitor-net 127.0.0.78/32", "requests": [("monitor", "fe", "127.0.0.78")]},
    "mode health": {"more": "listen health\n    mode health\n    option httpchk\n    bind 127.0.0.1:%(other)d\n", "requests": [("monitor", "other", None)]},
    "debug": {"global": "debug"},
    "option forceclose": {"site": "option forceclose"},
    "option http-tunnel": {"defaults": "no option http-tunnel"},
    "option http-use-htx": {"defaults": "option http-use-htx"},
    "no option http-use-htx": {"defaults": "no option http-use-htx"},
    "grace": {"front": "grace 10"},
    "nbproc 1": {"global": "nbproc 1"},
    "nbproc 2": {"global": "nbproc 2"},
    "tune.chksize": {"global": "tune.chksize 16384"},
    "tune.ssl.capture-cipherlist-size": {"global": "tune.ssl.capture-cipherlist-size 100"},
    "no LF at the end": {"tail": ""},
    "log-format aliases": {"front": "unique-id-format %%Ci-%%Fi-%%st\nunique-id-header X-Id"},
    "bind-process": {"front": "bind-process 1"},
    "bind process": {"bind": "process 1"},
    "bind process and thread": {"bind": "process 1/1"},
    "stats bind-process": {"global": "stats socket %(dir)s/sock mode 600\nstats bind-process 1"},
    "stats socket process": {"global": "stats socket %(dir)s/sock mode 600 process 1"},
    "httpchk with a header": {"api": "option httpchk GET /check HTTP/1.1\\r\\nHost:\\ check.example", "checked": True},
    "http-pretend-keepalive in a frontend": {"front": "option http-pretend-keepalive"},
    "accept-invalid-http-request": {"front": "option accept-invalid-http-request", "requests": [
        ("quote", "GET /api/\"x\" HTTP/1.1\r\n" + HOST + "\r\n", None)]},
    "accept-invalid-http-response": {"api": "option accept-invalid-http-response"},
    "a frontend and a backend of one name": {"front": "use_backend web if { path /api/same }", "more": "backend web\n" + SERVER, "requests": [
        ("same name", "GET /api/same HTTP/1.1\r\n" + HOST + "\r\n", None)]},
    "a listen and a backend of one name": {"front": "use_backend two if { path /api/same }", "more":
                                           "backend two\n" + SERVER + "listen two\n    bind 127.0.0.1:%(other)d\n" + SERVER, "requests": [
        ("same name", "GET /api/same HTTP/1.1\r\n" + HOST + "\r\n", None)]},
    "dispatch": {"server": "    dispatch 127.0.0.3:%(web)d\n"},
    "transparent": {"server": "    http-request set-dst str(127.0.0.3)\n    http-request set-dst-port int(%(web)d)\n    transparent\n"},
    "option transparent": {"server": "    http-request set-dst str(127.0.0.3)\n    http-request set-dst-port int(%(web)d)\n    option transparent\n"},
    "master-worker": {"global": "master-worker"},
    "no-quic": {"global": "no-quic"},
    "expose-experimental-directives": {"global": "expose-experimental-directives"},
    "expose-experimental-directives, and one of them": {"global": "expose-experimental-directives\ntune.fd.edge-triggered on\nno-quic"},
    "an empty word": {"site": "timeout server 5s \"\""},
    "tune.quic": {"global": "tune.quic.frontend.max-idle-timeout 10s\ntune.quic.retry-threshold 10\ntune.quic.socket-owner connection"},
}


# ---- what no release here takes: the manuals say what it did

TWO = "    server one 127.0.0.2:%(web)d\n    server two 127.0.0.3:%(web)d\n"


def get(path, headers=(), port="fe"):
    return lib.ask(p[port], path, "www.example", headers)


def block():
    """Manual 1.5, `block`: 403, before any other rule of the request."""
    yield get("/old/page").status, 403
    yield get("/new").status, 200


def redispatch():
    """Manual 1.5, `redispatch`: the cookie's server is left when it cannot be reached."""
    answer = get("/api/x", [("Cookie", "S=dead")])
    yield (answer.status, answer.name.split(":")[0]), (200, "127.0.0.3")


def timeouts():
    """Manual 1.5, `srvtimeout`, `contimeout`, `clitimeout`: the server's is 504, the client's 408."""
    yield get("/api/slow").status, 504
    yield lib.ask(p["fe"], raw=b"GET /api/x HTTP/1.1\r\nHost: ", timeout=5).status, 408
    yield get("/api/x").status, 200


def address():
    """Manual 1.5, `listen <name> [<address>:<port>]`: as a bind."""
    yield get("/", port="other").name.split(":")[0], "127.0.0.3"


def same_names():
    """1.5 and 1.9 took two frontends, and two servers, of one name, and used both."""
    yield get("/", port="other").name.split(":")[0], "127.0.0.3"
    yield get("/", port="third").status, 200
    yield len({get("/api/x").name for _ in range(6)}), 2


def appsession():
    """Manual 1.5, `appsession`: who got the application's cookie from a server comes back to it."""
    for _ in range(4):
        first = get("/api/x")
        cookie = first.header("set-cookie")[0].split(";")[0]
        yield {get("/api/y", [("Cookie", cookie)]).name for _ in range(6)}, {first.name}


# name, the last release that took it, the configuration, what is seen
DOCUMENTED = (
    ("block", "2.0", {"front": "http-request redirect location /new if { path_beg /old }\nblock if { path_beg /old }"}, block),
    ("redispatch", "2.0", {"api": "cookie S\nredispatch\nretries 1",
                           "server": "    server dead 127.0.0.3:%(other)d cookie dead\n    server one 127.0.0.3:%(web)d cookie one\n"}, redispatch),
    ("redisp", "2.0", {"api": "cookie S\nredisp\nretries 1",
                       "server": "    server dead 127.0.0.3:%(other)d cookie dead\n    server one 127.0.0.3:%(web)d cookie one\n"}, redispatch),
    ("clitimeout, contimeout, srvtimeout", "2.0", {"front": "clitimeout 700", "api": "contimeout 500\nsrvtimeout 600"}, timeouts),
    ("timeout clitimeout", "2.0", {"front": "timeout clitimeout 700",
                                   "api": "timeout contimeout 500\ntimeout srvtimeout 600\noption independant-streams"}, timeouts),
    ("an address on the section's line", "1.5", {"more": "listen more 127.0.0.1:%(other)d\n" + SERVER}, address),
    ("two of one name", "1.5", {"server": TWO.replace("two", "one"), "more": "frontend twice\n    bind 127.0.0.1:%(other)d\n    default_backend last\n"
                                "frontend twice\n    bind 127.0.0.1:%(third)d\n    default_backend site\nbackend last\n" + SERVER}, same_names),
    ("appsession", "1.5", {"api": "balance roundrobin\nappsession app len 52 timeout 3h", "server": TWO}, appsession),
)


def documented():
    for name, old, parts, look in DOCUMENTED:
        if len(sys.argv) > 1 and not re.search(sys.argv[1], name):
            continue
        text = text_of(parts)
        for new in (list(releases)[0], list(releases)[-1]):
            made, said = serve.migrate(lab.dir, text, old, new)
            tap.ok("%s: migrated from %s to %s" % (name, old, new), made is not None, said)
            with serve.Served(releases[new], made or "", wait=[p["fe"]]) as served:
                tap.equal("%s: %s takes it without a warning" % (name, new), served.complaints, "")
                for i, (got, wanted) in enumerate(look()):
                    tap.equal("%s: as the manual says, with %s (%d)" % (name, new, i + 1), got, wanted)


def takes(program, text):
    with serve.Served(program, text, run=False) as judged:
        return "[ALERT]" not in judged.complaints and judged.status in (0, 2)


def differences(before, after):
    return "\n".join("%s\n  before: %r\n  after:  %r" % (k, before[k], after[k]) for k in before if before[k] != after[k])


with lib.Lab() as lab:
    p = {x: lib.free_port() for x in ("fe", "web", "other", "third")}
    p["dir"] = lab.dir
    webs = lab.web(p["web"], ["127.0.0.%d" % i for i in range(1, 4)])
    webs[2].delay["/api/slow"] = 1.5
    newest = list(releases)[-1]
    for name, parts in GONE.items():
        if len(sys.argv) > 1 and not re.search(sys.argv[1], name):
            continue
        parts = dict(parts)
        requests = REQUESTS + parts.pop("requests", [])
        checked = parts.pop("checked", False)
        text = text_of(parts, parts.pop("tail", "\n"))
        old = [r for r in releases if takes(releases[r], text)]
        with serve.Served(releases[newest], text, run=False) as judged:
            refused = judged.complaints
        if not old or (old[-1] == newest and not refused):
            tap.skip("%s: no release of HAPROXY_RELEASES takes it, or all do" % name)
            continue
        old = old[-1] if old[-1] != newest else [r for r in old if r != newest][-1]
        newer = [r for r in releases if number(r) > number(old)]
        with serve.Served(releases[old], text, wait=[p["fe"]]):
            before = ask_all(requests)
            if checked:
                lib.until(lambda: any(x["target"] == "/check" for w in webs for x in w.requests), 5)
        checks = [sorted(x["headers"]) for w in webs for x in w.requests if x["target"] == "/check"]
        tap.ok("%s: served by %s" % (name, old), before["GET"][0] == 200 and before["denied"][0] == 403, before)
        for new in sorted({newer[0], newer[-1]}, key=number):
            for w in webs:
                w.requests.clear()
            made, said = serve.migrate(lab.dir, text, old, new)
            tap.ok("%s: migrated from %s to %s" % (name, old, new), made is not None, said)
            with serve.Served(releases[new], made or "", wait=[p["fe"]]) as served:
                tap.equal("%s: %s takes it without a warning" % (name, new), served.complaints, "")
                after = ask_all(requests)
                if checked:
                    lib.until(lambda: any(x["target"] == "/check" for w in webs for x in w.requests), 5)
            tap.ok("%s: the same answers from %s and %s" % (name, old, new), before == after, differences(before, after))
            if checked:
                now = [sorted(x["headers"]) for w in webs for x in w.requests if x["target"] == "/check"]
                tap.ok("%s: the same checks" % name, checks and now and checks[0] == now[0], (checks[:1], now[:1]))
    documented()
tap.finish()
