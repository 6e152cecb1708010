#!/usr/bin/python3
"""An object at fault: its last valid version serves on, one never valid is left out, and the others are taken as they are.

- Each way to be wrong (what cannot be read, what no key takes, an address that another object has, a Secret with another key, what HAProxy alone refuses):
  the configuration is the one that the same objects give with the last valid version of this one, or without it, to the byte.
- Of two that cannot both be, the one that changed is at fault, or the younger.
- What is left out is told with its owner, in the log and as JSON, and counts again once it is valid.
- Manifests of every shape (documents, a List, JSON, block and flow, aliases) are kept as well.
"""
import base64
import copy
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

try:
    import yaml
except ImportError:
    tap.skip_all("needs yaml (Debian: package python3-yaml)")


def service(name, ns="shop", created="2024-01-01T00:00:00Z", annotations=None, **spec):
    full = {"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": 30000 + sum(map(ord, ns + name)) % 2000}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns, "creationTimestamp": created,
                                                                "annotations": {"khap.io/hosts": name + "." + ns + ".example", **(annotations or {})}}, "spec": full}


def balanced(name, address, created):
    o = service(name, created=created, type="LoadBalancer", loadBalancerClass="khap.io/haproxy", loadBalancerIP=address)
    del o["metadata"]["annotations"]
    return o


NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}}
SHAPES = {
    "documents": lambda objects: yaml.dump_all(objects),
    "a List": lambda objects: yaml.dump({"apiVersion": "v1", "kind": "List", "items": objects}),
    "JSON": lambda objects: json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1),
    "flow": lambda objects: "".join("---\n%s\n" % json.dumps(o) for o in objects),
}


class Place:
    """A folder where khapd --once runs."""

    def __init__(self, binary=None):
        self.folder = tempfile.TemporaryDirectory(prefix="khap-objects.")
        self.dir = self.folder.name
        with open(self.dir + "/khapd.yaml", "w") as f:
            f.write("sources: [{files: [%(d)s/m.yaml]}]\nhaproxy: {binary: %(b)s, directory: %(d)s/khap, reload: {command: ['true']}}\nstate: %(d)s/state\n"
                    "frontends: {http: {bind: '127.0.0.1:8080'}}\n" % {"d": self.dir, "b": binary or lib.HAPROXY})
        self.said = ""

    def once(self, objects, shape="documents"):
        with open(self.dir + "/m.yaml", "w") as f:
            f.write(objects if isinstance(objects, str) else SHAPES[shape](objects))
        done = subprocess.run([khapd.program(), "--config", self.dir + "/khapd.yaml", "--once"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=120)
        self.said = done.stdout.decode(errors="replace")
        return done.returncode

    def bytes(self):
        """All files of what counts."""
        made = {}
        for at, _, names in os.walk(os.path.realpath(self.dir + "/khap/current")):
            for name in names:
                with open(os.path.join(at, name), "rb") as f:
                    made[os.path.relpath(os.path.join(at, name), os.path.realpath(self.dir + "/khap/current"))] = f.read()
        return made


def fresh(objects, binary=None):
    place = Place(binary)
    status = place.once(objects)
    if status != 0:
        tap.note(place.said)
    return place.bytes()


def changed(o, path, value):
    o = copy.deepcopy(o)
    at = o
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return o


def refuser(folder):
    """A HAProxy that refuses one word that khap takes."""
    path = folder + "/haproxy"
    with open(path, "w") as f:
        f.write("#!/bin/sh\nreal=%s\ndir=.; check=\nfor w; do case $last in -C) dir=$w;; esac; [ \"$w\" = -c ] && check=1; last=$w; done\n"
                "if [ -n \"$check\" ] && n=$(grep -n poison \"$dir/haproxy.cfg\" | head -n 1 | cut -d: -f1) && [ -n \"$n\" ]; then\n"
                "  echo \"[ALERT]    (1) : config : parsing [haproxy.cfg:$n] : poison is not taken\" >&2; exit 1\nfi\nexec $real \"$@\"\n" % lib.HAPROXY)
    os.chmod(path, 0o755)
    return path


def one_fault(name, good, bad, others, binary=None, code=None, shape="documents"):
    """`good` and `bad` are two versions of one object."""
    whose = "%s %s/%s" % (good["kind"], good["metadata"]["namespace"], good["metadata"]["name"])
    never, was, place = fresh(others, binary), fresh(others + [good], binary), Place(binary)
    status = place.once(others + [bad], shape)
    tap.ok(name + ": never valid, it is left out", status == 2 and place.bytes() == never and whose + " is left out" in place.said and (not code or code in place.said), place.said)
    tap.ok(name + ": valid, it serves", place.once(others + [good], shape) == 0 and place.bytes() == was, place.said)
    status = place.once([bad] + others, shape)
    tap.ok(name + ": its last valid version serves on", status == 2 and place.bytes() == was and whose + " serves on" in place.said, place.said)
    more = others + [service("new")]
    status = place.once(more + [bad], shape)
    tap.ok(name + ": meanwhile the others change", status == 2 and place.bytes() == fresh(more + [good], binary) and whose + " serves on" in place.said, place.said)
    tap.ok(name + ": deleted, it is gone", place.once(more, shape) == 0 and place.bytes() == fresh(more, binary), place.said)
    tap.ok(name + ": anew, it is one never valid", place.once(more + [bad], shape) == 2 and place.bytes() == fresh(more, binary), place.said)


def ways():
    web, other = service("web"), service("other", "blog")
    base = [NODE, other]
    one_fault("an annotation that is none", web, changed(web, ("metadata", "annotations", "khap.io/balance"), "nonsense"), base)
    one_fault("a List", web, changed(web, ("metadata", "annotations", "khap.io/balance"), "nonsense"), base, shape="a List")
    one_fault("JSON", web, changed(web, ("metadata", "annotations", "khap.io/balance"), "nonsense"), base, shape="JSON")
    one_fault("flow", web, changed(web, ("metadata", "annotations", "khap.io/headers"), "{request"), base, shape="flow")
    one_fault("an annotation that reaches beyond it", web, changed(web, ("metadata", "annotations", "khap.io/default"), "true"), base)
    one_fault("a port that cannot be read", web, changed(web, ("spec", "ports", 0, "nodePort"), "many"), base)
    one_fault("no such port", web, changed(web, ("metadata", "annotations", "khap.io/port"), "nope"), base)
    one_fault("what HAProxy alone refuses", web, changed(web, ("metadata", "annotations", "khap.io/headers"), "{request: {set: {X-A: poison}}}"), base, refuser(work.name))
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i", "namespace": "shop"},
               "spec": {"ingressClassName": "khap", "rules": [{"host": "i.example", "http": {"paths": [path]}}]}}
    one_fault("an Ingress", ingress, changed(ingress, ("spec", "rules", 0, "http", "paths", 0, "pathType"), "Sometimes"), base + [web])


def two():
    old, young = balanced("old", "192.0.2.10", "2023-01-01T00:00:00Z"), balanced("young", "192.0.2.11", "2024-06-01T00:00:00Z")
    same = changed(young, ("spec", "loadBalancerIP"), "192.0.2.10")
    place = Place()
    tap.ok("two at one address: the younger is left out", place.once([same, NODE, old]) == 2 and place.bytes() == fresh([NODE, old]) and "Service shop/young" in place.said, place.said)
    tap.ok("two at two addresses", place.once([NODE, old, young]) == 0, place.said)
    moved = changed(old, ("spec", "loadBalancerIP"), "192.0.2.11")
    tap.ok("who comes to the address of another one stays where he was", place.once([NODE, moved, young]) == 2 and place.bytes() == fresh([NODE, old, young])
           and "Service shop/old serves on" in place.said, place.said)
    lie = changed(moved, ("metadata", "creationTimestamp"), "1999-01-01T00:00:00Z")
    tap.ok("however old he says he is", place.once([NODE, lie, young]) == 2 and place.bytes() == fresh([NODE, old, young]), place.said)


def many():
    good = [service("s%d" % i, "n%d" % i) for i in range(40)]
    bad = [changed(s, ("metadata", "annotations", "khap.io/" + ("balance", "timeouts-server", "routes", "check-interval")[i % 4]), "[") for i, s in enumerate(good)]
    mixed = [b if i % 2 else g for i, (g, b) in enumerate(zip(good, bad))]
    place = Place()
    tap.ok("twenty of forty are never valid", place.once([NODE] + mixed) == 2 and place.bytes() == fresh([NODE] + good[::2]) and place.said.count("is left out") == 20, place.said)
    tap.ok("all are valid", place.once([NODE] + good) == 0, place.said)
    tap.ok("twenty are valid no more", place.once([NODE] + mixed) == 2 and place.bytes() == fresh([NODE] + good) and place.said.count("serves on") == 20, place.said)


def aliases():
    """What another document says by an anchor cannot be kept on its own; the others are."""
    text = """apiVersion: v1
kind: List
items:
- %s
- apiVersion: v1
  kind: Service
  metadata: &m {name: web, namespace: shop, annotations: {khap.io/hosts: a.example}}
  spec: &s {type: NodePort, ports: [{port: 80, nodePort: 30001}]}
- apiVersion: v1
  kind: Service
  metadata: {name: two, namespace: shop, annotations: {khap.io/hosts: "*.b.example", khap.io/balance: %s}}
  spec: *s
- apiVersion: v1
  kind: Service
  metadata: {name: three, namespace: shop, annotations: {khap.io/hosts: "*.c.example", khap.io/balance: %s}}
  spec: {type: NodePort, ports: [{port: 80, nodePort: 30003}]}
"""
    place = Place()
    tap.ok("aliases", place.once(text % (json.dumps(NODE), "leastconn", "leastconn")) == 0, place.said)
    tap.ok("aliases: an object at fault beside it", place.once(text % (json.dumps(NODE), "leastconn", "x")) == 2 and "Service shop/three serves on" in place.said, place.said)
    tap.ok("aliases: again", place.once(text % (json.dumps(NODE), "leastconn", "y")) == 2 and "Service shop/three serves on" in place.said, place.said)


def secrets():
    openssl = tap.need("openssl", "openssl")
    pem = {}
    for name in ("a", "b"):
        crt, key = work.name + "/" + name + ".crt", work.name + "/" + name + ".key"
        subprocess.run([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "100", "-subj", "/CN=a.example", "-keyout", key,
                        "-out", crt], check=True, stderr=subprocess.DEVNULL)
        pem[name] = [base64.b64encode(open(path, "rb").read()).decode() for path in (crt, key)]
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i", "namespace": "shop"},
               "spec": {"ingressClassName": "khap", "tls": [{"secretName": "tls", "hosts": ["a.example"]}], "rules": [{"host": "a.example", "http": {"paths": [path]}}]}}

    def secret(crt, key):
        return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "tls", "namespace": "shop"}, "data": {"tls.crt": crt, "tls.key": key}}
    base = [NODE, service("web"), ingress]
    place = Place()
    tap.ok("a Secret", place.once(base + [secret(*pem["a"])]) == 0 and len([n for n in place.bytes() if n.startswith("certs/")]) == 1, place.said)
    was = place.bytes()
    for what, crt, key in (("another key", pem["b"][0], pem["a"][1]), ("no PEM", "eA==", "eA=="), ("no Base64", "%%%", "%%%"), ("nothing", "", "")):
        tap.ok("a Secret with %s: the old certificate stays" % what, place.once(base + [secret(crt, key)]) == 2 and place.bytes() == was and "Secret shop/tls serves on" in place.said,
               place.said)
    tap.ok("another good one counts", place.once(base + [secret(*pem["b"])]) == 0 and place.bytes() != was, place.said)
    place = Place()
    tap.ok("never valid, the others are served", place.once(base + [secret(pem["b"][0], pem["a"][1])]) == 2 and b"shop_web_80" in place.bytes()["haproxy.cfg"], place.said)


def told():
    """A khapd that runs says it over HTTP."""
    with lib.Lab() as lab:
        k = khapd.Khapd(lab, "told", files="%s, %s/told/m.yaml" % (lab.dir + "/told/map.yaml", lab.dir))
        bad = changed(service("web"), ("metadata", "annotations", "khap.io/balance"), "nonsense")
        with open(k.dir + "/m.yaml", "w") as f:
            f.write(yaml.dump_all([bad, service("other")]))
        try:
            k.start()
            k.start_haproxy()
            tap.ok("the map beside it is served", k.serves("a.example"), k.why())
            said = [o for o in k.objects() if o.get("object") == "Service shop/web"]
            tap.ok("/objects has it", len(said) == 1 and said[0]["accepted"] is False and said[0]["kept"] is False and said[0]["code"] == "bad-balance"
                   and "nonsense" in said[0]["reason"] and said[0]["line"] > 0, said)
            tap.equal("and the metrics", (k.metric("refused"), k.metric("objects_set_aside")), (1, 1))
            with open(k.dir + "/m.yaml", "w") as f:
                f.write(yaml.dump_all([service("web"), service("other")]))
            tap.ok("valid, it counts", khapd.soon(lambda: k.metric("objects_set_aside") == 0) and any(o.get("service") == "shop_web_80" for o in k.objects()), k.why())
        finally:
            k.stop()


lib.need_haproxy()
khapd.program()
work = tempfile.TemporaryDirectory(prefix="khap-objects.")
ways()
two()
many()
aliases()
secrets()
told()
tap.finish()
