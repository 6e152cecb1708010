#!/usr/bin/python3
"""The Gateway API from manifests: which route stands where, and the reason when it does not.

- A table of objects: the reasons that are told, and where requests go.
- Random HTTPRoutes against the standard's order of precedence, worked out here from its text. CONFIGS and SEED give more of them.
"""
import base64
import json
import os
import random
import re
import shutil
import subprocess
import tempfile

import khapgen
import tap
from objects import gateway, http_route, listener, match, node, route, service

KHAPGEN = khapgen.program()
DRAW = random.Random(tap.seed("CONFIGS"))
work = tempfile.TemporaryDirectory(prefix="khap-gateway.")
os.chdir(work.name)
REASON = re.compile(r"warning: (\w+) ([\w/.-]+)(?:, listener (\S+))?(?: at Gateway (\S+))? .*\((\w+)\) \[kube-")


def run(items, *words):
    with open("m.json", "w") as f:
        json.dump({"apiVersion": "v1", "kind": "List", "items": items}, f)
    return subprocess.run([KHAPGEN, *(words or ["m.json"])], capture_output=True, text=True)


def where(items, url):
    """The backend that a request finds, or the status."""
    out = run(items, "route", "m.json", url)
    words = out.stdout.split("\n")[0].split()
    return words[1] if len(words) > 1 else out.stdout + out.stderr


# ---- reasons

def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def grant(ns, kind, from_ns, to="Service", name=None):
    return {"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": "g", "namespace": ns},
            "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": from_ns}],
                     "to": [{"group": "", "kind": to, **({"name": name} if name else {})}]}}


def gateway_class(name, controller="khap.io/haproxy"):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name}, "spec": {"controllerName": controller}}


def cross(ns="shop", name="web", kind="HTTPRoute", route_ns="team"):
    made = http_route("r", ["a.example"], ns=route_ns, parents=[{"name": "gw", "namespace": "shop"}])
    made["spec"]["rules"][0]["backendRefs"][0].update(name=name, namespace=ns)
    return made


def allowed(**namespaces):
    return [listener("http", 80, allowed={"namespaces": namespaces})]


def ref(**more):
    made = http_route("r", ["a.example"])
    made["spec"]["rules"][0]["backendRefs"][0].update(more)
    return made


def filtered(*filters, **more):
    return http_route("r", ["a.example"], [([], "web", list(filters), more)])


TEAM = [node(), service(), service(ns="team")]
BASE = [node(), service(), gateway()]
OWN = {"parents": [{"name": "gw", "namespace": "shop"}]}
CORS = {"type": "CORS", "cors": {"allowOrigins": ["*"], "allowHeaders": ["*"]}}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
TABLE = [  # what, objects, reasons, http://a.example/ leads to
    ("a class by its controller", [node(), service(), gateway_class("x"), gateway(gateway_class="x"), http_route()], [], "shop_web_80_gateway"),
    ("a class of another controller is not touched", [node(), service(), gateway_class("khap", "other.io/c"), gateway(), http_route()], [], "404"),
    ("a parent that is not ours is not judged", [node(), service(), gateway(gateway_class="other"), http_route()], [], "404"),
    ("a parent of another kind is not judged", BASE + [http_route(parents=[{"kind": "Service", "group": "", "name": "gw"}])], [], "404"),
    ("a listener that is not there", BASE + [http_route(parents=[{"name": "gw", "sectionName": "x"}])], ["NoMatchingParent"], "404"),
    ("a port that is not there", BASE + [http_route(parents=[{"name": "gw", "port": 81}])], ["NoMatchingParent"], "404"),
    ("a listener by name and port", BASE + [http_route(parents=[{"name": "gw", "sectionName": "http", "port": 80}])], [], "shop_web_80_gateway"),
    ("routes of other namespaces are not taken", TEAM + [gateway(), http_route(ns="team", **OWN)], ["NotAllowedByListeners"], "404"),
    ("unless all are", TEAM + [gateway(listeners=allowed(**{"from": "All"})), http_route(ns="team", **OWN)], [], "team_web_80_gateway"),
    ("or they are selected", TEAM + [namespace("team", x="1"), gateway(listeners=allowed(**{"from": "Selector", "selector": {"matchLabels": {"x": "1"}}})), http_route(ns="team", **OWN)], [],
     "team_web_80_gateway"),
    ("which others are not", TEAM + [namespace("team", x="2"), gateway(listeners=allowed(**{"from": "Selector", "selector": {"matchLabels": {"x": "1"}}})), http_route(ns="team", **OWN)],
     ["NotAllowedByListeners"], "404"),
    ("a namespace by its name", TEAM + [gateway(listeners=allowed(**{"from": "Selector", "selector": {"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team"]}, {"key": "no", "operator": "DoesNotExist"}, {"key": "no", "operator": "NotIn", "values": ["x"]}]}})),
        http_route(ns="team", **OWN)], [], "team_web_80_gateway"),
    ("an expression that does not hold", TEAM + [gateway(listeners=allowed(**{"from": "Selector", "selector": {"matchExpressions": [{"key": "no", "operator": "Exists"}]}})),
                                                 http_route(ns="team", **OWN)], ["NotAllowedByListeners"], "404"),
    ("a kind that is not allowed", [node(), service(), gateway(listeners=[listener("http", 80, allowed={"kinds": [{"kind": "GRPCRoute"}]})]), http_route()], ["NotAllowedByListeners"], "404"),
    ("a kind that a protocol does not have", [node(), service(), gateway(listeners=[listener("http", 80, allowed={"kinds": [{"kind": "TCPRoute"}, {"kind": "HTTPRoute"}]})]), http_route()],
     ["InvalidRouteKinds"], "shop_web_80_gateway"),
    ("no hostname in common", [node(), service(), gateway(listeners=[listener("http", 80, hostname="*.b.example")]), http_route(hostnames=["a.example", "b.example"])],
     ["NoMatchingListenerHostname"], "404"),
    ("an exact hostname below the listener's wildcard", [node(), service(), gateway(listeners=[listener("http", 80, hostname="*.example")]), http_route(hostnames=["a.example", "b.test"])], [],
     "shop_web_80_gateway"),
    ("the listener's hostname below the route's wildcard", [node(), service(), gateway(listeners=[listener("http", 80, hostname="a.example")]), http_route(hostnames=["*.example"])], [],
     "shop_web_80_gateway"),
    ("which is all that it gets", [node(), service(), gateway(listeners=[listener("http", 80, hostname="b.example")]), http_route(hostnames=["*.example"])], [], "404"),
    ("a Service that is not there", BASE + [ref(name="gone")], ["BackendNotFound"], "500"),
    ("a port that a Service does not have", BASE + [ref(port=81)], ["BackendNotFound"], "500"),
    ("a Service without node ports", [node(), service(type="ClusterIP"), gateway(), ref()], ["BackendNotFound"], "500"),
    ("a backend of another kind", BASE + [ref(kind="ConfigMap")], ["InvalidKind"], "500"),
    ("a backend of another group", BASE + [ref(group="x.io")], ["InvalidKind"], "500"),
    ("a Service of another namespace", TEAM + [gateway(listeners=allowed(**{"from": "All"})), cross()], ["RefNotPermitted"], "500"),
    ("which a ReferenceGrant gives", TEAM + [gateway(listeners=allowed(**{"from": "All"})), cross(), grant("shop", "HTTPRoute", "team")], [], "shop_web_80_gateway"),
    ("by its name", TEAM + [gateway(listeners=allowed(**{"from": "All"})), cross(), grant("shop", "HTTPRoute", "team", name="web")], [], "shop_web_80_gateway"),
    ("and no other one", TEAM + [gateway(listeners=allowed(**{"from": "All"})), cross(), grant("shop", "HTTPRoute", "team", name="x")], ["RefNotPermitted"], "500"),
    ("nor to another kind", TEAM + [gateway(listeners=allowed(**{"from": "All"})), cross(), grant("shop", "GRPCRoute", "team")], ["RefNotPermitted"], "500"),
    ("nor to another namespace", TEAM + [gateway(listeners=allowed(**{"from": "All"})), cross(), grant("shop", "HTTPRoute", "other")], ["RefNotPermitted"], "500"),
    ("nor in another namespace", TEAM + [gateway(listeners=allowed(**{"from": "All"})), cross(), grant("team", "HTTPRoute", "team")], ["RefNotPermitted"], "500"),
    ("a filter that HAProxy cannot do", BASE + [filtered({"type": "RequestMirror", "requestMirror": {}})], ["UnsupportedValue"], "404"),
    ("a filter of somebody's own", BASE + [filtered({"type": "ExtensionRef", "extensionRef": {}})], ["UnsupportedValue"], "404"),
    ("in one rule of two", BASE + [http_route("r", ["a.example"], [([match(("PathPrefix", "/x"))], "web"), ([match(("PathPrefix", "/"))], "web", [{"type": "ExtensionRef"}])])], ["UnsupportedValue"], "500"),
    ("CORS with any header", BASE + [filtered(CORS)], ["UnsupportedValue"], "404"),
    ("a redirect with a rewrite", BASE + [filtered(REDIRECT, {"type": "URLRewrite", "urlRewrite": {"hostname": "b.example"}})], ["IncompatibleFilters"], "404"),
    ("a timeout that is none", BASE + [filtered(timeouts={"request": "1d"})], ["UnsupportedValue"], "404"),
    ("no timeout", BASE + [filtered(timeouts={"request": "0s"})], [], "shop_r_http-0-0"),
    ("a path that is none", BASE + [http_route("r", ["a.example"], [([match(("PathPrefix", "a b"))], "web")])], ["UnsupportedValue"], "404"),
    ("a protocol that HAProxy does not speak", [node(), service(), gateway(listeners=[listener("dns", 53, "UDP")])], ["ListenersNotValid", "UnsupportedProtocol"], "404"),
    ("two protocols at a port", [node(), service(), gateway(listeners=[listener("a", 80), listener("b", 80, "TCP")]), http_route()], ["ProtocolConflict"], "shop_web_80_gateway"),
    ("two listeners with a hostname", [node(), service(), gateway(listeners=[listener("a", 80), listener("b", 80)]), http_route()], ["HostnameConflict"], "shop_web_80_gateway"),
    ("of two Gateways the older has the port", [node(), service(), gateway("z", created="2026-01-01T00:00:00Z"), gateway("a", listeners=[listener("a", 80, "TCP")], created="2026-01-02T00:00:00Z"),
                                                http_route(parents=[{"name": "z"}])], ["ListenersNotValid", "ProtocolConflict"], "shop_web_80_gateway"),
    ("two Gateways share a port", [node(), service(), gateway(), gateway("other"), http_route(parents=[{"name": "gw"}, {"name": "other"}])], [], "shop_web_80_gateway"),
    ("HTTPS without a certificate", [node(), service(), gateway(listeners=[listener("a", 80), listener("s", 443, "HTTPS")]), http_route()], ["InvalidCertificateRef"], "shop_web_80_gateway"),
    ("HTTPS without its Secret", [node(), service(), gateway(listeners=[listener("a", 80), listener("s", 443, "HTTPS", tls={"certificateRefs": [{"name": "x"}]})]), http_route()],
     ["InvalidCertificateRef"], "shop_web_80_gateway"),
    ("a Secret of another namespace", [node(), service(), gateway(listeners=[listener("a", 80), listener("s", 443, "HTTPS", tls={"certificateRefs": [{"name": "x", "namespace": "team"}]})]), http_route()],
     ["RefNotPermitted"], "shop_web_80_gateway"),
    ("HTTPS that is passed through", [node(), service(), gateway(listeners=[listener("a", 80), listener("s", 443, "HTTPS", tls={"mode": "Passthrough"})]), http_route()], ["UnsupportedValue"],
     "shop_web_80_gateway"),
    ("TLS at another port", [node(), service(), gateway(listeners=[listener("a", 80), listener("s", 8443, "TLS", tls={"mode": "Passthrough"})]), http_route()], ["PortUnavailable"], "shop_web_80_gateway"),
    ("certificates of clients", [node(), service(), gateway(listeners=[listener("a", 80), listener("s", 443, "HTTPS")], tls={"frontend": {"default": {"validation": {}}}}), http_route()],
     ["UnsupportedValue"], "shop_web_80_gateway"),
    ("an address by name", [node(), service(), gateway(addresses=[{"type": "Hostname", "value": "x"}]), http_route()], ["UnsupportedAddress", "NoMatchingParent"], "404"),
    ("an address that is none", [node(), service(), gateway(addresses=[{"value": "x y"}]), http_route()], ["AddressNotUsable", "NoMatchingParent"], "404"),
    ("HTTPRoute and GRPCRoute with a host", BASE + [http_route(hostnames=["*.example"], created="2026-01-01T00:00:00Z"), route("GRPCRoute", "g", ["web"], ["a.example"])], ["HostnameConflict"],
     "shop_web_80_gateway"),
    ("of which the older counts", BASE + [http_route(hostnames=["*.example"]), route("GRPCRoute", "g", ["web"], ["a.example"], created="2026-01-01T00:00:00Z")], ["HostnameConflict"],
     "shop_web_80_grpc"),
    ("a host of another namespace", TEAM + [gateway(listeners=allowed(**{"from": "All"})), http_route(hostnames=["a.example"], created="2026-01-01T00:00:00Z"),
                                            http_route("thief", hostnames=["a.example"], ns="team", **OWN)], ["HostClaimed"], "shop_web_80_gateway"),
    ("TCP has one backend", [node(), service(), gateway(listeners=[listener("t", 5432, "TCP")]), route("TCPRoute", "t", [[("web", 1), ("web", 2)]])], ["UnsupportedValue"], "404"),
    ("TCP to what is not there", [node(), service(), gateway(listeners=[listener("t", 5432, "TCP")]), route("TCPRoute", "t", ["gone"])], ["BackendNotFound", "UnsupportedValue"], "404"),
    ("TCP on HTTP", BASE + [route("TCPRoute", "t", ["web"])], ["NotAllowedByListeners"], "404"),
    ("a second TCPRoute", [node(), service(), gateway(listeners=[listener("t", 5432, "TCP")]), route("TCPRoute", "t", ["web"]), route("TCPRoute", "u", ["web"])], ["HostClaimed"], "404"),
    ("TLS without a hostname", [node(), service(), gateway(listeners=[listener("t", 443, "TLS", tls={"mode": "Passthrough"})]), route("TLSRoute", "t", ["web"])], ["UnsupportedValue"], "404"),
    ("an older version of the API", BASE + [{**http_route(), "apiVersion": "gateway.networking.k8s.io/v1beta1"}], [], "shop_web_80_gateway"),
    ("the same kind of another group", BASE + [{**http_route(), "apiVersion": "x.io/v1"}], [], "404"),
]


def reasons():
    for what, objects, wanted, leads_to in TABLE:
        out = run(objects)
        told = sorted(m.group(5) for m in map(REASON.search, out.stderr.splitlines()) if m)
        tap.ok("%s: %s" % (what, ", ".join(wanted) or "well"), out.returncode == 0 and told == sorted(wanted), (told, out.stderr[:600]))
        got = where(objects, "http://a.example/")
        tap.ok("%s: leads to %s" % (what, leads_to), got == leads_to, got)


def grpc():
    """service and method of a GRPCRoute as a path."""
    rules = [{"matches": [{"method": m}], "backendRefs": [{"name": n, "port": 80}]} for n, m in (
        ("both", {"service": "a.B", "method": "C"}), ("service", {"service": "a.B"}), ("method", {"method": "D"}),
        ("regex", {"type": "RegularExpression", "service": "x[0-9]|y", "method": "M|N"}))] + [{"backendRefs": [{"name": "rest", "port": 80}]}]
    objects = [node(), gateway(), *(service(n) for n in ("both", "service", "method", "regex", "rest")), route("GRPCRoute", "g", rules, ["a.example"])]
    for path, wanted in (("/a.B/C", "both"), ("/a.B/X", "service"), ("/q/D", "method"), ("/q/Dx", "rest"), ("/x1/N", "regex"), ("/y/M", "regex"), ("/x1/NN", "rest"), ("/xM", "rest"), ("/a.BC/D", "method")):
        tap.equal("GRPCRoute: %s" % path, where(objects, "http://a.example" + path), "shop_%s_80_grpc" % wanted)
    out = run(objects)
    tap.ok("GRPCRoute: HTTP/2 to the servers", out.stdout.count("proto h2") == 5, out.stdout)


def addresses():
    """A Gateway with addresses stands there alone."""
    def at(name, *values, port=80):
        return gateway(name, listeners=[listener("l", port)], addresses=[{"type": "IPAddress", "value": v} for v in values])
    objects = [node(), service(), at("one", "192.0.2.10", "2001:db8::1"), at("two", "192.0.2.11"), http_route("a", ["a.example"], parents=[{"name": "one"}]),
               http_route("b", ["a.example"], parents=[{"name": "two"}])]
    out = run(objects, "--set", "frontends.http=false", "m.json")
    binds = re.findall(r"^    bind (\S+)", out.stdout, re.M)
    tap.ok("listeners at addresses", out.returncode == 0 and not out.stderr and sorted(binds) == ["192.0.2.10:80", "192.0.2.11:80", "[2001:db8::1]:80"], (binds, out.stderr))
    out = run([node(), service(), at("one", "192.0.2.10", port=8080), at("two", port=8080), http_route(parents=[{"name": "one"}])])
    tap.ok("an address and all addresses cannot share a port", "(PortUnavailable)" in out.stderr and out.stdout.count("bind 192.0.2.10:8080") == 1 and "bind :8080" not in out.stdout, out.stderr)


# ---- the order of precedence

HOSTS = ["a.example", "b.example", "*.example", "*.a.example", None]
PATHS = [("PathPrefix", "/"), ("PathPrefix", "/a"), ("PathPrefix", "/a/b"), ("PathPrefix", "/a/"), ("Exact", "/a"), ("Exact", "/a/b"), ("Exact", "/")]


def draw_match():
    return match(DRAW.choice(PATHS), DRAW.choice([None, None, "GET", "POST"]), {h: "1" for h in DRAW.sample(["x-a", "x-b", "x-c"], DRAW.choice([0, 0, 1, 2]))},
                 {q: "1" for q in DRAW.sample(["p", "q"], DRAW.choice([0, 0, 0, 1, 2]))})


def draw_routes():
    made = []
    for i in range(DRAW.randint(1, 5)):
        hosts = DRAW.sample(HOSTS, DRAW.randint(1, 3))
        rules = [([draw_match() for _ in range(DRAW.randint(0, 3))], "s%d-%d" % (i, k)) for k in range(DRAW.randint(1, 3))]
        made.append(http_route("r%d" % DRAW.randint(0, 9) + "-%d" % i, [] if None in hosts else hosts, rules,
                               created=DRAW.choice([None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])))
    return made


def holds(m, request):
    kind, value = (m.get("path", {}).get("type", "PathPrefix"), m.get("path", {}).get("value", "/"))
    path = request["path"]
    prefix = value.rstrip("/")
    good = path == value if kind == "Exact" else path == prefix or path.startswith(prefix + "/")
    return good and m.get("method", request["method"]) == request["method"] and all(h["name"] in request["headers"] for h in m.get("headers", ())) and \
        all(q["name"] in request["query"] for q in m.get("queryParams", ()))


def order(m):
    path = m.get("path", {"type": "PathPrefix", "value": "/"})
    return (path["type"] != "Exact", -len(path["value"].rstrip("/")), "method" not in m, -len(m.get("headers", ())), -len(m.get("queryParams", ())))


def expected(routes, request):
    """The Service of the rule that the standard's order puts first. The most specific hostname decides, then routes without one."""
    host = request["host"]
    named = {h for r in routes for h in r["spec"].get("hostnames", ())}
    best = [h for h in named if h == host] or sorted((h for h in named if h[0] == "*" and host.endswith(h[1:])), key=len, reverse=True)[:1]
    for level in [set(best), None]:
        found = []
        for r in routes:
            hosts = r["spec"].get("hostnames")
            if hosts is None if level is not None else hosts is not None:
                continue
            if level is not None and not level & set(hosts):
                continue
            age = (r["metadata"].get("creationTimestamp") or "~", r["metadata"]["name"])
            for i, rule in enumerate(r["spec"]["rules"]):
                for m in rule.get("matches") or [{}]:
                    if holds(m, request):
                        found.append((order(m), age, i, rule["backendRefs"][0]["name"]))
        if found:
            return min(found)[3]
    return None


def precedence():
    configs = int(os.environ.get("CONFIGS") or 25)
    wrong = []
    asked = 0
    for _ in range(configs):
        routes = draw_routes()
        services = {ref["name"] for r in routes for rule in r["spec"]["rules"] for ref in rule["backendRefs"]}
        tests = []
        for _ in range(40):
            request = {"host": DRAW.choice(["a.example", "b.example", "c.example", "x.a.example", "y.x.a.example", "z.test"]), "path": DRAW.choice(["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/q"]),
                       "method": DRAW.choice(["GET", "POST", "PUT"]), "headers": DRAW.sample(["x-a", "x-b", "x-c"], DRAW.randint(0, 3)), "query": DRAW.sample(["p", "q"], DRAW.randint(0, 2))}
            wanted = expected(routes, request)
            query = "&".join(q + "=1" for q in request["query"])
            tests.append({"url": "http://%s%s%s" % (request["host"], request["path"], "?" + query if query else ""), "method": request["method"],
                          "headers": {h: "1" for h in request["headers"]}, "expect": {"backend": "shop_%s_80_gateway" % wanted} if wanted else {"status": 404}})
        with open("t.yaml", "w") as f:
            json.dump({"tests": tests}, f)
        out = run([node(), gateway(), *map(service, services)] + routes, "test", "m.json", "t.yaml")
        asked += len(tests)
        if out.returncode != 0:
            wrong.append((out.stdout[:1500], out.stderr[:500], json.dumps(routes)))
    tap.ok("%d requests to %d configurations go the standard's way" % (asked, configs), not wrong, "\n".join(map(str, wrong[0])) if wrong else "")


reasons()
grpc()
addresses()
precedence()
tap.finish()
