#!/usr/bin/python3
"""The Gateway API with a real HAProxy: what the standard says of requests is what happens to them."""
import base64
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import lib  # noqa: E402
from lib import ask, tap  # noqa: E402
import objects  # noqa: E402
from objects import gateway, http_route, listener, match, node, service  # noqa: E402


def prefix(value, **more):
    return match(path=("PathPrefix", value), **more)


def redirect(**how):
    return {"type": "RequestRedirect", "requestRedirect": how}


def headers(kind, **how):
    return {"type": kind + "HeaderModifier", kind[0].lower() + kind[1:] + "HeaderModifier":
            {k: [{"name": n, "value": v} for n, v in x.items()] if isinstance(x, dict) else x for k, x in how.items()}}


def rewrite(path=None, host=None):
    what = {"hostname": host} if host else {}
    if path:
        what["path"] = {"type": path[0], path[0][0].lower() + path[0][1:]: path[1]}
    return {"type": "URLRewrite", "urlRewrite": what}


with lib.Lab() as lab:
    ports = {n: lib.free_port() for n in ("http", "https", "alt", "db", "v1", "v2", "tls", "line")}
    for name in ("v1", "v2"):
        lab.web(ports[name], name=name)
    inner = lab.certs.make("inner", ["passed.example"])
    lab.web(ports["tls"], name="passed", tls=lib.server_tls(inner))
    lab.line(ports["line"], name="line")
    shown = lab.certs.make("shown", ["*.secure.example"])
    with open(shown) as f:
        pem = f.read()
    split = pem.index("-----BEGIN PRIVATE")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cert", "namespace": "shop"}, "type": "kubernetes.io/tls",
              "data": {"tls.crt": base64.b64encode(pem[:split].encode()).decode(), "tls.key": base64.b64encode(pem[split:].encode()).decode()}}
    alt = ports["alt"]
    base = [node("127.0.0.1"), *(service(n, ports[n]) for n in ("v1", "v2", "tls", "line")), secret, gateway(listeners=[
        listener("http", 80), listener("alt", alt, hostname="*.alt.example"),
        listener("https", 443, "HTTPS", hostname="*.secure.example", tls={"certificateRefs": [{"name": "cert"}]}),
        listener("pass", 443, "TLS", tls={"mode": "Passthrough"}), listener("db", ports["db"], "TCP")])]
    routes = [
        http_route("precedence", ["m.example"], [
            ([prefix("/")], "v1"), ([prefix("/a")], "v2"), ([prefix("/a/b")], "v1"), ([match(path=("Exact", "/a/b/c"))], "v2"),
            ([prefix("/a", method="POST")], "v1"), ([prefix("/a", headers={"x-v": "1"})], "v1"), ([prefix("/a", headers={"x-v": "1", "x-w": "1"})], "v2"),
            ([prefix("/a", query={"q": "1"})], "v1"), ([match(path=("RegularExpression", "/re[0-9]+"))], "v2"), ([match(headers={"x-only": ("RegularExpression", "[ab]+")})], "v2")]),
        http_route("deep", ["*.m.example"], [([match()], "v2")]),
        http_route("old", ["t.example"], [([match(headers={"x-a": "1"})], "v1")], created="2026-01-01T00:00:00Z"),
        http_route("a-new", ["t.example"], [([match(headers={"x-b": "1"})], "v2"), ([match(headers={"x-a": "1"})], "v2")], created="2026-02-01T00:00:00Z"),
        http_route("weights", ["w.example"], [([prefix("/")], [("v1", 9), ("v2", 1), ("v1", 0)]), ([prefix("/lost")], [("v1", 1), ("gone", 1)]), ([prefix("/none")], []),
                                              ([prefix("/zero")], [("v1", 0)])]),
        http_route("redirects", ["r.example", "r.alt.example"], [
            ([prefix("/https")], [], [redirect(scheme="https", statusCode=301)]), ([prefix("/host")], [], [redirect(hostname="o.example")]),
            ([prefix("/port")], [], [redirect(port=8443)]), ([prefix("/both")], [], [redirect(scheme="https", port=8443, hostname="o.example")]),
            ([prefix("/usual")], [], [redirect(scheme="http", port=80)]),
            ([prefix("/full")], [], [redirect(path={"type": "ReplaceFullPath", "replaceFullPath": "/new"}, statusCode=308)]),
            ([prefix("/pre")], [], [redirect(path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new/"}, statusCode=307)])], parents=[{"name": "gw"}]),
        http_route("rewrites", ["u.example"], [
            ([prefix("/pre"), prefix("/also")], "v1", [rewrite(("ReplacePrefixMatch", "/new"))]), ([prefix("/root")], "v1", [rewrite(("ReplacePrefixMatch", "/"))]),
            ([prefix("/slash")], "v1", [rewrite(("ReplacePrefixMatch", "/xyz/"))]), ([prefix("/full")], "v1", [rewrite(("ReplaceFullPath", "/one"))]),
            ([prefix("/host")], "v1", [rewrite(None, "inner.example")])]),
        http_route("headers", ["h.example"], [
            ([prefix("/")], "v1", [headers("Request", set={"X-Set": "s %[src]"}, add={"X-Add": "a"}, remove=["X-Gone"]), headers("Response", set={"Server": "khap"}, add={"X-More": "m"}, remove=["X-Powered-By"])]),
            ([prefix("/ref")], [("v1", 1, [headers("Request", set={"X-Ref": "1"})]), ("v2", 1, [headers("Request", set={"X-Ref": "2"})])], [headers("Request", add={"X-Rule": "r"})])]),
        http_route("timeouts", ["o.example"], [([prefix("/")], "v1", [], {"timeouts": {"request": "300ms"}})]),
        http_route("cors", ["c.example"], [([prefix("/")], "v1", [{"type": "CORS", "cors": {"allowOrigins": ["https://app.example"], "allowMethods": ["GET", "PUT"], "maxAge": 60}}])]),
        http_route("secure", ["s.secure.example"], [([match()], "v1")], parents=[{"name": "gw", "sectionName": "https"}]),
        http_route("alt", ["x.alt.example"], [([match()], "v2")], parents=[{"name": "gw", "port": alt}]),
        objects.route("TLSRoute", "passed", [[("tls", 1)]], hostnames=["passed.example"], parents=[{"name": "gw", "sectionName": "pass"}]),
        objects.route("TCPRoute", "db", [[("line", 1)]], parents=[{"name": "gw", "sectionName": "db"}])]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": base + routes})
    http = ports["http"]

    def name(path, host="m.example", given=(), method="GET"):
        return ask(http, path, host, list(given), method).name

    binds = ["frontends.http.bind=127.0.0.1:%d" % http, "frontends.https.bind=127.0.0.1:%d" % ports["https"]]
    proxy = lab.run(text, "bundle", sets=binds, wait=[http, ports["https"], alt, ports["db"]])
    for path, given, method, wanted, why in (
            ("/", (), "GET", "v1", "the prefix / is any path"), ("/ab", (), "GET", "v1", "a prefix is whole elements"), ("/a/x", (), "GET", "v2", "the longer prefix"),
            ("/a/b/x", (), "GET", "v1", "the longest prefix"), ("/a/b/c", (), "GET", "v2", "an exact path before prefixes"), ("/a/b/c/d", (), "GET", "v1", "no exact path"),
            ("/a/x", (), "POST", "v1", "a method before none"), ("/a/x", [("X-V", "1")], "GET", "v1", "a header before none"),
            ("/a/x", [("X-V", "1"), ("X-W", "1")], "GET", "v2", "two headers before one"), ("/a/x", [("X-V", "1"), ("X-W", "1")], "POST", "v1", "a method before headers"),
            ("/a/x?q=1", (), "GET", "v1", "a query parameter before none"), ("/a/x?q=1", [("X-V", "1"), ("X-W", "1")], "GET", "v2", "headers before a query parameter"),
            ("/re12", (), "GET", "v2", "a regular expression"), ("/re12/x", (), "GET", "v1", "of the whole path"),
            ("/q", [("X-Only", "ab")], "GET", "v2", "a header by a regular expression"), ("/q", [("X-Only", "abc")], "GET", "v1", "of the whole value")):
        tap.equal("HTTPRoute: " + why, name(path, "m.example", given, method), wanted)
    tap.equal("HTTPRoute: a wildcard is any depth", (name("/", "a.m.example"), name("/", "a.b.m.example"), name("/", "n.example")), ("v2", "v2", 404))
    tap.equal("HTTPRoute: of equal matches the older route's", name("/", "t.example", [("X-A", "1")]), "v1")
    tap.equal("HTTPRoute: of as many headers the older route's, then the other", (name("/", "t.example", [("X-A", "1"), ("X-B", "1")]), name("/", "t.example", [("X-B", "1")])), ("v1", "v2"))
    drawn = [name("/", "w.example") for _ in range(400)]
    tap.ok("HTTPRoute: weights 9 and 1 (%d of 400)" % drawn.count("v2"), 10 <= drawn.count("v2") <= 90 and set(drawn) == {"v1", "v2"}, drawn.count("v2"))
    lost = [name("/lost", "w.example") for _ in range(60)]
    tap.ok("HTTPRoute: the share of a backend that is not there is 500", set(lost) == {"v1", 500}, lost)
    tap.equal("HTTPRoute: without a backend, or with weight 0 alone, 500", (name("/none", "w.example"), name("/zero", "w.example")), (500, 500))
    for host, port, path, wanted in (
            ("r.example", http, "/https/x?q=1", (301, "https://r.example/https/x?q=1")), ("r.example", http, "/host/x", (302, "http://o.example/host/x")),
            ("r.example", http, "/port", (302, "http://r.example:8443/port")), ("r.example", http, "/both", (302, "https://o.example:8443/both")),
            ("r.example", http, "/usual", (302, "http://r.example/usual")), ("r.example", http, "/full/x?q=1", (308, "http://r.example/new?q=1")),
            ("r.example", http, "/pre/x", (307, "http://r.example/new/x")), ("r.alt.example", alt, "/host/x", (302, "http://o.example:%d/host/x" % alt)),
            ("r.alt.example", alt, "/https", (301, "https://r.alt.example/https"))):
        got = ask(port, path, host)
        tap.equal("HTTPRoute: redirect %s%s" % (host, path), (got.status, "".join(got.header("location"))), wanted)
    for path, wanted in (("/pre/x?q=1", "/new/x?q=1"), ("/pre", "/new"), ("/also/x", "/new/x"), ("/root/x", "/x"), ("/root", "/"), ("/slash/x", "/xyz/x"), ("/full/x?q", "/one?q"), ("/host/x", "/host/x")):
        got = ask(http, path, "u.example")
        tap.equal("HTTPRoute: rewrite %s" % path, (got.json.get("target"), got.asked("host")), (wanted, ["inner.example" if path.startswith("/host") else "u.example"]))
    got = ask(http, "/", "h.example", [("X-Set", "mine"), ("X-Add", "mine"), ("X-Gone", "g")])
    tap.equal("HTTPRoute: request headers", (got.asked("x-set"), got.asked("x-add"), got.asked("x-gone")), (["s %[src]"], ["mine", "a"], []))
    tap.equal("HTTPRoute: response headers", (got.header("server"), got.header("x-more"), got.header("x-powered-by")), (["khap"], ["m"], []))
    said = {(a.name, tuple(a.asked("x-ref")), tuple(a.asked("x-rule"))) for a in (ask(http, "/ref", "h.example") for _ in range(40))}
    tap.equal("HTTPRoute: headers of each backend, and of the rule", said, {("v1", ("1",), ("r",)), ("v2", ("2",), ("r",))})
    lab.stops[0].delay["/slow"] = 1.5
    tap.equal("HTTPRoute: a timeout", (name("/slow", "o.example"), name("/", "o.example")), (504, "v1"))
    got = ask(http, "/", "c.example", [("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT")], "OPTIONS")
    tap.equal("HTTPRoute: CORS", (got.header("access-control-allow-origin"), got.header("access-control-max-age")), (["https://app.example"], ["60"]))
    got = ask(ports["https"], "/", "s.secure.example", tls=True, sni="s.secure.example")
    tap.equal("Gateway: HTTPS ends here, with the listener's certificate", (got.name, lib.subject(ports["https"], "s.secure.example")), ("v1", "shown"))
    tap.equal("Gateway: a route stands only on its listener, by name and by port", (name("/", "s.secure.example"), name("/", "x.alt.example"), ask(alt, "/", "x.alt.example").name), (404, 404, "v2"))
    got = ask(ports["https"], "/", "passed.example", tls=True, sni="passed.example")
    tap.equal("TLSRoute: passed through", (got.name, lib.subject(ports["https"], "passed.example")), ("passed", "inner"))
    client = lib.Client(ports["db"])
    while b"\n" not in client.data:
        client.data += client.sock.recv(1000)
    tap.equal("TCPRoute: connections", json.loads(client.data)["name"], "line")
    client.close()
tap.finish()
