#!/usr/bin/python3
"""Annotations that users of other controllers know, and the ways in which khapgen takes manifests.

- Each row of the table in docs/kubernetes.md: a Service with the other controller's annotation becomes what one with khap.io's becomes, to the byte; where its condition does not
  hold, what one without it becomes; what khap.io says goes before. Every row of the code stands in the table.
- A value that has no counterpart is a note, and nothing else; such annotations alone make no Service served.
- A directory of manifests is what its files are, in every command; check tells errors at the objects that ask for them; migrate writes manifests as they are and says so.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import khapgen  # noqa: E402
import objects  # noqa: E402
import tap  # noqa: E402

KHAPGEN = khapgen.program()
work = tempfile.TemporaryDirectory(prefix="khap-alias.")
os.chdir(work.name)
ROW = re.compile(r"^\| `((?:haproxy\.org|haproxy-ingress\.github\.io)/[a-z-]+)` \| `([^`]*)` \| (?:`(khap\.io/[a-z-]+): ([^`]*)`|what holds anyway) \| (?:`([^`]+)` is (\w+)|-) \|$")
ALLOW = ["--allow", '{"*": {keys: [sendProxy]}}']


def run(*words):
    done = subprocess.run([KHAPGEN, *words], capture_output=True)
    return done.stdout.decode(), done.stderr.decode(errors="replace"), done.returncode


def service(**annotations):
    o = objects.service()
    o["metadata"]["annotations"] = annotations
    return o


def generate(annotations, *words, more=()):
    with open("m.yaml", "w") as f:
        json.dump({"apiVersion": "v1", "kind": "List", "items": [objects.node(), service(**annotations), *more]}, f)
    with open("ground.yaml", "w") as f:
        f.write("certs: [{directory: /etc/ssl/khap}]\n")  # so that https stands
    return run("m.yaml", "ground.yaml", *words)


def table():
    with open(os.path.join(tap.srcdir, "docs/kubernetes.md")) as f:
        rows = [m.groups() for m in map(ROW.match, f.read().splitlines()) if m]
    with open(os.path.join(tap.srcdir, "lib/kube/aliases.c")) as f:
        code = {("haproxy.org/" if who == "TECH" else "haproxy-ingress.github.io/") + name for who, name in re.findall(r'\{(TECH|INGRESS)\s+"([a-z-]+)",\s*"', f.read())}
    tap.equal("the table in docs/kubernetes.md has each of them", {r[0] for r in rows}, code)
    tap.ok("28 at least", len(code) >= 28, len(code))
    plain, _, status = generate({"khap.io/hosts": "a.example"}, *ALLOW)
    for name, value, key, ours, if_name, if_value in rows:
        base = {"khap.io/hosts": "a.example"}
        both = {**base, **({if_name: if_value} if if_name else {})}
        got, err, status = generate({**both, name: value}, *ALLOW)
        want = generate({**base, **({key: ours} if key else {})}, *ALLOW)
        same = ("khap.io/hosts", "a.example")
        tap.ok("%s: %s" % (name, value), status == 0 and want[2] == 0 and got == want[0] and (not key or got != plain or (key, ours) == same or ours in ("http",)), (status, err, want[1]))
        if if_name:
            tap.equal("%s without %s" % (name, if_name), generate({**base, name: value}, *ALLOW)[0], plain)
        if key and key.split("/")[1].split("-")[0] in ("timeouts", "balance"):
            tap.ok("%s: khap.io goes before" % name, generate({**both, name: value, key: "13s" if "timeout" in key else "random"}, *ALLOW)[0]
                   == generate({**base, key: "13s" if "timeout" in key else "random"}, *ALLOW)[0])


def others():
    plain, _, _ = generate({"khap.io/hosts": "a.example"})
    for name, value in (("haproxy-ingress.github.io/proxy-protocol", "v2-ssl"), ("haproxy-ingress.github.io/backend-protocol", "fcgi"), ("haproxy.org/check", "maybe"),
                        ("haproxy.org/load-balance", "{a: b}"), ("haproxy.org/send-proxy-protocol", "proxy-v2")):
        got, err, status = generate({"khap.io/hosts": "a.example", name: value})
        tap.ok("%s: %s is a note" % (name, value), status == 0 and got == plain and "[kube-alias-unheard]" in err and "note" in err, (status, err))
    for name, value in (("haproxy.org/backend-config-snippet", "server evil 192.0.2.66:80"), ("haproxy-ingress.github.io/config-backend", "server evil 192.0.2.66:80"),
                        ("haproxy.org/none", "x")):
        got, err, status = generate({"khap.io/hosts": "a.example", name: value})
        tap.ok("%s says nothing" % name, status == 0 and got == plain and "kube" not in err, (status, err))
    got, err, status = generate({"haproxy.org/load-balance": "nonsense", "haproxy.org/timeout-server": "x"}, more=[])
    tap.ok("alone they make no Service served, and nothing wrong with it", status == 0 and "shop_web_80" not in got, (status, err))
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i", "namespace": "shop", "annotations": {"haproxy-ingress.github.io/rewrite-target": "/app"}},
               "spec": {"ingressClassName": "khap", "rules": [{"host": "i.example", "http": {"paths": [path]}}]}}
    own = json.loads(json.dumps(ingress))
    own["metadata"]["annotations"] = {"khap.io/rewrite-prefix": "/app"}
    got, err, status = generate({}, more=[ingress])
    tap.ok("on an Ingress, for its own routes", status == 0 and got == generate({}, more=[own])[0] and "/app" in got, (status, err))
    got, err, status = generate({"khap.io/hosts": "a.example", "khap.io/time-outs-server": "5s"})
    tap.ok("an unknown khap.io/ key is a warning with the nearest known one", status == 0 and "[kube-unknown-annotation]" in err and "khap.io/timeouts-server" in err, err)


def files():
    os.mkdir("d")
    parts = [objects.node(), service(**{"khap.io/hosts": "a.example"}), objects.service("two", 30081)]
    parts[2]["metadata"]["annotations"] = {"khap.io/hosts": "b.example"}
    for name, o in zip(("b.yaml", "a.json", "c.yml"), parts):
        with open("d/" + name, "w") as f:
            json.dump(o, f)
    with open("d/notes.txt", "w") as f:
        f.write("not: read\n")
    with open("all.yaml", "w") as f:
        f.write("".join("---\n%s\n" % json.dumps(o) for o in parts))
    for words in (["generate"], ["graph"], ["test", "--record"], ["check"]):
        one, err, status = run(*words, "all.yaml")
        many, err2, status2 = run(*words, "d")
        cut, names = re.compile(r"^# .*\n", re.M), re.compile(r"\b(d/[a-c]\.[a-z]+|d|all\.yaml)\b(:\d+)*")
        tap.ok("%s of a directory" % words[0], status == 0 and status2 == 0 and cut.sub("", names.sub("F", many)) == cut.sub("", names.sub("F", one)), (status, status2, err, err2))
    tap.ok("route of a directory", all("shop_two_80" in run("route", d, "http://b.example/")[0] for d in ("d", "d/", "all.yaml")))
    tap.equal("diff of a directory and its files", run("diff", "d", "all.yaml")[2], 0)
    os.mkdir("empty")
    out, err, status = run("empty")
    tap.ok("a directory without any", status == 2 and "[no-maps-in-directory]" in err, err)
    out, err, status = run("check", "all.yaml")
    tap.ok("check of good manifests", status == 0 and "error" not in err, err)
    bare = [{k: v for k, v in parts[1].items()}]
    bare[0] = json.loads(json.dumps(bare[0]))
    del bare[0]["spec"]["ports"][0]["nodePort"]
    with open("bare.yaml", "w") as f:
        json.dump(bare[0], f)
    out, err, status = run("check", "bare.yaml")
    tap.ok("check of a manifest that no cluster has seen: stand-ins", status == 0 and "[kube-stand-in-port]" in err and "[kube-stand-in-node]" in err, (status, err))
    bad = service(**{"khap.io/hosts": "a.example", "khap.io/balance": "nonsense"})
    with open("bad.yaml", "w") as f:
        json.dump(bad, f)
    out, err, status = run("check", "bad.yaml")
    tap.ok("check of one at fault, at its place", status == 2 and "bad.yaml:1:" in err and "[bad-balance]" in err, (status, err))
    with open("map.yaml", "w") as f:
        f.write("nodes: {n: 10.0.0.1}\nservices:\n  web: {nodePort: 30001, hosts: [a.example], extra: \"http-requets deny\"}\n")
    out, err, status = run("check", "map.yaml")
    tap.ok("check of a service map: what HAProxy would say of its own lines", status == 1 and "map.yaml:3:" in err, (status, err))
    out, err, status = run("check", "--fix", "map.yaml")
    tap.ok("--fix is for configurations", status == 2 and "[option-needs]" in err, (status, err))
    with open("all.yaml") as f:
        text = f.read()
    out, err, status = run("migrate", "--from", "2.6", "--to", "3.0", "all.yaml")
    tap.ok("migrate writes manifests as they are, and says so", status == 0 and out == text and "[migrate-manifest]" in err, (status, err))


table()
others()
files()
tap.finish()
