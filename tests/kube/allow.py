#!/usr/bin/python3
"""`allow`: what a namespace may claim.

- Random tables and random claims (annotations, Ingress, HTTPRoute, TLSRoute; hosts, wildcards, any host): who gets a host is what a few lines of Python say, for each host, and a
  claim that is not allowed is in nobody's way, however old it is.
- A namespace that is not listed gets nothing: no host, no address, no listener, no certificate.
- Each key that reaches beyond its object is refused, and taken by the namespaces that the table names it for, and by no other.
- khapd.yaml and --allow read the same; what is wrong with a table is told at its place, and nothing is written.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapgen  # noqa: E402
import objects  # noqa: E402
import tap  # noqa: E402

KHAPGEN = khapgen.program()
DRAW = random.Random(tap.seed("N"))
work = tempfile.TemporaryDirectory(prefix="khap-allow.")
os.chdir(work.name)
NODE = objects.node()


def run(items, allow=None, *words):
    with open("m.yaml", "w") as f:
        json.dump({"apiVersion": "v1", "kind": "List", "items": items}, f)
    done = subprocess.run([KHAPGEN, *(words or ["m.yaml"]), *(["--allow", allow if isinstance(allow, str) else json.dumps(allow)] if allow is not None else [])], capture_output=True)
    return done.stdout.decode(), done.stderr.decode(errors="replace"), done.returncode


def service(name, ns, annotations=None, created=None, **more):
    o = objects.service(name, 30000 + sum(map(ord, ns + name)) % 2000, ns, **more)
    o["metadata"].update({"annotations": annotations or {}, **({"creationTimestamp": created} if created else {})})
    return o


# ---- hosts, against a few lines of Python

def may(table, ns, host):
    if table is None:
        return True
    row = table.get(ns, table.get("*"))
    if row is None:
        return False
    if "hosts" not in row:
        return True
    host = host.lower().rstrip(".")
    for pattern in row["hosts"]:
        pattern = pattern.lower().rstrip(".")
        if pattern == "*" or pattern == host or (pattern.startswith("*.") and host.endswith(pattern[1:]) and host != pattern[2:]):
            return True
    return False


HOSTS = ["a.x.example", "b.x.example", "x.example", "b.a.x.example", "*.x.example", "*.a.x.example", "A.X.Example", "xx.example", "y.example", ""]
PATTERNS = ["*", "*.x.example", "x.example", "*.a.x.example", "a.x.example", "Y.example.", "*.example"]


def claim(n, ns, host, age):
    created = "2024-01-%02dT00:00:00Z" % (1 + age)
    how = DRAW.choice(("hosts", "routes", "ingress") if host else ("routes", "ingress"))
    name = "s%d" % n
    if how == "ingress":
        path = {"path": "/p%d" % n, "pathType": "Exact", "backend": {"service": {"name": name, "port": {"number": 80}}}}
        rule = {"http": {"paths": [path]}, **({"host": host} if host else {})}
        return [service(name, ns), {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "namespace": ns, "creationTimestamp": created},
                                    "spec": {"ingressClassName": "khap", "rules": [rule]}}]
    value = host if how == "hosts" else json.dumps([{"path": "/p%d" % n, **({"host": host} if host else {})}])
    return [service(name, ns, {"khap.io/" + how: value}, created)]


def random_tables(rounds):
    wrong, refusals = [], 0
    for _ in range(rounds):
        table = {ns: ({} if DRAW.random() < 0.2 else {"hosts": DRAW.sample(PATTERNS, DRAW.randrange(0, 4))}) for ns in DRAW.sample(["one", "two", "three", "*"], DRAW.randrange(0, 4))}
        items, claims, young = [NODE], [], {}
        for n in range(6):
            ns, host = DRAW.choice(("one", "two", "three")), DRAW.choice(HOSTS)
            claims.append((n, ns, host))
            items += claim(n, ns, host, n)
        # who would have it if what is not allowed had never been said
        kept = [c for c in claims if may(table, c[1], c[2])]
        for o in items:
            young.setdefault((o["metadata"].get("namespace"), o["metadata"]["name"]), []).append(o)
        alone = [NODE] + [o for n, ns, host in kept for o in young[(ns, "s%d" % n)]]
        out, err, status = run(items, table)
        if not kept:
            refusals += 1
            if status != 0 or "use_backend" in out.replace("use_backend khap-", ""):
                wrong.append((table, claims, status, err[-400:]))
            continue
        want, _, good = run(alone)
        refusals += err.count("[kube-not-allowed]")
        if (status, out) != (good, want) or err.count("[kube-not-allowed]") != len(claims) - len(kept):
            wrong.append((table, claims, status, good, err[-600:]))
    tap.ok("random tables and claims: as if what is not allowed had never been said (%d refused)" % refusals, not wrong and refusals > rounds, "\n".join(map(repr, wrong[:3])))


# ---- nothing for who is not listed

def nothing():
    listed = {"other": {}}
    address = service("db", "shop", type="LoadBalancer", loadBalancerClass="khap.io/haproxy", loadBalancerIP="192.0.2.10", ports=[{"port": 5432, "nodePort": 30001}])
    out, err, status = run([NODE, address], listed)
    tap.ok("no address", status == 0 and "192.0.2.10" not in out and "[kube-not-allowed]" in err, err)
    out, err, status = run([NODE, address], {"shop": {"hosts": []}})
    tap.ok("who is listed has addresses, and hosts as his row says", status == 0 and "192.0.2.10" in out, err)
    tap.ok("nor what can be asked of it", "192.0.2.10" not in run([NODE, address], {}, "graph", "m.yaml")[0])
    gateway = objects.gateway(listeners=[objects.listener("http", 8080), objects.listener("tcp", 5432, "TCP")])
    out, err, status = run([NODE, service("web", "shop"), gateway, objects.http_route(hostnames=["a.example"])], listed)
    tap.ok("no listener, and no route at it", status == 0 and "8080" not in out and "5432" not in out and "a.example" not in out and "(NotAllowed)" in err, err)
    elsewhere = objects.gateway(ns="other", listeners=[objects.listener("http", 8080, allowed={"namespaces": {"from": "All"}})])
    route = objects.http_route(hostnames=["a.example"], parents=[{"name": "gw", "namespace": "other"}])
    out, err, status = run([NODE, service("web", "shop"), elsewhere, route], listed)
    tap.ok("no route at the Gateway of another namespace", status == 0 and "a.example" not in out and "[kube-not-allowed]" in err, err)
    out, err, status = run([NODE, service("web", "shop"), elsewhere, route], {"other": {}, "shop": {"hosts": ["a.example"]}})
    tap.ok("one that may have its hostname", status == 0 and "a.example" in out, err)


# ---- keys

BEYOND = {"sendProxy": ("v2", "send-proxy-v2"), "servers": ('[{name: old, address: 10.9.9.9, port: 8080}]', "10.9.9.9:8080"), "frontends": ("[inner]", "frontend inner"),
          "extra": ("http-request set-header X-Extra 1", "X-Extra"), "default": ("true", "default_backend"), "nodes": ("[node-1]", "node-1"),
          "backendTls.ca": ("/etc/ssl/certs/ca-certificates.crt", "ca-file"), "basicAuth": ('{users: {u: "$5$saltsalt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}', "http-request auth")}
GROUND = "frontends: {http: {}, inner: {bind: ':8081'}}\n"


def keys():
    with open("ground.yaml", "w") as f:
        f.write(GROUND)
    for key, (value, line) in BEYOND.items():
        name = "khap.io/" + "".join("-" + c.lower() if c.isupper() else "-" if c == "." else c for c in key)
        more = {"khap.io/backend-protocol": "https"} if key.startswith("backendTls") else {}
        items = [NODE, service("web", "shop", {"khap.io/hosts": "a.example", name: value, **more})]
        plain, _, _ = run([NODE, service("web", "shop", {"khap.io/hosts": "a.example", **more})], None, "m.yaml", "ground.yaml")
        for what, table, good in (("without a table", None, False), ("with a row that does not name it", {"shop": {"keys": ["check" if key != "default" else "servers"]}}, False),
                                  ("with another's row that does", {"shop": {}, "other": {"keys": [key]}}, False), ("with its row", {"shop": {"keys": [key]}}, True),
                                  ("with the row of all", {"*": {"keys": [key.split(".")[0]]}}, True)):
            out, err, status = run(items, table, "m.yaml", "ground.yaml")
            tap.ok("%s, %s" % (key, what), (status == 0 and line in out) if good else (status == 2 and "[kube-annotation-refused]" in err and out == ""), (status, err, out[-300:] if good else ""))
        tap.ok("%s says something" % key, plain != run(items, {"shop": {"keys": [key]}}, "m.yaml", "ground.yaml")[0] or key == "nodes", plain)
    route = [NODE, service("web", "shop", {"khap.io/routes": '[{host: a.example, sourceRanges: [{file: /etc/hosts}]}]'})]
    tap.ok("a file at a route", run(route)[2] == 2 and run(route, {"shop": {"keys": ["sourceRanges"]}})[2] == 0)


# ---- tables that are wrong, rows of a source

def tables():
    items = [NODE, service("web", "shop", {"khap.io/hosts": "a.example"})]
    for table in ("[", "[a]", "shop", '{shop: a}', '{shop: {host: a}}', '{shop: {hosts: {a: b}}}', '{shop: {keys: [nosuch]}}', '{"a b": {}}', '{"a/b/c": {}}', '{shop: {hosts: [[a]]}}', '{"": {}}',
                  '{shop: }', '{"*x": {}}'):
        out, err, status = run(items, table)
        tap.ok("a table that is none: " + table, status == 2 and out == "" and ("[kube-bad-allow]" in err or "yaml" in err) and "--allow" in err, err)
    out, err, status = run(items, '{prod/shop: {}}')
    tap.ok("a row of a source is not for objects of another", status == 0 and "a.example" not in out and "[kube-not-allowed]" in err, err)
    for words in (["route", "m.yaml", "http://a.example/"], ["graph", "m.yaml"], ["test", "--record", "m.yaml"], ["diff", "m.yaml", "m.yaml"]):
        out, err, status = run(items, "{}", *words)
        tap.ok("khapgen %s takes it" % words[0], "[kube-not-allowed]" in err and "shop_web_80" not in out, (status, out, err))


def of_khapd():
    program = os.environ.get("KHAPD") or os.path.join(tap.builddir, "khapd")
    haproxy = os.environ.get("HAPROXY") or "/usr/sbin/haproxy"
    for needed, package in ((program, "libmicrohttpd-dev, to build it"), (haproxy, "haproxy")):
        if not os.access(needed, os.X_OK):
            return tap.skip("khapd.yaml: needs %s (Debian: package %s)" % (os.path.basename(needed), package))
    for what, allow, hosts in (("without", "", {"a.example", "b.example"}), ("empty", "allow: {}\n", set()), ("rows", "allow:\n  shop:\n    hosts: [a.example]\n", {"a.example"}),
                               ("a row for all", "allow: {shop: {hosts: [b.example]}, '*': {hosts: ['*']}}\n", {"b.example"})):
        with tempfile.TemporaryDirectory(prefix="khap-allow.") as d:
            with open(d + "/m.yaml", "w") as f:
                json.dump({"apiVersion": "v1", "kind": "List", "items": [NODE, service("web", "shop", {"khap.io/hosts": "a.example"}), service("two", "blog", {"khap.io/hosts": "b.example"})]}, f)
            with open(d + "/khapd.yaml", "w") as f:
                f.write("sources: [{files: [%s/m.yaml]}]\n%shaproxy: {binary: %s, directory: %s/khap, reload: {command: ['true']}}\n" % (d, allow, haproxy, d))
            done = subprocess.run([program, "--config", d + "/khapd.yaml", "--once"], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
            maps = "".join(open(os.path.join(d, "khap/current/maps", n)).read() for n in os.listdir(d + "/khap/current/maps"))
            got = {h for h in ("a.example", "b.example") if h in maps}
            tap.ok("khapd.yaml: " + what, done.returncode == 0 and got == hosts, (done.stderr.decode(), got))
    with tempfile.TemporaryDirectory(prefix="khap-allow.") as d:
        with open(d + "/khapd.yaml", "w") as f:
            f.write("sources: [{files: [%s/m.yaml]}]\nallow: {shop: {hosst: a}}\nhaproxy: {directory: %s/khap}\n" % (d, d))
        done = subprocess.run([program, "--config", d + "/khapd.yaml", "--once"], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        tap.ok("khapd.yaml: a table that is none is told at its line", done.returncode == 2 and b"khapd.yaml:2:" in done.stderr and b"kube-bad-allow" in done.stderr, done.stderr)


random_tables(int(os.environ.get("N") or 60))
nothing()
keys()
tables()
of_khapd()
tap.finish()
