#!/usr/bin/python3
"""Manifests: what strangers write leaves neither its word nor its object.

- Every string that a namespace may write (annotations, hosts, paths, names of ports, protocols, ranges, addresses, labels) is given values with line ends,
  quotes, YAML, format strings, 1 MB: either khapgen refuses, or the configuration has the sections that a harmless value gives, and HAProxy takes it.
- Each key of the service map that is a path of a file, raw lines, or another object's, is refused as an annotation, bare and nested, in each of its places.
- Documents, lists, JSON and files in any order give the same configuration.
- A host goes to one namespace only, the oldest claim's, however it is written.
- Certificates of Secrets are checked, secret in the bundle, and shown for hosts of their own namespace only.
- What a cluster alone knows is made up in route, test, diff and graph, and missing in generate.

`make check-manifests` tries every value in every place.
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

try:
    import yaml
except ImportError:
    tap.skip_all("needs yaml (Debian: package python3-yaml)")

KHAPGEN = khapgen.program()
HAPROXY = os.environ.get("HAPROXY") or shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
DRAW = random.Random(tap.seed("KHAP_MANIFESTS"))
FULL = os.environ.get("KHAP_MANIFESTS") == "full"
work = tempfile.TemporaryDirectory(prefix="khap-kube.")
os.chdir(work.name)
SECTION = re.compile(rb"^(global|defaults|frontend|backend|listen|userlist|peers|mailers|resolvers|cache|program|fcgi-app|http-errors|ring|log-forward"
                     rb"|crt-store|traces|log-profile|acme|healthcheck)\b.*$", re.M)


def node(name="node-1", **labels):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}


def service(name="web", ns="shop", annotations=None, created=None, **spec):
    full = {"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": 30080}], **spec}
    metadata = {"name": name, "namespace": ns, "annotations": {"khap.io/hosts": name + "." + ns + ".example"} if annotations is None else annotations}
    if created:
        metadata["creationTimestamp"] = created
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": full}


def ingress(name="i", ns="shop", host="i.example", path="/", path_type="Prefix", to="web", port=None, created=None, annotations=None, **spec):
    metadata = {"name": name, "namespace": ns, "annotations": annotations or {}}
    if created:
        metadata["creationTimestamp"] = created
    backend = {"service": {"name": to, "port": port or {"number": 80}}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata,
            "spec": {"ingressClassName": "khap", "rules": [{"host": host, "http": {"paths": [{"path": path, "pathType": path_type, "backend": backend}]}}], **spec}}


def run(text, *words):
    """Standard output, standard error, exit status of khapgen reading `text` (bytes, or objects) from a file."""
    if not isinstance(text, bytes):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": text}).encode()
    with open("m.yaml", "wb") as f:
        f.write(text)
    done = subprocess.run([KHAPGEN, *(words or ["m.yaml"])], capture_output=True)
    return done.stdout, done.stderr.decode(errors="replace"), done.returncode


def sections(cfg):
    return [m.group(0) for m in SECTION.finditer(cfg)]


# ---- hostile values

EVIL = ["\n", "\r\n", "a\nbackend evil\n    server evil 192.0.2.66:80\n", "\"", "'", "\\", "a\" b", "a' b", "#", " # x", "%[env(HOME)]", "%s%n", "${HOME}", "$HOME",
        "{", "}", "[", "]", "{a: b}", "[a, b", "*", "&a *a", "!!binary x", "<<", "a: b", "- a", ", ", ",,,", "---", "...", "? a", "| x", "> x", "\t", "\x7f", "\u0085",
        "\u2028a", "\u2029", "\ufeff", "\u00e9", "if TRUE", "} || { always_true", "../../etc/passwd", "/etc/shadow", "0", "-1", "99999999999", "true", "~", "", "a" * 300]
LONG = ["a" * (1 << 20), "[" * 20000, "{a: " * 20000, "a," * 100000, "[&a [1, 1], *a, " + "*a, " * 2000 + "]"]


def places():
    """name, and objects with the value in this place"""
    keys = ["hosts", "port", "class", "check-path", "check-host", "check", "check-expect", "headers", "cookie", "cookie-name", "rewrite", "rewrite-prefix", "redirect",
            "redirect-path", "respond-body", "respond-content-type", "cors", "cors-origins", "source-ranges", "deny-ranges", "hsts", "timeouts-server", "balance", "hash-header",
            "backend-protocol", "backend-tls-sni", "compression-types", "rate-limit", "agent-check-send", "maintenance", "retry-on", "routes", "no-such-key"]
    for key in keys:
        yield "khap.io/" + key, lambda v, key=key: [service(annotations={"khap.io/hosts": "web.shop.example", "khap.io/" + key: v})]
    for key in ("haproxy.org/load-balance", "haproxy.org/allow-list", "haproxy.org/set-host", "haproxy.org/check", "haproxy.org/cookie-persistence", "haproxy.org/timeout-server",
                "haproxy.org/send-proxy-protocol", "haproxy-ingress.github.io/rewrite-target", "haproxy-ingress.github.io/backend-protocol"):
        yield key, lambda v, key=key: [service(annotations={"khap.io/hosts": "web.shop.example", key: v})]
    yield "haproxy.org/", lambda v: [service(annotations={"khap.io/hosts": "web.shop.example", "haproxy.org/" + v: "x"})]
    yield "header value", lambda v: [service(annotations={"khap.io/hosts": "web.shop.example", "khap.io/headers": json.dumps({"request": {"set": {"X-A": v}}})})]
    yield "header name", lambda v: [service(annotations={"khap.io/hosts": "web.shop.example", "khap.io/headers": json.dumps({"request": {"set": {v: "a"}}})})]
    yield "route host", lambda v: [service(annotations={"khap.io/routes": json.dumps([{"host": v, "path": "/a"}])})]
    yield "route path", lambda v: [service(annotations={"khap.io/routes": json.dumps([{"host": "web.shop.example", "path": v}])})]
    yield "route regex", lambda v: [service(annotations={"khap.io/routes": json.dumps([{"host": "web.shop.example", "path": v, "pathType": "Regex"}])})]
    yield "route match", lambda v: [service(annotations={"khap.io/routes": json.dumps([{"host": "web.shop.example", "match": {"headers": {"X-A": v}, "query": {v: "b"}}}])})]
    yield "annotation name", lambda v: [service(annotations={"khap.io/hosts": "web.shop.example", "khap.io/" + v: "x"})]
    yield "Service name", lambda v: [service(name=v, annotations={"khap.io/hosts": "web.shop.example"})]
    yield "namespace", lambda v: [service(ns=v, annotations={"khap.io/hosts": "web.shop.example"})]
    yield "port name", lambda v: [service(ports=[{"name": v, "port": 80, "nodePort": 30080}])]
    yield "protocol", lambda v: [service(ports=[{"protocol": v, "port": 80, "nodePort": 30080}])]
    yield "appProtocol", lambda v: [service(ports=[{"appProtocol": v, "port": 80, "nodePort": 30080}])]
    yield "nodePort", lambda v: [service(ports=[{"port": 80, "nodePort": v}])]
    yield "type", lambda v: [service(type=v)]
    yield "creationTimestamp", lambda v: [service(created=v)]
    yield "loadBalancerIP", lambda v: [service(annotations={}, type="LoadBalancer", loadBalancerClass="khap.io/haproxy", loadBalancerIP=v)]
    yield "loadBalancerSourceRanges", lambda v: [service(type="LoadBalancer", loadBalancerClass="khap.io/haproxy", loadBalancerSourceRanges=[v])]
    yield "Ingress host", lambda v: [service(annotations={}), ingress(host=v)]
    yield "Ingress path", lambda v: [service(annotations={}), ingress(path=v)]
    yield "Ingress pathType", lambda v: [service(annotations={}), ingress(path_type=v)]
    yield "Ingress service", lambda v: [service(), ingress(to=v)]
    yield "Ingress port", lambda v: [service(), ingress(port={"name": v})]
    yield "Ingress class", lambda v: [service(), ingress(ingressClassName=v)]
    yield "Ingress annotation", lambda v: [service(), ingress(annotations={"khap.io/headers": v, "khap.io/rewrite-prefix": v})]
    yield "node label", lambda v: [service(), node(name="node-2", **{"zone": v, v: "a"})]
    yield "node name", lambda v: [service(), node(name=v)]
    yield "node address", lambda v: [service(), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-2"},
                                                 "status": {"addresses": [{"type": "InternalIP", "address": v}]}}]


# All that may begin a section, whatever is refused: what khapgen always writes, and what this one Service may ask for.
ALLOWED = re.compile(rb"^(global|defaults|frontend (http|https)|backend (khap-404|khap-503)|(frontend khap-|backend |backend khap-)[a-z0-9.-]*shop[a-z0-9.-]*_[a-z0-9.-]+_80"
                     rb"|backend [A-Za-z0-9.-]+_[A-Za-z0-9.-]+_80)$")


def hostile():
    refused = taken = 0
    checked = []
    for name, make in places():
        wrong = []
        values = EVIL + LONG if FULL else DRAW.sample(EVIL, 2) + ([DRAW.choice(LONG)] if DRAW.random() < 0.1 else [])
        for value in values:
            out, err, status = run([node()] + make(value))
            if status == 2:
                refused += 1
                if out or not re.search(r"m\.yaml:\d+:\d+: error: ", err):
                    wrong.append((value[:80], "refused without a place", err[:300]))
                continue
            taken += 1
            if status != 0:
                wrong.append((value[:80], "exit status %d" % status, err[:300]))
            elif not all(ALLOWED.match(s) for s in sections(out)) or b"192.0.2.66" in re.sub(rb"'[^']*'|\"[^\"]*\"", b"", out):
                wrong.append((value[:80], "sections", sections(out)))
            elif len(out) < 200000:
                checked.append((name, value[:80], out))
        tap.ok("%s: stays in its word" % name, not wrong, "\n".join(map(repr, wrong[:5])))
    tap.ok("some values are refused (%d) and some are taken (%d)" % (refused, taken), refused > 20 and taken > 20)
    if not HAPROXY:
        tap.skip("HAProxy is not asked: needs haproxy (Debian: package haproxy)")
        return
    different = {}
    for name, value, out in checked:
        different.setdefault(re.sub(rb"^# Written.*\n", b"", out), (name, value))
    some = list(different.items())
    DRAW.shuffle(some)
    asked = some[:60 if FULL else 6]
    wrong = []
    for out, (name, value) in asked:
        with open("h.cfg", "wb") as f:
            f.write(out)
        done = subprocess.run([HAPROXY, "-c", "-f", "h.cfg"], capture_output=True, text=True)
        if done.returncode != 0:
            wrong.append((name, value, done.stderr[:300]))
    tap.ok("HAProxy takes what is written (%d of %d asked)" % (len(asked), len(some)), some and not wrong, "\n".join(map(repr, wrong[:5])))


# ---- what reaches beyond the object

def kebab(key):
    return re.sub("[A-Z]", lambda m: "-" + m.group(0).lower(), key).replace(".", "-")


def rows():
    with open(os.path.join(tap.srcdir, "lib", "model", "keys.tsv"), encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                path, kind, _, _, annotation, _, example, _ = line.rstrip("\n").split("\t")
                yield path, kind, annotation, example


def beyond():
    """Every row of a service that no annotation may say, as an annotation of its own and below each object that may be one."""
    table = list(rows())
    closed = {"default", "frontends", "nodes", "sendProxy", "servers", "bind", "extra", "split", "backend", "canary", "basicAuth", "jwt"}
    wrong = []
    tried = 0
    for path, kind, annotation, _ in table:
        if not path.startswith("services.*.") or "*" in path[11:] or "[]" in path:
            continue
        key = path[11:]
        if annotation == "yes" and key.split(".")[0] not in closed and not kind.startswith(("file", "lines")):
            continue
        forms = [{"khap.io/" + kebab(key): "/etc/shadow"}]
        parts = key.split(".")
        for depth in range(1, len(parts)):
            inner = "/etc/shadow"
            for part in reversed(parts[depth:]):
                inner = {part: inner}
            forms.append({"khap.io/" + kebab(".".join(parts[:depth])): json.dumps(inner)})
        for form in forms:
            tried += 1
            out, err, status = run([node(), service(annotations={"khap.io/hosts": "a.example", **form})])
            if status != 2 or "[kube-annotation-refused]" not in err or out:
                wrong.append((form, status, err[:200]))
    for path, kind, annotation, _ in table:  # in lists, and below routes
        if path.startswith("services.*.routes[].") and path[20:].split(".")[0].split("[")[0] in ("split", "backend") and "." not in path[20:]:
            tried += 1
            out, err, status = run([node(), service(annotations={"khap.io/routes": json.dumps([{"host": "a.example", path[20:]: "x"}])})])
            if status != 2 or "[kube-annotation-refused]" not in err:
                wrong.append((path, status, err[:200]))
        if kind.startswith("file") and path.startswith("services.*.") and path.endswith("[].file"):
            key = path[11:].split("[")[0]
            for form in ({"khap.io/" + kebab(key): '[{"file": "/etc/shadow"}]'}, {"khap.io/" + kebab(key): '{"file": "/etc/shadow"}'},
                         {"khap.io/routes": json.dumps([{"host": "a.example", key: [{"file": "/etc/shadow"}]}])},
                         {"khap.io/" + kebab(key): "[&a {file: /etc/shadow}, *a]"}, {"khap.io/" + kebab(key): "[{<<: {file: /etc/shadow}}]"}):
                tried += 1
                out, err, status = run([node(), service(annotations={"khap.io/hosts": "b.example", **form})])
                if status != 2 or out:
                    wrong.append((form, status, err[:200]))
    tap.ok("what reaches beyond the object is refused, in %d ways" % tried, tried > 40 and not wrong, "\n".join(map(repr, wrong[:10])))


def allowed():
    """Each example of a row that an annotation may say is taken, or refused for another reason than that."""
    wrong = []
    tried = 0
    for path, kind, annotation, example in rows():
        key = path[11:]
        if not path.startswith("services.*.") or annotation != "yes" or "*" in key or "[]" in key or example == "-":
            continue
        if key.split(".")[0] in ("default", "frontends", "nodes", "sendProxy") or kind.startswith("file"):
            continue
        value = yaml.safe_load(example)
        forms = [json.dumps(value) if isinstance(value, (list, dict)) else example.strip('"')]
        if kind.startswith("list(") and isinstance(value, list) and all(isinstance(v, (str, int)) for v in value):
            forms.append(",".join(map(str, value)))
        got = []
        for form in forms:
            tried += 1
            out, err, status = run([node(), service(annotations={"khap.io/hosts": "web.shop.example", "khap.io/" + kebab(key): form})])
            got.append(re.sub(rb"^# .*\n", b"", out, flags=re.M))
            if "kube-annotation-refused" in err or "kube-unknown-annotation" in err or "wrong-type" in err:
                wrong.append((key, form, err[:200]))
        if len(set(got)) > 1 and key != "routes":
            wrong.append((key, forms, "differ"))
    tap.ok("each key that an annotation may say is one (%d)" % tried, tried > 80 and not wrong, "\n".join(map(repr, wrong[:10])))


# ---- the same objects, written otherwise

def orders():
    objects = [node("node-%d" % i) for i in range(3)]
    for i in range(6):
        ns = "team-%d" % (i % 3)
        objects.append(service("web%d" % i, ns, {"khap.io/hosts": "a%d.example" % i + (", shared.example" if i < 3 else "")}, created="2026-01-0%dT00:00:00Z" % (1 + i % 4)))
        objects.append(ingress("in%d" % i, ns, host="shared%d.example" % (i % 2), path="/p%d" % i, to="web%d" % i, created=None if i % 2 else "2026-01-02T00:00:00Z"))

    def body(*words):
        return re.sub(rb"^# .*\n", b"", subprocess.run([KHAPGEN, *words], capture_output=True).stdout, flags=re.M)
    first = None
    wrong = []
    for turn in range(12):
        DRAW.shuffle(objects)
        if turn % 3 == 0:
            with open("a.yaml", "w") as f:
                json.dump({"apiVersion": "v1", "kind": "List", "items": objects}, f)
            words = ["a.yaml"]
        elif turn % 3 == 1:
            with open("a.yaml", "w") as f:
                f.write(yaml.safe_dump_all(objects))
            words = ["a.yaml"]
        else:
            words = []
            for i, o in enumerate(objects):
                with open("o%d.json" % i, "w") as f:
                    json.dump(o, f, indent=2)
                words.append("o%d.json" % i)
        got = body(*words)
        first = first or got
        if got != first:
            wrong.append(turn)
    tap.ok("lists, documents and files in any order give the same", first and not wrong, wrong)
    owners = {}
    for o in [o for o in objects if o["kind"] == "Service"]:
        if "shared.example" in o["metadata"]["annotations"].get("khap.io/hosts", ""):
            key = (o["metadata"]["creationTimestamp"], o["metadata"]["namespace"], o["metadata"]["name"])
            owners[key] = o["metadata"]["namespace"]
    oldest = owners[min(owners)]
    lines = [line for line in first.decode().splitlines() if "use_backend" in line and re.search(r" shared\.example\b", line)]
    tap.ok("a shared host is the oldest claim's", lines and all("use_backend " + oldest + "_" in line for line in lines), lines)


def claims():
    wrong = []
    for spelled in ("x.example", "X.EXAMPLE", "x.example.", "X.Example."):
        for how in ("hosts", "routes", "ingress"):
            first = service("a", "one", {"khap.io/hosts": "x.example"}, created="2026-01-01T00:00:00Z")
            if how == "ingress":
                thief = [service("b", "two", {}), ingress("b", "two", host=spelled, to="b", created="2026-01-02T00:00:00Z")]
            else:
                value = spelled if how == "hosts" else json.dumps([{"host": spelled, "path": "/p"}])
                thief = [service("b", "two", {"khap.io/" + how: value}, created="2026-01-02T00:00:00Z")]
            out, err, status = run([node()] + thief + [first])
            if b"two_b_80" in out or (status == 0 and "[kube-host-claimed]" not in err):
                wrong.append((spelled, how, status, err[:200]))
    tap.ok("nobody takes a host of another namespace", not wrong, "\n".join(map(repr, wrong[:5])))
    objects = [node(), service("b", "one", {"khap.io/hosts": "x.example, x.example"}, created="2026-01-02T00:00:00Z"),
               service("a", "one", {"khap.io/routes": '[{host: X.example, path: /}, {host: x.example, path: /p}]'}, created="2026-01-01T00:00:00Z"),
               ingress("c", "one", "x.example", "/p/", to="b")]
    out, err, status = run(objects)
    tap.ok("of equal routes of one namespace the oldest stands", status == 0 and err.count("[kube-route-twice]") == 2 and b"use_backend one_b_80" not in out, err)
    for first, second, refused in (("*.x.example", "a.x.example", True), ("*.x.example", "b.a.x.example", True), ("*.x.example", "*.a.x.example", True), ("*.x.example", "x.example", False),
                                   ("*.x.example", "ax.example", False), ("a.x.example", "*.x.example", False), ("*.a.x.example", "*.x.example", False)):
        objects = [node(), service("b", "two", {"khap.io/hosts": second}, created="2026-01-02T00:00:00Z"), service("a", "one", {"khap.io/hosts": first}, created="2026-01-01T00:00:00Z")]
        out, err, status = run(objects)
        tap.ok("%s behind %s of another namespace" % (second, first), status == 0 and ("[kube-host-claimed]" in err) == refused and (b"two_b_80" in out) != refused, err)
    objects = [node(), service("a", "one", {}), ingress("a", "one", "*.x.example", to="a", created="2026-01-01T00:00:00Z"), service("b", "two", {"khap.io/hosts": "b.a.x.example"})]
    out, err, status = run(objects)
    tap.ok("a wildcard of an Ingress is one label", status == 0 and b"two_b_80" in out and "claimed" not in err, err)
    out, err, status = run([node(), service("a", "one", {"khap.io/hosts": "x.example"}), service("b", "one", {"khap.io/routes": '[{host: x.example, path: /p}]'})])
    tap.ok("one namespace shares its hosts", status == 0 and b"use_backend one_b_80" in out and "claimed" not in err, err)


def stand_ins():
    bare = [service(ports=[{"port": 80}])]
    out, err, status = run(bare)
    tap.ok("generate says that there is no node port", status == 2 and "[kube-no-node-port]" in err and not out, err)
    for words in (["route", "m.yaml", "http://web.shop.example/"], ["diff", "m.yaml", "m.yaml"], ["graph", "m.yaml"]):
        out, err, status = run(bare, *words)
        tap.ok("%s makes it up, and says so" % words[0], status == 0 and "[kube-stand-in-port]" in err and "[kube-stand-in-node]" in err, (out, err, status))
    with open("t.yaml", "w") as f:
        f.write("tests:\n- {url: http://web.shop.example/, expect: {backend: shop_web_80}}\n")
    out, err, status = run(bare, "test", "m.yaml", "t.yaml")
    tap.ok("test does, too", status == 0 and "[kube-stand-in-port]" in err, (out, err, status))
    with open("ground.yaml", "w") as f:
        f.write("nodes: {n: 10.9.9.9}\n")
    out, err, status = run(bare, "route", "m.yaml", "ground.yaml", "http://web.shop.example/")
    tap.ok("the nodes of a map beside it are nodes", status == 0 and "[kube-stand-in-node]" not in err and b"10.9.9.9" in out, (out, err, status))


def names():
    """What a service map beside the objects says is not replaced."""
    def beside(text, objects):
        with open("ground.yaml", "w") as f:
            f.write(text)
        return run(objects, "m.yaml", "ground.yaml")
    out, err, status = beside("services: {shop_web_80: {servers: [{name: s, address: 10.9.9.9, port: 80}], hosts: [mine.example]}}\n", [node(), service()])
    tap.ok("a service of the map stays", status == 0 and "[kube-name-taken]" in err and b"10.9.9.9" in out and b"30080" not in out and b"web.shop.example" not in out, (out, err))
    out, err, status = beside("nodes: {node-1: 10.9.9.9}\n", [node(), service()])
    tap.ok("a node of the map stays", status == 0 and "[kube-name-taken]" in err and b"10.9.9.9" in out and b"10.0.0.1" not in out, (out, err))
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r", "namespace": "shop"},
             "spec": {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}}
    gateway = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw", "namespace": "shop"},
               "spec": {"gatewayClassName": "khap", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]}}
    for name in ("shop_web_80_gateway", "shop_r_http-0_http"):
        out, err, status = beside('services: {"%s": {servers: [{name: s, address: 10.9.9.9, port: 80}], hosts: [mine.example]}}\n' % name, [node(), service(annotations={}), gateway, route])
        tap.ok("so does %s" % name, status == 0 and ("[kube-name-taken]" in err or "BackendNotFound" in err) and b"10.9.9.9" in out and b"30080" not in out
               and out.count(b"use_backend %s " % name.encode()) == 1, (out, err))


# ---- certificates from Secrets

def certificates():
    openssl = shutil.which("openssl")
    if not openssl:
        tap.skip("certificates: needs openssl (Debian: package openssl)")
        return
    pem = {}
    for name in ("a.example", "b.example"):
        subprocess.run([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "100", "-subj", "/CN=" + name,
                        "-addext", "subjectAltName=DNS:" + name, "-keyout", "k.pem", "-out", "c.pem"], check=True, stderr=subprocess.DEVNULL)
        pem[name] = (open("c.pem").read(), open("k.pem").read())

    def secret(name, ns, crt, key, plain=False, kind="kubernetes.io/tls"):
        data = {"tls.crt": crt, "tls.key": key}
        if not plain:
            data = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": ns}, "type": kind, "stringData" if plain else "data": data}

    def bundle(objects):
        shutil.rmtree("out", ignore_errors=True)
        _, err, status = run(objects, "--output-dir", "out", "m.yaml")
        lists = b"".join(open(os.path.join("out", f), "rb").read() for f in sorted(os.listdir("out")) if "crt-list" in f) if status == 0 else b""
        return err, status, lists

    good = secret("good", "one", *pem["a.example"])
    owner = [node(), service("web", "one", {}), ingress("i", "one", "a.example", created="2026-01-01T00:00:00Z", tls=[{"hosts": ["A.example"], "secretName": "good"}])]
    for plain in (False, True):
        err, status, lists = bundle(owner + [secret("good", "one", *pem["a.example"], plain=plain)])
        path = os.path.join("out", "certs", "one_good.pem")
        tap.ok("a Secret is a certificate of the bundle%s" % (", as stringData" if plain else ""),
               status == 0 and open(path).read() == "".join(pem["a.example"]) and b"one_good.pem a.example" in lists, err)
        tap.equal("and a secret there", os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0, 0o600)
    if HAPROXY:
        done = subprocess.run([HAPROXY, "-C", "out", "-c", "-f", "haproxy.cfg"], capture_output=True, text=True)
        tap.ok("HAProxy takes it", done.returncode == 0, done.stderr)
    out, err, status = run(owner + [good])
    tap.ok("one file cannot carry it", status == 2 and "[needs-side-file]" in err and not out, err)
    out, err, status = run(owner + [good], "route", "m.yaml", "https://a.example/")
    tap.ok("route is asked all the same", status == 0 and b"one_web_80" in out, err)
    for name, crt, key in (("another key", pem["a.example"][0], pem["b.example"][1]), ("no certificate", "x", pem["a.example"][1]), ("no key", pem["a.example"][0], ""),
                           ("a broken one", pem["a.example"][0][:200], pem["a.example"][1]), ("lines of HAProxy", "global\n  daemon\n", "backend evil\n")):
        err, status, lists = bundle(owner + [secret("good", "one", crt, key)])
        tap.ok("%s is left out and told" % name, status == 0 and "[kube-bad-secret]" in err and b"one_good" not in lists, err)
    err, status, lists = bundle(owner + [secret("good", "one", *pem["a.example"], kind="Opaque")])
    tap.ok("so is a Secret of another type", status == 0 and "[kube-bad-secret]" in err and not lists, err)
    err, status, lists = bundle(owner + [secret("good", "two", *pem["a.example"])])
    tap.ok("nobody reaches a Secret of another namespace", status == 0 and "[kube-no-secret]" in err and not lists, err)
    thief = [service("web", "two", {}), secret("mine", "two", *pem["b.example"]),
             ingress("t", "two", "b.example", created="2026-01-02T00:00:00Z", tls=[{"hosts": ["a.example", "b.example"], "secretName": "mine"}])]
    err, status, lists = bundle(owner + [good] + thief)
    tap.ok("nobody shows a certificate for a host of another namespace", status == 0 and b"two_mine.pem b.example\n" in lists and lists.count(b"a.example") == 1, (err, lists))


hostile()
beyond()
allowed()
orders()
claims()
stand_ins()
names()
certificates()
tap.finish()
